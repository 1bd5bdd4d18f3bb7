"""Sheets as CSV and XLSX: out and back, partly filled, tampered with, and full of formulas."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from innovatory.errors import SourceError
from innovatory.exchange import Assignment, sheets
from innovatory.exchange.sheets import neutral, restored
from innovatory.ledger import Ledger
from innovatory.ledger.quotes import located
from innovatory.records import Coding, Draw, Evidence, Record, Reject, Row, Source
from test_exchange import BOOK, RECORDS, assignment
from test_exchange_tools import expected, filled, sorted_out, told

Filled = dict[str, dict[str, Any]]
FORMATS = ("csv", "xlsx")


def fill(path: Path, answers: Filled, *, source: Assignment | None = None) -> Path:
    """Write the sheet, and answers into it: record to column to cell."""
    source = source or assignment()
    if path.suffix == ".csv":
        text = sheets.write_csv(source).decode("utf-8-sig")
        head, *rows = csv.reader(io.StringIO(text, newline=""))
        for row in rows:
            for name, cell in answers.get(restored(row[0]), {}).items():
                row[head.index(name)] = cell
        out = io.StringIO(newline="")
        csv.writer(out).writerows([head, *rows])
        path.write_bytes(out.getvalue().encode("utf-8-sig"))
    else:
        book = load_workbook(io.BytesIO(sheets.write_xlsx(source)))
        sheet = book["Coding"]
        names = [cell.value for cell in sheet[1]]
        for row in sheet.iter_rows(min_row=2):
            for name, cell in answers.get(restored(str(row[0].value)), {}).items():
                row[names.index(name)].value = cell
        book.save(path)
    return path


def came_back(path: Path) -> tuple[list[Coding], list[Reject]]:
    """Codings and rejects of a sheet that ana filled in."""
    return sorted_out(list(sheets.read(path, assignment(), coder="ana")))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=10))
def test_neutral_texts_start_no_formula_and_come_back(text: str) -> None:
    """No text starts like a formula once it is written, and each is restored to what it was."""
    for given_text in (text, f"={text}", f"'{text}", f"''+{text}", f"@{text}", f"-{text}"):
        written = neutral(given_text)
        assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert restored(written) == given_text


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_sheet_comes_back(tmp_path: Path, suffix: str) -> None:
    """Answers in any case, several classes, quotes, comment and certainty are taken."""
    answers = {"bus": {"sector": "Transport ", "sector quote": "gets a lane", "tech": "iot;AI",
                       "comment": "'=clear", "confidence": "2"},
               "care": {"open": "no", "open quote": 'Nurses "visit"'}}  # fmt: skip
    codings, rejects = came_back(fill(tmp_path / f"sheet.{suffix}", answers))
    assert rejects == []
    place = RECORDS[0].description.index("gets a lane")
    by_question = {(c.record_id, c.dimension): c for c in codings}
    assert by_question["bus", "sector"] == Coding(
        "bus", "sector", "ana", ("transport",), 2,
        (Evidence("gets a lane", "description", place, place + 11),), "=clear", "d1", BOOK.version,
    )  # fmt: skip
    assert by_question["bus", "tech"].value == ("iot", "ai")
    quote = by_question["care", "open"].evidence[0]
    assert located(quote, RECORDS[1].passages()).field == "description"
    assert len(codings) == 3, "only answered questions are taken"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15,
          deadline=None)  # fmt: skip
@given(st.fixed_dictionaries({r.id: filled for r in RECORDS[:3]}), st.sampled_from(FORMATS))
def test_round_trip_through_sheets(tmp_path: Path, given: Any, suffix: str) -> None:
    """Every answer comes back as it was given, and nothing else."""
    cells = {
        record: {name: "; ".join(value) for name, value in answers.items()}
        for record, answers in given.items()
    }
    codings, rejects = came_back(fill(tmp_path / f"sheet.{suffix}", cells))
    assert rejects == []
    assert told(codings) == expected({r: {"ana": a} for r, a in given.items()}, "")


TAMPER: list[tuple[str, str, str]] = [
    ("record", "other", "record"),
    ("record", "care", "checksum"),
    ("draw", "d2", "draw"),
    ("codebook", "0000000000000000", "codebook"),
    ("checksum", "0000000000000000", "checksum"),
    ("text", "Title: another", "text"),
    ("record", '=HYPERLINK("x")', "record"),
    ("text", "=1+1", "text"),
]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("column", "cell", "field"), TAMPER)
def test_tampered_rows_are_rejects(
    tmp_path: Path, suffix: str, column: str, cell: str, field: str
) -> None:
    """A row whose id, text, draw, codebook or checksum is another is not taken; others are."""
    changed = {"bus": {column: cell, "open": "yes"}, "tram": {"open": "no"}}
    codings, rejects = came_back(fill(tmp_path / f"sheet.{suffix}", changed))
    assert [(reject.field, reject.kept) for reject in rejects] == [(field, False)]
    assert all(reject.next_step and reject.row >= 2 for reject in rejects)
    assert [coding.record_id for coding in codings] == ["tram"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_row_twice_is_a_reject(tmp_path: Path, suffix: str) -> None:
    """Of two rows of one record the first is taken and the second named."""
    path = fill(tmp_path / f"sheet.{suffix}", {"bus": {"open": "yes"}})
    if suffix == "csv":
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
        (bus,) = (row for row in rows if row[0] == "bus")
        out = io.StringIO(newline="")
        csv.writer(out).writerows([*rows, [c.replace("yes", "no") for c in bus]])
        path.write_bytes(out.getvalue().encode("utf-8"))
    else:
        book = load_workbook(path)
        sheet = book["Coding"]
        (bus_row,) = (row for row in sheet.iter_rows(values_only=True) if row[0] == "bus")
        sheet.append(["no" if cell == "yes" else cell for cell in bus_row])
        book.save(path)
    codings, rejects = came_back(path)
    assert [coding.value for coding in codings] == [("yes",)]
    assert [reject.row for reject in rejects] == [5] and "already" in rejects[0].reason


@pytest.mark.parametrize("suffix", FORMATS)
def test_wrong_cells_cost_themselves_alone(tmp_path: Path, suffix: str) -> None:
    """An unknown class, a formula, a quote without an answer and a wild certainty are set aside."""
    wrong = {"bus": {"sector": "rail", "tech": "ai", "open": '=IF(1,"yes")', "open quote": "lane",
                     "confidence": "7"},
             "care": {"comment": "=1+1", "sector": "health; transport"},
             "tram": {"comment": "I could not tell"}}  # fmt: skip
    codings, rejects = came_back(fill(tmp_path / f"sheet.{suffix}", wrong))
    assert [(c.record_id, c.dimension, c.confidence) for c in codings] == [("bus", "tech", None)]
    found = {(reject.field, reject.kept) for reject in rejects}
    assert found == {("sector", True), ("open", True), ("evidence.open", True),
                     ("confidence", True), ("comment", False), ("sector", False)}  # fmt: skip
    assert len([reject for reject in rejects if reject.field == "comment"]) == 2


def test_an_empty_sheet_says_nothing(tmp_path: Path) -> None:
    """A sheet that nobody filled in gives neither codings nor rejects."""
    for suffix in FORMATS:
        assert came_back(fill(tmp_path / f"sheet.{suffix}", {})) == ([], [])


def test_headers_that_are_not_ours(tmp_path: Path) -> None:
    """A missing or doubled column ends the reading; an added one is named and left out."""
    path = tmp_path / "sheet.csv"
    text = sheets.write_csv(assignment()).decode("utf-8-sig")
    path.write_text(text.replace("checksum", "check", 1), "utf-8", newline="")
    codings, rejects = came_back(path)
    assert not codings and [(r.field, r.row) for r in rejects] == [("checksum", 1)]
    path.write_text(text.replace("open quote", "sector", 1), "utf-8", newline="")
    assert [r.reason for r in came_back(path)[1]] == ["the column is there twice"]
    path.write_text(text.replace("open quote", "mood", 1), "utf-8", newline="")
    assert [(r.field, r.kept) for r in came_back(path)[1]] == [("mood", True)]


def test_what_spreadsheets_do_to_a_csv(tmp_path: Path) -> None:
    """Semicolons, another code page and other line ends do not make a text another one."""
    path = fill(tmp_path / "sheet.csv", {"bus": {"open": "yes"}})
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows(
        [[cell.replace("\n", "\r\n") for cell in row] for row in rows]
    )
    path.write_bytes(out.getvalue().encode("cp1252", "replace"))
    codings, rejects = came_back(path)
    assert [coding.record_id for coding in codings] == ["bus"] and not rejects


def test_texts_that_no_cell_can_hold(tmp_path: Path) -> None:
    """A text is cut where a cell ends, and its row is still the one that was sent."""
    long = Record("long", "project", "Long", "word and line\n" * 4_000 + "the end\x01")
    draw = Draw("d1", "census", members={"long": 1})
    source = Assignment(BOOK, draw, [long])
    for suffix in FORMATS:
        path = fill(tmp_path / f"sheet.{suffix}", {"long": {"open": "yes"}}, source=source)
        codings, rejects = sorted_out(list(sheets.read(path, source, coder="ana")))
        assert [coding.value for coding in codings] == [("yes",)] and not rejects


def test_the_workbook_guides_the_coder() -> None:
    """Ids are locked, answers open, classes listed, definitions on a second sheet, no formula."""
    book = load_workbook(io.BytesIO(sheets.write_xlsx(assignment())))
    coding, definitions = book["Coding"], book["Codebook"]
    names = [cell.value for cell in coding[1]]
    locked = [name for name, cell in zip(names, coding[2], strict=True) if cell.protection.locked]
    assert locked == ["record", "draw", "codebook", "checksum", "text"]
    assert coding.protection.sheet and definitions.protection.sheet
    rules = {rule.prompt: rule for rule in coding.data_validations.dataValidation}
    sector = rules["Which <sector> & why?"]
    assert sector.formula1 == "Codebook!$B$2:$B$3" and sector.showErrorMessage
    assert [row[0].value for row in definitions["B2:B3"]] == ["transport", "health"]
    assert definitions["D2"].value == "'=mobility, parking"
    tech = next(rule for prompt, rule in rules.items() if prompt.startswith("Several"))
    assert not tech.showErrorMessage
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]


def test_files_that_are_no_sheets(tmp_path: Path) -> None:
    """Another suffix and a broken workbook are errors that say what to do."""
    path = tmp_path / "sheet.ods"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="save it as"):
        came_back(path)
    broken = tmp_path / "sheet.xlsx"
    broken.write_bytes(b"no zip")
    with pytest.raises(SourceError):
        came_back(broken)
    other = Workbook()
    other.save(tmp_path / "other.xlsx")
    with pytest.raises(SourceError, match="Coding"):
        came_back(tmp_path / "other.xlsx")


hostile = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
    | st.sampled_from(["=", "'", "+", "\r\n", "\n", "_x0041_", "\x1f", ";", '"', "🚌"]),
    max_size=8,
).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25,
          deadline=None)  # fmt: skip
@given(hostile, hostile, st.sampled_from(FORMATS))
def test_no_text_of_a_record_breaks_its_row(
    tmp_path: Path, title: str, description: str, suffix: str
) -> None:
    """Whatever a record says, its row comes back as the one that was sent."""
    record = Record("odd", "project", f"{title}.", description)
    source = Assignment(BOOK, Draw("d1", "census", members={"odd": 1}), [record])
    path = fill(tmp_path / f"odd.{suffix}", {"odd": {"open": "yes"}}, source=source)
    codings, rejects = sorted_out(list(sheets.read(path, source, coder="ana")))
    assert [coding.value for coding in codings] == [("yes",)] and not rejects


def test_the_ledger_takes_what_comes_back(tmp_path: Path) -> None:
    """Codings of a sheet go into a ledger under their draw, with quotes found where they stand."""
    answers = {"bus": {"sector": "transport", "sector quote": "GETS a  lane", "open": "yes",
                       "open quote": "not there"}}  # fmt: skip
    path = fill(tmp_path / "sheet.xlsx", answers)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as ledger:
        rows = [Row(n, fact) for n, fact in enumerate([*RECORDS, assignment().draw], 1)]
        ledger.import_file(rows, source=Source("s", "S"), file="records", sha256="1")
        done = ledger.import_file(
            sheets.read(path, assignment(), coder="ana"),
            source=Source("coding", "Coding"), file=path.name, sha256="2",
            check=lambda fact: BOOK.fault(fact.dimension, fact.value),
        )  # fmt: skip
        facts = ledger.facts()
    assert (done.new, done.rejected, done.flagged) == (2, 0, 1)
    assert set(facts["codings"]["draw"].to_pylist()) == {"d1"}
    places = {row["dimension"]: (row["field"], row["quote"])
              for row in facts["evidence"].to_pylist()}  # fmt: skip
    assert places == {"sector": ("description", "gets a lane"), "open": ("", "not there")}


def test_a_thousand_rows_stay_quick(tmp_path: Path) -> None:
    """A thousand records go out and come back without loss."""
    records = [Record(f"r{n}", "project", f"Project {n}", "word " * 100) for n in range(1000)]
    source = Assignment(BOOK, Draw("d1", "census", members={r.id: 1 for r in records}), records)
    answers = {r.id: {"open": "yes", "tech": "iot; ai"} for r in records}
    path = fill(tmp_path / "sheet.csv", answers, source=source)
    codings, rejects = sorted_out(list(sheets.read(path, source, coder="ana")))
    assert len(codings) == 2000 and not rejects
