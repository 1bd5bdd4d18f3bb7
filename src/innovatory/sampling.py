"""Draws: which records go to coders, each with the probability that it would.

A record's place in a draw comes from a number between 0 and 1 that is the SHA-256 of the seed, the
draw's id and its own id (permanent random numbers: Ohlsson 1995). So a draw is the same on every
machine and in every year, whatever the order of the frame, and anyone can check it.

The frame of a draw is every record it could have taken; records drawn before are in it with the
probability they would have had, since the probability of being in any of several draws is

    1 - (1 - p_1 r_1) (1 - p_2 r_2) ...

with r the part of each draw that was coded.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from innovatory.errors import ObservatoryError
from innovatory.records import Draw

Array = npt.NDArray[np.float64]


def simple_random(
    frame: Collection[str], n: int, *, id: str, seed: int, drawn: Collection[str] = ()
) -> Draw:
    """A draw of n records of the frame, each of them as likely as any other.

    `drawn` were drawn before and cannot be drawn again; they get the probability of the others.

    Raises ObservatoryError where fewer than n are left.

    >>> draw = simple_random(["a", "b", "c", "d"], 1, id="first", seed=1, drawn=["d"])
    >>> sorted(draw.members.values()), len(draw.frame), draw.frame["d"] == 1 / 3
    ([0.3333333333333333], 3, True)
    """
    left = _left(frame, drawn, n)
    taken = _shuffled(left, seed, id)[:n]
    return _draw("simple_random", id, seed, dict.fromkeys(frame, n / len(left)), taken)


def stratified(
    frame: Mapping[str, str],
    n: int | Mapping[str, int],
    *,
    id: str,
    seed: int,
    drawn: Collection[str] = (),
) -> Draw:
    """A draw of n records from strata, in proportion to their size and at least one from each.

    `frame` gives each record's stratum. n may also be the number for each stratum (as the planner
    gives it); a stratum it does not name is not drawn from. A stratum with nothing left is passed
    over; its records would have been drawn had they not been before (probability 1).

    Raises ObservatoryError where a stratum has fewer left than are asked of it, or n is smaller
    than the number of strata.

    >>> frame = {"a": "x", "b": "x", "c": "x", "d": "x", "e": "y"}
    >>> draw = stratified(frame, 3, id="first", seed=1)
    >>> sorted(draw.members.values()), sorted(draw.frame.values())
    ([0.5, 0.5, 1.0], [0.5, 0.5])
    """
    left: dict[str, list[str]] = {stratum: [] for stratum in sorted(set(frame.values()))}
    for record in _left(frame, drawn, n if isinstance(n, int) else sum(n.values())):
        left[frame[record]].append(record)
    wanted = _proportional({s: len(r) for s, r in left.items()}, n) if isinstance(n, int) else n
    for stratum, number in wanted.items():
        if not 0 <= number <= len(left.get(stratum, ())):
            raise ObservatoryError(
                f"draw {id}: {number} records are asked of stratum {stratum!r}, which has "
                f"{len(left.get(stratum, ()))} left: ask for no more than those"
            )
    chances, taken = {}, []
    for stratum, records in left.items():
        number = wanted.get(stratum, 0)
        taken += _shuffled(records, seed, id)[:number]
        chances[stratum] = number / len(records) if records else 1.0
    probability = {record: chances[stratum] for record, stratum in frame.items()}
    return _draw("stratified", id, seed, {r: p for r, p in probability.items() if p}, taken)


def uncertainty(
    frame: Mapping[str, float],
    n: int,
    *,
    id: str,
    seed: int,
    drawn: Collection[str] = (),
    random_share: float = 0.5,
) -> Draw:
    """A draw of n records that takes the doubtful ones more often, and says how much more often.

    `frame` gives each record's score (see `scores`). A record's probability is its equal part of
    `random_share` * n plus a part of the rest in proportion to its score, at most 1, what is above
    1 going to the others. Records are taken by systematic sampling in random order, which gives
    exactly these probabilities and exactly n records (Madow 1949; Hartley and Rao 1962).

    Raises ObservatoryError where fewer than n are left, a score is not a number of 0 or more, or
    less than half the draw is random: shares would rest on the doubtful records alone.

    >>> draw = uncertainty({"a": 3.0, "b": 1.0, "c": 0.0, "d": 0.0}, 2, id="first", seed=1)
    >>> chances = draw.members | draw.frame
    >>> [chances[record] for record in "abcd"]
    [1.0, 0.5, 0.25, 0.25]
    """
    if not 0.5 <= random_share <= 1:
        raise ObservatoryError(
            f"draw {id}: a random part of {random_share} is too small or none: give 0.5 to 1"
        )
    bad = next((r for r, s in sorted(frame.items()) if not (s >= 0 and math.isfinite(s))), None)
    if bad is not None:
        raise ObservatoryError(
            f"draw {id}: the score of record {bad} is {frame[bad]}: give a number of 0 or more"
        )
    left = _shuffled(_left(frame, drawn, n), seed, id)
    scores = np.array([frame[record] for record in left])
    equal, slope = _chances(scores, n, random_share)
    passed = np.cumsum(np.minimum(1, equal + slope * scores))
    points = np.arange(n) + _number(seed, id, "")
    # Rounding may leave the sum a hair short of n; the last point still belongs to the last record.
    taken = np.searchsorted(passed * (n / passed[-1]), points, side="right")
    members = [left[k] for k in np.minimum(taken, len(left) - 1)]
    probability = {r: float(min(1, equal + slope * score)) for r, score in frame.items()}
    return _draw("uncertainty", id, seed, probability, members)


def scores(probabilities: Sequence[Array]) -> Array:
    """How doubtful each of N records is: sqrt(p (1 - p)) over classes and dimensions, (N,).

    `probabilities` has an (N, classes) array of calibrated probabilities for each dimension. Each
    class counts by its doubt relative to its mean doubt over all records, so that the few records
    which may belong to a rare class weigh as much together as the many of a common one.

    >>> doubt = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    >>> scores([doubt]).round(3).tolist()
    [1.414, 0.0, 0.0, 1.414]
    """
    found: Array = np.zeros(len(probabilities[0]) if probabilities else 0)
    for dimension in probabilities:
        doubt = dimension * (1 - dimension)
        # A class that nothing points to is no rarer than one record in the frame.
        usual = np.maximum(doubt.mean(0), 1 / max(1, len(doubt)))
        found = found + np.sqrt((doubt / usual).sum(1))
    return found


def second(members: Collection[str], share: float, *, id: str, seed: int) -> tuple[str, ...]:
    """The members of a draw that go to a second coder as well: a random part, rounded up.

    Keep the share the same in every draw: estimates take the part with two coders for a random
    part of all that were coded.

    Raises ObservatoryError where the share is not between 0 and 1.

    >>> len(second(["a", "b", "c", "d", "e"], 0.2, id="first", seed=1))
    1
    """
    if not 0 <= share <= 1:
        raise ObservatoryError(
            f"draw {id}: a part of {share} cannot go to a second coder: give 0 to 1"
        )
    number = math.ceil(share * len(members) - 1e-9)
    return tuple(sorted(_shuffled(members, seed, f"{id}\nsecond")[:number]))


def inclusion(draws: Sequence[Mapping[str, float]], coded: Sequence[float]) -> dict[str, float]:
    """The probability of each record to have been coded in any of several draws.

    `draws` has each draw's probabilities, members and frame together; `coded` for each the part of
    its members that was coded. A record that a draw could not have taken is not in it.

    >>> inclusion([{"a": 0.5, "b": 0.5}, {"a": 0.5, "c": 0.5}], [1.0, 0.5])
    {'a': 0.625, 'b': 0.5, 'c': 0.25}
    """
    missed: dict[str, float] = {}
    for draw, part in zip(draws, coded, strict=True):
        for record, probability in draw.items():
            missed[record] = missed.get(record, 1.0) * (1 - probability * part)
    return {record: 1 - chance for record, chance in sorted(missed.items())}


def _number(seed: int, id: str, record: str) -> float:
    """A record's permanent random number in [0, 1)."""
    digest = hashlib.sha256(f"{seed}\n{id}\n{record}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def _shuffled(records: Iterable[str], seed: int, id: str) -> list[str]:
    return sorted(records, key=lambda record: (_number(seed, id, record), record))


def _left(frame: Collection[str], drawn: Collection[str], n: int) -> list[str]:
    """The records of the frame that were not drawn before; at least n of them, and n above 0."""
    left = sorted(set(frame) - set(drawn))
    if not 0 < n <= len(left):
        raise ObservatoryError(
            f"a draw of {n} from {len(left)} records that were not drawn before is impossible: "
            f"ask for 1 to {len(left)}"
            if left
            else "every record was drawn before: there is nothing left to draw; "
            "collect more records, or draw some again to be coded by somebody else"
        )
    return left


def _draw(
    design: str, id: str, seed: int, probability: Mapping[str, float], taken: Sequence[str]
) -> Draw:
    """The draw as a fact; members stay in random order, so that a part coded is a random part."""
    ids = sorted(probability)
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    members = {record: probability[record] for record in _shuffled(taken, seed, id)}
    frame = {record: probability[record] for record in ids if record not in members}
    note = f"frame of {len(ids)} records, SHA-256 of their sorted ids {digest}"
    return Draw(id, design, seed, note, members, frame)


def _proportional(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    """n places for strata by Webster's method, at least one and at most its size for each."""
    given = {stratum: 1 for stratum, size in sizes.items() if size}
    if n < len(given):
        raise ObservatoryError(
            f"{n} records cannot hold one of each of {len(given)} strata: ask for {len(given)} or "
            "more, or use fewer strata"
        )
    queue = [(-size / 3, stratum) for stratum, size in sizes.items() if size > 1]
    heapq.heapify(queue)
    for _ in range(n - len(given)):
        _, stratum = heapq.heappop(queue)
        given[stratum] += 1
        if given[stratum] < sizes[stratum]:
            heapq.heappush(queue, (-sizes[stratum] / (2 * given[stratum] + 1), stratum))
    return given


def _chances(scores: Array, n: int, random_share: float) -> tuple[float, float]:
    """The a and b of min(1, a + b * score) for which the probabilities sum to n.

    a is `random_share` * n / N, unless so few have a score above 0 that the others must have more.
    """
    equal = random_share * n / len(scores)
    positive = np.sort(scores[scores > 0])[::-1]
    others = len(scores) - positive.size
    if others and positive.size + equal * others <= n:
        return (n - positive.size) / others, (1 / positive[-1] if positive.size else 0.0)
    # With the k highest at 1, the others share what is left; take the first k that fits.
    above = np.arange(positive.size)
    rest = np.cumsum(positive[::-1])[::-1]
    slope = (n - above - equal * (len(scores) - above)) / rest
    fits = equal + slope * positive <= 1 + 1e-12
    return equal, float(slope[int(np.argmax(fits))])
