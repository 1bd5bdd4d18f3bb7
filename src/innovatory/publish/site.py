"""The site: pages rendered where their key has changed, written whole, removed when orphaned."""

from __future__ import annotations

import gc
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath

import msgspec
from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined

from innovatory.errors import EditionError
from innovatory.publish import (
    citypages,
    claimpages,
    countpages,
    frontpage,
    listpages,
    recordpages,
    referencepages,
)  # fmt: skip
from innovatory.publish.package import downloads
from innovatory.publish.pages import Draft, Page, Shared, in_words
from innovatory.publish.reading import Edition, Manifest, check_ids, read_edition
from innovatory.publish.referencepages import method
from innovatory.publish.standing import cities, named, standing, told
from innovatory.publish.wording import anchor, humanise, number, sentence

HERE = Path(__file__).parent
STATE = ".pages.json"
ROOMS = (frontpage, claimpages, citypages, listpages, recordpages, countpages, referencepages)

# Control letters and overrides of the writing direction: they could make a page show what it
# does not say, and no text needs them (a paragraph takes its direction from its first letter).
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Published:
    """What a publication came to, in pages (downloads and style are not counted).

    `pages` is how many the site has, written or unchanged; `removed` is how many no longer
    belonged; `index` is the page to open.
    """

    pages: int
    written: int
    unchanged: int
    removed: int
    index: Path


class _State(msgspec.Struct):
    """What the site was last made from: the key of each file, and of each whole edition."""

    version: str = ""
    editions: dict[str, str] = {}
    files: dict[str, str] = {}


@dataclass(frozen=True)
class _File:
    """A file of the site: its key, and how to make its bytes."""

    path: str
    key: str
    make: Callable[[], bytes]


@dataclass
class _Plan:
    """The files of the site in order; those of an edition that is as it was are only named."""

    files: list[_File] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    editions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EditionLine:
    """An edition as the opening page lists it; `holds` are (number, what)."""

    name: str
    title: str
    as_of: str
    synthetic: bool
    holds: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OpeningPage:
    """The page that opens the newest edition and lists all, the newest first."""

    site: str
    newest: EditionLine
    editions: tuple[EditionLine, ...]


def publish(
    editions: Sequence[Path],
    site: Path,
    *,
    title: str,
    progress: Callable[[int, int], None] | None = None,
) -> Published:
    """Make the static site of these edition folders, oldest first; the last is the newest.

    Only pages whose data, template or style have changed are written, each whole; pages that no
    longer belong are removed. `progress` is told how many files are done, of how many. Raises
    EditionError where a folder is no edition, where two have one name, or where a file is not
    what its manifest says; what was published before then stays as it was.
    """
    with _no_collection():
        return _published(editions, site, title=title, progress=progress)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Looking for cycles among a million small objects that have none takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _published(
    editions: Sequence[Path],
    site: Path,
    *,
    title: str,
    progress: Callable[[int, int], None] | None,
) -> Published:
    opened = [read_edition(folder) for folder in editions]
    names = [edition.name for edition in opened]
    if not opened:
        raise EditionError("no edition to publish; run 'innovatory build' first")
    if len(set(names)) < len(names):
        raise EditionError(f"two editions are named alike ({', '.join(names)}); give each its name")
    before = _state(site)
    plan = _plan(opened, site, title=title, before=before)
    return _write(plan, site, before=before, progress=progress)


@cache
def _version() -> str:
    """The hash of all that pages are made with: templates, style, script, map and code."""
    digest = hashlib.sha256()
    paths = sorted(path for path in HERE.rglob("*") if path.suffix not in (".pyc", ""))
    for path in [*paths, HERE.parent / "data" / "map" / "world.json"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("innovatory.publish"),
        # Compiled templates are kept in the user's temporary folder: a quick rebuild needs them.
        bytecode_cache=FileSystemBytecodeCache(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"named": named, "cities": cities, "standing": standing, "told": told}
    environment.filters |= {
        "anchor": anchor,
        "humanise": humanise,
        "number": number,
        "sentence": sentence,
    }
    return environment


def _rendered(template: str, page: Page | OpeningPage) -> bytes:
    text = _environment().get_template(template).render(page=page)
    return _UNSEEN.sub("\ufffd", text).encode("utf-8", "replace")


def _state(site: Path) -> _State:
    """What was last published here; a file that cannot be read means that nothing is known."""
    try:
        state = msgspec.json.decode((site / STATE).read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _State()
    state.files = {path: key for path, key in state.files.items() if _inside(path)}
    return state


def _inside(path: str) -> bool:
    """Whether a path of the state lies in the site: the state says what may be removed."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts


def _plan(opened: Sequence[Edition], site: Path, *, title: str, before: _State) -> _Plan:
    plan = _Plan()
    names = tuple(edition.name for edition in opened)
    lines = tuple(_line(edition.manifest) for edition in reversed(opened))
    opening = OpeningPage(title, lines[0], lines)
    key = _hashed(_version(), opening)
    plan.files.append(_File("index.html", key, partial(_rendered, "opening.html", opening)))
    for path in sorted((HERE / "static").iterdir()):
        data = path.read_bytes()
        key = hashlib.sha256(data).hexdigest()
        plan.files.append(_File(f"static/{path.name}", key, partial(bytes, data)))
    for edition in opened:
        whole = _hashed(_version(), title, names, edition.digest)
        plan.editions[edition.name] = whole
        mine = {p: k for p, k in before.files.items() if p.startswith(f"{edition.name}/")}
        shared = Shared(edition, title, names)
        if before.editions.get(edition.name) == whole and _all_there(site, mine):
            plan.kept |= mine
            plan.files.append(_file(shared, method(shared)))
        else:
            check_ids(edition)
            plan.files += _edition_files(shared)
    return plan


def _line(manifest: Manifest) -> EditionLine:
    known = ("projects", "living_labs", "cities")
    holds = tuple(
        (number(manifest.counts[name]), humanise(name).lower())
        for name in known
        if name in manifest.counts
    )
    as_of = in_words(manifest.as_of)
    return EditionLine(manifest.name, manifest.title, as_of, manifest.synthetic, holds)


def _all_there(site: Path, files: dict[str, str]) -> bool:
    return all(os.path.exists(f"{site}/{path}") for path in files)


def _edition_files(shared: Shared) -> Iterator[_File]:
    for room in ROOMS:
        for draft in room.drafts(shared):
            yield _file(shared, draft)
    name = shared.edition.name
    for download in downloads(shared):
        yield _File(f"{name}/{download.path}", download.key, download.read)


def _file(shared: Shared, draft: Draft) -> _File:
    path = f"{shared.edition.name}/{draft.path}"
    return _File(path, _hashed(_version(), draft.key), partial(_page, draft))


def _hashed(*parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _page(draft: Draft) -> bytes:
    return _rendered(draft.template, draft.build())


def _write(
    plan: _Plan,
    site: Path,
    *,
    before: _State,
    progress: Callable[[int, int], None] | None,
) -> Published:
    wanted = plan.kept | {file.path: file.key for file in plan.files}
    stale = [f for f in plan.files if before.files.get(f.path) != f.key
             or not os.path.exists(f"{site}/{f.path}")]  # fmt: skip
    orphans = sorted(set(before.files) - set(wanted))
    unchanged = len(wanted) - len(stale)
    if stale or orphans or before.editions != plan.editions:
        # Stopped half-way, the next publication must not take a page for what it no longer is.
        changing = {file.path for file in stale} | set(orphans)
        kept = {p: k for p, k in before.files.items() if p not in changing}
        _save(site, _State(_version(), {}, kept | dict.fromkeys(orphans, "")))
        for done, file in enumerate(stale, start=unchanged + 1):
            _replace(site / file.path, file.make())
            if progress:
                progress(done, len(wanted))
        for path in orphans:
            _remove(site, path)
        _save(site, _State(_version(), plan.editions, wanted))
    if progress:
        progress(len(wanted), len(wanted))
    pages, written = _pages(wanted), _pages(file.path for file in stale)
    return Published(pages, written, pages - written, _pages(orphans), site / "index.html")


def _pages(paths: Iterable[str]) -> int:
    return sum(path.endswith(".html") for path in paths)


def _save(site: Path, state: _State) -> None:
    _replace(site / STATE, msgspec.json.encode(state, order="sorted"))


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a reader of the site never meets half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_name(f".{path.name}.part")
    partial_file.write_bytes(data)
    os.replace(partial_file, path)


def _remove(site: Path, path: str) -> None:
    target = site / path
    target.unlink(missing_ok=True)
    for folder in list(target.parents):
        if folder == site or any(folder.iterdir()):
            break
        folder.rmdir()
