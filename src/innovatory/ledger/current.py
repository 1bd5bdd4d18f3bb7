"""The facts that are current at a batch, as Arrow tables in an order that never varies.

A batch appears in the ledger at once and nothing is ever changed, so reading up to a batch gives
the same whole picture whoever writes meanwhile. Rows are put in order by Arrow, byte by byte:
databases order texts by the language they are set to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Text,
    and_,
    exists,
    func,
    select,
    union_all,
)
from sqlalchemy.sql.selectable import SelectBase

from innovatory.ledger.quotes import located
from innovatory.ledger.schema import (
    adjudications,
    codebooks,
    coders,
    codings,
    corrections,
    draw_members,
    draws,
    events,
    evidence,
    links,
    merges,
    organisations,
    places,
    records,
    sources,
    stage_events,
)
from innovatory.ledger.store import Store
from innovatory.ledger.versions import QUOTABLE, RECORD_TEXTS, stored_records
from innovatory.records import Evidence

_ARROW_TYPES = {
    Text: pa.string(),
    Integer: pa.int64(),
    BigInteger: pa.int64(),
    Double: pa.float64(),
    Boolean: pa.bool_(),
}
_RECORD_COLUMNS = (
    *("record_id", "version", "source_id", "batch", *RECORD_TEXTS, "keywords", "funding_source"),
    *("funding_amount", "funding_currency", "funding_note", "verified"),
)
_ORDERS = {
    "sources": "source_id",
    "records": "record_id",
    "places": "record_id ord",
    "organisations": "record_id ord",
    "events": "record_id ord",
    "links": "record_id ord",
    "coders": "coder_id",
    "draws": "draw_id record_id",
    "codings": "record_id dimension coder_id codebook draw",
    "adjudications": "record_id dimension codebook",
    "corrections": "record_id field",
    "merges": "record_id",
    "codebooks": "version",
}
_EVIDENCE_COLUMNS = ["record_id", "dimension", "coder_id", "codebook", "draw",
                     "field", "start", "end", "quote"]  # fmt: skip
_EVIDENCE_ORDER = ["record_id", "dimension", "coder_id", "codebook", "draw", "ord"]


def current_facts(store: Store, connection: Connection, batch: int) -> dict[str, pa.Table]:
    """Every table of current facts as known at a batch; docs/ledger.md lists their columns."""
    tables = {}
    for name, query in _queries(batch).items():
        table = _read(store, connection, query)
        tables[name] = _ordered(table, _ORDERS[name].split()) if name in _ORDERS else table
    quotes = _of_current_codings(tables["evidence"], tables["codings"], tables["records"])
    tables["evidence"] = _in_current_words(store, connection, quotes)
    for name in ("codings", "records"):
        tables[name] = tables[name].drop_columns("seq")
    return tables


def _of_current_codings(quotes: pa.Table, answers: pa.Table, told: pa.Table) -> pa.Table:
    """The quotes of codings that are current, with what each is about and its record's version.

    Looked up by Arrow in a third of the time that the databases take to join them.
    """
    rows = pc.index_in(quotes["owner"], value_set=answers["seq"])
    quotes = quotes.filter(pc.is_valid(rows))
    of_coding = answers.select(["record_id", "dimension", "coder_id", "codebook", "draw"])
    of_coding = of_coding.take(rows.drop_null())
    version = told["seq"].take(pc.index_in(of_coding["record_id"], value_set=told["record_id"]))
    columns = {name: of_coding[name] for name in of_coding.column_names}
    columns |= {name: quotes[name] for name in quotes.column_names if name != "owner"}
    return pa.table(columns | {"current_seq": version})


def _queries(batch: int) -> dict[str, SelectBase]:
    def of(table: FromClause, *names: str) -> SelectBase:
        return select(*(table.c[name] for name in names)).where(_current(table, batch))

    key = ("record_id", "dimension")
    return {
        "sources": of(sources, *sources.columns.keys()[6:]),
        "records": of(records, "seq", *_RECORD_COLUMNS),
        "places": _parts(places, batch),
        "organisations": _parts(organisations, batch),
        "events": _all_events(batch),
        "links": _parts(links, batch),
        "coders": select(
            coders.c.coder_id,
            coders.c.kind,
            coders.c.label,
            coders.c.coder_version.label("version"),
        ).where(_current(coders, batch)),
        "draws": select(*_named(draws, "draw_id design seed note target"))
        .add_columns(*_named(draw_members, "record_id probability drawn second"))
        .join_from(draws, draw_members, draw_members.c.owner == draws.c.seq)
        .where(_current(draws, batch)),
        "codings": of(
            codings,
            "seq",
            *key,
            "coder_id",
            "value",
            "confidence",
            "comment",
            "draw",
            "codebook",
            "coded_at",
            "seconds",
            "suggestion",
        ),
        "evidence": select(*_named(evidence, "owner field start end quote ord record_seq")),
        "adjudications": of(adjudications, *key, "adjudicator", "value", "reason", "codebook"),
        "corrections": of(
            corrections, "record_id", "field", "old", "new", "reason", "source", "by", "batch"
        ),
        "merges": of(merges, "record_id", "into", "reason", "by"),
        "codebooks": select(codebooks.c.version, codebooks.c.text).where(
            codebooks.c.batch <= batch
        ),
    }


def _current(table: FromClause, batch: int) -> ColumnElement[bool]:
    later = table.alias()
    superseded = exists().where(later.c.supersedes == table.c.seq, later.c.batch <= batch)
    return and_(table.c.batch <= batch, ~superseded)


def _named(table: FromClause, names: str) -> Iterable[ColumnElement[Any]]:
    return [table.c[name] for name in names.split()]


def _parts(table: FromClause, batch: int) -> SelectBase:
    return (
        select(records.c.record_id, *list(table.c)[1:])
        .join_from(table, records, records.c.seq == table.c.owner)
        .where(_current(records, batch))
    )


def _all_events(batch: int) -> SelectBase:
    """The events that a record came with, then those learnt later, numbered on."""
    told = select(func.count()).where(events.c.owner == records.c.seq).scalar_subquery()
    later = func.row_number().over(
        partition_by=stage_events.c.record_id, order_by=stage_events.c.seq
    )
    learnt = (
        select(
            records.c.record_id, told + later - 1, *_named(stage_events, "when stage note source")
        )
        .join_from(stage_events, records, records.c.record_id == stage_events.c.record_id)
        .where(stage_events.c.batch <= batch, _current(records, batch))
    )
    return union_all(_parts(events, batch), learnt)


def _read(store: Store, connection: Connection, query: SelectBase) -> pa.Table:
    columns = [
        pa.field(column.name, _ARROW_TYPES[_plain_type(column)])
        for column in query.selected_columns
    ]
    text = query.compile(dialect=store.engine.dialect, compile_kwargs={"literal_binds": True})
    return store.columns(connection, str(text), pa.schema(columns))


def _plain_type(column: Any) -> type:
    return next(kind for kind in type(column.type).__mro__ if kind in _ARROW_TYPES)


def _ordered(table: pa.Table, order: list[str]) -> pa.Table:
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in order]))


def _in_current_words(store: Store, connection: Connection, table: pa.Table) -> pa.Table:
    """The evidence with each quote where it stands in the record as it is now.

    A quote was located in the version of its day; where a later one has other texts, its place is
    looked for again, so that `text[start:end] == quote` holds for whoever reads both tables.
    """
    moved = pc.not_equal(table["record_seq"], table["current_seq"])
    rows = table.filter(moved).to_pylist()
    if rows:
        seqs = {row["current_seq"] for row in rows}
        told = stored_records(store, connection, seqs, with_parts=QUOTABLE)
        passages = {seq: record.passages() for seq, record in told.items()}
        for row in rows:
            place = located(Evidence(row["quote"]), passages[row["current_seq"]])
            row |= asdict(place)
        found = pa.Table.from_pylist(rows, schema=table.schema)
        table = pa.concat_tables([table.filter(pc.invert(moved)), found])
    return _ordered(table, _EVIDENCE_ORDER).select(_EVIDENCE_COLUMNS)
