"""Measure the machine coder on records that were coded twice, and print a table.

    python -m benchmarks.coder_cordis [--json] [--compare] [--repeats N] [--only CORPUS]
                                      [DIMENSION ...]

Two corpora: 600 European projects, 300 of them coded (CORDIS, ../shared/data/cordis, or the folder
that INNOVATORY_SHARED names), and the starter corpus, 504 records, all coded. Each serves the
other as examples. For 0, 50, 100 and 200 labels the model learns from that many records drawn at
random and is judged on the other coded ones; for all labels it is judged by cross-validation, by
10 folds. Each is repeated with other draws or folds, and the mean told. `agreed` counts only the
records on which both coders agree, `even_f1` is the macro-F1 of answers with evenness 0.3.
The last columns are the time of one prediction and what always saying the commonest class gets.

With --compare there are also `alone`, the coder without examples, and, by the same draws and
folds, plain models of scikit-learn: latent semantic components of the same texts and logistic
regression (`plain`), the same with the facts beside them (`facts`), and that with all classes
weighing as their records do (`flat`).
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
from pathlib import Path

import numpy as np

from innovatory import coder, observatory, pipeline
from innovatory.codebook import Codebook
from innovatory.coder.encoding import Facts
from innovatory.records import Row
from innovatory.sources import describe, read

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("INNOVATORY_SHARED", ROOT.parent / "shared"))
DESCRIPTOR = ROOT / "examples" / "cordis" / "source.toml"
SIZES = (0, 50, 100, 200)
EVENNESS = 0.3
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
    """Collect a source into an observatory of its own and read it back."""
    made = observatory.new(folder / name, title=name, reference=CODERS[name])
    pipeline.collect(made, [source])
    needed = ("records", "places", "organisations", "events", "judgements")
    with pipeline.current(made) as engine:
        found = {table: engine.query(f"SELECT * FROM {table} ORDER BY ALL") for table in needed}
    return Coded(name, coder.corpus(found), made.book, found["judgements"].to_pylist())


def examples(source: Path, book: Codebook) -> coder.Examples:
    """A source as examples for another."""
    described = describe(source)
    rows = [row for file in described.files for row in read(file, descriptor=described)]
    return coder.examples([row.fact for row in rows if isinstance(row, Row)], book)


def sources(folder: Path) -> dict[str, Path]:
    """The sources that are there, by the name of their corpus."""
    found = {"starter": observatory.data("corpus")}
    data = SHARED / "data" / "cordis"
    if data.is_dir():
        descriptor = folder / "cordis-source" / "source.toml"
        descriptor.parent.mkdir()
        text = DESCRIPTOR.read_text("utf-8")
        there = text.replace('"../../../shared/data/cordis"', json.dumps(str(data.resolve())))
        descriptor.write_text(there, "utf-8")
        found["cordis"] = descriptor
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Task:
    """A question with its labels: some are learnt from, the others are for judging."""

    asked: coder.Question
    labels: coder.Labels
    size: int
    seed: int

    @property
    def judged(self) -> np.ndarray:
        """The positions of the labels by which predictions are judged: all where all are learnt."""
        return np.sort(self._order[self.size :]) if self.held_out else np.arange(len(self._order))

    @property
    def learnt(self) -> coder.Labels:
        """The labels that are learnt from."""
        drawn = np.sort(self._order[: self.size])
        return coder.Labels(self.labels.rows[drawn], self.labels.votes[drawn])

    @property
    def held_out(self) -> bool:
        """Whether labels are kept apart; if not, predictions are judged by folds."""
        return self.size < len(self.labels.rows)

    @property
    def _order(self) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(len(self.labels.rows))

    def score(self, found: np.ndarray) -> coder.Score:
        """The score of probabilities (records, classes) of the whole corpus."""
        votes = self.labels.votes[self.judged]
        return coder.score(found[self.labels.rows[self.judged]], votes, multi=self.asked.multi)

    def agreed(self, found: np.ndarray) -> float:
        """The accuracy on the records on which all coders agree."""
        votes = self.labels.votes[self.judged]
        same = ((votes == 0) | (votes == 1)).all(axis=1)
        rows = self.labels.rows[self.judged][same]
        return float(coder.score(found[rows], votes[same], multi=self.asked.multi).accuracy)

    def even_f1(self, found: coder.Predictions) -> float:
        """The macro-F1 of answers given with evenness."""
        answers = coder.answer(found, self.asked, threshold=0.0, evenness=EVENNESS)
        place = {name: n for n, name in enumerate(self.asked.classes)}
        said = np.zeros_like(found.probability)
        for row, names in enumerate(answers):
            said[row, [place[name] for name in names]] = 1.0
        return float(self.score(said).macro_f1)


@dataclass(frozen=True, slots=True)
class Plain:
    """What plain models learn from: components of the texts, and facts of about their size."""

    texts: np.ndarray
    both: np.ndarray

    @classmethod
    def of(cls, corpus: coder.Corpus) -> Plain:
        """The components of TF-IDF of words and pairs of words."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.preprocessing import normalize

        terms = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
        texts = TruncatedSVD(256, random_state=0).fit_transform(terms.fit_transform(corpus.texts))
        facts = Facts.fit(corpus.facts).transform(corpus.facts)
        texts = normalize(texts)
        return cls(texts, np.hstack([texts, facts / np.sqrt(facts.shape[1])]))

    def judged(self, task: Task, fold: np.ndarray) -> dict[str, tuple[float, float]]:
        """Accuracy and macro-F1 of each plain model, judged as the coder is; none unlearnt."""
        kinds = {
            "plain": (self.texts, 30.0, "balanced"), "facts": (self.both, 5.0, "balanced"),
            "flat": (self.both, 5.0, None),
        }  # fmt: skip
        found = dict.fromkeys(kinds, (float("nan"), float("nan")))
        for name, (matrix, strength, weighting) in kinds.items() if task.size else ():
            shares = np.zeros((len(matrix), len(task.asked.classes)))
            if task.held_out:
                shares = _regression(matrix, task.learnt, task.asked, strength, weighting)
            else:
                for k in range(int(fold.max()) + 1):
                    seen = fold[task.labels.rows] != k
                    some = coder.Labels(task.labels.rows[seen], task.labels.votes[seen])
                    left = task.labels.rows[~seen]
                    shares[left] = _regression(matrix, some, task.asked, strength, weighting)[left]
            told = task.score(shares)
            found[name] = (told.accuracy, told.macro_f1)
        return found


def _regression(
    matrix: np.ndarray, learnt: coder.Labels, asked: coder.Question, strength: float,
    weighting: str | None,
) -> np.ndarray:  # fmt: skip
    """Probabilities of the whole corpus by logistic regression; every coder's answer counts."""
    from sklearn.linear_model import LogisticRegression

    def fitted(rows: np.ndarray, said: np.ndarray, weight: np.ndarray) -> np.ndarray:
        if len(np.unique(said)) == 1:
            return np.ones((len(matrix), 1))
        model = LogisticRegression(C=strength, class_weight=weighting, max_iter=500)
        return np.asarray(model.fit(matrix[rows], said, weight).predict_proba(matrix))

    shares = np.zeros((len(matrix), len(asked.classes)))
    if not asked.multi:
        at, said = np.nonzero(learnt.votes)
        found = fitted(learnt.rows[at], said, learnt.votes[at, said])
        shares[:, np.unique(said)] = found
        return shares
    for n, votes in enumerate(learnt.votes.T):
        said = np.repeat([1, 0], len(votes))
        weight = np.concatenate([votes, 1 - votes])
        kept = weight > 0
        if len(np.unique(said[kept])) == 1:
            shares[:, n] = said[kept][0]
        else:
            rows = np.tile(learnt.rows, 2)[kept]
            shares[:, n] = fitted(rows, said[kept], weight[kept])[:, 1]
    return shares


def measured(
    told: Coded, others: coder.Examples | None, dimensions: Sequence[str], *, repeats: int,
    compare: bool,
) -> Iterator[dict[str, float | str | int]]:  # fmt: skip
    """One row a dimension and number of labels."""
    shown = others and others.beside(told.corpus)
    begun = time.perf_counter()
    features = coder.features(told.corpus, seed=0, examples=shown)
    seconds = time.perf_counter() - begun
    print(f"{told.name}: features of {len(features)} records {seconds:.2f} s", file=sys.stderr)
    alone = coder.features(told.corpus, seed=0) if compare else None
    plain = Plain.of(told.corpus) if compare else None
    for name in dimensions:
        dimension = told.book.dimension(name)
        if dimension is None:
            raise SystemExit(f"the codebook has no dimension {name!r}")
        asked = coder.question(dimension, book=told.book)
        labels = told.labels(asked)
        for size in (*SIZES, len(labels.rows)):
            runs: list[dict[str, float]] = []
            for seed in range(repeats if size else 1):
                task = Task(asked, labels, size, seed)
                begun = time.perf_counter()
                found = coder.predict(features, task.learnt, asked, seed=seed, examples=shown)
                run = {"seconds": time.perf_counter() - begun}
                figures = task.score(found.probability)
                run |= {column: getattr(figures, column) for column in COLUMNS}
                run |= {"agreed": task.agreed(found.probability), "even_f1": task.even_f1(found)}
                run["majority"] = figures.majority_accuracy
                if alone is not None and plain is not None:
                    lone = coder.predict(alone, task.learnt, asked, seed=seed)
                    figures = task.score(lone.probability)
                    run |= {"alone": figures.accuracy, "alone_f1": figures.macro_f1}
                    for kind, pair in plain.judged(task, found.fold).items():
                        run |= {kind: pair[0], f"{kind}_f1": pair[1]}
                runs.append(run)
            row: dict[str, float | str | int] = {"corpus": told.name, "dimension": name}
            row["labels"] = size
            yield row | {
                column: float(np.mean([run[column] for run in runs])) for column in runs[0]
            }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dimensions", nargs="*", metavar="DIMENSION")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--only", default="", choices=list(CODERS))
    parser.add_argument("--compare", action="store_true", help="with plain models beside")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="innovatory-coder-") as folder:
        found = sources(Path(folder))
        for name, source in found.items():
            if given.only not in ("", name):
                continue
            told = coded(name, source, Path(folder))
            others = next((examples(o, told.book) for n, o in found.items() if n != name), None)
            asked = given.dimensions or [d.id for d in told.book.dimensions] + list(DERIVED)
            rows = measured(told, others, asked, repeats=given.repeats, compare=given.compare)
            for n, row in enumerate(rows):
                if given.json:
                    print(json.dumps(row), flush=True)
                    continue
                if n == 0:
                    print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
                cells = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values())
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
