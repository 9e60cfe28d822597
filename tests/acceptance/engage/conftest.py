"""The space and the simulator of the syncs' tests."""

from tests.acceptance.sync.conftest import before_a_sync, made, server, shop

__all__ = ["before_a_sync", "made", "server", "shop"]
