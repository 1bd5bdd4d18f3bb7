"""Records of a draw handed out to coders who work elsewhere, and their answers taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from innovatory.edition.judgements import MACHINES
from innovatory.engine import digest, key_of, write_atomically
from innovatory.errors import LedgerError, ObservatoryError, SourceError
from innovatory.exchange import Assignment, argilla, label_studio, sheets
from innovatory.observatory import Observatory
from innovatory.records import Coder, Coding, Draw, Reject, Row, Source, valid_id

if TYPE_CHECKING:
    from innovatory.ledger import ImportSummary

SOURCE = Source("handout", "Answers given in other tools")
FORMATS = ("xlsx", "csv", "label-studio", "argilla")
_SUFFIXES = {".xlsx": "xlsx", ".csv": "csv", ".jsonl": "argilla", ".json": "label-studio"}


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: the import, what was set aside, and how many answers each coder gave."""

    summary: ImportSummary
    rejects: tuple[Reject, ...]
    answers: Mapping[str, int]


def send(
    observatory: Observatory, draw_id: str, path: Path, *, form: str = "", second: bool = False,
    again: bool = False,
) -> list[Path]:  # fmt: skip
    """Write the records of a draw for coders; the files written.

    `form` is one of FORMATS, by default by the name of the file; `second` leaves only the records
    that a second coder codes as well. Beside the tasks of Label Studio or Argilla their settings
    are written. Raises ObservatoryError where there is no such draw or format, or where a file is
    there already and `again` is false.
    """
    form = _form(path, form)
    given = assignment(observatory, draw_id, second=second)
    files = {path: _written(given, form)}
    if form == "label-studio":
        config = label_studio.labelling_config(given).encode()
        files[path.with_suffix(".config.xml")] = config
    if form == "argilla":
        files[path.with_suffix(".settings.json")] = argilla.settings(given)
    if there := [file for file in files if file.exists() and not again]:
        raise ObservatoryError(
            f"{there[0]}: is there already, perhaps with answers in it; give another name, or "
            "--again to write over it"
        )
    for file, data in files.items():
        write_atomically(file, data)
    return list(files)


def _written(given: Assignment, form: str) -> bytes:
    writers = {"xlsx": sheets.write_xlsx, "csv": sheets.write_csv,
               "label-studio": label_studio.write, "argilla": argilla.write}  # fmt: skip
    return writers[form](given)


def _form(path: Path, form: str) -> str:
    form = form or _SUFFIXES.get(path.suffix.lower(), "")
    if form not in FORMATS:
        raise ObservatoryError(
            f"{path}: its name does not tell what it is; give --format, one of {', '.join(FORMATS)}"
        )
    return form


def find_draw(observatory: Observatory, draw_id: str) -> Draw:
    """A draw of the ledger, with the records that were drawn and without the rest of its frame.

    Raises ObservatoryError where there is no draw of that id.
    """
    with observatory.ledger() as ledger:
        rows = ledger.facts()["draws"].to_pylist()
    mine = [row for row in rows if row["draw_id"] == draw_id]
    if not mine:
        known = ", ".join(sorted({row["draw_id"] for row in rows}))
        there = f"use one of {known}" if known else "make one with 'innovatory draw'"
        raise ObservatoryError(f"there is no draw {draw_id!r}; {there}")
    first = mine[0]
    return Draw(
        draw_id, first["design"], first["seed"], first["note"],
        {row["record_id"]: row["probability"] for row in mine if row["drawn"]},
        second=tuple(row["record_id"] for row in mine if row["second"]),
        target=tuple(filter(None, first["target"].split("|"))),
    )  # fmt: skip


def assignment(observatory: Observatory, draw_id: str, *, second: bool = False) -> Assignment:
    """The records of a draw, or only those for a second coder, under the codebook's questions.

    Raises ObservatoryError where there is no draw of that id, or no record for a second coder.
    """
    draw = find_draw(observatory, draw_id)
    if second and not draw.second:
        raise ObservatoryError(
            f"the draw {draw_id!r} names no record for a second coder; leave --second out"
        )
    with observatory.ledger() as ledger:
        records = ledger.records(draw.second if second else draw.members)
    return Assignment(observatory.book, draw, records.values())


def receive(
    observatory: Observatory, draw_id: str, path: Path, *, form: str = "", coder: str = "",
    coders: Mapping[str, str] | None = None,
) -> Returned:  # fmt: skip
    """Take answers back into the ledger; what was tampered with is set aside with a reason.

    A sheet is of one `coder`; `coders` says who is who in another tool. Raises ObservatoryError
    where there is no such draw, coder or format, and SourceError where the file cannot be read.
    """
    form, coders = _form(path, form), coders or {}
    _check_coders(path, form, coder, coders)
    given = assignment(observatory, draw_id)
    try:
        sha = digest(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    rows = list(_read(path, given, form=form, coder=coder, coders=coders))
    if not rows:
        raise ObservatoryError(f"{path}: no question is answered there; is it the file filled in?")
    # The same bytes as somebody else's are another sheet.
    whose = key_of([coder, repr(sorted(coders.items()))])
    return _stored(observatory, rows, name=f"{draw_id}/{path.name}", sha=sha, settings=whose)


def _check_coders(path: Path, form: str, coder: str, coders: Mapping[str, str]) -> None:
    of_one = form in ("xlsx", "csv")
    if of_one and not valid_id(coder):
        raise ObservatoryError(f"{path}: whose answers are these? give --coder, an id")
    if of_one and coders:
        raise ObservatoryError(f"{path}: a sheet is of one coder; give --coder, and no --who")
    if coder and not of_one:
        raise ObservatoryError(
            f"{path}: the file says who answered; give --who THEIRS=OURS for each, not --coder"
        )
    for name in coders.values():
        if not valid_id(name):
            raise ObservatoryError(f"{name!r} cannot be the id of a coder; use a-z, 0-9, '-'")


def _read(
    path: Path, given: Assignment, *, form: str, coder: str, coders: Mapping[str, str]
) -> Iterator[Row | Reject]:
    if form in ("xlsx", "csv"):
        return sheets.read(path, given, coder=coder)
    if form == "argilla":
        return argilla.read(path, given, coders=coders)
    return label_studio.read(path, given, coders=coders)


def _stored(
    observatory: Observatory, rows: list[Row | Reject], *, name: str, sha: str, settings: str
) -> Returned:
    answers: dict[str, int] = {}
    for row in rows:
        if isinstance(row, Row) and isinstance(row.fact, Coding):
            answers[row.fact.coder] = answers.get(row.fact.coder, 0) + 1
    with observatory.ledger() as ledger:
        known = {row["coder_id"]: row for row in ledger.facts()["coders"].to_pylist()}
        for coder in sorted(answers):
            kind = known[coder]["kind"] if coder in known else "person"
            if kind in MACHINES:
                raise LedgerError(
                    f"{name}: the ledger knows {coder!r} as a coder of the kind {kind}; give the "
                    "person another id"
                )
        people = [Coder(c, "person", known.get(c, {}).get("label", "")) for c in sorted(answers)]
        summary = ledger.import_file(
            rows, source=SOURCE, file=name, sha256=sha, settings=settings,
            codebook=observatory.book.version, coders=people,
            check=lambda fact: observatory.book.fault(fact.dimension, fact.value),
        )  # fmt: skip
        told = [reject for batch, reject in ledger.rejects() if batch == summary.batch]
    return Returned(summary, tuple(told), answers)
