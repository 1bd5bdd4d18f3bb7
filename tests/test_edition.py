"""Editions: as of a date, from disputed codings, the same bytes twice, only what changed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from innovatory import observatory, pipeline
from innovatory.edition.build import Built
from innovatory.edition.verify import verify
from innovatory.errors import EditionError, ObservatoryError
from innovatory.observatory import Observatory

SETTINGS = """
title = "Two towns"
[panel]
cities = ["city-01-zz", "city-02-zz"]
[[city]]
id = "city-01-zz"
name = "City 01"
country = "ZZ"
[[city]]
id = "city-02-zz"
name = "City 02"
country = "ZZ"
[[edition]]
name = "2019"
as_of = 2019-12-31
[[edition]]
name = "2022"
as_of = "2022"
"""
SOURCE = """
id = "small"
title = "A small census"
design = "census"
population = "everything that these tests made up"
gathered = "2022-06"
synthetic = true
files = ["records.jsonl", "codings.jsonl"]
[coders.a]
kind = "person"
[coders.b]
kind = "person"
"""
TESTS = {"new_to_city": "yes", "real_setting": "yes", "value": "yes", "new_technology": "yes"}


def record(id: str, **more: Any) -> dict[str, Any]:
    """A native record in City 01."""
    made = {"id": id, "kind": "project", "title": f"Title {id}", "city": "City 01"}
    made |= {"country": "ZZ", "description": f"Words of {id}.", "status": "active"}
    return made | more


def answers(id: str, coder: str, **more: Any) -> dict[str, Any]:
    """A native line of codings: innovative, led by a city, in transport."""
    return {"id": id, "coder": coder, "driver": "city", "sector": "transport",
            "goal": "other", "technologies": ["iot"], "stage": "pilot"} | TESTS | more  # fmt: skip


RECORDS = [
    record("early", start_year=2015, events=[
        {"year": 2016, "stage": "pilot"}, {"year": 2020, "stage": "scaled"},
        {"year": 2022, "stage": "ended"}]),
    record("late", start_year=2021, city="City 02"),
    record("month", events=[{"when": "2019-12", "stage": "pilot"}]),
    record("future", start_year=2023),
    record("undated"),
    record("lab", kind="living_lab", start_year=2010, city="City 02"),
    record("both", start_year=2018, end_year=2021, places=[
        {"name": "City 01", "country": "ZZ"}, {"name": "City 02", "country": "ZZ"}]),
]  # fmt: skip
CODINGS = [
    answers(r["id"], coder)
    for r in RECORDS
    for coder in ("a", "b")
    if (r["id"], coder) not in {("early", "b"), ("late", "b")}
]
CODINGS += [answers("early", "b", value="no", sector="logistics")]
CODINGS += [answers("late", "b", value="unclear")]


def write(folder: Path, records: list[Any], codings: list[Any]) -> Path:
    """A source folder with these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.toml").write_text(SOURCE, "utf-8")
    for name, rows in (("records", records), ("codings", codings)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    return folder


def make(folder: Path) -> Observatory:
    """An observatory of the small census, collected."""
    folder.mkdir(parents=True)
    (folder / "observatory.toml").write_text(SETTINGS, "utf-8")
    shutil.copy(observatory.data("codebook.yaml"), folder / "codebook.yaml")
    place = observatory.load(folder)
    for item in pipeline.collect(place, [write(folder / "small", RECORDS, CODINGS)]):
        assert item.rejects == ()
    return place


def add(place: Observatory, *facts: dict[str, Any]) -> None:
    """Collect a few more facts."""
    path = place.folder / "more" / "facts.jsonl"
    path.parent.mkdir(exist_ok=True)
    (path.parent / "source.toml").write_text(
        SOURCE.replace('["records.jsonl", "codings.jsonl"]', '["facts.jsonl"]'), "utf-8"
    )
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts), "utf-8")
    for item in pipeline.collect(place, [path.parent]):
        assert item.rejects == (), item.rejects


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """The small census with both editions built; not to be changed."""
    place = make(tmp_path_factory.mktemp("edition") / "towns")
    pipeline.build_editions(place)
    return place


@pytest.fixture
def place(made: Observatory, tmp_path: Path) -> Observatory:
    """A copy of the small census that a test may change."""
    shutil.copytree(made.folder, tmp_path / "towns")
    return observatory.load(tmp_path / "towns")


def table(place: Observatory, edition: str, name: str) -> list[dict[str, Any]]:
    """The rows of a table of an edition."""
    path = place.edition_folder(edition) / "tables" / f"{name}.parquet"
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def column(place: Observatory, edition: str, name: str) -> dict[str, Any]:
    """A column of the records of an edition by record."""
    return {row["record_id"]: row[name] for row in table(place, edition, "records")}


def cell(place: Observatory, edition: str, name: str, **where: str) -> tuple[float, ...]:
    """count, low, high, base of the one row of a count table."""
    (row,) = [
        row for row in table(place, edition, name)
        if all(row[key] == value for key, value in where.items())
    ]  # fmt: skip
    return tuple(row[key] for key in ("count", "low", "high", "base"))


def files(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_members_stage_and_status_are_those_of_the_date(made: Observatory) -> None:
    """What began later, or is only known from later, is not in the 2019 edition."""
    assert column(made, "2019", "stage") == {
        "both": "unknown", "early": "pilot", "lab": "unknown", "month": "pilot"}  # fmt: skip
    assert column(made, "2022", "stage") == {
        "both": "unknown", "early": "ended", "lab": "unknown", "late": "unknown",
        "month": "pilot", "undated": "unknown"}  # fmt: skip
    assert column(made, "2022", "furthest_stage")["early"] == "scaled"
    assert column(made, "2019", "status")["early"] == "active"
    assert column(made, "2022", "status")["early"] == "ended"
    assert column(made, "2022", "status")["both"] == "completed"
    assert column(made, "2019", "end")["both"] == "", "an end still to come is not told"


def test_an_event_known_to_the_month_waits_for_its_last_day(place: Observatory) -> None:
    """As of mid-December the pilot of December 2019 has perhaps not begun."""
    place, name = observatory.with_edition(place, as_of="2019-12-15", name="")
    pipeline.build_editions(place, [name])
    assert "month" not in column(place, name, "stage")


def test_disputed_records_make_a_low_a_high_and_a_point(made: Observatory) -> None:
    """Coders of 'early' differ (yes, no), of 'late' too (yes, cannot tell): 4 [3, 5] of 5."""
    where = {"population": "projects", "class": "yes"}
    assert cell(made, "2022", "by_innovative", **where) == (4, 3, 5, 5)
    assert cell(made, "2022", "by_innovative_any_technology", **where) == (4, 3, 5, 5)
    assert cell(made, "2022", "by_innovative_in_use", **where) == (5, 5, 5, 5)
    assert column(made, "2022", "disputed") == {
        "both": 0, "early": 2, "lab": 0, "late": 1, "month": 0, "undated": 0}  # fmt: skip
    where = {"population": "innovative", "class": "logistics_labour"}
    assert cell(made, "2022", "by_sector_published", **where)[:3] == (0, 0, 0)


def test_cities_count_full_and_in_parts(made: Observatory) -> None:
    """'both' counts once in each city, or half in each; the base is the five projects."""
    where = {"population": "projects", "city_id": "city-02-zz"}
    assert cell(made, "2022", "by_city", counting="full", **where) == (2, 2, 2, 5)
    assert cell(made, "2022", "by_city", counting="fractional", **where) == (1.5, 1.5, 1.5, 5)


def test_ranks_share_places(made: Observatory) -> None:
    """In 2019 City 01 has 3 projects and City 02 has 1; labs are 0 and 1."""
    ranks = {
        (r["measure"], r["city_id"]): (r["rank"], r["tied"], r["carried"])
        for r in table(made, "2019", "city_ranks") if r["counting"] == "full"
    }  # fmt: skip
    assert ranks["projects", "city-01-zz"] == (1, False, True)
    assert ranks["projects", "city-02-zz"] == (2, False, True)
    assert ranks["living_labs", "city-02-zz"] == (1, False, True)


def test_the_second_edition_says_what_changed(made: Observatory) -> None:
    """Entered, ended and moved, each told once with before and after."""
    found = {
        (r["record_id"], r["change"], r["before"], r["after"])
        for r in table(made, "2022", "changes")
    }
    assert found == {
        ("late", "entered", "", "unknown"), ("undated", "entered", "", "unknown"),
        ("early", "ended", "active", "ended"), ("early", "stage", "pilot", "ended"),
        ("both", "ended", "active", "completed"),
    }  # fmt: skip


def test_building_twice_gives_the_same_bytes(made: Observatory, tmp_path: Path) -> None:
    """An observatory made anew elsewhere gives the same editions to the byte."""
    other = make(tmp_path / "elsewhere")
    pipeline.build_editions(other)
    for name in ("2019", "2022"):
        assert files(other.edition_folder(name)) == files(made.edition_folder(name))


def test_nothing_is_made_again_when_nothing_changed(place: Observatory) -> None:
    """A second build leaves every table as it is."""
    assert [b.made for b in pipeline.build_editions(place)] == [(), ()]


def test_one_new_coding_makes_only_what_asks_its_dimension(place: Observatory) -> None:
    """A new answer on 'testbed' changes the tables of codings and by_testbed, no other count."""
    add(place, {"fact": "coding", "record": "early", "dimension": "testbed", "coder": "a",
                "value": "district"})  # fmt: skip
    built: Built = pipeline.build_editions(place, ["2022"])[0]
    counted = {name for name in built.made if "by_" in name}
    assert counted == {"by_testbed"}
    assert {"codings", "judgements", "verdicts"} <= set(built.made)
    assert cell(place, "2022", "by_testbed", population="projects", **{"class": "district"}) == (
        1, 1, 1, 1)  # fmt: skip
    # Bytes do not depend on the way there: the same facts built at once give the same edition.
    kept = files(place.edition_folder("2022"))
    shutil.rmtree(place.folder / ".innovatory")
    shutil.rmtree(place.edition_folder("2022"))
    pipeline.build_editions(place, ["2022"])
    assert files(place.edition_folder("2022")) == kept


def test_adjudication_settles_a_dispute(place: Observatory) -> None:
    """The settled answer stands for all coders, in what follows from it too."""
    add(place, {"fact": "adjudication", "record": "early", "dimension": "value",
                "adjudicator": "c", "value": "no", "reason": "only a report"})  # fmt: skip
    pipeline.build_editions(place, ["2022"])
    where = {"population": "projects", "class": "yes"}
    assert cell(place, "2022", "by_innovative", **where) == (3.5, 3, 4, 5)


def test_corrections_supersede_and_are_told(place: Observatory) -> None:
    """A corrected title, event and withdrawal take effect and show up as corrections."""
    add(place,
        {"fact": "correction", "record": "early", "field": "title", "value": "Right title",
         "reason": "typo"},
        {"fact": "correction", "record": "early", "field": "events.2.stage", "value": "diffused",
         "reason": "it went on"},
        {"fact": "correction", "record": "month", "field": "withdrawn", "value": "true",
         "reason": "never existed"})  # fmt: skip
    pipeline.build_editions(place)
    assert column(place, "2022", "title")["early"] == "Right title"
    assert column(place, "2022", "stage")["early"] == "diffused"
    assert "month" not in column(place, "2022", "title")
    told = {(r["record_id"], r["field"]) for r in table(place, "2022", "corrections")}
    assert told == {("early", "title"), ("early", "events.2.stage"), ("month", "withdrawn")}


def test_an_edition_frozen_before_a_correction_sees_it_as_a_change(place: Observatory) -> None:
    """Only the later edition is built again: the comparison names the correction and the exit."""
    add(place,
        {"fact": "correction", "record": "both", "field": "title", "value": "Other",
         "reason": "r"},
        {"fact": "correction", "record": "month", "field": "withdrawn", "value": "true",
         "reason": "r"})  # fmt: skip
    pipeline.build_editions(place, ["2022"])
    found = {(r["record_id"], r["change"]) for r in table(place, "2022", "changes")}
    assert {("both", "corrected"), ("month", "left")} <= found


def test_merged_records_count_once(place: Observatory) -> None:
    """The merged record leaves and its city joins the record it is counted as."""
    add(place, {"fact": "merge", "record": "late", "into": "month", "reason": "same project"})
    pipeline.build_editions(place, ["2022"])
    assert "late" not in column(place, "2022", "title")
    cities = {r["city_id"] for r in table(place, "2022", "places") if r["record_id"] == "month"}
    assert cities == {"city-01-zz", "city-02-zz"}


def test_an_older_codebook_counts_where_it_asked_the_same(place: Observatory) -> None:
    """After 'sector' is defined anew its codings no longer count; the others do."""
    book = place.folder / "codebook.yaml"
    text = book.read_text("utf-8").replace("goods flows, freight", "flows of goods")
    book.write_text(text, "utf-8")
    place = observatory.load(place.folder)
    pipeline.build_editions(place, ["2022"])
    dimensions = {row["dimension"] for row in table(place, "2022", "codings")}
    assert "sector" not in dimensions and "driver" in dimensions
    assert table(place, "2022", "by_sector") == []


def test_a_crosswalk_carries_older_codings(place: Observatory) -> None:
    """Where the new codebook says what became of each class, older codings count as that."""
    before = table(place, "2022", "by_sector")
    old, book = place.book.version, place.folder / "codebook.yaml"
    text = book.read_text("utf-8").replace("goods flows, freight", "flows of goods")
    text += f'crosswalk:\n  "{old}":\n    sector: {{logistics: logistics, transport: safety}}\n'
    book.write_text(text, "utf-8")
    place = observatory.load(place.folder)
    pipeline.build_editions(place, ["2022"])
    after = table(place, "2022", "by_sector")

    def counted(rows: list[dict[str, Any]], *classes: str) -> float:
        return sum(r["count"] for r in rows
                   if r["class"] in classes and r["population"] == "projects")  # fmt: skip

    assert counted(after, "safety") == counted(before, "safety", "transport") > 0
    assert counted(after, "transport") == 0
    assert {r["codebook"] for r in table(place, "2022", "codings")} == {old}
    assert verify(place.edition_folder("2022")) == []


def test_claims_follow_from_the_tables_and_tampering_shows(place: Observatory) -> None:
    """A sound edition verifies; a changed claim or table does not."""
    folder = place.edition_folder("2022")
    assert verify(folder) == []
    claims = json.loads((folder / "claims.json").read_text("utf-8"))
    share = next(c for c in claims if c["id"] == "innovative-share")
    assert (share["value"], share["low"], share["high"], share["base"]) == (4, 3, 5, 5)
    assert "80.0% [60.0, 100.0] of the 5 projects are innovative" in share["text"]
    (folder / "claims.json").write_text("[]", "utf-8")
    assert "claims.json" in verify(folder)[0]


def test_a_claim_that_its_query_does_not_yield_is_found(place: Observatory) -> None:
    """Even with matching hashes, a claim is computed again."""
    from innovatory.engine import digest

    folder = place.edition_folder("2022")
    text = (folder / "claims.json").read_text("utf-8").replace('"value": 4.0', '"value": 3.0')
    (folder / "claims.json").write_text(text, "utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"]["claims.json"] = digest(text.encode())
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert any("innovative-share" in problem for problem in verify(folder))


def test_damaged_tables_are_made_again(place: Observatory) -> None:
    """A table that was changed by hand is noticed and mended by the next build."""
    path = place.edition_folder("2022") / "tables" / "by_sector.csv"
    sound = path.read_bytes()
    path.write_bytes(b"a,b\n")
    assert pipeline.build_editions(place, ["2022"])[0].made == ("by_sector",)
    assert path.read_bytes() == sound


def test_a_quota_corpus_prints_no_leaders(place: Observatory) -> None:
    """With the design changed to quota the leaders are withheld, with the reason."""
    for source in (place.folder / "small",):
        text = (source / "source.toml").read_text("utf-8")
        (source / "source.toml").write_text(text.replace('"census"', '"quota"', 1), "utf-8")
        pipeline.collect(place, [source])
    pipeline.build_editions(place, ["2022"])
    claims = json.loads((place.edition_folder("2022") / "claims.json").read_text("utf-8"))
    withheld = {c["id"]: c["reason"] for c in claims if not c["printed"]}
    assert {"leaders-projects", "leaders-living-labs", "beyond-the-corpus"} <= set(withheld)
    assert all("quota" in reason for reason in withheld.values())
    assert not any(row["carried"] for row in table(place, "2022", "city_ranks"))


def test_unknown_edition_and_empty_ledger_are_refused(tmp_path: Path, made: Observatory) -> None:
    """Messages name the file and the next step."""
    with pytest.raises(EditionError, match=r"observatory\.toml: no edition '1999'"):
        pipeline.build_editions(made, ["1999"])
    empty = observatory.new(tmp_path / "empty", title="Empty")
    with pytest.raises(EditionError, match="collect a source first"):
        pipeline.build_editions(empty)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('title = "Two towns"', "", "title"),
        ('as_of = "2022"', 'as_of = "2022-13"', "2022-13"),
        ('name = "2022"', 'name = "2019"', "twice"),
        ('name = "2022"', 'name = "../up"', "folder name"),
        ("[panel]", "[pannel]", "pannel"),
        ('"city-02-zz"]', '"city-01-zz"]', "twice"),
        ("[panel]", "[panel", "observatory.toml"),
    ],
)
def test_bad_settings_name_file_and_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    """Each mistake in observatory.toml is an error that a person can act on."""
    assert old in SETTINGS
    shutil.copy(observatory.data("codebook.yaml"), tmp_path / "codebook.yaml")
    (tmp_path / "observatory.toml").write_text(SETTINGS.replace(old, new), "utf-8")
    with pytest.raises(ObservatoryError, match=reason) as caught:
        observatory.load(tmp_path)
    assert "observatory.toml" in str(caught.value)
