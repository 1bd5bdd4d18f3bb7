"""Each verb as a new user meets it: what it prints, its exit code, and bad input in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import openpyxl
import pytest

from command import RECORDS, refused, run, told, write_lines, write_small
from innovatory import observatory
from innovatory.cli import app
from innovatory.console import visible

PUBLISHED = observatory.data("published-figures.yaml")


def files(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_small(tmp_path_factory.mktemp("built") / "small")
    run("build", folder)
    return folder


@pytest.fixture
def built(_built: Path, tmp_path: Path) -> Path:
    """The small observatory with its two editions, to do with as one likes."""
    return Path(shutil.copytree(_built, tmp_path / "small"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An observatory as 'innovatory new' makes it."""
    run("new", tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("verb", list(app.commands))
def test_help_of_each_verb_fits_its_line_in_the_list(verb: str) -> None:
    """The list of verbs cuts no sentence off, and each verb tells more than that."""
    listed = run("--help").output.partition("Commands:")[2].splitlines()
    line = next(line for line in listed if line.startswith(f"  {verb} "))
    assert not line.endswith("...")
    assert line.removeprefix(f"  {verb}").strip() in run(verb, "--help").output


def test_new_keeps_what_lies_in_the_folder(tmp_path: Path) -> None:
    """A .gitignore and a codebook of the user's are not overwritten, and the second new refuses."""
    (tmp_path / ".gitignore").write_text("mine\n")
    book = observatory.data("codebook.yaml").read_text("utf-8") + "# mine\n"
    (tmp_path / "codebook.yaml").write_text(book, "utf-8")
    run("new", tmp_path, "--title", 'A "quoted" title')
    before = files(tmp_path)
    assert before[".gitignore"] == b"mine\n" and before["codebook.yaml"] == book.encode()
    assert observatory.load(tmp_path).title == 'A "quoted" title'
    assert "already here" in refused("new", tmp_path)
    assert files(tmp_path) == before


def test_new_refuses_a_broken_codebook_and_writes_nothing(tmp_path: Path) -> None:
    """What lies in the folder must be usable before anything is put beside it."""
    (tmp_path / "codebook.yaml").write_text("a: [")
    assert "codebook.yaml, line" in refused("new", tmp_path)
    assert list(files(tmp_path)) == ["codebook.yaml"]


def test_collect_prints_what_went_in(empty: Path, tmp_path: Path) -> None:
    """A native file goes in whole, and again changes nothing."""
    path = write_lines(tmp_path / "Labs (2022).jsonl", RECORDS)
    first = run("collect", empty, path, "--design", "census", "--of", "all labs")
    assert first.stdout == (
        "Labs (2022).jsonl (source labs-2022): 4 new facts; nothing set aside\n"
    )
    again = run("collect", empty, path, "--design", "census", "--of", "all labs")
    assert again.stdout == "Labs (2022).jsonl (source labs-2022): unchanged since batch 2\n"
    source = told("build", empty, "--as-of", "2022")["editions"][0]["folder"]
    manifest = json.loads((Path(source) / "manifest.json").read_text("utf-8"))
    assert [(s["design"], s["population"]) for s in manifest["sources"]] == [("census", "all labs")]


def test_collect_csv_and_xlsx_with_the_proposed_mapping(empty: Path, tmp_path: Path) -> None:
    """The same table as CSV and as a workbook, read by what 'mapping' proposes, is the same."""
    rows = [("Name", "Stadt", "Jahr"), ("Bus lane", "Wien", 2019), ("Tram", "Graz", 2020)]
    table = tmp_path / "list.csv"
    table.write_text("".join(f"{';'.join(map(str, row))}\n" for row in rows), "utf-8")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "list.xlsx")
    found = {}
    for path in (table, tmp_path / "list.xlsx"):
        mapping = tmp_path / f"{path.suffix[1:]}.toml"
        mapping.write_text(run("mapping", path).stdout, "utf-8")
        place = tmp_path / path.suffix[1:]
        run("new", place)
        assert told("collect", place, path, "--mapping", mapping)[0]["new"] == 2
        run("export", place)
        found[path.suffix] = (place / "export" / "list" / "records.jsonl").read_text("utf-8")
    assert found[".csv"] == found[".xlsx"] and '"id": "bus-lane-wien"' in found[".csv"]


def test_collect_a_data_package(empty: Path, tmp_path: Path) -> None:
    """A Data Package is read by its descriptor, as a folder and as the file."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "list.csv").write_text("id,kind,title,city\nbus,project,Bus,Wien\n")
    resource = {"name": "list", "path": "list.csv", "profile": "tabular-data-resource"}
    (package / "datapackage.json").write_text(json.dumps({"name": "x", "resources": [resource]}))
    assert told("collect", empty, package)[0]["new"] == 1
    assert (
        "unchanged" in run("collect", empty, package / "datapackage.json", "--id", "package").output
    )


def test_rows_set_aside_are_told_and_the_others_go_in(empty: Path, tmp_path: Path) -> None:
    """Exit code 3; each fault names file, row, field, reason and next step, also as JSON."""
    rows = [RECORDS[1], {"id": "x", "kind": "project", "title": "X", "start": "2019-02-30"},
            {"id": "y", "kind": "project", "title": "Y", "city": "Nirgendwo"}]  # fmt: skip
    path = write_lines(tmp_path / "r.jsonl", rows)
    result = run("collect", empty, path, code=3)
    assert result.stdout == "r.jsonl (source r): 2 new facts; 1 row and 1 field set aside\n"
    assert "r.jsonl, row 2, start: '2019-02-30' is not a date (row not taken); write" in (
        result.stderr
    )
    assert "r.jsonl, row 3, places.0.name: no city for 'Nirgendwo'" in result.stderr
    (item,) = told("collect", empty, path, "--id", "again", "--reader", "native", code=3)
    assert {"file", "row", "field", "reason", "next_step", "kept"} <= set(item["rejects"][0])
    run("export", empty)
    assert (empty / "export" / "rejects.csv").read_text("utf-8").count("2019-02-30") == 4


def test_a_file_that_cannot_be_read_keeps_no_other_out(empty: Path, tmp_path: Path) -> None:
    """The good file between two bad ones goes in; exit code 1 says that something was refused."""
    bad = tmp_path / "bad.csv"
    bad.write_text("Name,Stadt\nBus,Wien\n")
    (tmp_path / "what.zzz").write_text("?")
    good = write_lines(tmp_path / "good.jsonl", RECORDS)
    found = told("collect", empty, bad, good, tmp_path / "what.zzz", code=1)
    assert [bool(item["refused"]) for item in found] == [True, False, True]
    assert "mapping" in found[0]["refused"] and "docs/formats.md" in found[2]["refused"]
    assert found[1]["new"] == 4


def test_a_missing_source_is_refused_before_anything_is_stored(empty: Path, tmp_path: Path) -> None:
    """A wrong path among the sources costs nothing: no ledger is made."""
    good = write_lines(tmp_path / "good.jsonl", RECORDS)
    before = files(empty)
    assert "no such file" in refused("collect", empty, good, tmp_path / "nosuch.csv")
    assert "no SOURCE given" in refused("collect", empty)
    (tmp_path / "nothing").mkdir()
    assert "known kind" in refused("collect", empty, tmp_path / "nothing")
    assert files(empty) == before


def test_collect_without_source_reads_those_of_the_settings(built: Path) -> None:
    """Every [[source]] of observatory.toml is read."""
    settings = built / "observatory.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[[source]]\npath = "sources/small"\n')
    assert run("collect", built).output.count("unchanged since batch") == 2


def test_build_prints_what_was_made(built: Path) -> None:
    """A second build makes nothing; one as of a new date is added to the settings, once."""
    again = told("build", built)
    assert [(e["name"], e["made"]) for e in again["editions"]] == [("2019", []), ("2022", [])]
    assert again["written"] == 0 < again["pages"] and Path(again["site"]).is_file()
    run("build", built, "--as-of", "2020-06")
    run("build", built, "--as-of", "2020-06")
    assert (built / "observatory.toml").read_text("utf-8").count("2020-06") == 2
    assert [e["name"] for e in told("build", built)["editions"]] == ["2019", "2020-06", "2022"]
    assert [e["name"] for e in told("build", built, "--edition", "2019")["editions"]] == ["2019"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--as-of", "2019-13"], "'2019-13' is not a date; write YYYY"),
        (["--as-of", "2020", "--edition", "../../up"], "cannot be a folder name"),
        (["--as-of", "2020", "--edition", "a/b"], "cannot be a folder name"),
        (["--as-of", "2021", "--edition", "2022"], "give another name"),
        (["--edition", "1999"], "no edition '1999'"),
    ],
)
def test_build_refuses_bad_dates_and_names(built: Path, arguments: list[str], reason: str) -> None:
    """The settings and all that was built stay as they are."""
    before = files(built)
    assert reason in refused("build", built, *arguments)
    assert files(built) == before


def test_build_without_records_changes_nothing(empty: Path, tmp_path: Path) -> None:
    """Neither a missing ledger nor one of no records gives an edition or an entry for it."""
    before = files(empty)
    assert "give a date with --as-of" in refused("build", empty)
    assert "holds no record; collect" in refused("build", empty, "--as-of", "2022")
    assert files(empty) == before
    (tmp_path / "none.jsonl").write_text("")
    run("collect", empty, tmp_path / "none.jsonl", code=3)
    assert "holds no record; collect" in refused("build", empty, "--as-of", "2022")
    assert (empty / "observatory.toml").read_bytes() == before["observatory.toml"]


def test_an_edition_that_cannot_be_added_leaves_the_settings(built: Path) -> None:
    """Settings that end in an inline list of editions take no table: it must be added by hand."""
    settings = built / "observatory.toml"
    text = 'edition = [{name = "2019", as_of = "2019"}]\n' + settings.read_text("utf-8")
    settings.write_text(text.partition("[[edition]]")[0], "utf-8")
    before = settings.read_bytes()
    assert "add it by hand: name = " in refused("build", built, "--as-of", "2021")
    assert settings.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('title = "Small"', 'title = "Small', "observatory.toml: Illegal character"),
        ('cities = "all"', 'cities = ["nowhere-xx"]', "'nowhere-xx' is no city; look its id up"),
        ('"ledger.db"', '"notes.txt"', "notes.txt cannot be opened: file is not a database"),
        ('"ledger.db"', '"a/b/ledger.db"', "holds no record"),
        ('"ledger.db"', '"mysql://host/name"', "a ledger cannot lie in mysql"),
        ('"codebook.yaml"', '"none.yaml"', "none.yaml: cannot be read"),
        ("[panel]", "[pannel]", "unknown field `pannel`; see docs/observatory.md"),
    ],
)
def test_bad_settings_are_refused_by_every_verb(
    built: Path, old: str, new: str, reason: str
) -> None:
    """One line with file and reason, and a text file named as the ledger is not touched."""
    (built / "notes.txt").write_text("my notes\n")
    settings = built / "observatory.toml"
    settings.write_text(settings.read_text("utf-8").replace(old, new, 1), "utf-8")
    before = files(built)
    assert reason in refused("build", built)
    assert files(built) == before


def test_settings_with_a_byte_order_mark_are_read(built: Path) -> None:
    """Editors on Windows write one."""
    settings = built / "observatory.toml"
    settings.write_bytes(b"\xef\xbb\xbf" + settings.read_bytes())
    run("build", built)
    settings.write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text; save it as UTF-8" in refused("build", built)


@pytest.mark.parametrize("verb", ["collect", "build", "check", "export", "history"])
def test_a_folder_without_settings_is_refused(tmp_path: Path, verb: str) -> None:
    """The message names the folder, quoted for the shell, and the verb that makes one."""
    folder = tmp_path / "what is?this"
    more = ["tram"] if verb == "history" else []
    assert f"innovatory new '{folder}'" in refused(verb, folder, *more)
    assert not folder.exists()


def test_a_folder_of_an_unusual_name_works(tmp_path: Path) -> None:
    """Blanks, '?', '%' and '#' have a meaning in addresses, and none here."""
    folder = write_small(tmp_path / "a b?c%20d#e")
    run("build", folder)
    run("check", folder)
    assert {"ledger.db", "site"} <= {path.name for path in folder.iterdir()}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_refused(built: Path) -> None:
    """Neither a build nor an import leaves a trace where it may not write."""
    (built / "site").chmod(0o500)
    shutil.rmtree(built / ".innovatory")
    built.chmod(0o500)
    assert "Permission denied" in refused("build", built)
    assert "Permission denied" in refused("new", built / "inside")


def test_a_file_where_a_folder_belongs_is_refused(built: Path) -> None:
    """An error of the file system is one line that names the path."""
    shutil.rmtree(built / "site")
    (built / "site").write_text("mine")
    assert str(built / "site") in refused("build", built)
    assert (built / "site").read_text() == "mine"


@pytest.mark.postgres
def test_a_server_that_does_not_answer_is_refused(built: Path) -> None:
    """The address is named without its password."""
    pytest.importorskip("pg8000", reason="the driver pg8000 is not installed")
    settings = built / "observatory.toml"
    address = "postgresql://someone:secret@127.0.0.1:1/none"
    settings.write_text(settings.read_text("utf-8").replace("ledger.db", address), "utf-8")
    message = refused("build", built)
    assert "127.0.0.1" in message and "check the address" in message and "secret" not in message


def test_check_finds_damage_and_build_mends_it(built: Path) -> None:
    """Exit code 4 for a changed table, a missing one and a broken manifest; then all is well."""
    assert "every claim follows from the tables, in 2019, 2022" in run("check", built).stdout
    assert told("check", built)["problems"] == []
    edition = built / "editions" / "2022"
    (edition / "tables" / "records.csv").write_text("a\n")
    (edition / "tables" / "by_city.parquet").unlink()
    problems = told("check", built, code=4)["problems"]
    assert [Path(p.split(":")[0]).name for p in problems] == ["by_city.parquet", "records.csv"]
    (edition / "manifest.json").write_text("{")
    assert "manifest.json" in run("check", built, code=4).stdout
    run("build", built)
    run("check", built)


def test_check_before_the_first_build_is_refused(empty: Path) -> None:
    """The next step names the folder."""
    assert f"run 'innovatory build {empty} --as-of DATE'" in refused("check", empty)


def test_check_judges_printed_figures(built: Path, tmp_path: Path) -> None:
    """Good figures give 0, impossible ones 4, a broken file 1, and wrong usage 2."""
    figures = tmp_path / "figures.yaml"
    figures.write_text("claims: [{id: a, percent: 50, of: 4}]")
    assert "a: 50% of 4: consistent" in run("check", built, "--figures", figures).stdout
    figures.write_text("claims: [{id: a, percent: 33, of: 4}]")
    assert "a: 33% of 4: inconsistent" in run("check", built, "--figures", figures, code=4).stdout
    assert told("check", built, "--figures", figures, code=4)["figures"][0]["claim"] == "a"
    figures.write_text("claims: [{id: a, percent: 330, of: 4}]")
    assert "figures.yaml, line 1" in refused("check", built, "--figures", figures)
    for name in ("1999", "../.."):
        message = refused("check", built, "--figures", PUBLISHED, "--edition", name)
        assert "was built; known: 2019, 2022" in message
    assert "--figures" in run("check", built, "--edition", "2022", code=2).stderr
    (built / "editions" / "2022" / "claims.json").write_text("x")
    message = refused("check", built, "--figures", PUBLISHED, "--edition", "2022")
    assert "claims.json: cannot be read" in message


def test_a_damaged_ledger_is_refused(built: Path) -> None:
    """Pages overwritten in the middle of the file are noticed, and told in one line."""
    ledger = built / "ledger.db"
    data = bytearray(ledger.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    ledger.write_bytes(data)
    message = refused("history", built, "tram")
    assert message.startswith(("the ledger failed: ", f"the ledger sqlite:///{built}")), message


def test_history_tells_all_about_a_record(built: Path) -> None:
    """Versions, codings, adjudications, events, corrections and merges, or that there is none."""
    entries = told("history", built, "twin")
    assert [entry["kind"] for entry in entries] == ["record", "coding", "stage_event", "merge"]
    assert "settles chair (the goal is traffic)" in run("history", built, "tram").stdout
    assert "holds no record 'nix'" in refused("history", built, "nix")


def test_reading_verbs_make_no_ledger(empty: Path) -> None:
    """Where nothing was collected there is nothing to read, and nothing is made."""
    for verb in (["export"], ["history", "x"]):
        assert "no ledger" in refused(verb[0], empty, *verb[1:])
    assert not (empty / "ledger.db").exists()


def test_texts_from_outside_cannot_steer_the_terminal(empty: Path, tmp_path: Path) -> None:
    """Escape sequences and line breaks in names come out visible, and JSON is plain ASCII."""
    row = {"id": "a", "kind": "project", "title": "A\x1b[31m\x9bred\nb", "city": "W\x1b[2Jien"}
    path = write_lines(tmp_path / "r.jsonl", [row])
    results = [run("collect", empty, path, code=3), run("history", empty, "a"),
               run("city", "W\x1b[2Jien", code=4)]  # fmt: skip
    for result in results:
        assert not {"\x1b", "\x9b"} & set(result.output)
    assert run("history", empty, "a", "--json").stdout.isascii()
    assert refused("collect", empty, tmp_path / "n\x1b[2J\n.csv").endswith("check the path")


@pytest.mark.parametrize("text", ["", "plain é 中", "a\tb", "\ud800", "\x7f\u202e"])
def test_visible_text_is_one_printable_line(text: str) -> None:
    """Whatever goes in can be encoded and printed, and printable text is left alone."""
    shown = visible(text)
    assert shown.isprintable() and shown.encode().decode() == shown
    assert shown == text or not text.isprintable()


def test_city_says_which_or_why_not() -> None:
    """0 with the id where there is one city, 4 with the reason where there is not."""
    assert run("city", "BRUXELLES / BRUSSEL").stdout.startswith("brussels-be: Brussels, Belgium")
    assert told("city", "Wien", "--country", "Austria")["city"]["id"] == "vienna-at"
    assert "ambiguous" in run("city", "Springfield", code=4).stdout
    assert told("city", "Xyzzy", code=4)["city"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["nix"],
        ["new"],
        ["history", "x"],
        ["collect", "x", "y", "--design", "nix"],
        ["collect", "x", "y", "--id", "../up"],
        ["collect", "x", "y", "--mapping", "nosuch.toml"],
        ["mapping", "nosuch.csv"],
        ["check", "x", "--figures", "nosuch.yaml"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    """Click says what is wrong and where help is."""
    assert "--help' for help" in run(*arguments, code=2).stderr


def test_the_demonstration_does_not_enter_another_observatory(built: Path) -> None:
    """The corpus is not collected into a folder that is somebody's own."""
    before = files(built)
    for option in ("--no-open", "--synthetic"):
        assert "holds another observatory, 'Small'" in refused("demo", built, option)
    assert files(built) == before


def command(*arguments: object) -> list[str]:
    """The command as a process of its own."""
    return [sys.executable, "-m", "innovatory.cli", *map(str, arguments)]


def test_an_interrupted_import_leaves_no_part_of_a_file(empty: Path, tmp_path: Path) -> None:
    """Ctrl-C while a large file is read: one line, exit code 1, no record, and then all of it."""
    path = tmp_path / "pipe.jsonl"
    rows = [RECORDS[1] | {"id": f"r{n}", "city": "Wien", "country": "AT"} for n in range(40_000)]
    write_lines(path, rows)
    process = subprocess.Popen(
        command("collect", empty, path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 20
    while not (empty / "ledger.db-wal").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (1, "")
    assert errors.startswith("innovatory: stopped") and errors.count("\n") == 1
    run("export", empty)
    assert not list((empty / "export").rglob("records.jsonl"))
    write_lines(path, rows[:100])
    assert told("collect", empty, path)[0]["new"] == 100


def test_help_does_not_import_what_only_the_verbs_need() -> None:
    """The command must start at once: its help needs neither database, tables nor pages."""
    code = (
        "import sys; from innovatory.cli import app\n"
        "for arguments in (['--help'], ['build', '--help'], ['nix']):\n"
        "    try: app(arguments)\n    except SystemExit: pass\n"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not set(result.stdout.splitlines()[-1].split()) & {
        "duckdb",
        "jinja2",
        "openpyxl",
        "pyarrow",
        "rich",
        "sqlalchemy",
        "yaml",
    }
    assert "Commands:" in result.stdout


def test_new_and_settings_need_no_database_library(tmp_path: Path) -> None:
    """A mistake in the settings is told before the slow libraries are loaded."""
    code = (
        "import sys; from pathlib import Path; from innovatory import observatory\n"
        "observatory.new(Path(sys.argv[1]), title='x')\n"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")]).returncode == 0


def test_an_edition_before_the_first_record_holds(built: Path) -> None:
    """As of 1850 nothing had begun: an edition of no records, which checks like any other."""
    run("build", built, "--as-of", "1850")
    run("check", built)
