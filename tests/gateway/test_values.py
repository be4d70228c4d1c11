"""Two-way scalars: what each reads, writes and refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mediaglot.gateway import address, values
from mediaglot.gateway.model import Access, Fade, Location, Secret, Share, Size
from mediaglot.gateway.values import (
    COLOR,
    DECIMAL,
    FRAME_RATE,
    INTEGER,
    KILOBITS,
    LOCATION,
    NATURAL,
    ONE_ZERO,
    PERCENT,
    RATIO,
    SECONDS,
    SIZE,
    TEXT,
    TIMECODE,
    WHOLE,
    YES_NO,
    Table,
    Value,
    at_scale,
    date_time,
    decimal,
    lenient,
    names,
    nonzero,
    open_names,
    or_share,
    parted,
    timecode,
    turns,
    unless,
)

F = Fraction


@pytest.mark.parametrize(
    ("value", "given", "meaning", "written"),
    [
        (TEXT, "a b", "a b", "a b"),
        (TEXT, 5, "5", "5"),
        (INTEGER, " -7 ", -7, "-7"),
        (INTEGER, 7, 7, "7"),
        (INTEGER, "1e3", 1000, "1000"),
        (INTEGER, "2.0", 2, "2"),
        (NATURAL, "0", 0, "0"),
        (DECIMAL, "2.50", F(5, 2), "2.5"),
        (DECIMAL, 0.5, F(1, 2), "0.5"),
        (DECIMAL, "-.25", F(-1, 4), "-0.25"),
        (KILOBITS, "800k", 800_000, "800k"),
        (KILOBITS, "800000", 800_000, "800k"),
        (KILOBITS, "12.2K", 12_200, "12.2k"),
        (KILOBITS, "1.5 Mbps", 1_500_000, "1500k"),
        (KILOBITS, 64_000, 64_000, "64k"),
        (SECONDS, "90", F(90), "90"),
        (SECONDS, "1:30", F(90), "90"),
        (SECONDS, "01:00:00.5", F(7201, 2), "3600.5"),
        (SECONDS, ".5", F(1, 2), "0.5"),
        (TIMECODE, "3661.25", F(14645, 4), "01:01:01.25"),
        (SIZE, "640x360", Size(width=640, height=360), "640x360"),
        (SIZE, " 640 X 0 ", Size(width=640), "640x0"),
        (SIZE, "0x720", Size(height=720), "0x720"),
        (RATIO, "16:9", F(16, 9), "16:9"),
        (RATIO, "4/3", F(4, 3), "4:3"),
        (RATIO, "1.5", F(3, 2), "3:2"),
        (PERCENT, "50%", F(1, 2), "50"),
        (PERCENT, "12.5", F(1, 8), "12.5"),
        (COLOR, "#FF00aa", "ff00aa", "ff00aa"),
        (COLOR, "0x00ff00", "00ff00", "00ff00"),
        (YES_NO, "YES", True, "yes"),
        (YES_NO, True, True, "yes"),
        (YES_NO, 0, False, "no"),
        (ONE_ZERO, "1", True, "1"),
        (ONE_ZERO, "no", False, "0"),
        (at_scale(100, 1), "50", F(1, 2), "50.0"),
    ],
)
def test_each_value_is_read_and_written(value: Any, given: Any, meaning: Any, written: str) -> None:
    assert value.read(given) == meaning
    assert value.write(meaning) == written
    assert value.read(written) == meaning


@pytest.mark.parametrize(
    ("value", "given"),
    [
        (INTEGER, "1.5"),
        (INTEGER, "1/2"),
        (NATURAL, "-1"),
        (DECIMAL, "1/0"),
        (DECIMAL, "0x10"),
        (DECIMAL, "1_000"),
        (DECIMAL, "1000000000000001"),
        (KILOBITS, "-5k"),
        (KILOBITS, "800q"),
        (KILOBITS, "20000M"),
        (SECONDS, "1:2:3:4"),
        (SECONDS, "-1"),
        (SECONDS, "1::2"),
        (SECONDS, "99999999"),
        (SIZE, "640"),
        (SIZE, "640x"),
        (SIZE, "123456x1"),
        (SIZE, "-640x360"),
        (RATIO, "0"),
        (RATIO, "-16:9"),
        (RATIO, "100:1"),
        (RATIO, "16:0"),
        (RATIO, "1e-20"),
        (PERCENT, "-1"),
        (COLOR, "red"),
        (COLOR, "#fff"),
        (YES_NO, "maybe"),
        (names("a b"), "c"),
        (TEXT, ["a"]),
        (TEXT, {"a": "b"}),
    ],
)
def test_each_value_refuses_what_it_is_not(value: Any, given: Any) -> None:
    with pytest.raises(ValueError, match=r"^(is|must|has)\b"):
        value.read(given)


def test_a_share_of_the_source_has_no_size_in_pixels() -> None:
    with pytest.raises(ValueError, match="pixels"):
        SIZE.write(Size(width=Share(F(1, 2))))


def test_a_vocabulary_reads_more_than_it_writes() -> None:
    table = Table({"Done": 1, "done too": 1, "Gone": 2}, also={"finished": 1}, said={3: "Done"})
    assert [table.read(word) for word in ("done", " DONE TOO ", "Finished", "gone")] == [1, 1, 1, 2]
    assert [table.write(meaning) for meaning in (1, 2, 3)] == ["Done", "Gone", "Done"]
    assert "finished" in table
    assert "nowhere" not in table
    assert set(table.meanings()) == {1, 2, 3}
    with pytest.raises(ValueError, match=r"Done.*Gone"):
        table.read("nowhere")
    with pytest.raises(ValueError, match="9"):
        table.write(9)


@pytest.mark.parametrize(
    ("number", "text"),
    [(F(1, 3), "0.333333"), (F(5), "5"), (F(5, 2), "2.5"), (0, "0"), (F(100), "100"), (F(1, 10**9), "0")],
)
def test_decimals_are_short(number: F | int, text: str) -> None:
    assert decimal(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (F(0), "00:00:00"),
        (F(3599), "00:59:59"),
        (F(360_000), "100:00:00"),
        (F(646483, 100), "01:47:44.83"),
        (F(599_996, 10_000), "00:01:00"),
    ],
)
def test_timecodes_round_to_milliseconds_and_carry(seconds: F, text: str) -> None:
    assert timecode(seconds) == text


def test_dates_are_in_utc_and_know_a_word_for_never() -> None:
    date = date_time("%Y-%m-%d %H:%M:%S", never="0000-00-00 00:00:00")
    moment = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert date.read("2020-01-02 03:04:05") == moment
    assert date.write(moment.astimezone(timezone(timedelta(hours=5)))) == "2020-01-02 03:04:05"
    assert date.read(date.write(None)) is None
    for bad in ("2020-13-01 00:00:00", "yesterday", "", {"a": 1}, "2020-01-02"):
        with pytest.raises(ValueError, match=r"^(is|must)"):
            date.read(bad)


# --- locations --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url", "user", "password"),
    [
        ("http://h/a", "http://h/a", None, None),
        ("  http://h/a b.mp4 ", "http://h/a b.mp4", None, None),
        ("ftp://u@h/a", "ftp://h/a", "u", None),
        ("ftp://u:sesame@h:2121/a?passive=yes", "ftp://h:2121/a?passive=yes", "u", "sesame"),
        ("https://KEY:sec%2Fret%2B@b.s3.amazonaws.com/k", "https://b.s3.amazonaws.com/k", "KEY", "sec/ret+"),
        ("sftp://a:b:c@h/f", "sftp://h/f", "a", "b:c"),
        ("http://a@b:sesame@h/f", "http://h/f", "a@b", "sesame"),
        ("http://u%40x.example:sesame%3A@h/f", "http://h/f", "u@x.example", "sesame:"),
        ("http://:sesame@h/f", "http://h/f", "", "sesame"),
        ("http://u:sesame@[2001:db8::1]:8080/f", "http://[2001:db8::1]:8080/f", "u", "sesame"),
        ("http://[::1]/f", "http://[::1]/f", None, None),
        ("HTTP://U:P@Host.Example/F", "http://Host.Example/F", "U", "P"),
        ("file:///var/a", "file:///var/a", None, None),
        ("mailto:a@h", "mailto:a@h", None, None),
    ],
)
def test_credentials_leave_the_url(text: str, url: str, user: str | None, password: str | None) -> None:
    location = LOCATION.read(text)
    assert location.url == url
    if user is None:
        assert location.access is None
    else:
        assert location.access == Access(user=user, password=Secret(password) if password else None)
    assert location.verbatim == text.strip()
    assert LOCATION.read(LOCATION.write(location)) == location
    assert not password or password not in repr(location)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "//h/a",
        "http://",
        "http:///a",
        "http:/u:p@h/a",
        "https:u:p@h/a",
        "http://h:99999/",
        "http://h:p/",
        "ftp://u:pa/ss@h/f",
        "http://[::1/",
        "http://h/\x00",
        "http://h/\nHost: evil",
        "http://ex\u2100mple.example/",
        "http://" + "a" * 9000,
        {"url": "http://h"},
        None,
    ],
)
def test_what_is_no_location_is_refused_without_repeating_it(text: Any) -> None:
    with pytest.raises(ValueError, match=r"^(is|must)") as caught:
        LOCATION.read(text)
    assert "u:p" not in str(caught.value)


LOGIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\x7f"]), min_size=1)


@settings(max_examples=150, deadline=None)
@given(LOGIN, LOGIN)
def test_any_credentials_survive_the_way_there_and_back(user: str, password: str) -> None:
    location = Location(url="https://h:8080/a?b=c", access=Access(user=user, password=Secret(password)))
    assert LOCATION.read(LOCATION.write(location)) == location


# --- what an enemy sends ------------------------------------------------------------------------------

NUMBERS = (
    "9" * 400,
    10**400,
    "1" + "0" * 6000,
    "nan",
    "inf",
    "-inf",
    "1e309",
    "1e999999",
    "1e99999999999",
    "1e-99999999999",
)
ODD = (
    "٣",
    "\uff11\uff12",
    "²",
    "٣k",
    "٣x٣",
    "५:३",
    "1_0",
    "1__0",
    "0b1",
    "\x00",
    "1\n1",
    "--1",
    "1e",
    "e1",
    ".",
    "",
    " ",
    "%",
    ":",
)
BITS = "1.", "1" * 20, "1." + "1" * 5000, "1:" * 1000, "1e400:1", "99999x99999", "-1x-1", "1:0", "0:0", "/", "1/0"
OTHERS = None, True, 1.5, float("nan"), float("inf"), -0.0, [], {}, ["1"], {"a": 1}, b"1", object, 1e308, -(10**30)
EVERY: dict[str, Any] = {name: value for name, value in vars(values).items() if isinstance(value, (Value, Table))}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("hostile", [*NUMBERS, *ODD, *BITS, *OTHERS], ids=lambda value: repr(value)[:20])
def test_nothing_but_a_value_error_comes_of_hostile_input(name: str, hostile: Any) -> None:
    value = EVERY[name]
    try:
        meaning = value.read(hostile)
    except ValueError:
        return
    if name not in ("TEXT", "SECRET", "LOCATION", "PLACE"):
        assert str(value.write(meaning)).isascii(), "digits of other scripts are not understood by what comes after"


@pytest.mark.parametrize("name", ["INTEGER", "NATURAL", "DECIMAL", "KILOBITS", "SECONDS", "SIZE", "RATIO", "PERCENT"])
@pytest.mark.parametrize("hostile", [*NUMBERS, *ODD], ids=lambda value: repr(value)[:20])
def test_numbers_are_plain_and_bounded(name: str, hostile: Any) -> None:
    with pytest.raises(ValueError, match=r"^(is|must)"):
        EVERY[name].read(hostile)


@pytest.mark.heavy
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EVERY)), st.text(max_size=30) | st.integers() | st.floats() | st.booleans())
def test_what_is_understood_is_written_so_that_it_is_understood(name: str, given: Any) -> None:
    value = EVERY[name]
    try:
        meaning = value.read(given)
    except ValueError:
        return
    assume(name != "EPOCH" or meaning.year > 1973)  # milliseconds of the first years are taken for seconds
    again = value.read(value.write(meaning))
    if isinstance(meaning, Fraction):
        assert abs(again - meaning) <= Fraction(1, 1000)
    else:
        assert again == meaning


CODECS = open_names({"libx264": "h264", "x264": "h264"})
FADE = parted(Fade, "start duration", least=1)


@pytest.mark.parametrize(
    ("value", "given", "meaning", "written"),
    [
        (WHOLE, "7", 7, 7),
        (FRAME_RATE, "29.97", F(2997, 100), "29.97"),
        (unless("def", NATURAL), "5", 5, "5"),
        (nonzero(NATURAL), "5", 5, "5"),
        (lenient(YES_NO), "yes", True, "yes"),
        (CODECS, "LIBX264", "h264", "libx264"),
        (CODECS, "x264", "h264", "libx264"),
        (CODECS, "ffv1", "ffv1", "ffv1"),
        (turns(), "270", 270, "270"),
        (turns(also={"rotate-90": 90}), "Rotate-90", 90, "90"),
        (or_share(NATURAL), "50%", Share(F(1, 2)), "50%"),
        (or_share(NATURAL), 50, 50, "50"),
        (FADE, "8.5:1.5", Fade(start=F(17, 2), duration=F(3, 2)), "8.5:1.5"),
        (FADE, "3", Fade(start=F(3), duration=F(0)), "3:0"),
        (date_time("%Y-%m-%d", "%Y%m%d"), "20240229", datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29"),
    ],
)
def test_made_ones_read_and_write(value: Any, given: Any, meaning: Any, written: Any) -> None:
    assert value.read(given) == meaning
    assert value.write(meaning) == written


@pytest.mark.parametrize(
    ("value", "given"),
    [
        (unless("def", NATURAL), "DEF "),
        (nonzero(NATURAL), "0"),
        (lenient(YES_NO), "odd"),
        (turns({"def": None}), "def"),
    ],
)
def test_words_of_silence_read_as_none(value: Any, given: Any) -> None:
    assert value.read(given) is None


@pytest.mark.parametrize(
    ("value", "given"),
    [
        (FRAME_RATE, "0"),
        (FRAME_RATE, "1001"),
        (CODECS, "h264; rm -rf"),
        (turns(), "45"),
        (or_share(NATURAL), "half"),
        (FADE, "1:2:3"),
        (parted(Fade, "start duration"), "1"),
        (date_time("%Y-%m-%d", "%Y%m%d"), "29.2.2024"),
    ],
)
def test_made_ones_refuse_the_rest(value: Any, given: Any) -> None:
    with pytest.raises(ValueError, match="is not"):
        value.read(given)


URL_PARTS = "http https s3 mailto HTTP :// : / // @ user %20 % host a.b 1.2.3.4 :80 :99999 .. ? # a=b & + é [::1] [ ~ _"


def told(read: Any, text: str) -> Any:
    try:
        found = read(text)
    except ValueError as error:
        return str(error)
    return found, found.spelling


@pytest.mark.heavy
@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["", "http://", "ftp://", "x://"]),
    st.lists(st.sampled_from(URL_PARTS.split()), min_size=1, max_size=10).map("".join),
)
def test_a_usual_url_is_read_and_written_as_any_other(start: str, rest: str) -> None:
    usual = told(address.read_location, start + rest)
    assert usual == told(address._unusual, start + rest)
    if address.USUAL.fullmatch(start + rest):
        assert address.read_location(address.write_location(usual[0])) == usual[0]
