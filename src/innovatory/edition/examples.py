"""The starter corpus as examples for the machine coder: coded records that anybody may learn from.

They help where few records are coded and the codebook still asks what it asked of them; records
that an observatory has itself are never examples to it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from innovatory.engine import digest, key_of

if TYPE_CHECKING:
    from innovatory import coder

_DATA = Path(__file__).parents[1] / "data"
_CORPUS, _CODEBOOK = _DATA / "corpus", _DATA / "codebook.yaml"


@cache
def key() -> str:
    """The hash of the files that examples are read from."""
    files = (_CODEBOOK, *sorted(_CORPUS.iterdir()))
    return key_of([digest(path.read_bytes()) for path in files])


def beside(corpus: coder.Corpus) -> coder.Examples | None:
    """The examples that are no records of a corpus; None where it has them all."""
    found = _every().beside(corpus)
    return found if found.corpus.record_ids else None


@cache
def _every() -> coder.Examples:
    from innovatory import codebook, coder
    from innovatory.records import Row
    from innovatory.sources import describe, read

    descriptor = describe(_CORPUS)
    items = (item for file in descriptor.files for item in read(file, descriptor=descriptor))
    facts = [item.fact for item in items if isinstance(item, Row)]
    return coder.examples(facts, codebook.load(_CODEBOOK))
