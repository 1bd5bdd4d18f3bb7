"""The records of an edition and what its reference coders say of them, as arrays.

A *pair* is a record and one of its coders. A *cell* is a class of a dimension within a population
(and a class of another dimension, or a city). Whether a pair belongs to a cell is known for coded
pairs; for every record the machine coder says how likely it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from innovatory.codebook import Codebook, RollUp
from innovatory.edition.counts import CITY, COLUMNS, Count, Population, asked_of_coders, is_coded
from innovatory.engine import Engine, quoted

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What pairs say on one dimension: `answered` (pairs,), `said` (pairs, classes)."""

    answered: Bools
    said: Bools


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draw: the dimensions it was for (none: all), and by record the chance and the outcome."""

    id: str
    design: str
    target: frozenset[str]
    chance: Floats
    drawn: Bools

    def serves(self, asked: Iterable[str]) -> bool:
        """Whether records were drawn to be coded on all these dimensions."""
        return not self.target or set(asked) <= self.target


@dataclass(frozen=True)
class Frame:
    """One edition's records in the order of their ids, their pairs, draws and predictions.

    `predicted` holds (records, classes) probabilities of the dimensions that were predicted;
    `second` marks the records that a draw sent to a second coder.
    """

    record_ids: tuple[str, ...]
    kind: NDArray[np.str_]
    second: Bools
    pair_row: Ints
    classes: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, Answers]
    known: Mapping[str, Floats]
    draws: tuple[Drawn, ...]
    predicted: Mapping[str, Floats]

    def rows(self, kind: str) -> Bools:
        """Which records are of a kind; '' means all."""
        return self.kind == kind if kind else np.ones(len(self.record_ids), bool)

    def labelled(self, asked: Sequence[str]) -> Bools:
        """The records for which some coder answered all that is asked."""
        found = np.zeros(len(self.record_ids), bool)
        found[self.pair_row[self.answering(asked)]] = True
        return found

    def answering(self, asked: Sequence[str]) -> Bools:
        """The pairs that answer all that is asked."""
        every = np.ones(len(self.pair_row), bool)
        for dimension in asked:
            every &= self.answers[dimension].answered
        return every


def load(engine: Engine, book: Codebook, *, dimensions: Sequence[str]) -> Frame:
    """The frame of the edition in the engine, with the coded `dimensions` that are needed.

    The table `predictions` need not hold all of them: of a dimension that people answered for
    every record it is known what to expect.
    """
    rows = engine.query(f"SELECT record_id, {', '.join(COLUMNS.values())} FROM records "
                        "ORDER BY record_id")  # fmt: skip
    ids = tuple(map(str, rows["record_id"].to_pylist()))
    row_of = {record_id: n for n, record_id in enumerate(ids)}
    naming: dict[str, list[str]] = {}
    for named in engine.rows("SELECT dimension, class FROM naming ORDER BY dimension, ord, class"):
        naming.setdefault(named["dimension"], []).append(named["class"])
    classes = {name: tuple(found) for name, found in naming.items()}
    known = {
        dimension: _one_hot(rows[column].to_pylist(), classes.get(dimension, ()))
        for dimension, column in COLUMNS.items()
    }
    known[CITY] = np.zeros((len(ids), len(classes.get(CITY, ()))))
    place = {city: n for n, city in enumerate(classes.get(CITY, ()))}
    for seat in engine.rows("SELECT DISTINCT record_id, city_id, fraction FROM places "
                            "WHERE in_panel"):  # fmt: skip
        known[CITY][row_of[seat["record_id"]], place[seat["city_id"]]] = seat["fraction"]
    pair_row, answers = _answers(engine, row_of, classes, dimensions)
    expected = {d: _votes(pair_row, answers[d], len(ids)) for d in dimensions}
    expected |= _predicted(engine, row_of, classes)
    for derived in book.derived:
        if isinstance(derived.how, RollUp) and derived.how.of in expected:
            expected[derived.id] = _rolled(derived.how, expected[derived.how.of], classes,
                                           derived.id, multi=derived.multi)  # fmt: skip
    return Frame(
        ids, np.array(rows["kind"].to_pylist(), str), _second(engine, row_of), pair_row, classes,
        answers, known, tuple(_draws(engine, row_of)), expected,
    )  # fmt: skip


def _votes(pair_row: Ints, answers: Answers, records: int) -> Floats:
    """The share of each record's coders who chose each class."""
    votes = np.zeros((records, answers.said.shape[1]))
    np.add.at(votes, pair_row, answers.said.astype(float))
    coders = np.bincount(pair_row[answers.answered], minlength=records)
    return votes / np.maximum(coders, 1)[:, None]


def _predicted(
    engine: Engine, row_of: Mapping[str, int], classes: Mapping[str, Sequence[str]]
) -> dict[str, Floats]:
    """The table `predictions` as one array for each dimension."""
    found: dict[str, Floats] = {}
    told = engine.query("SELECT dimension, record_id, class, probability FROM predictions")
    names: list[Any] = told["dimension"].unique().to_pylist()
    for name in names:
        mine = told.filter(pc.field("dimension") == name)
        table = np.zeros((len(row_of), len(classes[name])))
        at = pc.index_in(mine["record_id"], pa.array(list(row_of)))
        column = pc.index_in(mine["class"], pa.array(list(classes[name])))
        table[at.to_numpy(), column.to_numpy()] = mine["probability"].to_numpy()
        found[name] = table
    return found


def _one_hot(values: Sequence[object], classes: Sequence[str]) -> Floats:
    table = np.zeros((len(values), len(classes)))
    place = {name: n for n, name in enumerate(classes)}
    for row, value in enumerate(values):
        if (found := place.get(str(value))) is not None:
            table[row, found] = 1
    return table


def _answers(
    engine: Engine,
    row_of: Mapping[str, int],
    classes: Mapping[str, Sequence[str]],
    dimensions: Sequence[str],
) -> tuple[Ints, dict[str, Answers]]:
    listed = ", ".join(quoted(d) for d in dimensions) or "NULL"
    said = engine.rows(
        "SELECT record_id, coder_id, dimension, class FROM judgements WHERE "
        f"dimension IN ({listed}) ORDER BY ALL"
    )
    pairs: dict[tuple[str, str], int] = {}
    for row in said:
        pairs.setdefault((row["record_id"], row["coder_id"]), len(pairs))
    found = {
        d: Answers(np.zeros(len(pairs), bool), np.zeros((len(pairs), len(classes[d])), bool))
        for d in dimensions
    }
    place = {d: {name: n for n, name in enumerate(classes[d])} for d in dimensions}
    for row in said:
        pair, dimension = pairs[row["record_id"], row["coder_id"]], row["dimension"]
        found[dimension].answered[pair] = True
        found[dimension].said[pair, place[dimension][row["class"]]] = True
    return np.array([row_of[record_id] for record_id, _ in pairs], np.int64), found


def _rolled(
    how: RollUp, probability: Floats, classes: Mapping[str, Sequence[str]], name: str, *,
    multi: bool,
) -> Floats:  # fmt: skip
    """The probabilities of the classes that a roll-up shows; of several, that of any of them."""
    into = dict(how.into)
    table = np.zeros((len(probability), len(classes[name])))
    for n, target in enumerate(classes[name]):
        parts = [i for i, c in enumerate(classes[how.of]) if into[c] == target]
        chosen = probability[:, parts]
        table[:, n] = 1 - np.prod(1 - chosen, axis=1) if multi else chosen.sum(axis=1)
    return table


def _second(engine: Engine, row_of: Mapping[str, int]) -> Bools:
    found = np.zeros(len(row_of), bool)
    for row in engine.rows("SELECT record_id FROM draws WHERE second AND design <> 'repeat'"):
        found[row_of[row["record_id"]]] = True
    return found


def _draws(engine: Engine, row_of: Mapping[str, int]) -> Iterator[Drawn]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in engine.rows("SELECT * FROM draws WHERE design <> 'repeat' ORDER BY ALL"):
        rows.setdefault(row["draw_id"], []).append(row)
    for draw_id, members in rows.items():
        chance, drawn = np.zeros(len(row_of)), np.zeros(len(row_of), bool)
        for row in members:
            at = row_of[row["record_id"]]
            chance[at], drawn[at] = row["probability"], row["drawn"]
        target = frozenset(filter(None, members[0]["target"].split("|")))
        yield Drawn(draw_id, members[0]["design"], target, chance, drawn)


@dataclass(frozen=True, slots=True)
class Cells:
    """One group of a count table, for the labelled records `units` that it may hold.

    `top` and `bottom` hold what a record counts on average, at the smallest and at the largest
    share, each (units, classes); `*_predicted` what the machine expects of it; `*_total`
    (classes,) the same summed over all records. `within` is the most that a record can count, by
    what is known beforehand of kind and city, and `size` its sum over all records; `base_within`
    and `base_size` are those of the bottom.
    """

    group: str
    units: Ints
    doubled: Bools
    top: tuple[Floats, Floats, Floats]
    bottom: tuple[Floats, Floats, Floats]
    top_predicted: Floats
    bottom_predicted: Floats
    top_total: Floats
    bottom_total: Floats
    within: Floats
    size: Floats
    base_within: Floats
    base_size: Floats
    disputed: Ints


def beside(groups: Sequence[Cells]) -> Cells:
    """The cells of several groups of one table as one, class after class, group after group."""
    if len(groups) == 1:
        return groups[0]
    same = {name: getattr(groups[0], name) for name in ("group", "units", "doubled")}
    found: dict[str, Any] = {}
    for name in [f.name for f in fields(Cells) if f.name not in same]:
        parts = [getattr(group, name) for group in groups]
        if isinstance(parts[0], tuple):
            found[name] = tuple(np.hstack(part) for part in zip(*parts, strict=True))
        else:
            found[name] = np.hstack(parts)
    return Cells(**same, **found)


def cells(
    frame: Frame, count: Count, population: Population, *, way: str, covered: Bools
) -> Iterator[Cells]:
    """The groups of a count table for a population and a way of counting, `covered` records only.

    Let a labelled record have k coders who answered all that is asked, m of whom put it into the
    population (and group), and n of these into the class. It is in the cell by n/k; surely if
    n = k, possibly if n > 0. The base of the smallest share is then [n = k] + [m > n], that of
    the largest [n > 0] + [m = k and n = 0], as in `counts`.
    """
    inside = covered & frame.rows(population.kind)
    asked = asked_of_coders(count, population)
    pairs = np.flatnonzero(frame.answering(asked) & inside[frame.pair_row])
    pairs = pairs[np.argsort(frame.pair_row[pairs], kind="stable")]
    units, k = np.unique(frame.pair_row[pairs], return_counts=True)
    starts = np.cumsum(k) - k
    doubled = _doubled(frame, units, k)
    member, expected = np.ones(len(pairs), bool), inside.astype(float)
    for dimension, class_ in population.answers:
        at = frame.classes[dimension].index(class_)
        member &= frame.answers[dimension].said[pairs, at]
        expected = expected * frame.predicted[dimension][:, at]
    said, likely, weight = _classes(frame, count.dimension, pairs, way)
    here = np.ones(likely.shape) if is_coded(count.dimension) else likely
    for group, in_group, likely_group, group_weight in _groups(frame, count.within, pairs, way):
        belongs = member & in_group
        votes = _votes_of(said & belongs[:, None], starts), _votes_of(belongs[:, None], starts)
        possible = 1.0 if is_coded(count.within) else likely_group
        base = _spread(expected * likely_group * group_weight, likely.shape)
        most_base = _spread(inside * possible * group_weight, likely.shape)
        cell, most = base * likely * weight, most_base * here * weight
        top, bottom = _counted(*votes, k=k[:, None], base=group_weight[units][:, None],
                               cell=weight[units])  # fmt: skip
        yield Cells(
            group, units, doubled, top, bottom, cell[units], base[units], cell.sum(axis=0),
            base.sum(axis=0), most[units], most.sum(axis=0), most_base[units],
            most_base.sum(axis=0), ((votes[0] > 0) & (votes[0] < k[:, None])).sum(axis=0),
        )  # fmt: skip


def _doubled(frame: Frame, units: Ints, k: Ints) -> Bools:
    """The records whose disputes stand for those of others: coded twice, by a draw if one says so.

    What somebody chose to code twice is disputed more often than the rest.
    """
    twice = k > 1
    by_draw: Bools = twice & frame.second[units]
    return by_draw if by_draw.any() else twice


def _spread(values: Floats, shape: tuple[int, ...]) -> Floats:
    """One value a record as one a record and class."""
    return values[:, None] * np.ones(shape)


def _votes_of(said: Bools, starts: Ints) -> Floats:
    """How many of each record's pairs say so; pairs of a record follow one another."""
    if not len(starts):
        return np.zeros((0, said.shape[1]))
    summed: Floats = np.add.reduceat(said, starts, axis=0, dtype=float)
    return summed


def _counted(
    n: Floats, m: Floats, *, k: Ints, base: Floats, cell: Floats
) -> tuple[tuple[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]:
    """What records count in the top and bottom: on average, at the smallest and largest share.

    A record of which only a part is in the cell (one of several cities, in equal parts) brings the
    rest of it into the bottom too, which may make the share smaller than leaving it out.
    """
    weight = base * cell
    top = (n / k * weight, (n == k) * weight, (n > 0) * weight)
    wide = base * np.ones(cell.shape)
    rest = ((m == n) & (n > 0) & (n < k)) * (wide - weight)
    bottom = (
        m / k * wide,
        ((n == k) | (m > n)) * wide + rest,
        (m == k) * wide + ((n > 0) & (m < k)) * weight,
    )
    return top, bottom


def _classes(
    frame: Frame, dimension: str, pairs: Ints, way: str
) -> tuple[Bools, Floats, Floats]:  # fmt: skip
    """Which class each pair says, how likely each record's are, and the weight of being in it."""
    ones = np.ones((len(frame.record_ids), len(frame.classes.get(dimension, ()))))
    if is_coded(dimension):
        return frame.answers[dimension].said[pairs], frame.predicted[dimension], ones
    table = frame.known[dimension]
    here = table > 0
    return here[frame.pair_row[pairs]], here.astype(float), table if way == "fractional" else ones


def _groups(
    frame: Frame, within: str, pairs: Ints, way: str
) -> Iterator[tuple[str, Bools, Floats, Floats]]:
    """Each group: its class, which pairs are in it, how likely each record is, and its weight."""
    ones = np.ones(len(frame.record_ids))
    if not within:
        yield "", np.ones(len(pairs), bool), ones, ones
        return
    said, likely, weight = _classes(frame, within, pairs, way)
    for n, group in enumerate(frame.classes.get(within, ())):
        yield group, said[:, n], likely[:, n], weight[:, n]
