"""Content types are ours, and not those of the machine at hand."""

from __future__ import annotations

import mimetypes

import pytest

from mediaglot.gateway.media.format import CONTAINERS
from mediaglot.gateway.model.mime import kind_of


@pytest.mark.parametrize("kind", CONTAINERS.values(), ids=CONTAINERS)
def test_all_that_is_made_has_a_type(kind: object) -> None:
    told = kind_of(f"a.{kind.extension}")  # type: ignore[attr-defined]
    assert told is not None
    assert told.startswith(("video/", "audio/", "image/"))


def test_the_machine_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mimetypes.types_map, ".ts", "text/vnd.trolltech.linguist")
    monkeypatch.setitem(mimetypes.types_map, ".unheard", "text/plain")
    assert [kind_of(name) for name in ("a/b.TS", "a.mp4", "a.jpg", "a.unheard", "a")] == [
        "video/mp2t",
        "video/mp4",
        "image/jpeg",
        None,
        None,
    ]
