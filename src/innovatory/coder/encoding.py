"""Records as numbers: words, what words go together (LSA), facts.

The encoding is fitted once on a corpus, coded or not, and never on labels. It is frozen and can be
pickled: the same encoding serves the corpus it was fitted on and a million further texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.corpora import FIELDS, Corpus
from innovatory.coder.encoder import Encoder, encoded
from innovatory.coder.examples import Examples
from innovatory.coder.vocabulary import Vocabulary, fit_vocabulary, principal_directions
from innovatory.errors import ObservatoryError

if TYPE_CHECKING:
    from scipy import sparse

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Answers = Mapping[str, tuple[Rows, Array]]

COMPONENTS = 64
_BOUND = 3.0
_NO_TEXT = ("",) * len(FIELDS)
# From this many records on, a term or fact must occur twice, or five times, to be told of.
_MANY = 50


def controlled() -> Any:
    """A context in which numerical libraries keep to one thread: same bytes at every run."""
    return _controller().limit(limits=1)


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@dataclass(frozen=True)
class Facts:
    """Facts as columns: standardised, at most three deviations from the mean, unknown as 0.

    A name with `=` is a yes-or-no fact, which is 0 where it is not told; of a measure only the
    records that have it make mean and deviation.
    """

    columns: Mapping[str, int]
    means: Array
    deviations: Array

    @classmethod
    def fit(cls, facts: Sequence[Mapping[str, float]]) -> Facts:
        """The columns of facts that occur often enough and vary."""
        told: dict[str, list[float]] = {}
        for known in facts:
            for name, value in known.items():
                told.setdefault(name, []).append(value)
        least = 5 if len(facts) >= _MANY else 1
        names, means, deviations = [], [], []
        for name in sorted(told):
            values = np.array(told[name])
            if "=" in name:
                values = np.concatenate([values, np.zeros(len(facts) - len(values))])
            if np.count_nonzero(values) >= least and values.std() > 1e-9:
                names.append(name)
                means.append(values.mean())
                deviations.append(values.std())
        columns = {name: n for n, name in enumerate(names)}
        return cls(columns, np.array(means), np.array(deviations))

    def transform(self, facts: Sequence[Mapping[str, float]]) -> Array:
        """The matrix (records, columns) of facts."""
        measures = np.array(["=" not in name for name in self.columns], dtype=bool)
        matrix = np.where(measures, self.means, 0.0) * np.ones((len(facts), 1))
        for row, known in enumerate(facts):
            for name, value in known.items():
                column = self.columns.get(name)
                if column is not None:
                    matrix[row, column] = value
        scaled: Array = np.clip((matrix - self.means) / self.deviations, -_BOUND, _BOUND)
        return scaled


@dataclass(frozen=True)
class Encoding:
    """Everything that turns records into numbers, fitted and frozen.

    `scales` are the mean squared lengths of a record's row in each view, by which views are
    brought to one size.
    """

    vocabulary: Vocabulary
    components: Array
    facts: Facts
    scales: tuple[float, ...] = ()

    def words(self, fields: Iterable[Sequence[str]]) -> sparse.csr_matrix:
        """TF-IDF (records, terms), rows of length 1, or 0 where no term is known."""
        return self.vocabulary.transform(fields)

    def topics(self, words: sparse.csr_matrix) -> Array:
        """Latent semantic components (records, components), rows of length 1 or 0."""
        projected = np.asarray(words @ self.components, dtype=np.float64)
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return projected / np.where(lengths > 1e-12, lengths, 1.0)

    def projections(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Matrices (terms, texts) and (components, texts) that give cosines with these texts."""
        others = self.words([(*_NO_TEXT[1:], text) for text in texts])
        return np.asarray(others.T.todense(), dtype=np.float64), self.topics(others).T


@dataclass(frozen=True, eq=False)
class Features:
    """A corpus encoded once; `key` is the hash of all that it was made from.

    `views` are the matrices that models learn from, by name: words (sparse), topics, facts and,
    where they were given, the encoder's sentences and other coders' answers. Below the rows of the
    corpus they have those of the examples, where there are any.
    """

    record_ids: tuple[str, ...]
    encoding: Encoding
    views: Mapping[str, Any]
    seed: int
    key: str

    def __len__(self) -> int:
        return len(self.record_ids)

    @property
    def rows(self) -> int:
        """The records and the examples below them."""
        return int(next(iter(self.views.values())).shape[0]) if self.views else len(self)


def features(
    corpus: Corpus, *, seed: int, encoder: Encoder | None = None, answers: Answers | None = None,
    examples: Examples | None = None,
) -> Features:  # fmt: skip
    """Encode a corpus: TF-IDF of terms, LSA over all records, facts.

    `answers` are what other coders (an LLM, a rule set) said, by any name: rows of the corpus and
    one-hot answers (rows, classes); a record they did not answer has zeros. Views that are not
    there (no facts that vary, no answers) are left out. The same corpus and seed give the same
    bytes, in whatever order the records came. ObservatoryError where examples are of the corpus.
    """
    if examples is not None and examples.beside(corpus) is not examples:
        raise ObservatoryError(
            "some examples are records of the corpus itself; give those beside it"
        )
    whole = corpus if examples is None else corpus.joined(examples.corpus)
    with controlled():
        least = 2 if len(whole.record_ids) >= _MANY else 1
        vocabulary, words = fit_vocabulary(whole.fields, least=least)
        components = principal_directions(words, number=COMPONENTS, seed=seed)
        encoding = Encoding(vocabulary, components, Facts.fit(whole.facts))
        views: dict[str, Any] = {
            "words": words,
            "topics": encoding.topics(words),
            "facts": encoding.facts.transform(whole.facts),
        }
    if encoder is not None:
        views["sentences"] = encoded(encoder, whole.texts)
    if answers:
        views["answers"] = _answers(answers, len(whole.record_ids))
    views = {name: matrix for name, matrix in views.items() if matrix.shape[1]}
    key = _key(whole, seed, encoder, answers)
    scales = tuple(_scale(matrix) for matrix in views.values())
    encoding = replace(encoding, scales=scales)
    return Features(corpus.record_ids, encoding, views, seed, key)


def _answers(answers: Answers, records: int) -> Array:
    blocks = []
    for name in sorted(answers):
        rows, given = answers[name]
        block = np.zeros((records, given.shape[1]))
        block[rows] = given
        blocks.append(block)
    return np.hstack(blocks)


def _scale(matrix: Any) -> float:
    squared = matrix.multiply(matrix).sum() if hasattr(matrix, "multiply") else (matrix**2).sum()
    return float(squared) / max(1, matrix.shape[0]) or 1.0


def _key(corpus: Corpus, seed: int, encoder: Encoder | None, answers: Answers | None) -> str:
    made_of = hashlib.sha256(repr((corpus.key, seed, encoder and encoder.id)).encode())
    for name, (rows, given) in sorted((answers or {}).items()):
        made_of.update(repr((name, rows.tolist(), given.tolist())).encode())
    return made_of.hexdigest()
