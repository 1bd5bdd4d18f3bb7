"""The addresses of adjudication: what is disputed, one dispute as JSON, a decision."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from innovatory.errors import ReviewError
from innovatory.records import Coding
from innovatory.review.accounts import Account
from innovatory.review.coding import evidence_payload, question_payload, record_payload
from innovatory.review.desk import Desk
from innovatory.review.disputes import Dispute, may_settle
from innovatory.review.splitting import splitting
from innovatory.review.visits import Visit, decoded, shown, storable, told

LONGEST_REASON, MOST_SHOWN = 5_000, 500
_CERTAIN = (1, 2, 3)


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    record: str
    dimension: str
    value: list[str]
    reason: Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)]


def address(dispute: Dispute) -> str:
    """Where a dispute is settled.

    >>> address(Dispute("tram", "sector / a", ()))
    '/adjudicate/tram/sector%20%2F%20a'
    """
    return f"/adjudicate/{quote(dispute.record_id, safe='')}/{quote(dispute.dimension, safe='')}"


def disputes(desk: Desk, visit: Visit) -> Response:
    """GET /adjudicate: what this account may settle."""
    return shown(
        desk, visit, "adjudicate.html", current="/adjudicate",
        disputes=listed(desk, desk.disputes.open_to(visit.account)),
    )  # fmt: skip


def listed(desk: Desk, found: list[Dispute]) -> list[dict[str, Any]]:
    """Disputes as a list shows them, the first 500."""
    found = found[:MOST_SHOWN]
    records = desk.facts.records({d.record_id for d in found})
    rows = []
    for one in found:
        question = desk.disputes.question(one.dimension)
        names = {c.id: c.label for c in question.classes}
        rows.append(
            {"record": one.record_id, "title": records[one.record_id].title,
             "dimension": one.dimension, "label": question.title, "url": address(one),
             "answers": [{"coder": s.coder, "value": [names[v] for v in s.value]}
                         for s in one.sides]}
        )  # fmt: skip
    return rows


def page(desk: Desk, visit: Visit) -> Response:
    """GET /adjudicate/{record}/{dimension}: the page in which the script shows the dispute."""
    desk.disputes.find(visit.path["record"], visit.path["dimension"])
    return shown(desk, visit, "dispute.html", current="/adjudicate")


def dispute(desk: Desk, visit: Visit) -> Response:
    """GET /api/dispute/{record}/{dimension}: both sides, and the words that split them."""
    found = desk.disputes.find(visit.path["record"], visit.path["dimension"])
    if not may_settle(visit.account, found):
        raise ReviewError(
            403, "you are one of the coders who differ", "leave this one to somebody else"
        )
    question = desk.disputes.question(found.dimension)
    words = [e.quote for s in found.sides for e in s.evidence] + [s.comment for s in found.sides]
    split = splitting(question, [side.value for side in found.sides], words=words)
    record = desk.facts.record(found.record_id)
    assert record is not None, "codings are of records that the ledger holds"
    settled = found.settled
    return told(
        {"record": record_payload(record), "question": question_payload(question),
         "sides": [_side(side) for side in found.sides],
         "splitting": [{"class": s.class_, "sentence": s.sentence, "marks": s.marks}
                       for s in split],
         "settled": asdict(settled) if settled else None,
         "next": _after(desk, visit.account, found)}
    )  # fmt: skip


def settle(desk: Desk, visit: Visit) -> Response:
    """POST /api/adjudicate: the decision goes to the ledger."""
    given = decoded(visit, _Decision)
    found = desk.disputes.find(given.record, given.dimension)
    after = _after(desk, visit.account, found)
    desk.disputes.settle(
        visit.account, given.record, dimension=given.dimension, value=tuple(given.value),
        reason=storable(given.reason),
    )  # fmt: skip
    return told({"next": after})


def _after(desk: Desk, account: Account, dispute: Dispute) -> str:
    """Where to go on: the next of the list, from its beginning again after the last."""
    waiting = [d for d in desk.disputes.open_to(account) if d.key != dispute.key]
    order = list(desk.facts.dimensions)
    here = (dispute.record_id, order.index(dispute.dimension))
    later = [d for d in waiting if (d.record_id, order.index(d.dimension)) > here]
    return address((later or waiting)[0]) if waiting else "/adjudicate"


def _side(side: Coding) -> dict[str, Any]:
    # Coders elsewhere may have used another scale, which the words of the page do not fit.
    certain = side.confidence if side.confidence in _CERTAIN else None
    return {"coder": side.coder, "value": side.value, "confidence": certain,
            "comment": side.comment, "evidence": evidence_payload(side.evidence)}  # fmt: skip
