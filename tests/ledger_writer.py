"""Programs that write to a ledger, for tests that run several of them or kill them.

`ledger_writer.py URL together NAME` imports five files of a source of its own and ends.
`ledger_writer.py - job` reads lines `URL SECONDS`; for each it forks a writer that imports the job,
printing a line after each commit, and kills it after so many seconds (0: lets it end).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator

from innovatory.ledger import Ledger
from innovatory.records import Coding, Event, Evidence, Organisation, Place, Record, Row, Source

ROUNDS = 4
RECORDS = 60
SOURCE = Source("job", "The job")


def records(prefix: str, number: int, title: str) -> Iterator[Row]:
    for n in range(number):
        yield Row(
            n,
            Record(
                f"{prefix}-{n}",
                "project",
                f"{title} {n}",
                "some words to quote",
                places=(Place("Wien", "AT"),),
                organisations=(Organisation("A"), Organisation("B")),
                events=(Event("2019", "pilot"),),
            ),
        )


def codings(prefix: str) -> Iterator[Row]:
    for n in range(RECORDS):
        for dimension in ("sector", "goal", "stage"):
            quote = (Evidence("words"),)
            yield Row(n, Coding(f"{prefix}-{n}", dimension, "ana", ("x",), evidence=quote))


def job() -> Iterator[tuple[str, Iterator[Row]]]:
    """Three files a round: records, codings of them, and the same records under a new title."""
    for number in range(ROUNDS):
        prefix = f"round{number}"
        yield f"{prefix}-records", records(prefix, RECORDS, "Old")
        yield f"{prefix}-codings", codings(prefix)
        yield f"{prefix}-changes", records(prefix, RECORDS, "New")


def say(line: str) -> None:
    """Write a line at once: a writer killed in the middle must not leave half of it."""
    os.write(1, f"{line}\n".encode())


def do_job(url: str) -> None:
    with Ledger.open(url, create=True) as ledger:
        for file, rows in job():
            done = ledger.import_file(rows, source=SOURCE, file=file, sha256=file)
            say(f"done {done.batch}")


def main(url: str, mode: str, name: str = "") -> None:
    if mode == "together":
        with Ledger.open(url, create=True) as ledger:
            for n in range(5):
                rows = records(f"{name}-{n}", 40, "Old")
                ledger.import_file(rows, source=Source(name, name), file=str(n), sha256=str(n))
        return
    for line in sys.stdin:
        url, seconds = line.split()
        writer = os.fork()
        if writer == 0:
            do_job(url)
            say("all")
            os._exit(0)
        if float(seconds):
            time.sleep(float(seconds))
            os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        say("ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
