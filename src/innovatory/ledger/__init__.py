"""The ledger: append-only facts on SQLite or PostgreSQL; docs/ledger.md."""

from innovatory.ledger.history import HistoryEntry
from innovatory.ledger.ledger import Batch, ImportSummary, Ledger

__all__ = ["Batch", "HistoryEntry", "ImportSummary", "Ledger"]
