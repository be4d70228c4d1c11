from __future__ import annotations

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway.media.classify import classify

# Lines that FFmpeg 9.0.2 (and where marked 5.1) printed, and its exit code.
CASES = {
    "no space": (["[out#0/mpegts @ 0x1] [error] Error writing trailer: No space left on device"], 228, faults.NoSpace),
    "quota": (["[out#0/mp4 @ 0x1] [error] Error writing trailer: Disk quota exceeded"], 133, faults.NoSpace),
    "memory": (["[h264 @ 0x1] [error] Cannot allocate memory"], 244, faults.OutOfMemory),
    "memory x264": (
        [
            "x264 [error]: malloc of size 12116928 failed",
            "[vost#0:0/libx264 @ 0x1] [enc:libx264 @ 0x1] [error] Error while opening encoder - maybe incorrect",
        ],
        187,
        faults.OutOfMemory,
    ),
    "memory x265": (["x265 [error]: memory allocation failure, aborting encode"], 187, faults.OutOfMemory),
    "memory and abort": (
        ["[in#0 @ 0x1] [error] Error during demuxing: Cannot allocate memory"],
        -6,
        faults.OutOfMemory,
    ),
    "memory for a thread": (
        [
            "[vf#0:0 @ 0x1] [error] pthread_create() failed: Resource temporarily unavailable",
            "[vost#0:0/mpeg4 @ 0x1] [enc:mpeg4 @ 0x1] [error] Could not open encoder before EOF",
        ],
        245,
        faults.OutOfMemory,
    ),
    "sandbox": (["bwrap: No permissions to create new namespace"], 1, faults.EncodingFailed),
    "playlist": (
        ["[in#0 @ 0x1] [error] Format not on whitelist 'mov'", "[error] Error opening input: Invalid argument"],
        234,
        faults.SourceUnreadable,
    ),
    "input gone": (["[in#0 @ 0x1] [error] Error opening input: No such file or directory"], 254, faults.SourceMissing),
    "unreachable": (
        ["[tcp @ 0x1] [error] Connection to tcp://x failed: Connection refused"],
        145,
        faults.SourceUnreachable,
    ),
    "encoder": (["[vost#0:0 @ 0x1] [fatal] Unknown encoder 'nope'"], 8, faults.UnknownEncoder),
    "muxer": (
        ["[AVFormatContext @ 0x1] [error] Requested output format 'nope' is not known."],
        234,
        faults.UnknownContainer,
    ),
    "muxer 5.1": (
        ["[NULL @ 0x1] [error] Requested output format 'nope' is not a suitable output format"],
        1,
        faults.UnknownContainer,
    ),
    "mismatch mp4": (
        ["[mp4] [error] Could not find tag for codec vp8 in stream #0, codec not currently supported in container"],
        234,
        faults.CodecMismatch,
    ),
    "mismatch webm": (
        ["[webm] [error] Only VP8 or VP9 or AV1 video and Vorbis or Opus audio and WebVTT ... are supported for WebM."],
        234,
        faults.CodecMismatch,
    ),
    "no track": (["[fatal] Stream map '' matches no streams."], 234, faults.NoSuchTrack),
    "no output track": (
        ["[out#0/image2 @ 0x1] [error] Output file does not contain any stream"],
        234,
        faults.NoSuchTrack,
    ),
    "html": (
        ["[in#0 @ 0x1] [error] Error opening input: Invalid data found when processing input"],
        183,
        faults.SourceUnreadable,
    ),
    "huge": (
        ["[IMGUTILS @ 0x1] [error] Picture size 16000x16000 exceeds specified max pixel count 50000000"],
        69,
        faults.SourceUnreadable,
    ),
    "filter": (["[AVFilterGraph @ 0x1] [error] No such filter: 'nope'"], 8, faults.EncodingFailed),
    "output folder": (
        ["[out#0/mp4 @ 0x1] [fatal] Error opening output nodir/o.mp4: No such file or directory"],
        254,
        faults.EncodingFailed,
    ),
    "unheard of": (["[x] [error] Something went wrong"], 234, faults.EncodingFailed),
    "silent": ([], 1, faults.EncodingFailed),
    "after TERM": ([], 255, faults.Killed),
    "KILL": ([], -9, faults.Killed),
    "too much output": ([], -25, faults.OutputTooLarge),
    "crash": ([], -11, faults.EncodingFailed),
}


@pytest.mark.parametrize("name", CASES)
def test_each_cause_has_its_fault(name: str) -> None:
    lines, code, fault = CASES[name]
    assert type(classify(lines, code)) is fault


@pytest.mark.parametrize("name", CASES)
def test_a_fault_never_quotes_the_log(name: str) -> None:
    lines, code, _ = CASES[name]
    said = classify(lines, code).trouble().data.values()
    assert all(len(value) < 40 and " " not in value and "@" not in value for value in said)


def test_the_cause_is_found_among_its_consequences() -> None:
    lines = [
        "[mp4 @ 0x1] [error] Could not find tag for codec vp8 in stream #0, codec not currently supported in container",
        "[out#0/mp4 @ 0x1] [error] Could not write header (incorrect codec parameters ?): Invalid argument",
        "[vf#0:0 @ 0x1] [error] Error sending frames to consumers: Invalid argument",
        "[out#0/mp4 @ 0x1] [error] Nothing was written into output file",
    ]
    assert isinstance(classify(lines, 234), faults.CodecMismatch)


def test_too_few_bits_are_told_from_other_settings() -> None:
    lines = [
        "[mpeg4 @ 0x1] [error] [lavc rc] Error: bitrate too low for this video with these parameters.",
        "[vost#0:0/mpeg4 @ 0x1] [enc:mpeg4 @ 0x1] [error] Error while opening encoder - maybe incorrect parameters",
    ]
    assert classify(lines, 255).data == {"reason": "bitrate_too_low"}


def test_a_full_disk_wins_over_broken_pictures() -> None:
    lines = ["[h264] [error] Invalid data found when processing input", "[out#0] [error] No space left on device"]
    assert isinstance(classify(lines, 228), faults.NoSpace)


def test_names_and_limits_come_along() -> None:
    assert classify(["[fatal] Unknown encoder 'libfoo'"], 8).data == {"codec": "libfoo"}
    assert classify([], -25, output_limit=1000).data == {"limit": 1000}
    assert classify([], -9).data == {"signal": "SIGKILL"}


def test_the_cpu_limit_looks_like_a_signal_but_is_a_time_out() -> None:
    for code in (255, -9, -24):
        fault = classify([], code, cpu_limit=30)
        assert isinstance(fault, faults.TimedOut)
        assert fault.data == {"seconds": 30}


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (128 + 9, faults.Killed(signal="SIGKILL")),
        (128 + 15, faults.Killed(signal="SIGTERM")),
        (128 + 11, faults.EncodingFailed(reason="crashed", signal="SIGSEGV")),
        (128 + 25, faults.OutputTooLarge(limit=1000)),
    ],
)
def test_a_sandbox_says_128_and_the_signal(code: int, fault: faults.Fault) -> None:
    assert classify([], code, output_limit=1000, nested=True).trouble() == fault.trouble()
    assert classify([], code, output_limit=1000).data == {"exit": code}
    unknown = "[vost#0:0 @ 0x1] [fatal] Unknown encoder 'nope'"
    assert isinstance(classify([unknown], code, nested=True), faults.UnknownEncoder)
