"""What can go wrong, as one tree.

    InnovatoryError
    ├── ObservatoryError     the folder or its observatory.toml cannot be used
    ├── CodebookError        the codebook is malformed: file, line, reason
    ├── SourceError          a source cannot be read at all (a bad row is a Reject, not an error)
    │   └── MappingError     the mapping of columns to fields is missing or wrong
    ├── LedgerError          the ledger cannot be opened, or refuses a fact
    │   └── UnknownRecord    no record of that id
    ├── GazetteerError       the shipped city list cannot be read
    ├── EditionError         an edition cannot be built, or is not what its manifest says
    ├── FiguresError         a file of printed figures is malformed
    ├── ReviewError          the review app refuses what was asked of it
    └── MethodError          a method file, framework or table of an index cannot be used

Every message names the file, the row or field where there is one, and the next step.
"""

from __future__ import annotations


class InnovatoryError(Exception):
    """Something the user can act on; the command line prints it without a traceback."""


class ObservatoryError(InnovatoryError):
    """The observatory folder or its settings cannot be used."""


class CodebookError(InnovatoryError):
    """The codebook is malformed."""


class SourceError(InnovatoryError):
    """A source cannot be read at all."""


class MappingError(SourceError):
    """The mapping of columns to fields is missing or wrong."""


class LedgerError(InnovatoryError):
    """The ledger cannot be opened, or refuses a fact."""


class UnknownRecord(LedgerError):
    """The ledger holds no record of that id."""


class GazetteerError(InnovatoryError):
    """The city list cannot be read."""


class EditionError(InnovatoryError):
    """An edition cannot be built, or its files are not what its manifest says."""


class FiguresError(InnovatoryError):
    """A file of printed figures is malformed."""


class MethodError(InnovatoryError):
    """A method file, framework or table of an index cannot be used."""


class ReviewError(InnovatoryError):
    """The review app refuses what was asked of it; `status` is that of its answer over HTTP.

    >>> str(ReviewError(409, "another coder has this record", "code the next one"))
    'another coder has this record; code the next one'
    """

    def __init__(self, status: int, reason: str, next_step: str) -> None:
        super().__init__(f"{reason}; {next_step}")
        self.status = status
        self.reason = reason
        self.next_step = next_step
