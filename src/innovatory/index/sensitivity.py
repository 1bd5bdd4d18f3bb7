"""Where the variance of an output comes from, exactly, when every choice is one of finitely many.

With one axis per factor and every combination computed, an output is a finite function of
independent factors, and its variance splits into one term for each set u of factors (Hoeffding
1948; Sobol 1993):

    V = sum of V_u over the non-empty sets u,   sum of V_v over v in u = Var(E[output | factors u])

The means are taken over all combinations, so nothing is estimated: no seed, no standard error, no
negative index. A factor with draws for levels (of the data, of missing cells) is one like others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sobol:
    """Shares of the variance of an output of shape (...) over d factors.

    `first` (d, ...) is a factor's share on its own: what the variance would fall by, on average,
    if the factor were settled. `total` (d, ...) adds every term the factor has a part in: what
    would be left if all the others were settled. `fair` (d, ...) are Shapley effects (Owen 2014):
    each term is shared equally by its factors, so that they sum to 1. All are NaN where the output
    is constant or missing somewhere; `mean` and `variance` (...) are those of the output.
    """

    mean: Array
    variance: Array
    first: Array
    total: Array
    fair: Array


def sobol(outputs: Array, factors: int, *, weights: Sequence[Array] | None = None) -> Sobol:
    """The exact Sobol indices of a full factorial.

    `outputs` has one axis for each of the first `factors` axes, then any others (...), say one for
    units; `weights` are the chances of each factor's levels (equal where None), made to sum to 1.

    Raises MethodError where the weights do not fit the axes, are negative or all zero.

    The product of two coins x and y worth 0 or 1 has the variance 3/16, and E[xy | x] = x / 2 has
    1/16: a third for each alone, a third for their interaction.

    >>> found = sobol(np.array([[0.0, 0.0], [0.0, 1.0]]), 2)
    >>> float(found.variance), found.first.round(4).tolist(), found.total.round(4).tolist()
    (0.1875, [0.3333, 0.3333], [0.6667, 0.6667])
    >>> found.fair.tolist()
    [0.5, 0.5]
    """
    mean, parts = _decomposed(outputs, _chances(outputs, factors, weights))
    variance = np.sum(list(parts.values()), axis=0)
    first, total, fair = (np.zeros((factors, *mean.shape)) for _ in range(3))
    for members, part in parts.items():
        for factor in members:
            total[factor] += part
            fair[factor] += part / len(members)
        if len(members) == 1:
            first[members[0]] = part
    varies = variance > _rounding(outputs, factors)
    scale = np.where(varies, variance, np.nan)
    return Sobol(mean, variance, first / scale, total / scale, fair / scale)


def components(
    outputs: Array, factors: int, *, weights: Sequence[Array] | None = None
) -> Mapping[tuple[int, ...], Array]:
    """The variance (...) that belongs to each set of factors and to none of its parts.

    Arguments as for `sobol`, and so is what it raises. The terms sum to the variance of the output.

    >>> parts = components(np.array([[0.0, 0.0], [0.0, 1.0]]), 2)
    >>> {members: float(part) for members, part in parts.items()}
    {(0,): 0.0625, (1,): 0.0625, (0, 1): 0.0625}
    """
    return _decomposed(outputs, _chances(outputs, factors, weights))[1]


def between(parts: Mapping[tuple[int, ...], Array], some: Sequence[int]) -> tuple[Array, ...]:
    """The variance split in three: of the factors `some` alone, of the others alone, of both.

    >>> parts = {(0,): np.array(3.0), (1,): np.array(2.0), (0, 1): np.array(1.0)}
    >>> [float(part) for part in between(parts, [1])]
    [2.0, 3.0, 1.0]
    """
    chosen = set(some)
    shares = [np.zeros_like(next(iter(parts.values()))) for _ in range(3)]
    for members, part in parts.items():
        inside = len(chosen.intersection(members))
        shares[0 if inside == len(members) else 1 if inside == 0 else 2] += part
    return tuple(shares)


def mean_shift(ranks: Array, nominal: Array) -> Array:
    """How far units move on average: the mean over units of the absolute change of rank.

    `ranks` (..., units) and `nominal` (units,); a unit without a rank in a run, or without a
    nominal one, is left out; NaN where none is left.

    >>> mean_shift(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]), np.array([1.0, 2.0, 3.0])).round(
    ...     3).tolist()
    [0.0, 1.333]
    """
    shift = np.abs(ranks - nominal)
    there = np.isfinite(shift)
    number = there.sum(-1)
    moved: Array = np.where(there, shift, 0.0).sum(-1) / np.where(number > 0, number, np.nan)
    return moved


def _chances(outputs: Array, factors: int, weights: Sequence[Array] | None) -> list[Array]:
    """The chances of each factor's levels, checked and made to sum to 1."""
    if not 1 <= factors <= outputs.ndim:
        raise MethodError(
            f"outputs of shape {outputs.shape} have no {factors} axes for factors: "
            "give one axis for each factor, at least one"
        )
    levels = outputs.shape[:factors]
    if weights is None:
        return [np.full(n, 1.0 / n) for n in levels]
    if tuple(len(given) for given in weights) != levels:
        raise MethodError(
            f"weights for {[len(given) for given in weights]} levels do not fit factors with "
            f"{list(levels)}: give one weight for each level"
        )
    for place, given in enumerate(weights):
        if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
            raise MethodError(
                f"the weights of factor {place} are {given.tolist()}: give finite weights, "
                "none negative and not all zero"
            )
    return [np.asarray(given, dtype=np.float64) / np.sum(given) for given in weights]


def _decomposed(
    outputs: Array, chances: Sequence[Array]
) -> tuple[Array, dict[tuple[int, ...], Array]]:
    """The mean, and the variance of every set of factors by itself."""
    everything = tuple(range(len(chances)))
    mean = outputs
    for chance in chances:
        mean = np.tensordot(chance, mean, axes=(0, 0))
    # Of deviations from the mean, the mean square given some factors is the variance they explain.
    means: dict[tuple[int, ...], Array] = {everything: outputs - mean}
    closed: dict[tuple[int, ...], Array] = {}
    for size in range(len(chances), 0, -1):
        for members in combinations(everything, size):
            if size < len(chances):
                means[members] = _averaged(means, members, chances)
            closed[members] = _mean_square(means[members], [chances[f] for f in members])
        for members in combinations(everything, size + 1):
            means.pop(members, None)
    parts: dict[tuple[int, ...], Array] = {}
    for size in range(1, len(chances) + 1):
        for members in combinations(everything, size):
            inner = [parts[u] for less in range(1, size) for u in combinations(members, less)]
            # A term is a variance: what is below zero is rounding.
            parts[members] = np.maximum(closed[members] - np.sum([0 * mean, *inner], axis=0), 0.0)
    return mean, parts


def _averaged(
    means: Mapping[tuple[int, ...], Array], members: tuple[int, ...], chances: Sequence[Array]
) -> Array:
    """The mean given the levels of `members`, from that given one factor more: the cheapest."""
    larger = [
        tuple(sorted((*members, more))) for more in range(len(chances)) if more not in members
    ]
    source = min(larger, key=lambda wider: means[wider].size)
    gone = next(f for f in source if f not in members)
    table = means[source]
    axis = source.index(gone)
    shape = table.shape
    left, right = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    flat: Array = np.matmul(chances[gone], table.reshape(left, shape[axis], right))
    return flat.reshape(*shape[:axis], *shape[axis + 1 :])


def _mean_square(table: Array, chances: Sequence[Array]) -> Array:
    """The mean square over the levels that the table still has axes for."""
    square = table * table
    for chance in chances:
        square = np.tensordot(chance, square, axes=(0, 0))
    return square


def _rounding(outputs: Array, factors: int) -> Array:
    """Variance below which an output counts as constant: rounding of numbers of its size."""
    largest: Array = np.abs(outputs).max(axis=tuple(range(factors)))
    return (1e-12 * largest) ** 2
