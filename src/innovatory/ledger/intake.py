"""Taking in one file: each row is checked against the ledger, then appended or set aside.

Rows come in chunks. For a chunk the ledger is asked once which of its records and keys it already
holds; then the rows are taken in order, each seeing those before it; then what is new is appended.
Memory holds one chunk, and a chunk costs the same in a large ledger as in a small one.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from innovatory.errors import LedgerError
from innovatory.ledger import acceptance
from innovatory.ledger.acceptance import Refusal, unknown_record
from innovatory.ledger.appender import PARTS, Appender
from innovatory.ledger.fingerprint import fingerprint
from innovatory.ledger.quotes import located
from innovatory.ledger.schema import metadata
from innovatory.ledger.store import Store, storable
from innovatory.ledger.versions import QUOTABLE, RECORD_TEXTS, stored_records, value_of
from innovatory.records import (
    Adjudication,
    Coder,
    Coding,
    Correction,
    Draw,
    Event,
    Merge,
    Record,
    Reject,
    Row,
    Source,
    StageEvent,
)

CHUNK_ROWS = 5_000
EXCERPT_LENGTH = 200
Check = Callable[[Coding | Adjudication], tuple[str, str, str] | None]

KINDS: dict[type, str] = {
    Record: "record",
    Coding: "coding",
    Coder: "coder",
    Draw: "draw",
    Adjudication: "adjudication",
    StageEvent: "stage_event",
    Correction: "correction",
    Merge: "merge",
}
_ABOUT_RECORDS = (Coding, Adjudication, StageEvent, Correction, Merge)
_UNSTORABLE = Refusal(
    "",
    "a text holds a NUL or half a character (a lone surrogate)",
    "save it as UTF-8 again without that character",
)
_texts_of = attrgetter(*RECORD_TEXTS)
_funding_of = attrgetter(
    "funding.source", "funding.amount", "funding.currency", "funding.note", "verified"
)
_part_of = {name: attrgetter(*metadata.tables[name].columns.keys()[2:]) for name in PARTS}


class Given(NamedTuple):
    """A fact of the chunk; without a hash where its texts cannot be stored."""

    row: Row
    fact: Any
    hash: str


class Intake:
    """One import as it goes: what it has counted and appended so far."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        *,
        batch: int,
        source: Source,
        file: str,
        codebook: str,
        check: Check | None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self.appender = Appender(store, connection, batch)
        self._store = store
        self._connection = connection
        self._source = source
        self._file = file
        self._codebook = codebook
        self._check = check
        self._source_of: dict[str, str] = {}
        self._told: dict[str, Record] = {}
        self._passages: dict[str, dict[str, str]] = {}
        self._last_refused: int | None = None

    def declare(self, coders: Iterable[Coder]) -> int:
        """Append the source and its coders where they say anything new; the source's version.

        Raises LedgerError where a text of theirs cannot be stored.
        """
        source, appender, declared = self._source, self.appender, list(coders)
        try:
            hashes = [fingerprint(source), *map(fingerprint, declared)]
        except UnicodeError as error:
            raise LedgerError(
                f"source {source.id!r}: {_UNSTORABLE.reason}, in its description or its coders; "
                f"{_UNSTORABLE.next_step}"
            ) from error
        appender.recall("sources", {(source.id,)})
        appender.recall("coders", {(coder.id,) for coder in declared})
        values = (
            source.id,
            source.title,
            str(source.design),
            source.population,
            source.licence,
            source.attribution,
            source.url,
            source.gathered,
            source.notes,
            source.synthetic,
        )
        appender.append("sources", (source.id,), hashes[0], row=0, values=values)
        for coder, hash_ in zip(declared, hashes[1:], strict=True):
            self._append_coder(coder, hash_, row=0)
        appender.flush()
        return appender.known["sources"][source.id,].version

    def take(self, rows: Iterable[Row | Reject]) -> None:
        """Append what the rows say and set aside what cannot be taken."""
        remaining = iter(rows)
        while chunk := list(islice(remaining, CHUNK_ROWS)):
            given = [row if isinstance(row, Reject) else self._given(row) for row in chunk]
            self._recall([one for one in given if isinstance(one, Given) and one.hash])
            for one in given:
                if isinstance(one, Given):
                    self._take(one)
                else:
                    self._set_aside(one)
            self.appender.flush()

    def _given(self, row: Row) -> Given:
        fact: Any = row.fact
        if type(fact) in (Coding, Adjudication) and not fact.codebook and self._codebook:
            fact = replace(fact, codebook=self._codebook)
        try:
            return Given(row, fact, fingerprint(fact))
        except UnicodeError:
            return Given(row, fact, "")

    def _recall(self, given: list[Given]) -> None:
        """Ask the ledger what it already holds of the chunk."""
        recall = self.appender.recall
        facts: dict[type, list[Any]] = defaultdict(list)
        for one in given:
            facts[type(one.fact)].append(one.fact)
        ids = {fact.record_id for kind in _ABOUT_RECORDS for fact in facts[kind]}
        ids |= {record.id for record in facts[Record]} | {fact.into for fact in facts[Merge]}
        self._source_of = dict(recall("records", {(i,) for i in ids}, also=("source_id",)))
        codings, corrections = facts[Coding], facts[Correction]
        recall("codings", {_coding_key(coding) for coding in codings})
        recall("coders", {(c.coder,) for c in codings} | {(c.id,) for c in facts[Coder]})
        recall("draws", {(draw.id,) for draw in facts[Draw]})
        recall("adjudications", {_adjudication_key(fact) for fact in facts[Adjudication]})
        recall("corrections", {(fact.record_id, fact.field) for fact in corrections})
        recall("merges", {(fact.record_id,) for fact in facts[Merge]})
        events = {(g.fact.record_id, g.hash) for g in given if type(g.fact) is StageEvent}
        recall("stage_events", events)
        quoted = {coding.record_id for coding in codings if coding.evidence}
        corrected = {fact.record_id for fact in corrections}
        self._recall_told(quoted | corrected, whole=bool(corrected))

    def _recall_told(self, ids: set[str], *, whole: bool) -> None:
        """Read the records whose words are needed, or all of them that can be corrected."""
        known = self.appender.known["records"]
        seqs = [known[i,].seq for i in ids if (i,) in known]
        parts = PARTS if whole else QUOTABLE
        told = stored_records(self._store, self._connection, seqs, with_parts=parts)
        self._told = {record.id: record for record in told.values()}
        self._passages = {}

    def _take(self, given: Given) -> None:
        kind = type(given.fact)
        outcome = _TAKERS[kind](self, given) if given.hash else [_UNSTORABLE]
        if isinstance(outcome, str):
            self.counts[outcome] += 1
            self.by_kind[KINDS[kind]] += 1
            return
        for refusal in outcome:
            self._refuse(given.row, refusal)

    def _refuse(self, row: Row, refusal: Refusal, *, kept: bool = False) -> None:
        self.counts["waiting"] += refusal.waiting
        field, reason, next_step, _ = refusal
        excerpt = row.raw[:EXCERPT_LENGTH]
        self._set_aside(
            Reject(self._file, row.number, field, reason, next_step, kept=kept, excerpt=excerpt)
        )

    def _set_aside(self, reject: Reject) -> None:
        if reject.kept:
            self.counts["flagged"] += 1
        elif reject.row != self._last_refused:
            self.counts["rejected"] += 1
            self._last_refused = reject.row
        row = (
            self.appender.seq("rejects"),
            self.appender.batch,
            storable(reject.file),
            reject.row,
            *(storable(text) for text in (reject.field, reject.reason, reject.next_step)),
            reject.kept,
            storable(reject.excerpt),
        )
        self.appender.attach("rejects", row)

    def _unknown(self, record_id: str) -> list[Refusal]:
        return [] if record_id in self._source_of else [unknown_record(record_id)]

    def _append(
        self, table: str, key: tuple[str, ...], given: Given, values: tuple[Any, ...]
    ) -> tuple[str, int]:
        return self.appender.append(table, key, given.hash, row=given.row.number, values=values)

    def _record(self, given: Given) -> Outcome:
        record: Record = given.fact
        source_id = self._source_of.get(record.id, self._source.id)
        if source_id != self._source.id:
            return [acceptance.belongs_elsewhere(record.id, source_id)]
        if refusals := acceptance.record_refusals(record):
            return refusals
        raw = storable(given.row.raw)
        values = (
            record.id,
            source_id,
            *_texts_of(record),
            "; ".join(record.keywords),
            *_funding_of(record),
            raw,
            hashlib.sha256(raw.encode()).hexdigest(),
        )
        outcome, seq = self._append("records", (record.id,), given, values)
        if outcome != "unchanged":
            self._source_of[record.id] = source_id
            self._told[record.id] = record
            self._passages.pop(record.id, None)
            for name, read in _part_of.items():
                for n, part in enumerate(getattr(record, name)):
                    self.appender.attach(name, (seq, n, *read(part)))
        return outcome

    def _coding(self, given: Given) -> Outcome:
        coding: Coding = given.fact
        refusals = self._unknown(coding.record_id) or acceptance.coding_refusals(coding)
        refusals = refusals or self._checked(coding)
        if refusals:
            return refusals
        if (coding.coder,) not in self.appender.known["coders"]:
            coder = Coder(coding.coder)
            self._append_coder(coder, fingerprint(coder), row=given.row.number)
        key = _coding_key(coding)
        said = ("|".join(coding.value), coding.confidence, coding.comment)
        values = (*key, *said, coding.coded_at, coding.seconds, coding.suggestion)
        outcome, seq = self._append("codings", key, given, values)
        if coding.evidence and outcome != "unchanged":
            self._evidence(given.row, coding, seq)
        return outcome

    def _evidence(self, row: Row, coding: Coding, seq: int) -> None:
        record_id = coding.record_id
        passages = self._passages.get(record_id)
        if passages is None:
            passages = self._passages[record_id] = self._told[record_id].passages()
        record_seq = self.appender.known["records"][record_id,].seq
        for n, given in enumerate(coding.evidence):
            found = located(given, passages)
            if not found.field:
                refusal = acceptance.quote_not_found(coding.dimension, given.quote)
                self._refuse(row, refusal, kept=True)
            place = (found.field, found.start, found.end, found.quote)
            self.appender.attach("evidence", (seq, n, record_seq, *place))

    def _checked(self, fact: Coding | Adjudication) -> list[Refusal]:
        fault = self._check(fact) if self._check else None
        return [Refusal(*fault)] if fault else []

    def _coder(self, given: Given) -> Outcome:
        if not given.fact.id:
            return [Refusal("id", "the id of the coder is missing", "name the coder")]
        return self._append_coder(given.fact, given.hash, row=given.row.number)

    def _append_coder(self, coder: Coder, hash_: str, *, row: int) -> str:
        values = (coder.id, coder.kind, coder.label, coder.version)
        return self.appender.append("coders", (coder.id,), hash_, row=row, values=values)[0]

    def _draw(self, given: Given) -> Outcome:
        draw: Draw = given.fact
        if refusals := acceptance.draw_refusals(draw):
            return refusals
        known = self.appender.known["draws"].get((draw.id,))
        if known and known.hash != given.hash:
            return [acceptance.drawn_already(draw.id)]
        values = (draw.id, draw.design, draw.seed, draw.note, "|".join(draw.target))
        outcome, seq = self._append("draws", (draw.id,), given, values)
        if outcome == "new":
            second = set(draw.second)
            for n, (record_id, chance) in enumerate(sorted({**draw.frame, **draw.members}.items())):
                drawn = (record_id in draw.members, record_id in second)
                self.appender.attach("draw_members", (seq, n, record_id, chance, *drawn))
        return outcome

    def _adjudication(self, given: Given) -> Outcome:
        fact: Adjudication = given.fact
        refusals = self._unknown(fact.record_id) or acceptance.adjudication_refusals(fact)
        refusals = refusals or self._checked(fact)
        if refusals:
            return refusals
        key = _adjudication_key(fact)
        values = (*key, fact.adjudicator, "|".join(fact.value), fact.reason)
        return self._append("adjudications", key, given, values)[0]

    def _stage_event(self, given: Given) -> Outcome:
        fact: StageEvent = given.fact
        refusals = self._unknown(fact.record_id) or acceptance.stage_event_refusals(fact)
        if refusals:
            return refusals
        values = (fact.record_id, *_part_of["events"](fact.event))
        return self._append("stage_events", (fact.record_id, given.hash), given, values)[0]

    def _correction(self, given: Given) -> Outcome:
        fact: Correction = given.fact
        if refusals := self._unknown(fact.record_id):
            return refusals
        record, later = self._told[fact.record_id], self._later_events(fact)
        refusals = acceptance.correction_refusals(fact, record=record, stage_events=len(later))
        if refusals:
            return refusals
        old = value_of(record, fact.field, later)
        key = (fact.record_id, fact.field)
        values = (*key, old, fact.value, fact.reason, fact.source, fact.by)
        return self._append("corrections", key, given, values)[0]

    def _later_events(self, fact: Correction) -> tuple[Event, ...]:
        if not fact.field.startswith("events."):
            return ()
        columns = ("when", "stage", "note", "source")
        rows = self.appender.about("stage_events", columns, fact.record_id)
        return tuple(Event(*row) for row in rows)

    def _merge(self, given: Given) -> Outcome:
        fact: Merge = given.fact
        refusals = self._unknown(fact.record_id) or self._unknown(fact.into)
        if refusals:
            return refusals
        if fact.into != fact.record_id and self._leads_to(fact.into, fact.record_id):
            return [acceptance.merged_in_a_circle(fact)]
        values = (fact.record_id, fact.into, fact.reason, fact.by)
        return self._append("merges", (fact.record_id,), given, values)[0]

    def _leads_to(self, record_id: str, target: str) -> bool:
        while record_id != target:
            merged = self.appender.about("merges", ("into",), record_id)
            if not merged or merged[-1][0] == record_id:
                return False
            record_id = merged[-1][0]
        return True


def _coding_key(coding: Coding) -> tuple[str, ...]:
    return coding.record_id, coding.dimension, coding.coder, coding.codebook, coding.draw


def _adjudication_key(fact: Adjudication) -> tuple[str, ...]:
    return fact.record_id, fact.dimension, fact.codebook


Outcome = str | list[Refusal]
_TAKERS: dict[type, Callable[[Intake, Given], Outcome]] = {
    Record: Intake._record,
    Coding: Intake._coding,
    Coder: Intake._coder,
    Draw: Intake._draw,
    Adjudication: Intake._adjudication,
    StageEvent: Intake._stage_event,
    Correction: Intake._correction,
    Merge: Intake._merge,
}
