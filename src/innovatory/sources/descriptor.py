"""The descriptor of a source: which files it has and how its records were gathered."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from innovatory.errors import SourceError
from innovatory.records import Coder, Design, Source, valid_id

DESCRIPTOR = "source.toml"
UNDECLARED = "the design was not declared"
_TEXTS = (
    "id",
    "title",
    "population",
    "licence",
    "attribution",
    "url",
    "gathered",
    "notes",
)
_KEYS = frozenset(_TEXTS) | {
    "design",
    "synthetic",
    "files",
    "prefix",
    "reader",
    "mapping",
    "path",
    "coders",
    "coded_at_random",
}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A source with its files and how they are read.

    `files` are absolute and in import order (records before codings); `prefix` is put before
    every record id of the source; `reader` '' means by file kind and content; `renamed` gives
    for a coder's id in the files the one the ledger knows, which is also that in `coders`;
    `codebook` is the version that answers are to which say none themselves. `coded_at_random`,
    where the records that come with codings were drawn at random from all of the source, is the
    id of that draw.
    """

    source: Source
    files: tuple[Path, ...]
    prefix: str = ""
    reader: str = ""
    mapping: Path | None = None
    coders: tuple[Coder, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    codebook: str = ""
    coded_at_random: str = ""


def describe(path: Path, *, default: Source | None = None) -> Descriptor:
    """The descriptor of a source.toml, of a folder, or of a single file.

    A folder's or file's own source.toml applies. Without one, a folder stands for every file in
    it that a reader knows, and the source is `default` or, failing that, one whose design was not
    declared and therefore counts as convenience.

    Raises `SourceError` where there is nothing to read or the descriptor is wrong.
    """
    path = Path(path).absolute()
    if path.is_dir():
        own = path / DESCRIPTOR
        return _load(own) if own.is_file() else _undeclared(path, _files_of(path), default)
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file or folder; check the path")
    if path.name == DESCRIPTOR or path.suffix == ".toml":
        return _load(path)
    own = path.parent / DESCRIPTOR
    if own.is_file():
        return replace(_load(own), files=(path,))
    return _undeclared(path, (path,), default)


def identifier(text: str) -> str:
    """A text as an id: lower case, everything but a-z and 0-9 a hyphen.

    >>> identifier("Living Labs (2022)")
    'living-labs-2022'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:100] or "source"


def _undeclared(path: Path, files: tuple[Path, ...], default: Source | None) -> Descriptor:
    if default is not None:
        return Descriptor(default, files)
    name = path.name if path.is_dir() else path.stem
    return Descriptor(Source(identifier(name), name, notes=UNDECLARED), files)


def _files_of(folder: Path) -> tuple[Path, ...]:
    """The files of a folder that stand for themselves, records before codings."""
    from innovatory.sources.cordis_tables import is_companion
    from innovatory.sources.registry import reader_of

    package = folder / "datapackage.json"
    if package.is_file():
        return (package,)
    known = [
        item
        for item in sorted(folder.iterdir())
        if item.is_file()
        and not item.name.startswith(".")
        and not is_companion(item)
        and reader_of(item) is not None
    ]
    if not known:
        raise SourceError(f"{folder}: no file in it is of a known kind; see docs/formats.md")
    return tuple(sorted(known, key=lambda item: (_holds_codings(item), item.name)))


def _holds_codings(path: Path) -> bool:
    """Whether the first line of a JSON Lines file is about a coder and not a record."""
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        return False
    with path.open("rb") as stream:
        start = stream.readline(1 << 16)
    return b'"coder"' in start or (b'"fact"' in start and b'"title"' not in start)


def _load(path: Path) -> Descriptor:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceError(f"{path}: is not TOML ({error}); correct it") from error
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise SourceError(f"{path}: {unknown[0]!r} is not known; use {known}")
    source = _source(table, path)
    folder = (path.parent / _text(table, "path", path)).resolve()
    if not folder.is_dir():
        raise SourceError(f"{path}: path {str(table.get('path'))!r} is no folder; correct it")
    coders, renamed = _coders(table.get("coders", {}), path)
    names = table.get("files")
    if names is not None and not (
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    ):
        raise SourceError(f'{path}: files must be a list of names, as in ["records.jsonl"]')
    prefix = _text(table, "prefix", path)
    if prefix and not valid_id(prefix):
        raise SourceError(f"{path}: prefix {prefix!r} cannot begin an id; use a-z, 0-9 and '-'")
    draw = _text(table, "coded_at_random", path)
    if draw and not valid_id(draw):
        raise SourceError(f"{path}: coded_at_random {draw!r} cannot be the id of a draw")
    mapping = _text(table, "mapping", path)
    files = _files_of(folder) if names is None else tuple(_inside(folder, n, path) for n in names)
    return Descriptor(
        source,
        files,
        prefix,
        _text(table, "reader", path),
        # The mapping belongs to the descriptor and lies beside it, wherever the data are.
        _inside(path.parent.resolve(), mapping, path) if mapping else None,
        coders,
        renamed,
        coded_at_random=draw,
    )


def _source(table: Mapping[str, Any], path: Path) -> Source:
    texts = {key: _text(table, key, path) for key in _TEXTS}
    texts["id"] = texts["id"] or identifier(path.parent.name)
    texts["title"] = texts["title"] or texts["id"]
    if not valid_id(texts["id"]):
        raise SourceError(f"{path}: id {texts['id']!r} cannot be an id; use a-z, 0-9 and '-'")
    design = Design.CONVENIENCE
    if "design" in table:
        try:
            design = Design(_text(table, "design", path))
        except ValueError as error:
            allowed = ", ".join(Design)
            raise SourceError(f"{path}: design must be one of {allowed}") from error
    else:
        texts["notes"] = "; ".join(filter(None, (texts["notes"], UNDECLARED)))
    synthetic = table.get("synthetic", False)
    if not isinstance(synthetic, bool):
        raise SourceError(f"{path}: synthetic must be true or false")
    return Source(**texts, design=design, synthetic=synthetic)


def _text(table: Mapping[str, Any], key: str, path: Path) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or "\0" in value:
        raise SourceError(f"{path}: {key} must be text in quotes")
    return value


def _inside(folder: Path, name: str, path: Path) -> Path:
    """A file named by a descriptor; one that lies outside its folder is refused."""
    file = (folder / name).resolve()
    if not file.is_relative_to(folder):
        raise SourceError(f"{path}: {name!r} lies outside {folder.name!r}; move it there")
    if not file.is_file():
        raise SourceError(f"{path}: there is no file {name!r}; correct the name")
    return file


def _coders(tables: Any, path: Path) -> tuple[tuple[Coder, ...], dict[str, str]]:
    if not isinstance(tables, dict):
        raise SourceError(f"{path}: coders must be tables, as in [coders.coder-a]")
    coders, renamed = [], {}
    for name, table in tables.items():
        if not isinstance(table, dict) or table.keys() - {"id", "kind", "label", "version"}:
            raise SourceError(f"{path}: coders.{name} takes id, kind, label and version")
        texts = {key: _text(table, key, path) for key in table}
        coder = Coder(**({"id": name} | texts))
        if not valid_id(coder.id):
            raise SourceError(f"{path}: coders.{name}: {coder.id!r} cannot be an id")
        coders.append(coder)
        if coder.id != name:
            renamed[name] = coder.id
    return tuple(coders), renamed
