"""Small tables of an index for property tests: whole numbers with ties, holes, skewed ones."""

from __future__ import annotations

import numpy as np
from hypothesis import settings, strategies
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUICK = settings(max_examples=50, deadline=None)
WHOLE = strategies.integers(-20, 20).map(float)
POSITIVE = strategies.integers(1, 50).map(float)


def tables(
    elements: strategies.SearchStrategy[float], units: int = 8
) -> strategies.SearchStrategy[Floats]:
    """Tables of a few units and indicators."""
    shape = strategies.tuples(strategies.integers(4, 8), strategies.integers(1, 4))
    return shape.flatmap(lambda size: arrays(np.float64, size, elements=elements))


HOLED = tables(strategies.one_of(WHOLE, WHOLE, WHOLE, strategies.just(np.nan)))


def random_table(*shape: int, missing: float = 0.0) -> Floats:
    """Skewed numbers above 0, some of them missing."""
    draws = np.random.default_rng(sum(shape))
    values = np.exp(draws.standard_normal(shape))
    values[draws.random(shape) < missing] = np.nan
    return values
