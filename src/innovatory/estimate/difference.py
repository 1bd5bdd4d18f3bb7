"""Totals and shares from a machine's expectation, put right by the records that people coded.

Let f be what the machine expects of a record, y what its coders say, p the probability with which
the record was sent to coders, and w = 1 / p. The total over all N records is estimated by

    T = sum over all of f  +  sum over the sample of w (y - f)

the difference estimator (Särndal, Swensson and Wretman 1992, ch. 6; with cross-fitted f, and the
coefficient of the machine fixed at 1, it is prediction-powered inference: Angelopoulos et al.
2023, Zrnic and Candès 2024). It is right on average however bad the machine is; a bad machine only
widens the interval. f must come from models that did not see the record (cross-fitting).

The variance is that of a fixed-size draw (Hájek; Deville 1999) with two pseudo-residuals of size
r, so that a class or a city in which no machine error has shown yet does not look certain:

    V = n/(n+1) (sum (1-p) (w e - A)^2 + 2 r^2 mean (1-p) w^2),   A = sum (1-p) w e / sum (1-p)

which for a simple random sample without them is N^2 (1 - n/N) s^2 / n. Without a machine r = 1.
With one, r^2 = n_d / 2n + (what the machine itself doubts in the domain, times how much more it
errs than it doubts in the cells estimated together), at most 1, where n_d of the n coded records
are in the domain: docs/estimates.md has the measurements behind this. A record with p = 1 stands
for itself alone and adds nothing; where everything is coded nothing is left to sampling.

Where coders differ no sample size decides who is right. low and high are then the values under
the settlements most and least against the class; they are seen on records with two coders or more,
a random part pi of the sample, and carried to the others by y + (z / pi) (low - y), z = 1 where
there were two. The interval covers the settled truth wherever between those ends it may lie
(Imbens and Manski 2004; the ends keep their order, so Stoye's 2009 condition holds).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from innovatory.errors import ObservatoryError

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Below so many labels the sampling distribution is unknown: such a figure is the machine's.
FEWEST_LABELS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The n records that were coded, and how each came to be.

    `probability` (n,) is the inclusion probability, in (0, 1]; 1 is certainty. `doubled` (n,)
    marks those with two or more reference coders; these must be a random part of the sample. Where
    they are not, or where only the disputes seen are to count, give all True.

    Raises ObservatoryError where a probability is not in (0, 1] or the two differ in length.
    """

    probability: Array
    doubled: Flags

    def __post_init__(self) -> None:
        if self.probability.ndim != 1 or self.doubled.shape != self.probability.shape:
            raise ObservatoryError(
                f"a sample has one probability and one mark a record, not {self.probability.shape} "
                f"and {self.doubled.shape}: give two vectors of the same length"
            )
        bad = np.flatnonzero(~((self.probability > 0) & (self.probability <= 1)))
        if bad.size:
            raise ObservatoryError(
                f"record {bad[0]} of the sample has the inclusion probability "
                f"{self.probability[bad[0]]}: a coded record's is above 0 and at most 1; check "
                "the draws it came in"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One measured quantity in m cells.

    `total` (m,) is the machine's expectation summed over all N records; `predicted` (n, m) its
    cross-fitted expectation of the sampled ones; `mean` (n, m) the share of the record's coders
    who count it in the cell; `low` and `high` (n, m) what it counts when every dispute is settled
    against the cell, and for it. Without a machine `total` and `predicted` are zero.

    As the bottom of a share, `low` and `high` are what the record counts in the bottom while the
    *share* is smallest and largest: settled against, a disputed record may still be in the bottom.
    """

    total: Array
    mean: Array
    low: Array
    high: Array
    predicted: Array

    def __post_init__(self) -> None:
        shape = self.mean.shape
        rest = (self.low.shape, self.high.shape, self.predicted.shape)
        if len(shape) != 2 or set(rest) != {shape} or self.total.shape != shape[1:]:
            raise ObservatoryError(
                f"the parts of an estimate do not fit: total {self.total.shape}, mean {shape}, "
                f"low, high and predicted {rest}; give total one value a cell and the others one "
                "row a record and one column a cell"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """Which records can count in each cell, known beforehand (those of a city, the projects).

    `within` (n, m) is the most that a sampled record can count in the cell: 1, its fraction, or 0
    outside; `size` (m,) the same summed over all N records.
    """

    size: Array
    within: Array


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What is known of m totals or shares; every field has one value a cell.

    `labels` is the effective number of coded records in the cell's domain that stand for others
    (all of them where there are no others). Where `audited` is false there are too few: `value` is
    the machine's, put right only on the records that were coded, and low, high and standard_error
    are NaN. `clipped` marks values or ends that were moved to what is possible.
    """

    value: Array
    low: Array
    high: Array
    standard_error: Array
    labels: Array
    audited: Flags
    clipped: Flags


def total(
    part: Part, sample: Sample, *, domain: Domain | None = None, confidence: float = 0.95
) -> Estimate:
    """How many of all records count in each cell.

    Without a domain a sampled record is in it where an entry of the cell is not zero, and the
    total has no upper limit. A domain all of whose records are coded is summed as it is.

    Raises ObservatoryError where the shapes do not fit or the confidence is not between 0 and 1.

    Six records of twelve, drawn at random, without a machine; two of the six count, so about four
    of the twelve do. With all twelve coded, one of them disputed, the count is between 2 and 3.

    >>> said = np.array([[1.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
    >>> part = Part(np.zeros(1), said, said, said, np.zeros((6, 1)))
    >>> half = Sample(np.full(6, 0.5), np.ones(6, bool))
    >>> found = total(part, half, domain=Domain(np.array([12.0]), np.ones((6, 1))))
    >>> float(found.value[0]), round(float(found.standard_error[0]), 3)
    (4.0, 2.39)
    >>> mean = np.array([[1.0], [1.0], [0.5], *[[0.0]] * 9])
    >>> part = Part(np.zeros(1), mean, np.floor(mean), np.ceil(mean), np.zeros((12, 1)))
    >>> found = total(part, Sample(np.ones(12), np.ones(12, bool)))
    >>> float(found.low[0]), float(found.value[0]), float(found.high[0])
    (2.0, 2.5, 3.0)
    """
    frame = _frame(sample, domain or _touched(part))
    line = _Line(part.low, part.mean, part.high, part.predicted)
    values = [part.total + (frame.weight * line.residual(end, frame)).sum(0) for end in _ENDS]
    guard = _guard(part, frame)
    errors = [_standard_error(line, end, frame, guard) for end in _ENDS]
    within = frame.domain.within
    # What a single coder said settles nothing where others show that coders differ.
    sure = (frame.doubled[:, None] > 0) | (frame.carry == 0)
    least, most = (sure * part.low).sum(0), (sure * (within - part.high)).sum(0)
    limits = (least, frame.domain.size - most)
    model = part.total + (part.mean - part.predicted).sum(0)
    labels = _effective(within != 0, frame)
    return _estimate(values, errors, frame, labels, model, limits, confidence)


def share(
    top: Part,
    bottom: Part,
    sample: Sample,
    *,
    domain: Domain | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """What share of the bottom the top is, in each cell: both estimated, then divided.

    The variance is that of the residuals of (top - share * bottom) / bottom. `labels` counts the
    coded records by how far their coders put them into the bottom.

    Raises ObservatoryError as `total` does.

    Everything coded: one record is in the class, one is out of it, and of a third its coders say
    both; settled either way it stays in the bottom, so the share is between a third and two.

    >>> mean = np.array([[1.0], [0.0], [0.5]])
    >>> top = Part(np.zeros(1), mean, np.floor(mean), np.ceil(mean), np.zeros((3, 1)))
    >>> one = np.ones((3, 1))
    >>> bottom = Part(np.zeros(1), one, one, one, 0 * one)
    >>> found = share(top, bottom, Sample(np.ones(3), np.ones(3, bool)))
    >>> [round(float(x[0]), 3) for x in (found.low, found.value, found.high)]
    [0.333, 0.5, 0.667]
    """
    frame = _frame(sample, domain or _touched(top, bottom))
    above = _Line(top.low, top.mean, top.high, top.predicted)
    below = _Line(bottom.low, bottom.mean, bottom.high, bottom.predicted)
    guard = _guard(top, frame)
    # However little the machine's residuals leave, what was coded into the bottom is there.
    least = np.minimum(np.minimum(bottom.low, bottom.mean), bottom.high).sum(0)
    values, errors = [], []
    for end in _ENDS:
        base = bottom.total + (frame.weight * below.residual(end, frame)).sum(0)
        base = np.maximum(base, least)
        ratio = _divided(top.total + (frame.weight * above.residual(end, frame)).sum(0), base)
        line = above.minus(below, np.clip(ratio, 0, 1))
        values.append(ratio)
        errors.append(_divided(_standard_error(line, end, frame, guard), base))
    model = _divided(
        top.total + (top.mean - top.predicted).sum(0),
        bottom.total + (bottom.mean - bottom.predicted).sum(0),
    )
    labels = _effective(bottom.mean, frame)
    limits = (np.zeros(model.shape), np.ones(model.shape))
    return _estimate(values, errors, frame, labels, model, limits, confidence)


_ENDS = ("low", "mean", "high")


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """A sample as the cells see it; everything but `doubled` and `complete` is (n, m).

    `weight` is 1 / p and `chance` is 1 - p, except in complete cells, where each record stands
    for itself; `carry` (m,) is 1 / pi, the weight of what two coders show (0 where none did).
    """

    domain: Domain
    weight: Array
    chance: Array
    doubled: Array
    carry: Array
    complete: Flags


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A linear combination of parts, by record and cell."""

    low: Array
    mean: Array
    high: Array
    predicted: Array

    def minus(self, other: _Line, factor: Array) -> _Line:
        return _Line(
            self.low - factor * other.low,
            self.mean - factor * other.mean,
            self.high - factor * other.high,
            self.predicted - factor * other.predicted,
        )

    def dispute(self, end: str) -> Array:
        """How far a settlement moves each record from what its coders say on average."""
        settled: Array = {"low": self.low, "mean": self.mean, "high": self.high}[end]
        moved: Array = settled - self.mean
        return moved

    def residual(self, end: str, frame: _Frame) -> Array:
        """What coders say less what the machine expects, disputes carried to all records."""
        shown = frame.doubled[:, None] * frame.carry
        return self.mean + shown * self.dispute(end) - self.predicted


def _touched(*parts: Part) -> Domain:
    shape = parts[0].mean.shape
    within = np.zeros(shape, dtype=bool)
    for part in parts:
        within |= (part.high != 0) | (part.low != 0) | (part.mean != 0) | (part.predicted != 0)
    return Domain(np.full(shape[1], np.inf), within.astype(np.float64))


def _frame(sample: Sample, domain: Domain) -> _Frame:
    within = domain.within
    if within.shape != (sample.probability.size, domain.size.size):
        raise ObservatoryError(
            f"a sample of {sample.probability.size} records and {domain.size.size} cells do not "
            f"fit a domain or part of {within.shape}: give one row a record, one column a cell"
        )
    # A sum of fractions is known to nine decimals or so.
    complete = (within.sum(0) >= domain.size - 1e-6) | bool((sample.probability == 1).all())
    if not sample.probability.size:
        complete = domain.size == 0
    weight = np.where(complete, 1.0, 1 / sample.probability[:, None])
    chance = np.where(complete, 0.0, 1 - sample.probability[:, None])
    doubled = sample.doubled.astype(np.float64)
    carry = _divided(weight.sum(0), (weight * doubled[:, None]).sum(0))
    return _Frame(domain, weight, chance, doubled, np.nan_to_num(carry), complete)


def _divided(top: Array, bottom: Array) -> Array:
    """Quotients, NaN where the bottom is not above zero."""
    empty: Array = np.full(bottom.shape, np.nan)
    return np.divide(top, bottom, out=empty, where=bottom > 0)


def _effective(member: Array | Flags, frame: _Frame) -> Array:
    """Kish's effective number of records: the plain number where the weights are equal.

    Records that are certain to be coded say nothing of the others, and are left out of it unless
    there are no others.
    """
    weights = frame.weight * member * (frame.complete | (frame.chance > 0))
    return np.nan_to_num(_divided(weights.sum(0) ** 2, (weights**2).sum(0)))


def _standard_error(line: _Line, end: str, frame: _Frame, guard: Array) -> Array:
    """The standard error (m,) of the weighted sum of a line's residuals, settled at one end."""
    drawn = np.count_nonzero(frame.chance, axis=0)
    scaled = frame.weight * line.residual(end, frame)
    centre = _divided((frame.chance * scaled).sum(0), frame.chance.sum(0))
    spread = (frame.chance * (scaled - np.nan_to_num(centre)) ** 2).sum(0)
    variance = drawn / (drawn + 1) * (spread + guard) + _doubling(line, end, frame)
    error: Array = np.sqrt(variance)
    return error


def _guard(part: Part, frame: _Frame) -> Array:
    """The squares (m,) of two pseudo-residuals, as the module's docstring says."""
    unit = frame.chance * frame.weight**2
    within = frame.domain.within
    drawn = np.count_nonzero(frame.chance, axis=0)
    inside = np.count_nonzero(frame.chance * within, axis=0)
    whole = np.nan_to_num(_divided((unit * within**2).sum(0), inside))
    doubt = np.maximum(part.predicted * (within - part.predicted), 0)
    wrong = (unit * (part.mean - part.predicted) ** 2).sum()
    doubted = (unit * doubt).sum(0)
    likely = _divided(doubted, inside) * wrong / (doubted.sum() or 1.0)
    likely = np.where(doubted > 0, likely, np.inf)
    floor = whole * inside / (2 * np.maximum(drawn, 1))
    guard: Array = 2 * np.minimum(whole, floor + likely)
    return guard


def _doubling(line: _Line, end: str, frame: _Frame) -> Array:
    """What variance it adds that only a part of the records had two coders, and which coder.

    The draw's own variance holds (1 - p) of it, since single answers and carried disputes vary
    within the sample; the rest is estimated here from the records with two coders and two
    pseudo-disputes. The variance of one coder's answer is at most (mean - low)(high - mean)
    (Bhatia and Davis 2000).
    """
    twice = frame.doubled[:, None] * frame.weight
    coder = np.maximum(-line.dispute("low") * line.dispute("high"), 0)
    moved = line.dispute(end) ** 2
    inside = frame.weight * frame.domain.within**2
    pseudo = np.nan_to_num(_divided(inside.sum(0), np.count_nonzero(inside, axis=0))) / 4
    carried = 0.0 if end == "mean" else frame.carry
    seen = (twice * (frame.carry * moved + coder)).sum(0) + 2 * pseudo * (carried + 1)
    added: Array = np.maximum(frame.carry - 1, 0) * seen
    return added


def _estimate(
    values: list[Array],
    errors: list[Array],
    frame: _Frame,
    labels: Array,
    model: Array,
    limits: tuple[Array, Array],
    confidence: float,
) -> Estimate:
    """The interval around three values (low, mean, high), within its limits, where it may stand."""
    if not 0 < confidence < 1:
        raise ObservatoryError(f"a confidence of {confidence} is none: give one between 0 and 1")
    audited = (frame.complete | (labels >= FEWEST_LABELS)) & np.isfinite(values[1])
    factor = _factor(values[2] - values[0], np.maximum(errors[0], errors[2]), labels, confidence)
    raw = np.stack([values[0] - factor * errors[0], values[1], values[2] + factor * errors[2]])
    raw = np.where(audited, raw, np.array([[np.nan], [1.0], [np.nan]]) * model)
    kept = np.clip(raw, *limits)
    clipped = ((raw != kept) & np.isfinite(raw)).any(0)
    error = np.where(audited, errors[1], np.nan)
    return Estimate(kept[1], kept[0], kept[2], error, labels, audited, clipped)


def _factor(width: Array, error: Array, labels: Array, confidence: float) -> Array:
    """How many standard errors each end lies out: Imbens and Manski's c, on Student's t.

    It solves F(c + width / error) - F(-c) = confidence: with no width the two-sided quantile, with
    much of it the one-sided one.
    """
    freedom = np.maximum(labels - 1, 1)
    least, most = (stdtrit(freedom, level) for level in (confidence, (1 + confidence) / 2))
    apart = np.divide(width, error, out=np.zeros(width.shape), where=error > 0)
    for _ in range(50):
        middle = (least + most) / 2
        enough = stdtr(freedom, middle + apart) - stdtr(freedom, -middle) >= confidence
        least, most = np.where(enough, least, middle), np.where(enough, middle, most)
    factor: Array = most
    return factor
