"""Records of a draw handed out to coders who work elsewhere, and their answers taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from innovatory.engine import digest, write_atomically
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
    observatory: Observatory, draw_id: str, path: Path, *, form: str = "", again: bool = False
) -> list[Path]:
    """Write the records of a draw for coders; the files written.

    `form` is one of FORMATS, by default by the name of the file. Beside the tasks of Label Studio
    or Argilla their settings are written. Raises ObservatoryError where there is no such draw or
    format, or where a file is there already and `again` is false.
    """
    form = form or _SUFFIXES.get(path.suffix.lower(), "")
    if form not in FORMATS:
        raise ObservatoryError(
            f"{path}: what it is to be cannot be told from its name; give --format, one of "
            f"{', '.join(FORMATS)}"
        )
    given = assignment(observatory, draw_id)
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


def assignment(observatory: Observatory, draw_id: str) -> Assignment:
    """The records of a draw under the questions of the codebook.

    Raises ObservatoryError where there is no draw of that id.
    """
    with observatory.ledger() as ledger:
        rows = ledger.facts()["draws"].to_pylist()
        mine = [row for row in rows if row["draw_id"] == draw_id]
        if not mine:
            known = sorted({row["draw_id"] for row in rows})
            raise ObservatoryError(
                f"there is no draw {draw_id!r}; there are: {', '.join(known) or 'none'}"
            )
        drawn = {row["record_id"]: row["probability"] for row in mine if row["drawn"]}
        draw = Draw(
            draw_id, mine[0]["design"], mine[0]["seed"], mine[0]["note"], drawn,
            second=tuple(row["record_id"] for row in mine if row["second"]),
            target=tuple(filter(None, mine[0]["target"].split("|"))),
        )  # fmt: skip
        records = ledger.records(drawn)
    return Assignment(observatory.book, draw, records.values())


def receive(
    observatory: Observatory, draw_id: str, path: Path, *, form: str = "", coder: str = "",
    coders: Mapping[str, str] | None = None,
) -> Returned:  # fmt: skip
    """Take answers back into the ledger; what was tampered with is set aside with a reason.

    A sheet is of one `coder`; `coders` says who is who in another tool. Raises ObservatoryError
    where there is no such draw, coder or format, and SourceError where the file cannot be read.
    """
    form = form or _SUFFIXES.get(path.suffix.lower(), "")
    if form not in FORMATS:
        raise ObservatoryError(f"{path}: give --format, one of {', '.join(FORMATS)}")
    if form in ("xlsx", "csv") and not valid_id(coder):
        raise ObservatoryError(f"{path}: whose answers are these? give --coder, an id")
    for name in (coders or {}).values():
        if not valid_id(name):
            raise ObservatoryError(f"{name!r} cannot be the id of a coder; use a-z, 0-9, '-'")
    given = assignment(observatory, draw_id)
    try:
        sha = digest(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    rows = list(_read(path, given, form=form, coder=coder, coders=coders or {}))
    return _stored(observatory, rows, name=f"{draw_id}/{path.name}", sha=sha)


def _read(
    path: Path, given: Assignment, *, form: str, coder: str, coders: Mapping[str, str]
) -> Iterator[Row | Reject]:
    if form in ("xlsx", "csv"):
        return sheets.read(path, given, coder=coder)
    if form == "argilla":
        return argilla.read(path, given, coders=coders)
    return label_studio.read(path, given, coders=coders)


def _stored(observatory: Observatory, rows: list[Row | Reject], *, name: str, sha: str) -> Returned:
    answers: dict[str, int] = {}
    for row in rows:
        if isinstance(row, Row) and isinstance(row.fact, Coding):
            answers[row.fact.coder] = answers.get(row.fact.coder, 0) + 1
    with observatory.ledger() as ledger:
        known = {row["coder_id"]: row for row in ledger.facts()["coders"].to_pylist()}
        machines = [c for c in answers if known.get(c, {}).get("kind", "person") != "person"
                    and known[c]["kind"] != "unknown"]  # fmt: skip
        if machines:
            raise LedgerError(
                f"{name}: the coder {machines[0]!r} is known as a {known[machines[0]]['kind']}; "
                "give the person another id"
            )
        people = [Coder(c, "person", known.get(c, {}).get("label", "")) for c in sorted(answers)]
        summary = ledger.import_file(
            rows, source=SOURCE, file=name, sha256=sha, codebook=observatory.book.version,
            coders=people, check=lambda fact: observatory.book.fault(fact.dimension, fact.value),
        )  # fmt: skip
        told = [reject for batch, reject in ledger.rejects() if batch == summary.batch]
    return Returned(summary, tuple(told), answers)
