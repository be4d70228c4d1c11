"""What the keys of a table in the configuration hold. What is refused is named, and never shown. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from mediaglot.gateway.backends.agent import Manners
from mediaglot.gateway.config import POLICIES, ConfigError


@dataclass(frozen=True, slots=True)
class Kind:
    """``words`` say to the operator what is wanted."""

    words: str
    holds: Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _word(value: Any) -> bool:
    return isinstance(value, str) or _whole(value)


def _all(one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(one, value))


ANY: Final = Kind("", lambda value: True)
TEXT: Final = Kind("a text", _text)
WORD: Final = Kind("a text", _word)
"""An id of digits may do without quotes."""
SWITCH: Final = Kind("true or false", lambda value: isinstance(value, bool))
ABOVE: Final = Kind("a number above 0", lambda value: _number(value) and value > 0)
COUNT: Final = Kind("a whole number above 0", lambda value: _whole(value) and value > 0)
AMOUNT: Final = Kind("a number, 0 or more", lambda value: _number(value) and value >= 0)
POLICY: Final = Kind(f"one of {', '.join(POLICIES)}", lambda value: value in POLICIES)
TEXTS: Final = Kind("a list of texts, as in ['one', 'two']", _all(_text))
SHARES: Final = Kind("a list of whole numbers, as in [3, 1]", _all(_whole))
WAY: Final = Kind(
    "a list of providers' names, as in ['one', 'two']", _all(lambda each: _text(each) or isinstance(each, dict))
)
TABLE: Final = Kind(
    "a table, as in { name = 'value' }",
    lambda value: isinstance(value, dict) and all(_word(each) or _number(each) for each in value.values()),
)
MANNERS: Final[Mapping[str, Kind]] = {each.name: COUNT if each.type == "int" else ABOVE for each in fields(Manners)}
PROVIDER: Final[Mapping[str, Kind]] = {
    "dialect": TEXT,
    "url": TEXT,
    "user": WORD,
    "secret": ANY,
    "tenant": WORD,
    "policy": POLICY,
    "options": TABLE,
    "hear": SWITCH,
    "price": ANY,
    "tape": TEXT,
    "replay": TEXT,
    **MANNERS,
}
OPENING: Final[Mapping[str, Kind]] = {
    "to": WAY,
    "dialects": TEXTS,
    "accounts": TEXTS,
    "transparent": SWITCH,
    "credentials": TEXT,
}
NESTED: Final[Mapping[str, Kind]] = {
    "to": WAY,
    "dialects": TEXTS,
    "accounts": TEXTS,
    "when": TABLE,
    "weights": SHARES,
    "cheapest": SWITCH,
    "most_price": AMOUNT,
    "policy": POLICY,
    "on": TEXTS,
}
ROUTE: Final[Mapping[str, Kind]] = {**NESTED, "transparent": SWITCH}


def check(where: str, table: Mapping[str, Any], kinds: Mapping[str, Kind]) -> None:
    """Raises ConfigError for the first key that there is not, and for the first value that is of another kind."""
    for key in sorted(table.keys() - kinds.keys()):
        raise ConfigError(f"{where}: there is no {key!r}; there are {', '.join(sorted(kinds))}")
    for key, value in table.items():
        if not kinds[key].holds(value):
            raise ConfigError(f"{where}: {key} wants {kinds[key].words}")
