"""Sources that are loaded: added and changed, how each stands, and loading one now."""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import ConfigDict, Field, ValidationError

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.loads import loading, sourcing
from guestlist.loads.loading import Standing
from guestlist.misread import in_words
from guestlist.operations.desk import Desk, unless_in_use
from guestlist.operations.hidden import Hidden, secret_of
from guestlist.operations.imports import Proposal, proposal
from guestlist.operations.operation import Operation, Scope, get, post, put
from guestlist.outward import NowhereError, checked_addresses
from guestlist.records import find_people
from guestlist.sources.mapping import Wish
from guestlist.sources.pulled import SEALED, Load
from guestlist.space import Space
from guestlist.store.journal_pulls import Pull
from guestlist.store.vault import Secret
from guestlist.telling.answer import Answer, Value

Name = Annotated[str, Field(description="The source, by its name in guestlist.yaml.")]
MISTAKE = "mistake"


class LoadError(Value):
    """Why the last load is not applied, and what to do."""

    code: str
    message: str
    next: str | None
    nothing_lost: str | None


class SourceLoad(Value):
    """What came of the last load; lines by what became of them. `state`: null before the first one."""

    key: str
    state: str | None
    good_at: str | None
    lines: int
    came: int
    went: int
    left_out: int
    error: LoadError | None


class LoadStanding(SourceLoad):
    """The same, when it is loaded next (null: when asked), and what `guestlist.yaml` says of its lines."""

    next_at: str | None
    reading: Annotated[str | None, Field(alias="as")]
    line_key: str | None


def load_standings(desk: Desk) -> tuple[LoadStanding, ...]:
    """Of all sources that are loaded, by name."""
    found = loading.standings(desk.space, desk.records, now=desk.clock.now())
    return tuple(_standing(one, desk.space.settings.sources[one.name]) for one in found)


def _standing(one: Standing, entry: dict[str, object]) -> LoadStanding:
    known, load = _known(one.pull), entry.get("load")
    error = known.error if one.error is None else _error(one.error)
    line_key = load.get("key") if isinstance(load, dict) else None
    return LoadStanding(
        **{**known.model_dump(), "state": MISTAKE if one.error else known.state, "error": error},
        next_at=one.next_at.isoformat() if one.next_at else None,
        reading=None if entry.get("as") is None else str(entry["as"]),
        line_key=None if line_key is None else str(line_key),
    )


def _known(pull: Pull) -> SourceLoad:
    error = None
    if pull.code:
        error = LoadError(
            code=pull.code, message=pull.happened or "", next=pull.next_step, nothing_lost=pull.nothing_lost
        )
    return SourceLoad(
        key=pull.source,
        state=pull.state,
        good_at=loading.instant(pull.good_at).isoformat() if pull.good_at else None,
        lines=pull.lines,
        came=pull.came,
        went=pull.went,
        left_out=pull.rejected,
        error=error,
    )


def _error(error: GuestlistError) -> LoadError:
    return LoadError(code=error.code, message=error.message, next=error.next_step, nothing_lost=error.nothing_lost)


class LoadShown(Answer):
    """One source that is loaded."""

    source: LoadStanding


class ShowLoad(Operation[LoadShown]):
    """Show how a source that is loaded stands: its last good load, its next one, and what to do if it is not right."""

    route = get("/sources/{name}/load")
    name: Name

    def run(self, desk: Desk) -> LoadShown:
        for one in load_standings(desk):
            if one.key == self.name:
                return LoadShown(source=one)
        raise loading.unknown_source(desk.space, self.name)


class Asked(Value):
    """Who keeps the space loads it now."""

    key: str
    asked: Literal[True] = True


class Loaded(Answer):
    """What came of it, or that it was asked for."""

    source: SourceLoad | Asked


class LoadSource(Operation[Loaded]):
    """Load a source now, whatever its schedule says; where a service keeps the space, that does."""

    route = post("/sources/{name}/load", Scope.DATA)
    name: Name
    accept: Annotated[bool, Field(description="It is right that so few lines are left: apply the load.")] = False

    def run(self, desk: Desk) -> Loaded:
        loading.one_source(desk.space, self.name)
        pull = _load_here(desk, self.name, accept=self.accept) if desk.keeper is None else None
        if pull is None:
            desk.records.journal.ask_load(self.name, accept=self.accept, now=desk.now)
        desk.audit("source load asked" if pull is None else "source loaded", self.name, accepted=int(self.accept))
        return Loaded(source=Asked(key=self.name) if pull is None else _known(pull))


def _load_here(desk: Desk, name: str, *, accept: bool) -> Pull | None:
    """None while another process has the stores, who is asked instead."""
    try:
        with desk.space.open_warehouse() as warehouse:
            pull = loading.load_now(desk.space, desk.records, warehouse, name, desk.clock, accept=accept)
            if warehouse.has("message"):
                find_people(desk.space, warehouse, desk.records)
            warehouse.checkpoint()
    except GuestlistError as error:
        unless_in_use(error)
        return None
    return pull


# --- added ------------------------------------------------------------------------------------------------------------

_NOTHING = "Nothing was changed."
_PORT = 5432
_HARMLESS = {"sslmode", "application_name", "connect_timeout"}
_INSTEAD = {
    "every": ("cron",),
    "cron": ("every",),
    "table": ("query",),
    "query": ("table",),
    "postgres": ("files", "url"),
    "files": ("postgres", "url", "table", "query"),
    "url": ("postgres", "files", "table", "query"),
}
"""What is said of a source, and what that takes the place of."""


class LoadAdded(Answer):
    """The source as it stands in guestlist.yaml, or would with `propose`. `proposed`: what its columns are taken for,
    where that was not known."""

    key: str
    entry: dict[str, Any]
    proposed: Proposal | None


class AddLoad(Operation[LoadAdded]):
    """Add a source that is loaded on a schedule: a table or a query of Postgres, files, or an address. Or change it:
    what is left out stays as it is.

    The location is looked at, and what its columns mean is proposed from the first lines and written to guestlist.yaml;
    with `propose` it is only told. A load comes at its time, or when it is asked for.
    """

    model_config = ConfigDict(populate_by_name=True)
    route = put("/sources/{name}/load", Scope.SETTINGS)
    name: Name
    address: Annotated[
        Hidden | None, Field(description="Postgres: postgresql://role:password@host:5432/database; kept sealed.")
    ] = None
    env: Annotated[
        str | None, Field(description="Postgres: a variable of the environment with the address; on its machine only.")
    ] = None
    table: Annotated[str | None, Field(description="Postgres: the table or view, as schema.table.")] = None
    query: Annotated[str | None, Field(description="Postgres: one SELECT that only reads.")] = None
    files: Annotated[
        str | None, Field(description="A folder, or files by a pattern; by a service only in the space's own folder.")
    ] = None
    url: Annotated[str | None, Field(description="A file that is fetched by http or https.")] = None
    key: Annotated[str | None, Field(description="The column by which a line is the same, however it changes.")] = None
    changed: Annotated[
        str | None, Field(description="Postgres: a column that differs whenever the line does; spares reading all.")
    ] = None
    every: Annotated[str | None, Field(description="How often: 15m, 1h (usual), 1d; manual.")] = None
    cron: Annotated[str | None, Field(description="Or when: `0 6 * * *` is 6:00 every day.")] = None
    gone: Annotated[
        Literal["exit", "keep"] | None,
        Field(description="Whether what a vanished line said does not hold any more (`exit`, usual), or holds on."),
    ] = None
    reading: Annotated[Literal["people", "events"] | None, Field(alias="as", description="What the lines are.")] = None
    event: Annotated[str | None, Field(description="Events: what happened in every line.")] = None
    time: Annotated[str | None, Field(description="The column that says when it was.")] = None
    id: Annotated[str | None, Field(description="The column that says who a line is about.")] = None
    propose: Annotated[bool, Field(description="Only tell what columns are taken for; nothing is written.")] = False

    def run(self, desk: Desk) -> LoadAdded:
        return self.add(desk, lambda _proposed: None)

    def add(self, desk: Desk, settle: Callable[[Proposal], None]) -> LoadAdded:
        """Add it; `settle` hears what columns are taken for before it is written down, and may refuse."""
        secret = None if self.address is None else _database(secret_of(self.address))
        if desk.keeper is not None:
            self._check_from_afar(desk.space, secret)
        load = self._load(desk.space)
        wish = Wish(reading=self.reading, event=self.event, time=self.time, id=self.id)
        with sourcing.proposal(desk.space, desk.records, self.name, load, wish, secret) as found:
            proposed = proposal(found.file, found.chosen) if found.chosen.proposed else None
            if proposed is not None:
                settle(proposed)
            if not self.propose:
                sourcing.keep(desk.space, desk.records, found, desk.clock)
                desk.audit("source added", self.name)
        return LoadAdded(key=self.name, entry=found.source.entry(), proposed=proposed)

    def _check_from_afar(self, space: Space, secret: Secret | None) -> None:
        """What only somebody on the service's machine may name: its files, its variables, servers of its network."""
        if self.env is not None or (self.files is not None and not _in_the_space(self.files)):
            raise GuestlistError(
                "source_elsewhere",
                "A service loads from files of its space's own folder only, and from no variable of its environment.",
                nothing_lost=_NOTHING,
                next_step="Name files there, such as exports/*.csv, or add the source on the machine of the space.",
            )
        if secret is not None:
            _check_server(secret, space.settings.allowed_hosts)

    def _load(self, space: Space) -> Load:
        """What is said, beside what `guestlist.yaml` says of the source already."""
        postgres: Any = SEALED if self.address is not None else {"env": self.env} if self.env else None
        names = ("table", "query", "files", "url", "key", "changed", "every", "cron", "gone")
        said = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        said |= {} if postgres is None else {"postgres": postgres}
        replaced = {other for one in said for other in _INSTEAD.get(one, ())}
        before = {
            name: value
            for name, value in space.settings.sources.get(self.name, {}).get("load", {}).items()
            if name not in replaced
        }
        try:
            return Load.model_validate({**before, **said})
        except ValidationError as error:
            first = in_words(error.errors(include_input=False, include_url=False)[0], noun="setting")
            raise WrongUseError(
                "source_settings",
                f"That does not say where to load from: {first}.",
                nothing_lost=_NOTHING,
                next_step="See: guestlist sources add --help",
            ) from None


def _in_the_space(pattern: str) -> bool:
    parts = PurePath(pattern.replace("\\", "/")).parts
    return not pattern.startswith(("/", "\\", "~")) and not any(part.startswith(".") or ":" in part for part in parts)


def _database(secret: Secret) -> Secret:
    """The address of a database. Whatever it is that was given, it is never repeated."""
    if not secret.reveal().startswith(("postgres://", "postgresql://")):
        raise _no_address()
    return secret


def _check_server(secret: Secret, allowed: Sequence[str]) -> None:
    """One server, by its name, and nothing that would have this machine's files read."""
    try:
        parts = urlsplit(secret.reveal())
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        raise _no_address() from None
    if not host or "," in parts.netloc or not {name for name, _ in parse_qsl(parts.query)} <= _HARMLESS:
        raise _no_address()
    try:
        checked_addresses(host, port, allowed=allowed)
    except NowhereError as error:
        raise GuestlistError(
            "source_server",
            f"Nothing is loaded from this database by order of a service: {error.why.value}.",
            nothing_lost=_NOTHING,
            next_step="If it is meant, name the host under `allowed_hosts:` in guestlist.yaml.",
        ) from None


def _no_address() -> WrongUseError:
    return WrongUseError(
        "source_address",
        "That is not the address of a Postgres database.",
        nothing_lost=_NOTHING,
        next_step="It is of the kind postgresql://role:password@host:5432/database",
    )
