"""Records that tell of the same project: proposed, merged, and set apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from innovatory.errors import UnknownRecord
from innovatory.fieldwork import store
from innovatory.geography import Geography
from innovatory.linkage import candidates, merges
from innovatory.linkage.prepared import prepare
from innovatory.observatory import Observatory
from innovatory.records import Merge

BY = "innovatory"


@dataclass(frozen=True, slots=True)
class Proposed:
    """Pairs that may be one project, and the merges that those decided as `merge` make."""

    pairs: pa.Table
    merges: tuple[Merge, ...]


def propose(
    observatory: Observatory, *, apart: frozenset[frozenset[str]] = frozenset()
) -> Proposed:
    """Look for records that tell of the same project, of one source or of several.

    `apart` are pairs of ids that somebody said are not the same: they are not proposed again, nor
    made one by way of a third record. Raises LedgerError where there is no ledger.
    """
    with observatory.ledger() as ledger:
        facts = ledger.facts()
    spelt = {
        (row["name"], row["country"])
        for row in facts["places"].select(["name", "country"]).to_pylist()
    }
    resolved = Geography(observatory).resolve(sorted(spelt))
    cities = {spelling: found.city_id for spelling, found in resolved.items() if found.city_id}
    pairs = candidates(facts, cities=cities, apart=apart)
    vetoes = prepare(facts, cities=cities).vetoes(apart)
    return Proposed(pairs, tuple(merges(pairs, vetoes=vetoes, by=BY)))


def merge(observatory: Observatory, found: Sequence[Merge]) -> int:
    """Count records as those they are merged into; how many were not merged so before."""
    return store(observatory, found, name="merges") if found else 0


def undo(observatory: Observatory, record_id: str, *, reason: str = "") -> int:
    """Count a merged record as itself again. Raises UnknownRecord where it is not merged."""
    with observatory.ledger() as ledger:
        merged = {row["record_id"]: row["into"] for row in ledger.facts()["merges"].to_pylist()}
    if merged.get(record_id, record_id) == record_id:
        raise UnknownRecord(f"{record_id!r} is not merged into another record; nothing to undo")
    fact = Merge(record_id, record_id, reason or "not the same project", BY)
    return store(observatory, [fact], name=f"undo {record_id}")
