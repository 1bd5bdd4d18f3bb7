"""Ranks with proof: the best and the worst place of each unit over all weights of a set.

A weighted mean is linear in its weights, so "b is before a" is one linear condition on them, and
a's best rank over a set is a mixed-integer linear program: choose weights, and pay 1 for every b
that is before a. HiGHS solves it by branch and bound, which ends with a proof that no other weights
do better; the weights found are the witness, and the rank they give is computed again from them.
The same holds for a weighted geometric mean, on the logarithms of the values.

Scores that differ by less than TIE times the largest difference possible in the set are a tie: the
solver works to nine digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError
from innovatory.index.weight_sets import WeightSet, tidy

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

TIE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class RankRange:
    """The best and the worst rank (units,) over a set of weights, and weights that reach them.

    No weights of the set give a rank below `best` or above `worst`. `best_weights` and
    `worst_weights` (units, k) are the witnesses, and `best_witnessed` and `worst_witnessed` the
    ranks they give, computed again; they are the same as the bounds unless a tie decides. No
    witness of any unit breaks a bound of another: that is checked.
    """

    best: Counts
    worst: Counts
    best_weights: Array
    worst_weights: Array
    best_witnessed: Counts
    worst_witnessed: Counts


def rank_range(values: Array, weights: WeightSet) -> RankRange:
    """The best and the worst rank of every unit over all weights of a set, with witnesses.

    `values` (units, k) are what the weighted mean is taken of, more being better, in one scale;
    hand over their logarithms for a geometric mean. Rank 1 is best and ties share the best place.

    Raises MethodError where a value is missing (a mean over what is there is not linear in the
    weights: impute first), or the shapes do not fit.

    Unit 2 is good at both and can be first or second; unit 1 and unit 3 first or last.

    >>> from innovatory.index.weight_sets import simplex
    >>> found = rank_range(np.array([[9.0, 0.0], [6.0, 6.0], [0.0, 9.0]]), simplex(("a", "b")))
    >>> found.best.tolist(), found.worst.tolist()
    ([1, 1, 1], [3, 2, 3])
    """
    problem = _Problem(_checked(values, weights), weights)
    units = len(values)
    places = np.empty((2, units), dtype=np.int64)
    witnesses = np.empty((2, units, values.shape[1]))
    for unit in range(units):
        for side in (0, 1):
            places[side, unit], witnesses[side, unit] = problem.extreme(unit, worst=bool(side))
    ranks = problem.ranks(witnesses.reshape(2 * units, -1))
    if ((ranks < places[0]) | (ranks > places[1])).any():
        unit = int(np.argwhere((ranks < places[0]) | (ranks > places[1]))[0, 1])
        raise MethodError(
            f"unit {unit} has a rank beyond the bounds that the solver proved: scale the values so "
            "that their differences are of one size"
        )
    own = np.arange(units)
    return RankRange(
        places[0], places[1], witnesses[0], witnesses[1], ranks[own, own], ranks[units + own, own]
    )


def never_before(values: Array, weights: WeightSet) -> Booleans:
    """For each pair (units, units), whether the first is before the second for no weights at all.

    Arguments as for `rank_range`, and so is what it raises. A pair that is True one way and not
    the other can never flip; one that is True both ways is always level.

    >>> from innovatory.index.weight_sets import simplex
    >>> never_before(np.array([[9.0, 3.0], [6.0, 3.0]]), simplex(("a", "b"))).tolist()
    [[True, False], [True, True]]
    """
    never: Booleans = _Problem(_checked(values, weights), weights).lead <= TIE
    return never


@dataclass(frozen=True, slots=True, eq=False)
class Swap:
    """The least change of weights that brings the unit behind level with the one before it.

    `distance` is the change in the norm asked for (NaN where no weights of the set do it),
    `weights` (k,) are those that do (NaN likewise). Any more change in this direction swaps them.
    """

    before: int
    behind: int
    distance: float
    weights: Array


def swaps(
    values: Array, nominal: Array, weights: WeightSet, *, norm: str = "sum"
) -> tuple[Swap, ...]:
    """For each two neighbours by the nominal weights (k,), the least change that swaps them.

    `norm` is "sum" for the sum of absolute changes of weights or "largest" for the largest one.
    The nominal weights are made to sum to 1; they need not belong to the set, the others must.
    Neighbours that are level already have the distance 0. Raises what `rank_range` does.

    At (0.5, 0.5) the first leads by 5 to 4; level at (4/9, 5/9), 1/18 away in each weight.

    >>> from innovatory.index.weight_sets import simplex
    >>> found, = swaps(np.array([[10.0, 0.0], [0.0, 8.0]]), np.ones(2), simplex(("a", "b")),
    ...                norm="largest")
    >>> found.before, found.behind, round(found.distance * 18, 6)
    (0, 1, 1.0)
    """
    if norm not in ("sum", "largest"):
        raise MethodError(f"there is no norm {norm!r}: name the norm 'sum' or 'largest'")
    values = _checked(values, weights)
    start = np.asarray(nominal, dtype=np.float64) / np.sum(nominal)
    order = np.argsort(-(values @ start), kind="stable")
    scale = np.ptp(values) or 1.0
    return tuple(
        Swap(int(a), int(b), *_nearest((values[b] - values[a]) / scale, start, weights, norm))
        for a, b in pairwise(order)
    )


@dataclass(frozen=True, slots=True)
class Recoding:
    """The fewest answers that, changed, bring the unit behind level with the one before it.

    `number` is None where all answers together do not. `changes` are (unit, indicator, answers
    changed); a number above 0 adds to what counts, one below takes away.
    """

    before: int
    behind: int
    number: int | None
    changes: tuple[tuple[int, int, int], ...]


def fewest_recodings(
    scores: Array, steps: Array, *, counted: Array, base: Array
) -> tuple[Recoding, ...]:
    """For each two neighbours in rank, the fewest answers about their records that swap them.

    `scores` (units,), `counted` and `base` (units, indicators): so many of the unit's records
    count for the indicator, of so many that could (infinite where records may be added). `steps`
    (units, indicators) is what one answer changed to "counts" does to the unit's score, below 0
    where fewer is better: with goalposts for a share, weight * 100 / (base * (high - low)).
    Normalisation is held as it is. Changes may fall on either unit, and the largest steps are
    taken first, which is the fewest since every answer costs the same.

    Raises MethodError where shapes differ or more is counted than there is.

    A has 6 of 10 and B 4 of 10: one answer fewer there and one more here makes them level.

    >>> found, = fewest_recodings(np.array([60.0, 40.0]), np.full((2, 1), 10.0),
    ...                           counted=np.array([[6.0], [4.0]]), base=np.full((2, 1), 10.0))
    >>> found.number, found.changes
    (2, ((0, 0, -2),))
    """
    if not (steps.shape == counted.shape == base.shape == (len(scores), steps.shape[-1])):
        raise MethodError(
            f"{scores.shape} scores, {steps.shape} steps, {counted.shape} counts and {base.shape} "
            "bases do not fit: give one of each for every unit and indicator"
        )
    if ((counted < 0) | (counted > base)).any():
        unit, indicator = np.argwhere((counted < 0) | (counted > base))[0]
        raise MethodError(
            f"unit {unit}, indicator {indicator}: {counted[unit, indicator]:g} of "
            f"{base[unit, indicator]:g} records cannot count: check the table of counts"
        )
    ranked = np.flatnonzero(np.isfinite(scores))
    order = ranked[np.argsort(-scores[ranked], kind="stable")]
    return tuple(_fewest(int(a), int(b), scores, steps, counted, base) for a, b in pairwise(order))


class _Problem:
    """The programs of all units over one set: values scaled so that no lead is above 1."""

    def __init__(self, values: Array, weights: WeightSet) -> None:
        self.weights = weights
        bound = weights.bound(_differences(values))
        self.values = values / (bound.max() or 1.0)
        self.lead = self._leads()

    def _leads(self) -> Array:
        """The greatest lead (units, units) of the first over the second, or a bound of it.

        Exact where it decides whether the first can be before the second, or level.
        """
        values, count = self.values, len(self.weights.names)
        axes = np.eye(count)
        pool = self.weights.most(np.vstack([axes, -axes, values, -values]))
        scores = pool @ values.T
        shown = np.full((len(values), len(values)), -np.inf)
        for run in scores:
            np.maximum(shown, run[:, None] - run[None, :], out=shown)
        lead = self.weights.bound(_differences(values))
        open_pairs = np.argwhere((shown <= TIE) & (lead >= -TIE))
        open_pairs = open_pairs[open_pairs[:, 0] != open_pairs[:, 1]]
        if len(open_pairs):
            aims = values[open_pairs[:, 0]] - values[open_pairs[:, 1]]
            lead[tuple(open_pairs.T)] = (self.weights.most(aims) * aims).sum(-1)
        np.fill_diagonal(lead, 0.0)
        return lead

    def ranks(self, weights: Array) -> Counts:
        """The ranks (m, units) at some weights (m, k), ties as they are defined here."""
        scores = weights @ self.values.T
        ranks: Counts = 1 + np.stack([(run - run[:, None] > TIE).sum(1) for run in scores])
        return ranks

    def extreme(self, unit: int, *, worst: bool) -> tuple[int, Array]:
        """The best or worst rank of a unit, and weights that give it."""
        before, behind = self.lead[:, unit], self.lead[unit]
        always = (before > TIE) & (behind < -TIE)
        contested = np.flatnonzero((before > TIE) & ~always)
        differences = self.values[contested] - self.values[unit]
        if worst:
            ahead = _most_ahead(differences, behind[contested], self.weights)
            wanted = differences[ahead]
        else:
            ahead = _least_ahead(differences, before[contested], self.weights)
            wanted = -differences[~ahead]
        return 1 + int(always.sum() + ahead.sum()), _deepest(wanted, self.weights)


def _least_ahead(differences: Array, reach: Array, weights: WeightSet) -> Booleans:
    """Which units (m,) are ahead where the fewest are; at most `reach` they lead by."""
    rows = np.hstack([-differences, np.diag(reach)])
    return _chosen(rows, np.zeros(len(rows)), -1.0, weights)


def _most_ahead(differences: Array, reach: Array, weights: WeightSet) -> Booleans:
    """Which units (m,) are ahead where the most are; at most `reach` they are behind by."""
    # Twice the tie, so that the solver's own tolerance cannot turn a tie into a lead.
    rows = np.hstack([differences, -np.diag(reach + 2 * TIE)])
    return _chosen(rows, -reach, 1.0, weights)


def _chosen(rows: Array, row_low: Array, worth: float, weights: WeightSet) -> Booleans:
    """The binary choices (m,), each of the same worth, that go with some weights of the set."""
    number = len(rows)
    if not number:
        return np.zeros(0, dtype=np.bool_)
    program = weights.program(rows, row_low, extra=np.ones(number), integers=number)
    solved = program.most(np.repeat([0.0, worth], [len(weights.names) + weights.extra, number]))
    if solved is None:
        raise MethodError("the solver finds no rank over the set of weights: widen the set")
    picked: Booleans = solved[-number:] > 0.5
    return picked


def _deepest(wanted: Array, weights: WeightSet) -> Array:
    """Weights (k,) of the set at which the least of the wanted leads (m, k) @ w is greatest."""
    count = len(weights.names)
    # Leads are at most 1, and an unknown is not below 0: it stands for the least lead plus 1.
    rows = np.hstack([wanted, -np.ones((len(wanted), 1))])
    program = weights.program(rows, -np.ones(len(wanted)), extra=np.array([2.0]))
    solved = program.most(np.repeat([0.0, 1.0], [count + weights.extra, 1]))
    if solved is None:
        raise MethodError("the solver finds no weights for a rank that it proved: widen the set")
    return tidy(solved[:count])


def _nearest(aim: Array, start: Array, weights: WeightSet, norm: str) -> tuple[float, Array]:
    """The distance to the nearest weights of the set with aim @ w >= 0, and these; NaN if none."""
    count = len(start)
    steps = count if norm == "sum" else 1
    over = np.eye(count) if norm == "sum" else np.ones((count, 1))
    rows = np.vstack(
        [
            np.hstack([np.eye(count), over]),
            np.hstack([-np.eye(count), over]),
            np.hstack([aim, np.zeros(steps)])[None, :],
        ]
    )
    program = weights.program(
        rows, np.concatenate([start, -start, [0.0]]), extra=np.full(steps, 2.0)
    )
    solved = program.most(np.repeat([0.0, -1.0], [count + weights.extra, steps]))
    if solved is None:
        return float("nan"), np.full(count, np.nan)
    found = tidy(solved[:count])
    change = np.abs(found - start)
    return float(change.sum() if norm == "sum" else change.max()), found


def _fewest(a: int, b: int, scores: Array, steps: Array, counted: Array, base: Array) -> Recoding:
    """The fewest answers that close the gap between two units, the largest steps first."""
    gap = float(scores[a] - scores[b])
    moves = []
    for unit, sign in ((a, -1.0), (b, 1.0)):
        for indicator, step in enumerate(steps[unit]):
            adds = sign * step > 0
            room = base[unit, indicator] - counted[unit, indicator]
            limit = room if adds else counted[unit, indicator]
            if step and np.isfinite(step) and limit >= 1:
                moves.append((-abs(float(step)), unit, indicator, 1 if adds else -1, limit))
    changes = []
    for gain, unit, indicator, way, limit in sorted(moves):
        # A gap that rounding left is closed: 3 steps of 0.1 are not 4.
        needed = max(0.0, float(np.ceil(gap / -gain - 1e-9)))
        taken = int(min(needed, np.floor(limit)))
        if taken:
            changes.append((unit, indicator, way * taken))
        gap += gain * taken
        if needed <= limit:
            return Recoding(a, b, sum(abs(c) for _, _, c in changes), tuple(changes))
    return Recoding(a, b, None, ())


def _differences(values: Array) -> Array:
    """Each unit's values less each other's, (units, units, k)."""
    return values[:, None, :] - values[None, :, :]


def _checked(values: Array, weights: WeightSet) -> Array:
    """The values as numbers, one column for each weight, none missing."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(weights.names):
        raise MethodError(
            f"values of shape {values.shape} do not fit {len(weights.names)} weights: "
            "give one row for each unit and one column for each weight"
        )
    if not np.isfinite(values).all():
        unit, column = np.argwhere(~np.isfinite(values))[0]
        raise MethodError(
            f"unit {unit} has no value for {weights.names[column]}: impute it or leave the unit "
            "out, since a mean over what is there is not linear in the weights"
        )
    return values
