"""Records as linkage sees them: words, names, pages and marks in comparable form.

Everything that a source writes is cut to a length here, so that no single text can make the
comparison slow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from innovatory.linkage.marks import Marks, Vetoes, marks_of
from innovatory.linkage.words import acronyms, figures, folded, organisation_name, page_of

TITLE_LENGTH, TEXT_LENGTH, PARTS = 300, 4_000, 80
UNRESOLVED = "?"
FEW, RARE = 5, 0.003
"""How many records, or what share of them, may use a word of a description that is telling."""
# What a district is called anywhere: no part of its name.
_ANY_DISTRICT = frozenset(
    folded(
        "district districts ward wards area areas quarter quarters borough boroughs city wide"
        " citywide town centre center central several various all whole of the and in with gu ku"
    ).split()
)


@dataclass(frozen=True)
class Prepared:
    """The records that take part, in the order of their ids; every sequence is aligned with `ids`.

    `titles` are folded names (title, local name); a city that is not resolved stands under its
    spelling after a '?'; `years` are 0 where unknown; `rank` orders records by how well they
    would stand for a group (0 is best); `set_apart` are those whose merge somebody has undone.
    """

    ids: list[str]
    titles: list[tuple[str, str]]
    acronyms: list[frozenset[str]]
    texts: list[str]
    years: npt.NDArray[np.int64]
    figures: list[frozenset[int]]
    cities: list[frozenset[str]]
    districts: list[frozenset[str]]
    organisations: list[frozenset[str]]
    pages: list[frozenset[str]]
    marks: list[Marks]
    rank: npt.NDArray[np.int64]
    set_apart: frozenset[str]

    @cached_property
    def title_words(self) -> csr_matrix:
        """TF-IDF of the words of the names, rows of length 1 (records x words)."""
        return _weighted([" ".join(pair).strip() for pair in self.titles])

    @cached_property
    def text_words(self) -> csr_matrix:
        """TF-IDF of the words of the description, rows of length 1 (records x words)."""
        return _weighted(self.texts)

    @cached_property
    def telling_words(self) -> csr_matrix:
        """Words of the description that few records use, weighted so that products add up bits.

        The product of two rows is the information (bits) in the words they share.
        """
        words = self.text_words
        used = np.bincount(words.indices, minlength=words.shape[1])
        rare = np.flatnonzero((used > 1) & (used <= max(FEW, len(self.ids) * RARE)))
        telling = words[:, rare].tocsr()
        bits = np.sqrt(np.log2(len(self.ids) / used[rare])).astype(np.float32)
        telling.data = bits[telling.indices]
        return telling

    @cached_property
    def organisation_words(self) -> csr_matrix:
        """TF-IDF of the words of all organisations, rows of length 1 (records x words)."""
        return _weighted([" ".join(sorted(names)) for names in self.organisations])

    @cached_property
    def naming(self) -> Counter[str]:
        """How many records name each page, and each host (its name before the first '/')."""
        counts: Counter[str] = Counter()
        for pages in self.pages:
            counts.update(pages | hosts_of(pages))
        return counts

    def vetoes(self, apart: frozenset[frozenset[str]] = frozenset()) -> Vetoes:
        """What must not become one among these records; `apart` are pairs of ids answered no to."""
        return Vetoes(dict(zip(self.ids, self.marks, strict=True)), apart)


def _marks(
    rows: Sequence[Mapping[str, Any]], urls: Mapping[str, Sequence[tuple[str, ...]]]
) -> dict[str, Marks]:
    return {
        row["record_id"]: marks_of(
            (row["title"][:TITLE_LENGTH], row["local_name"][:TITLE_LENGTH]),
            texts=(row["description"][:TEXT_LENGTH], row.get("funding_note") or ""),
            urls=(url for (url,) in urls.get(row["record_id"], ())),
        )
        for row in rows
    }


def hosts_of(pages: frozenset[str]) -> frozenset[str]:
    """The hosts of pages, marked by a slash so that no page is one.

    >>> hosts_of(frozenset({"example.org/a"}))
    frozenset({'example.org//'})
    """
    return frozenset(page.partition("/")[0] + "//" for page in pages)


def prepare(tables: Mapping[str, pa.Table], *, cities: Mapping[tuple[str, str], str]) -> Prepared:
    """The records of `Ledger.facts` in comparable form; merged and withdrawn ones are left out.

    `cities` says which city each (name, country) of a place means; what it lacks is unknown.
    """
    merges = _rows(tables, "merges")
    out = {m["record_id"] for m in merges if m["into"] != m["record_id"]}
    out |= {
        c["record_id"]
        for c in _rows(tables, "corrections")
        if c["field"] == "withdrawn" and c["new"] == "true"
    }
    rows = [row for row in _rows(tables, "records") if row["record_id"] not in out]
    rows.sort(key=itemgetter("record_id"))
    urls = _grouped(tables, "links", "url")
    organisations = _grouped(tables, "organisations", "name")
    places = _grouped(tables, "places", "name", "country")
    began = _first_years(tables, rows)
    names = [(r["title"][:TITLE_LENGTH], r["local_name"][:TITLE_LENGTH]) for r in rows]
    told = [row["description"][:TEXT_LENGTH] for row in rows]
    marks = _marks(rows, urls)
    ids = [row["record_id"] for row in rows]
    return Prepared(
        ids=ids,
        titles=[(folded(title), folded(local)) for title, local in names],
        acronyms=[acronyms(*pair) for pair in names],
        texts=[folded(text) for text in told],
        figures=[figures(text) for text in told],
        years=np.array([began.get(i, 0) for i in ids], dtype=np.int64),
        cities=[_cities(places[i], cities) for i in ids],
        districts=[
            frozenset(folded(r["district"][:TITLE_LENGTH]).split()) - _ANY_DISTRICT for r in rows
        ],
        organisations=[_names(organisations[i]) for i in ids],
        pages=[frozenset(page_of(url) for (url,) in urls[i]) - {""} for i in ids],
        marks=[marks[i] for i in ids],
        rank=_rank(tables, rows),
        set_apart=frozenset(m["record_id"] for m in merges if m["into"] == m["record_id"]),
    )


def _rows(tables: Mapping[str, pa.Table], name: str) -> list[dict[str, Any]]:
    return tables[name].to_pylist() if name in tables else []


def _grouped(
    tables: Mapping[str, pa.Table], name: str, *columns: str
) -> defaultdict[str, list[tuple[str, ...]]]:
    """Values of some columns by record, at most PARTS a record."""
    found: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    if name in tables:
        values = (tables[name][column].to_pylist() for column in ("record_id", *columns))
        for record_id, *row in zip(*values, strict=True):
            if len(found[record_id]) < PARTS:
                found[record_id].append(tuple(row))
    return found


def _first_years(
    tables: Mapping[str, pa.Table], rows: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """The year in which each record began: its start, or else its first event."""
    years: dict[str, int] = {}
    for record_id, dated in _grouped(tables, "events", "when").items():
        years[record_id] = min(int(when[:4]) for (when,) in dated)
    return years | {row["record_id"]: int(row["start"][:4]) for row in rows if row["start"]}


def _cities(
    places: Sequence[tuple[str, ...]], cities: Mapping[tuple[str, str], str]
) -> frozenset[str]:
    found = set()
    for name, country in places:
        key = folded(name[:TITLE_LENGTH])
        found.add(cities.get((name, country)) or (key and f"{UNRESOLVED}{key}"))
    return frozenset(found - {""})


def _names(organisations: Sequence[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(organisation_name(name[:TITLE_LENGTH]) for (name,) in organisations) - {""}


def _rank(
    tables: Mapping[str, pa.Table], rows: Sequence[Mapping[str, Any]]
) -> npt.NDArray[np.int64]:
    """The record that has most answers of coders first, then the one that says most."""
    codings: Counter[str] = Counter()
    if "codings" in tables:
        codings.update(row["record_id"] for row in _rows(tables, "codings"))

    def worth(row: Mapping[str, Any]) -> tuple[int, int, int, str]:
        said = sum(value not in (None, "", "unknown") for value in row.values())
        return -codings[row["record_id"]], -said, -len(row["description"]), row["record_id"]

    order = sorted(range(len(rows)), key=lambda n: worth(rows[n]))
    rank = np.empty(len(rows), dtype=np.int64)
    rank[order] = np.arange(len(rows))
    return rank


def _weighted(texts: Sequence[str]) -> csr_matrix:
    """TF-IDF rows of folded texts, each of length 1 (or 0 where the text is empty)."""
    if not any(texts):
        return csr_matrix((len(texts), 1), dtype=np.float32)
    vectoriser = TfidfVectorizer(analyzer=str.split, sublinear_tf=True, dtype=np.float32)
    weighted: csr_matrix = vectoriser.fit_transform(texts)
    return weighted


def parts(total: int, size: int) -> Iterator[slice]:
    """Slices that cover so many rows in pieces of a size, so that memory holds one piece.

    >>> list(parts(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    return (slice(n, min(n + size, total)) for n in range(0, total, size))
