"""One fault at one request of a sync; then everything must come right by itself, or by the remedy that was told."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from fakemeta.harness import Running

from .kit import RIGHT, SETTLED, Shop

EVERY_REQUEST = os.environ.get("GUESTLIST_FAULTS") == "all"
"""Strike each fault at each request of a sync; else some, each once, taking turns: tests/stages/deliver has all faults."""
REQUESTS = (1, 2, 3, 4)
_MOST_SYNCS = 6


class Struck(Protocol):
    """Whose sync it is."""

    meta: Running

    def audience(self) -> str: ...


def nothing(shop: Struck) -> None:
    """What needs nobody."""


def restore_token(shop: Struck) -> None:
    shop.meta.post("tokens/change", token=shop.meta.access_token, restore=True)


def clear_flag(shop: Struck) -> None:
    shop.meta.post(f"audiences/{shop.audience()}", flagged=False)


@dataclass(frozen=True, kw_only=True)
class Strike:
    """What goes wrong, and what a person does about it."""

    do: str
    fields: dict[str, Any] = field(default_factory=dict)
    remedy: Callable[[Struck], None] = nothing
    words: tuple[str, ...] = ()  # of the next sync
    swept: bool = False  # what it leaves behind is what another strike leaves behind


def error(code: int, subcode: int | None = None, *, swept: bool = False, **fields: Any) -> Strike:
    return Strike(do="error", fields={"code": code, "subcode": subcode, **fields}, swept=swept)


def cases(strikes: dict[str, Strike], requests: Sequence[int] = REQUESTS) -> list[Any]:
    """(strike, at which request) for parametrize."""
    chosen = {name: one for name, one in strikes.items() if EVERY_REQUEST or not one.swept}
    return [
        pytest.param(strike, nth, id=f"{name} at {nth}")
        for turn, (name, strike) in enumerate(chosen.items())
        for nth in (requests if EVERY_REQUEST else (requests[turn % len(requests)],))
    ]


def move_on(shop: Shop) -> None:
    """Other people belong to the audience from now on: some leave, some enter, some stay."""
    shop.want(*({"t0": ("t1", "t2"), "t1": ("t0", "t1")}[shop.tiers[0]]))


def strike(shop: Shop, what: Strike, nth: int) -> None:
    shop.meta.fault(what.do, path="/users$", nth=nth, **what.fields)


def come_right(shop: Shop, *, words: Sequence[str] = ()) -> None:
    """Sync until Meta is right and the command says so."""
    told: dict[str, Any] = {}
    for _ in range(_MOST_SYNCS):
        shop.meta.advance(SETTLED)
        told = shop.sync(*words)
        if told["code"] == 0 and shop.truth() == RIGHT:
            return
    raise AssertionError((told, shop.truth()))
