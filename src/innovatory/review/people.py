"""Adding an account from outside the app, as the command line does."""

from __future__ import annotations

import time
from contextlib import closing

from innovatory.observatory import Observatory
from innovatory.review.accounts import Accounts
from innovatory.review.facts import Facts, refuse_machine
from innovatory.review.state import State, begun


def has_coders(observatory: Observatory) -> bool:
    """Whether anybody may log in. Raises LedgerError where the app's database cannot be opened."""
    if not begun(observatory):
        return False
    with State.open(observatory) as state:
        return any(account.active for account in Accounts(state, time.time).all())


def add_coder(observatory: Observatory, name: str, *, role: str, password: str = "") -> str:
    """Add an account and give its password, which is made where none is given.

    Raises ReviewError where name, role or password cannot be used, or the ledger knows a machine
    of that name, and LedgerError where there is no ledger yet.
    """
    with closing(Facts(observatory)) as facts, State.open(observatory) as state:
        refuse_machine(facts, name)
        state.claim(facts.origin(), facts.marks())
        return Accounts(state, time.time).add(name, role, password)
