"""The people of the simulated business and what each may do on its ad accounts.

Tasks as in Meta's business settings: MANAGE and ADVERTISE may change audiences, ANALYZE may only look. A system user is
no person: it has no password and cannot accept terms.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal["USER", "SYSTEM_USER"]
Task = Literal["MANAGE", "ADVERTISE", "ANALYZE"]
TASKS: tuple[Task, ...] = get_args(Task)
_WRITING = {"MANAGE", "ADVERTISE"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Business:
    """A business that has claimed ad accounts."""

    id: str
    name: str


@dataclass(kw_only=True, slots=True)
class BusinessUser:
    """`tasks` is by ad account id, without act_; `everywhere` holds on every other account, later ones included."""

    id: str
    name: str
    kind: Kind = "USER"
    everywhere: tuple[Task, ...] = ()
    tasks: dict[str, tuple[Task, ...]] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)  # permissions that this person refused the app

    def tasks_on(self, account_id: str) -> tuple[Task, ...]:
        return self.tasks.get(account_id, self.everywhere)

    def may_write(self, account_id: str) -> bool:
        return not _WRITING.isdisjoint(self.tasks_on(account_id))


def as_tasks(names: Iterable[object]) -> tuple[Task, ...]:
    """Tasks by their names, in Meta's order; the ValueError says what there is."""
    wanted = {str(name) for name in names}
    unknown = sorted(wanted.difference(TASKS))
    if unknown:
        raise ValueError(f"no task {unknown[0]!r}; the tasks are {', '.join(TASKS)}")
    return tuple(task for task in TASKS if task in wanted)
