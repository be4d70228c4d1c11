"""Where a double runs, and that nothing of it is left: in a thread, in a process, shared by several, elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from mediaglot.gateway.remote.host import LOCK, held, release
from mediaglot.gateway.remote.keeper import ADDRESS
from mediaglot.gateway.remote.share import joined
from mediaglot.gateway.store.folder import FolderLock
from mediaglot.testing import AsyncDouble, Double, DoubleError, Unmet

USER = """
import sys
from pathlib import Path
from mediaglot.gateway.remote.share import joined

with joined(Path(sys.argv[1]), {"seed": 1}) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.heavy
@pytest.mark.parametrize("process", [False, True])
def test_one_of_its_own(process: bool, encoding: Callable[[Any], Any]) -> None:
    double = Double.started(process=process, dialects=["encoding_com"], seed=5)
    assert double.url == ""
    with double, double.world() as world:
        assert [*world.accounts] == ["encoding_com"]
        assert encoding(world).create() == "5001"
        url = double.url
        assert Double.at(url).find(world.id).id == world.id
    with pytest.raises(DoubleError, match="unreachable"):
        Double.at(url).worlds()
    with pytest.raises(DoubleError, match="does not run: start"):
        double.worlds()
    assert double.start().worlds() == []
    double.stop()


@pytest.mark.heavy
@pytest.mark.parametrize("process", [False, True])
def test_settings_that_are_none(process: bool) -> None:
    with pytest.raises(DoubleError, match="no setting called 'colour'"):
        Double.started(process=process, colour="blue").start()
    with pytest.raises(DoubleError, match="seed"):
        Double.started(process=process, seed="blue").start()


@pytest.mark.heavy
@pytest.mark.parametrize("process", [False, True])
def test_what_does_not_start_says_so_in_a_line_and_leaves_nothing(
    process: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, used, broken = (tmp_path / name for name in ("scratch", "used", "broken"))
    for folder in (scratch, used, broken):
        folder.mkdir()
    (broken / "mediaglot.db").write_bytes(b"this is no database, but something else\n" * 100)
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    lock = FolderLock(used)
    for settings, says in (
        ({"dialects": ["acme"]}, "no dialect is called 'acme'"),
        ({"data": str(used)}, "is in use by process"),
        ({"data": str(broken)}, "can't be used"),
    ):
        double = Double.started(process=process, **settings)
        with pytest.raises(DoubleError, match=says) as caught:
            double.start()
        assert "\n" not in str(caught.value)
        double.stop()
        assert list(scratch.iterdir()) == []
    lock.release()


async def test_a_start_that_is_given_up_is_followed_by_a_stop() -> None:
    begun, go, stopped = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        def start(self) -> str:
            begun.set()
            go.wait(30)
            return "http://127.0.0.1:1"

        def stop(self) -> None:
            stopped.set()

    double = AsyncDouble(Slow())
    starting = asyncio.create_task(double.start())
    await asyncio.to_thread(begun.wait, 30)
    starting.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (stopped.is_set(), double.url) == (True, "")


async def test_for_an_event_loop() -> None:
    async with AsyncDouble.started() as double, await double.world(clock="virtual") as world:
        account = world.encoding_com
        assert account is world["encoding_com"]
        who = {"userid": account.credentials.name, "userkey": account.credentials.secret}
        inbox = world.inbox()
        asked = {**who, "action": "AddMedia", "source": "https://media.mediaglot.test/bars-5s.mp4", "notify": inbox.url}
        form = {"json": json.dumps({"query": {**asked, "format": {"output": "mp4"}}})}
        async with aiohttp.ClientSession() as session, session.post(f"{account.url}/", data=form) as answer:
            assert (await answer.json(content_type=None))["response"]["MediaID"] == "5001"
        await world.clock.advance(600)
        assert [job.status for job in await account.jobs.list()] == ["finished"]
        assert len(await inbox.wait()) == 1
        assert await world.requests.verify(operation="AddMedia", exactly=1) == 1
        with pytest.raises(Unmet, match="expected exactly 2"):
            await world.requests.verify(exactly=2)
        with pytest.raises(DoubleError, match="GetStatus"):
            await world.faults.add(operation="GetStatsu", drop=True)
        planned = await account.faults.add(operation="GetStatus", status=503)
        await account.faults.clear()
        assert planned not in await world.faults.list()
        assert [each.id for each in await double.worlds()] == [world.id]
        assert (await AsyncDouble.at(double.url).find(world.id)).secret == world.secret
        await double.reset()
        assert await account.jobs.list() == []
    with pytest.raises(DoubleError, match="unreachable"):
        await AsyncDouble.at("http://127.0.0.1:1").worlds()
    with pytest.raises(AttributeError, match="encoding_com"):
        _ = world.nobody


def test_a_world_for_both(double: Double) -> None:
    with double.world() as world:
        assert world.asynchronous.id == world.id


def test_something_else_answers() -> None:
    with Double.started() as double, pytest.raises(DoubleError, match="not_found"):
        Double.at(f"{double.url}/nothing").worlds()


def user(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", USER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def said(one: subprocess.Popen[bytes]) -> str:
    assert one.stdout is not None
    return one.stdout.readline().decode().strip()


def ended(one: subprocess.Popen[bytes]) -> None:
    one.communicate(timeout=30)


def answers(url: str) -> bool:
    try:
        Double.at(url).worlds()
    except DoubleError:
        return False
    return True


@pytest.mark.heavy
def test_several_share_one_and_the_last_one_ends_it(tmp_path: Path) -> None:
    users = [user(tmp_path) for _ in range(3)]
    urls = {said(each) for each in users}
    (url,) = urls
    users[0].send_signal(signal.SIGKILL)
    ended(users[0])
    assert answers(url)
    ended(users[1])
    assert answers(url)
    users[2].send_signal(signal.SIGKILL)
    ended(users[2])
    gone(tmp_path)
    assert not answers(url)
    with joined(tmp_path, {}) as another:
        assert answers(another)
    gone(tmp_path)
    assert not answers(another)


def gone(folder: Path) -> None:
    """Returns when the double has ended: once it has taken its address back, it keeps the lock until then."""
    while (folder / ADDRESS).exists():
        os.sched_yield()
    release(held(folder / LOCK))


@pytest.mark.heavy
def test_a_double_that_was_killed_is_started_again(tmp_path: Path) -> None:
    with joined(tmp_path, {}) as url:
        port = urlsplit(url).port
        (pid,) = listeners(port)
        os.kill(pid, signal.SIGKILL)
        with joined(tmp_path, {}) as another:
            assert another != url
            assert answers(another)
    gone(tmp_path)


def listeners(port: int | None) -> set[int]:
    """The processes that listen on a port of this machine.

    A child of one that is about to become another program has all its files too, and does not count.
    """
    sockets = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if int(line.split()[1].partition(":")[2], 16) == port and line.split()[3] == "0A"
    }
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.removeprefix("socket:[").rstrip("]") in sockets:
            found.add(int(link.parts[2]))
    return {pid for pid in found if parent(pid) not in {None, *found}}


def parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    except OSError:  # it has ended
        return None
