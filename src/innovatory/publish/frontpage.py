"""The front page of an edition: the strongest findings with a picture, then all by theme."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from markupsafe import Markup

from innovatory import design
from innovatory.publish import worldmap
from innovatory.publish.charts import Chart, interval_chart, ladder_chart, matrix_chart
from innovatory.publish.citypages import ranking, unranked
from innovatory.publish.claimpages import drawn, figure_of
from innovatory.publish.countpages import crossed, in_order, leading, marks, most_common
from innovatory.publish.listpages import CHANGES
from innovatory.publish.pages import Draft, Page, Shared
from innovatory.publish.reading import Claim
from innovatory.publish.referencepages import DESIGNS
from innovatory.publish.wording import anchor, number, query, sentence
from innovatory.records import STAGES, Design

TABLES = ("city_ranks", "sector_by_goal", "cities", "classes", "changes", "sources")
"""The tables that the front page is made from, besides those that count one dimension."""

PLAINLY = {
    Design.CENSUS: "Everything that belongs was looked for.",
    Design.RANDOM: "The records are a random sample: by chance, another sample would have given "
    "other numbers.",
    Design.QUOTA: "The collector set beforehand how many records to look for, city by city. That a "
    "city has more records here than another shows how the search was planned, not how much the "
    "city does.",
    Design.SELF_REPORTED: "The records were sent in by those who run the projects. Who did not "
    "write, and what failed, is missing.",
    Design.CONVENIENCE: "The records were taken as they came to hand. Nobody knows what is "
    "missing.",
}
"""What each design means for a reader who has never heard of one."""

THEMES = (
    ("state", "The state of innovation"),
    ("drivers", "Who drives it"),
    ("where", "Where it happens"),
    ("sectors", "In which sectors"),
    ("goals", "To what end"),
    ("stages", "How far it has come"),
    ("changes", "What has changed"),
    ("other", "Other findings"),
)
"""The headings of the front page in the order of the published report, each with its id."""

IN_BRIEF = 3

_BEHIND = re.compile(r" (\[[^\]]*\])? ?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim as the front page tells it: its sentence, its interval drawn.

    Where the sentence begins with the number, `figure` is that number, `reach` the interval in
    brackets behind it and `rest` what follows; else `rest` is the whole sentence. The drawing runs
    from none to all of `base`; `receipt` says in a line what the number rests on.
    """

    claim_id: str
    title: str
    figure: str
    reach: str
    rest: str
    drawing: Markup
    base: str
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Theme:
    """A heading of the front page: findings to show, `further` ones folded away, pictures.

    `roll` lists what is held of each city where no ranking is carried, `changed` how many records
    changed in each way: (name, number, page).
    """

    name: str
    heading: str
    findings: tuple[Finding, ...]
    further: tuple[Finding, ...]
    charts: tuple[Chart, ...]
    roll: tuple[tuple[str, str, str], ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """What the collection cannot carry: the design and what follows from it, in plain words.

    `withheld` are the claims not made, by the reason given in the edition.
    """

    plainly: str
    carries: str
    cannot: str
    withheld: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class FrontPage(Page):
    """What the edition is, its strongest findings with a picture, then all findings by theme.

    `totals` are (number, what, where it opens); `limit` is None where every claim is made;
    `estimated` says that some number stands for records that nobody coded.
    """

    totals: tuple[tuple[str, str, str], ...]
    brief: tuple[Finding, ...]
    picture: Chart | None
    credit: str
    themes: tuple[Theme, ...]
    unranked: str
    limit: Limit | None
    estimated: bool


def finding(claim: Claim) -> Finding:
    """A claim as the front page tells it.

    >>> claim = Claim("a", "A", "27.5% [25, 30] of the 20 are.", "share", True, value=5.5, base=20,
    ...               percent=27.5)
    >>> found = finding(claim)
    >>> found.figure, found.reach, found.rest
    ('27.5%', '[25, 30]', 'of the 20 are.')
    """
    figure = figure_of(claim)
    plain = figure.strip("[]")
    if not plain or not claim.text.startswith(f"{plain} "):
        return Finding(claim.id, claim.title, "", "", claim.text, Markup(""), "")
    behind = _BEHIND.match(claim.text, len(plain))
    reach, rest = behind.groups("") if behind else ("", "")
    base = "" if claim.base is None else number(claim.base)
    return Finding(claim.id, claim.title, figure, reach, rest, drawn(claim), base, claim.receipt)


def theme_of(claim: Claim) -> str:
    """The heading that a claim stands under, from the table it is read from.

    >>> theme_of(Claim("a", "A", "", "share", True, table="by_sector_published"))
    'sectors'
    >>> theme_of(Claim("a", "A", "", "leaders", True, table="city_ranks"))
    'where'
    """
    if claim.kind in ("count", "scope") and claim.table in ("by_kind", ""):
        return "state"
    starts = {
        "by_innovative": "state", "by_driver": "drivers", "city_ranks": "where",
        "by_city": "where", "sector_published_by_goal": "goals", "sector_by_goal": "goals",
        "by_sector": "sectors", "by_goal": "goals", "by_stage": "stages", "changes": "changes",
    }  # fmt: skip
    return next((name for start, name in starts.items() if claim.table.startswith(start)), "other")


def drafts(shared: Shared) -> Iterator[Draft]:
    """The front page."""
    counts = (t.name for t in shared.edition.manifest.tables if t.name.startswith("by_"))
    tables = (*TABLES, *counts)
    key = shared.key(shared.edition.claims, shared.edition.manifest.counts, tables=tables)
    yield Draft("index.html", "front.html", key, partial(_front, shared))


def _rules(shared: Shared) -> list[tuple[str, str]]:
    """The dimensions that say whether a project is innovative, the strict one first."""
    known = [d for d in shared.book.derived if "innovative" in (d.id, d.relaxes)]
    return [(d.id, d.title) for d in known]


def _front(shared: Shared) -> FrontPage:
    claims = [c for c in shared.edition.claims if c.printed]
    themes = [_theme(shared, name, heading, claims) for name, heading in THEMES]
    shown = [theme for theme in themes if theme.findings or theme.further or theme.charts
             or theme.roll or theme.changed]  # fmt: skip
    picture, credit = _picture(shared)
    return FrontPage(
        shared.at("index.html"),
        "Findings",
        _totals(shared),
        tuple(theme.findings[0] for theme in shown if theme.findings)[:IN_BRIEF],
        picture,
        credit,
        tuple(shown),
        unranked(shared),
        _limit(shared),
        any(claim.basis in ("estimated", "model") for claim in claims),
    )


def _theme(shared: Shared, name: str, heading: str, claims: Sequence[Claim]) -> Theme:
    # What the edition holds stands above all themes, as its totals.
    mine = [c for c in claims if theme_of(c) == name and c.id != "size"]
    draw = {
        "state": _innovative, "drivers": _drivers, "where": _ranked, "sectors": _sectors,
        "goals": _goals, "stages": _stages,
    }.get(name)  # fmt: skip
    return Theme(
        name,
        heading,
        tuple(finding(c) for c in mine if c.headline),
        tuple(finding(c) for c in mine if not c.headline),
        tuple(draw(shared)) if draw else (),
        _roll(shared) if name == "where" else (),
        _changed(shared) if name == "changes" else (),
    )


def _limit(shared: Shared) -> Limit | None:
    reasons: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for claim in shared.edition.claims:
        if not claim.printed:
            reasons[sentence(claim.reason)].append((claim.id, claim.title))
    if not reasons:
        return None
    weakest = design.weakest(row["design"] for row in shared.edition.rows("sources"))
    carries, cannot = DESIGNS[weakest]
    withheld = tuple((reason, tuple(found)) for reason, found in reasons.items())
    return Limit(PLAINLY[weakest], carries, cannot, withheld)


def _totals(shared: Shared) -> tuple[tuple[str, str, str], ...]:
    counts = shared.edition.manifest.counts
    wanted = (
        ("projects", "projects", "records.html" + query(kind="project")),
        ("living_labs", "living labs", "records.html" + query(kind="living_lab")),
        ("cities", "cities", "cities.html"),
        ("disputed_records", "records on which coders differ", "disputes.html"),
        ("undated_records", "records without a dated event", "method.html#dates"),
        ("unresolved_places", "places of no known city", "method.html#places"),
    )
    always = ("projects", "living_labs", "cities", "disputed_records")
    shown = [line for line in wanted if counts.get(line[0]) or line[0] in always]
    return tuple((number(counts.get(k, 0)), words, href) for k, words, href in shown)


def _picture(shared: Shared) -> tuple[Chart | None, str]:
    """The map where the cities' places are known, else the ranking or the cities as tiles."""
    rows = {r["city_id"]: r for r in shared.edition.rows("cities")}
    found = marks(shared, "by_city", population="projects", counting="full")
    if not found:
        return None, ""
    placed = [
        worldmap.Dot(mark, rows[city]["lat"], rows[city]["lon"])
        for city, mark in found
        if city in rows and rows[city]["lat"] is not None and rows[city]["lon"] is not None
    ]
    title = "Projects by city"
    counts = sorted(mark.count for _, mark in found)
    words = f"{len(found)} cities, with {number(counts[0])} to {number(counts[-1])} projects each."
    if len(placed) == len(found):
        words = f"{words} The area of a dot is the number of projects."
        chart = worldmap.map_chart(placed, name="map", title=title, finding=words)
        return chart, worldmap.outlines().credit
    tiles = [mark for _, mark in found]
    ranked = ranking(shared, "projects")
    return ranked or worldmap.grid_chart(tiles, name="map", title=title, finding=words), ""


def _innovative(shared: Shared) -> list[Chart]:
    bars = []
    for dimension, title in _rules(shared):
        found = dict(marks(shared, f"by_{dimension}", population="projects"))
        bars += [replace(found["yes"], label=title)] if "yes" in found else []
    if len(bars) < 2:
        return []
    finding = "The strict rule first; each of the others asks for less."
    title = "Innovative projects under each rule"
    return [interval_chart(bars, title=title, finding=finding, head="Rule")]


def _bars(shared: Shared, table: str, population: str, title: str, of: str) -> list[Chart]:
    found = marks(shared, table, population=population)
    bars = [mark for _, mark in sorted(found, key=lambda pair: -pair[1].count)]
    if not bars:
        return []
    return [interval_chart(bars, title=title, finding=leading(bars, of=of))]


def _drivers(shared: Shared) -> list[Chart]:
    title = "Who drives the innovative projects"
    return _bars(shared, "by_driver_group", "innovative", title, "innovative projects")


def _ranked(shared: Shared) -> list[Chart]:
    measures = ("innovative", "living_labs")
    return [chart for measure in measures if (chart := ranking(shared, measure))]


def _sectors(shared: Shared) -> list[Chart]:
    title = "Innovative projects by sector"
    bars = _bars(shared, "by_sector_published", "innovative", title, "innovative projects")
    return bars or _bars(shared, "by_sector", "projects", "Projects by sector", "projects")


def _goals(shared: Shared) -> list[Chart]:
    title = "Goals of the innovative projects led by the city or the private sector"
    population = "innovative_city_or_private"
    found = _bars(shared, "by_goal", population, title, "such projects")
    cells = crossed(shared, "sector_by_goal", rows="sector", columns="goal", population="projects")
    if cells:
        rows = in_order(shared, "sector", [a for a, _ in cells])
        columns = in_order(shared, "goal", [b for _, b in cells])
        words = most_common(cells, rows, columns, of="projects")
        title = "Projects by sector and goal"
        found.append(matrix_chart(cells, rows=rows, columns=columns, title=title, finding=words))
    return found


def _stages(shared: Shared) -> list[Chart]:
    found = marks(shared, "by_stage", population="projects")
    steps = [m for stage, m in found if stage in STAGES and stage != "ended"]
    aside = [m for stage, m in found if stage not in STAGES or stage == "ended"]
    if not found:
        return []
    title, finding = "Projects by the stage they have reached", "By the latest dated event of each."
    return [ladder_chart(steps, aside=aside, name="ladder", title=title, finding=finding)]


def _roll(shared: Shared) -> tuple[tuple[str, str, str], ...]:
    if not unranked(shared):
        return ()
    found = dict(marks(shared, "by_city", population="projects", counting="full"))
    cities = sorted(shared.city_names.items(), key=lambda city: (city[1].casefold(), city[0]))
    return tuple(
        (name, number(found[city_id].count) if city_id in found else "0", f"cities/{city_id}.html")
        for city_id, name in cities
    )


def _changed(shared: Shared) -> tuple[tuple[str, str, str], ...]:
    counts = Counter(row["change"] for row in shared.edition.rows("changes"))
    return tuple(
        (heading.lower(), number(counts[kind]), f"changes.html#{anchor(heading)}")
        for kind, (heading, _) in CHANGES.items()
        if counts[kind]
    )
