"""The words of a record that moved its prediction, where they stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.calibration import probabilities
from innovatory.coder.encoding import Features, controlled
from innovatory.coder.examples import Examples, Labels
from innovatory.coder.linear import Linear, linear
from innovatory.coder.predictions import fit
from innovatory.coder.questions import Question
from innovatory.coder.words import spans

Array = NDArray[np.float64]

MOST_PASSAGES = 8
_MOST_TERMS = 20
_Place = tuple[str, int, int, float]
_READ = re.compile(
    r"title|local_name|keywords|description|citizens|district|lead"
    r"|funding\.note|events\.\d+\.note"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """`text[start:end]` of a field adds about `weight` to the logit of the class `answer`."""

    field: str
    start: int
    end: int
    weight: float
    answer: str


def explain(
    features: Features, labels: Labels, question: Question, *, row: int,
    passages: Mapping[str, str], seed: int, folds: int = 10, examples: Examples | None = None,
) -> tuple[Passage, ...]:  # fmt: skip
    """The passages that speak most for a record's likeliest class, the strongest first.

    `passages` are the record's own (`Record.passages()`). The model is the one that predicted the
    record: without its fold where it has labels, else that of all labels. A term's weight is what
    it adds to the logit of the class beyond what it adds to the others, by their probability,
    shared among the places where it stands.
    """
    with controlled():
        fitted = fit(features, labels, question, seed=seed, folds=folds, examples=examples)
        at = np.flatnonzero(fitted.design.rows == row)
        which = int(fitted.design.fold[at[0]]) if len(at) else -1
        model = linear(features, fitted, question, which)
        best, moved = _moved(features, model, question, row)
    told = [
        (field, start, end, term)
        for field, text in passages.items() if _READ.fullmatch(field)
        for term, start, end in spans(text) if term in moved
    ]  # fmt: skip
    often = Counter(term for *_, term in told)
    places = sorted((field, s, e, moved[term] / often[term]) for field, s, e, term in told)
    found = [(weight, field, start, end) for field, start, end, weight in _joined(places)]
    found.sort(key=lambda item: (-item[0], *item[1:]))
    return tuple(
        Passage(field, start, end, round(weight, 6), question.classes[best])
        for weight, field, start, end in found[:MOST_PASSAGES]
    )


def _moved(
    features: Features, model: Linear, question: Question, row: int
) -> tuple[int, dict[str, float]]:
    """The likeliest class, and the terms that speak for it with what each adds."""
    views = {name: features.views[name][[row]] for name in model.weights}
    logits = model.logits(views)
    likely = probabilities(logits, multi=question.multi)[0]
    best = int(likely.argmax())
    others = np.delete(likely, best)
    if "words" not in views:
        return best, {}
    words = views["words"]
    effect = _effects(features, model, words)
    beyond = effect[:, best]
    if not question.multi and others.size:
        beyond = beyond - np.delete(effect, best, axis=1) @ (others / max(others.sum(), 1e-12))
    added = words.data * beyond
    names = features.encoding.vocabulary.names
    order = np.lexsort((words.indices, -added))[:_MOST_TERMS]
    return best, {names[words.indices[n]]: float(added[n]) for n in order if added[n] > 0}


def _effects(features: Features, model: Linear, words: object) -> Array:
    """What a unit of each term of a record adds to each class, through words and topics."""
    terms = words.indices  # type: ignore[attr-defined]
    effect: Array = model.weights["words"][terms].copy()
    if "topics" in model.weights:
        components = features.encoding.components
        length = float(np.linalg.norm(np.asarray(words @ components)))  # type: ignore[operator]
        effect += components[terms] @ model.weights["topics"] / max(length, 1e-12)
    return effect


def _joined(places: Iterable[_Place]) -> Iterator[_Place]:
    """Places in their order, those that touch or overlap as one."""
    last: _Place | None = None
    for place in places:
        field, start, end, weight = place
        if last is not None and field == last[0] and start <= last[2] + 1:
            last = (field, last[1], max(last[2], end), last[3] + weight)
            continue
        if last is not None:
            yield last
        last = place
    if last is not None:
        yield last
