"""CORDIS: the same Record from every shape, and hostile archives and documents."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

from innovatory.records import Coder, Funding, Link, Organisation, Place, Record, Reject
from innovatory.sources import describe, read
from innovatory.sources.cordis import FIELDS
from sources_data import ROOT, gather, records, shared

PROJECT = {
    "id": "101",
    "acronym": "BUS",
    "title": "Buses; a <study>",
    "objective": 'First line\nsecond "quoted" line, with ; and ,',
    "keywords": "bus, lane,  bus",
    "start_date": "2023-01-01",
    "end_date": "2025-12-31",
    "status": "SIGNED",
    "ec_max_contribution_eur": "1499877.5",
    "website": "https://bus.example/",
    "funding_scheme": "HORIZON-IA",
    "topic_code": "HORIZON-CL5-01",
    "topic_title": "Clean  buses; and <lanes>",
    "programme_titles": "Transport|Energy",
}
LATER = PROJECT | {"id": "102", "acronym": "", "status": "TERMINATED", "website": ""}
LATER |= {"funding_scheme": "", "topic_title": "", "programme_titles": "Energy"}
COLUMNS = "project_id order role name activity_type city country"
ORGANISATIONS = [
    dict(zip(COLUMNS.split(), row, strict=True))
    for row in [
        ("101", "2", "associatedPartner", "Stadt & Land", "PUB", "WIEN", "AT"),
        ("101", "1", "coordinator", "TU", "HES", "Athina", "EL"),
        ("101", "3", "participant", "Firm", "PRC", "ATHINA", "EL"),
        ("101", "4", "participant", "Nowhere", "OTH", "", "UK"),
        ("102", "1", "coordinator", "Firm", "PRC", "Athina", "EL"),
    ]
]
OFFICIAL = {
    "start_date": "startDate",
    "end_date": "endDate",
    "ec_max_contribution_eur": "ecMaxContribution",
    "project_id": "projectID",
    "activity_type": "activityType",
    "funding_scheme": "fundingScheme",
    "topic_code": "topics",
}
APART = ("website", "topic_title", "programme_titles")
Rows = list[dict[str, str]]


def flat(folder: Path, projects: Rows, organisations: Rows) -> Path:
    """The two comma separated files in one folder."""
    folder.mkdir(exist_ok=True)
    (folder / "projects.csv").write_text(written(projects, ","), newline="")
    (folder / "organizations.csv").write_text(written(organisations, ","), newline="")
    return folder / "projects.csv"


def written(rows: Iterable[dict[str, str]], delimiter: str, **options: Any) -> str:
    rows = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, **options)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def bulk(projects: Rows, organisations: Rows) -> dict[str, str]:
    """The files of the official bulk download."""

    def official(row: dict[str, str]) -> dict[str, str]:
        named = {OFFICIAL.get(k, k): value for k, value in row.items() if k not in APART}
        amount = named.get("ecMaxContribution")
        return named if amount is None else named | {"ecMaxContribution": amount.replace(".", ",")}

    links = [
        {"physUrl": row["website"], "represents": "project", "projectID": row["id"]}
        for row in projects
        if row.get("website")
    ]
    tables = {
        "project.csv": [official(row) for row in projects],
        "organization.csv": [official(row) for row in organisations],
        "webLink.csv": links or [{"physUrl": "", "represents": "project", "projectID": ""}],
        "topics.csv": [
            {"projectID": row["id"], "topic": row["topic_code"], "title": row["topic_title"]}
            for row in projects
        ],
        "legalBasis.csv": [
            {"projectID": row["id"], "legalBasis": "HORIZON.2", "title": title}
            for row in projects
            for title in reversed(row["programme_titles"].split("|"))
        ],
    }
    return {name: written(t, ";", quoting=csv.QUOTE_ALL) for name, t in tables.items()}


def xml(project: dict[str, str], organisations: Rows) -> str:
    """The official document of one project."""
    apart = (*APART, "funding_scheme", "topic_code")
    texts = {OFFICIAL.get(k, k): v for k, v in project.items() if k not in apart}
    fields = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in texts.items() if k in FIELDS)
    parts = "".join(
        f"<organization type={quoteattr(o['role'])} order={quoteattr(o['order'])}>"
        f"<legalName>{escape(o['name'])}</legalName>"
        f"<address><city>{escape(o['city'])}</city><country>{o['country']}</country></address>"
        '<relations><categories><category classification="organizationActivityType">'
        f"<code>{o['activity_type']}</code></category></categories></relations></organization>"
        for o in organisations
    )
    site = project.get("website", "")
    link = f'<webLink represents="project"><physUrl>{escape(site)}</physUrl></webLink>'
    bases = "".join(
        f'<programme type="relatedLegalBasis"><title>{escape(title)}</title></programme>'
        for title in project["programme_titles"].split("|")
    )
    topic = (
        f'<programme type="relatedTopic"><code>{escape(project["topic_code"])}</code>'
        f"<title>{escape(project['topic_title'])}</title></programme>"
    )
    scheme = (
        '<categories><category classification="projectFundingSchemeCategory">'
        f"<code>{project['funding_scheme']}</code></category></categories>"
    )
    inner = parts + (link if site else "") + bases + topic
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<project xmlns="http://cordis.europa.eu">'
        f"{fields}<relations><associations>{inner}</associations>{scheme}</relations></project>"
    )


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def every_shape(
    tmp_path: Path, projects: Rows, organisations: Rows
) -> dict[str, tuple[list[Record], list[Reject]]]:
    """The same projects read from each of the shapes."""
    own = {p["id"]: [o for o in organisations if o["project_id"] == p["id"]] for p in projects}
    documents = {f"{p['id']}.xml": xml(p, own[p["id"]]) for p in projects}
    folder = tmp_path / "bulk"
    folder.mkdir()
    for name, text in bulk(projects, organisations).items():
        (folder / name).write_text(text, newline="")
    paths = {
        "flat": [flat(tmp_path / "flat", projects, organisations)],
        "folder": [folder / "project.csv"],
        "zip": [zipped(tmp_path / "b.zip", bulk(projects, organisations))],
        "xml zip": [zipped(tmp_path / "x.zip", documents)],
        "xml": [],
    }
    (tmp_path / "xml").mkdir()
    for name, text in documents.items():
        (tmp_path / "xml" / name).write_text(text)
        paths["xml"].append(tmp_path / "xml" / name)
    found = {}
    for shape, files in paths.items():
        both = [gather(file, prefix="cordis-") for file in files]
        rows = [row for pair in both for row in pair[0]]
        found[shape] = (records(rows), [reject for pair in both for reject in pair[1]])
    return found


def test_every_shape_gives_the_same_records(tmp_path: Path) -> None:
    """Two CSV files, the unpacked download, its zip, XML files and a zip of them."""
    shapes = every_shape(tmp_path, [PROJECT, LATER], ORGANISATIONS)
    assert {shape: rejects for shape, (_, rejects) in shapes.items() if rejects} == {}
    bus = shapes["flat"][0][0]
    assert all(found == shapes["flat"][0] for found, _ in shapes.values())
    assert bus.id == "cordis-101" and bus.local_name == "BUS" and bus.status == "active"
    assert bus.description == PROJECT["objective"] and bus.keywords == ("bus", "lane")
    assert (bus.lead, bus.lead_type) == ("TU", "university_or_research")
    note = (
        "topic: Clean buses; and <lanes>; topic id: HORIZON-CL5-01; scheme: HORIZON-IA; "
        "programme: Energy / Transport"
    )
    assert bus.funding == Funding("public", 1499877.5, "EUR", note)
    assert bus.places == (Place("Athina", "GR", "coordinator"), Place("WIEN", "AT", "participant"))
    assert bus.organisations[:2] == (
        Organisation("TU", "coordinator", "research", "Athina", "GR"),
        Organisation("Stadt & Land", "associated_partner", "public", "WIEN", "AT"),
    )
    assert bus.links[1] == Link("https://bus.example/", "Website of the project")
    later = shapes["flat"][0][1]
    assert later.status == "ended_early" and bus.events == ()
    assert later.funding.note == "topic id: HORIZON-CL5-01; programme: Energy"


def test_every_shape_agrees_on_the_real_projects(tmp_path: Path) -> None:
    """60 of the 600 shared projects, written out in the other shapes, give the same records."""
    with shared("data/cordis/projects.csv").open(newline="") as stream:
        projects = list(csv.DictReader(stream))[::10]
    with shared("data/cordis/organizations.csv").open(newline="") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["project_id"])
    own = {key: list(group) for key, group in groupby(rows, lambda row: row["project_id"])}
    organisations = [row for project in projects for row in own[project["id"]]]
    shapes = every_shape(tmp_path, projects, organisations)
    assert all(len(found) == 60 for found, _ in shapes.values())
    assert all(found == shapes["flat"][0] for found, _ in shapes.values())
    assert [reject for _, rejects in shapes.values() for reject in rejects] == []


def test_the_example_descriptor_reads_all_600(monkeypatch: pytest.MonkeyPatch) -> None:
    """With coders whose names do not collide with those of the starter corpus."""
    if shared("data/cordis").resolve() != (ROOT.parent / "shared/data/cordis").resolve():
        pytest.skip("the example's path leads to ../shared only")
    descriptor = describe(ROOT / "examples/cordis")
    assert [coder.id for coder in descriptor.coders] == ["cordis-coder-a", "cordis-coder-b"]
    assert isinstance(descriptor.coders[0], Coder) and descriptor.source.design == "census"
    items = [item for file in descriptor.files for item in read(file, descriptor=descriptor)]
    assert not [item for item in items if isinstance(item, Reject)]
    facts = [item.fact for item in items if not isinstance(item, Reject)]
    assert sum(isinstance(fact, Record) for fact in facts) == 600
    coders = {fact.coder for fact in facts if not isinstance(fact, Record)}  # type: ignore[union-attr]
    assert len(facts) == 600 + 600 * 13 and coders == {"cordis-coder-a", "cordis-coder-b"}


def test_a_folder_of_the_two_files_stands_for_one_table(tmp_path: Path) -> None:
    """The file of organisations is not a table of its own."""
    flat(tmp_path, [PROJECT], ORGANISATIONS)
    descriptor = describe(tmp_path)
    assert [file.name for file in descriptor.files] == ["projects.csv"]
    assert gather(tmp_path / "organizations.csv") == ([], [])


def test_organisations_without_their_project_are_listed(tmp_path: Path) -> None:
    """And projects without any organisations file are kept without places."""
    rows, rejects = gather(flat(tmp_path, [PROJECT], ORGANISATIONS))
    assert len(rows) == 1 and [(r.excerpt, r.kept) for r in rejects] == [("102", True)]
    (tmp_path / "organizations.csv").unlink()
    rows, rejects = gather(tmp_path / "projects.csv")
    assert records(rows)[0].places == () and rejects[0].kept


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"id": ""}, "id"),
        ({"id": "101"}, "id"),
        ({"start_date": "2023-02-30"}, "start"),
        ({"end_date": "2020-01-01"}, "end"),
    ],
)
def test_a_bad_project_costs_only_itself(
    tmp_path: Path, change: dict[str, str], field: str
) -> None:
    """It is listed, and the projects around it are kept."""
    bad = LATER | {"id": "103"} | change
    rows, rejects = gather(flat(tmp_path, [PROJECT, bad, LATER], ORGANISATIONS))
    assert [record.id for record in records(rows)] == ["101", "102"]
    assert [(r.field, r.kept, r.file) for r in rejects] == [(field, False, "projects.csv")]


def test_a_faulty_amount_or_website_is_set_aside(tmp_path: Path) -> None:
    """The project is kept without it."""
    odd = PROJECT | {"ec_max_contribution_eur": "lots", "website": "javascript:x"}
    rows, rejects = gather(flat(tmp_path, [odd], ORGANISATIONS[:3]))
    funding = records(rows)[0].funding
    assert (funding.source, funding.amount, funding.currency) == ("public", None, "")
    assert "scheme: HORIZON-IA" in funding.note
    assert [(r.field, r.kept) for r in rejects] == [("ecMaxContribution", True), ("website", True)]


def test_a_zip_bomb_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    """A column of 30 MB of the same letter packs 1,000 to 1."""
    rows = bulk([PROJECT], ORGANISATIONS[:3])
    rows["project.csv"] += ('"1";' + "a" * 1_000_000 + "\n") * 30
    found, rejects = gather(zipped(tmp_path / "a.zip", rows))
    assert len(found) == 1 and "bomb" in rejects[-1].reason and rejects[-1].row == 0


def test_a_truncated_zip_is_a_reject(tmp_path: Path) -> None:
    """A download that was cut off is listed as a whole."""
    path = zipped(tmp_path / "a.zip", bulk([PROJECT], ORGANISATIONS))
    path.write_bytes(path.read_bytes()[:-30])
    assert [r.row for r in gather(path, reader="cordis")[1]] == [0]


def test_a_corrupt_member_keeps_what_came_before(tmp_path: Path) -> None:
    """A checksum that does not fit is found while reading."""
    path = zipped(tmp_path / "a.zip", bulk([PROJECT], ORGANISATIONS))
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(bytes(data))
    _, rejects = gather(path, reader="cordis")
    assert rejects[-1].row == 0 and not rejects[-1].kept


BOMB = '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
FILE = '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "text",
    [
        BOMB + '<project xmlns="http://cordis.europa.eu"><title>&b;</title></project>',
        FILE + '<project xmlns="http://cordis.europa.eu"><title>&a;</title></project>',
        '<project xmlns="http://cordis.europa.eu"><title>cut',
        '<project xmlns="http://cordis.europa.eu"/>',
        '<result xmlns="http://cordis.europa.eu"/>',
        '<?xml version="1.0" encoding="klingon"?><project/>',
        '<?xml version="1.0"?><project>' + "<a>" * 50_000 + "</a>" * 50_000 + "</project>",
        "",
        "\0",
    ],
    ids=lambda text: str(text)[:30],
)
def test_a_hostile_document_is_a_reject(tmp_path: Path, text: str) -> None:
    """And in a zip it costs only itself."""
    path = tmp_path / "a.xml"
    path.write_text(text)
    rows, rejects = gather(path, reader="cordis")
    assert rows == [] and rejects and not any(reject.kept for reject in rejects)
    rows, _ = gather(zipped(tmp_path / "a.zip", {"a.xml": text, "b.xml": xml(PROJECT, [])}))
    assert [record.id for record in records(rows)] == ["101"]
