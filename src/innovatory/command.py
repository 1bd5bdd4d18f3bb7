"""What all verbs of the command line share: exit codes, options, refusals in one line."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import IO, Any

import click

from innovatory.console import say
from innovatory.errors import InnovatoryError
from innovatory.records import valid_id

REFUSED, ASIDE, FOUND = 1, 3, 4

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


class Refused(click.ClickException):
    """A refusal in one line, without a traceback."""

    exit_code = REFUSED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the refusal."""
        lines = (line.strip() for line in self.message.splitlines())
        say(f"innovatory: {' '.join(filter(None, lines))}", err=True)


# The verbs in the order of the pipeline.
ORDER = (
    *("demo", "new", "collect", "mapping", "city", "link"),
    *("draw", "coder", "review", "send", "receive", "agreement", "code", "plan"),
    *("build", "check", "verify", "codebook", "history", "export", "audit"),
)


class Group(click.Group):
    """Lists verbs in the order of the pipeline; turns what the user can act on into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in their order."""
        return sorted(self.commands, key=ORDER.index)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Refused(
                "stopped; what was finished is kept, and the same command again does the rest"
            ) from None
        except InnovatoryError as error:
            raise Refused(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise Refused(
                f"{where}{error.strerror or error}; check that it is there, with the right to "
                "read and write it, and that the disk has room"
            ) from error
        except Exception as error:
            # Looked up, because only who has a ledger open can have this error of its library.
            database = sys.modules.get("sqlalchemy.exc")
            if database is None or not isinstance(error, database.DBAPIError):
                raise
            raise Refused(
                f"the ledger failed: {error.orig}; nothing of this step was stored: check the "
                "database and run the same command again"
            ) from error


def an_id(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """A text as an id; for the callback of an option."""
    if value and not valid_id(value):
        raise click.BadParameter(f"{value!r} cannot be an id; use a-z, 0-9, '-', '_' or '.'")
    return value


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    # ASCII alone, so that neither the terminal nor its encoding can change what a script reads.
    click.echo(json.dumps(value, indent=1))
