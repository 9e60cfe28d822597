"""A space in one file, and out of it again with everything in doubt."""
