"""Aggregating: the scores of the items of a group to one score of each unit.

Functions of a group take scores (..., units, items) with NaN for missing and weights
(..., items), 0 or more; leading axes are batches and broadcast, so that many sets of weights meet
many sets of scores. They give (..., units). Where some items of a unit are missing the others
count in proportion to their weights; where none that counts is there the score is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError
from innovatory.index.doubt import multipliers

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]
TIE = 1e-12
"""Scores nearer than this part of the largest are equal: the rest of a float is rounding."""


def arithmetic(scores: Floats, weights: Floats) -> Floats:
    """The weighted arithmetic mean.

    >>> arithmetic(np.array([[1.0, 4.0], [2.0, np.nan]]), np.array([2.0, 1.0])).tolist()
    [2.0, 2.0]
    """
    return _mean(scores, weights)


def geometric(scores: Floats, weights: Floats) -> Floats:
    """The weighted geometric mean, of scores above 0; raises MethodError for others.

    >>> geometric(np.array([[1.0, 8.0]]), np.array([2.0, 1.0])).round(12).tolist()
    [2.0]
    """
    _refuse(scores, "the geometric mean")
    return np.asarray(np.exp(_mean(np.log(scores), weights)))


def harmonic(scores: Floats, weights: Floats) -> Floats:
    """The weighted harmonic mean, of scores above 0; raises MethodError for others.

    >>> harmonic(np.array([[1.0, 0.25]]), np.array([2.0, 1.0])).tolist()
    [0.5]
    """
    _refuse(scores, "the harmonic mean")
    return np.asarray(1 / _mean(1 / scores, weights))


def generalised(scores: Floats, weights: Floats, *, power: float) -> Floats:
    """The weighted mean of powers, taken back: (sum w x^p)^(1/p); the geometric mean for 0.

    Of scores above 0; raises MethodError for others. The lower the power, the less a strength
    makes up for a weakness.

    >>> generalised(np.array([[3.0, 4.0]]), np.array([1.0, 1.0]), power=2) ** 2 * 2
    array([25.])
    """
    if power == 0:
        return geometric(scores, weights)
    _refuse(scores, "the generalised mean")
    # Dividing by the largest first keeps high powers from overflowing.
    largest = np.nanmax(scores, axis=-1, keepdims=True, initial=0.0)
    return np.asarray(_mean((scores / largest) ** power, weights) ** (1 / power) * largest[..., 0])


def median(scores: Floats, weights: Floats) -> Floats:
    """The weighted median: the score with half of the weight on either side.

    Where that lies between two scores, their mean; with equal weights the usual median.

    >>> median(np.array([[1.0, 2.0, 9.0]]), np.array([1.0, 1.0, 1.0])).tolist()
    [2.0]
    >>> median(np.array([[1.0, 2.0, 9.0]]), np.array([1.0, 1.0, 2.0])).tolist()
    [5.5]
    """
    scores, shares = _paired(scores, weights)
    order = np.argsort(scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=-1)
    below = np.cumsum(np.take_along_axis(shares, order, axis=-1), axis=-1)
    # Rounding must not decide whether the half is reached.
    lower = np.argmax(below >= 0.5 - TIE, axis=-1)[..., None]
    upper = np.argmax(below > 0.5 + TIE, axis=-1)[..., None]
    ends = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in (lower, upper)]
    return np.where(shares.any(axis=-1), (ends[0] + ends[1]) / 2, np.nan)


def mazziotta_pareto(scores: Floats, weights: Floats, *, penalty: int = -1) -> Floats:
    """The arithmetic mean M less a penalty S² / M for unevenness, S the standard deviation.

    `penalty` 1 adds it, for phenomena where more is worse (Mazziotta and Pareto 2016). Of scores
    with z_score(mean=100, sd=10, ddof=0) it is their index, with `centred` the adjusted one.
    Means of 0 or less raise MethodError, for the penalty would turn.

    >>> mazziotta_pareto(np.array([[90.0, 110.0]]), np.array([1.0, 1.0])).tolist()  # 100 - 100/100
    [99.0]
    """
    if penalty not in (1, -1):
        raise MethodError(f"aggregate: the penalty is -1 or 1, not {penalty}")
    mean = _mean(scores, weights)
    if np.any(mean <= 0):
        raise MethodError(
            "the Mazziotta-Pareto mean needs means above 0; normalise to a mean of 100"
        )
    variance = _mean(np.square(scores - mean[..., None]), weights)
    return np.asarray(mean + penalty * variance / mean)


def benefit_of_the_doubt(
    scores: Floats, weights: Floats, *, low_share: float = 0.0, high_share: float = 1.0
) -> Floats:
    """Each unit at the weights that suit it best: 1 for a unit no other beats at its own weights.

    See `doubt.multipliers` for the linear program and the bounds on the shares. The given weights
    say only which items count: those above 0.

    >>> benefit_of_the_doubt(np.array([[4.0, 1.0], [1.0, 2.0], [2.0, 1.0]]), np.ones(2)).round(6)
    array([1.      , 1.      , 0.714286])
    """
    counting = np.where(weights[..., None, :] > 0, scores, np.nan)
    own = multipliers(counting, low_share=low_share, high_share=high_share)
    found = np.nansum(own * counting, axis=-1)
    return np.where(np.isnan(counting).all(axis=-1), np.nan, found)


def copeland(scores: Floats, weights: Floats) -> Floats:
    """How many units one beats, less how many beat it.

    Of two units the one beats the other that is better on items of more weight, among those both
    have; ties count for neither. A unit without any score has none.

    >>> copeland(np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 0.0]]), np.array([2.0, 1.0])).tolist()
    [2.0, 0.0, -2.0]
    """
    units, items = scores.shape[-2:]
    batch = np.broadcast_shapes(scores.shape[:-2], weights.shape[:-1])
    net = np.zeros((*batch, units, units))
    for place in range(items):
        column = scores[..., place]
        apart = column[..., :, None] - column[..., None, :]
        near = TIE * np.nanmax(np.abs(column), axis=-1, initial=0.0)[..., None, None]
        beats = (apart > near).astype(np.float64) - (apart < -near)
        net += weights[..., place, None, None] * beats
    even = TIE * weights.sum(axis=-1)[..., None, None]
    won = (net > even).sum(axis=-1) - (net < -even).sum(axis=-1)
    return np.where(np.isnan(scores).all(axis=-1), np.nan, won)


def borda(scores: Floats, weights: Floats) -> Floats:
    """The weighted mean number of units that one is better than; a tie counts half.

    Where an item has missing scores the numbers are scaled to as many units as the table has.

    >>> borda(np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 0.0]]), np.array([2.0, 1.0])).tolist()
    [1.6666666666666667, 1.3333333333333333, 0.0]
    """
    # Not above: scipy.stats takes longer to load than a small index to compute.
    from scipy.stats import rankdata

    gone = np.isnan(scores)
    below = rankdata(np.where(gone, np.inf, scores), method="average", axis=-2) - 1
    others = (~gone).sum(axis=-2, keepdims=True) - 1.0
    share = below / np.where(others == 0, np.nan, others)
    return np.asarray(_mean(np.where(gone, np.nan, share), weights) * (scores.shape[-2] - 1))


METHODS: Mapping[str, Callable[..., Floats]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            arithmetic, geometric, harmonic, generalised, median, mazziotta_pareto,
            benefit_of_the_doubt, copeland, borda,
        )
    }
)  # fmt: skip
"""Every way to aggregate, by the name the method file knows it by."""


def ranks(scores: Floats) -> Ranks:
    """The rank of each unit (..., units): 1 is best, ties share the lowest place, 0 is no rank.

    Scores that differ by no more than rounding are ties; a missing score has no rank.

    >>> ranks(np.array([[3.0, 5.0, 3.0, np.nan, 1.0]])).tolist()
    [[2, 1, 2, 0, 4]]
    """
    gone = np.isnan(scores)
    falling = -np.where(gone, -np.inf, scores)
    order = np.argsort(falling, axis=-1)
    ordered = np.take_along_axis(falling, order, axis=-1)
    near = TIE * np.max(np.abs(scores), axis=-1, keepdims=True, initial=0.0, where=~gone)
    new = np.ones(ordered.shape, dtype=bool)
    # The missing are last and infinitely far apart from the rest; what they get is taken back.
    with np.errstate(invalid="ignore"):
        new[..., 1:] = ordered[..., 1:] - ordered[..., :-1] > near
    places = np.maximum.accumulate(np.where(new, np.arange(1, scores.shape[-1] + 1), 0), axis=-1)
    found = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(found, order, places, axis=-1)
    found[gone] = 0
    return found


def _mean(scores: Floats, weights: Floats) -> Floats:
    """The weighted mean over the last axis, of those that are there."""
    gone = np.isnan(scores)
    column = weights[..., None]
    if not gone.any():
        return np.asarray((scores @ column)[..., 0] / weights.sum(axis=-1)[..., None])
    total = (np.where(gone, 0.0, scores) @ column)[..., 0]
    counted = (~gone).astype(np.float64) @ column
    return np.asarray(total / np.where(counted == 0, np.nan, counted)[..., 0])


def _paired(scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The scores, missing ones as infinity, with the share of weight of each, missing ones 0."""
    shape = np.broadcast_shapes(scores.shape, (*weights.shape[:-1], 1, weights.shape[-1]))
    gone = np.isnan(scores)
    parts = np.broadcast_to(np.where(gone, 0.0, weights[..., None, :]), shape)
    total = parts.sum(axis=-1, keepdims=True)
    shares = parts / np.where(total == 0, 1.0, total)
    return np.broadcast_to(np.where(gone, np.inf, scores), shape), shares


def _refuse(scores: Floats, mean: str) -> None:
    if np.any(scores <= 0):
        raise MethodError(
            f"{mean} needs scores above 0; normalise to a range such as 1 to 100, or aggregate in "
            "another way"
        )
