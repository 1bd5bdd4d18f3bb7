"""The codebook: dimensions, classes, and the rules by which further answers follow.

One YAML file holds it. A *dimension* asks a question whose answer is one class (`single`) or
several (`multi`). A *derived* dimension is never asked: it follows from the answers, either by a
rule (`innovative` = all four tests are yes) or by a roll-up of classes (`logistics` and
`labour_employment` shown as one). The version of a codebook is the hash of its content, so two
files that differ only in layout or comments are the same version. A *crosswalk* says what the
classes of an earlier version have become, so that codings by it need not all be made again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from innovatory.errors import CodebookError

CANNOT_TELL = "unclear"
RECODE = "recode"


@dataclass(frozen=True, slots=True)
class Class:
    """One possible answer, with the words that define it."""

    id: str
    label: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A question put to coders; `notes` help them to answer it and change nothing that is asked."""

    id: str
    title: str
    question: str
    multi: bool
    classes: tuple[Class, ...]
    notes: str = ""

    @property
    def hash(self) -> str:
        """Identifies what was asked: codings stay valid while it stays the same."""
        asked = [self.id, self.question, self.multi, [(c.id, c.definition) for c in self.classes]]
        return _hash(asked)

    @property
    def class_ids(self) -> tuple[str, ...]:
        """The legal answers in the codebook's order."""
        return tuple(c.id for c in self.classes)


@dataclass(frozen=True, slots=True)
class Rule:
    """Yes when at least `needed` of the dimensions `of` are answered with the class `answer`."""

    of: tuple[str, ...]
    answer: str
    needed: int


@dataclass(frozen=True, slots=True)
class RollUp:
    """Each class of the dimension `of` is shown as the class that `into` names."""

    of: str
    into: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """A dimension that follows from answers to others, computed coder by coder."""

    id: str
    title: str
    question: str
    multi: bool
    classes: tuple[Class, ...]
    how: Rule | RollUp
    relaxes: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The dimensions it follows from."""
        return self.how.of if isinstance(self.how, Rule) else (self.how.of,)


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """What became of the classes of a dimension since an earlier version of the codebook.

    Each class of then comes with its class of today; with none, or with several to choose from,
    what was coded so must be coded again.
    """

    version: str
    dimension: str
    classes: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Codebook:
    """A parsed codebook; `version` is the hash of its content, `label` the author's number."""

    label: str
    version: str
    unit: str
    rule: str
    dimensions: tuple[Dimension, ...]
    derived: tuple[Derived, ...]
    text: str
    crosswalks: tuple[Crosswalk, ...] = ()

    def dimension(self, name: str) -> Dimension | Derived | None:
        """The asked or derived dimension of that id, or None."""
        every: tuple[Dimension | Derived, ...] = (*self.dimensions, *self.derived)
        return next((d for d in every if d.id == name), None)

    @cached_property
    def _asked(self) -> dict[str, tuple[bool, dict[str, None]]]:
        return {d.id: (d.multi, dict.fromkeys(d.class_ids)) for d in self.dimensions}

    def fault(self, dimension: str, value: tuple[str, ...]) -> tuple[str, str, str] | None:
        """What is wrong with an answer, as (field, reason, next step), or None.

        >>> book = parse("dimensions: {stage: {question: Q, type: single, classes: {pilot: P}}}")
        >>> book.fault("stage", ("pilot",)), book.fault("stage", ("piloted",))[1]
        (None, "'piloted' is not a class of stage")
        """
        asked = self._asked.get(dimension)
        if asked is None:
            known = ", ".join(self._asked)
            return (dimension, f"the codebook has no dimension {dimension!r}", f"use {known}")
        multi, classes = asked
        for name in value:
            if name not in classes:
                return (
                    dimension,
                    f"{name!r} is not a class of {dimension}",
                    f"use {', '.join(classes)}",
                )
        if not value or (len(value) > 1 and not multi):
            return (dimension, f"{len(value)} answers to a question that takes one", "give one")
        return None


def load(path: Path) -> Codebook:
    """Read a codebook file; CodebookError names the file, the line and the reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodebookError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    return parse(text, name=str(path))


def parse(text: str, *, name: str = "codebook") -> Codebook:
    """Read a codebook from its YAML text.

    >>> parse("dimensions: {a: {question: Q, classes: {x: X}}, a: {}}")
    Traceback (most recent call last):
    ...
    innovatory.errors.CodebookError: codebook, line 1: 'a' is written twice; keep one
    """
    return _Parser(name).codebook(text)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _humanise(name: str) -> str:
    return name.replace("_", " ").capitalize()


Node = yaml.nodes.Node
# libyaml reads ten times as fast, where the wheel has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VERSION = re.compile(r"[0-9a-f]{16}")


class _Parser:
    """Walks the YAML nodes, which know their lines, rather than the loaded values."""

    def __init__(self, name: str) -> None:
        self.name = name

    def error(self, node: Node | None, reason: str) -> CodebookError:
        line = node.start_mark.line + 1 if node is not None and node.start_mark else 1
        return CodebookError(f"{self.name}, line {line}: {reason}")

    def codebook(self, text: str) -> Codebook:
        try:
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = mark.line + 1 if mark else 1
            raise CodebookError(f"{self.name}, line {line}: {error.problem}") from error
        except yaml.YAMLError as error:
            raise CodebookError(f"{self.name}: {error}") from error
        if root is None:
            raise CodebookError(f"{self.name}: the file is empty; start from the default codebook")
        top = self.mapping(root, "the codebook")
        known = ("version", "unit", "rule", "dimensions", "derived", "labels", "crosswalk")
        self.only(top, known, "the codebook")
        if "dimensions" not in top:
            raise self.error(root, "no 'dimensions'; a codebook needs at least one")
        labels = self.labels(top.get("labels"))
        dimensions = tuple(
            self.dimension(key, node, labels) for key, node in self.items(top["dimensions"])
        )
        asked = {d.id: d for d in dimensions}
        derived = tuple(
            self.derived(key, node, labels, asked)
            for key, node in (self.items(top["derived"]) if "derived" in top else ())
        )
        for name, node in self.items(top["labels"]) if "labels" in top else ():
            if name not in asked and name not in {d.id for d in derived}:
                raise self.error(node, f"labels for {name!r}, which is not a dimension")
        scalars = {k: self.scalar(top[k], k) for k in ("version", "unit", "rule") if k in top}
        crosswalks = tuple(self.crosswalks(top["crosswalk"], asked)) if "crosswalk" in top else ()
        content: list[object] = [
            scalars,
            [[d.title, [c.label for c in d.classes], d.hash] for d in dimensions],
            [repr(d) for d in derived],
        ]
        # Codebooks that have neither keep the versions they had before there were any.
        if crosswalks or any(d.notes for d in dimensions):
            content += [[d.notes for d in dimensions], [repr(c) for c in crosswalks]]
        return Codebook(
            label=scalars.get("version", ""),
            version=_hash(content)[:16],
            unit=scalars.get("unit", ""),
            rule=scalars.get("rule", ""),
            dimensions=dimensions,
            derived=derived,
            text=text,
            crosswalks=crosswalks,
        )

    def dimension(self, key: str, node: Node, labels: _Labels) -> Dimension:
        body = self.mapping(node, key)
        self.only(body, ("question", "type", "classes", "notes"), key)
        for needed in ("question", "classes"):
            if needed not in body:
                raise self.error(node, f"dimension {key!r} has no {needed!r}")
        how = self.scalar(body["type"], "type") if "type" in body else "single"
        if how not in ("single", "multi"):
            raise self.error(body["type"], f"type {how!r} is neither single nor multi")
        title, names = labels.get(key, ("", {}))
        classes = tuple(
            Class(c, names.get(c, _humanise(c)), self.scalar(n, c))
            for c, n in self.items(body["classes"])
        )
        if not classes:
            raise self.error(body["classes"], f"dimension {key!r} has no classes")
        question = self.scalar(body["question"], "question")
        notes = self.scalar(body["notes"], "notes") if "notes" in body else ""
        return Dimension(key, title or _humanise(key), question, how == "multi", classes, notes)

    def derived(
        self, key: str, node: Node, labels: _Labels, asked: dict[str, Dimension]
    ) -> Derived:
        body = self.mapping(node, key)
        self.only(body, ("question", "rule", "roll_up", "classes", "relaxes"), key)
        if key in asked:
            raise self.error(node, f"{key!r} is already a dimension; name the derived one apart")
        if ("rule" in body) == ("roll_up" in body):
            raise self.error(node, f"derived {key!r} needs either 'rule' or 'roll_up'")
        title, names = labels.get(key, ("", {}))
        question = self.scalar(body["question"], "question") if "question" in body else ""
        relaxes = self.scalar(body["relaxes"], "relaxes") if "relaxes" in body else ""
        multi = False
        how: Rule | RollUp
        if "rule" in body:
            how = self.rule(key, body["rule"], asked)
            classes = tuple(Class(c, names.get(c, _humanise(c))) for c in ("yes", "no"))
            classes += (Class(CANNOT_TELL, names.get(CANNOT_TELL, "Cannot tell")),)
        else:
            how, classes = self.roll_up(key, body, asked)
            multi = asked[how.of].multi
        return Derived(key, title or _humanise(key), question, multi, classes, how, relaxes)

    def rule(self, key: str, node: Node, asked: dict[str, Dimension]) -> Rule:
        body = self.mapping(node, key)
        self.only(body, ("all", "at_least", "of", "is"), key)
        listed = body.get("all") or body.get("of")
        if listed is None or "is" not in body or ("of" in body) != ("at_least" in body):
            raise self.error(
                node, f"rule of {key!r}: write {{all: [...], is: CLASS}} or "
                "{at_least: N, of: [...], is: CLASS}"
            )  # fmt: skip
        names = self.names(listed, key)
        answer = self.scalar(body["is"], "is")
        for name in names:
            if name not in asked:
                raise self.error(listed, f"rule of {key!r} names {name!r}, not a dimension")
            if answer not in asked[name].class_ids:
                raise self.error(body["is"], f"rule of {key!r}: {answer!r} is no class of {name}")
        needed = len(names)
        if "at_least" in body:
            number = self.scalar(body["at_least"], "at_least")
            if not number.isdigit() or not 1 <= int(number) <= len(names):
                raise self.error(body["at_least"], f"at_least must be 1 to {len(names)}")
            needed = int(number)
        return Rule(names, answer, needed)

    def roll_up(
        self, key: str, body: dict[str, Node], asked: dict[str, Dimension]
    ) -> tuple[RollUp, tuple[Class, ...]]:
        of = self.scalar(body["roll_up"], "roll_up")
        if of not in asked:
            raise self.error(body["roll_up"], f"{key!r} rolls up {of!r}, which is not a dimension")
        if "classes" not in body:
            raise self.error(body["roll_up"], f"roll-up {key!r} has no 'classes'")
        into: dict[str, str] = {}
        classes: list[Class] = []
        for name, node in self.items(body["classes"]):
            spec = self.mapping(node, name)
            self.only(spec, ("label", "of"), name)
            if "of" not in spec:
                raise self.error(node, f"class {name!r} of roll-up {key!r} has no 'of'")
            label = self.scalar(spec["label"], "label") if "label" in spec else _humanise(name)
            merged = self.names(spec["of"], name)
            for source in merged:
                if source not in asked[of].class_ids:
                    raise self.error(spec["of"], f"{source!r} is not a class of {of}")
                if source in into:
                    raise self.error(spec["of"], f"{source!r} is rolled up twice in {key!r}")
                into[source] = name
            classes.append(Class(name, label, f"{of}: {', '.join(merged)}"))
        # A class that no roll-up mentions is shown under its own name.
        kept = [c for c in asked[of].classes if c.id not in into]
        into |= {c.id: c.id for c in kept}
        if clash := {c.id for c in kept} & {c.id for c in classes}:
            raise self.error(body["classes"], f"{clash.pop()!r} is both rolled up and kept")
        return RollUp(of, tuple(into.items())), (*classes, *kept)

    def crosswalks(self, node: Node, asked: dict[str, Dimension]) -> Iterator[Crosswalk]:
        for version, dimensions in self.items(node, "crosswalk"):
            if not _VERSION.fullmatch(version):
                raise self.error(
                    dimensions, f"crosswalk from {version!r}, which is no version of a codebook; "
                    "write the 16 characters that 'innovatory codebook diff' prints"
                )  # fmt: skip
            for name, classes in self.items(dimensions, f"crosswalk from {version}"):
                if name not in asked:
                    raise self.error(classes, f"crosswalk of {name!r}, which is not a dimension")
                became = tuple(
                    (old, self.became(name, child, asked[name]))
                    for old, child in self.items(classes, f"crosswalk of {name}")
                )
                if not became:
                    raise self.error(classes, f"crosswalk of {name!r} is empty; name its classes")
                yield Crosswalk(version, name, became)

    def became(self, name: str, node: Node, dimension: Dimension) -> tuple[str, ...]:
        """The classes of today that a class of then has become; none where it is coded again."""
        if isinstance(node, yaml.SequenceNode):
            listed = self.names(node, f"crosswalk of {name}")
        else:
            listed = (self.scalar(node, f"crosswalk of {name}"),)
            if listed == (RECODE,) and RECODE not in dimension.class_ids:
                return ()
        for new in listed:
            if new not in dimension.class_ids:
                raise self.error(
                    node, f"crosswalk of {name!r}: {new!r} is not a class of {name}; "
                    f"use {', '.join(dimension.class_ids)} or {RECODE}"
                )  # fmt: skip
        if len(set(listed)) < len(listed):
            raise self.error(node, f"crosswalk of {name!r} names a class twice; keep one")
        return listed

    def labels(self, node: Node | None) -> _Labels:
        if node is None:
            return {}
        found: _Labels = {}
        for key, child in self.items(node):
            body = self.mapping(child, key)
            self.only(body, ("title", "classes"), f"labels of {key}")
            title = self.scalar(body["title"], "title") if "title" in body else ""
            names = {c: self.scalar(n, c) for c, n in self.items(body.get("classes"))}
            found[key] = (title, names)
        return found

    def only(self, body: dict[str, Node], known: tuple[str, ...], where: str) -> None:
        for key, node in body.items():
            if key not in known:
                raise self.error(node, f"{where}: unknown key {key!r}; known: {', '.join(known)}")

    def mapping(self, node: Node, where: str) -> dict[str, Node]:
        return dict(self.items(node, where))

    def items(self, node: Node | None, where: str = "this") -> Iterator[tuple[str, Node]]:
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"{where} must be a mapping of names to values")
        seen: set[str] = set()
        for key_node, value in node.value:
            key = self.scalar(key_node, "a name")
            if key in seen:
                raise self.error(key_node, f"{key!r} is written twice; keep one")
            seen.add(key)
            yield key, value

    def names(self, node: Node, where: str) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.error(node, f"{where} needs a list, such as [a, b]")
        return tuple(self.scalar(child, where) for child in node.value)

    def scalar(self, node: Node, where: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, f"{where} must be one text, not a list or mapping")
        if node.tag == "tag:yaml.org,2002:bool" and node.value.lower() not in ("true", "false"):
            raise self.error(node, f"{where}: write \"{node.value}\" in quotes, or YAML reads it "
                             "as true or false")  # fmt: skip
        return str(node.value)


_Labels = dict[str, tuple[str, dict[str, str]]]
