"""The verbs of an observatory: collect sources, build editions, publish the site."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from innovatory import geography
from innovatory.edition.build import Built, Input, build
from innovatory.engine import key_of
from innovatory.errors import EditionError, SourceError
from innovatory.ledger import ImportSummary, Ledger
from innovatory.observatory import SETTINGS, Observatory
from innovatory.records import Record, Reject, Row, Source

if TYPE_CHECKING:
    from innovatory.publish import Published
    from innovatory.sources import Descriptor


@dataclass(frozen=True, slots=True)
class Collected:
    """What one file brought into the ledger, with what could not be taken as it was."""

    path: Path
    summary: ImportSummary
    rejects: tuple[Reject, ...]


def collect(
    observatory: Observatory,
    paths: Sequence[Path],
    *,
    default: Source | None = None,
    mapping: Path | None = None,
    reader: str = "",
    progress: Callable[[str, int], None] = lambda name, rows: None,
) -> list[Collected]:
    """Import sources into the ledger, a file at a time, each wholly or not at all.

    `paths` are files, folders or source.toml descriptors; `default` says how they were gathered
    where no descriptor does. Files already imported as they are change nothing.
    """
    from innovatory.sources import describe

    found = []
    with observatory.ledger() as ledger:
        ledger.add_codebook(observatory.book.version, observatory.book.text)
        for path in paths:
            described = describe(path, default=default)
            given = replace(
                described,
                mapping=mapping or described.mapping,
                reader=reader or described.reader,
            )
            for file in given.files:
                found.append(_import(observatory, ledger, given, file, progress))
    return found


def _import(
    observatory: Observatory,
    ledger: Ledger,
    given: Descriptor,
    file: Path,
    progress: Callable[[str, int], None],
) -> Collected:
    from innovatory.sources import read

    rows = _watched(observatory, read(file, descriptor=given), file.name, progress)
    settings = key_of(
        [given.prefix, given.reader, repr(given.coders), repr(sorted(given.renamed.items())),
         _file_hash(given.mapping) if given.mapping else ""]
    )  # fmt: skip
    with _without_cycles():
        summary = ledger.import_file(
            rows,
            source=given.source,
            file=file.name,
            sha256=_content_hash(file),
            settings=settings,
            coders=given.coders,
            codebook=observatory.book.version,
            check=lambda fact: observatory.book.fault(fact.dimension, fact.value),
        )
    told = () if summary.skipped else ledger.rejects()
    return Collected(file, summary, tuple(r for batch, r in told if batch == summary.batch))


@contextmanager
def _without_cycles() -> Iterator[None]:
    """No search for reference cycles meanwhile: facts have none, and it takes half the time."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def _watched(
    observatory: Observatory,
    rows: Iterable[Row | Reject],
    name: str,
    progress: Callable[[str, int], None],
) -> Iterator[Row | Reject]:
    """The rows, with a word about each spelling that no city is found for, once a file."""
    gazetteer = observatory.gazetteer()
    known: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, start=1):
        yield row
        if isinstance(row, Row) and isinstance(row.fact, Record):
            for n, place in enumerate(row.fact.places):
                if (place.name, place.country) in known:
                    continue
                known.add((place.name, place.country))
                resolution = gazetteer.resolve(place.name, place.country)
                if resolution.city is None:
                    yield Reject(
                        name, row.number, f"places.{n}.name",
                        f"no city for {place.name!r} {place.country}: {resolution.reason}",
                        "correct the name, or add it to [aliases] in observatory.toml", kept=True,
                        excerpt=place.name,
                    )  # fmt: skip
        if number % 500 == 0:
            progress(name, number)
    progress(name, -1)


def build_editions(
    observatory: Observatory,
    names: Sequence[str] | None = None,
    *,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Built]:
    """Build editions (all, or those named), oldest first, each compared with the one before."""
    wanted = {spec.name for spec in observatory.editions}
    if names is not None:
        if missing := [name for name in names if name not in wanted]:
            raise EditionError(
                f"{observatory.folder / SETTINGS}: no edition {missing[0]!r}; add it there, or "
                f"give its date with --as-of; known: {', '.join(sorted(wanted)) or 'none'}"
            )
        wanted = set(names)
    built = []
    with observatory.ledger() as ledger:
        if ledger.head() == 0:
            raise EditionError(
                f"{observatory.folder}: the ledger is empty; collect a source first, with "
                f"'innovatory collect {observatory.folder} SOURCE'"
            )
        where, batch = geography.Geography(observatory), ledger.head()
        facts = partial(ledger.facts, batch=batch)
        given = Input(
            # Read once for several editions; for one, memory is let go as soon as it is used.
            facts=cache(facts) if len(wanted) > 1 else facts,
            batch=batch,
            state=ledger.state(),
            book=observatory.book,
            resolve=where.resolve,
            cities=where.cities,
            panel=observatory.panel,
            geography=where.key,
        )
        for n, spec in enumerate(observatory.editions):
            if spec.name not in wanted:
                continue
            progress(spec.name)
            earlier = observatory.editions[n - 1].name if n else ""
            if earlier and not (observatory.edition_folder(earlier) / "manifest.json").is_file():
                earlier = ""
            state = observatory.folder / ".innovatory" / f"{spec.name}.json"
            built.append(
                build(
                    replace(spec, earlier=earlier), given,
                    folder=observatory.edition_folder(spec.name), state=state,
                )
            )  # fmt: skip
    return built


def publish_site(
    observatory: Observatory, *, progress: Callable[[int, int], None] | None = None
) -> Published:
    """Make the site from every edition that has been built."""
    from innovatory.publish import publish

    folders = [
        observatory.edition_folder(spec.name)
        for spec in observatory.editions
        if (observatory.edition_folder(spec.name) / "manifest.json").is_file()
    ]
    return publish(folders, observatory.site, title=observatory.title, progress=progress)


def _file_hash(path: Path) -> str:
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return sha.hexdigest()


def _content_hash(path: Path) -> str:
    """The hash of all that is read along with a file, such as the other CSV of a CORDIS pair."""
    from innovatory.sources.companions import companions

    return key_of([_file_hash(file) for file in (path, *companions(path))])
