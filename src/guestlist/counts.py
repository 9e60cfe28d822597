"""Numbers with their nouns, in texts for people."""

_MANY = {"person": "people", "entry": "entries"}


def counted(number: int, one: str) -> str:
    """So many of what `one` names: `1 row`, `1,234 rows`."""
    return f"1 {one}" if number == 1 else f"{number:,} {_MANY.get(one, f'{one}s')}"
