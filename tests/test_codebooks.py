"""A codebook that changed: what becomes of the codings and shares of an observatory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from coded import CORPUS, write_coded
from command import made_once, run, write_small
from innovatory import codebooks, observatory
from innovatory.errors import CodebookError

NAMED = "the technology or method is named"
QUESTION = "Primary sector"


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An observatory of which a part is coded; not to be written to."""
    folder, _ = made_once(tmp_path_factory, "coded", lambda folder: str(write_coded(folder)))
    return folder


def changed(folder: Path, to: Path, *pairs: tuple[str, str], more: str = "") -> Path:
    """The observatory's codebook with other words."""
    text = (folder / "codebook.yaml").read_text("utf-8")
    for old, new in pairs:
        assert text.count(old) == 1
        text = text.replace(old, new)
    to.write_text(text + more, "utf-8")
    return to


def compared(folder: Path, new: Path) -> codebooks.Compared:
    """The observatory's codebook against a newer one."""
    return codebooks.compare(str(folder / "codebook.yaml"), str(new), folder=folder)


def test_a_changed_definition_says_what_to_do(coded: Path, tmp_path: Path) -> None:
    """The codings to redo are counted, the nearest first; what follows from them is named."""
    new = changed(coded, tmp_path / "new.yaml", (NAMED, f"{NAMED} and described"))
    found = compared(coded, new)
    assert found.waiting == {
        "new_technology": (), "innovative": ("new_technology",),
        "innovative_three": ("new_technology",),
    }  # fmt: skip
    lines = list(found.lines())
    (redone,) = [line for line in lines if "must be redone" in line]
    assert redone.startswith("new_technology: 60 codings of 50 records must be redone; begin with ")
    first = redone.rpartition(" ")[2]
    with observatory.load(coded).ledger() as ledger:
        said = [c["value"] for c in ledger.facts()["codings"].to_pylist()
                if c["record_id"] == first and c["dimension"] == "new_technology"]  # fmt: skip
    assert "yes" in said, "the records that were called what was redefined come first"
    assert "the 720 codings of 12 other dimensions stay" in lines
    assert (
        "new_technology, innovative, innovative_three: shares before and after cannot be compared "
        "until new_technology is coded again" in lines
    )
    assert lines[-1] == "no other share moves"


def test_a_crosswalk_carries_codings_and_shares(coded: Path, tmp_path: Path) -> None:
    """A question in other words, its classes mapped onto themselves: nothing is to be redone."""
    book = observatory.load(coded).book
    (sector,) = (dimension for dimension in book.dimensions if dimension.id == "sector")
    same = ", ".join(f"{name}: {name}" for name in sector.class_ids)
    new = changed(
        coded, tmp_path / "new.yaml", (QUESTION, "Main sector"),
        more=f'\ncrosswalk:\n  "{book.version}":\n    sector: {{{same}}}\n',
    )  # fmt: skip
    found = compared(coded, new)
    assert found.waiting == {}
    fates = {row["fate"]: row["codings"] for row in found.codings if row["dimension"] == "sector"}
    assert fates == {"carried": 60}
    assert {row["verdict"] for row in found.shares if row["dimension"] == "sector"} == {"within"}


def test_nothing_changed_is_said_in_a_line(coded: Path) -> None:
    """The same codebook twice: all codings stay and no share moves."""
    lines = list(compared(coded, coded / "codebook.yaml").lines())
    assert lines[1:] == ["No dimension changed: all codings stay.", "no share moves"]


def test_versions_of_the_ledger_can_be_named(coded: Path) -> None:
    """The beginning of a version stands for it, as long as there is but one."""
    version = observatory.load(coded).book.version
    found = codebooks.compare(version[:6], str(coded / "codebook.yaml"), folder=coded)
    assert found.difference.old == found.difference.new == version
    with pytest.raises(CodebookError, match=f"zzz: is neither.*the versions are {version}"):
        codebooks.compare("zzz", version, folder=coded)
    with pytest.raises(CodebookError, match="with --in DIR, versions are known too"):
        codebooks.compare("zzz", str(coded / "codebook.yaml"))


def test_codebooks_are_compared_without_an_observatory(coded: Path, tmp_path: Path) -> None:
    """And with one that has collected nothing yet: the difference alone is told."""
    new = changed(coded, tmp_path / "new.yaml", (NAMED, f"{NAMED} well"))
    run("new", tmp_path / "bare")
    for folder in (None, tmp_path / "bare"):
        found = codebooks.compare(str(coded / "codebook.yaml"), str(new), folder=folder)
        assert (found.codings, found.shares) == ((), ())
        assert any("new_technology: classes changed" in line for line in found.lines())


def test_answers_that_do_not_count_are_told(tmp_path: Path) -> None:
    """Where no coder counts there are no shares, and the reason stands at the end."""
    folder = write_small(tmp_path / "small")
    path = folder / "observatory.toml"
    text = path.read_text("utf-8").replace('# reference = ["ana", "bo"]', 'reference = ["eva"]')
    path.write_text(text, "utf-8")
    found = compared(folder, changed(folder, tmp_path / "new.yaml", (NAMED, "x")))
    assert "no answer counts yet" in list(found.lines())[-1]


def test_a_broken_codebook_is_named_with_its_line(coded: Path, tmp_path: Path) -> None:
    """The error is that of the file, not of the comparison."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("dimensions: [", "utf-8")
    with pytest.raises(CodebookError, match=r"broken\.yaml, line"):
        compared(coded, broken)


def test_the_answer_about_the_starter_corpus_is_quick(tmp_path: Path) -> None:
    """All 504 records coded twice: below three seconds of the processor's time."""
    folder = tmp_path / "corpus"
    run("new", folder)
    path = folder / "observatory.toml"
    text = path.read_text("utf-8").replace('# reference = ["ana", "bo"]',
                                           'reference = ["coder-a", "coder-b"]')  # fmt: skip
    path.write_text(text, "utf-8")
    run("collect", folder, CORPUS)
    new = changed(folder, tmp_path / "new.yaml", (NAMED, f"{NAMED} well"))
    started = time.process_time()
    found = compared(folder, new)
    assert time.process_time() - started < 3
    assert sum(row["codings"] for row in found.codings if row["fate"] == "redone") == 1008
