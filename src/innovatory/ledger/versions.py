"""Records as they stand in the ledger, read back as the dataclass, and single values of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection

from innovatory.ledger import schema
from innovatory.ledger.store import Store
from innovatory.records import Event, Funding, Link, Organisation, Place, Record

RECORD_TEXTS = (
    "kind",
    "title",
    "description",
    "local_name",
    "language",
    "lead",
    "lead_type",
    "start",
    "end",
    "status",
    "district",
    "citizens",
    "doubts",
)
# The raw row is as long as all else together, and nothing here asks for it.
_COLUMNS = tuple(c.name for c in schema.records.columns if c.name not in ("raw", "raw_hash"))
_PART_TABLES: dict[str, Callable[..., Any]] = {
    "places": Place,
    "organisations": Organisation,
    "events": Event,
    "links": Link,
}


QUOTABLE = ("organisations", "events")
"""The parts of a record that hold words a coder may quote; see `Record.passages`."""


def stored_records(
    store: Store,
    connection: Connection,
    seqs: Collection[int],
    *,
    with_parts: Collection[str] = tuple(_PART_TABLES),
) -> dict[int, Record]:
    """The versions of records with these seqs, by seq, with all their parts or only some.

    Keywords come back split at '; ', as they were joined.
    """
    keys = [(seq,) for seq in seqs]
    parts: dict[str, dict[int, list[Any]]] = {}
    for name in with_parts:
        noun = _PART_TABLES[name]
        columns = schema.metadata.tables[name].columns.keys()
        rows = store.matching(connection, columns, table=name, key=("owner",), keys=keys)
        parts[name] = defaultdict(list)
        for owner, _, *of_part in sorted(rows, key=lambda row: row[:2]):
            parts[name][owner].append(noun(*of_part))
    found = {}
    for values in store.matching(connection, _COLUMNS, table="records", key=("seq",), keys=keys):
        row = dict(zip(_COLUMNS, values, strict=True))
        mine = {name: tuple(of[row["seq"]]) for name, of in parts.items()}
        found[row["seq"]] = _record(row, mine)
    return found


def _record(row: dict[str, Any], parts: dict[str, Any]) -> Record:
    texts: dict[str, Any] = {name: row[name] for name in RECORD_TEXTS}
    return Record(
        id=row["record_id"],
        **texts,
        **parts,
        keywords=tuple(row["keywords"].split("; ")) if row["keywords"] else (),
        funding=Funding(
            row["funding_source"],
            row["funding_amount"],
            row["funding_currency"],
            row["funding_note"],
        ),
        verified=None if row["verified"] is None else bool(row["verified"]),
    )


def value_of(record: Record, field: str, stage_events: tuple[Event, ...] = ()) -> str:
    """What a record says in a field that a `Correction` may name, as text.

    >>> bus = Record("bus", "project", "Bus", places=(Place("Wien"),), verified=True)
    >>> value_of(bus, "places.0.name"), value_of(bus, "verified"), value_of(bus, "withdrawn")
    ('Wien', 'true', 'false')
    """
    if field == "withdrawn":
        return "false"
    if field == "keywords":
        return "; ".join(record.keywords)
    if field.startswith("funding."):
        value = getattr(record.funding, field.removeprefix("funding."))
        return "" if value is None else str(value)
    if "." in field:
        group, number, name = field.split(".")
        items = record.places if group == "places" else record.events + stage_events
        return str(getattr(items[int(number)], name))
    value = getattr(record, field)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
