"""What every list of the app is made of: a title, columns, rows of cells and actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as its page shows it; rows are {cells: [{text, url}], actions: [...]}."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


def row(*cells: str | tuple[str, str], actions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A row of texts, or of (text, address); the actions stand at its end."""
    texts = [cell if isinstance(cell, tuple) else (cell, "") for cell in cells]
    return {"cells": [{"text": t, "url": u} for t, u in texts], "actions": list(actions)}


def form(label: str, url: str, *, inputs: tuple[str, ...] = (), **fields: str) -> dict[str, Any]:
    """An action that sends a form: hidden fields, and texts to be typed in, named by `inputs`."""
    return {"label": label, "url": url, "fields": fields, "inputs": inputs}
