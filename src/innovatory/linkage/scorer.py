"""From a comparison vector to the probability that two records tell of one project.

Logistic regression: log-odds = bias + sum of weight x feature. The weights that are shipped were
learnt on made-up records (`python -m benchmarks.linkage_100k --learn`); answers of people move
them as far as there are answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.optimize import minimize
from scipy.special import expit

from innovatory.errors import LedgerError
from innovatory.linkage.comparison import AGAINST, FEATURES, Values, compared
from innovatory.linkage.prepared import prepare

PRIOR_STRENGTH = 1.0
"""How many answers' worth of doubt it takes to move a weight by one: 1 / variance of the prior."""
SPOKEN = 0.4
"""Log-odds from which a feature is named among the reasons."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """Weights by feature and the bias (log-odds); those of AGAINST are 0 or less, others not."""

    bias: float
    weights: Mapping[str, float]

    def probabilities(self, vectors: Values) -> Values:
        """The probability of each row (pairs x features, in the order of FEATURES) being one."""
        weights = np.array([self.weights[name] for name in FEATURES])
        probability: Values = np.round(expit(vectors @ weights + self.bias), 6)
        return probability

    def reasons(self, vector: Values) -> str:
        """What spoke for and against a pair, the weightiest first, in words.

        >>> vector = np.zeros(len(FEATURES))
        >>> vector[list(FEATURES).index("grant")] = 1
        >>> Scorer(0.0, dict.fromkeys(FEATURES, 2.0)).reasons(vector)
        'for: same grant'
        """
        told: dict[str, list[tuple[float, str]]] = {"for": [], "against": []}
        for (name, words), value in zip(FEATURES.items(), vector.tolist(), strict=True):
            odds = self.weights[name] * value
            if abs(odds) >= SPOKEN:
                shown = words if value in (0, 1) else f"{words} ({value:.2f})"
                told["for" if odds > 0 else "against"].append((-abs(odds), shown))
        return "; ".join(
            f"{side}: {', '.join(words for _, words in sorted(found))}"
            for side, found in told.items()
            if found
        )


def fitted(vectors: Values, answers: Values, *, prior: Scorer, strength: float) -> Scorer:
    """The weights that explain yes (1) and no (0) answers best and stay near those of `prior`.

    Minimises the logistic loss plus strength / 2 x squared distance from the prior's weights.
    No weight may change its side, so that agreeing more never makes a pair less likely.
    """
    names = list(FEATURES)
    start = np.array([prior.weights[name] for name in names] + [prior.bias])
    told = np.column_stack((vectors, np.ones(len(vectors))))

    def loss(theta: Values) -> tuple[float, Values]:
        odds, away = told @ theta, theta - start
        value = np.logaddexp(0, odds).sum() - answers @ odds + strength / 2 * away @ away
        return float(value), told.T @ (expit(odds) - answers) + strength * away

    sides = [(None, 0.0) if name in AGAINST else (0.0, None) for name in names]
    theta = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[*sides, (None, None)],
        options={"maxiter": 1000},
    ).x  # fmt: skip
    weights = dict(zip(names, map(float, theta[:-1]), strict=True))
    return Scorer(float(theta[-1]), weights)


def train(
    tables: Mapping[str, pa.Table],
    answers: Mapping[tuple[str, str], bool],
    *,
    cities: Mapping[tuple[str, str], str],
    prior: Scorer | None = None,
) -> Scorer:
    """A scorer that has learnt from people: yes or no to pairs of record ids.

    Few answers move the shipped weights a little, many decide. Raises LedgerError for a pair of
    which a record is missing.
    """
    prior = prior or DEFAULT
    if not answers:
        return prior
    prepared = prepare(tables, cities=cities)
    place = {record_id: n for n, record_id in enumerate(prepared.ids)}
    if missing := sorted({i for pair in answers for i in pair} - set(place)):
        raise LedgerError(
            f"answers about pairs: there is no record {missing[0]!r} that is still counted as "
            "itself; leave out its answers, or import the record first"
        )
    a, b = (np.array([place[pair[n]] for pair in answers], dtype=np.int64) for n in (0, 1))
    said = np.array(list(answers.values()), dtype=np.float64)
    return fitted(compared(prepared, a, b), said, prior=prior, strength=PRIOR_STRENGTH)


# Made by `python -m benchmarks.linkage_100k --learn`: 50,000 made-up records, seed 7001, noise of
# its own; what it reaches on other seeds and noise stands in docs/linkage.md.
DEFAULT = Scorer(
    bias=-7.59,
    weights={
        "title": 3.77,
        "title_within": 2.23,
        "title_words": 0.94,
        "acronym_same": 4.24,
        "acronym_near": 4.67,
        "acronym_differs": -2.67,
        "telling_many": 6.74,
        "telling_share": 1.07,
        "telling_none": -1.97,
        "figures": 2.55,
        "figures_differ": -1.70,
        "city_differs": -4.56,
        "district_same": 1.37,
        "district_differs": -4.15,
        "year_same": 1.07,
        "year_near": -0.91,
        "year_far": -5.64,
        "organisations": 2.25,
        "organisations_many": 3.66,
        "organisations_differ": -2.51,
        "page": 3.13,
        "site": 1.90,
        "grant": 5.77,
        "title_and_city": 0.76,
        "title_elsewhere": -2.49,
    },
)
