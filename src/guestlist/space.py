"""A space: a folder with `guestlist.yaml`, `audiences/` and, in `.guestlist/`, the stores."""

import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from filelock import FileLock
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.settings import SpaceSettings, read_settings
from guestlist.store import Warehouse
from guestlist.store.private_files import sync_folder
from guestlist.values.country import read_country

SETTINGS_FILE = "guestlist.yaml"
_FIRST_SETTINGS = """\
# A Guestlist space. Secrets stand here by reference only: {file: PATH} or {env: NAME}.
# Where phone numbers and postal codes without a country are from, such as DE:
country: %(country)s
# Days begin at midnight here:
time_zone: %(time_zone)s
"""


@dataclass(frozen=True, kw_only=True)
class Space:
    """One space on disk."""

    folder: Path
    settings: SpaceSettings

    @property
    def settings_file(self) -> Path:
        return self.folder / SETTINGS_FILE

    @property
    def audiences(self) -> Path:
        """The folder of audience definitions."""
        return self.folder / "audiences"

    @property
    def traits(self) -> Path:
        """The folder of traits that are worked out."""
        return self.folder / "traits"

    @property
    def private(self) -> Path:
        """The folder of the stores."""
        return self.folder / ".guestlist"

    @property
    def reports(self) -> Path:
        """The folder of reports about imports."""
        return self.folder / "reports"

    def open_warehouse(self) -> Warehouse:
        """The warehouse, made on first use; another process that has it open is told of."""
        make_private(self.private)
        return Warehouse(
            self.private / "warehouse.duckdb",
            memory_limit=self.settings.memory_limit,
            spill=self.private / "spill",
        )

    def write_entry(self, section: str, name: str, entry: dict[str, Any]) -> "Space":
        """Write `section.name` of `guestlist.yaml`, all else and every comment kept; give the space as it is then."""
        with self._writing():
            yaml = _yaml()
            document = _parsed(_text(self.settings_file), self.settings_file, yaml) or {}
            document.setdefault(section, {})[name] = entry
            return self._written(document, yaml)

    def remove_entry(self, section: str, name: str) -> "Space":
        """Take `section.name` out of `guestlist.yaml`; give the space as it is then."""
        with self._writing():
            yaml = _yaml()
            document = _parsed(_text(self.settings_file), self.settings_file, yaml) or {}
            document.get(section, {}).pop(name, None)
            return self._written(document, yaml)

    def _writing(self) -> FileLock:
        """One at a time: what another writes between the look and the change would be lost."""
        return FileLock(make_private(self.private) / "settings.lock", mode=0o600)

    def _written(self, document: Any, yaml: YAML) -> "Space":
        settings = read_settings(document, self.settings_file)
        text = StringIO()
        yaml.dump(document, text)
        write_whole(self.settings_file, text.getvalue())
        return Space(folder=self.folder, settings=settings)


def make_space(folder: Path, *, country: str | None = None, time_zone: str | None = None) -> Space:
    """Make a space in a folder that has none."""
    place = folder / SETTINGS_FILE
    if place.exists():
        raise WrongUseError(
            "space_exists",
            f"{folder} is a space already.",
            nothing_lost="Nothing was changed.",
            next_step=f"Use it as it is: edit {place}.",
        )
    chosen = {"country": _country(country) if country else "null", "time_zone": _zone(time_zone or "UTC")}
    text = _FIRST_SETTINGS % chosen
    read_settings(_yaml().load(text), place)
    (folder / "audiences").mkdir(parents=True, exist_ok=True)
    make_private(folder / ".guestlist")
    _keep_out_of_git(folder)
    write_whole(place, text)
    return open_space(folder)


def _country(given: str) -> str:
    code = read_country(given).normal
    if not code:
        raise WrongUseError(
            "unknown_country",
            f"'{given}' is not a country.",
            nothing_lost="Nothing was changed.",
            next_step="Give its code, such as US or DE.",
        )
    return code.upper()


def _zone(given: str) -> str:
    known = available_timezones()
    if given not in known:
        near = get_close_matches(given, [*known, *(zone.rpartition("/")[2] for zone in known)], n=1)
        full = [zone for zone in sorted(known) if near and zone.rpartition("/")[2] == near[0].rpartition("/")[2]]
        raise WrongUseError(
            "unknown_time_zone",
            f"'{given}' is not a time zone.",
            nothing_lost="Nothing was changed.",
            next_step=f"Did you mean {full[0]}?" if full else "Give a name such as Europe/Berlin.",
        )
    return given


def open_space(folder: Path) -> Space:
    """The space in this folder."""
    place = folder / SETTINGS_FILE
    if not place.is_file():
        raise WrongUseError(
            "no_space",
            f"{folder} is not a space: it has no {SETTINGS_FILE}.",
            next_step="Make one with: guestlist init DIR, or name one with --space DIR",
        )
    return Space(folder=folder, settings=_settings(_text(place), place))


def make_private(folder: Path) -> Path:
    """Make a folder that only its owner can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _keep_out_of_git(folder: Path) -> None:
    # Definitions belong in git; what the space knows of people does not.
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(".guestlist/\nreports/\n", "utf-8")


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.width = 120
    return yaml


@lru_cache(maxsize=64)
def _settings(text: str, place: Path) -> SpaceSettings:
    # A service opens its space at every request, and reading YAML takes milliseconds.
    return read_settings(_parsed(text, place, _yaml()), place)


def _text(place: Path) -> str:
    try:
        return place.read_text("utf-8")
    except UnicodeDecodeError:
        raise _not_yaml(place, "") from None


def _parsed(text: str, place: Path, yaml: YAML) -> Any:
    try:
        return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _not_yaml(place, f" at line {mark.line + 1}" if mark else "") from None


def _not_yaml(place: Path, where: str) -> GuestlistError:
    return GuestlistError(
        "settings_not_yaml",
        f"{place} is not YAML{where}.",
        nothing_lost="Nothing was changed.",
        next_step="Correct it and try again.",
    )


def write_whole(place: Path, text: str) -> None:
    """Write a file so that a reader finds the old one or the new one, never half of one, even after a power cut."""
    fresh = place.with_name(f".{place.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(place)
    sync_folder(place.parent)
