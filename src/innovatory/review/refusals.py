"""What the review app refuses: a status of HTTP, a reason, and the next step."""

from __future__ import annotations

from innovatory.errors import InnovatoryError


class ReviewError(InnovatoryError):
    """The app cannot do what was asked; `status` is that of the answer over HTTP.

    >>> str(ReviewError(409, "another coder has this record", "code the next one"))
    'another coder has this record; code the next one'
    """

    def __init__(self, status: int, reason: str, next_step: str) -> None:
        super().__init__(f"{reason}; {next_step}")
        self.status = status
        self.reason = reason
        self.next_step = next_step
