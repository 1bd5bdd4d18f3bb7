"""What people said of pairs of records, for who looks for pairs outside the app."""

from __future__ import annotations

from sqlalchemy import select

from innovatory.observatory import Observatory
from innovatory.review.state import State, begun, pairs


def told_apart(observatory: Observatory) -> frozenset[frozenset[str]]:
    """The pairs of records that somebody said are not the same; none where there is no app yet.

    Raises LedgerError where the app's database cannot be opened.
    """
    if not begun(observatory):
        return frozenset()
    query = select(pairs.c.a, pairs.c.b).where(pairs.c.decision == "distinct")
    with State.open(observatory) as state, state.reading() as connection:
        return frozenset(frozenset({row.a, row.b}) for row in connection.execute(query))
