"""What an audit is made of: findings, how bad they are, and where each begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

PASS, WARN, FAIL = "pass", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a finding begins; each pair is warn, then fail.

    `coverage` is the share of values there; `skewness` and `kurtosis` mark an outlier together;
    `alpha` is Cronbach's; `component` the share of variance of the first; `correlation` that of an
    item with its own group, `elsewhere` that less the one with another group; `redundant` that of
    two items; `effective` how many times more or less than its weight says an item brings in;
    `shift` the mean change of rank and `interval` a unit's span of ranks, as shares of the units;
    `gain` the places won, as a share of the units, with a tenth of an indicator's range; `ties`
    the share of units with the commonest value; `units` their number.
    """

    coverage: tuple[float, float] = (0.8, 0.65)
    skewness: float = 2.0
    kurtosis: float = 3.5
    alpha: tuple[float, float] = (0.7, 0.4)
    component: tuple[float, float] = (0.5, 0.3)
    correlation: tuple[float, float] = (0.3, -0.1)
    elsewhere: tuple[float, float] = (-0.05, -np.inf)
    redundant: tuple[float, float] = (0.92, 0.99)
    effective: tuple[float, float] = (2.0, 10.0)
    shift: tuple[float, float] = (0.05, 0.15)
    interval: tuple[float, float] = (0.25, 0.5)
    gain: tuple[float, float] = (0.05, 0.15)
    ties: tuple[float, float] = (0.5, 0.9)
    units: tuple[float, float] = (20.0, 5.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of a subject; `level` is pass, warn or fail.

    `subject` is the code of an item or the id of a unit, '' for the whole; `value` is what was
    measured and `threshold` what it was held against (NaN where there is none).
    """

    check: str
    level: str
    subject: str
    value: float
    threshold: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Audit:
    """All findings, in the order of the checks, the worst of each check first."""

    findings: tuple[Finding, ...]

    def of(self, level: str) -> tuple[Finding, ...]:
        """The findings of a level: pass, warn or fail."""
        return tuple(finding for finding in self.findings if finding.level == level)

    @property
    def level(self) -> str:
        """The worst level of all findings."""
        return next((level for level in (FAIL, WARN) if self.of(level)), PASS)


def judged(
    check: str,
    measured: Mapping[str, float],
    limits: tuple[float, float],
    *,
    below: bool,
    say: Callable[[str], str],
    fine: str,
) -> Iterator[Finding]:
    """A finding for each subject beyond the limits, the worst first, and one for the others.

    `measured` is by subject, NaN for what could not be; `limits` are those of warn and fail, and
    values `below` them, or above, are found. `say` gives a subject's sentence, `fine` is that of
    the others, in which {passed} and {all} are their numbers.

    >>> [(f.level, f.subject, f.sentence) for f in judged("size", {"a": 3.0, "b": 9.0}, (2.0, 5.0),
    ...  below=False, say="{} is large.".format, fine="{passed} of {all} are not.")]
    [('fail', 'b', 'b is large.'), ('warn', 'a', 'a is large.')]
    """
    sign = -1.0 if below else 1.0
    known = {subject: value for subject, value in measured.items() if not np.isnan(value)}
    found = [subject for subject, value in known.items() if sign * value > sign * limits[0]]
    for subject in sorted(found, key=lambda subject: -sign * known[subject]):
        value = known[subject]
        fails = sign * value > sign * limits[1]
        yield Finding(
            check, FAIL if fails else WARN, subject, value, limits[1 if fails else 0], say(subject)
        )
    if passed := len(known) - len(found):
        sentence = fine.format(passed=passed, all=len(known))
        yield Finding(check, PASS, "", passed / len(known), limits[0], sentence)
