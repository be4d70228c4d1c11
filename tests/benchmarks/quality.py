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
EVERY = 10
"""One picture in so many is judged by VMAF, which is slow."""

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


def quality(encoded: Path, source: Path) -> Quality:
    """The source is scaled to the encoded size, as the encoder's own input was. Raises CalledProcessError."""
    first = "[1:v]settb=AVTB,setpts=PTS-STARTPTS[r];[0:v]settb=AVTB,setpts=PTS-STARTPTS[d];[r][d]scale=rw:rh[s]"
    judged = {"vmaf": f"libvmaf=n_threads=4:n_subsample={EVERY}", "ssim": "ssim"}
    text = ""
    for name, judge in judged.items():
        if name == "ssim" or has("libvmaf"):
            graph = first.replace("[d];[r][d]", "[d];[d]split[d1][d2];[r][d1]") + f";[d2][s]{judge}"
            text += _said("-i", str(encoded), "-i", str(source), "-lavfi", graph, "-an", "-f", "null", "-")
    found = {name: re.search(pattern, text) for name, pattern in SCORES.items()}
    frames = [int(number) for number in re.findall(r"frame=\s*(\d+)", text)]
    if found["ssim"] is None or not frames:
        raise ValueError(f"no score in: {text[-500:]}")
    vmaf = None if found["vmaf"] is None else float(found["vmaf"][1])
    return Quality(vmaf, float(found["ssim"][1]), frames[-1], encoded.stat().st_size)


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
