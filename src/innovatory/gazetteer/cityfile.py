"""The shipped city list: read from its archive piece by piece, as names are asked for.

`places.zip` holds the places of each country (`places/AT`: one line a column, largest place first)
and the keys of all their names in sorted shards (`names/000`), with the first key of each shard in
`index`. A key leads to places as country and number, with a mark that says what sort of name it is.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import math
import zipfile
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from innovatory.errors import GazetteerError
from innovatory.gazetteer.placenames import name_key, slug

# How loudly a name speaks for a place: the share of its population that counts.
MAIN, SHORT, OTHER, PART = "", "-", "~", "^"
SHARES = {MAIN: 1.0, SHORT: 0.5, OTHER: 0.1, PART: 0.05}
EARTH_KM = 6371.0
COLUMNS = 7
# Raise it when a rule of resolution changes: answers are remembered under the list's version.
RULES = 1
FOLDER = Path(__file__).parent.parent / "data" / "gazetteer"
FILES = ("places.zip", "countries.tsv", "regions.tsv", "overrides.tsv", "not_cities.txt")


@dataclass(frozen=True, slots=True)
class City:
    """A city: `id` is its name's slug and country, coordinates are degrees of WGS 84.

    `population_year` is '' where the source gives none, as GeoNames does.
    """

    id: str
    name: str
    country: str
    lat: float | None
    lon: float | None
    population: int | None
    population_year: str = ""
    local_name: str = ""
    country_name: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A city that a name may mean; `weight` is the population that speaks for it."""

    city: City
    region: str
    weight: float


@dataclass(frozen=True, slots=True)
class Override:
    """A spelling that belongs to a city by decision; `alone`: without a country as well."""

    city_id: str
    country: str
    alone: bool


def distance_km(a: City, b: City) -> float:
    """The distance of two cities on a sphere of radius 6371 km; infinite without coordinates.

    >>> equator = [City(str(n), "", "", 0.0, 90.0 * n, None) for n in (0, 1)]
    >>> round(distance_km(*equator))
    10008
    """
    if a.lat is None or a.lon is None or b.lat is None or b.lon is None:
        return math.inf
    north, south = math.radians(a.lat), math.radians(b.lat)
    east = math.radians(a.lon - b.lon)
    half = math.sin((north - south) / 2) ** 2
    half += math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


class CityFile:
    """The shipped extract of GeoNames and the hand-made lists beside it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        content = {}
        for name in FILES:
            try:
                content[name] = (folder / name).read_bytes()
            except OSError as error:
                raise GazetteerError(
                    f"{folder / name}: cannot be read ({error.strerror}); install innovatory again"
                ) from error
        digest = hashlib.sha256(f"rules {RULES}".encode())
        for name in FILES:
            digest.update(hashlib.sha256(content[name]).digest())
        self.version = digest.hexdigest()[:16]
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content["places.zip"]))
        except zipfile.BadZipFile as error:
            raise GazetteerError(
                f"{folder / 'places.zip'}: is damaged ({error}); install innovatory again"
            ) from error
        self.country_names: dict[str, str] = {}
        self.countries: dict[str, str] = {}
        self.regions: dict[str, list[tuple[str, str]]] = {}
        self.overrides: dict[str, list[Override]] = {}
        self._read_countries(content["countries.tsv"].decode())
        self._read_regions(content["regions.tsv"].decode())
        self._read_overrides(content["overrides.tsv"].decode())
        self.not_cities = {name_key(line) for line in _lines(content["not_cities.txt"].decode())}
        self._first_keys = self._member("index")
        self._columns: dict[str, list[list[str]]] = {}
        self._ids: dict[str, dict[str, int]] = {}
        self._names: dict[int, dict[str, str]] = {}

    def _read_countries(self, text: str) -> None:
        for line in _lines(text):
            code, three, name, spellings = line.split("\t")
            self.country_names[code] = name
            for spelling in (code, three, name, *spellings.split(";")):
                if name_key(spelling):
                    self.countries[name_key(spelling)] = code

    def _read_regions(self, text: str) -> None:
        for line in _lines(text):
            country, code, spellings = line.split("\t")
            for spelling in spellings.split(";"):
                self.regions.setdefault(name_key(spelling), []).append((country, code))

    def _read_overrides(self, text: str) -> None:
        for line in _lines(text):
            city_id, country, scope, spellings = line.split("\t")
            for spelling in spellings.split(";"):
                override = Override(city_id, country, scope == "alone")
                self.overrides.setdefault(name_key(spelling), []).append(override)

    def find(self, city_id: str) -> Candidate | None:
        """The city of that id with its state and whole population, or None."""
        parts = city_id.split("-")
        code = next((part for part in reversed(parts) if not part.isdigit()), "").upper()
        if code not in self.country_names:
            return None
        if code not in self._ids:
            names, own = self._places(code)[0], self._places(code)[6]
            ids = (_id(name, code, number) for name, number in zip(names, own, strict=True))
            self._ids[code] = {known: row for row, known in enumerate(ids)}
        row = self._ids[code].get(city_id)
        if row is None:
            return None
        city, region = self._place(code, row)
        return Candidate(city, region, city.population or 0)

    def candidates(self, key: str, *, country: str = "") -> list[Candidate]:
        """The cities that have a name of this key, in one country or ('') anywhere."""
        number = max(0, bisect_right(self._first_keys, key) - 1)
        if number not in self._names:
            lines = self._member(f"names/{number:03d}")
            self._names[number] = dict(line.split("\t", 1) for line in lines)
        found = []
        for reference in filter(None, self._names[number].get(key, "").split(",")):
            code, row, sort, size = reference[:2], *_marked(reference[2:])
            if country in ("", code):
                city, region = self._place(code, row)
                people = int(size) if size else city.population or 0
                found.append(Candidate(city, region, people * SHARES[sort]))
        return found

    def _member(self, name: str) -> list[str]:
        try:
            return self._archive.read(name).decode().split("\n")
        except (KeyError, zipfile.BadZipFile, lzma.LZMAError, UnicodeDecodeError) as error:
            raise GazetteerError(
                f"places.zip: {name} is damaged ({error}); install innovatory again"
            ) from error

    def _places(self, code: str) -> list[list[str]]:
        if code not in self._columns:
            name = f"places/{code}"
            known = name in self._archive.NameToInfo
            lines = self._member(name) if known else []
            self._columns[code] = [line.split("\t") for line in lines] or [[]] * COLUMNS
        return self._columns[code]

    def _place(self, code: str, row: int) -> tuple[City, str]:
        """A city with the code of its first-level division, where the list keeps one."""
        names, local, lat, lon, population, regions, own = self._places(code)
        city = City(
            id=_id(names[row], code, own[row]),
            name=names[row],
            country=code,
            lat=float(lat[row]),
            lon=float(lon[row]),
            population=int(population[row]),
            local_name=local[row] or names[row],
            country_name=self.country_names[code],
        )
        return city, regions[row]


def _id(name: str, code: str, number: str) -> str:
    """The id of a city: its GeoNames number tells it from a larger one of the same name.

    >>> _id("Vienna", "US", ""), _id("Vienna", "US", "4825976")
    ('vienna-us', 'vienna-us-4825976')
    """
    return f"{slug(name)}-{code.lower()}" + (f"-{number}" if number else "")


def _marked(reference: str) -> tuple[int, str, str]:
    """The number of a place, the sort of name that leads to it, and the size of a part.

    >>> _marked("12"), _marked("3~"), _marked("0^86671")
    ((12, '', ''), (3, '~', ''), (0, '^', '86671'))
    """
    row = reference.rstrip("-~") if PART not in reference else reference.partition(PART)[0]
    rest = reference[len(row) :]
    return int(row), rest[:1], rest[1:]


def _lines(text: str) -> list[str]:
    """The lines of a table without comments and blanks."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]
