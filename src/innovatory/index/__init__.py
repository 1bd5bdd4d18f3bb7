"""Composite indices: from a table of indicators to scores and ranks, with every choice named."""
