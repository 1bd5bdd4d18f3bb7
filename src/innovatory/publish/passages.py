"""The texts of a record with the words its coders quoted, however the quotes overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that a coder's answer rests on.

    `number` counts the quotes of a record from 1; `field` is '' where the words were not found
    in the record. `coder` is the place of the coder among the record's coders, from 0.
    """

    number: int
    dimension: str
    coder: int
    field: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text under the same quotes; `opens` and `closes` begin and end there."""

    text: str
    quotes: tuple[Quote, ...] = ()
    opens: tuple[Quote, ...] = ()
    closes: tuple[Quote, ...] = ()

    @property
    def style(self) -> str:
        """The classes of the style sheet for the coders who quote this stretch (four at most)."""
        return " ".join(sorted({f"c{quote.coder % 4}" for quote in self.quotes}))

    @property
    def numbers(self) -> str:
        """The numbers of the quotes over this stretch."""
        return " ".join(str(quote.number) for quote in self.quotes)


def located(quote: Quote, texts: Mapping[str, str]) -> bool:
    """Whether the quoted words stand where the coding says they do.

    >>> located(Quote(1, "goal", 0, "title", 0, 3, "Bus"), {"title": "Bus lane"})
    True
    """
    text = texts.get(quote.field, "")
    return 0 <= quote.start < quote.end and text[quote.start : quote.end] == quote.text


def segments(text: str, quotes: Sequence[Quote]) -> tuple[Segment, ...]:
    """The text cut wherever a quote begins or ends; joined again it is the text unchanged.

    >>> first = Quote(1, "goal", 0, "title", 0, 3, "Bus")
    >>> second = Quote(2, "goal", 1, "title", 2, 5, "s l")
    >>> [(s.text, [q.number for q in s.quotes]) for s in segments("Bus lane", (first, second))]
    [('Bu', [1]), ('s', [1, 2]), (' l', [2]), ('ane', [])]
    """
    cuts = sorted({0, len(text), *(q.start for q in quotes), *(q.end for q in quotes)})
    found = []
    for start, end in pairwise(cuts):
        over = tuple(q for q in quotes if q.start <= start and end <= q.end)
        opens = tuple(q for q in over if q.start == start)
        closes = tuple(q for q in over if q.end == end)
        found.append(Segment(text[start:end], over, opens, closes))
    return tuple(found)
