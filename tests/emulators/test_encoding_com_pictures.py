"""What clients order beside a plain file: pictures of a size, packages of a part, and what the status says is made."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.emulators.encoding_com import echo
from mediaglot.emulators.encoding_com.document import CONTAINERS, read_format
from mediaglot.emulators.encoding_com.video import AUDIO_CODECS, VIDEO_CODECS
from mediaglot.gateway import model as m
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.media import format as media


def read(tree: dict[str, Any]) -> m.Output:
    ledger = Ledger()
    output = read_format(tree, ledger)
    assert not list(ledger)
    return output


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"size": "100x80"}, m.Size(width=100, height=80, fit=m.Fit.PAD)),
        ({"size": "0x80"}, m.Size(height=80)),
        ({"size": "100x0"}, m.Size(width=100)),
        ({"size": "100x80", "width": "60"}, m.Size(width=60)),
        ({}, None),
    ],
)
@pytest.mark.parametrize("product", ["image", "thumbnail"])
def test_a_picture_has_a_size(product: str, asked: dict[str, str], size: m.Size | None) -> None:
    (stills,) = read({"output": product, **asked}).stills
    assert stills.size == size


@pytest.mark.parametrize("product", ["advanced_hls", "fmp4_hls", "advanced_dash", "advanced_fmp4"])
def test_a_package_of_a_part_with_a_logo(product: str) -> None:
    logo = {"logo_source": "http://example.test/logo.png"}
    output = read({"output": product, "start": "1", "duration": "2", "logo": logo, "stream": {"sub_path": "a"}})
    assert output.clip == m.Clip(start=Fraction(1), duration=Fraction(2))
    assert len(output.overlays) == 1


@pytest.mark.parametrize("product", ["mp4", "m4v", "mov", "webm", "flv", "ogg", "mp3", "m4a"])
def test_the_status_names_the_codecs_that_are_made(product: str) -> None:
    said, made = echo.echo({"output": product}, {}), media.CONTAINERS[CONTAINERS.read(product)]
    told = {"video": VIDEO_CODECS.read(said["video_codec"]) if said["video_codec"] else None}
    told["audio"] = AUDIO_CODECS.read(said["audio_codec"])
    assert told == {"video": next(iter(made.video), None), "audio": made.audio[0]}
