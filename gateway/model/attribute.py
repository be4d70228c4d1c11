"""The model as a table: what each class has, what silence is, and whose loss changes the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from operator import attrgetter
from types import NoneType
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints


class Attribute(NamedTuple):
    name: str
    silence: Any
    """The value that says nothing; None for what must be said."""
    required: bool
    essential: bool
    compared: bool
    """Whether two values that differ in it only are different."""


_TABLE: Final[dict[type, tuple[Attribute, ...]]] = {}


def values_of(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    """What reads these attributes of an object, however many they are."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda item: tuple([getattr(item, name) for name in names])


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


_SECRETLESS: Final[dict[type, frozenset[str]]] = {}
PLAIN: Final = frozenset({int, bool, str, Fraction, NoneType})
"""Classes of values that have no others in them."""


def secretless(cls: type) -> frozenset[str]:
    """The attributes of a class that can't have a Secret in them, at whatever depth, as their types say."""
    if cls not in _SECRETLESS:
        _SECRETLESS[cls] = frozenset()  # while a class that has itself inside is looked at
        _SECRETLESS[cls] = frozenset(name for name, hint in _hints(cls).items() if _is_secretless(hint))
    return _SECRETLESS[cls]


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except NameError:  # a type that is imported for type checkers only
        return {}


def _is_secretless(hint: Any) -> bool:
    if isinstance(hint, list):
        return False
    if hint is Ellipsis or hint in PLAIN or (isinstance(hint, type) and issubclass(hint, Enum)):
        return True
    if isinstance(hint, type) and is_dataclass(hint):
        return len(secretless(hint)) == len(fields(hint))
    within = get_args(hint)
    return bool(within) and get_origin(hint) is not type and all(map(_is_secretless, within))
