"""What the ledger says of the world as of a date: records, places, events, sources.

Stage, status and membership come from the dated events up to the date, so that the same ledger
gives a 2019 edition and a 2022 edition. A date known only to the year (or month) counts from the
last day it can mean: an edition never reports what had perhaps not yet happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from innovatory.engine import Engine, quoted
from innovatory.errors import EditionError
from innovatory.records import STAGES

TABLES = ("records", "places", "organisations", "events", "links", "sources", "unresolved",
          "corrections", "cities")  # fmt: skip

FACTS = ("sources", "records", "places", "organisations", "events", "links", "coders", "draws",
         "codings", "evidence", "adjudications", "corrections", "merges", "codebooks")  # fmt: skip

# Scalar columns of a record that a correction may replace.
_CORRECTABLE = (
    "kind", "title", "description", "local_name", "language", "lead", "lead_type", "start", "end",
    "status", "district", "citizens", "keywords", "funding_source", "funding_currency",
    "funding_note", "doubts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resolved:
    """Which city a spelling means; where none was found `city_id` is empty, `reason` says why."""

    city_id: str
    reason: str = ""


def spellings(engine: Engine) -> list[tuple[str, str]]:
    """The distinct (name, country) pairs of places and organisations; needs `load`."""
    rows = engine.rows(
        "SELECT DISTINCT name, country FROM place WHERE name <> '' UNION "
        "SELECT DISTINCT city, country FROM organisation WHERE city <> '' ORDER BY ALL"
    )
    return [(row["name"], row["country"]) for row in rows]


def take(
    engine: Engine,
    *,
    as_of: date,
    resolved: Mapping[tuple[str, str], Resolved],
    cities: pa.Table,
    panel: Iterable[str] | None,
) -> None:
    """Create the tables named in TABLES in the engine, as of a date; needs `load`.

    `cities` holds one row a city that may be counted (columns of the published table `cities`);
    `panel` restricts it, None means every city that a record names.
    """
    _resolve(engine, resolved)
    engine.table("city_list", cities)
    wanted = None if panel is None else sorted(set(panel))
    inside = "city_id IS NOT NULL" if wanted is None else _among("city_id", wanted)
    engine.run(f"CREATE TABLE as_of AS SELECT DATE {quoted(as_of.isoformat())} AS day")
    _events(engine)
    _members(engine, inside)
    _records(engine)
    _keys(engine)
    _children(engine, inside)
    _context(engine, wanted)


def release(engine: Engine) -> None:
    """Let go of the ledger's facts, once everything has been taken from them."""
    for name in FACTS:
        engine.forget(f"fact_{name}")


def _among(column: str, values: Sequence[str]) -> str:
    listed = ", ".join(quoted(value) for value in values) or "NULL"
    return f"{column} IN ({listed})"


def load(engine: Engine, facts: Mapping[str, pa.Table]) -> None:
    """Put the ledger's facts into the engine, with corrections and merges applied.

    `facts` are the tables of `Ledger.facts`. EditionError where corrections or merges contradict.
    """
    for name in FACTS:
        engine.table(f"fact_{name}", facts[name])
    for name in ("records", "places", "organisations", "events", "links"):
        engine.run(f"CREATE TABLE {name.removesuffix('s')} AS SELECT * FROM fact_{name}")
    _correct(engine, facts["corrections"].to_pylist())
    _merge(engine, facts["merges"].to_pylist())


def _correct(engine: Engine, corrections: list[dict[str, str]]) -> None:
    for row in corrections:
        parts = row["field"].split(".")
        if row["field"] == "withdrawn":
            if row["new"] == "true":
                engine.run("DELETE FROM record WHERE record_id = ?", [row["record_id"]])
        elif len(parts) == 3 and parts[0] in ("events", "places") and parts[1].isdigit():
            table = parts[0].removesuffix("s")
            engine.run(
                f'UPDATE {table} SET "{parts[2]}" = ? WHERE record_id = ? AND ord = ?',
                [row["new"], row["record_id"], int(parts[1])],
            )
        elif (column := row["field"].replace(".", "_")) in _CORRECTABLE:
            engine.run(
                f'UPDATE record SET "{column}" = ? WHERE record_id = ?',
                [row["new"], row["record_id"]],
            )
        elif row["field"] == "funding.amount":
            engine.run(
                "UPDATE record SET funding_amount = ? WHERE record_id = ?",
                [float(row["new"]), row["record_id"]],
            )
        elif row["field"] == "verified":
            engine.run(
                "UPDATE record SET verified = ? WHERE record_id = ?",
                [row["new"] == "true", row["record_id"]],
            )
        else:
            raise EditionError(
                f"correction of record {row['record_id']}: field {row['field']!r} cannot be "
                "corrected; record a correction of a field that docs/formats.md lists"
            )


def _merge(engine: Engine, merges: list[dict[str, str]]) -> None:
    """A merged record leaves; its places and pages join the record it is counted as."""
    # A record merged into itself counts as itself again.
    into = {r["record_id"]: r["into"] for r in merges if r["record_id"] != r["into"]}
    if not into:
        return
    final: dict[str, str] = {}
    for start in sorted(into):
        seen, here = {start}, into[start]
        while here in into:
            if here in seen:
                raise EditionError(
                    f"merges of {', '.join(sorted(seen))} run in a circle; record a merge of one "
                    "of them into the record that should stay"
                )
            seen.add(here)
            here = into[here]
        final[start] = here
    engine.table("merged", pa.table({"record_id": list(final), "into": list(final.values())}))
    engine.run("DELETE FROM record WHERE record_id IN (SELECT record_id FROM merged)")
    for table in ("place", "link"):
        engine.run(
            f"UPDATE {table} SET record_id = m.into, ord = ord + 1000 FROM merged m "
            f"WHERE {table}.record_id = m.record_id"
        )


def _resolve(engine: Engine, resolved: Mapping[tuple[str, str], Resolved]) -> None:
    names = sorted(resolved)
    engine.table(
        "city_of",
        pa.table(
            {
                "name": pa.array([name for name, _ in names], pa.string()),
                "country": pa.array([country for _, country in names], pa.string()),
                "city_id": pa.array([resolved[n].city_id or None for n in names], pa.string()),
                "reason": pa.array([resolved[n].reason for n in names], pa.string()),
            }
        ),
    )


def _events(engine: Engine) -> None:
    order = ", ".join(quoted(stage) for stage in STAGES)
    engine.run(f"""
        CREATE TABLE dated AS
        SELECT e.*, certain_day("when") AS day, list_position([{order}], stage) AS rank,
               coalesce(certain_day("when") <= as_of.day, false) AS counted
        FROM event e, as_of""")


def _members(engine: Engine, inside: str) -> None:
    """Records that had begun by the date and lie in the panel.

    A record without any date is known to exist when its source was gathered: it enters editions
    as of that day or later.
    """
    engine.run(f"""
        CREATE TABLE place_in AS
        SELECT p.record_id, p.ord, p.name, p.country, p.role, c.city_id,
               coalesce({inside}, false) AS in_panel
        FROM place p LEFT JOIN city_of c ON c.name = p.name AND c.country = p.country""")
    everywhere = "true" if inside == "city_id IS NOT NULL" else "false"
    engine.run(f"""
        CREATE TABLE member AS
        WITH signs AS (
          SELECT r.record_id, certain_day(nullif(r.start, '')) AS day FROM record r UNION ALL
          SELECT record_id, day FROM dated),
        first AS (SELECT record_id, min(day) AS day FROM signs GROUP BY record_id),
        inside AS (SELECT DISTINCT record_id FROM place_in WHERE in_panel)
        SELECT r.record_id, f.day AS first_day, f.day IS NOT NULL AS dated
        FROM record r JOIN first f USING (record_id)
        LEFT JOIN fact_sources s USING (source_id), as_of
        WHERE coalesce(f.day, certain_day(nullif(s.gathered, '')), as_of.day) <= as_of.day
          AND ({everywhere} OR r.record_id IN (SELECT record_id FROM inside))""")


def _records(engine: Engine) -> None:
    engine.run("""
        CREATE TABLE records AS
        WITH latest AS (
          SELECT record_id, stage, "when",
                 row_number() OVER (PARTITION BY record_id ORDER BY day DESC, rank DESC, ord DESC)
                 AS place
          FROM dated WHERE counted),
        furthest AS (
          SELECT record_id, arg_max(stage, rank) AS stage FROM dated
          WHERE counted AND stage <> 'ended' GROUP BY record_id)
        SELECT r.record_id, r.kind, r.title, r.local_name, r.description, r.language, r.citizens,
          r.keywords, r.lead, r.lead_type, r.start,
          CASE WHEN certain_day(nullif(r."end", '')) <= a.day THEN r."end" ELSE '' END AS "end",
          CASE WHEN l.stage = 'ended' THEN 'ended'
               WHEN certain_day(nullif(r."end", '')) <= a.day THEN 'completed'
               WHEN l.stage = 'planned' THEN 'planned'
               WHEN r.status = 'unknown' THEN 'unknown'
               ELSE 'active' END AS status,
          coalesce(l.stage, 'unknown') AS stage, coalesce(l."when", '') AS stage_since,
          coalesce(f.stage, 'unknown') AS furthest_stage, r.district,
          r.funding_source, r.funding_amount, r.funding_currency, r.funding_note,
          r.verified, r.doubts, r.source_id, m.dated,
          CASE WHEN m.dated THEN CAST(year(m.first_day) AS VARCHAR) ELSE 'unknown' END
            AS start_year
        FROM member m JOIN record r USING (record_id)
        LEFT JOIN latest l ON l.record_id = r.record_id AND l.place = 1
        LEFT JOIN furthest f ON f.record_id = r.record_id, as_of a
        ORDER BY r.record_id""")


def _keys(engine: Engine) -> None:
    """Record ids as an enumeration in their order: joins and groups then work on integers."""
    engine.run("""
        CREATE TYPE record_key AS ENUM (SELECT '' AS id UNION ALL
          SELECT record_id FROM records ORDER BY id)""")
    engine.run("ALTER TABLE records ALTER record_id SET DATA TYPE record_key")


def _children(engine: Engine, inside: str) -> None:
    members = "SELECT record_id FROM member"
    engine.run(f"""
        CREATE TABLE places AS
        WITH here AS (
          SELECT DISTINCT record_id, city_id FROM place_in WHERE in_panel),
        parts AS (SELECT record_id, count(*) AS n FROM here GROUP BY record_id)
        SELECT CAST(p.record_id AS record_key) AS record_id, CAST(row_number() OVER (
            PARTITION BY p.record_id ORDER BY p.ord) - 1 AS INTEGER) AS ord,
          p.name, p.country, p.role, p.city_id, p.in_panel,
          CASE WHEN p.in_panel THEN CAST(round(1.0 / n, 9) AS DOUBLE) END AS fraction
        FROM place_in p LEFT JOIN parts USING (record_id)
        WHERE p.record_id IN ({members}) ORDER BY p.record_id, p.ord""")
    engine.run(f"""
        CREATE TABLE organisations AS
        SELECT o.record_id, o.ord, o.name, o.role, o.kind, o.city, o.country, c.city_id
        FROM organisation o LEFT JOIN city_of c ON c.name = o.city AND c.country = o.country
        WHERE o.record_id IN ({members}) ORDER BY o.record_id, o.ord""")
    engine.run(f"""
        CREATE TABLE events AS
        SELECT record_id, ord, "when", stage, note, source, counted FROM dated
        WHERE record_id IN ({members}) ORDER BY record_id, ord""")
    engine.run(f"""
        CREATE TABLE links AS
        SELECT record_id, CAST(row_number() OVER (PARTITION BY record_id ORDER BY ord) - 1
                               AS INTEGER) AS ord, url, title, publisher
        FROM link WHERE record_id IN ({members}) ORDER BY record_id, ord""")


def _context(engine: Engine, wanted: Sequence[str] | None) -> None:
    engine.run("""
        CREATE TABLE sources AS
        SELECT s.source_id, s.title, s.design, s.population, s.licence, s.attribution, s.url,
          s.gathered, s.notes, s.synthetic,
          CAST((SELECT count(*) FROM records r WHERE r.source_id = s.source_id) AS INTEGER)
            AS records
        FROM fact_sources s ORDER BY s.source_id""")
    engine.run("""
        CREATE TABLE unresolved AS
        SELECT DISTINCT p.record_id, p.name, p.country, coalesce(c.reason, 'no name') AS reason
        FROM place_in p JOIN record r USING (record_id)
        LEFT JOIN city_of c ON c.name = p.name AND c.country = p.country
        WHERE p.city_id IS NULL ORDER BY ALL""")
    engine.run("""
        CREATE TABLE corrections AS
        SELECT record_id, field, "old", "new", reason, source, "by" FROM fact_corrections
        WHERE field = 'withdrawn' OR record_id IN (SELECT record_id FROM member)
        ORDER BY record_id, field""")
    kept = (
        "city_id IN (SELECT city_id FROM places WHERE in_panel)"
        if wanted is None
        else _among("city_id", wanted)
    )
    engine.run(f"CREATE TABLE cities AS SELECT * FROM city_list WHERE {kept} ORDER BY city_id")
