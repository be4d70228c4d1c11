"""Jobs whose source is damaged, through the maker with a real FFmpeg: a little is told, more is a fault as ever."""

from __future__ import annotations

import random
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.cache import Cache
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.backends.saving import Saver
from mediaglot.gateway.faults import CodecMismatch, EncodingFailed, Fault, NoSpace, SourceUnreadable, WorkFault
from mediaglot.gateway.loss import Kind, Loss
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.damage import lenient
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.parts import Feed, Run, Target
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

pytestmark = pytest.mark.ffmpeg
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Limits(stall=20)
FAST = m.Video(speed="ultrafast", size=m.Size(height=54))
SMALL = m.Output(container="mp4", video=FAST)
STILL = m.Output(stills=(m.Stills(every=Fraction(5)),))
PACKAGE = m.Output(package=m.Package(kind=m.PackageKind.HLS, segment=Fraction(2)), video=FAST)
REMUX = m.Output(container="mp4", video=m.Video(codec="copy"), audio=m.Audio(codec="copy"))
SECONDS, PACKET = 20, 188

Harm = Callable[[bytearray], None]


def nothing(data: bytearray) -> None:
    """Whole as it was."""


def drop(data: bytearray) -> None:
    """Three packets of MPEG-TS are lost on the air."""
    for part in (3, 2, 1):
        at = len(data) * part // 4 // PACKET * PACKET
        del data[at : at + PACKET]


def hole(share: float) -> Harm:
    def hole(data: bytearray) -> None:
        at, size = int(len(data) * 0.4), int(len(data) * share)
        data[at : at + size] = bytes(size)

    return hole


def cut(share: float) -> Harm:
    def cut(data: bytearray) -> None:
        del data[int(len(data) * (1 - share)) :]

    return cut


def noise(data: bytearray) -> None:
    """From some point on it is nothing."""
    at = int(len(data) * 0.7)
    data[at:] = random.Random(7).randbytes(len(data) - at)


class Room:
    """A folder for a job with one source, and makers that differ."""

    def __init__(self, folder: Path, sources: Path, program: tool.Tool, prober: Prober) -> None:
        self.folder, self.sources, self.program, self.prober = folder, sources, program, prober
        self.carrier = Carrier(Policy())

    def source(self, name: str, harm: Harm) -> None:
        data = bytearray((self.sources / name).read_bytes())
        harm(data)
        (self.folder / "source-0").write_bytes(data)

    def maker(self, tolerance: Fraction = Fraction(1, 20), chunk: Fraction | None = None) -> Maker:
        async def get_tool() -> tool.Tool:
            return self.program

        async def get_prober() -> Prober:
            return self.prober

        machine = (lambda: Machine(cores=2, chunk=chunk)) if chunk else None
        return Maker(
            get_tool,
            get_prober,
            self.carrier,
            limits=LIMITS,
            threads=2,
            machine=machine,
            copy=True,
            tolerance=tolerance,
        )

    async def make(self, *outputs: m.Output, maker: Maker | Saver | None = None) -> list[tuple[Product, ...] | Fault]:
        job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
        made = tuple(m.Made(id=str(number)) for number in range(len(outputs)))
        source = m.Source(id="s", facts=await self.prober.probe(self.folder / "source-0"))
        ticket = m.Ticket(id="1", account="a", dialect="d", job=job, created=NOON, sources=(source,), outputs=made)
        wanted = frozenset(range(len(outputs)))
        found = await (maker or self.maker()).make(ticket, self.folder, wanted, lambda share, left=None: None)
        return [found[index] for index in sorted(found)]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory, the_tool: tool.Tool) -> Path:
    """Twenty seconds in three containers."""
    folder = tmp_path_factory.mktemp("sources")
    ffmpeg = [the_tool.path, "-v", "error"]
    picture, sound = f"testsrc2=size=160x90:rate=25:duration={SECONDS}", f"anoisesrc=c=pink:a=0.3:d={SECONDS}"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    coding = (
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-g",
        "25",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
    )
    subprocess.run([*ffmpeg, *inputs, *coding, folder / "a.mp4"], check=True)
    for name in ("a.mkv", "a.ts"):
        subprocess.run([*ffmpeg, "-i", folder / "a.mp4", "-c", "copy", folder / name], check=True)
    return folder


@pytest.fixture
async def room(tmp_path: Path, sources: Path, the_tool: tool.Tool) -> AsyncIterator[Room]:
    async with Prober(the_tool) as prober:
        room = Room(tmp_path, sources, the_tool, prober)
        yield room
        await room.carrier.close()


def losses(made: tuple[Product, ...] | Fault) -> tuple[Loss, ...]:
    assert not isinstance(made, Fault), made
    assert len({product.losses for product in made}) == 1
    return made[0].losses


def reason(made: object) -> str:
    assert type(made) is SourceUnreadable, made
    return str(made.data["reason"])


def apart(made: tuple[Product, ...] | Fault) -> Fraction:
    """How far an end of pictures or sound is from where the source's is, in seconds."""
    assert not isinstance(made, Fault), made
    facts = made[0].file.facts
    assert facts is not None
    return max(abs((track.duration or 0) - SECONDS) for track in (*facts.video, *facts.audio))


LITTLE = [("a.ts", drop), ("a.ts", hole(0.01)), ("a.mp4", hole(0.01)), ("a.mkv", hole(0.001))]
MUCH = [("a.ts", hole(0.1)), ("a.ts", noise), ("a.mp4", hole(0.1)), ("a.mp4", cut(0.1)), ("a.mkv", hole(0.5))]


@pytest.mark.parametrize(("name", "harm"), LITTLE)
async def test_a_little_damage_is_told_with_every_output(room: Room, name: str, harm: Harm) -> None:
    room.source(name, harm)
    small, still, package = await room.make(SMALL, STILL, PACKAGE)
    told = losses(small)
    assert told == losses(still) == losses(package)
    assert [(one.kind, one.path, one.reason) for one in told[:1]] == [
        (Kind.APPROXIMATED, "inputs.0", "the source is damaged")
    ]
    for one in told:
        assert one.wanted is not None
        assert one.got is not None
        assert SECONDS * 0.95 <= float(one.got.split()[0]) < float(one.wanted.split()[0])
    assert apart(small) < Fraction(1, 10)


@pytest.mark.parametrize("output", [SMALL, REMUX])
@pytest.mark.parametrize(("name", "harm"), MUCH)
async def test_much_damage_is_a_fault(room: Room, name: str, harm: Harm, output: m.Output) -> None:
    room.source(name, harm)
    (made,) = await room.make(output)
    assert reason(made) == "invalid_data"


async def test_a_source_without_its_end_is_a_fault_whatever_may_be_lost(room: Room) -> None:
    room.source("a.mp4", cut(0.1))
    (made,) = await room.make(SMALL, maker=room.maker(tolerance=Fraction(1, 2)))
    assert reason(made) == "invalid_data"


async def test_a_short_source_is_a_fault_of_its_own(room: Room) -> None:
    room.source("a.mkv", cut(0.3))
    assert [reason(made) for made in await room.make(SMALL, REMUX)] == ["truncated", "truncated"]


@pytest.mark.parametrize(("name", "harm"), LITTLE)
async def test_a_remux_tells_it_too(room: Room, name: str, harm: Harm) -> None:
    room.source(name, harm)
    (made,) = await room.make(REMUX)
    assert losses(made)
    assert apart(made) < Fraction(1, 10)


@pytest.mark.parametrize("harm", [hole(0.01), hole(0.1)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
async def test_chunks_make_no_difference(room: Room, name: str, harm: Harm) -> None:
    room.source(name, harm)
    (whole,), (chunked,) = [await room.make(SMALL, maker=room.maker(chunk=chunk)) for chunk in (None, Fraction(4))]
    if isinstance(whole, Fault):
        assert reason(whole) == reason(chunked)
    else:
        assert losses(whole) == losses(chunked) != ()


async def test_without_tolerance_any_damage_is_a_fault(room: Room) -> None:
    room.source("a.ts", drop)
    (made,) = await room.make(SMALL, maker=room.maker(tolerance=Fraction(0)))
    assert reason(made) == "invalid_data"


async def test_of_a_part_nobody_can_tell_how_much_is_lost(room: Room) -> None:
    room.source("a.ts", drop)
    (made,) = await room.make(replace(SMALL, clip=m.Clip(start=Fraction(1), end=Fraction(19))))
    assert reason(made) == "invalid_data"


@pytest.mark.parametrize("name", ["a.ts", "a.mp4", "a.mkv"])
async def test_of_a_whole_source_nothing_is_told(room: Room, name: str) -> None:
    room.source(name, nothing)
    assert [losses(made) for made in await room.make(SMALL, REMUX)] == [(), ()]


async def test_what_a_damaged_source_gave_is_not_kept_for_others(room: Room, tmp_path: Path) -> None:
    room.source("a.ts", drop)
    saver = Saver(room.maker(), Cache(tmp_path / "cache", 1 << 30))
    (first,), (second,) = await room.make(SMALL, maker=saver), await room.make(SMALL, maker=saver)
    assert losses(first) == losses(second) != ()


@pytest.mark.parametrize(
    ("options", "muxer", "path", "fault"),
    [
        (("-c:v", "libx264"), "mpegts", "/dev/full", NoSpace),
        (("-c:v", "libx264", "-b:v", "1k", "-profile:v", "nonsense"), "mp4", "a.mp4", EncodingFailed),
        (("-c:v", "copy"), "webm", "a.webm", CodecMismatch),
    ],
)
async def test_patience_with_sources_is_none_with_encoders_and_muxers(
    room: Room, options: tuple[str, ...], muxer: str, path: str, fault: type[WorkFault]
) -> None:
    room.source("a.ts", drop)
    target = Target(maps=("0:V:0",), options=options, muxer=muxer, path=path)
    one = Run(feeds=(Feed(path="source-0"),), graph="", targets=(target,), duration=None, weight=Fraction(1))
    with pytest.raises(WorkFault) as caught:
        await run(argv(*lenient([one]), room.program.path), cwd=room.folder, on_progress=lambda _: None)
    assert type(caught.value) is fault


async def test_an_ffmpeg_that_hides_what_it_can_not_write_gives_up_as_ever(room: Room) -> None:
    room.source("a.mkv", hole(0.001))
    room.program = replace(room.program, version="6.1.1")
    (made,) = await room.make(SMALL)
    assert reason(made) == "invalid_data"
