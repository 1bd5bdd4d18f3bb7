"""Two codebooks compared, and what the newer one means for the codings of an observatory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
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
from innovatory.pipeline import given, unheard


@dataclass(frozen=True, slots=True)
class Compared:
    """The difference and, for an observatory, codings by dimension and moves of shares.

    `waiting` are the dimensions whose shares say nothing until codings are redone: with those that
    they follow from, none where their own are. `notice` says why there are no shares, if so.
    """

    difference: Difference
    codings: tuple[dict[str, Any], ...] = ()
    shares: tuple[dict[str, Any], ...] = ()
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notice: str = ""

    def lines(self) -> Iterator[str]:
        """The comparison in words; what stays as it is is summed up."""
        yield from lines(self.difference)
        for row in self.codings:
            if row["fate"] != STAYS:
                yield _fate(row)
        staying = [row["codings"] for row in self.codings if row["fate"] == STAYS]
        if 0 < len(staying) < len(self.codings):
            yield f"the {sum(staying):,} codings of {len(staying)} other dimensions stay"
        if self.waiting:
            again = ", ".join(name for name, sources in self.waiting.items() if not sources)
            yield (
                f"{', '.join(self.waiting)}: shares before and after cannot be compared until "
                f"{again} is coded again"
            )
        told = [
            row["sentence"]
            for row in self.shares
            if row["dimension"] not in self.waiting
            and (row["verdict"] not in ("within", "open") or row.get("change"))
        ]
        yield from told
        if self.shares and not told:
            yield f"no {'other ' if self.waiting else ''}share moves"
        if self.notice:
            yield self.notice

    def as_json(self) -> dict[str, Any]:
        """The comparison as data."""
        return {"sentences": lines(self.difference), "codings": self.codings,
                "shares": self.shares, "waiting": self.waiting, "notice": self.notice}  # fmt: skip


STAYS, REDONE = "stays", "redone"
_FIRST = 3


def _fate(row: Mapping[str, Any]) -> str:
    told = f"{row['dimension']}: {row['codings']:,} codings of {row['records']:,} records"
    if row["fate"] != REDONE:
        return f"{told} are carried over"
    return f"{told} must be redone; begin with {', '.join(row['record_ids'][:_FIRST])}"


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
    (then, notice), (now, _) = (_shares(place, book) for book in (before, after))
    return Compared(
        difference, tuple(told), tuple(moves(difference, then, now).to_pylist()),
        _waiting(after, {row["dimension"] for row in told if row["fate"] == REDONE}), notice,
    )  # fmt: skip


def _waiting(book: Codebook, redone: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The dimensions of a codebook whose codings, or those they follow from, are to be redone."""
    waiting: dict[str, tuple[str, ...]] = {d.id: () for d in book.dimensions if d.id in redone}
    for derived in book.derived:
        if sources := tuple(name for name in derived.sources if name in waiting):
            waiting[derived.id] = sources
    return waiting


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
        listed = ", ".join(sorted(known))
        there = f"the versions are {listed}" if listed else "with --in DIR, versions are known too"
        raise CodebookError(
            f"{name}: is neither a file nor one version of the codebook; give a path; {there}"
        )
    return codebook.parse(known[found[0]], name=f"codebook {found[0]}")


def _shares(place: Observatory, book: Codebook) -> tuple[pa.Table, str]:
    """The shares of all projects under a codebook, and why there are none, if so.

    Columns: dimension, class, share, low, high.
    """
    rows = []
    with place.ledger() as ledger, Engine() as engine:
        source = replace(given(place, ledger), book=book)
        prepare(engine, source, as_of=date.max)
        notice = unheard(place, engine.rows("SELECT * FROM coders"))
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
    numbers = ("share", "low", "high")
    types: dict[str, pa.DataType] = {
        "dimension": pa.string(), "class": pa.string(), **dict.fromkeys(numbers, pa.float64())
    }  # fmt: skip
    return pa.Table.from_pylist(rows, schema=pa.schema(types)), notice
