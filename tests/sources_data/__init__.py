"""What the tests of the readers share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from innovatory.records import Record, Reject, Row, Source
from innovatory.sources import Descriptor, read

FUZZ = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
ROOT = Path(__file__).parents[2]


def gather(path: Path, **options: Any) -> tuple[list[Row], list[Reject]]:
    """All facts and all rejects of one file."""
    items = list(read(path, descriptor=Descriptor(Source("s", "S"), (path,), **options)))
    return [i for i in items if isinstance(i, Row)], [i for i in items if isinstance(i, Reject)]


def records(rows: list[Row]) -> list[Record]:
    """The facts that are records."""
    return [row.fact for row in rows if isinstance(row.fact, Record)]


def shared(name: str) -> Path:
    """A path of the shared data; the test is skipped where it is absent."""
    path = Path(os.environ.get("INNOVATORY_SHARED", ROOT.parent / "shared")) / name
    if not path.exists():
        pytest.skip(f"the shared data {name} are absent")
    return path
