"""What nobody wants any more: out of the way at once, and nothing else with it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.backends.rubbish import PREFIX, Rubbish


def folder(room: Path, name: str) -> Path:
    made = room / "job"
    made.mkdir()
    (made / name).touch()
    return made


def names(room: Path) -> list[str]:
    return sorted(str(path.relative_to(room)) for path in room.rglob("*") if path.is_file())


async def test_what_comes_after_it_stays(tmp_path: Path) -> None:
    rubbish = Rubbish(tmp_path)
    rubbish.throw(folder(tmp_path, "old"))
    folder(tmp_path, "new")
    await rubbish.empty()
    assert names(tmp_path) == ["job/new"]


async def test_also_where_nothing_can_be_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    rubbish, old = Rubbish(tmp_path), folder(tmp_path, "old")
    monkeypatch.setattr(Path, "rename", full)
    rubbish.throw(old)
    folder(tmp_path, "new")
    await rubbish.empty()
    assert names(tmp_path) == ["job/new"]


def test_what_a_dead_process_left_goes_at_the_next_start(tmp_path: Path) -> None:
    Rubbish(tmp_path).throw(folder(tmp_path, "old"))
    assert [path.name.startswith(PREFIX) for path in tmp_path.iterdir()] == [True]
    folder(tmp_path, "new")
    Rubbish(tmp_path).sweep()
    assert names(tmp_path) == ["job/new"]
