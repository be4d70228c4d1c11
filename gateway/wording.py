"""Faults in a dialect's own words: what it calls a setting that can't be made as it was asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.faults import Fault, Invalid
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Output, attributes
from mediaglot.gateway.model.change import replace

PLACE: Final = re.compile(r"outputs\.(\d+)\.(.+)")
ABSENT: Final = object()


def worded(fault: Fault, dialect: Dialect, outputs: Sequence[Output]) -> Fault:
    """The same fault, with the dialect's name for the field where it has one."""
    place = PLACE.fullmatch(str(fault.data.get("field"))) if isinstance(fault, Invalid) else None
    name = field_of(dialect, outputs[int(place[1])], place[2]) if place is not None else None
    return fault if name is None else Invalid(**{**fault.data, "field": name})


def field_of(dialect: Dialect, output: Output, path: str) -> str | None:
    """What the dialect no longer says, or says otherwise, when the setting at ``path`` of an output is silent."""
    try:
        silent = _silenced(output, path.split("."))
        said, left = dialect.write_output(output, Ledger()), dialect.write_output(silent, Ledger())
    except (AttributeError, TypeError, ValueError, LookupError, NotImplementedError, Fault):
        return None  # no setting of an output, or one without which nothing can be said
    return next(_gone(said, left), None)


def _silenced(item: Any, path: Sequence[str]) -> Any:
    name, *rest = path
    if isinstance(item, tuple):
        place = int(name)
        return (*item[:place], _silenced(item[place], rest), *item[place + 1 :])
    silence = {each.name: each.silence for each in attributes(type(item))}[name]
    return replace(item, **{name: _silenced(getattr(item, name), rest) if rest else silence})


def _gone(said: Any, left: Any, way: tuple[str, ...] = ()) -> Iterator[str]:
    """The fields, with dots between their levels, that are there and not as ``left`` has them."""
    if isinstance(said, dict):
        for key, value in said.items():
            yield from _gone(value, left.get(key, ABSENT) if isinstance(left, dict) else ABSENT, (*way, key))
    elif isinstance(said, list) and isinstance(left, list) and len(said) == len(left):
        for number, pair in enumerate(zip(said, left, strict=True)):
            yield from _gone(*pair, (*way, str(number)))
    elif said != left:
        yield ".".join(way)
