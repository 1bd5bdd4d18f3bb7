"""Which count tables an edition publishes, and the statements that make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from innovatory.codebook import Codebook
from innovatory.edition import counts
from innovatory.edition.counts import CITY, COLUMNS, Count, Population, is_coded
from innovatory.engine import Engine, quoted
from innovatory.records import STAGES

EVERY = Population("records", "Records", "")
PROJECTS = Population("projects", "Projects", "project")
LIVING_LABS = Population("living_labs", "Living labs", "living_lab")
INNOVATIVE = Population(
    "innovative", "Innovative projects", "project", (("innovative", "yes"),)
)  # fmt: skip
LED = Population(
    "innovative_city_or_private",
    "Innovative projects led by the city or the private sector",
    "project",
    (("innovative", "yes"), ("driver_group", "city_or_private")),
)
_POPULATIONS = (PROJECTS, LIVING_LABS, INNOVATIVE, LED)

# Tables that are not named after their dimension.
_NAMES = {"stage": "stage_coded", "technologies": "technology", "dated_stage": "stage",
          "start_year": "year"}  # fmt: skip
_TITLES = {"kind": "Kind", "start_year": "Year of the first dated sign", "status": "Status",
           "funding": "Source of funding", "dated_stage": "Stage by dated events",
           CITY: "City"}  # fmt: skip
_ROWS_AT_ONCE = 400_000
_CROSSED = (
    ("sector_by_goal", "sector", "goal"),
    ("sector_published_by_goal", "sector_published", "goal"),
    ("city_by_sector", "sector", CITY),
    ("city_by_innovative", "innovative", CITY),
    ("innovative_by_sector", "innovative", "sector"),
    ("innovative_by_year", "innovative", "start_year"),
)
_ORDER = {
    "dated_stage": (*STAGES, "unknown"),
    "status": ("planned", "active", "completed", "ended", "unknown"),
    "funding": ("public", "private", "ppp", "unknown"),
    "kind": ("project", "living_lab"),
}
_LABELS = {"living_lab": "Living lab", "ppp": "Public-private partnership", "unknown": "Not known"}


def populations(book: Codebook) -> tuple[Population, ...]:
    """The populations that the codebook can tell apart."""
    return tuple(p for p in _POPULATIONS if all(book.dimension(d) for d, _ in p.answers))


def count_tables(book: Codebook) -> tuple[Count, ...]:
    """Every count table of an edition made with this codebook, in the order of publication."""
    titles = _TITLES | {d.id: d.title for d in book.dimensions}
    titles |= {d.id: d.title for d in book.derived}
    single = [*COLUMNS, CITY, *(d.id for d in book.dimensions), *(d.id for d in book.derived)]
    tables = [Count(f"by_{_NAMES.get(d, d)}", f"By {_lower(titles[d])}", d) for d in single]
    for name, dimension, within in _CROSSED:
        if book.dimension(dimension) and (not is_coded(within) or book.dimension(within)):
            title = f"{titles[dimension]} within {_lower(titles[within])}"
            tables.append(Count(name, title, dimension, within))
    return tuple(tables)


def _lower(title: str) -> str:
    """A title inside a sentence: 'N1 New' keeps its code, 'Sector' becomes 'sector'."""
    return title if title[:2].isupper() or title[1:2].isdigit() else title[0].lower() + title[1:]


def labels(engine: Engine, book: Codebook) -> None:
    """Create the table `naming` (dimension, class, label, ord) that gives every class its words."""
    words = " ".join(f"WHEN {quoted(c)} THEN {quoted(t)}" for c, t in _LABELS.items())
    columns = []
    for dimension, column in COLUMNS.items():
        listed = ", ".join(quoted(c) for c in _ORDER.get(dimension, ())) or "NULL"
        columns.append(f"""
        SELECT DISTINCT {quoted(dimension)}, {column}, CASE {column} {words} ELSE
          upper({column}[1]) || replace({column}[2:], '_', ' ') END,
          coalesce(list_position([{listed}], {column}), try_cast({column} AS BIGINT), 9999)
        FROM records""")
    engine.run(f"""
        CREATE TABLE naming AS
        SELECT dimension, class, label, CAST(ord AS BIGINT) AS ord FROM classes UNION ALL
        SELECT 'city', city_id, name, row_number() OVER (ORDER BY name, city_id) FROM cities
        UNION ALL {" UNION ALL ".join(columns)}""")


def inputs(count: Count, book: Codebook) -> tuple[str, ...]:
    """Names of the partitions (see `partitions`) that the rows of a count table depend on."""
    coded = {d for p in counted(count, book) for d in counts.asked_of_coders(count, p)}
    named = {"records", "naming", *(f"judgements:{d}" for d in coded)}
    if coded:
        named |= {"draws", *(f"predictions:{d}" for d in coded)}
    return tuple(sorted(named | ({"places"} if CITY in count.dimensions else set())))


def partitions(engine: Engine) -> dict[str, str]:
    """A fingerprint of each part of the edition's facts that a count table can depend on.

    Sums of MD5 halves do not depend on row order and need no sorting; they only decide whether a
    table is made again, the published hashes are SHA-256 of files.
    """
    columns = "|| '|' ||".join(("record_id", "kind", *COLUMNS.values()))
    found = f"""
        SELECT 'records' AS part, {columns} AS row FROM records UNION ALL
        SELECT 'naming', concat_ws('|', dimension, class, label, ord) FROM naming UNION ALL
        SELECT 'places', concat_ws('|', record_id, city_id, fraction) FROM
          (SELECT DISTINCT record_id, city_id, fraction FROM places WHERE in_panel) UNION ALL
        SELECT 'judgements:' || dimension, concat_ws('|', record_id, coder_id, class)
        FROM judgements"""
    rows = engine.rows(
        "SELECT part, CAST(sum(md5_number_lower(row)) AS VARCHAR) || '/' || count(*) AS mark "
        f"FROM ({found}) GROUP BY part"
    )
    return {row["part"]: row["mark"] for row in rows}


def counted(count: Count, book: Codebook) -> tuple[Population, ...]:
    """The populations that a count table counts."""
    if count.dimension == "kind":
        return (EVERY,)
    asked = set(count.dimensions)
    return tuple(p for p in populations(book) if not asked & {d for d, _ in p.answers})


@dataclass(frozen=True, slots=True)
class Batch:
    """Count tables of one shape, which one statement makes together."""

    counts: tuple[Count, ...]
    book: Codebook
    statement: str

    def split(self, rows: pa.Table) -> dict[str, pa.Table]:
        """The rows of the statement as one table for each count, with its columns."""
        found = {}
        for count in self.counts:
            mine = rows.filter(
                (pc.field("d") == count.dimension)
                & pc.field("population").isin([p.name for p in counted(count, self.book)])
            )
            found[count.name] = pa.table(
                {new: mine[old] for new, old in _columns(count).items()}
            ).combine_chunks()
        return found


def _columns(count: Count) -> dict[str, str]:
    """Published column name to column of the statement."""
    names = {"population": "population", "counting": "counting"}
    if count.within:
        group = "city_id" if count.within == CITY else count.within
        names |= {group: "g", f"{'city' if count.within == CITY else group}_label": "g_label"}
        names |= {count.dimension: "c", f"{count.dimension}_label": "c_label"}
    else:
        names |= {"city_id" if count.dimension == CITY else "class": "c", "label": "c_label"}
    rest = ("count", "low", "high", "disputed", "base", "share", "share_low", "share_high",
            "labels", "basis")  # fmt: skip
    return names | {name: name for name in rest}


def batches(wanted: Sequence[Count], book: Codebook, *, records: int) -> list[Batch]:
    """The statements that make these count tables.

    One statement for many tables saves planning, which is what a small edition spends its time
    on; with many records they are taken fewer at a time, so that memory stays bounded.
    """
    together = max(1, _ROWS_AT_ONCE // max(1, records))
    shapes: dict[tuple[str, str], list[Count]] = {}
    for count in wanted:
        shape = "coded" if is_coded(count.dimension) else "column"
        if count.dimension in ("kind", CITY):
            shape = count.dimension
        shapes.setdefault((shape, count.within), []).append(count)
    return [
        Batch(
            tuple(alike[n : n + together]), book, _statement(alike[n : n + together], within, book)
        )
        for (_, within), alike in shapes.items()
        for n in range(0, len(alike), together)
    ]


def _statement(alike: Sequence[Count], within: str, book: Codebook) -> str:
    """All populations and ways of counting, labelled and in order."""
    every = tuple(dict.fromkeys(p for count in alike for p in counted(count, book)))
    label, join, order = "'' AS g_label", "", ""
    if within:
        label, order = "g.label AS g_label", "g.ord, r.g, "
        join = f"JOIN naming g ON g.dimension = {quoted(within)} AND g.class = r.g"
    names = ", ".join(quoted(p.name) for p in (EVERY, *_POPULATIONS))
    return f"""
SELECT r.d, r.p AS population, r.way AS counting, r.g, {label}, r.c, n.label AS c_label,
  r.count, r.low, r.high, r.disputed, r.base, r.share, r.share_low, r.share_high, r.labels,
  'counted' AS basis
FROM ({counts.statement([count.dimension for count in alike], every, within=within)}) r
JOIN naming n ON n.dimension = r.d AND n.class = r.c {join}
ORDER BY r.d, list_position([{names}], r.p), r.way DESC, {order}n.ord, r.c"""
