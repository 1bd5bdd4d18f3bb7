"""What every reader shares: its shape, the limits on what it takes, and how it lists a fault.

Whatever is wrong *inside* a file is a `Reject` and never an exception, so that one bad file or
row costs nothing else; row 0 means the file as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from innovatory.records import Record, Reject, Row

if TYPE_CHECKING:
    from innovatory.sources.descriptor import Descriptor

FIELD_LIMIT = 1_000_000
"""Characters that one field may hold."""

LINE_LIMIT = 8_000_000
"""Bytes that one line (in a table: one row over all its lines) may take."""

XML_LIMIT = 20_000_000
"""Bytes that one XML or JSON document read as a whole may take."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A way to read one kind of file.

    `sniff(path)` looks at the name and the first bytes; `read(path, descriptor=...)` yields the
    facts and rejects of the file one by one. Other packages add theirs under the entry point
    group `innovatory.readers`; each entry point names a `Reader`.
    """

    name: str
    label: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Path], bool]
    read: Callable[..., Iterator[Row | Reject]]


class Fault(NamedTuple):
    """What is wrong with one field of one row; a `fatal` one costs the row."""

    field: str
    reason: str
    next_step: str
    fatal: bool = False
    excerpt: str = ""


@dataclass(slots=True)
class Names:
    """How the ids of a source become ids of the ledger: a prefix, and coders' other names.

    `codebook` is the version that answers are to which say none themselves.
    """

    prefix: str
    coders: dict[str, str]
    codebook: str = ""

    @classmethod
    def of(cls, descriptor: Descriptor) -> Names:
        """The names that a descriptor asks for."""
        return cls(descriptor.prefix, dict(descriptor.renamed), descriptor.codebook)

    def coder(self, name: str) -> str:
        """The id under which the ledger knows a coder of this source.

        >>> Names("", {"coder-a": "cordis-coder-a"}).coder("coder-a")
        'cordis-coder-a'
        """
        return self.coders.get(name, name)


def excerpt(value: Any) -> str:
    """The beginning of a value in at most 80 printable characters.

    >>> excerpt("a\\x00b")
    'a·b'
    """
    text = value if isinstance(value, str) else str(value)[:400]
    shown = "".join(c if c.isprintable() else "·" for c in text[:80])
    return shown if len(text) <= 80 else shown[:79] + "…"


def listed(
    faults: Iterable[Fault], *, file: str, row: int, kept: bool, text: str = ""
) -> Iterator[Reject]:
    """The faults of one row as rejects; `text` is shown where a fault has no excerpt of its own.

    >>> next(listed([Fault("end", "no date", "write YYYY")], file="a.csv", row=2, kept=True)).row
    2
    """
    for fault in faults:
        yield Reject(
            file,
            row,
            fault.field,
            fault.reason,
            fault.next_step,
            kept=kept,
            excerpt=fault.excerpt or excerpt(text),
        )


class Seen:
    """The ids of one file, so that the second row of the same id is a reject."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def again(self, record: Record, row: int) -> Fault | None:
        """The fault of a record whose id came before in this file; None at its first time.

        >>> seen = Seen()
        >>> seen.again(Record("a", "project", "A"), 1), seen.again(Record("a", "project", "B"), 2)
        (None, Fault(field='id', reason="the id 'a' is that of row 1", next_step='give each row \
its own id', fatal=True, excerpt='B'))
        """
        first = self._rows.setdefault(record.id, row)
        if first == row:
            return None
        return Fault(
            "id",
            f"the id {record.id!r} is that of row {first}",
            "give each row its own id",
            fatal=True,
            excerpt=excerpt(record.title),
        )
