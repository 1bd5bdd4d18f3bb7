"""The front page of an edition, and each of its claims opened to what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from innovatory.publish import worldmap
from innovatory.publish.charts import Chart, Mark, interval_chart, matrix_chart
from innovatory.publish.citypages import measure_chart
from innovatory.publish.countpages import crossed, in_order, leading, marks, most_common
from innovatory.publish.pages import Brief, Draft, Page, Shared
from innovatory.publish.reading import Claim
from innovatory.publish.table import Cell, Column, Table, counted, glyph
from innovatory.publish.wording import TINY_BASE, number, query, sentence, span, votes_in_words

SCOPES = {
    "corpus": "said of the records gathered, and of nothing beyond them",
    "population": "said of what the sources stand for",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim as the front page lists it: its value and interval in figures, and drawn."""

    claim_id: str
    title: str
    text: str
    figure: str
    interval: str
    drawing: Markup
    reason: str


@dataclass(frozen=True)
class FrontPage(Page):
    """The findings in words, those that the collection cannot carry, and three pictures.

    `further` are findings that are no headlines, `withheld` those not made by the reason why;
    `totals` are (number, what, where it opens).
    """

    totals: tuple[tuple[str, str, str], ...]
    findings: tuple[Finding, ...]
    further: tuple[Finding, ...]
    withheld: tuple[tuple[str, tuple[Finding, ...]], ...]
    charts: tuple[Chart, ...]
    attribution: str


@dataclass(frozen=True)
class ClaimPage(Page):
    """A claim opened: the sentence, base, interval, query, rule and the records counted.

    `records` are (record, votes in words, whether its coders differ); `leaders` is the table of
    a claim about leaders.
    """

    claim: Claim
    finding: Finding
    scope: str
    base: str
    table_page: str
    counting: str
    leaders: Table | None
    records: tuple[tuple[Brief, str, bool], ...]


def finding(claim: Claim) -> Finding:
    """A claim in figures: a share in percent, else the count; its interval in records.

    >>> claim = Claim("a", "A", "", "share", True, value=5.5, low=5, high=6, base=20, percent=27.5)
    >>> found = finding(claim)
    >>> found.figure, found.interval
    ('27.5%', '5–6 of 20')
    """
    if claim.kind == "share" and claim.percent is not None:
        decimals = 1 if claim.decimals is None else claim.decimals
        figure = f"{claim.percent:.{decimals}f}%"
        if claim.base is not None and claim.base < TINY_BASE:
            figure = f"[{figure}]"
    else:
        figure = number(claim.value) if claim.value is not None else ""
    interval = span(claim.low, claim.high)
    if interval and claim.base is not None:
        interval = f"{interval} of {number(claim.base)}"
    scale = claim.base or claim.high
    drawn = scale is not None and (claim.base is not None or bool(interval))
    return Finding(
        claim.id,
        claim.title,
        claim.text,
        figure,
        interval,
        glyph(claim.value, claim.low, claim.high, top=scale or 0) if drawn else Markup(""),
        claim.reason,
    )


def drafts(shared: Shared) -> Iterator[Draft]:
    """The front page and a page for each claim."""
    tables = ("by_city", "city_ranks", "sector_by_goal", "cities", "classes", "by_sector")
    key = shared.key(shared.edition.claims, shared.edition.manifest.counts, tables=tables)
    yield Draft("index.html", "findings.html", key, partial(_front, shared))
    for claim in shared.edition.claims:
        records = shared.counted[claim.id]
        described = shared.edition.described(claim.table) is not None
        key = shared.key(claim, records, described, shared.edition.manifest.counting)
        yield Draft(
            f"claims/{claim.id}.html", "claim.html", key, partial(_claim, shared, claim, records)
        )


def _front(shared: Shared) -> FrontPage:
    claims = shared.edition.claims
    charts = [*_map(shared), *_cities(shared), *_matrix(shared)]
    drawn_map = bool(charts) and any(r["lat"] is not None for r in shared.edition.rows("cities"))
    return FrontPage(
        shared.at("index.html"),
        "Findings",
        _totals(shared),
        tuple(finding(c) for c in claims if c.printed and c.headline),
        tuple(finding(c) for c in claims if c.printed and not c.headline),
        _withheld(claims),
        tuple(charts),
        worldmap.outlines().credit if drawn_map else "",
    )


def _withheld(claims: Sequence[Claim]) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
    reasons: dict[str, list[Finding]] = {}
    for claim in claims:
        if not claim.printed:
            reasons.setdefault(sentence(claim.reason), []).append(finding(claim))
    return tuple((reason, tuple(found)) for reason, found in reasons.items())


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


def _map(shared: Shared) -> list[Chart]:
    rows = {r["city_id"]: r for r in shared.edition.rows("cities")}
    found = marks(shared, "by_city", population="projects", counting="full")
    if not found:
        return []
    placed = [
        worldmap.Dot(mark, rows[city]["lat"], rows[city]["lon"])
        for city, mark in found
        if city in rows and rows[city]["lat"] is not None and rows[city]["lon"] is not None
    ]
    title = "Projects by city"
    reach = sorted(mark.count for _, mark in found)
    words = (
        f"{len(found)} cities hold from {number(reach[0])} to {number(reach[-1])} projects each; "
        "the area of a dot is the number of projects."
    )
    if len(placed) == len(found):
        return [worldmap.map_chart(placed, name="map", title=title, finding=words)]
    words = words.split(";")[0] + "."
    return [worldmap.grid_chart([m for _, m in found], name="map", title=title, finding=words)]


def _cities(shared: Shared) -> list[Chart]:
    chart = measure_chart(shared, "projects", name="rank")
    return [chart] if chart else []


def _matrix(shared: Shared) -> list[Chart]:
    cells = crossed(shared, "sector_by_goal", rows="sector", columns="goal", population="projects")
    if cells:
        rows = in_order(shared, "sector", [a for a, _ in cells])
        columns = in_order(shared, "goal", [b for _, b in cells])
        words = most_common(cells, rows, columns, of="projects")
        return [
            matrix_chart(
                cells, rows=rows, columns=columns, name="matrix",
                title="Projects by sector and goal", finding=words,
            )
        ]  # fmt: skip
    bars: list[Mark] = [m for _, m in marks(shared, "by_sector", population="projects")]
    if not bars:
        return []
    words = leading(bars, of="projects")
    return [interval_chart(bars, name="sectors", title="Projects by sector", finding=words)]


def _claim(shared: Shared, claim: Claim, records: Sequence[tuple[Brief, float]]) -> ClaimPage:
    table = claim.table if shared.edition.described(claim.table) else ""
    base = "" if claim.base is None else number(claim.base)
    page = f"tables/{table}.html" if table.startswith(("by_", "sector_", "city_by")) else ""
    return ClaimPage(
        shared.at("index.html", root="../"),
        claim.title,
        claim,
        finding(claim),
        SCOPES.get(claim.scope, claim.scope),
        base,
        page or ("cities.html" if table == "city_ranks" else "data.html" if table else ""),
        shared.edition.manifest.counting,
        _leaders(claim),
        tuple((brief, votes_in_words(votes), votes < 1) for brief, votes in records),
    )


def _leaders(claim: Claim) -> Table | None:
    if not claim.leaders:
        return None
    top = max(leader.high for leader in claim.leaders)
    columns = (Column("City"), Column("Place", True), Column("Places it can take"),
               Column("Records", True))  # fmt: skip
    rows = []
    for leader in claim.leaders:
        numbers = {"count": leader.count, "low": leader.low, "high": leader.high}
        places = span(leader.rank_best, leader.rank_worst) or number(leader.rank)
        href = f"../cities/{leader.city_id}.html"
        rows.append(
            (
                Cell(leader.label, href),
                Cell(str(leader.rank)),
                Cell(places),
                counted(numbers, top=top, href=f"../records.html{query(city=leader.city_id)}"),
            )
        )
    return Table(f"{claim.title}: the leaders", columns, tuple(rows))
