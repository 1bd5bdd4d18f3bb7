"""The ledger in the native format, so that nothing is ever locked in.

What `export` writes, `collect` reads again to the same current facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from innovatory.engine import csv_bytes, write_atomically
from innovatory.ledger import Ledger


def export(ledger: Ledger, folder: Path) -> dict[str, int]:
    """Write the current facts under `folder`: one folder a source, and what was set aside.

    Each source gets `source.toml`, `records.jsonl` and, where it has any, `facts.jsonl` (draws,
    codings, adjudications, corrections, merges). Returns the number of rows by file name.
    """
    facts = {name: table.to_pylist() for name, table in ledger.facts().items()}
    children = {
        name: _grouped(facts[name]) for name in ("places", "organisations", "events", "links")
    }
    owner = {row["record_id"]: row["source_id"] for row in facts["records"]}
    written: dict[str, int] = {}
    for source in facts["sources"]:
        name = source["source_id"]
        records = [row for row in facts["records"] if row["source_id"] == name]
        rows = [_record(row, children) for row in records]
        others = [row for row in _others(facts) if owner.get(row["about"]) == name]
        for row in others:
            del row["about"]
        files = {"records.jsonl": rows} | ({"facts.jsonl": others} if others else {})
        for file, lines in files.items():
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_atomically(folder / name / file, text.encode())
            written[f"{name}/{file}"] = len(lines)
        used = {row["coder"] for row in others if row["fact"] == "coding"}
        coders = [row for row in facts["coders"] if row["coder_id"] in used]
        write_atomically(folder / name / "source.toml", _descriptor(source, files, coders))
    rejects = [{"batch": batch, **asdict(reject)} for batch, reject in ledger.rejects()]
    if rejects:
        write_atomically(folder / "rejects.csv", csv_bytes(pa.Table.from_pylist(rejects)))
        written["rejects.csv"] = len(rejects)
    return written


def _grouped(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kept = {k: v for k, v in row.items() if k not in ("record_id", "ord") and v}
        found.setdefault(row["record_id"], []).append(kept)
    return found


def _record(
    row: Mapping[str, Any], children: Mapping[str, Mapping[str, list[dict[str, Any]]]]
) -> dict[str, Any]:
    plain = ("kind", "title", "local_name", "description", "language", "lead", "lead_type",
             "start", "end", "status", "district", "citizens", "verified", "doubts")  # fmt: skip
    line: dict[str, Any] = {"id": row["record_id"]}
    line |= {name: row[name] for name in plain if row[name] not in ("", None)}
    if row["keywords"]:
        line["keywords"] = row["keywords"].split("; ")
    funding = {name: row[f"funding_{name}"] for name in ("source", "amount", "currency", "note")}
    line["funding"] = {name: value for name, value in funding.items() if value not in ("", None)}
    for name, key in (("places", "places"), ("organisations", "organisations"),
                      ("events", "events"), ("links", "sources")):  # fmt: skip
        if row["record_id"] in children[name]:
            line[key] = children[name][row["record_id"]]
    return line


def _others(facts: Mapping[str, list[dict[str, Any]]]) -> Iterable[dict[str, Any]]:
    """Facts about records; `about` is a record they belong with, which tells the source."""
    draws: dict[str, dict[str, Any]] = {}
    for row in facts["draws"]:
        draw = draws.setdefault(
            row["draw_id"],
            {"about": row["record_id"], "fact": "draw", "id": row["draw_id"],
             "design": row["design"], "seed": row["seed"], "note": row["note"], "members": {}},
        )  # fmt: skip
        draw["members"][row["record_id"]] = row["probability"]
    yield from draws.values()
    quotes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    key = ("record_id", "dimension", "coder_id", "codebook", "draw")
    for row in facts["evidence"]:
        place = {name: row[name] for name in ("quote", "field", "start", "end")}
        quotes.setdefault(tuple(row[k] for k in key), []).append(place)
    for row in facts["codings"]:
        yield _kept(
            {"about": row["record_id"], "fact": "coding", "record": row["record_id"],
             "dimension": row["dimension"], "coder": row["coder_id"],
             "value": row["value"].split("|"), "confidence": row["confidence"],
             "comment": row["comment"], "draw": row["draw"], "codebook": row["codebook"],
             "evidence": quotes.get(tuple(row[k] for k in key), [])}
        )  # fmt: skip
    for row in facts["adjudications"]:
        yield _kept(
            {"about": row["record_id"], "fact": "adjudication", "record": row["record_id"],
             "dimension": row["dimension"], "adjudicator": row["adjudicator"],
             "value": row["value"].split("|"), "reason": row["reason"],
             "codebook": row["codebook"]}
        )  # fmt: skip
    for row in facts["corrections"]:
        yield _kept(
            {"about": row["record_id"], "fact": "correction", "record": row["record_id"],
             "field": row["field"], "value": row["new"], "reason": row["reason"],
             "source": row["source"], "by": row["by"]}
        )  # fmt: skip
    for row in facts["merges"]:
        yield _kept(
            {"about": row["record_id"], "fact": "merge", "record": row["record_id"],
             "into": row["into"], "reason": row["reason"], "by": row["by"]}
        )  # fmt: skip


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in ("", None, [])}


def _descriptor(
    source: Mapping[str, Any], files: Iterable[str], coders: Iterable[Mapping[str, Any]]
) -> bytes:
    texts = {"id": source["source_id"]} | {
        name: source[name]
        for name in ("title", "design", "population", "licence", "attribution", "url", "gathered",
                     "notes")
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in texts.items()]
    lines += [f"synthetic = {json.dumps(bool(source['synthetic']))}"]
    lines += [f"files = {json.dumps(sorted(files, key=lambda name: name != 'records.jsonl'))}"]
    for coder in coders:
        told = {name: coder[name] for name in ("kind", "label", "version") if coder[name]}
        lines += ["", f"[coders.{json.dumps(coder['coder_id'])}]"]
        lines += [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in told.items()]
    return ("\n".join(lines) + "\n").encode()
