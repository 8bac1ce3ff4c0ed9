"""Output methods: what Kid wrote, byte by byte but for what docs/reference/kid.md lists."""

from __future__ import annotations

import pytest
from rendering import inside

from raa.kid import METHODS, Markup, Template, TemplateError

XHTML = "http://www.w3.org/1999/xhtml"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_writes_its_prolog_and_its_tags(method: str) -> None:
    text = Template(source=f'<html xmlns="{XHTML}"><h1/>Hello<br/>World</html>').serialize(output=method)

    if method == "plain":
        assert text == "HelloWorld"
    elif method in ("xml", "wml"):
        assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
        assert text.endswith(f'<html xmlns="{XHTML}"><h1 />Hello<br />World</html>')
        assert ("WAPFORUM" in text) == (method == "wml")
    else:
        doctype, _, body = text.partition("\n")
        public = "XHTML 1.0" if method.startswith("x") else "HTML 4.01"
        kind = {"strict": " Strict", "frameset": " Frameset"}.get(method.split("-")[-1].replace("quirks", ""))
        assert f"//DTD {public}" in doctype
        assert ("http://www.w3.org/TR/" in doctype) == ("quirks" not in method)
        assert kind is None or kind in doctype or public == "HTML 4.01"
        if method.startswith("x"):
            assert body == f'<html xmlns="{XHTML}"><h1></h1>Hello<br />World</html>'
        else:
            wanted = "<html><h1></h1>Hello<br>World</html>"
            assert body == (
                wanted.upper().replace("HELLO", "Hello").replace("WORLD", "World") if method[0] == "H" else wanted
            )


def test_names_are_written_in_capitals_and_values_are_not() -> None:
    assert inside(
        '<a href="x y=z" checked="1">b c="d"</a>', output="HTML"
    ) == '<T><A HREF="x y=z">b c="d"</A></T>'.replace('z">', 'z" CHECKED>')


def test_marked_text_may_be_empty_or_a_single_sign_and_switches_need_no_value() -> None:
    body = '${M("")}<input checked="" name=""/>${M(s)}'

    assert inside(body, output="html", M=Markup, s="<") == '<input checked name=""><'
    assert inside(body, output="HTML", M=Markup, s="</b>").startswith("<T><INPUT CHECKED")
    assert inside(body, M=Markup, s="") == '<input checked="" name="" />'


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(TemplateError, match="no output method 'pdf'; there are xml, plain, html-strict"):
        Template(source="<a/>").serialize(output="pdf")


def test_the_content_type_is_told_once() -> None:
    told = '<meta content="text/html; charset=utf-8" http-equiv="content-type">'
    head = "<html><head>{}<title>t</title></head><body><head/></body></html>"

    def shown(metas: str) -> str:
        return Template(source=head.format(metas)).serialize(output="html", fragment=True)

    assert shown("") == head.format(told + "\n").replace("<head/>", "<head></head>")
    assert told in shown('<meta name="author" content="a"/>')
    assert shown('<meta http-equiv="Content-Type" content="x"/>').count("<meta") == 1
    assert shown('<meta charset="x"/>').count("<meta") == 1
    assert f'<html xmlns="{XHTML}"><head><meta content="text/html; charset=ascii" http-equiv="content-type" />' in (
        Template(source=f'<html xmlns="{XHTML}"><head/></html>').serialize("ascii", output="xhtml")
    )


def test_empty_lines_go_where_white_space_does_not_matter() -> None:
    body = "a\n \n\nb<pre>c\n\n\nd</pre>\n\n\n<script>e\n\nf</script><i/>"

    assert inside(body) == "a\nb<pre>c\n\n\nd</pre>\n<script>e\n\nf</script><i />"


def test_texts_are_joined_before_empty_lines_are_looked_for() -> None:
    assert (
        inside("${x}\n${None}\n${y}${m}", x="a\n", y="\nb", m=__import__("raa.kid").kid.Markup("\n\n\nc"))
        == "a\nb\n\n\nc"
    )


def test_characters_that_an_encoding_lacks_are_written_as_references() -> None:
    assert Template(source="<p a='é'>€</p>").serialize("ascii", fragment=True) == '<p a="&#233;">&#8364;</p>'


def test_a_fragment_keeps_the_space_around_it() -> None:
    template = Template(source="<a py:strip='' xmlns:py='http://purl.org/kid/ns#'> x </a>")

    assert template.serialize(fragment=True) == " x "
    assert template.serialize(output="plain") == "x"
    assert Template(source="<!DOCTYPE a><a/>").serialize(fragment=True) == "<a />"


def test_prefixes_are_declared_once_and_invented_where_there_is_none() -> None:
    body = (
        '<a xmlns="urn:a"><b/><c xmlns="urn:c"/></a>${e}<x:d xmlns:x="urn:x" x:y="1"><x:e xmlns:x="urn:z"/></x:d>'
        '<ns1:f xmlns:ns1="urn:1">${e}</ns1:f>'
    )
    from raa.kid import Element

    assert inside(body, e=Element("{urn:e}g", {"{urn:h}i": "1"})) == (
        '<a xmlns="urn:a"><b /><c xmlns="urn:c" /></a><g ns1:i="1" xmlns="urn:e" xmlns:ns1="urn:h" />'
        '<x:d x:y="1" xmlns:x="urn:x"><x:e xmlns:x="urn:z" /></x:d>'
        '<ns1:f xmlns:ns1="urn:1"><g ns2:i="1" xmlns="urn:e" xmlns:ns2="urn:h" /></ns1:f>'
    )
