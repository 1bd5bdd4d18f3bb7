"""The command line: verbs in the order of the pipeline; no logic of its own.

Exit codes: 0 done; 1 refused, with the reason and the next step; 2 wrong usage; 3 collected, but
some rows were set aside; 4 a check found something wrong.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from innovatory import __version__
from innovatory.errors import InnovatoryError
from innovatory.records import Design, Source

REJECTED, FOUND = 3, 4
SHOWN = 10

FOLDER = click.Path(file_okay=False, path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


class _Group(click.Group):
    """Lists verbs in the order they are written, which is that of the pipeline."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 refused, with the reason and the next step; 2 wrong usage; "
    "3 collected, but some rows were set aside; 4 a check found something wrong.",
)
@click.version_option(__version__, prog_name="innovatory")
def app() -> None:
    """Turn records of smart-city projects and living labs into a checkable index.

    sources -> ledger -> edition -> publication. Begin with 'innovatory demo', or with
    'innovatory new DIR', 'innovatory collect DIR SOURCE' and 'innovatory build DIR'.
    """


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--title", help="Title of the observatory.  [default: the folder's name]")
def new(folder: Path, title: str | None) -> None:
    """Make an observatory: a folder with its settings and its codebook.

    The folder is made to be kept in git. Edit DIR/observatory.toml to name the panel of cities
    and the editions, and DIR/codebook.yaml to change what coders are asked.
    """
    from innovatory import observatory

    made = observatory.new(folder, title=title or folder.absolute().name)
    click.echo(f"{made.folder / observatory.SETTINGS}: edit it, then 'innovatory collect "
               f"{folder} SOURCE'")  # fmt: skip


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--design", type=click.Choice([d.value for d in Design]),
              help="How the records were gathered, where no source.toml says so.")  # fmt: skip
@click.option("--of", "population", default="", help="What they are a census, sample ... of.")
@click.option("--id", "source_id", default="", help="Id of the source.  [default: the file's name]")
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Mapping of columns to fields; see 'innovatory mapping'.")  # fmt: skip
@click.option("--reader", default="", help="Name of the reader.  [default: by kind of file]")
@JSON
def collect(
    folder: Path, sources: Sequence[Path], design: str | None, population: str, source_id: str,
    mapping: Path | None, reader: str, as_json: bool,
) -> None:  # fmt: skip
    """Read sources into the ledger: files, folders, or source.toml descriptors.

    Without SOURCE, every [[source]] of observatory.toml is read. Each file goes in wholly or not
    at all, and reading it again changes nothing: changed rows become new versions. A row that
    cannot be taken is listed with file, row, field and the next step; the others go in. Files
    may be native JSON Lines, CSV or XLSX (with a mapping), Data Packages, or CORDIS exports.

    Exits with 3 where rows or fields were set aside.
    """
    from innovatory import observatory, pipeline

    place = observatory.load(folder)
    default = None
    if design or population or source_id:
        name = source_id or (sources[0].stem if sources else "source")
        default = Source(
            name, name, design=Design(design or "convenience"), population=population
        )  # fmt: skip
    with _counter() as progress:
        found = pipeline.collect(
            place, sources or place.sources, default=default, mapping=mapping, reader=reader,
            progress=progress,
        )  # fmt: skip
    if not found:
        raise InnovatoryError(f"{folder}: no SOURCE given, and no [[source]] in observatory.toml")
    aside = sum(len(item.rejects) for item in found)
    if as_json:
        rows = [
            {"path": str(item.path), **asdict(item.summary),
             "rejects": [asdict(reject) for reject in item.rejects]}
            for item in found
        ]  # fmt: skip
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for item in found:
            _tell_import(item)
    sys.exit(REJECTED if aside else 0)


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--as-of", metavar="DATE", help="Build an edition as of YYYY, YYYY-MM or YYYY-MM-DD.")
@click.option("--edition", metavar="NAME", help="Name of the edition.  [default: all, or the date]")
@JSON
def build(folder: Path, as_of: str | None, edition: str | None, as_json: bool) -> None:
    """Build editions from the ledger, and the site from the editions.

    Stage, status and membership come from the dated events up to the edition's date. Without
    options every edition of observatory.toml is built; a new --as-of is added there. Only what
    depends on something that changed is made again; the same ledger gives the same bytes.
    """
    from innovatory import observatory, pipeline

    started = time.perf_counter()
    place = observatory.load(folder)
    names = [edition] if edition else None
    if as_of:
        place, name = observatory.with_edition(place, as_of=as_of, name=edition or "")
        names = [name]
    elif not place.editions:
        raise InnovatoryError(
            f"{folder / observatory.SETTINGS}: no [[edition]] there; give a date with --as-of"
        )
    built = pipeline.build_editions(place, names)
    with _bar("pages") as progress:
        published = pipeline.publish_site(place, progress=progress)
    seconds = time.perf_counter() - started
    if as_json:
        rows = [{"name": b.name, "folder": str(b.folder), "made": b.made, "kept": b.kept}
                for b in built]  # fmt: skip
        told = {"editions": rows, "site": str(published.index), "pages": published.pages,
                "written": published.written, "seconds": round(seconds, 3)}  # fmt: skip
        click.echo(json.dumps(told, indent=1))
        return
    for item in built:
        click.echo(f"{item.folder}: {len(item.made)} tables made, {len(item.kept)} unchanged")
    click.echo(f"{published.index}: {published.written} of {published.pages} pages written, "
               f"{seconds:.1f} s")  # fmt: skip


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--figures", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Also check a file of printed figures (docs/figures.md).")  # fmt: skip
@click.option("--edition", metavar="NAME", help="Compare the figures with this edition's.")
@JSON
def check(folder: Path, figures: Path | None, edition: str | None, as_json: bool) -> None:
    """Check the editions against themselves, and figures that somebody printed.

    Every file is compared with its hash, every claim is computed again from the tables, and the
    records listed behind a claim must add up to it. What was set aside at collecting, and places
    without a city, are listed. With --figures each printed figure is called consistent,
    inconsistent, ambiguous, or in need of a base that is not printed.

    Exits with 4 where something is wrong.
    """
    from innovatory import checking, observatory

    place = observatory.load(folder)
    report = checking.check(place)
    verdicts = checking.figures(place, figures, edition=edition) if figures else []
    wrong = bool(report.problems) or any(checking.is_wrong(verdict) for verdict in verdicts)
    if as_json:
        told = asdict(report) | {"figures": [checking.as_json(v) for v in verdicts]}
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        sys.exit(FOUND if wrong else 0)
    for line in report.lines():
        click.echo(line)
    for verdict in verdicts:
        click.echo(checking.line(verdict))
    sys.exit(FOUND if wrong else 0)


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--to", "target", type=FOLDER, help="Where to.  [default: DIR/export]")
@JSON
def export(folder: Path, target: Path | None, as_json: bool) -> None:
    """Write the ledger's current facts as native JSON Lines, a folder for each source.

    'innovatory collect' reads them again, into this or any other observatory, so that nothing is
    locked in. What was set aside at collecting goes into rejects.csv.
    """
    from innovatory import observatory
    from innovatory.export import export as write

    place = observatory.load(folder)
    target = target or folder / "export"
    with place.ledger() as ledger:
        written = write(ledger, target)
    if as_json:
        click.echo(json.dumps({"folder": str(target), "rows": written}, indent=1))
    else:
        for name, rows in written.items():
            click.echo(f"{target / name}: {rows} rows")


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("record_id", metavar="RECORD")
@JSON
def history(folder: Path, record_id: str, as_json: bool) -> None:
    """Print all that the ledger ever held about one record, oldest first."""
    from innovatory import observatory

    with observatory.load(folder).ledger() as ledger:
        entries = ledger.history(record_id)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=1))
    else:
        for entry in entries:
            click.echo(entry.text)


@app.command()
@click.argument("name")
@click.option("--country", default="", help="Country, by code or English name.")
@JSON
def city(name: str, country: str, as_json: bool) -> None:
    """Look up which city a name means, and its id.

    A name that could mean several cities is not guessed: the candidates are printed, and the
    exit code is 4.
    """
    from innovatory.gazetteer import Gazetteer

    found = Gazetteer.load().resolve(name, country)
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False, indent=1))
    elif found.city:
        c = found.city
        people = f", {c.population:,} inhabitants" if c.population else ""
        click.echo(f"{c.id}: {c.name}, {c.country_name or c.country}{people}, {c.lat}, {c.lon}")
    else:
        click.echo(f"{name!r}: {found.reason}")
    sys.exit(0 if found.city else FOUND)


@app.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def mapping(file: Path) -> None:
    """Propose a mapping of a CSV or XLSX file's columns to fields, to edit and keep.

    Save it ('innovatory mapping FILE > mapping.toml'), correct it, and give it to 'collect'
    with --mapping.
    """
    from innovatory.sources import propose_mapping

    click.echo(propose_mapping(file), nl=False)


@app.command()
@click.argument("folder", metavar="[DIR]", required=False, default="demo", type=FOLDER)
@click.option("--synthetic", is_flag=True,
              help="Made-up cities that meet the published report's figures instead.")  # fmt: skip
@click.option("--open/--no-open", "show", default=None,
              help="Open the site in a browser.  [default: where there is one]")  # fmt: skip
def demo(folder: Path, synthetic: bool, show: bool | None) -> None:
    """Build the observatory of 31 cities from the starter corpus, and open its site.

    504 real records, coded twice, in three editions. With --synthetic, a plainly made-up list of
    1,088 projects and 206 living labs whose figures are those that the published report prints.
    """
    from innovatory import demo as demos
    from innovatory import pipeline

    started = time.perf_counter()
    place, sources = (demos.synthetic if synthetic else demos.starter)(folder)
    with _counter() as counting:
        for item in pipeline.collect(place, sources, progress=counting):
            _tell_import(item)
    for built in pipeline.build_editions(place):
        click.echo(f"{built.folder}: {len(built.made)} tables made, {len(built.kept)} unchanged")
    with _bar("pages") as progress:
        published = pipeline.publish_site(place, progress=progress)
    click.echo(f"{published.written} of {published.pages} pages written, "
               f"{time.perf_counter() - started:.1f} s in all")  # fmt: skip
    click.echo(f"The site is at {published.index.absolute().as_uri()}")
    if show or (show is None and _has_browser()):
        click.launch(str(published.index.absolute()))


def _tell_import(item: Any) -> None:
    s = item.summary
    if s.skipped:
        click.echo(f"{item.path.name}: unchanged since batch {s.batch}")
        return
    click.echo(
        f"{item.path.name}: {s.new} new, {s.changed} changed, {s.unchanged} unchanged facts; "
        f"{s.rejected} rows and {s.flagged} fields set aside"
    )
    for reject in item.rejects[:SHOWN]:
        what = "field set aside" if reject.kept else "row not taken"
        click.echo(
            f"  {reject.file}, row {reject.row}, {reject.field}: {reject.reason} ({what}); "
            f"{reject.next_step}",
            err=True,
        )
    if len(item.rejects) > SHOWN:
        click.echo(f"  and {len(item.rejects) - SHOWN} more; 'innovatory export' lists all",
                   err=True)  # fmt: skip


@contextmanager
def _counter() -> Iterator[Callable[[str, int], None]]:
    """A spinner that counts rows, where a person is watching."""
    if not sys.stderr.isatty():
        yield lambda name, rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading")
        yield lambda name, rows: bar.update(
            task, description=f"{name}: {rows:,} rows" if rows >= 0 else f"{name}: storing"
        )


@contextmanager
def _bar(noun: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar, where a person is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(noun, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _has_browser() -> bool:
    if os.environ.get("CI") or not sys.stdout.isatty():
        return False
    on_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(on_screen) or sys.platform in ("darwin", "win32")


def main() -> None:
    """Run the command; an error the user can act on is one line, not a traceback."""
    try:
        app()
    except InnovatoryError as error:
        click.echo(f"innovatory: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
