"""The count tables as pages, and the marks that the charts of other pages take from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from innovatory.publish.charts import (
    Mark,
    interval_chart,
    matrix_chart,
    matrix_table,
)
from innovatory.publish.pages import Draft, Page, Shared
from innovatory.publish.reading import Row, TableText
from innovatory.publish.table import Table
from innovatory.publish.wording import anchor, humanise, number, query, span

POPULATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "records": ("Records", {}),
    "projects": ("Projects", {"kind": "project"}),
    "living_labs": ("Living labs", {"kind": "living_lab"}),
    "innovative": ("Innovative projects", {"kind": "project", "innovative": "yes"}),
    "innovative_city_or_private": (
        "Innovative projects led by the city or the private sector",
        {"kind": "project", "innovative": "yes", "driver_group": "city_or_private"},
    ),
}
"""What each population is called, and the filters of records.html that select it."""

COUNTINGS = {
    "record": "each record counts once",
    "full": "a record in several cities counts once in each",
    "fractional": "a record in several cities counts in equal parts",
}
NUMBERS = ("count", "low", "high", "base", "share", "share_low", "share_high")
RIVALS = 4
MATRIX = 14
"""A crossed table is drawn where it has at most this many classes each way."""


def is_count(text: TableText) -> bool:
    """Whether a table counts records: it says of which population, and gives an interval."""
    return {"population", "counting", "count", "low", "high"} <= {c.name for c in text.columns}


def classes_of(text: TableText) -> tuple[tuple[str, str], ...]:
    """The class columns of a count table with their label columns.

    >>> from innovatory.publish.reading import ColumnText
    >>> names = ("sector", "goal", "sector_label", "goal_label", "count")
    >>> classes_of(TableText("sector_by_goal", "", "", 0, "", "", tuple(map(ColumnText, names))))
    (('sector', 'sector_label'), ('goal', 'goal_label'))
    """
    names = [column.name for column in text.columns]
    if "label" in names:
        return (("city_id" if "city_id" in names else "class", "label"),)
    pairs = [(name.removesuffix("_label"), name) for name in names if name.endswith("_label")]
    return tuple((key if key in names else f"{key}_id", label) for key, label in pairs)


def filter_name(table: str, column: str) -> str:
    """The filter of records.html that a class column belongs to.

    >>> filter_name("by_sector", "class"), filter_name("by_technology", "class")
    ('sector', 'technologies')
    >>> filter_name("city_by_sector", "city_id"), filter_name("sector_by_goal", "goal")
    ('city', 'goal')
    """
    if column == "city_id":
        return "city"
    name = table.removeprefix("by_") if column == "class" else column
    return {"technology": "technologies", "start_year": "year"}.get(name, name)


def _rows(shared: Shared, table: str, city: str, population: str, counting: str) -> list[Row]:
    edition = shared.edition
    rows = edition.grouped(table, "city_id").get(city, []) if city else edition.rows(table)
    return [r for r in rows if r["population"] == population and r["counting"] == counting]


def _marks(rows: Sequence[Row], text: TableText, *, label: str, root: str) -> list[Mark]:
    """Rows of a count table as marks; each opens the records behind it."""
    names = [(name, filter_name(text.name, name)) for name, _ in classes_of(text)]
    found = []
    for row in rows:
        filters = POPULATIONS[row["population"]][1] if row["population"] in POPULATIONS else None
        href = ""
        if filters is not None and (row["high"] or row["low"] is None):
            chosen = filters | {name: row[column] for column, name in names}
            href = f"{root}records.html{query(**chosen)}"
        found.append(replace(_mark(row[label], row), href=href))
    return found


def _mark(label: str, row: Row) -> Mark:
    """A row with its numbers as they are drawn: estimates whole, because they are no counts.

    What nobody checked has no interval.
    """
    numbers: dict[str, Any] = {name: row[name] for name in NUMBERS}
    if row.get("basis") in ("estimated", "model"):
        whole = ("count", "low", "high", "base")
        numbers |= {name: round(row[name]) for name in whole if row[name] is not None}
    if row["low"] is None:
        numbers |= {"low": numbers["count"], "high": numbers["count"]}
    return Mark(label, **numbers, audited=row["low"] is not None)


def marks(
    shared: Shared,
    table: str,
    *,
    population: str,
    counting: str = "record",
    root: str = "",
    city: str = "",
) -> list[tuple[str, Mark]]:
    """The rows of a count table with one class column as (class, mark); of one city if given.

    An edition without the table gives none.
    """
    text = shared.edition.described(table)
    if text is None:
        return []
    ((column, label),) = classes_of(text)
    rows = _rows(shared, table, city, population, counting)
    found = _marks(rows, text, label=label, root=root)
    return [(row[column], mark) for row, mark in zip(rows, found, strict=True)]


def crossed(
    shared: Shared,
    table: str,
    *,
    rows: str,
    columns: str,
    population: str,
    counting: str = "record",
    root: str = "",
    city: str = "",
) -> dict[tuple[str, str], Mark]:
    """A crossed count table as marks by class of `rows` and of `columns`; of one city if given.

    An edition without the table gives none.
    """
    text = shared.edition.described(table)
    if text is None:
        return {}
    label = dict(classes_of(text))[rows]
    cells = _rows(shared, table, city, population, counting)
    found = _marks(cells, text, label=label, root=root)
    return {(row[rows], row[columns]): mark for row, mark in zip(cells, found, strict=True)}


def in_order(shared: Shared, dimension: str, used: Sequence[str]) -> list[tuple[str, str]]:
    """The classes of a dimension that occur, with labels, in the codebook's (or city) order."""
    if dimension == "city_id":
        known = list(shared.city_names.items())
    elif dimension in shared.dimensions:
        known = [(r["class"], r["label"]) for r in shared.dimensions[dimension]]
    else:
        known = [(name, humanise(name)) for name in sorted(set(used))]
    seen = set(used)
    return [(class_, label) for class_, label in known if class_ in seen]


def leading(marks: Sequence[Mark], *, of: str, unit: str = "", most: str = "Most") -> str:
    """One sentence on what leads a count, and on all that the disputes could put before it.

    >>> leading([Mark("Bus", 9, 8, 10), Mark("Tram", 4, 3, 5)], of="projects")
    'Most projects: Bus, 9 (8–10); next comes Tram with 4 (3–5).'
    >>> leading([Mark("Bus", 5, 3, 7), Mark("Tram", 4, 3, 5), Mark("Car", 1, 1, 1)], of="projects")
    'Most projects: Bus, 5 (3–7); not distinguishable from Tram.'
    """
    unaudited = sum(not mark.audited for mark in marks)
    if unaudited:
        return (
            f"{unaudited} of {len(marks)} numbers are a machine's, not audited: fewer than five "
            "records were coded. Which is the largest cannot be said."
        )
    ranked = sorted(marks, key=lambda m: (-m.count, m.label))
    if not ranked or not ranked[0].count:
        return f"No {of} here."
    first, others = ranked[0], [m for m in ranked[1:] if m.count]
    start = f"{most} {of}: {first.label}, {_with_span(first, unit)}"
    rivals = [m.label for m in others if m.high >= first.low]
    if rivals:
        named = ", ".join(rivals[:RIVALS]) + (
            f" and {len(rivals) - RIVALS} more" if len(rivals) > RIVALS else ""
        )
        return f"{start}; not distinguishable from {named}."
    if others:
        return f"{start}; next comes {others[0].label} with {_with_span(others[0], unit)}."
    return f"{start}."


def _with_span(mark: Mark, unit: str = "") -> str:
    reach = span(mark.low, mark.high)
    return number(mark.count) + unit + (f" ({reach}{unit})" if reach else "")


@dataclass(frozen=True)
class Part:
    """A population of a count table: its heading, how it is counted, its table, the finding.

    `finding` is '' where the table is too large to say one.
    """

    heading: str
    counting: str
    table: Table
    finding: str


@dataclass(frozen=True)
class CountPage(Page):
    """A count table: `text` says what it counts, `parts` are its populations, then downloads."""

    name: str
    text: str
    counting: str
    codebook: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class CountsPage(Page):
    """The list of the count tables: (name, title)."""

    tables: tuple[tuple[str, str], ...]


def drafts(shared: Shared) -> Iterator[Draft]:
    """The pages of the count tables and the page that lists them."""
    texts = [text for text in shared.edition.manifest.tables if is_count(text)]

    names = tuple((text.name, text.title) for text in texts)

    def listing() -> CountsPage:
        return CountsPage(shared.at("tables.html"), "Tables", names)

    yield Draft("tables.html", "tables.html", shared.key(names), listing)
    for text in texts:
        key = shared.key(text, shared.edition.manifest.counting, tables=("classes", "cities"))
        yield Draft(f"tables/{text.name}.html", "table.html", key, partial(_page, shared, text))


def _page(shared: Shared, text: TableText) -> CountPage:
    rows = shared.edition.rows(text.name)
    kinds = dict.fromkeys((row["population"], row["counting"]) for row in rows)
    columns = classes_of(text)
    part = _single if len(columns) == 1 else _crossed
    asked = [filter_name(text.name, column) for column, _ in columns]
    asked = ["stage" if name == "stage_coded" else name for name in asked]
    linked = tuple((d, shared.title(d)) for d in asked if d in shared.dimensions)
    parts = [part(shared, text, population, counting) for population, counting in kinds]
    return CountPage(
        shared.at("tables.html", root="../"),
        text.title,
        text.name,
        text.text,
        shared.edition.manifest.counting,
        linked,
        _anchored_once(parts),
    )


def _anchored_once(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts of a page with each row's anchor kept only where it stands first."""
    seen: set[str] = set()
    kept = []
    for part in parts:
        anchors = tuple("" if name in seen else name for name in part.table.anchors)
        seen.update(anchors)
        kept.append(replace(part, table=replace(part.table, anchors=anchors)))
    return tuple(kept)


def _title(heading: str, text: TableText, counting: str) -> str:
    way = "" if counting == "record" else f" ({counting})"
    return f"{heading}: {text.title[:1].lower()}{text.title[1:]}{way}"


def _heading(population: str) -> str:
    return POPULATIONS.get(population, (humanise(population), {}))[0]


def _single(shared: Shared, text: TableText, population: str, counting: str) -> Part:
    found = marks(shared, text.name, population=population, counting=counting, root="../")
    heading = _heading(population)
    title = _title(heading, text, counting)
    bars = [m for _, m in found]
    chart = interval_chart(bars, title=title, finding=leading(bars, of=heading.lower()))
    anchors = tuple(f"class-{anchor(class_)}" for class_, _ in found)
    table = replace(chart.table, anchors=anchors)
    return Part(heading, _way(shared, text, population, counting), table, chart.finding)


def _way(shared: Shared, text: TableText, population: str, counting: str) -> str:
    """How the records of a part were counted, and what that rests on where not on all of them."""
    rows = _rows(shared, text.name, "", population, counting)
    rests = {row.get("basis", "counted") for row in rows}
    way = COUNTINGS.get(counting, counting)
    if rests & {"estimated", "model"}:
        coded = number(max(row["labels"] for row in rows)) if "city_id" not in rows[0] else "those"
        way += f"; estimated from {coded} records drawn and coded"
    if "coded" in rests:
        way += "; only the records that were coded, which nobody drew by design"
    return way


def _crossed(shared: Shared, text: TableText, population: str, counting: str) -> Part:
    heading = _heading(population)
    title = _title(heading, text, counting)
    sides = {}
    for column, _ in classes_of(text):
        used = [row[column] for row in _rows(shared, text.name, "", population, counting)]
        sides[column] = in_order(shared, column, used)
    # A page is narrow and long: the dimension of more classes goes down it.
    down, across = sorted(sides, key=lambda column: -len(sides[column]))
    rows, columns = sides[down], sides[across]
    found = crossed(
        shared, text.name, rows=down, columns=across, population=population, counting=counting,
        root="../",
    )  # fmt: skip
    way = _way(shared, text, population, counting)
    if max(len(rows), len(columns)) > MATRIX:
        return Part(heading, way, matrix_table(found, rows, columns, caption=title), "")
    chart = matrix_chart(
        found, rows=rows, columns=columns, title=title,
        finding=most_common(found, rows, columns, of=heading.lower()),
    )  # fmt: skip
    return Part(heading, way, chart.table, chart.finding)


def most_common(
    cells: dict[tuple[str, str], Mark],
    rows: Sequence[tuple[str, str]],
    columns: Sequence[tuple[str, str]],
    *,
    of: str,
) -> str:
    """One sentence on the fullest cell of a crossed table."""
    if not cells:
        return f"No {of} here."
    (row, column), best = max(cells.items(), key=lambda item: (item[1].count, item[0]))
    names = dict(rows).get(row, row), dict(columns).get(column, column)
    return f"The commonest pair among {of} is {names[0]} with {names[1]}: {_with_span(best)}."
