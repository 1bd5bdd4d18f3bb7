"""The lists of what waits for a person: disputes, drift, cities, rejects, duplicates, answers."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, or_, select
from starlette.responses import Response

from innovatory.records import Merge
from innovatory.review.desk import Desk
from innovatory.review.measuring import drift
from innovatory.review.offers import Duplicate
from innovatory.review.refusals import ReviewError
from innovatory.review.settling import MOST_SHOWN, listed
from innovatory.review.state import items, pairs, slots
from innovatory.review.visits import Visit, sent_to, shown

SETTLERS = ("adjudicator", "admin")
_SAME, _DISTINCT = "same", "distinct"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as its page shows it; rows are {cells: [{text, url}], actions: [...]}."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


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
    for name in ("unresolved", "duplicates"):
        if (known := desk.recalled(name)) is not None:
            found[name] = len(known)
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


def decide_pair(desk: Desk, visit: Visit) -> Response:
    """POST /lists/duplicates: two records are one, or are not, or the decision is taken back."""
    form, by = visit.form, visit.account.name
    a, b, decision = form.get("a", ""), form.get("b", ""), form.get("decision", "")
    if decision not in (_SAME, _DISTINCT, "undo"):
        raise ReviewError(422, f"{decision!r} is no decision", "use the buttons of the page")
    if a == b or len(desk.facts.records({a, b})) < 2:
        raise ReviewError(422, "two records of the ledger are needed", "load the list again")
    merged = desk.facts.merged().get(b) == a
    if decision == _SAME and not merged:
        _store(desk, Merge(b, a, "the same project, said in review", by), by)
    elif decision != _SAME and merged:
        _store(desk, Merge(b, b, "not the same project, said in review", by), by)
    with desk.state.writing() as connection:
        connection.execute(delete(pairs).where(pairs.c.a == a, pairs.c.b == b))
        if decision != "undo":
            told = {"a": a, "b": b, "decision": decision, "by": by, "at": desk.clock()}
            connection.execute(insert(pairs).values(**told))
    return sent_to("/lists/duplicates")


def _store(desk: Desk, merge: Merge, by: str) -> None:
    # A merge that is made, undone and made again is a fact each time.
    sha256 = hashlib.sha256(msgspec.json.encode(merge)).hexdigest()
    desk.facts.store([merge], coder=by, submission=uuid.uuid4().hex, sha256=sha256)


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
    records = desk.facts.records({row.record_id for row in found[:MOST_SHOWN]})
    rows = []
    for row in sorted(found, key=lambda row: row.done_at is not None and not row.reopened):
        if row.record_id in records:
            state = "to come back to" if row.skipped_at else "begun"
            if row.done_at:
                state = "opened again, not submitted" if row.reopened else "done"
            at = _day(row.done_at or row.opened_at)
            rows.append(_row((records[row.record_id].title, f"/code/{row.item}"), state, at))
    note = "A record that is done can be opened again; what is submitted last counts."
    return Listing("My answers", note, ("Record", "State", "Day"), rows)


def _disputed(desk: Desk, visit: Visit) -> Listing:
    rows = [
        _row(
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
        _row(
            row["coder_id"], row["month"], f"{row['value']:.0%}",
            "" if row["rest"] is None else f"{row['rest']:.0%}", str(row["units"]),
            {True: "drifted", False: "steady", None: "too few to tell"}[row["drifted"]],
        )
        for row in sorted(drift(desk), key=lambda r: (not r["drifted"], r["coder_id"], r["month"]))
    ]  # fmt: skip
    note = "How often each coder agrees with the others, month by month, against the other months."
    columns = ("Coder", "Month", "Agrees", "Otherwise", "Records", "Verdict")
    return Listing("Drifting", note, columns, rows)


def _unresolved(desk: Desk, visit: Visit) -> Listing:
    """Spellings that no city is found for, the most frequent first."""
    found: list[tuple[str, str, str, int]] = desk.remembered(
        "unresolved", ("records",), lambda: _no_city(desk)
    )
    rows = [_row(name, country, str(number), reason) for name, country, reason, number in found]
    note = (
        "No city is found for these spellings. Write them into [aliases] of observatory.toml, "
        "then build again."
    )
    return Listing("Cities not found", note, ("Place", "Country", "Records", "Reason"), rows)


def _no_city(desk: Desk) -> list[tuple[str, str, str, int]]:
    from innovatory.geography import Geography

    spelt = desk.facts.spellings()
    told = Geography(desk.observatory).resolve(sorted(spelt))
    found = [(*s, told[s].reason, n) for s, n in spelt.items() if not told[s].city_id]
    return sorted(found, key=lambda row: (-row[3], row[:2]))


def _rejected(desk: Desk, visit: Visit) -> Listing:
    rows = [
        _row(r.file, str(r.row), r.field, r.reason, r.next_step, "kept" if r.kept else "set aside")
        for _, r in reversed(_all_rejects(desk))
    ]
    columns = ("File", "Row", "Field", "Reason", "Next step", "The row is")
    return Listing("Set aside", "What could not be taken as it was, newest first.", columns, rows)


def _all_rejects(desk: Desk) -> list[Any]:
    found: list[Any] = desk.remembered("rejected", ("rejects",), desk.facts.ledger.rejects)
    return found


def _duplicates(desk: Desk, visit: Visit) -> Listing:
    """Pairs to be decided, the likeliest first, then those that were."""
    columns = ("Counted as", "Record", "Likely", "Because")
    if desk.offers.duplicates is None:
        return Listing("Possible duplicates", "Nobody has looked for duplicates.", columns, [])
    offered: list[Duplicate] = desk.remembered("duplicates", ("records",), desk.offers.duplicates)
    with desk.state.reading() as connection:
        decided = {(row.a, row.b): row for row in connection.execute(select(pairs))}
    merged = desk.facts.merged()
    waiting = [
        d
        for d in sorted(offered, key=lambda d: (-d.score, d.a, d.b))
        if (d.a, d.b) not in decided and merged.get(d.b) != d.a
    ]
    records = desk.facts.records(
        {i for d in waiting[:MOST_SHOWN] for i in (d.a, d.b)}
        | {i for pair in decided for i in pair}
    )
    rows = []
    for one in waiting[:MOST_SHOWN]:
        ways = (
            _way("The same", one.a, one.b, _SAME),
            _way("Not the same", one.a, one.b, _DISTINCT),
        )
        told = (_named(records, one.a), _named(records, one.b), f"{one.score:.0%}")
        rows.append(_row(*told, "; ".join(one.reasons), actions=ways))
    for (a, b), row in sorted(decided.items()):
        said = f"{'the same' if row.decision == _SAME else 'not the same'}, says {row.by}"
        undo = (_way("Undo", a, b, "undo"),)
        rows.append(_row(_named(records, a), _named(records, b), "", said, actions=undo))
    note = "Where two records tell of one project the second is counted as the first."
    return Listing("Possible duplicates", note, columns, rows)


def _way(label: str, a: str, b: str, decision: str) -> dict[str, Any]:
    return {"label": label, "url": "/lists/duplicates", "method": "post",
            "fields": {"a": a, "b": b, "decision": decision}}  # fmt: skip


def _named(records: Any, record_id: str) -> str:
    record = records.get(record_id)
    return f"{record.title} ({record_id})" if record else record_id


def _row(*cells: str | tuple[str, str], actions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    texts = [cell if isinstance(cell, tuple) else (cell, "") for cell in cells]
    return {"cells": [{"text": t, "url": u} for t, u in texts], "actions": list(actions)}


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


_LISTS: dict[str, Callable[[Desk, Visit], Listing]] = {
    "mine": _mine,
    "disputed": _disputed,
    "drifted": _drifted,
    "unresolved": _unresolved,
    "rejected": _rejected,
    "duplicates": _duplicates,
}
