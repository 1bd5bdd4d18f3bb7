"""Two codebooks compared, and what the newer one means for the codings of an observatory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from innovatory import codebook, observatory
from innovatory.codebook import Codebook
from innovatory.codebook_diff import Difference, affected, diff, lines, moves
from innovatory.edition import coverage, tables
from innovatory.edition.build import prepare
from innovatory.edition.counts import is_coded
from innovatory.engine import Engine
from innovatory.errors import CodebookError
from innovatory.observatory import Observatory
from innovatory.pipeline import given


@dataclass(frozen=True, slots=True)
class Compared:
    """The difference and, for an observatory, codings by dimension and moves of shares."""

    difference: Difference
    codings: tuple[dict[str, Any], ...] = ()
    shares: tuple[dict[str, Any], ...] = ()

    def lines(self) -> Iterator[str]:
        """The comparison in words; shares that stay as they are are left out."""
        yield from lines(self.difference)
        for row in self.codings:
            yield f"{row['dimension']}: {row['codings']:,} codings {_BECOME[row['fate']]}"
        for row in self.shares:
            if row["verdict"] not in ("within", "open") or row.get("change"):
                yield row["sentence"]

    def as_json(self) -> dict[str, Any]:
        """The comparison as data."""
        return {"sentences": lines(self.difference), "codings": self.codings,
                "shares": self.shares}  # fmt: skip


_BECOME = {"stays": "stay", "carried": "are carried over", "redone": "must be redone"}


def compare(old: str, new: str, *, folder: Path | None = None) -> Compared:
    """Compare two codebooks: files, or versions that the ledger of the observatory knows.

    CodebookError where one cannot be found or read.
    """
    place = observatory.load(folder) if folder else None
    known = _known(place) if place else {}
    before, after = (_book(name, known) for name in (old, new))
    difference = diff(before, after)
    if place is None or not place.begun:
        return Compared(difference)
    with place.ledger() as ledger:
        codings = ledger.facts()["codings"]
    told = affected(difference, codings).to_pylist()
    then, now = (_shares(place, book) for book in (before, after))
    return Compared(difference, tuple(told), tuple(moves(difference, then, now).to_pylist()))


def _known(place: Observatory) -> dict[str, str]:
    if not place.begun:
        return {}
    with place.ledger() as ledger:
        return {r["version"]: r["text"] for r in ledger.facts()["codebooks"].to_pylist()}


def _book(name: str, known: dict[str, str]) -> Codebook:
    if Path(name).is_file():
        return codebook.load(Path(name))
    found = [version for version in known if version.startswith(name)]
    if len(found) != 1:
        listed = ", ".join(sorted(known)) or "none (give --in DIR)"
        raise CodebookError(
            f"{name}: is neither a file nor a version of the codebook; versions: {listed}"
        )
    return codebook.parse(known[found[0]], name=f"codebook {found[0]}")


def _shares(place: Observatory, book: Codebook) -> pa.Table:
    """The shares of all projects under a codebook: dimension, class, share, low, high."""
    rows = []
    with place.ledger() as ledger, Engine() as engine:
        source = replace(given(place, ledger), book=book)
        prepare(engine, source, as_of=date.max)
        rests = coverage.take(engine, book, seed=source.seed, remember=source.remember)
        wanted = [c for c in tables.count_tables(book) if not c.within and is_coded(c.dimension)]
        records = engine.rows("SELECT count(*) AS n FROM records")[0]["n"]
        counts = {count.name: count for count in wanted}
        for batch in tables.batches(wanted, book, records=records):
            for name, table in batch.split(engine.query(batch.statement)).items():
                for row in rests.put(counts[name], table).to_pylist():
                    if row["population"] == tables.PROJECTS.name:
                        rows.append(
                            {"dimension": counts[name].dimension, "class": row["class"],
                             "share": row["share"], "low": row["share_low"],
                             "high": row["share_high"]}
                        )  # fmt: skip
    text, real = pa.string(), pa.float64()
    return pa.Table.from_pylist(rows, schema=pa.schema(
        [pa.field("dimension", text), pa.field("class", text), pa.field("share", real),
         pa.field("low", real), pa.field("high", real)]))  # fmt: skip
