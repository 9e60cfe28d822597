"""Guestlist by HTTP."""
