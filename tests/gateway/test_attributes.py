"""What the table of the model's attributes says of their types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pytest

from mediaglot.gateway.model import Audio, Clip, Job, Location, Output, Package, Video
from mediaglot.gateway.model.attribute import secretless

if TYPE_CHECKING:
    from decimal import Decimal


@pytest.mark.parametrize(
    ("cls", "open_"),
    [
        (Video, set()),
        (Audio, set()),
        (Clip, set()),
        (Location, {"access", "spelling"}),
        (Package, {"encryption", "variants"}),
        (Output, {"destinations", "stills", "overlays", "package", "extras", "document"}),
        (Job, {"inputs", "outputs", "notifications", "extras", "document"}),
    ],
)
def test_where_secrets_can_be(cls: type, open_: set[str]) -> None:
    assert {each.name for each in fields(cls)} - secretless(cls) == open_


@dataclass
class Tree:
    name: str
    below: tuple[Tree, ...] = ()


@dataclass
class Odd:
    name: str
    call: Callable[[int], str]


@dataclass
class Unknown:
    name: str
    size: Decimal


@pytest.mark.parametrize(("cls", "closed"), [(Tree, {"name"}), (Odd, {"name"}), (Unknown, set())])
def test_of_types_that_can_t_be_told_nothing_is_promised(cls: type, closed: set[str]) -> None:
    assert secretless(cls) == closed
