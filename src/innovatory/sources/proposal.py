"""A first mapping for a table, from its header and a look at its values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from innovatory.errors import SourceError
from innovatory.records import FUNDING_SOURCES, KINDS, LEAD_TYPES, STAGES, STATUSES
from innovatory.sources.lines import SAMPLE, open_bytes, sniff_encoding
from innovatory.sources.mapping import LISTS, cell_text, number
from innovatory.sources.tables import Cells, Table, open_table, sniff_delimiter
from innovatory.sources.workbook import SUFFIXES as WORKBOOKS
from innovatory.sources.workbook import open_sheet

SYNONYMS = {
    "id": "id identifier code ref reference project_id projectid record_id key kennung",
    "kind": "kind record_type",
    "title": "title name project project_name project_title titel titre titulo nombre intitule "
    "projektname projekttitel bezeichnung",
    "description": "description summary abstract objective text details beschreibung "
    "descripcion resume kurzbeschreibung",
    "local_name": "local_name native_name original_title acronym",
    "language": "language lang sprache langue idioma",
    "lead": "lead lead_organisation lead_organization lead_partner coordinator owner organisation "
    "organization applicant traeger trager porteur",
    "lead_type": "lead_type organisation_type organization_type",
    "start": "start start_date startdate start_year begin from year beginn von debut inicio jahr",
    "end": "end end_date enddate end_year finish until to ende bis fin",
    "status": "status state phase",
    "district": "district borough neighbourhood neighborhood bezirk quartier barrio",
    "citizens": "citizens participation citizen_participation",
    "keywords": "keywords tags topics themes schlagworte mots_cles palabras_clave",
    "city": "city cities town municipality location place stadt ort gemeinde ville ciudad "
    "comune citta",
    "country": "country country_code land pays pais",
    "partners": "partners partner participants organisations organizations partenaires socios",
    "links": "links link url website web homepage webseite",
    "funding.source": "funding_source funder funding_type",
    "funding.amount": "funding_amount funding budget amount grant total_cost cost fordersumme "
    "kosten montant importe",
    "funding.currency": "currency wahrung devise moneda",
    "verified": "verified checked",
    "doubts": "doubts caveats",
}
"""Words by which headers call a field, folded to a-z and underscores."""

DATE_FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m.%Y", "%b %Y")
_VOCABULARIES = {
    "kind": KINDS,
    "status": STATUSES,
    "lead_type": LEAD_TYPES,
    "funding.source": FUNDING_SOURCES,
}
_LOOK = 500


def propose_mapping(path: Path) -> str:
    """The TOML text of a first mapping for a CSV or XLSX file, to be read and corrected.

    It states the encoding and delimiter that were sniffed, maps the columns whose names or values
    tell what they are, and names the others in comments. Raises `SourceError` where the file
    has no header.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file; check the path")
    top: list[str] = []
    if path.suffix.lower() in WORKBOOKS:
        with open_sheet(path) as table:
            header, columns = _look(table, path)
    else:
        with open_bytes(path) as stream:
            sample = stream.peek(SAMPLE)
            encoding = sniff_encoding(sample)
            text = sample.decode(encoding, "replace").lstrip("\ufeff").lstrip()
            delimiter = sniff_delimiter(text.partition("\n")[0])
            top = [f"encoding = {_quoted(encoding)}", f"delimiter = {_quoted(delimiter)}"]
            table = open_table(stream, file=path.name, encoding=encoding, delimiter=delimiter)
            header, columns = _look(table, path)
    return _toml(path.name, top, header, columns)


def _look(table: Table, path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The header and the first values of each column that are not empty."""
    if not table.header:
        raise SourceError(f"{path}: has no header; give the columns names in the first row")
    rows = [row.cells for row in islice(table.rows, _LOOK) if isinstance(row, Cells)]
    columns: dict[str, list[str]] = {}
    for n, name in enumerate(table.header):
        if name and name not in columns:
            columns[name] = [text for row in rows if (text := cell_text(row[n]))]
    return table.header, columns


def _toml(file: str, top: list[str], header: Sequence[str], columns: dict[str, list[str]]) -> str:
    fields = _guess(columns)
    dates = _dates([columns[fields[name]] for name in ("start", "end") if name in fields])
    decimal = _decimal(columns.get(fields.get("funding.amount", ""), []))
    lines = [f"# A first mapping for {_comment(file)}: read it, correct it, delete what is wrong."]
    lines += top
    if dates:
        lines.append(f"dates = [{', '.join(_quoted(form) for form in dates)}]")
    if decimal == ",":
        lines.append('decimal = ","')
    lines += ["", "[fields]"]
    if "id" not in fields:
        lines.append("# no column of ids was found: the id is made of title and city")
    lines += [f"{_key(name)} = {_quoted(column)}" for name, column in fields.items()]
    if "title" not in fields:
        lines.append('title = "?"  # name the column of the title')
    events = {
        name: stage
        for name in columns
        if name not in fields.values()
        for stage in STAGES
        if stage in _folded(name).split("_") and all(_is_year(v) for v in columns[name][:20])
    }
    unused = [n for n in columns if n not in fields.values() and n not in events]
    lines += [f"# not mapped: {_comment(name)}" for name in unused]
    if "kind" not in fields:
        lines += ["", "[constants]", 'kind = "project"  # or "living_lab"']
    lists = {name: sign for name in LISTS if (sign := _separator(columns, fields.get(name, "")))}
    if lists:
        lines += ["", "[lists]"]
        lines += [f"{_key(name)} = {_quoted(sign)}" for name, sign in lists.items()]
    for name, vocabulary in _VOCABULARIES.items():
        lines += _values(name, columns.get(fields.get(name, ""), []), vocabulary)
    for name, stage in events.items():
        lines += ["", "[[events]]", f"column = {_quoted(name)}", f"stage = {_quoted(stage)}"]
    return "\n".join(lines) + "\n"


def _folded(name: str) -> str:
    """A header as a-z and underscores.

    >>> _folded("Start date (plan)"), _folded("startDate")
    ('start_date_plan', 'start_date')
    """
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", plain)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


def _guess(columns: dict[str, list[str]]) -> dict[str, str]:
    """The column of each field: the first whose name is a synonym, the better synonyms first."""
    fields: dict[str, str] = {}
    for name, synonyms in SYNONYMS.items():
        free = {_folded(c): c for c in reversed(columns) if c not in fields.values()}
        for synonym in (name, *synonyms.split()):
            if synonym in free and _fits(name, columns[free[synonym]]):
                fields[name] = free[synonym]
                break
    return fields


def _fits(name: str, values: list[str]) -> bool:
    """Whether a column's values can be those of a field, where that can be told."""
    if name == "id":
        return len(set(values)) == len(values)
    if name == "kind":
        return set(values) <= set(KINDS)
    tests: dict[str, Callable[[str], Any]] = {
        "links": lambda value: value.startswith("http"),
        "funding.amount": lambda value: any(c.isdigit() for c in value),
    }
    test = tests.get(name)
    return test is None or sum(bool(test(value)) for value in values) * 2 >= len(values)


def _is_year(value: str) -> bool:
    return re.match(r"\d{4}\b", value) is not None


def _dates(columns: list[list[str]]) -> list[str]:
    """The formats that read the most dates; ISO dates need none."""
    values = [v for column in columns for v in column if not re.fullmatch(r"\d{4}(-\d\d){0,2}", v)]
    found: list[str] = []
    while values and len(found) < 3:
        best = max(DATE_FORMATS, key=lambda form: sum(_parses(v, form) for v in values))
        left = [value for value in values if not _parses(value, best)]
        if len(left) == len(values):
            break
        found.append(best)
        values = left
    return found


def _parses(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)
    except ValueError:
        return False
    return True


def _decimal(values: list[str]) -> str:
    def readable(sign: str) -> int:
        return sum(number(value, decimal=sign) is not None for value in values)

    return "," if readable(",") > readable(".") else "."


def _separator(columns: dict[str, list[str]], column: str) -> str:
    values = columns.get(column, [])
    counts = Counter(sign for value in values for sign in (";", "|", ",") if sign in value)
    most = counts.most_common(1)
    # One comma in a hundred values is a name such as 'Graz, Styria', not a list.
    return most[0][0] if most and most[0][1] * 5 >= len(values) else ""


def _values(name: str, values: list[str], vocabulary: Sequence[str]) -> list[str]:
    """The value map of a field with a fixed vocabulary, its unknown words left to be decided."""
    words = [word for word in dict.fromkeys(values) if word not in vocabulary]
    if not words or len(words) > 30:
        return []
    lines = ["", f"[values.{_key(name)}]  # to one of {', '.join(vocabulary)}"]
    for word in words:
        same = _folded(word)
        lines.append(f"{_quoted(word)} = {_quoted(same if same in vocabulary else 'unknown')}")
    return lines


def _key(name: str) -> str:
    return _quoted(name) if "." in name else name


def _quoted(text: str) -> str:
    """A TOML basic string.

    >>> _quoted('a"b\\n')
    '"a\\\\"b\\\\n"'
    """
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
