"""Whatever is killed, and when: nothing is lost or run twice, nothing is left over, and raa says what happened."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from orders import gone, number_in
from serving import GLOBAL, Serve, Served, history

from raa.constants import UNFINISHED
from raa.protocols import Values
from raa.service import kernel
from raa.testing.client import Client
from raa.testing.console import wait_for

pytestmark = pytest.mark.slow


def status(served: Served, exec_id: int) -> Values:
    with history(served.state) as ledger:
        return ledger.execution(exec_id)


def wait_end(served: Served, exec_id: int, seconds: float = 60) -> Values:
    def final() -> Values | None:
        found = status(served, exec_id)
        return None if found["state"] in UNFINISHED else found

    return wait_for(final, seconds, f"the end of run {exec_id}")


def start_toy(served: Served, method: str, *args: Any, **options: Any) -> int:
    reply = Client(served.port).call("/toy/Toy/start", {"method": method, "args": list(args), **options})
    assert reply.status == 200, reply.text
    return reply.json()["execId"]


def marks(served: Served) -> set[str]:
    """Return the marks of the spawners that have run something on this state."""
    with history(served.state) as ledger, ledger.database.read() as session:
        return {row["worker"] for row in session.rows("SELECT DISTINCT worker FROM execution") if row["worker"]}


def crash(served: Served, *, spawner_too: bool = False) -> set[str]:
    """Kill a console with -9 and return the marks of its processes."""
    left = marks(served)
    spawner = [pid for pid in kernel.children(served.process.pid) if spawner_too]
    for pid in [*spawner, served.process.pid]:
        os.kill(pid, signal.SIGKILL)
    served.process.wait(20)
    return left


def assert_nothing_runs(left: set[str]) -> None:
    wait_for(
        lambda: not [pid for mark in left for pid in kernel.marked(mark)], 20, "processes of the killed raa to end"
    )


def assert_goes_on(served: Served) -> None:
    assert Client(served.port).get("/healthz").json()["status"] == "ok"
    assert wait_end(served, start_toy(served, "echo", 1))["state"] == "succeeded"


# -- toy runs


@pytest.mark.parametrize("spawner_too", [False, True], ids=["console", "console and spawner"])
def test_a_run_of_a_console_that_was_killed_is_interrupted_and_all_below_it_gone(
    serve: Serve, tmp_path: Path, spawner_too: bool
) -> None:
    first = serve()
    exec_id = start_toy(first, "hangStubbornly", str(tmp_path / "flag"))
    child = number_in(tmp_path / "flag")
    assert not gone(child), "the control: there is a process to end"

    left = crash(first, spawner_too=spawner_too)
    second = serve()

    found = status(second, exec_id)
    assert (found["state"], found["reason"]) == ("interrupted", "raa ended while it ran")
    assert_nothing_runs(left)
    assert gone(child)
    wait_for((second.state / f"cleaned-{exec_id}").exists, 20, "the clean-up hook")
    assert_goes_on(second)


def test_a_worker_that_was_killed_fails_its_run_and_nothing_else(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    exec_id = start_toy(served, "hangWithPid", str(tmp_path / "flag"))

    os.kill(number_in(tmp_path / "flag"), signal.SIGKILL)

    found = wait_end(served, exec_id)
    assert found["state"] == "failed"
    assert "SIGKILL" in found["reason"]
    assert_goes_on(served)
    assert served.process.poll() is None


@pytest.mark.parametrize("method", ["hang", "hangStubbornly"])
def test_sigterm_ends_in_order_and_interrupts_what_runs(serve: Serve, tmp_path: Path, method: str) -> None:
    served = serve(custom=GLOBAL + "service.max_runs = 1\nservice.stop_wait = 3.0\n")
    exec_id = start_toy(served, method, str(tmp_path / "flag"))
    wait_for((tmp_path / "flag").exists, 20, "the run to begin")
    queued = start_toy(served, "echo", 1)
    left = marks(served)

    assert served.end(signal.SIGTERM, 60) == 0

    found = status(served, exec_id)
    assert (found["state"], found["reason"]) == ("interrupted", "raa was stopped")
    assert status(served, queued)["state"] == "queued"
    assert_nothing_runs(left)
    again = serve()
    assert wait_end(again, queued)["state"] == "succeeded", "what had not begun is taken up by the next start"
    wait_for((again.state / f"cleaned-{exec_id}").exists, 20, "the clean-up hook")
    assert status(again, exec_id)["state"] == "interrupted"


def test_sigterm_with_nothing_running_ends_at_once_with_code_0(serve: Serve) -> None:
    served = serve(plugins=False)

    assert served.end(signal.SIGTERM, 30) == 0
    assert "Traceback" not in served.log()


# -- backups


def make_tree(folder: Path, megabytes: int) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(megabytes // 20):
        (folder / f"random {number}").write_bytes(os.urandom(20_000_000))
    (folder / "small").write_text("kept")
    return folder


def backup(served: Served) -> int:
    reply = Client(served.port).call("/backup/Backup/backupNow")
    assert reply.status == 200, reply.text
    return reply.json()["execId"]


def listed(served: Served) -> list[Values]:
    return Client(served.port).call("/backup/Backup/backups").json()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def assert_archive_is_whole(archive: Path, work: Path) -> str:
    """Have tar and sha256sum judge an archive; return the list of its members."""
    work.mkdir()
    members = subprocess.run(["tar", "tzf", archive], check=True, capture_output=True, text=True).stdout
    subprocess.run(["tar", "xzf", archive, "-C", work], check=True)
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "MANIFEST.sha256"], cwd=work, check=True)
    return members


def run_until(served: Served, exec_id: int, ready: Callable[[Values], bool]) -> None:
    def reached() -> bool:
        found = status(served, exec_id)
        assert found["state"] in UNFINISHED, f"it ended before it could be killed: {found}"
        return ready(found)

    wait_for(reached, 60, f"run {exec_id} to get that far")


@pytest.mark.parametrize("victim", ["console", "worker", "nobody, it is cancelled"])
def test_a_backup_that_was_cut_off_leaves_nothing_and_the_next_is_whole(
    serve: Serve, tmp_path: Path, victim: str
) -> None:
    tree = make_tree(tmp_path / "tree", 200)
    custom = GLOBAL + f"[/backup]\nbackup.paths = [{str(tree)!r}, {str(tmp_path / 'state')!r}]\n"
    served = serve(custom=custom)
    folder = served.state / "backups"
    exec_id = backup(served)
    run_until(served, exec_id, lambda found: 2 < found["percent"] < 80)
    assert [name for name in files_in(folder) if name.endswith(".part")], "the control: there is something to leave"
    assert files_in(served.state / "tmp") == [f"backup-run{exec_id}"]

    if victim == "console":
        left = crash(served)
        served = serve(custom=custom)
        assert_nothing_runs(left)
    elif victim == "worker":
        for spawner in kernel.children(served.process.pid):
            for worker in kernel.children(spawner):
                os.kill(worker, signal.SIGKILL)
    else:
        assert Client(served.port).call(f"/jobs/{exec_id}/cancel").status == 200

    found = wait_end(served, exec_id)
    assert found["state"] == {"console": "interrupted", "worker": "failed"}.get(victim, "cancelled")
    wait_for(lambda: not files_in(served.state / "tmp"), 30, "the working files to be removed")
    wait_for(lambda: not [name for name in files_in(folder) if "part" in name], 30, "the half archive to be removed")
    assert listed(served) == []

    for path in tree.glob("random *"):
        path.unlink()
    found = wait_end(served, backup(served))
    assert found["state"] == "succeeded", found
    (entry,) = listed(served)
    members = assert_archive_is_whole(folder / entry["name"], tmp_path / "unpacked")
    assert {str(tree / "small").lstrip("/"), str(served.state / "ledger.db").lstrip("/")} <= set(members.splitlines())
    assert files_in(served.state / "tmp") == []
