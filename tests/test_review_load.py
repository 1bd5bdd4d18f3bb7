"""Twenty coders at once, and a server that is killed while they answer."""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
from pathlib import Path

import pytest

from innovatory.observatory import Observatory
from review_crowd import Server, Told, check, crowd, let_in
from review_server import draw, make_world

NAMES = [f"coder-{n:02d}" for n in range(20)]


def prepared(folder: Path, *, records: int, ledger: str = "") -> tuple[Observatory, dict[str, str]]:
    """An observatory with all records drawn, every fifth for two coders, and twenty sessions."""
    world = make_world(folder, number=records, ledger=ledger)
    draw(world, "first", range(records), second=tuple(range(0, records, 5)))
    return world, let_in(world, NAMES)


async def for_a_while(
    server: Server, cookies: dict[str, str], *, seconds: float, think: float
) -> dict[str, Told]:
    """Let everybody code for some seconds."""
    until = asyncio.Event()
    working = asyncio.create_task(crowd(server.address, cookies, until=until, think=think))
    await asyncio.wait([working], timeout=seconds)
    until.set()
    return await working


def test_twenty_coders_at_once_lose_nothing(ledger_url: str, tmp_path: Path) -> None:
    """Every answer acknowledged is in the ledger once, and the median answer is quick."""
    world, cookies = prepared(tmp_path / "world", records=400, ledger=ledger_url)
    with Server(world) as server:
        server.start()
        told = asyncio.run(for_a_while(server, cookies, seconds=2, think=0.3))
    assert check(world, told) >= len(NAMES)
    assert not any(mine.refused for mine in told.values())
    seconds = [second for mine in told.values() for second in mine.seconds]
    # Twice what docs/review.md promises, as tests share their machine with others.
    assert statistics.median(seconds) < 0.1


async def with_kills(
    server: Server, cookies: dict[str, str], *, kills: int, longest: float
) -> dict[str, Told]:
    """Let everybody code while the server is killed again and again, at moments of chance."""
    until = asyncio.Event()
    working = asyncio.create_task(crowd(server.address, cookies, until=until, think=0.0))
    moments = random.Random(20220218)
    for _ in range(kills):
        await asyncio.wait([working], timeout=moments.uniform(0.05, longest))
        server.kill(signal.SIGKILL)
        await asyncio.to_thread(server.start)
    until.set()
    return await working


@pytest.mark.slow
def test_a_killed_server_loses_nothing_it_acknowledged(ledger_url: str, tmp_path: Path) -> None:
    """Killed in the middle of saving: drafts and codings are there, and each of them once."""
    world, cookies = prepared(tmp_path / "world", records=400, ledger=ledger_url)
    # Connecting to PostgreSQL takes a server some time, in which nothing could be lost.
    kills, longest = (10, 0.6) if ledger_url.startswith("sqlite") else (5, 2.5)
    with Server(world) as server:
        server.start()
        told = asyncio.run(with_kills(server, cookies, kills=kills, longest=longest))
    assert check(world, told) >= len(NAMES)
    assert not any(mine.refused for mine in told.values())
