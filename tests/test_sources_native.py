"""Native JSON Lines: what a line becomes, and what becomes of a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.records import (
    Adjudication,
    Coder,
    Coding,
    Correction,
    Draw,
    Event,
    Evidence,
    Link,
    Merge,
    Organisation,
    Place,
    Record,
    Reject,
    Row,
    StageEvent,
)
from innovatory.sources.draft import KNOWN
from innovatory.sources.reader import FIELD_LIMIT, LINE_LIMIT
from sources_data import FUZZ, gather, shared

BUS = {"id": "bus", "kind": "project", "title": "Bus lane"}
TRAM = {"id": "tram", "kind": "project", "title": "Tram"}


def lines(tmp_path: Path, *rows: Any, **options: Any) -> tuple[list[Row], list[Reject]]:
    path = tmp_path / "rows.jsonl"
    parts = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(parts) + b"\n")
    return gather(path, **options)


def test_a_record_row_keeps_every_field(tmp_path: Path) -> None:
    """Each key of the native layout ends in its field of the Record."""
    row = BUS | {
        "city": "Wien",
        "country": "AT",
        "partners": ["Linien"],
        "lead": "City of Vienna",
        "start_year": 2019,
        "end": "2020-05",
        "events": [{"year": 2019, "stage": "pilot", "note": "one line"}],
        "funding": {"amount": 5, "currency": "EUR", "source": "public", "note": None},
        "sources": [{"title": "T", "publisher": "P", "url": "https://a.org/"}],
        "keywords": ["bus"],
        "verified": True,
    }
    facts, rejects = lines(tmp_path, row, prefix="x-")
    record = facts[0].fact
    assert isinstance(record, Record) and rejects == []
    assert record.id == "x-bus" and record.start == "2019" and record.end == "2020-05"
    assert record.places == (Place("Wien", "AT", "site"),)
    assert record.organisations == (Organisation("Linien", "partner"),)
    assert record.events == (Event("2019", "pilot", "one line"),)
    assert record.links == (Link("https://a.org/", "T", "P"),)
    assert record.funding.amount == 5.0 and record.lead == "City of Vienna"
    assert json.loads(facts[0].raw) == row and facts[0].number == 1


def test_a_line_of_answers_becomes_one_coding_per_dimension(tmp_path: Path) -> None:
    """Single and several classes, quotes, renamed coder and prefixed record."""
    row = {
        "coder": "coder-a",
        "id": "bus",
        "sector": "transport",
        "technologies": ["iot", "ai"],
        "goal": None,
        "confidence": 2,
        "evidence": {"sector": "a bus lane", "goal": None},
    }
    facts, rejects = lines(tmp_path, row, prefix="x-", renamed={"coder-a": "x-coder"})
    assert rejects == []
    assert [row.fact for row in facts] == [
        Coding("x-bus", "sector", "x-coder", ("transport",), 2, (Evidence("a bus lane"),)),
        Coding("x-bus", "technologies", "x-coder", ("iot", "ai"), 2),
    ]


def test_each_other_fact_has_its_line(tmp_path: Path) -> None:
    """Every value of the key `fact` becomes its noun."""
    facts, rejects = lines(
        tmp_path,
        {"fact": "record", **BUS},
        {
            "fact": "coding",
            "record": "bus",
            "dimension": "sector",
            "coder": "c",
            "value": "transport",
            "evidence": "lane",
        },
        {"fact": "coder", "id": "c", "kind": "person"},
        {"fact": "draw", "id": "d", "design": "simple", "seed": 1, "members": {"bus": 0.5}},
        {
            "fact": "adjudication",
            "record": "bus",
            "dimension": "sector",
            "adjudicator": "c",
            "value": ["transport"],
        },
        {"fact": "event", "record": "bus", "year": 2021, "stage": "scaled"},
        {"fact": "correction", "record": "bus", "field": "title", "value": "B", "reason": "r"},
        {"fact": "merge", "record": "tram", "into": "bus"},
    )
    assert rejects == []
    assert [row.fact for row in facts[1:]] == [
        Coding("bus", "sector", "c", ("transport",), evidence=(Evidence("lane"),)),
        Coder("c", "person"),
        Draw("d", "simple", 1, members={"bus": 0.5}),
        Adjudication("bus", "sector", "c", ("transport",)),
        StageEvent("bus", Event("2021", "scaled")),
        Correction("bus", "title", "B", "r"),
        Merge("tram", "bus"),
    ]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": "x", "kind": "project"}, "title"),
        ({"kind": "project", "title": "T"}, "id"),
        ({"id": "../x", "kind": "project", "title": "T"}, "id"),
        ({"id": "x", "kind": "pub", "title": "T"}, "kind"),
        ({"id": "x", "kind": "project", "title": "T", "start": "2019-02-30"}, "start"),
        ({"id": "x", "kind": "project", "title": "T", "start": 2020, "end": 2019}, "end"),
        ({"id": "x", "kind": "project", "title": "a\0b"}, "title"),
        ({"id": "x", "kind": "project", "title": "a" * (FIELD_LIMIT + 1)}, "title"),
        ({"id": "tram", "kind": "project", "title": "again"}, "id"),
        ({"fact": "wish"}, "fact"),
        ({"fact": "merge", "record": "a"}, "into"),
        ({"fact": "event", "record": "a", "year": 2020, "stage": "born"}, "stage"),
        ({"fact": "event", "record": "a", "when": "soon", "stage": "pilot"}, "when"),
        ({"fact": "draw", "id": "d", "design": "x", "members": {"a": 1.5}}, "members"),
        ({"fact": "correction", "record": "a", "field": "t", "value": 1, "reason": ""}, "value"),
        ({"coder": "c", "id": "x"}, ""),
        ({"coder": "no such coder", "id": "x", "sector": "transport"}, "coder"),
        ({"coder": "c", "id": "", "sector": "transport"}, "id"),
        ({"coder": "c", "id": "x", "sector": "a\0"}, ""),
        (b'{"id": "x", "title": "\xff"}', ""),
        (b"[1]", ""),
        (b"{}", ""),
        (b"nonsense", ""),
        (b'{"id": "\x00"}', ""),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        (b'{"id": "x", "title": "' + b"a" * LINE_LIMIT + b'"}', ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_row_that_cannot_live_costs_only_itself(tmp_path: Path, row: Any, field: str) -> None:
    """The bad row is listed with its number, and the rows around it are kept."""
    facts, rejects = lines(tmp_path, TRAM, row, BUS)
    assert [r.fact.id for r in facts if isinstance(r.fact, Record)] == ["tram", "bus"]
    assert len(facts) == 2 and {(r.row, r.kept) for r in rejects} == {(2, False)}
    assert [reject.field for reject in rejects] == [field]
    assert all(len(r.excerpt) <= 80 and r.excerpt.isprintable() for r in rejects)
    assert all(reject.next_step and reject.reason for reject in rejects)


@pytest.mark.parametrize(
    ("extra", "field", "left"),
    [
        ({"colour": "red"}, "colour", {}),
        ({"lead_type": "king"}, "lead_type", {"lead_type": "unknown"}),
        ({"status": "odd"}, "status", {"status": "unknown"}),
        ({"funding": {"source": "luck"}}, "funding.source", {}),
        ({"funding": {"amount": -1}}, "funding.amount", {}),
        ({"funding": {"amount": "5"}}, "funding.amount", {}),
        ({"funding": 3}, "funding", {}),
        ({"description": 5}, "description", {"description": ""}),
        ({"keywords": "a"}, "keywords", {"keywords": ()}),
        ({"keywords": ["a", 1]}, "keywords.1", {"keywords": ("a",)}),
        ({"verified": "yes"}, "verified", {"verified": None}),
        ({"places": [{"name": "Wien", "role": "boss"}]}, "places.0.role", {"places": ()}),
        ({"sources": [{"url": "javascript:alert(1)", "title": "T"}]}, "sources.0.url", {}),
        ({"events": [{"year": 9, "stage": "pilot"}]}, "events.0.when", {"events": ()}),
        (
            {"events": [7, {"year": 2019, "stage": "x"}, {"year": 2020, "stage": "pilot"}]},
            "events.0",
            {"events": (Event("2020", "pilot"),)},
        ),
    ],
    ids=str,
)
def test_a_faulty_optional_field_is_set_aside_alone(
    tmp_path: Path, extra: dict[str, Any], field: str, left: dict[str, Any]
) -> None:
    """The row is kept without the field, and the field is listed."""
    facts, rejects = lines(tmp_path, BUS | extra)
    record = facts[0].fact
    assert isinstance(record, Record) and record.title == "Bus lane"
    assert rejects[0].field == field and all(reject.kept for reject in rejects)
    assert {name: getattr(record, name) for name in left} == left


def test_unknown_keys_of_an_answer_line_are_listed(tmp_path: Path) -> None:
    """A value that is no answer and a quote without an answer are listed, the rest is kept."""
    row = {"coder": "c", "id": "a", "sector": "transport", "age": 5, "evidence": {"goal": "q"}}
    facts, rejects = lines(tmp_path, row)
    assert len(facts) == 1
    assert [(r.field, r.kept) for r in rejects] == [("age", True), ("evidence.goal", True)]


def test_a_truncated_last_line_says_so(tmp_path: Path) -> None:
    """What is cut off is listed as such; a whole line without a line end is kept."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(BUS) + '\n{"id": "x", "ti')
    facts, rejects = gather(path)
    assert len(facts) == 1 and rejects[0].reason == "the last line is cut off"
    path.write_text("\ufeff" + json.dumps(BUS))
    assert len(gather(path)[0]) == 1


def test_an_empty_file_is_a_reject(tmp_path: Path) -> None:
    """A file without a byte is listed as row 0."""
    (tmp_path / "a.jsonl").write_bytes(b"")
    assert [r.row for r in gather(tmp_path / "a.jsonl")[1]] == [0]


@settings(FUZZ, max_examples=80)
@given(junk=st.binary(max_size=300))
def test_junk_between_good_rows_never_spoils_them(tmp_path: Path, junk: bytes) -> None:
    """Whatever bytes stand between two good rows, both are read."""
    junk = junk.replace(b"bus", b"b").replace(b"tram", b"t")
    facts, _ = lines(tmp_path, TRAM, junk, BUS)
    ids = [row.fact.id for row in facts if isinstance(row.fact, Record)]
    assert ids[0] == "tram" and ids[-1] == "bus"


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
LEAVES |= st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *sorted(KNOWN),
        "coder",
        "evidence",
        "confidence",
        "record",
        "dimension",
        "value",
        "members",
    ]
)
FACTS = st.sampled_from(["record", "coding", "coder", "draw", "adjudication", "event", "merge"])


@settings(FUZZ, max_examples=200)
@given(row=st.dictionaries(KEYS, JSON, max_size=8), fact=st.none() | FACTS)
def test_any_json_row_is_kept_or_listed(
    tmp_path: Path, row: dict[str, Any], fact: str | None
) -> None:
    """A row of known keys with any values gives facts or rejects, never an exception."""
    if fact:
        row["fact"] = fact
    facts, rejects = lines(tmp_path, row, TRAM)
    assert facts[-1].number == 2
    assert any(item.number == 1 for item in facts) or any(r.row == 1 for r in rejects)


def test_the_shared_files_are_read_without_a_reject() -> None:
    """The starter corpus as delivered: 504 records and 13 codings of each of 1,008 lines."""
    facts, rejects = gather(shared("data/cities/records.jsonl"))
    assert (len(facts), rejects) == (504, [])
    facts, rejects = gather(shared("data/cities/codings.jsonl"))
    assert (len(facts), rejects) == (1008 * 13, [])
