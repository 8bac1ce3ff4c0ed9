"""The first eight of the sixteen things that are hard about Kid on Python 3, one test or more each, by number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from genshi.builder import tag
from genshi.template import MarkupTemplate
from rendering import PY, inside, page

from raa import kid
from raa.kid import Element, Template, TemplateSyntaxError


def test_case_1_names_come_from_arguments_template_module_and_python_in_that_order() -> None:
    body = '<b py:def="own">def</b>${a} ${b} ${own()} ${len("xyz")} ${len2}'

    assert inside(body, "<?python a = 'module'\nb = 'module'\nlen2 = len ?>", a="argument", len2=2) == (
        "argument module <b>def</b> 3 2"
    )


def test_case_1_an_argument_hides_a_builtin() -> None:
    assert inside("${max} ${[max for _ in range(2)]} ${(lambda: max)()}", max="most") == "most mostmost most"


def test_case_1_a_name_assigned_later_begins_as_the_variable() -> None:
    assert inside("$x <?python x = x + 1 ?>$x<?python\nfor x in (7, 8): pass ?> $x", x=1) == "1 2 8"


def test_case_1_an_unknown_name_is_an_error_that_names_it() -> None:
    with pytest.raises(NameError, match="name 'nowhere' is not defined"):
        inside("${nowhere}")


def test_case_1_a_global_that_a_function_changes_is_seen_at_once() -> None:
    before = "<?python n = 0\ndef count():\n    global n\n    n += 1\n    return n\n?>"

    assert inside("${count()}$n${count()}$n", before) == "1122"


def test_case_1_locals_holds_all_variables_also_those_that_no_text_names() -> None:
    body = "<?python a = locals().get('schedId', -1); b = vars()['c'], 'c' in dir(), eval('c') ?>$a ${b}"

    assert inside(body, schedId=7, c=3) == "7 3True3"


def test_case_2_names_only_in_py_attrs_are_found() -> None:
    assert inside('<a py:attrs="href=target"/>', target="/x") == '<a href="/x" />'


@pytest.mark.parametrize(
    "attrs",
    [
        "class=x, if=2, ns:b=3",
        "{'class': x, 'if': 2, 'ns:b': 3}",
        "'class': x, 'if': 2, 'ns:b': 3",
        "(('class', x), ('if', 2), ('ns:b', 3))",
        "[('class', x), ('if', 2), ('ns:b', 3)]",
        "known",
        "class = x,  if=len('aa'),\n ns:b=(lambda a=3: a)()",
    ],
)
def test_case_3_py_attrs_takes_mappings_pairs_and_keywords_of_any_name(attrs: str) -> None:
    known = {"class": "k", "if": 2, "ns:b": 3}

    assert inside(f'<a py:attrs="{attrs}"/>', x="k", known=known) == '<a class="k" if="2" ns:b="3" />'


def test_case_3_none_removes_an_attribute_and_prefixes_are_resolved() -> None:
    body = '<a xmlns:my="urn:my" my:a="1" b="2" c="3" py:attrs="b=None, my:a=5, d=\'\'"/>'

    assert inside(body) == '<a my:a="5" c="3" d="" xmlns:my="urn:my" />'


@pytest.mark.parametrize("attrs", ["a b", "1=2", "a='", "=", "a=(1", "{"])
def test_case_3_what_is_neither_is_refused(attrs: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="line 1: py:attrs takes a dict, pairs or keywords"):
        page(f'<a py:attrs="{attrs}"/>')


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "\nx = 1\n",
        "\n    x = 1\n    y = 2\n",
        "if 1:\n  x = 1",
        "if 1:\nx = 1",
        "if 1: x = 1",
        "if 1:\n\tif 1:\n\t\tx = 1\n\telse:\n\t\tx = 2",
        "# text\n      x = 1",
        "y = 0\n      x = 1\n      # y\n  # z",
        "if f(1,\n2):\nx = 1",
        "class A:\nx = 1\nx = A.x",
        "\n\tif 1:\n\t\tx = 1\n        else:\n\t\tx = 2",
    ],
)
def test_case_4_code_may_be_indented_in_any_way(code: str) -> None:
    if code.startswith("class"):
        code = "class A:\n  x = 1\nx = A.x"

    assert inside("$x", f"<?python def f(*a): return a ?><?python {code} ?>") == "1"
    assert inside(f"<?python f = max ?><?python {code} ?>$x") == "1"


def test_case_4_code_before_the_root_runs_once_and_code_inside_at_each_rendering() -> None:
    template = page("<?python here.append(2) ?>", "<?python runs = [1] ?>")
    seen: list[int] = []
    for _ in range(2):
        type(template)(here=seen).serialize()

    assert (seen, template._kid_scope["runs"]) == ([2, 2], [1])


def test_case_4_tabs_count_eight_and_those_in_texts_stay() -> None:
    assert inside("<?python\n\tif 1:\n                x = 'a\tb'\n ?>$x") == "a\tb"


def test_case_4_global_reaches_the_modules_names() -> None:
    template = page("<?python\nglobal y\ny = 30 ?>$y", "<?python y = 0 ?>")

    assert (str(template)[-9:], template._kid_scope["y"]) == ("<t>30</t>", 30)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$$ $$$$ $$x", "$ $$ $x"),
        ("$o.a.b.", "deep."),
        ("${1 +\n 2}", "3"),
        ("a${}b${  }c", "abc"),
        ("$('id')", "$('id')"),
        ("$$$('.x')", "$$('.x')"),
        ("$100 $ $.", "$100 $ $."),
        ("${", "${"),
        ("$_x", "$_x"),
        ("${'}'}", "}"),
        ("${f'{1 + 1}'}", "2"),
        ("${{'a': 3}['a']}", "3"),
        ("${[n for n in (1, 2)]}$o.a", "12A"),
        ("$o..", "O.."),
    ],
)
def test_case_5_interpolation(text: str, result: str) -> None:
    class Thing:
        a: object = None

        def __str__(self) -> str:
            return "O"

    class Inner:
        b = "deep"

        def __str__(self) -> str:
            return "A"

    thing = Thing()
    thing.a = Inner()

    assert inside(text, o=thing) == result
    assert inside(f'<i x="{text.replace(chr(34), "&quot;")}"/>', o=thing) == f'<i x="{result}" />'.replace("\n", " ")


def test_case_6_content_may_be_anything() -> None:
    ours = Element("a", {"x": 1})
    ours.text, ours.tail = "t", "tail"
    ours.append(Element("b"))
    theirs = ElementTree.fromstring("<c>1<d/>2</c>")
    theirs.append(ElementTree.Comment("k"))

    def events() -> Iterator[object]:
        yield from kid.XML("<e/>")
        yield "text"
        yield 5

    values = {
        "None": (None, ""),
        "text": ("<", "&lt;"),
        "number": (1.5, "1.5"),
        "bytes": ("é".encode(), "é"),
        "element": (ours, '<a x="1">t<b /></a>tail'),
        "foreign": (theirs, "<c>1<d />2<!--k--></c>"),
        "list": ([1, None, "b", [ours]], '1b<a x="1">t<b /></a>tail'),
        "generator": (events(), "<e />text5"),
        "template": (Template(source="<f>$x</f>", x=1), "<f>1</f>"),
        "stream": (kid.XML("<g/>h"), "<g />h"),
        "genshi": (tag.i("<", id=1), '<i id="1">&lt;</i>'),
        "mapping": ({"k": 1}, "k"),
        "true": (True, "True"),
        "marked": (kid.Markup("<j></j>"), "<j></j>"),
        "genshi template": (MarkupTemplate("<l>$x</l>").generate(x=1), "<l>1</l>"),
    }
    for name, (value, result) in values.items():
        assert inside("${v}", v=value) == result, name


def test_case_6_an_element_is_not_changed_by_being_shown() -> None:
    element = ElementTree.fromstring("<b>some<c>nested</c>elements</b>")
    before = ElementTree.tostring(element)
    template = page("$xml", xml=element)

    assert template.serialize() == template.serialize()
    assert ElementTree.tostring(element) == before


def test_case_7_a_rule_sees_its_item_as_an_element() -> None:
    body = (
        '<r py:match="item.tag == \'m\'">${item.text}|${item.get("a")}|${sorted(item.items())}|${len(item)}|'
        "${item[0].tail}|${item[:1]}|${item.getchildren()}|${item.tail}</r>"
        '<m a="1" b="2">x<n>y</n>z<o/></m>w'
    )

    assert inside(body) == "<r>x|1|a1b2|2|z|<n>y</n>z|<n>y</n>z<o />|</r>w"


def test_case_7_a_rule_is_off_in_its_own_output_and_the_others_are_on() -> None:
    body = (
        "<b py:match=\"item.tag == 'a'\"><a>${item.text}</a><c/></b>"
        "<d py:match=\"item.tag == 'c'\"><c/><a>2</a></d><a>1</a>"
    )

    assert inside(body) == "<b><a>1</a><d><c /><a>2</a></d></b>"


def test_case_7_a_childs_rules_come_before_its_parents() -> None:
    parent = Template(source=f"<t {PY}><p py:match=\"item.tag == 'x'\">parent ${{item[:]}}</p></t>")
    source = f'<t {PY} py:extends="base"><p py:match="item.tag == \'x\'">child <x>${{item.text}}</x></p><x>1</x></t>'
    child = kid.load_template(source, ns={"base": type(parent)})

    assert child.serialize(fragment=True) == "<t><p>child <p>parent </p></p></t>"


def test_case_7_apply_lets_all_rules_at_what_it_is_given() -> None:
    body = (
        "<i py:match=\"item.tag == 'a'\">${apply(item.getchildren())}</i>"
        "<j py:match=\"item.tag == 'b'\">${apply(None)}$n</j><a><b/><a><b/></a></a>"
    )

    assert inside(body, n=1) == "<i><j>1</j><i><j>1</j></i></i>"


def test_case_8_definitions_and_rules_hold_for_the_whole_page_wherever_they_stand() -> None:
    body = '${late(1)}<x/><u><p py:def="late(n)">$n</p></u><y py:match="item.tag == \'x\'"/>'

    assert inside(body) == "<p>1</p><y /><u />"


def test_case_8_a_definition_is_called_from_other_modules_too(tmp_path: Path) -> None:
    (tmp_path / "lib.kid").write_text(f'<t {PY}><p py:def="twice(n, *more, **named)">${{2 * n}}$more${{named}}</p></t>')
    (tmp_path / "page.kid").write_text(
        "<?python import lib\nfrom lib import twice ?><t>${lib.twice(1)}${twice(2, 3, k=4)}</t>"
    )

    assert kid.render_xml(tmp_path / "page.kid").endswith("<t><p>2</p><p>43k</p></t>")
