"""The addresses of coding: the next item, an item as JSON, answers, undo, skip, submit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from starlette.background import BackgroundTask
from starlette.responses import Response

from innovatory.codebook import Dimension
from innovatory.errors import ReviewError
from innovatory.records import Evidence, Record
from innovatory.review.answers import Answer, Sheet, check_quotes
from innovatory.review.desk import Desk
from innovatory.review.measuring import sureness
from innovatory.review.offers import Suggestion
from innovatory.review.visits import Visit, decoded, sent_to, shown, storable, told

LONGEST_COMMENT, MOST_EVIDENCE = 5_000, 50
_LABELS = {
    "title": "Title", "local_name": "Local name", "description": "Description", "lead": "Led by",
    "citizens": "Citizens", "district": "District", "keywords": "Keywords",
    "funding.note": "Funding",
}  # fmt: skip


class _Quote(msgspec.Struct, forbid_unknown_fields=True):
    field: str
    start: int
    end: int
    quote: str


class _Given(msgspec.Struct, forbid_unknown_fields=True):
    item: str
    dimension: str
    value: list[str]
    confidence: Annotated[int, msgspec.Meta(ge=1, le=3)] | None = None
    comment: Annotated[str, msgspec.Meta(max_length=LONGEST_COMMENT)] = ""
    evidence: Annotated[list[_Quote], msgspec.Meta(max_length=MOST_EVIDENCE)] = []
    seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] | None = None


class _Which(msgspec.Struct, forbid_unknown_fields=True):
    item: str


def next_item(desk: Desk, visit: Visit) -> Response:
    """GET /code: on to the next item, or the page that says that there is none."""
    item = desk.items.next(visit.account.name)
    return sent_to(f"/code/{item}" if item else "/done")


def done(desk: Desk, visit: Visit) -> Response:
    """GET /done: nothing waits for this coder."""
    return shown(
        desk, visit, "done.html", current="/code", sure=sureness(desk),
        progress=desk.standings.standings(visit.account.name, hidden=False),
    )  # fmt: skip


def code(desk: Desk, visit: Visit) -> Response:
    """GET /code/{item}: the page in which the script shows the item."""
    desk.items.open(visit.path["item"], visit.account.name)
    return shown(desk, visit, "code.html", current="/code", sure=sureness(desk))


def item(desk: Desk, visit: Visit) -> Response:
    """GET /api/item/{item}: all about an item."""
    later = BackgroundTask(desk.prepare, visit.account.name)
    return told(_payload(desk, visit, visit.path["item"]), later=later)


def answer(desk: Desk, visit: Visit) -> Response:
    """POST /api/answer: one answer, on disk before this is acknowledged."""
    given = decoded(visit, _Given)
    coder = visit.account.name
    quotes = tuple(Evidence(q.quote, q.field, q.start, q.end) for q in given.evidence)
    made = Answer(
        given.dimension, tuple(given.value), given.confidence, storable(given.comment), quotes,
        given.seconds,
    )  # fmt: skip
    if quotes:
        held = desk.items.find(given.item, coder)
        check_quotes(made, _record(desk, held.record_id).passages())
    kept = desk.answers.save(given.item, coder, made)
    return told(
        {"saved": True, "answer": _answer(kept), "can_undo": True,
         "position": asdict(desk.standings.position(coder))}
    )  # fmt: skip


def undo(desk: Desk, visit: Visit) -> Response:
    """POST /api/undo: the last answer is taken back; all about the item again."""
    which = decoded(visit, _Which).item
    desk.answers.undo(which, visit.account.name)
    return told(_payload(desk, visit, which))


def skip(desk: Desk, visit: Visit) -> Response:
    """POST /api/skip: the item goes to the end of this coder's queue."""
    desk.items.skip(decoded(visit, _Which).item, visit.account.name)
    return _next(desk, visit)


def submit(desk: Desk, visit: Visit) -> Response:
    """POST /api/submit: the answers go to the ledger."""
    desk.answers.submit(decoded(visit, _Which).item, visit.account.name)
    return _next(desk, visit)


def record_payload(record: Record) -> dict[str, Any]:
    """A record as the pages show it; links lead to web pages and nowhere else."""
    return {
        "id": record.id,
        "title": record.title,
        "kind": record.kind,
        "language": record.language,
        "places": [", ".join(filter(None, (p.name, p.country))) for p in record.places],
        "fields": [
            {"name": name, "label": _label(name, record), "text": text}
            for name, text in record.passages().items()
        ],
        "links": [
            {"url": link.url, "title": link.title}
            for link in record.links
            if link.url.lower().startswith(("https://", "http://"))
        ],
    }


def question_payload(question: Dimension) -> dict[str, Any]:
    """A question of the codebook with its classes."""
    return {
        "dimension": question.id,
        "title": question.title,
        "question": question.question,
        "notes": question.notes,
        "multi": question.multi,
        "classes": [
            {"id": c.id, "label": c.label, "definition": c.definition} for c in question.classes
        ],
    }


def evidence_payload(evidence: tuple[Evidence, ...]) -> list[dict[str, Any]]:
    """Quotes with their places."""
    return [{"field": e.field, "start": e.start, "end": e.end, "quote": e.quote} for e in evidence]


def _next(desk: Desk, visit: Visit) -> Response:
    found = desk.items.next(visit.account.name)
    return told({"next": f"/code/{found}" if found else "/done"})


def _payload(desk: Desk, visit: Visit, which: str) -> dict[str, Any]:
    coder = visit.account.name
    held = desk.items.open(which, coder)
    record = _record(desk, held.record_id)
    sheet = desk.answers.sheet(held, coder)
    offered = {} if held.blind else desk.suggestions(record.id)
    questions = desk.answers.questions(held)
    seen = {q.id: offered[q.id].by for q in questions if q.id in offered}
    if seen.keys() - held.shown.keys():
        desk.items.note_shown(which, coder, seen)
    return {
        "item": which,
        "draw": desk.items.shown_as(held),
        "record": record_payload(record),
        "blind": held.blind,
        "done": held.done and not held.reopened,
        "position": asdict(desk.standings.position(coder)),
        "can_undo": sheet.can_undo,
        "questions": [_question(q, sheet, offered.get(q.id)) for q in questions],
    }


def _question(question: Dimension, sheet: Sheet, offered: Suggestion | None) -> dict[str, Any]:
    given = sheet.answers.get(question.id)
    told: dict[str, Any] = {"answer": _answer(given) if given else None, "suggestion": None}
    if offered:
        names = ("field", "start", "end", "weight")
        told["suggestion"] = {
            "value": offered.value, "probability": offered.probability, "by": offered.by,
            "passages": [dict(zip(names, passage, strict=True)) for passage in offered.passages],
        }  # fmt: skip
    return question_payload(question) | told


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "value": answer.value, "confidence": answer.confidence, "comment": answer.comment,
        "evidence": evidence_payload(answer.evidence),
    }  # fmt: skip


def _record(desk: Desk, record_id: str) -> Record:
    record = desk.facts.record(record_id)
    if record is None:
        raise ReviewError(
            404, f"the ledger holds no record {record_id!r}", "skip it, and tell an admin"
        )
    return record


def _label(name: str, record: Record) -> str:
    """What a passage is called; numbered ones by what their event or organisation is.

    >>> from innovatory.records import Event
    >>> _label("events.0.note", Record("a", "project", "A", events=(Event("2019", "pilot"),)))
    'Pilot, 2019'
    """
    if name in _LABELS:
        return _LABELS[name]
    group, number, _ = name.split(".")
    if group == "events":
        event = record.events[int(number)]
        return f"{event.stage.capitalize()}, {event.when}"
    return record.organisations[int(number)].role.replace("_", " ").capitalize()
