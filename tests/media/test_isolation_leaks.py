"""Hostile files that name other files or addresses: refused by what we pass to FFmpeg, and leaking without it.

The foreign file is of one colour that nothing else has. Every command is that of a real plan; "without the guard" is
the same command with the two whitelists taken out.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from mediaglot.gateway import faults
from mediaglot.gateway import model as m
from mediaglot.gateway.media import sandbox
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.sandbox import Mode
from mediaglot.gateway.media.tool import find

pytestmark = pytest.mark.ffmpeg
TOOL = find()
MAGENTA = (255, 0, 255)
GREEN = (0, 255, 0)
PROTOCOLS = ("-protocol_whitelist", "file,http,tcp,crypto,data")
"""What a careless operator might allow."""


def hls(place: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{place}\n#EXT-X-ENDLIST\n"


def dash(base: str) -> str:
    kind = 'mimeType="video/mp4" codecs="avc1.42c01e" bandwidth="9000" width="64" height="64"'
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"'
        ' profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet contentType="video">'
        f'<Representation id="0" {kind}><BaseURL>{base}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )


def concat(place: str) -> str:
    return f"ffconcat version 1.0\nfile {place}\n"


DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">'
    '<rect width="64" height="64" fill="#00ff00"/><image xlink:href="{place}" width="64" height="64"/></svg>'
)


@dataclass(frozen=True, kw_only=True)
class Attack:
    text: str
    """With ``{other}`` for the other customer's folder and ``{site}`` for the listener."""
    name: str = "source-0"
    """FFmpeg knows a playlist by its name; ours have none."""
    loose: tuple[str, ...] = ()
    """What has to be given beside, for it to leak without the whitelists."""


LEAKS = {
    "playlist with a path": Attack(text=hls("{other}/foreign.ts"), name="list.m3u8"),
    "playlist with a file URL": Attack(text=hls("file://{other}/foreign.ts"), name="list.m3u8"),
    "playlist with a neighbour": Attack(text=hls("../other/foreign.ts"), name="list.m3u8"),
    "ffconcat with a neighbour": Attack(text=concat("beside.mp4")),
    "ffconcat with a path": Attack(text=concat("{other}/foreign.mp4"), loose=("-safe", "0")),
    "manifest with a file URL": Attack(text=dash("file://{other}/foreign.mp4")),
    "manifest with a path": Attack(text=dash("{other}/foreign.mp4")),
}
CALLS = {
    "playlist with an address": Attack(text=hls("{site}/foreign.ts"), name="list.m3u8", loose=PROTOCOLS),
    "ffconcat with an address": Attack(text=concat("{site}/foreign.ts"), loose=("-safe", "0", *PROTOCOLS)),
    "manifest with an address": Attack(text=dash("{site}/foreign.mp4"), loose=PROTOCOLS),
}
OTHERS = {
    "drawing": Attack(text=DRAWING.replace("{place}", "file://{other}/foreign.png")),
    "drawing with an address": Attack(text=DRAWING.replace("{place}", "{site}/foreign.png")),
    "subtitles": Attack(text="1\n00:00:00,000 --> 00:00:01,000\nhello\n"),
    "styled subtitles": Attack(
        text="[Script Info]\nScriptType: v4.00+\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
        "Dialogue: 0,0:00:00.00,0:00:01.00,Default,hello\n"
    ),
    "session description": Attack(
        text="v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n"
    ),
    "text": Attack(text="hello\n" * 100, name="page.txt"),
}
"""They lead nowhere even without the guard, but they are no media either."""
ALL = LEAKS | CALLS | OTHERS


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another customer's folder."""
    folder = tmp_path_factory.mktemp("customers") / "other"
    folder.mkdir()
    picture = ("-f", "lavfi", "-i", "color=0xff00ff:size=64x64:rate=25:duration=1")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    one = ("-frames:v", "1", "-update", "1")
    outputs = [(*coded, "foreign.mp4"), (*coded, "-bsf:v", "h264_mp4toannexb", "foreign.ts"), (*one, "foreign.png")]
    words = [word for output in outputs for word in output]
    subprocess.run([TOOL.path, "-v", "error", "-nostdin", *picture, *words], check=True, cwd=folder)
    return folder


class Site:
    """A listener that has the foreign file, and knows who asked."""

    def __init__(self, folder: Path) -> None:
        self.url, self.asked, self._folder = "", 0, folder

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            line = await reader.readuntil(b"\r\n\r\n")
            body = (self._folder / line.split()[1].decode().rpartition("/")[2]).read_bytes()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        writer.close()


@pytest.fixture
async def site(foreign: Path) -> AsyncIterator[Site]:
    one = Site(foreign)
    async with await asyncio.start_server(one.answer, "127.0.0.1", 0) as server:
        one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one


@pytest.fixture
def job(foreign: Path) -> Path:
    """The folder of a job, beside the other customer's, with a source and what lies there anyway."""
    folder = foreign.parent / f"job-{len(list(foreign.parent.iterdir()))}"
    (folder / "out-0").mkdir(parents=True)
    black = ("-f", "lavfi", "-i", "color=black:size=64x64:rate=25:duration=1", "-c:v", "mpeg4", "-f", "mp4")
    subprocess.run([TOOL.path, "-v", "error", "-nostdin", *black, "clean"], check=True, cwd=folder)
    (folder / "beside.mp4").write_bytes((foreign / "foreign.mp4").read_bytes())
    return folder


@pytest.fixture(scope="session")
def draws() -> None:
    if "librsvg" not in subprocess.run([TOOL.path, "-decoders"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this FFmpeg has no reader of drawings")


def lay(attack: Attack, folder: Path, name: str, foreign: Path, site: Site) -> str:
    (folder / name).write_text(attack.text.replace("{other}", str(foreign)).replace("{site}", site.url))
    return name


def command(source: str, logo: str | None = None) -> list[str]:
    """That of the planner, for a job that wants an MP4 of 64x64."""
    place = m.Location(url="https://example.test/a")
    cover = (m.ImageOverlay(location=place),) if logo else ()
    output = m.Output(container="mp4", video=m.Video(codec="h264"), overlays=cover)
    picture = m.VideoFacts(codec="h264", width=64, height=64)
    facts = m.MediaFacts(container="mov", size=1000, video=(picture,))
    drawn = plan(
        m.Job(inputs=(m.Input(location=place),), outputs=(output,)), [facts], encoders=TOOL.encoders, muxers=TOOL.muxers
    )
    assert drawn.faults == {}
    (one,) = drawn.runs
    names = {"source-0": source, "overlay-0-0": logo or "", one.targets[0].path: "out-0/made.mp4"}
    return [names.get(word, word) for word in argv(one, TOOL.path, threads=2)]


def unguarded(words: Sequence[str], loose: Sequence[str]) -> list[str]:
    """Without the whitelists of its inputs; ``loose`` in their place, before the last one."""
    kept = list(words)
    for option in ("-protocol_whitelist", "-format_whitelist"):
        while option in kept:
            place = kept.index(option)
            del kept[place : place + 2]
    place = len(kept) - 1 - kept[::-1].index("-i")
    return [*kept[:place], *loose, *kept[place:]]


async def give(words: Sequence[str], folder: Path, kind: Mode = "off") -> tuple[int, int, int] | None:
    """The colour in the middle of the first picture that comes out."""
    made = folder / "out-0" / "made.mp4"
    made.unlink(missing_ok=True)
    await run(words, cwd=folder, on_progress=lambda _: None, limits=Limits(sandbox=kind, wall=20))
    with av.open(str(made)) as box:
        for frame in box.decode(video=0):
            red, green, blue = frame.to_image().getpixel((32, 32))
            return red, green, blue
    return None


def is_like(color: tuple[int, int, int] | None, wanted: tuple[int, int, int]) -> bool:
    return color is not None and all(abs(one - other) < 12 for one, other in zip(color, wanted, strict=True))


def is_foreign(color: tuple[int, int, int] | None) -> bool:
    return is_like(color, MAGENTA)


# --- as the source ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
async def test_as_a_source_it_is_refused(name: str, job: Path, foreign: Path, site: Site) -> None:
    for path in (ALL[name].name, "source-0", "upload.mp4"):
        words = command(lay(ALL[name], job, path, foreign, site))
        with pytest.raises(faults.SourceUnreadable):
            await give(words, job)
        assert not (job / "out-0" / "made.mp4").exists()
    assert site.asked == 0


@pytest.mark.parametrize("name", LEAKS)
async def test_as_a_source_it_leaks_without_the_guard(name: str, job: Path, foreign: Path, site: Site) -> None:
    attack = LEAKS[name]
    words = command(lay(attack, job, attack.name, foreign, site))
    assert is_foreign(await give(unguarded(words, attack.loose), job))


@pytest.mark.parametrize("name", CALLS)
async def test_as_a_source_it_calls_without_the_guard(name: str, job: Path, foreign: Path, site: Site) -> None:
    attack = CALLS[name]
    words = command(lay(attack, job, attack.name, foreign, site))
    assert is_foreign(await give(unguarded(words, attack.loose), job))
    assert site.asked > 0


@pytest.mark.parametrize("name", ["drawing", "drawing with an address"])
@pytest.mark.usefixtures("draws")
async def test_a_drawing_would_be_drawn_without_the_guard(name: str, job: Path, foreign: Path, site: Site) -> None:
    """What it refers to is not followed by FFmpeg's own reader either; others may."""
    words = unguarded(command(lay(OTHERS[name], job, "source-0", foreign, site)), PROTOCOLS)
    assert is_like(await give(words, job), GREEN)
    assert site.asked == 0


# --- as the logo ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
async def test_as_a_logo_it_is_refused(name: str, job: Path, foreign: Path, site: Site) -> None:
    for path in (ALL[name].name.replace("source-0", "overlay-0-0"), "logo.png"):
        words = command("clean", lay(ALL[name], job, path, foreign, site))
        with pytest.raises(faults.SourceUnreadable):
            await give(words, job)
        assert not (job / "out-0" / "made.mp4").exists()
    assert site.asked == 0


@pytest.mark.parametrize("name", LEAKS | CALLS)
async def test_as_a_logo_it_leaks_without_the_guard(name: str, job: Path, foreign: Path, site: Site) -> None:
    attack = (LEAKS | CALLS)[name]
    words = command("clean", lay(attack, job, attack.name, foreign, site))
    assert is_foreign(await give(unguarded(words, attack.loose), job))
    assert (site.asked > 0) == (name in CALLS)


# --- in the probe -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
async def test_probing_refuses_it(name: str, job: Path, foreign: Path, site: Site) -> None:
    path = job / lay(ALL[name], job, ALL[name].name, foreign, site)
    async with Prober(TOOL, helpers=1) as prober:
        with pytest.raises(faults.SourceUnreadable):
            await prober.probe(path)
    assert site.asked == 0


@pytest.mark.parametrize("name", ["playlist with a path", "playlist with a neighbour", "ffconcat with a neighbour"])
def test_probing_would_open_it_without_the_guard(name: str, job: Path, foreign: Path) -> None:
    path = job / lay(LEAKS[name], job, LEAKS[name].name, foreign, Site(foreign))
    with av.open(str(path)) as box:
        picture = next(iter(box.decode(video=0))).to_image()
    assert is_foreign(picture.getpixel((32, 32)))


# --- the second wall --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unshare", "bwrap"])
@pytest.mark.parametrize("name", CALLS)
async def test_a_sandbox_has_no_network_even_without_the_guard(
    name: str, kind: Mode, job: Path, foreign: Path, site: Site
) -> None:
    attack = CALLS[name]
    words = unguarded(command(lay(attack, job, attack.name, foreign, site)), attack.loose)
    with pytest.raises(faults.WorkFault):
        await give(words, job, offered(kind))
    assert site.asked == 0


@pytest.mark.parametrize("name", sorted(LEAKS.keys() - {"ffconcat with a neighbour"}))
async def test_bubblewrap_has_no_foreign_file_even_without_the_guard(
    name: str, job: Path, foreign: Path, site: Site
) -> None:
    attack = LEAKS[name]
    words = unguarded(command(lay(attack, job, attack.name, foreign, site)), attack.loose)
    with pytest.raises(faults.WorkFault):
        await give(words, job, offered("bwrap"))


def offered(kind: Mode) -> Mode:
    try:
        sandbox.choose(kind, TOOL.path)
    except sandbox.NoSandbox:
        pytest.skip(f"this machine has no {kind}, or does not allow it")
    return kind
