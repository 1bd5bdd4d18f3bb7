"""Auditing anybody's index through the command: a table and a framework in files."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pytest

from command import run, told

DATA = Path(__file__).parent / "data" / "composite"


def test_the_reference_index_is_audited() -> None:
    """Every check of the made-up reference table is told, and none of them fails."""
    found = told("audit", DATA / "data.csv", "--meta", DATA / "meta.csv", "--impute", "mean")
    assert {one["level"] for one in found} == {"pass", "warn"}
    assert {"coverage of units", "outliers", "redundancy", "effective weights", "gaming"} <= {
        one["check"] for one in found
    }
    assert all(one["sentence"] for one in found)


def test_a_workbook_tells_what_a_csv_tells(tmp_path: Path) -> None:
    """The first sheet of a workbook is read as the CSV of the same cells."""
    paths = []
    for name in ("data", "meta"):
        book = openpyxl.Workbook()
        with open(DATA / f"{name}.csv", encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                book.active.append(row)
        paths.append(tmp_path / f"{name}.xlsx")
        book.save(paths[-1])
    plain = told("audit", DATA / "data.csv", "--meta", DATA / "meta.csv", "--impute", "mean")
    assert told("audit", paths[0], "--meta", paths[1], "--impute", "mean") == plain


def test_an_index_that_fails_fails_the_command(tmp_path: Path) -> None:
    """An item that goes against its own group is a failure, and the exit code says so."""
    meta = "iCode,Parent,Direction\na,top,1\nb,top,1\nc,top,-1\ntop,,\n"
    rows = "".join(f"u{n},{n},{n * n},{n + 1}\n" for n in range(12))
    (tmp_path / "meta.csv").write_text(meta)
    (tmp_path / "data.csv").write_text("uCode,a,b,c\n" + rows)
    result = run("audit", tmp_path / "data.csv", "--meta", tmp_path / "meta.csv", code=4)
    assert any(line.startswith("fail: own group") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("data", "meta", "words"),
    [
        ("", "iCode,Parent\na,top\ntop,\n", "empty"),
        ("uCode,b\nx,1\n", "iCode,Parent\na,top\ntop,\n", "there is no column a"),
        ("uCode,a\nx,1\n", "iCode,Parent\na,nowhere\n", "nowhere"),
        ("uCode,a\nx,many\ny,2\n", "iCode,Parent\na,top\ntop,\n", "row 1"),
    ],
)
def test_files_that_cannot_be_audited_are_refused(
    tmp_path: Path, data: str, meta: str, words: str
) -> None:
    """The message names the file and what is wrong with it."""
    (tmp_path / "data.csv").write_text(data)
    (tmp_path / "meta.csv").write_text(meta)
    result = run("audit", tmp_path / "data.csv", "--meta", tmp_path / "meta.csv", code=1)
    assert ".csv" in result.stderr and words in result.stderr
