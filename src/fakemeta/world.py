"""Everything the simulator knows, in one object: clock, people, app, ad accounts, audiences, switches and faults."""

import random
from collections import deque
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from fakemeta.audiences import Audience, is_flagged_name
from fakemeta.behaviour import Behaviour
from fakemeta.business import TASKS, Business, BusinessUser, Kind, Task
from fakemeta.clock import Clock
from fakemeta.faults import FaultPlan
from fakemeta.grants import Grants
from fakemeta.limits import Usage, hourly_limit
from fakemeta.matching import ExternMemory, Matcher, PeopleIndex
from fakemeta.people import Person
from fakemeta.sessions import Sessions
from fakemeta.tokens import App, Token

_TRACE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(kw_only=True, slots=True)
class Account:
    """An ad account. `id` carries no act_; `business` is None while no business has claimed it."""

    id: str
    name: str
    business: Business | None
    status: int = 1
    terms_accepted: bool = True
    usage: Usage = field(default_factory=Usage)
    sessions: Sessions = field(default_factory=Sessions)
    memory: ExternMemory = field(default_factory=ExternMemory)
    audiences: dict[str, Audience] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """One request as the control API shows it: its path without query, and what became of it."""

    number: int
    at: float
    method: str
    path: str
    status: int | None
    fault: str | None
    error: tuple[int, int | None] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moment:
    now: float
    speed: float
    kept: dict[str, Any]


class World:
    """The state of one simulator. Not thread-safe: the server's event loop owns it."""

    def __init__(self, *, people: Iterable[Person] = (), seed: int = 7, speed: float = 1.0) -> None:
        self._people, self._seed, self._speed = list(people), seed, speed
        self._moments: dict[int, _Moment] = {}
        self.reset()

    def reset(self) -> None:
        """As it was at the start: the first people, ids and token; no audiences, faults or changed switches."""
        self.rng = random.Random(self._seed)  # noqa: S311 - reproducible ids, not secrets
        self.clock = Clock(speed=self._speed)
        self.behaviour = Behaviour()
        self.index = PeopleIndex()
        self.index.add(self._people)
        self.faults = FaultPlan()
        self.log: deque[Logged] = deque(maxlen=20_000)
        self.requests = 0
        self.accounts: dict[str, Account] = {}
        self.users: dict[str, BusinessUser] = {}
        self.grants = Grants()
        self.app = App(id=self.number(16), secret=f"{self.rng.getrandbits(128):032x}")
        self.bot = self.add_user("Guest list bot", kind="SYSTEM_USER", everywhere=TASKS)
        account_id = self.number(15)
        self.business = Business(id="1" + account_id[1:], name="Example business")
        self.account = self._open(account_id, "Example shop")
        self.token: Token = self.app.issue(self.rng, self.clock.now(), user=self.bot)
        self.admin = self.add_user("Alex Admin", everywhere=TASKS)
        self.add_user("Avery Advertiser", tasks={self.account.id: ("ADVERTISE", "ANALYZE")})
        self.add_user("Ari Analyst", tasks={self.account.id: ("ANALYZE",)})

    def keep_moment(self) -> int:
        """Keep all as it is now, for `go_back`."""
        left_out = {"clock", "_people", "_moments"}
        kept = deepcopy({name: value for name, value in vars(self).items() if name not in left_out})
        number = len(self._moments) + 1
        self._moments[number] = _Moment(now=self.clock.now(), speed=self.clock.speed, kept=kept)
        return number

    def go_back(self, number: int) -> None:
        """All as it was at a kept moment, the time and the clock's speed included; as often as one likes."""
        moment = self._moments[number]
        vars(self).update(deepcopy(moment.kept))
        self.clock = Clock(speed=moment.speed, starts=moment.now)

    def number(self, digits: int, prefix: str = "1") -> str:
        """A numeric id as Meta's look: `digits` long, a string."""
        return prefix + "".join(self.rng.choice("0123456789") for _ in range(digits - len(prefix)))

    def trace(self) -> str:
        return "A" + "".join(self.rng.choice(_TRACE_LETTERS) for _ in range(22))

    def open_account(self, name: str) -> Account:
        return self._open(self.number(15), name)

    def _open(self, account_id: str, name: str) -> Account:
        account = Account(id=account_id, name=name, business=self.business)
        self.accounts[account.id] = account
        return account

    def claim(self, account: Account, business: Business | None) -> None:
        """Another business takes the ad account: our people keep only tasks that were given them there by name."""
        account.business = business
        if business not in (None, self.business):
            for user in self.users.values():
                user.tasks.setdefault(account.id, ())

    def add_user(
        self,
        name: str,
        *,
        kind: Kind = "USER",
        everywhere: tuple[Task, ...] = (),
        tasks: dict[str, tuple[Task, ...]] | None = None,
    ) -> BusinessUser:
        user = BusinessUser(id=self.number(17), name=name, kind=kind, everywhere=everywhere, tasks=tasks or {})
        self.users[user.id] = user
        return user

    def accounts_of(self, user: BusinessUser) -> list[Account]:
        """The ad accounts on which the user has any task."""
        return [account for account in self.accounts.values() if user.tasks_on(account.id)]

    def use_behaviour(self, changes: dict[str, Any]) -> None:
        accents = self.behaviour.accents
        self.behaviour = self.behaviour.changed(changes)
        if self.behaviour.accents != accents:
            self.index.refold(self.behaviour.accents)

    def find_audience(self, audience_id: str) -> tuple[Account, Audience] | None:
        for account in self.accounts.values():
            if audience_id in account.audiences:
                return account, account.audiences[audience_id]
        return None

    def shared_with(self, receiver: Account) -> list[Audience]:
        """Audiences of other ad accounts that this one may use."""
        owned = (audience for account in self.accounts.values() for audience in account.audiences.values())
        return [audience for audience in owned if receiver.id in audience.shared_with]

    def new_audience(self, account: Account, name: str, subtype: str, **rest: Any) -> Audience:
        now = self.clock.now()
        audience = Audience(
            id=self.number(17, "238"),
            account_id=account.id,
            name=name,
            subtype=subtype,
            created=now,
            updated=now,
            **rest,
        )
        audience.flagged = is_flagged_name(name, str(audience.settings.get("description") or ""))
        account.audiences[audience.id] = audience
        return audience

    def matcher(self, account: Account) -> Matcher:
        return Matcher(self.index, account.memory, self.behaviour, self.clock.now())

    def limit(self, account: Account) -> int:
        return hourly_limit(self.behaviour.access_tier, len(account.audiences))

    def members(self, audience: Audience, *, settled: bool) -> set[int]:
        """Who is in: now, or (settled) once every accepted request has been applied."""
        audience.settle(self.clock.now(), self.behaviour)
        if settled:
            return audience.members.eventually(by_people=self.behaviour.membership == "people")
        return set(audience.members.tokens)
