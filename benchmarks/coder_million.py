"""Code many made-up texts on all dimensions of the codebook, and measure.

    python -m benchmarks.coder_million [--texts 1000000] [--workers 2] [--sample 50000]

The texts are made here, seeded: 200 words each, of phrases whose words follow Zipf's law, and of
words from the definitions of the classes that the text is about. The coder's features are fitted
on a sample of them, its models on 500 records that are given the classes they were made with. The
time of making the texts is told apart and taken away. Memory is the largest of all processes.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from innovatory import coder
from innovatory.codebook import Codebook, load
from innovatory.observatory import data

SEED = 1
WORDS, PHRASES, LABELLED = 200, 20_000, 500
BATCH = 2_000


@dataclass(frozen=True)
class Maker:
    """Makes texts about known classes."""

    questions: tuple[coder.Question, ...]
    phrases: tuple[str, ...]

    @classmethod
    def of(cls, book: Codebook) -> Maker:
        """The phrases that all texts share."""
        random = np.random.default_rng(SEED)
        letters = np.array(list("abcdefghijklmnoprstuvz"))
        words = ["".join(random.choice(letters, n)) for n in random.integers(3, 11, 30_000)]
        weight = 1 / np.arange(1, len(words) + 1)
        chosen = random.choice(len(words), (PHRASES, 6), p=weight / weight.sum())
        phrases = tuple(" ".join(words[n] for n in row) for row in chosen)
        return cls(tuple(coder.question(d) for d in book.dimensions), phrases)

    def batch(self, first: int, count: int) -> tuple[pa.RecordBatch, np.ndarray]:
        """The texts from number `first` on, and the class of each dimension (count, dimensions)."""
        random = np.random.default_rng([SEED, first])
        sizes = np.array([len(q.classes) for q in self.questions])
        classes = random.integers(0, sizes, (count, len(sizes)))
        about = [[q.definitions[c] for q, c in zip(self.questions, row, strict=True)]
                 for row in classes]  # fmt: skip
        drawn = random.integers(0, PHRASES, (count, WORDS // 6))
        texts = []
        for said, row in zip(about, drawn, strict=True):
            told = " ".join(said).split()
            rest = " ".join(self.phrases[n] for n in row).split()
            texts.append(" ".join([*told, *rest][:WORDS]))
        ids = [f"t{number:08}" for number in range(first, first + count)]
        titles = [text[:60] for text in texts]
        columns = {"record_id": ids, "title": titles, "description": texts}
        return pa.RecordBatch.from_pydict(columns), classes


def batches(maker: Maker, count: int) -> Iterator[pa.RecordBatch]:
    """All texts, a batch at a time."""
    for first in range(0, count, BATCH):
        yield maker.batch(first, min(BATCH, count - first))[0]


def models(maker: Maker, sample: int) -> list[coder.Model]:
    """A model of each dimension, learnt from the first texts of the sample."""
    parts = [maker.batch(first, BATCH) for first in range(0, sample, BATCH)]
    table = pa.Table.from_batches([part for part, _ in parts])
    features = coder.features(coder.corpus({"records": table}), seed=SEED)
    classes = np.vstack([known for _, known in parts])[:LABELLED]
    rows = np.arange(LABELLED)
    return [
        coder.model(features, coder.Labels(rows, np.eye(len(q.classes))[classes[:, n]]), q,
                    seed=SEED)
        for n, q in enumerate(maker.questions)
    ]  # fmt: skip


def right(maker: Maker, coded: pa.RecordBatch, classes: np.ndarray) -> float:
    """The share of likeliest classes that are those the texts were made with."""
    found = [
        np.array(coded.column(q.dimension).flatten()).reshape(-1, len(q.classes)).argmax(axis=1)
        for q in maker.questions
    ]
    return float((classes == np.array(found).T).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, code, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=50_000)
    given = parser.parse_args(arguments)
    maker = Maker.of(load(data("codebook.yaml")))
    begun = time.perf_counter()
    made = models(maker, min(given.sample, given.texts))
    print(f"features of {given.sample:,} texts and {len(made)} models, texts made: "
          f"{time.perf_counter() - begun:.1f} s", flush=True)  # fmt: skip
    begun = time.perf_counter()
    for _ in batches(maker, given.texts):
        pass
    making = time.perf_counter() - begun
    begun = time.perf_counter()
    number, first = 0, None
    for coded in coder.classify(batches(maker, given.texts), made, workers=given.workers):
        first = first or coded
        number += coded.num_rows
    seconds = time.perf_counter() - begun
    assert first is not None and number == given.texts
    agreed = right(maker, first, maker.batch(0, first.num_rows)[1])
    print(f"{number:,} texts coded on {len(made)} dimensions by {given.workers} workers: "
          f"{seconds:.1f} s, of which texts made {making:.1f} s; "
          f"{number / seconds:,.0f} texts a second; right {agreed:.3f}")  # fmt: skip
    own, children = (
        resource.getrusage(who).ru_maxrss / 2**20
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"largest memory: {own:.2f} GiB here, {children:.2f} GiB in a worker")


if __name__ == "__main__":
    main()
