"""The neutral model: what was asked (Job) and what became of it (Ticket).

Integers are in base units (bits per second, hertz, pixels, bytes), rates and positions are Fractions
(frames per second, seconds), times are aware and in UTC. ``None`` means that the client was silent;
defaults are filled in by a pass or by the planner, never by a reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

VERSION: Final = 1
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class Secret:
    """A credential. It compares and hashes like its text but never prints it; ``reveal`` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def essential() -> Any:
    """A field whose loss changes the picture: a translation that drops it is refused by default."""
    return field(default=None, metadata={"essential": True})


def is_essential(cls: type, name: str) -> bool:
    return any(f.name == name and f.metadata.get("essential", False) for f in fields(cls))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a location lets us in: the names that come with it, and its secret."""

    user: str | None = None
    password: Secret | None = None
    region: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A source or a destination: a URL without its credentials, and the credentials beside it.

    ``spelling`` is the client's own text, credentials included, for echoing to that client only.
    """

    url: str
    access: Access | None = None
    spelling: Secret | None = field(default=None, compare=False)

    @property
    def verbatim(self) -> str:
        return self.spelling.reveal() if self.spelling is not None else self.url


# --- what was asked -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A part of the timeline, in seconds. ``end`` and ``duration`` are alternatives."""

    start: Fraction | None = None
    end: Fraction | None = None
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    location: Location = field(metadata={"essential": True})
    clip: Clip | None = essential()
    container: str | None = None
    frame_rate: Fraction | None = None
    pixel_aspect: Fraction | None = None
    interlaced: bool | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what the source has: ``Share(Fraction(1, 2))`` is half its width, bitrate or duration."""

    of_source: Fraction


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave this kind of track out of the output."""


SKIP: Final = Skip()
COPY: Final = "copy"


class Fit(StrEnum):
    """What to do when a size has another shape than the picture."""

    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Pixels, or shares of the source. A missing side follows from the aspect ratio."""

    width: int | Share | None = None
    height: int | Share | None = None
    fit: Fit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    bitrate: int
    padded: bool = False
    """Fill up to the bitrate (HRD conformance), not only cap it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    bitrate: int | Share | None = None
    least: int | None = None
    most: int | None = None
    buffer: int | None = None
    at_most_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Constant quality on the encoder's own scale (CRF): less is better."""

    level: Fraction
    most: int | None = None
    buffer: int | None = None


Rate = Constant | Average | Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRate:
    value: Fraction
    at_most: bool = False
    """Only reduce a faster source; leave a slower one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFrames:
    """Distance between key frames in frames or seconds, and positions (seconds) that must have one."""

    frames: int | None = None
    seconds: Fraction | None = None
    at: tuple[Fraction, ...] = ()
    every: Fraction | None = None
    closed: bool | None = None
    scene_cuts: bool | None = None
    """False keeps the encoder from setting further ones where the picture changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


class Deinterlace(StrEnum):
    OFF = "off"
    ON = "on"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoise:
    """Strengths on the hqdn3d scale."""

    luma_spatial: Fraction
    chroma_spatial: Fraction
    luma_temporal: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Fade:
    """Seconds on the output's own timeline."""

    start: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Color:
    range: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """``codec`` is a coding format (h264, hevc, vp9 ...) or ``copy``; never an encoder's name."""

    codec: str | None = essential()
    size: Size | None = essential()
    rate: Rate | None = None
    frame_rate: FrameRate | None = None
    key_frames: KeyFrames | None = None
    profile: str | None = None
    level: str | None = None
    b_frames: int | None = None
    references: int | None = None
    passes: int | None = None
    pixel_format: str | None = None
    display_aspect: Fraction | None = None
    pixel_aspect: Fraction | None = None
    crop: Edges | None = essential()
    pad: Edges | None = None
    rotate: int | None = essential()
    """Degrees clockwise; None follows the source's display matrix, 0 ignores it."""
    tag_rotation: int | None = None
    deinterlace: Deinterlace | None = None
    field_order: str | None = None
    denoise: Denoise | None = None
    fade_in: Fade | None = None
    fade_out: Fade | None = None
    sync: str | None = None
    scaler: str | None = None
    color: Color | None = None
    speed: str | None = None
    """An effort word of the encoder, from ultrafast to veryslow."""
    tune: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Fine settings of the encoder by FFmpeg's option names, each on the planner's allow-list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """EBU R128 targets: LUFS, LU and dBTP."""

    integrated: Fraction
    range: Fraction | None = None
    peak: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    codec: str | None = essential()
    bitrate: int | Share | None = None
    at_most_source: bool = False
    sample_rate: int | None = None
    channels: int | None = None
    profile: str | None = None
    language: str | None = None
    volume: Fraction | None = None
    """A factor: 1 leaves the level alone."""
    loudness: Loudness | None = None
    fade_in: Fade | None = None
    fade_out: Fade | None = None
    resync: int | None = None


class StillFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOverlay:
    """A picture over the video. ``x`` and ``y`` count from the corner that ``anchor`` names.

    ``anchor`` is two words, vertical first: top|middle|bottom and left|center|right.
    """

    location: Location
    x: int = 0
    y: int = 0
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
class Variant:
    """One rendition of a streaming package. Tracks that it does not describe are as the Output says."""

    name: str | None = None
    """What players may show."""
    folder: str | None = None
    """A relative path below the package's folder; an empty one is that folder itself. Without a word it is
    ``variant-1``, ``variant-2`` ..., or the package's own where there is no other variant."""
    video: Video | Skip | None = None
    audio: Audio | Skip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A set of segments with its playlists. Without variants there is one, of the Output's own tracks.

    Names are single parts of a path. The master lies in the package's folder, everything else of a variant
    in the variant's. A destination that ends in ``.m3u8`` names the master, any other is the package's folder.
    """

    kind: PackageKind
    segment: Fraction | None = None
    """Seconds; each segment ends at the first key frame from there on. 6 without a word."""
    fragmented: bool = False
    """Fragmented MP4 in place of MPEG transport streams."""
    playlist: str | None = None
    """The name of the master playlist, ``master.m3u8`` without a word; empty for none (with one variant only)."""
    media_playlist: str | None = None
    """The name of each variant's playlist, ``index.m3u8`` without a word."""
    segment_name: str | None = None
    """With one ``%d`` or ``%05d``, counted from 0; ``segment_%05d.ts`` (or ``.m4s``) without a word."""
    list_size: int | None = None
    """How many segments a media playlist names at most, the last ones; 0 and None name all."""
    variants: tuple[Variant, ...] = ()


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
    stills: tuple[Stills, ...] = ()
    overlays: tuple[Overlay, ...] = ()
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


# --- what became of it --------------------------------------------------------------------------


class Status(StrEnum):
    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    FETCHING = "fetching"
    PROBING = "probing"
    WAITING = "waiting"
    ENCODING = "encoding"
    PACKAGING = "packaging"
    STORING = "storing"


TERMINAL: Final = frozenset({Status.FINISHED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    codec: str
    width: int
    height: int
    profile: str | None = None
    frame_rate: Fraction | None = None
    bitrate: int | None = None
    duration: Fraction | None = None
    pixel_format: str | None = None
    pixel_aspect: Fraction | None = None
    display_aspect: Fraction | None = None
    rotation: int = 0
    """Degrees clockwise that a player turns the picture by."""
    frames: int | None = None
    interlaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    codec: str
    sample_rate: int | None = None
    channels: int | None = None
    profile: str | None = None
    bitrate: int | None = None
    duration: Fraction | None = None
    language: str | None = None
    bits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What probing measured on a real file."""

    container: str
    """FFmpeg's name of the format, the first where it lists several (mov, matroska, mpegts ...)."""
    size: int
    """Bytes."""
    duration: Fraction | None = None
    bitrate: int | None = None
    start: Fraction | None = None
    video: tuple[VideoFacts, ...] = ()
    audio: tuple[AudioFacts, ...] = ()
    subtitles: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that we made. ``path`` is relative to the server's outputs folder."""

    path: str
    size: int
    sha256: str | None = None
    facts: MediaFacts | None = None
    role: str = "media"
    """media, still, archive, playlist or segment. A package's master playlist comes before all others and has the
    facts of its best variant; a media playlist has those of its own, and its segments follow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why something failed: a stable code of ``faults`` with its data, never a log excerpt."""

    code: str
    data: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One destination of one output: open, saved, or failed with a trouble."""

    location: Location
    saved: bool = False
    trouble: Trouble | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line of a ticket's history."""

    at: datetime
    status: Status
    phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One output of a ticket, parallel to ``job.outputs``."""

    id: str
    status: Status = Status.QUEUED
    phase: Phase | None = None
    progress: Fraction = Fraction(0)
    """0 to 1, of this output's encoding."""
    created: datetime | None = None
    queued: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    deliveries: tuple[Delivery, ...] = ()
    files: tuple[File, ...] = ()
    trouble: Trouble | None = None
    history: tuple[Step, ...] = ()
    ids: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Further ids that the dialect hands out at submission (files, thumbnails), by role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One input of a ticket, parallel to ``job.inputs``."""

    id: str
    size: int | None = None
    facts: MediaFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What became of a job. Each change makes a new Ticket with the next ``revision``."""

    id: str
    account: str
    dialect: str
    job: Job
    created: datetime
    status: Status = Status.QUEUED
    phase: Phase | None = None
    previous: tuple[Status, Phase | None] | None = None
    progress: Fraction = Fraction(0)
    """0 to 1, of the whole job."""
    phase_progress: Fraction = Fraction(0)
    left: int | None = None
    """Estimated seconds to the end of the job, None while nothing is known."""
    phase_left: int | None = None
    updated: datetime | None = None
    started: datetime | None = None
    fetched: datetime | None = None
    stored: datetime | None = None
    finished: datetime | None = None
    sources: tuple[Source, ...] = ()
    outputs: tuple[Made, ...] = ()
    trouble: Trouble | None = None
    history: tuple[Step, ...] = ()
    losses: tuple[Any, ...] = ()
    ids: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    attempt: int = 0
    revision: int = 0
    deleted: datetime | None = None
    serial: int = 0
    """The place in the account's order of submission; given by the store."""
