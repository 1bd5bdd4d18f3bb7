"""Which rows a question is learnt from, and the ridges that learn: nothing here knows a label.

Each view of the records has a ridge on the own labelled records and, where there are examples,
another that learns from them too. The calibration weighs them: what helps is heard, question by
question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.encoding import Features
from innovatory.coder.ridges import Ridge, ridge

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

# How much each view's ridge is shrunk: chosen by learning curves over the questions of two
# corpora (docs/coder.md).
PENALTIES = {"words": 0.2, "topics": 1.0, "facts": 1.0, "sentences": 1.0, "answers": 1.0}
# From fewer labels no model of their own is learnt: examples, definitions and shares must do.
LEAST_LABELS = 8
# With more labels there is nothing more to learn from examples.
MOST_HELPED = 1_000
# A fold's models learn from at most so many records; the others still get predictions.
MOST_LEARNT = 2_000


@dataclass(frozen=True)
class Learner:
    """A view's ridge with the rows of the features that it learns from.

    The first are the own records; `pooled` ones learn from the examples after them as well.
    """

    view: str
    pooled: bool
    rows: Rows
    ridge: Ridge


@dataclass(frozen=True)
class Design:
    """Which labelled rows are learnt from, their folds, and the ridges: no label in it.

    `usual` is each view's kernel between the mean record of the corpus and all rows that learners
    learn from, which are `widest`: a learner's own rows come first among them.
    """

    rows: Rows
    fold: Rows
    learnt: Rows
    learners: tuple[Learner, ...]
    folds: int
    widest: Rows
    usual: Mapping[str, Array]

    @property
    def views(self) -> tuple[str, ...]:
        """The views that anything is learnt from."""
        return tuple(self.usual)


@lru_cache(maxsize=1)
def design(features: Features, labelled: bytes, shown: bytes, seed: int, folds: int) -> Design:
    """The design for labelled rows and rows of examples, as the bytes of their numbers.

    Kept for the next question, which is mostly asked of the same records.
    """
    rows, examples = (np.frombuffer(part, dtype=np.intp) for part in (labelled, shown))
    ids = [features.record_ids[row] for row in rows]
    order = np.array([_rank(seed, record_id) for record_id in ids], dtype=np.uint64)
    number = min(folds, len(rows))
    fold = (order % np.uint64(number)).astype(np.intp) if number else np.zeros(0, np.intp)
    learnt = np.arange(len(rows))
    if len(rows) > MOST_LEARNT:
        learnt = np.sort(np.argsort(order, kind="stable")[:MOST_LEARNT])
    parts = tuple(np.flatnonzero(fold[learnt] == k) for k in range(number))
    helped = len(examples) if len(rows) <= MOST_HELPED else 0
    widest = np.concatenate([rows[learnt], examples[:helped]])
    alone = len(rows) >= LEAST_LABELS
    learners, usual = [], {}
    for name, view in features.views.items() if alone or helped else ():
        kernel = gram(features, name, widest, widest)
        mean = np.asarray(view[: len(features)].mean(axis=0)).reshape(1, -1)
        usual[name] = product(features, name, view[widest], mean)[:, 0]
        penalty, own = PENALTIES[name], len(learnt)
        if alone:
            part = ridge(kernel[:own, :own], parts, penalty=penalty)
            learners.append(Learner(name, False, widest[:own], part))
        # Examples have no answers of other coders.
        if helped and name != "answers":
            whole = ridge(kernel, parts, penalty=penalty, examples=helped)
            learners.append(Learner(name, True, widest, whole))
    return Design(rows, fold, learnt, tuple(learners), number, widest, usual)


def _rank(seed: int, record_id: str) -> int:
    """A number that says where a record falls in folds and samples, whatever other records are."""
    digest = hashlib.blake2b(f"{seed}\n{record_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def gram(features: Features, name: str, rows: Rows, columns: Rows) -> Array:
    """The kernel between rows of the features in a view."""
    view = features.views[name]
    return product(features, name, view[rows], view[columns])


def product(features: Features, name: str, left: Any, right: Any) -> Array:
    """The kernel between records as a view has them, brought to one size with other views."""
    scale = features.encoding.scales[list(features.views).index(name)]
    alike = left @ right.T
    dense = alike.toarray() if hasattr(alike, "toarray") else alike
    kernel: Array = np.asarray(dense, dtype=np.float64) / scale
    return kernel
