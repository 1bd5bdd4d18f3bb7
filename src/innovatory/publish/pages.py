"""What every page of an edition shares: its head, its records in brief, its drafts.

A page is a frozen context and a template; a *draft* is a page not yet rendered, with the key
that says whether it has changed. The key covers all that the context is made from, so that a
context is only built where the page must be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, cached_property
from typing import Any

import msgspec

from innovatory import codebook
from innovatory.codebook import Codebook
from innovatory.publish.reading import BY_RECORD, Edition, Row
from innovatory.publish.wording import humanise

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

NAVIGATION = (
    ("index.html", "Findings"),
    ("cities.html", "Cities"),
    ("records.html", "Records"),
    ("tables.html", "Tables"),
    ("changes.html", "Changes"),
    ("disputes.html", "Disputes"),
    ("method.html", "Method"),
    ("codebook.html", "Codebook"),
    ("data.html", "Data"),
)

LIKELY = ((0.9, "almost surely"), (0.7, "probably"), (0.5, "rather than not"))
"""How sure the machine is, in words, from this probability on."""

TABLE_OF_DIMENSION = {"stage": "by_stage_coded", "technologies": "by_technology"}
"""Count tables that are not named after their dimension; the others are `by_DIMENSION`."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source as the foot of every page names it."""

    title: str
    licence: str
    attribution: str
    notes: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the top and the foot of a page say.

    `site` is the title of the whole site, `edition` the name and `title` the title of the
    edition, `as_of` its date in words, `root` the way from the page to the edition's folder,
    `current` the entry of the navigation that the page belongs to.
    """

    site: str
    edition: str
    title: str
    as_of: str
    synthetic: bool
    sources: tuple[SourceLine, ...]
    root: str = ""
    current: str = ""
    navigation: tuple[tuple[str, str], ...] = NAVIGATION


@dataclass(frozen=True, slots=True)
class Brief:
    """A record as every list shows it; `cities` are (city_id, name), `disputed` counts the
    dimensions on which its coders differ."""

    record_id: str
    title: str
    local_name: str
    kind: str
    stage: str
    since: str
    status: str
    verified: bool | None
    doubts: str
    disputed: int
    cities: tuple[tuple[str, str], ...]

    @property
    def badge(self) -> str:
        """Whether a page was seen that supports the record, in a word."""
        if self.verified is None:
            return "verification unknown"
        return "verified" if self.verified else "not verified"


@dataclass(frozen=True)
class Page:
    """The context of a page: its head and its own title."""

    head: Head
    title: str


@dataclass(frozen=True)
class Draft:
    """A page not yet rendered: where it goes, its template, the key of its data, its context."""

    path: str
    template: str
    key: str
    build: Callable[[], Page]


@dataclass(frozen=True)
class Shared:
    """An edition with what its pages share; `others` are the names of the editions published."""

    edition: Edition
    site: str
    others: tuple[str, ...]

    @cached_property
    def head(self) -> Head:
        """The head of the edition's pages, before a page adds its place."""
        manifest = self.edition.manifest
        lines = [
            SourceLine(r["title"], r["licence"] or "", r["attribution"] or "", r["notes"] or "")
            for r in self.edition.rows("sources")
        ]
        return Head(
            self.site,
            manifest.name,
            manifest.title,
            in_words(manifest.as_of),
            manifest.synthetic,
            tuple(lines),
        )

    def at(self, current: str, *, root: str = "") -> Head:
        """The head of a page of the section `current`."""
        return replace(self.head, current=current, root=root)

    @cached_property
    def labels(self) -> dict[tuple[str, str], str]:
        """The label of each class, by (dimension, class)."""
        return {(r["dimension"], r["class"]): r["label"] for r in self.edition.rows("classes")}

    @cached_property
    def book(self) -> Codebook:
        """The codebook in force. Raises CodebookError where the file cannot be read as one."""
        return _book(self.edition.text("codebook.yaml"))

    def title(self, dimension: str) -> str:
        """What a dimension is called."""
        asked = self.book.dimension(dimension)
        return asked.title if asked else humanise(dimension)

    def label(self, dimension: str, class_: str) -> str:
        """The label of a class, its code in words where the codebook has none."""
        return self.labels.get((dimension, class_)) or humanise(class_)

    @cached_property
    def dimensions(self) -> dict[str, list[Row]]:
        """The classes of each dimension in the order of the codebook."""
        return self.edition.grouped("classes", "dimension")

    @cached_property
    def city_names(self) -> dict[str, str]:
        """The name of each city of the panel."""
        return {r["city_id"]: r["name"] for r in self.edition.rows("cities")}

    @cached_property
    def coder_names(self) -> dict[str, str]:
        """The label of each coder, the id where it has none."""
        return {r["coder_id"]: r["label"] or r["coder_id"] for r in self.edition.rows("coders")}

    @cached_property
    def reference(self) -> frozenset[str]:
        """The coders whose answers count."""
        rows = self.edition.rows("coders")
        return frozenset(r["coder_id"] for r in rows if r.get("reference", True))

    @cached_property
    def expected(self) -> dict[str, tuple[tuple[str, str, str], ...]]:
        """What the machine expects of records that were not coded: (dimension, class, how surely).

        In words and not in numbers: it is no answer, and a page is not made again because a number
        behind the point has changed.
        """
        found: dict[str, list[tuple[str, str, str]]] = {}
        for row in self.edition.likely(LIKELY[-1][0]):
            words = next(words for least, words in LIKELY if row["probability"] >= least)
            told = (row["dimension"], row["class"], words)
            found.setdefault(row["record_id"], []).append(told)
        return {record_id: tuple(sorted(told)) for record_id, told in found.items()}

    def follows(self, record_id: str) -> dict[str, dict[str, list[str]]]:
        """What follows from each coder's answers about a record: dimension to coder to classes.

        It follows from rows that `record_digests` covers and from the codebook, so that no key
        needs it.
        """
        found: dict[str, dict[str, list[str]]] = {}
        for row in self.edition.grouped("judgements").get(record_id, []):
            coders = found.setdefault(row["dimension"], {})
            coders.setdefault(row["coder_id"], []).append(row["class"])
        return found

    @cached_property
    def briefs(self) -> dict[str, Brief]:
        """Every record in brief, in the order of the edition."""
        places = self.edition.grouped("places")
        return {
            row["record_id"]: _brief(row, places.get(row["record_id"], []), self.city_names)
            for row in self.edition.rows("records")
        }

    @cached_property
    def counted(self) -> dict[str, tuple[tuple[Brief, float], ...]]:
        """The records of each claim with their votes, by title."""
        place = sorted(self.briefs.values(), key=lambda b: (b.title.casefold(), b.record_id))
        order = {brief.record_id: n for n, brief in enumerate(place)}
        found: dict[str, list[tuple[int, float]]] = {claim.id: [] for claim in self.edition.claims}
        for row in self.edition.rows("claim_records"):
            if row["claim_id"] in found and row["record_id"] in order:
                found[row["claim_id"]].append((order[row["record_id"]], row["votes"]))
        return {
            claim_id: tuple((place[n], votes) for n, votes in sorted(rows))
            for claim_id, rows in found.items()
        }

    @cached_property
    def record_digests(self) -> Mapping[str, bytes]:
        """A hash of all rows that tell of each record: its page changes when this does."""
        encoder = msgspec.msgpack.Encoder()
        groups: list[Mapping[str, Any]] = [self.edition.grouped(table) for table in BY_RECORD]
        groups.append(self.expected)
        return {
            record_id: hashlib.sha256(
                encoder.encode([group.get(record_id) for group in groups])
            ).digest()
            for record_id in self.briefs
        }

    def key(self, *parts: Any, tables: tuple[str, ...] = ()) -> str:
        """The key of a page made from these parts, these whole tables and the head."""
        digests = [self.edition.table_digest(table) for table in tables]
        book = self.edition.manifest.codebook
        data = msgspec.msgpack.encode((self.head, self.others, book, digests, parts))
        return hashlib.sha256(data).hexdigest()

    def count_table(self, dimension: str) -> str:
        """The name of the count table of a dimension, '' where the edition has none."""
        name = TABLE_OF_DIMENSION.get(dimension, f"by_{dimension}")
        return name if self.edition.described(name) else ""


@cache
def _book(text: str) -> Codebook:
    return codebook.parse(text)


def _brief(row: Row, places: list[Row], names: Mapping[str, str]) -> Brief:
    cities = {p["city_id"]: names[p["city_id"]] for p in places if p["city_id"] in names}
    return Brief(
        row["record_id"],
        row["title"],
        row["local_name"] or "",
        row["kind"],
        row["stage"],
        row["stage_since"] or "",
        row["status"],
        row["verified"],
        row["doubts"] or "",
        row["disputed"] or 0,
        tuple(cities.items()),
    )


def in_words(day: str) -> str:
    """A date in words.

    >>> in_words("2022-12-31")
    '31 December 2022'
    """
    try:
        value = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
