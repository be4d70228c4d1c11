"""The video track of an output: its filters, from the source's picture to the encoder, and its encoder's options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media import coding, field, rate, tone
from mediaglot.gateway.media.encoder import FRAME_RATES, SIZES, SMALLEST
from mediaglot.gateway.media.parts import Memo, number, ratio
from mediaglot.gateway.media.scene import UNSTEADY, Scene, upright
from mediaglot.gateway.media.settings import Settings
from mediaglot.gateway.media.size import Picture, cropped, frame, in_pixels, padded
from mediaglot.gateway.model import Deinterlace, Fade, Fit, Size, Video

MOST_FRAME_RATE: Final = 240
GIF_FRAME_RATE: Final = Fraction(15)
MOST_GIF_FRAME_RATE: Final = Fraction(50)
"""A picture is shown for so many hundredths of a second; those of one hundredth are shown for ten by browsers."""
TURNS: Final = {0: (), 90: ("transpose=clock",), 180: ("hflip", "vflip"), 270: ("transpose=cclock",)}
SCALERS: Final = frozenset(
    {"fast_bilinear", "bilinear", "bicubic", "neighbor", "area", "bicublin", "gauss", "sinc", "lanczos", "spline"}
)
# One palette per picture: a palette for all would hold the whole clip in memory.
PALETTE: Final = "split[p{0}][q{0}];[p{0}]palettegen=stats_mode=single[r{0}];[q{0}][r{0}]paletteuse=new=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """``filters`` come before the overlays, ``finish`` after them. A copied track has neither."""

    options: tuple[str, ...]
    filters: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    picture: Picture
    encoder: str | None = None
    passes: bool = False
    rotation: int = 0
    """Degrees clockwise that the file tells players to turn the picture by."""

    @property
    def copied(self) -> bool:
        return self.encoder is None


def copied(video: Video, scene: Scene, tags: Mapping[str, str], memo: Memo) -> VideoTrack:
    assert scene.video is not None  # noqa: S101 - the caller has looked
    tag = tags.get(scene.video.codec)
    return VideoTrack(
        options=("-c:v", "copy", *(("-tag:v", tag) if tag else ())),
        picture=upright(scene.video),
        rotation=_rotation(video, scene, memo),
    )


def encoded(
    video: Video,
    scene: Scene,
    codec: str,
    encoder: str,
    *,
    index: int,
    tags: Mapping[str, str],
    duration: Fraction | None,
    memo: Memo,
    steady: bool,
) -> VideoTrack:
    """``duration`` is the output's; ``index`` makes labels unique; ``steady``: the container wants an even rate.

    Raises Invalid for what the encoder can't do.
    """
    rotation = _rotation(video, scene, memo)
    fps = _frame_rate(video, scene, codec, memo, steady=steady)
    filters, picture = _filters(video, scene, encoder, fps, turned=not rotation, memo=memo)
    if _laced(video) and encoder == "libx264" and picture.height % 4:
        memo.note("field_order")
        video = replace(video, field_order=None)
    settings = Settings()
    settings.set("-c:v", encoder)
    coding.tune(settings, video, encoder, memo)
    trial = Settings()
    passes = rate.control(trial, video, encoder, scene, _room(picture, fps or scene.frame_rate), memo)
    coding.speed(settings, video, encoder, passes=passes, memo=memo)
    settings.update(trial.options())
    coding.profile(settings, video, encoder, memo)
    coding.level(settings, video.level, encoder, memo)
    coding.structure(settings, video, encoder, memo)
    coding.key_frames(settings, video.key_frames, encoder, fps or scene.frame_rate, duration, memo)
    coding.color(settings, video.color, memo)
    if fps is None and video.frame_rate is not None and video.frame_rate.at_most and not _known_rate(scene):
        settings.set("-fpsmax:v", ratio(video.frame_rate.value))
    if codec in tags:
        settings.set("-tag:v", tags[codec])
    marks = (*_fields(video, encoder), *coding.colored(video.color))
    finish = (*_fades(video, memo), *marks, *((PALETTE.format(index),) if codec == "gif" else ()))
    return VideoTrack(
        options=settings.options(),
        filters=tuple(filters),
        finish=finish,
        picture=picture,
        encoder=encoder,
        passes=passes,
        rotation=rotation,
    )


def _room(picture: Picture, fps: Fraction) -> int:
    """Bits per second. FFmpeg's own encoders have 64 bytes for each macroblock of a picture that is filled up."""
    return int(-(-picture.width // 16) * -(-picture.height // 16) * 64 * 8 * fps)


def _known_rate(scene: Scene) -> Fraction | None:
    return scene.video.frame_rate if scene.video else None


def _rotation(video: Video, scene: Scene, memo: Memo) -> int:
    rotation = (video.tag_rotation or 0) % 360
    if rotation % 90:
        raise memo.invalid("tag_rotation", rotation, "not a quarter turn")
    if rotation and scene.joined:
        memo.note("tag_rotation")
        return 0
    return rotation


def _frame_rate(video: Video, scene: Scene, codec: str, memo: Memo, *, steady: bool) -> Fraction | None:
    """The rate to convert to, None to leave the source's."""
    known, asked = _known_rate(scene), video.frame_rate
    wanted = asked.value if asked is not None else None
    if wanted is not None and not 0 < wanted <= MOST_FRAME_RATE:
        raise memo.invalid("frame_rate", wanted, "not a frame rate")
    if asked is not None and asked.at_most and (known is None or known <= asked.value):
        wanted = None
    if wanted is None and known is None and video.sync is None and (steady or codec in FRAME_RATES):
        wanted = min(UNSTEADY, asked.value) if asked is not None else UNSTEADY
    if wanted is None and codec == "gif" and scene.frame_rate > GIF_FRAME_RATE:
        wanted = GIF_FRAME_RATE
    if codec == "gif" and wanted is not None and wanted > MOST_GIF_FRAME_RATE:
        memo.note("frame_rate", wanted, MOST_GIF_FRAME_RATE)
        wanted = MOST_GIF_FRAME_RATE
    allowed = FRAME_RATES.get(codec)
    rate_now = wanted or scene.frame_rate
    if allowed is None or rate_now in allowed:
        return wanted
    if wanted is not None:
        memo.note("frame_rate")
    return min(allowed, key=lambda one: abs(one - rate_now))


def _filters(
    video: Video, scene: Scene, encoder: str, fps: Fraction | None, *, turned: bool, memo: Memo
) -> tuple[list[str], Picture]:
    assert scene.video is not None  # noqa: S101 - the caller has looked
    filters = _deinterlace(video, scene)
    turn = _turn(video, scene, turned=turned, memo=memo)
    filters += TURNS[turn]
    picture = upright(scene.video, turned=turned)
    picture = picture.turned() if turn % 180 else picture
    if video.rotate is not None:
        video = replace(video, size=in_pixels(video.size, upright(scene.video, turned=False)))
    if video.crop is not None:
        more, picture = cropped(video.crop, picture, memo)
        filters += more
        if video.size is None and (picture.width % 2 or picture.height % 2):
            memo.note("crop")
    if video.denoise is not None:
        strengths = (video.denoise.luma_spatial, video.denoise.chroma_spatial, video.denoise.luma_temporal)
        if not all(0 <= strength <= 255 for strength in strengths):
            raise memo.invalid("denoise", max(strengths), "not from 0 to 255")
        filters.append("hqdn3d=" + ":".join(number(strength) for strength in strengths))
    if fps is not None:
        filters.append(f"fps={ratio(fps)}")
    more, picture = _sized(video, picture, encoder, memo)
    filters += more
    if scene.maps_tones and tone.narrows(video, encoder):
        filters += tone.mapped(scene.video)
    return filters + _aspect(video, picture, memo), picture


def _deinterlace(video: Video, scene: Scene) -> list[str]:
    """A silent job gets whole pictures, unless it asks for an interlaced file."""
    if video.deinterlace is Deinterlace.ON:
        return [field.EVERY]
    if video.deinterlace is Deinterlace.AUTO or (video.deinterlace is None and not _laced(video)):
        return field.whole(scene.video)
    return []


def _laced(video: Video) -> bool:
    return re.fullmatch("[tb]ff", video.field_order or "") is not None


def _turn(video: Video, scene: Scene, *, turned: bool, memo: Memo) -> int:
    """Degrees clockwise to turn by, where the decoder has (or has not) already followed the display matrix."""
    by_source = 90 * round((scene.video.rotation if scene.video else 0) / 90)
    wanted = by_source if video.rotate is None else video.rotate
    if wanted % 90:
        raise memo.invalid("rotate", wanted, "not a quarter turn")
    return (wanted - by_source if turned else wanted) % 360


def _sized(video: Video, picture: Picture, encoder: str, memo: Memo) -> tuple[list[str], Picture]:
    scaler = video.scaler if video.scaler in SCALERS else None
    if video.scaler is not None and scaler is None:
        memo.note("scaler")
    filters, result = frame(_within(video, picture, memo), picture, memo, scaler=scaler)
    edges: list[str] = []
    if video.pad is not None:
        edges, result = padded(video.pad, result, memo)
    snapped = _snapped(result, encoder)
    if snapped == (result.width, result.height):
        return filters + edges, result
    if video.size is not None:
        memo.note("size")
    boxed, result = frame(Size(width=snapped[0], height=snapped[1], fit=Fit.PAD), result, memo, scaler=scaler)
    return filters + edges + boxed, result


def _within(video: Video, picture: Picture, memo: Memo) -> Size | None:
    """The size that was asked for, or the largest one of its shape that is allowed."""
    if video.most is None:
        return video.size
    wanted = frame(video.size, picture, memo)[1]
    width = wanted.width * wanted.aspect
    bounds = ((video.most.width, width), (video.most.height, wanted.height))
    factor = min((Fraction(most) / side for most, side in bounds if isinstance(most, int) and most), default=1)
    if factor >= 1:
        return video.size
    sides = (max(2, 2 * int(side * factor / 2)) for side in (width, wanted.height))
    return Size(width=next(sides), height=next(sides), fit=Fit.STRETCH)


def _snapped(picture: Picture, encoder: str) -> tuple[int, int]:
    """The nearest size that the encoder has."""
    width, height = picture.width, picture.height
    if encoder in SIZES:
        return min(SIZES[encoder], key=lambda size: abs(size[0] - width) + abs(size[1] - height))
    least = SMALLEST.get(encoder, (2, 2))
    if width >= least[0] and height >= least[1]:
        return width, height
    factor = max(Fraction(least[0], width), Fraction(least[1], height))
    return -(-int(width * factor) // 2) * 2, -(-int(height * factor) // 2) * 2


def _aspect(video: Video, picture: Picture, memo: Memo) -> list[str]:
    for name, value in (("display_aspect", video.display_aspect), ("pixel_aspect", video.pixel_aspect)):
        if value is not None and not Fraction(1, 100) <= value <= 100:
            raise memo.invalid(name, value, "not an aspect ratio")
    if video.display_aspect is not None:
        return [f"setdar={ratio(video.display_aspect.limit_denominator(10_000))}"]
    if video.pixel_aspect is not None:
        return [f"setsar={ratio(video.pixel_aspect.limit_denominator(10_000))}"]
    return [f"setsar={ratio(picture.aspect)}"] if picture.aspect != 1 else []


def fade(word: str, direction: str, asked: Fade | None, memo: Memo) -> list[str]:
    """``word`` is fade or afade."""
    if asked is None or not asked.duration:
        return []
    if asked.start < 0 or asked.duration < 0:
        raise memo.invalid(f"fade_{direction}", asked.start, "before the beginning")
    return [f"{word}=t={direction}:st={number(asked.start)}:d={number(asked.duration)}"]


def _fades(video: Video, memo: Memo) -> list[str]:
    return fade("fade", "in", video.fade_in, memo) + fade("fade", "out", video.fade_out, memo)


def _fields(video: Video, encoder: str) -> list[str]:
    if encoder not in ("libx264", "mpeg2video", "mpeg4") or not _laced(video):
        return []
    return [f"setfield={video.field_order}"]
