"""The LLM coder at work on an observatory: asked, archived, and taken into the ledger."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from innovatory.engine import key_of
from innovatory.errors import ObservatoryError
from innovatory.handout import find_draw
from innovatory.ledger import ImportSummary
from innovatory.llm import Archive, Budget, Endpoint, Progress, code, coder
from innovatory.observatory import Observatory
from innovatory.records import Reject, Source

SOURCE = Source("llm", "Answers of language models, archived")


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: Endpoint
    budget: Budget = msgspec.field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records and questions (none: all) a model is asked, and whether only its archive is."""

    draw: str = ""
    dimensions: tuple[str, ...] = ()
    replay: bool = False


def load(path: Path) -> tuple[Endpoint, Budget]:
    """The settings of a model; ObservatoryError names file, setting and reason."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        settings = msgspec.convert(told, _Settings)
    except OSError as error:
        raise ObservatoryError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ObservatoryError(f"{path}: {error}; see docs/llm.md") from error
    for name, kind in (("endpoint", Endpoint), ("budget", Budget)):
        known = [one.name for one in fields(kind)]
        if unknown := sorted(told.get(name, {}).keys() - set(known)):
            raise ObservatoryError(
                f"{path}: [{name}] has no setting {unknown[0]!r}; use {', '.join(known)}"
            )
    return settings.endpoint, settings.budget


def run(
    observatory: Observatory, path: Path, asked: Asked, *,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[ImportSummary, tuple[Reject, ...]]:  # fmt: skip
    """Let a model code records of the ledger; its answers are kept, and enter no count.

    Requests and answers are archived in the observatory's folder `llm`. Raises ObservatoryError
    where the settings or the draw are wrong, and where in replay an answer is missing.
    """
    endpoint, budget = load(path)
    ids = sorted(find_draw(observatory, asked.draw).members) if asked.draw else None
    who = coder(endpoint)
    with observatory.ledger() as ledger, Archive(observatory.folder / "llm") as archive:
        records = list(ledger.records(ids).values())
        answers = code(
            records, observatory.book, endpoint, archive, dimensions=asked.dimensions,
            replay=asked.replay, budget=budget, progress=progress,
        )  # fmt: skip
        # Asked before the ledger is written to, so that nobody waits for a slow model.
        rows = list(answers)
        sha = key_of([repr(row) for row in rows])
        summary = ledger.import_file(
            rows, source=SOURCE, file=f"{who.id} {asked.draw}".strip(), sha256=sha,
            coders=[who], codebook=observatory.book.version,
            check=lambda fact: observatory.book.fault(fact.dimension, fact.value),
        )  # fmt: skip
        told = [reject for batch, reject in ledger.rejects() if batch == summary.batch]
    return summary, tuple(told)
