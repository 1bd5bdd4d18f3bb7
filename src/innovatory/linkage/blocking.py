"""Which pairs of records are compared at all: those that share something rare, and near texts.

Every rule gives each record some keys; records that share a key make a *block*. No block gives
more than `cap` pairs a record: one larger than `cap` is cut into windows (records in the order of
their titles, each with the next few) where its key is telling, and left out where it is a word.
Pairs with a veto never leave this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix, diags, hstack

from innovatory.engine import Engine, quoted
from innovatory.linkage.marks import Vetoes
from innovatory.linkage.prepared import Prepared, hosts_of, parts

RULES = {
    "title": "the same title",
    "acronym": "the same acronym",
    "page": "the same page",
    "site": "the same site",
    "grant": "the same grant",
    "organisations": "two organisations in common",
    "organisation_city": "organisation and city",
    "word_city": "rare word of the title in the city",
    "word_year": "word of the title, city and year",
    "word": "rare word of the title",
    "near": "near in all words",
}
# Over the cap these are cut into windows; the others are then no longer telling.
TELLING = ("title", "acronym", "page", "grant")
CHUNK = 1_000
CROSSED = 10
"""Cities of a record that are joined with its words; one in fifty places is met by other rules."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How far linkage looks and what it does with a score.

    `cap` is the largest block of a rule, `neighbours` how many near texts a record is compared
    with, `near` the least cosine of those, `common` how many records may share a word that counts
    for nearness; `merge` and `review` are the least probabilities of these decisions.
    """

    cap: int = 12
    neighbours: int = 8
    near: float = 0.1
    common: int = 300
    merge: float = 0.93
    review: float = 0.25


_STAGES = (
    """CREATE TABLE sized AS
       SELECT rule, key, count(*) AS size FROM given GROUP BY rule, key
       HAVING count(*) BETWEEN 2 AND {cap} OR (count(*) > 1 AND rule IN ({telling}))""",
    """CREATE TABLE block AS
       SELECT rule, key, n, row_number() OVER (PARTITION BY rule, key ORDER BY place) AS turn
       FROM given JOIN sized USING (rule, key) JOIN record USING (n)""",
    """CREATE TABLE met AS
       SELECT x.rule, least(x.n, y.n) AS a, greatest(x.n, y.n) AS b
       FROM (SELECT *, unnest(range(1, {cap})) AS step FROM block) x
       JOIN block y ON x.rule = y.rule AND x.key = y.key AND y.turn = x.turn + x.step
       UNION ALL SELECT 'near', a, b FROM neighbour""",
    """CREATE TABLE half AS
       SELECT a, b, rules, phase, years, grants
       FROM (SELECT a, b, CAST(bit_or(1 << (list_position([{rules}], rule) - 1)) AS BIGINT) AS rules
             FROM met GROUP BY a, b) JOIN record ON n = a""",
)
_ALLOWED = """
    SELECT a, b, rules FROM half JOIN record s ON s.n = b ANTI JOIN apart USING (a, b)
    WHERE half.phase = s.phase
      AND (len(half.years) = 0 OR len(s.years) = 0 OR list_has_any(half.years, s.years))
      AND (len(half.grants) = 0 OR len(s.grants) = 0 OR list_has_any(half.grants, s.grants))
    ORDER BY a, b"""

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[str]]


def blocked(prepared: Prepared, settings: Settings, *, vetoes: Vetoes) -> Pairs:
    """The pairs to compare as two arrays of places in `prepared.ids` (a < b), with their rules.

    Rules stand in the order of RULES, joined by '|'. No pair is vetoed.
    """
    with Engine() as engine:
        engine.table("record", _record_table(prepared))
        engine.table("given", _keys(prepared))
        engine.table("neighbour", _neighbours(prepared, settings))
        engine.table("apart", _apart(prepared, vetoes))
        # Stage by stage: as one statement the planner joins all of one phase and fills the disk.
        for statement in _STAGES:
            engine.run(
                statement.format(cap=settings.cap, telling=_listed(TELLING), rules=_listed(RULES))
            )
        found = engine.query(_ALLOWED)
    rules: list[Any] = found["rules"].to_pylist()
    names = {bits: "|".join(_rules(bits)) for bits in set(rules)}
    a, b = (found[side].to_numpy().astype(np.int64) for side in ("a", "b"))
    return a, b, [names[bits] for bits in rules]


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(quoted, texts))


def _rules(bits: int) -> Iterator[str]:
    return (rule for n, rule in enumerate(RULES) if bits >> n & 1)


def _record_table(prepared: Prepared) -> pa.Table:
    """One row a record with its marks, and its place among all in the order of titles."""
    order = sorted(range(len(prepared.ids)), key=lambda n: (prepared.titles[n], n))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    marks = prepared.marks
    return pa.table(
        {
            "n": pa.array(range(len(order)), pa.int64()),
            "place": place,
            "phase": pa.array([m.phase for m in marks], pa.int64()),
            "years": pa.array([sorted(m.years) for m in marks], pa.list_(pa.int64())),
            "grants": pa.array([sorted(m.grants) for m in marks], pa.list_(pa.string())),
        }
    )


def _apart(prepared: Prepared, vetoes: Vetoes) -> pa.Table:
    number = {record_id: n for n, record_id in enumerate(prepared.ids)}
    known = [sorted(number[i] for i in pair if i in number) for pair in vetoes.apart]
    pairs = sorted(pair for pair in known if len(pair) == 2)
    return pa.table(
        {side: pa.array([pair[n] for pair in pairs], pa.int64()) for n, side in enumerate("ab")}
    )


def _keys(prepared: Prepared) -> pa.Table:
    rules: list[int] = []
    keys: list[str] = []
    numbers: list[int] = []
    names = list(RULES)
    for rule, rows in _by_rule(prepared):
        code = names.index(rule)
        for n, found in rows:
            for key in found:
                rules.append(code)
                keys.append(key)
                numbers.append(n)
    return pa.table(
        {
            "rule": pa.DictionaryArray.from_arrays(pa.array(rules, pa.int8()), pa.array(names)),
            "key": pa.array(keys, pa.string()),
            "n": pa.array(numbers, pa.int64()),
        }
    )


def _by_rule(prepared: Prepared) -> Iterator[tuple[str, Iterable[tuple[int, Iterable[str]]]]]:
    words = [frozenset(" ".join(pair).split()) for pair in prepared.titles]
    cities = prepared.cities
    yield "title", enumerate(_whole(pair) for pair in prepared.titles)
    yield "acronym", enumerate(prepared.acronyms)
    yield "page", enumerate(prepared.pages)
    yield "site", enumerate(map(hosts_of, prepared.pages))
    yield "grant", enumerate(marks.grants for marks in prepared.marks)
    yield "organisations", enumerate(_rarest_pairs(prepared))
    yield (
        "organisation_city",
        ((n, _crossed(names, cities[n])) for n, names in enumerate(prepared.organisations)),
    )
    yield "word_city", ((n, _crossed(found, cities[n])) for n, found in enumerate(words))
    yield (
        "word_year",
        (
            (n, _crossed(_crossed(found, cities[n]), _years(int(prepared.years[n]))))
            for n, found in enumerate(words)
        ),
    )
    yield "word", enumerate(words)


def _whole(names: tuple[str, str]) -> set[str]:
    return {" ".join(sorted(name.split())) for name in names if name}


def _crossed(some: Iterable[str], others: Iterable[str]) -> list[str]:
    """Every text of one with the first texts of the other."""
    second = sorted(others)[:CROSSED]
    return [f"{one}\t{other}" for one in some for other in second]


def _years(year: int) -> list[str]:
    """Keys that two years share where they are the same or one apart."""
    return [f"{year}", f"{year + 1}"] if year else []


def _rarest_pairs(prepared: Prepared) -> Iterator[list[str]]:
    """The pairs among the six organisations of each record that take part in fewest others."""
    taking_part = Counter(name for names in prepared.organisations for name in names)
    for names in prepared.organisations:
        rarest = sorted(names, key=lambda name: (taking_part[name], name))[:6]
        yield [f"{a}\t{b}" for a, b in combinations(sorted(rarest), 2)]


# --- nearness ----------------------------------------------------------------------------------


def _neighbours(prepared: Prepared, settings: Settings) -> pa.Table:
    """Each record with those nearest to it in all its words, leaving out common ones."""
    everything = hstack(
        [_rare(matrix, settings.common) for matrix in
         (prepared.title_words, prepared.text_words, prepared.organisation_words)],
        format="csr",
    )  # fmt: skip
    squares = np.asarray(everything.multiply(everything).sum(axis=1)).ravel()
    lengths = np.sqrt(squares, where=squares > 0, out=np.ones_like(squares))
    everything = (diags(1 / lengths) @ everything).astype(np.float32).tocsr()
    columns = everything.T.tocsr()
    with ThreadPoolExecutor(2) as pool:
        found = list(
            pool.map(
                lambda piece: _nearest(everything, columns, piece, settings),
                parts(len(prepared.ids), CHUNK),
            )
        )
    pairs = np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    return pa.table({"a": pairs[:, 0], "b": pairs[:, 1]})


def _rare(matrix: csr_matrix, common: int) -> csr_matrix:
    """The columns that at least two records and at most so many share."""
    used = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return matrix[:, np.flatnonzero((used > 1) & (used <= common))]


def _nearest(
    rows: csr_matrix, columns: csr_matrix, piece: slice, settings: Settings
) -> npt.NDArray[np.int64]:
    """Pairs (record, neighbour) of a piece of the records; of equals the first stand."""
    likeness = (rows[piece] @ columns).tocoo()
    kept = (likeness.data >= settings.near) & (likeness.row + piece.start != likeness.col)
    row, column, value = likeness.row[kept], likeness.col[kept], likeness.data[kept]
    order = np.lexsort((column, -np.round(value, 5), row))
    row, column = row[order], column[order]
    first = np.searchsorted(row, row, side="left")
    near = np.arange(len(row)) - first < settings.neighbours
    return np.column_stack((row[near] + piece.start, column[near])).astype(np.int64)
