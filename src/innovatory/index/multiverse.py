"""The multiverse: one index for every combination of defensible choices, computed and not sampled.

A factor is a choice with alternatives; the data have factors of their own, whose levels are draws
of what the values may be. All combinations are the levels of a full factorial. Where they are too
many a quasi-random sample of them is taken, laid out so that the same questions can be answered
(Saltelli and others 2010). What the runs say is in `robustness`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from innovatory.errors import MethodError
from innovatory.index import chain
from innovatory.index.aggregating import ranks
from innovatory.index.chain import Choices
from innovatory.index.combining import Evidence, Factor, Space
from innovatory.index.framework import Framework, Table

Array = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]
Places = npt.NDArray[np.int16]

LIMIT = 50_000
"""More combinations than this are sampled."""
SAMPLE = 1024
"""Runs of each part of a sample; all parts together are this times the factors and 2 more."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Scores and ranks of every run, in the order of `levels`.

    `levels` (runs, factors) are the options of each run, sources of doubt first; `ranks` (runs,
    units) have 1 for the best and 0 for no rank. `sizes` are the numbers of options. In a sample
    the runs are its parts one after the other: A, B, then A with each factor from B in turn.
    `sources` are how many of the factors are doubt about the data.
    """

    factors: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    sources: int
    units: tuple[str, ...]
    nominal: Places
    levels: Levels
    scores: Array
    ranks: Places
    whole: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of options of each factor."""
        return tuple(map(len, self.labels))


def explore(
    table: Table,
    framework: Framework,
    choices: Choices,
    factors: Sequence[Factor],
    *,
    evidence: Sequence[Evidence] = (),
    groups: Sequence[str] = (),
    seed: int = 0,
    limit: int = LIMIT,
) -> Runs:
    """The index for every combination of the factors' options and the draws of the evidence.

    `choices` are those of the published index: they hold wherever no factor says otherwise, and
    give the nominal ranks. More than `limit` combinations are sampled. `groups` and `seed` are
    those of the chain; the seed is also that of the sample.

    Raises MethodError where a factor has no options or names no field, two factors name the same,
    draws do not fit the table, or a combination cannot be computed: the message names it.

    >>> from innovatory.index.framework import read
    >>> from innovatory.index.steps import Plan, Step
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
    >>> values = np.array([[10.0, 4.0], [6.0, 6.0], [4.0, 5.0]])
    >>> means = {m: Plan(Step(m)) for m in ("arithmetic", "geometric")}
    >>> raw = Choices(treat=Plan(Step("none")), normalise=Plan(Step("none")))
    >>> found = explore(Table(("u", "v", "w"), ("a", "b"), values), index, raw,
    ...                 [Factor("mean", "aggregate", means),
    ...                  Factor("weights", "weights", {"equal": {}, "b twice": {"b": 2.0}})])
    >>> found.ranks.tolist()
    [[1, 2, 3], [1, 1, 3], [1, 2, 3], [2, 1, 3]]
    """
    if choices.impute.method == "multiple":
        raise MethodError(
            "impute: draws of missing values are evidence in the multiverse; impute in another way "
            "and hand the draws over as Evidence"
        )
    stages = chain.run(table, framework, choices, groups=groups, seed=seed)
    group_of = dict(zip(table.units, groups, strict=True)) if groups else {}
    space = Space(stages, framework, choices, factors, evidence, group_of=group_of, seed=seed)
    sizes = [len(labels) for labels in space.labels]
    whole = math.prod(sizes) <= limit
    levels = _every(sizes) if whole else _sample(sizes, seed)
    scores = space.scores(levels)
    return Runs(
        factors=space.names,
        labels=space.labels,
        sources=len(evidence),
        units=stages.units,
        nominal=stages.places.astype(np.int16),
        levels=levels,
        scores=scores,
        ranks=ranks(scores).astype(np.int16),
        whole=whole,
    )


def noisy_weights(
    framework: Framework, spread: Mapping[int, float], *, number: int, seed: int
) -> dict[str, dict[str, float]]:
    """Sets of weights for a factor: each weight of some levels times 1 - spread to 1 + spread.

    `spread` is by level. A continuous choice becomes `number` quasi-random levels (Sobol's
    sequence, scrambled by the seed), which fill the space more evenly than random ones.

    >>> from innovatory.index.framework import read
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
    >>> sets = noisy_weights(index, {0: 0.25}, number=4, seed=1)
    >>> list(sets), all(0.75 <= w <= 1.25 for one in sets.values() for w in one.values())
    (['set 1', 'set 2', 'set 3', 'set 4'], True)
    """
    items = [item for item in framework.items if item.level in spread and item.parent]
    if not items or number < 1:
        raise MethodError(
            f"weights: no item of the levels {sorted(spread)} can vary in {number} sets; name "
            f"levels from 0 to {framework.depth - 1} and at least one set"
        )
    points = _points(len(items), number, seed)
    return {
        f"set {place}": {
            item.code: item.weight * (1 + spread[item.level] * (2 * float(u) - 1))
            for item, u in zip(items, point, strict=True)
        }
        for place, point in enumerate(points, 1)
    }


def _every(sizes: Sequence[int]) -> Levels:
    """All combinations of levels (runs, factors), the last factor changing fastest."""
    runs = np.arange(math.prod(sizes))
    return np.stack(np.unravel_index(runs, sizes), axis=-1).astype(np.int64)


def _sample(sizes: Sequence[int], seed: int) -> Levels:
    """A, B, and A with each column from B, quasi-random levels each (parts * SAMPLE, factors)."""
    count = len(sizes)
    points = np.floor(_points(2 * count, SAMPLE, seed) * np.tile(sizes, 2)).astype(np.int64)
    one, other = points[:, :count], points[:, count:]
    mixed = [np.where(np.arange(count) == place, other, one) for place in range(count)]
    return np.concatenate([one, other, *mixed])


def _points(dimensions: int, number: int, seed: int) -> Array:
    """Quasi-random points (number, dimensions) of the unit cube."""
    power = max(0, math.ceil(math.log2(number)))
    random = np.random.default_rng(seed)
    points: Array = qmc.Sobol(dimensions, scramble=True, rng=random).random_base2(power)
    return points[:number]
