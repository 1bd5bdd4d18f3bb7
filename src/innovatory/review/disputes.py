"""Where reference coders differ, and what an adjudicator decides."""

from __future__ import annotations

import hashlib
import threading
import uuid
from dataclasses import dataclass

import msgspec

from innovatory.codebook import Dimension
from innovatory.errors import ReviewError
from innovatory.records import Adjudication, Coding
from innovatory.review.accounts import Account
from innovatory.review.facts import Facts

_TABLES = ("coders", "codings", "adjudications", "draws")


@dataclass(frozen=True, slots=True)
class Dispute:
    """A question to a record that its coders answered differently; `sides` are in their order."""

    record_id: str
    dimension: str
    sides: tuple[Coding, ...]
    settled: Adjudication | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Record and dimension."""
        return self.record_id, self.dimension


class Disputes:
    """The disputes that the ledger holds, looked up again only when it has grown."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._seen: tuple[int, ...] | None = None
        self._open: list[Dispute] = []
        self._turn = threading.Lock()

    def open(self) -> list[Dispute]:
        """The disputes nobody has settled, by record and then in the order of the codebook."""
        with self._turn:
            marks = self._facts.marks()
            seen = tuple(marks[name] for name in _TABLES)
            if seen != self._seen:
                self._open = [d for d in self._found(self._facts.differing()) if not d.settled]
                self._seen = seen
            return list(self._open)

    def open_to(self, account: Account) -> list[Dispute]:
        """Those that this account may settle: one of its coders may not, unless an admin."""
        return [d for d in self.open() if may_settle(account, d)]

    def find(self, record_id: str, dimension: str) -> Dispute:
        """The dispute over a question to a record, settled or not.

        Raises ReviewError (404) where its coders do not differ.
        """
        for dispute in self._found({record_id}):
            if dispute.dimension == dimension:
                return dispute
        raise ReviewError(
            404, "the coders of this record do not differ here", "go back to the list of disputes"
        )

    def settle(
        self,
        account: Account,
        record_id: str,
        *,
        dimension: str,
        value: tuple[str, ...],
        reason: str,
    ) -> None:
        """Write a decision to the ledger; the one who made it may change it later.

        Raises ReviewError (403) for one of the coders who differ, (409) where somebody else has
        decided already, (422) where the answer or the reason is missing or wrong.
        """
        with self._turn:
            dispute = self.find(record_id, dimension)
            if not may_settle(account, dispute):
                raise ReviewError(
                    403, "you are one of the coders who differ", "leave this one to somebody else"
                )
            before = dispute.settled
            if before and before.adjudicator != account.name and account.role != "admin":
                raise ReviewError(
                    409, f"{before.adjudicator} has settled this", "go on with the next one"
                )
            if fault := self._facts.book.fault(dimension, value):
                raise ReviewError(422, fault[1], fault[2])
            if not reason.strip():
                raise ReviewError(422, "the reason is missing", "say what decided it")
            order = self.question(dimension).class_ids
            classes = tuple(sorted(set(value), key=order.index))
            fact = Adjudication(record_id, dimension, account.name, classes, reason.strip())
            sha256 = hashlib.sha256(msgspec.json.encode(fact)).hexdigest()
            self._facts.store(
                [fact], coder=account.name, submission=uuid.uuid4().hex, sha256=sha256
            )

    def question(self, dimension: str) -> Dimension:
        """The dimension as the codebook in force asks it."""
        return self._facts.dimensions[dimension]

    def _found(self, record_ids: set[str]) -> list[Dispute]:
        answers = self._facts.answers(record_ids)
        settled = self._facts.settled(record_ids)
        order = list(self._facts.dimensions)
        found = []
        for (record_id, dimension), by_coder in answers.items():
            sides = tuple(coding for _, coding in sorted(by_coder.items()))
            if len({frozenset(side.value) for side in sides}) > 1:
                over = settled.get((record_id, dimension))
                found.append(Dispute(record_id, dimension, sides, over))
        return sorted(found, key=lambda d: (d.record_id, order.index(d.dimension)))


def may_settle(account: Account, dispute: Dispute) -> bool:
    """Whether an account may settle a dispute: adjudicators not their own, admins any."""
    if account.role == "admin":
        return True
    return account.role == "adjudicator" and account.name not in {s.coder for s in dispute.sides}
