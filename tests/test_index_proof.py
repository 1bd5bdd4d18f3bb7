"""Ranks with proof: as by trying all, with witnesses that hold, and nothing beyond the bounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composite import FRAMEWORK, TABLE, rows
from innovatory.errors import MethodError
from innovatory.index.chain import Choices, run
from innovatory.index.framework import Framework
from innovatory.index.items import Item
from innovatory.index.proof import fewest_recodings, never_before, rank_range, swaps
from innovatory.index.steps import Step
from innovatory.index.weight_sets import WeightSet, around, nested, simplex


def names(count: int) -> tuple[str, ...]:
    """Codes of so many items."""
    return tuple(f"i{number}" for number in range(count))


def ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks (m, units) at weights (m, k), ties sharing the best place."""
    scores = weights @ values.T
    return 1 + (scores[:, None, :] > scores[:, :, None] + 1e-12).sum(2)


def test_two_weights_by_enumeration_of_all_crossings() -> None:
    """With two weights all ranks are seen between and at the crossings of scores."""
    values = np.random.default_rng(4).uniform(0, 100, size=(12, 2))
    slopes = values[:, 0] - values[:, 1]
    crossings = [
        (values[b, 1] - values[a, 1]) / (slopes[a] - slopes[b])
        for a, b in itertools.combinations(range(12), 2)
    ]
    inside = sorted({0.2, 0.7, *(t for t in crossings if 0.2 < t < 0.7)})
    between = [(a + b) / 2 for a, b in itertools.pairwise(inside)]
    shares = np.array([*inside, *between])
    every = ranks(values, np.stack([shares, 1 - shares], axis=1))
    weights = simplex(names(2)).ratio("i0", "i1", low=0.25, high=7 / 3)
    found = rank_range(values, weights)
    assert found.best.tolist() == every.min(0).tolist()
    assert found.worst.tolist() == every.max(0).tolist()


def brute_force(values: np.ndarray, low: float) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst ranks on a fine grid of three weights of at least `low`."""
    steps = np.linspace(0, 1, 181)
    grid = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-9])
    every = ranks(values, low + (1 - 3 * low) * np.maximum(grid, 0))
    return every.min(0), every.max(0)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.15]))
def test_no_weights_of_a_grid_are_beyond_the_bounds(seed: int, low: float) -> None:
    """The bounds contain what 16,000 weights show, and their witnesses are in the set."""
    values = np.random.default_rng(seed).normal(size=(9, 3))
    weights = simplex(names(3), low=low)
    found = rank_range(values, weights)
    best, worst = brute_force(values, low)
    assert (found.best <= best).all() and (found.worst >= worst).all()
    for witness, place, bound in (
        (found.best_weights, found.best_witnessed, found.best),
        (found.worst_weights, found.worst_witnessed, found.worst),
    ):
        assert place.tolist() == bound.tolist()
        assert np.diag(ranks(values, witness)).tolist() == bound.tolist()
        assert all(weights.holds(w) for w in witness)


def test_twins_share_the_better_place() -> None:
    """Equal units are level for all weights, and so never before each other."""
    values = np.array([[5.0, 1.0], [5.0, 1.0], [1.0, 2.0], [0.0, 0.0]])
    found = rank_range(values, simplex(names(2)))
    assert found.best.tolist() == [1, 1, 1, 4]
    assert found.worst.tolist() == [2, 2, 3, 4]
    never = never_before(values, simplex(names(2)))
    assert never[0, 1] and never[1, 0] and never[3].all() and not never[0, 3]


def test_a_tie_at_a_corner_takes_no_place() -> None:
    """A unit that is at best level with another is never before it."""
    values = np.array([[3.0, 3.0], [3.0, 1.0]])
    found = rank_range(values, simplex(names(2)))
    assert found.best.tolist() == [1, 1] and found.worst.tolist() == [1, 2]
    assert found.best_weights[1] == pytest.approx([1, 0])


def test_one_weight_set_leaves_one_ranking() -> None:
    """Where the set is a single point, best and worst are the rank there."""
    values = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]])
    found = rank_range(values, around(names(2), np.array([2.0, 1.0]), spread=0.0))
    assert found.best.tolist() == found.worst.tolist() == [1, 3, 2]


def test_units_scores_and_order_of_rows_do_not_matter() -> None:
    """Other units of measurement and another order of rows give the same ranges."""
    random = np.random.default_rng(8)
    values, order = random.normal(size=(10, 4)), random.permutation(10)
    weights = around(names(4), np.ones(4), spread=0.4)
    plain, moved = rank_range(values, weights), rank_range(7000 + 300 * values[order], weights)
    assert plain.best[order].tolist() == moved.best.tolist()
    assert plain.worst[order].tolist() == moved.worst.tolist()


def test_never_before_agrees_with_the_corners_of_the_set() -> None:
    """Over a simplex with lower bounds a lead is greatest at a corner."""
    values = np.random.default_rng(2).normal(size=(15, 3)) + np.linspace(3, 0, 15)[:, None]
    corners = 0.1 + 0.7 * np.eye(3)
    leads = (values[:, None] - values[None]) @ corners.T
    found = never_before(values, simplex(names(3), low=0.1))
    assert found.tolist() == (leads.max(2) <= 1e-8).tolist()
    assert 10 < found.sum() < 200


def tree() -> Framework:
    """Five indicators in two pillars, with unequal weights."""
    return Framework(
        (
            *(Item(f"i{n}", parent="p", weight=1.0 + n) for n in range(3)),
            *(Item(f"i{n}", parent="q") for n in (3, 4)),
            Item("p", level=1, parent="top", kind="aggregate", weight=2.0),
            Item("q", level=1, parent="top", kind="aggregate"),
            Item("top", level=2, kind="aggregate"),
        )
    )


def test_weights_of_a_hierarchy_are_those_that_its_levels_can_give() -> None:
    """Noisy weights of every level are in the set, and its corners come of such weights."""
    framework, random = tree(), np.random.default_rng(6)
    weights = nested(framework, {0: 0.25, 1: 0.1})
    for _ in range(40):
        pillars = np.array([2.0, 1.0]) * random.uniform(0.9, 1.1, 2)
        parts = [
            np.array(given_weights) * random.uniform(0.75, 1.25, len(given_weights))
            for given_weights in ([1, 2, 3], [1, 1])
        ]
        noisy = [share * part / part.sum() for share, part in zip(pillars, parts, strict=True)]
        assert weights.holds(np.concatenate(noisy) / pillars.sum())
    for corner in weights.most(random.normal(size=(20, 5))):
        shares = np.array([corner[:3].sum(), corner[3:].sum()]) / [2, 1]
        inner = corner[:3] / [1, 2, 3]
        assert shares.max() / shares.min() <= 1.1 / 0.9 + 1e-7
        assert inner.max() / inner.min() <= 1.25 / 0.75 + 1e-7
    assert not weights.holds(np.array([0.2, 0.2, 0.2, 0.2, 0.2]))
    exact = np.array(list(framework.effective_weights().values()))[:5]
    assert nested(framework, {}).box[0] == pytest.approx(exact)


def test_no_set_of_noisy_weights_of_the_reference_is_beyond_the_bounds() -> None:
    """The ranks at the reference's 50 noisy sets of weights are within what is proved of all."""
    done = run(TABLE, FRAMEWORK, Choices(impute=Step("mean")))
    found = rank_range(done.normalised, nested(FRAMEWORK, {1: 0.25, 2: 0.25}))
    assert (found.best <= done.places).all() and (done.places <= found.worst).all()
    sets: dict[str, dict[str, float]] = {}
    for row in rows("uncertainty_weight_sets.csv"):
        sets.setdefault(row["set"], {})[row["iCode"]] = float(row["Weight"])
    seen = np.array(
        [
            run(TABLE, FRAMEWORK, Choices(impute=Step("mean"), weights=w)).places
            for w in sets.values()
        ]
    )
    assert (found.best <= seen.min(0)).all() and (seen.max(0) <= found.worst).all()
    assert ((found.worst - found.best) > seen.max(0) - seen.min(0)).any()
    assert found.best_witnessed.tolist() == found.best.tolist()


def test_a_smallest_change_of_weights_makes_two_level_and_a_smaller_one_does_not() -> None:
    """The distance is where the scores cross on the shortest way in the norm."""
    values = np.array([[10.0, 0.0, 0.0], [0.0, 8.0, 2.0], [0.0, 0.0, 1.0]])
    first, second = swaps(values, np.ones(3), simplex(names(3)))
    assert (first.before, first.behind, second.before, second.behind) == (0, 1, 1, 2)
    # Level already: both have 10/3.
    assert first.distance == pytest.approx(0)
    # 8 a + 1 c = 0 needs a = 0 and c = 0, all weight on the first: 4/3 in sum.
    assert second.distance == pytest.approx(4 / 3)
    assert second.weights == pytest.approx([1, 0, 0])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["sum", "largest"]))
def test_no_weights_nearer_than_the_smallest_change_swap_two(seed: int, norm: str) -> None:
    """Among random weights that swap two neighbours none is nearer."""
    random = np.random.default_rng(seed)
    values, start = random.uniform(0, 100, size=(5, 3)), random.dirichlet(np.ones(3))
    tried = random.dirichlet(np.ones(3), size=2000)
    for swap in swaps(values, start, simplex(names(3)), norm=norm):
        aim = values[swap.behind] - values[swap.before]
        change = np.abs(tried - start)
        distances = change.sum(1) if norm == "sum" else change.max(1)
        swapped = tried @ aim >= 0
        if np.isnan(swap.distance):
            assert not swapped.any()
        else:
            assert swap.weights @ aim == pytest.approx(0, abs=1e-6)
            assert swap.weights.sum() == pytest.approx(1)
            assert (distances[swapped] >= swap.distance - 1e-7).all()


def test_fewest_recodings_is_the_least_of_all_that_could_be() -> None:
    """No combination of fewer changed answers closes the gap."""
    random = np.random.default_rng(11)
    for _ in range(30):
        base = random.integers(1, 5, size=(2, 2)).astype(float)
        counted = np.floor(random.uniform(0, 1, size=(2, 2)) * (base + 1)).clip(0, base)
        steps = np.array([3.0, -2.0]) / base
        scores = np.array([random.uniform(0, 6), 0.0])
        (found,) = fewest_recodings(scores, steps, counted=counted, base=base)
        least = None
        for after in itertools.product(*(range(int(n) + 1) for n in base.ravel())):
            change = np.array(after).reshape(2, 2) - counted
            moved = scores + (change * steps).sum(1)
            if moved[1] >= moved[0] - 1e-9:
                number = int(np.abs(change).sum())
                least = number if least is None else min(least, number)
        assert found.number == least
        if least is not None:
            change = np.zeros((2, 2))
            for unit, indicator, number in found.changes:
                change[unit, indicator] = number
            moved = scores + (change * steps).sum(1)
            assert np.abs(change).sum() == least and moved[1] >= moved[0] - 1e-9
            assert ((counted + change >= 0) & (counted + change <= base)).all()


def test_records_can_be_added_without_end() -> None:
    """An infinite base stands for a count; three projects close a gap of 2.5 steps."""
    (found,) = fewest_recodings(
        np.array([25.0, np.nan, 0.0]),
        np.full((3, 1), 10.0),
        counted=np.zeros((3, 1)),
        base=np.full((3, 1), np.inf),
    )
    assert (found.before, found.behind, found.number) == (0, 2, 3)
    assert found.changes == ((2, 0, 3),)


def test_one_unit_is_first_and_last() -> None:
    """With one unit there is one rank and no neighbour."""
    found = rank_range(np.array([[1.0, 2.0]]), simplex(names(2)))
    assert found.best.tolist() == found.worst.tolist() == [1]
    assert swaps(np.array([[1.0, 2.0]]), np.ones(2), simplex(names(2))) == ()


def refused() -> list[tuple[str, object]]:
    """Calls that cannot be answered, by the message they give."""
    two = simplex(names(2))
    counts = {"counted": np.array([[3.0], [0.0]]), "base": np.array([[2.0], [2.0]])}
    return [
        ("unit 1 has no value for i0", lambda: rank_range(np.array([[1, 2], [np.nan, 1]]), two)),
        ("do not fit 2 weights", lambda: never_before(np.ones((3, 3)), two)),
        ("no norm 'l1'", lambda: swaps(np.ones((2, 2)), np.ones(2), two, norm="l1")),
        ("meet all conditions", lambda: simplex(names(3), low=0.4)),
        ("meet all conditions", lambda: two.ratio("i0", "i1", low=2, high=1)),
        ("no weight 'x'", lambda: two.order("i0", "x")),
        ("below 0", lambda: simplex(names(2), low=-0.1)),
        ("vary by 1:", lambda: around(names(2), np.ones(2), spread=1.0)),
        ("level 2 cannot vary", lambda: nested(tree(), {2: 0.1})),
        ("shapes", lambda: WeightSet((), np.empty(0), np.empty(0), np.empty((0, 0)))),
        ("unit 0, indicator 0", lambda: fewest_recodings(np.ones(2), np.ones((2, 1)), **counts)),
        ("bases do not fit", lambda: fewest_recodings(np.ones(3), np.ones((2, 1)), **counts)),
    ]


@pytest.mark.parametrize("case", refused(), ids=lambda case: case[0])
def test_what_cannot_be_proved_is_refused(case: tuple[str, object]) -> None:
    """The message says what is wrong and what to do."""
    message, call = case
    with pytest.raises(MethodError, match=message):
        call()  # type: ignore[operator]


def test_nothing_is_written_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """The solver keeps quiet, whatever way it takes."""
    values = np.random.default_rng(0).normal(size=(25, 6))
    rank_range(values, simplex(names(6)))
    assert capfd.readouterr() == ("", "")
