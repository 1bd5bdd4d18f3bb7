"""Cities in order of their counts, with ties as ties and the places that disputes leave open.

A city's best place is 1 + the number of cities that surely have more; its worst place is
1 + the number of cities that may have more. A figure that is a machine's alone, not audited, could
be anything. Where the collection design cannot carry a ranking, or some city's figure is not
audited, the rows are still there, marked as not carried, with the reason.
"""

from __future__ import annotations

import pyarrow as pa

from innovatory.codebook import Codebook
from innovatory.edition.tables import PROJECTS, populations
from innovatory.engine import Engine, quoted

MEASURES = {
    "projects": "Projects",
    "living_labs": "Living labs",
    "innovative": "Innovative projects",
    "innovative_share": "Share of projects that are innovative",
}


def statement(book: Codebook, *, obstacle: str, partly_coded: str) -> str:
    """The SQL of the table `city_ranks`; the two texts say why it is not carried (or are empty)."""
    measured = [p for p in populations(book) if p.name in MEASURES]
    parts = []
    for way in ("full", "fractional"):
        for population in measured:
            reason = obstacle or (partly_coded if population.answers else "")
            parts.append(f"""
SELECT {quoted(population.name)} AS measure, {quoted(way)} AS counting, class AS city_id,
  label, count, low, high, base AS most, base, {quoted(reason)} AS reason
FROM (SELECT city_id AS class, * FROM by_city
      WHERE population = {quoted(population.name)} AND counting = {quoted(way)})""")
    if book.dimension("innovative"):
        parts.append(f"""
SELECT 'innovative_share', counting, city_id, city_label, share, share_low, share_high, 1, base,
  {quoted(obstacle or partly_coded)}
FROM city_by_innovative
WHERE population = {quoted(PROJECTS.name)} AND innovative = 'yes' AND base > 0""")
    order = ", ".join(quoted(measure) for measure in MEASURES)
    return f"""
WITH told AS ({" UNION ALL ".join(parts)}),
m AS (
  SELECT * EXCLUDE (reason), coalesce(low, 0) AS least, coalesce(high, most) AS greatest,
    CASE WHEN reason = '' AND thin > 0 THEN 'in ' || thin || ' of the ' || cities ||
      ' cities fewer than five records were coded' ELSE reason END AS reason
  FROM (SELECT *, count(*) FILTER (low IS NULL) OVER kind AS thin, count(*) OVER kind AS cities
        FROM told WINDOW kind AS (PARTITION BY measure, counting))),
placed AS (
  SELECT a.measure, a.counting, a.city_id,
    1 + count(*) FILTER (b.count > a.count) AS rank,
    count(*) FILTER (b.count = a.count) > 1 AS tied,
    1 + count(*) FILTER (b.least > a.greatest) AS rank_best,
    1 + count(*) FILTER (b.greatest > a.least AND b.city_id <> a.city_id) AS rank_worst
  FROM m a JOIN m b ON b.measure = a.measure AND b.counting = a.counting
  GROUP BY a.measure, a.counting, a.city_id)
SELECT m.measure, m.counting, m.city_id, m.label, m.count, m.low, m.high, m.base,
  CAST(rank AS INTEGER) AS rank, tied, CAST(rank_best AS INTEGER) AS rank_best,
  CAST(rank_worst AS INTEGER) AS rank_worst, reason = '' AS carried, reason
FROM m JOIN placed USING (measure, counting, city_id)
ORDER BY list_position([{order}], measure), counting DESC, rank, label, city_id"""


def take(engine: Engine, book: Codebook, *, obstacle: str, partly_coded: str) -> pa.Table:
    """The table `city_ranks`; needs `by_city` and `city_by_innovative` in the engine."""
    return engine.query(statement(book, obstacle=obstacle, partly_coded=partly_coded))
