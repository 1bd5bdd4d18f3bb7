"""How well and how fast linkage finds the records that tell of one project.

    python -m benchmarks.linkage_100k [--records N] [--seed N] [--harder]
    python -m benchmarks.linkage_100k --learn

The first measures on made-up records with the truth beside them; the second prints the weights
that are shipped (innovatory/linkage/scorer.py), learnt on a corpus of another seed and noise.
"""

from __future__ import annotations

import argparse
import resource
import time
from itertools import combinations

import numpy as np

from benchmarks.linkage_corpus import HARDER, LinkageCorpus, Noise, linkage_corpus
from innovatory.linkage import Settings, candidates, clusters
from innovatory.linkage.blocking import blocked
from innovatory.linkage.comparison import FEATURES, compared
from innovatory.linkage.prepared import prepare
from innovatory.linkage.scorer import PRIOR_STRENGTH, Scorer, fitted

LEARNT_ON = {"records": 50_000, "seed": 7001}
LEARNT_NOISE = Noise(
    typing_error=0.3, title_language=0.3, language=0.1, reworded=0.6, no_year=0.3,
    no_organisations=0.25, no_site=0.5, other_account=0.08,
)  # fmt: skip


def found_share(found: set[tuple[str, str]], true: set[tuple[str, str]]) -> tuple[float, float]:
    """Precision and recall of pairs."""
    right = len(found & true)
    return right / max(1, len(found)), right / max(1, len(true))


def measure(corpus: LinkageCorpus) -> None:
    """Print what linkage finds of a corpus, by pair and by group, and what it takes."""
    true = corpus.pairs()
    begun, processor = time.perf_counter(), time.process_time()
    table = candidates(corpus.tables, cities=corpus.cities)
    vetoes = prepare(corpus.tables, cities=corpus.cities).vetoes()
    groups = clusters(table, vetoes=vetoes)
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    by_group = {pair for group in groups for pair in combinations(sorted(group), 2)}
    rows = table.to_pylist()
    pairs = {tuple(sorted((r["a"], r["b"]))): r["decision"] for r in rows}
    merged = {pair for pair, decision in pairs.items() if decision == "merge"}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(corpus.project_of):,} records, {len(true):,} true pairs")
    print(f"{seconds:.0f} s, {processor:.0f} s of processor, {memory:.2f} GiB with the corpus")
    for name, found in (("to merge, by pair", merged), ("merged, by group", by_group),
                        ("merged, and all in review", by_group | set(pairs))):  # fmt: skip
        precision, recall = found_share(found, true)
        print(f"{name:<28} {len(found):7,} pairs   precision {precision:.3f}   recall {recall:.3f}")
    project = corpus.project_of
    wrong = [(min(project[a], project[b]), max(project[a], project[b])) for a, b in by_group - true]
    print(f"of {len(wrong)} wrong pairs, {sum(p in corpus.alike for p in wrong)} were made alike")


def learn() -> Scorer:
    """The weights learnt from nothing on the corpus of LEARNT_ON."""
    corpus = linkage_corpus(**LEARNT_ON, noise=LEARNT_NOISE)
    prepared = prepare(corpus.tables, cities=corpus.cities)
    a, b, _ = blocked(prepared, Settings(), vetoes=prepared.vetoes())
    project = np.array([corpus.project_of[record_id] for record_id in prepared.ids])
    nothing = Scorer(0.0, dict.fromkeys(FEATURES, 0.0))
    same = (project[a] == project[b]).astype(np.float64)
    return fitted(compared(prepared, a, b), same, prior=nothing, strength=PRIOR_STRENGTH)


def main() -> None:
    """Measure, or learn the weights to be shipped."""
    parser = argparse.ArgumentParser(description="Measure linkage on made-up records.")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--harder", action="store_true", help="noisier second tellings")
    parser.add_argument("--learn", action="store_true", help="print the weights to be shipped")
    asked = parser.parse_args()
    if asked.learn:
        scorer = learn()
        print(f"bias {scorer.bias:.2f}")
        for name, weight in scorer.weights.items():
            print(f'        "{name}": {weight:.2f},')
        return
    noise = Noise(**HARDER) if asked.harder else Noise()
    measure(linkage_corpus(asked.records, seed=asked.seed, noise=noise))


if __name__ == "__main__":
    main()
