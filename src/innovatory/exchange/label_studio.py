"""Label Studio: tasks as JSON, the labelling configuration as XML, annotations coming back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec

from innovatory.codebook import Dimension
from innovatory.errors import SourceError
from innovatory.exchange.assignment import (
    CONFIDENCES,
    Assignment,
    Item,
    Return,
    Sheet,
    clean,
    mapping,
)
from innovatory.records import Coding, Evidence, Reject, Row

FILE_LIMIT = 200_000_000
"""Bytes that an export may take: it is one JSON document, which is read as a whole."""

LONGEST = 86_400
"""Seconds beyond which the time that an annotation took is not believed."""


def labelling_config(assignment: Assignment) -> str:
    """The labelling configuration of a project for these questions, as XML.

    A question is a group of choices whose values are the classes; words that decided it are marked
    with its name. A `$` of the codebook is kept from being read as a field of the task.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Style").text = ".htx-text { white-space: pre-wrap; }"
    evidence = ElementTree.SubElement(view, "Labels", name="evidence", toName="text")
    for dimension in assignment.dimensions:
        ElementTree.SubElement(evidence, "Label", value=dimension.id)
    ElementTree.SubElement(
        view, "Text", name="text", value="$text", valueType="text", granularity="symbol"
    )
    for dimension in assignment.dimensions:
        _question(view, dimension)
    _header(view, "How sure are you? 1 guessed, 2 fairly, 3 sure")
    ElementTree.SubElement(
        view, "Rating", name="confidence", toName="text", maxRating=str(CONFIDENCES[-1])
    )
    _header(view, "Comment")
    ElementTree.SubElement(view, "TextArea", name="comment", toName="text", maxSubmissions="1")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _question(view: ElementTree.Element, dimension: Dimension) -> None:
    _header(view, f"{dimension.title}. {dimension.question}")
    if dimension.notes:
        _header(view, dimension.notes, size="6")
    choices = ElementTree.SubElement(
        view, "Choices", name=dimension.id, toName="text",
        choice="multiple" if dimension.multi else "single",
    )  # fmt: skip
    for item in dimension.classes:
        hint = _fixed(f"{item.label}: {item.definition}" if item.definition else item.label)
        ElementTree.SubElement(choices, "Choice", value=item.id, hint=hint)
    panel = ElementTree.SubElement(
        ElementTree.SubElement(view, "Collapse"), "Panel", value="What the classes mean"
    )
    for item in dimension.classes:
        _header(panel, f"{item.id} ({item.label}): {item.definition}", size="6")


def _header(parent: ElementTree.Element, text: str, *, size: str = "4") -> None:
    ElementTree.SubElement(parent, "Header", value=_fixed(text), size=size)


def _fixed(text: str) -> str:
    """A text in which no name of a field of the task can be read."""
    return clean(text).replace("$", "$\u200b")


def write(assignment: Assignment, *, suggestions: Iterable[Coding] = ()) -> bytes:
    """The tasks as a JSON document to import, with a machine's suggestions as predictions.

    What is coded twice or again goes out blind, without suggestions.
    """
    suggested = assignment.suggested(suggestions)
    tasks = [_task(assignment, item, suggested.get(item.record_id, []))
             for item in assignment.items.values()]  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(tasks), indent=1) + b"\n"


def _task(assignment: Assignment, item: Item, suggested: list[Coding]) -> dict[str, Any]:
    meta = {"record": item.record_id, "draw": assignment.draw.id,
            "codebook": assignment.book.version, "checksum": item.checksum,
            "dimensions": [d.id for d in assignment.dimensions],
            "suggestions": {coding.dimension: coding.coder for coding in suggested}}  # fmt: skip
    by_agent: dict[str, list[Coding]] = {}
    for coding in suggested:
        by_agent.setdefault(coding.coder, []).append(coding)
    predictions = [
        {"model_version": agent, "result": [
            {"id": f"{item.checksum}-{coding.dimension}"[:100], "from_name": coding.dimension,
             "to_name": "text", "type": "choices", "value": {"choices": list(coding.value)}}
            for coding in codings
        ]}
        for agent, codings in by_agent.items()
    ]  # fmt: skip
    return {"data": {"text": item.text}, "meta": meta, "predictions": predictions}


def read(
    path: Path, assignment: Assignment, *, coders: Mapping[str, str] | None = None
) -> Iterator[Row | Reject]:
    """The codings of an export in the format JSON, each annotator as a coder of its own.

    `coders` says who an annotator is: an id or e-mail address of Label Studio to a coder's id. Who
    is not named becomes `label-studio-N` by the number of the user. A skipped task is a reject; the
    time that an annotation took is shared among its answers. Raises SourceError where the file is
    too large to be read as one document.
    """
    back = Return(assignment, path.name)
    if path.stat().st_size > FILE_LIMIT:
        raise SourceError(
            f"{path.name}: is larger than {FILE_LIMIT:,} bytes; export fewer tasks at a time"
        )
    try:
        tasks = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        yield back.reject(0, "", f"is no JSON document ({error})", "export the project as JSON")
        return
    if not isinstance(tasks, list):
        yield back.reject(0, "", "is no list of tasks", "export the project as JSON, not JSON-MIN")
        return
    for number, task in enumerate(tasks, 1):
        yield from _read_task(back, number, task, coders or {})


def _read_task(
    back: Return, number: int, task: Any, coders: Mapping[str, str]
) -> Iterator[Row | Reject]:
    annotations = task.get("annotations") if isinstance(task, dict) else None
    if not isinstance(task, dict) or not isinstance(annotations, list | None):
        yield back.reject(number, "", "is no task", "export the project as JSON, not JSON-MIN")
        return
    sent, text = mapping(task.get("meta")), str(mapping(task.get("data")).get("text"))
    found = back.item(number, sent, text)
    if isinstance(found, Reject):
        yield found
        return
    for annotation in annotations or ():
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            yield back.reject(number, "annotations", "is no annotation", "export the project again")
            continue
        coder = _coder(annotation.get("completed_by"), coders)
        if annotation.get("was_cancelled"):
            yield back.reject(number, "record", f"{coder or 'a coder'} skipped this task",
                              "send it to another coder", shown=found.record_id)  # fmt: skip
            continue
        sheet = Sheet(number, coder, sent, text)
        sheet.coded_at = _when(annotation.get("updated_at") or annotation.get("created_at"))
        lead_time = annotation.get("lead_time")
        if isinstance(lead_time, int | float) and 0 <= lead_time < LONGEST:
            sheet.seconds = float(lead_time)
        shown = mapping(sent.get("suggestions"))
        sheet.suggestions = {name: agent for name, agent in shown.items() if isinstance(agent, str)}
        for result in annotation["result"]:
            _read_result(sheet, found, result)
        yield from back.take(sheet)


def _read_result(sheet: Sheet, item: Item, result: Any) -> None:
    """Put one result of an annotation where it belongs in the sheet."""
    value, name = mapping(mapping(result).get("value")), mapping(result).get("from_name")
    if not value or not isinstance(name, str):
        sheet.faults.append(("result", "is no result of a question", "export the project again"))
    elif name == "evidence":
        for label in _names(value.get("labels")):
            sheet.quotes[label].append(_evidence(item, value))
    elif name == "confidence":
        sheet.confidence = value.get("rating")
    elif name == "comment":
        sheet.comment = "\n".join(_names(value.get("text")))
    else:
        # Two results of one question are two answers to it, and judged as such.
        sheet.answers[name] = [*sheet.answers.get(name, ()), *_names(value.get("choices"))]


def _names(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []


def _evidence(item: Item, value: Mapping[str, Any]) -> Evidence:
    quote = "".join(_names(value.get("text")))
    start, end = value.get("start"), value.get("end")
    if type(start) is int and type(end) is int:
        return item.evidence(start, end, quote)
    return item.quoted(quote)


def _coder(completed_by: Any, coders: Mapping[str, str]) -> str:
    """The coder's id of an annotator, or '' where it cannot be told: an address is no id."""
    told = completed_by if isinstance(completed_by, dict) else {"id": completed_by}
    for key in ("email", "id"):
        if isinstance(told.get(key), str | int) and str(told[key]) in coders:
            return coders[str(told[key])]
    return f"label-studio-{told['id']}" if type(told.get("id")) is int else ""


def _when(text: Any) -> str:
    """A time as the ledger writes it; '' where there is none that can be read."""
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (TypeError, ValueError, OverflowError):
        return ""
