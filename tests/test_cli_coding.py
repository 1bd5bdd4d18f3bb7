"""Each verb of coding as a new user meets it: what it prints, exit codes, bad input in a line."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coded import answers, code, fill, write_coded, write_records
from command import made_once, refused, run, told, write_lines, write_small
from innovatory import observatory

VERBS = [
    ("draw", 5), ("review", "--no-open"), ("code",), ("plan", "--within", 0.1), ("link",),
    ("link", "--undo", "x"), ("send", "draw-1", "x.csv"), ("verify",), ("coder add", "ana"),
]  # fmt: skip


@pytest.fixture(scope="session")
def _coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, _ = made_once(tmp_path_factory, "coded", lambda folder: str(write_coded(folder)))
    return folder


@pytest.fixture
def coded(_coded: Path, tmp_path: Path) -> Path:
    """A part of 126 records is coded by ana and bo; to do with as one likes."""
    return Path(shutil.copytree(_coded, tmp_path / "coded"))


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Fourteen records, nothing drawn and nothing coded."""
    return write_records(tmp_path / "fresh", every=37)


def usage(*arguments: object) -> str:
    """What the command says of wrong usage."""
    return run(*arguments, code=2).stderr


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(map(str, verb)))
def test_without_anything_collected_the_next_step_is_told(
    tmp_path: Path, verb: tuple[object, ...]
) -> None:
    """No verb fails in an empty observatory, or outside of any, but with what to do first."""
    name, *more = verb
    words = str(name).split()
    assert "innovatory new" in refused(*words, tmp_path / "nowhere", *more)
    run("new", tmp_path / "mine")
    told_so = refused(*words, tmp_path / "mine", *more)
    assert "collect a source" in told_so or "innovatory build" in told_so
    assert not (tmp_path / "mine" / "ledger.db").exists()


def test_the_loop_from_records_to_shares(fresh: Path) -> None:
    """Draw, send, receive, train, plan, build, verify: each verb says what the next one needs."""
    drawn = run("draw", fresh, 8, "--second", 0.5).stdout
    assert drawn.startswith("draw-1: 8 records of 14 drawn (simple_random, seed 1), 4 of them")
    assert f"'innovatory coder add {fresh} NAME' and 'innovatory review {fresh}'" in drawn
    sheet = fresh / "ana.csv"
    sent = run("send", fresh, "draw-1", sheet).stdout.splitlines()
    assert sent[0] == f"{sheet}: written"
    assert f"'innovatory receive {fresh} draw-1 {sheet}'" in sent[1]
    fill(sheet, answers())
    back = run("receive", fresh, "draw-1", sheet, "--coder", "ana").stdout.splitlines()
    assert back[0] == "ana: 104 answers"
    assert back[1].startswith("draw-1/ana.csv: 104 answers, 104 new, 0 changed, batch ")
    assert (
        "unchanged since batch" in run("receive", fresh, "draw-1", sheet, "--coder", "ana").stdout
    )
    code(fresh, "draw-1", "bo", as_="coder-b", second=True)
    tried = run("code", fresh, "--dimension", "sector").stdout
    assert tried.startswith("sector: right 0.") and "on 8 records by cross-validation" in tried
    assert "8 records" not in run("plan", fresh, "--within", 0.4).stdout
    assert run("build", fresh, "--as-of", "2026").stderr == ""
    assert "all equal, to the byte" in run("verify", fresh).stdout


def test_draws_as_json(fresh: Path) -> None:
    """A script learns the members with their chances, and who is coded twice."""
    found = told("draw", fresh, 4, "--second", 0.5, "--id", "pilot", "--seed", 7)
    assert (found["id"], found["seed"], found["frame"]) == ("pilot", 7, 14)
    assert set(found["members"].values()) == {4 / 14} and len(found["second"]) == 2
    assert set(found["second"]) < set(found["members"])


def test_draws_that_cannot_be_made(fresh: Path) -> None:
    """Each in one line that says what to ask for."""
    assert "ask for 1 to 14" in refused("draw", fresh, 15)
    assert "'colour' is not asked by the codebook" in refused(
        "draw", fresh, 3, "--dimension", "colour"
    )
    assert "coded by people yet" in refused("draw", fresh, 3, "--design", "repeat")
    run("draw", fresh, 3, "--id", "pilot")
    assert "give another --id" in refused("draw", fresh, 3, "--id", "pilot")
    assert "0 is not in the range" in usage("draw", fresh, 0)
    assert "cannot be an id" in usage("draw", fresh, 3, "--id", "My Draw")
    assert "census" not in usage("draw", fresh, 3, "--design", "census").partition("not one of")[2]
    assert run("check", fresh, code=1).stderr.count("\n") == 1, "nothing was set aside"


def test_sheets_that_cannot_be_sent_or_taken(fresh: Path) -> None:
    """Wrong draw, wrong name, no coder, no file, and users without names of ours."""
    run("draw", fresh, 3)
    sheet = fresh / "s.csv"
    assert "use one of draw-1" in refused("send", fresh, "draw-7", sheet)
    assert "give --format" in refused("send", fresh, "draw-1", fresh / "s.ods")
    run("send", fresh, "draw-1", sheet)
    assert "--again to write over it" in refused("send", fresh, "draw-1", sheet)
    assert "give --coder, an id" in refused("receive", fresh, "draw-1", sheet)
    assert "no question is answered" in refused("receive", fresh, "draw-1", sheet, "--coder", "ana")
    assert "does not exist" in usage("receive", fresh, "draw-1", fresh / "no.csv")
    for pair in ("ana", "=ana", "3="):
        assert "write THEIRS=OURS, such as 3=ana" in usage(
            "receive", fresh, "draw-1", sheet, "--who", pair
        )


def test_rows_set_aside_end_with_3(fresh: Path) -> None:
    """The first ten are told with their next step; the others go in."""
    run("draw", fresh, 3)
    sheet = fresh / "s.csv"
    run("send", fresh, "draw-1", sheet)
    fill(sheet, {i: {**a, "sector": ["magic"]} for i, a in answers().items()})
    result = run("receive", fresh, "draw-1", sheet, "--coder", "ana", code=3)
    assert "36 answers" in result.stdout and result.stderr.count("(field set aside); ") == 3


def test_the_machine_before_anything_is_coded(fresh: Path) -> None:
    """One line says so; an unknown question is refused; options of --llm need it."""
    assert run("code", fresh).stdout == (
        "nothing that counts is coded yet: the machine goes by the codebook's definitions alone\n"
    )
    assert {row["labels"] for row in told("code", fresh)} == {0}
    assert "not trained on 'colour'" in refused("code", fresh, "--dimension", "colour")
    assert "are for --llm" in usage("code", fresh, "--replay")
    assert "does not exist" in usage("code", fresh, "--llm", fresh / "no.toml")


def test_plans(coded: Path) -> None:
    """A sentence, or its parts as JSON; shares are between 0 and 1, and two of them differ."""
    sentence = run("plan", coded, "--within", 0.05).stdout
    assert sentence.startswith("To know each share to within 5 points in all projects takes about ")
    found = told("plan", coded, "--tell", 0.28, 0.24, "--by", "sector", "--next", 9)
    assert sum(found["next"].values()) == 9 and not found["done"]
    assert "tell 28% from 24%" in found["sentence"]
    assert "Enough is coded" in run("plan", coded, "--within", 0.9).stdout
    for arguments in ((), ("--within", 0.1, "--tell", 0.1, 0.2)):
        assert "say what for" in usage("plan", coded, *arguments)
    assert "two different shares" in usage("plan", coded, "--tell", 0.2, 0.2)
    assert "28.0 is not in the range" in usage("plan", coded, "--tell", 28, 24)
    assert "'colour' is no dimension" in refused("plan", coded, "--within", 1, "--dimension",
                                                 "colour")  # fmt: skip


def test_a_codebook_that_changed(coded: Path, tmp_path: Path) -> None:
    """What must be redone is told; a file that is not there, with the versions there are."""
    new = tmp_path / "new.yaml"
    text = (coded / "codebook.yaml").read_text("utf-8")
    new.write_text(text.replace("Primary sector", "Main sector"), "utf-8")
    lines = run("codebook", "diff", coded / "codebook.yaml", new, "--in", coded).stdout
    assert "sector: 60 codings of 50 records must be redone; begin with " in lines
    found = told("codebook", "diff", coded / "codebook.yaml", new, "--in", coded)
    assert found["waiting"] == {"sector": [], "sector_published": ["sector"]}
    version = observatory.load(coded).book.version
    assert f"the versions are {version}" in refused(
        "codebook", "diff", tmp_path / "no.yaml", version, "--in", coded
    )


def test_links_are_made_and_undone(tmp_path: Path) -> None:
    """Merging tells how many; undoing what is not merged, or both at once, is refused."""
    folder = tmp_path / "mine"
    run("new", folder)
    same = {"kind": "project", "title": "Green wave for trams", "city": "Wien", "country": "AT",
            "start": "2018", "sources": [{"url": "https://example.org/green"}],
            "description": "Sensors at 42 crossings give trams the green light."}  # fmt: skip
    run("collect", folder, write_lines(folder / "r.jsonl", [same | {"id": i} for i in "ab"]))
    assert "1 pair, 1 merge sure enough" in run("link", folder).stdout
    (merge,) = told("link", folder)["merges"]
    merged = merge["record_id"]
    assert "1 record merged; 'innovatory build'" in run("link", folder, "--merge").stdout
    again = run("link", folder, "--merge").stdout
    assert again == "0 pairs, 0 merges sure enough\n"
    assert "counts as itself again" in run("link", folder, "--undo", merged).stdout
    assert "nothing to undo" in refused("link", folder, "--undo", merged)
    assert "review" in run("link", folder, "--merge").stdout, "never merged again by itself"
    assert "nothing to undo" in refused("link", folder, "--undo", merged)
    assert "give one" in usage("link", folder, "--merge", "--undo", "a")


def test_answers_of_language_models_alone_are_told_at_build(tmp_path: Path) -> None:
    """Where only models coded, build, code, plan and site say why nothing counts."""
    folder = write_records(tmp_path / "mine", every=50)
    with observatory.load(folder).ledger() as ledger:
        ids = sorted(ledger.records())
    facts = [{"fact": "coder", "id": coder, "kind": "llm"} for coder in ("coder-a", "coder-b")]
    facts += [
        {"fact": "coding", "record": record, "coder": coder, "dimension": "sector",
         "value": answers(coder)[record]["sector"][0]}
        for record in ids for coder in ("coder-a", "coder-b")
    ]  # fmt: skip
    run("collect", folder, write_lines(folder / "models.jsonl", facts))
    told_so = run("build", folder, "--as-of", "2022").stderr
    assert told_so.count("\n") == 1
    assert told_so.startswith(
        "no answer counts yet: those that are there come from coder-a (llm), coder-b (llm), and "
        "shares rest on people's answers; let people code ('innovatory draw "
    )
    assert f"[coding] reference in {folder / 'observatory.toml'}" in told_so
    assert run("code", folder, "--dimension", "sector").stderr == told_so
    assert refused("plan", folder, "--within", 0.1) == told_so.removesuffix("\n")
    page = (folder / "site" / "2022" / "method.html").read_text("utf-8")
    assert "None of these answers is counted" in page
    settings = folder / "observatory.toml"
    text = settings.read_text("utf-8")
    for names, expected in (
        (["coder-a", "coder-c"], "reference names coder-c, of whom there is no answer"),
        (["coder-c"], "and [coding] reference names coder-c alone; let people code"),
        (["coder-a", "coder-b"], ""),
    ):
        named = text.replace('# reference = ["ana", "bo"]', f"reference = {names}")
        settings.write_text(named.replace("'", '"'), "utf-8")
        told_now = told("build", folder)["notices"]
        assert (expected in told_now[0]) if expected else told_now == []
    page = (folder / "site" / "2022" / "method.html").read_text("utf-8")
    assert "None of these answers is counted" not in page


def test_coders_get_accounts(fresh: Path) -> None:
    """The password is shown once; a name twice, a machine's or none at all is refused."""
    robot = {"fact": "coder", "id": "robot", "kind": "llm"}
    run("collect", fresh, write_lines(fresh / "c.jsonl", [robot]))
    added = run("coder", "add", fresh, "ana").stdout
    assert added.startswith("ana may log in as coder; password, shown this once: ")
    assert len(added.split()[-1]) >= 10
    assert "already; use another name" in refused("coder", "add", fresh, "ana")
    assert "kind llm; use another name" in refused("coder", "add", fresh, "robot")
    assert "cannot be an id" in usage("coder", "add", fresh, "Ana B.")
    assert (fresh / "review" / "review.db").stat().st_mode & 0o077 == 0
    assert (fresh / "review" / ".gitignore").read_text() == "*\n"
    assert "review/" in (fresh / ".gitignore").read_text().splitlines()


def test_the_review_app_opens_to_nobody_else_by_itself(fresh: Path) -> None:
    """Another address needs a name and an account; a port that is taken is told."""
    plain = ("review", fresh, "--no-open", "--no-machine")
    assert "--allow-remote" in refused(*plain, "--host", "0.0.0.0")
    assert "innovatory coder add" in refused(
        *plain, "--host", "0.0.0.0", "--allow-remote", "example.org"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "give another --port" in refused(*plain, "--port", port)


def test_the_review_app_ends_at_ctrl_c(fresh: Path) -> None:
    """It prints its address, says that nobody can log in yet, and ends without a fault."""
    command = [sys.executable, "-m", "innovatory.cli", "review", str(fresh), "--no-open"]
    command += ["--no-machine", "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout and process.stderr
        address = process.stdout.readline()
        assert address.startswith("the review app is at http://127.0.0.1:")
        assert f"'innovatory coder add {fresh} NAME'" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, ("", ""))


def test_verify_ends_with_4_where_something_differs(tmp_path: Path) -> None:
    """A forged table is named, as text and as JSON."""
    folder = write_small(tmp_path / "small")
    run("build", folder, "--edition", "2022")
    path = folder / "editions" / "2022" / "tables" / "by_kind.csv"
    path.write_bytes(path.read_bytes() + b"one more\n")
    assert f"{path}: changed since it was built" in run("verify", folder, code=4).stdout
    (found,) = told("verify", folder, code=4)
    assert found["problems"] and found["name"] == "2022"


@pytest.mark.postgres
def test_the_loop_on_a_server(new_postgres_url: Callable[[], str], tmp_path: Path) -> None:
    """Draw, accounts, sheet, plan, links and verification with the ledger on PostgreSQL."""
    folder = write_records(tmp_path / "mine", every=37, ledger=new_postgres_url())
    run("draw", folder, 8, "--second", 0.5)
    run("coder", "add", folder, "ana")
    assert not (folder / "review").exists()
    assert code(folder, "draw-1", "ana") == 104
    run("plan", folder, "--within", 0.4)
    run("link", folder)
    run("build", folder, "--as-of", "2026")
    assert "all equal, to the byte" in run("verify", folder).stdout
