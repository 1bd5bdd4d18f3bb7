"""The review app: coders answer in a browser, adjudicators settle, all of it goes to the ledger.

`app` is the ASGI application, `serve` runs it; docs/review.md tells how it is used and what it
promises.
"""

from innovatory.review.accounts import ROLES
from innovatory.review.offers import Duplicate, Suggestion, Width
from innovatory.review.people import add_coder
from innovatory.review.refusals import ReviewError
from innovatory.review.server import app, serve

__all__ = [
    "ROLES",
    "Duplicate",
    "ReviewError",
    "Suggestion",
    "Width",
    "add_coder",
    "app",
    "serve",
]
