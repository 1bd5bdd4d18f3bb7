"""An edition folder as the publication reads it: nothing else of the house is its input."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from innovatory.errors import EditionError
from innovatory.records import valid_id

Row = dict[str, Any]

BY_RECORD = (
    "records", "places", "organisations", "events", "links", "codings", "evidence",
    "adjudications", "verdicts", "unresolved", "corrections", "claim_records",
)  # fmt: skip
"""The tables that tell of one record; together they are all that its page shows."""


class ColumnText(msgspec.Struct, frozen=True):
    """A column of a table, as the manifest describes it."""

    name: str
    type: str = ""
    text: str = ""


class TableText(msgspec.Struct, frozen=True):
    """A table, as the manifest describes it."""

    name: str
    title: str
    text: str
    rows: int
    sha256_parquet: str
    sha256_csv: str
    columns: tuple[ColumnText, ...] = ()


class Earlier(msgspec.Struct, frozen=True):
    """The edition that this one is compared with."""

    name: str
    as_of: str


class Manifest(msgspec.Struct, frozen=True):
    """What an edition says of itself (docs/edition.md)."""

    name: str
    title: str
    as_of: str
    synthetic: bool
    ledger: dict[str, Any]
    codebook: dict[str, Any]
    counting: str
    counts: dict[str, float]
    tables: tuple[TableText, ...]
    files: dict[str, str]
    earlier: Earlier | None = None
    innovatory: str = ""


class Leader(msgspec.Struct, frozen=True):
    """A city among the leaders of a claim."""

    city_id: str
    label: str
    count: float
    low: float
    high: float
    rank: int
    rank_best: int
    rank_worst: int


class Claim(msgspec.Struct, frozen=True):
    """A headline sentence with its base, its interval and the queries that yield it."""

    id: str
    title: str
    text: str
    kind: str
    printed: bool
    headline: bool = True
    reason: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    base: float | None = None
    percent: float | None = None
    decimals: int | None = None
    leaders: tuple[Leader, ...] = ()
    scope: str = ""
    disputed: float | None = None
    table: str = ""
    query: str = ""
    records_query: str = ""
    basis: str = "counted"
    labels: int | None = None
    receipt: str = ""


@dataclass(frozen=True)
class Edition:
    """An edition: its manifest, its claims, and its tables read when first asked for.

    `digest` is a hash of the manifest, which names the hash of every file, but for the state of
    the ledger: two editions of one digest hold the same rows.
    """

    folder: Path
    digest: str
    manifest: Manifest
    claims: tuple[Claim, ...]
    _rows: dict[str, list[Row]] = field(default_factory=dict, repr=False)
    _groups: dict[tuple[str, str], dict[str, list[Row]]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The name of the edition: a folder of the site."""
        return self.manifest.name

    @cached_property
    def _described(self) -> dict[str, TableText]:
        return {text.name: text for text in self.manifest.tables}

    def text(self, name: str) -> str:
        """The text of a file of the edition; EditionError where it is not the manifest's file."""
        data = checked_bytes(self.folder / name, self.manifest.files.get(name, ""))
        return data.decode("utf-8", "replace")

    def described(self, table: str) -> TableText | None:
        """What the manifest says of a table; None where the edition has no such table."""
        return self._described.get(table)

    def table_digest(self, table: str) -> str:
        """The hash of a table's rows as the manifest gives it, '' where there is no such table."""
        text = self.described(table)
        return text.sha256_parquet if text else ""

    def rows(self, table: str) -> list[Row]:
        """The rows of a table, none where the edition has no such table.

        Raises EditionError where the file is missing, unreadable or not of the manifest's hash.
        """
        if table not in self._rows:
            text = self.described(table)
            self._rows[table] = _read_table(self.folder, text).to_pylist() if text else []
        return self._rows[table]

    def likely(self, least: float) -> list[Row]:
        """The predictions of at least this probability on questions that nobody has coded."""
        import pyarrow.compute as pc

        text = self.described("predictions")
        if text is None:
            return []
        test = (pc.field("probability") >= least) & (pc.field("fold") < 0)
        found: list[Row] = _read_table(self.folder, text).filter(test).to_pylist()
        return found

    def grouped(self, table: str, column: str = "record_id") -> dict[str, list[Row]]:
        """The rows of a table by the value of a column."""
        if (table, column) not in self._groups:
            groups: defaultdict[str, list[Row]] = defaultdict(list)
            for row in self.rows(table):
                groups[row[column]].append(row)
            self._groups[table, column] = dict(groups)
        return self._groups[table, column]


def checked_bytes(path: Path, sha256: str) -> bytes:
    """The bytes of a file of an edition, which must have the hash that the manifest gives.

    Raises EditionError where the file is missing or is another one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EditionError(f"{path}: cannot be read ({error}); build the edition again") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise EditionError(
            f"{path}: is not the file that manifest.json was made with (another SHA-256); "
            "build the edition again"
        )
    return data


def _read_table(folder: Path, text: TableText) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "tables" / f"{text.name}.parquet"
    data = checked_bytes(path, text.sha256_parquet)
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except pa.ArrowInvalid as error:
        raise EditionError(f"{path}: is no Parquet file ({error}); build again") from None


def _decoded(path: Path, *, kind: Any) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EditionError(
            f"{path}: cannot be read ({error}); name a folder made by 'innovatory build'"
        ) from None
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EditionError(f"{path}: {error}; build the edition again") from None


def read_edition(folder: Path) -> Edition:
    """The edition in a folder; its tables are read later, each when first asked for.

    Raises EditionError where the folder is no edition, or where a name in it could not be the
    name of a file (names come from outside and become paths of the site).
    """
    manifest = _decoded(folder / "manifest.json", kind=Manifest)
    claims = _decoded(folder / "claims.json", kind=tuple[Claim, ...])
    content = msgspec.structs.replace(manifest, ledger={})
    names = [("name", manifest.name)]
    names += [("tables", text.name) for text in manifest.tables]
    for file, found in (("manifest.json", names), ("claims.json", [("id", c.id) for c in claims])):
        _refuse_unsafe(folder / file, found)
    digest = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    return Edition(folder, digest, manifest, claims)


def check_ids(edition: Edition) -> None:
    """Refuse an edition whose record or city ids could not be names of files.

    Raises EditionError naming the table, the column and the id.
    """
    for table, column in (("records", "record_id"), ("cities", "city_id")):
        path = edition.folder / "tables" / f"{table}.parquet"
        _refuse_unsafe(path, [(column, row[column]) for row in edition.rows(table)])


def _refuse_unsafe(path: Path, names: list[tuple[str, str]]) -> None:
    for field_name, name in names:
        if not valid_id(name):
            raise EditionError(
                f"{path}: {field_name} {name!r} cannot be the name of a page; "
                "use a-z, 0-9, '-', '_' or '.' and build the edition again"
            )
    once = {name for _, name in names}
    if len(once) < len(names):
        raise EditionError(f"{path}: a name occurs twice; build the edition again")
