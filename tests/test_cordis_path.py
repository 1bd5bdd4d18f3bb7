"""The European projects of CORDIS, collected, built and checked through the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from command import made_once, run, told
from sources_data import ROOT, shared

EXAMPLE = ROOT / "examples" / "cordis" / "source.toml"
CITIES = ["athens-gr", "barcelona-es", "helsinki-fi", "paris-fr", "vienna-at"]


@pytest.fixture(scope="session")
def cordis(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """An observatory of European projects in five cities, and what collecting them told."""
    data = shared("data/cordis")
    folder, found = made_once(tmp_path_factory, "cordis", lambda folder: europe(folder, data))
    return folder / "europe", found


def europe(folder: Path, data: Path) -> list[dict[str, Any]]:
    """Make the observatory; what collecting told."""
    source = folder / "cordis" / "source.toml"
    source.parent.mkdir()
    text = EXAMPLE.read_text("utf-8")
    assert 'path = "../../../shared/data/cordis"' in text
    source.write_text(
        text.replace('"../../../shared/data/cordis"', json.dumps(str(data))), "utf-8"
    )  # fmt: skip
    place = folder / "europe"
    run("new", place)
    settings = place / "observatory.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace('cities = "all"', f"cities = {json.dumps(CITIES)}"), "utf-8")
    found: list[dict[str, Any]] = told("collect", place, source, code=3)
    run("build", place, "--as-of", "2024")
    return found


def test_all_projects_and_codings_are_taken(
    cordis: tuple[Path, list[dict[str, Any]]],
) -> None:
    """600 projects and 7,800 answers; only fields are set aside, each told with its row."""
    found = {Path(item["path"]).name: item for item in cordis[1]}
    assert found["projects.csv"]["by_kind"] == {"record": 600}
    assert found["codings.jsonl"]["by_kind"] == {"coding": 7800}
    assert [item["rejected"] for item in cordis[1]] == [0, 0, 0]
    for item in found.values():
        assert len(item["rejects"]) == item["flagged"]
        assert all(r["row"] > 0 and r["field"] and r["next_step"] for r in item["rejects"])


def test_collected_again_nothing_changes(cordis: tuple[Path, list[dict[str, Any]]]) -> None:
    """Every file is known as it is."""
    source = cordis[0].parent / "cordis"
    assert run("collect", cordis[0], source).stdout.count("unchanged since batch") == 3


def test_the_edition_holds_the_projects_of_its_cities(
    cordis: tuple[Path, list[dict[str, Any]]],
) -> None:
    """Each record has a participant in the panel, and fractions of a record add up to one."""
    tables = cordis[0] / "editions" / "2024" / "tables"
    records = pq.read_table(tables / "records.parquet").to_pylist()
    places = [p for p in pq.read_table(tables / "places.parquet").to_pylist() if p["in_panel"]]
    assert 50 < len(records) < 600 and all(r["start"] <= "2024-12-31" for r in records)
    shares = dict.fromkeys((r["record_id"] for r in records), 0.0)
    # Two spellings of one city are two places with one share.
    for record_id, _, part in {(p["record_id"], p["city_id"], p["fraction"]) for p in places}:
        shares[record_id] += part
    assert shares and all(abs(share - 1) < 1e-6 for share in shares.values())
    assert sorted({p["city_id"] for p in places}) == CITIES
    run("check", cordis[0])


def test_exported_projects_give_the_same_edition(
    cordis: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """A new observatory of the export has the same tables, codings and their quotes included."""
    place = cordis[0]
    run("export", place, "--to", tmp_path / "out")
    run("new", tmp_path / "again")
    shutil.copy(place / "observatory.toml", tmp_path / "again" / "observatory.toml")
    run("collect", tmp_path / "again", tmp_path / "out", code=3)
    run("build", tmp_path / "again")
    for path in sorted((place / "editions" / "2024" / "tables").glob("*.csv")):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(place)).read_bytes(), (
            path.name
        )


def test_the_coded_half_counts_as_drawn(cordis: tuple[Path, list[dict[str, Any]]]) -> None:
    """The source says that its coded records were drawn at random: 300 of 600, each at 1/2."""
    rows = pq.read_table(cordis[0] / "editions" / "2024" / "tables" / "draws.parquet").to_pylist()
    assert {row["draw_id"] for row in rows} == {"random-300"}
    assert {row["probability"] for row in rows} == {0.5}
    assert all(row["second"] == row["drawn"] for row in rows)
