"""Kid pages in a running console: their names, their frame, their errors, and Genshi on either side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from doors import logged_in
from kidplugins import write_old

from raa.app import App
from raa.rpath_error import ConfigurationError
from raa.testing.client import Client
from raa.testing.console import running_console, wait_for


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("kid")
    options = {"plugins.dirs": [str(write_old(folder / "plugins"))]}
    with running_console(folder / "state", options=options) as app:
        assert app.console.registry.failures == []
        yield app


def main(text: str) -> str:
    found = re.search(r'<main id="main".*?</main>', text, re.DOTALL)
    assert found, text
    return found[0]


class Shape(HTMLParser):
    """Whether every tag is closed, in order."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")


def test_a_page_of_2008_is_rendered_in_the_frame(admin: Client) -> None:
    reply = admin.get("/old/Old/index")
    text, body = reply.text, main(reply.text)

    assert reply.status == 200, text
    assert text.startswith("<!DOCTYPE html>\n")
    assert "<h1>Nodes</h1>" in body
    assert '<p class="prose">Read $$ this.</p>' in body
    assert re.findall(r'<div class="(\w+)"><strong>(\w+)</strong>:\s+(\w+ •)</div>', body) == [
        ("high", "one", "one •"),
        ("low", "two", "two •"),
    ]
    assert '<p id="word" title="&lt;B&gt;&amp;">&lt;B&gt;&amp;\xa07b</p>' in body
    assert "purl.org" not in text
    assert Shape(text).wrong == Shape(text).open == []


def test_head_and_body_attributes_are_merged_into_the_frames(admin: Client) -> None:
    text = admin.get("/old/Old/index").text
    head = text[: text.index("</head>")]

    assert '<link type="text/css" href="/old/static/old.css" rel="stylesheet" media="screen">' in head
    assert '<meta name="old" content="&lt;b&gt;&amp;">' in head
    assert len(re.findall("charset", head)) == 1
    assert len(re.findall("<title>", head)) == 1
    assert "<title>Nodes – " in head
    assert '<body id="middleWide" class="old">' in text


def test_forms_that_post_to_this_console_get_the_token_and_no_others(admin: Client) -> None:
    body = main(admin.get("/old/Old/index").text)
    forms = dict(re.findall(r'<form action="([^"]*)"(.*?)</form>', body, re.DOTALL))

    assert {action: form.count('name="_token"') for action, form in forms.items()} == {
        "save": 1, "http://elsewhere.example/save": 0, "/\t/elsewhere.example/": 0, "index": 0,
        "javascript:void(0);": 0,
    }  # fmt: skip
    sent = admin.submit("/old/Old/index", "/old/Old/save", {"name": "x"})
    assert (sent.status, sent.headers["location"]) == (303, "/old/Old/index")
    assert "Saved x 0." in admin.get("/old/Old/index").text
    assert admin.post("/old/Old/save", {"name": "x"}).status == 403


def test_a_template_that_is_imported_frames_too_and_old_names_are_there(admin: Client) -> None:
    text = admin.get("/old/Old/wizard").text

    assert '<p id="wizard">True 2 Done.</p>' in text
    assert text.count("First.") == text.count("Done.") - 1 == 1
    assert "<p><b>[key]</b></p>" in text


def test_a_page_that_extends_nothing_has_no_frame(admin: Client) -> None:
    assert admin.get("/old/Old/plain").text == "<!DOCTYPE html>\n<p>no frame, False, , </p>"


def test_templates_may_lie_in_folders_of_templates(admin: Client) -> None:
    assert admin.get("/old/Old/deep").text == "<!DOCTYPE html>\n<p>deep <b>deeper</b></p>"


def test_genshi_and_kid_stand_in_one_another_and_rules_reach_across(admin: Client) -> None:
    mixed, turned = main(admin.get("/old/Old/mixed").text), main(admin.get("/old/Old/turned").text)

    assert re.sub(r"\s+<", "<", mixed[mixed.index('<div id="genshi">') :]).startswith(
        '<div id="genshi"><kbd>outer</kbd><div class="kid1"><kbd>kid 1</kbd><div class="genshi2"><kbd>genshi 2</kbd>'
        '<div class="kid3"><kbd>kid 3</kbd></div></div></div></div>'
    )
    assert re.sub(r"\s+<", "<", turned[turned.index('<div id="kid">') :]).startswith(
        '<div id="kid"><em>OUTER</em><div class="genshi1"><em>GENSHI 1</em><div class="kid2"><em>KID 2</em>'
        '<div class="genshi3"><em>GENSHI 3</em></div></div></div><svg class="i " aria-hidden="true">'
    )


def test_an_error_is_kept_for_the_log_in_production(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    reply = admin.get("/old/Old/broken")

    assert reply.status == 500
    assert "broken.kid" not in reply.text
    assert "hunter2" not in reply.text
    reference = re.search(r"Reference <code>(\w+)", reply.text)
    assert reference
    wait_for(lambda: reference[1] in caplog.text, 5, "the reference in the log")
    assert "broken.kid, line 3: AttributeError: 'str' object has no attribute 'nothing'" in caplog.text


def test_an_error_is_shown_with_the_lines_around_in_development_and_a_mended_page_counts_at_once(
    tmp_path: Path,
) -> None:
    options = {"plugins.dirs": [str(write_old(tmp_path))], "server.environment": "development"}
    page = tmp_path / "old" / "templates" / "broken.kid"
    with running_console(tmp_path / "state", options=options) as app:
        admin = logged_in(app, "admin")
        reply = admin.get("/old/Old/broken")

        assert reply.status == 500
        assert f"{page}, line 3: AttributeError: &#39;str&#39; object has no attribute &#39;nothing&#39;" in (
            reply.text.replace("'", "&#39;")
        )
        assert "<pre>     1 &lt;html" in reply.text
        assert "\n&gt;    3 &lt;p&gt;${secret.nothing}&lt;/p&gt;\n" in reply.text
        page.write_text(page.read_text().replace("${secret.nothing}", "mended"))
        assert "<p>mended</p>" in admin.get("/old/Old/broken").text
        page.write_text(page.read_text().replace("</p>", "</b>"))
        assert "line 3: not well-formed: mismatched tag" in admin.get("/old/Old/broken").text


def test_a_page_that_writes_on_get_becomes_the_question_it_is_elsewhere(admin: Client) -> None:
    reply = admin.get("/old/Old/write")

    assert (reply.status, "broken" in reply.text) == (200, False)
    assert 'action="/old/Old/write"' in reply.text


def test_a_template_that_is_nowhere_is_told(admin: Client) -> None:
    reply = admin.get("/old/Old/nowhere")

    assert reply.status == 422
    assert "there is no template nowhere.html or nowhere.kid in " in reply.text


def test_an_environment_that_is_neither_is_refused(tmp_path: Path) -> None:
    console = running_console(tmp_path / "state", options={"server.environment": "test"})

    with pytest.raises(ConfigurationError, match='write "production" or "development"'), console:
        pass


def test_kid_pages_come_with_the_same_policy(admin: Client) -> None:
    kid, genshi = (admin.get(path).headers for path in ("/old/Old/index", "/hello/Hello/index"))

    assert kid["content-security-policy"] == genshi["content-security-policy"]
    assert "unsafe-inline" not in kid["content-security-policy"]
