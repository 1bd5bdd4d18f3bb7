"""The page of a record: its facts, its path, its words, and what each coder made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from innovatory.publish.charts import Chart, Moment, timeline_chart
from innovatory.publish.pages import Brief, Draft, Page, Shared, in_words
from innovatory.publish.passages import Quote, Segment, located, segments
from innovatory.publish.reading import BY_RECORD, Row
from innovatory.publish.wording import anchor, humanise, number, query, votes_in_words, web_address
from innovatory.records import STAGES, last_day, valid_when

ALWAYS = ("description", "citizens", "keywords")
"""The fields whose text is always shown; the others where a coder quotes them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the record's facts: `href` opens the records that share it."""

    label: str
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of the record, cut where quotes begin and end."""

    label: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one coder answered: class labels, confidence, comment, the quotes it rests on.

    `quotes` are (quote, whether it was found in the record).
    """

    labels: tuple[str, ...]
    confidence: str
    comment: str
    quotes: tuple[tuple[Quote, bool], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A dimension of the codebook as this record's coders answered it.

    `answers` has an entry for each coder (None: no answer); `differ` says that they gave
    different ones, `settled` how that was settled; `counts` are (label, votes, page of the table).
    """

    dimension: str
    label: str
    derived: bool
    answers: tuple[Answer | None, ...]
    differ: bool
    settled: tuple[str, str, str] | None
    counts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A page that supports the record; `href` is '' where its address is no web address."""

    text: str
    publisher: str
    address: str
    href: str


@dataclass(frozen=True)
class RecordPage(Page):
    """A record in full; `claims` are (id, title, votes), `coders` the coders' labels.

    `asked` are the questions that coders answered, `disputed` those of them on which they differ,
    `follows` what follows from the answers. `counted` says of each coder whether the answers
    count, `coding` how they came about: (coder, words). `expected` is what the machine expects of
    questions that nobody answered: (question, class, how surely).
    """

    record: Brief
    facts: tuple[Fact, ...]
    timeline: Chart | None
    undated: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...]
    coders: tuple[str, ...]
    counted: tuple[bool, ...]
    coding: tuple[tuple[str, str], ...]
    expected: tuple[tuple[str, str, str], ...]
    asked: tuple[Question, ...]
    disputed: tuple[Question, ...]
    follows: tuple[Question, ...]
    sources: tuple[Source, ...]
    organisations: tuple[tuple[str, str, str], ...]
    corrections: tuple[Row, ...]
    claims: tuple[tuple[str, str, str], ...]
    source_title: str


def drafts(shared: Shared) -> Iterator[Draft]:
    """A page for each record."""
    titles = [(claim.id, claim.title) for claim in shared.edition.claims]
    known = [t.name for t in shared.edition.manifest.tables if t.name.startswith("by_")]
    common = shared.key(titles, known, tables=("classes", "coders", "cities", "sources"))
    for record_id, digest in shared.record_digests.items():
        key = f"{common[:32]}{digest.hex()[:32]}"
        path = f"records/{record_id}.html"
        yield Draft(path, "record.html", key, partial(_page, shared, record_id))


def _page(shared: Shared, record_id: str) -> RecordPage:
    rows = {t: shared.edition.grouped(t).get(record_id, []) for t in BY_RECORD}
    record, brief = rows["records"][0], shared.briefs[record_id]
    coders = sorted({row["coder_id"] for row in rows["codings"]})
    names = shared.coder_names
    texts = _texts(record, rows["organisations"], rows["events"])
    quotes = _quotes(rows["evidence"], coders, texts)
    titles = {claim.id: claim.title for claim in shared.edition.claims}
    sources = {r["source_id"]: r["title"] for r in shared.edition.rows("sources")}
    questions = _questions(shared, rows, coders=coders, quotes=quotes, texts=texts)
    asked = tuple(question for question in questions if not question.derived)
    return RecordPage(
        shared.at("records.html", root="../"),
        record["title"],
        brief,
        _facts(shared, record, rows["places"], rows["unresolved"]),
        _timeline(shared, rows["events"]),
        tuple((e["stage"], e["note"] or "") for e in rows["events"] if not _dated(e)),
        _passages(texts, quotes),
        tuple(names.get(coder, coder) for coder in coders),
        tuple(coder in shared.reference for coder in coders),
        _coding(shared, rows["codings"]),
        _expected(shared, record_id),
        asked,
        tuple(question for question in asked if question.differ),
        tuple(question for question in questions if question.derived),
        tuple(_source(row) for row in rows["links"]),
        tuple((o["name"], o["role"], o["kind"]) for o in rows["organisations"]),
        tuple(rows["corrections"]),
        tuple(
            (r["claim_id"], titles[r["claim_id"]], votes_in_words(r["votes"]))
            for r in rows["claim_records"]
            if r["claim_id"] in titles
        ),
        sources.get(record["source_id"], str(record["source_id"] or "")),
    )


def _coding(shared: Shared, codings: list[Row]) -> tuple[tuple[str, str], ...]:
    """When each coder answered, and on how many questions a suggestion was seen before."""
    by_coder: defaultdict[str, list[Row]] = defaultdict(list)
    for row in codings:
        by_coder[row["coder_id"]].append(row)
    found = []
    for coder, rows in sorted(by_coder.items()):
        days = sorted({row["coded_at"][:10] for row in rows if row.get("coded_at")})
        seen = sum(bool(row.get("suggestion")) for row in rows)
        parts = []
        if days:
            parts.append(" to ".join(dict.fromkeys(map(in_words, (days[0], days[-1])))))
        if seen:
            parts.append(f"saw a suggestion first on {seen} of {len(rows)} questions")
        if coder not in shared.reference:
            parts.append("shown, and not counted")
        if parts:
            found.append((shared.coder_names.get(coder, coder), "; ".join(parts)))
    return tuple(found)


def _expected(shared: Shared, record_id: str) -> tuple[tuple[str, str, str], ...]:
    told = shared.expected.get(record_id, ())
    return tuple(
        (shared.title(dimension), shared.label(dimension, class_), words)
        for name in shared.dimensions
        for dimension, class_, words in told
        if dimension == name
    )


def _facts(
    shared: Shared, record: Row, places: list[Row], unresolved: list[Row]
) -> tuple[Fact, ...]:
    facts = [Fact("Kind", humanise(record["kind"]), _open(kind=record["kind"]))]
    for place in places:
        city_id = place["city_id"] if place["city_id"] in shared.city_names else ""
        href = f"../cities/{city_id}.html" if city_id else ""
        role = "" if place["role"] == "site" else f" ({place['role']})"
        spelt = shared.city_names.get(city_id, place["name"])
        facts.append(Fact("City", f"{spelt}{role}", href))
    facts += [Fact("Place of no known city", f"{u['name']}: {u['reason']}") for u in unresolved]
    amount = ""
    if record["funding_amount"] is not None:
        amount = f", {number(record['funding_amount'])} {record['funding_currency'] or ''}".rstrip()
    since = f" since {record['stage_since']}" if record["stage_since"] else ""
    known = (
        ("District", record["district"] or "", ""),
        ("Led by", record["lead"] or "", ""),
        ("Kind of lead", humanise(record["lead_type"] or ""), ""),
        ("Start", record["start"] or "", ""),
        ("End", record["end"] or "", ""),
        ("Status", humanise(record["status"]), _open(status=record["status"])),
        ("Stage", humanise(record["stage"]) + since, _open(stage=record["stage"])),
        ("Furthest stage", humanise(record["furthest_stage"] or ""), ""),
        ("Funding", humanise(record["funding_source"] or "") + amount,
         _open(funding=record["funding_source"] or "unknown")),
        ("Note on funding", record["funding_note"] or "", ""),
        ("Language", record["language"] or "", ""),
    )  # fmt: skip
    return tuple(facts + [Fact(*fact) for fact in known if fact[1]])


def _open(**filters: str) -> str:
    return "../records.html" + query(**filters)


def _dated(event: Row) -> bool:
    return bool(event["when"]) and valid_when(event["when"]) and event["stage"] in STAGES


def _timeline(shared: Shared, events: list[Row]) -> Chart | None:
    moments = []
    for row in events:
        if _dated(row):
            first = date.fromisoformat((row["when"] + "-01-01")[:10])
            moments.append(
                Moment(row["when"], row["stage"], row["note"] or "", _years(first),
                       _years(last_day(row["when"])), bool(row["counted"]))
            )  # fmt: skip
    if not moments:
        return None
    moments.sort(key=lambda m: (m.last, STAGES.index(m.stage)))
    counted = [m for m in moments if m.counted]
    last = counted[-1] if counted else None
    reached = f"{humanise(last.stage)} since {last.when}" if last else "Nothing dated"
    as_of = date.fromisoformat(shared.edition.manifest.as_of)
    finding = f"{reached}, as of {shared.head.as_of}."
    return timeline_chart(
        moments, stages=STAGES, as_of=_years(as_of), name="path", title="Path of stages",
        finding=finding,
    )  # fmt: skip


def _years(day: date) -> float:
    return day.year + (day.timetuple().tm_yday - 1) / 365.25


def _texts(record: Row, organisations: list[Row], events: list[Row]) -> dict[str, str]:
    names = ("title", "local_name", "description", "lead", "citizens", "district", "keywords")
    texts = {name: record[name] or "" for name in names}
    texts["funding.note"] = record["funding_note"] or ""
    texts |= {f"events.{e['ord']}.note": e["note"] or "" for e in events}
    texts |= {f"organisations.{o['ord']}.name": o["name"] or "" for o in organisations}
    return texts


def _quotes(evidence: list[Row], coders: list[str], texts: Mapping[str, str]) -> list[Quote]:
    order = {name: n for n, name in enumerate(texts)}
    placed = sorted(
        evidence,
        key=lambda r: (order.get(r["field"] or "", 999), r["start"] or 0, r["end"] or 0,
                       r["coder_id"], r["dimension"], r["quote"] or ""),
    )  # fmt: skip
    return [
        Quote(n, r["dimension"], coders.index(r["coder_id"]) if r["coder_id"] in coders else 0,
              r["field"] or "", r["start"] or 0, r["end"] or 0, r["quote"] or "")
        for n, r in enumerate(placed, start=1)
    ]  # fmt: skip


def _passages(texts: Mapping[str, str], quotes: list[Quote]) -> tuple[Passage, ...]:
    found = []
    for name, text in texts.items():
        here = [q for q in quotes if q.field == name and located(q, texts)]
        if text and (here or name in ALWAYS):
            label = (
                humanise(name.split(".")[0]).removesuffix("s") if "." in name else humanise(name)
            )
            found.append(Passage(label, segments(text, here)))
    return tuple(found)


def _questions(
    shared: Shared,
    rows: Mapping[str, list[Row]],
    *,
    coders: list[str],
    quotes: list[Quote],
    texts: Mapping[str, str],
) -> tuple[Question, ...]:
    codings = {(r["dimension"], r["coder_id"]): r for r in rows["codings"]}
    settled = {r["dimension"]: r for r in rows["adjudications"]}
    follows = shared.follows(rows["records"][0]["record_id"])
    verdicts: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows["verdicts"]:
        verdicts[row["dimension"]].append(row)
    quoted: defaultdict[tuple[str, int], list[tuple[Quote, bool]]] = defaultdict(list)
    for q in quotes:
        quoted[q.dimension, q.coder].append((q, located(q, texts)))
    found = []
    for dimension, classes in shared.dimensions.items():
        answered = any((dimension, coder) in codings for coder in coders)
        if dimension not in verdicts and not answered:
            continue
        derived = bool(classes[0]["derived"])
        if derived:
            said = follows.get(dimension, {})
            answers = tuple(_follows(shared, dimension, said.get(coder)) for coder in coders)
        else:
            answers = tuple(
                _answer(shared, codings.get((dimension, coder)), tuple(quoted[dimension, n]))
                for n, coder in enumerate(coders)
            )
        given = {
            answer.labels
            for coder, answer in zip(coders, answers, strict=True)
            if answer and coder in shared.reference
        }
        how = settled.get(dimension)
        counts = tuple(_count(shared, row) for row in verdicts[dimension])
        found.append(
            Question(
                dimension, shared.title(dimension), derived, answers,
                len(given) > 1 or any(row["disputed"] for row in verdicts[dimension]),
                (_labels(shared, dimension, how["value"]), how["adjudicator"] or "",
                 how["reason"] or "") if how else None,
                counts,
            )
        )  # fmt: skip
    return tuple(found)


def _labels(shared: Shared, dimension: str, value: str) -> str:
    return "; ".join(shared.label(dimension, c) for c in (value or "").split("|"))


def _follows(shared: Shared, dimension: str, classes: list[str] | None) -> Answer | None:
    if classes is None:
        return None
    return Answer(tuple(sorted(shared.label(dimension, c) for c in classes)), "", "", ())


def _answer(
    shared: Shared, row: Row | None, quotes: tuple[tuple[Quote, bool], ...]
) -> Answer | None:
    if row is None:
        return None
    labels = sorted(shared.label(row["dimension"], c) for c in (row["value"] or "").split("|"))
    confidence = "" if row["confidence"] is None else str(row["confidence"])
    return Answer(tuple(labels), confidence, row["comment"] or "", quotes)


def _count(shared: Shared, verdict: Row) -> tuple[str, str, str]:
    table = shared.count_table(verdict["dimension"])
    href = f"../tables/{table}.html#class-{anchor(verdict['class'])}" if table else ""
    return (
        shared.label(verdict["dimension"], verdict["class"]),
        votes_in_words(verdict["votes"]),
        href,
    )


def _source(row: Row) -> Source:
    address = row["url"] or ""
    return Source(row["title"] or address, row["publisher"] or "", address, web_address(address))
