"""An observatory: a folder that a person can keep in git, and what is done with it.

    observatory.toml   panel of cities, editions, sources
    codebook.yaml      the questions put to coders
    ledger.db          the facts (or a PostgreSQL server, named in observatory.toml)
    editions/NAME/     frozen editions
    site/              the publication
    review/            accounts and drafts of the review app
    llm/               what language models were asked, and answered
    .innovatory/       keys of what was built, to build only what changed; may be deleted

This is the edge: files are read and written here, and the rooms below are given plain data.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, unquote

import msgspec

from innovatory import codebook
from innovatory.codebook import Codebook
from innovatory.edition.build import Spec
from innovatory.engine import write_atomically
from innovatory.errors import ObservatoryError
from innovatory.gazetteer import City, Gazetteer
from innovatory.records import last_day, valid_id, valid_when

if TYPE_CHECKING:
    from innovatory.ledger import Ledger

SETTINGS = "observatory.toml"

_TEMPLATE = """# An observatory of urban innovation; docs/observatory.md explains every setting.
title = {title}
ledger = "ledger.db"        # or "postgresql://user@host/database"
codebook = "codebook.yaml"

[panel]
# The cities that are covered, by id (docs/cities.md), or "all" that a record names.
cities = {cities}

[coding]
# The coders on whose answers shares rest; by default people alone.
{reference}

[aliases]
# Spellings that the city list does not know, or means otherwise: "Spelling" = "city-id".
{own}{editions}"""


class _Panel(msgspec.Struct, forbid_unknown_fields=True):
    cities: str | list[str] = "all"


class _Coding(msgspec.Struct, forbid_unknown_fields=True):
    reference: list[str] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 1


class _City(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    country: str
    country_name: str = ""
    local_name: str = ""
    lat: float | None = None
    lon: float | None = None
    population: int | None = None
    population_year: str = ""


class _Edition(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    as_of: Any  # a TOML date, or a year or month as text
    title: str = ""


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    path: str


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    ledger: str = "ledger.db"
    codebook: str = "codebook.yaml"
    panel: _Panel = msgspec.field(default_factory=_Panel)
    coding: _Coding = msgspec.field(default_factory=_Coding)
    aliases: dict[str, str] = msgspec.field(default_factory=dict)
    city: list[_City] = msgspec.field(default_factory=list)
    edition: list[_Edition] = msgspec.field(default_factory=list)
    source: list[_Source] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observatory:
    """The settings of an observatory, read and checked; editions are oldest first.

    `reference` are the coders on whose answers shares rest; None stands for all of them but
    machines, language models and rules. `seed` is that of the machine coder.
    """

    folder: Path
    title: str
    ledger_url: str
    book: Codebook
    panel: tuple[str, ...] | None
    aliases: Mapping[str, str]
    cities: tuple[City, ...]
    editions: tuple[Spec, ...]
    sources: tuple[Path, ...]
    reference: tuple[str, ...] | None = None
    seed: int = 1

    @property
    def site(self) -> Path:
        """The folder of the publication."""
        return self.folder / "site"

    def edition_folder(self, name: str) -> Path:
        """The folder of an edition, whether it was built or not."""
        return self.folder / "editions" / name

    @property
    def begun(self) -> bool:
        """Whether there can be a ledger; false where its file was not made yet."""
        path = unquote(self.ledger_url.removeprefix("sqlite:///"))
        return path == self.ledger_url or Path(path).is_file()

    def ledger(self, *, create: bool = False) -> Ledger:
        """Open the ledger; LedgerError where there is none and `create` is false."""
        from innovatory.ledger import Ledger

        return Ledger.open(self.ledger_url, create=create)

    def gazetteer(self) -> Gazetteer:
        """The city list with this observatory's own cities and aliases."""
        return Gazetteer.load().extended(self.cities, self.aliases)


def data(name: str) -> Path:
    """A file or folder shipped inside the package."""
    return Path(str(resources.files("innovatory"))) / "data" / name


def new(
    folder: Path,
    *,
    title: str,
    cities: Sequence[str] | None = None,
    own: Iterable[City] = (),
    editions: Iterable[Spec] = (),
    reference: Sequence[str] | None = None,
) -> Observatory:
    """Make an observatory in a folder, which may be there already; its files are kept.

    A codebook.yaml that lies there is used as it is. Raises ObservatoryError where an observatory
    is already, and CodebookError where the codebook is malformed; then nothing is written.
    """
    if (folder / SETTINGS).exists():
        raise ObservatoryError(
            f"{folder / SETTINGS}: an observatory is already here; use it, or name a new folder"
        )
    text = _TEMPLATE.format(
        title=_toml(title), cities=_toml(list(cities) if cities is not None else "all"),
        reference=f"reference = {_toml(list(reference))}" if reference
        else '# reference = ["ana", "bo"]',
        own="".join(_block("city", asdict(city)) for city in own),
        editions="".join(_block("edition", _edition_fields(spec)) for spec in editions),
    )  # fmt: skip
    ignored = "site/\nreview/\n.innovatory/\n*.db-wal\n*.db-shm\n"
    files = {
        "codebook.yaml": data("codebook.yaml").read_bytes(), ".gitignore": ignored.encode()
    }  # fmt: skip
    missing = [name for name in files if not (folder / name).exists()]
    if "codebook.yaml" not in missing:
        codebook.load(folder / "codebook.yaml")
    for name in missing:
        write_atomically(folder / name, files[name])
    write_atomically(folder / SETTINGS, text.encode())
    return load(folder)


def load(folder: Path) -> Observatory:
    """Read the settings of an observatory; ObservatoryError names file, setting and reason."""
    path = folder / SETTINGS
    if not path.is_file():
        raise ObservatoryError(
            f"{folder}: no {SETTINGS} there; make an observatory with 'innovatory new "
            f"{shlex.quote(str(folder))}'"
        )
    return _observatory(folder, path.read_bytes())


def _observatory(folder: Path, text: bytes) -> Observatory:
    path = folder / SETTINGS
    try:
        # Editors on Windows put a mark before the text, which TOML does not allow.
        settings = msgspec.convert(tomllib.loads(text.decode("utf-8-sig")), _Settings)
    except UnicodeDecodeError as error:
        raise ObservatoryError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise ObservatoryError(f"{path}: {error}; see docs/observatory.md") from error
    return Observatory(
        folder=folder,
        title=settings.title,
        ledger_url=_url(folder, settings.ledger),
        book=codebook.load(folder / settings.codebook),
        panel=_panel(path, settings.panel.cities),
        aliases=settings.aliases,
        cities=_own_cities(path, settings.city),
        editions=_editions(path, settings.edition),
        sources=tuple(folder / source.path for source in settings.source),
        reference=_reference(path, settings.coding.reference),
        seed=settings.coding.seed,
    )


def with_edition(observatory: Observatory, *, as_of: str, name: str) -> tuple[Observatory, str]:
    """The observatory with an edition as of a date, and its name (by default the date).

    Nothing is written: `keep_edition` does that. ObservatoryError where the date or the name
    cannot be one, and where the name is taken by an edition of another date.
    """
    path = observatory.folder / SETTINGS
    spec = _spec(path, name or as_of, parse_as_of(as_of))
    for known in observatory.editions:
        if known.name == spec.name:
            if known.as_of != spec.as_of:
                raise ObservatoryError(
                    f"{path}: edition {known.name!r} is as of {known.as_of}; give another name "
                    "with --edition"
                )
            return observatory, known.name
    return replace(observatory, editions=_in_order([*observatory.editions, spec])), spec.name


def keep_edition(observatory: Observatory, name: str) -> None:
    """Add an edition to observatory.toml, so that it can be built again; once is enough.

    Raises ObservatoryError, and leaves the file as it is, where it cannot be added at the end.
    """
    path = observatory.folder / SETTINGS
    before = path.read_bytes()
    if any(known.name == name for known in _observatory(observatory.folder, before).editions):
        return
    spec = next(spec for spec in observatory.editions if spec.name == name)
    block = _block("edition", _edition_fields(spec))
    after = before.rstrip() + b"\n" + block.encode()
    try:
        _observatory(observatory.folder, after)
    except ObservatoryError as error:
        raise ObservatoryError(
            f"{path}: edition {name!r} was built but cannot be added there; add it by hand: "
            f"name = {_toml(name)}, as_of = {_toml(spec.as_of.isoformat())}"
        ) from error
    write_atomically(path, after)


def parse_as_of(text: str) -> date:
    """The day that an as-of date means: a year or month counts to its last day.

    >>> parse_as_of("2019").isoformat()
    '2019-12-31'
    """
    if not valid_when(text):
        raise ObservatoryError(f"as-of {text!r} is not a date; write YYYY, YYYY-MM or YYYY-MM-DD")
    return last_day(text)


def _url(folder: Path, text: str) -> str:
    # Quoted, because '?' and '%' have a meaning in an address.
    return text if "://" in text else f"sqlite:///{quote(str(folder / text))}"


def _panel(path: Path, cities: str | list[str]) -> tuple[str, ...] | None:
    if cities == "all":
        return None
    if isinstance(cities, str) or not cities:
        raise ObservatoryError(f'{path}: [panel] cities must be "all" or a list of city ids')
    if doubled := [c for n, c in enumerate(cities) if c in cities[:n]]:
        raise ObservatoryError(f"{path}: [panel] cities names {doubled[0]!r} twice; keep one")
    return tuple(cities)


def _reference(path: Path, coders: list[str] | None) -> tuple[str, ...] | None:
    if coders is not None and not coders:
        raise ObservatoryError(
            f"{path}: [coding] reference is empty; name coders, or leave it out for all people"
        )
    return None if coders is None else tuple(sorted(set(coders)))


def _own_cities(path: Path, cities: Sequence[_City]) -> tuple[City, ...]:
    for city in cities:
        if not valid_id(city.id):
            raise ObservatoryError(f"{path}: [[city]] id {city.id!r} cannot be an id")
    return tuple(City(**msgspec.structs.asdict(city)) for city in cities)


def _editions(path: Path, editions: Sequence[_Edition]) -> tuple[Spec, ...]:
    specs = []
    for edition in editions:
        try:
            as_of = parse_as_of(str(edition.as_of))
        except ObservatoryError as error:
            raise ObservatoryError(f"{path}: edition {edition.name!r}: {error}") from error
        specs.append(_spec(path, edition.name, as_of, edition.title))
    names = [spec.name for spec in specs]
    if doubled := [name for n, name in enumerate(names) if name in names[:n]]:
        raise ObservatoryError(f"{path}: edition {doubled[0]!r} is there twice; rename one")
    return _in_order(specs)


def _spec(path: Path, name: str, as_of: date, title: str = "") -> Spec:
    if not valid_id(name):
        raise ObservatoryError(
            f"{path}: edition name {name!r} cannot be a folder name; use a-z, 0-9, '-'"
        )
    return Spec(name, as_of, title)


def _in_order(specs: Iterable[Spec]) -> tuple[Spec, ...]:
    return tuple(sorted(specs, key=lambda spec: (spec.as_of, spec.name)))


def _edition_fields(spec: Spec) -> dict[str, Any]:
    return {"name": spec.name, "as_of": spec.as_of.isoformat(), "title": spec.title}


def _block(name: str, fields: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in fields.items() if value not in ("", None)]
    return "\n".join(["", f"[[{name}]]", *lines, ""])


def _toml(value: Any) -> str:
    # A JSON string, number or list of strings is also a TOML value.
    return json.dumps(value, ensure_ascii=False)
