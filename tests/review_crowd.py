"""Many coders at once, each a browser of its own, who remember what the server acknowledged."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx
from argon2 import PasswordHasher

from innovatory.observatory import Observatory
from innovatory.review import accounts
from innovatory.review.accounts import Accounts
from innovatory.review.state import State
from review_server import PASSWORD, QUESTIONS, codings_of, token_of

CLASSES = {"sector": ("transport", "energy", "unclear"), "driver": ("city", "firm"),
           "technologies": ("iot", "ai", "none")}  # fmt: skip
_PATIENCE_SECONDS = 60


@dataclass
class Told:
    """What one coder was told: the last answer acknowledged to each question, and when."""

    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    submitted: set[str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def let_in(world: Observatory, names: list[str]) -> dict[str, str]:
    """Accounts with a session each: the cookie of everybody. Their hashes take no time."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    strong, accounts._HASHER = accounts._HASHER, cheap
    try:
        with State.open(world) as state:
            door = Accounts(state, time.time)
            for who in names:
                door.add(who, "coder", PASSWORD)
            return {who: door.log_in(who, PASSWORD, f"192.0.2.{n}") for n, who in enumerate(names)}
    finally:
        accounts._HASHER = strong


class Server:
    """A server in a process of its own that can be killed and started again at the same address."""

    def __init__(self, world: Observatory) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        program = Path(__file__).with_name("review_server.py")
        self._nursery = subprocess.Popen(
            [sys.executable, str(program), str(world.folder), str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._child = 0

    def start(self) -> None:
        """Start it, the one before having ended; returns as soon as it listens."""
        assert self._nursery.stdin and self._nursery.stdout
        self._nursery.stdin.write("start\n")
        self._nursery.stdin.flush()
        self._child = int(self._nursery.stdout.readline())
        assert self._nursery.stdout.readline() == "up\n"

    def kill(self, signal: int) -> None:
        """Send it a signal."""
        os.kill(self._child, signal)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._nursery.stdin and self._nursery.stdout
        self.kill(9)
        self._nursery.stdin.close()
        self._nursery.wait(timeout=30)
        self._nursery.stdout.close()


async def crowd(
    address: str, cookies: dict[str, str], told: dict[str, Told], *, until: asyncio.Event,
    think: float,
) -> None:  # fmt: skip
    """Let everybody code until told to stop; `think` is the mean of the seconds before an answer.

    What each was told is added to `told`. Who meets a server that is gone asks again until it is
    back; a record that was begun is finished.
    """
    async with asyncio.TaskGroup() as group:
        for who, cookie in cookies.items():
            mine = told.setdefault(who, Told())
            group.create_task(_work(address, cookie, who=who, told=mine, until=until, think=think))


async def _work(
    address: str, cookie: str, *, who: str, told: Told, until: asyncio.Event, think: float
) -> None:
    chance = random.Random(who)
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(
        base_url=address, cookies={"innovatory-review": cookie}, limits=limits, timeout=30
    ) as http:
        page = await _insist(http, "GET", "/")
        http.headers["X-CSRF-Token"] = token_of(page.text)
        while not until.is_set():
            where = (await _insist(http, "GET", "/code")).headers["location"]
            item = where.removeprefix("/code/")
            if where == "/done":
                return
            if (await _insist(http, "GET", f"/api/item/{item}")).status_code == 200:
                await _code(http, item, told, chance, think)


async def _code(
    http: httpx.AsyncClient, item: str, told: Told, chance: random.Random, think: float
) -> None:
    """Answer every question, change one's mind now and then, submit."""
    for dimension in (*QUESTIONS, *chance.sample(QUESTIONS, chance.randrange(2))):
        value = chance.choice(CLASSES[dimension])
        await asyncio.sleep(chance.expovariate(1 / think) if think else 0)
        body = {"item": item, "dimension": dimension, "value": [value], "seconds": 1.0}
        began = time.perf_counter()
        answer = await _insist(http, "POST", "/api/answer", json=body)
        told.seconds.append(time.perf_counter() - began)
        if answer.status_code != 200:
            told.refused.append(answer.text)
            return
        told.answers[item, dimension] = value
    answer = await _insist(http, "POST", "/api/submit", json={"item": item})
    if answer.status_code == 200:
        told.submitted.add(item)
    else:
        told.refused.append(answer.text)


async def _insist(
    http: httpx.AsyncClient, method: str, path: str, json: object = None
) -> httpx.Response:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await http.request(method, path, json=json)
        except httpx.TransportError:
            assert time.monotonic() < until, "the server did not come back"
            await asyncio.sleep(0.02)


def check(world: Observatory, told: dict[str, Told]) -> int:
    """Hold the ledger against what was acknowledged; how many records were submitted.

    Nothing acknowledged is missing or other than it was given, nothing is there twice, no record
    has more coders than it was drawn for, and drafts of records not submitted are kept.
    """
    found = codings_of(world)
    with State.open(world) as state, state.reading() as connection:
        items = {
            item: (record_id, needed)
            for item, record_id, needed in connection.exec_driver_sql(
                "SELECT item, record_id, needed FROM review_items"
            )
        }
        drafts = {
            (coder, item, dimension): value
            for coder, item, dimension, value in connection.exec_driver_sql(
                "SELECT coder, item, dimension, value FROM review_drafts ORDER BY seq"
            )
        }
    for who, mine in told.items():
        for (item, dimension), value in mine.answers.items():
            assert drafts[who, item, dimension] == f'["{value}"]'
            if item in mine.submitted:
                (coding,) = found[items[item][0], dimension, who]
                assert coding.value == (value,)
    submitted = sum(len(mine.submitted) for mine in told.values())
    coders = Counter(record_id for record_id, dimension, _ in found if dimension == QUESTIONS[0])
    needed = dict(items.values())
    assert all(number <= needed[record_id] for record_id, number in coders.items())
    with world.ledger() as ledger:
        batches = [b for b in ledger.imports() if b.source_id == "review"]
    assert sum(b.new for b in batches) == len(found) and not any(b.changed for b in batches)
    # A submission may have reached the ledger whose acknowledgement the crash swallowed.
    assert submitted * len(QUESTIONS) <= len(found) <= (submitted + len(told)) * len(QUESTIONS)
    return submitted
