"""The publication: what its pages say, that they are safe, and that they are made sparingly."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innovatory.errors import EditionError
from innovatory.publish import Published, publish
from innovatory.publish.charts import Mark, interval_chart, ladder_chart, ticks
from innovatory.publish.countpages import leading
from innovatory.publish.frontpage import finding
from innovatory.publish.pages import NAVIGATION
from innovatory.publish.passages import Quote, segments
from innovatory.publish.reading import Claim
from innovatory.publish.wording import spreadsheet_safe, web_address
from innovatory.publish.worldmap import Dot, grid_chart, map_chart
from test_publish_edition import HOSTILE, Rows, claims, record, rows, small_edition, write_edition


class Elements(HTMLParser):
    """The elements of a page in order: (tag, attributes), and all of its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def made(tmp_path: Path, **edition: Any) -> Path:
    """A site of one small edition, named 2022."""
    folder = small_edition(tmp_path / "editions" / "2022", **edition)
    publish([folder], tmp_path / "site", title="Test cities")
    return tmp_path / "site"


def pages(site: Path) -> dict[str, str]:
    """Every page of a site by its path."""
    return {
        path.relative_to(site).as_posix(): path.read_text("utf-8")
        for path in sorted(site.rglob("*.html"))
    }


def contents(site: Path) -> dict[str, bytes]:
    """Every file of a site but the notes of the last publication."""
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file() and path.name != ".pages.json"
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of an edition in which every text is hostile."""
    return made(tmp_path_factory.mktemp("hostile"), hostile=HOSTILE)


def test_every_kind_of_page_is_there(site: Path) -> None:
    """An edition has its lists, and a page for each city, record, claim and count table."""
    found = pages(site)
    wanted = {"index.html", *(f"2022/{href}" for href, _ in NAVIGATION)}
    wanted |= {f"2022/records/{name}.html" for name in ("bus", "grid", "lab")}
    wanted |= {"2022/cities/graz-at.html", "2022/cities/vienna-at.html"}
    wanted |= {"2022/claims/leaders.html", "2022/claims/transport-share.html"}
    wanted |= {f"2022/tables/{name}.html" for name in ("by_sector", "sector_by_goal", "by_city")}
    assert wanted <= set(found)


def links(page: str) -> Iterator[str]:
    """The addresses that a page points to."""
    for _, attributes in Elements(page).found:
        for name in ("href", "src"):
            if name in attributes:
                yield attributes[name]


def test_every_link_and_anchor_resolves(site: Path) -> None:
    """Links within the site lead to a file that is there, and to an element that is there."""
    found = pages(site)
    ids = {
        path: {a["id"] for _, a in Elements(text).found if "id" in a}
        for path, text in found.items()
    }
    checked = 0
    for path, text in found.items():
        for link in links(text):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = path
            if parts.path:
                target = os.path.normpath(os.path.join(os.path.dirname(path), unquote(parts.path)))
            assert (site / target).is_file(), f"{path}: {link}"
            if parts.fragment and "=" not in parts.fragment:
                assert unquote(parts.fragment) in ids[target], f"{path}: {link}"
            checked += 1
    assert checked > 300


def test_filters_in_links_are_filters_of_the_list(site: Path) -> None:
    """A number opens the list of records with filters and values that the list knows."""
    found = pages(site)
    known: dict[str, set[str]] = {}
    name = ""
    for tag, attributes in Elements(found["2022/records.html"]).found:
        if tag == "select":
            name = attributes["name"]
        elif tag == "option":
            known.setdefault(name, set()).add(attributes["value"])
    asked = [urlsplit(link).fragment for text in found.values() for link in links(text)
             if "records.html#" in link]  # fmt: skip
    pairs = {tuple(pair.split("=")) for text in asked for pair in text.split("&")}
    assert ("sector", "transport") in pairs and ("city", "graz-at") in pairs
    # A class that no record has may be linked from a count of nought.
    assert {filter_name for filter_name, _ in pairs} <= set(known)
    assert all(value in known["sector"] for n, value in pairs if n == "sector")


def test_nothing_is_loaded_from_outside(site: Path) -> None:
    """Scripts and style sheets are the site's own, and nothing runs inline."""
    for path, text in pages(site).items():
        for tag, attributes in Elements(text).found:
            if tag in ("script", "img", "link", "iframe", "object", "embed", "base", "form"):
                source = attributes.get("src", attributes.get("href", ""))
                assert not urlsplit(source).scheme and not source.startswith("//"), path
            if tag == "script":
                assert attributes.get("src") or attributes["type"] == "application/ld+json", path
            assert not [name for name in attributes if name.startswith("on")], path
            assert "style" not in attributes and tag != "style", path
        assert "Content-Security-Policy" in text


def test_hostile_text_is_inert(site: Path) -> None:
    """Markup in a record is shown as text; no tag, no address and no direction gets through."""
    for path, text in pages(site).items():
        tags = [tag for tag, _ in Elements(text).found]
        assert "x-evil" not in tags and "<script>alert" not in text, path
        assert "\u202e" not in text, path
        assert not [a for a in links(text) if a.lower().startswith(("javascript", "data:"))], path
    bus = Elements(pages(site)["2022/records/bus.html"])
    assert "<script>alert('x')</script>" in "".join(bus.text)
    outside = [a for t, a in bus.found if t == "a" and urlsplit(a["href"]).scheme]
    assert [a["href"] for a in outside] == ['https://example.org/?a=1&b="x']
    assert outside[0]["rel"] == "noopener nofollow ugc"
    data = next(
        text for text in Elements(pages(site)["2022/data.html"]).text if "schema.org" in text
    )
    assert json.loads(data)["@type"] == "Dataset"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " https://a.org",
        "//a.org",
        "https:///x",
        "JavaScript:x",
        "https://a.org/\nx",
        "vbscript:x",
        "http://[",
        "",
    ],
)
def test_only_web_addresses_become_links(url: str) -> None:
    """Anything that is not plainly http or https with a host stays text."""
    assert web_address(url) == ""


def test_synthetic_data_says_so_on_every_page(tmp_path: Path) -> None:
    """The banner and the title of each page say it; pages of real data do not."""
    for path, text in pages(made(tmp_path, synthetic=True)).items():
        assert 'class="synthetic"' in text and "<title>SYNTHETIC" in text, path
    for path, text in pages(made(tmp_path / "real")).items():
        assert 'class="synthetic"' not in text and "SYNTHETIC" not in text, path


def test_a_table_comes_before_every_chart(site: Path) -> None:
    """A picture is a labelled image with its table before it, or it is drawn in the table."""
    drawn, rows_drawn = 0, 0
    for path, text in pages(site).items():
        tables = 0
        found = Elements(text).found
        for n, (tag, attributes) in enumerate(found):
            tables += tag == "table"
            if tag == "figure":
                drawn += 1
                tables -= 1
                assert tables >= 0, path
                inside = [t for t, _ in found[n : n + 8]]
                assert {"svg", "title", "desc"} <= set(inside), path
            kind = attributes.get("class", "")
            if tag == "svg" and "chart" in kind:
                assert attributes["role"] == "img" and attributes["aria-labelledby"], path
            elif tag == "svg" and kind in ("track", "bubble"):
                assert attributes["aria-hidden"] == "true", path
                rows_drawn += 1
    assert drawn > 3 and rows_drawn > 20


def test_a_record_shows_its_standing_wherever_it_is_shown(site: Path) -> None:
    """Verified or not, and the doubts, stand beside the record in every list."""
    found = pages(site)
    for path in ("2022/records.html", "2022/cities/vienna-at.html", "2022/disputes.html",
                 "2022/claims/transport-share.html", "2022/changes.html"):  # fmt: skip
        text = found[path]
        bus = text[text.index('records/bus.html"') :]
        row = bus[: bus.index("</tr>")]
        assert "not verified" in row and "doubts" in row and "coders differ on 1" in row, path
    page = found["2022/records/bus.html"]
    assert "not verified" in page and "Doubts:" in page
    assert "verification unknown" in found["2022/records/lab.html"]


def test_quotes_are_marked_though_they_overlap(site: Path) -> None:
    """Each quote found has an anchor in the text and a number back to its answer."""
    page = pages(site)["2022/records/bus.html"]
    found = Elements(page).found
    ids = [a["id"] for _, a in found if "id" in a]
    assert [i for i in ids if i.startswith("q")] == ["q1", "q2", "q3"] or {"q1", "q2", "q3"} <= set(
        ids
    )
    marks = [a for t, a in found if t == "mark" and "data-q" in a]
    assert [m["class"] for m in marks] == ["c0", "c0 c1", "c1"]
    assert "not found in the record" in page and "a-sector-0" in ids


PLACE = st.integers(0, 30)


@given(st.text(max_size=30), st.lists(st.tuples(PLACE, PLACE), max_size=6))
def test_segments_join_to_the_text(text: str, spans: list[tuple[int, int]]) -> None:
    """However quotes overlap, the pieces are the text, and the pieces of a quote are the quote."""
    quotes = []
    for a, b in spans:
        start, end = sorted((min(a, len(text)), min(b, len(text))))
        if start < end:
            n = len(quotes) + 1
            quotes.append(Quote(n, "goal", n % 3, "title", start, end, text[start:end]))
    found = segments(text, quotes)
    assert "".join(s.text for s in found) == text
    for quote in quotes:
        assert "".join(s.text for s in found if quote in s.quotes) == quote.text
        assert sum(quote in s.opens for s in found) == sum(quote in s.closes for s in found) == 1


def test_what_is_not_carried_is_neither_claimed_nor_ranked(site: Path) -> None:
    """A withheld claim is listed with its reason; an uncarried ranking is in order of name."""
    front = pages(site)["2022/index.html"]
    assert "What this collection cannot carry" in front
    assert "The quota was set by the collector." in front
    claim = pages(site)["2022/claims/leaders.html"]
    assert "This claim is not made." in claim
    listed = front[front.index("Projects held by city: not a ranking") :]
    assert listed.index(">Graz<") < listed.index(">Vienna<")
    cities = pages(site)["2022/cities.html"]
    assert "No ranking is given." in cities and "by city: ranking" not in cities
    assert cities.index(">Graz<") < cities.index(">Vienna<")


def places(page: str) -> list[str]:
    """The places of the first table of a page, from the top."""
    return re.findall(r'class="place"[^>]*>([^<]*)<', page[: page.index("</table>")])


def test_a_carried_ranking_gives_the_places_that_disputes_leave_open(tmp_path: Path) -> None:
    """Ranked cities stand by place; what is shared or left open says so in the place itself."""
    tables = rows()
    vienna, graz = tables["city_ranks"]
    carried = {"carried": True, "reason": ""}
    tables["city_ranks"] = [
        graz | carried | {"rank": 2, "count": 1.0, "tied": False},
        vienna | carried | {"rank": 1, "count": 2.0, "high": 2.0, "tied": False},
        graz | carried | {"measure": "living_labs", "rank_worst": 1},
        vienna | carried | {"measure": "living_labs", "rank_worst": 1},
    ]
    page = pages(made(tmp_path, tables=tables))["2022/cities.html"]
    assert "No ranking is given." not in page
    chart = page[page.index("Projects by city: ranking") :]
    assert chart.index(">Vienna<") < chart.index(">Graz<")
    assert places(chart) == ["1–2", "1–2"]
    labs = page[page.index("Living labs by city: ranking") :]
    assert places(labs) == ["1=", "1="]


def test_the_front_page_leads_with_findings_and_a_picture(site: Path) -> None:
    """The strongest finding and the map come first, then each theme, the limits last."""
    front = pages(site)["2022/index.html"]
    places = [front.index(mark) for mark in (
        'class="brief"', 'class="chart world"', 'class="theme" id="where"',
        'class="theme" id="sectors"', 'class="theme" id="changes"', 'id="withheld"',
    )]  # fmt: skip
    assert places == sorted(places)
    text = " ".join("".join(Elements(front).text).split())
    assert "[25.0%] [0, 50] of 2:" in text
    assert "The collector set beforehand how many records to look for" in text


def test_a_sentence_is_not_said_twice() -> None:
    """A claim that begins with its number is split there; any other is left whole."""
    given = Claim("a", "A", "27.5% of 20 are.", "share", True, value=5.5, base=20, percent=27.5)
    assert finding(given).rest == "of 20 are."
    other = Claim("b", "B", "Most: Graz 3.", "leaders", True, value=3)
    assert (finding(other).figure, finding(other).rest) == ("", "Most: Graz 3.")
    tiny = Claim("c", "C", "50.0% of 2 are.", "share", True, value=1, base=2, percent=50.0)
    assert finding(tiny).figure == "[50.0%]" and finding(tiny).rest == "of 2 are."


@pytest.mark.parametrize("carried", [False, True])
def test_headings_skip_no_level(tmp_path: Path, carried: bool) -> None:
    """A page has one main heading, and each further one is at most a level deeper."""
    tables = rows()
    for row in tables["city_ranks"]:
        row["carried"] = carried
    for path, text in pages(made(tmp_path, tables=tables)).items():
        levels = [int(tag[1]) for tag, _ in Elements(text).found if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(b - a <= 1 for a, b in pairwise(levels)), path


def test_two_dimensions_cross_in_one_table(site: Path) -> None:
    """The classes are written in full, and each count stands beside its disc."""
    front = pages(site)["2022/index.html"]
    table = front[front.index('class="crossed') :]
    table = table[: table.index("</table>")]
    assert ">Environment<" in table and ">Special zone<" in table
    assert table.count('class="disc"') == 1 and "…" not in table


def test_a_claim_opens_to_its_records(site: Path) -> None:
    """A claim shows base, interval and query, the records with the disputed ones marked."""
    page = pages(site)["2022/claims/transport-share.html"]
    text = "".join(Elements(page).text)
    assert "25.0%" in text and "0–1 of 2 records" in text and "SELECT 1 < 2" in text
    row = page[page.index('<tr class="disputed">') :]
    assert "records/bus.html" in row[: row.index("</tr>")] and "◐ ½" in row[: row.index("</tr>")]
    with open(site / "2022/claims/transport-share.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(r["record_id"], r["votes"]) for r in lines] == [("bus", "0.5"), ("grid", "1")]


@given(st.text(max_size=8))
def test_no_cell_is_a_formula(text: str) -> None:
    """What a spreadsheet would compute gets an apostrophe; anything else stays as it was."""
    safe = spreadsheet_safe(text)
    assert safe[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert safe in (text, f"'{text}")


def test_the_data_package_is_valid(tmp_path: Path) -> None:
    """The tables are as the package says: fields, types, keys and references."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frictionless = pytest.importorskip("frictionless")
        site = made(tmp_path)
        described = json.loads((site / "2022/data/datapackage.json").read_text("utf-8"))
        report = frictionless.validate(str(site / "2022/data/datapackage.json"))
    assert described["$schema"].endswith("/2.0/datapackage.json")
    assert described["licenses"] == [{"name": "CC-BY-4.0", "title": "CC BY 4.0"}]
    assert report.valid, report.flatten(["type", "message"])[:5]


def test_publishing_again_writes_nothing(tmp_path: Path) -> None:
    """The second publication leaves every file as it was, down to the time it was written."""
    folder = small_edition(tmp_path / "2022")
    site = tmp_path / "site"
    seen: list[tuple[int, int]] = []
    first = publish([folder], site, title="T", progress=lambda done, of: seen.append((done, of)))
    assert first.written == first.pages >= 25 and first.unchanged == first.removed == 0
    assert seen[-1][0] == seen[-1][1] and [d for d, _ in seen] == sorted(d for d, _ in seen)
    times = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    second = publish([folder], site, title="T")
    assert second == Published(first.pages, 0, first.pages, 0, site / "index.html")
    assert times == {path: path.stat().st_mtime_ns for path in site.rglob("*")}


def test_one_changed_coding_rewrites_only_its_pages(tmp_path: Path) -> None:
    """Another answer about one record leaves the pages of the other records alone."""
    site, folder = tmp_path / "site", tmp_path / "2022"
    publish([small_edition(folder)], site, title="T")
    before = contents(site)
    tables = rows()
    tables["codings"][6]["value"] = "other"
    publish([small_edition(folder, tables=tables)], site, title="T")
    after = contents(site)
    changed = {path for path in after if before.get(path) != after[path]}
    assert {p for p in changed if p.endswith(".html")} == {
        "2022/records/grid.html", "2022/disputes.html",
    }  # fmt: skip


def changes() -> dict[str, dict[str, Rows]]:
    """For each table, the rows of an edition in which something of that table is another."""
    found: dict[str, dict[str, Rows]] = {}
    for name in rows():
        tables = rows()
        row = tables[name][0]
        column = next(c for c, v in reversed(row.items()) if isinstance(v, str) and c not in (
            "record_id", "city_id", "city_ids", "class", "dimension", "coder_id", "claim_id",
            "source_id", "population", "counting", "measure", "stage", "when", "sector", "goal",
            "change", "kind",
        )) if name not in ("judgements", "claim_records", "verdicts") else ""  # fmt: skip
        if column:
            row[column] = f"{row[column]} anew"
        elif name == "judgements":
            # What follows changes only with the answers that it follows from.
            row["class"], tables["codings"][2]["value"] = "no", "no"
        else:
            row["votes"] = 0.25
        found[name] = tables
    return found


@pytest.mark.parametrize("table", sorted(rows()))
def test_a_change_is_published_as_if_from_scratch(tmp_path: Path, table: str) -> None:
    """Whatever table changes, publishing over the old site gives the site made anew."""
    tables = changes()[table]
    folder, site = tmp_path / "2022", tmp_path / "site"
    publish([small_edition(folder)], site, title="T")
    small_edition(folder, tables=tables)
    publish([folder], site, title="T")
    publish([folder], tmp_path / "anew", title="T")
    assert contents(site) == contents(tmp_path / "anew")


def test_pages_that_no_longer_belong_are_removed(tmp_path: Path) -> None:
    """A record or an edition that left takes its pages along, and nothing else."""
    site, old, new = tmp_path / "site", tmp_path / "2020", tmp_path / "2022"
    tables = rows()
    tables["records"].append(record("tram"))
    publish([small_edition(old), small_edition(new, tables=tables)], site, title="T")
    (site / "CNAME").write_text("kept")
    assert (site / "2022/records/tram.html").exists()
    done = publish([small_edition(new)], site, title="T")
    assert done.removed > 20
    assert not (site / "2020").exists() and not (site / "2022/records/tram.html").exists()
    assert (site / "CNAME").read_text() == "kept"


def test_the_notes_of_the_last_publication_cannot_remove_other_files(tmp_path: Path) -> None:
    """Paths that lead out of the site are no pages of it, whatever the notes say."""
    site = made(tmp_path)
    outside = tmp_path / "precious.txt"
    outside.write_text("kept")
    notes = json.loads((site / ".pages.json").read_text())
    notes["files"] |= {"../precious.txt": "", str(outside): ""}
    (site / ".pages.json").write_text(json.dumps(notes))
    publish([tmp_path / "editions" / "2022"], site, title="Test cities")
    assert outside.read_text() == "kept"


def test_a_publication_that_stopped_half_way_is_made_whole(tmp_path: Path) -> None:
    """A page lost or a run cut short is made good by the next publication."""
    folder, site = small_edition(tmp_path / "2022"), tmp_path / "site"
    publish([folder], site, title="T")
    whole = contents(site)
    (site / "2022/method.html").unlink()
    tables = rows()
    tables["records"][0]["title"] = "Other"
    small_edition(folder, tables=tables)

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish([folder], site, title="T", progress=stop)
    publish([small_edition(folder)], site, title="T")
    assert contents(site) == whole
    (site / ".pages.json").write_text("{")
    assert publish([folder], site, title="T").written > 20
    assert contents(site) == whole


def test_a_damaged_edition_leaves_the_site_as_it_was(tmp_path: Path) -> None:
    """The publication is refused before a page is touched."""
    folder, site = small_edition(tmp_path / "2022"), tmp_path / "site"
    publish([folder], site, title="T")
    before = contents(site)
    shutil.copy(folder / "tables/places.parquet", folder / "tables/records.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"title": "Another"}))
    with pytest.raises(EditionError, match=r"records\.parquet"):
        publish([folder], site, title="T")
    assert contents(site) == before


def test_editions_need_a_name_each(tmp_path: Path) -> None:
    """Two editions of one name, or none at all, cannot be a site."""
    one, two = small_edition(tmp_path / "a/2022"), small_edition(tmp_path / "b/2022")
    with pytest.raises(EditionError, match="named alike"):
        publish([one, two], tmp_path / "site", title="T")
    with pytest.raises(EditionError, match="no edition"):
        publish([], tmp_path / "site", title="T")


def test_the_opening_page_lists_all_editions(tmp_path: Path) -> None:
    """The newest comes first and is the one to open; the older one is linked where compared."""
    old = small_edition(tmp_path / "2020", as_of="2020-12-31")
    new = small_edition(tmp_path / "2022", earlier={"name": "2020", "as_of": "2020-12-31"})
    publish([old, new], tmp_path / "site", title="T")
    opening = pages(tmp_path / "site")["index.html"]
    assert 'data-forward="2022/index.html"' in opening
    assert opening.index('"2022/index.html">Edition') < opening.index('"2020/index.html">Edition')
    changed = pages(tmp_path / "site")["2022/changes.html"]
    assert 'href="../2020/index.html"' in changed
    assert "Environment (disputed)" in changed


def test_an_edition_with_nothing_in_it_is_published(tmp_path: Path) -> None:
    """No record, no claim, no city: the pages are there and say so."""
    folder = write_edition(tmp_path / "2022", tables={}, claims=[])
    publish([folder], tmp_path / "site", title="T")
    found = pages(tmp_path / "site")
    assert "carries no finding" in found["2022/index.html"]
    assert "0 records" in found["2022/records.html"]


def test_an_edition_with_another_codebook_is_published(tmp_path: Path) -> None:
    """Without the tables of sectors and goals their pictures are left out, and nothing breaks."""
    tables = rows()
    for name in ("by_sector", "by_goal", "sector_by_goal", "city_by_sector", "city_ranks"):
        tables[name] = []
    tables["cities"] = [city | {"lat": None, "lon": None} for city in tables["cities"]]
    found = pages(made(tmp_path, tables=tables))
    assert "Projects by sector" not in found["2022/index.html"]
    assert 'class="tile"' in found["2022/index.html"]


def test_charts_draw_what_their_tables_say() -> None:
    """A whisker is drawn where the ends differ, a hollow dot where the base is tiny."""
    marks = [Mark("A", 5, 4, 6, 20), Mark("B", 2, 2, 2, 3, 2 / 3, 2 / 3, 2 / 3)]
    table = interval_chart(marks, title="T", finding="F.").table
    first, second = table.rows
    assert first[1].glyph.count("<line") == 1 and "hollow" not in first[1].glyph
    assert second[1].glyph.count("<line") == 0 and "dot hollow" in second[1].glyph
    assert (first[2].text, first[2].note) == ("5", "4–6") and second[3].text == "[67%]"
    assert table.columns[1].ticks == ("0", "2", "4", "6")
    ladder = ladder_chart(marks, aside=[Mark("C", 1, 1, 1)], name="l", title="T", finding="F.")
    assert len(ladder.table.rows) == 3


@given(st.floats(0.01, 1e7))
def test_ticks_cover_the_scale(top: float) -> None:
    """The last tick is at least the largest number, and there are never many."""
    found = ticks(top)
    assert found[0] == 0 and found[-1] >= top * (1 - 1e-9) and len(found) <= 7


def test_a_crowded_europe_is_enlarged() -> None:
    """Six cities near each other get an inset; every city keeps its line in the table."""
    dots = [Dot(Mark(f"C{n}", n + 1, n, n + 1), 45.0 + n, 2.0 * n) for n in range(6)]
    far = [Dot(Mark("Far & away", 3, 3, 3), -33.0, 151.0)]
    chart = map_chart(dots + far, name="m", title="T", finding="F.")
    assert "<use " in chart.svg and "Far &amp; away" in chart.svg
    assert len(chart.table.rows) == 7
    assert "<use " not in map_chart(far, name="m", title="T", finding="F.").svg
    assert "C1" in grid_chart([dots[1].mark], name="g", title="T", finding="F.").svg


def test_no_lead_is_claimed_that_disputes_could_undo() -> None:
    """A class is only said to come next where no dispute could put it before the first."""
    marks = [Mark("A", 5, 5, 5), Mark("B", 4, 1, 4), Mark("C", 3, 0, 6)]
    assert leading(marks, of="labs") == "Most labs: A, 5; not distinguishable from C."
    assert claims()[0]["id"] == "transport-share"
