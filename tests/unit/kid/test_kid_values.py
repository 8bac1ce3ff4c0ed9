"""Elements, attributes and streams: what pages put out, and what is refused."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from rendering import inside, page

from raa import kid
from raa.kid import Comment, Element, ElementStream, ProcessingInstruction, SubElement, Template, TemplateError


def test_elements_are_those_of_element_tree() -> None:
    root = Element("r", {"a": 1}, b=2)
    child = SubElement(root, "c", {"d": 3}, e=4)
    child.text = "t"
    root.append(Comment(" note -- "))
    root.append(ProcessingInstruction("pi", "data"))
    root.append(ProcessingInstruction("bare", "?>"))

    assert bool(Element("empty"))
    assert root.getchildren()[0] is child
    assert inside("$e", e=root) == '<r a="1" b="2"><c d="3" e="4">t</c><!-- note - - --><?pi data?><?bare ? >?></r>'


@pytest.mark.parametrize("tag", ["a b", "1", "", "x><y", "a:b:c", "xmlns", "é\u2028", "{u}"])
def test_names_that_xml_does_not_know_are_refused(tag: str) -> None:
    with pytest.raises(TemplateError, match="is no name"):
        inside("$e", e=Element(tag))
    with pytest.raises(TemplateError, match="is no name"):
        inside('<a py:attrs="d"/>', d={tag: 1})


def test_characters_that_xml_forbids_are_replaced() -> None:
    text = inside('<a b="$x">$x</a><!--[$x]-->', x="a\x00\x0b\ud800\uffffé")

    assert text == '<a b="a����é">a����é</a><!--[a����é]-->'
    ElementTree.fromstring(f"<t>{text}</t>")


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("a&<\"'", "a&amp;&lt;&#34;'"),
        (None, None),
        ([None, None], None),
        ([1, None, "b"], "1b"),
        (b"\xc3\xa9", "é"),
        (0, "0"),
        (kid.XML("R&#233;"), "Ré"),
        (kid.Markup('&lt;"<'), "&lt;&#34;&lt;"),
        (False, "False"),
        ("", ""),
        (Template("<a/>"), ...),
        (Element("x"), ...),
        (kid.XML("<x/>"), ...),
    ],
)
def test_attributes_take_text_and_no_markup(value: object, result: object) -> None:
    if result is ...:
        with pytest.raises(TemplateError, match='Illegal value for attribute "b": markup'):
            inside('<a b="$v"/>', v=value)
    else:
        assert inside('<a b="$v"/>', v=value) == ("<a />" if result is None else f'<a b="{result}" />')


def test_py_attrs_takes_only_mappings_and_pairs() -> None:
    with pytest.raises(TemplateError, match="py:attrs takes a dict or a list of pairs, not int"):
        inside('<a py:attrs="5"/>')


def test_rules_see_comments_instructions_namespaces_and_marked_text() -> None:
    body = (
        "<r py:match=\"item.tag == 'm'\">${[item.text, item[:]]}</r>"
        '<m>${a}b${M("&amp;lt;")}<!-- c --><?p d?><n xmlns:x="urn:x" x:y="1"/>e${a}</m>'
    )

    assert inside(body, a="<", M=kid.Markup) == ('<r>&lt;b&lt;<!-- c --><?p d?><n x:y="1" xmlns:x="urn:x" />e&lt;</r>')


def test_streams_expand_to_elements() -> None:
    assert kid.XML("<a><b>c</b></a>", fragment=False).expand()[0].text == "c"
    many = kid.XML("x<a/>1<b/>2").expand()
    assert [(e.tag, e.tail) for e in many] == [("a", "1"), ("b", "2")]
    assert inside("$s", s=ElementStream(ElementTree.fromstring("<a><b>c</b></a>"))) == "<a><b>c</b></a>"


def test_markup_may_be_text_or_bytes_a_fragment_or_a_document() -> None:
    assert inside("$s", s=kid.XML(b"<a/>\xe9", encoding="latin-1")) == "<a />é"
    assert (
        inside("$s", s=kid.XML(b"<?xml version='1.0' encoding='iso-8859-2'?><a>\xb5</a>", fragment=False)) == "<a>ľ</a>"
    )
    assert inside("$s", s=kid.XML("<!DOCTYPE a><a><!-- b --><?c d?></a>")) == "<a><!-- b --><?c d?></a>"
    assert inside("$s", s=kid.XML("&codswallop;", entity_map={"codswallop": "<&"})) == "&lt;&amp;"
    with pytest.raises(kid.TemplateSyntaxError, match=r"XML\(\), line 2: not well-formed"):
        kid.XML("<a>\n</b>")


def test_transform_applies_the_rules_to_another_stream() -> None:
    template = page("<b py:match=\"item.tag == 'a'\"/>")

    assert [e[1][0] for e in template.transform(kid.XML("<a/>")) if e[0] == "START"] == ["b"]
    assert [e[1][0] for e in template.transform(Element("a")) if e[0] == "START"] == ["b"]
