"""Native JSON Lines: one JSON object a line, in the layout of docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from innovatory.records import Reject, Row
from innovatory.sources.draft import record_from
from innovatory.sources.facts import FACTS, about, codings_from, fact_from, oversized
from innovatory.sources.lines import ByteLine, byte_lines, open_bytes
from innovatory.sources.reader import (
    FIELD_LIMIT,
    LINE_LIMIT,
    Fault,
    Names,
    Reader,
    Seen,
    excerpt,
    listed,
)

if TYPE_CHECKING:
    from innovatory.sources.descriptor import Descriptor

SUFFIXES = (".jsonl", ".ndjson")
_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def sniff(path: Path) -> bool:
    """Whether a file is JSON Lines, by its name."""
    return path.suffix.lower() in SUFFIXES


def read(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """The facts and rejects of a file of native JSON Lines, one by one."""
    with open_bytes(path) as stream:
        yield from read_stream(stream, file=path.name, names=Names.of(descriptor))


def read_stream(stream: BinaryIO, *, file: str, names: Names) -> Iterator[Row | Reject]:
    """The facts and rejects of a stream of native JSON Lines, one by one.

    Memory holds one line, and the ids of the records seen.
    """
    seen = Seen()
    number = 0
    for line in byte_lines(stream):
        number = line.number
        if not line.data.strip(b" \t\r\n\xef\xbb\xbf"):
            continue
        row, text, fault = decode(line)
        if fault is not None:
            yield from listed([fault], file=file, row=number, kept=False, text=text)
        else:
            yield from facts(row, text, file=file, number=number, names=names, seen=seen)
    if not number:
        yield Reject(file, 0, "", "the file is empty", "check how it was made")


def decode(line: ByteLine) -> tuple[dict[str, Any], str, Fault | None]:
    """The object on a line, the line as text, and why it is no object if so.

    >>> decode(ByteLine(1, b'{"id": "a"}', True))
    ({'id': 'a'}, '{"id": "a"}', None)
    """
    data = line.data
    if line.number == 1:
        data = data.removeprefix(b"\xef\xbb\xbf")
    if not line.whole:
        shown = data.decode("utf-8", "replace")
        reason = f"the line is longer than {LINE_LIMIT:,} bytes"
        return {}, shown, Fault("", reason, "shorten it", True)
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        shown = data[:400].decode("utf-8", "replace")
        reason = f"byte {error.start + 1} of the line is not UTF-8"
        return {}, shown, Fault("", reason, "save the file as UTF-8", True)
    try:
        row = _JSON.decode(data)
    except RecursionError:
        return {}, text, Fault("", "is nested too deeply", "flatten it", True)
    except msgspec.DecodeError as error:
        if not data.endswith(b"\n"):
            reason = "the last line is cut off"
            return {}, text, Fault("", reason, "copy the file again", True)
        return {}, text, Fault("", f"is not JSON: {error}", "write one JSON object a line", True)
    if type(row) is not dict:
        return {}, text, Fault("", "is not a JSON object", "write {...} on each line", True)
    if not row:
        return {}, text, Fault("", "is an empty object", "remove the line", True)
    return row, text, None


def facts(
    row: dict[str, Any], text: str, *, file: str, number: int, names: Names, seen: Seen
) -> Iterator[Row | Reject]:
    """The facts of one object in the native layout, and its rejects."""
    kind = about(row)
    faults: list[Fault]
    if kind == "record":
        record, faults = record_from(row, prefix=names.prefix)
        if record is not None and (again := seen.again(record, number)):
            record, faults = None, [*faults, again]
        kept = record is not None
        if record is not None:
            yield Row(number, record, text)
    elif kind != "answers" and kind not in FACTS:
        kept = False
        allowed = ", ".join(("record", *FACTS))
        faults = [Fault("fact", f"is not one of {allowed}", "use one of them", True)]
    elif (len(text) > FIELD_LIMIT or "\\u0000" in text) and oversized(row):
        kept = False
        reason = f"a text is longer than {FIELD_LIMIT:,} characters or holds a NUL character"
        faults = [Fault("", reason, "shorten or clean it", True)]
    elif kind == "answers":
        codings, faults = codings_from(row, names)
        kept = bool(codings)
        for coding in codings:
            yield Row(number, coding, text)
    else:
        fact, faults = fact_from(row, names)
        kept = fact is not None
        if fact is not None:
            yield Row(number, fact, text)
    if faults:
        yield from listed(faults, file=file, row=number, kept=kept, text=excerpt(text))


READER = Reader("native", "Native JSON Lines", SUFFIXES, sniff, read)
