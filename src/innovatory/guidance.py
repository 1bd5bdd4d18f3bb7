"""What coders are told while they code: suggestions, widths of intervals, what to code next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc

from innovatory import coder
from innovatory.codebook import Codebook, Derived, Dimension
from innovatory.edition import coverage, estimates, examples, predictions
from innovatory.edition.counts import CITY, COUNTED, ESTIMATED, Count, Population, asked_of_coders
from innovatory.edition.estimates import Shares
from innovatory.edition.frame import Floats
from innovatory.edition.tables import PROJECTS
from innovatory.engine import Engine
from innovatory.errors import EditionError, ObservatoryError
from innovatory.estimate import planning
from innovatory.estimate.planning import Goal, Plan
from innovatory.fieldwork import predict
from innovatory.observatory import Observatory
from innovatory.pipeline import current, remembered, unheard

BATCH = 60
EVERY = "all projects"
# Below this the machine's best guess is no help to a coder.
SUGGESTED_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Suggested:
    """What the machine coder would answer: classes, how sure it is, passages, its name.

    A passage is (field, start, end, weight), weights from 0 to 1.
    """

    value: tuple[str, ...]
    probability: float
    passages: tuple[tuple[str, int, int, float], ...]
    by: str


class Machine:
    """The machine coder as it stands, trained on all that is coded when this is made."""

    def __init__(self, observatory: Observatory) -> None:
        self._seed = observatory.seed
        self._asked: dict[str, coder.Question] = {}
        self._labels: dict[str, coder.Labels] = {}
        self._likely: dict[str, Floats] = {}
        with current(observatory) as engine:
            corpus = predictions.read_corpus(engine)
            book = observatory.book
            answers = predictions.read_answers(engine, book, corpus.record_ids)
            names = [d.id for d in book.dimensions]
            table, _ = predict(engine, observatory, names)
            for name in names:
                asked = predictions.question(book, name)
                self._asked[name] = asked
                self._labels[name] = predictions.read_labels(engine, asked, corpus.record_ids)
                likely = table.filter(pc.field("dimension") == name)["probability"].to_numpy()
                self._likely[name] = likely.reshape(-1, len(asked.classes))
        self._row = {record_id: n for n, record_id in enumerate(corpus.record_ids)}
        self._examples = examples.beside(corpus)
        self._features = coder.features(
            corpus, seed=self._seed, answers=answers or None, examples=self._examples
        )
        self.name = f"machine:{self._features.key[:8]}"

    def suggest(self, record_id: str, passages: Mapping[str, str]) -> dict[str, Suggested]:
        """The machine's answers to each question about a record, where it is more sure than not.

        `passages` are the record's own. A record that the machine has not read gets none.
        """
        row = self._row.get(record_id)
        if row is None:
            return {}
        found = {}
        for name, asked in self._asked.items():
            likely = self._likely[name][row : row + 1]
            told_so = coder.Predictions(likely, np.zeros(1, np.intp), 1.0, None)
            (value,) = coder.answer(told_so, asked, threshold=SUGGESTED_FROM)
            best = float(likely.max())
            if best < SUGGESTED_FROM:
                continue
            told = coder.explain(
                self._features, self._labels[name], asked, row=row, passages=passages,
                seed=self._seed, folds=predictions.FOLDS, examples=self._examples,
            )  # fmt: skip
            most = max((p.weight for p in told), default=1.0)
            marked = tuple((p.field, p.start, p.end, p.weight / most) for p in told)
            found[name] = Suggested(value, best, marked, self.name)
        return found


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for the planner: shares of which dimension, within what, to reach which goal."""

    dimension: str
    goal: Goal
    within: str = ""
    kind: str = PROJECTS.kind


def plan(observatory: Observatory, asked: Asked, *, batch: int = BATCH) -> Plan:
    """How many more records to code to reach a goal, and how many of each group next.

    Raises ObservatoryError where the question cannot be asked, and EditionError where nothing
    was drawn and coded yet from which to tell.
    """
    book = observatory.book
    _check(book, asked)
    with current(observatory) as engine:
        found = _shares(engine, observatory, asked)
        variances = _variances(found)
        unknown = ~np.isfinite(variances).any(0)
        if asked.within and unknown.any():
            # Where no group has enough coded, its records are taken to vary as all of them do.
            every = _variances(_shares(engine, observatory, replace(asked, within="")))
            variances = np.where(unknown, every, variances)
        names = _names(engine, asked.within)
    size = np.array([one.size[0] for one in found])
    labels = np.array([one.labels[0] for one in found])
    titles = [names.get(one.group, one.group) or EVERY for one in found]
    return planning.plan(asked.goal, titles, size=size, labels=labels, variances=variances,
                         batch=batch)  # fmt: skip


def _variances(found: list[Shares]) -> Floats:
    """What one record's residual varies by, (groups, classes); not a number where unknown."""
    return np.array([planning.record_variance(o.standard_error, o.labels, o.size) for o in found])


def _check(book: Codebook, asked: Asked) -> None:
    known = [d.id for d in book.dimensions] + [d.id for d in book.derived]
    if asked.dimension not in known:
        raise ObservatoryError(f"{asked.dimension!r} is no dimension; use {', '.join(known)}")
    if asked.within not in ("", CITY, *known) or asked.within == asked.dimension:
        raise ObservatoryError(
            f"{asked.dimension} cannot be planned by {asked.within!r}; use city or a dimension"
        )


def _names(engine: Engine, within: str) -> dict[str, str]:
    rows = engine.rows("SELECT dimension, class, label FROM naming ORDER BY ALL")
    return {row["class"]: row["label"] for row in rows if row["dimension"] == within}


def _shares(engine: Engine, observatory: Observatory, asked: Asked) -> list[Shares]:
    rests = coverage.take(
        engine, observatory.book, seed=observatory.seed, remember=remembered(observatory)
    )
    if rests.frame is None:
        raise EditionError("every record is coded: there is nothing left to plan")
    count = Count("", "", asked.dimension, asked.within)
    population = Population("", "", asked.kind)
    stands = estimates.basis(rests.frame, asked_of_coders(count, population), asked.kind)
    if stands.name == COUNTED:
        raise EditionError("every record is coded: there is nothing left to plan")
    if stands.name != ESTIMATED:
        told = unheard(observatory, engine.rows("SELECT * FROM coders"))
        folder = shlex.quote(str(observatory.folder))
        raise EditionError(
            told
            or f"no project that was drawn is coded on {asked.dimension} yet; draw some "
            f"('innovatory draw {folder} 60'), let people code them, and plan then"
        )
    return [
        one
        for one in estimates.shares(rests.frame, count, population, stands)
        if one.size.size and one.size[0] > 0
    ]


@dataclass(frozen=True, slots=True)
class Reach:
    """How well the share of a class is known, and how well it will be.

    `at_end` is the half-width of its interval when all that is drawn is coded; `more` the records
    to code beyond those until it is `target`, None where no number of them would do.
    """

    dimension: str
    class_: str
    label: str
    share: float
    low: float
    high: float
    at_end: float
    target: float
    more: int | None


def reaches(observatory: Observatory, *, target: float = 0.05) -> list[Reach]:
    """How well the shares of all projects are known, a class at a time; none where all is coded.

    Classes for which nothing can be told yet, because too few records are coded, are left out.
    """
    book = observatory.book
    with current(observatory) as engine:
        rests = coverage.take(engine, book, seed=observatory.seed, remember=remembered(observatory))
    if rests.frame is None:
        return []
    found: list[Reach] = []
    every: tuple[Dimension | Derived, ...] = (*book.dimensions, *book.derived)
    for dimension in every:
        count, population = Count("", "", dimension.id), PROJECTS
        asked = asked_of_coders(count, population)
        stands = estimates.basis(rests.frame, asked, population.kind)
        if stands.name == ESTIMATED:
            (one,) = estimates.shares(rests.frame, count, population, stands)
            rows = rests.frame.rows(population.kind)
            drawn = sum((draw.drawn & rows).sum() for draw in rests.frame.draws)
            found += _reaches(dimension, one, drawn=float(drawn), target=target)
    return found


def _reaches(
    dimension: Dimension | Derived, one: Shares, *, drawn: float, target: float
) -> list[Reach]:
    variance = planning.record_variance(one.standard_error, one.labels, one.size)
    at_end = planning.half_width(variance, np.maximum(one.labels, drawn), one.size)
    needed = planning.labels_for(variance, one.size, Goal.within(target))
    found = []
    for n, class_ in enumerate(dimension.classes):
        numbers = (one.value[n], one.low[n], one.high[n], at_end[n])
        if np.isfinite(numbers).all():
            share, low, high, end = (float(number) for number in numbers)
            more = max(0, int(needed[n] - one.labels[n]))
            found.append(Reach(dimension.id, class_.id, class_.label, share, low, high, end,
                               target, more))  # fmt: skip
    return found
