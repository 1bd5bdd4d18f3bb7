"""Normalising: indicators of any unit and direction to scores on one scale, where more is better.

Every function takes values (..., units, indicators) with NaN for missing, and the directions
(indicators,) of 1 or -1; leading axes are batches. A column that a method cannot place, such as
one that holds a single value under min-max, comes out missing; the chain says so by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from innovatory.errors import MethodError

Floats = NDArray[np.float64]


def none(values: Floats, directions: Floats) -> Floats:
    """The values as they are, with the sign turned where less is better.

    >>> none(np.array([[1.0, 2.0]]), np.array([1.0, -1.0])).tolist()
    [[1.0, -2.0]]
    """
    return np.asarray(values * directions)


def min_max(values: Floats, directions: Floats, *, low: float = 0.0, high: float = 100.0) -> Floats:
    """The worst unit at `low`, the best at `high`, the others in proportion between them.

    low + (high - low) (x - min) / (max - min), of x times the direction.

    >>> min_max(np.array([[1.0, 1.0], [2.0, 5.0], [3.0, 9.0]]), np.array([1.0, -1.0])).tolist()
    [[0.0, 100.0], [50.0, 50.0], [100.0, 0.0]]
    """
    if not low < high:
        raise MethodError(f"normalise: min_max needs low below high, not {low} and {high}")
    turned = values * directions
    least, most = _ends(turned)
    return np.asarray(_quotient(turned - least, most - least) * (high - low) + low)


def z_score(
    values: Floats, directions: Floats, *, mean: float = 0.0, sd: float = 1.0, ddof: int = 1
) -> Floats:
    """Deviations from the mean in standard deviations, moved to a `mean` and `sd`.

    The standard deviation is that of a sample; `ddof` 0 makes it that of a population, as
    Mazziotta and Pareto have it.

    >>> z_score(np.array([[1.0], [2.0], [3.0]]), np.array([1.0]), mean=10, sd=2).ravel().tolist()
    [8.0, 10.0, 12.0]
    """
    if not sd > 0:
        raise MethodError(f"normalise: z_score needs an sd above 0, not {sd}")
    turned = values * directions
    there = ~np.isnan(turned)
    number = there.sum(axis=-2, keepdims=True)
    centre = _quotient(np.nansum(turned, axis=-2, keepdims=True), number)
    apart = np.where(there, turned - centre, 0.0)
    variance = _quotient(np.square(apart).sum(axis=-2, keepdims=True), number - ddof)
    least, most = _ends(turned)
    # Rounding may leave a column of one value some variance.
    spread = np.where(most > least, np.sqrt(variance), 0.0)
    return np.asarray(_quotient(turned - centre, spread) * sd + mean)


def scaled(
    values: Floats, directions: Floats, *, low: float, high: float, factor: float = 100.0
) -> Floats:
    """The same linear scale for all columns: factor (x - low) / (high - low), not truncated.

    Where less is better x is the value with its sign turned, and low and high are of that.

    >>> scaled(np.array([[2.0], [15.0]]), np.array([1.0]), low=0, high=10).ravel().tolist()
    [20.0, 150.0]
    """
    if low == high:
        raise MethodError(f"normalise: scaled needs low and high to differ; both are {low}")
    return np.asarray((values * directions - low) / (high - low) * factor)


def distance_to_best(values: Floats, directions: Floats) -> Floats:
    """How near to the best unit, from 0 (the worst) to 1: 1 - (best - x) / (best - worst).

    >>> distance_to_best(np.array([[1.0], [2.0], [5.0]]), np.array([-1.0])).ravel().tolist()
    [1.0, 0.75, 0.0]
    """
    turned = values * directions
    least, most = _ends(turned)
    return np.asarray(1 - _quotient(most - turned, most - least))


def distance_to_reference(
    values: Floats, directions: Floats, *, reference: int, cap: bool = False
) -> Floats:
    """How near to the unit with the number `reference`: 1 - (reference - x) / (reference - worst).

    Units beyond the reference get more than 1, unless `cap`. In the method file the reference is
    named, not numbered. Missing where the reference is missing or is itself the worst.

    >>> values = np.array([[1.0], [3.0], [5.0]])
    >>> distance_to_reference(values, np.array([1.0]), reference=1).ravel().tolist()
    [0.0, 1.0, 2.0]
    """
    turned = values * directions
    least, _ = _ends(turned)
    of_reference = turned[..., reference : reference + 1, :]
    scores = np.asarray(1 - _quotient(of_reference - turned, of_reference - least))
    return np.minimum(scores, 1.0) if cap else scores


def distance_to_target(
    values: Floats, directions: Floats, *, target: ArrayLike, cap: bool = False
) -> Floats:
    """What part of the way from the worst unit to the target (in the data's unit) is gone.

    (x - min) / (target - min) where more is better, (max - x) / (max - target) where less is.
    Beyond the target the score is more than 1, unless `cap`. Missing where no unit is short of
    the target, for there is no way to measure then.

    >>> values = np.array([[1.0, 9.0], [3.0, 5.0]])
    >>> distance_to_target(values, np.array([1.0, -1.0]), target=[5.0, 1.0]).tolist()
    [[0.0, 0.0], [0.5, 0.5]]
    """
    turned = values * directions
    least, _ = _ends(turned)
    way = np.asarray(target, dtype=np.float64) * directions - least
    scores = _quotient(turned - least, np.where(way > 0, way, 0.0))
    return np.minimum(scores, 1.0) if cap else scores


def fraction_of_best(values: Floats, directions: Floats) -> Floats:
    """The ratio to the best unit, 1 for the best: x / max, or min / x where less is better.

    For values above 0; a column with one of 0 or less comes out missing, since a ratio to it
    has no meaning.

    >>> fraction_of_best(np.array([[1.0, 2.0], [4.0, 8.0]]), np.array([1.0, -1.0])).tolist()
    [[0.25, 1.0], [1.0, 0.25]]
    """
    least, most = _ends(values)
    ratio = np.where(directions > 0, _quotient(values, most), _quotient(least, values))
    return np.where(least > 0, ratio, np.nan)


def rank(values: Floats, directions: Floats, *, ties: str = "average") -> Floats:
    """The rank from the worst, 1, upwards; `ties` is average, or min for the lowest of them.

    >>> rank(np.array([[3.0], [1.0], [3.0], [np.nan]]), np.array([1.0])).ravel().tolist()
    [2.5, 1.0, 2.5, nan]
    """
    # Not above: scipy.stats takes longer to load than a small index to compute.
    from scipy.stats import rankdata

    if ties not in ("average", "min"):
        raise MethodError(f"normalise: ties are average or min, not {ties!r}")
    turned = values * directions
    ranks = rankdata(np.where(np.isnan(turned), np.inf, turned), method=ties, axis=-2)
    return np.where(np.isnan(turned), np.nan, ranks)


def borda(values: Floats, directions: Floats) -> Floats:
    """How many units are strictly worse.

    >>> borda(np.array([[3.0], [1.0], [3.0]]), np.array([1.0])).ravel().tolist()
    [1.0, 0.0, 1.0]
    """
    return rank(values, directions, ties="min") - 1


def percentile_rank(values: Floats, directions: Floats) -> Floats:
    """The share of the other units that are strictly worse, from 0 to 1.

    >>> percentile_rank(np.array([[3.0], [1.0], [3.0]]), np.array([-1.0])).ravel().tolist()
    [0.0, 1.0, 0.0]
    """
    others = (~np.isnan(values)).sum(axis=-2, keepdims=True) - 1
    return _quotient(borda(values, directions), others)


def goalposts(
    values: Floats,
    directions: Floats,
    *,
    low: ArrayLike,
    high: ArrayLike,
    factor: float = 1.0,
    truncate: bool = True,
) -> Floats:
    """What part of the way between two fixed values is gone, times `factor`.

    `low` and `high` are in the data's unit, one for all columns or one each; where less is better
    the way goes from high to low. Values beyond are held at 0 and 1, unless `truncate` is off.
    The score of a unit does not depend on the other units.

    >>> values = np.array([[0.0, 0.0], [5.0, 8.0], [20.0, 10.0]])
    >>> goalposts(values, np.array([1.0, -1.0]), low=0, high=10).tolist()
    [[0.0, 1.0], [0.5, 0.2], [1.0, 0.0]]
    """
    lower, upper = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if not np.all(lower < upper):
        raise MethodError("normalise: goalposts need each low below its high; mend the goalposts")
    way = np.where(directions > 0, values - lower, upper - values) / (upper - lower)
    return np.asarray((np.clip(way, 0.0, 1.0) if truncate else way) * factor)


def centred(
    values: Floats,
    directions: Floats,
    *,
    centre: ArrayLike | None = None,
    half: ArrayLike | None = None,
) -> Floats:
    """The `centre` at 100 and half a range to either side at 70 and 130.

    100 ± 60 (x - centre) / range, with the mean and the range of the units where they are not
    given; `half` is half a range. With it the Mazziotta-Pareto mean is the adjusted index
    (Mazziotta and Pareto 2016); centre and half of a base year make years comparable.

    >>> centred(np.array([[1.0], [2.0], [3.0]]), np.array([-1.0])).ravel().tolist()
    [130.0, 100.0, 70.0]
    """
    there = (~np.isnan(values)).sum(axis=-2, keepdims=True)
    least, most = _ends(values)
    middle = _quotient(np.nansum(values, axis=-2, keepdims=True), there)
    if centre is not None:
        middle = np.asarray(centre, dtype=np.float64)
    span = (most - least) / 2 if half is None else np.asarray(half, dtype=np.float64)
    return np.asarray(100 + 30 * directions * _quotient(values - middle, span))


METHODS: Mapping[str, Callable[..., Floats]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            none, min_max, z_score, scaled, distance_to_best, distance_to_reference,
            distance_to_target, fraction_of_best, percentile_rank, rank, borda, goalposts, centred,
        )
    }
)  # fmt: skip
"""Every way to normalise, by the name the method file knows it by."""


def _ends(values: Floats) -> tuple[Floats, Floats]:
    """The smallest and the largest of each column; missing where the column is empty."""
    gone = np.isnan(values)
    least = np.where(gone, np.inf, values).min(axis=-2, keepdims=True)
    most = np.where(gone, -np.inf, values).max(axis=-2, keepdims=True)
    empty = gone.all(axis=-2, keepdims=True)
    return np.where(empty, np.nan, least), np.where(empty, np.nan, most)


def _quotient(part: Floats, whole: Floats | NDArray[np.int64]) -> Floats:
    """The quotient, missing where the whole is 0."""
    divisor = np.where(whole == 0, np.nan, whole)
    return np.asarray(part / divisor)
