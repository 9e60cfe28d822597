"""`guestlist backup | restore`: a space in one file, and a space out of one."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from guestlist.backups import backing_up, restoring
from guestlist.cli.frame import AsJson, answer, say
from guestlist.cli.place import HERE, SpaceAt
from guestlist.connected.connections import clock_of
from guestlist.counts import counted
from guestlist.errors import WrongUseError
from guestlist.operations.backups import BackupOrdered, OrderBackup
from guestlist.records import open_records
from guestlist.space import open_space
from guestlist.store.archive import Manifest
from guestlist.store.journal_backups import BackupRecord

_MB = 1_000_000


def backup(
    to: Annotated[
        Path | None,
        typer.Argument(metavar="FILE|DIR", help="The file to make; in a folder it gets a name with the time."),
    ] = None,
    *,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the key in: whoever has the file then has your tokens, too.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Read a backup to its end: is it whole?")
    ] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a backup of the space: data, records, what Meta has, waiting messages, definitions; also beside a service.

    It holds what is known of people in clear: keep it as you keep the space. The key file is left out unless you say
    --with-key, so keep a copy of .guestlist/key at another place: without it tokens must be connected anew, and the
    do-not-send list recognises nobody.

    Of a space that is named by its address, the service is told to make one, in .guestlist/backups on its own machine.

    guestlist backup /var/backups

    guestlist backup --check /var/backups/guestlist-shop-20261129T031500Z.tar
    """
    if space.url and to is None and check is None and not with_key:
        _tell_ordered(space.ask(OrderBackup()), as_json=as_json)
        return
    if (to is None) == (check is None):
        raise WrongUseError(
            "no_backup_named", "Name the file to make, or one to check.", next_step="For example: guestlist backup DIR"
        )
    if check is not None:
        _tell_checked(check, backing_up.check(check), as_json=as_json)
        return
    assert to is not None
    here = open_space(space.on_disk())
    with open_records(here) as records:
        wait = threading.Event().wait
        made = backing_up.back_up(here, records, to, with_key=with_key, clock=clock_of(here), wait=wait)
    _tell_made(made, as_json=as_json)


def _tell_ordered(told: BackupOrdered, *, as_json: bool) -> None:
    if as_json:
        answer(told)
        return
    say(f"The service makes a backup soon: {told.backup.file}, on its own machine, without the key.")


def _tell_made(made: BackupRecord, *, as_json: bool) -> None:
    if as_json:
        answer({"file": made.path, "bytes": made.size, "made_at": _iso(made.made_at or 0), "with_key": made.with_key})
        return
    say(f"Backup made: {made.path} ({(made.size or 0) / _MB:,.1f} MB), readable by you only.")
    if made.with_key:
        say("The key is in it: whoever has this file has your tokens at Meta.")
    else:
        say("The key is not in it. Keep a copy of .guestlist/key at another place; a restore needs both.")


def _tell_checked(file: Path, manifest: Manifest, *, as_json: bool) -> None:
    facts, size = manifest.facts, sum(one.size for one in manifest.files)
    if as_json:
        answer({"file": str(file), **facts, "files": [vars(one) for one in manifest.files]})
        return
    files = counted(len(manifest.files), "file")
    say(f"{file} is whole: {files}, {size / _MB:,.1f} MB, of {facts['space']} as of {facts['made_at']}.")
    say(
        f"Made by Guestlist {facts['guestlist']} ({facts['engine']}), {'with' if facts['with_key'] else 'without'} the key."
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    *,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The key file that goes with it, where it has none.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put aside the space that is there, and take its place.")
    ] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a space out of a backup. All its syncs rest then, because Meta has seen things that the backup has not.

    Everything in it is in doubt at Meta, and is put right by the first sync of each audience. Before you let them run:
    make again the erasures and do-not-send entries that came after the backup, and import what came after it.

    guestlist restore guestlist-shop-20261129T031500Z.tar --space shop --key key

    guestlist resume --all --space shop
    """
    if not file.is_file():
        raise WrongUseError("no_file", f"There is no file {file}.", next_step="Check its name and where you are.")
    told = restoring.restore(file, space.on_disk(), key=key, replace_present=replace, actor="command line")
    if as_json:
        answer({
            "space": str(told.folder), "backup_at": told.backup_at.isoformat(), "files": told.files,
            "key": told.key_there, "paused": list(told.paused), "erasures_made_again": told.erased,
            "listed_again": told.listed, "since_known": told.since_known,
            "replaced": str(told.replaced) if told.replaced else None,
        })  # fmt: skip
        return
    _tell_restored(told)


def _tell_restored(told: restoring.Restored) -> None:
    at = f"{told.backup_at:%Y-%m-%d %H:%M} UTC"
    say(f"{told.folder} is the space as of {at}: {counted(told.files, 'file')}, all as they were written.")
    if told.replaced:
        say(f"What was there is in {told.replaced}. It holds people's data: delete it once all is well.")
    say(f"Meta has seen what came after {at}; this space has not. So nothing runs yet. Do this, in this order:")
    steps = [] if told.key_there else ["Put the key file at .guestlist/key: the backup has none."]
    if told.since_known:
        steps.append(
            f"Known erasures ({told.erased}) and do-not-send entries ({told.listed}) after the backup were taken in and "
            "are carried out first. If there were others, make them again: guestlist erase, guestlist do-not-send add"
        )
    else:
        steps.append(
            f"EVERYBODY ERASED OR LISTED AFTER {at} IS BACK IN THIS SPACE. Go through your receipts and requests since, "
            "and make each again: guestlist erase, guestlist do-not-send add"
        )
    steps.append("Import what came after it, as far as you have it: guestlist import FILE")
    steps.append(f"Let the {len(told.paused)} syncs run: guestlist resume --all. The first run sends everybody again.")
    for number, step in enumerate(steps, start=1):
        say(f"  {number}. {step}")


def _iso(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()
