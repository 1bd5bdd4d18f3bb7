"""Do the intervals of an edition hold on real records? Draw from the starter corpus, estimate.

    python -m benchmarks.real_coverage [--draws N] [--size N] [--seed S]

Both coders of the starter corpus answered every question on all 504 records, so that the truth is
known. Each repeat draws some of the records at random, forgets the answers on all the others, and
makes the count tables as an edition does: the machine coder is trained on the drawn answers alone.
What is printed is how often an interval holds the truth, and how wide it is on average. The table
of docs/estimates.md is what this prints.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from innovatory import demo, pipeline, sampling
from innovatory.edition import coverage, tables
from innovatory.edition.build import Input, prepare
from innovatory.edition.coverage import Coverage
from innovatory.engine import Engine

AS_OF = date(2026, 11, 30)
SECOND = 0.2
COMMON = 0.12
# What is looked at: a name for the table, the count table and the population.
LOOKED_AT = {
    "one answer a record": ("by_sector", "by_goal", "by_driver", "by_stage_coded", "by_scope"),
    "several answers a record": ("by_technology", "by_capability"),
    "derived: innovative": ("by_innovative",),
    "sectors of the innovative": ("by_sector",),
    "innovative, city by city": ("city_by_innovative",),
    "innovative, city by city, pooled": ("city_pooled",),
}
INNOVATIVE = "sectors of the innovative"
Key = tuple[str, ...]
Truth = dict[tuple[str, str, str, Key], dict[str, Any]]


@dataclass
class Corpus:
    """The starter corpus as editions are made from it; what was made once is kept in memory."""

    given: Input
    facts: Mapping[str, pa.Table]
    ids: tuple[str, ...]
    kept: dict[str, pa.Table] = field(default_factory=dict)

    def remember(self, key: str, make: Any) -> pa.Table:
        """Keep how the corpus is encoded, which no draw changes."""
        if not key.startswith("encoding"):
            made: pa.Table = make()
            return made
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


def corpus(folder: Path) -> Corpus:
    """The starter corpus, collected into a folder."""
    place, paths = demo.starter(folder)
    pipeline.collect(place, paths)
    with place.ledger() as ledger:
        given = pipeline.given(place, ledger)
        facts = given.facts()
    ids = sorted({str(name) for name in facts["records"]["record_id"].to_pylist()})
    return Corpus(given, facts, tuple(ids))


def _tables(engine: Engine, world: Corpus, rests: Coverage) -> Truth:
    """The rows of the count tables that are looked at, as they would be published."""
    wanted = {name for names in LOOKED_AT.values() for name in names}
    counts = [c for c in tables.count_tables(world.given.book) if c.name in wanted]
    found: Truth = {}
    for batch in tables.batches(counts, world.given.book, records=len(world.ids)):
        for name, table in batch.split(engine.query(batch.statement)).items():
            count = next(c for c in counts if c.name == name)
            columns = [
                c for c in ("city_id", "class", *count.dimensions) if c in table.schema.names
            ]
            for row in rests.put(count, table).to_pylist():
                key = tuple(str(row[c]) for c in columns)
                found[name, row["population"], row["counting"], key] = row
    pooled = rests.pooled()
    for row in pooled.to_pylist() if pooled is not None else ():
        ends = {name: row[f"pooled{name.removeprefix('share')}"]
                for name in ("share", "share_low", "share_high")}  # fmt: skip
        found["city_pooled", "projects", "full", (row["city_id"], "yes")] = row | ends
    for key, row in list(found.items()):
        # What is pooled is the share of the innovative: with all coded there is nothing to pool.
        if key[0] == "city_by_innovative" and key[3][1] == "yes":
            found.setdefault(("city_pooled", *key[1:]), row)
    return found


def everything(world: Corpus, coders: Sequence[str]) -> Truth:
    """The count tables with all records coded by these coders."""
    codings = world.facts["codings"].filter(pc.field("coder_id").isin(list(coders)))
    given = replace(world.given, facts=lambda: {**world.facts, "codings": codings})
    with Engine() as engine:
        prepare(engine, given, as_of=AS_OF)
        return _tables(engine, world, Coverage(world.given.book))


@dataclass(frozen=True)
class Estimated:
    """The tables made from one draw: with the machine, from the labels alone, and naively."""

    machine: Truth
    labels: Truth
    naive: Truth


def estimated(world: Corpus, *, size: int, seed: int, twice: bool) -> Estimated:
    """Draw, forget the rest, estimate; `twice`: a fifth has both coders, the rest the first."""
    draw = sampling.simple_random(world.ids, size, id="draw", seed=seed)
    second = sampling.second(draw.members, SECOND, id="draw", seed=seed) if twice else ()
    frame = [{"draw_id": "draw", "design": draw.design, "seed": seed, "note": "", "target": "",
              "record_id": i, "probability": p, "drawn": i in draw.members, "second": i in second}
             for i, p in sorted({**draw.members, **draw.frame}.items())]  # fmt: skip
    answered = world.facts["codings"].filter(
        (pc.field("coder_id") == "coder-a") & pc.field("record_id").isin(list(draw.members))
        | (pc.field("coder_id") == "coder-b")
        & pc.field("record_id").isin(pa.array(second, pa.string()))
    )
    draws = pa.Table.from_pylist(frame, schema=world.facts["draws"].schema)
    facts = {**world.facts, "codings": answered, "draws": draws}
    with Engine() as engine:
        prepare(engine, replace(world.given, facts=lambda: facts), as_of=AS_OF)
        rests = coverage.take(
            engine, world.given.book, seed=world.given.seed, remember=world.remember
        )
        assert rests.frame is not None
        nothing = {name: np.zeros_like(p) for name, p in rests.frame.predicted.items()}
        alone = replace(rests, frame=replace(rests.frame, predicted=nothing))
        return Estimated(
            _tables(engine, world, rests),
            _tables(engine, world, alone),
            dict(_naive(rests, _tables(engine, world, rests))),
        )


def _naive(rests: Coverage, rows: Truth) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What not to do: count what was coded, and the machine's likeliest answer for the rest."""
    assert rests.frame is not None
    frame = rests.frame
    projects = frame.rows("project")
    named = {count.name: count.dimension for count in tables.count_tables(rests.book)}
    for key, row in rows.items():
        table, population, _, (class_, *_) = key
        if population != "projects" or table not in LOOKED_AT["one answer a record"]:
            continue
        dimension = named[table]
        answers = frame.answers[dimension]
        chosen = np.eye(len(frame.classes[dimension]))[frame.predicted[dimension].argmax(axis=1)]
        chosen[frame.pair_row[answers.answered]] = answers.said[answers.answered]
        share = chosen[projects, frame.classes[dimension].index(class_)].mean()
        reach = 1.96 * (share * (1 - share) / projects.sum()) ** 0.5
        yield key, row | {"share": share, "share_low": share - reach, "share_high": share + reach}


@dataclass
class Tally:
    """How many intervals held the truth, and their widths, by what is looked at."""

    held: defaultdict[Key, list[bool]] = field(default_factory=lambda: defaultdict(list))
    width: defaultdict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, how: str, found: Truth, truth: Truth, drawn: Truth) -> None:
        """Compare the shares that an estimate with an interval was given for."""
        for key, row in found.items():
            table, population, counting, classes = key
            if table == "city_by_innovative" and classes[-1] != "yes":
                # As of what is pooled: the share of the innovative.
                continue
            true = truth.get(key)
            # The same cells for each way of estimating: those that the edition gives one for.
            audited = drawn[key]["share_low"] is not None
            if true is None or not true["base"] or counting == "fractional" or not audited:
                continue
            for what, names in LOOKED_AT.items():
                wanted = "innovative" if what == INNOVATIVE else "projects"
                if table in names and population == wanted and row["share_low"] is not None:
                    size = "common" if true["share"] >= COMMON else "rare"
                    inside = row["share_low"] - 1e-6 <= true["share"] <= row["share_high"] + 1e-6
                    self.held[how, what, size].append(inside)
                    self.width[how, what, size].append(row["share_high"] - row["share_low"])

    def row(self, how: str, what: str) -> list[str]:
        """Coverage and mean width in points of the common cells, then of the rare ones."""
        cells = []
        for size in ("common", "rare"):
            held, width = self.held[how, what, size], self.width[how, what, size]
            cells += [f"{np.mean(held):.3f}" if held else "–",
                      f"{100 * np.mean(width):.1f}" if width else "–"]  # fmt: skip
        return cells


def measure(world: Corpus, *, draws: int, size: int, seed: int) -> Tally:
    """Repeat, with one coder and with a fifth coded by both."""
    tally = Tally()
    one, both = everything(world, ["coder-a"]), everything(world, ["coder-a", "coder-b"])
    for n in range(draws):
        found = estimated(world, size=size, seed=seed + n, twice=False)
        tally.add("one coder", found.machine, one, found.machine)
        tally.add("one coder, labels alone", found.labels, one, found.machine)
        tally.add("NOT: one coder, count the machine's answers", found.naive, one, found.machine)
        found = estimated(world, size=size, seed=seed + n, twice=True)
        tally.add("a fifth coded twice", found.machine, both, found.machine)
        tally.add("a fifth coded twice, labels alone", found.labels, both, found.machine)
    return tally


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--size", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="innovatory-coverage-") as folder:
        world = corpus(Path(folder) / "starter")
        tally = measure(world, draws=given.draws, size=given.size, seed=given.seed)
    print("| shares of | coded by | common: cover | width, points | rare: cover | width, points |")
    print("|---|---|---|---|---|---|")
    for what in LOOKED_AT:
        for how in dict.fromkeys(name for name, _, _ in tally.held):
            if any(tally.held[how, what, size] for size in ("common", "rare")):
                print(f"| {what} | {how} | {' | '.join(tally.row(how, what))} |", flush=True)


if __name__ == "__main__":
    main()
