"""Finding the words a coder quotes in the record they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from innovatory.records import Evidence


def located(evidence: Evidence, passages: Mapping[str, str]) -> Evidence:
    """The evidence with the field and the slice at which its quote stands, in the record's words.

    A place that the coder gave is kept where the quote does stand there. Otherwise the passages
    are searched in their order, first for the exact words, then without regard to case and to
    the kind and number of spaces. Field '' says that the quote was not found.

    >>> located(Evidence("a  BUS"), {"title": "Take a bus"})
    Evidence(quote='a bus', field='title', start=5, end=10)
    >>> located(Evidence("a tram"), {"title": "Take a bus"})
    Evidence(quote='a tram', field='', start=0, end=0)
    """
    quote = evidence.quote
    if not quote.strip():
        return Evidence(quote)
    if evidence.field:
        text = passages.get(evidence.field, "")
        if 0 <= evidence.start < evidence.end and text[evidence.start : evidence.end] == quote:
            return evidence
    for name, text in passages.items():
        start = text.find(quote)
        if start >= 0:
            return Evidence(quote, name, start, start + len(quote))
    plain = _plain(quote)
    pattern = None
    for name, text in passages.items():
        if plain in _plain(text):
            pattern = pattern or re.compile(
                r"\s+".join(re.escape(word) for word in quote.split()), re.IGNORECASE
            )
            if match := pattern.search(text):
                return Evidence(match.group(), name, match.start(), match.end())
    return Evidence(quote)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
