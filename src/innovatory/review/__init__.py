"""The review app: coders answer in a browser, adjudicators settle, all of it goes to the ledger.

`app` is the ASGI application, `serve` runs it; docs/review.md tells how it is used and what it
promises.
"""

from innovatory.review.accounts import ROLES
from innovatory.review.offers import Duplicate, Suggestion, Width
from innovatory.review.pairs import told_apart
from innovatory.review.people import add_coder, has_coders
from innovatory.review.server import app, serve

__all__ = [
    "ROLES",
    "Duplicate",
    "Suggestion",
    "Width",
    "add_coder",
    "app",
    "has_coders",
    "serve",
    "told_apart",
]
