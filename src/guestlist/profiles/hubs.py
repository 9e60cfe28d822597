"""Values that too many people share: they join nobody."""

import ibis

from guestlist.profiles.relations import Materialise, Table
from guestlist.profiles.rules import DEVICE_TYPES, Hubs


def find_hubs(bundle_node: Table, node: Table, rules: Hubs, materialise: Materialise) -> Table:
    """Hub(node, people): values that meet more different values of one other type than the limit allows.

    A value is said to meet, in each set of identifiers that came together, only the strongest other one: the many
    devices of one known person, or the several addresses of one account, are then not many people.
    """
    typed = node.filter(node.type.isin(rules.types)).select("node", "type")
    ours = bundle_node.join(typed, "node")
    often = ours.group_by("node").having(ours.count() > min(rules.people, rules.devices)).aggregate(sets=ours.count())
    suspect = materialise("identity_suspect", ours.semi_join(often, "node").select("bundle", suspect="node"))
    met = suspect.join(bundle_node, "bundle").filter(lambda t: t.node != t.suspect)
    strongest = met.group_by("bundle", "suspect").aggregate(node=met.node.min())
    kinds = strongest.join(node.select("node", "type"), "node")
    counts = kinds.group_by("suspect", "type").aggregate(met=kinds.node.nunique())
    limit = ibis.cases(*((counts.type == kind, rules.limit(kind)) for kind in DEVICE_TYPES), else_=rules.people)
    over = counts.filter(counts.met > limit)
    return materialise("identity_hub", over.group_by(node=over.suspect).aggregate(people=over.met.max()))
