"""Destinations: where audiences are sent."""
