"""Draws: exact probabilities, the same from the same seed, and refused where impossible."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innovatory import sampling
from innovatory.errors import ObservatoryError
from innovatory.records import Draw

IDS = [f"r{n:02}" for n in range(20)]


def chances(draw: Draw) -> dict[str, float]:
    """The probability of every record of the frame."""
    return {**draw.members, **draw.frame}


def test_a_draw_is_the_same_from_the_same_seed_in_any_order() -> None:
    """The frame's order changes nothing; the seed and the draw's id change everything."""
    one = sampling.simple_random(IDS, 5, id="a", seed=1)
    assert one == sampling.simple_random(IDS[::-1], 5, id="a", seed=1)
    assert list(one.members) == list(sampling.simple_random(IDS[::-1], 5, id="a", seed=1).members)
    others = [sampling.simple_random(IDS, 5, id=i, seed=s) for i, s in (("a", 2), ("b", 1))]
    assert all(set(other.members) != set(one.members) for other in others)


def test_a_draw_can_be_checked_with_a_hash_function() -> None:
    """This draw was worked out by hand with sha256sum; it must never change."""
    draw = sampling.simple_random(["a", "b", "c"], 1, id="pilot", seed=7)
    digests = {
        "a": "e17fc4ab4738",
        "b": "ca5656b94b47",
        "c": "f5a6a7092d58",
    }  # fmt: skip
    assert list(draw.members) == [min(digests, key=lambda record: digests[record])]


def test_members_and_frame_are_the_whole_frame() -> None:
    """Each record is in one of them, and the note names the frame."""
    draw = sampling.simple_random(IDS, 5, id="a", seed=1, drawn=IDS[:4])
    assert len(draw.members) == 5 and not set(draw.members) & {*draw.frame, *IDS[:4]}
    assert sorted(chances(draw)) == IDS
    assert set(chances(draw).values()) == {5 / 16}
    assert draw.design == "simple_random" and draw.note.startswith("frame of 20 records")


@given(
    scores=st.lists(
        st.one_of(st.just(0.0), st.floats(1e-6, 1e3)), min_size=1, max_size=40
    ),
    part=st.floats(0, 1),
    random_share=st.floats(0.5, 1),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_uncertainty_draws_exactly_n_with_probabilities_that_sum_to_n(
    scores: list[float], part: float, random_share: float, seed: int
) -> None:
    """No probability is below the random part's or above 1, and doubt never lowers one."""
    n = max(1, math.ceil(part * len(scores)))
    frame = {f"r{k:02}": score for k, score in enumerate(scores)}
    draw = sampling.uncertainty(frame, n, id="u", seed=seed, random_share=random_share)
    assert len(draw.members) == n
    probability = chances(draw)
    assert sum(probability.values()) == pytest.approx(n)
    least = random_share * n / len(scores)
    assert all(least - 1e-9 <= p <= 1 for p in probability.values())
    ranked = [probability[record] for record in sorted(frame, key=lambda r: frame[r])]
    assert all(a <= b + 1e-9 for a, b in pairwise(ranked))
    sure = {record for record, p in probability.items() if p == 1}
    assert sure <= set(draw.members)


def test_uncertainty_draws_each_record_as_often_as_it_says() -> None:
    """Over 4,000 seeds each record comes as often as its probability, within chance."""
    frame = {record: float(k**2) for k, record in enumerate(IDS)}
    drawn: Counter[str] = Counter()
    for seed in range(4000):
        draw = sampling.uncertainty(frame, 6, id="u", seed=seed)
        drawn.update(list(draw.members))
    for record, p in chances(draw).items():
        assert drawn[record] / 4000 == pytest.approx(p, abs=4.5 * math.sqrt(p * (1 - p) / 4000))


def test_records_drawn_before_get_the_probability_of_their_score() -> None:
    """A hypothetical probability is that of an undrawn record with the same score."""
    frame = {"a": 2.0, "b": 2.0, "c": 1.0, "d": 1.0, "e": 0.0}
    draw = sampling.uncertainty(frame, 2, id="u", seed=3, drawn=["a"])
    assert chances(draw)["a"] == chances(draw)["b"] and "a" not in draw.members


def test_strata_get_their_part_and_at_least_one() -> None:
    """A stratum of one record is drawn for certain; the others share the rest by size."""
    frame = {**{f"x{n}": "x" for n in range(60)}, **{f"y{n}": "y" for n in range(30)}, "z": "z"}
    draw = sampling.stratified(frame, 13, id="s", seed=1)
    assert Counter(frame[record] for record in draw.members) == {"x": 8, "y": 4, "z": 1}
    assert chances(draw)["x0"] == 8 / 60 and chances(draw)["z"] == 1


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8), part=st.floats(0, 1)
)  # fmt: skip
def test_strata_are_never_asked_for_more_than_they_have(sizes: list[int], part: float) -> None:
    """Exactly n are drawn, from each stratum one at least and no more than it has."""
    frame = {f"s{k}-{n}": f"s{k}" for k, size in enumerate(sizes) for n in range(size)}
    n = len(sizes) + round(part * (len(frame) - len(sizes)))
    draw = sampling.stratified(frame, n, id="s", seed=5)
    number = Counter(frame[record] for record in draw.members)
    assert len(draw.members) == n and set(number) == set(frame.values())
    assert sum(chances(draw).values()) == pytest.approx(n)


def test_the_number_for_each_stratum_can_be_given() -> None:
    """A stratum that is not named is not drawn from, and its records are not in the frame."""
    frame = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "z"}
    draw = sampling.stratified(frame, {"x": 1, "y": 2}, id="s", seed=1)
    assert chances(draw) == {"a": 0.5, "b": 0.5, "c": 1.0, "d": 1.0}


def test_an_exhausted_stratum_would_have_been_drawn_from() -> None:
    """Had its only record been left, it would have been drawn for certain."""
    draw = sampling.stratified({"a": "x", "b": "y", "c": "y"}, 1, id="s", seed=1, drawn=["a"])
    assert chances(draw) == {"a": 1.0, "b": 0.5, "c": 0.5}


def test_over_two_draws_each_record_is_as_likely_as_inclusion_says() -> None:
    """Of twenty records two, then three: over 4,000 seeds each comes a quarter of the time."""
    drawn: Counter[str] = Counter()
    for seed in range(4000):
        one = sampling.simple_random(IDS, 2, id="one", seed=seed)
        two = sampling.simple_random(IDS, 3, id="two", seed=seed, drawn=one.members)
        drawn.update([*one.members, *two.members])
    found = sampling.inclusion([chances(one), chances(two)], [1.0, 1.0])
    assert set(np.round(list(found.values()), 12)) == {0.25}
    assert all(abs(drawn[record] / 4000 - 0.25) < 0.032 for record in IDS)


def test_a_part_coded_is_a_random_part() -> None:
    """Members are kept in random order, so that coders who stop half-way leave a random half."""
    first: Counter[str] = Counter()
    for seed in range(2000):
        draw = sampling.stratified({r: r[:2] for r in IDS}, 10, id="s", seed=seed)
        first[next(iter(draw.members))] += 1
    assert all(abs(first[record] / 2000 - 0.05) < 0.025 for record in IDS)


def test_the_second_coders_part_is_exact_and_random() -> None:
    """A fifth of ten is two, of eleven three; over seeds each member is as likely as another."""
    assert [len(sampling.second(IDS[:n], 0.2, id="d", seed=1)) for n in (0, 1, 10, 11)] == [
        0, 1, 2, 3,
    ]  # fmt: skip
    seen: Counter[str] = Counter()
    for seed in range(2000):
        seen.update(sampling.second(IDS[:10], 0.2, id="d", seed=seed))
    assert all(abs(seen[record] / 2000 - 0.2) < 0.045 for record in IDS[:10])


def test_a_rare_class_weighs_as_much_as_a_common_one() -> None:
    """The doubt about two records that may be rare equals that about many that may be common."""
    common = np.tile([[0.5, 0.5, 0.0]], (40, 1))
    rare = np.tile([[0.9, 0.0, 0.1]], (10, 1))
    found = sampling.scores([np.concatenate([common, rare])])
    assert (found[40:] > found[:40].max()).all()
    both = sampling.scores([np.concatenate([common, rare])] * 2)
    assert both == pytest.approx(2 * found)


def test_impossible_draws_are_refused_with_the_next_step() -> None:
    """Too many, too few, a bad score, a random part under a half."""
    with pytest.raises(ObservatoryError, match="ask for 1 to 20"):
        sampling.simple_random(IDS, 21, id="a", seed=1)
    with pytest.raises(ObservatoryError, match="ask for 1 to 20"):
        sampling.simple_random(IDS, 0, id="a", seed=1)
    with pytest.raises(ObservatoryError, match="nothing left to draw"):
        sampling.simple_random(IDS, 1, id="a", seed=1, drawn=IDS)
    with pytest.raises(ObservatoryError, match="one of each of 2 strata"):
        sampling.stratified({"a": "x", "b": "y"}, 1, id="a", seed=1)
    with pytest.raises(ObservatoryError, match=r"stratum 'x', which has 1 left"):
        sampling.stratified({"a": "x", "b": "y"}, {"x": 2}, id="a", seed=1)
    with pytest.raises(ObservatoryError, match="score of record b"):
        sampling.uncertainty({"a": 1.0, "b": float("nan")}, 1, id="a", seed=1)
    with pytest.raises(ObservatoryError, match=r"give 0.5 to 1"):
        sampling.uncertainty({"a": 1.0, "b": 1.0}, 1, id="a", seed=1, random_share=0.4)
    with pytest.raises(ObservatoryError, match="second coder"):
        sampling.second(["a"], 1.5, id="a", seed=1)
