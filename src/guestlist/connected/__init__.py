"""The destinations of a space: connected, watched, parked; their audiences at Meta listed, adopted, shared."""
