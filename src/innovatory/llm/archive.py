"""What was asked of models and what they answered, word for word, for ever.

One SQLite file in a folder of the caller's. Rows are only ever added; each is on the disk before
its answer is used, so a run that is killed loses at most what was on its way. No key enters it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from innovatory.errors import ObservatoryError
from innovatory.llm.prompt import Request

FILE = "llm-archive.db"
ANSWERED = 200

_SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (hash TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS exchanges (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL, request TEXT NOT NULL, address TEXT NOT NULL,
  at TEXT NOT NULL, seconds REAL NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS exchange_key ON exchanges (key, status);
"""
_KEPT = "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_{verb} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, 'the archive is only added to'); END;\n"
    for table in ("texts", "exchanges")
    for verb in ("UPDATE", "DELETE")
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A raw answer: `at` in UTC (ISO 8601, second), `seconds` it took, the headers that matter."""

    status: int
    body: bytes
    at: str
    seconds: float
    address: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Archive:
    """The archive in a folder; the file is made with the first answer. Close it, or use `with`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        if self.path.exists():
            self._connection = self._open()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def answer(self, key: str) -> Exchange | None:
        """The first answer to a request, or None where there is none yet.

        What a server refused or failed to do is kept as well, and is not an answer.
        """
        with self._lock:
            if self._connection is None:
                return None
            row = self._connection.execute(
                "SELECT status, body, at, seconds, address, headers FROM exchanges "
                "WHERE key = ? AND status = ? ORDER BY seq LIMIT 1",
                (key, ANSWERED),
            ).fetchone()
        if row is None:
            return None
        status, body, at, seconds, address, headers = row
        return Exchange(status, body, at, seconds, address, json.loads(headers))

    def keep(self, request: Request, exchange: Exchange) -> None:
        """Add a request and what came back; returns once both are on the disk."""
        with self._lock:
            if self._connection is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = self._open()
            headers = json.dumps(dict(exchange.headers), sort_keys=True)
            values = (
                *(request.key, request.canonical, exchange.address, exchange.at),
                *(exchange.seconds, exchange.status, headers, exchange.body),
            )
            try:
                with self._connection as transaction:
                    transaction.executemany(
                        "INSERT INTO texts VALUES (?, ?) ON CONFLICT DO NOTHING",
                        request.texts.items(),
                    )
                    transaction.execute(
                        "INSERT INTO exchanges VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", values
                    )
            except sqlite3.Error as error:
                raise ObservatoryError(
                    f"{self.path}: cannot be written ({error}); make room, then run again"
                ) from error

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            # With this the log is on the disk at each commit, and not only at checkpoints.
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA + _KEPT)
        except sqlite3.Error as error:
            raise ObservatoryError(
                f"{self.path}: is no archive of answers ({error}); move it away, "
                "or give another folder"
            ) from error
        return connection
