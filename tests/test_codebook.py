"""The codebook: parsing, versions, derived rules, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from innovatory import codebook
from innovatory.codebook import Crosswalk, RollUp, Rule
from innovatory.errors import CodebookError

SHIPPED = Path(codebook.__file__).parent / "data" / "codebook.yaml"

SMALL = """
version: 7
dimensions:
  a: {question: New, type: single, classes: {"yes": new, "no": not new}}
  b: {question: Used, type: single, classes: {"yes": used, "no": not used}}
  tech: {question: Which, type: multi, classes: {iot: sensors, ai: learning, none: none}}
derived:
  both: {rule: {all: [a, b], is: "yes"}}
  either: {rule: {at_least: 1, of: [a, b], is: "yes"}, relaxes: both}
  smart: {roll_up: tech, classes: {digital: {label: Digital, of: [iot, ai]}}}
"""


def test_shipped_codebook_has_the_published_rules() -> None:
    """The default codebook derives innovation from four tests and merges two sectors."""
    book = codebook.load(SHIPPED)
    innovative = book.dimension("innovative")
    assert isinstance(innovative, codebook.Derived)
    assert innovative.how == Rule(
        ("new_to_city", "real_setting", "value", "new_technology"), "yes", 4
    )
    merged = book.dimension("sector_published")
    assert isinstance(merged, codebook.Derived) and isinstance(merged.how, RollUp)
    assert dict(merged.how.into)["logistics"] == "logistics_labour"
    assert dict(merged.how.into)["transport"] == "transport"
    assert "logistics" not in [c.id for c in merged.classes]


def test_every_class_of_the_shipped_codebook_is_defined() -> None:
    """Coders need words: no class of an asked dimension is without a definition."""
    book = codebook.load(SHIPPED)
    assert [c.id for d in book.dimensions for c in d.classes if not c.definition] == []


def test_version_ignores_layout_and_sees_definitions() -> None:
    """Comments do not change the version; a changed definition does, and only its dimension's."""
    book = codebook.parse(SMALL)
    assert codebook.parse("# a comment\n" + SMALL).version == book.version
    changed = codebook.parse(SMALL.replace("used,", "in use,"))
    assert changed.version != book.version
    same = [d.id for d, e in zip(book.dimensions, changed.dimensions, strict=True)
            if d.hash == e.hash]  # fmt: skip
    assert same == ["a", "tech"]


def test_roll_up_keeps_what_it_does_not_mention() -> None:
    """Classes outside every merged class stay, and a roll-up of a multi dimension is multi."""
    smart = codebook.parse(SMALL).dimension("smart")
    assert smart is not None and smart.multi
    assert [c.id for c in smart.classes] == ["digital", "none"]


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ('"yes": new', "yes: new", 4, "quotes"),
        ("type: multi", "type: many", 6, "neither single nor multi"),
        ("all: [a, b]", "all: [a, c]", 8, "'c'"),
        ("at_least: 1", "at_least: 3", 9, "1 to 2"),
        ("of: [iot, ai]", "of: [iot, xr]", 10, "'xr'"),
        ("of: [iot, ai]", "of: [iot, iot]", 10, "twice"),
        ("  b: {", "  a: {", 5, "twice"),
        ("version: 7", "verson: 7", 2, "unknown key"),
        ("classes: {iot: sensors, ai: learning, none: none}", "classes: {}", 6, "no classes"),
        ("question: Which, ", "", 6, "question"),
        ("  both: {", "  tech: {", 8, "already a dimension"),
        ("version: 7", "version: [7", 3, ""),
    ],
)  # fmt: skip
def test_malformed_codebook_names_line_and_reason(
    old: str, new: str, line: int, reason: str
) -> None:
    """Each malformed codebook is refused with file, line and reason."""
    assert old in SMALL
    with pytest.raises(CodebookError) as caught:
        codebook.parse(SMALL.replace(old, new), name="book.yaml")
    assert f"book.yaml, line {line}" in str(caught.value)
    assert reason in str(caught.value)


def test_answers_are_checked_against_the_classes() -> None:
    """Unknown dimensions and classes, and two answers to a single question, are faults."""
    book = codebook.parse(SMALL)
    assert book.fault("a", ("yes",)) is None
    assert book.fault("tech", ("iot", "ai")) is None
    for dimension, value in [("a", ("maybe",)), ("z", ("yes",)), ("a", ("yes", "no")), ("a", ())]:
        assert book.fault(dimension, value) is not None
    assert book.fault("both", ("yes",)) is not None, "a derived dimension is never coded"


def test_empty_file_and_bad_bytes(tmp_path: Path) -> None:
    """An empty file and bytes that are no UTF-8 are codebook errors, not tracebacks."""
    path = tmp_path / "codebook.yaml"
    for content in (b"", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(CodebookError, match=r"codebook\.yaml"):
            codebook.load(path)


def test_the_shipped_codebook_keeps_its_version() -> None:
    """Notes and crosswalks, which it does not use, have not changed what it is known by."""
    book = codebook.load(SHIPPED)
    assert book.version == "4443a87093f507de"
    assert book.dimensions[0].hash.startswith("20d6ed0c1caa")


CROSSWALK = """
crosswalk:
  "0123456789abcdef":
    tech: {sensors: iot, robots: recode, software: [ai, none]}
    a: {"maybe": "no"}
"""


def test_notes_and_crosswalks_change_the_version_and_keep_what_is_asked() -> None:
    """Both make a new version of the codebook, by which earlier codings stay as they are."""
    book = codebook.parse(SMALL)
    noted = codebook.parse(SMALL.replace("question: New,", "question: New, notes: see the guide,"))
    walked = codebook.parse(SMALL + CROSSWALK)
    assert len({book.version, noted.version, walked.version}) == 3
    for other in (noted, walked):
        assert [d.hash for d in other.dimensions] == [d.hash for d in book.dimensions]
    assert [d.notes for d in noted.dimensions] == ["see the guide", "", ""]
    assert walked.crosswalks == (
        Crosswalk(
            "0123456789abcdef",
            "tech",
            (("sensors", ("iot",)), ("robots", ()), ("software", ("ai", "none"))),
        ),
        Crosswalk("0123456789abcdef", "a", (("maybe", ("no",)),)),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("sensors: iot", "sensors: lora", 14, "'lora' is not a class of tech"),
        ("[ai, none]", "[ai, ai]", 14, "twice"),
        ("[ai, none]", "{ai: none}", 14, "one text"),
        ("    tech:", "    smart:", 14, "'smart', which is not a dimension"),
        ('"maybe": "no"', '"maybe": no', 15, "quotes"),
        ('a: {"maybe": "no"}', "a: {}", 15, "empty"),
        ("0123456789abcdef", "version 6", 14, "no version of a codebook"),
        ('  "0123456789abcdef":', "  x:", 14, "no version of a codebook"),
    ],
)  # fmt: skip
def test_malformed_crosswalk_names_line_and_reason(
    old: str, new: str, line: int, reason: str
) -> None:
    """Each malformed crosswalk is refused with file, line and reason."""
    text = SMALL + CROSSWALK
    assert old in text
    with pytest.raises(CodebookError) as caught:
        codebook.parse(text.replace(old, new), name="book.yaml")
    assert f"book.yaml, line {line}" in str(caught.value)
    assert reason in str(caught.value)


def test_notes_must_be_one_text() -> None:
    """Notes as a list are refused with their line."""
    with pytest.raises(CodebookError, match="line 4: notes must be one text"):
        codebook.parse(SMALL.replace("question: New,", "question: New, notes: [a, b],"))
