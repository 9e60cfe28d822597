"""Sources that are loaded by schedule: where from, when, what came of it, and what depends on them."""
