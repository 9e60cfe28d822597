"""The control API under /_control/: the clock, the people, the faults, the switches, the remedies, and the truth.

It exists for tests and demos and asks for no token, so the server listens on loopback only. docs/fakemeta.md lists it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fakemeta.audiences import Audience
from fakemeta.errors import GraphError
from fakemeta.faults import parse_rule
from fakemeta.matching import Hit
from fakemeta.membership import people_of
from fakemeta.people import person_from, to_record
from fakemeta.tokens import SCOPES
from fakemeta.users import parse_upload
from fakemeta.world import Account, World

Body = dict[str, Any]
Action = Callable[[World, Request, Body], Any]


class NotFound(LookupError):
    """The thing that the path names does not exist."""


def routes(world: World) -> list[Route]:
    table: Sequence[tuple[str, str, Action]] = (
        ("GET", "", overview),
        ("GET", "clock", read_clock),
        ("POST", "clock", set_clock),
        ("GET", "behaviour", read_behaviour),
        ("POST", "behaviour", set_behaviour),
        ("GET", "faults", read_faults),
        ("POST", "faults", add_faults),
        ("DELETE", "faults", clear_faults),
        ("DELETE", "faults/{id:int}", remove_fault),
        ("GET", "people", read_people),
        ("POST", "people", add_people),
        ("POST", "match", match),
        ("POST", "truth", truth),
        ("GET", "audiences", read_audiences),
        ("GET", "audiences/{id}", read_audience),
        ("POST", "audiences/{id}", change_audience),
        ("GET", "audiences/{id}/members", read_members),
        ("GET", "audiences/{id}/history", read_history),
        ("POST", "audiences/{id}/members", add_members),
        ("POST", "accounts", open_account),
        ("POST", "accounts/{id}", change_account),
        ("POST", "tokens", issue_token),
        ("POST", "tokens/change", change_token),
        ("GET", "requests", read_requests),
    )
    return [Route(f"/_control/{path}", _endpoint(world, action), methods=[method]) for method, path, action in table]


def _endpoint(world: World, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            answer = action(world, request, orjson.loads(raw) if raw else {})
        except NotFound as error:
            return _json({"error": str(error)}, 404)
        except GraphError as error:
            return _json({"error": error.text}, 400)
        except (KeyError, TypeError, ValueError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)
        return _json(answer, 200)

    return endpoint


def _json(content: Any, status: int) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")


def overview(world: World, request: Request, body: Body) -> Any:
    return {
        "access_token": world.token.value,
        "app_id": world.app.id,
        "app_secret": world.app.secret,
        "ad_accounts": [f"act_{account_id}" for account_id in world.accounts],
        "people": len(world.index.people),
        "people_with_account": sum(person.account for person in world.index.people.values()),
        "requests": world.requests,
    }


def read_clock(world: World, request: Request, body: Body) -> Any:
    now = world.clock.now()
    return {"now": now, "iso": datetime.fromtimestamp(now, UTC).isoformat(), "speed": world.clock.speed}


def set_clock(world: World, request: Request, body: Body) -> Any:
    if "speed" in body:
        world.clock.set_speed(float(body["speed"]))
    if "advance" in body:
        world.clock.advance(float(body["advance"]))
    return read_clock(world, request, body)


def read_behaviour(world: World, request: Request, body: Body) -> Any:
    return world.behaviour.as_dict()


def set_behaviour(world: World, request: Request, body: Body) -> Any:
    world.use_behaviour(body)
    return world.behaviour.as_dict()


def read_faults(world: World, request: Request, body: Body) -> Any:
    return {"rules": [rule.as_dict() for rule in world.faults.rules]}


def add_faults(world: World, request: Request, body: Body) -> Any:
    """One rule, or {"rules": […]}: all are added or, when one is wrong, none."""
    rules = [parse_rule(raw) for raw in body.get("rules", [body])]
    return {"rules": [world.faults.add(rule).as_dict() for rule in rules]}


def clear_faults(world: World, request: Request, body: Body) -> Any:
    world.faults.clear()
    return {"rules": []}


def remove_fault(world: World, request: Request, body: Body) -> Any:
    if not world.faults.remove(request.path_params["id"]):
        raise NotFound("no such rule")
    return read_faults(world, request, body)


def read_people(world: World, request: Request, body: Body) -> Any:
    after, limit = int(request.query_params.get("after", 0)), int(request.query_params.get("limit", 1000))
    chosen = sorted(person_id for person_id in world.index.people if person_id > after)[:limit]
    return {"people": [to_record(world.index.people[person_id]) for person_id in chosen]}


def add_people(world: World, request: Request, body: Body) -> Any:
    first = max(world.index.people, default=0) + 1
    people = [person_from(record, default_id=first + n) for n, record in enumerate(body["people"])]
    return {"added": world.index.add(people), "ids": [person.id for person in people]}


def match(world: World, request: Request, body: Body) -> Any:
    """Whom each row stands for: {"schema": …, "data": …} as in an upload, of any length; nothing is changed."""
    rows = _hits(world, _account(world, body.get("account")), body)
    per_row = [list(people_of(hits)) for hits in rows]
    return {"rows": per_row, "people": sorted({person for row in per_row for person in row})}


def truth(world: World, request: Request, body: Body) -> Any:
    """Compare an audience with who should be in it: `wanted` uploads, or `people` ids; `now: true` ignores what is pending."""
    account, audience = _find(world, str(body["audience"]))
    wanted = set(body.get("people", ()))
    for table in body.get("wanted", ()):
        wanted.update(people_of(hit for hits in _hits(world, account, table) for hit in hits))
    members = world.members(audience, settled=not body.get("now", False))
    return {
        "members": len(members),
        "wanted": len(wanted),
        "wrongly_in": sorted(members - wanted),
        "missing": sorted(wanted - members),
    }


def _hits(world: World, account: Account, table: Body) -> list[list[Hit]]:
    data, found = table["data"], []
    for start in range(0, len(data), 10_000):
        upload = parse_upload({"schema": table["schema"], "data": data[start : start + 10_000]})
        found += list(world.matcher(account).rows(upload.schema, upload.rows, learn=False))
    return found


def read_audiences(world: World, request: Request, body: Body) -> Any:
    return {
        "audiences": [_summary(world, a) for account in world.accounts.values() for a in account.audiences.values()]
    }


def read_audience(world: World, request: Request, body: Body) -> Any:
    return _summary(world, _find(world, request.path_params["id"])[1])


def change_audience(world: World, request: Request, body: Body) -> Any:
    """`flagged` flags or clears; `fields` overrides what reads answer, e.g. an operation_status of 100."""
    _, audience = _find(world, request.path_params["id"])
    audience.flagged = bool(body.get("flagged", audience.flagged))
    audience.forced |= body.get("fields", {})
    return _summary(world, audience)


def read_members(world: World, request: Request, body: Body) -> Any:
    _, audience = _find(world, request.path_params["id"])
    return {
        "now": sorted(world.members(audience, settled=False)),
        "settled": sorted(world.members(audience, settled=True)),
    }


def add_members(world: World, request: Request, body: Body) -> Any:
    """People put in by somebody else (the web page, another tool), at once."""
    _, audience = _find(world, request.path_params["id"])
    for person in body["people"]:
        audience.members.tokens.setdefault(int(person), set()).add(("OTHER", ""))
    audience.members.settled_once = True
    return _summary(world, audience)


def read_history(world: World, request: Request, body: Body) -> Any:
    _, audience = _find(world, request.path_params["id"])
    with_people = request.query_params.get("people") == "1"
    return {"history": [entry.as_dict(with_people=with_people) for entry in audience.history]}


def open_account(world: World, request: Request, body: Body) -> Any:
    return {"ad_account": f"act_{world.open_account(str(body.get('name', 'Second shop'))).id}"}


def change_account(world: World, request: Request, body: Body) -> Any:
    """`terms_accepted`, `status`, `throttle_minutes` (0 lifts it), `used_calls` fills the hour."""
    account = _account(world, request.path_params["id"])
    now = world.clock.now()
    account.terms_accepted = bool(body.get("terms_accepted", account.terms_accepted))
    account.status = int(body.get("status", account.status))
    if "throttle_minutes" in body:
        account.usage.block(now, float(body["throttle_minutes"]))
    for _ in range(int(body.get("used_calls", 0))):
        account.usage.count(now)
    return {"ad_account": f"act_{account.id}", "terms_accepted": account.terms_accepted, "status": account.status}


def issue_token(world: World, request: Request, body: Body) -> Any:
    token = world.app.issue(
        world.rng,
        world.clock.now(),
        expires_in=float(body.get("expires_in", 0)),
        kind=str(body.get("type", "SYSTEM_USER")),
        scopes=body.get("scopes", SCOPES),
        accounts=body.get("accounts"),
    )
    return {"access_token": token.value}


def change_token(world: World, request: Request, body: Body) -> Any:
    """`token` (default: the first one): `revoke` with a subcode of 190, `restore`, `expires_in` seconds from now."""
    token = world.app.tokens.get(str(body.get("token", world.token.value)))
    if token is None:
        raise NotFound("no such token")
    if body.get("restore"):
        token.revoked, token.expires_at = None, 0.0
    if "revoke" in body:
        token.revoked = int(body["revoke"])
    if "expires_in" in body:
        token.expires_at = world.clock.now() + float(body["expires_in"])
    return {"dead": token.dead(world.clock.now())}


def read_requests(world: World, request: Request, body: Body) -> Any:
    """The last requests: method, path without query, status, fault. Never a parameter."""
    after = int(request.query_params.get("after", 0))
    return {"requests": [asdict(line) for line in world.log if line.number > after]}


def _find(world: World, audience_id: str) -> tuple[Account, Audience]:
    found = world.find_audience(audience_id)
    if found is None:
        raise NotFound("no such audience")
    return found


def _account(world: World, name: str | None) -> Account:
    if name is None:
        return world.account
    account = world.accounts.get(name.removeprefix("act_"))
    if account is None:
        raise NotFound("no such ad account")
    return account


def _summary(world: World, audience: Audience) -> dict[str, Any]:
    now = world.members(audience, settled=False)
    return {
        "id": audience.id,
        "ad_account": f"act_{audience.account_id}",
        "name": audience.name,
        "members": len(now),
        "members_when_settled": len(world.members(audience, settled=True)),
        "pending": len(audience.members.pending),
        "received": audience.received,
        "invalid": audience.invalid,
        "flagged": audience.flagged,
        "operation_status": audience.operation_code(world.behaviour),
        "requests_applied": len(audience.history),
    }
