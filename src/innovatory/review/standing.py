"""How far the coding is: a coder's own queue, and every draw."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, select

from innovatory.review.facts import REPEAT
from innovatory.review.items import Items, free
from innovatory.review.state import State, items, repeats, slots

_FEWEST_TIMED, _MOST_TIMED = 3, 50


@dataclass(frozen=True, slots=True)
class Position:
    """How far a coder is: items done, done and still to be had, and minutes for the rest.

    `minutes_left` is the median time of the last 50 items times what is left; None before three.
    """

    done: int
    of: int
    minutes_left: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A draw as a whole: records of coders that are done, that are wanted, and mine of them.

    A record that two coders code counts twice; `records` are there, `twice` of them for two.
    `minutes_left` is what I alone would need for the rest.
    """

    draw: str
    design: str
    records: int
    twice: int
    done: int
    of: int
    mine: int
    minutes_left: float | None


class Standings:
    """Counts what is done and what is left; `clock` gives seconds since 1970."""

    def __init__(self, state: State, queue: Items, clock: Callable[[], float]) -> None:
        self._state = state
        self._queue = queue
        self._clock = clock

    def position(self, coder: str) -> Position:
        """How far a coder is in what is drawn for him or her."""
        with self._state.reading() as connection:
            done = connection.execute(
                select(func.count()).where(slots.c.coder == coder, slots.c.done_at.is_not(None))
            ).scalar_one()
            left = self._left(connection, coder)
            return Position(done, done + left, _minutes(connection, coder, left))

    def standings(self, coder: str, *, hidden: bool) -> list[Standing]:
        """Every draw in the order in which they were made; repeats only where asked for."""
        every = self._queue.draws()
        wanted = select(
            items.c.draw, func.sum(items.c.needed).label("of"), func.count().label("n")
        ).group_by(items.c.draw)
        finished = (
            select(items.c.draw, slots.c.coder, func.count().label("n"))
            .join_from(slots, items, items.c.item == slots.c.item)
            .where(slots.c.done_at.is_not(None))
            .group_by(items.c.draw, slots.c.coder)
        )
        with self._state.reading() as connection:
            of = {row.draw: (int(row.of), row.n) for row in connection.execute(wanted)}
            done = {(row.draw, row.coder): row.n for row in connection.execute(finished)}
            found = []
            for drawn in every:
                if drawn.id not in of or (drawn.design == REPEAT and not hidden):
                    continue
                total, number = of[drawn.id]
                there = min(total, sum(n for (draw, _), n in done.items() if draw == drawn.id))
                minutes = _minutes(connection, coder, total - there)
                mine = done.get((drawn.id, coder), 0)
                found.append(
                    Standing(drawn.id, drawn.design, number, total - number, there, total, mine,
                             minutes)
                )  # fmt: skip
        return found

    def _left(self, connection: Connection, coder: str) -> int:
        """How many items a coder could still have, counted without looking at each.

        Of all that are open those are taken off that the coder is done with or that are in the
        hands of others. Every query begins at the few slots that matter, not at the many items.
        """
        now = self._clock()

        def count(table: Table, *conditions: ColumnElement[bool]) -> int:
            query = select(func.count()).select_from(table).where(*conditions)
            return connection.execute(query).scalar_one()

        plain = and_(items.c.open, ~items.c.hidden)
        of_plain = exists().where(items.c.item == slots.c.item, plain)
        mine_done = exists().where(
            slots.c.item == items.c.item, slots.c.coder == coder, slots.c.done_at.is_not(None)
        )
        others = and_(slots.c.coder != coder, slots.c.leased_until > now)
        in_hands = set(connection.execute(select(slots.c.item).where(others, of_plain)).scalars())
        taken = (items.c.item.in_(in_hands), ~free(coder, now), ~mine_done)
        again = exists().where(
            items.c.item == repeats.c.item, items.c.open, free(coder, now), ~mine_done
        )
        left = count(items, plain) - count(items, *taken) if in_hands else count(items, plain)
        left -= count(slots, slots.c.coder == coder, slots.c.done_at.is_not(None), of_plain)
        return left + count(repeats, repeats.c.coder == coder, again)


def _minutes(connection: Connection, coder: str, left: int) -> float | None:
    query = (
        select(slots.c.seconds)
        .where(slots.c.coder == coder, slots.c.done_at.is_not(None), slots.c.seconds.is_not(None))
        .order_by(slots.c.done_at.desc())
        .limit(_MOST_TIMED)
    )
    timed: Sequence[float] = connection.execute(query).scalars().all()
    if len(timed) < _FEWEST_TIMED:
        return None
    return round(statistics.median(timed) * left / 60, 1)
