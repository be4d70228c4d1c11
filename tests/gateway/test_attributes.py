"""What the table of the model's attributes says of their types."""

from __future__ import annotations

from dataclasses import fields

import pytest

from mediaglot.gateway.model import Audio, Clip, Job, Location, Output, Package, Video
from mediaglot.gateway.model.attribute import secretless


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
