"""Switches for what nobody outside Meta knows: each can run every way, and a client must be right under all of them.

The table in docs/fakemeta.md says for each whether its default is documented, observed or assumed.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """One field per switch; `Literal` fields list the only values taken."""

    # matching
    strong: Literal["any", "first"] = "any"
    weak: Literal["off", "fallback", "union"] = "fallback"
    weak_rule: Literal["strict", "loose"] = "strict"
    shared_key: Literal["all", "one"] = "all"
    accents: Literal["kept", "stripped", "both"] = "kept"
    uppercase_hex: Literal["unmatched", "matched"] = "unmatched"
    hash_check: Literal["lenient", "strict"] = "lenient"
    extern_id_days: int = 90
    # membership
    membership: Literal["people", "keys"] = "people"
    order: Literal["kept", "by_delay"] = "kept"
    add_delay: int = 900
    remove_delay: int = 1800
    removal_floor: int = 0
    invalid_rows: Literal["rest_applied", "batch_refused"] = "rest_applied"
    remove_schema: Literal["any", "same_kind"] = "any"
    flagged_removals: Literal["refused", "accepted"] = "refused"
    # answers
    num_received: Literal["session", "request"] = "session"
    num_invalid: Literal["request", "session"] = "request"
    empty_map: Literal["object", "array"] = "object"
    small_bounds: Literal["1000", "minus_one", "zero_to_1000"] = "1000"
    new_audience_status: Literal["410", "0"] = "410"
    new_audience_803_seconds: int = 0
    session_stage: Literal["uploading", "completes"] = "uploading"
    closed_session: Literal["rejected", "discarded"] = "rejected"
    delete_body: Literal["read", "ignored"] = "read"
    # limits
    max_lists: int = 500
    access_tier: Literal["development_access", "standard_access"] = "standard_access"
    users_post_counts: bool = False
    usage_header_on_errors: bool = True
    throttle_http: Literal["400", "429"] = "400"
    throttle_transient: bool = True
    require_proof: bool = False
    # login
    pkce: Literal["honoured", "ignored"] = "honoured"
    terms_subcode: Literal["1870090", "1870034"] = "1870090"

    def changed(self, changes: dict[str, Any]) -> "Behaviour":
        """A copy with `changes`, each checked against its field; the ValueError names what would be right."""
        hints = get_type_hints(Behaviour)
        for name, value in changes.items():
            if name not in hints:
                raise ValueError(f"no switch {name!r}; the switches are {', '.join(sorted(hints))}")
            _check(name, hints[name], value)
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _check(name: str, hint: Any, value: Any) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{name} must be one of {', '.join(get_args(hint))}")
    elif type(value) is not hint:
        raise ValueError(f"{name} must be of type {hint.__name__}")


SWITCHES: tuple[str, ...] = tuple(field.name for field in fields(Behaviour))
