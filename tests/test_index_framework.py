"""Frameworks and tables of an index: what is read, and what is refused with row and field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies

from innovatory.errors import MethodError
from innovatory.index.framework import Framework, Item, Table, read, read_groups, read_table

Rows = list[dict[str, object]]
TOP: dict[str, object] = {"iCode": "top"}


def items(*rows: dict[str, object]) -> Rows:
    """Rows of indicators below one top."""
    return [*({"Parent": "top", **row} for row in rows), TOP]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "m.csv: there are no rows; give one for each item"),
        (items({"iCode": ""}), "row 1, iCode: it is empty"),
        (items({"iCode": "a"}, {"iCode": "a"}), "row 2, code: 'a' is that of row 1"),
        (items({"iCode": "a"}, {"iCode": "A"}), "row 2, code: 'A' differs only in case"),
        (items({"iCode": "a", "Parent": "nowhere"}), "row 1, parent: there is no item 'nowhere'"),
        (items({"iCode": "a"}, {"iCode": "b", "Parent": ""}), "row 2, parent: the indicator 'b'"),
        (items({"iCode": "a", "Weight": "-1"}), "row 1, weight: -1.0 is no number from 0 upwards"),
        (items({"iCode": "a", "Weight": "inf"}), "row 1, weight: inf is no number"),
        (items({"iCode": "a", "Weight": 0}), "row 1, weight: all items of 'top' have the weight 0"),
        (items({"iCode": "a", "Weight": "much"}), "row 1, Weight: 'much' is no number"),
        (items({"iCode": "a", "Direction": "0"}), "row 1, Direction: '0' is neither"),
        (items({"iCode": "a", "Level": "1.5"}), "row 1, Level: '1.5' is no whole number"),
        (items({"iCode": "a", "Type": "Index"}), "row 1, kind: 'index' is none of"),
        (items({"iCode": "a", "Level": "2"}), "row 1, level: 1 does not go with the kind"),
        (items({"iCode": "a", "Target": "inf"}), "row 1, target: inf is no number"),
        (
            items({"iCode": "a"}, {"iCode": "p", "Type": "Aggregate"}),
            "row 2, code: nothing belongs to 'p'",
        ),
        (
            [*items({"iCode": "a"}), {"iCode": "b", "Parent": "two"}, {"iCode": "two"}],
            "row 4, parent: 'top' and 'two' are both without a parent",
        ),
        (
            [{"iCode": "a", "Parent": "p"}, {"iCode": "p", "Parent": "q"},
             {"iCode": "q", "Parent": "p"}],
            "row 2, Parent: the items go in a circle, p in q in p",
        ),
        ([{"iCode": "a", "Parent": "a"}], "row 1, Parent: the items go in a circle, a in a"),
        (items({"iCode": "a"}, {"iCode": "g", "Type": "Group"}), "row 2, parent: a group has none"),
        (
            [{"iCode": "a", "Parent": "top", "Level": 1}, {"iCode": "top", "Level": 1}],
            "row 1, level: 'a' has level 0 and its parent 'top' level 0",
        ),
        ([{"iCode": "a"}], "row 1, parent: the indicator 'a' belongs nowhere"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_hierarchy_is_refused(rows: Rows, message: str) -> None:
    """The message names the file, the row and the field."""
    with pytest.raises(MethodError) as refusal:
        read(rows, source="m.csv")
    assert str(refusal.value).startswith("m.csv") and message in str(refusal.value)


def test_levels_may_be_skipped() -> None:
    """An indicator may hang right below the top, beside a pillar."""
    index = read(
        [{"iCode": "a", "Parent": "pillar"}, {"iCode": "b", "Parent": "top", "Weight": 3},
         {"iCode": "pillar", "Parent": "top"}, {"iCode": "top", "Level": 4}]
    )  # fmt: skip
    assert (index.depth, index.top, index.codes(2)) == (3, "top", ())
    assert index.children("top") == ("b", "pillar")
    assert index.effective_weights() == {"a": 0.25, "b": 0.75, "pillar": 0.25, "top": 1.0}


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 7, 3000])
def test_any_depth(depth: int) -> None:
    """A chain of thousands of levels is read like one of two."""
    rows: Rows = [{"iCode": str(n), "Parent": str(n + 1)} for n in range(depth)]
    index = read([*rows, {"iCode": str(depth)}])
    assert (index.depth, index.top, index.leaves(index.top)) == (depth, str(depth), ("0",))


@given(strategies.permutations(range(4)))
def test_items_stand_by_level_whatever_the_order_of_rows(order: list[int]) -> None:
    """The hierarchy is the same; within a level the order is that of the file."""
    rows: Rows = [{"iCode": "a", "Parent": "p"}, {"iCode": "b", "Parent": "p"},
                  {"iCode": "p", "Parent": "top"}, {"iCode": "top"}]  # fmt: skip
    index = read([rows[place] for place in order])
    assert [item.level for item in index.items] == [0, 0, 1, 2]
    expected = ("a", "b") if order.index(0) < order.index(1) else ("b", "a")
    assert index.codes(0) == index.children("p") == expected


def test_columns_beside_the_hierarchy() -> None:
    """Groups and denominators have no level and are no indicators."""
    rows = [{"iCode": "g", "Type": "Group"}, {"iCode": "pop", "Type": "Denominator"}]
    index = read([*rows, *items({"iCode": "a", "Type": "Indicator"})])
    assert index.codes(0) == ("a",)
    assert index.beside("group") == ("g",) and index.beside("denominator") == ("pop",)
    table = read_table([{"uCode": "u", "a": "1", "pop": "2", "g": "north"}], index)
    assert table.codes == ("a", "pop") and table.column("pop").tolist() == [2.0]


def test_an_unknown_item_is_refused() -> None:
    """The message lists those there are."""
    index = read(items({"iCode": "a"}))
    with pytest.raises(MethodError, match="there is no item 'b'; take one of a, top"):
        index.children("b")
    with pytest.raises(MethodError, match="no indicator remains"):
        index.without({"a"})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "t.csv: there are no rows"),
        ([{"uCode": "u", "a": "many"}], "t.csv, row 1, a: 'many' is no number"),
        ([{"uCode": "u", "a": "1"}, {"uCode": "v"}], "t.csv, row 2: there is no column a"),
        ([{"uCode": "", "a": "1"}], "t.csv, row 1, uCode: it is empty"),
        ([{"uCode": "u", "a": "-inf"}], "t.csv, unit 'u', a: the value is infinite"),
        ([{"uCode": "u", "a": "1e200"}], "t.csv, unit 'u', a: the value is infinite or near"),
        ([{"uCode": "u", "a": "1"}] * 2, "t.csv: the unit 'u' comes twice"),
        (
            [{"uCode": "Oslo", "a": "1"}, {"uCode": "OSLO", "a": "2"}],
            "t.csv: the unit 'OSLO' differs only in case from 'Oslo'",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_table_that_cannot_be_used_is_refused(rows: Rows, message: str) -> None:
    """The message names the file, the unit or the row, and the column."""
    with pytest.raises(MethodError) as refusal:
        read_table(rows, read(items({"iCode": "a"})), source="t.csv")
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("cell", ["", " ", "NA", "nan", "NaN", None, float("nan")])
def test_what_stands_for_missing(cell: object) -> None:
    """An empty cell is a missing value, in whichever way it is written."""
    table = read_table([{"uCode": "u", "a": cell}], read(items({"iCode": "a"})))
    assert np.isnan(table.values).all()


def test_a_missing_column_is_named() -> None:
    """A table without a column of the framework says which."""
    table = Table(("u",), ("a",), np.array([[1.0]]), "t.csv")
    with pytest.raises(MethodError, match=r"t\.csv: there is no column b; add it"):
        table.select(("a", "b"))
    with pytest.raises(MethodError, match="row 1: there is no column region"):
        read_groups([{"uCode": "u"}], "region")


def test_a_framework_made_by_hand_is_checked_too() -> None:
    """Items that come from no file are numbered by their place."""
    with pytest.raises(MethodError, match="framework, row 1, direction: 2 is neither"):
        Framework((Item("a", parent="t", direction=2), Item("t", level=1, kind="aggregate")))
