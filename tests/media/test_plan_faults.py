"""What can't be made is a fault of that output alone; what is not applied is noted. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaglot.gateway import faults
from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.parts import Fetch, Note, Plan, Run
from mediaglot.gateway.media.plan import needs, plan

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2"})
PLACE = m.Location(url="https://example.test/a")
VIDEO = m.VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25))
AUDIO = m.AudioFacts(codec="aac", sample_rate=44100, channels=6)
CLIP = m.MediaFacts(container="mov", size=1, duration=Fraction(10), video=(VIDEO,), audio=(AUDIO,))
SILENT = m.MediaFacts(container="mov", size=1, duration=Fraction(10), video=(VIDEO,))
SOUND = m.MediaFacts(container="mp3", size=1, duration=Fraction(10), audio=(AUDIO,))
COPY = m.Video(codec="copy")


def make(*outputs: m.Output, sources: tuple[m.MediaFacts, ...] = (CLIP,), **more: frozenset[str]) -> Plan:
    job = m.Job(inputs=tuple(m.Input(location=PLACE) for _ in sources), outputs=outputs)
    return plan(job, sources, encoders=more.get("encoders", ALL_ENCODERS), muxers=more.get("muxers", ALL_MUXERS))


def logo(**more: object) -> m.Output:
    return m.Output(overlays=(m.ImageOverlay(location=PLACE, **more),))  # type: ignore[arg-type]


REFUSED: list[tuple[m.Output, type[faults.Fault], dict[str, object]]] = [
    (m.Output(container="vidly"), faults.UnknownContainer, {"container": "vidly"}),
    (m.Output(video=m.Video(codec="vp6")), faults.UnknownEncoder, {"codec": "vp6"}),
    (m.Output(audio=m.Audio(codec="dts")), faults.UnknownEncoder, {"codec": "dts"}),
    (m.Output(container="webm", video=m.Video(codec="h264")), faults.CodecMismatch, {"codec": "h264"}),
    (m.Output(container="webm", video=COPY), faults.CodecMismatch, {"container": "webm", "codec": "h264"}),
    (m.Output(container="mp3", video=m.Video(codec="h264")), faults.CodecMismatch, {"codec": "h264"}),
    (m.Output(package=m.Package(kind=m.PackageKind.CMAF)), faults.UnknownContainer, {"container": "cmaf"}),
    (m.Output(video=m.SKIP, audio=m.SKIP), faults.NoSuchTrack, {"kind": "video"}),
    (m.Output(video=m.Video(profile="ultra")), faults.Invalid, {"field": "outputs.1.video.profile"}),
    (m.Output(video=m.Video(level="9 -y /x")), faults.Invalid, {"field": "outputs.1.video.level"}),
    (m.Output(video=m.Video(pixel_format="bgr24")), faults.Invalid, {"field": "outputs.1.video.pixel_format"}),
    (
        m.Output(video=m.Video(profile="Main", pixel_format="yuv422p")),
        faults.Invalid,
        {"field": "outputs.1.video.pixel_format", "reason": "one of yuv420p nv12"},
    ),
    (
        m.Output(container="webm", video=m.Video(profile="0", pixel_format="yuv444p")),
        faults.Invalid,
        {"field": "outputs.1.video.pixel_format", "reason": "one of yuv420p yuva420p"},
    ),
    (m.Output(video=m.Video(rotate=45)), faults.Invalid, {"field": "outputs.1.video.rotate"}),
    (m.Output(video=m.Video(crop=m.Edges(left=400))), faults.Invalid, {"field": "outputs.1.video.crop"}),
    (m.Output(video=m.Video(size=m.Size(width=20000))), faults.Invalid, {"value": Fraction(20000)}),
    (m.Output(video=m.Video(size=m.Size(width=9000, height=9000))), faults.Invalid, {"value": "9000x9000"}),
    (
        m.Output(video=m.Video(rate=m.Quality(level=Fraction(99)))),
        faults.Invalid,
        {"field": "outputs.1.video.rate.level"},
    ),
    (m.Output(video=m.Video(rate=m.Constant(bitrate=0))), faults.Invalid, {"field": "outputs.1.video.rate.bitrate"}),
    (m.Output(video=m.Video(frame_rate=m.FrameRate(value=Fraction(0)))), faults.Invalid, {"value": Fraction(0)}),
    (m.Output(audio=m.Audio(volume=Fraction(-1))), faults.Invalid, {"field": "outputs.1.audio.volume"}),
    (m.Output(audio=m.Audio(loudness=m.Loudness(integrated=Fraction(3)))), faults.Invalid, {"value": Fraction(3)}),
    (m.Output(clip=m.Clip(start=Fraction(10))), faults.Invalid, {"field": "outputs.1.clip.start"}),
    (m.Output(clip=m.Clip(start=Fraction(5), end=Fraction(5))), faults.Invalid, {"field": "outputs.1.clip"}),
    (logo(key_color="red,movie=x"), faults.Invalid, {"field": "outputs.1.overlays.0.key_color"}),
    (logo(anchor=("top", "top")), faults.Invalid, {"field": "outputs.1.overlays.0.anchor"}),
    (m.Output(overlays=(m.TextOverlay(text="a" * 2001),)), faults.Invalid, {"value": 2001}),
    (m.Output(stills=(m.Stills(count=0, every=Fraction(1)),)), faults.Invalid, {"field": "outputs.1.stills.0.count"}),
]


@pytest.mark.parametrize(("bad", "kind", "data"), REFUSED)
def test_a_bad_output_leaves_the_others_alone(bad: m.Output, kind: type[faults.Fault], data: dict[str, object]) -> None:
    made = make(m.Output(container="mp4"), bad, m.Output(container="mp3"))
    assert type(made.faults[1]) is kind
    assert {key: made.faults[1].data[key] for key in data} == data
    assert set(made.products) == {0, 2}
    assert [target.path for target in made.runs[0].targets] == ["out-0/media.mp4", "out-2/media.mp3"]


@pytest.mark.parametrize(
    ("source", "output", "kind"),
    [
        (SILENT, m.Output(container="mp3"), "audio"),
        (SILENT, m.Output(video=m.SKIP), "audio"),
        (SOUND, m.Output(container="mp4"), "video"),
        (SOUND, m.Output(container="mkv", video=m.Video()), "video"),
        (SOUND, m.Output(stills=(m.Stills(),)), "video"),
    ],
)
def test_a_track_that_the_source_lacks(source: m.MediaFacts, output: m.Output, kind: str) -> None:
    made = make(output, sources=(source,))
    assert isinstance(made.faults[0], faults.NoSuchTrack)
    assert made.faults[0].data == {"kind": kind}
    assert made.runs == ()


def test_what_this_ffmpeg_lacks() -> None:
    outputs = (m.Output(video=m.Video(codec="av1")), m.Output(container="webm"))
    made = make(*outputs, encoders=ALL_ENCODERS - {"libsvtav1", "libvpx-vp9"}, muxers=ALL_MUXERS)
    assert "libaom-av1" in made.runs[0].targets[0].options
    assert made.faults[1].data == {"codec": "vp9"}
    assert make(*outputs, muxers=ALL_MUXERS - {"webm"}).faults[1].data == {"container": "webm"}


def test_several_sources_can_not_be_copied() -> None:
    assert make(m.Output(video=COPY), sources=(CLIP, CLIP)).faults[0].data["feature"] == "copy"


def test_no_source_and_a_bad_source_fail_every_output() -> None:
    job = m.Job(outputs=(m.Output(), m.Output()))
    made = plan(job, (), encoders=ALL_ENCODERS, muxers=ALL_MUXERS)
    assert [type(made.faults[index]) for index in (0, 1)] == [faults.SourceUnreadable] * 2
    late = m.Input(location=PLACE, clip=m.Clip(start=Fraction(99)))
    made = plan(m.Job(inputs=(late,), outputs=(m.Output(),)), (CLIP,), encoders=ALL_ENCODERS, muxers=ALL_MUXERS)
    assert made.faults[0].data["field"] == "inputs.0.clip.start"


def test_only_some_outputs() -> None:
    job = m.Job(inputs=(m.Input(location=PLACE),), outputs=(m.Output(), logo(), logo()))
    made = plan(job, (CLIP,), encoders=ALL_ENCODERS, muxers=ALL_MUXERS, only=frozenset({1}))
    assert set(made.products) == {1}
    assert needs(job, frozenset({1})) == (Fetch(output=1, location=PLACE, path="overlay-1-0"),)


def test_needs_and_drawings() -> None:
    text = m.TextOverlay(text="a", font=PLACE)
    output = m.Output(overlays=(m.ImageOverlay(location=PLACE), text), video=m.Video(size=m.Size(width=100)))
    job = m.Job(inputs=(m.Input(location=PLACE),), outputs=(output,))
    assert [fetch.path for fetch in needs(job)] == ["overlay-0-0", "font-0-1"]
    (drawing,) = make(output).drawings
    assert (drawing.path, drawing.width, drawing.height, drawing.font) == ("overlay-0-1", 100, 56, "font-0-1")


def test_what_is_not_applied_is_noted() -> None:
    video = m.Video(
        tune={"subq": "7", "vf": "movie=/etc/passwd", "qmin": "1;2", "qmax": "\u0663", "x264-params": "stats=/x"},
        speed="warp",
        scaler="magic",
        sync="old",
        color=m.Color(primaries="bt709:x"),
        rate=m.Quality(level=Fraction(20)),
        passes=2,
    )
    made = make(m.Output(video=video, audio=m.Audio(profile="he", language="x;y"), brand="a:b", metadata={"x": "y"}))
    assert {note.path for note in made.notes} == {
        *(f"outputs.0.video.tune.{name}" for name in ("vf", "qmin", "qmax", "x264-params")),
        *(f"outputs.0.video.{name}" for name in ("speed", "scaler", "sync", "color.primaries", "passes")),
        *(f"outputs.0.{name}" for name in ("audio.profile", "audio.language", "brand", "metadata.x")),
    }
    words = " ".join(made.runs[0].targets[0].options)
    assert "movie" not in words
    assert "stats" not in words


def noted(output: m.Output) -> list[str]:
    return [note.path.removeprefix("outputs.0.") for note in make(output).notes]


@pytest.mark.parametrize(
    ("video", "paths"),
    [
        (m.Video(color=m.Color(primaries="linear")), ["video.color.primaries"]),
        (m.Video(color=m.Color(transfer="film")), ["video.color.transfer"]),
        (m.Video(color=m.Color(matrix="bt2020c")), ["video.color.matrix"]),
        (m.Video(tune={"flags": "+loop-cgop"}), []),
        (m.Video(tune={"flags": "-loop"}), ["video.tune.flags"]),
        (m.Video(codec="mpeg4", tune={"flags": "+qpel"}), []),
        (m.Video(codec="mpeg4", tune={"flags": "+low_delay"}), ["video.tune.flags"]),
        (m.Video(codec="mpeg2video", tune={"flags": "+qpel"}), ["video.tune.flags"]),
    ],
)
def test_words_that_the_encoder_does_not_have_are_noted(video: m.Video, paths: list[str]) -> None:
    assert noted(m.Output(video=video, audio=m.SKIP)) == paths


def test_what_is_said_of_a_copied_track_is_noted() -> None:
    video = m.Video(codec="copy", size=m.Size(width=100), rate=m.Average(bitrate=300_000), tag_rotation=90)
    audio = m.Audio(codec="copy", volume=Fraction(1, 2), language="eng")
    assert noted(m.Output(video=video, audio=audio)) == ["video.size", "video.rate", "audio.volume"]
    assert noted(m.Output(video=COPY, clip=m.Clip(start=Fraction(1)))) == ["clip"], "it begins at a key frame"
    assert noted(m.Output(video=COPY, audio=m.Audio(codec="copy"))) == []


@pytest.mark.parametrize(
    ("video", "paths"),
    [
        (m.Video(size=m.Size(width=101)), ["video.size.width"]),
        (m.Video(size=m.Size(width=101, height=77, fit=m.Fit.STRETCH)), ["video.size.width", "video.size.height"]),
        (m.Video(size=m.Size(height=90)), []),
        (m.Video(size=m.Size(width=m.Share(Fraction(1, 3)))), []),
        (m.Video(pad=m.Edges(left=3)), ["video.pad"]),
        (m.Video(crop=m.Edges(top=3)), ["video.crop"]),
        (m.Video(crop=m.Edges(top=3), size=m.Size(height=90)), []),
    ],
)
def test_sides_that_could_not_be_odd_are_noted(video: m.Video, paths: list[str]) -> None:
    assert noted(m.Output(video=video)) == paths


@pytest.mark.parametrize(("fit", "paths"), [(m.Fit.STRETCH, []), (m.Fit.PAD, ["stills.0.size.width"])])
def test_a_still_may_be_odd_but_for_bars(fit: m.Fit, paths: list[str]) -> None:
    assert noted(m.Output(stills=(m.Stills(size=m.Size(width=101, height=76, fit=fit)),))) == paths


@pytest.mark.parametrize(
    ("video", "paths"),
    [
        (m.Video(field_order="progressive"), []),
        (m.Video(field_order="progressive", size=m.Size(height=90)), []),
        (m.Video(codec="mpeg4", profile="simple"), []),
        (m.Video(codec="mpeg4", profile="simple", b_frames=2), ["video.profile"]),
        (m.Video(codec="mpeg4", profile="main"), ["video.profile"]),
        (m.Video(codec="hevc", profile="Main"), []),
        (m.Video(codec="hevc", profile="High"), ["video.profile"]),
    ],
)
def test_what_is_met_anyway_is_not_noted(video: m.Video, paths: list[str]) -> None:
    assert noted(m.Output(video=video, audio=m.SKIP)) == paths


@pytest.mark.parametrize(
    ("codec", "level", "rate", "crf"),
    [
        ("h264", "30", None, "30"),
        ("hevc", "24.5", None, "24.5"),
        ("vp9", "40", None, "40"),
        ("h264", "52", None, None),
        ("h264", "-1", None, None),
        ("h264", "30", m.Average(bitrate=300_000), None),
        ("mpeg4", "30", None, None),
    ],
)
def test_a_quality_among_the_fine_settings_is_the_rate(
    codec: str, level: str, rate: m.Rate | None, crf: str | None
) -> None:
    video = m.Video(codec=codec, tune={"crf": level}, rate=rate)
    made = make(m.Output(container="webm" if codec == "vp9" else "mp4", video=video))
    options = made.runs[0].targets[0].options
    assert made.notes == (() if crf else (Note("outputs.0.video.tune.crf"),))
    found = options[options.index("-crf") + 1] if "-crf" in options else None
    assert found == crf


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_constant_rate_is_filled_up_only_where_that_was_asked_for(codec: str) -> None:
    rates = (m.Constant(bitrate=800_000), m.Constant(bitrate=800_000, padded=True))
    made = make(*(m.Output(video=m.Video(codec=codec, rate=rate)) for rate in rates))
    plain, padded = (" ".join(target.options) for target in made.runs[0].targets)
    assert all("-maxrate 800000 -bufsize 800000" in one for one in (plain, padded))
    assert ("cbr" in plain, "cbr" in padded) == (False, True)


def test_two_passes_over_a_source_of_unknown_length() -> None:
    twice = m.Output(video=m.Video(rate=m.Average(bitrate=300_000), passes=2))
    made = make(twice, twice, sources=(replace(CLIP, duration=None),))
    assert made.faults == {}
    assert len(made.runs) == 2


def test_sound_alone_in_a_package_with_a_logo_loses_nothing() -> None:
    sets = (m.Variant(video=m.Video()), m.Variant(video=m.SKIP))
    overlays = logo().overlays
    packages = [m.Output(package=m.Package(kind=kind, variants=sets), overlays=overlays) for kind in m.PackageKind]
    made = make(*packages, m.Output(container="mp3", overlays=overlays), muxers=ALL_MUXERS | {"hls", "dash"})
    assert not made.faults
    assert made.notes == (Note(f"outputs.{len(packages)}.overlays"),)


def test_letters_that_our_font_lacks_are_noted() -> None:
    texts = (m.TextOverlay(text="Hello\n3 %"), m.TextOverlay(text="Wörld"), m.TextOverlay(text="Wörld", font=PLACE))
    assert make(m.Output(overlays=texts)).notes == (Note("outputs.0.overlays.1.text"),)


def test_channels_fit_the_encoder() -> None:
    outputs = (m.Output(container="mp3"), m.Output(container="mp3", audio=m.Audio(channels=6)), m.Output())
    made = make(*outputs)
    channels = [target.options[target.options.index("-ac") + 1] for target in made.runs[0].targets[:2]]
    assert channels == ["2", "2"]
    assert "-ac" not in made.runs[0].targets[2].options
    assert made.notes == (Note("outputs.1.audio.channels", 6, 2),)


def test_sound_does_not_stay_at_the_rate_that_the_loudness_filter_works_at() -> None:
    loud = m.Output(container="wav", audio=m.Audio(codec="pcm_s16le", loudness=m.Loudness(integrated=Fraction(-23))))
    for told, wanted in ((44100, "44100"), (None, "48000")):
        source = replace(SOUND, audio=(replace(AUDIO, sample_rate=told),))
        options = make(loud, sources=(source,)).runs[0].targets[0].options
        assert options[options.index("-ar") + 1] == wanted


NASTY = st.text(alphabet="ab0:;,'[]=\\%\n ", max_size=12).map(lambda text: f"zq!{text}")


@settings(max_examples=60, deadline=None)
@given(text=NASTY)
def test_no_text_of_the_client_enters_a_filter(text: str) -> None:
    video = m.Video(
        scaler=text, sync=text, speed=text, tune={text: text, "flags": text}, field_order=text,
        color=m.Color(range=text, primaries=text, transfer=text, matrix=text),
    )  # fmt: skip
    overlay = m.TextOverlay(text=text)
    output = m.Output(
        label=text, extension=text, brand=text, video=video, audio=m.Audio(language=text, profile=text),
        metadata={"title": text, text: text}, overlays=(overlay,), stills=(m.Stills(label=text),),
    )  # fmt: skip
    made = make(output)
    assert made.faults == {}
    for run in made.runs:
        assert "zq" not in run.graph
        carrying = [word for word in argv(run, "ffmpeg") if "zq" in word]
        assert carrying == [f"title={text}"]


def test_threads_are_capped() -> None:
    run = make(m.Output()).runs[0]
    for asked, given_ in ((None, "8"), (64, "8"), (3, "3"), (0, "8")):
        words = argv(run, "ffmpeg", threads=asked)
        assert {words[at + 1] for at, word in enumerate(words) if word == "-threads"} == {given_}


@pytest.mark.parametrize(
    ("graph", "threads", "wanted"),
    [
        ("[0:V:0]split=2[a][b];[a]scale=1280:720,setsar=1[v0];[b]scale=640:360[v1]", 3, "1"),
        ("[0:V:0]scale=1280:720[v0]", 8, "2"),
        ("[0:V:0]bwdif=mode=send_frame,scale=1280:720[v0]", 3, "3"),
    ],
)
def test_light_filters_are_not_shared_out(graph: str, threads: int, wanted: str) -> None:
    run = Run(feeds=(), graph=graph, targets=(), duration=None, weight=Fraction(1))
    words = argv(run, "ffmpeg", threads=threads)
    assert words[words.index("-filter_complex_threads") + 1] == wanted


@pytest.mark.parametrize(
    ("codec", "sample_rate", "asked", "made"),
    [
        ("mp3", None, 100_000, 96_000),
        ("mp3", 44_100, 400_000, 320_000),
        ("mp3", 32_000, 8_000, 32_000),
        ("mp3", 24_000, 8_000, 8_000),
        ("mp3", 22_050, 200_000, 160_000),
        ("mp3", 12_000, 96_000, 64_000),
        ("mp3", 16_000, 144_000, 144_000),
        ("mp3", 44_100, 128_000, 128_000),
        ("mp2", None, 40_000, 32_000),
        ("ac3", None, 130_000, 128_000),
        ("amr_nb", None, 12_000, 12_200),
        ("aac", None, 100_001, 100_001),
    ],
)
def test_a_bitrate_that_the_codec_does_not_have(codec: str, sample_rate: int | None, asked: int, made: int) -> None:
    container = "3gp" if codec == "amr_nb" else "mov"
    drawn = make(m.Output(container=container, audio=m.Audio(codec=codec, sample_rate=sample_rate, bitrate=asked)))
    options = drawn.runs[0].targets[0].options
    assert options[options.index("-b:a") + 1] == str(made)
    assert drawn.notes == (() if asked == made else (Note("outputs.0.audio.bitrate", asked, made),))


def test_a_share_of_a_bitrate_is_no_number_that_can_be_told() -> None:
    drawn = make(m.Output(container="mp3", audio=m.Audio(bitrate=m.Share(of_source=Fraction(4, 5)))))
    assert drawn.notes == (Note("outputs.0.audio.bitrate"),)
