"""The review app with what the observatory can offer it: suggestions, widths, duplicates."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

from innovatory import guidance, linking
from innovatory.errors import InnovatoryError
from innovatory.guidance import Machine
from innovatory.observatory import Observatory
from innovatory.review import Duplicate, Suggestion, Width
from innovatory.review import serve as serve_app

# The machine is trained anew, behind the coders' backs, when so many batches have come in.
LEARNT_EVERY = 25
WIDTHS_FOR = 60.0


class Helper:
    """What the app is offered for one observatory; everything is made when first asked for."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory
        self._machine: Machine | None = None
        self._learnt_at = -1
        self._widths: tuple[float, list[Width]] | None = None
        self._texts: dict[str, dict[str, str]] = {}
        self._training = threading.Lock()

    def learn(self) -> None:
        """Train the machine coder on what is coded now."""
        with self._observatory.ledger() as ledger:
            head = ledger.head()
            texts = {id: record.passages() for id, record in ledger.records().items()}
        machine = Machine(self._observatory)
        self._machine, self._texts, self._learnt_at = machine, texts, head

    def suggest(self, record_id: str) -> Mapping[str, Suggestion]:
        """The machine's answers to each question about a record; none while it first learns."""
        self._learn_if_due()
        machine, passages = self._machine, self._texts.get(record_id)
        if machine is None or passages is None:
            return {}
        return {
            name: Suggestion(one.value, one.probability, one.passages, one.by)
            for name, one in machine.suggest(record_id, passages).items()
        }

    def _learn_if_due(self) -> None:
        with self._observatory.ledger() as ledger:
            head = ledger.head()
        due = self._learnt_at < 0 or head - self._learnt_at >= LEARNT_EVERY
        if due and self._training.acquire(blocking=False):
            threading.Thread(target=self._learn_once, daemon=True).start()

    def _learn_once(self) -> None:
        try:
            self.learn()
        finally:
            self._training.release()

    def widths(self) -> list[Width]:
        """How well each share is known, and how well it will be; looked at once a minute."""
        now = time.monotonic()
        if self._widths is None or now - self._widths[0] > WIDTHS_FOR:
            found = [
                Width(one.dimension, one.class_, one.label, one.share, one.low, one.high,
                      one.at_end, one.target, one.more)
                for one in guidance.reaches(self._observatory)
            ]  # fmt: skip
            self._widths = (now, found)
        return self._widths[1]

    def duplicates(self) -> list[Duplicate]:
        """Pairs of records that may tell of the same project."""
        rows = linking.propose(self._observatory).pairs.to_pylist()
        return [
            Duplicate(row["a"], row["b"], row["score"], tuple(row["reasons"].split("; ")))
            for row in rows
        ]


def serve(
    observatory: Observatory, *, host: str, port: int, remote: Collection[str], machine: bool,
    ready: Callable[[str], None],
) -> None:  # fmt: skip
    """Serve the review app until it is interrupted; see `review.serve`."""
    helper = Helper(observatory)
    if machine and observatory.begun:
        try:
            helper.learn()
        except InnovatoryError:
            # Without records there is nothing to learn; the app says what to do first.
            machine = False
    serve_app(
        observatory, host=host, port=port, remote=remote, ready=ready,
        suggest=helper.suggest if machine else None, widths=helper.widths,
        duplicates=helper.duplicates,
    )  # fmt: skip
