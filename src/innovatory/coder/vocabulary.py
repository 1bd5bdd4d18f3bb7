"""TF-IDF and latent semantic components of texts, over sparse matrices.

Both are standard and exist in scikit-learn; they are written out because importing it takes longer
than all the rest of a rebuild after one new coding may take.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from innovatory.coder.corpora import FIELDS
from innovatory.coder.words import terms

if TYPE_CHECKING:
    from scipy import sparse

Array = NDArray[np.float64]

# Title and keywords say in few words what the description says in many.
_REPEATED = {"title": 3, "local_name": 3, "keywords": 3}
_MOST_TERMS = 100_000
_OVERSAMPLED, _ROUNDS = 10, 3


@dataclass(frozen=True)
class Vocabulary:
    """Terms in alphabetical order with their inverse document frequency."""

    names: tuple[str, ...]
    idf: Array

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: n for n, name in enumerate(self.names)}

    def transform(self, fields: Iterable[Sequence[str]]) -> sparse.csr_matrix:
        """TF-IDF (records, terms) of texts by field: (1 + ln tf) idf, rows of length 1, or 0."""
        return self._weighted(_counts(fields, self._columns, growing=False))

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        counts.data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
        lengths[lengths == 0] = 1.0
        counts.data /= np.repeat(lengths, np.diff(counts.indptr))
        return counts


def fit_vocabulary(
    fields: Sequence[Sequence[str]], *, least: int
) -> tuple[Vocabulary, sparse.csr_matrix]:
    """The vocabulary of a corpus (texts in the order of FIELDS), and the corpus in it.

    Kept are the terms of at least `least` records, the commonest 100,000 of them; idf is
    1 + ln((1 + records) / (1 + records with the term)).

    >>> title = lambda text: (text, *[""] * 8)
    >>> vocabulary, matrix = fit_vocabulary([title("bus bus"), title("tram")], least=1)
    >>> vocabulary.names, matrix.toarray().round(2).tolist()
    (('bus', 'bus bus', 'tram'), [[0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    """
    columns: dict[str, int] = {}
    counts = _counts(fields, columns, growing=True)
    records = np.bincount(counts.indices, minlength=len(columns))
    often = [(name, n) for name, n in columns.items() if records[n] >= least]
    kept = np.array([n for _, n in sorted(often)], dtype=np.intp)
    if len(kept) > _MOST_TERMS:
        # Stable, so that of equally common terms the alphabet decides.
        commonest = np.argsort(-records[kept], kind="stable")[:_MOST_TERMS]
        kept = kept[np.sort(commonest)]
    idf = 1 + np.log((1 + len(fields)) / (1 + records[kept]))
    names = list(columns)
    vocabulary = Vocabulary(tuple(names[n] for n in kept), idf.astype(np.float64))
    matrix = counts[:, kept]
    matrix.sort_indices()
    return vocabulary, vocabulary._weighted(matrix)


def _counts(
    fields: Iterable[Sequence[str]], columns: dict[str, int], *, growing: bool
) -> sparse.csr_matrix:
    """How often each record has each term; new terms get columns where they may."""
    from scipy import sparse

    indices, counts, ends = array("q"), array("d"), array("q", [0])
    for record in fields:
        for term, number in Counter(_document(record)).items():
            at = columns.setdefault(term, len(columns)) if growing else columns.get(term)
            if at is not None:
                indices.append(at)
                counts.append(number)
        ends.append(len(indices))
    parts = (np.frombuffer(counts), np.frombuffer(indices, np.int64), np.frombuffer(ends, np.int64))
    matrix = sparse.csr_matrix(parts, shape=(len(ends) - 1, len(columns)))
    matrix.sort_indices()
    return matrix


def _document(fields: Sequence[str]) -> list[str]:
    """The terms of a record's texts, those of its title and keywords repeated."""
    found: list[str] = []
    for name, text in zip(FIELDS, fields, strict=True):
        if text:
            found += terms(text) * _REPEATED.get(name, 1)
    return found


def principal_directions(matrix: sparse.csr_matrix, *, number: int, seed: int) -> Array:
    """The directions (columns, number) in which a matrix's rows are largest, the first first.

    Right singular vectors by randomised subspace iteration (Halko, Martinsson and Tropp 2011,
    algorithm 4.4); where the matrix has fewer rows or columns, so many directions fewer.

    >>> from scipy.sparse import csr_matrix
    >>> found = principal_directions(csr_matrix([[3.0, 0], [0, 1.0]]), number=1, seed=0)
    >>> abs(found).round(6).ravel().tolist()
    [1.0, 0.0]
    """
    least = min(matrix.shape)
    if matrix.nnz == 0 or least == 0:
        return np.zeros((matrix.shape[1], 0))
    width = min(number + _OVERSAMPLED, least)
    start = np.random.default_rng(seed).normal(size=(matrix.shape[1], width))
    basis = np.linalg.qr(matrix @ start)[0]
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    across = np.asarray(matrix.T @ basis)
    squared, turned = np.linalg.eigh(across.T @ across)
    largest = np.argsort(squared)[::-1][: min(number, least)]
    largest = largest[squared[largest] > 1e-12 * squared.max()]
    directions: Array = across @ turned[:, largest] / np.sqrt(squared[largest])
    return directions
