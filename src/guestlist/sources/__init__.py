"""How messages come in: files of customer data, read, mapped and landed."""
