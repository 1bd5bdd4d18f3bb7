"""The ledger: the one store of facts, which is only ever appended to.

Each import is a *batch*: all of a file, or nothing of it. What was known at any batch can be read
again for ever; the `state` is a hash by which two ledgers are known to hold the same facts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from innovatory.errors import LedgerError
from innovatory.ledger import schema
from innovatory.ledger.history import HistoryEntry, record_history
from innovatory.ledger.intake import Check, Intake
from innovatory.ledger.store import Store, open_store, storable
from innovatory.ledger.versions import stored_records
from innovatory.records import Coder, Record, Reject, Row, Source

if TYPE_CHECKING:
    import pyarrow as pa

_COUNTS = ("new", "changed", "unchanged", "rejected", "flagged")


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did, in facts: `by_kind` counts those taken, the unchanged ones included.

    `batch` is that of the import; where it was skipped, that of the earlier one it equals.
    `rejected` counts rows set aside, `flagged` fields set aside of rows that were kept.
    """

    file: str
    source_id: str
    batch: int
    skipped: bool = False
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    flagged: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """One import as the ledger remembers it; `content` is the hash of what it appended."""

    batch: int
    source_id: str
    source_version: int
    file: str
    sha256: str
    settings: str
    recorded_at: str
    new: int
    changed: int
    unchanged: int
    rejected: int
    flagged: int
    by_kind: dict[str, int]
    content: str


class Ledger:
    """An open ledger. Close it, or use it as a context."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Ledger:
        """The ledger at an address: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.

        PostgreSQL is reached through pg8000 (the extra `postgres`). Raises LedgerError where
        there is no ledger and `create` is false, where the address cannot be used, and where the
        ledger was written by a newer version of this program.
        """
        return cls(open_store(url, create=create))

    def close(self) -> None:
        """Give back the connections."""
        self._store.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def import_file(
        self,
        rows: Iterable[Row | Reject],
        *,
        source: Source,
        file: str,
        sha256: str,
        settings: str = "",
        coders: Iterable[Coder] = (),
        codebook: str = "",
        check: Check | None = None,
    ) -> ImportSummary:
        """Append the facts of one file in one transaction: all of them, or on any error none.

        `settings` is a hash of what else decides how the file is read. A file whose last import
        had the same `sha256` and `settings` is skipped unread, unless the description of its
        source or coders says something new. Facts refused only because their record was missing
        are tried again as soon as the ledger has grown. `codebook` is the version that codings
        and adjudications without one answer to; `check` says what is wrong with an answer as
        (field, reason, next step). Raises LedgerError, and whatever reading `rows` raises.
        """
        file = storable(file)
        with self._store.writing() as connection:
            head, earlier = _head(connection), _last(connection, source.id, file)
            intake = Intake(
                self._store,
                connection,
                batch=head + 1,
                source=source,
                file=file,
                codebook=codebook,
                check=check,
            )
            version = intake.declare(coders)
            same = earlier and (earlier.sha256, earlier.settings) == (sha256, settings)
            waits = earlier and earlier.waiting > 0 and earlier.batch < head
            if not same or waits or intake.appender.appended:
                intake.take(rows)
            if same and not intake.appender.appended:
                # What was tried again in vain would only be told again among the rejects.
                connection.rollback()
                return ImportSummary(file, source.id, earlier.batch, skipped=True)
            counts, by_kind = intake.counts, dict(sorted(intake.by_kind.items()))
            origin = (source.id, version, file, sha256, settings)
            self._record(connection, head + 1, origin, counts, by_kind, intake.appender.content)
        told: dict[str, Any] = {name: counts[name] for name in _COUNTS}
        return ImportSummary(file, source.id, head + 1, by_kind=by_kind, **told)

    def add_codebook(self, version: str, text: str) -> None:
        """Keep the text of a version of the codebook, as a batch of its own; once is enough.

        Raises LedgerError where the text cannot be stored.
        """
        if storable(version + text) != version + text:
            raise LedgerError(
                "the codebook holds a NUL or half a character; save it as UTF-8 again without it"
            )
        known = select(schema.codebooks.c.seq).where(schema.codebooks.c.version == version)
        with self._store.writing() as connection:
            if connection.execute(known).first():
                return
            batch = _head(connection) + 1
            seq = (connection.execute(select(func.max(schema.codebooks.c.seq))).scalar() or 0) + 1
            self._store.insert(connection, schema.codebooks, [(seq, batch, version, text)])
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            content = hashlib.sha256(f"codebook {version} {sha256}\n".encode()).hexdigest()
            origin = ("", 0, "codebook", sha256, "")
            self._record(connection, batch, origin, {"new": 1}, {"codebook": 1}, content)

    def head(self) -> int:
        """The number of the last batch; 0 where the ledger is empty."""
        with self._store.reading() as connection:
            return _head(connection)

    def state(self, *, batch: int | None = None) -> str:
        """The hash of all facts up to a batch, in order, whatever the clock or database.

        It chains the batches: SHA-256 of the state before and the content of the batch, in
        hexadecimal, from the empty text on.
        """
        state = ""
        for one in self.imports():
            if batch is None or one.batch <= batch:
                state = hashlib.sha256((state + one.content).encode()).hexdigest()
        return state

    def facts(self, *, batch: int | None = None) -> dict[str, pa.Table]:
        """The facts that are current at a batch (by default the last), as Arrow tables by name.

        docs/ledger.md lists tables and columns. Rows are in the order of their ids. Corrections
        are listed, not applied.
        """
        from innovatory.ledger.current import current_facts

        with self._store.reading() as connection:
            upto = _head(connection) if batch is None else batch
            return current_facts(self._store, connection, upto)

    def records(self, ids: Collection[str] | None = None) -> dict[str, Record]:
        """The current versions of records (None: of all), as their sources tell them, by id."""
        table = schema.records
        with self._store.reading() as connection:
            if ids is None:
                query = select(table.c.seq, table.c.record_id).order_by(table.c.seq)
                rows = [tuple(row) for row in connection.execute(query)]
            else:
                rows = self._store.matching(
                    connection, ("seq", "record_id"), table=table.name, key=("record_id",),
                    keys={(record_id,) for record_id in ids},
                )  # fmt: skip
            # A later version of a record comes after it.
            last = {record_id: seq for seq, record_id in rows}
            told = stored_records(self._store, connection, list(last.values()))
        return {record.id: record for record in told.values()}

    def history(self, record_id: str) -> list[HistoryEntry]:
        """Every version of a record, and of the facts about it, oldest first.

        Raises UnknownRecord where there is no record of that id.
        """
        with self._store.reading() as connection:
            return record_history(self._store, connection, record_id)

    def imports(self) -> list[Batch]:
        """All batches, oldest first."""
        query = select(schema.imports).order_by(schema.imports.c.batch)
        with self._store.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            del row["waiting"]
            row["by_kind"] = json.loads(row["by_kind"])
        return [Batch(**row) for row in rows]

    def rejects(self) -> list[tuple[int, Reject]]:
        """All that was set aside, with the batch that did so, in order."""
        query = select(schema.rejects).order_by(schema.rejects.c.seq)
        with self._store.reading() as connection:
            return [(batch, Reject(*told)) for _, batch, *told in connection.execute(query)]

    def _record(
        self,
        connection: Connection,
        batch: int,
        origin: tuple[str, int, str, str, str],
        counts: Mapping[str, int],
        by_kind: dict[str, int],
        content: str,
    ) -> None:
        recorded_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = (counts.get(name, 0) for name in (*_COUNTS, "waiting"))
        row = (batch, *origin, recorded_at, *told, json.dumps(by_kind), content)
        self._store.insert(connection, schema.imports, [row])


def _head(connection: Connection) -> int:
    return connection.execute(select(func.max(schema.imports.c.batch))).scalar() or 0


def _last(connection: Connection, source_id: str, file: str) -> Any:
    """The last import of a file of a source, or None."""
    table = schema.imports
    return connection.execute(
        select(table)
        .where(table.c.source_id == source_id, table.c.file == file)
        .order_by(table.c.batch.desc())
        .limit(1)
    ).first()
