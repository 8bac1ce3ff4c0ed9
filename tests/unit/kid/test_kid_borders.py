"""Kid in Genshi and Genshi in Kid, two levels deep, with rules that reach across the border."""

from __future__ import annotations

from pathlib import Path

from genshi.core import Stream
from genshi.template import MarkupTemplate, TemplateLoader
from rendering import PY, inside, page

from raa import kid
from raa.kid import Template

GENSHI = 'xmlns:py="http://genshi.edgewall.org/"'


def html(stream: object) -> str:
    return str(Stream(stream).render("html", encoding=None))


def test_a_kid_body_stands_in_a_genshi_master(tmp_path: Path) -> None:
    (tmp_path / "master.html").write_text(f"<html {GENSHI}><body><h1>$title</h1>$body</body></html>")
    master = TemplateLoader(str(tmp_path)).load("master.html")
    body = page("<p py:for='n in rows'>$n &lt; ${n + 1}</p>", rows=[1, 2])

    text = master.generate(title="<T>", body=body).render("html", encoding=None)

    assert text == "<html><body><h1>&lt;T&gt;</h1><t><p>1 &lt; 2</p><p>2 &lt; 3</p></t></body></html>"


def test_a_genshi_fragment_stands_in_a_kid_page() -> None:
    fragment = MarkupTemplate(f'<ul {GENSHI}><li py:for="n in rows">$n</li></ul>')

    assert inside("<b>${f}</b>", f=fragment.generate(rows=["<", 2])) == "<b><ul><li>&lt;</li><li>2</li></ul></b>"


def test_genshi_in_kid_in_genshi_in_kid() -> None:
    inner = MarkupTemplate(f"<i {GENSHI}>$x</i>").generate(x="&")
    middle = Template(source="<k>$g</k>", g=inner)
    outer = MarkupTemplate(f"<g {GENSHI}>$k</g>").generate(k=middle)

    assert inside("${o}", o=outer) == "<g><k><i>&amp;</i></k></g>"


def test_kid_in_genshi_in_kid_in_genshi() -> None:
    inner = Template(source="<k>$x</k>", x="&")
    middle = MarkupTemplate(f"<g {GENSHI}>$k</g>").generate(k=inner)
    outer = Template(source="<l>$g</l>", g=middle)

    assert html(MarkupTemplate(f"<h {GENSHI}>$l</h>").generate(l=outer)) == "<h><l><g><k>&amp;</k></g></l></h>"


def test_a_kid_rule_changes_what_genshi_made_two_levels_down() -> None:
    inner = Template(source="<k><b>kid</b></k>")
    fragment = MarkupTemplate(f"<g {GENSHI}><b>genshi</b>$k</g>").generate(k=inner)
    body = "<strong py:match=\"item.tag == 'b'\">${item.text.upper()}</strong>$g"

    assert inside(body, g=fragment) == "<g><strong>GENSHI</strong><k><strong>KID</strong></k></g>"


def test_a_genshi_rule_changes_what_kid_made_two_levels_down() -> None:
    inner = MarkupTemplate(f"<g {GENSHI}><b>genshi</b></g>").generate()
    body = Template(source="<k><b>kid</b>$g</k>", g=inner)
    outer = MarkupTemplate(f'<t {GENSHI}><py:match path="b"><strong>${{select("text()")}}</strong></py:match>$k</t>')

    assert html(outer.generate(k=body)) == "<t><k><strong>kid</strong><g><strong>genshi</strong></g></k></t>"


def test_rules_of_both_meet() -> None:
    genshi = MarkupTemplate(f'<g {GENSHI}><py:match path="a"><b>${{select("text()")}}</b></py:match>$k</g>')
    source = f"<t {PY}><c py:match=\"item.tag == 'b'\">${{item.text}}</c>$g</t>"

    text = Template(source=source, g=genshi.generate(k=Template(source="<a>x</a>"))).serialize(fragment=True)

    assert text == "<t><g><c>x</c></g></t>"


def test_a_kid_stream_takes_genshis_filters_and_selects() -> None:
    stream = kid.XML("<a><b>1</b><b>2</b></a>")

    assert stream.select("b/text()").render("text", encoding=None) == "12"


def test_genshis_serializers_write_a_kid_page() -> None:
    template = page("<br/><p>&lt;</p>")

    assert html(template) == "<t><br><p>&lt;</p></t>"
    assert Stream(template).render("xhtml", encoding=None) == "<t><br /><p>&lt;</p></t>"
    assert template.serialize(output=__import__("genshi.output").output.XMLSerializer()) == "<t><br/><p>&lt;</p></t>"


def test_a_function_of_kid_may_be_called_from_genshi() -> None:
    module = kid.load_template(f'<t {PY}><p py:def="row(n)">$n</p></t>')

    assert html(MarkupTemplate(f"<u {GENSHI}>${{row(1)}}${{row('&lt;')}}</u>").generate(row=module.row)) == (
        "<u><p>1</p><p>&lt;</p></u>"
    )
