"""What holds of the ledger's parts for any facts, not only for those of the examples."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.ledger import Ledger
from innovatory.ledger.fingerprint import canonical_json, fingerprint
from innovatory.ledger.intake import CHUNK_ROWS
from innovatory.ledger.quotes import located
from innovatory.records import (
    Coder,
    Coding,
    Correction,
    Draw,
    Evidence,
    Merge,
    Record,
    Row,
    Source,
    StageEvent,
    canonical,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
MEMBERS = st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False))
RECORDS = st.builds(
    Record,
    **dict.fromkeys(("id", "kind", "title", "description", "start", "status", "doubts"), TEXTS),
    keywords=st.lists(TEXTS, max_size=2).map(tuple),
    verified=st.none() | st.booleans(),
)
FACTS = st.one_of(
    RECORDS,
    st.builds(Draw, TEXTS, TEXTS, st.none() | st.integers(0, 2**63 - 1), TEXTS, members=MEMBERS),
    *(st.from_type(kind) for kind in (Coder, Coding, Correction, Merge, StageEvent)),
)


def slow_canonical_json(fact: object) -> bytes:
    text = json.dumps(canonical(fact), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


@given(FACTS)
def test_the_fast_canonical_json_is_the_plain_one(fact: object) -> None:
    """It equals json.dumps of records.canonical, or refuses what cannot be stored."""
    try:
        fast = canonical_json(fact)
    except UnicodeError:
        texts = json.dumps(canonical(fact))
        assert r"\u0000" in texts or r"\ud" in texts
    else:
        assert fast == slow_canonical_json(fact)


@pytest.mark.parametrize("amount", [0.0, 0.1, 1e16, 1e-7, 123456789.123, 5e-324])
def test_numbers_are_written_as_python_writes_them(amount: float) -> None:
    """The hash of a fact must not hang on how another library prints a number."""
    draw = Draw("d", "srs", members={"bus": amount})
    assert canonical_json(draw) == slow_canonical_json(draw)
    assert fingerprint(draw) == hashlib.sha256(slow_canonical_json(draw)).hexdigest()


def test_a_backslash_before_u0000_is_no_nul() -> None:
    """A text that only looks like the escape of a NUL is stored."""
    assert canonical_json(Coder(r"\u0000")) == slow_canonical_json(Coder(r"\u0000"))
    with pytest.raises(UnicodeError, match="NUL"):
        canonical_json(Coder("\\\0"))


@given(st.text("aAß İs \n\t", max_size=20), st.data())
def test_a_slice_of_the_text_is_always_located(words: str, data: st.DataObject) -> None:
    """Whatever its spaces, a quote of the text is found, and what is stored is the text's own."""
    start = data.draw(st.integers(0, len(words)))
    end = data.draw(st.integers(start, len(words)))
    quote = words[start:end]
    found = located(Evidence(quote), {"description": words})
    assert (found.field == "description") == bool(quote.strip())
    if found.field:
        assert words[found.start : found.end] == found.quote
        spaced = located(Evidence(" \n ".join(quote.split())), {"description": words})
        assert spaced.field == "description"
        assert words[spaced.start : spaced.end] == spaced.quote
        # Without regard to case and spaces an earlier place may fit as well.
        assert spaced.quote.casefold().split() == quote.casefold().split()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2))), max_size=5))
def test_the_ledger_remembers_every_batch(files: list[list[tuple[str, int]]]) -> None:
    """As of each batch the last title of each record holds, and versions count the changes."""
    current: dict[str, tuple[str, int]] = {}
    with (
        TemporaryDirectory() as folder,
        Ledger.open(f"sqlite:///{Path(folder) / 'ledger.db'}", create=True) as ledger,
    ):
        expected = []
        for number, file in enumerate(files):
            rows = [
                Row(n, Record(name, "project", f"Title {title}"))
                for n, (name, title) in enumerate(file)
            ]
            ledger.import_file(rows, source=Source("s", "S"), file=str(number), sha256="")
            for name, title in file:
                before, version = current.get(name, ("", 0))
                if before != f"Title {title}":
                    current[name] = (f"Title {title}", version + 1)
            expected.append([(name, *current[name]) for name in sorted(current)])
        for batch, now in enumerate(expected, 1):
            records = ledger.facts(batch=batch)["records"].to_pylist()
            assert [(r["record_id"], r["title"], r["version"]) for r in records] == now


def test_a_fact_finds_its_record_in_an_earlier_chunk(tmp_path: Path) -> None:
    """Chunks are no border: records, duplicates and quotes are known across them."""
    record = Record("bus", "project", "Night bus")
    coding = Coding("bus", "sector", "ana", ("x",), evidence=(Evidence("night BUS"),))
    filler = (Record(f"r{n}", "project", "Other") for n in range(CHUNK_ROWS))
    facts = [record, *filler, record, coding, coding]
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as ledger:
        summary = ledger.import_file(
            (Row(n, fact) for n, fact in enumerate(facts)),
            source=Source("s", "S"),
            file="f",
            sha256="1",
        )
        assert (summary.new, summary.unchanged) == (CHUNK_ROWS + 2, 2)
        assert ledger.facts()["evidence"]["quote"].to_pylist() == ["Night bus"]
