"""What a run may spend: nothing is sent that could go beyond it."""

from __future__ import annotations

from dataclasses import dataclass

from innovatory.errors import ObservatoryError

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one run may spend; None is no limit. Prices are per million tokens.

    What the archive already holds costs nothing. Raises ObservatoryError for limits without sense.

    >>> Budget(cost=1.0)
    Traceback (most recent call last):
    ...
    innovatory.errors.ObservatoryError: llm.cost: a cost needs prices; set llm.input_price and \
llm.output_price, per million tokens
    """

    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None
    input_price: float = 0.0
    output_price: float = 0.0

    def __post_init__(self) -> None:
        for name in ("requests", "tokens", "cost", "input_price", "output_price"):
            value = getattr(self, name)
            # Written this way round because a comparison with NaN is false.
            if value is not None and not 0 <= value <= 1e15:
                raise ObservatoryError(f"llm.{name}: {value} is no limit; use a number from 0")
        if self.cost is not None and not self.input_price + self.output_price:
            raise ObservatoryError(
                "llm.cost: a cost needs prices; set llm.input_price and llm.output_price, "
                "per million tokens"
            )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: records done of all, and what was spent on those not in the archive."""

    done: int
    of: int
    requests: int
    tokens: int
    cost: float


@dataclass(slots=True)
class Meter:
    """Counts what is spent. What is under way counts with the most that it can cost.

    >>> meter = Meter(Budget(tokens=100))
    >>> meter.admit(60, 10), meter.admit(60, 10)
    ('', 'the budget of 100 tokens')
    >>> meter.settle(60, 10, used=(20, 5)); meter.admit(60, 10), meter.tokens
    ('', 95)
    """

    budget: Budget
    requests: int = 0
    read: int = 0
    written: int = 0

    @property
    def tokens(self) -> int:
        """Tokens read and written so far, or about to be."""
        return self.read + self.written

    @property
    def cost(self) -> float:
        """What they cost, in the currency of the prices."""
        spent = self.read * self.budget.input_price + self.written * self.budget.output_price
        return spent / _MILLION

    def admit(self, read: int, written: int) -> str:
        """Count a request that can take at most so many tokens, or say what stands against it."""
        self.requests += 1
        self.read += read
        self.written += written
        budget = self.budget
        for limit, spent, unit in (
            (budget.requests, self.requests, " requests"),
            (budget.tokens, self.tokens, " tokens"),
            (budget.cost, self.cost, ""),
        ):
            if limit is not None and spent > limit:
                self.requests -= 1
                self.settle(read, written, used=(0, 0))
                return f"the budget of {limit:,}{unit}"
        return ""

    def settle(self, read: int, written: int, *, used: tuple[int, int]) -> None:
        """Count what a request did take in place of the most that it could."""
        self.read += used[0] - read
        self.written += used[1] - written
