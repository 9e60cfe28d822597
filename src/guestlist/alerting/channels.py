"""The ways by which people are told: e-mail by SMTP, and a webhook that takes `{"text": …}`.

An error names the server and a number, never an address of a person, a password or the webhook's URL.
"""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import httpx

from guestlist.alerting.settings import AlertSettings, Email, Webhook, on_this_machine
from guestlist.errors import GuestlistError
from guestlist.outward import keep_out_of_logs

_SECONDS = 20.0
_LINES = SMTP.clone(max_line_length=300)  # a subject stays one line, which some readers show better
_KEPT = "Alerts are kept, and told once it works."

keep_out_of_logs()


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One way. `send` takes a subject and a text; an error tells why nobody got it."""

    name: str
    send: Callable[[str, str], None]


def channels(settings: AlertSettings, folder: Path) -> list[Channel]:
    """Those that are set; relative files of secrets are looked for in `folder`, the space."""
    found = []
    mail, hook = settings.email, settings.webhook
    if mail is not None:
        found.append(Channel(name="email", send=lambda subject, text: _mail(mail, folder, subject, text)))
    if hook is not None:
        found.append(Channel(name="webhook", send=lambda subject, text: _post(hook, folder, subject, text)))
    return found


def _mail(to: Email, folder: Path, subject: str, text: str) -> None:
    message = EmailMessage(policy=_LINES)
    message["From"], message["To"], message["Subject"] = to.sender, ", ".join(to.to), subject
    message.set_content(f"{text}\n")
    password = to.password.read(folder) if to.password else None
    try:
        with _server(to, folder) as server:
            if to.tls == "starttls":
                server.starttls(context=_context(to, folder))
            if to.user is not None and password is not None:
                server.login(to.user, password)
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        # Not chained: what the server said may quote addresses and the message.
        number = getattr(error, "smtp_code", None)
        why = f"it answered {number}" if number else f"{type(error).__name__}"
        raise GuestlistError(
            "alert_mail_failed",
            f"The mail server {to.host}:{to.port} did not take an alert: {why}.",
            nothing_lost=_KEPT,
            next_step="Check alerts.email in guestlist.yaml, then run: guestlist alerts test",
        ) from None


def _server(to: Email, folder: Path) -> smtplib.SMTP:
    if to.tls == "tls":
        return smtplib.SMTP_SSL(to.host, to.port, timeout=_SECONDS, context=_context(to, folder))
    return smtplib.SMTP(to.host, to.port, timeout=_SECONDS)


def _context(to: Email, folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / to.ca) if to.ca else None)


def _post(hook: Webhook, folder: Path, subject: str, text: str) -> None:
    url = _checked(hook.url.read(folder))
    try:
        with httpx.Client(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client:
            status = client.post(url, json={"text": f"*{subject}*\n{text}"}).status_code
    except httpx.HTTPError as error:
        raise _hook_failed(type(error).__name__) from None  # its request holds the URL
    if not 200 <= status < 300:
        raise _hook_failed(f"it answered {status}")


def _checked(url: str) -> httpx.URL:
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        raise _hook_failed("its address is no URL") from None
    if read.scheme != "https" and not (read.scheme == "http" and on_this_machine(read.host)):
        raise _hook_failed("its address does not begin with https://")
    return read


def _hook_failed(why: str) -> GuestlistError:
    return GuestlistError(
        "alert_webhook_failed",
        f"The webhook did not take an alert: {why}.",
        nothing_lost=_KEPT,
        next_step="Check alerts.webhook in guestlist.yaml, then run: guestlist alerts test",
    )
