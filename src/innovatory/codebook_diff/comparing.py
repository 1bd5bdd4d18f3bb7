"""Comparing two codebooks, and carrying answers from one to the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from innovatory.codebook import RECODE, Class, Codebook, Dimension
from innovatory.errors import CodebookError

Became = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ClassChange:
    """What became of a class: kept, redefined, renamed, merged, split, removed or added."""

    kind: str
    old: str = ""
    new: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DimensionChange:
    """What became of a dimension: unchanged, reworded, changed, added or removed.

    `asked` says whether the question or its type changed. `becomes` is the migration map of a
    changed dimension that has a crosswalk, from each class of then to its classes of today; one
    class is carried, none or several mean that the coding is redone. `multi` says whether the newer
    version takes several classes.
    """

    dimension: str
    kind: str
    asked: bool = False
    classes: tuple[ClassChange, ...] = ()
    becomes: Became | None = None
    multi: bool = False

    @property
    def stays(self) -> bool:
        """Whether codings by the older version answer the newer one as they are."""
        return self.kind in ("unchanged", "reworded")


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changed from the version `old` to the version `new`.

    `derived` has the derived dimensions that were added, removed or changed; they follow from the
    answers, so no coding depends on them.
    """

    old: str
    new: str
    dimensions: tuple[DimensionChange, ...]
    derived: tuple[tuple[str, str], ...]


def diff(
    old: Codebook, new: Codebook, *, mapping: Mapping[str, Mapping[str, str]] | None = None
) -> Difference:
    """Compare two codebooks dimension by dimension and class by class.

    The migration map of a changed dimension is the crosswalk that `new` declares from `old`, or
    that of `mapping` (dimension to old class to new class or 'recode') in its place. A class that
    it does not name is carried where it is still there under the same definition. Raises
    CodebookError where a crosswalk names a class or a dimension that is not there.

    >>> from innovatory.codebook import parse
    >>> old = parse("dimensions: {a: {question: Q, classes: {x: one, y: two}}}")
    >>> new = parse("dimensions: {a: {question: Q, classes: {x: one, z: two}}}")
    >>> change, = diff(old, new).dimensions
    >>> change.kind, change.becomes, [(c.kind, c.old, c.new) for c in change.classes]
    ('changed', None, [('kept', 'x', ('x',)), ('renamed', 'y', ('z',))])
    >>> diff(old, new, mapping={"a": {"y": "z"}}).dimensions[0].becomes
    {'y': ('z',), 'x': ('x',)}
    """
    before = {d.id: d for d in old.dimensions}
    after = {d.id: d for d in new.dimensions}
    crosswalk = {c.dimension: dict(c.classes) for c in new.crosswalks if c.version == old.version}
    for name, classes in (mapping or {}).items():
        crosswalk[name] = {
            then: () if now == RECODE else (now,) for then, now in classes.items()
        }  # fmt: skip
    _check(crosswalk, before, after, old.version)
    changes = [
        _changed(before[name], after[name], crosswalk.get(name))
        if name in before
        else DimensionChange(name, "added")
        for name in after
    ]
    changes += [DimensionChange(name, "removed") for name in before if name not in after]
    return Difference(old.version, new.version, tuple(changes), tuple(_derived(old, new)))


def _check(
    crosswalk: Mapping[str, Became],
    before: Mapping[str, Dimension],
    after: Mapping[str, Dimension],
    version: str,
) -> None:
    for name, classes in crosswalk.items():
        if name not in before or name not in after:
            which = version if name not in before else "the newer one"
            raise CodebookError(
                f"crosswalk from {version}: codebook {which} has no dimension {name!r}; "
                "name one that is in both"
            )
        strange = [then for then in classes if then not in before[name].class_ids]
        strange += [
            now for became in classes.values() for now in became if now not in after[name].class_ids
        ]
        if strange:
            raise CodebookError(
                f"crosswalk from {version}: {strange[0]!r} is not a class of {name} there; its "
                f"classes are {', '.join(before[name].class_ids)}, and today "
                f"{', '.join(after[name].class_ids)}"
            )


def _changed(then: Dimension, now: Dimension, crosswalk: Became | None) -> DimensionChange:
    if then.hash == now.hash:
        return DimensionChange(then.id, "unchanged" if then == now else "reworded")
    old, new = ({c.id: c for c in d.classes} for d in (then, now))
    becomes = None
    if crosswalk is not None:
        becomes = dict(crosswalk) | {
            name: (name,) if _same(old[name], new.get(name)) else ()
            for name in old
            if name not in crosswalk
        }
    asked = (then.question, then.multi) != (now.question, now.multi)
    classes = tuple(_classes(old, new, crosswalk or {}))
    return DimensionChange(then.id, "changed", asked, classes, becomes, now.multi)


def _classes(
    old: Mapping[str, Class], new: Mapping[str, Class], crosswalk: Became
) -> Iterator[ClassChange]:
    """What became of each class: as declared, else as the names and definitions tell."""
    into: dict[str, list[str]] = defaultdict(list)
    for then, became in crosswalk.items():
        if len(became) == 1:
            into[became[0]].append(then)
    arrived = {now for became in crosswalk.values() for now in became}
    for name, was in old.items():
        became = crosswalk.get(name, ())
        if len(became) > 1:
            yield ClassChange("split", name, became)
        elif became and len(into[became[0]]) > 1:
            yield ClassChange("merged", name, became)
        elif became and became != (name,):
            yield ClassChange("renamed", name, became)
        elif name in new:
            yield ClassChange("kept" if _same(was, new[name]) else "redefined", name, (name,))
        elif twins := [c.id for c in new.values() if c.id not in old and _same(was, c)]:
            arrived.add(twins[0])
            yield ClassChange("renamed", name, (twins[0],))
        else:
            yield ClassChange("removed", name)
    for name in new:
        if name not in old and name not in arrived:
            yield ClassChange("added", "", (name,))


def _same(then: Class, now: Class | None) -> bool:
    return now is not None and then.definition.split() == now.definition.split()


def _derived(old: Codebook, new: Codebook) -> Iterator[tuple[str, str]]:
    before = {d.id: d.how for d in old.derived}
    after = {d.id: d.how for d in new.derived}
    for name in after:
        if name not in before:
            yield name, "added"
        elif before[name] != after[name]:
            yield name, "changed"
    yield from ((name, "removed") for name in before if name not in after)


def carried(value: tuple[str, ...], dimension: str, *, by: Difference) -> tuple[str, ...] | None:
    """An answer to the older version as an answer to the newer one; None where it is redone.

    Several classes are carried together, each once; an answer that would become several classes
    where the question takes one is redone.

    >>> change = DimensionChange("a", "changed", becomes={"x": ("z",), "y": ("z",), "w": ()})
    >>> by = Difference("1", "2", (change,), ())
    >>> carried(("x", "y"), "a", by=by), carried(("w",), "a", by=by), carried(("x",), "b", by=by)
    (('z',), None, None)
    """
    change = next((c for c in by.dimensions if c.dimension == dimension), None)
    if change is None or change.kind in ("added", "removed"):
        return None
    if change.stays:
        return value
    if change.becomes is None:
        return None
    became = [change.becomes.get(name, ()) for name in value]
    if not all(len(classes) == 1 for classes in became):
        return None
    answer = tuple(dict.fromkeys(classes[0] for classes in became))
    return answer if len(answer) == 1 or change.multi else None


def carrying(new: Codebook, older: Iterable[Codebook]) -> pa.Table:
    """The classes of older versions that are carried into `new`, as a table for SQL.

    Columns: codebook, dimension, class, becomes. A coding is carried where all its classes have a
    row, and redone where one has none; dimensions that ask the same need none. A crosswalk from one
    version holds for every other that asked the dimension in the same words. A type that no longer
    takes several classes shows as several rows of `becomes` for one coding, which is then redone.

    >>> from innovatory.codebook import parse
    >>> old = parse("dimensions: {a: {question: Q, classes: {x: one, y: two}}}")
    >>> new = parse("dimensions: {a: {question: Q, classes: {z: both}}}\\n"
    ...             f"crosswalk: {{{old.version}: {{a: {{x: z, y: recode}}}}}}")
    >>> [row["class"] + " " + row["becomes"] for row in carrying(new, [old]).to_pylist()]
    ['x z']
    """
    books = {book.version: book for book in older if book.version != new.version}
    maps: dict[tuple[str, str], Became] = {}
    for book in books.values():
        asked = {d.id: d for d in book.dimensions}
        for change in diff(book, new).dimensions:
            if change.becomes is not None:
                maps[change.dimension, asked[change.dimension].hash] = change.becomes
    rows = [
        {"codebook": book.version, "dimension": d.id, "class": then, "becomes": became[0]}
        for _, book in sorted(books.items())
        for d in book.dimensions
        for then, became in sorted(maps.get((d.id, d.hash), {}).items())
        if len(became) == 1
    ]
    names = ("codebook", "dimension", "class", "becomes")
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))
