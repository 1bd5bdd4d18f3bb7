"""The downloads of an edition: its tables as they are, and a Data Package that describes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from innovatory.publish.pages import Brief, Shared
from innovatory.publish.reading import TableText, checked_bytes
from innovatory.publish.wording import anchor, spreadsheet_safe, web_address

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"

KEYS = {
    "records": ("record_id",),
    "places": ("record_id", "ord"),
    "links": ("record_id", "ord"),
    "codings": ("record_id", "dimension", "coder_id"),
    "verdicts": ("record_id", "dimension", "class"),
    "coders": ("coder_id",),
    "sources": ("source_id",),
    "cities": ("city_id",),
    "classes": ("dimension", "class"),
    "claim_records": ("claim_id", "record_id"),
}
"""The primary keys of the tables of facts."""

OF_A_RECORD = (
    "places", "organisations", "events", "links", "codings", "evidence", "adjudications",
    "judgements", "verdicts", "claim_records",
)  # fmt: skip


@dataclass(frozen=True)
class Download:
    """A file of the edition's data: where it goes, the key of its bytes, the bytes."""

    path: str
    key: str
    read: Callable[[], bytes]


def downloads(shared: Shared) -> Iterator[Download]:
    """Every file to download of an edition; a file is read, and checked, only to be written."""
    edition = shared.edition
    for text in edition.manifest.tables:
        for kind, sha256 in (("csv", text.sha256_csv), ("parquet", text.sha256_parquet)):
            path = edition.folder / "tables" / f"{text.name}.{kind}"
            yield Download(f"data/{path.name}", sha256, partial(checked_bytes, path, sha256))
    data = _json(describe(shared))
    yield Download("data/datapackage.json", shared.key(data.decode()), lambda: data)
    for claim_id, records in shared.counted.items():
        key = shared.key(claim_id, records)
        yield Download(f"claims/{claim_id}.csv", key, partial(_claim_csv, claim_id, records))


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _claim_csv(claim_id: str, records: Sequence[tuple[Brief, float]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["claim_id", "record_id", "title", "cities", "votes", "verified", "doubts"])
    for brief, votes in records:
        cells = [claim_id, brief.record_id, brief.title, "|".join(c for c, _ in brief.cities)]
        verified = "" if brief.verified is None else str(brief.verified).lower()
        cells += [f"{votes:g}", verified, brief.doubts]
        writer.writerow([spreadsheet_safe(cell) for cell in cells])
    return out.getvalue().encode()


def describe(shared: Shared) -> dict[str, Any]:
    """The Data Package (version 2) of an edition: tables, fields, keys, sources, licences."""
    manifest = shared.edition.manifest
    licences = dict.fromkeys(s.licence for s in shared.head.sources if s.licence)
    note = "Synthetic data: describes no real place. " if manifest.synthetic else ""
    package: dict[str, Any] = {
        "$schema": PROFILE,
        "name": anchor(manifest.name),
        "title": f"{manifest.title}, edition {manifest.name}",
        "description": f"{note}As of {manifest.as_of}. {manifest.counting} In the CSV files a text "
        "that a spreadsheet could take for a formula begins with an apostrophe.",
        "version": manifest.name,
    }
    if licences:
        package["licenses"] = [{"name": anchor(name), "title": name} for name in licences]
    sources = []
    for row in shared.edition.rows("sources"):
        address = web_address(row["url"] or "")
        sources.append({"title": row["title"], **({"path": address} if address else {})})
    if sources:
        package["sources"] = sources
    package["resources"] = [_resource(text) for text in manifest.tables]
    return package


def _resource(text: TableText) -> dict[str, Any]:
    fields = [
        {"name": c.name, "type": field_type(c.type), "description": c.text} for c in text.columns
    ]
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    names = {c.name for c in text.columns}
    if set(KEYS.get(text.name, ("?",))) <= names:
        schema["primaryKey"] = list(KEYS[text.name])
    if text.name in OF_A_RECORD:
        reference = {"resource": "records", "fields": ["record_id"]}
        schema["foreignKeys"] = [{"fields": ["record_id"], "reference": reference}]
    return {
        "name": text.name,
        "type": "table",
        "title": text.title,
        "description": text.text,
        "path": f"{text.name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": schema,
    }


def field_type(arrow: str) -> str:
    """The Data Package type of a column of that Arrow type.

    >>> field_type("int64"), field_type("double"), field_type("bool"), field_type("string")
    ('integer', 'number', 'boolean', 'string')
    """
    if arrow.startswith(("int", "uint")):
        return "integer"
    if arrow.startswith(("float", "double", "decimal", "halffloat")):
        return "number"
    return "boolean" if arrow.startswith("bool") else "string"
