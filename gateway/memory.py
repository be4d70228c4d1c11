"""What was worked out once: clients say the same few things again and again.

Each memory is a dict of whoever works something out: what a word or a few keys mean and what is written for them
(``entry``, ``stretch``), settings over a preset (``passes``), two outputs compared (``report``), what a provider on
paper was asked (``past``). Settings are looked up in them in two ways:

- plain short values by what they are; no long text, which may be a secret or another one each time;
- objects that were made of such values and are given again by their ids, as comparing them would take longer. The
  memory keeps the objects too, so that nothing else has their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from mediaglot.gateway.model import Average, Constant, Edges, FrameRate, KeyFrames, Quality, Share, Size
from mediaglot.gateway.model.attribute import PLAIN

SHORT: Final = 40
"""Characters of a text that is looked up by."""
MOST: Final = 256
"""Things in one memory. A full one forgets them all."""
AMOUNTS: Final = frozenset({Share, Size, Average, Constant, Quality, FrameRate, KeyFrames, Edges})
"""Objects of numbers alone, and of words that are ours: as good as plain values."""

_RECURRING: Final[dict[int, Any]] = {}
"""By their ids. They are small, as all that they were read of is short."""


def is_plain(value: Any) -> bool:
    cls = value.__class__
    return cls in PLAIN and (cls is not str or len(value) <= SHORT)


def spoken(tree: Mapping[str, Any], keys: frozenset[str]) -> tuple[tuple[str, type, Any], ...] | None:
    """What a document says under some of its keys, to remember its meaning by; None where that is not plain."""
    said = []
    for key, value in tree.items():
        if key in keys:
            cls = value.__class__
            if cls not in PLAIN or (cls is str and len(value) > SHORT):
                return None
            said.append((key, cls, value))
    return tuple(said)


def recur(values: Iterable[Any]) -> None:
    """These will be given again for the same words."""
    for value in values:
        if value.__class__ not in PLAIN:
            if len(_RECURRING) >= MOST * 16:
                _RECURRING.clear()
            _RECURRING[id(value)] = value


def recurs(value: Any) -> bool:
    return is_plain(value) or _RECURRING.get(id(value)) is value


def remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    """Other threads may forget it at once: look it up with ``get``."""
    if len(memory) >= MOST:
        memory.clear()
    memory[key] = value
