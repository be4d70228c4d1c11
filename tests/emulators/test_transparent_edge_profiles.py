"""What profiles become: partial changes, rules between fields, and the outputs that orders get from them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.emulators.transparent_edge import document, profile
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import (
    Audio,
    Average,
    Fit,
    FrameRate,
    ImageOverlay,
    Location,
    Output,
    PackageKind,
    Share,
    Size,
    StillFormat,
    Stills,
    Video,
)

LEAST = {"name": "x", "video_format": "mp4", "video_codec": "libx264"}
LOGO = {"profile_type": "overlay", "position": "after", "url": "https://a.example/logo.png"}
HLS = {"profile_type": "hls"}
EMPTY: dict[str, Any] = {}


def made(**fields: Any) -> dict[str, Any]:
    return profile.revised(profile.sent({**LEAST, **fields}), EMPTY)


def output(**fields: Any) -> Output:
    return document.read_output(made(**fields), Ledger())


def test_defaults_are_filled_in() -> None:
    whole = made(custom_profiles=[LOGO, HLS])
    assert (whole["video_bitrate"], whole["audio_bitrate"], whole["audio_codec"]) == (1000, 96, "libfdk_aac")
    overlay, hls = whole["custom_profiles"]
    assert (overlay["scale_width"], overlay["opacity"], overlay["horizontal"], overlay["offset_y"]) == (
        128,
        0.8,
        "right",
        44,
    )
    assert (hls["hls_time"], hls["master_pl_name"], hls["pix_fmt"], hls["maxrate"]) == (
        5,
        "master.m3u8",
        "yuv420p",
        None,
    )
    assert "position" not in hls


def change(earlier: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return profile.revised(profile.sent(fields), earlier)


def test_a_change_is_partial_and_null_clears() -> None:
    before = made(video_width=640, video_aspect="16:9", custom_profiles=[HLS | {"hls_time": 3, "refs": 2}])
    after = change(before, video_width=None, video_bitrate=500)
    assert after == before | {"video_width": None, "video_bitrate": 500}


def test_custom_profiles_are_replaced_by_type_and_keep_what_is_not_said() -> None:
    before = made(custom_profiles=[LOGO | {"opacity": 0.5}, HLS | {"hls_time": 3}])
    after = change(before, custom_profiles=[HLS | {"refs": 2}])
    (hls,) = after["custom_profiles"]
    assert (hls["hls_time"], hls["refs"]) == (3, 2)
    (overlay,) = change(before, custom_profiles=[{"profile_type": "overlay", "offset_x": 0}])["custom_profiles"]
    assert (overlay["opacity"], overlay["offset_x"], overlay["url"]) == (0.5, 0, LOGO["url"])
    assert change(before, custom_profiles=[])["custom_profiles"] == []


@pytest.mark.parametrize(
    ("earlier", "fields", "field"),
    [
        ({}, {"custom_profiles": [HLS, HLS]}, "custom_profiles"),
        ({}, {"custom_profiles": [LOGO], "video_width": 640}, "custom_profiles"),
        ({"custom_profiles": [LOGO]}, {"video_height": 360}, "custom_profiles"),
        ({"custom_profiles": [HLS]}, {"segmentation": "old"}, "segmentation"),
        ({}, {"custom_profiles": [{"profile_type": "overlay", "position": "after"}]}, "custom_profiles"),
        ({}, {"custom_profiles": [HLS | {"h264_profile": "high10"}]}, "custom_profiles"),
        ({}, {"audio_codec": None}, "audio_codec"),
        ({}, {"video_bitrate": True}, "video_bitrate"),
        ({}, {"video_bitrate": 1000.0}, "video_bitrate"),
        ({}, {"video_bitrate": 10**30}, "video_bitrate"),
        ({}, {"name": ["x"]}, "name"),
    ],
)
def test_what_does_not_go_is_refused(earlier: dict[str, Any], fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        change(made(**earlier), **fields)
    assert caught.value.data["field"] == field


def test_segmentation_may_be_a_blank_beside_hls() -> None:
    assert made(segmentation=" ", custom_profiles=[HLS])["segmentation"] == " "


def test_a_profile_of_a_file() -> None:
    found = output(
        video_width=640, video_aspect="4:3", restrict_bitrate=True, audio_codec="mp3", video_codec="mpeg2video"
    )
    assert found.container == "mp4"
    assert found.video == Video(
        codec="mpeg2video",
        size=Size(width=640),
        rate=Average(bitrate=1_000_000, at_most_source=True),
        display_aspect=Fraction(4, 3),
    )
    assert found.audio == Audio(codec="mp3", bitrate=96_000, at_most_source=True)


def test_both_sides_are_a_plain_scale() -> None:
    video = output(video_width=640, video_height=300).video
    assert isinstance(video, Video)
    assert video.size == Size(width=640, height=300, fit=Fit.STRETCH)


def test_a_profile_of_a_stream() -> None:
    said = {
        "hls_time": 4,
        "framerate": 25,
        "h264_preset": "fast",
        "maxrate": "2M",
        "bufsize": "4000k",
        "refs": 3,
        "coder": 0,
    }
    found = output(video_format="mpegts", custom_profiles=[HLS | said])
    assert found.package is not None
    assert (found.package.kind, found.package.segment, found.package.playlist) == (PackageKind.HLS, 4, "master.m3u8")
    assert isinstance(found.video, Video)
    assert found.video.rate == Average(bitrate=1_000_000, most=2_000_000, buffer=4_000_000)
    assert (found.video.frame_rate, found.video.speed) == (FrameRate(value=Fraction(25)), "fast")
    assert (found.video.references, dict(found.video.tune)) == (3, {"coder": "0"})


@pytest.mark.parametrize(
    ("place", "anchor", "x", "y"),
    [
        ({}, ("top", "right"), 44, 44),
        ({"horizontal": "left", "vertical": "bottom", "offset_x": 1, "offset_y": 2}, ("bottom", "left"), 1, 2),
        ({"horizontal": "center", "vertical": "center"}, ("middle", "center"), 0, 0),
    ],
)
def test_an_overlay(place: dict[str, Any], anchor: tuple[str, str], x: int, y: int) -> None:
    (overlay,) = output(custom_profiles=[LOGO | place]).overlays
    assert overlay == ImageOverlay(
        location=Location(url="https://a.example/logo.png"),
        anchor=anchor,
        x=x,
        y=y,
        width=128,
        height=128,
        opacity=Fraction(4, 5),
    )


def thumbnail(**fields: Any) -> Stills:
    said = {"filename": "a.png", "label": "l", "width": "64", "height": 36, "time": 0.25}
    return document.THUMBNAIL.read(said | fields, Ledger())


def test_thumbnails_below_one_are_shares_of_the_duration() -> None:
    assert thumbnail() == Stills(
        name="a.png",
        label="l",
        format=StillFormat.PNG,
        size=Size(width=64, height=36, fit=Fit.STRETCH),
        at=Share(Fraction(1, 4)),
    )
    assert thumbnail(time=0).at == Share(Fraction(0))
    assert thumbnail(time=1).at == 1
    assert thumbnail(time="12.5").at == Fraction(25, 2)


PLACES = (Location(url="s3://bucket"), Location(url="ftp://h.example/a/b/"))


def outfit(name: str, **fields: Any) -> tuple[Output, ...]:
    entry = Output(name=name, label="l", destinations=PLACES, stills=(thumbnail(),))
    return document.outfit(entry, made(**fields), {"id": 5, "name": "x"})


def test_a_file_and_its_thumbnails_go_to_each_directory() -> None:
    (file,) = outfit("a b.mp4")
    assert [place.url for place in file.destinations] == ["s3://bucket/", "ftp://h.example/a/b/"]
    assert (file.name, file.stills, file.document) == ("a b.mp4", (thumbnail(),), {"profile": {"id": 5, "name": "x"}})


def test_a_stream_has_a_directory_and_its_thumbnails_lie_beside_it() -> None:
    stream, pictures = outfit("a b.mp4", custom_profiles=[HLS])
    assert [place.url for place in stream.destinations] == ["s3://bucket/a%20b/", "ftp://h.example/a/b/a%20b/"]
    assert stream.package is not None
    assert (stream.package.media_playlist, stream.package.segment_name) == ("a b.m3u8", "a b_%05d.ts")
    assert [place.url for place in pictures.destinations] == ["s3://bucket/", "ftp://h.example/a/b/"]
    assert (stream.stills, pictures.stills, pictures.container) == ((), (thumbnail(),), None)


def test_the_rates_that_every_profile_has_are_not_meant_for_copies() -> None:
    (file,) = outfit("a.mp4", video_codec="copy", audio_codec="copy", video_width=100)
    assert file.audio == Audio(codec="copy")
    assert file.video == Video(codec="copy", size=Size(width=100))
