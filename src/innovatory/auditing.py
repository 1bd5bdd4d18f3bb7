"""Auditing anybody's index: a table of units and indicators with its framework, from files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from innovatory.errors import MethodError
from innovatory.index import Choices, Step, audit, read, read_groups, read_table
from innovatory.index.findings import Audit
from innovatory.records import Reject
from innovatory.sources.lines import open_bytes
from innovatory.sources.mapping import cell_text
from innovatory.sources.tables import Table, open_table
from innovatory.sources.workbook import SUFFIXES, open_sheet


def audit_files(
    table: Path, meta: Path, *, unit: str = "uCode", group: str = "", impute: str = "none"
) -> Audit:
    """The statistical audit of an index in files (CSV or XLSX, the first sheet).

    `unit` is the column of the table with the units' ids, `group` one by which units are grouped.
    Raises MethodError where a file cannot be read or does not fit, with file, row and column.
    """
    framework = read(_rows(meta), source=str(meta))
    rows = _rows(table)
    values = read_table(rows, framework, unit=unit, source=str(table))
    groups = read_groups(rows, group, source=str(table)) if group else ()
    return audit(values, framework, choices=Choices(impute=Step(impute)), groups=groups)


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV or XLSX file, as texts by column."""
    try:
        with _opened(path) as table:
            found = []
            for row in table.rows:
                if isinstance(row, Reject):
                    raise MethodError(f"{path}, row {row.row}: {row.reason}; {row.next_step}")
                texts = [cell_text(cell) for cell in row.cells]
                found.append(dict(zip(table.header, texts, strict=False)))
            return found
    except OSError as error:
        raise MethodError(f"{path}: cannot be read ({error.strerror}); check the path") from error


@contextmanager
def _opened(path: Path) -> Iterator[Table]:
    if path.suffix.lower() in SUFFIXES:
        with open_sheet(path) as table:
            yield table
        return
    with open_bytes(path) as stream:
        table = open_table(stream, file=path.name)
        if not table.header:
            reason = table.notes[0].reason if table.notes else "the file has no header"
            raise MethodError(f"{path}: {reason}; check how it was made")
        yield table
