"""Custom audiences as Graph nodes: their fields, status life cycles, counts, and the account's list of them.

Source: developers.facebook.com/docs/marketing-api/reference/custom-audience and .../ad-account/customaudiences.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakemeta.behaviour import Behaviour
from fakemeta.errors import bad_parameter
from fakemeta.membership import HistoryEntry, Membership

SUBTYPES = [
    "CUSTOM",
    "LOOKALIKE",
    "WEBSITE",
    "APP",
    "ENGAGEMENT",
    "OFFLINE_CONVERSION",
    "VIDEO",
    "CLAIM",
    "PARTNER",
    "MANAGED",
    "PRIMARY",
    "BAG_OF_ACCOUNTS",
    "STUDY_RULE_AUDIENCE",
    "FOX",
    "MEASUREMENT",
    "REGULATED_CATEGORIES_AUDIENCE",
    "BIDDING",
    "EXCLUSION",
    "MESSENGER_SUBSCRIBER_LIST",
]
FILE_SOURCES = ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED")
FLAGGED_WORDS = ("diabetes", "arthritis", "cancer", "high income", "low credit score", "bankrupt")
DELIVERABLE = 100  # matched people an ad set needs
EDITABLE = [
    "name",
    "description",
    "opt_out_link",
    "customer_file_source",
    "audience_labels",
    "use_in_campaigns",
    "allowed_domains",
    "content_type",
    "retention_days",
    "claim_objective",
    "countries",
    "usage_restriction",
    "use_for_products",
    "rev_share_policy_id",
]
_STORED = [
    "description",
    "opt_out_link",
    "audience_labels",
    "use_in_campaigns",
    "allowed_domains",
    "retention_days",
    "usage_restriction",
    "rule",
    "rule_aggregation",
    "pixel_id",
    "lookalike_spec",
    "origin_audience_id",
    "countries",
    "content_type",
    "claim_objective",
    "use_for_products",
    "is_snapshot",
]
_FIELDS = (
    *[
        "id",
        "account_id",
        "name",
        "subtype",
        "customer_file_source",
        "is_value_based",
        "time_created",
        "time_updated",
        "time_content_updated",
    ],
    *["operation_status", "delivery_status", "data_source", "permission_for_actions", "sharing_status", "delete_time"],
    *[
        "approximate_count_lower_bound",
        "approximate_count_upper_bound",
        "is_eligible_for_sac_campaigns",
        "is_household",
    ],
    *[
        "lookalike_audience_ids",
        "seed_audience",
        "external_event_source",
        "household_audience",
        "owner_business",
        "data_source_types",
    ],
    *[
        "page_deletion_marked_delete_time",
        "fields_violating_integrity_policy",
        "datafile_custom_audience_uploading_status",
    ],
    *["included_custom_audiences", "excluded_custom_audiences"],
)
FIELDS = frozenset((*_FIELDS, *_STORED))
_STATUS_TEXT = {
    0: "Status not available",
    200: "Normal",
    410: "No people have been uploaded to this audience yet.",
    411: "Few of the uploaded people could be matched.",
    412: "Many of the uploaded rows were invalid.",
    441: "We're finding people who fit your audience. You can use it now; its size will grow.",
    471: "This audience was flagged because it may break the rules on health or financial information.",
}


@dataclass(kw_only=True, slots=True)
class Audience:
    id: str
    account_id: str
    name: str
    subtype: str
    created: float
    updated: float
    settings: dict[str, Any] = field(default_factory=dict)
    customer_file_source: str | None = None
    value_based: bool = False
    content_updated: float | None = None
    kind: str | None = None  # data source sub type, fixed by the first upload
    received: int = 0
    invalid: int = 0
    matched: int = 0
    flagged: bool = False
    forced: dict[str, Any] = field(default_factory=dict)
    shared_with: dict[str, str] = field(default_factory=dict)  # ad account id -> permission
    members: Membership = field(default_factory=Membership)
    history: list[HistoryEntry] = field(default_factory=list)

    def settle(self, now: float, behaviour: Behaviour) -> None:
        last_due = max((change.due for change in self.members.pending if change.due <= now), default=None)
        if self.members.settle(now, by_people=behaviour.membership == "people"):
            self.content_updated = last_due

    def operation_code(self, behaviour: Behaviour) -> int:
        if self.flagged:
            return 471
        if not self.received:
            return int(behaviour.new_audience_status)
        if self.members.pending:
            return 441
        if self.invalid * 2 > self.received:
            return 412
        if self.matched * 10 < self.received:
            return 411
        return 200

    def delivery(self) -> dict[str, Any]:
        if self.flagged:
            return {"code": 400, "description": "This audience is disabled."}
        if len(self.members.tokens) < DELIVERABLE:
            return {"code": 300, "description": "This audience is too small or not ready for use yet."}
        return {"code": 200, "description": "This audience is ready for use."}

    def bounds(self, now: float, behaviour: Behaviour) -> tuple[int, int]:
        if not self.members.settled_once:
            return -1, -1
        return bucketed(len(self.members.tokens), f"{self.id}:{int(now // 86_400)}", behaviour.small_bounds)


def bucketed(count: int, salt: str, small: str) -> tuple[int, int]:
    """The privacy range for a true count: stable within a day, wider as the audience grows."""
    if count < 1000:
        return {"1000": (1000, 1000), "minus_one": (-1, -1), "zero_to_1000": (0, 1000)}[small]
    step = 100 if count < 10_000 else 10 ** (len(str(count)) - 2)
    jitter = int(hashlib.sha256(salt.encode()).hexdigest()[:4], 16) % 3 - 1
    spread = 0.02 if count < 100_000 else 0.08
    low = (count - round(count * spread)) // step * step - step * (jitter < 0)
    high = -(-(count + round(count * spread)) // step) * step + step * (jitter > 0)
    return max(1000, low), high


def is_flagged_name(*texts: str) -> bool:
    lowered = " ".join(texts).lower()
    return any(word in lowered for word in FLAGGED_WORDS)


def status(code: int) -> dict[str, Any]:
    return {"code": code, "description": _STATUS_TEXT.get(code, "")}


def render(
    audience: Audience, names: list[str], now: float, behaviour: Behaviour, *, seen_by: str | None = None
) -> dict[str, Any]:
    """The named fields of a node; those without a value are left out, as Meta does. `id` is always there.

    `seen_by` is the ad account through which it is read: one that it is only shared with may not change it.
    """
    for name in names:
        if name not in FIELDS:
            raise bad_parameter(f"Tried accessing nonexisting field ({name}) on node type (CustomAudience)")
    audience.settle(now, behaviour)
    values = {name: _value(audience, name, now, behaviour) for name in [*names, "id"]}
    if seen_by not in (None, audience.account_id):
        values |= {name: shared for name, shared in _SHARED.items() if name in names}
    return {name: value for name, value in values.items() if value is not None}


def _value(audience: Audience, name: str, now: float, behaviour: Behaviour) -> Any:
    if name in audience.forced:
        return audience.forced[name]
    if name.startswith("approximate_count"):
        return audience.bounds(now, behaviour)[0 if "lower" in name else 1]
    maker = _MAKERS.get(name)
    return maker(audience, behaviour) if maker else audience.settings.get(name)


_SHARED = {
    "permission_for_actions": {
        "can_edit": False,
        "can_see_insight": "true",
        "can_share": "false",
        "subtype_supports_lookalike": "false",
        "supports_recipient_lookalike": "false",
    },
    "sharing_status": {"sharing_relationship_id": "0", "status": "SHARED"},
}


def _whole(at: float | None) -> int | None:
    return None if at is None else int(at)


_MAKERS: Mapping[str, Callable[[Audience, Behaviour], Any]] = {
    "id": lambda a, _: a.id,
    "account_id": lambda a, _: a.account_id,
    "name": lambda a, _: a.name,
    "subtype": lambda a, _: a.subtype,
    "customer_file_source": lambda a, _: a.customer_file_source,
    "is_value_based": lambda a, _: a.value_based,
    "retention_days": lambda a, _: int(a.settings.get("retention_days") or 0),
    "time_created": lambda a, _: _whole(a.created),
    "time_updated": lambda a, _: _whole(a.updated),
    "time_content_updated": lambda a, _: _whole(a.content_updated),
    "operation_status": lambda a, b: status(a.operation_code(b)),
    "delivery_status": lambda a, _: a.delivery(),
    "data_source": lambda a, _: {"type": "FILE_IMPORTED", "sub_type": a.kind or "ANYTHING", "creation_params": "[]"},
    "is_eligible_for_sac_campaigns": lambda *_: False,
    "is_household": lambda *_: False,
    "lookalike_audience_ids": lambda *_: [],
    "permission_for_actions": lambda a, _: {
        "can_edit": not a.flagged,
        "can_see_insight": "true",
        "can_share": "true",
        "subtype_supports_lookalike": "true",
        "supports_recipient_lookalike": "false",
    },
    "fields_violating_integrity_policy": lambda a, _: ["name"] if a.flagged else None,
}


def matches(audience: Audience, conditions: list[Any], now: float, behaviour: Behaviour) -> bool:
    """The `filtering` parameter: every condition must hold."""
    return all(_holds(audience, condition, now, behaviour) for condition in conditions)


def _holds(audience: Audience, condition: Any, now: float, behaviour: Behaviour) -> bool:
    if not isinstance(condition, Mapping) or not {"field", "operator"} <= set(condition):
        raise bad_parameter("param filtering must be a list of objects with field, operator and value.")
    name, _, part = str(condition["field"]).partition(".")
    actual = render(audience, [name], now, behaviour).get(name)
    if part and isinstance(actual, Mapping):
        actual = actual.get(part)
    operator = _OPERATORS.get(str(condition["operator"]))
    if operator is None:
        raise bad_parameter(f"Filtering operator {condition['operator']} is not supported.")
    try:
        return operator(actual, condition.get("value"))
    except (TypeError, ValueError):
        return False


def _number(value: Any) -> float:
    return float(value if value is not None else 0)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL": lambda actual, wanted: str(actual) == str(wanted),
    "NOT_EQUAL": lambda actual, wanted: str(actual) != str(wanted),
    "GREATER_THAN": lambda actual, wanted: _number(actual) > float(wanted),
    "LESS_THAN": lambda actual, wanted: _number(actual) < float(wanted),
    "IN": lambda actual, wanted: str(actual) in {str(item) for item in wanted},
    "NOT_IN": lambda actual, wanted: str(actual) not in {str(item) for item in wanted},
    "CONTAIN": lambda actual, wanted: str(wanted).lower() in str(actual or "").lower(),
    "NOT_CONTAIN": lambda actual, wanted: str(wanted).lower() not in str(actual or "").lower(),
}
STORED = tuple(_STORED)
