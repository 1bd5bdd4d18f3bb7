"""Making an edition again from the ledger, and comparing every number.

`check` asks whether an edition agrees with itself; this asks whether it is what the ledger gives:
with the facts as they were when it was built, the codebook that was in force, and the panel and
reference coders that its manifest names.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from innovatory import __version__, codebook
from innovatory.edition.build import Input, Spec, build
from innovatory.engine import digest
from innovatory.errors import EditionError
from innovatory.observatory import Observatory
from innovatory.pipeline import built_editions, given

MANIFEST = "manifest.json"
MOST = 5
# Of the manifest, what the edition is; its files are compared themselves.
_TOLD = ("name", "title", "as_of", "synthetic", "codebook", "counting", "counts", "earlier",
         "sources")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verified:
    """An edition made again: `numbers` and `claims` were compared, `problems` say what differs."""

    name: str
    numbers: int
    claims: int
    batch: int
    state: str
    problems: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The outcome in words."""
        if self.problems:
            yield from self.problems
            yield (
                f"{self.name}: made again with the [aliases] and the city list of today; if these "
                "changed, or the edition is no longer wanted as it was, build it again"
            )
        else:
            yield (
                f"{self.name}: {self.numbers:,} numbers of its tables and {self.claims} claims, "
                f"made again from the ledger as of batch {self.batch} (state {self.state[:12]}): "
                "all equal, to the byte"
            )


def verify(observatory: Observatory) -> list[Verified]:
    """Make every edition that was built again, beside it, and compare the two.

    Editions are made oldest first, as each is compared with the one before. Raises EditionError
    where none was built, and what building raises.
    """
    names = built_editions(observatory)
    if not names:
        raise EditionError(
            f"{observatory.folder}: no edition was built yet; run "
            f"'innovatory build {shlex.quote(str(observatory.folder))} --as-of DATE'"
        )
    manifests = {name: _manifest(observatory.edition_folder(name)) for name in names}
    with tempfile.TemporaryDirectory(prefix="innovatory-verify-") as temporary:
        again = Path(temporary)
        found = []
        for name, manifest in manifests.items():
            _remade(observatory, name, manifest, again=again)
            found.append(_compared(observatory.edition_folder(name), again / name))
    return found


def _remade(
    observatory: Observatory, name: str, manifest: Mapping[str, Any], *, again: Path
) -> None:
    folder = observatory.edition_folder(name)
    book = codebook.load(folder / "codebook.yaml")
    made = manifest["made_from"]
    earlier = (manifest["earlier"] or {}).get("name", "")
    if earlier and not (again / earlier).is_dir():
        raise EditionError(
            f"{folder}: was compared with the edition {earlier!r}, which is not there any more; "
            "name it in observatory.toml again, or build this one again"
        )
    spec = Spec(name, date.fromisoformat(manifest["as_of"]), manifest["title"], earlier)
    with observatory.ledger() as ledger:
        batch = manifest["ledger"]["batch"]
        if batch > ledger.head():
            raise EditionError(
                f"{folder}: was built from batch {batch} of a ledger, this one has "
                f"{ledger.head()}; point observatory.toml at the ledger it was built from"
            )
        base: Input = replace(
            given(observatory, ledger, batch=batch),
            book=book,
            panel=None if made["panel"] is None else tuple(made["panel"]),
            reference=None if made["reference"] is None else tuple(made["reference"]),
            seed=made["seed"],
            # Nothing that was remembered may vouch for itself.
            remember=lambda key, make: make(),
        )
        build(spec, base, folder=again / name, state=again / f"{name}.json")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EditionError(f"{folder / MANIFEST}: cannot be read ({error}); build again") from error
    if not isinstance(manifest, dict) or not {*_TOLD, "files", "ledger"} <= manifest.keys():
        raise EditionError(f"{folder / MANIFEST}: is no manifest; build the edition again")
    if "made_from" not in manifest:
        raise EditionError(
            f"{folder}: was built by an older version, which did not say from what; build it again"
        )
    return manifest


def _compared(folder: Path, again: Path) -> Verified:
    before, after = _manifest(folder), _manifest(again)
    problems = list(_told_by_manifest(folder, before, after))
    for name in sorted(before["files"].keys() | after["files"].keys()):
        path = folder / name
        found = digest(path.read_bytes()) if path.is_file() else ""
        given, should = before["files"].get(name, ""), after["files"].get(name, "")
        if found != given:
            problems.append(f"{path}: {'changed' if found else 'lost'} since it was built")
        if found and should and found != should:
            problems += _difference(folder, again, name)
        elif given != should:
            what = f"{'does not follow' if given else 'is missing, and follows'} from the ledger"
            problems.append(f"{path}: {what}")
    numbers = sum(_numbers(path) for path in (again / "tables").glob("*.parquet"))
    claims = json.loads((again / "claims.json").read_text("utf-8"))
    return Verified(
        folder.name, numbers, len(claims), before["ledger"]["batch"], before["ledger"]["state"],
        tuple(problems),
    )  # fmt: skip


def _told_by_manifest(
    folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    """What the manifest says of the edition as a whole, and should not."""
    if before["innovatory"] != after["innovatory"]:
        yield (
            f"{folder.name}: was made by version {before['innovatory']}, this is {__version__}: "
            "install that one, or build the edition again"
        )
    if before["ledger"]["state"] != after["ledger"]["state"]:
        yield (
            f"{folder.name}: the ledger is another one, its state at batch "
            f"{before['ledger']['batch']} was {before['ledger']['state'][:12]} and is "
            f"{after['ledger']['state'][:12]}; point observatory.toml at the ledger it was built "
            "from"
        )
    for name in _TOLD:
        if before[name] != after[name]:
            yield f"{folder / MANIFEST}: {name} is {before[name]}, should be {after[name]}"


def _numbers(path: Path) -> int:
    """How many numbers a table holds."""
    schema = pq.read_schema(path)
    kinds = ("int", "double", "float", "decimal")
    columns = sum(str(field.type).startswith(kinds) for field in schema)
    return columns * pq.read_metadata(path).num_rows


def _difference(folder: Path, again: Path, name: str) -> Iterator[str]:
    """What differs in a file: rows of a table or claims, the first few."""
    try:
        old, new = (_rows(one / name) for one in (folder, again))
    except (OSError, ValueError, pa.ArrowException) as error:
        yield f"{folder / name}: cannot be read ({error}); build the edition again"
        return
    if not (old and new):
        # A table in two formats is told of once.
        if not name.endswith(".csv"):
            yield f"{folder / name}: differs from what the ledger gives"
        return
    rows = [(n, a, b) for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    more = f"; it has {len(old)} rows instead of {len(new)}" if len(old) != len(new) else ""
    yield f"{folder / name}: {len(rows)} rows differ from what the ledger gives{more}"
    for n, a, b in rows[:MOST]:
        told = [f"{key} is {a[key]}, should be {b.get(key)}" for key in a if a[key] != b.get(key)]
        yield f"{folder / name}: {a.get('id', f'row {n + 1}')}: {'; '.join(told)}"


def _is_rows(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table, or the claims; none of another file."""
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if path.suffix == ".json":
        found = json.loads(path.read_text("utf-8"))
        return found if _is_rows(found) else []
    return []
