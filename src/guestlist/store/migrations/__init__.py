"""How the journal's tables came to be, step by step: Alembic's scripts, run when a journal is opened."""
