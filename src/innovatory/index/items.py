"""An item of an index, and the rules by which items make a hierarchy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from innovatory.errors import MethodError

KINDS = ("indicator", "aggregate", "group", "denominator", "other")
BESIDE = -1
"""The level of items that stand beside the hierarchy."""


@dataclass(frozen=True, slots=True)
class Item:
    """An indicator, an aggregate above it, or a column beside the hierarchy.

    `direction` is 1 where more is better and -1 where less is; `weight` counts against those of
    the items with the same parent; `target` is the value to be reached, in the unit of the data.
    """

    code: str
    name: str = ""
    level: int = 0
    parent: str = ""
    direction: int = 1
    weight: float = 1.0
    kind: str = "indicator"
    unit: str = ""
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What makes a hierarchy, one rule after the other."""

    items: Sequence[Item]
    rows: Sequence[int]
    source: str

    def check(self) -> None:
        self._codes()
        by_code = {item.code: item for item in self.items}
        for item, row in zip(self.items, self.rows, strict=True):
            self._fields(item, row)
            self._parent(item, row, by_code)
        self._shape()

    def _fail(self, row: int, field_name: str, message: str) -> MethodError:
        return MethodError(f"{self.source}, row {row}, {field_name}: {message}")

    def _codes(self) -> None:
        seen: dict[str, tuple[str, int]] = {}
        for item, row in zip(self.items, self.rows, strict=True):
            if not item.code.strip():
                raise self._fail(row, "code", "it is empty; give each item a code")
            other = seen.setdefault(item.code.casefold(), (item.code, row))
            if other[1] != row:
                how = "is that of" if other[0] == item.code else "differs only in case from that of"
                raise self._fail(
                    row, "code", f"{item.code!r} {how} row {other[1]}; give each item its own code"
                )

    def _fields(self, item: Item, row: int) -> None:
        if item.kind not in KINDS:
            raise self._fail(row, "kind", f"{item.kind!r} is none of {', '.join(KINDS)}")
        if item.direction not in (1, -1):
            raise self._fail(row, "direction", f"{item.direction} is neither 1 nor -1")
        if not (math.isfinite(item.weight) and item.weight >= 0):
            raise self._fail(row, "weight", f"{item.weight} is no number from 0 upwards")
        if item.target is not None and not math.isfinite(item.target):
            raise self._fail(row, "target", f"{item.target} is no number; leave it empty")
        if (item.kind == "indicator") != (item.level == 0):
            if item.kind in ("indicator", "aggregate") or item.level != BESIDE:
                raise self._fail(
                    row, "level", f"{item.level} does not go with the kind {item.kind!r}; "
                    "indicators have level 0, aggregates 1 or more"
                )  # fmt: skip
        elif item.kind == "aggregate" and item.level < 1:
            raise self._fail(row, "level", f"{item.level} is too low for an aggregate")

    def _parent(self, item: Item, row: int, by_code: Mapping[str, Item]) -> None:
        if item.level == BESIDE:
            if item.parent:
                raise self._fail(row, "parent", f"a {item.kind} has none; leave it empty")
            return
        if not item.parent:
            if item.kind == "indicator":
                raise self._fail(row, "parent", f"the indicator {item.code!r} belongs nowhere")
            return
        parent = by_code.get(item.parent)
        if parent is None:
            raise self._fail(row, "parent", f"there is no item {item.parent!r}; add it, or mend it")
        if parent.kind != "aggregate":
            raise self._fail(row, "parent", f"{parent.code!r} is of kind {parent.kind}, not one")
        if parent.level <= item.level:
            raise self._fail(
                row, "level", f"{item.code!r} has level {item.level} and its parent "
                f"{parent.code!r} level {parent.level}; a parent is higher"
            )  # fmt: skip

    def _shape(self) -> None:
        row_of = {item.code: row for item, row in zip(self.items, self.rows, strict=True)}
        tops = [i for i in self.items if i.kind == "aggregate" and not i.parent]
        if not tops:
            raise MethodError(
                f"{self.source}: no aggregate without a parent; one item has to be the top"
            )
        if len(tops) > 1:
            codes = " and ".join(repr(item.code) for item in tops)
            raise self._fail(
                row_of[tops[1].code], "parent", f"{codes} are both without a parent; one is the top"
            )
        below: dict[str, list[Item]] = {}
        for item in self.items:
            below.setdefault(item.parent, []).append(item)
        for aggregate in (item for item in self.items if item.kind == "aggregate"):
            if aggregate.code not in below:
                raise self._fail(
                    row_of[aggregate.code], "code",
                    f"nothing belongs to {aggregate.code!r}; remove it"
                )  # fmt: skip
            if not any(item.weight > 0 for item in below[aggregate.code]):
                raise self._fail(
                    row_of[below[aggregate.code][0].code], "weight",
                    f"all items of {aggregate.code!r} have the weight 0; give one a weight"
                )  # fmt: skip
