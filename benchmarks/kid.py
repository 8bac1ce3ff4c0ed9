"""Pages in Kid and the same pages in Genshi, and memory over many renderings."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from genshi.core import Stream
from genshi.template import MarkupTemplate

from benchmarks.common import ROOT, Row, Size
from raa import kid
from raa.plugin.discovery import PluginFolder
from raa.web.chrome import Ui
from raa.web.render import Renderer

TITLE = "kid: a page in Kid and the same page in Genshi"
BAR, GROWTH = 1.2, 100
GENSHI = "http://genshi.edgewall.org/"
TABLE = """<html xmlns:py="%s"><head><title>$title</title></head><body><h1>$title</h1><table>
<tr py:for="row in rows" class="${'odd' if row['n'] %% 2 else 'even'}"><td>${row['n']}</td>
<td><a href="/x/${row['n']}" title="$title">${row['name']}</a></td><td py:if="row['n'] > 5">large <b>one</b></td>
<td py:content="row['name'].upper()"/></tr></table></body></html>"""
FRAMED = """<html xmlns:py="%s"><body py:match="%s"><h1>frame</h1>${%s}</body>
<body><p py:for="n in range(50)">$n</p></body></html>"""
PARAGRAPH = """<html xmlns:py="%s"><body><p>$word</p></body></html>"""
HELLO = """<html xmlns:py="http://purl.org/kid/ns#" py:extends="raa.templates.master">
<head><title>Hello</title></head><body>
<div id="jobslot"><div py:if="job" py:replace="widgets.job_card(job)"/></div>
<section class="card" aria-labelledby="helloh"><header><h2 id="helloh">$greeting</h2></header>
<form class="body" method="post" action="${ui.url('/hello/Hello/sayHello')}">
<button class="btn primary">Say hello</button></form>
</section></body></html>"""
ITEMS = [{"title": f"Page {n}", "href": f"/p{n}/P/index", "icon": "plug", "words": "", "current": n == 1, "badge": 0,
          "badge_text": ""} for n in range(8)]  # fmt: skip


def run(size: Size, peers: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        hello, pages = _hello(Path(folder)), {}
        rows = [{"n": n, "name": f"row & {n}"} for n in range(100)]
        short, ours_short = MarkupTemplate(PARAGRAPH % GENSHI), kid.load_template(PARAGRAPH % kid.KID)
        pages["one paragraph"] = (
            lambda: _html(short.generate(word="<w>")),
            lambda: _html(ours_short.Template(word="<w>")),
        )
        genshi, ours = MarkupTemplate(TABLE % GENSHI), kid.load_template(TABLE % kid.KID)
        pages["table of 100 rows"] = (
            lambda: _html(genshi.generate(title="<T>", rows=rows)),
            lambda: _html(ours.Template(title="<T>", rows=rows)),
        )
        match = MarkupTemplate(FRAMED % (GENSHI, "body", "select('*')"))
        ours_match = kid.load_template(FRAMED % (kid.KID, "item.tag == 'body'", "item[:]"))
        pages["a match on the body"] = lambda: _html(match.generate()), lambda: _html(ours_match.Template())
        pages["the table by each one's own"] = (
            lambda: genshi.generate(title="<T>", rows=rows).render("xhtml", doctype="xhtml", encoding="utf-8"),
            lambda: ours.serialize(title="<T>", rows=rows, output="xhtml").encode(),
        )
        pages["hello in the frame"] = lambda: hello("index.html"), lambda: hello("index.kid")
        for name, (other, mine) in pages.items():
            yield _compared(name, other, mine, size)
        yield _memory(pages["hello in the frame"][1], max(50, min(1000, size.requests)))


def _hello(folder: Path) -> Callable[[str], bytes]:
    """Return what renders the shipped hello page, and its twin in Kid, in a frame with a menu."""
    (folder / "templates").mkdir()
    (folder / "templates" / "index.kid").write_text(HELLO)
    (folder / "templates" / "index.html").write_text((ROOT / "plugins/hello/templates/index.html").read_text())
    renderer = Renderer({"/hello/Hello": PluginFolder("hello", "bench.hello", folder)})
    clock = {"iso": "", "text": "", "zone": ""}
    menu = [{"label": "Tasks", "id": "tasks", "items": ITEMS}]
    ui = Ui(title="Hello", user="admin", crumbs=[{"label": "Hello", "href": None}], clock=clock, menu=menu)
    return lambda name: renderer.page(name, {"greeting": "Hello, <you>", "job": None}, ui, folder)


def _html(page: object) -> bytes:
    return Stream(page).render("html", doctype="html5", encoding="utf-8")  # type: ignore[no-any-return]


def _compared(name: str, other: Callable[[], bytes], mine: Callable[[], bytes], size: Size) -> Row:
    """Measure two renderings in turns: the median of each, and of the ratios of neighbours."""
    other(), mine()
    times: list[tuple[float, float]] = []
    for _ in range(max(5, size.calls)):
        began = time.perf_counter()
        other()
        between = time.perf_counter()
        mine()
        times.append((between - began, time.perf_counter() - between))
    ratio = statistics.median(second / first for first, second in times)
    figures: dict[str, float | int | str | None] = {
        "Genshi ms": round(statistics.median(first for first, _ in times) * 1e3, 2),
        "Kid ms": round(statistics.median(second for _, second in times) * 1e3, 2),
        "x Genshi": round(ratio, 2),
        "kB left": None,
    }
    return Row(name, figures, f"<= {BAR:g} x", ratio <= BAR)


def _memory(render: Callable[[], bytes], count: int) -> Row:
    """Count what renderings leave behind, once what is kept for good is there."""
    for _ in range(20):
        render()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(count):
            render()
        gc.collect()
        kept = (tracemalloc.get_traced_memory()[0] - before) / 1e3
    finally:
        tracemalloc.stop()
    figures = {"Genshi ms": None, "Kid ms": None, "x Genshi": None, "kB left": round(kept, 1)}
    return Row(f"{count} renderings", figures, f"<= {GROWTH} kB", kept <= GROWTH)
