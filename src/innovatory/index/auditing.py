"""The audit of an index: what a reviewer would ask of it, answered in sentences.

Each check gives a finding for every subject that falls short, and one for all that do not. The
thresholds are rules of thumb from the practice of statistical audits of composite indices; a pass
says that nothing stands out, not that the index measures what it is called.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from innovatory.index import chain, checks
from innovatory.index.aggregating import ranks
from innovatory.index.chain import Choices, Stages
from innovatory.index.findings import Audit, Thresholds
from innovatory.index.framework import Framework, Table
from innovatory.index.robustness import Robustness
from innovatory.index.screening import check
from innovatory.index.steps import Plan


def audit(
    table: Table,
    framework: Framework,
    *,
    choices: Choices | None = None,
    groups: Sequence[str] = (),
    thresholds: Thresholds | None = None,
    robustness: Robustness | None = None,
) -> Audit:
    """The audit of an index, from its table, framework and choices.

    `choices` are those of the published index, by default the usual ones. Indicators with a single
    value or none are a finding and left out of what follows. `robustness`, from the multiverse,
    adds what other choices do to the ranks. Raises MethodError where nothing can be computed:
    fewer than two units, say, or a zero under a geometric mean.

    >>> from innovatory.index.framework import read
    >>> index = read([{"iCode": "a", "Parent": "t"}, {"iCode": "b", "Parent": "t"}, {"iCode": "t"},
    ...               {"iCode": "c", "Parent": "t", "Direction": -1}])
    >>> column = np.arange(12.0)
    >>> values = np.stack([column, column**1.5, column + 1], axis=1)
    >>> found = audit(Table(tuple("abcdefghijkl"), ("a", "b", "c"), values), index)
    >>> found.level, [f.subject for f in found.of("fail") if f.check == "own group"]
    ('fail', ['c'])
    """
    choices = choices or Choices()
    limits = thresholds or Thresholds()
    if len(table.units) < 2:
        # Every indicator of one unit has a single value: that is not what is wrong.
        check(table, framework)
    raw = table.select(framework.codes(0)).values
    single = checks.single_valued(raw)
    dropped = {code for code, same in zip(framework.codes(0), single, strict=True) if same}
    kept = framework.without(dropped)
    choices = _only(choices, {item.code for item in kept.items})
    stages = _averaged(chain.run(table, kept, choices, groups=groups))
    found = [
        *checks.coverage(table, framework, limits),
        *checks.spread(table, framework, limits),
        *checks.outliers(stages, limits),
        *checks.consistency(stages, limits),
        *checks.own_group(stages, limits),
        *checks.redundancy(stages, limits),
        *checks.effective_weights(stages, limits),
        *checks.gaming(stages, choices, limits),
    ]
    if robustness is not None:
        found.extend(checks.robust(robustness, limits))
    return Audit(tuple(found))


def _only(choices: Choices, codes: Collection[str]) -> Choices:
    """The choices without what they say of items that were left out."""

    def left(plan: Plan) -> Plan:
        return replace(plan, items={c: step for c, step in plan.items.items() if c in codes})

    return replace(
        choices,
        denominate={c: by for c, by in choices.denominate.items() if c in codes},
        weights={c: weight for c, weight in choices.weights.items() if c in codes},
        treat=left(choices.treat),
        normalise=left(choices.normalise),
        weigh=left(choices.weigh),
        aggregate=left(choices.aggregate),
    )


def _averaged(stages: Stages) -> Stages:
    """Stages with the mean over the draws of a multiple imputation, which ranks are made of."""
    if stages.normalised.ndim == 2:
        return stages
    levels = tuple(level.mean(axis=0) for level in stages.levels)
    return replace(
        stages,
        imputed=stages.imputed.mean(axis=0),
        treated=replace(
            stages.treated,
            values=stages.treated.values.mean(axis=0),
            points=stages.treated.points.max(axis=0),
            transformed=np.asarray(stages.treated.transformed.any(axis=0)),
            passes=np.asarray(stages.treated.passes.all(axis=0)),
        ),
        normalised=levels[0],
        weights={c: w.mean(axis=0) if w.ndim > 1 else w for c, w in stages.weights.items()},
        levels=levels,
        ranks=tuple(np.swapaxes(ranks(np.swapaxes(level, -1, -2)), -1, -2) for level in levels),
    )
