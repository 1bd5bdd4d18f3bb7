"""The command line: verbs in the order of the pipeline; no logic of its own.

Exit codes: 0 done; 1 refused, with the reason and the next step; 2 wrong usage; 3 collected, but
rows or fields were set aside; 4 a check found something wrong, or a name means no one city.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from innovatory import __version__
from innovatory.cli_coding import VERBS
from innovatory.command import (
    ASIDE,
    FILE,
    FOLDER,
    FOUND,
    JSON,
    REFUSED,
    Group,
    an_id,
    print_json,
)
from innovatory.console import (
    counting,
    has_browser,
    measuring,
    number,
    say,
    tell_built,
    tell_collected,
)
from innovatory.errors import InnovatoryError
from innovatory.records import Design


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 refused, with the reason and the next step; 2 wrong usage; "
    "3 collected, but rows or fields were set aside; 4 a check found something wrong, or a name "
    "means no one city.",
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
    """Make an observatory: a folder with settings and a codebook.

    The folder is made to be kept in git. Edit DIR/observatory.toml to name the panel of cities
    and the editions, and DIR/codebook.yaml to change what coders are asked. Files that are there
    already are kept.
    """
    from innovatory import observatory

    made = observatory.new(folder, title=title or folder.absolute().name)
    say(f"{made.folder / observatory.SETTINGS}: edit it, then 'innovatory collect "
        f"{shlex.quote(str(folder))} SOURCE'")  # fmt: skip


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--design", type=click.Choice([d.value for d in Design]),
              help="How the records were gathered, where no source.toml says so.")  # fmt: skip
@click.option("--of", "population", default="", metavar="TEXT",
              help="What they are a census, sample or choice of.")  # fmt: skip
@click.option("--id", "source_id", default="", metavar="ID", callback=an_id,
              help="Id of the source.  [default: the file's name]")  # fmt: skip
@click.option(
    "--mapping", type=FILE, help="Mapping of columns to fields; see 'innovatory mapping'."
)
@click.option("--reader", default="", metavar="NAME",
              help="Which reader, by name (docs/formats.md).  [default: by kind]")  # fmt: skip
@JSON
def collect(
    folder: Path, sources: Sequence[Path], design: str | None, population: str, source_id: str,
    mapping: Path | None, reader: str, as_json: bool,
) -> None:  # fmt: skip
    """Read sources into the ledger.

    A SOURCE is a file, a folder, or a source.toml that describes one (docs/formats.md); without
    any, every [[source]] of observatory.toml is read. Files may be native JSON Lines, CSV or XLSX
    (with a mapping), Data Packages, CORDIS exports, or a folder that 'innovatory export' wrote.

    Each file goes in wholly or not at all. Reading it again changes nothing; changed rows become
    new versions. A row or field that cannot be taken is listed with file, row, field and the next
    step, and the others go in. A file that cannot be read at all does not keep the others out.

    Exits with 3 where rows or fields were set aside, with 1 where a file could not be read.
    """
    from innovatory import observatory, pipeline

    place = observatory.load(folder)
    gathered = pipeline.Gathered(Design(design) if design else None, population, source_id)
    with counting() as progress:
        found = pipeline.collect(
            place, sources or place.sources, gathered=gathered, mapping=mapping, reader=reader,
            progress=progress,
        )  # fmt: skip
    if not found:
        raise InnovatoryError(
            f"{folder}: no SOURCE given, and no [[source]] in {observatory.SETTINGS}; name a file, "
            "a folder or a source.toml"
        )
    if as_json:
        print_json([_collected_json(item) for item in found])
    else:
        for item in found:
            tell_collected(item)
    if any(item.refused for item in found):
        sys.exit(REFUSED)
    sys.exit(ASIDE if any(item.rejects for item in found) else 0)


def _collected_json(item: Any) -> dict[str, Any]:
    told = {"path": str(item.path), "refused": item.refused}
    told |= asdict(item.summary) if item.summary else {}
    return told | {"rejects": [asdict(reject) for reject in item.rejects]}


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--as-of", metavar="DATE", help="Build an edition as of YYYY, YYYY-MM or YYYY-MM-DD.")
@click.option("--edition", metavar="NAME", help="Name of the edition.  [default: all, or the date]")
@JSON
def build(folder: Path, as_of: str | None, edition: str | None, as_json: bool) -> None:
    """Build editions from the ledger, and the site from the editions.

    Stage, status and membership come from the dated events up to the edition's date. Without
    options every edition of observatory.toml is built, with --edition that one. With --as-of one
    more is built as of that date, and then added there. Only what depends on something that
    changed is made again; the same ledger gives the same bytes.
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
    if as_of:
        observatory.keep_edition(place, name)
    with measuring("pages") as progress:
        published = pipeline.publish_site(place, progress=progress)
    seconds = time.perf_counter() - started
    notices = pipeline.notices(place, [item.name for item in built])
    if as_json:
        rows = [{"name": b.name, "folder": str(b.folder), "made": b.made, "kept": b.kept}
                for b in built]  # fmt: skip
        print_json({"editions": rows, "site": str(published.index), "pages": published.pages,
                     "written": published.written, "seconds": round(seconds, 3),
                     "notices": notices})  # fmt: skip
        return
    for item in built:
        tell_built(item)
    say(f"{published.index}: {published.written} of {published.pages} pages written, "
        f"{seconds:.1f} s")  # fmt: skip
    for notice in notices:
        say(notice, err=True)


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--figures", type=FILE,
              help="Also check a file of printed figures (docs/figures.md).")  # fmt: skip
@click.option("--edition", metavar="NAME", help="Compare the figures with this edition's.")
@JSON
def check(folder: Path, figures: Path | None, edition: str | None, as_json: bool) -> None:
    """Check the editions, and figures that somebody printed.

    Every file is compared with its hash, every claim is computed again from the tables, and the
    records listed behind a claim must add up to it. What was set aside at collecting, and places
    without a city, are listed. With --figures each printed figure is called consistent,
    inconsistent, ambiguous, or in need of a base that is not printed; with --edition also equal
    to that edition's, or different.

    Exits with 4 where something is wrong.
    """
    from innovatory import checking, observatory

    if edition and not figures:
        raise click.UsageError("--edition says what --figures are compared with; give both")
    place = observatory.load(folder)
    assessments = checking.figures(place, figures, edition=edition) if figures else []
    report = checking.check(place)
    wrong = bool(report.problems) or any(
        checking.is_wrong(assessment) for assessment in assessments
    )
    if as_json:
        told = asdict(report) | {"folder": str(folder)}
        print_json(told | {"figures": [checking.as_json(v) for v in assessments]})
    else:
        for line in (*report.lines(), *map(checking.line, assessments)):
            say(line)
    sys.exit(FOUND if wrong else 0)


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--to", "target", type=FOLDER, help="Where to.  [default: DIR/export]")
@JSON
def export(folder: Path, target: Path | None, as_json: bool) -> None:
    """Write the ledger as native JSON Lines, a folder for each source.

    These are the current facts; 'innovatory collect' reads the folder again into a new
    observatory, so that nothing is locked in. What was set aside at collecting goes into
    rejects.csv, and the codebooks that were answered to into codebooks/.
    """
    from innovatory import observatory
    from innovatory.export import export as write

    place = observatory.load(folder)
    target = target or folder / "export"
    with place.ledger() as ledger:
        written = write(ledger, target)
    if as_json:
        print_json({"folder": str(target), "rows": written})
    else:
        for name, rows in written.items():
            say(f"{target / name}: {number(rows, 'row')}")
        if not written:
            say(f"{folder}: the ledger holds no facts yet; collect a source first")


@app.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("record_id", metavar="RECORD")
@JSON
def history(folder: Path, record_id: str, as_json: bool) -> None:
    """Print all that the ledger ever held about one record.

    Oldest first: each version with what changed, every coding, correction and event, with the
    batch, the time, the file and the row it came from.
    """
    from innovatory import observatory

    with observatory.load(folder).ledger() as ledger:
        entries = ledger.history(record_id)
    if as_json:
        print_json([asdict(entry) for entry in entries])
    else:
        for entry in entries:
            say(entry.text)


@app.command()
@click.argument("name")
@click.option("--country", default="", help="Country, by code or English name.")
@JSON
def city(name: str, country: str, as_json: bool) -> None:
    """Say which city a name means, and its id.

    A name that could mean several cities is not guessed: the ids it could mean are printed, and
    the exit code is 4.
    """
    from innovatory.gazetteer import Gazetteer

    found = Gazetteer.load().resolve(name, country)
    if as_json:
        print_json(asdict(found))
    elif found.city:
        c = found.city
        people = f", {c.population:,} inhabitants" if c.population else ""
        say(f"{c.id}: {c.name}, {c.country_name or c.country}{people}, {c.lat}, {c.lon}")
    else:
        say(f"{name!r}: {found.reason}")
    sys.exit(0 if found.city else FOUND)


@app.command()
@click.argument("file", type=FILE)
def mapping(file: Path) -> None:
    """Propose how the columns of a CSV or XLSX file are read.

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
    """Build the observatory of 31 cities, and open its site.

    The starter corpus: 504 real records, coded twice, in three editions. With --synthetic, a
    plainly made-up list of 1,088 projects and 206 living labs whose figures are those that the
    published report prints. DIR is 'demo' where none is given.
    """
    from innovatory import demo as demos
    from innovatory import pipeline

    started = time.perf_counter()
    place, sources = (demos.synthetic if synthetic else demos.starter)(folder)
    with counting() as progress:
        collected = pipeline.collect(place, sources, progress=progress)
    for item in collected:
        tell_collected(item)
    for built in pipeline.build_editions(place):
        tell_built(built)
    with measuring("pages") as pages:
        published = pipeline.publish_site(place, progress=pages)
    say(f"{published.written} of {published.pages} pages written, "
        f"{time.perf_counter() - started:.1f} s in all")  # fmt: skip
    say(f"The site is at {published.index.absolute().as_uri()}")
    if show or (show is None and has_browser()):
        click.launch(str(published.index.absolute()))


for verb in VERBS:
    app.add_command(verb)


def main() -> None:
    """Run the command; an error the user can act on is one line, not a traceback."""
    app()


if __name__ == "__main__":
    main()
