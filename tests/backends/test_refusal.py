"""What is refused when a job is handed in, before its source is known."""

from __future__ import annotations

from typing import cast

from mediaglot.gateway import faults
from mediaglot.gateway import model as m
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits
from mediaglot.gateway.media.tool import Tool
from mediaglot.gateway.transfer import Carrier

FULL = Tool(
    path="ffmpeg",
    version="9.0",
    encoders=frozenset({"libx264", "libvpx-vp9", "aac", "libopus"}),
    muxers=frozenset({"hls", "mp4"}),
    filters=frozenset(),
    origin="setting",
)
CMAF = m.Package(kind=m.PackageKind.CMAF)


async def refused(*outputs: m.Output) -> dict[int, str]:
    async def tool() -> Tool:
        return FULL

    async def prober() -> Prober:
        raise AssertionError

    maker = Maker(tool, prober, cast("Carrier", None), limits=Limits())
    found = await maker.refuse(m.Job(outputs=outputs), Ledger())
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
