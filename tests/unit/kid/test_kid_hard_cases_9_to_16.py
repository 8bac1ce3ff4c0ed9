"""The other eight of the sixteen things that are hard about Kid on Python 3, one test or more each, by number."""

from __future__ import annotations

import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rendering import PY, inside, page

from raa import kid
from raa.kid import Element, Loader, Template, TemplateError, TemplateSyntaxError, TemplateWarning


@pytest.mark.parametrize("name", ["'base.kid'", "base.kid", "'base'", "base", "module", "module.Template", "pack.base"])
def test_case_9_extends_takes_files_names_modules_and_classes(tmp_path: Path, name: str) -> None:
    (tmp_path / "pages").mkdir()
    for file in (tmp_path / "pages" / "base.kid", tmp_path / "base.kid"):
        file.write_text(f'<t {PY}><b py:def="own">own</b><u py:match="item.tag == \'x\'"/></t>')
    (tmp_path / "pages" / "page.kid").write_text(
        f"<?python import kid; module = kid.load_template({str(tmp_path / 'base.kid')!r}) ?>"
        f'<t {PY} py:extends="{name}">${{own()}}<x/></t>'
    )
    loader = Loader([tmp_path], {"pack": tmp_path / "pages"})

    assert str(loader.load("pages/page.kid").Template()).endswith("<t><b>own</b><u /></t>")


def test_case_9_of_several_bases_the_first_goes_first_and_one_may_extend_another(tmp_path: Path) -> None:
    (tmp_path / "one.kid").write_text(f'<t {PY}><b py:def="f">one</b></t>')
    (tmp_path / "two.kid").write_text(f'<t {PY} py:extends="one"><b py:def="f">two</b><i py:def="g">g</i></t>')
    for bases, result in (("one, two", "two"), ("two,'one.kid'", "two"), ("one", "one"), ("one, one", "one")):
        (tmp_path / "page.kid").write_text(f'<t {PY} py:extends="{bases}">${{f()}}</t>')
        assert kid.render_xml(tmp_path / "page.kid").endswith(f"<t><b>{result}</b></t>"), bases


def test_case_9_a_layout_takes_functions_rules_and_parameters_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "frame.kid").write_text(
        f"<?python title = 'layout'; text = 'layout' ?><html {PY}><h1>$title $text $word</h1>${{body()}}<x/>"
        '<b py:def="body()">layout</b><i py:match="item.tag == \'x\'">layout</i>'
        "<u py:match=\"item.tag == 'v'\"/></html>"
    )
    (tmp_path / "page.kid").write_text(
        f"<?python layout_params['title'] = 'page'; layout_params['word'] = 'page' ?>"
        f'<p {PY} py:layout="\'frame.kid\'">lost<b py:def="body()">$word</b>'
        "<i py:match=\"item.tag == 'x'\">page<v/></i></p>"
    )

    assert kid.render_xml(tmp_path / "page.kid", word="argument").endswith(
        "<html><h1>page layout argument</h1><b>argument</b><i>page<u /></i></html>"
    )


def test_case_10_namespaces_keep_their_meaning_and_kids_own_is_dropped() -> None:
    source = (
        f'<html xmlns="http://www.w3.org/1999/xhtml" xmlns:s="urn:s" {PY} s:a="1" xml:lang="en">'
        '<s:b c="2" s:d="3"/><b xmlns="urn:s" s:e="4"/>${XML("&lt;f/>", xmlns="urn:g")}</html>'
    )
    text = Template(source=source).serialize()
    root = ElementTree.fromstring(text)

    assert "purl.org" not in text
    assert root.attrib == {"{urn:s}a": "1", "{http://www.w3.org/XML/1998/namespace}lang": "en"}
    assert [(e.tag, e.attrib) for e in root] == [
        ("{urn:s}b", {"c": "2", "{urn:s}d": "3"}), ("{urn:s}b", {"{urn:s}e": "4"}), ("{urn:g}f", {}),
    ]  # fmt: skip


def test_case_11_html_output_is_what_kid_wrote() -> None:
    source = (
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en"><head><script src="x"/>'
        "<style><![CDATA[a > b {}]]></style><script><![CDATA[if (a < b && c) d();]]></script></head>"
        '<body><br/><div/><option selected="1">&bull;&nbsp;&lt;</option></body></html>'
    )

    assert Template(source=source).serialize(output="html") == (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">\n'
        '<html lang="en"><head><meta content="text/html; charset=utf-8" http-equiv="content-type">\n'
        '<script src="x"></script><style>a > b {}</style><script>if (a < b && c) d();</script></head>'
        "<body><br><div></div><option selected>•\xa0&lt;</option></body></html>"
    )


def test_case_11_the_pages_own_document_type_is_kept_where_it_fits_the_method() -> None:
    strict = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'
    )
    html5 = "<!DOCTYPE html>"

    assert Template(source=strict + "<html/>").serialize(output="xhtml").startswith(strict)
    assert Template(source=strict + "<html/>").serialize().splitlines()[1] == strict
    assert "HTML 4.01" in Template(source=strict + "<html/>").serialize(output="html")
    assert "4.01//EN" in Template(source=strict + "<html/>").serialize(output="html-strict")
    assert Template(source=html5 + "<html/>").serialize(output="html").startswith(html5 + "\n<html>")


def test_case_12_comments_and_instructions() -> None:
    body = (
        "<!--!gone--><!-- !gone --><!-- ${x} --><!--[if IE ${x}]> $y <![endif]--><!-- a $x //--><?php echo ${x} ?>"
        "<!--[if]-->"
    )

    assert inside(body, x=1, y="--><b>") == (
        "<!-- ${x} --><!--[if IE 1]> - -><b> <![endif]--><!-- a 1 //--><?php echo ${x} ?><!--[if]-->"
    )


def test_case_13_python_imports_templates_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "kidpackage"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "frame.kid").write_text(f'<t {PY}><p py:def="f(n)">$n</p>$x</t>')
    monkeypatch.syspath_prepend(str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ImportError):
        __import__("kidpackage.frame")
    kid.enable_import()
    kid.enable_import()
    try:
        module = kid.import_template("kidpackage.frame")
        import raa.templates.master  # type: ignore[import-not-found]

        assert str(module.f(1)) == "<p>1</p>"
        assert module.serialize(x=2, fragment=True) == "<t>2</t>"
        assert issubclass(raa.templates.master.Template, kid.BaseTemplate)
        assert Template(name="kidpackage.frame", x=3).serialize(fragment=True) == "<t>3</t>"
    finally:
        kid.disable_import()
        kid.disable_import()
    assert [
        path for path in sorted(tmp_path.rglob("*")) if path.suffix != ".pyc" and path.name != "__pycache__"
    ] == before


@pytest.mark.parametrize(
    ("body", "result", "told"),
    [
        ("<?python\n\nfor k, v in d.iteritems(): pass ?>$k", "a", "line 3: iteritems"),
        ("${list(d.iterkeys())}${list(d.itervalues())}", "a1", "iterkeys"),
        ("\n${d.has_key('a')}${d.has_key('b')}", "\nTrueFalse", "line 2: has_key"),
        ("${unicode(1)}${unicode('\\xc3\\xa9', 'utf-8')}${unicode()}", "1é", "unicode"),
        ("${isinstance('', basestring)}${unichr(65)}${long(3)}${list(xrange(2))}", "TrueA301", "basestring"),
        ("<?python\nx = 1\nif x:\n    print 'said', x\n ?>", "", "line 4: print x"),
        (
            "<?python\ntry:\n    1 / 0\nexcept ZeroDivisionError, e:\n    x = str(e) ?>$x",
            "division by zero",
            "line 4: except A, e",
        ),
        ("<?python print 'said',\nprint 1 ?>", "", "line 2: print x"),
    ],
)
def test_case_14_idioms_of_python_2_are_rewritten_with_a_warning(
    body: str, result: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.warns(TemplateWarning, match=told):
        assert inside(body, d={"a": 1}) == result
    assert capsys.readouterr().out == ("said 1\n" if "said" in body else "")


def test_case_14_texts_that_were_bytes_are_decoded_and_others_left() -> None:
    assert inside("${'\\xc3\\xa9'.decode('utf-8')}${'€'.decode('utf-8')}${b.decode('latin-1')}", b=b"\xe9") == "é€é"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("x = `1`", "repr"),
        ("x = 1 <> 2", "!="),
        ("print >>f, 1", "file=f"),
        ("raise A, 'b'", "raise E"),
        ("exec 'x'", "exec"),
        ("x = 017", "0o17"),
        ("x = 10L", "10 for 10L"),
        ("x = ur''", "r''"),
    ],
)
def test_case_14_other_python_2_is_refused_with_what_to_write(code: str, hint: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=r"line 2: .*Python 2: write") as caught:
        page(f"<?python\n{code} ?>")

    assert hint in str(caught.value)


def test_case_14_python_3_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inside("<?python print('x', end='') ?>${d.items()}", d={}) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<t>\n\n<p>${1 / 0}</p></t>", 3),
        ("<t>a\n$x\n${x.y}\n</t>", 2),
        (f"<t {PY}>\n<p\n a='1'\n b='${{1 / 0}}'/></t>", 4),
        (f"<t {PY}\n\n py:if='1 / 0'/>", 3),
        (f"<t {PY}><p\npy:content='1 / 0'/></t>", 2),
        (f"<t {PY}>\n<p py:strip='1 / 0'/></t>", 2),
        ("<t><?python\n\n  x = 1\n  y = 1 / 0\n ?></t>", 4),
        ("<?python\n\nx = 1 / 0 ?><t/>", 3),
        ("<t>${[1 +\n 1,\n 1 / 0]}</t>", 3),
        (f"<t {PY}>\n<p py:for='x in\n 1 / 0'/></t>", 2),
        (f"<t {PY}><p py:def='f'>\n${{1 / 0}}</p>${{f()}}</t>", 2),
        ("<t>&nbsp;\n<![CDATA[\n${1 / 0}]]></t>", 3),
        ("<t>\n<!--[\n${1 / 0}]--></t>", 3),
        (f"<t {PY}>\n<p py:attrs='a=1,\n b=1 / 0'/></t>", 2),
        (f"<t {PY}>\n<p py:match='1 / 0'/>\n<b/></t>", 2),
        ("<t>\r\n\r\n${1 / 0}</t>", 3),
    ],
)
def test_case_15_errors_at_run_time_name_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "page.kid").write_bytes(text.encode())

    with pytest.raises((ZeroDivisionError, NameError)) as caught:
        kid.render_xml(tmp_path / "page.kid")

    assert isinstance(caught.value, TemplateError)
    assert str(caught.value).startswith(f"{tmp_path / 'page.kid'}, line {line}: ")
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "page.kid"), line)
    assert f">{line:5} {text.splitlines()[line - 1]}" in caught.value.excerpt()


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("<t>\n<a></t>", 2, "mismatched tag"),
        ("<t>\n&nix;</t>", 2, "undefined entity &nix;"),
        ("", 1, "no element found"),
        ("<t>\n\n${1 +}</t>", 3, "invalid syntax: \\(1 \\+"),
        ("<t>\n<?python\n\nx = = 1 ?></t>", 4, "invalid syntax: x = = 1"),
        (f"<t {PY}\n\npy:if='1 +'/>", 3, "invalid syntax"),
        (f"<t {PY}>\n<p py:foo=''/></t>", 2, "there is no py:foo"),
        (f"<t {PY}>\n<p py:for='x in y: z'/></t>", 2, "invalid syntax"),
        (f"<t {PY}>\n<p py:def='1'/></t>", 2, "py:def takes"),
        (f"<t {PY}>\n<p py:extends='x'/></t>", 2, "outermost"),
        ("<t>\n<?python return 1 ?></t>", 2, "return"),
        ("<t>\n<?python yield 1 ?></t>", 2, "'yield' outside function"),
        ("<t>\n<a x='&nix;'/></t>", 2, "undefined entity"),
    ],
)
def test_case_15_errors_of_markup_and_code_name_file_and_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    (tmp_path / "page.kid").write_text(text)

    if "return" in text:  # that ends the page, as it ends a function
        assert kid.render_xml(tmp_path / "page.kid")
        return
    with pytest.raises(TemplateSyntaxError, match=told) as caught:
        kid.render_xml(tmp_path / "page.kid")

    assert str(caught.value).startswith(f"{tmp_path / 'page.kid'}, line {line}: ")


HOSTILE = "</script><script>alert(1)//\";'`\\\n\u2028${}"


@pytest.mark.parametrize("output", ["html", "xhtml", "xml"])
def test_case_16_a_text_in_a_script_is_what_a_json_string_holds(output: str) -> None:
    import json

    text = inside('<script>var x = "$x";</script>', output=output, x=HOSTILE)

    assert json.loads(text.removeprefix("<script>var x = ").removesuffix(";</script>")) == HOSTILE
    assert text.count("<") == 2


@pytest.mark.parametrize("value", ["alert(1)", "a;b", "f`x`", "x=1", "[0]", "a+b", "new Function('x')()", "\\u0061"])
def test_case_16_outside_of_a_string_a_text_is_never_code(value: str) -> None:
    assert not set("()`;=[]+'") & set(inside("<script>$x</script>", x=value).removeprefix("<script>"))


def test_case_16_numbers_words_and_what_is_marked_go_out_as_they_are() -> None:
    body = (
        '<script>${1}, ${2.5e30}, ${True}, ${None}, ${a and "true" or "false"}, ${"/x/y.z"}, '
        '${tojson({"a": "&lt;/b>"})}, '
        '${XML("f(1)")}, ${Markup("g(2)")}, ${[1, ";"]}</script>'
    )

    assert inside(body, output="html", a=0, Markup=kid.Markup) == (
        '<script>1, 2.5e+30, true, , false, /x/y.z, {"a": "\\u003c/b\\u003e"}, f(1), g(2), 1\\u003b</script>'
    )


def test_case_16_style_sheets_and_directives_in_scripts_are_kept_the_same_way() -> None:
    body = (
        "<style>#$a { color: $b }</style><script py:content='b'/><script><x py:strip='' py:for='c in b'>$c</x></script>"
    )

    assert inside(body, output="html", a="id", b="}<") == (
        "<style>#id { color: \\00007d\\00003c }</style><script>\\u007d\\u003c</script><script>\\u007d\\u003c</script>"
    )


def test_case_16_a_script_in_a_comment_is_a_script_all_the_same() -> None:
    body = '<script><!--\nvar x = "$x" + $n;\n//--></script><style><!-- a#$y { } //--></style><p><!--[if $x]--></p>'

    assert inside(body, output="html", x='"--></script>', n=1, y="menu}--") == (
        '<script><!--\nvar x = "\\u0022-\\u002d\\u003e\\u003c/script\\u003e" + 1;\n//--></script>'
        '<style><!-- a#menu\\00007d-\\00002d { } //--></style><p><!--[if "- -></script>]--></p>'
    )


def test_case_16_what_functions_and_elements_bring_into_a_script_cannot_end_it() -> None:
    element = Element("script")
    element.text = "a</script>b"
    body = '<b py:def="f(x)" py:strip="">var y = "$x";</b><script>${f(x)}</script>$e<script>${m}</script>'

    assert inside(body, output="html", x='"</script>', e=element, m=kid.XML("&lt;/script&gt;")) == (
        '<script>var y = "\\u0022\\u003c/script\\u003e";</script><script>a<\\/script>b</script>'
        "<script><\\/script></script>"
    )
