"""Finished outputs that a killed server has not delivered yet."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.stock import Stock
from mediaglot.gateway.loss import Kind, Loss

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = m.MediaFacts(container="mov", size=5, duration=Fraction(1001, 1000))


def ticket(folder: str = "f1", **output: str) -> m.Ticket:
    job = m.Job(
        inputs=(m.Input(location=m.Location(url="http://h.test/a.mp4")),),
        outputs=(m.Output(container="mp4", **output), m.Output(container="webm")),  # type: ignore[arg-type]
    )
    made = (m.Made(id="7", created=NOW), m.Made(id="8", created=NOW))
    return m.Ticket(
        id="1", account="a", dialect="d", job=job, created=NOW, updated=NOW, outputs=made, ids={"folder": folder}
    )


class Room:
    def __init__(self, path: Path) -> None:
        self.work = path / "work"
        self.path = path
        (self.work / "f1" / "out-0").mkdir(parents=True)

    @property
    def stock(self) -> Stock:
        """As after a start."""
        return Stock(self.path / "stock", self.work)

    def product(self, name: str, content: bytes = b"media") -> Product:
        path = self.work / "f1" / "out-0" / name
        path.write_bytes(content)
        return Product(path=path, file=m.File(path=name, size=len(content), facts=FACTS, md5="1"), name=f"so/{name}")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_what_was_lost_of_the_sources_is_known_after_a_start(room: Room) -> None:
    loss = Loss(kind=Kind.APPROXIMATED, path="inputs.0", wanted="4 s", got="3 s")
    one = (replace(room.product("a.mp4"), losses=(loss,)),)
    room.stock.put(ticket(), {0: one})
    assert room.stock.get(ticket(), {0}) == {0: one}


def test_what_was_made_is_found_after_a_start(room: Room) -> None:
    one, two = (room.product("a.mp4"), room.product("b.mp4")), (room.product("c.webm"),)
    room.stock.put(ticket(), {0: one})
    room.stock.put(ticket(), {1: two})
    assert room.stock.get(ticket(), {0, 1}) == {0: one, 1: two}
    assert room.stock.get(ticket(), {1}) == {1: two}
    assert room.stock.get(ticket("f2"), {0, 1}) == {}


def test_an_output_that_is_not_whole_is_not_found(room: Room) -> None:
    one, two = (room.product("a.mp4"), room.product("b.mp4")), (room.product("c.webm"),)
    room.stock.put(ticket(), {0: one, 1: two})
    one[1].path.unlink()
    assert room.stock.get(ticket(), {0, 1}) == {1: two}
    one[1].path.symlink_to(one[0].path)
    assert room.stock.get(ticket(), {0, 1}) == {1: two}


@pytest.mark.parametrize("content", [b"medi", b"MEDIA"])
def test_an_output_that_somebody_wrote_to_is_not_found(room: Room, content: bytes) -> None:
    made = room.product("a.mp4")
    room.stock.put(ticket(), {0: (made,)})
    before = made.path.stat().st_mtime_ns
    made.path.write_bytes(content)
    os.utime(made.path, ns=(before, before + 1))
    assert room.stock.get(ticket(), {0}) == {}


def test_another_output_in_its_place_is_not_taken_for_it(room: Room) -> None:
    room.stock.put(ticket(), {0: (room.product("a.mp4"),)})
    assert room.stock.get(ticket(label="another"), {0}) == {}
    renamed = ticket()
    renamed = replace(renamed, outputs=(replace(renamed.outputs[0], id="9"), renamed.outputs[1]))
    assert room.stock.get(renamed, {0}) == {}


def test_after_a_start_of_the_machine_nothing_is_trusted(room: Room) -> None:
    room.stock.put(ticket(), {0: (room.product("a.mp4"),)})
    (record,) = (room.path / "stock").iterdir()
    record.write_text(record.read_text().replace(json.loads(record.read_text())["boot"], "another"))
    assert room.stock.get(ticket(), {0}) == {}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"boot": 1}', '{"boot": "BOOT", "outputs": {"0": {"mark": 1}}}'])
def test_a_damaged_record_is_none(room: Room, damage: str) -> None:
    room.stock.put(ticket(), {0: (room.product("a.mp4"),)})
    (record,) = (room.path / "stock").iterdir()
    record.write_text(damage.replace("BOOT", json.loads(record.read_text())["boot"]))
    assert room.stock.get(ticket(), {0}) == {}


def test_what_has_ended_is_forgotten(room: Room) -> None:
    made = room.product("a.mp4")
    for folder in ("f1", "f2", "f3"):
        (room.work / folder).mkdir(exist_ok=True)
    room.stock.put(ticket(), {0: (made,)})
    room.stock.put(ticket("f2"), {})
    assert room.stock.folders() == {"f1"}
    room.stock.drop("f2")
    assert room.stock.get(ticket(), {0}) == {0: (made,)}
    room.stock.forget(ticket())
    assert list((room.path / "stock").iterdir()) == []
    room.stock.put(ticket(), {0: (made,)})
    (room.path / "stock" / "f1.new").write_text("half a reco")
    room.stock.drop("f1")
    assert list((room.path / "stock").iterdir()) == []


def test_a_folder_that_somebody_has_deleted_holds_no_records(room: Room) -> None:
    stock = room.stock
    shutil.rmtree(room.path)
    assert stock.folders() == frozenset()
    stock.drop("f1")
    assert not room.path.exists()
