"""From sources to the site through the command: the tour of the README, and what it leaves."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from command import made_once, run, told, write_small
from innovatory import observatory
from sources_data import ROOT

PUBLISHED = observatory.data("published-figures.yaml")
PRINTED = {claim["id"]: claim for claim in yaml.safe_load(PUBLISHED.read_text("utf-8"))["claims"]}

Tour = tuple[Path, dict[str, str]]


def tour_commands() -> Iterator[list[str]]:
    """The commands of the README's tour, as arguments of 'innovatory'."""
    _, _, rest = (ROOT / "README.md").read_text("utf-8").partition("## A tour")
    for line in re.findall(r"^innovatory .*$", rest.partition("\n## ")[0], re.MULTILINE):
        yield shlex.split(line, comments=True)[1:]


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """A folder in which the README's tour was taken, with what each of its commands printed."""
    return made_once(tmp_path_factory, "tour", take_tour)


def take_tour(folder: Path) -> dict[str, str]:
    """Run the commands of the README in a folder; what each printed."""
    (folder / "projects.csv").write_text("Name,City,Country,Year\nBus lane,Wien,AT,2019\n")
    results = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CI", "1")
        for arguments in tour_commands():
            given = [str(ROOT / a) if a.startswith("src/") else a for a in arguments]
            kept = given[: given.index(">")] if ">" in given else given
            result = run(*kept)
            if ">" in given:
                (folder / given[-1]).write_text(result.stdout, "utf-8")
            results[" ".join(arguments)] = result.stdout
    return results


def claims(folder: Path, edition: str) -> dict[str, dict[str, Any]]:
    """The claims of an edition by id."""
    path = folder / "editions" / edition / "claims.json"
    return {claim["id"]: claim for claim in json.loads(path.read_text("utf-8"))}


def rows(folder: Path, edition: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table of an edition."""
    path = folder / "editions" / edition / "tables" / f"{table}.parquet"
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def manifest(folder: Path, edition: str) -> dict[str, Any]:
    """The manifest of an edition."""
    path = folder / "editions" / edition / "manifest.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_the_tour_of_the_readme_runs(tour: Tour) -> None:
    """Every command of it ends with 0 and says what it did; three sites stand at the end."""
    folder, results = tour
    assert len(results) >= 10 and all(results.values())
    assert {path.parent.parent.name for path in folder.glob("*/site/index.html")} == {
        "demo", "mine", "page"}  # fmt: skip
    told_of = {command.split()[0]: printed for command, printed in results.items()}
    assert "brussels-be" in told_of["city"] and "Seoul" in told_of["history"]


def test_the_starter_corpus_is_taken_whole(tour: Tour) -> None:
    """504 records in 31 cities, coded twice, and nothing set aside."""
    folder, results = tour
    lines = results["demo demo"].splitlines()
    assert lines[0].startswith("records.jsonl (source starter-corpus): 504 new facts; nothing")
    assert lines[1].endswith("13,104 new facts; nothing set aside")
    counts = manifest(folder / "demo", "2026")["counts"]
    assert (counts["cities"], counts["unresolved_places"]) == (31, 0)


def test_earlier_editions_hold_what_had_begun(tour: Tour) -> None:
    """Each record of 2019 is there in 2022; none of 2019 begins later, and stages move on."""
    folder = tour[0] / "demo"
    then, later = (
        {r["record_id"]: r for r in rows(folder, e, "records")} for e in ("2019", "2022")
    )
    assert 0 < len(then) < len(later) and then.keys() <= later.keys()
    dated = {r["record_id"] for r in rows(folder, "2019", "events") if r["counted"]}
    assert all(row["start"][:4] <= "2019" for name, row in then.items() if name not in dated)
    assert all(not row["end"] or row["end"][:4] <= "2019" for row in then.values())
    moved = [name for name, row in then.items() if row["stage"] != later[name]["stage"]]
    changes = {c["record_id"] for c in rows(folder, "2022", "changes") if c["change"] == "stage"}
    assert moved and set(moved) >= changes
    entered = {c["record_id"] for c in rows(folder, "2022", "changes") if c["change"] == "entered"}
    assert entered == later.keys() - then.keys()


def test_a_quota_corpus_prints_no_leaders(tour: Tour) -> None:
    """What the collection design cannot carry is withheld with the reason, in every edition."""
    for edition in ("2019", "2022", "2026"):
        found = claims(tour[0] / "demo", edition)
        withheld = {name: c for name, c in found.items() if not c["printed"]}
        assert {"leaders-projects", "leaders-living-labs", "leaders-innovative"} <= withheld.keys()
        assert all("quota" in withheld[name]["reason"] for name in withheld if "leaders" in name)
        assert not any(row["carried"] for row in rows(tour[0] / "demo", edition, "city_ranks"))
        assert any(c["printed"] for c in found.values())


def test_what_a_source_says_of_itself_is_kept(tour: Tour) -> None:
    """`verified` and `doubts` of the starter corpus come out as they went in."""
    given = {}
    with open(observatory.data("corpus") / "records.jsonl", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            given[row["id"]] = (row.get("verified"), row.get("doubts") or "")
    found = {r["record_id"]: (r["verified"], r["doubts"])
             for r in rows(tour[0] / "demo", "2026", "records")}  # fmt: skip
    assert found == {name: given[name] for name in found} and len(found) > 450
    assert {verified for verified, _ in found.values()} >= {True, False}


@pytest.mark.parametrize("name", [n for n, c in PRINTED.items() if c.get("of")])
def test_the_synthetic_page_equals_what_was_printed(tour: Tour, name: str) -> None:
    """Count, percentage and base of each claim are those of the printed page."""
    printed, claim = PRINTED[name], claims(tour[0] / "page", "2022")[name]
    assert claim["printed"] and claim["base"] == printed["of"]
    if printed.get("count") is not None:
        assert claim["value"] == printed["count"]
    if printed.get("percent") is not None:
        places = len(str(printed["percent"]).partition(".")[2])
        assert round(100 * claim["value"] / claim["base"], places) == printed["percent"]


def test_the_synthetic_page_has_the_sums_and_clear_leaders(
    tour: Tour,
) -> None:
    """The parts add up to 306, the bases are those printed, and as many cities lead as named."""
    page = claims(tour[0] / "page", "2022")
    counts = manifest(tour[0] / "page", "2022")["counts"]
    assert (counts["projects"], counts["living_labs"], counts["cities"]) == (1088, 206, 31)
    assert page["partition"]["value"] == PRINTED["partition"]["count"]
    assert sum(page[n]["value"] for n in PRINTED["partition"]["sum_of"]) == 306
    model = page["business-model-energy"]
    assert model["base"] == page["goal-business-model"]["value"]
    assert 100 * model["value"] / model["base"] > 35
    for name in ("leaders-innovative", "leaders-living-labs"):
        ranks = [leader["rank"] for leader in page[name]["leaders"]]
        assert ranks[: len(PRINTED[name]["order"])] == [*range(1, len(PRINTED[name]["order"]) + 1)]


def test_every_printed_figure_was_checked_equal(tour: Tour) -> None:
    """Each printed figure equals that of the made-up page, and none that of the real corpus."""
    with_figures = ("--edition", "2022", "--figures", PUBLISHED)
    figures = told("check", tour[0] / "page", *with_figures)["figures"]
    assert {f["claim"]: f["kind"] for f in figures} == dict.fromkeys(PRINTED, "equal")
    real = told("check", tour[0] / "demo", *with_figures, code=4)["figures"]
    assert {f["kind"] for f in real} == {"differs", "needs_base"}


def test_the_demonstration_again_changes_nothing(tour: Tour) -> None:
    """A second run reads nothing anew, makes no table and writes no page."""
    again = run("demo", tour[0] / "demo", "--no-open").stdout
    assert again.count("unchanged since batch") == 2 and again.count(": 0 tables made") == 3
    assert re.search(r"^0 of [\d,]+ pages written", again, re.MULTILINE)


@pytest.mark.postgres
def test_postgres_gives_the_same_edition_bytes(
    tmp_path: Path, new_postgres_url: Callable[[], str]
) -> None:
    """Ledgers of the same facts on both databases give the same files, byte by byte."""
    folders = [write_small(tmp_path / "a"), write_small(tmp_path / "b", ledger=new_postgres_url())]
    for folder in folders:
        run("build", folder)
        run("check", folder)
    assert not (folders[1] / "ledger.db").exists()
    found = [
        {p.relative_to(f).as_posix(): p.read_bytes() for p in (f / "editions").rglob("*.*")}
        for f in folders
    ]
    assert len(found[0]) > 150 and found[0] == found[1]
    exports = []
    for folder in folders:
        run("export", folder)
        exports.append({p.name: p.read_bytes() for p in (folder / "export").rglob("*.*")})
    assert exports[0] == exports[1]
