"""CORDIS projects, in whichever shape they come: the same Record from each.

- two CSV files in one folder, projects.csv and organizations.csv, comma separated;
- the official bulk download: a zip, or its unpacked folder, of project.csv, organization.csv,
  webLink.csv and others, semicolon separated, with decimal commas;
- the official XML, one file per project, in a folder or a zip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from innovatory.records import Funding, Link, Organisation, Place, Record, Reject, Row
from innovatory.sources.draft import safe_url, settle
from innovatory.sources.mapping import number
from innovatory.sources.reader import FIELD_LIMIT, Fault, Names, Reader, Seen, excerpt, listed

if TYPE_CHECKING:
    from innovatory.sources.descriptor import Descriptor

SUFFIXES = (".csv", ".zip", ".xml")
STATUSES = {"SIGNED": "active", "CLOSED": "completed", "TERMINATED": "ended_early"}
KINDS = {
    "PUB": "public",
    "PRC": "company",
    "HES": "research",
    "REC": "research",
    "OTH": "other",
}
LEAD_TYPES = {
    "PRC": "company",
    "HES": "university_or_research",
    "REC": "university_or_research",
}
"""PUB may be a city or a ministry, OTH an association or an agency: their type is unknown."""

COUNTRIES = {"EL": "GR", "UK": "GB"}
"""The codes of the European institutions that are not those of ISO 3166."""

FIELDS = (
    "id",
    "acronym",
    "title",
    "objective",
    "keywords",
    "startDate",
    "endDate",
    "status",
    "ecMaxContribution",
    "fundingScheme",
    "topics",
    "topicTitle",
    "programmeTitles",
)
"""The fields of a project that are read, by their official names.

The last two come from the files on topics and legal bases; titles are separated by `|`.
"""


class Participation(NamedTuple):
    """An organisation's part in a project, as delivered."""

    order: int
    role: str
    name: str
    activity: str
    city: str
    country: str


class Project(NamedTuple):
    """A project as delivered: texts by official field name, participants and web pages."""

    texts: dict[str, str]
    participants: list[Participation]
    websites: list[str]


def sniff(path: Path) -> bool:
    """Whether a file is a CORDIS table, archive or project, by its first bytes."""
    from innovatory.sources import cordis_tables, cordis_xml

    match path.suffix.lower():
        case ".csv":
            return cordis_tables.is_projects(path) or cordis_tables.is_companion(path)
        case ".zip":
            return cordis_tables.is_archive(path)
        case ".xml":
            return cordis_xml.is_project(path)
    return False


def read(path: Path, *, descriptor: Descriptor) -> Iterator[Row | Reject]:
    """The projects and rejects of a CORDIS file, one by one.

    A file that only belongs to another one (organizations.csv beside projects.csv) yields nothing
    of its own. Memory holds the organisations of all projects, but not their texts.
    """
    from innovatory.sources import cordis_tables, cordis_xml

    match path.suffix.lower():
        case ".zip":
            projects = cordis_tables.archived(path)
        case ".xml":
            projects = cordis_xml.single(path)
        case _:
            projects = cordis_tables.foldered(path)
    names = Names.of(descriptor)
    seen = Seen()
    for item in projects:
        if isinstance(item, Reject):
            yield item
        else:
            file, row, project = item
            yield from _rows(project, file=file, row=row, names=names, seen=seen)


def _rows(
    project: Project, *, file: str, row: int, names: Names, seen: Seen
) -> Iterator[Row | Reject]:
    record, faults = record_of(project, prefix=names.prefix)
    if record is not None and (again := seen.again(record, row)):
        record, faults = None, [*faults, again]
    raw = msgspec.json.encode(project).decode()
    if record is not None:
        yield Row(row, record, raw)
    shown = project.texts.get("title", "")
    yield from listed(faults, file=file, row=row, kept=record is not None, text=shown)


def record_of(project: Project, *, prefix: str = "") -> tuple[Record | None, list[Fault]]:
    """The Record that a project tells, or None; and what is wrong with it.

    Its places are those of its participants: a project of CORDIS has no city of its own.

    >>> texts = {"id": "1", "title": "T", "ecMaxContribution": "1,5", "fundingScheme": "HORIZON-IA"}
    >>> parts = [Participation(1, "coordinator", "U", "HES", "WIEN", "AT")]
    >>> record, _ = record_of(Project(texts, parts, []), prefix="cordis-")
    >>> record.id, record.lead_type, record.places[0].role
    ('cordis-1', 'university_or_research', 'coordinator')
    >>> record.funding.amount, record.funding.note
    (1.5, 'scheme: HORIZON-IA')
    """
    found: list[Fault] = []
    texts = {key: _clean(key, project.texts.get(key, ""), found) for key in FIELDS}
    parts = sorted(project.participants, key=lambda p: (p.order, p.role, p.name, p.city))
    lead = next((part for part in parts if part.role == "coordinator"), None)
    if not texts["id"]:
        found.append(Fault("id", "the id is missing", "give the project its id", True))
    record = Record(
        prefix + texts["id"],
        "project",
        texts["title"],
        description=texts["objective"],
        local_name=texts["acronym"],
        lead=lead.name if lead else "",
        lead_type=LEAD_TYPES.get(lead.activity, "unknown") if lead else "unknown",
        start=texts["startDate"],
        end=texts["endDate"],
        status=STATUSES.get(texts["status"], "unknown"),
        keywords=_keywords(texts["keywords"]),
        funding=_funding(texts, found),
        places=_places(parts),
        organisations=tuple(_organisation(part) for part in parts if part.name),
        links=_links(texts["id"], project.websites, found),
    )
    return settle(record, found)


def _clean(field: str, text: str, found: list[Fault]) -> str:
    if len(text) > FIELD_LIMIT or "\0" in text:
        reason = f"is longer than {FIELD_LIMIT:,} characters or holds a NUL character"
        fatal = field in ("id", "title", "startDate", "endDate")
        found.append(Fault(field, reason, "correct it", fatal, excerpt(text)))
        return ""
    return text.strip()


def _keywords(text: str) -> tuple[str, ...]:
    words = (" ".join(word.split()) for word in text.split(";" if ";" in text else ","))
    return tuple(dict.fromkeys(word for word in words if word))


def _funding(texts: dict[str, str], found: list[Fault]) -> Funding:
    text, note = texts["ecMaxContribution"], _note(texts)
    if not text:
        return Funding("public", note=note)
    amount = number(text, decimal="," if "," in text and "." not in text else ".")
    if amount is None or amount < 0:
        reason = "is not an amount"
        found.append(Fault("ecMaxContribution", reason, "write a number", False, excerpt(text)))
        return Funding("public", note=note)
    return Funding("public", amount, "EUR", note)


def _note(texts: dict[str, str]) -> str:
    """What was called for and how it is paid: each part led by its name, as far as it is known."""
    named = {
        "topic": "topicTitle", "topic id": "topics", "scheme": "fundingScheme",
        "programme": "programmeTitles",
    }  # fmt: skip
    told = {name: _each(texts[field]) for name, field in named.items()}
    return "; ".join(f"{name}: {text}" for name, text in told.items() if text)


def _each(text: str) -> str:
    """Titles separated by `|`, each once; sorted, for no two shapes have them in the same order."""
    titles = {" ".join(title.split()) for title in text.split("|")}
    return " / ".join(sorted(titles - {""}))


def _places(parts: list[Participation]) -> tuple[Place, ...]:
    """Each city once, as its first participant spells it, those of coordinators first."""
    places: dict[tuple[str, str], Place] = {}
    for part in sorted(parts, key=lambda p: p.role != "coordinator"):
        if part.city:
            role = "coordinator" if part.role == "coordinator" else "participant"
            country = COUNTRIES.get(part.country, part.country)
            places.setdefault((part.city.casefold(), country), Place(part.city, country, role))
    return tuple(places.values())


def _organisation(part: Participation) -> Organisation:
    role = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", part.role).lower()
    country = COUNTRIES.get(part.country, part.country)
    kind = KINDS.get(part.activity, "unknown")
    return Organisation(part.name, role or "participant", kind, part.city, country)


def _links(number: str, websites: list[str], found: list[Fault]) -> tuple[Link, ...]:
    page = f"https://cordis.europa.eu/project/id/{number}"
    links = [Link(page, "Project page on CORDIS", "European Union, CORDIS")]
    for url in dict.fromkeys(site.strip() for site in websites):
        if safe_url(url):
            links.append(Link(url, "Website of the project"))
        elif url:
            reason = "is not a web address"
            found.append(Fault("website", reason, "write http(s)://...", False, excerpt(url)))
    return tuple(links)


def participation(texts: dict[str, str]) -> Participation | Fault:
    """A participation from texts by official field name, or what is wrong with it."""
    values: dict[str, Any] = {}
    for key in ("role", "name", "activityType", "city", "country"):
        text = texts.get(key, "")
        if len(text) > FIELD_LIMIT or "\0" in text:
            return Fault(key, "is too long or holds a NUL character", "correct it", True)
        values[key] = text.strip()
    order = texts.get("order", "").strip()
    return Participation(
        int(order) if order.isascii() and order.isdigit() and len(order) < 10 else 0,
        values["role"],
        values["name"],
        values["activityType"],
        values["city"],
        values["country"],
    )


READER = Reader("cordis", "CORDIS projects (CSV, bulk zip or XML)", SUFFIXES, sniff, read)
