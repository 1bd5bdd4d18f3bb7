"""Which record a coder gets next: items, leases, skips, hidden repeats.

An *item* is a record of a draw. It needs one coder, or two different ones where the draw says so.
A coder holds an item by a lease; when that has run out somebody else may have it. The order of a
draw is shuffled by its seed, so that coders who stop early leave a random part undone. Records
of a draw of the design `repeat` go again to somebody who coded them before, spread among the
items of the draw that is being worked off, and nothing on the page tells them apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from innovatory.errors import ReviewError
from innovatory.review.facts import REPEAT, Drawn, Facts
from innovatory.review.state import State, items, marks, repeats, slots

LEASE_SECONDS = 30 * 60
_HASH_BITS = 32


@dataclass(frozen=True, slots=True)
class Item:
    """A record of a draw, with what the coder at hand has done about it."""

    item: str
    draw: str
    record_id: str
    blind: bool
    hidden: bool
    done: bool
    reopened: bool
    shown: dict[str, str]


def item_id(draw: str, record_id: str) -> str:
    """The name of an item in addresses, which tells neither draw nor record.

    >>> len(item_id("first", "tram")), item_id("first", "tram") == item_id("first", "bus")
    (24, False)
    """
    return hashlib.sha256(f"{draw}\0{record_id}".encode()).hexdigest()[:24]


class Items:
    """The queue of every coder; `clock` gives seconds since 1970."""

    def __init__(self, state: State, facts: Facts, clock: Callable[[], float]) -> None:
        self._state = state
        self._facts = facts
        self._clock = clock
        self._drawn: dict[str, Drawn] = {}

    def sync(self) -> None:
        """Take in draws and codings that came into the ledger since this was last done."""
        seen = self._facts.marks()
        with self._state.reading() as connection:
            known = _marks(connection)
        new_draws = seen["draws"] > known.get("draws", 0)
        if len(self._drawn) == 0 or new_draws:
            self._drawn = {drawn.id: drawn for drawn in self._facts.draws()}
        if not new_draws and seen["codings"] == known.get("codings", 0):
            return
        fresh = [d for d in self._drawn.values() if d.seq > known.get("draws", 0)]
        again = self._coders_before(fresh)
        # A draw may come into the ledger after codings of it did, so all are looked at again.
        coded = self._coded_whole(after=0 if new_draws else known.get("codings", 0))
        with self._state.writing() as connection:
            known = _marks(connection)
            for drawn in fresh:
                if drawn.seq > known.get("draws", 0):
                    self._lay_out(connection, drawn, again)
            self._note_done(connection, coded)
            for name in ("draws", "codings"):
                _mark(connection, name, seen[name])

    def draw(self, name: str) -> Drawn:
        """The draw of that id."""
        return self._drawn[name]

    def draws(self) -> list[Drawn]:
        """All draws in the order in which they were made."""
        self.sync()
        return list(self._drawn.values())

    def next(self, coder: str) -> str | None:
        """Lease a coder the next item: that at hand, else a fresh one, else one skipped before."""
        self.sync()
        now = self._clock()
        held = slots.c.coder == coder
        joined = select(items.c.item).join(slots, slots.c.item == items.c.item)
        undone = or_(slots.c.done_at.is_(None), slots.c.reopened)
        at_hand = joined.where(held, undone, slots.c.skipped_at.is_(None)).where(
            or_(slots.c.reopened, free(coder, now))
        )
        skipped = joined.where(held, undone, slots.c.skipped_at.is_not(None)).where(
            or_(slots.c.reopened, free(coder, now))
        )
        fresh = select(items.c.item).where(
            items.c.open, ~_touched(coder), free(coder, now), _for(coder)
        )
        with self._state.writing() as connection:
            for query in (
                at_hand.order_by(slots.c.opened_at.desc(), items.c.item),
                fresh.order_by(items.c.place, items.c.item),
                skipped.order_by(slots.c.skipped_at, items.c.item),
            ):
                found = connection.execute(query.limit(1)).scalar()
                if found is not None:
                    self.lease(connection, found, coder)
                    return str(found)
        return None

    def upcoming(self, coder: str) -> str | None:
        """The record that is likely to be a coder's next, where suggestions may be shown for it."""
        fresh = (
            select(items.c.record_id, items.c.blind)
            .where(items.c.open, ~_touched(coder), free(coder, self._clock()), _for(coder))
            .order_by(items.c.place, items.c.item)
        )
        with self._state.reading() as connection:
            row = connection.execute(fresh.limit(1)).first()
        return row.record_id if row and not row.blind else None

    def open(self, item: str, coder: str) -> Item:
        """The item, leased to the coder for another while.

        Raises ReviewError (404, 409) where there is none, or another coder has it.
        """
        with self._state.writing() as connection:
            return self.lease(connection, item, coder)

    def find(self, item: str, coder: str) -> Item:
        """The item, without a lease.

        Raises ReviewError (404) where there is none for this coder.
        """
        with self._state.reading() as connection:
            return self._item(connection, item, coder)

    def lease(self, connection: Connection, item: str, coder: str) -> Item:
        """Give a coder an item or lengthen the lease, in a transaction that is under way.

        Raises ReviewError (404, 409) where there is none, or another coder has it.
        """
        now = self._clock()
        found = self._item(connection, item, coder)
        mine = and_(slots.c.item == item, slots.c.coder == coder)
        if found.done:
            connection.execute(update(slots).where(mine).values(skipped_at=None))
            return found
        has_room = select(free(coder, now)).where(items.c.item == item)
        if not connection.execute(has_room).scalar():
            raise ReviewError(
                409, "another coder has this record by now",
                "code the next one; what you answered here stays with you",
            )  # fmt: skip
        leased = {"leased_until": now + LEASE_SECONDS, "opened_at": now, "skipped_at": None}
        if not connection.execute(update(slots).where(mine).values(**leased)).rowcount:
            empty = {"item": item, "coder": coder, "reopened": False, "shown": "{}"}
            connection.execute(insert(slots).values(**empty, **leased))
        return found

    def shown_as(self, held: Item) -> str:
        """The draw that a coder is told: for a hidden repeat one that it is spread among."""
        if not held.hidden:
            return held.draw
        plain = select(items.c.draw).where(~items.c.hidden)
        with self._state.reading() as connection:
            open_first = plain.order_by(items.c.open.desc(), items.c.place).limit(1)
            return connection.execute(open_first).scalar() or held.draw

    def skip(self, item: str, coder: str) -> None:
        """Put an item at the end of the coder's queue; others may have it meanwhile."""
        with self._state.writing() as connection:
            self.lease(connection, item, coder)
            connection.execute(
                update(slots)
                .where(slots.c.item == item, slots.c.coder == coder)
                .values(skipped_at=self._clock(), leased_until=None)
            )

    def note_shown(self, item: str, coder: str, shown: dict[str, str]) -> None:
        """Remember whose suggestions the coder was shown, by dimension; once shown stays so."""
        mine = and_(slots.c.item == item, slots.c.coder == coder)
        with self._state.writing() as connection:
            known = json.loads(connection.execute(select(slots.c.shown).where(mine)).scalar_one())
            whole = shown | known
            if whole != known:
                connection.execute(update(slots).where(mine).values(shown=json.dumps(whole)))

    def finish(self, connection: Connection, item: str, coder: str, seconds: float | None) -> None:
        """Mark an item as done by a coder, in a transaction that is under way."""
        now = self._clock()
        mine = and_(slots.c.item == item, slots.c.coder == coder)
        done = {"done_at": now, "leased_until": None, "skipped_at": None, "reopened": False}
        there = connection.execute(select(slots.c.done_at).where(mine)).first()
        if there is None:
            empty = {"item": item, "coder": coder, "opened_at": now, "shown": "{}"}
            connection.execute(insert(slots).values(**empty, **done, seconds=seconds))
        else:
            done["done_at"] = there.done_at or now
            connection.execute(update(slots).where(mine).values(**done, seconds=seconds))
        _settle(connection, [item])

    def _item(self, connection: Connection, item: str, coder: str) -> Item:
        row = connection.execute(select(items).where(items.c.item == item)).first()
        mine = and_(slots.c.item == item, slots.c.coder == coder)
        slot = connection.execute(select(slots).where(mine)).first()
        fits = select(items.c.item).where(items.c.item == item, _for(coder))
        if row is None or (slot is None and connection.execute(fits).first() is None):
            raise ReviewError(404, "there is no such record for you", "code the next one")
        return Item(
            item, row.draw, row.record_id, bool(row.blind), bool(row.hidden),
            slot is not None and slot.done_at is not None, slot is not None and bool(slot.reopened),
            json.loads(slot.shown) if slot else {},
        )  # fmt: skip

    def _coders_before(self, fresh: Iterable[Drawn]) -> dict[str, set[str]]:
        """Who has coded the records that are to be coded again."""
        again = {i for drawn in fresh if drawn.design == REPEAT for i, _ in drawn.members}
        found: dict[str, set[str]] = {}
        for coding in self._facts.codings(again) if again else ():
            found.setdefault(coding.record_id, set()).add(coding.coder)
        return found

    def _lay_out(self, connection: Connection, drawn: Drawn, again: dict[str, set[str]]) -> None:
        """Put the members of a draw into the queue."""
        if not self._facts.questions(drawn.target) or not drawn.members:
            return
        low, high = _span(connection, drawn)
        rows, before = [], []
        for record_id, second in drawn.members:
            coders = again.get(record_id, set()) if drawn.design == REPEAT else set()
            name = item_id(drawn.id, record_id)
            seed = drawn.id if drawn.seed is None else drawn.seed
            digest = hashlib.sha256(f"{seed}\0{record_id}".encode()).digest()
            share = int.from_bytes(digest[: _HASH_BITS // 8], "big")
            rows.append(
                {"item": name, "draw": drawn.id, "record_id": record_id,
                 "needed": 2 if second else 1, "blind": second or drawn.design == REPEAT,
                 "hidden": bool(coders), "open": True,
                 "place": low + ((share * (high - low)) >> _HASH_BITS)}
            )  # fmt: skip
            before += [{"item": name, "coder": coder} for coder in sorted(coders)]
        connection.execute(insert(items), rows)
        if before:
            connection.execute(insert(repeats), before)

    def _coded_whole(self, *, after: int) -> list[tuple[str, str, str]]:
        """(draw, record, coder) where all questions are answered, of the codings after a number."""
        touched = self._facts.coded(self._drawn.keys(), after=after)
        answered: dict[tuple[str, str, str], set[str]] = {}
        for coding in self._facts.codings({record_id for _, record_id, _ in touched}):
            key = (coding.draw, coding.record_id, coding.coder)
            answered.setdefault(key, set()).add(coding.dimension)
        return [
            key
            for key in sorted(touched & answered.keys())
            if answered[key].issuperset(
                d.id for d in self._facts.questions(self._drawn[key[0]].target)
            )
        ]

    def _note_done(self, connection: Connection, coded: list[tuple[str, str, str]]) -> None:
        """Mark as done what was coded elsewhere, in a sheet say, or just before a crash."""
        for draw, record_id, coder in coded:
            item = item_id(draw, record_id)
            there = select(items.c.item).where(items.c.item == item)
            mine = select(slots.c.done_at).where(slots.c.item == item, slots.c.coder == coder)
            if connection.execute(there).first() and not connection.execute(mine).scalar():
                self.finish(connection, item, coder, None)


def _touched(coder: str) -> ColumnElement[bool]:
    return exists().where(slots.c.item == items.c.item, slots.c.coder == coder)


def _for(coder: str) -> ColumnElement[bool]:
    """Whether an item is for this coder: hidden ones only for those who coded the record."""
    again = exists().where(repeats.c.item == items.c.item, repeats.c.coder == coder)
    return or_(~items.c.hidden, again)


def free(coder: str, now: float) -> ColumnElement[bool]:
    """Whether an item needs more coders than those others who hold it or are done with it."""
    taken = (
        select(func.count())
        .where(
            slots.c.item == items.c.item,
            slots.c.coder != coder,
            or_(slots.c.done_at.is_not(None), slots.c.leased_until > now),
        )
        .correlate(items)
        .scalar_subquery()
    )
    return items.c.needed > taken


def _settle(connection: Connection, touched: list[str]) -> None:
    """Shut the items that have all the coders they need."""
    finished = (
        select(func.count())
        .where(slots.c.item == items.c.item, slots.c.done_at.is_not(None))
        .correlate(items)
        .scalar_subquery()
    )
    connection.execute(
        update(items).where(items.c.item.in_(touched)).values(open=items.c.needed > finished)
    )


def _span(connection: Connection, drawn: Drawn) -> tuple[int, int]:
    """The places between which a draw is spread: repeats go among what is open already."""
    low, high = drawn.seq << _HASH_BITS, (drawn.seq + 1) << _HASH_BITS
    if drawn.design == REPEAT:
        open_items = and_(items.c.open, ~items.c.hidden)
        first = connection.execute(select(func.min(items.c.place)).where(open_items)).scalar()
        if first is not None:
            of_first = select(items.c.draw).where(items.c.place == first, open_items).limit(1)
            draw = connection.execute(of_first).scalar()
            last = select(func.max(items.c.place)).where(items.c.draw == draw)
            return first, connection.execute(last).scalar_one() + 1
    return low, high


def _marks(connection: Connection) -> dict[str, int]:
    return {row.name: row.seq for row in connection.execute(select(marks))}


def _mark(connection: Connection, name: str, seq: int) -> None:
    moved = update(marks).where(marks.c.name == name).values(seq=seq)
    if not connection.execute(moved).rowcount:
        connection.execute(insert(marks).values(name=name, seq=seq))
