"""The list of cities, which is a ranking only where the collection carries one, and each city."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from innovatory.publish.charts import Chart, Mark, interval_chart, ladder_chart
from innovatory.publish.countpages import crossed, in_order, leading, marks
from innovatory.publish.pages import Brief, Draft, Page, Shared
from innovatory.publish.reading import Row
from innovatory.publish.table import Cell, Column, Table, counted
from innovatory.publish.wording import humanise, number, query, sentence, share, span
from innovatory.records import STAGES

MEASURES = {
    "projects": ("Projects", {"kind": "project"}),
    "living_labs": ("Living labs", {"kind": "living_lab"}),
    "innovative": ("Innovative projects", {"kind": "project", "innovative": "yes"}),
    "innovative_share": ("Share of innovative projects", None),
}
"""The measures of city_ranks: what each is called, and the filters that select its records."""


@dataclass(frozen=True)
class CitiesPage(Page):
    """A picture for each measure that is ranked, then every city with its figures by name.

    `unranked` are the measures that are not ranked, by the reason.
    """

    rankings: tuple[Chart, ...]
    unranked: tuple[tuple[str, str], ...]
    table: Table


@dataclass(frozen=True)
class CityPage(Page):
    """A city's portfolio: figures, stage ladder, sectors, goals and all its records.

    `figures` are (number, interval, what, where it opens).
    """

    city: Row
    figures: tuple[tuple[str, str, str, str], ...]
    charts: tuple[Chart, ...]
    ended: tuple[Brief, ...]
    records: tuple[Brief, ...]


def _ranks(shared: Shared, measure: str) -> list[Row]:
    rows = shared.edition.rows("city_ranks")
    return [r for r in rows if r["measure"] == measure and r["counting"] in ("full", "record")]


def unranked(shared: Shared, measure: str = "projects") -> str:
    """Why the cities are not ranked by a measure, '' where they are."""
    rows = _ranks(shared, measure)
    return next((sentence(row["reason"]) for row in rows if not row["carried"]), "")


def _withheld(shared: Shared, measures: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The measures that are not ranked, put together in words, by the reason."""
    found: dict[str, list[str]] = {}
    for measure in measures:
        if reason := unranked(shared, measure):
            words = MEASURES.get(measure, (humanise(measure), None))[0].lower()
            found.setdefault(reason, []).append(words)
    return tuple((", ".join(words), reason) for reason, words in found.items())


def ranking(shared: Shared, measure: str) -> Chart | None:
    """Dots with intervals by city from the first place down; None where that is not carried."""
    rows = _ranks(shared, measure)
    if not rows or not all(row["carried"] for row in rows):
        return None
    words, filters = MEASURES.get(measure, (humanise(measure), None))
    shares = measure.endswith("_share")
    unit = "%" if shares else ""
    rows = sorted(rows, key=lambda r: (r["rank"], r["label"].casefold(), r["city_id"]))
    drawn = [_rank_mark(row, filters, percent=shares) for row in rows]
    finding = leading(drawn, of=words.lower(), unit=unit, most="Highest" if shares else "Most")
    if any("–" in mark.place for mark in drawn):
        finding += " Two places: the city can stand anywhere between them, as intervals overlap."
    if any("=" in mark.place for mark in drawn):
        finding += " = is a shared place."
    return interval_chart(
        drawn, title=f"{words} by city: ranking", finding=finding, head="City", unit=unit
    )


def place(row: Row) -> str:
    """The place of a city: shared ones with '=', and all that settling the disputes can give.

    >>> place({"rank": 3, "tied": True, "rank_best": 3, "rank_worst": 3})
    '3='
    >>> place({"rank": 3, "tied": False, "rank_best": 2, "rank_worst": 5})
    '2–5'
    """
    return span(row["rank_best"], row["rank_worst"]) or f"{row['rank']}{'=' * bool(row['tied'])}"


def _rank_mark(row: Row, filters: dict[str, str] | None, *, percent: bool) -> Mark:
    scale = 100 if percent else 1
    href = f"cities/{row['city_id']}.html"
    if filters is not None:
        href = "records.html" + query(**filters, city=row["city_id"])
    return Mark(
        row["label"],
        scale * (row["count"] or 0),
        scale * (row["low"] or 0),
        scale * (row["high"] or 0),
        row["base"] if percent else None,
        href=href,
        place=place(row),
    )


def drafts(shared: Shared) -> Iterator[Draft]:
    """The list of cities and a page for each."""
    tables = ("city_ranks", "cities", "by_city")
    yield Draft("cities.html", "cities.html", shared.key(tables=tables), partial(_cities, shared))
    records: defaultdict[str, list[Brief]] = defaultdict(list)
    for brief in shared.briefs.values():
        for city_id, _ in brief.cities:
            records[city_id].append(brief)
    shown = ("by_city", "city_by_sector", "city_ranks", "city_pooled")
    rows = {table: shared.edition.grouped(table, "city_id") for table in shown}
    held = _held(shared)
    for city in shared.edition.rows("cities"):
        here = sorted(records[city["city_id"]], key=lambda b: (b.title.casefold(), b.record_id))
        digests = [shared.record_digests[b.record_id] for b in here]
        counts = [rows[table].get(city["city_id"]) for table in shown]
        key = shared.key(city, here, digests, counts, held, tables=("classes",))
        path = f"cities/{city['city_id']}.html"
        yield Draft(path, "city.html", key, partial(_city, shared, city, here))


def _held(shared: Shared) -> list[str]:
    """The populations that are counted by city, of those that a city's page shows."""
    counted = {row["population"] for row in shared.edition.rows("by_city")}
    return [name for name in ("projects", "living_labs", "innovative") if name in counted]


def _cities(shared: Shared) -> CitiesPage:
    cities = shared.edition.rows("cities")
    columns = [Column("City"), Column("Country")]
    found: list[dict[str, Mark]] = []
    for population in _held(shared):
        found.append(dict(marks(shared, "by_city", population=population, counting="full")))
        columns.append(Column(MEASURES[population][0], True))
    rows = []
    for city in sorted(cities, key=lambda c: c["name"].casefold()):
        cells = [
            Cell(
                city["name"],
                f"cities/{city['city_id']}.html",
                note=city["local_name"] if city["local_name"] != city["name"] else "",
                value=city["name"],
            ),
            Cell(city["country_name"] or city["country"]),
        ]
        for by in found:
            top = max(m.high for m in by.values())
            m = by.get(city["city_id"])
            if m is None:
                cells.append(Cell("0", value="0"))
            else:
                numbers = {"count": m.count, "low": m.low, "high": m.high}
                cell = counted(numbers, top=top, href=m.href, hollow=not m.audited)
                cells.append(replace(cell, note=m.reach))
        rows.append(tuple(cells))
    measures = dict.fromkeys(r["measure"] for r in shared.edition.rows("city_ranks"))
    rankings = tuple(chart for measure in measures if (chart := ranking(shared, measure)))
    table = Table("The cities in order of name", tuple(columns), tuple(rows))
    withheld = _withheld(shared, measures)
    return CitiesPage(shared.at("cities.html"), "Cities", rankings, withheld, table)


def _city(shared: Shared, city: Row, here: Sequence[Brief]) -> CityPage:
    city_id = city["city_id"]
    figures = []
    for population in _held(shared):
        words = MEASURES[population][0].lower()
        found = marks(
            shared, "by_city", population=population, counting="full", root="../", city=city_id
        )
        figures += [(number(m.count), m.reach, words, m.href) for _, m in found]
        figures += [] if found else [("0", "", words, "")]
    figures += _pooled(shared, city_id)
    charts = [_ladder(here, city_id), *_goals(shared, city, here), *_sectors(shared, city)]
    return CityPage(
        shared.at("cities.html", root="../"),
        city["name"],
        city,
        tuple(figures),
        tuple(charts),
        tuple(b for b in here if b.stage == "ended" or b.status in ("ended", "ended_early")),
        tuple(here),
    )


def _pooled(shared: Shared, city_id: str) -> list[tuple[str, str, str, str]]:
    """The share of innovative projects, the city's own drawn towards the other cities'."""
    return [
        (share(row["pooled"]), span(row["pooled_low"], row["pooled_high"], percent=True),
         "of its projects are innovative, pooled with the other cities", "../method.html#pooled")
        for row in shared.edition.grouped("city_pooled", "city_id").get(city_id, [])
    ]  # fmt: skip


def _ladder(here: Sequence[Brief], city_id: str) -> Chart:
    stages = [*STAGES, *sorted({b.stage for b in here} - set(STAGES))]
    steps: list[Mark] = []
    aside: list[Mark] = []
    for stage in stages:
        n = sum(b.stage == stage for b in here)
        href = "../records.html" + query(city=city_id, stage=stage)
        up = steps if stage in STAGES and stage != "ended" else aside
        up.append(Mark(humanise(stage), n, n, n, href=href))
    known = sum(b.stage in STAGES for b in here)
    finding = f"{known} of {len(here)} records have a dated stage by the edition's date."
    title = "Stages reached, by dated events"
    return ladder_chart(steps, aside=aside, name="ladder", title=title, finding=finding)


def _sectors(shared: Shared, city: Row) -> list[Chart]:
    cells = crossed(
        shared, "city_by_sector", rows="city_id", columns="sector", population="projects",
        counting="full", root="../", city=city["city_id"],
    )  # fmt: skip
    pairs = {class_: mark for (_, class_), mark in cells.items()}
    if not pairs:
        return []
    named = in_order(shared, "sector", list(pairs))
    bars = [_named(pairs[class_], label) for class_, label in named]
    finding = leading(bars, of="projects")
    return [interval_chart(bars, title="Projects by sector", finding=finding)]


def _named(mark: Mark, label: str) -> Mark:
    return Mark(label, mark.count, mark.low, mark.high, href=mark.href, audited=mark.audited)


def _goals(shared: Shared, city: Row, here: Sequence[Brief]) -> list[Chart]:
    """Goals by city have no table of their own: they are added up from the verdicts."""
    verdicts = shared.edition.grouped("verdicts")
    votes: defaultdict[str, list[float]] = defaultdict(list)
    projects = [brief for brief in here if brief.kind == "project"]
    coded = 0
    for brief in projects:
        said = [r for r in verdicts.get(brief.record_id, []) if r["dimension"] == "goal"]
        coded += bool(said)
        for row in said:
            votes[row["class"]].append(row["votes"])
    bars = []
    for class_, label in in_order(shared, "goal", list(votes)):
        href = "../records.html" + query(kind="project", city=city["city_id"], goal=class_)
        given = votes[class_]
        sure = sum(vote >= 1 for vote in given)
        bars.append(Mark(label, sum(given), sure, len(given), href=href))
    if not bars:
        return []
    if coded < len(projects):
        title = f"Goals of the {coded} of {len(projects)} projects that were coded"
        finding = "Nothing is said of the others."
        return [interval_chart(bars, title=title, finding=finding)]
    finding = leading(bars, of="projects")
    return [interval_chart(bars, title="Projects by goal", finding=finding)]
