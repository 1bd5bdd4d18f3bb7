"""What is done before and while people code: draws, the machine's help, and when to stop.

A draw is stored before anyone sees a record of it. What is told here rests on all that the ledger
holds now, whatever its date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from innovatory import sampling
from innovatory.codebook import Codebook, RollUp
from innovatory.edition import predictions
from innovatory.edition.counts import CITY
from innovatory.engine import Engine, key_of, quoted
from innovatory.errors import LedgerError, ObservatoryError
from innovatory.observatory import Observatory
from innovatory.pipeline import current, remembered, unheard
from innovatory.records import DRAW_DESIGNS, Draw, Fact, Row, Source, canonical

SOURCE = Source("fieldwork", "Draws and merges made in the observatory")
DESIGNS = tuple(name for name in DRAW_DESIGNS if name != "census")
SECTOR = "sector"
SECOND = 0.2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a draw is asked to be.

    `size` records of a `kind` ('' = any), of which a share `second` goes to a second, blind coder.
    `by` names the strata of a stratified draw (city or sector), `dimensions` what is to be coded
    (none: all). An id or seed that is not given follows from the observatory's own.
    """

    size: int
    design: str = "simple_random"
    by: str = CITY
    second: float = SECOND
    kind: str = ""
    dimensions: tuple[str, ...] = ()
    id: str = ""
    seed: int | None = None


def draw(observatory: Observatory, wanted: Wanted) -> Draw:
    """Draw records for coding, and store the draw in the ledger before anyone sees them.

    The frame is every record that no reference coder has coded outside of a draw; those drawn
    before cannot be drawn again, except by the design `repeat`, which draws among the coded ones
    to see whether coders agree with themselves. Raises ObservatoryError where no such draw can be
    made, and LedgerError where the ledger refuses it.
    """
    _check(observatory.book, wanted)
    with current(observatory) as engine:
        rows = engine.rows("SELECT DISTINCT draw_id FROM fact_draws")
        known = [row["draw_id"] for row in rows]
        if wanted.id in known:
            raise ObservatoryError(
                f"there is a draw {wanted.id!r} already, and it stays as it was drawn; give "
                "another --id"
            )
        made = _drawn(engine, observatory, wanted, id=wanted.id or _free(known))
    store(observatory, [made], name=f"draw {made.id}")
    return made


def _check(book: Codebook, wanted: Wanted) -> None:
    if wanted.design not in DESIGNS:
        raise ObservatoryError(f"{wanted.design!r} is no design; use one of {', '.join(DESIGNS)}")
    if not 0 <= wanted.second <= 1:
        raise ObservatoryError(f"a second coder for a share of {wanted.second}: give 0 to 1")
    asked = [d.id for d in book.dimensions]
    if missing := sorted(set(wanted.dimensions) - set(asked)):
        raise ObservatoryError(f"{missing[0]!r} is not asked by the codebook: {', '.join(asked)}")


def _free(known: Sequence[str]) -> str:
    number = 1
    while f"draw-{number}" in known:
        number += 1
    return f"draw-{number}"


def _drawn(engine: Engine, observatory: Observatory, wanted: Wanted, *, id: str) -> Draw:
    seed = observatory.seed if wanted.seed is None else wanted.seed
    target = wanted.dimensions or tuple(d.id for d in observatory.book.dimensions)
    kind = f"kind = {quoted(wanted.kind)}" if wanted.kind else "true"
    every = [r["record_id"] for r in engine.rows(
        f"SELECT record_id FROM records WHERE {kind} ORDER BY record_id")]  # fmt: skip
    coded, drawn = _coded(engine, target), _members(engine, target)
    if wanted.design == "repeat":
        again = sorted(coded & set(every))
        if wanted.size > len(again):
            raise ObservatoryError(
                f"{len(again)} records are coded by people, so that {wanted.size} cannot be coded "
                "again; ask for fewer"
                if again
                else "no record is coded by people yet, so that none can be coded again; "
                "draw by another design first"
            )
        found = sampling.simple_random(again, wanted.size, id=id, seed=seed)
        return replace(found, design="repeat", target=wanted.dimensions)
    frame = [record for record in every if record in drawn or record not in coded]
    if not frame:
        what = f"record of the kind {wanted.kind}" if wanted.kind else "record"
        raise ObservatoryError(
            f"every {what} is coded, so that none is left to draw; collect more, or draw some to "
            "be coded again with --design repeat"
            if every
            else f"there is no {what}; collect some, or leave --kind out"
        )
    if wanted.design == "simple_random":
        found = sampling.simple_random(frame, wanted.size, id=id, seed=seed, drawn=drawn)
    elif wanted.design == "stratified":
        strata = _strata(engine, observatory, wanted.by)
        found = sampling.stratified(
            {record: strata.get(record, "none") for record in frame}, wanted.size, id=id,
            seed=seed, drawn=drawn,
        )  # fmt: skip
    else:
        score = _scores(engine, observatory, target)
        found = sampling.uncertainty(
            {record: score[record] for record in frame}, wanted.size, id=id, seed=seed, drawn=drawn
        )
    second = sampling.second(found.members, wanted.second, id=id, seed=seed)
    return replace(found, second=second, target=wanted.dimensions)


def _coded(engine: Engine, target: Sequence[str]) -> set[str]:
    """The records that reference coders have answered, on any of the dimensions."""
    listed = ", ".join(quoted(d) for d in target)
    rows = engine.rows(f"SELECT DISTINCT record_id FROM judgements WHERE dimension IN ({listed})")
    return {row["record_id"] for row in rows}


def _members(engine: Engine, target: Sequence[str]) -> set[str]:
    """The records that were drawn before to be coded on any of the dimensions."""
    rows = engine.rows(
        "SELECT DISTINCT record_id, target FROM draws WHERE drawn AND design <> 'repeat'"
    )
    return {
        row["record_id"]
        for row in rows
        if not row["target"] or set(row["target"].split("|")) & set(target)
    }


def _strata(engine: Engine, observatory: Observatory, by: str) -> dict[str, str]:
    """The first city of each record, or its sector: as coded, else as the machine expects."""
    if by == CITY:
        rows = engine.rows(
            "SELECT record_id, arg_min(city_id, ord) AS city FROM places WHERE in_panel "
            "GROUP BY record_id ORDER BY record_id"
        )
        return {row["record_id"]: row["city"] for row in rows}
    if by != SECTOR or observatory.book.dimension(SECTOR) is None:
        raise ObservatoryError(f"records cannot be drawn by {by!r}; use city or sector")
    table, _ = predict(engine, observatory, [SECTOR])
    engine.table("expected", table)
    rows = engine.rows("""
        SELECT record_id, arg_max(class, likely ORDER BY class) AS sector FROM (
          SELECT record_id, class, probability AS likely FROM expected UNION ALL
          SELECT record_id, class, votes + 1 FROM verdicts WHERE dimension = 'sector')
        GROUP BY record_id ORDER BY record_id""")
    return {row["record_id"]: row["sector"] for row in rows}


def _scores(engine: Engine, observatory: Observatory, target: Sequence[str]) -> dict[str, float]:
    """How doubtful the machine is about each record, over all the dimensions."""
    table, _ = predict(engine, observatory, target)
    arrays = []
    ids: list[str] = []
    for name in target:
        mine = table.filter(pc.field("dimension") == name)
        asked = observatory.book.dimension(name)
        assert asked is not None
        classes = len(asked.classes)
        ids = [str(record_id) for record_id in mine["record_id"].to_pylist()[::classes]]
        arrays.append(mine["probability"].to_numpy().reshape(-1, classes))
    return dict(zip(ids, sampling.scores(arrays).tolist(), strict=True))


def predict(
    engine: Engine, observatory: Observatory, dimensions: Sequence[str]
) -> tuple[pa.Table, pa.Table]:
    """The tables `predictions` and `machine` of an edition, for what is in the engine."""
    return predictions.take(
        engine, observatory.book, dimensions, seed=observatory.seed,
        remember=remembered(observatory),
    )  # fmt: skip


def predictable(book: Codebook) -> list[str]:
    """The dimensions that the machine coder is trained on: all but roll-ups."""
    rolled = {d.id for d in book.derived if isinstance(d.how, RollUp)}
    names = [d.id for d in book.dimensions] + [d.id for d in book.derived]
    return [name for name in names if name not in rolled]


@dataclass(frozen=True, slots=True)
class Tried:
    """The machine coder's table `machine`, and why it had no answer to learn from, if so."""

    table: pa.Table
    notice: str


def machine(observatory: Observatory, dimensions: Sequence[str] = ()) -> Tried:
    """How good the machine coder is on each dimension (none: all), trained on all coded now.

    Raises ObservatoryError for a dimension that it cannot be trained on.
    """
    known = predictable(observatory.book)
    if missing := sorted(set(dimensions) - set(known)):
        raise ObservatoryError(
            f"the machine coder is not trained on {missing[0]!r}; use {', '.join(known)}"
        )
    with current(observatory) as engine:
        table = predict(engine, observatory, dimensions or known)[1]
        return Tried(table, unheard(observatory, engine.rows("SELECT * FROM coders")))


def store(observatory: Observatory, facts: Sequence[Fact], *, name: str) -> int:
    """Put facts made in the observatory into its ledger; how many were new.

    Raises LedgerError where one of them is refused; then the others are in.
    """
    with observatory.ledger() as ledger:
        # With what was known: the same said again after the contrary is said anew.
        sha = key_of([str(ledger.head()), *(repr(canonical(fact)) for fact in facts)])
        ledger.add_codebook(observatory.book.version, observatory.book.text)
        summary = ledger.import_file(
            [Row(n, fact) for n, fact in enumerate(facts, start=1)], source=SOURCE, file=name,
            sha256=sha, codebook=observatory.book.version,
        )  # fmt: skip
        if summary.rejected:
            told = [r for batch, r in ledger.rejects() if batch == summary.batch]
            raise LedgerError(f"{name}: {told[0].reason}; {told[0].next_step}")
    return summary.new + summary.changed
