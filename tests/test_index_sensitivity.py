"""Sobol indices of finite choices: exact, whole, and the same as others estimate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sobol_indices, uniform

from innovatory.errors import MethodError
from innovatory.index.sensitivity import between, components, mean_shift, sobol


def test_two_factors_of_two_levels_by_hand() -> None:
    """A 2 by 2 table splits into two main effects and what is left."""
    # Means 2 and 6 by row, 3 and 5 by column, 4 in all; the interaction is +-1.
    table = np.array([[2.0, 2.0], [4.0, 8.0]])
    found = sobol(table, 2)
    assert (float(found.mean), float(found.variance)) == (4, 6)
    assert found.first.tolist() == pytest.approx([4 / 6, 1 / 6])
    assert found.total.tolist() == pytest.approx([5 / 6, 2 / 6])
    assert found.fair.tolist() == pytest.approx([4.5 / 6, 1.5 / 6])


def test_weights_are_chances_of_levels() -> None:
    """A level with weight 3 counts like the same level written three times."""
    random = np.random.default_rng(3)
    table = random.normal(size=(2, 3, 5))
    weighted = sobol(table, 2, weights=[np.array([1.0, 3.0]), np.ones(3)])
    written = sobol(table[[0, 1, 1, 1]], 2)
    assert weighted.first == pytest.approx(written.first)
    assert weighted.total == pytest.approx(written.total)


def _ishigami(x: np.ndarray) -> np.ndarray:
    return np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])


def test_ishigami_as_in_closed_form_and_as_scipy_estimates() -> None:
    """On nodes of a quadrature for levels the indices are those of the continuous function."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    grid = np.array(np.meshgrid(*[np.pi * nodes] * 3, indexing="ij"))
    found = sobol(_ishigami(grid), 3, weights=[weights] * 3)
    variance = 0.5 + 49 / 8 + 0.1 * np.pi**4 / 5 + 0.01 * np.pi**8 / 18
    first = np.array([0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.0]) / variance
    both = 0.01 * np.pi**8 * (1 / 18 - 1 / 50) / variance
    assert float(found.variance) == pytest.approx(variance, rel=1e-9)
    assert found.first == pytest.approx(first, abs=1e-9)
    assert found.total == pytest.approx(first + np.array([both, 0, both]), abs=1e-9)
    sampled = sobol_indices(
        func=_ishigami, n=4096, dists=[uniform(-np.pi, 2 * np.pi)] * 3, rng=np.random.default_rng(1)
    )
    assert found.first == pytest.approx(sampled.first_order, abs=0.02)
    assert found.total == pytest.approx(sampled.total_order, abs=0.02)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_the_terms_of_all_orders_make_up_the_variance(levels: list[int], seed: int) -> None:
    """Terms sum to the variance, fair shares to 1, and a total is never below a first order."""
    random = np.random.default_rng(seed)
    table = random.integers(0, 9, size=(*levels, 2)).astype(float)
    weights = [random.uniform(0.1, 1, size=n) for n in levels]
    parts = components(table, len(levels), weights=weights)
    found = sobol(table, len(levels), weights=weights)
    chances = np.array(1.0)
    for given_weights in weights:
        chances = np.multiply.outer(chances, given_weights / given_weights.sum())
    mean = (table * chances[..., None]).sum(tuple(range(len(levels))))
    variance = ((table - mean) ** 2 * chances[..., None]).sum(tuple(range(len(levels))))
    assert sum(parts.values()) == pytest.approx(variance, abs=1e-9)
    assert found.variance == pytest.approx(variance, abs=1e-9)
    varied = variance > 1e-9
    assert found.fair.sum(0)[varied] == pytest.approx(1)
    assert (found.total >= found.first - 1e-9)[:, varied].all()
    assert np.isnan(found.first[:, ~varied]).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_terms_are_those_of_the_definition(seed: int) -> None:
    """A closed term is the variance of the conditional mean, averaged by hand."""
    table = np.random.default_rng(seed).normal(size=(2, 3, 4))
    parts = components(table, 3)
    for size in (1, 2, 3):
        for members in itertools.combinations(range(3), size):
            others = tuple(axis for axis in range(3) if axis not in members)
            closed = table.mean(axis=others).var()
            inner = sum(part for u, part in parts.items() if set(u) <= set(members))
            assert inner == pytest.approx(closed)


def test_a_split_between_two_kinds_of_factors_is_whole() -> None:
    """The parts of some factors, of the others and of both sum to the variance."""
    table = np.random.default_rng(5).normal(size=(3, 2, 4, 6))
    parts = components(table, 3)
    own, others, both = between(parts, [1])
    assert own + others + both == pytest.approx(table.reshape(24, 6).var(0))
    assert own == pytest.approx(table.mean(axis=(0, 2)).var(0))
    assert others == pytest.approx(table.mean(axis=1).reshape(12, 6).var(0))


def test_constant_and_missing_outputs_have_no_indices() -> None:
    """A unit that never moves, or is missing in a run, has NaN and spoils no other unit."""
    table = np.zeros((2, 2, 3))
    table[..., 0] = 0.1 + 0.2
    table[..., 1] = [[1, 2], [3, np.nan]]
    table[..., 2] = [[1, 2], [3, 4]]
    found = sobol(table, 2)
    assert np.isnan(found.first[:, :2]).all() and np.isnan(found.fair[:, :2]).all()
    assert found.first[:, 2] == pytest.approx([0.8, 0.2])


def test_a_missing_rank_does_not_count_in_the_mean_shift() -> None:
    """The mean is over units that have both ranks."""
    ranks = np.array([[2.0, np.nan, 1.0], [np.nan] * 3])
    shift = mean_shift(ranks, np.array([1.0, 2.0, 3.0]))
    assert shift[0] == 1.5 and np.isnan(shift[1])


@pytest.mark.parametrize(
    ("factors", "weights", "message"),
    [
        (3, None, "no 3 axes"),
        (0, None, "no 0 axes"),
        (2, [np.ones(2), np.ones(3)], r"\[2, 3\] levels"),
        (2, [np.ones(2), np.zeros(2)], "factor 1"),
        (2, [np.array([-1.0, 2.0]), np.ones(2)], "factor 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    factors: int, weights: list[np.ndarray] | None, message: str
) -> None:
    """The message says which factor and what to give."""
    with pytest.raises(MethodError, match=message):
        sobol(np.zeros((2, 2)), factors, weights=weights)
