"""What a ledger refuses whoever brings it: facts that could not be counted or stored later.

Readers judge the rows of their format; this judges facts, so that no way into the ledger goes
round it. Each function gives the refusals of one fact; none means that it is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from innovatory.records import (
    FUNDING_SOURCES,
    KINDS,
    LEAD_TYPES,
    STAGES,
    STATUSES,
    Adjudication,
    Coding,
    Correction,
    Draw,
    Merge,
    Record,
    StageEvent,
    faults,
    valid_when,
)

LARGEST_AMOUNT = 1e15
LARGEST_SEED = 2**63 - 1

_TEXT_FIELDS = (
    *("title", "description", "local_name", "language", "lead", "start", "end", "district"),
    *("citizens", "doubts", "kind", "status", "lead_type", "keywords"),
    *("funding.source", "funding.amount", "funding.currency", "funding.note"),
)
_NUMBERED = re.compile(r"(events|places)\.(\d{1,4})\.(when|stage|note|name|country)")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_PARTS = {"events": ("when", "stage", "note"), "places": ("name", "country")}


class Refusal(NamedTuple):
    """Why a fact is refused; `waiting` where the ledger may come to accept it later."""

    field: str
    reason: str
    next_step: str
    waiting: bool = False


def unknown_record(record_id: str) -> Refusal:
    """The refusal of a fact about a record that the ledger does not hold.

    >>> unknown_record("bus").reason
    "no record 'bus'"
    """
    return Refusal(
        "id",
        f"no record {record_id!r}",
        "collect the record first, then collect this file again",
        waiting=True,
    )


def belongs_elsewhere(record_id: str, source_id: str) -> Refusal:
    """The refusal of a record whose id another source has already given to one of its own.

    >>> belongs_elsewhere("bus", "atlas").reason
    "the id 'bus' belongs to a record of the source 'atlas'"
    """
    return Refusal(
        "id",
        f"the id {record_id!r} belongs to a record of the source {source_id!r}",
        "set a prefix for the ids of this source; if both tell of the same project, record a merge",
    )


def quote_not_found(dimension: str, quote: str) -> Refusal:
    """What is said of a quote that does not stand in the record (the coding itself is kept).

    >>> quote_not_found("sector", "a tram").field
    'evidence.sector'
    """
    return Refusal(
        f"evidence.{dimension}",
        f"the record does not hold the words {quote[:80]!r}",
        "quote the record word for word",
    )


def drawn_already(draw_id: str) -> Refusal:
    """The refusal of a draw under an id that stands for another one.

    >>> drawn_already("d1").field
    'id'
    """
    return Refusal(
        "id",
        f"the draw {draw_id!r} is already stored with other members or another design",
        "give the new draw an id of its own: a draw stays as it was drawn",
    )


def merged_in_a_circle(merge: Merge) -> Refusal:
    """The refusal of a merge that would lead back to the record itself.

    >>> merged_in_a_circle(Merge("bus", "bus")).field
    'into'
    """
    return Refusal(
        "into",
        f"{merge.into!r} is itself counted as {merge.record_id!r}",
        "keep one of the two records, and merge the other into it",
    )


def record_refusals(record: Record) -> list[Refusal]:
    """What is wrong with a record: its `faults`, and an amount that is no number.

    >>> record_refusals(Record("bus", "project", "Bus"))
    []
    """
    found = [Refusal(*fault) for fault in faults(record)]
    amount = record.funding.amount
    # Written this way round because a comparison with NaN is false.
    if amount is not None and not abs(amount) <= LARGEST_AMOUNT:
        found.append(_not_an_amount("funding.amount"))
    return found


def coding_refusals(coding: Coding) -> list[Refusal]:
    """What is wrong with a coding, whatever the codebook.

    >>> [r.field for r in coding_refusals(Coding("bus", "sector", "", ()))]
    ['coder', 'sector']
    """
    found = []
    if not coding.coder:
        found.append(Refusal("coder", "the coder is missing", "say who coded the record"))
    found += _value_refusals(coding.dimension, coding.value)
    if coding.coded_at and not _TIME.fullmatch(coding.coded_at):
        found.append(Refusal("coded_at", f"{coding.coded_at!r} is not a time",
                             "write it in UTC as 2026-01-31T12:00:00Z"))  # fmt: skip
    if coding.seconds is not None and not 0 <= coding.seconds <= LARGEST_AMOUNT:
        found.append(_not_an_amount("seconds"))
    if coding.confidence is not None and not 0 <= coding.confidence <= 100:
        found.append(
            Refusal(
                "confidence", f"{coding.confidence} is not a confidence", "write a number 0 to 100"
            )
        )
    return found


def adjudication_refusals(adjudication: Adjudication) -> list[Refusal]:
    """What is wrong with an adjudication, whatever the codebook.

    >>> [r.field for r in adjudication_refusals(Adjudication("bus", "sector", "ana", ("a|b",)))]
    ['sector']
    """
    found = []
    if not adjudication.adjudicator:
        found.append(Refusal("adjudicator", "the adjudicator is missing", "say who settled it"))
    return found + _value_refusals(adjudication.dimension, adjudication.value)


def _value_refusals(dimension: str, value: tuple[str, ...]) -> list[Refusal]:
    if not dimension:
        return [Refusal("dimension", "the dimension is missing", "name one of the codebook")]
    if not value or not all(value) or "|" in "".join(value):
        return [
            Refusal(
                dimension,
                "the answer is empty" if not value or not all(value) else "'|' is in the answer",
                "give classes of the codebook, or leave the question out",
            )
        ]
    return []


def stage_event_refusals(fact: StageEvent) -> list[Refusal]:
    """What is wrong with a stage event.

    >>> from innovatory.records import Event
    >>> [r.field for r in stage_event_refusals(StageEvent("bus", Event("19", "grown")))]
    ['when', 'stage']
    """
    found = []
    if not valid_when(fact.event.when):
        found.append(_not_a_date("when", fact.event.when))
    if fact.event.stage not in STAGES:
        found.append(_not_one_of("stage", fact.event.stage, STAGES))
    return found


def draw_refusals(draw: Draw) -> list[Refusal]:
    """What is wrong with a draw: its id, its seed or its inclusion probabilities.

    >>> [r.field for r in draw_refusals(Draw("d1", "srs", members={"bus": 0.0}))]
    ['members.bus']
    """
    found = []
    if not draw.id:
        found.append(Refusal("id", "the id of the draw is missing", "name the draw"))
    if draw.seed is not None and not 0 <= draw.seed <= LARGEST_SEED:
        found.append(Refusal("seed", "the seed is out of range", "use a whole number below 2^63"))
    for part in ("members", "frame"):
        for record_id, probability in getattr(draw, part).items():
            if not (0 < probability <= 1 or (part == "frame" and probability == 0)):
                found.append(
                    Refusal(
                        f"{part}.{record_id}",
                        f"{probability} is not an inclusion probability",
                        "write a number above 0, at most 1",
                    )
                )
    if strangers := sorted(set(draw.second) - set(draw.members)):
        found.append(
            Refusal("second", f"{strangers[0]!r} was not drawn", "name members of the draw alone")
        )
    return found


def correction_refusals(
    correction: Correction, *, record: Record, stage_events: int
) -> list[Refusal]:
    """What is wrong with a correction of a record that has so many later stage events.

    >>> bus = Record("bus", "project", "Bus")
    >>> correction_refusals(Correction("bus", "start", "2019", ""), record=bus, stage_events=0)
    []
    >>> [refusal] = correction_refusals(
    ...     Correction("bus", "events.0.when", "2019", ""), record=bus, stage_events=0)
    >>> refusal.reason
    'the record has no events.0'
    """
    name, value = correction.field, correction.value
    match = _NUMBERED.fullmatch(name)
    if match and match[3] in _PARTS[match[1]]:
        number = int(match[2])
        there = len(record.places)
        if match[1] == "events":
            there = len(record.events) + stage_events
        if number >= there:
            return [
                Refusal(
                    name,
                    f"the record has no {match[1]}.{number}",
                    f"it has {there}, numbered from 0",
                )
            ]
        name = f"{match[1]}.N.{match[3]}"
    elif name not in (*_TEXT_FIELDS, "verified", "withdrawn"):
        return [
            Refusal(
                name or "field",
                f"{name!r} is not a field that can be corrected",
                f"use one of {', '.join(_TEXT_FIELDS)}, verified, withdrawn, events.N.when, "
                "events.N.stage, events.N.note, places.N.name, places.N.country",
            )
        ]
    judge = _VALUES.get(name)
    refused = judge(correction.field, value) if judge else None
    return [refused] if refused else []


def _one_of(*allowed: str) -> Callable[[str, str], Refusal | None]:
    return lambda name, value: None if value in allowed else _not_one_of(name, value, allowed)


def _date(name: str, value: str) -> Refusal | None:
    return None if valid_when(value) else _not_a_date(name, value)


def _not_empty(name: str, value: str) -> Refusal | None:
    return None if value.strip() else Refusal(name, f"the {name} is missing", "give a value")


def _amount(name: str, value: str) -> Refusal | None:
    try:
        amount = float(value)
    except ValueError:
        amount = float("nan")
    return None if abs(amount) <= LARGEST_AMOUNT else _not_an_amount(name)


def _not_an_amount(name: str) -> Refusal:
    return Refusal(name, "the amount is no number below 10^15", "write digits alone")


def _not_a_date(name: str, value: str) -> Refusal:
    return Refusal(name, f"{value!r} is not a date", "write YYYY, YYYY-MM or YYYY-MM-DD")


def _not_one_of(name: str, value: str, allowed: tuple[str, ...]) -> Refusal:
    return Refusal(name, f"{value!r} is not one of {', '.join(allowed)}", "use one of them")


_VALUES: dict[str, Callable[[str, str], Refusal | None]] = {
    "title": _not_empty,
    "kind": _one_of(*KINDS),
    "status": _one_of(*STATUSES),
    "lead_type": _one_of(*LEAD_TYPES),
    "funding.source": _one_of(*FUNDING_SOURCES),
    "funding.amount": _amount,
    "start": lambda name, value: _date(name, value) if value else None,
    "end": lambda name, value: _date(name, value) if value else None,
    "events.N.when": _date,
    "events.N.stage": _one_of(*STAGES),
    "places.N.name": _not_empty,
    "verified": _one_of("true", "false"),
    "withdrawn": _one_of("true", "false"),
}
