"""The audio track of an output: its filters and its encoder's options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media.encoder import AUDIO_PROFILES, VOICES, Voice
from mediaglot.gateway.media.language import long
from mediaglot.gateway.media.parts import Memo, number
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.media.settings import Settings
from mediaglot.gateway.media.video import fade
from mediaglot.gateway.model import Audio, Loudness, Share

FILLED: Final = 1
"""How to bring sound in step by silence alone."""
LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}")
MOST_VOLUME: Final = 100
LIMITS: Final = {"I": (-70, -5), "LRA": (1, 50), "TP": (-9, 0)}
"""What the loudness filter takes, in LUFS, LU and dBTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack:
    options: tuple[str, ...]
    filters: tuple[str, ...] = ()
    encoder: str | None = None
    track: int = 0
    """Which of the source's sounds, from 0."""

    @property
    def copied(self) -> bool:
        return self.encoder is None


def copied(audio: Audio, scene: Scene, memo: Memo) -> AudioTrack:
    return AudioTrack(options=("-c:a", "copy", *_language(audio, scene, memo)))


def encoded(audio: Audio, scene: Scene, encoder: str, rates: Sequence[int], most: int | None, memo: Memo) -> AudioTrack:
    """The container allows these ``rates`` alone, empty for any, and so many channels at ``most``. Raises Invalid."""
    voice = VOICES.get(encoder, Voice())
    if most is not None:
        voice = replace(voice, channels=min(voice.channels, most))
    settings = Settings()
    settings.set("-c:a", encoder)
    settings.update(voice.options)
    if audio.profile is not None:
        _profile(settings, audio.profile, encoder, memo)
    sample_rate = _sample_rate(audio, scene, tuple(rates) or voice.sample_rates, memo)
    channels = _channels(audio, scene, voice, memo)
    bitrate = _bitrate(audio, scene, voice, sample_rate, channels, memo)
    if bitrate is not None:
        settings.set("-b:a", bitrate)
    if sample_rate is not None:
        settings.set("-ar", sample_rate)
    arranged = _arranged(channels, scene, voice)
    if channels is not None and not arranged:
        settings.set("-ac", channels)
    return AudioTrack(
        options=(*settings.options(), *_language(audio, scene, memo)),
        filters=(*_filters(audio, memo), *arranged),
        encoder=encoder,
    )


def _profile(settings: Settings, word: str, encoder: str, memo: Memo) -> None:
    known = AUDIO_PROFILES.get(encoder, {}).get(word.lower())
    if known is None:
        memo.note("profile")
    else:
        settings.set("-profile:a", known)


def _bitrate(
    audio: Audio, scene: Scene, voice: Voice, sample_rate: int | None, channels: int | None, memo: Memo
) -> int | None:
    """Bits per second, brought to what the encoder has."""
    if voice.lossless:
        if audio.bitrate is not None:
            memo.note("bitrate")
        return None
    source = scene.audio.bitrate if scene.audio else None
    if scene.audio is not None:
        sample_rate, channels = sample_rate or scene.audio.sample_rate, channels or scene.audio.channels
    asked = audio.bitrate
    if isinstance(asked, Share):
        asked = None if source is None else int(asked.of_source * source)
        if asked is None:
            memo.note("bitrate")
    if asked is None:
        return None if voice.default is None else voice.nearest(voice.default, sample_rate, channels or 2)
    if not 1 <= asked <= 10_000_000:
        raise memo.invalid("bitrate", asked, "not a bitrate")
    wanted = min(asked, source) if audio.at_most_source and source else asked
    nearest = voice.nearest(wanted, sample_rate, channels or 2)
    if nearest != wanted:
        memo.note("bitrate", *((asked, nearest) if audio.bitrate == asked else ()))
    return nearest


def _sample_rate(audio: Audio, scene: Scene, allowed: Sequence[int], memo: Memo) -> int | None:
    """Hertz, or None to leave it to the encoder."""
    if audio.sample_rate is not None and not 1_000 <= audio.sample_rate <= 384_000:
        raise memo.invalid("sample_rate", audio.sample_rate, "not a sample rate")
    source = scene.audio.sample_rate if scene.audio else None
    wanted = audio.sample_rate or source
    most = audio.most_sample_rate
    if most is not None and wanted is not None and wanted > most:
        return max((rate for rate in allowed if rate <= most), default=most)
    if wanted is None:
        return allowed[0] if allowed else (48_000 if audio.loudness else None)
    if not allowed or wanted in allowed:
        # the loudness filter works at 192 kHz and would leave the sound there
        return wanted if audio.sample_rate is not None or audio.loudness is not None else None
    nearest = min((rate for rate in allowed if rate >= wanted), default=max(allowed))
    if audio.sample_rate is not None:
        memo.note("sample_rate", wanted, nearest)
    return nearest


def _channels(audio: Audio, scene: Scene, voice: Voice, memo: Memo) -> int | None:
    if audio.channels is not None and not 1 <= audio.channels <= 64:
        raise memo.invalid("channels", audio.channels, "not a number of channels")
    source = scene.audio.channels if scene.audio else None
    if audio.channels is not None and audio.channels > voice.channels:
        memo.note("channels", audio.channels, voice.channels)
        return voice.channels
    most = audio.most_channels
    if most is not None and (audio.channels or source or most + 1) > most:
        return max(1, min(most, voice.channels))
    if audio.channels is not None:
        return audio.channels
    return min(2, voice.channels) if source is None or source > voice.channels else None


def _arranged(channels: int | None, scene: Scene, voice: Voice) -> tuple[str, ...]:
    """The filter that brings more than two channels into an arrangement that the encoder takes, where it is choosy."""
    count = channels or (scene.audio.channels if scene.audio else None) or 0
    if count <= 2 or not voice.layouts:
        return ()
    possible = voice.layouts if channels is None else voice.layouts[channels - 1 : channels]
    return (f"aformat=channel_layouts={'|'.join(possible)}",)


def _filters(audio: Audio, memo: Memo) -> list[str]:
    filters = [*in_step(audio.resync)]
    if audio.volume is not None and audio.volume != 1:
        if not 0 <= audio.volume <= MOST_VOLUME:
            raise memo.invalid("volume", audio.volume, f"not from 0 to {MOST_VOLUME}")
        filters.append(f"volume={number(audio.volume)}")
    if audio.loudness is not None:
        filters.append(_loudness(audio.loudness, memo))
    return filters + fade("afade", "in", audio.fade_in, memo) + fade("afade", "out", audio.fade_out, memo)


def in_step(resync: int | None) -> tuple[str, ...]:
    """The filter that keeps sound at its time stamps: 1 fills gaps, greater numbers stretch it as well."""
    return (f"aresample=async={min(resync, 192_000)}",) if resync is not None and resync > 0 else ()


def _loudness(asked: Loudness, memo: Memo) -> str:
    words: list[str] = []
    values: tuple[tuple[str, Fraction | None], ...] = (
        ("I", asked.integrated),
        ("LRA", asked.range),
        ("TP", asked.peak),
    )
    for name, value in values:
        if value is None:
            continue
        least, most = LIMITS[name]
        if not least <= value <= most:
            raise memo.invalid("loudness", value, f"not from {least} to {most}")
        words.append(f"{name}={number(value)}")
    return "loudnorm=" + ":".join(words)


def _language(audio: Audio, scene: Scene, memo: Memo) -> tuple[str, ...]:
    word = audio.language or (scene.audio.language if scene.audio else None)
    if word is None:
        return ()
    if not LANGUAGE.fullmatch(word):
        if audio.language is not None:
            memo.note("language")
        return ()
    return ("-metadata:s:a:0", f"language={long(word)}")
