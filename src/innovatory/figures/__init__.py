"""Checking figures that somebody else printed; docs/figures.md."""

from innovatory.figures.check import Assessment, AssessmentKind, check_figures, load_figures
from innovatory.figures.counts import Figure, Figures, allowed_counts, bases_for, prints_as

__all__ = [
    "Assessment",
    "AssessmentKind",
    "Figure",
    "Figures",
    "allowed_counts",
    "bases_for",
    "check_figures",
    "load_figures",
    "prints_as",
]
