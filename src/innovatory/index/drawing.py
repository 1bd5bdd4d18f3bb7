"""Draws of missing values from their posterior distribution, under a Gaussian copula.

Each indicator is put through its normal scores, so that neither its unit nor its skewness matters
and no draw lies beyond the values seen. The scores are taken as normal with a mean and a
covariance that are unknown too: data augmentation (Tanner and Wong 1987; Schafer 1997) draws
covariance, mean and missing scores in turn. The prior of the covariance is inverse Wishart around
the identity; how strong it is is drawn along, so that a table with more indicators than units is
shrunk as far as it needs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import multigammaln, ndtri

Floats = NDArray[np.float64]

STRENGTHS = np.geomspace(1.0, 1000.0, 16)
"""The strengths of the prior that are tried, in units of observations."""
FEWEST = 3
"""Values of an indicator below which there is nothing to learn from; what is missing stays so."""


def draws_of(values: Floats, generator: np.random.Generator, draws: int, sweeps: int) -> Floats:
    """Completed tables (draws, units, indicators) of values (units, indicators) with NaN.

    Each draw is the end of a chain of its own of so many sweeps, all chains at once.

    >>> table = np.array([[1.0], [2.0], [3.0], [np.nan]])
    >>> drawn = draws_of(table, np.random.default_rng(1), 50, 20)
    >>> bool((drawn[:, :3, 0] == [1, 2, 3]).all() and (1 <= drawn).all() and (drawn <= 3).all())
    True
    """
    found = np.repeat(values[None], draws, axis=0)
    usable = np.flatnonzero((~np.isnan(values)).sum(axis=0) >= FEWEST)
    gone = np.isnan(values[:, usable])
    if not gone.any():
        return found
    known = normal_scores(values[:, usable])
    scores = _chains(known, gone, generator, draws, sweeps)
    for place, indicator in enumerate(usable):
        if gone[:, place].any():
            there = ~gone[:, place]
            order = np.argsort(known[there, place])
            found[:, ~there, indicator] = np.interp(
                scores[:, ~there, place],
                known[there, place][order],
                values[there, indicator][order],
            )
    return found


def normal_scores(values: Floats) -> Floats:
    """The normal quantile of the rank of each value in its column, (rank - 3/8) / (n + 1/4).

    >>> normal_scores(np.array([[5.0], [7.0], [90.0]])).round(4).ravel().tolist()
    [-0.8694, 0.0, 0.8694]
    """
    # Not above: scipy.stats takes longer to load than a small index to compute.
    from scipy.stats import rankdata

    gone = np.isnan(values)
    ranks = rankdata(np.where(gone, np.inf, values), axis=0)
    number = (~gone).sum(axis=0)
    return np.where(gone, np.nan, ndtri(np.where(gone, 0.5, (ranks - 0.375) / (number + 0.25))))


def _chains(
    known: Floats, gone: NDArray[np.bool_], generator: np.random.Generator, draws: int, sweeps: int
) -> Floats:
    units, indicators = known.shape
    scores = np.repeat(np.where(gone, 0.0, known)[None], draws, axis=0)
    scores[:, gone] = generator.standard_normal((draws, int(gone.sum())))
    affected = [place for place in range(indicators) if gone[:, place].any()]
    for _ in range(sweeps):
        means = scores.mean(axis=1)
        apart = scores - means[:, None, :]
        scatter = np.swapaxes(apart, -1, -2) @ apart
        precision, root = _precision(scatter, units, generator)
        # Solving with the transposed root gives a draw of the covariance that belongs to it.
        noise = generator.standard_normal((draws, indicators, 1))
        means = means + np.linalg.solve(np.swapaxes(root, -1, -2), noise)[..., 0] / np.sqrt(units)
        for place in affected:
            rows = gone[:, place]
            row = precision[:, place, :]
            others = ((scores[:, rows] - means[:, None, :]) @ row[..., None])[..., 0]
            here = scores[:, rows, place] - means[:, None, place]
            own = row[:, place, None]
            expected = means[:, None, place] - (others - own * here) / own
            spread = generator.standard_normal(expected.shape) / np.sqrt(own)
            scores[:, rows, place] = expected + spread
    return scores


def _precision(
    scatter: Floats, units: int, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """A draw of the inverse covariance of each chain, and its lower triangular root.

    The posterior is Wishart with units - 1 + prior degrees of freedom and the inverse of scatter +
    strength as its scale (Bartlett's decomposition).
    """
    indicators = scatter.shape[-1]
    strength = _strengths(scatter, units, generator)
    scale = scatter + strength[:, None, None] * np.eye(indicators)
    degrees = indicators + 1 + strength + units - 1
    bartlett = np.tril(generator.standard_normal(scatter.shape), -1)
    freedom = degrees[:, None] - np.arange(indicators)
    bartlett += np.sqrt(generator.chisquare(freedom))[..., None] * np.eye(indicators)
    root = np.linalg.cholesky(np.linalg.inv(scale)) @ bartlett
    return root @ np.swapaxes(root, -1, -2), root


def _strengths(scatter: Floats, units: int, generator: np.random.Generator) -> Floats:
    """A draw of the prior's strength of each chain, from its marginal likelihood on a grid."""
    indicators = scatter.shape[-1]
    eigenvalues = np.maximum(np.linalg.eigvalsh(scatter), 0.0)[..., None]
    prior = indicators + 1 + STRENGTHS
    posterior = prior + units - 1
    logs = (
        prior * indicators * np.log(STRENGTHS) / 2
        - posterior / 2 * np.log(eigenvalues + STRENGTHS).sum(axis=-2)
        + multigammaln(posterior / 2, indicators)
        - multigammaln(prior / 2, indicators)
    )
    # The largest of logarithms with Gumbel noise is a draw from what they are logarithms of.
    noisy = logs + generator.gumbel(size=logs.shape)
    return np.asarray(STRENGTHS[np.argmax(noisy, axis=-1)])
