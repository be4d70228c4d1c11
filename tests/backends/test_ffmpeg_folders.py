"""What the craft of FFmpeg leaves lying around: nothing that no job wants."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.model import File, Job, Location, Made, Output, Ticket
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.mapped import Mapped
from mediaglot.gateway.transfer.policy import Policy


def ticket(folder: str) -> Ticket:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return Ticket(id="1", account="a", dialect="d", job=Job(), created=created, ids={"folder": folder})


@pytest.fixture
def craft(tmp_path: Path) -> FFmpegCraft:
    unused: Any = None
    made = FFmpegCraft(tmp_path, unused, unused, unused)
    for room in (made.work, made.outputs):
        for name in ("one", "two"):
            (room / name).mkdir()
            (room / name / "file").write_bytes(b"x")
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_start_keeps_the_work_files_of_living_jobs_only(craft: FFmpegCraft) -> None:
    assert craft.left() == {"one", "two"}
    craft.sweep(["one"])
    assert names(craft.work) == ["two"]
    assert names(craft.outputs) == ["one", "two"], "results are never swept"


async def test_work_files_and_results_go_separately(craft: FFmpegCraft) -> None:
    craft.clear(ticket("one"))
    await craft.empty()
    assert (names(craft.work), names(craft.outputs)) == (["two"], ["one", "two"])
    craft.discard(ticket("one"))
    await craft.empty()
    assert (names(craft.work), names(craft.outputs)) == (["two"], ["two"])


def test_what_is_forgotten_is_out_of_the_way_at_once_and_deleted_by_the_next_start_at_the_latest(
    craft: FFmpegCraft,
) -> None:
    for forget in (craft.clear, craft.discard):
        forget(ticket("one"))
        forget(ticket("never made"))
    for room in (craft.work, craft.outputs):
        assert not (room / "one").exists()
        assert len(list(room.glob("*/file"))) == 2, "deleted on the event loop"
    assert craft.left() == {"two"}
    assert (names(craft.work), names(craft.outputs)) == (["two"], ["two"])


async def test_results_of_a_job_that_is_stopped_while_they_are_kept_go_with_it(craft: FFmpegCraft) -> None:
    job, products = replace(ticket("one"), outputs=(Made(id="o"),)), []
    for number in range(3000):
        path = craft.work / "one" / f"{number}.ts"
        path.write_bytes(b"x")
        products.append(Product(path=path, name=f"{number}/a.ts", file=File(path="a.ts", size=1)))
    keeping = asyncio.create_task(craft.keep(job, 0, tuple(products)))
    while not (craft.outputs / "one" / "o").exists():  # noqa: ASYNC110  (a thread, which tells nobody)
        await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.wait({keeping})
    craft.discard(job)
    await craft.empty()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert names(craft.outputs) == ["two"]


@pytest.mark.parametrize("place", ["s3://bucket", "ftp://host", "s3://bucket/", "ftp://host/"])
@pytest.mark.parametrize("roles", [("still", "still"), ("sheet", "sheet", "cues")])
async def test_several_files_go_below_a_bucket_or_a_host_alone(
    tmp_path: Path, place: str, roles: tuple[str, ...]
) -> None:
    carrier = Carrier(Policy(), mounts=[Mapped(Policy(), rest=tmp_path / "storage")])
    unused: Any = None
    craft = FFmpegCraft(tmp_path, unused, unused, carrier)
    output = Output(destinations=(Location(url=place),))
    job = replace(ticket("one"), job=Job(outputs=(output,)))
    products = []
    for number, role in enumerate(roles):
        path = craft.work / f"{number}"
        path.write_bytes(b"x")
        products.append(Product(path=path, name=f"{role}-{number}", file=File(path=f"{number}", size=1, role=role)))
    await craft.deliver(job, 0, 0, tuple(products))
    (room,) = (tmp_path / "storage").glob("*/*")
    assert names(room) == sorted(product.name or "" for product in products)
