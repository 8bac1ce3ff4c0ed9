"""The two promises about installing: `make run` in an empty clone, and the built wheel somewhere else."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from serving import note

from raa.testing.client import Client
from raa.testing.console import make_state, wait_for

REPOSITORY = Path(__file__).parents[2]
#: what `make run` may take from an empty clone to a console, installing included
MINUTES = 3


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(argv: list[str], cwd: Path, port: int) -> tuple[subprocess.Popen[str], list[str]]:
    """Start a console in a process group of its own and wait until it answers."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    process = subprocess.Popen(
        argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, env=clean
    )
    output: list[str] = []
    threading.Thread(target=note, args=(process, output), daemon=True).start()

    def answers() -> bool:
        assert process.poll() is None, "".join(output)
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").status == 200
        except OSError:
            return False

    try:
        wait_for(answers, MINUTES * 60, f"the console of {argv[0]}")
    except AssertionError:
        end(process)
        raise
    return process, output


def end(process: subprocess.Popen[str]) -> int:
    os.killpg(process.pid, signal.SIGTERM)
    return process.wait(30)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("clone") / "raa"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, target], check=True)
    return target


@pytest.mark.slow
def test_make_run_in_an_empty_clone_gives_a_console_and_prints_the_set_up_link(clone):
    port = free_port()
    process, output = started(
        ["make", "run", f"PORT={port}", "STATE=var", f"PYTHON={sys._base_executable}"], clone, port
    )
    try:
        link = wait_for(lambda: re.findall(r"http://127\.0\.0\.1:\d+(/setup\?code=\S+)", "".join(output)), 20)[0]
        page = Client(port).get(link)
    finally:
        end(process)

    assert page.status == 200
    assert "Set up this appliance" in page.text
    assert (clone / ".venv/bin/raa").exists()
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == ""


@pytest.mark.slow
def test_the_built_wheel_serves_the_same_pages_elsewhere(clone, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir",
         tmp_path / "dist", "."],
        cwd=clone, check=True, timeout=120,
    )  # fmt: skip
    wheel = next((tmp_path / "dist").glob("raa-*.whl"))
    subprocess.run([sys._base_executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True, timeout=180)
    state, port = make_state(tmp_path / "state"), free_port()

    process, _ = started(
        [str(tmp_path / "venv/bin/raa"), "serve", "--state", str(state), "--port", str(port)], tmp_path, port
    )
    try:
        client = Client(port)
        client.log_in()
        pages = {path: client.get(path) for path in ("/", "/backup/Backup/index", "/updates/Updates/index", "/plugins")}
        hello = client.call("/hello/Hello/sayHello").json()
        job = wait_for(lambda: done(client, hello["execId"]), 20)
        style = re.search(r'href="(/static/[^"]+base\.css)"', pages["/"].text)
        sheet = client.get(style[1])
    finally:
        code = end(process)

    assert {path: page.status for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert job["state"] == "succeeded"
    assert sheet.status == 200
    assert str(clone) not in pages["/plugins"].text
    assert code == 0


def done(client: Client, exec_id: int) -> dict | None:
    job = client.call(f"/jobs/{exec_id}").json()
    return job if job["done"] else None
