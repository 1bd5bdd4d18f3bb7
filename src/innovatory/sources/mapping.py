"""The mapping of a table's columns to the fields of a record, as a TOML file says it."""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from innovatory.errors import MappingError
from innovatory.records import STAGES
from innovatory.sources.draft import TEXTS
from innovatory.sources.reader import Fault, excerpt

LISTS = ("keywords", "partners", "links", "city", "country")
"""The fields that may hold several values in one cell."""

TARGETS = frozenset(TEXTS) | {
    "id",
    "start",
    "end",
    "verified",
    *LISTS,
    "funding.source",
    "funding.amount",
    "funding.currency",
    "funding.note",
}
"""The fields that a column or constant can fill."""

_TEXT_KEYS = ("encoding", "delimiter", "sheet", "decimal")
_TABLE_KEYS = ("fields", "constants", "values", "lists")
_KEYS = frozenset((*_TEXT_KEYS, *_TABLE_KEYS, "dates", "events"))
_FORMULA = re.compile(r"[=@]|[+-](?!\s)(?![\d\s.,()/:%-]*$)")


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A cell whose value is not taken: a formula, or an error that one left."""

    text: str
    reason: str
    next_step: str = "paste values"


@dataclass(frozen=True, slots=True)
class EventColumn:
    """A column of dates at which a record reached a stage, and maybe one of notes."""

    column: str
    stage: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column fills which field, and how its cells are understood."""

    file: str
    fields: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    decimal: str = "."
    events: tuple[EventColumn, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""

    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        notes = tuple(event.note for event in self.events if event.note)
        return (*self.fields.values(), *(event.column for event in self.events), *notes)

    def check(self, header: Sequence[str], table: str) -> None:
        """Raises `MappingError` where a column that is read is absent, or there twice."""
        for column in self.columns():
            if header.count(column) != 1:
                there = "is there twice" if column in header else "is not there"
                found = ", ".join(repr(excerpt(name)) for name in header[:40])
                raise MappingError(
                    f"{self.file}: the column {column!r} {there} in {table}; its columns are "
                    f"{found}; correct the mapping"
                )


def load_mapping(path: Path) -> ColumnMapping:
    """The mapping of a TOML file; raises `MappingError` with the key that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        return parse_mapping(text, file=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: cannot be read ({error}); check the path") from error


def parse_mapping(text: str, *, file: str) -> ColumnMapping:
    """The mapping that a TOML text states.

    >>> parse_mapping('fields = {title = "Name"}', file="m.toml").fields["title"]
    'Name'
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{file}: is not TOML ({error}); correct it") from error

    if unknown := sorted(table.keys() - _KEYS):
        raise _wrong(file, unknown[0], f"is not known; use {', '.join(sorted(_KEYS))}")
    for key in _TABLE_KEYS:
        if not isinstance(table.setdefault(key, {}), dict):
            raise _wrong(file, key, "must be a table")
    mapping = ColumnMapping(
        file,
        _flat(table["fields"]),
        _flat(table["constants"]),
        _value_maps(table["values"]),
        _flat(table["lists"]),
        _dates(table.get("dates", []), file),
        table.get("decimal", "."),
        _event_columns(table.get("events", []), file),
        table.get("encoding", ""),
        table.get("delimiter", ""),
        table.get("sheet", ""),
    )
    _check_names(mapping)
    _check_texts(mapping)
    return mapping


def _wrong(file: str, key: str, must: str) -> MappingError:
    return MappingError(f"{file}: {key} {must}; see docs/formats.md")


def _check_names(mapping: ColumnMapping) -> None:
    """Raises `MappingError` where a mapping names a field that there is not."""
    for key in ("fields", "constants", "values"):
        for name in getattr(mapping, key):
            if name not in TARGETS:
                allowed = ", ".join(sorted(TARGETS))
                raise _wrong(mapping.file, f"{key}.{name}", f"is no field; use {allowed}")
    for name in mapping.lists:
        if name not in LISTS:
            raise _wrong(mapping.file, f"lists.{name}", f"is no list; use {', '.join(LISTS)}")
    if "title" not in mapping.fields:
        raise _wrong(mapping.file, "fields.title", "is missing: name the column of the title")


def _check_texts(mapping: ColumnMapping) -> None:
    """Raises `MappingError` where a text of a mapping is none, or not one of those it can be."""
    for key in _TEXT_KEYS:
        if not isinstance(getattr(mapping, key), str):
            raise _wrong(mapping.file, key, "must be text in quotes")
    for name, value in (*mapping.fields.items(), *mapping.lists.items()):
        if not isinstance(value, str) or not value:
            raise _wrong(mapping.file, name, "must be text in quotes")
    if len(mapping.delimiter) > 1 or mapping.decimal not in (".", ","):
        reason = "are one character; decimal is '.' or ','"
        raise _wrong(mapping.file, "delimiter and decimal", reason)
    try:
        "".encode(mapping.encoding or "utf-8")
    except LookupError as error:
        raise _wrong(mapping.file, "encoding", f"{mapping.encoding!r} is not known") from error


def _dates(forms: Any, file: str) -> tuple[str, ...]:
    if not isinstance(forms, list) or not all(isinstance(form, str) for form in forms):
        raise _wrong(file, "dates", 'must be a list of formats, as in ["%d.%m.%Y"]')
    return tuple(forms)


def native_mapping(header: Sequence[str], *, table: str) -> ColumnMapping:
    """The mapping of a table whose columns are already named as fields.

    Raises `MappingError` where it has no column `title`.
    """
    fields = {name: name for name in header if name in TARGETS}
    if "title" not in fields:
        raise MappingError(
            f"{table}: has no column 'title' and no mapping; 'innovatory mapping' proposes one: "
            "give it with --mapping, or name it in source.toml as mapping"
        )
    return ColumnMapping(table, fields, lists={name: ";" for name in LISTS if name in fields})


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A table with `funding.amount` as one key, whether it was written quoted or not."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _value_maps(table: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, str]]:
    maps: dict[str, dict[str, str]] = {}
    for key, value in table.items():
        if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
            maps[prefix + key] = value
        elif isinstance(value, dict):
            maps |= _value_maps(value, f"{prefix}{key}.")
        else:
            maps[prefix + key] = {}
    return maps


def _event_columns(tables: Any, file: str) -> tuple[EventColumn, ...]:
    events = []
    for table in tables if isinstance(tables, list) else [tables]:
        known = isinstance(table, dict) and not table.keys() - {"column", "stage", "note"}
        if not known or not {"column", "stage"} <= table.keys():
            raise _wrong(file, "events", "are tables [[events]] with column, stage and maybe note")
        if not all(isinstance(item, str) for item in table.values()):
            raise _wrong(file, "events", "hold text in quotes")
        if table["stage"] not in STAGES:
            raise _wrong(file, f"events: {table['stage']!r}", f"is not one of {', '.join(STAGES)}")
        events.append(EventColumn(**table))
    return tuple(events)


def draft_of(
    cells: Mapping[str, Any], mapping: ColumnMapping
) -> tuple[dict[str, Any], list[Fault]]:
    """A row of a table in the native layout, and what is suspicious in its cells.

    >>> mapping = parse_mapping(
    ...     'dates = ["%d.%m.%Y"]\\n[fields]\\ntitle = "Name"\\nstart = "Von"', file="m.toml")
    >>> draft_of({"Name": "Bus", "Von": "24.12.2020"}, mapping)[0]
    {'title': 'Bus', 'start': '2020-12-24', 'id': 'bus'}
    """
    found: list[Fault] = []
    flat: dict[str, Any] = dict(mapping.constants)
    for name, column in mapping.fields.items():
        cell = cells.get(column)
        if isinstance(cell, list) and name in LISTS:
            flat[name] = cell
        elif text := _cell(cell, name, column, found):
            flat[name] = _value(name, mapping.values.get(name, {}).get(text, text), mapping)
    draft = _nested(flat)
    events = []
    for event in mapping.events:
        when = _cell(cells.get(event.column), "events", event.column, found)
        if when:
            note = _cell(cells.get(event.note), "events", event.note, found)
            events.append({"when": _when(when, mapping), "stage": event.stage, "note": note})
    if events:
        draft["events"] = events
    if "id" not in mapping.fields and "id" not in draft:
        draft["id"] = slug(str(draft.get("title", "")), flat.get("city", ""))
    _places(draft)
    return draft, found


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A draft with `funding.amount` as a key inside `funding`."""
    draft: dict[str, Any] = {}
    for name, value in flat.items():
        outer, _, inner = name.partition(".")
        if inner:
            draft.setdefault(outer, {})[inner] = value
        else:
            draft[name] = value
    return draft


def _places(draft: dict[str, Any]) -> None:
    """Several cities of one cell become places, each with the country at the same place."""
    cities, countries = draft.get("city"), draft.get("country")
    if isinstance(countries, list) and len(countries) == 1:
        draft["country"] = countries = countries[0]
    if not isinstance(cities, list):
        return
    del draft["city"]
    draft.pop("country", None)
    if not isinstance(countries, list):
        countries = [countries or ""] * len(cities)
    # Where the two lists differ in length, no country can be told to be that of a city.
    same = len(countries) == len(cities)
    draft["places"] = [
        {"name": city, "country": countries[n] if same else ""} for n, city in enumerate(cities)
    ]


def _cell(cell: Any, name: str, column: str, found: list[Fault]) -> str:
    """A cell as text; formulas and what looks like one are listed with their column."""
    if isinstance(cell, Untrusted):
        fatal = name in ("id", "kind", "title")
        reason = f"{cell.reason} (column {column!r})"
        found.append(Fault(name, reason, cell.next_step, fatal, excerpt(cell.text)))
        return ""
    if isinstance(cell, str):
        text = cell.strip()
        if _FORMULA.match(text):
            reason = f"looks like a formula (column {column!r}); it is kept as text"
            found.append(Fault(name, reason, "check the cell", False, excerpt(text)))
        return text
    if isinstance(cell, list | dict):
        reason = f"is not a single value (column {column!r})"
        found.append(Fault(name, reason, "write one value", False, excerpt(cell)))
        return ""
    return cell_text(cell)


def cell_text(cell: Any) -> str:
    """A cell of any type as text; a date without a time as YYYY-MM-DD.

    >>> cell_text(2019.0), cell_text(datetime(2020, 5, 1)), cell_text(None), cell_text(True)
    ('2019', '2020-05-01', '', 'true')
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return cell.text if isinstance(cell, Untrusted) else str(cell).strip()


def _value(name: str, text: str, mapping: ColumnMapping) -> Any:
    """A cell's text as the native layout has it for the field."""
    if name in mapping.lists:
        return [part.strip() for part in text.split(mapping.lists[name]) if part.strip()]
    if name in ("keywords", "partners", "links"):
        return [text]
    if name in ("start", "end"):
        return _when(text, mapping)
    if name == "verified":
        return {"true": True, "false": False}.get(text.lower(), text)
    if name == "funding.amount":
        amount = number(text, decimal=mapping.decimal)
        return text if amount is None else amount
    return text


def number(text: str, *, decimal: str) -> float | None:
    """The number that a text means, its thousands marked or not; None where it is none.

    >>> number("1.234.567,50", decimal=","), number("12 000", decimal=".")
    (1234567.5, 12000.0)
    """
    thousands = "." if decimal == "," else ","
    plain = re.sub(r"[\s'’]", "", text[:80])
    grouped = rf"-?\d{{1,3}}(\{thousands}\d{{3}})+(\{decimal}\d+)?"
    if not re.fullmatch(rf"{grouped}|-?\d+(\{decimal}\d+)?", plain, re.ASCII):
        return None
    return float(plain.replace(thousands, "").replace(decimal, "."))


def _when(text: str, mapping: ColumnMapping) -> str:
    """A date in one of the mapping's formats as YYYY, YYYY-MM or YYYY-MM-DD; else the text."""
    for form in mapping.dates:
        try:
            moment = datetime.strptime(text, form)
        except (ValueError, re.error):
            continue
        day = any(part in form for part in ("%d", "%j", "%x", "%c"))
        month = day or any(part in form for part in ("%m", "%b", "%B"))
        return moment.date().isoformat()[: 10 if day else 7 if month else 4]
    return text


def slug(title: str, city: Any = "") -> str:
    """A stable id from title and city; characters that a slug cannot show enter as a hash.

    >>> slug("Grüne Welle", "Wien"), slug("", "Wien")
    ('grune-welle-wien', '')
    >>> slug("버스", "서울") != slug("버스", "부산")
    True
    """
    if not title.strip():
        return ""
    where = " ".join(city) if isinstance(city, list) else str(city)
    text = f"{title} {where}"
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")
    letters = sum(c.isalnum() for c in unicodedata.normalize("NFC", text))
    if len(plain) > 90 or sum(c.isalnum() for c in folded) < letters:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        return f"{plain[:90].strip('-')}-{digest}".lstrip("-")
    return plain
