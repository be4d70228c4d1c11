"""The format document: every parameter of the reference's section 4 has a meaning or is kept."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.emulators.encoding_com.document import read_format, write_format
from mediaglot.gateway.faults import BadRequest
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.model import (
    SKIP,
    Audio,
    Average,
    Clip,
    Color,
    Constant,
    Deinterlace,
    Denoise,
    Edges,
    Fade,
    Fit,
    FrameRate,
    ImageOverlay,
    KeyFrames,
    Location,
    Loudness,
    Output,
    PackageKind,
    Share,
    Sheet,
    Size,
    StillFormat,
    TextOverlay,
    Video,
)


def read(**tree: Any) -> tuple[Output, list[str]]:
    ledger = Ledger()
    output = read_format({"output": "mp4", **tree}, ledger)
    return output, [loss.path for loss in ledger if loss.kind is Kind.UNREAD]


# --- 4.1 products -----------------------------------------------------------------------------------

PRODUCTS = {
    "mp4": "mp4 fl9 ipod iphone ipad appletv psp zune android kindle_fire roku_800 roku_1200 roku_1800 roku_2700",
    "mov": "mov dnxhd",
} | {
    word: word
    for word in "m4v flv 3gp webm ogg wmv mpeg1 mpeg2 mpegts mp3 wma m4a eac3 muxer vidly vidly_lite vp6_flix "
    "smooth_streaming hds wowza wowza_multibitrate".split()
}


@pytest.mark.parametrize(
    ("word", "container"), [(word, name) for name, words in PRODUCTS.items() for word in words.split()]
)
def test_every_product_is_known(word: str, container: str) -> None:
    output, unread = read(output=word.upper())
    assert (output.container, output.package, unread) == (container, None, [])
    assert output.document["output"] == word.upper()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("advanced_hls", "hls"),
        ("fmp4_hls", "hls"),
        ("iphone_stream", "hls"),
        ("ipad_stream", "hls"),
        ("roku_hls", "hls"),
        ("advanced_dash", "dash"),
        ("mpeg_dash", "dash"),
    ],
)
def test_adaptive_products_are_packages(word: str, kind: str) -> None:
    output, _ = read(
        output=word, segment_duration=6, stream=[{"sub_path": "a", "bitrate": "1m"}, {"audio_only": "yes"}]
    )
    assert output.package is not None
    assert (output.package.kind, output.package.segment) == (PackageKind(kind), 6)
    first, second = output.package.variants
    assert (first.folder, first.video, second.video) == ("a", Video(rate=Average(bitrate=1_000_000)), SKIP)


@pytest.mark.parametrize("word", ["nonsense", "mp5", {"a": 1}, ["mp4", "mov"]])
def test_an_unknown_product_is_refused_by_its_place(word: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read_format({"output": word}, Ledger().within("format").within(2))
    assert caught.value.data["field"] == "format.2.output"


def test_what_is_given_twice_alike_counts_once() -> None:
    output, unread = read(two_pass=["yes", "yes"])
    assert (output.video.passes, unread) == (2, [])
    with pytest.raises(BadRequest):
        read(two_pass=["yes", "no"])


def test_a_dnxhd_file_is_a_mov_with_its_codec() -> None:
    output, _ = read(output="dnxhd", size="1280x720")
    assert output.video == Video(codec="dnxhd", size=Size(width=1280, height=720, fit=Fit.PAD))


# --- 4.2 video --------------------------------------------------------------------------------------

ONE = FrameRate(value=Fraction(25))
VIDEO_CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"video_codec": "libx264"}, {"codec": "h264"}),
    ({"video_codec": "libx265"}, {"codec": "hevc"}),
    ({"video_codec": "libvpx"}, {"codec": "vp8"}),
    ({"video_codec": "libvpx-vp9"}, {"codec": "vp9"}),
    ({"video_codec": "mpeg4"}, {"codec": "mpeg4"}),
    ({"video_codec": "mjpeg"}, {"codec": "mjpeg"}),
    ({"video_codec": "flv"}, {"codec": "flv1"}),
    ({"video_codec": "vp6"}, {"codec": "vp6"}),
    ({"video_codec": "h263"}, {"codec": "h263"}),
    ({"bitrate": "800k"}, {"rate": Average(bitrate=800_000)}),
    ({"bitrate": "800000"}, {"rate": Average(bitrate=800_000)}),
    ({"bitrate": "800k", "bitrate_adjust": "yes"}, {"rate": Average(bitrate=800_000, at_most_source=True)}),
    (
        {"bitrate": "1m", "maxrate": "2m", "minrate": "500k", "bufsize": "3m"},
        {"rate": Average(bitrate=1_000_000, most=2_000_000, least=500_000, buffer=3_000_000)},
    ),
    ({"bitrate": "1m", "cbr": "yes"}, {"rate": Constant(bitrate=1_000_000)}),
    ({"bitrate": "1m", "hard_cbr": "yes"}, {"rate": Constant(bitrate=1_000_000, padded=True)}),
    ({"bitrate": "1m", "cbr": "no"}, {"rate": Average(bitrate=1_000_000)}),
    ({"size": "640x360"}, {"size": Size(width=640, height=360, fit=Fit.PAD)}),
    ({"size": "640x360", "keep_aspect_ratio": "no"}, {"size": Size(width=640, height=360, fit=Fit.STRETCH)}),
    ({"size": "0x720"}, {"size": Size(height=720)}),
    ({"size": "640x0", "keep_aspect_ratio": "no"}, {"size": Size(width=640)}),
    ({"set_aspect_ratio": "16:9"}, {"display_aspect": Fraction(16, 9)}),
    ({"set_aspect_ratio": "1.5"}, {"display_aspect": Fraction(3, 2)}),
    ({"set_aspect_ratio": "source"}, {}),
    ({"framerate": "25"}, {"frame_rate": ONE}),
    ({"framerate": "29.97"}, {"frame_rate": FrameRate(value=Fraction(2997, 100))}),
    ({"framerate": "copy"}, {}),
    ({"framerate_upper_threshold": "25"}, {"frame_rate": FrameRate(value=Fraction(25), at_most=True)}),
    (
        {"framerate": "copy", "framerate_upper_threshold": "25"},
        {"frame_rate": FrameRate(value=Fraction(25), at_most=True)},
    ),
    ({"keyframe": "90"}, {"key_frames": KeyFrames(frames=90)}),
    ({"keyframe": ["90"]}, {"key_frames": KeyFrames(frames=90)}),
    ({"force_keyframes": "2s"}, {"key_frames": KeyFrames(every=Fraction(2))}),
    ({"force_keyframes": "1.5,00:00:10"}, {"key_frames": KeyFrames(at=(Fraction(3, 2), Fraction(10)))}),
    ({"gop": "cgop"}, {"key_frames": KeyFrames(closed=True)}),
    ({"gop": "sgop"}, {"key_frames": KeyFrames(closed=True)}),
    ({"bframes": "2"}, {"b_frames": 2}),
    ({"profile": "High"}, {"profile": "high"}),
    ({"two_pass": "yes"}, {"passes": 2}),
    ({"two_pass": "no"}, {"passes": 1}),
    ({"deinterlacing": "auto"}, {"deinterlace": Deinterlace.AUTO}),
    ({"force_interlaced": "tff"}, {"field_order": "tff"}),
    ({"force_interlaced": "no"}, {"field_order": "progressive"}),
    (
        {"noise_reduction": "4:3:6"},
        {"denoise": Denoise(luma_spatial=Fraction(4), chroma_spatial=Fraction(3), luma_temporal=Fraction(6))},
    ),
    ({"video_sync": "old"}, {"sync": "auto"}),
    ({"video_sync": "cfr"}, {"sync": "cfr"}),
    ({"rotate": "270"}, {"rotate": 270}),
    ({"rotate": "0"}, {"rotate": 0}),
    ({"rotate": "def"}, {}),
    ({"set_rotate": "90"}, {"tag_rotation": 90}),
    ({"crop_left": "2", "crop_bottom": "4"}, {"crop": Edges(left=2, bottom=4)}),
    ({"padd_top": "8", "padd_right": "6"}, {"pad": Edges(top=8, right=6)}),
    ({"crop_left": "0", "crop_top": "0"}, {}),
    ({"pix_format": "yuv420p"}, {"pixel_format": "yuv420p"}),
    (
        {"color_range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"},
        {"color": Color(range="tv", primaries="bt709", transfer="bt709", matrix="bt709")},
    ),
    ({"scaler": "bicubic"}, {"scaler": "bicubic"}),
    ({"scaler_flags": "sinc"}, {"scaler": "sinc"}),
    ({"video_codec_parameters": {}}, {}),
    ({"video_codec_parameters": "no"}, {}),
    (
        {"video_codec_parameters": {"coder": "1", "me_method": "umh", "directpred": 1, "subq": ["7"], "flags": ""}},
        {"tune": {"coder": "1", "motion-est": "umh", "direct-pred": "1", "subq": "7"}},
    ),
    ({"video_codec_parameters": {"level": "30", "refs": "4"}}, {"level": "3.0", "references": 4}),
    ({"video_codec_parameters": {"level": "4.1"}}, {"level": "4.1"}),
]


@pytest.mark.parametrize(("tree", "attributes"), VIDEO_CASES, ids=lambda value: str(value)[:50])
def test_video_parameters_have_their_meaning(tree: dict[str, Any], attributes: dict[str, Any]) -> None:
    output, unread = read(**tree)
    got = output.video if isinstance(output.video, Video) else Video()
    assert got == Video(**attributes)
    assert unread == []


# --- 4.4 audio, 4.5 container and time ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "attributes"),
    [
        ({"audio_codec": "libfaac"}, {"codec": "aac"}),
        ({"audio_codec": "dolby_aac"}, {"codec": "aac"}),
        ({"audio_codec": "libmp3lame"}, {"codec": "mp3"}),
        ({"audio_codec": "libvorbis"}, {"codec": "vorbis"}),
        ({"audio_codec": "libamr_nb"}, {"codec": "amr_nb"}),
        ({"audio_codec": "AC3"}, {"codec": "ac3"}),
        ({"audio_bitrate": "12.2k"}, {"bitrate": 12_200}),
        ({"audio_sample_rate": 44100}, {"sample_rate": 44_100}),
        ({"audio_channels_number": "2"}, {"channels": 2}),
        ({"audio_volume": "150"}, {"volume": Fraction(3, 2)}),
        ({"audio_sync": "1"}, {"resync": 1}),
        (
            {"loudnorm": "-23", "loudnorm_range": "7", "loudnorm_peak": "-2"},
            {"loudness": Loudness(integrated=Fraction(-23), range=Fraction(7), peak=Fraction(-2))},
        ),
        ({"loudnorm": "no"}, {}),
    ],
)
def test_audio_parameters_have_their_meaning(tree: dict[str, Any], attributes: dict[str, Any]) -> None:
    output, unread = read(**tree)
    assert (output.audio or Audio()) == Audio(**attributes)
    assert unread == []


def test_fades_are_of_picture_and_sound() -> None:
    output, _ = read(fade_in="0:2", fade_out="8.5:1.5")
    fades = {
        "fade_in": Fade(start=Fraction(0), duration=Fraction(2)),
        "fade_out": Fade(start=Fraction(17, 2), duration=Fraction(3, 2)),
    }
    assert (output.video, output.audio) == (Video(**fades), Audio(**fades))


@pytest.mark.parametrize(
    ("tree", "attributes"),
    [
        ({"start": "00:00:05", "duration": "10"}, {"clip": Clip(start=Fraction(5), duration=Fraction(10))}),
        ({"finish": "12.5"}, {"clip": Clip(end=Fraction(25, 2))}),
        ({"start": "0"}, {}),
        ({"metadata": {"title": "T", "author": ["A"], "album": ""}}, {"metadata": {"title": "T", "author": "A"}}),
        ({"metadata_copy": "yes"}, {"keep_metadata": True}),
        ({"strip_chapters": "yes"}, {"keep_chapters": False}),
        ({"ftyp": "3gp5"}, {"brand": "3gp5"}),
        ({"file_extension": ".M4V"}, {"extension": "M4V"}),
        ({"destination": "ftp://h/a"}, {"destinations": (Location(url="ftp://h/a"),)}),
        (
            {"destination": ["ftp://h/a", "", "ftp://h/b"]},
            {"destinations": (Location(url="ftp://h/a"), Location(url="ftp://h/b"))},
        ),
        ({"output_preset": "mine"}, {"preset": "mine"}),
        ({"audio_only": "yes"}, {"video": SKIP}),
        ({"video_only": "yes"}, {"audio": SKIP}),
        ({"audio_only": "no", "video_only": "no"}, {}),
    ],
)
def test_container_parameters_have_their_meaning(tree: dict[str, Any], attributes: dict[str, Any]) -> None:
    output, unread = read(**tree)
    for name in ("clip", "metadata", "keep_metadata", "keep_chapters", "brand", "extension", "destinations", "preset"):
        assert getattr(output, name) == attributes.get(name, getattr(Output(), name)), name
    assert (output.video, output.audio) == (attributes.get("video"), attributes.get("audio"))
    assert unread == []


# --- 4.5 overlays -----------------------------------------------------------------------------------

PICTURE = Location(url="http://h/l.png")


@pytest.mark.parametrize(
    ("tree", "overlay"),
    [
        ({"logo": {"logo_source": "http://h/l.png"}}, ImageOverlay(location=PICTURE, x=10, y=10)),
        (
            {"logo": {"logo_source": "http://h/l.png", "logo_x": "", "logo_y": "5"}},
            ImageOverlay(location=PICTURE, x=10, y=5),
        ),
        (
            {"logo": {"logo_source": "http://h/l.png", "logo_x": "-1", "logo_threshold": "00FF00"}},
            ImageOverlay(location=PICTURE, x=-1, y=10, key_color="00ff00"),
        ),
        (
            {"logo": {"logo_source": "http://h/l.png", "logo_transparent": "0000ff", "logo_mode": "0"}},
            ImageOverlay(location=PICTURE, x=10, y=10, key_color="0000ff"),
        ),
        (
            {"overlay": {"overlay_source": "http://h/l.png", "overlay_right": "5", "overlay_bottom": "6"}},
            ImageOverlay(location=PICTURE, x=5, y=6, anchor=("bottom", "right")),
        ),
        (
            {"overlay": {"overlay_source": "http://h/l.png", "overlay_left": "1", "overlay_bottom": ""}},
            ImageOverlay(location=PICTURE, x=1, y=0),
        ),
        (
            {"overlay": {"overlay_source": "http://h/l.png", "overlay_x": "3", "overlay_y": "4", "size": "50x0"}},
            ImageOverlay(location=PICTURE, x=3, y=4, width=50),
        ),
        (
            {"overlay": {"overlay_source": "http://h/l.png", "overlay_start": "1", "overlay_duration": "2"}},
            ImageOverlay(location=PICTURE, start=Fraction(1), duration=Fraction(2)),
        ),
        ({"text_overlay": {"text": ["a", "b"]}}, TextOverlay(text="a\nb")),
        (
            {
                "text_overlay": {
                    "text": "x",
                    "font_source": "http://h/l.png",
                    "font_size": "20",
                    "font_rotate": "90",
                    "font_color": "#ff0000",
                    "align_center": "1",
                    "overlay_x": "1",
                    "overlay_y": "2",
                }
            },
            TextOverlay(text="x", font=PICTURE, font_size=20, rotate=90, color="ff0000", centered=True, x=1, y=2),
        ),
    ],
)
def test_overlays_have_their_meaning(tree: dict[str, Any], overlay: Any) -> None:
    assert read(**tree)[0].overlays == (overlay,)


def test_overlays_of_all_kinds_are_drawn_in_order() -> None:
    one = {"overlay_source": "http://h/1.png"}
    output, _ = read(logo={"logo_source": "http://h/l.png"}, overlay=[one, one], text_overlay=[{"text": "x"}])
    assert [type(overlay).__name__ for overlay in output.overlays] == ["ImageOverlay"] * 3 + ["TextOverlay"]


# --- 4.6 thumbnails -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "at", "every"),
    [
        ({}, Fraction(5), None),
        ({"time": ""}, Fraction(5), None),
        ({"time": "12"}, Fraction(12), None),
        ({"time": "00:00:01.5"}, Fraction(3, 2), None),
        ({"time": "50%"}, Share(Fraction(1, 2)), None),
        ({"time": "10!"}, None, Fraction(10)),
    ],
)
def test_the_time_of_a_thumbnail(tree: dict[str, Any], at: Any, every: Any) -> None:
    output, unread = read(output="thumbnail", **tree)
    (stills,) = output.stills
    assert (stills.at, stills.every) == (at, every)
    assert (output.video, output.audio, output.container, unread) == (SKIP, SKIP, None, [])


@pytest.mark.parametrize(
    ("tree", "size"),
    [
        ({"width": "126"}, Size(width=126)),
        ({"height": 80}, Size(height=80)),
        ({"width": "100", "height": "100"}, Size(width=100, height=100, fit=Fit.PAD)),
        ({"width": "0", "height": "0"}, None),
        ({}, None),
    ],
)
def test_the_box_of_a_thumbnail(tree: dict[str, Any], size: Any) -> None:
    assert read(output="thumbnail", **tree)[0].stills[0].size == size


def test_an_image_has_a_format_and_a_quality() -> None:
    (stills,) = read(output="image", image_format="png", quality="80")[0].stills
    assert (stills.format, stills.quality) == (StillFormat.PNG, 80)


@pytest.mark.parametrize("tree", [case for case, _ in VIDEO_CASES], ids=lambda value: str(value)[:50])
def test_what_is_read_is_written_so_that_it_means_the_same(tree: dict[str, Any]) -> None:
    output, _ = read(**tree)
    ledger = Ledger()
    again = read_format(write_format(output, ledger), Ledger())
    assert (again.video or Video()) == (output.video or Video())
    assert list(ledger) == []


def test_what_the_format_cannot_say_is_in_the_ledger() -> None:
    ledger = Ledger()
    write_format(Output(container="mkv", video=Video(codec="h264", speed="slow", crop=Edges(left=2))), ledger)
    assert {(loss.kind, loss.path) for loss in ledger} == {(Kind.DROPPED, "container"), (Kind.DROPPED, "video.speed")}


def test_thumbnails_with_vtt_are_a_sheet() -> None:
    asked = {"output": "thumbnail", "time": "2!", "width": "80", "use_vtt": "yes", "vtt_max_lines": "5"}
    more = {"vtt_destination": ["ftp://h/x.vtt"], "public_url": "https://c/x.jpg"}
    (stills,) = read_format(asked | more, Ledger()).stills
    assert stills.sheet == Sheet(
        columns=4, rows=5, url="https://c/x.jpg", destinations=(Location(url="ftp://h/x.vtt"),)
    )
    again = write_format(read_format(asked | more, Ledger()), Ledger())
    assert again == asked | more | {"vtt_line_size": "4"}
    assert read_format(asked | {"use_vtt": "no"}, Ledger()).stills[0].sheet is None
