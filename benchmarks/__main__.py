"""Measure the pipeline on this machine and print a table.

    python -m benchmarks [--large N]

Each figure is that of a fresh process (wall seconds, peak memory), so that start-up counts. The
last lines are ratios within this one run: they say how the cost of a record grows with the number
of records, whatever the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from innovatory import sampling
from innovatory.demo import CORPUS, starter
from innovatory.synthetic import corpus

CODING = {"fact": "coding", "dimension": "testbed", "coder": "coder-a"}
RECORD = "seoul-ai-hub-yangjae"


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: wall seconds and peak memory in GiB."""

    seconds: float
    memory: float


def run(*command: str) -> Run:
    """Run the command line once and measure it; a failure ends the benchmark."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "innovatory.cli", *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        message = process.stderr.read().decode() if process.stderr else ""
        raise SystemExit(f"{' '.join(command)} failed: {message}")
    return Run(seconds, usage.ru_maxrss / 2**20)


def show(what: str, measured: Run, limit: str = "") -> None:
    """One row of the table."""
    print(f"{what:<58} {measured.seconds:7.2f} s {measured.memory:6.2f} GiB  {limit}", flush=True)


def small(folder: Path) -> None:
    """The demo cold, with nothing to do, and after one new coding."""
    home = folder / "demo"
    show(
        "demo: 504 records, 3 editions, site, cold", run("demo", str(home), "--no-open"), "<= 10 s"
    )
    show("build with nothing to do", run("build", str(home)))
    for edition in ((), ("--edition", "2026")):
        runs = []
        for value in ("district", "facility", "environment", "programme", "district"):
            recode(folder, home, value)
            runs.append(run("build", str(home), *edition))
        middle = Run(
            statistics.median(r.seconds for r in runs), max(r.memory for r in runs)
        )  # fmt: skip
        what = "that edition" if edition else "all 3 editions"
        show(f"build after one new coding, {what} (median of 5)", middle, "<= 1 s")
    page = folder / "page"
    show("published page: 1,294 records, 2 editions, site, cold",
         run("demo", str(page), "--synthetic", "--no-open"))  # fmt: skip


def loop(folder: Path) -> None:
    """The coding loop: 150 of the 504 records drawn and coded, then one answer changed.

    What is measured trains the machine coder, predicts, estimates and rebuilds editions and site.
    """
    home, source = folder / "loop", folder / "drawn"
    starter(home)
    source.mkdir()
    shutil.copy(CORPUS / "records.jsonl", source)
    lines = (CORPUS / "records.jsonl").read_text("utf-8").splitlines()
    ids = [json.loads(line)["id"] for line in lines]
    draw = sampling.simple_random([i for i in ids if i != RECORD], 149, id="draw-1", seed=7)
    members = {**draw.members, RECORD: 149 / 503}
    fact = {"fact": "draw", "id": "draw-1", "design": "simple_random", "seed": 7,
            "members": members, "frame": draw.frame, "second": list(members)}  # fmt: skip
    kept = [json.dumps(fact)]
    for line in (CORPUS / "codings.jsonl").read_text("utf-8").splitlines():
        kept += [line] if json.loads(line)["id"] in members else []
    (source / "facts.jsonl").write_text("\n".join(kept) + "\n", "utf-8")
    shipped = (CORPUS / "source.toml").read_text("utf-8")
    (source / "source.toml").write_text(shipped.replace("codings.jsonl", "facts.jsonl"), "utf-8")
    run("collect", str(home), str(source))
    show("coding loop: 150 of 504 coded, 3 editions, cold", run("build", str(home)))
    for edition in ((), ("--edition", "2026")):
        runs = []
        for value in ("district", "facility", "environment", "programme", "district"):
            recode(folder, home, value)
            runs.append(run("build", str(home), *edition))
        middle = Run(
            statistics.median(r.seconds for r in runs), max(r.memory for r in runs)
        )  # fmt: skip
        what = "that edition" if edition else "all 3 editions"
        show(f"train, code, estimate, rebuild after one coding, {what}", middle, "<= 2 s")


def recode(folder: Path, home: Path, value: str) -> None:
    """Collect one new answer of one coder."""
    source = folder / "one"
    source.mkdir(exist_ok=True)
    shipped = Path(__file__).parent.parent / "src/innovatory/data/corpus/source.toml"
    head = shipped.read_text("utf-8").split("[coders")[0].splitlines()
    kept = [line for line in head if not line.startswith("files")]
    text = "\n".join([*kept, 'files = ["one.jsonl"]', ""])
    (source / "source.toml").write_text(text, "utf-8")
    row = CODING | {"record": RECORD, "value": value}
    (source / "one.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    run("collect", str(home), str(source))


def large(folder: Path, records: int) -> Run:
    """Collect and one edition of a synthetic corpus; returns the cost of both together."""
    home, source = folder / f"big{records}", folder / f"source{records}"
    made = corpus(records, cities=500, seed=1)
    made.write(source)
    script = Path(__file__).parent / "edition_only.py"
    run("new", str(home), "--title", f"{records} made-up records")
    panel = "\n".join(
        f'[[city]]\nid = "{c.id}"\nname = "{c.name}"\ncountry = "{c.country}"' for c in made.cities
    )
    with open(home / "observatory.toml", "a", encoding="utf-8") as settings:
        settings.write(f'\n{panel}\n[[edition]]\nname = "2022"\nas_of = "2022"\n')
    collected = run("collect", str(home), str(source))
    show(f"collect {records:,} records and {records * 13:,} codings", collected)
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(script), str(home)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("the edition failed")
    built = Run(time.perf_counter() - begun, usage.ru_maxrss / 2**20)
    show(f"one edition of {records:,} records, cold", built, "<= 5 s" if records < 2000 else "")
    both = Run(collected.seconds + built.seconds, max(collected.memory, built.memory))
    show(f"both for {records:,} records", both, "<= 60 s, 2 GiB" if records >= 100_000 else "")
    return both


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", type=int, default=100_000, metavar="N")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="innovatory-benchmark-") as name:
        folder = Path(name)
        small(folder)
        loop(folder)
        large(folder, 1_088)
        less = large(folder, asked.large // 4)
        most = large(folder, asked.large)
    ratio = (most.seconds / asked.large) / (less.seconds / (asked.large // 4))
    print(f"cost of a record at {asked.large:,} to that at {asked.large // 4:,}: {ratio:.2f}")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"largest process: {children:.2f} GiB")


if __name__ == "__main__":
    main()
