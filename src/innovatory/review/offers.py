"""What others offer to the review app: suggestions, widths of intervals, likely duplicates.

The app shows them and knows nothing of how they are made; where none are given none are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a model would answer, how sure it is, and the passages that speak for it.

    A passage is (field, start, end, weight) with offsets in Unicode code points of
    `Record.passages()[field]` and weights between 0 and 1; `by` is the id of the coder (a model)
    whose suggestion it is.
    """

    value: tuple[str, ...]
    probability: float
    passages: tuple[tuple[str, int, int, float], ...]
    by: str


@dataclass(frozen=True, slots=True)
class Width:
    """A share as the codings so far give it, and what is to be expected of its interval.

    Shares and half widths are fractions of 1; `more` is how many more records have to be coded
    until the half width is `target`, None where no number of them would do.
    """

    dimension: str
    class_: str
    label: str
    share: float
    low: float
    high: float
    predicted_half_width_at_end: float
    target: float
    more: int | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two records that may tell of one project: `b` would be counted as `a`, the one kept."""

    a: str
    b: str
    score: float
    reasons: tuple[str, ...] = ()


Suggest = Callable[[str], Mapping[str, Suggestion]]
Widths = Callable[[], Sequence[Width]]
Duplicates = Callable[[], Sequence[Duplicate]]


@dataclass(frozen=True, slots=True)
class Offers:
    """All that is offered to one app; None where nothing of the kind is."""

    suggest: Suggest | None = None
    widths: Widths | None = None
    duplicates: Duplicates | None = None
