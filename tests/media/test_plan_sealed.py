"""Encryption, key frames and single files as they are planned: names, refusals, and what never is in a command."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway import model as m
from mediaglot.gateway.media import lock
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.parts import Layout, Lock, Note, Place, Plan
from mediaglot.gateway.media.plan import needs, plan

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "hls"})
CLIP = m.MediaFacts(
    container="mov",
    size=10_000_000,
    duration=Fraction(25),
    video=(m.VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25)),),
    audio=(m.AudioFacts(codec="aac", sample_rate=44100, channels=2),),
)
HLS = m.Package(kind=m.PackageKind.HLS)
TWO = (m.Variant(folder="a/b"), m.Variant(folder="c", video=m.SKIP))
KEY, IV = "00112233445566778899aabbccddeeff", "0123456789abcdef0123456789ABCDEF"
THERE = m.Location(url="https://example.test/k")


def make(package: m.Package) -> Plan:
    job = m.Job(inputs=(m.Input(location=THERE),), outputs=(m.Output(package=package),))
    return plan(job, [CLIP], encoders=ALL_ENCODERS, muxers=ALL_MUXERS)


def layout(package: m.Package) -> Layout:
    made = make(package)
    assert made.faults == {}
    found = made.products[0][0].layout
    assert found is not None
    return found


def test_silence_means_none_of_it() -> None:
    (place,) = layout(HLS).places
    assert (place.lock, place.i_frames, place.single) == (None, False, None)


def test_no_key_is_in_a_command() -> None:
    plain, locked = make(HLS), make(replace(HLS, encryption=m.Encryption(key=m.Secret(KEY), iv=IV)))
    assert [argv(run, "ffmpeg") for run in locked.runs] == [argv(run, "ffmpeg") for run in plain.runs]
    assert KEY not in repr(locked)


def test_one_key_for_all_variants_lies_beside_the_master() -> None:
    found = layout(replace(HLS, variants=TWO, encryption=m.Encryption()))
    assert [place.lock for place in found.places] == [Lock(file="segments.key")] * 2
    assert [lock.uri(Lock(file="segments.key"), place) for place in found.places] == [
        "../../segments.key",
        "../segments.key",
    ]
    assert lock.uri(Lock(file="segments.key"), Place(path="")) == "segments.key"
    assert lock.uri(Lock(file="a/b/segments.key"), found.places[0]) == "segments.key"


def test_a_key_of_a_variants_own_lies_beside_its_playlist() -> None:
    own = replace(TWO[0], encryption=m.Encryption(key=m.Secret(KEY), iv=IV))
    places = layout(replace(HLS, variants=(own, TWO[1]), encryption=m.Encryption(iv=IV))).places
    assert places[0].lock == Lock(key=m.Secret(KEY), iv=IV, file="a/b/segments.key")
    assert places[1].lock == Lock(iv=IV, file="segments.key")
    places = layout(replace(HLS, variants=(own, TWO[1]))).places
    assert places[1].lock is None


def test_a_key_that_the_client_keeps_is_not_delivered() -> None:
    away = m.Encryption(key=m.Secret(KEY), key_url="https://example.test/key?user=1&x=%20")
    (place,) = layout(replace(HLS, encryption=away)).places
    assert place.lock == Lock(key=m.Secret(KEY), url=away.key_url)
    assert lock.uri(place.lock, place) == away.key_url
    (place,) = layout(replace(HLS, encryption=replace(away, key=None))).places
    assert place.lock == Lock(url=away.key_url, file="segments.key")


def test_keys_are_fetched() -> None:
    asked = m.Encryption(key_file=THERE)
    variants = (replace(TWO[0], encryption=asked), replace(TWO[1], encryption=replace(asked, key=m.Secret(KEY))))
    package = replace(HLS, variants=variants, encryption=asked)
    job = m.Job(outputs=(m.Output(package=package), m.Output()))
    assert [(one.output, one.path, one.location) for one in needs(job)] == [
        (0, "key-0", THERE),
        (0, "key-0x0", THERE),
    ]
    places = layout(package).places
    assert [place.lock and place.lock.source for place in places] == ["key-0x0", None]
    assert make(package).notes == (Note("outputs.0.package.variants.1.encryption.key_file"),)


@pytest.mark.parametrize(
    ("encryption", "field"),
    [
        (m.Encryption(key=m.Secret("12")), "key"),
        (m.Encryption(key=m.Secret("g" * 32)), "key"),
        (m.Encryption(key=m.Secret(KEY + "\n")), "key"),
        (m.Encryption(iv="0x12"), "iv"),
        (m.Encryption(iv=KEY + KEY), "iv"),
        (m.Encryption(key_url='https://x/"\n#EXT-X-KEY:METHOD=NONE'), "key_url"),
        (m.Encryption(key_url="https://x/a b"), "key_url"),
        (m.Encryption(key_url=""), "key_url"),
        (m.Encryption(key_url="https://x/" + "a" * 2000), "key_url"),
    ],
)
def test_keys_that_are_none(encryption: m.Encryption, field: str) -> None:
    fault = make(replace(HLS, encryption=encryption)).faults[0]
    assert isinstance(fault, faults.Invalid)
    assert fault.data["field"] == f"outputs.0.package.encryption.{field}"
    assert encryption.key is None or encryption.key.reveal() not in str(fault.data)
    variants = (replace(TWO[0], encryption=encryption),)
    fault = make(replace(HLS, variants=variants)).faults[0]
    assert fault.data["field"] == f"outputs.0.package.variants.0.encryption.{field}"


def test_names_of_key_frame_lists_and_single_files() -> None:
    variants = (TWO[0], replace(TWO[1], i_frames=False, single_file=False))
    found = layout(replace(HLS, variants=variants, i_frames=True, single_file=True, media_playlist="show.m3u8"))
    assert [(place.i_frames, place.single) for place in found.places] == [(True, "media.ts"), (False, None)]
    assert found.i_frames == "show-iframes.m3u8"
    assert layout(replace(HLS, single_file=True, fragmented=True)).places[0].single == "media.mp4"
    assert layout(replace(HLS, single_file=True, segment_name="a_%03d.ts")).places[0].single == "a_000.ts"
    assert layout(replace(HLS, single_file=True, segment_name="a.ts")).places[0].single == "a.ts"


def test_a_variant_without_pictures_has_no_list_of_them() -> None:
    asked = make(replace(HLS, variants=(TWO[0], replace(TWO[1], i_frames=True))))
    assert asked.notes == (Note("outputs.0.package.variants.1.i_frames"),)
    assert make(replace(HLS, variants=TWO, i_frames=True)).notes == ()


@pytest.mark.parametrize(
    ("package", "field"),
    [
        ({"playlist": "index-iframes.m3u8", "i_frames": True}, "media_playlist"),
        ({"segment_name": "segments.key", "single_file": True, "encryption": m.Encryption()}, "segment_name"),
        ({"segment_name": "../a.ts", "single_file": True}, "segment_name"),
        ({"segment_name": "%d_%d.ts", "single_file": True}, "segment_name"),
        ({"segment_name": "a.ts", "single_file": True, "variants": (replace(TWO[0], single_file=False),)},
         "segment_name"),
        ({"single_file": True, "variants": (m.Variant(folder=""), m.Variant(folder="Media.ts"))}, "variants"),
        ({"encryption": m.Encryption(), "variants": (m.Variant(folder=""), m.Variant(folder="segments.key/a"))},
         "variants"),
    ],
)  # fmt: skip
def test_no_two_things_have_one_name(package: dict[str, Any], field: str) -> None:
    fault = make(replace(HLS, **package)).faults[0]
    assert isinstance(fault, faults.Invalid)
    assert fault.data["field"] == f"outputs.0.package.{field}"


def test_key_frames_of_an_encrypted_single_file_can_not_be_read() -> None:
    """Only from the block before them, and before a segment that is another segment's (RFC 8216, 6.3.6)."""
    both = replace(HLS, i_frames=True, encryption=m.Encryption())
    assert make(both).faults == {}
    fault = make(replace(both, single_file=True)).faults[0]
    assert isinstance(fault, faults.Unsupported)
    assert fault.data["feature"] == "i_frames"


def test_sounds_that_variants_share_are_wrapped_too() -> None:
    sounds = (m.Rendition(folder="en"), m.Rendition(folder="fr"))
    found = layout(replace(HLS, variants=(m.Variant(folder="v"),), audio=sounds, encryption=m.Encryption(),
                           single_file=True))  # fmt: skip
    assert [(place.folder, place.lock, place.single) for place in found.distinct] == [
        (folder, Lock(file="segments.key"), "media.ts") for folder in ("v", "en", "fr")
    ]
    assert layout(replace(HLS, audio=sounds, i_frames=True)).distinct[1].i_frames is False


@pytest.mark.parametrize("kind", [m.PackageKind.DASH, m.PackageKind.CMAF])
def test_what_a_manifest_can_not_say(kind: m.PackageKind) -> None:
    fault = make(replace(HLS, kind=kind, encryption=m.Encryption())).faults[0]
    assert isinstance(fault, faults.Unsupported)
    assert fault.data == {"feature": "encryption", "value": kind.value}
    made = make(replace(HLS, kind=kind, single_file=True, i_frames=True))
    assert made.faults == {}
    places = made.products[0][0].layout.places  # type: ignore[union-attr]
    listed = kind is m.PackageKind.CMAF
    assert [(place.i_frames, place.single) for place in places] == [(listed, None)]
    notes = {"outputs.0.package.single_file", *([] if listed else ["outputs.0.package.i_frames"])}
    assert {note.path for note in made.notes} == notes
