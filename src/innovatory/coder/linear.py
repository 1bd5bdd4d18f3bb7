"""A fitted coder as plain linear weights: what it says of texts it has not met, and why.

Until the calibration's last step all is linear in words, topics and facts, so that ridges,
definitions and calibration fold into one matrix a view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.encoding import Encoding, Features, controlled
from innovatory.coder.examples import Examples, Labels
from innovatory.coder.predictions import Fit, definition_sizes, deviation, fit
from innovatory.coder.questions import Question
from innovatory.errors import ObservatoryError

Array = NDArray[np.float64]

VIEWS = ("words", "topics", "facts")


@dataclass(frozen=True)
class Linear:
    """Logits (records, classes) are the sum of view @ weights[view] over the views, and offsets."""

    weights: Mapping[str, Array]
    offsets: Array

    def logits(self, views: Mapping[str, Any]) -> Array:
        """The logits of the rows of some views (records, columns)."""
        total: Array = sum(
            (np.asarray(views[name] @ matrix) for name, matrix in self.weights.items()),
            start=self.offsets,
        )
        return total


@dataclass(frozen=True)
class Model:
    """A question's coder, frozen: all of it that is needed for a further text. Can be pickled."""

    question: Question
    encoding: Encoding
    linear: Linear


def model(
    features: Features, labels: Labels, question: Question, *, seed: int, folds: int = 10,
    examples: Examples | None = None,
) -> Model:  # fmt: skip
    """The coder learnt from all labels, for records outside the corpus.

    ObservatoryError where the features hold an encoder's sentences or other coders' answers,
    which further texts do not have.
    """
    if extra := [name for name in features.views if name not in VIEWS]:
        raise ObservatoryError(
            f"the features of {question.dimension} hold {' and '.join(extra)}, which further texts "
            "do not have; make features of the same corpus without them"
        )
    with controlled():
        fitted = fit(features, labels, question, seed=seed, folds=folds, examples=examples)
        return Model(question, features.encoding, linear(features, fitted, question, -1))


def linear(features: Features, fitted: Fit, question: Question, which: int) -> Linear:
    """The linear form of one of the fitted models: that without fold `which`, or the full (-1)."""
    calibration, means = fitted.calibrations[which], fitted.means[which]
    learners = fitted.design.learners
    names = list(features.views)
    weights: dict[str, Array] = {}
    offsets = calibration.offsets.copy()
    for n, (one, dual) in enumerate(zip(learners, fitted.weights, strict=True)):
        size = calibration.weights[n] / deviation(means)
        scale = features.encoding.scales[names.index(one.view)]
        learnt = np.asarray(features.views[one.view][one.rows].T @ dual[which]) / scale * size
        weights[one.view] = weights.get(one.view, 0.0) + learnt
        offsets += (one.ridge.alike(dual[which][None])[0] - fitted.centres[n, which]) * size
    if "topics" in names:
        words, topics = features.encoding.projections(question.definitions)
        centre, size = definition_sizes(features, question)
        parts = zip(("words", "topics"), (words, topics), strict=True)
        for n, (name, matrix) in enumerate(parts):
            weight = calibration.weights[len(learners) + n] / size[n]
            weights[name] = weights.get(name, 0.0) + matrix * weight
            offsets -= centre[n] * weight
    return Linear(weights, offsets)
