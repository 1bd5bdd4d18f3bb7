"""Adding an account from outside the app, as the command line does."""

from __future__ import annotations

import time

from innovatory.observatory import Observatory
from innovatory.review.accounts import Accounts
from innovatory.review.facts import Facts, refuse_machine
from innovatory.review.state import State


def add_coder(observatory: Observatory, name: str, *, role: str, password: str = "") -> str:
    """Add an account and give its password, which is made where none is given.

    Raises ReviewError where name, role or password cannot be used, or the ledger knows a machine
    of that name, and LedgerError where there is no ledger yet.
    """
    facts = Facts(observatory)
    try:
        refuse_machine(facts, name)
    finally:
        facts.close()
    with State.open(observatory) as state:
        return Accounts(state, time.time).add(name, role, password)
