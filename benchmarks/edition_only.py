"""Build the editions of an observatory, without its site: what one process of `benchmarks` does."""

from __future__ import annotations

import sys
from pathlib import Path

from innovatory import observatory, pipeline

if __name__ == "__main__":
    pipeline.build_editions(observatory.load(Path(sys.argv[1])))
