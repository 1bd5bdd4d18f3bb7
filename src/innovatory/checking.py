"""What `innovatory check` looks at: editions against themselves, and somebody's printed figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from innovatory.edition.verify import verify
from innovatory.errors import EditionError
from innovatory.figures import Verdict, VerdictKind, check_figures, load_figures
from innovatory.observatory import Observatory


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check: what is wrong, and what was set aside and is worth a look."""

    editions: tuple[str, ...]
    problems: tuple[str, ...]
    set_aside: dict[str, int]
    unresolved: int

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield from self.problems
        if not self.problems:
            yield (
                f"{len(self.editions)} editions hold: every file has its hash, and every claim "
                "follows from the tables"
            )
        for name, count in self.set_aside.items():
            yield f"set aside at collecting: {name}: {count}"
        if self.unresolved:
            yield f"places without a city: {self.unresolved} (table 'unresolved' of each edition)"


def check(observatory: Observatory) -> Report:
    """Verify every edition that was built; EditionError where none was."""
    built = [
        spec.name
        for spec in observatory.editions
        if (observatory.edition_folder(spec.name) / "manifest.json").is_file()
    ]
    if not built:
        raise EditionError(
            f"{observatory.folder}: no edition was built yet; run 'innovatory build'"
        )
    problems = [p for name in built for p in verify(observatory.edition_folder(name))]
    with observatory.ledger() as ledger:
        told = Counter(f"{r.file}, field {r.field}" for _, r in ledger.rejects())
    unresolved = _manifest(observatory, built[-1])["counts"]["unresolved_places"]
    return Report(tuple(built), tuple(problems), dict(told.most_common()), unresolved)


def figures(observatory: Observatory, path: Path, *, edition: str | None) -> list[Verdict]:
    """Judge printed figures by themselves and, with an edition, against its claims."""
    printed = load_figures(path)
    if edition is None:
        return check_figures(printed)
    folder = observatory.edition_folder(edition)
    if not (folder / "claims.json").is_file():
        raise EditionError(f"{folder}: no edition there; build it first")
    claims = json.loads((folder / "claims.json").read_text("utf-8"))
    return check_figures(
        printed,
        edition_claims={claim["id"]: claim for claim in claims},
        synthetic=_manifest(observatory, edition)["synthetic"],
    )


def is_wrong(verdict: Verdict) -> bool:
    """Whether a verdict says that a figure cannot be, or is not that of the edition."""
    return (
        verdict.kind in (VerdictKind.INCONSISTENT, VerdictKind.DIFFERS)
        or verdict.reading == VerdictKind.INCONSISTENT
    )


def line(verdict: Verdict) -> str:
    """A verdict in one line."""
    return f"{verdict.claim}: {verdict.printed}: {verdict.kind}: {verdict.words}"


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON-ready data; ranges as [first, last]."""
    told = asdict(verdict)
    for name in ("counts", "joint"):
        span = told[name]
        told[name] = [span.start, span.stop - 1] if span else None
    return told


def _manifest(observatory: Observatory, edition: str) -> dict[str, Any]:
    path = observatory.edition_folder(edition) / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return manifest
