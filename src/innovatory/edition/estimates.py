"""Counts and shares of all records where reference coders saw only some of them.

A count table whose questions were answered for every record is counted, and stays as it is. Where
some were answered, and records were drawn by design, each cell is estimated: what the machine
expects of all records, put right by the records that were drawn and coded (see `estimate`).
Records that were coded without having been drawn stand for themselves alone. Where nothing was
drawn nothing is said of the records that were not coded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from innovatory.edition.counts import (
    CITY,
    CODED,
    COUNTED,
    ESTIMATED,
    MODEL,
    Count,
    Population,
    asked_of_coders,
    name_of,
)
from innovatory.edition.frame import Bools, Cells, Drawn, Floats, Frame, beside, cells
from innovatory.estimate.difference import Domain, Estimate, Part, Sample, share, total
from innovatory.sampling import inclusion

_DIGITS = 6
# So many numbers are worked on at once, so that memory stays bounded.
_MOST_AT_ONCE = 1_000_000
_NUMBERS = ("count", "low", "high", "base", "share", "share_low", "share_high")

_TEXT: Any = pa.string()
_WHOLE: Any = pa.int64()
SAMPLES = pa.schema(
    [pa.field("asked", _TEXT), pa.field("kind", _TEXT), pa.field("records", _WHOLE),
     pa.field("frame", _WHOLE), pa.field("coded", _WHOLE), pa.field("drawn", _WHOLE),
     pa.field("doubled", _WHOLE), pa.field("draws", _TEXT), pa.field("basis", _TEXT)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basis:
    """What a count of a population can rest on.

    `covered` marks the records for which something can be said: those coded, and those that
    could have been drawn. `probability` is the chance by which a record was drawn and coded.
    """

    name: str
    asked: tuple[str, ...]
    kind: str
    covered: Bools
    labelled: Bools
    sampled: Bools
    probability: Floats
    draws: tuple[str, ...]


Known = dict[tuple[str, bytes, tuple[str, ...]], Floats]


def basis(
    frame: Frame, asked: Sequence[str], kind: str, *, known: Known | None = None
) -> Basis:  # fmt: skip
    """How the records of a kind came to be coded on all the dimensions `asked`.

    Chances are kept in `known`: most questions were put to the same records.
    """
    rows = frame.rows(kind)
    labelled = frame.labelled(asked) & rows
    serving = [
        draw for draw in frame.draws if draw.serves(asked) and (draw.drawn & labelled).any()
    ]  # fmt: skip
    sampled = np.zeros(len(rows), bool)
    covered = labelled.copy()
    for draw in serving:
        sampled |= draw.drawn & labelled
        covered |= ((draw.chance > 0) | draw.drawn) & rows
    name = COUNTED if (labelled == rows).all() else ESTIMATED if serving else CODED
    if name == CODED:
        covered = labelled
    known, draws = {} if known is None else known, tuple(draw.id for draw in serving)
    key = (kind, labelled.tobytes(), draws)
    if key not in known:
        chance = _chance(frame, serving, labelled, rows)
        known[key] = np.where(sampled, chance, 1.0)
    return Basis(name, tuple(asked), kind, covered, labelled, sampled, known[key], draws)


def _chance(frame: Frame, serving: Sequence[Drawn], labelled: Bools, rows: Bools) -> Floats:
    """The chance of each record to be drawn in any of the draws, and to be coded then.

    What part of a draw was coded is looked at among the records that are counted alone.
    """
    chances = [dict(zip(frame.record_ids, draw.chance.tolist(), strict=True)) for draw in serving]
    response = [
        float((draw.drawn & labelled).sum() / (draw.drawn & rows).sum()) for draw in serving
    ]
    found = inclusion(chances, response)
    return np.array([found.get(record_id, 0.0) for record_id in frame.record_ids])


def bases(frame: Frame, counted: Mapping[Count, Sequence[Population]]) -> dict[str, Basis]:
    """The basis of every question and kind that some count table asks, by `name_of`."""
    found: dict[str, Basis] = {}
    known: Known = {}
    for count, populations in counted.items():
        for population in populations:
            asked = asked_of_coders(count, population)
            if asked and name_of(asked, population.kind) not in found:
                found[name_of(asked, population.kind)] = basis(
                    frame, asked, population.kind, known=known
                )
    return found


def samples(frame: Frame, found: Mapping[str, Basis]) -> pa.Table:
    """The table `samples`: for each question and kind how the records were come by."""
    doubled = {name: _doubled(frame, basis) for name, basis in found.items()}
    rows = [
        {
            "asked": "+".join(sorted(b.asked)), "kind": b.kind,
            "records": int(frame.rows(b.kind).sum()), "frame": int(b.covered.sum()),
            "coded": int(b.labelled.sum()), "drawn": int(b.sampled.sum()),
            "doubled": doubled[name], "draws": "|".join(b.draws), "basis": b.name,
        }
        for name, b in sorted(found.items())
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def _doubled(frame: Frame, basis: Basis) -> int:
    pairs = frame.pair_row[frame.answering(basis.asked)]
    counted = np.bincount(pairs, minlength=len(frame.record_ids))
    return int(((counted > 1) & basis.labelled).sum())


def put(
    frame: Frame, count: Count, table: pa.Table, populations: Sequence[Population], *,
    found: Mapping[str, Basis],
) -> pa.Table:  # fmt: skip
    """A count table with what is estimated in the place of what was counted among the coded."""
    group, class_ = _keys(count)
    rows = table.to_pylist()
    changed = False
    for population in populations:
        asked = asked_of_coders(count, population)
        if not asked:
            continue
        stands = found[name_of(asked, population.kind)]
        if stands.name == COUNTED:
            continue
        changed = True
        mine = [row for row in rows if row["population"] == population.name]
        for row in mine:
            row["basis"] = stands.name
        if stands.name == ESTIMATED:
            for way in {row["counting"] for row in mine}:
                cell = _estimated(frame, count, population, way, stands)
                for row in mine:
                    key = (row[group] if group else "", row[class_])
                    if row["counting"] == way and key in cell:
                        row |= cell[key]
    return pa.Table.from_pylist(rows, schema=table.schema) if changed else table


def _keys(count: Count) -> tuple[str, str]:
    """The columns of a count table that hold the class of the group and that of the cell."""
    if not count.within:
        return "", "city_id" if count.dimension == CITY else "class"
    return "city_id" if count.within == CITY else count.within, count.dimension


Cell = dict[str, object]


def _estimated(
    frame: Frame, count: Count, population: Population, way: str, stands: Basis
) -> dict[tuple[str, str], Cell]:
    classes = frame.classes.get(count.dimension, ())
    found: dict[tuple[str, str], Cell] = {}
    for groups in _together(cells(frame, count, population, way=way, covered=stands.covered)):
        numbers = _numbers(beside(groups), stands)
        places = [(group.group, class_) for group in groups for class_ in classes]
        for n, place in enumerate(places):
            found[place] = {name: values[n] for name, values in numbers.items()}
    return found


def _together(groups: Iterable[Cells]) -> Iterator[list[Cells]]:
    """The groups of a table in batches: cells estimated together tell how far the machine errs."""
    batch: list[Cells] = []
    for group in groups:
        batch.append(group)
        if len(batch) * group.within.size >= _MOST_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _parts(group: Cells, stands: Basis) -> tuple[Part, Part, Sample]:
    top = Part(group.top_total, *group.top, group.top_predicted)
    bottom = Part(group.bottom_total, *group.bottom, group.bottom_predicted)
    return top, bottom, Sample(stands.probability[group.units], group.doubled)


def _numbers(group: Cells, stands: Basis) -> dict[str, list[object]]:
    """The columns of a count table for cells, in their order."""
    top, bottom, sample = _parts(group, stands)
    domain = Domain(group.size, group.within)
    base_domain = Domain(group.base_size, group.base_within)
    counted = total(top, sample, domain=domain)
    shared = share(top, bottom, sample, domain=base_domain)
    mean = bottom.mean
    base_part = Part(bottom.total, mean, mean, mean, bottom.predicted)
    base = total(base_part, sample, domain=base_domain).value
    audited = counted.audited & shared.audited
    numbers: dict[str, list[object]] = {}
    columns = zip(_NUMBERS, (counted.value, counted.low, counted.high, base, shared.value,
                             shared.low, shared.high), strict=True)  # fmt: skip
    for name, values in columns:
        numbers[name] = [round(float(v), _DIGITS) if np.isfinite(v) else None for v in values]
    numbers["labels"] = [int(n) for n in (group.bottom[0] > 0).sum(axis=0)]
    numbers["disputed"] = [int(n) for n in group.disputed]
    numbers["basis"] = [ESTIMATED if ok else MODEL for ok in audited]
    return numbers


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of all classes in one group, with what planning needs: (classes,) each."""

    group: str
    size: Floats
    value: Floats
    low: Floats
    high: Floats
    standard_error: Floats
    labels: Floats


def shares(
    frame: Frame, count: Count, population: Population, stands: Basis
) -> list[Shares]:  # fmt: skip
    """The shares of a count table for a population, a group at a time, with standard errors."""
    return [
        Shares(group.group, group.bottom_total, one.value, one.low, one.high,
               one.standard_error, one.labels)
        for group, one in _shared(frame, count, population, stands)
    ]  # fmt: skip


def _shared(
    frame: Frame, count: Count, population: Population, stands: Basis
) -> Iterator[tuple[Cells, Estimate]]:
    """Each group with its estimated shares."""
    for groups in _together(cells(frame, count, population, way="full", covered=stands.covered)):
        top, bottom, sample = _parts(every := beside(groups), stands)
        made = share(top, bottom, sample, domain=Domain(every.base_size, every.base_within))
        wide = len(groups[0].size)
        for n, group in enumerate(groups):
            mine = slice(n * wide, (n + 1) * wide)
            values = (getattr(made, field.name)[mine] for field in fields(Estimate))
            yield group, Estimate(*values)


def pooled(frame: Frame, count: Count, population: Population, class_: str, *,
           found: Mapping[str, Basis]) -> pa.Table | None:  # fmt: skip
    """The share of a class in each city, each city's own figure pooled with the others'.

    What is pooled is how far a city's estimate lies from what the machine expects of it: so the
    machine's error is taken to be alike in all cities, not their shares. None where the shares
    are counted, or too few cities have an estimate of their own.
    """
    stands = found[name_of(asked_of_coders(count, population), population.kind)]
    if stands.name != ESTIMATED:
        return None
    # Imported here because scipy.optimize, which it needs, takes long to import.
    from innovatory.estimate.pooling import pool

    at = frame.classes[count.dimension].index(class_)
    made = [(group, one) for group, one in _shared(frame, count, population, stands)
            if group.bottom_total[at] > 0]  # fmt: skip
    own, errors, labels = (
        np.array([getattr(one, name)[at] for _, one in made], float)
        for name in ("value", "standard_error", "labels")
    )
    machine = np.array([group.top_total[at] / group.bottom_total[at] for group, _ in made])
    result = pool(own - machine, errors, labels=labels)
    if result is None:
        return None
    ends = [np.clip(machine + values, 0, 1).round(_DIGITS).tolist()
            for values in (result.value, result.low, result.high)]  # fmt: skip
    columns = {
        "city_id": [group.group for group, _ in made],
        "labels": [int((group.bottom[0][:, at] > 0).sum()) for group, _ in made],
        "share": [round(float(v), _DIGITS) for v in own],
        "basis": [ESTIMATED if one.audited[at] else MODEL for _, one in made],
        "pooled": ends[0], "pooled_low": ends[1], "pooled_high": ends[2],
        "own_weight": result.own.round(_DIGITS).tolist(),
    }  # fmt: skip
    return pa.table(columns)
