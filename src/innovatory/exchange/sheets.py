"""Sheets for coders who will not open a browser: CSV and XLSX, a row a record."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innovatory.codebook import Dimension
from innovatory.errors import SourceError
from innovatory.exchange.assignment import Assignment, Item, Return, Sheet, clean
from innovatory.records import Evidence, Reject, Row
from innovatory.sources.lines import open_bytes
from innovatory.sources.mapping import Untrusted, cell_text
from innovatory.sources.tables import Cells, Table, open_table
from innovatory.sources.workbook import open_sheet

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

SENT = ("record", "draw", "codebook", "checksum")
LONGEST_CELL = 32_000
MOST_LINES = 400
SEPARATOR = ";"
"""Between several classes in one cell."""

_CODING, _CODEBOOK = "Coding", "Codebook"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MARKED = re.compile(r"'+[=+\-@\t\r]")
_WIDTHS = {"record": 24, "text": 70, "comment": 40}


def neutral(text: str) -> str:
    """A text that no spreadsheet can take for a formula; `restored` is the way back.

    >>> neutral("=1+1"), neutral("'=1"), neutral("a=1"), restored(neutral("'=1"))
    ("'=1+1", "''=1", 'a=1', "'=1")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def restored(text: str) -> str:
    """The text that was made neutral.

    >>> restored("'=1+1"), restored("'quoted'")
    ('=1+1', "'quoted'")
    """
    return text[1:] if _MARKED.match(text) else text


def header(assignment: Assignment) -> list[str]:
    """The columns of a sheet: what is not to be changed, then a question and its quote each.

    >>> from innovatory.codebook import parse
    >>> from innovatory.records import Draw
    >>> header(Assignment(parse("dimensions: {a: {question: Q, classes: {x: X}}}"),
    ...                   Draw("d1", "census"), ()))[4:]
    ['text', 'a', 'a quote', 'confidence', 'comment']
    """
    asked = [name for d in assignment.dimensions for name in (d.id, f"{d.id} quote")]
    return [*SENT, "text", *asked, "confidence", "comment"]


def _sent(assignment: Assignment, item: Item) -> list[str]:
    ids = [item.record_id, assignment.draw.id, assignment.book.version, item.checksum]
    return [neutral(text) for text in (*ids, _shown(item.text))]


def _shown(text: str) -> str:
    """The text as a cell can hold it: cut at the end where it is too long."""
    if text.count("\n") > MOST_LINES:
        text = text.replace("\n", " ")
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]} [...]"


def write_csv(assignment: Assignment) -> bytes:
    """The sheet as CSV in UTF-8, marked so that spreadsheets know."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    columns = header(assignment)
    rows.writerow(columns)
    for item in assignment.items.values():
        told = _sent(assignment, item)
        rows.writerow(told + [""] * (len(columns) - len(told)))
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(assignment: Assignment) -> bytes:
    """The sheet as a workbook: only answers can be written, classes are chosen from lists.

    A second sheet holds the questions and the definitions of the classes. A cell for several
    classes takes them with ';' between them.
    """
    from openpyxl import Workbook

    book = Workbook()
    coding = book.worksheets[0]
    coding.title = _CODING
    ranges = _definitions(book.create_sheet(_CODEBOOK), assignment.dimensions)
    columns = header(assignment)
    coding.append(columns)
    for item in assignment.items.values():
        coding.append(_sent(assignment, item))
    _styled(coding, columns, rows=len(assignment.items))
    for dimension in assignment.dimensions:
        place = columns.index(dimension.id) + 1
        _listed(coding, dimension, place, ranges[dimension.id], rows=len(assignment.items))
    _confidence(coding, columns.index("confidence") + 1, rows=len(assignment.items))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _definitions(sheet: Worksheet, dimensions: tuple[Dimension, ...]) -> dict[str, str]:
    """Fill the sheet of definitions; where the classes of each dimension stand in it."""
    from openpyxl.styles import Alignment, Font

    sheet.append(["dimension", "class", "label", "definition", "question", "notes"])
    ranges = {}
    for dimension in dimensions:
        first = sheet.max_row + 1
        for n, item in enumerate(dimension.classes):
            asked = (dimension.question, dimension.notes) if n == 0 else ("", "")
            cells = (dimension.id, item.id, item.label, item.definition, *asked)
            sheet.append([neutral(clean(cell)[:LONGEST_CELL]) for cell in cells])
        ranges[dimension.id] = f"{_CODEBOOK}!$B${first}:$B${sheet.max_row}"
    for letter, width in zip("ABCDEF", (22, 24, 30, 80, 60, 60), strict=True):
        sheet.column_dimensions[letter].width = width
    for row in sheet.iter_rows():
        for place in row:
            place.alignment = Alignment(wrap_text=True, vertical="top")
            if place.row == 1:
                place.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    sheet.protection.sheet = True
    return ranges


def _styled(sheet: Worksheet, columns: list[str], *, rows: int) -> None:
    """Widths, a header that stays, and a lock on all that is not an answer."""
    from openpyxl.styles import Alignment, Font, Protection
    from openpyxl.utils import get_column_letter

    for n, name in enumerate(columns, 1):
        column = sheet.column_dimensions[get_column_letter(n)]
        column.width = _WIDTHS.get(name, 20)
        column.hidden = name in SENT[1:]
        sheet.cell(1, n).font = Font(bold=True)
        open_ = name not in (*SENT, "text")
        for row in range(2, rows + 2):
            cell = sheet.cell(row, n)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.protection = Protection(locked=not open_)
            if open_:
                # As text, so that no answer or quote is read as a number, a date or a formula.
                cell.number_format = "@"
    sheet.freeze_panes = f"{get_column_letter(len(SENT) + 2)}2"
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    sheet.protection.formatRows = False
    sheet.protection.autoFilter = False


def _listed(sheet: Worksheet, dimension: Dimension, place: int, classes: str, *, rows: int) -> None:
    """The list from which the classes of one column are chosen."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    rule = DataValidation(type="list", formula1=classes, allow_blank=True)
    rule.promptTitle = dimension.title[:32]
    rule.prompt = dimension.question[:250]
    rule.showInputMessage = True
    # A list holds single classes; what several are is checked when the sheet comes back.
    rule.showErrorMessage = not dimension.multi
    rule.errorTitle, rule.error = "Not a class", f"Choose a class of {dimension.id}"[:250]
    if dimension.multi:
        rule.prompt = f"Several: put '{SEPARATOR}' between them. {dimension.question}"[:250]
    letter = get_column_letter(place)
    rule.add(f"{letter}2:{letter}{max(rows, 1) + 1}")
    sheet.add_data_validation(rule)


def _confidence(sheet: Worksheet, place: int, *, rows: int) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    rule = DataValidation(type="list", formula1='"1,2,3"', allow_blank=True)
    rule.prompt = "How sure are you? 1 guessed, 2 fairly, 3 sure"
    rule.showInputMessage = rule.showErrorMessage = True
    letter = get_column_letter(place)
    rule.add(f"{letter}2:{letter}{max(rows, 1) + 1}")
    sheet.add_data_validation(rule)


def read(path: Path, assignment: Assignment, *, coder: str) -> Iterator[Row | Reject]:
    """The codings of one coder's sheet, CSV or XLSX by its name.

    Answered questions are taken, whether or not others of the row are; a row without any says
    nothing. Rows that are not those sent are rejects: another id, text or checksum, a row twice, a
    record that is not of the draw; so are formulas and what is no class. Raises SourceError where
    the file is neither CSV nor a workbook.
    """
    back = Return(assignment, path.name)
    with _opened(path) as table:
        yield from table.notes
        columns = [restored(name) for name in table.header]
        if fault := _header_fault(columns):
            yield back.reject(1, *fault)
            return
        expected = header(assignment)
        for name in columns:
            if name and name not in expected:
                yield back.reject(1, name, "is no column of the sheet", "remove it", kept=True)
        for cells in table.rows:
            if isinstance(cells, Reject):
                yield cells
            else:
                row = dict(zip(columns, cells.cells, strict=False))
                yield from _read_row(back, cells.number, row, coder)


@contextmanager
def _opened(path: Path) -> Iterator[Table]:
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        with open_sheet(path, sheet=_CODING) as table:
            yield table
    elif suffix in (".csv", ".tsv"):
        with open_bytes(path) as stream:
            table = open_table(stream, file=path.name)
            yield replace(table, rows=_numbered(table.rows))
    else:
        raise SourceError(f"{path.name}: is no sheet; save it as .xlsx or .csv")


def _numbered(rows: Iterator[Cells | Reject]) -> Iterator[Cells | Reject]:
    """The rows of a CSV file by the number that a spreadsheet shows: one may take many lines."""
    for number, item in enumerate(rows, 2):
        yield replace(item, row=number) if isinstance(item, Reject) else Cells(number, item.cells)


def _header_fault(columns: list[str]) -> tuple[str, str, str] | None:
    """What is wrong with the columns as a whole, so that no row can be read."""
    for name in (*SENT, "text"):
        if name not in columns:
            return name, "the column is missing", "write the sheet again, and fill in that one"
    twice = next((name for name in columns if name and columns.count(name) > 1), "")
    return (twice, "the column is there twice", "keep one of the two") if twice else None


def _read_row(back: Return, number: int, row: dict[str, Any], coder: str) -> Iterator[Row | Reject]:
    for name in (*SENT, "text"):
        if _is_formula(row[name]):
            yield back.reject(number, name, "is a formula", "put back what was sent",
                              shown=cell_text(row[name]))  # fmt: skip
            return
    sent = {name: restored(cell_text(row[name])) for name in SENT}
    record_id = sent["record"]
    known = back.assignment.items.get(record_id)
    text = restored(cell_text(row["text"]))
    if known and text.split() == _shown(known.text).split():
        # Of a text that a cell could not hold, what it did hold is what was sent.
        text = known.text
    sheet = Sheet(number, coder, sent, text)
    for dimension in back.assignment.dimensions:
        if answer := _cell(sheet, row, dimension.id):
            sheet.answers[dimension.id] = _classes(answer, dimension)
        if quote := _cell(sheet, row, f"{dimension.id} quote"):
            sheet.quotes[dimension.id].append(known.quoted(quote) if known else Evidence(quote))
    sheet.comment = _cell(sheet, row, "comment")
    if confidence := _cell(sheet, row, "confidence"):
        sheet.confidence = int(confidence) if confidence in ("1", "2", "3") else confidence
    yield from back.take(sheet)


def _cell(sheet: Sheet, row: dict[str, Any], name: str) -> str:
    """What a coder wrote in a cell; '' and a fault where it is a formula."""
    value = row.get(name)
    if _is_formula(value):
        sheet.faults.append((name, "is a formula", "write the answer itself"))
        return ""
    return restored(cell_text(value)).strip()


def _is_formula(value: Any) -> bool:
    return isinstance(value, Untrusted) or (isinstance(value, str) and value.startswith("="))


def _classes(answer: str, dimension: Dimension) -> list[str]:
    """The classes named in a cell, in the case in which the codebook writes them."""
    names = [part.strip() for part in answer.split(SEPARATOR)] if dimension.multi else [answer]
    known = {name.lower(): name for name in dimension.class_ids}
    return [name if name in dimension.class_ids else known.get(name.lower(), name)
            for name in names if name]  # fmt: skip
