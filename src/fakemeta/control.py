"""The control API under /_control/: the clock, the people, the faults, the switches, the remedies, and the truth.

It exists for tests and demos and asks for no token, so the server listens on loopback only. docs/fakemeta.md lists it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fakemeta.audiences import Audience
from fakemeta.errors import GraphError
from fakemeta.faults import parse_rule
from fakemeta.matching import Hit
from fakemeta.membership import people_of
from fakemeta.people import person_from, to_record
from fakemeta.users import parse_upload
from fakemeta.world import Account, World

Body = dict[str, Any]


class NotFoundError(LookupError):
    """The thing that the path names does not exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One control request, parsed. `id` is the path's, where it has one."""

    world: World
    id: str
    query: QueryParams
    body: Body


Action = Callable[[Asked], Any]


Row = tuple[str, str, Action]


def routes(world: World, table: Sequence[Row]) -> list[Route]:
    return [Route(f"/_control/{path}", _endpoint(world, action), methods=[method]) for method, path, action in table]


def _endpoint(world: World, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            asked = Asked(
                world=world,
                id=str(request.path_params.get("id", "")),
                query=request.query_params,
                body=orjson.loads(raw) if raw else {},
            )
            answer = action(asked)
        except NotFoundError as error:
            return _json({"error": str(error)}, 404)
        except GraphError as error:
            return _json({"error": error.text}, 400)
        except (KeyError, TypeError, ValueError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)
        return _json(answer, 200)

    return endpoint


def _json(content: Any, status: int) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")


def overview(asked: Asked) -> Any:
    return {
        "access_token": asked.world.token.value,
        "app_id": asked.world.app.id,
        "app_secret": asked.world.app.secret,
        "ad_accounts": [f"act_{account_id}" for account_id in asked.world.accounts],
        "people": len(asked.world.index.people),
        "people_with_account": sum(person.account for person in asked.world.index.people.values()),
        "requests": asked.world.requests,
    }


def reset(asked: Asked) -> Any:
    """Everything as it was when the server started, the clock's speed included."""
    asked.world.reset()
    return overview(asked)


def keep_moment(asked: Asked) -> Any:
    return {"moment": asked.world.keep_moment()}


def go_back(asked: Asked) -> Any:
    try:
        asked.world.go_back(int(asked.id))
    except KeyError as error:
        raise NotFoundError(f"no moment {asked.id} was kept") from error
    return overview(asked)


def read_clock(asked: Asked) -> Any:
    now = asked.world.clock.now()
    return {"now": now, "iso": datetime.fromtimestamp(now, UTC).isoformat(), "speed": asked.world.clock.speed}


def set_clock(asked: Asked) -> Any:
    if "speed" in asked.body:
        asked.world.clock.set_speed(float(asked.body["speed"]))
    if "advance" in asked.body:
        asked.world.clock.advance(float(asked.body["advance"]))
    return read_clock(asked)


def read_behaviour(asked: Asked) -> Any:
    return asked.world.behaviour.as_dict()


def set_behaviour(asked: Asked) -> Any:
    asked.world.use_behaviour(asked.body)
    return asked.world.behaviour.as_dict()


def read_faults(asked: Asked) -> Any:
    return {"rules": [rule.as_dict() for rule in asked.world.faults.rules]}


def add_faults(asked: Asked) -> Any:
    """One rule, or {"rules": […]}: all are added or, when one is wrong, none."""
    rules = [parse_rule(raw) for raw in asked.body.get("rules", [asked.body])]
    return {"rules": [asked.world.faults.add(rule).as_dict() for rule in rules]}


def clear_faults(asked: Asked) -> Any:
    asked.world.faults.clear()
    return {"rules": []}


def remove_fault(asked: Asked) -> Any:
    if not asked.world.faults.remove(int(asked.id)):
        raise NotFoundError("no such rule")
    return read_faults(asked)


def read_people(asked: Asked) -> Any:
    after, limit = int(asked.query.get("after", 0)), int(asked.query.get("limit", 1000))
    chosen = sorted(person_id for person_id in asked.world.index.people if person_id > after)[:limit]
    return {"people": [to_record(asked.world.index.people[person_id]) for person_id in chosen]}


def add_people(asked: Asked) -> Any:
    first = max(asked.world.index.people, default=0) + 1
    people = [person_from(record, default_id=first + n) for n, record in enumerate(asked.body["people"])]
    return {"added": asked.world.index.add(people), "ids": [person.id for person in people]}


def match(asked: Asked) -> Any:
    """Whom each row stands for: {"schema": …, "data": …} as in an upload, of any length; nothing is changed."""
    rows = _hits(asked.world, account_named(asked.world, asked.body.get("account")), asked.body)
    per_row = [list(people_of(hits)) for hits in rows]
    return {"rows": per_row, "people": sorted({person for row in per_row for person in row})}


def truth(asked: Asked) -> Any:
    """Compare an audience with who should be in it: `wanted` uploads, or `people` ids.

    With `now: true` what is still pending does not count.
    """
    account, audience = _find(asked.world, str(asked.body["audience"]))
    wanted = set(asked.body.get("people", ()))
    for table in asked.body.get("wanted", ()):
        wanted.update(people_of(hit for hits in _hits(asked.world, account, table) for hit in hits))
    members = asked.world.members(audience, settled=not asked.body.get("now", False))
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


def read_audiences(asked: Asked) -> Any:
    return {
        "audiences": [
            _summary(asked.world, a) for account in asked.world.accounts.values() for a in account.audiences.values()
        ]
    }


def read_audience(asked: Asked) -> Any:
    return _summary(asked.world, _find(asked.world, asked.id)[1])


def change_audience(asked: Asked) -> Any:
    """`flagged` flags or clears; `fields` overrides what reads answer, e.g. an operation_status of 100."""
    _, audience = _find(asked.world, asked.id)
    audience.flagged = bool(asked.body.get("flagged", audience.flagged))
    audience.forced |= asked.body.get("fields", {})
    return _summary(asked.world, audience)


def read_members(asked: Asked) -> Any:
    _, audience = _find(asked.world, asked.id)
    return {
        "now": sorted(asked.world.members(audience, settled=False)),
        "settled": sorted(asked.world.members(audience, settled=True)),
    }


def add_members(asked: Asked) -> Any:
    """People put in by somebody else (the web page, another tool), at once."""
    _, audience = _find(asked.world, asked.id)
    for person in asked.body["people"]:
        audience.members.tokens[int(person)] = frozenset({("OTHER", "")})
    audience.members.settled_once = True
    return _summary(asked.world, audience)


def read_history(asked: Asked) -> Any:
    _, audience = _find(asked.world, asked.id)
    with_people = asked.query.get("people") == "1"
    return {"history": [entry.as_dict(with_people=with_people) for entry in audience.history]}


def read_requests(asked: Asked) -> Any:
    """The last requests: method, path without query, status, fault. Never a parameter."""
    after = int(asked.query.get("after", 0))
    return {"requests": [asdict(line) for line in asked.world.log if line.number > after]}


def _find(world: World, audience_id: str) -> tuple[Account, Audience]:
    found = world.find_audience(audience_id)
    if found is None:
        raise NotFoundError("no such audience")
    return found


def account_named(world: World, name: str | None) -> Account:
    if name is None:
        return world.account
    account = world.accounts.get(name.removeprefix("act_"))
    if account is None:
        raise NotFoundError("no such ad account")
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


TABLE: tuple[Row, ...] = (
    ("GET", "", overview),
    ("POST", "reset", reset),
    ("POST", "moments", keep_moment),
    ("POST", "moments/{id:int}", go_back),
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
    ("GET", "requests", read_requests),
)
