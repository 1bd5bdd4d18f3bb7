"""The lists of an edition: all records, what changed, and what coders differ on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from innovatory.publish.pages import Brief, Draft, Page, Shared, in_words
from innovatory.publish.passages import Quote
from innovatory.publish.reading import Row
from innovatory.publish.recordpages import Answer
from innovatory.publish.wording import humanise, number

MAIN = ("kind", "city", "sector", "stage", "goal", "innovative", "verified", "disputed")
"""The filters that are always in sight; the others are folded away."""

COLUMNS = ("sector", "goal", "innovative")
"""The coded dimensions that the list of records shows as columns."""

FILTER_LABELS = {
    "verified": "Verified",
    "disputed": "Coders differ",
    "stage": "Stage by dated events",
    "stage_coded": "Furthest stage told of",
    "year": "Year of the first dated sign",
    "source": "Source",
}

CHANGES = {
    "entered": ("Entered", "records that are in this edition and were not in the earlier one"),
    "left": ("Left", "records that were in the earlier edition and are not in this one"),
    "ended": ("Ended", "records whose dated events now end"),
    "stage": ("Changed stage", "records whose latest dated stage is another one"),
    "coding": ("Coded otherwise", "records whose answers differ from those of the earlier edition"),
    "corrected": ("Corrected", "records of which a field was corrected"),
}


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a filter; `number` marks the rows that have it."""

    value: str
    label: str
    number: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of the list of records, as it stands in the fragment of the address."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list, with the labels of its coded columns.

    `marks` are the numbers of its options; behind a colon stand, as bits of a hexadecimal number,
    the coders who say so, where it is an answer of coders.
    """

    record: Brief
    marks: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class RecordsPage(Page):
    """All records of the edition with their filters; `columns` name the coded columns."""

    main: tuple[Filter, ...]
    more: tuple[Filter, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A record that changed; `record` is None where the edition no longer holds it."""

    record_id: str
    title: str
    record: Brief | None
    cities: str
    dimension: str
    before: str
    after: str


@dataclass(frozen=True)
class ChangesPage(Page):
    """What changed since the earlier edition: (heading, meaning, changes) for each kind.

    `earlier` is its name ('' where there is none), `page` its front page if that is published.
    """

    earlier: str
    as_of: str
    page: str
    groups: tuple[tuple[str, str, tuple[Change, ...]], ...]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A record on whose dimension coders differ: their answers in the order of the group's coders.

    `answers` has None for a coder of the group who did not code this record.
    """

    record: Brief
    answers: tuple[Answer | None, ...]
    settled: str


@dataclass(frozen=True, slots=True)
class DisputeGroup:
    """The disputes about one dimension, of how many records `coded` on it, and by whom."""

    dimension: str
    label: str
    coded: int
    coders: tuple[str, ...]
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True)
class DisputesPage(Page):
    """The disputes of each dimension, in the order of the codebook."""

    total: str
    groups: tuple[DisputeGroup, ...]


def drafts(shared: Shared) -> Iterator[Draft]:
    """The three lists."""
    key = shared.key(tables=("records", "places", "verdicts", "judgements", "classes",
                     "cities", "sources"))  # fmt: skip
    yield Draft("records.html", "records.html", key, partial(_records, shared))
    key = shared.key(shared.edition.manifest.earlier, tables=("changes", "records", "places",
                     "cities", "classes"))  # fmt: skip
    yield Draft("changes.html", "changes.html", key, partial(_changes, shared))
    tables = ("codings", "evidence", "adjudications", "verdicts", "records", "places", "cities",
              "classes", "coders")  # fmt: skip
    yield Draft(
        "disputes.html", "disputes.html", shared.key(tables=tables), partial(_disputes, shared)
    )


def coded_filter(dimension: str) -> str:
    """The filter of a coded dimension: `stage` is taken by the dated events.

    >>> coded_filter("stage"), coded_filter("sector")
    ('stage_coded', 'sector')
    """
    return "stage_coded" if dimension == "stage" else dimension


def _plain_values(row: Row, brief: Brief) -> dict[str, list[str]]:
    values = {
        "kind": [row["kind"]],
        "city": [city_id for city_id, _ in brief.cities],
        "stage": [row["stage"]],
        "status": [row["status"]],
        "funding": [row["funding_source"] or "unknown"],
        "verified": [{True: "yes", False: "no"}.get(row["verified"], "unknown")],
        "disputed": ["yes" if row["disputed"] else "no"],
        "source": [row["source_id"] or "unknown"],
    }
    if "start_year" in row:
        values["year"] = [str(row["start_year"])]
    return values


def _records(shared: Shared) -> RecordsPage:
    verdicts = shared.edition.grouped("verdicts")
    judgements = shared.edition.grouped("judgements")
    briefs = shared.briefs
    names = {r["source_id"]: r["title"] for r in shared.edition.rows("sources")}
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    numbers = count(1)
    marks: dict[str, list[str]] = {}
    for row in shared.edition.rows("records"):
        record_id = row["record_id"]
        mine = marks.setdefault(record_id, [])
        for name, values in _plain_values(row, briefs[record_id]).items():
            known = found[name]
            for value in values:
                if value not in known:
                    known[value] = next(numbers)
                mine.append(str(known[value]))
        said = said_by(judgements.get(record_id, []))
        for (dimension, class_), coders in said.items():
            known = found[coded_filter(dimension)]
            if class_ not in known:
                known[class_] = next(numbers)
            mine.append(f"{known[class_]}:{coders:x}")
    filters = _filters(shared, found, names)
    columns = tuple(d for d in COLUMNS if d in shared.dimensions)
    lines = tuple(
        Line(brief, " ".join(marks[brief.record_id]),
             _answers(shared, verdicts.get(brief.record_id, []), columns))
        for brief in sorted(briefs.values(), key=lambda b: (b.title.casefold(), b.record_id))
    )  # fmt: skip
    return RecordsPage(
        shared.at("records.html"),
        "Records",
        tuple(filters[name] for name in MAIN if name in filters),
        tuple(f for name, f in filters.items() if name not in MAIN),
        tuple(shared.title(d) for d in columns),
        lines,
    )


def _filters(
    shared: Shared, found: Mapping[str, dict[str, int]], sources: Mapping[str, str]
) -> dict[str, Filter]:
    dimensions = {coded_filter(d): d for d in shared.dimensions}
    filters = {}
    for name, known in found.items():
        if name in dimensions:
            order = [r["class"] for r in shared.dimensions[dimensions[name]]]
            words = {c: shared.label(dimensions[name], c) for c in known}
            values = sorted(known, key=lambda c: (order.index(c) if c in order else 999, c))
        else:
            words = {v: humanise(v) for v in known}
            words |= shared.city_names if name == "city" else sources if name == "source" else {}
            values = sorted(known, key=lambda v: (words[v].casefold(), v))
        asked = dimensions.get(name)
        label = FILTER_LABELS.get(name) or (shared.title(asked) if asked else humanise(name))
        options = tuple(Option(v, words[v], known[v]) for v in values)
        filters[name] = Filter(name, label, options)
    return filters


def said_by(judgements: Sequence[Row]) -> dict[tuple[str, str], int]:
    """Who says what of one record: for each (dimension, class) its coders, as bits of a number.

    A reader who asks for two classes at once wants the records of which one coder says both, as
    the counts do; that cannot be told from the classes alone.

    >>> rows = [("a", "sector", "bus"), ("b", "sector", "bus"), ("b", "goal", "jobs")]
    >>> names = ("coder_id", "dimension", "class")
    >>> said_by([dict(zip(names, row)) for row in rows])
    {('sector', 'bus'): 3, ('goal', 'jobs'): 2}
    """
    coders = sorted({row["coder_id"] for row in judgements})
    bits = {coder: 1 << n for n, coder in enumerate(coders)}
    said: dict[tuple[str, str], int] = {}
    for row in judgements:
        key = (row["dimension"], row["class"])
        said[key] = said.get(key, 0) | bits[row["coder_id"]]
    return said


def _answers(shared: Shared, verdicts: Sequence[Row], columns: Sequence[str]) -> tuple[str, ...]:
    by: defaultdict[str, list[str]] = defaultdict(list)
    for row in verdicts:
        by[row["dimension"]].append(shared.label(row["dimension"], row["class"]))
    return tuple(" or ".join(sorted(by[d])) for d in columns)


def _changes(shared: Shared) -> ChangesPage:
    earlier = shared.edition.manifest.earlier
    rows: defaultdict[str, list[Change]] = defaultdict(list)
    for row in shared.edition.rows("changes"):
        rows[row["change"]].append(_change(shared, row))
    order = [*CHANGES, *(kind for kind in rows if kind not in CHANGES)]
    groups = [
        (*CHANGES.get(kind, (humanise(kind), "")), tuple(rows[kind]))
        for kind in order
        if rows[kind]
    ]
    published = earlier is not None and earlier.name in shared.others
    return ChangesPage(
        shared.at("changes.html"),
        "Changes",
        earlier.name if earlier else "",
        in_words(earlier.as_of) if earlier else "",
        f"../{earlier.name}/index.html" if earlier and published else "",
        tuple(groups),
    )


def _change(shared: Shared, row: Row) -> Change:
    ids = row["city_ids"] or ""
    cities = ids.split("|") if isinstance(ids, str) else list(ids)
    names = ", ".join(shared.city_names.get(c, c) for c in cities)
    dimension = row["dimension"] or ""
    before, after = (
        "; ".join(shared.label(dimension, c) for c in (row[side] or "").split("|"))
        for side in ("before", "after")
    )
    brief = shared.briefs.get(row["record_id"])
    return Change(row["record_id"], row["title"], brief, names, humanise(dimension), before, after)


def _disputes(shared: Shared) -> DisputesPage:
    names = shared.coder_names
    codings: defaultdict[str, defaultdict[str, list[Row]]]
    codings = defaultdict(lambda: defaultdict(list))
    for row in shared.edition.rows("codings"):
        if row["coder_id"] not in shared.reference:
            continue
        codings[row["dimension"]][row["record_id"]].append(row)
    quotes: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in shared.edition.rows("evidence"):
        quotes[row["dimension"], row["record_id"], row["coder_id"]].append(row["quote"] or "")
    settled = {(r["dimension"], r["record_id"]): r for r in shared.edition.rows("adjudications")}
    groups = []
    for dimension, classes in shared.dimensions.items():
        if classes[0]["derived"]:
            continue
        mine = codings[dimension]
        differing = {
            record_id: {r["coder_id"]: r for r in rows}
            for record_id, rows in mine.items()
            if record_id in shared.briefs and _differ(rows)
        }
        coders = sorted({coder for rows in differing.values() for coder in rows})
        found = []
        for record_id, by in differing.items():
            answers = tuple(
                _answer(shared, by[coder], quotes[dimension, record_id, coder])
                if coder in by
                else None
                for coder in coders
            )
            how = settled.get((dimension, record_id))
            words = _labels(shared, dimension, how["value"]) if how else ()
            found.append(Dispute(shared.briefs[record_id], answers, "; ".join(words)))
        found.sort(key=lambda d: (d.record.title.casefold(), d.record.record_id))
        labels = tuple(names.get(coder, str(coder)) for coder in coders)
        groups.append(
            DisputeGroup(dimension, shared.title(dimension), len(mine), labels, tuple(found))
        )
    records = {dispute.record.record_id for group in groups for dispute in group.disputes}
    return DisputesPage(shared.at("disputes.html"), "Disputes", number(len(records)), tuple(groups))


def _differ(rows: Sequence[Row]) -> bool:
    """Whether coders gave other classes, in whatever order they named them."""
    if len({row["value"] for row in rows}) == 1:
        return False
    return len({frozenset((row["value"] or "").split("|")) for row in rows}) > 1


def _labels(shared: Shared, dimension: str, value: str) -> tuple[str, ...]:
    return tuple(sorted(shared.label(dimension, c) for c in (value or "").split("|")))


def _answer(shared: Shared, row: Row, quotes: Sequence[str]) -> Answer:
    """An answer for the list: where its quotes stand is shown on the record's own page."""
    confidence = "" if row["confidence"] is None else str(row["confidence"])
    labels = _labels(shared, row["dimension"], row["value"])
    shown = tuple((Quote(0, row["dimension"], 0, "", 0, 0, text), False) for text in quotes)
    return Answer(labels, confidence, row["comment"] or "", shown)
