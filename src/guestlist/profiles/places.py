"""Which country a phone number is to be read with: that of its message, else the one its sender told elsewhere."""

import ibis

from guestlist.profiles.relations import Materialise, Table

_SENDERS = ("user_id", "email", "anonymous_id")
"""Who tells, strongest first: a device may go through many hands, a user id does not."""


def with_countries(uses: Table, materialise: Materialise) -> Table:
    """The uses, `country` filled in for phones and "" for all else: nothing but a phone means something else abroad."""
    known = _known(uses, materialise)
    told = uses.left_join(known, ["source", "message_id"])
    country = ibis.coalesce(told.country, told.known, "")
    columns = {name: told[name] for name in uses.columns}
    return told.select(**{**columns, "country": (told.type == "phone").ifelse(country, "")})


def _known(uses: Table, materialise: Materialise) -> Table:
    """Known(source, message_id, known): for messages with a phone and no country, their sender's country."""
    lost = uses.filter((uses.type == "phone") & uses.country.isnull()).select("source", "message_id").distinct()
    senders = uses.filter(uses.type.isin(_SENDERS)).semi_join(lost, ["source", "message_id"])
    senders = materialise("identity_senders", senders.select("source", "message_id", "type", "value"))
    told = uses.filter(uses.country.notnull()).semi_join(senders, ["type", "value"])
    # The latest telling counts; of two at the same instant either, but always the same one.
    version = told["at"].cast("string") + told.country
    latest = told.group_by("type", "value").aggregate(known=told.country.argmax(version))
    found = senders.join(latest, ["type", "value"])
    rank = found.type.cases(*((kind, rank) for rank, kind in enumerate(_SENDERS)), else_=len(_SENDERS))
    return found.group_by("source", "message_id").aggregate(known=found.known.argmin(rank))
