"""Who may use the review app: accounts, passwords, sessions, and the limit on guessing.

Passwords are kept as argon2id hashes, session tokens as SHA-256 (they are random, so that a slow
hash would add nothing). A name that no account has costs as much time as one that has.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, func, insert, select, update

from innovatory.errors import ReviewError
from innovatory.records import valid_id
from innovatory.review.state import State, accounts, attempts, sessions

ROLES = ("coder", "adjudicator", "admin")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
IDLE_SECONDS = 12 * 3600
ATTEMPT_SECONDS = 15 * 60
TRIES = {"account": 10, "address": 30}
_SEEN_EVERY_SECONDS = 60
_HASHER = PasswordHasher()
# A hash takes 64 MiB: a crowd at the door must not exhaust the machine.
_hashing = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in; the name is the id of the coder in the ledger."""

    name: str
    role: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in that is in force."""

    account: Account
    csrf: str


class Accounts:
    """The accounts and sessions of an app; `clock` gives seconds since 1970."""

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock

    def add(self, name: str, role: str, password: str = "") -> str:
        """Add an account and give its password, which is made where none is given.

        Raises ReviewError where the name, the role or the password cannot be used.
        """
        if not valid_id(name):
            raise ReviewError(
                422, f"{name!r} cannot be a name", "use a-z, 0-9, '-', '_' or '.', at most 120"
            )
        _check_role(role)
        password, hash_ = _password(password)
        with self._state.writing() as connection:
            if _row(connection, name):
                raise ReviewError(409, f"there is an account {name!r} already", "use another name")
            connection.execute(
                insert(accounts).values(name=name, role=role, password=hash_, active=True)
            )
        return password

    def change(self, name: str, *, role: str | None = None, active: bool | None = None) -> None:
        """Give an account another role, or shut or open it; a shut one is logged out.

        Raises ReviewError where there is no such account, or where no admin would be left.
        """
        if role is not None:
            _check_role(role)
        values = {"role": role, "active": active}
        with self._state.writing() as connection:
            _existing(connection, name)
            connection.execute(
                update(accounts)
                .where(accounts.c.name == name)
                .values({key: value for key, value in values.items() if value is not None})
            )
            admins = select(func.count()).where(accounts.c.role == "admin", accounts.c.active)
            if not connection.execute(admins).scalar():
                raise ReviewError(409, f"{name!r} is the last admin", "make another one first")
            if active is False:
                connection.execute(delete(sessions).where(sessions.c.account == name))

    def set_password(self, name: str, password: str = "") -> str:
        """Give an account a new password (made where none is given) and log it out everywhere."""
        password, hash_ = _password(password)
        with self._state.writing() as connection:
            _existing(connection, name)
            changed = update(accounts).where(accounts.c.name == name).values(password=hash_)
            connection.execute(changed)
            connection.execute(delete(sessions).where(sessions.c.account == name))
        return password

    def all(self) -> list[Account]:
        """All accounts in the order of their names."""
        query = select(accounts).order_by(accounts.c.name)
        with self._state.reading() as connection:
            return [Account(r.name, r.role, r.active) for r in connection.execute(query)]

    def log_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session.

        Raises ReviewError (401) where name and password do not match an open account, and (429)
        after too many failures of the account or the address.
        """
        # The attempt is noted before it is judged: many at once must not all be judged.
        tried = self._note_attempt(name, address)
        with self._state.reading() as connection:
            row = _row(connection, name)
        hash_ = row.password if row else _nobody()
        matches = _matches(hash_, password)
        if not (matches and row and row.active):
            raise ReviewError(401, "name and password do not match an account", "try again")
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        rehashed = _hashed(password) if _HASHER.check_needs_rehash(hash_) else hash_
        now = self._clock()
        with self._state.writing() as connection:
            connection.execute(
                update(accounts)
                .where(accounts.c.name == name, accounts.c.password == hash_)
                .values(password=rehashed)
            )
            mine = attempts.c.who == f"account:{name}"
            connection.execute(delete(attempts).where(mine | attempts.c.seq.in_(tried)))
            connection.execute(delete(sessions).where(sessions.c.seen_at < now - IDLE_SECONDS))
            connection.execute(
                insert(sessions).values(token=_kept(token), account=name, csrf=csrf, seen_at=now)
            )
        return token

    def session(self, token: str) -> Session | None:
        """The session of a token, or None where there is none or it was idle for 12 hours."""
        now, kept = self._clock(), _kept(token)
        query = (
            select(sessions.c.csrf, sessions.c.seen_at, accounts)
            .join_from(sessions, accounts, accounts.c.name == sessions.c.account)
            .where(sessions.c.token == kept, accounts.c.active)
        )
        with self._state.reading() as connection:
            row = connection.execute(query).first()
        if row is None or row.seen_at < now - IDLE_SECONDS:
            return None
        if row.seen_at < now - _SEEN_EVERY_SECONDS:
            seen = update(sessions).where(sessions.c.token == kept).values(seen_at=now)
            with self._state.writing() as connection:
                connection.execute(seen)
        return Session(Account(row.name, row.role), row.csrf)

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._state.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.token == _kept(token)))

    def _note_attempt(self, name: str, address: str) -> list[int]:
        """Note an attempt, or refuse it; the numbers of its notes."""
        now = self._clock()
        who = {"account": f"account:{name}", "address": f"address:{address}"}
        with self._state.writing() as connection:
            connection.execute(delete(attempts).where(attempts.c.at < now - ATTEMPT_SECONDS))
            for kind, key in who.items():
                made = select(func.count()).where(attempts.c.who == key)
                if (connection.execute(made).scalar() or 0) >= TRIES[kind]:
                    raise ReviewError(
                        429, "too many attempts to log in",
                        f"wait {ATTEMPT_SECONDS // 60} minutes, or ask an admin for a new password",
                    )  # fmt: skip
            noted = insert(attempts).returning(attempts.c.seq)
            return [
                connection.execute(noted.values(who=key, at=now)).scalar_one()
                for key in who.values()
            ]


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ReviewError(422, f"{role!r} is no role", f"use {', '.join(ROLES)}")


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(select(accounts).where(accounts.c.name == name)).first()


def _existing(connection: Connection, name: str) -> None:
    if not _row(connection, name):
        raise ReviewError(404, f"there is no account {name!r}", "look at the list of accounts")


def _password(given: str) -> tuple[str, str]:
    """The password, made where none is given, and its hash."""
    password = given or secrets.token_urlsafe(12)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ReviewError(
            422, f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
            "use several words",
        )  # fmt: skip
    return password, _hashed(password)


def _hashed(password: str) -> str:
    with _hashing:
        return _HASHER.hash(password)


def _matches(hash_: str, password: str) -> bool:
    try:
        with _hashing:
            return _HASHER.verify(hash_, password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """A hash that no password has, so that an unknown name takes as long as a known one."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _kept(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
