"""Everything that the simulator can do wrong."""

from .storm import Strike, clear_flag, error, restore_token

LOST = {
    "dropped before": Strike(do="drop_before"),
    "dropped after": Strike(do="drop_after"),
    "truncated": Strike(do="truncate", swept=True),
    "truncated to nothing": Strike(do="truncate", fields={"fraction": 0.0}),
    "half a body": Strike(do="truncate", fields={"clean": True}, swept=True),
    "HTML": Strike(do="html", swept=True),
    "HTML, applied": Strike(do="html", fields={"applied": True, "http": 200}),
    "late": Strike(do="late", fields={"seconds": 0.05}),
    "applied late": Strike(do="apply_late", fields={"seconds": 3600}, swept=True),
    "applied late, no answer": Strike(do="apply_late", fields={"seconds": 7200, "answered": False}),
    "out of order": Strike(do="reorder", swept=True),
    "out of order, no answer": Strike(do="reorder", fields={"answered": False}),
    "glitch": error(1, swept=True),
    "glitch, applied": error(1, applied=True),
    "outage": error(2, swept=True),
}
REFUSED = {
    "error under 200, applied": error(2, http=200, applied=True),
    "unknown error": error(4711, swept=True),
    "unknown error, applied": error(4711, 4712, applied=True),
    "too much": error(1, 99, swept=True),
    "too many rows": error(105, swept=True),
    "not visible yet": error(803, swept=True),
    "upload failed": error(2650, 1870148, applied=True),
    "upload closed": error(2650, 1870159),
    "limit": error(613),
    "password changed, once": error(190, 460),
    "terms, once": error(200, 1870090),
    "token expires": Strike(do="expire", remedy=restore_token),
    "token revoked": Strike(do="revoke", remedy=restore_token),
    "throttled": Strike(do="throttle", swept=True),
    "throttled for long": Strike(do="throttle", fields={"minutes": 55}),
    "flagged": Strike(do="flag", remedy=clear_flag),
    "removals refused": Strike(do="refuse_removals", swept=True),
    # What Meta did not name counts as taken, until all rows are sent again.
    "invalid, unnamed": Strike(do="count_invalid", fields={"named": False}, words=("--full",), swept=True),
    "invalid, unnamed, applied": Strike(do="count_invalid", fields={"named": False, "applied": True, "count": 2}),
}
