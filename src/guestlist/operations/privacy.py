"""People who must never be sent: the do-not-send list, erasures and their receipts."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from guestlist.erasures import erasing
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import FIRST, MANY_PEOPLE, Limit, Operation, Scope, ask, get, post
from guestlist.store.journal_erasures import Erasure
from guestlist.store.journal_tables import Listed
from guestlist.telling.answer import Answer, Page, Value
from guestlist.telling.naming import NotRead, read_given, read_named
from guestlist.telling.problems import problem

People = Annotated[
    tuple[str, ...],
    Field(description="Each as TYPE:VALUE, such as email:jane@example.org or user_id:u1042; a hash is as good."),
]


class Stop(Value):
    """What stands in the way of removals at Meta; they stay owed, and a sync begins with them."""

    code: str
    message: str
    nothing_lost: str | None
    next_step: str | None


def _stops(stops: Sequence[GuestlistError]) -> tuple[Stop, ...]:
    return tuple(Stop(**{name: problem(one)[name] for name in Stop.model_fields}) for one in stops)


class PutOnList(Answer):
    """What came of it. `left_meta`: whether all removals are with Meta; else they are owed, `stops` says why.

    Where a service keeps the space it takes them out by itself, within five minutes.
    """

    listed: int
    already_listed: int
    left_meta: bool
    not_read: tuple[NotRead, ...]
    stops: tuple[Stop, ...]


class AddDoNotSend(Operation[PutOnList]):
    """Put people on the do-not-send list: they are sent no more, and leave every audience at Meta.

    What is stored is not the value but a token of it: SHA-256 with a secret of this space.
    """

    route = post("/do-not-send/add", Scope.DO_NOT_SEND)
    largest_body = MANY_PEOPLE
    people: People
    reason: Annotated[str, Field(description="Why, for the record; no personal data.")] = ""

    def run(self, desk: Desk) -> PutOnList:
        given = read_given(desk.space, self.people)
        pepper, now = desk.records.pepper, desk.now
        entries = [
            Listed(token=one.token(pepper), kind=one.kind, listed_at=now, reason=self.reason) for one in given.named
        ]
        new = desk.records.journal.list_do_not_send(entries)
        desk.audit("do-not-send added", "list", new=new, given=len(entries))
        stops = desk.obey()
        return PutOnList(
            listed=new,
            already_listed=len(entries) - new,
            left_meta=stops == (),
            not_read=given.not_read,
            stops=_stops(stops or ()),
        )


class TakenOffList(Answer):
    """What came of it."""

    removed: int
    were_not_listed: int
    not_read: tuple[NotRead, ...]


class RemoveDoNotSend(Operation[TakenOffList]):
    """Take people off the do-not-send list: from now on they may be sent again."""

    route = post("/do-not-send/remove", Scope.DO_NOT_SEND)
    largest_body = MANY_PEOPLE
    people: People

    def run(self, desk: Desk) -> TakenOffList:
        given = read_given(desk.space, self.people)
        pepper, journal = desk.records.pepper, desk.records.journal
        gone = journal.unlist_do_not_send(one.token(pepper) for one in given.named)
        desk.audit("do-not-send removed", "list", gone=gone, given=len(given.named))
        return TakenOffList(removed=gone, were_not_listed=len(given.named) - gone, not_read=given.not_read)


class ListedAlike(Value):
    """So many entries of one type, listed on one day for one reason."""

    type: str
    day: date
    reason: str
    entries: int


class DoNotSendList(Page):
    """How many entries there are; a person may have several. The list knows no values, so it shows none.

    `lines`: the newest day first. `next`: the offset of those who follow, if there are any.
    """

    entries: int
    lines: tuple[ListedAlike, ...]
    next: int | None


class ListDoNotSend(Operation[DoNotSendList]):
    """Tell how many are on the do-not-send list, by type, day and reason."""

    route = get("/do-not-send")
    type: Annotated[str | None, Field(description="Only identifiers of this type, such as email.")] = None
    limit: Limit = FIRST
    offset: Annotated[int, Field(ge=0)] = 0

    def run(self, desk: Desk) -> DoNotSendList:
        every = desk.records.journal.do_not_send()
        entries = [entry for entry in every if self.type is None or entry.kind == self.type]
        counts = Counter((_day(entry.listed_at), entry.kind, entry.reason) for entry in entries)
        lines = sorted(counts.items(), key=lambda line: (-line[0][0].toordinal(), line[0][1:]))
        page = lines[self.offset : self.offset + self.limit]
        behind = self.offset + len(page)
        return DoNotSendList(
            entries=len(entries),
            lines=tuple(
                ListedAlike(type=kind, day=day, reason=why, entries=number) for (day, kind, why), number in page
            ),
            next=behind if page and behind < len(lines) else None,
        )


class ListedOrNot(Value):
    """Whether a person is on the list by this; since when, and why."""

    type: str
    listed: bool
    since: date | None = None
    reason: str | None = None


class DoNotSendChecked(Answer):
    """In the order asked."""

    asked: tuple[ListedOrNot, ...]


class CheckDoNotSend(Operation[DoNotSendChecked]):
    """Tell whether these people are on the do-not-send list."""

    route = ask("/do-not-send/check")
    largest_body = MANY_PEOPLE
    people: People

    def run(self, desk: Desk) -> DoNotSendChecked:
        asked = [read_named(desk.space, value) for value in self.people]
        entries = {entry.token: entry for entry in desk.records.journal.do_not_send()}
        pepper = desk.records.pepper
        return DoNotSendChecked(asked=tuple(_listed(one.kind, entries.get(one.token(pepper))) for one in asked))


def _listed(kind: str, entry: Listed | None) -> ListedOrNot:
    if entry is None:
        return ListedOrNot(type=kind, listed=False)
    return ListedOrNot(type=kind, listed=True, since=_day(entry.listed_at), reason=entry.reason)


def _day(at: int) -> date:
    return _instant(at).date()


# --- erasures ---------------------------------------------------------------------------------------------------------


class Receipt(Value):
    """How far an erasure is: times and counts, never a value. Open until Meta has taken all removals and they settled."""

    receipt: str
    state: str
    named_by: str
    people: int
    identifiers: int
    do_not_send_entries: int
    messages: int
    asked_at: datetime
    erased_here_at: datetime | None
    taken_by_meta_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, found: Erasure) -> Self:
        """As the journal has it."""
        return cls(
            receipt=found.id,
            state="open" if found.open else "closed",
            named_by=found.kind,
            people=found.people,
            identifiers=found.identifiers,
            do_not_send_entries=found.listed,
            messages=found.messages,
            asked_at=_instant(found.asked_at),
            erased_here_at=_instant_or_none(found.erased_at),
            taken_by_meta_at=_instant_or_none(found.handed_over_at),
            closed_at=_instant_or_none(found.closed_at),
        )


class ReceiptInFull(Answer, Receipt):
    """One receipt. `stops`: what stood in the way of removals at Meta, where they were just asked for."""

    stops: tuple[Stop, ...] = ()


class ErasePerson(Operation[ReceiptInFull]):
    """Erase a person: put every id of theirs on the do-not-send list, delete what is stored, take them out at Meta.

    Where a service keeps the space, it is done by the keeper within seconds: the receipt says how far it is.
    """

    route = post("/erasures", Scope.ERASE)
    person: Annotated[str, Field(description="TYPE:VALUE, such as email:jane@example.org")]

    def run(self, desk: Desk) -> ReceiptInFull:
        named = read_named(desk.space, self.person)
        asked = erasing.ask(desk.records, named.kind, named.token(desk.records.pepper), now=desk.clock.now())
        desk.audit("erasure asked", asked.id)
        stops = desk.obey()
        return ReceiptInFull(**Receipt.of(_receipt(desk, asked.id)).model_dump(), stops=_stops(stops or ()))


class Receipts(Page):
    """The newest first. `next`: the last of these where there are others, for `before`."""

    receipts: tuple[Receipt, ...]
    next: str | None


class ListErasures(Operation[Receipts]):
    """List the receipts of erasures, newest first."""

    route = get("/erasures")
    state: Annotated[Literal["open", "closed"] | None, Field(description="Only those in this state.")] = None
    limit: Limit = FIRST
    before: Annotated[str | None, Field(description="Only receipts behind this one: `next` of a page.")] = None

    def run(self, desk: Desk) -> Receipts:
        before = None if self.before is None else _receipt(desk, self.before)
        is_open = None if self.state is None else self.state == "open"
        found = desk.records.journal.erasures_page(most=self.limit + 1, before=before, is_open=is_open)
        page = found[: self.limit]
        return Receipts(receipts=tuple(map(Receipt.of, page)), next=page[-1].id if len(found) > len(page) else None)


class ShowErasure(Operation[ReceiptInFull]):
    """Show how far an erasure is, by its receipt."""

    route = get("/erasures/{receipt}")
    receipt: Annotated[str, Field(description="The receipt, such as er-0123456789.")]

    def run(self, desk: Desk) -> ReceiptInFull:
        return ReceiptInFull(**Receipt.of(_receipt(desk, self.receipt)).model_dump())


def _receipt(desk: Desk, receipt: str) -> Erasure:
    found = desk.records.journal.erasure(receipt)
    if found is None:
        raise WrongUseError(
            "no_such_receipt", "There is no such receipt.", next_step="See all of them: guestlist erase --receipt all"
        )
    return found


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)


def _instant_or_none(at: int | None) -> datetime | None:
    return None if at is None else _instant(at)
