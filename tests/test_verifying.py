"""Editions made again from the ledger: equal to the byte, and every change found out."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coded import code, write_coded
from command import made_once, run, write_lines, write_small
from innovatory import observatory, verifying
from innovatory.errors import EditionError
from innovatory.verifying import Verified


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_small(tmp_path_factory.mktemp("built") / "small")
    run("build", folder)
    return folder


@pytest.fixture
def folder(_built: Path, tmp_path: Path) -> Path:
    """The small observatory with its editions 2019 and 2022, to do with as one likes."""
    return Path(shutil.copytree(_built, tmp_path / "small"))


def verified(folder: Path) -> dict[str, Verified]:
    """What verifying finds, by edition."""
    return {one.name: one for one in verifying.verify(observatory.load(folder))}


def problems(folder: Path) -> str:
    """What is wrong with the edition 2022, in lines."""
    found = verified(folder)
    assert found["2019"].problems == ()
    return "\n".join(found["2022"].problems)


def change(path: Path, with_: Callable[[Any], None]) -> None:
    """Change what a JSON file of an edition says; its hash in the manifest is made to fit."""
    told = json.loads(path.read_text("utf-8"))
    with_(told)
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    fit(path)


def fit(path: Path) -> None:
    """Write a file's hash into the manifest, as a careful forger would."""
    folder = path.parent.parent if path.parent.name == "tables" else path.parent
    manifest = folder / "manifest.json"
    if path != manifest:
        told = json.loads(manifest.read_text("utf-8"))
        name = path.relative_to(folder).as_posix()
        told["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(told), "utf-8")


def forge(path: Path, row: int, **values: Any) -> None:
    """Change cells of a table."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[row] |= values
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def test_editions_are_what_the_ledger_gives(folder: Path) -> None:
    """Each number and claim is counted, and nothing is left of the making."""
    before = sorted(path.name for path in folder.iterdir())
    found = verified(folder)
    assert list(found) == ["2019", "2022"]
    for one in found.values():
        assert one.problems == () and one.numbers > 100 and one.claims > 3
        (line,) = one.lines()
        assert line.endswith("all equal, to the byte") and f"batch {one.batch}" in line
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_came_in_later_changes_nothing(folder: Path) -> None:
    """Facts after the build, another panel and another codebook in force are not the edition's."""
    fact = {"fact": "coding", "record": "tram", "dimension": "goal", "coder": "anna",
            "value": "other"}  # fmt: skip
    run("collect", folder, write_lines(folder / "later.jsonl", [fact]))
    settings = folder / "observatory.toml"
    text = settings.read_text("utf-8").replace('cities = "all"', 'cities = ["seoul-kr"]')
    text = text.replace('# reference = ["ana", "bo"]', 'reference = ["bo"]\nseed = 9')
    settings.write_text(text, "utf-8")
    book = folder / "codebook.yaml"
    book.write_text(book.read_text("utf-8").replace("Primary sector", "Main sector"), "utf-8")
    assert problems(folder) == ""


def test_forged_numbers_are_found(folder: Path) -> None:
    """A table is told by row and column, a claim by its name, each with what it should be."""
    edition = folder / "editions" / "2022"
    table = edition / "tables" / "by_kind.parquet"
    right = pq.read_table(table).to_pylist()[0]["count"]
    forge(table, 0, count=77)
    first = json.loads((edition / "claims.json").read_text("utf-8"))[0]
    change(edition / "claims.json", lambda told: told[0].update(value=12345))
    change(edition / "manifest.json", lambda told: told["counts"].update(projects=900))
    told = problems(folder)
    assert "by_kind.parquet: changed since it was built" in told
    assert f"by_kind.parquet: row 1: count is 77.0, should be {right}" in told
    assert f"claims.json: {first['id']}: value is 12345, should be {first['value']}" in told
    assert "manifest.json: counts is {'projects': 900" in told


def test_a_forged_number_is_found_under_a_forged_manifest(folder: Path) -> None:
    """That the hash fits does not help: the ledger still gives another number."""
    table = folder / "editions" / "2022" / "tables" / "city_ranks.parquet"
    forge(table, 0, label="Elsewhere")
    fit(table)
    told = problems(folder)
    assert "since it was built" not in told
    assert "city_ranks.parquet: row 1: label is Elsewhere, should be " in told


def test_another_codebook_in_the_edition_is_found(folder: Path) -> None:
    """The edition's own codebook is what its ledger had, or the edition is another one."""
    book = folder / "editions" / "2022" / "codebook.yaml"
    book.write_text(book.read_text("utf-8").replace("a concrete novelty", "a novelty"), "utf-8")
    told = problems(folder)
    assert "codebook.yaml: changed since it was built" in told
    assert "manifest.json: codebook is " in told


def test_lost_files_are_found(folder: Path) -> None:
    """Whatever their kind."""
    names = ("claims.json", "tables/places.csv", "tables/places.parquet")
    edition = folder / "editions" / "2022"
    for name in names:
        (edition / name).unlink()
    told = problems(folder)
    assert all(f"{edition / name}: lost since it was built" in told for name in names)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\0\0"])
def test_files_that_cannot_be_read_are_told(folder: Path, data: bytes) -> None:
    """Rubbish in place of a file is one more problem, not a traceback."""
    names = ("claims.json", "tables/places.csv", "tables/places.parquet")
    for name in names:
        (folder / "editions" / "2022" / name).write_bytes(data)
    told = problems(folder)
    assert all(f"{name}: changed since it was built" in told for name in names)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\0\0"])
def test_a_manifest_that_is_none_is_refused(folder: Path, data: bytes) -> None:
    """Without it nothing is known of the edition; the message says to build again."""
    (folder / "editions" / "2022" / "manifest.json").write_bytes(data)
    with pytest.raises(EditionError, match=r"manifest\.json: .* build"):
        verified(folder)


def test_an_older_edition_must_be_built_again(folder: Path) -> None:
    """One that does not say from what it was made cannot be made again."""
    change(folder / "editions" / "2022" / "manifest.json", lambda told: told.pop("made_from"))
    with pytest.raises(EditionError, match=r"older version.*build it again"):
        verified(folder)


def test_another_ledger_is_found(folder: Path, tmp_path: Path) -> None:
    """A ledger with fewer batches is refused, one with other facts is told."""
    other = tmp_path / "other"
    run("new", other)
    facts = {"id": "tram", "kind": "project", "title": "Another tram", "start": "2018"}
    path = write_lines(other / "r.jsonl", [facts])
    run("collect", other, path)
    shutil.copy(other / "ledger.db", folder / "ledger.db")
    with pytest.raises(EditionError, match=r"built from batch \d+ of a ledger, this one has 2"):
        verified(folder)
    for number in range(4):
        run("collect", other, path, "--id", f"again-{number}", code=3)
    shutil.copy(other / "ledger.db", folder / "ledger.db")
    told = "\n".join(verified(folder)["2022"].problems)
    assert "the ledger is another one" in told and "records.parquet: " in told


def test_an_edition_that_is_no_longer_named_is_not_missed_silently(folder: Path) -> None:
    """2022 was compared with 2019: without that it cannot be made again."""
    settings = folder / "observatory.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace('name = "2019"', 'name = "other"'), "utf-8")
    with pytest.raises(EditionError, match="compared with the edition '2019', which is not there"):
        verified(folder)


def test_an_alias_of_today_is_said_to_matter(folder: Path) -> None:
    """The city list is not the ledger's: where that may be the reason it is said."""
    settings = folder / "observatory.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace("[aliases]", '[aliases]\n"Wien" = "graz-at"'), "utf-8")
    lines = list(verified(folder)["2022"].lines())
    assert any("places.parquet: row" in line for line in lines) and "[aliases]" in lines[-1]


def test_nothing_built_is_refused_with_the_next_step(tmp_path: Path) -> None:
    """An observatory without editions has nothing to verify."""
    run("new", tmp_path)
    with pytest.raises(EditionError, match="no edition was built yet; run 'innovatory build"):
        verified(tmp_path)


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An observatory of which a part is coded; not to be written to."""
    folder, _ = made_once(tmp_path_factory, "coded", lambda folder: str(write_coded(folder)))
    return folder


def test_an_estimated_edition_is_made_again(coded: Path, tmp_path: Path) -> None:
    """Predictions, samples and estimates are equal to the byte too, and after more was coded."""
    folder = Path(shutil.copytree(coded, tmp_path / "coded"))
    run("build", folder, "--as-of", "2026")
    assert (folder / "editions" / "2026" / "tables" / "predictions.parquet").is_file()
    run("draw", folder, 10, "--second", "0")
    code(folder, "draw-2", "ana")
    (one,) = verified(folder).values()
    assert one.problems == ()
    forge(folder / "editions" / "2026" / "tables" / "predictions.parquet", 3, probability=0.123)
    (one,) = verified(folder).values()
    assert any("row 4: probability is 0.123, should be " in line for line in one.problems)


@pytest.mark.postgres
def test_editions_of_a_server_are_made_again(
    new_postgres_url: Callable[[], str], tmp_path: Path
) -> None:
    """With the ledger on PostgreSQL, at the batch of the build."""
    folder = write_small(tmp_path / "small", ledger=new_postgres_url())
    run("build", folder)
    run("draw", folder, 1, "--dimension", "goal")
    assert problems(folder) == ""
