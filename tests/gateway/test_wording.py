"""What a dialect calls a setting that can't be made as it was asked for."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.backends.trial import STAND_IN
from mediaglot.gateway.faults import Fault, Invalid, Missing, NotFound
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import Audio, Average, ImageOverlay, Input, Job, Location, Output, Size, Video
from mediaglot.gateway.wording import worded

OUTPUT = Output(
    container="mp4",
    video=Video(codec="h264", b_frames=100, rate=Average(bitrate=700_000, most=7), size=Size(width=2, height=99_998)),
    audio=Audio(sample_rate=1),
    overlays=(ImageOverlay(location=Location(url="https://example.test/a.png"), x=-5),),
)
NAMES = {
    ("encoding_com", "video.b_frames"): "bframes",
    ("encoding_com", "video.rate.most"): "maxrate",
    ("encoding_com", "video.size"): "size",
    ("encoding_com", "audio.sample_rate"): "audio_sample_rate",
    ("encoding_com", "overlays.0.x"): "overlay.0.overlay_left",
    ("xvid_mediahub", "video.size"): "settings.video.width",
    ("xvid_mediahub", "audio.sample_rate"): "settings.audio.samplingrate",
    ("tpstreams", "video.size"): "resolutions.0",
    ("transparent_edge", "video.rate"): "video_bitrate",
}


@pytest.mark.parametrize(("dialect", "path"), NAMES, ids=map("-".join, NAMES))
def test_a_setting_has_the_dialect_s_name(dialect: str, path: str) -> None:
    fault = Invalid(field=f"outputs.1.{path}", value=7, reason="not so")
    said = worded(fault, registry.find(dialect), (Output(), OUTPUT))
    assert isinstance(said, Invalid)
    assert said.data == {"field": NAMES[dialect, path], "value": 7, "reason": "not so"}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"size": "99999x10"}, "size"),
        ({"bframes": "100"}, "bframes"),
        ({"maxrate": "7"}, "maxrate"),
        ({"framerate": "1000"}, "framerate"),
        ({"pix_format": "nonsense"}, "pix_format"),
        ({"audio_sample_rate": "0"}, "audio_sample_rate"),
        ({"output": "thumbnail", "width": "99998"}, "width"),
    ],
    ids=str,
)
def test_what_a_plan_refuses_is_named(asked: dict[str, str], field: str) -> None:
    """So the paths in a plan's faults are those of the model."""
    dialect = registry.find("encoding_com")
    output = dialect.read_output({"output": "mp4", **asked}, Ledger())
    job = Job(inputs=(Input(location=Location(url="https://example.test/a.mp4")),), outputs=(output,))
    (fault,) = plan(job, [STAND_IN], encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS).faults.values()
    assert worded(fault, dialect, job.outputs).data["field"] == field


@pytest.mark.parametrize(
    "fault",
    [
        Invalid(field="outputs.0.video.frame_rate", value=Fraction(999)),
        Invalid(field="outputs.0.nothing.like.it"),
        Invalid(field="outputs.0.overlays.7.x"),
        Invalid(field="inputs.0.clip"),
        Invalid(field="size"),
        Missing(field="outputs.0.video.b_frames"),
        NotFound(kind="job", id="1"),
    ],
    ids=lambda fault: str(fault.data.get("field")),
)
def test_what_was_not_said_keeps_its_name(fault: Fault) -> None:
    assert worded(fault, registry.find("encoding_com"), (OUTPUT,)) is fault
