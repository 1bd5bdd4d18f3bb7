"""What changed between two versions of a codebook, and what becomes of the codings made before.

A coding stays while its dimension asks the same (`Dimension.hash`). Where a definition, the
question or the type changed, its codings are made again, unless the newer codebook declares a
*crosswalk*: then a class that has one class of today is *carried* there, and only the others are
*redone*.
"""

from innovatory.codebook_diff.comparing import (
    ClassChange,
    Difference,
    DimensionChange,
    carried,
    carrying,
    diff,
)
from innovatory.codebook_diff.consequences import affected, moves
from innovatory.codebook_diff.sentences import lines

__all__ = [
    "ClassChange",
    "Difference",
    "DimensionChange",
    "affected",
    "carried",
    "carrying",
    "diff",
    "lines",
    "moves",
]
