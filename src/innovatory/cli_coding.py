"""The verbs of coding: draw, review, agree, estimate, link; no logic of their own."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from innovatory.command import ASIDE, FILE, FOLDER, FOUND, JSON, an_id, print_json
from innovatory.console import has_browser, number, say, tell_rejects

PATH = click.Path(dir_okay=False, path_type=Path)
IMPUTED = ("none", "mean", "median", "group_mean", "group_median", "nearest")
DIMENSION = click.option(
    "--dimension", "dimensions", multiple=True, metavar="NAME",
    help="Only this question; may be given again.  [default: all]",
)  # fmt: skip


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("size", metavar="N", type=click.IntRange(min=1))
@click.option("--design", default="simple_random", show_default=True,
              type=click.Choice(["simple_random", "stratified", "uncertainty", "repeat"]),
              help="stratified: in proportion; uncertainty: half at random, half where the machine "
              "doubts; repeat: coded ones again, to the same coders, unmarked.")  # fmt: skip
@click.option("--by", type=click.Choice(["city", "sector"]), default="city", show_default=True,
              help="Strata of a stratified draw.")  # fmt: skip
@click.option("--second", type=click.FloatRange(0, 1), default=0.2, show_default=True,
              help="Share that a second coder codes as well, both blind.")  # fmt: skip
@click.option(
    "--kind", type=click.Choice(["project", "living_lab"]), help="Only records of a kind."
)
@DIMENSION
@click.option("--id", "draw_id", default="", callback=an_id, help="Id.  [default: draw-N]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="[default: the observatory's]")
@JSON
def draw(folder: Path, size: int, draw_id: str, dimensions: Sequence[str], kind: str | None,
         as_json: bool, **how: Any) -> None:  # fmt: skip
    """Draw N records for coding, by design.

    The draw is stored in the ledger, with its seed and with the probability of every record that
    could have been drawn, before anyone sees a record of it. That is what lets shares be estimated
    from the records coded (docs/estimates.md).
    """
    from innovatory import fieldwork, observatory

    place = observatory.load(folder)
    wanted = fieldwork.Wanted(
        size, kind=kind or "", dimensions=tuple(dimensions), id=draw_id, **how
    )
    made = fieldwork.draw(place, wanted)
    every = len(made.members) + len(made.frame)
    if as_json:
        print_json({"id": made.id, "design": made.design, "seed": made.seed, "frame": every,
                    "members": dict(made.members), "second": made.second})  # fmt: skip
        return
    name = shlex.quote(str(folder))
    say(f"{made.id}: {number(len(made.members), 'record')} of {every:,} drawn ({made.design}, seed "
        f"{made.seed}), {len(made.second):,} of them for a second coder; let people code them: "
        f"'innovatory coder add {name} NAME' and 'innovatory review {name}', or 'innovatory send'"
        )  # fmt: skip


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535),
              help="0 takes any that is free.")  # fmt: skip
@click.option("--allow-remote", "remote", multiple=True, metavar="NAME",
              help="Let others in, by this name of the machine; may be given again.")  # fmt: skip
@click.option("--machine/--no-machine", default=True, show_default=True,
              help="Show suggestions of the machine coder where an item is not blind.")  # fmt: skip
@click.option("--open/--no-open", "show", default=None,
              help="Open it in a browser.  [default: where there is one]")  # fmt: skip
def review(folder: Path, host: str, port: int, remote: Sequence[str], machine: bool,
           show: bool | None) -> None:  # fmt: skip
    """Serve the review app, in which people code and adjudicate.

    Coders need an account: 'innovatory coder add DIR NAME'. It listens on this machine alone
    unless --host and --allow-remote say otherwise (docs/review.md).
    """
    from innovatory import observatory, reviewing
    from innovatory.review import has_coders

    place = observatory.load(folder)

    def ready(address: str) -> None:
        say(f"the review app is at {address}; stop it with Ctrl-C")
        if not has_coders(place):
            say(f"nobody can log in yet: 'innovatory coder add {shlex.quote(str(folder))} NAME', "
                "in another terminal", err=True)  # fmt: skip
        if show or (show is None and has_browser()):
            click.launch(address)

    # Ctrl-C is how it ends; what was answered is on disk.
    with suppress(KeyboardInterrupt):
        reviewing.serve(place, host=host, port=port, remote=remote, machine=machine, ready=ready)


@click.group()
def coder() -> None:
    """Add people who may use the review app."""


@coder.command("add")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("name", callback=an_id)
@click.option("--role", type=click.Choice(["coder", "adjudicator", "admin"]), default="coder",
              show_default=True, help="What they may do.")  # fmt: skip
@click.option("--ask", is_flag=True, help="Ask for a password instead of making one.")
def coder_add(folder: Path, name: str, role: str, ask: bool) -> None:
    """Add a person; their password is made and printed once."""
    from innovatory import observatory
    from innovatory.review import add_coder

    chosen = click.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else ""
    password = add_coder(observatory.load(folder), name, role=role, password=chosen)
    say(
        f"{name} may log in as {role}" + ("" if ask else f"; password, shown this once: {password}")
    )


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--llm", "settings", type=FILE, help="Let the language model of a settings file code "
              "(docs/llm.md).")  # fmt: skip
@click.option("--draw", "draw_id", default="", metavar="ID", help="Only the records of a draw.")
@DIMENSION
@click.option("--replay", is_flag=True, help="Take answers from the archive alone.")
@JSON
def code(folder: Path, settings: Path | None, draw_id: str, dimensions: Sequence[str], replay: bool,
         as_json: bool) -> None:  # fmt: skip
    """Train the machine coder and say how good it is.

    It learns from what the reference coders answered, and is tried on records it has not seen.
    It needs no label to begin with. What it expects enters a share only through the estimator.
    With --llm a language model codes, archived; its answers are kept, and count only as help to
    the machine coder.
    """
    from innovatory import fieldwork, observatory

    if not settings and (draw_id or replay):
        raise click.UsageError("--draw and --replay are for --llm")
    place = observatory.load(folder)
    if settings:
        from innovatory import llmcoding

        asked = llmcoding.Asked(draw_id, tuple(dimensions), replay)
        summary, rejects = llmcoding.run(place, settings, asked)
        _tell_import(summary, rejects, as_json=as_json)
        return
    tried = fieldwork.machine(place, dimensions)
    rows = tried.table.to_pylist()
    if as_json:
        print_json(rows)
        return
    if not any(row["labels"] for row in rows):
        say(
            "nothing that counts is coded yet: the machine goes by the codebook's definitions alone"
        )
    if tried.notice:
        say(tried.notice, err=True)
    for row in rows:
        if not row["labels"]:
            continue
        say(f"{row['dimension']}: right {row['accuracy']:.2f} (always the commonest: "
            f"{row['majority_accuracy']:.2f}), macro-F1 {row['macro_f1']:.2f}, on "
            f"{number(row['labels'], 'record')} by cross-validation")  # fmt: skip


def _tell_import(summary: Any, rejects: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(summary) | {"rejects": [asdict(reject) for reject in rejects]})
    else:
        if summary.skipped:
            say(f"{summary.file}: unchanged since batch {summary.batch}")
        else:
            say(f"{summary.file}: {number(summary.by_kind.get('coding', 0), 'answer')}, "
                f"{summary.new:,} new, {summary.changed:,} changed, batch {summary.batch}"
                )  # fmt: skip
        tell_rejects(rejects)
    sys.exit(ASIDE if rejects else 0)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("draw_id", metavar="DRAW")
@click.argument("file", type=PATH)
@click.option("--format", "form", type=click.Choice(["xlsx", "csv", "label-studio", "argilla"]),
              help="[default: by the file's name]")  # fmt: skip
@click.option("--second", is_flag=True, help="Only those that a second coder codes as well.")
@click.option("--again", is_flag=True, help="Write over files that are there.")
def send(folder: Path, draw_id: str, file: Path, form: str | None, second: bool,
         again: bool) -> None:  # fmt: skip
    """Write the records of a draw for coders who work elsewhere.

    .xlsx and .csv are sheets, .json are tasks for Label Studio and .jsonl for Argilla, with their
    settings beside them. 'innovatory receive' takes the answers back.
    """
    from innovatory import handout, observatory

    place = observatory.load(folder)
    for path in handout.send(place, draw_id, file, form=form or "", second=second, again=again):
        say(f"{path}: written")
    say(f"when it is filled in: 'innovatory receive {shlex.quote(str(folder))} {draw_id} "
        f"{shlex.quote(str(file))}'")  # fmt: skip


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("draw_id", metavar="DRAW")
@click.argument("file", type=FILE)
@click.option("--coder", default="", callback=an_id, help="Whose sheet it is.")
@click.option("--who", multiple=True, metavar="THEIRS=OURS",
              help="Which coder a user of the other tool is; may be given again.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["xlsx", "csv", "label-studio", "argilla"]),
              help="[default: by the file's name]")  # fmt: skip
@JSON
def receive(folder: Path, draw_id: str, file: Path, coder: str, who: Sequence[str],
            form: str | None, as_json: bool) -> None:  # fmt: skip
    """Take answers back from a sheet, Label Studio or Argilla.

    Rows that were tampered with are set aside with a reason. Exits with 3 where any was.
    """
    from innovatory import handout, observatory

    pairs = [pair.rpartition("=")[::2] for pair in who]
    if wrong := [ours for theirs, ours in pairs if not theirs or not ours]:
        raise click.UsageError(f"--who {wrong[0]}: write THEIRS=OURS, such as 3=ana")
    coders = dict(pairs)
    back = handout.receive(observatory.load(folder), draw_id, file, form=form or "", coder=coder,
                           coders=coders)  # fmt: skip
    if not as_json:
        for name, answers in back.answers.items():
            say(f"{name}: {number(answers, 'answer')}")
    _tell_import(back.summary, back.rejects, as_json=as_json)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--dimension", default="innovative", show_default=True, help="Whose shares.")
@click.option("--by", "within", default="", metavar="NAME",
              help="In each city, or class of a question.  [default: all together]")  # fmt: skip
@click.option("--tell", nargs=2, type=click.FloatRange(0, 1), metavar="A B",
              help="To tell a share of A from one of B, such as 0.28 0.24.")  # fmt: skip
@click.option("--within", "reach", type=click.FloatRange(0, 1, min_open=True), metavar="W",
              help="To know each share to within W, such as 0.05.")  # fmt: skip
@click.option("--next", "batch", default=60, show_default=True, type=click.IntRange(min=1),
              help="How many to code next.")  # fmt: skip
@JSON
def plan(folder: Path, dimension: str, within: str, tell: tuple[float, float] | None,
         reach: float | None, batch: int, as_json: bool) -> None:  # fmt: skip
    """Say how many more records to code until shares are known.

    It goes by how far the machine was wrong on the records that are coded, so a first draw must
    be coded. Rare classes are protected.
    """
    from innovatory import guidance, observatory
    from innovatory.estimate.planning import Goal

    if bool(tell) == bool(reach):
        raise click.UsageError("say what for: --tell A B, or --within W")
    if tell and tell[0] == tell[1]:
        raise click.UsageError("--tell A B: give two different shares")
    goal = Goal.telling(*tell) if tell else Goal.within(reach or 0)
    found = guidance.plan(observatory.load(folder), guidance.Asked(dimension, goal, within),
                          batch=batch)  # fmt: skip
    if as_json:
        print_json({"sentence": found.sentence, "needed": dict(found.needed),
                    "next": dict(found.batch), "done": found.done})  # fmt: skip
    else:
        say(found.sentence)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--merge", "merging", is_flag=True, help="Merge the pairs that are sure enough.")
@click.option(
    "--undo", "record_id", metavar="RECORD", help="Count a merged record as itself again."
)
@JSON
def link(folder: Path, merging: bool, record_id: str | None, as_json: bool) -> None:
    """Look for records that tell of the same project.

    Pairs are printed with what speaks for and against them. Those marked 'review' are for a person
    to decide, in the review app. Merges are facts of the ledger and can be undone.
    """
    from innovatory import linking, observatory
    from innovatory.review import told_apart

    if record_id and merging:
        raise click.UsageError("--merge and --undo are the contrary of each other; give one")
    place = observatory.load(folder)
    if record_id:
        linking.undo(place, record_id)
        say(f"{record_id}: counts as itself again, with the next 'innovatory build'")
        return
    found = linking.propose(place, apart=told_apart(place))
    rows = found.pairs.to_pylist()
    if as_json:
        print_json({"pairs": rows, "merges": [asdict(one) for one in found.merges]})
    else:
        for row in rows:
            say(f"{row['decision']} {row['score']:.3f}: {row['b']} -> {row['a']}: {row['reasons']}")
        say(f"{number(len(rows), 'pair')}, {number(len(found.merges), 'merge')} sure enough")
    if merging and found.merges:
        linking.merge(place, found.merges)
        say(f"{number(len(found.merges), 'record')} merged; 'innovatory build' counts them so",
            err=as_json)  # fmt: skip


@click.group()
def codebook() -> None:
    """Compare codebooks."""


@codebook.command("diff")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option("--in", "folder", type=FOLDER, metavar="DIR",
              help="Say what it means for the codings and shares of an observatory.")  # fmt: skip
@JSON
def codebook_diff(old: str, new: str, folder: Path | None, as_json: bool) -> None:
    """Say what differs between two codebooks, and what becomes of the codings.

    A and B are files, or versions that the observatory's ledger knows. With --in it is counted
    which codings stay, are carried by a crosswalk or must be redone, and how each share that is
    published moves.
    """
    from innovatory import codebooks

    found = codebooks.compare(old, new, folder=folder)
    if as_json:
        print_json(found.as_json())
    else:
        for line in found.lines():
            say(line)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@JSON
def verify(folder: Path, as_json: bool) -> None:
    """Make every edition again from the ledger, and compare.

    Every number and every claim, with the facts as they were when the edition was built. Exits
    with 4 where anything differs.
    """
    from innovatory import observatory, verifying

    found = verifying.verify(observatory.load(folder))
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            for line in one.lines():
                say(line)
    sys.exit(FOUND if any(one.problems for one in found) else 0)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@JSON
def agreement(folder: Path, as_json: bool) -> None:
    """Say how far coders agree, where they differ, and who has drifted.

    Krippendorff's alpha, Gwet's AC1 and plain agreement with 95% intervals, on the records that
    were sent to a second coder; then where two coders differ most, months in which a coder agreed
    less with the others, and records coded again unmarked.
    """
    from innovatory import observatory, reliability

    found = reliability.reliability(observatory.load(folder))
    if as_json:
        print_json(asdict(found))
    else:
        for line in found.lines():
            say(line)


@click.command()
@click.argument("table", metavar="TABLE", type=FILE)
@click.option("--meta", required=True, type=FILE, help="The framework: codes, parents, directions, "
              "weights (docs/index.md).")  # fmt: skip
@click.option("--unit", default="uCode", show_default=True, help="Column with the units' ids.")
@click.option("--group", default="", metavar="COLUMN", help="Column by which units are grouped.")
@click.option("--impute", default="none", show_default=True, type=click.Choice(IMPUTED),
              help="What is done about missing values.")  # fmt: skip
@JSON
def audit(table: Path, meta: Path, unit: str, group: str, impute: str, as_json: bool) -> None:
    """Audit anybody's composite index, without an observatory.

    TABLE has a row a city and a column an indicator, --meta a row an item of the framework, both
    CSV or XLSX. Exits with 4 where a check fails.
    """
    from innovatory.auditing import audit_files

    found = audit_files(table, meta, unit=unit, group=group, impute=impute)
    if as_json:
        print_json([asdict(one) for one in found.findings])
    else:
        for one in found.findings:
            say(f"{one.level}: {one.check}: {one.sentence}")
    sys.exit(FOUND if found.level == "fail" else 0)


VERBS = (draw, review, coder, code, send, receive, plan, link, codebook, verify, agreement, audit)
