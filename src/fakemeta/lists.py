"""Create, list, read, change and delete audiences."""

from typing import Any

from fakemeta.accounts import may_write
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


def audience_node(
    world: World, call: Call, account: Account, audience: Audience, seen_by: str | None = None
) -> dict[str, Any]:
    """`seen_by`: the ad account through which the caller sees it, its own or one that it is shared with."""
    if call.method == "GET":
        return render(audience, call.fields(), world.clock.now(), world.behaviour, seen_by=seen_by)
    if call.method == "DELETE":
        return delete(account, audience)
    return _update(world, call, audience)


def delete(account: Account, audience: Audience) -> dict[str, Any]:
    """Refused while lookalikes of it exist."""
    if any(str(one.settings.get("origin_audience_id")) == audience.id for one in account.audiences.values()):
        raise graph_error(2656)
    del account.audiences[audience.id]
    return {"success": True}


def _create(world: World, call: Call, account: Account) -> dict[str, Any]:
    if not may_write(call, account.id):
        raise graph_error(2654, 1713092)
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
    """Newest first, and after them those that other ad accounts share with this one."""
    now, behaviour = world.clock.now(), world.behaviour
    conditions = call.structure("filtering") or []
    if not isinstance(conditions, list):
        raise bad_parameter("param filtering must be an array.")
    listed = [*reversed(account.audiences.values()), *world.shared_with(account)]
    kept = [a for a in listed if matches(a, conditions, now, behaviour)]
    rows = {a.id: render(a, call.fields(), now, behaviour, seen_by=account.id) for a in kept}
    return page(call, list(rows), rows, url)


def _update(world: World, call: Call, audience: Audience) -> dict[str, Any]:
    changes = _settings(call, EDITABLE)
    if audience.flagged and "name" not in changes and "description" not in changes:
        raise graph_error(100, 1713231 if changes else 1713228)
    source = _file_source(call, required=False)
    audience.customer_file_source = source or audience.customer_file_source
    changes.pop("customer_file_source", None)
    name = str(changes.pop("name", audience.name))
    if not name:
        raise bad_parameter("param name must be non-empty.")
    audience.settings |= changes
    rename(audience, name, world.clock.now())
    return {"success": True}


def rename(audience: Audience, name: str, now: float) -> None:
    """A name, or a description already set, that suggests health or money gets the audience flagged."""
    audience.name, audience.updated = name, now
    description = str(audience.settings.get("description") or "")
    audience.flagged = audience.flagged or is_flagged_name(name, description)
