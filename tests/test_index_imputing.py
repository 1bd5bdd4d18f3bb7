"""Imputing: what stays known, and whether draws say how little is known of the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies

from index_tables import HOLED, QUICK, Floats, random_table
from innovatory.errors import MethodError
from innovatory.index import imputing


def test_medians_and_groups_by_hand() -> None:
    """The group's own middle; that of all where the group has none or there is no group."""
    values = np.array([[1.0], [3.0], [8.0], [np.nan], [np.nan], [np.nan]])
    groups = ["n", "n", "s", "n", "w", ""]
    assert imputing.group_median(values, groups, 0)[3:].ravel().tolist() == [2.0, 3.0, 3.0]
    assert imputing.group_mean(values, groups, 0)[3:].ravel().tolist() == [2.0, 4.0, 4.0]
    with pytest.raises(MethodError, match="needs the group of each unit"):
        imputing.group_mean(values, [], 0)


@given(HOLED, strategies.randoms(use_true_random=False))
@QUICK
def test_neighbours_do_not_depend_on_the_order_of_rows(values: Floats, random: object) -> None:
    """Equally near units all count, so turning the rows round turns the result round."""
    groups = [""] * len(values)
    found = imputing.nearest(values, groups, 0, neighbours=2)
    turned = imputing.nearest(values[::-1], groups, 0, neighbours=2)[::-1]
    np.testing.assert_allclose(found, turned, rtol=1e-9)
    there = ~np.isnan(values)
    np.testing.assert_array_equal(found[there], values[there])
    empty = np.isnan(values).all(axis=0)
    np.testing.assert_array_equal(np.isnan(found).all(axis=0), empty)


def test_draws_are_reproducible_and_keep_what_is_known() -> None:
    """The same seed gives the same draws; another seed others; known cells never vary."""
    values = random_table(25, 5, missing=0.2)
    first, again, other = (imputing.multiple(values, [], seed, draws=4) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    there = ~np.isnan(values)
    assert (first[:, there] == values[there]).all() and not np.isnan(first).any()
    assert first[:, ~there].std(axis=0).min() > 0


def related(draws: np.random.Generator, units: int) -> Floats:
    """Skewed numbers that go together, with holes in the third where the first is large."""
    common = draws.standard_normal((units, 1))
    whole = np.exp(0.8 * common + 0.6 * draws.standard_normal((units, 3)))
    chance = 1 / (1 + np.exp(-1.5 * np.log(whole[:, 0])))
    whole[draws.random(units) < 0.7 * chance, 2] = np.nan
    return whole


def test_intervals_from_draws_hold_the_truth() -> None:
    """Where the large are missing, Rubin's 95% intervals cover what column means miss."""
    truth, plain, covered = [], [], 0
    for seed in range(60):
        holed = related(np.random.default_rng(seed), 80)
        drawn = np.log(imputing.multiple(holed, [], seed, draws=15, sweeps=40)[:, :, 2])
        between = drawn.mean(axis=1).var(ddof=1)
        error = np.sqrt(drawn.var(axis=1, ddof=1).mean() / 80 + (1 + 1 / 15) * between)
        # The true mean of the logarithm is 0.
        covered += bool(abs(drawn.mean()) < 1.96 * error)
        truth.append(drawn.mean())
        plain.append(np.log(holed[:, 2])[~np.isnan(holed[:, 2])].mean())
    assert covered >= 52
    assert abs(np.mean(truth)) < 0.4 * abs(np.mean(plain))


def test_draws_with_more_indicators_than_units() -> None:
    """Of unrelated noise the draws vary as the noise does: nothing is read into it."""
    draws = np.random.default_rng(5)
    values = draws.standard_normal((22, 60))
    values[draws.random(values.shape) < 0.1] = np.nan
    drawn = imputing.multiple(values, [], 0, draws=20, sweeps=40)
    spread = drawn[:, np.isnan(values)].std(axis=0)
    assert 0.7 < np.median(spread) < 1.1


def test_numbers_of_draws_and_neighbours_are_whole() -> None:
    """Half a neighbour is refused, and so are no draws."""
    with pytest.raises(MethodError, match=r"neighbours is a whole number from 1 upwards, not 0\.5"):
        imputing.nearest(np.ones((3, 1)), [], 0, neighbours=0.5)  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="draws is a whole number from 1 upwards, not 0"):
        imputing.multiple(np.ones((3, 1)), [], 0, draws=0)
