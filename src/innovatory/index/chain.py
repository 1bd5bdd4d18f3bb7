"""The chain: from a table and a framework to scores and ranks, by choices that are all named.

screen -> denominate -> impute -> treat -> normalise -> weigh and aggregate -> rank. The rows are
put in the order of their units' ids first and back at the end, so that no result depends on the
order in which they came, draws included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError
from innovatory.index import imputing, normalising, treating
from innovatory.index.aggregating import Ranks, ranks
from innovatory.index.climbing import COVERAGE, climb
from innovatory.index.denominating import Denominator, denominate
from innovatory.index.framework import Framework, Table
from innovatory.index.screening import Screened, check, screen
from innovatory.index.steps import Plan, Step, chosen
from innovatory.index.treating import Treated
from innovatory.index.weighing import Weigh, planned

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
V = TypeVar("V")


@dataclass(frozen=True)
class Choices:
    """What is done at each step; as it stands the usual index of winsorised min-max scores.

    `unit_coverage` and `indicator_coverage` are the shares of values below which a unit or an
    indicator is left out. `weights` replace those of the framework for some items. `coverage` is
    the share of a group's items that a unit needs there, `below` what happens otherwise.
    """

    unit_coverage: float = 0.0
    indicator_coverage: float = 0.0
    denominate: Mapping[str, Denominator] = field(default_factory=dict)
    impute: Step = field(default_factory=lambda: Step("none"))
    treat: Plan = field(default_factory=lambda: Plan(Step("winsorise")))
    normalise: Plan = field(default_factory=lambda: Plan(Step("min_max")))
    weigh: Plan = field(default_factory=lambda: Plan(Step("given")))
    weights: Mapping[str, float] = field(default_factory=dict)
    aggregate: Plan = field(default_factory=lambda: Plan(Step("arithmetic")))
    coverage: float = COVERAGE
    below: str = "missing"


@dataclass(frozen=True, eq=False)
class Stages:
    """What each step made, for the units that remain, in the order of the table.

    With multiple imputation the arrays from `imputed` on have the draws as their leading axis.
    `filled` says which cells (units, indicators) were imputed, `weights` what counted in each
    group (..., items), `levels` and `ranks` hold an array (..., units, codes) for each level.
    """

    raw: Table
    screened: Screened
    denominated: Table
    imputed: Floats
    filled: Bools
    treated: Treated
    normalised: Floats
    weights: Mapping[str, Floats]
    levels: tuple[Floats, ...]
    ranks: tuple[Ranks, ...]

    @property
    def framework(self) -> Framework:
        """The framework without what was screened out."""
        return self.screened.framework

    @property
    def units(self) -> tuple[str, ...]:
        """The units that remain."""
        return self.screened.table.units

    @property
    def index(self) -> Floats:
        """The scores of the top (..., units)."""
        return self.levels[-1][..., 0]

    @property
    def places(self) -> Ranks:
        """The ranks of the top (..., units): 1 is best, 0 is no rank."""
        return self.ranks[-1][..., 0]


def run(
    table: Table,
    framework: Framework,
    choices: Choices | None = None,
    *,
    groups: Sequence[str] = (),
    seed: int = 0,
) -> Stages:
    """The whole chain on a table.

    `groups` has the group of each unit, for methods that ask for it; `seed` is that of the draws.
    Raises MethodError with what cannot be done and where: never a silent number.

    >>> from innovatory.index.framework import read
    >>> index = read([{"iCode": "a", "Parent": "t", "Weight": 3}, {"iCode": "t"},
    ...               {"iCode": "b", "Parent": "t", "Direction": -1}])
    >>> done = run(Table(("u", "v"), ("a", "b"), np.array([[1.0, 5.0], [2.0, 9.0]])), index)
    >>> done.index.tolist(), done.places.tolist()
    ([25.0, 75.0], [2, 1])
    """
    choices = choices or Choices()
    screened = _screened(table, framework, choices)
    kept = screened.framework
    denominated = denominate(
        screened.table, _only(choices.denominate, framework, kept, "denominate")
    )
    order = np.argsort(np.array(denominated.units, dtype=np.str_))
    back = np.argsort(order)
    units = [denominated.units[place] for place in order]
    known = denominated.select(kept.codes(0)).values[order]
    imputed = impute_by(known, choices.impute, _groups_of(units, table, groups), seed)
    treated = treat_by(imputed, choices.treat, kept)
    normalised = normalise_by(treated.values, choices.normalise, kept, units)
    given = _only(choices.weights, framework, kept, "weights")
    weights: dict[str, Floats] = {}
    levels = climb(
        normalised,
        kept,
        weigh=_noting(planned(kept, choices.weigh, given), weights),
        aggregate=choices.aggregate,
        coverage=choices.coverage,
        below=choices.below,
        units=units,
    )
    by_level = [np.swapaxes(ranks(np.swapaxes(level, -1, -2)), -1, -2) for level in levels]
    complete = ~np.isnan(imputed.reshape(-1, *known.shape)[0])
    return Stages(
        raw=table,
        screened=screened,
        denominated=denominated,
        imputed=imputed[..., back, :],
        filled=(np.isnan(known) & complete)[back],
        treated=replace(treated, values=treated.values[..., back, :]),
        normalised=normalised[..., back, :],
        weights=weights,
        levels=tuple(level[..., back, :] for level in levels),
        ranks=tuple(places[..., back, :] for places in by_level),
    )


def _screened(table: Table, framework: Framework, choices: Choices) -> Screened:
    check(table, framework)
    screened = screen(
        table, framework, units=choices.unit_coverage, indicators=choices.indicator_coverage
    )
    # Leaving units out may empty an indicator.
    check(screened.table, screened.framework)
    return screened


def _only(named: Mapping[str, V], framework: Framework, kept: Framework, what: str) -> dict[str, V]:
    """What is said of items that remain; raises MethodError for items that never were there."""
    left = {item.code for item in kept.items}
    for code in named:
        if what == "denominate" and framework.item(code).kind != "indicator":
            raise MethodError(f"{what}, {code}: it is no indicator")
        framework.item(code)
    return {code: value for code, value in named.items() if code in left}


def _groups_of(units: Sequence[str], table: Table, groups: Sequence[str]) -> tuple[str, ...]:
    if not groups:
        return ()
    if len(groups) != len(table.units):
        raise MethodError(
            f"{table.source}: there are {len(groups)} groups for {len(table.units)} units; give "
            "one for each"
        )
    group_of = dict(zip(table.units, groups, strict=True))
    return tuple(group_of[unit] for unit in units)


def impute_by(known: Floats, step: Step, groups: Sequence[str], seed: int) -> Floats:
    """Missing values filled by a step; `groups` are those of the units in their order."""
    function = chosen(step, imputing.METHODS, "impute")
    return function(known, groups, seed, **step.parameters)


def treat_by(values: Floats, plan: Plan, framework: Framework) -> Treated:
    """Each indicator treated by its own step."""
    whole = treating.none(values)
    parts = (whole.values.copy(), whole.points, whole.transformed, whole.passes.copy())
    for step, columns in _by_step(plan, framework, "treat"):
        function = chosen(step, treating.METHODS, "treat")
        if np.ndim(np.asarray(step.parameters.get("winmax", 0))):
            raise MethodError("treat: one winmax at a time; alternatives belong to the multiverse")
        done = function(values[..., columns], **step.parameters)
        for into, part in zip(
            parts, (done.values, done.points, done.transformed, done.passes), strict=True
        ):
            into[..., columns] = part
    _refuse_lost(values, parts[0], framework, plan, "treat")
    return Treated(*parts)


def normalise_by(values: Floats, plan: Plan, framework: Framework, units: Sequence[str]) -> Floats:
    """Each indicator normalised by its own step."""
    scores = np.empty_like(values)
    for step, columns in _by_step(plan, framework, "normalise"):
        function = chosen(step, normalising.METHODS, "normalise")
        codes = [framework.codes(0)[place] for place in columns]
        parameters = _resolved(step, codes, framework, units)
        scores[..., columns] = function(
            values[..., columns], framework.directions[columns], **parameters
        )
    _refuse_lost(values, scores, framework, plan, "normalise")
    return scores


def _by_step(plan: Plan, framework: Framework, what: str) -> list[tuple[Step, list[int]]]:
    """The steps that indicators go through, with the columns of each."""
    for code in plan.items:
        if framework.item(code).kind != "indicator":
            raise MethodError(f"{what}, {code}: it is no indicator")
    columns: dict[Step, list[int]] = {}
    for place, code in enumerate(framework.codes(0)):
        columns.setdefault(plan.of(code, 0), []).append(place)
    return list(columns.items())


def _resolved(
    step: Step, codes: Sequence[str], framework: Framework, units: Sequence[str]
) -> dict[str, object]:
    """The parameters of a step, with numbers in place of names: units, and values by indicator."""
    found: dict[str, object] = dict(step.parameters)
    if step.method == "distance_to_target" and "target" not in found:
        found["target"] = {
            code: target for code in codes if (target := framework.item(code).target) is not None
        }
    if step.method == "distance_to_reference":
        if (name := found.get("reference")) not in units:
            raise MethodError(
                f"normalise: the reference {name!r} is none of the units; name one of them"
            )
        found["reference"] = units.index(str(name))
    for name, value in found.items():
        if isinstance(value, Mapping):
            if missing := [code for code in codes if code not in value]:
                raise MethodError(
                    f"normalise, {missing[0]}: {step.method} has no {name} for it; give one"
                )
            found[name] = np.array([value[code] for code in codes], dtype=np.float64)
    return found


def _refuse_lost(
    before: Floats, after: Floats, framework: Framework, plan: Plan, what: str
) -> None:
    """Raise MethodError for an indicator whose values a method could not place."""
    lost = np.isnan(after) & ~np.isnan(before)
    if not lost.any():
        return
    place = int(np.argwhere(lost)[0][-1])
    code = framework.codes(0)[place]
    column = before[..., place]
    single = np.nanmin(column) == np.nanmax(column)
    raise MethodError(
        f"{what}, {code}: "
        + (f"all its values are {np.nanmin(column):g}, and " if single else "")
        + f"{plan.of(code, 0).method} cannot place "
        + ("them" if single else "its values")
        + "; choose another method for it, or take it out of the framework"
    )


def _noting(weigh: Weigh, into: dict[str, Floats]) -> Callable[[str, Floats], Floats]:
    def noting(code: str, scores: Floats) -> Floats:
        into[code] = weigh(code, scores)
        return into[code]

    return noting
