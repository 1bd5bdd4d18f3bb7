"""Reading a file of printed figures; docs/figures.md describes the format.

The YAML nodes are walked rather than loaded, so that numbers keep the digits they were printed
with (50 and 50.0 round differently) and a fault can name its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import yaml

from innovatory.errors import FiguresError
from innovatory.figures.counts import MOST, Figure, Figures
from innovatory.records import valid_id

LARGEST_FILE = 1_000_000  # characters; a page's figures take a few thousand
TOP = ("source", "bases", "claims", "cases", "editions", "cities")
FIELDS = (
    "id", "says", "count", "approximate", "percent", "percent_more_than", "of", "of_claim",
    "sum_of", "order", "note",
)  # fmt: skip

_COUNT = re.compile(r"\d{1,13}")
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,9})?")
Node = yaml.nodes.Node


def read_figures(path: Path) -> Figures:
    """Read and check a file of printed figures; see `innovatory.figures.load_figures`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FiguresError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    return parse_figures(text, name=str(path))


def parse_figures(text: str, *, name: str = "figures") -> Figures:
    """Read printed figures from YAML text; raises FiguresError as `load_figures` does.

    >>> page = parse_figures("claims: [{id: a, percent: 50.0, of: 12}]")
    >>> page.claims[0].percent, page.claims[0].of
    (Decimal('50.0'), (12,))
    >>> parse_figures("claims: [{id: a, count: many}]")
    Traceback (most recent call last):
    ...
    innovatory.errors.FiguresError: figures, line 1, claim a: 'count': 'many' is not a whole \
number of at most 1,000,000,000,000; write digits only
    """
    if len(text) > LARGEST_FILE:
        raise FiguresError(f"{name}: longer than {LARGEST_FILE:,} characters; split the file")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Reader(name).figures(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise FiguresError(f"{name}, line {line}: {error.problem}; mend the YAML") from error
    except yaml.YAMLError as error:
        raise FiguresError(f"{name}: {error}; mend the YAML") from error
    except RecursionError as error:
        raise FiguresError(f"{name}: nested too deeply; write a flat list of claims") from error


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.claim = ""

    def error(self, node: Node | None, field: str, reason: str) -> FiguresError:
        line = node.start_mark.line + 1 if node is not None and node.start_mark else 1
        where = f", claim {self.claim}" if self.claim else ""
        return FiguresError(f"{self.name}, line {line}{where}: {field!r}: {reason}")

    def figures(self, root: Node | None) -> Figures:
        top = self.mapping(root, "the file", TOP)
        if "claims" not in top:
            raise self.error(root, "claims", "is missing; list the printed figures under it")
        bases = {}
        for key, node in self.items(top.get("bases"), "bases"):
            bases[key] = self.count(node, key)
        listed = top["claims"]
        if not isinstance(listed, yaml.SequenceNode):
            raise self.error(listed, "claims", "is not a list; write one item for each figure")
        figures: list[tuple[Figure, Node]] = []
        for number, node in enumerate(listed.value, 1):
            self.claim = f"number {number}"
            figures.append((self.figure(node), node))
        self.references(figures)
        return Figures(self.name, bases, tuple(figure for figure, _ in figures))

    def figure(self, node: Node) -> Figure:
        body = self.mapping(node, "claims", FIELDS)
        given = self.text(body["id"], "id") if "id" in body else ""
        if not valid_id(given):
            raise self.error(node, "id", f"{given!r} is no id; use a-z, 0-9, '-', '_' or '.'")
        self.claim = given
        numbers = [k for k in FIELDS if k in body and k not in ("id", "says", "note", "of")]
        if not set(numbers) - {"approximate", "of_claim"}:
            raise self.error(node, "count", "nothing is printed; give a count, percent or order")
        if "approximate" in body and "count" not in body:
            raise self.error(node, "approximate", "needs a count; give the count")
        if "of" in body and "of_claim" in body:
            raise self.error(node, "of", "stands beside 'of_claim'; keep one of them")
        percent = self.percent(body, "percent")
        remainder = "percent" in body and percent is None
        figure = Figure(
            id=given,
            says=self.text(body["says"], "says") if "says" in body else "",
            count=self.count(body["count"], "count") if "count" in body else None,
            approximate=self.flag(body.get("approximate")),
            percent=percent,
            more_than=self.percent(body, "percent_more_than"),
            of=self.bases(body.get("of")),
            of_claim=self.text(body["of_claim"], "of_claim") if "of_claim" in body else "",
            sum_of=self.names(body.get("sum_of"), "sum_of"),
            order=self.names(body.get("order"), "order"),
            remainder=remainder,
        )
        if remainder and (len(figure.of) != 1 or figure.count is not None):
            raise self.error(
                node,
                "percent",
                "empty means what the others leave; give one base in 'of', no count",
            )
        return figure

    def references(self, figures: list[tuple[Figure, Node]]) -> None:
        known: dict[str, Figure] = {}
        for figure, node in figures:
            self.claim = figure.id
            if figure.id in known:
                raise self.error(node, "id", f"{figure.id!r} is used twice; rename one")
            known[figure.id] = figure
        for figure, node in figures:
            self.claim = figure.id
            named = _needs(figure)
            for other in named:
                if other not in known:
                    raise self.error(node, other, "is no claim of this file; name one that is")
                if known[other].order:
                    raise self.error(node, other, "is an order of names, not a count; name another")
            if figure.id in _reached(figure, known):
                raise self.error(node, "of_claim", "leads back to the claim itself; break the ring")

    def percent(self, body: Mapping[str, Node], field: str) -> Decimal | None:
        node = body.get(field)
        if node is None or (field == "percent" and node.tag == "tag:yaml.org,2002:null"):
            return None
        text = self.text(node, field)
        if not _PERCENT.fullmatch(text) or not 0 <= Decimal(text) <= 100:
            raise self.error(
                node, field, f"{text!r} is no percentage; write 0 to 100, such as 14.2"
            )
        return Decimal(text)

    def count(self, node: Node, field: str) -> int:
        text = self.text(node, field)
        if not _COUNT.fullmatch(text) or int(text) > MOST:
            raise self.error(
                node,
                field,
                f"{text!r} is not a whole number of at most {MOST:,}; write digits only",
            )
        return int(text)

    def bases(self, node: Node | None) -> tuple[int, ...]:
        if node is None:
            return ()
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        bases = tuple(self.count(child, "of") for child in nodes)
        if not bases or 0 in bases or len(set(bases)) < len(bases):
            raise self.error(node, "of", "give one base of 1 or more, or several different ones")
        return bases

    def flag(self, node: Node | None) -> bool:
        if node is None:
            return False
        text = self.text(node, "approximate")
        if text not in ("true", "false"):
            raise self.error(node, "approximate", f"{text!r} is neither true nor false; write one")
        return text == "true"

    def names(self, node: Node | None, field: str) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.error(node, field, "is not a list; write [one, another]")
        names = tuple(self.text(child, field) for child in node.value)
        if len(set(names)) < len(names):
            raise self.error(node, field, "names one thing twice; name each once")
        return names

    def text(self, node: Node, field: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, field, "is a list or mapping; write one value")
        return str(node.value).strip()

    def mapping(self, node: Node | None, where: str, known: tuple[str, ...]) -> dict[str, Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, where, "is not a mapping; write names and values")
        body = dict(self.items(node, where))
        for key in body:
            if key not in known:
                raise self.error(body[key], key, f"unknown; known here: {', '.join(known)}")
        return body

    def items(self, node: Node | None, where: str) -> Iterator[tuple[str, Node]]:
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, where, "is not a mapping; write names and values")
        seen: set[str] = set()
        for key_node, value in node.value:
            key = self.text(key_node, where)
            if key in seen:
                raise self.error(key_node, key, "is written twice; keep one")
            seen.add(key)
            yield key, value


def _needs(figure: Figure) -> tuple[str, ...]:
    return (*figure.sum_of, figure.of_claim) if figure.of_claim else figure.sum_of


def _reached(figure: Figure, known: Mapping[str, Figure]) -> set[str]:
    """Every claim that a claim rests on, however far."""
    reached: set[str] = set()
    waiting = list(_needs(figure))
    while waiting:
        name = waiting.pop()
        if name in known and name not in reached:
            reached.add(name)
            waiting += _needs(known[name])
    return reached
