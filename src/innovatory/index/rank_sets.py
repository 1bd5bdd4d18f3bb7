"""What estimates with errors can say of ranks: confidence sets that hold for all units at once.

After Mogstad, Romano, Shaikh and Wilhelm (2024), "Inference for Ranks". Whether one unit is truly
above another is tested for every pair, all tests together wrong with a chance of at most 1 -
confidence. A unit's rank is then between 1 + the units found above it and the number of units less
those found below it. The usual interval of each unit's own rank promises far less: over many
units some are bound to fail.

The tests step down (Romano and Wolf 2005): what was found is taken out and the critical value,
a quantile of the largest deviation among the pairs that are left, falls. What follows from two
findings (a above b, b above c) is found too: if both are true so is that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError

Array = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RankSets:
    """From the best to the worst rank (units,) of each unit, and which pairs are told apart.

    `above` (units, units) says whether the first is found to be above the second. With a chance of
    at least `confidence` every rank is within its bounds and every finding true, all at once;
    where `simultaneous` is False, each unit's by itself. A unit without an estimate has rank 0.
    """

    low: Counts
    high: Counts
    above: Booleans
    confidence: float
    simultaneous: bool


def rank_sets(
    estimates: Array,
    errors: Array,
    *,
    seed: int,
    confidence: float = 0.95,
    simultaneous: bool = True,
    draws: int = 4000,
) -> RankSets:
    """Confidence sets for the ranks of all units, rank 1 the largest true value.

    `estimates` (units,), NaN for a unit that has none; `errors` are their standard errors (units,)
    where they are independent, or their covariance (units, units), or deviations of a bootstrap
    (repeats, units), recognised by their number of rows: as many as units is a covariance. Errors
    of the first two kinds are taken to be normal, and `draws` of them give the critical values.

    With `simultaneous` False only the pairs with the unit itself share the chance of error, for
    somebody who asks about one unit chosen beforehand.

    Raises MethodError where the shapes do not fit, an error is negative or missing, a covariance
    is not symmetric and positive, or confidence is no chance.

    Far apart against an error of 1, and not told apart within it:

    >>> found = rank_sets(np.array([50.0, 20.0, 19.5]), np.ones(3), seed=1)
    >>> found.low.tolist(), found.high.tolist()
    ([1, 2, 2], [1, 3, 3])
    """
    if not 0 < confidence < 1 or draws < 1:
        raise MethodError(
            f"a confidence of {confidence} from {draws} draws cannot be had: give a confidence "
            "between 0 and 1 and at least one draw"
        )
    ranked = np.flatnonzero(np.isfinite(estimates))
    noise, spread = _noise(estimates, errors, ranked, draws, seed)
    gaps = estimates[ranked][:, None] - estimates[ranked][None, :]
    # A difference without error is certain, however small it is.
    with np.errstate(divide="ignore", invalid="ignore"):
        strength = np.where(gaps == 0, 0.0, gaps / spread)
    if simultaneous:
        found = _stepped(strength, noise, spread, confidence)
        found = _implied(found)
        better, worse = found.sum(0), found.sum(1)
    else:
        sets = [_of_one(u, strength, noise, spread, confidence) for u in range(len(ranked))]
        found = np.array([found_above for found_above, _ in sets]).reshape(len(ranked), -1)
        better = np.array([found_below.sum() for _, found_below in sets], dtype=np.int64)
        worse = found.sum(1)
    low, high = (np.zeros(len(estimates), dtype=np.int64) for _ in range(2))
    low[ranked], high[ranked] = 1 + better, len(ranked) - worse
    above = np.zeros((len(estimates), len(estimates)), dtype=np.bool_)
    above[np.ix_(ranked, ranked)] = found
    return RankSets(low, high, above, confidence, simultaneous)


@dataclass(frozen=True, slots=True, eq=False)
class Tiers:
    """The tier (units,) of each unit, 1 the highest (0 for a unit without a rank).

    No two units of a tier are told apart, and no division into fewer tiers has that property
    (Mirsky 1971). Each unit below the first tier is told from at least one of the tier right above
    it. `clean` says of each border between tiers whether every unit above is told from every one
    below. With the chance of the rank sets all of these findings are true at once.
    """

    tier: Counts
    clean: tuple[bool, ...]


def tiers(sets: RankSets) -> Tiers:
    """The fewest tiers in which nobody is told apart from anybody in the same one.

    A unit's tier is 1 + the longest chain of units found above each other and above it. Raises
    MethodError for rank sets that hold for one unit each: tiers compare all of them.

    >>> found = tiers(rank_sets(np.array([50.0, 20.0, 19.5]), np.ones(3), seed=1))
    >>> found.tier.tolist(), found.clean
    ([1, 2, 2], (True,))
    """
    if not sets.simultaneous:
        raise MethodError(
            "tiers need rank sets that hold for all units at once: make them with simultaneous=True"
        )
    ranked = sets.low > 0
    tier = ranked.astype(np.int64)
    while True:
        below = np.where(sets.above, tier[:, None] + 1, 0).max(0, initial=0)
        if (below <= tier).all():
            break
        tier = np.maximum(tier, below)
    borders = range(1, int(tier.max(initial=0)))
    clean = tuple(
        bool(sets.above[np.ix_(ranked & (tier <= border), tier > border)].all())
        for border in borders
    )
    return Tiers(tier, clean)


def _noise(
    estimates: Array, errors: Array, ranked: Counts, draws: int, seed: int
) -> tuple[Array, Array]:
    """Deviations (draws, m) of the ranked units, and the error (m, m) of each difference."""
    units = len(estimates)
    if errors.shape[-1] != units or errors.ndim not in (1, 2) or estimates.ndim != 1:
        raise MethodError(
            f"errors of shape {errors.shape} do not fit {units} estimates: give one standard "
            "error for each, or their covariance, or bootstrap deviations (repeats, units)"
        )
    kept = errors[..., ranked]
    if not np.isfinite(kept[ranked] if kept.shape[0] == units and kept.ndim == 2 else kept).all():
        raise MethodError("an estimate has no error: give each estimate one, or make it missing")
    random = np.random.default_rng(seed)
    if errors.ndim == 1:
        if (kept < 0).any():
            unit = int(ranked[np.argmax(kept < 0)])
            raise MethodError(f"the standard error of unit {unit} is below zero: check its source")
        return random.standard_normal((draws, len(ranked))) * kept, np.hypot(kept[:, None], kept)
    if len(errors) == units:
        covariance = kept[ranked]
        return _normal(covariance, draws, random), _of_differences(covariance)
    noise = kept - kept.mean(0)
    return noise, _of_differences(np.atleast_2d(np.cov(noise, rowvar=False)))


def _normal(covariance: Array, draws: int, random: np.random.Generator) -> Array:
    """Normal deviations (draws, m) with a covariance that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    largest = np.abs(values).max(initial=0.0)
    asymmetric = np.abs(covariance - covariance.T).max(initial=0.0) > 1e-9 * largest
    if asymmetric or (values < -1e-9 * largest).any():
        raise MethodError(
            "the covariance of the estimates is not symmetric and positive: check its source"
        )
    deviations: Array = (
        random.standard_normal((draws, len(values)))
        @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    )
    return deviations


def _of_differences(covariance: Array) -> Array:
    """The standard error (m, m) of each difference of two estimates."""
    own = np.diag(covariance)
    squares: Array = own[:, None] + own[None, :] - 2 * covariance
    # What is left of equal numbers taken from each other is rounding.
    return np.sqrt(np.where(squares > 1e-14 * (own[:, None] + own[None, :]), squares, 0.0))


def _stepped(strength: Array, noise: Array, spread: Array, confidence: float) -> Booleans:
    """Which pairs (m, m) are found, the first above the second, over all pairs at once."""
    found = np.zeros(strength.shape, dtype=np.bool_)
    while True:
        left = ~found & (spread > 0)
        largest = _largest(left, noise, spread)
        more = (strength > _critical(largest, confidence)) & ~found
        if not more.any():
            return found
        found |= more


def _largest(left: Booleans, noise: Array, spread: Array) -> Array:
    """The largest deviation (draws,) of all pairs that are left, in the direction that is left."""
    largest = np.zeros(len(noise))
    for unit in range(len(left) - 1):
        one, other = left[unit, unit + 1 :], left[unit + 1 :, unit]
        # Most pairs are left both ways: their deviations are looked at once, without the sign.
        for pairs, signed in (
            (one & other, np.abs),
            (one & ~other, np.positive),
            (other & ~one, np.negative),
        ):
            others = unit + 1 + np.flatnonzero(pairs)
            if len(others):
                deviations = (noise[:, [unit]] - noise[:, others]) / spread[unit, others]
                np.maximum(largest, signed(deviations).max(1), out=largest)
    return largest


def _of_one(
    unit: int, strength: Array, noise: Array, spread: Array, confidence: float
) -> tuple[Booleans, Booleans]:
    """Which units (m,) are found below and above one unit, over its own pairs at once."""
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = (noise[:, [unit]] - noise) / spread[unit]
    deviations = np.where(spread[unit] > 0, deviations, 0.0)
    # Both directions of a pair are hypotheses of their own, as in the test of all pairs.
    both = np.concatenate([deviations, -deviations], axis=1)
    measured = np.concatenate([strength[unit], -strength[unit]])
    found = np.zeros(len(measured), dtype=np.bool_)
    while True:
        largest = both[:, ~found].max(1, initial=0.0)
        more = (measured > _critical(largest, confidence)) & ~found
        if not more.any():
            return found[: len(strength)], found[len(strength) :]
        found |= more


def _critical(largest: Array, confidence: float) -> float:
    """The quantile that keeps the promise with a finite number of draws: rounded upwards."""
    place = int(np.ceil(confidence * (len(largest) + 1)))
    return float(np.partition(largest, place - 1)[place - 1]) if place <= len(largest) else np.inf


def _implied(found: Booleans) -> Booleans:
    """The findings, and what follows from chains of them."""
    while True:
        wider: Booleans = found | (found.astype(np.float32) @ found.astype(np.float32) > 0)
        if (wider == found).all():
            return found
        found = wider
