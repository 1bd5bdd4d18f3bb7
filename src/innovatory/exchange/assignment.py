"""What goes out to coders, and the judgement of what comes back, whatever the format."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from innovatory.codebook import Codebook, Dimension
from innovatory.errors import CodebookError
from innovatory.records import Coding, Draw, Evidence, Record, Reject, Row, valid_id
from innovatory.sources.reader import excerpt

RESERVED = frozenset({"record", "draw", "codebook", "checksum", "text", "evidence", "confidence",
                      "comment"})  # fmt: skip
CONFIDENCES = (1, 2, 3)
QUOTE_LIMIT = 5_000
# Beyond U+FFFF a character counts as one here and as two in a browser, so it goes out as one mark.
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")


def clean(text: str) -> str:
    """A text of the same length without characters that a format cannot hold or counts otherwise.

    >>> clean("a\\r\\nb\\x00")
    'a \\nb�'
    """
    return _UNSHOWN.sub("\ufffd", text.replace("\r\n", " \n").replace("\r", "\n"))


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one.

    >>> mapping({"a": 1}), mapping([1])
    ({'a': 1}, {})
    """
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Item:
    """A record as coders see it: its passages in one text, each after its name.

    `places` are the passages in the text: field, start, end; `originals` what the record itself
    says there (of the same length). `checksum` stands for id, text, codebook and draw.
    """

    record_id: str
    text: str
    checksum: str
    places: tuple[tuple[str, int, int], ...]
    originals: Mapping[str, str]

    def quoted(self, words: str) -> Evidence:
        """Words that a coder copied from the text, as words of the record if they stand there."""
        start = self.text.find(words)
        return self.evidence(start, start + len(words), words)

    def evidence(self, start: int, end: int, quote: str) -> Evidence:
        """The words between two places of the text, as words of the record.

        Where the place does not hold the quote (a tool may count in other units), the quote alone
        is given and the ledger looks for it. What was marked beyond a passage is cut off.
        """
        if not 0 <= start < end or (quote and self.text[start:end] != clean(quote)):
            return Evidence(quote)
        overlaps = [
            (min(end, last) - max(start, first), name, first)
            for name, first, last in self.places
            if min(end, last) > max(start, first)
        ]
        if not overlaps:
            return Evidence(quote or self.text[start:end])
        size, name, first = max(overlaps, key=lambda overlap: overlap[0])
        begin = max(start - first, 0)
        words = self.originals[name][begin : begin + size]
        return Evidence(words, name, begin, begin + size)


@dataclass(frozen=True)
class Assignment:
    """Records of a draw under the questions of a codebook, as they go out to coders.

    `records` may hold others than members of the draw; those do not go out. Raises CodebookError
    where a dimension has a name that the formats need for themselves.
    """

    book: Codebook
    draw: Draw
    records: Iterable[Record] = field(repr=False)

    def __post_init__(self) -> None:
        for dimension in self.dimensions:
            if dimension.id in RESERVED or not _NAME.fullmatch(dimension.id):
                raise CodebookError(
                    f"codebook {self.book.version}: the dimension {dimension.id!r} cannot go out "
                    "under that name; use a-z, 0-9 and '_', and none of "
                    f"{', '.join(sorted(RESERVED))}"
                )

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The questions that the draw asks: its target, or all."""
        target = self.draw.target
        return tuple(d for d in self.book.dimensions if not target or d.id in target)

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """The members of the draw by their ids, in an order that tells nothing."""
        found = [self._item(record) for record in self.records if record.id in self.draw.members]
        found.sort(key=lambda item: item.checksum)
        return {item.record_id: item for item in found}

    def _item(self, record: Record) -> Item:
        text, places = "", []
        originals = record.passages()
        for name, passage in originals.items():
            text += f"{name.replace('_', ' ').capitalize()}: "
            places.append((name, len(text), len(text) + len(passage)))
            text += f"{clean(passage)}\n\n"
        text = text[:-2]
        stamp = json.dumps([record.id, text, self.book.version, self.draw.id])
        checksum = hashlib.sha256(stamp.encode()).hexdigest()[:16]
        return Item(record.id, text, checksum, tuple(places), originals)

    @property
    def blind(self) -> frozenset[str]:
        """The records on which nobody may see a suggestion: what is coded twice, or again."""
        return frozenset(self.draw.members if self.draw.design == "repeat" else self.draw.second)

    def suggested(self, suggestions: Iterable[Coding]) -> Mapping[str, list[Coding]]:
        """The suggestions that go out, by record; one for each question, and none that is blind."""
        asked = {dimension.id for dimension in self.dimensions}
        found: dict[str, dict[str, Coding]] = defaultdict(dict)
        for coding in suggestions:
            record_id, name = coding.record_id, coding.dimension
            if record_id in self.items and record_id not in self.blind and name in asked:
                found[record_id].setdefault(name, coding)
        return {record_id: list(by_name.values()) for record_id, by_name in found.items()}


@dataclass(slots=True)
class Sheet:
    """One coder's answers to one item, as a format tells them; nothing of it is trusted.

    `answers`, `quotes` and `suggestions` are by dimension. `sent` are the ids that came back with
    the answers; `text` is None where a format cannot change it.
    """

    number: int
    coder: str
    sent: Mapping[str, Any]
    text: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    quotes: dict[str, list[Evidence]] = field(default_factory=lambda: defaultdict(list))
    confidence: Any = None
    comment: Any = ""
    coded_at: str = ""
    seconds: float | None = None
    suggestions: Mapping[str, str] = field(default_factory=dict)
    faults: list[tuple[str, str, str]] = field(default_factory=list)


class Return:
    """A file as it comes back: each sheet is judged against what was sent."""

    def __init__(self, assignment: Assignment, file: str) -> None:
        self.assignment = assignment
        self.file = file
        self._seen: dict[tuple[str, str], int] = {}

    def reject(self, number: int, field: str, reason: str, next_step: str,
               *, kept: bool = False, shown: str = "") -> Reject:  # fmt: skip
        """Something of a row that is not taken."""
        return Reject(self.file, number, field, reason, next_step, kept, excerpt(shown))

    def item(self, number: int, sent: Mapping[str, Any], text: str | None = None) -> Item | Reject:
        """The item that came back, or why it is not one that was sent."""
        record_id, draw = sent.get("record"), self.assignment.draw.id
        shown = excerpt(record_id or "")
        known = self.assignment.items.get(record_id) if isinstance(record_id, str) else None
        if known is None:
            return self.reject(number, "record", f"{shown!r} is no record of the draw {draw!r}",
                               "give the row its id back, or read it with its draw")  # fmt: skip
        for name, expected, what in (
            ("draw", draw, "draw"),
            ("codebook", self.assignment.book.version, "codebook"),
        ):
            if sent.get(name) != expected:
                return self.reject(
                    number, name, f"is of the {what} {excerpt(sent.get(name))!r}, not {expected!r}",
                    f"read the file with the {what} it was written for")  # fmt: skip
        if sent.get("checksum") != known.checksum:
            return self.reject(number, "checksum", "the id or the text is not that which was sent",
                               "write the file again: the record has changed, or the row has",
                               shown=shown)  # fmt: skip
        if text is not None and not _same_text(text, known.text):
            return self.reject(number, "text", "the text was changed after it was sent",
                               "correct the record in the ledger, and give the row its text back",
                               shown=text)  # fmt: skip
        return known

    def take(self, sheet: Sheet) -> Iterator[Row | Reject]:
        """The codings of a sheet, and a reject for everything of it that cannot be taken."""
        found = self.item(sheet.number, sheet.sent, sheet.text)
        if isinstance(found, Reject):
            yield found
            return
        if not valid_id(sheet.coder):
            yield self.reject(sheet.number, "coder", f"{excerpt(sheet.coder)!r} is no coder's id",
                              "say which coder this is", shown=sheet.coder)  # fmt: skip
            return
        comment = sheet.comment.strip() if isinstance(sheet.comment, str) else ""
        if not (sheet.answers or sheet.faults or sheet.quotes or comment):
            return
        first = self._seen.setdefault((found.record_id, sheet.coder), sheet.number)
        if first != sheet.number:
            yield self.reject(
                sheet.number, "record", f"{sheet.coder} answers this record in row {first} already",
                "keep one of the two rows", shown=found.record_id)  # fmt: skip
            return
        codings, faults = self._codings(found, sheet, comment)
        if comment and not codings:
            faults.append(("comment", "no question has an answer", "answer one"))
        for coding in codings:
            told = {"record": found.record_id, "coder": sheet.coder, "dimension": coding.dimension,
                    "value": coding.value}  # fmt: skip
            yield Row(sheet.number, coding, json.dumps(told, ensure_ascii=False))
        for name, reason, next_step in faults:
            shown = f"{found.record_id}: {sheet.answers.get(name, '')}"
            yield self.reject(sheet.number, name, reason, next_step, kept=bool(codings),
                              shown=shown)  # fmt: skip

    def _codings(
        self, item: Item, sheet: Sheet, comment: str
    ) -> tuple[list[Coding], list[tuple[str, str, str]]]:
        book, faults = self.assignment.book, list(sheet.faults)
        asked = [d.id for d in self.assignment.dimensions]
        confidence = sheet.confidence
        if confidence is not None and (
            type(confidence) is not int or confidence not in CONFIDENCES
        ):
            faults.append(("confidence", f"{excerpt(confidence)!r} is no confidence",
                           "write 1, 2 or 3"))  # fmt: skip
            confidence = None
        values: dict[str, tuple[str, ...]] = {}
        for name, answer in sheet.answers.items():
            value = tuple(dict.fromkeys(answer)) if _texts(answer) else ()
            if name not in asked:
                faults.append((excerpt(name), "is no question of the draw", "leave it out"))
            elif fault := book.fault(name, value):
                faults.append((fault[0], excerpt(fault[1]), fault[2]))
            else:
                values[name] = value
        for name in sheet.quotes:
            if name not in values and name not in sheet.answers:
                faults.append((f"evidence.{excerpt(name)}", "the question has no answer",
                               "answer it, or remove the quote"))  # fmt: skip
        seconds = sheet.seconds / len(values) if sheet.seconds is not None and values else None
        found = [
            Coding(item.record_id, name, sheet.coder, value, confidence,
                   self._quoted(sheet, name, faults), comment, self.assignment.draw.id,
                   book.version, sheet.coded_at, seconds, sheet.suggestions.get(name, ""))
            for name, value in values.items()
        ]  # fmt: skip
        return found, faults

    def _quoted(
        self, sheet: Sheet, name: str, faults: list[tuple[str, str, str]]
    ) -> tuple[Evidence, ...]:
        quotes = []
        for quote in sheet.quotes.get(name, ()):
            if not quote.quote.strip():
                continue
            if len(quote.quote) > QUOTE_LIMIT:
                reason = f"is longer than {QUOTE_LIMIT:,} characters"
                faults.append((f"evidence.{name}", reason, "quote the words that decided"))
            elif quote not in quotes:
                quotes.append(quote)
        return tuple(quotes)


def _texts(answer: Any) -> bool:
    return isinstance(answer, list | tuple) and all(isinstance(item, str) for item in answer)


def _same_text(text: str, sent: str) -> bool:
    """Whether a text is the one sent, whatever a spreadsheet did to its spaces and characters."""
    given = text.split()
    return given in (sent.split(), sent.encode("cp1252", "replace").decode("cp1252").split())
