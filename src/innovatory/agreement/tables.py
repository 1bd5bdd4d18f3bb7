"""Agreement as tables: of each dimension and class, by pair of coders, month and language."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from innovatory.agreement.measures import (
    Agreement,
    Counts,
    Floats,
    Formula,
    by_ac1,
    by_distance,
    by_percent,
    masi,
    measured,
    ordinal,
)
from innovatory.errors import CodebookError

Codes = NDArray[np.int64]
Keep = Callable[["Answers"], Codes]

_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("dimension", "class", "by", "group", "measure"), pa.string()),
    **dict.fromkeys(("value", "low", "high"), pa.float64()),
    **dict.fromkeys(("units", "pairs"), pa.int64()),
}
COLUMNS = pa.schema(_TYPES)
"""The columns of `table` and `repeats`; a figure that cannot be told is null."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The classes of a dimension; `order` names those that come one after the other, if any do."""

    classes: tuple[str, ...]
    multi: bool = False
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to one dimension: `given[unit, coder]` is the place of a value, or -1.

    `months` has the place of each answer's month in `month_names`, which are in order ('' where it
    is not known); `languages` one text a unit. `values` are sets of classes, `distance` that of
    each two.
    """

    scale: Scale
    given: Codes
    months: Codes
    month_names: tuple[str, ...]
    languages: NDArray[np.str_]
    coders: tuple[str, ...]
    units: tuple[str, ...]
    values: tuple[frozenset[str], ...]
    distance: Floats

    def counts(self, keep: Codes | None = None) -> Counts:
        """How often each value was given to each unit; `keep` may be other answers of its shape."""
        given = self.given if keep is None else keep
        size = len(self.values)
        unit, _ = np.nonzero(given >= 0)
        places = unit * size + given[given >= 0]
        return np.bincount(places, minlength=len(given) * size).reshape(len(given), size)


def table(
    codings: pa.Table,
    dimensions: Mapping[str, Scale],
    *,
    only: Collection[str] | None = None,
    seed: int = 0,
) -> pa.Table:
    """How far coders agree on each dimension and class, and by pair, month and language.

    `codings` has a row for each coder's answer: record_id, coder_id, dimension, value (classes
    joined by '|') and, where they are known, month (YYYY-MM) and language of the record. `only`
    are the records that were drawn for double coding at random (None: all). Of several answers by
    one coder to one question the first counts; `repeats` compares them.

    Returns COLUMNS: class '' is the dimension as a whole, otherwise that class against the rest; a
    unit belongs to the latest month of its answers. `alpha` is nominal, or by MASI distance where
    several classes may be given; `alpha_ordinal` is added for classes with an order, the others
    being taken as missing. The whole of a multi dimension has no `ac1`: the number of possible
    sets leaves it without a chance term that means anything. Raises CodebookError for an answer
    that is no class of its dimension.

    >>> rows = [("r1", "yes", "yes"), ("r2", "no", "no"), ("r3", "yes", "no"), ("r4", "yes", "yes")]
    >>> codings = pa.Table.from_pylist([
    ...     {"record_id": r, "coder_id": c, "dimension": "a", "value": v}
    ...     for r, *values in rows for c, v in zip(("ana", "bo"), values)])
    >>> found = table(codings, {"a": Scale(("yes", "no"))}).to_pylist()
    >>> [(row["measure"], round(row["value"], 3), row["units"]) for row in found[:3]]
    [('alpha', 0.533, 4), ('ac1', 0.529, 4), ('percent', 0.75, 4)]
    """
    found: list[dict[str, object]] = []
    for dimension, scale in dimensions.items():
        answers = read(codings, dimension, scale, only=only)
        for group, given in _groups(answers):
            _measure(found, answers, given, dimension, group, seed)
        _measure_classes(found, answers, dimension, seed)
    return pa.Table.from_pylist(found, schema=COLUMNS)


def repeats(codings: pa.Table, dimensions: Mapping[str, Scale], *, seed: int = 0) -> pa.Table:
    """How far coders agree with themselves where they coded a record again without being told.

    `codings` as for `table`, with more than one row where a coder answered again; a unit is a
    record and a coder. Returns COLUMNS with by `repeat` and the coder as the group ('' for all).

    >>> codings = pa.Table.from_pylist([
    ...     {"record_id": r, "coder_id": "ana", "dimension": "a", "value": v}
    ...     for r, v in [("r1", "x"), ("r1", "x"), ("r2", "y"), ("r2", "x"), ("r3", "x")]])
    >>> found = repeats(codings, {"a": Scale(("x", "y"))}).to_pylist()
    >>> [(row["group"], row["value"], row["units"]) for row in found if row["measure"] == "percent"]
    [('', 0.5, 2), ('ana', 0.5, 2)]
    """
    found: list[dict[str, object]] = []
    for dimension, scale in dimensions.items():
        answers = read(_as_occasions(codings), dimension, scale)
        coders = np.array([unit.partition("\n")[0] for unit in answers.units], dtype=np.str_)
        for coder in ("", *sorted(set(coders.tolist()))):
            given = answers.given[coders == coder] if coder else answers.given
            _measure(found, answers, given, dimension, ("repeat", coder), seed)
    return pa.Table.from_pylist([row for row in found if row["units"]], schema=COLUMNS)


def confusion(codings: pa.Table, dimension: str, scale: Scale, *, first: str, second: str,
              only: Collection[str] | None = None) -> pa.Table:  # fmt: skip
    """How often one coder says one thing where another says another, most often first.

    Returns the columns `first` and `second` (values, classes joined by '|') and `records`.

    >>> codings = pa.table({"record_id": ["r1", "r1", "r2"], "coder_id": ["ana", "bo", "ana"],
    ...                     "dimension": ["a"] * 3, "value": ["x", "y", "x"]})
    >>> confusion(codings, "a", Scale(("x", "y")), first="ana", second="bo").to_pylist()
    [{'first': 'x', 'second': 'y', 'records': 1}]
    """
    answers = read(codings, dimension, scale, only=only)
    rows: list[dict[str, object]] = []
    if first in answers.coders and second in answers.coders:
        one, other = (answers.given[:, answers.coders.index(name)] for name in (first, second))
        both = (one >= 0) & (other >= 0)
        pairs, often = np.unique(
            np.stack([one[both], other[both]], axis=1), axis=0, return_counts=True
        )
        names = ["|".join(c for c in scale.classes if c in value) for value in answers.values]
        for place in np.argsort(-often, kind="stable"):
            a, b = pairs[place]
            rows.append({"first": names[a], "second": names[b], "records": int(often[place])})
    types: dict[str, pa.DataType] = dict.fromkeys(("first", "second"), pa.string())
    return pa.Table.from_pylist(rows, schema=pa.schema(types | {"records": pa.int64()}))


def read(
    codings: pa.Table, dimension: str, scale: Scale, *, only: Collection[str] | None = None
) -> Answers:
    """The answers to one dimension as arrays, records and coders in the order of their names.

    Raises CodebookError for an answer that is no class of the dimension.
    """
    asked = codings.filter(pc.equal(codings["dimension"].cast(pa.string()), pa.scalar(dimension)))
    if only is not None:
        wanted = pa.array(sorted(only), pa.string())
        asked = asked.filter(pc.is_in(asked["record_id"].cast(pa.string()), wanted))
    units, unit = _coded(asked["record_id"])
    coders, coder = _coded(asked["coder_id"])
    texts, text = _coded(asked["value"])
    values, place = _values(texts, dimension, scale)
    given = np.full((len(units), len(coders)), -1, dtype=np.int64)
    # The first answer wins: of several assignments to one place the last one stays.
    given[unit[::-1], coder[::-1]] = place[text[::-1]]
    months: Codes = np.full(given.shape, -1, dtype=np.int64)
    month_names: tuple[str, ...] = ("",)
    languages = np.full(len(units), "", dtype="<U35")
    if "month" in asked.column_names:
        month_names, month = _coded(asked["month"])
        months[unit[::-1], coder[::-1]] = month[::-1]
    if "language" in asked.column_names:
        names, language = _coded(asked["language"])
        languages[unit[::-1]] = np.array(names, dtype="<U35")[language[::-1]]
    distance = masi(values) if scale.multi else 1 - np.eye(len(values))
    return Answers(scale, given, months, month_names, languages, coders, units, values, distance)


def _coded(column: Any) -> tuple[tuple[str, ...], Codes]:
    """The different texts of a column in their order, and the place of each row's; null is ''."""
    texts: Any = column.cast(pa.string()).combine_chunks().fill_null("")
    coded = texts.dictionary_encode()
    names = np.array(coded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return tuple(names[order].tolist()), rank[coded.indices.to_numpy()]


def _values(
    texts: tuple[str, ...], dimension: str, scale: Scale
) -> tuple[tuple[frozenset[str], ...], Codes]:
    """The values that answers can take, and which of them each text is."""
    sets = [frozenset(text.split("|")) for text in texts]
    for text, value in zip(texts, sets, strict=True):
        if strange := value - set(scale.classes):
            raise CodebookError(
                f"{dimension}: {min(strange)!r} is not among its classes; "
                "leave out the codings of another codebook"
            )
        if len(value) > 1 and not scale.multi:
            raise CodebookError(f"{dimension}: {text!r} is more than the one class it takes")
    if scale.multi:
        values = sorted(set(sets), key=sorted)
    else:
        values = [frozenset([name]) for name in scale.classes]
    places = {value: n for n, value in enumerate(values)}
    return tuple(values), np.array([places[value] for value in sets], dtype=np.int64)


def _groups(answers: Answers) -> Iterator[tuple[tuple[str, str], Codes]]:
    """Which answers are looked at together: all, those of two coders, of a month, a language."""
    yield ("", ""), answers.given
    for a, b in combinations(range(len(answers.coders)), 2):
        given = answers.given[:, [a, b]]
        if (given >= 0).all(axis=1).any():
            yield ("pair", f"{answers.coders[a]}|{answers.coders[b]}"), given
    latest = np.array(["", *answers.month_names])[answers.months.max(axis=1, initial=-1) + 1]
    for by, names in (("month", latest), ("language", answers.languages)):
        for name in sorted(set(names.tolist()) - {""}):
            yield (by, name), answers.given[names == name]


def _measure(
    found: list[dict[str, object]],
    answers: Answers,
    given: Codes,
    dimension: str,
    group: tuple[str, str],
    seed: int,
) -> None:
    """Append the measures of a dimension as a whole."""
    counts = answers.counts(given)
    formulas: dict[str, Formula] = {"alpha": by_distance(answers.distance), "percent": by_percent}
    if not answers.scale.multi:
        formulas = {"alpha": by_distance(), "ac1": by_ac1, "percent": by_percent}
    key = (dimension, "", *group)
    _append(found, key, measured(counts, formulas, seed=cell_seed(seed, key)))
    if answers.scale.order:
        places = [answers.values.index(frozenset([name])) for name in answers.scale.order]
        ranked = measured(
            counts[:, places], {"alpha_ordinal": ordinal}, seed=cell_seed(seed, (*key, "ordinal"))
        )
        _append(found, key, ranked)


def _measure_classes(
    found: list[dict[str, object]],
    answers: Answers,
    dimension: str,
    seed: int,
) -> None:
    """Append the measures of each class against the rest, over all answers."""
    counts = answers.counts()
    formulas: dict[str, Formula] = {"alpha": by_distance(), "ac1": by_ac1, "percent": by_percent}
    for name in answers.scale.classes:
        says = np.array([name in value for value in answers.values], dtype=np.int64)
        binary = counts @ np.stack([says, 1 - says], axis=1)
        key = (dimension, name, "", "")
        _append(found, key, measured(binary, formulas, seed=cell_seed(seed, key)))


def cell_seed(seed: int, key: tuple[str, ...]) -> list[int]:
    """A seed of its own for each cell, so that a new dimension changes no other's interval.

    >>> cell_seed(1, ("sector",)) == cell_seed(1, ("goal",))
    False
    """
    return [seed, zlib.crc32("\n".join(key).encode())]


def _append(
    found: list[dict[str, object]], key: tuple[str, ...], results: Mapping[str, Agreement]
) -> None:
    dimension, name, by, group = key
    for measure, result in results.items():
        figures = {
            part: None if np.isnan(figure := getattr(result, part)) else figure
            for part in ("value", "low", "high")
        }
        found.append({"dimension": dimension, "class": name, "by": by, "group": group,
                      "measure": measure, **figures, "units": result.units,
                      "pairs": result.pairs})  # fmt: skip


def _as_occasions(codings: pa.Table) -> pa.Table:
    """The codings with a coder and record as the unit, and the first, second ... time as coder."""
    rows = codings.select(["record_id", "coder_id", "dimension", "value"]).to_pylist()
    times: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (row["coder_id"], row["record_id"], row["dimension"])
        times[key] = times.get(key, 0) + 1
        row["record_id"] = f"{row['coder_id']}\n{row['record_id']}"
        row["coder_id"] = f"{times[key]:06d}"
    columns = ("record_id", "coder_id", "dimension", "value")
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in columns]))
