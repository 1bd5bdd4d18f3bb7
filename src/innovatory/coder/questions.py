"""A question as the machine coder is asked it, and the words that define its classes."""

from __future__ import annotations

from dataclasses import dataclass

from innovatory.codebook import Codebook, Derived, Dimension, Rule

OPEN_ANSWERS = ("unclear", "unknown")
"""Classes by which a coder says that the question cannot be answered."""


@dataclass(frozen=True, slots=True)
class Question:
    """A dimension's classes, each with the text that defines it.

    `asked` identifies what was asked: labels of another corpus serve where it is the same.
    """

    dimension: str
    multi: bool
    classes: tuple[str, ...]
    definitions: tuple[str, ...]
    question: str
    asked: str = ""

    @property
    def open_class(self) -> str:
        """The class that says 'cannot tell', or ''."""
        return next((name for name in OPEN_ANSWERS if name in self.classes), "")


def question(dimension: Dimension | Derived, *, book: Codebook | None = None) -> Question:
    """The question that a dimension puts, its definitions led by the classes' labels.

    A derived dimension says itself little about its classes; with the codebook its definitions
    are those of the answers that it follows from.

    >>> from innovatory.codebook import parse
    >>> book = parse("dimensions: {stage: {question: Q, type: single, classes: {pilot: a test}}}")
    >>> question(book.dimensions[0]).definitions
    ('Pilot: a test',)
    """
    texts = [f"{c.label}: {c.definition}" for c in dimension.classes]
    if isinstance(dimension, Derived) and book is not None:
        texts = [
            f"{text} {_followed(dimension, c.id, book)}".strip()
            for text, c in zip(texts, dimension.classes, strict=True)
        ]
    return Question(
        dimension.id, dimension.multi, tuple(c.id for c in dimension.classes), tuple(texts),
        dimension.question, _asked(dimension, book),
    )  # fmt: skip


def _asked(dimension: Dimension | Derived, book: Codebook | None) -> str:
    """What identifies a question: of a derived one how it follows, and from what."""
    if isinstance(dimension, Dimension):
        return dimension.hash
    if book is None:
        return ""
    hashes = [d.hash for d in book.dimensions if d.id in dimension.sources]
    return repr((dimension.id, dimension.how, hashes))


def _followed(derived: Derived, name: str, book: Codebook) -> str:
    """The definitions of the answers from which a class follows."""
    asked = {d.id: d for d in book.dimensions}
    if isinstance(derived.how, Rule):
        return " ".join(
            c.definition for of in derived.how.of for c in asked[of].classes if c.id == name
        )
    into = dict(derived.how.into)
    return " ".join(c.definition for c in asked[derived.how.of].classes if into.get(c.id) == name)
