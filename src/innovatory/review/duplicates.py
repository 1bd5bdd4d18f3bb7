"""Records that may be one: the list, two of them side by side, and what somebody says of them."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import delete, insert, select
from starlette.responses import Response

from innovatory.errors import ReviewError
from innovatory.records import Merge, Record
from innovatory.review.coding import record_payload
from innovatory.review.desk import Desk
from innovatory.review.listing import Listing, form, row
from innovatory.review.offers import Duplicate
from innovatory.review.settling import MOST_SHOWN
from innovatory.review.state import pairs
from innovatory.review.visits import Visit, sent_to, shown

_ADDRESS = "/lists/duplicates"
_SAME, _DISTINCT = "same", "distinct"


def duplicates(desk: Desk, visit: Visit) -> Listing:
    """Pairs to be decided, the likeliest first, then those that were."""
    columns = ("Counted as", "Record", "Likely", "Because")
    if desk.offers.duplicates is None:
        return Listing("Possible duplicates", "Nobody has looked for duplicates.", columns, [])
    offered: list[Duplicate] = desk.remembered("duplicates", ("records",), desk.offers.duplicates)
    decided = _decided(desk)
    waiting = undecided(desk, offered)[:MOST_SHOWN]
    records = desk.facts.records(
        {i for d in waiting for i in (d.a, d.b)} | {i for pair in decided for i in pair}
    )
    rows = [
        row(*_named(records, d.a, d.b), f"{d.score:.0%}", "; ".join(d.reasons),
            actions=_ways(d.a, d.b))
        for d in waiting
    ]  # fmt: skip
    for (a, b), one in sorted(decided.items()):
        said = f"{'the same' if one.decision == _SAME else 'not the same'}, says {one.by}"
        rows.append(row(*_named(records, a, b), "", said, actions=(_way("Undo", a, b, "undo"),)))
    note = "Where two records tell of one project the second is counted as the first."
    return Listing("Possible duplicates", note, columns, rows)


def undecided(desk: Desk, offered: list[Duplicate]) -> list[Duplicate]:
    """The pairs of which nobody has said anything yet, the likeliest first."""
    decided, merged = _decided(desk), desk.facts.merged()
    return [
        d
        for d in sorted(offered, key=lambda d: (-d.score, d.a, d.b))
        if (d.a, d.b) not in decided and merged.get(d.b) != d.a
    ]


def _decided(desk: Desk) -> dict[tuple[str, str], Any]:
    with desk.state.reading() as connection:
        return {(one.a, one.b): one for one in connection.execute(select(pairs))}


def pair(desk: Desk, visit: Visit) -> Response:
    """GET /lists/duplicates/{a}/{b}: both records, to be read side by side."""
    a, b = visit.path["a"], visit.path["b"]
    records = _both(desk, a, b)
    return shown(
        desk, visit, "pair.html", current="/", actions=_ways(a, b),
        records=[record_payload(records[record_id]) for record_id in (a, b)],
    )  # fmt: skip


def decide(desk: Desk, visit: Visit) -> Response:
    """POST /lists/duplicates: two records are one, or are not, or the decision is taken back."""
    given, by = visit.form, visit.account.name
    a, b, decision = given.get("a", ""), given.get("b", ""), given.get("decision", "")
    if decision not in (_SAME, _DISTINCT, "undo"):
        raise ReviewError(422, f"{decision!r} is no decision", "use the buttons of the page")
    _both(desk, a, b)
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
    return sent_to(_ADDRESS)


def _both(desk: Desk, a: str, b: str) -> dict[str, Record]:
    records = desk.facts.records({a, b})
    if a == b or len(records) < 2:
        raise ReviewError(422, "two records of the ledger are needed", "load the list again")
    return records


def _store(desk: Desk, merge: Merge, by: str) -> None:
    # A merge that is made, undone and made again is a fact each time.
    sha256 = hashlib.sha256(msgspec.json.encode(merge)).hexdigest()
    desk.facts.store([merge], coder=by, submission=uuid.uuid4().hex, sha256=sha256)


def _ways(a: str, b: str) -> tuple[dict[str, Any], ...]:
    return _way("The same", a, b, _SAME), _way("Not the same", a, b, _DISTINCT)


def _way(label: str, a: str, b: str, decision: str) -> dict[str, Any]:
    return form(label, _ADDRESS, a=a, b=b, decision=decision)


def _named(records: dict[str, Record], a: str, b: str) -> list[tuple[str, str]]:
    """The titles of both, each with the address where they are read side by side."""
    address = "/".join([_ADDRESS, *(quote(record_id, safe="") for record_id in (a, b))])
    return [(records[i].title, address) if i in records else (i, "") for i in (a, b)]
