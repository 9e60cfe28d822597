"""Values that too many people share: they join nobody."""

from collections.abc import Sequence

import ibis

from guestlist.profiles.nodes import kind_of
from guestlist.profiles.relations import Table
from guestlist.profiles.rules import Hubs


def meetings(message_node: Table, kinds: Sequence[str], rules: Hubs) -> Table:
    """Met(node, met): the values that may be hubs, each with the strongest other identifiers of its messages.

    Only the strongest: the many devices of one known person, or the several addresses of one account, are then not
    many people.
    """
    places = [place for place, kind in enumerate(kinds) if kind in rules.types]
    suspect = message_node.filter(kind_of(message_node.node).isin(places)).select("ordinal", suspect="node")
    beside = suspect.join(message_node, "ordinal").filter(lambda t: t.node != t.suspect)
    beside = beside.select("ordinal", "suspect", met="node")
    best = beside.group_by("ordinal", "suspect").aggregate(best=kind_of(beside.met.min()))
    strongest = beside.join(best, ["ordinal", "suspect"]).filter(lambda t: kind_of(t.met) == t.best)
    return strongest.select("met", node="suspect").distinct()


def hubs(meeting: Table, kinds: Sequence[str], rules: Hubs) -> Table:
    """Hub(node, people): values that met more different values of one other type than the limit allows."""
    counts = meeting.group_by("node", kind=kind_of(meeting.met)).aggregate(people=meeting.count())
    limit = ibis.cases(*((counts.kind == place, rules.limit(kind)) for place, kind in enumerate(kinds)), else_=0)
    over = counts.filter(counts.people > limit)
    return over.group_by("node").aggregate(people=over.people.max())
