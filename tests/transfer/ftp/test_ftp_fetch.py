from __future__ import annotations

import asyncio
import os
import tracemalloc
from dataclasses import replace

import pytest

from mediaglot.gateway.faults import (
    NoSpace,
    SourceForbidden,
    SourceMissing,
    SourceTimeout,
    SourceTooLarge,
    SourceUnreachable,
)
from mediaglot.gateway.transfer.ftp import Ftp

KINDS = pytest.mark.parametrize("tls", [None, "explicit", "implicit"])
BOTH = pytest.mark.parametrize("query", ["", "passive=no"], ids=["passive", "active"])


def put(ftpd, made, name="a b/film.mp4"):
    path = ftpd.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.read_bytes())
    return path


@KINDS
@BOTH
async def test_a_file_is_fetched(ftpd, pull, made, at, tls, query):
    there, seen = ftpd(tls), []
    put(there, made)
    location = at(there.url("a%20b/film.mp4;type=i", query=query))
    assert await pull(location, on_progress=lambda *now: seen.append(now)) == made.read_bytes()
    assert seen[-1] == (made.stat().st_size, made.stat().st_size)
    assert any(line.startswith("PORT" if query else "PASV") for line in there.said)


@KINDS
async def test_a_connection_that_is_cut_is_resumed_where_it_broke(ftpd, pull, made, at, tls):
    there = ftpd(tls)
    put(there, made, "film.mp4")
    there.cuts = [300_000, 700_000]
    assert await pull(at(there.url("film.mp4"))) == made.read_bytes()
    starts = [int(line.split()[1]) for line in there.said if line.startswith("REST")]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1]


async def test_a_server_that_knows_no_restart_sends_it_all_again(ftpd, pull, made, at):
    there = ftpd()
    put(there, made, "film.mp4")
    there.cuts, there.lacks = [300_000], {"REST", "SIZE", "MDTM", "PASV"}
    assert await pull(at(there.url("film.mp4"))) == made.read_bytes()
    assert "EPSV" in there.said


async def test_a_file_that_changed_between_two_connections_is_begun_anew(ftpd, pull, made, at):
    there = ftpd()
    path, other = put(there, made, "film.mp4"), bytes(900_000)
    there.cuts = [300_000]

    def change(*_):
        if path.stat().st_size != len(other):
            path.write_bytes(other)

    assert await pull(at(there.url("film.mp4")), on_progress=change) == other


@pytest.mark.parametrize("user", [None, "nobody"])
async def test_strangers_are_let_in_by_name_only(ftpd, pull, made, at, user):
    there = ftpd()
    put(there, made, "film.mp4")
    if user is None:
        assert await pull(at(there.url("film.mp4"), user=None)) == made.read_bytes()
        assert "USER anonymous" in there.said
        return
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(there.url("film.mp4"), user=user))
    assert caught.value.data == {"status": 530, "reason": "login"}
    assert sum(line.startswith("USER") for line in there.said) == 1, "a refusal is no accident"


async def test_a_missing_file_is_missing(ftpd, pull, at, tmp_path):
    with pytest.raises(SourceMissing) as caught:
        await pull(at(ftpd().url("none.mp4")))
    assert caught.value.data["status"] == 550
    assert not list(tmp_path.glob("*target*")), "nothing is left"


@pytest.mark.heavy
async def test_a_server_that_stalls_is_given_up(ftpd, trusting, eager, made, at, pull):
    there = ftpd()
    put(there, made, "film.mp4")
    there.stalls = [200_000, 0]
    client = Ftp(replace(trusting, stall_timeout=0.2, connect_timeout=0.2), eager)
    with pytest.raises(SourceTimeout) as caught:
        await pull(at(there.url("film.mp4")), client)
    assert caught.value.data == {"seconds": 0.2, "reason": "stall"}
    assert "REST" in " ".join(there.said)


async def test_cancelling_ends_it_at_once(ftpd, ftp, made, at, tmp_path):
    there, reached = ftpd(), asyncio.Event()
    put(there, made, "film.mp4")
    there.stalls = [400_000]
    task = asyncio.create_task(
        ftp.fetch(at(there.url("film.mp4")), tmp_path / "target", on_progress=lambda *_: reached.set())
    )
    await reached.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not list(tmp_path.glob("*target*"))
    assert not list(tmp_path.glob("*.part"))


async def test_too_much_is_refused_before_and_in_the_middle(ftpd, pull, trusting, made, at):
    there = ftpd()
    put(there, made, "film.mp4")
    for lacks in (set(), {"SIZE"}):
        there.lacks = lacks
        with pytest.raises(SourceTooLarge):
            await pull(at(there.url("film.mp4")), limits=replace(trusting, max_bytes=1_000_000))


async def test_a_full_disk_says_so(ftpd, pull, made, at, request, tmp_path):
    there = ftpd()
    put(there, made, "film.mp4")
    request.getfixturevalue("small_disk")
    with pytest.raises(NoSpace):
        await pull(at(there.url("film.mp4")))
    assert not (tmp_path / "target").exists()
    assert sum(line.startswith("RETR") for line in there.said) == 1


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(ftpd, local, eager, pull, made, at, tls):
    there = ftpd(tls)
    put(there, made, "film.mp4")
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(there.url("film.mp4")), Ftp(local, eager))
    assert caught.value.data == {"reason": "tls"}
    assert not any(line.startswith("USER") for line in there.said), "no credential goes to a stranger"


async def test_the_certificate_is_the_hosts(ftpd, ftp, pull, made, at):
    there = ftpd("explicit")
    put(there, made, "film.mp4")
    url = there.url("film.mp4")
    assert await pull(at(url.replace("127.0.0.1", "localhost"))) == made.read_bytes()
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(url.replace("127.0.0.1", "127.0.0.2")))
    assert caught.value.data["reason"] in {"tls", "connection"}


@pytest.mark.parametrize(
    "credentials", [("ann\r\nDELE film.mp4", "x"), ("ann", "x\r\nDELE film.mp4"), ("a\0nn", "x"), ("ann", "\n")]
)
async def test_credentials_are_one_line(ftpd, pull, made, at, credentials):
    there = ftpd()
    put(there, made, "film.mp4")
    with pytest.raises(SourceForbidden):
        await pull(at(there.url("film.mp4"), *credentials))
    assert there.said == []


@pytest.mark.parametrize("path", ["a%0D%0ADELE%20film.mp4", "a%0a", "a%00.mp4", ""])
async def test_a_path_is_one_line(ftpd, pull, at, path):
    there = ftpd()
    with pytest.raises((SourceForbidden, SourceMissing)):
        await pull(at(there.url(path)))
    assert not any(line.startswith("DELE") for line in there.said)


async def test_a_name_of_any_bytes_is_asked_for_as_it_is(ftpd, pull, made, at):
    there = ftpd()
    put(there, made, os.fsdecode("größe #1?.mp4".encode()))
    assert await pull(at(there.url("gr%C3%B6%C3%9Fe%20%231%3F.mp4"))) == made.read_bytes()


async def test_an_address_that_may_not_be_reached_is_not_dialled(ftpd, trusting, eager, pull, made, at):
    there = ftpd()
    put(there, made, "film.mp4")
    client = Ftp(replace(trusting, local_addresses=False), eager)
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        with pytest.raises(SourceForbidden):
            await pull(at(there.url("film.mp4").replace("127.0.0.1", host)), client)
    assert there.said == []


@pytest.mark.heavy
async def test_a_hundred_at_once(ftpd, ftp, made, at, tmp_path):
    there = ftpd()
    put(there, made, "film.mp4")
    targets = [tmp_path / f"target{n}" for n in range(100)]
    await asyncio.gather(*(ftp.fetch(at(there.url("film.mp4")), target) for target in targets))
    assert {target.stat().st_size for target in targets} == {made.stat().st_size}
    assert all(target.read_bytes() == made.read_bytes() for target in targets)


@pytest.mark.heavy
@pytest.mark.parametrize("tls", [None, "explicit"])
async def test_a_large_file_takes_no_more_memory_than_a_small_one(ftpd, ftp, at, tls, tmp_path):
    there, size = ftpd(tls), 64 << 20
    with (there.folder / "film.mp4").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        await ftp.fetch(at(there.url("film.mp4")), tmp_path / "target")
        await ftp.deliver(tmp_path / "target", at(there.url("copy.mp4")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (there.folder / "copy.mp4").stat().st_size == size
    assert peak < 6 << 20, "of both sides"
