"""What analytics.js asks for when it starts in a page: where to send its calls.

Shape of the answer: the settings that Segment's CDN gives, <https://github.com/segmentio/analytics-next>.
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guestlist.service.answers import Refusal, json_answer, refused
from guestlist.service.tracking import Door, enter


def settings_route(doors: Sequence[Door]) -> Route:
    """`GET /v1/projects/{write_key}/settings`."""

    async def settings(request: Request) -> Response:
        write_key = request.path_params["write_key"]
        try:
            enter(doors, write_key)
        except Refusal as refusal:
            return refused(refusal)
        here = {"apiKey": write_key, "apiHost": f"{request.url.netloc}/v1", "protocol": request.url.scheme}
        plan = {"track": {"__default": {"enabled": True, "integrations": {}}}}
        return json_answer({"integrations": {"Segment.io": here}, "plan": plan, "edgeFunction": {}})

    return Route("/v1/projects/{write_key}/settings", settings, methods=["GET"])
