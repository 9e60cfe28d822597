"""Hooks: which there are and how they stand; added, tried, taken away, told to go on. Whoever keeps the space sends."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import ConfigDict, Field

from guestlist.errors import WrongUseError
from guestlist.hooks import registry
from guestlist.hooks.posting import Verdict
from guestlist.operations.desk import Desk
from guestlist.operations.operation import FIRST, Limit, Operation, Scope, delete, get, post
from guestlist.store.journal_hooks import Calls, Hook, Kind, Letter
from guestlist.store.vault import Secret
from guestlist.telling import masking
from guestlist.telling.answer import Answer, Page, Value

_LARGEST = 2**53
"""What JSON readers take for a whole number."""
Name = Annotated[str, Field(description="Small letters, digits, _ and -.")]


class HookKnown(Value):
    """A hook without its key. `state`: new, fine, waits or stopped; `letters`: dead ones, of `people_in_letters`."""

    name: str
    url: str
    kind: Annotated[Kind, Field(alias="as")]
    calls: Calls | None
    audiences: tuple[str, ...]
    also: tuple[str, ...]
    state: str
    code: str | None
    sent: int
    left_out: int
    sent_at: datetime | None
    again_at: datetime | None
    letters: int
    people_in_letters: int


class Hooks(Answer):
    """All hooks, by name."""

    hooks: tuple[HookKnown, ...]
    time_zone: str


class ListHooks(Operation[Hooks]):
    """List the hooks, with what they sent and how they stand."""

    route = get("/hooks", Scope.SETTINGS)  # an address may be a key by itself

    def run(self, desk: Desk) -> Hooks:
        found, letters = desk.records.journal.hooks(), desk.records.journal.letters()
        known = tuple(_known(one, [each for each in letters if each.hook == one.name]) for one in found)
        return Hooks(hooks=known, time_zone=desk.space.settings.time_zone)


def _known(one: Hook, letters: list[Letter]) -> HookKnown:
    return HookKnown(
        name=one.name,
        url=_without_keys(one.url),
        kind=one.kind,
        calls=one.calls if one.kind == "segment" else None,
        audiences=one.audiences,
        also=one.also,
        state=_state(one),
        code=one.stopped or one.code,
        sent=one.sent,
        left_out=one.left_out,
        sent_at=_instant(one.sent_at) if one.sent_at else None,
        again_at=_instant(one.again_at) if one.again_at else None,
        letters=len(letters),
        people_in_letters=sum(each.people for each in letters),
    )


def _without_keys(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((*parts[:3], masking.STARS if parts.query else "", ""))


def _state(one: Hook) -> str:
    if one.stopped:
        return "stopped"
    return "new" if one.upto is None else "waits" if one.failures else "fine"


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


class NewHook(Answer):
    """The hook and what a webhook is signed with, which is shown this once; null for Segment."""

    name: str
    secret: str | None


class AddHook(Operation[NewHook]):
    """Add a hook: who enters and exits is sent there, in order, from the next evaluation on. A secret is shown once."""

    model_config = ConfigDict(populate_by_name=True)
    route = post("/hooks", Scope.SETTINGS)
    tells_secret = True
    name: Name
    url: Annotated[str, Field(description="Where to send: https, or a host under allowed_hosts in guestlist.yaml.")]
    kind: Annotated[Kind, Field(alias="as", description="Signed webhooks, or the calls of Segment Engage.")] = "webhook"
    audiences: Annotated[tuple[str, ...], Field(description="Of which audiences; all when left out.")] = ()
    also: Annotated[tuple[str, ...], Field(description="What to send beside ids: email, phone, traits.")] = ()
    calls: Annotated[Calls, Field(description="Segment: which calls to send.")] = "both"
    from_start: Annotated[bool, Field(description="Tell of those who are in now as entering, too.")] = False
    write_key: Annotated[str | None, Field(repr=False, description="Segment: the source's write key.")] = None

    def run(self, desk: Desk) -> NewHook:
        wish = registry.Wish(
            name=self.name,
            url=self.url,
            kind=self.kind,
            calls=self.calls,
            audiences=self.audiences,
            also=self.also,
            from_start=self.from_start,
            write_key=None if self.write_key is None else _write_key(self.write_key),
        )
        added = registry.add(desk.space, desk.records, wish, desk.clock, actor=desk.actor)
        return NewHook(name=self.name, secret=added.secret.reveal() if added.secret else None)


def _write_key(text: str) -> Secret:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise WrongUseError(
            "hook_needs_key",
            "What was given as the write key is none.",
            nothing_lost="Nothing was changed.",
            next_step="Give the write key of the source alone; in a file, on one line.",
        )
    return Secret(text)


class HookRemoved(Answer):
    """Nothing is sent there any more."""

    name: str
    removed: bool


class RemoveHook(Operation[HookRemoved]):
    """Take a hook away, with all that waits for it."""

    route = delete("/hooks/{name}", Scope.SETTINGS)
    name: Name

    def run(self, desk: Desk) -> HookRemoved:
        registry.remove(desk.records, self.name, desk.clock, actor=desk.actor)
        return HookRemoved(name=self.name, removed=True)


class NewSecret(Answer):
    """The new secret, which is shown this once; for so many hours what is sent is signed with the old one, too."""

    name: str
    secret: str
    overlap_hours: int


class RotateHook(Operation[NewSecret]):
    """Make a new secret for a webhook, which is shown once. For a while it is signed with both."""

    route = post("/hooks/{name}/rotate", Scope.SETTINGS)
    tells_secret = True
    name: Name
    overlap: Annotated[int, Field(ge=0, le=8760, description="Hours for which it is signed with the old one, too.")] = (
        24
    )

    def run(self, desk: Desk) -> NewSecret:
        overlap = timedelta(hours=self.overlap)
        secret = registry.rotate(desk.records, self.name, desk.clock, overlap=overlap, actor=desk.actor)
        return NewSecret(name=self.name, secret=secret.reveal(), overlap_hours=self.overlap)


class HookTried(Answer):
    """What came of the request."""

    name: str
    taken: bool
    code: str
    in_words: str


class TryHook(Operation[HookTried]):
    """Send one request that tells of nobody, and say what came of it."""

    route = post("/hooks/{name}/test", Scope.SYNCS)
    name: Name

    def run(self, desk: Desk) -> HookTried:
        came = registry.try_out(desk.space, desk.records, self.name, desk.clock)
        taken = came.verdict is Verdict.TAKEN
        desk.audit("hook tried", self.name, taken=int(taken))
        return HookTried(name=self.name, taken=taken, code=came.code, in_words=registry.meaning(came))


class LetterKnown(Value):
    """Moves that were refused for good, and those behind them; `asked`: whether they are to be sent again."""

    letter: int
    hook: str
    at: datetime
    code: str
    moves: int
    people: int
    asked: bool


class Letters(Page):
    """Dead letters, the newest first. `next`: the last of these where there are others, for `before`."""

    letters: tuple[LetterKnown, ...]
    next: int | None
    time_zone: str


class ListLetters(Operation[Letters]):
    """List dead letters: moves that were refused for good, and those of the same people that wait behind them."""

    route = get("/hooks/letters")
    name: Annotated[str | None, Field(description="Of one hook; of all when left out.")] = None
    limit: Limit = FIRST
    before: Annotated[
        int | None, Field(ge=1, le=_LARGEST, description="Only letters with a smaller number: `next` of a page.")
    ] = None

    def run(self, desk: Desk) -> Letters:
        found = registry.failed(desk.records, self.name, most=self.limit + 1, before=self.before)
        page = found[: self.limit]
        return Letters(
            letters=tuple(_letter(one) for one in page),
            next=page[-1].id if len(found) > len(page) else None,
            time_zone=desk.space.settings.time_zone,
        )


def _letter(one: Letter) -> LetterKnown:
    return LetterKnown(
        letter=one.id,
        hook=one.hook,
        at=_instant(one.at),
        code=one.code,
        moves=one.moves,
        people=one.people,
        asked=one.asked_at is not None,
    )


class Retried(Answer):
    """How many dead letters are to be sent again."""

    name: str
    letters: int


class RetryHook(Operation[Retried]):
    """Have dead letters sent again, and a hook that stopped go on. Who keeps the space does it."""

    route = post("/hooks/{name}/retry", Scope.SYNCS)
    name: Name
    letter: Annotated[int | None, Field(ge=1, le=_LARGEST, description="One dead letter; all when left out.")] = None

    def run(self, desk: Desk) -> Retried:
        asked = registry.retry(desk.records, self.name, desk.clock, letter=self.letter)
        desk.audit("hook retried", self.name, letters=asked)
        return Retried(name=self.name, letters=asked)


class Dropped(Answer):
    """A letter that was given up, and what was in it."""

    name: str
    letter: int
    moves: int
    people: int


class DropLetter(Operation[Dropped]):
    """Give up a dead letter: its moves are never sent, the next ones of its people are."""

    route = delete("/hooks/{name}/letters/{letter}", Scope.SETTINGS)
    name: Name
    letter: Annotated[int, Field(ge=1, le=_LARGEST, description="The dead letter, by its number.")]

    def run(self, desk: Desk) -> Dropped:
        gone = registry.drop(desk.records, self.name, self.letter, desk.clock, actor=desk.actor)
        return Dropped(name=self.name, letter=self.letter, moves=gone.moves, people=gone.people)
