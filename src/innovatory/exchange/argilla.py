"""Argilla 2: the settings of a dataset as JSON, records as JSON Lines, responses coming back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from innovatory.codebook import Dimension
from innovatory.errors import CodebookError, SourceError
from innovatory.exchange.assignment import (
    CONFIDENCES,
    Assignment,
    Item,
    Return,
    Sheet,
    clean,
    mapping,
)
from innovatory.records import Coding, Reject, Row
from innovatory.sources.lines import byte_lines, open_bytes
from innovatory.sources.native import decode

FILE_LIMIT = 200_000_000
"""Bytes that a file may take that is one JSON document and no JSON Lines."""

_SKIPPED = {
    "draft": ("is a draft", "submit it in Argilla, and export again"),
    "discarded": ("was discarded by the coder", "send it to another coder"),
}


def settings(assignment: Assignment) -> bytes:
    """The settings of a dataset for these questions, as JSON for `Settings.from_json`.

    A question has the name of its dimension; the words that decided are marked by a span question.
    Raises CodebookError where a name holds capitals, which Argilla does not take.
    """
    for dimension in assignment.dimensions:
        if dimension.id != dimension.id.lower():
            raise CodebookError(
                f"codebook {assignment.book.version}: Argilla takes no capitals in the name "
                f"{dimension.id!r}; rename the dimension, or use another format"
            )
    names = [{"value": d.id, "text": clean(d.title)} for d in assignment.dimensions]
    evidence = _asked("evidence", "Which words decided?", required=False, settings={
        "type": "span", "field": "text", "allow_overlapping": True, "options": names,
        "visible_options": len(names) if len(names) >= 3 else None,
    })  # fmt: skip
    confidence = _asked("confidence", "How sure are you? 1 guessed, 2 fairly, 3 sure",
        required=False,
        settings={"type": "rating", "options": [{"value": n} for n in CONFIDENCES]})  # fmt: skip
    comment = _asked("comment", "Comment", required=False,
                     settings={"type": "text", "use_markdown": False})  # fmt: skip
    told = {
        "guidelines": _guidelines(assignment),
        "questions": [*map(_question, assignment.dimensions), evidence, confidence, comment],
        "fields": [{"name": "text", "title": "Record", "required": True,
                    "settings": {"type": "text", "use_markdown": False}}],
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": True,
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


def _question(dimension: Dimension) -> dict[str, Any]:
    options = [{"value": c.id, "text": clean(c.label)} for c in dimension.classes]
    settings: dict[str, Any] = {
        "type": "multi_label_selection" if dimension.multi else "label_selection",
        "options": options,
        "visible_options": len(options) if len(options) >= 3 else None,
    }
    if dimension.multi:
        settings["options_order"] = "natural"
    described = [f"{c.id}: {c.definition}" for c in dimension.classes if c.definition]
    text = "\n".join([dimension.question, *filter(None, [dimension.notes]), *described])
    return _asked(dimension.id, dimension.title, settings=settings, description=clean(text))


def _asked(name: str, title: str, *, settings: Mapping[str, Any], required: bool = True,
           description: str | None = None) -> dict[str, Any]:  # fmt: skip
    return {"name": name, "title": clean(title), "description": description,
            "required": required, "settings": settings}  # fmt: skip


def _guidelines(assignment: Assignment) -> str:
    book = assignment.book
    lines = [f"Codebook {book.version}, draw {assignment.draw.id}.", book.unit, book.rule]
    return clean("\n\n".join(line for line in lines if line))


def write(assignment: Assignment, *, suggestions: Iterable[Coding] = ()) -> bytes:
    """The records as JSON Lines, one for `Record.from_dict` on each, with a machine's suggestions.

    What is coded twice or again goes out blind, without suggestions.
    """
    suggested = assignment.suggested(suggestions)
    multi = {d.id for d in assignment.dimensions if d.multi}
    lines = []
    for item in assignment.items.values():
        told = {
            coding.dimension: {
                "value": list(coding.value) if coding.dimension in multi else coding.value[0],
                "score": None, "agent": coding.coder,
            }
            for coding in suggested.get(item.record_id, [])
        }  # fmt: skip
        metadata = {"record": item.record_id, "draw": assignment.draw.id,
                    "codebook": assignment.book.version, "checksum": item.checksum,
                    "dimensions": [d.id for d in assignment.dimensions]}  # fmt: skip
        lines.append(
            {"id": f"{assignment.draw.id}/{item.record_id}", "fields": {"text": item.text},
             "metadata": metadata, "suggestions": told, "responses": {}, "vectors": {}}
        )  # fmt: skip
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def read(
    path: Path, assignment: Assignment, *, coders: Mapping[str, str] | None = None
) -> Iterator[Row | Reject]:
    """The codings of exported records, each user as a coder of its own.

    Takes JSON Lines and the JSON document of `Dataset.records.to_json`. `coders` says who a user
    is: the id of a user to a coder's id; who is not named becomes `argilla-` and that id. Drafts
    and discarded answers are rejects. Raises SourceError where a JSON document is too large to be
    read as one.
    """
    back = Return(assignment, path.name)
    for number, record, fault in _records(path):
        if fault:
            yield back.reject(number, "", *fault)
        else:
            yield from _read_record(back, number, record, coders or {})


def _records(path: Path) -> Iterator[tuple[int, Any, tuple[str, str] | None]]:
    with open_bytes(path) as stream:
        if not stream.peek(64).lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"["):
            for line in byte_lines(stream):
                if line.data.strip(b" \t\r\n\xef\xbb\xbf"):
                    row, _, fault = decode(line)
                    yield line.number, row, (fault.reason, fault.next_step) if fault else None
            return
        if path.stat().st_size > FILE_LIMIT:
            raise SourceError(
                f"{path.name}: is larger than {FILE_LIMIT:,} bytes; write it as JSON Lines"
            )
        try:
            records = msgspec.json.decode(stream.read().removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            yield 0, None, (f"is no JSON document ({error})", "export the records again")
            return
    for number, record in enumerate(records, 1):
        yield number, record, None


def _read_record(
    back: Return, number: int, record: Any, coders: Mapping[str, str]
) -> Iterator[Row | Reject]:
    if not isinstance(record, dict):
        yield back.reject(number, "", "is no record", "export the records again")
        return
    sent, text = mapping(record.get("metadata")), str(mapping(record.get("fields")).get("text"))
    found = back.item(number, sent, text)
    if isinstance(found, Reject):
        yield found
        return
    suggested = mapping(record.get("suggestions")).items()
    agents = {name: str(mapping(one).get("agent") or "") for name, one in suggested}
    sheets: dict[str, Sheet] = {}
    for question, answers in mapping(record.get("responses")).items():
        for answer in answers if isinstance(answers, list) else [answers]:
            user = mapping(answer).get("user_id")
            if not isinstance(user, str) or user == "None":
                yield back.reject(number, question, "is no answer of a user", "export it again")
                continue
            status = answer.get("status") or "submitted"
            if status != "submitted":
                reason, next_step = _SKIPPED.get(str(status), ("is not submitted", "submit it"))
                yield back.reject(number, question, reason, next_step, shown=found.record_id)
                continue
            coder = coders.get(user, f"argilla-{user}")
            sheet = sheets.setdefault(
                user, Sheet(number, coder, sent, text, suggestions=agents)
            )  # fmt: skip
            _read_answer(sheet, found, question, answer.get("value"))
    for sheet in sheets.values():
        yield from back.take(sheet)


def _read_answer(sheet: Sheet, item: Item, question: str, value: Any) -> None:
    """Put the answer to one question where it belongs in the sheet."""
    if question == "confidence":
        sheet.confidence = value
    elif question == "comment":
        sheet.comment = value
    elif question != "evidence":
        if value is not None:
            sheet.answers[question] = [value] if isinstance(value, str) else value
    else:
        for span in value if isinstance(value, list) else ():
            label, start, end = (mapping(span).get(name) for name in ("label", "start", "end"))
            if isinstance(label, str) and type(start) is int and type(end) is int:
                sheet.quotes[label].append(item.evidence(start, end, ""))
            else:
                sheet.faults.append(("evidence", "is no marked text", "export it again"))
