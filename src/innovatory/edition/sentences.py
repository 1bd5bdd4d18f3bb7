"""The sentences of an edition's claims, written from its tables in the report's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from innovatory.claims import Claim, Setting, count_text, number, percent, share_text
from innovatory.codebook import Codebook
from innovatory.edition.counts import Count, Population, records_statement
from innovatory.edition.receipts import Receipts
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


class Writer:
    """Writes the claims of one edition; `read` gives the rows of its tables by name."""

    def __init__(
        self,
        engine: Engine,
        book: Codebook,
        setting: Setting,
        *,
        read: Callable[[str], list[dict[str, Any]]],
        receipts: Receipts,
    ) -> None:
        self.engine = engine
        self.read = read
        self.receipts = receipts
        self.book = book
        self.setting = setting
        self._tables: dict[str, list[dict[str, Any]]] = {}

    @property
    def here(self) -> str:
        """What a base is called where the records stand for nothing but themselves."""
        return "" if self.setting.scope == "population" else " gathered here"

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
        """One row of a count table (None where there is none) with the query that yields it."""
        column = table.split("_by_")[0] if within else "class"
        tests = {"population": population.name, **within, column: class_}
        where = " AND ".join(f"{name} = {quoted(text)}" for name, text in tests.items())
        query = (
            "SELECT count, low, high, base, share, share_low, share_high, disputed, labels, basis "
            f"FROM {table} WHERE {where}"
        )
        # The table is read once for all its claims; `verify` runs each query by itself.
        if table not in self._tables:
            self._tables[table] = self.read(table)
        rows = (
            row
            for row in self._tables[table]
            if all(row[name] == text for name, text in tests.items())
        )
        return next(rows, None), query

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
        dimension: str, predicate: str, headline: bool = False, **within: str,
    ) -> list[Claim]:  # fmt: skip
        """A claim on one class: '28.1% [..] of the 1,088 projects PREDICATE (306)'.

        Nothing where the base is 0.
        """
        row, query = self.cell(table, population, class_, **within)
        if row is None or not row["base"]:
            return []
        group = next(iter(within.values()), "")
        count = Count("", "", dimension, next(iter(within), ""))
        noun, led, by = _lower(population.label).partition(" led by")
        noun += f"{self.here} and{led}{by}" if led and self.here else f"{self.here}{led}{by}"
        if within:
            noun += f" with {next(iter(within))} {self.label(next(iter(within)), group)}"
        text = f"{share_text(row)} {noun} {predicate} ({count_text(row)})."
        return [
            Claim(
                id, title, text, "share", value=row["count"], low=row["low"], high=row["high"],
                base=row["base"], percent=float(percent(row["share"])), headline=headline,
                scope=self.setting.scope, disputed=row["disputed"], table=table, query=query,
                records_query=records_statement(count, population, group, class_),
                basis=row["basis"], labels=row["labels"],
                receipt=self.receipts.of(count, population, row),
            )
        ]  # fmt: skip

    def label(self, dimension: str, class_: str) -> str:
        """A class of the codebook in words, in quotation marks."""
        known = self.book.dimension(dimension)
        words = next((c.label for c in known.classes if c.id == class_), class_) if known else ""
        return f"\u201c{words}\u201d"

    def innovative(self) -> list[Claim]:
        found = self.share(
            "innovative-share", "Share of projects that are innovative", "by_innovative",
            PROJECTS, "yes", dimension="innovative", headline=True,
            predicate="are innovative: they meet all of the tests",
        )  # fmt: skip
        for derived in self.book.derived:
            if derived.relaxes == "innovative":
                found += self.share(
                    f"share-{derived.id.replace('_', '-')}", derived.title, f"by_{derived.id}",
                    PROJECTS, "yes", dimension=derived.id,
                    predicate=f"meet the relaxed rule \u201c{derived.title}\u201d",
                )  # fmt: skip
        if self.book.dimension("driver_group"):
            found += self.drivers()
        if self.book.dimension("sector_published"):
            found += self.classes(
                "sector_published",
                INNOVATIVE,
                "sector",
                "Innovative projects by sector",
                predicate="are in",
            )
        if self.book.dimension("goal") and self.book.dimension("driver_group"):
            found += self.classes(
                "goal",
                LED,
                "goal",
                "Goals of those led by city or firms",
                predicate="have the goal",
            )
            if self.book.dimension("sector_published"):
                found += self.share(
                    "business-model-energy", "Energy & Environment among the business models",
                    "sector_published_by_goal", LED, "energy_environment",
                    dimension="sector_published",
                    predicate="are in \u201cEnergy & Environment\u201d",
                    goal="new_business_model",
                )  # fmt: skip
        return found

    def drivers(self) -> list[Claim]:
        """The published split; its percentages are of all projects, as in the published report."""
        found: list[Claim] = []
        whole, _ = self.cell("by_innovative", PROJECTS, "yes")
        parts = (
            ("city-or-private", "city_or_private", "led by the city or the private sector"),
            ("living-lab-driven", "living_lab", "driven by living labs"),
        )
        rows = []
        for id_, class_, words in parts:
            row, query = self.cell("by_driver_group", INNOVATIVE, class_)
            if row is None or not whole or not whole["base"]:
                return found
            rows.append(row)
            count = Count("", "", "driver_group")
            share = row["count"] / whole["base"]
            text = (
                f"{_first_upper(count_text(row))} of the {_base(row)} innovative projects are "
                f"{words} ({percent(share)}% of all {_base(whole)} projects{self.here})."
            )
            found.append(
                Claim(
                    id_, f"Innovative projects {words}", text, "count", value=row["count"],
                    low=row["low"], high=row["high"], base=whole["base"],
                    percent=float(percent(share)),
                    headline=True, scope=self.setting.scope, disputed=row["disputed"],
                    table="by_driver_group", query=query,
                    records_query=records_statement(count, INNOVATIVE, "", class_),
                    basis=row["basis"], labels=row["labels"],
                    receipt=self.receipts.of(count, INNOVATIVE, row),
                )
            )  # fmt: skip
        if any(row["low"] is None for row in (*rows, whole)):
            return found
        total = {key: sum(row[key] for row in rows) for key in ("count", "low", "high")}
        base = rows[0]["base"]
        # Bounds of the two groups are not attained together; the whole bounds their sum.
        total["high"] = min(total["high"], whole["high"])
        rest = base - total["count"]
        digits = None if rows[0]["basis"] == "estimated" else 1
        verdict = "make up all" if rest < 0.05 else (
            f"make up {number(round(total['count'], digits))} of")  # fmt: skip
        found.append(
            Claim(
                "partition", "The two groups together",
                f"The two groups {verdict} {_base(rows[0])} innovative projects"
                + (f"; {number(round(rest, digits))} are driven by neither" * (rest >= 0.05)) + ".",
                "partition", value=total["count"], low=total["low"], high=total["high"],
                base=base, scope=self.setting.scope, table="by_driver_group",
                basis=rows[0]["basis"],
                query="SELECT sum(count) AS count FROM by_driver_group WHERE population = "
                "'innovative' AND class IN ('city_or_private', 'living_lab')",
            )
        )  # fmt: skip
        return found

    def classes(
        self, dimension: str, population: Population, stem: str, title: str, *, predicate: str
    ) -> list[Claim]:
        """One claim a class, the largest first."""
        known = self.book.dimension(dimension)
        assert known is not None
        found = [
            claim
            for c in known.classes
            for claim in self.share(
                GOAL_IDS.get(c.id, f"{stem}-{c.id.replace('_', '-')}"), f"{title}: {c.label}",
                f"by_{dimension}", population, c.id, dimension=dimension,
                predicate=f"{predicate} \u201c{c.label}\u201d",
            )
        ]  # fmt: skip
        found.sort(key=lambda claim: (-(claim.value or 0), claim.id))
        return [_headline(claim) if n < HEADLINES else claim for n, claim in enumerate(found)]

    def stages(self) -> list[Claim]:
        stages = {
            "pilot": ("in pilot", "were in pilot"),
            "scaled": ("scaled up", "had been scaled up"),
            "diffused": ("diffused", "had been diffused, in regular operation area-wide"),
            "ended": ("ended", "had ended"),
            "planned": ("planned", "were planned and not yet begun"),
            "unknown": ("no dated stage", "have no dated stage"),
        }
        return [
            claim
            for class_, (label, predicate) in stages.items()
            for claim in self.share(
                f"stage-{class_}", f"Stage of projects: {label}", "by_stage", PROJECTS, class_,
                dimension="dated_stage", predicate=f"{predicate} by {self.setting.as_of}",
                headline=class_ in ("scaled", "diffused", "ended"),
            )
        ]  # fmt: skip

    def leaders(self) -> list[Claim]:
        """The first cities of a ranking; ties are kept whole, and a ranking not carried is not
        printed."""
        found, ranked = [], self.read("city_ranks")
        for id_, measure, noun, places in LEADERS:
            query = (
                "SELECT city_id, label, count, low, high, rank, rank_best, rank_worst, reason "
                f"FROM city_ranks WHERE measure = {quoted(measure)} AND counting = 'full' "
                f"AND rank <= {places} AND count > 0 ORDER BY rank, label"
            )
            rows = [
                row
                for row in ranked
                if row["measure"] == measure
                and row["counting"] == "full"
                and row["rank"] <= places
                and row["count"] > 0
            ]
            if not rows:
                continue
            reason = rows[0]["reason"]
            named = ("city_id", "label", "count", "low", "high", "rank", "rank_best", "rank_worst")
            rows = [{name: row[name] for name in named} for row in rows]
            title = f"Cities with most {noun}"
            listed = ", ".join(f"{row['label']} ({count_text(row)})" for row in rows)
            text = f"Most {noun}, counted in each of their cities: {listed}."
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
    return replace(claim, headline=True)


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _base(row: Mapping[str, Any]) -> str:
    """The base of a row in words; an estimated one is whole, because it is no count."""
    return number(row["base"] if row["basis"] == "counted" else round(row["base"]))
