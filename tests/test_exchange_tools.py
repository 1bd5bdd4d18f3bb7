"""Label Studio and Argilla: what they take, what they give back, and what is tampered with."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innovatory.codebook import parse
from innovatory.errors import CodebookError
from innovatory.exchange import Assignment, argilla, label_studio
from innovatory.records import Coding, Draw, Evidence, Reject, Row
from test_exchange import BOOK, RECORDS, assignment

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
Answers = dict[str, tuple[str, ...]]
USER = "0b9a1f6e-7c5d-4c0e-9b8e-2f6a1c3d4e5f"
OTHER = "9f8e7d6c-5b4a-4321-8765-0123456789ab"
SUGGESTIONS = [Coding("bus", "sector", "machine-1", ("transport",)),
               Coding("bus", "tech", "machine-1", ("iot", "ai"))]  # fmt: skip


def studio_tasks() -> list[dict[str, Any]]:
    """The tasks as Label Studio gets them."""
    tasks: list[dict[str, Any]] = json.loads(label_studio.write(assignment()))
    return tasks


def annotated(task: dict[str, Any], answers: Answers, **changes: Any) -> dict[str, Any]:
    """An annotation in the shape that Label Studio exports."""
    results = [{"id": f"r{n}", "from_name": name, "to_name": "text", "type": "choices",
                "origin": "manual", "value": {"choices": list(value)}}
               for n, (name, value) in enumerate(answers.items())]  # fmt: skip
    told = {"id": 1001, "completed_by": 7, "result": results, "was_cancelled": False,
            "ground_truth": False, "created_at": "2026-03-09T22:16:08.728353Z",
            "updated_at": "2026-03-09T23:16:08.728378+01:00", "lead_time": 40.0,
            "task": 1}  # fmt: skip
    task.setdefault("annotations", []).append(told | changes)
    return task


def came_back(tmp_path: Path, tasks: Any, **options: Any) -> tuple[list[Coding], list[Reject]]:
    """Codings and rejects of an export of Label Studio."""
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), "utf-8")
    return sorted_out(list(label_studio.read(path, assignment(), **options)))


def sorted_out(found: list[Row | Reject]) -> tuple[list[Coding], list[Reject]]:
    """Codings apart from rejects."""
    codings = [row.fact for row in found if isinstance(row, Row)]
    assert all(isinstance(coding, Coding) for coding in codings)
    return codings, [row for row in found if isinstance(row, Reject)]  # type: ignore[return-value]


def test_the_labelling_configuration_is_xml_with_every_class() -> None:
    """Choices are named as dimensions, several where several are taken; texts are escaped."""
    text = label_studio.labelling_config(assignment())
    view = fromstring(text)
    choices = {c.get("name"): c for c in view.iter("Choices")}
    assert list(choices) == ["sector", "tech", "open"]
    assert [c.get("choice") for c in choices.values()] == ["single", "multiple", "single"]
    assert [c.get("value") for c in choices["tech"]] == ["iot", "ai", "none"]
    assert [c.get("value") for c in view.iter("Label")] == ["sector", "tech", "open"]
    headers = [h.get("value") for h in view.iter("Header")]
    assert "Sector. Which <sector> & why?" in headers and "see the guide" in headers
    # Only the element that shows the record reads a field of the task.
    fields = [e.get("value") for e in view.iter() if "$text" in (e.get("value") or "")]
    assert fields == ["$text"]
    names = {e.get("name") for e in view.iter() if e.get("name")}
    assert all(e.get("toName") in names for e in view.iter() if e.get("toName"))


def test_tasks_carry_our_ids_and_suggestions() -> None:
    """Each task has its text, its ids in `meta`, and a prediction for each machine."""
    tasks = json.loads(label_studio.write(assignment(), suggestions=SUGGESTIONS))
    bus = next(task for task in tasks if task["meta"]["record"] == "bus")
    item = assignment().items["bus"]
    assert bus["data"] == {"text": item.text}
    assert bus["meta"] == {
        "record": "bus", "draw": "d1", "codebook": BOOK.version, "checksum": item.checksum,
        "dimensions": ["sector", "tech", "open"],
        "suggestions": {"sector": "machine-1", "tech": "machine-1"},
    }  # fmt: skip
    (prediction,) = bus["predictions"]
    assert prediction["model_version"] == "machine-1"
    assert prediction["result"][1]["value"] == {"choices": ["iot", "ai"]}
    assert [task["predictions"] for task in tasks if task is not bus] == [[], []]


def test_an_annotation_of_label_studio(tmp_path: Path) -> None:
    """Choices, marked words, comment, certainty, time and the suggestion seen all come back."""
    tasks = json.loads(label_studio.write(assignment(), suggestions=SUGGESTIONS))
    bus = next(task for task in tasks if task["meta"]["record"] == "bus")
    text = bus["data"]["text"]
    start = text.index("gets a lane")
    annotated(bus, {"sector": ("transport",), "open": ("yes",)})
    bus["annotations"][0]["result"] += [
        {"from_name": "evidence", "to_name": "text", "type": "labels",
         "value": {"start": start, "end": start + 11, "text": "gets a lane",
                   "labels": ["sector"]}},
        {"from_name": "comment", "type": "textarea", "value": {"text": ["A clear case"]}},
        {"from_name": "confidence", "type": "rating", "value": {"rating": 2}},
    ]  # fmt: skip
    codings, rejects = came_back(tmp_path, tasks, coders={"7": "ana"})
    assert rejects == []
    place = RECORDS[0].description.index("gets a lane")
    sector = Coding(
        "bus", "sector", "ana", ("transport",), 2,
        (Evidence("gets a lane", "description", place, place + 11),), "A clear case", "d1",
        BOOK.version, "2026-03-09T22:16:08Z", 20.0, "machine-1",
    )  # fmt: skip
    assert codings[0] == sector
    assert codings[1].value == ("yes",) and codings[1].suggestion == ""


def test_offsets_in_other_units_leave_the_words(tmp_path: Path) -> None:
    """Where a tool counts otherwise the quote goes to the ledger without a place."""
    (bus,) = (task for task in studio_tasks() if task["meta"]["record"] == "bus")
    annotated(bus, {"sector": ("transport",)})
    mark = {"start": 3, "end": 14, "text": "gets a lane", "labels": ["sector"]}
    bus["annotations"][0]["result"].append({"from_name": "evidence", "value": mark})
    codings, rejects = came_back(tmp_path, [bus])
    assert codings[0].evidence == (Evidence("gets a lane"),) and not rejects


def test_several_annotators_are_several_coders(tmp_path: Path) -> None:
    """Each annotation is one coder's; whom nobody named has the number of the user."""
    (task, *_) = studio_tasks()
    annotated(task, {"open": ("yes",)}, completed_by={"id": 3, "email": "bo@example.org"})
    annotated(task, {"open": ("no",)}, completed_by=4)
    annotated(task, {"open": ("no",)}, completed_by={"id": 9, "email": "cy@example.org"})
    annotated(task, {"open": ("no",)}, completed_by="eve@example.org")
    codings, rejects = came_back(tmp_path, [task], coders={"bo@example.org": "bo"})
    assert [coding.coder for coding in codings] == ["bo", "label-studio-4", "label-studio-9"]
    assert [reject.field for reject in rejects] == ["coder"]


def test_tasks_without_an_answer_say_nothing(tmp_path: Path) -> None:
    """A task that nobody did gives nothing; one that was skipped is told."""
    tasks = studio_tasks()
    annotated(tasks[0], {}, was_cancelled=True)
    annotated(tasks[1], {})
    codings, rejects = came_back(tmp_path, tasks)
    assert codings == [] and ["skipped" in reject.reason for reject in rejects] == [True]


TAMPER: dict[str, Callable[[dict[str, Any]], object]] = {
    "record": lambda task: task["meta"].update(record="other"),
    "draw": lambda task: task["meta"].update(draw="d9"),
    "codebook": lambda task: task["meta"].update(codebook="0123456789abcdef"),
    "checksum": lambda task: task["meta"].update(checksum="0" * 16),
    "text": lambda task: task["data"].update(text=task["data"]["text"] + " More."),
}


@pytest.mark.parametrize("field", TAMPER)
def test_tampered_tasks_are_rejects(tmp_path: Path, field: str) -> None:
    """Another id, draw, codebook, checksum or text: nothing of the task is taken."""
    tasks = [annotated(task, {"open": ("yes",)}) for task in studio_tasks()]
    TAMPER[field](tasks[1])
    codings, rejects = came_back(tmp_path, tasks)
    assert [(reject.field, reject.row, reject.kept) for reject in rejects] == [(field, 2, False)]
    assert len(codings) == 2 and rejects[0].next_step


def test_swapped_ids_are_noticed(tmp_path: Path) -> None:
    """Giving one record's answers the id of another breaks the checksum of both."""
    tasks = [annotated(task, {"open": ("yes",)}) for task in studio_tasks()]
    one, other = (task["meta"]["record"] for task in tasks[:2])
    tasks[0]["meta"]["record"], tasks[1]["meta"]["record"] = other, one
    codings, rejects = came_back(tmp_path, tasks)
    assert [reject.field for reject in rejects] == ["checksum", "checksum"] and len(codings) == 1


def test_answers_that_are_no_classes(tmp_path: Path) -> None:
    """Only the wrong answer is set aside; the others of the task are kept."""
    (task, *_) = studio_tasks()
    wrong = {"sector": ("rail",), "open": ("yes", "no"), "size": ("big",), "tech": ("ai",)}
    annotated(task, wrong)
    codings, rejects = came_back(tmp_path, [task, annotated(copy.deepcopy(task), {})])
    assert [(coding.dimension, coding.value) for coding in codings] == [("tech", ("ai",))]
    first = [reject for reject in rejects if reject.kept]
    assert sorted(reject.field for reject in first) == ["open", "sector", "size"]
    assert "transport" in next(r.next_step for r in first if r.field == "sector")
    twice = [reject for reject in rejects if not reject.kept]
    assert twice and all("already" in reject.reason for reject in twice)


@pytest.mark.parametrize(
    "content",
    ["", "[", "{}", "[1, null, []]", '[{"annotations": 3}]', '[{"meta": [], "data": 7}]', "\udcff",
     '[{"annotations": [{"result": 1}], "meta": {"record": ["bus"]}}]', "[" * 5000],
)  # fmt: skip
def test_files_of_another_shape_are_rejects(tmp_path: Path, content: str) -> None:
    """Whatever the file holds, it ends in rejects with a next step and never in a traceback."""
    path = tmp_path / "export.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    for read in (label_studio.read, argilla.read):
        found = list(read(path, assignment()))
        assert all(isinstance(row, Reject) and row.next_step for row in found)
        assert found or (not content and read is argilla.read)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["value", "choices", "labels", "from_name", "start", "end", "label",
                         "text", "rating", "user_id", "status", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(QUIET, max_examples=60)
@given(junk, junk, junk)
def test_hostile_answers_never_raise(tmp_path: Path, one: Any, two: Any, three: Any) -> None:
    """Any JSON in the place of answers gives codings of known classes or rejects."""
    (task, *_) = studio_tasks()
    annotated(task, {"open": ("yes",)}, completed_by=one, lead_time=two, updated_at=three)
    task["annotations"][0]["result"] += [
        {"from_name": "evidence", "value": {"labels": one, "start": two, "end": three}},
        {"from_name": "sector", "value": {"choices": one}}, two,
        {"from_name": "confidence", "value": {"rating": three}}, {"from_name": one, "value": two},
    ]  # fmt: skip
    for coding in came_back(tmp_path, [task, three])[0]:
        assert BOOK.fault(coding.dimension, coding.value) is None
    line = argilla_lines()[0]
    by_user = [[{"value": value, "user_id": USER}] for value in (two, three)]
    line["responses"] = {"sector": one, "open": by_user[0], "evidence": by_user[1], "tech": [two]}
    line["suggestions"] = three
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(line) + "\n", "utf-8")
    for coding in sorted_out(list(argilla.read(path, assignment())))[0]:
        assert BOOK.fault(coding.dimension, coding.value) is None


classes = {d.id: d.class_ids for d in BOOK.dimensions}
filled = st.fixed_dictionaries(
    {}, optional={
        "sector": st.sampled_from(classes["sector"]).map(lambda name: (name,)),
        "tech": st.lists(st.sampled_from(classes["tech"]), min_size=1, unique=True).map(tuple),
        "open": st.sampled_from(classes["open"]).map(lambda name: (name,)),
    },
)  # fmt: skip
by_coder = st.dictionaries(st.sampled_from([USER, OTHER]), filled, max_size=2)
rounds = st.fixed_dictionaries({r.id: by_coder for r in RECORDS[:3]})


def expected(given: dict[str, dict[str, Answers]], prefix: str) -> set[tuple[Any, ...]]:
    """What must come back: record, coder, dimension, classes."""
    return {
        (record, f"{prefix}{user}", name, value)
        for record, users in given.items()
        for user, answers in users.items()
        for name, value in answers.items()
    }


def told(codings: list[Coding]) -> set[tuple[Any, ...]]:
    """What came back."""
    assert {coding.draw for coding in codings} <= {"d1"}
    assert {coding.codebook for coding in codings} <= {BOOK.version}
    return {(c.record_id, c.coder, c.dimension, c.value) for c in codings}


@settings(QUIET, max_examples=40)
@given(rounds)
def test_round_trip_through_label_studio(
    tmp_path: Path, given: dict[str, dict[str, Answers]]
) -> None:
    """Every answer of every annotator comes back, and nothing else."""
    tasks = studio_tasks()
    for task in tasks:
        for user, answers in given[task["meta"]["record"]].items():
            annotated(task, answers, completed_by=user)
    coders = {USER: f"u-{USER}", OTHER: f"u-{OTHER}"}
    codings, rejects = came_back(tmp_path, tasks, coders=coders)
    assert not rejects and told(codings) == expected(given, "u-")


def argilla_lines() -> list[dict[str, Any]]:
    """The records as Argilla gets them."""
    return [json.loads(line) for line in argilla.write(assignment()).splitlines()]


@settings(QUIET, max_examples=40)
@given(rounds, st.booleans())
def test_round_trip_through_argilla(
    tmp_path: Path, given: dict[str, dict[str, Answers]], as_document: bool
) -> None:
    """Every answer of every user comes back, from JSON Lines and from the JSON document."""
    records = argilla_lines()
    for record in records:
        for user, answers in given[record["metadata"]["record"]].items():
            for name, value in answers.items():
                said = list(value) if name == "tech" else value[0]
                record["responses"].setdefault(name, []).append({"value": said, "user_id": user})
    path = tmp_path / "records.json"
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(json.dumps(records) if as_document else lines, "utf-8")
    codings, rejects = sorted_out(list(argilla.read(path, assignment())))
    assert not rejects and told(codings) == expected(given, "argilla-")


def test_a_record_of_argilla(tmp_path: Path) -> None:
    """Labels, spans, comment, rating and the suggestion seen come back; drafts do not."""
    written = argilla.write(assignment(), suggestions=SUGGESTIONS)
    lines = [json.loads(line) for line in written.splitlines()]
    bus = next(line for line in lines if line["metadata"]["record"] == "bus")
    assert bus["suggestions"]["tech"] == {
        "value": ["iot", "ai"], "score": None, "agent": "machine-1",
    }  # fmt: skip
    start = bus["fields"]["text"].index("gets a lane")
    span = {"start": start, "end": start + 11, "label": "sector"}
    bus["responses"] = {
        "sector": [{"value": "transport", "user_id": USER, "status": "submitted"},
                   {"value": "health", "user_id": OTHER, "status": "draft"}],
        "evidence": [{"value": [span], "user_id": USER}],
        "comment": [{"value": "A clear case", "user_id": USER}],
        "confidence": [{"value": 3, "user_id": USER}],
        "open": [{"value": "no", "user_id": "None"}],
    }  # fmt: skip
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    codings, rejects = sorted_out(list(argilla.read(path, assignment(), coders={USER: "ana"})))
    place = RECORDS[0].description.index("gets a lane")
    assert codings == [
        Coding("bus", "sector", "ana", ("transport",), 3,
               (Evidence("gets a lane", "description", place, place + 11),), "A clear case", "d1",
               BOOK.version, suggestion="machine-1")
    ]  # fmt: skip
    assert [reject.field for reject in rejects] == ["sector", "open"]
    assert "draft" in rejects[0].reason


@pytest.mark.parametrize("field", TAMPER)
def test_tampered_records_of_argilla_are_rejects(tmp_path: Path, field: str) -> None:
    """Another id, draw, codebook, checksum or text: nothing of the record is taken."""
    lines = argilla_lines()
    for line in lines:
        line["responses"] = {"open": [{"value": "yes", "user_id": USER}]}
    TAMPER[field]({"meta": lines[0]["metadata"], "data": lines[0]["fields"]})
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{oops\n", "utf-8")
    codings, rejects = sorted_out(list(argilla.read(path, assignment())))
    assert [reject.field for reject in rejects] == [field, ""] and len(codings) == 2


def test_the_settings_for_argilla() -> None:
    """Every question has its kind and its classes; names of fields and questions are unique."""
    told = json.loads(argilla.settings(assignment()))
    questions = {q["name"]: q for q in told["questions"]}
    assert list(questions) == ["sector", "tech", "open", "evidence", "confidence", "comment"]
    kinds = [q["settings"]["type"] for q in told["questions"]]
    assert kinds == ["label_selection", "multi_label_selection", "label_selection", "span",
                     "rating", "text"]  # fmt: skip
    assert [o["value"] for o in questions["tech"]["settings"]["options"]] == ["iot", "ai", "none"]
    assert questions["sector"]["settings"]["visible_options"] is None
    assert questions["evidence"]["settings"]["field"] == told["fields"][0]["name"] == "text"
    assert "see the guide" in questions["tech"]["description"]
    assert told["allow_extra_metadata"] is True
    book = parse("dimensions: {Sector: {question: Q, classes: {x: X}}}")
    with pytest.raises(CodebookError, match="capitals"):
        argilla.settings(Assignment(book, Draw("d", "census"), ()))
