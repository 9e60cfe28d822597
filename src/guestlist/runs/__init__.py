"""One run of a sync: what comes between two requests, how it ended, what it came to, how fresh Meta is."""
