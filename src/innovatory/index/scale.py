"""Editions on one scale: goalposts that stay, links where they cannot, and changes explained.

An index that is normalised by its own best and worst unit says nothing about time: a city falls
when another one rises. Fixed goalposts keep the scale. Where the method itself changes, the new
scale is laid on the old one through the units in common. And a city's change of score or rank is
split into what the city did, what others corrected, who was counted, and how.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError
from innovatory.index import chain
from innovatory.index.chain import Choices, Stages
from innovatory.index.framework import Framework, Table
from innovatory.index.steps import Step

Array = npt.NDArray[np.float64]

CAUSES = ("data", "method", "coverage", "evidence")


def fixed_goalposts(stages: Stages, *, factor: float = 100.0) -> Step:
    """The step that normalises later editions by the best and worst values of this one.

    Values are those after treatment; later ones beyond them score below 0 or above `factor`. Under
    `min_max` from 0 to `factor` the edition itself keeps its scores.

    Raises MethodError where an indicator has a single value, so that there is no scale.

    >>> from innovatory.index.framework import read
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "t"}])
    >>> table = Table(("u", "v"), ("a",), np.array([[3.0], [8.0]]))
    >>> step = fixed_goalposts(chain.run(table, index))
    >>> step.method, step.parameters["low"], step.parameters["high"]
    ('goalposts', {'a': 3.0}, {'a': 8.0})
    """
    codes = stages.framework.codes(0)
    values = stages.treated.values.reshape(-1, len(codes))
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    if (low >= high).any():
        code = codes[int(np.argmax(low >= high))]
        raise MethodError(
            f"goalposts, {code}: all values are {low[codes.index(code)]:g}, which makes no scale; "
            "take it out, or give its goalposts yourself"
        )
    return Step(
        "goalposts",
        {
            "low": dict(zip(codes, low.tolist(), strict=True)),
            "high": dict(zip(codes, high.tolist(), strict=True)),
            "factor": factor,
            "truncate": False,
        },
    )


@dataclass(frozen=True, slots=True)
class Link:
    """From a new scale to an old one: offset + slope * score. Ranks stay as they are."""

    offset: float
    slope: float

    def apply(self, scores: Array) -> Array:
        """Scores on the old scale.

        >>> Link(10.0, 0.5).apply(np.array([40.0, 60.0])).tolist()
        [30.0, 40.0]
        """
        return self.offset + self.slope * scores


def link(published: Array, again: Array) -> Link:
    """The link that lays a new method's scale on the old one, through the units in common.

    `published` (units,) are the scores of the last edition on the old scale, and `again` (units,)
    those of the same data by the new method; NaN where a unit has none. Mean and standard
    deviation of the units in common are then the same by both. Over several editions each link
    takes scores that are linked already, which makes a chain.

    Raises MethodError with fewer than two units in common, or where they do not vary.

    >>> link(np.array([20.0, 40.0, np.nan]), np.array([1.0, 2.0, 7.0]))
    Link(offset=0.0, slope=20.0)
    """
    common = np.isfinite(published) & np.isfinite(again)
    if common.sum() < 2:
        raise MethodError(
            f"{int(common.sum())} units are in both editions; a link needs two or more: publish "
            "the new edition on a scale of its own"
        )
    old, new = published[common], again[common]
    if np.ptp(old) == 0 or np.ptp(new) == 0:
        raise MethodError(
            "the units in both editions all have one score: a link needs scores that differ"
        )
    slope = float(old.std() / new.std())
    return Link(float(old.mean() - slope * new.mean()), slope)


def shapley(worth: Callable[[frozenset[str]], Array], causes: Sequence[str]) -> dict[str, Array]:
    """What each cause adds to a change, on average over all orders in which causes can come.

    `worth` of a set of causes is the outcome (...) when only these have happened. The shares sum to
    worth(all) - worth(none); causes that change nothing get nothing, and those that change the
    same get the same (Shapley 1953). Asks for every set once, 2 to the number of causes.

    >>> found = shapley(lambda happened: np.array(10.0 * len(happened) ** 2), ("a", "b"))
    >>> {cause: float(share) for cause, share in found.items()}
    {'a': 20.0, 'b': 20.0}
    """
    count = len(causes)
    outcomes = {
        frozenset(some): np.asarray(worth(frozenset(some)), dtype=np.float64)
        for size in range(count + 1)
        for some in combinations(causes, size)
    }
    shares = {}
    for cause in causes:
        added = [
            math.factorial(len(some)) * math.factorial(count - len(some) - 1)
            * (outcomes[some | {cause}] - outcomes[some])
            for some in outcomes
            if cause not in some
        ]  # fmt: skip
        shares[cause] = np.sum(added, axis=0) / math.factorial(count)
    return shares


@dataclass(frozen=True, eq=False)
class Release:
    """An edition's index: the table as it was known then, and what was made of it."""

    table: Table
    framework: Framework
    choices: Choices
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """The change of each unit in both editions, and its parts by cause.

    `scores` and `ranks` have an array (units,) for each of `CAUSES`: data of a new period, the
    method, coverage (which other units there are) and evidence (corrections of what was known of
    the old period). They sum to after - before. A unit that some combination leaves without a
    score has NaN. `entered` and `left` are the units of one edition only.
    """

    units: tuple[str, ...]
    score_before: Array
    score_after: Array
    rank_before: Array
    rank_after: Array
    scores: Mapping[str, Array]
    ranks: Mapping[str, Array]
    entered: tuple[str, ...]
    left: tuple[str, ...]


def changes(old: Release, new: Release, *, revised: Table) -> Changes:
    """Why scores and ranks changed from one edition to the next, split by Shapley values.

    `revised` is the old period as it is known now: the old table where nothing was corrected. The
    index is made for all 16 sets of causes. Without its corrections a new value is taken less what
    was corrected in the old one. Where an edition has no such unit or indicator, the nearest
    edition that has it stands in, so that only its counting is a change, not its value.

    Raises MethodError where an edition cannot be computed, or no unit is in both.
    """
    units = tuple(unit for unit in old.table.units if unit in set(new.table.units))
    if not units:
        raise MethodError(
            f"{old.table.source} and {new.table.source} have no unit in common: name units alike"
        )
    done: dict[frozenset[str], tuple[Array, Array]] = {}

    def outcome(happened: frozenset[str]) -> tuple[Array, Array]:
        if happened not in done:
            done[happened] = _outcome(happened, old, new, revised, units)
        return done[happened]

    before, after = outcome(frozenset()), outcome(frozenset(CAUSES))
    return Changes(
        units=units,
        score_before=before[0],
        score_after=after[0],
        rank_before=before[1],
        rank_after=after[1],
        scores=shapley(lambda happened: outcome(happened)[0], CAUSES),
        ranks=shapley(lambda happened: outcome(happened)[1], CAUSES),
        entered=tuple(unit for unit in new.table.units if unit not in set(units)),
        left=tuple(unit for unit in old.table.units if unit not in set(units)),
    )


def printed(parts: Array, *, digits: int) -> Array:
    """Parts (causes, units) rounded so that they still sum to their rounded sum.

    Each is rounded up or down; those nearest to the next number up go up. NaN stays.

    >>> printed(np.array([[0.34], [0.34], [0.34]]), digits=1).ravel().round(1).tolist()
    [0.4, 0.3, 0.3]
    """
    scaled = parts * 10.0**digits
    down = np.floor(scaled + 1e-9)
    missing = np.round(scaled.sum(0)) - down.sum(0)
    place = np.argsort(np.argsort(down - scaled, axis=0, kind="stable"), axis=0)
    rounded: Array = (down + (place < missing)) / 10.0**digits
    return np.where(np.isnan(parts), np.nan, rounded)


def _outcome(
    happened: frozenset[str], old: Release, new: Release, revised: Table, units: Sequence[str]
) -> tuple[Array, Array]:
    """The scores and ranks (units,) where only some causes have happened."""
    method = new if "method" in happened else old
    counted = new if "coverage" in happened else old
    codes = (*method.framework.codes(0), *method.framework.beside("denominator"))
    values = _values(happened, (old.table, revised, new.table), counted.table.units, codes)
    table = Table(counted.table.units, codes, values, counted.table.source)
    stages = chain.run(table, method.framework, method.choices, groups=counted.groups)
    index, places = stages.index, stages.places.astype(np.float64)
    row = {unit: number for number, unit in enumerate(stages.units)}
    at = [row.get(unit, -1) for unit in units]
    there = np.array(at) >= 0
    scores = np.where(there, index[at], np.nan)
    return scores, np.where(np.isfinite(scores), places[at], np.nan)


def _values(
    happened: frozenset[str],
    tables: tuple[Table, Table, Table],
    units: Sequence[str],
    codes: Sequence[str],
) -> Array:
    """The values (units, codes) from the tables of then, then as known now, and later."""
    (then, had), (now, has), (later, gets) = (_cells(table, units, codes) for table in tables)
    now = np.where(has, now, np.where(had, then, later))
    then = np.where(had, then, now)
    later = np.where(gets, later, now)
    if "data" not in happened:
        return now if "evidence" in happened else then
    if "evidence" in happened:
        return later
    corrected = now - then
    uncorrected: Array = later - np.where(np.isfinite(corrected), corrected, 0.0)
    return uncorrected


def _cells(
    table: Table, units: Sequence[str], codes: Sequence[str]
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The values (units, codes) of a table, and where it has such a row and column at all."""
    rows = {unit: number for number, unit in enumerate(table.units)}
    columns = {code: number for number, code in enumerate(table.codes)}
    values = np.full((len(units), len(codes)), np.nan)
    there = np.zeros(values.shape, dtype=np.bool_)
    kept = [(n, rows[unit]) for n, unit in enumerate(units) if unit in rows]
    taken = [(n, columns[code]) for n, code in enumerate(codes) if code in columns]
    if kept and taken:
        into = np.ix_([n for n, _ in kept], [n for n, _ in taken])
        values[into] = table.values[np.ix_([n for _, n in kept], [n for _, n in taken])]
        there[into] = True
    return values, there
