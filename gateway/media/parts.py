"""What a plan is made of. Every path is a name of ours, relative to the job's own work folder, FFmpeg's directory."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from mediaglot.gateway.faults import Fault, Invalid
from mediaglot.gateway.model import Audio, Location, Secret, Skip, TextOverlay, Video

NULL: Final = "-"
"""The path of a target whose bytes nobody wants."""

UNPARSED: Final = ("-fflags", "+noparse")
"""To read a file whose key frames are those that it says. FFmpeg's parser takes every picture of H.264 that needs no
other one for a key frame, also where later ones need what came before, so that a player can't begin there."""
SEVERAL: Final = frozenset({"mp1", "mp2", "mp3"})
"""Sounds of which a file may pack several frames into one: only a parser tells them apart."""


def telling(container: str, codecs: Set[str]) -> tuple[str, ...]:
    """How to read a file of which segments are copied. What is copied as a whole is read with the parser, which finds
    damage in it."""
    return UNPARSED if container == "mov" and "h264" in codecs and not codecs & SEVERAL else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One ``-i``. A ``picture`` is opened with the picture formats only."""

    path: str
    options: tuple[str, ...] = ()
    picture: bool = False
    joint: bool = False
    """A list of chunks of ours, in one folder with them; nothing else may be read so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One output file of a run (or numbered pictures, with ``%05d`` in the path)."""

    maps: tuple[str, ...]
    options: tuple[str, ...]
    muxer: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One FFmpeg process."""

    feeds: tuple[Feed, ...]
    graph: str
    targets: tuple[Target, ...]
    duration: Fraction | None
    """Seconds of output that are expected, for the progress."""
    weight: Fraction
    """The share of the whole job's encoding, 0 to 1; the runs of a plan add up to 1."""
    strict: bool = True
    """Ends with the first damage that is met in a source."""
    counted: bool = False
    """Tells each damage, and of each track how much was read, however little that is (``media/damage.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What encrypts segments. Without ``key`` and ``source`` a key is drawn when the package is put together."""

    key: Secret | None = None
    """32 hexadecimal digits."""
    source: str | None = None
    """The fetched file with the key."""
    iv: str | None = None
    """32 hexadecimal digits."""
    url: str | None = None
    """What the playlists call the key's place; None for ``file``."""
    file: str | None = None
    """The key file, counted from the package's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One set of segments: where FFmpeg leaves its list and, beside it, its segments, and where they belong."""

    path: str
    folder: str = ""
    """Below the package's own folder; a client's word, checked."""
    name: str | None = None
    video: Video | Skip | None = None
    audio: Audio | Skip | None = None
    """What its tracks are asked to be."""
    group: str | None = None
    """The group of sounds that goes with a variant, or that a sound belongs to."""
    language: str | None = None
    default: bool = False
    lock: Lock | None = None
    i_frames: bool = False
    """It has a playlist of its key frames alone."""
    single: str | None = None
    """The name of the one file for all of its segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A package's names, all checked, and its variants in their order."""

    master: str | None
    manifest: str | None = None
    media_playlist: str | None
    """None without playlists."""
    segment_name: str
    init: str | None = None
    """The file that begins each variant of fragmented MP4."""
    list_size: int = 0
    segment: Fraction
    places: tuple[Place, ...]
    sounds: tuple[Place, ...] = ()
    """The sounds that variants share; one may be a variant too."""

    @property
    def distinct(self) -> tuple[Place, ...]:
        """The variants and then the other sounds, each once."""
        paths = {place.path for place in self.places}
        return (*self.places, *(sound for sound in self.sounds if sound.path not in paths))

    @property
    def keys(self) -> tuple[str, ...]:
        """The key files, counted from the package's folder."""
        files = (place.lock.file for place in self.distinct if place.lock is not None)
        return tuple(dict.fromkeys(file for file in files if file is not None))

    @property
    def i_frames(self) -> str:
        """The name of the playlists of key frames, beside the others."""
        return f"{(self.media_playlist or '').removesuffix('.m3u8')}-iframes.m3u8"

    def within(self, place: Place, name: str) -> str:
        """A file of a variant, counted from the package's folder."""
        return f"{place.folder}/{name}" if place.folder else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How the tiles of a series lie on sheets, for the WebVTT file over them."""

    columns: int
    rows: int
    every: Fraction
    """Seconds between two tiles."""
    tally: str
    """The path of a list with one line per tile that was made, and with comments."""
    name: str | None = None
    """The pattern of the WebVTT file's name, where the job has a word on it."""
    url: str | None = None
    duration: Fraction | None = None
    """Seconds until which the last tile shows."""


def broken_off(made: Fraction, expected: Fraction) -> bool:
    """Whether so much is missing that it must have been left out."""
    return made < expected * Fraction(9, 10) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A file to look for after the last run, or with a ``layout`` a package in the folder ``path``.

    With ``many``, ``path`` has one ``*`` and stands for at least one file, in the order of their names.
    """

    path: str
    role: str = "media"
    """media, still or sheet."""
    many: bool = False
    still: int | None = None
    """Which of the output's ``stills`` this is."""
    name: str | None = None
    """The pattern of the names that the job wants (``naming.pictured``)."""
    archive: str | None = None
    """The name of a zip file for all of them, empty where the job leaves that open."""
    layout: Layout | None = None
    grid: Grid | None = None
    """For sheets: what is on them."""
    duration: Fraction | None = None
    """Seconds that a media file should last; a much shorter one comes from a broken source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A file that output ``output`` needs in the work folder before anything runs."""

    output: int
    location: Location
    path: str
    width: int | None = None
    """Pixels that a drawing without pixels of its own is made wide; None for the size that it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A text overlay to draw (``media/draw.py``) to ``path``, a picture of ``width`` times ``height`` pixels."""

    output: int
    overlay: TextOverlay
    path: str
    width: int
    height: int
    font: str | None = None
    """The fetched font's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One chunk, of all outputs that are encoded."""

    run: Run
    frames: int | None
    """How many pictures its first target must get, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """The same outputs by several processes at a time: ``beside`` and the pieces, then ``joint``.

    ``lists`` are files for ``joint`` to read, path to text.
    """

    pieces: tuple[Piece, ...]
    beside: Run | None
    """Sound, stills and copies."""
    joint: Run
    lists: Mapping[str, str]
    workers: int
    """Pieces at a time."""
    threads: int
    """For each process of a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What decides about an encoder's memory."""

    encoder: str
    pixels: int
    effort: str = ""
    pixel_format: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A setting that is not applied exactly, by its path in the job (``outputs.0.video.tune.partitions``).

    ``wanted`` and ``got`` are there where both are a value.
    """

    path: str
    wanted: object = None
    got: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a job is made. ``products`` and ``faults`` are by output index; each output is in one of them."""

    runs: tuple[Run, ...]
    products: Mapping[int, tuple[Product, ...]]
    faults: Mapping[int, Fault]
    drawings: tuple[Drawing, ...] = ()
    loads: tuple[Load, ...] = ()
    notes: tuple[Note, ...] = ()
    scan: Run | None = None
    """Lists the source's pictures; with that list a new plan may have ``chunks``."""
    chunks: Chunks | None = None
    """Another way to do what ``runs`` do."""
    processes: int = 1
    """How many FFmpegs there will be at a time, at most."""
    threads: int | None = None
    """For each of them, where the plan says."""


@dataclass(frozen=True, slots=True)
class Memo:
    """Where in the job the planner is: notes what it does not apply, names what it refuses."""

    path: str
    notes: list[Note] = field(default_factory=list)

    def at(self, part: str | int) -> Memo:
        return Memo(f"{self.path}.{part}", self.notes)

    def note(self, part: str, wanted: object = None, got: object = None) -> None:
        self.notes.append(Note(f"{self.path}.{part}", wanted, got))

    def invalid(self, part: str, value: object, reason: str) -> Invalid:
        return Invalid(field=f"{self.path}.{part}", value=value, reason=reason)


def number(value: Fraction | int) -> str:
    """A decimal with at most six digits after the point: ``1/3`` is ``0.333333``, ``5/2`` is ``2.5``."""
    text = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def ratio(value: Fraction) -> str:
    """``30`` or ``30000/1001``."""
    return str(value)
