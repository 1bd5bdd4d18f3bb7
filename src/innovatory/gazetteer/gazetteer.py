"""Which city a spelling means: 'Wien', 'Vienna, AT' and 'NYC' are cities, 'Smart City' is not.

A spelling is resolved when one city is at least DOMINANCE times as likely as any other, by
population; otherwise it stays unresolved with the reason. Nothing is matched by likeness. See
docs/cities.md for the rules and what they were measured to do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from functools import cache

from innovatory.errors import GazetteerError
from innovatory.gazetteer.cityfile import Candidate, City, CityFile, distance_km
from innovatory.gazetteer.placenames import LONGEST, Reading, name_key, readings, split

__all__ = ["City", "Gazetteer", "Resolution"]

DOMINANCE = 10
SAME_PLACE_KM = 10
SUBURB_KM = 40
PROVINCE_KM = 100
# Countries that are a city, so that their name may stand for it without a country beside it.
CITY_STATES = frozenset({"SG", "LU", "MC", "SM", "VA", "GI", "HK", "MO", "DJ"})
# A state's name is taken for the city of that name only where the city is this large.
NAMESAKE = 500_000
# Codes of countries have two or three letters, as the town of Bra has.
CODE = 3
_PROVINCES_IN_TWO_LETTERS = frozenset({"IT"})
_SEVERAL = re.compile(r"\s*[/|]\s*|\s+[-–—]\s+")

Scope = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The city a spelling means, or None with the reason."""

    city: City | None
    reason: str = ""


class Gazetteer:
    """The city list with an observatory's own cities and signed overrides in front of it.

    >>> cities = Gazetteer.load()
    >>> cities.resolve("Wien").city.id, cities.resolve("75013 Paris").city.id
    ('vienna-at', 'paris-fr')
    >>> cities.resolve("Valencia").reason
    'ambiguous: Valencia (VE), Valencia (ES)'
    """

    def __init__(
        self,
        shipped: CityFile,
        cities: Mapping[str, City] | None = None,
        aliases: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._shipped = shipped
        self._cities = dict(cities or {})
        self._aliases = dict(aliases or {})
        self._named: dict[str, list[City]] = {}
        for city in self._cities.values():
            for key in {name_key(city.name), name_key(city.local_name)} - {""}:
                self._named.setdefault(key, []).append(city)
        self.version = shipped.version
        if self._cities or self._aliases:
            own = repr((sorted(map(astuple, self._cities.values())), sorted(self._aliases.items())))
            self.version += "+" + hashlib.sha256(own.encode()).hexdigest()[:16]

    @classmethod
    def load(cls) -> Gazetteer:
        """The shipped city list, read once; GazetteerError where its files are damaged."""
        return _load()

    def city(self, city_id: str) -> City | None:
        """The city of that id, or None.

        >>> Gazetteer.load().city("seoul-kr").local_name
        '서울'
        """
        if city_id in self._cities:
            return self._cities[city_id]
        found = self._shipped.find(city_id)
        return found.city if found else None

    def extended(
        self, cities: Iterable[City] = (), aliases: Mapping[str, str] | None = None
    ) -> Gazetteer:
        """The list with an observatory's own cities and spellings, which come before all others.

        `aliases` maps a spelling, or 'Spelling, CC' for one country alone, to the id of a city.
        Raises GazetteerError where that id is unknown.

        >>> own = Gazetteer.load().extended([City("city-01", "City 01", "", None, None, None)],
        ...                                 {"The Big Smoke": "london-gb"})
        >>> own.resolve("city 01").city.id, own.resolve("the big smoke").city.id
        ('city-01', 'london-gb')
        """
        own = self._cities | {city.id: city for city in cities}
        larger = Gazetteer(self._shipped, own)
        signed = dict(self._aliases)
        for spelling, city_id in (aliases or {}).items():
            if larger.city(city_id) is None:
                raise GazetteerError(
                    f"alias {spelling!r}: there is no city {city_id!r}; "
                    "use an id of docs/cities.md's form, such as 'vienna-at', or add the city"
                )
            head, _, tail = spelling.rpartition(",")
            code = self._shipped.countries.get(name_key(tail)) if head else None
            signed[name_key(head if code else spelling), code or ""] = city_id
        return Gazetteer(self._shipped, own, signed)

    def resolve(self, name: str, country: str = "") -> Resolution:
        """The city that a spelling means, in the given country (ISO code or English name) if any.

        A city of another country than the given one is never returned.

        >>> Gazetteer.load().resolve("Vienne", "FR").city.id
        'vienne-fr'
        >>> Gazetteer.load().resolve("Smart City").reason
        'not the name of a city'
        """
        if not name_key(name):
            return Resolution(None, "empty")
        if len(name) > LONGEST:
            return Resolution(None, f"longer than {LONGEST} characters: not the name of a city")
        code = self._shipped.countries.get(name_key(country), "")
        if not code and country.strip() in {city.country for city in self._cities.values()}:
            # An observatory's own cities may lie in a code that is no country's, such as ZZ.
            code = country.strip()
        if country.strip() and not code:
            own = self._own(name_key(name), "")
            if own is not None and not own.country:
                return Resolution(own)
            return Resolution(None, f"unknown country: {country.strip()[:40]!r}")
        own = self._own(name_key(name), code)
        if own is not None:
            return Resolution(own)
        return self._whole(name, code) or self._parts(name, code) or self._missing(name, code)

    def _own(self, key: str, code: str) -> City | None:
        """The observatory's own city or signed override for a spelling."""
        signed = self._aliases.get((key, code)) if code else None
        if signed is not None:
            return self.city(signed)
        found = [self.city(self._aliases[key, ""])] if (key, "") in self._aliases else []
        found += self._named.get(key, [])
        return next((c for c in found if c and (not code or c.country in ("", code))), None)

    def _whole(self, name: str, code: str) -> Resolution | None:
        """The outcome of the most literal reading that names anything; None where none does."""
        for reading in readings(name, code):
            if outcome := self._read(reading, code):
                return outcome
        return None

    def _read(self, reading: Reading, code: str) -> Resolution | None:
        """The outcome of one reading; None where it names nothing."""
        scopes, near, clash = self._scopes(reading, code)
        if clash:
            return Resolution(None, clash)
        countries = {country for country, _ in scopes}
        for country in () if near else sorted(countries):
            if (own := self._own(reading.key, country)) is not None:
                return Resolution(own)
        if self._is_no_city(reading.key, countries):
            return Resolution(None, "not the name of a city")
        found = self._candidates(reading.key, scopes)
        if found and near:
            return self._near(found, near, scopes)
        return _decide(found)

    def _scopes(self, reading: Reading, code: str) -> tuple[list[Scope], list[str], str]:
        """Where a reading may lie as (country, state), its other qualifiers, and any clash."""
        scopes: list[Scope] = [(code, "")]
        near = []
        for word in reading.qualifiers:
            named = [(self._shipped.countries[word], "")] if word in self._shipped.countries else []
            named += self._shipped.regions.get(word, [])
            if len(word) == 2 and code in _PROVINCES_IN_TWO_LETTERS:
                named = []
            if not named:
                near.append(word)
                continue
            scopes = [
                (theirs, mine_state or their_state)
                for mine, mine_state in scopes
                for theirs, their_state in named
                if mine in ("", theirs) and "" in (mine_state, their_state)
            ]
            if not scopes:
                return [], [], f"{word!r} contradicts the country or state given beside it"
        return scopes, near, ""

    def _is_no_city(self, key: str, countries: set[str]) -> bool:
        """Whether a text stands on the stop list or is the name of a country or state."""
        if key in self._shipped.not_cities:
            return True
        anywhere = [c for name in countries for c in self._shipped.candidates(key, country=name)]
        country = self._shipped.countries.get(key) if len(key) > CODE else None
        if country and country not in CITY_STATES:
            # Mexico, Missouri is a city: beside a country, a place must bear the name itself.
            own_name = any(c.weight == c.city.population for c in anywhere)
            if countries == {""} or not own_name:
                return True
        named = self._shipped.regions.get(key, []) if len(key) > CODE else []
        states = {country for country, code in named if code}
        if states and countries <= states | {""}:
            return not any(c.weight >= NAMESAKE for c in anywhere)
        return False

    def _candidates(self, key: str, scopes: list[Scope]) -> list[Candidate]:
        """The cities a key may mean within the scopes; a shipped override leaves only its city."""
        found = []
        for country, state in scopes:
            signed = self._overridden(key, country)
            for candidate in signed or self._shipped.candidates(key, country=country):
                if state in ("", candidate.region):
                    found.append(candidate)
        return found

    def _overridden(self, key: str, country: str) -> list[Candidate]:
        """What the shipped overrides say of a key.

        A part of a city that needs its country stands, without one, beside the cities of its name.
        """
        found = []
        beside = False
        for override in self._shipped.overrides.get(key, []):
            if country in ("", override.country):
                target = self._shipped.find(override.city_id)
                if target is None:
                    raise GazetteerError(
                        f"overrides.tsv: there is no city {override.city_id!r}; correct its id"
                    )
                beside = beside or not (country or override.alone)
                found.append(target)
        if beside:
            others = self._shipped.candidates(key)
            level = max((c.weight for c in others), default=1)
            found = [Candidate(c.city, c.region, level) for c in found] + others
        return found

    def _near(
        self, found: list[Candidate], near: list[str], scopes: list[Scope]
    ) -> Resolution | None:
        """Choose by what stands behind the name: a larger place whose distance can be checked."""
        for word in near:
            anchors = self._candidates(word, [(country, "") for country, _ in scopes])
            if anchors:
                found = [
                    c
                    for c in found
                    if any(distance_km(c.city, a.city) <= PROVINCE_KM for a in anchors)
                ]
                if not found:
                    return Resolution(None, f"no city of that name near {word!r}")
            elif any(not country for country, _ in scopes):
                return Resolution(
                    None, f"{word!r} is no known country, state or city; give a country"
                )
        return _decide(found)

    def _parts(self, name: str, code: str) -> Resolution | None:
        """The one city that all parts of 'Bruxelles / Brussel' or 'Kallithea Athina' agree on."""
        parts = [part for part in _SEVERAL.split(name) if name_key(part)]
        if len(parts) > 1:
            outcomes = [self.resolve(part, code) for part in parts]
            cities = {o.city.id: o.city for o in outcomes if o.city}
            if len(cities) == 1:
                return Resolution(next(iter(cities.values())))
            if cities:
                return Resolution(None, f"several cities: {_labels(cities.values())}")
            return next((o for o in outcomes if o.reason.startswith("ambiguous")), None)
        return self._tail(name, code)

    def _tail(self, name: str, code: str) -> Resolution | None:
        """A place with a state, or (in a given country) the larger place near by, behind it."""
        words = name_key(split(name)[0]).split()
        for cut in range(len(words) - 1, 0, -1):
            head, tail = " ".join(words[:cut]), " ".join(words[cut:])
            if tail in self._shipped.regions:
                scopes, _, clash = self._scopes(Reading(head, (tail,)), code)
                found = [] if clash else self._candidates(head, scopes)
            else:
                found = self._suburb(head, tail, code) if code else []
            if found:
                return _decide(found)
        return None

    def _suburb(self, inner: str, outer: str, code: str) -> list[Candidate]:
        """The places named first that lie near a larger place of the second name."""
        larger = [o.city for o in self._candidates(outer, [(code, "")])]
        return [
            i
            for i in self._candidates(inner, [(code, "")])
            if any(
                distance_km(i.city, o) <= SUBURB_KM
                and (o.population or 0) >= (i.city.population or 0)
                for o in larger
            )
        ]

    def _missing(self, name: str, code: str) -> Resolution:
        """Say that a city is not known, and where a city of that name is."""
        elsewhere = self._whole(name, "") if code else None
        if elsewhere and elsewhere.city:
            return Resolution(
                None, f"not in the gazetteer for {code}; elsewhere: {_labels([elsewhere.city])}"
            )
        return Resolution(None, "not in the gazetteer")


def _decide(found: list[Candidate]) -> Resolution | None:
    """The city that outweighs every other of the candidates DOMINANCE times, or why none does."""
    best: dict[str, Candidate] = {}
    for candidate in found:
        if candidate.city.id not in best or candidate.weight > best[candidate.city.id].weight:
            best[candidate.city.id] = candidate
    ranked = sorted(best.values(), key=lambda c: (-c.weight, c.city.id))
    if not ranked:
        return None
    top = ranked[0]
    rivals = [
        c
        for c in ranked[1:]
        if c.weight * DOMINANCE > top.weight and distance_km(c.city, top.city) > SAME_PLACE_KM
    ]
    if rivals:
        return Resolution(None, f"ambiguous: {_labels([c.city for c in (top, *rivals)])}")
    return Resolution(top.city)


def _labels(cities: Iterable[City]) -> str:
    """Cities for a message, at most five; by id where name and country do not tell them apart."""
    shown = list(cities)
    labels = [f"{city.name} ({city.country})" for city in shown]
    if len(set(labels)) < len(labels):
        labels = [city.id for city in shown]
    return ", ".join(labels[:5]) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")


@cache
def _load() -> Gazetteer:
    return Gazetteer(CityFile())
