"""Write a large synthetic corpus to measure with.

    python benchmarks/make_corpus.py FOLDER --records 100000 --cities 500 --seed 1

The folder then holds a source that can be collected like any other: records.jsonl,
codings.jsonl and source.toml. The same numbers give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from innovatory.errors import InnovatoryError
from innovatory.synthetic import corpus


def main() -> int:
    """Write the corpus that the command line asks for; 0, or 1 with the reason why not."""
    parser = argparse.ArgumentParser(description="Write a synthetic corpus of any size.")
    parser.add_argument("folder", type=Path, help="where to write it; made if need be")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--cities", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begun = time.perf_counter()
    try:
        corpus(asked.records, cities=asked.cities, seed=asked.seed).write(asked.folder)
    except InnovatoryError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in asked.folder.glob("*.jsonl"))
    seconds = time.perf_counter() - begun
    print(f"{asked.records:,} records, {size / 1e6:,.0f} MB in {seconds:.1f} s: {asked.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
