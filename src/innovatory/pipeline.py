"""The verbs of an observatory: collect sources, build editions, publish the site."""

from __future__ import annotations

import gc
import hashlib
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from innovatory import codebook, geography
from innovatory.codebook import Codebook
from innovatory.edition.build import Built, Input, build, prepare
from innovatory.engine import Engine, key_of
from innovatory.errors import EditionError, SourceError
from innovatory.observatory import SETTINGS, Observatory
from innovatory.records import Adjudication, Coding, Design, Draw, Record, Reject, Row, Source
from innovatory.remembered import Remembered

if TYPE_CHECKING:
    from innovatory.ledger import ImportSummary, Ledger
    from innovatory.publish import Published
    from innovatory.sources import Descriptor


CODEBOOKS = "codebooks"


@dataclass(frozen=True, slots=True)
class Gathered:
    """How records were gathered, for files that no source.toml describes; '' is undeclared."""

    design: Design | None = None
    population: str = ""
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one file brought into the ledger, with what could not be taken as it was.

    `refused` says why a file could not be read at all, so that nothing of it is in the ledger and
    there is no summary; it is '' otherwise.
    """

    path: Path
    summary: ImportSummary | None
    rejects: tuple[Reject, ...] = ()
    refused: str = ""


def collect(
    observatory: Observatory,
    paths: Sequence[Path],
    *,
    gathered: Gathered = Gathered(),
    mapping: Path | None = None,
    reader: str = "",
    progress: Callable[[str, int], None] = lambda name, rows: None,
) -> list[Collected]:
    """Import sources into the ledger, a file at a time, each wholly or not at all.

    `paths` are files, folders or source.toml descriptors; a folder of sources, such as `export`
    writes, stands for them all. Files already imported as they are change nothing. A file that
    cannot be read at all is told as `refused`, and the others are read. Raises SourceError, before
    anything is stored, where a path or a descriptor is wrong, and LedgerError.
    """
    given = [
        replace(
            described,
            mapping=mapping or described.mapping,
            reader=reader or described.reader,
            codebook=observatory.book.version,
        )
        for path in paths
        for described in _described(path, gathered)
    ]
    if not given:
        return []
    with observatory.ledger(create=True) as ledger:
        ledger.add_codebook(observatory.book.version, observatory.book.text)
        for path in paths:
            for book in _codebooks(path):
                ledger.add_codebook(book.version, book.text)
        found = []
        for one in given:
            found += [_import(observatory, ledger, one, file, progress) for file in one.files]
            if one.coded_at_random:
                _declare_draw(ledger, one)
        return found


def _declare_draw(ledger: Ledger, given: Descriptor) -> None:
    """Record that the coded records of a source were drawn at random from all of it; once."""
    facts = ledger.facts()
    told: list[dict[str, Any]] = facts["records"].select(["record_id", "source_id"]).to_pylist()
    every = [row["record_id"] for row in told if row["source_id"] == given.source.id]
    answers: list[dict[str, Any]] = facts["codings"].select(["record_id", "coder_id"]).to_pylist()
    coders: dict[str, set[str]] = {record_id: set() for record_id in every}
    for row in answers:
        coders.get(row["record_id"], set()).add(row["coder_id"])
    coded = {record_id for record_id, found in coders.items() if found}
    declared = given.coded_at_random in facts["draws"]["draw_id"].to_pylist()
    if declared or not coded or len(coded) == len(every):
        return
    chance = len(coded) / len(every)
    draw = Draw(
        given.coded_at_random, "simple_random", note="declared by the source",
        members=dict.fromkeys(sorted(coded), chance),
        frame={record_id: chance for record_id in every if record_id not in coded},
        second=tuple(record_id for record_id in sorted(coded) if len(coders[record_id]) > 1),
    )  # fmt: skip
    ledger.import_file([Row(1, draw)], source=given.source, file=f"draw {draw.id}",
                       sha256=key_of([repr(draw)]))  # fmt: skip


def _described(path: Path, gathered: Gathered) -> list[Descriptor]:
    from innovatory.sources import describe
    from innovatory.sources.descriptor import UNDECLARED, identifier

    if inside := _inside(path):
        return [describe(descriptor) for descriptor in inside]
    if gathered == Gathered():
        return [describe(path)]
    name = path.absolute().name if path.is_dir() else path.stem
    source = Source(
        gathered.source_id or identifier(name), name, population=gathered.population,
        design=gathered.design or Design.CONVENIENCE,
        notes="" if gathered.design else UNDECLARED,
    )  # fmt: skip
    return [describe(path, default=source)]


def _inside(path: Path) -> list[Path]:
    """The descriptors of a folder of sources; none where the path is a source itself."""
    from innovatory.sources.descriptor import DESCRIPTOR

    if (path / DESCRIPTOR).is_file():
        return []
    return sorted(path.glob(f"*/{DESCRIPTOR}"))


def _codebooks(path: Path) -> list[Codebook]:
    """The codebooks beside exported sources, so that older codings keep their questions."""
    files = sorted((path / CODEBOOKS).glob("*.yaml")) if _inside(path) else []
    return [codebook.load(file) for file in files]


def _import(
    observatory: Observatory,
    ledger: Ledger,
    given: Descriptor,
    file: Path,
    progress: Callable[[str, int], None],
) -> Collected:
    try:
        summary = _imported(observatory, ledger, given, file, progress)
    except SourceError as error:
        return Collected(file, None, refused=str(error))
    told = () if summary.skipped else ledger.rejects()
    return Collected(file, summary, tuple(r for batch, r in told if batch == summary.batch))


def _imported(
    observatory: Observatory,
    ledger: Ledger,
    given: Descriptor,
    file: Path,
    progress: Callable[[str, int], None],
) -> ImportSummary:
    from innovatory.sources import read

    rows = _watched(observatory, read(file, descriptor=given), file.name, progress)
    settings = key_of(
        [given.prefix, given.reader, repr(given.coders), repr(sorted(given.renamed.items())),
         _file_hash(given.mapping) if given.mapping else ""]
    )  # fmt: skip
    book = observatory.book

    def fault(fact: Coding | Adjudication) -> tuple[str, str, str] | None:
        # What was answered to another codebook is judged by that one, when an edition is built.
        return book.fault(fact.dimension, fact.value) if fact.codebook == book.version else None

    with _without_cycles():
        return ledger.import_file(
            rows,
            source=given.source,
            file=file.name,
            sha256=_content_hash(file),
            settings=settings,
            coders=given.coders,
            codebook=book.version,
            check=fault,
        )


@contextmanager
def _without_cycles() -> Iterator[None]:
    """No search for reference cycles meanwhile: facts and rows have none, and searching is slow."""
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
    if not observatory.begun:
        raise _without_records(observatory)
    with _without_cycles(), observatory.ledger() as ledger:
        if not any(batch.by_kind.get("record") for batch in ledger.imports()):
            raise _without_records(observatory)
        # Read once for several editions; for one, memory is let go as soon as it is used.
        kept = remembered(observatory)
        source = replace(given(observatory, ledger, keep=len(wanted) > 1), remember=kept)
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
                    replace(spec, earlier=earlier), source,
                    folder=observatory.edition_folder(spec.name), state=state,
                )
            )  # fmt: skip
        if names is None:
            kept.prune()
    return built


def remembered(observatory: Observatory) -> Remembered:
    """Where the predictions of an observatory's machine coder are kept."""
    return Remembered(observatory.folder / ".innovatory" / "predictions")


def given(
    observatory: Observatory,
    ledger: Ledger,
    *,
    batch: int | None = None,
    keep: bool = False,
) -> Input:
    """What editions are made from, as the ledger was at a batch (by default the last)."""
    where, batch = geography.Geography(observatory), ledger.head() if batch is None else batch
    facts = partial(ledger.facts, batch=batch)
    return Input(
        facts=cache(facts) if keep else facts,
        batch=batch,
        state=ledger.state(batch=batch),
        book=observatory.book,
        resolve=where.resolve,
        cities=where.cities,
        panel=observatory.panel,
        geography=where.key,
        reference=observatory.reference,
        seed=observatory.seed,
        remember=remembered(observatory),
    )


@contextmanager
def current(observatory: Observatory) -> Iterator[Engine]:
    """An engine with all that the ledger holds now, whatever its date: see `build.prepare`."""
    if not observatory.begun:
        raise _without_records(observatory)
    with observatory.ledger() as ledger:
        source = given(observatory, ledger)
        with _without_cycles(), Engine() as engine:
            prepare(engine, source, as_of=date.max)
            yield engine


def unheard(observatory: Observatory, coders: Sequence[Mapping[str, Any]]) -> str:
    """Which answers that were meant to count are missing, and what to do; '' where none are.

    `coders` are rows of an edition's table `coders`: all that answered anything.
    """
    if not coders:
        return ""
    if any(row["reference"] for row in coders):
        silent = sorted(set(observatory.reference or ()) - {row["coder_id"] for row in coders})
        if not silent:
            return ""
        return (
            f"[coding] reference names {', '.join(silent)}, of whom there is no answer; is that "
            f"the coder's id? See {observatory.folder / SETTINGS}"
        )
    told = ", ".join(f"{row['coder_id']} ({row['kind']})" for row in coders)
    if observatory.reference is None:
        why, what = "shares rest on people's answers", "or name the coders that count as"
    else:
        why = f"[coding] reference names {', '.join(observatory.reference)} alone"
        what = "or correct"
    folder = shlex.quote(str(observatory.folder))
    return (
        f"no answer counts yet: those that are there come from {told}, and {why}; let people code "
        f"('innovatory draw {folder} 60'), {what} [coding] reference in "
        f"{observatory.folder / SETTINGS}"
    )


def notices(observatory: Observatory, names: Sequence[str]) -> list[str]:
    """What whoever built these editions has to know about them, each thing once."""
    told = []
    for name in names:
        path = observatory.edition_folder(name) / "tables" / "coders.parquet"
        told.append(unheard(observatory, pq.read_table(path).to_pylist()))
    return [notice for notice in dict.fromkeys(told) if notice]


def built_editions(observatory: Observatory) -> list[str]:
    """The names of the editions of observatory.toml that were built, oldest first."""
    return [
        spec.name
        for spec in observatory.editions
        if (observatory.edition_folder(spec.name) / "manifest.json").is_file()
    ]


def _without_records(observatory: Observatory) -> EditionError:
    return EditionError(
        f"{observatory.folder}: the ledger holds no record; collect a source first, with "
        f"'innovatory collect {shlex.quote(str(observatory.folder))} SOURCE'"
    )


def publish_site(
    observatory: Observatory, *, progress: Callable[[int, int], None] | None = None
) -> Published:
    """Make the site from every edition that has been built."""
    from innovatory.publish import publish

    folders = [observatory.edition_folder(name) for name in built_editions(observatory)]
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
