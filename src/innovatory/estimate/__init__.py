"""Honest shares: totals and shares of all records from the coded ones and a machine's help."""
