"""What became of the messages of a source: counted by reason, with one masked sample each. The source's debugger."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import orjson

from guestlist.sources.masking import masked
from guestlist.store.journal_sources import Arrival

TAKEN, REPEATED = "taken", "repeated"
"""Outcomes beside the faults of `messages.py`: acknowledged; landed before under the same message id."""
_LONGEST_SAMPLE = 1000
_WIDEST, _DEEPEST = 20, 4
_WORDS = frozenset(
    {
        *("type", "event", "name", "category", "traits", "properties", "context", "integrations", "externalIds"),
        *("userId", "anonymousId", "previousId", "groupId", "messageId", "email", "phone", "id", "collection"),
        *("timestamp", "originalTimestamp", "sentAt", "channel"),
    }
)


class ArrivalBook(Protocol):
    """Where counts are kept for good: the journal."""

    def add_arrivals(self, arrivals: Iterable[Arrival]) -> None: ...

    def arrivals(self) -> list[Arrival]: ...


class Arrivals:
    """Counts of one space, in memory until they are saved. Safe to share between threads."""

    def __init__(self, book: ArrivalBook) -> None:
        self._book = book
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, str, str], Arrival] = {}

    def count(
        self, source: str, outcome: str, *, field: str = "", messages: int = 1, at: int, like: object = None
    ) -> None:
        """Count messages that came to the same end; `like` is one of them, kept masked if there is none yet."""
        key = (source, outcome, field)
        with self._lock:
            known = self._counted.get(key)
            if known is None:
                self._counted[key] = Arrival(
                    source=source,
                    outcome=outcome,
                    field=field,
                    messages=messages,
                    first_at=at,
                    last_at=at,
                    sample="" if like is None else sample_of(like),
                )
            else:
                self._counted[key] = replace(known, messages=known.messages + messages, last_at=at)

    def save(self) -> None:
        """Write what was counted since into the journal."""
        with self._lock:
            counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            self._book.add_arrivals(counted.values())
        except BaseException:
            self._put_back(counted)
            raise

    def view(self) -> list[Arrival]:
        """All counts, saved or not, by source, outcome and field."""
        with self._lock:
            merged = {_key(one): one for one in self._book.arrivals()}
            for key, new in self._counted.items():
                merged[key] = _sum(merged.get(key), new)
        return [merged[key] for key in sorted(merged)]

    def _put_back(self, counted: Mapping[tuple[str, str, str], Arrival]) -> None:
        with self._lock:
            for key, old in counted.items():
                new = self._counted.get(key)
                self._counted[key] = old if new is None else _sum(old, new)


def _key(one: Arrival) -> tuple[str, str, str]:
    return one.source, one.outcome, one.field


def _sum(old: Arrival | None, new: Arrival) -> Arrival:
    if old is None:
        return new
    return replace(
        old,
        messages=old.messages + new.messages,
        last_at=max(old.last_at, new.last_at),
        sample=old.sample or new.sample,
    )


def sample_of(message: object) -> str:
    """A message as JSON without what it tells: words of the spec and the shapes of values stay."""
    text = orjson.dumps(_masked(message, 0)).decode()
    return text if len(text) <= _LONGEST_SAMPLE else f"{text[:_LONGEST_SAMPLE]}…"


def _masked(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {_name(key): _masked(inner, depth + 1) for key, inner in list(value.items())[:_WIDEST]}
    if isinstance(value, list):
        return [_masked(inner, depth + 1) for inner in value[:_WIDEST]]
    if value is None or isinstance(value, bool):
        return value
    return masked(str(value))


def _name(key: str) -> str:
    return key if key in _WORDS else masked(key)
