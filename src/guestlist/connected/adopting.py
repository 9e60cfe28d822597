"""An audience of Meta's written into a definition as the one that its sync goes on with; every comment stays."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from guestlist.audiences.document import read_folder
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.space import Space, write_whole

_NOTHING = "Nothing was changed."


def write_adopt(space: Space, audience: str, destination: str, remote_id: str) -> Path:
    """Write `adopt: ID` into the audience's sync to that destination; give the file. Other programs see old or new."""
    yaml = YAML(typ="rt")
    yaml.width, yaml.preserve_quotes = 120, True
    place, document = _file_of(space, yaml, audience)
    document["sync"] = _with(document.get("sync"), destination, remote_id, audience)
    text, before = StringIO(), place.read_text("utf-8")
    yaml.dump(document, text)
    write_whole(place, text.getvalue())
    try:
        read_folder(space.audiences)
    except GuestlistError:
        write_whole(place, before)
        raise
    return place


def _file_of(space: Space, yaml: YAML, audience: str) -> tuple[Path, Any]:
    for place, document in _files(space.audiences, yaml):
        if isinstance(document, dict) and document.get("key", place.stem) == audience:
            return place, document
    raise WrongUseError(
        "unknown_audience",
        f"There is no audience `{audience}` as YAML in {space.audiences.name}/.",
        nothing_lost=_NOTHING,
        next_step="See them: guestlist audiences list",
    )


def _files(folder: Path, yaml: YAML) -> Iterator[tuple[Path, Any]]:
    for place in sorted(folder.iterdir()):
        if place.suffix in {".yaml", ".yml"}:
            try:
                yield place, yaml.load(place.read_text("utf-8"))
            except (YAMLError, UnicodeDecodeError):
                continue


def _with(sync: Any, destination: str, remote_id: str, audience: str) -> Any:
    """The sync, or the one of a list, with `adopt`."""
    if isinstance(sync, list):
        for number, one in enumerate(sync):
            if _to(one) == destination:
                sync[number] = _with(one, destination, remote_id, audience)
                return sync
    if _to(sync) != destination:
        raise WrongUseError(
            "unknown_sync",
            f"The audience `{audience}` has no sync to '{destination}'.",
            nothing_lost=_NOTHING,
            next_step=f"Give it one first: sync: {{ to: {destination} }}",
        )
    if not isinstance(sync, dict):
        sync = CommentedMap({"to": destination})
        sync.fa.set_flow_style()
    sync["adopt"] = int(remote_id)
    return sync


def _to(sync: Any) -> str | None:
    return sync.get("to") if isinstance(sync, dict) else sync
