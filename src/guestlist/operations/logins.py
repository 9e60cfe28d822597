"""A destination connected by a login at Meta, in three steps, for a page of one's own: begin, finish, choose.

What comes back between the steps is good once, for ten minutes, and only for the key (and the session) that began.
"""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from guestlist.clock import microseconds
from guestlist.connected import login as logging_in
from guestlist.destinations.meta.answers import Account
from guestlist.destinations.meta.client import GRAPH_URL
from guestlist.destinations.meta.oauth import App
from guestlist.destinations.meta.token_life import may_write
from guestlist.operations.desk import Desk
from guestlist.operations.destinations import (
    ConnectedTold,
    GraphUrl,
    Name,
    check_simulated,
    clock_for,
    connected_told,
)
from guestlist.operations.hidden import Hidden, secret_of
from guestlist.operations.operation import Operation, Scope, post
from guestlist.telling.answer import Answer, Value

Session = Annotated[
    Hidden | None,
    Field(description="What only the browser that began has, such as its session: the other steps must name it too."),
]


class LoginBegun(Answer):
    """Where to send the person. Meta sends them back to `redirect_uri` with this `state`, and a code or an error."""

    destination: str
    url: str = Field(repr=False)
    state: str = Field(repr=False)


class BeginLogin(Operation[LoginBegun]):
    """Begin a login at Meta with an app of one's own, for a destination that is new or known."""

    route = post("/destinations/{name}/login", Scope.SETTINGS)
    tells_secret = True
    name: Name
    app_id: Annotated[str, Field(description="The app to log in to.")]
    app_secret: Annotated[Hidden, Field(description="Its secret, which is kept sealed.")]
    redirect_uri: Annotated[
        str,
        Field(
            pattern=r"^(https://[!-~]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?/[!-~]*)$",
            max_length=2000,
            description="Where Meta sends the person back to, as the app's settings name it.",
        ),
    ]
    graph_url: GraphUrl = None
    session: Session = None

    def run(self, desk: Desk) -> LoginBegun:
        check_simulated(desk, self.graph_url)
        app = App(
            id=self.app_id,
            secret=secret_of(self.app_secret),
            redirect_uri=self.redirect_uri,
            graph_url=(self.graph_url or GRAPH_URL).rstrip("/"),
        )
        begun = logging_in.begin(
            desk.space,
            desk.records,
            self.name,
            app,
            bound_to=_bound_to(desk, self.session),
            now=microseconds(clock_for(desk, self.graph_url).now()),
        )
        return LoginBegun(destination=self.name, url=begun.url, state=begun.state.reveal())


class AccountOffered(Value):
    """An ad account that the person may use, and what they may do there, as far as Meta says."""

    account: str
    name: str
    currency: str
    may: Literal["manage", "advertise", "look", "not told"]


class LoginFinished(Answer):
    """Who logged in, and the ad accounts to choose from. `choice` is for the last step; `settled` is the account where
    only one can be chosen; `declined`: what was asked for and not granted."""

    choice: str = Field(repr=False)
    destination: str
    who: str
    declined: tuple[str, ...]
    accounts: tuple[AccountOffered, ...]
    settled: str | None


class FinishLogin(Operation[LoginFinished]):
    """Take what Meta sent back. The state is used up, whatever comes of it."""

    route = post("/login/finish", Scope.SETTINGS)
    tells_secret = True
    state: Annotated[Hidden, Field(description="As Meta sent it back.")]
    code: Annotated[Hidden | None, Field(description="As Meta sent it back.")] = None
    refused: Annotated[bool, Field(description="Whether Meta sent back an error: the person pressed Cancel.")] = False
    session: Session = None

    def run(self, desk: Desk) -> LoginFinished:
        state = secret_of(self.state)
        clock = clock_for(desk, logging_in.aim_of(desk.records, state).graph_url)
        found = logging_in.finish(
            desk.space,
            desk.records,
            state=state,
            code=None if self.code is None else secret_of(self.code),
            refused=self.refused,
            bound_to=_bound_to(desk, self.session),
            now=microseconds(clock.now()),
        )
        return LoginFinished(
            choice=found.id.reveal(),
            destination=found.destination,
            who=found.who,
            declined=found.declined,
            accounts=tuple(_offered(one) for one in found.accounts),
            settled=found.settled,
        )


class ChooseAccount(Operation[ConnectedTold]):
    """Connect one of the ad accounts of a finished login. Another may be tried until one is connected."""

    route = post("/login/choose", Scope.SETTINGS)
    choice: Annotated[Hidden, Field(description="As the step before gave it.")]
    account: Annotated[str, Field(description="The ad account: `act_` and digits.")]
    session: Session = None

    def run(self, desk: Desk) -> ConnectedTold:
        choice, bound_to = secret_of(self.choice), _bound_to(desk, self.session)
        aim = logging_in.aim_of(desk.records, choice)
        clock = clock_for(desk, aim.graph_url)
        now = microseconds(clock.now())
        found = logging_in.choose(
            desk.space, desk.records, choice, self.account, actor=desk.actor, bound_to=bound_to, now=now
        )
        return connected_told(desk, aim.destination, found, clock)


def _offered(one: Account) -> AccountOffered:
    return AccountOffered(account=one.id, name=one.name, currency=one.currency, may=_may(one))


def _may(one: Account) -> Literal["manage", "advertise", "look", "not told"]:
    if one.tasks is None:
        return "not told"
    if may_write(one):
        return "manage" if "MANAGE" in one.tasks else "advertise"
    return "look"


def _bound_to(desk: Desk, session: SecretStr | None) -> str:
    """Another key cannot go on with what this one began."""
    return f"{desk.actor}\n{session.get_secret_value() if session else ''}"
