"""The map of an edition's cities: outlines projected beforehand, cities as dots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import sqrt

from markupsafe import escape

from innovatory.gazetteer.projection import equal_earth
from innovatory.publish.charts import Chart, Mark, frame, mark_table
from innovatory.publish.wording import number, span

EUROPE = ((34.0, -12.0), (62.0, 42.0))
"""South-west and north-east corner of where the cities of most panels crowd."""
CROWDED = 6
GAP = 10.0
LETTER, LINE = 7.3, 13.0


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
        spots.append(_Spot(dot, x, y, 2.5 + 6.5 * sqrt(dot.mark.count / most)))
    return spots


def _labelled(spots: Sequence[_Spot], *, bounds: tuple[float, float]) -> str:
    """Dots with as many names as fit without touching a dot or another name."""
    taken = [(s.x - s.radius, s.y - s.radius, s.x + s.radius, s.y + s.radius) for s in spots]
    parts = []
    for spot in sorted(spots, key=lambda s: -s.dot.mark.count):
        words = f"{spot.dot.mark.label} {number(spot.dot.mark.count)}"
        wide = LETTER * len(words)
        parts.append(
            f'<circle class="disc" cx="{spot.x:.1f}" cy="{spot.y:.1f}" r="{spot.radius:.1f}"/>'
        )
        for anchor, x, y in (
            ("start", spot.x + spot.radius + 3, spot.y + 4),
            ("end", spot.x - spot.radius - 3, spot.y + 4),
            ("middle", spot.x, spot.y - spot.radius - 4),
            ("middle", spot.x, spot.y + spot.radius + 12),
        ):
            left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            box = (left, y - LINE + 3, left + wide, y + 3)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= bounds[0] and box[3] <= bounds[1]
            if inside and not any(_touch(box, other) for other in taken):
                taken.append(box)
                parts.append(
                    f'<text class="place" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
                    f"{escape(words)}</text>"
                )
                break
    return "".join(parts)


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def map_chart(dots: Sequence[Dot], *, name: str, title: str, finding: str) -> Chart:
    """The cities as dots whose area grows with the count, Europe enlarged where it is crowded."""
    land = outlines()
    spots = _spots(dots)
    (south, west), (north, east) = EUROPE
    near = [s for s in spots if south <= s.dot.lat <= north and west <= s.dot.lon <= east]
    inset = len(near) >= CROWDED
    far = [s for s in spots if not inset or s not in near]
    body = f'<g class="land" id="{name}-land">{land.paths}</g>'
    body += _labelled(far, bounds=(land.width, land.height))
    height = land.height
    if inset:
        body += "".join(
            f'<circle class="disc small" cx="{s.x:.1f}" cy="{s.y:.1f}" r="1.6"/>' for s in near
        )
        enlarged, below = _inset(near, land=land, name=name)
        body += enlarged
        height += below
    svg = frame(land.width, height, title, finding, body, name=name)
    marks = [dot.mark for dot in dots]
    return Chart(title, finding, svg, mark_table(marks, caption=title, head="City"))


def _inset(near: Sequence[_Spot], *, land: Outlines, name: str) -> tuple[str, float]:
    """The surroundings of these cities, enlarged below the map; and how high that is."""
    left, right = min(s.x for s in near), max(s.x for s in near)
    upper, lower = min(s.y for s in near), max(s.y for s in near)
    edge = (right - left) / 9
    left, right, upper, lower = left - edge, right + edge, upper - edge, lower + edge
    scale = land.width / (right - left)
    high = (lower - upper) * scale
    x, y, top = -left * scale, -upper * scale, land.height + GAP
    moved = [_Spot(s.dot, s.x * scale + x, s.y * scale + y, s.radius) for s in near]
    body = (
        f'<path class="box" d="M{left:.1f} {upper:.1f}H{right:.1f}V{lower:.1f}H{left:.1f}Z"/>'
        f'<svg x="0" y="{top:g}" width="{land.width:g}" height="{high:.1f}">'
        f'<g transform="translate({x:.1f} {y:.1f}) scale({scale:.3f})">'
        f'<use href="#{name}-land"/></g>{_labelled(moved, bounds=(land.width, high))}</svg>'
        f'<path class="box" d="M.5 {top:g}h{land.width - 1:g}v{high:.1f}h{1 - land.width:g}Z"/>'
    )
    return body, high + GAP


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
    svg = frame(wide * across, height, title, finding, "".join(parts), name=name)
    return Chart(title, finding, svg, mark_table(marks, caption=title, head="City"))
