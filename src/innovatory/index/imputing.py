"""Imputing: a value for what is missing, or many values from what is known about it.

Values are (units, indicators) with NaN for missing. A method takes the group of each unit and a
seed as well, whether it needs them or not, and gives (..., units, indicators): `multiple` gives
draws as the leading axis, the others one table. What cannot be imputed stays missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError

Floats = NDArray[np.float64]


def none(values: Floats, groups: Sequence[str], seed: int) -> Floats:
    """Missing values stay missing."""
    return values


def mean(values: Floats, groups: Sequence[str], seed: int) -> Floats:
    """The mean of the indicator.

    >>> mean(np.array([[1.0], [3.0], [np.nan]]), ["", "", ""], 0).ravel().tolist()
    [1.0, 3.0, 2.0]
    """
    return _filled(values, _mean(values))


def median(values: Floats, groups: Sequence[str], seed: int) -> Floats:
    """The median of the indicator.

    >>> median(np.array([[1.0], [2.0], [9.0], [np.nan]]), [""] * 4, 0).ravel().tolist()
    [1.0, 2.0, 9.0, 2.0]
    """
    return _filled(values, _median(values))


def group_mean(values: Floats, groups: Sequence[str], seed: int) -> Floats:
    """The mean of the indicator in the unit's group; over all where the group has no value.

    >>> table = np.array([[1.0], [3.0], [np.nan], [np.nan]])
    >>> group_mean(table, ["north", "south", "south", "west"], 0)[2:].tolist()
    [[3.0], [2.0]]
    """
    return _by_group(values, groups, _mean)


def group_median(values: Floats, groups: Sequence[str], seed: int) -> Floats:
    """The median of the indicator in the unit's group; over all where the group has no value."""
    return _by_group(values, groups, _median)


def nearest(values: Floats, groups: Sequence[str], seed: int, *, neighbours: int = 5) -> Floats:
    """The mean of the nearest units that have a value.

    Near is a small mean square difference, in standard deviations, over the indicators that both
    units have. Units as near as the last of the neighbours count too, so that the order of the
    rows decides nothing; where no unit can be compared the mean of the indicator is taken.

    >>> table = np.array([[1.0, 1.0], [1.1, 2.0], [9.0, 30.0], [1.0, np.nan]])
    >>> nearest(table, [""] * 4, 0, neighbours=2)[3].tolist()
    [1.0, 1.5]
    """
    if neighbours < 1 or neighbours != int(neighbours):
        raise MethodError(f"impute: neighbours is a whole number from 1 upwards, not {neighbours}")
    apart = _distances(values)
    found = _filled(values, _mean(values))
    for indicator in range(values.shape[1]):
        having = np.flatnonzero(~np.isnan(values[:, indicator]))
        for unit in np.flatnonzero(np.isnan(values[:, indicator])):
            near = apart[unit, having]
            comparable = np.sort(near[~np.isnan(near)])
            if len(comparable):
                last = comparable[min(int(neighbours), len(comparable)) - 1]
                chosen = having[near <= last * (1 + 1e-12)]
                found[unit, indicator] = values[chosen, indicator].mean()
    return found


def multiple(
    values: Floats, groups: Sequence[str], seed: int, *, draws: int = 20, sweeps: int = 100
) -> Floats:
    """Draws (draws, units, indicators) of what the missing values may be, given all others.

    See `drawing.draws_of` for the model. Known values are the same in every draw.

    >>> table = np.array([[float(n), 2.0 * n] for n in range(20)])
    >>> table[10, 1] = np.nan
    >>> drawn = multiple(table, [""] * 20, 0)
    >>> drawn.shape, bool(abs(drawn[:, 10, 1].mean() - 20) < 3), bool(drawn[:, 10, 1].std() > 0)
    ((20, 20, 2), True, True)
    """
    for name, given in (("draws", draws), ("sweeps", sweeps)):
        if given < 1 or given != int(given):
            raise MethodError(f"impute: {name} is a whole number from 1 upwards, not {given}")
    # Not above: its library takes longer to load than a small index to compute.
    from innovatory.index.drawing import draws_of

    return draws_of(values, np.random.default_rng(seed), int(draws), int(sweeps))


METHODS: Mapping[str, Callable[..., Floats]] = MappingProxyType(
    {
        function.__name__: function
        for function in (none, mean, median, group_mean, group_median, nearest, multiple)
    }
)
"""Every way to impute, by the name the method file knows it by."""


def _filled(values: Floats, with_values: Floats) -> Floats:
    return np.where(np.isnan(values), with_values, values)


def _mean(values: Floats) -> Floats:
    there = ~np.isnan(values)
    number = there.sum(axis=0)
    return np.asarray(np.where(there, values, 0.0).sum(axis=0) / np.where(number, number, np.nan))


def _median(values: Floats) -> Floats:
    number = (~np.isnan(values)).sum(axis=0)
    ordered = np.sort(values, axis=0)
    places = np.maximum(np.array([(number - 1) // 2, number // 2]), 0)
    return np.asarray(np.take_along_axis(ordered, places, axis=0).mean(axis=0))


def _by_group(values: Floats, groups: Sequence[str], centre: Callable[[Floats], Floats]) -> Floats:
    if len(groups) != len(values):
        raise MethodError("impute: the method needs the group of each unit; name a column of them")
    found = values.copy()
    names = np.array(groups, dtype=np.str_)
    for name in set(groups) - {""}:
        found[names == name] = _filled(values[names == name], centre(values[names == name]))
    return _filled(found, centre(values))


def _distances(values: Floats) -> Floats:
    """The mean square difference of each two units, over what both have; NaN for nothing."""
    there = ~np.isnan(values)
    centre = _mean(values)
    apart = np.where(there, values - centre, 0.0)
    spread = np.sqrt(np.square(apart).sum(axis=0) / np.maximum(there.sum(axis=0), 1))
    scaled = apart / np.where(spread > 0, spread, 1.0)
    total = np.zeros((len(values), len(values)))
    for indicator in range(values.shape[1]):
        both = there[:, indicator, None] & there[None, :, indicator]
        gap = scaled[:, indicator, None] - scaled[None, :, indicator]
        total += np.where(both, gap * gap, 0.0)
    shared = there.astype(np.float64) @ there.T.astype(np.float64)
    return np.asarray(total / np.where(shared > 0, shared, np.nan))
