"""Which counts can stand behind printed figures: whole-number arithmetic and nothing else.

A figure is first read alone: a percentage of a base allows every count that rounds to it. Then
all figures of a file are read together: sums, classes that make up a whole, and shares of another
figure narrow each other's bounds.

Rounding is read generously: a percentage may have been rounded half up or half to even, so a
count is ruled out only when neither gives the printed digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from innovatory.errors import FiguresError

MOST = 10**12  # no figure of a project index is larger; it stands for 'no bound is known'
_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """One printed figure: a count, a percentage, a sum of others, or an order of names.

    `of` holds the base, or every base that the sentence can be read with; `of_claim` names the
    figure whose count is the base. `remainder` marks a class that is named without a number: it
    is what the other figures of the same base leave.
    """

    id: str
    says: str = ""
    count: int | None = None
    approximate: bool = False
    percent: Decimal | None = None
    more_than: Decimal | None = None
    of: tuple[int, ...] = ()
    of_claim: str = ""
    sum_of: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    remainder: bool = False

    @property
    def shares(self) -> bool:
        """Whether it is a part of something, so that it cannot do without a base."""
        return self.percent is not None or self.more_than is not None

    @property
    def printed(self) -> str:
        """The figure as it was printed, in short.

        >>> Figure("a", count=154, percent=Decimal("14.2"), of=(1088,)).printed
        '154 (14.2%) of 1,088'
        """
        shown = [f"{'about ' if self.approximate else ''}{self.count:,}"] if self.count else []
        if self.count == 0:
            shown = ["0"]
        if self.percent is not None:
            shown.append(f"({self.percent}%)" if shown else f"{self.percent}%")
        if self.more_than is not None:
            shown.append(f"more than {self.more_than}%")
        if self.order:
            shown.append(", ".join(self.order))
        base = " or ".join(f"{b:,}" for b in self.of) or self.of_claim
        text = " ".join(shown) or "(not printed)"
        return f"{text} of {base}" if base else text


@dataclass(frozen=True, slots=True)
class Figures:
    """A file of printed figures: `bases` are the printed totals by name."""

    name: str
    bases: Mapping[str, int]
    claims: tuple[Figure, ...]

    def printed_numbers(self) -> tuple[int, ...]:
        """Every number that the file prints as a base or an exact count, ascending."""
        counts = {f.count for f in self.claims if f.count and not f.approximate}
        return tuple(
            sorted({*self.bases.values(), *counts, *(b for f in self.claims for b in f.of)})
        )


def prints_as(value: Fraction, printed: Decimal) -> bool:
    """Whether a value, rounded half up or half to even to its decimals, gives a printed number.

    >>> [prints_as(Fraction(29, 2), Decimal(d)) for d in (14, 15)]
    [True, True]
    """
    low, high, closed = _rounding(printed)
    return low <= value < high or (closed and value == high)


def allowed_counts(percent: Decimal, base: int) -> range:
    """The counts out of `base` that print as this percentage at its number of decimals.

    A count c is allowed when 100 c / base lies in [p - h, p + h), h being half a unit of the
    last printed digit: that is rounding half up. Half to even takes the upper end in as well
    where the last digit is even; the union of both is returned. Raises FiguresError for a
    negative percentage or a base below 1.

    28% of 1,088: 27.5% is 299.2 and 28.5% is 310.08, so 300 to 310.

    >>> allowed_counts(Decimal("28"), 1088)
    range(300, 311)
    >>> allowed_counts(Decimal("14.2"), 1088), allowed_counts(Decimal("50.0"), 3)
    (range(154, 156), range(0, 0))
    >>> allowed_counts(Decimal("12"), 8), allowed_counts(Decimal("13"), 8)  # 1 of 8 is 12.5%
    (range(1, 2), range(1, 2))
    """
    if percent < 0 or base < 1:
        raise FiguresError(
            f"{percent}% of {base}: a share needs a percentage of 0 or more and a base of 1 or more"
        )
    return _clamp(_percent_bounds(percent, base, base), 0, base)


def bases_for(percent: Decimal, count: int, candidates: Iterable[int]) -> tuple[int, ...]:
    """The candidates of which `count` prints as `percent`.

    >>> bases_for(Decimal("14.2"), 154, [206, 306, 1088])
    (1088,)
    >>> bases_for(Decimal("50.3"), 154, [206, 306, 1088])
    (306,)
    """
    return tuple(b for b in candidates if b >= 1 and count in allowed_counts(percent, b))


def bases_between(percent: Decimal, count: int) -> range:
    """Every base of which `count` prints as `percent`; without end where the percentage may be 0.

    154 of 1,081 is 14.246% and of 1,088 14.154%; of 1,080 it is 14.259%, of 1,089 14.141%.

    >>> bases_between(Decimal("14.2"), 154)
    range(1081, 1089)
    """
    low, high, closed = _rounding(percent)
    least = max(100 * count / high, Fraction(count), Fraction(1))
    first = ceil(least) + (least == 100 * count / high and least.denominator == 1 and not closed)
    last = floor(100 * count / low) if low > 0 else MOST
    return _clamp(range(first, last + 1), 1, MOST)


# --- arithmetic --------------------------------------------------------------------------------


def _rounding(printed: Decimal) -> tuple[Fraction, Fraction, bool]:
    """The values that print as a number: from, below, and whether the upper end counts too."""
    exponent = printed.as_tuple().exponent
    unit = Fraction(10) ** min(int(exponent), 0)
    last = Fraction(printed) / unit
    return Fraction(printed) - unit / 2, Fraction(printed) + unit / 2, last % 2 == 0


def _percent_bounds(percent: Decimal, least_base: int, most_base: int) -> range:
    low, high, closed = _rounding(percent)
    first = -(-(low * least_base) // 100)
    top = high * most_base / 100
    last = top // 1 if closed or top % 1 else top - 1
    return range(int(first), int(last) + 1)


def _clamp(span: range, least: int, most: int) -> range:
    start, stop = max(span.start, least), min(span.stop, most + 1)
    return range(start, stop) if start < stop else range(0)


def meet(one: range, other: range) -> range:
    return _clamp(one, other.start, other.stop - 1)


def about(count: int) -> range:
    """The counts that an approximate number allows: one unit of its last non-zero digit each way.

    So neither rounding nor cutting off is ruled out.

    >>> about(152), about(160)
    (range(151, 154), range(150, 171))
    """
    unit = 1
    while count and count % (unit * 10) == 0:
        unit *= 10
    return range(max(0, count - unit), count + unit + 1)


def decimals(printed: Decimal) -> int:
    """The number of digits printed after the point.

    >>> decimals(Decimal("14.20")), decimals(Decimal("28"))
    (2, 0)
    """
    return max(0, -int(printed.as_tuple().exponent))


def percent_text(count: int | Fraction, base: int | Fraction, places: int) -> str:
    """A share as it would be printed, rounded half up.

    >>> percent_text(154, 306, 1), percent_text(1, 8, 0)
    ('50.3%', '13%')
    """
    scaled = Fraction(count) * 100 * 10**places / Fraction(base)
    return f"{Decimal(floor(scaled + Fraction(1, 2))).scaleb(-places)}%"


def _more_than(percent: Decimal, least_base: int, most_base: int) -> range:
    return range(int(Fraction(percent) * least_base // 100) + 1, most_base + 1)


@dataclass(frozen=True, slots=True)
class Alone:
    """What a figure allows alone, with the bases that its own numbers fit."""

    counts: range | None
    bases: tuple[int, ...] = ()


def within(figure: Figure, least_base: int, most_base: int) -> range:
    """The counts that a figure allows when its base lies between two numbers."""
    span = range(most_base + 1)
    if figure.count is not None:
        told = range(figure.count, figure.count + 1)
        span = meet(span, about(figure.count) if figure.approximate else told)
    if figure.percent is not None:
        span = meet(span, _percent_bounds(figure.percent, least_base, most_base))
    if figure.more_than is not None:
        span = meet(span, _more_than(figure.more_than, least_base, most_base))
    return span


def read_alone(figure: Figure, figures: Figures) -> Alone:
    if figure.order:
        return Alone(None)
    candidates = figure.of
    if figure.shares and not candidates and not figure.of_claim and figure.count is not None:
        candidates = figures.printed_numbers()
    if not candidates:
        unbased = figure if not figure.shares else replace(figure, percent=None, more_than=None)
        counts = within(unbased, 1, MOST)
        return Alone(None if counts == range(MOST + 1) else counts)
    spans = {base: within(figure, base, base) for base in candidates}
    fits = tuple(base for base, span in spans.items() if span)
    if not fits:
        # A count stands even where no base is known that makes its percentage right.
        told = replace(figure, percent=None, more_than=None)
        return Alone(range(0) if figure.of else within(told, 1, MOST))
    low, high = min(spans[b].start for b in fits), max(spans[b].stop for b in fits)
    return Alone(range(low, high), fits)


# --- all figures together ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sum:
    """The counts of `parts` add up to the count of a figure, or to a number.

    `bearer` is the figure that is at fault in the report when they cannot.
    """

    bearer: str
    parts: tuple[str, ...]
    total: str | int

    def narrowed(self, spans: Mapping[str, range]) -> dict[str, range]:
        """The spans of all members that the sum leaves; an empty one says it cannot hold."""
        total = (
            range(self.total, self.total + 1) if isinstance(self.total, int) else spans[self.total]
        )
        low = sum(spans[p].start for p in self.parts)
        high = sum(spans[p].stop - 1 for p in self.parts)
        found = {}
        for part in self.parts:
            span = spans[part]
            least = total.start - (high - (span.stop - 1))
            found[part] = _clamp(span, least, total.stop - 1 - (low - span.start))
        if isinstance(self.total, str):
            found[self.total] = _clamp(total, low, high)
        elif not low <= self.total <= high:
            found[self.bearer] = range(0)
        return found


@dataclass(slots=True)
class Joint:
    """Bounds of every count that hold for all figures together.

    Bounds are narrowed through every sum and every share of another figure until nothing
    changes. For one sum of whole numbers this is exact; where sums hang together the bounds are
    still sound, and may be wider than need be.
    """

    figures: Figures
    alone: Mapping[str, Alone]
    spans: dict[str, range] = field(init=False)
    same: dict[str, str] = field(init=False)
    faults: dict[str, Sum | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        free = range(MOST + 1)
        self.spans = {
            f.id: span if (span := self.alone[f.id].counts) is not None else free
            for f in self.figures.claims
        }
        self._narrow(self._sums())
        plain = dict(self.spans), dict(self.faults)
        self.same = dict(_same_as(self.figures, self.alone))
        self._narrow([*self._sums(), *(Sum(f, (f,), total) for f, total in self.same.items())])
        # What is only inferred must not make figures clash that fit together.
        if len(self.faults) > len(plain[1]):
            self.spans, self.faults = plain
            self.same = {}

    def _narrow(self, sums: Iterable[Sum]) -> None:
        sums = [s for s in sums if all(self.spans[m] for m in _members(s))]
        shares = [f for f in self.figures.claims if f.of_claim and self.spans[f.id]]
        for _ in range(_ROUNDS):
            before = dict(self.spans)
            for total in sums:
                if total.bearer not in self.faults:
                    self._take(total.bearer, total.narrowed(self.spans), total)
            for figure in shares:
                base = self.spans[figure.of_claim]
                if figure.id not in self.faults and base and base.stop <= MOST:
                    inside = within(figure, base.start, base.stop - 1)
                    self._take(figure.id, {figure.id: meet(self.spans[figure.id], inside)}, None)
            if self.spans == before:
                return

    def _take(self, bearer: str, found: Mapping[str, range], total: Sum | None) -> None:
        if all(found.values()):
            self.spans |= found
        else:
            self.faults[bearer] = total

    def _sums(self) -> list[Sum]:
        sums = [Sum(f.id, f.sum_of, f.id) for f in self.figures.claims if f.sum_of]
        for base in sorted({f.of[0] for f in self.figures.claims if f.remainder}):
            group = [f for f in self.figures.claims if f.of == (base,) and _is_part(f)]
            bearer = next(f.id for f in group if f.remainder)
            sums.append(Sum(bearer, tuple(f.id for f in group), base))
        return sums


def _members(total: Sum) -> tuple[str, ...]:
    return (*total.parts, total.total) if isinstance(total.total, str) else total.parts


def _is_part(figure: Figure) -> bool:
    return not (figure.order or figure.sum_of or figure.more_than is not None)


def _same_as(figures: Figures, alone: Mapping[str, Alone]) -> Iterable[tuple[str, str]]:
    """Percentages without a count that a sum of the file supplies.

    Parts that are all of base B add up to a number of B; where such a sum is printed and one
    percentage of B alone allows it, that is the count behind the percentage.
    """
    by_id = {f.id: f for f in figures.claims}
    for total in figures.claims:
        if not total.sum_of or total.count is None or total.approximate:
            continue
        bases = {by_id[part].of for part in total.sum_of}
        fitting = [
            f.id
            for f in figures.claims
            if f.percent is not None and f.count is None and len(f.of) == 1 and {f.of} == bases
            if f.id not in total.sum_of and total.count in (alone[f.id].counts or ())
        ]
        if len(fitting) == 1:
            yield fitting[0], total.id
