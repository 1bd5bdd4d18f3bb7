"""From the scores of several views to calibrated probabilities.

A record's logit for class c is Σ_v a_v z_vc + b_c: one weight a view, shared by all classes, and
one offset a class. So few numbers can be learnt from few labels, and a class that nobody has given
yet still gets what the views that need no labels say of it. Weights and offsets are the maximum of
the votes' likelihood with normal priors around given values; without labels they are those values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Offsets follow the labels almost freely.
_OFFSET_PRECISION = 0.5
# How many votes the classes' shares among examples count for.
EXPECTED = 3.0
_ROUNDS = 40
_NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the views and offsets of the classes."""

    weights: Array
    offsets: Array

    def logits(self, scores: Array) -> Array:
        """Logits (n, classes) of scores (views, n, classes)."""
        total: Array = np.tensordot(self.weights, scores, axes=1) + self.offsets
        return total


def probabilities(logits: Array, *, multi: bool) -> Array:
    """Probabilities of logits (..., classes): of each class apart, or of one among all.

    >>> probabilities(np.array([0.0, 0.0]), multi=False).tolist()
    [0.5, 0.5]
    """
    if multi:
        apart: Array = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
        return apart
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    among: Array = raised / raised.sum(axis=-1, keepdims=True)
    return among


def offsets(votes: Array, expected: Array | None = None, *, multi: bool) -> Array:
    """The logits of the classes' shares, with half a vote more for each class (Jeffreys).

    Shares that examples let us `expect` count for four votes more.

    >>> offsets(np.zeros((0, 2)), multi=True).tolist()
    [0.0, 0.0]
    """
    given, n = votes.sum(axis=0) + 0.5, float(len(votes))
    if expected is not None:
        given, n = given + EXPECTED * expected, n + EXPECTED
    logits: Array = np.log(given / (n + 1.0 - given)) if multi else np.log(given / given.sum())
    return logits


def calibrate(
    scores: Array, votes: Array, *, prior: Calibration, precision: Array, multi: bool
) -> Calibration:
    """Fit weights and offsets to votes (n, classes) by Newton's method; the optimum is unique.

    `scores` (views, n, classes) must come from models that never saw the rows; `precision` is
    that of the prior of each view's weight.
    """
    views, _, classes = scores.shape
    centre = np.concatenate([prior.weights, prior.offsets])
    penalty = np.concatenate([precision, np.full(classes, _OFFSET_PRECISION)])
    here, cost = centre, np.inf

    def costs(at: Array) -> tuple[float, Array]:
        p = probabilities(Calibration(at[:views], at[views:]).logits(scores), multi=multi)
        q = np.clip(p, 1e-12, 1 - 1e-12)
        loss = votes * np.log(q) + ((1 - votes) * np.log(1 - q) if multi else 0.0)
        return float(-loss.sum() + (penalty * (at - centre) ** 2).sum() / 2), p

    cost, p = costs(here)
    for _ in range(_ROUNDS):
        slope, curve = _derivatives(scores, votes, p, multi=multi)
        step = np.linalg.solve(curve + np.diag(penalty), slope + penalty * (here - centre))
        while True:
            after, p_after = costs(here - step)
            if after <= cost + _NEAR or np.abs(step).max() < _NEAR:
                break
            step = step / 2
        gained, here, cost, p = cost - after, here - step, after, p_after
        if gained < _NEAR:
            break
    return Calibration(here[:views], here[views:])


def _derivatives(scores: Array, votes: Array, p: Array, *, multi: bool) -> tuple[Array, Array]:
    """Gradient and Hessian of the loss in weights and offsets."""
    views, _, classes = scores.shape
    total = np.ones((len(votes), 1)) if multi else votes.sum(axis=1, keepdims=True)
    error = total * p - votes
    slope = np.concatenate([np.tensordot(scores, error, axes=2), error.sum(axis=0)])
    spread = total * (p * (1 - p) if multi else p)
    weighted = scores * spread
    curve = np.zeros((views + classes, views + classes))
    curve[:views, :views] = np.tensordot(weighted, scores, axes=([1, 2], [1, 2]))
    curve[:views, views:] = weighted.sum(axis=1)
    curve[views:, views:] = np.diag(spread.sum(axis=0))
    if not multi:
        mean = np.vstack([(scores * p).sum(axis=2), p.T])
        curve -= (mean * total.T) @ mean.T
        curve[views:, :views] = 0.0
    curve[views:, :views] = curve[:views, views:].T
    return slope, curve
