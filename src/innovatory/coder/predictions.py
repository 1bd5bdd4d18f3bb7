"""Predictions of one question: trained on what coders said, calibrated, cross-fitted.

Each view of the records (words, topics, facts) has its ridges; the class definitions give two
further scores that need no labels; a calibration fitted on predictions out of the fold puts them
together. Everything that says something about a record that has labels comes from models and a
calibration that never saw its labels, nested: changing a record's label cannot change its own
probability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.calibration import EXPECTED, Calibration, calibrate, offsets, probabilities
from innovatory.coder.encoding import Features, controlled
from innovatory.coder.examples import Examples, Labels
from innovatory.coder.learners import Design, design, gram
from innovatory.coder.questions import Question
from innovatory.coder.scores import Score, score
from innovatory.errors import ObservatoryError

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

# What a view's scores weigh before any label says so: chosen by learning curves over the questions
# of two corpora (docs/coder.md).
WEIGHTS = {"words": 3.0, "topics": 1.0, "facts": 1.5, "sentences": 1.0, "answers": 1.5}
DEFINITION_WEIGHTS = (0.35, 0.35)
RIDGE_PRECISION, DEFINITION_PRECISION = 3.0, 5.0
DEFINITION_VIEWS = len(DEFINITION_WEIGHTS)
_DECIMALS = 6
_LEAST_VARIANCE = 0.01
_LEAST_SHARE = 1e-3
_CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Predictions:
    """Probabilities (records, classes), rounded to 6 decimals; of one answer a row sums to 1.

    `fold` is that of a labelled record, -1 for others; a labelled record's row comes from the
    model without its fold, another's is the mean of all folds' models. `temperature` says how
    flat the calibration made the scores: above 1 flatter than the prior weights, below 1 sharper.
    `score` is over the labelled records, None where there are none.
    """

    probability: Array
    fold: Rows
    temperature: float
    score: Score | None


@dataclass(frozen=True)
class Fit:
    """Models without each fold, and last the one of all labels.

    `votes` are those of the learnt rows, `weights` each learner's dual weights (models, rows,
    classes), `centres` (learners, models, classes) what the models say of the corpus on the mean,
    `means` (models, classes) the shares of the classes as each model knows them, `own` (learners,
    n, classes) the scores of the learnt rows by the models without their fold.
    """

    design: Design
    votes: Array
    weights: tuple[Array, ...]
    centres: Array
    means: Array
    own: Array
    calibrations: tuple[Calibration, ...]
    prior: Calibration


def predict(
    features: Features, labels: Labels, question: Question, *, seed: int, folds: int = 10,
    examples: Examples | None = None,
) -> Predictions:  # fmt: skip
    """How likely each class is for each record of the corpus.

    `examples` are those that the features were made with. A record's fold follows from seed and
    id alone, so that a further coding moves no other record to another fold. Same features, labels
    and seed: same bytes.
    """
    with controlled():
        definitions = definition_scores(features, question)
        fitted = fit(features, labels, question, seed=seed, folds=folds, examples=examples)
        fold = np.full(len(features), -1)
        fold[labels.rows] = fitted.design.fold
        shares = np.zeros((len(features), len(question.classes)))
        learnt = fitted.design.rows[fitted.design.learnt]
        shares[learnt] = _left_out(fitted, definitions[:, learnt], question)
        others = np.setdiff1d(np.arange(len(features)), learnt)
        for first in range(0, len(others), _CHUNK):
            rows = others[first : first + _CHUNK]
            shares[rows] = _chosen(features, fitted, definitions, fold, rows, question)
    probability = _rounded(shares, multi=question.multi)
    told = None
    if len(labels.rows):
        told = score(probability[labels.rows], labels.votes, multi=question.multi)
    return Predictions(probability, fold, _temperature(fitted), told)


def answer(
    predictions: Predictions, question: Question, *, threshold: float, evenness: float = 0.0
) -> tuple[tuple[str, ...], ...]:
    """Each record's answer: the likeliest class, or all that are likelier than not if multi.

    With `evenness` that class of one answer whose probability is greatest for its mean probability
    to that power: rarer classes are then named more often. At 0.3 macro-F1 is higher and accuracy
    a little lower (docs/coder.md); the probabilities stay what they are.

    Where the best class is below the threshold: the codebook's class for that, or (). A class
    `none` stands alone: it is given where it is the likeliest, and else left out.
    """
    below = (question.open_class,) if question.open_class else ()
    found = []
    usual = np.maximum(predictions.probability.mean(axis=0), _LEAST_SHARE) ** evenness
    for row in predictions.probability:
        best = int(row.argmax() if question.multi else (row / usual).argmax())
        chosen = [c for c in range(len(row)) if row[c] >= 0.5] if question.multi else []
        named = [question.classes[c] for c in chosen or [best]]
        if question.classes[best] == "none":
            named = ["none"]
        elif len(named) > 1:
            named = [name for name in named if name != "none"]
        found.append(tuple(named) if row[best] >= threshold else below)
    return tuple(found)


def fit(
    features: Features, labels: Labels, question: Question, *, seed: int, folds: int,
    examples: Examples | None = None,
) -> Fit:  # fmt: skip
    """Ridges and calibrations of every fold and of all labels."""
    rows = np.asarray(labels.rows, dtype=np.intp)
    shown = _shown(features, question, examples)
    plan = design(features, rows.tobytes(), shown.rows.tobytes(), seed, folds)
    votes = np.asarray(labels.votes, dtype=np.float64)[plan.learnt]
    fold = plan.fold[plan.learnt]
    expected = _expected(shown.votes, multi=question.multi) if len(shown.rows) else None
    parts = [votes[fold != k] for k in range(plan.folds)] + [votes]
    means = np.array([_shares(part, expected) for part in parts])
    prior_weights, precision = _prior(plan)
    taught = np.concatenate([votes, shown.votes])
    planes = [
        one.ridge.left_out(taught if one.pooled else votes)[:, : len(votes)]
        for one in plan.learners
    ]
    weights = tuple(one.ridge.weights(taught if one.pooled else votes) for one in plan.learners)
    centres = _centres(plan, weights)
    definitions = definition_scores(features, question)[:, rows[plan.learnt]]
    own, calibrations = np.zeros((len(planes), *votes.shape)), []
    for k in range(plan.folds + 1):
        seen = fold != k
        learnt = np.array(
            [(p[k] - c[k]) / deviation(means[k]) for p, c in zip(planes, centres, strict=True)]
        )
        learnt = learnt.reshape(own.shape)
        own[:, ~seen] = learnt[:, ~seen]
        scores = np.concatenate([learnt, definitions])[:, seen]
        prior = Calibration(prior_weights, offsets(votes[seen], expected, multi=question.multi))
        calibrations.append(
            calibrate(scores, votes[seen], prior=prior, precision=precision, multi=question.multi)
            if seen.any() else prior
        )  # fmt: skip
    return Fit(plan, votes, weights, centres, means, own, tuple(calibrations), prior)


def _centres(design: Design, weights: Sequence[Array]) -> Array:
    """What the models (learners, models, classes) say of the corpus on the mean, coded or not."""
    found = []
    for one, dual in zip(design.learners, weights, strict=True):
        alike = design.usual[one.view][: len(one.rows)] + one.ridge.constant
        found.append(np.tensordot(dual, alike, axes=([1], [0])))
    return np.array(found)


def _shown(features: Features, question: Question, examples: Examples | None) -> Labels:
    """The examples' labels, their rows as they stand in the features, below those of the corpus."""
    if examples is None:
        return Labels(np.zeros(0, np.intp), np.zeros((0, len(question.classes))))
    if features.rows != len(features) + len(examples.corpus.record_ids):
        raise ObservatoryError(
            f"the features were made without these examples of {question.dimension}; give both "
            "the same"
        )
    found = examples.of(question)
    return Labels(found.rows + len(features), found.votes)


def _expected(shown: Array, *, multi: bool) -> Array:
    """The shares to expect: half those of the examples, half as if all classes were as common."""
    alike = 0.5 if multi else 1 / shown.shape[1]
    shares: Array = (shown.mean(axis=0) + alike) / 2
    return shares


def _shares(votes: Array, expected: Array | None) -> Array:
    """The classes' shares among votes, with some more where examples let us expect them."""
    if expected is None:
        return votes.mean(axis=0) if len(votes) else np.zeros(votes.shape[1])
    shares: Array = (votes.sum(axis=0) + EXPECTED * expected) / (len(votes) + EXPECTED)
    return shares


def _prior(design: Design) -> tuple[Array, Array]:
    """The prior weights of the learners and definitions, and their precision.

    A view that learns twice, with and without examples, has half of its weight in each.
    """
    often = Counter(one.view for one in design.learners)
    weights = [WEIGHTS[one.view] / often[one.view] for one in design.learners]
    precision = [RIDGE_PRECISION] * len(weights) + [DEFINITION_PRECISION] * DEFINITION_VIEWS
    return np.array([*weights, *DEFINITION_WEIGHTS]), np.array(precision)


def definition_scores(features: Features, question: Question) -> Array:
    """Similarity (2, records, classes) of terms and of topics with the classes' definitions.

    Each class's mean over the corpus is taken away, so that no wording is favoured, and each view
    brought to one size, so that weights mean the same in any corpus.
    """
    if "topics" not in features.views:
        return np.zeros((DEFINITION_VIEWS, len(features), len(question.classes)))
    found = _similarities(features, question.definitions)
    centre, size = definition_sizes(features, question)
    scaled: Array = (found - centre[:, None]) / size[:, None, None]
    return scaled


def definition_sizes(features: Features, question: Question) -> tuple[Array, Array]:
    """The means (2, classes) and deviations (2,) of similarities over the corpus."""
    found = _similarities(features, question.definitions)
    centre = found.mean(axis=1)
    size = (found - centre[:, None]).std(axis=(1, 2))
    return centre, np.where(size > 1e-12, size, 1.0)


@lru_cache(maxsize=4)
def _similarities(features: Features, definitions: tuple[str, ...]) -> Array:
    words, topics = features.encoding.projections(definitions)
    own = slice(len(features))
    return np.stack(
        [np.asarray(features.views["words"][own] @ words), features.views["topics"][own] @ topics]
    )


def ridge_scores(features: Features, fitted: Fit, rows: Rows) -> Array:
    """Scores (learners, models, rows, classes) beyond the classes' shares of each model."""
    plan = fitted.design
    found = np.zeros((len(plan.learners), len(fitted.means), len(rows), fitted.means.shape[1]))
    kernels = {name: gram(features, name, rows, plan.widest) for name in plan.views}
    for n, (one, weights) in enumerate(zip(plan.learners, fitted.weights, strict=True)):
        alike = one.ridge.alike(weights) - fitted.centres[n]
        predicted = kernels[one.view][:, : len(one.rows)] @ weights + alike[:, None]
        found[n] = predicted / deviation(fitted.means)[:, None]
    return found


def deviation(means: Array) -> Array:
    """The deviation of a vote for a class of this share: by nature small for rare classes."""
    found: Array = np.sqrt(means * (1 - means) + _LEAST_VARIANCE)
    return found


def _left_out(fitted: Fit, definitions: Array, question: Question) -> Array:
    """The learnt rows' probabilities, each from the model without its fold."""
    shares = np.zeros(fitted.votes.shape)
    fold = fitted.design.fold[fitted.design.learnt]
    scores = np.concatenate([fitted.own, definitions])
    for k in range(fitted.design.folds):
        rows = fold == k
        logits = fitted.calibrations[k].logits(scores[:, rows])
        shares[rows] = probabilities(logits, multi=question.multi)
    return shares


def _chosen(
    features: Features, fitted: Fit, definitions: Array, fold: Rows, rows: Rows, question: Question
) -> Array:
    """Other rows' probabilities: the mean of the folds' models, or the own fold's if labelled."""
    scores = ridge_scores(features, fitted, rows)
    logits = np.array(
        [one.logits(np.concatenate([scores[:, k], definitions[:, rows]]))
         for k, one in enumerate(fitted.calibrations)]
    )  # fmt: skip
    each = probabilities(logits, multi=question.multi)
    mean: Array = each[: fitted.design.folds].mean(axis=0) if fitted.design.folds else each[-1]
    own = np.flatnonzero(fold[rows] >= 0)
    mean[own] = each[fold[rows][own], own]
    return mean


def _rounded(shares: Array, *, multi: bool) -> Array:
    """Six decimals; what rounding makes of a row's sum goes to its likeliest class."""
    rounded = np.round(shares, _DECIMALS)
    if not multi and len(rounded):
        best = rounded.argmax(axis=1)
        at = np.arange(len(rounded))
        rounded[at, best] += 1 - rounded.sum(axis=1)
        rounded = np.round(rounded, _DECIMALS)
    return rounded


def _temperature(fitted: Fit) -> float:
    """The one number by which dividing the prior weights comes nearest to the fitted ones."""
    prior, found = fitted.prior.weights, fitted.calibrations[-1].weights
    return round(float(prior @ prior) / max(float(prior @ found), 1e-6), 6)
