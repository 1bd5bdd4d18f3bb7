"""CSV: rows under a header, found again after each broken one."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from innovatory.records import Reject, Row
from innovatory.sources.draft import record_from
from innovatory.sources.lines import SAMPLE, Line, open_bytes, sniff_encoding, text_lines
from innovatory.sources.mapping import (
    ColumnMapping,
    cell_text,
    draft_of,
    load_mapping,
    native_mapping,
)
from innovatory.sources.reader import LINE_LIMIT, Names, Reader, Seen, excerpt, listed

if TYPE_CHECKING:
    from innovatory.sources.descriptor import Descriptor

SUFFIXES = (".csv", ".tsv")
DELIMITERS = ",;\t|"

ROW_LINES = 500
"""Lines that one row may span; beyond, its opening quote is taken to be a mistake."""


class Cells(NamedTuple):
    """A row of a table under its number."""

    number: int
    cells: list[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the rows under it; `notes` say what had to be guessed."""

    header: list[str]
    rows: Iterator[Cells | Reject]
    notes: tuple[Reject, ...] = ()


def sniff(path: Path) -> bool:
    """Whether a file is CSV, by its name."""
    return path.suffix.lower() in SUFFIXES


def read(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """The records and rejects of a CSV file, one by one."""
    mapping = load_mapping(descriptor.mapping) if descriptor.mapping else None
    with open_bytes(path) as stream:
        yield from read_stream(stream, file=path.name, mapping=mapping, names=Names.of(descriptor))


def read_stream(
    stream: io.BufferedReader,
    *,
    file: str,
    names: Names,
    mapping: ColumnMapping | None,
    encoding: str = "",
    delimiter: str = "",
) -> Iterator[Row | Reject]:
    """The records and rejects of a stream of CSV, by a mapping or by columns named as fields."""
    if mapping is not None:
        encoding, delimiter = mapping.encoding or encoding, mapping.delimiter or delimiter
    table = open_table(stream, file=file, encoding=encoding, delimiter=delimiter)
    yield from mapped(table, mapping, file=file, names=names)


def open_table(
    stream: io.BufferedReader, *, file: str, encoding: str = "", delimiter: str = ""
) -> Table:
    """The table of a stream of CSV; encoding and delimiter are sniffed where they are not given.

    A table without a header has none, and a reject says so.
    """
    sample = stream.peek(SAMPLE)
    encoding = encoding or sniff_encoding(sample)
    lines = text_lines(stream, encoding)
    first = next((line for line in lines if line.text.strip() or line.fault), None)
    if first is None or first.fault:
        reason = first.fault if first else "the file is empty"
        note = Reject(file, first.number if first else 0, "", reason, "check how it was made")
        return Table([], iter(()), (note,))
    delimiter = delimiter or sniff_delimiter(first.text)
    feed = _Feed(lines, first)
    rows = _rows(feed, delimiter=delimiter, file=file)
    head = next(rows, None)
    if not isinstance(head, Cells):
        return Table([], iter(()), (head,) if head else ())
    header = [name.strip() for name in head.cells]
    notes: tuple[Reject, ...] = ()
    if encoding == "cp1252" and not sample.isascii():
        reason = "is read as windows-1252, because it is not UTF-8"
        notes = (Reject(file, 0, "", reason, "state encoding in the mapping", kept=True),)
    return Table(header, _rows(feed, delimiter=delimiter, file=file, width=len(header)), notes)


def sniff_delimiter(header: str) -> str:
    """The delimiter that cuts a header into the most columns.

    >>> sniff_delimiter('id;"a,b";title')
    ';'
    """

    def columns(delimiter: str) -> int:
        return len(next(csv.reader([header], delimiter=delimiter), []))

    with suppress(csv.Error):
        return max(DELIMITERS, key=columns)
    return ","


class _Feed:
    """Lines for one row after the other, those of a row that failed to be given again."""

    def __init__(self, lines: Iterator[Line], first: Line) -> None:
        self._lines = lines
        self._ahead: deque[Line] = deque([first])
        self._size = 0
        self.taken: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= ROW_LINES or self._size > LINE_LIMIT:
            raise StopIteration
        line = self._ahead.popleft() if self._ahead else next(self._lines)
        if line.fault and self.taken:
            # A broken line belongs to no row: it ends the one before it and comes again alone.
            self._ahead.appendleft(line)
            raise StopIteration
        self.taken.append(line)
        self._size += len(line.text)
        return "" if line.fault else line.text

    def begin(self) -> None:
        self.taken = []
        self._size = 0

    def give_back(self) -> None:
        """Puts all lines of the row but its first back."""
        self._ahead.extendleft(reversed(self.taken[1:]))


def _rows(
    feed: _Feed, *, delimiter: str, file: str, width: int | None = None
) -> Iterator[Cells | Reject]:
    """The rows of a table; after a broken one reading goes on at the next line.

    A quote that is never closed would swallow all rows after it. So a row over several lines
    that comes out wrong costs its first line only, and the others are read again.
    """
    while True:
        # The limit is one of the whole process and lower than ours by default.
        csv.field_size_limit(2 * LINE_LIMIT)
        feed.begin()
        cells: list[str] = []
        reason = ""
        try:
            cells = next(csv.reader(feed, delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"a quote is not closed, or stands where none can ({error})"
        first = feed.taken[0]
        if first.fault:
            reason = first.fault
        elif not reason and width is not None and cells and len(cells) != width:
            reason = f"has {len(cells)} columns instead of {width}"
        if reason:
            feed.give_back()
            shown = excerpt(first.text)
            yield Reject(file, first.number, "", reason, "correct the row", excerpt=shown)
        elif any(cells):
            yield Cells(first.number, cells)
            if width is None:
                return


def mapped(
    table: Table, mapping: ColumnMapping | None, *, file: str, names: Names
) -> Iterator[Row | Reject]:
    """The records of a table by a mapping, or by columns that are named as fields."""
    yield from table.notes
    if not table.header:
        return
    if mapping is None:
        mapping = native_mapping(table.header, table=file)
        for column in table.header:
            if column not in mapping.fields:
                reason, next_step = "is not a field that is known", "map it, or leave it"
                yield Reject(file, 1, excerpt(column), reason, next_step, kept=True)
    mapping.check(table.header, file)
    seen = Seen()
    for item in table.rows:
        if isinstance(item, Reject):
            yield item
        else:
            cells = dict(zip(table.header, item.cells, strict=False))
            yield from mapped_row(
                cells, mapping, file=file, number=item.number, names=names, seen=seen
            )


def mapped_row(
    cells: Mapping[str, Any],
    mapping: ColumnMapping,
    *,
    file: str,
    number: int,
    names: Names,
    seen: Seen,
) -> Iterator[Row | Reject]:
    """The record of one row of a table, and its rejects."""
    draft, suspicious = draft_of(cells, mapping)
    record, faults = record_from(draft, prefix=names.prefix)
    told = {fault.field for fault in suspicious}
    # A cell that was not trusted is absent from the draft: that it is missing was said already.
    faults = suspicious + [f for f in faults if f.field not in told]
    if record is not None and any(fault.fatal for fault in suspicious):
        record = None
    if record is not None and (again := seen.again(record, number)):
        if "id" not in mapping.fields:
            again = again._replace(next_step="give the table a column of ids and map it")
        record, faults = None, [*faults, again]
    raw = msgspec.json.encode({k: _raw(v) for k, v in cells.items()}).decode()
    if record is not None:
        yield Row(number, record, raw)
    yield from listed(faults, file=file, row=number, kept=record is not None, text=raw)


def _raw(cell: Any) -> Any:
    return cell if isinstance(cell, str | int | float | None) else cell_text(cell)


READER = Reader("csv", "CSV with a mapping", SUFFIXES, sniff, read)
