"""Treating and normalising: against plain definitions, and what must hold for any table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis.extra.numpy import arrays
from scipy import stats

from index_tables import HOLED, QUICK, WHOLE, Floats, random_table, tables
from innovatory.errors import MethodError
from innovatory.index import aggregating, normalising, treating


@given(tables(WHOLE))
@QUICK
def test_measures_of_shape_are_those_of_samples(values: Floats) -> None:
    """Skewness and kurtosis agree with SciPy's corrected ones wherever those are defined."""
    for column in range(values.shape[1]):
        one = values[:, [column]]
        if one.min() == one.max():
            assert np.isnan(treating.skewness(one)[0]) and np.isnan(treating.kurtosis(one)[0])
        else:
            expected = stats.skew(one[:, 0], bias=False), stats.kurtosis(one[:, 0], bias=False)
            found = treating.skewness(one)[0], treating.kurtosis(one)[0]
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def pulled_one_by_one(column: Floats, winmax: int) -> tuple[Floats, int] | None:
    """Winsorising as one would write it down; None where the logarithm has to help."""
    now, high, low = column.copy(), 0, 0
    while not treating.passing(now[:, None])[0]:
        if high + low >= winmax:
            return None
        upward = treating.skewness(now[:, None])[0] >= 0
        outermost = now == (now.max() if upward else now.min())
        rest = now[~outermost]
        following = rest.max() if upward else rest.min()
        if len(np.unique(rest)) == 1:
            return None
        now[outermost] = following
        high, low = (outermost.sum(), low) if upward else (high, outermost.sum())
    return now, high + low


@given(
    arrays(
        np.float64,
        (12, 3),
        elements=strategies.sampled_from([0.0, 1.0, 2.0, 3.0, 40.0, -90.0, 500.0]),
    )
)
@QUICK
def test_winsorising_step_by_step(values: Floats) -> None:
    """Any number of columns and limits at once is what one column after the other gives."""
    done = treating.winsorise(values, winmax=[0, 1, 3, 5])
    for at, winmax in enumerate([0, 1, 3, 5]):
        alone = treating.winsorise(values, winmax=winmax)
        np.testing.assert_array_equal(done.values[at], alone.values)
        for column in range(3):
            plain = pulled_one_by_one(values[:, column], winmax)
            assert done.transformed[at, column] == (plain is None)
            if plain is not None:
                np.testing.assert_array_equal(done.values[at, :, column], plain[0])
                assert done.points[at, column] == plain[1]


@given(HOLED)
@QUICK
def test_treating_never_turns_two_units_round(values: Floats) -> None:
    """Winsorising and every transform keep the order of the units, and what is missing."""
    for otherwise in treating.TRANSFORMS:
        if otherwise == "log_gii" and not (np.nanmax(np.append(values, 1), axis=None) > 0):
            continue
        raised = values + 21 if otherwise == "log_gii" else values
        done = treating.winsorise(raised, winmax=1, otherwise=otherwise).values
        np.testing.assert_array_equal(np.isnan(done), np.isnan(values))
        for before, after in zip(raised.T, done.T, strict=True):
            there = ~np.isnan(before)
            order = np.argsort(before[there], kind="stable")
            assert (np.diff(after[there][order]) >= 0).all()


def test_a_long_tail_at_the_low_end_is_shortened() -> None:
    """A plain logarithm would lengthen it; the mirrored one makes the indicator pass."""
    values = -np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [7.0], [9.0], [15.0], [80.0], [400.0]])
    for transform in (treating.log_ct, treating.log_gii, treating.box_cox):
        shifted = values + 500
        assert treating.skewness(shifted)[0] < -2
        assert treating.passing(transform(shifted)).all() and not treating.passing(shifted).any()


def test_the_power_of_box_and_cox_is_the_likeliest() -> None:
    """No power of a grid has a higher likelihood than the one SciPy's function ends at."""
    column = random_table(40, 1)[:, 0]
    placed = (column - column.min()) / np.ptp(column) + treating.MARGIN
    found = treating.box_cox(column[:, None])[:, 0]
    grid = np.linspace(-2, 2, 401)
    power = min(grid, key=lambda p: float(np.abs(stats.boxcox(placed, lmbda=p) - found).max()))
    best = max(grid, key=lambda p: float(stats.boxcox_llf(p, placed)))
    assert abs(power - best) <= 0.011


def test_a_lone_value_is_not_winsorised_away() -> None:
    """A step that would leave a single value is not taken; two values stay two."""
    values = np.array([[0.0]] * 9 + [[1.0]])
    done = treating.winsorise(values, otherwise="none")
    np.testing.assert_array_equal(done.values, values)
    assert not done.passes[0]


@pytest.mark.parametrize("transform", treating.TRANSFORMS)
def test_one_value_has_no_logarithm(transform: str) -> None:
    """A column of one value, or of none, comes out missing; the others are not touched by it."""
    values = np.array([[5.0, np.nan, 1.0], [5.0, np.nan, 2.0], [5.0, np.nan, 90.0]])
    found = treating.TRANSFORMS[transform](values)
    assert np.isnan(found[:, :2]).all()
    np.testing.assert_array_equal(found[:, 2:], treating.TRANSFORMS[transform](values[:, 2:]))


def test_treating_alone_names_what_it_does_not_know() -> None:
    """A transform or a limit that is none is refused."""
    with pytest.raises(MethodError, match="otherwise is one of log_ct, log_gii, box_cox or none"):
        treating.winsorise(np.ones((5, 1)), otherwise="log")
    for winmax in (-1, 1.5):
        with pytest.raises(MethodError, match="winmax is a whole number"):
            treating.winsorise(np.ones((5, 1)), winmax=winmax)


PARAMETERS: dict[str, dict[str, object]] = {
    "scaled": {"low": 0, "high": 10},
    "distance_to_reference": {"reference": 0},
    "distance_to_target": {"target": 1000.0},
    "goalposts": {"low": -25, "high": 25},
}
UPWARD = [name for name in normalising.METHODS if name != "distance_to_target"]


@pytest.mark.parametrize("name", UPWARD)
@given(values=HOLED, turned=strategies.lists(strategies.sampled_from([1.0, -1.0]), min_size=4))
@QUICK
def test_better_is_more_after_normalising(name: str, values: Floats, turned: list[float]) -> None:
    """The order of units is kept or turned with the direction, and missing stays missing."""
    directions = np.array(turned[: values.shape[1]])
    if name == "fraction_of_best":
        values = values + 21
    if name == "distance_to_reference":
        least = np.where(directions > 0, np.nan_to_num(values, nan=99).min(axis=0), 0)
        least = np.where(directions > 0, least, np.nan_to_num(values, nan=-99).max(axis=0))
        # The first unit is a reference that is not the worst.
        values[0] = least + directions
    scores = normalising.METHODS[name](values, directions, **PARAMETERS.get(name, {}))
    for before, after, direction in zip(values.T, scores.T, directions, strict=True):
        there = ~np.isnan(before)
        assert np.isnan(after[~there]).all()
        if not np.isnan(after[there]).any():
            order = np.argsort(before[there] * direction, kind="stable")
            assert (np.diff(after[there][order]) >= -1e-9).all()
        elif name in ("none", "scaled", "rank", "borda", "goalposts"):
            raise AssertionError(f"{name} lost a value")
        else:
            assert len(np.unique(before[there])) <= 1 or name == "distance_to_reference"


@pytest.mark.parametrize("name", normalising.METHODS)
def test_normalising_in_batches(name: str) -> None:
    """Tables as a leading axis give what each gives alone."""
    values, directions = random_table(3, 2, 7, 4, missing=0.1), np.array([1.0, -1.0, 1.0, -1.0])
    values[..., 0, :] = 5.0
    parameters = PARAMETERS.get(name, {})
    if name == "distance_to_target":
        parameters = {"target": np.where(directions > 0, 1000.0, -1000.0)}
    whole = normalising.METHODS[name](values, directions, **parameters)
    for place in np.ndindex(3, 2):
        alone = normalising.METHODS[name](values[place], directions, **parameters)
        np.testing.assert_allclose(whole[place], alone, rtol=1e-12)


def test_a_single_value_cannot_be_placed() -> None:
    """Methods that divide by the spread leave it missing rather than guess; 0.1 has rounding."""
    values = np.full((7, 1), 0.1)
    for name in ("min_max", "z_score", "distance_to_best", "centred"):
        assert np.isnan(normalising.METHODS[name](values, np.ones(1))).all()


def test_targets_and_goalposts_by_hand() -> None:
    """Caps and truncation hold the score at its end; a target nobody is short of has no scale."""
    values, up = np.array([[0.0], [5.0], [12.0]]), np.ones(1)
    beyond = normalising.distance_to_target(values, up, target=10.0)
    assert beyond.ravel().tolist() == [0.0, 0.5, 1.2]
    capped = normalising.distance_to_target(values, up, target=10.0, cap=True)
    assert capped.ravel().tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(normalising.distance_to_target(values, up, target=0.0)).all()
    loose = normalising.goalposts(values, up, low=0, high=10, factor=100, truncate=False)
    assert loose.ravel().tolist() == [0.0, 50.0, 120.0]
    with pytest.raises(MethodError, match="each low below its high"):
        normalising.goalposts(values, up, low=10, high=0)


def test_the_adjusted_mazziotta_pareto_index_by_hand() -> None:
    """Centred at the mean, half a range is 30; 90 and 110 have the mean 100 and the penalty 1."""
    values = np.array([[0.0, 4.0], [3.0, 1.0], [6.0, 7.0]])
    scores = normalising.centred(values, np.array([1.0, -1.0]))
    assert scores.tolist() == [[70.0, 100.0], [100.0, 130.0], [130.0, 70.0]]
    found = aggregating.mazziotta_pareto(scores, np.ones(2))
    np.testing.assert_allclose(found, [85 - 225 / 85, 115 - 225 / 115, 100 - 900 / 100])
    added = aggregating.mazziotta_pareto(scores, np.ones(2), penalty=1)
    np.testing.assert_allclose(found + added, [170, 230, 200])
