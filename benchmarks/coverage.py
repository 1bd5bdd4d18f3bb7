"""Do the intervals hold what they promise? Draw, code, train, estimate; count how often they do.

    python -m benchmarks.coverage [--repeats N] [--seed S]

Each repeat makes a small world: N records with features, a true class and two coders' answers, a
city and a stage. A draw sends some to the coders; a linear discriminant is trained on those labels
alone, in ten folds; shares are estimated and compared with the truth of that world. The table of
docs/estimates.md is what this prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from innovatory import sampling
from innovatory.estimate.difference import Domain, Estimate, Part, Sample, share, total
from innovatory.estimate.pooling import pool

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

RECORDS = 1088
SHARES = (0.30, 0.24, 0.18, 0.12, 0.08, 0.05, 0.03)
CITIES = 12
FOLDS = 10
COMMON = 4


@dataclass(frozen=True)
class World:
    """N records: features (N, d), classes by two coders (N, 2), cities (N,), ids in their order."""

    features: Array
    answers: Places
    city: Places
    ids: tuple[str, ...]

    def said(self, column: int) -> Array:
        """The answers of one coder as 0 and 1, (N, classes)."""
        return np.eye(len(SHARES))[self.answers[:, column]]


def world(
    rng: np.random.Generator, *, disputed: float = 0.0, width: int = 40, distance: float = 2.9
) -> World:
    """A world in which a model of 150 labels is right on about four records of five.

    `disputed` is the part of records on which the second coder answers at random instead.
    """
    truth = rng.choice(len(SHARES), RECORDS, p=SHARES)
    centres = rng.normal(size=(len(SHARES), width))
    centres *= distance / np.linalg.norm(centres, axis=1, keepdims=True)
    features = centres[truth] + rng.normal(size=(RECORDS, width))
    other = np.where(
        rng.random(RECORDS) < disputed, rng.choice(len(SHARES), RECORDS, p=SHARES), truth
    )
    # Cities of very different size, each leaning to a class of its own.
    leaning = 1 + (np.arange(CITIES) % len(SHARES) == np.arange(len(SHARES))[:, None])
    chance = leaning * np.arange(1, CITIES + 1) ** 0.7
    drawn = (chance / chance.sum(1, keepdims=True)).cumsum(1)[truth]
    city = (rng.random(RECORDS)[:, None] > drawn).sum(1)
    ids = tuple(f"r{n:04}" for n in range(RECORDS))
    return World(features, np.stack([truth, other], 1), city, ids)


def learn(features: Array, labels: Places) -> Callable[[Array], Array]:
    """A regularised linear discriminant that takes all classes for equally common.

    So classifiers are often trained, that rare classes be found at all; their counts are biased.
    """
    said = np.eye(len(SHARES))[labels]
    count = said.sum(0)
    middle = features.mean(0)
    centres = (said.T @ features + middle) / (count[:, None] + 1)
    spread = features - centres[labels]
    inner = spread.T @ spread / max(1, len(labels) - len(SHARES)) + 0.1 * np.eye(features.shape[1])
    slope = np.linalg.solve(inner, centres.T)
    level = -0.5 * (centres * slope.T).sum(1)

    def predict(rows: Array) -> Array:
        score = rows @ slope + level
        odds = np.exp(score - score.max(1, keepdims=True))
        expected: Array = odds / odds.sum(1, keepdims=True)
        return expected

    return predict


def expectation(features: Array, coded: Places, labels: Places, rng: np.random.Generator) -> Array:
    """What the machine expects of every record, coded ones by models that did not see them.

    With everything coded it cancels out of the estimate, and nothing is trained.
    """
    if len(coded) == len(features):
        return np.zeros((len(features), len(SHARES)))
    fold = rng.permutation(len(coded)) % FOLDS
    expected: Array = np.zeros((len(features), len(SHARES)))
    own: Array = np.zeros((len(coded), len(SHARES)))
    for k in range(FOLDS):
        model = learn(features[coded[fold != k]], labels[fold != k])
        every = model(features)
        expected += every / FOLDS
        own[fold == k] = every[coded[fold == k]]
    expected[coded] = own
    return expected


def positions(here: World, draw: Mapping[str, float]) -> Places:
    """Where the members of a draw are in the world."""
    return np.array(sorted(int(record[1:]) for record in draw))


@dataclass(frozen=True)
class Coded:
    """A world after the draw: who was coded, with what probability, and what the machine says."""

    world: World
    at: Places
    probability: Array
    expected: Array
    rng: np.random.Generator

    @property
    def sample(self) -> Sample:
        """All coded by one coder: no dispute can show."""
        return Sample(self.probability, np.ones(len(self.at), dtype=bool))

    def part(self, cells: Array | None = None) -> Part:
        """The classes counted by the first coder, by `cells` (N, domains) if they are given."""
        said, expected = self.world.said(0), self.expected
        if cells is not None:
            said, expected = (
                (each[:, :, None] * cells[:, None, :]).reshape(RECORDS, -1)
                for each in (said, expected)
            )
        said, own = said[self.at], expected[self.at]
        return Part(expected.sum(0), said, said, said, own)


def everyone(coded: Coded) -> Domain:
    """Every record can be in every class."""
    shape = (len(coded.at), len(SHARES))
    return Domain(np.full(shape[1], float(RECORDS)), np.ones(shape))


def coded_world(here: World, probability: Mapping[str, float], at: Places,
                rng: np.random.Generator) -> Coded:  # fmt: skip
    """Train on the drawn records and keep their probabilities."""
    expected = expectation(here.features, at, here.answers[at, 0], rng)
    chances = np.array([probability[here.ids[k]] for k in at])
    return Coded(here, at, chances, expected, rng)


def simple(here: World, rng: np.random.Generator, n: int = 150) -> Coded:
    """n records at random."""
    seed = int(rng.integers(2**31))
    draw = sampling.simple_random(here.ids, n, id="d", seed=seed)
    return coded_world(here, draw.members, positions(here, draw.members), rng)


def stratified(here: World, rng: np.random.Generator, n: int = 150) -> Coded:
    """n records by city."""
    frame = {record: f"c{city}" for record, city in zip(here.ids, here.city, strict=True)}
    draw = sampling.stratified(frame, n, id="d", seed=int(rng.integers(2**31)))
    return coded_world(here, draw.members, positions(here, draw.members), rng)


def two_phase(here: World, rng: np.random.Generator, n: int = 150, first: int = 60) -> Coded:
    """Some at random, a model of those, then the rest by its doubt, half of that at random."""
    seed = int(rng.integers(2**31))
    one = sampling.simple_random(here.ids, first, id="one", seed=seed)
    at = positions(here, one.members)
    expected = expectation(here.features, at, here.answers[at, 0], rng)
    doubt = sampling.scores([expected]).tolist()
    two = sampling.uncertainty(
        dict(zip(here.ids, doubt, strict=True)), n - first, id="two", seed=seed, drawn=one.members
    )
    draws = [{**one.members, **one.frame}, {**two.members, **two.frame}]
    both = positions(here, {**one.members, **two.members})
    return coded_world(here, sampling.inclusion(draws, [1.0, 1.0]), both, rng)


@dataclass(frozen=True)
class Outcome:
    """Of one repeat, by cell: whether the interval held the truth, its width, what is common."""

    held: npt.NDArray[np.bool_]
    width: Array
    common: npt.NDArray[np.bool_]


def outcome(low: Array, high: Array, truth: Array, *, common: int = COMMON) -> Outcome:
    """Compare intervals with the truth; the first `common` cells are common classes."""
    held = (low <= truth + 1e-9) & (truth <= high + 1e-9)
    return Outcome(held, high - low, np.arange(len(truth)) < common)


def _of_all(found: Estimate, truth: Array) -> Outcome:
    return outcome(found.low / RECORDS, found.high / RECORDS, truth / RECORDS)


def by_design(
    draw: Callable[..., Coded], n: int = 150, *, machine: bool = True
) -> Callable[[np.random.Generator], Outcome]:
    """The classes over all records, by a draw of n; without the machine only from the labels."""

    def once(rng: np.random.Generator) -> Outcome:
        coded = draw(world(rng), rng, n)
        part = coded.part()
        if not machine:
            none = np.zeros_like(part.mean)
            part = Part(none.sum(0), part.mean, part.low, part.high, none)
        found = total(part, coded.sample, domain=everyone(coded))
        return _of_all(found, coded.world.said(0).sum(0))

    return once


def in_cities(*, misread: bool) -> Callable[[np.random.Generator], Outcome]:
    """Shares of the classes in each city with five labels or more, or in one the machine misreads.

    There the features are those of other records of the city, as if in a language it cannot read.
    """

    def once(rng: np.random.Generator) -> Outcome:
        here = world(rng)
        odd = here.city == CITIES - 4
        if misread:
            here.features[odd] = rng.permutation(here.features[odd])
        coded = simple(here, rng)
        found = [_of_city(coded, here.city == k) for k in range(CITIES)]
        kept = [found[CITIES - 4]] if misread else found
        return Outcome(*(np.concatenate(each) for each in zip(*kept, strict=True)))

    return once


def _of_city(coded: Coded, city: npt.NDArray[np.bool_]) -> tuple[Array, ...]:
    """Which shares of a city were covered, how wide they are, which are common; none unaudited."""
    inside = np.tile(city[:, None].astype(float), len(SHARES))
    one, size = inside[coded.at], inside.sum(0)
    bottom, domain = Part(size, one, one, one, one), Domain(size, one)
    found = share(coded.part(inside[:, :1]), bottom, coded.sample, domain=domain)
    truth = (coded.world.said(0) * inside).sum(0) / np.maximum(size, 1)
    held = (found.low <= truth + 1e-9) & (truth <= found.high + 1e-9)
    kept = found.audited
    return held[kept], (found.high - found.low)[kept], (truth >= 0.12)[kept]


def ratio(rng: np.random.Generator) -> Outcome:
    """Each class's share of the first four classes together: top and bottom both estimated."""
    coded = simple(world(rng), rng)
    of = slice(0, COMMON)
    every = coded.part()
    top = Part(*(x[..., of] for x in (every.total, every.mean, every.low, every.high,
                                      every.predicted)))  # fmt: skip
    bottom = Part(*(np.repeat(x.sum(-1, keepdims=True), COMMON, -1) for x in (
        top.total, top.mean, top.low, top.high, top.predicted)))  # fmt: skip
    found = share(top, bottom, coded.sample)
    truth = coded.world.said(0).sum(0)[of]
    return outcome(found.low, found.high, truth / truth.sum())


def disputed(n: int, part_doubled: float) -> Callable[[np.random.Generator], Outcome]:
    """Coders differ on one record of eight; the truth is the settlement for the commoner class.

    One coder each, a random part a second one too; no record of the others is known to be disputed.
    """

    def once(rng: np.random.Generator) -> Outcome:
        here = world(rng, disputed=0.15)
        drawn = simple(here, rng, n)
        ids = [here.ids[k] for k in drawn.at]
        twice = set(sampling.second(ids, part_doubled, id="d", seed=int(rng.integers(2**31))))
        doubled = np.array([record in twice for record in ids])
        both = np.stack([here.said(0)[drawn.at], here.said(1)[drawn.at]])
        first = both[rng.integers(2, size=len(ids)), np.arange(len(ids))]
        said = (np.where(doubled[:, None], each, first)
                for each in (both.mean(0), both.min(0), both.max(0)))  # fmt: skip
        part = Part(drawn.expected.sum(0), *said, drawn.expected[drawn.at])
        found = total(part, Sample(drawn.probability, doubled), domain=everyone(drawn))
        return _of_all(found, np.eye(len(SHARES))[here.answers.min(1)].sum(0))

    return once


def pooled(rng: np.random.Generator) -> Outcome:
    """The commonest class in every city, those without an estimate of their own too: pooled."""
    here = world(rng)
    coded = simple(here, rng)
    cities = np.eye(CITIES)[here.city]
    one = cities[coded.at]
    size = cities.sum(0)
    top = coded.part(cities)
    top = Part(*(x[..., :CITIES] for x in (top.total, top.mean, top.low, top.high,
                                           top.predicted)))  # fmt: skip
    found = share(top, Part(size, one, one, one, one), coded.sample, domain=Domain(size, one))
    model = top.total / size
    own = np.where(found.audited, found.value - model, np.nan)
    values = pool(own, found.standard_error, labels=found.labels)
    truth = (here.said(0)[:, 0] @ cities) / size
    if values is None:
        return outcome(found.low[found.audited], found.high[found.audited], truth[found.audited])
    return outcome(values.low + model, values.high + model, truth, common=CITIES)


def naive(rng: np.random.Generator) -> Outcome:
    """What not to do: count the machine's answers and print a binomial interval."""
    coded = simple(world(rng, width=20, distance=2.6), rng)
    counted = np.eye(len(SHARES))[coded.expected.argmax(1)].mean(0)
    reach = 1.96 * np.sqrt(counted * (1 - counted) / RECORDS)
    return outcome(counted - reach, counted + reach, coded.world.said(0).mean(0), common=1)


def in_sample(rng: np.random.Generator) -> Outcome:
    """What not to do: correct the machine on the very labels that it was trained on."""
    coded = simple(world(rng, width=60, distance=3.2), rng)
    here, at = coded.world, coded.at
    expected = learn(here.features[at], here.answers[at, 0])(here.features)
    left = here.said(0)[at] - expected[at]
    value = expected.mean(0) + left.mean(0)
    reach = 1.96 * np.sqrt((1 - len(at) / RECORDS) * left.var(0, ddof=1) / len(at))
    return outcome(value - reach, value + reach, here.said(0).mean(0))


SCENARIOS: dict[str, Callable[[np.random.Generator], Outcome]] = {
    "simple random, 150 of 1,088": by_design(simple),
    "simple random, 60": by_design(simple, 60),
    "simple random, 400": by_design(simple, 400),
    "stratified by city, 150": by_design(stratified),
    "60 random, then 90 by doubt": by_design(two_phase),
    "150 labels, no machine": by_design(simple, machine=False),
    "share of four classes, 150": ratio,
    "shares by city, 150": in_cities(misread=False),
    "in a city the machine misreads": in_cities(misread=True),
    "largest class by city, pooled": pooled,
    "disputes, 150, a fifth coded twice": disputed(150, 0.2),
    "disputes, all, a fifth coded twice": disputed(RECORDS, 0.2),
    "NOT: count the machine's answers": naive,
    "NOT: correct on the training labels": in_sample,
}


@dataclass(frozen=True)
class Result:
    """Coverage and mean width over repeats, of the common cells and the others (NaN: none)."""

    common: float
    rare: float
    width_common: float
    width_rare: float


def measure(name: str, *, repeats: int, seed: int) -> Result:
    """Repeat a scenario."""
    rng = np.random.default_rng([seed, *name.encode()])
    # The matrices are too small to be worth a second thread.
    with threadpool_limits(1):
        found = [SCENARIOS[name](rng) for _ in range(repeats)]
    held = np.concatenate([each.held for each in found])
    width = np.concatenate([each.width for each in found])
    common = np.concatenate([each.common for each in found])
    parts = [x[m] for x in (held, width) for m in (common, ~common)]
    return Result(*(float(part.mean()) if part.size else float("nan") for part in parts))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print("| scenario | common: covers | width, points | rare: covers | width, points |")
    print("|---|---|---|---|---|")
    for name in SCENARIOS:
        r = measure(name, repeats=given.repeats, seed=given.seed)
        cells = (r.common, 100 * r.width_common, r.rare, 100 * r.width_rare)
        shown = [
            "–" if cell != cell else f"{cell:.{d}f}"
            for cell, d in zip(cells, (3, 1, 3, 1), strict=True)
        ]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
