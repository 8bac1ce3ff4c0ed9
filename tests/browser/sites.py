"""A console that has something to show on each of its pages, and the way through all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from raa.app import App
from raa.testing.client import Client
from raa.testing.console import running_console, wait_for

#: templates of parts of a page
FRAGMENTS = {"preview.html"}


@dataclass
class Site:
    app: App
    #: what anybody may see, and what admin sees: name -> (path, status)
    public: dict[str, tuple[str, int]]
    private: dict[str, tuple[str, int]]
    cookies: list[Any]

    @property
    def url(self) -> str:
        return self.app.url


@contextmanager
def full_site(folder: Path) -> Iterator[Site]:
    """Run a console with jobs in several states, a schedule, a backup and a failed plugin."""
    plugins = str(Path(__file__).parents[1] / "plugins")
    with running_console(folder / "state", options={"plugins.dirs": [plugins]}) as app:
        client = Client(app.server.port)
        jobs = [client.call("/toy/Toy/start", {"method": name}).json() for name in ("doTask", "warn", "boom")]
        jobs.append(client.call("/backup/Backup/backupNow").json())
        fields = {
            "enabled": 1,
            "checkFreq": "Weekly",
            "timeHour": 2,
            "timeDay": 0,
            "timeDayMonth": 1,
            "days": "mon,thu",
        }
        weekly = client.call("/backup/Backup/prefsSave", fields).json()["schedId"]
        often = client.call(
            "/updates/Updates/saveSchedule", {"freq": "interval", "every": 15, "unit": "minutes"}
        ).json()
        paused = client.call(
            "/updates/Updates/saveSchedule", {"what": "apply", "freq": "daily", "time": "02:30"}
        ).json()["schedId"]  # fmt: skip
        client.call("/schedulePause", {"schedId": paused, "note": "until the new disk is in"})
        client.call(
            "/setBlackouts", {"blackouts": [{"begin": "22:00", "end": "06:00", "days": ["sat"], "name": "Night"}]}
        )
        broken = broken_schedule(app, often["schedId"])
        for job in jobs:
            wait_for(lambda job=job: ended(client, job["schedId"]), 30, "the jobs")
        # one that is still running, and one that waits for it
        flag = str(folder / "flag")
        running = client.call(
            "/toy/Toy/start", {"method": "waitFor", "args": [flag, flag + "2"], "resource": "x"}
        ).json()["execId"]  # fmt: skip
        waiting = client.call("/toy/Toy/start", {"resource": "x"}).json()["execId"]
        wait_for(Path(flag).exists, 10, "the run to be running")
        name = client.call("/backup/Backup/backups").json()[0]["name"]
        private = {
            "dashboard": ("/", 200), "jobs": ("/jobs", 200), "no such page": ("/nothing", 404),
            "failed plugin": ("/broken/Broken/index", 404), "confirm": ("/toy/Toy/start?method=echo", 200),
            "stop": (f"/jobs/{running}/cancel", 200), "reauth": (f"/backup/Backup/delete?name={name}", 200),
            "running job": (f"/jobs/{running}", 200), "waiting job": (f"/jobs/{waiting}", 200),
            "backup with job": (f"/backup/Backup/index?job={jobs[-1]['execId']}", 200),
            **{f"job {job['execId']}": (f"/jobs/{job['execId']}", 200) for job in jobs},
            "set-up is closed": ("/setup", 403),
            "schedules": ("/schedule", 200), "schedule": (f"/schedule/{weekly}", 200),
            "edit": (f"/schedule/{weekly}/edit", 200), "many a day": (f"/schedule/{often['schedId']}", 200),
            "paused": (f"/schedule/{paused}", 200), "broken": (f"/schedule/{broken}", 200),
            "mend": (f"/schedule/{broken}/edit", 200), "end": (f"/schedule/{weekly}/end", 200),
            "blackouts": ("/schedule/blackouts", 200), "own blackouts": (f"/schedule/{weekly}/blackouts", 200),
            "calendar": ("/schedule/calendar", 200), "empty month": ("/schedule/calendar?month=2020-02", 200),
        }  # fmt: skip
        browser = Client(app.server.port)
        browser.log_in()
        for route in app.console.routes.values():
            if route.exposure.template and not route.acts:
                reply = browser.get(route.path)  # a page that needs a parameter answers with the page of an error
                if "<html" in reply.text:
                    private[route.path] = (route.path, reply.status)
                else:
                    assert route.exposure.template in FRAGMENTS, route.path
        public = {"login": ("/login", 200), "closed set-up": ("/setup", 403)}
        cookies = [{"name": n, "value": v, "domain": "127.0.0.1", "path": "/"} for n, v in browser.cookies.items()]
        yield Site(app, public, private, cookies)
        Path(flag + "2").write_text("")
        wait_for(lambda: not app.engine.unfinished(), 20, "the runs to end")


def broken_schedule(app: App, like: int) -> int:
    """Store a schedule whose row nobody can read."""
    with app.engine.ledger.database.write() as session:
        session.execute(
            "INSERT INTO schedule (task_id, method, args, kind, rule, policy, state, next_due, created, created_by, "
            "resource, timeout, runs, note) SELECT task_id, method, args, kind, '{}', policy, 'broken', NULL, created, "
            "created_by, resource, timeout, runs, 'A rule needs ''kind''.' FROM schedule WHERE id=?",
            like,
        )
        return int(session.value("SELECT max(id) FROM schedule"))


def ended(client: Client, sched_id: int) -> bool:
    return client.call("/callGetStatus", {"schedId": sched_id}).json()["state"] not in ("queued", "running")


def visit(page: Page, site: Site, path: str, status: int) -> None:
    answer = page.goto(site.url + path)
    assert answer
    assert answer.status == status, path
    page.wait_for_load_state("load")


def every_page(open_page: Callable[..., Page], site: Site, **options: Any) -> Iterator[tuple[str, Page]]:
    """Yield every page, loaded, first a stranger's and then admin's."""
    for pages, cookies in ((site.public, []), (site.private, site.cookies)):
        page = open_page(**options)
        page.context.add_cookies(cookies)
        for name, (path, status) in pages.items():
            visit(page, site, path, status)
            yield name, page
