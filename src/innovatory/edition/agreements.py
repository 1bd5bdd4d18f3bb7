"""How far the reference coders of an edition agree, before any adjudication.

Only records that were sent to a second coder at random are looked at where a draw says which; the
disputed and the doubtful, which people choose to look at twice, would make coders look worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from innovatory.codebook import Codebook
from innovatory.engine import Engine, quoted

if TYPE_CHECKING:
    from innovatory.agreement import Scale

# The order of the stages on a project's way; an ending can come after any of them.
ORDERED = {"stage": ("planned", "pilot", "scaled", "diffused")}
SEED = 1


def doubled(engine: Engine) -> bool:
    """Whether any record was coded by two reference coders."""
    return bool(engine.rows("SELECT record_id FROM verdicts WHERE coders > 1 LIMIT 1"))


def take(engine: Engine, book: Codebook, dimensions: Sequence[str]) -> pa.Table:
    """The table `agreement` for some of the dimensions; needs the tables of `judgements`."""
    # Imported here because most rebuilds take the table over.
    from innovatory.agreement import table

    told = answers(engine, dimensions)
    return table(told, scales(book, dimensions), only=at_random(engine), seed=SEED)


def answers(engine: Engine, dimensions: Sequence[str]) -> pa.Table:
    """The answers of reference coders before adjudication, as `agreement.table` takes them."""
    listed = ", ".join(quoted(d) for d in dimensions) or "NULL"
    return engine.query(f"""
        WITH months AS (
          SELECT record_id, coder_id, max(left(coded_at, 7)) AS month FROM codings GROUP BY ALL)
        SELECT t.record_id, t.coder_id, t.dimension, string_agg(class, '|' ORDER BY class) AS value,
          coalesce(any_value(month), '') AS month, any_value(language) AS language
        FROM told t JOIN records USING (record_id) LEFT JOIN months m
          ON m.record_id = t.record_id AND m.coder_id = t.coder_id
        WHERE dimension IN ({listed})
        GROUP BY t.record_id, t.coder_id, t.dimension ORDER BY 1, 3, 2""")


def scales(book: Codebook, dimensions: Sequence[str]) -> dict[str, Scale]:
    """The classes of each dimension, with their order where they have one."""
    from innovatory.agreement import Scale

    found = {}
    for name in dimensions:
        known = book.dimension(name)
        assert known is not None
        classes = tuple(c.id for c in known.classes)
        order = tuple(c for c in ORDERED.get(name, ()) if c in classes)
        found[name] = Scale(classes, known.multi, order)
    return found


def at_random(engine: Engine) -> list[str] | None:
    """The records sent to a second coder by design; None where no draw says which."""
    rows = engine.rows("SELECT DISTINCT record_id FROM draws WHERE second ORDER BY record_id")
    return [row["record_id"] for row in rows] or None
