"""Which city each spelling of an observatory means, remembered between builds.

The city list is large and a rebuild must be quick, so that answers are kept in
`.innovatory/cities.json` under the key of what they depend on: the shipped list, the
observatory's own cities and its aliases. Deleting the file loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from innovatory.edition.snapshot import Resolved
from innovatory.engine import key_of, write_atomically
from innovatory.errors import ObservatoryError
from innovatory.gazetteer import Gazetteer
from innovatory.observatory import SETTINGS, Observatory

_TYPES = {
    "city_id": pa.string(), "name": pa.string(), "local_name": pa.string(),
    "country": pa.string(), "country_name": pa.string(), "lat": pa.float64(),
    "lon": pa.float64(), "population": pa.int64(), "population_year": pa.string(),
}  # fmt: skip


class Geography:
    """Resolves the spellings of one observatory; `key` changes when an answer may change."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory
        self._path = observatory.folder / ".innovatory" / "cities.json"
        own = [repr(asdict(city)) for city in observatory.cities]
        aliases = json.dumps(sorted(observatory.aliases.items()))
        self.key = key_of([Gazetteer.load().version, aliases, *own])
        self._known = self._remembered()

    def resolve(self, spellings: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Resolved]:
        """The city of each (name, country), or the reason why none was found."""
        answers = self._known["spellings"]
        missing = [s for s in spellings if "\t".join(s) not in answers]
        if missing:
            gazetteer = self._observatory.gazetteer()
            for name, country in missing:
                found = gazetteer.resolve(name, country)
                city_id = found.city.id if found.city else ""
                answers[f"{name}\t{country}"] = [city_id, found.reason]
            self._remember()
        return {s: Resolved(*answers["\t".join(s)]) for s in spellings}

    def cities(self, ids: Sequence[str]) -> pa.Table:
        """The cities of these ids, one row each; ObservatoryError for an id that is no city."""
        known = self._known["cities"]
        missing = [city_id for city_id in ids if city_id not in known]
        if missing:
            gazetteer = self._observatory.gazetteer()
            for city_id in missing:
                city = gazetteer.city(city_id)
                if city is None:
                    raise ObservatoryError(
                        f"{self._observatory.folder / SETTINGS}: {city_id!r} is no city; look its "
                        "id up with 'innovatory city NAME'"
                    )
                known[city_id] = asdict(city) | {"city_id": city_id}
            self._remember()
        return pa.table(
            {
                name: pa.array([known[city_id][name] for city_id in ids], kind)
                for name, kind in _TYPES.items()
            }
        )

    def _remembered(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
            if known["geography"] == self.key:
                return known
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing remembered, or not readable: it is all worked out again
        return {"geography": self.key, "spellings": {}, "cities": {}}

    def _remember(self) -> None:
        write_atomically(self._path, json.dumps(self._known, ensure_ascii=False).encode())
