"""Results that are kept: found whole or not at all, the least used go first, what is damaged is thrown away."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mediaglot.gateway.backends import cache as room
from mediaglot.gateway.backends.cache import Cache, Counts, usage


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Ten bytes in two files."""
    folder = tmp_path / "files"
    (folder / "inner").mkdir(parents=True)
    (folder / "media.mp4").write_bytes(b"123456")
    (folder / "inner" / "list").write_bytes(b"7890")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_what_was_put_in_comes_out(place: Path, files: Path, tmp_path: Path) -> None:
    cache = Cache(place, 100)
    assert not cache.take("one", tmp_path / "out")
    cache.put("one", files)
    assert not cache.take("other", tmp_path / "out")
    assert cache.take("one", tmp_path / "out")
    assert read(tmp_path / "out") == read(files)
    assert cache.counts == Counts(hits=1, misses=2)


def test_it_is_there_after_a_restart_with_its_counts(place: Path, files: Path, tmp_path: Path) -> None:
    Cache(place, 100).put("one", files)
    assert Cache(place, 100).take("one", tmp_path / "out")
    told = usage(place)
    assert (told.entries, told.size, told.counts) == (1, 10, Counts(hits=1))


def test_bytes_are_shared_where_the_file_system_can(place: Path, files: Path, tmp_path: Path) -> None:
    cache = Cache(place, 100)
    cache.put("one", files)
    cache.take("one", tmp_path / "out")
    assert (tmp_path / "out" / "media.mp4").samefile(files / "media.mp4")


def test_bytes_are_copied_where_it_can_not(
    place: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    cache = Cache(place, 100)
    cache.put("one", files)
    assert cache.take("one", tmp_path / "out")
    assert read(tmp_path / "out") == read(files)
    assert not (tmp_path / "out" / "media.mp4").samefile(files / "media.mp4")


def test_the_least_recently_used_makes_room(place: Path, files: Path, tmp_path: Path) -> None:
    cache = Cache(place, 25)
    cache.put("one", files)
    cache.put("two", files)
    cache.take("one", tmp_path / "out")
    cache.put("three", files)
    assert names(place) == ["one", "three"]
    assert usage(place).size <= 25


def test_the_order_of_use_survives_a_restart(place: Path, files: Path) -> None:
    cache = Cache(place, 25)
    for age, name in ((1, "one"), (2, "two")):
        cache.put(name, files)
        os.utime(place / name / room.ENTRY, (1_000_000 - age, 1_000_000 - age))
    Cache(place, 25).put("three", files)
    assert names(place) == ["one", "three"]


def test_a_smaller_limit_is_kept_from_the_start(place: Path, files: Path) -> None:
    Cache(place, 100).put("one", files)
    Cache(place, 9)
    assert names(place) == []


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out(place: Path, files: Path) -> None:
    cache = Cache(place, 10)
    cache.put("one", files)
    (files / "more").write_bytes(b"1")
    cache.put("two", files)
    assert names(place) == ["one"]


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone", "no entry", "bad entry"])
def test_a_damaged_entry_is_thrown_away(place: Path, files: Path, tmp_path: Path, damage: str) -> None:
    cache = Cache(place, 100)
    cache.put("one", files)
    media, entry = place / "one" / "files" / "media.mp4", place / "one" / room.ENTRY
    match damage:
        case "changed":
            media.write_bytes(b"12345x")
        case "shorter":
            media.write_bytes(b"12345")
        case "gone":
            media.unlink()
        case "no entry":
            entry.unlink()
        case _:
            entry.write_text(json.dumps({"media.mp4": 6}))
    assert not cache.take("one", tmp_path / "out")
    assert names(place) == []
    assert not (tmp_path / "out").exists()
    assert cache.counts == Counts(dropped=1)


def test_a_draft_of_a_dead_process_is_cleared_away(place: Path, files: Path) -> None:
    Cache(place, 100).put("one", files)
    (place / f"{room.MAKING}x" / "files").mkdir(parents=True)
    (place / "half").mkdir()
    Cache(place, 100)
    assert names(place) == ["one"]


def test_a_result_that_was_put_in_meanwhile_stays(place: Path, files: Path, tmp_path: Path) -> None:
    cache = Cache(place, 100)
    cache.put("one", files)
    (files / "media.mp4").unlink()
    (files / "media.mp4").write_bytes(b"abcdef")
    cache.put("one", files)
    assert cache.take("one", tmp_path / "out")
    assert (tmp_path / "out" / "media.mp4").read_bytes() == b"123456"
    assert names(place) == ["one"]
