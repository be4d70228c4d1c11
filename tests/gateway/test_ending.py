"""How a command that goes on for a while ends when it is told to."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import cli, start
from mediaglot.gateway.command.contract import compare
from mediaglot.gateway.command.ending import heed, until_told
from mediaglot.gateway.config import Settings
from mediaglot.gateway.http.workshop import Workshop
from mediaglot.gateway.media.tool import NoTool

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _as_before(terminal: None) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("first", ENDS)
def test_it_clears_up_whatever_it_is_told_meanwhile(first: signal.Signals) -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            tell(first)
            await forever()
        finally:
            for number in ENDS:
                tell(number)
                await asyncio.wait_for(asyncio.to_thread(int), 10)
            done.append("cleared up")

    with pytest.raises(SystemExit) as end:
        until_told(work())
    assert (end.value.code, done) == (128 + first, ["cleared up"])


def test_who_is_told_nothing_gets_what_came_of_it() -> None:
    async def work() -> int:
        return 7

    assert until_told(work()) == 7


def test_what_is_to_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def work() -> Any:
        heed(lambda _: None)
        return signal.getsignal(signal.SIGHUP)

    assert asyncio.run(work()) is signal.SIG_IGN


def test_a_comparison_that_is_told_to_end_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def endless(settings: Any, source: str) -> None:
        assert settings.data.is_dir()
        tell(signal.SIGTERM)
        await forever()

    monkeypatch.setattr(compare, "compared", endless)
    with pytest.raises(SystemExit) as end:
        cli.main(["contract", "compare"])
    assert (end.value.code, list(tmp_path.iterdir())) == (128 + signal.SIGTERM, [])


def test_ctrl_c_after_the_end_is_no_matter_for_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would show where in putting its things away it was."""
    monkeypatch.setattr(cli, "main", lambda _: 130)
    assert start.main([]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


@pytest.mark.parametrize("words", [("demo",), ("contract", "compare")])
def test_without_a_place_for_temporary_files_it_is_one_line(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said == "mediaglot: no temporary folder can be made: No such file or directory; name a place in TMPDIR\n"


def test_without_room_for_temporary_files_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def full(server: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("mediaglot.gateway.http.standing.listen", full)
    assert cli.main(["contract", "compare"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mediaglot: {tmp_path}/mediaglot-compare-")
    assert line.endswith(": No space left on device; make room, or name another place in TMPDIR")


@pytest.mark.parametrize("found", [True, False])
async def test_nobody_writes_to_a_folder_that_was_given_up(
    found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def find(*_: Any) -> Any:
        go.wait(30)
        (tmp_path / "ffmpeg.json").touch()
        if not found:
            raise NoTool

    monkeypatch.setattr("mediaglot.gateway.http.workshop.find", find)
    closing = asyncio.create_task(Workshop(Settings(data=tmp_path)).close())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await closing
    assert (tmp_path / "ffmpeg.json").exists()
