"""What an operation is: its parameters, where it stands in the API, which scope it needs, what it answers.

A command makes the operation and runs it at the desk of its own process, or sends it to a running service, which makes
the same operation of the request. So both say the same, and nothing is told twice how it is done.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict

from guestlist.errors import GuestlistError
from guestlist.telling.answer import Answer, Value

if TYPE_CHECKING:
    from guestlist.operations.desk import Desk


class Scope(StrEnum):
    """What a key of the API may do."""

    READ = "read"  # definitions, syncs, runs, numbers
    PEOPLE = "people"  # people, masked
    REVEAL = "people:reveal"  # what is stored about people, in clear
    AUDIENCES = "audiences:write"
    SYNCS = "syncs:run"
    DATA = "data:write"
    DO_NOT_SEND = "do-not-send:write"
    ERASE = "people:erase"
    SETTINGS = "settings:write"  # sources, destinations, rules of identity, audiences at Meta
    KEYS = "keys:write"  # keys of the API, and who did what


_LOOK = frozenset({Scope.READ, Scope.PEOPLE})
_WORK = _LOOK | {Scope.AUDIENCES, Scope.SYNCS, Scope.DATA, Scope.DO_NOT_SEND}


class Role(StrEnum):
    """Scopes that go together."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What this role may do."""
        return {Role.VIEWER: _LOOK, Role.EDITOR: _WORK, Role.ADMIN: frozenset(Scope)}[self]


Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where an operation stands below `/api/v1/spaces/{space}`; `{name}` in the path is the parameter of that name.

    GET and DELETE have the other parameters in the query, POST and PUT in a JSON body. What names a person is never
    part of a URL, for these are logged on their way: such an operation is a POST, also where it changes nothing.
    """

    method: Method
    path: str
    needs: Scope
    changes: bool
    """Whether anything is different afterwards; then `Idempotency-Key` is heeded."""


def get(path: str, needs: Scope = Scope.READ) -> Route:
    """Something that is looked at."""
    return Route(method="GET", path=path, needs=needs, changes=False)


def ask(path: str, needs: Scope = Scope.PEOPLE) -> Route:
    """Something that is looked at, by parameters that must not stand in a URL."""
    return Route(method="POST", path=path, needs=needs, changes=False)


def post(path: str, needs: Scope) -> Route:
    """Something that is done."""
    return Route(method="POST", path=path, needs=needs, changes=True)


def put(path: str, needs: Scope) -> Route:
    """Something that is made, or put in place of what is there."""
    return Route(method="PUT", path=path, needs=needs, changes=True)


def delete(path: str, needs: Scope) -> Route:
    """Something that is taken away."""
    return Route(method="DELETE", path=path, needs=needs, changes=True)


A = TypeVar("A", bound=Answer)
V_co = TypeVar("V_co", bound=Value, covariant=True)


IN_HEADERS = {"if_match": "If-Match", "if_none_match": "If-None-Match"}
"""Parameters that stand in a header, as HTTP has one for them."""
LARGEST_BODY = 2**20
"""Bytes of parameters; definitions are much shorter. Files have a limit of their own."""
MANY_PEOPLE = 2**24
"""The same where they name people, any number of them."""


class Request(BaseModel):
    """Something that can be asked of a space or told to it. Its fields are its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    route: ClassVar[Route]
    largest_body: ClassVar[int] = LARGEST_BODY
    tells_secret: ClassVar[bool] = False
    """Whether its answer is shown once, as there is a secret in it: then it is not kept to be given again."""

    @property
    def needs(self) -> frozenset[Scope]:
        """The scopes without which it is refused."""
        revealed = {Scope.REVEAL} if getattr(self, "reveal", False) else set()
        return frozenset({self.route.needs} | revealed)


class Operation(Request, ABC, Generic[A]):
    """A request that has one answer."""

    @abstractmethod
    def run(self, desk: "Desk") -> A:
        """Do it; an error of ours says why not."""

    @classmethod
    def answers(cls) -> type[A]:
        """The type of its answer."""
        found: type[A] = get_type_hints(cls.run)["return"]
        return found


class Upload(Request, ABC, Generic[A]):
    """A request that comes with a file: the body is the file, the parameters stand in the query."""

    @abstractmethod
    def run(self, desk: "Desk", file: Path) -> A:
        """Do it; the file is gone afterwards."""

    @classmethod
    def answers(cls) -> type[A]:
        """The type of its answer."""
        found: type[A] = get_type_hints(cls.run)["return"]
        return found


class Export(Request, ABC, Generic[V_co]):
    """A request for lines, as many as there are, all of one instant.

    A command writes them while it reads them. A service reads all before it sends the first, and ends what takes it
    longer than a minute with `look_too_long`.
    """

    @abstractmethod
    def lines(self, desk: "Desk") -> Iterator[V_co]:
        """One after the other."""

    @classmethod
    def line_type(cls) -> type[V_co]:
        """The type of a line."""
        (found,) = get_args(get_type_hints(cls.lines)["return"])
        line: type[V_co] = found
        return line


def changed_meanwhile(what: str) -> GuestlistError:
    """What was to be changed is no longer as the one who changes it saw it."""
    return GuestlistError(
        "changed_meanwhile",
        f"{what} was changed by somebody else since you looked at it.",
        nothing_lost="Nothing was changed by you.",
        next_step="Look at it again, then change it.",
    )
