"""Values made in half the time: written out, attribute by attribute, for one class.

A frozen dataclass sets each attribute through ``object.__setattr__``, which looks it up by its name first; and that is
most of what making a value costs. The descriptors of a class's slots know their places: the functions that are written
here call nothing else. Like ``dataclass`` itself, this runs source that is made of the names of attributes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Final, TypeVar

T = TypeVar("T")
Setter = Callable[[Any, Any], None]
UNSAID: Final = object()
"""In the place of what a factory makes."""


def quick(cls: type[T]) -> type[T]:
    """Decorates ``dataclass(frozen=True, slots=True)``: the same signature, the same defaults, the same class."""
    every = fields(cls)  # type: ignore[arg-type]
    known = {"UNSAID": UNSAID, **named("set", setters(cls))}
    known |= named("default", {each.name: each.default for each in every})
    known |= named("factory", {each.name: each.default_factory for each in every})
    plain, keyed = ([_parameter(each) for each in every if each.kw_only is keyed] for keyed in (False, True))
    parameters = ["self", *plain, *(["*", *keyed] if keyed else [])]
    init = written("__init__", parameters, [f"set_{each.name}(self, {_value(each)})" for each in every], known)
    init.__qualname__, init.__annotations__ = f"{cls.__qualname__}.__init__", cls.__init__.__annotations__
    cls.__init__ = init  # type: ignore[method-assign]
    return cls


def _parameter(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}=default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=UNSAID"


def _value(field: Field[Any]) -> str:
    name = field.name
    return name if field.default_factory is MISSING else f"factory_{name}() if {name} is UNSAID else {name}"


def copier(cls: type[Any]) -> Callable[[Any, Any], None]:
    """What gives an object of the same slots all that one of ``cls`` has."""
    sets = setters(cls)
    lines = [f"set_{name}(made, item.{name})" for name in sets]
    copy: Callable[[Any, Any], None] = written("copy", ["made", "item"], lines, named("set", sets))
    return copy


def changing(cls: type[Any]) -> Callable[[Any, Mapping[str, Any]], Any]:
    """What makes another object of ``cls``, with some attributes changed.

    It is made as an object of a class alike that is not frozen, for which Python has its quickest way to set an
    attribute, and becomes one of ``cls`` when it is complete. That class would be known to a class that ``cls`` is
    derived from, which may look through those that are: there, each attribute is set as in ``quick``.
    """
    if cls.__bases__ != (object,) or "__weakref__" in cls.__slots__:
        return _slow(cls)
    names = [each.name for each in fields(cls)]
    melted = type(cls.__name__, (), {"__slots__": cls.__slots__})
    become = object.__dict__["__class__"].__set__
    known = {"new": object.__new__, "melted": melted, "cls": cls, "become": become, "setattr": setattr}
    body = ["made = new(melted)", *(f"made.{name} = item.{name}" for name in names)]
    body += ["for name in changes: setattr(made, name, changes[name])", "become(made, cls)", "return made"]
    change: Callable[[Any, Mapping[str, Any]], Any] = written("change", ["item", "changes"], body, known)
    return change


def _slow(cls: type[Any]) -> Callable[[Any, Mapping[str, Any]], Any]:
    copy = copier(cls)

    def change(item: Any, changes: Mapping[str, Any]) -> Any:
        made = object.__new__(cls)
        copy(made, item)
        for name in changes:
            object.__setattr__(made, name, changes[name])
        return made

    return change


def setters(cls: type[Any]) -> dict[str, Setter]:
    """What sets each attribute of an object that has just been made, although the class is frozen."""
    return {each.name: getattr(cls, each.name).__set__ for each in fields(cls)}


def named(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def written(name: str, parameters: Iterable[str], lines: Iterable[str], known: Mapping[str, Any]) -> Any:
    """A function by its source; ``known`` are the names that it uses."""
    found = dict(known)
    body = "".join(f"\n    {line}" for line in lines) or "\n    pass"
    exec(f"def {name}({', '.join(parameters)}):{body}", found)  # noqa: S102 - nothing in it comes from outside
    return found[name]
