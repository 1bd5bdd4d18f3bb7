"""What a model said, held against the codebook and the record: nothing is taken on trust."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from innovatory.codebook import CANNOT_TELL, Dimension
from innovatory.llm.prompt import Prompt
from innovatory.records import Evidence, Record

CONTENT_LIMIT = 100_000
"""Characters of an answer beyond which it is refused."""

QUOTE_LIMIT = 1_000
_SHORTEST_QUOTE = 2
_BY_HAND = "have a person code it"
# Some servers leave in what a model thought before it answered, or the fence it put around it.
_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*", re.DOTALL)


class Fault(NamedTuple):
    """What is wrong with an answer; `kept` where all but `field` of it is still taken."""

    field: str
    reason: str
    next_step: str
    kept: bool = False
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to one dimension; value () where the model cannot tell."""

    value: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """The answers that hold, by dimension; what is wrong with the others; who says to have served.

    `served` is the model and the fingerprint that the server names.
    """

    answers: Mapping[str, Answer]
    faults: tuple[Fault, ...]
    served: str = ""


class _Unreadable(ValueError):
    """Carries a fault out of a parser."""


def read(body: bytes, *, record: Record, prompt: Prompt) -> Read:
    """What a raw answer says about a record; whatever cannot be taken is among the faults.

    The whole is refused where it is not the JSON that was asked for, was cut off, or names
    another record. An answer is refused that the codebook does not allow. A quote that the record
    does not hold letter by letter is set aside, and the answer flagged.
    """
    outer, served = _outer(body)
    if isinstance(outer, Fault):
        return Read({}, (outer,), served)
    given = _inner(outer)
    if isinstance(given, Fault):
        return Read({}, (given,), served)
    if given.get("record") != record.id:
        reason = f"the answer names the record {excerpt(given.get('record'))!r}"
        return Read({}, (Fault("record", reason, _BY_HAND),), served)
    answers, faults = {}, []
    named = given.get("answers")
    if type(named) is not dict:
        return Read({}, (Fault("answers", "is not an object", _BY_HAND),), served)
    asked = [d.id for d in prompt.dimensions]
    extra = [*(k for k in given if k not in ("record", "answers")), *named.keys() - set(asked)]
    if extra:
        listed = excerpt(", ".join(sorted(extra)))
        faults.append(Fault("answers", "holds more than was asked for", _NOTED, True, listed))
    passages = record.passages()
    for dimension in prompt.dimensions:
        for found in _answer(named.get(dimension.id), dimension, prompt, passages):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                answers[dimension.id] = found
    return Read(answers, tuple(faults), served)


_NOTED = "nothing: it was left out"


def _outer(body: bytes) -> tuple[str | Fault, str]:
    """The text of the answer in the envelope of the interface, and who served it."""
    whole = _object(body.decode("utf-8", "replace"))
    if isinstance(whole, Fault):
        return whole, ""
    parts = [whole.get("model"), whole.get("system_fingerprint")]
    served = " ".join(excerpt(part) for part in parts if type(part) is str and part)
    try:
        choice = whole["choices"][0]
        message = choice["message"]
        text, why = message.get("content"), choice.get("finish_reason")
    except (LookupError, TypeError, AttributeError):
        reason = "is no answer of this interface"
        return Fault("", reason, "look into what serves at llm.url"), served
    if why == "length":
        return Fault("", "is cut off", "raise llm.max_tokens and run again"), served
    if why == "content_filter" or type(text) is not str or not text.strip():
        told = excerpt(message.get("refusal") or "") if type(message) is dict else ""
        return Fault("", "the model did not answer", _BY_HAND, False, told), served
    return text, served


def _inner(text: str) -> dict[str, Any] | Fault:
    """The JSON object that a model wrote, bare or in a fence of its own."""
    if len(text) > CONTENT_LIMIT:
        reason = f"is longer than {CONTENT_LIMIT:,} characters"
        return Fault("", reason, _BY_HAND, False, excerpt(text))
    if thought := _THOUGHT.match(text):
        text = text[thought.end() :]
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1]
    return _object(text)


def _object(text: str) -> dict[str, Any] | Fault:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        return Fault("", "is nested too deeply", _BY_HAND)
    except _Unreadable as error:
        return Fault("", str(error), _BY_HAND, False, excerpt(text))
    except ValueError:
        return Fault("", "is not JSON, or was cut off", _BY_HAND, False, excerpt(text))
    if type(value) is not dict:
        return Fault("", "is not a JSON object", _BY_HAND, False, excerpt(text))
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once: of two answers to a question neither can be the one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unreadable("gives a name twice")
    return found


def _no_number(name: str) -> Any:
    raise _Unreadable(f"holds {name}, which is not JSON")


def _answer(
    given: Any, dimension: Dimension, prompt: Prompt, passages: Mapping[str, str]
) -> Iterator[Answer | Fault]:
    """The answer to one dimension, if it is legal, and what is wrong with it."""
    name = dimension.id
    if type(given) is not dict:
        yield Fault(name, "is not answered", _BY_HAND, True, excerpt(given or ""))
        return
    value = given.get("value")
    chosen = [value] if type(value) is str else value
    legal = prompt.choices[name]
    if type(chosen) is not list or not chosen or not all(c in legal for c in chosen):
        reason = f"is not among the classes of {name}"
        yield Fault(name, reason, _BY_HAND, True, excerpt(value))
        return
    classes = tuple(c for c in dimension.class_ids if c in chosen)
    told = CANNOT_TELL not in dimension.class_ids and CANNOT_TELL in chosen
    if len(set(chosen)) > 1 and (not dimension.multi or told):
        yield Fault(name, "takes one answer, and has several", _BY_HAND, True, excerpt(value))
        return
    if extra := given.keys() - {"value", "evidence"}:
        listed = excerpt(", ".join(sorted(extra)))
        yield Fault(name, "holds more than was asked for", _NOTED, True, listed)
    if told:
        yield Answer(())
        return
    evidence, fault = _evidence(given.get("evidence", ""), name, passages)
    if fault:
        yield fault
    yield Answer(classes, evidence, fault is not None)


def _evidence(
    quote: Any, name: str, passages: Mapping[str, str]
) -> tuple[tuple[Evidence, ...], Fault | None]:
    """The quote where it stands in the record, letter by letter; '' is no quote."""
    if quote == "" or quote is None:
        return (), None
    if type(quote) is str and len(quote.strip()) >= _SHORTEST_QUOTE and len(quote) <= QUOTE_LIMIT:
        for field, text in passages.items():
            start = text.find(quote)
            if start >= 0:
                return (Evidence(quote, field, start, start + len(quote)),), None
    reason = "the record does not hold the words that the model quotes"
    return (), Fault(f"evidence.{name}", reason, "look at this answer first", True, excerpt(quote))


def excerpt(value: Any) -> str:
    """The beginning of a value in at most 80 printable characters.

    >>> excerpt("a\\u202eb\\ud800")
    'a·b·'
    """
    if type(value) is list:
        value = ", ".join(item if type(item) is str else "…" for item in value[:10])
    # Never the whole of what may be nested a thousand deep.
    text = value if type(value) is str else type(value).__name__
    return "".join(c if c.isprintable() else "·" for c in text[:80])
