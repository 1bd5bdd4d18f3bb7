"""Sheets and tasks out, answers back: whose they are, what was tampered with, what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from coded import answers, code, fill, write_records
from command import run, write_lines
from innovatory import fieldwork, handout, observatory
from innovatory.errors import LedgerError, ObservatoryError
from innovatory.fieldwork import Wanted
from innovatory.observatory import Observatory

QUESTIONS = 13


def prepared(folder: Path, ledger: str = "") -> Observatory:
    """Fourteen records, of which draw-1 has five, two of them for a second coder."""
    place = observatory.load(write_records(folder, every=37, ledger=ledger))
    fieldwork.draw(place, Wanted(5, second=0.4))
    return place


@pytest.fixture
def place(tmp_path: Path) -> Observatory:
    """An observatory with a draw, on SQLite."""
    return prepared(tmp_path / "mine")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Observatory:
    """The same on each database."""
    ledger = ""
    if request.param == "postgres":
        new_url: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        ledger = new_url()
    return prepared(tmp_path / "anywhere", ledger)


def sent(place: Observatory, name: str = "sheet.csv", *, second: bool = False) -> Path:
    """A file of draw-1 as it goes out."""
    return handout.send(place, "draw-1", place.folder / name, second=second)[0]


def rows(sheet: Path) -> list[dict[str, str]]:
    """The rows of a CSV sheet."""
    with open(sheet, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def rewrite(sheet: Path, told: list[dict[str, str]]) -> None:
    """Write rows over a CSV sheet, as a spreadsheet would."""
    with open(sheet, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(told[0]))
        writer.writeheader()
        writer.writerows(told)


def given(place: Observatory, coder: str) -> dict[tuple[str, str], str]:
    """A coder's answers in the ledger, by record and question."""
    with place.ledger() as ledger:
        codings = ledger.facts()["codings"].to_pylist()
    return {(c["record_id"], c["dimension"]): c["value"] for c in codings if c["coder_id"] == coder}


def head(place: Observatory) -> int:
    """The number of the ledger's last batch."""
    with place.ledger() as ledger:
        return ledger.head()


def test_answers_come_back_as_they_were_given(anywhere: Observatory) -> None:
    """Each answer of each record of the draw is a coding of that person, and of that draw."""
    sheet = sent(anywhere)
    fill(sheet, answers())
    back = handout.receive(anywhere, "draw-1", sheet, coder="ana")
    assert back.answers == {"ana": 5 * QUESTIONS} and back.rejects == ()
    drawn = handout.find_draw(anywhere, "draw-1").members
    assert given(anywhere, "ana") == {
        (record, dimension): "|".join(classes)
        for record in drawn
        for dimension, classes in answers()[record].items()
    }
    with anywhere.ledger() as ledger:
        facts = ledger.facts()
        assert set(facts["codings"]["draw"].to_pylist()) == {"draw-1"}
        kinds = {row["coder_id"]: row["kind"] for row in facts["coders"].to_pylist()}
    assert kinds == {"ana": "person"}


def test_a_sheet_sent_twice_changes_nothing(anywhere: Observatory) -> None:
    """The same file again is skipped; with another answer in it, that one is changed."""
    sheet = sent(anywhere)
    fill(sheet, answers())
    handout.receive(anywhere, "draw-1", sheet, coder="ana")
    before = head(anywhere)
    assert handout.receive(anywhere, "draw-1", sheet, coder="ana").summary.skipped
    assert head(anywhere) == before
    told = rows(sheet)
    told[0]["sector"] = "logistics"
    rewrite(sheet, told)
    summary = handout.receive(anywhere, "draw-1", sheet, coder="ana").summary
    assert (summary.new, summary.changed) == (0, 1)
    assert given(anywhere, "ana")[told[0]["record"], "sector"] == "logistics"


def test_the_same_bytes_can_be_two_coders_answers(place: Observatory) -> None:
    """Two who agree on everything hand in equal sheets, under one name; both count."""
    known = [{"fact": "coder", "id": coder, "kind": "person"} for coder in ("ana", "bo")]
    run("collect", place.folder, write_lines(place.folder / "coders.jsonl", known))
    sheet = sent(place)
    fill(sheet, answers())
    for coder in ("ana", "bo"):
        handout.receive(place, "draw-1", sheet, coder=coder)
    assert given(place, "ana") == given(place, "bo") != {}


def test_a_second_coder_gets_the_records_that_are_coded_twice(place: Observatory) -> None:
    """Their sheet holds those alone, and comes back like any other."""
    sheet = sent(place, "second.csv", second=True)
    twice = set(handout.find_draw(place, "draw-1").second)
    assert {row["record"] for row in rows(sheet)} == twice and len(twice) == 2
    assert code(place.folder, "draw-1", "bo", second=True) == 2 * QUESTIONS
    fieldwork.draw(place, Wanted(3, second=0))
    with pytest.raises(ObservatoryError, match="names no record for a second coder"):
        handout.send(place, "draw-2", place.folder / "x.csv", second=True)


def test_rows_that_were_tampered_with_are_set_aside(place: Observatory) -> None:
    """Another text, a foreign record and an answer that is none are told; the others are taken."""
    sheet = sent(place)
    fill(sheet, answers())
    told = rows(sheet)
    told[0]["text"] += " And it won a prize."
    told[1]["record"] = "somebody-elses"
    told[2]["sector"] = "magic"
    told[3]["checksum"] = "0" * 16
    rewrite(sheet, told)
    back = handout.receive(place, "draw-1", sheet, coder="ana")
    assert [(r.row, r.field, r.kept) for r in back.rejects] == [
        (2, "text", False), (3, "record", False), (4, "sector", True), (5, "checksum", False)
    ]  # fmt: skip
    assert all(reject.reason and reject.next_step for reject in back.rejects)
    assert back.answers == {"ana": 2 * QUESTIONS - 1}


def test_a_formula_is_no_answer(place: Observatory) -> None:
    """A workbook in which a cell was made a formula gives the other answers."""
    sheet = sent(place, "sheet.xlsx")
    book = openpyxl.load_workbook(sheet)
    coding = book["Coding"]
    header = [cell.value for cell in coding[1]]
    record = coding.cell(2, header.index("record") + 1).value
    coding.cell(2, header.index("sector") + 1).value = "=HYPERLINK(1)"
    coding.cell(2, header.index("goal") + 1).value = answers()[record]["goal"][0]
    book.save(sheet)
    back = handout.receive(place, "draw-1", sheet, coder="ana")
    assert given(place, "ana") == {(record, "goal"): answers()[record]["goal"][0]}
    assert [(r.row, r.field, r.reason) for r in back.rejects] == [(2, "sector", "is a formula")]


@pytest.mark.parametrize("kind", ["llm", "machine", "rule"])
def test_no_person_answers_under_the_name_of_a_machine(place: Observatory, kind: str) -> None:
    """The ledger's coders keep their kind; the refusal says which and leaves no trace."""
    fact = {"fact": "coder", "id": "robot", "kind": kind}
    run("collect", place.folder, write_lines(place.folder / "coders.jsonl", [fact]))
    sheet = sent(place)
    fill(sheet, answers())
    before = head(place)
    with pytest.raises(LedgerError, match=f"'robot' as a coder of the kind {kind}; give"):
        handout.receive(place, "draw-1", sheet, coder="robot")
    assert head(place) == before


def test_whose_answers_they_are_must_be_said(place: Observatory) -> None:
    """A sheet is of one coder; the file of a tool says itself who answered."""
    sheet = sent(place)
    fill(sheet, answers())
    tasks = sent(place, "tasks.json")
    for path, coder, coders, reason in (
        (sheet, "", {}, "give --coder, an id"),
        (sheet, "Ana B.", {}, "give --coder, an id"),
        (sheet, "ana", {"3": "bo"}, "give --coder, and no --who"),
        (tasks, "ana", {}, "give --who THEIRS=OURS"),
        (tasks, "", {"3": "Bo!"}, "'Bo!' cannot be the id of a coder"),
    ):
        with pytest.raises(ObservatoryError, match=reason):
            handout.receive(place, "draw-1", path, coder=coder, coders=coders)


def test_a_file_without_answers_is_refused(place: Observatory) -> None:
    """The sheet as it went out, taken by mistake, makes no batch."""
    sheet, before = sent(place), head(place)
    with pytest.raises(ObservatoryError, match="no question is answered there"):
        handout.receive(place, "draw-1", sheet, coder="ana")
    assert head(place) == before


def test_a_sheet_of_another_draw_is_set_aside(place: Observatory) -> None:
    """Read with the wrong draw no row is taken, and each says why."""
    fieldwork.draw(place, Wanted(5))
    sheet = sent(place)
    fill(sheet, answers())
    back = handout.receive(place, "draw-2", sheet, coder="ana")
    assert back.answers == {} and back.summary.new == 0
    assert {r.reason.partition(" is no record")[2] for r in back.rejects} == {
        " of the draw 'draw-2'"
    }


def test_a_codebook_that_changed_since_is_noticed(place: Observatory) -> None:
    """Answers to other questions than those asked today are set aside, row by row."""
    sheet = sent(place)
    fill(sheet, answers())
    book = place.folder / "codebook.yaml"
    book.write_text(book.read_text("utf-8").replace("Primary sector", "Main sector"), "utf-8")
    back = handout.receive(observatory.load(place.folder), "draw-1", sheet, coder="ana")
    assert {r.field for r in back.rejects} == {"codebook"} and back.answers == {}


def test_nothing_is_written_over(place: Observatory) -> None:
    """A file that may hold answers stays, as do the settings beside tasks, unless it is said."""
    sheet = sent(place)
    before = sheet.read_bytes()
    sheet.write_bytes(b"answers")
    with pytest.raises(ObservatoryError, match=r"is there already.*--again"):
        sent(place)
    handout.send(place, "draw-1", sheet, again=True)
    assert sheet.read_bytes() == before
    (place.folder / "tasks.config.xml").write_text("mine")
    with pytest.raises(ObservatoryError, match=r"tasks\.config\.xml: is there already"):
        sent(place, "tasks.json")
    assert not (place.folder / "tasks.json").exists()


def test_each_tool_gets_its_settings(place: Observatory) -> None:
    """Label Studio gets tasks and a configuration, Argilla records and settings."""
    names = {
        path.name
        for name in ("tasks.json", "records.jsonl")
        for path in handout.send(place, "draw-1", place.folder / name)
    }
    assert names == {"tasks.json", "tasks.config.xml", "records.jsonl", "records.settings.json"}
    assert len(json.loads((place.folder / "tasks.json").read_text("utf-8"))) == 5
    with pytest.raises(ObservatoryError, match="give --format, one of xlsx"):
        sent(place, "sheet.ods")
    assert handout.send(place, "draw-1", place.folder / "sheet.txt", form="csv")


def test_answers_of_another_tool_are_of_its_users(place: Observatory) -> None:
    """Who is named is one of ours; who is not gets an id that says where from."""
    lines = [json.loads(line) for line in sent(place, "r.jsonl").read_text("utf-8").splitlines()]
    lines[0]["responses"] = {
        "sector": [{"value": "transport", "user_id": user, "status": "submitted"}
                   for user in ("u-1", "u-2")]
    }  # fmt: skip
    path = write_lines(place.folder / "back.jsonl", lines)
    back = handout.receive(place, "draw-1", path, coders={"u-1": "ana"})
    assert back.answers == {"ana": 1, "argilla-u-2": 1}


def test_an_unknown_draw_is_refused_with_those_there_are(place: Observatory) -> None:
    """The message lists the draws, or says how to make one."""
    with pytest.raises(ObservatoryError, match="no draw 'draw-9'; use one of draw-1"):
        handout.send(place, "draw-9", place.folder / "x.csv")
    bare = observatory.load(write_records(place.folder / "bare", every=200))
    with pytest.raises(ObservatoryError, match="make one with 'innovatory draw'"):
        handout.send(bare, "draw-1", place.folder / "x.csv")
