"""A table of a page: cells that open to what they rest on, intervals drawn beside numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from innovatory.publish.wording import number, span


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers (set to the right, sorted as such)."""

    label: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, what it opens, the interval drawn beside it, and the value it sorts by."""

    text: str
    href: str = ""
    glyph: str = ""
    note: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; the first cell of each row heads it, `anchors` are the row ids."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    anchors: tuple[str, ...] = ()


def glyph(
    count: float | None,
    low: float | None,
    high: float | None,
    *,
    top: float,
    hollow: bool = False,
) -> Markup:
    """The interval of a number as a small drawing: a dot at the number, a whisker low to high.

    The scale runs from 0 to `top`; a hollow dot says that the base is tiny. The number stands
    beside it in words, so the drawing is hidden from screen readers.

    >>> 'class="dot"' in glyph(5, 4, 6, top=10)
    True
    """
    if count is None or top <= 0:
        return Markup("")
    x, left, right = (
        4 + 56 * min(1.0, max(0.0, v / top)) for v in (count, _or(low, count), _or(high, count))
    )
    whisker = ""
    if right - left > 0.5:
        whisker = (
            f'<path class="whisker" d="M{left:.1f} 3v8M{left:.1f} 7H{right:.1f}M{right:.1f} 3v8"/>'
        )
    dot = "dot hollow" if hollow else "dot"
    return Markup(
        '<svg class="glyph" viewBox="0 0 64 14" width="64" height="14" aria-hidden="true" '
        'focusable="false"><path class="axis" d="M4 7H60"/>'
        f'{whisker}<circle class="{dot}" cx="{x:.1f}" cy="7" r="2.6"/></svg>'
    )


def _or(value: float | None, fallback: float) -> float:
    return fallback if value is None else value


def counted(
    row: Mapping[str, float | None],
    *,
    top: float,
    href: str = "",
    hollow: bool = False,
    unit: str = "",
) -> Cell:
    """The cell of a count with its interval, from a row with `count`, `low` and `high`.

    >>> cell = counted({"count": 5.5, "low": 5, "high": 6}, top=10)
    >>> cell.text, cell.note
    ('5.5', '5–6')
    """
    count, low, high = row["count"], row["low"], row["high"]
    drawn = glyph(count, low, high, top=top, hollow=hollow)
    return Cell(number(count) + unit, href, drawn, span(low, high), f"{count or 0:.6f}")
