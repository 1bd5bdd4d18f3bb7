"""The review app with what the observatory can offer it: suggestions, widths, duplicates.

All of it is worked out in processes of their own, so that no answer of a coder waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from innovatory import fieldwork, guidance, linking, observatory
from innovatory.errors import InnovatoryError
from innovatory.observatory import Observatory
from innovatory.review import Duplicate, Suggestion, Width, told_apart
from innovatory.review import serve as serve_app

# The machine is trained anew, behind the coders' backs, when so many batches have come in.
LEARNT_EVERY = 25
LOOKED_EVERY_SECONDS = 5.0
WIDTHS_FOR_SECONDS = 60.0
# A record is shown without suggestions rather than later than this.
PATIENCE_SECONDS = 0.12
# The machine suggests where it has been right more often than the commonest answer would have
# been, on so many records that people coded: before, it would only lead them astray.
LEAST_LABELS = 20
# Of the passages that moved it those are shown that weigh most, without words that so many records
# have, short ones above all: in any language those tell nothing.
MOST_PASSAGES, LEAST_WEIGHT = 4, 0.25
COMMON_SHARE, COMMON_SHORT_SHARE, SHORT = 0.4, 0.1, 3
_NICENESS = 5
_WORD = re.compile(r"\w+(?:[-’']\w+)*")
_SPAWNED = multiprocessing.get_context("spawn")

Passages = Sequence[tuple[str, int, int, float]]


class Mind:
    """The machine coder as it stands, and the questions on which its word is worth something."""

    def __init__(self, observed: Observatory) -> None:
        with observed.ledger() as ledger:
            self._texts = {id: record.passages() for id, record in ledger.records().items()}
        self._machine = guidance.Machine(observed)
        names = [dimension.id for dimension in observed.book.dimensions]
        self._proven = {
            row["dimension"]
            for row in fieldwork.machine(observed, names).table.to_pylist()
            if row["labels"] >= LEAST_LABELS and row["accuracy"] > row["majority_accuracy"]
        }
        often = Counter(word for texts in self._texts.values() for word in _words(texts))
        self._common = {w for w, n in often.items() if _common(w, n / len(self._texts))}

    def suggest(self, record_id: str) -> dict[str, Suggestion]:
        """The machine's answers about a record; none where it has not read it."""
        texts = self._texts.get(record_id)
        if texts is None or not self._proven:
            return {}
        return {
            name: Suggestion(
                one.value, one.probability, telling(one.passages, texts, self._common), one.by
            )
            for name, one in self._machine.suggest(record_id, texts).items()
            if name in self._proven
        }


def _words(texts: Mapping[str, str]) -> set[str]:
    return {word.casefold() for text in texts.values() for word in _WORD.findall(text)}


def _common(word: str, share: float) -> bool:
    return share > (COMMON_SHORT_SHARE if len(word) <= SHORT else COMMON_SHARE)


def telling(
    passages: Passages, texts: Mapping[str, str], common: Collection[str]
) -> tuple[tuple[str, int, int, float], ...]:
    """The passages worth a coder's look, without the common words at their ends.

    >>> telling([("title", 0, 11, 1.0), ("title", 6, 8, 0.9)], {"title": "smart is so"},
    ...         {"is", "so"})
    (('title', 0, 5, 1.0),)
    """
    found = []
    for field, start, end, weight in passages:
        words = [m.span() for m in _WORD.finditer(texts[field], start, end)]
        own = [(a, b) for a, b in words if texts[field][a:b].casefold() not in common]
        if own and weight >= LEAST_WEIGHT:
            found.append((field, own[0][0], own[-1][1], weight))
    return tuple(found[:MOST_PASSAGES])


def widths(observed: Observatory) -> list[Width]:
    """How well each share is known, and how well it will be."""
    return [
        Width(one.dimension, one.class_, one.label, one.share, one.low, one.high, one.at_end,
              one.target, one.more)
        for one in guidance.reaches(observed)
    ]  # fmt: skip


def duplicates(observed: Observatory) -> list[Duplicate]:
    """Pairs of records that may tell of the same project."""
    rows = linking.propose(observed, apart=told_apart(observed)).pairs.to_pylist()
    return [
        Duplicate(row["a"], row["b"], row["score"], tuple(row["reasons"].split("; ")))
        for row in rows
    ]


class _Aside:
    """A process of its own that works for this one; it ends when the connection does."""

    def __init__(self, work: Callable[..., None], folder: Path, *given: Any) -> None:
        self.connection, theirs = _SPAWNED.Pipe()
        self.process = _SPAWNED.Process(
            target=_begin, args=(theirs, work, folder, *given), daemon=True
        )
        self.process.start()
        theirs.close()

    def result(self) -> Any:
        """What it sends next, which raises here what was raised there; EOFError if it died."""
        found = self.connection.recv()
        if isinstance(found, InnovatoryError):
            raise found
        return found


def _begin(connection: Connection, work: Callable[..., None], folder: Path, *given: Any) -> None:
    """Run in the other process: coders' answers come first, and Ctrl-C is for the server."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    try:
        work(connection, observatory.load(folder), *given)
    except InnovatoryError as error:
        connection.send(error)
    except (EOFError, BrokenPipeError):
        return  # nobody waits any more


def _work_out(
    connection: Connection, observed: Observatory, work: Callable[[Observatory], object]
) -> None:
    connection.send(work(observed))


def _beside(work: Callable[[Observatory], list[Any]], folder: Path) -> list[Any]:
    """What some work gives, done in another process."""
    aside = _Aside(_work_out, folder, work)
    try:
        found: list[Any] = aside.result()
    finally:
        aside.process.join()
    return found


def _advise(connection: Connection, observed: Observatory) -> None:
    """Learn, then tell what is suggested for every record that is asked about."""
    mind = Mind(observed)
    connection.send(None)
    while True:
        record_id = connection.recv()
        connection.send((record_id, mind.suggest(record_id)))


class _Adviser:
    """A mind in a process of its own, which has learnt when this is made."""

    def __init__(self, folder: Path) -> None:
        aside = _Aside(_advise, folder)
        aside.result()
        self._connection = aside.connection
        self._told: dict[str, Mapping[str, Suggestion] | None] = {}
        self._turn = threading.Lock()

    def suggest(self, record_id: str) -> Mapping[str, Suggestion]:
        """What is suggested for a record; nothing where that takes too long this time."""
        with self._turn:
            if record_id not in self._told:
                self._told[record_id] = None
                self._connection.send(record_id)
            until = time.monotonic() + PATIENCE_SECONDS
            # What came too late for an earlier question is taken in as well.
            while self._told[record_id] is None:
                if not self._connection.poll(max(0.0, until - time.monotonic())):
                    break
                known, told = self._connection.recv()
                self._told[known] = told
            return self._told[record_id] or {}

    def dismiss(self) -> None:
        """Let it go, once nobody asks it any more."""
        with self._turn:
            self._connection.close()


class Helper:
    """What the app is offered for one observatory; nobody waits while something is learnt."""

    def __init__(self, observed: Observatory) -> None:
        self._observed = observed
        self._adviser: _Adviser | None = None
        self._learnt_at = self._looked_at = float("-inf")
        self._learning = threading.Lock()
        self._widths: list[Width] = []
        self._measured, self._measured_at = -1, float("-inf")
        self._measuring = threading.Lock()

    def suggest(self, record_id: str) -> Mapping[str, Suggestion]:
        """The machine's answers to each question about a record; none while it first learns."""
        self.learn_if_due()
        adviser = self._adviser
        try:
            return adviser.suggest(record_id) if adviser else {}
        except (OSError, EOFError):
            return {}  # it was just relieved by one that knows more, or has died

    def learn_if_due(self) -> None:
        """Begin to train the machine anew where enough has been coded since it last was."""
        now = time.monotonic()
        if now - self._looked_at < LOOKED_EVERY_SECONDS:
            return
        self._looked_at = now
        with self._observed.ledger() as ledger:
            head = ledger.head()
        if head - self._learnt_at >= LEARNT_EVERY:
            _unless_under_way(self._learning, lambda: self._learn(head))

    def _learn(self, head: int) -> None:
        self._learnt_at = head
        before, self._adviser = self._adviser, _Adviser(self._observed.folder)
        if before:
            before.dismiss()

    def widths(self) -> list[Width]:
        """How well each share was known when it was last worked out, a minute ago at most."""
        _unless_under_way(self._measuring, self._measure)
        return self._widths

    def _measure(self) -> None:
        time.sleep(max(0.0, self._measured_at + WIDTHS_FOR_SECONDS - time.monotonic()))
        with self._observed.ledger() as ledger:
            head = ledger.head()
        self._measured_at = time.monotonic()
        if head != self._measured:
            self._widths = _beside(widths, self._observed.folder)
            self._measured = head

    def duplicates(self) -> list[Duplicate]:
        """Pairs of records that may tell of the same project."""
        return _beside(duplicates, self._observed.folder)


def _unless_under_way(turn: threading.Lock, work: Callable[[], None]) -> None:
    """Do some work in a thread, unless it is being done already."""

    def done() -> None:
        try:
            work()
        except (InnovatoryError, EOFError):
            pass  # without records or answers there is nothing to tell; it is tried again later
        finally:
            turn.release()

    if turn.acquire(blocking=False):
        threading.Thread(target=done, daemon=True).start()


def serve(
    observed: Observatory, *, host: str, port: int, remote: Collection[str], machine: bool,
    ready: Callable[[str], None],
) -> None:  # fmt: skip
    """Serve the review app until it is interrupted; see `review.serve`."""
    helper = Helper(observed)
    if machine and observed.begun:
        helper.learn_if_due()
    helper.widths()
    serve_app(
        observed, host=host, port=port, remote=remote, ready=ready,
        suggest=helper.suggest if machine else None, widths=helper.widths,
        duplicates=helper.duplicates,
    )  # fmt: skip
