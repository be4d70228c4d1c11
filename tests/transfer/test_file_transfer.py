from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from mediaglot.gateway.faults import (
    DeliveryFailed,
    DeliveryForbidden,
    NoSpace,
    SourceForbidden,
    SourceMissing,
    SourceTooLarge,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer.disk import Part
from mediaglot.gateway.transfer.file import Files, locate
from mediaglot.gateway.transfer.policy import Policy


def at(path):
    return Location(url="file://" + (path if isinstance(path, str) else quote(str(path))))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def allowed(tmp_path):
    path = tmp_path / "allowed"
    path.mkdir()
    return path


@pytest.fixture
def outside(tmp_path):
    path = tmp_path / "outside"
    path.mkdir()
    return path


@pytest.fixture
def files(allowed):
    return Files(Policy(allow_dirs=(allowed,)))


@pytest.fixture
def reader(allowed):
    return Files(Policy(allow_dirs=(allowed,), file_sources=True))


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(os.urandom(2_500_000))
    return path


async def test_a_file_is_copied_and_directories_are_made(files, allowed, made):
    seen = []
    there = allowed / "new" / "deep" / "a b#ü?.mp4"
    receipt = await files.deliver(made, at(there), on_progress=lambda *now: seen.append(now))
    assert there.read_bytes() == made.read_bytes()
    assert receipt.size == made.stat().st_size
    assert seen[-1] == (receipt.size, receipt.size)
    assert names(there.parent) == [there.name]
    assert there.stat().st_ino != made.stat().st_ino
    assert there.stat().st_mode & 0o777 == 0o666 & ~_umask()


async def test_a_system_without_copies_in_the_kernel_copies_by_hand(files, allowed, made, monkeypatch):
    monkeypatch.delattr(os, "copy_file_range")
    await files.deliver(made, at(allowed / "a.mp4"))
    assert (allowed / "a.mp4").read_bytes() == made.read_bytes()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_a_directory_takes_the_given_name(files, allowed, made):
    receipt = await files.deliver(made, at(f"{allowed}/x/"), name="out 1.mp4")
    assert (allowed / "x" / "out 1.mp4").read_bytes() == made.read_bytes()
    assert receipt.url.endswith("/x/out%201.mp4")


async def test_a_file_that_is_there_is_replaced_at_once(files, allowed, made):
    there = allowed / "x.mp4"
    there.write_bytes(b"old")
    sizes = []
    with there.open("rb") as open_before:
        await files.deliver(made, at(there), on_progress=lambda *_: sizes.append(there.stat().st_size))
        assert open_before.read() == b"old"
    assert set(sizes) == {3}
    assert there.read_bytes() == made.read_bytes()


async def test_a_failed_copy_leaves_the_old_file(files, allowed, tmp_path):
    there = allowed / "x.mp4"
    there.write_bytes(b"old")
    with pytest.raises(DeliveryFailed) as caught:
        await files.deliver(tmp_path / "gone.mp4", at(there))
    assert caught.value.data == {"reason": "missing"}
    assert there.read_bytes() == b"old"
    assert names(allowed) == ["x.mp4"]


async def test_a_cancelled_delivery_leaves_nothing(files, allowed, made):
    task = asyncio.current_task()
    with pytest.raises(asyncio.CancelledError):
        await files.deliver(made, at(allowed / "x.mp4"), on_progress=lambda *_: task.cancel())
    task.uncancel()
    assert names(allowed) == []


async def test_what_a_killed_server_left_is_cleared_away(files, allowed, made):
    part = Part("x.mp4", lambda: os.open(allowed, os.O_RDONLY), seed=str(made))
    await part.__aenter__()
    await part.write(b"half")
    assert len(names(allowed)) == 1
    await files.deliver(made, at(allowed / "x.mp4"))
    assert names(allowed) == ["x.mp4"]
    await part.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("{allowed}/../outside/x", "traversal"),
        ("{allowed}/%2e%2e/outside/x", "traversal"),
        ("{allowed}/..%2foutside%2fx", "traversal"),
        ("{allowed}/a/../x", "traversal"),
        ("{outside}/x", "outside"),
        ("{allowed}-not/x", "outside"),
        ("{allowed}", "outside"),
        ("/etc/cron.d/x", "outside"),
        ("{allowed}/x%00.mp4", "path"),
        ("{allowed}/x?y", "path"),
        ("{allowed}/x#y", "path"),
        ("relative/x", "host"),
        ("other.host{allowed}/x", "host"),
    ],
)
async def test_paths_that_lead_out_are_forbidden(files, allowed, outside, made, path, reason):
    with pytest.raises(DeliveryForbidden) as caught:
        await files.deliver(made, at(path.format(allowed=allowed, outside=outside)))
    assert caught.value.data == {"reason": reason}
    assert names(outside) == names(allowed) == []


async def test_without_an_allowed_directory_nothing_is_allowed(made, tmp_path):
    with pytest.raises(DeliveryForbidden):
        await Files(Policy()).deliver(made, at(tmp_path / "x"))


async def test_a_linked_directory_that_leads_out_is_forbidden(files, allowed, outside, made):
    (allowed / "door").symlink_to(outside)
    with pytest.raises(DeliveryForbidden):
        await files.deliver(made, at(allowed / "door" / "new" / "x"))
    assert names(outside) == []


@pytest.mark.parametrize("dangling", [True, False])
async def test_a_linked_file_that_leads_out_is_forbidden(files, allowed, outside, made, dangling):
    secret = outside / "secret"
    if not dangling:
        secret.write_bytes(b"keep")
    (allowed / "x").symlink_to(secret)
    with pytest.raises(DeliveryForbidden):
        await files.deliver(made, at(allowed / "x"))
    assert secret.exists() is not dangling


async def test_links_that_stay_inside_and_a_linked_allowed_directory_are_followed(tmp_path, allowed, made):
    (tmp_path / "alias").symlink_to(allowed)
    (allowed / "real").mkdir()
    (allowed / "link").symlink_to("real")
    files = Files(Policy(allow_dirs=(tmp_path / "alias",)))
    await files.deliver(made, at(tmp_path / "alias" / "link" / "x"))
    assert (allowed / "real" / "x").read_bytes() == made.read_bytes()


async def test_a_link_slipped_in_after_the_check_is_not_followed(files, allowed, outside, made, monkeypatch):
    from mediaglot.gateway.transfer import file

    (allowed / "sub").mkdir()
    locate = file.locate

    def then_swap(url, policy):
        place = locate(url, policy)
        (allowed / "sub").rmdir()
        (allowed / "sub").symlink_to(outside)
        return place

    monkeypatch.setattr(file, "locate", then_swap)
    with pytest.raises(DeliveryFailed):
        await files.deliver(made, at(allowed / "sub" / "x"))
    assert names(outside) == []


async def test_a_loop_of_links_is_a_failure(files, allowed, made):
    (allowed / "a").symlink_to("b")
    (allowed / "b").symlink_to("a")
    with pytest.raises(DeliveryFailed):
        await files.deliver(made, at(allowed / "a" / "x"))


async def test_obstacles_have_names(files, allowed, made):
    (allowed / "dir").mkdir()
    (allowed / "file").write_bytes(b"")
    for path, reason in [("dir", "directory"), ("file/x", "not_a_directory"), ("n" * 300, "name")]:
        with pytest.raises(DeliveryFailed) as caught:
            await files.deliver(made, at(allowed / path))
        assert caught.value.data == {"reason": reason}


NOBODY = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from mediaglot.gateway.faults import DeliveryFailed
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer.file import Files
from mediaglot.gateway.transfer.policy import Policy
folder = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    files = Files(Policy(allow_dirs=(folder,)))
    asyncio.run(files.deliver(folder / "made", Location(url=f"file://{folder}/x")))
except DeliveryFailed as fault:
    print(fault.data)
"""


def test_a_directory_without_permission_is_a_failed_delivery():
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "made").write_bytes(b"x")
        Path(name).chmod(0o555)
        done = subprocess.run([sys.executable, "-c", NOBODY, name], capture_output=True, text=True, check=True)
        Path(name).chmod(0o755)
    assert done.stdout == "{'reason': 'permission'}\n"


@pytest.mark.heavy
async def test_a_hundred_to_the_same_name_end_as_one_whole_file(files, allowed, tmp_path):
    sources = [tmp_path / f"made{number}" for number in range(100)]
    for number, source in enumerate(sources):
        source.write_bytes(bytes([number]) * 100_000)
    await asyncio.gather(*(files.deliver(source, at(allowed / "x")) for source in sources))
    assert len(set((allowed / "x").read_bytes())) == 1
    assert names(allowed) == ["x"]


# --- full disks ----------------------------------------------------------------------------------


@pytest.fixture
def tiny(allowed):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", allowed], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a tmpfs is not allowed here; the size limit of the next test stands in")
    yield allowed
    subprocess.run(["umount", allowed], check=True)


async def test_a_full_disk_is_no_space_and_keeps_no_part(files, tiny, made):
    with pytest.raises(NoSpace):
        await files.deliver(made, at(tiny / "x"))
    assert names(tiny) == []


LIMITED = """
import asyncio, os, resource, sys
from pathlib import Path
from mediaglot.gateway.faults import NoSpace
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer.file import Files
from mediaglot.gateway.transfer.policy import Policy
source, allowed = map(Path, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    asyncio.run(Files(Policy(allow_dirs=(allowed,))).deliver(source, Location(url=f"file://{allowed}/x")))
except NoSpace:
    print(os.listdir(allowed))
"""


def test_a_file_over_the_size_limit_of_the_process_is_no_space(allowed, made):
    done = subprocess.run([sys.executable, "-c", LIMITED, made, allowed], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- sources -------------------------------------------------------------------------------------


async def test_a_source_below_an_allowed_directory_is_read(reader, allowed, made, tmp_path):
    source = allowed / "in put.mp4"
    source.write_bytes(made.read_bytes())
    fetched = await reader.fetch(at(source), tmp_path / "target")
    assert (fetched.size, fetched.name) == (source.stat().st_size, "in put.mp4")
    assert (tmp_path / "target").read_bytes() == made.read_bytes()


async def test_a_source_is_the_very_file_where_that_can_be(reader, allowed, made, tmp_path):
    source = allowed / "a.mp4"
    source.write_bytes(b"film")
    (tmp_path / "in").write_bytes(b"what was there")
    told = []
    fetched = await reader.fetch(
        at(source), tmp_path / "in", on_progress=lambda done, whole: told.append((done, whole))
    )
    assert (fetched.size, told, (tmp_path / "in").samefile(source)) == (4, [(4, 4)], True)


async def test_a_source_that_can_t_be_linked_is_copied(reader, allowed, tmp_path, monkeypatch):
    source = allowed / "a.mp4"
    source.write_bytes(b"film")

    def refuse(*_, **__):
        raise OSError(errno.EXDEV, "between two file systems")

    monkeypatch.setattr(os, "link", refuse)
    fetched = await reader.fetch(at(source), tmp_path / "in")
    assert (fetched.path, fetched.size, fetched.name) == (tmp_path / "in", 4, "a.mp4")
    assert (tmp_path / "in").read_bytes() == b"film"
    assert not (tmp_path / "in").samefile(source)


async def test_sources_must_be_switched_on(files, allowed, tmp_path):
    (allowed / "x").write_bytes(b"x")
    with pytest.raises(SourceForbidden):
        await files.fetch(at(allowed / "x"), tmp_path / "target")


async def test_sources_that_are_not_there_or_no_files(reader, allowed, tmp_path):
    os.mkfifo(allowed / "pipe")
    (allowed / "dir").mkdir()
    for name, reason in [("none", "missing"), ("pipe", "not_a_file"), ("dir", "not_a_file")]:
        with pytest.raises(SourceMissing) as caught:
            await reader.fetch(at(allowed / name), tmp_path / "target")
        assert caught.value.data == {"reason": reason}
    assert not (tmp_path / "target").exists()


async def test_a_source_that_leads_out_is_forbidden(reader, allowed, outside, tmp_path):
    (outside / "secret").write_bytes(b"x")
    (allowed / "x").symlink_to(outside / "secret")
    with pytest.raises(SourceForbidden):
        await reader.fetch(at(allowed / "x"), tmp_path / "target")


def test_a_link_slipped_in_for_a_source_is_not_followed(allowed, outside):
    (outside / "secret").write_bytes(b"x")
    (allowed / "x").write_bytes(b"x")
    place = locate(at(allowed / "x").url, Policy(allow_dirs=(allowed,)))
    (allowed / "x").unlink()
    (allowed / "x").symlink_to(outside / "secret")
    with pytest.raises(OSError, match="symbolic"):
        place.open()


async def test_a_source_over_the_limit_is_refused(reader, allowed, made, tmp_path):
    (allowed / "x").write_bytes(made.read_bytes())
    size = len(made.read_bytes())
    with pytest.raises(SourceTooLarge):
        await reader.fetch(at(allowed / "x"), tmp_path / "target", limits=replace(Policy(), max_bytes=size - 1))
    await reader.fetch(at(allowed / "x"), tmp_path / "target", limits=replace(Policy(), max_bytes=size))
