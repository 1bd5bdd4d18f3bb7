"""The LLM coder: what it asks, keeps, repeats and spends, against a server on the loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from innovatory import codebook
from innovatory.errors import ObservatoryError
from innovatory.ledger import Ledger
from innovatory.llm import Archive, Budget, Endpoint, Progress, code, coder, flip_rate
from innovatory.llm.archive import FILE
from innovatory.records import Coding, Record, Reject, Row, Source, valid_id
from llm_server import BOOK, HONEST, Asked, Reply, Server, answer, content, serving

KEY = "sk-made/up-0123456789abcdef"


def record(name: str, text: str = "Sensors give buses priority.") -> Record:
    """A record with a text of its own."""
    return Record(name, "project", f"Project {name}", text)


def records(n: int) -> list[Record]:
    """So many records: r1, r2, ..."""
    return [record(f"r{number}") for number in range(1, n + 1)]


def endpoint(server: Server, **changes: Any) -> Endpoint:
    """How to ask the test's server, with short waits."""
    given = {"timeout": 5.0, "backoff": 0.01, "attempts": 3, "at_once": 2} | changes
    return Endpoint(server.url, "tiny", **given)


def run(
    respond: Callable[[Asked], Reply], folder: Path, about: list[Record], **changes: Any
) -> tuple[list[Coding], list[Reject], Server]:
    """The codings and rejects of a run against a server that answers by a function."""
    options = {n: changes.pop(n) for n in ("dimensions", "budget", "progress") if n in changes}
    with serving(respond) as server, Archive(folder) as archive:
        given = list(code(about, BOOK, endpoint(server, **changes), archive, **options))
    return codings(given), [r for r in given if isinstance(r, Reject)], server


def codings(given: list[Row | Reject]) -> list[Coding]:
    """The codings among rows and rejects."""
    return [row.fact for row in given if isinstance(row, Row) and isinstance(row.fact, Coding)]


def test_answers_become_codings(tmp_path: Path) -> None:
    """Every dimension of every record gets its answer, in order, with the words it rests on."""
    found, rejects, server = run(
        lambda asked: answer(asked, quote="give buses"), tmp_path, records(3)
    )
    assert not rejects
    assert [(c.record_id, c.dimension) for c in found] == [
        (f"r{n}", dimension) for n in (1, 2, 3) for dimension in HONEST
    ]
    sector = found[1]
    assert sector.value == ("transport",) and sector.codebook == BOOK.version
    assert sector.coder == coder(endpoint(server)).id and valid_id(sector.coder)
    (evidence,) = sector.evidence
    text = record("r1").passages()[evidence.field]
    assert text[evidence.start : evidence.end] == evidence.quote == "give buses"
    assert sector.coded_at.endswith("Z") and sector.seconds is not None


def test_the_ledger_takes_them(tmp_path: Path) -> None:
    """What a run yields goes into a ledger as it is."""
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", create=True) as ledger:
        source = Source("s", "S")
        rows = [Row(n, r) for n, r in enumerate(records(2), 1)]
        ledger.import_file(rows, source=source, file="r", sha256="1")
        with (
            serving(lambda asked: answer(asked, quote="buses")) as server,
            Archive(tmp_path) as archive,
        ):
            who = coder(endpoint(server))
            summary = ledger.import_file(
                code(records(2), BOOK, endpoint(server), archive),
                source=Source("llm", "LLM"), file=who.id, sha256="2", coders=[who],
                check=lambda fact: BOOK.fault(fact.dimension, fact.value)
                if isinstance(fact, Coding) else None,
            )  # fmt: skip
        assert (summary.by_kind["coding"], summary.rejected, summary.flagged) == (6, 0, 0)
        kinds = {row["coder_id"]: row["kind"] for row in ledger.facts()["coders"].to_pylist()}
        assert kinds[who.id] == "llm"


def test_the_request_is_as_documented(tmp_path: Path) -> None:
    """Temperature 0, a seed, a schema with the codebook's classes, and no tools."""
    _, _, server = run(answer, tmp_path, records(1), seed=7)
    (asked,) = server.asked
    body = asked.body
    assert asked.path == "/v1/chat/completions" and "Authorization" not in asked.headers
    assert (body["model"], body["temperature"], body["seed"]) == ("tiny", 0.0, 7)
    assert body.keys() == {
        "model", "messages", "temperature", "seed", "max_tokens", "response_format"
    }  # fmt: skip
    form = body["response_format"]
    answers = form["json_schema"]["schema"]["properties"]["answers"]["properties"]
    assert form["type"] == "json_schema" and form["json_schema"]["strict"] is True
    assert answers["innovative"]["properties"]["value"]["enum"] == ["yes", "no", "unclear"]
    assert answers["sector"]["properties"]["value"]["enum"][-1] == "unclear"
    assert answers["technologies"]["properties"]["value"]["type"] == "array"
    assert all(c.definition in asked.system for d in BOOK.dimensions for c in d.classes)
    assert [m["role"] for m in body["messages"]] == ["system", "user"]


def test_only_the_dimensions_that_are_named_are_asked(tmp_path: Path) -> None:
    """A run may ask one question; an unknown one is refused before anything is sent."""
    found, rejects, server = run(
        lambda asked: answer(asked), tmp_path, records(1), dimensions=["sector"]
    )
    assert [c.dimension for c in found] == ["sector"]
    assert "Is it new?" not in server.asked[0].system
    # The test's server answers all three: what was not asked is left out, and said.
    assert [(r.field, r.kept) for r in rejects] == [("answers", True)]
    with pytest.raises(ObservatoryError, match="'size' is not asked by the codebook; use"):
        run(answer, tmp_path, records(1), dimensions=["size"])


def test_what_is_archived_is_not_asked_again(tmp_path: Path) -> None:
    """A second run, and a replay without any server, give the same codings."""
    first, _, server = run(answer, tmp_path, records(4))
    again, _, idle = run(answer, tmp_path, records(4))
    assert len(server.asked) == 4 and not idle.asked and first == again
    with Archive(tmp_path) as archive:
        gone = Endpoint("http://127.0.0.1:9/v1", "tiny", "NO_SUCH_KEY")
        replayed = list(code(records(4), BOOK, gone, archive, replay=True))
    assert codings(replayed) == first


def test_replay_touches_no_network_and_fails_on_a_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails before the first row, names how many answers are missing, and what to do."""
    _, _, server = run(answer, tmp_path, records(2))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with Archive(tmp_path) as archive:
        rows = code(records(3), BOOK, endpoint(server), archive, replay=True)
        with pytest.raises(ObservatoryError, match="about 1 of 3 records, among them 'r3'; run"):
            next(rows)
        assert len(codings(list(code(records(2), BOOK, endpoint(server), archive, replay=True))))
    with Archive(tmp_path / "none") as archive, pytest.raises(ObservatoryError, match="1 of 1"):
        next(code(records(1), BOOK, endpoint(server), archive, replay=True))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"temperature": 0.5}, {"max_tokens": 99}, {"temperature": None}]
)
def test_other_parameters_are_another_coder_and_another_request(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Nothing asked one way answers for another."""
    _, _, server = run(answer, tmp_path, records(1))
    _, _, other = run(answer, tmp_path, records(1), **change)
    assert len(other.asked) == 1
    assert coder(endpoint(server)) != coder(endpoint(server, **change))
    assert coder(endpoint(server)) == coder(endpoint(server, at_once=9, timeout=1.0))


def test_the_codebook_and_the_text_are_part_of_the_request(tmp_path: Path) -> None:
    """A changed definition or record is asked about anew; nothing else is."""
    with serving(answer) as server, Archive(tmp_path) as archive:
        for book, about in [
            (BOOK, records(1)),
            (BOOK, [record("r1", "Other words.")]),
            (codebook.parse(BOOK.text.replace("new,", "novel,")), records(1)),
            (BOOK, records(1)),
        ]:
            list(code(about, book, endpoint(server), archive))
        assert len(server.asked) == 3


def test_the_archive_keeps_what_was_asked_and_said(tmp_path: Path) -> None:
    """The canonical request gives its key, its texts are there, the raw bytes are the server's."""
    sent: list[bytes] = []

    def respond(asked: Asked) -> Reply:
        reply = answer(asked)
        reply.headers = {"X-Request-Id": "req-1", "Set-Cookie": "a=b"}
        sent.append(reply.body)
        return reply

    _, _, server = run(respond, tmp_path, records(1))
    with sqlite3.connect(tmp_path / FILE) as database:
        (row,) = database.execute("SELECT key, request, body, headers, at FROM exchanges")
        texts = dict(database.execute("SELECT hash, text FROM texts"))
        for verb in ("UPDATE exchanges SET body = ''", "DELETE FROM texts"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                database.execute(verb)
    database.close()
    from innovatory.engine import digest

    key, request, body, headers, _ = row
    canonical = json.loads(request)
    assert key == digest(request.encode()) and body == sent[0]
    assert canonical["model"] == "tiny" and canonical["codebook"] == BOOK.version
    assert texts[canonical["system"]] == server.asked[0].system
    assert texts[canonical["text"]] == server.asked[0].told
    assert {"template", "schema", "parameters"} <= canonical.keys()
    assert json.loads(headers)["x-request-id"] == "req-1" and "set-cookie" not in headers


def test_a_row_leads_to_its_request(tmp_path: Path) -> None:
    """The raw text of a row holds the key under which the archive has the answer."""
    with serving(answer) as server, Archive(tmp_path) as archive:
        row = next(code(records(1), BOOK, endpoint(server), archive))
        assert isinstance(row, Row)
        exchange = archive.answer(json.loads(row.raw)["request"])
    assert exchange is not None and b"transport" in exchange.body


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failures_that_pass_are_tried_again(tmp_path: Path, status: int) -> None:
    """A server that is busy for a while costs nothing but time."""
    replies = [Reply(b"busy", status), Reply(b"busy", status)]
    found, rejects, server = run(
        lambda asked: replies.pop() if replies else answer(asked), tmp_path, records(1), at_once=1
    )
    assert len(found) == 3 and not rejects and len(server.asked) == 3


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    """The run waits as long as it is asked to, and no request is sent before."""
    times: list[float] = []

    def respond(asked: Asked) -> Reply:
        times.append(time.monotonic())
        busy = Reply(b"", 429, {"Retry-After": "1"})
        return busy if len(times) == 1 else answer(asked)

    found, _, _ = run(respond, tmp_path, records(1))
    assert len(found) == 3 and times[1] - times[0] >= 1


def test_a_server_that_asks_for_hours_ends_the_run(tmp_path: Path) -> None:
    """Nobody waits a day: the run ends, and says after how long to run again."""
    found, rejects, _ = run(
        lambda asked: Reply(b"", 429, {"Retry-After": "86400"}), tmp_path, records(9)
    )
    (reject,) = rejects
    assert not found and reject.row == 0 and "asks to wait 86,400 seconds" in reject.reason
    assert reject.reason.endswith("records left without an answer: 9")


@pytest.mark.parametrize(("status", "word"), [(401, "key"), (402, "account"), (404, "llm.model")])
def test_what_no_request_would_escape_ends_the_run(tmp_path: Path, status: int, word: str) -> None:
    """A wrong key is tried with the requests under way and no more."""
    found, rejects, server = run(lambda asked: Reply(b"no", status), tmp_path, records(40))
    (reject,) = rejects
    assert not found and len(server.asked) <= 2
    assert (reject.row, reject.kept) == (0, False) and word in reject.next_step
    assert reject.reason.endswith("an answer: 40")


def test_a_server_that_went_away_ends_the_run(tmp_path: Path) -> None:
    """After a few records without an answer the others are not tried; what came before is kept."""

    def respond(asked: Asked) -> Reply:
        return answer(asked) if asked.record["id"] in ("r1", "r2") else Reply(b"", 500)

    found, rejects, server = run(respond, tmp_path, records(50), at_once=1, attempts=2)
    assert {c.record_id for c in found} == {"r1", "r2"}
    assert len(server.asked) == 2 + 3 * 2
    assert [r.row for r in rejects] == [3, 4, 0] and rejects[-1].reason.endswith("an answer: 46")


def test_a_budget_of_requests_is_never_exceeded(tmp_path: Path) -> None:
    """The run stops at it, and the next one goes on where it stopped."""
    found, rejects, server = run(answer, tmp_path, records(9), budget=Budget(requests=4))
    assert len(server.asked) == 4 and len({c.record_id for c in found}) == 4
    (reject,) = rejects
    assert "budget of 4 requests is used up; records left without an answer: 5" in reject.reason
    rest, none, server = run(answer, tmp_path, records(9), budget=Budget(requests=5))
    assert not none and len(server.asked) == 5 and len({c.record_id for c in rest}) == 9


def test_retries_count_against_the_budget(tmp_path: Path) -> None:
    """A server that fails cannot spend what the budget does not hold."""
    _, _, server = run(
        lambda asked: Reply(b"", 500), tmp_path, records(9), budget=Budget(requests=4), attempts=9
    )
    assert len(server.asked) == 4


def test_budgets_of_tokens_and_cost_hold(tmp_path: Path) -> None:
    """Nothing is sent that could exceed them: a token is at least a byte, an answer bounded."""
    seen: list[Progress] = []
    small = {"max_tokens": 100, "progress": seen.append}
    _, rejects, server = run(
        answer, tmp_path / "a", records(30), budget=Budget(tokens=9_000), **small
    )
    sent = len(server.asked)
    assert 0 < sent < 30 and seen[-1].tokens == sent * 110 <= 9_000
    assert "budget of 9,000 tokens" in rejects[0].reason
    prices = {"input_price": 1000.0, "output_price": 5000.0}
    _, rejects, server = run(
        answer, tmp_path / "b", records(30), budget=Budget(cost=9.0, **prices), **small
    )
    sent = len(server.asked)
    assert 0 < sent < 30 and seen[-1].cost == pytest.approx(sent * 0.15) and seen[-1].cost <= 9
    assert "budget of 9" in rejects[0].reason


def test_a_server_that_lies_about_usage_gains_nothing(tmp_path: Path) -> None:
    """Negative or absent counts are replaced by the most that the request can have taken."""
    usages: list[Any] = [{"prompt_tokens": -(10**9), "completion_tokens": "x"}, None, 7]

    def respond(asked: Asked) -> Reply:
        whole = json.loads(answer(asked).body) | {"usage": usages.pop()}
        return Reply(json.dumps(whole).encode())

    seen: list[Progress] = []
    run(respond, tmp_path, records(3), max_tokens=100, progress=seen.append)
    assert seen[-1].tokens > 3 * 1000 and seen[-1].requests == 3


def test_progress_is_told(tmp_path: Path) -> None:
    """Each record is told of once, archived ones as costing nothing."""
    seen: list[Progress] = []
    run(answer, tmp_path, records(2))
    run(answer, tmp_path, records(3), progress=seen.append)
    assert [(p.done, p.of) for p in seen] == [(1, 3), (2, 3), (3, 3)]
    assert (seen[-1].requests, seen[-1].tokens, seen[-1].cost) == (1, 110, 0.0)


def test_no_more_requests_are_under_way_than_allowed(tmp_path: Path) -> None:
    """The limit is reached and not exceeded."""

    def respond(asked: Asked) -> Reply:
        reply = answer(asked)
        reply.wait = 0.02
        return reply

    _, _, server = run(respond, tmp_path, records(20), at_once=3)
    assert server.most_at_once == 3


def test_a_server_without_schemas_is_asked_plainly(tmp_path: Path) -> None:
    """It refuses once; from then on it is not asked for schemas, and the run says so."""

    def respond(asked: Asked) -> Reply:
        fenced = "```json\n" + json.loads(answer(asked).body)["choices"][0]["message"]["content"]
        return Reply(b"no schemas", 400) if asked.constrained else content(fenced + "\n```")

    found, rejects, server = run(respond, tmp_path, records(5), at_once=1)
    assert len(found) == 15 and [a.constrained for a in server.asked] == [True] + [False] * 5
    (reject,) = rejects
    assert reject.kept and reject.reason == "the server held 5 answers to no schema"
    again, _, idle = run(respond, tmp_path, records(5))
    assert again == found and not idle.asked


def test_one_refused_record_leaves_the_others(tmp_path: Path) -> None:
    """A record too long for the model is set aside with what the server said."""

    def respond(asked: Asked) -> Reply:
        return Reply(b"context too long", 400) if asked.record["id"] == "r2" else answer(asked)

    found, rejects, _ = run(respond, tmp_path, records(4), at_once=1)
    assert {c.record_id for c in found} == {"r1", "r3", "r4"}
    (reject,) = rejects
    assert reject.row == 2 and "status 400: context too long" in reject.reason


def test_two_versions_behind_one_name_are_told(tmp_path: Path) -> None:
    """A model that changed under its name is not passed over in silence."""

    def respond(asked: Asked) -> Reply:
        whole = json.loads(answer(asked).body)
        whole["model"] = "tiny-2" if asked.record["id"] == "r3" else "tiny-1"
        return Reply(json.dumps(whole).encode())

    _, rejects, _ = run(respond, tmp_path, records(3))
    (reject,) = rejects
    assert reject.kept and reject.excerpt == "tiny-1 fp_1 (2), tiny-2 fp_1 (1)"


def test_keys_reach_the_server_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that repeats the key finds it struck out, in the archive and in every message."""
    monkeypatch.setenv("MODEL_KEY", KEY)

    def respond(asked: Asked) -> Reply:
        known = asked.headers["Authorization"]
        if asked.record["id"] == "r2":
            return Reply(json.dumps({"bad": known}).encode(), 400, {"X-Request-Id": known})
        return answer(asked, {"innovative": known})

    with serving(respond) as server, Archive(tmp_path) as archive:
        asking = endpoint(server, key_variable="MODEL_KEY")
        given = list(code(records(3), BOOK, asking, archive))
        assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "[key]" in repr(given) and KEY not in repr(given) + repr(asking) + repr(archive)
    stored = (tmp_path / FILE).read_bytes()
    assert KEY.encode() not in stored and KEY.replace("/", "\\/").encode() not in stored


@pytest.mark.parametrize(
    "value", [None, "", "short", "has a space in the middle", "line\nbreak-key-1"]
)
def test_a_key_that_cannot_be_one_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """The message says what to do and does not repeat what the variable holds."""
    monkeypatch.delenv("MODEL_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MODEL_KEY", value)
    with pytest.raises(ObservatoryError, match=r"llm.key_variable: .*; (export|leave)") as error:
        run(answer, tmp_path, records(1), key_variable="MODEL_KEY")
    assert not value or value not in str(error.value)
    with pytest.raises(ObservatoryError) as error:
        Endpoint("https://models.example/v1", "m", key_variable=KEY)
    assert KEY not in str(error.value)


def test_a_killed_run_loses_at_most_what_was_under_way(tmp_path: Path) -> None:
    """Killed again and again, it asks about no record twice that it had an answer for."""
    served: list[str] = []

    def respond(asked: Asked) -> Reply:
        reply = answer(asked)
        reply.wait = 0.01
        served.append(asked.record["id"])
        return reply

    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from innovatory.llm import Archive, code
        from llm_server import BOOK, Server
        from test_llm import endpoint, records
        with Archive(Path(sys.argv[1])) as archive:
            rows = list(code(records(30), BOOK, endpoint(Server(sys.argv[2])), archive))
        print(len(rows))
        """
    )
    kills = 0
    with serving(respond) as server:
        for target in (8, 20, None):
            process = subprocess.Popen(
                [sys.executable, "-c", script, str(tmp_path), server.url],
                stdout=subprocess.PIPE, text=True,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
            )  # fmt: skip
            while target is not None and len(served) < target and process.poll() is None:
                time.sleep(0.002)
            if target is not None:
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
            printed, _ = process.communicate(timeout=60)
    assert kills == 2 and printed.strip() == "90"
    assert set(served) == {r.id for r in records(30)} and len(served) <= 30 + kills * 2


def test_leaving_a_run_early_ends_it(tmp_path: Path) -> None:
    """Whoever stops reading stops the asking; what came is archived."""
    with serving(answer) as server, Archive(tmp_path) as archive:
        rows = code(records(50), BOOK, endpoint(server), archive)
        next(rows)
        rows.close()  # type: ignore[attr-defined]
        time.sleep(0.1)
        assert len(server.asked) < 20


def test_flip_rate_counts_answers_that_follow_the_order(tmp_path: Path) -> None:
    """A model that takes the first class named flips; one that reads the record does not."""

    def respond(asked: Asked) -> Reply:
        form = asked.body["response_format"]["json_schema"]["schema"]
        named = form["properties"]["answers"]["properties"]["sector"]["properties"]["value"]
        lazy = asked.record["id"] in ("r1", "r2", "r3")
        return answer(asked, {"sector": named["enum"][0] if lazy else "energy"})

    with serving(respond) as server, Archive(tmp_path) as archive:
        flips = flip_rate(records(4), BOOK, endpoint(server), archive)
        sent = len(server.asked)
        again = flip_rate(records(4), BOOK, endpoint(server), archive, replay=True)
    assert sent == 8 and again == flips and not flips.rejects
    rates = {rate.dimension: (rate.compared, rate.changed) for rate in flips.rates}
    assert rates == {"innovative": (4, 0), "sector": (4, 3), "technologies": (4, 0)}
    assert len({asked.system for asked in server.asked}) == 2


def test_flips_shares_one_budget_and_says_what_is_missing(tmp_path: Path) -> None:
    """Both passes together spend no more than allowed; what was not compared is not counted."""
    with serving(answer) as server, Archive(tmp_path) as archive:
        flips = flip_rate(
            records(4), BOOK, endpoint(server), archive,
            dimensions=["sector"], budget=Budget(requests=6),
        )  # fmt: skip
        assert len(server.asked) == 6
    (rate,) = flips.rates
    assert (rate.compared, rate.changed, rate.share) == (2, 0, 0.0)
    assert any(r.row == 0 and "6 requests" in r.reason for r in flips.rejects)


@pytest.mark.parametrize("data", [b"not a database at all, but long enough to be one" * 9])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    """The message names the file and the next step."""
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(ObservatoryError, match=r"llm-archive.db: is no archive .* give another"):
        Archive(tmp_path)


def test_importing_the_room_loads_no_client() -> None:
    """The command starts fast: httpx is loaded with the first request."""
    probe = "import sys, innovatory.llm; print([m for m in ('httpx', 'anyio') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
