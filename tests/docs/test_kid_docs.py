"""The pages on Kid name everything there is, their examples run, and hello is the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reading import DOCS, ROOT, blocks, codes, first_codes, rows, section

from raa import kid
from raa.kid import compiler, loader, python
from raa.kid.errors import TemplateWarning
from raa.testing.client import Client
from raa.testing.console import running_console
from raa.web.renderkid import KidPages

REFERENCE = DOCS / "reference" / "kid.md"
HOWTO = DOCS / "how-to" / "bring-a-kid-page.md"


def listed(heading: str) -> list[str]:
    return [code.partition("(")[0] for code in first_codes(section(REFERENCE, heading))]


def test_every_name_of_the_engine_is_listed_with_its_signature() -> None:
    import inspect

    assert set(listed("From Python")) - set(kid.METHODS) == set(kid.__all__)
    for code in first_codes(section(REFERENCE, "From Python")):
        name, _, arguments = code.removesuffix(")").partition("(")
        if arguments:
            parameters = inspect.signature(getattr(kid, name)).parameters.values()
            plain = [str(p.replace(annotation=inspect.Parameter.empty)).replace("'", '"') for p in parameters]
            assert arguments == ", ".join(plain), name


def test_every_method_is_listed() -> None:
    tables = re.findall(r"^\| (`.*?) \|", section(REFERENCE, "From Python"), re.MULTILINE)

    assert {code for row in tables for code in codes(row)} >= set(kid.METHODS)


def test_every_directive_is_listed_in_its_order() -> None:
    assert [name.removeprefix("py:") for name in listed("Directives")] == [
        "extends", "layout", "def", "slot", "match", "for", "if", "replace", "strip", "omit", "attrs", "content",
    ]  # fmt: skip
    assert sorted(name.removeprefix("py:") for name in listed("Directives")) == sorted(compiler.DIRECTIVES)


def test_every_name_that_a_page_finds_is_listed() -> None:
    hidden = {"_kid", "ElementStream"}
    methods = {"defined", "value_of", "document", "layout_params"}

    assert set(listed("Names in every page")) == (set(loader.NAMES) - hidden) | methods


def test_every_name_that_the_console_gives_is_listed() -> None:
    given: dict[str, object] = {}

    class Seen:
        def __init__(self, **names: object) -> None:
            given.update(names)

        def __iter__(self) -> object:
            return iter(())

    pages = KidPages(ROOT / "templates", {}, lambda *_: None, reload=False)
    pages.loader.load = lambda *_: type("module", (), {"Template": Seen})  # type: ignore[method-assign,assignment,return-value]
    pages.stream(Path("x"), type("Ui", (), {"url": str})(), {"include": None})

    assert set(listed("Names in the console")) == {*given, "display_instructions"}


def test_every_idiom_that_is_rewritten_is_listed() -> None:
    text = section(REFERENCE, "Python 2")

    assert {name for row in rows(text) for name in codes(row[0])} >= set(python.NAMES)
    for idiom in (code for row in rows(text) for code in codes(row[0])):
        body = f"try: pass\n{idiom}\n  pass" if idiom.startswith("except") else idiom
        source = f"<?python\nd = {{}}; k = x = 1; A = Exception\n{body} ?><t/>"
        with pytest.warns(TemplateWarning, match="line [34]: "):
            kid.load_template(source)


def test_the_number_of_pairs_is_that_of_the_test() -> None:
    text = section(REFERENCE, "Differences from Kid 0.9.6")
    tested = (ROOT / "tests" / "unit" / "kid" / "test_kid_pairs.py").read_text()

    assert "Of the 123 pairs of pages and results in Kid's own tests, 122 hold." in text
    assert 'EXPLAINED = {("test_def.kid", 2)}' in tested
    assert "the third in `test_def.kid`" in text


def test_the_example_of_the_reference_page_renders() -> None:
    (page,) = blocks(REFERENCE, "html")
    shared = kid.Loader([ROOT / "templates"], {"raa.templates": ROOT / "templates"})
    text = (
        shared.run(type(kid)("example"), page.text, "example.kid").Template(nodes=["a", "b"]).serialize(fragment=True)
    )

    assert '<li><p class="ok">a</p></li>' in text
    assert '<li class="odd"><p class="ok">b</p></li>' in text


def test_the_python_example_of_the_reference_page_runs() -> None:
    (example,) = blocks(REFERENCE, "python")
    scope: dict[str, object] = {}
    exec(example.text, scope)

    assert str(scope["page"]).endswith("<p>Hello, you</p>")


def write_hello(folder: Path) -> None:
    """Write the plugin of the how-to page; what it does not show is the shipped one's."""
    for block in blocks(HOWTO):
        if block.title.startswith("my-plugins/"):
            path = folder / block.title.removeprefix("my-plugins/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    (folder / "hello" / "__init__.py").touch()
    (folder / "hello" / "srv").mkdir()
    (folder / "hello" / "srv" / "__init__.py").write_text((ROOT / "plugins/hello/srv/__init__.py").read_text())


def test_hello_in_kid_is_hello_in_genshi_byte_for_byte_but_for_blanks(tmp_path: Path) -> None:
    write_hello(tmp_path / "plugins")
    texts = []
    for options in ({}, {"plugins.dirs": [str(tmp_path / "plugins")]}):
        with running_console(tmp_path / f"state{len(texts)}", options=options) as app:
            client = Client(app.server.port)
            client.log_in()
            sent = client.submit("/hello/Hello/index", "/hello/Hello/sayHello")
            assert sent.status == 303
            text = client.get("/hello/Hello/index").text
            main = text[text.index("<main") : text.index("</main>")]
            texts.append(re.sub(r"\s*<", "<", re.sub(r'value="\w{40,}"', 'value="token"', main)))
            assert app.console.registry.folders["/hello/Hello"].path.parent == (
                tmp_path / "plugins" if options else ROOT / "plugins"
            )

    assert texts[0] == texts[1]


def test_the_web_half_of_the_page_is_the_shipped_one_but_for_its_template() -> None:
    (block,) = blocks(HOWTO, "python")

    assert (
        block.text.replace('"rPath.hello.index"', '"index.html"')
        == (ROOT / "plugins/hello/web/__init__.py").read_text()
    )
