"""How a place is spelt: one key for all spellings of a name, and the ways to read a cell.

Nothing here knows any city. `name_key` makes 'MÜNCHEN' and 'Munchen' the same; `readings` takes
a cell such as '75013 Paris (FR)' apart into a name and what qualifies it, most literal first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 120

_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d", "ħ": "h"}
)
_EXPANDED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "ß": "ss"}
)
_SAINTS = {"st": "saint", "sankt": "saint", "sint": "saint", "ste": "sainte"}
_BRACKETS = re.compile(r"([^()\[\]]+)[(\[]([^()\[\]]*)[)\]]\s*")
_POSTCODE = re.compile(
    r"^(?:[a-z]{1,2}\s)?\d{3,6}(?:\s\d{2,4})?(?:\s[a-z]{2}(?=\s))?\s|\s(?:cedex(?:\s\d{1,2})?|\d{1,7})$"
)
_DANISH_DISTRICT = re.compile(r"\s(?:nv|sv|oe|[cknsvo])$")
_ITALIAN_PROVINCE = re.compile(r"\s[a-z]{2}$")
_BEFORE = re.compile(
    r"^(?:(?:the\s)?(?:city|town|municipality|metropolitan city|capital city|borough|community)\sof"
    r"|ville\sde|mairie\sde|commune\sde|metropole\sde|comune\sdi|citta\sdi|citta\smetropolitana\sdi"
    r"|ayuntamiento\sde|ajuntament\sde|ciudad\sde|municipio\sde|camara\smunicipal\s(?:de|do|da)"
    r"|prefeitura\s(?:municipal\s)?(?:de|do|da)|cidade\sde|gemeente|stad|ville\set\scommune\sde"
    r"|(?:freie\sund\s)?hansestadt|landeshauptstadt|stadtgemeinde|stadt|miasto|gmina|obec|mesto"
    r"|opcina|grad|comuna|primaria|municipiul|dimos|greater|urban\scommunity\sof)\s"
)
_AFTER = re.compile(
    r"\s(?:metropolitan\s(?:government|city|municipality|area)|city\scouncil|city\sgovernment"
    r"|(?:county|borough|town|municipal)\scouncil|municipality|city|special\scity"
    r"|kommune|kommun|kaupunki|stad|linnavalitsus|linn|belediyesi|buyuksehir\sbelediyesi)$"
)
_NORDIC = re.compile(r"s\s(?:kommune|kommun|stad)$")
_HAN_SUFFIX = re.compile(r"(?:特別市|广域市|廣域市|広域市|市政府|市役所|市|都|府)$")
_HANGUL_SUFFIX = re.compile(r"(?:특별자치시|특별시|광역시|시청|시)$")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a cell: a name's key and the keys of what stands behind it."""

    key: str
    qualifiers: tuple[str, ...] = ()


def name_key(text: str) -> str:
    """The key under which all spellings of a name meet: no case, accents or punctuation.

    >>> name_key("MÜNCHEN"), name_key("St. Pölten"), name_key("'s-Gravenhage")
    ('munchen', 'saint polten', 's gravenhage')
    """
    return " ".join(_SAINTS.get(word, word) for word in _words(text))


def _words(text: str) -> list[str]:
    """The words of a text without case, accents of Latin, Greek and Cyrillic, or punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    bare = "".join(c for c in unicodedata.normalize("NFD", folded) if not "\u0300" <= c <= "\u036f")
    return "".join(
        c if unicodedata.category(c)[0] in "LMN" else " "
        for c in unicodedata.normalize("NFC", bare)
    ).split()


def name_keys(text: str) -> set[str]:
    """All keys of a name as a list of cities should know it, with 'oe' for 'ö' and the like.

    >>> sorted(name_keys("Köln")), sorted(name_keys("L'Aquila"))
    (['koeln', 'koln'], ['l aquila', 'laquila'])
    """
    joined = re.sub(r"['’ʼʻ`´]", "", text)
    expanded = unicodedata.normalize("NFC", text).casefold().translate(_EXPANDED)
    return {key for key in map(name_key, (text, joined, expanded)) if key}


def slug(text: str) -> str:
    """A name as part of an id: ASCII letters and digits joined by '-'.

    >>> slug("Saint-Étienne"), slug("St. Gallen")
    ('saint-etienne', 'st-gallen')
    """
    return "-".join(re.findall(r"[a-z0-9]+", " ".join(_words(text))))


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """A cell as its name and what qualifies it, in brackets or behind commas.

    >>> split("London (Ontario)"), split("Cambridge, MA, USA")
    (('London', ('Ontario',)), ('Cambridge', ('MA', 'USA')))
    """
    match = _BRACKETS.fullmatch(text.strip())
    parts = [match[1], *match[2].split(",")] if match else [text]
    parts = [*parts[0].split(","), *parts[1:]]
    named = [part.strip() for part in parts if name_key(part)]
    return (named[0], tuple(named[1:])) if named else ("", ())


def readings(text: str, country: str = "") -> Iterator[Reading]:
    """Yield the ways to read a cell, the most literal first; `country` is its ISO code or ''.

    >>> [r.key for r in readings("75013 Paris")]
    ['75013 paris', 'paris']
    >>> list(readings("Vienna (AT)"))[-1]
    Reading(key='vienna', qualifiers=('at',))
    """
    head, behind = split(text)
    qualifiers = tuple(name_key(part) for part in behind)
    seen = set()
    for reading in (
        Reading(name_key(text)),
        *(Reading(key, qualifiers) for key in _stripped(name_key(head), country)),
    ):
        if reading.key and reading not in seen:
            seen.add(reading)
            yield reading


def _stripped(key: str, country: str) -> Iterator[str]:
    """Yield a name's key as it is, then without postcode, province or words of office."""
    yield key
    while (bare := _POSTCODE.sub("", key)) != key:
        key = bare
        yield key
    if country == "DK":
        key = _DANISH_DISTRICT.sub("", key)
        yield key
    if country == "IT":
        key = _ITALIAN_PROVINCE.sub("", key)
        yield key
    for pattern in (_BEFORE, _NORDIC, _AFTER, _HAN_SUFFIX, _HANGUL_SUFFIX):
        bare = pattern.sub("", key)
        if bare != key and bare:
            yield bare
            yield from _stripped(bare, "")
