"""Weighing, aggregating and ranking: against plain definitions, and what must always hold."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from hypothesis.extra.numpy import arrays

from index_tables import HOLED, POSITIVE, QUICK, WHOLE, Floats, random_table, tables
from innovatory.errors import MethodError
from innovatory.index import aggregating, doubt, weighing

MEANS = ("harmonic", "geometric", "arithmetic")


@pytest.mark.parametrize("name", weighing.METHODS)
@given(values=tables(POSITIVE))
@QUICK
def test_weights_are_no_less_than_0_and_1_together(name: str, values: Floats) -> None:
    """Whatever the data; a group in which no item tells units apart is refused."""
    try:
        weights = weighing.METHODS[name](values)
    except MethodError as error:
        assert "no item tells the units apart" in str(error)
        assert (np.ptp(values, axis=0) == 0).all()
    else:
        assert (weights >= 0).all() and weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["pca", "critic", "balanced"])
def test_the_scale_of_an_item_does_not_change_its_influence(name: str) -> None:
    """PCA and CRITIC weights are the same on any scale; balanced ones undo the scale."""
    scores, factor = random_table(30, 4), np.array([1.0, 7.0, 0.2, 1.0])
    before, after = (weighing.METHODS[name](table) for table in (scores, scores * factor))
    if name == "balanced":
        after = after * factor / (after * factor).sum()
    np.testing.assert_allclose(after, before, rtol=1e-9)


def test_balanced_weights_balance() -> None:
    """Correlations with the mean are alike, or, where that needs a weight below 0, it is 0."""
    draws = np.random.default_rng(3)
    common = draws.standard_normal((200, 1))
    scores = common + draws.standard_normal((200, 5)) * [0.8, 0.9, 1.0, 1.1, 1.2]
    together = np.corrcoef(np.column_stack([scores @ weighing.balanced(scores), scores]).T)[0, 1:]
    np.testing.assert_allclose(together, together.mean(), atol=1e-9)
    against = np.column_stack([scores[:, :2], scores[:, 0] + scores[:, 1]])
    nearly = against + 0.01 * draws.standard_normal(against.shape)
    weights = weighing.balanced(nearly)
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1)


def test_an_item_against_all_others_gets_no_weight_from_pca() -> None:
    """A negative loading is no weight."""
    first = random_table(20, 1)
    scores = np.hstack([first, first + 0.1 * random_table(20, 2), -first])
    assert weighing.pca(scores)[3] == 0


def test_weights_by_the_data_use_complete_units() -> None:
    """A unit with a missing item says nothing about weights; too few of them are refused."""
    scores = random_table(9, 3)
    holed = np.vstack([scores, [[np.nan, 50.0, 0.1]]])
    for method in (weighing.pca, weighing.entropy, weighing.critic, weighing.balanced):
        np.testing.assert_allclose(method(holed), method(scores))
        np.testing.assert_allclose(method(np.stack([scores, scores * 2]))[0], method(scores))
        with pytest.raises(MethodError, match="2 units have all items, and 3 are needed"):
            method(scores[:2])
    with pytest.raises(MethodError, match="entropy weights need scores of 0 or more"):
        weighing.entropy(-scores)


@given(tables(POSITIVE))
@QUICK
def test_means_stand_in_their_order(scores: Floats) -> None:
    """Smallest <= harmonic <= geometric <= arithmetic <= quadratic <= largest."""
    weights = np.arange(1.0, scores.shape[1] + 1)
    found = [aggregating.METHODS[name](scores, weights) for name in MEANS]
    found.append(aggregating.generalised(scores, weights, power=2))
    ladder = np.array([scores.min(axis=1), *found, scores.max(axis=1)])
    assert (np.diff(ladder, axis=0) >= -1e-9).all()
    for power, name in ((-1, "harmonic"), (0, "geometric"), (1, "arithmetic")):
        same = aggregating.generalised(scores, weights, power=power)
        np.testing.assert_allclose(same, aggregating.METHODS[name](scores, weights))


@pytest.mark.parametrize("name", [n for n in aggregating.METHODS if n != "generalised"])
def test_a_missing_item_gives_its_weight_to_the_others(name: str) -> None:
    """A column that is missing for all is as if it were not there; no score without any item."""
    scores = random_table(6, 3)
    holed = np.insert(scores, 1, np.nan, axis=1)
    weights = np.array([1.0, 2.0, 0.5])
    function = aggregating.METHODS[name]
    found = function(holed, np.array([1.0, 9.0, 2.0, 0.5]))
    np.testing.assert_allclose(found, function(scores, weights), rtol=1e-9)
    holed[0] = np.nan
    lost = function(holed, np.ones(4))
    assert np.isnan(lost[0]) and not np.isnan(lost[1:]).any()


@pytest.mark.parametrize("name", aggregating.METHODS)
def test_aggregating_in_batches(name: str) -> None:
    """Batches of scores meet batches of weights, each giving what it gives alone."""
    scores, weights = random_table(2, 1, 6, 4, missing=0.1), random_table(3, 4)
    parameters = {"power": 3.0} if name == "generalised" else {}
    whole = np.broadcast_to(aggregating.METHODS[name](scores, weights, **parameters), (2, 3, 6))
    for table, chosen in np.ndindex(2, 3):
        alone = aggregating.METHODS[name](scores[table, 0], weights[chosen], **parameters)
        np.testing.assert_allclose(whole[table, chosen], alone, rtol=1e-9)


@given(tables(WHOLE), strategies.lists(strategies.integers(0, 3), min_size=4, max_size=4))
@QUICK
def test_the_median_is_that_of_the_items_repeated(scores: Floats, often: list[int]) -> None:
    """A weight of 3 is as good as having the item three times."""
    times = [*often[: scores.shape[1] - 1], 1]
    expected = np.median(np.repeat(scores, times, axis=1), axis=1)
    np.testing.assert_allclose(aggregating.median(scores, np.array(times, float)), expected)


@given(HOLED)
@QUICK
def test_copeland_is_a_tournament(scores: Floats) -> None:
    """Every pair is compared once, by weight of what both have; wins and losses cancel out."""
    weights = np.arange(1.0, scores.shape[1] + 1)
    expected = np.zeros(len(scores))
    for one, other in itertools.permutations(range(len(scores)), 2):
        gap = scores[one] - scores[other]
        expected[one] += np.sign(np.nansum(np.sign(gap) * weights))
    expected[np.isnan(scores).all(axis=1)] = np.nan
    np.testing.assert_array_equal(aggregating.copeland(scores, weights), expected)
    assert np.nansum(expected) == 0


def test_copeland_of_500_units_is_quick() -> None:
    """49 indicators, on a busy machine."""
    begun = time.perf_counter()
    aggregating.copeland(random_table(500, 49), np.ones(49))
    assert time.perf_counter() - begun < 2


@given(arrays(np.float64, (6, 2), elements=POSITIVE))
@settings(QUICK, max_examples=20)
def test_benefit_of_the_doubt_is_the_best_corner(scores: Floats) -> None:
    """With two items every corner of the allowed multipliers can be tried."""
    pairs = [np.diag(1 / scores.max(axis=0))[place] for place in range(2)]
    for one, other in itertools.combinations(range(6), 2):
        both = scores[[one, other]]
        if abs(np.linalg.det(both)) > 1e-9:
            pairs.append(np.linalg.solve(both, np.ones(2)))
    corners = np.array([w for w in pairs if (w >= -1e-12).all() and (scores @ w <= 1 + 1e-9).all()])
    found = aggregating.benefit_of_the_doubt(scores, np.ones(2))
    np.testing.assert_allclose(found, (corners @ scores.T).max(axis=0), rtol=1e-7)


def test_shares_of_the_benefit_of_the_doubt_are_bounded() -> None:
    """No item makes up less or more of a unit's score than is allowed, and scores fall."""
    scores = random_table(12, 4)
    free = aggregating.benefit_of_the_doubt(scores, np.ones(4))
    own = doubt.multipliers(scores, low_share=0.1, high_share=0.4)
    held = (own * scores).sum(axis=1)
    shares = own * scores / held[:, None]
    assert shares.min() > 0.1 - 1e-7 and shares.max() < 0.4 + 1e-7
    assert (held <= free + 1e-9).all() and (scores @ own.T <= 1 + 1e-7).all()
    with pytest.raises(MethodError, match=r"4 items cannot all have shares from 0\.3 to 1"):
        doubt.multipliers(scores, low_share=0.3)
    with pytest.raises(MethodError, match="needs scores of 0 or more"):
        doubt.multipliers(-scores)
    with pytest.raises(MethodError, match="the shares run from 0 to 1"):
        doubt.multipliers(scores, low_share=0.5, high_share=0.2)


@pytest.mark.parametrize("name", ["geometric", "harmonic", "generalised", "mazziotta_pareto"])
def test_a_zero_under_a_mean_that_cannot_have_it(name: str) -> None:
    """It is refused with the way out, never taken as a number."""
    parameters = {"power": 2.0} if name == "generalised" else {}
    with pytest.raises(MethodError, match="above 0"):
        aggregating.METHODS[name](np.zeros((2, 2)), np.ones(2), **parameters)


@given(arrays(np.float64, 7, elements=strategies.one_of(WHOLE, strategies.just(np.nan))))
@QUICK
def test_ranks_count_those_who_are_better(scores: Floats) -> None:
    """A rank is one more than the number of better units; ties share it; missing has none."""
    expected = [0 if np.isnan(s) else 1 + int((scores > s).sum()) for s in scores]
    assert aggregating.ranks(scores).tolist() == expected
    assert aggregating.ranks(np.stack([scores, -scores]))[0].tolist() == expected


def test_what_differs_by_rounding_is_a_tie() -> None:
    """0.1 + 0.2 and 0.3 are the same score, far from 0 as near to it."""
    assert aggregating.ranks(np.array([0.1 + 0.2, 0.3, 0.2])).tolist() == [1, 1, 3]
    assert aggregating.ranks(np.array([1e9, 1e9 + 1e-6, 1e9 - 1])).tolist() == [1, 1, 3]
    assert aggregating.ranks(np.array([0.0, 1e-9, 0.5])).tolist() == [3, 2, 1]
