"""Composite indices: from a table of indicators to scores and ranks, with every choice named."""

from innovatory.index.auditing import audit
from innovatory.index.chain import Choices, Stages, run
from innovatory.index.denominating import Denominator
from innovatory.index.framework import Framework, Table, read, read_groups, read_table
from innovatory.index.steps import Plan, Step

__all__ = [
    "Choices", "Denominator", "Framework", "Plan", "Stages", "Step", "Table", "audit", "read",
    "read_groups", "read_table", "run",
]  # fmt: skip
