"""Climbing: from the scores of indicators to those of every item above them, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError
from innovatory.index.aggregating import METHODS
from innovatory.index.framework import Framework
from innovatory.index.steps import Plan, chosen
from innovatory.index.weighing import Weigh

Floats = NDArray[np.float64]
COVERAGE = 0.65
"""The share of a group's items a unit needs to get a score, if nothing else is said."""


def climb(
    scores: Floats,
    framework: Framework,
    *,
    weigh: Weigh,
    aggregate: Plan,
    coverage: float = COVERAGE,
    below: str = "missing",
    units: Sequence[str] = (),
) -> tuple[Floats, ...]:
    """The scores at every level: the first are those given, the last that of the top.

    `scores` are (..., units, indicators) in the order of `codes(0)`, the result one array
    (..., units, codes(level)) for each level; leading axes broadcast with those of the weights.
    A unit with less than the share `coverage` of a group's items gets no score there (`below`
    missing), or ends the run (`below` refuse). `units` are names for messages. Raises MethodError
    with the group where a method cannot be used.

    >>> from innovatory.index.framework import read
    >>> from innovatory.index.steps import Step
    >>> from innovatory.index.weighing import given
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
    >>> levels = climb(np.array([[1.0, 3.0], [5.0, np.nan]]), index, weigh=given(index),
    ...                aggregate=Plan(Step("arithmetic")))
    >>> levels[1].tolist()
    [[2.0], [nan]]
    """
    if not 0 <= coverage <= 1:
        raise MethodError(f"aggregate: the coverage is a share from 0 to 1, not {coverage}")
    if below not in ("missing", "refuse"):
        raise MethodError(f"aggregate: below the coverage is missing or refuse, not {below!r}")
    found: dict[str, Floats] = {
        code: scores[..., place] for place, code in enumerate(framework.codes(0))
    }
    levels = [scores]
    for level in range(1, framework.depth + 1):
        codes = framework.codes(level)
        for code in codes:
            items = np.stack(
                np.broadcast_arrays(*(found[child] for child in framework.children(code))), axis=-1
            )
            found[code] = _covered(
                _aggregated(items, framework, code, level, weigh, aggregate, units),
                items, code, coverage, below, units,
            )  # fmt: skip
        if codes:
            levels.append(np.stack(np.broadcast_arrays(*(found[code] for code in codes)), axis=-1))
        else:
            levels.append(scores[..., :0])
    return tuple(levels)


def _aggregated(
    items: Floats,
    framework: Framework,
    code: str,
    level: int,
    weigh: Weigh,
    aggregate: Plan,
    units: Sequence[str],
) -> Floats:
    step = aggregate.of(code, level)
    function = chosen(step, METHODS, f"aggregate, {code}")
    weights = weigh(code, items)
    try:
        return function(items, weights, **step.parameters)
    except MethodError as error:
        low = np.argwhere(items <= 0)
        where = ""
        if len(low):
            item = framework.children(code)[low[0][-1]]
            where = f" ({item} of {units[low[0][-2]] if units else 'a unit'} is "
            where += f"{items[tuple(low[0])]:.6g})"
        raise MethodError(f"aggregate, {code}: {error}{where}") from None


def _covered(
    scores: Floats, items: Floats, code: str, coverage: float, below: str, units: Sequence[str]
) -> Floats:
    gone = np.isnan(items)
    if not gone.any():
        return scores
    # A share such as 2 of 3 must reach a threshold that is written as 2/3.
    short = (~gone).mean(axis=-1) < coverage - 1e-9
    if below == "refuse" and short.any():
        unit = int(np.argwhere(short)[0][-1])
        name = repr(units[unit]) if units else str(unit)
        raise MethodError(
            f"aggregate, {code}: the unit {name} has too few of its items for a coverage of "
            f"{coverage:.0%}; impute, or take the unit out"
        )
    return np.where(short, np.nan, scores)
