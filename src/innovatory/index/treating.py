"""Treating outliers: the few values far from all others, which would squeeze everything else.

Values are (..., units, indicators) with NaN for missing. An indicator is left alone if its
distribution passes: its skewness is below 2 in size, or its kurtosis below 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from innovatory.errors import MethodError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SKEWNESS = 2.0
KURTOSIS = 3.5
TINY = 1e-300
MARGIN = 0.01
"""The part of the range that is added before a logarithm."""


@dataclass(frozen=True, eq=False, slots=True)
class Treated:
    """What came out, and of each indicator (..., indicators) what was done to it.

    `points` is the number of values winsorised, `transformed` whether the values were put
    through a function, `passes` whether the distribution passes now.
    """

    values: Floats
    points: NDArray[np.int64]
    transformed: Bools
    passes: Bools


def skewness(values: Floats) -> Floats:
    """The skewness of each column (..., indicators), corrected for the size of the sample.

    sqrt(n (n - 1)) / (n - 2) m3 / m2^1.5 with m the central moments; missing below three values
    and where all are the same.

    >>> skewness(np.array([[0.0], [0.0], [3.0]])).round(6).tolist()  # 2 / 2^1.5 sqrt(6)
    [1.732051]
    """
    number, second, third, _ = _moments(values)
    size = np.where(number > 2, number, np.nan)
    return np.asarray(np.sqrt(size * (size - 1)) / (size - 2) * third / second**1.5)


def kurtosis(values: Floats) -> Floats:
    """The excess kurtosis of each column (..., indicators), corrected for the size of the sample.

    (n - 1) / ((n - 2)(n - 3)) ((n + 1)(m4 / m2² - 3) + 6); missing below four values and where
    all are the same.

    >>> kurtosis(np.array([[0.0], [0.0], [0.0], [4.0]])).round(6).tolist()  # m4 / m2² = 7/3
    [4.0]
    """
    number, second, _, fourth = _moments(values)
    size = np.where(number > 3, number, np.nan)
    peaked = (size + 1) * (fourth / second**2 - 3) + 6
    return np.asarray(peaked * (size - 1) / ((size - 2) * (size - 3)))


def passing(values: Floats, *, skew: float = SKEWNESS, kurt: float = KURTOSIS) -> Bools:
    """Whether each column passes: |skewness| < skew or kurtosis < kurt, or nothing can be told.

    >>> passing(np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 3.0], [0.0, 4.0], [90.0, 5.0]])).tolist()
    [False, True]
    """
    skewed, peaked = skewness(values), kurtosis(values)
    untold = np.isnan(skewed) | np.isnan(peaked)
    return np.asarray((np.abs(skewed) < skew) | (peaked < kurt) | untold)


def none(values: Floats) -> Treated:
    """The values as they are."""
    columns = values.shape[:-2] + values.shape[-1:]
    return Treated(
        values, np.zeros(columns, np.int64), np.zeros(columns, np.bool_), passing(values)
    )


def winsorise(
    values: Floats,
    *,
    winmax: ArrayLike = 5,
    skew: float = SKEWNESS,
    kurt: float = KURTOSIS,
    otherwise: str = "log_ct",
) -> Treated:
    """The most extreme values pulled to the next ones, as few as let the indicator pass.

    The end is that of the skewness, and values that are equal go together, so that there may be
    more than `winmax` at last. What does not pass then is put through `otherwise` instead (log_ct,
    log_gii, box_cox or none), from the values as they were. A step that would leave a single
    value is not taken. Several `winmax` make a leading axis.

    >>> done = winsorise(np.array([[1.0], [2.0], [3.0], [2.0], [4.0], [90.0]]), winmax=[0, 1])
    >>> done.points.tolist(), done.transformed.tolist(), done.values[1].ravel().tolist()
    ([[0], [1]], [[True], [False]], [1.0, 2.0, 3.0, 2.0, 4.0, 4.0])
    """
    if otherwise not in TRANSFORMS and otherwise != "none":
        raise MethodError(
            f"treat: otherwise is one of {', '.join(TRANSFORMS)} or none, not {otherwise!r}"
        )
    limits = np.asarray(winmax)
    if np.any(limits < 0) or np.any(limits != limits.astype(np.int64)):
        raise MethodError(f"treat: winmax is a whole number from 0 upwards, not {limits}")
    found, points = _pulled(values, np.atleast_1d(limits), skew, kurt)
    passes = passing(found, skew=skew, kurt=kurt)
    changed: Bools = np.zeros(passes.shape, np.bool_)
    if otherwise != "none" and not passes.all():
        failing = ~np.asarray(passes.all(axis=0))[..., None, :]
        other = TRANSFORMS[otherwise](np.where(failing, values, np.nan))
        changed = ~passes
        found = np.where(changed[..., None, :], other, found)
        points = np.where(changed, 0, points)
        passes = passing(found, skew=skew, kurt=kurt)
    every = (found, points, changed, passes)
    return Treated(*every) if limits.ndim else Treated(*(part[0] for part in every))


def log_ct(values: Floats) -> Floats:
    """The logarithm of the distance from the smallest value, plus a hundredth of the range.

    log(x - min + 0.01 (max - min)), as the COIN Tool has it. Where the long tail is at the low
    end it is mirrored, -log(max - x + 0.01 (max - min)); a logarithm would lengthen that tail.

    >>> log_ct(np.array([[0.0], [1.0], [99.0]])).round(6).tolist()  # log(.99), log(1.99)
    [[-0.01005], [0.688135], [4.60507]]
    """

    def logarithm(shifted: Floats, _: Floats) -> Floats:
        return np.asarray(np.log(shifted + MARGIN * _highest(shifted)))

    return _from_tail(values, logarithm)


def log_gii(values: Floats) -> Floats:
    """The logarithm of the Global Innovation Index, from 0 for the smallest value.

    log((F max - 1)(x - min) / (max - min) + 1), with F = 1, or the power of ten that brings the
    largest value to 10 or more if it is 1 or less: below 1 the bracket would fall as x rises.
    Mirrored as log_ct. A column whose largest value is 0 or less comes out missing.

    >>> log_gii(np.array([[0.0], [50.0], [100.0]])).round(6).ravel().tolist()  # log 50.5, log 100
    [0.0, 3.921973, 4.60517]
    """

    def logarithm(shifted: Floats, largest: Floats) -> Floats:
        positive = np.where(largest > 0, largest, np.nan)
        factor = np.where(positive > 1, 1.0, 10.0 ** np.ceil(1 - np.log10(positive)))
        steep = (factor * positive - 1) / _highest(shifted)
        return np.asarray(np.log(steep * shifted + 1))

    return _from_tail(values, logarithm)


def box_cox(values: Floats) -> Floats:
    """The power of Box and Cox that comes nearest to a normal distribution, by likelihood.

    (y^p - 1) / p, the logarithm for p = 0, of y = (x - min) / (max - min) + 0.01, with p between
    -2 and 2. Mirrored as log_ct.

    >>> squares = np.array([[float(n * n)] for n in range(1, 30)])
    >>> bool(abs(skewness(box_cox(squares))[0]) < 0.3 < skewness(squares)[0])
    True
    """

    def powered(shifted: Floats, _: Floats) -> Floats:
        found = np.full(shifted.shape, np.nan)
        for place in np.ndindex(*shifted.shape[:-2], shifted.shape[-1]):
            column = shifted[(*place[:-1], slice(None), place[-1])]
            there = ~np.isnan(column)
            found[(*place[:-1], there, place[-1])] = _powered(column[there])
        return found

    return _from_tail(values, powered)


TRANSFORMS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {function.__name__: function for function in (log_ct, log_gii, box_cox)}
)
"""What an indicator is put through that winsorising does not help."""

METHODS: Mapping[str, Callable[..., Treated]] = MappingProxyType(
    {function.__name__: function for function in (none, winsorise)}
)
"""Every way to treat, by the name the method file knows it by."""


def _pulled(
    values: Floats, limits: NDArray[np.generic], skew: float, kurt: float
) -> tuple[Floats, NDArray[np.int64]]:
    """The values winsorised up to each limit (limits, ..., units, indicators), and how many."""
    now = values.copy()
    passes = passing(now, skew=skew, kurt=kurt)
    high, low = np.zeros(passes.shape, np.int64), np.zeros(passes.shape, np.int64)
    bounds = limits.astype(np.int64).reshape(-1, *[1] * passes.ndim)
    settled = np.zeros((len(limits), *passes.shape), np.bool_)
    found = np.repeat(now[None], len(limits), axis=0)
    points = np.zeros(settled.shape, np.int64)
    stuck = np.zeros(passes.shape, np.bool_)
    while True:
        ready = ~settled & (passes | stuck | (high + low >= bounds))
        found = np.where(ready[..., None, :], now, found)
        points = np.where(ready, high + low, points)
        settled |= ready
        if settled.all():
            return found, points
        moving = ~settled.all(axis=0)
        upward = skewness(now) >= 0
        sign = np.where(upward, 1.0, -1.0)[..., None, :]
        # The end with the tail becomes the upper one.
        turned = now * sign
        outermost = turned == _highest(turned)
        rest = _highest(np.where(outermost, np.nan, turned))
        stuck |= moving & ~(rest > -_highest(-turned))[..., 0, :]
        moving &= ~stuck
        now = np.where(moving[..., None, :] & outermost, rest * sign, now)
        number = outermost.sum(axis=-2)
        high = np.where(moving & upward, number, high)
        low = np.where(moving & ~upward, number, low)
        passes = passing(now, skew=skew, kurt=kurt)


def _from_tail(values: Floats, function: Callable[[Floats, Floats], Floats]) -> Floats:
    """A function of the distance from the end without the tail, and of the largest value.

    A column of one value has no tail and comes out missing.
    """
    sign = np.where(skewness(values) < 0, -1.0, 1.0)[..., None, :]
    turned = values * sign
    shifted = turned + _highest(-turned)
    shifted = np.where(_highest(shifted) > 0, shifted, np.nan)
    return np.asarray(sign * function(shifted, _highest(values)))


def _powered(column: Floats) -> Floats:
    """The likeliest power of the distances from 0, if there are any."""
    from scipy.optimize import minimize_scalar
    from scipy.stats import boxcox, boxcox_llf

    if not len(column):
        return column
    placed = column / column.max() + MARGIN
    best = minimize_scalar(lambda power: -boxcox_llf(power, placed), bounds=(-2, 2))
    return np.asarray(boxcox(placed, lmbda=float(best.x)))


def _highest(values: Floats) -> Floats:
    """The largest of each column (..., 1, indicators); missing where the column is empty."""
    gone = np.isnan(values)
    most = np.where(gone, -np.inf, values).max(axis=-2, keepdims=True)
    return np.where(np.isneginf(most), np.nan, most)


def _moments(values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The number of values of each column, and its central moments of order 2 to 4, scaled."""
    gone = np.isnan(values)
    number = (~gone).sum(axis=-2).astype(np.float64)
    some = np.where(number > 0, number, np.nan)
    mean = np.where(gone, 0.0, values).sum(axis=-2) / some
    apart = np.where(gone, 0.0, values - mean[..., None, :])
    # Neither measure has a scale; without one no power can overflow.
    apart /= np.maximum(np.abs(apart).max(axis=-2, keepdims=True), TINY)
    square = apart * apart
    # Rounding may leave a column of one value some variance.
    varied = _highest(values)[..., 0, :] > -_highest(-values)[..., 0, :]
    second = np.where(varied, square.sum(axis=-2) / some, np.nan)
    third = (square * apart).sum(axis=-2) / some
    fourth = (square * square).sum(axis=-2) / some
    return number, second, third, fourth
