"""Ids that are drawn by chance, without a counter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random

from mediaglot.gateway.ids import Drawn, Stamped, Uuid

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_drawn_ids_keep_to_their_alphabet_and_length() -> None:
    ids, chance = Drawn("abc23", 11), Random(1)
    drawn = [ids.mint(0, NOW, chance) for _ in range(200)]
    assert ids.counter is None
    assert all(re.fullmatch("[abc23]{11}", each) for each in drawn)
    assert len(set(drawn)) == 200


def test_uuids_come_with_and_without_hyphens() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", Uuid().mint(0, NOW, Random(1)))
    assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", Uuid(hyphens=False).mint(0, NOW, Random(1)))


def test_stamped_ids_tell_their_second() -> None:
    ids, chance = Stamped(), Random(1)
    drawn = [ids.mint(0, NOW, chance) for _ in range(200)]
    assert all(re.fullmatch(r"1767225600-[1-9]\d{3}", each) for each in drawn)
    assert len(set(drawn)) > 150
