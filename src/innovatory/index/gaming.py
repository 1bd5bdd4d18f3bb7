"""What a unit wins by one indicator alone: where an index invites to polish numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from innovatory.index.aggregating import TIE, ranks
from innovatory.index.chain import Choices, Stages
from innovatory.index.climbing import climb

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

RELATIVE = frozenset({"benefit_of_the_doubt", "borda", "copeland"})
"""Ways to aggregate in which a unit's score depends on the others."""


def gains(stages: Stages, choices: Choices, *, step: float = 0.1) -> Counts:
    """The places (indicators, units) that a unit wins by a better value in one indicator.

    Better by `step` times the range of the indicator's normalised scores, at most to its best
    score; all other units and all other values stay as they are, and so do the weights. A unit
    without that indicator, or without a rank, wins none.

    With a tenth of the range the second of two close units overtakes; the third does not.

    >>> from innovatory.index.chain import run
    >>> from innovatory.index.framework import Table, read
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
    >>> table = Table(("u", "v", "w"), ("a", "b"), np.array([[9.0, 9], [8.8, 9.1], [0, 0]]))
    >>> gains(run(table, index), Choices()).tolist()
    [[0, 1, 0], [0, 0, 0]]
    """
    scores = stages.normalised
    best, worst = np.nanmax(scores, axis=0), np.nanmin(scores, axis=0)
    better = np.minimum(scores + step * (best - worst), best)
    units, indicators = scores.shape
    if _alone(choices):
        # Of run i only the column i is better, for all units at once: each score is read alone.
        shape = np.eye(indicators, dtype=np.bool_)[:, None, :]
        new = _index(np.where(shape, better, scores), stages, choices)
        new_places = _place(new, stages.index)
    else:
        new_places = np.empty((indicators, units), dtype=np.int64)
        for place in range(indicators):
            shape = np.eye(units, dtype=np.bool_)[:, :, None] & (np.arange(indicators) == place)
            runs = _index(np.where(shape, better, scores), stages, choices)
            new_places[place] = np.diag(ranks(runs))
    there = np.isfinite(scores.T) & (stages.places > 0)
    return np.where(there, np.maximum(stages.places - new_places, 0), 0).astype(np.int64)


def _alone(choices: Choices) -> bool:
    """Whether a unit's score, at given weights, depends on its own values only."""
    plan = choices.aggregate
    steps = (plan.default, *plan.levels.values(), *plan.items.values())
    return not any(step.method in RELATIVE for step in steps)


def _index(scores: Array, stages: Stages, choices: Choices) -> Array:
    """The top's scores (runs, units) of normalised tables (runs, units, indicators)."""

    def weigh(code: str, _: Array) -> Array:
        return stages.weights[code]

    climbed = climb(
        scores,
        stages.framework,
        weigh=weigh,
        aggregate=choices.aggregate,
        coverage=choices.coverage,
        units=stages.units,
    )
    return climbed[-1][..., 0]


def _place(new: Array, index: Array) -> Counts:
    """The rank (..., units) of each new score among the old ones of the other units."""
    ranked = index[np.isfinite(index)]
    margin = TIE * np.abs(ranked).max(initial=0.0)
    # A unit's own old score is not above its new one: better is never worse.
    places: Counts = 1 + (ranked > new[..., None] + margin).sum(-1)
    return places
