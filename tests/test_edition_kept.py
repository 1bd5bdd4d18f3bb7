"""What is kept between builds: the encoding of a corpus to the byte, and not without end."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from innovatory import coder, remembered
from innovatory.codebook import parse
from innovatory.edition.encodings import packed, unpacked
from innovatory.remembered import Remembered

BOOK = """
version: 1
dimensions:
  sector:
    question: Which?
    type: single
    classes:
      bus: buses and trams on the road
      sun: solar panels on the roof
"""
WORDS = {"bus": "the bus stops at the green light", "sun": "panels of glass keep the power"}


def features(*, answers: bool) -> coder.Features:
    """Twelve encoded records, with a language model's answers or without."""
    ids = [f"r{n:02}" for n in range(12)]
    texts = [f"{WORDS[('bus', 'sun')[n % 2]]} {n}" for n in range(12)]
    table = pa.table({"record_id": ids, "title": ids, "description": texts,
                      "kind": ["project", "living_lab", "project"] * 4})  # fmt: skip
    said = {"model sector": (np.arange(4, dtype=np.intp), np.eye(2)[[0, 1, 0, 1]])}
    return coder.features(
        coder.corpus({"records": table}), seed=3, answers=said if answers else None
    )


@pytest.mark.parametrize("answers", [False, True])
def test_an_encoding_that_was_kept_predicts_the_same(answers: bool) -> None:
    """Packed and unpacked it has the same views, and every probability is the same."""
    fresh = features(answers=answers)
    again = unpacked(packed(fresh), fresh.record_ids)
    assert (again.seed, again.key, list(again.views)) == (fresh.seed, fresh.key, list(fresh.views))
    assert ("answers" in again.views) is answers
    assert again.encoding.vocabulary.names == fresh.encoding.vocabulary.names
    for name, view in fresh.views.items():
        same = view.toarray() if hasattr(view, "toarray") else view
        kept = again.views[name]
        assert np.array_equal(kept.toarray() if hasattr(kept, "toarray") else kept, same)
    book = parse(BOOK)
    asked = book.dimension("sector")
    assert asked is not None
    labels = coder.Labels(np.arange(10), np.eye(2)[np.arange(10) % 2])
    question = coder.question(asked, book=book)
    one, other = (
        coder.predict(given, labels, question, seed=3, folds=5) for given in (fresh, again)
    )
    assert np.array_equal(one.probability, other.probability)
    assert one.probability[10].argmax() == 0 and one.probability[11].argmax() == 1


def table(value: int) -> pa.Table:
    """A table of one number."""
    return pa.table({"n": [value]})


def never() -> pa.Table:
    """Must not be asked."""
    raise AssertionError("made again although it was kept")


def test_what_is_kept_is_not_made_again(tmp_path: Path) -> None:
    """A key gives its table back; a file that cannot be read is made once more."""
    kept = Remembered(tmp_path)
    assert kept("a", lambda: table(1)).to_pydict() == {"n": [1]}
    assert Remembered(tmp_path)("a", never).to_pydict() == {"n": [1]}
    (tmp_path / "a.parquet").write_bytes(b"broken")
    assert kept("a", lambda: table(2)).to_pydict() == {"n": [2]}


def test_the_longest_unused_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two, what this build asked for stays and the oldest of the others goes."""
    before = Remembered(tmp_path)
    for n, name in enumerate("abc"):
        before(name, lambda n=n: table(n))
        os.utime(tmp_path / f"{name}.parquet", (n, n))
    size = (tmp_path / "a.parquet").stat().st_size
    now = Remembered(tmp_path)
    now("a", never)
    now.prune()
    assert len(list(tmp_path.glob("*.parquet"))) == 3, "there is room for all"
    monkeypatch.setattr(remembered, "MOST_BYTES", 2 * size)
    now.prune()
    assert sorted(path.stem for path in tmp_path.glob("*.parquet")) == ["a", "c"]
    monkeypatch.setattr(remembered, "MOST_BYTES", 0)
    now.prune()
    assert [path.stem for path in tmp_path.glob("*.parquet")] == ["a"], "it may be needed again"
