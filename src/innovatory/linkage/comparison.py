"""How alike two records are: one vector of numbers between 0 and 1 for each pair.

0 also stands for what cannot be compared because a side lacks it; where lacking something differs
from disagreeing, a feature of its own says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA
from scipy.sparse import csr_matrix

from innovatory.linkage.prepared import UNRESOLVED, Prepared, hosts_of, parts

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

FEATURES = {
    "title": "titles alike",
    "title_within": "one title within the other",
    "title_words": "rare words of the title shared",
    "acronym_same": "same acronym",
    "acronym_near": "acronyms one letter apart",
    "acronym_differs": "different acronyms",
    "telling_many": "rare words shared by the descriptions",
    "telling_share": "share of rare words that the descriptions have in common",
    "telling_none": "no rare word shared by the descriptions",
    "figures": "figures in common",
    "figures_differ": "no figure in common",
    "city_differs": "different cities",
    "district_same": "district in common",
    "district_differs": "different districts",
    "year_same": "same start year",
    "year_near": "start years one apart",
    "year_far": "start years further apart",
    "organisations": "organisations in common",
    "organisations_many": "several organisations in common",
    "organisations_differ": "no organisation in common",
    "page": "same page",
    "site": "same site",
    "grant": "same grant",
    "title_and_city": "title alike in the same city",
    "title_elsewhere": "title alike in another city",
}
AGAINST = frozenset(
    [
        "acronym_differs",
        "telling_none",
        "figures_differ",
        "city_differs",
        "district_differs",
        "year_near",
        "year_far",
        "organisations_differ",
        "title_elsewhere",
    ]
)
"""The features that speak against a pair; all others speak for it."""
CHUNK = 100_000
UNALIKE, ALIKE = 0.02, 0.5
ONE_WORD, SEVERAL_WORDS = 12.0, 48.0
"""Bits: about those of one rare word, and of four more."""


def compared(prepared: Prepared, a: Numbers, b: Numbers) -> Values:
    """The comparison vectors of pairs (pairs x features), the same whichever record comes first.

    `a` and `b` are places in `prepared.ids`; columns stand in the order of FEATURES.
    """
    vectors = [_vectors(prepared, a[piece], b[piece]) for piece in parts(len(a), CHUNK)]
    return np.concatenate(vectors) if vectors else np.empty((0, len(FEATURES)))


def same_name(vector: Values) -> bool:
    """Whether two records go by one name, or have one grant, by their comparison vector.

    A lab and the pilots tried in it share place, partners, words and pages: all but the name.
    """
    told: dict[str, float] = dict(zip(FEATURES, vector.tolist(), strict=True))
    alike = max(told["title"], told["title_within"]) >= ALIKE
    return alike or told["acronym_same"] + told["acronym_near"] + told["grant"] > 0


def _vectors(prepared: Prepared, a: Numbers, b: Numbers) -> Values:
    found = _titles(prepared, a, b) | _texts(prepared, a, b) | _sets(prepared, a, b)
    gap = np.abs(prepared.years[a] - prepared.years[b])
    dated = (prepared.years[a] > 0) & (prepared.years[b] > 0)
    found["year_same"] = dated & (gap == 0)
    found["year_near"] = dated & (gap == 1)
    found["year_far"] = np.where(dated, np.clip(gap - 1, 0, 5) / 5, 0)
    title = (found["title"] + found["title_words"]) / 2
    found["title_and_city"] = title * found["city_same"]
    found["title_elsewhere"] = title * found["city_differs"]
    return np.column_stack([found[name].astype(np.float64) for name in FEATURES])


def _titles(prepared: Prepared, a: Numbers, b: Numbers) -> dict[str, Any]:
    """Likeness of names, the best of title and local name on either side."""
    strict, within = np.zeros(len(a)), np.zeros(len(a))
    for mine in (0, 1):
        for theirs in (0, 1):
            left = [prepared.titles[n][mine] for n in a.tolist()]
            right = [prepared.titles[n][theirs] for n in b.tolist()]
            both = np.flatnonzero(
                [bool(one) and bool(other) for one, other in zip(left, right, strict=True)]
            )
            if len(both) == 0:
                continue
            left, right = [left[n] for n in both], [right[n] for n in both]
            for scorer, best in ((fuzz.token_sort_ratio, strict), (fuzz.token_set_ratio, within)):
                score = process.cpdist(left, right, scorer=scorer, dtype=np.float32, workers=2)
                best[both] = np.maximum(best[both], score / 100)
    return {
        "title": _above(strict, 0.4),
        "title_within": _above(within, 0.4),
        "title_words": _product(prepared.title_words, a, b),
    }


def _above(values: Values, floor: float) -> Values:
    """Values from a floor to 1 spread over 0 to 1: chance makes any two titles somewhat alike."""
    spread: Values = np.clip((values - floor) / (1 - floor), 0, 1)
    return spread


def _texts(prepared: Prepared, a: Numbers, b: Numbers) -> dict[str, Any]:
    told = np.array([bool(text) for text in prepared.texts])
    named = np.array([bool(names) for names in prepared.organisations])
    bits = _product(prepared.telling_words, a, b)
    held = np.asarray(prepared.telling_words.power(2).sum(axis=1)).ravel()
    least = np.minimum(held[a], held[b])
    organisations = _product(prepared.organisation_words, a, b)
    return {
        "telling_many": np.clip((bits - ONE_WORD) / SEVERAL_WORDS, 0, 1),
        "telling_share": np.divide(bits, least, out=np.zeros_like(bits), where=least > 0),
        "telling_none": told[a] & told[b] & (bits == 0),
        "organisations": organisations,
        "organisations_many": _shared(prepared.organisations, a, b) / 4,
        "organisations_differ": named[a] & named[b] & (organisations < UNALIKE),
    }


def _shared(sets: Sequence[frozenset[str]], a: Numbers, b: Numbers) -> Values:
    """How many members two sets share beyond the first, at most four."""
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    return np.clip([len(sets[x] & sets[y]) - 1.0 for x, y in pairs], 0, 4)


def _sets(prepared: Prepared, a: Numbers, b: Numbers) -> dict[str, Any]:
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    figures = [frozenset(map(_size, one)) for one in prepared.figures]
    nearly = [one | {size + 1 for size in one} | {size - 1 for size in one} for one in figures]

    def each(judge: Callable[[int, int], float]) -> Values:
        return np.array([judge(x, y) for x, y in pairs], dtype=np.float64)

    acronyms, cities = prepared.acronyms, prepared.cities
    grants = [marks.grants for marks in prepared.marks]
    known = [_resolved(names) for names in cities]
    hosts = [hosts_of(pages) for pages in prepared.pages]
    same_city = each(lambda x, y: not cities[x].isdisjoint(cities[y]))
    same_acronym = each(lambda x, y: not acronyms[x].isdisjoint(acronyms[y]))
    near_acronym = each(lambda x, y: _one_letter_apart(acronyms[x], acronyms[y]))
    near_acronym *= 1 - same_acronym
    two_acronyms = each(lambda x, y: bool(acronyms[x] and acronyms[y]))
    districts = prepared.districts
    same_district = each(lambda x, y: not districts[x].isdisjoint(districts[y]))
    two_districts = each(lambda x, y: bool(districts[x] and districts[y]))
    agreeing = each(
        lambda x, y: (
            min(len(figures[x] & nearly[y]), len(figures[y] & nearly[x]))
            / (min(len(figures[x]), len(figures[y])) or 1)
        )
    )
    return {
        "figures": agreeing,
        "figures_differ": each(lambda x, y: len(figures[x]) > 1 and len(figures[y]) > 1)
        * (agreeing == 0),
        "acronym_same": same_acronym,
        "acronym_near": near_acronym,
        "acronym_differs": two_acronyms - same_acronym - near_acronym,
        "city_same": same_city,
        "city_differs": each(lambda x, y: bool(known[x] and known[y])) * (1 - same_city),
        "district_same": same_district,
        "district_differs": two_districts * (1 - same_district),
        "page": _rarity(prepared, prepared.pages, pairs),
        "site": _rarity(prepared, hosts, pairs),
        "grant": each(lambda x, y: not grants[x].isdisjoint(grants[y])),
    }


def _size(figure: int) -> int:
    """The step of 3 % in which a figure lies: sources round."""
    return round(math.log(figure) / math.log(1.03))


def _one_letter_apart(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether an acronym is a misspelling of another; those of three letters differ by design."""
    return any(
        len(one) > 3 and OSA.distance(one, other, score_cutoff=1) <= 1
        for one in some
        for other in others
    )


def _resolved(cities: frozenset[str]) -> bool:
    return any(not city.startswith(UNRESOLVED) for city in cities)


def _rarity(
    prepared: Prepared, named: Sequence[frozenset[str]], pairs: Sequence[tuple[int, int]]
) -> Values:
    """1 where both name what nobody else names, 1/2 with one other: a portal tells nothing."""
    values = np.zeros(len(pairs))
    for n, (x, y) in enumerate(pairs):
        if shared := named[x] & named[y]:
            values[n] = 1 / max(1, min(prepared.naming[one] for one in shared) - 1)
    return values


def _product(rows: csr_matrix, a: Numbers, b: Numbers) -> Values:
    """The inner product of the rows of each pair: their cosine where rows have length 1."""
    product = rows[a].multiply(rows[b]).sum(axis=1)
    return np.asarray(product, dtype=np.float64).ravel()
