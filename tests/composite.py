"""The reference index of tests/data/composite: its framework, its units and its numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from innovatory.index import framework as frameworks

FOLDER = Path(__file__).parent / "data" / "composite"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a file of the reference."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


FRAMEWORK = frameworks.read(rows("meta.csv"), source="meta.csv")
TABLE = frameworks.read_table(rows("data.csv"), FRAMEWORK, source="data.csv")
REGIONS = frameworks.read_groups(rows("data.csv"), "region")
CODES = FRAMEWORK.codes(0)


def reference(name: str, codes: Sequence[str] = CODES) -> NDArray[np.float64]:
    """What the reference says of these codes, matched on the unit's code (units, codes)."""
    told = {row["uCode"]: row for row in rows(f"{name}.csv")}
    cells = [[told[unit][code] for code in codes] for unit in TABLE.units]
    return np.array([[np.nan if c in ("", "NA") else float(c) for c in row] for row in cells])


def close(found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    """Assert that numbers are equal to 1e-9 of their size, missing ones included."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, equal_nan=True)
