"""From a row in the native layout to a Record, with a fault for all that had to be left out.

The rule: a row cannot live without its id, kind and title, and one whose start or end cannot be
true is not believed; anything else that is wrong is set aside alone and the row is kept.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from innovatory.records import Event, Funding, Link, Organisation, Place, Record, faults
from innovatory.sources.reader import FIELD_LIMIT, Fault, excerpt

ESSENTIAL = frozenset({"id", "kind", "title", "start", "end"})
PLACE_ROLES = ("site", "coordinator", "participant")
ORGANISATION_KINDS = ("public", "company", "research", "other", "unknown")
TEXTS = (
    "kind",
    "title",
    "description",
    "local_name",
    "language",
    "lead",
    "lead_type",
    "status",
    "district",
    "citizens",
    "doubts",
)
KNOWN = frozenset(TEXTS) | {
    "fact",
    "id",
    "city",
    "country",
    "places",
    "partners",
    "organisations",
    "start",
    "start_year",
    "end",
    "end_year",
    "events",
    "funding",
    "keywords",
    "sources",
    "links",
    "verified",
}
_KEYS = {
    "events": frozenset({"when", "year", "stage", "note", "source"}),
    "places": frozenset({"name", "country", "role"}),
    "organisations": frozenset({"name", "role", "kind", "city", "country"}),
    "partners": frozenset({"name", "role", "kind", "city", "country"}),
    "links": frozenset({"url", "title", "publisher"}),
    "sources": frozenset({"url", "title", "publisher"}),
    "funding": frozenset({"source", "amount", "currency", "note"}),
}
_T = TypeVar("_T")


class Draft:
    """A row on its way to a Record; taking a field lists what is wrong with that field."""

    __slots__ = ("faults", "row")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.faults: list[Fault] = []

    def aside(self, field: str, reason: str, next_step: str, value: Any = "") -> None:
        """Lists a field that is left out of the record."""
        self.faults.append(Fault(field, reason, next_step, field in ESSENTIAL, excerpt(value)))

    def text(self, name: str) -> str:
        """A field as text without space around it; '' where it is absent or set aside."""
        return self.clean(name, self.row.get(name))

    def clean(self, field: str, value: Any) -> str:
        """A value as text; '' with a fault where it is none."""
        if value is None:
            return ""
        if type(value) is not str:
            self.aside(field, "is not text", "write it in quotes", value)
        elif len(value) > FIELD_LIMIT:
            self.aside(field, f"is longer than {FIELD_LIMIT:,} characters", "shorten it", value)
        elif "\0" in value:
            self.aside(field, "holds a NUL character", "remove it", value)
        else:
            return value.strip()
        return ""

    def identity(self) -> str:
        """The id as the source has it; numbers are taken too."""
        value = self.row.get("id")
        if type(value) is int:
            return str(value)
        text = self.text("id")
        if not text and not self.faults:
            self.aside("id", "the id is missing", "give the row an id")
        return text

    def when(self, field: str, exact: Any, year: Any) -> str:
        """A date from `when`-like and `year`-like values; the more exact one wins."""
        value = exact if exact is not None else year
        if type(value) is int:
            return f"{value:04d}" if 0 <= value <= 9999 else str(value)
        return self.clean(field, value)

    def items(self, name: str, take: Callable[[str, Any], _T | None]) -> tuple[_T, ...]:
        """The items of a list field, those that cannot be taken set aside one by one."""
        values = self.row.get(name)
        if not values and (values is None or type(values) is list):
            return ()
        if type(values) is not list:
            self.aside(name, "is not a list", "write it as [...]", values)
            return ()
        taken = (take(f"{name}.{n}", value) for n, value in enumerate(values))
        return tuple(item for item in taken if item is not None)

    def table(self, field: str, value: Any) -> dict[str, Any] | None:
        """A value as an object whose unknown keys are listed; None with a fault if it is none."""
        if type(value) is not dict:
            self.aside(field, "is not an object", "write it as {...}", value)
            return None
        known = _KEYS[field.partition(".")[0]]
        if not value.keys() <= known:
            for key in value.keys() - known:
                self.unknown(f"{field}.{excerpt(key)}", value[key])
        return value

    def unknown(self, field: str, value: Any) -> None:
        """Lists a key that means nothing here."""
        self.aside(field, "is not a field that is known", "see docs/formats.md", value)


def record_from(row: Mapping[str, Any], *, prefix: str = "") -> tuple[Record | None, list[Fault]]:
    """The Record that a row in the native layout tells, or None; and what is wrong with the row.

    >>> record, found = record_from({"id": "a", "kind": "project", "title": "A", "colour": "red"})
    >>> record.title, [fault.field for fault in found]
    ('A', ['colour'])
    """
    draft = Draft(row)
    record = Record(
        prefix + draft.identity(),
        draft.text("kind"),
        draft.text("title"),
        draft.text("description"),
        draft.text("local_name"),
        draft.text("language"),
        draft.text("lead"),
        draft.text("lead_type") or "unknown",
        draft.when("start", row.get("start"), row.get("start_year")),
        draft.when("end", row.get("end"), row.get("end_year")),
        draft.text("status") or "unknown",
        draft.text("district"),
        draft.text("citizens"),
        tuple(word for word in draft.items("keywords", draft.clean) if word),
        _funding(draft),
        _places(draft),
        _organisations(draft),
        draft.items("events", lambda field, value: _event(draft, field, value)),
        _links(draft),
        _verified(draft),
        draft.text("doubts"),
    )
    if not row.keys() <= KNOWN:
        for key in row.keys() - KNOWN:
            draft.unknown(excerpt(key), row[key])
    return settle(record, draft.faults)


def settle(record: Record, found: list[Fault]) -> tuple[Record | None, list[Fault]]:
    """The record with its faulty optional parts left out, or None where it cannot live.

    An event whose date or stage is impossible is left out; an unknown status, lead type or source
    of funding becomes `unknown`.

    >>> record, found = settle(Record("a", "project", "A", status="odd"), [])
    >>> record.status, found[0].field
    ('unknown', 'status')
    """
    wrong = faults(record)
    if not wrong and not found:
        return record, found
    listed = {fault.field for fault in found}
    events: set[int] = set()
    changes: dict[str, Any] = {}
    for field, reason, next_step in wrong:
        if field not in listed and field.rpartition(".")[0] not in listed:
            found.append(Fault(field, reason, next_step, field in ESSENTIAL))
        if field.startswith("events."):
            events.add(int(field.split(".")[1]))
        elif field == "funding.source":
            changes["funding"] = dataclasses.replace(record.funding, source="unknown")
        elif field not in ESSENTIAL:
            changes[field] = "unknown"
    if any(fault.fatal for fault in found):
        return None, found
    if events:
        changes["events"] = tuple(e for n, e in enumerate(record.events) if n not in events)
    return (dataclasses.replace(record, **changes) if changes else record), found


def _funding(draft: Draft) -> Funding:
    value = draft.row.get("funding")
    if not value and (value is None or value == {}):
        return Funding()
    table = draft.table("funding", value)
    if table is None:
        return Funding()
    amount = table.get("amount")
    if amount is not None and (
        type(amount) not in (int, float) or not math.isfinite(amount) or amount < 0
    ):
        draft.aside("funding.amount", "is not an amount", "write a number, or leave it out", amount)
        amount = None
    currency = draft.clean("funding.currency", table.get("currency"))
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        draft.aside("funding.currency", "is not a currency", "write its ISO 4217 code", currency)
        currency = ""
    return Funding(
        draft.clean("funding.source", table.get("source")) or "unknown",
        None if amount is None else float(amount),
        currency,
        draft.clean("funding.note", table.get("note")),
    )


def _places(draft: Draft) -> tuple[Place, ...]:
    city = draft.text("city")
    country = draft.text("country")
    site = (Place(city, country),) if city else ()
    if country and not city:
        draft.aside("country", "has no city", "name the city", country)
    return site + draft.items("places", lambda field, value: _place(draft, field, value))


def _place(draft: Draft, field: str, value: Any) -> Place | None:
    table = draft.table(field, value)
    if table is None:
        return None
    name = draft.clean(f"{field}.name", table.get("name"))
    role = draft.clean(f"{field}.role", table.get("role")) or "site"
    if role not in PLACE_ROLES:
        draft.aside(f"{field}.role", f"is not one of {', '.join(PLACE_ROLES)}", "use one", role)
        return None
    if not name:
        draft.aside(f"{field}.name", "the name is missing", "name the city", table)
        return None
    return Place(name, draft.clean(f"{field}.country", table.get("country")), role)


def _organisations(draft: Draft) -> tuple[Organisation, ...]:
    def take(field: str, value: Any) -> Organisation | None:
        return _organisation(draft, field, value)

    return draft.items("partners", take) + draft.items("organisations", take)


def _organisation(draft: Draft, field: str, value: Any) -> Organisation | None:
    if type(value) is str:
        name = draft.clean(field, value)
        return Organisation(name) if name else None
    table = draft.table(field, value)
    if table is None:
        return None
    texts = {key: draft.clean(f"{field}.{key}", table.get(key)) for key in _KEYS["organisations"]}
    if not texts["name"]:
        draft.aside(f"{field}.name", "the name is missing", "name the organisation", table)
        return None
    kind = texts["kind"] or "unknown"
    if kind not in ORGANISATION_KINDS:
        draft.aside(f"{field}.kind", f"is not one of {', '.join(ORGANISATION_KINDS)}", "use one")
        kind = "unknown"
    return Organisation(
        texts["name"], texts["role"] or "partner", kind, texts["city"], texts["country"]
    )


def _event(draft: Draft, field: str, value: Any) -> Event:
    # What is no event still takes its place here, so that `settle` counts as the source does.
    table = draft.table(field, value) or {}
    return Event(
        draft.when(f"{field}.when", table.get("when"), table.get("year")),
        draft.clean(f"{field}.stage", table.get("stage")),
        draft.clean(f"{field}.note", table.get("note")),
        draft.clean(f"{field}.source", table.get("source")),
    )


def _links(draft: Draft) -> tuple[Link, ...]:
    def take(field: str, value: Any) -> Link | None:
        return _link(draft, field, value)

    return draft.items("sources", take) + draft.items("links", take)


def _link(draft: Draft, field: str, value: Any) -> Link | None:
    table = {"url": value} if type(value) is str else draft.table(field, value)
    if table is None:
        return None
    url = draft.clean(f"{field}.url", table.get("url"))
    title = draft.clean(f"{field}.title", table.get("title"))
    # A page whose address is not known is still named by its title.
    if not safe_url(url) and (url or not title):
        draft.aside(f"{field}.url", "is not a web address", "write http(s)://...", url)
        return None
    return Link(url, title, draft.clean(f"{field}.publisher", table.get("publisher")))


def safe_url(url: str) -> bool:
    """Whether an address is one of the web, so that a page may link to it.

    >>> safe_url("https://a.org/x"), safe_url("javascript:alert(1)"), safe_url("https://a b")
    (True, False, False)
    """
    return (
        url[:8].lower().startswith(("http://", "https://"))
        and len(url) <= 2_000
        and len(url) > 8
        and url.isprintable()
        and not any(c in url for c in ' <>"`')
    )


def _verified(draft: Draft) -> bool | None:
    value = draft.row.get("verified")
    if value is None or type(value) is bool:
        return value
    draft.aside("verified", "is neither true nor false", "write true, false or null", value)
    return None
