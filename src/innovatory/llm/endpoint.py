"""Where a model is served, how it is asked, and which addresses are never asked at all."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from innovatory.errors import ObservatoryError

SHORTEST_KEY = 12
"""Characters below which a key is taken for a mistake: it could not be struck out of texts."""

# Services by which a machine in a cloud learns its own credentials, beyond the link-local ones.
_METADATA_NAMES = ("metadata", "metadata.google.internal", "metadata.goog", "instance-data")
_METADATA = tuple(
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_KEY = re.compile(r"[!-~]+")
_LIMITS = {
    "timeout": (0.001, 3600),
    "backoff": (0, 60),
    "attempts": (1, 10),
    "at_once": (1, 64),
    "max_tokens": (16, 100_000),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model behind an OpenAI-compatible address, and the parameters with which it is asked.

    `url` is what stands before `/chat/completions`. `key_variable` names the environment variable
    that holds the key ('' = none is sent). `timeout` seconds are allowed for a whole answer, of
    `attempts` in all; between them `backoff` seconds, doubled each time. `temperature` and `seed`
    are left out of the request where they are None. `at_once` requests are under way at a time.
    `plain_http` allows http to other machines than this one. Raises ObservatoryError.

    >>> Endpoint("http://127.0.0.1:8080/v1", "qwen3").address
    'http://127.0.0.1:8080/v1/chat/completions'
    >>> Endpoint("http://169.254.169.254/v1", "qwen3")
    Traceback (most recent call last):
    ...
    innovatory.errors.ObservatoryError: llm.url: 169.254.169.254 is no address of a model server; \
give the server's own
    """

    url: str
    model: str
    key_variable: str = ""
    timeout: float = 120.0
    attempts: int = 5
    backoff: float = 1.0
    max_tokens: int = 4000
    temperature: float | None = 0.0
    seed: int | None = 1
    at_once: int = 4
    plain_http: bool = False

    def __post_init__(self) -> None:
        _check_url(self.url, plain_http=self.plain_http)
        if not self.model.isprintable() or not 0 < len(self.model.strip()) <= 200:
            raise _wrong("model", "is no name of a model", "give the one that the server knows")
        if self.key_variable and not _VARIABLE.fullmatch(self.key_variable):
            # What stands there may be the key itself, so the message does not repeat it.
            raise _wrong(
                "key_variable",
                "does not name an environment variable (A-Z, 0-9 and '_')",
                "put the key into a variable of your shell and write the variable's name",
            )
        for name, (least, most) in _LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise _wrong(name, f"is not between {least:g} and {most:g}", "change it")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise _wrong("temperature", "is not between 0 and 2", "use 0")
        if self.seed is not None and not 0 <= self.seed < 2**31:
            raise _wrong("seed", "is out of range", "use a whole number from 0, below 2^31")

    @property
    def address(self) -> str:
        """The address that requests are sent to."""
        return f"{self.url.rstrip('/')}/chat/completions"

    @property
    def parameters(self) -> dict[str, float | int]:
        """What of it changes the answers, besides the model: absent ones are not sent."""
        given = {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
        }
        return {name: value for name, value in given.items() if value is not None}


def key_of(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> str:
    """The key that its variable holds, or '' where none is sent; raises ObservatoryError.

    >>> key_of(Endpoint("https://models.example/v1", "m", "MODEL_KEY"), {})
    Traceback (most recent call last):
    ...
    innovatory.errors.ObservatoryError: llm.key_variable: the variable it names is not set; \
export it, then run the same command again
    """
    if not endpoint.key_variable:
        return ""
    key = environment.get(endpoint.key_variable, "").strip()
    if not key:
        raise _wrong(
            "key_variable",
            "the variable it names is not set",
            "export it, then run the same command again",
        )
    if not _KEY.fullmatch(key) or len(key) < SHORTEST_KEY:
        raise _wrong(
            "key_variable",
            f"what the variable holds is no key of at least {SHORTEST_KEY} printable characters",
            "export the whole key; leave llm.key_variable out where the server asks for none",
        )
    return key


def check_resolved(endpoint: Endpoint) -> None:
    """Refuse a name that leads to an address which would be refused itself.

    Asks the resolver of the machine. Raises ObservatoryError, also where the name is unknown.
    """
    parts = urlsplit(endpoint.url)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _wrong(
            "url", f"the name {host!r} is not known here ({error})", "check the address"
        ) from error
    for *_, where in found:
        _check_number(ipaddress.ip_address(str(where[0]).partition("%")[0]), host)


def _check_url(url: str, *, plain_http: bool) -> None:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise _wrong("url", "is not an address", "write https://HOST/v1") from error
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isprintable():
        raise _wrong("url", "is not an http(s) address", "write https://HOST/v1")
    if parts.username is not None or parts.password is not None:
        raise _wrong(
            "url", "holds credentials", "take them out and name a variable in llm.key_variable"
        )
    if parts.query or parts.fragment or " " in url:
        raise _wrong("url", "holds more than host and path", "write https://HOST/v1")
    number = _number(host)
    if host.lower() in _METADATA_NAMES:
        raise _refused(host)
    if number is not None:
        _check_number(number, host)
    local = host.lower() in _LOOPBACK_NAMES or (number is not None and number.is_loopback)
    if parts.scheme == "http" and not local and not plain_http:
        raise _wrong(
            "url",
            f"plain http would show the texts and the key to everybody on the way to {host}",
            "use https, or set llm.plain_http where the network is your own",
        )


_Number = ipaddress.IPv4Address | ipaddress.IPv6Address


def _number(host: str) -> _Number | None:
    """The address that a host spells out, or None for a name; odd spellings are refused."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # Resolvers also take 2852039166, 0xA9FEA9FE and 127.1 for addresses.
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return None
    raise _wrong("url", f"{host} is an address in an unusual spelling", "write a.b.c.d")


def _check_number(number: _Number, host: str) -> None:
    if isinstance(number, ipaddress.IPv6Address):
        # An IPv4 address may come in the clothes of a mapped or a translated one.
        if number in _TRANSLATED:
            number = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        else:
            number = number.ipv4_mapped or number
    if (
        number in _METADATA
        or number.is_link_local
        or number.is_multicast
        or number.is_unspecified
        or (number.is_reserved and not number.is_loopback)
    ):
        raise _refused(host)


def _refused(host: str) -> ObservatoryError:
    return _wrong("url", f"{host} is no address of a model server", "give the server's own")


def _wrong(name: str, reason: str, next_step: str) -> ObservatoryError:
    return ObservatoryError(f"llm.{name}: {reason}; {next_step}")
