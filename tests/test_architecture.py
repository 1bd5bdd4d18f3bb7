"""The rooms of docs/architecture.md: each imports only from the floors below it."""

from __future__ import annotations

import ast
from pathlib import Path

import innovatory

SOURCE = Path(innovatory.__file__).parent
PICTURE = Path(__file__).parent.parent / "docs" / "architecture.md"


def floors() -> dict[str, int]:
    """Room to floor, the lowest first, as the picture draws them."""
    picture = PICTURE.read_text("utf-8").partition("```\n")[2].partition("```")[0]
    rows = [line.strip("| ").split() for line in picture.splitlines() if line.startswith("| ")]
    return {
        room.removesuffix("/"): height for height, row in enumerate(reversed(rows)) for room in row
    }


def imported(path: Path) -> set[str]:
    """The rooms that a module takes names from, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "innovatory":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("innovatory."):
            found.add(str(node.module).split(".")[1])
    return {name for name in found if not name.startswith("__")}


def room_of(path: Path) -> str:
    """The room in which a module lies."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_every_room_is_in_the_picture() -> None:
    """No module or folder of code is missing from the picture."""
    rooms = {room_of(path) for path in SOURCE.rglob("*.py")} - {"__init__"}
    assert rooms == set(floors())


def test_rooms_import_only_from_below() -> None:
    """Data flows one way, and so do the imports."""
    height = floors()
    upwards = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        if (room := room_of(path)) in height
        for name in sorted(imported(path))
        if name != room and height[name] >= height[room]
    ]
    assert upwards == []
