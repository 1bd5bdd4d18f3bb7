"""The label budget: how many more records to code, where, and when to stop.

An estimate's standard error tells what one record's residual varies by, s^2; with n of N coded the
share's standard error is then s sqrt(1/n - 1/N). From that follow the width after more labels, the
labels a width needs, and where the next ones help most. s^2 is taken to stay as it is: as the
machine learns it falls, so plans err to the safe side.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from innovatory.errors import ObservatoryError
from innovatory.estimate.difference import FEWEST_LABELS

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the labels are for: `distance` is a difference of shares to be seen with `power`.

    A half-width is a difference that is seen half the time, so `within` has the power 0.5.

    Raises ObservatoryError where the distance is not above 0, or power or confidence no chance.

    >>> Goal.telling(0.28, 0.24).text, Goal.within(0.04).text
    ('tell 28% from 24%', 'know each share to within 4 points')
    """

    text: str
    distance: float
    power: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not (self.distance > 0 and 0.5 <= self.power < 1 and 0 < self.confidence < 1):
            raise ObservatoryError(
                f"the goal to {self.text} cannot be planned for (distance {self.distance}, power "
                f"{self.power}, confidence {self.confidence}): give a distance above 0, a power "
                "of 0.5 or more and a confidence below 1"
            )

    @classmethod
    def telling(cls, one: float, other: float, *, power: float = 0.8) -> Goal:
        """A share of `one` is to be told from the value `other`."""
        text = f"tell {100 * one:.3g}% from {100 * other:.3g}%"
        return cls(text, round(abs(one - other), 12), power)

    @classmethod
    def within(cls, half_width: float) -> Goal:
        """Each interval is to reach no further than this to either side."""
        return cls(f"know each share to within {100 * half_width:.3g} points", half_width, 0.5)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to code to reach a goal in each of several domains.

    `needed` are the labels still missing by domain and `batch` those to code next; `now`, `then`
    and `reached` the half-widths of the intervals now, after the batch and after all of them (the
    widest class; NaN where nothing is coded yet). `done` means that coding may stop.
    """

    goal: Goal
    needed: Mapping[str, int]
    batch: Mapping[str, int]
    now: Mapping[str, float]
    then: Mapping[str, float]
    reached: Mapping[str, float]
    done: bool
    sentence: str


def record_variance(standard_error: Array, labels: Array, size: Array) -> Array:
    """What one record's residual varies by, from a share's standard error with n of N coded.

    NaN where everything or nothing is coded: then it cannot be told.

    >>> record_variance(np.array([0.06]), np.array([50.0]), np.array([100.0])).round(3).tolist()
    [0.36]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = standard_error**2 / (1 / labels - 1 / size)
    return np.where(np.isfinite(found) & (labels < size), found, np.nan)


def half_width(variance: Array, labels: Array, size: Array, *, confidence: float = 0.95) -> Array:
    """Half the width of a share's interval with n of N records coded; NaN below two labels.

    >>> half_width(np.array([0.36]), np.array([50.0]), np.array([100.0])).round(3).tolist()
    [0.121]
    """
    return _reach(variance, labels, size, 0.5, confidence)


def labels_for(variance: Array, size: Array, goal: Goal) -> Counts:
    """How many of N records must be coded in all to reach a goal; with all of them it is reached.

    Never fewer than five, or all where there are not five: fewer are not audited.

    >>> labels_for(np.array([0.25]), np.array([1e9]), Goal.within(0.04)).tolist()
    [603]
    >>> labels_for(np.array([0.25]), np.array([1000.0]), Goal.within(0.04)).tolist()
    [377]
    """
    enough = np.floor(size).astype(np.int64)
    short = np.minimum(FEWEST_LABELS, enough) - 1
    # Half-widths fall as labels grow, so the least number that will do is found by halving.
    while (enough - short > 1).any():
        middle = (enough + short) // 2
        reach = _reach(variance, middle.astype(np.float64), size, goal.power, goal.confidence)
        reached = reach <= goal.distance
        enough, short = np.where(reached, middle, enough), np.where(reached, short, middle)
    return enough


def allocate(scale: Array, labels: Array, size: Array, more: int) -> Counts:
    """How `more` labels are shared out over strata so that the sum of variances is least.

    `scale` (H,) is N S for a total over all strata (Neyman's allocation), S for the strata's own
    shares; `labels` are there already and `size` limits each. Exact in whole numbers (Wright 2012):
    each label goes where scale^2 / (n (n + 1)) is largest, n the labels it has; a stratum without
    any comes first.

    >>> allocate(np.array([30.0, 10.0]), np.array([1.0, 1.0]), np.array([99.0, 99.0]), 6).tolist()
    [5, 1]
    """
    given = np.zeros(len(scale), dtype=np.int64)

    def urgency(h: int) -> tuple[float, int]:
        n = float(labels[h]) + int(given[h])
        return (-(float(scale[h]) ** 2) / (n * (n + 1)) if n > 0 else -np.inf), h

    queue = [urgency(h) for h in range(len(scale)) if labels[h] + 1 <= size[h] + 1e-9]
    heapq.heapify(queue)
    for _ in range(more):
        if not queue:
            break
        _, h = heapq.heappop(queue)
        given[h] += 1
        if labels[h] + given[h] + 1 <= size[h] + 1e-9:
            heapq.heappush(queue, urgency(h))
    return given


def protected(variances: Array, size: Array) -> Array:
    """One standard deviation S (H,) for strata with several classes, rare ones protected.

    `variances` (H, classes) are those of a record. Each class counts relative to its variance over
    all strata, so that a rare class has as much say as a common one.

    >>> protected(np.array([[0.2, 0.02], [0.2, 0.0]]), np.array([10.0, 10.0])).round(3).tolist()
    [1.732, 1.0]
    """
    usual = (variances * size[:, None]).sum(0) / size.sum()
    relative = np.divide(variances, usual, out=np.zeros(variances.shape), where=usual > 0)
    spread: Array = np.sqrt(relative.sum(1))
    return spread


def plan(
    goal: Goal,
    names: Sequence[str],
    *,
    size: Array,
    labels: Array,
    variances: Array,
    batch: int = 60,
) -> Plan:
    """What to code, so that the goal is reached in every domain for every class.

    `size` and `labels` (m,) are the records and the effective labels of each domain, `variances`
    (m, classes) those of a record (`record_variance`); where one is NaN it is taken to be that of
    the other domains, weighted by their labels. The batch goes where it narrows the widest
    intervals most, and no domain gets more than it needs: draw it with
    `sampling.stratified(city_of_record, plan.batch, ...)`.

    Raises ObservatoryError where no domain has a variance yet: code a first random draw.

    >>> found = plan(Goal.within(0.1), ["a", "b"], size=np.array([400.0, 40.0]),
    ...              labels=np.array([30.0, 30.0]), variances=np.array([[0.25], [0.09]]), batch=20)
    >>> dict(found.needed), dict(found.batch)
    ({'a': 50, 'b': 0}, {'a': 20})
    >>> found.sentence
    'To know each share to within 10 points in 2 domains takes about 50 more labels; next 20: a 20.'
    """
    variance = _filled(variances, labels).max(1)
    wanted = labels_for(variance, size, goal)
    needed = np.maximum(np.ceil(wanted - labels - 1e-9), 0).astype(np.int64)
    following = allocate(np.sqrt(variance), labels, labels + needed, min(batch, int(needed.sum())))
    steps = [labels, labels + following, labels + needed]
    widths = [half_width(variance, n, size, confidence=goal.confidence) for n in steps]
    now, then, reached = (dict(zip(names, w.tolist(), strict=True)) for w in widths)
    chosen = {name: int(n) for name, n in zip(names, following, strict=True) if n}
    missing = {name: int(n) for name, n in zip(names, needed, strict=True)}
    done = not needed.any()
    sentence = _sentence(goal, missing, chosen)
    return Plan(goal, missing, chosen, now, then, reached, done, sentence)


def _reach(variance: Array, labels: Array, size: Array, power: float, confidence: float) -> Array:
    """The distance from a share that is seen with this power, at this confidence."""
    n = np.where(labels >= 2, labels, np.nan)
    error = np.sqrt(variance * np.maximum(1 / n - 1 / size, 0))
    reach: Array = (stdtrit(n - 1, (1 + confidence) / 2) + ndtri(power)) * error
    return reach


def _filled(variances: Array, labels: Array) -> Array:
    """The variances with those that are not known taken from the other domains."""
    known = np.isfinite(variances)
    weight = known * np.maximum(labels, 1)[:, None]
    if not known.any(0).all():
        raise ObservatoryError(
            "no domain has enough labels to tell how its records vary: code a first random draw "
            "of about 60 records, then plan"
        )
    usual = (weight * np.nan_to_num(variances)).sum(0) / weight.sum(0)
    return np.where(known, variances, usual)


def _sentence(goal: Goal, needed: Mapping[str, int], batch: Mapping[str, int]) -> str:
    where = f"{len(needed)} domains" if len(needed) > 1 else next(iter(needed), "no domain")
    if not batch:
        return f"Enough is coded to {goal.text} in {where}."
    first = sorted(batch.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{name} {number}" for name, number in first[:5])
    others = f" and {len(first) - 5} more" if len(first) > 5 else ""
    return (
        f"To {goal.text} in {where} takes about {sum(needed.values()):,} more labels; "
        f"next {sum(batch.values())}: {listed}{others}."
    )
