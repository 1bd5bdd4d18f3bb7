"""Zip archives from outside: what they unpack to is counted while it is read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

from innovatory.errors import SourceError

UNPACKED_LIMIT = 2_000_000_000
"""Bytes that all members read from one archive may unpack to."""

RATIO_LIMIT = 200
"""Times its packed size that an archive may unpack to, once beyond `RATIO_FLOOR`."""

RATIO_FLOOR = 10_000_000
MEMBERS_LIMIT = 200_000

# RuntimeError is what zipfile raises for an encrypted member.
_BROKEN = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Archive:
    """An open zip archive whose members share one allowance of unpacked bytes."""

    def __init__(self, zipped: ZipFile, path: Path) -> None:
        self._zip = zipped
        self._path = path
        self._packed = path.stat().st_size
        self._unpacked = 0

    def names(self) -> list[str]:
        """The names of its members; they are never used as paths."""
        return self._zip.namelist()

    def open(self, name: str) -> io.BufferedReader:
        """A member as a stream; reading raises `SourceError` once the allowance is used up."""
        try:
            return io.BufferedReader(_Member(self._zip.open(name), self), 1 << 18)
        except (*_BROKEN, KeyError) as error:
            raise _unreadable(self._path, error) from error

    def count(self, size: int) -> None:
        """Counts bytes unpacked; raises `SourceError` where they are too many."""
        self._unpacked += size
        ratio = self._unpacked > max(RATIO_FLOOR, RATIO_LIMIT * self._packed)
        if ratio or self._unpacked > UNPACKED_LIMIT:
            raise SourceError(
                f"{self._path.name}: unpacks to more than {self._unpacked:,} bytes from "
                f"{self._packed:,}: taken for a zip bomb; unpack it yourself if you trust it"
            )

    def failed(self, error: Exception) -> SourceError:
        """The error to raise for a member that cannot be unpacked."""
        return _unreadable(self._path, error)


class _Member(io.RawIOBase):
    def __init__(self, inner: IO[bytes], archive: Archive) -> None:
        self._inner = inner
        self._archive = archive

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._inner.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise self._archive.failed(error) from error
        self._archive.count(len(data))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """A zip archive; raises `SourceError` where it is none or holds too many members."""
    try:
        zipped = ZipFile(path)
    except _BROKEN as error:
        raise _unreadable(path, error) from error
    with zipped:
        if len(zipped.namelist()) > MEMBERS_LIMIT:
            raise SourceError(f"{path.name}: has more than {MEMBERS_LIMIT:,} members; split it")
        yield Archive(zipped, path)


def _unreadable(path: Path, error: Exception) -> SourceError:
    return SourceError(f"{path.name}: is not a zip that can be read ({error}); get it again")
