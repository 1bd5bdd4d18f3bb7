"""What the review app asks of the ledger and tells it, a few records at a time.

`Ledger.facts` gives everything, which takes too long between two answers of a coder. Here the same
tables are asked for single records, and `marks` says cheaply whether anything is new.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import ColumnElement, Connection, exists, func, select

from innovatory import codebook
from innovatory.codebook import Dimension
from innovatory.edition.judgements import MACHINES
from innovatory.errors import CodebookError, LedgerError, ReviewError
from innovatory.ledger import Ledger, schema
from innovatory.ledger.store import open_store
from innovatory.ledger.versions import stored_records
from innovatory.observatory import Observatory
from innovatory.records import (
    Adjudication,
    Coder,
    Coding,
    Evidence,
    Fact,
    Record,
    Row,
    Source,
)

SOURCE = Source("review", "Answers given in the review app")
REPEAT = "repeat"
# (name, country) of a place, and the places so spelt as (record id, number of the place).
Spellings = dict[tuple[str, str], list[tuple[str, int]]]
_MARKED = ("records", "coders", "draws", "codings", "adjudications", "merges", "rejects",
           "corrections")  # fmt: skip
_CODING = ("seq", "supersedes", "record_id", "dimension", "coder_id", "codebook", "draw", "value",
           "confidence", "comment", "coded_at")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draw as coders work it off; `members` are (record id, whether two coders code it)."""

    seq: int
    id: str
    design: str
    seed: int | None
    target: tuple[str, ...]
    members: tuple[tuple[str, bool], ...]


class Facts:
    """An observatory's ledger as the app uses it. Close it, or use it as a context."""

    def __init__(self, observatory: Observatory) -> None:
        self.book = observatory.book
        self._named = observatory.reference
        self._asked: dict[str, dict[str, str]] = {}
        self._store = open_store(observatory.ledger_url, create=False)
        self._ledger = Ledger(self._store)
        self._ledger.add_codebook(self.book.version, self.book.text)
        # Writers of one process queue here rather than in the database, where they would poll.
        self._turn = threading.Lock()

    def close(self) -> None:
        """Give back the connections."""
        self._ledger.close()

    @property
    def ledger(self) -> Ledger:
        """The ledger itself, for what is asked rarely."""
        return self._ledger

    @cached_property
    def dimensions(self) -> dict[str, Dimension]:
        """The dimensions that are asked, by id."""
        return {d.id: d for d in self.book.dimensions}

    def questions(self, target: Sequence[str]) -> list[Dimension]:
        """The dimensions that a draw asks: those it names, or all."""
        return [d for d in self.book.dimensions if not target or d.id in target]

    def marks(self) -> dict[str, int]:
        """The number of the last row of each table: where none has grown nothing is new."""
        with self._store.reading() as connection:
            return {
                name: connection.execute(
                    select(func.max(schema.metadata.tables[name].c.seq))
                ).scalar()
                or 0
                for name in _MARKED
            }

    def origin(self) -> str:
        """When the first batch came in and what it holds: no two ledgers have it in common."""
        imports = schema.imports
        first = select(imports.c.recorded_at, imports.c.content).order_by(imports.c.batch).limit(1)
        with self._store.reading() as connection:
            row = connection.execute(first).first()
        return f"{row.recorded_at} {row.content}" if row else ""

    def draws(self, *, after: int = 0) -> list[Drawn]:
        """The draws that were stored after a number, in the order in which they were."""
        draws, members = schema.draws, schema.draw_members
        found = []
        with self._store.reading() as connection:
            later = select(draws).where(draws.c.seq > after).order_by(draws.c.seq)
            for row in connection.execute(later).all():
                of = (
                    select(members.c.record_id, members.c.second)
                    .where(members.c.owner == row.seq, members.c.drawn)
                    .order_by(members.c.ord)
                )
                drawn = tuple((m.record_id, bool(m.second)) for m in connection.execute(of))
                target = tuple(name for name in row.target.split("|") if name)
                found.append(Drawn(row.seq, row.draw_id, row.design, row.seed, target, drawn))
        return found

    def record(self, record_id: str) -> Record | None:
        """The record as the ledger holds it now, or None."""
        return self.records([record_id]).get(record_id)

    def records(self, record_ids: Collection[str]) -> dict[str, Record]:
        """The records of these ids as the ledger holds them now, those it does not hold left out.

        Corrections are not applied: quotes are looked for in the source's own words.
        """
        with self._store.reading() as connection:
            rows = self._store.matching(
                connection, ("seq", "record_id"), table="records", key=("record_id",),
                keys={(i,) for i in record_ids},
            )  # fmt: skip
            last = {record_id: seq for seq, record_id in rows}
            told = stored_records(self._store, connection, list(last.values()))
            return {record.id: record for record in told.values()}

    def codings(self, record_ids: Collection[str]) -> list[Coding]:
        """The current codings of these records by reference coders, in every draw."""
        with self._store.reading() as connection:
            rows = self._store.matching(
                connection, _CODING, table="codings", key=("record_id",),
                keys={(i,) for i in record_ids},
            )  # fmt: skip
            counted = self._reference(connection)
            superseded = {row[1] for row in rows}
            rows = [row for row in rows if row[0] not in superseded and row[4] in counted]
            quotes = self._quotes(connection, [row[0] for row in rows])
        found = []
        for row in rows:
            seq, _, record_id, dimension, coder, version, draw, value, sure, comment, at = row
            found.append(
                Coding(
                    record_id, dimension, coder, tuple(value.split("|")), sure,
                    tuple(quotes[seq]), comment, draw, version, at,
                )
            )  # fmt: skip
        return found

    def answers(self, record_ids: Collection[str]) -> dict[tuple[str, str], dict[str, Coding]]:
        """What each reference coder says now, by (record, dimension) and coder.

        Only answers count to a question that the codebook in force still asks in the same words.
        Of several by one coder the one by the codebook in force comes first, then that of the
        draw whose id is last, as in an edition; hidden repeats count for nothing here.
        """
        valid, again = self.valid(), self._repeats()
        found: dict[tuple[str, str], dict[str, Coding]] = defaultdict(dict)
        ranked = sorted(
            self.codings(record_ids),
            key=lambda c: (c.codebook == self.book.version, c.codebook, c.draw),
        )
        for coding in ranked:
            if (coding.codebook, coding.dimension) in valid and coding.draw not in again:
                found[coding.record_id, coding.dimension][coding.coder] = coding
        return found

    def differing(self) -> set[str]:
        """The records of which two coders gave unlike answers; some may agree by now."""
        unlike = func.count(schema.codings.c.value.distinct()) > 1
        return self._twice(unlike)

    def coded_twice(self) -> set[str]:
        """The records that two coders, whoever they are, have coded."""
        return self._twice()

    def drawn_twice(self) -> set[str]:
        """The records that draws name for a second coder; those drawn as uncertain left out.

        How far coders agree on the hardest records says nothing of the others.
        """
        members, draws = schema.draw_members, schema.draws
        query = (
            select(members.c.record_id)
            .join_from(members, draws, draws.c.seq == members.c.owner)
            .where(members.c.second, draws.c.design.not_in(("uncertainty", REPEAT)))
        )
        with self._store.reading() as connection:
            return set(connection.execute(query).scalars())

    def coded(self, draws: Collection[str], *, after: int) -> set[tuple[str, str, str]]:
        """(draw, record, coder) of the codings stored after a number in these draws."""
        codings = schema.codings
        later = select(codings.c.draw, codings.c.record_id, codings.c.coder_id).where(
            codings.c.seq > after, codings.c.draw != ""
        )
        with self._store.reading() as connection:
            rows = connection.execute(later.distinct()).all()
        return {(row.draw, row.record_id, row.coder_id) for row in rows if row.draw in draws}

    def settled(self, record_ids: Collection[str]) -> dict[tuple[str, str], Adjudication]:
        """The adjudications in force of these records, by (record, dimension)."""
        valid = self.valid()
        columns = ("seq", "record_id", "dimension", "adjudicator", "value", "reason", "codebook")
        with self._store.reading() as connection:
            rows = self._store.matching(
                connection, columns, table="adjudications", key=("record_id",),
                keys={(i,) for i in record_ids},
            )  # fmt: skip
        return {
            (record_id, dimension): Adjudication(
                record_id, dimension, adjudicator, tuple(value.split("|")), reason, version
            )
            for _, record_id, dimension, adjudicator, value, reason, version in rows
            if (version, dimension) in valid
        }

    def merged(self) -> dict[str, str]:
        """The records that count as another one, with that other one."""
        query = select(schema.merges).order_by(schema.merges.c.seq)
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        last = {row.record_id: row.into for row in rows}
        return {record_id: into for record_id, into in last.items() if into != record_id}

    def spellings(self) -> Spellings:
        """The cities as current records spell them, corrections made, and where they do."""
        records, places, corrections = schema.records, schema.places, schema.corrections
        later = records.alias()
        current = (
            select(records.c.record_id, places.c.ord, places.c.name, places.c.country)
            .join_from(places, records, records.c.seq == places.c.owner)
            .where(~exists().where(later.c.supersedes == records.c.seq))
            .order_by(records.c.record_id, places.c.ord)
        )
        corrected = (
            select(corrections.c.record_id, corrections.c.field, corrections.c.new)
            .where(corrections.c.field.like("places.%"))
            .order_by(corrections.c.seq)
        )
        with self._store.reading() as connection:
            told = {(r, field): new for r, field, new in connection.execute(corrected)}
            rows = connection.execute(current).all()
        found: Spellings = defaultdict(list)
        for r, n, name, country in rows:
            spelling = (told.get((r, f"places.{n}.name"), name),
                        told.get((r, f"places.{n}.country"), country))  # fmt: skip
            found[spelling].append((r, n))
        return dict(found)

    def kind_of(self, coder: str) -> str | None:
        """The kind of a coder in the ledger, or None where it knows none of that id."""
        with self._store.reading() as connection:
            return self._kinds(connection).get(coder)

    def store(self, facts: Sequence[Fact], *, coder: str, submission: str, sha256: str) -> None:
        """Append the facts of one submission as a batch; the same submission again adds nothing.

        Raises LedgerError where one of them is refused; the others are kept.
        """
        rows = [Row(n, fact) for n, fact in enumerate(facts, start=1)]
        with self._turn:
            known = self.kind_of(coder)
            person = [Coder(coder, "person")] if known is None else []
            summary = self._ledger.import_file(
                rows, source=SOURCE, file=f"review/{coder}/{submission}", sha256=sha256,
                coders=person, codebook=self.book.version, check=self._fault,
            )  # fmt: skip
        if summary.rejected:
            refused = [told for batch, told in self._ledger.rejects() if batch == summary.batch]
            raise LedgerError(
                f"{summary.file}: the ledger refused {refused[0].field}: {refused[0].reason}; "
                f"{refused[0].next_step}"
            )

    def _fault(self, fact: Coding | Adjudication) -> tuple[str, str, str] | None:
        # What was submitted before the codebook changed is judged by that one, in an edition.
        if fact.codebook != self.book.version:
            return None
        return self.book.fault(fact.dimension, fact.value)

    def _reference(self, connection: Connection) -> set[str]:
        if self._named is not None:
            return set(self._named)
        return {name for name, kind in self._kinds(connection).items() if kind not in MACHINES}

    def _repeats(self) -> set[str]:
        query = select(schema.draws.c.draw_id).where(schema.draws.c.design == REPEAT)
        with self._store.reading() as connection:
            return set(connection.execute(query).scalars())

    def _kinds(self, connection: Connection) -> dict[str, str]:
        query = select(schema.coders.c.coder_id, schema.coders.c.kind).order_by(schema.coders.c.seq)
        return {row.coder_id: row.kind for row in connection.execute(query)}

    def _twice(self, *also: ColumnElement[bool]) -> set[str]:
        codings = schema.codings
        query = (
            select(codings.c.record_id)
            .group_by(codings.c.record_id, codings.c.dimension)
            .having(func.count(codings.c.coder_id.distinct()) > 1, *also)
            .distinct()
        )
        with self._store.reading() as connection:
            return set(connection.execute(query).scalars())

    def _quotes(self, connection: Connection, owners: list[int]) -> dict[int, list[Evidence]]:
        quotes: dict[int, list[Evidence]] = defaultdict(list)
        columns = ("owner", "ord", "field", "start", "end", "quote")
        rows = self._store.matching(
            connection, columns, table="evidence", key=("owner",), keys=[(seq,) for seq in owners]
        )
        for owner, _, field, start, end, quote in sorted(rows):
            quotes[owner].append(Evidence(quote, field, start, end))
        return quotes

    def valid(self) -> set[tuple[str, str]]:
        """(version, dimension) of the questions that were asked as the codebook in force asks."""
        with self._store.reading() as connection:
            known = set(connection.execute(select(schema.codebooks.c.version)).scalars())
            if fresh := known - self._asked.keys():
                query = select(schema.codebooks).where(schema.codebooks.c.version.in_(fresh))
                for row in connection.execute(query).all():
                    self._asked[row.version] = _asked_by(row.version, row.text)
        now = {name: d.hash for name, d in self.dimensions.items()}
        same = {
            (version, name)
            for version in known
            for name, asked in self._asked[version].items()
            if now.get(name) == asked
        }
        return same | {(version, name) for name in now for version in ("", self.book.version)}


def _asked_by(version: str, text: str) -> dict[str, str]:
    """The questions of an older codebook as their hashes; none where it cannot be read."""
    try:
        return {d.id: d.hash for d in codebook.parse(text, name=f"codebook {version}").dimensions}
    except CodebookError:
        return {}


def refuse_machine(facts: Facts, name: str) -> None:
    """Refuse an account under the id of a coder that is no person (ReviewError 409)."""
    kind = facts.kind_of(name)
    if kind not in (None, "person", "unknown"):
        raise ReviewError(409, f"{name!r} is a coder of the kind {kind}", "use another name")
