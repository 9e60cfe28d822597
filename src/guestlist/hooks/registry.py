"""Hooks added, taken away, tried, asked to go on: what people do with them, beside a running owner too."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from guestlist.audiences.document import keys_in
from guestlist.audiences.mistakes import did_you_mean
from guestlist.clock import Clock, microseconds
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.hooks.posting import Answer, Poster, Verdict
from guestlist.hooks.secrets import Keys, sealed_as
from guestlist.hooks.shapes import trial_body
from guestlist.hooks.signing import Signing, new_secret
from guestlist.outward import checked_url, pin
from guestlist.records import Records
from guestlist.space import Space
from guestlist.store.journal_hooks import Calls, Hook, Kind, Letter
from guestlist.store.vault import Secret

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TAKEN_NAMES = ("anchor",)
_UNTOUCHED = "Nothing was changed."


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a hook is to be. `write_key`: of a Segment source, where it is sent to one."""

    name: str
    url: str
    kind: Kind
    calls: Calls = "both"
    audiences: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    from_start: bool = False
    write_key: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Added:
    """`secret` is what a webhook is signed with: to be shown once."""

    hook: Hook
    secret: Secret | None


def add(space: Space, records: Records, wish: Wish, clock: Clock, *, actor: str) -> Added:
    """Register where moves are to be sent; it begins with the next evaluation by the space's owner."""
    _check(space, wish)
    now = microseconds(clock.now())
    hook = Hook(
        name=wish.name,
        mark=secrets.token_hex(4),
        url=wish.url,
        kind=wish.kind,
        calls=wish.calls,
        audiences=wish.audiences,
        also=wish.also,
        from_start=wish.from_start,
        made_at=now,
    )
    secret = new_secret() if wish.kind == "webhook" else None
    if any(one.name == wish.name for one in records.journal.hooks()):
        records.journal.add_hook(hook)  # says that it is there
    key = Signing(secrets=((secret, None),)).sealed() if secret else wish.write_key
    assert key is not None
    # The key first: the owner may begin with a hook the moment it is recorded.
    records.vault.save(sealed_as(wish.name), key, now=now)
    records.journal.add_hook(hook)
    records.journal.audit(actor=actor, action="hook added", about=wish.name, counts={}, now=now)
    return Added(hook=hook, secret=secret)


def remove(records: Records, name: str, clock: Clock, *, actor: str) -> None:
    """Take a hook away, its key and all that waits for it."""
    named(records, name)
    for owed in records.journal.owed_exits(name):
        records.vault.delete(owed.sealed_as)
    records.journal.remove_hook(name)
    records.vault.delete(sealed_as(name))
    records.journal.audit(actor=actor, action="hook removed", about=name, counts={}, now=microseconds(clock.now()))


def rotate(records: Records, name: str, clock: Clock, *, overlap: timedelta, actor: str) -> Secret:
    """A new secret for a webhook, to be shown once. Until `overlap` is over it is signed with those of before, too."""
    hook = named(records, name)
    if hook.kind != "webhook":
        raise WrongUseError(
            "hook_has_no_secret",
            f"The hook '{name}' is sent with Segment's write key, which Guestlist does not make.",
            nothing_lost=_UNTOUCHED,
            next_step="Take it away and add it anew with the other key.",
        )
    now = microseconds(clock.now())
    secret = Keys(records.vault, hook).rotate(overlap=overlap // timedelta(microseconds=1), now=now)
    records.journal.audit(actor=actor, action="hook secret rotated", about=name, counts={}, now=now)
    return secret


def try_out(space: Space, records: Records, name: str, clock: Clock) -> Answer:
    """Send one request that tells of nobody. What comes of it changes nothing."""
    hook, now = named(records, name), clock.now()
    content = trial_body(hook, now=now)
    headers = Keys(records.vault, hook).headers(f"msg_{hook.mark}_test_{secrets.token_hex(4)}", content, now=now)
    poster = Poster(lambda: space.settings.allowed_hosts)
    try:
        return poster.post(hook.url, content, headers, now=now)
    finally:
        poster.close()


def failed(records: Records, name: str | None, *, most: int, before: int | None) -> list[Letter]:
    """Dead letters of one hook, or of all, the newest first."""
    if name is not None:
        named(records, name)
    return records.journal.letters_page(name, most=most, before=before)


def retry(records: Records, name: str, clock: Clock, *, letter: int | None = None) -> int:
    """Ask for dead letters to be sent again, and for the hook to go on if it stopped; gives how many letters."""
    named(records, name)
    if letter is not None:
        _letter(records, name, letter)
    return records.journal.ask_letters_again(name, letter, now=microseconds(clock.now()))


def drop(records: Records, name: str, letter: int, clock: Clock, *, actor: str) -> Letter:
    """Give up a dead letter."""
    named(records, name)
    found = _letter(records, name, letter)
    owed = [one for one in records.journal.owed_exits(name) if one.letter == letter]
    records.journal.drop_letter(name, letter)
    for one in owed:
        records.vault.delete(one.sealed_as)
    counts = {"moves": found.moves, "people": found.people}
    records.journal.audit(
        actor=actor, action="hook letter dropped", about=name, counts=counts, now=microseconds(clock.now())
    )
    return found


def named(records: Records, name: str) -> Hook:
    """The hook of a name."""
    hooks = {one.name: one for one in records.journal.hooks()}
    if name in hooks:
        return hooks[name]
    raise WrongUseError(
        "unknown_hook",
        f"There is no hook '{name}'.",
        nothing_lost=_UNTOUCHED,
        next_step=did_you_mean(name, hooks) or "See them with: guestlist hooks list",
    )


def meaning(answer: Answer) -> str:
    """What came of a request, in words."""
    words = {
        Verdict.TAKEN: "was taken",
        Verdict.LATER: "was not taken; it would be sent again",
        Verdict.SMALLER: "was refused for what is in it",
        Verdict.REFUSED: "was refused: check the address and the key",
        Verdict.GONE: "was refused for good: nobody is there any more",
    }
    return words[answer.verdict]


def _letter(records: Records, name: str, number: int) -> Letter:
    letters = {one.id: one for one in records.journal.letters(name)}
    if number in letters:
        return letters[number]
    raise WrongUseError(
        "unknown_letter",
        f"The hook '{name}' has no dead letter {number}.",
        nothing_lost=_UNTOUCHED,
        next_step="See them with: guestlist hooks failed",
    )


def _check(space: Space, wish: Wish) -> None:
    if not _NAME.fullmatch(wish.name) or wish.name in _TAKEN_NAMES:
        raise WrongUseError(
            "hook_name",
            "That cannot be a hook's name.",
            nothing_lost=_UNTOUCHED,
            next_step="Use small letters, digits, _ and -, such as crm.",
        )
    _check_audiences(wish.audiences, sorted(keys_in(space.audiences)))
    if wish.kind == "segment" and not wish.write_key:
        raise WrongUseError(
            "hook_needs_key",
            "Segment takes calls with the write key of a source only.",
            nothing_lost=_UNTOUCHED,
            next_step="Put it into a file and name that with --write-key-file FILE",
        )
    checked_url(wish.url, allowed=space.settings.allowed_hosts)
    try:
        pin(wish.url, allowed=space.settings.allowed_hosts)
    except GuestlistError as error:
        if error.code != "address_unknown":  # names may be looked up later
            raise


def _check_audiences(wanted: Sequence[str], known: Sequence[str]) -> None:
    for key in wanted:
        if key not in known:
            raise WrongUseError(
                "unknown_audience",
                f"There is no audience `{key}` in this space.",
                nothing_lost=_UNTOUCHED,
                next_step=did_you_mean(key, known) or "See them with: guestlist audiences list",
            )
