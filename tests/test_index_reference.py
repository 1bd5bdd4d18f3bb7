"""The chain against the reference results, stage by stage, and where the reference is wrong."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from composite import CODES, FOLDER, FRAMEWORK, REGIONS, TABLE, close, reference, rows
from innovatory.index import imputing, normalising, treating
from innovatory.index.aggregating import METHODS, generalised, ranks
from innovatory.index.chain import Choices, run
from innovatory.index.climbing import climb
from innovatory.index.steps import Plan, Step
from innovatory.index.weighing import given, pca

Floats = NDArray[np.float64]
DIRECTIONS = FRAMEWORK.directions
SHARED = Path(os.environ.get("INNOVATORY_SHARED", FOLDER.parents[3] / "shared"))


def chain_of(aggregate: Plan) -> Choices:
    """The choices by which the reference was made."""
    return Choices(
        impute=Step("mean"),
        normalise=Plan(Step("min_max", {"low": 1, "high": 100})),
        aggregate=aggregate,
    )


@pytest.mark.parametrize("method", ["mean", "median", "group_mean"])
def test_imputed(method: str) -> None:
    """Means, medians and means of groups fill the same numbers."""
    close(imputing.METHODS[method](TABLE.values, REGIONS, 0), reference(f"imputed_{method}"))


def test_treated() -> None:
    """The same points are winsorised, and their measures are the same."""
    done = treating.winsorise(reference("imputed_mean"))
    close(done.values, reference("treated"))
    told = rows("treated_details.csv")
    assert [row["iCode"] for row in told] == list(CODES)
    assert done.points.tolist() == [int(row["winsorise.nwin"] or 0) for row in told]
    assert done.passes.all() and not done.transformed.any()
    for measure, name in ((treating.skewness, "Skew"), (treating.kurtosis, "Kurt")):
        before = np.array([float(row[f"check_SkewKurt0.{name}"]) for row in told])
        close(measure(reference("imputed_mean")), before)
        again = np.array([float(row[f"check_SkewKurt1.{name}"] or np.nan) for row in told])
        touched = ~np.isnan(again)
        close(measure(done.values)[touched], again[touched])


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (Step("min_max"), "minmax_0_100"),
        (Step("min_max", {"low": 1, "high": 100}), "minmax_1_100"),
        (Step("z_score", {"mean": 10, "sd": 2}), "zscore_10_2"),
        (Step("scaled", {"low": 0, "high": 10}), "scaled_0_10_to_100"),
        (Step("distance_to_best"), "distance_to_max"),
        (Step("percentile_rank"), "percentile_rank"),
        (Step("rank"), "rank_average"),
        (Step("borda"), "borda"),
    ],
    ids=str,
)
def test_normalised(step: Step, name: str) -> None:
    """Every way to normalise gives the same scores."""
    function = normalising.METHODS[step.method]
    found = function(reference("treated"), DIRECTIONS, **step.parameters)
    close(found, reference(f"normalised_{name}"))


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        (Plan(Step("arithmetic")), "arithmetic"),
        (Plan(Step("geometric")), "geometric"),
        (Plan(Step("harmonic")), "harmonic"),
        (Plan(Step("copeland")), "copeland"),
        (Plan(Step("geometric"), levels={1: Step("arithmetic")}), "mixed_arithmetic_geometric"),
    ],
    ids=["arithmetic", "geometric", "harmonic", "copeland", "mixed"],
)
def test_the_whole_chain(plan: Plan, name: str) -> None:
    """From the raw table to every level in one go, missing cells and outliers included."""
    done = run(TABLE, FRAMEWORK, chain_of(plan))
    close(done.imputed, reference("imputed_mean"))
    close(done.treated.values, reference("treated"))
    close(done.normalised, reference("normalised_minmax_1_100"))
    for level in range(1, FRAMEWORK.depth + 1):
        close(done.levels[level], reference(f"aggregated_{name}", FRAMEWORK.codes(level)))
    assert done.filled.sum() == np.isnan(TABLE.values).sum() == 41


def test_ranks_and_weights() -> None:
    """Places at every level, effective weights and the loadings of each pillar are the same."""
    done = run(TABLE, FRAMEWORK, chain_of(Plan(Step("arithmetic"))))
    for level in range(FRAMEWORK.depth + 1):
        expected = reference("results_ranks", FRAMEWORK.codes(level))
        assert np.array_equal(done.ranks[level], expected)
    effective = FRAMEWORK.effective_weights()
    for row in rows("weights_effective.csv"):
        assert effective[row["iCode"]] == pytest.approx(float(row["EffWeight"]), rel=1e-12)
    loadings = {row["iCode"]: abs(float(row["Weight"])) for row in rows("weights_pca_level1.csv")}
    for pillar in FRAMEWORK.codes(1):
        items = FRAMEWORK.children(pillar)
        expected = np.array([loadings[code] for code in items])
        scores = done.normalised[:, [CODES.index(code) for code in items]]
        close(pca(scores), expected / expected.sum())


def all_combinations() -> Floats:
    """The index of all combinations of the design: (normalise, winmax, weights, mean, unit)."""
    sets: dict[int, dict[str, float]] = {}
    for row in rows("uncertainty_weight_sets.csv"):
        sets.setdefault(int(row["set"]), {})[row["iCode"]] = float(row["Weight"])
    weights = [
        np.array(
            [[sets[number][code] for code in FRAMEWORK.codes(level)] for number in sorted(sets)]
        )
        for level in range(FRAMEWORK.depth)
    ]
    treated = treating.winsorise(reference("imputed_mean"), winmax=range(1, 6)).values
    scores = np.stack(
        [
            normalising.min_max(treated, DIRECTIONS, low=1, high=100),
            normalising.z_score(treated, DIRECTIONS, mean=10, sd=2),
        ]
    )[:, :, None]
    every = [
        climb(scores, FRAMEWORK, weigh=given(FRAMEWORK, weights), aggregate=Plan(Step(mean)))[-1]
        for mean in ("arithmetic", "geometric")
    ]
    return np.stack([each[..., 0] for each in every], axis=3)


def in_design(found: NDArray[np.generic]) -> NDArray[np.generic]:
    """The 300 runs of the design, of an array over all combinations."""
    design = rows("uncertainty_design.csv")
    return np.array(
        [
            found[
                int(row["normalisation"] == "n_zscore"),
                int(row["winmax"]) - 1,
                int(row["weight_set"]) - 1,
                int(row["aggregation"] == "a_gmean"),
            ]
            for row in design
        ]
    )


def test_ranks_over_all_runs() -> None:
    """The ranks over the 300 runs of the uncertainty design have the same statistics."""
    places = in_design(ranks(all_combinations()))
    told = {row["uCode"]: row for row in rows("uncertainty_ranks.csv")}
    for name, found in (
        ("Mean", places.mean(axis=0)),
        ("Median", np.median(places, axis=0)),
        ("Q5", np.quantile(places, 0.05, axis=0)),
        ("Q95", np.quantile(places, 0.95, axis=0)),
    ):
        close(found, np.array([float(told[unit][name]) for unit in TABLE.units]))


def test_every_score_of_every_run() -> None:
    """The index of each of the 300 runs is the same."""
    path = SHARED / "reference" / "composite" / "uncertainty_scores.csv"
    if not path.exists():
        pytest.skip("the scores of all runs are not here; set INNOVATORY_SHARED to their folder")
    with path.open(encoding="utf-8", newline="") as lines:
        told = {row["uCode"]: row for row in csv.DictReader(lines)}
    numbers = [row["run"] for row in rows("uncertainty_design.csv")]
    expected = [[float(told[unit][f"r_{run}"]) for unit in TABLE.units] for run in numbers]
    close(in_design(all_combinations()), np.array(expected))


def test_thousands_of_combinations_in_well_under_a_second() -> None:
    """Treating, normalising, aggregating and ranking 1,000 combinations, on a busy machine."""
    begun = time.perf_counter()
    places = ranks(all_combinations())
    assert places.shape == (2, 5, 50, 2, 40)
    assert time.perf_counter() - begun < 0.5


def test_copeland_does_not_depend_on_the_order_of_rows() -> None:
    """With missing values, where the reference turns the ranks round with the rows."""
    scores = np.array([[1.0, np.nan], [2.0, 5.0], [np.nan, 4.0], [3.0, 1.0]])
    weights = np.ones(2)
    found = METHODS["copeland"](scores, weights)
    assert found.tolist() == METHODS["copeland"](scores[::-1], weights)[::-1].tolist()
    assert found.tolist() == [-2.0, 2.0, 0.0, 0.0]


def test_the_generalised_mean_skips_what_is_missing() -> None:
    """Where the reference gives nothing as soon as one item is missing."""
    found = generalised(np.array([[3.0, np.nan, 4.0]]), np.array([1.0, 5.0, 1.0]), power=2)
    close(found, np.array([np.sqrt(12.5)]))


def test_the_logarithm_of_the_gii_is_one() -> None:
    """Where the reference returns what it was given."""
    values = np.array([[1.0], [2.0], [3.0], [4.0], [100.0]])
    expected = np.log((100 - 1) * (values - 1) / (100 - 1) + 1)
    close(treating.log_gii(values), expected)
    done = treating.winsorise(values, winmax=0, otherwise="log_gii")
    close(done.values, expected)
    assert done.transformed.all() and done.passes.all()


@pytest.mark.parametrize("largest", [0.004, 0.5, 1.0, 1.1])
def test_the_logarithm_of_the_gii_rises(largest: float) -> None:
    """Below 1 the printed formula turns the indicator round, at 1 it flattens it."""
    values = largest * np.array([[0.0], [0.1], [0.2], [1.0]])
    assert (np.diff(treating.log_gii(values)[:, 0]) > 0).all()


def test_fractions_of_the_best_are_best_at_the_best() -> None:
    """Where less is better the reference gives the worst units the highest scores, above 1."""
    treated, told = reference("treated"), reference("normalised_fraction_of_max")
    found = normalising.fraction_of_best(treated, DIRECTIONS)
    more = DIRECTIONS > 0
    close(found[:, more], told[:, more])
    for column in np.flatnonzero(~more):
        best, worst = treated[:, column].argmin(), treated[:, column].argmax()
        assert told[worst, column] > told[best, column] == 1
        assert found[best, column] == 1 > found[worst, column] > 0


def test_the_logarithm_takes_over() -> None:
    """The logarithm of the COIN Tool takes over where winsorising does not help."""
    values = reference("imputed_mean")
    done = treating.winsorise(values, winmax=1)
    changed = np.flatnonzero(done.transformed)
    assert [CODES[place] for place in changed] == ["i02", "i06", "i10", "i18"]
    for place in changed:
        column = values[:, place]
        close(
            done.values[:, place],
            np.log(column - column.min() + 0.01 * (column.max() - column.min())),
        )
