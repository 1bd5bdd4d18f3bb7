"""Observatories in which people code: real records, and sheets filled in with real answers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from command import run, told, write_lines
from innovatory import observatory

CORPUS = observatory.data("corpus")
Answers = Mapping[str, Mapping[str, list[str]]]
"""Classes by record and question."""


@cache
def answers(coder: str = "coder-a") -> Answers:
    """What a coder of the starter corpus answered."""
    book = observatory.codebook.load(observatory.data("codebook.yaml"))
    found = {}
    for line in (CORPUS / "codings.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["coder"] == coder:
            values = {d.id: row[d.id] for d in book.dimensions}
            found[row["id"]] = {k: v if isinstance(v, list) else [v] for k, v in values.items()}
    return found


def write_records(folder: Path, *, every: int, ledger: str = "") -> Path:
    """An observatory with each `every`-th record of the starter corpus, and nothing coded."""
    run("new", folder, "--title", "Coded by people")
    if ledger:
        settings = folder / "observatory.toml"
        text = settings.read_text("utf-8").replace('"ledger.db"', f'"{ledger}"')
        settings.write_text(text, "utf-8")
    lines = (CORPUS / "records.jsonl").read_text("utf-8").splitlines()[::every]
    path = write_lines(folder / "sources" / "records.jsonl", [json.loads(line) for line in lines])
    run("collect", folder, path, "--id", "records", "--design", "census")
    return folder


def fill(sheet: Path, given: Answers) -> None:
    """Fill a CSV sheet in with answers."""
    with open(sheet, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for dimension, classes in given.get(row["record"], {}).items():
            if dimension in row:
                row[dimension] = ";".join(classes)
    with open(sheet, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def code(folder: Path, draw: str, coder: str, *, as_: str = "coder-a", second: bool = False) -> int:
    """Let a person code a draw in a sheet, as a coder of the corpus did; how many answers."""
    sheet = folder / f"{draw}-{coder}.csv"
    run("send", folder, draw, sheet, *(["--second"] if second else []))
    fill(sheet, answers(as_))
    found: int = told("receive", folder, draw, sheet, "--coder", coder)["by_kind"]["coding"]
    return found


def write_coded(folder: Path) -> Path:
    """126 records, of which 50 were drawn and coded by ana, 10 of them also by bo."""
    write_records(folder, every=4)
    run("draw", folder, 50)
    code(folder, "draw-1", "ana")
    code(folder, "draw-1", "bo", as_="coder-b", second=True)
    return folder
