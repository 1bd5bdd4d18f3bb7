"""Draws as they are made in an observatory: what can be drawn, what is stored, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coded import code, write_records
from command import run, write_lines, write_small
from innovatory import fieldwork, observatory
from innovatory.errors import ObservatoryError
from innovatory.fieldwork import Wanted
from innovatory.observatory import Observatory
from innovatory.records import Draw, Merge


@pytest.fixture
def small(tmp_path: Path) -> Observatory:
    """Four records: `tram` coded by anna and bo, `lab` by bo; `copy` is merged into `twin`."""
    return observatory.load(write_small(tmp_path / "small"))


@pytest.fixture
def fresh(tmp_path: Path) -> Observatory:
    """Fourteen records of the starter corpus, nothing coded."""
    return observatory.load(write_records(tmp_path / "fresh", every=37))


def stored(place: Observatory) -> dict[str, Draw]:
    """The draws of the ledger, with their frames."""
    with place.ledger() as ledger:
        rows = ledger.facts()["draws"].to_pylist()
    ids = sorted({row["draw_id"] for row in rows})
    mine = {i: [row for row in rows if row["draw_id"] == i] for i in ids}
    return {
        i: Draw(
            i, r[0]["design"], r[0]["seed"], r[0]["note"],
            {row["record_id"]: row["probability"] for row in r if row["drawn"]},
            {row["record_id"]: row["probability"] for row in r if not row["drawn"]},
            tuple(row["record_id"] for row in r if row["second"]),
            tuple(filter(None, r[0]["target"].split("|"))),
        )
        for i, r in mine.items()
    }  # fmt: skip


def head(place: Observatory) -> int:
    """The number of the ledger's last batch."""
    with place.ledger() as ledger:
        return ledger.head()


def test_a_draw_is_stored_with_its_whole_frame(fresh: Observatory) -> None:
    """The ledger holds the members, all others with their chance, and what is coded twice."""
    made = fieldwork.draw(fresh, Wanted(5, second=0.4, dimensions=("sector", "goal")))
    found = stored(fresh)["draw-1"]
    assert set(found.members.values()) == set(found.frame.values()) == {5 / 14}
    assert (len(found.members), len(found.frame), len(found.second)) == (5, 9, 2)
    assert set(found.second) <= set(found.members) == set(made.members)
    assert (found.target, found.seed, found.design) == (("sector", "goal"), 1, "simple_random")


def test_a_later_draw_takes_none_again(fresh: Observatory) -> None:
    """Draws follow each other until nothing is left, and then say so."""
    taken: set[str] = set()
    for number, size in enumerate((5, 5, 4), 1):
        made = fieldwork.draw(fresh, Wanted(size))
        assert made.id == f"draw-{number}" and not taken & set(made.members)
        taken |= set(made.members)
    assert len(taken) == 14
    with pytest.raises(ObservatoryError, match="nothing left to draw"):
        fieldwork.draw(fresh, Wanted(1))


def test_draws_for_other_questions_stand_apart(fresh: Observatory) -> None:
    """A record drawn to be coded on one question can still be drawn for another, and not twice."""
    fieldwork.draw(fresh, Wanted(10, dimensions=("sector",)))
    assert len(fieldwork.draw(fresh, Wanted(14, dimensions=("goal",))).members) == 14
    with pytest.raises(ObservatoryError, match="ask for 1 to 4"):
        fieldwork.draw(fresh, Wanted(5, dimensions=("sector",)))


def test_the_same_seed_draws_the_same(fresh: Observatory, tmp_path: Path) -> None:
    """Another observatory with the same records draws the same; another seed others."""
    twin = observatory.load(write_records(tmp_path / "twin", every=37))
    one, two = (fieldwork.draw(place, Wanted(5)) for place in (fresh, twin))
    assert one == two
    other = fieldwork.draw(twin, Wanted(5, seed=2, id="other"))
    assert set(other.members) != set(one.members) and other.seed == 2


def test_records_coded_outside_of_a_draw_are_not_drawn(fresh: Observatory) -> None:
    """What a person coded unasked stands for itself: it is in no frame of that question."""
    with fresh.ledger() as ledger:
        chosen = sorted(ledger.records())[:2]
    facts = [{"fact": "coding", "record": record, "dimension": "sector", "coder": "ana",
              "value": "transport"} for record in chosen]  # fmt: skip
    run("collect", fresh.folder, write_lines(fresh.folder / "unasked.jsonl", facts))
    made = fieldwork.draw(fresh, Wanted(12, dimensions=("sector",)))
    assert not {*made.members, *made.frame} & set(chosen)
    with pytest.raises(ObservatoryError, match="every record was drawn before"):
        fieldwork.draw(fresh, Wanted(1, dimensions=("sector",)))
    assert len(fieldwork.draw(fresh, Wanted(14, dimensions=("goal",))).members) == 14


def test_merged_records_are_not_drawn(small: Observatory) -> None:
    """`copy` is counted as `twin`; those drawn before keep the chance that they would have had."""
    made = fieldwork.draw(small, Wanted(1, dimensions=("goal",), second=0))
    assert set(made.members) == {"twin"}
    assert {**made.members, **made.frame} == dict.fromkeys(("lab", "tram", "twin"), 1.0)


def test_an_id_that_is_taken_is_refused_and_leaves_no_trace(fresh: Observatory) -> None:
    """A draw stays as it was drawn; the ledger gets no batch and no reject."""
    fieldwork.draw(fresh, Wanted(5, id="pilot"))
    before = head(fresh)
    with pytest.raises(ObservatoryError, match=r"'pilot' already.*another --id"):
        fieldwork.draw(fresh, Wanted(3, id="pilot"))
    with fresh.ledger() as ledger:
        assert ledger.head() == before and not ledger.rejects()


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Wanted(15), "ask for 1 to 14"),
        (Wanted(3, design="stratified"), "use fewer strata"),
        (Wanted(3, design="census"), "is no design; use one of"),
        (Wanted(3, second=1.5), "give 0 to 1"),
        (Wanted(3, dimensions=("colour",)), "'colour' is not asked by the codebook"),
        (Wanted(14, design="stratified", by="colour"), "use city or sector"),
        (Wanted(3, kind="nothing"), "no record of the kind nothing; collect some"),
        (Wanted(3, design="repeat"), "no record is coded by people yet"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fresh: Observatory, wanted: Wanted, reason: str) -> None:
    """Each refusal says what to ask for instead, and stores nothing."""
    before = head(fresh)
    with pytest.raises(ObservatoryError, match=reason):
        fieldwork.draw(fresh, wanted)
    assert head(fresh) == before


def test_a_stratified_draw_takes_from_every_city(fresh: Observatory) -> None:
    """With as many records as cities, each city has one."""
    with fresh.ledger() as ledger:
        cities = {i: r.places[0].name for i, r in ledger.records().items()}
    size = len(set(cities.values()))
    made = fieldwork.draw(fresh, Wanted(size, design="stratified"))
    assert {cities[record] for record in made.members} == set(cities.values())


def test_the_machine_knows_sectors_before_anybody_coded(fresh: Observatory) -> None:
    """Strata by sector are those that the definitions make the machine expect."""
    made = fieldwork.draw(fresh, Wanted(12, design="stratified", by="sector"))
    chances = {**made.members, **made.frame}
    assert len(made.members) == 12 and len(chances) == 14
    assert sum(chances.values()) == pytest.approx(12) and len(set(chances.values())) > 1


def test_an_uncertain_draw_is_half_random(fresh: Observatory) -> None:
    """Each record has at least half the chance of a random draw, and not all the same."""
    made = fieldwork.draw(fresh, Wanted(4, design="uncertainty"))
    chances = [*made.members.values(), *made.frame.values()]
    assert sum(chances) == pytest.approx(4)
    assert min(chances) >= 2 / 14 - 1e-9 and max(chances) > min(chances)


def test_repeats_are_drawn_among_what_people_coded(fresh: Observatory) -> None:
    """A repeat has no second coder, may be drawn again, and is no larger than what is coded."""
    first = fieldwork.draw(fresh, Wanted(4, second=0))
    assert code(fresh.folder, first.id, "ana") == 4 * 13
    for _ in range(2):
        again = fieldwork.draw(fresh, Wanted(3, design="repeat"))
        assert set(again.members) < set(first.members) and again.second == ()
    with pytest.raises(ObservatoryError, match="4 records are coded by people, so that 5"):
        fieldwork.draw(fresh, Wanted(5, design="repeat"))


def test_the_machine_learns_from_reference_coders_alone(small: Observatory) -> None:
    """With anna alone as reference what bo coded teaches nothing."""
    path = small.folder / "observatory.toml"
    text = path.read_text("utf-8")
    for names, expected in (("", [1, 1]), ('reference = ["anna"]', [0, 1])):
        path.write_text(text.replace('# reference = ["ana", "bo"]', names), "utf-8")
        place = observatory.load(small.folder)
        tried = fieldwork.machine(place, ["technologies", "sector"]).table.to_pylist()
        labels = {row["dimension"]: row["labels"] for row in tried}
        assert [labels["technologies"], labels["sector"]] == expected


def test_the_same_fact_after_its_contrary_is_stored(small: Observatory) -> None:
    """Merged, set apart, merged and set apart once more: each counts when it is said."""
    facts = [Merge("lab", "tram"), Merge("lab", "lab")] * 2
    for fact in facts:
        assert fieldwork.store(small, [fact], name=f"into {fact.into}") == 1
        with small.ledger() as ledger:
            rows = {r["record_id"]: r["into"] for r in ledger.facts()["merges"].to_pylist()}
        assert rows["lab"] == fact.into


def test_the_machine_is_asked_only_what_it_learns(small: Observatory) -> None:
    """A roll-up and an unknown name are refused with the names that there are."""
    for name in ("driver_group", "colour"):
        with pytest.raises(ObservatoryError, match=f"not trained on '{name}'; use scope, "):
            fieldwork.machine(small, [name])


@pytest.mark.postgres
def test_a_draw_is_stored_on_a_server(new_postgres_url: Callable[[], str], tmp_path: Path) -> None:
    """On PostgreSQL the draw of the same records is the same, and an id that is taken refused."""
    there = observatory.load(write_records(tmp_path / "there", every=37, ledger=new_postgres_url()))
    here = observatory.load(write_records(tmp_path / "here", every=37))
    wanted = Wanted(5, second=0.4, id="pilot")
    assert fieldwork.draw(there, wanted) == fieldwork.draw(here, wanted)
    assert stored(there) == stored(here)
    with pytest.raises(ObservatoryError, match="already"):
        fieldwork.draw(there, wanted)
