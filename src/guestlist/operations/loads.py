"""Sources that are loaded: how each stands, and loading one now. They are added where the space lies, not from afar:
what is named there may be any file of that machine."""

from typing import Annotated, Literal

from pydantic import Field

from guestlist.errors import GuestlistError
from guestlist.loads import loading
from guestlist.loads.loading import Standing
from guestlist.operations.desk import Desk, unless_in_use
from guestlist.operations.operation import Operation, Scope, get, post
from guestlist.records import find_people
from guestlist.store.journal_pulls import Pull
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
