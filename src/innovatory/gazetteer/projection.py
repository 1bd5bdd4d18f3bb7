"""Where a place lies on the shipped world map: the Equal Earth projection in its pixel frame.

The outlines in `data/map/world.json` were projected once by d3-geo (tools/make_map.mjs); this is
the same projection for the dots, with the scale and origin that the file states.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from innovatory.errors import GazetteerError

MAP = Path(__file__).parent.parent / "data" / "map" / "world.json"
# Šavrič, Patterson and Jenny (2018), The Equal Earth map projection, equations 1 and 2.
A1, A2, A3, A4 = 1.340264, -0.081106, 0.000893, 0.003796


@dataclass(frozen=True, slots=True)
class Outline:
    """A country's shape: its three-letter code and an SVG path in pixels of the map."""

    id: str
    d: str


@dataclass(frozen=True, slots=True)
class WorldMap:
    """The outlines with their frame in pixels and the notes to print beside them."""

    width: int
    height: int
    scale: float
    x: float
    y: float
    attribution: str
    disclaimer: str
    outlines: tuple[Outline, ...]


@cache
def world_map() -> WorldMap:
    """The shipped outlines, read once; GazetteerError where the file is missing or damaged."""
    try:
        content = json.loads(MAP.read_text(encoding="utf-8"))
        frame = content["projection"]
        return WorldMap(
            width=content["width"],
            height=content["height"],
            scale=frame["scale"],
            x=frame["x"],
            y=frame["y"],
            attribution=content["attribution"],
            disclaimer=content["disclaimer"],
            outlines=tuple(Outline(path["id"], path["d"]) for path in content["paths"]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise GazetteerError(
            f"{MAP}: cannot be read ({error}); install innovatory again"
        ) from error


def equal_earth(lat: float, lon: float) -> tuple[float, float]:
    """The pixel of the shipped map at which a place lies; degrees in, x rightwards, y downwards.

    With sin t = sqrt(3)/2 sin lat: x = 2 sqrt(3) lon cos t / (3 (9 A4 t^8 + 7 A3 t^6 + 3 A2 t^2
    + A1)), y = A4 t^9 + A3 t^7 + A2 t^3 + A1 t. ValueError outside -90..90 and -180..180.

    >>> [round(v) for v in equal_earth(0, 0)], [round(v) for v in equal_earth(37.566, 126.978)]
    ([480, 236], [790, 104])
    """
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"latitude {lat}, longitude {lon} are not degrees on the globe")
    frame = world_map()
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    slope = A1 + 3 * A2 * t**2 + t**6 * (7 * A3 + 9 * A4 * t**2)
    east = math.radians(lon) * math.cos(t) * 2 * math.sqrt(3) / (3 * slope)
    north = t * (A1 + A2 * t**2 + t**6 * (A3 + A4 * t**2))
    return frame.x + frame.scale * east, frame.y - frame.scale * north
