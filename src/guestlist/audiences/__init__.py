"""Audiences: what a definition says, and who it is true for."""
