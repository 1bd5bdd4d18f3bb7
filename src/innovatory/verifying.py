"""Making an edition again from the ledger, and comparing every number.

`check` asks whether an edition agrees with itself; this asks whether it is what the ledger gives:
with the facts as they were when it was built, the codebook that was in force, and the panel and
reference coders that its manifest names.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from innovatory import __version__, codebook
from innovatory.edition.build import Input, Spec, build
from innovatory.errors import EditionError
from innovatory.observatory import Observatory
from innovatory.pipeline import built_editions, given

MOST = 5


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
    with tempfile.TemporaryDirectory(prefix="innovatory-verify-") as temporary:
        again = Path(temporary)
        found = []
        for name in names:
            _remade(observatory, name, again)
            found.append(_compared(observatory.edition_folder(name), again / name))
    return found


def _remade(observatory: Observatory, name: str, again: Path) -> None:
    folder = observatory.edition_folder(name)
    manifest = _manifest(folder)
    book = codebook.load(folder / "codebook.yaml")
    made = manifest["made_from"]
    earlier = (manifest["earlier"] or {}).get("name", "")
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
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    if "made_from" not in manifest:
        raise EditionError(
            f"{folder}: was built by an older version, which did not say from what; build it again"
        )
    return manifest


def _compared(folder: Path, again: Path) -> Verified:
    before, after = _manifest(folder), _manifest(again)
    problems = []
    if before["innovatory"] != after["innovatory"]:
        problems.append(
            f"{folder.name}: was made by version {before['innovatory']}, this is {__version__}"
        )
    if before["ledger"]["state"] != after["ledger"]["state"]:
        problems.append(
            f"{folder.name}: the ledger is another one, its state at batch "
            f"{before['ledger']['batch']} was {before['ledger']['state'][:12]} and is "
            f"{after['ledger']['state'][:12]}"
        )
    differing = [
        name
        for name in sorted(before["files"].keys() | after["files"].keys())
        if before["files"].get(name) != after["files"].get(name) and not name.endswith(".csv")
    ]
    problems += [problem for name in differing for problem in _difference(folder, again, name)]
    damaged = [name for name, sha in before["files"].items() if _changed(folder / name, sha)]
    problems += [f"{folder / name}: missing or changed since it was built" for name in damaged]
    numbers = sum(_numbers(path) for path in (again / "tables").glob("*.parquet"))
    claims = json.loads((again / "claims.json").read_text("utf-8"))
    return Verified(
        folder.name, numbers, len(claims), before["ledger"]["batch"], before["ledger"]["state"],
        tuple(problems),
    )  # fmt: skip


def _changed(path: Path, sha: str) -> bool:
    from innovatory.engine import digest

    return not path.is_file() or digest(path.read_bytes()) != sha


def _numbers(path: Path) -> int:
    """How many numbers a table holds."""
    schema = pq.read_schema(path)
    kinds = ("int", "double", "float", "decimal")
    columns = sum(str(field.type).startswith(kinds) for field in schema)
    return columns * pq.read_metadata(path).num_rows


def _difference(folder: Path, again: Path, name: str) -> Iterator[str]:
    """What differs in a file: whole rows of a table, the first few."""
    if not (folder / name).is_file() or not (again / name).is_file():
        yield f"{folder / name}: is in only one of the two"
        return
    if not name.endswith(".parquet"):
        yield f"{folder / name}: differs from what the ledger gives"
        return
    old, new = (pq.read_table(one / name).to_pylist() for one in (folder, again))
    rows = [(n, a, b) for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    more = f"; {len(old)} rows instead of {len(new)}" if len(old) != len(new) else ""
    yield f"{folder / name}: {len(rows)} rows differ from what the ledger gives{more}"
    for n, a, b in rows[:MOST]:
        told = [f"{key} is {a[key]}, should be {b.get(key)}" for key in a if a[key] != b.get(key)]
        yield f"{folder / name}: row {n + 1}: {'; '.join(told)}"
