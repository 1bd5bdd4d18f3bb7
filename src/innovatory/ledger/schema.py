"""The tables of the ledger: only ever appended to, the same on SQLite and PostgreSQL.

A *versioned* table holds one fact a row. Its first six columns are `seq` (the order in which
facts were appended), `batch` (the import that brought it), `row` (of the file), `version` (1, 2,
… for facts with the same key), `hash` (of the canonical content) and `supersedes` (the seq of the
version before). A fact is current as long as no row supersedes it. *Parts* belong to the version
whose seq is their `owner`. Triggers refuse UPDATE and DELETE, so that a mistake in a program
cannot rewrite what was once recorded.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    event,
    false,
    true,
)

SCHEMA_VERSION = 2

metadata = MetaData()

# SQLite makes only a column declared INTEGER the row id; PostgreSQL's INTEGER ends at 2^31.
_Seq = BigInteger().with_variant(Integer(), "sqlite")


def _texts(*names: str) -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in names]


def _later_text(name: str) -> Column[Any]:
    """A text that ledgers of an older version lack: columns come last, and older rows hold ''."""
    return Column(name, Text, nullable=False, server_default="")


def _versioned(name: str, key: tuple[str, ...], *columns: Column[Any]) -> Table:
    table = Table(
        name,
        metadata,
        Column("seq", _Seq, primary_key=True, autoincrement=False),
        Column("batch", _Seq, nullable=False),
        Column("row", _Seq, nullable=False),
        Column("version", Integer, nullable=False),
        Column("hash", Text, nullable=False),
        Column("supersedes", _Seq, ForeignKey(f"{name}.seq")),
        *columns,
    )
    Index(f"{name}_by_key", *(table.c[column] for column in key))
    later = table.c.supersedes
    Index(
        f"{name}_by_superseded",
        later,
        unique=True,
        sqlite_where=later.is_not(None),
        postgresql_where=later.is_not(None),
    )
    return table


def _parts(name: str, owner: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        metadata,
        Column("owner", _Seq, ForeignKey(f"{owner}.seq"), primary_key=True, autoincrement=False),
        Column("ord", Integer, primary_key=True, autoincrement=False),
        *columns,
        sqlite_with_rowid=False,
    )


schema_versions = Table(
    "schema_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

imports = Table(
    "imports",
    metadata,
    Column("batch", _Seq, primary_key=True, autoincrement=False),
    *_texts("source_id"),
    Column("source_version", Integer, nullable=False),
    *_texts("file", "sha256", "settings", "recorded_at"),
    *(
        Column(name, Integer, nullable=False)
        for name in ("new", "changed", "unchanged", "rejected", "flagged", "waiting")
    ),
    *_texts("by_kind", "content"),
)

codebooks = Table(
    "codebooks",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    Column("batch", _Seq, nullable=False),
    Column("version", Text, nullable=False, unique=True),
    *_texts("text"),
)

rejects = Table(
    "rejects",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    Column("batch", _Seq, nullable=False),
    *_texts("file"),
    Column("row", _Seq, nullable=False),
    *_texts("field", "reason", "next_step"),
    Column("kept", Boolean, nullable=False),
    *_texts("excerpt"),
)

sources = _versioned(
    "sources",
    ("source_id",),
    *_texts("source_id", "title", "design", "population", "licence", "attribution"),
    *_texts("url", "gathered", "notes"),
    Column("synthetic", Boolean, nullable=False),
)

records = _versioned(
    "records",
    ("record_id",),
    *_texts("record_id", "source_id", "kind", "title", "description", "local_name", "language"),
    *_texts("lead", "lead_type", "start", "end", "status", "district", "citizens", "doubts"),
    *_texts("keywords", "funding_source"),
    Column("funding_amount", Double),
    *_texts("funding_currency", "funding_note"),
    Column("verified", Boolean),
    *_texts("raw", "raw_hash"),
)

places = _parts("places", "records", *_texts("name", "country", "role"))
organisations = _parts(
    "organisations", "records", *_texts("name", "role", "kind", "city", "country")
)
events = _parts("events", "records", *_texts("when", "stage", "note", "source"))
links = _parts("links", "records", *_texts("url", "title", "publisher"))

stage_events = _versioned(
    "stage_events",
    ("record_id", "hash"),
    *_texts("record_id", "when", "stage", "note", "source"),
)

coders = _versioned("coders", ("coder_id",), *_texts("coder_id", "kind", "label", "coder_version"))

draws = _versioned(
    "draws",
    ("draw_id",),
    *_texts("draw_id", "design"),
    Column("seed", _Seq),
    *_texts("note"),
    _later_text("target"),
)

draw_members = _parts(
    "draw_members",
    "draws",
    *_texts("record_id"),
    Column("probability", Double, nullable=False),
    Column("drawn", Boolean, nullable=False, server_default=true()),
    Column("second", Boolean, nullable=False, server_default=false()),
)

codings = _versioned(
    "codings",
    ("record_id", "dimension", "coder_id"),
    *_texts("record_id", "dimension", "coder_id", "codebook", "draw", "value"),
    Column("confidence", Integer),
    *_texts("comment"),
    _later_text("coded_at"),
    Column("seconds", Double),
    _later_text("suggestion"),
)

# `record_seq` is the version of the record in whose text the quote was looked for.
evidence = _parts(
    "evidence",
    "codings",
    Column("record_seq", _Seq, ForeignKey("records.seq"), nullable=False),
    *_texts("field"),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    *_texts("quote"),
)

adjudications = _versioned(
    "adjudications",
    ("record_id", "dimension"),
    *_texts("record_id", "dimension", "codebook", "adjudicator", "value", "reason"),
)

merges = _versioned("merges", ("record_id",), *_texts("record_id", "into", "reason", "by"))
Index("merges_by_into", merges.c.into)

corrections = _versioned(
    "corrections",
    ("record_id", "field"),
    *_texts("record_id", "field", "old", "new", "reason", "source", "by"),
)


# What each version of the tables added, so that a ledger of an older one can be brought up.
ADDED = {2: (codings.c.coded_at, codings.c.seconds, codings.c.suggestion, draws.c.target,
             draw_members.c.drawn, draw_members.c.second)}  # fmt: skip


def _make_function(_target: MetaData, connection: Connection, **_: Any) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION innovatory_append_only() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        )


def _refuse_rewriting(table: Table, connection: Connection, **_: Any) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f'CREATE TRIGGER "{table.name}_append_only" '
            f'BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table.name}" '
            "FOR EACH STATEMENT EXECUTE FUNCTION innovatory_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f'CREATE TRIGGER "{table.name}_no_{verb.lower()}" BEFORE {verb} ON "{table.name}" '
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )


event.listen(metadata, "before_create", _make_function)
for _table in metadata.tables.values():
    event.listen(_table, "after_create", _refuse_rewriting)
