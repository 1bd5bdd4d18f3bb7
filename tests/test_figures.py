"""The checker of printed figures: counts behind percentages, sums, bases, and editions."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import innovatory
from innovatory.errors import FiguresError
from innovatory.figures import (
    Assessment,
    AssessmentKind,
    Figure,
    Figures,
    allowed_counts,
    bases_for,
    check_figures,
    load_figures,
)
from innovatory.figures.counts import bases_between
from innovatory.figures.file import parse_figures

PUBLISHED = Path(innovatory.__file__).parent / "data" / "published-figures.yaml"
percentages = st.decimals(min_value=0, max_value=100, places=0) | st.decimals(
    min_value=0, max_value=100, places=1
)


def rounded(count: int, base: int, like: Decimal) -> set[Decimal]:
    """A percentage rounded both ways with the decimal module, to the digits of another."""
    exact = Decimal(100 * count) / Decimal(base)
    # 28 digits would hide a tie only for bases beyond 10**12.
    return {exact.quantize(like, rounding=how) for how in (ROUND_HALF_UP, ROUND_HALF_EVEN)}


def assessments(text: str, **how: Any) -> dict[str, Assessment]:
    return {v.claim: v for v in check_figures(parse_figures(text), **how)}


@given(percentages, st.integers(min_value=1, max_value=400))
@settings(max_examples=150, deadline=None)
def test_allowed_counts_are_exactly_those_that_round_back(percent: Decimal, base: int) -> None:
    """A count is allowed if, and only if, one of the two roundings gives the percentage."""
    fitting = [c for c in range(base + 1) if percent in rounded(c, base, percent)]
    assert list(allowed_counts(percent, base)) == fitting


@given(percentages, st.integers(min_value=0, max_value=60))
@settings(max_examples=100, deadline=None)
def test_bases_between_agrees_with_trying_every_base(percent: Decimal, count: int) -> None:
    """The range of bases holds a base if, and only if, the count is allowed of it."""
    assume(percent >= 1 or count == 0)
    found = bases_between(percent, count)
    for base in range(1, 700):
        assert (base in found) == (count in allowed_counts(percent, base)), base


def test_ties_are_allowed_both_ways() -> None:
    """1 of 8 is 12.5%: printed 13% by rounding half up and 12% by half to even, never 11%."""
    allowed = [list(allowed_counts(Decimal(p), 8)) for p in (11, 12, 13)]
    assert allowed == [[], [1], [1]]


@pytest.mark.parametrize(("percent", "base"), [("-1", 10), ("5", 0)])
def test_an_impossible_share_is_refused(percent: str, base: int) -> None:
    """A negative percentage or an empty base is an error, not an empty answer."""
    with pytest.raises(FiguresError, match="a share needs"):
        allowed_counts(Decimal(percent), base)


@pytest.mark.parametrize(
    ("claim", "alone", "joint"),
    [
        ("innovative-share", range(300, 311), range(306, 307)),
        ("city-or-private", range(154, 155), range(154, 155)),
        ("living-lab-driven", range(151, 154), range(152, 153)),
        ("partition", range(306, 307), range(306, 307)),
        ("sector-logistics-labour", range(72, 75), range(72, 75)),
        ("sector-energy-environment", range(69, 72), range(69, 72)),
        ("sector-transport", range(54, 57), range(54, 57)),
        ("goal-business-model", range(77, 78), range(77, 78)),
        ("goal-other", range(26, 27), range(26, 27)),
        ("goal-startup", range(21, 23), range(21, 23)),
        ("goal-jobs", range(15, 17), range(15, 17)),
        ("goal-special-zone", range(155), range(13, 16)),
        ("business-model-energy", None, range(27, 78)),
        ("leaders-innovative", None, None),
        ("leaders-living-labs", None, None),
    ],
)
def test_the_published_page(claim: str, alone: range | None, joint: range | None) -> None:
    """The counts behind every printed figure, worked out by hand from its percentage and base."""
    assessment = next(v for v in check_figures(load_figures(PUBLISHED)) if v.claim == claim)
    assert (assessment.counts, assessment.joint) == (alone, joint)
    orders = claim.startswith("leaders")
    assert assessment.kind == (AssessmentKind.NEEDS_BASE if orders else AssessmentKind.CONSISTENT)


def test_the_words_of_the_published_page() -> None:
    """Words name the base that fits, the joint reading and the remainder."""
    words = {v.claim: v.words for v in check_figures(load_figures(PUBLISHED))}
    assert words["innovative-share"] == (
        "300 to 310 of 1,088 would print as 28%; with the other figures only 306, "
        "if it is what partition adds up to"
    )
    assert words["city-or-private"] == (
        "154 is 14.2% of 1,088 alone among the printed numbers (of 206 74.8%, of 306 50.3%)"
    )
    assert words["goal-special-zone"] == "the other figures of 154 leave 13 to 15 (8.4% to 9.7%)"


BASES = "bases: {projects: 1088, labs: 206, new: 306}\n"


@pytest.mark.parametrize(
    ("claim", "kind", "words"),
    [
        ("count: 154, percent: 14.2, of: 306", "inconsistent", "154 of 306 is 50.3%, not 14.2%"),
        ("count: 154, percent: 14.2, of: 306", "inconsistent", "numbers 1,088 would fit"),
        ("count: 154, percent: 14.2, of: [306, 1088]", "consistent", "14.2% of 1,088 alone"),
        ("count: 154, percent: 14.2", "consistent", "14.2% of 1,088 alone"),
        ("count: 154, percent: 12.3", "needs_base", "would have to be 1,247 to 1,257"),
        ("count: 400, of: 306", "inconsistent", "400 of 306 cannot be"),
        ("percent: 50, of: 31", "inconsistent", "no count of 31 prints as 50%"),
        ("percent: 28, of: [306, 1088]", "ambiguous", "85 to 87 of 306; 300 to 310 of 1,088"),
        ("percent: 28", "needs_base", "57 to 58 of 206; 85 to 87 of 306; 300 to 310 of 1,088"),
        ("percent_more_than: 35", "needs_base", "73 to 206 of 206"),
        ("percent_more_than: 100, of: 206", "inconsistent", "cannot be"),
        ("percent: 25, of: 40", "consistent", "the base 40 is itself printed nowhere else"),
        ("count: 12", "consistent", "nothing printed speaks"),
        ("count: 150, approximate: true", "consistent", "about 150 allows 140 to 160"),
        ("order: [A, B], of: 306", "needs_base", "an order needs counts"),
    ],
)
def test_one_figure_alone(claim: str, kind: str, words: str) -> None:
    """Each kind of assessment for one figure beside the printed bases 1,088, 206 and 306."""
    assessment = assessments(f"{BASES}claims: [{{id: a, {claim}}}]")["a"]
    assert assessment.kind == assessment.reading == kind
    assert words in assessment.words


def test_a_count_and_a_percentage_that_fit_two_bases_are_ambiguous() -> None:
    """1 of 100 and 1 of 101 both print as 1%: which is meant the text does not say."""
    assessment = assessments("bases: {a: 100, b: 101}\nclaims: [{id: a, count: 1, percent: 1}]")[
        "a"
    ]
    assert assessment.kind == AssessmentKind.AMBIGUOUS
    assert assessment.bases == (100, 101)


def test_parts_that_cannot_add_up_are_inconsistent() -> None:
    """154 and about 160 (150 to 170) make 304 to 324, never 300."""
    found = assessments(
        "claims: [{id: a, count: 154}, {id: b, count: 160, approximate: true}, "
        "{id: all, sum_of: [a, b], count: 300}]"
    )
    assert found["all"].kind == AssessmentKind.INCONSISTENT
    assert "a, b add up to 304 to 324, which cannot be 300" in found["all"].words
    assert found["a"].kind == AssessmentKind.CONSISTENT


def test_a_sum_pins_its_parts_and_parts_their_sum() -> None:
    """Of 10, 33% is 3 and 'about 6' is 5 to 7; a sum of 9 leaves 6, and no sum leaves 8 to 10."""
    parts = "{id: a, percent: 33, of: 9}, {id: b, count: 6, approximate: true}"
    pinned = assessments(f"claims: [{parts}, {{id: all, sum_of: [a, b], count: 9}}]")
    assert (pinned["b"].counts, pinned["b"].joint) == (range(5, 8), range(6, 7))
    free = assessments(f"claims: [{parts}, {{id: all, sum_of: [a, b]}}]")
    assert (free["all"].counts, free["all"].joint) == (None, range(8, 11))
    assert free["all"].words == "a + b can be 8 to 10"


def test_percentages_beyond_their_base_leave_no_remainder() -> None:
    """60% and 50% of 10 are 6 and 5, which leave nothing for a third class."""
    found = assessments(
        "claims: [{id: a, percent: 60, of: 10}, {id: b, percent: 50, of: 10}, "
        "{id: c, percent: null, of: 10}]"
    )
    assert found["c"].kind == AssessmentKind.INCONSISTENT
    assert "a, b, c add up to 11 to 21, which cannot be 10" in found["c"].words


def test_a_share_of_a_figure_that_is_too_large_is_inconsistent() -> None:
    """More than 99% of a claim of 77 needs 77; a count of 70 is not that."""
    found = assessments(
        "claims: [{id: a, count: 77}, {id: b, count: 70, percent_more_than: 99, of_claim: a}]"
    )
    assert found["b"].kind == AssessmentKind.INCONSISTENT
    assert found["b"].words == "no count fits the 77 of a"


small = st.integers(min_value=0, max_value=12)
printed = st.one_of(
    small.map(lambda n: {"count": n}),
    small.map(lambda n: {"count": n, "approximate": True}),
    st.tuples(st.integers(0, 100), st.integers(1, 12)).map(
        lambda share: {"percent": Decimal(share[0]), "of": (share[1],)}
    ),
)


@given(st.lists(printed, min_size=1, max_size=3), printed | st.just({}))
@settings(max_examples=200, deadline=None)
def test_one_sum_is_narrowed_exactly(parts: list[dict[str, Any]], whole: dict[str, Any]) -> None:
    """What a sum leaves of each part, and of the sum, is what trying every combination leaves."""
    claims = [Figure(f"p{n}", **part) for n, part in enumerate(parts)]
    names = tuple(c.id for c in claims)
    total = Figure("all", sum_of=names, **whole)
    found = {v.claim: v for v in check_figures(Figures("f", {}, (*claims, total)))}
    assume(all(v.counts or v.claim == "all" for v in found.values()))
    allowed = found["all"].counts
    assume(allowed is None or allowed)
    spans = [found[name].counts or range(0) for name in names]
    solutions = [s for s in product(*spans) if allowed is None or sum(s) in allowed]
    if not solutions:
        assert found["all"].kind == AssessmentKind.INCONSISTENT
        return
    columns = [*zip(*solutions, strict=True), [sum(s) for s in solutions]]
    for name, values in zip((*names, "all"), columns, strict=True):
        assert found[name].joint == range(min(values), max(values) + 1)


def test_sums_that_hang_together_narrow_each_other() -> None:
    """a + b = 10 and b + c = 3: with a at least 8 (80%), b is at most 2 and c at least 1."""
    found = assessments(
        "claims: [{id: a, percent_more_than: 70, of: 10}, {id: b, count: 2, approximate: true}, "
        "{id: c, count: 2, approximate: true}, {id: x, sum_of: [a, b], count: 10}, "
        "{id: y, sum_of: [b, c], count: 3}]"
    )
    joint = {name: found[name].joint for name in "abc"}
    assert joint == {"a": range(8, 10), "b": range(1, 3), "c": range(1, 3)}


def test_an_inference_is_dropped_where_it_would_make_figures_clash() -> None:
    """50% of 101 could be the printed sum 50, but the sum of all three leaves it 51 only."""
    found = assessments(
        "claims: [{id: a, percent: 50, of: 101}, {id: b, count: 20, of: 101}, "
        "{id: c, count: 30, of: 101}, {id: both, sum_of: [b, c], count: 50}, "
        "{id: all, sum_of: [a, b, c], count: 101}]"
    )
    assert found["a"].counts == range(50, 52)
    assert found["a"].joint == range(51, 52)
    assert "if it is what" not in found["a"].words
    assert {v.kind for v in found.values()} == {AssessmentKind.CONSISTENT}


# --- against an edition ------------------------------------------------------------------------


def claim(value: float, base: float | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": "count", "value": value, "base": base, "percent": None} | more


def compared(figure: str, ours: dict[str, Any], **how: Any) -> Assessment:
    return assessments(f"claims: [{{id: a, {figure}}}]", edition_claims={"a": ours}, **how)["a"]


@pytest.mark.parametrize(
    ("figure", "ours", "kind"),
    [
        ("percent: 28, of: 1088", claim(306, 1088), "equal"),
        ("percent: 28, of: 1088", claim(320, 1088), "differs"),
        ("percent: 28, of: 1088", claim(306, 1088, kind="share", percent=28.1), "equal"),
        ("percent: 12, of: 8", claim(1, 8), "equal"),
        ("percent: 13, of: 8", claim(1, 8), "equal"),
        ("percent: 12.0, of: 8", claim(1, 8), "differs"),
        ("count: 154, percent: 14.2, of: 1088", claim(154, 1088), "equal"),
        ("count: 154, percent: 14.2, of: 1088", claim(155, 1088), "differs"),
        ("count: 154, percent: 14.2, of: 1088", claim(154, 306), "differs"),
        ("count: 152, approximate: true", claim(153), "equal"),
        ("count: 152, approximate: true", claim(154), "differs"),
        ("percent_more_than: 35, of: 77", claim(27, 77), "equal"),
        ("percent_more_than: 35, of: 77", claim(26, 77), "differs"),
        ("percent: null, of: 77", claim(77, 77), "equal"),
    ],
)
def test_a_number_is_compared_at_its_printed_digits(
    figure: str, ours: dict[str, Any], kind: str
) -> None:
    """An edition's value agrees when it rounds to what was printed."""
    assert compared(figure, ours).kind == kind


def test_both_values_are_told_and_the_reading_of_the_file_is_kept() -> None:
    """An assessment against an edition names both values, and what the file alone allowed."""
    found = compared("percent: 28, of: 1088", claim(320.5, 1088, low=300, high=340))
    assert (found.kind, found.reading) == (AssessmentKind.DIFFERS, AssessmentKind.CONSISTENT)
    assert found.ours == "320.50 of 1,088 (29%)"
    assert found.words.endswith(
        "printed 28% of 1,088, here 320.50 of 1,088 (29%), and 300 to 340 as disputes are settled"
    )


def city(label: str, count: int, rank: int) -> dict[str, Any]:
    return {"label": label, "count": count, "rank": rank}


@pytest.mark.parametrize(
    ("rows", "kind", "words"),
    [
        ([city("A", 5, 1), city("B", 4, 2), city("C", 1, 3)], "equal", "here A 5, B 4"),
        ([city("B", 5, 1), city("a", 5, 1), city("C", 1, 3)], "equal", "here a 5, B 5"),
        ([city("B", 5, 1), city("A", 4, 2)], "differs", "the same cities in another order"),
        ([city("A", 5, 1), city("C", 4, 2), city("B", 1, 3)], "differs", "here A 5, C 4"),
        ([], "differs", "here none"),
    ],
)
def test_leaders_are_compared_by_name(rows: list[dict[str, Any]], kind: str, words: str) -> None:
    """The first names must be the printed ones in their order, where a tie allows either."""
    found = compared("order: [A, B]", {"leaders": rows})
    assert found.kind == kind and words in found.words


@pytest.mark.parametrize(
    ("rows", "kind", "words"),
    [
        ([city("X", 9, 1), city("Y", 7, 2), city("Z", 4, 3)], "equal", "ahead by 3"),
        ([city("X", 9, 1), city("Y", 7, 2), city("Z", 7, 2)], "differs", "no 2 clear leaders"),
        ([city("X", 9, 1)], "differs", "no 2 clear leaders"),
    ],
)
def test_leaders_of_a_synthetic_edition_are_compared_by_their_lead(
    rows: list[dict[str, Any]], kind: str, words: str
) -> None:
    """Made-up names cannot match, so the number of clear leaders is compared."""
    found = compared("order: [A, B]", {"leaders": rows}, synthetic=True)
    assert found.kind == kind and words in found.words
    assert "names cannot be compared" in found.words


def test_a_claim_that_the_edition_lacks_or_withholds_is_not_compared() -> None:
    """The assessment stays that of the file, and says why."""
    lacking = assessments("claims: [{id: a, count: 1}]", edition_claims={})["a"]
    assert lacking.kind == AssessmentKind.CONSISTENT
    assert "makes no claim of this name" in lacking.words
    withheld = compared("count: 1", {"printed": False, "reason": "a quota carries no count"})
    assert withheld.kind == AssessmentKind.CONSISTENT
    assert "withholds it: a quota carries no count" in withheld.words


@pytest.mark.parametrize(
    ("figure", "ours", "words"),
    [
        ("count: 1", {"value": "many"}, "'value' is 'many', not a number"),
        ("count: 1", {"value": True}, "'value' is True"),
        ("count: 1", {"value": float("nan")}, "'value' is nan"),
        ("count: 1", {}, "'value' is missing"),
        ("percent: 5, of: 20", claim(1), "'base' is missing"),
        ("order: [A]", {"leaders": "A"}, "'leaders' is not a list"),
        ("order: [A]", {"leaders": [{"label": "A", "rank": 1}]}, "without count or rank"),
    ],
)
def test_a_malformed_claim_of_an_edition_is_an_error(
    figure: str, ours: dict[str, Any], words: str
) -> None:
    """The error names the claim, its field and the next step."""
    with pytest.raises(FiguresError, match="claim a: ") as caught:
        compared(figure, ours)
    assert words in str(caught.value) and "build the edition again" in str(caught.value)


# --- the file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'the file': is not a mapping"),
        ("a: 1", "'a': unknown"),
        ("bases: {a: 1}", "'claims': is missing"),
        ("claims: 5", "'claims': is not a list"),
        ("claims: [5]", "claim number 1: 'claims': is not a mapping"),
        ("claims: [{count: 5}]", "claim number 1: 'id'"),
        ("claims: [{id: ../x, count: 5}]", "'../x' is no id"),
        ("claims: [{id: a}]", "claim a: 'count': nothing is printed"),
        ("claims: [{id: a, of: 5}]", "nothing is printed"),
        ("claims: [{id: a, count: -5}]", "'-5' is not a whole number"),
        ("claims: [{id: a, count: 1.5}]", "'1.5' is not a whole number"),
        ("claims: [{id: a, count: [1]}]", "'count': is a list"),
        ("claims: [{id: a, percent: 101, of: 5}]", "'101' is no percentage"),
        ("claims: [{id: a, percent: 1e2, of: 5}]", "'1e2' is no percentage"),
        ("claims: [{id: a, percent: .nan, of: 5}]", "'.nan' is no percentage"),
        ("claims: [{id: a, percent: 5, of: 0}]", "'of': give one base"),
        ("claims: [{id: a, percent: 5, of: [9, 9]}]", "'of': give one base"),
        ("claims: [{id: a, percent: null}]", "empty means what the others leave"),
        ("claims: [{id: a, percent: 5, of: 9, of_claim: a}]", "beside 'of_claim'"),
        ("claims: [{id: a, percent: 5, of_claim: b}]", "'b': is no claim of this file"),
        ("claims: [{id: a, percent: 5, of_claim: a}]", "leads back to the claim itself"),
        (
            "claims: [{id: a, sum_of: [b]}, {id: b, percent: 9, of_claim: a}]",
            "leads back to the claim itself",
        ),
        ("claims: [{id: a, order: [X]}, {id: b, sum_of: [a]}]", "is an order of names"),
        ("claims: [{id: a, order: X}]", "'order': is not a list"),
        ("claims: [{id: a, order: [X, X]}]", "names one thing twice"),
        ("claims: [{id: a, percent: 5, approximate: true}]", "needs a count"),
        ("claims: [{id: a, count: 5, approximate: perhaps}]", "neither true nor false"),
        ("claims: [{id: a, count: 5}, {id: a, count: 6}]", "used twice"),
        ("claims: [{id: a, count: 5, count: 6}]", "written twice"),
        ("claims: [{id: a, count: 5, colour: red}]", "'colour': unknown"),
        ("claims: [{id: a, count: 5", "mend the YAML"),
        ("claims: \x00", "mend the YAML"),
        ("claims: &a [*a]", "is not a mapping"),
        ("claims: " + "[" * 5000, ""),
        ("#" * 1_000_001, "longer than 1,000,000 characters"),
    ],
)
def test_a_malformed_file_is_refused(text: str, words: str) -> None:
    """The error names the file, and the claim and the field where there are any."""
    with pytest.raises(FiguresError) as caught:
        parse_figures(text, name="page.yaml")
    assert str(caught.value).startswith("page.yaml") and words in str(caught.value)


def test_the_error_names_file_line_and_claim(tmp_path: Path) -> None:
    """A fault on line 3 is reported there."""
    path = tmp_path / "page.yaml"
    path.write_text("claims:\n- {id: a, count: 1}\n- {id: b, count: x}\n", encoding="utf-8")
    with pytest.raises(FiguresError, match="line 3, claim b: 'count'") as caught:
        load_figures(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and one that is not text are named."""
    path = tmp_path / "page.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FiguresError, match=r"page\.yaml: cannot be read as UTF-8 text"):
        load_figures(path)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_raises_anything_but_a_figures_error(text: str) -> None:
    """Whatever stands in the list of claims, it is read or refused."""
    for body in (text, f"claims: [{text}]", f"claims: [{{id: a, count: {text}}}]"):
        try:
            found = parse_figures(body)
        except FiguresError:
            continue
        assert len(check_figures(found)) == len(found.claims)


def test_printed_digits_are_kept() -> None:
    """50 and 50.0 are different figures: 51 of 101 prints as 50 and not as 50.0."""
    texts = ("50", "50.0", "'50.00'")
    for text, digits in zip(texts, (0, 1, 2), strict=True):
        figure = parse_figures(f"claims: [{{id: a, percent: {text}, of: 101}}]").claims[0]
        assert figure.percent is not None
        assert figure.percent.as_tuple().exponent == -digits
    assert list(allowed_counts(Decimal("50"), 101)) == [50, 51]
    assert list(allowed_counts(Decimal("50.0"), 101)) == []


def test_a_base_search_finds_what_fits() -> None:
    """Of the printed numbers, 154 is 14.2% of 1,088 only and 50.3% of 306 only."""
    numbers = load_figures(PUBLISHED).printed_numbers()
    assert numbers == (31, 154, 206, 306, 1088)
    assert bases_for(Decimal("14.2"), 154, numbers) == (1088,)
    assert bases_for(Decimal("50.3"), 154, numbers) == (306,)
    assert bases_for(Decimal("50.3"), 154, [0, 153]) == ()
