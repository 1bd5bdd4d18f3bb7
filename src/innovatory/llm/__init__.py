"""The LLM coder: a language model answers the codebook, every answer archived and checked.

A model is one more coder, of kind `llm`. What it says enters a share only through the difference
estimator, so a bad model widens an interval and does not move the number. Reproducible means
recorded here: each request and its raw answer go into an archive, and the same codings come out
of the archive again without any network (docs/llm.md).
"""

from innovatory.llm.archive import Archive
from innovatory.llm.budget import Budget, Progress
from innovatory.llm.coding import code, coder
from innovatory.llm.endpoint import Endpoint
from innovatory.llm.flips import FlipRate, Flips, flip_rate

__all__ = [
    "Archive",
    "Budget",
    "Endpoint",
    "FlipRate",
    "Flips",
    "Progress",
    "code",
    "coder",
    "flip_rate",
]
