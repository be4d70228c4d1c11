"""When outputs are encoded in chunks, and with how many processes. No FFmpeg is run here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media import chunk, package
from mediaglot.gateway.media.chunk import Crew
from mediaglot.gateway.media.draft import Draft, Tools
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.scene import Scene, scene

TOOLS = Tools(
    encoders=frozenset(name for names in ENCODERS.values() for name in names),
    muxers=frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "hls"}),
)
PLACE = m.Location(url="https://example.test/a.mp4")
FILM = m.MediaFacts(
    container="mov",
    size=1_000_000_000,
    duration=Fraction(3600),
    video=(m.VideoFacts(codec="h264", width=1920, height=1080, frame_rate=Fraction(30), bitrate=5_000_000),),
    audio=(m.AudioFacts(codec="aac", sample_rate=48000, channels=2),),
)
PLAIN = m.Output(container="mp4")
LADDER = tuple(m.Output(container="mp4", video=m.Video(size=m.Size(height=rows))) for rows in (1080, 720, 480, 240))


def drafted(outputs: Sequence[m.Output], facts: m.MediaFacts, **more: Any) -> tuple[list[Draft], Scene]:
    sources = more.pop("sources", 1)
    inputs = tuple(m.Input(location=PLACE, **more) for _ in range(sources))
    view = scene(m.Job(inputs=inputs, outputs=tuple(outputs)), [facts] * sources, [])
    return [one for n, asked in enumerate(outputs) for one in package.drafts(asked, n, view, TOOLS, [])], view


def crew(*outputs: m.Output, cores: int, facts: m.MediaFacts = FILM, **more: Any) -> Crew | None:
    return chunk.crew(*drafted(outputs, facts), Machine(cores=cores, **more))


def lasting(seconds: int) -> m.MediaFacts:
    return replace(FILM, duration=Fraction(seconds))


# --- whether it is worth it -----------------------------------------------------------------------


def test_one_process_keeps_as_many_cores_busy_as_its_pictures_are_large() -> None:
    def reach(*outputs: m.Output) -> int:
        return chunk.reach(drafted(outputs, FILM)[0])

    small = m.Output(container="mp4", video=m.Video(size=m.Size(height=180)))
    assert [reach(PLAIN), reach(*LADDER), reach(LADDER[1]), reach(small)] == [6, 11, 4, 2]


@pytest.mark.parametrize(
    ("outputs", "cores", "seconds", "expected"),
    [
        # two cores: one process loses four hundredths against chunks, and takes half the memory
        ((PLAIN,), 2, 3600, None),
        ((PLAIN,), 6, 3600, None),
        ((PLAIN,), 8, 3600, Crew(workers=4, threads=2, length=Fraction(225))),
        ((PLAIN,), 8, 299, None),
        ((PLAIN,), 8, 300, Crew(workers=4, threads=2, length=Fraction(25))),
        (LADDER, 8, 3600, None),
        (LADDER, 64, 3600, Crew(workers=32, threads=2, length=Fraction(3600, 128))),
        (LADDER, 64, 300, Crew(workers=15, threads=2, length=Fraction(20))),
        ((LADDER[3],), 4, 600, Crew(workers=4, threads=1, length=Fraction(600, 16))),
    ],
)
def test_long_sources_on_more_cores_than_one_process_can_use(
    outputs: tuple[m.Output, ...], cores: int, seconds: int, expected: Crew | None
) -> None:
    assert crew(*outputs, cores=cores, facts=lasting(seconds)) == expected


def test_a_length_that_is_asked_for_is_taken_on_any_machine() -> None:
    assert crew(PLAIN, cores=2, chunk=Fraction(10), facts=lasting(60)) == Crew(
        workers=2, threads=1, length=Fraction(10)
    )
    assert crew(PLAIN, cores=1, chunk=Fraction(10), facts=lasting(60)) == Crew(
        workers=1, threads=1, length=Fraction(10)
    )
    assert crew(PLAIN, cores=2, chunk=Fraction(40), facts=lasting(60)) is None


def test_memory_bounds_the_workers() -> None:
    free = 1_600_000_000
    assert crew(*LADDER, cores=64, memory=64 * free) == Crew(workers=32, threads=2, length=Fraction(3600, 128))
    assert crew(*LADDER, cores=64, memory=free) == Crew(workers=2, threads=2, length=Fraction(450))
    assert crew(*LADDER, cores=64, memory=free // 2) is None


def test_sources_of_unknown_length_and_jobs_without_pictures_are_left_alone() -> None:
    assert crew(PLAIN, cores=64, facts=replace(FILM, duration=None)) is None
    assert crew(m.Output(container="mp3"), cores=64) is None


# --- what can be ----------------------------------------------------------------------------------


def reason(asked: m.Output = PLAIN, facts: m.MediaFacts = FILM, **more: Any) -> str | None:
    drafts, view = drafted([asked], facts, **more)
    return next((found for one in drafts if (found := chunk.hindrance(one, view))), None)


def output(container: str = "mp4", audio: Any = None, overlays: Any = (), clip: Any = None, **video: Any) -> m.Output:
    return m.Output(container=container, video=m.Video(**video), audio=audio, overlays=overlays, clip=clip)


LOGO = m.ImageOverlay(location=PLACE, opacity=Fraction(1, 2), width=100)
CAN = {
    "plain": output(),
    "average with a cap": output(rate=m.Average(bitrate=2_000_000, most=3_000_000)),
    "size, turn and frame rate": output(
        size=m.Size(width=100, height=100), rotate=90, frame_rate=m.FrameRate(value=Fraction(25))
    ),
    "logo": output(overlays=(LOGO,)),
    "sound filters": output(
        audio=m.Audio(volume=Fraction(1, 2), fade_in=m.Fade(start=Fraction(0), duration=Fraction(1)))
    ),
    "package": m.Output(package=m.Package(kind=m.PackageKind.HLS)),
    "hevc": output(codec="hevc"),
    "a copy": output(codec="copy"),
    "sound": m.Output(container="mp3"),
}
CAN_NOT = {
    "passes": output(rate=m.Average(bitrate=2_000_000), passes=2),
    "rate": output(rate=m.Constant(bitrate=2_000_000)),
    "filter": output(
        denoise=m.Denoise(luma_spatial=Fraction(2), chroma_spatial=Fraction(2), luma_temporal=Fraction(2))
    ),
    "clip": output(clip=m.Clip(start=Fraction(5))),
    "overlay": output(overlays=(replace(LOGO, start=Fraction(5)),)),
    "container": output("avi", codec="h264"),
    "encoder": output(codec="mpeg4"),
    "sound": output(audio=m.Audio(codec="copy")),
    "rotation mark": output(tag_rotation=90),
}
ALSO_NOT = {
    "deinterlacing": output(deinterlace=m.Deinterlace.ON),
    "fade": output(fade_out=m.Fade(start=Fraction(5), duration=Fraction(1))),
    "fields": output(field_order="tff"),
    "padded": output(rate=m.Constant(bitrate=2_000_000, padded=True)),
}


@pytest.mark.parametrize("name", CAN)
def test_what_can_be_encoded_in_chunks(name: str) -> None:
    assert reason(CAN[name]) is None


@pytest.mark.parametrize("name", CAN_NOT)
def test_what_one_process_must_do(name: str) -> None:
    assert reason(CAN_NOT[name]) == name
    assert crew(PLAIN, CAN_NOT[name], cores=64) is None


@pytest.mark.parametrize("name", ALSO_NOT)
def test_what_hangs_on_more_than_one_picture_or_on_the_whole_stream(name: str) -> None:
    assert reason(ALSO_NOT[name]) in ("filter", "rate")


def test_sources_that_one_process_must_read() -> None:
    assert reason(facts=replace(FILM, container="mpegts")) == "source"
    assert reason(facts=replace(FILM, container="matroska")) is None
    assert reason(facts=replace(FILM, video=(replace(FILM.video[0], frame_rate=None),))) == "frame rate"
    assert reason(clip=m.Clip(end=Fraction(60))) == "clip"
    assert reason(sources=2) == "sources"
