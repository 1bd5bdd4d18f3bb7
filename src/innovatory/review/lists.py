"""The lists of what waits for a person: disputes, drift, cities, rejects, duplicates, answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, or_, select
from starlette.responses import Response

from innovatory.errors import ReviewError
from innovatory.review.desk import Desk
from innovatory.review.duplicates import duplicates, undecided
from innovatory.review.listing import Listing, row
from innovatory.review.measuring import drift
from innovatory.review.settling import MOST_SHOWN, listed
from innovatory.review.spellings import unresolved
from innovatory.review.state import items, slots
from innovatory.review.visits import Visit, shown

SETTLERS = ("adjudicator", "admin")


def counts(desk: Desk, visit: Visit) -> dict[str, Any]:
    """How long each list is; '' where that is not known without working it out."""
    with desk.state.reading() as connection:
        mine = connection.execute(
            select(func.count()).where(slots.c.coder == visit.account.name)
        ).scalar_one()
    if visit.account.role not in SETTLERS:
        return {"mine": mine}
    found: dict[str, Any] = {
        "disputed": len(desk.disputes.open_to(visit.account)),
        "drifted": "",
        "unresolved": "",
        "rejected": len(_all_rejects(desk)),
        "duplicates": "",
        "mine": mine,
    }
    if (known := desk.recalled("unresolved")) is not None:
        found["unresolved"] = len(known)
    if (known := desk.recalled("duplicates")) is not None:
        found["duplicates"] = len(undecided(desk, known))
    return found


def page(desk: Desk, visit: Visit) -> Response:
    """GET /lists/{name}."""
    name = visit.path["name"]
    if name not in _LISTS:
        raise ReviewError(404, f"there is no list {name!r}", "begin at the overview")
    if name != "mine" and visit.account.role not in SETTLERS:
        raise ReviewError(403, f"this is not for the role {visit.account.role}", "ask an admin")
    made = _LISTS[name](desk, visit)
    if len(made.rows) > MOST_SHOWN:
        more = f"The first {MOST_SHOWN} of {len(made.rows)} are shown."
        made = Listing(
            made.title, f"{made.note} {more}".strip(), made.columns, made.rows[:MOST_SHOWN]
        )
    return shown(
        desk, visit, "list.html", current="/", title=made.title, note=made.note,
        columns=made.columns, rows=made.rows,
    )  # fmt: skip


def _mine(desk: Desk, visit: Visit) -> Listing:
    """What the coder has in hand: unfinished first, then what comes back, then what is done."""
    query = (
        select(slots, items.c.record_id, items.c.hidden)
        .join_from(slots, items, items.c.item == slots.c.item)
        .where(slots.c.coder == visit.account.name)
        # A repeat that is done would show that the record came twice.
        .where(or_(~items.c.hidden, slots.c.done_at.is_(None)))
        .order_by(slots.c.done_at.desc(), slots.c.opened_at.desc(), slots.c.item)
    )
    with desk.state.reading() as connection:
        found = connection.execute(query).all()
    records = desk.facts.records({one.record_id for one in found[:MOST_SHOWN]})
    rows = []
    for one in sorted(found, key=lambda one: one.done_at is not None and not one.reopened):
        if one.record_id in records:
            state = "to come back to" if one.skipped_at else "begun"
            if one.done_at:
                state = "opened again, not handed in" if one.reopened else "done"
            at = _day(one.done_at or one.opened_at)
            rows.append(row((records[one.record_id].title, f"/code/{one.item}"), state, at))
    note = "A record that is done can be opened again; what is handed in last counts."
    return Listing("My answers", note, ("Record", "State", "Day"), rows)


def _disputed(desk: Desk, visit: Visit) -> Listing:
    rows = [
        row(
            (d["title"], d["url"]), d["label"],
            " / ".join(f"{a['coder']}: {'; '.join(a['value'])}" for a in d["answers"]),
        )
        for d in listed(desk, desk.disputes.open_to(visit.account))
    ]  # fmt: skip
    note = "Coders differ here, and nobody has settled it."
    return Listing("Disputed", note, ("Record", "Question", "Answers"), rows)


def _drifted(desk: Desk, visit: Visit) -> Listing:
    """Each coder's months; those in which agreement moved away come first."""
    rows = [
        row(
            one["coder_id"], one["month"], f"{one['value']:.0%}",
            "" if one["rest"] is None else f"{one['rest']:.0%}", str(one["units"]),
            {True: "drifted", False: "steady", None: "too few to tell"}[one["drifted"]],
        )
        for one in sorted(drift(desk), key=lambda r: (not r["drifted"], r["coder_id"], r["month"]))
    ]  # fmt: skip
    note = "How often each coder agrees with the others, month by month, against the other months."
    columns = ("Coder", "Month", "Agrees", "Otherwise", "Records", "Verdict")
    return Listing("Drifting", note, columns, rows)


def _rejected(desk: Desk, visit: Visit) -> Listing:
    rows = [
        row(r.file, str(r.row), r.field, r.reason, r.next_step, "kept" if r.kept else "set aside")
        for _, r in reversed(_all_rejects(desk))
    ]
    columns = ("File", "Row", "Field", "Reason", "Next step", "The row is")
    return Listing("Set aside", "What could not be taken as it was, newest first.", columns, rows)


def _all_rejects(desk: Desk) -> list[Any]:
    found: list[Any] = desk.remembered("rejected", ("rejects",), desk.facts.ledger.rejects)
    return found


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


_LISTS: dict[str, Callable[[Desk, Visit], Listing]] = {
    "mine": _mine,
    "disputed": _disputed,
    "drifted": _drifted,
    "unresolved": unresolved,
    "rejected": _rejected,
    "duplicates": duplicates,
}
