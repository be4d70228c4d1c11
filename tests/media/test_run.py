from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway.clock import Clock, RealClock, VirtualClock
from mediaglot.gateway.media import orphan
from mediaglot.gateway.media.progress import Progress
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.tool import find

pytestmark = pytest.mark.ffmpeg

QUIET = "-hide_banner -nostdin -nostats -loglevel level+warning -progress pipe:1 -stats_period 0.05 -y".split()
ENDLESS = "-re -f lavfi -i testsrc2=size=64x64:rate=25 -f null -".split()
SHORT = "-f lavfi -i testsrc2=size=64x64:rate=25 -t 1 -c:v libx264 -preset ultrafast out.mp4".split()


def line(*words: str) -> list[str]:
    return [find().path, *QUIET, *words]


def write(path: Path, text: str) -> None:
    path.write_text(text)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pid_in(folder: Path) -> int:
    return int((folder / orphan.MARK).read_text().split()[0])


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def turn() -> None:
    """Lets everything that is ready run once."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    await event.wait()


async def gone(pidfd: int) -> None:
    """Waits until the process behind the descriptor has ended, also where somebody else reaps it."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


class Started:
    """A run that has shown its first progress."""

    def __init__(self, task: asyncio.Task[None], pid: int) -> None:
        self.task, self.pid = task, pid


@contextlib.asynccontextmanager
async def started(
    folder: Path, *words: str, limits: Limits | None = None, clock: Clock | None = None
) -> AsyncIterator[Started]:
    event = asyncio.Event()
    task = asyncio.create_task(
        run(
            line(*(words or ENDLESS)),
            cwd=folder,
            on_progress=lambda _: event.set(),
            limits=limits or Limits(),
            clock=clock or RealClock(),
        )
    )
    async with asyncio.timeout(20):
        await event.wait()
    try:
        yield Started(task, pid_in(folder))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_good_run_reports_progress_to_its_end_and_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    seen: list[Progress] = []
    await run(line(*SHORT), cwd=tmp_path, on_progress=seen.append)
    assert seen[-1].done
    assert seen[-1].frame == 25
    assert seen[-1].total_size == (tmp_path / "out.mp4").stat().st_size
    assert names_in(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["-f", "lavfi", "-i", "testsrc2", "-c:v", "nope", "o.mp4"], faults.UnknownEncoder),
        (["-i", "nothing.mp4", "o.mp4"], faults.SourceMissing),
        (["-f", "lavfi", "-i", "testsrc2", "-f", "nope", "o"], faults.UnknownContainer),
        (["-f", "lavfi", "-i", "testsrc2", "-t", "1", "-c:v", "libx264", "-f", "mpegts", "/dev/full"], faults.NoSpace),
        (["-f", "lavfi", "-i", "testsrc2", "-t", "1", "-c:v", "libx264", "o.webm"], faults.CodecMismatch),
        (["-f", "lavfi", "-i", "testsrc2", "-map", "0:a", "o.mp3"], faults.NoSuchTrack),
        (["-i", "page.html", "o.mp4"], faults.SourceUnreadable),
        (["-f", "lavfi", "-i", "testsrc2", "-vf", "nope", "o.mp4"], faults.EncodingFailed),
    ],
)
async def test_a_failure_becomes_its_fault(tmp_path: Path, words: list[str], fault: type[faults.Fault]) -> None:
    write(tmp_path / "page.html", "<html><body>Not found</body></html>")
    with pytest.raises(faults.WorkFault) as caught:
        await run(line(*words), cwd=tmp_path, on_progress=lambda _: None)
    assert type(caught.value) is fault


async def test_a_program_that_is_not_there_is_a_fault_too(tmp_path: Path) -> None:
    with pytest.raises(faults.EncodingFailed):
        await run(["/nowhere/ffmpeg"], cwd=tmp_path, on_progress=lambda _: None)


async def test_endless_lines_of_noise_are_read_and_forgotten(tmp_path: Path) -> None:
    noise = (
        "import sys; [sys.stderr.write('x' * 1000) for _ in range(3000)];"
        "sys.stderr.write('\\nUnknown encoder \\'y\\'\\n'); sys.exit(8)"
    )
    with pytest.raises(faults.UnknownEncoder):
        await run([sys.executable, "-c", noise], cwd=tmp_path, on_progress=lambda _: None)


async def test_it_runs_below_the_server_and_in_a_group_of_its_own(tmp_path: Path) -> None:
    async with started(tmp_path) as it:
        assert os.getpriority(os.PRIO_PROCESS, it.pid) == 10
        assert os.getpgid(it.pid) == it.pid


async def test_cancelling_leaves_no_process_and_no_mark(tmp_path: Path) -> None:
    async with started(tmp_path) as it:
        it.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await it.task
        assert not alive(it.pid)
        assert not (tmp_path / orphan.MARK).exists()


async def test_cancelling_a_process_that_does_not_listen_takes_less_than_a_second(tmp_path: Path) -> None:
    async with started(tmp_path) as it:
        os.kill(it.pid, signal.SIGSTOP)
        begun = time.monotonic()
        it.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await it.task
        assert time.monotonic() - begun < 1
        assert not alive(it.pid)


async def test_impatient_cancelling_does_not_let_it_escape(tmp_path: Path) -> None:
    async with started(tmp_path) as it:
        os.kill(it.pid, signal.SIGSTOP)
        for _ in range(5):
            it.task.cancel()
            await turn()
        with pytest.raises(asyncio.CancelledError):
            await it.task
        assert not alive(it.pid)


async def test_a_mistake_in_the_listener_ends_the_process(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail(_: Progress) -> None:
        pids.append(pid_in(tmp_path))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run(line(*ENDLESS), cwd=tmp_path, on_progress=fail)
    assert not alive(pids[0])


async def test_a_process_that_stands_still_is_killed_by_the_watchdog(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with started(tmp_path, limits=Limits(stall=60), clock=clock) as it:
        os.kill(it.pid, signal.SIGSTOP)
        await clock.advance(61)
        with pytest.raises(faults.Stalled) as caught:
            await it.task
        assert caught.value.data == {"seconds": 60}
        assert not alive(it.pid)


class Suspended(RealClock):
    """Of a machine that stands still for an hour while the first sleeper sleeps."""

    lost = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.lost

    async def sleep(self, seconds: float, *, late: int = 0) -> None:
        if self.lost:
            await super().sleep(seconds, late=late)
        self.lost = 3600.0


async def test_an_hour_in_which_all_stood_still_is_no_stall(tmp_path: Path) -> None:
    beats: list[Progress] = []
    await run(line(*SHORT), cwd=tmp_path, on_progress=beats.append, limits=Limits(stall=60), clock=Suspended())
    assert beats[-1].done


async def test_progress_keeps_the_watchdog_quiet(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    beats: asyncio.Queue[Progress] = asyncio.Queue()
    task = asyncio.create_task(
        run(line(*ENDLESS), cwd=tmp_path, on_progress=beats.put_nowait, limits=Limits(stall=60), clock=clock)
    )
    frame: int | None = None
    for _ in range(4):
        while (beat := await beats.get()).frame == frame:
            pass
        frame = beat.frame
        await clock.advance(40)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_progress_that_says_the_same_again_is_no_progress(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    beats: asyncio.Queue[Progress] = asyncio.Queue()
    chatter = "while True: print('frame=1\\nprogress=continue', flush=True)"
    task = asyncio.create_task(
        run(
            [sys.executable, "-c", chatter],
            cwd=tmp_path,
            on_progress=beats.put_nowait,
            limits=Limits(stall=60),
            clock=clock,
        )
    )
    for _ in range(3):
        await beats.get()
        await clock.advance(25)
    with pytest.raises(faults.Stalled):
        await task


async def test_the_time_limit_ends_a_run_that_gets_on(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with started(tmp_path, limits=Limits(wall=30), clock=clock) as it:
        await clock.advance(30)
        with pytest.raises(faults.TimedOut) as caught:
            await it.task
        assert caught.value.data == {"seconds": 30}
        assert not alive(it.pid)


async def test_a_file_can_not_grow_over_its_limit(tmp_path: Path) -> None:
    words = "-f lavfi -i testsrc2=size=320x180 -t 20 -c:v rawvideo -f nut out.nut".split()
    with pytest.raises(faults.OutputTooLarge) as caught:
        await run(line(*words), cwd=tmp_path, on_progress=lambda _: None, limits=Limits(output_bytes=300_000))
    assert caught.value.data == {"limit": 300_000}
    assert (tmp_path / "out.nut").stat().st_size <= 300_000


async def test_used_up_cpu_time_is_a_time_out(tmp_path: Path) -> None:
    words = "-f lavfi -i mandelbrot=size=640x360 -f null -".split()
    with pytest.raises(faults.TimedOut) as caught:
        await run(line(*words), cwd=tmp_path, on_progress=lambda _: None, limits=Limits(cpu=1))
    assert caught.value.data == {"seconds": 1}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_signal_from_outside_is_told(tmp_path: Path, number: signal.Signals) -> None:
    async with started(tmp_path) as it:
        os.kill(it.pid, number)
        with pytest.raises(faults.Killed) as caught:
            await it.task
        assert caught.value.data == {"signal": number.name}


PARENT = """
import asyncio, sys
from pathlib import Path
from mediaglot.gateway.media.run import run
asyncio.run(run({line!r}, cwd=Path({folder!r}), on_progress=lambda _: print("on", flush=True)))
"""


async def test_the_process_dies_with_a_server_that_is_killed(tmp_path: Path) -> None:
    script = PARENT.format(line=line(*ENDLESS), folder=str(tmp_path))
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"on\n"
    child = os.pidfd_open(pid_in(tmp_path))
    parent.kill()
    await gone(child)
    await parent.wait()


@pytest.fixture
def left_behind() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Starts an ffmpeg with its mark in a folder, as a server does that is then killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> subprocess.Popen[bytes]:
        folder.mkdir(parents=True)
        words = line(*ENDLESS)
        processes.append(subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        stdout = processes[-1].stdout
        assert stdout is not None
        stdout.readline()  # it is no longer becoming an ffmpeg
        orphan.mark(folder, processes[-1].pid, words[0])
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        with process:
            pass


LeftBehind = Callable[[Path], subprocess.Popen[bytes]]


def test_orphans_below_a_folder_are_killed(tmp_path: Path, left_behind: LeftBehind) -> None:
    processes = [left_behind(home) for home in (tmp_path / "a", tmp_path / "b" / "c")]
    assert sorted(orphan.kill_orphans(tmp_path)) == sorted(process.pid for process in processes)
    assert [process.wait(10) for process in processes] == [-9, -9]
    assert orphan.kill_orphans(tmp_path) == []


@pytest.mark.parametrize("change", ["folder", "program", "garbage"])
def test_a_process_that_only_has_the_number_of_an_orphan_is_left_alone(
    tmp_path: Path, left_behind: LeftBehind, change: str
) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    process = left_behind(home)
    (home / orphan.MARK).unlink()
    changes: dict[str, Callable[[], object]] = {
        "folder": lambda: orphan.mark(other, process.pid, find().path),
        "program": lambda: orphan.mark(home, process.pid, "/usr/bin/another"),
        "garbage": lambda: (home / orphan.MARK).write_text("hello"),
    }
    changes[change]()
    assert orphan.kill_orphans(tmp_path) == []
    assert process.poll() is None
    assert not list(tmp_path.rglob(orphan.MARK))


async def test_cancelling_before_the_process_has_started_is_safe(tmp_path: Path) -> None:
    waiting: Awaitable[None] = run(line(*ENDLESS), cwd=tmp_path, on_progress=lambda _: None)
    task = asyncio.ensure_future(waiting)
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not at_home(tmp_path)


def at_home(folder: Path) -> list[Path]:
    """The processes that have ``folder`` as their working folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            found += [link] if link.readlink() == folder else []
    return found
