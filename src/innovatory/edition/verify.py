"""Checking a frozen edition against itself: its files, and each claim against its query."""

from __future__ import annotations

import json
from pathlib import Path

from innovatory.edition.build import damaged
from innovatory.engine import Engine

TOLERANCE = 1e-6
# An estimate is no sum of the records that were coded; `verify` of the ledger makes it again.
_ADD_UP = ("counted", "coded")


def verify(folder: Path) -> list[str]:
    """What is wrong with an edition, one sentence each; empty when all of it holds.

    Files are compared with the manifest's hashes. Each claim's query is run again on the Parquet
    tables and must give the claim's value, and the votes of the records listed behind it must add
    up to it. EditionError where there is no manifest.
    """
    problems = [f"{folder / name}: missing or changed since it was built" for name in
                damaged(folder)]  # fmt: skip
    if problems:
        return problems
    with Engine() as engine:
        for path in sorted((folder / "tables").glob("*.parquet")):
            engine.parquet(path.stem, path)
        for claim in json.loads((folder / "claims.json").read_text("utf-8")):
            name = f"{folder / 'claims.json'}: claim {claim['id']}"
            if claim["kind"] in ("share", "count", "partition"):
                found = engine.rows(claim["query"])[0]["count"]
                if found is None or abs(found - claim["value"]) > TOLERANCE:
                    problems.append(f"{name} says {claim['value']}, its query gives {found}")
            adds_up = claim["basis"] in _ADD_UP and claim["kind"] != "change"
            if claim["records_query"] and claim["printed"] and adds_up:
                votes = engine.rows(
                    f"SELECT coalesce(sum(votes), 0) AS n FROM ({claim['records_query']})"
                )[0]["n"]
                if abs(votes - claim["value"]) > 1e-3:
                    problems.append(f"{name} says {claim['value']}, its records add to {votes}")
            if claim["kind"] == "leaders" and claim["printed"]:
                rows = [row["city_id"] for row in engine.rows(claim["query"])]
                if rows != [leader["city_id"] for leader in claim["leaders"]]:
                    problems.append(f"{name} names other cities than its query: {rows}")
    return problems
