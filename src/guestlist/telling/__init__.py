"""How what a space knows is told: people found and masked, definitions and reasons in words."""
