"""What an edition rests on: its method, its codebook, its data to download."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from innovatory import design
from innovatory.codebook import Derived, RollUp, Rule
from innovatory.publish.pages import Draft, Page, Shared, in_words
from innovatory.publish.reading import Row, TableText
from innovatory.publish.table import Cell, Column, Table
from innovatory.publish.wording import humanise, number, web_address

DESIGNS = {
    "census": (
        "counts, shares and rankings, said of all that it stands for",
        "what lies outside of what it stands for; records that it failed to reach",
    ),
    "random": (
        "shares of what it was drawn from, with the error of a sample",
        "exact totals, and rankings of places with few records",
    ),
    "quota": (
        "what kinds of records there are, and shares of this collection",
        "how many there are in a city, which city leads, shares of all projects anywhere",
    ),
    "self_reported": (
        "what those who reported say of themselves",
        "those who did not report; failures, which are seldom reported; rankings",
    ),
    "convenience": (
        "examples, and shares of this collection",
        "counts, shares or rankings of anything beyond the collection",
    ),
}
"""What records gathered by each design can carry, and what they cannot."""


@dataclass(frozen=True, slots=True)
class Design:
    """A source with its design in words, what that can carry and what it cannot."""

    source: Row
    words: str
    carries: str
    cannot: str
    href: str


@dataclass(frozen=True)
class MethodPage(Page):
    """How the numbers came about: the sources' designs, the rules of counting, what was left out.

    `counts` are (what, number); `version` names the code and data that made the edition.
    """

    designs: tuple[Design, ...]
    counting: str
    counts: tuple[tuple[str, str], ...]
    coders: tuple[Row, ...]
    samples: Table | None
    pooled: bool
    machine: Table | None
    agreement: Table | None
    unresolved: tuple[Row, ...]
    version: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A dimension of the codebook: its question, its classes, the rule where it is derived."""

    dimension: str
    label: str
    question: str
    kind: str
    rule: str
    classes: tuple[Row, ...]
    table: str


@dataclass(frozen=True)
class CodebookPage(Page):
    """The codebook in force: what coders were asked, and what follows from their answers."""

    unit: str
    rule: str
    version: str
    coded: tuple[Entry, ...]
    derived: tuple[Entry, ...]


@dataclass(frozen=True)
class DataPage(Page):
    """The tables to download, each with its columns; `dataset` describes them to search engines."""

    tables: tuple[TableText, ...]
    licences: tuple[str, ...]
    cite: str
    dataset: Markup


def drafts(shared: Shared) -> Iterator[Draft]:
    """The pages on method, codebook and data."""
    manifest = shared.edition.manifest
    yield method(shared)
    known = [t.name for t in manifest.tables]
    key = shared.key(manifest.codebook, known, tables=("classes",))
    yield Draft("codebook.html", "codebook.html", key, partial(_codebook, shared))
    shown = [(t.name, t.text, t.rows, t.columns) for t in manifest.tables]
    key = shared.key(shown, manifest.as_of, tables=("sources",))
    yield Draft("data.html", "data.html", key, partial(_data, shared))


def method(shared: Shared) -> Draft:
    """The page on method: the only one that names the state of the ledger."""
    manifest = shared.edition.manifest
    told = ("samples", "machine", "agreement")
    tables = ("sources", "coders", "unresolved", "records",
              *(name for name in told if shared.edition.described(name)))  # fmt: skip
    key = shared.key(
        manifest.counting, manifest.counts, manifest.ledger, manifest.innovatory, tables=tables
    )
    return Draft("method.html", "method.html", key, partial(_method, shared))


def _method(shared: Shared) -> MethodPage:
    manifest = shared.edition.manifest
    designs = []
    for row in shared.edition.rows("sources"):
        words = design.LABELS.get(row["design"]) or row["design"]
        can = DESIGNS.get(row["design"], ("not known", "not known"))
        designs.append(Design(row, humanise(words), *can, web_address(row["url"] or "")))
    version = [
        ("Ledger", str(manifest.ledger.get("state", ""))),
        ("Codebook", str(manifest.codebook.get("version", ""))),
        ("Innovatory", manifest.innovatory),
    ]
    known = [r for r in shared.edition.rows("unresolved") if r["record_id"] in shared.briefs]
    return MethodPage(
        shared.at("method.html"),
        "Method",
        tuple(designs),
        manifest.counting,
        tuple((humanise(name), number(n)) for name, n in manifest.counts.items()),
        tuple(shared.edition.rows("coders")),
        _samples(shared),
        shared.edition.described("city_pooled") is not None,
        _machine(shared),
        _agreement(shared),
        tuple(known),
        tuple((name, text) for name, text in version if text),
    )


def _samples(shared: Shared) -> Table | None:
    """How many records were coded and how they were chosen; alike questions in one row."""
    columns = (Column("Questions"), Column("Kind"), Column("Records", True), Column("Coded", True),
               Column("Drawn", True), Column("Coded twice", True), Column("Draws"))  # fmt: skip
    alike: dict[tuple[Any, ...], list[str]] = {}
    asked: set[str] = set()
    for row in _told(shared, "samples"):
        if "+" not in row["asked"]:
            numbers = tuple(row[name] for name in ("records", "coded", "drawn", "doubled"))
            alike.setdefault((row["kind"], numbers, row["draws"]), []).append(row["asked"])
            asked.add(row["asked"])
    rows = [
        (Cell("All questions" if len(names) == len(asked) else ", ".join(map(shared.title, names))),
         Cell(humanise(kind) or "Any"), *(Cell(number(n), value=str(n)) for n in numbers),
         Cell(draws.replace("|", ", ") or "none"))
        for (kind, numbers, draws), names in alike.items()
    ]  # fmt: skip
    return Table("Records coded, by question", columns, tuple(rows)) if rows else None


def _machine(shared: Shared) -> Table | None:
    columns = (Column("Question"), Column("Coded", True), Column("Right", True),
               Column("Right by always giving the commonest answer", True),
               Column("Macro-F1", True))  # fmt: skip
    rows = []
    for row in _told(shared, "machine"):
        told = [_digits(row[name]) for name in ("accuracy", "majority_accuracy", "macro_f1")]
        labels = Cell(number(row["labels"]), value=str(row["labels"]))
        figures = (Cell(text, value=text or "-1") for text in told)
        rows.append((Cell(shared.title(row["dimension"])), labels, *figures))
    return Table("The machine coder, cross-validated", columns, tuple(rows)) if rows else None


def _agreement(shared: Shared) -> Table | None:
    """One row a question, of all records together."""
    found: dict[str, dict[str, Row]] = {}
    for row in _told(shared, "agreement"):
        if row["class"] == "" and row["by"] == "":
            found.setdefault(row["dimension"], {})[row["measure"]] = row
    measures = {"alpha": "Alpha", "ac1": "AC1", "percent": "Agree"}
    columns = (Column("Question"), Column("Records", True),
               *(Column(words, True) for words in measures.values()))  # fmt: skip
    rows = []
    for dimension, measured in found.items():
        units = measured["percent"]["units"]
        cells = [Cell(shared.title(dimension)), Cell(number(units), value=str(units))]
        for name in measures:
            row = measured.get(name, {})
            ends = [_digits(row.get(end)) for end in ("low", "high")]
            text = _digits(row.get("value"))
            note = f"{ends[0]}–{ends[1]}" if all(ends) else ""
            cells.append(Cell(text, note=note, value=text or "-1"))
        rows.append(tuple(cells))
    title = "Agreement of coders, with 95% bootstrap intervals"
    return Table(title, columns, tuple(rows)) if rows else None


def _told(shared: Shared, table: str) -> list[Row]:
    return shared.edition.rows(table) if shared.edition.described(table) else []


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _codebook(shared: Shared) -> CodebookPage:
    book = shared.book
    entries = []
    for dimension, classes in shared.dimensions.items():
        asked = book.dimension(dimension)
        table = shared.count_table(dimension)
        entries.append(
            Entry(
                dimension,
                shared.title(dimension),
                asked.question if asked else "",
                "several answers" if classes[0]["kind"] == "multi" else "one answer",
                _rule(shared, asked.how) if isinstance(asked, Derived) else "",
                tuple(classes),
                f"tables/{table}.html" if table else "",
            )
        )
    return CodebookPage(
        shared.at("codebook.html"),
        "Codebook",
        book.unit,
        book.rule,
        str(shared.edition.manifest.codebook.get("version", "")),
        tuple(e for e in entries if not e.classes[0]["derived"]),
        tuple(e for e in entries if e.classes[0]["derived"]),
    )


def _rule(shared: Shared, how: Rule | RollUp) -> str:
    if isinstance(how, RollUp):
        return f"classes of “{shared.title(how.of)}” are put together"
    names = ", ".join(f"“{shared.title(name)}”" for name in how.of)
    number_needed = "all" if how.needed == len(how.of) else f"at least {how.needed}"
    return f"{number_needed} of {names} are answered “{shared.label(how.of[0], how.answer)}”"


def _data(shared: Shared) -> DataPage:
    manifest, head = shared.edition.manifest, shared.head
    licences = tuple(dict.fromkeys(s.licence for s in head.sources if s.licence))
    cite = f"{head.site}, {manifest.title}, edition {manifest.name} (as of {head.as_of})."
    description = (
        f"Records of urban innovation, coded and counted, as of {in_words(manifest.as_of)}."
    )
    if manifest.synthetic:
        description = f"Synthetic data, made for trying things out. {description}"
    dataset = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": f"{manifest.title}, edition {manifest.name}",
        "description": description,
        "version": manifest.name,
        "temporalCoverage": f"../{manifest.as_of}",
        "license": list(licences),
        "creditText": "; ".join(s.attribution for s in head.sources if s.attribution),
        "distribution": [
            {
                "@type": "DataDownload",
                "contentUrl": f"data/{t.name}.csv",
                "encodingFormat": "text/csv",
            }
            for t in manifest.tables
        ],
    }
    return DataPage(
        shared.at("data.html"), "Data", manifest.tables, licences, cite, in_script(dataset)
    )


def in_script(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element.

    >>> str(in_script({"a": "</script>"}))
    '{"a": "\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # every letter that HTML could read as markup is escaped above
