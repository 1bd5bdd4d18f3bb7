"""How far coders agree so far, as the pages show it."""

from __future__ import annotations

from typing import Any

from innovatory.review.desk import Desk

_TABLES = ("coders", "codings", "draws")


def agreement(desk: Desk) -> list[dict[str, Any]]:
    """Alpha of each question over the records that a second coder codes.

    Those are the records that draws name for double coding; where none does, all that two coders
    answered.
    """
    found: list[dict[str, Any]] = desk.remembered("agreement", _TABLES, lambda: _agreement(desk))
    return found


def drift(desk: Desk) -> list[dict[str, Any]]:
    """Each coder's agreement with the others month by month, all questions together."""
    found: list[dict[str, Any]] = desk.remembered("drift", _TABLES, lambda: _drift(desk))
    return found


def _agreement(desk: Desk) -> list[dict[str, Any]]:
    from innovatory.agreement import table

    answers = _twice_coded(desk)
    titles = {d.id: d.title for d in desk.facts.book.dimensions}
    return [
        {"dimension": row["dimension"], "label": titles[row["dimension"]], "alpha": row["value"],
         "low": row["low"], "high": row["high"], "records": row["units"]}
        for row in table(answers, _scales(desk)).to_pylist()
        if (row["class"], row["by"], row["measure"]) == ("", "", "alpha") and row["units"]
    ]  # fmt: skip


def _drift(desk: Desk) -> list[dict[str, Any]]:
    from innovatory.agreement import drift as drift_of

    rows = drift_of(_twice_coded(desk), _scales(desk)).to_pylist()
    return [row for row in rows if not row["dimension"] and row["month"]]


def _scales(desk: Desk) -> dict[str, Any]:
    from innovatory.agreement import Scale

    return {d.id: Scale(d.class_ids, d.multi) for d in desk.facts.book.dimensions}


def _twice_coded(desk: Desk) -> Any:
    """The answers to the records that two coders coded, as the tables of `agreement` are read."""
    import pyarrow as pa

    answers = desk.facts.answers(desk.facts.drawn_twice() or desk.facts.coded_twice())
    rows = [
        {"record_id": record_id, "coder_id": coder, "dimension": dimension,
         "value": "|".join(coding.value), "month": coding.coded_at[:7]}
        for (record_id, dimension), by_coder in answers.items()
        for coder, coding in by_coder.items()
    ]  # fmt: skip
    names = ("record_id", "coder_id", "dimension", "value", "month")
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))
