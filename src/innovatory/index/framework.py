"""The framework of an index: its items, which belongs to which, and the table of values.

Levels count from 0, the indicators, upwards; an item may belong to a parent several levels above
it. Groups, denominators and other columns of the table stand beside the hierarchy.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError
from innovatory.index.items import BESIDE, Hierarchy, Item

__all__ = ["Floats", "Framework", "Item", "Table", "read", "read_groups", "read_table"]

Floats = NDArray[np.float64]
Row = Mapping[str, object]

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "None"})
"""What a cell of a file may hold where there is no value."""


LARGEST = 1e100
"""The largest value of a table: squares and products of larger ones are no numbers."""


@dataclass(frozen=True)
class Framework:
    """The items of an index by level, in the order of the file within each; those beside it last.

    Raises MethodError where the items make no hierarchy with one top: the message names `source`,
    the row and the field. `rows` are the numbers of the rows the items come from.

    >>> index = Framework((Item("a", parent="top"), Item("b", parent="top", weight=3.0),
    ...                    Item("top", level=1, kind="aggregate")))
    >>> index.top, index.depth, index.children("top"), index.weights(0).tolist()
    ('top', 1, ('a', 'b'), [1.0, 3.0])
    """

    items: tuple[Item, ...]
    source: str = field(default="framework", compare=False)
    rows: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        rows = self.rows or tuple(range(1, len(self.items) + 1))
        if len(rows) != len(self.items):
            raise ValueError("as many rows as items")
        Hierarchy(self.items, rows, self.source).check()
        ordered = sorted(
            zip(self.items, rows, strict=True),
            key=lambda pair: (pair[0].level == BESIDE, pair[0].level),
        )
        object.__setattr__(self, "items", tuple(item for item, _ in ordered))
        object.__setattr__(self, "rows", tuple(row for _, row in ordered))

    @cached_property
    def _by_code(self) -> dict[str, Item]:
        return {item.code: item for item in self.items}

    @cached_property
    def _by_level(self) -> dict[int, tuple[Item, ...]]:
        levels: dict[int, list[Item]] = {}
        for item in self.items:
            levels.setdefault(item.level, []).append(item)
        return {level: tuple(items) for level, items in levels.items()}

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        children: dict[str, list[str]] = {}
        for item in self.items:
            if item.parent:
                children.setdefault(item.parent, []).append(item.code)
        return {code: tuple(below) for code, below in children.items()}

    @cached_property
    def depth(self) -> int:
        """The level of the top: how many steps of aggregation there are."""
        return max(item.level for item in self.items)

    @property
    def top(self) -> str:
        """The code of the one item above all others."""
        return self._by_level[self.depth][0].code

    def item(self, code: str) -> Item:
        """The item of a code; raises MethodError where there is none."""
        try:
            return self._by_code[code]
        except KeyError:
            raise MethodError(
                f"{self.source}: there is no item {code!r}; take one of {', '.join(self._by_code)}"
            ) from None

    def codes(self, level: int) -> tuple[str, ...]:
        """The codes of a level, in order; level 0 are the indicators."""
        return tuple(item.code for item in self._by_level.get(level, ()))

    def beside(self, kind: str) -> tuple[str, ...]:
        """The codes of the groups, the denominators or the other columns beside the hierarchy."""
        return tuple(i.code for i in self._by_level.get(BESIDE, ()) if i.kind == kind)

    def children(self, code: str) -> tuple[str, ...]:
        """The codes of the items right below one, the lowest level first."""
        self.item(code)
        return self._children.get(code, ())

    def leaves(self, code: str) -> tuple[str, ...]:
        """The codes of all indicators below an item, in order; an indicator's is its own.

        >>> index = Framework((Item("a", parent="p"), Item("b", parent="top"),
        ...     Item("p", level=1, parent="top", kind="aggregate"),
        ...     Item("top", level=2, kind="aggregate")))
        >>> index.leaves("top"), index.children("top")
        (('a', 'b'), ('b', 'p'))
        """
        below = {code}
        for item in reversed(self.items):
            if item.parent in below:
                below.add(item.code)
        return tuple(c for c in self.codes(0) if c in below)

    def without(self, codes: Collection[str]) -> Framework:
        """The framework without some indicators, and without the groups that are empty then.

        Raises MethodError where no indicator remains.

        >>> index = Framework((Item("a", parent="p"), Item("b", parent="top"),
        ...     Item("p", level=1, parent="top", kind="aggregate"),
        ...     Item("top", level=2, kind="aggregate")))
        >>> [item.code for item in index.without({"a"}).items]
        ['b', 'top']
        """
        needed = {code for code in self.codes(0) if code not in codes}
        if not needed:
            raise MethodError(f"{self.source}: no indicator remains; leave fewer out")
        for item in self.items:
            if item.code in needed and item.parent:
                needed.add(item.parent)
        kept = [
            (item, row)
            for item, row in zip(self.items, self.rows, strict=True)
            if item.code in needed or item.level == BESIDE
        ]
        items, rows = zip(*kept, strict=True)
        return Framework(items, self.source, rows)

    def weights(self, level: int) -> Floats:
        """The weights of a level as they are given, in the order of `codes`."""
        return np.array([item.weight for item in self._by_level.get(level, ())], dtype=np.float64)

    @property
    def directions(self) -> Floats:
        """The directions of the indicators, in the order of `codes(0)`."""
        return np.array([item.direction for item in self._by_level[0]], dtype=np.float64)

    def effective_weights(self) -> dict[str, float]:
        """What part of the top each item stands for: the product of the shares above it.

        >>> index = Framework((Item("a", parent="top"), Item("b", parent="top", weight=3.0),
        ...                    Item("top", level=1, kind="aggregate")))
        >>> index.effective_weights()
        {'a': 0.25, 'b': 0.75, 'top': 1.0}
        """
        found = {self.top: 1.0}
        for level in range(self.depth - 1, -1, -1):
            for code in self.codes(level):
                item = self._by_code[code]
                among = math.fsum(self._by_code[c].weight for c in self._children[item.parent])
                found[code] = found[item.parent] * item.weight / among
        return {i.code: found[i.code] for i in self.items if i.code in found}


def read(rows: Iterable[Row], *, source: str = "framework") -> Framework:
    """The framework that rows of a file tell.

    The columns are iCode, Parent, Type (Indicator, Aggregate, Group, Denominator or Other; where
    it is missing, what others name as parent is an aggregate), Direction, Weight, Level (from 1
    for indicators; computed where it is missing), iName, Unit and Target; others are left alone.
    Raises MethodError with `source`, the row (the first after the header is 1) and the field.

    >>> rows = [{"iCode": "a", "Parent": "top", "Weight": "2"}, {"iCode": "top", "Parent": ""}]
    >>> [(i.code, i.level, i.kind, i.weight) for i in read(rows).items]
    [('a', 0, 'indicator', 2.0), ('top', 1, 'aggregate', 1.0)]
    """
    taken = [_Line(row, number, source) for number, row in enumerate(rows, 1)]
    if not taken:
        raise MethodError(f"{source}: there are no rows; give one for each item")
    for line in taken:
        if not line.text("iCode"):
            raise MethodError(f"{source}, row {line.row}, iCode: it is empty; give the item a code")
    parents = {line.text("Parent") for line in taken} - {""}
    kinds = {line.text("iCode"): line.kind(parents) for line in taken}
    levels = _levels(taken, kinds, source)
    items = tuple(
        Item(
            code=line.text("iCode"),
            name=line.text("iName") or line.text("iCode"),
            level=levels[line.text("iCode")],
            parent=line.text("Parent"),
            direction=line.direction(),
            weight=1.0 if (weight := line.number("Weight")) is None else weight,
            kind=kinds[line.text("iCode")],
            unit=line.text("Unit"),
            target=line.number("Target"),
        )
        for line in taken
    )
    return Framework(items, source=source, rows=tuple(line.row for line in taken))


@dataclass(frozen=True, slots=True)
class _Line:
    cells: Mapping[str, object]
    row: int
    source: str

    def text(self, column: str) -> str:
        cell = self.cells.get(column)
        text = "" if cell is None or (isinstance(cell, float) and math.isnan(cell)) else str(cell)
        return "" if text.strip() in MISSING else text.strip()

    def number(self, column: str) -> float | None:
        text = self.text(column)
        if not text:
            return None
        try:
            return float(text)
        except ValueError:
            raise MethodError(
                f"{self.source}, row {self.row}, {column}: {text!r} is no number; mend it"
            ) from None

    def direction(self) -> int:
        given = self.number("Direction")
        if given not in (None, 1.0, -1.0):
            raise MethodError(
                f"{self.source}, row {self.row}, Direction: {self.text('Direction')!r} is neither "
                "1 (more is better) nor -1 (less is better)"
            )
        return -1 if given == -1.0 else 1

    def kind(self, parents: set[str]) -> str:
        told = self.text("Type").casefold()
        return told or ("aggregate" if self.text("iCode") in parents else "indicator")

    def level(self) -> int | None:
        given = self.number("Level")
        if given is None:
            return None
        if given < 1 or given != int(given):
            raise MethodError(
                f"{self.source}, row {self.row}, Level: {self.text('Level')!r} is no whole number "
                "from 1 (indicators) upwards"
            )
        return int(given) - 1


def _levels(lines: Sequence[_Line], kinds: Mapping[str, str], source: str) -> dict[str, int]:
    """The level of each code: as given, else one above the highest item that belongs to it."""
    given = {line.text("iCode"): line.level() for line in lines}
    rows = {line.text("iCode"): line.row for line in lines}
    parents = {line.text("iCode"): line.text("Parent") for line in lines}
    below: dict[str, list[str]] = {}
    for code, parent in parents.items():
        below.setdefault(parent, []).append(code)
    awaited = {code: len(below.get(code, ())) for code in kinds}
    ready = [code for code, number in awaited.items() if not number]
    found: dict[str, int] = {}
    while ready:
        code = ready.pop()
        highest = max((found[child] for child in below.get(code, ())), default=0)
        found[code] = highest + 1 if kinds[code] == "aggregate" else 0
        if (parent := parents[code]) in awaited:
            awaited[parent] -= 1
            if not awaited[parent]:
                ready.append(parent)
    if circling := [code for code in kinds if code not in found]:
        raise _circle(circling[0], parents, rows, source)
    return {
        code: BESIDE
        if kind not in ("indicator", "aggregate")
        else (found[code] if (told := given[code]) is None else told)
        for code, kind in kinds.items()
    }


def _circle(
    code: str, parents: Mapping[str, str], rows: Mapping[str, int], source: str
) -> MethodError:
    path: list[str] = []
    while code not in path:
        path.append(code)
        code = parents[code]
    way = [*path[path.index(code) :], code]
    return MethodError(
        f"{source}, row {rows[code]}, Parent: the items go in a circle, {' in '.join(way)}; "
        "give one of them another parent"
    )


@dataclass(frozen=True, eq=False)
class Table:
    """The values of units in indicators (and denominators): (units, codes), NaN for missing.

    Raises MethodError where units or codes are not told apart, or a value is infinite.

    >>> Table(("u1", "u2"), ("a",), np.array([[1.0], [np.nan]])).column("a").tolist()
    [1.0, nan]
    """

    units: tuple[str, ...]
    codes: tuple[str, ...]
    values: Floats
    source: str = "table"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        if self.values.shape != (len(self.units), len(self.codes)):
            raise ValueError(f"values are {self.values.shape}, not (units, codes)")
        for what, names in (("unit", self.units), ("code", self.codes)):
            seen: dict[str, str] = {}
            for name in names:
                if not name.strip():
                    raise MethodError(f"{self.source}: a {what} has no name; give it one")
                if (other := seen.get(name.casefold())) is not None:
                    how = "comes twice" if other == name else f"differs only in case from {other!r}"
                    raise MethodError(
                        f"{self.source}: the {what} {name!r} {how}; name each in its own way"
                    )
                seen[name.casefold()] = name
        endless = np.argwhere(np.abs(self.values) > LARGEST)
        if len(endless):
            unit, code = endless[0]
            raise MethodError(
                f"{self.source}, unit {self.units[unit]!r}, {self.codes[code]}: the value is "
                "infinite or nearly so; mend it, or leave it empty"
            )

    def column(self, code: str) -> Floats:
        """The values of one code; raises MethodError where the table has no such column."""
        return self.select((code,)).values[:, 0]

    def select(self, codes: Sequence[str]) -> Table:
        """The table with these codes in this order; raises MethodError where one is missing."""
        places = {code: place for place, code in enumerate(self.codes)}
        if missing := [code for code in codes if code not in places]:
            raise MethodError(
                f"{self.source}: there is no column {', '.join(missing)}; add it to the table or "
                "take it out of the framework"
            )
        chosen = self.values[:, [places[code] for code in codes]]
        return Table(self.units, tuple(codes), chosen, self.source)


def read_table(
    rows: Iterable[Row], framework: Framework, *, unit: str = "uCode", source: str = "table"
) -> Table:
    """The table that rows of a file tell, for the indicators and denominators of a framework.

    `unit` is the column with the units' ids; an empty cell or NA is missing; other columns are
    left alone. Raises MethodError with `source`, the row (the first after the header is 1) and
    the column.

    >>> index = read([{"iCode": "a", "Parent": "top"}, {"iCode": "top"}])
    >>> read_table([{"uCode": "u1", "a": "1.5"}, {"uCode": "u2", "a": "NA"}], index).values.tolist()
    [[1.5], [nan]]
    """
    codes = (*framework.codes(0), *framework.beside("denominator"))
    units: list[str] = []
    values: list[list[float]] = []
    for number, row in enumerate(rows, 1):
        line = _Line(row, number, source)
        if missing := [code for code in (unit, *codes) if code not in row]:
            raise MethodError(f"{source}, row {number}: there is no column {', '.join(missing)}")
        if not line.text(unit):
            raise MethodError(f"{source}, row {number}, {unit}: it is empty; give the unit a code")
        units.append(line.text(unit))
        values.append([np.nan if (v := line.number(code)) is None else v for code in codes])
    if not units:
        raise MethodError(f"{source}: there are no rows; give one for each unit")
    return Table(tuple(units), codes, np.array(values).reshape(len(units), len(codes)), source)


def read_groups(rows: Iterable[Row], column: str, *, source: str = "table") -> tuple[str, ...]:
    """The group of each unit, from a column of the same rows; '' where there is none.

    >>> read_groups([{"region": "north"}, {"region": ""}], "region")
    ('north', '')
    """
    groups = []
    for number, row in enumerate(rows, 1):
        if column not in row:
            raise MethodError(f"{source}, row {number}: there is no column {column}")
        groups.append(_Line(row, number, source).text(column))
    return tuple(groups)
