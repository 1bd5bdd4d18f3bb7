"""What a difference means for codings made before, and for the shares published from them."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pyarrow as pa

from innovatory.codebook_diff.comparing import Difference, DimensionChange, carried

_FATES = ("redone", "carried", "stays")


def affected(difference: Difference, codings: pa.Table) -> pa.Table:
    """Which codings stay, which are carried and which must be redone, dimension by dimension.

    `codings` has record_id, dimension, coder_id, value (classes joined by '|') and codebook; those
    of the older version are looked at. Returns dimension, fate (redone, carried, stays), codings
    (their number), records (their number) and record_ids, most affected dimensions first and in
    each the nearest affected records first: those with an answer whose own class changed, then
    those on which coders differ, then the rest.

    >>> from innovatory.codebook_diff.comparing import ClassChange
    >>> change = DimensionChange("a", "changed", classes=(ClassChange("redefined", "x", ("x",)),),
    ...                          becomes={"x": (), "y": ("y",)})
    >>> names = ("record_id", "dimension", "coder_id", "value", "codebook")
    >>> rows = [("r1", "a", "ana", "y", "1"), ("r2", "a", "ana", "x", "1")]
    >>> codings = pa.Table.from_pylist([dict(zip(names, row)) for row in rows])
    >>> found = affected(Difference("1", "2", (change,), ()), codings).to_pylist()
    >>> [(row["fate"], row["codings"], row["record_ids"]) for row in found]
    [('redone', 1, ['r2']), ('carried', 1, ['r1'])]
    """
    changes = {change.dimension: change for change in difference.dimensions}
    chosen = codings.select(["record_id", "dimension", "value", "codebook"]).to_pylist()
    chosen = [row for row in chosen if row["codebook"] == difference.old]
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in chosen:
        said[row["dimension"], row["record_id"]].add(row["value"])
    count: dict[tuple[str, str], int] = defaultdict(int)
    nearest: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in chosen:
        dimension, record_id = row["dimension"], row["record_id"]
        change = changes.get(dimension)
        value = tuple(row["value"].split("|"))
        fate = _fate(value, change, difference)
        count[dimension, fate] += 1
        touched = _touched(change) & set(value)
        rank = 0 if touched else 1 if len(said[dimension, record_id]) > 1 else 2
        known = nearest[dimension, fate]
        known[record_id] = min(rank, known.get(record_id, rank))
    redone = {dimension: count.get((dimension, "redone"), 0) for dimension, _ in count}
    order = sorted(count, key=lambda k: (-redone[k[0]], k[0], _FATES.index(k[1])))
    rows = []
    for dimension, fate in order:
        records = nearest[dimension, fate]
        ids = sorted(records, key=lambda name: (records[name], name))
        rows.append({"dimension": dimension, "fate": fate, "codings": count[dimension, fate],
                     "records": len(ids), "record_ids": ids})  # fmt: skip
    types: dict[str, pa.DataType] = {
        "dimension": pa.string(), "fate": pa.string(), "codings": pa.int64(),
        "records": pa.int64(), "record_ids": pa.list_(pa.string()),
    }  # fmt: skip
    return pa.Table.from_pylist(rows, schema=pa.schema(types))


def _fate(value: tuple[str, ...], change: DimensionChange | None, difference: Difference) -> str:
    if change is not None and change.stays:
        return "stays"
    became = carried(value, change.dimension, by=difference) if change else None
    return "carried" if became is not None else "redone"


def _touched(change: DimensionChange | None) -> set[str]:
    """The classes of then that are no longer what they were."""
    return {c.old for c in change.classes if c.old and c.kind != "kept"} if change else set()


def moves(difference: Difference, before: pa.Table, after: pa.Table) -> pa.Table:
    """How each published share moves from the older codebook to the newer one.

    Both tables have dimension, class, share, low, high. Classes are followed by the crosswalk:
    where several became one, their shares and bounds are added up (which can only widen the
    interval). Returns dimension, class, before, before_low, before_high, after, after_low,
    after_high, change, verdict (`moved`: the intervals are apart; `within`: they meet; `new` and
    `gone`: one side has no such class; `open`: a share has no interval) and sentence. Rows without
    a share are left out.

    >>> from innovatory.codebook import parse
    >>> from innovatory.codebook_diff.comparing import diff
    >>> old = parse("dimensions: {a: {question: Q, classes: {x: one, y: two}}}")
    >>> new = parse("dimensions: {a: {question: Q, classes: {x: one, z: two}}}")
    >>> def shares(*rows):
    ...     names = ("dimension", "class", "share", "low", "high")
    ...     return pa.Table.from_pylist([dict(zip(names, row)) for row in rows])
    >>> moves(diff(old, new), shares(("a", "y", 0.3, 0.25, 0.35)),
    ...       shares(("a", "z", 0.4, 0.36, 0.44)))["sentence"].to_pylist()
    ['a, z: from 30.0% [25.0, 35.0] to 40.0% [36.0, 44.0]; the intervals are apart.']
    """
    then: dict[tuple[str, str], list[float]] = {}
    gone: dict[tuple[str, str], list[float]] = {}
    for key, figures in _shares(before).items():
        became = _today(*key, difference)
        place, side = ((key[0], became), then) if became else (key, gone)
        known = side.get(place)
        summed = [a + b for a, b in zip(known, figures, strict=True)] if known else figures
        # Written this way round because the smaller of 1 and no number is 1.
        side[place] = [figure if not figure > 1 else 1.0 for figure in summed]
    now = _shares(after)
    rows = [_move(key, then.get(key), figures) for key, figures in now.items()]
    rows += [_move(key, figures, None) for key, figures in then.items() if key not in now]
    rows += [_move(key, figures, None) for key, figures in gone.items() if key not in now]
    names = ("before", "before_low", "before_high", "after", "after_low", "after_high", "change")
    types: dict[str, pa.DataType] = {
        "dimension": pa.string(), "class": pa.string(), **dict.fromkeys(names, pa.float64()),
        "verdict": pa.string(), "sentence": pa.string(),
    }  # fmt: skip
    return pa.Table.from_pylist(rows, schema=pa.schema(types))


def _shares(table: pa.Table) -> dict[tuple[str, str], list[float]]:
    return {
        (row["dimension"], row["class"]): [
            math.nan if row[name] is None else row[name] for name in ("share", "low", "high")
        ]
        for row in table.to_pylist()
        if row["share"] is not None
    }


def _today(dimension: str, name: str, difference: Difference) -> str:
    """The one class that a class of then is today, or ''; of what is not coded, the same name."""
    change = next((c for c in difference.dimensions if c.dimension == dimension), None)
    if change is None or change.stays:
        return name
    became = (change.becomes or {}).get(name, ())
    if not became:
        became = next((c.new for c in change.classes if c.old == name), ())
    return became[0] if len(became) == 1 else ""


def _move(
    key: tuple[str, str], before: list[float] | None, after: list[float] | None
) -> dict[str, Any]:
    dimension, name = key
    row: dict[str, Any] = {"dimension": dimension, "class": name}
    for side, figures in (("before", before), ("after", after)):
        told = [None if math.isnan(figure) else figure for figure in figures or [math.nan] * 3]
        row |= dict(zip((side, f"{side}_low", f"{side}_high"), told, strict=True))
    if before is None or after is None:
        row["verdict"] = "new" if before is None else "gone"
        side = "today" if before is None else "before"
        shown = _percent(after or before or [])
        end = "the other version has no such class"
        return row | {"sentence": f"{dimension}, {name}: {shown} {side}; {end}."}
    row["change"] = after[0] - before[0]
    if any(map(math.isnan, (*before, *after))):
        row["verdict"], end = "open", "without both intervals nothing can be said of the change"
    elif after[1] > before[2] or after[2] < before[1]:
        row["verdict"], end = "moved", "the intervals are apart"
    else:
        row["verdict"], end = "within", "the intervals meet"
    sentence = f"{dimension}, {name}: from {_percent(before)} to {_percent(after)}; {end}."
    return row | {"sentence": sentence}


def _percent(figures: list[float]) -> str:
    share, low, high = (100 * figure for figure in figures)
    interval = "" if math.isnan(low) or math.isnan(high) else f" [{low:.1f}, {high:.1f}]"
    return f"{share:.1f}%{interval}"
