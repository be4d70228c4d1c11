from __future__ import annotations

from fractions import Fraction

from mediaglot.gateway.media.progress import Progress, ProgressReader

STREAM = b"""frame=0
fps=0.00
bitrate=N/A
total_size=N/A
out_time_us=N/A
out_time_ms=N/A
out_time=N/A
speed=N/A
progress=continue
frame=75
fps=60.0
stream_0_0_q=28.0
total_size=262192
out_time_us=2960000
out_time_ms=2960000
out_time=00:00:02.960000
dup_frames=0
speed=1.5x
progress=continue
frame=250
total_size=900000
out_time_us=10000000
speed= 2.1e+02x
progress=end
"""
BLOCKS = [
    Progress(frame=0),
    Progress(out_time=Fraction(74, 25), frame=75, total_size=262192, speed=1.5),
    Progress(out_time=Fraction(10), frame=250, total_size=900000, speed=210.0, done=True),
]


def test_reads_every_block_of_a_stream() -> None:
    assert ProgressReader().feed(STREAM) == BLOCKS


def test_the_pieces_that_a_stream_comes_in_make_no_difference() -> None:
    for size in (1, 2, 7, 64, 200):
        reader = ProgressReader()
        pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
        assert [block for piece in pieces for block in reader.feed(piece)] == BLOCKS, size


def test_a_value_does_not_leak_into_the_next_block() -> None:
    reader = ProgressReader()
    reader.feed(b"frame=9\nprogress=continue\n")
    assert reader.feed(b"total_size=1\nprogress=continue\n") == [Progress(total_size=1)]


def test_time_before_the_start_counts_as_the_start() -> None:
    assert ProgressReader().feed(b"out_time_us=-23000\nprogress=continue\n")[0].out_time == 0


def test_older_versions_have_microseconds_under_another_name() -> None:
    assert ProgressReader().feed(b"out_time_ms=1500000\nprogress=continue\n")[0].out_time == Fraction(3, 2)


def test_garbage_without_a_line_end_is_not_kept_for_ever() -> None:
    reader = ProgressReader()
    for _ in range(100):
        reader.feed(b"x" * 10_000)
    assert len(reader._rest) <= 4096
    assert reader.feed(b"\nframe=3\nprogress=continue\n") == [Progress(frame=3)]
