"""The measures of agreement, from how often each value was given to each unit.

`counts` has a row for each unit (a record under one question) and a column for each value: how
many coders gave that value. Units with fewer than two answers say nothing and are left out. Every
measure has the form 1 - disagreement / chance, which is what the intervals build on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
# Disagreement and chance, each with one number for each row of weights.
Parts = tuple[Floats, Floats]
Formula = Callable[[Floats, Floats], Parts]

REPLICATES = 1_000
SMALLEST = 10
"""Units below which a bootstrap says nothing, and no interval is given."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A measure with its interval, the units with two answers or more, and their pairs."""

    value: float
    low: float
    high: float
    units: int
    pairs: int


def alpha(counts: Counts, distance: Floats | None = None) -> float:
    """Krippendorff's alpha; nominal, unless the distance of each two values is given.

    `distance` is a symmetric (values, values) array with zeros on the diagonal; it takes the place
    of the squared difference. With o the coincidences of values within units, n their totals and
    N the sum of those: alpha = 1 - (N - 1) sum(o d) / sum(n n' d) (Krippendorff, Content Analysis,
    ch. 12). Not a number where fewer than two values occur: then nothing can be told apart.

    Two coders on four units, A A, B B, A B, A A: the totals are 5 and 3, so
    alpha = 1 - 7 * 2 / (2 * 15).

    >>> round(alpha(np.array([[2, 0], [0, 2], [1, 1], [2, 0]])), 6)
    0.533333
    """
    return _single(counts, by_distance(distance))


def ordinal_alpha(counts: Counts) -> float:
    """Krippendorff's alpha where the columns are values in their order.

    The distance of two values is the square of the number of answers between them, those at the
    two ends counted half, so it depends on how often each value occurs. Two coders on four units,
    A A, B B, B C, C C: the totals are 2, 3 and 3, the distances AB 2.5^2, BC 3^2, AC 5.5^2, so
    alpha = 1 - 7 * 2 * 9 / (2 * (6 * 6.25 + 9 * 9 + 6 * 30.25)).

    >>> round(ordinal_alpha(np.array([[2, 0, 0], [0, 2, 0], [0, 1, 1], [0, 0, 2]])), 6)
    0.79
    """
    return _single(counts, ordinal)


def ac1(counts: Counts) -> float:
    """Gwet's AC1, which stays high where nearly all answers are the same and nearly all agree.

    With p the percent agreement, q the number of columns and m_k the mean share of the answers to
    a unit that are k, chance is sum(m_k (1 - m_k)) / (q - 1) (Gwet 2008). Two coders on four
    units, A A, B B, A B, A A: p = 3/4, chance 2 * 5/8 * 3/8 = 15/32, AC1 = (24 - 15) / (32 - 15).

    >>> round(ac1(np.array([[2, 0], [0, 2], [1, 1], [2, 0]])), 6)
    0.529412
    """
    return _single(counts, by_ac1)


def percent(counts: Counts) -> float:
    """The share of pairs of coders who give the same value, averaged over the units (0 to 1).

    >>> percent(np.array([[2, 0], [0, 2], [1, 1], [2, 0]]))
    0.75
    """
    return _single(counts, by_percent)


def masi(sets: Sequence[frozenset[str]]) -> Floats:
    """The MASI distance of each two sets: 1 - Jaccard * monotonicity (Passonneau 2006).

    Monotonicity is 1 for equal sets, 2/3 where one holds the other, 1/3 where they share a member,
    else 0. Returns a (sets, sets) array.

    >>> a, b, c = frozenset("ab"), frozenset("a"), frozenset("bc")
    >>> [round(float(d), 6) for d in masi([a, b, c])[0]]  # 1 - 1/2 * 2/3, 1 - 1/3 * 1/3
    [0.0, 0.666667, 0.888889]
    """
    members = sorted(set().union(*sets))
    held = np.array([[m in s for m in members] for s in sets], dtype=np.float64)
    held = held.reshape(len(sets), len(members))
    shared = held @ held.T
    sizes = held.sum(axis=1)
    either = sizes[:, None] + sizes[None, :] - shared
    jaccard = np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
    smaller = np.minimum(sizes[:, None], sizes[None, :])
    monotonicity = np.select([jaccard == 1, shared == smaller, shared > 0], [1, 2 / 3, 1 / 3], 0.0)
    return np.asarray(1 - jaccard * monotonicity)


def by_distance(distance: Floats | None = None) -> Formula:
    """The formula of alpha with that distance (none: nominal)."""

    def parts(units: Floats, weights: Floats) -> Parts:
        apart = 1 - np.eye(units.shape[1]) if distance is None else distance
        largest = apart.max(initial=0) or 1.0
        answers = units.sum(axis=1)
        within = ((units @ apart) * units).sum(axis=1) / (answers - 1)
        totals = weights @ units
        every = totals.sum(axis=1)
        chance = ((totals @ apart) * totals).sum(axis=1) / (every * (every - 1))
        return (weights @ within) / every / largest, chance / largest

    return parts


def ordinal(units: Floats, weights: Floats) -> Parts:
    """The formula of the ordinal alpha; the distance follows the weights."""
    size = units.shape[1]
    pairs = units[:, :, None] * units[:, None, :] - np.eye(size) * units[:, :, None]
    pairs /= (units.sum(axis=1) - 1)[:, None, None]
    coincidences = (weights @ pairs.reshape(len(units), size * size)).reshape(-1, size, size)
    totals = weights @ units
    middle = np.cumsum(totals, axis=1) - totals / 2
    apart = (middle[:, :, None] - middle[:, None, :]) ** 2
    every = totals.sum(axis=1)
    largest = apart.max(axis=(1, 2), initial=0)
    largest[largest == 0] = 1.0
    chance = np.einsum("bi,bj,bij->b", totals, totals, apart) / (every * (every - 1))
    return (coincidences * apart).sum(axis=(1, 2)) / every / largest, chance / largest


def by_ac1(units: Floats, weights: Floats) -> Parts:
    """The formula of AC1."""
    shares = weights @ (units / units.sum(axis=1, keepdims=True))
    shares /= weights.sum(axis=1, keepdims=True)
    expected = (shares * (1 - shares)).sum(axis=1) / max(units.shape[1] - 1, 1)
    return by_percent(units, weights)[0], 1 - expected


def by_percent(units: Floats, weights: Floats) -> Parts:
    """The formula of percent agreement: chance is left out of it."""
    answers = units.sum(axis=1)
    agreeing = (units * (units - 1)).sum(axis=1) / (answers * (answers - 1))
    sizes = weights.sum(axis=1)
    return (weights @ (1 - agreeing)) / sizes, np.ones_like(sizes)


def measured(
    counts: Counts,
    formulas: Mapping[str, Formula],
    *,
    seed: Sequence[int],
    replicates: int = REPLICATES,
    confidence: float = 0.95,
) -> dict[str, Agreement]:
    """Each measure with a percentile interval from a bootstrap over units.

    Units of equal counts are drawn together, so a replicate costs as much as there are kinds of
    units. Where nobody disagrees a bootstrap has no width; the low end is then that of the largest
    share of disagreement that would still go unseen in so many units (exact binomial bound). There
    is no interval below SMALLEST units, nor where more than one replicate in twenty holds one
    value alone. Not a number stands for what cannot be told.

    >>> found = measured(np.array([[2, 0]] * 60 + [[0, 2]] * 40), {"percent": by_percent}, seed=[1])
    >>> found["percent"].value, round(found["percent"].low, 4)  # 0.025 ** (1 / 100)
    (1.0, 0.9638)
    """
    counts = _pairable(counts)
    answers = counts.sum(axis=1)
    size, pairs = len(counts), int((answers * (answers - 1)).sum()) // 2
    if not size:
        return {name: Agreement(np.nan, np.nan, np.nan, 0, 0) for name in formulas}
    kinds, often = _kinds(counts)
    tail = (1 - confidence) / 2
    weights: Floats | None = None
    found = {}
    for name, formula in formulas.items():
        disagreement, chance = formula(kinds, often[None, :].astype(np.float64))
        value = float(_value(disagreement, chance)[0])
        low = high = np.nan
        if size >= SMALLEST and not np.isnan(value):
            if disagreement[0] == 0:
                low, high = 1 - (1 - tail ** (1 / size)) / float(chance[0]), 1.0
            else:
                if weights is None:
                    draws = np.random.default_rng(list(seed))
                    drawn = draws.multinomial(size, often / size, size=replicates)
                    weights = drawn.astype(np.float64)
                low, high = _ends(_value(*formula(kinds, weights)), tail)
        found[name] = Agreement(value, max(low, -1.0), high, size, pairs)
    return found


def _ends(values: Floats, tail: float) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if len(defined) < 0.95 * len(values):
        return np.nan, np.nan
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def _single(counts: Counts, formula: Formula) -> float:
    units = _pairable(counts).astype(np.float64)
    if not len(units):
        return float("nan")
    return float(_value(*formula(units, np.ones((1, len(units)))))[0])


def _value(disagreement: Floats, chance: Floats) -> Floats:
    ratio = np.full_like(chance, np.nan)
    np.divide(disagreement, chance, out=ratio, where=chance > 0)
    return 1 - ratio


def _pairable(counts: Counts) -> Counts:
    return np.asarray(counts[counts.sum(axis=1) >= 2])


def _kinds(counts: Counts) -> tuple[Floats, Counts]:
    """The different rows of counts, in an order of their own, and how often each occurs."""
    width, most = counts.shape[1], int(counts.max()) + 1
    if most**width < 2**62:
        # A row as the digits of one number: sorting numbers is much faster than sorting rows.
        keys = counts @ (most ** np.arange(width, dtype=np.int64))
        _, first, often = np.unique(keys, return_index=True, return_counts=True)
        return counts[first].astype(np.float64), often
    kinds, often = np.unique(counts, axis=0, return_counts=True)
    return kinds.astype(np.float64), often
