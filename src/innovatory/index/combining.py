"""Combinations of choices, and the scores each gives, computed together where they share steps.

What a run needs up to the normalised table depends on a few of its choices, and is made once for
all runs that share them. Weights and aggregation then run over many runs at once, as the leading
axis of one array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError
from innovatory.index.chain import Choices, Stages, impute_by, normalise_by, treat_by
from innovatory.index.climbing import climb
from innovatory.index.framework import Framework
from innovatory.index.weighing import Weigh, given, planned

Array = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]

TABLES = ("impute", "treat", "normalise")
FIELDS = (*TABLES, "weigh", "weights", "aggregate", "coverage", "below")
"""The fields of `Choices` that may vary: screening and denomination decide what is indexed."""
HELD = 8_000_000
"""Values of normalised tables that are held at once, and, a quarter of it, of runs in one pass."""


@dataclass(frozen=True, eq=False)
class Factor:
    """A choice of the method and its alternatives, each as likely as the others.

    `field` is one of `FIELDS`; `options` are its values by their labels.
    """

    name: str
    field: str
    options: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Evidence:
    """A source of doubt about the data: draws (draws, units, indicators) of the values.

    The units are those that remain after screening and the indicators `codes(0)` of the framework
    that remains, both in order, denominated. What differs between a draw and the value is added to
    it; a draw of a missing value takes its place. Several sources are taken to be independent.
    """

    name: str
    draws: Array


class Space:
    """All combinations of the levels of some factors, sources of doubt about the data first.

    `framework` is that of the edition, which may have items that were screened out of `stages`.

    Raises MethodError where factors or draws do not fit, and, when scores are asked for, where a
    combination cannot be computed.
    """

    def __init__(
        self,
        stages: Stages,
        framework: Framework,
        choices: Choices,
        factors: Sequence[Factor],
        evidence: Sequence[Evidence],
        *,
        group_of: Mapping[str, str],
        seed: int,
    ) -> None:
        _refuse(factors, evidence)
        _refuse_weights(factors, framework)
        self._framework, self._choices, self._seed = stages.framework, choices, seed
        # In the order of their ids, as in the chain: nothing depends on the order of rows.
        self._order = np.argsort(np.array(stages.units, dtype=np.str_))
        self._units = [stages.units[place] for place in self._order]
        self._groups = tuple(group_of[unit] for unit in self._units) if group_of else ()
        known = stages.denominated.select(self._framework.codes(0)).values
        self._known = known[self._order]
        self._draws = [_fitting(source, known)[:, self._order] for source in evidence]
        self._factors = {factor.field: factor for factor in factors}
        self._column = {f.field: len(evidence) + n for n, f in enumerate(factors)}
        self._weights = self._weight_sets()
        self._made: dict[str, tuple[tuple[int, ...], Array]] = {}
        self.names = (*(e.name for e in evidence), *(f.name for f in factors))
        self.labels = (
            *(tuple(f"draw {n}" for n in range(1, len(e.draws) + 1)) for e in evidence),
            *(tuple(f.options) for f in factors),
        )

    def scores(self, levels: Levels) -> Array:
        """The scores (runs, units) of combinations of levels (runs, factors)."""
        found = np.empty((len(levels), len(self._units)))
        early = levels[:, self._columns(TABLES, sources=True)]
        tables, table_of = np.unique(early, axis=0, return_inverse=True)
        together = max(1, HELD // self._known.size)
        for start in range(0, len(tables), together):
            block = tables[start : start + together]
            normalised = np.stack([self._normalised(tuple(map(int, row))) for row in block])
            members = np.flatnonzero((table_of >= start) & (table_of < start + together))
            for runs in self._alike(levels, members):
                scores = self._climbed(normalised[table_of[runs] - start], levels[runs])
                found[np.ix_(runs, self._order)] = scores
        return found

    def _columns(self, wanted: Sequence[str], *, sources: bool = False) -> list[int]:
        first = range(len(self._draws)) if sources else range(0)
        return [*first, *(self._column[f] for f in wanted if f in self._column)]

    def _alike(self, levels: Levels, members: Levels) -> Iterator[Levels]:
        """Runs that differ in tables and weights only, as many as one pass may hold."""
        late = levels[members][:, self._columns(("weigh", "aggregate", "coverage", "below"))]
        _, kind_of = np.unique(late, axis=0, return_inverse=True)
        together = max(1, HELD // 4 // self._known.size)
        order = np.argsort(kind_of, kind="stable")
        for same in np.split(order, np.flatnonzero(np.diff(kind_of[order])) + 1):
            for start in range(0, len(same), together):
                yield members[same[start : start + together]]

    def _choices_of(self, levels: Levels) -> Choices:
        """The choices at the levels (factors,) of one run."""
        chosen = {
            field: list(factor.options.values())[levels[self._column[field]]]
            for field, factor in self._factors.items()
            if field != "weights"
        }
        return replace(self._choices, **chosen)

    def _normalised(self, early: tuple[int, ...]) -> Array:
        """The normalised table (units, indicators) at levels of the sources and early choices."""
        columns = self._columns(TABLES, sources=True)
        levels = np.zeros(len(self.names), dtype=np.int64)
        levels[columns] = early
        choices = self._choices_of(levels)

        def told() -> Array:
            return impute_by(self._evident(levels), choices.impute, self._groups, self._seed)

        def treated() -> Array:
            imputed = self._once("impute", levels, told)
            return treat_by(imputed, choices.treat, self._framework).values

        with _naming(self._described(levels, columns)):
            values = self._once("treat", levels, treated)
            return normalise_by(values, choices.normalise, self._framework, self._units)

    def _evident(self, levels: Levels) -> Array:
        """The table (units, indicators) as the draws of all sources have it."""
        values, missing = self._known, np.isnan(self._known)
        for source, draws in enumerate(self._draws):
            change = draws[levels[source]]
            filled = np.where(np.isnan(values), change, values)
            values = np.where(missing, filled, values + np.nan_to_num(change))
        return values

    def _once(self, stage: str, levels: Levels, make: Callable[[], Array]) -> Array:
        """What a stage makes, kept until a choice up to it differs."""
        upto = TABLES[: TABLES.index(stage) + 1]
        key = tuple(int(levels[column]) for column in self._columns(upto, sources=True))
        if stage not in self._made or self._made[stage][0] != key:
            self._made[stage] = key, make()
        return self._made[stage][1]

    def _climbed(self, scores: Array, levels: Levels) -> Array:
        """The top's scores (runs, units) from tables (runs, units, indicators)."""
        choices = self._choices_of(levels[0])
        with _naming(self._described(levels[0], range(len(self.names)))):
            climbed = climb(
                scores,
                self._framework,
                weigh=self._weigh(choices, levels),
                aggregate=choices.aggregate,
                coverage=choices.coverage,
                below=choices.below,
                units=self._units,
            )
        return climbed[-1][..., 0]

    def _weigh(self, choices: Choices, levels: Levels) -> Weigh:
        """Weights as the plan has them, those that are given by the run."""
        sets = levels[:, self._column["weights"]] if "weights" in self._column else [0]
        as_given = given(self._framework, [level[sets] for level in self._weights])
        by_data = planned(self._framework, choices.weigh)

        def weigh(code: str, scores: Array) -> Array:
            step = choices.weigh.of(code, self._framework.item(code).level)
            if step.method == "given" and not step.parameters:
                return as_given(code, scores)
            return by_data(code, scores)

        return weigh

    def _weight_sets(self) -> list[Array]:
        """The weights (options, codes) of each level below the top, for every option."""
        factor = self._factors.get("weights")
        options = list(factor.options.values()) if factor else [self._choices.weights]
        return [
            np.array(
                [
                    [option.get(c, self._framework.item(c).weight) for c in codes]
                    for option in options
                ],
                dtype=np.float64,
            ).reshape(len(options), len(codes))
            for codes in map(self._framework.codes, range(self._framework.depth))
        ]

    def _described(self, levels: Levels, columns: Sequence[int] | range) -> str:
        return ", ".join(f"{self.names[c]}: {self.labels[c][levels[c]]}" for c in columns)


@contextmanager
def _naming(combination: str) -> Iterator[None]:
    """Put the combination before the message of what cannot be done."""
    try:
        yield
    except MethodError as error:
        raise MethodError(f"with {combination or 'the choices as they are'}: {error}") from None


def _refuse(factors: Sequence[Factor], evidence: Sequence[Evidence]) -> None:
    """Raise MethodError for factors that cannot vary or are not told apart."""
    fields: set[str] = set()
    names: set[str] = set()
    for factor in factors:
        if factor.field not in FIELDS:
            raise MethodError(
                f"{factor.name}: there is no choice {factor.field!r} that can vary; name one of "
                f"{', '.join(FIELDS)}"
            )
        if factor.field in fields:
            raise MethodError(
                f"{factor.name}: another factor varies {factor.field} too; put all alternatives "
                "into one factor"
            )
        fields.add(factor.field)
    numbers = [(e.name, len(e.draws)) for e in evidence]
    for name, number in (*numbers, *((f.name, len(f.options)) for f in factors)):
        if not number:
            raise MethodError(f"{name}: it has no alternatives; give it one or more")
        if name in names:
            raise MethodError(f"two factors are named {name!r}: name each in its own way")
        names.add(name)


def _refuse_weights(factors: Sequence[Factor], framework: Framework) -> None:
    """Raise MethodError for sets of weights with items that are not there or weights below 0."""
    for factor in factors:
        for name, option in factor.options.items() if factor.field == "weights" else ():
            for code, weight in option.items():
                if framework.item(code) and not (np.isfinite(weight) and weight >= 0):
                    raise MethodError(
                        f"{factor.name}, {name}, {code}: {weight} is no weight from 0 upwards; "
                        "mend it"
                    )


def _fitting(source: Evidence, known: Array) -> Array:
    """Changes (draws, units, indicators) to the values, or values where there was none."""
    if source.draws.ndim != 3 or source.draws.shape[1:] != known.shape:
        raise MethodError(
            f"{source.name}: draws of shape {source.draws.shape} do not fit a table of "
            f"{known.shape}: give (draws, units, indicators) for what remains after screening"
        )
    if np.isinf(source.draws).any():
        raise MethodError(f"{source.name}: a draw is infinite; mend it, or leave it empty")
    return np.where(np.isnan(known), source.draws, source.draws - known)
