# ruff: noqa: E501 - one row of the table is one line
"""What to do about each error Meta can answer with: one literal table, decided by (code, subcode) alone.

Texts and HTTP statuses are never looked at: Meta translates and rewords the first and varies the second.
Source: Meta's error reference, the custom audience guides, and recorded answers.
"""

import re
from dataclasses import dataclass
from enum import Enum

from guestlist.counts import counted
from guestlist.errors import GuestlistError


class Verdict(Enum):
    """The reactions there are."""

    RETRY = "retry"  # Meta stumbled: the same thing again, a little later
    WAIT = "wait"  # too much, too fast: nothing until the wait is over
    SPLIT = "split"  # the same rows in smaller requests
    REFUSED_FOR_NOW = "refused for now"  # stays due, with growing waits; everything else goes on
    FIX_DATA = "fix data"  # the request itself is not acceptable; sending it again changes nothing
    FIX_CONFIG = "fix config"  # a setting, here or at Meta, must change first
    RECONNECT = "reconnect"  # the token, or what it may do, must be renewed
    ACCEPT_TERMS = "accept terms"  # a person accepts Meta's terms
    ASK_HUMAN = "ask human"  # a person must look at it at Meta
    UNKNOWN = "unknown"  # not in the table: three tries, then stop

    @property
    def stops(self) -> bool:
        """Whether sending goes on only after a person did something."""
        return self in _STOPS


_STOPS = frozenset({
    Verdict.FIX_DATA, Verdict.FIX_CONFIG, Verdict.RECONNECT, Verdict.ACCEPT_TERMS, Verdict.ASK_HUMAN,
})  # fmt: skip

TRIES_WHEN_UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    `next_step`: NAME in it stands for the destination, as one types it. `maybe_done`: the answer does not prove that nothing was done, so the rows of the request are in doubt.
    `wait`: seconds to leave Meta alone at least, where headers say nothing longer.
    """

    code: int
    subcode: int | None
    verdict: Verdict
    name: str
    happened: str
    next_step: str
    maybe_done: bool = False
    wait: int = 0


_RECONNECT = "Make a new token and run: guestlist destinations reconnect NAME"
_ITSELF = "Nothing to do: Guestlist tries again by itself."
_WAITS = "Nothing to do: Guestlist waits as long as Meta asks and goes on by itself."
_RENEWS = "Nothing to do: Guestlist starts a new upload by itself."
_REPORT = "Run: guestlist doctor. If it finds nothing, report this code with the trace id."
_LIST_TERMS = "Someone with a role in the business opens https://business.facebook.com/ads/manage/customaudiences/tos/?act=ACCOUNT, accepts, and runs: guestlist sync"
_ASK_ROLE = "Ask an admin of the ad account for a role that manages ads, then run: guestlist doctor"
_TIER = "Ask Meta for more access for the app (App Review), or use an ad account the app's owner administers."
_FLAGGED = "Change its name and description, or appeal in Audience Manager. Until then stop ads that use it: Meta may refuse removals too."
_OAUTH = "Start the login again."

_R = Rule
_V = Verdict
TABLE: tuple[Rule, ...] = (
    # Meta stumbled
    _R(1, None, _V.RETRY, "meta_glitch", "Meta answered with an unspecified error.", _ITSELF, maybe_done=True),
    _R(1, 99, _V.SPLIT, "meta_too_much", "Meta could not take that much at once.", _ITSELF, maybe_done=True),
    _R(2, None, _V.RETRY, "meta_outage", "Meta's service is unavailable at the moment.", _ITSELF, maybe_done=True),
    _R(5000, None, _V.RETRY, "meta_glitch", "Meta answered with an unspecified error.", _ITSELF, maybe_done=True),
    _R(105, None, _V.SPLIT, "meta_too_many_rows", "Meta found too many rows in one request.", _ITSELF),
    _R(803, None, _V.RETRY, "meta_not_visible_yet", "Meta does not know the audience, which happens just after it was made.", _ITSELF),
    # too much, too fast
    _R(4, None, _V.WAIT, "meta_app_limit", "The app has used up its calls to Meta for now.", _WAITS, wait=300),
    _R(17, None, _V.WAIT, "meta_account_limit", "The ad account has used up its calls to Meta for now.", _WAITS, wait=300),
    _R(32, None, _V.WAIT, "meta_page_limit", "A page has used up its calls to Meta for now.", _WAITS, wait=300),
    _R(341, None, _V.WAIT, "meta_app_limit", "The app has used up its calls to Meta for now.", _WAITS, wait=300),
    _R(613, None, _V.WAIT, "meta_call_limit", "Meta found too many calls in a short time.", _WAITS, wait=120),
    _R(80000, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80002, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80003, None, _V.WAIT, "meta_audience_limit", "The ad account has used up its audience calls to Meta for now.", _WAITS, wait=60),
    _R(80004, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80005, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80006, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80008, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80009, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    _R(80014, None, _V.WAIT, "meta_business_limit", "The business has used up its calls to Meta for now.", _WAITS, wait=60),
    # this request, not now
    _R(200, 1870047, _V.REFUSED_FOR_NOW, "meta_would_be_too_small", "Meta refuses removals that would leave the audience too small.", "Guestlist tries again with growing waits. To be sure at once, stop ads that use the audience or delete it.", wait=900),
    _R(2650, 1870145, _V.WAIT, "meta_update_in_progress", "Meta is still working on an earlier replacement of this audience.", _WAITS, wait=300),
    _R(2650, 1870147, _V.RETRY, "meta_first_batch_missing", "Meta has not seen the first part of this upload yet.", _RENEWS),
    _R(2650, 1870148, _V.RETRY, "meta_upload_failed", "The upload went wrong at Meta.", _RENEWS, maybe_done=True),
    _R(2650, 1870158, _V.RETRY, "meta_upload_timed_out", "Meta closed the upload because it was open for too long.", _RENEWS),
    _R(2650, 1870159, _V.RETRY, "meta_upload_closed", "Meta had already closed the upload.", _RENEWS),
    # the request is not acceptable
    _R(100, None, _V.FIX_DATA, "meta_bad_request", "Meta did not accept the request as it was written, or the app secret does not belong to the token.", _REPORT),
    _R(100, 1713098, _V.FIX_DATA, "meta_bad_rule", "Meta cannot read the audience's rule.", _REPORT),
    _R(194, None, _V.FIX_DATA, "meta_missing_parameter", "Meta misses a parameter in the request.", _REPORT),
    # a setting, here or at Meta
    _R(3, None, _V.FIX_CONFIG, "meta_app_cannot", "The app has no Marketing API product, or too low an access tier.", "Add the Marketing API to the app in Meta's app dashboard, then run: guestlist doctor"),
    _R(5, None, _V.FIX_CONFIG, "meta_address_not_allowed", "The app's settings do not allow calls from this machine's address.", "Add the address to the app's allow-list in Meta's app dashboard."),
    _R(100, 33, _V.FIX_CONFIG, "meta_not_found", "Meta does not have this object, or the token may not see it.", "Check the token's role with: guestlist doctor. If the audience was deleted at Meta, run: guestlist sync --full"),
    _R(100, 1713228, _V.FIX_CONFIG, "meta_flagged", "Meta flagged this audience and lets nobody edit it.", _FLAGGED),
    _R(100, 1713230, _V.FIX_CONFIG, "meta_flagged", "Meta flagged this audience and takes no upload for it.", _FLAGGED),
    _R(100, 1713231, _V.FIX_CONFIG, "meta_flagged", "Meta flagged this audience and lets nobody change its name or rule.", _FLAGGED),
    _R(100, 1713232, _V.FIX_CONFIG, "meta_flagged", "Meta flagged this audience and makes no lookalike from it.", _FLAGGED),
    _R(100, 1359207, _V.FIX_CONFIG, "meta_deleted_in_targeting", "An ad set targets an audience that was deleted.", "Take it out of the ad set at Meta."),
    _R(100, 1815089, _V.FIX_CONFIG, "meta_invalid_in_targeting", "An ad set targets an audience that cannot be used.", "Take it out of the ad set at Meta."),
    _R(101, None, _V.FIX_CONFIG, "meta_bad_app", "Meta does not know the app.", "Check the app id, make a token by that app, and run: guestlist destinations reconnect NAME"),
    _R(104, None, _V.FIX_CONFIG, "meta_bad_proof", "The app secret does not belong to the token, or is missing.", "Give token and app secret of one app: guestlist destinations reconnect NAME --token-file FILE --app-secret-file FILE"),
    _R(270, None, _V.FIX_CONFIG, "meta_development_tier", "The app's access tier does not allow this for this ad account.", _TIER),
    _R(1487366, None, _V.FIX_CONFIG, "meta_audience_deleted", "The audience was deleted at Meta.", "Run: guestlist sync --full, which makes it anew."),
    _R(2500, None, _V.FIX_CONFIG, "meta_bad_path", "Meta does not know this path, or no token was sent.", "Check api_version and the token with: guestlist doctor"),
    _R(2635, None, _V.FIX_CONFIG, "meta_version_ended", "Meta has switched off this version of its API.", "Set a newer api_version in guestlist.yaml, or update Guestlist."),
    _R(2650, None, _V.FIX_CONFIG, "meta_wrong_kind", "The audience at Meta was made from another kind of list, which Meta does not mix.", "Let Guestlist make its own audience: set adopt: false."),
    _R(2650, 1870144, _V.FIX_CONFIG, "meta_too_large_to_replace", "The audience is too large to be replaced in one go.", "Use the ordinary sync, which adds and removes."),
    _R(2654, None, _V.FIX_CONFIG, "meta_not_created", "Meta did not create the audience.", "Check that the account has fewer than 500 customer lists, then run: guestlist sync"),
    # the token, or what it may do
    _R(10, None, _V.RECONNECT, "meta_no_permission", "The app may no longer do this.", _RECONNECT),
    _R(100, 36007, _V.RECONNECT, "meta_login_expired", "The login at Meta took too long.", _OAUTH),
    _R(100, 36008, _V.RECONNECT, "meta_login_address", "The login came back to another address than the app's settings name.", _OAUTH),
    _R(100, 36009, _V.RECONNECT, "meta_login_used", "This login at Meta was already used.", _OAUTH),
    _R(102, None, _V.RECONNECT, "meta_token_invalid", "Meta no longer accepts the token.", _RECONNECT),
    _R(190, None, _V.RECONNECT, "meta_token_invalid", "Meta does not accept the token.", _RECONNECT),
    _R(190, 458, _V.RECONNECT, "meta_app_removed", "The person whose token this is has removed the app.", _RECONNECT),
    _R(190, 459, _V.RECONNECT, "meta_login_needed", "Meta wants the person whose token this is to log in.", "That person logs in at facebook.com, then run: guestlist doctor"),
    _R(190, 460, _V.RECONNECT, "meta_password_changed", "The password of the connected account was changed, or Meta ended its session for safety.", "Make a new token, best one of a system user, which has no password, and run: guestlist destinations reconnect NAME"),
    _R(190, 463, _V.RECONNECT, "meta_token_expired", "The token has expired.", _RECONNECT),
    _R(190, 464, _V.RECONNECT, "meta_not_confirmed", "The person whose token this is has not confirmed their account at Meta.", "That person confirms it at facebook.com, then run: guestlist doctor"),
    _R(190, 467, _V.RECONNECT, "meta_logged_out", "The token ended because its person logged out.", _RECONNECT),
    _R(190, 492, _V.RECONNECT, "meta_role_lost", "The person whose token this is has lost their role.", _ASK_ROLE),
    _R(200, None, _V.RECONNECT, "meta_no_permission", "The token may not do this in this ad account.", _ASK_ROLE),
    _R(273, None, _V.RECONNECT, "meta_not_admin", "The token's person is not an admin of the ad account.", _ASK_ROLE),
    _R(294, None, _V.RECONNECT, "meta_no_ads_management", "The token lacks ads_management, or the app lacks access to the Marketing API.", "Make a token with ads_management and run: guestlist destinations reconnect NAME"),
    _R(2654, 1713092, _V.RECONNECT, "meta_no_write_role", "The token may not make audiences in this ad account.", _ASK_ROLE),
    # Meta's terms
    _R(200, 1870034, _V.ACCEPT_TERMS, "meta_terms", "Meta's custom audience terms are not accepted for this account.", _LIST_TERMS),
    _R(200, 1870090, _V.ACCEPT_TERMS, "meta_terms", "Meta's custom audience terms are not accepted for this account.", _LIST_TERMS),
    _R(200, 1870092, _V.ACCEPT_TERMS, "meta_business_terms", "Meta's business tools terms are not accepted for this account.", "An admin accepts them in Meta's business settings and runs: guestlist sync"),
    _R(2655, None, _V.ACCEPT_TERMS, "meta_terms", "Meta's custom audience terms are not accepted for this account.", _LIST_TERMS),
    _R(2663, None, _V.ACCEPT_TERMS, "meta_website_terms", "Meta's terms for website and app audiences are not accepted.", "Someone with a role in the business opens https://www.facebook.com/customaudiences/app/tos/?act=ACCOUNT and accepts."),
    _R(2664, None, _V.ACCEPT_TERMS, "meta_corporate_terms", "Meta's corporate terms are not accepted for this business.", "An admin of the business accepts them in Meta's business settings."),
    # a person must look
    _R(200, 1870050, _V.ASK_HUMAN, "meta_no_business", "The ad account does not belong to a business.", "Add it to a business in Meta's business settings."),
    _R(368, None, _V.ASK_HUMAN, "meta_blocked", "Meta has blocked this for the account or the app as a breach of its policies.", "Look at Account Quality at Meta. Guestlist does not call until you run: guestlist sync"),
    _R(1487301, None, _V.ASK_HUMAN, "meta_not_shared", "The audience is not shared with this ad account.", "Its owner shares it in Audience Manager."),
    _R(1870065, None, _V.ASK_HUMAN, "meta_audience_disabled", "Meta has disabled the audience.", "Look at the audience in Audience Manager."),
    _R(2656, None, _V.ASK_HUMAN, "meta_lookalikes_depend", "Lookalikes were made from this audience, so Meta does not delete it.", "Delete those lookalikes first."),
)  # fmt: skip

_BY_KEY = {(rule.code, rule.subcode): rule for rule in TABLE}
# Codes whose number alone says what is wrong; under 100, 200 and 2650 a subcode that we do not know may mean anything.
_SUBCODE_REFINES = frozenset({
    1, 2, 4, 17, 32, 102, 190, 341, 368, 613, 803, 5000,
    80000, 80002, 80003, 80004, 80005, 80006, 80008, 80009, 80014,
    1487301, 1487366, 1870065, 2635, 2655, 2663, 2664,
})  # fmt: skip
# Documented as codes, seen as subcodes of 100 and 200.
_EITHER_FIELD = frozenset({1487301, 1487366, 1870065})
_OTHER_PERMISSION = range(201, 300)


def verdict_of(code: int, subcode: int | None = None) -> Rule:
    """The rule for an error, whatever Meta sent; a pair that is not in the table gets `Verdict.UNKNOWN`."""
    if subcode in _EITHER_FIELD:
        return _BY_KEY[subcode, None]
    known = _BY_KEY.get((code, subcode or None))
    if known is None and code in _SUBCODE_REFINES:
        known = _BY_KEY.get((code, None))
    if known is None and code in _OTHER_PERMISSION:
        known = _BY_KEY[200, None]
    return known or _unknown(code, subcode)


def _unknown(code: int, subcode: int | None) -> Rule:
    said = f"{code}/{subcode}" if subcode else str(code)
    happened = f"Meta answered with an error that Guestlist does not know ({said})."
    return Rule(code, subcode, Verdict.UNKNOWN, "meta_unknown_error", happened, _REPORT, maybe_done=True)


def kept(waiting: int | None) -> str:
    """That nothing is lost, and how many rows wait where that is known."""
    if waiting is None:
        return "Nothing is lost."
    return f"Nothing is lost; {counted(waiting, 'row')} {'waits' if waiting == 1 else 'wait'}."


def as_error(
    rule: Rule,
    *,
    thing: str,
    waiting: int | None = None,
    trace: str | None = None,
    destination: str | None = None,
    account: str | None = None,
) -> GuestlistError:
    """The rule as an error for a person. `thing` says to what it happened; `waiting` counts rows still to be sent.

    `destination` and `account` are for what there is to do, see `to_type`.
    """
    number = f"{rule.code}/{rule.subcode}" if rule.subcode else f"{rule.code}"
    source = f"(Meta's error {number}, trace {trace})" if trace else f"(Meta's error {number})"
    return GuestlistError(
        rule.name,
        f"{thing}: {rule.happened} {source}",
        next_step=to_type(rule.next_step, destination=destination, account=account),
        nothing_lost=kept(waiting),
    )


def to_type(next_step: str, *, destination: str | None = None, account: str | None = None) -> str:
    """What to do, with the name of the destination in what is to be typed and its ad account in links."""
    if account is not None:
        next_step = next_step.replace("=ACCOUNT", f"={account.removeprefix('act_')}")
    return next_step if destination is None else _NAME.sub(lambda _: destination, next_step)


_NAME = re.compile(r"\bNAME\b")
