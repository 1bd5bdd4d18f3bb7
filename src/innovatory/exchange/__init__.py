"""Coding outside of Innovatory: Label Studio, Argilla, and sheets, out and back.

Each way out writes an `Assignment`: the records of a draw under the questions of a codebook. Each
way back reads a file against the same assignment and gives the codings as rows for the ledger, and
a reject for everything that is not what was sent or cannot be an answer.
"""

from innovatory.exchange.assignment import Assignment

__all__ = ["Assignment"]
