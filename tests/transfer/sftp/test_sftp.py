from __future__ import annotations

import asyncio
import tracemalloc

import asyncssh
import pytest

from mediaglot.gateway.faults import (
    DeliveryFailed,
    NoSpace,
    SourceForbidden,
    SourceMissing,
    SourceTimeout,
    SourceTooLarge,
    SourceUnreachable,
)
from mediaglot.gateway.transfer import Receipt


def files(folder):
    """Every file there, however hidden."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.heavy
async def test_a_file_is_fetched_from_the_root_and_from_home(sshd, pull, at, body):
    there, seen = await sshd(), []
    (there.folder / "größe 1.mp4").write_bytes(body)
    (there.home / "b.mp4").write_bytes(b"home")
    url = there.url("gr%C3%B6%C3%9Fe%201.mp4?switch=x")
    assert await pull(at(url), on_progress=lambda *now: seen.append(now)) == body
    assert seen[-1] == (len(body), len(body))
    assert await pull(at(there.url("~/b.mp4"))) == b"home"
    assert await pull(at(there.url("home/b.mp4"))) == b"home"


async def test_an_empty_file_is_a_file(sshd, pull, sftp, at, tmp_path):
    there = await sshd()
    (tmp_path / "empty").touch()
    await sftp.deliver(tmp_path / "empty", at(there.url("a/b")))
    assert await pull(at(there.url("a/b"))) == b""


@pytest.mark.heavy
async def test_a_fetch_that_is_cut_goes_on_where_it_broke(sshd, pull, at, body):
    there = await sshd(cuts=[5_000_000, 2_000_000])
    (there.folder / "a.mp4").write_bytes(body)
    assert await pull(at(there.url("a.mp4"))) == body
    assert there.logins == 3
    assert there.reads.count(0) == 1, "the beginning is read once"


@pytest.mark.heavy
async def test_a_file_that_changed_between_two_connections_is_begun_anew(sshd, pull, at, body):
    there, other = await sshd(cuts=[5_000_000]), b"x" * 3_000_000
    path = there.folder / "a.mp4"
    path.write_bytes(body)

    def change(*_):
        if there.logins == 1:
            path.write_bytes(other)

    with_change = await pull(at(there.url("a.mp4")), on_progress=change)
    assert with_change == other


@pytest.mark.heavy
async def test_a_file_is_delivered_whole_into_new_directories(sshd, sftp, at, made, body):
    there, seen = await sshd(), []
    url = there.url("x/y%20z/film.mp4")
    receipt = await sftp.deliver(made, at(url), on_progress=lambda *now: seen.append(now))
    assert receipt == Receipt(url=url, size=len(body))
    assert (there.folder / "x" / "y z" / "film.mp4").read_bytes() == body
    assert files(there.folder) == ["x/y z/film.mp4"]
    assert seen[-1] == (len(body), len(body))
    await sftp.deliver(made, at(there.url("~/new/")), name="a.mp4")
    assert files(there.home) == ["new/a.mp4"]


@pytest.mark.heavy
@pytest.mark.parametrize("lacks_rename", [False, True])
async def test_a_file_that_is_there_is_replaced(sshd, sftp, at, made, body, lacks_rename):
    there = await sshd(lacks_rename=lacks_rename)
    (there.folder / "film.mp4").write_bytes(b"old")
    await sftp.deliver(made, at(there.url("film.mp4")))
    assert (there.folder / "film.mp4").read_bytes() == body
    assert files(there.folder) == ["film.mp4"]


@pytest.mark.heavy
async def test_a_delivery_that_is_cut_goes_on_where_it_stopped(sshd, sftp, at, made, body):
    there = await sshd(cuts=[5_000_000, 500_000])
    await sftp.deliver(made, at(there.url("film.mp4")))
    assert (there.folder / "film.mp4").read_bytes() == body
    assert files(there.folder) == ["film.mp4"]
    assert there.reads.count(0) == 1, "the beginning is sent once"
    assert there.logins == 3


@pytest.mark.heavy
async def test_giving_up_leaves_nothing_behind(sshd, sftp, at, made):
    there = await sshd(cuts=[1_000_000, 1, 1, 1])
    with pytest.raises(DeliveryFailed) as caught:
        await sftp.deliver(made, at(there.url("film.mp4")))
    assert caught.value.data == {"reason": "cut"}
    await sftp.close()
    assert files(there.folder) == []


@pytest.mark.heavy
async def test_wrong_credentials_are_told_once(sshd, pull, sftp, at, made):
    there = await sshd()
    for wrong in (at(there.url("x"), "bob"), at(there.url("x"), password="s3cret"), at(there.url("x"), password=None)):
        with pytest.raises(SourceUnreachable) as caught:
            await pull(wrong)
        assert caught.value.data == {"reason": "login"}
        assert "s3cret" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert there.logins == 3
    with pytest.raises(DeliveryFailed):
        await sftp.deliver(made, at(there.url("x"), user=None))
    assert there.logins == 3, "nobody is nobody: no name of the machine's user is tried"


@pytest.mark.heavy
async def test_a_key_lets_in_where_the_url_has_no_password(sshd, client, pull, at, body, tmp_path):
    there, key = await sshd(), asyncssh.generate_private_key("ssh-ed25519")
    (there.folder / "a.mp4").write_bytes(body)
    there.allowed = [key.convert_to_public()]
    key.write_private_key(tmp_path / "key")
    keyed = client(ssh_key=tmp_path / "key")
    assert await pull(at(there.url("a.mp4"), password=None), keyed) == body
    with pytest.raises(SourceUnreachable):
        await pull(at(there.url("a.mp4"), password="wrong"), keyed)
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(there.url("a.mp4"), password=None), client(ssh_key=tmp_path / "none"))
    assert caught.value.data == {"reason": "ssh_key"}


@pytest.mark.heavy
async def test_nothing_of_the_machines_user_is_used(sshd, pull, at, body, tmp_path, monkeypatch):
    there, key = await sshd(), asyncssh.generate_private_key("ssh-ed25519")
    there.allowed = [key.convert_to_public()]
    (home := tmp_path / "user" / ".ssh").mkdir(parents=True)
    key.write_private_key(home / "id_ed25519")
    (home / "config").write_text(f"Host *\n  User ann\n  IdentityFile {home}/id_ed25519\n  Port 1\n")
    monkeypatch.setenv("HOME", str(home.parent))
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(there.url("a.mp4"), password=None))
    assert caught.value.data == {"reason": "login"}


@pytest.mark.heavy
async def test_a_missing_file_is_missing_and_a_locked_one_refused(sshd, pull, sftp, at, made, tmp_path):
    there = await sshd()
    with pytest.raises(SourceMissing) as caught:
        await pull(at(there.url("none.mp4")))
    assert caught.value.data == {"reason": "No such file"}
    (there.folder / "taken").write_bytes(b"")
    with pytest.raises(DeliveryFailed):
        await sftp.deliver(made, at(there.url("taken/film.mp4")))
    assert not (tmp_path / "target").exists()


@pytest.mark.heavy
async def test_a_full_disk_says_so_on_either_side(sshd, pull, sftp, at, made, body, request, tmp_path):
    there = await sshd()
    (there.folder / "a.mp4").write_bytes(body)
    request.getfixturevalue("small_disk")
    with pytest.raises(NoSpace):
        await pull(at(there.url("a.mp4")))
    assert not (tmp_path / "target").exists()
    with pytest.raises(DeliveryFailed):
        await sftp.deliver(made, at(there.url("b.mp4")))
    await sftp.close()
    assert files(there.folder) == ["a.mp4"]


@pytest.mark.heavy
async def test_a_server_that_stalls_is_given_up(sshd, client, pull, at, body, made):
    there = await sshd(stalls=[5_000_000, 0, 5_000_000, 0])
    (there.folder / "a.mp4").write_bytes(body)
    hasty = client({"stall_timeout": 0.5})
    with pytest.raises(SourceTimeout) as caught:
        await pull(at(there.url("a.mp4")), hasty)
    assert caught.value.data == {"seconds": 0.5, "reason": "stall"}
    with pytest.raises(DeliveryFailed) as failed:
        await hasty.deliver(made, at(there.url("b.mp4")))
    assert failed.value.data == {"seconds": 0.5, "reason": "stall"}
    await hasty.close()
    assert files(there.folder) == ["a.mp4"]


@pytest.mark.parametrize(
    "greeting",
    [b"", b"x" * 100_000, b"SSH-2.0-Liar\r\n", b"SSH-2.0-\xff\r\n", b"HTTP/1.1 400 no\r\n\r\n" * 5_000],
)
async def test_what_is_no_ssh_server_is_given_up(client, pull, at, greeting):
    held = []

    async def talk(_, writer):
        held.append(writer)
        writer.write(greeting)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        with pytest.raises(SourceUnreachable):
            await pull(at(f"sftp://127.0.0.1:{server.sockets[0].getsockname()[1]}/a"), client({"connect_timeout": 0.3}))
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()
        await server.wait_closed()


@pytest.mark.heavy
async def test_cancelling_ends_it_at_once_and_cleans_up(sshd, sftp, at, made, body):
    there, reached = await sshd(stalls=[5_000_000]), asyncio.Event()
    place = at(there.url("film.mp4"))
    task = asyncio.create_task(sftp.deliver(made, place, on_progress=lambda *_: reached.set()))
    await reached.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    await sftp.deliver(made, place)
    await sftp.close()
    assert files(there.folder) == ["film.mp4"]
    assert (there.folder / "film.mp4").read_bytes() == body


@pytest.mark.heavy
async def test_too_much_is_refused(sshd, client, pull, at, body):
    there = await sshd()
    (there.folder / "a.mp4").write_bytes(body)
    with pytest.raises(SourceTooLarge):
        await pull(at(there.url("a.mp4")), client({"max_bytes": 1_000_000}))
    assert there.reads == []


async def test_an_address_that_may_not_be_reached_is_not_dialled(sshd, client, pull, at):
    there = await sshd()
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(SourceForbidden):
            await pull(at(there.url("a").replace("127.0.0.1", host)), client({"local_addresses": False}))
    assert there.logins == 0


@pytest.mark.parametrize("path", ["a%00b", "a%0Ab", ""])
async def test_a_path_that_is_none_is_refused(sshd, pull, at, path):
    with pytest.raises(SourceForbidden):
        await pull(at((await sshd()).url(path)))


@pytest.mark.heavy
async def test_a_hundred_at_once(sshd, sftp, at, tmp_path):
    there, small = await sshd(), tmp_path / "small"
    small.write_bytes(bytes(range(256)) * 1500)
    (there.folder / "film.mp4").write_bytes(small.read_bytes())
    targets = [tmp_path / f"target{n}" for n in range(50)]
    await asyncio.gather(
        *(sftp.deliver(small, at(there.url(f"a/b/{n}.mp4"))) for n in range(50)),
        *(sftp.fetch(at(there.url("film.mp4")), target) for target in targets),
    )
    assert len(files(there.folder)) == 51
    assert all((there.folder / name).read_bytes() == small.read_bytes() for name in files(there.folder))
    assert all(target.read_bytes() == small.read_bytes() for target in targets)


@pytest.mark.heavy
async def test_a_large_file_takes_no_more_memory_than_a_small_one(sshd, sftp, at, tmp_path):
    there, size = await sshd(), 64 << 20
    with (there.folder / "film.mp4").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        await sftp.fetch(at(there.url("film.mp4")), tmp_path / "target")
        await sftp.deliver(tmp_path / "target", at(there.url("copy.mp4")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (there.folder / "copy.mp4").stat().st_size == size
    assert peak < 32 << 20, "of both sides, with all that is on the way between them"
