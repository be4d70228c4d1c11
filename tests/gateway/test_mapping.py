"""Records: each entry in both directions, and what the ledger and the errors say of it."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Field, Inline, Kept, Many, Nested, Pair, Record, is_empty, many, one
from mediaglot.gateway.memory import spoken
from mediaglot.gateway.model import (
    SKIP,
    Access,
    Audio,
    Clip,
    Constant,
    Input,
    Job,
    Location,
    Loudness,
    Output,
    Secret,
    Size,
    Stills,
    Video,
)
from mediaglot.gateway.report import compare
from mediaglot.gateway.values import DECIMAL, KILOBITS, LOCATION, NATURAL, SECONDS, SIZE, TEXT, Table, Value, names


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    one: Constant | None = None
    two: Audio | None = None


CODECS = Table({"x264": "h264", "x265": "hevc"}, also={"avc": "h264"})
VIDEO = Record(
    Video,
    Field("codec", "codec", CODECS, "vcodec", "videoCodec"),
    Field("size", "size", SIZE),
    Field("bframes", "b_frames", NATURAL),
    Kept("turbo"),
)
AUDIO = Record(Audio, Field("abitrate", "bitrate", KILOBITS), Field("rate", "sample_rate", NATURAL))
SOUNDS = (Field("codec", "codec", names("aac mp3")), Field("channels", "channels", NATURAL), *AUDIO.entries)
SOUND = Inline("audio", Record(Audio, *SOUNDS))
"""As many keys as are remembered together."""
CLIP = Record(Clip, Field("from", "start", SECONDS), Field("to", "end", SECONDS))
OUTPUT = Record(
    Output,
    Field("format", "container"),
    Many("url", "destinations", LOCATION),
    Nested("part", "clip", CLIP),
    Nested("video", "video", VIDEO),
    Inline("audio", AUDIO, off=("silent", "yes")),
    Many("pictures", "stills", Record(Stills, Field("every", "every", DECIMAL), Field("name", "name"))),
    Kept("comment"),
    extras="acme",
)
INPUT = Record(Input, Field("source", "location", LOCATION), Field("container", "container"))


def read(record: Record[Any], tree: Any) -> tuple[Any, list[tuple[Kind, str]]]:
    ledger = Ledger()
    return record.read(tree, ledger), [(loss.kind, loss.path) for loss in ledger]


def write(record: Record[Any], item: Any) -> tuple[dict[str, Any], list[tuple[Kind, str]]]:
    ledger = Ledger()
    return record.write(item, ledger), [(loss.kind, loss.path) for loss in ledger]


# --- emptiness and one-or-many ----------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_nothing_is_nothing_in_every_spelling(value: Any) -> None:
    assert is_empty(value)
    assert many(value) == []
    assert read(VIDEO, {"codec": value, "what": value}) == (Video(), [])


@pytest.mark.parametrize("value", [0, False, "0", " ", [0], {"a": None}])
def test_a_value_that_looks_empty_is_not(value: Any) -> None:
    assert not is_empty(value)


def test_one_and_many_are_the_same_for_a_loose_document() -> None:
    assert one(["x"]) == "x"
    assert one(["x", "y"]) == ["x", "y"]
    assert many("x") == many(["x"]) == many(["", "x", None]) == ["x"]


# --- reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["codec", "vcodec", "videoCodec"])
def test_a_field_is_read_under_its_name_and_its_aliases(key: str) -> None:
    assert read(VIDEO, {key: "avc"}) == (Video(codec="h264"), [])


def test_the_name_goes_before_an_alias_unless_it_is_empty() -> None:
    assert read(VIDEO, {"vcodec": "x265", "codec": "x264"})[0].codec == "h264"
    assert read(VIDEO, {"vcodec": "x265", "codec": ""})[0].codec == "hevc"


def test_a_list_of_one_is_its_element() -> None:
    assert read(VIDEO, {"bframes": ["2"]})[0].b_frames == 2


def test_every_kind_of_entry_reads_its_part() -> None:
    tree = {
        "format": "mp4",
        "url": ["ftp://u:p@h/a", "ftp://h/b"],
        "part": {"from": "1", "to": "00:00:02.5"},
        "video": {"codec": "x265"},
        "abitrate": "64k",
        "pictures": [{"every": "2"}, {"name": "x"}],
    }
    output, noted = read(OUTPUT, tree)
    assert output == Output(
        container="mp4",
        destinations=(
            Location(url="ftp://h/a", access=Access(user="u", password=Secret("p"))),
            Location(url="ftp://h/b"),
        ),
        clip=Clip(start=Fraction(1), end=Fraction(5, 2)),
        video=Video(codec="hevc"),
        audio=Audio(bitrate=64_000),
        stills=(Stills(every=Fraction(2)), Stills(name="x")),
    )
    assert noted == []


def test_a_bare_object_or_value_counts_as_a_list_of_one() -> None:
    output, _ = read(OUTPUT, {"url": "ftp://h/a", "pictures": {"name": "x"}})
    assert (len(output.destinations), output.stills) == (1, (Stills(name="x"),))


def test_an_inline_object_without_any_of_its_fields_is_absent() -> None:
    assert read(OUTPUT, {"format": "mp4"})[0].audio is None


@pytest.mark.parametrize("word", ["yes", "YES", ["yes"]])
def test_an_inline_object_can_be_switched_off(word: Any) -> None:
    assert read(OUTPUT, {"silent": word, "abitrate": "64k"})[0].audio is SKIP
    assert read(OUTPUT, {"silent": "no", "abitrate": "64k"})[0].audio == Audio(bitrate=64_000)


def test_unknown_keys_are_noted_and_kept_for_the_same_dialect() -> None:
    output, noted = read(OUTPUT, {"format": "mp4", "comment": "hi", "sparkle": ["1", "2"], "video": {"turbo": "on"}})
    assert output.extras == {"acme": {"comment": "hi", "sparkle": ["1", "2"]}}
    assert sorted(noted) == [
        (Kind.UNREAD, "comment"),
        (Kind.UNREAD, "sparkle"),
        (Kind.UNREAD, "video.turbo"),
    ]


def test_an_unread_key_says_whether_it_was_ever_heard_of() -> None:
    ledger = Ledger()
    OUTPUT.read({"comment": "x", "sparkle": "y"}, ledger)
    assert {loss.path: loss.reason for loss in ledger} == {"comment": "kept", "sparkle": "unknown"}


def test_a_record_with_open_keys_notes_nothing() -> None:
    record = Record(Video, Field("codec", "codec", CODECS), open_keys=True)
    assert read(record, {"codec": "avc", "anything": "1"}) == (Video(codec="h264"), [])


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"format": {"a": 1}}, "format"),
        ({"video": {"bframes": "-1"}}, "video.bframes"),
        ({"video": {"vcodec": "divx"}}, "video.vcodec"),
        ({"video": "x264"}, "video"),
        ({"video": ["a", "b"]}, "video"),
        ({"url": ["ftp://h/a", "nonsense"]}, "url.1"),
        ({"pictures": [{"every": "1"}, {"every": "often"}]}, "pictures.1.every"),
        ({"pictures": ["x"]}, "pictures.0"),
        ({"abitrate": "loud"}, "abitrate"),
    ],
)
def test_an_error_names_the_place_in_the_clients_document(tree: Any, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        OUTPUT.read(tree, Ledger().within("format").within(3))
    assert caught.value.data["field"] == f"format.3.{path}"
    assert caught.value.data["reason"]


@pytest.mark.parametrize("tree", [None, "text", ["a"], 5])
def test_what_is_no_object_is_invalid(tree: Any) -> None:
    with pytest.raises(Invalid):
        VIDEO.read(tree, Ledger())


@pytest.mark.parametrize("tree", [{}, {"source": ""}, {"container": "mov"}])
def test_a_required_field_is_missed_by_its_key(tree: Any) -> None:
    with pytest.raises(Missing) as caught:
        INPUT.read(tree, Ledger().within("input").within(0))
    assert caught.value.data == {"field": "input.0.source"}


def test_a_value_that_cannot_be_used_stays_out_of_the_message() -> None:
    with pytest.raises(Invalid) as caught:
        INPUT.read({"source": "hunter2 with no scheme"}, Ledger())
    assert "hunter2" not in str(caught.value)


# --- writing ----------------------------------------------------------------------------------------


def test_what_is_read_is_written_the_same_way() -> None:
    tree = {
        "format": "mp4",
        "url": ["ftp://u:p@h/a"],
        "part": {"from": "1", "to": "2.5"},
        "video": {"codec": "x265", "size": "640x360"},
        "silent": "yes",
        "pictures": [{"every": "2"}],
        "sparkle": "1",
    }
    assert write(OUTPUT, OUTPUT.read(tree, Ledger())) == (tree, [])


def test_what_a_record_has_no_words_for_is_dropped_and_graded() -> None:
    output = Output(container="mp4", name="n", video=Video(rotate=90, profile="high"), brand="isom")
    tree, noted = write(OUTPUT, output)
    assert tree == {"format": "mp4", "video": {}}
    assert sorted(noted) == [
        (Kind.DROPPED, "brand"),
        (Kind.DROPPED, "name"),
        (Kind.DROPPED, "video.profile"),
        (Kind.DROPPED, "video.rotate"),
    ]
    ledger = Ledger()
    OUTPUT.write(output, ledger)
    assert {loss.path for loss in ledger if loss.essential} == {"video.rotate"}


def test_a_value_without_a_word_is_dropped_with_its_reason() -> None:
    ledger = Ledger()
    assert VIDEO.write(Video(codec="av1"), ledger) == {}
    (loss,) = ledger
    assert (loss.kind, loss.path, loss.wanted, loss.essential) == (Kind.DROPPED, "codec", "av1", True)
    assert loss.reason


def test_a_value_said_only_nearly_is_approximated() -> None:
    ledger = Ledger()
    record = Record(Audio, Field("rate", "sample_rate", Value(NATURAL.read, lambda hertz: str(hertz // 1000 * 1000))))
    assert record.write(Audio(sample_rate=44_100), ledger) == {"rate": "44000"}
    (loss,) = ledger
    assert (loss.kind, loss.path, loss.wanted, loss.got) == (Kind.APPROXIMATED, "sample_rate", "44100", "44000")


def test_what_could_not_be_read_back_is_not_written() -> None:
    record = Record(Audio, Field("rate", "sample_rate", Value(NATURAL.read, lambda hertz: "fast")))
    assert write(record, Audio(sample_rate=44_100)) == ({}, [(Kind.DROPPED, "sample_rate")])


def test_one_bad_element_of_a_list_is_dropped_alone() -> None:
    outputs = Output(destinations=(Location(url="ftp://h/a"), Location(url="no url"), Location(url="ftp://h/b")))
    tree, noted = write(OUTPUT, outputs)
    assert tree == {"url": ["ftp://h/a", "ftp://h/b"]}
    assert noted == [(Kind.DROPPED, "destinations.1")]


def test_extras_go_back_to_their_own_dialect_only() -> None:
    output = Output(container="mp4", extras={"acme": {"sparkle": "1"}, "zed": {"glow": "2"}})
    assert write(OUTPUT, output) == ({"format": "mp4", "sparkle": "1"}, [])


def test_leftovers_are_no_settings_that_could_be_lost() -> None:
    plain = Record(Output, Field("format", "container"))
    output = Output(container="mp4", extras={"zed": {"glow": "2"}}, document={"format": "mp4"})
    assert write(plain, output) == ({"format": "mp4"}, [])


def test_a_nested_loss_is_located_in_the_model() -> None:
    record = Record(Job, Many("out", "outputs", OUTPUT))
    job = Job(outputs=(Output(), Output(stills=(Stills(), Stills(count=3)))))
    tree, noted = write(record, job)
    assert tree == {"out": [{}, {"pictures": [{}, {}]}]}
    said = ["outputs.0", "outputs.1.stills.0", "outputs.1.stills.1.count", "outputs.1.stills.1"]
    assert noted == [(Kind.DROPPED, path) for path in said]  # an empty object is not read again


# --- pairs ------------------------------------------------------------------------------------------

BOX = Pair(
    "width height",
    "size",
    lambda tree: {"size": Size(width=NATURAL.read(tree["width"])) if "width" in tree else None},
    lambda video: {"width": video.size and str(video.size.width), "height": ""},
)
BOXED = Record(Video, BOX)


def test_a_pair_sees_its_own_keys_where_there_are_any() -> None:
    seen: list[dict[str, Any]] = []

    def spy(tree: dict[str, Any]) -> dict[str, Any]:
        seen.append(tree)
        return {"codec": "h264"}

    record = Record(Video, Pair("a b", "codec", spy, lambda video: {}), Field("c", "profile"))
    assert read(record, {"c": "x"})[0] == Video(profile="x")
    assert read(record, {"a": ["1"], "b": "", "c": "x"})[0] == Video(codec="h264", profile="x")
    assert seen == [{"a": "1"}]


def test_a_pair_leaves_out_what_is_not_there() -> None:
    assert read(BOXED, {"height": "5"})[0] == Video()
    assert write(BOXED, Video(size=Size(width=640)))[0] == {"width": "640"}
    assert write(BOXED, Video())[0] == {}


def test_an_error_in_a_pair_names_all_keys_that_were_given() -> None:
    with pytest.raises(Invalid) as caught:
        BOXED.read({"width": "wide", "height": "1"}, Ledger().within("video"))
    assert caught.value.data["field"] == "video.height/width"


def test_an_error_of_a_record_inside_a_pair_keeps_its_path() -> None:
    inner = Record(Stills, Field("every", "every", DECIMAL))
    pair = Pair("pics", "stills", lambda t: {"stills": (inner.read(t["pics"], Ledger().within("pics")),)}, lambda _: {})
    with pytest.raises(Invalid) as caught:
        Record(Output, pair).read({"pics": {"every": "x"}}, Ledger().within("format"))
    assert caught.value.data["field"] == "format.pics.every"


# --- what a record knows of itself --------------------------------------------------------------------


def test_a_record_knows_its_keys_and_attributes() -> None:
    assert VIDEO.keys == {"codec", "vcodec", "videoCodec", "size", "bframes", "turbo"}
    assert VIDEO.understood == VIDEO.keys - {"turbo"}
    assert VIDEO.attributes == {"codec", "size", "b_frames"}
    assert OUTPUT.keys >= {"silent", "abitrate", "rate"}
    assert INPUT.required == ("location",)


def test_text_is_the_default_way_to_read() -> None:
    assert Field("k", "codec").via is TEXT


def test_a_pair_is_remembered_for_what_it_looks_at_and_nothing_else() -> None:
    """``rate`` is written by its own attribute for mono, and by another one as well for anything else."""

    def write(audio: Audio) -> dict[str, Any]:
        return {"rate": 1 if audio.channels == 1 else audio.bitrate}

    calls: list[int | None] = []
    own = Pair("rate", "channels", lambda tree: {}, lambda audio: calls.append(audio.channels) or write(audio))
    record = Record(Audio, own)
    said = [record.write(Audio(channels=n, bitrate=rate), Ledger()).get("rate") for n, rate in RATES]
    assert said == [1, 1, 7, 8]
    assert calls == [1, 2, 2]


RATES = ((1, 5), (1, 6), (2, 7), (2, 8))


def test_what_a_pair_writes_of_others_is_written_anew_with_them() -> None:
    counted = Pair(
        "brand",
        "brand",
        lambda tree: {"brand": tree["brand"].partition(" ")[0]},
        lambda it: {"brand": f"{it.brand} {len(it.destinations)}"},
    )
    record = Record(Output, counted, *(Field(name, name) for name in ("name", "label", "extension")))
    place = Location(url="https://a.example/x")
    for places in ((), (place,), (place, place)) * 2:
        output = Output(name="n", brand="b", destinations=places)
        assert record.write(output, Ledger()) == {"name": "n", "brand": f"b {len(places)}"}


def test_what_takes_the_place_of_a_value_that_is_gone_is_not_taken_for_it() -> None:
    record = Record(Output, SOUND, Field("name", "name"))
    for rate in range(8000, 9000):
        assert record.write(Output(audio=Audio(sample_rate=rate)), Ledger()) == {"rate": str(rate)}


def test_keys_of_a_client_are_not_kept() -> None:
    """Neither those that are accepted without effect, nor those that a pair of functions makes nothing of."""
    silent = Pair("password", "destinations", lambda _: {}, lambda _: {})
    names = [Field(name, name) for name in ("name", "label", "brand", "extension")]
    record = Record(Output, *names, Kept("key"), silent, extras="acme")
    secret = f"{123:04}-{4567}"
    before = sys.getrefcount(secret)
    for key in ("key", "password") * 2:
        assert record.read({"name": "n", key: secret}, Ledger()).name == "n"
    assert sys.getrefcount(secret) == before


def test_keys_that_somebody_else_reads_are_no_news() -> None:
    record = Record(Output, Field("name", "name"), Kept("owner", noted=False), Kept("hint"), extras="acme")
    ledger = Ledger()
    read = record.read({"name": "n", "owner": "me", "hint": "x"}, ledger)
    assert [loss.path for loss in ledger] == ["hint"]
    assert read.extras == {"acme": {"hint": "x"}}
    assert record.write(read, Ledger()) == {"name": "n", "hint": "x"}


def test_large_values_that_were_not_read_are_not_kept() -> None:
    record = Record(Output, Inline("audio", AUDIO), *(Field(name, name) for name in ("name", "label", "brand")))
    large = "-".join("x" * 5000)
    before = sys.getrefcount(large)
    for _ in range(2):
        assert record.write(Output(name=large, audio=Audio(sample_rate=8000)), Ledger()) == {
            "name": large,
            "rate": "8000",
        }
        assert record.read({"name": large}, Ledger()).name == large
        job = Job(inputs=(), outputs=(Output(video=Video(tune={"a": large})),))
        assert compare(job, job).exact == ("outputs.0.video.tune.a",)
    del job
    assert sys.getrefcount(large) == before


def test_a_pair_for_no_attribute_writes_what_is_always_said() -> None:
    record = Record(Audio, Pair("version", "", lambda _: {}, lambda _: {"version": "2"}), Field("codec", "codec"))
    for _ in range(2):
        assert record.write(Audio(codec="aac"), Ledger()) == {"version": "2", "codec": "aac"}


def test_lines_are_written_in_their_order() -> None:
    names = [Field(name, name) for name in ("name", "label", "brand", "extension", "preset")]
    record = Record(Output, *names[3:], Many("to", "destinations", LOCATION), *names[:3], Inline("audio", AUDIO))
    output = Output(
        audio=Audio(sample_rate=8000),
        destinations=(Location(url="https://a.example/x"),),
        **{name: name for name in ("name", "label", "brand", "extension", "preset")},
    )
    for _ in range(2):
        assert [*record.write(output, Ledger())] == ["extension", "preset", "to", "name", "label", "brand", "rate"]


def test_a_pair_remembers_sizes_and_the_like_and_no_text() -> None:
    calls: list[dict[str, Any]] = []

    def read(tree: dict[str, Any]) -> dict[str, Any]:
        calls.append(tree)
        return {"size": SIZE.read(tree["box"])} if "box" in tree else {"profile": tree["word"]}

    record = Record(Video, Pair("box word", "size profile", read, lambda video: {}))
    for _ in range(2):
        assert record.read({"box": "4x2"}, Ledger()) == Video(size=Size(width=4, height=2))
        assert record.read({"word": "high"}, Ledger()) == Video(profile="high")
    assert calls == [{"box": "4x2"}, {"word": "high"}, {"word": "high"}]


def test_sounds_are_remembered_by_what_says_them_and_not_what_could_not_be_read() -> None:
    record = Record(Output, SOUND, Field("name", "name"))
    one, two = (record.read({"codec": "aac", "rate": "48000", "name": name}, Ledger()).audio for name in "ab")
    assert one is two
    assert record.read({"codec": "aac", "rate": "44100"}, Ledger()).audio == Audio(codec="aac", sample_rate=44100)
    assert record.read({"codec": "aac", "rate": 1}, Ledger()).audio == Audio(codec="aac", sample_rate=1)
    for wrong in ("x", "x", True):
        with pytest.raises(Invalid, match="rate"):
            record.read({"codec": "aac", "rate": wrong}, Ledger())


def test_of_two_lines_for_one_attribute_the_later_one_holds_however_often_it_is_read() -> None:
    both = Pair(
        "to",
        "destinations name",
        lambda tree: {"name": "b", "destinations": (LOCATION.read(tree["to"]),)},
        lambda _: {},
    )
    names = [Field(name, name) for name in ("name", "label", "brand", "extension")]
    for record, name in ((Record(Output, both, *names), "a"), (Record(Output, *names, both), "b")):
        for number in range(3):
            to = f"https://a.example/{number}"
            output = record.read({"name": "a", "to": to}, Ledger())
            assert (output.name, output.destinations[0].url) == (name, to)


def test_long_texts_are_not_remembered() -> None:
    assert spoken({"a": "x" * 40, "b": "y" * 41}, frozenset("a")) == (("a", str, "x" * 40),)
    assert spoken({"a": "x" * 40, "b": "y" * 41}, frozenset("ab")) is None
    assert spoken({"a": ["x"]}, frozenset("a")) is None


def test_what_two_objects_say_under_one_key_is_noted_where_the_one_wrote_over_the_other() -> None:
    pictures, sounds = (Record(cls, Field("rate", "bitrate", KILOBITS)) for cls in (Constant, Audio))
    record = Record(Wire, Inline("one", pictures), Inline("two", sounds))
    for picture, sound, notes in (
        (Constant(bitrate=1000), None, [("two.bitrate", None, "1000")]),
        (None, Audio(bitrate=2000), [("one.bitrate", None, "2000")]),
        (Constant(bitrate=1000), Audio(bitrate=2000), [("one.bitrate", "1000", "2000")]),
        (Constant(bitrate=1000), Audio(bitrate=1000), []),
    ):
        ledger = Ledger()
        record.write(Wire(one=picture, two=sound), ledger)
        assert [(note.path, note.wanted, note.got) for note in ledger] == notes


def test_what_recurs_is_remembered_without_what_may_hold_a_secret() -> None:
    record = Record(Output, Many("to", "destinations", LOCATION), Field("name", "name"), SOUND)
    tree = {"name": "n", "rate": "48000"}
    one, two = (record.read({**tree, "to": f"ftp://me:{word}@a.example/x"}, Ledger()) for word in ("s3cr3t", "other"))
    assert one.audio is two.audio
    assert [each.destinations[0].access.password.reveal() for each in (one, two)] == ["s3cr3t", "other"]
    assert record.read(tree, Ledger()).destinations == ()
    held = {text for value in gc.get_referrers(one.audio) for text in (repr(value),) if isinstance(value, dict)}
    assert held
    assert not any("a.example" in text for text in held)


def test_a_sound_that_was_read_is_written_again_each_time_as_it_is() -> None:
    record = Record(Output, SOUND, Field("name", "name"))
    for rate in ("48000", "44100", "48000"):
        output = record.read({"name": rate, "rate": rate, "abitrate": "96k"}, Ledger())
        for _ in range(2):
            assert record.write(output, Ledger()) == {"name": rate, "rate": rate, "abitrate": "96k"}
    lost = replace(output, audio=Audio(language="deu"))
    for _ in range(2):
        ledger = Ledger()
        assert record.write(lost, ledger) == {"name": "48000"}
        assert [(note.kind, note.path) for note in ledger] == [(Kind.DROPPED, "audio.language")]


def test_what_is_noted_of_a_part_is_noted_each_time() -> None:
    loudness = Inline("loudness", Record(Loudness, Field("peak", "peak", DECIMAL), needs="range"))
    record = Record(Output, Inline("audio", Record(Audio, *SOUNDS, loudness)))
    for place in ("", "a", "b"):
        ledger = Ledger().within(place)
        record.read({"codec": "aac", "peak": "1"}, ledger)
        assert [(note.kind, note.path) for note in ledger] == [(Kind.UNREAD, f"{place}.peak")]
    strange = replace(record.read({"rate": "48000"}, Ledger()), video=Video(codec="h264"))
    strange = replace(strange, audio=Audio(codec="opus", channels=2))
    for place in ("", "a", "b"):
        ledger = Ledger().within(place)
        assert record.write(strange, ledger) == {"channels": "2"}
        assert [(note.kind, note.path) for note in ledger] == [
            (Kind.DROPPED, f"{place}.audio.codec"),
            (Kind.DROPPED, f"{place}.video"),
        ]


def test_what_a_pair_writes_of_something_else_is_written_anew_each_time() -> None:
    def words(output: Output) -> dict[str, str]:
        return {"words": f"{output.container} for {output.name}"}

    pair = Pair("words", "container", lambda tree: {"container": tree["words"].partition(" ")[0]}, words)
    record = Record(Output, SOUND, pair, Field("name", "name"))
    output = record.read({"codec": "aac", "rate": "48000", "words": "mp4 for all"}, Ledger())
    for name in ("a", "b", "a"):
        written = record.write(replace(output, name=name), Ledger())
        assert written == {"codec": "aac", "rate": "48000", "words": f"mp4 for {name}", "name": name}
