"""From messages to people: identity, traits, events, do-not-send tokens."""
