"""Editions on one scale: goalposts and links that hold, and changes whose parts are whole."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composite import FRAMEWORK, TABLE
from innovatory.errors import MethodError
from innovatory.index.chain import Choices, run
from innovatory.index.framework import Table, read
from innovatory.index.scale import (
    CAUSES,
    Release,
    changes,
    fixed_goalposts,
    link,
    printed,
    shapley,
)
from innovatory.index.steps import Plan, Step

TWO = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
FIXED = Choices(
    treat=Plan(Step("none")),
    normalise=Plan(Step("goalposts", {"low": 0, "high": 10, "factor": 100.0})),
)


def table(source: str = "table", **values: tuple[float, float]) -> Table:
    """A table of two indicators."""
    return Table(tuple(values), ("a", "b"), np.array(list(values.values())), source)


def test_goalposts_keep_the_scores_of_their_edition_and_tell_later_ones_apart() -> None:
    """The edition's own scores stay; a unit that does not change keeps its score later."""
    base = Choices(impute=Step("mean"))
    first = run(TABLE, FRAMEWORK, base)
    fixed = Choices(impute=Step("mean"), normalise=Plan(fixed_goalposts(first)))
    assert run(TABLE, FRAMEWORK, fixed).index == pytest.approx(first.index)
    complete = Table(TABLE.units, FRAMEWORK.codes(0), first.imputed)
    later = complete.values.copy()
    later[1:] *= 1.1
    fixed = Choices(treat=Plan(Step("none")), normalise=fixed.normalise)
    before = run(complete, FRAMEWORK, fixed).index
    after = run(Table(complete.units, complete.codes, later), FRAMEWORK, fixed).index
    assert after[0] == before[0] and np.abs(after[1:] - before[1:]).min() > 0


def test_a_link_keeps_mean_spread_and_ranks() -> None:
    """On the units in common the new scale has the old mean and spread."""
    random = np.random.default_rng(2)
    published, again = random.normal(50, 10, size=12), random.normal(0, 1, size=12)
    published[0], again[11] = np.nan, np.nan
    linked = link(published, again).apply(again)
    both = slice(1, 11)
    assert linked[both].mean() == pytest.approx(published[both].mean())
    assert linked[both].std() == pytest.approx(published[both].std())
    assert np.argsort(linked[:11]).tolist() == np.argsort(again[:11]).tolist()


def test_links_chain() -> None:
    """A link of a link goes from the newest scale to the oldest."""
    oldest = np.array([10.0, 20.0, 40.0])
    middle, newest = 3 * oldest + 1, 7 - 0 * oldest + 0.5 * oldest
    first = link(oldest, middle)
    second = link(first.apply(middle), newest)
    assert second.apply(newest) == pytest.approx(oldest)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_shapley_values_are_the_mean_over_all_orders(count: int, seed: int) -> None:
    """The same as by going through every order, and summing to the whole change."""
    random = np.random.default_rng(seed)
    causes = tuple("abcde"[:count])
    worth = {
        frozenset(some): random.normal(size=3)
        for size in range(count + 1)
        for some in itertools.combinations(causes, size)
    }
    found = shapley(worth.__getitem__, causes)
    expected = {cause: np.zeros(3) for cause in causes}
    for order in itertools.permutations(causes):
        for place, cause in enumerate(order):
            done = frozenset(order[:place])
            expected[cause] += (worth[done | {cause}] - worth[done]) / math.factorial(count)
    for cause in causes:
        assert found[cause] == pytest.approx(expected[cause])
    whole = worth[frozenset(causes)] - worth[frozenset()]
    assert sum(found.values()) == pytest.approx(whole)


def test_new_data_alone_is_the_whole_change() -> None:
    """With the same method, units and evidence, only data change scores and ranks."""
    old = Release(table(u=(2, 2), v=(3, 3), w=(4, 4)), TWO, FIXED)
    new = Release(table(u=(2, 9), v=(3, 3), w=(4, 4)), TWO, FIXED)
    found = changes(old, new, revised=old.table)
    assert found.scores["data"].tolist() == pytest.approx([35, 0, 0])
    assert found.ranks["data"].tolist() == [-2, 1, 1]
    for cause in ("method", "coverage", "evidence"):
        assert not found.scores[cause].any() and not found.ranks[cause].any()


def test_a_correction_is_no_progress() -> None:
    """A value that was wrong already then counts as evidence, the rest as new data."""
    old = Release(table(u=(2, 2), v=(3, 3)), TWO, FIXED)
    revised = table(u=(2, 6), v=(3, 3))
    new = Release(table(u=(2, 7), v=(3, 3)), TWO, FIXED)
    found = changes(old, new, revised=revised)
    assert found.scores["evidence"].tolist() == pytest.approx([20, 0])
    assert found.scores["data"].tolist() == pytest.approx([5, 0])


def test_a_new_competitor_is_coverage() -> None:
    """A unit that enters above another costs it a place and no score."""
    old = Release(table(u=(2, 2), v=(3, 3)), TWO, FIXED)
    new = Release(table(u=(2, 2), v=(3, 3), w=(9, 9)), TWO, FIXED)
    found = changes(old, new, revised=old.table)
    assert found.ranks["coverage"].tolist() == [1, 1]
    assert not found.scores["coverage"].any()
    assert found.entered == ("w",) and found.left == ()


def test_other_weights_and_a_new_indicator_are_method() -> None:
    """An indicator the old edition did not have is method, not a city's doing."""
    one = read([{"iCode": "a", "Parent": "t"}, {"iCode": "t"}])
    old = Release(Table(("u", "v"), ("a",), np.array([[2.0], [4.0]])), one, FIXED)
    new = Release(table(u=(2, 8), v=(4, 2)), TWO, FIXED)
    found = changes(old, new, revised=old.table)
    assert found.scores["method"].tolist() == pytest.approx([30, -10])
    assert found.ranks["method"].tolist() == [-1, 1]
    assert not found.scores["data"].any()


def test_everything_at_once_still_sums() -> None:
    """With all causes and min-max scores, where each depends on the others, parts are whole."""
    random = np.random.default_rng(3)
    codes, units = FRAMEWORK.codes(0), TABLE.units
    values = TABLE.values
    revised = values * np.where(random.uniform(size=values.shape) < 0.1, 1.3, 1.0)
    later = np.vstack([revised[3:] * random.uniform(0.9, 1.2, size=values[3:].shape), values[:2]])
    new_units = (*units[3:], "new 1", "new 2")
    old = Release(TABLE, FRAMEWORK, Choices(impute=Step("mean")))
    median = Choices(impute=Step("median"), aggregate=Plan(Step("median")))
    new = Release(Table(new_units, codes, later), FRAMEWORK, median)
    found = changes(old, new, revised=Table(units, codes, revised))
    assert found.units == units[3:]
    assert found.left == units[:3] and found.entered == ("new 1", "new 2")
    assert sum(found.scores.values()) == pytest.approx(found.score_after - found.score_before)
    assert sum(found.ranks.values()) == pytest.approx(found.rank_after - found.rank_before)
    assert all(np.abs(found.scores[cause]).max() > 0.01 for cause in CAUSES)
    direct = run(new.table, FRAMEWORK, median)
    assert found.score_after == pytest.approx(direct.index[:-2])
    direct = run(TABLE, FRAMEWORK, old.choices)
    assert found.score_before == pytest.approx(direct.index[3:])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_printed_parts_add_up(seed: int, digits: int) -> None:
    """Rounded parts sum to their rounded sum, none further than one last digit from its value."""
    parts = np.random.default_rng(seed).normal(0, 3, size=(4, 5))
    found = printed(parts, digits=digits)
    assert found.sum(0) == pytest.approx(np.round(parts.sum(0), digits))
    assert np.abs(found - parts).max() <= 10.0**-digits + 1e-9


def test_parts_that_are_whole_are_printed_as_they_are() -> None:
    """Nothing moves where nothing needs rounding, and what is missing stays missing."""
    parts = np.array([[1.0, np.nan], [-2.0, 1.0]])
    assert printed(parts, digits=0)[:, 0].tolist() == [1, -2]
    assert np.isnan(printed(parts, digits=0)[0, 1])


@pytest.mark.parametrize(
    ("published", "again", "message"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "1 units are in both"),
        (np.array([1.0, 1.0]), np.array([1.0, 2.0]), "scores that differ"),
    ],
)
def test_scales_that_cannot_be_linked(
    published: np.ndarray, again: np.ndarray, message: str
) -> None:
    """A link needs two units that differ."""
    with pytest.raises(MethodError, match=message):
        link(published, again)


def test_editions_without_a_unit_in_common() -> None:
    """There is no change to explain."""
    old, new = table("old.csv", u=(1, 2), v=(2, 3)), table("new.csv", x=(1, 2), y=(2, 3))
    with pytest.raises(MethodError, match=r"old\.csv and new\.csv"):
        changes(Release(old, TWO, FIXED), Release(new, TWO, FIXED), revised=old)
