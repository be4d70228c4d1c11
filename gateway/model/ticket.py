"""What became of it: a Ticket, what was measured, and what was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from mediaglot.gateway.model.job import Job, Output, PackageKind
from mediaglot.gateway.model.place import EMPTY, Location


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
    transfer: str | None = None
    """FFmpeg's word for the transfer function (``bt709``, ``smpte2084`` ...); so are the next two."""
    primaries: str | None = None
    matrix: str | None = None


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
    chapters: int | None = None
    """None where nobody has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that we made. ``path`` is relative to the server's outputs folder."""

    path: str
    size: int
    sha256: str | None = None
    md5: str | None = None
    facts: MediaFacts | None = None
    role: str = "media"
    """media, still, sheet, cues (a WebVTT file over sheets), archive, playlist, segment, i_frames or key. A package's
    master playlist comes before all others and has the facts of its best variant; a media playlist has those of its
    own, and its segments and the playlist of its key frames follow it. The keys of encrypted segments come last."""


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

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    def variants(self, output: Output) -> tuple[str, ...]:
        """Where the media playlists of an HLS package are, from the folder of its master."""
        if output.package is None or output.package.kind is not PackageKind.HLS or not self.files:
            return ()
        folder = self.files[0].path.rpartition("/")[0]
        return tuple(file.path.removeprefix(f"{folder}/") for file in self.files[1:] if file.role == "playlist")


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
    """Those of ``loss.Loss``, which knows the model."""
    ids: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """The server's own: ``folder`` of its files, ``turn`` that it is in, ``policy`` and ``hops`` that it was asked for
    with, and the provider that it was ``passed`` on to as it was."""
    attempt: int = 0
    revision: int = 0
    deleted: datetime | None = None
    serial: int = 0
    """The place in the account's order of submission; given by the store."""

    @property
    def products(self) -> tuple[tuple[Output, Made], ...]:
        """Each output that was asked for, with what became of it."""
        return tuple(zip(self.job.outputs, self.outputs, strict=True))
