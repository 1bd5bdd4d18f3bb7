"""All that answers a request, put together once: ledger, state, queue, answers, what is offered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from innovatory.errors import InnovatoryError, LedgerError
from innovatory.observatory import Observatory
from innovatory.review.accounts import Accounts
from innovatory.review.answers import Answers
from innovatory.review.disputes import Disputes
from innovatory.review.facts import Facts
from innovatory.review.items import Items
from innovatory.review.offers import Offers, Suggestion, Width
from innovatory.review.standing import Standings
from innovatory.review.state import State


class Desk:
    """The open app of an observatory. Close it in the end; `clock` gives seconds since 1970."""

    def __init__(
        self, observatory: Observatory, *, offers: Offers, clock: Callable[[], float]
    ) -> None:
        self.observatory = observatory
        self.clock = clock
        self.offers = offers
        self.facts = Facts(observatory)
        self.state = State.open(observatory)
        try:
            self.state.claim(self.facts.origin(), self.facts.marks())
        except LedgerError:
            self.close()
            raise
        self.accounts = Accounts(self.state, clock)
        self.items = Items(self.state, self.facts, clock)
        self.standings = Standings(self.state, self.items, clock)
        self.answers = Answers(self.state, self.facts, items=self.items, clock=clock)
        self.disputes = Disputes(self.facts)
        self._remembered: dict[str, tuple[Hashable, Any]] = {}
        self._turn = threading.Lock()
        self.answers.repair()
        self.items.sync()

    def close(self) -> None:
        """Give back the connections."""
        self.state.close()
        self.facts.close()

    def suggestions(self, record_id: str) -> dict[str, Suggestion]:
        """What is suggested for a record; nothing where the one who suggests cannot."""
        if self.offers.suggest is None:
            return {}
        try:
            return dict(self.offers.suggest(record_id))
        except InnovatoryError:
            # A model that cannot be read must not keep people from coding.
            return {}

    def prepare(self, coder: str) -> None:
        """Have what is suggested for a coder's next record worked out before it is asked for."""
        if self.offers.suggest and (record_id := self.items.upcoming(coder)):
            self.suggestions(record_id)

    def widths(self) -> list[Width]:
        """The widths of intervals as they are expected; none where nobody tells."""
        if self.offers.widths is None:
            return []
        try:
            return list(self.offers.widths())
        except InnovatoryError:
            return []

    def remembered(self, name: str, tables: tuple[str, ...], work_out: Callable[[], Any]) -> Any:
        """What was worked out before, as long as these tables of the ledger have not grown."""
        seen = self.facts.marks()
        key = tuple(seen[table] for table in tables)
        with self._turn:
            known = self._remembered.get(name)
            if known is None or known[0] != key:
                known = self._remembered[name] = (key, work_out())
        return known[1]

    def recalled(self, name: str) -> Any:
        """What was worked out before, however old, or None."""
        known = self._remembered.get(name)
        return known[1] if known else None
