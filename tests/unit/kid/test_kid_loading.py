"""Where templates are found, what is refused, when they are read again, and what imports of pages do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rendering import PY

from raa import kid
from raa.kid import Loader, Template, TemplateNotFound, TemplateSyntaxError
from raa.kid.compiler import compiled


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "plugin/index.kid",
        "plugin/templates/part.kid",
        "plugin/templates/pass.kid",
        "shared/master.kid",
        "secret/x.kid",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<t>{name}</t>")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("master", "shared/master.kid"),
        ("master.kid", "shared/master.kid"),
        ("raa.templates.master", "shared/master.kid"),
        ("rPath.plugin.index", "plugin/index.kid"),
        ("plugin.index", "plugin/index.kid"),
        ("plugin.templates.part", "plugin/templates/part.kid"),
        ("rPath.plugin.part", "plugin/templates/part.kid"),
        ("rPath.plugin.pass", "plugin/templates/pass.kid"),
        ("plugin.part.kid", "plugin/templates/part.kid"),
    ],
)
def test_names_mean_files_of_the_shared_folder_and_of_plugins(tree: Path, name: str, found: str) -> None:
    loader = Loader([tree / "shared"], {"plugin": tree / "plugin", "raa.templates": tree / "shared"})

    assert loader.find(name) == tree / found


@pytest.mark.parametrize(
    "name",
    [
        "../secret/x.kid",
        "../secret/x",
        "SECRET",
        "link.kid",
        "nowhere",
        "plugin.nowhere",
        "os.path",
        "a..b",
        "",
        ".",
        "email.mime.x",
    ],
)
def test_nothing_outside_of_the_folders_is_read(tree: Path, name: str) -> None:
    (tree / "plugin" / "link.kid").symlink_to(tree / "secret" / "x.kid")
    loader = Loader([tree / "shared", tree / "plugin"], {"plugin": tree / "plugin"})
    name = str(tree / "secret" / "x.kid") if name == "SECRET" else name

    with pytest.raises(TemplateNotFound, match="there is no template"):
        loader.load(name, beside=str(tree / "plugin" / "index.kid"))


def test_a_page_cannot_reach_outside_of_the_folders_either(tree: Path) -> None:
    loader = Loader([tree / "shared"])
    for body in (
        "${document('../secret/x.kid')}",
        f"${{document('{tree}/secret/x.kid')}}",
        "${document('/etc/passwd')}",
    ):
        (tree / "shared" / "page.kid").write_text(f"<t>{body}</t>")
        with pytest.raises(TemplateNotFound, match=r"page.kid, line 1: there is no template"):
            str(Loader([tree / "shared"]).load("page").Template())
    (tree / "shared" / "page.kid").write_text(f"<t {PY} py:extends=\"'../secret/x.kid'\"/>")

    with pytest.raises(TemplateNotFound, match=r"no template '../secret/x.kid'"):
        loader.load("page")
    assert Loader([tree]).load("shared/page").Template().serialize(fragment=True) == "<t />"


def test_no_entity_reads_a_file(tree: Path) -> None:
    (tree / "shared" / "e.kid").write_text(
        f'<!DOCTYPE t [<!ENTITY x SYSTEM "file://{tree}/secret/x.kid"><!ENTITY y "inner">]><t>&y;&x;</t>'
    )

    assert Loader([tree / "shared"]).load("e").Template().serialize(fragment=True) == "<t>inner</t>"


def test_a_bomb_of_entities_is_refused() -> None:
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))

    with pytest.raises(TemplateSyntaxError, match="amplification"):
        Template(source=f'<!DOCTYPE t [<!ENTITY a0 "{"x" * 100}">{bomb}]><t>&a11;</t>')


def test_a_changed_file_is_read_again_where_that_is_wanted_with_all_that_extends_it(tree: Path) -> None:
    page, master = tree / "plugin" / "index.kid", tree / "shared" / "master.kid"
    page.write_text(f'<t {PY} py:extends="master">${{word()}}</t>')
    master.write_text(f'<t {PY}><b py:def="word">old</b></t>')
    developing, serving = (Loader([tree / "shared", tree / "plugin"], reload=reload) for reload in (True, False))
    first = developing.load("index"), serving.load("index")

    assert developing.load("index") is first[0]
    master.write_text(f'<t {PY}><b py:def="word">newer</b></t>')

    assert developing.load("index").Template().serialize(fragment=True) == "<t><b>newer</b></t>"
    assert serving.load("index") is first[1]
    master.unlink()
    with pytest.raises(TemplateNotFound):
        developing.load("index")


def test_what_is_compiled_is_kept_by_content(tree: Path) -> None:
    before = compiled.cache_info()
    for _ in range(3):
        Loader([tree]).load("plugin/index.kid")
        Template(source="<kept-by-content/>")

    after = compiled.cache_info()
    assert after.misses - before.misses == 2
    assert after.hits - before.hits == 4


def test_a_page_imports_kid_python_and_templates(tree: Path) -> None:
    (tree / "plugin" / "page.kid").write_text(
        "<?python\nimport kid, os.path, kid.namespace\nfrom kid import Element\nfrom kid.namespace import Namespace\n"
        "import plugin.templates.part\nfrom plugin.templates import part\nimport other.deep.thing\nfrom os import *\n"
        "import raa.templates.master\nfrom raa.templates import master\n"
        "x = kid.XML, os.path.join, kid.namespace.KID ?><t>${plugin.templates.part.serialize(fragment=True)}"
        "${part is plugin.templates.part}${master is raa.templates.master}${other.deep.thing.n}"
        "${getcwd is os.getcwd}</t>"
    )
    (tree / "deep").mkdir()
    (tree / "deep" / "thing.kid").write_text("<?python n = 7 ?><t/>")
    templates = Path(__file__).parents[3] / "templates"
    packages = {"plugin": tree / "plugin", "raa.templates": templates, "other": tree}

    text = Loader([tree / "plugin"], packages).load("page").Template().serialize(output="plain")

    assert text == "<t>plugin/templates/part.kid</t>TrueTrue7True"


@pytest.mark.parametrize(
    "line", ["import nowhere_at_all", "from raa import nowhere", "from os import nowhere", "from . import x"]
)
def test_what_cannot_be_imported_is_an_import_error_with_file_and_line(tree: Path, line: str) -> None:
    (tree / "plugin" / "page.kid").write_text(f"<?python\n{line} ?><t/>")

    with pytest.raises(ImportError, match=r"page.kid, line 2"):
        Loader([tree / "plugin"]).load("page")


def test_what_an_imported_module_lacks_itself_is_told_as_it_is(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "kidtest_needs_more.py").write_text("import nowhere_at_all")
    monkeypatch.syspath_prepend(str(tree))

    with pytest.raises(ModuleNotFoundError, match="'nowhere_at_all'"):
        kid.load_template("<?python import kidtest_needs_more ?><t/>")


def test_the_import_hook_takes_further_endings_and_folders(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "kidtest_a.kid").write_text("<t>a</t>")
    (tree / "kidtest_b.html").write_text("<t>b</t>")
    (tree / "secret" / "kidtest_c.kid").write_text("<t>c</t>")
    monkeypatch.syspath_prepend(str(tree))
    kid.enable_import(ext=".html,.kid.html", path=str(tree / "secret"))
    try:
        import kidtest_a  # type: ignore[import-not-found]
        import kidtest_b  # type: ignore[import-not-found]
        import kidtest_c  # type: ignore[import-not-found]

        assert [m.serialize(output="plain") for m in (kidtest_a, kidtest_b, kidtest_c)] == ["a", "b", "c"]
        with pytest.raises(ModuleNotFoundError):
            __import__("kidtest_nowhere")
        kid.enable_import([".kid"], [str(tree), str(tree / "secret")])
        kid.disable_import(str(tree / "secret"))
        assert kid.importer.installed() is not None
        kid.disable_import([str(tree)])
        assert kid.importer.installed() is None
    finally:
        kid.disable_import()
        for name in ("kidtest_a", "kidtest_b", "kidtest_c"):
            sys.modules.pop(name, None)


def test_text_may_be_in_any_encoding(tmp_path: Path) -> None:
    texts = {
        "utf-8": "<t>é</t>".encode(),
        "bom": b"\xef\xbb\xbf<?xml version='1.0'?><t>\xc3\xa9</t>",
        "utf-16": "<t>é</t>".encode("utf-16"),
        "declared": b"<?xml version='1.0' encoding='iso-8859-1'?><t>\xe9</t>",
    }
    for name, data in texts.items():
        (tmp_path / f"{name}.kid").write_bytes(data)
        assert kid.render_xml(tmp_path / f"{name}.kid").endswith("<t>é</t>"), name


@pytest.mark.parametrize(
    "data", [b"<t>\xff</t>", b"<?xml version='1.0' encoding='nonsense'?><t/>", b"<?xml encoding='rot13'?><t/>"]
)
def test_text_that_cannot_be_decoded_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "page.kid").write_bytes(data)

    with pytest.raises(TemplateSyntaxError, match=r"page.kid, line 1: cannot be decoded"):
        kid.render_xml(tmp_path / "page.kid")


def test_markup_that_is_too_deep_is_refused() -> None:
    with pytest.raises(TemplateSyntaxError, match="more than 150 elements"):
        Template(source="<a>" * 200 + "</a>" * 200)
    assert Template(source="<a>" * 150 + "</a>" * 150).serialize()


@pytest.mark.parametrize("code", ["(" * 500 + ")" * 500, "x" + ".y" * 5000, "1" + "0" * 5000, "\0"])
def test_code_that_python_will_not_read_is_refused(code: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        kid.compiler.compiled(f"<t>${{{code}}}</t>" if code != "\0" else "<t>${'&#0;'}</t>", "page.kid")


def test_loops_and_conditions_lie_in_one_another_deeper_than_python_takes() -> None:
    loop, test = '<a py:for="x in (x,)" py:strip="">', '<a py:if="x" py:strip="">'
    nested = f"<t {PY}>{loop * 70}{test * 70}$x{'</a>' * 140}</t>"

    assert Template(source=nested, x=1).serialize(fragment=True) == "<t>1</t>"


def test_a_dotted_name_is_looked_for_where_python_would_look() -> None:
    module = kid.load_template("raa.templates.master")

    assert Path(str(module.__file__)).name == "master.kid"
    assert str(module.display_instructions("Read this.")) == '<p class="prose">Read this.</p>'
    for name in ("raa.templates.nowhere", "nowhere_at_all.master", "json.decoder.x"):
        with pytest.raises(TemplateNotFound, match=name):
            kid.load_template(name)


def test_a_relative_name_is_looked_for_in_the_working_directory(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "plugin")

    assert Path(os.path.relpath(kid.load_template("index.kid").__file__, tree)) == Path("plugin/index.kid")
    assert kid.path.find("index") == tree / "plugin" / "index.kid"
