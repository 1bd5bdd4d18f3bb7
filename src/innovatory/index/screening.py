"""Checking and screening: which units and indicators have data enough to be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError
from innovatory.index.framework import Framework, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Screened:
    """The table and the framework without what was left out, and what that is, with coverage."""

    table: Table
    framework: Framework
    units_out: dict[str, float]
    indicators_out: dict[str, float]


def coverage(values: Floats, *, axis: int) -> Floats:
    """The share of values that are there: of each indicator (axis -2) or each unit (axis -1).

    >>> coverage(np.array([[1.0, np.nan], [2.0, 3.0]]), axis=-1).tolist()
    [0.5, 1.0]
    """
    return np.asarray((~np.isnan(values)).mean(axis=axis))


def screen(
    table: Table, framework: Framework, *, units: float = 0.0, indicators: float = 0.0
) -> Screened:
    """The table without indicators, then units, whose coverage is below a share.

    A unit's coverage counts the indicators that remain. A group that loses all of its indicators
    is left out with them. Denominators are kept and not counted. Raises MethodError where
    nothing to compare remains.

    >>> from innovatory.index.framework import read
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
    >>> table = Table(("u1", "u2", "u3"), ("a", "b"), np.array([[1, 2], [3, 4], [5, np.nan]]))
    >>> found = screen(table, index, units=0.65)
    >>> found.table.units, found.units_out
    (('u1', 'u2'), {'u3': 0.5})
    """
    for what, share in (("units", units), ("indicators", indicators)):
        if not 0 <= share <= 1:
            raise MethodError(f"screen: {what} is a share from 0 to 1, not {share}")
    codes = framework.codes(0)
    share_of = coverage(table.select(codes).values, axis=-2)
    dropped = {
        code: float(share)
        for code, share in zip(codes, share_of, strict=True)
        if share < indicators - 1e-9
    }
    kept = framework.without(dropped)
    share_of = coverage(table.select(kept.codes(0)).values, axis=-1)
    enough = share_of >= units - 1e-9
    if enough.sum() < 2:
        raise MethodError(
            f"{table.source}: {int(enough.sum())} units have values for {units:.0%} of the "
            "indicators, and an index compares two or more; ask for less coverage, or add data"
        )
    out = {table.units[n]: float(share_of[n]) for n in np.flatnonzero(~enough)}
    left = Table(
        tuple(unit for unit, stays in zip(table.units, enough, strict=True) if stays),
        table.codes,
        table.values[enough],
        table.source,
    )
    return Screened(left, kept, out, dropped)


def check(table: Table, framework: Framework) -> None:
    """Raise MethodError where the table cannot carry the framework's index.

    There have to be two units, a column for each indicator, and in each column a value.
    """
    values = table.select(framework.codes(0)).values
    if len(table.units) < 2:
        raise MethodError(
            f"{table.source}: there is one unit, {table.units[0]!r}, and an index compares two or "
            "more; add units"
            if table.units
            else f"{table.source}: there are no units; add some"
        )
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if len(empty):
        code = framework.codes(0)[empty[0]]
        raise MethodError(
            f"{table.source}, {code}: no unit has a value; add data, or take the indicator out of "
            "the framework"
        )
