"""What the patterns of a backup choose."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from raa.rpath_error import InvalidInput
from raaplugins.backup.srv.selection import Entry, select


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    return root


def chosen(root: Path, *patterns: str, **rest: object) -> list[str]:
    selection = select([f"{root}{pattern}" for pattern in patterns], rest.get("left_out", ()), {})  # type: ignore[arg-type]
    return [entry.path.removeprefix(str(root)) for entry in selection]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["/a"], ["/a", "/a/.h", "/a/x.conf", "/a/y.txt"]),
        (["/a/"], ["/a", "/a/.h", "/a/x.conf", "/a/y.txt"]),
        (["/a/*"], ["/a/x.conf", "/a/y.txt"]),
        (["/a/.*"], ["/a/.h"]),
        (["/*/x.conf"], ["/a/x.conf", "/a-b/x.conf"]),
        (["/**/x.conf"], ["/a/x.conf", "/a-b/x.conf", "/c/.d/x.conf"]),
        (["/c/**"], ["/c", "/c/.d", "/c/.d/x.conf"]),
        (["/c/**/**/x.conf"], ["/c/.d/x.conf"]),
        (["/a/[xz].conf"], ["/a/x.conf"]),
        (["/a-b", "/a", "/a/x.conf", "/*/x.conf"], ["/a", "/a/.h", "/a/x.conf", "/a/y.txt", "/a-b", "/a-b/x.conf"]),
        (["/c/../a/x.conf", "/a/./x.conf"], ["/a/x.conf"]),
        (["/c/.d/.."], ["/c", "/c/.d", "/c/.d/x.conf"]),
    ],
)
def test_patterns_choose_each_path_once_in_a_stable_order(
    tmp_path: Path, patterns: list[str], expected: list[str]
) -> None:
    tree(tmp_path, "a/x.conf", "a/y.txt", "a/.h", "a-b/x.conf", "c/.d/x.conf")

    assert chosen(tmp_path, *patterns) == expected


def test_a_name_that_looks_like_a_pattern_is_taken_as_it_is(tmp_path: Path) -> None:
    tree(tmp_path, "a[1]", "a1")

    assert chosen(tmp_path, "/a[1]") == ["/a[1]"]


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    selection = select([f"{tmp_path}/none", f"{tmp_path}/*.conf"], (), {})

    assert list(selection) == []
    assert selection.problems == [
        (f"{tmp_path}/none", "there is no such file or folder"),
        (f"{tmp_path}/*.conf", "nothing matches this pattern"),
    ]


@pytest.mark.parametrize("pattern", ["etc", "", "./x", "/a\0b"])
def test_a_pattern_that_is_no_absolute_path_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        select(["/etc/hostname", pattern], (), {})

    assert list(refused.value.problems) == [pattern]


def test_links_are_stored_and_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "real/f", "a/x")
    (tmp_path / "a/loop").symlink_to("..")
    (tmp_path / "a/gone").symlink_to("nowhere")

    assert chosen(tmp_path, "/a") == ["/a", "/a/gone", "/a/loop", "/a/x"]
    assert chosen(tmp_path, "/a/**/f") == []


def test_nothing_is_stored_beneath_a_stored_link(tmp_path: Path) -> None:
    tree(tmp_path, "real/f")
    (tmp_path / "link").symlink_to("real")

    assert chosen(tmp_path, "/link", "/link/f") == ["/link", "/real/f"]


def test_what_is_left_out_is_noted_with_its_reason(tmp_path: Path) -> None:
    tree(tmp_path, "a/keep", "a/cache/1", "a/log", "a/logs")
    reasons = {f"{tmp_path}/a/cache": "made anew at every start", f"{tmp_path}/a/log": "not needed"}

    selection = select([f"{tmp_path}/a", f"{tmp_path}/a/cache/1"], reasons, {})

    assert [Path(entry.path).name for entry in selection] == ["a", "keep", "logs"]
    assert selection.left_out == list(reasons.items())
    assert selection.notes[0] == f"left out: {tmp_path}/a/cache (made anew at every start)"


def test_a_path_inside_a_folder_that_is_left_out_stays_out(tmp_path: Path) -> None:
    tree(tmp_path, "a/b/c")

    selection = select([f"{tmp_path}/a/b/c"], [f"{tmp_path}/a"], {})

    assert list(selection) == []
    assert selection.left_out == [(f"{tmp_path}/a/b/c", "left out on purpose")]


def test_sockets_pipes_and_devices_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        selection = select([str(tmp_path), "/dev/null"], (), {})

        assert [entry.path for entry in selection] == [str(tmp_path)]

    assert [path for path, _reason in selection.left_out] == ["/dev/null", f"{tmp_path}/pipe", f"{tmp_path}/sock"]


def test_a_replaced_file_keeps_its_name_and_is_read_elsewhere(tmp_path: Path) -> None:
    tree(tmp_path, "state/ledger.db", "copy/1")

    selection = select([f"{tmp_path}/state"], (), {f"{tmp_path}/state/ledger.db": f"{tmp_path}/copy/1"})

    assert list(selection)[1] == Entry(f"{tmp_path}/state/ledger.db", f"{tmp_path}/copy/1")


def test_a_folder_that_vanishes_on_the_way_is_named(tmp_path: Path) -> None:
    tree(tmp_path, "a/b/c", "a/d")
    selection = select([f"{tmp_path}/a"], (), {})
    walk = iter(selection)
    assert [next(walk).path, next(walk).path] == [f"{tmp_path}/a", f"{tmp_path}/a/b"]

    (tmp_path / "a/b/c").unlink()
    (tmp_path / "a/b").rmdir()

    assert [entry.path for entry in walk] == [f"{tmp_path}/a/d"]
    assert selection.problems == [(f"{tmp_path}/a/b", "it vanished before it was read")]


def test_a_link_put_in_the_place_of_a_folder_does_not_lead_out(tmp_path: Path) -> None:
    tree(tmp_path, "a/b/c", "secret/key")
    selection = select([f"{tmp_path}/a"], (), {})
    walk = iter(selection)
    assert [next(walk).path, next(walk).path] == [f"{tmp_path}/a", f"{tmp_path}/a/b"]

    (tmp_path / "a/b").rename(tmp_path / "b")
    (tmp_path / "a/b").symlink_to(tmp_path / "secret")

    assert list(walk) == []
    assert selection.problems[0][0] == f"{tmp_path}/a/b"


def test_names_of_any_bytes_and_deep_folders_are_walked(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9\n\x1b"
    Path(os.fsdecode(odd)).touch()
    deep = str(tmp_path)
    for _ in range(1500):
        deep += "/d"
        Path(deep).mkdir()

    paths = [entry.path for entry in select([str(tmp_path)], (), {})]

    # deeper than Python's own removal of folders can go, with which the test run would end
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)
    assert os.fsencode(paths[1]) == odd
    assert len(paths) == 1502


def test_every_walk_starts_afresh(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "f").write_text("four")
    selection = select([str(tmp_path), "/no/such"], (), {})

    assert selection.measure() == (2, 4)
    assert selection.measure() == (2, 4)
    assert (len(selection.problems), len(selection.left_out), len(selection.notes)) == (1, 1, 1)
