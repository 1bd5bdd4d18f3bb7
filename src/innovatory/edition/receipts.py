"""What a figure rests on, in one line: records, coders, draws, agreement, codebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from innovatory.claims import number
from innovatory.codebook import Codebook
from innovatory.edition.counts import COUNTED, Count, Population, asked_of_coders, name_of
from innovatory.edition.coverage import Coverage
from innovatory.engine import Engine

_PEOPLE = {"person": "people", "llm": "language models", "machine": "machines", "rule": "rules"}
_DESIGNS = {
    "simple_random": "drawn at random",
    "stratified": "drawn at random in each stratum",
    "uncertainty": "drawn half at random, half where the machine was in doubt",
    "census": "all taken",
}
_NOUNS = {"project": "projects", "living_lab": "living labs", "": "records"}


class Receipts:
    """Writes the receipts of one edition; `agreement` are the rows of its table `agreement`."""

    def __init__(
        self, engine: Engine, rests: Coverage, *, agreement: Sequence[Mapping[str, Any]]
    ) -> None:
        self.rests = rests
        self.book: Codebook = rests.book
        self.agreement = {
            row["dimension"]: row
            for row in agreement
            if row["measure"] == "alpha" and row["class"] == "" and row["by"] == ""
        }
        coders = engine.rows("SELECT kind FROM coders WHERE reference ORDER BY coder_id")
        self.coders = [_PEOPLE.get(row["kind"], "coders of unknown kind") for row in coders]
        self.designs = {
            row["draw_id"]: row["design"]
            for row in engine.rows("SELECT DISTINCT draw_id, design FROM draws ORDER BY ALL")
        }

    def basis(self, count: Count, population: Population) -> str:
        """What a count of the population rests on: counted, coded, estimated."""
        asked = asked_of_coders(count, population)
        found = self.rests.bases.get(name_of(asked, population.kind)) if asked else None
        return found.name if found else COUNTED

    def of(self, count: Count, population: Population, row: Mapping[str, Any]) -> str:
        """The receipt of one cell of a count table."""
        asked = asked_of_coders(count, population)
        if not asked:
            return "from the records' own dates and fields; not coded"
        parts = [self._coded(asked, population, row), self._agreed(asked)]
        if row["basis"] in ("estimated", "model"):
            parts.insert(1, self._helped(asked))
        label = f"codebook {self.book.label}".strip()
        parts.append(f"{label} ({self.book.version[:8]})")
        return "; ".join(part for part in parts if part)

    def _coded(
        self, asked: Sequence[str], population: Population, row: Mapping[str, Any]
    ) -> str:  # fmt: skip
        by = " and ".join(dict.fromkeys(self.coders)) or "nobody"
        stands = self.rests.bases.get(name_of(asked, population.kind))
        noun = _NOUNS[population.kind]
        if stands is None or stands.name == "counted":
            return f"all {noun} coded by {by}"
        coded, every = number(int(stands.labelled.sum())), number(int(stands.covered.sum()))
        if stands.name == "coded":
            return f"{coded} {noun} coded by {by}, not drawn by design"
        certain = int((stands.labelled & ~stands.sampled).sum())
        also = f", {number(certain)} of them outside the draws" if certain else ""
        few = ", fewer than five of them here" if row["basis"] == "model" else ""
        return f"{coded} of {every} {noun} coded by {by}, {self._drawn(stands.draws)}{also}{few}"

    def _drawn(self, draws: Sequence[str]) -> str:
        """How records were drawn, and in which draws: 'drawn at random (draw-1, draw-2)'."""
        named: dict[str, list[str]] = {}
        for name in draws:
            named.setdefault(_DESIGNS[self.designs[name]], []).append(name)
        return ", ".join(f"{words} ({', '.join(names)})" for words, names in named.items())

    def _helped(self, asked: Sequence[str]) -> str:
        """How good the machine is on the questions that it answered, against the simplest guess."""
        machine = self.rests.tables["machine"].to_pylist()
        told = [
            f"{row['accuracy']:.0%} of {row['dimension']} where tested "
            f"({row['majority_accuracy']:.0%} by always giving the commonest answer)"
            for row in machine
            if row["dimension"] in asked and row["accuracy"] is not None
        ]
        return f"for the rest a machine that is right on {', '.join(told)}" if told else ""

    def _agreed(self, asked: Sequence[str]) -> str:
        told = []
        for name in asked:
            row = self.agreement.get(name)
            if row and row["value"] is not None:
                reach = f" [{row['low']:.2f}, {row['high']:.2f}]" if row["low"] is not None else ""
                title = f"{name} " if len(asked) > 1 else ""
                told.append(f"{title}{row['value']:.2f}{reach}")
        return (
            f"agreement (alpha) {', '.join(told)}"
            if told
            else "agreement not known: nothing coded twice"
        )
