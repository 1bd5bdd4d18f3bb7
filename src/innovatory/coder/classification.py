"""Frozen models applied to any number of further records, a batch at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from innovatory.coder.calibration import probabilities
from innovatory.coder.corpora import batch_corpus
from innovatory.coder.encoding import Encoding, controlled
from innovatory.coder.linear import VIEWS, Linear, Model
from innovatory.coder.questions import Question
from innovatory.errors import ObservatoryError

if TYPE_CHECKING:
    from concurrent.futures import Future

_DECIMALS = 6
_WAITING = 2


@dataclass(frozen=True)
class _Stack:
    """All models as one: a matrix a view with the classes of all questions side by side."""

    questions: tuple[Question, ...]
    encoding: Encoding
    linear: Linear


_stack: _Stack | None = None


def classify(
    batches: Iterable[pa.RecordBatch], models: Sequence[Model], *, workers: int = 1
) -> Iterator[pa.RecordBatch]:
    """The probabilities of every model's classes for batches of the table `records`.

    A batch may also have columns `places`, `organisations` and `events` (lists of structs). Gives
    for each batch, in order, one with `record_id` and a list of probabilities for each dimension,
    in the order of its classes, rounded to 6 decimals. The models must share one encoding, that
    of the same features. Memory holds a few batches a worker; the numbers do not depend on the
    number of workers or the size of batches.
    """
    if not models:
        raise ObservatoryError("no models to classify with; make one for each dimension")
    if any(model.encoding is not models[0].encoding for model in models):
        raise ObservatoryError(
            "the models rest on different features; make them all from the same features"
        )
    stack = _stacked(models)
    if workers <= 1:
        yield from (_classified(batch, stack) for batch in batches)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(stack,)
    ) as pool:
        waiting: deque[Future[pa.RecordBatch]] = deque()
        coming = iter(batches)
        while True:
            more = islice(coming, workers * _WAITING - len(waiting))
            waiting.extend(pool.submit(_classify_here, batch) for batch in more)
            if not waiting:
                return
            yield waiting.popleft().result()


def _begin(stack: _Stack) -> None:
    global _stack
    _stack = stack


def _classify_here(batch: pa.RecordBatch) -> pa.RecordBatch:
    assert _stack is not None
    return _classified(batch, _stack)


def _classified(batch: pa.RecordBatch, stack: _Stack) -> pa.RecordBatch:
    corpus = batch_corpus(batch)
    with controlled():
        words = stack.encoding.words(corpus.fields)
        views = {
            "words": words, "topics": stack.encoding.topics(words),
            "facts": stack.encoding.facts.transform(corpus.facts),
        }  # fmt: skip
        logits = stack.linear.logits(views)
    columns: dict[str, Any] = {"record_id": pa.array(corpus.record_ids, pa.string())}
    first = 0
    for question in stack.questions:
        many = len(question.classes)
        found = probabilities(logits[:, first : first + many], multi=question.multi)
        flat = pa.array(np.round(found, _DECIMALS).ravel())
        columns[question.dimension] = pa.FixedSizeListArray.from_arrays(flat, many)
        first += many
    return pa.RecordBatch.from_pydict(columns)


def _stacked(models: Sequence[Model]) -> _Stack:
    encoding = models[0].encoding
    sizes = {
        "words": len(encoding.components), "topics": encoding.components.shape[1],
        "facts": len(encoding.facts.columns),
    }  # fmt: skip
    weights = {}
    for name in VIEWS:
        parts = [
            model.linear.weights.get(name, np.zeros((sizes[name], len(model.question.classes))))
            for model in models
        ]
        weights[name] = np.ascontiguousarray(np.hstack(parts))
    offsets = np.concatenate([model.linear.offsets for model in models])
    return _Stack(tuple(model.question for model in models), encoding, Linear(weights, offsets))
