"""What a collection design can carry.

A corpus gathered by quota cannot say which city has most, and a convenience sample cannot say
what share of all projects is innovative. Such claims are not printed; the page says why.
"""

from __future__ import annotations

from collections.abc import Iterable

from innovatory.records import Design

# From the design that carries most to the one that carries least.
ORDER = tuple(Design)

_WHY = {
    Design.RANDOM: "a random sample needs sampling intervals, and the intervals of this edition "
    "hold coder disagreement only",
    Design.QUOTA: "the records were gathered by quota, so how many a city or class has was partly "
    "the collector's choice",
    Design.SELF_REPORTED: "the records were reported by those who run them, so what is missing "
    "is not known",
    Design.CONVENIENCE: "the records were gathered as they came to hand, so what is missing is "
    "not known",
}
LABELS = {
    Design.CENSUS: "census of a stated population",
    Design.RANDOM: "random sample of a stated population",
    Design.QUOTA: "quota",
    Design.SELF_REPORTED: "self-reported",
    Design.CONVENIENCE: "convenience, or not declared",
}


def weakest(designs: Iterable[str]) -> Design:
    """The design that governs records from several sources: the one that carries least.

    >>> weakest(["census", "quota"])
    <Design.QUOTA: 'quota'>
    """
    return max((Design(design) for design in designs), key=ORDER.index, default=Design.CONVENIENCE)


def obstacle(designs: Iterable[str]) -> str:
    """Why records of these designs carry no statement beyond themselves; '' where they do.

    Only a census carries counts, rankings and shares of what it is a census of.

    >>> obstacle(["census"]), obstacle(["census", "quota"])[:35]
    ('', 'the records were gathered by quota,')
    """
    design = weakest(designs)
    return _WHY.get(design, "")
