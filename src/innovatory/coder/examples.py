"""Labels, and labelled records of another corpus as examples of the same questions.

Examples make a model before anybody has coded, and a better one while few have. They are always
learnt from and never judged by: what the machine says of a coded record stays free of its label.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from innovatory.codebook import CANNOT_TELL, Codebook, Derived, Dimension, Rule
from innovatory.coder.corpora import FIELDS, Corpus, recorded
from innovatory.coder.questions import OPEN_ANSWERS, Question, question
from innovatory.records import Coding, Fact, Record

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Labels:
    """What coders said: rows of the corpus, and each class's share of the record's coders."""

    rows: Rows
    votes: Array


@dataclass(frozen=True)
class Examples:
    """Records of another corpus with their labels by question (`Question.asked`)."""

    corpus: Corpus
    labels: Mapping[str, Labels]

    @cached_property
    def key(self) -> str:
        """The hash of all that can be learnt from."""
        made_of = hashlib.sha256(self.corpus.key.encode())
        for asked, found in sorted(self.labels.items()):
            made_of.update(repr((asked, found.rows.tolist(), found.votes.tolist())).encode())
        return made_of.hexdigest()

    def beside(self, corpus: Corpus) -> Examples:
        """Those that are not in a corpus themselves, by id or by title and description."""
        ids, told = set(corpus.record_ids), {_told(fields) for fields in corpus.fields}
        own = self.corpus
        kept = [
            n for n, (record_id, fields) in enumerate(zip(own.record_ids, own.fields, strict=True))
            if record_id not in ids and _told(fields) not in told
        ]  # fmt: skip
        if len(kept) == len(own.record_ids):
            return self
        place = np.full(len(own.record_ids), -1)
        place[kept] = np.arange(len(kept))
        labels = {}
        for asked, found in self.labels.items():
            known = place[found.rows] >= 0
            labels[asked] = Labels(place[found.rows[known]], found.votes[known])
        return Examples(own.take(kept), labels)

    def of(self, asked: Question) -> Labels:
        """The labels of a question; none where it was not asked in the same words."""
        nothing = Labels(np.zeros(0, np.intp), np.zeros((0, len(asked.classes))))
        return self.labels.get(asked.asked, nothing) if asked.asked else nothing


def _told(fields: Sequence[str]) -> tuple[str, str]:
    return fields[FIELDS.index("title")], fields[FIELDS.index("description")]


def examples(facts: Iterable[Fact], book: Codebook) -> Examples:
    """Examples from records and codings that answer the questions of a codebook.

    Each coder of a record counts alike. Derived dimensions follow coder by coder; roll-ups are
    left out, for they are never predicted.
    """
    records: list[Record] = []
    answers: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for fact in facts:
        if isinstance(fact, Record):
            records.append(fact)
        elif isinstance(fact, Coding):
            answers.setdefault((fact.record_id, fact.coder), {})[fact.dimension] = fact.value
    corpus = recorded(records)
    row_of = {record_id: n for n, record_id in enumerate(corpus.record_ids)}
    said = [(row_of[record_id], given) for (record_id, _), given in sorted(answers.items())
            if record_id in row_of]  # fmt: skip
    labels = {}
    every: tuple[Dimension | Derived, ...] = (*book.dimensions, *book.derived)
    for dimension in every:
        asked = question(dimension, book=book)
        told = [(row, _answer(given, dimension)) for row, given in said]
        labels[asked.asked] = _labels([(row, value) for row, value in told if value], asked)
    return Examples(corpus, labels)


def _answer(given: Mapping[str, tuple[str, ...]], dimension: Dimension | Derived) -> Sequence[str]:
    """What a coder's answers say to a question: yes when enough tests are met, no when not."""
    if isinstance(dimension, Dimension):
        return given.get(dimension.id, ())
    if not isinstance(dimension.how, Rule) or not any(name in given for name in dimension.sources):
        return ()
    rule = dimension.how
    found = [given.get(name, (CANNOT_TELL,))[0] for name in rule.of]
    if found.count(rule.answer) >= rule.needed:
        return ("yes",)
    missed = sum(one != rule.answer and one not in OPEN_ANSWERS for one in found)
    return ("no",) if len(found) - missed < rule.needed else (CANNOT_TELL,)


def _labels(told: Sequence[tuple[int, Sequence[str]]], asked: Question) -> Labels:
    coders = Counter(row for row, _ in told)
    rows = sorted(coders)
    at = {row: n for n, row in enumerate(rows)}
    place = {name: n for n, name in enumerate(asked.classes)}
    votes = np.zeros((len(rows), len(place)))
    for row, value in told:
        for name in value:
            if name in place:
                votes[at[row], place[name]] += 1 / coders[row]
    return Labels(np.array(rows, np.intp), votes)
