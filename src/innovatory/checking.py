"""What `innovatory check` looks at: editions against themselves, and somebody's printed figures."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from innovatory.edition.verify import verify
from innovatory.errors import EditionError
from innovatory.figures import Assessment, AssessmentKind, check_figures, load_figures
from innovatory.observatory import Observatory
from innovatory.pipeline import built_editions

# Faults of the 3rd and the 40th place are of one kind.
_NUMBER = re.compile(r"\.\d+")


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check: what is wrong, and what was set aside and is worth a look."""

    folder: Path
    editions: tuple[str, ...]
    problems: tuple[str, ...]
    set_aside: dict[str, int]
    unresolved: int

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield from self.problems
        if self.problems:
            yield f"'innovatory build {shlex.quote(str(self.folder))}' makes damaged files again"
        else:
            yield (
                f"every file has its hash, and every claim follows from the tables, in "
                f"{', '.join(self.editions)}"
            )
        for name, count in self.set_aside.items():
            yield f"set aside at collecting: {name}: {count}"
        if self.set_aside:
            yield "'innovatory export' lists them one by one in rejects.csv"
        if self.unresolved:
            yield f"places without a city: {self.unresolved} (table 'unresolved' of each edition)"


def check(observatory: Observatory) -> Report:
    """Verify every edition that was built; EditionError where none was."""
    built = built_editions(observatory)
    if not built:
        raise EditionError(
            f"{observatory.folder}: no edition was built yet; run "
            f"'innovatory build {shlex.quote(str(observatory.folder))} --as-of DATE'"
        )
    problems: list[str] = []
    unresolved = 0
    for name in built:
        try:
            problems += verify(observatory.edition_folder(name))
            unresolved = _manifest(observatory, name)["counts"]["unresolved_places"]
        except EditionError as error:
            problems.append(str(error))
    with observatory.ledger() as ledger:
        told = Counter(f"{r.file}, {_NUMBER.sub('.N', r.field)}" for _, r in ledger.rejects())
    return Report(
        observatory.folder, tuple(built), tuple(problems), dict(told.most_common()), unresolved
    )


def figures(observatory: Observatory, path: Path, *, edition: str | None) -> list[Assessment]:
    """Judge printed figures by themselves and, with an edition, against its claims.

    Raises FiguresError where the file is malformed, and EditionError where the edition was not
    built or cannot be read.
    """
    printed = load_figures(path)
    if edition is None:
        return check_figures(printed)
    built = built_editions(observatory)
    if edition not in built:
        raise EditionError(
            f"{observatory.folder}: no edition {edition!r} was built; known: "
            f"{', '.join(built) or 'none'}"
        )
    path = observatory.edition_folder(edition) / "claims.json"
    try:
        claims = {claim["id"]: claim for claim in json.loads(path.read_bytes())}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EditionError(f"{path}: cannot be read ({error}); build the edition again") from error
    synthetic = _manifest(observatory, edition)["synthetic"]
    return check_figures(printed, edition_claims=claims, synthetic=synthetic)


def is_wrong(assessment: Assessment) -> bool:
    """Whether an assessment says that a figure cannot be, or is not that of the edition."""
    return (
        assessment.kind in (AssessmentKind.INCONSISTENT, AssessmentKind.DIFFERS)
        or assessment.reading == AssessmentKind.INCONSISTENT
    )


def line(assessment: Assessment) -> str:
    """An assessment in one line."""
    return f"{assessment.claim}: {assessment.printed}: {assessment.kind}: {assessment.words}"


def as_json(assessment: Assessment) -> dict[str, Any]:
    """An assessment as JSON-ready data; ranges as [first, last]."""
    told = asdict(assessment)
    for name in ("counts", "joint"):
        span = told[name]
        told[name] = [span.start, span.stop - 1] if span else None
    return told


def _manifest(observatory: Observatory, edition: str) -> dict[str, Any]:
    path = observatory.edition_folder(edition) / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EditionError(f"{path}: cannot be read ({error}); build the edition again") from error
    return manifest
