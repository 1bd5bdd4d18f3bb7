"""The addresses around the work: log-in, overview, progress, accounts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from innovatory.errors import ReviewError
from innovatory.review import lists
from innovatory.review.accounts import IDLE_SECONDS, LONGEST_PASSWORD
from innovatory.review.desk import Desk
from innovatory.review.facts import refuse_machine
from innovatory.review.measuring import agreement, sureness
from innovatory.review.visits import COOKIE, Visit, sent_to, shown

_LONGEST_NAME = 120


def login_page(desk: Desk, visit: Visit) -> Response:
    """GET /login."""
    return _login(desk, visit, "", _local(visit.query.get("next", "")))


def log_in(desk: Desk, visit: Visit) -> Response:
    """POST /login: a session, or the same page with the reason why not."""
    if visit.exposed:
        raise ReviewError(
            403, "a password sent here could be read on its way",
            "use the address that begins with https, or the machine itself at 127.0.0.1",
        )  # fmt: skip
    to = _local(visit.form.get("next", ""))
    name, password = visit.form.get("name", ""), visit.form.get("password", "")
    # A longer one belongs to nobody; cut, so that guessing fills no disk.
    name, password = name[: _LONGEST_NAME + 1], password[: LONGEST_PASSWORD + 1]
    try:
        token = desk.accounts.log_in(name, password, visit.address)
    except ReviewError as error:
        answer = _login(desk, visit, f"{error.reason.capitalize()}: {error.next_step}.", to)
        answer.status_code = error.status
        return answer
    if visit.token:
        desk.accounts.log_out(visit.token)
    answer = sent_to(to)
    answer.set_cookie(
        COOKIE, token, max_age=IDLE_SECONDS, path="/", secure=visit.secure, httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer


def log_out(desk: Desk, visit: Visit) -> Response:
    """POST /logout."""
    desk.accounts.log_out(visit.token)
    answer = sent_to("/login")
    answer.delete_cookie(COOKIE, path="/", secure=visit.secure, httponly=True, samesite="strict")
    return answer


def home(desk: Desk, visit: Visit) -> Response:
    """GET /: what there is to do."""
    coder = visit.account.name
    standings = desk.standings.standings(coder, hidden=_sees_all(visit))
    position = desk.standings.position(coder)
    return shown(
        desk, visit, "home.html", current="/", progress=standings, sure=sureness(desk),
        next="/code" if position.done < position.of else "", counts=lists.counts(desk, visit),
    )  # fmt: skip


def progress(desk: Desk, visit: Visit) -> Response:
    """GET /progress: draws, expected widths and when to stop, agreement."""
    return shown(
        desk, visit, "progress.html", current="/progress", sure=sureness(desk),
        progress=desk.standings.standings(visit.account.name, hidden=_sees_all(visit)),
        agreement=agreement(desk),
    )  # fmt: skip


def codebook(desk: Desk, visit: Visit) -> Response:
    """GET /codebook: what is asked, in full."""
    return shown(desk, visit, "codebook.html", current="/codebook")


def accounts_page(desk: Desk, visit: Visit) -> Response:
    """GET /accounts."""
    return _accounts(desk, visit)


def change_accounts(desk: Desk, visit: Visit) -> Response:
    """POST /accounts: add somebody, make a password, change a role, shut or open an account."""
    action, name = visit.form.get("action", ""), visit.form.get("name", "")
    made = None
    try:
        if action == "add":
            refuse_machine(desk.facts, name)
            password = desk.accounts.add(name, visit.form.get("role", ""))
            made = {"name": name, "password": password}
        elif action == "password":
            made = {"name": name, "password": desk.accounts.set_password(name)}
        elif action == "role":
            desk.accounts.change(name, role=visit.form.get("role", ""))
        elif action in ("close", "open"):
            desk.accounts.change(name, active=action == "open")
        else:
            raise ReviewError(422, f"{action!r} is no action", "use the buttons of the page")
    except ReviewError as error:
        answer = _accounts(desk, visit, error=f"{error.reason}; {error.next_step}")
        answer.status_code = error.status
        return answer
    # The password is shown once, so the page cannot be one that is asked for again.
    return _accounts(desk, visit, made=made) if made else sent_to("/accounts")


def _sees_all(visit: Visit) -> bool:
    """Who codes must not learn that some records come again."""
    return visit.account.role != "coder"


def _login(desk: Desk, visit: Visit, error: str, to: str) -> Response:
    return shown(desk, visit, "login.html", current="", error=error, next=to)


def _accounts(desk: Desk, visit: Visit, *, error: str = "", made: Any = None) -> Response:
    return shown(
        desk, visit, "accounts.html", current="/accounts", accounts=desk.accounts.all(),
        error=error, made=made,
    )  # fmt: skip


def _local(address: str) -> str:
    """An address of this app, the overview where the one given is another's.

    >>> _local("/code/1"), _local("//evil.example/"), _local("https://evil.example"), _local("")
    ('/code/1', '/', '/', '/')
    """
    parts = urlsplit(address.replace("\\", "/"))
    plain = address.isprintable() and address.startswith("/") and not address.startswith("//")
    return address if plain and not parts.netloc and not parts.scheme else "/"
