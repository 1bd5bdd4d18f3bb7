"""CSV, XLSX and Data Packages: mapped rows, and hostile ones."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from innovatory.errors import MappingError, SourceError
from innovatory.records import Event, Funding, Organisation, Place
from innovatory.sources import propose_mapping
from innovatory.sources.mapping import parse_mapping
from innovatory.sources.reader import FIELD_LIMIT
from sources_data import FUZZ, gather, records

MAPPING = """
dates = ["%d.%m.%Y", "%m/%Y"]
decimal = ","
[fields]
title = "Projekt"
city = "Stadt"
start = "Beginn"
status = "Stand"
partners = "Partner"
funding.amount = "Kosten"
[constants]
kind = "project"
country = "AT"
funding.source = "public"
funding.currency = "EUR"
[values.status]
laufend = "active"
[lists]
partners = "|"
[[events]]
column = "Pilot"
stage = "pilot"
[[events]]
column = "Ausbau"
stage = "scaled"
"""
HEADER = "Projekt;Stadt;Beginn;Stand;Partner;Kosten;Pilot;Ausbau"
ROW = "Grüne Welle;Wien;24.12.2020;laufend;A|B;1.234,50;2021;05/2022"
PLAIN = "id,kind,title,description\n"


def table(tmp_path: Path, text: str | bytes, mapping: str = "", name: str = "a.csv") -> Any:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return gather(path, mapping=mapped(tmp_path, mapping) if mapping else None)


def mapped(tmp_path: Path, text: str = MAPPING) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    return path


def ids(rows: Any) -> list[str]:
    return [record.id for record in records(rows)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_a_mapped_csv_row_becomes_a_record(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """Dates, values, lists, amounts, events and the id of title and city, in any encoding."""
    out = io.StringIO()
    for line in (HEADER, ROW):
        csv.writer(out, delimiter=delimiter).writerow(line.split(";"))
    rows, rejects = table(tmp_path, out.getvalue().encode(encoding), MAPPING)
    record = records(rows)[0]
    assert (record.id, record.title) == ("grune-welle-wien", "Grüne Welle")
    assert (record.start, record.status) == ("2020-12-24", "active")
    assert record.places == (Place("Wien", "AT", "site"),)
    assert record.organisations == (Organisation("A"), Organisation("B"))
    assert record.funding == Funding("public", 1234.5, "EUR")
    assert record.events == (Event("2021", "pilot"), Event("2022-05", "scaled"))
    assert json.loads(rows[0].raw)["Kosten"] == "1.234,50"
    assert [(r.row, r.kept) for r in rejects] == ([(0, True)] if encoding == "cp1252" else [])


def test_rows_of_the_same_title_and_city_need_an_id(tmp_path: Path) -> None:
    """The second is a reject that asks for a column of ids."""
    rows, rejects = table(tmp_path, f"{HEADER}\n{ROW}\n{ROW}\n", MAPPING)
    assert len(rows) == 1 and rejects[0].row == 3
    assert rejects[0].next_step == "give the table a column of ids and map it"


def test_a_table_with_fields_as_columns_needs_no_mapping(tmp_path: Path) -> None:
    """Its other columns are listed once."""
    rows, rejects = table(tmp_path, "id,kind,title,colour\na,project,A,red\n")
    assert ids(rows) == ["a"] and [r.field for r in rejects] == ["colour"]


def test_without_title_or_mapping_the_error_says_what_to_do(tmp_path: Path) -> None:
    """A table that cannot be understood is an error about its mapping."""
    with pytest.raises(MappingError, match=r"a\.csv: .*no mapping"):
        table(tmp_path, "name\nA\n")


@pytest.mark.parametrize(
    ("bad", "step"),
    [
        (b"x,project", "columns"),
        (b"x,project,A,b,c", "columns"),
        (b"x,project,A,\xff\xc3", "utf-8"),
        (b'x,project,"A,no end', "quote"),
        (b'x,project,"A"x,b', "expected"),
        (b"x,project,A\0,b", "NUL"),
        (b"good,project,A,b", "id"),
        (b"x,project,,b", "title"),
        (b"x,pub,A,b", "kind"),
    ],
)
def test_a_bad_csv_row_costs_only_itself(tmp_path: Path, bad: bytes, step: str) -> None:
    """Even a quote that is never closed leaves the rows after it alone."""
    good = "good,project,Gut,ö\n".encode()
    after = 'after,project,"Da,\nnach",ü\n'.encode()
    rows, rejects = table(tmp_path, PLAIN.encode() + good + bad + b"\n" + after)
    assert ids(rows) == ["good", "after"]
    assert [(r.row, r.kept) for r in rejects] == [(3, False)]
    assert step in rejects[0].reason or step in rejects[0].field


def test_a_truncated_last_row_is_listed(tmp_path: Path) -> None:
    """A file cut inside a quoted field keeps the rows before."""
    rows, rejects = table(tmp_path, PLAIN + 'a,project,A,b\nx,project,X,"cut off\nhere')
    assert ids(rows) == ["a"] and rejects[0].row == 3 and "quote" in rejects[0].reason


def test_a_huge_field_costs_only_its_row(tmp_path: Path) -> None:
    """50 MB in one field pass by; what is over the limit for a field alone is set aside."""
    big = b"x,project,X," + b"a" * 50_000_000 + b"\n"
    wide = b"w,project,W," + b"a" * (FIELD_LIMIT + 1) + b"\n"
    rows, rejects = table(tmp_path, PLAIN.encode() + big + wide + b"a,project,A,b\n")
    assert ids(rows) == ["w", "a"]
    assert [(r.row, r.field, r.kept) for r in rejects] == [
        (2, "", False),
        (3, "description", True),
    ]


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "+A1"])
def test_what_looks_like_a_formula_is_kept_as_text_and_listed(tmp_path: Path, text: str) -> None:
    """The text is never evaluated; the reader of the rejects sees it."""
    rows, rejects = table(tmp_path, f"{PLAIN}a,project,A,{text}\n")
    assert records(rows)[0].description == text
    assert [(r.field, r.kept) for r in rejects] == [("description", True)]


@pytest.mark.parametrize("text", ["-5", "+43 1 4000", "- a point", "a=b"])
def test_numbers_and_bullets_do_not_look_like_formulas(tmp_path: Path, text: str) -> None:
    """Only what a spreadsheet would take for a formula is listed."""
    assert table(tmp_path, f"{PLAIN}a,project,A,{text}\n")[1] == []


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_csv_is_a_reject(tmp_path: Path, text: bytes) -> None:
    """A file without a row is listed as a whole."""
    rows, rejects = table(tmp_path, text)
    assert rows == [] and [r.row for r in rejects] == [0]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[fields]\nname = 'a'", "fields.name"),
        ("[fields]\nid = 'a'", "fields.title"),
        ("colour = 1\n[fields]\ntitle = 'a'", "colour"),
        ("delimiter = ';;'\n[fields]\ntitle = 'a'", "delimiter"),
        ("encoding = 'klingon'\n[fields]\ntitle = 'a'", "encoding"),
        ("[fields]\ntitle = 5", "title"),
        ("[fields]\ntitle = 'a'\n[lists]\nlead = ';'", "lists.lead"),
        ("[fields]\ntitle = 'a'\n[[events]]\ncolumn='b'\nstage='x'", "events"),
        ("events = 3\n[fields]\ntitle = 'a'", "events"),
        ("fields = ", "TOML"),
    ],
)
def test_a_wrong_mapping_names_its_key(text: str, key: str) -> None:
    """The error names the file and the key."""
    with pytest.raises(MappingError, match=rf"m\.toml.*{key}"):
        parse_mapping(text, file="m.toml")


def test_a_mapped_column_that_is_absent_is_named(tmp_path: Path) -> None:
    """So are the columns that there are."""
    with pytest.raises(MappingError, match=r"'Stadt' is not there in a\.csv; its columns are"):
        table(tmp_path, "Projekt;Ort\nA;B\n", MAPPING)


def test_several_cities_in_a_cell_become_places(tmp_path: Path) -> None:
    """Each with the country at the same place of the list."""
    mapping = "[fields]\ntitle='t'\ncity='c'\ncountry='l'\n[lists]\ncity=';'\ncountry=';'\n"
    text = "t,c,l\nA,Wien;Paris,AT;FR\nB,Graz;Linz,AT\n"
    rows, _ = table(tmp_path, text, mapping + "[constants]\nkind='project'\n")
    assert records(rows)[0].places == (Place("Wien", "AT"), Place("Paris", "FR"))
    assert records(rows)[1].places == (Place("Graz", "AT"), Place("Linz", "AT"))


def test_a_proposed_mapping_reads_its_own_table(tmp_path: Path) -> None:
    """Names, dates, separators and years of stages are found; the rest is named in comments."""
    path = tmp_path / "a.csv"
    path.write_text(
        "Project name;Stadt;Start date;Tags;Status;Pilot year;Budget;Other\n"
        "Bus;Wien;24.12.2020;a, b;Active;2021;1.234,50;x\n"
        "Tram;Graz;25.12.2020;c, d;odd;2022;99,90;y\n"
    )
    text = propose_mapping(path)
    mapping = parse_mapping(text, file="m.toml")
    assert mapping.fields == {
        "title": "Project name",
        "start": "Start date",
        "status": "Status",
        "keywords": "Tags",
        "city": "Stadt",
        "funding.amount": "Budget",
    }
    assert (mapping.encoding, mapping.delimiter, mapping.decimal) == ("utf-8", ";", ",")
    assert (mapping.dates, mapping.lists) == (("%d.%m.%Y",), {"keywords": ","})
    assert mapping.values["status"] == {"Active": "active", "odd": "unknown"}
    assert "# not mapped: Other" in text
    rows, rejects = table(tmp_path, path.read_bytes(), text)
    assert rejects == [] and records(rows)[1].events == (Event("2022", "pilot"),)


@settings(FUZZ, max_examples=60)
@given(data=st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_header_gives_a_proposal_that_is_toml(tmp_path: Path, data: bytes) -> None:
    """Whatever the file, the proposal parses or the file is refused."""
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    try:
        parse_mapping(propose_mapping(path), file="m.toml")
    except SourceError as error:
        assert "header" in str(error) or "twice" in str(error)


def sheet(tmp_path: Path, *rows: list[Any]) -> Path:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    path = tmp_path / "a.xlsx"
    book.save(path)
    return path


def test_a_sheet_is_read_without_trusting_its_formulas(tmp_path: Path) -> None:
    """Dates and numbers are taken; formulas and their errors are set aside."""
    header = ["id", "kind", "title", "description", "start"]
    path = sheet(
        tmp_path,
        header,
        ["a", "project", "A", "=1+1", datetime(2020, 5, 1)],
        ["b", "project", "=A1", "x", 2019],
        [],
        ["c", "project", "C", "#REF!", None],
        ["d", "project", "D", "x", 2019, "too wide"],
    )
    rows, rejects = gather(path)
    assert [(r.id, r.start, r.description) for r in records(rows)] == [
        ("a", "2020-05-01", ""),
        ("c", "", ""),
    ]
    assert [(r.row, r.field, r.kept) for r in rejects] == [
        (2, "description", True),
        (3, "title", False),
        (5, "description", True),
        (6, "", False),
    ]
    assert rejects[0].next_step == "paste values" and rejects[0].excerpt == "=1+1"
    assert 'title = "title"' in propose_mapping(path)


def test_a_missing_sheet_is_named(tmp_path: Path) -> None:
    """The mapping may name the sheet."""
    path = sheet(tmp_path, ["t"], ["A"])
    with pytest.raises(MappingError, match="no sheet 'Two'"):
        gather(path, mapping=mapped(tmp_path, "sheet = 'Two'\n[fields]\ntitle = 't'"))


def test_a_workbook_that_is_no_zip_is_a_reject(tmp_path: Path) -> None:
    """So is an empty one, and one that is a zip of something else."""
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("a.txt", "a")
    for data in (b"", b"id,kind\n", (tmp_path / "b.xlsx").read_bytes()):
        path.write_bytes(data)
        rows, rejects = gather(path)
        assert rows == [] and [(r.row, r.kept) for r in rejects] == [(0, False)]


def test_a_workbook_that_is_a_bomb_is_a_reject(tmp_path: Path) -> None:
    """A part that unpacks to 200 times its size is not unpacked further."""
    path = sheet(tmp_path, ["id"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/a.bin", b"\0" * 30_000_000)
    assert "bomb" in gather(path)[1][0].reason


def test_entities_in_a_workbook_are_not_expanded(tmp_path: Path) -> None:
    """A part that declares entities makes the workbook a reject."""
    whole, path = sheet(tmp_path, ["id"], ["a"]), tmp_path / "b.xlsx"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
                data = bomb + data.replace(b"<v>0</v>", b"<v>&b;</v>")
            new.writestr(name, data)
    rows, rejects = gather(path)
    assert rows == [] and rejects[-1].row == 0 and "Forbidden" in rejects[-1].reason


def package(tmp_path: Path, *resources: Any, **options: Any) -> Any:
    path = tmp_path / "datapackage.json"
    path.write_text(json.dumps({"name": "p", "resources": list(resources)}))
    return gather(path, **options)


def test_a_data_package_is_read_resource_by_resource(tmp_path: Path) -> None:
    """CSV with its dialect, JSON arrays and JSON Lines, each by field names."""
    (tmp_path / "a.csv").write_bytes("id;kind;title\na;project;Ä\n".encode("cp1252"))
    (tmp_path / "b.json").write_text('[{"id": "b", "kind": "project", "title": "B"}, 5]')
    (tmp_path / "c.jsonl").write_text('{"id": "c", "kind": "project", "title": "C"}\n')
    rows, rejects = package(
        tmp_path,
        {"path": "a.csv", "dialect": {"delimiter": ";"}, "encoding": "windows-1252"},
        {"path": ["b.json"]},
        {"path": "c.jsonl"},
    )
    assert [(r.id, r.title) for r in records(rows)] == [("a", "Ä"), ("b", "B"), ("c", "C")]
    assert [(r.file, r.row) for r in rejects] == [("b.json", 2)]


def test_a_mapping_applies_to_all_resources(tmp_path: Path) -> None:
    """The same columns in CSV, JSON and JSON Lines give the same records."""
    mapping = mapped(tmp_path, "[fields]\nid='n'\ntitle='t'\n[constants]\nkind='project'\n")
    (tmp_path / "a.csv").write_text("n,t\na,A\n")
    (tmp_path / "b.json").write_text('[{"n": "b", "t": "B"}]')
    (tmp_path / "c.jsonl").write_text('{"n": "c", "t": "C"}\n')
    rows, rejects = package(
        tmp_path, *({"path": p} for p in ("a.csv", "b.json", "c.jsonl")), mapping=mapping
    )
    assert ids(rows) == ["a", "b", "c"] and rejects == []


def test_a_package_made_by_frictionless_is_read(tmp_path: Path) -> None:
    """The format as its own library writes it."""
    folder = str(tmp_path)
    frictionless = pytest.importorskip("frictionless")
    (tmp_path / "a.csv").write_text("id,kind,title\na,project,A\n")
    made = frictionless.Package(resources=[frictionless.Resource(path="a.csv", basepath=folder)])
    made.infer()
    (tmp_path / "datapackage.json").write_text(made.to_json())
    assert ids(gather(tmp_path / "datapackage.json")[0]) == ["a"]


@pytest.mark.parametrize(
    "path",
    [
        "../a.csv",
        "/etc/passwd",
        "https://a.org/a.csv",
        "file:///etc/passwd",
        "//a.org/a.csv",
        "..\\a.csv",
        "link.csv",
        "none.csv",
        "a\0.csv",
        "a.docx",
        5,
        None,
    ],
)
def test_a_resource_outside_the_package_is_refused(tmp_path: Path, path: Any) -> None:
    """Nothing is fetched or read from elsewhere, and the other resources are kept."""
    folder = tmp_path / "package"
    folder.mkdir()
    (tmp_path / "a.csv").write_text("id,kind,title\nsecret,project,S\n")
    (folder / "link.csv").symlink_to(tmp_path / "a.csv")
    (folder / "a.docx").write_bytes(b"x")
    (folder / "b.csv").write_text("id,kind,title\nb,project,B\n")
    rows, rejects = package(folder, {"path": path}, {"path": "b.csv"})
    assert ids(rows) == ["b"] and [r.field for r in rejects] == ["resources.0.path"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"resources": []}', "[" * 100_000])
def test_a_broken_package_is_a_reject(tmp_path: Path, text: str) -> None:
    """A descriptor that is none is listed as a whole."""
    (tmp_path / "datapackage.json").write_text(text)
    rows, rejects = gather(tmp_path / "datapackage.json")
    assert rows == [] and [r.row for r in rejects] == [0]


@settings(FUZZ, max_examples=80)
@given(junk=st.binary(max_size=200))
def test_junk_between_good_csv_rows_never_spoils_them(tmp_path: Path, junk: bytes) -> None:
    """Whatever lines stand between two good rows, both are read."""
    data = PLAIN.encode() + b"good,project,G,\n" + junk + b"\nlast,project,L,\n"
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    mapping = mapped(
        tmp_path, "encoding='utf-8'\ndelimiter=','\n[fields]\nid='id'\nkind='kind'\ntitle='title'"
    )
    found = ids(gather(path, mapping=mapping)[0])
    assert found[0] == "good" and found[-1] == "last"


@settings(FUZZ, max_examples=40)
@given(junk=st.binary(max_size=200), at=st.integers(0, 10_000))
@pytest.mark.parametrize(
    "name", ["a.csv", "a.xlsx", "datapackage.json", "a.zip", "a.xml", "a.jsonl"]
)
def test_random_bytes_raise_nothing_but_source_errors(
    tmp_path: Path, name: str, junk: bytes, at: int
) -> None:
    """Random files, and workbooks with random bytes in them, give rejects or a SourceError."""
    path = tmp_path / name
    if name == "a.xlsx":
        data = bytearray(
            sheet(tmp_path, ["id", "kind", "title"], ["a", "project", "A"]).read_bytes()
        )
        at %= len(data)
        data[at : at + len(junk)] = junk
        junk = bytes(data)
    path.write_bytes(junk)
    try:
        gather(path, reader={"a.zip": "cordis", "a.xml": "cordis"}.get(name, ""))
    except SourceError as error:
        assert name in str(error)
