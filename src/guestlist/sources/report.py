"""The report of an import: which line did not come in, and why. Values stand in it masked."""

import csv
import heapq
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import IO

from guestlist.sources.records import Rejection

_HEADER = ("line", "field", "reason", "value")


class Report:
    """Two streams of rejections, both in order of lines, become one file; it replaces an earlier one only at the end.

    Those found while the file is read are spooled to disk, for there may be more of them than memory holds.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.count = 0
        self._spool_place = place.with_name(f".{place.name}.read")
        self._whole = place.with_name(f".{place.name}.new")
        self._spool = _private(self._spool_place)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._spool.close()
        self._spool_place.unlink(missing_ok=True)
        self._whole.unlink(missing_ok=True)

    def spool(self, rejections: Iterable[Rejection]) -> None:
        """Keep what was found while reading."""
        csv.writer(self._spool).writerows((one.line, one.field, one.reason, one.value) for one in rejections)

    def finish(self, rejections: Iterable[Rejection]) -> int:
        """Join both streams; how many rejections there are."""
        self._spool.close()
        with _private(self._whole) as file:
            writer = csv.writer(file)
            writer.writerow(_HEADER)
            for one in heapq.merge(self._spooled(), rejections, key=attrgetter("line")):
                writer.writerow((one.line, one.field, str(one.reason), one.value))
                self.count += 1
        return self.count

    def publish(self) -> Path | None:
        """Put the report in its place, or take an earlier one away when every line came in."""
        if self.count == 0:
            self.place.unlink(missing_ok=True)
            return None
        self._whole.replace(self.place)
        return self.place

    def _spooled(self) -> Iterator[Rejection]:
        with self._spool_place.open(encoding="utf-8", newline="") as file:
            for line, field, reason, value in csv.reader(file):
                yield Rejection(line=int(line), field=field, reason=reason, value=value)


def report_places(folder: Path, files: Iterable[Path]) -> list[Path]:
    """A report's name is that of its file; files of one name in several folders get numbers."""
    places: list[Path] = []
    for file in files:
        name = file.name if file.suffix == ".csv" else f"{file.name}.csv"
        number = 2
        place = folder / name
        while place in places:
            place, number = folder / f"{number}-{name}", number + 1
        places.append(place)
    return places


def _private(place: Path) -> IO[str]:
    place.touch(mode=0o600)
    return place.open("w", encoding="utf-8", newline="")
