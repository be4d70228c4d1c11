"""Classes that are made quickly are as dataclass made them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, Generic, TypeVar

import pytest

from mediaglot.gateway.model.change import replace
from mediaglot.gateway.model.quick import copier, quick

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Base:
    name: str
    size: int = 3


@dataclass(frozen=True, slots=True)
class Plain(Base):
    marks: Mapping[str, str] = field(default_factory=dict)
    note: str | None = field(default=None, kw_only=True)
    must: bool = field(kw_only=True)


@quick
@dataclass(frozen=True, slots=True)
class Quick(Base):
    marks: Mapping[str, str] = field(default_factory=dict)
    note: str | None = field(default=None, kw_only=True)
    must: bool = field(kw_only=True)


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a",), {"must": True}),
    (("a", 1, {"b": "c"}), {"must": False, "note": "d"}),
    ((), {"name": "a", "marks": {}, "must": True}),
]
WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    (("a",), {}),
    (("a", 1, {}, "d"), {"must": True}),
    (("a",), {"must": True, "strange": 1}),
    (("a",), {"must": True, "name": "b"}),
]


def said(item: object) -> str:
    return repr(item).partition("(")[2]


@pytest.mark.parametrize(("plain", "keyed"), CALLS)
def test_it_is_made_as_before(plain: tuple[Any, ...], keyed: dict[str, Any]) -> None:
    one, other = Plain(*plain, **keyed), Quick(*plain, **keyed)
    assert said(one) == said(other)
    assert other == Quick(*plain, **keyed)


@pytest.mark.parametrize(("plain", "keyed"), WRONG)
def test_it_wants_what_it_wanted(plain: tuple[Any, ...], keyed: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as one:
        Plain(*plain, **keyed)
    with pytest.raises(TypeError) as other:
        Quick(*plain, **keyed)
    assert str(other.value) == str(one.value).replace("Plain", "Quick")


def test_it_is_described_as_before() -> None:
    names = [(each.name, each.kind, each.annotation) for each in inspect.signature(Quick).parameters.values()]
    assert names == [(each.name, each.kind, each.annotation) for each in inspect.signature(Plain).parameters.values()]


def test_what_a_factory_makes_belongs_to_one() -> None:
    assert Quick("a", must=True).marks is not Quick("a", must=True).marks


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Quick("a", must=True).size = 4  # type: ignore[misc]


def test_a_copy_has_all_of_it() -> None:
    item, made = Quick("a", 1, {"b": "c"}, must=True, note="d"), object.__new__(Quick)
    copier(Quick)(made, item)
    assert made == item


@dataclass(frozen=True, slots=True)
class Alone:
    name: str
    size: int = 3


@dataclass(frozen=True, slots=True)
class Several(Generic[T]):
    items: tuple[T, ...]
    total: int = 0


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Held:
    name: str = ""


class Bare(Base):
    pass


@pytest.mark.parametrize(
    ("item", "changes"),
    [
        (Alone("a"), {"size": 4}),
        (Several((1, 2)), {"total": 2}),
        (Held(), {"name": "a"}),
        (Bare("a"), {"size": 4}),
        (Alone("a"), {}),
    ],
    ids=repr,
)
def test_values_of_all_kinds_of_classes_are_changed_as_by_the_standard_library(item: Any, changes: Any) -> None:
    families = [cls.__subclasses__() for cls in type(item).__mro__[:-1]]
    made = replace(item, **changes)
    assert made == dataclasses.replace(item, **changes)
    assert type(made) is type(item)
    assert [cls.__subclasses__() for cls in type(item).__mro__[:-1]] == families
    with pytest.raises((FrozenInstanceError, TypeError)):
        made.name = "b"


def test_a_changed_one_has_all_else_and_is_frozen_like_the_first() -> None:
    item = Quick("a", 1, {"b": "c"}, must=True, note="d")
    made = replace(item, size=2, note=None)
    assert made == Quick("a", 2, {"b": "c"}, must=True)
    assert item == Quick("a", 1, {"b": "c"}, must=True, note="d")
    assert type(made) is Quick
    with pytest.raises(FrozenInstanceError):
        made.size = 4  # type: ignore[misc]
    with pytest.raises(AttributeError, match="strange"):
        replace(item, strange=1)
