"""Measure the machine coder on records that were coded twice, and print a table.

    python -m benchmarks.coder_cordis [--json] [--repeats N] [--only CORPUS] [DIMENSION ...]

Two corpora: 600 European projects, 300 of them coded (CORDIS, ../shared/data/cordis, or the folder
that INNOVATORY_SHARED names), and the starter corpus, 504 records, all coded. For 50, 100 and 200
labels the model learns from that many records drawn at random and is judged on the other coded
ones; for all labels it is judged by cross-validation, by 10 folds. Each is repeated with other
draws or folds, and the mean told. `agreed` counts only the records on which both coders agree.
The last columns are the time of one prediction and what always saying the commonest class gets.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from innovatory import coder, observatory, pipeline
from innovatory.codebook import Codebook
from innovatory.edition.build import Spec

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("INNOVATORY_SHARED", ROOT.parent / "shared"))
DESCRIPTOR = ROOT / "examples" / "cordis" / "source.toml"
SIZES = (50, 100, 200)
DERIVED = ("innovative",)
CODERS = {
    "cordis": ("cordis-coder-a", "cordis-coder-b"),
    "starter": ("coder-a", "coder-b"),
}
COLUMNS = ("accuracy", "macro_f1", "log_loss", "ece")


@dataclass(frozen=True, slots=True)
class Coded:
    """A corpus with what its coders said."""

    name: str
    corpus: coder.Corpus
    book: Codebook
    judgements: list[dict[str, str]]

    def labels(self, asked: coder.Question) -> coder.Labels:
        """The votes of the coders on one dimension."""
        row_of = {record: n for n, record in enumerate(self.corpus.record_ids)}
        place = {name: n for n, name in enumerate(asked.classes)}
        votes = np.zeros((len(row_of), len(place)))
        coders: dict[int, set[str]] = {}
        for said in self.judgements:
            if said["dimension"] == asked.dimension:
                row = row_of[said["record_id"]]
                votes[row, place[said["class"]]] += 1
                coders.setdefault(row, set()).add(said["coder_id"])
        rows = sorted(coders)
        many = np.array([[len(coders[row])] for row in rows])
        return coder.Labels(np.array(rows, dtype=np.intp), votes[rows] / many)


def coded(name: str, source: Path, folder: Path) -> Coded:
    """Collect a source into an observatory of its own and read its edition back."""
    made = observatory.new(
        folder / name,
        title=name,
        editions=[Spec("all", date(2026, 12, 31), "all")],
        reference=CODERS[name],
    )
    pipeline.collect(made, [source])
    pipeline.build_editions(made)
    tables = made.edition_folder("all") / "tables"
    needed = ("records", "places", "organisations", "events", "judgements")
    read = {table: pq.read_table(tables / f"{table}.parquet") for table in needed}
    return Coded(name, coder.corpus(read), made.book, read["judgements"].to_pylist())


def corpora(folder: Path, only: str) -> Iterator[Coded]:
    """The corpora that are there."""
    data = SHARED / "data" / "cordis"
    if only in ("", "cordis") and data.is_dir():
        descriptor = folder / "cordis-source" / "source.toml"
        descriptor.parent.mkdir()
        text = DESCRIPTOR.read_text("utf-8")
        there = text.replace('"../../../shared/data/cordis"', json.dumps(str(data.resolve())))
        descriptor.write_text(there, "utf-8")
        yield coded("cordis", descriptor, folder)
    if only in ("", "starter"):
        yield coded("starter", observatory.data("corpus"), folder)


def learnt(
    features: coder.Features, labels: coder.Labels, asked: coder.Question, size: int, seed: int
) -> tuple[coder.Score, float]:
    """The score on the labelled records that were not drawn, and the accuracy on agreed ones."""
    order = np.random.default_rng(seed).permutation(len(labels.rows))
    drawn, rest = np.sort(order[:size]), np.sort(order[size:])
    some = coder.Labels(labels.rows[drawn], labels.votes[drawn])
    found = coder.predict(features, some, asked, seed=seed).probability[labels.rows[rest]]
    return judged(found, labels.votes[rest], asked)


def judged(
    found: np.ndarray, votes: np.ndarray, asked: coder.Question
) -> tuple[coder.Score, float]:
    """The score, and the accuracy on the records on which all coders agree."""
    agreed = ((votes == 0) | (votes == 1)).all(axis=1)
    on_agreed = coder.score(found[agreed], votes[agreed], multi=asked.multi)
    return coder.score(found, votes, multi=asked.multi), on_agreed.accuracy


def measured(
    told: Coded, dimensions: Sequence[str], repeats: int
) -> Iterator[dict[str, float | str | int]]:
    """One row a dimension and number of labels."""
    begun = time.perf_counter()
    features = coder.features(told.corpus, seed=0)
    fitted = time.perf_counter() - begun
    print(f"{told.name}: features of {len(features)} records {fitted:.2f} s", file=sys.stderr)
    for name in dimensions:
        dimension = told.book.dimension(name)
        if dimension is None:
            raise SystemExit(f"the codebook has no dimension {name!r}")
        asked = coder.question(dimension, book=told.book)
        labels = told.labels(asked)
        for size in (*SIZES, len(labels.rows)):
            runs, seconds = [], []
            for seed in range(repeats):
                begun = time.perf_counter()
                if size < len(labels.rows):
                    runs.append(learnt(features, labels, asked, size, seed))
                else:
                    found = coder.predict(features, labels, asked, seed=seed).probability
                    runs.append(judged(found[labels.rows], labels.votes, asked))
                seconds.append(time.perf_counter() - begun)
            row: dict[str, float | str | int] = {"corpus": told.name, "dimension": name}
            row["labels"] = size
            row |= {c: float(np.mean([getattr(s, c) for s, _ in runs])) for c in COLUMNS}
            row["agreed"] = float(np.mean([agreed for _, agreed in runs]))
            row["majority"] = float(np.mean([s.majority_accuracy for s, _ in runs]))
            yield row | {"seconds": float(np.median(seconds))}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dimensions", nargs="*", metavar="DIMENSION")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--only", default="", choices=["cordis", "starter"])
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    given = parser.parse_args(arguments)
    shown = ("accuracy", "agreed", "macro_f1", "log_loss", "ece", "majority", "seconds")
    if not given.json:
        print(f"| corpus | dimension | labels | {' | '.join(shown)} |")
        print(f"|{'---|' * (len(shown) + 3)}")
    with tempfile.TemporaryDirectory(prefix="innovatory-coder-") as folder:
        for told in corpora(Path(folder), given.only):
            asked = given.dimensions or [d.id for d in told.book.dimensions] + list(DERIVED)
            for row in measured(told, asked, given.repeats):
                if given.json:
                    print(json.dumps(row), flush=True)
                else:
                    figures = " | ".join(f"{row[name]:.3f}" for name in shown)
                    print(f"| {row['corpus']} | {row['dimension']} | {row['labels']} | {figures} |",
                          flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
