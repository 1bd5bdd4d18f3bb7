"""A model of the loopback codes an observatory: settings, draws, archive, and what counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from command import run, told, write_small
from innovatory import llmcoding, observatory
from innovatory.errors import ObservatoryError
from innovatory.llmcoding import Asked
from llm_server import Asked as Request
from llm_server import Reply, Server, content, serving

ANSWER = {"sector": "transport", "goal": "other"}


def reply(request: Request) -> Reply:
    """What an obedient model says of a record, whatever it is asked."""
    asked = request.body["response_format"]["json_schema"]["schema"]["properties"]["answers"]
    answers = {name: {"evidence": "", "value": ANSWER[name]} for name in asked["properties"]}
    return content(json.dumps({"record": request.record["id"], "answers": answers}))


@pytest.fixture
def server() -> Iterator[Server]:
    """A model that answers."""
    with serving(reply) as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The small observatory, on each database."""
    ledger = ""
    if request.param == "postgres":
        new_url: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        ledger = new_url()
    return write_small(tmp_path / "small", ledger=ledger)


def settings(folder: Path, server: Server, more: str = "") -> Path:
    """A settings file for the model."""
    path = folder / "model.toml"
    path.write_text(f'[endpoint]\nurl = "{server.url}"\nmodel = "tiny"\nbackoff = 0.01\n{more}')
    return path


def codings(folder: Path) -> list[dict[str, Any]]:
    """The model's codings in the ledger."""
    with observatory.load(folder).ledger() as ledger:
        rows: list[dict[str, Any]] = ledger.facts()["codings"].to_pylist()
    return [row for row in rows if row["coder_id"].startswith("llm-tiny")]


def test_a_model_codes_and_counts_in_nothing(folder: Path, server: Server) -> None:
    """Its answers are in the ledger; the shares of an edition are what they were without it."""
    run("build", folder)
    tables = folder / "editions" / "2022" / "tables"
    before = (tables / "by_sector.csv").read_bytes()
    path = settings(folder, server)
    found = told("code", folder, "--llm", path, "--dimension", "sector", "--dimension", "goal")
    # The merged record is coded as well: the merge may be undone.
    assert found["by_kind"] == {"coding": 8} and len(server.asked) == 4
    assert {(row["dimension"], row["value"]) for row in codings(folder)} == set(ANSWER.items())
    run("build", folder)
    assert (tables / "by_sector.csv").read_bytes() == before


def test_a_second_run_asks_nothing(folder: Path, server: Server) -> None:
    """Answers come out of the archive, and from there alone with --replay."""
    asked = ("--llm", settings(folder, server), "--dimension", "sector")
    run("code", folder, *asked)
    again = run("code", folder, *asked)
    assert "unchanged since batch" in again.stdout and len(server.asked) == 4
    run("code", folder, *asked, "--replay")
    assert (folder / "llm" / "llm-archive.db").is_file()


def test_replay_without_an_archive_is_refused(tmp_path: Path, server: Server) -> None:
    """Nothing is asked, and nothing stored."""
    folder = write_small(tmp_path / "small")
    asked = Asked(dimensions=("sector",), replay=True)
    with pytest.raises(ObservatoryError, match="archive"):
        llmcoding.run(observatory.load(folder), settings(folder, server), asked)
    assert not server.asked and not codings(folder)


def test_only_the_records_of_a_draw_are_asked_about(tmp_path: Path, server: Server) -> None:
    """d1 has two of the four records; its name is with the batch."""
    folder = write_small(tmp_path / "small")
    asked = Asked("d1", ("sector",))
    summary, rejects = llmcoding.run(observatory.load(folder), settings(folder, server), asked)
    assert {row["record_id"] for row in codings(folder)} == {"tram", "lab"}
    assert summary.file.endswith(" d1") and rejects == ()
    with pytest.raises(ObservatoryError, match="no draw 'd9'; use one of d1"):
        llmcoding.run(observatory.load(folder), settings(folder, server), Asked("d9"))


def test_answers_that_are_none_are_set_aside(tmp_path: Path) -> None:
    """A class that the codebook lacks is told with the record; exit code 3."""
    folder = write_small(tmp_path / "small")

    def wrong(request: Request) -> Reply:
        answers = {"sector": {"evidence": "", "value": "magic"}}
        return content(json.dumps({"record": request.record["id"], "answers": answers}))

    with serving(wrong) as server:
        asked = ("--llm", settings(folder, server), "--dimension", "sector", "--draw", "d1")
        result = run("code", folder, *asked, code=3)
    assert result.stderr.count("sector: is not among the classes") == 2 and not codings(folder)


def test_a_budget_ends_a_run_and_the_next_goes_on(tmp_path: Path, server: Server) -> None:
    """What was answered is kept; the rest is told, and asked for the next time."""
    folder = write_small(tmp_path / "small")
    path = settings(folder, server, "at_once = 1\n[budget]\nrequests = 1\n")
    place, asked = observatory.load(folder), Asked("d1", ("sector",))
    _, rejects = llmcoding.run(place, path, asked)
    assert len(codings(folder)) == 1 and len(server.asked) == 1 and rejects
    _, rejects = llmcoding.run(place, path, asked)
    assert len(codings(folder)) == 2 and len(server.asked) == 2 and rejects == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing required field `endpoint`"),
        ("[endpoint]\nurl = 3\nmodel = 'm'\n", "Expected `str`, got `int`"),
        (
            "[endpoint]\nurl = 'http://127.0.0.1/v1'\nmodel = 'm'\npasword = 'x'\n",
            r"\[endpoint\] has no setting 'pasword'; use url, model, ",
        ),
        ("[endpoint", "model.toml: .*docs/llm.md"),
        ("[endpoint]\nurl = 'ftp://127.0.0.1/'\nmodel = 'm'\n", "http"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, text: str, reason: str) -> None:
    """File and setting are told before anything is asked."""
    folder = write_small(tmp_path / "small")
    path = folder / "model.toml"
    path.write_text(text)
    with pytest.raises(ObservatoryError, match=reason):
        llmcoding.run(observatory.load(folder), path, Asked("d1"))
    assert not codings(folder)


def test_a_question_that_is_not_asked_is_refused(tmp_path: Path, server: Server) -> None:
    """The codebook's questions are the only ones."""
    folder = write_small(tmp_path / "small")
    with pytest.raises(ObservatoryError, match="colour"):
        llmcoding.run(observatory.load(folder), settings(folder, server), Asked("", ("colour",)))
