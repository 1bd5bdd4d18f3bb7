"""A ledger's address on each database, and a PostgreSQL server of the session's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples at every run, so that a failure is one of the change; another profile explores.
settings.register_profile("reproducible", derandomize=True, database=None)
settings.register_profile("exploring", settings.get_profile("default"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "reproducible"))

_numbers = count(1)


def _server_programs() -> Path | None:
    """The folder with initdb and pg_ctl, where PostgreSQL's server is installed."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


def _as_user() -> tuple[str, list[str]]:
    """Who runs the server, and the start of a command by that user: it refuses to run as root."""
    if os.geteuid() != 0:
        return "", []
    for user in ("postgres", "nobody"):
        if subprocess.run(["id", user], capture_output=True).returncode == 0:
            return user, ["runuser", "-u", user, "--"]
    return "", []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server on the loopback, without a database name."""
    pytest.importorskip("pg8000", reason="the driver pg8000 is not installed")
    programs = _server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    user, prefix = _as_user()
    if os.geteuid() == 0 and not user:
        pytest.skip("PostgreSQL does not run as root, and no other user was found")
    folder = Path(tempfile.mkdtemp(prefix="innovatory-postgres-"))
    if user:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run(
            [*prefix, *command], cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60
        )

    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    log = str(folder / "log")
    try:
        run(str(programs / "initdb"), "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8")
        run(str(programs / "pg_ctl"), "-D", data, "-w", "-l", log, "-o", settings, "start")
        try:
            yield f"postgresql://tester@127.0.0.1:{port}"
        finally:
            run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres_url(postgres_server: str) -> Callable[[], str]:
    """Makes an empty PostgreSQL database at each call and gives its address."""
    from sqlalchemy import create_engine

    address = postgres_server.replace("postgresql:", "postgresql+pg8000:")

    def make() -> str:
        name = f"ledger{next(_numbers)}"
        engine = create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return f"{postgres_server}/{name}"

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger that is still to be made, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    new_url: Callable[[], str] = request.getfixturevalue("new_postgres_url")
    return new_url()
