"""Denominating: from totals to rates, such as projects per million inhabitants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from innovatory.errors import MethodError
from innovatory.index.framework import Table


@dataclass(frozen=True, slots=True)
class Denominator:
    """The column that an indicator is divided by, and what the quotient is multiplied with."""

    code: str
    factor: float = 1.0


def denominate(table: Table, denominators: Mapping[str, Denominator]) -> Table:
    """The table with each named indicator divided by its denominator, times the factor.

    The units keep their order. A missing value or denominator gives a missing rate. Raises
    MethodError where a column is not there, and with the unit where a denominator is 0 or less.

    >>> table = Table(("u1", "u2"), ("a", "pop"), np.array([[3.0, 2.0], [1.0, np.nan]]))
    >>> denominate(table, {"a": Denominator("pop", 10)}).values.tolist()
    [[15.0, 2.0], [nan, nan]]
    """
    values = table.values.copy()
    for code, denominator in denominators.items():
        if not math.isfinite(denominator.factor) or denominator.factor <= 0:
            raise MethodError(
                f"denominate, {code}: the factor is a number above 0, not {denominator.factor}"
            )
        below = table.column(denominator.code)
        if len(wrong := np.flatnonzero(below <= 0)):
            raise MethodError(
                f"{table.source}, unit {table.units[wrong[0]]!r}, {denominator.code}: "
                f"{below[wrong[0]]:g} cannot divide {code}; mend it, or leave it empty"
            )
        above = table.column(code)
        values[:, table.codes.index(code)] = above / below * denominator.factor
    return replace(table, values=values)
