"""Work that is spared, with a real FFmpeg that counts how often it is started."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.cache import Cache, usage
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.backends.saving import Saver
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

pytestmark = pytest.mark.ffmpeg
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MP4 = m.Output(container="mp4")
SMALL = m.Output(container="mp4", video=m.Video(size=m.Size(height=90)))
STILLS = m.Output(stills=(m.Stills(every=Fraction(1, 2), name="s{n}", archive=True),))
HLS = m.Output(video=m.Video(size=m.Size(height=54)), package=m.Package(kind=m.PackageKind.HLS, segment=Fraction(1, 2)))


@pytest.fixture(scope="session")
def clips(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One and a half seconds with pictures that are shown in another order than they are stored, in some containers."""
    folder = tmp_path_factory.mktemp("clips")
    sources = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=1.5 -f lavfi -i sine=440:duration=1.5"
    coding = "-c:v libx264 -preset veryfast -bf 3 -g 12 -pix_fmt yuv420p -c:a aac -ac 2"
    run = [the_tool.path, "-v", "error", "-y"]
    subprocess.run([*run, *sources.split(), *coding.split(), str(folder / "clip.mp4")], check=True)
    first = [*run, "-i", str(folder / "clip.mp4"), "-c", "copy"]
    for more, name in ((), "clip.mkv"), (("-output_ts_offset", "1234"), "late.ts"):
        subprocess.run([*first, *more, str(folder / name)], check=True)
    subprocess.run([*run, "-ss", "0.3", *first[4:], str(folder / "cut.mp4")], check=True)
    subprocess.run([*run, "-display_rotation:v:0", "90", *first[4:], str(folder / "turned.mp4")], check=True)
    return folder


@dataclass
class Shop:
    """Jobs with one source each; ``starts`` is how often FFmpeg was started so far."""

    root: Path
    clips: Path
    craft: FFmpegCraft
    log: Path
    jobs: int = 0

    @property
    def starts(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    async def make(self, *outputs: m.Output, source: str = "clip.mp4") -> dict[int, Any]:
        """Results by output; each has got files of its own by then, in the folder of its job."""
        self.jobs += 1
        ticket = m.Ticket(
            id=str(self.jobs),
            account="a",
            dialect="d",
            job=m.Job(inputs=(m.Input(location=m.Location(url=f"file://{self.clips / source}")),), outputs=outputs),
            created=NOON,
            sources=(m.Source(id="5"),),
            outputs=tuple(m.Made(id=str(900 + number)) for number in range(len(outputs))),
            ids={"folder": f"f{self.jobs}"},
        )
        await self.craft.fetch(ticket, 0, lambda progress, left=None: None)
        facts = await self.craft.probe(ticket, 0)
        ticket = replace(ticket, sources=(replace(ticket.sources[0], facts=facts),))
        wanted = frozenset(range(len(outputs)))
        made = await self.craft.make(ticket, wanted, lambda progress, left=None: None)
        found = {}
        for index, one in made.items():
            found[index] = one if isinstance(one, Fault) else await self.craft.keep(ticket, index, one)
        self.craft.clear(ticket)
        return found

    def refuse(self, words: str) -> None:
        """FFmpeg fails with such options."""
        program = self.log.with_name("ffmpeg")
        answer = 'echo "[error] Invalid data found when processing input" >&2; exit 1'
        script = program.read_text()
        program.write_text(script.replace("exec", f'case " $* " in *" {words} "*) {answer};; esac\nexec'))

    def path(self, file: m.File) -> Path:
        return self.root / "outputs" / file.path


Open = Callable[..., Shop]


@pytest.fixture
async def shop(tmp_path: Path, clips: Path, the_tool: tool.Tool) -> AsyncIterator[Open]:
    log, program = tmp_path / "starts.txt", tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/bash\necho x >> {log}\nexec {the_tool.path} "$@"\n')
    program.chmod(0o755)
    carrier = Carrier(Policy(allow_dirs=(clips, tmp_path), file_sources=True))
    async with Prober(the_tool) as prober:

        async def get_tool() -> tool.Tool:
            return replace(the_tool, path=str(program))

        async def get_prober() -> Prober:
            return prober

        def start(*, copy: bool = False, cache: int = 0) -> Shop:
            kept = Cache(tmp_path / "cache", cache) if cache else None
            maker = Maker(get_tool, get_prober, carrier, limits=Limits(), threads=2, copy=copy)
            craft = FFmpegCraft(tmp_path, lambda: Saver(maker, kept), get_prober, carrier)
            return Shop(tmp_path, clips, craft, log)

        yield start
        await carrier.close()


# --- copied tracks ------------------------------------------------------------------------------


def packets(path: Path, kind: str) -> list[tuple[str, Fraction]]:
    """What each packet holds, without the framing of its container, and when it is shown, from the first one on."""
    with av.open(str(path)) as file:
        stream = file.streams.best(kind)
        plain = "h264_mp4toannexb" if kind == "video" else None
        found = [one for one in file.demux(stream) if one.size]
        if plain and (stream.codec_context.extradata or b"")[:1] == b"\x01":
            chain = av.bitstream.BitStreamFilterContext(plain, stream)
            found = [inner for one in found for inner in chain.filter(one)]
        first = min(one.pts for one in found)
        base = Fraction(stream.time_base)
        return [(units(bytes(one)) if plain else sound(bytes(one)), (one.pts - first) * base) for one in found]


def units(data: bytes) -> str:
    """Pictures without the parameters and marks that some containers repeat before them."""
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return hashlib.sha256(b"|".join(part for part in parts if part[0] & 31 in (1, 5))).hexdigest()


def sound(data: bytes) -> str:
    """A frame of AAC without its ADTS header."""
    return hashlib.sha256(data[7:] if data[:1] == b"\xff" and data[1] & 0xF6 == 0xF0 else data).hexdigest()


@pytest.mark.parametrize("source", ["clip.mp4", "clip.mkv", "late.ts"])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
async def test_every_packet_is_the_source_s_at_its_own_time(shop: Open, source: str, container: str) -> None:
    one = shop(copy=True)
    made = await one.make(m.Output(container=container), source=source)
    path = one.path(made[0][0])
    for kind in ("video", "audio"):
        before, after = packets(one.clips / source, kind), packets(path, kind)
        assert [content for content, _ in after] == [content for content, _ in before]
        late = [abs(was - now) for (_, was), (_, now) in zip(before, after, strict=True)]
        assert max(late) <= Fraction(1, 900)
    with av.open(str(path)) as file:
        assert next(file.demux(video=0)).is_keyframe
        assert 0 <= float(file.start_time or 0) / 1e6 < 0.1
    assert one.starts == 1


async def test_only_the_track_that_is_not_yet_as_it_is_asked_for_is_encoded(shop: Open) -> None:
    one = shop(copy=True)
    made = await one.make(replace(SMALL, video=m.Video(size=m.Size(height=54))))
    source, path = one.clips / "clip.mp4", one.path(made[0][0])
    assert packets(path, "audio") == packets(source, "audio")
    assert (made[0][0].facts.video[0].height, len(packets(path, "video"))) == (54, 38)
    pictures, sounds = (apart(path, kind) for kind in ("video", "audio"))
    assert abs(pictures - apart(source, "video")) < 0.05
    assert abs(sounds - apart(source, "audio")) < 0.05


def apart(path: Path, kind: str) -> float:
    """When a track's first frame is shown."""
    with av.open(str(path)) as file:
        return float(next(file.decode(file.streams.best(kind))).time)


async def test_a_turned_source_is_encoded_upright(shop: Open) -> None:
    made = await shop(copy=True).make(MP4, source="turned.mp4")
    (track,) = made[0][0].facts.video
    assert (track.width, track.height, track.rotation) == (90, 160, 0)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
async def test_what_an_edit_list_hides_stays_hidden(shop: Open, container: str) -> None:
    one = shop(copy=True)
    made = await one.make(m.Output(container=container), source="cut.mp4")
    for kind in ("video", "audio"):
        assert shown(one.path(made[0][0]), kind) == pytest.approx(shown(one.clips / "cut.mp4", kind), abs=0.05)


def shown(path: Path, kind: str) -> list[float]:
    """When the first and the last frame are shown."""
    with av.open(str(path)) as file:
        times = [float(frame.time) for frame in file.decode(file.streams.best(kind))]
    return [times[0], times[-1]]


async def test_without_leave_the_source_is_encoded(shop: Open) -> None:
    one = shop()
    made = await one.make(MP4)
    assert packets(one.path(made[0][0]), "video") != packets(one.clips / "clip.mp4", "video")


async def test_a_copy_that_does_not_work_out_is_encoded(shop: Open) -> None:
    one = shop(copy=True)
    one.refuse("-c:v copy")
    made = await one.make(MP4)
    assert one.starts == 2
    assert made[0][0].facts.video[0].codec == "h264"


# --- outputs alike ------------------------------------------------------------------------------


async def test_outputs_alike_are_encoded_once_and_each_has_its_own_files(shop: Open) -> None:
    one = shop()
    made = await one.make(SMALL, replace(SMALL, name="other", label="x"), replace(SMALL, name="third"))
    assert one.starts == 1
    files = [made[index][0] for index in range(3)]
    assert [Path(file.path).name for file in files] == ["clip_900.mp4", "other.mp4", "third.mp4"]
    assert len({file.sha256 for file in files}) == 1
    assert {(file.facts.video[0].width, file.size) for file in files} == {(160, one.path(files[0]).stat().st_size)}
    inodes = {one.path(file).stat().st_ino for file in files}
    assert len(inodes) == 1, "the disk holds it once"
    one.path(files[0]).unlink()
    assert hashlib.sha256(one.path(files[1]).read_bytes()).hexdigest() == files[1].sha256


async def test_stills_alike_are_made_once_and_named_twice(shop: Open) -> None:
    one = shop()
    again = replace(STILLS, stills=(replace(STILLS.stills[0], name="t{n}", archive=False),))
    made = await one.make(STILLS, again)
    assert one.starts == 1
    named = [[Path(file.path).name for file in made[index]] for index in (0, 1)]
    assert named == [[*(f"s{n}.jpg" for n in range(1, 5)), "clip_900_5.zip"], [f"t{n}.jpg" for n in range(1, 5)]]
    assert [file.sha256 for file in made[0][:4]] == [file.sha256 for file in made[1]]
    assert all(one.path(file).stat().st_size == file.size for index in (0, 1) for file in made[index])


async def test_packages_alike_are_made_once_and_are_whole(shop: Open) -> None:
    one = shop()
    made = await one.make(HLS, replace(HLS, label="again"))
    assert one.starts == 1
    first, second = ([(file.path.split("/", 2)[2], file.sha256, file.role) for file in made[index]] for index in (0, 1))
    assert first == second
    assert len(first) > 4
    for file, other in zip(made[0], made[1], strict=True):
        assert one.path(file).read_bytes() == one.path(other).read_bytes()


async def test_each_of_two_alike_that_can_not_be_made_has_its_own_fault(shop: Open) -> None:
    bad = m.Output(container="mp4", video=m.Video(crop=m.Edges(left=400)))
    made = await shop().make(bad, SMALL, replace(bad, name="b"))
    assert [made[index].data["field"] for index in (0, 2)] == ["outputs.0.video.crop", "outputs.2.video.crop"]
    assert not isinstance(made[1], Fault)


# --- the cache ----------------------------------------------------------------------------------


async def test_the_same_work_for_another_job_runs_no_ffmpeg(shop: Open, tmp_path: Path) -> None:
    one = shop(cache=10_000_000)
    first = await one.make(SMALL, STILLS, HLS)
    starts = one.starts
    second = await one.make(replace(HLS, label="x"), replace(SMALL, name="named"), STILLS)
    assert one.starts == starts
    assert usage(tmp_path / "cache").counts.hits == 3
    assert second[1][0].path.endswith("/named.mp4")
    assert (second[1][0].sha256, second[1][0].facts) == (first[0][0].sha256, first[0][0].facts)
    assert [file.sha256 for file in second[2]] == [file.sha256 for file in first[1]]
    assert [file.sha256 for file in second[0]] == [file.sha256 for file in first[2]]
    for file, other in zip(second[0], first[2], strict=True):
        assert one.path(file).read_bytes() == one.path(other).read_bytes()


async def test_other_settings_or_another_source_are_other_work(shop: Open) -> None:
    one = shop(cache=10_000_000)
    await one.make(SMALL)
    await one.make(replace(SMALL, audio=m.SKIP))
    await one.make(SMALL, source="clip.mkv")
    assert one.starts == 3


async def test_only_what_is_missing_is_made(shop: Open) -> None:
    one = shop(cache=10_000_000)
    await one.make(SMALL)
    made = await one.make(SMALL, STILLS, replace(SMALL, name="b"), STILLS)
    assert one.starts == 2
    assert [len(made[index]) for index in range(4)] == [1, 5, 1, 5]


async def test_a_damaged_result_is_made_again(shop: Open, tmp_path: Path) -> None:
    one = shop(cache=10_000_000)
    first = await one.make(SMALL)
    (media,) = (tmp_path / "cache").glob("*/files/media.mp4")
    media.write_bytes(media.read_bytes()[:-1] + b"x")
    second = await one.make(SMALL)
    assert one.starts == 2
    assert second[0][0].sha256 == first[0][0].sha256


async def test_what_can_not_be_made_is_not_kept(shop: Open, tmp_path: Path) -> None:
    one = shop(cache=10_000_000)
    made = await one.make(m.Output(container="mp4", video=m.Video(crop=m.Edges(left=400))))
    assert isinstance(made[0], Fault)
    assert usage(tmp_path / "cache").entries == 0
