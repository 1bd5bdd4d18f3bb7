"""What the command line shows a person: outcomes in lines, and progress while something takes time.

Names, titles and reasons come from outside, so that no line is printed before control characters
are made visible: a title could otherwise move the cursor or colour the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from innovatory.edition.build import Built
    from innovatory.pipeline import Collected
    from innovatory.records import Reject

SHOWN = 10


def visible(text: str) -> str:
    r"""The text in one line of printable characters; any other is written as an escape.

    >>> visible("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def say(text: str, *, err: bool = False) -> None:
    """Print one line that can do nothing to the terminal."""
    click.echo(visible(text), err=err)


def number(count: int, noun: str) -> str:
    """A count with its noun.

    >>> number(1, "row"), number(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def tell_collected(item: Collected) -> None:
    """Say what one file brought into the ledger, and what of it was set aside, and why."""
    summary = item.summary
    if summary is None:
        say(f"{item.path.name}: not read: {item.refused}", err=True)
        return
    if summary.skipped:
        say(f"{item.path.name} (source {summary.source_id}): unchanged since batch {summary.batch}")
        return
    taken = [f"{count:,} {word}" for count, word in
             ((summary.new, "new"), (summary.changed, "changed"), (summary.unchanged, "unchanged"))
             if count]  # fmt: skip
    one = summary.new + summary.changed + summary.unchanged == 1
    aside = [number(count, noun) for count, noun in
             ((summary.rejected, "row"), (summary.flagged, "field")) if count]  # fmt: skip
    say(
        f"{item.path.name} (source {summary.source_id}): {', '.join(taken) or 'no'} "
        f"{'fact' if one else 'facts'}; {' and '.join(aside) or 'nothing'} set aside"
    )
    tell_rejects(item.rejects)


def tell_rejects(rejects: Sequence[Reject]) -> None:
    """Say what was set aside, the first few."""
    for reject in rejects[:SHOWN]:
        say(f"  {fault(reject)}", err=True)
    if len(rejects) > SHOWN:
        more = len(rejects) - SHOWN
        say(f"  and {more:,} more; 'innovatory export' writes all to rejects.csv", err=True)


def fault(reject: Reject) -> str:
    """What could not be taken, where it stands, and what to do.

    >>> from innovatory.records import Reject
    >>> fault(Reject("a.csv", 2, "start", "'x' is not a date", "write YYYY"))
    "a.csv, row 2, start: 'x' is not a date (row not taken); write YYYY"
    """
    row = f"row {reject.row}" if reject.row else "the file"
    where = ", ".join(part for part in (reject.file, row, reject.field) if part)
    what = "field set aside" if reject.kept else "row not taken" if reject.row else "not taken"
    return f"{where}: {reject.reason} ({what}); {reject.next_step}"


def tell_built(built: Built) -> None:
    """Say what of an edition had to be made."""
    say(f"{built.folder}: {number(len(built.made), 'table')} made, {len(built.kept)} unchanged")


@contextmanager
def counting() -> Iterator[Callable[[str, int], None]]:
    """A spinner that counts rows, where a person is watching; called with file and rows."""
    if not sys.stderr.isatty():
        yield lambda name, rows: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading")

        def show(name: str, rows: int) -> None:
            done = f"{rows:,} rows" if rows >= 0 else "storing"
            bar.update(task, description=f"{escape(visible(name))}: {done}")

        yield show


@contextmanager
def measuring(noun: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar, where a person is watching; called with what is done and the total."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(noun, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def has_browser() -> bool:
    """Whether a person sits at a screen that a page can be opened on."""
    if os.environ.get("CI") or not sys.stdout.isatty():
        return False
    on_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(on_screen) or sys.platform in ("darwin", "win32")
