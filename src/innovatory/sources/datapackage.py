"""Data Packages (datapackage.json, versions 1 and 2): their local CSV and JSON resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from innovatory.errors import MappingError, SourceError
from innovatory.records import Reject, Row
from innovatory.sources import native, tables
from innovatory.sources.lines import byte_lines, open_bytes
from innovatory.sources.mapping import ColumnMapping, load_mapping
from innovatory.sources.reader import XML_LIMIT, Fault, Names, Reader, Seen, excerpt, listed

if TYPE_CHECKING:
    from innovatory.sources.descriptor import Descriptor

NAME = "datapackage.json"
_Object = tuple[int, dict[str, Any], str, Fault | None]


def sniff(path: Path) -> bool:
    """Whether a file is the descriptor of a Data Package, by its name."""
    return path.name == NAME


def read(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """The facts and rejects of all resources of a Data Package, in their order.

    Only files inside the package's folder are read: addresses and paths that lead out of it are
    rejects. Columns are mapped by the descriptor's mapping or named as fields already.
    """
    package = _json(path)
    resources = package.get("resources") if isinstance(package, dict) else None
    if not isinstance(resources, list) or not resources:
        raise SourceError(f"{path.name}: has no list of resources; correct it")
    mapping = load_mapping(descriptor.mapping) if descriptor.mapping else None
    names = Names.of(descriptor)
    for position, resource in enumerate(resources):
        yield from _resource(resource, position, path, mapping=mapping, names=names)


def _json(path: Path) -> Any:
    if path.stat().st_size > XML_LIMIT:
        raise SourceError(f"{path.name}: is larger than {XML_LIMIT:,} bytes; split it")
    try:
        return msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise SourceError(f"{path.name}: is not JSON ({error}); correct it") from error


def _resource(
    resource: Any, position: int, path: Path, *, mapping: ColumnMapping | None, names: Names
) -> Iterator[Row | Reject]:
    field = f"resources.{position}"

    def refused(where: str, reason: str, next_step: str, shown: Any) -> Reject:
        return Reject(path.name, 0, where, reason, next_step, excerpt=excerpt(shown))

    if not isinstance(resource, dict):
        yield refused(field, "is not an object", "write {...}", resource)
        return
    places = resource.get("path")
    for place in places if isinstance(places, list) else [places]:
        if not isinstance(place, str) or not place:
            reason = "has no path (data inside the descriptor are not read)"
            yield refused(f"{field}.path", reason, "put the data into a file", resource)
            continue
        file, reason = _local(place, path.parent)
        if file is None:
            yield refused(f"{field}.path", reason, "put the file inside the package", place)
            continue
        try:
            yield from _file(file, resource, name=place, mapping=mapping, names=names)
        except MappingError:
            raise
        except (SourceError, OSError) as error:
            yield refused(f"{field}.path", str(error), "correct the resource", place)


def _local(place: str, folder: Path) -> tuple[Path | None, str]:
    """The file that a resource's path means, or None and why it is refused.

    >>> _local("https://a.org/x.csv", Path("."))[1], _local("../x.csv", Path("."))[1]
    ('is an address; nothing is fetched', 'leads out of the package')
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", place) or place.startswith("//"):
        return None, "is an address; nothing is fetched"
    if "\0" in place or "\\" in place or place.startswith(("/", "~")):
        return None, "leads out of the package"
    root = folder.resolve()
    file = (root / place).resolve()
    if ".." in Path(place).parts or not file.is_relative_to(root):
        return None, "leads out of the package"
    if not file.is_file():
        return None, "is not there"
    return file, ""


def _file(
    file: Path,
    resource: dict[str, Any],
    *,
    name: str,
    mapping: ColumnMapping | None,
    names: Names,
) -> Iterator[Row | Reject]:
    """The facts and rejects of one file of a resource."""
    form = str(resource.get("format") or file.suffix.lstrip(".")).lower()
    if form in ("csv", "tsv"):
        dialect = resource.get("dialect")
        delimiter = dialect.get("delimiter") if isinstance(dialect, dict) else None
        if not (isinstance(delimiter, str) and len(delimiter) == 1):
            delimiter = ""
        with open_bytes(file) as stream:
            yield from tables.read_stream(
                stream,
                file=name,
                mapping=mapping,
                names=names,
                encoding=_encoding(resource.get("encoding")),
                delimiter=delimiter,
            )
    elif form in ("json", "jsonl", "ndjson"):
        yield from _objects(file, form, name=name, mapping=mapping, names=names)
    else:
        raise SourceError(f"{name}: the format {excerpt(form)!r} is not read; use CSV or JSON")


def _encoding(name: Any) -> str:
    """The encoding that a resource states; '' (to be sniffed) where it states none we know."""
    try:
        "".encode(name)
    except (LookupError, ValueError, TypeError):
        return ""
    return "" if name.lower() in ("utf-8", "utf8") else str(name)


def _objects(
    file: Path, form: str, *, name: str, mapping: ColumnMapping | None, names: Names
) -> Iterator[Row | Reject]:
    """The facts of a JSON array of objects, or of JSON Lines."""
    seen = Seen()
    for number, row, text, fault in _array(file, name) if form == "json" else _lines(file):
        if fault is not None:
            yield from listed([fault], file=name, row=number, kept=False, text=text)
        elif mapping is None:
            yield from native.facts(row, text, file=name, number=number, names=names, seen=seen)
        else:
            yield from tables.mapped_row(
                row, mapping, file=name, number=number, names=names, seen=seen
            )


def _array(file: Path, name: str) -> Iterator[_Object]:
    rows = _json(file)
    if not isinstance(rows, list):
        raise SourceError(f"{name}: is not a list of objects; write [{{...}}, ...]")
    for number, row in enumerate(rows, start=1):
        text = msgspec.json.encode(row).decode()
        right = type(row) is dict and bool(row)
        fault = None if right else Fault("", "is not a JSON object", "write {...}", True)
        yield number, row if right else {}, text, fault


def _lines(file: Path) -> Iterator[_Object]:
    with open_bytes(file) as stream:
        for line in byte_lines(stream):
            if line.data.strip():
                yield line.number, *native.decode(line)


READER = Reader("datapackage", "Data Package", (".json",), sniff, read)
