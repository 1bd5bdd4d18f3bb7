"""A record as every list shows it: its name, its cities, and how far it can be trusted.

The same record stands in many lists, so that these fragments are made once and kept.
"""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from innovatory.publish.pages import Brief
from innovatory.publish.wording import humanise

KEPT = 8192

_LOCAL = Markup(' <span class="local"><bdi>{}</bdi></span>')
_NAME = Markup('<a href="{}records/{}.html"><bdi>{}</bdi></a>{}')
_CITY = Markup('<a href="{}cities/{}.html">{}</a>')
_CELLS = Markup("<td>{}</td><td>{}</td><td>{}</td>")
_BADGE = Markup('<span class="badge {}">{}</span>')
_DIFFER = Markup(' <span class="badge differ">coders differ on {}</span>')
_DOUBTS = Markup('<details class="doubts"><summary>doubts</summary><bdi>{}</bdi></details>')


@lru_cache(maxsize=KEPT)
def named(record: Brief, root: str = "") -> Markup:
    """The title as a link to the record's page, with the local name where there is one."""
    local = _LOCAL.format(record.local_name) if record.local_name else ""
    return _NAME.format(root, record.record_id, record.title, local)


@lru_cache(maxsize=KEPT)
def cities(record: Brief, root: str = "") -> Markup:
    """The record's cities as links."""
    return Markup(", ").join(_CITY.format(root, city_id, name) for city_id, name in record.cities)


@lru_cache(maxsize=KEPT)
def standing(record: Brief) -> Markup:
    """Whether the record is verified, how many answers are disputed, and its doubts."""
    badge = _BADGE.format("yes" if record.verified else "no", record.badge)
    differ = _DIFFER.format(record.disputed) if record.disputed else Markup("")
    doubts = _DOUBTS.format(record.doubts) if record.doubts else Markup("")
    return badge + differ + doubts


@lru_cache(maxsize=KEPT)
def told(record: Brief, root: str = "") -> Markup:
    """The cells of a row that tell of the record: its cities, its stage, its standing."""
    return _CELLS.format(cities(record, root), humanise(record.stage), standing(record))
