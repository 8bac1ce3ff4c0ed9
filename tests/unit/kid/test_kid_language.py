"""The directives and functions of Kid pages that are not among the hard cases."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rendering import PY, inside, page

from raa import kid
from raa.kid import (
    Namespace,
    Template,
    TemplateError,
)


def test_directives_are_carried_out_in_kids_order() -> None:
    body = '<p py:for="n in rows" py:if="n % 2" py:attrs="id=n" py:content="n" class="c$n" py:strip="n == 3">x</p>'

    assert inside(body, rows=range(5)) == '<p class="c1" id="1">1</p>3'


def test_replace_puts_its_value_in_place_of_the_element_whatever_strip_says() -> None:
    assert inside('<p py:replace="x" py:strip="False">y</p><p py:replace="None"/><p py:replace="">z</p>', x=1) == "1"


def test_what_content_and_replace_leave_out_is_not_looked_at() -> None:
    body = '<p py:content="x">${1 +} <b py:def="f">y</b><u><i py:foo=""/></u></p><p py:replace="x">${</p>$x'

    assert inside(body, x=1) == "<p>1</p>11"


@pytest.mark.parametrize(("strip", "result"), [("", "a"), ("True", "a"), ("0", "<p>a</p>"), ("''", "<p>a</p>")])
def test_strip_and_its_old_name_omit(strip: str, result: str) -> None:
    assert inside(f'<p py:strip="{strip}">a</p>') == inside(f'<p py:omit="{strip}">a</p>') == result


def test_strip_takes_the_namespace_with_it_and_keeps_that_of_others() -> None:
    assert inside('<a xmlns:x="urn:x" py:strip=""><x:b/></a><c xmlns="urn:c" py:strip="0"/>') == (
        '<b xmlns="urn:x" /><c xmlns="urn:c" />'
    )


def test_a_slot_is_a_definition_that_is_called_where_it_stands() -> None:
    assert inside('<p py:slot="s">1</p>${s()}') == "<p>1</p><p>1</p>"


def test_a_definition_cannot_take_the_name_of_a_method() -> None:
    with pytest.raises(TemplateError, match=r"py:def cannot define content\(\)"):
        page('<p py:def="content()"/>')


def test_a_definition_within_another_is_found_by_all() -> None:
    assert inside('<a py:def="f"><b py:def="g(x=\'d\')">$x</b>${g(1)}</a>${f()}${g()}') == "<a><b>1</b></a><b>d</b>"


def test_a_block_inside_a_loop_belongs_to_it() -> None:
    assert inside('<p py:for="n in (1, 2)"><?python n = n * 10 ?>$n</p>') == "<p>10</p><p>20</p>"


def test_a_block_may_import_all_of_a_module_and_end_its_function() -> None:
    body = "<b py:def='f' py:strip=''>1<?python\nfor n in (1, 2):\n    def g(): return n\n    if g(): return\n?>2</b>"

    assert inside(f"{body}<?python from math import * ?>${{f()}}${{floor(3.5)}}") == "13"
    assert inside("1<p py:if='1' py:strip=''><?python return ?>2</p>3", output="plain") == "1"


def test_an_empty_loop_or_condition_says_nothing() -> None:
    assert inside('<p py:if="1" py:replace=""/><p py:for="n in (1,)" py:replace=""/><p py:match="0"/>') == ""


def test_defined_and_value_of_ask_for_variables_and_functions() -> None:
    body = "<b py:def='f'/>${[defined(n) for n in ('x', 'f', 'y')]}${value_of('x')}${value_of('y', 7)}${value_of('y')}"

    assert inside(body, x=1) == "TrueTrueFalse17"


def test_document_reads_files_beside_the_page(tmp_path: Path) -> None:
    (tmp_path / "part.xml").write_text("<?xml version='1.0'?><!-- c --><p>in &bull;</p>")
    (tmp_path / "page.kid").write_text(
        "<t>${document('part.xml')}${document(__file__.replace('page.kid', 'part.xml'))}</t>"
    )

    assert kid.render_xml(tmp_path / "page.kid").endswith("<t><!-- c --><p>in •</p><!-- c --><p>in •</p></t>")


def test_a_page_without_definitions_of_its_own_is_a_base_of_nothing() -> None:
    assert list(kid.BaseTemplate()) == []
    assert kid.BaseTemplate().serialize(output="xml", fragment=True) == ""


def test_reserved_names_are_refused() -> None:
    with pytest.raises(TemplateError, match="'content' is a reserved name"):
        Template("<a/>", content=None)


def test_a_variable_may_be_called_self() -> None:
    assert inside("${self.defined('x')}", self=1, x=2) == "True"


def test_variables_may_be_set_on_the_instance() -> None:
    template = page("$x")
    template.x = 2

    assert str(template)[-8:] == "<t>2</t>"


def test_a_layout_function_of_a_base_frames_the_page(tmp_path: Path) -> None:
    (tmp_path / "frame.kid").write_text(f'<html {PY} py:def="layout"><b>${{content()}}</b></html>')
    (tmp_path / "outer.kid").write_text(f'<x {PY} py:extends="frame"><i py:def="layout">${{content()}}</i></x>')
    (tmp_path / "page.kid").write_text(f'<p {PY} py:extends="frame">$x</p>')
    (tmp_path / "two.kid").write_text(f'<p {PY} py:extends="outer">$x</p>')

    assert kid.render_xml(tmp_path / "page.kid", x=1).endswith("<html><b><p>1</p></b></html>")
    assert kid.render_xml(tmp_path / "two.kid", x=1).endswith("<html><b><i><p>1</p></i></b></html>")


def test_a_layout_may_have_a_layout_and_a_circle_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.kid").write_text(f'<a {PY} py:layout="\'b\'"><i py:def="x">a</i></a>')
    (tmp_path / "b.kid").write_text(f'<b {PY} py:layout="c">${{x()}}<i py:def="y">b</i></b>')
    (tmp_path / "c.kid").write_text(f"<c {PY}>${{x()}}${{y()}}</c>")
    (tmp_path / "d.kid").write_text(f'<d {PY} py:layout="e"/>')
    (tmp_path / "e.kid").write_text(f'<e {PY} py:layout="d"/>')

    assert kid.render_xml(tmp_path / "a.kid").endswith("<c><i>a</i><i>b</i></c>")
    with pytest.raises(kid.TemplateNotFound, match="leads back"):
        kid.render_xml(tmp_path / "d.kid")
    assert "".join(e[1] for e in Template(str(tmp_path / "a.kid")).pull() if e[0] == "TEXT") == "ab"


def test_a_page_may_extend_and_be_framed_by_the_same_page(tmp_path: Path) -> None:
    (tmp_path / "m.kid").write_text(f'<m {PY}>${{x()}}<i py:def="x">m</i></m>')
    (tmp_path / "p.kid").write_text(f'<p {PY} py:extends="m" py:layout="m"><i py:def="x">p</i></p>')

    assert kid.render_xml(tmp_path / "p.kid").endswith("<m><i>p</i></m>")


@pytest.mark.parametrize(
    ("markup", "told"),
    [
        (
            'py:extends="nowhere"',
            "name 'nowhere' is not defined; there is no template .*, while processing extends='nowhere'",
        ),
        ('py:extends="1"', "1 is no template"),
        ('py:extends="a b.kid"', "no template 'a b.kid'"),
        ('py:layout="nowhere"', "not defined; .*, while processing layout='nowhere'"),
        ('py:layout="x y"', "layout='x y'"),
        ('py:layout="kid"', "kid is no template"),
    ],
)
def test_what_cannot_be_extended_or_framed_by_is_told(markup: str, told: str) -> None:
    with pytest.raises(kid.TemplateNotFound, match=told):
        str(Template(source=f"<?python import kid ?><t {PY} {markup}/>"))


def test_a_serialized_page_goes_to_files_and_file_objects(tmp_path: Path) -> None:
    template, file = page("é"), io.StringIO()
    template.write(file, fragment=True)
    template.write(tmp_path / "out", encoding="ascii")

    assert file.getvalue() == "<t>é</t>"
    assert (tmp_path / "out").read_bytes() == b'<?xml version="1.0" encoding="ascii"?>\n<t>&#233;</t>'
    assert "".join(template.generate(fragment=True)) == "<t>é</t>"


def test_modules_have_kids_functions_and_take_names(tmp_path: Path) -> None:
    module = kid.load_template(f'<t {PY}>$x<b py:def="f">$y</b></t>', ns={"y": 5})
    out = io.StringIO()
    module.write(out, x=1, fragment=True)

    assert (
        out.getvalue()
        == module.serialize(x=1, fragment=True)
        == "".join(module.generate(x=1, fragment=True))
        == "<t>1</t>"
    )
    assert [event[0] for event in module.pull(x=1)] == ["START", "TEXT", "END"]
    assert str(module.f()) == "<b>5</b>"


def test_templates_are_loaded_from_text_files_and_file_objects_by_name_or_anew(tmp_path: Path) -> None:
    path = tmp_path / "page.kid"
    path.write_text("<?python n = 1 ?><t>&nbsp;</t>")
    ran: list[ModuleType] = []

    def execute(module: ModuleType, code: Any) -> None:
        ran.append(module)
        exec(code, module.__dict__)

    one = kid.load_template(str(path))
    named = kid.load_template(str(path), name="kid_named_for_a_test")
    try:
        assert kid.load_template(str(path)) is one
        assert kid.load_template(str(path), cache=False) is not one
        assert (
            kid.load_template("<other/>", name="kid_named_for_a_test") is named is sys.modules["kid_named_for_a_test"]
        )
    finally:
        del sys.modules["kid_named_for_a_test"]
    with path.open("rb") as file:
        assert kid.load_template(file).n == 1
    assert kid.load_template(io.StringIO("<?python n = 1 ?><t/>")).n == 1
    assert kid.load_template(str(path), exec_module=execute) is ran[0]
    assert kid.load_template(b"<t>\xe9</t>", encoding="latin-1").serialize(fragment=True) == "<t>é</t>"
    assert kid.load_template("<t>&x;</t>", entity_map={"x": "y"}).serialize(fragment=True) == "<t>y</t>"
    with pytest.raises(TemplateError, match="say which template"):
        Template()


def test_namespaces_build_names() -> None:
    test = Namespace("urn:t", "t")

    assert (test.a, test["b"], test.qname("c"), str(test)) == ("{urn:t}a", "{urn:t}b", "t:c", "urn:t")
    assert (Namespace(None).a, Namespace(None).qname("a"), str(Namespace(None))) == ("a", "a", "")
