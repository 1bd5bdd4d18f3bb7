"""Building an edition: a pure function of the ledger, a date, a codebook and a panel.

Every part has a key, the hash of what it is made from. A part whose key did not change is left
as it is, so that one new coding makes again only the tables that ask its dimension. The keys lie
outside the edition's folder, which holds nothing that depends on when or where it was built.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from innovatory import __version__, claims, design
from innovatory.codebook import Codebook
from innovatory.edition import (
    agreements,
    compare,
    coverage,
    describe,
    judgements,
    ranks,
    snapshot,
    tables,
)
from innovatory.edition.coverage import Coverage
from innovatory.edition.outputs import Outputs
from innovatory.edition.receipts import Receipts
from innovatory.edition.sentences import Writer, change
from innovatory.edition.snapshot import Resolved
from innovatory.engine import (
    Engine,
    digest,
    key_of,
    write_atomically,
)
from innovatory.errors import EditionError

if TYPE_CHECKING:
    from innovatory.edition.predictions import Remember

Resolve = Callable[[Sequence[tuple[str, str]]], Mapping[tuple[str, str], Resolved]]


@cache
def _code() -> str:
    """The hash of the code that makes editions: changed code makes all of them again."""
    here = Path(__file__).parent
    named = ("claims", "codebook", "design", "engine", "records", "sampling")
    rooms = (here, *(here.parent / name for name in ("agreement", "coder", "estimate")))
    files = [*(here.parent / f"{name}.py" for name in named)]
    files += [path for room in rooms for path in sorted(room.glob("*.py"))]
    return key_of([digest(path.read_bytes()) for path in files])


@dataclass(frozen=True, slots=True)
class Spec:
    """What an edition is asked to be."""

    name: str
    as_of: date
    title: str = ""
    earlier: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """What an edition is made from; `state` and `geography` are hashes of facts and city list."""

    facts: Callable[[], Mapping[str, pa.Table]]
    batch: int
    state: str
    book: Codebook
    resolve: Resolve
    cities: Callable[[Sequence[str]], pa.Table]
    panel: tuple[str, ...] | None
    geography: str
    reference: tuple[str, ...] | None = None
    seed: int = 1
    remember: Remember = lambda key, make: make()


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: the tables made again, and those left as they were."""

    name: str
    folder: Path
    made: tuple[str, ...]
    kept: tuple[str, ...] = ()


def build(spec: Spec, given: Input, *, folder: Path, state: Path) -> Built:
    """Make, or bring up to date, the edition in `folder`; `state` is the file of keys.

    The folder of the earlier edition, if the spec names one, is its sibling. Raises EditionError
    where it has not been built, or where corrections or merges contradict each other.
    """
    earlier = folder.parent / spec.earlier if spec.earlier else None
    if earlier and not (earlier / "manifest.json").is_file():
        raise EditionError(f"{earlier}: no edition there to compare with; build it first")
    before = (earlier / "manifest.json").read_bytes() if earlier else b""
    key = key_of(
        [_code(), given.state, given.book.version, given.geography,
         json.dumps(given.panel), repr((given.reference, given.seed)), repr(spec),
         digest(before)]
    )  # fmt: skip
    old = _state(state)
    if old.get("key") == key and _complete(folder, old["manifest"]):
        return Built(spec.name, folder, (), tuple(old["tables"]))
    with Outputs(folder, old.get("tables", {})) as run, Engine() as engine:
        prepare(engine, given, as_of=spec.as_of)
        snapshot.release(engine)
        written = _tables(engine, run, spec, given, earlier)
        manifest = _manifest(engine, run, spec, given, earlier)
    _freeze(run, manifest, written, given.book)
    _forget(run)
    manifest_hash = digest((folder / "manifest.json").read_bytes())
    _save(state, {"key": key, "manifest": manifest_hash, "tables": run.entries()})
    return Built(spec.name, folder, tuple(run.made), tuple(run.kept))


def prepare(engine: Engine, given: Input, *, as_of: date) -> None:
    """Put the facts as of a date and what coders say of them into the engine.

    Afterwards it holds the tables of `snapshot`, of `judgements` and `naming`.
    """
    snapshot.load(engine, given.facts())
    resolved = given.resolve(snapshot.spellings(engine))
    found = sorted({r.city_id for r in resolved.values() if r.city_id})
    snapshot.take(
        engine, as_of=as_of, resolved=resolved,
        cities=given.cities(sorted({*found, *(given.panel or ())})), panel=given.panel,
    )  # fmt: skip
    judgements.take(engine, given.book, reference=given.reference)
    tables.labels(engine, given.book)


def _tables(
    engine: Engine, run: Outputs, spec: Spec, given: Input, earlier: Path | None
) -> list[claims.Claim]:
    book = given.book
    for name in (*snapshot.TABLES, *judgements.TABLES):
        run.put(name, "", engine.query(f"SELECT * FROM {name}"))
    rests = coverage.take(engine, book, seed=given.seed, remember=given.remember)
    for name, table in rests.tables.items():
        run.put(name, "", table)
    prints = {**tables.partitions(engine), "draws": run.entry("draws")["parquet"], **rests.prints}
    _counts(engine, run, rests, prints)
    _agreement(engine, run, book, prints)
    designs = [row["design"] for row in engine.rows("SELECT design FROM sources WHERE records > 0")]
    setting = claims.Setting(
        as_of=f"{spec.as_of.day} {spec.as_of:%B %Y}",
        obstacle=design.obstacle(designs),
        partly_coded=claims.partly_coded(engine, drawn=rests.drawn),
    )  # fmt: skip
    _ranks(engine, run, book, setting)
    _pooled(run, rests)
    agreed = run.rows("agreement") if agreements.doubled(engine) else []
    receipts = Receipts(engine, rests, agreement=agreed)
    written = Writer(engine, book, setting, read=run.rows, receipts=receipts).claims()
    if earlier:
        changes = compare.take(engine, earlier)
        engine.table("changes", changes)
        run.put("changes", "", changes)
        written += change(engine, setting, spec.earlier)
        prints = {**prints, "changes": run.entry("changes")["parquet"]}
    _claim_records(engine, run, book, [c for c in written if c.printed and c.records_query], prints)
    return written


def _agreement(engine: Engine, run: Outputs, book: Codebook, prints: Mapping[str, str]) -> None:
    """How far coders agree, where there are two; of unchanged dimensions it is taken over."""
    if not agreements.doubled(engine):
        return
    names = [d.id for d in book.dimensions] + [d.id for d in book.derived]
    shared = [run.entry(name)["parquet"] for name in ("draws", "adjudications")]
    marks = {name: key_of([*shared, prints.get(f"judgements:{name}", "")]) for name in names}
    key = key_of([_code(), key_of(marks)])
    if run.reuse("agreement", key):
        return
    old = (run.old["agreement"].get("marks") or {}) if run.intact("agreement") else {}
    kept = [name for name, mark in marks.items() if old.get(name) == mark]
    table = agreements.take(engine, book, [name for name in names if name not in kept])
    if kept:
        held = pq.read_table(run.path("agreement", "parquet"))
        table = pa.concat_tables([table, held.filter(pc.field("dimension").isin(kept))])
    place = pc.index_in(table["dimension"], value_set=pa.array(names))
    # A stable sort: the order within a dimension stays.
    table = table.take(pc.sort_indices(place))
    run.put("agreement", key, table.combine_chunks(), marks=marks)


def _ranks(engine: Engine, run: Outputs, book: Codebook, setting: claims.Setting) -> None:
    made = {count.name for count in tables.count_tables(book)}
    named = [name for name in ("by_city", "city_by_innovative") if name in made]
    given = [*(run.entry(name)["parquet"] for name in named), repr(setting)]
    key = key_of([_code(), *given])
    if run.reuse("city_ranks", key):
        return
    for name in named:
        engine.parquet(name, run.path(name, "parquet"))
    table = ranks.take(engine, book, obstacle=setting.obstacle, partly_coded=setting.partly_coded)
    run.put("city_ranks", key, table)


def _pooled(run: Outputs, rests: Coverage) -> None:
    """The shares of cities pooled, where the table that they come from was made again."""
    named = {count.name for count in tables.count_tables(rests.book)}
    if rests.frame is None or coverage.POOLED not in named:
        return
    key = key_of([_code(), run.entry(coverage.POOLED)["key"]])
    if run.reuse("city_pooled", key):
        return
    if (table := rests.pooled()) is not None:
        run.put("city_pooled", key, table)


def _claim_records(
    engine: Engine,
    run: Outputs,
    book: Codebook,
    printed: Sequence[claims.Claim],
    prints: Mapping[str, str],
) -> None:
    """The records behind the claims; of claims whose facts are unchanged they are taken over."""
    keys = {}
    for claim in printed:
        parts = {name: prints.get(name, "") for name in claims.dependencies(claim, book)}
        keys[claim.id] = key_of([claim.records_query, key_of(parts)])
    key = key_of([_code(), key_of(keys)])
    if run.reuse("claim_records", key):
        return
    old = (run.old["claim_records"].get("marks") or {}) if run.intact("claim_records") else {}
    kept = [name for name, mark in keys.items() if old.get(name) == mark]
    table = claims.records_of(engine, [c for c in printed if c.id not in kept])
    if kept:
        held = pq.read_table(run.path("claim_records", "parquet"))
        table = pa.concat_tables([table, held.filter(pc.field("claim_id").isin(kept))])
    table = table.sort_by([("claim_id", "ascending"), ("record_id", "ascending")])
    run.put("claim_records", key, table.combine_chunks(), marks=keys)


def _counts(engine: Engine, run: Outputs, rests: Coverage, prints: Mapping[str, str]) -> None:
    """The count tables; those whose parts of the facts are unchanged are taken from disk."""
    book, keys = rests.book, {}
    for count in tables.count_tables(book):
        parts = {name: prints.get(name, "") for name in tables.inputs(count, book)}
        keys[count] = key_of([_code(), repr(count), key_of(parts)])
    stale = []
    for count, key in keys.items():
        if not run.reuse(count.name, key):
            stale.append(count)
    records = engine.rows("SELECT count(*) AS n FROM records")[0]["n"]
    for batch in tables.batches(stale, book, records=records):
        for name, table in batch.split(engine.query(batch.statement)).items():
            count = next(c for c in batch.counts if c.name == name)
            run.put(name, keys[count], rests.put(count, table))


def _manifest(
    engine: Engine, run: Outputs, spec: Spec, given: Input, earlier: Path | None
) -> dict[str, Any]:
    counts = engine.rows(
        "SELECT count(*) FILTER (kind = 'project') AS projects, "
        "count(*) FILTER (kind = 'living_lab') AS living_labs, count(*) AS records, "
        "count(*) FILTER (disputed > 0) AS disputed_records, "
        "count(*) FILTER (NOT dated) AS undated_records FROM records"
    )[0]
    counts["cities"] = engine.rows("SELECT count(*) AS n FROM cities")[0]["n"]
    counts["unresolved_places"] = engine.rows("SELECT count(*) AS n FROM unresolved")[0]["n"]
    sources = engine.rows("SELECT * FROM sources WHERE records > 0")
    named = {count.name: count for count in tables.count_tables(given.book)}
    listed = []
    order = [*snapshot.TABLES, *judgements.TABLES, *coverage.TABLES, "agreement", *named,
             "city_ranks", "city_pooled", "changes", "claim_records"]  # fmt: skip
    entries = run.entries()
    for name in sorted(entries, key=order.index):
        entry = entries[name]
        title, text = describe.table(name, named)
        listed.append(
            {
                "name": name, "title": title, "text": text, "rows": entry["rows"],
                "sha256_parquet": entry["parquet"], "sha256_csv": entry["csv"],
                "columns": [
                    {"name": column, "type": kind, "text": describe.column(column)}
                    for column, kind in entry["columns"]
                ],
            }
        )  # fmt: skip
    before = json.loads((earlier / "manifest.json").read_text("utf-8")) if earlier else None
    return {
        "name": spec.name,
        "title": spec.title or f"Edition {spec.name}",
        "as_of": spec.as_of.isoformat(),
        "synthetic": any(row["synthetic"] for row in engine.rows("SELECT synthetic FROM sources")),
        "ledger": {"batch": given.batch, "state": given.state},
        "codebook": {"version": given.book.version, "label": given.book.label},
        "made_from": {"panel": given.panel, "reference": given.reference, "seed": given.seed},
        "counting": "A record in several cities counts once in each (full) or in equal parts "
        "(fractional); every other table counts each record once (record).",
        "counts": counts,
        "earlier": before and {"name": before["name"], "as_of": before["as_of"]},
        "sources": sources,
        "tables": listed,
        "innovatory": __version__,
    }


def _freeze(
    run: Outputs, manifest: dict[str, Any], written: list[claims.Claim], book: Codebook
) -> None:
    texts = {
        "claims.json": _json([claim.as_json() for claim in written]),
        "codebook.yaml": book.text.encode(),
    }
    files = {name: digest(data) for name, data in texts.items()}
    for name, entry in run.entries().items():
        files[f"tables/{name}.parquet"] = entry["parquet"]
        files[f"tables/{name}.csv"] = entry["csv"]
    manifest["files"] = dict(sorted(files.items()))
    # The manifest comes last: an edition without one that matches is not complete.
    for name, data in (texts | {"manifest.json": _json(manifest)}).items():
        path = run.folder / name
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)


def _forget(run: Outputs) -> None:
    """Remove tables of an earlier build that the edition no longer has."""
    for path in sorted((run.folder / "tables").iterdir()):
        if path.name.split(".")[0] not in run.entries():
            path.unlink()


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n").encode()


def _state(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state


def _save(path: Path, state: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(state).encode())


def _complete(folder: Path, manifest_hash: str) -> bool:
    """Whether every file of the edition is there with the content its manifest names."""
    manifest = folder / "manifest.json"
    if not manifest.is_file() or digest(manifest.read_bytes()) != manifest_hash:
        return False
    return not damaged(folder)


def damaged(folder: Path) -> list[str]:
    """Files of an edition that are missing or differ from its manifest."""
    try:
        files = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        raise EditionError(f"{folder}: no readable manifest.json; build the edition again") from (
            error
        )
    return [
        name
        for name, sha in files.items()
        if not (folder / name).is_file() or digest((folder / name).read_bytes()) != sha
    ]
