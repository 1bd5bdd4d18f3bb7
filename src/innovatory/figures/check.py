"""Checking figures that somebody else printed.

A file of figures (docs/figures.md) lists what a page prints: counts, percentages with or without
their base, sums, leaders. Each gets an assessment in words, from arithmetic alone (`counts`);
where an edition makes a claim of the same id, the two are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

from innovatory.errors import FiguresError
from innovatory.figures.counts import (
    MOST,
    Alone,
    Figure,
    Figures,
    Joint,
    about,
    bases_between,
    bases_for,
    decimals,
    percent_text,
    prints_as,
    read_alone,
    within,
)


class AssessmentKind(StrEnum):
    """What can be said of a printed figure."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    NEEDS_BASE = "needs_base"
    AMBIGUOUS = "ambiguous"
    EQUAL = "equal"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found about one figure.

    `counts` are the counts that the figure allows alone, `joint` those left by all figures of
    the file together (None: no bound), `bases` the bases it fits. `reading` is the assessment from
    the file alone; `kind` is the same, or `equal` or `differs` where an edition's claim was
    compared, whose value stands in `ours`.
    """

    claim: str
    says: str
    printed: str
    kind: AssessmentKind
    reading: AssessmentKind
    counts: range | None
    joint: range | None
    bases: tuple[int, ...]
    words: str
    ours: str = ""


def check_figures(
    figures: Figures,
    *,
    edition_claims: Mapping[str, Mapping[str, Any]] | None = None,
    synthetic: bool = False,
) -> list[Assessment]:
    """Judge every figure of a file, and compare it with an edition's claim of the same id.

    `edition_claims` are the objects of an edition's claims.json by id; `synthetic` says that its
    cities are made up, so that the names of leaders cannot be compared. Raises FiguresError where
    a claim of the edition is not in the documented form.

    >>> page = Figures("page", {"all": 1088}, (Figure("a", percent=Decimal(28), of=(1088,)),))
    >>> check_figures(page)[0].words
    '300 to 310 of 1,088 would print as 28%'
    """
    alone = {f.id: read_alone(f, figures) for f in figures.claims}
    joint = Joint(figures, alone)
    assessments = []
    for figure in figures.claims:
        assessment = _judge(figure, figures, alone[figure.id], joint)
        if edition_claims is not None:
            claim = edition_claims.get(figure.id)
            assessment = _compare(figure, assessment, claim, synthetic)
        assessments.append(assessment)
    return assessments


def load_figures(path: Path) -> Figures:
    """Read a file of printed figures; its format is described in docs/figures.md.

    Raises FiguresError, which names the file, the claim and the field, and the next step.
    """
    from innovatory.figures.file import read_figures  # YAML is slow to import

    return read_figures(path)


# --- the file alone ----------------------------------------------------------------------------


def _judge(figure: Figure, figures: Figures, alone: Alone, joint: Joint) -> Assessment:
    span = joint.spans[figure.id]
    known = None if figure.order or span.stop > MOST else span
    if figure.order:
        kind, words = AssessmentKind.NEEDS_BASE, "an order needs counts, and none is printed"
    elif alone.counts is not None and not alone.counts:
        kind, words = AssessmentKind.INCONSISTENT, _alone_impossible(figure, figures)
    elif figure.id in joint.faults:
        kind, words = AssessmentKind.INCONSISTENT, _together_impossible(figure, joint)
        known = range(0)
    elif len(alone.bases) > 1:
        kind, words = AssessmentKind.AMBIGUOUS, _several_bases(figure, alone.bases)
    elif not alone.bases and not figure.of_claim and figure.shares:
        kind, words = AssessmentKind.NEEDS_BASE, _per_base(figure, figures)
    else:
        kind, words = AssessmentKind.CONSISTENT, _consistent(figure, figures, alone, joint)
    return Assessment(
        claim=figure.id, says=figure.says, printed=figure.printed, kind=kind, reading=kind,
        counts=alone.counts, joint=known, bases=alone.bases, words=words,
    )  # fmt: skip


def _alone_impossible(figure: Figure, figures: Figures) -> str:
    base = " or ".join(f"{b:,}" for b in figure.of)
    if figure.percent is None:
        return f"{figure.printed} cannot be: no count of {base} is meant by it"
    if figure.count is None:
        return f"no count of {base} prints as {figure.percent}%"
    places = decimals(figure.percent)
    actual = "; ".join(
        f"{figure.count:,} of {b:,} is {percent_text(figure.count, b, places)}" for b in figure.of
    )
    fits = bases_for(figure.percent, figure.count, figures.printed_numbers())
    known = " and ".join(f"{b:,}" for b in fits) or "none"
    return f"{actual}, not {figure.percent}%; of the printed numbers {known} would fit"


def _together_impossible(figure: Figure, joint: Joint) -> str:
    broken = joint.faults[figure.id]
    if broken is None:
        return f"no count fits the {_counts(joint.spans[figure.of_claim])} of {figure.of_claim}"
    parts = [joint.spans[p] for p in broken.parts]
    low, high = sum(p.start for p in parts), sum(p.stop - 1 for p in parts)
    total = broken.total if isinstance(broken.total, int) else joint.spans[broken.total].start
    names = ", ".join(broken.parts)
    return f"{names} add up to {_counts(range(low, high + 1))}, which cannot be {total:,}"


def _several_bases(figure: Figure, bases: tuple[int, ...]) -> str:
    readings = "; ".join(f"{_counts(within(figure, b, b))} of {b:,}" for b in bases)
    return f"several bases fit, and the text does not say which: {readings}"


def _per_base(figure: Figure, figures: Figures) -> str:
    if figure.count is not None and figure.percent is not None:
        fitting = _counts(bases_between(figure.percent, figure.count))
        return f"the base is not printed: no printed number fits, it would have to be {fitting}"
    readings = [(within(figure, b, b), b) for b in figures.printed_numbers() if b]
    told = "; ".join(f"{_counts(span)} of {b:,}" for span, b in readings if span)
    return f"the base is not printed; of the printed numbers it would be {told or 'none'}"


def _consistent(figure: Figure, figures: Figures, alone: Alone, joint: Joint) -> str:
    span = joint.spans[figure.id]
    words = _told(figure, figures, alone, joint)
    if alone.counts is not None and not figure.remainder and span != alone.counts:
        words += f"; with the other figures only {_counts(span)}"
        if figure.id in joint.same:
            words += f", if it is what {joint.same[figure.id]} adds up to"
    printed = {*figures.bases.values(), *(f.count for f in figures.claims)}
    if unprinted := [f"{b:,}" for b in alone.bases if b not in printed]:
        words += f"; the base {', '.join(unprinted)} is itself printed nowhere else"
    return words


def _told(figure: Figure, figures: Figures, alone: Alone, joint: Joint) -> str:
    base = alone.bases[0] if alone.bases else 0
    counts = _counts(alone.counts or joint.spans[figure.id])
    if figure.of_claim:
        whole = _counts(joint.spans[figure.of_claim])
        return f"{_counts(joint.spans[figure.id])} of the {whole} of {figure.of_claim}"
    if figure.remainder:
        span = joint.spans[figure.id]
        ends = dict.fromkeys(percent_text(c, base, 1) for c in (span.start, span.stop - 1))
        return f"the other figures of {base:,} leave {_counts(span)} ({' to '.join(ends)})"
    if figure.sum_of:
        return f"{' + '.join(figure.sum_of)} can be {counts}"
    if figure.percent is not None and figure.count is not None:
        return _base_found(figure.count, figure.percent, base, figures.printed_numbers())
    if figure.percent is not None:
        return f"{counts} of {base:,} would print as {figure.percent}%"
    if figure.more_than is not None:
        return f"{counts} of {base:,} are more than {figure.more_than}%"
    if figure.approximate:
        return f"{figure.printed} allows {counts}"
    return "a count, against which nothing printed speaks"


def _base_found(count: int, percent: Decimal, base: int, printed: Sequence[int]) -> str:
    larger = [b for b in printed if b > count]
    others = [b for b in larger if b not in bases_for(percent, count, larger)]
    words = f"{count:,} is {percent}% of {base:,}"
    if not others:
        return words
    shown = ", ".join(f"of {b:,} {percent_text(count, b, decimals(percent))}" for b in others)
    only = " alone" if len(others) == len(larger) - 1 else ""
    return f"{words}{only} among the printed numbers ({shown})"


def _counts(span: range) -> str:
    if not span:
        return "no count"
    if len(span) == 1:
        return f"{span.start:,}"
    return f"{span.start:,} to {span.stop - 1:,}"


# --- against an edition ------------------------------------------------------------------------


def _compare(
    figure: Figure, assessment: Assessment, claim: Mapping[str, Any] | None, synthetic: bool
) -> Assessment:
    if claim is None:
        return replace(
            assessment, words=f"{assessment.words}; the edition makes no claim of this name"
        )
    if claim.get("printed") is False:
        reason = claim.get("reason") or "no reason is given"
        return replace(assessment, words=f"{assessment.words}; the edition withholds it: {reason}")
    if figure.order:
        agrees, ours, words = _compare_order(figure, claim, synthetic)
    else:
        agrees, ours, words = _compare_number(figure, assessment, claim)
    kind = AssessmentKind.EQUAL if agrees else AssessmentKind.DIFFERS
    return replace(assessment, kind=kind, ours=ours, words=f"{assessment.words}; {words}")


def _compare_number(
    figure: Figure, assessment: Assessment, claim: Mapping[str, Any]
) -> tuple[bool, str, str]:
    count, base = _number(figure, claim, "value"), _number(figure, claim, "base")
    if count is None:
        raise _malformed(figure, "value", "is missing although the claim is printed")
    share = 100 * count / base if base else None
    tests = []
    if figure.count is not None and figure.approximate:
        tests.append(about(figure.count).start <= count < about(figure.count).stop)
    elif figure.count is not None:
        tests.append(prints_as(count, Decimal(figure.count)))
    if figure.shares and share is None:
        raise _malformed(figure, "base", "is missing, and a percentage cannot do without")
    if figure.percent is not None and share is not None:
        tests.append(prints_as(share, figure.percent))
    if figure.more_than is not None and share is not None:
        tests.append(share > Fraction(figure.more_than))
    if not tests and assessment.joint is not None:
        tests.append(assessment.joint.start <= count < assessment.joint.stop)
    ours = _amount(count)
    if base and share is not None:
        places = decimals(figure.percent) if figure.percent is not None else 1
        ours += f" of {_amount(base)} ({percent_text(count, base, places)})"
    words = f"here {ours}" if figure.remainder else f"printed {figure.printed}, here {ours}"
    low, high = _number(figure, claim, "low"), _number(figure, claim, "high")
    if low is not None and high is not None and low < high:
        words += f", and {_amount(low)} to {_amount(high)} as disputes are settled"
    return all(tests), ours, words


def _compare_order(
    figure: Figure, claim: Mapping[str, Any], synthetic: bool
) -> tuple[bool, str, str]:
    names = [name.casefold() for name in figure.order]
    wanted = len(names)
    rows = claim.get("leaders")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _malformed(figure, "leaders", "is not a list of cities")
    leaders = []
    for row in rows:
        label, count, rank = str(row.get("label", "")), *_counted(figure, row)
        place = names.index(label.casefold()) if label.casefold() in names else wanted
        leaders.append((rank, place, label, count))
    # Where two share a rank the printed order is as good as any.
    leaders.sort(key=lambda leader: leader[:2])
    top = leaders[:wanted]
    ours = ", ".join(f"{label} {_amount(count)}" for _, _, label, count in top)
    if synthetic:
        clear = sum(rank <= wanted for rank, *_ in leaders) == wanted
        words = "names cannot be compared, since the cities of the edition are made up; "
        words += f"it has {'' if clear else 'no '}{wanted} clear leaders ({ours or 'none'})"
        if clear and len(leaders) > wanted:
            words += f", ahead by {_amount(top[-1][3] - leaders[wanted][3])}"
        return clear, ours, words
    found = [label.casefold() for _, _, label, _ in top]
    words = f"printed {figure.printed}, here {ours or 'none'}"
    if found != names and sorted(found) == sorted(names):
        words += ": the same cities in another order"
    return found == names, ours, words


def _counted(figure: Figure, row: Mapping[str, Any]) -> tuple[Fraction, Fraction]:
    count, rank = _number(figure, row, "count"), _number(figure, row, "rank")
    if count is None or rank is None:
        raise _malformed(figure, "leaders", "has a city without count or rank")
    return count, rank


def _number(figure: Figure, claim: Mapping[str, Any], name: str) -> Fraction | None:
    value = claim.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _malformed(figure, name, f"is {value!r}, not a number")
    # A count of disputed records is a sum of thirds and the like: take that ratio back.
    return Fraction(value).limit_denominator(10**9)


def _malformed(figure: Figure, name: str, reason: str) -> FiguresError:
    return FiguresError(
        f"claims of the edition, claim {figure.id}: {name!r} {reason}; build the edition again"
    )


def _amount(value: Fraction) -> str:
    return f"{int(value):,}" if value.denominator == 1 else f"{float(value):,.2f}"
