"""A table of a page: cells that open to what they rest on, intervals drawn beside numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from markupsafe import Markup

from innovatory.publish.wording import number, span


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers (set to the right, sorted as such).

    A column of drawings has no heading: `ticks` are the numbers of its scale, from the left edge
    to the right, at equal distances.
    """

    label: str
    numeric: bool = False
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, what it opens, the interval drawn beside it, and the value it sorts by.

    `kind` is the class of the style sheet where a cell is more than text or a number.
    """

    text: str
    href: str = ""
    glyph: str = ""
    note: str = ""
    value: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; the first cell of each row heads it, `anchors` are the row ids.

    `kind` is the class of the style sheet where the table is a picture at the same time.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    anchors: tuple[str, ...] = ()
    kind: str = ""


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


def track(
    count: float,
    low: float,
    high: float,
    *,
    top: float,
    hollow: bool = False,
) -> Markup:
    """The interval of a number drawn as wide as its place: a dot, a whisker in open brackets.

    The scale runs from 0 at the left edge to `top` at the right one. Positions are in percent, so
    that the same drawing fits a wide screen, a telephone and a printed page; the number stands
    beside it, so that screen readers pass it over.

    >>> 'cx="50%"' in track(5, 4, 6, top=10), "whisker" in track(5, 5, 5, top=10)
    (True, False)
    """
    at, left, right = (
        f"{100 * min(1.0, max(0.0, v / (top or 1))):.4g}%" for v in (count, low, high)
    )
    whisker = ""
    if left != right:
        whisker = (
            f'<line class="whisker" x1="{left}" x2="{right}" y1="12" y2="12"/>'
            f'<svg x="{left}"><path class="whisker" d="M3.5 5.5H0v13h3.5"/></svg>'
            f'<svg x="{right}"><path class="whisker" d="M-3.5 5.5H0v13h-3.5"/></svg>'
        )
    dot = "dot hollow" if hollow else "dot"
    return Markup(
        '<svg class="track" height="24" aria-hidden="true" focusable="false">'
        f'{whisker}<circle class="{dot}" cx="{at}" cy="12" r="5"/></svg>'
    )


def bubble(low: float, high: float, *, most: float) -> Markup:
    """The interval of a number as areas: a disc for its low end, a ring for its high end.

    A disc of `most` fills the drawing.

    >>> bubble(4, 4, most=16).count("<circle"), bubble(1, 4, most=16).count("<circle")
    (1, 2)
    """
    inner, outer = (17 * sqrt(max(0.0, end) / (most or 1)) for end in (low, high))
    ring = f'<circle class="ring" cx="18" cy="18" r="{outer:.1f}"/>' if high > low else ""
    disc = f'<circle class="disc" cx="18" cy="18" r="{inner:.1f}"/>' if low > 0 else ""
    return Markup(
        '<svg class="bubble" viewBox="0 0 36 36" width="36" height="36" aria-hidden="true" '
        f'focusable="false">{ring}{disc}</svg>'
    )


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
