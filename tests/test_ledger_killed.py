"""A ledger survives being killed at any moment: whole files, none lost that was acknowledged."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from innovatory.ledger import Ledger, schema
from ledger_writer import job

Rows = dict[str, dict[int, int]]


def connect(url: str) -> Engine:
    # A server may still be committing for a writer that is gone: look at one moment only.
    address = url.replace("postgresql:", "postgresql+pg8000:")
    return create_engine(address, isolation_level="SERIALIZABLE")


def rows_by_batch(url: str) -> Rows:
    """How many rows each batch has in each table; parts count for the batch of their owner."""
    engine, counts = connect(url), {}
    owners = {"evidence": "codings", "draw_members": "draws"}
    try:
        with engine.begin() as connection:
            there = set(inspect(connection).get_table_names())
            for table in schema.metadata.tables.values():
                if table.name not in there or table.name == "schema_versions":
                    continue
                query = f'SELECT batch, count(*) FROM "{table.name}" GROUP BY batch'
                if "owner" in table.c:
                    owner = owners.get(table.name, "records")
                    query = (
                        f'SELECT o.batch, count(*) FROM "{table.name}" p '
                        f'LEFT JOIN "{owner}" o ON o.seq = p.owner GROUP BY o.batch'
                    )
                counts[table.name] = dict(map(tuple, connection.execute(text(query))))
            if engine.dialect.name == "sqlite" and there:
                assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
                assert not connection.execute(text("PRAGMA foreign_key_check")).all()
    finally:
        engine.dispose()
    return counts


class Writers:
    """Writers of the job, one after the other, each killed after a given time."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("ledger_writer.py")
        self._nursery = subprocess.Popen(
            [sys.executable, program, "-", "job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, url: str, seconds: float = 0) -> tuple[int, bool]:
        """The last batch that the writer acknowledged, and whether it finished the job."""
        assert self._nursery.stdin and self._nursery.stdout
        self._nursery.stdin.write(f"{url} {seconds}\n")
        self._nursery.stdin.flush()
        acknowledged, finished = 0, False
        while (line := self._nursery.stdout.readline().strip()) != "ended":
            assert line, "the nursery of the writers ended"
            finished = finished or line == "all"
            if line.startswith("done"):
                acknowledged = int(line.split()[1])
        return acknowledged, finished

    def close(self) -> None:
        assert self._nursery.stdin and self._nursery.stdout
        self._nursery.stdin.close()
        assert self._nursery.wait(timeout=30) == 0
        self._nursery.stdout.close()


@pytest.fixture
def writers() -> Iterator[Writers]:
    running = Writers()
    yield running
    running.close()


def state(url: str) -> str:
    with Ledger.open(url) as ledger:
        return ledger.state()


def kill_often(writers: Writers, new_url: Callable[[], str], *, kills: int, longest: float) -> None:
    """Kill writers at random moments; check each time what they left, and at last the whole."""
    moments = random.Random(20220218)
    undisturbed = new_url()
    assert writers.run(undisturbed) == (len(list(job())), True)
    expected, whole = state(undisturbed), rows_by_batch(undisturbed)
    url, acknowledged, in_the_middle = new_url(), 0, 0
    for _ in range(kills):
        told, finished = writers.run(url, moments.uniform(0.001, longest))
        acknowledged = max(acknowledged, told)
        found = rows_by_batch(url)
        head = max(found.get("imports", {}), default=0)
        assert head >= acknowledged
        in_the_middle += 0 < head < len(list(job()))
        for table, counts in found.items():
            assert counts == {b: n for b, n in whole[table].items() if b <= head}
        if finished:
            assert state(url) == expected
            url, acknowledged = new_url(), 0
    writers.run(url)
    assert state(url) == expected
    assert rows_by_batch(url) == whole
    # Had the writers always been killed too early or too late, nothing would have been tested.
    assert in_the_middle > kills / 3


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_files_on_sqlite(writers: Writers, tmp_path: Path) -> None:
    """A hundred kills: nothing torn, nothing acknowledged lost, and the job can be finished."""
    numbers = count()
    kill_often(
        writers, lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}", kills=100, longest=0.2
    )


@pytest.mark.slow
@pytest.mark.postgres
def test_a_killed_writer_leaves_whole_files_on_postgresql(
    writers: Writers, new_postgres_url: Callable[[], str]
) -> None:
    """The same on a server, which has to notice by itself that the writer is gone."""
    kill_often(writers, new_postgres_url, kills=12, longest=0.6)
