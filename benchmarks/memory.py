"""Memory of `raa serve`: at rest after a while, and after many requests and logins."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.common import Row, Size
from benchmarks.console import Served, Web, serve, state_folder
from raa.testing.client import Client

TITLE = "memory: RSS of the console process, PSS of console, spawner and workers"
RSS_BAR, PSS_BAR = 70.0, 95.0


def run(size: Size, peers: bool) -> Iterator[Row]:
    with state_folder() as state, serve(state) as served:
        time.sleep(size.settle)
        yield _row(f"{size.settle:g} s after start", served)
        _work(served, size)
        time.sleep(min(size.settle, 5))
        yield _row(f"after {size.requests:,} requests, {size.logins} logins", served)


def _row(name: str, served: Served) -> Row:
    rss, pss = served.rss(), served.pss()
    return Row(
        name,
        {"RSS MB": rss, "PSS MB": pss, "processes": len(served.tree())},
        f"RSS <= {RSS_BAR:g}, PSS <= {PSS_BAR:g}",
        rss <= RSS_BAR and pss <= PSS_BAR,
    )


def _work(served: Served, size: Size) -> None:
    """A third each: /healthz, the dashboard with a session, a JSON call that runs a service method."""
    browser = Client(served.port)
    browser.log_in()
    page = Web(served.port, "; ".join(f"{name}={value}" for name, value in browser.cookies.items()))
    for number in range(size.requests):
        if number % 3 == 0:
            status = page.get("/healthz")
        elif number % 3 == 1:
            status = page.get("/")
        else:
            page.call("/echo/Echo/call", {"value": number})
            continue
        if status != 200:
            raise SystemExit(f"request {number} was answered with {status}")
    page.close()
    for _ in range(size.logins):
        reply = Client(served.port).log_in()
        if reply.status != 303:
            raise SystemExit(f"a login was answered with {reply.status}")
