"""What the machine coder reads of records: their texts by field, and facts as numbers.

The layout is that of the edition's tables (docs/edition.md). What a table or column does not give
is taken as not known.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from innovatory.records import STAGES, Event, Organisation, Place, Record, last_day

FIELDS = ("title", "local_name", "keywords", "description", "citizens", "district", "lead",
          "funding_note", "notes")  # fmt: skip
"""The fields that are read; `notes` are those of the events, joined."""

LEADING_ROLES = ("coordinator", "lead")
# A note on funding may tell things by name: "scheme: HORIZON-IA; programme: Transport".
_NAMED = re.compile(r"(?:^|; )([a-z][a-z ]{1,18}): ([^;]{1,80})")
_KINDS = ("public", "company", "research", "other", "unknown")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Corpus:
    """Records in the order of their ids.

    `fields` holds a record's texts in the order of FIELDS. `facts` holds what is known of it as
    numbers by name: `status=active` is 1 where it holds, names without `=` are measures.
    """

    record_ids: tuple[str, ...]
    languages: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]
    facts: tuple[Mapping[str, float], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Each record's texts in one, a field a line."""
        return tuple("\n".join(text for text in fields if text) for fields in self.fields)

    def take(self, rows: Sequence[int]) -> Corpus:
        """These records alone."""
        return Corpus(
            tuple(self.record_ids[row] for row in rows),
            tuple(self.languages[row] for row in rows),
            tuple(self.fields[row] for row in rows),
            tuple(self.facts[row] for row in rows),
        )

    def joined(self, other: Corpus) -> Corpus:
        """These records and then those of another corpus."""
        return Corpus(
            self.record_ids + other.record_ids,
            self.languages + other.languages,
            self.fields + other.fields,
            self.facts + other.facts,
        )

    @cached_property
    def key(self) -> str:
        """The hash of all that is read of the records."""
        made_of = hashlib.sha256()
        for row in zip(self.record_ids, self.languages, self.fields, self.facts, strict=True):
            made_of.update(repr((*row[:3], sorted(row[3].items()))).encode())
        return made_of.hexdigest()


def corpus(tables: Mapping[str, pa.Table]) -> Corpus:
    """The corpus of the tables `records`, `places`, `organisations` and `events` of an edition.

    Only `records` must be there. Further columns and tables are left alone.

    >>> corpus({"records": pa.table({"record_id": ["b", "a"], "title": ["Bus", "Tram"]})}).texts
    ('Tram', 'Bus')
    """
    rows = sorted(tables["records"].to_pylist(), key=lambda row: str(row["record_id"]))
    children = {name: _children(tables.get(name)) for name in ("places", "organisations", "events")}
    return _corpus(
        {**row, **{name: found.get(row["record_id"], []) for name, found in children.items()}}
        for row in rows
    )


def batch_corpus(batch: pa.RecordBatch) -> Corpus:
    """The corpus of a batch of the table `records`, in the order of the batch.

    Where the batch has columns `places`, `organisations` or `events` (lists of structs with the
    columns of those tables) they are read too.
    """
    return _corpus(batch.to_pylist())


def recorded(records: Iterable[Record]) -> Corpus:
    """The corpus of records as a source tells them, all of their events counted.

    >>> bus = Record("a", "project", "Bus", events=(Event("2019", "pilot"),))
    >>> recorded([bus]).facts[0]["stage=pilot"]
    1.0
    """
    return _corpus(_row(record) for record in sorted(records, key=lambda record: record.id))


def _row(record: Record) -> Row:
    """A record with the columns of an edition's table."""
    row = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    row |= {
        "record_id": record.id, "language": record.language, "kind": record.kind,
        "keywords": "; ".join(record.keywords), "lead_type": record.lead_type,
        "status": record.status, "start": record.start, "end": record.end,
        "funding_source": record.funding.source, "funding_amount": record.funding.amount,
        "funding_note": record.funding.note, "places": [_columns(p) for p in record.places],
        "organisations": [_columns(o) for o in record.organisations],
        "events": [_columns(e) for e in record.events],
    }  # fmt: skip
    reached = [event.stage for event in sorted(record.events, key=lambda e: last_day(e.when))]
    lasting = [stage for stage in reached if stage != "ended"]
    row["stage"] = reached[-1] if reached else "unknown"
    if row["stage"] in ("ended", "planned"):
        row["status"] = row["stage"]
    row["furthest_stage"] = max(lasting, key=STAGES.index, default="unknown")
    return row


def _columns(noun: Place | Organisation | Event) -> Row:
    return {name: getattr(noun, name) for name in noun.__dataclass_fields__}


def _children(table: pa.Table | None) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in table.to_pylist() if table is not None else ():
        found.setdefault(row["record_id"], []).append(row)
    return found


def _corpus(rows: Iterable[Row]) -> Corpus:
    kept = list(rows)
    return Corpus(
        tuple(str(row["record_id"]) for row in kept),
        tuple(row.get("language") or "" for row in kept),
        tuple(_fields(row) for row in kept),
        tuple(_facts(row) for row in kept),
    )


def _fields(row: Row) -> tuple[str, ...]:
    notes = " ".join(event.get("note") or "" for event in row.get("events") or ())
    return (*(row.get(name) or "" for name in FIELDS[:-1]), notes.strip())


def _facts(row: Row) -> dict[str, float]:
    """What is known of a record as numbers; counts and amounts as logarithms."""
    names = ("kind", "lead_type", "status", "funding_source", "stage", "furthest_stage")
    facts = {f"{name}={row[name]}": 1.0 for name in names if row.get(name)}
    if amount := row.get("funding_amount"):
        facts["funding"] = math.log10(1 + max(0.0, amount))
    named = _NAMED.findall(row.get("funding_note") or "")
    facts |= {f"funding {name}={value.strip()}": 1.0 for name, value in named}
    start, end = _year(row.get("start")), _year(row.get("end"))
    if start:
        facts["start"] = start
    if start and end:
        facts["duration"] = math.log1p(max(0.0, end - start))
    facts["length"] = math.log1p(len(row.get("description") or ""))
    facts |= {f"{name}=given": 1.0 for name in ("citizens", "district") if row.get(name)}
    facts |= {f"{name}=missing": 1.0 for name in ("funding", "start", "duration")
              if name not in facts}  # fmt: skip
    places, events = row.get("places") or [], row.get("events") or []
    facts["places"] = math.log1p(len(places))
    facts["countries"] = math.log1p(len({place.get("country") for place in places}))
    facts["events"] = math.log1p(len(events))
    facts |= {f"event={event['stage']}": 1.0 for event in events if event.get("stage")}
    return facts | _participants(row.get("organisations") or [], places)


def _participants(organisations: Sequence[Row], places: Sequence[Row]) -> dict[str, float]:
    kinds = [organisation.get("kind") or "unknown" for organisation in organisations]
    facts = {"organisations": math.log1p(len(kinds))}
    for kind in _KINDS:
        facts[f"number {kind}"] = math.log1p(kinds.count(kind))
        facts[f"share {kind}"] = kinds.count(kind) / len(kinds) if kinds else 0.0
        if kind in kinds:
            facts[f"any={kind}"] = 1.0
    for role in {organisation.get("role") or "" for organisation in organisations}:
        number = sum((organisation.get("role") or "") == role for organisation in organisations)
        facts[f"role {role}"] = math.log1p(number)
    lead = next((o for o in organisations if o.get("role") in LEADING_ROLES), None)
    if lead:
        facts[f"lead kind={lead.get('kind') or 'unknown'}"] = 1.0
        facts[f"lead country={lead.get('country') or ''}"] = 1.0
    elif places:
        facts[f"country={places[0].get('country') or ''}"] = 1.0
    return facts


def _year(when: str | None) -> float:
    return float(when[:4]) if when and when[:4].isdigit() else 0.0
