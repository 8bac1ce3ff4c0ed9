"""What an administrator comes for, by keyboard alone and without JavaScript: update, root password, schedule, retry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support_apt import AptRoot

from raa.app import App
from raa.host.packages import Apt
from raa.protocols import Order
from raa.testing.console import PASSWORD, running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
NEW = "seven wild ferrets dance"

pytestmark = [pytest.mark.browser, pytest.mark.root]


@pytest.fixture
def machine(tmp_path: Path) -> AptRoot:
    """A scratch root with a user root, two packages installed, and newer ones in its repository."""
    made = AptRoot(tmp_path)
    (made.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (made.root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    made.package("demo", "1.0")
    made.package("tool", "1.0")
    made.publish("stable")
    apt = Apt(made.root, tmp_path / "work")
    apt.refresh()
    assert apt._apt("-y", "-q", "install", "demo", "tool").ok
    made.package("demo", "1.1")
    made.package("tool", "1.1")
    made.publish("stable-security")
    return made


@pytest.fixture
def console(tmp_path: Path, machine: AptRoot) -> Iterator[App]:
    options = {"host.root": str(machine.root), "plugins.dirs": [str(FIXTURE_PLUGINS)], "host.zone": "UTC"}
    with running_console(tmp_path / "state", options=options) as app:
        yield app


def tab_to(page: Page, name: str, role: str = "button") -> None:
    """Press Tab until the control of this name has the focus; fails after a round through the page."""
    target = page.get_by_role(role, name=name).first
    for _ in range(150):
        page.keyboard.press("Tab")
        if target.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"no Tab leads to the {role} {name!r}")


def press(page: Page, name: str, role: str = "button") -> None:
    tab_to(page, name, role)
    page.keyboard.press("Enter")


@pytest.fixture(params=["keyboard", "without JavaScript"])
def desk(request, open_page, console, login) -> tuple[Page, Callable[..., None], str, bool]:
    """A logged-in page, and how its controls are used: by keyboard with scripts, or by clicks without them."""
    scripts = request.param == "keyboard"
    page = open_page(java_script_enabled=scripts)
    login(page, console.url)

    def use(name: str, role: str = "button") -> None:
        if scripts:
            press(page, name, role)
        else:
            page.get_by_role(role, name=name).first.click()

    return page, use, console.url, scripts


def until(page: Page, text: str, scripts: bool) -> None:
    """Wait for a text; with scripts the page brings it by itself, without them it is loaded anew."""
    if scripts:
        expect(page.locator("body")).to_contain_text(text, timeout=60_000)
        return

    def there() -> bool:
        page.goto(page.url)
        return text in page.locator("body").inner_text()

    page.wait_for_load_state()
    wait_for(there, 60, text)


def test_updates_are_checked_and_applied(desk, machine):
    page, use, url, scripts = desk
    page.goto(f"{url}/updates/Updates/index")

    use("Check now")
    until(page, "2 updates, 2 security", scripts)
    page.goto(f"{url}/updates/Updates/index")
    use("Apply all")
    until(page, "2 packages upgraded. The system is up to date.", scripts)

    assert machine.installed("demo") == "1.1"
    page.goto(f"{url}/updates/Updates/index")
    expect(page.locator("#stats")).to_contain_text("Up to date")


def test_updating_is_put_on_a_schedule_with_a_window(desk, console):
    page, use, url, _ = desk
    page.goto(f"{url}/updates/Updates/schedulePage?what=apply")

    page.locator(".seg input[value=daily]").check(force=True)
    page.locator("#time").fill("03:15")
    page.locator("#window").fill("90")
    use("Save schedule")
    page.wait_for_url("**/updates/Updates/index*")

    expect(page.locator("#flash")).to_contain_text("Every day at 03:15")
    schedule = console.engine.schedules()[0]
    assert (schedule["method"], schedule["policy"]) == ("applyNow", {"window": 5400.0})


def test_the_root_password_is_changed_after_a_bad_one(desk, machine, complaints):
    complaints.expect("422")
    page, use, url, _ = desk
    page.goto(f"{url}/rootpassword/RootPassword/index")

    page.locator("#currentpw").fill(PASSWORD)
    page.locator("#password").fill("password123456")
    use("Change root password")
    expect(page.locator("#password-wrong")).to_contain_text("common passwords")
    page.locator("#currentpw").fill(PASSWORD)
    page.locator("#password").fill(NEW)
    use("Change root password")

    expect(page.locator("#flash")).to_contain_text("The root password was changed.")
    assert "root:$y$" in (machine.root / "etc/shadow").read_text()


def test_a_failed_job_is_found_understood_and_tried_again(desk, console):
    page, use, url, _ = desk
    started = console.engine.submit(toy_order(console, "boom"))
    wait_for(lambda: console.engine.status(exec_id=started["execId"])["state"] == "failed", 20)

    page.goto(f"{url}/jobs?result=bad")
    use(f"job {started['execId']}", "link")
    page.wait_for_url("**/jobs/*")
    expect(page.locator("#job")).to_contain_text("ValueError: no good")
    use("Try again")
    page.wait_for_url(lambda address: not address.endswith(f"/{started['execId']}"))

    expect(page.locator("#facts")).to_contain_text(f"2; the others: job {started['execId']}")


def toy_order(console: App, method: str) -> Order:
    rule = {"kind": "now", "zone": "UTC", "start": console.settings.clock.now().isoformat()}
    return Order(plugin="/toy/Toy", method=method, rule=rule, who="admin")


def test_a_backup_is_made_and_restored_into_a_folder(desk, console):
    page, use, url, scripts = desk
    page.goto(f"{url}/backup/Backup/index")

    use("Back up now")
    until(page, "read back and verified", scripts)
    page.goto(f"{url}/backup/Backup/index")
    use("Restore", "link")
    page.wait_for_url("**/restorePage*")
    page.locator("#target").fill("again")
    page.locator("#currentpw").fill(PASSWORD)
    use("Restore")
    until(page, "Restore complete", scripts)

    restored = console.settings.state / "restored/again"
    assert [path.name for path in restored.rglob("ledger.db")] == ["ledger.db"]
