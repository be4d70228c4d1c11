"""FFmpeg in each sandbox of this machine: it works, it is watched and ended as without, and it has no network."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway.clock import Clock, RealClock, VirtualClock
from mediaglot.gateway.media import orphan, sandbox
from mediaglot.gateway.media.progress import Progress
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.sandbox import Mode, Sandbox
from mediaglot.gateway.media.tool import find

PROGRAM = find().path
QUIET = "-hide_banner -nostdin -nostats -loglevel level+warning -progress pipe:1 -stats_period 0.05 -y".split()
ENDLESS = "-re -f lavfi -i testsrc2=size=64x64:rate=25 -f null -".split()
SHORT = "-f lavfi -i testsrc2=size=64x64:rate=25 -t 1 -c:v libx264 -preset ultrafast out.mp4".split()


def offered(kind: Mode) -> bool:
    try:
        return sandbox.choose(kind, PROGRAM).kind == kind
    except sandbox.NoSandbox:
        return False


@pytest.fixture(params=["off", "unshare", "bwrap"])
def kind(request: pytest.FixtureRequest) -> Mode:
    if not offered(request.param):
        pytest.skip(f"this machine has no {request.param}, or does not allow it")
    mode: Mode = request.param
    return mode


def processes(folder: Path) -> dict[int, list[bytes]]:
    """The processes that have ``folder`` as their working folder, with their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().split(b"\0")
    return found


def encoder(folder: Path) -> int:
    """FFmpeg itself, whatever is around it."""
    (pid,) = [pid for pid, words in processes(folder).items() if words[0] == PROGRAM.encode()]
    return pid


def told(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split("\t")[1] for line in lines if line.startswith(f"{name}:"))


@contextlib.asynccontextmanager
async def started(folder: Path, limits: Limits, clock: Clock | None = None) -> AsyncIterator[asyncio.Task[None]]:
    event = asyncio.Event()
    words = [PROGRAM, *QUIET, *ENDLESS]
    task = asyncio.create_task(
        run(words, cwd=folder, on_progress=lambda _: event.set(), limits=limits, clock=clock or RealClock())
    )
    async with asyncio.timeout(20):
        await event.wait()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def network(process: int | str) -> Path:
    return Path(f"/proc/{process}/ns/net").readlink()


def nothing(_: Progress) -> None:
    pass


# --- what it is -------------------------------------------------------------------------------------


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """All programs are in /usr/bin, and we are not root."""
    monkeypatch.setattr(sandbox, "_program", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sandbox, "leash", lambda: ("/usr/bin/setpriv", "--pdeathsig", "KILL", "--"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("named")
def test_the_command_line_of_bubblewrap(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "other.mp4").write_bytes(b"")
    argv = ["/opt/ffmpeg", "-i", "source-0", "-i", str(tmp_path / "other.mp4"), "-f", "lavfi", "-i", "sine", "o.mp4"]
    box = Sandbox(kind="bwrap", libraries=("/lib64",))
    home, other = str(tmp_path / "job"), str(tmp_path / "other.mp4")
    program = ("/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--proc", "/proc")
    shown = (
        *("--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom"),
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--ro-bind", os.path.realpath("/lib64"), "/lib64", "--ro-bind", "/opt/ffmpeg", "/opt/ffmpeg"),
        *("--ro-bind", other, other, "--bind", home, home, "--chdir", home),
    )
    assert box.prefix(argv, tmp_path / "job") == (*program, *shown, "--")
    assert box.prefix(argv, tmp_path / "job", 7) == (*program, "--args", "7", "--")
    assert box.shown(argv, tmp_path / "job").decode().split("\0") == [*shown, ""]


@pytest.mark.ffmpeg
def test_one_that_hears_nothing_shows_nothing(tmp_path: Path) -> None:
    """As when a server dies before it has set the limits: the program is not run without them."""
    if not offered("bwrap"):
        pytest.skip("this machine has no bwrap, or does not allow it")
    words, silent = [PROGRAM, *QUIET, *SHORT], os.open(os.devnull, os.O_RDONLY)
    line = [*sandbox.choose("bwrap", PROGRAM).prefix(words, tmp_path, silent), *words]
    done = subprocess.run(line, cwd=tmp_path, pass_fds=(silent,), capture_output=True, text=True, check=False)
    os.close(silent)
    assert done.returncode
    assert "No such file" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("named")
def test_the_command_line_of_unshare(tmp_path: Path) -> None:
    assert Sandbox(kind="unshare").prefix(["ffmpeg"], tmp_path) == (
        *("/usr/bin/unshare", "--user", "--map-current-user", "--net", "--"),
        *("/usr/bin/setpriv", "--no-new-privs", "--pdeathsig", "KILL", "--"),
    )


def test_without_the_programs_there_is_none_by_itself_and_a_clear_word_where_it_was_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for remembered in (sandbox.choose, sandbox.demand):
        remembered.cache_clear()
    assert sandbox.choose("auto", PROGRAM).kind == "off"
    with pytest.raises(sandbox.NoSandbox, match="needs bwrap: install bubblewrap, or set sandbox to auto or off"):
        sandbox.demand("bwrap")
    with pytest.raises(sandbox.NoSandbox, match="needs unshare: install util-linux"):
        sandbox.demand("unshare")
    sandbox.choose.cache_clear()


def test_one_that_is_not_allowed_is_none_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("bwrap", "unshare", "setpriv", "ldd"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for remembered in (sandbox.choose, sandbox.demand):
        remembered.cache_clear()
    assert sandbox.choose("auto", PROGRAM).kind == "off"
    with pytest.raises(sandbox.NoSandbox, match="is not allowed here"):
        sandbox.demand("bwrap")
    sandbox.choose.cache_clear()


# --- a run in it ------------------------------------------------------------------------------------


@pytest.mark.ffmpeg
async def test_a_good_run_is_as_good(tmp_path: Path, kind: Mode) -> None:
    seen: list[Progress] = []
    limits = Limits(sandbox=kind, memory=32 << 30, cpu=100, output_bytes=1 << 30)
    await run([PROGRAM, *QUIET, *SHORT], cwd=tmp_path, on_progress=seen.append, limits=limits)
    assert seen[-1].done
    assert seen[-1].frame == 25
    assert names_in(tmp_path) == ["out.mp4"]


@pytest.mark.ffmpeg
async def test_a_source_outside_of_the_folder_is_read_and_nothing_beside_it(tmp_path: Path, kind: Mode) -> None:
    await run([PROGRAM, *QUIET, *SHORT], cwd=tmp_path, on_progress=nothing)
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "linked").symlink_to(tmp_path / "out.mp4")
    for source in (str(tmp_path / "out.mp4"), "linked", "../out.mp4"):
        words = ["-i", source, "-c", "copy", "-f", "mp4", "out"]
        await run([PROGRAM, *QUIET, *words], cwd=tmp_path / "job", on_progress=nothing, limits=Limits(sandbox=kind))
        assert (tmp_path / "job" / "out").stat().st_size > 1000


@pytest.mark.ffmpeg
async def test_the_real_process_is_bounded_below_the_server_and_without_rights(tmp_path: Path, kind: Mode) -> None:
    limits = Limits(sandbox=kind, memory=9_000_000_000, cpu=1000, output_bytes=5_000_000)
    async with started(tmp_path, limits):
        pid = encoder(tmp_path)
        assert os.getpriority(os.PRIO_PROCESS, pid) == 10
        assert os.getpgid(pid) != os.getpgrp()
        assert resource.prlimit(pid, resource.RLIMIT_AS) == (9_000_000_000, 9_000_000_000)
        assert resource.prlimit(pid, resource.RLIMIT_CPU) == (1000, 1005)
        assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (5_000_000, 5_000_000)
        assert (network(pid) == network("self")) == (kind == "off")
        if kind != "off":
            assert [told(pid, name).strip("0") for name in ("CapEff", "CapPrm", "CapAmb")] == ["", "", ""]
            assert told(pid, "NoNewPrivs") == "1"


@pytest.mark.ffmpeg
async def test_no_secret_of_the_server_s_environment_gets_there(
    tmp_path: Path, kind: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAGLOT_SMTP_PASSWORD", "hunter2")
    async with started(tmp_path, Limits(sandbox=kind)):
        assert not any(b"hunter2" in environment(pid) for pid in processes(tmp_path))


@pytest.mark.ffmpeg
@pytest.mark.parametrize("kind", ["unshare", "bwrap"], indirect=True)
async def test_there_is_no_way_to_a_listener_on_this_machine(tmp_path: Path, kind: Mode) -> None:
    hits: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        words = [PROGRAM, *QUIET, "-i", f"http://127.0.0.1:{port}/a.mp4", "-f", "null", "-"]
        with pytest.raises(faults.WorkFault):
            await run(words, cwd=tmp_path, on_progress=nothing, limits=Limits(sandbox=kind))
        assert hits == []
        with pytest.raises(faults.WorkFault):
            await run(words, cwd=tmp_path, on_progress=nothing)
        assert hits  # the same command without the wall


@pytest.mark.ffmpeg
async def test_cancelling_leaves_no_process(tmp_path: Path, kind: Mode) -> None:
    async with started(tmp_path, Limits(sandbox=kind)) as task:
        assert processes(tmp_path)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert processes(tmp_path) == {}
        assert names_in(tmp_path) == []


@pytest.mark.ffmpeg
async def test_one_that_does_not_listen_is_gone_within_a_second(tmp_path: Path, kind: Mode) -> None:
    async with started(tmp_path, Limits(sandbox=kind)) as task:
        for pid in processes(tmp_path):
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 1.2
        assert processes(tmp_path) == {}


@pytest.mark.ffmpeg
async def test_the_watchdog_sees_one_that_stands_still(tmp_path: Path, kind: Mode) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with started(tmp_path, Limits(sandbox=kind, stall=60), clock) as task:
        os.kill(encoder(tmp_path), signal.SIGSTOP)
        await clock.advance(61)
        with pytest.raises(faults.Stalled):
            await task
        assert processes(tmp_path) == {}


@pytest.mark.ffmpeg
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_signal_to_ffmpeg_itself_is_told(tmp_path: Path, kind: Mode, number: signal.Signals) -> None:
    async with started(tmp_path, Limits(sandbox=kind)) as task:
        os.kill(encoder(tmp_path), number)
        with pytest.raises(faults.Killed) as caught:
            await task
        assert caught.value.data == {"signal": number.name}
        assert processes(tmp_path) == {}


LIMITED = {
    "memory": (
        "-f lavfi -i nullsrc=size=7680x4320 -t 60 -vf reverse -c:v rawvideo -f null -",
        Limits(memory=700_000_000),
        faults.OutOfMemory(),
    ),
    "cpu": ("-f lavfi -i mandelbrot=size=640x360 -f null -", Limits(cpu=1), faults.TimedOut(seconds=1)),
    "output": (
        "-f lavfi -i testsrc2=size=320x180 -t 20 -c:v rawvideo -f nut out",
        Limits(output_bytes=300_000),
        faults.OutputTooLarge(limit=300_000),
    ),
    "time": ("-re -f lavfi -i testsrc2=size=64x64 -f null -", Limits(wall=0.4), faults.TimedOut(seconds=0.4)),
}


@pytest.mark.ffmpeg
@pytest.mark.parametrize("limit", LIMITED)
async def test_each_limit_is_its_fault(tmp_path: Path, kind: Mode, limit: str) -> None:
    words, limits, fault = LIMITED[limit]
    line = [PROGRAM, *QUIET, *words.split()]
    with pytest.raises(faults.WorkFault) as caught:
        await run(line, cwd=tmp_path, on_progress=nothing, limits=replace(limits, sandbox=kind))
    assert (type(caught.value), caught.value.data) == (type(fault), fault.data)
    assert processes(tmp_path) == {}


# --- a server that is killed ------------------------------------------------------------------------

PARENT = """
import asyncio
from pathlib import Path
from mediaglot.gateway.media.run import Limits, run
asyncio.run(run(
    {line!r}, cwd=Path({folder!r}), on_progress=lambda _: print("on", flush=True), limits=Limits(sandbox={kind!r})
))
"""


Kill = Callable[[], Awaitable[int]]


@pytest.fixture
async def killed(tmp_path: Path, kind: Mode) -> AsyncIterator[Kill]:
    """A server with a running FFmpeg that is killed: gives the descriptor of FFmpeg's process."""

    async def kill() -> int:
        script = PARENT.format(line=[PROGRAM, *QUIET, *ENDLESS], folder=str(tmp_path), kind=kind)
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
        assert parent.stdout is not None
        assert await parent.stdout.readline() == b"on\n"
        child = os.pidfd_open(encoder(tmp_path))
        parent.kill()
        await parent.wait()
        return child

    yield kill
    for pid in processes(tmp_path):
        os.kill(pid, signal.SIGKILL)


async def gone(pidfd: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


@pytest.mark.ffmpeg
async def test_ffmpeg_dies_with_a_server_that_is_killed(tmp_path: Path, killed: Kill) -> None:
    await gone(await killed())
    assert processes(tmp_path) == {}


@pytest.mark.ffmpeg
def test_the_next_server_ends_what_a_dead_one_left(tmp_path: Path, kind: Mode) -> None:
    """Started like a run of a server, by a parent that does not die."""
    words = [PROGRAM, *QUIET, *ENDLESS]
    line = [*sandbox.choose(kind, PROGRAM).prefix(words, tmp_path), *words]
    with subprocess.Popen(line, cwd=tmp_path, process_group=0, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        orphan.mark(tmp_path, process.pid, PROGRAM)
        living, real = set(processes(tmp_path)), encoder(tmp_path)
        killed = orphan.kill_orphans(tmp_path)
        assert process.pid in killed
        assert set(killed) <= living
        assert process.stdout.read() is not None  # until nobody holds the other end
    assert real not in processes(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ffmpeg
def test_ffmpeg_itself_is_found_where_its_sandbox_has_died(tmp_path: Path) -> None:
    words = [PROGRAM, *QUIET, *ENDLESS]
    line = ["/bin/sh", "-c", '"$@" & wait', "sh", *words]
    with subprocess.Popen(line, cwd=tmp_path, process_group=0, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        orphan.mark(tmp_path, process.pid, PROGRAM)
        real = encoder(tmp_path)
        process.kill()
        process.wait()
        assert orphan.kill_orphans(tmp_path) == [real]
        process.stdout.read()
    assert processes(tmp_path) == {}


async def test_a_box_lets_nobody_write_to_a_source(tmp_path: Path) -> None:
    """It may be another name of a file that belongs to the client."""
    if not offered("bwrap"):
        pytest.skip("this machine has no bwrap, or does not allow it")
    await run([PROGRAM, *QUIET, *SHORT], cwd=tmp_path, on_progress=nothing)
    (tmp_path / "out.mp4").rename(tmp_path / "source-0")
    words = [PROGRAM, *QUIET, "-i", "source-0", "-c", "copy", "-t", "0.2", "-f", "matroska", "./source-0"]
    before = (tmp_path / "source-0").read_bytes()
    with pytest.raises(faults.WorkFault):
        await run(words, cwd=tmp_path, on_progress=nothing, limits=Limits(sandbox="bwrap"))
    assert (tmp_path / "source-0").read_bytes() == before
