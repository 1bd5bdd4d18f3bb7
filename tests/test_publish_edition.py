"""A hand-made edition folder, written to docs/edition.md, and how the publication reads one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from innovatory.errors import EditionError
from innovatory.publish.reading import check_ids, read_edition

Rows = list[dict[str, Any]]

WHOLE = {
    "ord", "coders", "population", "population_year", "confidence", "seed", "rank", "rank_best",
    "rank_worst",
}  # fmt: skip
NUMBERS = {
    "funding_amount", "fraction", "votes", "lat", "lon", "count", "low", "high", "disputed", "base",
    "share", "share_low", "share_high", "probability",
}  # fmt: skip
TRUTHS = {
    "verified", "dated", "in_panel", "counted", "derived", "synthetic", "tied", "carried",
}  # fmt: skip

COUNTS = "count low high disputed base share share_low share_high"
COLUMNS = {
    "records": "record_id kind title local_name description language citizens keywords lead "
    "lead_type start end status stage stage_since furthest_stage district funding_source "
    "funding_amount funding_currency funding_note verified doubts source_id dated coders disputed",
    "places": "record_id ord name country role city_id in_panel fraction",
    "organisations": "record_id ord name role kind city country city_id",
    "events": "record_id ord when stage note source counted",
    "links": "record_id ord url title publisher",
    "codings": "record_id dimension coder_id value confidence comment draw codebook",
    "evidence": "record_id dimension coder_id field start end quote",
    "adjudications": "record_id dimension adjudicator value reason",
    "verdicts": "record_id dimension class votes coders disputed",
    "judgements": "record_id coder_id dimension class",
    "coders": "coder_id kind label version",
    "sources": "source_id title design population licence attribution url gathered notes synthetic "
    "records",
    "cities": "city_id name local_name country country_name lat lon population population_year",
    "unresolved": "record_id name country reason",
    "corrections": "record_id field old new reason source by",
    "classes": "dimension ord class label definition kind derived",
    "by_kind": f"population counting class label {COUNTS}",
    "by_city": f"population counting city_id label {COUNTS}",
    "by_sector": f"population counting class label {COUNTS}",
    "by_stage": f"population counting class label {COUNTS}",
    "by_goal": f"population counting class label {COUNTS}",
    "by_innovative": f"population counting class label {COUNTS}",
    "sector_by_goal": f"population counting sector goal sector_label goal_label {COUNTS}",
    "city_by_sector": f"population counting city_id sector city_label sector_label {COUNTS}",
    "city_ranks": "measure counting city_id label count low high base rank tied rank_best "
    "rank_worst carried reason",
    "changes": "record_id title city_ids change dimension before after",
    "claim_records": "claim_id record_id votes",
}


def column_type(table: str, column: str) -> pa.DataType:
    """The Arrow type of a column of the contract; a few names mean two things."""
    if (table, column) in {
        ("records", "disputed"), ("sources", "records"), ("evidence", "start"), ("evidence", "end"),
    }:  # fmt: skip
        return pa.int64()
    if (table, column) == ("verdicts", "disputed"):
        return pa.bool_()
    if (table, column) == ("sources", "population"):
        return pa.string()
    if column == "population" and table.startswith(("by_", "sector_", "city_by")):
        return pa.string()
    if column in WHOLE:
        return pa.int64()
    if column in NUMBERS:
        return pa.float64()
    return pa.bool_() if column in TRUTHS else pa.string()


def write_edition(folder: Path, *, tables: dict[str, Rows], claims: Rows, **manifest: Any) -> Path:
    """An edition folder with these tables; absent tables of the contract are written empty."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    described = []
    for name, spaced in COLUMNS.items():
        columns = spaced.split()
        rows = tables.get(name, [])
        table = pa.table(
            {c: pa.array([r.get(c) for r in rows], column_type(name, c)) for c in columns}
        )
        pq.write_table(table, folder / "tables" / f"{name}.parquet")
        pacsv.write_csv(table, folder / "tables" / f"{name}.csv")
        entry: dict[str, Any] = {"name": name, "title": name.replace("_", " ").capitalize()}
        entry |= {"text": f"The table {name}.", "rows": len(rows)}
        for kind in ("parquet", "csv"):
            data = (folder / "tables" / f"{name}.{kind}").read_bytes()
            entry[f"sha256_{kind}"] = hashlib.sha256(data).hexdigest()
        entry["columns"] = [
            {"name": f.name, "type": str(f.type), "text": f"The {f.name}."} for f in table.schema
        ]
        described.append(entry)
    (folder / "claims.json").write_text(json.dumps(claims), encoding="utf-8")
    (folder / "codebook.yaml").write_text(CODEBOOK, encoding="utf-8")
    whole = {
        "name": folder.name, "title": "Test cities", "as_of": "2022-12-31", "synthetic": False,
        "ledger": {"batch": 1, "state": "0" * 64}, "codebook": {"version": "1" * 64},
        "sources": tables.get("sources", []), "counting": "A disputed record counts by its votes.",
        "counts": {}, "earlier": None, "tables": described, "innovatory": "0.1.0",
    }  # fmt: skip
    whole |= manifest
    names = ["claims.json", "codebook.yaml", *(f"tables/{d['name']}.parquet" for d in described)]
    whole["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    (folder / "manifest.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


CODEBOOK = """\
version: 1
unit: one project record
rule: code from the record alone
dimensions:
  sector:
    question: Primary sector?
    type: single
    classes:
      transport: mobility and parking
      environment: energy and water
  goal:
    question: Primary goal?
    type: single
    classes:
      special_zone: a bounded area
      other: none of these
  value:
    question: Does it give value?
    type: single
    classes: {"yes": a service is an outcome, "no": knowledge only}
derived:
  innovative:
    question: Is it innovative?
    rule: {all: [value], is: "yes"}
"""

PLAIN = "a plain text"
HOSTILE = "</title><script>alert('x')</script>\"'&<x-evil>\u202egnorw\u202c --> ]]>"
"""What a record from outside may hold: markup, quotes, an override of the writing direction."""


def counted(count: float, low: float, high: float, base: float, **columns: Any) -> dict[str, Any]:
    """A row of a count table."""
    numbers = {"count": count, "low": low, "high": high, "disputed": high - low, "base": base}
    shares = {"share": count / base, "share_low": low / base, "share_high": high / base}
    return {"counting": "record", **columns, **numbers, **shares}


def record(record_id: str, **columns: Any) -> dict[str, Any]:
    """A row of the table of records, with what most of them have."""
    usual = {
        "kind": "project", "title": record_id.title(), "local_name": "", "description": "",
        "language": "en", "citizens": "", "keywords": "", "lead": "City", "lead_type": "city",
        "start": "2019", "end": "", "status": "active", "stage": "pilot", "stage_since": "2020",
        "furthest_stage": "pilot", "district": "", "funding_source": "public",
        "funding_currency": "", "funding_note": "", "verified": True, "doubts": "",
        "source_id": "src", "dated": True, "coders": 2, "disputed": 0,
    }  # fmt: skip
    return {"record_id": record_id, **usual, **columns}


def rows(*, hostile: str = PLAIN) -> dict[str, Rows]:
    """Three records in two cities: one clear, one disputed and quoted twice over, one a lab."""
    text = f"The city tests smart buses on a lane. {hostile}"
    both = {"record_id": "bus", "field": "description"}
    vote = {"coders": 2, "disputed": False, "votes": 1.0}
    half = {"coders": 2, "disputed": True, "votes": 0.5}
    return {
        "records": [
            record("bus", title=f"Bus {hostile}", local_name="버스", description=text,
                   doubts=hostile, disputed=1, verified=False),
            record("grid", description="A grid.", status="ended", stage="ended", keywords="a; b",
                   funding_amount=1000000.0, funding_currency="EUR"),
            record("lab", kind="living_lab", verified=None, dated=False, stage="unknown",
                   stage_since="", start=""),
        ],
        "places": [
            {"record_id": r, "ord": 0, "name": n, "country": "AT", "role": "site", "city_id": c,
             "in_panel": True, "fraction": 1.0}
            for r, n, c in (("bus", "Wien", "vienna-at"), ("grid", "Graz", "graz-at"),
                            ("lab", "Wien", "vienna-at"))
        ],
        "organisations": [{"record_id": "bus", "ord": 0, "name": hostile, "role": "partner",
                           "kind": "company", "city": "", "country": ""}],
        "events": [
            {"record_id": "bus", "ord": 0, "when": "2020", "stage": "pilot", "note": hostile,
             "source": "", "counted": True},
            {"record_id": "bus", "ord": 1, "when": "2023-05", "stage": "scaled", "note": "",
             "source": "", "counted": False},
            {"record_id": "grid", "ord": 0, "when": "2021-02-03", "stage": "ended", "note": "",
             "source": "", "counted": True},
        ],
        "links": [
            {"record_id": "bus", "ord": 0, "url": "https://example.org/?a=1&b=\"x", "title": "Page",
             "publisher": hostile},
            {"record_id": "bus", "ord": 1, "url": "javascript:alert(1)", "title": hostile,
             "publisher": ""},
            {"record_id": "bus", "ord": 2, "url": "data:text/html,x", "title": "", "publisher": ""},
        ],
        "codings": [
            {"record_id": r, "dimension": d, "coder_id": c, "value": v, "confidence": 2,
             "comment": hostile if r == "bus" else "", "draw": "", "codebook": "1"}
            for r, d, c, v in (
                ("bus", "sector", "a", "transport"), ("bus", "sector", "b", "environment"),
                ("bus", "value", "a", "yes"), ("bus", "value", "b", "yes"),
                ("grid", "sector", "a", "environment"), ("grid", "sector", "b", "environment"),
                ("grid", "goal", "a", "special_zone"), ("grid", "goal", "b", "special_zone"),
            )
        ],
        "evidence": [
            {**both, "dimension": "sector", "coder_id": "a", "start": 4, "end": 26,
             "quote": text[4:26]},
            {**both, "dimension": "sector", "coder_id": "b", "start": 15, "end": 36,
             "quote": text[15:36]},
            {**both, "dimension": "value", "coder_id": "a", "start": 15, "end": 26,
             "quote": text[15:26]},
            {**both, "dimension": "value", "coder_id": "b", "field": "", "start": 0, "end": 0,
             "quote": f"Not there {hostile}"},
        ],
        "adjudications": [{"record_id": "grid", "dimension": "goal", "adjudicator": "Ada",
                           "value": "special_zone", "reason": hostile}],
        "verdicts": [
            {"record_id": "bus", "dimension": "sector", "class": "transport", **half},
            {"record_id": "bus", "dimension": "sector", "class": "environment", **half},
            {"record_id": "bus", "dimension": "value", "class": "yes", **vote},
            {"record_id": "bus", "dimension": "innovative", "class": "yes", **vote},
            {"record_id": "grid", "dimension": "sector", "class": "environment", **vote},
            {"record_id": "grid", "dimension": "goal", "class": "special_zone", **vote},
        ],
        "judgements": [
            {"record_id": r, "coder_id": c, "dimension": d, "class": v}
            for r, d, said in (
                ("bus", "sector", {"a": "transport", "b": "environment"}),
                ("bus", "value", {"a": "yes", "b": "yes"}),
                ("bus", "innovative", {"a": "yes", "b": "yes"}),
                ("grid", "sector", {"a": "environment", "b": "environment"}),
                ("grid", "goal", {"a": "special_zone", "b": "special_zone"}),
            )
            for c, v in said.items()
        ],
        "coders": [{"coder_id": c, "kind": "llm", "label": f"Coder {c.upper()}", "version": ""}
                   for c in "ab"],
        "sources": [{"source_id": "src", "title": f"Source {hostile}", "design": "quota",
                     "population": "some projects", "licence": "CC BY 4.0",
                     "attribution": "The collectors", "url": "javascript:alert(2)",
                     "gathered": "2022", "notes": "Coded by two machines.", "synthetic": False,
                     "records": 3}],
        "cities": [
            {"city_id": "graz-at", "name": "Graz", "local_name": "Graz", "country": "AT",
             "country_name": "Austria", "lat": 47.07, "lon": 15.44, "population": 290000},
            {"city_id": "vienna-at", "name": "Vienna", "local_name": "Wien", "country": "AT",
             "country_name": "Austria", "lat": 48.21, "lon": 16.37, "population": 1900000},
        ],
        "unresolved": [{"record_id": "lab", "name": hostile, "country": "", "reason": "no city"}],
        "corrections": [{"record_id": "grid", "field": "status", "old": "active", "new": "ended",
                         "reason": hostile, "source": "", "by": "Ada"}],
        "classes": [
            {"dimension": d, "ord": n, "class": c, "label": label, "definition": f"It is {c}.",
             "kind": "single", "derived": d == "innovative"}
            for d, n, c, label in (
                ("sector", 0, "transport", "Transport"),
                ("sector", 1, "environment", "Environment"),
                ("goal", 0, "special_zone", "Special zone"), ("goal", 1, "other", "Other"),
                ("value", 0, "yes", "Yes"), ("value", 1, "no", "No"),
                ("innovative", 0, "yes", "Yes"), ("innovative", 1, "no", "No"),
            )
        ],
        "by_sector": [
            counted(0.5, 0, 1, 2, population="projects", **{"class": "transport"},
                    label="Transport"),
            counted(1.5, 1, 2, 2, population="projects", **{"class": "environment"},
                    label="Environment"),
        ],
        "by_goal": [counted(1, 1, 1, 1, population="projects", **{"class": "special_zone"},
                            label="Special zone")],
        "by_innovative": [counted(1, 1, 1, 1, population="projects", **{"class": "yes"},
                                  label="Yes")],
        "by_city": [
            counted(1, 1, 1, 2, population=p, city_id=c, label=n) | {"counting": way}
            for p, c, n in (
                ("projects", "graz-at", "Graz"), ("projects", "vienna-at", "Vienna"),
                ("living_labs", "vienna-at", "Vienna"),
            )
            for way in ("full", "fractional")
        ],
        "sector_by_goal": [
            counted(1, 1, 1, 1, population="projects", sector="environment",
                    goal="special_zone", sector_label="Environment", goal_label="Special zone")
        ],
        "city_by_sector": [
            counted(1, 1, 1, 1, population="projects", city_id="graz-at", sector="environment",
                    city_label="Graz", sector_label="Environment") | {"counting": "full"},
            counted(0.5, 0, 1, 1, population="projects", city_id="vienna-at", sector="transport",
                    city_label="Vienna", sector_label="Transport") | {"counting": "full"},
        ],
        "city_ranks": [
            {"measure": "projects", "counting": "full", "city_id": c, "label": n, "count": 1.0,
             "low": 1.0, "high": 1.0, "base": 2.0, "rank": 1, "tied": True, "rank_best": 1,
             "rank_worst": 2, "carried": False, "reason": "the quota was set by the collector"}
            for c, n in (("vienna-at", "Vienna"), ("graz-at", "Graz"))
        ],
        "changes": [
            {"record_id": "grid", "title": "Grid", "city_ids": "graz-at", "change": "ended",
             "dimension": "status", "before": "active", "after": "ended"},
            {"record_id": "gone", "title": hostile, "city_ids": "graz-at|vienna-at",
             "change": "left", "dimension": "", "before": hostile, "after": ""},
            {"record_id": "bus", "title": "Bus", "city_ids": "vienna-at", "change": "coding",
             "dimension": "sector", "before": "transport",
             "after": "environment (disputed), transport (disputed)"},
        ],
        "claim_records": [
            {"claim_id": "transport-share", "record_id": "bus", "votes": 0.5},
            {"claim_id": "transport-share", "record_id": "grid", "votes": 1.0},
        ],
    }  # fmt: skip


def claims(*, hostile: str = PLAIN) -> Rows:
    """A share that is printed and leaders that are not."""
    return [
        {"id": "transport-share", "title": "Transport", "text": f"25.0% [0, 50] of 2: {hostile}",
         "kind": "share", "value": 0.5, "low": 0, "high": 1, "base": 2, "percent": 25.0,
         "decimals": 1, "leaders": [], "scope": "corpus", "printed": True, "headline": True,
         "reason": "", "disputed": 1, "table": "by_sector", "query": "SELECT 1 < 2",
         "records_query": "SELECT '</code>'"},
        {"id": "leaders", "title": "Leading cities", "text": "", "kind": "leaders", "value": None,
         "low": None, "high": None, "base": None, "percent": None, "decimals": 1,
         "leaders": [{"city_id": "graz-at", "label": "Graz", "count": 1, "low": 1, "high": 1,
                      "rank": 1, "rank_best": 1, "rank_worst": 2}],
         "scope": "population", "printed": False, "headline": True,
         "reason": "the quota was set by the collector", "disputed": 0, "table": "city_ranks",
         "query": "SELECT 1", "records_query": ""},
    ]  # fmt: skip


COUNTS_OF = {
    "projects": 2, "living_labs": 1, "records": 3, "cities": 2, "disputed_records": 1,
    "undated_records": 1, "unresolved_places": 1,
}  # fmt: skip


def small_edition(
    folder: Path, *, tables: dict[str, Rows] | None = None, hostile: str = PLAIN, **manifest: Any
) -> Path:
    """An edition of three records written to the contract."""
    chosen = rows(hostile=hostile) if tables is None else tables
    return write_edition(
        folder, tables=chosen, claims=claims(hostile=hostile), counts=COUNTS_OF, **manifest
    )


def test_an_edition_is_read_and_its_rows_grouped(tmp_path: Path) -> None:
    """Rows come as dictionaries, by record where that is asked for, none for absent tables."""
    edition = read_edition(small_edition(tmp_path / "2022"))
    assert edition.name == "2022"
    assert [row["record_id"] for row in edition.rows("records")] == ["bus", "grid", "lab"]
    assert len(edition.grouped("events")["bus"]) == 2
    assert edition.rows("no_such_table") == []
    assert [c.id for c in edition.claims] == ["transport-share", "leaders"]


def test_the_digest_leaves_the_state_of_the_ledger_aside(tmp_path: Path) -> None:
    """A ledger that learnt nothing for this edition makes it no other edition."""
    one = read_edition(small_edition(tmp_path / "a" / "2022"))
    two = read_edition(small_edition(tmp_path / "b" / "2022", ledger={"batch": 2, "state": "x"}))
    three = read_edition(small_edition(tmp_path / "c" / "2022", title="Others"))
    assert one.digest == two.digest != three.digest


@pytest.mark.parametrize(
    ("file", "data", "reason"),
    [
        ("manifest.json", b"{", "manifest.json"),
        ("manifest.json", b'{"name": "../up"}', "manifest.json"),
        ("claims.json", b'[{"id": 1}]', "claims.json"),
        ("tables/records.parquet", b"PAR1", "another SHA-256"),
    ],
)
def test_a_damaged_edition_is_refused(tmp_path: Path, file: str, data: bytes, reason: str) -> None:
    """The refusal names the file."""
    folder = small_edition(tmp_path / "2022")
    (folder / file).write_bytes(data)
    with pytest.raises(EditionError, match=reason):
        read_edition(folder).rows("records")


def test_ids_that_are_no_file_names_are_refused(tmp_path: Path) -> None:
    """An id with a way out of the folder never becomes a path."""
    tables = rows()
    tables["records"].append(record("../../up"))
    edition = read_edition(small_edition(tmp_path / "2022", tables=tables))
    with pytest.raises(EditionError, match="cannot be the name of a page"):
        check_ids(edition)
    with pytest.raises(EditionError, match="cannot be the name of a page"):
        read_edition(small_edition(tmp_path / "2023", name="../2023"))
