"""How far the coders of an observatory agree: with each other, over time and with themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow as pa

from innovatory.agreement import confusion, drift, repeats, table
from innovatory.edition import agreements
from innovatory.engine import Engine
from innovatory.observatory import Observatory
from innovatory.pipeline import current

Row = dict[str, Any]
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rows of `agreement.table`, `drift` and `repeats`, and where pairs of coders differ most."""

    agreement: tuple[Row, ...]
    confusions: tuple[Row, ...]
    drifts: tuple[Row, ...]
    repeats: tuple[Row, ...]

    def lines(self) -> Iterator[str]:
        """The whole in words: a line a question, then what is to be looked at."""
        whole = [row for row in self.agreement if not row["class"] and not row["by"]]
        for name in dict.fromkeys(row["dimension"] for row in whole):
            told = {row["measure"]: row for row in whole if row["dimension"] == name}
            measures = (f"{words} {_figure(told.get(key))}" for key, words in _MEASURES.items())
            units = told["percent"]["units"]
            yield f"{name}: {', '.join(measures)}, on {units:,} records coded twice"
        for row in self.confusions:
            yield (
                f"{row['dimension']}: {row['first_coder']} says {row['first']} where "
                f"{row['second_coder']} says {row['second']}: {row['records']:,} records"
            )
        for row in self.drifts:
            yield (
                f"{row['coder_id']} drifted in {row['month']}: agrees {row['value']:.2f} with the "
                f"others, {row['rest']:.2f} in other months"
            )
        for row in self.repeats:
            yield (
                f"{row['dimension']}: coded again unmarked, {row['value']:.0%} of "
                f"{row['units']:,} answers are the same"
            )
        if not whole:
            yield "no record is coded by two reference coders yet; draw with --second"


_MEASURES = {"alpha": "alpha", "ac1": "AC1", "percent": "agree"}


def _figure(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return "not known"
    reach = f" [{row['low']:.2f}, {row['high']:.2f}]" if row["low"] is not None else ""
    return f"{row['value']:.2f}{reach}"


def reliability(observatory: Observatory) -> Reliability:
    """Look at all that reference coders answered, before any adjudication."""
    book = observatory.book
    names = [d.id for d in book.dimensions] + [d.id for d in book.derived]
    asked = [d.id for d in book.dimensions]
    with current(observatory) as engine:
        told, only = agreements.answers(engine, names), agreements.at_random(engine)
        again = _again(engine)
    scales = agreements.scales(book, names)
    found = table(told, scales, only=only, seed=agreements.SEED).to_pylist()
    drifted = drift(told, {name: scales[name] for name in asked}, only=only).to_pylist()
    same = repeats(again, {name: scales[name] for name in asked}).to_pylist()
    return Reliability(
        tuple(found),
        tuple(_confusions(told, scales, asked, only)),
        tuple(row for row in drifted if row["drifted"] and not row["dimension"]),
        tuple(r for r in same if r["measure"] == "percent" and not r["class"] and not r["group"]),
    )


def _again(engine: Engine) -> pa.Table:
    """The answers of coders who were sent a record again, with their first ones."""
    return engine.query("""
        WITH again AS (
          SELECT * FROM fact_codings
          WHERE draw IN (SELECT draw_id FROM fact_draws WHERE design = 'repeat')),
        first AS (
          SELECT CAST(record_id AS VARCHAR) AS record_id, CAST(coder_id AS VARCHAR) AS coder_id,
            CAST(dimension AS VARCHAR) AS dimension, value FROM codings)
        SELECT f.record_id, f.coder_id, f.dimension, f.value FROM first f
        JOIN again a USING (record_id, coder_id, dimension) UNION ALL
        SELECT record_id, coder_id, dimension, value FROM again ORDER BY ALL""")


def _confusions(
    told: pa.Table, scales: dict[str, Any], asked: list[str], only: list[str] | None
) -> Iterator[Row]:
    """Where two coders differ most often on each question."""
    coders = sorted(set(told["coder_id"].to_pylist()), key=str)
    for name in asked:
        rows = [
            row | {"dimension": name, "first_coder": first, "second_coder": second}
            for first, second in combinations(coders, 2)
            for row in confusion(
                told, name, scales[name], first=str(first), second=str(second), only=only
            ).to_pylist()
            if row["first"] != row["second"]
        ]
        rows.sort(key=lambda row: -row["records"])
        yield from rows[:SHOWN]
