"""The documents say what is: verbs, options, links, tables, modules, and what is in the wheel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest

from command import run, write_small
from innovatory.cli import app
from innovatory.pipeline import build_editions
from innovatory.sources import READERS
from sources_data import ROOT
from test_edition_drawn import CODINGS, THE_DRAW
from test_edition_drawn import make as make_drawn

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PACKAGE = ROOT / "src" / "innovatory"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def document(name: str) -> str:
    """The text of a document."""
    return (ROOT / name).read_text("utf-8")


def tracked() -> list[Path]:
    """The files of the repository that git knows, or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git checkout")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def verbs() -> dict[str, click.Command]:
    """Every verb with its command; those of a group by both words."""
    found = {}
    for name, command in app.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {word}": one for word, one in inner.items()} or {name: command}
    return found


@pytest.mark.parametrize("verb", list(verbs()))
def test_every_verb_and_option_is_documented(verb: str) -> None:
    """docs/observatory.md names each, in the row of its verb."""
    rows = document("docs/observatory.md").splitlines()
    (row,) = (row for row in rows if re.match(rf"\| `innovatory {verb}[ `]", row))
    command = verbs()[verb]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for name in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{name}" in row, f"{verb} {name}"
        else:
            assert parameter.make_metavar(click.Context(command)).strip("[].") in row


def test_no_option_is_documented_that_is_not_there() -> None:
    """What docs/observatory.md calls an option of a verb is one."""
    for row in document("docs/observatory.md").splitlines():
        if verb := re.match(r"\| `innovatory ([a-z ]*[a-z])", row):
            given = {o for p in verbs()[verb[1]].params for o in (*p.opts, *p.secondary_opts)}
            assert set(re.findall(r"`(--[\w-]+)", row)) <= given, row


def test_exit_codes_are_told_alike() -> None:
    """The help and the document give the same codes."""
    told = set(re.findall(r"\b([0-9]) [a-z]", run("--help").output.partition("Exit codes:")[2]))
    text = document("docs/observatory.md").partition("Exit codes:")[2].partition("##")[0]
    assert told == set(re.findall(r"\b([0-9]) [a-z]", text)) == {"0", "1", "2", "3", "4"}


def test_every_reader_is_documented() -> None:
    """docs/formats.md lists each by name."""
    assert all(f"| `{name}` |" in document("docs/formats.md") for name in READERS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    """Every link that is no address names a file of the repository."""
    links = [link for link in LINK.findall(path.read_text("utf-8")) if "://" not in link]
    missing = [link for link in links if not (path.parent / link.partition("#")[0]).exists()]
    assert not missing


def test_every_document_is_linked_from_the_readme() -> None:
    """Nothing in docs/ is left for the reader to find."""
    links = set(LINK.findall(document("README.md")))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= links


def test_modules_of_the_architecture_exist() -> None:
    """Each room of the table is a module or a folder, and each module is in a room."""
    rows = re.findall(r"^\| (`[^|]*) \|", document("docs/architecture.md"), re.MULTILINE)
    rooms = {name for row in rows for name in re.findall(r"`([\w/]+)`", row)}
    for room in rooms:
        assert (PACKAGE / room.rstrip("/")).is_dir() or (PACKAGE / f"{room}.py").is_file(), room
    there = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    there |= {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert there <= rooms


def test_the_tables_of_an_edition_are_those_documented(tmp_path: Path) -> None:
    """docs/edition.md names every column of every table of facts of an edition, and no other."""
    folder = write_small(tmp_path / "small")
    run("build", folder)
    tables = folder / "editions" / "2022" / "tables"
    text = document("docs/edition.md")
    facts = text.partition("## Tables of facts")[2].partition("## Count tables")[0]
    documented = {}
    for name, columns in re.findall(r"^\| (\w+) \| [^|]+ \| (.+) \|$", facts, re.MULTILINE):
        if name != "table":
            # What stands in brackets or after a colon explains the columns.
            plain = re.sub(r"\([^)]*\)|:.*", "", columns.replace("\\|", ""))
            documented[name] = [column.strip() for column in plain.split(",")]
    assert len(documented) >= 15
    for name, columns in documented.items():
        assert pq.read_schema(tables / f"{name}.parquet").names == columns, name
    counted = text.partition("## Count tables")[2]
    others = {path.stem for path in tables.glob("*.parquet")} - documented.keys()
    unnamed = {name for name in others if not re.search(rf"\b{name}\b", counted)}
    assert unnamed <= {f"by_{name}" for name in relaxed_rules()}


def test_the_tables_of_an_estimated_edition_are_those_documented(tmp_path: Path) -> None:
    """docs/edition.md names every column of the count tables and of what estimates add."""
    place = make_drawn(tmp_path / "towns", THE_DRAW, *CODINGS)
    build_editions(place)
    tables = place.edition_folder("2022") / "tables"
    text = document("docs/edition.md")
    part = text.partition("## Tables of an edition that was coded in part")[2]
    part = part.partition("## claims.json")[0]
    rows = dict(re.findall(r"^\| (\w+) \| [^|]+ \| (.+) \|$", part, re.MULTILINE))
    assert {"predictions", "machine", "samples"} <= rows.keys()
    for name in rows.keys() - {"table", "city_pooled"}:
        plain = re.sub(r"\([^)]*\)|:.*", "", rows[name].replace("\\|", ""))
        columns = [column.strip() for column in plain.split(",")]
        assert pq.read_schema(tables / f"{name}.parquet").names == columns, name
    (agreement,) = re.findall(r"`agreement`: (.*?)\.\n", part, re.DOTALL)
    plain = re.sub(r"\([^)]*\)", "", agreement)
    columns = [column.strip() for column in plain.split(",")]
    assert pq.read_schema(tables / "agreement.parquet").names == columns
    counted = text.partition("## Count tables")[2].partition("## Tables of an edition")[0]
    for name in pq.read_schema(tables / "by_sector.parquet").names:
        assert re.search(rf"\b{name}\b", counted), name
    described = json.loads((tables.parent / "manifest.json").read_text("utf-8"))["tables"]
    plain_words = {
        f"{t['name']}.{c['name']}" for t in described for c in t["columns"]
        if t["name"] in rows and c["text"] == c["name"].replace("_", " ")
    }  # fmt: skip
    assert plain_words <= {f"{name}.kind" for name in rows}, "a column that nothing is said of"


def relaxed_rules() -> list[str]:
    """The relaxed rules of innovation in the shipped codebook, which docs/edition.md sums up."""
    book = (PACKAGE / "data" / "codebook.yaml").read_text("utf-8")
    return re.findall(r"^  (innovative_\w+):", book, re.MULTILINE)


def test_the_manifest_is_as_documented(tmp_path: Path) -> None:
    """Every key of the manifest and of a claim is named in docs/edition.md."""
    folder = write_small(tmp_path / "small")
    run("build", folder)
    edition = folder / "editions" / "2022"
    text = document("docs/edition.md")
    manifest = json.loads((edition / "manifest.json").read_text("utf-8"))
    keys = {*manifest, *manifest["counts"], *manifest["tables"][0]}
    for claim in json.loads((edition / "claims.json").read_text("utf-8")):
        keys |= claim.keys()
    assert not {key for key in keys if not re.search(rf"\b{key}\b", text)}


def test_no_file_holds_a_path_of_a_machine() -> None:
    """No text of the repository holds an absolute path of a build machine or of a home."""
    marks = [b"/" + name + b"/" for name in (b"work", b"root", b"farm", b"home")]
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192] and any(re.search(rb"(?<![\w.~-])" + m, data) for m in marks):
            found.append(path.relative_to(ROOT).as_posix())
    assert not found


@pytest.mark.slow
def test_the_wheel_holds_the_package_data(tmp_path: Path) -> None:
    """Corpus, codebook, figures, city list, map, templates and styles are installed with it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "-w", str(tmp_path), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {
        f"innovatory/{path.relative_to(PACKAGE).as_posix()}"
        for path in tracked()
        if path.is_relative_to(PACKAGE)
    }
    assert wanted <= held and len(wanted) > 100
    assert not [name for name in held if "test" in name or "benchmark" in name]
