"""Appending facts in one transaction: which are new, which change a former one, which are known.

A fact is found again by its key; it is a new version where its hash differs from that of the
current version. Rows wait here until `flush`, so that the database gets them many at a time.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from innovatory.ledger import schema
from innovatory.ledger.store import Store

KEYS: dict[str, tuple[str, ...]] = {
    "sources": ("source_id",),
    "records": ("record_id",),
    "coders": ("coder_id",),
    "draws": ("draw_id",),
    "codings": ("record_id", "dimension", "coder_id", "codebook", "draw"),
    "adjudications": ("record_id", "dimension", "codebook"),
    "stage_events": ("record_id", "hash"),
    "corrections": ("record_id", "field"),
    "merges": ("record_id",),
}
PARTS = ("places", "organisations", "events", "links")
_IN_ORDER = (*KEYS, *PARTS, "draw_members", "evidence", "rejects")


class Known(NamedTuple):
    """The current version under a key."""

    seq: int
    version: int
    hash: str


class Appender:
    """What one batch appends; `content` is the hash of its facts in order."""

    def __init__(self, store: Store, connection: Connection, batch: int) -> None:
        self.batch = batch
        self.appended = 0
        self.known: dict[str, dict[tuple[str, ...], Known]] = {}
        self._store = store
        self._connection = connection
        self._content = hashlib.sha256()
        self._next: dict[str, int] = {}
        self._pending: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    @property
    def content(self) -> str:
        """The SHA-256 over the table and hash of each fact appended so far, in order."""
        return self._content.hexdigest()

    def recall(
        self, table: str, keys: Collection[tuple[str, ...]], *, also: tuple[str, ...] = ()
    ) -> list[tuple[Any, ...]]:
        """Learn the current versions under these keys, forgetting all others of the table.

        Gives key and `also` of every version found, in the order they were appended.
        """
        columns = ("seq", "version", "hash", *KEYS[table], *also)
        width = 3 + len(KEYS[table])
        rows = self._store.matching(
            self._connection, columns, table=table, key=KEYS[table], keys=keys
        )
        self.known[table] = {row[3:width]: Known(*row[:3]) for row in rows}
        return [row[3:] for row in rows]

    def append(
        self, table: str, key: tuple[str, ...], hash_: str, *, row: int, values: tuple[Any, ...]
    ) -> tuple[str, int]:
        """Append a fact unless it is known: 'new', 'changed' or 'unchanged', and its seq."""
        known = self.known[table]
        before = known.get(key)
        if before and before.hash == hash_:
            return "unchanged", before.seq
        seq = self.seq(table)
        version = before.version + 1 if before else 1
        supersedes = before.seq if before else None
        self._pending[table].append((seq, self.batch, row, version, hash_, supersedes, *values))
        known[key] = Known(seq, version, hash_)
        self._content.update(f"{table} {hash_}\n".encode())
        self.appended += 1
        return ("changed" if before else "new"), seq

    def attach(self, table: str, row: tuple[Any, ...]) -> None:
        """Append a row that is no fact of its own: a part of a version, or a reject."""
        self._pending[table].append(row)

    def seq(self, table: str) -> int:
        """The next seq of a table; sure, because only one transaction writes at a time."""
        seq = self._next.get(table)
        if seq is None:
            column = schema.metadata.tables[table].c.seq
            seq = (self._connection.execute(select(func.max(column))).scalar() or 0) + 1
        self._next[table] = seq + 1
        return seq

    def about(self, table: str, columns: tuple[str, ...], record_id: str) -> list[tuple[Any, ...]]:
        """The rows of a table about one record, those of this batch included, in their order."""
        self.flush()
        rows = self._store.matching(
            self._connection,
            ("seq", *columns),
            table=table,
            key=("record_id",),
            keys=[(record_id,)],
        )
        return [row[1:] for row in rows]

    def flush(self) -> None:
        """Hand all waiting rows to the database, those that others refer to first."""
        for table in _IN_ORDER:
            if rows := self._pending.pop(table, None):
                self._store.insert(self._connection, schema.metadata.tables[table], rows)
