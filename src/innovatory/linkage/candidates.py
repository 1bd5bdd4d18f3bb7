"""The pairs of records that may be one project: proposed, scored and decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from innovatory.linkage.blocking import Settings, blocked
from innovatory.linkage.clusters import Grouping
from innovatory.linkage.comparison import compared, same_name
from innovatory.linkage.marks import Vetoes
from innovatory.linkage.prepared import Prepared, prepare
from innovatory.linkage.scorer import DEFAULT, Scorer

COLUMNS: dict[str, Any] = {
    "a": pa.string(),
    "b": pa.string(),
    "score": pa.float64(),
    "decision": pa.string(),
    "reasons": pa.string(),
    "block": pa.string(),
}


def candidates(
    tables: Mapping[str, pa.Table],
    *,
    cities: Mapping[tuple[str, str], str],
    scorer: Scorer = DEFAULT,
    settings: Settings = Settings(),  # noqa: B008  frozen
    apart: frozenset[frozenset[str]] = frozenset(),
) -> pa.Table:
    """Pairs that may be the same project, the likeliest first.

    `tables` are those of `Ledger.facts`; `cities` says which city each (name, country) means;
    `apart` are pairs of ids that somebody answered no to. Columns: `a` (the record to keep: the
    one with more answers of coders, then with more fields filled, then with the longer
    description, then the first by id), `b`, `score` (probability), `decision` (`merge` from
    `settings.merge`, `review` from `settings.review`; what scores less is left out), `reasons`
    and `block` (the rules that proposed the pair). A pair that would bring two records with a
    veto into one group, whose names have little in common, or of which a record was once set apart
    is for review at any score.
    """
    prepared = prepare(tables, cities=cities)
    vetoes = prepared.vetoes(apart)
    a, b, blocks = blocked(prepared, settings, vetoes=vetoes)
    vectors = compared(prepared, a, b)
    scores = scorer.probabilities(vectors)
    kept = np.flatnonzero(scores >= settings.review)
    order = kept[np.lexsort((b[kept], a[kept], -scores[kept]))]
    rows: list[dict[str, Any]] = []
    for n in order.tolist():
        pair = sorted((int(a[n]), int(b[n])), key=lambda i: int(prepared.rank[i]))
        row = {
            "a": prepared.ids[pair[0]],
            "b": prepared.ids[pair[1]],
            "score": float(scores[n]),
            "decision": "merge" if scores[n] >= settings.merge else "review",
            "reasons": scorer.reasons(vectors[n]),
            "block": blocks[n],
        }
        if row["decision"] == "merge" and not same_name(vectors[n]):
            _review(row, "the names have little in common")
        rows.append(row)
    _hold_back(rows, prepared, vetoes)
    return pa.Table.from_pylist(rows, schema=pa.schema(list(COLUMNS.items())))


def _hold_back(rows: list[dict[str, Any]], prepared: Prepared, vetoes: Vetoes) -> None:
    """Send to review what must not be merged unseen, with the reason."""
    for row in rows:
        undone = sorted(prepared.set_apart & {row["a"], row["b"]})
        if undone and row["decision"] == "merge":
            _review(row, f"a merge of {undone[0]} was undone")
    merging = [row for row in rows if row["decision"] == "merge"]
    grouping = Grouping([(row["a"], row["b"]) for row in merging], vetoes)
    for row in merging:
        if reason := grouping.join(row["a"], row["b"]):
            _review(row, reason)


def _review(row: dict[str, Any], reason: str) -> None:
    row["decision"] = "review"
    row["reasons"] += f"; held back: {reason}"
