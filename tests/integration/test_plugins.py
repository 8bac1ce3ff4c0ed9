"""Plugins: which are found, what a bad one can spoil (itself), and the smallest one of the documentation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import pytest
from doors import basic, logged_in, rpc, value_of

import raaplugins.hello
from raa.app import App, load_settings
from raa.rpath_error import ConfigurationError
from raa.testing.client import Client
from raa.testing.console import running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
IMPORTS = "import raa.web\nfrom raa.modules.raawebplugin import rAAWebPlugin\n"
GOOD = (
    IMPORTS
    + """
class {name}(rAAWebPlugin):
    displayName = "{shown}"

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def index(self):
        return {{"from": "{shown}"}}
"""
)
RUN = """
    @raa.web.expose(allow_json=True)
    def run(self):
        return self.runNow()
"""
SERVICE = """
from raa.modules.raasrvplugin import rAASrvPlugin

class {name}(rAASrvPlugin):
    def doTask(self, schedId, execId):
        self.reportResult(execId, "ran from {shown}")
"""


def write(folder: Path, name: str, web: str, srv: str = "") -> None:
    """Write a plugin of one or two halves."""
    for half, text in (("web", web), ("srv", srv)):
        if text:
            (folder / name / half).mkdir(parents=True)
            (folder / name / half / "__init__.py").write_text(text)
    (folder / name / "__init__.py").write_text("")


@contextmanager
def console_with(tmp_path: Path, **options: Any) -> Iterator[App]:
    merged = {"plugins.dirs": [str(tmp_path / "more")], **{name.replace("__", "."): v for name, v in options.items()}}
    with running_console(tmp_path / "state", options=merged, scheduling=False) as app:
        yield app


def ask(app: App, path: str) -> Any:
    reply = Client(app.server.port).call(path)
    return reply.json() if reply.status == 200 else reply.status


def test_plugins_are_found_in_the_shipped_and_the_configured_folders(console: App) -> None:
    registry = console.console.registry

    assert {"/backup/Backup", "/hello/Hello", "/toy/Toy"} <= set(registry.plugins)
    assert list(registry.plugins) == sorted(registry.plugins)
    assert registry.folders["/toy/Toy"].path == FIXTURE_PLUGINS / "toy"
    assert [route.path for route in console.console.routes.values() if route.plugin == "/hello/Hello"] == [
        "/hello/Hello/index", "/hello/Hello/sayHello",
    ]  # fmt: skip


def test_a_plugin_that_raises_at_import_is_shown_as_failed_to_admins_and_the_rest_works(console: App) -> None:
    [failure] = console.console.registry.failures
    admin, visitor = logged_in(console, "admin"), logged_in(console, "visitor")

    assert (failure.name, failure.cause) == ("broken", "RuntimeError: this plugin is broken on purpose")
    assert "broken on purpose" in admin.get("/").text
    assert "broken on purpose" in admin.get("/broken/Broken/index").text
    for reply in (visitor.get("/"), visitor.get("/broken/Broken/index")):
        assert "broken on purpose" not in reply.text
    assert admin.get("/toy/Toy/index").status == 200


HARM = {
    "exits": IMPORTS + "raise SystemExit(3)\n",
    "nosyntax": "class (:\n",
    "noimport": "import there_is_no_such_module\n",
    "exitsinside": GOOD.format(name="Exitsinside", shown="x") + "    def __init__(self): raise SystemExit(3)\n",
    "raisesinside": GOOD.format(name="Raisesinside", shown="x") + "    def __init__(self): 1 / 0\n",
    "lateexit": GOOD.format(name="Lateexit", shown="x") + "    def initPlugin(self): raise SystemExit(3)\n",
    "late": GOOD.format(name="Late", shown="x") + "    def initPlugin(self): raise LookupError('not there')\n",
    "table": GOOD.format(name="Table", shown="x") + "    tableClass = 7\n",
}


def test_whatever_a_plugin_raises_while_loading_the_console_starts_and_names_it(tmp_path: Path) -> None:
    more = tmp_path / "more"
    for name, text in HARM.items():
        write(more, name, text)
    (more / "late" / "web" / "static").mkdir()
    write(more, "fine", GOOD.format(name="Fine", shown="Fine"))

    with console_with(tmp_path) as app:
        failed = {failure.name.strip("/").split("/")[0]: failure.cause for failure in app.console.registry.failures}
        page = logged_in(app, "admin").get("/").text

        assert set(failed) == set(HARM)
        assert all(failed.values())
        assert "LookupError: not there" in failed["late"]
        assert ask(app, "/fine/Fine/index") == {"from": "Fine"}
        assert [name for name in HARM if name not in page] == []
        assert ask(app, "/late/Late/index") == 404


def test_a_disabled_plugin_is_not_even_imported(tmp_path: Path) -> None:
    write(tmp_path / "more", "quiet", f"raise RuntimeError('imported')\n{GOOD.format(name='Quiet', shown='Quiet')}")
    write(tmp_path / "more", "single", GOOD.format(name="Single", shown="One") + GOOD.format(name="Other", shown="Two"))

    with console_with(tmp_path, plugins__disable=["quiet", "backup", "/single/Single"]) as app:
        assert app.console.registry.failures == []
        assert {"/hello/Hello", "/single/Other"} <= set(app.console.registry.plugins)
        assert ask(app, "/backup/Backup/backups") == 404
        assert ask(app, "/single/Single/index") == 404
        assert ask(app, "/single/Other/index") == {"from": "Two"}


def test_a_hidden_plugin_is_left_out_of_the_menu_and_still_answers(tmp_path: Path) -> None:
    write(tmp_path / "more", "shy", GOOD.format(name="Shy", shown="Shy one"))

    def menu(app: App) -> bool:
        return "Shy one" in logged_in(app, "admin").get("/").text

    with console_with(tmp_path) as app:
        assert menu(app)
    with console_with(tmp_path, shy__Shy__hidden=True) as app:
        assert not menu(app)
        assert ask(app, "/shy/Shy/index") == {"from": "Shy one"}
    with console_with(tmp_path, shy__Shy__hidden="property") as app:
        assert menu(app)
        app.console.registry.plugins["/shy/Shy"].setPropertyValue("raa.hidden", True)
        assert not menu(app)


def test_a_plugin_without_a_page_of_its_own_is_not_in_the_menu(tmp_path: Path) -> None:
    write(tmp_path / "more", "rpconly", GOOD.format(name="Rpconly", shown="Programs only").replace("index", "value"))

    with console_with(tmp_path) as app:
        assert "Programs only" not in logged_in(app, "admin").get("/").text
        assert ask(app, "/rpconly/Rpconly/value") == {"from": "Programs only"}


def test_a_plugin_of_the_same_name_replaces_a_shipped_one_in_both_halves(tmp_path: Path) -> None:
    run = GOOD.format(name="Hello", shown="Ours") + RUN
    write(tmp_path / "more", "hello", run, SERVICE.format(name="Hello", shown="Ours"))

    with console_with(tmp_path) as app:
        assert ask(app, "/hello/Hello/index") == {"from": "Ours"}
        assert ask(app, "/hello/Hello/sayHello") == 404
        sched_id = ask(app, "/hello/Hello/run")["schedId"]
        assert wait_for(lambda: status(app, sched_id)["state"] == "succeeded", 20)
        assert status(app, sched_id)["statusmsg"] == "ran from Ours"


def test_a_classic_package_of_plugins_keeps_its_package_name_in_both_halves(tmp_path: Path) -> None:
    package = tmp_path / "classicvendor"
    run = "import classicvendor.old\n" + GOOD.format(name="Old", shown="Old") + RUN
    srv = "import classicvendor.old.shared\n" + SERVICE.format(name="Old", shown="Old")
    write(package, "old", run, srv)
    (package / "old" / "shared.py").write_text("")
    (package / "__init__.py").write_text("")

    with console_with(tmp_path, plugins__dirs=[str(package)]) as app:
        assert app.console.registry.failures == []
        assert type(app.console.registry.plugins["/old/Old"]).__module__ == "classicvendor.old.web"
        sched_id = ask(app, "/old/Old/run")["schedId"]
        assert wait_for(lambda: status(app, sched_id)["state"] == "succeeded", 20)
    sys.path.remove(str(tmp_path))


def test_a_configured_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"plugins\.dirs names /no/such/folder"):
        load_settings(tmp_path, options={"plugins.dirs": ["/no/such/folder"]})


def status(app: App, sched_id: int) -> dict[str, Any]:
    return Client(app.server.port).call("/callGetStatus", {"schedId": sched_id}).json()


# -- the smallest plugin


def test_the_smallest_plugin_takes_at_most_25_lines_of_python() -> None:
    lines = 0
    for half in ("web", "srv"):
        text = (Path(raaplugins.hello.__path__[0]) / half / "__init__.py").read_text()
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "-"],
            input=text, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "class Hello" in done.stdout
        lines += sum(bool(line.strip()) for line in done.stdout.splitlines())

    assert 0 < lines <= 25
    assert (Path(raaplugins.hello.__path__[0]) / "__init__.py").read_text() == ""


def test_the_smallest_plugin_has_a_page_json_xml_rpc_and_a_job_that_can_be_scheduled(console: App, proxy: Any) -> None:
    client, server = Client(console.server.port), proxy()
    assert isinstance(server, ServerProxy)

    page = client.request("GET", "/hello/Hello/index", headers={**basic(), "Accept": "text/html"})
    started = client.call("/hello/Hello/sayHello").json()
    again = value_of(rpc(console, "hello.Hello.sayHello"))
    ended = [wait_for(lambda job=job: finished(server, job["schedId"]), 20) for job in (started, again)]
    events = (
        Client(console.server.port)
        .request("GET", f"/jobs/{started['execId']}", headers={**basic(), "Accept": "application/json"})
        .json()
    )

    assert (page.status, "Hello, admin" in page.text, "<h1>" in page.text) == (200, True, True)
    assert client.call("/hello/Hello/index").json() == {"greeting": "Hello, admin", "job": None}
    assert server.hello.Hello.index() == {"greeting": "Hello, admin", "job": None}
    assert [end["state"] for end in ended] == ["succeeded"] * 2
    assert [end["statusmsg"] for end in ended] == ["Said hello."] * 2
    assert (events["percent"], events["done"]) == (100, True)


def finished(server: ServerProxy, sched_id: int) -> dict[str, Any] | None:
    found: Any = server.callGetStatus(sched_id)
    return found if found["state"] not in ("queued", "running") else None
