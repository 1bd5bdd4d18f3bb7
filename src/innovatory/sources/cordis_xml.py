"""CORDIS projects from the official XML, one document per project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from innovatory.records import Reject
from innovatory.sources.cordis import FIELDS, Project, participation
from innovatory.sources.reader import XML_LIMIT, Fault, excerpt

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from innovatory.sources.cordis_tables import Item

_ROOT = re.compile(rb"<(?:\w+:)?project[\s>]")


def is_project(path: Path) -> bool:
    """Whether an XML file is a CORDIS project, by its first tag."""
    with path.open("rb") as stream:
        start = stream.read(4096)
    return b"cordis" in start and _ROOT.search(start) is not None


def single(path: Path) -> Iterator[Item]:
    """The project of an XML file, or the reject that stands for it."""
    with path.open("rb") as stream:
        yield parsed(stream, file=path.name)


def parsed(stream: IO[bytes], *, file: str) -> Item:
    """The project of an XML document; one that cannot be read is a reject.

    Document types and entities are refused: CORDIS has none, and bombs are made of them.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    data = stream.read(XML_LIMIT + 1)
    if len(data) > XML_LIMIT:
        return Reject(file, 1, "", f"is larger than {XML_LIMIT:,} bytes", "check the file")
    if not data.strip():
        return Reject(file, 0, "", "the file is empty", "get it again")
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        reason = f"declares a document type or entity ({type(error).__name__})"
        return Reject(file, 1, "", reason, "remove it; CORDIS has none")
    except (ParseError, ValueError, LookupError) as error:
        shown = excerpt(data[:80].decode("utf-8", "replace"))
        return Reject(file, 1, "", f"is not XML: {error}", "get it again", excerpt=shown)
    if _name(root) != "project":
        reason = f"is about a {excerpt(_name(root))}, not a project"
        return Reject(file, 1, "", reason, "give project files only")
    return file, 1, _project(root)


def _name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def _children(element: Element | None, name: str) -> Iterator[Element]:
    if element is not None:
        yield from (child for child in element if _name(child) == name)


def _child(element: Element | None, *path: str) -> Element | None:
    for name in path:
        element = next(_children(element, name), None)
    return element


def _text(element: Element | None, *path: str) -> str:
    found = _child(element, *path)
    return (found.text or "") if found is not None else ""


def _project(root: Element) -> Project:
    associations = _child(root, "relations", "associations")
    # Older documents have the associations without the relations around them.
    if associations is None:
        associations = _child(root, "associations")
    parts = []
    for organisation in _children(associations, "organization"):
        part = participation(_participant(organisation))
        if not isinstance(part, Fault):
            parts.append(part)
    websites = [
        _text(link, "physUrl")
        for link in _children(associations, "webLink")
        if link.get("represents", "project") == "project"
    ]
    texts = {key: _text(root, key) for key in FIELDS}
    programmes = list(_children(associations, "programme"))
    topics = [one for one in programmes if one.get("type") == "relatedTopic"]
    bases = [one for one in programmes if one.get("type") == "relatedLegalBasis"]
    texts |= {
        "topics": "|".join(_text(topic, "code") for topic in topics),
        "topicTitle": "|".join(_text(topic, "title") for topic in topics),
        "programmeTitles": "|".join(_text(basis, "title") for basis in bases),
        "fundingScheme": _category(root, "projectFundingSchemeCategory"),
    }
    return Project(texts, parts, websites)


def _participant(organisation: Element) -> dict[str, str]:
    return {
        "order": organisation.get("order", ""),
        "role": organisation.get("type", ""),
        "name": _text(organisation, "legalName"),
        "activityType": _category(organisation, "organizationActivityType"),
        "city": _text(organisation, "address", "city"),
        "country": _text(organisation, "address", "country"),
    }


def _category(element: Element, classification: str) -> str:
    """The code of what an element is classified as, such as an activity type PUB, PRC, HES."""
    for category in _children(_child(element, "relations", "categories"), "category"):
        if category.get("classification") == classification:
            return _text(category, "code").rpartition("/")[2]
    return ""
