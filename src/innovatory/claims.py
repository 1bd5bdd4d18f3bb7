"""The headline sentences of an edition, each with its base, interval and the query that yields it.

A claim is a printed figure: its sentence is made from the tables, never typed. Its interval is
what coder disagreement leaves open. Its ids are those of the published figures (see figures.py),
so that somebody else's page can be compared with it. Where the collection design cannot carry a
claim it is kept, not printed, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from innovatory.codebook import Codebook
from innovatory.edition.counts import Count, Population, records_statement
from innovatory.edition.tables import INNOVATIVE, LED, PROJECTS
from innovatory.engine import Engine, quoted

GOAL_IDS = {
    "new_business_model": "goal-business-model",
    "startup_incubation": "goal-startup",
    "job_creation": "goal-jobs",
}
LEADERS = (
    ("leaders-projects", "projects", "projects", 3),
    ("leaders-innovative", "innovative", "innovative projects", 2),
    ("leaders-living-labs", "living_labs", "living labs", 3),
)
HEADLINES = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence with the number in it; see docs/edition.md for each field."""

    id: str
    title: str
    text: str
    kind: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    base: float | None = None
    percent: float | None = None
    decimals: int = 1
    leaders: tuple[Mapping[str, Any], ...] = ()
    scope: str = "corpus"
    printed: bool = True
    headline: bool = False
    reason: str = ""
    disputed: int = 0
    table: str = ""
    query: str = ""
    records_query: str = ""

    def as_json(self) -> dict[str, Any]:
        """The claim as it stands in claims.json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the sentences need to know of the edition besides its tables."""

    as_of: str
    obstacle: str
    partly_coded: str
    noun: str = field(default="in this edition")

    @property
    def scope(self) -> str:
        """`population` where the design carries statements beyond the records themselves."""
        return "corpus" if self.obstacle or self.partly_coded else "population"


def percent(share: float, decimals: int = 1) -> Decimal:
    """A share as a percentage, rounded half up as printed.

    >>> percent(306 / 1088), percent(154 / 1088), percent(0.125, 0)
    (Decimal('28.1'), Decimal('14.2'), Decimal('13'))
    """
    step = Decimal(1).scaleb(-decimals)
    return (Decimal(repr(round(share, 9))) * 100).quantize(step, rounding=ROUND_HALF_UP)


def number(value: float) -> str:
    """A count for reading: whole where it is whole, else with one decimal.

    >>> number(1088.0), number(433.5)
    ('1,088', '433.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def count_text(row: Mapping[str, Any]) -> str:
    """A count with its bounds: '154', or '153.5 [150, 157]' where coders differ."""
    bounds = f" [{number(row['low'])}, {number(row['high'])}]"
    return number(row["count"]) + (bounds if row["low"] < row["high"] else "")


def share_text(row: Mapping[str, Any]) -> str:
    """A share with its bounds and base: '28.1% [24.0, 32.4] of 1,088'."""
    bounds = ""
    if row["share_low"] < row["share_high"]:
        bounds = f" [{percent(row['share_low'])}, {percent(row['share_high'])}]"
    return f"{percent(row['share'])}%{bounds} of {number(row['base'])}"


class Writer:
    """Writes the claims of one edition; needs its count tables in the engine."""

    def __init__(self, engine: Engine, book: Codebook, setting: Setting) -> None:
        self.engine = engine
        self.book = book
        self.setting = setting

    def claims(self) -> list[Claim]:
        """Every claim that the codebook and the tables allow, in the report's order."""
        found = [self.size()]
        if self.book.dimension("innovative"):
            found += self.innovative()
        found += self.stages()
        found += self.leaders()
        found.append(self.beyond())
        return found

    def cell(self, table: str, population: Population, class_: str, **within: str) -> Any:
        """One row of a count table with the query that yields it."""
        dimension = next((d for d in within), "")
        column = "class"
        if dimension:
            column = table.split("_by_")[0]
        tests = {"population": population.name, **within, column: class_}
        where = " AND ".join(f"{name} = {quoted(text)}" for name, text in tests.items())
        query = (
            "SELECT count, low, high, base, share, share_low, share_high, disputed "
            f"FROM {table} WHERE {where}"
        )
        rows = self.engine.rows(query)
        return (rows[0] if rows else None), query

    def size(self) -> Claim:
        row = self.engine.rows(
            "SELECT count(*) FILTER (kind = 'project') AS projects, "
            "count(*) FILTER (kind = 'living_lab') AS labs, count(*) AS value, "
            "count(*) FILTER (disputed > 0) AS disputed FROM records"
        )[0]
        cities = self.engine.rows("SELECT count(*) AS n FROM cities")[0]["n"]
        text = (
            f"{number(row['projects'])} projects and {number(row['labs'])} living labs in "
            f"{number(cities)} cities, as of {self.setting.as_of}."
        )
        return Claim(
            "size", "What the edition holds", text, "count", value=row["value"],
            low=row["value"], high=row["value"], headline=True, table="by_kind",
            scope="corpus", disputed=row["disputed"],
            query="SELECT count(*) AS count FROM records",
        )  # fmt: skip

    def share(
        self, id: str, title: str, table: str, population: Population, class_: str, *,
        dimension: str, words: str, headline: bool = False, of: Population | None = None,
        **within: str,
    ) -> list[Claim]:  # fmt: skip
        """A claim on one class: 'WORDS: 28.1% [..] of 1,088 BASE'; nothing where the base is 0."""
        row, query = self.cell(table, population, class_, **within)
        if row is None or not row["base"]:
            return []
        group = next(iter(within.values()), "")
        count = Count("", "", dimension, next(iter(within), ""))
        base = of.label if of else population.label
        text = f"{words}: {share_text(row)} {_lower(base)} ({count_text(row)} records)."
        return [
            Claim(
                id, title, text, "share", value=row["count"], low=row["low"], high=row["high"],
                base=row["base"], percent=float(percent(row["share"])), headline=headline,
                scope=self.setting.scope, disputed=row["disputed"], table=table, query=query,
                records_query=records_statement(count, population, group, class_),
            )
        ]  # fmt: skip

    def innovative(self) -> list[Claim]:
        found = self.share(
            "innovative-share", "Share of projects that are innovative", "by_innovative",
            PROJECTS, "yes", dimension="innovative", words="Innovative", headline=True,
        )  # fmt: skip
        for derived in self.book.derived:
            if derived.relaxes == "innovative":
                found += self.share(
                    f"share-{derived.id.replace('_', '-')}", derived.title, f"by_{derived.id}",
                    PROJECTS, "yes", dimension=derived.id, words=derived.title,
                )  # fmt: skip
        if self.book.dimension("driver_group"):
            found += self.drivers()
        if self.book.dimension("sector_published"):
            found += self.classes(
                "sector_published", INNOVATIVE, "sector", "Innovative projects by sector"
            )
        if self.book.dimension("goal") and self.book.dimension("driver_group"):
            found += self.classes("goal", LED, "goal", "Goals of those led by city or firms")
            if self.book.dimension("sector_published"):
                found += self.share(
                    "business-model-energy", "Energy & Environment among the business models",
                    "sector_published_by_goal", LED, "energy_environment",
                    dimension="sector_published", words="Energy & Environment within the "
                    "new business models", goal="new_business_model",
                )  # fmt: skip
        return found

    def drivers(self) -> list[Claim]:
        """The published split; its percentages are of all projects, as in the published report."""
        found: list[Claim] = []
        whole, _ = self.cell("by_innovative", PROJECTS, "yes")
        parts = (
            ("city-or-private", "city_or_private", "Led by the city or the private sector"),
            ("living-lab-driven", "living_lab", "Driven by living labs"),
        )
        rows = []
        for id_, class_, words in parts:
            row, query = self.cell("by_driver_group", INNOVATIVE, class_)
            if row is None or not whole or not whole["base"]:
                return found
            rows.append(row)
            share = row["count"] / whole["base"]
            text = (
                f"{words}: {count_text(row)} of the {number(row['base'])} innovative projects "
                f"({percent(share)}% of all {number(whole['base'])} projects)."
            )
            found.append(
                Claim(
                    id_, words, text, "count", value=row["count"], low=row["low"],
                    high=row["high"], base=whole["base"], percent=float(percent(share)),
                    headline=True, scope=self.setting.scope, disputed=row["disputed"],
                    table="by_driver_group", query=query,
                    records_query=records_statement(
                        Count("", "", "driver_group"), INNOVATIVE, "", class_
                    ),
                )
            )  # fmt: skip
        total = {key: sum(row[key] for row in rows) for key in ("count", "low", "high")}
        base = rows[0]["base"]
        # Bounds of the two groups are not attained together; the whole bounds their sum.
        total["high"] = min(total["high"], whole["high"])
        rest = base - total["count"]
        verdict = "make up all" if rest < 0.05 else f"make up {number(round(total['count'], 1))} of"
        found.append(
            Claim(
                "partition", "The two groups together",
                f"The two groups {verdict} {number(base)} innovative projects"
                + (f"; {number(round(rest, 1))} are driven by neither." if rest >= 0.05 else "."),
                "partition", value=total["count"], low=total["low"], high=total["high"],
                base=base, scope=self.setting.scope, table="by_driver_group",
                query="SELECT sum(count) AS count FROM by_driver_group WHERE population = "
                "'innovative' AND class IN ('city_or_private', 'living_lab')",
            )
        )  # fmt: skip
        return found

    def classes(self, dimension: str, population: Population, stem: str, title: str) -> list[Claim]:
        """One claim a class, the largest first."""
        known = self.book.dimension(dimension)
        assert known is not None
        found = [
            claim
            for c in known.classes
            for claim in self.share(
                GOAL_IDS.get(c.id, f"{stem}-{c.id.replace('_', '-')}"), f"{title}: {c.label}",
                f"by_{dimension}", population, c.id, dimension=dimension, words=c.label,
            )
        ]  # fmt: skip
        found.sort(key=lambda claim: (-(claim.value or 0), claim.id))
        return [_headline(claim) if n < HEADLINES else claim for n, claim in enumerate(found)]

    def stages(self) -> list[Claim]:
        labels = {
            "pilot": "In pilot", "scaled": "Scaled up", "diffused": "Diffused", "ended": "Ended",
            "planned": "Planned", "unknown": "No dated stage",
        }  # fmt: skip
        return [
            claim
            for class_, label in labels.items()
            for claim in self.share(
                f"stage-{class_}", f"Stage of projects: {_lower(label)}", "by_stage", PROJECTS,
                class_, dimension="dated_stage", words=f"{label} as of {self.setting.as_of}",
                headline=class_ in ("scaled", "diffused", "ended"),
            )
        ]  # fmt: skip

    def leaders(self) -> list[Claim]:
        """The first cities of a ranking; ties are kept whole, and a ranking not carried is not
        printed."""
        found = []
        for id_, measure, noun, places in LEADERS:
            query = (
                "SELECT city_id, label, count, low, high, rank, rank_best, rank_worst, reason "
                f"FROM city_ranks WHERE measure = {quoted(measure)} AND counting = 'full' "
                f"AND rank <= {places} AND count > 0 ORDER BY rank, label"
            )
            rows = self.engine.rows(query)
            if not rows:
                continue
            reason = rows[0].pop("reason")
            for row in rows[1:]:
                row.pop("reason")
            title = f"Cities with most {noun}"
            listed = ", ".join(f"{row['label']} {count_text(row)}" for row in rows)
            text = f"Most {noun}: {listed}."
            if reason:
                text = f"Which cities have most {noun}: not printed, because {reason}."
            found.append(
                Claim(
                    id_, title, text, "leaders", leaders=() if reason else tuple(rows),
                    value=None if reason else rows[0]["count"], scope="population",
                    printed=not reason, headline=True, reason=reason, table="city_ranks",
                    query=query,
                )
            )  # fmt: skip
        return found

    def beyond(self) -> Claim:
        """Whether the shares may be read as shares of more than the records gathered."""
        reason = self.setting.obstacle or self.setting.partly_coded
        text = (
            f"What share of all projects out there is innovative: not printed, because {reason}. "
            "Every share above describes the records of this edition."
            if reason
            else "The shares above are shares of the whole population that the sources state."
        )
        return Claim(
            "beyond-the-corpus", "Beyond the records gathered", text, "scope",
            scope="population", printed=not reason, headline=bool(reason), reason=reason,
            table="sources", query="SELECT source_id, design, population FROM sources",
        )  # fmt: skip


def change(engine: Engine, setting: Setting, earlier: str) -> list[Claim]:
    """The claim on what changed since the earlier edition; needs the table `changes`."""
    query = "SELECT change, count(DISTINCT record_id) AS count FROM changes GROUP BY change"
    counts = {row["change"]: row["count"] for row in engine.rows(query)}
    cities = engine.rows("SELECT count(*) AS n FROM (SELECT city_id FROM cities INTERSECT "
                         "SELECT city_id FROM old_cities)")[0]["n"]  # fmt: skip
    words = {
        "entered": "entered", "left": "left", "ended": "ended or were completed",
        "stage": "reached another stage", "coding": "were coded otherwise",
        "corrected": "were corrected",
    }  # fmt: skip
    parts = [f"{number(counts[k])} {text}" for k, text in words.items() if counts.get(k)]
    listed = ", ".join(parts) if parts else "nothing changed"
    text = f"Since the edition {earlier}, on the {number(cities)} cities in common: {listed}."
    return [
        Claim(
            "change", f"Changes since {earlier}", text, "change",
            value=float(sum(counts.values())), headline=True, scope="corpus", table="changes",
            query=query, records_query="SELECT DISTINCT record_id, 1.0 AS votes FROM changes "
            "WHERE change <> 'left' ORDER BY record_id",
        )
    ]  # fmt: skip


def _headline(claim: Claim) -> Claim:
    return Claim(**(asdict(claim) | {"headline": True}))


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def partly_coded(engine: Engine) -> str:
    """Why shares stop at the coded records: '' where every record was coded, else the reason."""
    row = engine.rows(
        "SELECT count(*) AS n, count(*) FILTER (coders > 0) AS coded FROM records"
    )[0]  # fmt: skip
    if row["coded"] == row["n"]:
        return ""
    return f"only {number(row['coded'])} of the {number(row['n'])} records are coded"


def records_of(engine: Engine, claims: Iterable[Claim]) -> Any:
    """The table `claim_records`: which records each claim rests on, with their votes."""
    parts = [
        f"SELECT {quoted(c.id)} AS claim_id, record_id, CAST(votes AS DOUBLE) AS votes "
        f"FROM ({c.records_query})"
        for c in claims
        if c.records_query and c.printed
    ]
    if not parts:
        parts = ["SELECT '' AS claim_id, '' AS record_id, 1.0::DOUBLE AS votes WHERE false"]
    return engine.query(" UNION ALL ".join(parts) + " ORDER BY claim_id, record_id")
