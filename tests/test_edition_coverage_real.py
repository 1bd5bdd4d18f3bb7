"""Do the intervals of editions hold on real records? Three draws from the starter corpus.

The full table is in docs/estimates.md (`python -m benchmarks.real_coverage`).
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sources_data import ROOT

sys.path.append(str(ROOT))

from benchmarks import real_coverage
from benchmarks.real_coverage import INNOVATIVE, LOOKED_AT, Tally

DRAWS, SIZE = 3, 150


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    """What came out of a few draws, with one coder and with a fifth coded twice."""
    world = real_coverage.corpus(tmp_path_factory.mktemp("real") / "starter")
    return real_coverage.measure(world, draws=DRAWS, size=SIZE, seed=1)


def of(tally: Tally, how: str, what: str) -> tuple[list[bool], list[float]]:
    """Whether each interval held, and the widths, of common and rare cells together."""
    keys = [(how, what, size) for size in ("common", "rare")]
    held = [one for key in keys for one in tally.held[key]]
    return held, [one for key in keys for one in tally.width[key]]


@pytest.mark.parametrize("what", LOOKED_AT)
@pytest.mark.parametrize("how", ["one coder", "a fifth coded twice"])
def test_intervals_hold_what_coding_everything_gives(tally: Tally, how: str, what: str) -> None:
    """In 85 of 100 at least: cells of one draw hang together, so a bad draw shows in many."""
    held, width = of(tally, how, what)
    assert len(held) >= 3 * DRAWS and np.mean(held) >= 0.85
    assert all(0 <= w <= 1.0001 for w in width)


def test_the_machine_narrows_what_people_alone_would_tell(tally: Tally) -> None:
    """By a third or more where a question has one answer, on the same cells and draws."""
    _, helped = of(tally, "one coder", "one answer a record")
    _, alone = of(tally, "one coder, labels alone", "one answer a record")
    assert len(helped) == len(alone) and np.mean(helped) < 2 / 3 * np.mean(alone)


def test_disputes_widen_and_never_narrow(tally: Tally) -> None:
    """What a second coder shows is added to the error of the sample."""
    for what in ("one answer a record", INNOVATIVE):
        _, once = of(tally, "one coder", what)
        _, twice = of(tally, "a fifth coded twice", what)
        assert np.mean(twice) > np.mean(once)


def test_pooling_narrows_the_shares_of_cities(tally: Tally) -> None:
    """A city's pooled interval is narrower than its own, where it has one."""
    _, own = of(tally, "one coder", "innovative, city by city")
    _, pooled = of(tally, "one coder", "innovative, city by city, pooled")
    assert np.mean(pooled) < np.mean(own)
