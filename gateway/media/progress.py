"""FFmpeg's ``-progress`` stream: ``key=value`` lines in blocks that end with ``progress=continue`` or ``=end``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeVar

Value = TypeVar("Value")
LONGEST_LINE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One block of the stream. None is what FFmpeg does not know (yet)."""

    out_time: Fraction | None = None
    """Seconds of output written, never negative."""
    frame: int | None = None
    """Pictures written by the first video output."""
    total_size: int | None = None
    """Bytes written."""
    speed: float | None = None
    """Seconds of output per second of real time."""
    done: bool = False


class ProgressReader:
    """``feed`` takes the stream in any pieces and gives the blocks that they complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._block: dict[str, str] = {}

    def feed(self, chunk: bytes) -> list[Progress]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-LONGEST_LINE:]
        return [block for line in lines if (block := self._line(line)) is not None]

    def _line(self, line: bytes) -> Progress | None:
        key, _, value = line.decode("ascii", "replace").partition("=")
        if key.strip() != "progress":
            self._block[key.strip()] = value.strip()
            return None
        block, self._block = self._block, {}
        return read_block(block, done=value.strip() == "end")


def read_block(block: dict[str, str], *, done: bool = False) -> Progress:
    # out_time_us is in microseconds; so is out_time_ms, in spite of its name.
    micros = _number(block.get("out_time_us", block.get("out_time_ms")), int)
    return Progress(
        out_time=None if micros is None else max(Fraction(micros, 1_000_000), Fraction(0)),
        frame=_number(block.get("frame"), int),
        total_size=_number(block.get("total_size"), int),
        speed=_number(block.get("speed", "").removesuffix("x"), float),
        done=done,
    )


def _number(text: str | None, kind: Callable[[str], Value]) -> Value | None:
    """None for what is absent, ``N/A`` or no number."""
    try:
        return kind(text or "")
    except ValueError:
        return None
