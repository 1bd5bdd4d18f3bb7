"""Where a ledger lies: SQLite or PostgreSQL, and what each does its own way.

Both take one writer at a time (a second one waits its turn) and any number of readers. Many rows
go in and come out in blocks: `insert`, `matching` and `columns` are the statements whose time
matters, so each is written for the database at hand.
"""

from __future__ import annotations

import io
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.schema import CreateColumn

from innovatory.errors import LedgerError
from innovatory.ledger.schema import ADDED, SCHEMA_VERSION, metadata, schema_versions

if TYPE_CHECKING:
    import pyarrow as pa

# A waiting writer may have to sit out the import of a whole large file.
PATIENCE_SECONDS = 600
BLOCK_ROWS = 50_000
_KEYS_A_QUERY = 500
_ADVISORY_LOCK = 0x1E06E5


class Store(ABC):
    """An open database with the tables of `schema`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.place = engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for queries; what it reads is whole because batches appear at once."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @abstractmethod
    def writing(self) -> Any:
        """A context: a connection in the one write transaction, committed at its end or undone."""

    @abstractmethod
    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append rows whose values are in the order of the table's columns."""

    @abstractmethod
    def matching(
        self,
        connection: Connection,
        columns: Sequence[str],
        *,
        table: str,
        key: Sequence[str],
        keys: Collection[tuple[Any, ...]],
    ) -> list[tuple[Any, ...]]:
        """The rows whose key is one of `keys`, in order of the first of the columns wanted."""

    @abstractmethod
    def columns(self, connection: Connection, query: str, schema: pa.Schema) -> pa.Table:
        """The result of a query as Arrow columns of the given names and types."""

    def prepare(self, *, create: bool) -> None:
        """Check the version of the tables, making them first where `create` says so.

        Raises LedgerError where there are none, or where they are of a newer version.
        """
        if create:
            with self.writing() as connection:
                metadata.create_all(connection)
                if not connection.execute(schema_versions.select()).first():
                    self.insert(connection, schema_versions, [(SCHEMA_VERSION,)])
        with self.reading() as connection:
            if not inspect(connection).has_table(schema_versions.name):
                raise LedgerError(
                    f"{self.place} holds no ledger; collect a source to begin one, "
                    "or correct the address in observatory.toml"
                )
            found = max(connection.execute(schema_versions.select()).scalars())
        if found > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {self.place} is of version {found}, this program knows up to "
                f"{SCHEMA_VERSION}; install a newer innovatory"
            )
        if found < SCHEMA_VERSION:
            self._bring_up()

    def _bring_up(self) -> None:
        """Add the columns that later versions of the tables have; no row is changed."""
        with self.writing() as connection:
            # Asked again, because another process may have done it meanwhile.
            found = max(connection.execute(schema_versions.select()).scalars())
            for version in range(found + 1, SCHEMA_VERSION + 1):
                for column in ADDED[version]:
                    words = CreateColumn(column).compile(dialect=self.engine.dialect)
                    connection.exec_driver_sql(f'ALTER TABLE "{column.table.name}" ADD {words}')
                self.insert(connection, schema_versions, [(version,)])


class SqliteStore(Store):
    """A ledger in one file, written through a write-ahead log that is flushed at each commit."""

    @classmethod
    def open(cls, url: URL, *, create: bool) -> SqliteStore:
        """Open the file that the address names. Raises LedgerError where it is not there."""
        path = Path(url.database or "")
        if not create and not path.is_file():
            raise LedgerError(f"there is no ledger at {path}; collect a source to begin one")
        if not path.parent.is_dir():
            raise LedgerError(f"the folder of the ledger {path} does not exist; make it first")
        engine = create_engine(url)

        @event.listens_for(engine, "connect")
        def settle(connection: Any, _record: Any) -> None:
            # The driver must not begin transactions of its own: `begin` below says which kind.
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000}")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -65536")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A writer that began by reading could not wait for another: it would have to give up.
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return cls(engine)

    def prepare(self, *, create: bool) -> None:
        """Set the write-ahead log once: the file remembers it. Then as for any database."""
        if create:
            raw = self.engine.raw_connection()
            try:
                cursor = raw.cursor()
                if cursor.execute("PRAGMA journal_mode").fetchall() != [("wal",)]:
                    cursor.execute("PRAGMA journal_mode = WAL").fetchall()
            finally:
                raw.close()
        super().prepare(create=create)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one write transaction; another writer waits for its end."""
        with (
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append rows with one prepared statement."""
        if rows:
            marks = ",".join("?" * len(table.columns))
            connection.exec_driver_sql(f'INSERT INTO "{table.name}" VALUES ({marks})', list(rows))

    def matching(
        self,
        connection: Connection,
        columns: Sequence[str],
        *,
        table: str,
        key: Sequence[str],
        keys: Collection[tuple[Any, ...]],
    ) -> list[tuple[Any, ...]]:
        """Rows by key, a fixed number of keys at a time so that the statement is prepared once."""
        todo = list(keys)
        todo += [(None,) * len(key)] * (-len(todo) % _KEYS_A_QUERY)
        marks = "(" + ",".join("?" * len(key)) + ")"
        # A cross join, because only that makes SQLite probe the index once a key: given a row
        # value and IN it reads the whole table.
        query = (
            f"WITH given({_quoted(key)}) AS (VALUES {','.join([marks] * _KEYS_A_QUERY)}) "
            f'SELECT {_quoted(columns, "kept")} FROM given CROSS JOIN "{table}" kept '
            f"ON {_equal(key)}"
        )
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(todo), _KEYS_A_QUERY):
            flat = tuple(v for values in todo[start : start + _KEYS_A_QUERY] for v in values)
            found += map(tuple, connection.exec_driver_sql(query, flat).fetchall())
        return sorted(found, key=lambda row: row[0])

    def columns(self, connection: Connection, query: str, schema: pa.Schema) -> pa.Table:
        """The result of a query, read in blocks so that few Python objects live at once."""
        import pyarrow as pa

        cursor = connection.connection.cursor()
        try:
            cursor.execute(query)
            blocks = []
            while rows := cursor.fetchmany(BLOCK_ROWS):
                arrays = [
                    pa.array(values, pa.int8()).cast(field.type)
                    if field.type == pa.bool_()
                    else pa.array(values, field.type)
                    for field, values in zip(schema, zip(*rows, strict=True), strict=True)
                ]
                blocks.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        finally:
            cursor.close()
        return pa.Table.from_batches(blocks, schema=schema)


class PostgresStore(Store):
    """A ledger in a PostgreSQL database, for observatories that several machines write to."""

    @classmethod
    def open(cls, url: URL) -> PostgresStore:
        """Connect through pg8000. Raises LedgerError where that is not installed."""
        try:
            import_module("pg8000")
        except ImportError as error:
            raise LedgerError(
                "a ledger in PostgreSQL needs the driver pg8000; "
                "install it with: pip install 'innovatory[postgres]'"
            ) from error
        return cls(create_engine(url.set(drivername="postgresql+pg8000")))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one write transaction, under a lock that the server frees when it ends."""
        with self.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            yield connection

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append rows as one JSON text: the driver would send them one by one."""
        names = table.columns.keys()
        for start in range(0, len(rows), BLOCK_ROWS):
            block = [dict(zip(names, row, strict=True)) for row in rows[start : start + BLOCK_ROWS]]
            connection.exec_driver_sql(
                f'INSERT INTO "{table.name}" SELECT {_quoted(names)} '
                f"FROM json_to_recordset(%s) AS given({_typed(table, names)})",
                (msgspec.json.encode(block).decode(),),
            )

    def matching(
        self,
        connection: Connection,
        columns: Sequence[str],
        *,
        table: str,
        key: Sequence[str],
        keys: Collection[tuple[Any, ...]],
    ) -> list[tuple[Any, ...]]:
        """Rows by key, with all keys in one JSON text."""
        if not keys:
            return []
        given = [dict(zip(key, values, strict=True)) for values in keys]
        result = connection.exec_driver_sql(
            f"SELECT {_quoted(columns, 'kept')} FROM json_to_recordset(%s) "
            f"AS given({_typed(metadata.tables[table], key)}) "
            f'JOIN "{table}" kept ON {_equal(key)}',
            (msgspec.json.encode(given).decode(),),
        )
        return sorted((tuple(row) for row in result), key=lambda row: row[0])

    def columns(self, connection: Connection, query: str, schema: pa.Schema) -> pa.Table:
        """The result of a query through COPY, parsed by Arrow: an absent value has no quotes."""
        import pyarrow.csv

        text = io.BytesIO()
        cursor: Any = connection.connection.cursor()
        try:
            cursor.execute(
                f"COPY ({query}) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE *)", stream=text
            )
        finally:
            cursor.close()
        if not text.tell():
            return schema.empty_table()
        text.seek(0)
        return pyarrow.csv.read_csv(
            text,
            read_options=pyarrow.csv.ReadOptions(column_names=schema.names, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        ).cast(schema)


def open_store(url: str, *, create: bool) -> Store:
    """The store at an address, its tables checked (and made, where `create` says so).

    Raises LedgerError where the address is malformed or of another kind of database, where there
    is no ledger, or where it is of a newer version than this program.
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise LedgerError(
            "the address of the ledger is malformed; write sqlite:///FILE or postgresql://HOST/NAME"
        ) from error
    kind = address.get_backend_name()
    if kind == "sqlite":
        store: Store = SqliteStore.open(address, create=create)
    elif kind in ("postgresql", "postgres"):
        store = PostgresStore.open(address)
    else:
        raise LedgerError(
            f"a ledger cannot lie in {kind}; write sqlite:///FILE or postgresql://HOST/NAME"
        )
    try:
        store.prepare(create=create)
    except (DBAPIError, sqlite3.Error) as error:
        store.engine.dispose()
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerError(
            f"the ledger {store.place} cannot be opened: {reason}; "
            "check the address in observatory.toml and the rights on it"
        ) from error
    except LedgerError:
        store.engine.dispose()
        raise
    return store


def storable(text: str) -> str:
    r"""The text with what a database refuses (NUL, half characters) written as an escape.

    >>> storable("a\0b") == r"a\x00b", storable("a\ud800") == r"a\ud800"
    (True, True)
    """
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def _quoted(names: Collection[str], table: str = "") -> str:
    return ", ".join(f'{table}."{name}"' if table else f'"{name}"' for name in names)


def _equal(key: Collection[str]) -> str:
    return " AND ".join(f'kept."{name}" = given."{name}"' for name in key)


def _typed(table: Table, names: Collection[str]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return ", ".join(f'"{name}" {table.c[name].type.compile(dialect)}' for name in names)
