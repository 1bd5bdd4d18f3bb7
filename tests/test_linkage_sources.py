"""Linkage on real records: the starter corpus beside CORDIS, as docs/linkage.md tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

import innovatory
from innovatory.gazetteer import Gazetteer
from innovatory.ledger import Ledger
from innovatory.linkage import candidates
from innovatory.sources import describe, read

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("INNOVATORY_SHARED", ROOT.parent / "shared"))
CORDIS = SHARED / "data" / "cordis" / "projects.csv"
STARTER = Path(innovatory.__file__).parent / "data" / "corpus"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Both sources in one ledger."""
    if not CORDIS.is_file():
        pytest.skip(f"no CORDIS projects at {CORDIS}")
    url = f"sqlite:///{tmp_path_factory.mktemp('linkage') / 'ledger.db'}"
    with Ledger.open(url, create=True) as ledger:
        for path in (STARTER, CORDIS):
            described = describe(path)
            for file in described.files:
                if file.name in ("records.jsonl", "projects.csv"):
                    rows = read(file, descriptor=described)
                    ledger.import_file(
                        rows, source=described.source, file=file.name, sha256=file.name
                    )
        return ledger.facts()


def test_what_is_proposed_is_what_the_document_tells(facts: dict[str, pa.Table]) -> None:
    """Nothing is merged unread, and between the two sources two pairs come to review."""
    gazetteer = Gazetteer.load()
    places = facts["places"].select(["name", "country"]).to_pylist()
    cities = {}
    for name, country in sorted({(place["name"], place["country"]) for place in places}):
        if found := gazetteer.resolve(name, country).city:
            cities[name, country] = found.id
    rows = candidates(facts, cities=cities).to_pylist()
    assert {row["decision"] for row in rows} == {"review"}
    across = {
        frozenset((row["a"], row["b"])) for row in rows if row["a"].isdigit() != row["b"].isdigit()
    }
    assert across == {
        frozenset(("101139666", "madrid-mobilities-for-eu-mercamadrid")),
        frozenset(("101103954", "copenhagen-disco-logistics-living-lab")),
    }
    assert not any(row["a"].isdigit() and row["b"].isdigit() for row in rows)
