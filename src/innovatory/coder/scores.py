"""How good predictions are, against what coders said.

A record on which coders differ has fractional votes: it counts for each class by its share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BINS = 10
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Score:
    """Figures over `n` labelled records; of a question with several answers class by class.

    `accuracy` is the chance that one of the record's coders, taken at random, gave the predicted
    answer; `majority_accuracy` that of always giving the commonest. `macro_f1` is the mean F1 of
    the classes that coders gave. `log_loss` is in nats; `ece` is the expected calibration error
    in ten bins of equal width. `subset_accuracy` counts a record only where all classes agree.
    """

    n: int
    accuracy: float
    macro_f1: float
    majority_accuracy: float
    log_loss: float
    ece: float
    subset_accuracy: float


def score(probability: Array, votes: Array, *, multi: bool) -> Score:
    """The score of probabilities (n, classes) against votes (n, classes).

    >>> score(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[1.0, 0], [1, 0]]), multi=False)
    Score(n=2, accuracy=0.5, macro_f1=0.666667, majority_accuracy=1.0, log_loss=0.857399, \
ece=0.45, subset_accuracy=0.5)
    """
    n = len(votes)
    if n == 0:
        nan = float("nan")
        return Score(0, nan, nan, nan, nan, nan, nan)
    p = np.clip(probability, _LEAST, 1 - _LEAST)
    if multi:
        said = probability >= 0.5
        agreed = np.where(said, votes, 1 - votes)
        accuracy, subset = agreed.mean(), agreed.prod(axis=1).mean()
        majority = np.maximum(votes.mean(0), 1 - votes.mean(0)).mean()
        loss = -(votes * np.log(p) + (1 - votes) * np.log(1 - p)).mean()
        sure, right = np.where(said, p, 1 - p).ravel(), agreed.ravel()
    else:
        best = probability.argmax(axis=1)
        said = np.eye(votes.shape[1], dtype=bool)[best]
        right = votes[np.arange(n), best]
        accuracy = subset = right.mean()
        majority = votes.mean(0).max()
        loss, sure = -(votes * np.log(p)).sum(axis=1).mean(), p[np.arange(n), best]
    figures = (accuracy, _macro_f1(said, votes), majority, loss, _ece(sure, right), subset)
    return Score(n, *(round(float(figure), 6) for figure in figures))


def _macro_f1(said: NDArray[np.bool_], votes: Array) -> float:
    hits = np.where(said, votes, 0.0).sum(axis=0)
    both = said.sum(axis=0) + votes.sum(axis=0)
    given = votes.sum(axis=0) > 0
    return float((2 * hits[given] / both[given]).mean()) if given.any() else float("nan")


def _ece(sure: Array, right: Array) -> float:
    """Mean distance between confidence and accuracy, each bin by the answers in it."""
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [abs((sure[bins == b] - right[bins == b]).sum()) for b in range(_BINS)]
    return float(sum(gaps) / len(sure))
