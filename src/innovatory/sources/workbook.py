"""XLSX: the rows of one sheet; the results of formulas are not taken."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innovatory.errors import MappingError, SourceError
from innovatory.records import Reject, Row
from innovatory.sources.mapping import Untrusted, cell_text, load_mapping
from innovatory.sources.reader import Names, Reader, excerpt
from innovatory.sources.tables import Cells, Table, mapped

if TYPE_CHECKING:
    from openpyxl import Workbook

    from innovatory.sources.descriptor import Descriptor

SUFFIXES = (".xlsx", ".xlsm")

UNPACKED_LIMIT = 500_000_000
"""Bytes that a workbook may unpack to."""

EMPTY_ROWS = 10_000
"""Empty rows in a row after which a sheet counts as ended."""

_BATCH = 500


def sniff(path: Path) -> bool:
    """Whether a file is a workbook, by its name."""
    return path.suffix.lower() in SUFFIXES


def read(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """The records and rejects of a sheet, one by one: the mapping's, else the first."""
    mapping = load_mapping(descriptor.mapping) if descriptor.mapping else None
    with open_sheet(path, sheet=mapping.sheet if mapping else "") as table:
        yield from mapped(table, mapping, file=path.name, names=Names.of(descriptor))


@contextmanager
def open_sheet(path: Path, *, sheet: str = "") -> Iterator[Table]:
    """The table of one sheet; raises `SourceError` where the file is no workbook."""
    _weigh(path)
    book = _load(path)
    try:
        if sheet and sheet not in book.sheetnames:
            names = ", ".join(repr(excerpt(name)) for name in book.sheetnames)
            raise MappingError(f"{path.name}: has no sheet {sheet!r}; name one of {names}")
        # A workbook can hold charts alone; those have no rows.
        sheets = [item for item in book.worksheets if not sheet or item.title == sheet]
        if not sheets:
            raise SourceError(f"{path.name}: has no sheet of cells; check the file")
        rows = _rows(sheets[0].iter_rows(), path.name)
        head = next(rows, None)
        if not isinstance(head, Cells):
            empty = Reject(path.name, 0, "", "the sheet is empty", "check how it was made")
            yield Table([], iter(()), (head or empty,))
            return
        header = [cell_text(cell) for cell in head.cells]
        yield Table(header, _fitted(rows, len(header), path.name))
    finally:
        book.close()


def _weigh(path: Path) -> None:
    """Unpacks a workbook once into nothing, so that no zip bomb gets as far as the library."""
    from innovatory.sources.archive import open_archive

    with open_archive(path) as archive:
        total = 0
        for name in archive.names():
            with archive.open(name) as member:
                while size := len(member.read(1 << 20)):
                    total += size
                    if total > UNPACKED_LIMIT:
                        limit = f"{UNPACKED_LIMIT:,} bytes"
                        raise SourceError(f"{path.name}: unpacks to more than {limit}; split it")


def _load(path: Path) -> Workbook:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # With data_only the library would hide which cells are formulas.
            return load_workbook(path, read_only=True, data_only=False, keep_links=False)
    # The library lets through whatever its parts stumble over: KeyError, TypeError, ParseError.
    except Exception as error:
        raise _unreadable(path.name, error) from error


def _unreadable(file: str, error: Exception) -> SourceError:
    kind = type(error.__cause__ or error).__name__
    return SourceError(f"{file}: is no workbook that can be read ({kind}); save it again as .xlsx")


def _rows(source: Iterator[tuple[Any, ...]], file: str) -> Iterator[Cells | Reject]:
    """The rows that are not empty, with the numbers that a person sees."""
    number = empty = 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                batch = list(islice(source, _BATCH))
        except Exception as error:
            raise _unreadable(file, error) from error
        if not batch:
            return
        for row in batch:
            number += 1
            cells = [_cell(cell) for cell in row]
            while cells and cells[-1] in (None, ""):
                cells.pop()
            empty = 0 if cells else empty + 1
            if cells:
                yield Cells(number, cells)
            elif empty > EMPTY_ROWS:
                reason = f"{EMPTY_ROWS:,} empty rows follow each other; reading ends here"
                yield Reject(file, number, "", reason, "delete the empty rows", kept=True)
                return


def _fitted(rows: Iterator[Cells | Reject], width: int, file: str) -> Iterator[Cells | Reject]:
    """The rows filled up to the header's width; a wider one is a reject."""
    for item in rows:
        if isinstance(item, Cells) and len(item.cells) > width:
            reason = f"has {len(item.cells)} columns instead of {width}"
            shown = excerpt(item.cells)
            yield Reject(file, item.number, "", reason, "name the columns", excerpt=shown)
        elif isinstance(item, Cells):
            yield Cells(item.number, item.cells + [None] * (width - len(item.cells)))
        else:
            yield item


def _cell(cell: Any) -> Any:
    kind = getattr(cell, "data_type", "n")
    if kind == "f":
        formula = getattr(cell.value, "text", None) or str(cell.value)
        return Untrusted(formula, "is a formula, whose stored result is not trusted")
    if kind == "e":
        return Untrusted(str(cell.value), "is the error of a formula")
    return cell.value


READER = Reader("xlsx", "Excel workbook with a mapping", SUFFIXES, sniff, read)
