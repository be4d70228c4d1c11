"""Outputs of every kind for the law of the round trip, made by Hypothesis: the one door of hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any, Final

from hypothesis import strategies as st

from mediaglot.gateway.mapping import UNSAID
from mediaglot.gateway.model import (
    SKIP,
    Access,
    Audio,
    Average,
    Clip,
    Color,
    Constant,
    Deinterlace,
    Denoise,
    Edges,
    Encryption,
    Event,
    Fade,
    Fit,
    FrameRate,
    ImageOverlay,
    Input,
    Job,
    KeyFrames,
    Location,
    Loudness,
    Notification,
    Output,
    Package,
    PackageKind,
    Quality,
    Secret,
    Share,
    Size,
    StillFormat,
    Stills,
    TextOverlay,
    Variant,
    Video,
)

WORDS: Final = st.sampled_from("a low 720p main-line Überblick two_words".split())
NATURAL: Final = st.integers(0, 10_000)
BITS: Final = st.integers(1, 400_000).map(lambda number: number * 250)
SECONDS: Final = st.sampled_from([Fraction(text) for text in "0 1 5/2 1/3 90 3600.04".split()])
SHARE: Final = st.sampled_from([Share(Fraction(text)) for text in "1/2 1/3 1".split()])
RATIO: Final = st.sampled_from([Fraction(text) for text in "1 4/3 16/9 2.39".split()])
RATES: Final = st.sampled_from([Fraction(text) for text in "25 24000/1001 30000/1001 29.97 1/2".split()])
COLOR: Final = st.sampled_from(["ffcc00", "000000"])


def some(cls: Any, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with a few of the attributes set."""
    return st.fixed_dictionaries({}, optional=values).map(lambda found: cls(**found))


ACCESS: Final = some(Access, user=WORDS, password=WORDS.map(Secret), region=WORDS)
LOCATION: Final = st.builds(
    Location,
    url=st.sampled_from("https://a.example/b.mp4 ftp://a.example:21/x/y/ s3://bucket/key file:///srv/a.ts".split()),
    access=st.none() | ACCESS,
)
CLIP: Final = some(Clip, start=SECONDS, end=SECONDS, duration=SECONDS)
FADE: Final = st.builds(Fade, start=SECONDS, duration=SECONDS)
SIDE: Final = st.integers(1, 4096) | SHARE
SIZE: Final = some(Size, width=SIDE, height=SIDE, fit=st.sampled_from(Fit))
AVERAGE: Final = some(Average, bitrate=BITS | SHARE, least=BITS, most=BITS, buffer=BITS, at_most_source=st.booleans())
RATE: Final = (
    st.builds(Constant, bitrate=BITS, padded=st.booleans())
    | AVERAGE
    | st.builds(Quality, level=SECONDS, most=st.none() | BITS)
)
KEYS: Final = some(
    KeyFrames,
    frames=NATURAL,
    seconds=SECONDS,
    at=st.lists(SECONDS, max_size=2).map(tuple),
    every=SECONDS,
    closed=st.booleans(),
)
EDGES: Final = some(Edges, left=NATURAL, top=NATURAL, right=NATURAL, bottom=NATURAL)
VIDEO: Final = some(
    Video,
    codec=st.sampled_from("h264 hevc vp8 vp9 av1 mpeg4 prores copy".split()),
    size=SIZE,
    rate=RATE,
    frame_rate=st.builds(FrameRate, value=RATES, at_most=st.booleans()),
    key_frames=KEYS,
    profile=st.sampled_from("high main baseline high10".split()),
    level=st.sampled_from("3.0 4.1 5".split()),
    b_frames=NATURAL,
    references=NATURAL,
    passes=st.integers(1, 3),
    pixel_format=st.sampled_from("yuv420p yuv422p10le".split()),
    display_aspect=RATIO,
    pixel_aspect=RATIO,
    crop=EDGES,
    pad=EDGES,
    rotate=st.sampled_from([0, 45, 90, 180, 270]),
    tag_rotation=st.sampled_from([0, 90, 180, 270]),
    deinterlace=st.sampled_from(Deinterlace),
    field_order=st.sampled_from("tff bff progressive".split()),
    denoise=st.builds(Denoise, luma_spatial=SECONDS, chroma_spatial=SECONDS, luma_temporal=SECONDS),
    fade_in=FADE,
    fade_out=FADE,
    sync=st.sampled_from("cfr vfr auto".split()),
    scaler=st.sampled_from("bicubic lanczos".split()),
    color=some(Color, range=WORDS, primaries=WORDS, transfer=WORDS, matrix=WORDS),
    speed=st.sampled_from("fast slow".split()),
    tune=st.dictionaries(st.sampled_from("subq motion-est level".split()), WORDS, max_size=2),
)
AUDIO: Final = some(
    Audio,
    codec=st.sampled_from("aac mp3 opus vorbis flac copy".split()),
    bitrate=BITS | SHARE,
    at_most_source=st.booleans(),
    sample_rate=NATURAL,
    channels=st.integers(1, 8),
    profile=WORDS,
    language=st.sampled_from(["en", "de-AT"]),
    volume=SECONDS,
    loudness=st.builds(Loudness, integrated=SECONDS, range=st.none() | SECONDS),
    fade_in=FADE,
    resync=NATURAL,
)
STILLS: Final = some(
    Stills,
    at=SECONDS | SHARE,
    every=SECONDS,
    count=NATURAL,
    size=SIZE,
    format=st.sampled_from(StillFormat),
    quality=st.integers(1, 100),
    name=WORDS,
    archive=st.booleans(),
    archive_name=WORDS,
)
IMAGE: Final = st.builds(
    ImageOverlay,
    location=LOCATION,
    x=st.integers(-50, 50),
    y=st.integers(-50, 50),
    anchor=st.tuples(st.sampled_from("top middle bottom".split()), st.sampled_from("left center right".split())),
    width=st.none() | SIDE,
    height=st.none() | NATURAL,
    opacity=st.none() | RATIO,
    key_color=st.none() | COLOR,
    start=st.none() | SECONDS,
)
TEXT: Final = st.builds(
    TextOverlay,
    text=st.sampled_from(["one line", "two\nlines", "a\n\nb"]),
    x=st.none() | NATURAL,
    centered=st.booleans(),
    font=st.none() | LOCATION,
    font_size=st.none() | NATURAL,
    color=st.none() | COLOR,
    duration=st.none() | SECONDS,
)
DIGITS: Final = st.sampled_from(["00112233445566778899aabbccddeeff", "0x" + "0f" * 16])
ENCRYPTION: Final = some(Encryption, key=DIGITS.map(Secret), key_file=LOCATION, iv=DIGITS, key_url=WORDS)
VARIANT: Final = some(
    Variant,
    name=WORDS,
    folder=WORDS,
    video=VIDEO | st.just(SKIP),
    audio=AUDIO | st.just(SKIP),
    encryption=ENCRYPTION,
    i_frames=st.booleans(),
    single_file=st.booleans(),
)
PACKAGE: Final = st.builds(
    Package,
    kind=st.sampled_from(PackageKind),
    segment=st.none() | SECONDS,
    fragmented=st.booleans(),
    playlist=st.none() | WORDS,
    media_playlist=st.none() | WORDS,
    segment_name=st.none() | WORDS,
    list_size=st.none() | NATURAL,
    variants=st.lists(VARIANT, max_size=2).map(tuple),
    encryption=st.none() | ENCRYPTION,
    i_frames=st.none() | st.booleans(),
    single_file=st.none() | st.booleans(),
)
SHARED: Final[dict[str, Any]] = {
    "label": WORDS,
    "name": WORDS,
    "destinations": st.lists(LOCATION, max_size=2).map(tuple),
    "extension": st.sampled_from(["mp4", "x.y"]),
    "clip": CLIP,
    "preset": WORDS,
}
FILES: Final = some(
    Output,
    **SHARED,
    container=st.sampled_from("mp4 mov webm mpegts mp3 matroska".split()),
    brand=st.sampled_from(["mp42", "isom", "qt"]),
    video=VIDEO | st.just(SKIP),
    audio=AUDIO | st.just(SKIP),
    overlays=st.lists(IMAGE | TEXT, max_size=2).map(tuple),
    metadata=st.dictionaries(st.sampled_from(["title", "genre"]), WORDS, max_size=2),
    keep_metadata=st.booleans(),
    keep_chapters=st.booleans(),
    stills=st.lists(STILLS, max_size=1).map(tuple),
)
PICTURES: Final = st.builds(
    Output,
    video=st.just(SKIP),
    audio=st.just(SKIP) | st.none(),
    stills=st.lists(STILLS, min_size=1, max_size=2).map(tuple),
)
PACKAGES: Final = some(Output, **SHARED, package=PACKAGE, audio=AUDIO)
OUTPUTS: Final[st.SearchStrategy[Output]] = FILES | PICTURES | PACKAGES
HEIGHT: Final = st.sampled_from([240, 360, 480, 720, 1080])
PLAIN_VIDEO: Final = st.builds(
    Video,
    codec=st.none() | st.sampled_from("h264 vp9 copy".split()),
    size=st.none()
    | st.builds(Size, width=st.none() | st.just(640), height=HEIGHT, fit=st.none() | st.sampled_from(Fit)),
    rate=st.none() | st.builds(Average, bitrate=st.sampled_from([300_000, 1_500_000])),
    frame_rate=st.none() | st.builds(FrameRate, value=st.sampled_from([Fraction(25), Fraction(30000, 1001)])),
    profile=st.none() | st.sampled_from("main high".split()),
    display_aspect=st.none() | st.just(Fraction(16, 9)),
)
PLAIN_AUDIO: Final = st.builds(
    Audio,
    codec=st.none() | st.sampled_from("aac mp3 copy".split()),
    bitrate=st.none() | st.sampled_from([64_000, 128_000]),
    sample_rate=st.none() | st.just(48_000),
    channels=st.none() | st.just(2),
)
PLAIN_VARIANT: Final = st.builds(
    Variant, name=st.sampled_from("240p 720p".split()), video=st.builds(Video, size=st.builds(Size, height=HEIGHT))
)
PLAIN_PACKAGE: Final = st.builds(
    Package,
    kind=st.just(PackageKind.HLS),
    segment=st.none() | st.sampled_from([Fraction(6), Fraction(10)]),
    variants=st.lists(PLAIN_VARIANT, max_size=3).map(tuple),
)
PLAIN: Final = st.builds(
    Output,
    destinations=st.lists(LOCATION, max_size=2).map(tuple),
    container=st.sampled_from("mp4 mpegts webm".split()),
    video=st.none() | PLAIN_VIDEO,
    audio=st.none() | PLAIN_AUDIO,
    clip=st.none() | st.builds(Clip, start=SECONDS, duration=SECONDS),
    stills=st.just(()) | st.tuples(st.builds(Stills, at=st.sampled_from([Fraction(5), Share(Fraction(1, 2))]))),
) | st.builds(Output, destinations=st.lists(LOCATION, max_size=1).map(tuple), package=PLAIN_PACKAGE)
"""What most dialects have words for, in the values that clients write."""

EVENTS: Final = st.frozensets(st.sampled_from(Event), min_size=1, max_size=3)
JOBS: Final = st.builds(
    Job,
    inputs=st.lists(st.builds(Input, location=LOCATION, clip=st.none() | CLIP), min_size=1, max_size=2).map(tuple),
    outputs=st.lists(PLAIN | OUTPUTS, min_size=1, max_size=2).map(tuple),
    notifications=st.lists(st.builds(Notification, target=LOCATION, events=EVENTS), max_size=2).map(tuple),
    hold=st.booleans(),
    priority=st.none() | st.integers(-10, 10),
    label=st.none() | WORDS,
    tags=st.dictionaries(WORDS, WORDS, max_size=2),
)


def differences(wanted: Any, got: Any, path: str = "") -> Iterator[str]:
    """The paths where two model values differ. An object that says nothing is as good as none."""
    if is_dataclass(wanted) and type(wanted) is type(got):
        for each in fields(wanted):
            if each.compare and each.name not in UNSAID:
                below = f"{path}.{each.name}".lstrip(".")
                yield from differences(getattr(wanted, each.name), getattr(got, each.name), below)
    elif isinstance(wanted, tuple) and isinstance(got, tuple) and len(wanted) == len(got):
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from differences(one, other, f"{path}.{number}")
    elif wanted != got and not (_says_nothing(wanted) and _says_nothing(got)):
        yield path


def _says_nothing(value: Any) -> bool:
    if is_dataclass(value) and value is not SKIP:
        said = {each: getattr(value, each.name) for each in fields(value)}
        return all(meaning == each.default or _says_nothing(meaning) for each, meaning in said.items())
    return value is None or value is False or value in ((), {}, "")
