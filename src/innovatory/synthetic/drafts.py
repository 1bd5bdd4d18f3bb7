"""How one record of the made-up corpus is drawn, and written as a native row.

A `Profile` holds all that chance decides about a record; record and codings are written from it,
which is why the quotes of the codings are always true substrings of the description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from innovatory.synthetic.words import MULTI, WORDS

COUNTRY = "ZZ"
FIRST_YEAR, COMMONEST_YEAR, LAST_YEAR = 2008, 2020, 2022
# Who leads, by driver: (lead_type, lead, organisations taking part).
_LEADS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "living_lab": ("partnership", "Living lab {n} of {city}", ("Residents' group {n}", "Firm {n}")),
    "city": ("city", "Administration of {city}", ("Firm {n}",)),
    "private": ("company", "Firm {n}", ("Firm {m}", "Administration of {city}")),
    "co_led": ("partnership", "Administration of {city} and Firm {n}", ("Institute {m}",)),
    "other": ("university_or_research", "Institute {n}", ("Institute {m}", "Association {n}")),
    "unknown": ("unknown", "", ()),
}
# Stages in order of their years, with weights: first where it was really tried, then where not.
_PATHS = (
    (("pilot",), 8),
    (("planned", "pilot"), 8),
    (("pilot", "scaled"), 6),
    (("planned", "pilot", "scaled"), 5),
    (("pilot", "scaled", "diffused"), 4),
    (("planned", "pilot", "ended"), 2),
    (("pilot", "ended"), 2),
)
_UNTRIED_PATHS = ((("planned",), 5), (("planned", "ended"), 2))

SECTOR_WEIGHTS = dict(zip(WORDS["sector"], (8, 18, 9, 24, 5, 5, 4, 4, 8, 13, 2), strict=True))
GOAL_WEIGHTS = dict(zip(WORDS["goal"], (9, 13, 40, 8, 30), strict=True))
DRIVER_WEIGHTS = dict(zip(WORDS["driver"], (22, 30, 20, 10, 14, 4), strict=True))


Answer = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What chance decided about one record."""

    id: str
    number: int
    kind: str
    city: str
    start: int | None
    events: tuple[tuple[int, str], ...]
    status: str
    end: int | None
    funding: tuple[str, int | None]
    answers: Mapping[str, Answer]


def pick(rng: Random, weights: Mapping[str, int]) -> str:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def other_answer(rng: Random, name: str, answer: Answer) -> Answer:
    if name in MULTI:
        return rng.choice([(c,) for c in WORDS[name] if (c,) != answer])
    return rng.choice([c for c in WORDS[name] if c != answer])


def draw_profile(
    rng: Random,
    record_id: str,
    number: int,
    kind: str,
    city: str,
    given: Mapping[str, Answer],
    *,
    dated: bool,
) -> Profile:
    """Draw what is not given so that it agrees with what is."""
    tried = given["real_setting"] == "yes"
    start = round(rng.triangular(FIRST_YEAR, LAST_YEAR, COMMONEST_YEAR)) if dated else None
    events = tuple(_events(rng, start, tried)) if start else ()
    reached = [stage for _, stage in events]
    status, end = _status(rng, events)
    by_lab = given["driver"] == "living_lab"
    answers: dict[str, Answer] = {
        "goal": pick(rng, GOAL_WEIGHTS),
        "sector": pick(rng, SECTOR_WEIGHTS),
        "stage": reached[-1] if reached else "unknown",
        "citizen_participation": "yes" if rng.random() < (0.85 if by_lab else 0.3) else "no",
        "technologies": _technologies(rng) if given["new_technology"] == "yes" else ("none",),
        "testbed": _testbed(rng, by_lab) if tried else "none",
        "capability": _capability(rng, reached, by_lab),
        **given,
    }
    ordered = {name: answers[name] for name in WORDS}
    amount = rng.randrange(50, 5000) * 1000 if rng.random() < 0.3 else None
    payer = rng.choices(("public", "private", "ppp", "unknown"), (48, 33, 12, 7))[0]
    return Profile(
        record_id, number, kind, city, start, events, status, end, (payer, amount), ordered
    )


def _events(rng: Random, start: int, tried: bool) -> Iterator[tuple[int, str]]:
    paths = _PATHS if tried else _UNTRIED_PATHS
    path = rng.choices([p for p, _ in paths], [w for _, w in paths])[0]
    year = start
    # A plan that would only be tried after the last year is a trial without its plan.
    if tried and path[0] == "planned" and start == LAST_YEAR:
        path = ("pilot",)
    for stage in path:
        if year > LAST_YEAR:
            return
        yield year, stage
        year += 1 if stage == "planned" else rng.randint(1, 3)


def _status(rng: Random, events: tuple[tuple[int, str], ...]) -> tuple[str, int | None]:
    if not events:
        return "unknown", None
    year, stage = events[-1]
    if stage in ("ended", "planned"):
        return ("ended_early", year) if stage == "ended" else ("planned", None)
    if stage != "diffused" and rng.random() < 0.4:
        return "completed", rng.randint(year, LAST_YEAR)
    return "active", None


def _technologies(rng: Random) -> tuple[str, ...]:
    every = tuple(WORDS["technologies"])
    drawn = rng.choices(every, (30, 26, 16, 8, 4, 5, 11), k=rng.choice((1, 1, 2, 3)))
    return tuple(c for c in every if c in drawn and (c != "none" or set(drawn) == {"none"}))


def _testbed(rng: Random, by_lab: bool) -> str:
    return rng.choices(tuple(WORDS["testbed"]), (4, 3, 4, 1, 1) if by_lab else (3, 5, 1, 2, 4))[0]


def _capability(rng: Random, reached: list[str], by_lab: bool) -> tuple[str, ...]:
    held = []
    if by_lab or rng.random() < 0.25:
        held.append("sensing")
    if {"pilot", "scaled"} & set(reached):
        held.append("seizing")
    if reached and reached[-1] in ("scaled", "diffused"):
        held.append("transforming")
    return tuple(held) or ("none",)


# --- a profile as rows -------------------------------------------------------------------------


def sentence(profile: Profile, name: str) -> str:
    answer = profile.answers[name]
    said = []
    for chosen in answer if isinstance(answer, tuple) else (answer,):
        ways = WORDS[name][chosen]
        said.append(ways[profile.number % len(ways)])
    return " ".join(said).replace("{city}", profile.city)


def record_row(profile: Profile) -> dict[str, Any]:
    noun = "Project" if profile.kind == "project" else "Living lab"
    digits = profile.id.rpartition("-")[2]
    firm = {"n": profile.number % 97 + 1, "m": profile.number % 89 + 101, "city": profile.city}
    lead_type, lead, partners = _LEADS[str(profile.answers["driver"])]
    payer, amount = profile.funding
    told = " ".join(sentence(profile, name) for name in WORDS)
    takes_part = profile.answers["citizen_participation"] == "yes"
    return {
        "id": profile.id,
        "kind": profile.kind,
        "title": f"{noun} {digits} (synthetic)",
        "city": profile.city,
        "country": COUNTRY,
        "local_name": None,
        "description": f"Synthetic entry: it describes nothing that exists. {told}",
        "lead": lead.format(**firm) or None,
        "lead_type": lead_type,
        "partners": [partner.format(**firm) for partner in partners],
        "start_year": profile.start,
        "end_year": profile.end,
        "status": profile.status,
        "events": [
            {"year": year, "stage": stage, "note": f"made-up event: {stage}"}
            for year, stage in profile.events
        ],
        "district": f"District {profile.number % 9 + 1}" if profile.number % 3 else None,
        "funding": {
            "amount": amount,
            "currency": "XTS" if amount else None,  # ISO 4217's code for tests
            "source": payer,
            "note": None,
        },
        "citizens": sentence(profile, "citizen_participation") if takes_part else None,
        "keywords": ["synthetic", str(profile.answers["sector"]).replace("_", " ")],
        "sources": [],
        "verified": None,
        "doubts": "Synthetic: made up by a seeded generator.",
    }
