"""The nouns of the ledger as frozen dataclasses, and what makes one valid.

A *record* is a project (time-bound) or a living lab (standing organisation or site). It comes
from a *source*, which says how its records were gathered (its *design*). A *coding* is one
coder's answer to one question of the codebook about one record, with the words it rests on.

Everything here is plain data: no file, no clock, no network, nothing of the house imported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

KINDS = ("project", "living_lab")
STAGES = ("planned", "pilot", "scaled", "diffused", "ended")
STATUSES = ("planned", "active", "completed", "ended_early", "unknown")
FUNDING_SOURCES = ("public", "private", "ppp", "unknown")
LEAD_TYPES = (
    "city",
    "region_or_state",
    "company",
    "partnership",
    "university_or_research",
    "nonprofit_or_association",
    "unknown",
)
CODER_KINDS = ("person", "rule", "machine", "llm", "unknown")
DRAW_DESIGNS = ("simple_random", "stratified", "uncertainty", "repeat", "census")
FIRST_YEAR, LAST_YEAR = 1800, 2100

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,119}")
_WHEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


class Design(StrEnum):
    """How the records of a source were gathered; the weakest comes last."""

    CENSUS = "census"
    RANDOM = "random"
    QUOTA = "quota"
    SELF_REPORTED = "self_reported"
    CONVENIENCE = "convenience"


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from, how they were gathered and what may be done with them.

    `population` completes the sentence "a census of …"; `gathered` is the date (ISO, possibly
    only a year) at which the source was last true; `synthetic` sources describe no real place.
    """

    id: str
    title: str
    design: Design = Design.CONVENIENCE
    population: str = ""
    licence: str = ""
    attribution: str = ""
    url: str = ""
    gathered: str = ""
    notes: str = ""
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A city as the source spells it; which city that is, the gazetteer says later.

    `role` is `site` (the work happens there), `coordinator` or `participant`.
    """

    name: str
    country: str = ""
    role: str = "site"


@dataclass(frozen=True, slots=True)
class Organisation:
    """Somebody who takes part; `kind` is public, company, research, other or unknown."""

    name: str
    role: str = "partner"
    kind: str = "unknown"
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A record reached a stage; `when` is YYYY, YYYY-MM or YYYY-MM-DD, as far as it is known."""

    when: str
    stage: str
    note: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A page that supports a record. The address is data from outside: never followed here."""

    url: str
    title: str = ""
    publisher: str = ""


@dataclass(frozen=True, slots=True)
class Funding:
    """Who pays; the amount in units of `currency` (ISO 4217) where the source gives one."""

    source: str = "unknown"
    amount: float | None = None
    currency: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A project or living lab as one source tells it.

    `verified` is None where the source does not say; `doubts` are the source's own.
    """

    id: str
    kind: str
    title: str
    description: str = ""
    local_name: str = ""
    language: str = ""
    lead: str = ""
    lead_type: str = "unknown"
    start: str = ""
    end: str = ""
    status: str = "unknown"
    district: str = ""
    citizens: str = ""
    keywords: tuple[str, ...] = ()
    funding: Funding = field(default_factory=Funding)
    places: tuple[Place, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    verified: bool | None = None
    doubts: str = ""

    def passages(self) -> dict[str, str]:
        """The texts a coder may quote, by field name; lists are joined or numbered.

        >>> r = Record("a", "project", "Bus", keywords=("bus", "lane"),
        ...            events=(Event("2019", "pilot", "one line"),))
        >>> r.passages()
        {'title': 'Bus', 'keywords': 'bus; lane', 'events.0.note': 'one line'}
        """
        texts = {
            "title": self.title,
            "local_name": self.local_name,
            "description": self.description,
            "lead": self.lead,
            "citizens": self.citizens,
            "district": self.district,
            "keywords": "; ".join(self.keywords),
            "funding.note": self.funding.note,
        }
        texts |= {f"events.{n}.note": event.note for n, event in enumerate(self.events)}
        texts |= {f"organisations.{n}.name": o.name for n, o in enumerate(self.organisations)}
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words of a record, `text[start:end] == quote`; field '' means the quote was not located."""

    quote: str
    field: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Coder:
    """A person, rule set, model or LLM that answers questions of the codebook."""

    id: str
    kind: str = "unknown"
    label: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Draw:
    """A batch of records sent to coders: its design, seed and inclusion probabilities.

    `members` were drawn; `frame` holds the others that could have been, and those drawn before,
    with the probability they would have had. A probability is that of this draw, given that the
    record was not drawn before. `second` are the members that a second coder codes as well, blind;
    `target` names the dimensions to be coded (none: all).
    """

    id: str
    design: str
    seed: int | None = None
    note: str = ""
    members: Mapping[str, float] = field(default_factory=dict)
    frame: Mapping[str, float] = field(default_factory=dict)
    second: tuple[str, ...] = ()
    target: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coding:
    """One coder's answer to one dimension; `value` holds one class, or several if multi.

    `coded_at` is a time in UTC (ISO 8601), `seconds` how long the answer took; `suggestion` says
    whose suggestion the coder saw ('' = none).
    """

    record_id: str
    dimension: str
    coder: str
    value: tuple[str, ...]
    confidence: int | None = None
    evidence: tuple[Evidence, ...] = ()
    comment: str = ""
    draw: str = ""
    codebook: str = ""
    coded_at: str = ""
    seconds: float | None = None
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Adjudication:
    """The settled answer where coders differed, by whom and why."""

    record_id: str
    dimension: str
    adjudicator: str
    value: tuple[str, ...]
    reason: str = ""
    codebook: str = ""


@dataclass(frozen=True, slots=True)
class StageEvent:
    """A stage event learnt after the record was collected (it joins the record's own)."""

    record_id: str
    event: Event


@dataclass(frozen=True, slots=True)
class Correction:
    """A field of a record that the source has wrong; supersedes it from now on.

    `field` is a scalar field of Record, or `events.N.when`, `events.N.stage`, `events.N.note`,
    `places.N.name`, `places.N.country`, or `withdrawn` (value 'true': the record does not count).
    """

    record_id: str
    field: str
    value: str
    reason: str
    source: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two records tell of the same project: `record_id` is counted as `into`.

    A record merged into itself counts as itself: so a merge is undone.
    """

    record_id: str
    into: str
    reason: str = ""
    by: str = ""


Fact = Record | Coding | Coder | Draw | Adjudication | StageEvent | Correction | Merge


@dataclass(frozen=True, slots=True)
class Row:
    """A fact with the place it was read from and the raw row as JSON text."""

    number: int
    fact: Fact
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row or field that could not be taken as it is.

    `kept` is true where the rest of the row went into the ledger and only `field` was set aside.
    """

    file: str
    row: int
    field: str
    reason: str
    next_step: str
    kept: bool = False
    excerpt: str = ""


def valid_id(text: str) -> bool:
    """Whether a text can be an id: safe as a file name and in an address.

    >>> valid_id("seoul-topis"), valid_id("../etc/passwd"), valid_id("")
    (True, False, False)
    """
    return bool(_ID.fullmatch(text)) and ".." not in text


def valid_when(text: str) -> bool:
    """Whether a text is a calendar date, or a month or year of one, between 1800 and 2100.

    >>> valid_when("2019"), valid_when("2019-02-30"), valid_when("2019-06"), valid_when("0219")
    (True, False, True, False)
    """
    match = _WHEN.fullmatch(text)
    if not match:
        return False
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return False
    return FIRST_YEAR <= year <= LAST_YEAR


def last_day(when: str) -> date:
    """The last day that a partial date can mean: from then on it is certain to have come.

    >>> last_day("2019").isoformat(), last_day("2020-02").isoformat()
    ('2019-12-31', '2020-02-29')
    """
    parts = [int(part) for part in when.split("-")]
    if len(parts) == 3:
        return date(*parts)
    if len(parts) == 1 or parts[1] == 12:
        return date(parts[0], 12, 31)
    return date.fromordinal(date(parts[0], parts[1] + 1, 1).toordinal() - 1)


def faults(record: Record) -> list[tuple[str, str, str]]:
    """What is wrong with a record, as (field, reason, next step); empty when it is valid.

    >>> faults(Record("x", "project", ""))
    [('title', 'the title is missing', 'give the record a title')]
    """
    found: list[tuple[str, str, str]] = []

    def member(name: str, value: str, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            found.append((name, f"{value!r} is not one of {', '.join(allowed)}", "use one of them"))

    if not valid_id(record.id):
        found.append(
            ("id", f"{record.id!r} cannot be an id", "use a-z, 0-9, '-', '_' or '.', at most 120")
        )
    if not record.title.strip():
        found.append(("title", "the title is missing", "give the record a title"))
    member("kind", record.kind, KINDS)
    member("status", record.status, STATUSES)
    member("lead_type", record.lead_type, LEAD_TYPES)
    member("funding.source", record.funding.source, FUNDING_SOURCES)
    dates = [("start", record.start), ("end", record.end)]
    dates += [(f"events.{n}.when", e.when) for n, e in enumerate(record.events)]
    for name, when in dates:
        needed = name.startswith("events")
        if (when or needed) and not valid_when(when):
            found.append(
                (name, f"{when!r} is not a date", "write YYYY, YYYY-MM or YYYY-MM-DD, 1800 to 2100")
            )
    for n, event in enumerate(record.events):
        member(f"events.{n}.stage", event.stage, STAGES)
    if (
        valid_when(record.start)
        and valid_when(record.end)
        and last_day(record.end) < date.fromisoformat((record.start + "-01-01")[:10])
    ):
        found.append(
            ("end", f"ends in {record.end}, before its start in {record.start}", "check both dates")
        )
    return found


def canonical(value: Any) -> Any:
    """A value as JSON-ready data with dataclasses as dictionaries of their non-default fields.

    Used for hashing, so that adding a field with a default later changes no existing hash.

    >>> canonical(Place("Wien", "AT"))
    {'country': 'AT', 'name': 'Wien'}
    """
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is not None:
        kept = {}
        for name in sorted(fields):
            item = getattr(value, name)
            if item != fields[name].default and item not in ((), "", None):
                data = canonical(item)
                if data != {}:
                    kept[name] = data
        return kept
    if isinstance(value, tuple | list):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in sorted(value.items())}
    return value
