"""The law of pairs has something to say: what any two dialects share, and what it says of one that lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import registry, testing
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Inline, Record
from mediaglot.gateway.model import Audio, Average, Output, Package, PackageKind, Size, Variant, Video
from mediaglot.gateway.testing.pair import Pair, pairs
from mediaglot.gateway.values import KILOBITS, TEXT, Value

FILE = Output(
    container="mp4",
    video=Video(codec="h264", size=Size(width=640, height=360), rate=Average(bitrate=800_000)),
    audio=Audio(codec="aac", bitrate=128_000),
)
STREAM = Output(
    package=Package(
        kind=PackageKind.HLS,
        segment=Fraction(6),
        variants=(Variant(name="240p", video=Video(size=Size(height=240))),),
    )
)


def settings(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All that an output says, by path."""
    if is_dataclass(value):
        for each in fields(value):
            if each.compare:
                yield from settings(getattr(value, each.name), f"{path}.{each.name}")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from settings(item, f"{path}.{number}")
    elif value not in (None, False, {}):
        yield path, value


APART = frozenset({("xvid_mediahub", "tpstreams")})
"""One's documents are of files alone, the other's of streams alone: the ledger says so of each setting."""


@pytest.mark.parametrize("pair", list(pairs(registry.names())), ids=str)
def test_any_two_dialects_share_some_settings(pair: Pair) -> None:
    shared = set()
    for output in (FILE, STREAM):
        wanted = pair.said(output)
        shared |= set(settings(wanted)) & set(settings(pair.there_and_back(wanted, Ledger()))) & set(settings(output))
    assert bool(shared) is ((pair.one.name, pair.other.name) not in APART)


def test_every_ordered_pair_is_there() -> None:
    able = [name for name in registry.names() if testing.has_document(registry.find(name))]
    found = {(pair.one.name, pair.other.name) for pair in pairs(registry.names())}
    assert found == {(one, other) for one in able for other in able if one != other}
    assert len(found) == len(able) * (len(able) - 1)


def test_a_newcomer_is_paired_with_each_of_ours_both_ways() -> None:
    first, *others = [name for name in registry.names() if testing.has_document(registry.find(name))]
    found = {(pair.one.name, pair.other.name) for pair in pairs((first,))}
    assert found == {pair for other in others for pair in ((first, other), (other, first))}


def speaker(codec: Any, rate: Any = KILOBITS) -> Dialect:
    audio = Record(Audio, Field("codec", "codec", codec), Field("rate", "bitrate", rate))

    class Speaker(Dialect):
        name, title = "speaker", "Speaker"
        output = Record(Output, Field("format", "container"), Inline("audio", audio))

    return Speaker()


HONEST = speaker(TEXT)
LIAR = speaker(TEXT)
LIAR.write_output = lambda output, ledger: {"format": "mp4", "codec": "mp3"}  # type: ignore[method-assign]
DRIFTER = speaker(TEXT, Value(lambda kilobits: int(kilobits) * 1000, lambda bits: bits // 1000 + 1))


@pytest.mark.heavy
def test_honest_dialects_agree() -> None:
    testing.test_pairs_agree(Pair(HONEST, HONEST))


@pytest.mark.heavy
def test_a_setting_that_is_changed_in_silence_breaks_the_law() -> None:
    with pytest.raises(AssertionError, match=r"lost in silence(?s:.)*container"):
        testing.test_pairs_agree(Pair(HONEST, LIAR))


@pytest.mark.heavy
def test_a_setting_that_changes_with_every_round_breaks_the_law() -> None:
    with pytest.raises(AssertionError, match=r"the second time(?s:.)*audio\.bitrate"):
        testing.test_pairs_agree(Pair(HONEST, DRIFTER))
