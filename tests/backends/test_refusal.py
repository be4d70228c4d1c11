"""What is refused when a job is handed in, before its source is known."""

from __future__ import annotations

from typing import cast

from mediaglot.gateway import faults
from mediaglot.gateway import model as m
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.loss import Kind, Ledger, Loss
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits
from mediaglot.gateway.media.tool import Tool
from mediaglot.gateway.transfer import Carrier

FULL = Tool(
    path="ffmpeg",
    version="9.0",
    encoders=frozenset({"libx264", "libvpx-vp9", "aac", "libopus", "libmp3lame"}),
    muxers=frozenset({"hls", "mp4", "mp3"}),
    filters=frozenset(),
    origin="setting",
)
CMAF = m.Package(kind=m.PackageKind.CMAF)


def workshop() -> Maker:
    async def tool() -> Tool:
        return FULL

    async def prober() -> Prober:
        raise AssertionError

    return Maker(tool, prober, cast("Carrier", None), limits=Limits())


async def refused(*outputs: m.Output) -> dict[int, str]:
    found = await workshop().refuse(m.Job(outputs=outputs), Ledger())
    return {index: f"{fault.code} {fault.data.get('codec', '')}".strip() for index, fault in found.items()}


async def test_codecs_that_no_segment_or_no_encoder_has() -> None:
    asked = [m.Output(package=CMAF, video=m.Video(codec=codec)) for codec in ("vp9", "vp8", "av1", "nonsense")]
    mismatch, unknown = faults.CodecMismatch.code, faults.UnknownEncoder.code
    assert await refused(*asked) == {1: f"{mismatch} vp8", 2: f"{unknown} av1", 3: f"{unknown} nonsense"}


async def test_a_sound_that_the_source_may_have_is_not_refused() -> None:
    french = m.Audio(source_language="fr")
    assert await refused(
        m.Output(audio=m.Audio(track=5)),
        m.Output(package=m.Package(kind=m.PackageKind.CMAF, audio=(m.Rendition(audio=french),))),
        m.Output(video=m.SKIP, audio=m.SKIP),
    ) == {2: faults.NoSuchTrack.code}


async def test_what_is_made_otherwise_is_told_with_both_values() -> None:
    ledger, asked = Ledger(), m.Audio(codec="mp3", bitrate=100_000, sample_rate=96_000, channels=6)
    await workshop().refuse(m.Job(outputs=(m.Output(container="mp3", audio=asked),)), ledger)
    near = {"sample_rate": ("96000", "48000"), "channels": ("6", "2"), "bitrate": ("100000", "96000")}
    assert list(ledger) == [
        Loss(
            kind=Kind.APPROXIMATED,
            path=f"outputs.0.audio.{name}",
            wanted=wanted,
            got=got,
            reason="not exactly as asked",
        )
        for name, (wanted, got) in near.items()
    ]
