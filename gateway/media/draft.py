"""One output, decided but not yet wired: its container, tracks, overlays and stills. All refusals happen here."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from fractions import Fraction

from mediaglot.gateway.faults import CodecMismatch, NoSuchTrack, UnknownContainer, UnknownEncoder, Unsupported
from mediaglot.gateway.media import audio, naming, overlay, same, video
from mediaglot.gateway.media.audio import AudioTrack
from mediaglot.gateway.media.format import CONTAINERS, DEFAULT_CONTAINER, ENCODERS, VARIABLE, Container, Nature
from mediaglot.gateway.media.language import listen
from mediaglot.gateway.media.overlay import Cover
from mediaglot.gateway.media.parts import Drawing, Memo, Note, Product, broken_off
from mediaglot.gateway.media.scene import Scene, Span, span
from mediaglot.gateway.media.still import StillSet, still_sets
from mediaglot.gateway.media.video import VideoTrack
from mediaglot.gateway.model import COPY, SKIP, Audio, Output, Skip, Video, attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What this FFmpeg has."""

    encoders: frozenset[str]
    muxers: frozenset[str]
    copy: bool = False
    """Tracks that the source already has as they are asked for (``media/same.py``) are copied."""
    sounds: bool = True
    """Sound beside pictures that are encoded, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An output, or one variant of a package; ``tag`` tells all drafts of a job apart."""

    index: int
    tag: str
    output: Output
    span: Span
    duration: Fraction | None
    container: Container | None = None
    """None for an output of stills only."""
    path: str = ""
    product: Product | None = None
    video: VideoTrack | None = None
    audio: AudioTrack | None = None
    covers: tuple[Cover, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    stills: tuple[StillSet, ...] = ()
    memo: Memo = field(repr=False)

    @property
    def copies(self) -> bool:
        return any(track is not None and track.copied for track in (self.video, self.audio))

    @property
    def apart(self) -> bool:
        """It needs a feed of its own: copied packets can't be cut by a filter, a new rotation mark replaces the old."""
        return self.copies or (self.video is not None and self.video.rotation != 0)

    @property
    def shares(self) -> bool:
        """It takes frames from the feed that the outputs have in common."""
        series = any(still.source is None for still in self.stills)
        return series or (self.container is not None and not self.apart)

    @property
    def paced(self) -> bool:
        """Pictures are made for moments, whether the source has any there or not."""
        own = (*self.video.filters, *self.video.finish) if self.video is not None else ()
        stills = (text for still in self.stills for text in still.filters)
        return any(text.startswith("fps=") for text in (*own, *stills))

    @property
    def products(self) -> tuple[Product, ...]:
        media = () if self.product is None else (self.product,)
        return (*media, *(still.product for still in self.stills if still.product is not None))


def only_stills(output: Output) -> bool:
    """Stills are asked for, and no word about a media file."""
    silent = output.container is None and output.video in (None, SKIP) and output.audio in (None, SKIP)
    return bool(output.stills) and silent


def draft(output: Output, index: int, scene: Scene, tools: Tools, notes: list[Note]) -> Draft:
    """Raises the Fault that says why this output can't be made."""
    memo = Memo(f"outputs.{index}", notes)
    used = span(output.clip, scene.duration, memo)
    duration = used.of(scene.duration)
    stills = still_sets(output, index, scene, used, tools.encoders, tools.muxers, memo)
    plain = Draft(index=index, tag=str(index), output=output, span=used, duration=duration, stills=stills, memo=memo)
    if only_stills(output):
        return plain
    name = output.container or DEFAULT_CONTAINER
    container = CONTAINERS.get(name)
    if container is None:
        raise UnknownContainer(container=name)
    path = f"out-{index}/media.{container.extension}"
    product = Product(path=path, duration=duration, name=_name(output, container, memo))
    return tracks(replace(plain, path=path, product=product), name, container, scene, tools)


def _name(output: Output, container: Container, memo: Memo) -> str | None:
    if output.name is None:
        return None
    return naming.picture(output.name, output.extension or container.extension, memo, "name", many=False)


def tracks(plain: Draft, name: str, container: Container, scene: Scene, tools: Tools) -> Draft:
    """``plain`` with the tracks and overlays of its output; ``name`` is the container's."""
    output, index, memo = plain.output, plain.index, plain.memo
    if container.muxer not in tools.muxers:
        raise UnknownContainer(container=name)
    pictures = _video(output, index, name, container, scene, tools, plain.duration, memo)
    sound = _audio(output, name, container, scene, tools, memo, alone=pictures is None)
    if pictures is None and sound is None:
        raise NoSuchTrack(kind="audio" if container.nature is Nature.AUDIO else "video")
    if pictures is not None and pictures.copied and not plain.span.whole:
        memo.note("clip")  # it begins at the key frame before
    if tools.copy and plain.span.whole:
        pictures, copied = same.kept(output, container, scene, (pictures, sound), memo)
        sound = copied if tools.sounds or pictures is None or pictures.copied else sound
    covers: tuple[Cover, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    if output.overlays and pictures is not None and not pictures.copied:
        covers = overlay.covers(output, index, plain.tag, pictures.picture, memo)
        drawings = tuple(overlay.drawings(output, index, plain.tag, pictures.picture))
    elif output.overlays and (pictures is not None or output.package is None):
        memo.note("overlays")
    made = replace(plain, container=container, video=pictures, audio=sound, covers=covers, drawings=drawings)
    return made if made.product is None else replace(made, product=replace(made.product, duration=lasting(made, scene)))


def lasting(one: Draft, scene: Scene) -> Fraction | None:
    """How long what is made of these tracks should last: a film's sound may end long before its pictures do.

    A file that claims to be longer than any of its tracks is taken at its word: it broke off, or it lies.
    """
    if one.duration is None or scene.joined:
        return one.duration
    part = scene.parts[0]
    start = one.span.within(part.span).start
    pictures, sounds = part.video.duration if part.video else None, [sound.duration for sound in part.sounds]
    used = [pictures] * (one.video is not None) + ([] if one.audio is None else [sounds[one.audio.track]])
    ends, every = ([end - start for end in some if end is not None] for some in (used, (pictures, *sounds)))
    if not ends or len(ends) < len(used) or broken_off(max(every), one.duration):
        return one.duration
    return min(one.duration, max(*ends, Fraction(0)))


def _video(
    output: Output,
    index: int,
    name: str,
    container: Container,
    scene: Scene,
    tools: Tools,
    duration: Fraction | None,
    memo: Memo,
) -> VideoTrack | None:
    asked = output.video
    if isinstance(asked, Skip):
        return None
    if container.nature is Nature.AUDIO:
        if asked is not None and asked.codec is not None:
            raise CodecMismatch(container=name, codec=asked.codec)
        return None
    if scene.video is None:
        if asked is None and container.nature is Nature.EITHER:
            return None
        raise NoSuchTrack(kind="video")
    wanted, memo = asked or Video(), memo.at("video")
    if wanted.codec == COPY:
        _copyable(scene.video.codec, name, (*container.video, *container.copies), scene)
        _unmet(wanted, {"codec", "tag_rotation"}, memo)
        return video.copied(wanted, scene, container.tags, memo)
    codec = wanted.codec or container.video[0]
    encoder = _encoder(codec, name, container.video, tools)
    if not container.reorders and codec == "h264" and wanted.b_frames is None:
        wanted = replace(wanted, b_frames=0)
    return video.encoded(
        wanted,
        scene,
        codec,
        encoder,
        index=index,
        tags=container.tags,
        duration=duration,
        memo=memo,
        steady=container.muxer not in VARIABLE,
    )


def _audio(
    output: Output, name: str, container: Container, scene: Scene, tools: Tools, memo: Memo, *, alone: bool
) -> AudioTrack | None:
    asked = output.audio
    if isinstance(asked, Skip):
        return None
    if not container.audio:
        if asked is not None:
            memo.note("audio")
        return None
    wanted, memo = asked or Audio(), memo.at("audio")
    codec = wanted.codec or container.audio[0]
    encoder = "" if codec == COPY else _encoder(codec, name, container.audio, tools)
    if scene.audio is None:
        if alone:
            raise NoSuchTrack(kind="audio")
        return None
    if not container.stamped and wanted.resync is None:
        wanted = replace(wanted, resync=audio.FILLED)
    scene, track = listen(scene, wanted, memo)
    if codec == COPY:
        _copyable(scene.audio.codec if scene.audio else "", name, (*container.audio, *container.copies), scene)
        _unmet(asked, {"codec", "at_most_source", "language", "track", "source_language"}, memo)
        return replace(audio.copied(wanted, scene, memo), track=track)
    rates, most = container.sample_rates.get(codec, ()), container.channels.get(codec)
    made = audio.encoded(wanted, scene, encoder, rates, most, memo)
    return replace(made, track=track)


def _encoder(codec: str, name: str, allowed: tuple[str, ...], tools: Tools) -> str:
    if codec not in ENCODERS:
        raise UnknownEncoder(codec=codec)
    if codec not in allowed:
        raise CodecMismatch(container=name, codec=codec)
    encoder = next((one for one in ENCODERS[codec] if one in tools.encoders), None)
    if encoder is None:
        raise UnknownEncoder(codec=codec)
    return encoder


def _unmet(asked: Video | Audio | None, met: Set[str], memo: Memo) -> None:
    """What is said of a track that is copied has no effect, but for what is ``met``."""
    for each in attributes(type(asked)) if asked is not None else ():
        if each.name not in met and getattr(asked, each.name) != each.silence:
            memo.note(each.name)


def _copyable(codec: str, name: str, allowed: tuple[str, ...], scene: Scene) -> None:
    if scene.joined:
        raise Unsupported(feature="copy", value=f"{len(scene.parts)} sources")
    if codec not in allowed:
        raise CodecMismatch(container=name, codec=codec)
