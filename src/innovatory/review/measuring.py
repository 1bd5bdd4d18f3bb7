"""How far coders agree so far, as the pages show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from innovatory.codebook import Derived, Dimension
from innovatory.review.desk import Desk
from innovatory.review.offers import Width

_TABLES = ("coders", "codings", "draws")


@dataclass(frozen=True, slots=True)
class Sureness:
    """How well the shares of a question's classes are known: the least well known of them.

    `now` and `at_end` say how far a share may be off, at the farther end of its interval; `more` is
    how many more records have to be coded until that is `target`, None where no number of them
    would do; `follows` says that it is not asked but follows from the answers.
    """

    title: str
    follows: bool
    now: float
    at_end: float
    target: float
    more: int | None
    widths: tuple[Width, ...]


def sureness(desk: Desk) -> list[Sureness]:
    """How well the shares are known, a question at a time, in the order of the codebook."""
    by_dimension: dict[str, list[Width]] = {}
    for width in desk.widths():
        by_dimension.setdefault(width.dimension, []).append(width)
    book = desk.facts.book
    found = []
    every: tuple[Dimension | Derived, ...] = (*book.dimensions, *book.derived)
    for one in every:
        if widths := [_settled(width) for width in by_dimension.get(one.id, ())]:
            more = [width.more for width in widths]
            found.append(
                Sureness(
                    one.title, one.id not in desk.facts.dimensions,
                    max(_off(w) for w in widths),
                    max(w.predicted_half_width_at_end for w in widths),
                    min(w.target for w in widths),
                    None if None in more else max(n for n in more if n is not None), tuple(widths),
                )
            )  # fmt: skip
    return found


def _off(width: Width) -> float:
    return max(width.high - width.share, width.share - width.low)


def _settled(width: Width) -> Width:
    """With more records no interval is meant to become wider, which two formulas may say."""
    at_end = min(width.predicted_half_width_at_end, _off(width))
    return replace(width, predicted_half_width_at_end=at_end)


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
