"""Tables that are costly to make, kept in `.innovatory/` under the key of what they are made from.

Deleting the folder loses nothing. A file that cannot be read is made again.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from innovatory.engine import write_atomically

MOST_BYTES = 200_000_000


class Remembered:
    """A folder of tables by key; `prune` keeps it from growing without end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: set[str] = set()

    def __call__(self, key: str, make: Callable[[], pa.Table]) -> pa.Table:
        """The table under a key, made and kept where there is none yet."""
        self._asked.add(key)
        path = self._folder / f"{key}.parquet"
        try:
            table = pq.read_table(path)
            os.utime(path)
            return table
        except (OSError, pa.ArrowException):
            table = make()
            sink = io.BytesIO()
            pq.write_table(table, sink, compression="zstd")
            write_atomically(path, sink.getvalue())
            return table

    def prune(self) -> None:
        """Remove what was not asked for, the longest unused first, down to `MOST_BYTES` in all.

        What this build did not need the next one may: an edition that is left as it is asks for
        nothing.
        """
        files = [(path.stat(), path) for path in self._folder.glob("*.parquet")]
        size = sum(found.st_size for found, _ in files)
        for found, path in sorted(files, key=lambda one: (one[0].st_mtime_ns, one[1].name)):
            if size > MOST_BYTES and path.stem not in self._asked:
                path.unlink(missing_ok=True)
                size -= found.st_size
