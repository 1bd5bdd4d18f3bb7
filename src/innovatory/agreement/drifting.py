"""Drift: whether a coder agrees with the others less, or more, in one month than in the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from innovatory.agreement.measures import REPLICATES, SMALLEST, Floats
from innovatory.agreement.tables import Answers, Scale, cell_seed, read

PERMUTATIONS = 1_000
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("coder_id", "dimension", "month"), pa.string()),
    **dict.fromkeys(("value", "low", "high", "rest", "p_value"), pa.float64()),
    "units": pa.int64(),
    "drifted": pa.bool_(),
}
COLUMNS = pa.schema(_TYPES)
"""The columns of `drift`; a figure that cannot be told is null."""


def drift(
    codings: pa.Table,
    dimensions: Mapping[str, Scale],
    *,
    only: Collection[str] | None = None,
    seed: int = 0,
    level: float = 0.05,
) -> pa.Table:
    """Each coder's agreement with the others month by month, against the coder's other months.

    `codings` as for `tables.table`, with the column month. The agreement of a coder on a record is
    the share of the others who give the same answer (several classes: 1 - MASI distance, on
    average); dimension '' is the mean over all dimensions of a record. `value` is the mean of the
    month with a bootstrap interval, `rest` that of the coder's other months. `p_value` is that of
    a permutation test of value against rest, corrected for the number of months of the coder and
    dimension (Holm); `drifted` says whether it is below `level`. Months with fewer than 10 records
    have a value alone.

    >>> codings = pa.Table.from_pylist([
    ...     {"record_id": f"r{n}", "coder_id": coder, "dimension": "a", "month": f"2026-0{n // 40}",
    ...      "value": "no" if n >= 80 and n % 2 and coder == "bo" else "yes"}
    ...     for n in range(40, 120) for coder in ("ana", "bo")])
    >>> found = drift(codings, {"a": Scale(("yes", "no"))}).to_pylist()
    >>> [(r["month"], r["value"], r["drifted"]) for r in found if r["coder_id"] == "bo"][:2]
    [('2026-01', 1.0, True), ('2026-02', 0.5, True)]
    """
    every: dict[str, dict[str, tuple[str, list[float]]]] = {}
    rows: list[dict[str, object]] = []
    for dimension, scale in dimensions.items():
        answers = read(codings, dimension, scale, only=only)
        for place, coder in enumerate(answers.coders):
            agreement = _with_others(answers, place)
            months = np.array(["", *answers.month_names])[answers.months[:, place] + 1]
            chosen = ~np.isnan(agreement) & (months != "")
            rows += _months(coder, dimension, months[chosen], agreement[chosen], seed, level)
            records = every.setdefault(coder, {})
            for unit in np.flatnonzero(chosen):
                month = str(months[unit])
                _, told = records.setdefault(answers.units[unit], (month, []))
                told.append(float(agreement[unit]))
    whole: list[dict[str, object]] = []
    for coder, records in sorted(every.items()):
        ordered = [records[name] for name in sorted(records)]
        months = np.array([month for month, _ in ordered], dtype=np.str_)
        means = np.array([sum(told) / len(told) for _, told in ordered], dtype=np.float64)
        whole += _months(coder, "", months, means, seed, level)
    return pa.Table.from_pylist(whole + rows, schema=COLUMNS)


def _with_others(answers: Answers, place: int) -> Floats:
    """The mean agreement of one coder with the others on each unit; not a number without any."""
    mine = answers.given[:, [place]]
    others = np.delete(answers.given, place, axis=1)
    both = (mine >= 0) & (others >= 0)
    same = np.where(both, 1 - answers.distance[mine, others], 0.0) if both.any() else both * 0.0
    number = both.sum(axis=1)
    agreement = np.full(len(mine), np.nan)
    np.divide(same.sum(axis=1), number, out=agreement, where=number > 0)
    return agreement


def _months(
    coder: str, dimension: str, months: NDArray[np.str_], agreement: Floats, seed: int, level: float
) -> list[dict[str, object]]:
    """The rows of one coder and dimension."""
    names, month = np.unique(months, return_inverse=True)
    units = np.bincount(month, minlength=len(names))
    sums = np.bincount(month, weights=agreement, minlength=len(names))
    draws = np.random.default_rng(cell_seed(seed, ("drift", coder, dimension)))
    large = units >= SMALLEST
    testable = large & (len(agreement) - units >= SMALLEST)
    p_values = _holm(_permuted(agreement, month, draws), testable)
    rows: list[dict[str, object]] = []
    for n, name in enumerate(names):
        rest = len(agreement) - units[n]
        low, high = _interval(agreement[month == n], draws) if large[n] else (None, None)
        p_value = float(p_values[n]) if testable[n] else None
        rows.append(
            {"coder_id": coder, "dimension": dimension, "month": str(name),
             "value": float(sums[n] / units[n]), "low": low, "high": high,
             "rest": float((sums.sum() - sums[n]) / rest) if rest else None,
             "p_value": p_value, "units": int(units[n]),
             "drifted": None if p_value is None else p_value < level}
        )  # fmt: skip
    return rows


def _interval(agreement: Floats, draws: np.random.Generator) -> tuple[float, float]:
    size = len(agreement)
    if agreement.min() == 1:
        return float(0.025 ** (1 / size)), 1.0
    chosen = draws.integers(0, size, size=(REPLICATES, size))
    low, high = np.quantile(agreement[chosen].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _permuted(agreement: Floats, month: NDArray[np.int64], draws: np.random.Generator) -> Floats:
    """The two-sided p-value of each month's mean against that of the others, by permutation."""
    size, number = len(agreement), int(month.max(initial=-1)) + 1
    if number < 2:
        return np.ones(number)
    units = np.bincount(month)
    starts = np.concatenate([[0], np.cumsum(units)[:-1]])

    def apart(values: Floats) -> Floats:
        sums = np.add.reduceat(values, starts, axis=-1)
        rest = values.sum(axis=-1, keepdims=True) - sums
        return np.asarray(np.abs(sums / units - rest / (size - units)))

    ordered = agreement[np.argsort(month, kind="stable")]
    seen = apart(ordered[None, :])
    extreme = np.ones(number)
    for _ in range(PERMUTATIONS // 100):
        shuffled = draws.permuted(np.tile(ordered, (100, 1)), axis=1)
        extreme += (apart(shuffled) >= seen - 1e-12).sum(axis=0)
    return np.asarray(extreme / (PERMUTATIONS + 1))


def _holm(p_values: Floats, tested: NDArray[np.bool_]) -> Floats:
    """The p-values corrected for being several (Holm 1979), of those that are tested."""
    corrected = p_values.copy()
    places = np.flatnonzero(tested)[np.argsort(p_values[tested], kind="stable")]
    steps = np.arange(len(places), 0, -1) * p_values[places]
    corrected[places] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
