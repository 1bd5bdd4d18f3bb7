"""From pairs to groups of records that are one, and to the merges that say so in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import pyarrow as pa

from innovatory.linkage.marks import Vetoes
from innovatory.records import Merge

SUPPORT = 0.5
"""Least share of the pairs between two groups that must be to merge, for the groups to be one."""

Pair = tuple[str, str]


class Grouping:
    """Groups as they grow: pairs join them in the order of their scores, and some may not."""

    def __init__(self, pairs: Iterable[Pair], vetoes: Vetoes) -> None:
        self._pairs = {frozenset(pair) for pair in pairs}
        self._vetoes = vetoes
        self._group_of: dict[str, list[str]] = {}

    def join(self, a: str, b: str) -> str:
        """Make the groups of two records one; or the reason why not, '' where it was done."""
        ours = self._group_of.setdefault(a, [a])
        theirs = self._group_of.setdefault(b, [b])
        if ours is theirs:
            return ""
        if reason := self._vetoes.between(ours, theirs):
            return f"would join {reason}"
        between = sum(frozenset((x, y)) in self._pairs for x in ours for y in theirs)
        if between < SUPPORT * len(ours) * len(theirs):
            return f"only {between} of {len(ours) * len(theirs)} pairs between their groups agree"
        ours.extend(theirs)
        for record_id in theirs:
            self._group_of[record_id] = ours
        return ""

    def groups(self) -> list[list[str]]:
        """All groups of two records or more."""
        distinct = {id(group): group for group in self._group_of.values()}
        return [group for group in distinct.values() if len(group) > 1]


def clusters(candidates: pa.Table, *, vetoes: Vetoes) -> list[tuple[str, ...]]:
    """The groups of records that pairs to merge make; the record to keep comes first.

    Each record is in one group at most, and no group holds two records with a veto between them:
    pairs join in the order of their scores, and one that would bring such two together does not,
    nor does one on which most pairs between its two groups disagree.

    >>> pairs = pa.table({"a": ["x", "x"], "b": ["y", "z"], "score": [0.9, 0.8],
    ...                   "decision": ["merge", "review"]})
    >>> from innovatory.linkage.marks import Marks
    >>> clusters(pairs, vetoes=Vetoes(dict.fromkeys("xyz", Marks())))
    [('x', 'y')]
    """
    rows = to_merge(candidates)
    grouping = Grouping([(row["a"], row["b"]) for row in rows], vetoes)
    for row in rows:
        grouping.join(row["a"], row["b"])
    lost = {row["b"] for row in rows}
    return sorted(
        (_kept_first(group, rows, lost) for group in grouping.groups()), key=itemgetter(0)
    )


def to_merge(candidates: pa.Table) -> list[dict[str, Any]]:
    """The rows decided as merge, the highest score first."""
    rows = [row for row in candidates.to_pylist() if row["decision"] == "merge"]
    return sorted(rows, key=lambda row: (-row["score"], row["a"], row["b"]))


def _kept_first(group: list[str], rows: list[dict[str, Any]], lost: set[str]) -> tuple[str, ...]:
    """`a` of a pair is the better of two; the best of a group is the one that is never `b`."""
    members = set(group)
    inside = {r["b"] for r in rows if r["a"] in members and r["b"] in members}
    best = min(members - inside or members)
    return best, *sorted(members - {best})


def merges(candidates: pa.Table, *, vetoes: Vetoes, by: str) -> list[Merge]:
    """The facts that make each group one record, in the ledger's words; `by` decided.

    Merging a record into itself (`Merge(id, id)`) undoes its merge.
    """
    because: dict[str, list[str]] = {}
    for row in to_merge(candidates):
        for record_id in (row["a"], row["b"]):
            because.setdefault(record_id, []).append(f"{row['score']:.3f}; {row['reasons']}")
    return [
        Merge(record_id, kept, f"the same project: {because[record_id][0]}", by)
        for kept, *others in clusters(candidates, vetoes=vetoes)
        for record_id in others
    ]
