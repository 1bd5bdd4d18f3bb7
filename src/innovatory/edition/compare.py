"""What changed between two editions, on the cities they have in common.

Panels grow from edition to edition, so totals of two editions are never compared as they stand:
only records in cities that both cover take part.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from innovatory.engine import Engine

_TABLES = ("records", "places", "cities", "verdicts", "corrections")

CHANGES = {
    "entered": "begun, or first recorded, since the earlier edition",
    "left": "no longer counted: withdrawn, merged into another, or out of the panel",
    "ended": "ended or completed since; still counted, as ended",
    "stage": "reached another stage by its dated events",
    "coding": "its coders, or more of them, now say otherwise",
    "corrected": "a correction came into force",
}

_STATEMENT = """
WITH common AS (SELECT city_id FROM cities INTERSECT SELECT city_id FROM old_cities),
new_in AS (SELECT record_id, string_agg(DISTINCT city_id, '|' ORDER BY city_id) AS city_ids
  FROM places WHERE city_id IN (SELECT city_id FROM common) GROUP BY record_id),
old_in AS (SELECT record_id, string_agg(DISTINCT city_id, '|' ORDER BY city_id) AS city_ids
  FROM old_places WHERE city_id IN (SELECT city_id FROM common) GROUP BY record_id),
n AS (SELECT r.*, city_ids FROM records r JOIN new_in USING (record_id)),
o AS (SELECT r.*, city_ids FROM old_records r JOIN old_in USING (record_id)),
said AS (SELECT record_id, dimension,
    string_agg(class || CASE WHEN disputed THEN ' (disputed)' ELSE '' END, ', ' ORDER BY class)
    AS answer FROM verdicts WHERE record_id IN (SELECT record_id FROM o) GROUP BY ALL),
old_said AS (SELECT record_id, dimension,
    string_agg(class || CASE WHEN disputed THEN ' (disputed)' ELSE '' END, ', ' ORDER BY class)
    AS answer FROM old_verdicts WHERE record_id IN (SELECT record_id FROM n) GROUP BY ALL)
SELECT * FROM (
  SELECT record_id, title, city_ids, 'entered' AS change, '' AS dimension, '' AS before,
    stage AS after FROM n WHERE record_id NOT IN (SELECT record_id FROM o)
  UNION ALL
  SELECT record_id, title, city_ids, 'left', '', stage, '' FROM o
  WHERE record_id NOT IN (SELECT record_id FROM n)
  UNION ALL
  SELECT record_id, n.title, n.city_ids, 'ended', 'status', o.status, n.status
  FROM n JOIN o USING (record_id)
  WHERE n.status IN ('ended', 'completed') AND o.status NOT IN ('ended', 'completed')
  UNION ALL
  SELECT record_id, n.title, n.city_ids, 'stage', 'stage', o.stage, n.stage
  FROM n JOIN o USING (record_id) WHERE n.stage <> o.stage
  UNION ALL
  SELECT record_id, n.title, n.city_ids, 'coding', dimension, coalesce(a.answer, ''),
    coalesce(b.answer, '')
  FROM (SELECT record_id, dimension FROM said UNION SELECT record_id, dimension FROM old_said)
  JOIN n USING (record_id) LEFT JOIN said b USING (record_id, dimension)
  LEFT JOIN old_said a USING (record_id, dimension)
  WHERE a.answer IS DISTINCT FROM b.answer
  UNION ALL
  SELECT c.record_id, n.title, n.city_ids, 'corrected', c.field, c."old", c."new"
  FROM corrections c JOIN n USING (record_id)
  WHERE (c.record_id, c.field, c."new") NOT IN
    (SELECT record_id, field, "new" FROM old_corrections))
ORDER BY list_position(['entered', 'left', 'ended', 'stage', 'coding', 'corrected'], change),
  record_id, dimension"""


def take(engine: Engine, earlier: Path) -> pa.Table:
    """The table `changes` against the edition in the folder `earlier`.

    Needs the tables of this edition in the engine; those of the other are read from its Parquet
    files as `old_NAME`.
    """
    for name in _TABLES:
        engine.parquet(f"old_{name}", earlier / "tables" / f"{name}.parquet")
    return engine.query(_STATEMENT)
