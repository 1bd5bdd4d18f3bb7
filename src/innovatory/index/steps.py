"""A step of the chain: the name of a method and its parameters, checked before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from innovatory.errors import MethodError

F = TypeVar("F", bound=Callable[..., object])
Parameter = float | int | bool | str | None | Mapping[str, object]


@dataclass(frozen=True)
class Step:
    """A method by its name, with its parameters; those left out have the method's defaults.

    >>> str(Step("min_max", {"low": 1, "high": 100}))
    'min_max(low=1, high=100)'
    """

    method: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.method}({told})" if told else self.method

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[type[Step], tuple[str, dict[str, Parameter]]]:
        # A read-only view of a dict cannot be pickled.
        return Step, (self.method, dict(self.parameters))


def chosen(step: Step, methods: Mapping[str, F], what: str) -> F:
    """The function of a step's method, once it is sure that it takes the step's parameters.

    `what` names the step in messages. Raises MethodError for a method or a parameter that is not
    there, with those that are.

    >>> chosen(Step("mean"), {"mean": lambda values, *, over=1: values}, "impute")(3)
    3
    """
    if step.method not in methods:
        raise MethodError(
            f"{what}: there is no method {step.method!r}; take one of {', '.join(methods)}"
        )
    function = methods[step.method]
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    if unknown := [name for name in step.parameters if name not in known]:
        raise MethodError(
            f"{what}: {step.method} has no parameter {unknown[0]!r}; "
            + (f"it has {', '.join(known)}" if known else "it has none")
        )
    return function


@dataclass(frozen=True)
class Plan:
    """One step for all, with others for some levels and some items of the framework.

    `levels` go by the level of the item (0 are indicators), `items` by its code; where a step
    makes an item from a group it is the item made. The step of an item goes before that of its
    level, and that before `default`.

    >>> Plan(Step("arithmetic"), levels={2: Step("geometric")}).of("top", 2).method
    'geometric'
    """

    default: Step
    levels: Mapping[int, Step] = field(default_factory=dict)
    items: Mapping[str, Step] = field(default_factory=dict)

    def of(self, code: str, level: int) -> Step:
        """The step of the item of that code, at that level."""
        return self.items.get(code) or self.levels.get(level) or self.default
