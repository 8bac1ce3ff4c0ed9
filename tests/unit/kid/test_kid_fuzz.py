"""Random templates: a short slice by a fixed seed, and by `make soak` a minute guided by coverage."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fuzzing
import pytest
from sdist import kid_sdist

from raa.kid import compiler, content

SEED = os.environ.get("RAA_SEED", "kid")
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return [page.read_bytes() for page in sorted((kid_sdist(tmp_path_factory.mktemp("kid")) / "test").glob("*.kid"))]


def mutated(choose: random.Random, seeds: list[bytes]) -> bytes:
    """Return one of Kid's own pages with a few changes."""
    text = bytearray(choose.choice(seeds))
    for _ in range(choose.randrange(1, 6)):
        at, other = choose.randrange(len(text) + 1), choose.choice(seeds)
        begin = choose.randrange(len(other))
        new = choose.choice(
            [
                b"",
                choose.randbytes(2),
                other[begin : begin + choose.randrange(60)],
                bytes([choose.choice(b"<>\"'${}&;:=()\n")]),
            ]
        )
        text[at : at + choose.choice((0, 0, 1, 20))] = new
    return bytes(text)


def test_changed_pages_are_compiled_or_refused_within_a_second(seeds: list[bytes], record_property: Record) -> None:
    choose = random.Random(SEED)
    for _ in range(1_500):
        fuzzing.judge_source(mutated(choose, seeds))

    record_property("report", f"kid: 1500 changed pages compiled or refused; RAA_SEED={SEED}")


def test_random_templates_render_to_well_formed_documents(record_property: Record) -> None:
    choose = random.Random(SEED)
    for _ in range(300):
        fuzzing.judge_rendering(choose.randbytes(choose.randrange(40)))

    record_property("report", f"kid: 300 random templates rendered well-formed; RAA_SEED={SEED}")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "${" * 50_000,
        "$" * 100_000,
        "${" + "}" * 100_000,
        "${x" * 20_000 + "}",
        "&amp;" * 50_000,
        "a='1' " * 20_000,
    ],
)
def test_long_words_and_many_signs_are_no_hang(text: str) -> None:
    fuzzing.judge_source(f'<t a="1">{text}<b c="{text}"/>{text}</t>'.encode())


@pytest.mark.soak
def test_a_minute_of_fuzzing_guided_by_coverage_finds_nothing(seeds: list[bytes], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, page in enumerate(seeds):
        (corpus / f"{number}").write_bytes(b"A" + page)

    done = subprocess.run(
        [
            sys.executable,
            fuzzing.__file__,
            "-max_total_time=60",
            "-timeout=10",
            f"-artifact_prefix={tmp_path}/",
            corpus,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-5_000:]
    assert "Done " in done.stderr


# -- the judges are not blind


def fails(judge: Callable[[bytes], None]) -> str:
    choose = random.Random("a fault")
    for _ in range(200):
        try:
            judge(choose.randbytes(choose.randrange(40)))
        except Exception as error:  # noqa: BLE001 - that is what is asked
            return f"{type(error).__name__}: {error}"
    return ""


def test_output_that_is_not_well_formed_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_clean", lambda text: text)

    assert "of '<t xmlns:py=" in fails(fuzzing.judge_rendering)


def test_a_crash_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "line_at", lambda *_: 1 / 0)

    assert fails(fuzzing.judge_rendering).startswith("ZeroDivisionError")


def test_a_hang_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> list[object]:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        return []

    monkeypatch.setattr(fuzzing, "SECONDS", 0.02)
    monkeypatch.setattr(compiler, "parse", busy)

    assert fails(fuzzing.judge_source) == "AssertionError: it took more than a second"
