"""The whole chain: choices by level and group, what it refuses, and what must not matter."""

from __future__ import annotations

import csv
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from composite import FRAMEWORK, REGIONS, TABLE, close
from index_tables import QUICK
from innovatory.errors import MethodError
from innovatory.index import aggregating, imputing, normalising
from innovatory.index.chain import Choices, Stages, run
from innovatory.index.climbing import climb
from innovatory.index.denominating import Denominator, denominate
from innovatory.index.framework import Framework, Table, read
from innovatory.index.steps import Plan, Step, chosen
from innovatory.index.weighing import METHODS as WEIGHING
from innovatory.index.weighing import given as as_given

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("INNOVATORY_SHARED", ROOT.parent / "shared"))
SMALL = read(
    [
        {"iCode": "a", "Parent": "p"}, {"iCode": "b", "Parent": "p", "Weight": 3},
        {"iCode": "c", "Parent": "q", "Direction": -1}, {"iCode": "d", "Parent": "top"},
        {"iCode": "p", "Parent": "top"}, {"iCode": "q", "Parent": "top", "Weight": 2},
        {"iCode": "top"}, {"iCode": "pop", "Type": "Denominator"},
    ],
    source="small.csv",
)  # fmt: skip
MINMAX = Plan(Step("min_max", {"low": 1, "high": 100}))


def small(*rows: tuple[float, ...], units: tuple[str, ...] = ()) -> Table:
    """A table for the small framework, of a, b, c and d for each unit."""
    names = units or tuple(f"u{place}" for place in range(len(rows)))
    return Table(names, SMALL.codes(0), np.array(rows, dtype=np.float64), "small.csv")


def ladder() -> Table:
    """Four units, each better than the one before in everything."""
    return small((1, 1, 4, 1), (2, 2, 3, 2), (3, 3, 2, 3), (4, 4, 1, 4))


def same(one: Stages, other: Stages, order: NDArray[np.int64]) -> None:
    """Assert that two runs are the same to the last bit, the other's rows in that order."""
    for name in ("imputed", "normalised"):
        np.testing.assert_array_equal(
            getattr(one, name)[..., order, :], getattr(other, name), strict=True
        )
    for mine, its in zip(one.levels, other.levels, strict=True):
        np.testing.assert_array_equal(mine[..., order, :], its)
    np.testing.assert_array_equal(one.places[..., order], other.places)


@pytest.mark.parametrize("impute", [name for name in imputing.METHODS if name != "none"])
def test_the_order_of_rows_does_not_matter(impute: str) -> None:
    """Not for draws of missing values either, and not in the last bit."""
    order = np.random.default_rng(1).permutation(len(TABLE.units))
    turned = Table(tuple(TABLE.units[n] for n in order), TABLE.codes, TABLE.values[order])
    parameters: dict[str, float] = {"draws": 3, "sweeps": 5} if impute == "multiple" else {}
    choices = Choices(impute=Step(impute, parameters), normalise=MINMAX)
    one = run(TABLE, FRAMEWORK, choices, groups=REGIONS, seed=4)
    other = run(turned, FRAMEWORK, choices, groups=[REGIONS[n] for n in order], seed=4)
    same(one, other, order)


@pytest.mark.parametrize("aggregate", aggregating.METHODS)
def test_missing_values_do_not_make_the_order_of_rows_matter(aggregate: str) -> None:
    """Copeland, which turns with the rows elsewhere, included."""
    order = np.arange(len(TABLE.units))[::-1]
    turned = Table(tuple(TABLE.units[n] for n in order), TABLE.codes, TABLE.values[order])
    parameters: dict[str, float] = {"power": 2} if aggregate == "generalised" else {}
    lowest = Plan(Step("arithmetic"), levels={1: Step(aggregate, parameters)})
    choices = Choices(normalise=MINMAX, aggregate=lowest, coverage=0)
    same(run(TABLE, FRAMEWORK, choices), run(turned, FRAMEWORK, choices), order)


@given(arrays(np.float64, (2, 24), elements=strategies.floats(0.1, 10)))
@QUICK
def test_the_unit_of_an_indicator_does_not_matter(change: NDArray[np.float64]) -> None:
    """Metres or miles, Celsius or Fahrenheit: treated min-max scores and ranks are the same."""
    moved = replace(TABLE, values=TABLE.values * change[0] + 100 * change[1])
    choices = Choices(impute=Step("mean"))
    one, other = (run(table, FRAMEWORK, choices) for table in (TABLE, moved))
    np.testing.assert_allclose(other.normalised, one.normalised, atol=1e-6)
    np.testing.assert_array_equal(other.places, one.places)


@pytest.mark.parametrize("aggregate", ["arithmetic", "geometric", "harmonic", "median"])
@given(
    unit=strategies.integers(0, 39), gain=strategies.floats(0, 50), code=strategies.integers(0, 23)
)
@QUICK
def test_who_improves_never_loses_a_place(
    aggregate: str, unit: int, gain: float, code: int
) -> None:
    """Promised where scores do not depend on the other units, such as between goalposts."""
    plan = Plan(Step("goalposts", {"low": -1000, "high": 5000, "factor": 100}))
    choices = Choices(
        impute=Step("mean"), treat=Plan(Step("none")), normalise=plan,
        aggregate=Plan(Step(aggregate)),
    )  # fmt: skip
    whole = run(TABLE, FRAMEWORK, choices)
    better = whole.imputed.copy()
    better[unit, code] += gain * FRAMEWORK.directions[code]
    after = run(replace(TABLE, values=better), FRAMEWORK, choices)
    assert after.places[unit] <= whole.places[unit]


def test_a_step_for_each_level_and_group() -> None:
    """A group's own step goes first, then its level's; an indicator's in the same way."""
    aggregate = Plan(Step("arithmetic"), {2: Step("geometric")}, {"p": Step("harmonic")})
    normalise = Plan(Step("min_max"), items={"d": Step("goalposts", {"low": 0, "high": 5})})
    treat = Plan(Step("winsorise"), items={"d": Step("none")})
    choices = Choices(
        treat=treat, normalise=Plan(MINMAX.default, items=normalise.items), aggregate=aggregate
    )
    done = run(ladder(), SMALL, choices)
    a, b, c, d = done.normalised.T
    assert d.tolist() == [0.2, 0.4, 0.6, 0.8]
    p = 4 / (1 / a + 3 / b)
    close(done.levels[1], np.column_stack([p, c]))
    close(done.index, (d * p * c**2) ** (1 / 4))
    assert done.places.tolist() == [4, 3, 2, 1]
    assert done.weights["top"].tolist() == [1.0, 1.0, 2.0]


def test_weights_of_the_method_replace_those_of_the_framework() -> None:
    """Some by name, others by the data of their group."""
    plan = Plan(Step("given"), items={"p": Step("equal")})
    done = run(ladder(), SMALL, Choices(weigh=plan, weights={"d": 0, "q": 0.5}))
    assert done.weights["p"].tolist() == [0.5, 0.5]
    assert done.weights["top"].tolist() == [0.0, 1.0, 0.5]
    for method in WEIGHING:
        weighed = run(TABLE, FRAMEWORK, Choices(impute=Step("mean"), weigh=Plan(Step(method))))
        assert all(w.sum() == pytest.approx(1) for w in weighed.weights.values())


def test_draws_run_through_the_whole_chain() -> None:
    """Every stage has the draws as its leading axis, and the index varies with them."""
    done = run(TABLE, FRAMEWORK, Choices(impute=Step("multiple", {"draws": 4, "sweeps": 5})))
    assert done.index.shape == done.places.shape == (4, 40)
    assert [level.shape for level in done.levels] == [(4, 40, n) for n in (24, 6, 2, 1)]
    assert done.filled.sum() == 41
    assert done.index.std(axis=0).max() > 0
    one = replace(TABLE, values=done.imputed[2])
    close(run(one, FRAMEWORK).index, done.index[2])


def test_coverage_of_a_group() -> None:
    """Below the threshold there is no score, or no run; above it the others count for all."""
    table = small((1, np.nan, 4, 1), (2, 2, 3, 2), (3, 3, 2, np.nan), (4, 4, 1, 4))
    done = run(table, SMALL)
    assert np.isnan(done.levels[1][0, 0]) and done.places.tolist() == [4, 3, 2, 1]
    assert done.index[0] == 0 and done.filled.sum() == 0
    loose = run(table, SMALL, Choices(coverage=0.5))
    assert loose.levels[1][0, 0] == 0 and not np.isnan(loose.index).any()
    strict = run(table, SMALL, Choices(coverage=1))
    assert strict.places.tolist() == [0, 2, 0, 1]
    with pytest.raises(MethodError, match="aggregate, p: the unit 'u0' has too few of its items"):
        run(table, SMALL, Choices(below="refuse"))


def test_coverage_of_units_and_indicators() -> None:
    """What has too little is left out and listed; the framework goes along, and so do groups."""
    table = small((1, 1, 4, np.nan), (2, np.nan, np.nan, np.nan), (3, 3, 2, np.nan), (4, 4, 1, 4))
    done = run(
        table, SMALL, Choices(unit_coverage=0.65, indicator_coverage=0.5, impute=Step("mean"))
    )
    assert done.screened.indicators_out == {"d": 0.25}
    assert done.screened.units_out == {"u1": pytest.approx(1 / 3)}
    assert done.units == ("u0", "u2", "u3") and done.framework.codes(0) == ("a", "b", "c")
    assert done.index.shape == (3,)
    thin = run(small((1, 1, np.nan, 1), (2, 2, np.nan, 2), (3, 3, 2, 3)), SMALL,
               Choices(indicator_coverage=0.5))  # fmt: skip
    assert thin.framework.codes(1) == ("p",)


def test_rates() -> None:
    """Indicators are divided by their denominator; units stay where they are."""
    columns = (*SMALL.codes(0), "pop")
    values = np.column_stack([ladder().values, [1.0, 2.0, 4.0, np.nan]])
    table = Table(("z", "y", "x", "w"), columns, values, "small.csv")
    by = {"a": Denominator("pop", 10)}
    done = run(table, SMALL, Choices(denominate=by, coverage=0))
    assert done.units == ("z", "y", "x", "w")
    assert done.denominated.column("a").tolist()[:3] == [10.0, 10.0, 7.5]
    assert np.isnan(done.denominated.column("a")[3])
    values[1, -1] = 0
    with pytest.raises(MethodError, match=r"small\.csv, unit 'y', pop: 0 cannot divide a"):
        denominate(replace(table, values=values), by)
    for wrong, message in (
        ({"p": Denominator("pop")}, "denominate, p: it is no indicator"),
        ({"x": Denominator("pop")}, "there is no item 'x'"),
        ({"a": Denominator("people")}, "there is no column people"),
        ({"a": Denominator("pop", 0)}, "denominate, a: the factor is a number above 0, not 0"),
    ):
        with pytest.raises(MethodError, match=message):
            run(table, SMALL, Choices(denominate=wrong))


def test_references_and_targets_by_name() -> None:
    """A unit is the reference by its id, a target comes from the framework or by indicator."""
    done = run(ladder(), SMALL, Choices(normalise=Plan(Step("distance_to_reference",
                                                            {"reference": "u2"}))))  # fmt: skip
    close(done.normalised[:, 0], np.array([0, 0.5, 1, 1.5]))
    targets = {"a": 5, "b": 5, "c": 0, "d": 5}
    aimed = Plan(Step("distance_to_target", {"target": targets}))
    close(run(ladder(), SMALL, Choices(normalise=aimed)).normalised[:, 2], np.arange(4) / 4)
    rows = [{"iCode": "a", "Parent": "t", "Target": 5}, {"iCode": "t"}]
    table = Table(("u", "v"), ("a",), np.array([[1.0], [3.0]]))
    own = run(table, read(rows), Choices(normalise=Plan(Step("distance_to_target"))))
    assert own.index.tolist() == [0.0, 0.5]
    with pytest.raises(MethodError, match="normalise, a: distance_to_target has no target for it"):
        run(ladder(), SMALL, Choices(normalise=Plan(Step("distance_to_target"))))
    with pytest.raises(MethodError, match="the reference 'u9' is none of the units"):
        run(ladder(), SMALL, Choices(normalise=Plan(Step("distance_to_reference",
                                                         {"reference": "u9"}))))  # fmt: skip


BAD_TABLES = [
    (small((1, 1, 1, 1)), "there is one unit, 'u0', and an index compares two or more"),
    (small((1, 1, 1, np.nan), (2, 2, 2, np.nan)), "small.csv, d: no unit has a value"),
    (small((1, 1, 1, 1), (2, 2, 2, 1)), "normalise, d: all its values are 1, and min_max cannot"),
    (Table(("u", "v"), ("a",), np.ones((2, 1))), "table: there is no column b, c, d; add it"),
    (Table((), SMALL.codes(0), np.ones((0, 4))), "there are no units; add some"),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES, ids=[m[:30] for _, m in BAD_TABLES])
def test_tables_that_carry_no_index_are_refused(table: Table, message: str) -> None:
    """One unit, an empty or a constant indicator, a column that is not there."""
    with pytest.raises(MethodError) as refusal:
        run(table, SMALL)
    assert message in str(refusal.value)


BAD_CHOICES = [
    (Choices(impute=Step("guess")), "impute: there is no method 'guess'; take one of none, mean"),
    (Choices(impute=Step("mean", {"of": 1})), "impute: mean has no parameter 'of'; it has none"),
    (Choices(impute=Step("group_mean")), "impute: the method needs the group of each unit"),
    (Choices(treat=Plan(Step("log"))), "treat: there is no method 'log'"),
    (Choices(treat=Plan(Step("none"), items={"p": Step("none")})), "treat, p: it is no indicator"),
    (Choices(normalise=Plan(Step("min_max", {"lo": 1}))), "min_max has no parameter 'lo'; it has"),
    (Choices(normalise=Plan(Step("min_max", {"low": 9, "high": 9}))), "needs low below high"),
    (Choices(normalise=Plan(Step("z_score", {"sd": 0}))), "z_score needs an sd above 0"),
    (Choices(normalise=Plan(Step("rank", {"ties": "max"}))), "ties are average or min"),
    (Choices(normalise=Plan(Step("scaled", {"low": 1, "high": 1}))), "low and high to differ"),
    (Choices(weigh=Plan(Step("given", {"x": 1}))), "weigh, p: given has no parameter 'x'"),
    (Choices(weigh=Plan(Step("vote"))), "weigh, p: there is no method 'vote'; take one of given"),
    (Choices(weights={"a": -1}), "weigh, a: -1 is no weight from 0 upwards"),
    (Choices(weights={"a": 0, "b": 0}), "weigh, p: all items have the weight 0"),
    (Choices(weights={"z": 1}), "small.csv: there is no item 'z'"),
    (Choices(aggregate=Plan(Step("sum"))), "aggregate, p: there is no method 'sum'"),
    (Choices(aggregate=Plan(Step("geometric"))), "aggregate, p: the geometric mean needs scores"),
    (Choices(aggregate=Plan(Step("geometric"))), "(a of u0 is 0)"),
    (Choices(aggregate=Plan(Step("mazziotta_pareto"))), "the Mazziotta-Pareto mean needs means"),
    (Choices(coverage=2), "the coverage is a share from 0 to 1, not 2"),
    (Choices(below="zero"), "below the coverage is missing or refuse, not 'zero'"),
    (Choices(unit_coverage=-1), "screen: units is a share from 0 to 1, not -1"),
]


@pytest.mark.parametrize(("choices", "message"), BAD_CHOICES, ids=[m[:40] for _, m in BAD_CHOICES])
def test_choices_that_cannot_be_made_are_refused(choices: Choices, message: str) -> None:
    """The message names the step, the item and what there is to choose."""
    with pytest.raises(MethodError) as refusal:
        run(ladder(), SMALL, choices)
    assert message in str(refusal.value)


def test_one_winmax_at_a_time() -> None:
    """Alternatives are no business of a single run."""
    with pytest.raises(MethodError, match="one winmax at a time"):
        run(ladder(), SMALL, Choices(treat=Plan(Step("winsorise", {"winmax": [1, 2]}))))  # type: ignore[dict-item]


def test_groups_are_one_for_each_unit() -> None:
    """A list of another length is refused."""
    with pytest.raises(MethodError, match="there are 2 groups for 4 units"):
        run(ladder(), SMALL, groups=["a", "b"])


def test_a_logarithm_that_has_no_meaning_is_refused() -> None:
    """The logarithm of the GII needs a largest value above 0; the message names the indicator."""
    values = [(-float(n), n, n, n) for n in (1, 2, 3, 4, 5, 6, 1000)]
    plan = Plan(Step("winsorise", {"winmax": 0, "otherwise": "log_gii"}))
    with pytest.raises(MethodError, match="treat, a: winsorise cannot place its values"):
        run(small(*values), SMALL, Choices(treat=plan))


def test_steps_can_be_compared_stored_and_sent() -> None:
    """Two steps with the same parameters are the same; nobody can change one."""
    step = Step("min_max", {"low": 1})
    assert step == Step("min_max", {"low": 1}) != Step("min_max")
    assert (
        pickle.loads(pickle.dumps(step)) == step and len({step, Step("min_max", {"low": 1})}) == 1
    )
    with pytest.raises(TypeError):
        step.parameters["low"] = 2  # type: ignore[index]
    assert chosen(step, normalising.METHODS, "normalise") is normalising.min_max


def test_any_number_of_levels() -> None:
    """Fifty levels of one item each change nothing."""
    rows: list[dict[str, object]] = [{"iCode": str(n), "Parent": str(n + 1)} for n in range(50)]
    deep: Framework = read([*rows, {"iCode": "50"}])
    table = Table(("u", "v", "w"), ("0",), np.array([[1.0], [2.0], [4.0]]))
    done = run(table, deep)
    assert len(done.levels) == 51
    close(done.index, np.array([0, 100 / 3, 100]))


def test_weights_in_batches_meet_items_of_several_levels() -> None:
    """Sets of weights as a leading axis give what each gives alone, skipped levels included."""
    scores = run(ladder(), SMALL, Choices(normalise=MINMAX)).normalised
    draws = np.random.default_rng(2)
    sets = [draws.random((5, len(SMALL.codes(level)))) for level in range(SMALL.depth)]
    plan = Plan(Step("geometric"))
    whole = climb(scores, SMALL, weigh=as_given(SMALL, sets), aggregate=plan)[-1]
    assert whole.shape == (5, 4, 1)
    for place in range(5):
        one = as_given(SMALL, [each[place] for each in sets])
        close(whole[place], climb(scores, SMALL, weigh=one, aggregate=plan)[-1])
    with pytest.raises(MethodError, match="the weights of level 0 are not all 0 or more"):
        as_given(SMALL, [-sets[0], sets[1]])


@pytest.mark.parametrize("name", ["au_cities.csv", "eu_quality_of_life_2023.csv"])
def test_real_tables(name: str) -> None:
    """Published tables of cities get an index in which every city has a place."""
    path = SHARED / "data" / "city_indicators" / name
    if not path.exists():
        pytest.skip("the tables of cities are not here; set INNOVATORY_SHARED to their folder")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    codes = [code for code in rows[0] if code not in ("city", "city_code")]
    index = read([*({"iCode": code, "Parent": "index"} for code in codes), {"iCode": "index"}])
    values = np.array([[float(row[code] or "nan") for code in codes] for row in rows])
    names = tuple(row["city"] for row in rows)
    done = run(Table(names, tuple(codes), values, name), index, Choices(normalise=MINMAX))
    assert (done.places > 0).all() and done.treated.passes.mean() > 0.95
