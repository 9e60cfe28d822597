"""Alerts: what is the matter with a space, told to people once, and once more when it is over."""
