"""The apt adapter on a scratch root with a real apt and a local repository."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest
from support_apt import AptRoot

from raa.host.commands import Result
from raa.host.packages import Apt, explain
from raa.rpath_error import OperationFailed

pytestmark = pytest.mark.root


@pytest.fixture
def scratch(tmp_path: Path) -> AptRoot:
    """Three packages of version 1.0, installed."""
    made = AptRoot(tmp_path)
    for name in ("demo", "lib", "tool"):
        made.package(name, "1.0")
    made.publish("stable")
    apt = Apt(made.root, tmp_path / "work")
    apt.refresh()
    assert apt._apt("-y", "-q", "install", "demo", "lib", "tool").ok
    return made


@pytest.fixture
def apt(scratch: AptRoot, tmp_path: Path) -> Apt:
    return Apt(scratch.root, tmp_path / "work")


def failure(call) -> str:
    with pytest.raises(OperationFailed) as raised:
        call()
    return str(raised.value)


def test_what_can_be_upgraded_is_listed_with_versions_origin_and_size(scratch, apt):
    scratch.package("demo", "1.1")
    scratch.package("tool", "2:2.0-1", depends="extra")
    scratch.package("extra", "1")
    scratch.publish("stable-security")
    apt.refresh()

    pending = {one.package: one for one in apt.pending()}

    assert list(pending) == ["demo", "extra", "tool"]
    assert (pending["demo"].installed, pending["demo"].candidate) == ("1.0", "1.1")
    assert pending["tool"].candidate == "2:2.0-1"
    assert pending["extra"].installed == ""
    assert pending["demo"].security
    assert pending["demo"].bytes == (scratch.repository / "pool/demo_1.1_all.deb").stat().st_size


def test_an_upgrade_brings_everything_up_to_date_and_tells_each_line(scratch, apt):
    scratch.package("demo", "1.1")
    scratch.publish("stable")
    apt.refresh()
    lines: list[str] = []

    apt.upgrade(lines.append)

    assert scratch.installed("demo") == "1.1"
    assert apt.pending() == []
    assert any("Setting up demo (1.1)" in line for line in lines)


def test_a_held_package_is_named_and_left_alone(scratch, apt):
    scratch.package("demo", "1.1")
    scratch.publish("stable")
    apt.refresh()
    subprocess.run(["apt-mark", "hold", "demo"], env=apt._environment() | {"PATH": "/usr/bin:/bin"}, check=True)

    apt.upgrade()

    assert apt.held() == ["demo"]
    assert scratch.installed("demo") == "1.0"


def test_a_repository_that_is_gone_is_a_sentence(scratch, apt, tmp_path):
    scratch.sources(f"deb [trusted=yes] file:{tmp_path}/gone ./")

    assert "no longer there" in failure(apt.refresh)


def test_a_repository_that_cannot_be_reached_is_a_sentence(scratch, apt):
    scratch.sources("deb [trusted=yes] http://127.0.0.1:9/x ./")

    assert "could not be reached" in failure(apt.refresh)


def test_a_missing_signature_is_a_sentence_and_nothing_is_taken(scratch, apt):
    scratch.sources(f"deb file:{scratch.repository} ./")
    scratch.package("demo", "1.1")
    scratch.publish("stable")

    assert "signature is missing or wrong" in failure(apt.refresh)
    assert scratch.installed("demo") == "1.0"


def test_a_package_whose_script_fails_is_named_and_can_be_repaired(scratch, apt):
    scratch.package("demo", "1.1", script="test -e /nowhere/at/all")
    scratch.publish("stable")
    apt.refresh()

    said = failure(apt.upgrade)

    assert "The package demo could not be set up" in said
    assert "demo" in apt.broken()
    (scratch.root / "var/lib/dpkg/info/demo.postinst").write_text("#!/bin/sh\nexit 0\n")
    apt.repair()
    assert (apt.broken(), scratch.installed("demo")) == ("", "1.1")


def test_an_interrupted_dpkg_is_told_and_repaired(scratch, apt):
    scratch.package("demo", "1.1")
    scratch.publish("stable")
    apt.refresh()
    status = scratch.root / "var/lib/dpkg/status"
    entry = next(part for part in status.read_text().split("\n\n") if part.startswith("Package: tool\n"))
    (scratch.root / "var/lib/dpkg/updates/0000").write_text(
        entry.replace("Status: install ok installed", "Status: install ok unpacked") + "\n"
    )

    assert "was interrupted" in failure(apt.upgrade)
    assert apt.broken()
    apt.repair()
    assert apt.broken() == ""
    apt.upgrade()
    assert scratch.installed("demo") == "1.1"


def test_another_program_at_work_is_a_sentence(scratch, apt):
    scratch.package("demo", "1.1")
    scratch.publish("stable")
    apt.refresh()
    with (scratch.root / "var/lib/dpkg/lock-frontend").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        holder = subprocess.run(
            ["apt-get", "-y", "dist-upgrade"], env=apt._environment() | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert "Another program is installing" in explain(holder.stdout + holder.stderr)


def test_a_full_disk_is_a_sentence(scratch, apt):
    output = "dpkg: error processing archive x (--unpack):\n cannot copy: write error (No space left on device)\n"

    assert "not enough room" in explain(output)


def test_a_restart_that_is_wanted_is_told_with_its_reason(scratch, apt):
    assert apt.reboot_needed() == []
    (scratch.root / "run/reboot-required").touch()
    assert apt.reboot_needed() == ["the system"]
    (scratch.root / "run/reboot-required.pkgs").write_text("linux-image\nlibc6\nlibc6\n")
    assert apt.reboot_needed() == ["libc6", "linux-image"]


def test_the_stamp_changes_with_what_is_installed_and_known(scratch, apt):
    before = apt.stamp()
    scratch.package("demo", "1.1")
    scratch.publish("stable")
    apt.refresh()
    apt.upgrade()

    assert apt.stamp() != before


def test_the_running_systems_configuration_is_not_read_for_a_scratch_root(apt):
    environment = apt._environment()

    assert Path(environment["APT_CONFIG"]).is_relative_to(apt._work)
    assert (
        "Post-Invoke"
        not in subprocess.run(
            ["apt-config", "dump"], env=environment | {"PATH": "/usr/bin"}, capture_output=True, text=True, check=True
        ).stdout
    )


def test_on_the_running_system_apt_is_called_without_a_configuration_of_ours():
    calls = []

    def program(argv, **options):
        calls.append((argv, options["environment"]))
        return Result(0, "")

    Apt(Path("/"), runner=program).upgrade()

    argv, environment = calls[0]
    assert argv[0] == "apt-get"
    assert argv[-1] == "dist-upgrade"
    assert "APT_CONFIG" not in environment
    assert environment["DEBIAN_FRONTEND"] == "noninteractive"


@pytest.mark.parametrize("name", ["../etc/passwd", "-o", "demo;reboot", ""])
def test_a_changelog_is_asked_for_package_names_only(apt, name):
    assert apt.changelog(name) == ""
