"""Descriptors: what a source.toml, a folder or a file stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from innovatory.errors import SourceError
from innovatory.records import Coder, Design, Record, Reject, Row, Source
from innovatory.sources import READERS, Descriptor, Reader, describe, read
from innovatory.sources.mapping import TARGETS, load_mapping
from innovatory.sources.registry import _Registry
from sources_data import ROOT, gather

LINE = json.dumps({"id": "bus", "kind": "project", "title": "Bus"}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_text('{"coder": "c", "id": "bus", "sector": "transport"}\n')
    (tmp_path / "b.jsonl").write_text(LINE)
    (tmp_path / "notes.txt").write_text("not data")
    return tmp_path


def test_the_starter_corpus_is_described_by_its_file() -> None:
    """Its design, its files in order and its coders."""
    descriptor = describe(ROOT / "src/innovatory/data/corpus")
    assert descriptor.source.design is Design.QUOTA and descriptor.source.id == "starter-corpus"
    assert [file.name for file in descriptor.files] == ["records.jsonl", "codings.jsonl"]
    assert descriptor.coders[0] == Coder("coder-a", "llm", "Coder A (language model)")


def test_an_undeclared_folder_is_a_convenience_source(folder: Path) -> None:
    """Every file that a reader knows, records before codings, and a note on the design."""
    descriptor = describe(folder)
    assert [file.name for file in descriptor.files] == ["b.jsonl", "a.jsonl"]
    assert descriptor.source.design is Design.CONVENIENCE
    assert descriptor.source.notes == "the design was not declared"


def test_a_default_wins_over_nothing_and_loses_to_a_descriptor(folder: Path) -> None:
    """What the caller says of a source holds where the source says nothing."""
    default = Source("mine", "Mine", Design.RANDOM)
    assert describe(folder, default=default).source == default
    (folder / "source.toml").write_text('id = "own"\ndesign = "census"\n')
    assert describe(folder, default=default).source == Source("own", "own", Design.CENSUS)


def test_a_single_file_has_the_descriptor_beside_it(folder: Path) -> None:
    """Prefix and design are those of the folder, the file is the one asked for."""
    (folder / "source.toml").write_text('id = "own"\nprefix = "x-"\n')
    descriptor = describe(folder / "b.jsonl")
    assert descriptor.files == (folder / "b.jsonl",) and descriptor.prefix == "x-"
    assert descriptor.source.notes == "the design was not declared"
    (item,) = read(descriptor.files[0], descriptor=descriptor)
    assert isinstance(item, Row) and isinstance(item.fact, Record) and item.fact.id == "x-bus"


def test_a_descriptor_elsewhere_names_its_folder(folder: Path) -> None:
    """And may give its coders other names than the files do."""
    (folder / "away").mkdir()
    path = folder / "away" / "source.toml"
    path.write_text('id = "own"\npath = ".."\n[coders.c]\nid = "own-c"\nkind = "person"\n')
    descriptor = describe(path)
    assert [file.name for file in descriptor.files] == ["b.jsonl", "a.jsonl"]
    assert descriptor.coders == (Coder("own-c", "person"),)
    (item,) = read(descriptor.files[1], descriptor=descriptor)
    assert isinstance(item, Row) and item.fact.coder == "own-c"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id = ", "is not TOML"),
        ("colour = 1", "'colour' is not known"),
        ('design = "guess"', "design must be one of census"),
        ("title = 5", "title must be text"),
        ('id = "A B"', "cannot be an id"),
        ('prefix = "../"', "cannot begin an id"),
        ('synthetic = "yes"', "synthetic must be"),
        ("files = 5", "files must be a list"),
        ('files = ["none.csv"]', "there is no file 'none.csv'"),
        ('files = ["../../x"]', "lies outside"),
        ('files = ["/etc/passwd"]', "lies outside"),
        ('path = "nowhere"', "is no folder"),
        ('mapping = "/etc/passwd"', "lies outside"),
        ("coders = 5", "coders must be tables"),
        ("[coders.c]\nage = 5", "takes id, kind"),
        ('[coders.c]\nid = "A B"', "cannot be an id"),
    ],
)
def test_a_wrong_descriptor_names_file_and_key(folder: Path, text: str, message: str) -> None:
    """A descriptor is refused with the key to correct."""
    (folder / "source.toml").write_text(text)
    with pytest.raises(SourceError, match=rf"source\.toml: .*{message}"):
        describe(folder)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """A missing path, a folder of nothing, a file of an unknown kind and an unknown reader."""
    with pytest.raises(SourceError, match="no such file or folder"):
        describe(tmp_path / "none")
    with pytest.raises(SourceError, match="of a known kind"):
        describe(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    descriptor = describe(tmp_path / "a.txt")
    with pytest.raises(SourceError, match="no reader knows"):
        read(tmp_path / "a.txt", descriptor=descriptor)
    with pytest.raises(SourceError, match="no reader is named 'x'"):
        read(tmp_path / "a.txt", descriptor=Descriptor(descriptor.source, (), reader="x"))
    with pytest.raises(SourceError, match="no such file"):
        read(tmp_path / "none", descriptor=descriptor)


def read_words(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    yield Row(1, Record("w", "project", path.read_text()))


WORDS = Reader("words", "Words", (".words",), lambda path: path.suffix == ".words", read_words)


def test_other_packages_add_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point that names a Reader is one; anything else is refused."""

    def points(value: str) -> Any:
        return lambda group: [EntryPoint("words", value, group)]

    monkeypatch.setattr("importlib.metadata.entry_points", points(f"{__name__}:WORDS"))
    assert _Registry()["words"] is WORDS
    monkeypatch.setattr("importlib.metadata.entry_points", points(f"{__name__}:LINE"))
    with pytest.raises(SourceError, match="is not a Reader"):
        len(_Registry())


def test_the_readers_have_names_and_labels() -> None:
    """The registry's own readers, in the order of asking."""
    assert list(READERS)[:5] == ["cordis", "datapackage", "native", "xlsx", "csv"]
    assert all(reader.label and reader.suffixes for reader in READERS.values())


def blocks(language: str) -> list[str]:
    """The code blocks of docs/formats.md in one language."""
    text = (ROOT / "docs/formats.md").read_text()
    return [part.partition("```")[0] for part in text.split(f"```{language}\n")[1:]]


def test_the_lines_of_the_manual_are_read_as_they_stand(tmp_path: Path) -> None:
    """Every example line becomes facts, each kind of fact once at least, without a reject."""
    (tmp_path / "a.jsonl").write_text(blocks("jsonl")[0])
    rows, rejects = gather(tmp_path / "a.jsonl")
    assert rejects == []
    kinds = {"Record", "Coding", "Coder", "Draw", "Adjudication", "StageEvent", "Correction"}
    assert {type(row.fact).__name__ for row in rows} == kinds | {"Merge"}


def test_the_descriptor_and_mapping_of_the_manual_are_valid(tmp_path: Path) -> None:
    """So are the TOML files that it shows."""
    descriptor, mapping = blocks("toml")
    (tmp_path / "data").mkdir()
    (tmp_path / "source.toml").write_text(descriptor)
    (tmp_path / "mapping.toml").write_text(mapping)
    for name in ("records.jsonl", "codings.jsonl"):
        (tmp_path / "data" / name).write_text(LINE)
    assert describe(tmp_path).mapping == (tmp_path / "mapping.toml").resolve()
    assert load_mapping(tmp_path / "mapping.toml").events[0].note == "Pilot note"


def test_every_field_that_can_be_mapped_is_in_the_manual() -> None:
    """A field that nobody knows of cannot be used."""
    text = (ROOT / "docs/formats.md").read_text()
    assert [name for name in sorted(TARGETS) if name not in text] == []
