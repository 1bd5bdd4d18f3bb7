"""The headline sentences of an edition, each with its base, interval and the query that yields it.

A claim is a printed figure: its sentence is made from the tables, never typed. Its interval is
what coder disagreement leaves open. Its ids are those of the published figures (see figures/),
so that somebody else's page can be compared with it. Where the collection design cannot carry a
claim it is kept, not printed, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from innovatory.codebook import Codebook
from innovatory.engine import Engine, quoted


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
    basis: str = "counted"
    labels: int | None = None
    receipt: str = ""

    def as_json(self) -> dict[str, Any]:
        """The claim as it stands in claims.json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the sentences need to know of the edition besides its tables."""

    as_of: str
    obstacle: str
    partly_coded: str

    @property
    def scope(self) -> str:
        """`population` where the design carries statements beyond the records themselves."""
        return "corpus" if self.obstacle or self.partly_coded else "population"


def percent(share: float) -> Decimal:
    """A share as a percentage with one decimal, rounded half up.

    >>> percent(306 / 1088), percent(154 / 1088), percent(0.0125)
    (Decimal('28.1'), Decimal('14.2'), Decimal('1.3'))
    """
    return (Decimal(repr(round(share, 9))) * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def number(value: float) -> str:
    """A count for reading: whole where it is whole, else with one decimal.

    >>> number(1088.0), number(433.5)
    ('1,088', '433.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def count_text(row: Mapping[str, Any]) -> str:
    """A count with its bounds: '154', or '153.5 [150, 157]' where coders differ.

    An estimate is 'about 306 [261, 353]', whole because it is no count.

    >>> count_text({"count": 305.7, "low": 261.2, "high": 352.9, "basis": "estimated"})
    'about 306 [261, 353]'
    """
    if row.get("basis") in ("estimated", "model"):
        row = {name: row[name] and round(row[name]) for name in ("count", "low", "high")}
        return "about " + count_text(row)
    bounds = f" [{number(row['low'])}, {number(row['high'])}]" if row["low"] is not None else ""
    return number(row["count"]) + (bounds if row["low"] != row["high"] else "")


def share_text(row: Mapping[str, Any]) -> str:
    """A share with its bounds and base: '28.1% [24.0, 32.4] of the 1,088'."""
    bounds, base = "", row["base"]
    if row["share_low"] is None:
        bounds = " (model-based, not audited)"
    elif row["share_low"] < row["share_high"]:
        bounds = f" [{percent(row['share_low'])}, {percent(row['share_high'])}]"
    if row.get("basis") in ("estimated", "model"):
        base = round(base)
    return f"{percent(row['share'])}%{bounds} of the {number(base)}"


def partly_coded(engine: Engine, *, drawn: bool) -> str:
    """Why shares stop at the coded records; '' where every record was coded, or some by design."""
    row = engine.rows(
        "SELECT count(*) AS n, count(*) FILTER (coders > 0) AS coded FROM records"
    )[0]  # fmt: skip
    if drawn or row["coded"] == row["n"]:
        return ""
    coded, every = number(row["coded"]), number(row["n"])
    return f"only {coded} of the {every} records are coded, and they were not drawn by design"


def dependencies(claim: Claim, book: Codebook) -> tuple[str, ...]:
    """The parts of the facts (see `tables.partitions`) that the records of a claim depend on."""
    if claim.table == "changes":
        return ("changes",)
    every = [d.id for d in book.dimensions] + [d.id for d in book.derived]
    named = [name for name in every if quoted(name) in claim.records_query]
    return ("records", "places", *(f"judgements:{name}" for name in named))


def records_of(engine: Engine, claims: Iterable[Claim]) -> pa.Table:
    """Which records each claim rests on, with their votes: claim_id, record_id, votes."""
    parts = [
        f"SELECT {quoted(c.id)} AS claim_id, CAST(record_id AS VARCHAR) AS record_id, "
        f"CAST(votes AS DOUBLE) AS votes FROM ({c.records_query})"
        for c in claims
    ]
    empty = "SELECT '' AS claim_id, '' AS record_id, CAST(1 AS DOUBLE) AS votes WHERE false"
    return engine.query(" UNION ALL ".join(parts or [empty]))
