"""From a request to a handler and back: sessions, roles, tokens, bodies, errors, templates.

Handlers are plain functions of the desk and a visit. They run in threads, because they wait for
databases, and know nothing of HTTP but the answer they give.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import DBAPIError
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from innovatory.errors import InnovatoryError, ReviewError
from innovatory.review.accounts import ROLES, Account, Session
from innovatory.review.desk import Desk
from innovatory.review.guard import LOOPBACK, host_name

COOKIE = "innovatory-review"
FOLDER = Path(__file__).parent
_NOBODY = Account("", "")
T = TypeVar("T")
_FAILURES = {
    404: ("there is no such page", "begin at the overview"),
    405: ("that cannot be done here", "begin at the overview"),
    413: ("the request is too large", "shorten comments, or mark fewer words"),
    500: ("the app failed", "try again; if it fails again, look at what the server printed"),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as a handler sees it; `account` is nobody's ('') before log-in.

    `secure` cookies are for all but the loopback without https; `exposed` says that what is sent
    can be read on its way.
    """

    account: Account
    csrf: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    token: str
    address: str
    secure: bool
    exposed: bool


Handler = Callable[[Desk, Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(handler: Handler, *, roles: tuple[str, ...] = ROLES) -> Endpoint:
    """A handler for these roles; who is not logged in is sent to the log-in, or told so in JSON."""

    async def answer(request: Request) -> Response:
        return await _answered(request, handler, roles)

    return answer


def open_page(handler: Handler) -> Endpoint:
    """A handler of a page that needs no log-in."""

    async def answer(request: Request) -> Response:
        return await _answered(request, handler, ())

    return answer


def shown(desk: Desk, visit: Visit, template: str, *, current: str, **given: Any) -> Response:
    """A page made from a template."""
    return HTMLResponse(_rendered(desk, template, visit.account, visit.csrf, current, given))


def told(data: Any, *, later: BackgroundTask | None = None) -> Response:
    """JSON; `later` is done once it is sent."""
    return Response(msgspec.json.encode(data), media_type="application/json", background=later)


def sent_to(address: str) -> Response:
    """An answer that sends the browser elsewhere, with GET."""
    return RedirectResponse(address, status_code=303)


def decoded(visit: Visit, kind: type[T]) -> T:
    """The JSON body of a visit as a struct; ReviewError (422) says where it is wrong."""
    try:
        return msgspec.json.decode(visit.body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ReviewError(
            422, f"the request is malformed: {error}", "load the page again"
        ) from None


def storable(text: str) -> str:
    """The text, if a database can keep it (ReviewError 422 otherwise)."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ReviewError(422, "a text holds a NUL or half a character", "remove it")
    return text


async def failed(request: Request, error: Exception) -> Response:
    """The answer to an address that is not there, or to a body that is too large."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _refusal(request, status, *_FAILURES[status])


async def _answered(request: Request, handler: Handler, roles: tuple[str, ...]) -> Response:
    desk: Desk = request.app.state.desk
    try:
        body = await request.body()
        token = request.cookies.get(COOKIE, "")
        session = await run_in_threadpool(desk.accounts.session, token) if token else None
        visit = _visit(request, body, session, token)
        if roles:
            refused = _refused(request, visit, session, roles)
            if refused is not None:
                return refused
        return await run_in_threadpool(handler, desk, visit)
    except ClientDisconnect:
        return Response(status_code=400)
    except ReviewError as error:
        return _refusal(request, error.status, error.reason, error.next_step)
    except InnovatoryError as error:
        return _refusal(request, 409, str(error), "")
    except DBAPIError as error:
        return _refusal(
            request, 503, f"the database failed: {error.orig}",
            "check that the disk has room and the database runs, then try again",
        )  # fmt: skip


def _visit(request: Request, body: bytes, session: Session | None, token: str) -> Visit:
    form: dict[str, str] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/x-www-form-urlencoded":
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50))
        except ValueError:
            raise ReviewError(422, "the form is malformed", "load the page again") from None
        for text in form.values():
            storable(text)
    elsewhere = host_name(request.headers.get("host", "")) not in LOOPBACK
    https = request.url.scheme == "https"
    return Visit(
        session.account if session else _NOBODY,
        session.csrf if session else "",
        request.path_params,
        dict(request.query_params),
        form,
        body,
        token,
        request.client.host if request.client else "",
        https or elsewhere,
        elsewhere and not https,
    )


def _refused(
    request: Request, visit: Visit, session: Session | None, roles: tuple[str, ...]
) -> Response | None:
    if session is None:
        if _is_api(request) or request.method not in ("GET", "HEAD"):
            return _refusal(request, 401, "you are not logged in", "log in again")
        return sent_to(f"/login?next={quote(request.url.path, safe='/')}")
    if request.method not in ("GET", "HEAD"):
        given = request.headers.get("x-csrf-token", "") or visit.form.get("csrf", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), visit.csrf.encode()):
            return _refusal(request, 403, "the page is out of date", "load it again")
    if visit.account.role not in roles:
        return _refusal(
            request, 403, f"this is not for the role {visit.account.role}", "ask an admin"
        )
    return None


def _refusal(request: Request, status: int, reason: str, next_step: str) -> Response:
    if _is_api(request):
        return JSONResponse({"error": reason, "next_step": next_step}, status)
    given = {"error": reason[:1].upper() + reason[1:], "next_step": next_step, "status": status}
    # Whoever may see a page may not see this one: it is shown as to somebody not logged in.
    desk: Desk = request.app.state.desk
    return HTMLResponse(_rendered(desk, "error.html", _NOBODY, "", "", given), status)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _rendered(
    desk: Desk, template: str, account: Account, csrf: str, current: str, given: dict[str, Any]
) -> str:
    return _templates().get_template(template).render(
        site=desk.observatory.title, book=desk.facts.book, csrf=csrf, coder=account.name,
        role=account.role, current=current, **given,
    )  # fmt: skip


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
    )
