"""The ledger keeps every fact once, whole, in order and for ever, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from innovatory.errors import LedgerError, UnknownRecord
from innovatory.ledger import ImportSummary, Ledger, schema
from innovatory.ledger.schema import ADDED
from innovatory.records import (
    Adjudication,
    Coder,
    Coding,
    Correction,
    Draw,
    Event,
    Evidence,
    Fact,
    Funding,
    Link,
    Merge,
    Organisation,
    Place,
    Record,
    Reject,
    Row,
    Source,
    StageEvent,
)

ATLAS = Source("atlas", "Atlas of projects", population="projects", synthetic=True)
BUS = Record(
    "bus",
    "project",
    "Night bus",
    "A bus that runs\non demand at NIGHT.",
    start="2019",
    keywords=("bus", "night"),
    funding=Funding("public", 1.5, "EUR"),
    places=(Place("Wien", "AT"), Place("Graz", "AT", "participant")),
    organisations=(Organisation("City of Vienna", "lead"),),
    events=(Event("2019", "pilot", "one line"),),
    links=(Link("https://example.org/bus"),),
    verified=True,
)
TRAM = Record("tram", "project", "Tram", verified=False)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url, create=True) as opened:
        yield opened


def take(ledger: Ledger, *facts: Fact | Reject, file: str = "", **more: object) -> ImportSummary:
    """Import facts as a file whose name and hash tell it from all others."""
    rows = [
        fact if isinstance(fact, Reject) else Row(n, fact, json.dumps({"n": n}))
        for n, fact in enumerate(facts, 1)
    ]
    sha256 = str(more.pop("sha256", hash(repr(facts))))
    source = more.pop("source", ATLAS)
    name = file or f"{sha256}.jsonl"
    return ledger.import_file(rows, source=source, file=name, sha256=sha256, **more)  # type: ignore[arg-type]


def rows(ledger: Ledger, table: str, *, batch: int | None = None) -> list[dict[str, object]]:
    return ledger.facts(batch=batch)[table].to_pylist()


def column(ledger: Ledger, table: str, name: str) -> list[object]:
    return [row[name] for row in rows(ledger, table)]


def test_there_must_be_a_ledger_to_open(ledger_url: str) -> None:
    """Opening what is not there says what to do, and makes nothing."""
    with pytest.raises(LedgerError, match="collect a source"):
        Ledger.open(ledger_url)
    with Ledger.open(ledger_url, create=True) as made:
        assert made.head() == 0
        assert made.facts()["records"].num_rows == 0
    with Ledger.open(ledger_url, create=True) as again:
        assert again.head() == 0


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", "sqlite:////no/such/folder/l.db"])
def test_an_address_must_be_of_a_database_it_can_use(url: str) -> None:
    """An address that cannot be used is an error that names what can."""
    with pytest.raises(LedgerError):
        Ledger.open(url, create=True)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A text file under the ledger's name is left as it is."""
    path = tmp_path / "ledger.db"
    path.write_text("not a database, only some text that is long enough" * 20)
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(LedgerError, match="cannot be opened"):
            Ledger.open(f"sqlite:///{path}", create=create)
    assert path.read_bytes() == before


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    """The message of a failed connection does not give the password away."""
    pytest.importorskip("pg8000")
    with pytest.raises(LedgerError, match="cannot be opened") as caught:
        Ledger.open("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_a_missing_driver_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL without its driver is an error with the command that installs it."""
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(LedgerError, match=r"innovatory\[postgres\]"):
        Ledger.open("postgresql://127.0.0.1/none")


def test_a_newer_ledger_is_refused(ledger: Ledger, ledger_url: str) -> None:
    """A ledger of a later version is not touched by this one."""
    with writing(ledger_url) as connection:
        connection.execute(schema.schema_versions.insert().values(version=99))
    with pytest.raises(LedgerError, match="newer innovatory"):
        Ledger.open(ledger_url)


def test_every_field_comes_back(ledger: Ledger) -> None:
    """What goes in as a record comes out in the tables, down to absent values."""
    take(ledger, BUS, TRAM)
    bus, tram = rows(ledger, "records")
    assert bus["description"] == "A bus that runs\non demand at NIGHT."
    assert (bus["funding_amount"], bus["funding_source"], bus["keywords"]) == (
        1.5,
        "public",
        "bus; night",
    )
    assert (bus["verified"], tram["verified"], tram["funding_amount"]) == (True, False, None)
    assert (bus["version"], bus["source_id"], bus["batch"], tram["end"]) == (1, "atlas", 1, "")
    assert rows(ledger, "places") == [
        {"record_id": "bus", "ord": 0, "name": "Wien", "country": "AT", "role": "site"},
        {"record_id": "bus", "ord": 1, "name": "Graz", "country": "AT", "role": "participant"},
    ]
    assert column(ledger, "organisations", "role") == ["lead"]
    assert column(ledger, "links", "url") == ["https://example.org/bus"]
    [source] = rows(ledger, "sources")
    assert (source["design"], source["synthetic"], source["licence"]) == ("convenience", True, "")


def test_the_tables_have_the_columns_that_are_documented(ledger: Ledger) -> None:
    """docs/ledger.md names every table of facts with its columns in order."""
    text = (Path(__file__).parent.parent / "docs" / "ledger.md").read_text(encoding="utf-8")
    for name, table in ledger.facts().items():
        assert f"| {name} | {', '.join(table.column_names)} |" in text


def test_hostile_texts_come_back_as_they_were(ledger: Ledger) -> None:
    """Quotes, separators, controls and signs of every kind survive both databases."""
    nasty = "'; DROP TABLE records; -- \"\\N\\u0000\\.\n\r\t\x01,☃𝕏{}%s ?:x"
    assert take(ledger, replace(BUS, description=nasty, lead=nasty)).new == 1
    assert column(ledger, "records", "description") == [nasty]


@pytest.mark.parametrize("bad", ["nul \0 inside", "half \ud83d a sign"])
def test_a_text_no_database_can_hold_is_set_aside(ledger: Ledger, bad: str) -> None:
    """A NUL or half a character costs its row only, on either database, and is listed."""
    coding = Coding("bus", "sector", "ana", ("transport",), comment=bad)
    rows = [
        Row(1, BUS, bad),
        Row(2, replace(TRAM, title=bad), bad),
        Row(3, coding, bad),
        Row(4, Coding("bus", "sector", bad, ("transport",))),
        Row(5, StageEvent(bad, Event("2019", "pilot"))),
        Reject(bad, 6, bad, bad, bad, excerpt=bad),
    ]
    summary = ledger.import_file(rows, source=ATLAS, file=bad, sha256="x")
    assert (summary.new, summary.rejected) == (1, 5)
    assert [reject.row for _, reject in ledger.rejects()] == [2, 3, 4, 5, 6]
    with pytest.raises(LedgerError, match="atlas"):
        take(ledger, TRAM, source=replace(ATLAS, title=bad))
    with pytest.raises(LedgerError, match="codebook"):
        ledger.add_codebook("1", bad)


def test_a_file_is_imported_once(ledger: Ledger) -> None:
    """The same file again is not even read."""
    first = take(ledger, BUS, file="a", sha256="1")

    def never() -> Iterator[Row]:
        raise AssertionError("the rows were read")
        yield

    again = ledger.import_file(never(), source=ATLAS, file="a", sha256="1")
    assert (again.skipped, again.batch, first.skipped) == (True, first.batch, False)
    assert ledger.head() == 1


def test_other_settings_read_a_file_again(ledger: Ledger) -> None:
    """A change of mapping is a reason to read the same bytes again; equal facts stay."""
    take(ledger, BUS, file="a", sha256="1")
    again = take(ledger, BUS, file="a", sha256="1", settings="other mapping")
    assert (again.skipped, again.batch, again.unchanged) == (False, 2, 1)


def test_a_changed_record_is_a_new_version(ledger: Ledger) -> None:
    """The former version stays readable as of its batch."""
    take(ledger, BUS, TRAM)
    summary = take(ledger, replace(BUS, title="Day bus", places=()), TRAM)
    assert (summary.new, summary.changed, summary.unchanged) == (0, 1, 1)
    assert column(ledger, "records", "title") == ["Day bus", "Tram"]
    assert column(ledger, "records", "version") == [2, 1]
    assert column(ledger, "places", "name") == []
    assert [row["title"] for row in rows(ledger, "records", batch=1)] == ["Night bus", "Tram"]
    assert [row["name"] for row in rows(ledger, "places", batch=1)] == ["Wien", "Graz"]
    assert rows(ledger, "records", batch=0) == []


def test_a_file_that_goes_back_to_former_content_is_read(ledger: Ledger) -> None:
    """What the source says last is current, even where it said it before."""
    later = replace(BUS, title="Day bus")
    take(ledger, BUS, file="a", sha256="1")
    take(ledger, later, file="a", sha256="2")
    assert take(ledger, BUS, file="a", sha256="1").changed == 1
    assert column(ledger, "records", "title") == ["Night bus"]


def test_a_source_described_anew_is_kept_without_a_new_file(ledger: Ledger) -> None:
    """A new licence in the description of a source is a fact of its own."""
    take(ledger, BUS, file="a", sha256="1")
    summary = take(ledger, BUS, file="a", sha256="1", source=replace(ATLAS, licence="CC0"))
    assert (summary.skipped, summary.unchanged) == (False, 1)
    assert column(ledger, "sources", "licence") == ["CC0"]
    assert [batch.source_version for batch in ledger.imports()] == [1, 2]


def test_a_reader_that_fails_leaves_nothing(ledger: Ledger) -> None:
    """An error in the middle of a file undoes all of the file, the source included."""

    def failing() -> Iterator[Row]:
        yield from (Row(n, replace(BUS, id=f"bus-{n}")) for n in range(6_000))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        ledger.import_file(failing(), source=ATLAS, file="a", sha256="1")
    assert ledger.head() == 0
    assert ledger.facts()["sources"].num_rows == 0
    assert take(ledger, BUS).new == 1


def test_an_id_of_another_source_is_refused(ledger: Ledger) -> None:
    """Two sources cannot write the same record; the message says how to go on."""
    take(ledger, BUS)
    summary = take(ledger, TRAM, replace(BUS, title="Mine"), source=Source("other", "Other"))
    assert (summary.new, summary.rejected) == (1, 1)
    [(batch, reject)] = ledger.rejects()
    assert (batch, reject.row, reject.field) == (2, 2, "id")
    assert "atlas" in reject.reason and "prefix" in reject.next_step
    assert column(ledger, "records", "source_id") == ["atlas", "other"]


def test_an_invalid_record_is_refused_with_all_its_faults(ledger: Ledger) -> None:
    """Each fault is listed, the row counts once, and the next row is taken."""
    bad = replace(BUS, kind="idea", status="lost", funding=Funding(amount=float("nan")))
    summary = take(ledger, bad, TRAM)
    assert (summary.new, summary.rejected, summary.by_kind) == (1, 1, {"record": 1})
    fields = [reject.field for _, reject in ledger.rejects()]
    assert fields == ["kind", "status", "funding.amount"]


def test_the_rejects_of_a_reader_are_kept(ledger: Ledger) -> None:
    """What a reader set aside is listed as it told it, kept rows apart from lost ones."""
    lost = Reject("a.csv", 3, "title", "missing", "add it", excerpt="…")
    flag = Reject("a.csv", 4, "end", "no date", "write one", kept=True)
    summary = take(ledger, BUS, lost, flag)
    assert (summary.new, summary.rejected, summary.flagged) == (1, 1, 1)
    assert ledger.rejects() == [(1, lost), (1, flag)]


ABOUT_TRAM = (
    Coding("tram", "sector", "ana", ("transport",)),
    Adjudication("tram", "sector", "ana", ("transport",)),
    StageEvent("tram", Event("2020", "ended")),
    Correction("tram", "start", "2018", "see page"),
    Merge("tram", "bus"),
    Merge("bus", "tram"),
)


def test_facts_about_unknown_records_wait_for_them(ledger: Ledger) -> None:
    """They are refused, and taken by a later collect once the record is there."""
    summary = take(ledger, BUS, *ABOUT_TRAM[:5], file="a", sha256="1")
    assert (summary.new, summary.rejected) == (1, 5)
    assert {reject.field for _, reject in ledger.rejects()} == {"id"}
    assert take(ledger, BUS, *ABOUT_TRAM[:5], file="a", sha256="1").skipped
    take(ledger, TRAM, file="b")
    again = take(ledger, BUS, *ABOUT_TRAM[:5], file="a", sha256="1")
    assert (again.new, again.unchanged, again.rejected) == (5, 1, 0)
    assert take(ledger, BUS, *ABOUT_TRAM[:5], file="a", sha256="1").skipped


def test_trying_again_in_vain_leaves_no_trace(ledger: Ledger) -> None:
    """Facts that still wait do not make a batch at every collect."""
    take(ledger, BUS, ABOUT_TRAM[0], file="a", sha256="1")
    take(ledger, replace(BUS, id="rail"), file="b")
    head, state = ledger.head(), ledger.state()
    assert take(ledger, BUS, ABOUT_TRAM[0], file="a", sha256="1").skipped
    assert (ledger.head(), ledger.state(), len(ledger.rejects())) == (head, state, 1)


def test_a_later_row_of_the_file_does_not_count_as_known(ledger: Ledger) -> None:
    """Rows are taken in order: a coding before its record is refused."""
    summary = take(ledger, ABOUT_TRAM[0], TRAM, replace(ABOUT_TRAM[0], coder="ben"))
    assert (summary.new, summary.rejected) == (2, 1)


def test_codings_are_versioned_by_coder_codebook_and_draw(ledger: Ledger) -> None:
    """A coder who answers again supersedes herself only, and only within codebook and draw."""
    coding = Coding("bus", "sector", "ana", ("transport",), 2)
    take(ledger, BUS, coding, replace(coding, coder="ben"), codebook="v1")
    summary = take(
        ledger,
        replace(coding, value=("labour", "other"), confidence=None),
        replace(coding, coder="ben", codebook="v1"),
        replace(coding, codebook="v2"),
        replace(coding, draw="d1"),
        codebook="v1",
    )
    assert (summary.new, summary.changed, summary.unchanged) == (2, 1, 1)
    found = [
        (row["coder_id"], row["codebook"], row["draw"], row["value"], row["confidence"])
        for row in rows(ledger, "codings")
    ]
    assert found == [
        ("ana", "v1", "", "labour|other", None),
        ("ana", "v1", "d1", "transport", 2),
        ("ana", "v2", "", "transport", 2),
        ("ben", "v1", "", "transport", 2),
    ]


def test_the_same_fact_twice_in_a_file_counts_once(ledger: Ledger) -> None:
    """Duplicates are unchanged facts, wherever in the file they stand."""
    facts = (BUS, Coding("bus", "sector", "ana", ("x",)))
    summary = take(ledger, *facts, *facts)
    assert (summary.new, summary.unchanged) == (2, 2)


def test_a_check_refuses_answers_the_codebook_does_not_know(ledger: Ledger) -> None:
    """The caller's check is asked for codings and adjudications alike."""

    def check(fact: Coding | Adjudication) -> tuple[str, str, str] | None:
        return None if fact.value == ("transport",) else (fact.dimension, "no class", "use one")

    summary = take(
        ledger,
        BUS,
        Coding("bus", "sector", "ana", ("magic",)),
        Adjudication("bus", "sector", "eva", ("magic",)),
        Coding("bus", "sector", "ana", ("transport",)),
        check=check,
    )
    assert (summary.new, summary.rejected) == (2, 2)
    assert column(ledger, "codings", "value") == ["transport"]


@pytest.mark.parametrize(
    ("fact", "field"),
    [
        (Coding("bus", "", "ana", ("x",)), "dimension"),
        (Coding("bus", "sector", "ana", ()), "sector"),
        (Coding("bus", "sector", "ana", ("a|b",)), "sector"),
        (Coding("bus", "sector", "ana", ("a",), 10**30), "confidence"),
        (Coder(""), "id"),
        (Draw("d", "srs", -1), "seed"),
        (Draw("d", "srs", members={"bus": float("nan")}), "members.bus"),
        (Adjudication("bus", "sector", "", ("x",)), "adjudicator"),
        (StageEvent("bus", Event("soon", "pilot")), "when"),
        (Correction("bus", "id", "train", ""), "id"),
        (Correction("bus", "start", "2019-13", ""), "start"),
        (Correction("bus", "events.1.when", "2019", ""), "events.1.when"),
        (Correction("bus", "events.0.stage", "grown", ""), "events.0.stage"),
        (Correction("bus", "places.2.name", "Linz", ""), "places.2.name"),
        (Correction("bus", "withdrawn", "maybe", ""), "withdrawn"),
        (Correction("bus", "verified", "", ""), "verified"),
        (Correction("bus", "funding.amount", "nan", ""), "funding.amount"),
        (Correction("bus", "funding.amount", "much", ""), "funding.amount"),
    ],
)
def test_malformed_facts_are_refused(ledger: Ledger, fact: Fact, field: str) -> None:
    """A fact that could not be counted is set aside with its field and a next step."""
    summary = take(ledger, BUS, fact)
    assert (summary.new, summary.rejected) == (1, 1)
    [(_, reject)] = ledger.rejects()
    assert (reject.row, reject.field) == (2, field)
    assert reject.reason and reject.next_step and reject.excerpt == '{"n": 2}'


def test_quotes_are_located_in_the_words_of_the_record(ledger: Ledger) -> None:
    """Exact first, then whatever the case and spaces; one not found is kept and listed."""
    quotes = ("Night bus", "runs on DEMAND", "one line", "a zeppelin", " ")
    coding = Coding("bus", "sector", "ana", ("x",), evidence=tuple(map(Evidence, quotes)))
    take(ledger, BUS)
    summary = take(ledger, coding)
    assert (summary.new, summary.rejected, summary.flagged) == (1, 0, 2)
    found = [(r["field"], r["start"], r["end"], r["quote"]) for r in rows(ledger, "evidence")]
    assert found == [
        ("title", 0, 9, "Night bus"),
        ("description", 11, 25, "runs\non demand"),
        ("events.0.note", 0, 8, "one line"),
        ("", 0, 0, "a zeppelin"),
        ("", 0, 0, " "),
    ]
    flagged = [reject for _, reject in ledger.rejects()]
    assert {(reject.kept, reject.field) for reject in flagged} == {(True, "evidence.sector")}


def test_a_quote_follows_its_words_into_a_new_version(ledger: Ledger) -> None:
    """Its place is that in the current texts, as of any batch."""
    coding = Coding("bus", "sector", "ana", ("x",), evidence=(Evidence("on demand"),))
    take(ledger, BUS, coding)
    take(ledger, replace(BUS, description="Runs on demand", keywords=()))
    take(ledger, replace(BUS, description="Stopped"))
    places = [
        [(r["field"], r["start"]) for r in rows(ledger, "evidence", batch=n)] for n in (1, 2, 3)
    ]
    assert places == [[("description", 16)], [("description", 5)], [("", 0)]]


def test_coders_are_known_from_their_codings_or_their_description(ledger: Ledger) -> None:
    """Every coding has its coder; a description supersedes the bare id."""
    take(ledger, BUS, Coding("bus", "sector", "ana", ("x",)), coders=[Coder("ben", "llm", "B")])
    take(ledger, Coder("ana", "person", "Ana", "2"))
    assert rows(ledger, "coders") == [
        {"coder_id": "ana", "kind": "person", "label": "Ana", "version": "2"},
        {"coder_id": "ben", "kind": "llm", "label": "B", "version": ""},
    ]


def test_a_draw_stays_as_it_was_drawn(ledger: Ledger) -> None:
    """The same draw again is known; another one under its id is refused."""
    draw = Draw("d1", "srs", 7, "first", {"tram": 0.5, "bus": 0.25})
    take(ledger, draw)
    summary = take(ledger, replace(draw), replace(draw, members={"bus": 1.0}), Draw("d2", "srs"))
    assert (summary.unchanged, summary.new, summary.rejected) == (1, 1, 1)
    assert [(r["draw_id"], r["record_id"], r["probability"]) for r in rows(ledger, "draws")] == [
        ("d1", "bus", 0.25),
        ("d1", "tram", 0.5),
    ]


def test_stage_events_join_those_of_the_record(ledger: Ledger) -> None:
    """They are numbered on from the record's own, each kept once."""
    scaled = StageEvent("bus", Event("2021", "scaled"))
    take(
        ledger,
        BUS,
        scaled,
        scaled,
        StageEvent(
            "bus",
            Event("2020", "ended", "no"),
        ),
    )
    assert [(r["ord"], r["when"], r["stage"]) for r in rows(ledger, "events")] == [
        (0, "2019", "pilot"),
        (1, "2021", "scaled"),
        (2, "2020", "ended"),
    ]
    late = Correction("bus", "events.2.when", "2022", "typing error")
    assert take(ledger, late).new == 1
    assert column(ledger, "corrections", "old") == ["2020"]


def test_the_latest_correction_of_a_field_holds(ledger: Ledger) -> None:
    """It names what the source had when it was written."""
    take(ledger, BUS, Correction("bus", "start", "2018", "letter"))
    take(ledger, Correction("bus", "start", "2017", "archive", "page 3", "ana"))
    take(
        ledger,
        Correction("bus", "verified", "false", ""),
        Correction("bus", "withdrawn", "true", ""),
        Correction("bus", "funding.amount", "2.5", ""),
    )
    expected = [
        ("funding.amount", "1.5", "2.5", "", "", "", 3),
        ("start", "2019", "2017", "archive", "page 3", "ana", 2),
        ("verified", "true", "false", "", "", "", 3),
        ("withdrawn", "false", "true", "", "", "", 3),
    ]
    assert [tuple(row.values())[1:] for row in rows(ledger, "corrections")] == expected
    assert [row["new"] for row in rows(ledger, "corrections", batch=1)] == ["2018"]


def test_merges_do_not_run_in_circles(ledger: Ledger) -> None:
    """A chain is fine; what would close it is refused; a record can be merged elsewhere."""
    rail = replace(TRAM, id="rail")
    take(ledger, BUS, TRAM, rail, Merge("bus", "tram"), Merge("tram", "rail"))
    summary = take(ledger, Merge("rail", "bus"), Merge("bus", "rail", "closer", "ana"))
    assert (summary.rejected, summary.changed) == (1, 1)
    assert [(r["record_id"], r["into"]) for r in rows(ledger, "merges")] == [
        ("bus", "rail"),
        ("tram", "rail"),
    ]


def test_the_latest_adjudication_holds_for_its_codebook(ledger: Ledger) -> None:
    """An adjudication supersedes the one before it under the same codebook."""
    settled = Adjudication("bus", "sector", "eva", ("a",), "clear", "v1")
    take(ledger, BUS, settled, replace(settled, value=("b", "c")), replace(settled, codebook="v2"))
    assert [(r["value"], r["codebook"]) for r in rows(ledger, "adjudications")] == [
        ("b|c", "v1"),
        ("a", "v2"),
    ]


def test_a_codebook_is_kept_once(ledger: Ledger) -> None:
    """Its text is readable from the batch on that brought it."""
    take(ledger, BUS)
    ledger.add_codebook("v1", "version: 1\n")
    ledger.add_codebook("v1", "version: 1\n")
    assert (ledger.head(), rows(ledger, "codebooks", batch=1)) == (2, [])
    assert rows(ledger, "codebooks") == [{"version": "v1", "text": "version: 1\n"}]


def test_the_state_depends_on_the_facts_alone(ledger: Ledger) -> None:
    """Equal facts give the same state on both databases, whatever the file was called."""
    assert ledger.state() == ""
    take(ledger, BUS, TRAM, *ABOUT_TRAM[:5], file="any name")
    ledger.add_codebook("v1", "text")
    assert ledger.state() == "6a42565e3dde03df8acadca0811c61cb7793f4864a113a520d6e873faca71fa6"


def test_another_fact_gives_another_state(ledger_url: str, tmp_path: Path) -> None:
    """One changed letter in one fact changes the state."""
    states = set()
    for n, title in enumerate(("Night bus", "night bus", "Night bus")):
        with Ledger.open(f"sqlite:///{tmp_path / str(n)}", create=True) as ledger:
            take(ledger, replace(BUS, title=title), TRAM)
            states.add(ledger.state())
    assert len(states) == 2


def test_rows_come_in_the_order_of_their_bytes(ledger: Ledger) -> None:
    """The order is the same on both databases, whatever language they sort by."""
    ids = ["b", "a.z", "a-b", "a_b", "ab", "a"]
    take(ledger, *(replace(TRAM, id=name) for name in ids))
    assert column(ledger, "records", "record_id") == sorted(ids)


@contextmanager
def writing(url: str) -> Iterator[Connection]:
    """A connection beside the ledger's, as another program would open it."""
    engine = create_engine(url.replace("postgresql:", "postgresql+pg8000:"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def test_nothing_is_ever_rewritten(ledger: Ledger, ledger_url: str) -> None:
    """The databases themselves refuse UPDATE and DELETE, on every table."""
    coding = Coding("tram", "sector", "ana", ("x",), evidence=(Evidence("Tram"),))
    take(ledger, BUS, TRAM, coding, *ABOUT_TRAM[1:5], Draw("d", "srs", members={"bus": 1.0}))
    take(ledger, Coder(""))
    ledger.add_codebook("v1", "text")
    for table in schema.metadata.tables.values():
        first = table.columns.keys()[0]
        for statement in (
            f'UPDATE "{table.name}" SET "{first}" = "{first}"',
            f'DELETE FROM "{table.name}"',
        ):
            with pytest.raises(DBAPIError, match="append-only"), writing(ledger_url) as connection:
                connection.execute(text(statement))
    assert len(rows(ledger, "records")) == 2


def test_a_history_tells_what_changed(ledger: Ledger) -> None:
    """Versions, codings, corrections and merges come in order with what they changed."""
    coding = Coding("bus", "sector", "ana", ("transport",), 2, (Evidence("Night bus"),))
    take(ledger, BUS, TRAM, coding, file="first.jsonl")
    take(
        ledger,
        replace(BUS, title="Day\x1b[31m bus", places=(Place("Linz", "AT"),)),
        replace(coding, value=("other",)),
        Correction("bus", "start", "2018", "letter"),
        StageEvent("bus", Event("2020", "ended", "no money")),
        Adjudication("bus", "sector", "eva", ("other",), "agreed"),
        Merge("tram", "bus", "same"),
        file="second.jsonl",
    )
    history = ledger.history("bus")
    assert [(e.batch, e.row, e.kind, e.version) for e in history] == [
        (1, 1, "record", 1),
        (1, 3, "coding", 1),
        (2, 1, "record", 2),
        (2, 2, "coding", 2),
        (2, 3, "correction", 1),
        (2, 4, "stage_event", 1),
        (2, 5, "adjudication", 1),
        (2, 6, "merge", 1),
    ]
    assert history[2].changes == (
        ("places.0.name", "Wien", "Linz"),
        ("title", "Night bus", "Day\x1b[31m bus"),
        ("places.1.country", "AT", ""),
        ("places.1.name", "Graz", ""),
        ("places.1.role", "participant", ""),
    )
    assert history[3].changes == (("value", "transport", "other"),)
    assert "\x1b" not in history[2].text
    assert history[4].text.endswith(
        "second.jsonl row 3: correction: start is '2018', the source has '2019' (letter)"
    )
    assert [entry.kind for entry in ledger.history("tram")] == ["record", "merge"]
    with pytest.raises(UnknownRecord, match="zeppelin"):
        ledger.history("zeppelin")


def test_the_imports_are_remembered(ledger: Ledger) -> None:
    """Each batch tells its file, hash, settings and counts."""
    take(ledger, BUS, TRAM, ABOUT_TRAM[0], file="a.jsonl", sha256="1", settings="s")
    [batch] = ledger.imports()
    assert (batch.file, batch.sha256, batch.settings, batch.source_id) == (
        "a.jsonl",
        "1",
        "s",
        "atlas",
    )
    assert (batch.new, batch.by_kind) == (3, {"coding": 1, "record": 2})
    assert batch.recorded_at.endswith("Z") and len(batch.content) == 64


def test_two_programs_can_import_at_once(ledger_url: str) -> None:
    """Both wait their turn and both succeed, from the making of the ledger on."""
    writer = Path(__file__).with_name("ledger_writer.py")
    programs = [
        subprocess.Popen([sys.executable, writer, ledger_url, "together", name])
        for name in ("one", "two", "three")
    ]
    assert [program.wait(timeout=60) for program in programs] == [0, 0, 0]
    with Ledger.open(ledger_url) as ledger:
        assert ledger.head() == 15
        assert ledger.facts()["records"].num_rows == 15 * 40


def test_a_ledger_of_an_older_version_is_brought_up(ledger_url: str) -> None:
    """A ledger without the later columns gets them when it is opened, and its facts stay."""
    with Ledger.open(ledger_url, create=True) as ledger:
        take(ledger, BUS, Coding("bus", "sector", "ana", ("transport",)))
        take(ledger, Draw("d1", "simple_random", 1, members={"bus": 0.5}))
        state = ledger.state()
        with ledger._store.engine.begin() as connection:
            for trigger in ("schema_versions_no_delete", "draw_members_no_update"):
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql(f'DROP TRIGGER "{trigger}"')
            for column in ADDED[2]:
                connection.exec_driver_sql(
                    f'ALTER TABLE "{column.table.name}" DROP COLUMN "{column.name}"'
                )
            if connection.dialect.name == "postgresql":
                name = "schema_versions"
                connection.exec_driver_sql(f'DROP TRIGGER "{name}_append_only" ON "{name}"')
            connection.exec_driver_sql("DELETE FROM schema_versions")
            connection.exec_driver_sql("INSERT INTO schema_versions VALUES (1)")
    for _ in range(2):
        with Ledger.open(ledger_url) as ledger:
            facts = ledger.facts()
            assert ledger.state() == state
            assert facts["draws"].to_pylist()[0] == {
                "draw_id": "d1", "design": "simple_random", "seed": 1, "note": "", "target": "",
                "record_id": "bus", "probability": 0.5, "drawn": True, "second": False,
            }  # fmt: skip
            assert facts["codings"].to_pylist()[0]["suggestion"] == ""
    with Ledger.open(ledger_url) as ledger:
        late = Coding("bus", "sector", "bob", ("other",), coded_at="2026-01-31T12:00:00Z",
                      seconds=4.5, suggestion="machine")  # fmt: skip
        assert take(ledger, late).new == 1


def test_a_merge_into_itself_undoes_a_merge(ledger: Ledger) -> None:
    """After a record was merged by mistake, a merge into itself makes it count again."""
    take(ledger, BUS, TRAM, Merge("bus", "tram"))
    take(ledger, Merge("bus", "bus", "not the same", "ana"))
    assert take(ledger, Merge("tram", "bus")).new == 1


def test_draws_keep_their_frame_and_second_coders(ledger: Ledger) -> None:
    """Records that could have been drawn are kept with their probability."""
    draw = Draw("d1", "simple_random", 7, members={"bus": 0.5}, frame={"tram": 0.5},
                second=("bus",), target=("sector", "goal"))  # fmt: skip
    take(ledger, BUS, TRAM, draw)
    rows = ledger.facts()["draws"].to_pylist()
    assert [(r["record_id"], r["drawn"], r["second"]) for r in rows] == [
        ("bus", True, True), ("tram", False, False)
    ]  # fmt: skip
    assert {r["target"] for r in rows} == {"sector|goal"}
    assert take(ledger, replace(draw, id="d2", second=("tram",))).rejected == 1
