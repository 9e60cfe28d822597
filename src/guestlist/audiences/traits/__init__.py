"""Traits that are worked out: from events, or by a query."""
