"""What can go wrong with a run, through every dialect over HTTP: its stable fault, the dialect's own words, no file.

One server for each fault; the same job goes through all dialects at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from mediaglot.gateway.dialect import Sample, Sighting
from mediaglot.gateway.http.transport import Transport, drive
from mediaglot.gateway.model import TERMINAL, Ticket

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
CLIP = "bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
ROOMS = ("work", "outputs", "storage")
NAMES = ("encoding_com", "tpstreams", "transparent_edge", "xvid_mediahub")


@dataclass
class Party:
    """One client for each dialect."""

    site: str
    transport: Transport
    dialects: dict[str, Any]
    jobs: dict[str, tuple[Sample, str]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """The stable fault of each job that has ended."""

    def listen(self, craft: Any) -> None:
        """Look at the tickets whose work folder is cleared, which is the last thing that happens to a job."""
        clear = craft.clear

        def note(ticket: Ticket) -> None:
            if ticket.trouble is not None:
                self.codes[ticket.dialect] = ticket.trouble.code
            clear(ticket)

        craft.clear = note

    async def create(self, source: str) -> None:
        for name in NAMES:
            sample = self.dialects[name].sample()
            send = partial(self.transport.send, base=f"{self.site}/{name}")
            self.jobs[name] = sample, await drive(sample.create(source), send)

    async def ends(self, wait: Callable[..., Awaitable[Any]]) -> dict[str, tuple[str, str]]:
        """The word for the state and the words of the error, by dialect."""

        async def end(name: str) -> Sighting:
            sample, job = self.jobs[name]

            async def look() -> Sighting | None:
                seen = await drive(sample.status(job), partial(self.transport.send, base=f"{self.site}/{name}"))
                return seen if self.dialects[name].heard(seen.word)[0] in TERMINAL else None

            found: Sighting = await wait(look)
            return found

        seen = await asyncio.gather(*map(end, NAMES))
        return {name: (one.word, plain(one.detail)) for name, one in zip(NAMES, seen, strict=True)}


def plain(detail: str) -> str:
    """Without the number of an order."""
    return re.sub(r"^Order \d+-\d+ ", "Order ", detail).replace(".0 seconds", " seconds")


@pytest.fixture
async def party(serve: Any) -> AsyncIterator[Callable[..., Awaitable[Party]]]:
    async with Transport() as transport:

        async def start(**settings: Any) -> Party:
            client = await serve(**{"workers": 4, **settings})
            one = Party(client.site, transport, client.server.dialects)
            one.listen(client.server.house.desk.craft)
            return one

        yield start


def broken(clip: bytes) -> bytes:
    """Its index is noise."""
    start = clip.index(b"moov") + 4
    size = int.from_bytes(clip[start - 8 : start - 4], "big") - 8
    return clip[:start] + bytes(n * 31 % 256 for n in range(size)) + clip[start + size :]


def boastful(clip: bytes) -> bytes:
    """A Matroska file, called MP4, whose header says ten hours."""
    place = clip.index(b"\x44\x89\x88") + 3
    return clip[:place] + struct.pack(">d", 36_000_000.0) + clip[place + 8 :]


ENDLESS = {"/endless.mp4": 0.0, "/dripping.mp4": 0.05, "/hanging.mp4": 3600.0}
"""Films without an end, and the seconds between ten kilobytes of them and the next."""


class Liar:
    """A site whose films are none: ``films`` by path. ``/endless.mp4`` begins like one and never ends, nor does
    ``/dripping.mp4``, which is slower, while ``/hanging.mp4`` gets stuck."""

    def __init__(self, films: dict[str, bytes]) -> None:
        self.films, self.url = films, ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in ENDLESS:
            return await self._endless(request, ENDLESS[request.path])
        return web.Response(body=self.films[request.path], content_type="video/mp4")

    async def _endless(self, request: web.BaseRequest, pause: float) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            await response.write(self.films["/film.mp4"])
            while True:
                await response.write(bytes(10_000))
                await asyncio.sleep(pause)
        return response


@pytest.fixture
async def liar(clips: Any) -> AsyncIterator[Liar]:
    film, other = clips(CLIP).read_bytes(), clips(CLIP.replace("mp4", "mkv")).read_bytes()
    films = {
        "/film.mp4": film,
        "/half.mp4": film[: len(film) * 6 // 10],
        "/text.mp4": b"This is no film.\n" * 500,
        "/broken.mp4": broken(film),
        "/boast.mp4": boastful(other),
        "/picture.mp4": clips("bars-320x180.png").read_bytes(),
    }
    one = Liar(films)
    async with RawTestServer(one) as server:
        one.url = str(server.make_url("")).rstrip("/")
        yield one


def words(encoding: str, tpstreams: str, edge: str) -> dict[str, tuple[str, str]]:
    """What each dialect says. The last one has a single text for all failures."""
    return {
        "encoding_com": ("Error", encoding),
        "tpstreams": ("Error", tpstreams),
        "transparent_edge": ("ERROR", f"Order failed: {edge}"),
        "xvid_mediahub": ("FAILURE", "Failed to transcode the file"),
    }


DAMAGED = words(
    "Source file is not a media file or is damaged",
    "The input file could not be read as a video",
    "the origin is not a media file or is damaged",
)
FAILED = "The video could not be transcoded"


@pytest.mark.parametrize("name", ["half", "text", "broken", "boast"])
async def test_a_source_that_lies(party: Any, liar: Liar, wait: Any, swept: Any, name: str) -> None:
    one = await party()
    await one.create(f"{liar.url}/{name}.mp4")
    assert await one.ends(wait) == DAMAGED
    assert one.codes == dict.fromkeys(NAMES, "source_unreadable")
    await swept(*ROOMS)


async def test_a_picture_is_a_picture_whatever_it_is_called(party: Any, liar: Liar, wait: Any, swept: Any) -> None:
    one = await party()
    await one.create(f"{liar.url}/picture.mp4")
    ends = await one.ends(wait)
    assert [word for word, _ in ends.values()] == ["Finished", "Completed", "FINISHED", "SUCCESS"]
    await swept("work")


async def test_a_source_that_never_ends(party: Any, liar: Liar, wait: Any, swept: Any) -> None:
    one = await party(max_source=300_000)
    await one.create(f"{liar.url}/endless.mp4")
    assert await one.ends(wait) == words(
        "Download error:  The source is larger than 300000 bytes",
        "The input file is too large",
        "the origin is larger than 300000 bytes",
    )
    assert one.codes == dict.fromkeys(NAMES, "source_too_large")
    await swept(*ROOMS)


@pytest.mark.parametrize(("name", "bound"), [("dripping", "fetch_time"), ("hanging", "fetch_stall")])
async def test_a_source_that_takes_too_long(
    party: Any, liar: Liar, wait: Any, swept: Any, name: str, bound: str
) -> None:
    one = await party(**{bound: 1.0})
    await one.create(f"{liar.url}/{name}.mp4")
    assert await one.ends(wait) == words(
        "Download error:  The source took longer than 1 seconds",
        "The specified input URL does not exist or cannot be accessed",
        "the origin took longer than 1 seconds",
    )
    assert one.codes == dict.fromkeys(NAMES, "source_timeout")
    await swept(*ROOMS)


async def test_a_run_that_takes_too_long(party: Any, slow: Path, wait: Any, swept: Any, encoders: Any) -> None:
    one = await party(ffmpeg=str(slow), encode_time=1)
    await one.create(LONG)
    assert await one.ends(wait) == words("Encoding took longer than 1 seconds", FAILED, "transcoding failed")
    assert one.codes == dict.fromkeys(NAMES, "timed_out")
    await swept(*ROOMS)
    assert encoders() == []


async def test_an_output_that_grows_too_large(party: Any, wait: Any, swept: Any, encoders: Any) -> None:
    one = await party(encode_output=20_000)
    await one.create(LONG)
    assert await one.ends(wait) == words("Encoding error", FAILED, "transcoding failed")
    assert one.codes == dict.fromkeys(NAMES, "output_too_large")
    await swept(*ROOMS)
    assert encoders() == []


def busy(data: Path, processes: list[int]) -> list[Path]:
    """The folders of jobs that have written something and in which one of the processes is at work."""
    rooms = {path.parents[1] for path in (data / "work").glob("*/out-0/*")}
    homes = {Path(f"/proc/{process}/cwd").readlink() for process in processes}
    return [room for room in rooms if any(home.is_relative_to(room.resolve()) for home in homes)]


@pytest.fixture
def at_work(encoders: Any, wait: Any, data: Path) -> Callable[[], Awaitable[list[int]]]:
    """The FFmpeg processes of all four jobs, once each of them writes."""

    async def look() -> list[int]:
        found = encoders()
        return found if len(busy(data, found)) == len(NAMES) else []

    return lambda: wait(look)


async def test_ffmpeg_is_killed(party: Any, slow: Path, wait: Any, swept: Any, encoders: Any, at_work: Any) -> None:
    one = await party(ffmpeg=str(slow))
    await one.create(LONG)
    for process in await at_work():
        os.kill(process, signal.SIGKILL)
    assert await one.ends(wait) == words("Encoding was interrupted", FAILED, "transcoding failed")
    assert one.codes == dict.fromkeys(NAMES, "killed")
    await swept(*ROOMS)
    assert encoders() == []


async def test_ffmpeg_is_stopped(party: Any, slow: Path, wait: Any, swept: Any, encoders: Any, at_work: Any) -> None:
    one = await party(ffmpeg=str(slow), encode_stall=4)
    await one.create(LONG)
    for process in await at_work():
        os.kill(process, signal.SIGSTOP)
    assert await one.ends(wait) == words(
        "Encoding made no progress for 4 seconds", FAILED, "transcoding made no progress for 4 seconds"
    )
    assert one.codes == dict.fromkeys(NAMES, "stalled")
    await swept(*ROOMS)
    assert encoders() == []
