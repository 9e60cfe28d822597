"""Backups that are ordered from afar: the machine of the space says where they lie, whoever keeps the space makes them."""

import threading
from pathlib import Path
from typing import Annotated

from pydantic import Field

from guestlist.backups import backing_up
from guestlist.operations.desk import Desk
from guestlist.operations.operation import FIRST, Limit, Operation, Scope, get, post
from guestlist.operations.standing import Stopped, iso
from guestlist.space import Space, make_private
from guestlist.store.journal_backups import BackupRecord
from guestlist.telling.answer import Answer, Page, Value

FOLDER = "backups"
"""In the folder of the stores, whose rights it has."""


def folder_of(space: Space) -> Path:
    """Where backups lie that were ordered without a place."""
    return make_private(make_private(space.private) / FOLDER)


class BackupKnown(Value):
    """A backup: made, failed, or still to be made (neither `made_at` nor `error`). `file`: on the machine of the space."""

    id: str
    file: str
    with_key: bool
    asked_at: str
    made_at: str | None
    bytes: int | None
    error: Stopped | None


class Backups(Page):
    """The newest first, also those that were made by commands. `next`: where others are, for `before`."""

    backups: tuple[BackupKnown, ...]
    next: int | None


class ListBackups(Operation[Backups]):
    """List backups, newest first: which were made, which failed and why, which are still to be made."""

    route = get("/backups", Scope.SETTINGS)
    limit: Limit = FIRST
    before: Annotated[
        int | None, Field(ge=0, le=2**62, description="Only backups behind this one: `next` of a page.")
    ] = None

    def run(self, desk: Desk) -> Backups:
        found = desk.records.journal.backups_page(most=self.limit + 1, before=self.before)
        page = found[: self.limit]
        more = page[-1].asked_at if len(found) > len(page) else None
        return Backups(backups=tuple(_known(one) for one in page), next=more)


class BackupOrdered(Answer):
    """The backup as it is to be, or is."""

    backup: BackupKnown


class OrderBackup(Operation[BackupOrdered]):
    """Order a backup, without the key, into `.guestlist/backups` of the space. Whoever keeps the space makes it soon."""

    route = post("/backups", Scope.SETTINGS)

    def run(self, desk: Desk) -> BackupOrdered:
        space, records, to = desk.space, desk.records, folder_of(desk.space)
        if desk.keeper is None:
            wait = threading.Event().wait
            made = backing_up.back_up(space, records, to, with_key=False, clock=desk.clock, wait=wait)
        else:
            made = backing_up.order(space, records, to, clock=desk.clock)
        desk.audit("backup ordered", made.id)
        return BackupOrdered(backup=_known(made))


def _known(one: BackupRecord) -> BackupKnown:
    error = None
    if one.code is not None:
        error = Stopped(code=one.code, message=one.happened or "", next=one.next_step or "")
    return BackupKnown(
        id=one.id,
        file=one.path,
        with_key=one.with_key,
        asked_at=iso(one.asked_at),
        made_at=iso(one.made_at) if one.made_at else None,
        bytes=one.size,
        error=error,
    )
