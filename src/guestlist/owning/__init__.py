"""One process owns a space: the lock and the fence, and where commands reach it."""
