"""Lines of a file, one at a time and none longer than the limit, whatever its encoding."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from innovatory.sources.reader import LINE_LIMIT

SAMPLE = 1 << 18
"""Bytes looked at to tell encoding and delimiter."""


def open_bytes(path: Path) -> io.BufferedReader:
    """A file as a stream of bytes whose beginning can be looked at before it is read."""
    return io.BufferedReader(io.FileIO(path), SAMPLE)


class Line(NamedTuple):
    """A line without judgement on its content; `fault` says why it cannot be read, if so."""

    number: int
    text: str
    fault: str = ""


class ByteLine(NamedTuple):
    """A line as bytes; `whole` is false where it is longer than the limit and was cut."""

    number: int
    data: bytes
    whole: bool


def byte_lines(stream: BinaryIO) -> Iterator[ByteLine]:
    """The lines of a stream with their 1-based numbers; an overlong one is cut, then skipped.

    >>> [line.data for line in byte_lines(io.BytesIO(b"a\\nb"))]
    [b'a\\n', b'b']
    """
    number = 0
    while data := stream.readline(LINE_LIMIT + 1):
        number += 1
        whole = len(data) <= LINE_LIMIT
        if not whole:
            rest = data
            data = data[:200]
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(LINE_LIMIT)
        yield ByteLine(number, data, whole)


def sniff_encoding(sample: bytes) -> str:
    """The encoding of a table from its first bytes: utf-8-sig, utf-16, utf-8 or cp1252.

    Windows-1252 only where more of the lines with other than ASCII characters fail as UTF-8 than
    pass; so a UTF-8 file with one broken line stays UTF-8 and loses that line alone.

    >>> sniff_encoding("Köln".encode("cp1252")), sniff_encoding("Köln".encode())
    ('cp1252', 'utf-8')
    """
    if sample.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    good = bad = 0
    lines = sample.split(b"\n")
    # The sample may end in the middle of a character: its last line says nothing.
    for line in lines[:-1] if len(lines) > 1 and len(sample) >= SAMPLE else lines:
        if not line.isascii():
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
    return "cp1252" if bad > good else "utf-8"


def text_lines(stream: BinaryIO, encoding: str) -> Iterator[Line]:
    """The lines of a stream as text; one with bytes that are not of the encoding has a fault.

    >>> [(n, bool(fault)) for n, _, fault in text_lines(io.BytesIO(b"a\\n\\xff\\nb"), "utf-8")]
    [(1, False), (2, True), (3, False)]
    """
    if encoding.replace("_", "-").lower().startswith(("utf-16", "utf16")):
        yield from _wide_lines(stream, encoding)
        return
    for number, data, whole in byte_lines(stream):
        if number == 1 and encoding in ("utf-8", "utf-8-sig"):
            data = data.removeprefix(b"\xef\xbb\xbf")
        if not whole:
            shown = data[:80].decode(encoding, "replace")
            yield Line(number, shown, f"the line is longer than {LINE_LIMIT:,} bytes")
            continue
        try:
            yield Line(number, data.decode("utf-8" if encoding == "utf-8-sig" else encoding))
        except UnicodeDecodeError as error:
            shown = data[:80].decode(encoding, "replace")
            yield Line(number, shown, f"byte {error.start + 1} of the line is not {encoding}")


def _wide_lines(stream: BinaryIO, encoding: str) -> Iterator[Line]:
    wrapper = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="\n")
    number = 0
    try:
        while text := wrapper.readline(LINE_LIMIT + 1):
            number += 1
            if len(text) > LINE_LIMIT:
                rest = text
                while rest and not rest.endswith("\n"):
                    rest = wrapper.readline(LINE_LIMIT)
                yield Line(number, text[:80], f"the line is longer than {LINE_LIMIT:,} characters")
            elif "�" in text:
                yield Line(number, text[:80], f"the line has bytes that are not {encoding}")
            else:
                yield Line(number, text)
    except UnicodeError as error:
        yield Line(number + 1, "", f"the rest of the file is not {encoding} ({error.__class__})")
    finally:
        wrapper.detach()
