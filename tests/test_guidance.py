"""What people are told while they code: suggestions, widths, and how many more to code."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from coded import answers, code, write_coded, write_records
from command import made_once, run, write_lines
from innovatory import guidance, observatory
from innovatory.errors import EditionError, ObservatoryError
from innovatory.estimate.planning import Goal
from innovatory.guidance import Asked
from innovatory.handout import find_draw
from innovatory.observatory import Observatory

WITHIN = Goal.within(0.05)


@pytest.fixture(scope="session")
def _coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, _ = made_once(tmp_path_factory, "coded", lambda folder: str(write_coded(folder)))
    return folder


@pytest.fixture
def coded(_coded: Path) -> Observatory:
    """An observatory of which a part is coded; not to be written to."""
    return observatory.load(_coded)


def texts(place: Observatory) -> dict[str, dict[str, str]]:
    """The passages of every record."""
    with place.ledger() as ledger:
        return {id: record.passages() for id, record in ledger.records().items()}


def test_suggestions_are_answers_of_the_codebook_with_words_of_the_record(
    coded: Observatory,
) -> None:
    """Each is legal, is more likely than not, and marks passages that are there."""
    machine, passages = guidance.Machine(coded), texts(coded)
    seen = 0
    for record in sorted(passages)[:8]:
        for dimension, one in machine.suggest(record, passages[record]).items():
            assert coded.book.fault(dimension, one.value) is None
            assert 0.5 <= one.probability <= 1 and one.by == machine.name
            for field, start, end, weight in one.passages:
                assert passages[record][field][start:end].strip() and 0 < weight <= 1
                seen += 1
    assert seen > 20


def test_a_record_that_the_machine_has_not_read_gets_no_suggestion(coded: Observatory) -> None:
    """What came in after the machine was trained is left alone."""
    assert guidance.Machine(coded).suggest("brand-new", {"title": "New"}) == {}


def test_the_machine_suggests_before_anybody_coded(tmp_path: Path) -> None:
    """Definitions alone give some answers."""
    place = observatory.load(write_records(tmp_path / "fresh", every=20))
    machine, passages = guidance.Machine(place), texts(place)
    assert any(machine.suggest(record, told) for record, told in passages.items())


def test_a_narrower_interval_takes_more(coded: Observatory) -> None:
    """The plan never needs less for more, and never more than there is."""
    needed = [
        guidance.plan(coded, Asked("sector", Goal.within(width))).needed[guidance.EVERY]
        for width in (0.3, 0.05, 0.01)
    ]
    assert needed == sorted(needed) and 0 == needed[0] < needed[1] < needed[2] <= 126 - 50


def test_a_plan_says_how_many_and_where(coded: Observatory) -> None:
    """The batch is as large as asked, falls to those that lack most, and is in the sentence."""
    found = guidance.plan(coded, Asked("innovative", WITHIN, within="sector"), batch=12)
    assert sum(found.batch.values()) == 12 and not found.done
    assert all(found.needed[name] >= number for name, number in found.batch.items())
    assert "5 points" in found.sentence and all(
        name in coded.book.text or name[0].isupper() for name in found.needed
    )


def test_cities_with_too_few_coded_are_planned_by_what_all_show(coded: Observatory) -> None:
    """No city has five coded records; a plan by city is possible all the same."""
    found = guidance.plan(coded, Asked("innovative", WITHIN, within="city"))
    assert len(found.needed) > 20 and not found.done
    assert "Vienna" in found.needed


@pytest.mark.parametrize(
    ("dimension", "within", "reason"),
    [
        ("colour", "", "'colour' is no dimension; use scope, "),
        ("sector", "colour", "by 'colour'; use city or a dimension"),
        ("sector", "sector", "by 'sector'; use city or a dimension"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    coded: Observatory, dimension: str, within: str, reason: str
) -> None:
    """The refusal names what there is."""
    with pytest.raises(ObservatoryError, match=reason):
        guidance.plan(coded, Asked(dimension, WITHIN, within=within))


def test_planning_before_anything_is_coded_says_what_to_do(tmp_path: Path) -> None:
    """Without a draw, and with one that nobody coded, the next step is told."""
    place = observatory.load(write_records(tmp_path / "fresh", every=50))
    for _ in range(2):
        with pytest.raises(EditionError, match=r"draw some \('innovatory draw .* 60'\)"):
            guidance.plan(place, Asked("sector", WITHIN))
        assert guidance.reaches(place) == []
        run("draw", place.folder, 5)


def test_planning_on_a_models_answers_says_so(tmp_path: Path) -> None:
    """Answers that do not count are named with their coder, and what would make them count."""
    folder = write_records(tmp_path / "mine", every=50)
    run("draw", folder, 6)
    facts: list[dict[str, Any]] = [{"fact": "coder", "id": "robot", "kind": "llm"}]
    facts += [
        {"fact": "coding", "record": record, "dimension": "sector", "coder": "robot",
         "draw": "draw-1", "value": answers()[record]["sector"]}
        for record in find_draw(observatory.load(folder), "draw-1").members
    ]  # fmt: skip
    run("collect", folder, write_lines(folder / "robot.jsonl", facts))
    with pytest.raises(EditionError, match=r"no answer counts yet: .* robot \(llm\), and shares"):
        guidance.plan(observatory.load(folder), Asked("sector", WITHIN))


def test_widths_hold_their_share_and_shrink_to_the_end(coded: Observatory) -> None:
    """Shares lie in their intervals; when all drawn is coded no interval is wider than now."""
    found = guidance.reaches(coded)
    assert {one.dimension for one in found} > {"sector", "innovative"}
    for one in found:
        assert 0 <= one.low <= one.share <= one.high <= 1
        assert one.target == 0.05 and 0 <= one.at_end <= 0.5
        assert (one.more == 0) == (one.at_end <= one.target + 1e-9), one


def test_nothing_is_left_to_plan_where_all_is_coded(tmp_path: Path) -> None:
    """With every record coded shares are counted, and have no width to reach."""
    folder = write_records(tmp_path / "all", every=50)
    run("draw", folder, 11)
    code(folder, "draw-1", "ana")
    place = observatory.load(folder)
    with pytest.raises(EditionError, match="nothing left to plan"):
        guidance.plan(place, Asked("sector", WITHIN))
    assert guidance.reaches(place) == []


def test_a_coded_observatory_can_be_moved(_coded: Path, tmp_path: Path) -> None:
    """Nothing that is remembered names the folder: a copy gives the same plan."""
    copy = Path(shutil.copytree(_coded, tmp_path / "copy"))
    one, two = (
        guidance.plan(observatory.load(folder), Asked("goal", WITHIN)) for folder in (_coded, copy)
    )
    assert one.sentence == two.sentence
