"""What the review app keeps beside the ledger: accounts, sessions, leases, drafts.

None of it is a fact about a project, so none of it belongs in the ledger. It lies in a database of
its own: `review/review.db` where the ledger is on SQLite, and tables named `review_…` on the same
server where it is on PostgreSQL. Both take one writer at a time; a commit is flushed to disk
before it is acknowledged.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from innovatory.errors import LedgerError
from innovatory.observatory import Observatory

VERSION = 1
PATIENCE_SECONDS = 60
_ADVISORY_LOCK = 0x1E06E6

metadata = MetaData()


def _texts(*names: str) -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in names]


versions = Table("review_versions", metadata, Column("version", Integer, primary_key=True))

accounts = Table(
    "review_accounts",
    metadata,
    Column("name", Text, primary_key=True),
    *_texts("role", "password"),
    Column("active", Boolean, nullable=False),
)

# Only the SHA-256 of a token is kept: who reads this table cannot take over a session.
sessions = Table(
    "review_sessions",
    metadata,
    Column("token", Text, primary_key=True),
    *_texts("account", "csrf"),
    Column("seen_at", Double, nullable=False),
)

attempts = Table(
    "review_attempts",
    metadata,
    Column("seq", Integer, primary_key=True),
    *_texts("who"),
    Column("at", Double, nullable=False),
)
Index("review_attempts_by_who", attempts.c.who, attempts.c.at)

# An item is a member of a draw. `hidden` ones are repeats, `place` is where the item stands in the
# order of all; `open` says that fewer coders than `needed` are done with it.
items = Table(
    "review_items",
    metadata,
    Column("item", Text, primary_key=True),
    *_texts("draw", "record_id"),
    Column("needed", Integer, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False),
)
Index("review_items_by_record", items.c.record_id)
Index("review_items_by_place", items.c.open, items.c.place, items.c.item)
Index("review_items_open", items.c.open, items.c.hidden)

# Who may be given a hidden repeat: those who coded the record before.
repeats = Table(
    "review_repeats",
    metadata,
    Column("item", Text, primary_key=True),
    Column("coder", Text, primary_key=True),
)
Index("review_repeats_by_coder", repeats.c.coder)

slots = Table(
    "review_slots",
    metadata,
    Column("item", Text, primary_key=True),
    Column("coder", Text, primary_key=True),
    Column("opened_at", Double, nullable=False),
    Column("leased_until", Double),
    Column("skipped_at", Double),
    Column("done_at", Double),
    Column("reopened", Boolean, nullable=False),
    Column("shown", Text, nullable=False),
    Column("seconds", Double),
)
Index("review_slots_by_coder", slots.c.coder, slots.c.done_at)
Index("review_slots_by_lease", slots.c.leased_until)

# `question` is the hash of what was asked: a draft is no answer to a question that was changed.
drafts = Table(
    "review_drafts",
    metadata,
    Column("seq", Integer, primary_key=True),
    *_texts("item", "coder", "dimension", "question", "value"),
    Column("confidence", Integer),
    *_texts("comment", "evidence"),
    Column("seconds", Double),
    Column("saved_at", Double, nullable=False),
    Column("undone", Boolean, nullable=False),
)
Index("review_drafts_by_item", drafts.c.item, drafts.c.coder)

# A submission is written before the ledger is, so that a crash between both can be made good.
submissions = Table(
    "review_submissions",
    metadata,
    Column("id", Text, primary_key=True),
    *_texts("item", "coder", "codings"),
    Column("made_at", Double, nullable=False),
    Column("kept", Boolean, nullable=False),
)
Index("review_submissions_by_kept", submissions.c.kept)

# How far the ledger was read, by table.
marks = Table(
    "review_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

# The ledger that all this belongs to, known by its first batch.
ledgers = Table("review_ledgers", metadata, Column("origin", Text, primary_key=True))

# What a person said of two records that may be one: `same` or `distinct`.
pairs = Table(
    "review_pairs",
    metadata,
    Column("a", Text, primary_key=True),
    Column("b", Text, primary_key=True),
    *_texts("decision", "by"),
    Column("at", Double, nullable=False),
)


class State:
    """The open database of one observatory's app. Close it, or use it as a context."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._server = engine.dialect.name == "postgresql"
        # Within a process writers queue here: SQLite lets them poll instead, which is unfair.
        self._turn = threading.Lock()

    @classmethod
    def open(cls, observatory: Observatory) -> State:
        """The state of an observatory's app, made where there is none yet.

        Raises LedgerError where the database cannot be opened or is of a newer version.
        """
        engine = _engine(observatory)
        place = engine.url.render_as_string(hide_password=True)
        state = cls(engine)
        try:
            with state.writing() as connection:
                metadata.create_all(connection)
                if not connection.execute(select(versions)).first():
                    connection.execute(insert(versions).values(version=VERSION))
                found = max(connection.execute(select(versions.c.version)).scalars())
        except (DBAPIError, sqlite3.Error) as error:
            engine.dispose()
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise LedgerError(
                f"the review app's database {place} cannot be opened: {reason}; check the rights "
                "on it, and that no other program holds it"
            ) from error
        if found > VERSION:
            engine.dispose()
            raise LedgerError(
                f"the review app's database {place} is of version {found}, this program knows up "
                f"to {VERSION}; install a newer innovatory"
            )
        return state

    def claim(self, origin: str, seen: Mapping[str, int]) -> None:
        """Take this for the state of a ledger, known by its origin, that has so many rows a table.

        Raises LedgerError where it belongs to another one, or to this one when it held more:
        leases and drafts would be taken for those of other records.
        """
        if not origin:
            return
        with self.writing() as connection:
            known = connection.execute(select(ledgers.c.origin)).scalar()
            read = {row.name: row.seq for row in connection.execute(select(marks))}
            if known is None:
                connection.execute(insert(ledgers).values(origin=origin))
        place = self.engine.url.render_as_string(hide_password=True)
        if known not in (None, origin):
            fault = f"belongs to another ledger (begun {known[:20]}, this one {origin[:20]})"
        elif any(seen[name] < read.get(name, 0) for name in seen):
            fault = "knows of answers that the ledger does not hold, an older copy perhaps"
        else:
            return
        raise LedgerError(
            f"the review app's database {place} {fault}; put the right ledger back, or move the "
            "database away and make accounts and drafts anew"
        )

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for queries that belong together."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one write transaction: what it reads stays true until its end, then it is on disk."""
        with (
            self._turn,
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            if self._server:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            yield connection


def begun(observatory: Observatory) -> bool:
    """Whether there can be a database of the app; false where its file was not made yet."""
    return _on_server(observatory) or _path(observatory).is_file()


def _on_server(observatory: Observatory) -> bool:
    return make_url(observatory.ledger_url).get_backend_name() in ("postgresql", "postgres")


def _path(observatory: Observatory) -> Path:
    return observatory.folder / "review" / "review.db"


def _engine(observatory: Observatory) -> Engine:
    if _on_server(observatory):
        address = make_url(observatory.ledger_url)
        return create_engine(address.set(drivername="postgresql+pg8000"), pool_size=15)
    path = _path(observatory)
    path.parent.mkdir(exist_ok=True)
    # Passwords never go into git, whatever the .gitignore of an older observatory leaves out.
    (path.parent / ".gitignore").write_text("*\n", "utf-8")
    _make_private(path)
    return _sqlite(path)


def _make_private(path: Path) -> None:
    """Make the file readable to its owner alone before SQLite could make it readable to all."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{quote(str(path))}", pool_size=15)

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions of its own: `begin` below says which kind.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
