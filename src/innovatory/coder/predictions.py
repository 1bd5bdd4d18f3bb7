"""Predictions of one question: trained on what coders said, calibrated, cross-fitted.

Each view of the records (words, topics, facts) has its ridge; the class definitions give two
further scores that need no labels; a calibration fitted on predictions out of the fold puts them
together. Everything that says something about a record that has labels comes from models and a
calibration that never saw its labels, nested: changing a record's label cannot change its own
probability.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.calibration import Calibration, calibrate, offsets, probabilities
from innovatory.coder.encoding import Features, controlled
from innovatory.coder.questions import Question
from innovatory.coder.ridges import Ridge, intercept, ridge
from innovatory.coder.scores import Score, score

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

# How much each view's ridge is shrunk, and what its scores weigh before any label says so: chosen
# by learning curves over the questions of two corpora (docs/coder.md).
PENALTIES = {"words": 0.2, "topics": 1.0, "facts": 1.0, "sentences": 1.0, "answers": 1.0}
WEIGHTS = {"words": 3.0, "topics": 1.0, "facts": 1.5, "sentences": 1.0, "answers": 1.5}
DEFINITION_WEIGHTS = (0.35, 0.35)
RIDGE_PRECISION, DEFINITION_PRECISION = 3.0, 5.0
DEFINITION_VIEWS = len(DEFINITION_WEIGHTS)
# From fewer labels no model is learnt: definitions and the classes' shares must do.
LEAST_LABELS = 8
# A fold's models learn from at most so many records; the others still get predictions.
MOST_LEARNT = 2_000
_DECIMALS = 6
_LEAST_VARIANCE = 0.01
_CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Labels:
    """What coders said: rows of the corpus, and each class's share of the record's coders."""

    rows: Rows
    votes: Array


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
class Design:
    """Which labelled rows are learnt from, their folds, and one ridge a view: no label in it."""

    rows: Rows
    fold: Rows
    learnt: Rows
    names: tuple[str, ...]
    ridges: tuple[Ridge, ...]
    folds: int


@dataclass(frozen=True)
class Fit:
    """Models without each fold, and last the one of all labels.

    `means` (models, classes) are the shares of the classes among what each model learnt from,
    `own` (views, n, classes) the scores of the learnt rows by the models without their fold.
    """

    design: Design
    votes: Array
    means: Array
    own: Array
    calibrations: tuple[Calibration, ...]
    prior: Calibration

    @cached_property
    def weights(self) -> tuple[Array, ...]:
        """Dual weights (models, n, classes) of each view's ridge."""
        return tuple(one.weights(self.votes) for one in self.design.ridges)


def predict(
    features: Features, labels: Labels, question: Question, *, seed: int, folds: int = 10
) -> Predictions:
    """How likely each class is for each record of the corpus.

    A record's fold follows from seed and id alone, so that a further coding moves no other
    record to another fold. Same features, labels and seed: same bytes.
    """
    with controlled():
        definitions = definition_scores(features, question)
        fitted = fit(features, labels, question, seed=seed, folds=folds)
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
    predictions: Predictions, question: Question, *, threshold: float
) -> tuple[tuple[str, ...], ...]:
    """Each record's answer: the likeliest class, or all that are likelier than not if multi.

    Where the best class is below the threshold: the codebook's class for that, or (). A class
    `none` stands alone: it is given where it is the likeliest, and else left out.
    """
    below = (question.open_class,) if question.open_class else ()
    found = []
    for row in predictions.probability:
        best = int(row.argmax())
        chosen = [c for c in range(len(row)) if row[c] >= 0.5] if question.multi else []
        named = [question.classes[c] for c in chosen or [best]]
        if question.classes[best] == "none":
            named = ["none"]
        elif len(named) > 1:
            named = [name for name in named if name != "none"]
        found.append(tuple(named) if row[best] >= threshold else below)
    return tuple(found)


def fit(features: Features, labels: Labels, question: Question, *, seed: int, folds: int) -> Fit:
    """Ridges and calibrations of every fold and of all labels."""
    rows = np.asarray(labels.rows, dtype=np.intp)
    design = _design(features, rows.tobytes(), seed, folds)
    votes = np.asarray(labels.votes, dtype=np.float64)[design.learnt]
    fold = design.fold[design.learnt]
    parts = [votes[fold != k] for k in range(design.folds)] + [votes]
    means = np.array([p.mean(axis=0) if len(p) else np.zeros(votes.shape[1]) for p in parts])
    views = len(design.ridges)
    prior_weights = [*(WEIGHTS[name] for name in design.names), *DEFINITION_WEIGHTS]
    precision = np.array([RIDGE_PRECISION] * views + [DEFINITION_PRECISION] * DEFINITION_VIEWS)
    planes = [one.left_out(votes) for one in design.ridges]
    definitions = definition_scores(features, question)[:, rows[design.learnt]]
    own, calibrations = np.zeros((views, *votes.shape)), []
    for k in range(design.folds + 1):
        seen = fold != k
        learnt = np.array([(plane[k] - means[k]) / deviation(means[k]) for plane in planes])
        learnt = learnt.reshape(own.shape)
        own[:, ~seen] = learnt[:, ~seen]
        scores = np.concatenate([learnt, definitions])[:, seen]
        prior = Calibration(np.array(prior_weights), offsets(votes[seen], multi=question.multi))
        calibrations.append(
            calibrate(scores, votes[seen], prior=prior, precision=precision, multi=question.multi)
            if seen.any() else prior
        )  # fmt: skip
    return Fit(design, votes, means, own, tuple(calibrations), prior)


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
    return np.stack(
        [np.asarray(features.views["words"] @ words), features.views["topics"] @ topics]
    )


def ridge_scores(features: Features, fitted: Fit, rows: Rows) -> Array:
    """Scores (views, models, rows, classes) beyond the classes' shares of each model."""
    design = fitted.design
    learnt = design.rows[design.learnt]
    shape = (len(design.names), len(fitted.means), len(rows), fitted.means.shape[1])
    found = np.zeros(shape)
    for v, (name, weights) in enumerate(zip(design.names, fitted.weights, strict=True)):
        gram = _gram(features, name, rows, learnt)
        predicted = gram @ weights + (intercept(weights) - fitted.means)[:, None]
        found[v] = predicted / deviation(fitted.means)[:, None]
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


@lru_cache(maxsize=1)
def _design(features: Features, labelled: bytes, seed: int, folds: int) -> Design:
    """Kept for the next question, which is mostly asked of the same records."""
    rows = np.frombuffer(labelled, dtype=np.intp)
    ids = [features.record_ids[row] for row in rows]
    order = np.array([_rank(seed, record_id) for record_id in ids], dtype=np.uint64)
    number = min(folds, len(rows))
    fold = (order % np.uint64(number)).astype(np.intp) if number else np.zeros(0, np.intp)
    learnt = np.arange(len(rows))
    if len(rows) > MOST_LEARNT:
        learnt = np.sort(np.argsort(order, kind="stable")[:MOST_LEARNT])
    if len(rows) < LEAST_LABELS:
        return Design(rows, fold, learnt, (), (), number)
    parts = tuple(np.flatnonzero(fold[learnt] == k) for k in range(number))
    ridges = tuple(
        ridge(_gram(features, name, rows[learnt], rows[learnt]), parts, penalty=PENALTIES[name])
        for name in features.views
    )
    return Design(rows, fold, learnt, tuple(features.views), ridges, number)


def _rank(seed: int, record_id: str) -> int:
    """A number that says where a record falls in folds and samples, whatever other records are."""
    digest = hashlib.blake2b(f"{seed}\n{record_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _gram(features: Features, name: str, rows: Rows, columns: Rows) -> Array:
    view = features.views[name]
    scale = features.encoding.scales[list(features.views).index(name)]
    product = view[rows] @ view[columns].T
    dense = product.toarray() if hasattr(product, "toarray") else product
    gram: Array = np.asarray(dense, dtype=np.float64) / scale
    return gram


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
