"""Which ffmpeg: the one that is set, else the system's if it can do what we promise, else the one that pip brought.

An older one of the system's is the last resort: it makes some files otherwise than we count on.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from mediaglot.gateway.media.child import bare

OLDEST: Final = (5, 1)
TRIED: Final = (9, 0)
"""What all is tested with, and what pip brings."""
PATIENCE: Final = 20.0
"""Seconds that a program may take to tell its version or its features."""

Origin = Literal["setting", "system", "package"]

PROMISED_ENCODERS: Final = frozenset(
    """aac ac3 alac dnxhd eac3 flac flv gif h263 libaom-av1 libmp3lame libopus libsvtav1 libtheora libvorbis libvpx
    libvpx-vp9 libwebp libx264 libx265 mjpeg mov_text mp2 mpeg1video mpeg2video mpeg4 pcm_s16le pcm_s24le png
    prores_ks srt webvtt wmav1 wmav2 wmv1 wmv2""".split()
)
PROMISED_MUXERS: Final = frozenset(
    """3g2 3gp ac3 adts asf avi dash dvd eac3 flac flv framecrc gif hls image2 ipod matroska mjpeg mov mp3 mp4 mpeg
    mpegts mxf null ogg opus segment srt vob wav webm webvtt""".split()
)
PROMISED_FILTERS: Final = frozenset(
    """aformat afade amerge amix anull anullsrc apad aresample aselect asetpts asetrate asplit atempo atrim bwdif color
    colorchannelmixer colorkey concat crop eq fade format fps hflip hqdn3d loop loudnorm mandelbrot null overlay pad
    pan rotate scale select setdar setfield setparams setpts setsar settb sine split testsrc2 thumbnail tile tpad
    transpose trim unsharp vflip volume""".split()
)


class NoTool(LookupError):
    """No usable ffmpeg; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """An ffmpeg program and what it can do, all by FFmpeg's own names."""

    path: str
    version: str
    encoders: frozenset[str]
    muxers: frozenset[str]
    filters: frozenset[str]
    origin: Origin
    ffprobe: str | None = None
    """The path of the ffprobe that belongs to it."""

    @property
    def release(self) -> tuple[int, int]:
        return release(self.version)


def find(setting: str | None = None, cache: Path | None = None) -> Tool:
    """The ffmpeg to use. ``setting`` is a path or a name on PATH; ``cache`` a file that remembers feature lists.

    Raises NoTool. A set ffmpeg is taken as it is, whatever it lacks (see ``missing``).
    """
    if setting:
        return _set(setting, cache)
    system = _system(cache)
    if system is not None and system.release >= TRIED:
        return system
    packaged = _packaged()
    tool = (_look(packaged, "package", cache) if packaged is not None else None) or system
    if tool is None:
        raise NoTool(
            "no usable ffmpeg: install one (5.1 or later) with libx264, libvpx, libopus and the rest of"
            " 'mediaglot doctor' on PATH, set its path, or pip install imageio-ffmpeg"
        )
    return tool


def missing(tool: Tool) -> dict[str, list[str]]:
    """What we promise and ``tool`` lacks, by ``encoders``, ``muxers`` and ``filters``; empty when all is there."""
    lacks = {
        "encoders": sorted(PROMISED_ENCODERS - tool.encoders),
        "muxers": sorted(PROMISED_MUXERS - tool.muxers),
        "filters": sorted(PROMISED_FILTERS - tool.filters),
    }
    return {kind: names for kind, names in lacks.items() if names}


def release(version: str) -> tuple[int, int]:
    """``9.0.2``, ``n7.1`` and ``5.1.9-0+deb12u1`` as numbers; a build from git has none and counts as the newest."""
    match = re.match(r"n?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (sys.maxsize, 0)


def _set(setting: str, cache: Path | None) -> Tool:
    path = shutil.which(setting)
    if path is None:
        raise NoTool(f"the ffmpeg that is set, {setting!r}, is not there or may not be executed: correct or remove it")
    tool = _look(str(Path(path).absolute()), "setting", cache)
    if tool is None:
        raise NoTool(f"the ffmpeg that is set, {path!r}, does not run or is no ffmpeg: correct or remove it")
    return tool


def _system(cache: Path | None) -> Tool | None:
    """The one on PATH, if it can do what we promise."""
    path = shutil.which("ffmpeg")
    tool = _look(path, "system", cache) if path is not None else None
    return tool if tool is not None and tool.release >= OLDEST and not missing(tool) else None


def _packaged() -> str | None:
    """The program inside imageio-ffmpeg.

    Not by its own function: that imports much, runs the program, and believes IMAGEIO_FFMPEG_EXE unchecked.
    """
    spec = importlib.util.find_spec("imageio_ffmpeg")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "binaries").glob("ffmpeg-*"))
    return str(found[-1]) if found else None


def _ffprobe(path: str) -> str | None:
    """An ffprobe belongs to the ffmpeg beside it, also where either is a link."""
    return shutil.which("ffprobe", path=str(Path(path).parent)) or shutil.which(
        "ffprobe", path=str(Path(path).resolve().parent)
    )


def _look(path: str, origin: Origin, cache: Path | None) -> Tool | None:
    """The tool at ``path``, None if it does not run."""
    try:
        stat = os.stat(path)  # noqa: PTH116
        key = f"{path}:{stat.st_size}:{stat.st_mtime_ns}"
        known = _remembered(cache)
        features = known.get(key) or _features(path)
        tool = Tool(
            path=path,
            version=features["version"],
            encoders=frozenset(features["encoders"]),
            muxers=frozenset(features["muxers"]),
            filters=frozenset(features["filters"]),
            origin=origin,
            ffprobe=None if origin == "package" else _ffprobe(path),
        )
    except (OSError, subprocess.SubprocessError, LookupError, TypeError):
        return None
    if key not in known:
        _remember(cache, {**known, key: features})
    return tool


def _remembered(cache: Path | None) -> dict[str, Any]:
    try:
        known = json.loads(cache.read_bytes()) if cache is not None else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(cache: Path | None, known: dict[str, Any]) -> None:
    if cache is None:
        return
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_name(f"{cache.name}.{os.getpid()}")
        fresh.write_text(json.dumps(known), encoding="utf-8")
        fresh.replace(cache)


def _features(path: str) -> dict[str, Any]:
    """The four questions at once: a dynamically linked ffmpeg takes 90 ms to start."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = pool.map(functools.partial(_ask, path), ("-version", "-encoders", "-muxers", "-filters"))
        version, encoders, muxers, filters = answers
    match = re.match(r"ffmpeg version (\S+)", version)
    if match is None:
        raise LookupError(path)
    return {
        "version": match[1],
        "encoders": sorted(_names(encoders, r" [VAS][\w.]{5} ([\w-]+)")),
        "muxers": sorted(_names(muxers, r" [ D]E[ d]? ?([\w,-]+) ")),
        "filters": sorted(_names(filters, r" [\w.|]{2,3} ([\w-]+) +[AVN|]+->")),
    }


def _ask(path: str, question: str) -> str:
    asked = subprocess.run(
        [path, "-hide_banner", question],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=PATIENCE,
        env=bare(),
    )
    return asked.stdout.decode("utf-8", "replace")


def _names(listing: str, line: str) -> Iterator[str]:
    for match in re.finditer(f"^{line}", listing, re.MULTILINE):
        yield from match[1].split(",")
