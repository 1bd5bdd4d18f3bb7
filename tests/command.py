"""The command line as a test runs it, and a small list that holds every kind of fact."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from innovatory.cli import app

RECORDS: list[dict[str, Any]] = [
    {"id": "tram", "kind": "project", "title": "Tram lights", "start": "2018",
     "description": "Sensors give trams the green light.", "keywords": ["tram", "sensor"],
     "places": [{"name": "Wien", "country": "AT"}, {"name": "Seoul", "country": "KR"}],
     "organisations": [{"name": "Wiener Linien", "role": "coordinator", "kind": "company",
                        "city": "Wien", "country": "AT"}],
     "events": [{"when": "2018", "stage": "pilot", "note": "one line"},
                {"when": "2021-06", "stage": "scaled", "note": "all lines"}],
     "funding": {"source": "public", "amount": 0, "currency": "EUR"},
     "sources": [{"url": "https://example.org/tram", "title": "Green", "publisher": "City"}],
     "verified": False, "doubts": "the number of lines"},
    {"id": "lab", "kind": "living_lab", "title": "Living Lab Gårda", "city": "Göteborg",
     "country": "SE", "start": "2020-05-04", "status": "active", "citizens": "They meet weekly."},
    {"id": "twin", "kind": "project", "title": "City twin", "city": "Seoul", "country": "KR",
     "start": "2019", "verified": True},
    {"id": "copy", "kind": "project", "title": "Twin of the city", "city": "Seoul",
     "country": "KR", "start": "2019"},
]  # fmt: skip

FACTS: list[dict[str, Any]] = [
    {"fact": "coder", "id": "anna", "kind": "person", "label": "Anna Ågren", "version": "2"},
    {"fact": "coder", "id": "idle", "kind": "model"},
    {"fact": "draw", "id": "d1", "design": "simple random", "seed": 7,
     "members": {"tram": 0.5, "lab": 1.0}},
    {"fact": "coding", "record": "tram", "dimension": "sector", "coder": "anna", "draw": "d1",
     "value": "transport", "confidence": 0, "comment": "sure",
     "evidence": ["give trams the green light"]},
    {"fact": "coding", "record": "tram", "dimension": "sector", "coder": "bo", "value": "safety"},
    {"fact": "coding", "record": "lab", "dimension": "technologies", "coder": "bo",
     "value": ["iot", "ai"]},
    {"fact": "coding", "record": "twin", "dimension": "of_old", "coder": "bo", "value": "x",
     "codebook": "0123456789abcdef"},
    {"fact": "adjudication", "record": "tram", "dimension": "sector", "adjudicator": "chair",
     "value": "transport", "reason": "the goal is traffic"},
    {"fact": "event", "record": "twin", "when": "2022-03", "stage": "pilot", "note": "a district"},
    {"fact": "correction", "record": "lab", "field": "start", "value": "2019-05",
     "reason": "misread", "by": "anna"},
    {"fact": "merge", "record": "copy", "into": "twin", "reason": "the same project"},
]  # fmt: skip


def run(*arguments: object, code: int = 0) -> Result:
    """Run the command in this process; it must end with this exit code and no traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    unexpected = result.exception and not isinstance(result.exception, SystemExit)
    if unexpected and result.exception:
        raise result.exception
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def refused(*arguments: object) -> str:
    """The one line by which the command refuses, without 'innovatory: '."""
    lines = run(*arguments, code=1).stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("innovatory: "), lines
    return lines[0].removeprefix("innovatory: ")


def told(*arguments: object, code: int = 0) -> Any:
    """What the command prints as JSON."""
    return json.loads(run(*arguments, "--json", code=code).stdout)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_small(folder: Path, *, ledger: str = "") -> Path:
    """An observatory that has collected the small list, as a census; two editions are named."""
    run("new", folder, "--title", "Small")
    settings = folder / "observatory.toml"
    text = settings.read_text("utf-8")
    for name in ("2019", "2022"):
        text += f'\n[[edition]]\nname = "{name}"\nas_of = "{name}"\n'
    if ledger:
        text = text.replace('"ledger.db"', f'"{ledger}"')
    settings.write_text(text, "utf-8")
    source = folder / "sources" / "small"
    write_lines(source / "records.jsonl", RECORDS)
    write_lines(source / "facts.jsonl", FACTS)
    (source / "source.toml").write_text(
        'id = "small"\ntitle = "A small list"\ndesign = "census"\ngathered = "2024"\n'
        'files = ["records.jsonl", "facts.jsonl"]\n',
        "utf-8",
    )
    run("collect", folder, source)
    return folder


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """A folder that `make` fills, and what it returns, once for all processes of a test run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made, failed = folder.with_suffix(".json"), folder.with_suffix(".failed")
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 300
        while not made.exists():
            assert not failed.exists() and time.monotonic() < deadline, f"{name} could not be made"
            time.sleep(0.1)
        return folder, json.loads(made.read_text("utf-8"))
    try:
        found = make(folder)
        part = folder.with_suffix(".part")
        part.write_text(json.dumps(found), "utf-8")
        part.rename(made)
    except BaseException:
        failed.touch()
        raise
    return folder, found
