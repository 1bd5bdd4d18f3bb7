"""Pooling and planning: against formulas, against brute force, and against what then happens."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innovatory.errors import ObservatoryError
from innovatory.estimate.difference import Domain, Part, Sample, total
from innovatory.estimate.planning import (
    Goal,
    allocate,
    half_width,
    labels_for,
    plan,
    protected,
    record_variance,
)
from innovatory.estimate.pooling import pool


def areas(rng: np.random.Generator, m: int, between: float) -> tuple[np.ndarray, ...]:
    """True values of m domains, their estimates and standard errors."""
    errors = rng.uniform(0.05, 0.2, m)
    truth = 0.3 + between * rng.normal(size=m)
    return truth, truth + errors * rng.normal(size=m), errors


@pytest.mark.parametrize("m", [5, 12])
@pytest.mark.parametrize("between", [0.03, 0.2])
def test_pooled_intervals_cover_and_err_less(m: int, between: float) -> None:
    """Alike or not, pooled values are nearer the truth than the domains' own, and say how near."""
    rng = np.random.default_rng([m, round(100 * between)])
    held, own, pooled = [], [], []
    for _ in range(250):
        truth, value, error = areas(rng, m, between)
        found = pool(value, error, labels=np.full(m, 1000.0))
        assert found is not None
        held.append((found.low <= truth) & (truth <= found.high))
        own.append((value - truth) ** 2)
        pooled.append((found.value - truth) ** 2)
    assert 0.935 <= np.mean(held) <= 0.995
    assert np.mean(pooled) < (0.7 if between == 0.03 else 0.95) * np.mean(own)


def test_a_domain_without_an_estimate_gets_the_common_mean_with_its_doubt() -> None:
    """Its interval covers where its true value may be; a domain without error is left alone."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(300):
        truth, value, error = areas(rng, 12, 0.1)
        value[0], error[1] = np.nan, 0.0
        value[1] = truth[1]
        found = pool(value, error, labels=np.full(12, 1000.0))
        assert found is not None
        assert found.own[0] == 0 and found.value[0] == pytest.approx(found.mean)
        assert found.value[1] == truth[1] and found.high[1] == found.low[1]
        assert found.own[1] == 1
        held.append(found.low[0] <= truth[0] <= found.high[0])
    assert 0.91 <= np.mean(held) <= 0.99


def test_pooling_moves_with_shift_and_scale() -> None:
    """Points of a percent or shares, from zero or from the machine's expectation: no difference."""
    _, value, error = areas(np.random.default_rng(3), 10, 0.1)
    one = pool(value, error, labels=np.full(10, 30.0))
    other = pool(100 * value + 7, 100 * error, labels=np.full(10, 30.0))
    assert one is not None and other is not None
    assert other.value == pytest.approx(100 * one.value + 7, rel=1e-4)
    assert other.high - other.low == pytest.approx(100 * (one.high - one.low), rel=1e-3)


def test_fewer_labels_weigh_less() -> None:
    """Of two equal standard errors the one that rests on few labels counts for less."""
    labels = np.array([6.0, 600, 600, 600, 600])
    found = pool(np.linspace(0.1, 0.5, 5), np.full(5, 0.1), labels=labels)
    assert found is not None and found.own[0] < found.own[1] == found.own[4]


def test_three_domains_cannot_be_pooled() -> None:
    """They cannot say how domains vary, nor can any number of them without error."""
    three = np.array([0.1, 0.2, 0.3, np.nan])
    assert pool(three, np.full(4, 0.1), labels=np.full(4, 50.0)) is None
    assert pool(np.zeros(9), np.zeros(9), labels=np.full(9, 50.0)) is None
    with pytest.raises(ObservatoryError, match="one of each a domain"):
        pool(np.zeros(3), np.zeros(4), labels=np.zeros(4))
    with pytest.raises(ObservatoryError, match="below zero"):
        pool(np.zeros(3), np.full(3, -1.0), labels=np.zeros(3))


@given(
    scale=st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    labels=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    room=st.lists(st.integers(0, 5), min_size=3, max_size=3),
    more=st.integers(0, 6),
)
def test_allocation_is_the_best_of_all(
    scale: list[float], labels: list[int], room: list[int], more: int
) -> None:
    """No other way to give out as many labels leaves a smaller sum of variances."""
    s, n = np.array(scale), np.array(labels, dtype=float)
    given_ = allocate(s, n, n + room, more)
    assert given_.sum() == min(more, sum(room)) and (given_ <= room).all()
    ways = itertools.product(*(range(r + 1) for r in room))
    sums = [((s**2) / (n + way)).sum() for way in ways if sum(way) == given_.sum()]
    assert ((s**2) / (n + given_)).sum() == pytest.approx(min(sums))


def test_a_stratum_without_labels_comes_first() -> None:
    """However small its variance, each stratum is seen once."""
    found = allocate(np.array([9.0, 0.1, 0.1]), np.zeros(3), np.full(3, 50.0), 10)
    assert (found >= 1).all() and found[0] == 8


@given(
    variance=st.floats(0.01, 0.3), size=st.integers(1, 3000), distance=st.floats(0.01, 0.3),
    power=st.sampled_from([0.5, 0.8]),
)  # fmt: skip
def test_the_labels_asked_for_are_the_fewest_that_do(
    variance: float, size: int, distance: float, power: float
) -> None:
    """They reach the goal, one fewer does not; a small frame is coded in full at the worst."""
    goal = Goal("see it", distance, power)
    v, whole = np.array([variance]), np.array([float(size)])
    n = labels_for(v, whole, goal).astype(float)
    assert min(5, size) <= n[0] <= size
    if power == 0.5 and n[0] > 5:
        assert n[0] == size or half_width(v, n, whole)[0] <= distance
        assert half_width(v, n - 1, whole)[0] > distance
    assert labels_for(v, whole, Goal("see more", distance, 0.9))[0] >= n[0]


def test_telling_shares_apart_takes_the_textbook_number() -> None:
    """28% from 24% with 80% power in an endless population: (1.96 + 0.84)^2 s^2 / d^2."""
    goal = Goal.telling(0.28, 0.24)
    n = labels_for(np.array([0.2]), np.array([1e9]), goal)[0]
    assert n == pytest.approx((1.959964 + 0.841621) ** 2 * 0.2 / 0.04**2, rel=0.005)
    assert labels_for(np.array([0.2]), np.array([300.0]), goal)[0] < 300


def test_what_is_predicted_is_what_comes() -> None:
    """The width foretold from 100 labels is within a sixth of that with 250."""
    rng = np.random.default_rng(11)
    expected = np.clip(rng.beta(0.6, 1.4, 1000), 0.02, 0.98)
    foretold, came = [], []
    for _ in range(60):
        said = (rng.random(1000) < expected).astype(float)
        order = rng.permutation(1000)
        errors = []
        for n in (100, 250):
            at = order[:n]
            y = said[at, None]
            part = Part(np.array([expected.sum()]), y, y, y, expected[at, None])
            found = total(part, Sample(np.full(n, n / 1000), np.ones(n, dtype=bool)),
                          domain=Domain(np.array([1000.0]), np.ones((n, 1))))  # fmt: skip
            errors.append(found.standard_error / 1000)
        size = np.array([1000.0])
        variance = record_variance(errors[0], np.array([100.0]), size)
        foretold.append(half_width(variance, np.array([250.0]), size)[0])
        came.append(1.9695 * errors[1][0])
    assert np.mean(foretold) == pytest.approx(np.mean(came), rel=1 / 6)
    assert np.mean(foretold) >= np.mean(came)


def test_a_plan_reaches_its_goal_batch_by_batch_and_stops() -> None:
    """Twelve cities: batches go where most is missing until none is; then the plan says enough."""
    rng = np.random.default_rng(2)
    names = [f"city-{n}" for n in range(12)]
    size = np.linspace(20, 300, 12).round()
    labels = np.minimum(size, rng.integers(0, 20, 12)).astype(float)
    variances = rng.uniform(0.02, 0.2, (12, 3))
    variances[3] = np.nan
    goal = Goal.within(0.08)
    first = plan(goal, names, size=size, labels=labels, variances=variances)
    assert f"about {sum(first.needed.values())} more labels; next 60:" in first.sentence
    assert sum(first.batch.values()) == 60 and not first.done
    assert all(first.batch.get(name, 0) <= first.needed[name] for name in names)
    current, batches = first, 0
    while not current.done:
        labels = labels + [current.batch.get(name, 0) for name in names]
        current = plan(goal, names, size=size, labels=labels, variances=variances)
        batches += 1
    assert batches == -(-sum(first.needed.values()) // 60)
    assert all(width <= 0.08 for width in current.now.values())
    assert all(width <= 0.08 for width in first.reached.values())
    assert (
        current.sentence == "Enough is coded to know each share to within 8 points in 12 domains."
    )


def test_protection_lets_a_rare_class_draw_labels() -> None:
    """A stratum where the rare class is in doubt gets more than by the common class alone."""
    size = np.array([100.0, 100.0])
    variances = np.array([[0.2, 0.001], [0.18, 0.02]])
    for_common = np.sqrt(variances[:, 0]) * size
    for_both = protected(variances, size) * size
    start, most = np.ones(2), size
    assert allocate(for_common, start, most, 40)[1] < 20 < allocate(for_both, start, most, 40)[1]


def test_nothing_known_is_refused() -> None:
    """A plan needs a first draw; a goal needs a distance."""
    one = np.array([100.0])
    with pytest.raises(ObservatoryError, match="first random draw"):
        plan(Goal.within(0.1), ["a"], size=one, labels=one * 0, variances=np.full((1, 2), np.nan))
    with pytest.raises(ObservatoryError, match="distance above 0"):
        Goal.telling(0.3, 0.3)
