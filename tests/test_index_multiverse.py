"""The multiverse: every combination, the reference's runs, and shares that sampling agrees with."""

from __future__ import annotations

import csv
import itertools
import os
import time
from pathlib import Path

import numpy as np
import pytest

from composite import FRAMEWORK, TABLE, close, rows
from innovatory.errors import MethodError
from innovatory.index import multiverse
from innovatory.index.chain import Choices, run
from innovatory.index.combining import Evidence, Factor
from innovatory.index.framework import Table, read
from innovatory.index.multiverse import Runs, explore, noisy_weights
from innovatory.index.robustness import split, summary
from innovatory.index.steps import Plan, Step

SHARED = Path(os.environ.get("INNOVATORY_SHARED", Path(__file__).parent.parent.parent / "shared"))
NOMINAL = Choices(impute=Step("mean"), normalise=Plan(Step("min_max", {"low": 1, "high": 100})))
WINSORISE = {
    f"up to {n}": Plan(Step("winsorise", {"winmax": n, "otherwise": "log_ct"})) for n in range(1, 6)
}
NORMALISE = {
    "n_minmax": Plan(Step("min_max", {"low": 1, "high": 100})),
    "n_zscore": Plan(Step("z_score", {"mean": 10, "sd": 2})),
}
MEANS = {"a_amean": Plan(Step("arithmetic")), "a_gmean": Plan(Step("geometric"))}
SMALL = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
RAW = Choices(treat=Plan(Step("none")), normalise=Plan(Step("none")))
VALUES = np.array([[10.0, 4.0], [6.0, 6.0], [4.0, 5.0], [3.0, 9.0]])


def small(values: np.ndarray = VALUES) -> Table:
    """A table of two indicators."""
    return Table(tuple("uvwx"[: len(values)]), ("a", "b"), values)


def reference_factors() -> list[Factor]:
    """The alternatives of the reference's uncertainty run."""
    sets: dict[str, dict[str, float]] = {}
    for row in rows("uncertainty_weight_sets.csv"):
        sets.setdefault(row["set"], {})[row["iCode"]] = float(row["Weight"])
    return [
        Factor("winsorising", "treat", WINSORISE),
        Factor("normalisation", "normalise", NORMALISE),
        Factor("weights", "weights", sets),
        Factor("aggregation", "aggregate", MEANS),
    ]


@pytest.fixture(scope="module")
def reference_runs() -> Runs:
    """All 1,000 combinations of the reference's alternatives."""
    return explore(TABLE, FRAMEWORK, NOMINAL, reference_factors())


def designed(runs: Runs) -> np.ndarray:
    """The places of the reference's 300 runs among all combinations."""
    _, normalise, sets, means = runs.labels
    levels = [
        (
            int(row["winmax"]) - 1,
            normalise.index(row["normalisation"]),
            sets.index(row["weight_set"]),
            means.index(row["aggregation"]),
        )
        for row in rows("uncertainty_design.csv")
    ]
    return np.ravel_multi_index(np.array(levels).T, runs.sizes)


def test_ranks_of_the_reference_run_for_run(reference_runs: Runs) -> None:
    """Mean, median and quantiles of ranks over the reference's 300 runs are the same."""
    ranks = reference_runs.ranks[designed(reference_runs)]
    told = {row["uCode"]: row for row in rows("uncertainty_ranks.csv")}
    for name, found in (
        ("Nominal", reference_runs.nominal),
        ("Mean", ranks.mean(0)),
        ("Median", np.median(ranks, axis=0)),
        ("Q5", np.quantile(ranks, 0.05, axis=0)),
        ("Q95", np.quantile(ranks, 0.95, axis=0)),
    ):
        close(found, np.array([float(told[unit][name]) for unit in reference_runs.units]))


def test_scores_of_the_reference_run_for_run(reference_runs: Runs) -> None:
    """Every score of the reference's 300 runs is the same."""
    path = SHARED / "reference" / "composite" / "uncertainty_scores.csv"
    if not path.exists():
        pytest.skip("the scores of all runs are not here; set INNOVATORY_SHARED to their folder")
    with path.open(encoding="utf-8", newline="") as lines:
        told = {row["uCode"]: row for row in csv.DictReader(lines)}
    expected = [[float(told[u][f"r_{n}"]) for u in reference_runs.units] for n in range(1, 301)]
    close(reference_runs.scores[designed(reference_runs)], np.array(expected))


def test_every_combination_is_what_the_chain_gives_alone() -> None:
    """A combination's scores are those of the chain with these choices, missing cells included."""
    factors = [
        Factor("imputation", "impute", {"mean": Step("mean"), "none": Step("none")}),
        Factor(
            "treatment", "treat", {"none": Plan(Step("none")), **dict([*WINSORISE.items()][:1])}
        ),
        Factor("weights by", "weigh", {"given": Plan(Step("given")), "equal": Plan(Step("equal"))}),
        Factor("weights", "weights", {"own": {}, "more i01": {"i01": 5.0, "direction": 2.0}}),
        Factor("aggregation", "aggregate", MEANS),
        Factor("coverage", "coverage", {"none": 0.0, "all": 1.0}),
    ]
    found = explore(TABLE, FRAMEWORK, NOMINAL, factors)
    assert found.whole and len(found.levels) == 64
    for levels, scores, ranks in zip(found.levels, found.scores, found.ranks, strict=True):
        options = {
            f.field: list(f.options.values())[k] for f, k in zip(factors, levels, strict=True)
        }
        alone = run(TABLE, FRAMEWORK, Choices(**{"normalise": NOMINAL.normalise, **options}))
        close(scores, alone.index)
        assert ranks.tolist() == alone.places.tolist()


def test_the_order_of_rows_does_not_matter(reference_runs: Runs) -> None:
    """A table with its rows turned round gives each unit the same ranks."""
    turned = Table(TABLE.units[::-1], TABLE.codes, TABLE.values[::-1])
    again = explore(turned, FRAMEWORK, NOMINAL, reference_factors())
    assert np.array_equal(again.ranks, reference_runs.ranks[:, ::-1])


def test_many_tables_are_made_in_parts(
    reference_runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little memory the same scores come out."""
    monkeypatch.setattr("innovatory.index.combining.HELD", 3 * TABLE.values.size)
    again = explore(TABLE, FRAMEWORK, NOMINAL, reference_factors())
    assert again.scores == pytest.approx(reference_runs.scores, rel=1e-12)


def test_pairs_and_their_turns_by_hand() -> None:
    """u is before v unless b counts threefold and the mean is geometric: a quarter turns it."""
    values = np.array([[9.0, 4.0], [5.0, 5.2]])
    factors = [
        Factor("mean", "aggregate", MEANS),
        Factor("weights", "weights", {"equal": {}, "b more": {"b": 2.0}}),
    ]
    runs = explore(small(values), SMALL, RAW, factors)
    # Arithmetic 6.5 to 5.1 and 5.67 to 5.13; geometric 6 to 5.1 and 5.24 to 5.13.
    assert runs.ranks.tolist() == [[1, 2]] * 4
    factors[1] = Factor("weights", "weights", {"equal": {}, "b more": {"b": 3.0}})
    runs = explore(small(values), SMALL, RAW, factors)
    # Geometric with 1 to 3: 9^(1/4) 4^(3/4) = 4.90 to 5.15.
    found = summary(runs)
    assert runs.ranks.tolist() == [[1, 2], [1, 2], [1, 2], [2, 1]]
    assert found.before.tolist() == [[0, 0.75], [0.25, 0]]
    assert found.places.tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert found.turns[:, 0, 1] == pytest.approx([2 / 3, 2 / 3])
    assert found.first[:, 0] == pytest.approx([1 / 3, 1 / 3])
    assert found.shift == pytest.approx(0.25)


def test_a_single_cause_is_named() -> None:
    """Where only the weights turn a pair all of its variance is theirs."""
    sets = {"a": {"a": 9.0}, "b": {"b": 9.0}}
    factors = [Factor("weights", "weights", sets), Factor("mean", "aggregate", MEANS)]
    found = summary(explore(small(), SMALL, RAW, factors))
    assert found.before[0, 3] == 0.5 and found.turned_by(0, 3) == "weights"
    assert found.turns[:, 3, 0].tolist() == [1, 0]
    assert found.before[1, 2] == 1 and found.turned_by(1, 2) == ""


def test_pairs_agree_with_counting(reference_runs: Runs) -> None:
    """Shares of pairs, places and indices are what counting all combinations gives."""
    found = summary(reference_runs)
    ranks = reference_runs.ranks.reshape(*reference_runs.sizes, -1).astype(float)
    for a, b in itertools.combinations(range(0, 40, 7), 2):
        order = np.sign(ranks[..., b] - ranks[..., a])
        assert found.before[a, b] == pytest.approx((order > 0).mean())
        assert found.before[b, a] == pytest.approx((order < 0).mean())
        for axis in range(4):
            left = order.var(axis=axis).mean()
            if order.var() > 0:
                assert found.turns[axis, a, b] == pytest.approx(left / order.var(), abs=1e-6)
            else:
                assert np.isnan(found.turns[axis, a, b])
    assert found.places.sum(1) == pytest.approx(1)
    assert found.places @ np.arange(1, 41) == pytest.approx(found.mean)
    assert ((found.low <= found.median) & (found.median <= found.high)).all()


def test_a_sample_agrees_with_all_combinations(reference_runs: Runs) -> None:
    """From 6 parts of 1,024 quasi-random runs come nearly the same shares."""
    whole = summary(reference_runs)
    runs = explore(TABLE, FRAMEWORK, NOMINAL, reference_factors(), limit=999, seed=3)
    assert not runs.whole and len(runs.levels) == 6 * multiverse.SAMPLE
    found = summary(runs)
    assert found.runs == multiverse.SAMPLE and not found.whole
    assert found.mean == pytest.approx(whole.mean, abs=0.1)
    assert found.before == pytest.approx(whole.before, abs=0.03)
    assert found.shift == pytest.approx(whole.shift, abs=0.05)
    assert found.shift_first == pytest.approx(whole.shift_first, abs=0.06)
    assert found.shift_total == pytest.approx(whole.shift_total, abs=0.06)
    moved = whole.variance > 0.5
    assert found.total[:, moved] == pytest.approx(whole.total[:, moved], abs=0.15)
    assert (
        np.nanmax(np.abs(found.turns - whole.turns)[:, (whole.before > 0.1) & (whole.before < 0.9)])
        < 0.3
    )
    assert (
        explore(TABLE, FRAMEWORK, NOMINAL, reference_factors(), limit=999, seed=3).levels.tolist()
        == runs.levels.tolist()
    )


def test_doubt_about_data_and_about_method_run_together() -> None:
    """The variance of ranks is split, and the source with the wider draws is the one to narrow."""
    random = np.random.default_rng(1)
    noise = random.normal(size=(2, 12, 4, 2))
    evidence = [
        Evidence("coders", VALUES + 0.05 * noise[0]),
        Evidence("estimates", VALUES + 2.0 * noise[1]),
    ]
    runs = explore(
        small(), SMALL, RAW, [Factor("mean", "aggregate", {"a": Plan(Step("arithmetic"))})],
        evidence=evidence,
    )  # fmt: skip
    assert runs.factors == ("coders", "estimates", "mean") and runs.sizes == (12, 12, 1)
    added = VALUES + 0.05 * noise[0][3] + 2.0 * noise[1][7]
    assert runs.scores[3 * 12 + 7] == pytest.approx(added.mean(1))
    data, method, both = split(runs)
    assert data == pytest.approx(runs.ranks.var(0))
    assert method == pytest.approx(0) and both == pytest.approx(0)
    name, share = summary(runs).narrowest()
    assert name == "estimates" and (share > 0.5).all()
    runs = explore(
        small(), SMALL, RAW, [Factor("weights", "weights", {"a": {"a": 9}, "b": {"b": 9}})],
        evidence=evidence[:1],
    )  # fmt: skip
    data, method, both = split(runs)
    assert data + method + both == pytest.approx(runs.ranks.var(0))
    assert method[0] > 0 and method[0] > data[0]


def test_draws_of_a_missing_value_take_its_place() -> None:
    """They are values, not changes, and a second source leaves them alone."""
    values = np.where(VALUES == 9.0, np.nan, VALUES)
    filled = np.stack([np.where(np.isnan(values), n, values) for n in (7.0, 11.0)])
    other = np.stack([np.where(np.isnan(values), 99.0, values + 1)])
    runs = explore(
        small(values), SMALL, RAW, [],
        evidence=[Evidence("imputation", filled), Evidence("estimates", other)],
    )  # fmt: skip
    assert runs.scores[:, 3].tolist() == [(4 + 7) / 2, (4 + 11) / 2]
    assert runs.scores[:, 0].tolist() == [8, 8]


def test_a_unit_without_a_rank_spoils_no_other() -> None:
    """A run in which one of a pair has no rank counts for neither."""
    values = np.where(VALUES == 9.0, np.nan, VALUES)
    runs = explore(
        small(values), SMALL, RAW, [Factor("coverage", "coverage", {"half": 0.5, "all": 1.0})]
    )
    found = summary(runs)
    assert runs.ranks[:, 3].tolist() == [4, 0]
    assert found.before[0, 3] == 0.5 and found.before[3, 0] == 0
    assert found.places[3].tolist() == [0, 0, 0, 0.5] and found.mean[3] == 4
    assert np.isnan(found.first[0, 3])


def test_noisy_weights_fill_their_range_and_depend_on_the_seed_only() -> None:
    """Each weight goes from three quarters to five quarters, evenly, and levels can stand still."""
    sets = noisy_weights(FRAMEWORK, {1: 0.25}, number=64, seed=5)
    assert sets == noisy_weights(FRAMEWORK, {1: 0.25}, number=64, seed=5)
    assert sets != noisy_weights(FRAMEWORK, {1: 0.25}, number=64, seed=6)
    assert set(sets["set 1"]) == set(FRAMEWORK.codes(1))
    for code in FRAMEWORK.codes(1):
        ratios = np.sort([one[code] / FRAMEWORK.item(code).weight for one in sets.values()])
        assert ratios == pytest.approx(0.75 + 0.5 * (np.arange(64) + 0.5) / 64, abs=0.5 / 64)


def test_thousands_of_combinations_take_a_moment() -> None:
    """2,000 combinations with their indices and pairs, on a machine that does other things too."""
    factors = reference_factors()
    factors[2] = Factor(
        "weights", "weights", noisy_weights(FRAMEWORK, {0: 0.25, 1: 0.25}, number=100, seed=1)
    )
    begun = time.perf_counter()
    found = summary(explore(TABLE, FRAMEWORK, NOMINAL, factors))
    assert found.runs == 2000 and time.perf_counter() - begun < 2


def refused() -> list[tuple[str, dict[str, object]]]:
    """Spaces that cannot be, by the message they give."""
    mean = Factor("mean", "aggregate", MEANS)
    draws = np.stack([VALUES])
    return [
        ("mean: there is no choice 'screen'", {"factors": [Factor("mean", "screen", MEANS)]}),
        ("varies aggregate too", {"factors": [mean, Factor("other", "aggregate", MEANS)]}),
        ("mean: it has no alternatives", {"factors": [Factor("mean", "aggregate", {})]}),
        (
            "two factors are named 'mean'",
            {"factors": [mean], "evidence": [Evidence("mean", draws)]},
        ),
        ("do not fit", {"factors": [], "evidence": [Evidence("data", draws[:, 1:])]}),
        ("infinite", {"factors": [], "evidence": [Evidence("data", draws * np.inf)]}),
        (
            "with mean: power: ",
            {"factors": [Factor("mean", "aggregate", {"power": Plan(Step("no"))})]},
        ),
        (
            "with scale: z.*mean: a_gmean: .*above 0",
            {
                "factors": [
                    Factor("scale", "normalise", {"z": Plan(Step("z_score"))}),
                    mean,
                ]
            },
        ),
        (
            "weights, x, a: -1",
            {"factors": [Factor("weights", "weights", {"x": {"a": -1.0}})]},
        ),
        ("no item 'zz'", {"factors": [Factor("weights", "weights", {"zz": {"zz": 1.0}})]}),
    ]


@pytest.mark.parametrize("case", refused(), ids=lambda case: case[0])
def test_what_cannot_be_combined_is_refused(case: tuple[str, dict[str, object]]) -> None:
    """The message names the factor and the option."""
    message, arguments = case
    with pytest.raises(MethodError, match=message):
        explore(small(), SMALL, RAW, **arguments)  # type: ignore[arg-type]


def test_multiple_imputation_is_evidence() -> None:
    """Its draws have to be handed over as such."""
    with pytest.raises(MethodError, match="hand the draws over as Evidence"):
        explore(small(), SMALL, Choices(impute=Step("multiple")), [])


def test_what_was_not_run_cannot_be_said(reference_runs: Runs) -> None:
    """No split and no source to narrow without doubt about the data."""
    with pytest.raises(MethodError, match="Evidence"):
        split(reference_runs)
    with pytest.raises(MethodError, match="Evidence"):
        summary(reference_runs).narrowest()
    with pytest.raises(MethodError, match="between 0 and 1"):
        summary(reference_runs, within=90)
