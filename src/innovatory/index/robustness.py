"""What the runs of a multiverse say: places, pairs, and which choice moves whom.

With all combinations every figure is exact: a mean over the combinations, each as likely as the
others. From a sample they are estimates, the shares of variance by Saltelli and Jansen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import sobol_indices

from innovatory.errors import MethodError
from innovatory.index.multiverse import Places, Runs
from innovatory.index.sensitivity import between, components, mean_shift, sobol

Array = npt.NDArray[np.float64]
Signs = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """How the ranks of units stand up to other choices and other draws of the data.

    `places` (units, units) is the share of runs in which a unit has each rank, `mean`, `median`,
    `low` and `high` (units,) those of its ranks, the last two the quantiles that hold the share
    `within` of the runs between them. `before` (units, units) is the share of runs in which the
    first is before the second; the rest are ties and runs in which one has no rank.
    `turns` (factors, units, units) says what turns a pair: of the variance of its order the part
    that would be left if all other factors were settled (a total index), NaN where nothing turns
    it. `first` and `total` (factors, units) are the indices of each unit's rank, `shift_first` and
    `shift_total` (factors,) those of the mean absolute change of rank, `shift` its mean.
    """

    units: tuple[str, ...]
    factors: tuple[str, ...]
    sources: int
    runs: int
    whole: bool
    within: float
    nominal: Places
    mean: Array
    median: Array
    low: Array
    high: Array
    places: Array
    before: Array
    turns: Array
    variance: Array
    first: Array
    total: Array
    shift: float
    shift_first: Array
    shift_total: Array

    def turned_by(self, one: int, other: int) -> str:
        """The factor that does most to turn a pair of units; '' where none does."""
        turns = self.turns[:, one, other]
        return "" if np.isnan(turns).all() else self.factors[int(np.nanargmax(turns))]

    def narrowest(self) -> tuple[str, Array]:
        """The source of doubt about the data whose end would narrow the ranks most.

        With it the share (units,) of each unit's variance of rank that would go, on average: its
        first order index. Raises MethodError where the runs had no such source.
        """
        if not self.sources:
            raise MethodError(
                "the runs had no doubt about the data: hand over draws of the values as Evidence"
            )
        gained = np.nan_to_num(self.first[: self.sources] * self.variance)
        best = int(gained.sum(1).argmax())
        return self.factors[best], self.first[best]


def summary(runs: Runs, *, within: float = 0.9) -> Robustness:
    """The runs summed up.

    Where some run gives a unit no rank, its mean and quantiles are over the others, and its
    indices NaN. Memory grows with the square of the units, not with that times the runs.

    Two units, two factors of two levels; the order turns in one of four combinations:

    >>> levels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> ranks = np.array([[1, 2], [1, 2], [1, 2], [2, 1]], dtype=np.int16)
    >>> found = summary(Runs(("a", "b"), (("", "x"), ("", "x")), 0, ("u", "v"), ranks[0], levels,
    ...                      -ranks.astype(float), ranks, True))
    >>> found.before[0, 1], found.places[0].tolist(), found.turns[:, 0, 1].round(3).tolist()
    (np.float64(0.75), [0.75, 0.25], [0.667, 0.667])
    """
    if not 0 < within < 1:
        raise MethodError(f"{within} of the runs cannot be held: give a share between 0 and 1")
    main = runs.ranks if runs.whole else runs.ranks[: _parts(runs)]
    ranked = np.where(main > 0, main, np.nan)
    nominal = np.where(runs.nominal > 0, runs.nominal, np.nan)
    every = np.where(runs.ranks > 0, runs.ranks, np.nan)
    shifts = mean_shift(every, nominal)[:, None]
    variance, first, total = _indices(runs, every)
    _, shift_first, shift_total = _indices(runs, shifts)
    before, turns = _pairs(runs)
    ends = [0.5, (1 - within) / 2, (1 + within) / 2]
    median, low, high = _quantiles(ranked, ends)
    places = np.stack([(main == rank).mean(0) for rank in range(1, main.shape[1] + 1)], axis=1)
    return Robustness(
        units=runs.units,
        factors=runs.factors,
        sources=runs.sources,
        runs=len(main),
        whole=runs.whole,
        within=within,
        nominal=runs.nominal,
        mean=_means(ranked),
        median=median,
        low=low,
        high=high,
        places=places,
        before=before,
        turns=turns,
        variance=variance,
        first=first,
        total=total,
        shift=float(_means(shifts[: len(main)])[0]),
        shift_first=shift_first[:, 0],
        shift_total=shift_total[:, 0],
    )


def split(runs: Runs) -> Array:
    """The variance of each unit's rank in three (3, units): of the data, the method, and both.

    The last is what neither would leave without the other. Exact, and only for all combinations:
    raises MethodError for a sample, and where there is no doubt about the data.
    """
    if not runs.whole or not runs.sources:
        raise MethodError(
            "the variance of ranks is split between data and method where all combinations of "
            "both are computed: hand over Evidence, with fewer draws or alternatives"
        )
    ranked = np.where(runs.ranks > 0, runs.ranks, np.nan)
    parts = components(ranked.reshape(*runs.sizes, -1), len(runs.sizes))
    return np.stack(between(parts, range(runs.sources)))


def _parts(runs: Runs) -> int:
    """How many runs each part of a sample has."""
    return len(runs.ranks) // (len(runs.factors) + 2)


def _indices(runs: Runs, outputs: Array) -> tuple[Array, Array, Array]:
    """The variance (m,), and first order and total indices (factors, m), of outputs (runs, m)."""
    count = len(runs.factors)
    if runs.whole:
        found = sobol(outputs.reshape(*runs.sizes, -1), count)
        return found.variance, found.first, found.total
    parts = outputs.reshape(count + 2, -1, outputs.shape[1]).transpose(0, 2, 1)
    # Outputs that never move have no indices: 0 / 0 is the answer, not an accident.
    with np.errstate(divide="ignore", invalid="ignore"):
        estimated = sobol_indices(
            func={"f_A": parts[0], "f_B": parts[1], "f_AB": parts[2:]}, n=parts.shape[2]
        )
    variance = np.concatenate([parts[0], parts[1]], axis=-1).var(-1)
    moves = np.where(variance > 0, 1.0, np.nan)
    shape = (outputs.shape[1], count)
    first = np.reshape(estimated.first_order, shape).T * moves
    total = np.reshape(estimated.total_order, shape).T * moves
    return variance, first, total


def _pairs(runs: Runs) -> tuple[Array, Array]:
    """For each pair the share of runs in which the first is before, and what turns it."""
    units, count = len(runs.units), len(runs.factors)
    before = np.zeros((units, units))
    turns = np.full((count, units, units), np.nan)
    for unit in range(units - 1):
        order = _order(runs.ranks, unit)
        main = order if runs.whole else order[: _parts(runs)]
        mean = main.sum(0, dtype=np.int64) / len(main)
        square = np.count_nonzero(main, axis=0) / len(main)
        rest = np.arange(unit + 1, units)
        before[unit, rest], before[rest, unit] = (square + mean) / 2, (square - mean) / 2
        # Most pairs never turn: nothing turns them, and there is nothing to work out.
        variance = square - mean**2
        turned = np.flatnonzero(variance > 1e-12)
        if len(turned):
            left = _left(runs, order[:, turned], square[turned]) / variance[turned]
            turns[:, unit, rest[turned]] = turns[:, rest[turned], unit] = left
    return before, turns


def _order(ranks: Places, unit: int) -> Signs:
    """1 where a unit is before each that comes after it in the table, -1 behind, else 0."""
    own, rest = ranks[:, [unit]], ranks[:, unit + 1 :]
    order: Signs = (rest > own).view(np.int8) - (rest < own).view(np.int8)
    if (own == 0).any() or (rest == 0).any():
        order *= (own > 0) & (rest > 0)
    return order


def _left(runs: Runs, order: Signs, square: Array) -> Array:
    """For each factor the variance (factors, pairs) left if all the others were settled."""
    pairs = order.shape[1]
    left = np.empty((len(runs.factors), pairs))
    if not runs.whole:
        parts = order.reshape(len(left) + 2, -1, pairs)
        for factor, mixed in enumerate(parts[2:]):
            left[factor] = np.square(mixed - parts[0]).mean(0, dtype=np.float64) / 2
        return left
    for factor, size in enumerate(runs.sizes):
        after = int(np.prod(runs.sizes[factor + 1 :], dtype=np.int64)) * pairs
        # Sums of signs are small whole numbers: the smallest type that holds them is fastest.
        sums = np.add.reduce(
            order.reshape(-1, size, after), axis=1, dtype=np.min_scalar_type(-size)
        )
        sums = sums.reshape(-1, pairs).astype(np.float64)
        explained = np.einsum("ij,ij->j", sums, sums) / (len(sums) * size**2)
        left[factor] = square - explained
    return np.maximum(left, 0.0)


def _means(values: Array) -> Array:
    """The means of the columns, of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    number = there.sum(0)
    means: Array = np.where(there, values, 0.0).sum(0) / np.where(number > 0, number, np.nan)
    return means


def _quantiles(ranked: Array, chances: list[float]) -> Array:
    """Quantiles (chances, units) of the ranks that are there, interpolated."""
    found = np.full((len(chances), ranked.shape[1]), np.nan)
    some = np.isfinite(ranked).any(0)
    if some.any():
        whole = np.isfinite(ranked).all()
        take = np.quantile if whole else np.nanquantile
        found[:, some] = take(ranked[:, some], chances, axis=0)
    return found
