"""Charts as pure functions: each gives the drawing and the table that says the same.

A drawing is inline SVG without a style of its own: the style sheet gives its classes colour, in
light, in dark and in print. One picture returns everywhere: a dot with an open interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, log10, sqrt

from markupsafe import Markup, escape

from innovatory.publish.table import Cell, Column, Table, bubble, track
from innovatory.publish.wording import TINY_BASE, number, share, span

NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and its table: `finding` is the one sentence that the picture shows.

    `svg` is empty where the picture is drawn in the table itself.
    """

    title: str
    finding: str
    svg: Markup
    table: Table


@dataclass(frozen=True, slots=True)
class Mark:
    """A counted class: the number with the ends of its interval, the base, what it opens.

    `place` is its place in words where the marks are ranked. `audited` is false where the number
    is a machine's alone.
    """

    label: str
    count: float
    low: float
    high: float
    base: float | None = None
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    href: str = ""
    place: str = ""
    audited: bool = True

    @property
    def hollow(self) -> bool:
        """Whether the number says little: its base is too small, or nobody checked it."""
        return not self.audited or (self.base is not None and self.base < TINY_BASE)

    @property
    def reach(self) -> str:
        """Its interval in words."""
        return span(self.low, self.high) if self.audited else "not audited"


def ticks(top: float, *, most: int = 5) -> list[float]:
    """Round numbers from 0 that cover `top`, in steps of 1, 2 or 5 times a power of ten.

    >>> ticks(41), ticks(3), ticks(0)
    ([0, 10, 20, 30, 40, 50], [0, 1, 2, 3], [0, 1])
    """
    if top <= 0:
        return [0, 1]
    raw = top / most
    power = 10 ** floor(log10(raw))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= raw - 1e-12)
    step = max(1, step) if top >= 1 else step
    count = int(-(-top // step))
    return [n * step for n in range(count + 1)]


def frame(
    width: float, height: float, title: str, text: str, body: str, *, name: str, kind: str
) -> Markup:
    """An SVG image with its title and description.

    `name` keeps its ids apart on a page, `kind` is its class in the style sheet.
    """
    return Markup(
        f'<svg class="chart {kind}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'role="img" aria-labelledby="{name}-t {name}-d" preserveAspectRatio="xMidYMid meet">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
        f"{body}</svg>"
    )


def _text(x: float, y: float, words: str, kind: str = "", *, at: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{at}">{escape(words)}</text>'


def interval_chart(
    marks: Sequence[Mark], *, title: str, finding: str, head: str = "Class", unit: str = ""
) -> Chart:
    """Dots with intervals on one scale from zero, one row a class, in the order given.

    The picture is a column of the table itself: no number is said twice, and the rows fit any
    width. `head` is what a row is, `unit` is written behind the numbers.

    >>> chart = interval_chart([Mark("Bus", 5, 4, 6)], title="Sectors", finding="One.")
    >>> [cell.text for cell in chart.table.rows[0]], chart.table.columns[1].ticks
    (['Bus', '', '5'], ('0', '2', '4', '6'))
    """
    return Chart(title, finding, Markup(""), mark_table(marks, caption=title, head=head, unit=unit))


def mark_table(
    marks: Sequence[Mark], *, caption: str, head: str = "Class", unit: str = ""
) -> Table:
    """Marks as a table: the interval drawn and in figures, and the share where there is a base.

    A column of places stands first where the marks are ranked.
    """
    scale = ticks(max((m.high for m in marks), default=0))
    shares = any(m.share is not None for m in marks)
    places = any(m.place for m in marks)
    columns = [Column(head)]
    columns += [Column("Place")] if places else []
    columns += [Column("", ticks=tuple(number(tick) + unit for tick in scale))]
    columns += [Column("Share" if unit else "Records", True)]
    bases = {mark.base for mark in marks}
    if shares:
        # A base that all rows have is said once.
        columns += [Column(f"Share of {number(*bases)}" if len(bases) == 1 else "Share", True)]
        columns += [Column("Base", True)] if len(bases) > 1 else []
    rows = tuple(
        _mark_row(m, scale, n=n, columns=columns, unit=unit) for n, m in enumerate(marks, start=1)
    )
    if any(cell.note for row in rows for cell in row):
        rows = tuple(tuple(_beside(cell) for cell in row) for row in rows)
    return Table(caption, tuple(columns), rows, kind="dots")


def _beside(cell: Cell) -> Cell:
    """A number with room for an interval, so that the numbers of a column stay in line."""
    return replace(cell, note=cell.note or NO_BREAK) if cell.value and not cell.kind else cell


def _mark_row(
    mark: Mark, scale: Sequence[float], *, n: int, columns: Sequence[Column], unit: str
) -> tuple[Cell, ...]:
    labels = [column.label for column in columns]
    cells = [Cell(mark.label)]
    cells += [Cell(mark.place, value=str(n), kind="place")] if "Place" in labels else []
    drawn = track(mark.count, mark.low, mark.high, top=scale[-1], hollow=mark.hollow)
    cells.append(Cell("", glyph=drawn, kind=f"scale k{len(scale) - 1}"))
    printed = number(mark.count) + unit
    cells.append(Cell(printed, mark.href, note=mark.reach, value=f"{mark.count:.6f}"))
    if sum(column.numeric for column in columns) > 1:
        part = span(mark.share_low, mark.share_high, percent=True) if mark.audited else ""
        printed = share(mark.share, base=mark.base)
        cells.append(Cell(printed, note=part, value=f"{mark.share or 0:.6f}"))
    if labels[-1] == "Base":
        cells.append(Cell(number(mark.base), value=f"{mark.base or 0:.6f}", kind="n"))
    return tuple(cells)


def matrix_chart(
    cells: Mapping[tuple[str, str], Mark],
    *,
    rows: Sequence[tuple[str, str]],
    columns: Sequence[tuple[str, str]],
    title: str,
    finding: str,
) -> Chart:
    """Two dimensions crossed: a disc for what all coders say, a ring for what any of them says.

    The areas are the low and the high end of the interval, the number beside them is the count.
    `rows` and `columns` are (class, label); `cells` holds a mark for each pair of classes.
    """
    table = matrix_table(cells, rows, columns, caption=title, drawn=True)
    return Chart(title, finding, Markup(""), table)


def matrix_table(
    cells: Mapping[tuple[str, str], Mark],
    rows: Sequence[tuple[str, str]],
    columns: Sequence[tuple[str, str]],
    *,
    caption: str,
    drawn: bool = False,
) -> Table:
    """Two dimensions crossed as a table of counts with their intervals, `drawn` if wanted."""
    most = max((m.high for m in cells.values()), default=0)
    body = []
    for row_class, label in rows:
        line = [Cell(label, value=label)]
        for column_class, _ in columns:
            mark = cells.get((row_class, column_class))
            if mark is None or (mark.high == 0 and mark.audited):
                line.append(Cell("0", value="0", kind="n nought"))
                continue
            picture = bubble(mark.low, mark.high, most=most) if drawn else ""
            line.append(
                Cell(number(mark.count), mark.href, picture, mark.reach, f"{mark.count:.6f}", "n")
            )
        body.append(tuple(line))
    heads = (Column(""), *(Column(label, True) for _, label in columns))
    return Table(caption, heads, tuple(body), kind="crossed")


def ladder_chart(
    marks: Sequence[Mark], *, aside: Sequence[Mark], name: str, title: str, finding: str
) -> Chart:
    """The ladder of stages: each mark a step above the one before, a circle by count on it.

    `aside` holds what is no step up (ended, unknown): it stands on the ground beside the ladder.
    """
    wide, rise, ground = 104, 24, 62 + 24 * len(marks)
    every = [*marks, *aside]
    most = max((m.high for m in every), default=0) or 1
    parts = []
    for place, mark in enumerate(every):
        up = place if place < len(marks) else 0
        x, y = 4 + wide * place + (0 if place < len(marks) else 14), ground - rise * up
        climb = f"v{-rise}" if place + 1 < len(marks) else ""
        parts.append(f'<path class="step" d="M{x} {y}h{wide}{climb}"/>')
        radius = 27 * sqrt(mark.count / most)
        if mark.count:
            parts.append(
                f'<circle class="disc" cx="{x + 30}" cy="{y - radius - 3:.1f}" r="{radius:.1f}"/>'
            )
        parts.append(_text(x + 30, y - 2 * radius - 9, number(mark.count), "value", at="middle"))
        parts.append(_text(x + 2, y + 19, mark.label, "label"))
    svg = frame(
        26 + wide * len(every),
        ground + 30,
        title,
        finding,
        "".join(parts),
        name=name,
        kind="ladder",
    )
    return Chart(title, finding, svg, mark_table(every, caption=title, head="Stage"))


def _interval(low: float, at: float, high: float, y: float, *, hollow: bool) -> str:
    whisker = ""
    if high - low > 0.5:
        # Open brackets at both ends: the interval is what settling the disputes can give.
        whisker = (
            f'<path class="whisker" d="M{low + 3:.1f} {y - 6:.1f}H{low:.1f}V{y + 6:.1f}h3'
            f"M{low:.1f} {y:.1f}H{high:.1f}M{high - 3:.1f} {y - 6:.1f}H{high:.1f}"
            f'V{y + 6:.1f}h-3"/>'
        )
    dot = "dot hollow" if hollow else "dot"
    return f'{whisker}<circle class="{dot}" cx="{at:.1f}" cy="{y:.1f}" r="5"/>'


@dataclass(frozen=True, slots=True)
class Moment:
    """A dated stage event on a time line: `first` and `last` are the years that it can mean."""

    when: str
    stage: str
    note: str
    first: float
    last: float
    counted: bool


def timeline_chart(
    moments: Sequence[Moment], *, stages: Sequence[str], as_of: float, name: str, title: str,
    finding: str,
) -> Chart:  # fmt: skip
    """The path of one record up the stages: a whisker as wide as the date is uncertain.

    `stages` are drawn from the bottom up; `as_of` is the edition's date in years; later events
    are hollow, because they do not count.
    """
    start = floor(min([m.first for m in moments] + [as_of - 1]))
    end = floor(max([m.last for m in moments] + [as_of])) + 1
    left, right, top, row = 110, 730, 14, 34
    bottom = top + row * len(stages)

    def x(year: float) -> float:
        return left + (right - left) * (year - start) / (end - start)

    levels = {stage: bottom - row * (n + 0.5) for n, stage in enumerate(stages)}
    parts = [_rung(left, right, y, stage.capitalize()) for stage, y in levels.items()]
    for year in range(start, end + 1, max(1, -(-(end - start) // 10))):
        parts.append(_text(x(year), bottom + 18, str(year), "tick", at="middle"))
        parts.append(f'<path class="grid" d="M{x(year):.1f} {bottom}v5"/>')
    parts.append(f'<path class="now" d="M{x(as_of):.1f} {top}V{bottom}"/>')
    path, drawn = "", []
    for moment in moments:
        y, middle = levels[moment.stage], x((moment.first + moment.last) / 2)
        if moment.counted:
            path += f"H{middle:.1f}V{y:g}" if path else f"M{middle:.1f} {y:g}"
        drawn.append(
            _interval(x(moment.first), middle, x(moment.last), y, hollow=not moment.counted)
        )
    if path:
        parts.append(f'<path class="path" d="{path}"/>')
    svg = frame(
        760, bottom + 30, title, finding, "".join(parts + drawn), name=name, kind="path-of-stages"
    )
    return Chart(title, finding, svg, _moment_table(moments, caption=title))


def _rung(left: float, right: float, y: float, label: str) -> str:
    line = f'<path class="grid" d="M{left} {y:g}H{right}"/>'
    return line + _text(left - 14, y + 4.5, label, "label", at="end")


def _moment_table(moments: Sequence[Moment], *, caption: str) -> Table:
    heads = (Column("When"), Column("Stage"), Column("What"), Column("Counts as of the date"))
    rows = []
    for moment in moments:
        counts = "yes" if moment.counted else "no: later"
        texts = (moment.when, moment.stage.capitalize(), moment.note, counts)
        rows.append(tuple(Cell(text) for text in texts))
    return Table(caption, heads, tuple(rows))
