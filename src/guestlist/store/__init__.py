"""Where relations are kept. Only this package knows an engine by name or speaks its SQL."""

from guestlist.store.engine import Rows, Table, Warehouse

__all__ = ["Rows", "Table", "Warehouse"]
