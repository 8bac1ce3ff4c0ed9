"""The folder of backups: what is in it is whole, and what is not whole is not in it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from raa.rpath_error import DuplicateItem, InvalidInput, ItemNotFound, OperationFailed
from raaplugins.backup.srv.archive import Result, write_archive
from raaplugins.backup.srv.store import archive_name, clean, commit, listing, open_archive, remove

NAME = "backup-20261124-094601-CET.tgz"
LATER = "backup-20261125-094601-CET.tgz"
INFO: dict[str, Any] = {
    "created": datetime(2026, 11, 24, 8, 46, 1, tzinfo=UTC),
    "seconds": 2.5,
    "schedId": 7,
    "execId": 70,
    "zone": "Europe/Berlin",
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def part(folder: Path, name: str = NAME, token: str = "t1") -> Result:
    return write_archive(str(folder), name, [], {}, [], token, lambda _done, _path: None)


def stored(folder: Path, name: str = NAME, **info: Any) -> dict[str, Any]:
    return commit(part(folder, name), str(folder / name), {**INFO, **info})


def test_a_committed_backup_is_listed_with_its_facts(tmp_path: Path) -> None:
    result = part(tmp_path)

    line = commit(result, str(tmp_path / NAME), INFO)

    assert listing(str(tmp_path)) == [line]
    assert line == {
        "name": NAME,
        "path": str(tmp_path / NAME),
        "bytes": result.bytes,
        "created": "2026-11-24T08:46:01+00:00",
        "result": "succeeded",
        "sha256": result.sha256,
        "seconds": 2.5,
        "schedId": 7,
        "execId": 70,
        "by": "",
        "problems": 0,
    }
    assert names(tmp_path) == [NAME, f"{NAME}.json"]
    sidecar = json.loads((tmp_path / f"{NAME}.json").read_text())
    assert (sidecar["members"], sidecar["zone"]) == (2, "Europe/Berlin")


def test_problems_make_it_a_warning_and_are_capped(tmp_path: Path) -> None:
    problems = [(os.fsdecode(b"/caf\xe9"), "it vanished before it was read")] * 300

    line = stored(tmp_path, problems=problems)

    sidecar = json.loads((tmp_path / f"{NAME}.json").read_text())
    assert (line["result"], line["problems"], len(sidecar["problems"])) == ("warnings", 300, 200)
    assert sidecar["problems"][0] == list(problems[0])


def test_a_backup_is_never_overwritten(tmp_path: Path) -> None:
    first = stored(tmp_path)
    second = part(tmp_path, token="t2")

    with pytest.raises(DuplicateItem):
        commit(second, str(tmp_path / NAME), {**INFO, "execId": 71})

    assert listing(str(tmp_path)) == [first]
    assert clean(str(tmp_path), "t2") == [f".{NAME}.t2.part"]


def test_a_commit_that_fails_leaves_no_sidecar(tmp_path: Path) -> None:
    result = part(tmp_path)
    Path(result.path).unlink()

    with pytest.raises(OperationFailed, match="is gone"):
        commit(result, str(tmp_path / NAME), INFO)

    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["other.tgz", f"sub/{NAME}"])
def test_a_backup_keeps_to_its_folder_and_to_the_pattern(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        commit(part(tmp_path), str(tmp_path / name), INFO)


def test_the_listing_is_newest_first_and_shows_only_backups(tmp_path: Path) -> None:
    stored(tmp_path, LATER, created=INFO["created"] + timedelta(days=1))
    stored(tmp_path)
    part(tmp_path)
    (tmp_path / "backup-20261124-094601-CET.tar").touch()
    (tmp_path / "backup-20261126-000000-CET.tgz.json").write_text("{}")
    (tmp_path / "backup-20261127-000000-CET.tgz").symlink_to(NAME)
    (tmp_path / "backup-20261128-000000-CET.tgz").mkdir()

    assert [line["name"] for line in listing(str(tmp_path))] == [LATER, NAME]


@pytest.mark.parametrize(
    "sidecar", [None, "", "[]", "{", '{"created": "2026-11-24"}', "[" * 100_000, '{"created": 7}', "\xff"]
)
def test_an_archive_without_a_readable_sidecar_is_unknown(tmp_path: Path, sidecar: str | None) -> None:
    stored(tmp_path)
    path = tmp_path / f"{NAME}.json"
    path.unlink() if sidecar is None else path.write_text(sidecar, "latin-1")

    (line,) = listing(str(tmp_path))

    assert (line["result"], line["sha256"], line["problems"]) == ("unknown", "", 0)
    assert datetime.fromisoformat(line["created"]).tzinfo


def test_an_archive_of_another_size_than_recorded_is_not_listed_as_good(tmp_path: Path) -> None:
    line = stored(tmp_path)

    os.truncate(tmp_path / NAME, line["bytes"] - 1)

    assert listing(str(tmp_path))[0]["result"] == "damaged"


def test_leftovers_are_cleaned_and_backups_and_foreign_files_stay(tmp_path: Path) -> None:
    stored(tmp_path)
    part(tmp_path, token="t2")
    (tmp_path / f".{NAME}.json.t3.part").touch()
    (tmp_path / f"{LATER}.json").touch()
    foreign = [".x.t2.part", "notes.json", f"..{NAME}.t2.part"]
    for name in foreign:
        (tmp_path / name).touch()

    removed = clean(str(tmp_path))

    assert sorted(removed) == sorted([f".{NAME}.t2.part", f".{NAME}.json.t3.part", f"{LATER}.json"])
    assert names(tmp_path) == sorted([NAME, f"{NAME}.json", *foreign])


def test_cleaning_up_after_one_backup_leaves_those_at_work_alone(tmp_path: Path) -> None:
    part(tmp_path, NAME, "mine")
    part(tmp_path, LATER, "theirs")
    for name in (NAME, LATER):
        (tmp_path / f"{name}.json").touch()  # both stopped between sidecar and archive

    assert sorted(clean(str(tmp_path), "mine")) == [f".{NAME}.mine.part", f"{NAME}.json"]
    assert names(tmp_path) == sorted([f".{LATER}.theirs.part", f"{LATER}.json"])


def test_a_temporary_name_left_beside_the_final_one_is_only_a_leftover(tmp_path: Path) -> None:
    line = stored(tmp_path)
    os.link(tmp_path / NAME, tmp_path / f".{NAME}.t1.part")  # stopped between the two names

    assert clean(str(tmp_path), "t1") == [f".{NAME}.t1.part"]
    assert listing(str(tmp_path)) == [line]


def test_a_removed_backup_is_gone_with_its_sidecar(tmp_path: Path) -> None:
    stored(tmp_path)

    remove(str(tmp_path), NAME)

    assert names(tmp_path) == []
    with pytest.raises(ItemNotFound):
        remove(str(tmp_path), NAME)


BAD_NAMES = [
    "",
    "..",
    f"../{NAME}",
    f"/{NAME}",
    f"{NAME}/",
    f"{NAME}\n",
    f"{NAME}\0",
    f"{NAME}.json",
    f".{NAME}.t1.part",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_only_the_name_of_a_backup_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    stored(tmp_path)

    with pytest.raises(InvalidInput):
        remove(str(tmp_path / "in"), name)
    with pytest.raises(InvalidInput):
        open_archive(str(tmp_path / "in"), name)

    assert names(tmp_path) == [NAME, f"{NAME}.json", "in"]


def test_an_archive_is_opened_for_reading_and_a_link_is_not(tmp_path: Path) -> None:
    stored(tmp_path)
    (tmp_path / LATER).symlink_to(NAME)

    with os.fdopen(open_archive(str(tmp_path), NAME), "rb") as file:
        assert file.read(2) == b"\x1f\x8b"
    with pytest.raises(ItemNotFound):
        open_archive(str(tmp_path), LATER)


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    for call in (listing, clean):
        with pytest.raises(OperationFailed, match="does not exist"):
            call(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 24, 9, 46, 1, tzinfo=ZoneInfo("Europe/Berlin")), NAME),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=ZoneInfo("America/Sao_Paulo")), "backup-20260102-030405--03.tgz"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "backup-20260102-030405-UTC+0200.tgz"),
        (
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2), "..//é")),
            "backup-20260102-030405-+0200.tgz",
        ),
    ],
)
def test_a_name_tells_the_local_time(now: datetime, expected: str) -> None:
    assert archive_name(now) == expected


def test_a_name_in_use_gives_way_to_the_next_second(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    (tmp_path / "backup-20261025-025959-CEST.tgz").touch()

    name = archive_name(datetime(2026, 10, 25, 2, 59, 59, tzinfo=berlin), str(tmp_path))

    assert name == "backup-20261025-020000-CET.tgz"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput):
        archive_name(datetime(2026, 1, 1))
