"""Tables that are costly to make, kept in `.innovatory/` under the key of what they are made from.

Deleting the folder loses nothing. A file that cannot be read is made again.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from innovatory.engine import write_atomically


class Remembered:
    """A folder of tables by key; `prune` removes those that were not asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: set[str] = set()

    def __call__(self, key: str, make: Callable[[], pa.Table]) -> pa.Table:
        """The table under a key, made and kept where there is none yet."""
        self._asked.add(key)
        path = self._folder / f"{key}.parquet"
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException):
            table = make()
            sink = io.BytesIO()
            pq.write_table(table, sink, compression="zstd")
            write_atomically(path, sink.getvalue())
            return table

    def prune(self) -> None:
        """Remove the tables that were not asked for since this was made."""
        for path in self._folder.glob("*.parquet"):
            if path.stem not in self._asked:
                path.unlink(missing_ok=True)
