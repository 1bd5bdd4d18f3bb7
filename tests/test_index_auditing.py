"""The audit: measures by hand and of the reference, and sentences that real tables deserve."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composite import FRAMEWORK, TABLE, rows
from innovatory.errors import MethodError
from innovatory.index.auditing import audit
from innovatory.index.chain import Choices, run
from innovatory.index.checks import items
from innovatory.index.coherence import components, correlations, cronbach, importance
from innovatory.index.combining import Factor
from innovatory.index.findings import Audit, Finding, Thresholds
from innovatory.index.framework import Framework, Table, read, read_table
from innovatory.index.gaming import gains
from innovatory.index.multiverse import explore
from innovatory.index.robustness import summary
from innovatory.index.steps import Plan, Step

CITIES = (
    Path(os.environ.get("INNOVATORY_SHARED", Path(__file__).parent.parent.parent / "shared"))
    / "data"
    / "city_indicators"
)
NOMINAL = Choices(impute=Step("mean"), normalise=Plan(Step("min_max", {"low": 1, "high": 100})))


def flat(*codes: str) -> Framework:
    """A framework of one group."""
    return read([*({"iCode": code, "Parent": "t"} for code in codes), {"iCode": "t"}])


def made(values: np.ndarray) -> Table:
    """A table of numbered units."""
    return Table(
        tuple(f"u{n:02}" for n in range(len(values))),
        tuple("abcdefgh"[: values.shape[1]]),
        values,
    )


def one_factor(seed: int = 0, units: int = 40, count: int = 4) -> np.ndarray:
    """Indicators that measure one thing, with some noise."""
    random = np.random.default_rng(seed)
    return random.normal(size=(units, 1)) + 0.5 * random.normal(size=(units, count))


def of(found: Audit, check: str, level: str) -> dict[str, Finding]:
    """The findings of a check at a level, by subject."""
    return {f.subject: f for f in found.findings if f.check == check and f.level == level}


def city_rows(name: str) -> list[dict[str, str]]:
    """A real table, where it is there."""
    path = CITIES / name
    if not path.exists():
        pytest.skip(f"{name} is not here; set INNOVATORY_SHARED to the folder with data")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_alpha_and_correlations_of_the_reference() -> None:
    """Cronbach's alpha of each pillar and its correlation with the index are the same."""
    done = run(TABLE, FRAMEWORK, NOMINAL)
    for row in rows("cronbach.csv"):
        assert cronbach(items(done, row["group"])) == pytest.approx(float(row["alpha"]), rel=1e-9)
    found = correlations(done.levels[1], done.index[:, None])
    for row in rows("correlation_pillars.csv"):
        place = FRAMEWORK.codes(1).index(row["Var2"])
        assert found[place, 0] == pytest.approx(float(row["Correlation"]), rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_correlations_over_pairs_are_numpys(seed: int) -> None:
    """Missing values are left out pair by pair, and large numbers lose no digits."""
    random = np.random.default_rng(seed)
    table = 1e6 + random.normal(size=(12, 3))
    table[random.uniform(size=table.shape) < 0.2] = np.nan
    found = correlations(table, table)
    for a in range(3):
        for b in range(3):
            both = np.isfinite(table[:, a]) & np.isfinite(table[:, b])
            if both.sum() < 3:
                assert np.isnan(found[a, b])
            else:
                expected = np.corrcoef(table[both, a], table[both, b])[0, 1]
                assert found[a, b] == pytest.approx(expected, abs=1e-6)


def test_correlation_with_a_constant_is_none() -> None:
    """What does not vary goes with nothing."""
    table = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert np.isnan(correlations(table, table)[0, 1])
    assert components(table)[0].size == 0


def test_importance_is_the_variance_that_an_item_brings() -> None:
    """The parts sum to 1, and an item that works against the mean brings less than nothing."""
    random = np.random.default_rng(4)
    scores = random.normal(size=(50, 3)) * [1, 2, 3]
    weights = np.array([3.0, 2.0, 1.0]) / 6
    found = importance(scores, weights, scores @ weights)
    assert found.sum() == pytest.approx(1)
    covariance = np.cov(scores.T, ddof=0)
    assert found == pytest.approx(weights * (covariance @ weights) / (scores @ weights).var())
    against = np.stack([scores[:, 2], -0.5 * scores[:, 2]], axis=1)
    assert importance(against, np.ones(2), against.mean(1))[1] < 0


def test_a_sound_index_passes() -> None:
    """Four indicators of one thing, well covered, without outliers: nothing stands out."""
    found = audit(made(one_factor()), flat("a", "b", "c", "d"))
    assert found.level == "pass" and not found.of("warn")
    assert {f.check for f in found.findings} == {
        "coverage of indicators", "coverage of units", "number of units", "distinct values",
        "outliers", "consistency", "one dimension", "own group", "redundancy",
        "effective weights", "gaming",
    }  # fmt: skip
    assert all(f.sentence.endswith(".") and f.sentence != "." for f in found.findings)


def test_each_fault_is_found_where_it_was_put() -> None:
    """One fault at a time, in one indicator or unit, is found there and named."""
    base = one_factor(units=40)
    framework = flat("a", "b", "c", "d")

    def with_fault(place: tuple[object, ...], values: object) -> Audit:
        table = base.copy()
        table[place] = values
        return audit(made(table), framework)

    assert "b" in of(with_fault((slice(0, 20), 1), np.nan), "coverage of indicators", "fail")
    assert "b" in of(with_fault((slice(0, 10), 1), np.nan), "coverage of indicators", "warn")
    assert "u03" in of(with_fault((3, slice(0, 2)), np.nan), "coverage of units", "fail")
    single = of(with_fault((slice(None), 2), 7.0), "distinct values", "fail")["c"]
    assert "the single value 7" in single.sentence
    assert "no value" in of(
        with_fault((slice(None), 2), np.nan), "distinct values", "fail"
    )["c"].sentence  # fmt: skip
    assert "d" in of(with_fault((slice(0, 24), 3), 0.0), "distinct values", "warn")
    assert "1 value was pulled in" in of(with_fault((5, 0), 90.0), "outliers", "warn")["a"].sentence
    assert "c" in of(with_fault((slice(None), 2), -base[:, 0]), "own group", "fail")
    assert "a, b" in of(with_fault((slice(None), 1), base[:, 0]), "redundancy", "fail")
    few = audit(made(base[:6]), framework)
    assert "6 units" in of(few, "number of units", "warn")[""].sentence


def test_outliers_that_stay_fail() -> None:
    """An index that treats nothing keeps them."""
    table = one_factor()
    table[5, 0] = 90.0
    found = audit(made(table), flat(*"abcd"), choices=Choices(treat=Plan(Step("none"))))
    assert "they are still there" in of(found, "outliers", "fail")["a"].sentence


def test_an_item_in_the_wrong_group_is_found() -> None:
    """An indicator that was moved between two groups goes more with the one it came from."""
    values = np.hstack([one_factor(1, count=3), one_factor(2, count=4)])
    parents = ["p", "p", "p", "p", "q", "q", "q"]
    framework = read(
        [
            *({"iCode": c, "Parent": p} for c, p in zip("abcdefg", parents, strict=True)),
            *({"iCode": group, "Parent": "t"} for group in "pq"),
            {"iCode": "t"},
        ]
    )
    found = of(audit(made(values), framework), "other groups", "warn")
    assert list(found) == ["d"] and "goes more with q" in found["d"].sentence


def test_weights_that_the_data_overrule_are_found() -> None:
    """An indicator with a tenth of the variance brings in little, whatever its weight."""
    values = one_factor(3)
    values[:, 0] = np.random.default_rng(5).normal(size=40)
    found = audit(
        made(values), flat(*"abcd"), choices=Choices(normalise=Plan(Step("none"))),
    )  # fmt: skip
    assert "a" in of(found, "effective weights", "warn") | of(found, "effective weights", "fail")
    scaled = values * [0.05, 1, 1, 1]
    found = audit(made(scaled), flat(*"abcd"), choices=Choices(normalise=Plan(Step("none"))))
    finding = of(found, "effective weights", "fail")["a"]
    assert finding.sentence.startswith("a has 25% of the weight in t and ")


@pytest.mark.parametrize("method", ["arithmetic", "geometric", "copeland"])
def test_gains_are_what_a_better_value_wins(method: str) -> None:
    """Raising one value of one unit and ranking again gives the same places."""
    choices = Choices(
        treat=Plan(Step("none")),
        normalise=Plan(Step("goalposts", {"low": -10, "high": 10})),
        aggregate=Plan(Step(method)),
    )
    values = np.clip(one_factor(7, units=12, count=3), -9, 9)
    table, framework = made(values), flat("a", "b", "c")
    done = run(table, framework, choices)
    found = gains(done, choices)
    assert found.any()
    for indicator in range(3):
        column = values[:, indicator]
        for unit in range(12):
            raised = values.copy()
            raised[unit, indicator] = min(column[unit] + 0.1 * np.ptp(column), column.max())
            places = run(made(raised), framework, choices).places
            won = max(int(done.places[unit] - places[unit]), 0)
            assert found[indicator, unit] == won


def test_one_number_that_decides_all_is_worth_polishing() -> None:
    """With nearly all the weight on one indicator a tenth of its range wins many places."""
    framework = read(
        [
            {"iCode": "a", "Parent": "t", "Weight": 50},
            {"iCode": "b", "Parent": "t"},
            {"iCode": "t"},
        ]
    )
    values = np.random.default_rng(1).normal(size=(60, 2))
    values[0, 0], values[1, 0] = -8, 8
    found = audit(made(values), framework, choices=Choices(treat=Plan(Step("none"))))
    assert "a" in of(found, "gaming", "fail")
    assert "a number worth polishing" in of(found, "gaming", "fail")["a"].sentence


def test_robustness_is_judged_where_it_is_given() -> None:
    """The multiverse adds how far units move, and what moves them."""
    means = {m: Plan(Step(m)) for m in ("arithmetic", "geometric", "harmonic")}
    runs = explore(TABLE, FRAMEWORK, NOMINAL, [Factor("the mean", "aggregate", means)])
    found = audit(TABLE, FRAMEWORK, choices=NOMINAL, robustness=summary(runs))
    robust = [f for f in found.findings if f.check == "robustness"]
    assert "Over 3 combinations" in robust[0].sentence
    assert "most of it comes of the mean" in robust[0].sentence
    strict = replace(Thresholds(), interval=(0.0, 0.01), shift=(0.0, 0.001))
    found = audit(TABLE, FRAMEWORK, choices=NOMINAL, robustness=summary(runs), thresholds=strict)
    assert of(found, "rank intervals", "fail") and of(found, "robustness", "fail")


def test_the_reference_index_gets_the_audit_it_deserves() -> None:
    """Ten skewed indicators and one weak group are named; nothing else is wrong with it."""
    found = audit(TABLE, FRAMEWORK, choices=NOMINAL)
    assert found.level == "warn"
    details = {row["iCode"] for row in rows("treated_details.csv") if row["winsorise.nwin"]}
    skewed = set(of(found, "outliers", "warn"))
    assert details and skewed <= details | {"i02"}
    assert set(of(found, "consistency", "warn")) == {"direction"}


def test_multiple_imputation_is_audited_on_average() -> None:
    """Draws of missing values do not get in the way."""
    some = Choices(impute=Step("multiple", {"draws": 3, "sweeps": 5}))
    found = audit(TABLE, FRAMEWORK, choices=some)
    assert not of(found, "own group", "fail")


def test_what_is_said_of_an_indicator_that_is_left_out_is_left_out_too() -> None:
    """Choices for a constant indicator do not stop the audit."""
    values = one_factor()
    values[:, 3] = 1.0
    own = Plan(Step("min_max"), items={"d": Step("z_score")})
    found = audit(made(values), flat(*"abcd"), choices=Choices(normalise=own, weights={"d": 2.0}))
    assert list(of(found, "distinct values", "fail")) == ["d"]


def test_questions_where_agreement_is_bad_are_found_in_a_real_survey() -> None:
    """Corruption, taken for good by mistake, goes against its own group, turned it does not."""
    table = city_rows("eu_quality_of_life_2023.csv")
    codes = [code for code in table[0] if code.startswith("Q") and "_" in code]

    def framework(*bad: str) -> Framework:
        groups = dict.fromkeys(code.split("_")[0] for code in codes)
        return read(
            [
                *(
                    {"iCode": c, "Parent": c.split("_")[0], "Direction": -1 if c in bad else 1}
                    for c in codes
                ),
                *({"iCode": group, "Parent": "quality"} for group in groups),
                {"iCode": "quality"},
            ]
        )

    wrong = audit(read_table(table, framework(), unit="city"), framework())
    assert list(of(wrong, "own group", "fail")) == ["Q13_5"]
    right = audit(read_table(table, framework("Q13_5"), unit="city"), framework("Q13_5"))
    assert not of(right, "own group", "fail")
    assert len(right.of("fail")) < len(wrong.of("fail"))


def test_a_heap_of_numbers_fails_as_an_index() -> None:
    """Sixty statistics of 22 cities thrown together have no consistency and say things twice."""
    table = city_rows("au_cities.csv")
    codes = [code for code in table[0] if code != "city"]
    framework = flat(*codes)
    found = audit(read_table(table, framework, unit="city"), framework)
    assert found.level == "fail"
    assert "t" in of(found, "consistency", "fail")
    assert "unemployment" not in of(found, "distinct values", "fail")
    twice = {**of(found, "redundancy", "warn"), **of(found, "redundancy", "fail")}
    assert "nearly the opposite" in twice["income_quintile, household_income"].sentence


def test_a_table_that_carries_no_index_is_refused() -> None:
    """Fewer than two units, or nothing that varies, cannot be audited."""
    with pytest.raises(MethodError, match="one unit"):
        audit(made(np.array([[1.0, 2.0]])), flat("a", "b"))
    with pytest.raises(MethodError, match="no indicator remains"):
        audit(made(np.ones((5, 2))), flat("a", "b"))
