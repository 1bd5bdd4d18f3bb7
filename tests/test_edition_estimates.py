"""What coded and drawn records say of all records, on frames small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.edition import estimates
from innovatory.edition.counts import Count, Population, asked_of_coders, name_of, statement
from innovatory.edition.estimates import Basis
from innovatory.edition.frame import Answers, Cells, Drawn, Frame, cells
from test_counts import CLASSES, engine_with

PROJECTS = Population("projects", "Projects", "project")
LABS = Population("living_labs", "Living labs", "living_lab")
YES = Population("innovative", "Innovative", "project", (("inno", "yes"),))
COLUMNS = ("count", "low", "high", "disputed", "base", "share", "share_low", "share_high", "labels")
Judgement = tuple[str, str, str, str]


def draw(
    chances: Mapping[int, float],
    drawn: Sequence[int],
    records: int,
    *,
    design: str = "simple_random",
    target: Sequence[str] = (),
    id: str = "d1",
) -> Drawn:
    """A draw by the rows of its frame."""
    chance, out = np.zeros(records), np.zeros(records, bool)
    chance[list(chances)] = list(chances.values())
    out[list(drawn)] = True
    return Drawn(id, design, frozenset(target), chance, out)


def framed(
    judgements: Sequence[Judgement],
    kinds: Mapping[str, str],
    *,
    seats: Sequence[tuple[str, str, float]] = (),
    draws: Sequence[Drawn] = (),
    second: Sequence[str] = (),
    predicted: Mapping[str, Any] | None = None,
) -> Frame:
    """A frame of these judgements; the machine expects nothing unless told otherwise."""
    ids = tuple(sorted(kinds))
    row_of = {record_id: n for n, record_id in enumerate(ids)}
    cities = tuple(sorted({city for _, city, _ in seats}))
    classes = {**CLASSES, "city": cities}
    pairs = sorted({(record, coder) for record, coder, _, _ in judgements})
    at = {pair: n for n, pair in enumerate(pairs)}
    answers = {
        d: Answers(np.zeros(len(pairs), bool), np.zeros((len(pairs), len(CLASSES[d])), bool))
        for d in CLASSES
    }
    for record, coder, d, class_ in judgements:
        answers[d].answered[at[record, coder]] = True
        answers[d].said[at[record, coder], CLASSES[d].index(class_)] = True
    known = {"city": np.zeros((len(ids), len(cities)))}
    for record, city, fraction in seats:
        known["city"][row_of[record], cities.index(city)] = fraction
    expected = {d: np.zeros((len(ids), len(CLASSES[d]))) for d in CLASSES} | dict(predicted or {})
    return Frame(
        ids, np.array([kinds[i] for i in ids]), np.isin(ids, list(second)),
        np.array([row_of[record] for record, _ in pairs], np.int64), classes, answers, known,
        tuple(draws), expected,
    )  # fmt: skip


def only(frame: Frame, count: Count, population: Population = PROJECTS, way: str = "record") -> Any:
    """The groups of a count over all records, by name."""
    covered = np.ones(len(frame.record_ids), bool)
    return {g.group: g for g in cells(frame, count, population, way=way, covered=covered)}


def triples(part: Any, cell: int) -> list[tuple[float, ...]]:
    """On average, at the smallest and at the largest share: what each labelled record counts."""
    return [tuple(round(float(v), 6) for v in row) for row in np.stack(part)[:, :, cell].T]


def said(*rows: tuple[str, str, str]) -> list[Judgement]:
    """Judgements on the sector, as (record, coder, class)."""
    return [(record, coder, "sector", class_) for record, coder, class_ in rows]


FOUR = dict.fromkeys("1234", "project")


def test_a_record_counts_by_the_share_of_its_coders() -> None:
    """Both say bus: 1 in any case; one of two: a half, none or one; the base is 1 throughout."""
    frame = framed(said(("1", "a", "bus"), ("1", "b", "bus"), ("2", "a", "bus"),
                        ("2", "b", "park")), FOUR)  # fmt: skip
    group: Cells = only(frame, Count("t", "", "sector"))[""]
    assert triples(group.top, 0) == [(1, 1, 1), (0.5, 0, 1)]
    assert triples(group.bottom, 0) == [(1, 1, 1), (1, 1, 1)]
    assert group.disputed.tolist() == [1, 1, 0]
    assert group.size.tolist() == [4, 4, 4]


def test_whether_a_record_belongs_to_the_base_is_in_dispute_too() -> None:
    """Innovative bus or not: out of the base at the smallest share, in at the largest."""
    frame = framed(
        [("1", "a", "inno", "yes"), ("1", "b", "inno", "no"), *said(("1", "a", "bus"),
                                                                  ("1", "b", "bus"))], FOUR
    )  # fmt: skip
    group = only(frame, Count("t", "", "sector"), YES)[""]
    assert triples(group.top, 0) == [(0.5, 0, 1)]
    assert triples(group.bottom, 0) == [(0.5, 0, 1)]
    assert triples(group.bottom, 1) == [(0.5, 1, 0)]


def test_a_record_in_two_cities_counts_in_each_or_in_halves() -> None:
    """One record in A and B: 1 and 1 in full, a half each in fractions, as group and as cell."""
    seats = [("1", "A", 0.5), ("1", "B", 0.5), ("2", "B", 1.0)]
    frame = framed(said(("1", "a", "bus"), ("2", "a", "park")), FOUR, seats=seats)
    within = Count("t", "", "sector", "city")
    for way, counted in (("full", 1.0), ("fractional", 0.5)):
        found = only(frame, within, way=way)
        assert [found[city].top[0][:, 0].tolist() for city in "AB"] == [[counted, 0], [counted, 0]]
        assert found["B"].bottom[0][:, 0].tolist() == [counted, 1]
        assert found["A"].size.tolist() == [counted] * 3
    group = only(frame, Count("t", "", "city"), YES, way="fractional")[""]
    assert group.size.tolist() == [0.5, 1.5]


def test_groups_that_coders_tell_apart() -> None:
    """A coder who puts a record elsewhere takes it out of the group, class and all."""
    rows = [("1", "a", "inno", "yes"), ("1", "b", "inno", "no"), ("2", "a", "inno", "no")]
    rows += said(("1", "a", "bus"), ("1", "b", "bus"), ("2", "a", "park"))
    found = only(framed(rows, FOUR), Count("t", "", "sector", "inno"))
    assert triples(found["yes"].top, 0) == [(0.5, 0, 1), (0, 0, 0)]
    assert triples(found["no"].top, 1) == [(0, 0, 0), (1, 1, 1)]
    assert found["yes"].bottom[0][:, 0].tolist() == [0.5, 0]


def test_only_those_that_a_draw_sent_to_a_second_coder_stand_for_others() -> None:
    """Record 2 was coded twice by choice: its dispute is its own; without a draw it would carry."""
    rows = said(("1", "a", "bus"), ("1", "b", "bus"), ("2", "a", "bus"), ("2", "b", "park"))
    count = Count("t", "", "sector")
    assert only(framed(rows, FOUR), count)[""].doubled.tolist() == [True, True]
    assert only(framed(rows, FOUR, second="1"), count)[""].doubled.tolist() == [True, False]


def chances(basis: Basis) -> list[float]:
    """The probabilities of the records, rounded."""
    return [round(float(p), 6) for p in basis.probability]


def test_the_part_of_a_draw_that_was_coded_is_looked_at_kind_by_kind() -> None:
    """Half of the drawn projects and all drawn labs are coded: chances 0.25 and 0.5."""
    kinds = dict.fromkeys("1234", "project") | dict.fromkeys("5678", "living_lab")
    every = draw(dict.fromkeys(range(8), 0.5), (0, 1, 4, 5), 8)
    frame = framed(said(("1", "a", "bus"), ("5", "a", "bus"), ("6", "a", "bus")), kinds,
                   draws=[every])  # fmt: skip
    project, lab = (estimates.basis(frame, ("sector",), kind) for kind in ("project", "living_lab"))
    assert (project.name, lab.name) == ("estimated", "estimated")
    assert chances(project)[0] == 0.25 and chances(lab)[4:6] == [0.5, 0.5]
    assert project.covered.tolist() == [True] * 4 + [False] * 4


def test_records_coded_outside_the_draws_stand_for_themselves() -> None:
    """Record 4 was not in the frame of the draw: covered and coded, with the chance of 1."""
    frame = framed(said(("1", "a", "bus"), ("4", "a", "bus")), FOUR,
                   draws=[draw({0: 0.5, 1: 0.5}, (0,), 4)])  # fmt: skip
    basis = estimates.basis(frame, ("sector",), "project")
    assert chances(basis)[0] == 0.5 and chances(basis)[3] == 1
    assert basis.covered.tolist() == [True, True, False, True]
    assert basis.sampled.tolist() == [True, False, False, False]


def test_over_two_draws_a_record_has_the_chance_of_either() -> None:
    """Drawn by 1/4, and else by 1/2: 1 - 3/4 * 1/2 = 5/8, whichever of them it came in."""
    first = draw(dict.fromkeys(range(4), 0.25), (0,), 4)
    second = draw(dict.fromkeys(range(4), 0.5), (1,), 4, id="d2")
    frame = framed(said(("1", "a", "bus"), ("2", "a", "bus")), FOUR, draws=[first, second])
    basis = estimates.basis(frame, ("sector",), "project")
    assert chances(basis)[:2] == [0.625, 0.625] and basis.draws == ("d1", "d2")


def test_a_draw_for_one_question_says_nothing_of_another() -> None:
    """Records were drawn for the sector: a coded answer on newness stands for itself alone."""
    rows = [*said(("1", "a", "bus")), ("1", "a", "inno", "yes")]
    aimed = draw(dict.fromkeys(range(4), 0.5), (0, 1), 4, target=["sector"])
    frame = framed(rows, FOUR, draws=[aimed])
    assert estimates.basis(frame, ("sector",), "project").name == "estimated"
    assert estimates.basis(frame, ("inno",), "project").name == "coded"
    assert estimates.basis(frame, ("inno", "sector"), "project").name == "coded"


def test_what_everybody_answered_is_counted_whatever_was_drawn() -> None:
    """All four records coded: nothing is left to estimate."""
    frame = framed(said(*((name, "a", "bus") for name in "1234")), FOUR,
                   draws=[draw(dict.fromkeys(range(4), 0.5), (0,), 4)])  # fmt: skip
    assert estimates.basis(frame, ("sector",), "project").name == "counted"


def table(count: Count, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of the statement as the count table that is published."""
    names = {"population": "p", "counting": "way"}
    if count.within:
        names |= {"city_id" if count.within == "city" else count.within: "g"}
        names |= {count.dimension: "c"}
    else:
        names |= {"city_id" if count.dimension == "city" else "class": "c"}
    names |= {name: name for name in COLUMNS}
    columns: dict[str, Any] = {new: [row[old] for row in rows] for new, old in names.items()}
    columns["basis"] = ["counted"] * len(rows)
    for name in COLUMNS:
        kind: Any = pa.int32() if name in ("disputed", "labels") else pa.float64()
        columns[name] = pa.array(columns[name], kind)
    return pa.table(columns)


def put(frame: Frame, count: Count, rows: pa.Table, populations: Sequence[Population]) -> Any:
    """The count table with its estimates, as rows."""
    found = estimates.bases(frame, {count: populations})
    return estimates.put(frame, count, rows, populations, found=found).to_pylist()


CITIES = [("1", "A", 0.5), ("1", "B", 0.5), ("2", "B", 1.0), ("3", "A", 1.0)]
COUNTS = (
    Count("by_sector", "", "sector"),
    Count("by_tech", "", "tech"),
    Count("tech_by_sector", "", "tech", "sector"),
    Count("city_by_sector", "", "sector", "city"),
    Count("by_city", "", "city"),
)


def test_a_disputed_record_of_two_cities_may_lower_the_share_of_each() -> None:
    """Innovative or not, half in A: at the smallest share its other half is in the base alone."""
    rows = [("1", "a", "inno", "yes"), ("1", "b", "inno", "no"), ("3", "a", "inno", "yes")]
    frame = framed(rows, FOUR, seats=CITIES)
    group = only(frame, Count("t", "", "city"), YES, way="fractional")[""]
    assert triples(group.top, 0) == [(0.25, 0, 0.5), (1, 1, 1)]
    assert triples(group.bottom, 0) == [(0.5, 0.5, 0.5), (1, 1, 1)]


@st.composite
def coded(draw: Any) -> tuple[dict[str, str], list[Judgement]]:
    """Up to six records, each coded by one, or each by two or three, on all questions."""
    kinds, rows = {}, []
    numbers = draw(st.sampled_from([(1,), (2, 3)]))
    for name in draw(st.sets(st.sampled_from("123456"), min_size=1)):
        kinds[name] = draw(st.sampled_from(["project", "project", "living_lab"]))
        for coder in "abc"[: draw(st.sampled_from(numbers))]:
            for d in ("inno", "sector"):
                rows.append((name, coder, d, draw(st.sampled_from(CLASSES[d]))))
            for class_ in draw(st.sets(st.sampled_from(CLASSES["tech"]), min_size=1)):
                rows.append((name, coder, "tech", class_))
    return kinds, sorted(rows)


@settings(max_examples=60, deadline=None)
@given(coded(), st.sampled_from(COUNTS))
def test_an_estimate_from_all_records_is_the_count(
    given_records: tuple[dict[str, str], list[Judgement]], count: Count
) -> None:
    """With every record coded and certain to be, all columns are those that SQL counts."""
    kinds, rows = given_records
    seats = [seat for seat in CITIES if seat[0] in kinds]
    populations = (PROJECTS, YES)
    with engine_with(rows, kinds, seats) as engine:
        counted = engine.rows(statement((count.dimension,), populations, within=count.within))
    frame = framed(rows, kinds, seats=seats)
    plain = table(count, counted)
    found = {}
    for population in populations:
        if asked := asked_of_coders(count, population):
            every = frame.rows("project")
            found[name_of(asked, "project")] = Basis(
                "estimated", asked, "project", every, every, every, np.ones(len(every)), ("d",)
            )
    made = estimates.put(frame, count, plain, populations, found=found).to_pylist()
    for before, after in zip(plain.to_pylist(), made, strict=True):
        for name in COLUMNS:
            # Estimates carry the base of a share whose base is empty to the end of its rounding.
            same = before[name] == pytest.approx(after[name], abs=2e-6)
            assert same, (count.name, name, before, after)


def sampled(n: int, *, bus: int, records: int = 20, machine: float = 0.5) -> Frame:
    """`records` projects of which the first n were drawn and coded, the first `bus` of them bus."""
    kinds = {f"{k:02}": "project" for k in range(records)}
    rows = said(*((f"{k:02}", "a", "bus" if k < bus else "park") for k in range(n)))
    likely = np.tile([machine, 1 - machine, 0.0], (records, 1))
    return framed(rows, kinds, draws=[draw(dict.fromkeys(range(records), n / records), range(n),
                                           records)], predicted={"sector": likely})  # fmt: skip


def by_class(frame: Frame) -> dict[str, Any]:
    """The rows of sectors of projects, by class."""
    rows = [{"p": "projects", "way": "record", "g": "", "c": c} | dict.fromkeys(COLUMNS, 0)
            for c in CLASSES["sector"]]  # fmt: skip
    made = put(frame, COUNTS[0], table(COUNTS[0], rows), [PROJECTS])
    return {row["class"]: row for row in made}


def test_half_coded_and_a_constant_machine_give_twice_what_was_coded() -> None:
    """Four of ten are bus: about eight of twenty, whatever the machine expected of all alike."""
    for machine in (0.1, 0.5, 0.9):
        found = by_class(sampled(10, bus=4, machine=machine))
        assert found["bus"]["count"] == pytest.approx(8) and found["bus"]["share"] == 0.4
        assert found["bus"]["basis"] == "estimated" and found["bus"]["labels"] == 10
        assert 4 <= found["bus"]["low"] < 8 < found["bus"]["high"] <= 14
        assert found["bus"]["base"] == 20


def test_the_machine_is_put_right_by_what_was_coded() -> None:
    """It expects 20 x 0.1 = 2 buses and 1 of the ten coded, where there are 4: 2 + 2 x 3 = 8."""
    frame = sampled(10, bus=4, machine=0.1)
    group = only(frame, COUNTS[0])[""]
    assert group.top_total[0] == pytest.approx(2) and group.top_predicted[:, 0].sum() == 1
    assert by_class(frame)["bus"]["count"] == pytest.approx(2 + 2 * (4 - 1))


def test_shares_of_one_answer_sum_to_one() -> None:
    """Every class's estimate is put right by the same records: together they are all records."""
    found = by_class(sampled(10, bus=3, machine=0.7))
    assert sum(row["share"] for row in found.values()) == pytest.approx(1, abs=1e-5)
    assert sum(row["count"] for row in found.values()) == pytest.approx(20, abs=1e-5)


def test_fewer_than_five_coded_records_are_no_audit() -> None:
    """Of four coded records a value is told, marked as the model's, without an interval."""
    told = by_class(sampled(4, bus=2))["bus"]
    assert told["basis"] == "model" and told["low"] is told["share_high"] is None
    assert told["count"] is not None and told["labels"] == 4
    assert by_class(sampled(5, bus=2))["bus"]["basis"] == "estimated"


def test_a_repeat_of_all_cities_of_a_table_estimates_them_alike() -> None:
    """Cities that hold the same records get the same figures, worked out together or in batches."""
    frame = sampled(10, bus=4)
    twice = np.ones((len(frame.record_ids), 2))
    frame = framed(
        said(*((f"{k:02}", "a", "bus" if k < 4 else "park") for k in range(10))),
        dict.fromkeys(frame.record_ids, "project"),
        seats=[(i, c, 1.0) for i in frame.record_ids for c in "AB"], draws=frame.draws,
        predicted=frame.predicted,
    )  # fmt: skip
    assert (frame.known["city"] == twice).all()
    count = Count("city_by_sector", "", "sector", "city")
    rows = [{"p": "projects", "way": "full", "g": g, "c": c} | dict.fromkeys(COLUMNS, 0)
            for g in "AB" for c in CLASSES["sector"]]  # fmt: skip
    made = put(frame, count, table(count, rows), [PROJECTS])
    half = len(made) // 2
    for one, other in zip(made[:half], made[half:], strict=True):
        assert {k: one[k] for k in COLUMNS} == {k: other[k] for k in COLUMNS}


def test_coded_records_that_nobody_drew_say_nothing_of_the_others() -> None:
    """The count of the coded ones stays, marked as resting on them alone."""
    frame = framed(said(("1", "a", "bus")), FOUR)
    rows = [{"p": "projects", "way": "record", "g": "", "c": "bus"} | dict.fromkeys(COLUMNS, 1)]
    (made,) = put(frame, COUNTS[0], table(COUNTS[0], rows), [PROJECTS])
    assert made["basis"] == "coded" and made["count"] == 1 and made["base"] == 1


def test_the_table_of_samples_tells_how_records_were_come_by() -> None:
    """Twenty records, all in the frame, ten drawn and coded, none twice."""
    frame = sampled(10, bus=4)
    found = estimates.bases(frame, {COUNTS[0]: [PROJECTS]})
    (row,) = estimates.samples(frame, found).to_pylist()
    assert row == {"asked": "sector", "kind": "project", "records": 20, "frame": 20, "coded": 10,
                   "drawn": 10, "doubled": 0, "draws": "d1", "basis": "estimated"}  # fmt: skip
