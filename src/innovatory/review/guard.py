"""What stands before every request: host names, size, origin; and the headers of every answer.

The host name is checked so that no page elsewhere can point a name of its own at this server (DNS
rebinding). A request that changes something must come from a page of the app itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LARGEST_BODY = 256 * 1024
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Not no-referrer, under which browsers send a form with 'Origin: null': that is refused below.
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
_SAFE = ("GET", "HEAD")


def host_name(netloc: str) -> str:
    """The name in a Host header without its port; '' where it is malformed.

    >>> host_name("localhost:8765"), host_name("[::1]:80"), host_name("a@b"), host_name("x:y")
    ('localhost', '::1', '', '')
    """
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return ""
    return parts.hostname or ""


class Guard:
    """Lets through what may pass; `hosts` are the names under which the app may be reached."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in a sentence."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    told[name] = value
                if not scope["path"].startswith("/static/"):
                    told["cache-control"] = "no-store"
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal:
            await _refuse(answer, *refusal)
            return
        await self._app(scope, _measured(receive), answer)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        host = headers.get("host", "")
        if host_name(host) not in self._hosts:
            return (
                421, "this app is not reached under that name",
                "use the address that it printed at its start",
            )  # fmt: skip
        if scope["method"] in _SAFE:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        foreign = site not in (None, "same-origin", "none")
        if origin is not None:
            foreign = urlsplit(origin).netloc.lower() != host.lower()
        if foreign:
            return 403, "the request comes from another page", "open the app itself and try again"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return 413, "the request is too large", "shorten comments, or mark fewer words"
        return None


def _measured(receive: Receive) -> Receive:
    """A body sent without its length is measured as it comes."""
    size = 0

    async def measured() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(413, "the request is too large")
        return message

    return measured


async def _refuse(send: Send, status: int, error: str, next_step: str) -> None:
    body = json.dumps({"error": error, "next_step": next_step}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
