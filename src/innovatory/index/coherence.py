"""How the items of an index hang together: consistency, components, correlations, importance.

Scores are (units, items), more being better, NaN for missing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FEWEST = 3
"""Pairs of values below which a correlation says nothing."""


def cronbach(scores: Array) -> float:
    """Cronbach's alpha of the items, on the units that have all of them.

    k / (k - 1) (1 - sum of the items' variances / variance of their sum); NaN for fewer than two
    items or units, and where the sum does not vary.

    >>> round(cronbach(np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 5.0]])), 6)  # 2 (1 - 4 / 7)
    0.857143
    """
    items = scores.shape[1]
    complete = scores[~np.isnan(scores).any(1)]
    if items < 2 or len(complete) < 2:
        return float("nan")
    total = complete.sum(1).var(ddof=1)
    if total <= 0:
        return float("nan")
    return float(items / (items - 1) * (1 - complete.var(axis=0, ddof=1).sum() / total))


def correlations(one: Array, other: Array) -> Array:
    """Pearson's correlations (a, b) of the columns of two tables, over pairs of values.

    NaN with fewer than three pairs, or where a column does not vary over them.

    >>> correlations(np.array([[1.0], [2.0], [4.0], [np.nan]]),
    ...              np.array([[1.0], [3.0], [2.0], [9.0]])).round(4).tolist()
    [[0.3273]]
    """
    there, elsewhere = np.isfinite(one), np.isfinite(other)
    # Around any centre the sums below are the same but for rounding: the mean loses least.
    left, right = _centred(one), _centred(other)
    have, has = there.astype(np.float64), elsewhere.astype(np.float64)
    number = have.T @ has
    many = np.where(number >= FEWEST, number, np.nan)
    x, y = left.T @ has / many, have.T @ right / many
    both = left.T @ right / many - x * y
    spread = (np.square(left).T @ has / many - x * x) * (have.T @ np.square(right) / many - y * y)
    floor = 1e-24 * np.nanmax(np.abs(spread), initial=0.0)
    found: Array = both / np.sqrt(np.where(spread > floor, spread, np.nan))
    return np.clip(found, -1.0, 1.0)


def components(scores: Array) -> tuple[Array, Array]:
    """The eigenvalues (items,), largest first, of the correlations, and the first's loadings.

    On the units that have all items; the loadings (items,) are correlations with the component,
    turned to be positive in sum. Empty with fewer than three such units or a column that does not
    vary over them.

    >>> values, loadings = components(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]))
    >>> values.round(6).tolist(), loadings.round(6).tolist()
    ([2.0, 0.0], [1.0, 1.0])
    """
    complete = scores[~np.isnan(scores).any(1)]
    if len(complete) < FEWEST or scores.shape[1] < 2 or (np.ptp(complete, axis=0) == 0).any():
        return np.empty(0), np.empty(0)
    values, vectors = np.linalg.eigh(np.corrcoef(complete, rowvar=False))
    first = vectors[:, -1] * np.sqrt(max(float(values[-1]), 0.0))
    turned: Array = first * (np.sign(first.sum()) or 1.0)
    return np.maximum(values[::-1], 0.0), turned


def importance(scores: Array, weights: Array, whole: Array) -> Array:
    """What part (items,) of the variance of an aggregate each item brings in.

    w_i cov(x_i, y) made to sum to 1: for a weighted arithmetic mean y exactly its variance, item
    by item. Below zero where an item works against the aggregate it belongs to. `weights` are
    (items,), `whole` (units,) the aggregate. NaN where it does not vary.

    Of two uncorrelated items the one that varies twice as much brings in four times as much:

    >>> scores = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> importance(scores, np.ones(2), scores.mean(1)).tolist()
    [0.8, 0.2]
    """
    there = np.isfinite(scores) & np.isfinite(whole)[:, None]
    number = np.where(there.sum(0) >= FEWEST, there.sum(0), np.nan)
    x, y = np.where(there, scores, 0.0), np.where(there, whole[:, None], 0.0)
    parts: Array = weights * ((x * y).sum(0) / number - x.sum(0) * y.sum(0) / number**2)
    total = np.nansum(parts)
    return parts / total if total > 0 else np.full(len(parts), np.nan)


def _centred(values: Array) -> Array:
    """Values less the mean of their column, 0 where there is none."""
    there = np.isfinite(values)
    number = np.maximum(there.sum(0), 1)
    mean = np.where(there, values, 0.0).sum(0) / number
    return np.where(there, values - mean, 0.0)
