"""Linkage: what is proposed, what never is, and that nothing depends on the order of things."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from benchmarks.linkage_corpus import LinkageCorpus, linkage_corpus, tables_of
from hypothesis import given, settings
from hypothesis import strategies as st

from innovatory.errors import LedgerError
from innovatory.ledger import Ledger
from innovatory.linkage import DEFAULT, Settings, Vetoes, candidates, clusters, merges, train
from innovatory.linkage.blocking import RULES, blocked
from innovatory.linkage.comparison import AGAINST, FEATURES, compared
from innovatory.linkage.marks import Marks, phase_of
from innovatory.linkage.prepared import prepare
from innovatory.records import Link, Merge, Organisation, Place, Record, Row, Source

CITIES = {("Vienna", "AT"): "vienna-at", ("Wien", "AT"): "vienna-at", ("Graz", "AT"): "graz-at"}
TEXT = "The trial fits 1,330 lamps in Seestadt; Rosa Huber of Lichtwerk leads it with residents."
BUS: dict[str, Any] = {
    "record_id": "a", "kind": "project", "title": "LUMOS: street lamps that see",
    "description": TEXT, "start": "2019", "place": ("Vienna", "AT"),
    "organisations": ["Lichtwerk GmbH", "City of Vienna"], "links": ["https://lumos.example.org/"],
}  # fmt: skip
OTHER_TELLING: dict[str, Any] = {
    **BUS, "record_id": "b", "title": "Lumos - street lamps that see", "start": "2019-03",
    "description": "In Seestadt Rosa Huber tries 1,330 lamps of Lichtwerk.",
    "place": ("Wien", "AT"), "organisations": ["Lichtwerk", "Stadt Wien"],
    "links": ["http://www.lumos.example.org"],
}  # fmt: skip
# Records that share nothing: what is rare can only be told among others.
CROWD: list[dict[str, Any]] = [
    {
        "record_id": f"x{n}", "kind": "project", "title": f"Word{n} other{n}",
        "description": f"Tale{n} of thing{n}", "place": ("Graz", "AT"),
    }
    for n in range(30)
]  # fmt: skip


def proposed(*rows: Mapping[str, Any], **how: Any) -> dict[frozenset[str], dict[str, Any]]:
    """The proposals among some records and a crowd, by pair."""
    found = candidates(tables_of([*rows, *CROWD]), cities=CITIES, **how)
    return {frozenset((row["a"], row["b"])): row for row in found.to_pylist()}


@pytest.fixture(scope="module")
def corpus() -> LinkageCorpus:
    """5,000 made-up records with the truth; neither seed nor noise is that of the weights."""
    return linkage_corpus(5_000, seed=3)


@pytest.fixture(scope="module")
def found(corpus: LinkageCorpus) -> pa.Table:
    """What is proposed for them."""
    return candidates(corpus.tables, cities=corpus.cities)


def test_precision_and_recall_on_noisy_duplicates(corpus: LinkageCorpus, found: pa.Table) -> None:
    """Few merges are wrong, and most pairs are merged or come to review."""
    vetoes = prepare(corpus.tables, cities=corpus.cities).vetoes()
    merged = {
        pair for group in clusters(found, vetoes=vetoes) for pair in combinations(sorted(group), 2)
    }
    told = {tuple(sorted((row["a"], row["b"]))) for row in found.to_pylist()}
    true = corpus.pairs()
    assert len(merged & true) / len(merged) >= 0.97
    assert len(merged & true) / len(true) >= 0.62
    assert len((merged | told) & true) / len(true) >= 0.88


def test_nothing_depends_on_the_order_of_rows(corpus: LinkageCorpus, found: pa.Table) -> None:
    """The tables upside down give the same proposals."""
    upside_down = {
        name: table.take(np.arange(table.num_rows)[::-1]) for name, table in corpus.tables.items()
    }
    assert candidates(upside_down, cities=corpus.cities).equals(found)


def test_each_record_is_merged_once_into_one_that_stays(
    corpus: LinkageCorpus, found: pa.Table
) -> None:
    """No record is merged twice, and none into a record that leaves."""
    vetoes = prepare(corpus.tables, cities=corpus.cities).vetoes()
    facts = merges(found, vetoes=vetoes, by="innovatory")
    leaving = [fact.record_id for fact in facts]
    assert facts
    assert len(leaving) == len(set(leaving))
    assert not set(leaving) & {fact.into for fact in facts}


def test_two_tellings_are_found_with_reasons() -> None:
    """One project in two spellings is to be merged, and the words say why."""
    row = proposed(BUS, OTHER_TELLING)[frozenset("ab")]
    assert row["decision"] == "merge"
    assert row["reasons"].startswith("for: ")
    assert "same start year" in row["reasons"]
    assert set(row["block"].split("|")) <= set(RULES)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "LUMOS: street lamps that see, phase 2"},
        {"title": "LUMOS II: street lamps that see"},
        {"title": "LUMOS: street lamps that see 2025"},
        {"links": ["https://cordis.europa.eu/project/id/222222"]},
        {"description": TEXT + " Grant agreement No. 222222.", "links": []},
    ],
)
def test_a_contradiction_outvotes_all_agreement(change: dict[str, Any]) -> None:
    """Another phase, year in the title or grant keeps records apart that are else the same."""
    marked = {
        **BUS, "title": f"{BUS['title']} 2019",
        "links": ["https://cordis.europa.eu/project/id/111111"],
    }  # fmt: skip
    assert frozenset("ab") in proposed(marked, {**marked, "record_id": "b"})
    assert frozenset("ab") not in proposed(marked, {**marked, "record_id": "b", **change})


def test_a_no_of_people_is_not_asked_again() -> None:
    """A pair that somebody answered no to is not proposed."""
    apart = frozenset([frozenset("ab")])
    assert frozenset("ab") not in proposed(BUS, OTHER_TELLING, apart=apart)


def test_no_group_holds_a_veto() -> None:
    """A third record that fits both does not bring two phases together."""
    pairs = pa.table({
        "a": ["m", "m"], "b": ["one", "two"], "score": [0.99, 0.98], "decision": ["merge"] * 2,
        "reasons": ["", ""],
    })  # fmt: skip
    vetoes = Vetoes({"m": Marks(), "one": Marks(), "two": Marks()}, frozenset())
    assert clusters(pairs, vetoes=vetoes) == [("m", "one", "two")]
    apart = Vetoes(vetoes.marks, frozenset([frozenset(("one", "two"))]))
    assert clusters(pairs, vetoes=apart) == [("m", "one")]
    assert [fact.record_id for fact in merges(pairs, vetoes=apart, by="anna")] == ["one"]


def test_the_record_with_answers_of_coders_stays() -> None:
    """Merging must not lose answers where the other record has none."""
    tables = tables_of([BUS, OTHER_TELLING, *CROWD])
    coded = pa.table({"record_id": ["b"], "dimension": ["goal"]})
    for extra, kept in (({}, "a"), ({"codings": coded}, "b")):
        rows = candidates({**tables, **extra}, cities=CITIES).to_pylist()
        assert rows[0]["a"] == kept


def ledger_record(row: Mapping[str, Any]) -> Record:
    """A row of this file as a record of the ledger."""
    return Record(
        row["record_id"], "project", row["title"], row["description"], start=row.get("start", ""),
        places=(Place(*row["place"]),), links=tuple(Link(url) for url in row.get("links", ())),
        organisations=tuple(Organisation(name) for name in row.get("organisations", ())),
    )  # fmt: skip


def test_merge_and_undo_through_the_ledger(tmp_path: Path) -> None:
    """A merged record is proposed no more; undone, it comes to review and is not merged again."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as ledger:

        def add(name: str, facts: list[Any]) -> None:
            rows = [Row(n, fact) for n, fact in enumerate(facts, start=1)]
            told = ledger.import_file(rows, source=Source("s", "S"), file=name, sha256=name)
            assert told.rejected == 0

        def linked() -> tuple[pa.Table, list[Merge]]:
            facts = ledger.facts()
            table = candidates(facts, cities=CITIES)
            vetoes = prepare(facts, cities=CITIES).vetoes()
            return table, merges(table, vetoes=vetoes, by="innovatory")

        add("records", [ledger_record(row) for row in (BUS, OTHER_TELLING, *CROWD)])
        found, facts = linked()
        assert [(fact.record_id, fact.into) for fact in facts] == [("b", "a")]
        add("merges", list(facts))
        assert linked()[0].num_rows == 0
        add("undo", [Merge("b", "b", "not the same", "anna")])
        again, none = linked()
        assert again["decision"].to_pylist() == ["review"]
        assert "was undone" in again["reasons"][0].as_py()
        assert none == []
        assert again["score"].equals(found["score"])


def test_people_move_the_scores() -> None:
    """Enough noes to a kind of pair lower its score, and yeses raise that of another kind."""
    corpus = linkage_corpus(1_000, seed=11)
    rows = candidates(corpus.tables, cities=corpus.cities, settings=Settings(review=0.05))
    pairs = [(row["a"], row["b"]) for row in rows.to_pylist()]
    assert len(pairs) > 20
    for answer in (False, True):
        taught = train(corpus.tables, dict.fromkeys(pairs, answer), cities=corpus.cities)
        prepared = prepare(corpus.tables, cities=corpus.cities)
        place = {record_id: n for n, record_id in enumerate(prepared.ids)}
        a, b = (np.array([place[pair[n]] for pair in pairs]) for n in (0, 1))
        vectors = compared(prepared, a, b)
        before, after = (s.probabilities(vectors).mean() for s in (DEFAULT, taught))
        assert after > before if answer else after < before
        sides = [taught.weights[name] * (-1 if name in AGAINST else 1) for name in FEATURES]
        assert min(sides) >= 0


def test_answers_about_unknown_records_are_refused() -> None:
    """The message names the record."""
    with pytest.raises(LedgerError, match="'nobody'"):
        train(tables_of(CROWD), {("x1", "nobody"): True}, cities={})


def test_no_block_grows_without_bound() -> None:
    """A thousand records of one title, text, site and city stay within the cap and the clock."""
    rows = [{**BUS, "record_id": f"r{n}"} for n in range(1_000)]
    prepared = prepare(tables_of(rows), cities=CITIES)
    begun = time.perf_counter()
    how = Settings()
    a, _, blocks = blocked(prepared, how, vetoes=prepared.vetoes())
    assert 0 < len(a) <= len(rows) * how.cap * len(RULES)
    assert {"title"} <= set("|".join(blocks).split("|"))
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [BUS],
        [{"record_id": "a", "title": "!!!"}, {"record_id": "b", "title": "???"}],
        [{"record_id": "a", "title": "x" * 200_000}, {"record_id": "b", "title": "x" * 200_000}],
        [
            {**BUS, "record_id": i, "description": "word " * 200_000, "links": ["http://["] * 500}
            for i in "ab"
        ],
    ],
)
def test_hostile_records_cost_little_and_break_nothing(rows: list[dict[str, Any]]) -> None:
    """No records, one, empty words and texts without end are all taken."""
    begun = time.perf_counter()
    found = candidates(tables_of(rows), cities={})
    assert found.column_names == ["a", "b", "score", "decision", "reasons", "block"]
    assert time.perf_counter() - begun < 5


def test_comparison_is_the_same_either_way(corpus: LinkageCorpus) -> None:
    """Which record comes first makes no difference, and all features lie between 0 and 1."""
    prepared = prepare(corpus.tables, cities=corpus.cities)
    a, b, _ = blocked(prepared, Settings(), vetoes=prepared.vetoes())
    some = slice(0, 3_000)
    one, other = compared(prepared, a[some], b[some]), compared(prepared, b[some], a[some])
    assert np.allclose(one, other, atol=1e-6)
    assert one.min() >= 0
    assert one.max() <= 1 + 1e-6


IDS = st.sampled_from("abcdefgh")


@given(
    st.dictionaries(
        st.tuples(IDS, IDS).filter(lambda pair: pair[0] < pair[1]), st.floats(0.5, 1), max_size=15
    ),
    st.sets(st.tuples(IDS, IDS).filter(lambda pair: pair[0] < pair[1]), max_size=4),
)
@settings(max_examples=100)
def test_groups_are_a_partition_without_vetoes(
    scores: dict[tuple[str, str], float], refused: set[tuple[str, str]]
) -> None:
    """Whatever the pairs, no record is in two groups and no refused pair in one."""
    pairs = pa.table({
        "a": pa.array([a for a, _ in scores], pa.string()),
        "b": pa.array([b for _, b in scores], pa.string()),
        "score": pa.array(list(scores.values()), pa.float64()),
        "decision": pa.array(["merge"] * len(scores), pa.string()),
    })  # fmt: skip
    apart = frozenset(frozenset(pair) for pair in refused)
    groups = clusters(pairs, vetoes=Vetoes(dict.fromkeys("abcdefgh", Marks()), apart))
    members = [record_id for group in groups for record_id in group]
    assert len(members) == len(set(members))
    assert all(len(group) > 1 for group in groups)
    together = {frozenset(p) for group in groups for p in combinations(group, 2)}
    assert not together & apart


@given(st.text(max_size=60))
def test_any_text_can_be_a_name(text: str) -> None:
    """No title breaks the search for phases, and none gives a phase out of range."""
    assert 1 <= phase_of(text) <= 99
