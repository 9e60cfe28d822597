"""Who is told when something is the matter, tried."""

from guestlist.alerting.channels import channels
from guestlist.alerting.notices import try_out
from guestlist.alerting.settings import read_alerts
from guestlist.errors import GuestlistError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, post
from guestlist.operations.standing import Stopped
from guestlist.telling.answer import Answer, Value


class ChannelTried(Value):
    """Whether a test got there, and what to do where it did not."""

    channel: str
    sent: bool
    error: Stopped | None


class AlertsTried(Answer):
    """All channels that would be told."""

    channels: tuple[ChannelTried, ...]


class TryAlerts(Operation[AlertsTried]):
    """Send a test to everybody who would be told when something is the matter."""

    route = post("/alerts/test", Scope.SETTINGS)

    def run(self, desk: Desk) -> AlertsTried:
        space = desk.space
        ways = channels(read_alerts(space), space.folder)
        if not ways:
            raise GuestlistError(
                "no_alerts_set",
                "Nobody is told when something is the matter: guestlist.yaml has no alerts.",
                next_step="Write alerts: with email: or webhook: into it (docs/service.md), then run: "
                "guestlist alerts test",
            )
        told = try_out(ways, space.folder.resolve().name)
        desk.audit("alerts tried", "alerts", channels=len(told))
        return AlertsTried(channels=tuple(_channel(name, error) for name, error in told))


def _channel(name: str, error: GuestlistError | None) -> ChannelTried:
    stopped = None
    if error is not None:
        stopped = Stopped(code=error.code, message=error.message, next=error.next_step or "")
    return ChannelTried(channel=name, sent=error is None, error=stopped)
