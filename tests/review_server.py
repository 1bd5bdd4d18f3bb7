"""A small observatory to be coded, the review app over it, and a coder who uses it.

`review_server.py FOLDER PORT` forks a server for each line it reads, and tells its process and then
that it listens; a test may kill it, and the next line waits for its end.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from innovatory import observatory
from innovatory.observatory import Observatory
from innovatory.records import (
    Coder,
    Coding,
    Draw,
    Event,
    Evidence,
    Fact,
    Link,
    Place,
    Record,
    Row,
    Source,
)
from innovatory.review import Suggestion, serve
from innovatory.review.accounts import Accounts
from innovatory.review.state import State

PASSWORD = "four plain words here"
BOOK = """version: 1
unit: one project record
rule: code from the record alone
dimensions:
  sector:
    question: Which sector?
    type: single
    classes:
      transport: Moving people or goods. Roads and rails belong here.
      energy: Making or saving energy. Roads are not meant.
      unclear: cannot tell
  driver:
    question: Who leads?
    type: single
    classes: {city: a city or public agency leads, firm: a firm leads}
  technologies:
    question: Which technologies?
    type: multi
    classes: {iot: sensors, ai: machine learning, none: none named}
"""
QUESTIONS = ("sector", "driver", "technologies")
ANSWERS = {"sector": ["transport"], "driver": ["city"], "technologies": ["iot", "ai"]}


def name(n: int) -> str:
    """The id of the n-th record."""
    return f"project-{n:03d}"


def records(number: int) -> list[Fact]:
    """Made-up projects of City 01."""
    return [
        Record(
            name(n), "project", f"Project {n} 🚋", "Sensors 🚦 give trams the green light.",
            keywords=("tram", "lights"), places=(Place("City 01", "AT"),),
            events=(Event("2019", "pilot", "one line"),),
            links=(Link("https://example.org/a", "A"), Link("javascript:alert(1)", "B")),
        )
        for n in range(number)
    ]  # fmt: skip


def tell(
    world: Observatory, facts: list[Fact], file: str, *, coders: tuple[Coder, ...] = ()
) -> None:
    """Put facts into the ledger as one file of a source."""
    with world.ledger(create=True) as ledger:
        ledger.add_codebook(world.book.version, world.book.text)
        summary = ledger.import_file(
            [Row(n, fact) for n, fact in enumerate(facts)], source=Source("made-up", "Made up"),
            file=file, sha256=file, codebook=world.book.version, coders=coders,
        )  # fmt: skip
    assert not summary.rejected


def make_world(folder: Path, *, number: int = 6, ledger: str = "") -> Observatory:
    """An observatory with records, without draws and without accounts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "codebook.yaml").write_text(BOOK, "utf-8")
    observatory.new(folder, title="Small observatory")
    if ledger:
        settings = folder / "observatory.toml"
        text = settings.read_text("utf-8").replace('"ledger.db"', f'"{ledger}"')
        settings.write_text(text, "utf-8")
    world = observatory.load(folder)
    tell(world, records(number), "records")
    return world


def draw(
    world: Observatory, id: str, members: range, *, second: tuple[int, ...] = (),
    design: str = "simple_random", target: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Draw records, some of them for two coders."""
    drawn = {name(n): 0.5 for n in members}
    twice = tuple(name(n) for n in second)
    tell(world, [Draw(id, design, 7, members=drawn, second=twice, target=target)], f"draw-{id}")


def codings_of(world: Observatory) -> dict[tuple[str, str, str], list[Coding]]:
    """Every version of every coding of the ledger, by (record, dimension, coder)."""
    found: dict[tuple[str, str, str], list[Coding]] = {}
    with world.ledger() as ledger:
        facts = ledger.facts()
    quotes: dict[tuple[str, ...], list[Evidence]] = {}
    for row in facts["evidence"].to_pylist():
        key = (row["record_id"], row["dimension"], row["coder_id"], row["draw"])
        place = Evidence(row["quote"], row["field"], row["start"], row["end"])
        quotes.setdefault(key, []).append(place)
    for row in facts["codings"].to_pylist():
        key = (row["record_id"], row["dimension"], row["coder_id"])
        coding = Coding(
            *key, tuple(row["value"].split("|")), row["confidence"],
            tuple(quotes.get((*key, row["draw"]), ())), row["comment"], row["draw"],
            row["codebook"], row["coded_at"], row["seconds"], row["suggestion"],
        )  # fmt: skip
        found.setdefault(key, []).append(coding)
    return found


def suggest(record_id: str) -> Mapping[str, Suggestion]:
    """What a model would say of any record."""
    passages = (("description", 0, 7, 0.9),)
    return {"sector": Suggestion(("energy",), 0.81, passages, "machine-1")}


class Visitor:
    """Somebody with a browser: keeps cookies and the token of the page."""

    def __init__(self, address: str, **how: Any) -> None:
        self.http = httpx.Client(base_url=address, timeout=30, **how)
        self.csrf = ""

    def close(self) -> None:
        """Give back the connections."""
        self.http.close()

    def log_in(self, who: str, password: str = PASSWORD, **form: str) -> httpx.Response:
        """Log in and remember the token of the first page."""
        answer = self.http.post("/login", data={"name": who, "password": password, **form})
        if answer.status_code == 303:
            self.page("/")
        return answer

    def page(self, path: str) -> str:
        """A page, which must be there; its token is remembered."""
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        self.csrf = token_of(answer.text)
        return answer.text

    def get(self, path: str) -> Any:
        """JSON, which must be there."""
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send JSON with the token."""
        return self.http.post(path, json=body, headers={"X-CSRF-Token": self.csrf})

    def done(self, path: str, body: Any) -> Any:
        """Send JSON that must be accepted."""
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def form(self, path: str, **fields: str) -> httpx.Response:
        """Send a form with the token."""
        return self.http.post(path, data={"csrf": self.csrf, **fields})

    def next(self) -> str:
        """The id of the next item; '' where there is none."""
        where = self.http.get("/code").headers["location"]
        return where.removeprefix("/code/") if where != "/done" else ""

    def answer(self, item: str, dimension: str, *value: str, **more: Any) -> Any:
        """Answer one question."""
        body = {"item": item, "dimension": dimension, "value": list(value), "seconds": 2.5, **more}
        return self.done("/api/answer", body)

    def code(self, item: str, answers: Mapping[str, list[str]] = ANSWERS) -> str:
        """Answer all questions of an item and submit it; where to go on."""
        for dimension, value in answers.items():
            self.answer(item, dimension, *value)
        return str(self.done("/api/submit", {"item": item})["next"])


def token_of(page: str) -> str:
    """The token of a page."""
    found = re.search(r'<meta name="csrf-token" content="([^"]*)">', page)
    assert found
    return found[1]


@contextmanager
def served(made: ASGIApp) -> Iterator[str]:
    """The address of an app that runs in a thread of this process."""
    config = uvicorn.Config(made, port=0, log_level="warning", ws="none", server_header=False,
                            lifespan="auto")  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that happens in a moment."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def add_coders(world: Observatory, **roles: str) -> None:
    """Add accounts with the password of the tests."""
    with State.open(world) as state:
        for who, role in roles.items():
            Accounts(state, time.time).add(who, role, PASSWORD)


def fork_servers(folder: str, port: int) -> None:
    """Fork a server for each line read; nothing is open here that two of them could share."""
    child = 0
    for _ in sys.stdin:
        if child:
            os.waitpid(child, 0)
        child = os.fork()
        if child == 0:
            serve(
                observatory.load(Path(folder)), port=port, ready=lambda _: print("up", flush=True)
            )
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    fork_servers(sys.argv[1], int(sys.argv[2]))
