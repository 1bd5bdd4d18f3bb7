"""What the machine coder expects of the records that people have not coded.

It is trained on the reference coders' own answers in the edition, and its word on a record that
was coded never comes from a model that saw it. It enters a share only through the estimator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from innovatory.codebook import Codebook
from innovatory.edition import examples
from innovatory.edition.encodings import packed, unpacked
from innovatory.engine import Engine, digest, key_of, quoted

if TYPE_CHECKING:
    from innovatory import coder

FOLDS = 10
# A table kept under a key of all that it depends on, and made where there is none yet.
Remember = Callable[[str, Callable[[], pa.Table]], pa.Table]

_TEXT: Any = pa.string()
_REAL: Any = pa.float64()
_WHOLE: Any = pa.int64()
PREDICTIONS = pa.schema(
    [pa.field("record_id", _TEXT), pa.field("dimension", _TEXT), pa.field("class", _TEXT),
     pa.field("probability", _REAL), pa.field("fold", _WHOLE)]
)  # fmt: skip
MACHINE = pa.schema(
    [pa.field("dimension", _TEXT), pa.field("labels", _WHOLE), pa.field("accuracy", _REAL),
     pa.field("macro_f1", _REAL), pa.field("majority_accuracy", _REAL),
     pa.field("log_loss", _REAL), pa.field("calibration_error", _REAL),
     pa.field("temperature", _REAL)]
)  # fmt: skip
_SCORE = b"innovatory.score"


@cache
def _code() -> str:
    """The hash of the code that predicts: what other code made is not taken for its work."""
    here = Path(__file__)
    files = [
        here,
        here.with_name("encodings.py"),
        *sorted((here.parents[1] / "coder").glob("*.py")),
    ]
    return key_of([digest(path.read_bytes()) for path in files])


def take(
    engine: Engine, book: Codebook, dimensions: Sequence[str], *, seed: int, remember: Remember
) -> tuple[pa.Table, pa.Table]:
    """The tables `predictions` and `machine` for these dimensions of the edition in the engine.

    What is made is remembered a dimension at a time, so that one new coding trains one model.
    """
    if not dimensions:
        return PREDICTIONS.empty_table(), MACHINE.empty_table()
    from innovatory import coder

    corpus = read_corpus(engine)
    answers = read_answers(engine, book, corpus.record_ids)
    said = repr([(name, a.tolist(), b.tolist()) for name, (a, b) in sorted(answers.items())])
    common = key_of([_code(), examples.key(), corpus.key, said, str(seed)])
    shown = cache(lambda: examples.beside(corpus))

    @cache
    def encoded() -> coder.Features:
        def make() -> pa.Table:
            made = coder.features(corpus, seed=seed, answers=answers or None, examples=shown())
            return packed(made)

        # Packed and unpacked even where it was just made, so that both are alike to the byte.
        return unpacked(remember(f"encoding-{common}", make), corpus.record_ids)

    tables, scores = [], []
    questions = [question(book, name) for name in dimensions]
    labelled = _labels(engine, questions, corpus.record_ids)
    for asked in questions:
        labels = labelled[asked.dimension]
        key = key_of([common, str(FOLDS), repr(asked), repr(labels.rows.tolist()),
                      repr(labels.votes.tolist())])  # fmt: skip

        def make(asked: coder.Question = asked, labels: coder.Labels = labels) -> pa.Table:
            made = coder.predict(encoded(), labels, asked, seed=seed, folds=FOLDS, examples=shown())
            return _table(made, asked, corpus.record_ids, labels=len(labels.rows))

        table = remember(f"{asked.dimension}-{key}", make)
        scores.append(json.loads(table.schema.metadata[_SCORE]))
        tables.append(table.replace_schema_metadata(None))
    return (
        pa.concat_tables(tables).combine_chunks(),
        pa.Table.from_pylist(scores, schema=MACHINE),
    )


def read_corpus(engine: Engine) -> coder.Corpus:
    """The records of the edition in the engine as the machine coder reads them."""
    from innovatory import coder

    names = ("records", "places", "organisations", "events")
    return coder.corpus({name: engine.query(f"SELECT * FROM {name}") for name in names})


def question(book: Codebook, dimension: str) -> coder.Question:
    """A dimension of the codebook as it is put to the machine coder."""
    from innovatory import coder

    known = book.dimension(dimension)
    assert known is not None
    return coder.question(known, book=book)


def read_labels(
    engine: Engine, asked: coder.Question, record_ids: Sequence[str]
) -> coder.Labels:  # fmt: skip
    """The answers of the reference coders: the share of a record's coders for each class."""
    return _labels(engine, [asked], record_ids)[asked.dimension]


def _labels(
    engine: Engine, every: Sequence[coder.Question], record_ids: Sequence[str]
) -> dict[str, coder.Labels]:
    """The labels of each question; they are asked for together, which saves most of the time."""
    from innovatory import coder

    row_of = {record_id: n for n, record_id in enumerate(record_ids)}
    said: dict[str, list[tuple[int, str, float]]] = {asked.dimension: [] for asked in every}
    for row in engine.rows(
        "SELECT dimension, record_id, class, votes FROM verdicts WHERE "
        f"dimension IN ({', '.join(map(quoted, said))})"
    ):
        said[row["dimension"]].append((row_of[row["record_id"]], row["class"], row["votes"]))
    found = {}
    for asked in every:
        place = {name: n for n, name in enumerate(asked.classes)}
        rows = sorted({row for row, _, _ in said[asked.dimension]})
        at = {row: n for n, row in enumerate(rows)}
        votes = np.zeros((len(rows), len(place)))
        for record, class_, share in said[asked.dimension]:
            votes[at[record], place[class_]] = share
        found[asked.dimension] = coder.Labels(np.array(rows, np.int64), votes)
    return found


def read_answers(
    engine: Engine, book: Codebook, record_ids: Sequence[str]
) -> dict[str, tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """What coders other than the reference ones said: rows of the corpus and one-hot answers.

    A language model or a set of rules so helps the machine coder, as far as people bear it out.
    """
    row_of = {record_id: n for n, record_id in enumerate(record_ids)}
    said = engine.rows(
        "SELECT coder_id, dimension, record_id, value FROM codings "
        "ANTI JOIN reference USING (coder_id) ORDER BY ALL"
    )
    grouped: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
    for row in said:
        answer = (row_of[row["record_id"]], row["value"].split("|"))
        grouped.setdefault((row["coder_id"], row["dimension"]), []).append(answer)
    found = {}
    for (coder_id, dimension), answers in grouped.items():
        known = book.dimension(dimension)
        assert known is not None
        place = {c.id: n for n, c in enumerate(known.classes)}
        given = np.zeros((len(answers), len(place)))
        for n, (_, classes) in enumerate(answers):
            given[n, [place[name] for name in classes]] = 1
        rows = np.array([row for row, _ in answers], np.intp)
        found[f"{coder_id} {dimension}"] = (rows, given)
    return found


def _table(
    made: coder.Predictions, asked: coder.Question, record_ids: Sequence[str], *, labels: int
) -> pa.Table:
    many = len(asked.classes)
    score = {"dimension": asked.dimension, "labels": labels, "temperature": made.temperature}
    if made.score is not None:
        told = asdict(made.score)
        score |= {name: told[name] for name in ("accuracy", "macro_f1", "majority_accuracy",
                                                "log_loss")}  # fmt: skip
        score["calibration_error"] = told["ece"]
    columns = {
        "record_id": np.repeat(np.array(record_ids, object), many),
        "dimension": [asked.dimension] * (many * len(record_ids)),
        "class": list(asked.classes) * len(record_ids),
        "probability": made.probability.ravel(),
        "fold": np.repeat(made.fold, many),
    }
    table = pa.table(columns, schema=PREDICTIONS)
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in score.items()}
    return table.replace_schema_metadata({_SCORE: json.dumps(rounded)})
