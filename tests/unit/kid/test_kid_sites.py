"""A site in the manner of its time, and one page rendered by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rendering import PY

from raa import kid
from raa.kid import Template

MASTER_OF_2007 = """<html xmlns="http://www.w3.org/1999/xhtml" xmlns:py="http://purl.org/kid/ns#">
<head py:match="item.tag=='{http://www.w3.org/1999/xhtml}head'" py:attrs="item.items()">
<meta content="text/html; charset=UTF-8" http-equiv="content-type" py:replace="''"/>
<title py:replace="''">Your title goes here</title>
<meta py:replace="item[:]"/><link rel="stylesheet" href="$css"/></head>
<body py:match="item.tag=='{http://www.w3.org/1999/xhtml}body'" py:attrs="item.items()">
<div py:if="value_of('flash', None)" class="flash" py:content="flash"></div>
<div py:replace="[item.text]+item[:]"/>
</body></html>"""
PAGE_OF_2007 = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<?python import sitetemplate ?><html xmlns="http://www.w3.org/1999/xhtml" xmlns:py="http://purl.org/kid/ns#"
    py:extends="sitetemplate">
<head profile="x"><title>${'user' in locals() and user + ' - ' or ''}List</title></head>
<body id="b" onload="f();">Text <em>first</em>, then <b py:for="n in items">$n</b>.</body></html>"""


def test_a_site_in_the_manner_of_2007_renders(tmp_path: Path) -> None:
    (tmp_path / "sitetemplate.kid").write_text(MASTER_OF_2007)
    (tmp_path / "page.kid").write_text(PAGE_OF_2007)

    text = Template(str(tmp_path / "page.kid"), items=[1, 2], css="/a?b=1&c", flash="<saved>", user="x").serialize(
        output="html"
    )

    assert text == (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">\n<html>\n'
        '<head profile="x">\n<meta content="text/html; charset=utf-8" http-equiv="content-type">\n'
        '<title>x - List</title><link rel="stylesheet" href="/a?b=1&amp;c"></head>\n<body id="b" onload="f();">\n'
        '<div class="flash">&lt;saved&gt;</div>\nText <em>first</em>, then <b>1</b><b>2</b>.\n</body></html>'
    )


def test_many_threads_render_one_page_at_once(tmp_path: Path) -> None:
    (tmp_path / "base.kid").write_text(f"<t {PY}><b py:match=\"item.tag == 'x'\">$n</b></t>")
    (tmp_path / "page.kid").write_text(
        f'<t {PY} py:extends="base"><?python m = n * 2 ?><x py:for="_ in range(20)"/>$m</t>'
    )
    loader = kid.Loader([tmp_path])

    def rendered(n: int) -> str:
        return str(loader.load("page").Template(n=n).serialize(fragment=True))

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(rendered, range(200)))

    assert texts == [f"<t>{f'<b>{n}</b>' * 20}{2 * n}</t>" for n in range(200)]
