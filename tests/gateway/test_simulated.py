"""The craft of make-believe: a job's life on a clock, always the same, with measures that follow from settings."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.backends.sim import SimulatedCraft
from mediaglot.gateway.backends.sim.result import results
from mediaglot.gateway.backends.sim.source import source_facts
from mediaglot.gateway.chance import SeededChance
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.exchange import CreateJob
from mediaglot.gateway.faults import UnknownEncoder
from mediaglot.gateway.media.format import CONTAINERS, Nature
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import (
    SKIP,
    Audio,
    Average,
    Constant,
    Fit,
    FrameRate,
    Input,
    Job,
    Location,
    Output,
    Package,
    PackageKind,
    Phase,
    Quality,
    Sheet,
    Size,
    Status,
    StillFormat,
    Stills,
    Variant,
    Video,
)

SOURCE = "https://media.example/bars-60s-640x360.mp4"


@pytest.fixture
def craft(clock: VirtualClock) -> SimulatedCraft:
    return SimulatedCraft(clock, speed=30)


def job(*outputs: Output, url: str = SOURCE, **more: Any) -> Job:
    return Job(inputs=(Input(location=Location(url=url)),), outputs=outputs, **more)


def made(output: Output, url: str = SOURCE, seed: int = 1) -> list[Any]:
    found = results(job(output, url=url), [source_facts(url)], [0], SeededChance(seed))
    assert found.faults == {}
    return [product.file for product in found.made[0]]


# --- sources ----------------------------------------------------------------------------------------


def test_facts_of_a_source_follow_from_its_name_else_from_its_url_and_the_seed() -> None:
    facts = source_facts(SOURCE)
    assert (facts.duration, facts.video[0].width, facts.video[0].height) == (60, 640, 360)
    assert facts.size == int(facts.bitrate or 0) * 60 // 8
    unnamed = source_facts("https://h/a.mp4", "7")
    assert unnamed == source_facts("https://h/a.mp4", "7")
    assert len({source_facts("https://h/a.mp4", str(seed)) for seed in range(9)}) == 9
    assert len({source_facts(f"https://h/{name}.mp4") for name in "abcdefghi"}) == 9


@pytest.mark.parametrize(
    ("name", "container", "video", "audio"),
    [
        ("a.webm", "matroska", "vp8", "opus"),
        ("a.MP3", "mp3", None, "mp3"),
        ("bars-1s-silent.ts", "mpegts", "h264", None),
        ("a.jpg", "jpeg_pipe", "mjpeg", None),
        ("a", "mov", "h264", "aac"),
    ],
)
def test_a_source_is_what_its_extension_says(name: str, container: str, video: Any, audio: Any) -> None:
    facts = source_facts(f"https://h/{name}?token=1")
    found = [facts.video[0].codec if facts.video else None, facts.audio[0].codec if facts.audio else None]
    assert (facts.container, *found) == (container, video, audio)
    assert (facts.duration is None) == (name == "a.jpg")


def test_a_name_may_say_the_frame_rate() -> None:
    rates = [source_facts(f"https://h/bars-{rate}fps.mp4").video[0].frame_rate for rate in ("25", "29.97")]
    assert rates == [25, Fraction(30000, 1001)]


# --- results ----------------------------------------------------------------------------------------


def measured() -> Iterator[str]:
    for name, container in CONTAINERS.items():
        codecs = [*container.video[:1], *container.audio[:1]]
        if container.muxer in PROMISED_MUXERS and not {"amr_nb"} & set(codecs):
            yield name


@pytest.mark.parametrize("name", list(measured()))
def test_every_container_and_codec_has_its_facts(name: str) -> None:
    container = CONTAINERS[name]
    for codec in container.video or (None,):
        if container.nature is Nature.AUDIO or codec is None:
            break
        (file,) = made(Output(container=name, video=Video(codec=codec)))
        assert (file.facts.video[0].codec, file.path) == (codec, f"media.{container.extension}")
        assert 500 < file.size < 400_000_000
    for codec in container.audio:
        if not any(one in PROMISED_ENCODERS for one in (codec, f"lib{codec}", "libmp3lame")) or codec == "amr_nb":
            continue
        file = made(Output(container=name, audio=Audio(codec=codec)))[0]
        assert file.facts.audio[0].codec == codec


def test_sizes_follow_from_rates() -> None:
    def size(rate: Any, **more: Any) -> float:
        (file,) = made(Output(container="mp4", audio=SKIP, video=Video(rate=rate, **more)))
        return float(file.size)

    for rate in (Average(bitrate=400_000), Constant(bitrate=400_000), Average(bitrate=900_000, most=400_000)):
        assert size(rate) == pytest.approx(400_000 * 60 / 8, rel=0.06)
    assert 1.8 < size(Quality(level=Fraction(17))) / size(Quality(level=Fraction(23))) < 2.2
    assert size(None, codec="hevc") < size(None) < size(None, codec="mpeg4")
    capped = size(Quality(level=Fraction(10), most=300_000))
    assert capped == pytest.approx(300_000 * 60 / 8, rel=0.06)


def test_pictures_follow_from_sizes_and_rates() -> None:
    size = Size(width=1280, height=1280, fit=Fit.INSIDE)
    (file,) = made(Output(container="mp4", video=Video(size=size, frame_rate=FrameRate(value=Fraction(12)))))
    picture = file.facts.video[0]
    assert (picture.width, picture.height, picture.frame_rate) == (1280, 720, 12)


def test_the_seed_moves_sizes_a_little() -> None:
    one, other = (made(Output(container="mp4"), seed=seed)[0].size for seed in (1, 2))
    assert one != other
    assert one == pytest.approx(other, rel=0.06)


def test_stills_come_in_series_on_sheets_and_in_archives() -> None:
    stills = (
        Stills(every=Fraction(10), size=Size(width=160), archive=True, name="p-{n:03}-{resolution}"),
        Stills(every=Fraction(1), sheet=Sheet(columns=5, rows=4)),
        Stills(format=StillFormat.PNG),
    )
    files = made(Output(stills=stills))
    assert [file.path for file in files[:2]] == ["p-001-160x90.jpg", "p-002-160x90.jpg"]
    assert [file.role for file in files] == ["still"] * 6 + ["archive"] + ["sheet"] * 3 + ["cues", "still"]
    assert (files[7].facts.video[0].width, files[7].facts.video[0].height) == (800, 360)
    assert files[6].size > sum(file.size for file in files[:6])


@pytest.mark.parametrize("kind", list(PackageKind))
def test_packages_have_lists_and_segments(kind: PackageKind) -> None:
    variants = tuple(Variant(folder=f"v{width}", video=Video(size=Size(width=width))) for width in (320, 640))
    files = made(Output(package=Package(kind=kind, variants=variants, segment=Fraction(10))))
    roles = [file.role for file in files]
    assert roles[0] == "playlist"
    assert files[0].facts.video[0].width == 640
    per_set = 6 + (kind is not PackageKind.HLS)
    assert roles.count("segment") == per_set * (2 if kind is PackageKind.HLS else 3)
    assert len({file.path for file in files}) == len(files)


# --- life -------------------------------------------------------------------------------------------


async def test_a_simulated_job_passes_every_phase_in_virtual_time(works: Any, clock: VirtualClock) -> None:
    ticket = await works.ask(CreateJob(job=job(Output(container="mp4"), Output(container="webm"))))
    seen: list[tuple[Phase | None, Fraction]] = []
    async with works.running():
        await clock.settle()
        while (now := await works.ticket(ticket.id)).status is not Status.FINISHED:
            seen.append((now.phase, now.progress))
            assert await clock.step() is not None
    assert {Phase.FETCHING, Phase.ENCODING, Phase.STORING} <= {phase for phase, _ in seen}
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    done = await works.ticket(ticket.id)
    assert done.sources[0].facts == source_facts(SOURCE)
    names = [made.files[0].path for made in done.outputs]
    assert names == [
        f"{done.ids['folder']}/{made.id}/bars-60s-640x360_{made.id}.{extension}"
        for made, extension in zip(done.outputs, ("mp4", "webm"), strict=True)
    ]
    assert 2 < clock.monotonic() < 3, "60 seconds of media at 30 times the speed, and a little for moving them"


async def test_the_time_that_is_left_is_told(works: Any, clock: VirtualClock) -> None:
    ticket = await works.ask(CreateJob(job=job(Output(container="mp4"), url="https://h/a-3000s.mp4")))
    async with works.running():
        await clock.advance(70)
        running = await works.ticket(ticket.id)
        assert running.phase is Phase.ENCODING
        assert running.left == pytest.approx(100 * float(1 - running.phase_progress), abs=1)


async def test_a_source_that_nobody_could_fetch_is_missing(works: Any) -> None:
    ticket = await works.ask(CreateJob(job=job(Output(container="mp4"), url="nowhere:x")))
    await works.run_once()
    failed = await works.ticket(ticket.id)
    assert (failed.status, failed.trouble.code) == (Status.FAILED, "source_missing")


async def test_what_a_real_server_would_refuse_is_refused(works: Any) -> None:
    with pytest.raises(UnknownEncoder):
        await works.ask(CreateJob(job=job(Output(container="mp4", video=Video(codec="vp6")))))
