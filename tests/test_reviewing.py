"""What the review app is offered: suggestions, widths, duplicates, worked out beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from innovatory import observatory
from innovatory.errors import LedgerError
from innovatory.observatory import Observatory
from innovatory.records import Coding, Draw, Fact, Place, Record
from innovatory.reviewing import LEAST_LABELS, Helper, Mind, telling
from review_server import BOOK, tell, wait_until

NUMBER = 60
TOPICS = (
    ("transport", "tramway", "Trams run on new rails every ten minutes."),
    ("energy", "solar roof", "Solar panels feed the heat grid of the quarter."),
    ("transport", "ferry", "Boats cross the river every ten minutes."),
    ("energy", "wind farm", "Turbines feed the power grid of the quarter."),
)


def topic(n: int) -> tuple[str, str, str]:
    """What the n-th record is about: sector, word of its title, sentence."""
    return TOPICS[n * 7 % 5 % 4]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """Sixty records of two topics, all drawn, none coded."""
    folder = tmp_path_factory.mktemp("world") / "obs"
    folder.mkdir()
    (folder / "codebook.yaml").write_text(BOOK, "utf-8")
    observatory.new(folder, title="Trams and panels")
    made = observatory.load(folder)
    records: list[Fact] = [
        Record(f"r{n:02d}", "project", f"The plan {n} of a {topic(n)[1]}",
               f"It is a plan of the city. {topic(n)[2]}", places=(Place("Wien", "AT"),))
        for n in range(NUMBER)
    ]  # fmt: skip
    members = {f"r{n:02d}": 0.5 for n in range(NUMBER)}
    tell(made, [*records, Draw("d", "simple_random", 1, members=members)], "records")
    return made


@pytest.fixture(scope="module")
def coded(world: Observatory) -> Observatory:
    """The same, thirty coded: the sector follows from the words, the driver is always the same."""
    told: list[Fact] = []
    for n in range(30):
        told.append(Coding(f"r{n:02d}", "sector", "ana", (topic(n)[0],), draw="d"))
        told.append(Coding(f"r{n:02d}", "driver", "ana", ("city",), draw="d"))
    tell(world, told, "codings")
    return world


@pytest.fixture(scope="module")
def helper(coded: Observatory) -> Iterator[Helper]:
    """A helper whose adviser has learnt, and which let nobody wait for that."""
    made = Helper(coded)
    began = time.monotonic()
    assert made.suggest("r40") == {}
    assert time.monotonic() - began < 1.0
    wait_until(lambda: made._adviser is not None)
    yield made
    assert made._adviser
    made._adviser.dismiss()


def test_nothing_is_suggested_before_people_have_coded(world: Observatory) -> None:
    """What the machine makes of definitions alone would only lead coders astray."""
    assert LEAST_LABELS > 0 and Mind(world).suggest("r40") == {}


def test_only_what_the_machine_has_proven_to_know_is_suggested(helper: Helper) -> None:
    """The sector beats always saying the commonest; the driver, always the same, cannot."""
    for n in (40, 41, 42, 43):
        wait_until(lambda n=n: helper.suggest(f"r{n}") != {})  # type: ignore[misc]
        (name,) = helper.suggest(f"r{n}")
        told = helper.suggest(f"r{n}")["sector"]
        assert (name, told.value) == ("sector", (topic(n)[0],))
        assert told.by.startswith("machine:") and 0.5 < told.probability <= 1
    assert helper.suggest("nobody") == {}


def test_the_passages_shown_are_words_of_the_record_that_tell(helper: Helper) -> None:
    """Not those that every record has."""
    wait_until(lambda: helper.suggest("r40") != {})
    passages = helper.suggest("r40")["sector"].passages
    _, word, sentence = topic(40)
    texts = {"title": f"The plan 40 of a {word}",
             "description": f"It is a plan of the city. {sentence}"}  # fmt: skip
    shown = [texts[field][start:end] for field, start, end, _ in passages]
    assert shown and not {"The", "plan", "city", "It is"} & set(shown)


def test_passages_lose_what_is_common() -> None:
    """At most four, none light, none of common words alone, hyphens inside a word."""
    texts = {"a": "of the start-ups and", "b": "the"}
    told = [("a", 0, 20, 1.0), ("b", 0, 3, 0.9), ("a", 7, 16, 0.3), ("a", 7, 16, 0.2)]
    assert telling(told, texts, {"of", "the", "and"}) == (("a", 7, 16, 1.0), ("a", 7, 16, 0.3))
    assert len(telling([("a", 7, 16, 1.0)] * 9, texts, ())) == 4


def test_the_adviser_is_relieved_by_one_that_knows_more(helper: Helper) -> None:
    """Until it has learnt the old one is asked, and afterwards let go."""
    before = helper._adviser
    assert before
    helper._learnt_at = helper._looked_at = float("-inf")
    began = time.monotonic()
    helper.suggest("r50")
    assert time.monotonic() - began < 1.0 and helper._adviser is before
    wait_until(lambda: helper._adviser is not before)
    wait_until(lambda: helper.suggest("r51") != {})
    with pytest.raises(OSError, match="closed"):
        before.suggest("r52")


def test_a_dead_adviser_is_missed_by_nobody(
    helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records are shown without suggestions."""

    class Dead:
        def suggest(self, record_id: str) -> None:
            raise EOFError

    monkeypatch.setattr(helper, "_adviser", Dead())
    assert helper.suggest("r44") == {}


def test_widths_and_duplicates_are_worked_out_beside_the_app(helper: Helper) -> None:
    """Widths come when they are ready, and duplicates when asked for."""
    assert helper.widths() == []
    pairs = helper.duplicates()
    assert all(pair.a < pair.b or pair.b < pair.a for pair in pairs)
    wait_until(lambda: helper.widths() != [])
    found = {(w.dimension, w.class_): w for w in helper.widths()}
    city = found["driver", "city"]
    assert city.low <= city.share <= city.high and city.more is not None
    assert city.predicted_half_width_at_end <= (city.high - city.low)


def test_an_error_beside_the_app_is_an_error_here(tmp_path: Path) -> None:
    """What is refused in the other process is refused in this one, with its next step."""
    empty = Helper(observatory.new(tmp_path / "empty", title="Empty"))
    with pytest.raises(LedgerError, match="collect"):
        empty.duplicates()
