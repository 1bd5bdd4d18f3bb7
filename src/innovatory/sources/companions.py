"""Files that are read along with another: the organisations of CORDIS projects, for example."""

from __future__ import annotations

from pathlib import Path

from innovatory.sources.cordis_tables import is_companion


def companions(path: Path) -> tuple[Path, ...]:
    """The files whose content a reader may join to that of `path`, in the order of their names.

    They are the resources beside a datapackage.json, and what belongs to a table of CORDIS
    projects; a file that changes among them makes the source a changed one.
    """
    beside = sorted(p for p in path.parent.iterdir() if p.is_file() and p != path)
    if path.name == "datapackage.json":
        return tuple(beside)
    return tuple(p for p in beside if p.suffix == ".csv" and is_companion(p))
