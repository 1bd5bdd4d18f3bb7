"""By what a fact is recognised: the SHA-256 of its canonical JSON.

The canonical JSON of a fact is `records.canonical` of it as UTF-8 text with sorted keys and no
spaces, floats as Python's `repr` writes them. The general way to write it costs more than the
database does, so the plan of each class is made once and the text is written by msgspec.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

import msgspec

from innovatory.records import Coding

_PLANS: dict[type, tuple[list[tuple[str, Any]], Callable[[Any], tuple[Any, ...]]]] = {}
_EMPTY = ((), "", None)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode = msgspec.json.Encoder().encode


def canonical_json(fact: Any) -> bytes:
    """The canonical JSON of a dataclass, equal for equal content on every machine.

    Raises UnicodeError where a text holds what no ledger can keep: a NUL character or half a
    character (a lone surrogate).

    >>> from innovatory.records import Place
    >>> canonical_json(Place("Wien", "AT"))
    b'{"country":"AT","name":"Wien"}'
    """
    data = _encode(_plain(fact))
    if b"\\u0000" in data and _NUL.search(data):
        raise UnicodeError("a text holds a NUL character")
    return data


def fingerprint(fact: Any) -> str:
    """The SHA-256 of the canonical JSON of a dataclass, in hexadecimal.

    >>> from innovatory.records import Place
    >>> fingerprint(Place("Wien"))[:8] == hashlib.sha256(b'{"name":"Wien"}').hexdigest()[:8]
    True
    """
    return hashlib.sha256(canonical_json(fact)).hexdigest()


def _plain(value: Any) -> Any:
    """The value as dictionaries and lists in canonical order, fields at their default left out."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return msgspec.Raw(repr(value).encode())
    if kind is tuple:
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if kind is Coding:
        return _plain_coding(value)
    plan = _PLANS.get(kind)
    if plan is None:
        if not is_dataclass(kind):
            return value
        names = sorted((field.name, field.default) for field in fields(kind))
        plan = _PLANS[kind] = (names, attrgetter(*(name for name, _ in names)))
    kept: dict[str, Any] = {}
    for (name, default), item in zip(plan[0], plan[1](value), strict=True):
        if item == default or (not item and item in _EMPTY):
            continue
        data = item if type(item) is str else _plain(item)
        if data != {}:
            kept[name] = data
    return kept


def _plain_coding(coding: Coding) -> dict[str, Any]:
    """What the general way gives for a coding; written out, as no other fact is so numerous."""
    kept: dict[str, Any] = {}
    if coding.codebook:
        kept["codebook"] = coding.codebook
    if coding.coded_at:
        kept["coded_at"] = coding.coded_at
    if coding.coder:
        kept["coder"] = coding.coder
    if coding.comment:
        kept["comment"] = coding.comment
    if coding.confidence is not None:
        kept["confidence"] = coding.confidence
    if coding.dimension:
        kept["dimension"] = coding.dimension
    if coding.draw:
        kept["draw"] = coding.draw
    if coding.evidence:
        # Most coders give the words alone.
        kept["evidence"] = [
            {"quote": e.quote} if e.quote and not (e.field or e.start or e.end) else _plain(e)
            for e in coding.evidence
        ]
    if coding.record_id:
        kept["record_id"] = coding.record_id
    if coding.seconds is not None:
        kept["seconds"] = _plain(coding.seconds)
    if coding.suggestion:
        kept["suggestion"] = coding.suggestion
    if coding.value:
        kept["value"] = coding.value
    return kept
