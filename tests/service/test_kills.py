"""kill -9, for real: what was acknowledged is in the warehouse once, whenever it happens."""

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from .served import WEB, Shop, serving, shop

HERE = Path(__file__).parent


# While landing


@pytest.mark.parametrize("point", ["messages are appended", "committed", "checkpointed", "half is deleted", "deleted"])
def test_landing_is_killed(tmp_path: Path, point: str) -> None:
    calls = [{"type": "track", "userId": "u", "event": "e", "messageId": f"m{n}"} for n in range(300)]
    with shop(tmp_path, segment_bytes=5_000) as here, serving(here.door) as address:
        for some in range(0, 300, 30):
            post(address, calls[some : some + 30])
    died = subprocess.run([sys.executable, str(HERE / "landing_killed.py"), str(tmp_path), point], check=False)
    assert died.returncode == -9
    with shop(tmp_path) as here:
        assert [row["message_id"] for row in here.landed()] == [call["messageId"] for call in calls]
        assert here.inbox.seal() == []


def post(address: str, calls: list[dict[str, str]]) -> None:
    assert httpx.post(f"{address}/v1/batch", json={"batch": calls}, auth=(WEB, "")).status_code == 200


# While serving


class Load:
    """Clients that send as fast as they can; which messages they sent and which were acknowledged."""

    def __init__(self, address: str, write_key: str = WEB, name: str = "m") -> None:
        self._address = address
        self._write_key = write_key
        self._name = name
        self.sent: list[str] = []
        self.acknowledged: list[str] = []

    async def run(self, server: subprocess.Popen[str], *, until: int) -> None:
        async with httpx.AsyncClient(base_url=self._address, auth=(self._write_key, "")) as client:
            await asyncio.gather(*(self._send(client, number, server, until) for number in range(8)))

    async def _send(self, client: httpx.AsyncClient, number: int, server: subprocess.Popen[str], until: int) -> None:
        for n in range(10_000):
            ids = [f"{self._name}-{number}-{n}-{k}" for k in range(random.Random(n).choice((1, 20, 100)))]
            self.sent += ids
            try:
                answer = await client.post("/v1/batch", json={"batch": [call(one) for one in ids]})
            except httpx.HTTPError:
                return
            assert answer.status_code == 200
            self.acknowledged += ids
            if len(self.acknowledged) > until:
                server.kill()


def call(message_id: str) -> dict[str, str]:
    return {"type": "track", "userId": "u", "event": "e", "messageId": message_id}


def served(folder: Path) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.service.served", str(folder)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1])


@pytest.mark.parametrize("until", [50, 3_000])
def test_the_service_is_killed_under_load(tmp_path: Path, until: int) -> None:
    with served(tmp_path) as server:
        assert server.stdout is not None
        load = Load(server.stdout.readline().strip())
        asyncio.run(load.run(server, until=until))
    assert server.returncode == -9
    assert len(load.acknowledged) > until
    with shop(tmp_path) as here:
        assert_once(here, load.acknowledged)
        # Clients send again what they have no answer for, and more than that.
        with serving(here.door) as address:
            for some in range(0, len(load.sent), 500):
                content = json.dumps({"batch": [call(one) for one in load.sent[some : some + 500]]})
                assert httpx.post(f"{address}/v1/batch", content=content, auth=(WEB, "")).status_code == 200
        assert_once(here, load.sent)
        assert len(here.landed()) == len(load.sent)


def assert_once(here: Shop, ids: list[str]) -> None:
    found = Counter(row["message_id"] for row in here.landed())
    assert [one for one in ids if found[one] != 1] == []
