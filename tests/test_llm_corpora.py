"""The LLM coder on real records: what coders answered comes through as a model's answers would."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from innovatory import codebook
from innovatory.llm import Endpoint
from innovatory.llm.answers import read
from innovatory.llm.prompt import prompt, shown
from innovatory.records import Coding, Record, Row
from innovatory.sources import describe
from innovatory.sources import read as facts_of
from llm_server import BOOK, answer, content, serving
from sources_data import ROOT, shared

CODEBOOK = Path(codebook.__file__).parent / "data" / "codebook.yaml"


def gathered(folder: Path) -> tuple[dict[str, Record], list[Coding]]:
    """The records of a source, and what its first coder says of them."""
    source = describe(folder)
    found = [row.fact for file in source.files for row in facts_of(file, descriptor=source)
             if isinstance(row, Row)]  # fmt: skip
    codings = [fact for fact in found if isinstance(fact, Coding) and fact.coder.endswith("-a")]
    return {fact.id: fact for fact in found if isinstance(fact, Record)}, codings


@pytest.mark.parametrize(
    ("folder", "needs", "least"),
    [("src/innovatory/data/corpus", "", 1.0), ("examples/cordis", "data/cordis", 0.8)],
    ids=["starter", "cordis"],
)
def test_answers_about_real_records_come_through(folder: str, needs: str, least: float) -> None:
    """All values are legal, and quotes that stand in the record are found where they stand."""
    if needs:
        shared(needs)
    records, codings = gathered(ROOT / folder)
    told = prompt(codebook.load(CODEBOOK))
    multi = {d.id for d in told.dimensions if d.multi}
    given: dict[str, dict[str, Coding]] = defaultdict(dict)
    for coding in codings:
        given[coding.record_id][coding.dimension] = coding
    quoted = located = 0
    for record_id, answers in given.items():
        written = {
            name: {
                "evidence": c.evidence[0].quote if c.evidence else "",
                "value": list(c.value) if name in multi else c.value[0],
            }
            for name, c in answers.items()
        }
        body = content(json.dumps({"record": record_id, "answers": written})).body
        got = read(body, record=records[record_id], prompt=told)
        assert {n: set(a.value) for n, a in got.answers.items()} == {
            n: set(c.value) for n, c in answers.items()
        }
        quoted += sum(bool(c.evidence) for c in answers.values())
        located += sum(bool(a.evidence) for a in got.answers.values())
    assert len(given) >= 300 and quoted > 1000 and located >= least * quoted
    # No real record is so long that a coder would see less than a person does.
    assert not [name for name, record in records.items() if shown(record).cut]


def test_every_setting_is_documented() -> None:
    """docs/llm.md lists each field of an endpoint with its default, and no other."""
    text = (ROOT / "docs" / "llm.md").read_text("utf-8")
    table = text.partition("| setting | default | is |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\w+) \| (.*?) ?\|", table, re.MULTILINE)
    shown = {"": "none", "False": "no", "0.0": "0", "1.0": "1", "120.0": "120"}
    defaults = {
        field.name: "" if field.default is MISSING else shown.get(str(field.default),
                                                                  str(field.default))
        for field in fields(Endpoint)
    }  # fmt: skip
    assert dict(rows) == defaults


def test_the_example_runs_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program of examples/llm codes its record, and the second time asks nothing."""
    text = (ROOT / "examples" / "llm" / "README.md").read_text("utf-8")
    program = text.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    Path("codebook.yaml").write_text(BOOK.text, "utf-8")
    with serving(answer) as server:
        program = program.replace("http://127.0.0.1:8080/v1", server.url)
        exec(compile(program, "example", "exec"), {})
        first, asked = capsys.readouterr().out, len(server.asked)
        exec(compile(program, "example", "exec"), {})
        assert asked == len(server.asked) == 2
    assert capsys.readouterr().out == first and "sector 1 0" in first and "transport" in first
