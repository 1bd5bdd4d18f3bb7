"""The two demonstration observatories: the starter corpus, and the published page reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from innovatory.edition.build import Spec
from innovatory.errors import ObservatoryError
from innovatory.observatory import SETTINGS, Observatory, data, load, new

if TYPE_CHECKING:
    from innovatory.gazetteer import Gazetteer

CORPUS = data("corpus")
FIGURES = data("published-figures.yaml")
SEED = 2022

EDITIONS = (
    Spec("2019", date(2019, 12, 31), "2019"),
    Spec("2022", date(2022, 12, 31), "2022"),
    Spec("2026", date(2026, 11, 30), "2026"),
)


def starter(folder: Path) -> tuple[Observatory, Sequence[Path]]:
    """The observatory of 31 cities and the source to collect into it; used again if there.

    Raises ObservatoryError where the folder holds another observatory.
    """
    title = "Urban innovation in 31 cities"
    if (folder / SETTINGS).exists():
        return _again(folder, title), (CORPUS,)
    from innovatory.gazetteer import Gazetteer

    names = yaml.safe_load(FIGURES.read_text("utf-8"))["cities"]
    countries = _countries()
    panel = [_city_id(Gazetteer.load(), name, countries[name]) for name in names]
    return new(
        folder, title=title, cities=panel, editions=EDITIONS, reference=("coder-a", "coder-b")
    ), (CORPUS,)  # fmt: skip


def synthetic(folder: Path) -> tuple[Observatory, Sequence[Path]]:
    """An observatory of made-up cities whose figures are those of the published page.

    Raises ObservatoryError where the folder holds another observatory.
    """
    from innovatory.synthetic import published_page

    source = folder / "sources" / "synthetic"
    title = "A made-up list that meets the published figures"
    if (folder / SETTINGS).exists():
        return _again(folder, title), (source,)
    page = published_page(SEED)
    # The settings come last: where they are, all is there.
    page.write(source)
    return new(
        folder, title=title, cities=[city.id for city in page.cities], own=page.cities,
        editions=EDITIONS[:2],
    ), (source,)  # fmt: skip


def _again(folder: Path, title: str) -> Observatory:
    observatory = load(folder)
    if observatory.title != title:
        raise ObservatoryError(
            f"{folder / SETTINGS}: holds another observatory, {observatory.title!r}; name a new "
            "folder for the demonstration"
        )
    return observatory


def _countries() -> dict[str, str]:
    """City to country as the starter corpus has them, which settles names such as Santiago."""
    import json

    found: dict[str, str] = {}
    with open(CORPUS / "records.jsonl", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            found[record["city"]] = record["country"]
    return found


def _city_id(gazetteer: Gazetteer, name: str, country: str) -> str:
    found = gazetteer.resolve(name, country)
    if found.city is None:
        raise ObservatoryError(f"the panel's {name} ({country}) is no city: {found.reason}")
    return found.city.id
