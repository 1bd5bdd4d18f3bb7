"""A model server of our own on the loopback: it answers, attacks and fails as a test tells it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from innovatory import codebook

BOOK = codebook.parse(
    """
unit: one project record
rule: code from the record alone
dimensions:
  innovative: {question: Is it new?, classes: {"yes": new, "no": not new, unclear: cannot tell}}
  sector: {question: Which sector?, classes: {transport: traffic, energy: power, other: neither}}
  technologies:
    question: Which technologies?
    type: multi
    classes: {iot: sensors, ai: learning, none: none named}
"""
)
HONEST = {"innovative": "no", "sector": "transport", "technologies": ["iot"]}


@dataclass(frozen=True)
class Asked:
    """A request as the server got it."""

    body: dict[str, Any]
    headers: dict[str, str]
    path: str

    @property
    def system(self) -> str:
        """The instructions."""
        return str(self.body["messages"][0]["content"])

    @property
    def told(self) -> str:
        """The message with the record, as it came."""
        return str(self.body["messages"][1]["content"])

    @property
    def record(self) -> dict[str, Any]:
        """The record in that message."""
        record: dict[str, Any] = json.loads(self.told)["record"]
        return record

    @property
    def constrained(self) -> bool:
        """Whether the answer is to be held to a schema."""
        return "response_format" in self.body


@dataclass
class Reply:
    """What the server sends back; `drip` seconds pass before each byte of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float = 0.0


def content(text: str | None, **more: Any) -> Reply:
    """An answer with this text, in the envelope of the interface."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    whole = {
        "model": "tiny-1",
        "system_fingerprint": "fp_1",
        "choices": [choice | more.pop("choice", {})],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }
    return Reply(json.dumps(whole | more).encode())


def answer(
    asked: Asked, values: dict[str, Any] | None = None, *, quote: str = "", **changes: Any
) -> Reply:
    """A well-formed answer about the record that was asked about."""
    answers = {
        dimension: {"evidence": quote, "value": value}
        for dimension, value in (HONEST | (values or {})).items()
    }
    return content(json.dumps({"record": asked.record["id"], "answers": answers} | changes))


class Server:
    """A running server: its address, and all that it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()


@contextmanager
def serving(respond: Callable[[Asked], Reply]) -> Iterator[Server]:
    """A server on a free port of the loopback that answers each request by a function."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            asked = Asked(body, dict(self.headers.items()), self.path)
            with server.lock:
                server.asked.append(asked)
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            try:
                self.reply(respond(asked))
            except OSError:
                self.close_connection = True
            finally:
                with server.lock:
                    server.at_once -= 1

        def reply(self, reply: Reply) -> None:
            time.sleep(reply.wait)
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if not reply.drip:
                self.wfile.write(reply.body)
            for n in range(len(reply.body) if reply.drip else 0):
                time.sleep(reply.drip)
                self.wfile.write(reply.body[n : n + 1])
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_address[1]}/v1")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
