"""The ledger in the native format, so that nothing is ever locked in.

What `export` writes, `collect` reads again to the same current facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from innovatory.engine import csv_bytes, write_atomically
from innovatory.errors import LedgerError
from innovatory.ledger import Ledger
from innovatory.pipeline import CODEBOOKS
from innovatory.records import valid_id
from innovatory.sources.descriptor import DESCRIPTOR


def export(ledger: Ledger, folder: Path) -> dict[str, int]:
    """Write the current facts under `folder`: one folder a source, and what was set aside.

    Each source with facts gets `source.toml`, `records.jsonl` and `facts.jsonl` (coders, draws,
    codings, adjudications, corrections, merges); codebooks go into `codebooks/`, what was set
    aside into `rejects.csv`. Returns the number of rows by file name. Raises LedgerError where
    the id of a source cannot be the name of a folder.
    """
    facts = {name: table.to_pylist() for name, table in ledger.facts().items()}
    names = [source["source_id"] for source in facts["sources"]]
    for name in names:
        if not valid_id(name):
            raise LedgerError(
                f"source {name!r} cannot be a folder name; collect it again under another id"
            )
    files = _files(facts, names)
    written: dict[str, int] = {}
    for source in facts["sources"]:
        name = source["source_id"]
        if not files[name]:
            continue
        for file, lines in files[name].items():
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_atomically(folder / name / file, text.encode())
            written[f"{name}/{file}"] = len(lines)
        write_atomically(folder / name / DESCRIPTOR, _descriptor(source, files[name]))
    for book in facts["codebooks"]:
        path = folder / CODEBOOKS / f"{book['version']}.yaml"
        write_atomically(path, book["text"].encode())
    rejects = [{"batch": batch, **asdict(reject)} for batch, reject in ledger.rejects()]
    if rejects:
        write_atomically(folder / "rejects.csv", csv_bytes(pa.Table.from_pylist(rejects)))
        written["rejects.csv"] = len(rejects)
    return written


def _files(
    facts: Mapping[str, list[dict[str, Any]]], names: Sequence[str]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The lines of each file of each source, files without lines left out."""
    children = {
        name: _grouped(facts[name]) for name in ("places", "organisations", "events", "links")
    }
    owner = {row["record_id"]: row["source_id"] for row in facts["records"]}
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in names}
    for row in facts["records"]:
        found[row["source_id"]].setdefault("records.jsonl", []).append(_record(row, children))
    others: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for row in _others(facts):
        # Sources are read in the order of their ids, and a fact needs all that it speaks of.
        about = [owner[record_id] for record_id in row.pop("about") if record_id in owner]
        others[max(about, default=names[0])].append(row)
    described: set[str] = set()
    for name in names:
        used = {row.get("coder") or row.get("adjudicator") for row in others[name]}
        coders = [row for row in facts["coders"] if row["coder_id"] in used - described]
        described |= {row["coder_id"] for row in coders}
        if lines := [*(_coder(row) for row in coders), *others[name]]:
            found[name]["facts.jsonl"] = lines
    idle = [_coder(row) for row in facts["coders"] if row["coder_id"] not in described]
    if idle:
        found[names[0]].setdefault("facts.jsonl", []).extend(idle)
    return found


def _coder(row: Mapping[str, Any]) -> dict[str, Any]:
    return _kept({"fact": "coder", "id": row["coder_id"], "kind": row["kind"],
                  "label": row["label"], "version": row["version"]})  # fmt: skip


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
    """Facts about records; `about` lists the records that they speak of."""
    draws: dict[str, dict[str, Any]] = {}
    for row in facts["draws"]:
        draw = draws.setdefault(
            row["draw_id"],
            {"about": [row["record_id"]], "fact": "draw", "id": row["draw_id"],
             "design": row["design"], "seed": row["seed"], "note": row["note"], "members": {},
             "frame": {}, "second": [], "target": [t for t in row["target"].split("|") if t]},
        )  # fmt: skip
        draw["members" if row["drawn"] else "frame"][row["record_id"]] = row["probability"]
        if row["second"]:
            draw["second"].append(row["record_id"])
    yield from draws.values()
    quotes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    key = ("record_id", "dimension", "coder_id", "codebook", "draw")
    for row in facts["evidence"]:
        place = {name: row[name] for name in ("quote", "field", "start", "end")}
        quotes.setdefault(tuple(row[k] for k in key), []).append(place)
    for row in facts["codings"]:
        yield _kept(
            {"about": [row["record_id"]], "fact": "coding", "record": row["record_id"],
             "dimension": row["dimension"], "coder": row["coder_id"],
             "value": row["value"].split("|"), "confidence": row["confidence"],
             "comment": row["comment"], "draw": row["draw"], "codebook": row["codebook"],
             "evidence": quotes.get(tuple(row[k] for k in key), []),
             "coded_at": row["coded_at"], "seconds": row["seconds"],
             "suggestion": row["suggestion"]}
        )  # fmt: skip
    for row in facts["adjudications"]:
        yield _kept(
            {"about": [row["record_id"]], "fact": "adjudication", "record": row["record_id"],
             "dimension": row["dimension"], "adjudicator": row["adjudicator"],
             "value": row["value"].split("|"), "reason": row["reason"],
             "codebook": row["codebook"]}
        )  # fmt: skip
    for row in facts["corrections"]:
        yield _kept(
            {"about": [row["record_id"]], "fact": "correction", "record": row["record_id"],
             "field": row["field"], "value": row["new"], "reason": row["reason"],
             "source": row["source"], "by": row["by"]}
        )  # fmt: skip
    for row in facts["merges"]:
        yield _kept(
            {"about": [row["record_id"], row["into"]], "fact": "merge", "record": row["record_id"],
             "into": row["into"], "reason": row["reason"], "by": row["by"]}
        )  # fmt: skip


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in ("", None, [])}


def _descriptor(source: Mapping[str, Any], files: Iterable[str]) -> bytes:
    texts = {"id": source["source_id"]} | {
        name: source[name]
        for name in ("title", "design", "population", "licence", "attribution", "url", "gathered",
                     "notes")
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(text)}" for name, text in texts.items()]
    lines += [f"synthetic = {json.dumps(bool(source['synthetic']))}"]
    lines += [f"files = {json.dumps(sorted(files, reverse=True))}"]
    return ("\n".join(lines) + "\n").encode()
