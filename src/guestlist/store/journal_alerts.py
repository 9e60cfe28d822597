"""Who was told of what is the matter, by which channel, and whether the channels work. No text about anybody."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from guestlist.store.journal_file import JournalPart
from guestlist.store.journal_tables import metadata


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One cause at one channel: since when it is so, and when it was told (None: not yet)."""

    channel: str
    cause: str
    since: int
    happened: str
    quiet: bool = False
    level: int = 0
    told_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChannelState:
    """Whether a channel works: failures in a row, and what the last one was."""

    name: str
    failures: int = 0
    failed_at: int | None = None
    sent_at: int | None = None
    code: str | None = None
    happened: str | None = None
    next_step: str | None = None


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many people Meta had of a sync when alerts last looked."""

    sync: str
    people: int
    at: int


alert = Table(
    "alert",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("cause", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("happened", Text, nullable=False),
    Column("quiet", Boolean, nullable=False),
    Column("level", Integer, nullable=False),
    Column("told_at", BigInteger),
)
alert_channel = Table(
    "alert_channel",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", BigInteger),
    Column("sent_at", BigInteger),
    Column("code", Text),
    Column("happened", Text),
    Column("next_step", Text),
)
alert_size = Table(
    "alert_size",
    metadata,
    Column("sync", Text, primary_key=True),
    Column("people", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)


class AlertRecords(JournalPart):
    """The part of the journal that keeps them. Not the owner's alone: alerts go on while the stores cannot be used."""

    def alerts(self, channel: str) -> list[Alert]:
        with self._read() as connection:
            rows = connection.execute(
                select(alert).where(alert.c.channel == channel).order_by(alert.c.cause)
            ).mappings()
            return [Alert(**row) for row in rows]

    def save_alert(self, one: Alert) -> None:
        self._put(alert, asdict(one), ["channel", "cause"])

    def forget_alert(self, one: Alert) -> None:
        with self._write() as connection:
            connection.execute(delete(alert).where(alert.c.channel == one.channel, alert.c.cause == one.cause))

    def channel(self, name: str) -> ChannelState | None:
        return next((one for one in self.channels() if one.name == name), None)

    def channels(self) -> list[ChannelState]:
        """Every channel that was ever used and is still set."""
        with self._read() as connection:
            rows = connection.execute(select(alert_channel).order_by(alert_channel.c.name)).mappings()
            return [ChannelState(**row) for row in rows]

    def save_channel(self, one: ChannelState) -> None:
        self._put(alert_channel, asdict(one), ["name"])

    def keep_channels(self, names: Iterable[str]) -> None:
        """Forget channels that are no longer set, and what was told by them."""
        kept = list(names)
        with self._write() as connection:
            connection.execute(delete(alert_channel).where(alert_channel.c.name.not_in(kept)))
            connection.execute(delete(alert).where(alert.c.channel.not_in(kept)))

    def sizes(self) -> dict[str, Size]:
        with self._read() as connection:
            return {row["sync"]: Size(**row) for row in connection.execute(select(alert_size)).mappings()}

    def keep_sizes(self, sizes: Iterable[Size]) -> None:
        """What the next jump is measured by; one that did not change is left alone."""
        known = self.sizes()
        for one in sizes:
            if one.sync not in known or known[one.sync].people != one.people:
                self._put(alert_size, asdict(one), ["sync"])

    def _put(self, table: Table, values: dict[str, object], keys: list[str]) -> None:
        statement = upsert(table).values(values).on_conflict_do_update(index_elements=keys, set_=values)
        with self._write() as connection:
            connection.execute(statement)
