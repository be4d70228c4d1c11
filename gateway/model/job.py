"""What was asked: a Job and everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from mediaglot.gateway.model.place import EMPTY, Location, essential
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.model.secret import Secret
from mediaglot.gateway.model.track import Audio, Share, Size, Skip, Video


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A part of the timeline, in seconds. ``end`` and ``duration`` are alternatives."""

    start: Fraction | None = essential()
    end: Fraction | None = essential()
    duration: Fraction | None = essential()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    location: Location = field(metadata={"essential": True})
    clip: Clip | None = essential()
    container: str | None = None
    frame_rate: Fraction | None = None
    pixel_aspect: Fraction | None = None
    interlaced: bool | None = None


class StillFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The pictures of a series as tiles of larger ones, row by row, with a WebVTT file that says which one shows when.

    Each cue names a sheet and the tile's place on it, ``sprite.jpg#xywh=160,0,160,90``.
    """

    columns: int | None = None
    """Tiles in a row; 10 without a word."""
    rows: int | None = None
    """Rows on a sheet, what does not fit goes on to the next one; as many as are needed and at most 10."""
    name: str | None = None
    """The WebVTT file's name, a single part of a path; the sheets' with ``.vtt`` without a word."""
    url: str | None = None
    """What cues name a sheet by: with a slash at the end what comes before its name, else the sheet itself, numbered
    where there are several. Without a word it is the name alone, for a sheet beside the WebVTT file."""
    destinations: tuple[Location, ...] = ()
    """Where the WebVTT file goes in place of the output's destinations."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Stills:
    """Pictures from the timeline: one ``at`` seconds or a share of the duration, or one ``every`` so often."""

    at: Fraction | Share | None = None
    every: Fraction | None = None
    count: int | None = None
    size: Size | None = None
    format: StillFormat | None = None
    quality: int | None = None
    """1 to 100, 100 is best."""
    name: str | None = None
    """The file's name, a single part of a path. ``{n}`` (or ``{n:04}``) counts the pictures from 1,
    ``{resolution}`` is the picture's measured ``640x360``. A missing ``{n}`` or extension is added."""
    label: str | None = None
    archive: bool = False
    """Also all of them in one zip file, called ``archive_name``."""
    archive_name: str | None = None
    key_frames: bool = False
    """For a series: each moment's picture is the last key frame before it, which is made many times quicker."""
    sheet: Sheet | None = None
    """The series on sheets in place of single pictures; without a size each tile is 160 pixels wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOverlay:
    """A picture over the video. ``x`` and ``y``, pixels or shares of the video's sides, count from the corner that
    ``anchor`` names.

    ``anchor`` is two words, vertical first: top|middle|bottom and left|center|right.
    """

    location: Location
    x: int | Share = 0
    y: int | Share = 0
    anchor: tuple[str, str] = ("top", "left")
    width: int | Share | None = None
    height: int | None = None
    opacity: Fraction | None = None
    key_color: str | None = None
    """Six hexadecimal digits: this colour becomes transparent."""
    start: Fraction | None = None
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOverlay:
    text: str
    x: int | None = None
    y: int | None = None
    centered: bool = False
    font: Location | None = None
    font_size: int | None = None
    color: str | None = None
    rotate: int | None = None
    start: Fraction | None = None
    duration: Fraction | None = None


Overlay = ImageOverlay | TextOverlay


class PackageKind(StrEnum):
    HLS = "hls"
    DASH = "dash"
    CMAF = "cmaf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """Whole segments under AES-128 in CBC mode (RFC 8216, 4.3.2.4).

    Where neither ``key`` nor ``key_file`` is given, a key is drawn. The key lies beside the playlists as a file of
    16 bytes, but for a ``key`` of the client's that has a ``key_url``.
    """

    key: Secret | None = None
    """32 hexadecimal digits."""
    key_file: Location | None = None
    """A file that holds the key: 16 bytes, or their 32 hexadecimal digits."""
    iv: str | None = None
    """The initialization vector of every segment, 32 hexadecimal digits; drawn without a word."""
    key_url: str | None = None
    """Where the playlists say that the key is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One rendition of a streaming package. Tracks that it does not describe are as the Output says."""

    name: str | None = None
    """What players may show."""
    folder: str | None = None
    """A relative path below the package's folder; an empty one is that folder itself. Without a word it is
    ``variant-1``, ``variant-2`` ..., or the package's own where there is no other variant."""
    video: Video | Skip | None = None
    audio: Audio | Skip | None = None
    encryption: Encryption | None = None
    i_frames: bool | None = None
    single_file: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One sound of a package that its variants share, such as a language. What ``audio`` leaves open is as the
    Output says."""

    name: str | None = None
    """What players may show; without a word it is the language's or a number."""
    folder: str | None = None
    """A relative path below the package's folder. Without a word it is ``audio``, or ``audio-1``, ``audio-2`` ..."""
    audio: Audio | None = None
    default: bool = False
    """Players begin with it. Where none is marked they begin with the first."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A set of segments with its playlists. Without variants there is one, of the Output's own tracks.

    ``hls`` has playlists, ``dash`` a manifest over segments of fragmented MP4, and ``cmaf`` both over the same ones.
    Names are single parts of a path. Master and manifest lie in the package's folder, everything else of a variant
    in the variant's. A destination that ends in ``.m3u8`` names the master, one in ``.mpd`` the manifest, any other
    is the package's folder.
    """

    kind: PackageKind
    segment: Fraction | None = None
    """Seconds; each segment ends at the first key frame from there on. 6 without a word."""
    fragmented: bool = False
    """Fragmented MP4 in place of MPEG transport streams; ``dash`` and ``cmaf`` have nothing else."""
    playlist: str | None = None
    """The name of the master playlist, ``master.m3u8`` without a word; empty for none (with one variant only)."""
    media_playlist: str | None = None
    """The name of each variant's playlist, ``index.m3u8`` without a word."""
    segment_name: str | None = None
    """With one ``%d`` or ``%05d``, counted from 0; ``segment_%05d.ts`` (or ``.m4s``) without a word. For a single
    file the counter may be left out; it is ``media.ts`` (or ``.mp4``) without a word."""
    list_size: int | None = None
    """How many segments a media playlist names at most, the last ones; 0 and None name all."""
    manifest: str | None = None
    """The name of the DASH manifest, ``manifest.mpd`` without a word."""
    variants: tuple[Variant, ...] = ()
    audio: tuple[Rendition, ...] = ()
    """Sounds in segments of their own, encoded once for all variants with pictures. Without any, HLS has each
    variant's sound in its own segments; ``dash`` and ``cmaf`` make one for each setting that the variants ask for."""
    encryption: Encryption | None = None
    """For the variants that have no encryption of their own, as the two that follow."""
    i_frames: bool | None = None
    """Also a playlist of each variant's key frames alone, for seeking and fast forward."""
    single_file: bool | None = None
    """All segments of a variant in one file, which the playlist names by byte ranges."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One product of a job: a file, a set of pictures or a streaming package."""

    label: str | None = None
    name: str | None = None
    destinations: tuple[Location, ...] = field(default=(), metadata={"essential": True})
    container: str | None = essential()
    extension: str | None = None
    brand: str | None = None
    clip: Clip | None = essential()
    video: Video | Skip | None = None
    audio: Audio | Skip | None = None
    stills: tuple[Stills, ...] = field(default=(), metadata={"essential": True})
    overlays: tuple[Overlay, ...] = field(default=(), metadata={"essential": True})
    package: Package | None = essential()
    metadata: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    keep_metadata: bool | None = None
    keep_chapters: bool | None = None
    preset: str | None = None
    extras: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: EMPTY, repr=False)
    document: Mapping[str, Any] = field(default_factory=lambda: EMPTY, compare=False, repr=False)
    """The client's own words for this output, for echoing to it; may hold credentials."""


class Event(StrEnum):
    """What a client can be told about."""

    QUEUED = "queued"
    STARTED = "started"
    READY = "ready"
    DELIVERED = "delivered"
    OUTPUT_FAILED = "output_failed"
    WARNING = "warning"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    target: Location
    events: frozenset[Event]
    style: str | None = None
    """Which of the dialect's message shapes this target gets."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    inputs: tuple[Input, ...] = field(default=(), metadata={"essential": True})
    outputs: tuple[Output, ...] = field(default=(), metadata={"essential": True})
    notifications: tuple[Notification, ...] = ()
    hold: bool = False
    """Fetch and probe the source, then wait for the client's go."""
    priority: int | None = None
    """More is sooner; jobs without one count as 0."""
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    extras: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: EMPTY, repr=False)
    document: Mapping[str, Any] = field(default_factory=lambda: EMPTY, compare=False, repr=False)
    """The client's own words for the job without its outputs, for echoing to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named bundle of output settings. ``owner`` is None for those that the server brings."""

    name: str
    output: Output
    owner: str | None = None
    description: str | None = None
