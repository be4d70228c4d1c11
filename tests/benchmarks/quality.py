"""How near an encoded file is to its source: VMAF where this FFmpeg has it, and SSIM, by FFmpeg's own filters.

``python tests/benchmarks/quality.py ENCODED SOURCE``
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

FFMPEG = get_ffmpeg_exe()
SCORES = {"vmaf": r"VMAF score: ([\d.]+)", "ssim": r"SSIM .*All:([\d.]+)"}


@dataclass(frozen=True)
class Quality:
    """``vmaf`` is 0 to 100, None where this FFmpeg lacks it; ``ssim`` 0 to 1; ``size`` bytes."""

    vmaf: float | None
    ssim: float
    frames: int
    size: int

    def as_good_as(self, other: Quality) -> bool:
        """Nobody sees a difference, nothing is missing, and it was not bought with bits.

        x264 with a buffer limit and threads gives other bytes each time, so that a short clip varies by itself.
        """
        near = self.ssim >= other.ssim - 0.005 and (self.vmaf or 0) >= (other.vmaf or 0) - 1
        return near and self.frames == other.frames and self.size <= 1.01 * other.size

    def __str__(self) -> str:
        vmaf = "" if self.vmaf is None else f"VMAF {self.vmaf:.2f}, "
        return f"{vmaf}SSIM {self.ssim:.4f}, {self.frames} pictures, {self.size / 1e6:.2f} MB"


def quality(encoded: Path, source: Path, every: int = 1) -> Quality:
    """One picture in ``every`` is judged. The source is scaled to the encoded size, as the encoder's own input was.

    Raises CalledProcessError.
    """
    chosen = f"select='not(mod(n\\,{every}))',settb=AVTB,setpts=PTS-STARTPTS"
    judges = {"ssim": "ssim", **({"vmaf": "libvmaf=n_threads=4"} if has("libvmaf") else {})}
    taps = {word: "".join(f"[{word}{name}]" for name in judges) for word in "ds"}
    graph = f"[0:v]{chosen},split={len(judges) + 1}{taps['d']}[size];[1:v]{chosen}[r];[r][size]scale=rw:rh"
    graph += f",split={len(judges)}{taps['s']}"
    graph += "".join(f";[d{name}][s{name}]{judge}[{name}]" for name, judge in judges.items())
    maps = [word for name in judges for word in ("-map", f"[{name}]", "-f", "null", "-")]
    text = _said("-i", str(encoded), "-i", str(source), "-filter_complex", graph, *maps)
    found = {name: re.search(SCORES[name], text) for name in judges}
    if any(score is None for score in found.values()):
        raise ValueError(f"no score in: {text[-500:]}")
    scores = {name: float(score[1]) for name, score in found.items() if score is not None}
    return Quality(scores.get("vmaf"), scores["ssim"], pictures(encoded), encoded.stat().st_size)


def pictures(path: Path) -> int:
    said = _said("-i", str(path), "-map", "0:v", "-c", "copy", "-f", "null", "-")
    return int(re.findall(r"frame=\s*(\d+)", said)[-1])


@cache
def has(name: str) -> bool:
    words = (FFMPEG, "-hide_banner", "-filters")
    return name in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def _said(*words: str) -> str:
    done = subprocess.run([FFMPEG, "-hide_banner", "-nostdin", *words], capture_output=True, text=True, check=True)
    return done.stderr


def same_packets(first: Path, second: Path) -> bool:
    """Whether two files hold the same coded pictures and sounds, whatever is around them."""
    words = ("-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "md5", "-v", "error")
    sums = [
        subprocess.run([FFMPEG, "-v", "error", "-i", path, *words, "-"], capture_output=True, text=True, check=True)
        for path in (first, second)
    ]
    return sums[0].stdout == sums[1].stdout != ""


if __name__ == "__main__":
    print(quality(Path(sys.argv[1]), Path(sys.argv[2])))
