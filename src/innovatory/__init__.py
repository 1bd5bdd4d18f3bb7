"""Innovatory turns records of smart-city projects and living labs into a checkable index.

sources -> ledger -> edition -> publication; see docs/architecture.md.
"""

__version__ = "0.1.0"
