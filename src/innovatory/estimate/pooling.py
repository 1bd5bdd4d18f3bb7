"""Partial pooling: small domains borrow from the others, by how little they know themselves.

The area-level model of Fay and Herriot (1979) without covariates: the estimate of domain i is its
true value plus sampling error of known variance V_i, and the true values vary around a common mean
with variance A. Each pooled value is

    (1 - B_i) y_i + B_i m,   B_i = V_i / (V_i + A)

A is found by adjusted restricted likelihood, A times the REML likelihood (Li and Lahiri 2010;
Morris and Tang 2011), which is never zero: with plain REML or DerSimonian and Laird's moments
(1986) A is often 0 for few domains, and every domain would print the same number with almost no
doubt. The intervals add, to the doubt about a domain's own value, that about m and, through B_i,
that about A (Morris 1983; the role of Prasad and Rao's (1990) correction).

A pooled value leans on the other domains, so it is printed as such, never in place of the
domain's own estimate. Where the machine's expectation differs between domains, pool the estimates
less that expectation and add it back: then only the machine's error is taken to be alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import ndtri, stdtrit

from innovatory.errors import ObservatoryError

Array = npt.NDArray[np.float64]

# Around one common mean Morris (1983) needs more than three domains to say how they vary.
FEWEST_DOMAINS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Pooled values of m domains with intervals, each (m,).

    `own` is the weight of the domain's own estimate, 1 - B; `mean` the common mean and `between`
    the standard deviation of the true values around it.
    """

    value: Array
    low: Array
    high: Array
    own: Array
    mean: float
    between: float


def pool(
    values: Array, standard_errors: Array, *, labels: Array, confidence: float = 0.95
) -> Pooled | None:
    """The values (m,) of domains pooled by their standard errors (m,).

    A standard error that rests on few labels (m,) is itself in doubt; it is widened as Student's t
    is against the normal distribution.

    A domain without an estimate of its own (a value or standard error that is NaN) gets the
    common mean, with the doubt that has; one without error keeps its value. None where fewer than
    four domains have an estimate with an error: nothing can be learnt of how domains vary.

    Raises ObservatoryError where the shapes differ or a standard error is below zero.

    Four equally doubtful domains: each keeps the same weight, and the values move to their mean.

    >>> found = pool(np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, 0.1), labels=np.full(4, 50.0))
    >>> around = np.array([-0.15, -0.05, 0.05, 0.15])
    >>> round(found.mean, 6), bool(np.allclose(found.value, 0.25 + found.own * around))
    (0.25, True)
    """
    if not values.shape == standard_errors.shape == labels.shape or values.ndim != 1:
        raise ObservatoryError(
            f"{values.shape} values, {standard_errors.shape} standard errors and {labels.shape} "
            "labels cannot be pooled: give one of each a domain"
        )
    if (standard_errors < 0).any():
        raise ObservatoryError("a standard error is below zero: check the estimate it comes from")
    known = np.isfinite(values) & np.isfinite(standard_errors)
    if np.count_nonzero(known & (standard_errors > 0)) < FEWEST_DOMAINS:
        return None
    level = (1 + confidence) / 2
    wider = stdtrit(np.maximum(labels[known] - 1, 1), level) / ndtri(level)
    y, variance = values[known], (wider * standard_errors[known]) ** 2
    scale = float(np.median(variance[variance > 0]))
    between = _between(y / scale**0.5, variance / scale) * scale
    weight = 1 / (variance + between)
    middle = float((weight * y).sum() / weight.sum())
    value = np.full(values.shape, middle)
    own = np.zeros(values.shape)
    # A domain without an estimate: its own value varies by A around a mean that is itself in doubt.
    spread = np.full(values.shape, between + 1 / weight.sum())
    kept = between / (variance + between)
    own[known] = kept
    value[known] = kept * y + (1 - kept) * middle
    doubt = _doubt_of_weight(y, variance, between)
    spread[known] = variance * kept + (1 - kept) ** 2 / weight.sum() + doubt * (y - middle) ** 2
    reach = float(ndtri(level)) * np.sqrt(spread)
    return Pooled(value, value - reach, value + reach, own, middle, between**0.5)


def _log_likelihood(level: float, y: Array, variance: Array) -> float:
    """log(A L(A)) at log A = level, L the restricted likelihood."""
    total = variance + np.exp(level)
    weight = 1 / total
    middle = (weight * y).sum() / weight.sum()
    squares = (weight * (y - middle) ** 2).sum()
    return float(level - 0.5 * (np.log(total).sum() + np.log(weight.sum()) + squares))


def _between(y: Array, variance: Array) -> float:
    """A where A times the restricted likelihood is largest; the typical variance is 1."""
    most = np.log(np.var(y) + 1) + 5
    grid = np.linspace(-15.0, most, 80)
    at = int(np.argmax([_log_likelihood(level, y, variance) for level in grid]))
    found = minimize_scalar(
        lambda level: -_log_likelihood(level, y, variance),
        bounds=(grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]),
        method="bounded",
    )
    return float(np.exp(found.x))


def _doubt_of_weight(y: Array, variance: Array, between: float) -> Array:
    """The variance of each B_i, as that of a beta distribution (Morris and Tang 2011)."""
    level, step = float(np.log(between)), 1e-3
    around = [_log_likelihood(level + k * step, y, variance) for k in (-1, 0, 1)]
    information = max(-(around[0] - 2 * around[1] + around[2]) / step**2, 1e-9)
    shrunk = variance / (variance + between)
    product = shrunk * (1 - shrunk)
    doubt: Array = product**2 / (information + product)
    return doubt
