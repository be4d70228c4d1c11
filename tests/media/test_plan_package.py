"""Packages as they are planned: commands, names, refusals. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.parts import Layout, Note, Plan
from mediaglot.gateway.media.plan import needs, plan

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "hls"})
CLIP = m.MediaFacts(
    container="mov",
    size=10_000_000,
    duration=Fraction(25),
    video=(m.VideoFacts(codec="h264", width=1920, height=1080, frame_rate=Fraction(30)),),
    audio=(m.AudioFacts(codec="aac", sample_rate=44100, channels=2),),
)
PLACE = m.Location(url="https://example.test/a.mp4")
HLS = m.Package(kind=m.PackageKind.HLS)
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p".split()
FORCED = "-force_key_frames:v expr:gte(t,n_forced*{}) -sc_threshold:v 0 -flags:v +cgop"


def packaged(package: m.Package, **more: Any) -> m.Output:
    return m.Output(package=package, **more)


def make(*outputs: m.Output, facts: m.MediaFacts = CLIP, muxers: frozenset[str] = ALL_MUXERS) -> Plan:
    job = m.Job(inputs=(m.Input(location=PLACE),), outputs=outputs)
    return plan(job, [facts], encoders=ALL_ENCODERS, muxers=muxers)


def words(made: Plan, run: int = 0) -> list[str]:
    assert made.faults == {}
    command = list(argv(made.runs[run], "ffmpeg", threads=2))
    return command[command.index("source-0") + 1 :]


def layout(made: Plan, output: int = 0) -> Layout:
    found = made.products[output][0].layout
    assert found is not None
    return found


def test_a_ladder_beside_a_file_comes_from_one_decode() -> None:
    rungs = tuple(
        m.Variant(folder=f"{height}p", video=m.Video(size=m.Size(height=height), rate=m.Average(bitrate=rate)))
        for height, rate in ((720, 1_500_000), (360, 500_000))
    )
    output = packaged(replace(HLS, segment=Fraction(10), variants=rungs), audio=m.Audio(bitrate=96_000))
    made = make(m.Output(container="mp4", video=m.SKIP), output)
    assert words(made) == [
        *"-filter_complex_threads 1 -filter_complex".split(),
        "[0:V:0]scale=1280:720,setsar=1,split=2[v1x0][s2];[s2]scale=640:360,setsar=1[v1x1]",
        *"-map 0:a:0 -threads 2 -c:a aac -map_metadata -1 -map_chapters 0 -movflags +faststart".split(),
        *"-f mp4 out-0/media.mp4".split(),
        *"-map [v1x0] -map 0:a:0 -threads 2 -c:v libx264 -preset veryfast -b:v 1500000 -pix_fmt yuv420p".split(),
        *FORCED.format("2").split(),
        *"-c:a aac -b:a 96000 -map_metadata -1 -map_chapters -1 -output_ts_offset 1 -hls_time 10".split(),
        *"-hls_playlist_type vod -hls_segment_filename out-1/v0/%05d.ts -f hls out-1/v0/list.m3u8".split(),
        *"-map [v1x1] -map 0:a:0 -threads 2 -c:v libx264 -preset veryfast -b:v 500000 -pix_fmt yuv420p".split(),
        *FORCED.format("2").split(),
        *"-c:a aac -b:a 96000 -map_metadata -1 -map_chapters -1 -output_ts_offset 1 -hls_time 10".split(),
        *"-hls_playlist_type vod -hls_segment_filename out-1/v1/%05d.ts -f hls out-1/v1/list.m3u8".split(),
    ]
    assert len(made.runs) == 1
    assert made.notes == ()


def test_fragmented_mp4_and_a_variant_of_sound_only() -> None:
    variants = (m.Variant(video=m.Video(codec="hevc")), m.Variant(video=m.SKIP))
    made = make(packaged(replace(HLS, segment=Fraction(5), fragmented=True, variants=variants)))
    head = "-map_metadata -1 -map_chapters -1 -output_ts_offset 1 -hls_time 5 -hls_playlist_type vod"
    tail = (
        "-hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4 -hls_segment_options "
        "movflags=+frag_discont:use_editlist=0:avoid_negative_ts=make_non_negative "
        "-hls_segment_filename out-0/v{0}/%05d.m4s"
    )
    assert words(made) == [
        *"-map 0:V:0 -map 0:a:0 -threads 2 -c:v libx265 -preset veryfast -pix_fmt yuv420p".split(),
        *"-force_key_frames:v expr:gte(t,n_forced*5/3) -forced-idr:v 1 -tag:v hvc1 -flags:v +cgop".split(),
        *"-x265-params scenecut=0 -c:a aac".split(), *head.split(), *tail.format(0).split(),
        *"-f hls out-0/v0/list.m3u8 -map 0:a:0 -threads 2 -c:a aac".split(), *head.split(), *tail.format(1).split(),
        *"-f hls out-0/v1/list.m3u8".split(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("segment", "keys", "wanted", "notes"),
    [
        (6, None, "expr:gte(t,n_forced*2)", 0),
        (5, None, "expr:gte(t,n_forced*5/3)", 0),
        (1, None, "expr:gte(t,n_forced*1)", 0),
        (6, m.KeyFrames(every=Fraction(3)), "expr:gte(t,n_forced*3)", 0),
        (6, m.KeyFrames(every=Fraction(4)), "expr:gte(t,n_forced*3)", 1),
        (6, m.KeyFrames(every=Fraction(30)), "expr:gte(t,n_forced*6)", 1),
        (10, m.KeyFrames(frames=50, closed=False), "expr:gte(t,n_forced*10)", 0),
        (10, m.KeyFrames(at=(Fraction(3),)), "0,2,3,4,6,8,10,12,14,16,18,20,22,24", 0),
    ],
)
def test_every_segment_begins_with_a_key_frame(segment: int, keys: m.KeyFrames, wanted: str, notes: int) -> None:
    made = make(packaged(replace(HLS, segment=Fraction(segment)), video=m.Video(key_frames=keys)))
    command = words(made)
    assert command[command.index("-force_key_frames:v") + 1] == wanted
    assert command[command.index("-sc_threshold:v") + 1] == "0"
    assert command[command.index("-flags:v") + 1] == "+cgop"
    assert len(made.notes) == notes
    if keys is not None and keys.frames:
        assert command[command.index("-g:v") + 1] == "50"


def test_two_passes_and_drawings_are_kept_apart() -> None:
    variants = tuple(
        m.Variant(video=m.Video(size=m.Size(height=height), rate=m.Average(bitrate=100_000), passes=2))
        for height in (180, 90)
    )
    made = make(packaged(replace(HLS, variants=variants), overlays=(m.TextOverlay(text="x"),)))
    assert len(made.runs) == 2
    logs = [
        words(made, run)[n + 1] for run in (0, 1) for n, word in enumerate(words(made, run)) if word == "-passlogfile:v"
    ]
    assert logs == ["pass-0x0", "pass-0x1"] * 2
    assert [(one.path, one.height) for one in made.drawings] == [("overlay-0x0-0", 180), ("overlay-0x1-0", 90)]


def test_a_logo_is_fetched_once_for_all_variants() -> None:
    output = packaged(replace(HLS, variants=(m.Variant(), m.Variant())), overlays=(m.ImageOverlay(location=PLACE),))
    made = make(output)
    assert [one.path for one in needs(m.Job(outputs=(output,)))] == ["overlay-0-0"]
    assert [feed.path for feed in made.runs[0].feeds] == ["source-0", "overlay-0-0"]


def test_stills_come_once() -> None:
    made = make(packaged(replace(HLS, variants=(m.Variant(), m.Variant())), stills=(m.Stills(name="a.jpg"),)))
    assert [(one.path, one.role) for one in made.products[0]] == [("out-0", "playlist"), ("out-0/still-0.jpg", "still")]
    assert len(made.runs[0].targets) == 3


def test_default_names() -> None:
    one, two = layout(make(packaged(HLS))), layout(make(packaged(replace(HLS, variants=(m.Variant(), m.Variant())))))
    assert (one.master, one.media_playlist, one.segment_name, one.init) == (
        "master.m3u8", "index.m3u8", "segment_%05d.ts", None,
    )  # fmt: skip
    assert (one.segment, one.list_size, [place.folder for place in one.places]) == (6, 0, [""])
    assert [place.folder for place in two.places] == ["variant-1", "variant-2"]
    parts = layout(make(packaged(replace(HLS, fragmented=True))))
    assert (parts.segment_name, parts.init) == ("segment_%05d.m4s", "init.mp4")


def test_own_names() -> None:
    package = replace(
        HLS,
        playlist="video.m3u8",
        media_playlist="video.m3u8",
        segment_name="video_%d.ts",
        list_size=3,
        segment=Fraction(10, 3),
        variants=(m.Variant(folder="720p_h264_hls/", name="HD"), m.Variant(folder="a/Vídeo (1) ", name='"')),
    )
    good = replace(package, variants=(package.variants[0], replace(package.variants[1], folder="a/Vídeo (1)")))
    made = make(packaged(good))
    found = layout(made)
    assert [(place.folder, place.name) for place in found.places] == [("720p_h264_hls", "HD"), ("a/Vídeo (1)", None)]
    assert (found.segment, found.list_size) == (Fraction(3333, 1000), 3)
    assert made.notes == (Note("outputs.0.package.variants.1.name"),)
    assert make(packaged(package)).faults[0].data["field"] == "outputs.0.package.variants.1.folder"


def test_no_name_of_the_client_reaches_the_command() -> None:
    package = replace(HLS, playlist="zq.m3u8", segment_name="zq%d.ts", variants=(m.Variant(folder="zq", name="zq"),))
    assert not [word for word in words(make(packaged(package))) if "zq" in word]


BAD_PARTS = (
    *("..", ".", "/etc", "a/../b", "a//b", "\\", "a\\b", "a b ", ".hidden", "-x"),
    *("a\nb", "a\0b", "%d", "a:b", "a" * 121),
)


@pytest.mark.parametrize("folder", [*BAD_PARTS, "a/b/c/d/e/f/g", "./a", "a/."])
def test_folders_that_lead_elsewhere(folder: str) -> None:
    made = make(packaged(replace(HLS, variants=(m.Variant(), m.Variant(folder=folder)))))
    assert isinstance(made.faults[0], faults.Invalid)
    assert made.faults[0].data["field"] == "outputs.0.package.variants.1.folder"


@pytest.mark.parametrize(
    "bad",
    [
        *({"playlist": f"{part}.m3u8"} for part in BAD_PARTS if part not in ("..", ".", "a b ")),
        {"playlist": "a.txt"},
        {"playlist": "a/b.m3u8"},
        {"media_playlist": "../a.m3u8"},
        {"media_playlist": "master.m3u8"},
        {"media_playlist": "MASTER.m3u8"},
        {"segment_name": "a.ts"},
        {"segment_name": "%d_%d.ts"},
        {"segment_name": "%s.ts"},
        {"segment_name": "%d%%.ts"},
        {"segment_name": "a/%d.ts"},
        {"segment_name": "../%d.ts"},
        {"segment_name": "%d.m3u8"},
        {"segment_name": "%099999d.ts"},
        {"segment": Fraction(1, 10)},
        {"segment": Fraction(601)},
        {"list_size": -1},
    ],
)
def test_names_and_numbers_that_are_refused(bad: dict[str, Any]) -> None:
    made = make(packaged(replace(HLS, **bad)))
    assert isinstance(made.faults[0], faults.Invalid)
    assert made.faults[0].data["field"] == f"outputs.0.package.{next(iter(bad))}"


@pytest.mark.parametrize(
    "folders",
    [("a", "a"), ("a", "A"), ("é", "e\u0301"), ("a", "master.m3u8"), ("", "index.m3u8"), ("", "segment_00001.ts"),
     ("a", "a/index.m3u8"), ("a", "a/Segment_2.ts/b"), ("variant-2", None)],
)  # fmt: skip
def test_no_two_things_have_one_name(folders: tuple[str | None, ...]) -> None:
    made = make(packaged(replace(HLS, variants=tuple(m.Variant(folder=folder) for folder in folders))))
    assert isinstance(made.faults[0], faults.Invalid)
    assert made.faults[0].data["field"] == "outputs.0.package.variants"


def test_a_destination_that_names_the_master_leaves_it_its_name() -> None:
    there = m.Location(url="https://example.test/x/Index.m3u8?sig=1")
    assert layout(make(packaged(HLS, destinations=(there,)))).media_playlist == "media.m3u8"
    clash = make(packaged(replace(HLS, media_playlist="index.m3u8"), destinations=(there,)))
    assert clash.faults[0].data["field"] == "outputs.0.package.media_playlist"
    folder = m.Location(url="https://example.test/index/")
    assert layout(make(packaged(HLS, destinations=(folder,)))).media_playlist == "index.m3u8"


def test_a_package_without_a_master() -> None:
    bare = replace(HLS, playlist="", media_playlist="only.m3u8")
    assert (layout(make(packaged(bare))).master, layout(make(packaged(bare))).media_playlist) == (None, "only.m3u8")
    made = make(packaged(replace(bare, variants=(m.Variant(), m.Variant()))))
    assert made.faults[0].data["field"] == "outputs.0.package.playlist"


@pytest.mark.parametrize(
    ("output", "kind", "data"),
    [
        (packaged(HLS, video=m.Video(codec="vp9")), faults.CodecMismatch, {"container": "hls", "codec": "vp9"}),
        (packaged(HLS, video=m.Video(codec="hevc")), faults.CodecMismatch, {"container": "hls", "codec": "hevc"}),
        (packaged(HLS, video=m.SKIP, audio=m.SKIP), faults.NoSuchTrack, {"kind": "video"}),
        (packaged(replace(HLS, variants=(m.Variant(),) * 21)), faults.Invalid, {"value": 21}),
    ],
)
def test_what_can_not_be_packed(output: m.Output, kind: type[faults.Fault], data: dict[str, object]) -> None:
    made = make(output, m.Output(container="mp3"))
    assert type(made.faults[0]) is kind
    assert {key: made.faults[0].data[key] for key in data} == data
    assert set(made.products) == {1}


def test_an_ffmpeg_without_the_muxer() -> None:
    made = make(packaged(HLS), muxers=ALL_MUXERS - {"hls"})
    assert made.faults[0].data == {"container": "hls"}


@pytest.mark.parametrize(
    ("name", "many", "wanted"),
    [
        ("clip.jpg", False, "clip.jpg"),
        ("t_{resolution}", False, "t_{resolution}.png"),
        ("t_{resolution}", True, "t_{resolution}_{n}.png"),
        ("{n:04}-a.JPG", True, "{n:04}-a.JPG"),
        ("v1.0", True, "v1.0_{n}.png"),
    ],
)
def test_names_of_pictures(name: str, many: bool, wanted: str) -> None:
    stills = m.Stills(name=name, format=m.StillFormat.PNG, every=Fraction(1) if many else None)
    (product,) = make(m.Output(stills=(stills,))).products[0]
    assert product.name == wanted


@pytest.mark.parametrize("name", [*BAD_PARTS, "a/b.jpg", "{x}.jpg", "{n:4}.jpg", "{n.jpg", "{}"])
def test_names_of_pictures_that_are_refused(name: str) -> None:
    for stills in (m.Stills(name=name), m.Stills(archive=True, archive_name=name)):
        made = make(m.Output(stills=(stills,)))
        assert isinstance(made.faults[0], faults.Invalid)
        assert made.faults[0].data["field"].startswith("outputs.0.stills.0.")


@pytest.mark.parametrize("url", ["http://[", "x", "", "ftp://h/%00.m3u8", "ftp://h/\ud800.m3u8"])
def test_a_destination_without_sense_does_not_upset_the_plan(url: str) -> None:
    assert layout(make(packaged(HLS, destinations=(m.Location(url=url),)))).media_playlist == "index.m3u8"
