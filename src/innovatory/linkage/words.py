"""Spellings brought to one form: words, names of organisations, addresses of pages."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

_WORD = re.compile(r"[^\W_]+")
# Scripts written without spaces: a word is then any two neighbouring characters.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
_FIGURE = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,'\u202f\xa0 ]\d{3})+(?!\d)|(?<![\w.,])\d{2,9}(?!\w)")
_ACRONYM = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]{2,}(?![\w-])")
_HEAD = re.compile(r"[^:(–—]+")
HEAD_WORDS = 4
_OTHER_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d"}
)


def folded(text: str) -> str:
    """A text's words in lower case without accents and punctuation, one space apart.

    >>> folded("Wien: Straßen-Licht (Phase 2.0)"), folded("智慧城市")
    ('wien strassen licht phase 2 0', '智慧 慧城 城市')
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_OTHER_LETTERS))
    if not plain.isascii():
        plain = "".join(c for c in plain if not "\u0300" <= c <= "\u036f")
        plain = _UNSPACED.sub(_in_twos, unicodedata.normalize("NFC", plain))
    return " ".join(_WORD.findall(plain))


def _in_twos(match: re.Match[str]) -> str:
    run = match[0]
    return f" {' '.join(run[n : n + 2] for n in range(max(1, len(run) - 1)))} "


# Forms of law and joining words: they tell nothing of who an organisation is.
_EMPTY = frozenset(
    folded(
        "ltd limited gmbh ag sa sas sarl srl spa bv nv inc corp corporation co company plc llc oy"
        " as ab asbl ev kg a s b v l p the of and und for de la le les del der die das des di et y"
        " e do da"
    ).split()
)


def organisation_name(name: str) -> str:
    """The words of an organisation's name in order, without its form of law.

    >>> organisation_name("Siemens Mobility GmbH"), organisation_name("University of Oslo")
    ('mobility siemens', 'oslo university')
    """
    return " ".join(sorted(set(folded(name).split()) - _EMPTY))


def acronyms(*names: str) -> frozenset[str]:
    """The words in capitals by which a project is called, and the short name it begins with.

    >>> acronyms("ATELIER: positive energy district"), acronyms("A PROJECT ALL IN CAPITAL LETTERS")
    (frozenset({'atelier'}), frozenset())
    >>> sorted(acronyms("SHARING for EU: a smart street"))
    ['sharing', 'sharing for eu']
    """
    found: set[str] = set()
    for name in names:
        words = _WORD.findall(name)
        capital = _ACRONYM.findall(name)
        if len(words) == 1 or len(capital) < len(words) / 2:
            found.update(word.casefold() for word in capital)
        head = _HEAD.match(name)
        called = folded(head[0]) if head and capital else ""
        if any(len(word) > 3 for word in capital) and 0 < len(called.split()) <= HEAD_WORDS:
            found.add(called)
    return frozenset(found)


def figures(text: str) -> frozenset[int]:
    """The whole numbers from 10 on that a text tells of, years left out.

    >>> sorted(figures("Since 2019: 1,200 sensors on 45 lamps, 7 streets, 3.000 Haushalte"))
    [45, 1200, 3000]
    """
    found = {int(re.sub(r"\D", "", match)) for match in _FIGURE.findall(text)}
    return frozenset(n for n in found if n >= 10 and not 1900 <= n <= 2100)


def page_of(url: str) -> str:
    """What an address points at, however it is written: host and path; '' where it is no address.

    >>> page_of("https://www.Example.org/a/?utm_source=x#top"), page_of("http://example.org/?id=7")
    ('example.org/a', 'example.org/?id=7')
    >>> page_of("javascript:alert(1)")
    ''
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or "." not in host:
        return ""
    asked = "&".join(p for p in sorted(parts.query.split("&")) if p and not p.startswith("utm_"))
    path = parts.path.rstrip("/")
    return f"{host}{path or '/'}{'?' + asked if asked else ''}".removesuffix("/")
