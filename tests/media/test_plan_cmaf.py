"""DASH, CMAF and shared sounds as they are planned: commands, names, refusals. No FFmpeg is run here."""

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
from mediaglot.gateway.media.plan import plan

ENCODER_NAMES = frozenset(name for names in ENCODERS.values() for name in names)
MUXER_NAMES = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "hls"})
PICTURE = m.VideoFacts(codec="h264", width=1920, height=1080, frame_rate=Fraction(30))
ENGLISH, GERMAN = (
    m.AudioFacts(codec="aac", sample_rate=44100, channels=channels, language=word)
    for channels, word in ((2, "eng"), (6, "ger"))
)
CLIP = m.MediaFacts(container="mov", size=10_000_000, duration=Fraction(25), video=(PICTURE,), audio=(ENGLISH, GERMAN))
HLS, DASH, CMAF = (m.Package(kind=kind, segment=Fraction(4)) for kind in m.PackageKind)
TWO = tuple(m.Variant(folder=f"{height}p", video=m.Video(size=m.Size(height=height))) for height in (720, 360))


def make(output: m.Output, facts: m.MediaFacts = CLIP) -> Plan:
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a.mp4")),), outputs=(output,))
    return plan(job, [facts], encoders=ENCODER_NAMES, muxers=MUXER_NAMES)


def command(made: Plan) -> list[str]:
    assert made.faults == {}
    (run,) = made.runs
    words = list(argv(run, "ffmpeg", threads=2))
    return words[words.index("source-0") + 1 :]


def layout(made: Plan) -> Layout:
    found = made.products[0][0].layout
    assert found is not None
    return found


def test_pictures_and_sound_come_apart_from_one_decode() -> None:
    made = make(m.Output(package=replace(CMAF, variants=TWO), audio=m.Audio(bitrate=96_000)))
    video = "-threads 2 -c:v libx264 -preset veryfast -pix_fmt yuv420p"
    keys = "-force_key_frames:v expr:gte(t,n_forced*2) -sc_threshold:v 0 -flags:v +cgop"
    head = "-map_metadata -1 -map_chapters -1 -output_ts_offset 1 -hls_time 4 -hls_playlist_type vod"
    fragments = (
        "-hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4 "
        "-hls_segment_options movflags=+frag_discont:use_editlist=0:avoid_negative_ts=make_non_negative"
    )
    tail = "-hls_segment_filename out-0/{0}/%05d.m4s -f hls out-0/{0}/list.m3u8"
    assert command(made) == [
        *"-filter_complex_threads 1 -filter_complex".split(),
        "[0:V:0]scale=1280:720,setsar=1,split=2[v0x0][s2];[s2]scale=640:360,setsar=1[v0x1]",
        *f"-map [v0x0] {video} {keys} {head} {fragments} {tail.format('v0')}".split(),
        *f"-map [v0x1] {video} {keys} {head} {fragments} {tail.format('v1')}".split(),
        *f"-map 0:a:0 -threads 2 -c:a aac -b:a 96000 -metadata:s:a:0 language=eng {head} {fragments}".split(),
        *tail.format("a0").split(),
    ]
    assert made.notes == ()


def places(made: Plan) -> list[tuple[str, str | None, bool]]:
    """Where everything lies, its group, and whether players begin with it."""
    found = layout(made)
    return [(one.folder, one.group, one.default) for one in (*found.places, *found.sounds)]


def test_names() -> None:
    one, two, three = (layout(make(m.Output(package=package))) for package in (CMAF, DASH, HLS))
    assert (one.master, one.manifest, one.media_playlist) == ("master.m3u8", "manifest.mpd", "index.m3u8")
    assert (two.master, two.manifest, two.media_playlist) == (None, "manifest.mpd", None)
    assert (three.master, three.manifest, three.sounds) == ("master.m3u8", None, ())
    assert (two.init, two.segment_name) == ("init.mp4", "segment_%05d.m4s")
    assert places(make(m.Output(package=DASH))) == [("", "audio", False), ("audio", "audio", True)]
    own = replace(CMAF, manifest="a.mpd", playlist="b.m3u8", audio=(m.Rendition(folder="s/en", name="E"),))
    found = layout(make(m.Output(package=own)))
    assert (found.manifest, found.master, found.sounds[0].folder, found.sounds[0].name) == (
        "a.mpd", "b.m3u8", "s/en", "E",
    )  # fmt: skip


def test_alike_sounds_are_made_once_and_others_have_groups_of_their_own() -> None:
    loud, quiet = m.Audio(bitrate=128_000), m.Audio(bitrate=32_000)
    variants = (
        replace(TWO[0], audio=loud),
        replace(TWO[1], audio=quiet),
        m.Variant(folder="240p", audio=loud),
        m.Variant(folder="mute", audio=m.SKIP),
        m.Variant(folder="only", video=m.SKIP, audio=quiet),
    )
    made = make(m.Output(package=replace(CMAF, variants=variants)))
    assert places(made) == [
        *(("720p", "audio-1", False), ("360p", "audio-2", False), ("240p", "audio-1", False)),
        *(("mute", None, False), ("only", None, False)),
        *(("audio-1", "audio-1", True), ("only", "audio-2", True)),
    ]
    assert len(made.runs[0].targets) == 6


def test_languages_are_taken_from_the_source() -> None:
    sounds = (
        m.Rendition(audio=m.Audio(source_language="de", channels=2)),
        m.Rendition(audio=m.Audio(track=1, bitrate=64_000), default=True),
        m.Rendition(default=True),
    )
    for package in (HLS, CMAF):
        made = make(m.Output(package=replace(package, audio=sounds), audio=m.Audio(bitrate=96_000)))
        words = command(made)
        maps = [words[number + 1] for number, word in enumerate(words) if word == "-map"]
        assert maps == ["0:V:0", "0:a:1", "0:a:0", "0:a:0"]
        assert [words[number + 1] for number, word in enumerate(words) if word == "-b:a"] == ["96000", "64000", "96000"]
        assert places(made)[1:] == [
            ("audio-1", "audio", False), ("audio-2", "audio", True), ("audio-3", "audio", False),
        ]  # fmt: skip
        assert words.count("language=deu") == 1


def test_a_variants_own_wish_gives_way_to_the_shared_sounds() -> None:
    variants = (replace(TWO[0], audio=m.Audio(bitrate=1)), m.Variant(folder="s", video=m.SKIP, audio=m.Audio()))
    made = make(m.Output(package=replace(HLS, variants=variants, audio=(m.Rendition(),))))
    assert made.notes == (Note("outputs.0.package.variants.0.audio"),)
    assert places(made) == [("720p", "audio", False), ("s", None, False), ("audio", "audio", True)]


def test_a_file_with_the_sound_that_is_asked_for() -> None:
    """Its channels, not the first one's, decide what becomes of it."""
    made = make(m.Output(container="mp3", audio=m.Audio(track=2)))
    assert "[0:a:1]aresample=async=1[a0]" in command(made)
    assert command(made)[command(made).index("-ac") + 1] == "2"
    assert "-ac" not in command(make(m.Output(container="mp3")))


@pytest.mark.parametrize("audio", [m.Audio(track=3), m.Audio(track=0), m.Audio(source_language="fr")])
def test_a_sound_that_the_source_lacks(audio: m.Audio) -> None:
    for output in (m.Output(audio=audio), m.Output(package=replace(CMAF, audio=(m.Rendition(audio=audio),)))):
        fault = make(output).faults[0]
        assert isinstance(fault, faults.NoSuchTrack)
        assert fault.data == {"kind": "audio", "track": audio.source_language or audio.track}


def test_sources_of_one_kind_of_track() -> None:
    sound, silent = replace(CLIP, video=()), replace(CLIP, audio=())
    assert places(make(m.Output(package=CMAF), sound)) == [("", None, False)]
    assert places(make(m.Output(package=CMAF), silent)) == [("", None, False)]
    assert places(make(m.Output(package=replace(HLS, audio=(m.Rendition(),))), silent)) == [("", None, False)]
    assert "0:a:0" in command(make(m.Output(package=CMAF), sound))
    assert type(make(m.Output(package=CMAF, video=m.SKIP), silent).faults[0]) is faults.NoSuchTrack


@pytest.mark.parametrize(
    ("video", "audio"), [("h264", "aac"), ("hevc", "ac3"), ("av1", "opus"), ("vp9", "flac"), ("h264", "eac3")]
)
def test_codecs_of_segments(video: str, audio: str) -> None:
    output = m.Output(package=CMAF, video=m.Video(codec=video), audio=m.Audio(codec=audio))
    made = make(output)
    assert made.faults == {}
    assert made.notes == ()
    assert make(replace(output, package=replace(HLS, fragmented=True))).faults == {}


@pytest.mark.parametrize(
    ("output", "kind", "data"),
    [
        (m.Output(package=CMAF, video=m.Video(codec="vp8")), faults.CodecMismatch, {"container": "cmaf"}),
        (m.Output(package=DASH, audio=m.Audio(codec="vorbis")), faults.CodecMismatch, {"container": "dash"}),
        (m.Output(package=HLS, audio=m.Audio(codec="opus")), faults.CodecMismatch, {"container": "hls"}),
        (m.Output(package=CMAF, video=m.Video(codec="copy"), clip=m.Clip(start=Fraction(3))), faults.Unsupported,
         {"feature": "copy"}),
        (m.Output(package=replace(CMAF, playlist="")), faults.Invalid, {"field": "outputs.0.package.playlist"}),
        (m.Output(package=replace(CMAF, manifest="a.xml")), faults.Invalid, {"field": "outputs.0.package.manifest"}),
        (m.Output(package=replace(CMAF, manifest="../a.mpd")), faults.Invalid, {"field": "outputs.0.package.manifest"}),
        (m.Output(package=replace(CMAF, audio=(m.Rendition(),) * 21)), faults.Invalid, {"value": 21}),
        (m.Output(package=replace(CMAF, audio=(m.Rendition(folder="/x"),))), faults.Invalid,
         {"field": "outputs.0.package.audio.0.folder"}),
        (m.Output(package=replace(DASH, audio=(m.Rendition(folder="a"), m.Rendition(folder="A")))), faults.Invalid,
         {"field": "outputs.0.package.variants"}),
        (m.Output(package=replace(DASH, variants=(m.Variant(folder="manifest.mpd"),))), faults.Invalid,
         {"field": "outputs.0.package.variants"}),
    ],
)  # fmt: skip
def test_what_can_not_be_packed(output: m.Output, kind: type[faults.Fault], data: dict[str, Any]) -> None:
    fault = make(output).faults[0]
    assert type(fault) is kind
    assert {key: fault.data[key] for key in data} == data
