"""Totals and shares: exact where everything is coded, by hand where little is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innovatory.errors import ObservatoryError
from innovatory.estimate.difference import Array, Domain, Estimate, Part, Sample, share, total


def single(said: Array, expected: Array | None = None, size: float = 0.0) -> Part:
    """What one coder a record says, (n,), and what the machine expects of each."""
    own = np.zeros(len(said)) if expected is None else expected
    column = said[:, None].astype(float)
    return Part(np.array([size]), column, column, column, own[:, None].astype(float))


def simple(n: int, size: int) -> Sample:
    """n of `size` records at random, no dispute possible."""
    return Sample(np.full(n, n / size), np.ones(n, dtype=bool))


def everyone(n: int, size: float, cells: int = 1) -> Domain:
    """All records can count in every cell."""
    return Domain(np.full(cells, float(size)), np.ones((n, cells)))


def ends(found: Estimate) -> tuple[float, float, float]:
    """The only cell's low, value and high."""
    return float(found.low[0]), float(found.value[0]), float(found.high[0])


def test_simple_random_sample_by_hand() -> None:
    """The value is N times the mean, the variance the textbook's with two pseudo-residuals."""
    said = np.repeat([1.0, 0.0], [30, 70])
    found = total(single(said), simple(100, 400), domain=everyone(100, 400))
    assert found.value[0] == pytest.approx(120)
    squares = 100 * 0.3 * 0.7 + 2
    variance = 400**2 * (1 - 100 / 400) * squares / 101 / 100
    assert found.standard_error[0] == pytest.approx(math.sqrt(variance))
    low, value, high = ends(found)
    assert high - value == pytest.approx(1.984217 * math.sqrt(variance), rel=1e-5)
    assert value - low == pytest.approx(high - value)
    assert found.labels[0] == pytest.approx(100) and found.audited[0] and not found.clipped[0]


def test_a_perfect_machine_leaves_only_the_guard() -> None:
    """Without residuals the value is the machine's total; a small interval is left."""
    said = np.repeat([1.0, 0.0], [30, 70])
    found = total(single(said, said, 110.0), simple(100, 400), domain=everyone(100, 400))
    bare = total(single(said), simple(100, 400), domain=everyone(100, 400))
    assert found.value[0] == 110
    assert 0 < found.high[0] - found.low[0] < 0.35 * (bare.high[0] - bare.low[0])


@given(
    said=st.lists(st.booleans(), min_size=6, max_size=30),
    shift=st.floats(-0.5, 0.5),
)
def test_a_machine_that_is_wrong_everywhere_alike_moves_nothing(
    said: list[bool], shift: float
) -> None:
    """Adding a constant to every expectation leaves a random sample's estimate where it was."""
    answers = np.array(said, dtype=float)
    size = 3 * len(said)
    guess = np.linspace(0.2, 0.8, len(said))
    one = total(single(answers, guess, 0.5 * size), simple(len(said), size))
    other = total(single(answers, guess + shift, (0.5 + shift) * size), simple(len(said), size))
    assert one.value[0] == pytest.approx(max(other.value[0], answers.sum()))


def test_classes_sum_to_the_whole() -> None:
    """Shares of a question with one answer add up to 1 whatever the draw and the machine."""
    rng = np.random.default_rng(4)
    expected = rng.dirichlet(np.ones(4), 200)
    said = np.eye(4)[rng.integers(4, size=60)]
    sample = Sample(np.full(60, 0.3), np.ones(60, dtype=bool))
    part = Part(expected.sum(0), said, said, said, expected[:60])
    found = total(part, sample)
    assert found.value.sum() == pytest.approx(200)


answers = st.lists(
    st.lists(st.sampled_from(["c", "other", "outside"]), min_size=1, max_size=3),
    min_size=1, max_size=6,
)  # fmt: skip


def settled(records: list[list[str]]) -> tuple[set[float], set[int]]:
    """Every share and count of class c that settling each dispute by one coder can give."""
    shares, counts = set(), set()
    for choice in itertools.product(*records):
        counts.add(choice.count("c"))
        if inside := len(choice) - choice.count("outside"):
            shares.add(choice.count("c") / inside)
    return shares, counts


def parts(records: list[list[str]]) -> tuple[Part, Part]:
    """Class c and its base, as the edition builds them."""
    rows = []
    for said in records:
        c, other = said.count("c") / len(said), said.count("other") / len(said)
        every, any_c = float(c == 1), float(c > 0)
        must = float(c == 0 and other == 1)
        rows.append((c, every, any_c, c + other, float(c == 1 or other > 0), max(any_c, must)))
    columns = np.array(rows).T[:, :, None]
    none = np.zeros((len(records), 1))
    top = Part(np.zeros(1), columns[0], columns[1], columns[2], none)
    return top, Part(np.zeros(1), columns[3], columns[4], columns[5], none)


@given(records=answers)
def test_with_everything_coded_the_ends_are_those_of_settling(records: list[list[str]]) -> None:
    """No sampling is left: total and share reach from the least to the most settlement can give."""
    sample = Sample(np.ones(len(records)), np.ones(len(records), dtype=bool))
    top, bottom = parts(records)
    shares, counts = settled(records)
    found = total(top, sample)
    assert (found.low[0], found.high[0]) == (min(counts), max(counts))
    assert found.standard_error[0] == 0
    if bottom.low.sum() and bottom.high.sum():
        ratio = share(top, bottom, sample)
        low, value, high = ends(ratio)
        possible = [low == pytest.approx(min(shares)), high == pytest.approx(max(shares))]
        assert all(possible) and low <= value <= high


def test_single_coders_everywhere_leave_no_width() -> None:
    """Everything coded once is a count: no interval from sampling, none from disputes unseen."""
    said = np.array([1.0, 0.0, 1.0])
    found = total(single(said), Sample(np.ones(3), np.zeros(3, dtype=bool)))
    assert ends(found) == (2, 2, 2)


def test_a_domain_that_is_coded_in_full_is_counted() -> None:
    """Three records of a city, all drawn with a chance of one in four, are the three there are."""
    said = np.repeat([1.0, 0.0], [2, 28])
    within = np.repeat([1.0, 0.0], [3, 27])[:, None]
    sample = Sample(np.full(30, 0.25), np.ones(30, dtype=bool))
    found = total(single(said), sample, domain=Domain(np.array([3.0]), within))
    assert ends(found) == (2, 2, 2) and found.audited[0] and found.labels[0] == 3


def test_below_five_labels_only_the_machine_speaks() -> None:
    """The value is the machine's, put right where people looked; there is no interval."""
    said, guess = np.repeat([1.0, 0.0], [1, 29]), np.repeat([0.4, 0.0], [4, 26])
    within = np.repeat([1.0, 0.0], [4, 26])[:, None]
    sample = Sample(np.full(30, 0.1), np.ones(30, dtype=bool))
    found = total(single(said, guess, 16.0), sample, domain=Domain(np.array([40.0]), within))
    assert found.value[0] == pytest.approx(16 + (1 - 0.4) - 3 * 0.4)
    assert not found.audited[0] and math.isnan(found.low[0]) and math.isnan(found.high[0])
    assert math.isnan(found.standard_error[0]) and found.labels[0] == 4


def test_without_labels_the_total_is_the_machines() -> None:
    """Nothing coded: the machine's total and share, marked as not audited."""
    nothing = Sample(np.zeros(0), np.zeros(0, dtype=bool))
    top, bottom = (
        Part(np.array([x]), *[np.zeros((0, 1))] * 4) for x in (12.0, 48.0)
    )  # fmt: skip
    found, ratio = total(top, nothing), share(top, bottom, nothing)
    assert (found.value[0], ratio.value[0]) == (12, 0.25)
    assert not found.audited[0] and not ratio.audited[0] and math.isnan(ratio.high[0])


def test_certain_records_say_nothing_of_the_others() -> None:
    """Where only records that had to be drawn were coded, the rest of the domain is not audited."""
    chance = np.repeat([1.0, 0.25], [8, 20])
    within = np.repeat([1.0, 0.0], [8, 20])[:, None]
    said = np.repeat([1.0, 0.0], [8, 20])
    sample = Sample(chance, np.ones(28, dtype=bool))
    found = total(single(said), sample, domain=Domain(np.array([30.0]), within))
    assert not found.audited[0]


def test_a_class_nobody_saw_is_not_certain_to_be_empty() -> None:
    """No record of 150 in the class: about three times 1,088 / 150 of them are still possible."""
    found = total(single(np.zeros(150)), simple(150, 1088), domain=everyone(150, 1088))
    low, value, high = ends(found)
    assert (low, value) == (0, 0) and 12 < high < 3.2 * 1088 / 150
    assert found.clipped[0]


def test_values_stay_within_what_is_known() -> None:
    """A total is never below the records that were seen, nor a share above 1."""
    said = np.repeat([1.0, 0.0], [1, 59])
    found = total(single(said, np.full(60, 0.5), 20.0), simple(60, 600), domain=everyone(60, 600))
    assert found.value[0] == 1 and found.low[0] == 1 and found.clipped[0]
    top = single(np.ones(60), np.full(60, 0.2), 590.0)
    ratio = share(top, single(np.ones(60), np.ones(60), 600.0), simple(60, 600))
    assert ratio.value[0] == 1 and ratio.high[0] == 1 and ratio.clipped[0]


def two_coders(disputed: int, n: int, doubled: int) -> tuple[Part, Sample]:
    """n of 10 n records, the first `doubled` coded twice, `disputed` of those in dispute."""
    mean = np.zeros((n, 1))
    mean[:disputed] = 0.5
    mean[doubled : doubled + (n - doubled) // 2] = 1.0
    low, high = np.floor(mean), np.ceil(mean)
    sample = Sample(np.full(n, 0.1), np.arange(n) < doubled)
    return Part(np.zeros(1), mean, low, high, np.zeros((n, 1))), sample


def test_disputes_are_carried_to_records_with_one_coder() -> None:
    """Twenty disputes among forty doubled records of 400 move each end as 200 would."""
    part, sample = two_coders(20, 400, 40)
    found = total(part, sample, domain=everyone(400, 4000))
    point = 10 * (20 * 0.5 + 180)
    assert found.value[0] == pytest.approx(point)
    low, value, high = ends(found)
    spread = 10 * 200 * 0.5
    assert value - low > spread and high - value > spread
    alone = total(part, Sample(sample.probability, np.ones(400, bool)), domain=everyone(400, 4000))
    assert alone.high[0] - alone.low[0] < high - low


def test_the_factor_is_one_sided_where_disputes_are_wide() -> None:
    """Imbens and Manski: two-sided without disputes, nearly one-sided with many."""
    mean = np.repeat([0.5, 1.0, 0.0], [200, 100, 100])[:, None]
    part = Part(np.zeros(1), mean, np.floor(mean), np.ceil(mean), np.zeros((400, 1)))
    sample, domain = simple(400, 4000), everyone(400, 4000)
    found = total(part, sample, domain=domain)
    settled_low = total(
        Part(part.total, part.low, part.low, part.low, part.predicted), sample, domain=domain
    )
    reach = settled_low.value[0] - found.low[0]
    factor = reach / settled_low.standard_error[0]
    assert factor == pytest.approx(1.6487, abs=1e-3)
    plain = (settled_low.high[0] - settled_low.value[0]) / settled_low.standard_error[0]
    assert plain == pytest.approx(1.966, abs=1e-3)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(5, 40),
    doubled=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_the_value_lies_in_its_interval(seed: int, n: int, doubled: float) -> None:
    """Whatever the probabilities, answers and machine: low <= value <= high, within the limits."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(2, size=(2, n, 3)).astype(float)
    twice = rng.random(n) < doubled
    second = np.where(twice[:, None], second, first)
    predicted = rng.random((n, 3))
    part = Part(
        predicted.sum(0) * 4, (first + second) / 2, np.minimum(first, second),
        np.maximum(first, second), predicted,
    )  # fmt: skip
    one = np.ones((n, 3))
    bottom = Part(np.full(3, 5.0 * n), one, one, one, one)
    sample = Sample(rng.uniform(0.05, 1, n), twice)
    domain = everyone(n, 5 * n, 3)
    for found, most in ((total(part, sample, domain=domain), 5 * n),
                        (share(part, bottom, sample, domain=domain), 1)):  # fmt: skip
        low, value, high = (x[found.audited] for x in (found.low, found.value, found.high))
        assert (low >= 0).all() and (high <= most).all()
        assert (low <= value).all() and (value <= high).all()


def test_a_fraction_of_a_record_has_a_fraction_of_the_guard() -> None:
    """Records that count by half in a city have half the width of those that count in full."""
    said = np.repeat([1.0, 0.0], [15, 35])
    sample, one = simple(50, 500), np.ones((50, 1))
    full = total(single(said), sample, domain=Domain(np.array([500.0]), one))
    half = total(single(said / 2), sample, domain=Domain(np.array([250.0]), one / 2))
    assert half.value[0] == pytest.approx(full.value[0] / 2)
    assert half.standard_error[0] == pytest.approx(full.standard_error[0] / 2)


def test_what_does_not_fit_is_refused() -> None:
    """Wrong shapes, probabilities and confidences say what to do."""
    with pytest.raises(ObservatoryError, match=r"record 1 of the sample.*check the draws"):
        Sample(np.array([0.5, 0.0]), np.ones(2, dtype=bool))
    with pytest.raises(ObservatoryError, match="same length"):
        Sample(np.array([0.5, 0.5]), np.ones(3, dtype=bool))
    with pytest.raises(ObservatoryError, match="do not fit"):
        Part(np.zeros(2), *[np.zeros((3, 1))] * 4)
    with pytest.raises(ObservatoryError, match="do not fit"):
        total(single(np.zeros(3)), simple(2, 4))
    with pytest.raises(ObservatoryError, match="between 0 and 1"):
        total(single(np.zeros(3)), simple(3, 4), confidence=95)
