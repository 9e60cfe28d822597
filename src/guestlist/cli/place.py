"""Where a command works: in a space on this disk, or by a service that keeps one.

Beside a service on this machine that holds the space, a command is sent to it; so it works whether one runs or not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from guestlist.cli.remote import Remote, remote_of
from guestlist.errors import IN_USE, GuestlistError, WrongUseError
from guestlist.operations.desk import OnDisk
from guestlist.operations.operation import Export, Operation
from guestlist.owning.reaching import announced
from guestlist.space import open_space
from guestlist.telling.answer import Answer, Page, Value

A = TypeVar("A", bound=Answer)
P = TypeVar("P", bound=Page)
V = TypeVar("V", bound=Value)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder, or the address of a space that is served."""

    folder: Path = Path()
    url: str | None = None

    def on_disk(self) -> Path:
        """The folder, for what only its own machine can do."""
        if self.url:
            raise WrongUseError(
                "only_on_its_machine",
                "That can only be done on the machine where the space lies.",
                nothing_lost="Nothing was changed.",
                next_step="Run it there, with --space DIR.",
            )
        return self.folder

    def ask(self, operation: Operation[A]) -> A:
        """Do it there; give the answer."""
        return self.either(operation.run, lambda service: service.ask(operation))

    def whole(self, operation: Operation[P], field: str, by: str = "before") -> P:
        """All pages as one; `field`: what a page has some of, `by`: the parameter that asks for the next page."""
        page = self.ask(operation)
        every = list(getattr(page, field))
        while page.next is not None:
            page = self.ask(operation.model_copy(update={by: page.next}))
            every += getattr(page, field)
        return page.model_copy(update={field: tuple(every)})

    def either(self, here: Callable[[OnDisk], T], there: Callable[[Remote], T]) -> T:
        """What the one does in the folder, or the other by the service that is named or has the stores open."""
        if self.url:
            with remote_of(self.url) as service:
                return there(service)
        with self._desk() as desk:
            try:
                return here(desk)
            except GuestlistError as error:
                service = self._held_by(error)
        with service:
            return there(service)

    def _desk(self) -> OnDisk:
        space = open_space(self.folder)
        return OnDisk(space, served=announced(space) is not None)

    def lines(self, export: Export[V]) -> Iterator[V]:
        """Do it there; give the lines, one after the other."""
        if self.url:
            with remote_of(self.url) as service:
                yield from service.lines(export)
            return
        with self._desk() as desk:
            lines = export.lines(desk)
            try:
                first = next(lines, None)
            except GuestlistError as error:
                service = self._held_by(error)
            else:
                if first is not None:
                    yield first
                    yield from lines
                return
        with service:
            yield from service.lines(export)

    def _held_by(self, error: GuestlistError) -> Remote:
        """The service that has the stores open, where the error says that they are, or that only a service can do it."""
        address = announced(open_space(self.folder)) if error.code in {IN_USE, "not_served"} else None
        if address is None:
            raise error
        service = Remote(address.url, address.key)
        if not service.answers():
            service.close()
            raise error
        return service


def read_place(typed: "str | Path | Place") -> Place:
    """What stands after --space."""
    if isinstance(typed, Place):
        return typed
    given = str(typed)
    return Place(url=given) if given.startswith(("http://", "https://")) else Place(folder=Path(given))


HERE = Place()
SpaceAt = Annotated[
    Place,
    typer.Option(
        "--space",
        metavar="DIR|URL",
        parser=read_place,
        help="The space: a folder, the one you are in when left out; or the address of a served one.",
        show_default=False,
    ),
]
