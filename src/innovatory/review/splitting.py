"""The sentence of the codebook over which two coders part: the definitions, side by side.

Of each class in dispute the sentence is shown that has most to do with what the coders quoted and
wrote; marked are its words that the sentences of the other classes in dispute do not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from innovatory.codebook import Dimension

_WORD = re.compile(r"\w+(?:[-’']\w+)*")
_END = re.compile(r"(?<=[.!?;])\s+")
# Words that define nothing; without them every two sentences would look alike.
_EMPTY = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "into",
    "is", "it", "its", "of", "on", "one", "or", "some", "such", "than", "that", "the", "their",
    "them", "there", "these", "they", "this", "to", "was", "were", "where", "which", "who",
    "with",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Splitting:
    """A sentence of a class's definition; `marks` are the (start, end) of the words that differ."""

    class_: str
    sentence: str
    marks: tuple[tuple[int, int], ...]


def splitting(
    question: Dimension, values: Sequence[Sequence[str]], *, words: Iterable[str] = ()
) -> list[Splitting]:
    """The sentences that split the sides, one for each class that not all of them chose.

    `values` are the classes each side chose, `words` what the sides quoted and wrote.

    >>> from innovatory.codebook import Class
    >>> driver = Dimension("driver", "Driver", "Who leads?", False, (
    ...     Class("city", "City", "A city leads. Firms may help."),
    ...     Class("firm", "Firm", "A firm leads.")))
    >>> for one in splitting(driver, [["city"], ["firm"]], words=["led by the city of X"]):
    ...     print(one.class_, one.sentence, [one.sentence[a:b] for a, b in one.marks])
    city A city leads. ['city']
    firm A firm leads. ['firm']
    """
    sides = [frozenset(value) for value in values]
    common = frozenset.intersection(*sides) if sides else frozenset()
    chosen = frozenset.union(*sides) if sides else frozenset()
    disputed = [c for c in question.classes if c.id in chosen - common]
    quoted = _stems(" ".join(words))
    told = {c.id: c.definition or c.label for c in disputed}
    stems = {name: _stems(text) for name, text in told.items()}
    best = {}
    for name, text in told.items():
        others = set().union(*(stems[other] for other in told if other != name))
        parts = [part for part in _END.split(text) if part]
        best[name] = max(parts, key=lambda part: _weight(part, quoted, others=others))
    shown = {name: _stems(sentence) for name, sentence in best.items()}
    found = []
    for name, sentence in best.items():
        others = set().union(*(shown[other] for other in told if other != name))
        # A class that stands alone has no other to differ from: what was quoted of it is marked.
        own = shown[name] - others if len(told) > 1 else shown[name] & quoted
        spans = (m.span() for m in _WORD.finditer(sentence) if _stem(m.group()) in own)
        found.append(Splitting(name, sentence, tuple(spans)))
    return found


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text)} - _EMPTY


def _weight(sentence: str, quoted: set[str], *, others: set[str]) -> tuple[int, int]:
    """How much of a sentence the coders took up, then how much of it is its own."""
    stems = _stems(sentence)
    return len(stems & quoted), len(stems - others)


def _stem(word: str) -> str:
    """The word in small letters without the ending of a plural, so that 'firms' is 'firm'.

    >>> _stem("Cities"), _stem("firms"), _stem("process"), _stem("bus")
    ('city', 'firm', 'process', 'bus')
    """
    small = word.casefold()
    if len(small) > 4 and small.endswith("ies"):
        return small[:-3] + "y"
    if len(small) > 3 and small.endswith("s") and not small.endswith(("ss", "us", "is")):
        return small[:-1]
    return small
