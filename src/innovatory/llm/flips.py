"""Whether a model answers the question or the order of the classes: the shuffle test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from innovatory.codebook import Codebook
from innovatory.llm.archive import Archive
from innovatory.llm.budget import Budget, Meter
from innovatory.llm.coding import Run, Watch, coder, rejects
from innovatory.llm.endpoint import Endpoint
from innovatory.llm.prompt import prompt
from innovatory.records import Record, Reject


@dataclass(frozen=True, slots=True)
class FlipRate:
    """How often answers to a dimension changed when its classes were named in another order.

    >>> FlipRate("sector", 20, 3).share
    0.15
    """

    dimension: str
    compared: int
    changed: int

    @property
    def share(self) -> float | None:
        """Changed answers among those compared; None where there were none."""
        return self.changed / self.compared if self.compared else None


@dataclass(frozen=True, slots=True)
class Flips:
    """The flip rate of each dimension, and what kept records from being compared."""

    rates: tuple[FlipRate, ...]
    rejects: tuple[Reject, ...]


def flip_rate(
    records: Sequence[Record],
    book: Codebook,
    endpoint: Endpoint,
    archive: Archive,
    *,
    dimensions: Sequence[str] = (),
    order: int = 1,
    replay: bool = False,
    budget: Budget | None = None,
    progress: Watch | None = None,
) -> Flips:
    """Ask about the same records with the classes in the codebook's order and in another one.

    A record is compared on a dimension that was answered legally both times; 'cannot tell' is an
    answer like the others. `order` is any whole number but 0. Answers come from and go to the
    archive as in `code`, whose errors are raised here too.
    """
    meter = Meter(budget or Budget())
    who = coder(endpoint)
    given: list[dict[tuple[str, str], tuple[str, ...]]] = []
    set_aside: list[Reject] = []
    for wanted in (0, order):
        asked = prompt(book, dimensions, order=wanted)
        run = Run(asked, endpoint, archive, meter, replay, progress)
        answers: dict[tuple[str, str], tuple[str, ...]] = {}
        for outcome in run.outcomes(records):
            answers |= {
                (outcome.record.id, d): answer.value for d, answer in outcome.read.answers.items()
            }
            set_aside += rejects(outcome, who.id)
        set_aside += run.notices(who.id)
        given.append(answers)
    first, second = given
    both = sorted(first.keys() & second.keys())
    rates = [
        FlipRate(
            d.id,
            sum(name == d.id for _, name in both),
            sum(name == d.id and first[of, name] != second[of, name] for of, name in both),
        )
        for d in asked.dimensions
    ]
    return Flips(tuple(rates), tuple(set_aside))
