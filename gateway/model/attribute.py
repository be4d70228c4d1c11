"""The model as a table: what each class has, what silence is, and whose loss changes the picture."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Final, NamedTuple


class Attribute(NamedTuple):
    name: str
    silence: Any
    """The value that says nothing; None for what must be said."""
    required: bool
    essential: bool
    compared: bool
    """Whether two values that differ in it only are different."""


_TABLE: Final[dict[type, tuple[Attribute, ...]]] = {}


def attributes(cls: type) -> tuple[Attribute, ...]:
    """Those of a class of the model, in their order."""
    if cls not in _TABLE:
        _TABLE[cls] = tuple(map(_attribute, fields(cls)))
    return _TABLE[cls]


def _attribute(field: Any) -> Attribute:
    required = field.default is MISSING and field.default_factory is MISSING
    silence = None if required else field.default if field.default is not MISSING else field.default_factory()
    return Attribute(field.name, silence, required, bool(field.metadata.get("essential", False)), field.compare)


def is_essential(cls: type, name: str) -> bool:
    return any(each.name == name and each.essential for each in attributes(cls))
