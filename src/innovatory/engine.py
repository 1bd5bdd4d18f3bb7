"""Tables: SQL on DuckDB, Arrow in memory, Parquet and CSV on disk, hashes to tell what changed.

All expressions of an edition are plain SQL that a reader can run again with any DuckDB on the
published Parquet files. Three rules keep the bytes the same on every run: sums are taken over
decimals (two-threaded float sums are not reproducible), every query ends in a full ORDER BY, and
files are written only when their content differs.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

# A spreadsheet runs a cell that begins with one of these; an apostrophe makes it text.
_FORMULA_STARTS = pa.array(["=", "+", "-", "@", "\t", "\r"])

# What does not fit is written to a temporary folder, so that large corpora need no large machine.
MEMORY_LIMIT = "800MB"

_MACROS = """
CREATE MACRO certain_day(w) AS CASE length(w)
  WHEN 4 THEN make_date(CAST(w AS INTEGER), 12, 31)
  WHEN 7 THEN last_day(CAST(w || '-01' AS DATE))
  WHEN 10 THEN CAST(w AS DATE) END
"""


class Engine:
    """An in-memory DuckDB session over Arrow tables.

    >>> with Engine() as engine:
    ...     engine.table("t", pa.table({"a": [1, 2]}))
    ...     engine.rows("SELECT sum(a) AS s FROM t")
    [{'s': 3}]
    """

    def __init__(self) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="innovatory-")
        self._connection = duckdb.connect(
            ":memory:",
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": self._spill.name},
        )
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute("SET autoinstall_known_extensions = false")
        self._connection.execute(_MACROS)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._spill.cleanup()

    def table(self, name: str, data: pa.Table) -> None:
        """Make an Arrow table known under a name."""
        self._connection.register(name, data)

    def forget(self, name: str) -> None:
        """Let go of an Arrow table, so that its memory can be freed."""
        self._connection.unregister(name)

    def parquet(self, name: str, path: Path) -> None:
        """Make a Parquet file known under a name."""
        import pyarrow.parquet as pq

        self.table(name, pq.read_table(path, memory_map=False))

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement for its effect."""
        self._connection.execute(statement, list(values))

    def query(self, statement: str) -> pa.Table:
        """Run a query and return its rows as an Arrow table."""
        return _plain(self._connection.sql(statement).to_arrow_table())

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Run a query and return its rows as dictionaries."""
        rows: list[dict[str, Any]] = self.query(statement).to_pylist()
        return rows


def _plain(table: pa.Table) -> pa.Table:
    """Integers for 128-bit sums, text for enumerations, one chunk: equal tables, equal bytes."""
    for n, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(n, column.name, table.column(n).cast(pa.string()))
        if pa.types.is_decimal(column.type) and column.type.scale == 0:
            table = table.set_column(n, column.name, table.column(n).cast(pa.int64()))
    return table.combine_chunks()


def quoted(text: str) -> str:
    """A text as an SQL literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as Parquet: the same table gives the same bytes."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(None), sink, compression="zstd", version="2.6",
        write_statistics=True, store_schema=False,
    )  # fmt: skip
    return sink.getvalue()


def csv_bytes(table: pa.Table) -> bytes:
    r"""A table as CSV (UTF-8, RFC 4180 quotes) in which no cell can act as a formula.

    >>> csv_bytes(pa.table({"a": ["=1+1", "x"], "n": [-1, 2]}))
    b'"a","n"\n"\'=1+1",-1\n"x",2\n'
    """
    import pyarrow.compute as pc
    import pyarrow.csv as csv

    for n, column in enumerate(table.schema):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            texts = table.column(n)
            unsafe = pc.is_in(pc.utf8_slice_codeunits(texts, 0, 1), value_set=_FORMULA_STARTS)
            if pc.any(unsafe).as_py():
                marked = pc.utf8_replace_slice(texts, 0, 0, "'")
                table = table.set_column(n, column.name, pc.if_else(unsafe, marked, texts))
    sink = io.BytesIO()
    csv.write_csv(table, sink)
    return sink.getvalue()


def digest(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def key_of(parts: Mapping[str, str] | Sequence[str]) -> str:
    """One hash for several named or ordered hashes; the order of names does not matter.

    >>> key_of({"a": "1", "b": "2"}) == key_of({"b": "2", "a": "1"})
    True
    """
    items = sorted(parts.items()) if isinstance(parts, Mapping) else list(enumerate(parts))
    return digest("\n".join(f"{name}\t{part}" for name, part in items).encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
