"""Is everything in order, at Meta and here?"""

from guestlist.connected.examining import BY_ITSELF, Found, examined
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, ask
from guestlist.telling.answer import Answer, Value


class Finding(Value):
    """One check, of a destination or of the `space`. `health`: ok, warning or broken; a warning may need nobody."""

    destination: str
    check: str
    health: str
    found: str
    next_step: str | None
    code: str | None

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has something to do about it."""
        return self.health != "ok" and self.code not in BY_ITSELF


class Examined(Answer):
    """All checks in their order. `fine`: nobody has anything to do; without a destination there is no line."""

    fine: bool
    lines: tuple[Finding, ...]


class Examine(Operation[Examined]):
    """Check token, rights, account, terms, quota, names and clock of every destination, and the disk.

    Nobody is sent. Who may change destinations lets one that is parked go on where the reason is gone.
    """

    route = ask("/doctor", Scope.READ)

    def run(self, desk: Desk) -> Examined:
        found = list(examined(desk.space, desk.records, go_on=Scope.SETTINGS in desk.scopes))
        return Examined(fine=not any(one.needs_a_person for one in found), lines=tuple(_told(one) for one in found))


def _told(one: Found) -> Finding:
    line = one.line
    return Finding(
        destination=one.destination,
        check=line.check,
        health=line.health.value,
        found=line.found,
        next_step=line.next_step or None,
        code=line.code or None,
    )
