"""The tables of one build on disk: kept where nothing changed, else written meanwhile."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from innovatory.engine import csv_bytes, digest, parquet_bytes, write_atomically

Entry = dict[str, Any]


class Outputs:
    """What a build has put on disk; `old` is what the last build left, by table.

    One thread writes, so that tables are compressed and flushed while the next one is computed.
    Leaving the context waits for it.
    """

    def __init__(self, folder: Path, old: dict[str, Entry]) -> None:
        self.folder = folder
        self.old = old
        self.made: list[str] = []
        self.kept: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._pending: dict[str, Future[tuple[Entry, bool]]] = {}
        self._writer = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.shutdown(cancel_futures=error is not None)

    def reuse(self, name: str, key: str) -> bool:
        """Whether the table on disk is the one that `key` would make again; then it is kept."""
        entry = self.old.get(name)
        if not entry or entry["key"] != key or not self.intact(name):
            return False
        self._entries[name] = entry
        self.kept.append(name)
        return True

    def put(self, name: str, key: str, table: pa.Table, *, marks: Any = None) -> None:
        """Write a table, where its content differs from what is on disk.

        `marks` is kept with the entry for the next build.
        """
        self._pending[name] = self._writer.submit(self._written, name, key, table, marks)

    def entry(self, name: str) -> Entry:
        """Key, hashes, rows and columns of a table; waits until it is on disk."""
        if name in self._pending:
            self._entries[name], made = self._pending.pop(name).result()
            (self.made if made else self.kept).append(name)
        return self._entries[name]

    def entries(self) -> dict[str, Entry]:
        """All tables of this build, when all are on disk."""
        for name in list(self._pending):
            self.entry(name)
        return self._entries

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table of this build."""
        self.entry(name)
        found: list[dict[str, Any]] = pq.read_table(self.path(name, "parquet")).to_pylist()
        return found

    def path(self, name: str, kind: str) -> Path:
        """The file of a table; `kind` is parquet or csv."""
        return self.folder / "tables" / f"{name}.{kind}"

    def intact(self, name: str) -> bool:
        """Whether the files of a table are those that the last build left."""
        entry = self.old.get(name)
        return entry is not None and all(
            self.path(name, kind).is_file()
            and digest(self.path(name, kind).read_bytes()) == entry[kind]
            for kind in ("parquet", "csv")
        )

    def _written(self, name: str, key: str, table: pa.Table, marks: Any) -> tuple[Entry, bool]:
        parquet = parquet_bytes(table)
        sha = digest(parquet)
        if self.intact(name) and self.old[name]["parquet"] == sha:
            return self.old[name] | {"key": key, "marks": marks}, False
        csv = csv_bytes(table)
        write_atomically(self.path(name, "parquet"), parquet)
        write_atomically(self.path(name, "csv"), csv)
        columns = [[f.name, str(f.type).replace("large_", "")] for f in table.schema]
        entry = {"key": key, "parquet": sha, "csv": digest(csv), "rows": table.num_rows,
                 "columns": columns, "marks": marks}  # fmt: skip
        return entry, True
