"""The review app: what coders answer reaches the ledger once, and only those who may get in."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from innovatory import observatory
from innovatory.codebook import Class, Dimension
from innovatory.errors import LedgerError, ObservatoryError, ReviewError
from innovatory.observatory import Observatory
from innovatory.records import Coder, Coding, Place, Record
from innovatory.review import Duplicate, Width, accounts, add_coder, app, serve
from innovatory.review.answers import Answer
from innovatory.review.desk import Desk
from innovatory.review.items import LEASE_SECONDS
from innovatory.review.offers import Offers
from innovatory.review.splitting import splitting
from review_server import (
    ANSWERS,
    PASSWORD,
    QUESTIONS,
    Visitor,
    add_coders,
    codings_of,
    draw,
    make_world,
    name,
    served,
    suggest,
    tell,
    wait_until,
)  # fmt: skip


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hashes of these tests take no time."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(accounts, "_HASHER", cheap)
        accounts._nobody.cache_clear()
        yield
    accounts._nobody.cache_clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six records, four accounts, no draw."""
    made = make_world(tmp_path_factory.mktemp("made") / "world")
    add_coders(made, ana="coder", bo="coder", chair="adjudicator", root="admin")
    return made.folder


@pytest.fixture
def world(made_world: Path, tmp_path: Path) -> Observatory:
    """An observatory of the test's own."""
    return observatory.load(Path(shutil.copytree(made_world, tmp_path / "world")))


class Door:
    """One server whose application a test exchanges: to start one takes longer than most tests."""

    def __init__(self) -> None:
        self.app: Starlette | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert self.app
            await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[Door, str]]:
    opened = Door()
    with served(opened) as address:
        yield opened, address


Enter = Callable[..., Visitor]


@pytest.fixture
def enter(world: Observatory, clock: Clock, door: tuple[Door, str]) -> Iterator[Enter]:
    """Serves the world and logs somebody in; the app is made at the first log-in."""
    opened, address = door
    opened.app = None
    visitors: list[Visitor] = []

    def log_in(who: str = "", **offers: Any) -> Visitor:
        opened.app = opened.app or app(world, clock=clock, **offers)
        visitor = Visitor(address)
        visitors.append(visitor)
        if who:
            assert visitor.log_in(who).status_code == 303
        return visitor

    yield log_in
    for visitor in visitors:
        visitor.close()
    if opened.app:
        opened.app.state.desk.close()


def refused(answer: httpx.Response, status: int) -> str:
    """The reason of a refusal in JSON, which also says what to do next."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["next_step"]
    return str(told["error"])


# Coding


def test_an_answer_reaches_the_ledger_as_it_was_given(world: Observatory, enter: Enter) -> None:
    """Classes in the codebook's order, words, certainty, remark, time, whose suggestion."""
    draw(world, "first", range(1))
    ana = enter("ana", suggest=suggest)
    item = ana.next()
    asked = ana.get(f"/api/item/{item}")
    assert asked["questions"][0]["suggestion"]["by"] == "machine-1"
    quote = {"field": "title", "start": 10, "end": 11, "quote": "🚋"}
    ana.answer(item, "technologies", "ai", "iot", confidence=2, comment="both", evidence=[quote])
    ana.answer(item, "sector", "energy")
    ana.answer(item, "driver", "firm")
    assert ana.done("/api/submit", {"item": item}) == {"next": "/done"}
    found = codings_of(world)
    assert found.keys() == {(name(0), dimension, "ana") for dimension in QUESTIONS}
    (tech,), (sector,) = found[name(0), "technologies", "ana"], found[name(0), "sector", "ana"]
    assert (tech.value, tech.confidence, tech.comment) == (("iot", "ai"), 2, "both")
    assert [(e.field, e.start, e.end, e.quote) for e in tech.evidence] == [("title", 10, 11, "🚋")]
    assert (tech.draw, tech.codebook, tech.seconds) == ("first", world.book.version, 2.5)
    assert tech.coded_at == "2027-01-15T08:00:00Z"
    assert (sector.suggestion, tech.suggestion) == ("machine-1", "")
    with world.ledger() as ledger:
        (ana_told,) = (c for c in ledger.facts()["coders"].to_pylist() if c["coder_id"] == "ana")
        assert ledger.imports()[-1].file.startswith("review/ana/")
    assert ana_told["kind"] == "person"


def test_answers_are_there_again_after_a_restart(world: Observatory, clock: Clock) -> None:
    """A draft is on disk as soon as it is acknowledged."""
    draw(world, "first", range(2))
    with served(app(world, clock=clock)) as url:
        ana = Visitor(url)
        ana.log_in("ana")
        item = ana.next()
        ana.answer(item, "sector", "energy", comment="warm", confidence=3)
        ana.close()
    with served(app(world, clock=clock)) as url:
        ana = Visitor(url)
        ana.log_in("ana")
        assert ana.next() == item
        sector = ana.get(f"/api/item/{item}")["questions"][0]["answer"]
        ana.close()
    assert sector == {"value": ["energy"], "confidence": 3, "comment": "warm", "evidence": []}


def test_no_two_coders_hold_the_same_record(world: Observatory, enter: Enter) -> None:
    """Each coder is given another item, and a taken one is refused."""
    draw(world, "first", range(3))
    ana, bo = enter("ana"), enter("bo")
    first, second = ana.next(), bo.next()
    assert first != second and ana.next() == first
    assert "another coder" in refused(bo.http.get(f"/api/item/{first}"), 409)
    assert bo.http.get(f"/code/{first}").status_code == 409


def test_records_named_for_two_coders_get_two_and_no_suggestion(
    world: Observatory, enter: Enter
) -> None:
    """Double coding is blind; a third coder is not asked."""
    draw(world, "first", range(1), second=(0,))
    ana, bo, chair = enter("ana", suggest=suggest), enter("bo"), enter("chair")
    item = ana.next()
    assert bo.next() == item and chair.next() == ""
    for coder in (ana, bo):
        told = coder.get(f"/api/item/{item}")
        assert told["blind"] and not any(q["suggestion"] for q in told["questions"])
        assert coder.code(item) == "/done"
    assert chair.next() == ""
    assert not any(c.suggestion for versions in codings_of(world).values() for c in versions)


def test_a_lease_that_ran_out_goes_to_somebody_else(
    world: Observatory, enter: Enter, clock: Clock
) -> None:
    """The first coder's late answer is refused, what was saved before stays a draft."""
    draw(world, "first", range(1))
    ana, bo = enter("ana"), enter("bo")
    item = ana.next()
    ana.answer(item, "sector", "energy")
    assert bo.next() == ""
    clock.now += LEASE_SECONDS - 1
    ana.answer(item, "driver", "city")
    clock.now += LEASE_SECONDS + 1
    assert bo.next() == item
    late = {"item": item, "dimension": "sector", "value": ["transport"]}
    assert "another coder" in refused(ana.post("/api/answer", late), 409)
    assert bo.get(f"/api/item/{item}")["questions"][0]["answer"] is None
    clock.now += LEASE_SECONDS + 1
    assert ana.get(f"/api/item/{item}")["questions"][0]["answer"]["value"] == ["energy"]


def test_a_skipped_record_comes_last(world: Observatory, enter: Enter, clock: Clock) -> None:
    """It can be fetched back from the list, and another coder may have it."""
    draw(world, "first", range(3))
    ana, bo = enter("ana"), enter("bo")
    order = []
    for _ in range(3):
        clock.now += 1
        order.append(ana.next())
        ana.done("/api/skip", {"item": order[-1]})
    assert len(set(order)) == 3
    assert "to come back to" in ana.page("/lists/mine")
    assert ana.next() == order[0]
    assert bo.next() == order[1]
    ana.code(order[0])
    assert ana.next() == order[2]


def test_undo_walks_back_and_a_changed_answer_supersedes(world: Observatory, enter: Enter) -> None:
    """Before submission answer by answer; afterwards the record is opened again."""
    draw(world, "first", range(1))
    ana, bo = enter("ana"), enter("bo")
    item = ana.next()
    ana.answer(item, "sector", "energy")
    assert ana.answer(item, "sector", "transport")["can_undo"]
    sector = ana.done("/api/undo", {"item": item})["questions"][0]["answer"]
    assert sector["value"] == ["energy"]
    empty = ana.done("/api/undo", {"item": item})
    assert not empty["can_undo"] and empty["questions"][0]["answer"] is None
    assert ana.done("/api/undo", {"item": item}) == empty
    ana.code(item)
    assert ana.get(f"/api/item/{item}")["done"]
    reopened = ana.done("/api/undo", {"item": item})
    assert not reopened["done"] and reopened["questions"][2]["answer"] is None
    assert "3" not in refused(ana.post("/api/submit", {"item": item}), 422)[:1]
    assert bo.next() == "" and ana.next() == item
    ana.answer(item, "technologies", "none")
    assert ana.done("/api/submit", {"item": item}) == {"next": "/done"}
    (coding,) = codings_of(world)[name(0), "technologies", "ana"]
    assert coding.value == ("none",)
    with world.ledger() as ledger:
        told = [e for e in ledger.history(name(0)) if e.kind == "coding"]
    assert len(told) == 4 and told[-1].changes[0] == ("value", "iot|ai", "none")


def test_a_changed_question_wants_a_new_answer(world: Observatory, clock: Clock) -> None:
    """A draft is no answer to a question that was asked otherwise; those unchanged are kept."""
    draw(world, "first", range(1))
    desk = Desk(world, offers=Offers(), clock=clock)
    item = str(desk.items.next("ana"))
    for dimension, value in ANSWERS.items():
        desk.answers.save(item, "ana", Answer(dimension, tuple(value)))
    desk.close()
    path = world.folder / "codebook.yaml"
    text = path.read_text("utf-8").replace("Which sector?", "Which one?").replace("rail", "road")
    path.write_text(text.replace("transport:", "traffic:"), "utf-8")
    desk = Desk(observatory.load(world.folder), offers=Offers(), clock=clock)
    try:
        held = desk.items.open(item, "ana")
        assert desk.answers.sheet(held, "ana").answers.keys() == {"driver", "technologies"}
        with pytest.raises(ReviewError, match="answer sector"):
            desk.answers.submit(item, "ana")
        desk.answers.save(item, "ana", Answer("sector", ("traffic",)))
        desk.answers.submit(item, "ana")
        assert desk.items.open(item, "ana").done
    finally:
        desk.close()


def test_an_answer_can_be_cleared(world: Observatory, enter: Enter) -> None:
    """Without a class the question is open again, its remark kept; undoing brings it back."""
    draw(world, "first", range(1))
    ana = enter("ana")
    item = ana.next()
    ana.answer(item, "technologies", "iot", "ai")
    ana.answer(item, "technologies", comment="which?")
    tech = ana.get(f"/api/item/{item}")["questions"][2]["answer"]
    assert (tech["value"], tech["comment"]) == ([], "which?")
    ana.answer(item, "sector", "energy")
    ana.answer(item, "driver", "city")
    assert "1 of 3" in refused(ana.post("/api/submit", {"item": item}), 422)
    for _ in range(3):
        questions = ana.done("/api/undo", {"item": item})["questions"]
    assert questions[2]["answer"]["value"] == ["iot", "ai"]
    ana.code(item)
    ana.answer(item, "sector")
    assert not ana.get(f"/api/item/{item}")["done"]
    assert "answer sector" in ana.post("/api/submit", {"item": item}).json()["next_step"]
    ana.answer(item, "sector", "transport")
    ana.done("/api/submit", {"item": item})
    (coding,) = codings_of(world)[name(0), "sector", "ana"]
    assert coding.value == ("transport",)


def test_what_comes_next_is_prepared(world: Observatory, enter: Enter) -> None:
    """While a coder reads, what is suggested for the next record is worked out; none if blind."""
    draw(world, "first", range(2))
    draw(world, "twice", range(2, 5), second=(2, 3, 4))
    asked: list[str] = []

    def note(record_id: str) -> dict[str, Any]:
        asked.append(record_id)
        return {}

    ana = enter("ana", suggest=note)
    item = ana.next()
    first = ana.get(f"/api/item/{item}")["record"]["id"]
    other = name(1) if first == name(0) else name(0)
    wait_until(lambda: asked == [first, other])
    while item:
        ana.get(f"/api/item/{item}")
        ana.code(item)
        item = ana.next()
    assert set(asked) == {first, other}


def test_submitting_twice_is_one_batch(world: Observatory, enter: Enter) -> None:
    """A second press of the key adds nothing to the ledger."""
    draw(world, "first", range(1))
    ana = enter("ana")
    item = ana.next()
    ana.code(item)
    with world.ledger() as ledger:
        before = ledger.state()
        ana.done("/api/submit", {"item": item})
        assert ledger.state() == before


def test_repeats_come_back_unmarked_to_the_same_coder(world: Observatory, enter: Enter) -> None:
    """Nothing in the item, the overview or the lists tells a repeat from another record."""
    draw(world, "first", range(2))
    ana, bo = enter("ana"), enter("bo")
    item = ana.next()
    ana.code(item)
    coded = next(iter(codings_of(world)))[0]
    draw(world, "second", range(2, 6), second=(3,))
    draw(world, "thrice", range(int(coded[-1]), int(coded[-1]) + 1), design="repeat")
    seen: dict[str, dict[str, Any]] = {}
    while len(seen) < 6 and (item := ana.next()):
        seen[item] = told = ana.get(f"/api/item/{item}")
        assert told["position"]["of"] == 7
        assert "thrice" not in json.dumps(told) + ana.page("/") + ana.page("/lists/mine")
        ana.code(item)
    (repeat,) = (told for told in seen.values() if told["record"]["id"] == coded)
    assert repeat["draw"] in ("first", "second") and repeat["blind"]
    assert all(q["answer"] is None for q in repeat["questions"])
    assert bo.http.get(f"/api/item/{repeat['item']}").status_code == 404
    assert "thrice" not in ana.page("/progress") and ana.page("/lists/mine").count(">done<") == 6
    both = codings_of(world)[coded, "sector", "ana"]
    assert {c.draw for c in both} == {"first", "thrice"}
    assert "thrice" in enter("root").page("/progress")


def test_only_what_a_draw_asks_is_asked(world: Observatory, enter: Enter) -> None:
    """A draw may name the dimensions to be coded."""
    draw(world, "first", range(1), target=("driver",))
    ana = enter("ana")
    item = ana.next()
    assert [q["dimension"] for q in ana.get(f"/api/item/{item}")["questions"]] == ["driver"]
    body = {"item": item, "dimension": "sector", "value": ["energy"]}
    assert "not asked" in refused(ana.post("/api/answer", body), 422)
    assert ana.code(item, {"driver": ["city"]}) == "/done"


def test_without_a_draw_the_page_says_how_to_make_one(enter: Enter) -> None:
    """Nothing is coded that was not drawn."""
    ana = enter("ana")
    assert ana.next() == ""
    assert "innovatory draw" in ana.page("/done") and "innovatory draw" in ana.page("/")


def test_a_draw_made_meanwhile_is_taken_up(world: Observatory, enter: Enter) -> None:
    """The app need not be started again."""
    ana = enter("ana")
    assert ana.next() == ""
    draw(world, "first", range(1))
    assert ana.next()


def test_what_was_coded_in_a_sheet_is_done(world: Observatory, enter: Enter) -> None:
    """A record is done where all its questions are answered in the draw, whoever brought them."""
    draw(world, "first", range(2))
    whole = [Coding(name(0), q, "dora", tuple(v), draw="first") for q, v in ANSWERS.items()]
    part = [Coding(name(1), "sector", "dora", ("energy",), draw="first")]
    machine = [Coding(name(1), q, "m1", tuple(v), draw="first") for q, v in ANSWERS.items()]
    tell(world, [*whole, *part, *machine], "sheet", coders=(Coder("m1", "machine"),))
    ana = enter("ana")
    item = ana.next()
    assert ana.get(f"/api/item/{item}")["record"]["id"] == name(1)
    assert ana.code(item) == "/done"


@pytest.mark.parametrize("lost", ["before the ledger", "after the ledger"])
def test_a_crash_between_both_stores_is_made_good(
    world: Observatory, clock: Clock, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """A submission that was acknowledged to nobody is finished at the next start, once."""
    draw(world, "first", range(1))
    desk = Desk(world, offers=Offers(), clock=clock)
    item = desk.items.next("ana")
    assert item
    for dimension, value in ANSWERS.items():
        desk.answers.save(item, "ana", Answer(dimension, tuple(value)))

    def crash(*_: Any, **__: Any) -> None:
        raise LedgerError("the power went")

    where = (desk.facts, "store") if lost == "before the ledger" else (desk.items, "finish")
    monkeypatch.setattr(*where, crash)
    with pytest.raises(LedgerError):
        desk.answers.submit(item, "ana")
    desk.close()
    again = Desk(world, offers=Offers(), clock=clock)
    try:
        assert again.items.next("ana") is None and again.standings.position("ana").done == 1
        assert again.answers.repair() == 0
    finally:
        again.close()
    assert {len(versions) for versions in codings_of(world).values()} == {1}
    with world.ledger() as ledger:
        batches = [b for b in ledger.imports() if b.source_id == "review"]
    assert [b.new for b in batches] == [3]


def test_an_answer_that_cannot_be_is_refused(world: Observatory, enter: Enter) -> None:
    """It is refused with a reason and the next step, and leaves no draft."""
    draw(world, "first", range(1))
    ana = enter("ana")
    item = ana.next()
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"value": ["rail"]}, 422, "not a class"),
        ({"value": ["energy", "transport"]}, 422, "2 answers"),
        ({"dimension": "goal"}, 422, "not asked"),
        ({"item": "0" * 24}, 404, "no such record"),
        ({"confidence": 4}, 422, "malformed"),
        ({"seconds": -1}, 422, "malformed"),
        ({"comment": "x" * 5001}, 422, "malformed"),
        ({"comment": "\0"}, 422, "NUL"),
        ({"extra": 1}, 422, "malformed"),
        ({"evidence": [{"field": "title", "start": 0, "end": 3, "quote": "Bus"}]}, 409, "marked"),
        ({"evidence": [{"field": "doubts", "start": 0, "end": 1, "quote": ""}]}, 409, "marked"),
        ({"evidence": [{"field": "title", "start": -3, "end": 3, "quote": ""}]}, 409, "marked"),
    ]
    for change, status, words in wrong:
        body = {"item": item, "dimension": "sector", "value": ["energy"]} | change
        assert words in refused(ana.post("/api/answer", body), status), change
    assert not ana.get(f"/api/item/{item}")["can_undo"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"item": "\xff"}', b"[" * 100_000])
def test_a_malformed_request_is_refused(enter: Enter, body: bytes) -> None:
    """Whatever the bytes, the answer says what is wrong."""
    ana = enter("ana")
    sent = ana.http.post("/api/submit", content=body, headers={"X-CSRF-Token": ana.csrf})
    assert "malformed" in refused(sent, 422)


def test_the_order_of_a_draw_comes_from_its_seed(world: Observatory, tmp_path: Path) -> None:
    """The same draw is worked off in the same order everywhere, and not in that of the ids."""
    other = make_world(tmp_path / "other")
    orders = []
    for place in (world, other):
        draw(place, "first", range(6))
        desk = Desk(place, offers=Offers(), clock=Clock())
        found = [desk.items.find(str(desk.items.next(f"c{n}")), f"c{n}") for n in range(6)]
        orders.append([one.record_id for one in found])
        desk.close()
    assert orders[0] == orders[1] != sorted(orders[0])


def test_the_time_left_is_that_of_the_median_record(world: Observatory, enter: Enter) -> None:
    """Three records of 7.5 s each leave 22.5 s for the other three."""
    draw(world, "first", range(6))
    ana = enter("ana")
    for n in range(3):
        item = ana.next()
        position = ana.get(f"/api/item/{item}")["position"]
        assert position == {"done": n, "of": 6, "minutes_left": None}
        ana.code(item)
    assert ana.get(f"/api/item/{ana.next()}")["position"] == {
        "done": 3, "of": 6, "minutes_left": 0.4
    }  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("ndsel")), max_size=40))
def test_whatever_coders_do_every_slot_is_filled_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    """Next, done, skip, expiry, late answers: places are never overfilled, counts are right."""
    world = make_world(tmp_path_factory.mktemp("steps") / "world", number=4)
    draw(world, "first", range(4), second=(0, 2))
    clock = Clock()
    desk = Desk(world, offers=Offers(), clock=clock)
    try:
        held: dict[str, str | None] = {}
        for coder, step in steps:
            _step(desk, clock, held, coder, step)
            _check_slots(desk, clock)
        for coder in "abcabc":
            while item := desk.items.next(coder):
                _finish(desk, item, coder)
        _check_slots(desk, clock)
        assert [(s.done, s.of) for s in desk.standings.standings("a", hidden=True)] == [(6, 6)]
    finally:
        desk.close()
    counted: dict[str, int] = {}
    for record_id, _, _ in codings_of(world):
        counted[record_id] = counted.get(record_id, 0) + 1
    assert counted == {name(0): 6, name(1): 3, name(2): 6, name(3): 3}


def _step(desk: Desk, clock: Clock, held: dict[str, str | None], coder: str, step: str) -> None:
    item = held.get(coder)
    clock.now += 1
    if step == "n" or not item:
        held[coder] = desk.items.next(coder)
    elif step == "e":
        clock.now += LEASE_SECONDS
    else:
        try:
            if step == "d":
                _finish(desk, item, coder)
            elif step == "s":
                desk.items.skip(item, coder)
            else:
                desk.answers.save(item, coder, Answer("driver", ("firm",)))
        except ReviewError as error:
            assert error.status == 409


def _finish(desk: Desk, item: str, coder: str) -> None:
    for dimension, value in ANSWERS.items():
        desk.answers.save(item, coder, Answer(dimension, tuple(value)))
    desk.answers.submit(item, coder)


def _check_slots(desk: Desk, clock: Clock) -> None:
    """No item is overfilled; every coder's position is what counting one by one gives."""
    with desk.state.reading() as connection:
        items = connection.exec_driver_sql("SELECT item, needed, open FROM review_items").all()
        slots = connection.exec_driver_sql(
            "SELECT item, coder, done_at, leased_until FROM review_slots"
        ).all()
    taken: dict[str, set[str]] = {item: set() for item, _, _ in items}
    done: dict[str, set[str]] = {item: set() for item, _, _ in items}
    for item, coder, done_at, leased_until in slots:
        if done_at:
            done[item].add(coder)
        if done_at or (leased_until or 0) > clock.now:
            taken[item].add(coder)
    for item, needed, is_open in items:
        assert len(taken[item]) <= needed
        assert bool(is_open) == (len(done[item]) < needed)
    for coder in "abc":
        mine = sum(coder in who for who in done.values())
        left = sum(
            coder not in done[item] and len(taken[item] - {coder}) < needed
            for item, needed, _ in items
        )
        position = desk.standings.position(coder)
        assert (position.done, position.of) == (mine, mine + left)


# Adjudication


@pytest.fixture
def differing(world: Observatory) -> Observatory:
    """Two people differ on two questions to one record; a machine differs from both on others."""
    told: list[Any] = [
        Coding(name(0), "sector", "ana", ("transport",), comment="roads and rails"),
        Coding(name(0), "sector", "bo", ("energy",)),
        Coding(name(0), "technologies", "ana", ("iot", "ai")),
        Coding(name(0), "technologies", "bo", ("ai",)),
        Coding(name(0), "driver", "ana", ("city",)),
        Coding(name(0), "driver", "bo", ("city",)),
        Coding(name(0), "driver", "m1", ("firm",)),
        Coding(name(1), "technologies", "ana", ("iot", "ai")),
        Coding(name(1), "technologies", "bo", ("ai", "iot")),
    ]
    tell(world, told, "codings", coders=(Coder("m1", "machine"),))
    return world


def test_a_dispute_is_settled_with_a_reason(differing: Observatory, enter: Enter) -> None:
    """The decision reaches the ledger, the dispute leaves the list, the next one follows."""
    chair = enter("chair")
    page = chair.page("/adjudicate")
    assert page.count('href="/adjudicate/project-000/') == 3 and "m1" not in page
    told = chair.get("/api/dispute/project-000/sector")
    assert [(s["coder"], s["value"]) for s in told["sides"]] == [
        ("ana", ["transport"]), ("bo", ["energy"])
    ]  # fmt: skip
    split = {s["class"]: (s["sentence"], s["marks"]) for s in told["splitting"]}
    sentence, marks = split["transport"]
    assert sentence == "Roads and rails belong here."
    assert [sentence[a:b] for a, b in marks] == ["rails", "belong", "here"]
    assert told["next"] == "/adjudicate/project-000/technologies"
    body = {"record": name(0), "dimension": "sector", "value": ["transport"], "reason": " "}
    assert "reason is missing" in refused(chair.post("/api/adjudicate", body), 422)
    body["reason"] = "rails decide"
    assert "not a class" in refused(chair.post("/api/adjudicate", body | {"value": ["x"]}), 422)
    assert chair.done("/api/adjudicate", body) == {"next": told["next"]}
    assert "/sector" not in chair.page("/adjudicate")
    with differing.ledger() as ledger:
        (fact,) = ledger.facts()["adjudications"].to_pylist()
    assert fact == {
        "record_id": name(0), "dimension": "sector", "adjudicator": "chair",
        "value": "transport", "reason": "rails decide", "codebook": differing.book.version,
    }  # fmt: skip
    assert chair.get("/api/dispute/project-000/sector")["settled"]["reason"] == "rails decide"


def test_nobody_settles_a_dispute_of_their_own(differing: Observatory, enter: Enter) -> None:
    """One of the coders who differ may not, unless an admin; coders may not at all."""
    body = {"record": name(0), "dimension": "sector", "value": ["energy"], "reason": "heat"}
    tell(differing, [Coding(name(0), "sector", "chair", ("unclear",))], "more")
    tell(differing, [Coding(name(0), "sector", "root", ("unclear",))], "still more")
    chair, root, ana = enter("chair"), enter("root"), enter("ana")
    assert "one of the coders" in refused(chair.post("/api/adjudicate", body), 403)
    assert "one of the coders" in refused(chair.http.get("/api/dispute/project-000/sector"), 403)
    assert "/sector" not in chair.page("/adjudicate") and "/sector" in root.page("/adjudicate")
    assert "role coder" in refused(ana.post("/api/adjudicate", body), 403)
    assert root.post("/api/adjudicate", body).status_code == 200


def test_a_decision_is_not_overruled_by_the_next_adjudicator(
    differing: Observatory, enter: Enter
) -> None:
    """Who made it may change it, and so may an admin."""
    add_coders(differing, carl="adjudicator")
    chair, carl, root = enter("chair"), enter("carl"), enter("root")
    body = {"record": name(0), "dimension": "sector", "value": ["energy"], "reason": "heat"}
    chair.done("/api/adjudicate", body)
    assert "chair has settled" in refused(carl.post("/api/adjudicate", body), 409)
    chair.done("/api/adjudicate", body | {"reason": "heat, mostly"})
    root.done("/api/adjudicate", body | {"value": ["transport"]})
    with differing.ledger() as ledger:
        (fact,) = ledger.facts()["adjudications"].to_pylist()
    assert (fact["adjudicator"], fact["value"]) == ("root", "transport")


def test_there_is_no_dispute_where_coders_agree(differing: Observatory, enter: Enter) -> None:
    """The same set of classes in another order is the same answer; a machine is no side."""
    chair = enter("chair")
    for dimension in ("driver", "nothing/there"):
        answer = chair.http.get(f"/api/dispute/project-000/{dimension}")
        assert "do not differ" in refused(answer, 404)
    assert chair.http.get("/adjudicate/project-001/technologies").status_code == 404


def test_named_reference_coders_alone_are_sides(differing: Observatory, clock: Clock) -> None:
    """Where the observatory names its reference coders, a machine among them is heard."""
    from dataclasses import replace

    named = replace(differing, reference=("ana", "m1"))
    desk = Desk(named, offers=Offers(), clock=clock)
    found = [(d.dimension, [s.coder for s in d.sides]) for d in desk.disputes.open()]
    desk.close()
    assert found == [("driver", ["ana", "m1"])]


def test_an_answer_to_an_older_question_is_no_side(differing: Observatory, clock: Clock) -> None:
    """Codings count as long as the codebook asks the same; else there is nothing to settle."""
    path = differing.folder / "codebook.yaml"
    path.write_text(path.read_text("utf-8").replace("Which sector?", "Which one?"), "utf-8")
    desk = Desk(observatory.load(differing.folder), offers=Offers(), clock=clock)
    found = [d.dimension for d in desk.disputes.open()]
    desk.close()
    assert found == ["technologies"]


def test_the_splitting_sentence_is_the_one_that_was_quoted() -> None:
    """Of several sentences the one nearest to the coders' words is shown; its own words marked."""
    classes = (
        Class("lab", "Lab", "A lab is the vehicle. Co-creation sites with users count as labs."),
        Class("city", "City", "The city leads. Agencies count as cities."),
        Class("firm", "Firm"),
    )
    driver = Dimension("driver", "Driver", "Who leads?", False, classes)
    shown = splitting(driver, [["lab"], ["city"]], words=["an agency of the city", "users"])
    assert [s.sentence for s in shown] == [
        "Co-creation sites with users count as labs.", "Agencies count as cities."
    ]  # fmt: skip
    marked = [[s.sentence[a:b] for a, b in s.marks] for s in shown]
    assert marked == [["Co-creation", "sites", "users", "labs"], ["Agencies", "cities"]]
    (alone,) = splitting(driver, [["firm", "city"], ["city"]], words=["a firm from abroad"])
    assert (alone.class_, alone.sentence, alone.marks) == ("firm", "Firm", ((0, 4),))
    assert splitting(driver, [["city"], ["city"]]) == []


# Lists


def test_duplicates_are_merged_kept_apart_and_undone(world: Observatory, enter: Enter) -> None:
    """A merge is a fact of the ledger, its undoing another one; 'not the same' leaves the list."""
    pairs = [Duplicate(name(0), name(1), 0.97, ("same title",)), Duplicate(name(2), name(3), 0.6)]
    chair = enter("chair", duplicates=lambda: pairs)
    page = chair.page("/lists/duplicates")
    assert page.index("97%") < page.index("60%") and "same title" in page

    def decide(a: int, b: int, decision: str) -> dict[str, str]:
        form = {"a": name(a), "b": name(b), "decision": decision}
        assert chair.form("/lists/duplicates", **form).status_code == 303
        with world.ledger() as ledger:
            merges = ledger.facts()["merges"].to_pylist()
        return {row["record_id"]: row["into"] for row in merges}

    assert decide(0, 1, "same") == decide(0, 1, "same") == {name(1): name(0)}
    assert decide(2, 3, "distinct") == {name(1): name(0)}
    page = chair.page("/lists/duplicates")
    assert "97%" not in page and "60%" not in page and page.count(">Undo<") == 2
    assert decide(0, 1, "undo") == {name(1): name(1)}
    decide(2, 3, "undo")
    page = chair.page("/lists/duplicates")
    assert "97%" in page and "60%" in page
    for form in ({"a": name(0), "b": name(0)}, {"a": name(0), "b": "nobody"}, {}):
        answer = chair.form("/lists/duplicates", decision="same", **form)
        assert answer.status_code == 422
    decide(0, 1, "same")
    circle = {"a": name(1), "b": name(0), "decision": "same"}
    assert chair.form("/lists/duplicates", **circle).status_code == 409


def test_lists_tell_what_waits(world: Observatory, enter: Enter) -> None:
    """Spellings without a city, what was set aside, and how many of each the overview knows."""
    lost = Record("lost", "project", "Lost", places=(Place("Nowhere-upon-Sea", "GB"),))
    tell(world, [lost], "lost")
    with world.ledger() as ledger, pytest.raises(AssertionError):
        tell(world, [Coding("nobody", "sector", "ana", ("energy",))], "bad")
        assert not ledger.rejects()
    chair = enter("chair")
    assert "Nowhere-upon-Sea" in chair.page("/lists/unresolved")
    assert "no record &#39;nobody&#39;" in chair.page("/lists/rejected")
    assert chair.http.get("/lists/other").status_code == 404


def test_a_wrong_spelling_is_corrected_in_every_record(world: Observatory, enter: Enter) -> None:
    """The correction is a fact of each record that has it; the city must be known."""
    lost = [
        Record(f"lost-{n}", "project", "Lost", places=(Place("Graz", "AT"), Place("Wjen", "AT")))
        for n in range(2)
    ]
    tell(world, [*lost, Record("other", "project", "O", places=(Place("Wjen", "DE"),))], "lost")
    chair = enter("chair")
    page = chair.page("/lists/unresolved")
    assert page.count("Wjen") > 1 and 'name="to"' in page and "[aliases]" in page
    form = {"name": "Wjen", "country": "AT", "to": "Wien", "reason": "a slip"}
    for change, status in [
        ({"to": " "}, 422), ({"reason": ""}, 422), ({"to": "Nowhere-upon-Sea"}, 422),
        ({"name": "Graz-on-Sea"}, 404), ({"to": "x" * 501}, 422),
    ]:  # fmt: skip
        assert chair.form("/lists/unresolved", **(form | change)).status_code == status, change
    assert enter("ana").form("/lists/unresolved", **form).status_code == 403
    assert chair.form("/lists/unresolved", **form).status_code == 303
    with world.ledger() as ledger:
        told = ledger.facts()["corrections"].to_pylist()
    assert [(c["record_id"], c["field"], c["old"], c["new"], c["by"]) for c in told] == [
        (record.id, "places.1.name", "Wjen", "Wien", "chair") for record in lost
    ]
    page = chair.page("/lists/unresolved")
    assert page.count('value="Wjen"') == 1 and 'value="DE"' in page


def test_two_records_are_read_side_by_side(world: Observatory, enter: Enter) -> None:
    """Who is to say whether they are one sees both, as texts."""
    evil = Record("evil", "project", "<script>alert(1)</script>", "<img src=x>")
    tell(world, [evil], "evil")
    chair = enter("chair", duplicates=lambda: [Duplicate(name(0), "evil", 0.8)])
    assert f"/lists/duplicates/{name(0)}/evil" in chair.page("/lists/duplicates")
    page = chair.page(f"/lists/duplicates/{name(0)}/evil")
    assert "Project 0" in page and "&lt;script&gt;" in page and "<script>alert" not in page
    assert "javascript:" not in page and page.count('name="decision"') == 2
    assert chair.http.get(f"/lists/duplicates/{name(0)}/nobody").status_code == 422


def test_the_codebook_is_there_to_be_read(enter: Enter) -> None:
    """Its unit, rule, questions and definitions are on a page and on that of coding."""
    page = enter("ana").page("/codebook")
    for words in ("one project record", "code from the record alone", "Which sector?",
                  "Moving people or goods."):  # fmt: skip
        assert words in page


def test_drift_is_listed_by_month(world: Observatory, enter: Enter) -> None:
    """Two months of agreement and one of disagreement show as such."""
    told: list[Any] = []
    many = [Record(f"r{n}", "project", f"R {n}") for n in range(60)]
    for n, record in enumerate(many):
        at = f"2026-0{1 + n // 30}-10T10:00:00Z"
        apart = ("firm",) if n >= 30 else ("city",)
        told.append(Coding(record.id, "driver", "ana", ("city",), coded_at=at))
        told.append(Coding(record.id, "driver", "bo", apart, coded_at=at))
    tell(world, [*many, *told], "months")
    page = enter("chair").page("/lists/drifted")
    assert page.count(">drifted<") == 4
    assert "Driver" in enter("ana").page("/progress")


def test_expected_widths_are_shown(enter: Enter) -> None:
    """A sentence on when to stop stands everywhere, each class's interval on one page."""
    told = [("sector", "energy", 0.3, 12), ("sector", "transport", 0.5, 40),
            ("driver", "city", 0.25, 0), ("driver", "firm", 0.25, 0),
            ("technologies", "ai", 0.9, None)]  # fmt: skip
    found = [
        Width(dimension, name, f"the class {name}", 0.2, 0.1, high, 0.05, 0.04, more)
        for dimension, name, high, more in told
    ]
    ana = enter("ana", widths=lambda: found)
    for path in ("/", "/progress", "/done"):
        page = " ".join(ana.page(path).split())
        assert "1 of 3 questions are sure enough (± 4 percentage points or better)" in page
        assert "Sector is next, after 40 more records, and Sector last, after 40." in page
        assert ("the class energy" in page) == (path == "/progress")
    for words in (
        "± 30 points now, ± 5 once all",
        "40 more records",
        "out of reach",
        "sure enough",
    ):
        assert words in page or words in ana.page("/progress")
    found[:] = [Width("driver", "city", "City", 0.2, 0.19, 0.21, 0.01, 0.04, 0)]
    assert "you can stop" in ana.page("/")


def test_a_model_that_fails_keeps_nobody_from_coding(world: Observatory, enter: Enter) -> None:
    """Without its suggestions the record is coded as if there were none."""

    def broken(_: str = "") -> Any:
        raise LedgerError("the model cannot be read")

    draw(world, "first", range(1))
    ana = enter("ana", suggest=broken, widths=broken)
    assert ana.get(f"/api/item/{ana.next()}")["questions"][0]["suggestion"] is None


# Who may get in


def test_pages_are_for_their_roles(world: Observatory, enter: Enter) -> None:
    """Coders code, adjudicators settle as well, admins have the accounts."""
    allowed = {
        "ana": {"/", "/progress", "/codebook", "/done", "/lists/mine"},
        "chair": {"/adjudicate", "/lists/disputed", "/lists/drifted", "/lists/unresolved",
                  "/lists/rejected", "/lists/duplicates",
                  f"/lists/duplicates/{name(0)}/{name(1)}"},
        "root": {"/accounts"},
    }  # fmt: skip
    may: set[str] = set()
    every = set().union(*allowed.values())
    for who, more in allowed.items():
        may |= more
        visitor = enter(who)
        assert {path for path in every if visitor.http.get(path).status_code == 200} == may
        assert {visitor.http.get(path).status_code for path in every - may} <= {403}
    stranger = enter()
    for path in sorted(every | {"/code", "/code/x"}):
        answer = stranger.http.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?next={path}"
    assert refused(stranger.http.get("/api/item/x"), 401)
    assert refused(stranger.post("/api/submit", {"item": "x"}), 401)
    assert stranger.form("/accounts", action="add", name="x", role="admin").status_code == 401


def test_accounts_are_made_changed_and_closed(world: Observatory, enter: Enter) -> None:
    """A password is shown once; a closed account is out at once; one admin remains."""
    tell(world, [Coding(name(0), "driver", "m1", ("city",))], "m", coders=(Coder("m1", "llm"),))
    root, ana = enter("root"), enter("ana")
    page = root.form("/accounts", action="add", name="eve", role="coder").text
    password = page.partition("<code>")[2].partition("</code>")[0]
    assert len(password) == 16 and "<code>" not in root.page("/accounts")
    eve = enter()
    assert eve.log_in("eve", password).status_code == 303
    changed = root.form("/accounts", action="password", name="eve").text
    assert eve.http.get("/").status_code == 303
    assert eve.log_in("eve", password).status_code == 401
    assert eve.log_in("eve", changed.partition("<code>")[2].partition("<")[0]).status_code == 303
    assert root.form("/accounts", action="close", name="ana").status_code == 303
    assert ana.http.get("/").status_code == 303 and ana.log_in("ana").status_code == 401
    assert root.form("/accounts", action="open", name="ana").status_code == 303
    assert ana.log_in("ana").status_code == 303
    assert root.form("/accounts", action="role", name="ana", role="adjudicator").status_code == 303
    assert ana.http.get("/adjudicate").status_code == 200
    for status, form in [
        (409, {"action": "add", "name": "ana", "role": "coder"}),
        (409, {"action": "add", "name": "m1", "role": "coder"}),
        (409, {"action": "role", "name": "root", "role": "coder"}),
        (409, {"action": "close", "name": "root"}),
        (422, {"action": "add", "name": "Ana Å", "role": "coder"}),
        (422, {"action": "add", "name": "fay", "role": "king"}),
        (404, {"action": "close", "name": "fay"}),
        (422, {"action": "other", "name": "ana"}),
    ]:  # fmt: skip
        answer = root.form("/accounts", **form)
        assert answer.status_code == status and 'role="alert"' in answer.text, form
    assert root.http.get("/accounts").status_code == 200


def test_passwords_are_kept_as_argon2id(world: Observatory, enter: Enter) -> None:
    """Neither a password nor a token can be read from the file, which is its owner's alone."""
    ana = enter("ana")
    path = world.folder / "review" / "review.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = ana.http.cookies["innovatory-review"]
    ana.http.get("/")
    held = b"".join(p.read_bytes() for p in path.parent.glob("review.db*"))
    held += (world.folder / "ledger.db").read_bytes()
    assert b"$argon2id$" in held
    assert PASSWORD.encode() not in held and token.encode() not in held
    assert b"$argon2id$" not in (world.folder / "ledger.db").read_bytes()


def test_a_password_is_hashed_again_where_the_parameters_changed(
    world: Observatory, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new hash comes with the next log-in."""
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(accounts, "_HASHER", stronger)
    enter("ana").close()
    database = world.folder / "review" / "review.db"
    held = b"".join(p.read_bytes() for p in database.parent.glob("review.db*"))
    assert b"$m=16,t=2,p=1$" in held
    assert enter().log_in("ana").status_code == 303


def test_an_unknown_name_costs_as_much_as_a_known_one(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are hashed once, so that names cannot be told by the time."""
    asked: list[str] = []
    plain = accounts._matches
    monkeypatch.setattr(accounts, "_matches", lambda h, p: asked.append(h) or plain(h, p))
    visitor = enter()
    told = [visitor.log_in(who, "wrong password").text for who in ("ana", "nobody")]
    assert told[0] == told[1] and "do not match" in told[0]
    assert len(asked) == 2 and all(h.startswith("$argon2id$") for h in asked)


def test_guessing_is_limited_by_account_and_address(enter: Enter, clock: Clock) -> None:
    """After ten failures an account, after thirty an address waits a quarter of an hour."""
    visitor = enter()
    codes = [visitor.log_in("ana", f"wrong {n}").status_code for n in range(10)]
    assert set(codes) == {401}
    assert visitor.log_in("ana").status_code == 429
    assert visitor.log_in("bo").status_code == 303
    codes = [visitor.log_in(f"nobody-{n}", "wrong").status_code for n in range(30)]
    assert codes.count(401) == 20 and codes[-1] == 429
    clock.now += accounts.ATTEMPT_SECONDS + 1
    assert visitor.log_in("ana").status_code == 303


def test_a_session_ends_when_idle_or_left(enter: Enter, clock: Clock) -> None:
    """Twelve hours without a request, or logging out, and the token is worth nothing."""
    ana, other = enter("ana"), enter("ana")
    clock.now += 11 * 3600
    assert ana.http.get("/").status_code == 200
    clock.now += 11 * 3600
    assert ana.http.get("/").status_code == 200 and other.http.get("/").status_code == 303
    token = ana.http.cookies["innovatory-review"]
    assert ana.form("/logout").headers["location"] == "/login"
    ana.http.cookies.set("innovatory-review", token, domain="127.0.0.1")
    assert ana.http.get("/").status_code == 303


def test_logging_in_gives_a_new_token_and_a_strict_cookie(enter: Enter) -> None:
    """No token of before can be planted on somebody, and scripts cannot read it."""
    visitor = enter()
    visitor.http.cookies.set("innovatory-review", "planted", domain="127.0.0.1")
    told = visitor.log_in("ana").headers["set-cookie"]
    assert "planted" not in told
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(told.split("; "))
    assert "Secure" not in told


@pytest.mark.parametrize(
    ("next_page", "where"),
    [("/code", "/code"), ("//evil.example/", "/"), ("https://evil.example", "/"),
     ("/\\evil.example", "/"), ("/\tevil", "/"), ("", "/")],
)  # fmt: skip
def test_logging_in_leads_nowhere_else(enter: Enter, next_page: str, where: str) -> None:
    """The page to go to afterwards is one of this app."""
    assert enter().log_in("ana", next=next_page).headers["location"] == where


def test_only_pages_of_the_app_can_send(enter: Enter) -> None:
    """Every change needs the token of the session, and no other page's address."""
    ana = enter("ana")
    body = {"item": "x"}
    bare = ana.http.post("/api/submit", json=body)
    assert "out of date" in refused(bare, 403)
    wrong = ana.http.post("/api/submit", json=body, headers={"X-CSRF-Token": b"\xff" * 43})
    assert wrong.status_code == 403
    mine = str(ana.http.base_url).rstrip("/")
    for headers, status in [
        ({"Origin": mine}, 404),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
    ]:
        sent = {"X-CSRF-Token": ana.csrf} | headers
        assert ana.http.post("/api/submit", json=body, headers=sent).status_code == status
    form = {"name": "bo", "password": PASSWORD}
    foreign = ana.http.post("/login", data=form, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert ana.form("/logout", csrf="wrong").status_code == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example", "[::1", "a:b:c"],
)
def test_the_app_answers_to_its_own_name_alone(enter: Enter, host: str) -> None:
    """A name that somebody else pointed at this machine is refused."""
    assert enter().http.get("/login", headers={"Host": host}).status_code in (400, 421)


def test_passwords_are_not_taken_where_they_could_be_read(world: Observatory, clock: Clock) -> None:
    """Under another name than the loopback only https will do, and the cookie is for it alone."""
    with served(app(world, clock=clock, hosts=("review.example.org",))) as url:
        plain = Visitor(url, headers={"Host": "review.example.org"})
        answer = plain.log_in("ana")
        assert answer.status_code == 403 and "https" in answer.text
        behind = Visitor(url, headers={"Host": "review.example.org", "X-Forwarded-Proto": "https"})
        told = behind.http.post("/login", data={"name": "ana", "password": PASSWORD})
        assert told.status_code == 303 and "Secure" in told.headers["set-cookie"].split("; ")
        plain.close()
        behind.close()


def test_every_answer_has_the_headers(world: Observatory, enter: Enter) -> None:
    """Pages, errors, JSON and files alike; only files may be kept by the browser."""
    draw(world, "first", range(1))
    ana = enter("ana")
    item = ana.next()
    paths = ["/", "/login", "/nope", "/code", f"/code/{item}", f"/api/item/{item}", "/api/nope",
             "/accounts", "/static/review.css", "/static/../server.py"]  # fmt: skip
    for path in paths:
        headers = ana.http.get(path).headers
        policy = dict(p.split(" ", 1) for p in headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
            "img-src": "'self' data:", "connect-src": "'self'", "form-action": "'self'",
            "frame-ancestors": "'none'", "base-uri": "'none'",
        }, path  # fmt: skip
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert (headers.get("cache-control") == "no-store") == (path != "/static/review.css")
        assert "server" not in headers
    assert ana.http.get("/static/../server.py").status_code == 404


def test_a_body_has_a_limit(enter: Enter) -> None:
    """With its length or without: what is too large is not read."""
    ana = enter("ana")
    sent = {"X-CSRF-Token": ana.csrf}
    large = b"x" * (256 * 1024 + 1)
    assert ana.http.post("/api/submit", content=large, headers=sent).status_code == 413
    pieces = ana.http.post("/api/submit", content=iter([large[:200_000]] * 2), headers=sent)
    assert pieces.status_code == 413
    assert ana.http.get("/").status_code == 200


def test_hostile_texts_stay_texts(world: Observatory, enter: Enter) -> None:
    """What a record holds is escaped in pages and leads nowhere but to web pages."""
    evil = '"><script>alert(1)</script><b onmouseover=alert(1)>'
    record = Record("evil", "project", evil, evil * 50)
    tell(world, [record], "evil")
    tell(world, [Coding("evil", "driver", who, (v,), comment=evil)
                 for who, v in (("ana", "city"), ("bo", "firm"))], "evil codings")  # fmt: skip
    draw(world, "first", range(0))
    chair = enter("chair")
    page = chair.page("/adjudicate")
    assert "&lt;script&gt;" in page and "<script>alert" not in page and "<b onmouse" not in page
    told = chair.http.get("/api/dispute/evil/driver")
    assert told.headers["content-type"] == "application/json"
    assert told.json()["record"]["title"] == evil


# Where it runs


def test_it_is_open_to_others_only_on_purpose(tmp_path: Path) -> None:
    """Beyond the loopback it wants a name to be reached by, and an account."""
    empty = make_world(tmp_path / "empty")
    with pytest.raises(ObservatoryError, match="--allow-remote"):
        serve(empty, host="0.0.0.0")
    with pytest.raises(ObservatoryError, match="nobody has an account"):
        serve(empty, host="0.0.0.0", remote=("review.example.org",))


def test_a_port_that_is_taken_is_told(world: Observatory) -> None:
    """The message names it and the way out."""
    with served(app(world)) as url, pytest.raises(ObservatoryError, match="give another --port"):
        serve(world, port=int(url.rpartition(":")[2]))


def test_an_observatory_without_a_ledger_is_refused(tmp_path: Path) -> None:
    """There is nothing to be coded yet."""
    empty = observatory.new(tmp_path / "empty", title="Empty")
    with pytest.raises(LedgerError, match="collect a source"):
        app(empty)
    with pytest.raises(LedgerError, match="collect a source"):
        add_coder(empty, "ana", role="coder")


def test_another_ledger_under_the_same_state_is_refused(
    world: Observatory, clock: Clock, tmp_path: Path
) -> None:
    """Leases and drafts belong to one ledger; an older copy of it is refused as well."""
    older = tmp_path / "older.db"
    shutil.copyfile(world.folder / "ledger.db", older)
    draw(world, "first", range(2))
    app(world, clock=clock).state.desk.close()
    newer = tmp_path / "newer.db"
    shutil.copyfile(world.folder / "ledger.db", newer)
    shutil.copyfile(older, world.folder / "ledger.db")
    with pytest.raises(LedgerError, match="an older copy"):
        app(world, clock=clock)
    (world.folder / "ledger.db").unlink()
    fresh = [Record("new", "project", "New")]
    tell(world, list(fresh), "another file")
    with pytest.raises(LedgerError, match="belongs to another ledger"):
        app(world, clock=clock)
    with pytest.raises(LedgerError, match="move the database away"):
        add_coder(world, "eve", role="coder")
    shutil.copyfile(newer, world.folder / "ledger.db")
    app(world, clock=clock).state.desk.close()


def test_passwords_given_or_made(world: Observatory) -> None:
    """A made one is told once; a short one is refused."""
    assert len(add_coder(world, "eve", role="coder")) == 16
    assert add_coder(world, "fay", role="coder", password=PASSWORD) == PASSWORD
    with pytest.raises(ReviewError, match="10 to 200"):
        add_coder(world, "gil", role="coder", password="short")


def test_a_whole_round_on_either_database(ledger_url: str, tmp_path: Path) -> None:
    """Draw, code twice, differ, settle, merge: SQLite and PostgreSQL hold the same."""
    world = make_world(tmp_path / "round", ledger=ledger_url)
    add_coders(world, ana="coder", bo="coder", root="admin")
    draw(world, "first", range(3), second=(0,))
    pair = Duplicate(name(1), name(2), 0.9)
    with served(app(world, duplicates=lambda: [pair])) as url:
        ana, bo, root = (Visitor(url) for _ in range(3))
        for visitor, who in ((ana, "ana"), (bo, "bo"), (root, "root")):
            assert visitor.log_in(who).status_code == 303
        while item := ana.next():
            ana.code(item)
        item = bo.next()
        bo.answer(item, "sector", "transport")
        bo.done("/api/skip", {"item": item})
        bo.done("/api/undo", {"item": item})
        bo.code(item, ANSWERS | {"driver": ["firm"]})
        assert bo.next() == ""
        body = {"record": name(0), "dimension": "driver", "value": ["city"], "reason": "it pays"}
        assert root.done("/api/adjudicate", body) == {"next": "/adjudicate"}
        form = {"a": name(1), "b": name(2), "decision": "same"}
        assert root.form("/lists/duplicates", **form).status_code == 303
        for path in ("/", "/progress", "/lists/mine", "/lists/drifted", "/lists/unresolved"):
            root.page(path)
        for visitor in (ana, bo, root):
            visitor.close()
    found = codings_of(world)
    assert len(found) == 4 * len(QUESTIONS)
    assert {c.coder for c in found[name(0), "driver", "bo"]} == {"bo"}
    with world.ledger() as ledger:
        facts = ledger.facts()
    assert [row["value"] for row in facts["adjudications"].to_pylist()] == ["city"]
    assert [row["into"] for row in facts["merges"].to_pylist()] == [name(1)]


def test_the_app_is_one_application(world: Observatory) -> None:
    """Other servers can run it as well."""
    made = app(world)
    assert isinstance(made, Starlette)
    made.state.desk.close()
