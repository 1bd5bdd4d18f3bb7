"""What tells two projects apart whatever else agrees: their phase, their year, their grant.

A score adds up, so that much agreement outvotes one contradiction; these are therefore vetoes,
asked before anything is scored and again when groups are formed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_NUMBERS = {
    word: number
    for number, words in {
        1: "i one first eins erste ersten uno primera primero premiere une ett een 一",
        2: "ii two second zwei zweite zweiten dos segunda segundo deux deuxieme seconde due seconda"
        " tweede twee andra 二",
        3: "iii three third drei dritte dritten tres tercera tercero trois troisieme tre terza"
        " derde drie 三",
        4: "iv four fourth vier vierte cuatro cuarta quatre quatrieme quattro quarta vierde 四",
        5: "v five fifth funf funfte cinco quinta cinq cinquieme cinque vijf vijfde 五",
        6: "vi six sixth sechs sechste seis sexta sei sesta zes",
    }.items()
    for word in words.split()
}
_PART = r"(?:phases?|fase|etapa|etape|stage|round|runde|tranche|wave|edition|edicion|version|lot)"
_VALUE = rf"(?:\d{{1,2}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_NAMED = re.compile(rf"\b{_PART}\W{{0,3}}(?:no\W{{0,2}})?({_VALUE})\b")
_ORDINAL = re.compile(rf"\b({_VALUE})(?:st|nd|rd|th|[.ªº°]|a|e|eme)?\s{_PART}\b")
_RELEASE = re.compile(r"\b([2-9])\.0\b")
_EAST_ASIAN = re.compile(r"第?([2-9二三四五])(?:期|次|차|단계)")
# 'Name II', 'NAME 2': at the end or before a subtitle. Other numbers belong to the name.
_ROMAN = re.compile(r"\w[\w)]*\s(II|III|IV|VI|VII)(?=\s*(?:$|[:(,–—]|-\s))")
_TRAILING = re.compile(r"^\S{3,}\s([2-9])(?=\s*(?:$|[:(,–—]|-\s))")
_ROMAN_VALUES = {"II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7}
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_GRANT_PAGE = re.compile(
    r"^https?://(?:www\.)?(?:cordis\.europa\.eu/project/id|doi\.org/10\.3030)/(\d{5,9})\b"
)
_GRANT_TEXT = re.compile(
    r"\bgrant agreement\s*(?:(?:no|number|nr|id|n)\b)?[\s.:°º#]*(\d{5,9})\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one record; without one said, the phase is 1 and the sets are empty."""

    phase: int = 1
    years: frozenset[int] = frozenset()
    grants: frozenset[str] = frozenset()

    def contradicts(self, other: Marks) -> str:
        """Why the two cannot be the same project, in words; '' where they can.

        >>> Marks(2).contradicts(Marks())
        'phase 2 and phase 1'
        >>> Marks(grants=frozenset({"123456"})).contradicts(Marks())
        ''
        """
        if self.phase != other.phase:
            return f"phase {self.phase} and phase {other.phase}"
        if self.years and other.years and not self.years & other.years:
            return f"{_told(self.years)} and {_told(other.years)} in the title"
        if self.grants and other.grants and not self.grants & other.grants:
            return f"grants {_told(self.grants)} and {_told(other.grants)}"
        return ""


def _told(values: Iterable[object]) -> str:
    return "/".join(sorted(map(str, values)))


def phase_of(name: str) -> int:
    """The phase, round or edition that a name tells of; 1 where it tells of none.

    >>> [phase_of(name) for name in ("Lamps phase II", "Lamps: zweite Phase", "ECOMOB 2.0", "Bus")]
    [2, 2, 2, 1]
    >>> [phase_of(name) for name in ("Metro line 2 sensors", "Smart City 2030", "스마트 2단계")]
    [1, 1, 2]
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in plain if not "\u0300" <= c <= "\u036f")
    plain = unicodedata.normalize("NFC", plain)
    for pattern in (_NAMED, _ORDINAL, _RELEASE, _EAST_ASIAN):
        if match := pattern.search(plain):
            return int(_NUMBERS.get(match[1], match[1]))
    if match := _ROMAN.search(name):
        return _ROMAN_VALUES[match[1]]
    match = _TRAILING.search(name)
    return int(match[1]) if match else 1


def marks_of(names: Iterable[str], *, texts: Iterable[str], urls: Iterable[str]) -> Marks:
    """The marks that a record bears in its names, texts and addresses of pages.

    >>> marks_of(["Bus 2019 phase 3"], texts=["Grant agreement No 864374"], urls=[]).phase
    3
    """
    called = list(names)
    grants = {match[1] for url in urls if (match := _GRANT_PAGE.match(url))}
    grants.update(number for text in texts for number in _GRANT_TEXT.findall(text))
    return Marks(
        max((phase_of(name) for name in called), default=1),
        frozenset(int(year) for name in called for year in _YEAR.findall(name)),
        frozenset(grants),
    )


@dataclass(frozen=True, slots=True)
class Vetoes:
    """Which records must not become one: by their marks, or because somebody said so (`apart`)."""

    marks: Mapping[str, Marks]
    apart: frozenset[frozenset[str]] = frozenset()

    def between(self, some: Collection[str], others: Collection[str]) -> str:
        """Why no record of `some` may be the same project as those of `others`; '' where it may.

        >>> Vetoes({"a": Marks(), "b": Marks(2)}).between(["a"], ["b"])
        'a and b: phase 1 and phase 2'
        """
        for a in some:
            for b in others:
                if frozenset((a, b)) in self.apart:
                    return f"{a} and {b}: answered as not the same"
                if reason := self.marks[a].contradicts(self.marks[b]):
                    return f"{a} and {b}: {reason}"
        return ""
