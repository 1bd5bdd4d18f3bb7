"""Counts and shares with disputed records, against tables worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.edition.counts import Count, Population, records_statement, statement
from innovatory.engine import Engine

PROJECTS = Population("projects", "Projects", "project")
YES = Population("innovative", "Innovative", "project", (("inno", "yes"),))
CLASSES = {"inno": ("yes", "no"), "sector": ("bus", "park", "port"), "tech": ("ai", "iot")}


def engine_with(
    judgements: list[tuple[str, str, str, str]],
    kinds: dict[str, str],
    seats: list[tuple[str, str, float]] = [],  # noqa: B006
) -> Engine:
    """An engine with the tables that a count needs."""
    engine = Engine()
    engine.table("records", pa.table({
        "record_id": list(kinds), "kind": list(kinds.values()),
        "start_year": ["2019"] * len(kinds), "status": ["active"] * len(kinds),
        "funding_source": ["public"] * len(kinds), "stage": ["pilot"] * len(kinds),
    }))  # fmt: skip
    names = ("record_id", "coder_id", "dimension", "class")
    columns = zip(*judgements, strict=True) if judgements else [[]] * 4
    texts = {n: pa.array(list(c), pa.string()) for n, c in zip(names, columns, strict=True)}
    engine.table("judgements", pa.table(texts))
    engine.table("places", pa.table({
        "in_panel": [True] * len(seats),
        "record_id": pa.array([s[0] for s in seats], pa.string()),
        "city_id": pa.array([s[1] for s in seats], pa.string()),
        "fraction": pa.array([s[2] for s in seats], pa.float64()),
    }))  # fmt: skip
    named = [(d, c) for d, cs in CLASSES.items() for c in cs]
    named += [("city", c) for c in sorted({s[1] for s in seats})]
    engine.table("naming", pa.table(
        {"dimension": [d for d, _ in named], "class": [c for _, c in named]}))  # fmt: skip
    return engine


def cells(engine: Engine, count: Count, population: Population, *, way: str = "") -> dict[Any, Any]:
    """The rows of a count by class, or by (group, class)."""
    return {
        (row["g"], row["c"]) if count.within else row["c"]: row
        for row in engine.rows(statement((count.dimension,), (population,), within=count.within))
        if row["way"] == way or not way
    }


def numbers(row: dict[str, Any]) -> tuple[float, ...]:
    """count, low, high, base, share_low, share_high of a row."""
    keys = ("count", "low", "high", "base", "share_low", "share_high")
    return tuple(round(row[key], 4) for key in keys)


def test_two_coders_who_differ_on_one_of_three_records() -> None:
    """Records 1 and 2 agreed, record 3 disputed between bus and park: 1.5 [1, 2] of 3."""
    with engine_with(
        [("1", "a", "sector", "bus"), ("1", "b", "sector", "bus"),
         ("2", "a", "sector", "park"), ("2", "b", "sector", "park"),
         ("3", "a", "sector", "bus"), ("3", "b", "sector", "park")],
        {"1": "project", "2": "project", "3": "project", "4": "living_lab"},
    ) as engine:  # fmt: skip
        found = cells(engine, Count("t", "", "sector"), PROJECTS)
        assert numbers(found["bus"]) == (1.5, 1, 2, 3, round(1 / 3, 4), round(2 / 3, 4))
        assert numbers(found["park"]) == (1.5, 1, 2, 3, round(1 / 3, 4), round(2 / 3, 4))
        assert numbers(found["port"]) == (0, 0, 0, 3, 0, 0)
        assert found["bus"]["disputed"] == 1


def test_share_among_the_innovative_moves_at_both_ends() -> None:
    """1 surely innovative bus, 1 innovative or not (park): share of bus is 1/2 or 1, never less."""
    with engine_with(
        [("1", "a", "inno", "yes"), ("1", "b", "inno", "yes"),
         ("1", "a", "sector", "bus"), ("1", "b", "sector", "bus"),
         ("2", "a", "inno", "yes"), ("2", "b", "inno", "no"),
         ("2", "a", "sector", "park"), ("2", "b", "sector", "park")],
        {"1": "project", "2": "project"},
    ) as engine:  # fmt: skip
        found = cells(engine, Count("t", "", "sector"), YES)
        assert numbers(found["bus"]) == (1, 1, 1, 1.5, 0.5, 1)
        assert numbers(found["park"]) == (0.5, 0, 1, 1.5, 0, 0.5)


def test_record_in_two_cities_counts_full_or_in_halves() -> None:
    """One record in A and B, one in B: full 1 and 2, fractional 0.5 and 1.5, base 2 both times."""
    seats = [("1", "A", 0.5), ("1", "B", 0.5), ("2", "B", 1.0)]
    with engine_with([], {"1": "project", "2": "project"}, seats) as engine:
        full = cells(engine, Count("t", "", "city"), PROJECTS, way="full")
        assert [(full[c]["count"], full[c]["base"]) for c in "AB"] == [(1, 2), (2, 2)]
        parts = cells(engine, Count("t", "", "city"), PROJECTS, way="fractional")
        assert [parts[c]["count"] for c in "AB"] == [0.5, 1.5]
        assert sum(row["share"] for row in parts.values()) == 1


def test_sector_within_city_takes_the_city_as_base() -> None:
    """Two of city B's two records are coded bus and park: half each, of a base of 2."""
    with engine_with(
        [("1", "a", "sector", "bus"), ("2", "a", "sector", "park")],
        {"1": "project", "2": "project"},
        [("1", "A", 0.5), ("1", "B", 0.5), ("2", "B", 1.0)],
    ) as engine:
        found = cells(engine, Count("t", "", "sector", "city"), PROJECTS, way="full")
        assert numbers(found["B", "bus"]) == (1, 1, 1, 2, 0.5, 0.5)
        assert numbers(found["A", "park"]) == (0, 0, 0, 1, 0, 0)


def test_records_behind_a_cell_carry_their_votes() -> None:
    """The list behind a count adds up to it."""
    with engine_with(
        [("1", "a", "sector", "bus"), ("1", "b", "sector", "park"), ("2", "a", "sector", "bus")],
        {"1": "project", "2": "project"},
    ) as engine:
        listed = engine.rows(records_statement(Count("t", "", "sector"), PROJECTS, "", "bus"))
        assert listed == [{"record_id": "1", "votes": 0.5}, {"record_id": "2", "votes": 1.0}]


def test_records_behind_a_city_count_once_whatever_the_way_of_counting() -> None:
    """Both records are in B with a full vote, though one of them is in A as well."""
    seats = [("1", "A", 0.5), ("1", "B", 0.5), ("2", "B", 1.0)]
    judged = [("1", "a", "sector", "bus"), ("2", "a", "sector", "bus")]
    with engine_with(judged, {"1": "project", "2": "project"}, seats) as engine:
        every = [{"record_id": "1", "votes": 1.0}, {"record_id": "2", "votes": 1.0}]
        by_city = records_statement(Count("t", "", "city"), PROJECTS, "", "B")
        assert engine.rows(by_city) == every
        within = records_statement(Count("t", "", "sector", "city"), PROJECTS, "B", "bus")
        assert engine.rows(within) == every


ANSWER = st.tuples(st.sampled_from(CLASSES["inno"]), st.sampled_from(CLASSES["sector"]))
SHEETS = st.lists(st.lists(ANSWER, min_size=1, max_size=3), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(SHEETS)
def test_bounds_are_the_extremes_over_all_ways_to_settle(sheets: list[list[Any]]) -> None:
    """low, high and the share's bounds equal those of settling each record by one of its coders."""
    rows = [
        (str(r), str(c), dimension, answer)
        for r, coders in enumerate(sheets)
        for c, answers in enumerate(coders)
        for dimension, answer in zip(("inno", "sector"), answers, strict=True)
    ]
    with engine_with(rows, {str(r): "project" for r in range(len(sheets))}) as engine:
        found = cells(engine, Count("t", "", "sector"), YES)
        for sector in CLASSES["sector"]:
            counts, shares = [], []
            for settled in product(*sheets):
                inside = [s for i, s in settled if i == "yes"]
                counts.append(inside.count(sector))
                if inside:
                    shares.append(Fraction(inside.count(sector), len(inside)))
            row = found[sector]
            assert (row["low"], row["high"]) == (min(counts), max(counts))
            mean = sum(
                Fraction(sum(a == ("yes", sector) for a in coders), len(coders))
                for coders in sheets
            )
            assert row["count"] == pytest.approx(float(mean), abs=1e-5)
            if row["share_low"] is not None and shares:
                assert row["share_low"] == pytest.approx(float(min(shares)), abs=1e-5)
            if row["share_high"] is not None and shares:
                assert row["share_high"] == pytest.approx(float(max(shares)), abs=1e-5)
        if found["bus"]["base"]:
            assert sum(row["share"] for row in found.values()) == pytest.approx(1, abs=1e-5)
