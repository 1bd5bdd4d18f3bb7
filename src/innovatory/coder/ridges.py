"""Kernel ridge regression on the coders' votes, with every fold left out exactly.

With M = K + c + λI on the learning rows and A = M⁻¹, the weights are AY, and what a model that
never saw the rows F predicts for them is Y_F - (A_FF)⁻¹ (AY)_F: one inverse serves all folds and
all pairs of folds, so that nested cross-validation costs little more than one fit. Nothing here
but `votes` depends on labels, so a Design serves every question asked of the same records.

Examples from another corpus may stand after the own rows. They are in no fold, and each corpus has
a constant of its own, so that a class may be commoner in one than in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

# A constant in the kernel is an intercept that is hardly shrunk.
_INTERCEPT = 10.0
_OWN_INTERCEPT = 10.0


@dataclass(frozen=True)
class Ridge:
    """One view's ridge on the learning rows; `folds` holds the positions in each fold.

    `constant` (n,) is the kernel's constant between an own record and each learning row.
    """

    inverse: Array
    folds: tuple[Rows, ...]
    constant: Array

    @cached_property
    def _blocks(self) -> tuple[Array, ...]:
        return tuple(_inverse(self.inverse[np.ix_(f, f)]) for f in self.folds)

    @cached_property
    def _pairs(self) -> dict[tuple[int, int], Array]:
        found = {}
        for j, k in combinations(range(len(self.folds)), 2):
            both = np.concatenate([self.folds[j], self.folds[k]])
            found[j, k] = _inverse(self.inverse[np.ix_(both, both)])
        return found

    def weights(self, votes: Array) -> Array:
        """Dual weights (folds + 1, n, classes) of the models without each fold, then of the full.

        Rows of the fold that a model leaves out weigh nothing in it.
        """
        full = self.inverse @ votes
        models = np.repeat(full[None], len(self.folds) + 1, axis=0)
        for k, (fold, block) in enumerate(zip(self.folds, self._blocks, strict=True)):
            models[k] -= self.inverse[:, fold] @ (block @ full[fold])
            models[k][fold] = 0.0
        return models

    def alike(self, weights: Array) -> Array:
        """What models of dual weights (models, n, classes) say of every own record alike."""
        total: Array = np.tensordot(weights, self.constant, axes=([1], [0]))
        return total

    def left_out(self, votes: Array) -> Array:
        """Predictions (folds + 1, n, classes) of the learning rows by models that never saw them.

        Plane k holds for rows outside fold k what a model without fold k and without the row's
        own fold predicts; for rows of fold k, and in the last plane for all rows, what a model
        without the row's own fold predicts. Examples, which are in no fold, have zeros.
        """
        full = self.inverse @ votes
        planes = np.zeros((len(self.folds) + 1, *votes.shape))
        for k, (fold, block) in enumerate(zip(self.folds, self._blocks, strict=True)):
            planes[k][fold] = planes[-1][fold] = votes[fold] - block @ full[fold]
        for (j, k), block in self._pairs.items():
            both = np.concatenate([self.folds[j], self.folds[k]])
            predicted = votes[both] - block @ full[both]
            split = len(self.folds[j])
            planes[k][self.folds[j]] = predicted[:split]
            planes[j][self.folds[k]] = predicted[split:]
        return planes


def ridge(gram: Array, folds: tuple[Rows, ...], *, penalty: float, examples: int = 0) -> Ridge:
    """The ridge of a Gram matrix (n, n) with a penalty λ, whose last rows are examples.

    >>> one = ridge(np.eye(2), (np.array([0]), np.array([1])), penalty=1.0)
    >>> one.left_out(np.array([[1.0], [0.0]]))[-1].round(3).ravel().tolist()
    [0.0, 0.833]
    """
    own = np.arange(len(gram)) < len(gram) - examples
    apart = _OWN_INTERCEPT if examples else 0.0
    constants = _INTERCEPT + apart * (own[:, None] == own[None, :])
    matrix = gram + constants + penalty * np.eye(len(gram))
    constant: Array = np.where(own, _INTERCEPT + apart, _INTERCEPT)
    return Ridge(_inverse(matrix), folds, constant)


def _inverse(matrix: Array) -> Array:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
