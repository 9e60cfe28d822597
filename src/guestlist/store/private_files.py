"""Files that only their owner can read, there whole or not at all, also after a power cut."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def writing_private(place: Path) -> Iterator[BinaryIO]:
    """A file of mode 0600 to write; it has its name, in place of an older one, and is on disk once this ends."""
    draft = place.with_name(f".{place.name}.new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
        sync_folder(place.parent)
    finally:
        draft.unlink(missing_ok=True)


def write_private(place: Path, content: bytes) -> None:
    """The same, of what is known already."""
    with writing_private(place) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    if os.name == "posix":  # elsewhere a folder cannot be opened, and a rename is durable
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
