"""Rate control: from Constant, Average or Quality to the options of one encoder."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media.encoder import CONTROLS, Control
from mediaglot.gateway.media.parts import Memo, number
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.media.settings import Settings
from mediaglot.gateway.model import Average, Constant, Quality, Share, Video

LEAST, MOST = 1_000, 2_000_000_000
TUNED: Final = "crf"
"""The fine setting that is a rate."""


def control(settings: Settings, video: Video, encoder: str, scene: Scene, room: int, memo: Memo) -> bool:
    """Set the rate. True when two passes were asked for and this encoder and rate can have them.

    ``room`` is how many bits per second such pictures can be filled up to, by encoders that do that.
    """
    known = CONTROLS.get(encoder)
    rate = video.rate or tuned(video, encoder)
    if known is None:
        if rate is not None:
            memo.note("rate")
        named = False
    elif isinstance(rate, Constant):
        named = _constant(settings, rate, encoder, known, room if known.fills else 0, memo)
    elif isinstance(rate, Average):
        named = _average(settings, rate, known, scene, room if known.fills else 0, memo)
    else:
        named = _quality(settings, rate, known, memo)
    wanted = video.passes is not None and video.passes > 1
    feasible = named and known is not None and known.passes
    if wanted and not feasible:
        memo.note("passes")
    return wanted and feasible


def tuned(video: Video, encoder: str) -> Quality | None:
    """The constant quality that is asked for among the fine settings, where no rate says otherwise."""
    known, text = CONTROLS.get(encoder), video.tune.get(TUNED, "")
    if video.rate is not None or known is None or known.option != "-crf":
        return None
    level = Fraction(text) if re.fullmatch(r"\d{1,2}(\.\d{1,3})?", text, re.ASCII) else None
    return Quality(level=level) if level is not None and known.scale[0] <= level <= known.scale[1] else None


def _checked(bitrate: int, memo: Memo, part: str = "bitrate") -> int:
    if not LEAST <= bitrate <= MOST:
        raise memo.invalid(f"rate.{part}", bitrate, "not a bitrate")
    return bitrate


def _constant(settings: Settings, rate: Constant, encoder: str, known: Control, room: int, memo: Memo) -> bool:
    bitrate = _checked(rate.bitrate, memo)
    settings.set("-b:v", bitrate)
    if not known.capped:
        memo.note("rate")
        return True
    filled = rate.padded and bitrate <= room
    if filled or not known.bounded:
        settings.set("-minrate", bitrate)
    settings.update(("-maxrate", str(bitrate), "-bufsize", str(bitrate)))
    if rate.padded and encoder == "libx264":
        settings.set("-nal-hrd", "cbr")
    elif rate.padded and encoder == "libx265":
        settings.param("hrd=1:strict-cbr=1")
    elif rate.padded and not filled:
        memo.note("rate.padded")
    return True


def _quality(settings: Settings, rate: Quality | None, known: Control, memo: Memo) -> bool:
    if rate is None:
        settings.update(known.default)
        return False
    best, worst = known.scale
    if not best <= rate.level <= worst:
        raise memo.invalid("rate.level", rate.level, f"not between {best} and {worst}")
    level = best + worst - rate.level if known.rising else rate.level
    settings.set(known.option, round(level) if known.whole else number(level))
    if known.free is not None:
        # such encoders take the cap of a quality level as their bitrate, and nothing else
        settings.set("-b:v", known.free if rate.most is None else _checked(rate.most, memo, "most"))
        if rate.buffer is not None:
            memo.note("rate.buffer")
    elif rate.most is not None and known.option == "-crf":
        _cap(settings, rate.most, rate.buffer, memo)
    elif rate.most is not None:
        memo.note("rate.most")
    return False


def _cap(settings: Settings, most: int, buffer: int | None, memo: Memo) -> None:
    settings.set("-maxrate", _checked(most, memo, "most"))
    settings.set("-bufsize", _checked(buffer, memo, "buffer") if buffer is not None else 2 * most)


def _average(settings: Settings, rate: Average, known: Control, scene: Scene, room: int, memo: Memo) -> bool:
    bitrate = _asked(rate, scene, memo)
    if bitrate is None and rate.most is not None and known.free is not None:
        settings.update(known.default)
        settings.set("-b:v", _checked(rate.most, memo, "most"))
        return False
    if bitrate is None:
        settings.update(known.default)
    else:
        settings.set("-b:v", _checked(bitrate, memo))
    if rate.most is None and rate.least is None and rate.buffer is None:
        return bitrate is not None
    if not known.capped and bitrate is not None:
        memo.note("rate.most" if rate.most is not None else "rate.least")
        return True
    if known.bounded and rate.most is None:
        for part in ("least", "buffer"):
            if getattr(rate, part) is not None:
                memo.note(f"rate.{part}")
        return bitrate is not None
    if known.bounded and rate.least is not None and rate.least > room:
        memo.note("rate.least")
        rate = replace(rate, least=None)
    _bounds(settings, rate, bitrate, memo)
    return bitrate is not None


def _bounds(settings: Settings, rate: Average, bitrate: int | None, memo: Memo) -> None:
    if rate.least is not None and rate.most is not None and rate.least > rate.most:
        raise memo.invalid("rate.least", rate.least, "over the most")
    if rate.most is not None:
        _cap(settings, rate.most, rate.buffer, memo)
    elif rate.buffer is not None or bitrate is not None:
        settings.set("-bufsize", rate.buffer if rate.buffer is not None else 2 * (bitrate or 0))
    if rate.least is not None and bitrate is not None:
        settings.set("-minrate", _checked(min(rate.least, bitrate), memo, "least"))


def _asked(rate: Average, scene: Scene, memo: Memo) -> int | None:
    """The bitrate in bits per second, never over the cap; None where it hangs on a source that does not tell."""
    source = scene.video_bitrate
    bitrate = rate.bitrate
    if isinstance(bitrate, Share):
        if source is None:
            memo.note("rate.bitrate")
            return None
        bitrate = int(bitrate.of_source * source)
    if bitrate is None:
        return None
    if rate.at_most_source and source is not None:
        bitrate = min(bitrate, source)
    return bitrate if rate.most is None else min(bitrate, rate.most)
