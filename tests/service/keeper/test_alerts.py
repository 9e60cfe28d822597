"""What is the matter is told by real mail and a real webhook: once, its end once, also across restarts."""

import ipaddress
import json
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.acceptance.sync.kit import Shop

from guestlist.alerting.causes import Scene
from guestlist.alerting.channels import channels
from guestlist.alerting.notices import look
from guestlist.alerting.settings import read_alerts
from guestlist.cli import run
from guestlist.clock import WallClock
from guestlist.service.alarms import Alarms
from guestlist.service.logs import Log
from guestlist.space import Space, make_space, open_space
from guestlist.store.journal import Journal
from guestlist.store.journal_backups import BackupRecord
from guestlist.store.journal_keeping import Timing
from guestlist.store.journal_sources import Arrival, Source
from guestlist.store.journal_tables import Plan, PlanState, Sync

from .conftest import Serving, keeping, until
from .test_metrics import address, scraped
from .test_tokens import reconnect

NOW = 1_800_000_000_000_000
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
KEY = "vip@main"
PASSWORD = "hunter-22-secret"


@dataclass
class Post:
    """A mail server or a webhook; `refuses` is what it answers instead of taking."""

    address: str = ""
    got: list[tuple[str, str]] = field(default_factory=list)
    refuses: str | None = None

    @property
    def subjects(self) -> list[str]:
        return [subject for subject, _ in self.got]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        if self.refuses:
            return self.refuses
        read = message_from_bytes(envelope.content, policy=policy.default)
        self.got.append((str(read["Subject"]), read.get_content()))
        return "250 taken"


@contextmanager
def mail_server(post: Post, **how: Any) -> Iterator[None]:
    with socket.socket() as probe:  # the controller connects to the port that it was told
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=port, **how)
    controller.start()
    post.address = f"127.0.0.1:{port}"
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def mail() -> Iterator[Post]:
    post = Post()
    with mail_server(post):
        yield post


@pytest.fixture
def hook() -> Iterator[Post]:
    post = Post()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = json.loads(self.rfile.read(int(self.headers["content-length"])))["text"]
            self.send_response(int(post.refuses or 200))
            self.end_headers()
            if not post.refuses:
                post.got.append((text.partition("\n")[0], text))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    post.address = f"http://127.0.0.1:{server.server_port}/services/T0/B0/very-secret"
    yield post
    server.shutdown()
    server.server_close()


def alerts(space: Path, *, mail: Post | None = None, hook: Post | None = None, more: str = "") -> None:
    """Write the section into guestlist.yaml."""
    said = "alerts:\n"
    if mail is not None:
        host, _, port = mail.address.partition(":")
        said += f"  email:\n    host: {host}\n    port: {port}\n    tls: none\n    from: guestlist@example.org\n"
        said += "    to: [ops@example.org, boss@example.org]\n"
    if hook is not None:
        (space / "hook").write_text(hook.address)
        said += "  webhook: { url: { file: hook } }\n"
    place = space / "guestlist.yaml"
    place.write_text(place.read_text().partition("alerts:")[0] + said + more)


@dataclass
class Desk:
    """A space with one sync, and whoever looks what is the matter with it."""

    space: Space
    now: int = NOW
    token_ends: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        with Journal.open(self.space.private / "journal.sqlite") as journal:
            journal.take_over("test", now=self.now)
            yield journal

    def set(self, do: Callable[[Journal], object]) -> None:
        with self.journal() as journal:
            do(journal)

    def look(self, *, later: int = 0) -> None:
        """As a process that has just begun would."""
        self.now += later
        space = open_space(self.space.folder)
        settings = read_alerts(space)
        with self.journal() as journal:
            scene = Scene(
                space=space, journal=journal, settings=settings, now=self.now, token_ends=dict(self.token_ends)
            )
            look(scene, channels(settings, space.folder))


@pytest.fixture(scope="module")
def desk_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Desk(make_space(tmp_path_factory.mktemp("desk") / "shop", country="DE"))
    made.set(lambda journal: journal.save_sync(
        Sync(key=KEY, audience="vip", destination="main", remote_id="1", remote_name="VIP", right_at=NOW - DAY,
             people_sent=1000)))  # fmt: skip
    return made.space.folder


@pytest.fixture
def desk(desk_made: Path, tmp_path: Path) -> Desk:
    return Desk(open_space(shutil.copytree(desk_made, tmp_path / "shop")))


def failed(desk: Desk, code: str | None = "meta_outage", *, again: bool = True, removal: int | None = None) -> None:
    told = {"happened": "vip@main: Meta's service is unavailable.", "next_step": "Nothing to do."} if code else {}
    timing = Timing(
        sync=KEY, at=desk.now, ran=True, again_at=desk.now + MINUTE if again else None, code=code, removal_since=removal,
        failures=1, **told,
    )  # fmt: skip
    desk.set(lambda journal: journal.save_timing(timing))


def test_a_sync_that_fails_for_long_is_told_once_and_once_that_it_is_over(desk: Desk, mail: Post, hook: Post) -> None:
    alerts(desk.space.folder, mail=mail, hook=hook)
    failed(desk)
    desk.look()
    desk.look(later=50 * MINUTE)
    assert mail.got == hook.got == []
    for _ in range(3):
        desk.look(later=15 * MINUTE)
    assert mail.subjects == ["Guestlist shop: 'VIP' is not kept right at Meta"]
    assert len(hook.got) == 1
    assert "Meta's service is unavailable." in mail.got[0][1]
    assert "What to do: Nothing to do. [meta_outage]" in mail.got[0][1]
    failed(desk, None)
    desk.look(later=MINUTE)
    desk.look(later=MINUTE)
    assert mail.subjects[1:] == ["Guestlist shop: solved: 'VIP' is not kept right at Meta"]
    assert len(hook.got) == 2


def at_once(journal: Journal) -> None:
    journal.save_timing(
        Timing(sync=KEY, at=NOW, ran=True, code="meta_terms_not_accepted", happened="Terms.", next_step="x")
    )


def held(journal: Journal) -> None:
    plan = Plan(id="p1", sync=KEY, cause="", removals=1, additions=0, people_leaving=600, people_there=1000)
    journal.save_plan(plan, [], now=NOW)
    journal.move_plan("p1", PlanState.HELD, now=NOW)


def removal(journal: Journal) -> None:
    journal.save_timing(Timing(sync=KEY, at=NOW, ran=True, removal_since=NOW - 2 * HOUR))


def silent(journal: Journal) -> None:
    journal.add_source(Source(key="web", digest=b"x", strict=False, made_at=NOW - 9 * HOUR))
    one = Arrival(source="web", outcome="taken", field="", messages=1, first_at=0, last_at=NOW - 7 * HOUR)
    journal.add_arrivals([one])


def old_backup(journal: Journal) -> None:
    journal.ask_backup(BackupRecord(id="b", path="/b", with_key=False, asked_at=1, made_at=NOW - 8 * DAY))


@pytest.mark.parametrize(
    ("happens", "more", "told"),
    [
        pytest.param(at_once, "", "'VIP' is not kept right at Meta", id="a sync needs a person"),
        pytest.param(held, "", "'VIP' waits for a yes: 600 of 1,000 people would leave", id="a plan waits"),
        pytest.param(removal, "", "People who left 'VIP' are still in it at Meta", id="a removal waits too long"),
        pytest.param(removal, "  removal_waits: 3h\n", None, id="a removal waits, but not too long"),
        pytest.param(silent, "  silence: { web: 6h }\n", "Nothing has come from the source 'web'", id="silence"),
        pytest.param(silent, "  silence: { web: 8h }\n", None, id="no silence yet"),
        pytest.param(old_backup, "  backup_older_than: 7d\n", "The last backup of this space is too old", id="backup"),
        pytest.param(old_backup, "", None, id="nobody asked about backups"),
        pytest.param(lambda _: None, "", None, id="all is well"),
    ],
)
def test_what_is_told(desk: Desk, mail: Post, happens: Callable[[Journal], None], more: str, told: str | None) -> None:
    alerts(desk.space.folder, mail=mail, more=more)
    desk.set(happens)
    desk.look()
    desk.look(later=MINUTE)
    found = [subject.removeprefix("Guestlist shop: ") for subject in mail.subjects]
    assert len(found) == (1 if told else 0)
    assert all(one.startswith(told or "") for one in found)
    assert all("What to do: " in text for _, text in mail.got)


def test_a_file_that_stays_mistaken_is_told_once_and_once_that_it_is_over(desk: Desk, mail: Post) -> None:
    alerts(desk.space.folder, mail=mail)
    file = desk.space.audiences / "vip.yaml"
    file.write_text("key: vip\nwho: { traitt: email, equals: jane@example.org }\n")
    desk.look()
    desk.look(later=50 * MINUTE)
    assert mail.got == []  # whoever edits it may be at it still
    for _ in range(3):
        desk.look(later=15 * MINUTE)
    what = "The file of the audience 'vip' has a mistake, so what it says now is not gone by"
    assert mail.subjects == [f"Guestlist shop: {what}"]
    assert "What to do: See the mistake, and correct it: guestlist audiences check" in mail.got[0][1]
    assert "jane" not in mail.got[0][1]
    file.write_text("key: vip\nwho: { trait: email, equals: jane@example.org }\n")
    desk.look(later=MINUTE)
    assert mail.subjects[1:] == [f"Guestlist shop: solved: {what}"]


def test_a_paused_sync_is_no_news(desk: Desk, mail: Post) -> None:
    alerts(desk.space.folder, mail=mail)
    desk.set(at_once)
    desk.set(lambda journal: journal.pause_sync(Sync(key=KEY, audience="vip", destination="main")))
    desk.look()
    assert mail.got == []


def test_the_end_of_a_token_is_told_14_3_and_1_days_before_and_when_it_has_come(desk: Desk, mail: Post) -> None:
    alerts(desk.space.folder, mail=mail)
    desk.token_ends = {"main": NOW + 20 * DAY}
    for _ in range(21):
        desk.look(later=DAY)
    what = [subject.rpartition(" at Meta ")[2] for subject in mail.subjects]
    assert what == ["ends in 14 days", "ends in 3 days", "ends in 1 day", "has ended"]
    assert all("guestlist destinations connect main --ad-account" in text for _, text in mail.got)
    desk.token_ends = {"main": desk.now + 60 * DAY}
    desk.look(later=MINUTE)
    assert "solved" in mail.subjects[-1]


def test_a_jump_of_size_is_told_and_is_the_new_measure(desk: Desk, mail: Post) -> None:
    alerts(desk.space.folder, mail=mail)
    desk.look()
    known = Sync(key=KEY, audience="vip", destination="main", remote_id="1", remote_name="VIP", right_at=NOW)
    for people in (1400, 2200, 2300, 100):
        with desk.journal() as journal:
            journal.save_sync(replace(known, people_sent=people))
        desk.look(later=MINUTE)
        desk.look(later=MINUTE)
    assert mail.subjects == [
        "Guestlist shop: 'VIP' went from 1,400 to 2,200 people at Meta",
        "Guestlist shop: 'VIP' went from 2,300 to 100 people at Meta",
    ]


def test_a_channel_that_fails_is_seen_and_gets_what_it_missed_later(desk: Desk, mail: Post, hook: Post) -> None:
    alerts(desk.space.folder, mail=mail, hook=hook)
    mail.refuses = "554 no such luck for ops@example.org"
    desk.set(at_once)
    desk.look()
    assert (len(mail.got), len(hook.got)) == (0, 1)
    with desk.journal() as journal:
        (state,) = [one for one in journal.channels() if one.failures]
    assert (state.name, state.code) == ("email", "alert_mail_failed")
    assert "554" in (state.happened or "")
    assert "ops@example.org" not in (state.happened or "")
    mail.refuses = None
    desk.look(later=MINUTE // 2)  # it is left alone for a minute
    assert mail.got == []
    desk.look(later=MINUTE)
    assert (len(mail.got), len(hook.got)) == (1, 1)
    with desk.journal() as journal:
        assert [one.failures for one in journal.channels()] == [0, 0]


def test_a_keeper_goes_on_while_alerts_fail_and_tells_when_they_work(shop: Shop, hook: Post) -> None:
    alerts(shop.space, hook=hook)
    hook.refuses = "500"
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    shop.meta.fault("error", path="/users$", method="POST", code=200)  # a person has to do something about it
    said: list[dict[str, Any]] = []
    log = Log(lambda line: said.append(json.loads(line)), WallClock(), as_json=True)
    with keeping(shop.space) as kept, Journal.open(shop.space / ".guestlist" / "journal.sqlite") as journal:
        alarms = Alarms(kept.keeper, journal, log, look_every=0.1)
        alarms.start()
        try:
            until(lambda: kept.keeper.alerts_failing == "alert_webhook_failed")
            assert kept.keeper.stand.value == "keeping"
            status = shop.type("status", "--json")
            assert status.facts["alerts_failing"][0]["channel"] == "webhook"
            assert "very-secret" not in status.text + json.dumps(said)
            hook.refuses = None
            shop.meta.advance(61)
            until(lambda: hook.got)
            shop.meta.clear_faults()
            kept.keeper.run_now(KEY)
            until(lambda: any("solved" in subject for subject in hook.subjects))
        finally:
            alarms.stop()
    people = [value for one in shop.people for value in (*one.emails, one.user_id)]
    assert not [value for value in people for _, text in hook.got if value in text]


def test_a_token_that_ends_is_measured_and_told_by_the_service(
    shop: Shop, hook: Post, serve: Callable[..., Serving]
) -> None:
    alerts(shop.space, hook=hook)
    reconnect(shop, type="USER", expires_in=16 * 24 * 3600)
    url = address(serve())

    def days_left() -> float:
        return scraped(f"{url}/metrics")("token_days_left", space="shop", destination="main")

    until(days_left)
    assert 15.9 < days_left() <= 16
    assert not hook.got
    shop.meta.advance(2 * 24 * 3600 + 60)
    until(lambda: 13.9 < days_left() < 14)
    until(lambda: hook.got)
    ((subject, text),) = hook.got
    assert "token by which 'main' is reached at Meta ends" in subject
    assert shop.meta.access_token not in text


def test_by_tls_with_a_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = make_space(tmp_path / "shop").folder
    post = Post()

    def known(*words: Any) -> AuthResult:
        given = words[-1]
        assert isinstance(given, LoginPassword)
        return AuthResult(success=given.password.decode() == PASSWORD)

    how = {"tls_context": _certified(space), "require_starttls": True, "auth_required": True, "authenticator": known}
    with mail_server(post, **how):
        alerts(space, mail=post)
        place = space / "guestlist.yaml"
        said = place.read_text().replace("tls: none", "ca: ca.pem\n    user: u\n    password: { file: password }")
        place.write_text(said)
        for password, code in ((PASSWORD, 0), ("wrong", 1)):
            (space / "password").write_text(password)
            capsys.readouterr()
            assert run(["alerts", "test", "--space", str(space), "--json"]) == code
            out = capsys.readouterr().out
            assert password not in out
        assert json.loads(out)["channels"][0]["error"]["code"] == "alert_mail_failed"
        place.write_text(said.replace("    ca: ca.pem\n", ""))
        (space / "password").write_text(PASSWORD)
        assert run(["alerts", "test", "--space", str(space)]) == 1  # nobody vouches for that server
    assert post.subjects == ["Guestlist shop: a test"]


def _certified(folder: Path) -> ssl.SSLContext:
    """A server's certificate that only `ca.pem` vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)

    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("  email: { host: mail.example.org, tls: none, from: a@example.org, to: [b@example.org] }\n", "without TLS"),
        (
            "  email: { host: mail.example.org, password: hunter2, from: a@example.org, to: [b@example.org] }\n",
            "secret",
        ),
        ("  webhook: { url: https://hooks.example.org/T0 }\n", "alerts.webhook.url"),
        ("  silence: { web: soon }\n", "an amount of time"),
        ("  smoke: {}\n", "alerts.smoke"),
    ],
)
def test_mistakes_in_the_section(tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str, told: str) -> None:
    space = make_space(tmp_path / "shop").folder
    alerts(space, more=section)
    assert run(["alerts", "test", "--space", str(space)]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert "hunter2" not in said


def test_nobody_is_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = make_space(tmp_path / "shop").folder
    assert run(["alerts", "test", "--space", str(space), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_alerts_set"
