"""Which country a phone number is to be read with: that of its message, else the one its sender told elsewhere."""

import ibis

from guestlist.profiles.relations import Column, Table
from guestlist.store import Warehouse
from guestlist.values.phone import INTERNATIONAL

SENDERS = ("user_id", "email", "anonymous_id")
"""Who tells, strongest first: a device may go through many hands, a user id does not."""
_MESSAGE = ["source", "message_id"]


def with_countries(uses: Table, every: Table, warehouse: Warehouse) -> Table:
    """The uses, `country` filled in for phones and "" for all else: nothing but a phone means something else abroad.

    `every` use is asked who told which country.
    """
    columns = {name: uses[name] for name in uses.columns if name != "country"}
    senders = warehouse.materialise("identity_sender", _senders(uses))
    if not warehouse.count("identity_sender"):
        return uses.select(**columns, country=_needs_country(uses).ifelse(uses.country.fill_null(""), ""))
    known = warehouse.materialise("identity_country", _known(senders, every))
    told = uses.left_join(known, _MESSAGE)
    country = ibis.coalesce(told.country, told.known, "")
    return told.select(**{name: told[name] for name in columns}, country=_needs_country(told).ifelse(country, ""))


def _needs_country(uses: Table) -> Column:
    return (uses.type == "phone") & ~uses.value.re_search(INTERNATIONAL)


def _senders(uses: Table) -> Table:
    """Sender(source, message_id, type, value) of messages with a national phone number and no country."""
    lost = uses.filter(_needs_country(uses) & uses.country.isnull()).select(*_MESSAGE).distinct()
    return uses.filter(uses.type.isin(SENDERS)).semi_join(lost, _MESSAGE).select(*_MESSAGE, "type", "value")


def _known(senders: Table, every: Table) -> Table:
    """Known(source, message_id, known): the sender's country."""
    told = every.filter(every.country.notnull()).semi_join(senders, ["type", "value"])
    # The latest telling counts; of two at the same instant either, but always the same one.
    version = told["at"].cast("string") + told.country
    latest = told.group_by("type", "value").aggregate(known=told.country.argmax(version))
    found = senders.join(latest, ["type", "value"])
    rank = found.type.cases(*((kind, rank) for rank, kind in enumerate(SENDERS)), else_=len(SENDERS))
    return found.group_by(*_MESSAGE).aggregate(known=found.known.argmin(rank))
