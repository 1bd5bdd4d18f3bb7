"""The review app as an ASGI application, and serving it."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from innovatory.errors import ObservatoryError
from innovatory.observatory import Observatory
from innovatory.review import coding, duplicates, entrance, lists, settling, spellings
from innovatory.review.accounts import Accounts
from innovatory.review.desk import Desk
from innovatory.review.guard import LOOPBACK, Guard
from innovatory.review.offers import Duplicates, Offers, Suggest, Widths
from innovatory.review.state import State
from innovatory.review.visits import FOLDER, failed, open_page, page

_ADMIN = ("admin",)


def app(
    observatory: Observatory,
    *,
    suggest: Suggest | None = None,
    widths: Widths | None = None,
    duplicates: Duplicates | None = None,
    hosts: Collection[str] = (),
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The review app of an observatory, its unfinished submissions brought to the ledger.

    `hosts` are names, other than those of the loopback, under which it may be reached; `clock`
    gives seconds since 1970. Raises LedgerError where there is no ledger, or where the ledger or
    the app's own database cannot be opened.
    """
    desk = Desk(observatory, offers=Offers(suggest, widths, duplicates), clock=clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        desk.close()

    made = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, hosts=(*LOOPBACK, *hosts))],
        exception_handlers={404: failed, 405: failed, 413: failed, 500: failed},
        lifespan=lifespan,
    )
    made.state.desk = desk
    return made


def serve(
    observatory: Observatory,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    remote: Collection[str] = (),
    suggest: Suggest | None = None,
    widths: Widths | None = None,
    duplicates: Duplicates | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the review app until it is interrupted; `ready` is told its address.

    `port` 0 takes any that is free. `remote` are the names under which others reach it: without
    them it listens on the loopback alone. Raises ObservatoryError where it may not or cannot
    listen there, and LedgerError as `app`.
    """
    if host not in LOOPBACK:
        _refuse_open_door(observatory, host, remote)
    made = app(observatory, suggest=suggest, widths=widths, duplicates=duplicates, hosts=remote)
    desk: Desk = made.state.desk
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        desk.close()
        raise ObservatoryError(
            f"{host}, port {port}: cannot listen there ({error.strerror}); give another --port"
        ) from error
    with listening:
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(made, log_level="warning", server_header=False, ws="none")
        uvicorn.Server(config).run(sockets=[listening])


def _refuse_open_door(observatory: Observatory, host: str, remote: Collection[str]) -> None:
    if not remote:
        raise ObservatoryError(
            f"{host}: others could reach the app there; name the address they are to use with "
            "--allow-remote, and put a server that speaks https in front of it"
        )
    with State.open(observatory) as state:
        if not Accounts(state, time.time).all():
            raise ObservatoryError(
                f"{observatory.folder}: nobody has an account yet; add one with "
                f"'innovatory coder add {observatory.folder} NAME --role admin'"
            )


def _routes() -> list[Route | Mount]:
    settlers = lists.SETTLERS
    get, post = ["GET"], ["POST"]
    return [
        Route("/login", open_page(entrance.login_page), methods=get),
        Route("/login", open_page(entrance.log_in), methods=post),
        Route("/logout", page(entrance.log_out), methods=post),
        Route("/", page(entrance.home), methods=get),
        Route("/code", page(coding.next_item), methods=get),
        Route("/code/{item}", page(coding.code), methods=get),
        Route("/done", page(coding.done), methods=get),
        Route("/api/item/{item}", page(coding.item), methods=get),
        Route("/api/answer", page(coding.answer), methods=post),
        Route("/api/undo", page(coding.undo), methods=post),
        Route("/api/skip", page(coding.skip), methods=post),
        Route("/api/submit", page(coding.submit), methods=post),
        Route("/adjudicate", page(settling.disputes, roles=settlers), methods=get),
        Route(
            "/adjudicate/{record}/{dimension:path}", page(settling.page, roles=settlers),
            methods=get,
        ),
        Route(
            "/api/dispute/{record}/{dimension:path}", page(settling.dispute, roles=settlers),
            methods=get,
        ),
        Route("/api/adjudicate", page(settling.settle, roles=settlers), methods=post),
        Route("/lists/duplicates", page(duplicates.decide, roles=settlers), methods=post),
        Route("/lists/duplicates/{a}/{b}", page(duplicates.pair, roles=settlers), methods=get),
        Route("/lists/unresolved", page(spellings.correct, roles=settlers), methods=post),
        Route("/lists/{name}", page(lists.page), methods=get),
        Route("/codebook", page(entrance.codebook), methods=get),
        Route("/progress", page(entrance.progress), methods=get),
        Route("/accounts", page(entrance.accounts_page, roles=_ADMIN), methods=get),
        Route("/accounts", page(entrance.change_accounts, roles=_ADMIN), methods=post),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]  # fmt: skip
