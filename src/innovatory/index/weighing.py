"""Weighing: how much each item of a group counts, as given or as the data have it.

Methods that ask the data take the scores (..., units, items) of a group and give weights
(..., items), each 0 or more and 1 together. They look at the units that have all items; an item
with a single value tells nothing and gets 0. Benefit of the doubt gives each unit weights of its
own, of which only the score is certain, and is therefore a way to aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import MethodError
from innovatory.index.framework import Framework
from innovatory.index.steps import Plan, chosen

Floats = NDArray[np.float64]
Weigh = Callable[[str, Floats], Floats]
"""From the code of a group and its items' scores (..., units, items) to weights (..., items)."""

FEWEST = 3
"""Complete units below which the data have nothing to say about weights."""


def equal(scores: Floats) -> Floats:
    """The same weight for each item.

    >>> equal(np.zeros((3, 4))).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    items = scores.shape[-1]
    return np.full((*scores.shape[:-2], items), 1 / items)


def pca(scores: Floats) -> Floats:
    """The loadings of the items on their first principal component, of correlations.

    The sign of a component means nothing: it is turned so that the loadings are positive in sum.
    An item that goes against the others then has a negative loading, and gets 0.

    >>> table = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 0.0], [3.0, 6.0, 1.0]])
    >>> pca(table).round(9).tolist()  # the third goes its own way
    [0.5, 0.5, 0.0]
    """
    return _by_data(scores, _first_component)


def entropy(scores: Floats) -> Floats:
    """More for items that tell units apart: 1 - e, with e the entropy of the shares of the units.

    e = -sum p log p / log n, with p the score's share of its item's sum. Of scores of 0 or more;
    raises MethodError for others. Moving the scale of an item changes its weight.

    >>> entropy(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])).tolist()
    [0.0, 1.0]
    """
    if np.any(scores < 0):
        raise MethodError("entropy weights need scores of 0 or more; normalise them so")
    return _by_data(scores, _diversity)


def critic(scores: Floats) -> Floats:
    """More for items that vary and say what the others do not (Diakoulaki and others 1995).

    s_k sum_l (1 - r_kl), with s the standard deviation of the scores brought to 0 to 1 and r the
    correlations.

    >>> table = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 3.0], [3.0, 3.0, 2.0]])
    >>> critic(table).tolist()  # sums of 1 - r: 0.5, 0.5, 1
    [0.25, 0.25, 0.5]
    """
    return _by_data(scores, _contrast)


def balanced(scores: Floats) -> Floats:
    """The weights with which each item correlates alike with the weighted mean of the group.

    Such weights w solve R v = 1, v = w s, with R the correlations and s the standard deviations
    (Paruolo and others 2013 say why that is what importance means). Where that would take a
    negative weight, the solution of least squares with weights of 0 or more is given; the
    correlations are then not all alike.

    >>> table = np.array([[1.0, 10.0], [2.0, 0.0], [3.0, 10.0]])  # uncorrelated: both sqrt(1/2)
    >>> np.corrcoef(np.column_stack([table @ balanced(table), table]).T)[0, 1:].round(6)
    array([0.707107, 0.707107])
    """
    return _by_data(scores, _balance)


METHODS: Mapping[str, Callable[..., Floats]] = MappingProxyType(
    {function.__name__: function for function in (equal, pca, entropy, critic, balanced)}
)
"""Every way to weigh by the data, by the name the method file knows it by."""


def given(framework: Framework, weights: Sequence[Floats] | None = None) -> Weigh:
    """The weights of the framework, or others: one array (..., codes) for each level below the top.

    Only their proportions within a group count. The leading axes are sets of weights.

    >>> from innovatory.index.framework import read
    >>> index = read([{"iCode": "a", "Parent": "t", "Weight": 2}, {"iCode": "b", "Parent": "t"},
    ...               {"iCode": "t"}])
    >>> given(index)("t", np.zeros((1, 2))).tolist()
    [2.0, 1.0]
    """
    levels = (
        [framework.weights(level) for level in range(framework.depth)]
        if weights is None
        else list(weights)
    )
    places = {
        code: (level, place)
        for level in range(framework.depth)
        for place, code in enumerate(framework.codes(level))
    }
    for level, array in enumerate(levels):
        if array.shape[-1] != len(framework.codes(level)):
            raise ValueError(f"weights of level {level} are not (..., codes)")
        if not np.all(np.isfinite(array) & (array >= 0)):
            raise MethodError(f"weigh: the weights of level {level} are not all 0 or more")

    def weigh(code: str, scores: Floats) -> Floats:
        found = [
            levels[level][..., p] for level, p in (places[c] for c in framework.children(code))
        ]
        chosen_weights = np.stack(np.broadcast_arrays(*found), axis=-1)
        if not np.all(chosen_weights.sum(axis=-1) > 0):
            raise MethodError(f"weigh, {code}: all items have the weight 0; give one a weight")
        return chosen_weights

    return weigh


def planned(framework: Framework, plan: Plan, weights: Mapping[str, float] | None = None) -> Weigh:
    """Weights as a plan has them for each group: given, or by one of METHODS.

    `weights` replaces those of the framework for some items. Raises MethodError where it names an
    item that is not there, and where a method cannot weigh a group.

    >>> from innovatory.index.framework import read
    >>> from innovatory.index.steps import Step
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"}])
    >>> planned(index, Plan(Step("given")), {"a": 3.0})("t", np.zeros((1, 2))).tolist()
    [3.0, 1.0]
    """
    replaced = dict(weights or {})
    for code, weight in replaced.items():
        framework.item(code)
        if not (np.isfinite(weight) and weight >= 0):
            raise MethodError(f"weigh, {code}: {weight} is no weight from 0 upwards; mend it")
    as_given = given(
        framework,
        [
            np.array([replaced.get(c, framework.item(c).weight) for c in framework.codes(level)])
            for level in range(framework.depth)
        ],
    )

    def weigh(code: str, scores: Floats) -> Floats:
        step = plan.of(code, framework.item(code).level)
        if step.method == "given" and not step.parameters:
            return as_given(code, scores)
        function = chosen(step, {"given": _given, **METHODS}, f"weigh, {code}")
        try:
            return function(scores, **step.parameters)
        except MethodError as error:
            raise MethodError(f"weigh, {code}: {error}") from None

    return weigh


def _given(scores: Floats) -> Floats:
    raise MethodError("given weights have no parameters")


def _by_data(scores: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """A weighing of each batch by its complete units and the items that vary, summing to 1."""
    batches = scores.reshape(-1, *scores.shape[-2:])
    found = np.zeros((len(batches), scores.shape[-1]))
    for place, batch in enumerate(batches):
        complete = batch[~np.isnan(batch).any(axis=1)]
        if len(complete) < FEWEST:
            raise MethodError(
                f"{len(complete)} units have all items, and {FEWEST} are needed to weigh by the "
                "data; impute, or give the weights"
            )
        varied = np.flatnonzero(complete.max(axis=0) > complete.min(axis=0))
        if not len(varied):
            raise MethodError("no item tells the units apart; give the weights")
        weights = function(complete[:, varied]) if len(varied) > 1 else np.ones(1)
        found[place, varied] = weights / weights.sum()
    return found.reshape((*scores.shape[:-2], scores.shape[-1]))


def _first_component(scores: Floats) -> Floats:
    loadings = np.linalg.eigh(np.corrcoef(scores.T))[1][:, -1]
    return np.asarray(np.maximum(loadings * np.sign(loadings.sum() or 1.0), 0.0))


def _diversity(scores: Floats) -> Floats:
    shares = scores / scores.sum(axis=0)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.asarray(np.maximum(1 + (shares * logs).sum(axis=0) / np.log(len(scores)), 0.0))


def _contrast(scores: Floats) -> Floats:
    spread = scores.std(axis=0, ddof=1) / (scores.max(axis=0) - scores.min(axis=0))
    conflict = (1 - np.corrcoef(scores.T)).sum(axis=0)
    # Items that all say the same leave only how much they vary.
    return np.asarray(spread * conflict if conflict.max() > 1e-9 else spread)


def _balance(scores: Floats) -> Floats:
    from scipy.optimize import nnls

    found, _ = nnls(np.corrcoef(scores.T), np.ones(scores.shape[1]))
    return np.asarray(found / scores.std(axis=0))
