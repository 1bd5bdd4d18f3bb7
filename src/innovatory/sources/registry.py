"""The readers by name, and which of them reads a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from innovatory.errors import MappingError, SourceError
from innovatory.records import Reject, Row
from innovatory.sources import cordis, datapackage, native, tables, workbook
from innovatory.sources.descriptor import Descriptor
from innovatory.sources.reader import Reader

GROUP = "innovatory.readers"
"""The entry points under which other packages offer readers."""


class _Registry(Mapping[str, Reader]):
    """The readers of this package, then those of others, found at first use."""

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        from importlib.metadata import entry_points

        # The order is that of asking: the most particular layout first.
        own = (cordis.READER, datapackage.READER, native.READER, workbook.READER, tables.READER)
        readers = {reader.name: reader for reader in own}
        for point in entry_points(group=GROUP):
            reader = point.load()
            if not isinstance(reader, Reader):
                raise SourceError(f"{point.value}: is not a Reader; remove or repair its package")
            readers.setdefault(reader.name, reader)
        return readers

    def __getitem__(self, name: str) -> Reader:
        return self._readers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


READERS: Mapping[str, Reader] = _Registry()


def reader_of(path: Path) -> Reader | None:
    """The reader that knows a file by its name and first bytes, or None."""
    return next((reader for reader in READERS.values() if reader.sniff(path)), None)


def read(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """The facts and rejects of one file of a source, one by one.

    Whatever is wrong inside the file is a `Reject`. Raises `SourceError` where there is no such
    file or no reader for it, and `MappingError` where its columns are not mapped to fields.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file; check the path")
    if descriptor.reader:
        if descriptor.reader not in READERS:
            known = ", ".join(READERS)
            raise SourceError(f"{path}: no reader is named {descriptor.reader!r}; use {known}")
        reader: Reader | None = READERS[descriptor.reader]
    else:
        reader = reader_of(path)
    if reader is None:
        raise SourceError(f"{path}: no reader knows this kind of file; see docs/formats.md")
    return _guarded(reader, path, descriptor)


def _guarded(reader: Reader, path: Path, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """What a reader yields; a file that it must give up half-way is a reject for the rest."""
    try:
        yield from reader.read(path, descriptor=descriptor)
    except MappingError:
        raise
    except (SourceError, OSError) as error:
        next_step = "check the file, or get it again; what was read before this is kept"
        yield Reject(path.name, 0, "", str(error), next_step)
