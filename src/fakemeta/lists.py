"""Create, list, read, change and delete audiences."""

from typing import Any

from fakemeta.audiences import EDITABLE, FILE_SOURCES, STORED, SUBTYPES, Audience, is_flagged_name, matches, render
from fakemeta.errors import bad_parameter, graph_error, unknown_object
from fakemeta.graph import Call
from fakemeta.paging import page
from fakemeta.world import Account, World

_STRUCTURED = {"audience_labels", "allowed_domains", "countries", "use_for_products"}


def require_terms(world: World, account: Account) -> None:
    if not account.terms_accepted:
        raise graph_error(200, int(world.behaviour.terms_subcode))


def customaudiences(world: World, call: Call, account: Account, url: str) -> dict[str, Any]:
    if call.method == "GET":
        return _list(world, call, account, url)
    if call.method == "POST":
        return _create(world, call, account)
    raise unknown_object(call.method, f"act_{account.id}")


def audience_node(world: World, call: Call, account: Account, audience: Audience) -> dict[str, Any]:
    if call.method == "GET":
        return render(audience, call.fields(), world.clock.now(), world.behaviour)
    if call.method == "DELETE":
        del account.audiences[audience.id]
        return {"success": True}
    return _update(world, call, audience)


def _create(world: World, call: Call, account: Account) -> dict[str, Any]:
    require_terms(world, account)
    name, subtype = call.text("name"), call.text("subtype") or "CUSTOM"
    if not name:
        raise bad_parameter("Missing parameter(s): name")
    if subtype not in SUBTYPES:
        raise bad_parameter(f"param subtype must be one of {{{', '.join(SUBTYPES)}}}")
    source = _file_source(call, required=subtype == "CUSTOM")
    if subtype == "CUSTOM" and _customer_lists(account) >= world.behaviour.max_lists:
        raise graph_error(2654, None, "(#2654) Failed to create custom audience: the ad account has reached its limit.")
    audience = world.new_audience(
        account,
        name,
        subtype,
        settings=_settings(call, STORED),
        customer_file_source=source,
        value_based=call.flag("is_value_based"),
    )
    if call.fields():
        return render(audience, call.fields(), world.clock.now(), world.behaviour)
    return {"id": audience.id}


def _customer_lists(account: Account) -> int:
    return sum(audience.subtype == "CUSTOM" for audience in account.audiences.values())


def _file_source(call: Call, *, required: bool) -> str | None:
    source = call.text("customer_file_source")
    if source is None and required:
        raise bad_parameter("Missing parameter(s): customer_file_source")
    if source is not None and source not in FILE_SOURCES:
        raise bad_parameter(f"param customer_file_source must be one of {{{', '.join(FILE_SOURCES)}}}")
    return source


def _settings(call: Call, names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    given = {name for name in names if name in call.params}
    return {name: call.structure(name) if name in _STRUCTURED else call.params[name] for name in given}


def _list(world: World, call: Call, account: Account, url: str) -> dict[str, Any]:
    """Newest first."""
    now, behaviour = world.clock.now(), world.behaviour
    conditions = call.structure("filtering") or []
    if not isinstance(conditions, list):
        raise bad_parameter("param filtering must be an array.")
    kept = [a for a in reversed(account.audiences.values()) if matches(a, conditions, now, behaviour)]
    rows = {audience.id: render(audience, call.fields(), now, behaviour) for audience in kept}
    return page(call, list(rows), rows, url)


def _update(world: World, call: Call, audience: Audience) -> dict[str, Any]:
    changes = _settings(call, EDITABLE)
    if audience.flagged and "name" not in changes and "description" not in changes:
        raise graph_error(100, 1713231 if changes else 1713228)
    source = _file_source(call, required=False)
    audience.customer_file_source = source or audience.customer_file_source
    changes.pop("customer_file_source", None)
    audience.name = str(changes.pop("name", audience.name))
    audience.settings |= changes
    audience.updated = world.clock.now()
    audience.flagged = audience.flagged or is_flagged_name(
        audience.name, str(audience.settings.get("description") or "")
    )
    return {"success": True}
