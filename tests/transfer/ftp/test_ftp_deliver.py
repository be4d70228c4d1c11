from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from mediaglot.gateway.faults import DeliveryFailed, DeliveryForbidden
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Receipt
from mediaglot.gateway.transfer.ftp import Ftp


def files(folder):
    """Every file there, however hidden."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("tls", [None, "explicit", "implicit"])
@pytest.mark.parametrize("query", ["", "passive=no"], ids=["passive", "active"])
async def test_a_file_is_delivered_whole_into_new_directories(ftpd, ftp, made, at, tls, query):
    there, seen = ftpd(tls), []
    url = there.url("x/y%20z/film.mp4", query=query)
    receipt = await ftp.deliver(made, at(url), on_progress=lambda *now: seen.append(now))
    size = made.stat().st_size
    assert receipt == Receipt(url=url.partition("?")[0], size=size)
    assert (there.folder / "x" / "y z" / "film.mp4").read_bytes() == made.read_bytes()
    assert files(there.folder) == ["x/y z/film.mp4"]
    assert seen[-1] == (size, size)
    stored = next(line for line in there.said if line.startswith("STOR"))
    assert "film.mp4" not in stored, "nobody may see half a film under its name"


@pytest.mark.parametrize(("path", "file"), [("", "a b.mp4"), ("in/", "in/a b.mp4")])
async def test_a_directory_takes_the_name_that_is_given(ftpd, ftp, made, at, path, file):
    there = ftpd()
    await ftp.deliver(made, at(there.url(path)), name="a b.mp4")
    assert files(there.folder) == [file]


async def test_a_host_alone_is_a_directory(ftpd, ftp, made, at):
    there = ftpd()
    receipt = await ftp.deliver(made, at(there.url("").rstrip("/")), name="a.mp4")
    assert receipt.url == there.url("a.mp4")
    assert files(there.folder) == ["a.mp4"]


@pytest.mark.heavy
@pytest.mark.parametrize("tls", [None, "explicit", "implicit"])
@pytest.mark.parametrize("lacks", [set(), {"REST"}, {"SIZE"}], ids=["rest", "appe", "anew"])
async def test_a_delivery_that_is_cut_goes_on_where_it_stopped(ftpd, ftp, made, at, tls, lacks):
    there = ftpd(tls)
    there.cuts, there.lacks = [300_000, 400_000], lacks
    await ftp.deliver(made, at(there.url("film.mp4")))
    assert (there.folder / "film.mp4").read_bytes() == made.read_bytes()
    assert files(there.folder) == ["film.mp4"]
    starts = [int(line.split()[1]) for line in there.said if line.startswith("REST")]
    assert (len(starts) == 2 and 0 < starts[0] < starts[1]) or lacks == {"SIZE"} or len(starts) == 1
    assert any(line.startswith("APPE") for line in there.said) == (lacks == {"REST"})


async def test_a_file_that_is_there_is_replaced_and_a_stale_part_too(ftpd, ftp, made, at):
    there = ftpd()
    there.cuts = [300_000] * 9
    with pytest.raises(DeliveryFailed):
        await ftp.deliver(made, at(there.url("film.mp4")), limits=replace(ftp._policy, tries=1))
    stale = next(line.split(" ", 1)[1] for line in there.said if line.startswith("STOR"))
    await ftp.close()
    there.cuts = []
    (there.folder / stale).write_bytes(b"what a killed process left" * 200_000)
    (there.folder / "film.mp4").write_bytes(b"old")
    await ftp.deliver(made, at(there.url("film.mp4")))
    assert (there.folder / "film.mp4").read_bytes() == made.read_bytes()
    assert files(there.folder) == ["film.mp4"]


async def test_giving_up_leaves_nothing_behind(ftpd, trusting, eager, made, at):
    there = ftpd()
    there.cuts = [300_000] + [1] * 30
    client = Ftp(trusting, eager)
    with pytest.raises(DeliveryFailed) as caught:
        await client.deliver(made, at(there.url("film.mp4")))
    assert caught.value.data["reason"] in {"cut", "refused"}
    await client.close()
    assert files(there.folder) == []


async def test_a_server_whose_disk_is_full_keeps_nothing(ftpd, ftp, made, at, request):
    there = ftpd()
    request.getfixturevalue("small_disk")
    with pytest.raises(DeliveryFailed):
        await ftp.deliver(made, at(there.url("film.mp4")))
    await ftp.close()
    assert files(there.folder) == []


@pytest.mark.heavy
async def test_a_server_that_stalls_is_given_up(ftpd, trusting, eager, made, at, tmp_path):
    there, big = ftpd(), tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20) * 24)  # more than two sockets take in without a reader
    there.stalls = [200_000] + [0] * 9
    client = Ftp(replace(trusting, stall_timeout=0.3, connect_timeout=0.3), eager)
    with pytest.raises(DeliveryFailed) as caught:
        await client.deliver(big, at(there.url("film.mp4")))
    assert caught.value.data == {"seconds": 0.3, "reason": "stall"}
    await client.close()
    assert "film.mp4" not in files(there.folder)


async def test_cancelling_ends_it_at_once_and_cleans_up(ftpd, ftp, made, at, tmp_path):
    there, big = ftpd(), tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20) * 24)
    there.stalls = [400_000]
    place = at(there.url("film.mp4"))
    task = asyncio.create_task(ftp.deliver(big, place))
    assert await asyncio.to_thread(there.silent.wait, 60)
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    await ftp.deliver(made, place)
    await ftp.close()
    assert files(there.folder) == ["film.mp4"]
    assert (there.folder / "film.mp4").read_bytes() == made.read_bytes()


async def test_wrong_credentials_are_told_once(ftpd, ftp, made, at):
    there = ftpd()
    with pytest.raises(DeliveryFailed) as caught:
        await ftp.deliver(made, at(there.url("film.mp4"), password="wrong"))
    assert caught.value.data == {"status": 530, "reason": "login"}
    assert sum(line.startswith("USER") for line in there.said) == 1


async def test_a_place_that_may_not_be_written_is_refused(ftpd, ftp, made, at):
    there = ftpd()
    with pytest.raises(DeliveryFailed) as caught:
        await ftp.deliver(made, at(there.url("a/b/film.mp4"), user=None))
    assert caught.value.data["status"] == 550
    assert files(there.folder) == []


@pytest.mark.parametrize("path", ["a%0D%0Ab/film.mp4", "a%00", "%0A.mp4"])
async def test_a_path_is_one_line(ftpd, ftp, made, at, path):
    there = ftpd()
    with pytest.raises((DeliveryForbidden, DeliveryFailed)):
        await ftp.deliver(made, at(there.url(path)))
    assert there.said == []


async def test_a_file_that_is_not_there_is_no_delivery(ftpd, ftp, at, tmp_path):
    with pytest.raises(DeliveryFailed) as caught:
        await ftp.deliver(tmp_path / "none", at(ftpd().url("film.mp4")))
    assert caught.value.data == {"reason": "no_file"}


@pytest.mark.heavy
async def test_a_hundred_at_once_into_one_new_directory(ftpd, ftp, made, at):
    there = ftpd()
    await asyncio.gather(*(ftp.deliver(made, at(there.url(f"a/b/{n}.mp4"))) for n in range(100)))
    assert len(files(there.folder)) == 100
    assert all((there.folder / name).read_bytes() == made.read_bytes() for name in files(there.folder))


async def test_plain_ftp_is_encrypted_where_the_house_wants_it(ftpd, trusting, eager, made, at):
    there, plain = ftpd("explicit"), ftpd()
    for wish in ("offered", "always"):
        client = Ftp(replace(trusting, trust=replace(trusting.trust, ftp_tls=wish)), eager)
        await client.deliver(made, Location(url=there.url("a.mp4", "ftp").partition("?")[0], access=at("").access))
        assert "AUTH TLS" in there.said
        if wish == "offered":
            await client.deliver(made, at(plain.url("a.mp4")))
            assert files(plain.folder) == ["a.mp4"]
        else:
            with pytest.raises(DeliveryFailed):
                await client.deliver(made, at(plain.url("b.mp4")))
    assert files(plain.folder) == ["a.mp4"]
