"""What a coder answers: drafts saved at once, undone one by one, submitted to the ledger together.

A draft is never changed: a new answer is a new draft, and undoing marks the last one. A submission
is written down before the codings go to the ledger and marked as kept afterwards, so that a crash
between both is made good at the next start; the ledger takes the same submission only once.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from innovatory.codebook import Dimension
from innovatory.errors import ReviewError
from innovatory.records import Coding, Evidence
from innovatory.review.facts import Facts
from innovatory.review.items import Item, Items
from innovatory.review.state import State, drafts, slots, submissions


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to one question; `confidence` is 1, 2, 3 or None, `seconds` how long it took."""

    dimension: str
    value: tuple[str, ...]
    confidence: int | None = None
    comment: str = ""
    evidence: tuple[Evidence, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answers of a coder to an item as they stand, and whether one can be undone."""

    answers: dict[str, Answer]
    can_undo: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    answer: Answer
    saved_at: float


_encode = msgspec.json.Encoder().encode
_evidence = msgspec.json.Decoder(tuple[Evidence, ...])
_value = msgspec.json.Decoder(tuple[str, ...])
_codings = msgspec.json.Decoder(tuple[Coding, ...])


class Answers:
    """The answers given in one app; `clock` gives seconds since 1970."""

    def __init__(
        self, state: State, facts: Facts, *, items: Items, clock: Callable[[], float]
    ) -> None:
        self._state = state
        self._facts = facts
        self._items = items
        self._clock = clock
        # Two submissions of one item must reach the ledger in the order in which they were made.
        self._turn = threading.Lock()

    def save(self, item: str, coder: str, answer: Answer) -> Answer:
        """Save an answer: when this returns it is on disk, its classes in the codebook's order.

        Without a class the question is open again, its words and comment kept. An item that was
        done is reopened. Raises ReviewError where the item is not (or no longer)
        the coder's or does not ask this, and where the codebook has no such class.
        """
        with self._state.writing() as connection:
            held = self._items.lease(connection, item, coder)
            question = self._asked(held, answer)
            # In the order of the codebook equal answers are equal texts.
            classes = tuple(sorted(set(answer.value), key=question.class_ids.index))
            connection.execute(
                insert(drafts).values(
                    item=item, coder=coder, dimension=answer.dimension, question=question.hash,
                    value=_encode(classes).decode(), confidence=answer.confidence,
                    comment=answer.comment, evidence=_encode(answer.evidence).decode(),
                    seconds=answer.seconds, saved_at=self._clock(), undone=False,
                )
            )  # fmt: skip
            if held.done:
                _reopen(connection, item, coder)
        return replace(answer, value=classes)

    def undo(self, item: str, coder: str) -> None:
        """Take back the last answer to an item; one that was done is reopened.

        Raises ReviewError where the item is not (or no longer) the coder's.
        """
        last = (
            select(drafts.c.seq)
            .where(self._drafted(item, coder), ~drafts.c.undone)
            .order_by(drafts.c.seq.desc())
            .limit(1)
        )
        with self._state.writing() as connection:
            held = self._items.lease(connection, item, coder)
            seq = connection.execute(last).scalar()
            if seq is None:
                return
            connection.execute(update(drafts).where(drafts.c.seq == seq).values(undone=True))
            if held.done:
                _reopen(connection, item, coder)

    def sheet(self, held: Item, coder: str) -> Sheet:
        """The answers to an item as they stand: drafts, else what the ledger holds."""
        with self._state.reading() as connection:
            current, every = self._drafts(connection, held.item, coder)
        answers = {name: draft.answer for name, draft in current.items()}
        if len(every) < len(self.questions(held)):
            stored = self._stored(held, coder)
            answers |= {n: _as_answer(c) for n, c in stored.items() if n not in every}
        return Sheet(answers, bool(current))

    def questions(self, held: Item) -> list[Dimension]:
        """What an item asks."""
        return self._facts.questions(self._items.draw(held.draw).target)

    def submit(self, item: str, coder: str) -> None:
        """Write the answers to an item to the ledger; an item that is done stays as it is.

        Raises ReviewError (422) where a question has no answer, and LedgerError where the ledger
        cannot be written; then the answers are kept, and submitting again does it.
        """
        with self._turn:
            self._keep(and_(submissions.c.item == item, submissions.c.coder == coder))
            with self._state.writing() as connection:
                held = self._items.lease(connection, item, coder)
                if held.done and not held.reopened:
                    return
                codings = self._to_submit(connection, held, coder)
                connection.execute(
                    insert(submissions).values(
                        id=uuid.uuid4().hex, item=item, coder=coder,
                        codings=_encode(codings).decode(), made_at=self._clock(), kept=False,
                    )
                )  # fmt: skip
            self._keep(and_(submissions.c.item == item, submissions.c.coder == coder))

    def repair(self) -> int:
        """Finish the submissions that a crash left between two stores; how many there were."""
        with self._turn:
            return self._keep(submissions.c.id.is_not(None))

    def _keep(self, which: object) -> int:
        """Bring unfinished submissions into the ledger, oldest first."""
        waiting = (
            select(submissions)
            .where(which, ~submissions.c.kept)  # type: ignore[arg-type]
            .order_by(submissions.c.made_at, submissions.c.id)
        )
        with self._state.reading() as connection:
            rows = connection.execute(waiting).all()
        for row in rows:
            sha256 = hashlib.sha256(row.codings.encode()).hexdigest()
            codings = _codings.decode(row.codings)
            self._facts.store(codings, coder=row.coder, submission=row.id, sha256=sha256)
            seconds = [c.seconds for c in codings if c.seconds is not None]
            with self._state.writing() as connection:
                kept = update(submissions).where(submissions.c.id == row.id).values(kept=True)
                connection.execute(kept)
                total = sum(seconds) if seconds else None
                self._items.finish(connection, row.item, row.coder, total)
        return len(rows)

    def _to_submit(self, connection: Connection, held: Item, coder: str) -> list[Coding]:
        current, every = self._drafts(connection, held.item, coder)
        current = {name: draft for name, draft in current.items() if draft.answer.value}
        stored = self._stored(held, coder)
        asked = [d.id for d in self.questions(held)]
        known = current.keys() | (stored.keys() - every.keys())
        if missing := [name for name in asked if name not in known]:
            raise ReviewError(
                422, f"{len(missing)} of {len(asked)} questions have no answer yet",
                f"answer {', '.join(missing)}",
            )  # fmt: skip
        return [
            Coding(
                held.record_id, name, coder, draft.answer.value, draft.answer.confidence,
                draft.answer.evidence, draft.answer.comment, held.draw, self._facts.book.version,
                datetime.fromtimestamp(draft.saved_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                every[name], held.shown.get(name, ""),
            )
            for name, draft in current.items()
            if name in asked
        ]  # fmt: skip

    def _stored(self, held: Item, coder: str) -> dict[str, Coding]:
        """What the ledger holds of this coder in this draw on the questions as they are asked."""
        valid = self._facts.valid()
        return {
            c.dimension: c
            for c in self._facts.codings([held.record_id])
            if (c.coder, c.draw) == (coder, held.draw) and (c.codebook, c.dimension) in valid
        }

    def _asked(self, held: Item, answer: Answer) -> Dimension:
        """The question that an answer is to; ReviewError (422) where it is none."""
        for question in self.questions(held):
            if question.id == answer.dimension:
                fault = self._facts.book.fault(answer.dimension, answer.value)
                if fault and answer.value:
                    raise ReviewError(422, fault[1], fault[2])
                return question
        raise ReviewError(422, f"{answer.dimension!r} is not asked here", "load the page again")

    def _drafted(self, item: str, coder: str) -> ColumnElement[bool]:
        """The drafts of a coder that answer questions as they are asked now."""
        asked = [d.hash for d in self._facts.book.dimensions]
        return and_(drafts.c.item == item, drafts.c.coder == coder, drafts.c.question.in_(asked))

    def _drafts(
        self, connection: Connection, item: str, coder: str
    ) -> tuple[dict[str, _Draft], dict[str, float | None]]:
        """The drafts in force by dimension; seconds spent on each dimension ever answered."""
        current: dict[str, _Draft] = {}
        spent: dict[str, float | None] = {}
        query = select(drafts).where(self._drafted(item, coder)).order_by(drafts.c.seq)
        for row in connection.execute(query):
            before = spent.setdefault(row.dimension, None)
            if row.seconds is not None:
                spent[row.dimension] = (before or 0.0) + row.seconds
            if not row.undone:
                answer = Answer(
                    row.dimension, _value.decode(row.value), row.confidence, row.comment,
                    _evidence.decode(row.evidence), row.seconds,
                )  # fmt: skip
                current[row.dimension] = _Draft(answer, row.saved_at)
        return current, spent


def _as_answer(coding: Coding) -> Answer:
    return Answer(
        coding.dimension, coding.value, coding.confidence, coding.comment, coding.evidence
    )


def _reopen(connection: Connection, item: str, coder: str) -> None:
    mine = and_(slots.c.item == item, slots.c.coder == coder)
    connection.execute(update(slots).where(mine).values(reopened=True))


def check_quotes(answer: Answer, passages: Mapping[str, str]) -> None:
    """Refuse an answer (ReviewError 409) whose quotes do not stand where they are said to.

    >>> check_quotes(Answer("a", ("x",), evidence=(Evidence("bus", "title", 2, 5),)),
    ...              {"title": "A bus"})
    """
    for one in answer.evidence:
        text = passages.get(one.field, "")
        inside = 0 <= one.start < one.end <= len(text)
        if not inside or text[one.start : one.end] != one.quote:
            raise ReviewError(
                409, "the words marked do not stand in the record",
                "load the page again: the record may have changed",
            )  # fmt: skip
