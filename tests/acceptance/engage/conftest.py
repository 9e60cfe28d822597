"""The space and the simulator of the syncs' tests."""

from tests.acceptance.sync.conftest import made, server, shop

__all__ = ["made", "server", "shop"]
