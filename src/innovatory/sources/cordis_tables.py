"""CORDIS projects from tables: two CSV files in a folder, or the official bulk zip."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from innovatory.errors import SourceError
from innovatory.records import Reject
from innovatory.sources.archive import Archive, open_archive
from innovatory.sources.cordis import FIELDS, Participation, Project, participation
from innovatory.sources.lines import open_bytes
from innovatory.sources.reader import Fault, excerpt
from innovatory.sources.tables import open_table

PROJECTS = ("projects.csv", "project.csv")
ORGANISATIONS = ("organizations.csv", "organization.csv")
WEB_LINKS = ("webLink.csv",)
TOPICS = ("topics.csv",)
LEGAL_BASES = ("legalBasis.csv",)
COMPANIONS = frozenset((*ORGANISATIONS, *WEB_LINKS, *TOPICS, *LEGAL_BASES)) | {
    "euroSciVoc.csv",
    "policyPriorities.csv",
    "webItem.csv",
}
"""The files that say more about the projects of a file beside them."""

_ALIASES = {
    "start_date": "startDate",
    "end_date": "endDate",
    "ec_max_contribution_eur": "ecMaxContribution",
    "project_id": "projectID",
    "activity_type": "activityType",
    "funding_scheme": "fundingScheme",
    "topic_code": "topics",
    "topic_title": "topicTitle",
    "programme_titles": "programmeTitles",
}
"""The columns of the two-file layout and their official names; others are the same in both."""

Item = tuple[str, int, Project] | Reject
Stream = tuple[str, io.BufferedReader] | None


def is_projects(path: Path) -> bool:
    """Whether a CSV file is a table of CORDIS projects, by its header."""
    with path.open("rb") as stream:
        header = {_official(name) for name in _names(stream.readline(1 << 16))}
    return {"id", "acronym", "objective", "ecMaxContribution"} <= header


def is_companion(path: Path) -> bool:
    """Whether a file belongs to a table of CORDIS projects beside it."""
    return path.name in COMPANIONS and any(
        beside.is_file() and is_projects(beside)
        for beside in (path.parent / name for name in PROJECTS)
    )


def is_archive(path: Path) -> bool:
    """Whether a zip holds CORDIS projects, as tables or as XML."""
    try:
        with open_archive(path) as archive:
            return _member(archive, PROJECTS) is not None or any(
                name.lower().endswith(".xml") for name in archive.names()
            )
    except (SourceError, OSError):
        return False


def _names(line: bytes) -> list[str]:
    text = line.decode("utf-8", "replace").lstrip("\ufeff").strip()
    return [name.strip('" ') for name in text.replace(";", ",").split(",")]


def _official(name: str) -> str:
    return _ALIASES.get(name, name)


def foldered(path: Path) -> Iterator[Item]:
    """The projects of a projects.csv with what the files beside it add."""
    if is_companion(path):
        return
    with ExitStack() as stack:

        def beside(names: tuple[str, ...]) -> Stream:
            for name in names:
                if (path.parent / name).is_file():
                    stream = stack.enter_context(open_bytes(path.parent / name))
                    return name, stream
            return None

        stream = stack.enter_context(open_bytes(path))
        yield from _joined(path.name, stream, beside)


def archived(path: Path) -> Iterator[Item]:
    """The projects of a bulk zip, whether it holds tables or one XML file per project."""
    from innovatory.sources.cordis_xml import parsed

    with open_archive(path) as archive, ExitStack() as stack:

        def member(names: tuple[str, ...]) -> Stream:
            name = _member(archive, names)
            if name is None:
                return None
            return f"{path.name}/{excerpt(name)}", stack.enter_context(archive.open(name))

        projects = member(PROJECTS)
        if projects is not None:
            yield from _joined(*projects, member)
            return
        for name in archive.names():
            if name.lower().endswith(".xml"):
                with archive.open(name) as stream:
                    yield parsed(stream, file=f"{path.name}/{excerpt(name)}")


def _member(archive: Archive, names: tuple[str, ...]) -> str | None:
    """The first member of one of these names, in whatever folder of the archive it is."""
    found = (name for name in archive.names() if PurePosixPath(name).name in names)
    return next(found, None)


def _joined(
    file: str, stream: io.BufferedReader, companion: Callable[[tuple[str, ...]], Stream]
) -> Iterator[Item]:
    """The projects of one table with what the others say of them."""
    participants: dict[str, list[Participation]] = defaultdict(list)
    organisations = companion(ORGANISATIONS)
    if organisations is None:
        reason = "no organizations.csv is with it: its projects have no places"
        yield Reject(file, 0, "", reason, "put the file beside it", kept=True)
    else:
        yield from _participations(*organisations, into=participants)
    websites: dict[str, list[str]] = defaultdict(list)
    if web_links := companion(WEB_LINKS):
        yield from _told(*web_links, "physUrl", into=websites)
    titles: dict[str, dict[str, list[str]]] = {}
    for key, names in (("topicTitle", TOPICS), ("programmeTitles", LEGAL_BASES)):
        titles[key] = defaultdict(list)
        if told := companion(names):
            yield from _told(*told, "title", into=titles[key])
    reached = set()
    for row in _texts(file, stream):
        if isinstance(row, Reject):
            yield row
            continue
        number, cells = row
        own = cells.get("id", "").strip()
        reached.add(own)
        project = {key: cells.get(key, "") for key in FIELDS}
        project |= {key: "|".join(found[own]) for key, found in titles.items() if own in found}
        sites = [*websites.get(own, []), cells.get("website", "")]
        yield file, number, Project(project, participants.get(own, []), sites)
    # What was not reached: either its project is missing or its row was a reject.
    left = sorted(participants.keys() - reached)
    if left and organisations is not None:
        shown = excerpt(", ".join(left[:20]))
        reason = f"{len(left)} projects of these organisations are not in {file}"
        step = "get both files again"
        yield Reject(organisations[0], 0, "projectID", reason, step, kept=True, excerpt=shown)


def _told(
    file: str, stream: io.BufferedReader, column: str, *, into: dict[str, list[str]]
) -> Iterator[Reject]:
    """Fills in what a column says of each project itself and yields the rows that say nothing."""
    for row in _texts(file, stream):
        if isinstance(row, Reject):
            yield row
        elif row[1].get("represents", "project") in ("project", ""):
            into[row[1].get("projectID", "").strip()].append(row[1].get(column, ""))


def _participations(
    file: str, stream: io.BufferedReader, *, into: dict[str, list[Participation]]
) -> Iterator[Reject]:
    """Fills in the participations by project and yields the rows that are none."""
    known: dict[str, str] = {}
    for row in _texts(file, stream):
        if isinstance(row, Reject):
            yield row
            continue
        number, cells = row
        part = participation(cells)
        if isinstance(part, Fault):
            yield Reject(file, number, part.field, part.reason, part.next_step)
            continue
        # 180,000 participations repeat few texts: each is kept once.
        order, *texts = part
        once = (known.setdefault(text, text) for text in texts)
        into[cells.get("projectID", "").strip()].append(Participation(order, *once))


def _texts(file: str, stream: io.BufferedReader) -> Iterator[tuple[int, dict[str, str]] | Reject]:
    """The rows of a CSV by official column name."""
    table = open_table(stream, file=file)
    yield from table.notes
    header = [_official(name) for name in table.header]
    for item in table.rows:
        if isinstance(item, Reject):
            yield item
        else:
            yield item.number, dict(zip(header, item.cells, strict=True))
