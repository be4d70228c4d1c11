"""Properties of Records over arbitrary documents and settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaglot.gateway.faults import BadRequest
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Field, Inline, Kept, Many, Nested, Record, is_empty
from mediaglot.gateway.model import Audio, Clip, Output, Stills, Video
from mediaglot.gateway.values import DECIMAL, KILOBITS, NATURAL, SECONDS, SIZE, names

RECORD = Record(
    Output,
    Field("format", "container", names("mp4 webm mov")),
    Field("label", "label"),
    Nested("part", "clip", Record(Clip, Field("from", "start", SECONDS), Field("to", "end", SECONDS))),
    Inline(
        "video", Record(Video, Field("size", "size", SIZE), Field("bf", "b_frames", NATURAL)), off=("novideo", "yes")
    ),
    Inline("audio", Record(Audio, Field("abitrate", "bitrate", KILOBITS), Field("rate", "sample_rate", NATURAL))),
    Many("pictures", "stills", Record(Stills, Field("every", "every", DECIMAL), Field("name", "name"))),
    Kept("comment"),
    extras="acme",
)
leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12))
documents = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
trees = st.dictionaries(st.sampled_from([*sorted(RECORD.keys), "odd", ""]), documents, max_size=6)
exact = st.fractions(min_value=0, max_value=10_000, max_denominator=1000).filter(lambda f: 1000 % f.denominator == 0)
outputs = st.builds(
    Output,
    container=st.none() | st.sampled_from(["mp4", "webm", "mov", "mkv"]),
    label=st.none() | st.text(min_size=1, max_size=8),
    clip=st.none() | st.builds(Clip, start=exact, end=st.none() | exact),
    video=st.none() | st.builds(Video, b_frames=st.integers(0, 16), profile=st.none() | st.just("high")),
    audio=st.none() | st.builds(Audio, bitrate=st.integers(0, 500_000), language=st.none() | st.just("de")),
    stills=st.lists(st.builds(Stills, every=exact, count=st.none() | st.just(3)), max_size=3).map(tuple),
)


@pytest.mark.heavy
@settings(max_examples=150, deadline=None)
@given(trees)
def test_any_document_is_read_or_refused_with_a_place(tree: dict[str, Any]) -> None:
    ledger = Ledger()
    try:
        output = RECORD.read(tree, ledger)
    except BadRequest as fault:
        refused = fault
    else:
        refused = None
    if refused is not None:
        assert str(refused.data["field"]).partition(".")[0].partition("/")[0] in tree
        return
    unread = {loss.path for loss in ledger if loss.kind is Kind.UNREAD}
    leftover = {key for key, value in tree.items() if key not in RECORD.understood and not is_empty(value)}
    assert leftover <= unread
    assert set(output.extras.get("acme", {})) == leftover


@pytest.mark.heavy
@settings(max_examples=150, deadline=None)
@given(outputs)
def test_what_is_written_and_read_differs_only_where_the_ledger_says(output: Output) -> None:
    ledger = Ledger()
    tree = RECORD.write(output, ledger)
    again = RECORD.read(tree, Ledger())
    second = Ledger()
    assert RECORD.write(again, second) == tree
    lost = {loss.path for loss in ledger}
    if not lost:
        assert again == output
    if output.container == "mkv":
        assert "container" in lost
    if output.video is not None and output.video.profile:
        assert "video.profile" in lost
    if output.audio is not None and output.audio.language:
        assert "audio.language" in lost
    assert {f"stills.{n}.count" for n, still in enumerate(output.stills) if still.count} <= lost


@pytest.mark.heavy
@settings(max_examples=60, deadline=None)
@given(outputs, st.dictionaries(st.sampled_from(["comment", "odd", "x"]), st.text(min_size=1, max_size=5), max_size=3))
def test_extras_survive_the_way_there_and_back(output: Output, extras: dict[str, str]) -> None:
    tree = RECORD.write(replace(output, extras={"acme": extras}), Ledger())
    assert RECORD.read(tree, Ledger()).extras == ({"acme": extras} if extras else {})
