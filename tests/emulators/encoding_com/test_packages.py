"""Streaming formats of section 4.7, read and written back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.emulators.encoding_com.document import read_format, write_format
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import SKIP, Fit, PackageKind, Size, Video

STREAM = {"sub_path": "high", "stream_title": "HD", "size": "160x90", "audio_bitrate": "64k"}


@pytest.mark.parametrize(
    ("word", "kind", "fragmented", "again"),
    [
        ("advanced_hls", "hls", False, "advanced_hls"),
        ("fmp4_hls", "hls", True, "fmp4_hls"),
        ("iphone_stream", "hls", False, "advanced_hls"),
        ("advanced_dash", "dash", False, "advanced_dash"),
        ("advanced_fmp4", "cmaf", False, "advanced_fmp4"),
    ],
)
def test_segments_by_the_products_name(word: str, kind: str, fragmented: bool, again: str) -> None:
    tree: dict[str, Any] = {"output": word, "segment_duration": "4.5", "stream": STREAM}
    output = read_format(tree, Ledger())
    assert output.package is not None
    assert (output.package.kind, output.package.fragmented) == (PackageKind(kind), fragmented)
    assert output.package.segment == Fraction(9, 2)
    (variant,) = output.package.variants
    assert isinstance(variant.video, Video)
    assert (variant.folder, variant.name, variant.video.size) == ("high", "HD", Size(width=160, height=90, fit=Fit.PAD))
    assert write_format(output, Ledger())["output"] == again


def test_streams_of_one_kind_of_track() -> None:
    streams = [{"audio_only": "yes", "audio_bitrate": "64k"}, {"video_only": "yes", "size": "160x90"}]
    output = read_format({"output": "advanced_hls", "stream": streams}, Ledger())
    assert output.package is not None
    sound, picture = output.package.variants
    assert (sound.video, picture.audio) == (SKIP, SKIP)
    assert isinstance(picture.video, Video)
    assert write_format(output, Ledger())["stream"][0]["audio_only"] == "yes"
