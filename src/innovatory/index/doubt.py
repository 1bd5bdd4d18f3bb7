"""Benefit of the doubt: the weights that suit each unit best, by linear programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError

Floats = NDArray[np.float64]


def multipliers(scores: Floats, *, low_share: float = 0.0, high_share: float = 1.0) -> Floats:
    """What each unit multiplies its scores with to look best: (..., units, items), 0 or more.

    Unit i maximises sum_k w_k y_ik, where with the same w no unit has more than 1 (Cherchye and
    others 2007); the HiGHS solver finds it. Each item's part w_k y_ik of the sum is held between
    `low_share` and `high_share`. A missing score counts as 0 for others and for the unit itself,
    and has no bounds. Where several multipliers give the same best sum one of them is given: the
    sum is certain, the multipliers need not be. Raises MethodError for scores below 0 and for
    bounds that no shares can meet.

    At the best weights of the second unit, 0 and 1/2, the first has 1/2.

    >>> multipliers(np.array([[4.0, 1.0], [1.0, 2.0]]))[1].round(9).tolist()
    [0.0, 0.5]
    """
    if not 0 <= low_share < high_share <= 1:
        raise MethodError(
            f"benefit of the doubt: the shares run from 0 to 1, not {low_share} to {high_share}"
        )
    if np.any(scores < 0):
        raise MethodError("benefit of the doubt needs scores of 0 or more; normalise them so")
    flat = np.nan_to_num(scores, nan=0.0).reshape(-1, *scores.shape[-2:])
    there = ~np.isnan(scores).reshape(flat.shape)
    found = np.zeros(flat.shape)
    for batch, table in enumerate(flat):
        size = table.max(initial=0.0) or 1.0
        for unit in range(len(table)):
            found[batch, unit] = (
                _best(table / size, unit, there[batch, unit], low_share, high_share) / size
            )
    return found.reshape(scores.shape)


def _best(
    table: Floats, unit: int, there: NDArray[np.bool_], low_share: float, high_share: float
) -> Floats:
    from scipy.optimize import linprog

    own = table[unit]
    if not own.any():
        return np.zeros(len(own))
    number = int(there.sum())
    if low_share * number > 1 or high_share * number < 1:
        raise MethodError(
            f"benefit of the doubt: {number} items cannot all have shares from {low_share} to "
            f"{high_share}; widen the bounds"
        )
    limits = [table]
    parts = np.diag(own)[there]
    if low_share > 0:
        limits.append(low_share * own - parts)
    if high_share < 1:
        limits.append(parts - high_share * own)
    rows = np.vstack(limits)
    most = np.concatenate([np.ones(len(table)), np.zeros(len(rows) - len(table))])
    solved = linprog(-own, A_ub=rows, b_ub=most, bounds=(0, None), method="highs")
    if solved.status != 0:
        raise MethodError(f"benefit of the doubt: the linear program failed, {solved.message}")
    return np.asarray(np.maximum(solved.x, 0.0))
