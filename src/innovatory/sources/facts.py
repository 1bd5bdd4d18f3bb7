"""Rows of native JSON Lines that are not records: codings and what is said later about records."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from innovatory.records import (
    STAGES,
    Adjudication,
    Coder,
    Coding,
    Correction,
    Draw,
    Event,
    Evidence,
    Fact,
    Merge,
    StageEvent,
    valid_id,
    valid_when,
)
from innovatory.sources.reader import FIELD_LIMIT, Fault, Names, excerpt

_NOT_DIMENSIONS = frozenset(
    {"fact", "coder", "id", "confidence", "evidence", "comment", "draw", "codebook"}
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_PATH = re.compile(r"`\$\.([\w.\[\]]+)`|required field `(\w+)`")

FACTS: dict[str, type[Any]] = {
    "coding": Coding,
    "coder": Coder,
    "draw": Draw,
    "adjudication": Adjudication,
    "event": StageEvent,
    "correction": Correction,
    "merge": Merge,
}
"""The values of the key `fact` (besides `record`) and what they become."""

_FIELDS = {
    kind: frozenset(field.name for field in dataclasses.fields(kind))
    for kind in (*FACTS.values(), Event)
}


def oversized(value: Any) -> bool:
    """Whether any text inside a JSON value is too long or holds a NUL character.

    >>> oversized({"a": ["b\\0"]}), oversized({"a": "b"})
    (True, False)
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is str:
            if len(item) > FIELD_LIMIT or "\0" in item:
                return True
        elif type(item) is dict:
            waiting.extend(item)
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)
    return False


def codings_from(row: dict[str, Any], names: Names) -> tuple[list[Coding], list[Fault]]:
    """One coding per dimension of a line that holds a coder's answers on all of them.

    >>> found, wrong = codings_from({"coder": "c", "id": "a", "sector": "transport"}, Names("", {}))
    >>> found[0].dimension, found[0].value, wrong
    ('sector', ('transport',), [])
    """
    head, found = _head(row, names)
    if head is None:
        return [], found
    record_id, coder, confidence, comment, draw, codebook = head
    evidence = row.get("evidence") or {}
    if type(evidence) is not dict:
        found.append(Fault("evidence", "is not an object", "write {dimension: quote}"))
        evidence = {}
    codings = []
    for dimension, answer in row.items():
        if answer is None or dimension in _NOT_DIMENSIONS:
            continue
        quote = evidence.get(dimension)
        value = (answer,) if type(answer) is str else _classes(answer)
        if not value or not answer or not _NAME.fullmatch(dimension):
            reason = "is not an answer to a dimension"
            found.append(
                Fault(excerpt(dimension), reason, "write a class or a list of classes", False)
            )
            continue
        words: tuple[Evidence, ...] = ()
        if type(quote) is str:
            words = (Evidence(quote),) if quote else ()
        elif quote:
            words = _quotes(quote, f"evidence.{dimension}", found)
        codings.append(
            Coding(record_id, dimension, coder, value, confidence, words, comment, draw, codebook)
        )
    for dimension, quote in evidence.items():
        if quote and row.get(dimension) is None:
            field = f"evidence.{excerpt(dimension)}"
            found.append(Fault(field, "the dimension has no answer", "answer it", False))
    if not codings:
        found.append(Fault("", "the line has no answer", "answer at least one dimension", True))
    return codings, found


def _head(
    row: dict[str, Any], names: Names
) -> tuple[tuple[str, str, int | None, str, str, str] | None, list[Fault]]:
    """Whom and what a line of answers is about: the keys that are no dimensions."""
    found: list[Fault] = []
    record, coder, confidence = row.get("id"), row.get("coder"), row.get("confidence")
    if type(record) is int:
        record = str(record)
    if type(record) is not str or not record or not valid_id(names.prefix + record):
        found.append(Fault("id", "is not a record's id", "use that of the record", True))
    if type(coder) is not str or not valid_id(coder := names.coder(coder)):
        found.append(Fault("coder", "is not a coder's id", "use a-z, 0-9, '-', '_' or '.'", True))
    if confidence is not None and type(confidence) is not int:
        reason = "is not a whole number"
        found.append(Fault("confidence", reason, "write 1, 2 or 3", False, excerpt(confidence)))
        confidence = None
    texts = []
    for key in ("comment", "draw", "codebook"):
        value = row.get(key, "") or ""
        if type(value) is not str:
            found.append(Fault(key, "is not text", "write it in quotes", False, excerpt(value)))
            value = ""
        texts.append(value)
    if any(fault.fatal for fault in found):
        return None, found
    comment, draw, codebook = texts
    codebook = codebook or names.codebook
    return (f"{names.prefix}{record}", str(coder), confidence, comment, draw, codebook), found


def _classes(answer: Any) -> tuple[str, ...]:
    if type(answer) is list and all(type(item) is str and item for item in answer):
        return tuple(answer)
    return ()


def _quotes(quotes: Any, field: str, found: list[Fault]) -> tuple[Evidence, ...]:
    if type(quotes) is list and all(type(quote) is str for quote in quotes):
        return tuple(Evidence(quote) for quote in quotes if quote)
    found.append(Fault(field, "is not a quote", "write text or a list of texts", False))
    return ()


def fact_from(row: dict[str, Any], names: Names) -> tuple[Fact | None, list[Fault]]:
    """The fact that a row with the key `fact` states, or None; and what is wrong with the row.

    >>> fact_from({"fact": "merge", "record": "a", "into": "b"}, Names("x-", {}))
    (Merge(record_id='x-a', into='x-b', reason='', by=''), [])
    """
    kind = FACTS[row["fact"]]
    fields = {key: value for key, value in row.items() if key != "fact" and value is not None}
    if "record" in fields:
        fields["record_id"] = fields.pop("record")
    if type(fields.get("value")) is str and kind in (Coding, Adjudication):
        fields["value"] = [fields["value"]]
    if kind is Coding and "evidence" in fields:
        fields["evidence"] = _evidence(fields["evidence"])
    known = _FIELDS[kind]
    if kind is StageEvent:
        known = known | _FIELDS[Event] | {"year"}
        year = fields.pop("year", None)
        when = str(year) if type(year) is int else year
        event = {key: fields.pop(key) for key in _FIELDS[Event] & fields.keys()}
        fields["event"] = event if year is None else {"when": when} | event
    found = [
        Fault(excerpt(key), "is not a field that is known", "see docs/formats.md")
        for key in sorted(fields.keys() - known)
    ]
    try:
        fact = msgspec.convert(fields, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        match = _PATH.search(str(error))
        field = next((part for part in match.groups() if part), "") if match else ""
        found.append(Fault(field.replace("record_id", "record"), str(error), "correct it", True))
        return None, found
    fact = _named(fact, names)
    found += _faults(fact)
    return (None if any(fault.fatal for fault in found) else fact), found


def _evidence(value: Any) -> Any:
    """Evidence as a list of objects, whether one quote, quotes or located quotes were given."""
    quotes = value if type(value) is list else [value]
    return [{"quote": quote} if type(quote) is str else quote for quote in quotes]


def _named(fact: Any, names: Names) -> Any:
    """A fact with its record and coder ids as the ledger knows them."""
    changes: dict[str, Any] = {}
    for field in ("record_id", "into"):
        if value := getattr(fact, field, ""):
            changes[field] = names.prefix + value
    for field in ("coder", "adjudicator"):
        if value := getattr(fact, field, ""):
            changes[field] = names.coder(value)
    if isinstance(fact, Coding | Adjudication) and not fact.codebook:
        changes["codebook"] = names.codebook
    if isinstance(fact, Coder):
        changes["id"] = names.coder(fact.id)
    if isinstance(fact, Draw):
        for field in ("members", "frame"):
            changes[field] = {names.prefix + key: p for key, p in getattr(fact, field).items()}
        changes["second"] = tuple(names.prefix + key for key in fact.second)
    return dataclasses.replace(fact, **changes) if changes else fact


def _faults(fact: Any) -> list[Fault]:
    found = []
    ids = {
        "record": getattr(fact, "record_id", None),
        "into": getattr(fact, "into", None),
        "coder": getattr(fact, "coder", None),
        "adjudicator": getattr(fact, "adjudicator", None),
        "id": getattr(fact, "id", None),
    }
    for field in ("members", "frame"):
        ids |= {f"{field}.{excerpt(key)}": key for key in getattr(fact, field, ())}
    for field, value in ids.items():
        if value is not None and not valid_id(value):
            found.append(Fault(field, f"{excerpt(value)!r} cannot be an id", "correct it", True))
    if isinstance(fact, Coding | Adjudication):
        if not fact.value or not all(fact.value):
            found.append(Fault("value", "is empty", "name a class of the dimension", True))
        if not _NAME.fullmatch(fact.dimension):
            found.append(Fault("dimension", "is not a dimension", "see the codebook", True))
    if isinstance(fact, StageEvent):
        if fact.event.stage not in STAGES:
            found.append(Fault("stage", f"is not one of {', '.join(STAGES)}", "use one", True))
        if not valid_when(fact.event.when):
            found.append(Fault("when", "is not a date", "write YYYY, YYYY-MM or YYYY-MM-DD", True))
    if isinstance(fact, Draw) and not all(0 < p <= 1 for p in fact.members.values()):
        found.append(Fault("members", "is not a probability", "write 0 < p <= 1", True))
    return found


def about(row: Mapping[str, Any]) -> str:
    """Which kind of row this is: its key `fact`, else `answers` where a coder is named.

    >>> about({"coder": "c", "id": "a"}), about({"id": "a"}), about({"fact": "merge"})
    ('answers', 'record', 'merge')
    """
    fact = row.get("fact")
    if fact is None:
        return "answers" if "coder" in row else "record"
    return fact if type(fact) is str else ""
