"""Packages and picture sets made by the real craft with a real FFmpeg, read back with PyAV and an HLS parser."""

from __future__ import annotations

import asyncio
import subprocess
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import m3u8
import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.faults import DeliveryFailed, EncodingFailed, Fault, NoSpace
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

pytestmark = pytest.mark.ffmpeg
HLS = m.Package(kind=m.PackageKind.HLS, segment=Fraction(1))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SMALL, TINY = m.Size(height=90), m.Size(height=54)


@pytest.fixture(scope="session")
def clip(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three and a half seconds whose picture changes wholly and often, with a tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    picture = "testsrc2=size=320x180:rate=30000/1001:duration=3.5,negate=enable='lt(mod(t,0.7),0.3)'"
    sources = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=440:sample_rate=44100:duration=3.5")
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2")
    subprocess.run([the_tool.path, "-v", "error", "-y", *sources, *coding, str(path)], check=True)
    return path


@dataclass
class Workshop:
    """Makes jobs from the clip, without a server around it."""

    folder: Path
    craft: FFmpegCraft
    clip: Path

    def ticket(self, *outputs: m.Output) -> m.Ticket:
        made = tuple(m.Made(id=str(901 + number)) for number in range(len(outputs)))
        asked = m.Job(inputs=(m.Input(location=m.Location(url=f"file://{self.clip}")),), outputs=outputs)
        ids = {"folder": "f1"}
        return m.Ticket(
            id="1",
            account="a",
            dialect="d",
            job=asked,
            created=NOON,
            sources=(m.Source(id="5"),),
            outputs=made,
            ids=ids,
        )

    async def make(self, *outputs: m.Output) -> tuple[m.Ticket, dict[int, Any]]:
        ticket = self.ticket(*outputs)
        await self.craft.fetch(ticket, 0, lambda progress, left=None: None)
        facts = await self.craft.probe(ticket, 0)
        ticket = replace(ticket, sources=(replace(ticket.sources[0], facts=facts),))
        wanted = frozenset(range(len(outputs)))
        return ticket, dict(await self.craft.make(ticket, wanted, lambda progress, left=None: None))

    async def keep(self, *outputs: m.Output) -> tuple[Path, tuple[m.File, ...]]:
        """The first output's folder and files."""
        ticket, made = await self.make(*outputs)
        assert not [one for one in made.values() if isinstance(one, Fault)], made
        files = await self.craft.keep(ticket, 0, made[0])
        return self.folder / "outputs" / "f1" / "901", files


@pytest.fixture
async def workshop(tmp_path: Path, clip: Path, the_tool: tool.Tool) -> AsyncIterator[Workshop]:
    async def get_tool() -> tool.Tool:
        return the_tool

    async with Prober(the_tool) as prober:

        async def get_prober() -> Prober:
            return prober

        carrier = Carrier(Policy(allow_dirs=(clip.parent, tmp_path), file_sources=True))
        maker = Maker(get_tool, get_prober, carrier, limits=Limits(), threads=2)
        craft = FFmpegCraft(tmp_path, lambda: maker, get_prober, carrier)
        yield Workshop(tmp_path, craft, clip)
        await carrier.close()


@dataclass
class Seen:
    """A segment, decoded: when its pictures and sounds are shown, in seconds."""

    times: list[float]
    first_key: bool
    sounds: list[float]
    size: tuple[int, int] | None


def look(path: Path) -> Seen:
    with av.open(str(path)) as box:
        frames = list(box.decode(video=0)) if box.streams.video else []
        size = (frames[0].width, frames[0].height) if frames else None
        times, first = [float(frame.time) for frame in frames], bool(frames and frames[0].key_frame)
    with av.open(str(path)) as box:
        sounds = [float(frame.time) for frame in box.decode(audio=0)] if box.streams.audio else []
    return Seen(times, first, sounds, size)


def segments(playlist: Path) -> list[Path]:
    """Each of them as a file that can be opened, whatever it needs to begin with."""
    media = m3u8.load(str(playlist))
    assert media.is_endlist
    assert media.playlist_type == "vod"
    assert media.is_independent_segments
    found = []
    for segment in media.segments:
        path = playlist.with_name(segment.uri)
        if segment.init_section is not None:
            whole = path.with_suffix(".whole.mp4")
            whole.write_bytes(playlist.with_name(segment.init_section.uri).read_bytes() + path.read_bytes())
            path = whole
        found.append(path)
    return found


LADDER = (
    m.Variant(folder="high", video=m.Video(size=SMALL, rate=m.Average(bitrate=200_000))),
    m.Variant(folder="low", video=m.Video(size=TINY, rate=m.Average(bitrate=60_000), b_frames=0, profile="baseline"),
              audio=m.Audio(sample_rate=48_000, channels=1)),
    m.Variant(folder="mute", video=m.Video(size=TINY, frame_rate=m.FrameRate(value=Fraction(15)),
                                           key_frames=m.KeyFrames(frames=7)), audio=m.SKIP),
    m.Variant(folder="sound", video=m.SKIP, audio=m.Audio(bitrate=32_000)),
)  # fmt: skip


@pytest.mark.parametrize("fragmented", [False, True], ids=["mpegts", "fmp4"])
async def test_a_ladder_is_aligned_and_the_master_tells_the_truth(workshop: Workshop, fragmented: bool) -> None:
    package = replace(HLS, fragmented=fragmented, variants=LADDER)
    folder, files = await workshop.keep(m.Output(package=package), m.Output(container="mp4", video=m.Video(size=TINY)))
    assert [(one.path, one.role) for one in files[:2]] == [
        ("f1/901/master.m3u8", "playlist"),
        ("f1/901/high/index.m3u8", "playlist"),
    ]
    assert all((folder.parents[1] / one.path).stat().st_size == one.size for one in files)
    listed = {one.path for one in files}
    assert listed == {str(path.relative_to(folder.parents[1])) for path in folder.rglob("*") if path.is_file()}
    master = m3u8.load(str(folder / "master.m3u8"))
    assert [one.uri for one in master.playlists] == [f"{one.folder}/index.m3u8" for one in LADDER]
    durations = {}
    for one in master.playlists:
        name = one.uri.partition("/")[0]
        media = m3u8.load(str(folder / one.uri))
        durations[name] = [segment.duration for segment in media.segments]
        sizes = [(folder / name / segment.uri).stat().st_size for segment in media.segments]
        rates = [8 * size / length for size, length in zip(sizes, durations[name], strict=True)]
        assert one.stream_info.average_bandwidth == pytest.approx(8 * sum(sizes) / sum(durations[name]), abs=1)
        assert max(rates[:3]) <= one.stream_info.bandwidth + 1
        assert one.stream_info.bandwidth <= max(rates) + 1
        assert max(round(length) for length in durations[name]) <= media.target_duration
    info = {one.uri.partition("/")[0]: one.stream_info for one in master.playlists}
    assert info["high"].codecs.startswith("avc1.6400")
    assert info["low"].codecs.startswith("avc1.42")
    assert [info[name].codecs.partition(",")[2] for name in ("high", "low", "mute")] == ["mp4a.40.2", "mp4a.40.2", ""]
    assert info["sound"].codecs == "mp4a.40.2"
    assert [info[name].resolution for name in info] == [(160, 90), (96, 54), (96, 54), None]
    assert [info[name].frame_rate for name in info] == [29.97, 29.97, 15.0, None]
    assert durations["high"] == durations["low"]
    assert sum(durations["high"]) == pytest.approx(3.5, abs=0.04)
    assert durations["high"][:3] == pytest.approx([1.001] * 3, abs=0.002)
    assert durations["mute"][:3] == pytest.approx([1.0] * 3, abs=0.002)
    seen = {name: [look(path) for path in segments(folder / name / "index.m3u8")] for name in info}
    start = seen["high"][0].times[0]
    for name in ("high", "low", "mute"):
        assert all(one.first_key for one in seen[name])
        near = 0.0001 if name != "mute" else 1 / 15
        assert [one.times[0] for one in seen[name]] == pytest.approx([one.times[0] for one in seen["high"]], abs=near)
        assert seen[name][0].times[0] == pytest.approx(start, abs=0.0001)
    assert sum(len(one.times) for one in seen["high"]) == 105
    for name in ("low", "sound"):
        assert seen[name][0].sounds[0] == pytest.approx(seen["high"][0].sounds[0], abs=0.003)
    facts = files[0].facts
    assert facts is not None
    assert (facts.container, facts.video[0].codec, facts.video[0].width) == ("hls", "h264", 160)
    assert float(facts.duration or 0) == pytest.approx(sum(durations["high"]))
    own = {one.path: one.facts for one in files if one.role == "playlist" and one.facts is not None}
    assert own["f1/901/sound/index.m3u8"].video == ()
    assert own["f1/901/low/index.m3u8"].audio[0].sample_rate == 48_000


async def test_one_variant_lies_in_the_packages_own_folder(workshop: Workshop) -> None:
    package = replace(HLS, segment=Fraction(2), segment_name="video_%d.ts", list_size=1)
    folder, files = await workshop.keep(m.Output(package=package, video=m.Video(size=TINY), audio=m.SKIP))
    assert [Path(one.path).name for one in files] == ["master.m3u8", "index.m3u8", "video_0.ts", "video_1.ts"]
    media = m3u8.load(str(folder / "index.m3u8"))
    assert (media.media_sequence, [segment.uri for segment in media.segments]) == (1, ["video_1.ts"])
    assert look(folder / "video_0.ts").size == (96, 54)


async def test_hevc_in_fragmented_mp4(workshop: Workshop) -> None:
    video = m.Video(codec="hevc", size=SMALL, speed="ultrafast")
    folder, _ = await workshop.keep(m.Output(package=replace(HLS, fragmented=True), video=video, audio=m.SKIP))
    (one,) = m3u8.load(str(folder / "master.m3u8")).playlists
    assert one.stream_info.codecs.startswith("hvc1.1.6.L")
    assert all(look(path).first_key for path in segments(folder / one.uri))


async def test_copied_tracks_are_cut_at_the_sources_key_frames(workshop: Workshop) -> None:
    copied = m.Output(package=HLS, video=m.Video(codec="copy"), audio=m.Audio(codec="copy"))
    folder, _ = await workshop.keep(copied)
    (one,) = m3u8.load(str(folder / "master.m3u8")).playlists
    assert one.stream_info.resolution == (320, 180)
    found = [look(path) for path in segments(folder / one.uri)]
    assert all(segment.first_key for segment in found)
    assert sum(len(segment.times) for segment in found) == 105


@dataclass
class Recorder:
    """A carrier that notes what comes, and how many were on their way at once."""

    fails: str = " "
    fault: Fault = field(default_factory=lambda: DeliveryFailed(reason="refused"))
    urls: list[str] = field(default_factory=list)
    kinds: dict[str, str | None] = field(default_factory=dict)
    busy: int = 0
    most: int = 0

    async def deliver(
        self, path: Path, location: m.Location, *, name: str = "", content_type: str | None = None
    ) -> None:
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            for _ in range(5):  # turns of the loop, so that others can begin meanwhile
                await asyncio.wait([asyncio.get_running_loop().create_task(_nothing())])
        finally:
            self.busy -= 1
        if self.fails in location.url:
            raise self.fault
        self.urls.append(location.url)
        self.kinds[Path(location.url).suffix] = content_type


async def _nothing() -> None:
    return


async def delivered(workshop: Workshop, output: m.Output, recorder: Recorder) -> tuple[Product, ...]:
    ticket, made = await workshop.make(output)
    workshop.craft.carrier = recorder  # type: ignore[assignment]
    await workshop.craft.deliver(ticket, 0, 0, made[0])
    found: tuple[Product, ...] = made[0]
    return found


def to(url: str) -> m.Output:
    where = m.Location(url=url, access=m.Access(user="u"), spelling=m.Secret("u:p@host"))
    variants = (m.Variant(folder="b c", video=m.Video(size=TINY)), m.Variant(folder="d", video=m.SKIP))
    return m.Output(package=replace(HLS, variants=variants), destinations=(where,))


@pytest.mark.parametrize(
    ("url", "base", "master"),
    [
        ("ftp://host/a/show.m3u8?x=1", "ftp://host/a/{}?x=1", "show.m3u8"),
        ("ftp://host/a/", "ftp://host/a/{}", "master.m3u8"),
        ("ftp://host/a", "ftp://host/a/{}", "master.m3u8"),
        ("ftp://host", "ftp://host/{}", "master.m3u8"),
    ],
)
async def test_the_master_is_delivered_last(workshop: Workshop, url: str, base: str, master: str) -> None:
    recorder = Recorder()
    await delivered(workshop, to(url), recorder)
    parts = [f"b%20c/segment_0000{n}.ts" for n in range(4)] + [f"d/segment_0000{n}.ts" for n in range(4)]
    assert sorted(recorder.urls[:8]) == [base.format(part) for part in parts]
    assert sorted(recorder.urls[8:10]) == [base.format("b%20c/index.m3u8"), base.format("d/index.m3u8")]
    assert recorder.urls[10:] == [base.format(master)]
    assert 1 < recorder.most <= 4


async def test_a_segment_that_can_not_be_delivered_leaves_no_playlist(workshop: Workshop) -> None:
    recorder = Recorder(fails="segment_00001")
    with pytest.raises(DeliveryFailed, match="refused"):
        await delivered(workshop, to("ftp://host/a/"), recorder)
    assert not [url for url in recorder.urls if "m3u8" in url]
    assert recorder.busy == 0
    with pytest.raises(DeliveryFailed, match="no_space"):
        await delivered(workshop, to("ftp://host/a/"), Recorder(fails="segment", fault=NoSpace()))


async def test_content_types(workshop: Workshop) -> None:
    recorder = Recorder()
    output = to("ftp://host/a/")
    assert output.package is not None
    await delivered(workshop, replace(output, package=replace(output.package, fragmented=True)), recorder)
    kinds = {".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".mp4": "video/mp4"}
    assert recorder.kinds == kinds


async def test_real_files_at_a_destination(workshop: Workshop, tmp_path: Path) -> None:
    output = to(f"file://{tmp_path}/there/x.m3u8")
    ticket, made = await workshop.make(output)
    await workshop.craft.deliver(ticket, 0, 0, made[0])
    (first, sound) = m3u8.load(str(tmp_path / "there" / "x.m3u8")).playlists
    assert look(tmp_path / "there" / "b c" / "segment_00003.ts").size == (96, 54)
    assert first.uri == "b%20c/index.m3u8"
    assert (tmp_path / "there" / sound.uri).is_file()


async def test_a_package_that_ffmpeg_did_not_finish(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    from mediaglot.gateway.backends import making

    real: Callable[..., Any] = making.run

    async def broken(*args: Any, cwd: Path, **more: Any) -> None:
        await real(*args, cwd=cwd, **more)
        (cwd / "out-0" / "v1" / "00002.ts").unlink()

    monkeypatch.setattr(making, "run", broken)
    _, made = await workshop.make(to("ftp://host/a/"))
    assert isinstance(made[0], EncodingFailed)
    assert made[0].data == {"reason": "no_output"}


# --- pictures -----------------------------------------------------------------------------------


async def test_pictures_are_named_and_measured(workshop: Workshop) -> None:
    stills = m.Stills(every=Fraction(1), size=m.Size(width=80), name="t_{resolution}-{n:02}", archive=True)
    one = m.Stills(at=Fraction(1), format=m.StillFormat.PNG, name="cover.png")
    folder, files = await workshop.keep(m.Output(stills=(stills, one)))
    names = [Path(file.path).name for file in files]
    assert names[:4] == [f"t_80x45-0{number}.jpg" for number in (1, 2, 3, 4)]
    assert (names[4].rpartition(".")[2], names[5]) == ("zip", "cover.png")
    assert [file.role for file in files] == ["still"] * 4 + ["archive", "still"]
    sizes = [(file.facts.video[0].width, file.facts.video[0].height) for file in files if file.facts is not None]
    assert sizes == [(80, 45)] * 4 + [(320, 180)]
    assert files[4].facts is None
    with zipfile.ZipFile(folder / names[4]) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names[:4]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read(names[0]) == (folder / names[0]).read_bytes()


async def test_an_archive_has_the_name_that_it_is_given(workshop: Workshop) -> None:
    stills = m.Stills(at=Fraction(1), archive=True, archive_name="thumbnails_clip")
    folder, files = await workshop.keep(m.Output(stills=(stills,), extension="jpeg"))
    assert [Path(file.path).name for file in files] == ["clip_901_1.jpeg", "thumbnails_clip.zip"]
    assert zipfile.ZipFile(folder / "thumbnails_clip.zip").namelist() == ["still-0.jpg"]


async def test_names_that_measuring_made_alike_are_told_apart(workshop: Workshop) -> None:
    stills = (m.Stills(name="A_{resolution}.jpg"), m.Stills(at=Fraction(2), name="a_320x180.jpg"))
    folder, files = await workshop.keep(m.Output(stills=stills))
    assert [Path(file.path).name for file in files] == ["A_320x180.jpg", "a_320x180_2.jpg"]
    assert len(list(folder.iterdir())) == 2


async def test_a_file_has_the_name_that_it_is_given(workshop: Workshop) -> None:
    folder, _ = await workshop.keep(m.Output(container="mp3", name="Ein Ton"))
    assert [path.name for path in folder.iterdir()] == ["Ein Ton.mp3"]
