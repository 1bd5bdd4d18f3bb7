"""The wire: one request to one server, with retries, limits of time and size, and no detours.

Nothing here follows a redirect, reads a proxy or a password from the environment, or trusts what
comes back to be short, quick or well-formed. The key is struck out of whatever a server returns.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from innovatory.llm.archive import ANSWERED, Exchange
from innovatory.llm.budget import Meter
from innovatory.llm.endpoint import Endpoint, check_resolved, key_of

if TYPE_CHECKING:
    import httpx

BODY_LIMIT = 2_000_000
"""Bytes of an answer beyond which it is not read further."""

LONGEST_WAIT = 120.0
"""Seconds that a server may ask to be waited for; beyond that the run ends."""

_CONNECTING = 10.0

REFUSED = (400, 413, 422)
"""Statuses by which a server refuses this one request, whenever it is sent."""

_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_HEADERS = ("content-type", "date", "openai-processing-ms", "openai-version", "retry-after",
            "server", "x-request-id")  # fmt: skip
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer.

    `ends` where no other request would fare better; `alone` where those about other records may,
    and this one would fail again. Where neither holds, another attempt may succeed.
    """

    reason: str
    next_step: str
    ends: bool = False
    alone: bool = False


class Client:
    """Sends requests from a thread of its own, so that a slow reader holds up no answer.

    Made where the network begins: it looks up the key and the server's name. Raises
    ObservatoryError. Close it, or use it as a context.
    """

    def __init__(self, endpoint: Endpoint, meter: Meter) -> None:
        self.endpoint = endpoint
        self.meter = meter
        self._key = key_of(endpoint)
        check_resolved(endpoint)
        self._http: httpx.AsyncClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Begin some work in the client's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Give up what is under way and end the thread."""
        self.start(self._end()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()

    async def ask(self, body: bytes) -> Exchange | Failure:
        """Send a request until it is answered or refused, and at most as often as allowed."""
        attempt = 0
        while True:
            # A token is at least one byte, so the bytes sent bound the tokens that are read.
            most = len(body), self.endpoint.max_tokens
            if obstacle := self.meter.admit(*most):
                return Failure(
                    f"{obstacle} is used up",
                    "raise it and run again: what is archived is not asked again",
                    ends=True,
                )
            got = await self._once(body)
            if isinstance(got, Exchange) and got.status not in _AGAIN:
                self.meter.settle(*most, used=_used(got, most))
                return got if got.status in (ANSWERED, *REFUSED) else self._ended(got)
            if isinstance(got, Failure) and got.alone:
                return got
            pause = min(self.endpoint.backoff * 2**attempt, LONGEST_WAIT)
            if isinstance(got, Exchange):
                self.meter.settle(*most, used=(0, 0))
                failure = self._turned_away(got)
                pause = max(pause, wait_of(got.headers.get("retry-after", ""), now=time.time()))
            else:
                failure = got
            if pause > LONGEST_WAIT:
                return Failure(
                    f"the server asks to wait {pause:,.0f} seconds", "run again after that", True
                )
            attempt += 1
            if attempt == self.endpoint.attempts:
                return failure
            await asyncio.sleep(pause)

    async def _once(self, body: bytes) -> Exchange | Failure:
        """One attempt: what came back, or why nothing usable did."""
        import httpx

        begun = time.monotonic()
        try:
            # Around all of it: a server that sends a byte at a time never runs into a read timeout.
            async with (
                asyncio.timeout(self.endpoint.timeout),
                self._open().stream("POST", self.endpoint.address, content=body) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    return Failure("the server packed its answer unasked", _LOOK, alone=True)
                data = bytearray()
                async for chunk in response.aiter_raw():
                    data += chunk
                    if len(data) > BODY_LIMIT:
                        reason = f"the answer is longer than {BODY_LIMIT:,} bytes"
                        return Failure(reason, _LOOK, alone=True)
        except TimeoutError:
            return Failure(
                f"no answer within {self.endpoint.timeout:g} seconds",
                "raise llm.timeout, or lower llm.at_once",
            )
        except (httpx.HTTPError, httpx.StreamError) as error:
            reason = f"the server could not be reached ({type(error).__name__})"
            return Failure(reason, "check that it runs, then run again")
        headers = {name: response.headers.get(name, "").encode() for name in _HEADERS}
        return Exchange(
            status=response.status_code,
            body=self._struck(bytes(data)),
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=round(time.monotonic() - begun, 3),
            address=self.endpoint.url,
            headers={n: self._struck(text).decode() for n, text in headers.items() if text},
        )

    def _struck(self, data: bytes) -> bytes:
        """What a server sent, without the key, should it repeat it."""
        if not self._key:
            return data
        # JSON may write a slash with a backslash before it.
        for written in (self._key, self._key.replace("/", "\\/")):
            data = data.replace(written.encode(), b"[key]")
        return data

    def _open(self) -> httpx.AsyncClient:
        if self._http is None:
            import httpx

            headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
            headers |= {"Content-Type": "application/json", "User-Agent": "innovatory"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            self._http = httpx.AsyncClient(
                headers=headers,
                timeout=httpx.Timeout(None, connect=min(_CONNECTING, self.endpoint.timeout)),
                limits=httpx.Limits(max_connections=self.endpoint.at_once),
                follow_redirects=False,
                trust_env=False,
            )
        return self._http

    def _turned_away(self, got: Exchange) -> Failure:
        if got.status == 429:
            return Failure("the server has no room for more requests (429)", _LATER, ends=True)
        return Failure(f"the server failed with status {got.status}: {said(got.body)}", _LATER)

    def _ended(self, got: Exchange) -> Failure:
        """What a status means that no request of this run would escape."""
        if 300 <= got.status < 400:
            return Failure(
                f"the server points elsewhere (status {got.status}), which is not followed",
                "write the address that it moved to into llm.url", True,
            )  # fmt: skip
        step = {401: "check the key", 402: "check the account", 403: "check the key"}.get(
            got.status, "check llm.url and llm.model"
        )
        return Failure(f"the server refuses with status {got.status}: {said(got.body)}", step, True)


_LOOK = "look into what serves at llm.url"
_LATER = "run again later: what is archived is not asked again"


def wait_of(header: str, *, now: float) -> float:
    """The seconds that a Retry-After header asks for, 0 where it says nothing of use.

    >>> wait_of("7", now=0), wait_of("soon", now=0)
    (7.0, 0.0)
    >>> wait_of("Thu, 01 Jan 1970 00:01:00 GMT", now=50)
    10.0
    """
    if header.isascii() and header.isdigit():
        return float(header[:12])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def said(body: bytes) -> str:
    """The beginning of what a server said, in printable characters on one line.

    >>> said(b"no\\x00 such\\n model")
    'no· such· model'
    """
    text = body[:600].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "·" for c in text[:160])


def _used(got: Exchange, most: tuple[int, int]) -> tuple[int, int]:
    """The tokens that an answer took, as the server counts them; the most where it does not."""
    try:
        usage = json.loads(got.body)["usage"]
        counts = (usage["prompt_tokens"], usage["completion_tokens"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return most if got.status == ANSWERED else (0, 0)
    read, written = (
        n if type(n) is int and 0 <= n <= 10**9 else m for n, m in zip(counts, most, strict=True)
    )
    return read, written
