"""Cities that are not found: the list of their spellings, and correcting one that is wrong."""

from __future__ import annotations

import hashlib
import uuid

import msgspec
from starlette.responses import Response

from innovatory.errors import ReviewError
from innovatory.records import Correction
from innovatory.review.desk import Desk
from innovatory.review.facts import Spellings
from innovatory.review.listing import Listing, form, row
from innovatory.review.visits import Visit, sent_to

_ADDRESS = "/lists/unresolved"
_LONGEST = 500
_NOTE = (
    "No city is found for these spellings. A right one that the city list does not know goes into "
    'observatory.toml under [aliases] as "Spelling" = "city-id" (\'innovatory city NAME\' looks '
    "the id up); then start this app again. A wrong one is corrected here, in every record that "
    "has it."
)


def unresolved(desk: Desk, visit: Visit) -> Listing:
    """Spellings that no city is found for, the most frequent first."""
    found: list[tuple[str, str, int, str]] = desk.remembered(
        "unresolved", ("records", "corrections"), lambda: _no_city(desk)
    )
    rows = [
        row(
            name, country, str(number), reason,
            actions=(form("Correct", _ADDRESS, inputs=("to", "reason"), name=name,
                          country=country),),
        )
        for name, country, number, reason in found
    ]  # fmt: skip
    note = _NOTE if found else "A city is found for every place."
    return Listing("Cities not found", note, ("Place", "Country", "Records", "Reason"), rows)


def correct(desk: Desk, visit: Visit) -> Response:
    """POST /lists/unresolved: a place is called otherwise, in all records that spell it so."""
    given = visit.form
    spelling = (given.get("name", ""), given.get("country", ""))
    to, reason = given.get("to", "").strip(), given.get("reason", "").strip()
    if not to or not reason or max(len(to), len(reason)) > _LONGEST:
        raise ReviewError(
            422, "the city or the reason is missing, or longer than 500 characters",
            "give the city's name and how you know, or where it is said",
        )  # fmt: skip
    where = desk.facts.spellings().get(spelling)
    if where is None:
        raise ReviewError(404, "no record spells a place so any more", "load the list again")
    if lacking := _reasons(desk, {(to, spelling[1]): where}):
        raise ReviewError(
            422, f"no city is found for {to!r} either ({lacking[to, spelling[1]]})",
            "look it up with 'innovatory city', or write an alias into observatory.toml",
        )  # fmt: skip
    by = visit.account.name
    facts = [Correction(r, f"places.{n}.name", to, reason, "review", by) for r, n in where]
    sha256 = hashlib.sha256(msgspec.json.encode(facts)).hexdigest()
    desk.facts.store(facts, coder=by, submission=uuid.uuid4().hex, sha256=sha256)
    return sent_to(_ADDRESS)


def _no_city(desk: Desk) -> list[tuple[str, str, int, str]]:
    spelt = desk.facts.spellings()
    found = [
        (*spelling, len({record_id for record_id, _ in spelt[spelling]}), reason)
        for spelling, reason in _reasons(desk, spelt).items()
    ]
    return sorted(found, key=lambda told: (-told[2], told[:2]))


def _reasons(desk: Desk, spelt: Spellings) -> dict[tuple[str, str], str]:
    """Why no city is found, by spelling; those that have one are left out."""
    from innovatory.geography import Geography

    told = Geography(desk.observatory).resolve(sorted(spelt))
    return {spelling: one.reason for spelling, one in told.items() if not one.city_id}
