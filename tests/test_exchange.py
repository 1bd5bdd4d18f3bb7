"""What goes out to coders and comes back: assignments, and the judgement that formats share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.codebook import parse
from innovatory.errors import CodebookError
from innovatory.exchange import Assignment
from innovatory.exchange.assignment import clean
from innovatory.ledger.quotes import located
from innovatory.records import Coding, Draw, Evidence, Record

BOOK = parse("""
unit: one project
dimensions:
  sector: {question: Which <sector> & why?,
    classes: {transport: '=mobility, parking', health: care}}
  tech: {question: Which technologies for $text, type: multi, notes: see the guide,
    classes: {iot: sensors, ai: learning, none: none named}}
  open: {question: Is it open?, classes: {"yes": stated, "no": not stated}}
""")
RECORDS = [
    Record("bus", "project", "Bus lanes", "The bus 🚌 gets a lane.\r\nIt is =free= of charge.",
           lead="City of Graz"),
    Record("care", "project", "=Care at home", 'Nurses "visit", <b>daily</b>.'),
    Record("tram", "project", "+Tram", ""),
    Record("other", "project", "Not drawn"),
]  # fmt: skip


def assignment(**changes: object) -> Assignment:
    """The three members of a draw under three questions."""
    members = {"bus": 0.5, "care": 0.5, "tram": 1.0}
    draw = Draw("d1", "simple_random", seed=1, members=members, **changes)  # type: ignore[arg-type]
    return Assignment(BOOK, draw, RECORDS)


def test_members_of_the_draw_go_out_and_no_others() -> None:
    """Items are the draw's members; the questions are its target, or all."""
    assert set(assignment().items) == {"bus", "care", "tram"}
    assert [d.id for d in assignment().dimensions] == ["sector", "tech", "open"]
    assert [d.id for d in assignment(target=("open",)).dimensions] == ["open"]


def test_the_checksum_stands_for_all_that_was_sent() -> None:
    """Another text, draw or codebook gives another checksum; the same gives the same."""
    checksum = assignment().items["bus"].checksum
    assert assignment().items["bus"].checksum == checksum
    other_draw = Assignment(BOOK, Draw("d2", "census", members={"bus": 1}), RECORDS)
    other_text = Assignment(BOOK, assignment().draw, [Record("bus", "project", "Bus lane")])
    book = parse("dimensions: {sector: {question: Q, classes: {x: X}}}")
    other_book = Assignment(book, assignment().draw, RECORDS)
    others = {a.items["bus"].checksum for a in (other_draw, other_text, other_book)}
    assert len(others | {checksum}) == 4


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_cleaning_keeps_every_place(text: str) -> None:
    """What a format cannot hold is replaced one for one, so places mean the same."""
    shown = clean(text)
    assert len(shown) == len(text) and clean(shown) == shown
    assert len(shown.encode("utf-16-le")) == 2 * len(shown)
    assert all(a == b for a, b in zip(shown, text, strict=True) if a.isalnum())


@settings(deadline=None)
@given(st.data())
def test_marked_words_are_words_of_the_record(data: st.DataObject) -> None:
    """Whatever is marked in a passage comes back as a quote that the ledger finds in place."""
    item = assignment().items["bus"]
    name, first, last = data.draw(st.sampled_from(item.places))
    start = data.draw(st.integers(first, last - 1))
    end = data.draw(st.integers(start + 1, last))
    found = item.evidence(start, end, "")
    passages = RECORDS[0].passages()
    assert passages[name][found.start : found.end] == found.quote
    assert (found.field, found.start, found.end) == (name, start - first, end - first)
    if found.quote.strip():
        assert located(found, passages) == found


def test_marks_that_do_not_fit() -> None:
    """A mark over the name of a passage is cut to it; one whose words are others is words alone."""
    item = assignment().items["bus"]
    _, first, _ = item.places[0]
    assert item.text.startswith("Title: Bus lanes")
    assert item.evidence(0, first + 3, "") == Evidence("Bus", "title", 0, 3)
    assert item.evidence(first, first + 3, "lanes") == Evidence("lanes")
    assert item.evidence(0, 4, "") == Evidence("Titl")
    assert item.evidence(9, 3, "Bus") == Evidence("Bus")
    assert item.quoted("bus \ufffd gets") == Evidence("bus 🚌 gets", "description", 4, 14)
    assert item.quoted("a train") == Evidence("a train")


def test_blind_records_go_out_without_suggestions() -> None:
    """What is coded twice, or again, must not be suggested to anybody."""
    told = [Coding(name, "sector", "machine", ("health",)) for name in ("bus", "care", "other")]
    told += [
        Coding("bus", "sector", "machine-2", ("transport",)),
        Coding("bus", "size", "m", ("x",)),
    ]
    assert assignment().suggested(told) == {"bus": [told[0]], "care": [told[1]]}
    assert assignment(second=("bus",)).suggested(told) == {"care": [told[1]]}
    again = Assignment(BOOK, Draw("r", "repeat", members={"bus": 1}), RECORDS)
    assert again.suggested(told) == {}


@pytest.mark.parametrize("name", ["text", "comment", "new to city", "größe"])
def test_names_that_formats_need_are_refused(name: str) -> None:
    """A dimension under a name that a format needs, or cannot hold, is named in the error."""
    book = parse(f"dimensions: {{{name}: {{question: Q, classes: {{x: X}}}}}}")
    with pytest.raises(CodebookError, match="cannot go out"):
        Assignment(book, Draw("d", "census"), ())
