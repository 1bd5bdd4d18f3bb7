"""The same project told by two sources is one record: proposing, scoring and merging pairs."""

from innovatory.linkage.blocking import Settings
from innovatory.linkage.candidates import candidates
from innovatory.linkage.clusters import clusters, merges
from innovatory.linkage.marks import Vetoes
from innovatory.linkage.scorer import DEFAULT, Scorer, train

__all__ = [
    "DEFAULT", "Scorer", "Settings", "Vetoes", "candidates", "clusters", "merges", "train",
]  # fmt: skip
