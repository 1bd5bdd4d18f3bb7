"""Rank confidence sets hold for all units at once, and tiers say what the data can tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.errors import MethodError
from innovatory.index.rank_sets import RankSets, rank_sets, tiers


def true_places(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best and worst place of each unit by its true value; ties have several."""
    better = (truth[None] > truth[:, None]).sum(1)
    worse = (truth[None] < truth[:, None]).sum(1)
    return 1 + better, len(truth) - worse


def coverage(truth: np.ndarray, covariance: np.ndarray, *, simultaneous: bool) -> np.ndarray:
    """How often each unit's set, or all at once (the last), held in 300 seeded samples."""
    random = np.random.default_rng(17)
    samples = random.multivariate_normal(truth, covariance, size=300)
    best, worst = true_places(truth)
    held = []
    for number, sample in enumerate(samples):
        found = rank_sets(
            sample, covariance, seed=number, draws=800, confidence=0.9, simultaneous=simultaneous
        )
        each = (found.low <= best) & (worst <= found.high)
        held.append([*each, each.all()])
    return np.mean(held, axis=0)


def test_all_sets_hold_at_once_as_often_as_is_promised() -> None:
    """With ties, unequal and correlated errors, at least nine in ten samples."""
    truth = np.array([3.0, 2.0, 2.0, 2.0, 1.8, 0.5, 0.0, -1.0])
    scale = np.linspace(0.2, 0.6, 8)
    covariance = np.outer(scale, scale) * (0.4 + 0.6 * np.eye(8))
    # Three standard errors of a share of 300.
    assert coverage(truth, covariance, simultaneous=True)[-1] >= 0.9 - 3 * 0.0173


def test_critical_values_are_no_larger_than_they_need_be() -> None:
    """Where all are equal nothing should be found, and in one sample of ten something is."""
    held = coverage(np.zeros(6), np.eye(6), simultaneous=True)[-1]
    assert abs(held - 0.9) <= 3 * 0.0173


def test_a_set_of_one_unit_holds_as_often_as_is_promised_and_is_narrower() -> None:
    """Marginal sets hold each by itself, and are never wider than those for all at once."""
    truth = np.array([2.0, 1.0, 1.0, 0.5, 0.0])
    assert (coverage(truth, 0.1 * np.eye(5), simultaneous=False)[:-1] >= 0.9 - 3 * 0.0173).all()
    estimates, errors = np.array([2.1, 1.3, 0.6, 0.2, -0.3]), np.full(5, 0.25)
    one = rank_sets(estimates, errors, seed=1, simultaneous=False)
    every = rank_sets(estimates, errors, seed=1)
    assert (one.low >= every.low).all() and (one.high <= every.high).all()
    assert (one.high - one.low).sum() < (every.high - every.low).sum()


def test_two_units_are_the_two_sided_test() -> None:
    """With two units the critical value is that of one normal difference."""
    errors = np.array([0.6, 0.8])
    for difference, told in ((1.90, False), (2.02, True)):
        found = rank_sets(np.array([difference, 0.0]), errors, seed=5, draws=200_000)
        assert bool(found.above[0, 1]) is told


def test_what_follows_from_two_findings_is_found() -> None:
    """A above B and B above C make A above C, though C's error alone would hide it."""
    # C is correlated with B, so that B and C are told apart and A and C are not.
    covariance = np.array([[0.01, 0.0, 0.0], [0.0, 1.0, 0.999], [0.0, 0.999, 1.0]])
    estimates = np.array([3.0, 0.0, -0.5])
    found = rank_sets(estimates, covariance, seed=2)
    assert found.above.tolist() == [[False, True, True], [False, False, True], [False] * 3]
    assert found.low.tolist() == found.high.tolist() == [1, 2, 3]


def test_bootstrap_and_covariance_agree() -> None:
    """Deviations of a bootstrap stand for the covariance they have."""
    random = np.random.default_rng(9)
    covariance = 0.04 * np.eye(6) + 0.02
    estimates = random.normal(size=6)
    bootstrap = random.multivariate_normal(estimates, covariance, size=20_000)
    one = rank_sets(estimates, covariance, seed=3)
    other = rank_sets(estimates, bootstrap, seed=3)
    assert one.low.tolist() == other.low.tolist() and one.high.tolist() == other.high.tolist()


def test_numbers_without_error_have_one_rank_and_ties_share_places() -> None:
    """What is known exactly is told apart however little it differs."""
    found = rank_sets(np.array([1.0, 1.0 + 1e-9, 0.5, 0.5]), np.zeros(4), seed=1)
    assert found.low.tolist() == [2, 1, 3, 3] and found.high.tolist() == [2, 1, 4, 4]


def test_a_unit_without_an_estimate_has_no_rank() -> None:
    """It takes no place and is in no tier."""
    found = rank_sets(np.array([1.0, np.nan, 9.0]), np.array([0.1, np.nan, 0.1]), seed=1)
    assert found.low.tolist() == [2, 0, 1] and found.high.tolist() == [2, 0, 1]
    assert tiers(found).tier.tolist() == [2, 0, 1]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_sets_and_tiers_keep_their_rules(seed: int, units: int) -> None:
    """Order of rows does not matter; in a tier none is told apart, below each is told from one."""
    random = np.random.default_rng(seed)
    estimates, errors = random.normal(size=units), random.uniform(0, 0.4, size=units)
    found = rank_sets(estimates, errors, seed=1, draws=300)
    assert (found.low >= 1).all() and (found.low <= found.high).all()
    assert not (found.above & found.above.T).any()
    naive = 1 + (estimates[None] > estimates[:, None]).sum(1)
    assert ((found.low <= naive) & (naive <= found.high)).all()
    grouped = tiers(found)
    for tier in range(1, grouped.tier.max() + 1):
        members = np.flatnonzero(grouped.tier == tier)
        assert len(members) and not found.above[np.ix_(members, members)].any()
        if tier > 1:
            higher = np.flatnonzero(grouped.tier == tier - 1)
            assert found.above[np.ix_(higher, members)].any(0).all()


def test_a_clean_border_is_one_where_all_are_told_apart() -> None:
    """A unit that hangs between two groups makes the border unclean."""
    above = np.zeros((4, 4), dtype=bool)
    above[0, [2, 3]] = above[1, 3] = True
    found = RankSets(np.ones(4, dtype=int), np.full(4, 4), above, 0.95, True)
    assert tiers(found).tier.tolist() == [1, 1, 2, 2] and tiers(found).clean == (False,)
    above[1, 2] = True
    assert tiers(found).clean == (True,)


def test_the_same_seed_gives_the_same_sets() -> None:
    """Nothing depends on anything but the arguments."""
    estimates, errors = np.random.default_rng(1).normal(size=20), np.full(20, 0.3)
    one, other = (rank_sets(estimates, errors, seed=4, draws=500) for _ in range(2))
    assert one.above.tolist() == other.above.tolist()


@pytest.mark.parametrize(
    ("errors", "options", "message"),
    [
        (np.ones(4), {}, "do not fit 3 estimates"),
        (np.array([1.0, -1.0, 1.0]), {}, "unit 1 is below zero"),
        (np.array([1.0, np.nan, 1.0]), {}, "no error"),
        (np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), {}, "positive"),
        (np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), {}, "symmetric"),
        (np.ones(3), {"confidence": 95}, "between 0 and 1"),
        (np.ones(3), {"draws": 0}, "at least one draw"),
    ],
)
def test_errors_that_cannot_be_are_refused(
    errors: np.ndarray, options: dict[str, float], message: str
) -> None:
    """The message says which, and what to give."""
    with pytest.raises(MethodError, match=message):
        rank_sets(np.arange(3.0), errors, seed=1, **options)  # type: ignore[arg-type]


def test_tiers_are_not_made_of_sets_of_single_units() -> None:
    """Marginal sets promise nothing about pairs of units."""
    found = rank_sets(np.arange(3.0), np.ones(3), seed=1, simultaneous=False)
    with pytest.raises(MethodError, match="simultaneous"):
        tiers(found)
