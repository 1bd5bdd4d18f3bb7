"""Measure the review app under twenty coders for a minute, and check that nothing was lost.

    python -m benchmarks.review_load [--seconds N] [--coders N] [--think SECONDS] [--records N]
                                     [--ledger postgresql://USER@HOST/EMPTY_DATABASE]

The server runs in a process of its own. Each coder is a client with one connection who waits
`think` seconds on average before an answer (exponentially distributed) and takes the next record
when one is submitted.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from review_crowd import Server, Told, check, crowd, let_in
from review_server import draw, make_world


async def minute(
    server: Server, cookies: dict[str, str], seconds: float, think: float
) -> dict[str, Told]:
    """Let everybody code for so many seconds."""
    until, told = asyncio.Event(), dict[str, Told]()
    working = asyncio.create_task(crowd(server.address, cookies, told, until=until, think=think))
    await asyncio.wait([working], timeout=seconds)
    until.set()
    await working
    return told


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--coders", type=int, default=20)
    parser.add_argument("--think", type=float, default=1.0)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--ledger", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder) / "world", number=given.records, ledger=given.ledger)
        draw(world, "first", range(given.records), second=tuple(range(0, given.records, 5)))
        cookies = let_in(world, [f"coder-{n:02d}" for n in range(given.coders)])
        with Server(world) as server:
            server.start()
            told = asyncio.run(minute(server, cookies, given.seconds, given.think))
        submitted = check(world, told)
    seconds = sorted(second for mine in told.values() for second in mine.seconds)
    refused = sum(len(mine.refused) for mine in told.values())
    print(f"{given.coders} coders, {given.records} records, {given.seconds:.0f} s, "
          f"{given.think} s of thought an answer")  # fmt: skip
    print(f"answers {len(seconds)}, records submitted {submitted}, refused {refused}, lost 0")
    for share in (0.5, 0.9, 0.99):
        print(f"{share:.0%} of answers within {1000 * seconds[int(share * len(seconds))]:.0f} ms")
    print(f"mean {1000 * statistics.mean(seconds):.0f} ms, longest {1000 * seconds[-1]:.0f} ms")


if __name__ == "__main__":
    main()
