"""Two-way scalars: how one value is written in a document, and how it is read back.

``read`` takes what a document holds (text, or a JSON number or boolean) and raises ValueError with a short
reason; ``write`` takes the model's value and gives text. Bitrates are bits per second, times seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final, Generic, TypeVar

from mediaglot.gateway.address import is_usual, read_location, write_location
from mediaglot.gateway.model import Location, Secret, Share, Size

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Value(Generic[V]):
    """A pair of functions that undo each other.

    ``sure`` is quicker than to try: values that ``read`` is known to give back as ``write`` writes them.
    """

    read: Callable[[Any], V]
    write: Callable[[V], Any]
    sure: Callable[[V], bool] | None = None


class Table(Generic[V]):
    """A vocabulary: each word and what it means.

    ``also`` holds words that are read but never written, ``said`` meanings that are written with a word that
    reads as another meaning.
    """

    def __init__(
        self, words: Mapping[str, V], *, also: Mapping[str, V] | None = None, said: Mapping[V, str] | None = None
    ) -> None:
        self._meanings = {word.lower(): meaning for word, meaning in {**(also or {}), **words}.items()}
        self._words: dict[V, str] = {}
        for word, meaning in words.items():
            self._words.setdefault(meaning, word)
        self._words |= said or {}

    def read(self, word: Any) -> V:
        try:
            return self._meanings[str(word).strip().lower()]
        except KeyError:
            raise ValueError(f"is not one of {', '.join(sorted(self._words.values()))}") from None

    def write(self, meaning: V) -> str:
        try:
            return self._words[meaning]
        except KeyError:
            raise ValueError(f"has no word for {meaning}") from None

    def __contains__(self, word: object) -> bool:
        return str(word).strip().lower() in self._meanings

    def meanings(self) -> Iterable[V]:
        return self._words

    def words(self) -> Iterable[str]:
        """Every word that is read or written, in lower case."""
        return self._meanings


def names(words: str) -> Table[str]:
    """A vocabulary in which each of the words, separated by blanks, means itself."""
    return Table({word: word for word in words.split()})


def unless(word: str, via: Value[Any] | Table[Any]) -> Value[Any]:
    """As ``via``, but ``word`` is as good as silence."""
    return Value(lambda value: None if str(value).strip().lower() == word else via.read(value), via.write)


def nonzero(via: Value[Any]) -> Value[Any]:
    """As ``via``, but nought is as good as silence."""
    return Value(lambda value: via.read(value) or None, via.write)


def lenient(via: Value[Any] | Table[Any]) -> Value[Any]:
    """As ``via``, but what that can't read is as good as silence."""

    def read(value: Any) -> Any:
        with suppress(ValueError):
            return via.read(value)
        return None

    return Value(read, via.write)


def open_names(words: Mapping[str, str]) -> Value[str]:
    """A vocabulary of names that lets through those it does not know. The first word for a meaning is written."""
    back = {meaning: word for word, meaning in reversed(dict(words).items())}

    def read(value: Any) -> str:
        word = _text(value).strip().lower()
        if not re.fullmatch(r"[\w.+-]{1,40}", word, re.ASCII):
            raise ValueError("is not a name")
        return words.get(word, word)

    return Value(read, lambda meaning: back.get(meaning, meaning))


def turns(also: Mapping[str, int | None] | None = None) -> Table[int | None]:
    """Quarter turns in degrees clockwise; ``also`` holds other words for them."""
    return Table({str(turn): turn for turn in (0, 90, 180, 270)}, also=also)


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("must be a single value")
    return str(value)


NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,20}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,2})?|[+-]?\d{1,20}/\d{1,20}", re.ASCII
)
"""Bounded on purpose: Python would take an hour, and all memory, over ``1e9999999999``."""


def _number(value: Any) -> Fraction:
    return _number_of(_text(value).strip())


@lru_cache(maxsize=4096)
def _number_of(text: str) -> Fraction:
    """Documents have the same few numbers again and again; of what is none, nothing is kept."""
    if not NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    try:
        number = Fraction(text)
    except ZeroDivisionError:
        raise ValueError("is not a number") from None
    if abs(number) > 10**15:
        raise ValueError("is out of range")
    return number


def _integer(value: Any) -> int:
    number = _number(value)
    if number.denominator != 1:
        raise ValueError("is not a whole number")
    return int(number)


def _natural(value: Any) -> int:
    number = _integer(value)
    if number < 0:
        raise ValueError("is negative")
    return number


def decimal(number: Fraction | int, places: int = 6) -> str:
    """The shortest decimal form with at most ``places`` digits behind the point."""
    return f"{float(number):.{places}f}".rstrip("0").rstrip(".") if Fraction(number).denominator != 1 else str(number)


def _bits(value: Any) -> int:
    return _bits_of(_text(value).strip())


@lru_cache(maxsize=4096)
def _bits_of(text: str) -> int:
    match = re.fullmatch(r"(\d{1,20}(?:\.\d{1,20})?)\s*([kKmM]?)(?:bps|b/s)?", text, re.ASCII)
    if match is None:
        raise ValueError("is not a bitrate such as 800k")
    bits = Fraction(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()]
    if not 0 <= bits <= 10**10:
        raise ValueError("is out of range")
    return int(bits)


def _kilobits(bits: int | Share) -> str:
    if isinstance(bits, Share):
        raise ValueError("can only be written in bits per second")
    return f"{decimal(Fraction(bits, 1000), 3)}k"


TIME_PART: Final = re.compile(r"\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}", re.ASCII)


def _seconds(value: Any) -> Fraction:
    return _seconds_of(_text(value).strip())


@lru_cache(maxsize=4096)
def _seconds_of(text: str) -> Fraction:
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(TIME_PART.fullmatch(part) for part in parts):
        raise ValueError("is not a time in seconds or as hh:mm:ss")
    total = Fraction(0)
    for part in parts:
        total = total * 60 + Fraction(part)
    if total > 10**7:
        raise ValueError("is out of range")
    return total


def timecode(seconds: Fraction) -> str:
    """``hh:mm:ss``, with a fraction where there is one."""
    seconds = Fraction(round(seconds * 1000), 1000)
    whole = int(seconds)
    tail = decimal(seconds - whole, 3)[1:] if seconds != whole else ""
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{tail}"


def _size(value: Any) -> Size:
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX]\s*(\d{1,5})\s*", _text(value), re.ASCII)
    if match is None:
        raise ValueError("is not a size such as 640x360")
    return Size(width=int(match[1]) or None, height=int(match[2]) or None)


def _size_text(size: Size) -> str:
    sides = (size.width or 0, size.height or 0)
    if not all(isinstance(side, int) for side in sides):
        raise ValueError("can only be written in pixels")
    return f"{sides[0]}x{sides[1]}"


def _ratio(value: Any) -> Fraction:
    left, _, right = _text(value).strip().replace("/", ":").partition(":")
    over, under = _number(left), _number(right) if right else Fraction(1)
    if not under or not Fraction(1, 100) < over / under < 100:
        raise ValueError("is not an aspect ratio such as 16:9")
    return (over / under).limit_denominator(10**9)


def _percent(value: Any) -> Fraction:
    number = _number(_text(value).strip().removesuffix("%"))
    if number < 0:
        raise ValueError("is negative")
    return number / 100


def or_share(via: Value[V]) -> Value[V | Share]:
    """As ``via``, or a share of what the source has: ``50%``."""

    def read(value: Any) -> V | Share:
        return Share(_percent(value)) if _text(value).strip().endswith("%") else via.read(value)

    return Value(read, lambda it: f"{decimal(it.of_source * 100)}%" if isinstance(it, Share) else via.write(it))


def _frame_rate(value: Any) -> Fraction:
    number = _number(value)
    if not Fraction(1, 1000) <= number <= 1000:
        raise ValueError("is not a usable frame rate")
    return number


def parted(model: type[V], names: str, *, least: int = 0) -> Value[V]:
    """Numbers with colons between them, one for each of the ``names`` of ``model``: ``4:3:6``.

    With ``least`` there may be only so many of them; the others are 0 then.
    """
    wanted = names.split()

    def read(value: Any) -> V:
        parts = _text(value).split(":")
        if not (least or len(wanted)) <= len(parts) <= len(wanted):
            raise ValueError(f"is not {':'.join(wanted)}")
        return model(**{name: _number(part) for name, part in zip_longest(wanted, parts, fillvalue="0")})

    return Value(read, lambda item: ":".join(decimal(getattr(item, name)) for name in wanted))


def _color(value: Any) -> str:
    text = _text(value).strip().removeprefix("#").removeprefix("0x").lower()
    if not re.fullmatch(r"[0-9a-f]{6}", text):
        raise ValueError("is not a colour of six hexadecimal digits")
    return text


def at_scale(unit: int, places: int) -> Value[Fraction]:
    """A share of 1 as a number of ``unit``: ``at_scale(100, 1)`` writes a half as 50.0."""
    return Value(lambda value: _number(value) / unit, lambda share: f"{float(share * unit):.{places}f}")


def date_time(pattern: str, *others: str, never: str | None = None) -> Value[datetime | None]:
    """Times in UTC after a strftime ``pattern``; ``others`` are read too, ``never`` is a time that has not come."""

    def read(value: Any) -> datetime | None:
        text = _text(value).strip()
        if text == never:
            return None
        for each in (pattern, *others):
            with suppress(ValueError):
                return datetime.strptime(text, each).replace(tzinfo=UTC)
        raise ValueError("is not a date")

    return Value(read, lambda time: (never or "") if time is None else time.astimezone(UTC).strftime(pattern))


def number(value: Fraction) -> int | float:
    """For documents in which numbers are numbers."""
    return int(value) if value.denominator == 1 else float(decimal(value))


def _thousands(value: Any) -> int:
    found = int(_number(value) * 1000)
    if found <= 0:
        raise ValueError("is not a bitrate")
    return found


def _place(value: Any) -> Location:
    text = _text(value).strip()
    if "://" in text:
        return read_location(text)
    if not text or len(text) > 1024 or any(ord(char) < 32 for char in text):
        raise ValueError("is neither a URL nor a path")
    return Location(url=text)


def _epoch(value: Any) -> datetime:
    found = _natural(value)
    found = found * 1000 if found < 10**11 else found
    if found > 10**14:
        raise ValueError("is out of range")
    return datetime.fromtimestamp(found // 1000, UTC) + timedelta(milliseconds=found % 1000)


TEXT: Final = Value(_text, str, lambda text: type(text) is str)
SECRET: Final = Value(lambda value: Secret(_text(value)), Secret.reveal)
EPOCH: Final = Value(_epoch, lambda time: (time - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))
"""Milliseconds since 1970. Read also in seconds, where milliseconds would mean the first years."""
NUMBER_OF_KILOBITS: Final = Value(_thousands, lambda bits: number(Fraction(bits, 1000)))
"""Bits per second, as a number of kilobits."""
PLACE: Final = Value(_place, write_location, is_usual)
"""A URL, or a path below a place that is named elsewhere."""
INTEGER: Final = Value(_integer, str)
NATURAL: Final = Value(_natural, str)
WHOLE: Final = Value(_natural, int)
"""A NATURAL that is written as a number."""
DECIMAL: Final = Value(_number, decimal)
KILOBITS: Final = Value(_bits, _kilobits)
SECONDS: Final = Value(_seconds, decimal)
TIMECODE: Final = Value(_seconds, timecode)
SIZE: Final = Value(_size, _size_text)
FRAME_RATE: Final = Value(_frame_rate, decimal)
RATIO: Final = Value(_ratio, lambda ratio: f"{ratio.numerator}:{ratio.denominator}")
PERCENT: Final = Value(_percent, lambda share: decimal(share * 100))
COLOR: Final = Value(_color, str)
LOCATION: Final = Value(read_location, write_location, is_usual)
YES_NO: Final = Table({"yes": True, "no": False}, also={"1": True, "0": False, "true": True, "false": False})
ONE_ZERO: Final = Table({"1": True, "0": False}, also={"yes": True, "no": False})
