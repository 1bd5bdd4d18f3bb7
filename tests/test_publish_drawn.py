"""The site of the starter corpus of which 150 records were drawn and coded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from innovatory import demo, observatory, pipeline, sampling
from innovatory.observatory import Observatory
from test_publish_browser import browser, opened

__all__ = ["browser"]

SIZE = 150
SOURCE = """
id = "starter-corpus"
title = "A part of the starter corpus"
design = "census"
population = "the records of the starter corpus"
files = ["records.jsonl", "facts.jsonl"]
[coders.coder-a]
kind = "person"
[coders.coder-b]
kind = "person"
"""


def lines(name: str) -> list[dict[str, Any]]:
    """The rows of a file of the starter corpus."""
    text = (demo.CORPUS / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def facts(ids: list[str]) -> Iterator[dict[str, Any]]:
    """A draw, what people answered on its records, and what a language model did on others."""
    draw = sampling.simple_random(ids, SIZE, id="draw-1", seed=7)
    second = sampling.second(draw.members, 0.2, id="draw-1", seed=7)
    yield {"fact": "draw", "id": "draw-1", "design": "simple_random", "seed": 7,
           "members": dict(draw.members), "frame": dict(draw.frame),
           "second": list(second)}  # fmt: skip
    yield {"fact": "coder", "id": "model-x", "kind": "llm", "label": "Model X"}
    for row in lines("codings.jsonl"):
        if row["id"] in draw.members and (row["coder"] == "coder-a" or row["id"] in second):
            yield row
    (first, *_), drawn = second, sorted(draw.members)
    for member in (first, *drawn[:20]):
        yield {"fact": "coding", "record": member, "dimension": "sector", "coder": "model-x",
               "value": "other"}  # fmt: skip
    yield {"fact": "coding", "record": first, "dimension": "goal", "coder": "coder-a",
           "value": "other", "coded_at": "2026-11-03T10:00:00Z",
           "suggestion": "model-x"}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """The observatory with one edition built and its site."""
    folder = tmp_path_factory.mktemp("drawn-site") / "cities"
    demo.starter(folder)
    settings = folder / "observatory.toml"
    text = settings.read_text("utf-8")
    before, _, _ = text.partition("[[edition]]")
    settings.write_text(
        re.sub(r"reference = .*\n", 'reference = ["coder-a", "coder-b"]\n', before)
        + '[[edition]]\nname = "2026"\nas_of = "2026-11-30"\n',
        "utf-8",
    )
    source = folder / "source"
    source.mkdir()
    (source / "source.toml").write_text(SOURCE, "utf-8")
    records = lines("records.jsonl")
    for name, rows in (("records", records), ("facts", facts([r["id"] for r in records]))):
        held = "".join(json.dumps(row) + "\n" for row in rows)
        (source / f"{name}.jsonl").write_text(held, "utf-8")
    found = observatory.load(folder)
    for item in pipeline.collect(found, [source]):
        assert not [reject for reject in item.rejects if not reject.kept], item.rejects
    pipeline.build_editions(found)
    pipeline.publish_site(found)
    return found


def page(place: Observatory, path: str) -> str:
    """The text of a page, without tags, its white space in order."""
    html = (place.site / "2026" / path).read_text("utf-8")
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def rows(place: Observatory, name: str) -> list[dict[str, Any]]:
    """The rows of a table of the edition."""
    path = place.edition_folder("2026") / "tables" / f"{name}.parquet"
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def record(place: Observatory, *, coded: bool) -> str:
    """A record with two reference coders and a suggestion seen, or one that nobody coded."""
    if coded:
        return next(r["record_id"] for r in rows(place, "codings") if r["suggestion"])
    return next(str(r["record_id"]) for r in rows(place, "records") if not r["coders"])


def test_the_front_page_says_what_its_first_number_rests_on(place: Observatory) -> None:
    """The receipt stands under the headline once, and the key tells of the sample."""
    text = page(place, "index.html")
    assert len(re.findall(r"\d+ of 365 projects coded by people, drawn at random", text)) == 1
    assert "by always giving the commonest answer" in text
    assert "the brackets also hold the error of the sample (95%)" in text
    assert "[0, 284" not in text


def test_cities_of_which_too_little_was_read_are_not_ranked(place: Observatory) -> None:
    """Projects are counted and ranked; innovative ones are not, and it is said why."""
    text = page(place, "cities.html")
    assert (
        "Projects by city: ranking" in text and "Innovative projects by city: ranking" not in text
    )
    assert re.search(r"Not ranked: innovative projects, share of innovative projects\. In \d+ of "
                     r"the 31 cities fewer than five records were coded\.", text)  # fmt: skip
    assert "not audited" in text
    claims = json.loads((place.edition_folder("2026") / "claims.json").read_text("utf-8"))
    (leaders,) = [claim for claim in claims if claim["id"] == "leaders-innovative"]
    assert not leaders["printed"] and "fewer than five records were coded" in leaders["reason"]


def test_a_city_shows_its_share_drawn_towards_the_others(place: Observatory) -> None:
    """The pooled share is marked as such, with its interval, and the method explains it."""
    (row, *_) = rows(place, "city_pooled")
    text = page(place, f"cities/{row['city_id']}.html")
    assert "pooled with the other cities" in text and f"{100 * row['pooled']:.0f}%" in text
    assert re.search(r"Goals of the \d+ of \d+ projects that were coded", text)
    assert "Shares of cities, pooled" in page(place, "method.html")


def test_a_record_nobody_coded_shows_what_a_machine_expects(place: Observatory) -> None:
    """It is marked as not counted; nothing is shown of the kind where people answered."""
    text = page(place, f"records/{record(place, coded=False)}.html")
    assert "Nobody has coded this record yet." in text
    assert "What a machine expects, not counted as an answer" in text
    assert re.search(r"(almost surely|probably|rather than not)", text)
    assert "What a machine expects" not in page(place, f"records/{record(place, coded=True)}.html")


def test_a_record_says_whose_answers_count_and_how_they_came_about(place: Observatory) -> None:
    """The language model's answer is shown and not counted, and is no dispute."""
    name = record(place, coded=True)
    text = page(place, f"records/{name}.html")
    assert "Model X: shown, and not counted" in text
    assert "coder-a: 3 November 2026; saw a suggestion first on 1 of 13 questions" in text
    sectors = {r["coder_id"]: r["value"] for r in rows(place, "codings")
               if r["record_id"] == name and r["dimension"] == "sector"}  # fmt: skip
    assert sectors["model-x"] == "other"
    assert "Model X" not in page(place, "disputes.html")


def test_the_method_tells_how_records_were_come_by(place: Observatory) -> None:
    """Who counts, how many were drawn, how good the machine is, how far people agree."""
    text = page(place, "method.html")
    for words in ("Model X a language model; not counted", "coder-a a person", "All questions",
                  "Right by always giving the commonest answer", "Krippendorff"):  # fmt: skip
        assert words in text, words


PAGES = ("index.html", "claims/innovative-share.html", "claims/leaders-innovative.html",
         "cities.html", "cities/seoul-kr.html", "method.html", "disputes.html",
         "tables/by_sector.html", "tables/city_by_innovative.html")  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_of_estimates_fit_and_are_accessible(
    place: Observatory, browser: Any, width: int, scheme: str
) -> None:
    """No page is wider than the screen or complains, and axe finds nothing."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing"
    ).Axe()
    shown, complaints = opened(browser, width=width, scheme=scheme)
    found = []
    own = [f"records/{record(place, coded=coded)}.html" for coded in (True, False)]
    for path in (*PAGES, *own):
        shown.goto((place.site / "2026" / path).as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width, path
        assert complaints == [], path
        for violation in axe.run(shown).response["violations"]:
            where = [node["target"] for node in violation["nodes"][:3]]
            found.append((path, violation["id"], where))
        # axe asks for the style sheet, which the pages' policy forbids: that is its own complaint.
        complaints.clear()
    assert found == []
    shown.context.close()
