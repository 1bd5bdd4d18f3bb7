"""What the ledger has ever held about one record, in the order in which it learnt it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, or_, select

from innovatory.errors import UnknownRecord
from innovatory.ledger.schema import (
    adjudications,
    codings,
    corrections,
    evidence,
    imports,
    merges,
    records,
    stage_events,
)
from innovatory.ledger.store import Store
from innovatory.ledger.versions import stored_records
from innovatory.records import canonical

_SHOWN = 60
_WORDS = {
    "record": "record",
    "coding": "coding",
    "adjudication": "adjudication",
    "correction": "correction",
    "merge": "merge",
    "stage_event": "stage event",
}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One fact about a record, with where it came from and what it changed.

    `changes` lists (field, old, new) against the version before; empty for a first version.
    """

    batch: int
    recorded_at: str
    source_id: str
    file: str
    row: int
    kind: str
    version: int
    says: str
    changes: tuple[tuple[str, str, str], ...] = ()

    @property
    def text(self) -> str:
        """The entry as one line, without characters that would steer a terminal."""
        line = (
            f"batch {self.batch}, {self.recorded_at}, {self.file} row {self.row}: "
            f"{_WORDS[self.kind]}"
        )
        line += f" (version {self.version})" if self.version > 1 else ""
        line += f": {self.says}" if self.says else ""
        if self.changes:
            told = (f"{name}: {_short(old)} -> {_short(new)}" for name, old, new in self.changes)
            line += "; " + "; ".join(told)
        return "".join(c if c.isprintable() else " " for c in line)


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def record_history(store: Store, connection: Connection, record_id: str) -> list[HistoryEntry]:
    """Every version of a record and of every fact about it, oldest first.

    Raises UnknownRecord where the ledger holds no record of that id.
    """
    first = connection.execute(
        select(records.c.seq).where(records.c.record_id == record_id).limit(1)
    ).first()
    if first is None:
        raise UnknownRecord(
            f"the ledger holds no record {record_id!r}; ids are those of the source, "
            "with the prefix that its settings give them"
        )
    batches = {row.batch: row for row in connection.execute(select(imports))}
    entries = []
    for place, (kind, read) in enumerate(_READERS.items()):
        for row, says, changes in read(store, connection, record_id):
            batch = batches[row["batch"]]
            entry = HistoryEntry(
                row["batch"],
                batch.recorded_at,
                batch.source_id,
                batch.file,
                row["row"],
                kind,
                row["version"],
                says,
                changes,
            )
            entries.append(((row["batch"], row["row"], place, row["seq"]), entry))
    return [entry for _, entry in sorted(entries, key=lambda pair: pair[0])]


Found = tuple[dict[str, Any], str, tuple[tuple[str, str, str], ...]]


def _rows(connection: Connection, table: Table, record_id: str) -> list[dict[str, Any]]:
    about = table.c.record_id == record_id
    if table is merges:
        about = or_(about, merges.c.into == record_id)
    query = select(table).where(about).order_by(table.c.seq)
    return [dict(row) for row in connection.execute(query).mappings()]


def _changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, str(before.get(name, "")), str(after.get(name, "")))
        for name in [*after, *(name for name in before if name not in after)]
        if before.get(name, "") != after.get(name, "")
    )


def _records(store: Store, connection: Connection, record_id: str) -> Iterator[Found]:
    rows = _rows(connection, records, record_id)
    told = stored_records(store, connection, [row["seq"] for row in rows])
    flat = {seq: dict(_flattened(canonical(record))) for seq, record in told.items()}
    for row in rows:
        before = row["supersedes"]
        changes = _changes(flat[before], flat[row["seq"]]) if before else ()
        yield row, "" if before else row["title"], changes


def _flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of canonical data by dotted name, as in `events.0.when`."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flattened(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, str(value)


def _codings(store: Store, connection: Connection, record_id: str) -> Iterator[Found]:
    rows = _rows(connection, codings, record_id)
    quotes: dict[int, list[str]] = {row["seq"]: [] for row in rows}
    wanted = store.matching(
        connection,
        ("owner", "quote"),
        table=evidence.name,
        key=("owner",),
        keys=[(seq,) for seq in quotes],
    )
    for owner, quote in wanted:
        quotes[owner].append(quote)
    told = {row["seq"]: _told_by(row, quotes[row["seq"]]) for row in rows}
    for row in rows:
        says = f"{row['dimension']} is {row['value']}, says {row['coder_id']}"
        says += f" in draw {row['draw']}" if row["draw"] else ""
        says += f" at {row['coded_at']}" if row["coded_at"] else ""
        says += "".join(f" {_short(quote)}" for quote in quotes[row["seq"]])
        before = row["supersedes"]
        yield row, says, _changes(told[before], told[row["seq"]]) if before else ()


def _told_by(row: dict[str, Any], quotes: list[str]) -> dict[str, str]:
    kept = {name: row[name] for name in ("value", "confidence", "comment")}
    told = {name: str(value) for name, value in kept.items() if value is not None}
    return told | {"evidence": " | ".join(quotes)}


def _said(
    table: Table, says: Callable[[dict[str, Any]], str], *, watched: tuple[str, ...]
) -> Callable[[Store, Connection, str], Iterator[Found]]:
    """A reader of a table whose rows tell their own story; `watched` columns can change."""

    def read(_store: Store, connection: Connection, record_id: str) -> Iterator[Found]:
        rows = {row["seq"]: row for row in _rows(connection, table, record_id)}
        for row in rows.values():
            before = row["supersedes"]
            changes: tuple[tuple[str, str, str], ...] = ()
            if before:
                changes = _changes(
                    {name: rows[before][name] for name in watched},
                    {name: row[name] for name in watched},
                )
            yield row, says(row), changes

    return read


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


_READERS: dict[str, Callable[[Store, Connection, str], Iterator[Found]]] = {
    "record": _records,
    "stage_event": _said(
        stage_events,
        lambda row: f"{row['stage']} in {row['when']}{_because(row['note'])}",
        watched=(),
    ),
    "coding": _codings,
    "adjudication": _said(
        adjudications,
        lambda row: (
            f"{row['dimension']} is {row['value']}, settles {row['adjudicator']}"
            f"{_because(row['reason'])}"
        ),
        watched=("value", "adjudicator", "reason"),
    ),
    "correction": _said(
        corrections,
        lambda row: (
            f"{row['field']} is {_short(row['new'])}, the source has {_short(row['old'])}"
            f"{_because(row['reason'])}"
        ),
        watched=("new", "old", "reason", "source", "by"),
    ),
    "merge": _said(
        merges,
        lambda row: f"{row['record_id']} is counted as {row['into']}{_because(row['reason'])}",
        watched=("into", "reason", "by"),
    ),
}
