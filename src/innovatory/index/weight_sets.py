"""Sets of weights: a polytope, stated by bounds, ratios and orders.

A set is what somebody could defend: all weights between 5% and 40%; all within a quarter of those
given; all that put openness above infrastructure. What is proved over a set holds for every one
of its infinitely many weights, not for a sample of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError
from innovatory.index.framework import Framework
from innovatory.index.programs import Program

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeightSet:
    """The weights w (k,) with sum 1, low <= w <= high, and matrix @ (w, t) <= 0 for some t >= 0.

    `low` and `high` are (k,); `matrix` (m, k + e) has e columns for unknowns t of its own, 0 or
    more: "within a quarter of v" is 0.75 t v <= w <= 1.25 t v. Raises MethodError where no weights
    meet all of it, or the shapes do not fit.

    Two weights, each at least 0.2: the set is the segment from (0.2, 0.8) to (0.8, 0.2).

    >>> found = simplex(("a", "b"), low=0.2)
    >>> found.most(np.array([[1.0, 0.0], [0.0, 1.0]])).round(6).tolist()
    [[0.8, 0.2], [0.2, 0.8]]
    """

    names: tuple[str, ...]
    low: Array
    high: Array
    matrix: Array

    def __post_init__(self) -> None:
        count = len(self.names)
        if not (count and self.low.shape == self.high.shape == (count,) and self.extra >= 0):
            raise MethodError(
                f"a set of {count} weights cannot have bounds of the shapes {self.low.shape} and "
                f"{self.high.shape} and conditions {self.matrix.shape}: give one for each weight"
            )
        if not (np.isfinite(self.low).all() and (self.low >= 0).all()):
            raise MethodError("weights below 0 make no mean: give lower bounds from 0 upwards")
        # An empty set is found here, and not at the first unit that asks for its rank.
        self.most(np.zeros((1, count)))

    @property
    def extra(self) -> int:
        """How many unknowns the conditions have besides the weights."""
        return int(self.matrix.shape[1]) - len(self.names)

    def ratio(self, one: str, other: str, *, low: float, high: float) -> WeightSet:
        """The weights of this set in which one is `low` to `high` times the other.

        >>> halves = simplex(("a", "b")).ratio("a", "b", low=1.0, high=3.0)
        >>> halves.most(np.array([[1.0, 0.0]])).round(6).tolist()
        [[0.75, 0.25]]
        """
        rows = np.zeros((2, self.matrix.shape[1]))
        a, b = self._place(one), self._place(other)
        rows[0, a], rows[0, b] = -1.0, low
        rows[1, a], rows[1, b] = 1.0, -high
        return replace(self, matrix=np.vstack([self.matrix, rows]))

    def order(self, *names: str) -> WeightSet:
        """The weights of this set in which each named item weighs at least as much as the next.

        >>> simplex(("a", "b")).order("a", "b").most(np.array([[0.0, 1.0]])).round(6).tolist()
        [[0.5, 0.5]]
        """
        rows = np.zeros((len(names) - 1, self.matrix.shape[1]))
        for row, one, other in zip(rows, names, names[1:], strict=False):
            row[self._place(one)], row[self._place(other)] = -1.0, 1.0
        return replace(self, matrix=np.vstack([self.matrix, rows]))

    def program(self, rows: Array, row_low: Array, *, extra: Array, integers: int = 0) -> Program:
        """The set with conditions row_low <= rows @ (w, x) added, 0 <= x <= extra.

        `rows` are (m, k + len(extra)); the unknowns of a solution are w, then t, then x.
        """
        count, new = len(self.names), len(extra)
        total = np.repeat([1.0, 0.0], [count, self.extra + new])[None, :]
        own = np.hstack([self.matrix, np.zeros((len(self.matrix), new))])
        gap = np.zeros((len(rows), self.extra))
        added = np.hstack([rows[:, :count], gap, rows[:, count:]])
        nothing = np.zeros(len(own))
        return Program(
            np.vstack([total, own, added]),
            np.concatenate([[1.0], nothing - np.inf, row_low]),
            np.concatenate([[1.0], nothing, np.full(len(rows), np.inf)]),
            low=np.concatenate([self.low, np.zeros(self.extra + new)]),
            high=np.concatenate([self.high, np.full(self.extra, np.inf), extra]),
            integers=integers,
        )

    def most(self, aims: Array) -> Array:
        """The weights (m, k) that make each aim (m, k) @ w as large as it can be in the set."""
        count = len(self.names)
        found = np.empty((len(aims), count))
        for place, aim in enumerate(aims):
            solved = self._program.most(np.concatenate([aim, np.zeros(self.extra)]))
            if solved is None:
                raise MethodError(
                    f"no weights of {', '.join(self.names)} meet all conditions of the set: "
                    "widen the bounds or drop a condition"
                )
            found[place] = tidy(solved[:count])
        return found

    def holds(self, weights: Array) -> bool:
        """Whether weights (k,) belong to the set, but for rounding.

        >>> simplex(("a", "b"), low=0.2).holds(np.array([0.1, 0.9]))
        False
        """
        slack, count = 1e-8, len(self.names)
        low, high = np.maximum(self.low, weights - slack), np.minimum(self.high, weights + slack)
        if (low > high).any() or abs(weights.sum() - 1) > slack:
            return False
        near = Program(
            np.vstack([np.repeat([1.0, 0.0], [count, self.extra]), self.matrix]),
            np.concatenate([[1.0], np.full(len(self.matrix), -np.inf)]),
            np.concatenate([[1.0], np.zeros(len(self.matrix))]),
            low=np.concatenate([low, np.zeros(self.extra)]),
            high=np.concatenate([high, np.full(self.extra, np.inf)]),
        )
        return near.most(np.zeros(count + self.extra)) is not None

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """The least and the greatest value (k,) of each weight in the set."""
        axes = np.eye(len(self.names))
        return np.diag(self.most(-axes)).copy(), np.diag(self.most(axes)).copy()

    def bound(self, aims: Array) -> Array:
        """An upper bound (...) of each aim (..., k) @ w over the set; exact where it is a box.

        The box of the set, cut by sum 1, is filled from the largest coefficient down.
        """
        low, high = self.box
        order = np.argsort(-aims, axis=-1)
        room = (high - low)[order]
        before = np.cumsum(room, axis=-1) - room
        filled = np.clip(1.0 - low.sum() - before, 0.0, room)
        best: Array = aims @ low + (np.take_along_axis(aims, order, -1) * filled).sum(-1)
        return best

    @cached_property
    def _program(self) -> Program:
        return self.program(np.empty((0, len(self.names))), np.empty(0), extra=np.empty(0))

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise MethodError(
                f"there is no weight {name!r} in the set: name one of {', '.join(self.names)}"
            )
        return self.names.index(name)


def tidy(weights: Array) -> Array:
    """Weights (k,) without a solver's last digits below zero and beside sum 1.

    >>> tidy(np.array([-1e-12, 0.5, 0.5])).tolist()
    [0.0, 0.5, 0.5]
    """
    kept: Array = np.maximum(weights, 0.0)
    total: Array = kept / kept.sum()
    return total


def simplex(names: tuple[str, ...], *, low: float = 0.0, high: float = 1.0) -> WeightSet:
    """All weights with sum 1 in which each is from `low` to `high`.

    >>> simplex(("a", "b", "c")).box[1].tolist()
    [1.0, 1.0, 1.0]
    """
    count = len(names)
    return WeightSet(names, np.full(count, low), np.full(count, high), np.empty((0, count)))


def around(names: tuple[str, ...], weights: Array, *, spread: float) -> WeightSet:
    """All weights that come of those given (k,), each times 1 - spread to 1 + spread.

    They are made to sum to 1. Raises MethodError where the spread is not from 0 to below 1.

    >>> around(("a", "b"), np.array([1.0, 1.0]), spread=0.25).box[1].round(4).tolist()
    [0.625, 0.625]
    """
    given = np.asarray(weights, dtype=np.float64)
    rows = _within(np.eye(len(names)), given, np.full(len(given), spread))
    return replace(simplex(names), matrix=np.hstack(rows))


def nested(framework: Framework, spread: Mapping[int, float]) -> WeightSet:
    """The effective weights of all indicators when the weights of some levels may vary.

    `spread` says how much, by level: 0.25 for weights from 3/4 to 5/4 of those given, and a level
    that is not named keeps its weights. Arithmetic means of arithmetic means are one weighted sum
    of the indicators, and the weights that a hierarchy can give them are a polytope as well.

    Raises MethodError where a spread is not from 0 to below 1, or the level is not below the top.

    >>> from innovatory.index.items import Item
    >>> tree = Framework((Item("a", parent="p"), Item("b", parent="p"), Item("c", parent="q"),
    ...     Item("p", level=1, parent="top", kind="aggregate"),
    ...     Item("q", level=1, parent="top", kind="aggregate"),
    ...     Item("top", level=2, kind="aggregate")))
    >>> [end.round(4).tolist() for end in nested(tree, {1: 0.25}).box]
    [[0.1875, 0.1875, 0.375], [0.3125, 0.3125, 0.625]]
    """
    if unknown := sorted(set(spread) - set(range(framework.depth))):
        raise MethodError(
            f"weights of level {unknown[0]} cannot vary: the levels below the top are 0 to "
            f"{framework.depth - 1}"
        )
    codes = framework.codes(0)
    parents = [item.code for item in framework.items if item.kind == "aggregate"]
    blocks, scales = [], []
    for parent in parents:
        children = [framework.item(code) for code in framework.children(parent)]
        below = [set(framework.leaves(child.code)) for child in children]
        sums = np.array([[code in leaves for code in codes] for leaves in below], dtype=np.float64)
        given = np.array([child.weight for child in children])
        wide = np.array([spread.get(child.level, 0.0) for child in children])
        rows, scale = _within(sums, given, wide)
        blocks.append(rows)
        scales.append(scale)
    unknowns = np.zeros((sum(map(len, scales)), len(parents)))
    row = 0
    for place, scale in enumerate(scales):
        unknowns[row : row + len(scale), place] = scale[:, 0]
        row += len(scale)
    return replace(simplex(codes), matrix=np.hstack([np.vstack(blocks), unknowns]))


def _within(sums: Array, weights: Array, spread: Array) -> tuple[Array, Array]:
    """Rows (2 j, k), and the column (2 j, 1) of t, that keep sums (j, k) @ w by the weights t v."""
    if not ((spread >= 0) & (spread < 1)).all():
        raise MethodError(
            f"weights cannot vary by {spread.max():g}: give a spread from 0 to below 1"
        )
    ends = np.concatenate([-weights * (1 + spread), weights * (1 - spread)])
    return np.vstack([sums, -sums]), ends[:, None]
