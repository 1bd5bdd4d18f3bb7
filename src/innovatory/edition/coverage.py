"""What an edition's count tables rest on: records coded, records drawn, or a machine's word.

Where reference coders answered every question on every record there is nothing to do here: the
tables are counted. Else the records are held as arrays, the machine coder says what to expect of
those that were not coded, and the tables that can be estimated are (see `estimates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from innovatory.codebook import Codebook, RollUp
from innovatory.edition.counts import Count, asked_of_coders
from innovatory.edition.tables import PROJECTS, count_tables, counted
from innovatory.engine import Engine, digest

if TYPE_CHECKING:
    from innovatory.edition.estimates import Basis
    from innovatory.edition.frame import Frame
    from innovatory.edition.predictions import Remember

TABLES = ("predictions", "machine", "samples")
POOLED = "city_by_innovative"


@dataclass(frozen=True)
class Coverage:
    """What the count tables of one edition rest on; without a frame all of them are counted."""

    book: Codebook
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    prints: Mapping[str, str] = field(default_factory=dict)
    frame: Frame | None = None
    bases: Mapping[str, Basis] = field(default_factory=dict)

    @property
    def drawn(self) -> bool:
        """Whether all that was not coded is estimated from records drawn by design."""
        return all(basis.name != "coded" for basis in self.bases.values())

    def put(self, count: Count, table: pa.Table) -> pa.Table:
        """The count table as it is published."""
        if self.frame is None:
            return table
        from innovatory.edition import estimates

        every = counted(count, self.book)
        return estimates.put(self.frame, count, table, every, found=self.bases)

    def pooled(self) -> pa.Table | None:
        """The share of innovative projects in each city, pooled; None where it is counted."""
        count = next((c for c in count_tables(self.book) if c.name == POOLED), None)
        if self.frame is None or count is None:
            return None
        from innovatory.edition import estimates

        return estimates.pooled(self.frame, count, PROJECTS, "yes", found=self.bases)


def take(engine: Engine, book: Codebook, *, seed: int, remember: Remember) -> Coverage:
    """What the edition in the engine rests on."""
    partial = _partly_answered(engine, book)
    if not partial:
        return Coverage(book)
    # Imported here because most builds count, and need none of it.
    from innovatory.edition import predictions

    drawn = engine.rows("SELECT count(*) AS n FROM draws WHERE drawn AND design <> 'repeat'")
    wanted = [name for name in partial if drawn[0]["n"]]
    table, machine = predictions.take(engine, book, wanted, seed=seed, remember=remember)
    prints = {}
    for name in wanted:
        mine = table.filter(pc.field("dimension") == name)["probability"]
        prints[f"predictions:{name}"] = digest(mine.to_numpy().tobytes())
    return stand(engine, book, {"predictions": table, "machine": machine}, prints)


def stand(
    engine: Engine, book: Codebook, made: Mapping[str, pa.Table], prints: Mapping[str, str]
) -> Coverage:
    """The coverage of an edition whose predictions are known."""
    from innovatory.edition import estimates, frame

    engine.table("predictions", made["predictions"])
    asked = {count: counted(count, book) for count in count_tables(book)}
    coded = {d for count, every in asked.items() for p in every for d in asked_of_coders(count, p)}
    held = frame.load(engine, book, dimensions=sorted(coded))
    found = estimates.bases(held, asked)
    tables = {**made, "samples": estimates.samples(held, found)}
    return Coverage(book, tables, prints, held, found)


def _partly_answered(engine: Engine, book: Codebook) -> list[str]:
    """The dimensions that no reference coder answered for some record, roll-ups aside."""
    records = engine.rows("SELECT count(*) AS n FROM records")[0]["n"]
    answered = {
        row["dimension"]: row["n"]
        for row in engine.rows(
            "SELECT dimension, count(DISTINCT record_id) AS n FROM verdicts GROUP BY dimension"
        )
    }
    rolled = {d.id for d in book.derived if isinstance(d.how, RollUp)}
    names = [d.id for d in book.dimensions] + [d.id for d in book.derived]
    return [n for n in names if n not in rolled and answered.get(n, 0) < records]
