"""Which tracks need no encoder, because the source already is what the output asks for. Pure.

The rule, a choice of ours (no provider documents one): a track is copied when every word that the output says about
it is true of the measured source, and an encoder would have changed nothing but the picture's quality.

- A silent setting is met by any value, but a silent codec stands for the container's default one.
- A bitrate, a constant quality or a buffer is a wish for an encoder. It is met without one only as the client means it
  itself: "at most the source's" by a source that has no more, the whole share (or more) of the source's by the source.
  A cap is met by a source whose measured average is not over it; its peaks are not looked at.
- Turning, scaling, cropping, cutting, drawing, levels of sound, key frames, colours and fine settings need an encoder.
- So does a package: all of its variants begin their segments at the same pictures.
- A source without time stamps of its own (AVI, MPEG-PS, elementary streams) can't be copied with the right ones. An
  MP4 whose edit list hides pictures (it was cut without encoding) would show them in other containers.
- A frame rate is met by the same average rate, though single pictures may be shown a little longer than others.

What is copied is not decoded: damage inside of a picture, which ends an encoder's run, goes through, unless it is
complained of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mediaglot.gateway.media import audio, video
from mediaglot.gateway.media.audio import AudioTrack
from mediaglot.gateway.media.format import Container
from mediaglot.gateway.media.parts import Memo, ratio
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.media.settings import pairs
from mediaglot.gateway.media.video import VideoTrack
from mediaglot.gateway.model import Audio, Average, Output, Rate, Share, Skip, Video

STAMPED: Final = frozenset({"mov", "matroska", "mpegts", "flv", "ogg"})
"""Demuxers whose packets carry the time of their picture."""
SOUNDED: Final = STAMPED | {"mp3", "aac", "wav", "flac"}
"""The same for sound, where a packet's place is its time."""

SPARE: Final = 2
"""Pictures that rounding may add."""

PROFILES: Final = {
    "constrained baseline": "baseline",
    "high 10": "high10",
    "high 4:2:2": "high422",
    "main 10": "main10",
    "profile 0": "0",
    "profile 2": "2",
}
"""A measured profile as settings name it, where that is another word."""


def kept(
    output: Output,
    container: Container,
    scene: Scene,
    tracks: tuple[VideoTrack | None, AudioTrack | None],
    memo: Memo,
) -> tuple[VideoTrack | None, AudioTrack | None]:
    """``tracks``, each replaced by a copied one where that is the same. The output's span must be the whole source."""
    picture, sound = tracks
    if scene.joined or output.package is not None or not scene.parts[0].span.whole or _cut(scene):
        return tracks
    asked = Video() if output.video is None else output.video
    if picture is not None and not isinstance(asked, Skip) and not output.overlays:
        codec = asked.codec or next(iter(container.video), "")
        if _picture(asked, codec, picture, scene):
            picture = video.copied(asked, scene, container.tags, memo.at("video"))
    wanted = Audio() if output.audio is None else output.audio
    if sound is not None and not isinstance(wanted, Skip):
        codec = wanted.codec or next(iter(container.audio), "")
        heard = replace(scene, audio=scene.parts[0].sounds[sound.track])
        if _sound(wanted, codec, sound, heard):
            sound = replace(audio.copied(wanted, heard, memo.at("audio")), track=sound.track)
    return picture, sound


def _cut(scene: Scene) -> bool:
    """Whether an edit list may hide pictures: there are more of them than its duration has room for."""
    source = scene.video
    if source is None or scene.parts[0].container != "mov":
        return False
    if not (source.frames and source.duration and source.frame_rate):
        return True
    return source.frames > source.duration * source.frame_rate + SPARE


def _picture(asked: Video, codec: str, planned: VideoTrack, scene: Scene) -> bool:
    """``planned`` is how it would be encoded: what a filter would do is seen there."""
    source = scene.video
    if source is None or planned.copied or scene.parts[0].container not in STAMPED:
        return False
    unsaid = (asked.key_frames, asked.level, asked.b_frames, asked.references, asked.field_order, asked.sync)
    return (
        source.codec == codec
        and source.pixel_format is not None
        and source.pixel_format == dict(pairs(planned.options)).get("-pix_fmt")
        and not (source.rotation or source.interlaced or planned.rotation or planned.finish or planned.passes)
        and all(word is None for word in (*unsaid, asked.color))
        and not asked.tune
        and _unfiltered(asked, planned, scene)
        and _profiled(asked.profile, source.profile)
        and _rated(asked.rate, scene.video_bitrate)
    )


def _unfiltered(asked: Video, planned: VideoTrack, scene: Scene) -> bool:
    """No filter but one that would convert to the frame rate that the source has, or would make it steady."""
    if (scene.video is None or scene.video.frame_rate is None) and asked.frame_rate is not None:
        return False
    return planned.filters in ((), (f"fps={ratio(scene.frame_rate)}",))


def _profiled(asked: str | None, measured: str | None) -> bool:
    if asked is None:
        return True
    word = (measured or "").lower()
    return asked.lower() == PROFILES.get(word, word)


def _rated(asked: Rate | None, measured: int | None) -> bool:
    if asked is None:
        return True
    if not isinstance(asked, Average) or asked.least is not None or asked.buffer is not None or measured is None:
        return False
    if asked.most is not None and measured > asked.most:
        return False
    return _as_source(asked.bitrate, measured, at_most=asked.at_most_source)


def _as_source(asked: int | Share | None, measured: int, *, at_most: bool) -> bool:
    """Whether this wish comes to the source's own bitrate."""
    if asked is None:
        return True
    if isinstance(asked, Share):
        return asked.of_source == 1 or (at_most and asked.of_source > 1)
    return at_most and measured <= asked


def _sound(asked: Audio, codec: str, planned: AudioTrack, scene: Scene) -> bool:
    source = scene.audio
    filling = asked.resync is None and planned.filters == audio.in_step(audio.FILLED)
    if source is None or planned.copied or not (filling or not planned.filters):
        return False
    if scene.parts[0].container not in SOUNDED:
        return False
    words = dict(pairs(planned.options))
    return (
        source.codec == codec
        and words.get("-ar", str(source.sample_rate)) == str(source.sample_rate)
        and words.get("-ac", str(source.channels)) == str(source.channels)
        and _voiced(asked.profile, codec, source.profile)
        and (
            asked.bitrate is None
            or (source.bitrate is not None and _as_source(asked.bitrate, source.bitrate, at_most=asked.at_most_source))
        )
    )


def _voiced(asked: str | None, codec: str, measured: str | None) -> bool:
    """AAC without a word is plain AAC: the efficient profiles do not play everywhere."""
    word = (measured or "").lower()
    if codec == "aac" and (asked is None or asked.lower() in ("lc", "aac_low")):
        return word in ("", "lc")
    return asked is None or asked.lower() == word
