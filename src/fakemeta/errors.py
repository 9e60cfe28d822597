"""The Graph API's errors: one literal table, and the envelope they arrive in.

Source: Meta's error reference (developers.facebook.com/docs/marketing-api/error-reference), the usersreplace reference,
and public issue threads with pasted answers. Codes decide; texts are as seen where seen, and plausible elsewhere.
"""

from dataclasses import dataclass, field
from typing import Any

_BUC = (
    "There have been too many calls to this ad-account. Wait a bit and try again. For more info, please refer to "
    "https://developers.facebook.com/docs/graph-api/overview/rate-limiting"
)
_TOO_MANY = "Ad Account Has Too Many API Calls"
_TOO_MANY_BODY = "There have been too many calls from this ad-account. Wait a bit and try again."
_TERMS = "Custom Audience Terms Not Accepted"
_TERMS_BODY = "Accept the terms: https://business.facebook.com/ads/manage/customaudiences/tos/"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One row of the table. `type` and `http` are what Meta sends with it; a client must decide by code alone."""

    code: int
    subcode: int | None
    message: str
    title: str | None = None
    user_message: str | None = None
    http: int = 400
    type: str = "OAuthException"
    transient: bool = False


_R = ErrorRow
TABLE: tuple[ErrorRow, ...] = (
    _R(1, None, "An unknown error occurred", http=500),
    _R(1, 99, "An unknown error occurred", http=500),
    _R(2, None, "An unexpected error has occurred. Please retry your request later.", http=500, transient=True),
    _R(3, None, "(#3) Application does not have the capability to make this API call."),
    _R(4, None, "(#4) Application request limit reached", transient=True),
    _R(4, 1504022, "(#4) Application request limit reached", http=403, transient=True),
    _R(5, None, "(#5) Unauthorized source IP address"),
    _R(10, None, "(#10) Application does not have permission for this action", http=403),
    _R(17, None, "(#17) User request limit reached"),
    _R(17, 2446079, "(#17) User request limit reached", _TOO_MANY, _TOO_MANY_BODY),
    _R(32, None, "(#32) Page request limit reached"),
    _R(100, None, "(#100) Invalid parameter"),
    _R(100, 33, "Unsupported request. The object does not exist or is not visible.", type="GraphMethodException"),
    _R(100, 1713098, "Invalid parameter", "Invalid rule", "The rule is not valid JSON."),
    _R(100, 1713228, "Invalid parameter", "Custom Audience Cannot Be Edited"),
    _R(
        100,
        1713230,
        "Invalid parameter",
        "Audience Upload Blocked",
        "This audience was flagged and takes no new people.",
    ),
    _R(100, 1713231, "Invalid parameter", "Update Restricted Fields and Rule"),
    _R(100, 1713232, "Invalid parameter", "Seed Audience Restricted"),
    _R(100, 1359207, "Invalid parameter", "Deleted audience in targeting"),
    _R(100, 1815089, "Invalid parameter", "Invalid audience in targeting"),
    _R(100, 36007, "This authorization code has expired."),
    _R(100, 36008, "Error validating verification code. Please make sure your redirect_uri is identical."),
    _R(100, 36009, "This authorization code has been used."),
    _R(101, None, "Error validating application. Cannot get application info due to a system error."),
    _R(102, None, "Session key invalid or no longer valid"),
    _R(104, None, "Incorrect signature"),
    _R(105, None, "The number of parameters exceeded the maximum for this operation"),
    _R(190, None, "Invalid OAuth access token - Cannot parse access token"),
    _R(190, 458, "Error validating access token: The user has not authorized application."),
    _R(190, 459, "Error validating access token: You cannot access the app till you log in to www.facebook.com."),
    _R(
        190,
        460,
        "Error validating access token: The session has been invalidated because the user changed their password or "
        "Facebook has changed the session for security reasons.",
    ),
    _R(190, 463, "Error validating access token: Session has expired."),
    _R(
        190,
        464,
        "Error validating access token: Sessions for the user are not allowed because the user is not confirmed.",
    ),
    _R(190, 467, "Error validating access token: This may be because the user logged out."),
    _R(190, 492, "Error validating access token: Session does not match current stored session."),
    _R(191, None, "(#191) The redirect address does not belong to the app."),
    _R(194, None, "(#194) Requires all of the params"),
    _R(200, None, "(#200) Requires ads_management permission", http=403),
    _R(200, 1870034, "Permissions error", _TERMS, _TERMS_BODY),
    _R(200, 1870090, "Permissions error", _TERMS, _TERMS_BODY),
    _R(200, 1870092, "Permissions error", "Business Tools Terms Not Accepted"),
    _R(
        200,
        1870047,
        "Permissions error",
        "Audience Size too Low",
        "You cannot remove users from this audience because it will result in a low audience size.",
    ),
    _R(200, 1870050, "Permissions error", "Ad account not linked to a business"),
    _R(270, None, "(#270) This Ads API request is not allowed for apps with development access level"),
    _R(273, None, "(#273) This Ads API call requires the user to be admin of the ad account"),
    _R(294, None, "(#294) Managing advertisements requires the extended permission ads_management", http=403),
    _R(341, None, "(#341) Feed action request limit reached", transient=True),
    _R(368, None, "The action attempted has been deemed abusive or is otherwise disallowed"),
    _R(613, None, "(#613) Calls to this api have exceeded the rate limit."),
    _R(613, 1487742, "(#613) Calls to this api have exceeded the rate limit.", _TOO_MANY, _TOO_MANY_BODY),
    _R(613, 1996, "(#613) Calls to this api have exceeded the rate limit.", "Inconsistent number of API requests"),
    _R(803, None, "(#803) Some of the aliases you requested do not exist"),
    _R(1487301, None, "(#1487301) Custom audience has not been shared with the account"),
    _R(1487366, None, "(#1487366) Custom audience has been deleted"),
    _R(100, 1487301, "Invalid parameter", "Custom audience has not been shared with the account"),
    _R(100, 1487366, "Invalid parameter", "Custom audience has been deleted"),
    _R(100, 1870065, "Invalid parameter", "Custom audience is disabled"),
    _R(2500, None, "An active access token must be used to query information about the current user."),
    _R(
        2635,
        None,
        "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: v26.0.",
    ),
    _R(2650, None, "(#2650) Failed to update the custom audience"),
    _R(2650, 1870144, "(#2650) Failed to update the custom audience", "DFCA Size Not Supported For Replace"),
    _R(2650, 1870145, "(#2650) Failed to update the custom audience", "Audience Update In Progress"),
    _R(2650, 1870147, "(#2650) Failed to update the custom audience", "Invalid Upload Batch for Replace"),
    _R(2650, 1870148, "(#2650) Failed to update the custom audience", "Something Went Wrong"),
    _R(2650, 1870158, "(#2650) Failed to update the custom audience", "Session Timed Out"),
    _R(2650, 1870159, "(#2650) Failed to update the custom audience", "Session Already Finished"),
    _R(2654, None, "(#2654) Failed to create custom audience"),
    _R(2654, 1713092, "(#2654) Failed to create custom audience", "No Write Permission for the Ad Account"),
    _R(2655, None, "(#2655) Terms of service has not been accepted"),
    _R(2656, None, "(#2656) Failed to delete custom audience because associated lookalikes exist"),
    _R(2663, None, "(#2663) Terms of service has not been accepted for website audiences"),
    _R(2664, None, "(#2664) Corporate terms of service has not been accepted"),
    _R(5000, None, "Unknown error", http=500),
    _R(80000, 2446079, f"(#80000) {_BUC}#ads-insights.", _TOO_MANY, _TOO_MANY_BODY),
    _R(80002, 2446079, f"(#80002) {_BUC}#instagram.", _TOO_MANY, _TOO_MANY_BODY),
    _R(80003, 2446079, f"(#80003) {_BUC}#custom-audience.", _TOO_MANY, _TOO_MANY_BODY, transient=True),
    _R(80004, 2446079, f"(#80004) {_BUC}#ads-management.", _TOO_MANY, _TOO_MANY_BODY),
    _R(80005, None, f"(#80005) {_BUC}#leadgen."),
    _R(80006, None, f"(#80006) {_BUC}#messenger."),
    _R(80008, None, f"(#80008) {_BUC}#whatsapp-business-management."),
    _R(80009, None, f"(#80009) {_BUC}#catalog-management."),
    _R(80014, None, f"(#80014) {_BUC}#catalog-batch."),
)
_BY_KEY = {(row.code, row.subcode): row for row in TABLE}


def find(code: int, subcode: int | None = None) -> ErrorRow:
    """The row for (code, subcode); a pair that the table lacks still answers, as an unknown error would at Meta."""
    known = _BY_KEY.get((code, subcode))
    return known or ErrorRow(code, subcode, f"(#{code}) Unlisted error")


@dataclass(slots=True)
class GraphError(Exception):
    """An error answer on its way to the client."""

    row: ErrorRow
    message: str | None = None
    http: int | None = None
    transient: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return self.http or self.row.http

    @property
    def text(self) -> str:
        return self.message or self.row.message

    def envelope(self, trace: str) -> dict[str, Any]:
        row = self.row
        error: dict[str, Any] = {"message": self.text, "type": row.type, "code": row.code}
        if row.subcode is not None:
            error["error_subcode"] = row.subcode
        if row.code != 190:  # recorded 190 answers carry no is_transient
            error["is_transient"] = row.transient if self.transient is None else self.transient
        if row.title is not None:
            error["error_user_title"] = row.title
            error["error_user_msg"] = row.user_message or row.title
        return {"error": error | self.extra | {"fbtrace_id": trace}}


def graph_error(code: int, subcode: int | None = None, message: str | None = None) -> GraphError:
    return GraphError(find(code, subcode), message)


def bad_parameter(text: str) -> GraphError:
    return graph_error(100, None, f"(#100) {text}")


def unknown_object(method: str, object_id: str) -> GraphError:
    """100/33: what Meta says of an audience that was deleted, never existed, or that the token cannot see."""
    return graph_error(
        100,
        33,
        f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation",
    )
