"""Why FFmpeg gave up: its last lines and exit code, read into a fault that never quotes them.

Text comes before the exit code because FFmpeg 5 ends with 1 whatever happened, and later versions with the
low byte of an error number that many causes share. The lines must come from ``-loglevel level+warning`` or more.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence
from typing import Final

from mediaglot.gateway.faults import (
    CodecMismatch,
    EncodingFailed,
    Killed,
    NoSpace,
    NoSuchTrack,
    OutOfMemory,
    OutputTooLarge,
    SourceMissing,
    SourceUnreachable,
    SourceUnreadable,
    TimedOut,
    UnknownContainer,
    UnknownEncoder,
    WorkFault,
)

SIGNALLED: Final = 255
"""What FFmpeg exits with after it handled TERM, INT or the CPU limit."""

Reading = Callable[[re.Match[str]], WorkFault]


def _failed(reason: str) -> Reading:
    return lambda _: EncodingFailed(reason=reason)


# (what the lines say, the fault). The first that matches any line wins.
CAUSES: Final[tuple[tuple[str, Reading], ...]] = (
    (r"no space left on device|disk quota exceeded", lambda _: NoSpace()),
    (r"file too large", lambda _: OutputTooLarge()),
    (r"cannot allocate memory|memory allocation|malloc of size|out of memory|bad_alloc", lambda _: OutOfMemory()),
    (r"pthread_create\(\) failed|: resource temporarily unavailable", lambda _: OutOfMemory()),  # no room for a stack
    (
        r"not on whitelist|unsafe file name|not in allowed_segment_extensions",
        lambda _: SourceUnreadable(reason="forbidden_format"),
    ),
    (r"opening input.*no such file or directory", lambda _: SourceMissing(reason="file")),
    (r"connection (refused|timed out)|server returned [45]", lambda _: SourceUnreachable(reason="connection")),
    (r"opening input.*input/output error", lambda _: SourceUnreachable(reason="input_output")),
    (r"unknown encoder '(?P<name>[\w.-]{1,40})'", lambda match: UnknownEncoder(codec=match["name"])),
    (r"encoder (\(codec \w+\) )?not found", lambda _: UnknownEncoder()),
    (
        r"requested output format '(?P<name>[\w.-]{1,40})' is not",
        lambda match: UnknownContainer(container=match["name"]),
    ),
    (r"is not a suitable output format|unable to choose an output format", lambda _: UnknownContainer()),
    (r"not currently supported in container|could not find tag for codec", lambda _: CodecMismatch()),
    (r"only .* (is|are) supported (for|by|in) |exactly one .* stream is required", lambda _: CodecMismatch()),
    (r"decoder .*not found|no decoder found", lambda _: SourceUnreadable(reason="no_decoder")),
    (r"picture size \d+x\d+ (is invalid|exceeds)", lambda _: SourceUnreadable(reason="too_many_pixels")),
    (r"no such filter|(initializing|configuring) (a )?(simple |complex )?filter", _failed("filter")),
    (r"matches no streams|does not contain any stream", lambda _: NoSuchTrack()),
    (
        r"invalid data found when processing input|moov atom not found|decode error rate|corrupt decoded frame",
        lambda _: SourceUnreadable(reason="invalid_data"),
    ),
    (r"^(bwrap|unshare|setpriv): ", _failed("sandbox")),
    (r"permission denied|read-only file system", _failed("permission")),
    (r"bitrate (is )?too low", _failed("bitrate_too_low")),
    (r"could not open encoder|while opening encoder", _failed("encoder_settings")),
)
_COMPILED: Final = tuple((re.compile(pattern, re.IGNORECASE), reading) for pattern, reading in CAUSES)

CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS})
FATAL: Final = frozenset({*CRASHES, signal.SIGKILL, signal.SIGTERM, signal.SIGXFSZ, signal.SIGXCPU, signal.SIGHUP})


def classify(
    lines: Sequence[str],
    code: int,
    *,
    output_limit: int | None = None,
    cpu_limit: int | None = None,
    nested: bool = False,
) -> WorkFault:
    """The fault for a process that ended with ``code``, negative where a signal ended it as asyncio has it.

    ``cpu_limit`` is given when the process may have used up that many seconds of CPU, ``output_limit`` when a
    file could be at most so many bytes; ``nested`` when the code is that of a process around it, which says
    128 and the signal's number.
    """
    text = _cause(lines)
    if isinstance(text, OutOfMemory):  # some libraries abort when they get none
        return text
    if code < 0:
        return _signalled(-code, output_limit, cpu_limit)
    if isinstance(text, OutputTooLarge):
        return OutputTooLarge(limit=output_limit)
    if text is not None:
        return text
    if nested and code - 128 in FATAL:
        return _signalled(code - 128, output_limit, cpu_limit)
    if code == SIGNALLED:
        return _ended(signal.SIGTERM, cpu_limit)
    return EncodingFailed(exit=code)


def _cause(lines: Sequence[str]) -> WorkFault | None:
    for pattern, reading in _COMPILED:
        for line in lines:
            if (match := pattern.search(line)) is not None:
                return reading(match)
    return None


def _signalled(number: int, output_limit: int | None, cpu_limit: int | None) -> WorkFault:
    if number == signal.SIGXFSZ:
        return OutputTooLarge(limit=output_limit)
    if number in CRASHES:
        return EncodingFailed(reason="crashed", signal=_name(number))
    return _ended(number, cpu_limit)


def _ended(number: int, cpu_limit: int | None) -> WorkFault:
    if cpu_limit is not None:
        return TimedOut(seconds=cpu_limit)
    return Killed(signal=_name(number))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
