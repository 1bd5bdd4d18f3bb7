"""The checks of the audit, one function each: from the stages of the chain to findings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from innovatory.index.chain import Choices, Stages
from innovatory.index.coherence import components, correlations, cronbach, importance
from innovatory.index.findings import FAIL, PASS, WARN, Finding, Thresholds, judged
from innovatory.index.framework import Framework, Table
from innovatory.index.gaming import gains
from innovatory.index.robustness import Robustness
from innovatory.index.treating import kurtosis, skewness

Array = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


def single_valued(values: Array) -> Booleans:
    """Which indicators of values (units, indicators) have one value, or none.

    >>> single_valued(np.array([[1.0, 1.0, np.nan], [1.0, 2.0, np.nan]])).tolist()
    [True, False, True]
    """
    there = np.isfinite(values)
    least = np.where(there, values, np.inf).min(0)
    return np.asarray(least >= np.where(there, values, -np.inf).max(0))


def coverage(table: Table, framework: Framework, limits: Thresholds) -> Iterator[Finding]:
    """Whether enough values are there, of each indicator and of each unit."""
    there = np.isfinite(table.select(framework.codes(0)).values)
    of_indicators = dict(zip(framework.codes(0), there.mean(0).tolist(), strict=True))
    of_units = dict(zip(table.units, there.mean(1).tolist(), strict=True))
    usual = f"at least {limits.coverage[1]:.0%} is usual"
    yield from judged(
        "coverage of indicators", of_indicators, limits.coverage, below=True,
        say=lambda code: f"{label(framework, code)} has values for {of_indicators[code]:.0%} of "
        f"the units; {usual}.",
        fine=f"{{passed}} of {{all}} indicators have values for {limits.coverage[0]:.0%} of the "
        "units or more.",
    )  # fmt: skip
    yield from judged(
        "coverage of units", of_units, limits.coverage, below=True,
        say=lambda unit: f"{unit} has values for {of_units[unit]:.0%} of the indicators; {usual}.",
        fine=f"{{passed}} of {{all}} units have values for {limits.coverage[0]:.0%} of the "
        "indicators or more.",
    )  # fmt: skip


def spread(table: Table, framework: Framework, limits: Thresholds) -> Iterator[Finding]:
    """Whether there are units enough, and whether indicators tell them apart."""
    units = float(len(table.units))
    yield from judged(
        "number of units", {"": units}, limits.units, below=True,
        say=lambda _: f"There are {units:.0f} units; correlations of fewer than "
        f"{limits.units[0]:.0f} say little.",
        fine=f"There are {units:.0f} units, enough for correlations.",
    )  # fmt: skip
    values = table.select(framework.codes(0)).values
    common: dict[str, float] = {}
    for code, column, single in zip(
        framework.codes(0), values.T, single_valued(values), strict=True
    ):
        there = column[np.isfinite(column)]
        if single:
            what = f"the single value {there[0]:g}" if len(there) else "no value"
            sentence = (
                f"{label(framework, code)} has {what} and tells nothing; "
                "it is left out of the other checks."
            )
            yield Finding("distinct values", FAIL, code, 1.0, limits.ties[1], sentence)
        else:
            common[code] = float(np.unique(there, return_counts=True)[1].max() / len(there))
    yield from judged(
        "distinct values", common, limits.ties, below=False,
        say=lambda code: f"{common[code]:.0%} of the units have the same value of "
        f"{label(framework, code)}; it tells few of them apart.",
        fine="{passed} of {all} indicators tell most units apart.",
    )  # fmt: skip


def outliers(stages: Stages, limits: Thresholds) -> Iterator[Finding]:
    """Whether a few values are far from all others, and still are after the treatment."""
    framework = stages.framework
    codes = framework.codes(0)
    before = stages.denominated.select(codes).values
    skewed, peaked = skewness(before), kurtosis(before)
    passed = 0
    for place, code in enumerate(codes):
        if not (abs(skewed[place]) > limits.skewness and peaked[place] > limits.kurtosis):
            passed += 1
            continue
        what = (
            f"{label(framework, code)} has outliers (skewness {skewed[place]:.2f}, kurtosis "
            f"{peaked[place]:.2f})"
        )
        treated = stages.treated
        if treated.transformed[place]:
            done = "it was transformed"
        else:
            points = int(treated.points[place])
            done = f"{_number(points, 'value was', 'values were')} pulled in"
        level = WARN if treated.passes[place] else FAIL
        after = "they are gone then" if level == WARN else "they are still there"
        sentence = f"{what}; {done}, and {after}."
        yield Finding("outliers", level, code, float(skewed[place]), limits.skewness, sentence)
    if passed:
        sentence = f"{passed} of {len(codes)} indicators have no outliers."
        yield Finding("outliers", PASS, "", passed / len(codes), limits.skewness, sentence)


def consistency(stages: Stages, limits: Thresholds) -> Iterator[Finding]:
    """Whether the items of a group measure one thing: Cronbach's alpha and the first component."""
    framework = stages.framework
    alphas: dict[str, float] = {}
    firsts: dict[str, float] = {}
    larger: dict[str, int] = {}
    for group in groups(framework):
        scores = items(stages, group)
        alphas[group] = cronbach(scores)
        values, _ = components(scores)
        if len(values):
            firsts[group] = float(values[0] / values.sum())
            larger[group] = int((values > 1).sum())
    yield from judged(
        "consistency", alphas, limits.alpha, below=True,
        say=lambda group: f"The items of {label(framework, group)} hang together weakly "
        f"(Cronbach's alpha {alphas[group]:.2f}, {limits.alpha[0]:.2f} is usual).",
        fine=f"The items of {{passed}} of {{all}} groups hang together (Cronbach's alpha "
        f"{limits.alpha[0]:.2f} or more).",
    )  # fmt: skip
    yield from judged(
        "one dimension", firsts, limits.component, below=True,
        say=lambda group: f"The first principal component of {label(framework, group)} has "
        f"{firsts[group]:.0%} of the variance, and "
        f"{_number(larger[group], 'component is', 'components are')} larger than one item: it may "
        "be more than one thing.",
        fine=f"The first principal component of {{passed}} of {{all}} groups has "
        f"{limits.component[0]:.0%} of the variance or more.",
    )  # fmt: skip


def own_group(stages: Stages, limits: Thresholds) -> Iterator[Finding]:
    """Whether each item goes with its own group, and more so than with the others."""
    framework = stages.framework
    own: dict[str, float] = {}
    elsewhere: dict[str, tuple[str, float]] = {}
    for group in groups(framework):
        level = framework.item(group).level
        codes = framework.codes(level)
        found = correlations(items(stages, group), stages.levels[level])
        for code, row in zip(framework.children(group), found, strict=True):
            place = codes.index(group)
            own[code] = float(row[place])
            others = np.where(np.arange(len(codes)) == place, -np.inf, np.nan_to_num(row, nan=-1.0))
            if len(codes) > 1:
                best = int(others.argmax())
                elsewhere[code] = codes[best], float(others[best])

    def said(code: str) -> str:
        group = label(framework, framework.item(code).parent)
        against = own[code] < limits.correlation[1]
        how = "goes against" if against else "has little to do with"
        advice = "check its direction" if against else "ask what it does there"
        return (
            f"{label(framework, code)} {how} its own group {group} (correlation "
            f"{own[code]:.2f}): {advice}."
        )

    yield from judged(
        "own group", own, limits.correlation, below=True, say=said,
        fine=f"{{passed}} of {{all}} items go with their own group (correlation "
        f"{limits.correlation[0]:.2f} or more).",
    )  # fmt: skip
    # That an item goes with nothing is said above; here is what goes with something else.
    ahead = {
        code: own[code] - other if other >= limits.correlation[0] else 0.0
        for code, (_, other) in elsewhere.items()
    }
    yield from judged(
        "other groups", ahead, limits.elsewhere, below=True,
        say=lambda code: f"{label(framework, code)} goes more with "
        f"{label(framework, elsewhere[code][0])} (correlation {elsewhere[code][1]:.2f}) than with "
        f"its own group {label(framework, framework.item(code).parent)} ({own[code]:.2f}).",
        fine="{passed} of {all} items go with their own group more than with any other.",
    )  # fmt: skip


def redundancy(stages: Stages, limits: Thresholds) -> Iterator[Finding]:
    """Whether two items of a level say the same, so that it counts twice."""
    framework = stages.framework
    for level in range(framework.depth):
        codes = framework.codes(level)
        found = correlations(stages.levels[level], stages.levels[level])
        pairs = {
            f"{codes[a]}, {codes[b]}": (a, b)
            for a in range(len(codes))
            for b in range(a + 1, len(codes))
        }
        strength = {name: abs(float(found[a, b])) for name, (a, b) in pairs.items()}

        def said(
            name: str,
            codes: tuple[str, ...] = codes,
            pairs: dict[str, tuple[int, int]] = pairs,
            found: Array = found,
        ) -> str:
            a, b = pairs[name]
            how = "say nearly the same" if found[a, b] > 0 else "say nearly the opposite"
            return (
                f"{label(framework, codes[a])} and {label(framework, codes[b])} {how} "
                f"(correlation {found[a, b]:.2f}): one of them may be enough."
            )

        what = "indicators" if level == 0 else f"items of level {level}"
        yield from judged(
            "redundancy", strength, limits.redundant, below=False, say=said,
            fine=f"{{passed}} of {{all}} pairs of {what} say different things (correlation "
            f"{limits.redundant[0]:.2f} or less).",
        )  # fmt: skip


def effective_weights(stages: Stages, limits: Thresholds) -> Iterator[Finding]:
    """Whether items bring in what their weights say they should."""
    framework = stages.framework
    times: dict[str, float] = {}
    shares: dict[str, tuple[float, float]] = {}
    for group in groups(framework):
        weights = np.asarray(stages.weights[group], dtype=np.float64)
        level = framework.item(group).level
        whole = stages.levels[level][:, framework.codes(level).index(group)]
        brought = importance(items(stages, group), weights, whole)
        for code, part, weight in zip(
            framework.children(group), brought, weights / weights.sum(), strict=True
        ):
            if weight > 0 and np.isfinite(part):
                shares[code] = float(weight), float(part)
                ratio = part / weight
                times[code] = float(max(ratio, 1 / ratio)) if ratio > 0 else np.inf

    def said(code: str) -> str:
        weight, part = shares[code]
        group = label(framework, framework.item(code).parent)
        how = f"takes {-part:.0%} off" if part <= 0 else f"brings in {part:.0%} of"
        return (
            f"{label(framework, code)} has {weight:.0%} of the weight in {group} and {how} its "
            "variance."
        )

    yield from judged(
        "effective weights", times, limits.effective, below=False, say=said,
        fine="{passed} of {all} items bring in about what their weights say.",
    )  # fmt: skip


def gaming(stages: Stages, choices: Choices, limits: Thresholds) -> Iterator[Finding]:
    """Whether a little more of one indicator wins many places."""
    framework = stages.framework
    places = gains(stages, choices)
    codes = framework.codes(0)
    units = max(1, int((stages.places > 0).sum()))
    share = dict(zip(codes, (places.sum(1) / units / units).tolist(), strict=True))

    def said(code: str) -> str:
        won = places[codes.index(code)]
        return (
            f"With a tenth of the range more in {label(framework, code)} alone a unit wins "
            f"{won.sum() / units:.1f} places on average, and {stages.units[int(won.argmax())]} "
            f"{won.max()}: a number worth polishing."
        )

    yield from judged(
        "gaming", share, limits.gain, below=False, say=said,
        fine=f"A tenth of the range more in one of {{passed}} of {{all}} indicators wins a unit "
        f"at most {limits.gain[0]:.0%} of the places on average.",
    )  # fmt: skip


def robust(robustness: Robustness, limits: Thresholds) -> Iterator[Finding]:
    """Whether other defensible choices would have given other ranks."""
    units = robustness.units
    moved = robustness.shift / len(units)
    causes = robustness.shift_total
    cause = ""
    if not np.isnan(causes).all():
        cause = f"; most of it comes of {robustness.factors[int(np.nanargmax(causes))]}"
    sentence = (
        f"Over {robustness.runs} combinations of choices a unit moves by {robustness.shift:.1f} "
        f"places on average{cause}."
    )
    yield from judged(
        "robustness", {"": moved}, limits.shift, below=False, say=lambda _: sentence, fine=sentence
    )
    width = dict(
        zip(units, ((robustness.high - robustness.low) / len(units)).tolist(), strict=True)
    )
    ends = {
        unit: (low, high)
        for unit, low, high in zip(units, robustness.low, robustness.high, strict=True)
    }
    yield from judged(
        "rank intervals", width, limits.interval, below=False,
        say=lambda unit: f"{unit} is anywhere from place {ends[unit][0]:.0f} to "
        f"{ends[unit][1]:.0f} in {robustness.within:.0%} of the combinations.",
        fine=f"{{passed}} of {{all}} units keep within {limits.interval[0]:.0%} of the places in "
        f"{robustness.within:.0%} of the combinations.",
    )  # fmt: skip


def groups(framework: Framework) -> tuple[str, ...]:
    """The codes of all aggregates, the lowest level first."""
    return tuple(item.code for item in framework.items if item.kind == "aggregate")


def items(stages: Stages, group: str) -> Array:
    """The scores (units, items) of the items right below a group."""
    framework = stages.framework
    columns = []
    for code in framework.children(group):
        level = framework.item(code).level
        columns.append(stages.levels[level][:, framework.codes(level).index(code)])
    return np.stack(columns, axis=1)


def label(framework: Framework, code: str) -> str:
    """An item's name with its code, or the code where that is all there is."""
    name = framework.item(code).name
    return f"{name} ({code})" if name and name != code else code


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
