"""Records that tell of the same project: proposed, merged, set apart, and never again by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command import run, write_lines
from innovatory import linking, observatory
from innovatory.errors import LedgerError, UnknownRecord
from innovatory.observatory import Observatory
from innovatory.review.pairs import told_apart
from innovatory.review.state import State, pairs

PAGE = "https://example.org/green-tram"
BASE: dict[str, Any] = {
    "kind": "project", "city": "Wien", "country": "AT", "start": "2018",
    "title": "Green wave for trams", "sources": [{"url": PAGE}],
    "description": "Sensors at 42 crossings give trams of line 5 the green light.",
    "organisations": [{"name": "Wiener Linien", "role": "coordinator"}],
}  # fmt: skip
RECORDS = [
    BASE | {"id": "tram"},
    BASE | {"id": "tram-again", "title": "Green wave for trams (Vienna)"},
    BASE | {"id": "library", "title": "Library on wheels", "sources": [], "organisations": [],
            "description": "A bus lends books in the suburbs.", "start": "2011"},
]  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Observatory:
    """Three records, two of them one project, on each database."""
    folder = tmp_path / "mine"
    run("new", folder)
    if request.param == "postgres":
        new_url: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        settings = folder / "observatory.toml"
        text = settings.read_text("utf-8").replace('"ledger.db"', f'"{new_url()}"')
        settings.write_text(text, "utf-8")
    run("collect", folder, write_lines(folder / "list.jsonl", RECORDS))
    return observatory.load(folder)


def found(place: Observatory) -> list[tuple[str, str, str]]:
    """The pairs that are proposed, with what is to become of them."""
    rows = linking.propose(place, apart=told_apart(place)).pairs.to_pylist()
    return [(row["a"], row["b"], row["decision"]) for row in rows]


def counted(place: Observatory) -> int:
    """How many records an edition counts."""
    run("build", place.folder, "--as-of", "2024")
    editions = place.folder / "editions" / "2024" / "tables"
    return len((editions / "records.csv").read_text("utf-8").splitlines()) - 1


def test_two_records_of_one_project_are_merged(place: Observatory) -> None:
    """The pair is proposed with its reasons; merged it counts once and is proposed no more."""
    proposed = linking.propose(place)
    (row,) = proposed.pairs.to_pylist()
    assert {row["a"], row["b"]} == {"tram", "tram-again"} and row["decision"] == "merge"
    assert "same page" in row["reasons"]
    assert counted(place) == 3
    assert linking.merge(place, proposed.merges) == 1
    assert counted(place) == 2 and found(place) == []


def test_what_was_undone_is_not_merged_again_by_itself(place: Observatory) -> None:
    """After an undoing the pair is for a person to decide, however sure the program is."""
    proposed = linking.propose(place)
    (merge,) = proposed.merges
    linking.merge(place, proposed.merges)
    assert linking.undo(place, merge.record_id) == 1
    assert counted(place) == 3
    ((_, _, decision),) = found(place)
    assert decision == "review" and linking.propose(place).merges == ()


def test_merged_undone_merged_and_undone_again(place: Observatory) -> None:
    """Each word counts after the contrary, though it was said before."""
    proposed = linking.propose(place)
    for _ in range(2):
        assert linking.merge(place, proposed.merges) == 1
        assert linking.undo(place, proposed.merges[0].record_id) == 1
    assert counted(place) == 3


@pytest.mark.parametrize("record", ["tram", "nobody"])
def test_what_is_not_merged_cannot_be_undone(place: Observatory, record: str) -> None:
    """Neither a record that counts as itself nor one that is not there."""
    with pytest.raises(UnknownRecord, match=f"'{record}' is not merged.*nothing to undo"):
        linking.undo(place, record)


def test_what_a_person_called_different_is_not_proposed(place: Observatory) -> None:
    """The review app's 'not the same' is respected; its 'the same' is another answer."""
    with State.open(place) as state, state.writing() as connection:
        row = {"a": "tram", "b": "tram-again", "by": "eva", "at": 1.0}
        connection.execute(pairs.insert().values(row | {"decision": "distinct"}))
        connection.execute(pairs.insert().values(row | {"b": "library", "decision": "same"}))
    assert told_apart(place) == {frozenset({"tram", "tram-again"})}
    assert found(place) == []
    assert len(linking.propose(place).merges) == 1


def test_looking_for_pairs_makes_no_database_of_the_app(tmp_path: Path) -> None:
    """Where the review app was never used nothing is left behind by asking."""
    run("new", tmp_path)
    assert told_apart(observatory.load(tmp_path)) == frozenset()
    assert not (tmp_path / "review").exists()


def test_without_a_ledger_there_is_nothing_to_link(tmp_path: Path) -> None:
    """The refusal says to collect first."""
    run("new", tmp_path)
    with pytest.raises(LedgerError, match="collect a source"):
        linking.propose(observatory.load(tmp_path))
