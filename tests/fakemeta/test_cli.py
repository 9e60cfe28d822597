"""`fakemeta serve` as a process."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from fakemeta.harness import Control

COMMAND = [sys.executable, "-c", "from fakemeta.cli import main; main()", "serve"]


def test_serve_prints_one_line_when_it_is_ready(tmp_path: Path) -> None:
    people = tmp_path / "people.jsonl"
    people.write_text('{"id": 9, "emails": ["mary@example.com"]}\n')
    arguments = ["--json", "--people", str(people), "--speed", "60"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        control = Control(facts["graph_url"])
        assert set(facts) == {"graph_url", "console_url", "access_token", "app_id", "app_secret", "ad_account"}
        assert httpx.get(facts["console_url"], trust_env=False).status_code == 200
        assert (control.access_token, control.ad_account) == (facts["access_token"], facts["ad_account"])
        assert control.app_id == facts["app_id"]
        assert control.get("people")["people"][0]["id"] == 9
        assert control.get("clock")["speed"] == 60
        control.close()
        process.terminate()
        rest, errors = process.communicate(timeout=20)
    assert (rest, errors) == ("", "")


def test_a_taken_port_is_told_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr


def test_a_wrong_people_file_is_told_plainly(tmp_path: Path) -> None:
    people = tmp_path / "people.jsonl"
    people.write_text('{"shoe": 1}\n')
    done = subprocess.run([*COMMAND, "--people", str(people)], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "unknown person field shoe" in done.stderr
