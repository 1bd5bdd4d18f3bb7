"""The synthetic corpus: it meets the printed margins, is valid, marked, and always the same."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import innovatory
from innovatory import codebook, figures
from innovatory.codebook import RollUp, Rule
from innovatory.errors import SourceError
from innovatory.records import Event, Funding, Record, faults, valid_id
from innovatory.synthetic import SyntheticCorpus, corpus, published_page
from innovatory.synthetic.words import MULTI, WORDS

DATA = Path(innovatory.__file__).parent / "data"
BOOK = codebook.load(DATA / "codebook.yaml")
FIGURES = figures.load_figures(DATA / "published-figures.yaml")
Row = dict[str, Any]


@cache
def page(seed: int) -> SyntheticCorpus:
    return published_page(seed)


def derived(row: Mapping[str, Any]) -> dict[str, str]:
    """Single-class derived answers of one coding row, by the codebook's own rules."""
    found = {}
    for dimension in BOOK.derived:
        how = dimension.how
        if isinstance(how, Rule):
            met = sum(row[name] == how.answer for name in how.of)
            found[dimension.id] = "yes" if met >= how.needed else "not yes"
        elif isinstance(how, RollUp) and not dimension.multi:
            found[dimension.id] = dict(how.into)[row[how.of]]
    return found


def projects(made: SyntheticCorpus, *, coder: str = "synthetic-coder-a") -> list[Row]:
    """Projects with their coded and derived answers in one row."""
    answers = {c["id"]: c | derived(c) for c in made.codings() if c["coder"] == coder}
    return [r | answers[r["id"]] for r in made.records() if r["kind"] == "project"]


def leaders(rows: list[Row]) -> list[Row]:
    counts = Counter(row["city"] for row in rows)
    ranks = {city: 1 + sum(n > own for n in counts.values()) for city, own in counts.items()}
    return [{"label": c, "count": n, "rank": ranks[c]} for c, n in counts.most_common()]


def claims(made: SyntheticCorpus) -> dict[str, Row]:
    """What an edition made of the corpus should claim, counted here in the plainest way."""
    every = projects(made)
    new = [r for r in every if r["innovative"] == "yes"]
    led = [r for r in new if r["driver_group"] == "city_or_private"]
    labs = [r for r in made.records() if r["kind"] == "living_lab"]
    models = [r for r in led if r["goal"] == "new_business_model"]
    counted = {
        "innovative-share": (new, every),
        "city-or-private": (led, every),
        "living-lab-driven": ([r for r in new if r["driver_group"] == "living_lab"], every),
        "partition": (new, every),
        "business-model-energy": (
            [r for r in models if r["sector_published"] == "energy_environment"],
            models,
        ),
    }
    sectors = ("logistics_labour", "energy_environment", "transport")
    for name in sectors:
        hits = [r for r in new if r["sector_published"] == name]
        counted[f"sector-{name.replace('_', '-')}"] = (hits, new)
    goals = {
        "business-model": "new_business_model", "other": "other", "jobs": "job_creation",
        "startup": "startup_incubation", "special-zone": "special_zone",
    }  # fmt: skip
    for name, goal in goals.items():
        counted[f"goal-{name}"] = ([r for r in led if r["goal"] == goal], led)
    found: dict[str, Row] = {
        name: {"kind": "count", "value": len(hits), "base": len(base), "percent": None}
        for name, (hits, base) in counted.items()
    }
    found["leaders-innovative"] = {"leaders": leaders(new)}
    found["leaders-living-labs"] = {"leaders": leaders(labs)}
    return found


@given(st.integers(min_value=0, max_value=10**6))
@settings(max_examples=8, deadline=None)
def test_every_printed_figure_is_met_whatever_the_seed(seed: int) -> None:
    """Each figure of the published page equals the count of the corpus."""
    made = published_page(seed)
    assessments = figures.check_figures(FIGURES, edition_claims=claims(made), synthetic=True)
    assert len(assessments) == 15
    assert {v.claim: v.kind for v in assessments if v.kind != figures.AssessmentKind.EQUAL} == {}


def test_the_totals_are_those_of_the_page() -> None:
    """There are 1,088 projects and 206 living labs in 31 cities, 306 innovative."""
    rows = list(page(1).records())
    kinds = Counter(row["kind"] for row in rows)
    assert kinds == {"project": 1088, "living_lab": 206}
    assert len({row["city"] for row in rows}) == len(page(1).cities) == 31
    found = claims(page(1))
    assert (found["partition"]["value"], found["city-or-private"]["value"]) == (306, 154)
    assert found["living-lab-driven"]["value"] == 152
    sectors = ("logistics-labour", "energy-environment", "transport")
    assert [found[f"sector-{s}"]["value"] for s in sectors] == [73, 70, 55]


@pytest.mark.parametrize("seed", range(4))
def test_leaders_lead_by_every_reading(seed: int) -> None:
    """The order holds for all innovative projects, for the 154, and for labs and their projects."""
    every = projects(page(seed))
    new = [r for r in every if r["innovative"] == "yes"]
    led = [r for r in new if r["driver_group"] == "city_or_private"]
    by_lab = [r for r in every if r["driver"] == "living_lab"]
    labs = [r for r in page(seed).records() if r["kind"] == "living_lab"]
    for rows, first in ((new, [1, 2]), (led, [1, 2]), (by_lab, [3, 4, 5]), (labs, [3, 4, 5])):
        top = leaders(rows)[: len(first) + 1]
        assert [row["label"] for row in top[:-1]] == [f"City {n:02}" for n in first]
        assert all(a["count"] > b["count"] for a, b in pairwise(top))


def test_the_other_projects_fail_in_many_ways() -> None:
    """Every project that is not innovative has a plain no, and all four tests are failed."""
    tests = next(d.sources for d in BOOK.derived if d.id == "innovative")
    ways = Counter(
        tuple(row[t] for t in tests) for row in projects(page(1)) if row["innovative"] != "yes"
    )
    assert sum(ways.values()) == 782 and len(ways) > 20
    assert all("no" in way for way in ways)
    assert all(any(way[n] != "yes" for way in ways) for n in range(4))


def test_both_coders_agree_on_the_page() -> None:
    """Without disagreement the second coder gives the same answers to every record."""
    apart = ("coder", "confidence")
    by_coder: dict[str, list[Row]] = {}
    for row in page(1).codings():
        by_coder.setdefault(row["coder"], []).append(
            {k: v for k, v in row.items() if k not in apart}
        )
    assert len(by_coder) == 2
    first, second = by_coder.values()
    assert first == second and len(first) == 1294


def test_disagreement_is_the_share_of_answers_on_which_the_second_coder_errs() -> None:
    """Ten per cent of the second coder's answers differ; records and first coder do not change."""
    noisy = published_page(1, disagreement=0.1)
    assert list(noisy.records()) == list(page(1).records())
    plain, erring = list(page(1).codings()), list(noisy.codings())
    assert erring[::2] == plain[::2]
    pairs = [(a[d], b[d]) for a, b in zip(plain[1::2], erring[1::2], strict=True) for d in WORDS]
    share = sum(a != b for a, b in pairs) / len(pairs)
    assert 0.09 < share < 0.11  # 16,822 answers: four standard errors are 0.009
    assert all(_legal(row) for row in erring)


def _legal(row: Row) -> bool:
    answers = {d: row[d] if d in MULTI else (row[d],) for d in WORDS}
    return not any(BOOK.fault(d, tuple(value)) for d, value in answers.items())


def test_words_cover_the_codebook_and_nothing_else() -> None:
    """Dimensions and classes of the words are those of the shipped codebook."""
    assert {d: list(classes) for d, classes in WORDS.items()} == {
        d.id: list(d.class_ids) for d in BOOK.dimensions
    }
    assert {d.id for d in BOOK.dimensions if d.multi} == set(MULTI)


@pytest.mark.parametrize("made", [page(3), corpus(300, cities=12, seed=5, coders=3)])
def test_rows_are_valid_and_plainly_synthetic(made: SyntheticCorpus) -> None:
    """Every record is a valid record of the panel, marked, and dated from 2008 to 2022."""
    seen = set()
    for row in made.records():
        record = Record(
            id=row["id"],
            kind=row["kind"],
            title=row["title"],
            lead_type=row["lead_type"],
            start=str(row["start_year"] or ""),
            end=str(row["end_year"] or ""),
            status=row["status"],
            funding=Funding(row["funding"]["source"]),
            events=tuple(Event(str(e["year"]), e["stage"]) for e in row["events"]),
        )
        assert faults(record) == []
        assert row["city"] in {c.name for c in made.cities} and row["country"] == "ZZ"
        assert "(synthetic)" in row["title"] and "Synthetic" in row["description"]
        years = [e["year"] for e in row["events"]]
        assert years == sorted(years) and all(2008 <= y <= 2022 for y in years)
        assert bool(years) == bool(row["start_year"]) and row["id"] not in seen
        seen.add(row["id"])
    assert all(valid_id(city.id) for city in made.cities)


@pytest.mark.parametrize("made", [page(3), corpus(300, cities=12, seed=5, coders=3)])
def test_quotes_stand_in_the_text_and_answers_are_legal(made: SyntheticCorpus) -> None:
    """Evidence is a true substring of the description, and each coder codes each record once."""
    texts = {row["id"]: row["description"] for row in made.records()}
    coded: Counter[str] = Counter()
    for row in made.codings():
        assert all(quote and quote in texts[row["id"]] for quote in row["evidence"].values())
        assert _legal(row)
        coded[row["coder"]] += 1
    assert coded == dict.fromkeys(made.coders, len(texts))


def test_answers_about_stage_and_setting_agree_with_the_events() -> None:
    """A record that nobody tried has no pilot, and the coded stage is the last event's."""
    rows = projects(page(2))
    assert {r["stage"] for r in rows} == {"planned", "pilot", "scaled", "diffused", "ended"}
    for row in rows:
        assert row["stage"] == row["events"][-1]["stage"]
        if row["real_setting"] != "yes":
            assert {e["stage"] for e in row["events"]} <= {"planned", "ended"}


def test_the_page_has_grown_since_2019() -> None:
    """As of the end of 2019 the page is smaller, and some records stood at an earlier stage."""
    rows = list(page(1).records())
    before = [row for row in rows if row["start_year"] <= 2019]
    moved = [r for r in before if r["events"][0]["year"] <= 2019 < r["events"][-1]["year"]]
    assert len(rows) * 0.4 < len(before) < len(rows) * 0.9
    assert len(moved) > 50


def test_no_text_names_a_real_city() -> None:
    """None of the page's cities occurs anywhere in the made-up rows."""
    named = [c for f in FIGURES.claims for c in f.order]
    text = json.dumps([list(page(1).records()), page(1).source_toml()])
    assert named and not [city for city in named if city in text]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """The same seed gives the same three files, and another seed others."""
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        published_page(seed, disagreement=0.2).write(tmp_path / name)
    first, second, third = (
        {f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in "abc"
    )
    assert set(first) == {"records.jsonl", "codings.jsonl", "source.toml"}
    assert first == second
    assert first["records.jsonl"] != third["records.jsonl"]


def test_written_rows_and_descriptor_read_back(tmp_path: Path) -> None:
    """The files hold the rows, and source.toml declares a synthetic census."""
    made = corpus(40, cities=3, seed=2, coders=2)
    made.write(tmp_path)
    lines = (tmp_path / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(made.records())
    coded = (tmp_path / "codings.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in coded] == list(made.codings())
    source = tomllib.loads((tmp_path / "source.toml").read_text(encoding="utf-8"))
    assert source["synthetic"] is True and source["design"] == "census"
    assert list(source["coders"]) == list(made.coders)
    assert source["files"] == ["records.jsonl", "codings.jsonl"]


def test_a_failed_write_leaves_the_earlier_corpus_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails half-way the files of before stay and no part is left behind."""
    corpus(5, cities=2, seed=1).write(tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SourceError, match="No space left"):
        corpus(5, cities=2, seed=2).write(tmp_path)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Writing into a path that is a file names it and says what to do."""
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    with pytest.raises(SourceError, match="taken: the synthetic corpus cannot be written"):
        corpus(1, cities=1, seed=1).write(tmp_path / "taken")
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "wrong",
    [{"records": -1}, {"cities": 0}, {"coders": 0}, {"coders": 27}, {"disagreement": 1.5}],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    """Each argument out of range is named in the error."""
    asked: dict[str, Any] = {"records": 1, "cities": 1, "seed": 1} | wrong
    with pytest.raises(SourceError, match=f"{next(iter(wrong))} is out of range"):
        corpus(asked.pop("records"), **asked)


def test_a_larger_corpus_begins_with_a_smaller_one() -> None:
    """Records are drawn one by one, so that asking for more changes none of the first."""
    few = [r["description"] for r in corpus(50, cities=9, seed=4).records()]
    more = [r["description"] for r in corpus(200, cities=9, seed=4).records()]
    assert more[:50] == few


def test_the_free_corpus_has_what_the_page_has_not() -> None:
    """Some records are undated, some not urban, and cities differ in size as ranks do."""
    made = corpus(4000, cities=30, seed=1)
    rows, answers = list(made.records()), list(made.codings())
    assert 40 < sum(not row["events"] for row in rows) < 130
    assert 100 < sum(row["scope"] == "not_urban" for row in answers) < 230
    sizes = Counter(row["city"] for row in rows)
    assert sizes["City 01"] > 3 * sizes["City 30"] > 0
