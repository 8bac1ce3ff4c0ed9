"""What holds for any template: it is compiled or refused, soon, and what it renders to is well-formed.

`python fuzzing.py -max_total_time=60` lets atheris look for one for which it does not hold.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any
from xml.parsers import expat

SECONDS = 1.0
SLOW = "it took more than a second"
KID = "http://purl.org/kid/ns#"
#: pieces that templates are put together from; what they compute is quick and harmless
TEXTS = (
    "x",
    " ",
    "\n\n",
    "&lt;",
    "&amp;nbsp;",
    "&nbsp;",
    "&#9731;",
    "]]&gt;",
    "${a}",
    "$b",
    "$$",
    "${c}",
    "${",
    "}",
    "${d}",
    "$e.x",
    "--",
    "<![CDATA[<&]]>",
    "${[a, b, None]}",
    "${f'{a}'}",
    "${XML(m)}",
    "${g()}",
    "${g(b)}",
    "<!-- c -->",
    "<!--[$b]-->",
    "<!--! -->",
    "<!--${a}//-->",
    "<?pi $b?>",
    "<?python b = a ?>",
    "<?python\n  if c:\n    a = b\n ?>",
    "${e}",
    "${tojson(b)}",
    "${h}",
    "${item}",
)
TAGS = ("p", "script", "style", "pre", "head", "meta", "br", "body", "n:q", "title", "html", "textarea")
ATTRIBUTES = (
    'id="x"',
    'class="$b"',
    'title="${a}-${b}"',
    "lang='&quot;'",
    'n:r="$c"',
    'xmlns="urn:d"',
    'xmlns:n="urn:o"',
    'checked="$a"',
    'py:if="c"',
    'py:if="not c"',
    'py:for="a in (b, 1)"',
    'py:content="b"',
    'py:replace="h"',
    'py:strip=""',
    'py:strip="c"',
    'py:attrs="x=b, y=None"',
    'py:attrs="d"',
    'py:def="g(k=b)"',
    "py:match=\"item.tag == 'p'\"",
    "py:match=\"item.get('id')\"",
    'py:content="[a, h]"',
    'py:attrs="n:s=b"',
    'py:slot="s()"',
    'py:replace="XML(m)"',
    'py:content="item[:]"',
    'http-equiv="$b"',
)
HOSTILE = (
    "",
    "\x00\x0b",
    "<&\"'>",
    "]]>",
    "--",
    "</script>",
    "\ud800\uffff",
    "é€\U0001f600",
    "?>",
    "${x}",
    "-->",
    "a\n\n\nb",
    "{}",
    "\u2028",
)


def random_template(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return a template whose shape the bytes choose, and its variables."""
    choose = random.Random(data)
    limit = 4 + len(data) % 30
    parts: list[str] = []

    def element(depth: int) -> None:
        name = choose.choice(TAGS)
        attributes = dict((text.partition("=")[0], text) for text in choose.choices(ATTRIBUTES, k=choose.randrange(4)))
        parts.append(f"<{name} {' '.join(attributes.values())}>")
        for _ in range(choose.randrange(4)):
            if depth < 6 and len(parts) < limit and choose.random() < 0.5:
                element(depth + 1)
            else:
                parts.append(choose.choice(TEXTS))
        parts.append(f"</{name}>")

    element(0)
    hostile = choose.choice(HOSTILE) + data.decode("utf-8", "surrogateescape")[: choose.randrange(9)]
    names = {
        "a": choose.choice((1, 2.5, None, True, b"b", "x")),
        "b": hostile,
        "c": choose.random() < 0.5,
        "d": {"v": hostile},
        "e": [hostile, ("u", 1)],
        "h": "text",
        "m": choose.choice(("<i>1</i>2", "<j k='&lt;'/>", "", "3")),
        "item": None,
    }
    return f'<t xmlns:py="{KID}" xmlns:n="urn:n">{"".join(parts)}</t>', names


def judge_source(data: bytes) -> None:
    """Compile anything at all; raises `AssertionError` for what must not be."""
    from raa.kid import TemplateError, compiler

    _timed(lambda: compiler.compiled.__wrapped__(data, "fuzz.kid"), TemplateError)


def judge_rendering(data: bytes) -> None:
    """Render a template of random shape by three methods."""
    from raa.kid import Template, TemplateError

    source, names = random_template(data)
    for method in ("xml", "xhtml", "html"):
        text = _timed(
            lambda method=method: Template(source=source, **names).serialize("utf-8", True, method), TemplateError
        )
        problem = "" if text is None or method == "html" else malformed(f"<f>{text}</f>")
        assert not problem, f"{problem}: {method} of {source!r} with {names!r} is {text!r}"


def malformed(document: str) -> str:
    """Return why a document is not well-formed, "" if it is."""
    try:
        expat.ParserCreate(namespace_separator=" ").Parse(document.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        return str(error)
    return ""


def _timed(work: Any, refusal: type[Exception]) -> Any:
    """Return what work gives, None if it refuses; anything else it raises is a fault, and so is a second of work."""
    before = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = work()
        except refusal:
            result = None
    assert time.process_time() - before < SECONDS, SLOW
    return result


def judge(data: bytes) -> None:
    """Judge what the first byte chooses."""
    (judge_source if data[:1] < b"\x80" else judge_rendering)(data[1:])


def followed(data: bytes) -> None:
    """Judge under atheris, which makes code several times as slow; what is slow there is timed again without it."""
    try:
        judge(data)
    except AssertionError as fault:
        if str(fault) != SLOW:
            raise
        subprocess.run([sys.executable, __file__, "--one"], input=data, check=True)


def main() -> None:
    """Fuzz with atheris: the arguments are libFuzzer's."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["raa.kid"]):
        import raa.kid  # noqa: F401

    atheris.Setup(sys.argv, followed)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    judge(sys.stdin.buffer.read()) if "--one" in sys.argv else main()
