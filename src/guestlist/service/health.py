"""`/healthz` and `/readyz`: does the process live, and does it hold its spaces? Ids and codes only."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from guestlist.service.keeper import Keeper, Stand


def routes(keepers: Sequence[Keeper]) -> list[Route]:
    """Ready is who keeps every space; a standby is alive, and not ready."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> JSONResponse:
        ready = all(keeper.stand is Stand.KEEPING for keeper in keepers)
        return JSONResponse({"ready": ready, "spaces": [facts(one) for one in keepers]}, 200 if ready else 503)

    return [_get("/healthz", healthz), _get("/readyz", readyz)]


def _get(path: str, answer: Callable[[Request], Any]) -> Route:
    return Route(path, answer, methods=["GET"])


def facts(keeper: Keeper) -> dict[str, Any]:
    """One space: who keeps it, and what is in the way."""
    waits_for, trouble = keeper.waits_for, keeper.error or keeper.trouble
    return {
        "space": keeper.space.folder.name,
        "state": keeper.stand.value,
        "waits_for": {"owner": waits_for.name, "pid": waits_for.pid} if waits_for else None,
        "code": trouble.code if trouble else None,
        "alerts_failing": keeper.alerts_failing,
    }
