"""Codebook differences: what changed, which codings are carried, how the shares move."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innovatory import codebook
from innovatory.codebook import Codebook, parse
from innovatory.codebook_diff import affected, carried, carrying, diff, lines, moves
from innovatory.errors import CodebookError

SHIPPED = Path(codebook.__file__).parent / "data" / "codebook.yaml"

OLD = """
dimensions:
  sector: {question: Which sector, type: single, classes: {energy: power and heat,
    water: pipes and rivers, traffic: roads, parking: cars at rest, other: none of these}}
  tech: {question: Which, type: multi, classes: {iot: sensors, ai: learning, none: none}}
  open: {question: Is it open, classes: {"yes": open data, "no": closed}}
  gone: {question: Asked once, classes: {x: X}}
derived:
  smart: {rule: {all: [open], is: "yes"}}
"""
NEW = """
dimensions:
  sector: {question: Which sector, type: single, classes: {energy: power alone, heat: heating,
    rivers: pipes and rivers, mobility: roads and cars, other: none of these}}
  tech: {question: Which, type: multi, classes: {iot: sensors, ai: learning, none: none}}
  open: {question: Is it open to all, classes: {"yes": open data, "no": closed}}
  fresh: {question: Asked now, classes: {x: X}}
derived:
  smart: {rule: {all: [open], is: "no"}}
labels:
  tech: {title: Technologies}
"""


def walked(sector: str, version: str = "") -> Codebook:
    """The newer codebook with a crosswalk of sector from the older one."""
    version = version or parse(OLD).version
    return parse(f'{NEW}crosswalk:\n  "{version}":\n    sector: {sector}\n')


WALK = "{energy: [energy, heat], traffic: mobility, parking: mobility, water: rivers}"


def test_every_kind_of_dimension_change() -> None:
    """Changed, reworded, added and removed dimensions are told apart; so are derived ones."""
    found = diff(parse(OLD), parse(NEW))
    assert {change.dimension: change.kind for change in found.dimensions} == {
        "sector": "changed", "tech": "reworded", "open": "changed", "fresh": "added",
        "gone": "removed",
    }  # fmt: skip
    assert {change.dimension for change in found.dimensions if change.asked} == {"open"}
    assert found.derived == (("smart", "changed"),)


def test_classes_without_a_crosswalk() -> None:
    """The same words under another name are a new name; nothing is carried unless declared."""
    sector = diff(parse(OLD), parse(NEW)).dimensions[0]
    assert [(c.kind, c.old, c.new) for c in sector.classes] == [
        ("redefined", "energy", ("energy",)),
        ("renamed", "water", ("rivers",)),
        ("removed", "traffic", ()),
        ("removed", "parking", ()),
        ("kept", "other", ("other",)),
        ("added", "", ("heat",)),
        ("added", "", ("mobility",)),
    ]
    assert sector.becomes is None


def test_classes_with_a_crosswalk() -> None:
    """Declared classes are merged, split or renamed; the rest is carried where it is the same."""
    sector = diff(parse(OLD), walked(WALK)).dimensions[0]
    assert {c.old: c.kind for c in sector.classes} == {
        "energy": "split", "water": "renamed", "traffic": "merged", "parking": "merged",
        "other": "kept",
    }  # fmt: skip
    assert sector.becomes == {
        "energy": ("energy", "heat"), "water": ("rivers",), "traffic": ("mobility",),
        "parking": ("mobility",), "other": ("other",),
    }  # fmt: skip


def test_a_crosswalk_counts_for_its_version_alone() -> None:
    """A crosswalk from another version says nothing of this one."""
    assert diff(parse(OLD), walked(WALK, "0123456789abcdef")).dimensions[0].becomes is None


@pytest.mark.parametrize("walk", ["{steam: heat}", "{heat: heat}"])
def test_a_crosswalk_of_classes_that_never_were_is_an_error(walk: str) -> None:
    """Only the older codebook can tell that a class was not there; the message names both."""
    with pytest.raises(CodebookError, match="is not a class of sector there"):
        diff(parse(OLD), walked(walk))
    with pytest.raises(CodebookError, match="no dimension 'gone'"):
        diff(parse(OLD), parse(NEW), mapping={"gone": {"x": "x"}})


def test_answers_are_carried_or_redone() -> None:
    """An answer follows the map; a split class, a class unnamed or a dimension gone is redone."""
    by = diff(parse(OLD), walked(WALK))
    assert carried(("parking",), "sector", by=by) == ("mobility",)
    assert carried(("energy",), "sector", by=by) is None
    assert carried(("iot", "ai"), "tech", by=by) == ("iot", "ai")
    assert carried(("yes",), "open", by=by) is None
    assert carried(("x",), "gone", by=by) is None
    assert carried(("x",), "unheard", by=by) is None


def test_sets_are_carried_together_or_not_at_all() -> None:
    """Several classes become their new ones, each once; one that is redone takes all with it."""
    old = parse("dimensions: {t: {question: Q, type: multi, classes: {a: A, b: B, c: C}}}")
    into = "dimensions: {t: {question: Q, type: multi, classes: {ab: both, d: D}}}"
    by = diff(old, parse(into), mapping={"t": {"a": "ab", "b": "ab", "c": "recode"}})
    assert carried(("a", "b"), "t", by=by) == ("ab",)
    assert carried(("a", "c"), "t", by=by) is None
    single = parse(into.replace("multi", "single"))
    by = diff(old, single, mapping={"t": {"a": "ab", "b": "ab", "c": "d"}})
    assert carried(("a", "b"), "t", by=by) == ("ab",)
    assert carried(("a", "c"), "t", by=by) is None, "two classes where one is asked for"


def test_the_table_for_sql_agrees_with_the_function() -> None:
    """carrying() lists exactly the classes that carried() carries, for every version alike."""
    old = parse(OLD)
    relabelled = parse(OLD + "labels:\n  sector: {title: Sectors}\n")
    new = walked(WALK)
    rows = carrying(new, [old, relabelled, new]).to_pylist()
    by = diff(old, new)
    for book in (old, relabelled):
        told = {(r["dimension"], r["class"]): r["becomes"] for r in rows
                if r["codebook"] == book.version}  # fmt: skip
        for dimension in old.dimensions:
            if dimension.id == "sector":
                for name in dimension.class_ids:
                    expected = carried((name,), "sector", by=by)
                    assert told.get(("sector", name)) == (expected[0] if expected else None)
        assert {dimension for dimension, _ in told} == {"sector"}
    assert {row["codebook"] for row in rows} == {old.version, relabelled.version}


def codings(*rows: tuple[str, str, str, str], version: str) -> pa.Table:
    """Codings: record, dimension, coder, value."""
    names = ("record_id", "dimension", "coder_id", "value")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) | {"codebook": version} for row in rows]
    )


def test_affected_codings_are_counted_nearest_first() -> None:
    """Redone records come with the changed classes first, then the disputed, then the others."""
    old, new = parse(OLD), parse(NEW)
    table = codings(
        ("r1", "sector", "ana", "other"), ("r2", "sector", "ana", "other"),
        ("r2", "sector", "bo", "water"), ("r3", "sector", "ana", "energy"),
        ("r4", "sector", "ana", "other"), ("r4", "sector", "bo", "other"),
        ("r1", "tech", "ana", "iot|ai"), ("r1", "open", "ana", "yes"), version=old.version,
    )  # fmt: skip
    stranger = codings(("r9", "sector", "ana", "energy"), version="0123456789abcdef")
    found = affected(diff(old, new), pa.concat_tables([table, stranger])).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("sector", "redone", 6, 4, ["r2", "r3", "r1", "r4"]),
        ("open", "redone", 1, 1, ["r1"]),
        ("tech", "stays", 1, 1, ["r1"]),
    ]
    carried_over = affected(diff(old, walked(WALK)), table).to_pylist()
    assert [(r["dimension"], r["fate"], r["record_ids"]) for r in carried_over[:3]] == [
        ("open", "redone", ["r1"]),
        ("sector", "redone", ["r3"]),
        ("sector", "carried", ["r2", "r1", "r4"]),
    ]


def shares(*rows: tuple[str, str, float | None, float | None, float | None]) -> pa.Table:
    """Shares: dimension, class, share, low, high."""
    names = ("dimension", "class", "share", "low", "high")
    return pa.table({n: list(c) for n, c in zip(names, zip(*rows, strict=True), strict=True)})


def test_shares_follow_the_crosswalk() -> None:
    """Merged classes are added up with their bounds; new, gone and open classes are named so."""
    before = shares(
        ("sector", "traffic", 0.2, 0.15, 0.25), ("sector", "parking", 0.1, 0.05, 0.15),
        ("sector", "water", 0.3, 0.25, 0.35), ("sector", "energy", 0.4, 0.3, 0.5),
        ("open", "yes", 0.5, None, None), ("gone", "x", 0.9, 0.8, 1.0), ("tech", "ai", None, None,
        None), ("smart", "yes", 0.6, 0.5, 0.7),
    )  # fmt: skip
    after = shares(
        ("sector", "mobility", 0.5, 0.45, 0.55), ("sector", "rivers", 0.32, 0.27, 0.37),
        ("sector", "heat", 0.1, 0.05, 0.15), ("open", "yes", 0.6, 0.55, 0.65),
        ("tech", "ai", 0.2, 0.1, 0.3), ("smart", "yes", 0.6, 0.5, 0.7),
    )  # fmt: skip
    found = moves(diff(parse(OLD), walked(WALK)), before, after)
    rows = {(row["dimension"], row["class"]): row for row in found.to_pylist()}
    verdicts = {key: row["verdict"] for key, row in rows.items()}
    assert verdicts == {
        ("sector", "mobility"): "moved", ("sector", "rivers"): "within",
        ("sector", "heat"): "new", ("sector", "energy"): "gone", ("open", "yes"): "open",
        ("gone", "x"): "gone", ("tech", "ai"): "new", ("smart", "yes"): "within",
    }  # fmt: skip
    merged = rows["sector", "mobility"]
    assert [merged[n] for n in ("before", "before_low", "before_high")] == pytest.approx(
        [0.3, 0.2, 0.4]
    )
    assert merged["change"] == pytest.approx(0.2)
    assert merged["sentence"] == (
        "sector, mobility: from 30.0% [20.0, 40.0] to 50.0% [45.0, 55.0]; the intervals are apart."
    )
    assert rows["open", "yes"]["before_low"] is None


def test_sums_of_bounds_stop_at_one() -> None:
    """The upper bounds of merged classes never add up to more than all."""
    before = shares(("sector", "traffic", 0.6, 0.4, 0.8), ("sector", "parking", 0.4, 0.2, 0.6))
    found = moves(diff(parse(OLD), walked(WALK)), before, before.slice(0, 0)).to_pylist()
    assert found[0]["before_high"] == 1.0 and found[0]["verdict"] == "gone"


def test_lines_say_what_to_do() -> None:
    """Each change has its sentence, and what is not declared comes with a crosswalk to paste."""
    told = lines(diff(parse(OLD), parse(NEW)))
    text = "\n".join(told)
    assert "sector: classes changed; its codings are redone." in told
    assert "  water: now rivers." in told and "  energy: its definition changed." in told
    assert "tech: only labels or notes changed: its codings stay." in told
    assert "fresh: added: every record is still to be coded." in told
    snippet = text.partition("what became of each class:\n")[2]
    proposed = parse(NEW + snippet + "\n")
    by = diff(parse(OLD), proposed)
    assert carried(("water",), "sector", by=by) == ("rivers",)
    assert carried(("traffic",), "sector", by=by) is None
    declared = lines(diff(parse(OLD), walked(WALK)))
    assert "sector: classes changed; its codings are carried by the crosswalk." in declared
    assert "  energy: split into energy, heat; coded again." in declared
    assert "  parking: merged into mobility; carried." in declared


def test_a_codebook_does_not_differ_from_itself() -> None:
    """The shipped codebook against itself: nothing changed, every coding stays."""
    book = codebook.load(SHIPPED)
    found = diff(book, book)
    assert {change.kind for change in found.dimensions} == {"unchanged"} and not found.derived
    assert carrying(book, [book]).num_rows == 0
    assert len(lines(found)) == 2


names = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, unique=True)


@given(names, names)
def test_every_class_of_both_sides_is_accounted_for(before: list[str], after: list[str]) -> None:
    """Each class of then has one entry, and each of today comes from somewhere or is added."""

    def book(classes: list[str]) -> Codebook:
        listed = ", ".join(f"{name}: words {name}" for name in classes)
        return parse(f"dimensions: {{q: {{question: Q, classes: {{{listed}}}}}}}")

    change = diff(book(before), book(after)).dimensions[0]
    if before == after:
        assert change.kind == "unchanged"
        return
    assert [c.old for c in change.classes if c.old] == before
    assert {name for c in change.classes for name in c.new} == set(after)
