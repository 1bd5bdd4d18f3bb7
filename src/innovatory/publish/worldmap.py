"""The map of an edition's cities: outlines projected beforehand, cities as dots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import sqrt

from markupsafe import Markup, escape

from innovatory.gazetteer.projection import equal_earth
from innovatory.publish.charts import Chart, Mark, frame, mark_table
from innovatory.publish.wording import number, span

EUROPE = ((34.0, -12.0), (62.0, 42.0))
"""South-west and north-east corner of where the cities of most panels crowd."""
CROWDED = 6
FLAT = 0.56
"""How high the enlarged part is, as a share of its width."""
LETTER, LARGE, LINE = 10.4, 14.0, 17.0
"""A letter's width on the map and on its enlarged part (larger on a telephone), a line's height."""
SOUTH = -57.0
"""What lies further south is cut off: it holds no city."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A city on the map."""

    mark: Mark
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Outlines:
    """The land of the shipped map, as SVG paths in pixels of a `width` by `height` drawing."""

    width: float
    height: float
    paths: str
    credit: str


@cache
def outlines() -> Outlines:
    """The shipped outlines."""
    world = json.loads(files("innovatory").joinpath("data/map/world.json").read_text("utf-8"))
    paths = "".join(f'<path d="{escape(shape["d"])}"/>' for shape in world["paths"])
    credit = f"{world['attribution']} {world['disclaimer']}"
    return Outlines(world["width"], world["height"], paths, credit)


@dataclass(frozen=True, slots=True)
class _Spot:
    dot: Dot
    x: float
    y: float
    radius: float


def _spots(dots: Sequence[Dot]) -> list[_Spot]:
    most = max((dot.mark.count for dot in dots), default=0) or 1
    spots = []
    for dot in dots:
        x, y = equal_earth(dot.lat, dot.lon)
        spots.append(_Spot(dot, x, y, 2.5 + 7.5 * sqrt(dot.mark.count / most)))
    return spots


def _sides(spot: _Spot) -> tuple[tuple[str, float, float], ...]:
    """Where a name may stand beside its dot, the best place first."""
    x, y, r = spot.x, spot.y, spot.radius
    near = 0.7 * r + 2
    return (
        ("start", x + r + 4, y + 5), ("end", x - r - 4, y + 5),
        ("start", x + near, y - near), ("start", x + near, y + near + 11),
        ("end", x - near, y - near), ("end", x - near, y + near + 11),
        ("middle", x, y - r - 5), ("middle", x, y + r + 15),
    )  # fmt: skip


def _labelled(
    spots: Sequence[_Spot], *, bounds: tuple[float, float], letter: float = LETTER
) -> str:
    """Dots with as many names as fit without touching a dot or another name."""
    taken = [(s.x - s.radius, s.y - s.radius, s.x + s.radius, s.y + s.radius) for s in spots]
    dots, names = [], []
    for spot in sorted(spots, key=lambda s: -s.dot.mark.count):
        mark = spot.dot.mark
        reach = span(mark.low, mark.high)
        words = f"{mark.label}: {number(mark.count)}" + (f" ({reach})" if reach else "")
        dots.append(
            f'<circle class="disc" cx="{spot.x:.1f}" cy="{spot.y:.1f}" r="{spot.radius:.1f}">'
            f"<title>{escape(words)}</title></circle>"
        )
        wide = letter * len(mark.label)
        for anchor, x, y in _sides(spot):
            left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            box = (left, y - LINE + 3, left + wide, y + 3)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= bounds[0] and box[3] <= bounds[1]
            if inside and not any(_touch(box, other) for other in taken):
                taken.append(box)
                names.append(
                    f'<text class="place" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
                    f"{escape(mark.label)}</text>"
                )
                break
    return "".join(dots + names)


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def map_chart(dots: Sequence[Dot], *, name: str, title: str, finding: str) -> Chart:
    """The cities as dots whose area grows with the count, Europe enlarged where it is crowded.

    The enlarged part is a drawing of its own, so that a page can set the two as its width allows.
    """
    land = outlines()
    spots = _spots(dots)
    (south, west), (north, east) = EUROPE
    near = [s for s in spots if south <= s.dot.lat <= north and west <= s.dot.lon <= east]
    inset = len(near) >= CROWDED
    far = [s for s in spots if not inset or s not in near]
    cut = equal_earth(min([SOUTH, *(dot.lat for dot in dots)]), 0)[1]
    body = f'<g class="land" id="{name}-land">{land.paths}</g>'
    enlarged = Markup("")
    if inset:
        box, enlarged = _inset(near, land=land, name=name, title=f"{title}: Europe enlarged")
        body += box
        body += "".join(
            f'<circle class="disc small" cx="{s.x:.1f}" cy="{s.y:.1f}" r="2.2"/>' for s in near
        )
    body += _labelled(far, bounds=(land.width, cut))
    svg = frame(land.width, round(cut), title, finding, body, name=name, kind="world") + enlarged
    marks = [dot.mark for dot in dots]
    return Chart(title, finding, svg, mark_table(marks, caption=title, head="City"))


def _inset(near: Sequence[_Spot], *, land: Outlines, name: str, title: str) -> tuple[str, Markup]:
    """The frame around these cities on the map, and their surroundings enlarged."""
    left, right = min(s.x for s in near), max(s.x for s in near)
    upper, lower = min(s.y for s in near), max(s.y for s in near)
    wide = max(1.16 * (right - left), 1.24 * (lower - upper) / FLAT)
    high = FLAT * wide
    left, upper = (left + right - wide) / 2, (upper + lower - high) / 2
    scale = land.width / wide
    x, y = -left * scale, -upper * scale
    moved = [_Spot(s.dot, s.x * scale + x, s.y * scale + y, 1.25 * s.radius) for s in near]
    box = f'<path class="box" d="M{left:.1f} {upper:.1f}h{wide:.1f}v{high:.1f}h{-wide:.1f}Z"/>'
    height = round(FLAT * land.width)
    dots = _labelled(moved, bounds=(land.width, height), letter=LARGE)
    body = (
        f'<g transform="translate({x:.1f} {y:.1f}) scale({scale:.3f})">'
        f'<use href="#{name}-land"/></g>{dots}'
    )
    words = "The cities that stand too close together on the map of the world."
    return box, frame(land.width, height, title, words, body, name=f"{name}-near", kind="near")


def grid_chart(marks: Sequence[Mark], *, name: str, title: str, finding: str) -> Chart:
    """The cities as a grid of squares, where the edition has no coordinates for them."""
    across, wide, high = 6, 150, 64
    parts = []
    for place, mark in enumerate(marks):
        x, y = wide * (place % across), high * (place // across)
        reach = span(mark.low, mark.high)
        parts.append(
            f'<rect class="tile" x="{x + 4}" y="{y + 4}" width="{wide - 8}" height="{high - 8}"/>'
            f'<text class="label" x="{x + 14}" y="{y + 26}">{escape(mark.label[:18])}</text>'
            f'<text class="value" x="{x + 14}" y="{y + 46}">{number(mark.count)}'
            f"{f' ({reach})' if reach else ''}</text>"
        )
    height = high * -(-len(marks) // across)
    svg = frame(wide * across, height, title, finding, "".join(parts), name=name, kind="tiles")
    return Chart(title, finding, svg, mark_table(marks, caption=title, head="City"))
