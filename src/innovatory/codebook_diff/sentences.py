"""A difference in sentences, for a person who has to decide what to code again."""

from __future__ import annotations

from collections.abc import Iterator

from innovatory.codebook import RECODE
from innovatory.codebook_diff.comparing import ClassChange, Difference, DimensionChange


def lines(difference: Difference) -> list[str]:
    """The difference in sentences, one line each, and the start of a crosswalk where one is needed.

    >>> from innovatory.codebook import parse
    >>> from innovatory.codebook_diff.comparing import diff
    >>> old = parse("dimensions: {a: {question: Q, classes: {x: one}}}")
    >>> lines(diff(old, old))[1]
    'No dimension changed: all codings stay.'
    """
    told = [f"From codebook {difference.old} to {difference.new}."]
    changed = [c for c in difference.dimensions if c.kind != "unchanged"]
    if not changed:
        told.append("No dimension changed: all codings stay.")
    for change in changed:
        told += _told(change)
    for name, kind in difference.derived:
        told.append(f"{name} (derived): {kind}; it follows from the answers, no coding is lost.")
    bare = [c for c in changed if c.kind == "changed" and c.becomes is None]
    if bare:
        told += ["To carry codings over, declare in the newer codebook what became of each class:"]
        told += ["crosswalk:", f'  "{difference.old}":']
        told += [f"    {change.dimension}: {_proposed(change)}" for change in bare]
    return told


def _told(change: DimensionChange) -> Iterator[str]:
    name = change.dimension
    ends = {
        "added": "added: every record is still to be coded.",
        "removed": "removed: its codings stay in the ledger and no longer count.",
        "reworded": "only labels or notes changed: its codings stay.",
    }
    if change.kind != "changed":
        yield f"{name}: {ends[change.kind]}"
        return
    what = "the question or its type changed" if change.asked else "classes changed"
    how = "carried by the crosswalk" if change.becomes else "redone"
    yield f"{name}: {what}; its codings are {how}."
    for item in change.classes:
        if item.kind != "kept":
            yield f"  {_class_told(item, change)}"


def _class_told(item: ClassChange, change: DimensionChange) -> str:
    new = ", ".join(item.new)
    told = {
        "redefined": f"{item.old}: its definition changed",
        "renamed": f"{item.old}: now {new}",
        "merged": f"{item.old}: merged into {new}",
        "split": f"{item.old}: split into {new}",
        "removed": f"{item.old}: removed",
        "added": f"{new}: added",
    }[item.kind]
    if change.becomes is None or not item.old:
        return f"{told}."
    return f"{told}; {'carried' if len(change.becomes[item.old]) == 1 else 'coded again'}."


def _proposed(change: DimensionChange) -> str:
    """A crosswalk to start from: what only changed its name is carried, the rest coded again."""
    pairs = []
    for item in change.classes:
        if item.old and item.kind != "kept":
            now = item.new[0] if item.kind == "renamed" else RECODE
            pairs.append(f"{_quoted(item.old)}: {_quoted(now)}")
    kept = [item.old for item in change.classes if item.kind == "kept"]
    return "{" + ", ".join(pairs or [f"{_quoted(n)}: {_quoted(n)}" for n in kept[:1]]) + "}"


def _quoted(name: str) -> str:
    """A class as YAML must write it: yes and no in quotes, or they are read as truth values."""
    return f'"{name}"' if name.lower() in ("yes", "no", "on", "off", "y", "n") else name
