"""Editions of which a part was drawn and coded: what they say, rest on, and make again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from innovatory import observatory, pipeline, sampling, verifying
from innovatory.edition.verify import verify
from innovatory.observatory import Observatory
from test_edition import SOURCE, add, answers, cell, files, record, table

SETTINGS = """
title = "Two towns, a part of them read"
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
name = "2022"
as_of = "2022"
"""
WORDS = {
    "transport": "Sensors give buses and trams the green light, the stop shows the next bus.",
    "environment": "Solar panels feed the grid of the district, batteries keep the power.",
    "safety": "Cameras and alarms warn the police and the fire brigade of the harbour.",
}
SECTORS = ("transport", "transport", "environment", "environment", "safety")
PROJECTS, LABS, DRAWN = 60, 10, 30


def sector(n: int) -> str:
    """The sector of project n, by its words."""
    return SECTORS[n % len(SECTORS)]


def truth(n: int, coder: str = "a") -> dict[str, Any]:
    """What a coder answers on project n: every third project is not new."""
    new = "no" if n % 3 == 0 else "yes"
    return answers(f"p{n:02}", coder, sector=sector(n), new_to_city=new)


NEW = ("As elsewhere.", "For the first time.", "For the first time.")
RECORDS = [
    record(f"p{n:02}", city=f"City 0{1 + n % 2}", start_year=2019,
           description=f"{WORDS[sector(n)]} {NEW[n % 3]}")
    for n in range(PROJECTS)
] + [record(f"lab{n:02}", kind="living_lab", start_year=2019) for n in range(LABS)]  # fmt: skip
IDS = [str(one["id"]) for one in RECORDS]
DRAW = sampling.simple_random(IDS, DRAWN, id="d1", seed=3)
SECOND = sampling.second(DRAW.members, 0.2, id="d1", seed=3)
THE_DRAW = {"fact": "draw", "id": "d1", "design": "simple_random", "seed": 3,
            "members": dict(DRAW.members), "frame": dict(DRAW.frame),
            "second": list(SECOND)}  # fmt: skip


def answered(record_id: str, coder: str) -> dict[str, Any]:
    """What a coder answers on a record."""
    return truth(int(record_id[1:]), coder) if record_id[0] == "p" else answers(record_id, coder)


CODINGS = [answered(i, "a") for i in sorted(DRAW.members)]
CODINGS += [answered(i, "b") for i in sorted(SECOND)]


def make(folder: Path, *rows: dict[str, Any], settings: str = SETTINGS) -> Observatory:
    """An observatory of all the records with these further rows, collected."""
    folder.mkdir(parents=True)
    (folder / "observatory.toml").write_text(settings, "utf-8")
    shutil.copy(observatory.data("codebook.yaml"), folder / "codebook.yaml")
    source = folder / "towns"
    source.mkdir()
    facts = [row for row in rows if "fact" in row]
    held = {"records": [*RECORDS, *facts], "codings": [row for row in rows if "fact" not in row]}
    held = {name: lines for name, lines in held.items() if lines}
    names = json.dumps([f"{name}.jsonl" for name in held])
    (source / "source.toml").write_text(
        SOURCE.replace('["records.jsonl", "codings.jsonl"]', names), "utf-8"
    )
    for name, lines in held.items():
        text = "".join(json.dumps(row) + "\n" for row in lines)
        (source / f"{name}.jsonl").write_text(text, "utf-8")
    place = observatory.load(folder)
    for item in pipeline.collect(place, [source]):
        assert item.rejects == (), item.rejects
    return place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """The towns with their edition built; not to be changed."""
    place = make(tmp_path_factory.mktemp("drawn") / "towns", THE_DRAW, *CODINGS)
    pipeline.build_editions(place)
    return place


@pytest.fixture
def place(made: Observatory, tmp_path: Path) -> Observatory:
    """A copy that a test may change."""
    shutil.copytree(made.folder, tmp_path / "towns")
    return observatory.load(tmp_path / "towns")


def claims(place: Observatory) -> dict[str, dict[str, Any]]:
    """The claims of the edition by id."""
    text = (place.edition_folder("2022") / "claims.json").read_text("utf-8")
    return {claim["id"]: claim for claim in json.loads(text)}


def rows(place: Observatory, name: str, **where: str) -> list[dict[str, Any]]:
    """The rows of a table that hold these values."""
    found = table(place, "2022", name)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def remembered(place: Observatory) -> set[str]:
    """What is kept for the next build: the first word of each name, and its key."""
    folder = place.folder / ".innovatory" / "predictions"
    return {path.stem for path in folder.glob("*.parquet")}


def test_all_projects_are_told_of_though_half_were_read(made: Observatory) -> None:
    """Forty of sixty are innovative: the interval holds it, and the base is all sixty."""
    (row,) = rows(made, "by_innovative", population="projects", **{"class": "yes"})
    assert row["basis"] == "estimated" and row["base"] == pytest.approx(PROJECTS)
    assert row["low"] <= 40 <= row["high"] and row["share_low"] <= 2 / 3 <= row["share_high"]
    drawn = [i for i in DRAW.members if i[0] == "p"]
    assert row["labels"] == len(drawn)
    assert row["low"] >= sum(int(i[1:]) % 3 != 0 for i in drawn), "what was read is there"


def test_shares_of_a_question_sum_to_one(made: Observatory) -> None:
    """Sectors of projects, and who drives the innovative ones: each record has one answer."""
    for name, population in (("by_sector", "projects"), ("by_driver_group", "innovative")):
        found = rows(made, name, population=population)
        assert sum(row["share"] for row in found) == pytest.approx(1, abs=2e-5)


def test_a_claim_says_about_and_what_it_rests_on(made: Observatory) -> None:
    """The sentence has a whole number and an interval; the receipt draw, coders and agreement."""
    claim = claims(made)["innovative-share"]
    assert "of the 60 projects" in claim["text"] and "(about " in claim["text"]
    assert claim["basis"] == "estimated" and claim["labels"] == len(
        [i for i in DRAW.members if i[0] == "p"]
    )
    assert claim["receipt"] == (
        "26 of 60 projects coded by people, drawn at random (d1); for the rest a machine that is "
        "right on 100% of innovative where tested (73% by always giving the commonest answer); "
        f"agreement (alpha) 1.00; codebook 1 ({made.book.version[:8]})"
    )


def test_counts_that_nobody_had_to_code_stay_counts(made: Observatory) -> None:
    """Cities and years are known of every record, and so is how many projects each city has."""
    for row in rows(made, "by_city", population="projects", counting="full"):
        assert row["basis"] == "counted" and row["low"] == row["high"] == 30
    told = claims(made)["stage-unknown"]["receipt"]
    assert told == "from the records' own dates and fields; not coded"


def test_an_estimated_edition_holds(made: Observatory) -> None:
    """Its claims are what their queries give, and the ledger gives the same edition again."""
    assert verify(made.edition_folder("2022")) == []
    (again,) = verifying.verify(made)
    assert again.problems == ()


def test_the_same_facts_give_the_same_bytes_elsewhere(made: Observatory, tmp_path: Path) -> None:
    """The facts in another order, in another folder, without anything remembered."""
    other = make(tmp_path / "else", *reversed(CODINGS), THE_DRAW)
    pipeline.build_editions(other)
    here, there = (files(p.edition_folder("2022")) for p in (made, other))
    assert {name for name in here if here[name] != there[name]} <= {"manifest.json"}
    assert here.keys() == there.keys()


def test_one_new_coding_makes_again_what_asks_its_question(place: Observatory) -> None:
    """Tables of the sector and its predictions; one model is trained, and nothing encoded."""
    before = remembered(place)
    member = next(i for i in sorted(DRAW.members) if i[0] == "p")
    add(place, {"fact": "coding", "record": member, "dimension": "sector", "coder": "a",
                "value": "culture_tourism_sports", "draw": "d1"})  # fmt: skip
    (built,) = pipeline.build_editions(place)
    counted = {name for name in built.made if "by_" in name}
    assert counted == {name for name in counted if "sector" in name} != set()
    new = remembered(place) - before
    assert [name.partition("-")[0] for name in new] == ["sector"]
    kept = files(place.edition_folder("2022"))
    shutil.rmtree(place.folder / ".innovatory")
    shutil.rmtree(place.edition_folder("2022"))
    pipeline.build_editions(place)
    assert files(place.edition_folder("2022")) == kept


def test_a_build_with_nothing_to_do_forgets_nothing(place: Observatory) -> None:
    """What was learnt is there for the next coding."""
    before = remembered(place)
    assert [b.made for b in pipeline.build_editions(place)] == [()]
    assert remembered(place) == before != set()


def numbers(place: Observatory) -> list[dict[str, Any]]:
    """What is published of sectors and of the innovative."""
    return [*rows(place, "by_sector"), *rows(place, "by_innovative")]


def test_hidden_repeats_never_count(place: Observatory) -> None:
    """A record coded once more, otherwise, to see whether its coder is steady: no figure moves."""
    before = numbers(place)
    member = next(i for i in sorted(DRAW.members) if i[0] == "p" and i not in SECOND)
    add(place, {"fact": "draw", "id": "again", "design": "repeat", "seed": 1,
                "members": {member: 0.1}},
        {"fact": "coding", "record": member, "dimension": "sector", "coder": "a",
         "value": "culture_tourism_sports", "draw": "again"})  # fmt: skip
    pipeline.build_editions(place)
    assert numbers(place) == before


def llm(value: Any) -> list[dict[str, Any]]:
    """A language model that answers the sector of every project."""
    coder = {"fact": "coder", "id": "model-x", "kind": "llm"}
    return [coder] + [
        {"fact": "coding", "record": f"p{n:02}", "dimension": "sector", "coder": "model-x",
         "value": value(n)} for n in range(PROJECTS)
    ]  # fmt: skip


def test_a_language_model_helps_and_does_not_count(place: Observatory) -> None:
    """Its answers on all projects narrow the interval; labels stay those of people."""
    before = cell(place, "2022", "by_sector", population="projects", **{"class": "transport"})
    (labels,) = {row["labels"] for row in rows(place, "by_sector", population="projects")}
    add(place, *llm(sector))
    pipeline.build_editions(place)
    after = cell(place, "2022", "by_sector", population="projects", **{"class": "transport"})
    assert {row["labels"] for row in rows(place, "by_sector", population="projects")} == {labels}
    assert not any(r["coder_id"] == "model-x" for r in rows(place, "judgements"))
    assert after[1] <= 24 <= after[2]
    assert after[2] - after[1] <= before[2] - before[1]
    assert {row["coder_id"]: row["reference"] for row in rows(place, "coders")} == {
        "a": True, "b": True, "model-x": False}  # fmt: skip


def test_a_language_model_that_is_wrong_moves_no_figure_far(place: Observatory) -> None:
    """It calls everything safety, which 12 of 60 are: people put it right."""
    add(place, *llm(lambda n: "safety"))
    pipeline.build_editions(place)
    count, low, high, _ = cell(place, "2022", "by_sector", population="projects",
                               **{"class": "safety"})  # fmt: skip
    assert low <= 12 <= high and count < 25


def test_a_language_model_named_as_reference_counts(tmp_path: Path) -> None:
    """Then all its records are coded, and the sector is counted."""
    settings = SETTINGS + '[coding]\nreference = ["model-x"]\n'
    place = make(tmp_path / "towns", *llm(sector), settings=settings)
    pipeline.build_editions(place)
    (row,) = rows(place, "by_sector", population="projects", **{"class": "transport"})
    assert (row["count"], row["low"], row["high"], row["basis"]) == (24, 24, 24, "counted")


def test_only_a_language_model_carries_no_share(tmp_path: Path) -> None:
    """Nothing was coded by anybody who counts: no claim of innovation, and it is said why."""
    place = make(tmp_path / "towns", *llm(sector))
    pipeline.build_editions(place)
    told = claims(place)
    assert "innovative-share" not in told and not any("sector-" in id for id in told)
    assert "only 0 of the 70 records are coded" in told["beyond-the-corpus"]["text"]
    assert rows(place, "by_sector") == []
    assert verify(place.edition_folder("2022")) == []


def test_a_handful_of_codings_is_no_audit(tmp_path: Path) -> None:
    """Four records of the draw are coded: figures are marked as the model's, without intervals."""
    few = [row for row in CODINGS if row["coder"] == "a" and row["id"][0] == "p"][:4]
    place = make(tmp_path / "towns", THE_DRAW, *few)
    pipeline.build_editions(place)
    claim = claims(place)["innovative-share"]
    assert claim["basis"] == "model" and claim["low"] is claim["high"] is None
    assert "model-based, not audited" in claim["text"] and "[" not in claim["text"]
    assert "fewer than five" in claim["receipt"]
    assert verify(place.edition_folder("2022")) == []


def test_what_nobody_drew_stands_for_itself(tmp_path: Path) -> None:
    """Coded without a draw: counted among the coded, and nothing is said of the others."""
    place = make(tmp_path / "towns", *CODINGS)
    pipeline.build_editions(place)
    claim = claims(place)["innovative-share"]
    drawn = len([i for i in DRAW.members if i[0] == "p"])
    assert claim["basis"] == "coded" and claim["base"] == drawn and claim["scope"] == "corpus"
    assert "not drawn by design" in claim["receipt"]
    assert f"of the {drawn} projects" in claim["text"]
    assert verify(place.edition_folder("2022")) == []


def test_an_adjudication_settles_for_all_coders(place: Observatory) -> None:
    """The second coder says otherwise, which widens the interval; once settled it is as before."""
    both = next(i for i in SECOND if i[0] == "p")
    where: dict[str, str] = {"population": "projects", "class": sector(int(both[1:]))}
    before = cell(place, "2022", "by_sector", **where)
    add(place, {"fact": "coding", "record": both, "dimension": "sector", "coder": "b",
                "value": "culture_tourism_sports", "draw": "d1"})  # fmt: skip
    pipeline.build_editions(place)
    disputed = cell(place, "2022", "by_sector", **where)
    assert disputed[2] - disputed[1] > before[2] - before[1]
    add(place, {"fact": "adjudication", "record": both, "dimension": "sector",
                "adjudicator": "chair", "value": where["class"], "reason": "words"})  # fmt: skip
    pipeline.build_editions(place)
    assert cell(place, "2022", "by_sector", **where) == before


def test_answers_carried_over_to_a_new_codebook_count_in_estimates(place: Observatory) -> None:
    """With a crosswalk of the sector the old answers are estimated from under their new name."""
    (labels,) = {row["labels"] for row in rows(place, "by_sector", population="projects")}
    path = place.folder / "codebook.yaml"
    text = path.read_text("utf-8").replace("goods flows, freight", "flows of goods")
    text += f'crosswalk:\n  "{place.book.version}":\n    sector: '
    text += "{safety: logistics, transport: transport, environment: environment}\n"
    path.write_text(text, "utf-8")
    place = observatory.load(place.folder)
    pipeline.build_editions(place)
    count, low, high, base = cell(place, "2022", "by_sector", population="projects",
                                  **{"class": "logistics"})  # fmt: skip
    assert low <= 12 <= high and base == pytest.approx(PROJECTS) and abs(count - 12) < 8
    assert {row["labels"] for row in rows(place, "by_sector", population="projects")} == {labels}
