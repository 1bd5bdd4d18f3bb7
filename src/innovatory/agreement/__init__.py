"""How far coders agree: alpha, AC1 and percent agreement, drift, and hidden repeats.

Agreement speaks of the answers as they were given, before adjudication, and only of records that
were drawn at random for a second coder: the caller hands over those (`only`).
"""

from innovatory.agreement.drifting import drift
from innovatory.agreement.measures import ac1, alpha, masi, ordinal_alpha, percent
from innovatory.agreement.tables import Scale, confusion, repeats, table

__all__ = [
    "Scale",
    "ac1",
    "alpha",
    "confusion",
    "drift",
    "masi",
    "ordinal_alpha",
    "percent",
    "repeats",
    "table",
]
