"""Numbers, dates and codes as a reader sees them."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from urllib.parse import quote, urlsplit

TINY_BASE = 10
"""Below this base a share says little: it is printed in brackets and drawn hollow."""


def number(value: float | None, *, decimals: int = 1) -> str:
    """A count as printed: whole where it is whole, else with that many decimals.

    >>> number(1088.0), number(23.5), number(None), number(1 / 3, decimals=2)
    ('1,088', '23.5', 'not known', '0.33')
    """
    if value is None:
        return "not known"
    whole = round(value)
    if abs(value - whole) < 0.5 * 10**-decimals:
        return f"{whole:,}"
    return f"{value:,.{decimals}f}"


def span(low: float | None, high: float | None, *, percent: bool = False) -> str:
    """An interval as printed, or nothing where its ends print alike.

    >>> span(23, 26), span(5, 5), span(0.281, 0.304, percent=True)
    ('23–26', '', '28–30%')
    """
    if low is None or high is None:
        return ""
    if percent:
        ends = (f"{100 * low:.0f}", f"{100 * high:.0f}")
        return "" if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}%"
    ends = (number(low), number(high))
    return "" if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}"


def share(value: float | None, *, base: float | None = None) -> str:
    """A share in whole percent, in brackets where its base is below `TINY_BASE`.

    >>> share(0.2812, base=1088), share(0.5, base=4), share(None)
    ('28%', '[50%]', '')
    """
    if value is None:
        return ""
    text = f"{100 * value:.0f}%"
    return f"[{text}]" if base is not None and base < TINY_BASE else text


def votes_in_words(value: float) -> str:
    """What a record counts for, in words.

    >>> votes_in_words(1.0), votes_in_words(0.5), votes_in_words(1 / 3)
    ('1', '½', '0.33')
    """
    return {1.0: "1", 0.5: "½", 0.25: "¼", 0.75: "¾"}.get(value, number(value, decimals=2))


def humanise(code: str) -> str:
    """A code as words.

    >>> humanise("living_lab"), humanise("")
    ('Living lab', '')
    """
    words = code.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def sentence(text: str) -> str:
    """A text as a sentence: a capital first, a full stop last.

    >>> sentence("the records were few"), sentence("Why?"), sentence("")
    ('The records were few.', 'Why?', '')
    """
    text = text.strip()
    stop = "" if not text or text[-1] in ".!?" else "."
    return text[:1].upper() + text[1:] + stop


def anchor(text: str) -> str:
    """A text as the id of an element: letters, digits, '.', '_' and '-' only.

    >>> anchor("new_to_city"), anchor('a b"c')
    ('new_to_city', 'a-b-c')
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text) or "-"


def web_address(url: str) -> str:
    """The address where it is a plain web address, else nothing: anything else stays text.

    >>> web_address("https://example.org/a?b=1"), web_address("javascript:alert(1)")
    ('https://example.org/a?b=1', '')
    """
    if any(ord(letter) <= 0x20 or letter == "\x7f" for letter in url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""


def query(**choices: str) -> str:
    """The fragment that opens the list of records with these filters set.

    >>> query(kind="project", sector="transport")
    '#kind=project&sector=transport'
    """
    return "#" + "&".join(f"{name}={_quoted(value)}" for name, value in choices.items())


_quoted = lru_cache(maxsize=4096)(partial(quote, safe=""))


def spreadsheet_safe(cell: str) -> str:
    """A text that no spreadsheet takes for a formula: a leading apostrophe where one might.

    >>> spreadsheet_safe("=1+1"), spreadsheet_safe("plain")
    ("'=1+1", 'plain')
    """
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
