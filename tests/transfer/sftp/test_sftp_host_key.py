from __future__ import annotations

import asyncio
import sys

import asyncssh
import pytest

from mediaglot.gateway.faults import DeliveryForbidden, SourceForbidden, SourceUnreachable
from mediaglot.gateway.transfer.sftp import INSTALL


@pytest.fixture
async def there(sshd):
    one = await sshd()
    (one.folder / "a.mp4").write_bytes(b"film")
    return one


def listed(sshd, key=None):
    return f"[127.0.0.1]:{sshd.port} " + (key or sshd.key).export_public_key("openssh").decode()


async def exchange(sshd):
    """The same place with another key."""
    sshd._acceptor.close()
    await sshd._acceptor.wait_closed()
    sshd.key = asyncssh.generate_private_key("ssh-ed25519")
    await sshd.start(sshd.port)


async def refusal(fetching):
    with pytest.raises(SourceForbidden) as caught:
        await fetching
    return caught.value.data["reason"]


@pytest.mark.heavy
async def test_who_was_met_must_stay_the_same(there, client, pull, at, trust, made):
    url = there.url("a.mp4")
    assert await pull(at(url), client()) == b"film"
    assert trust.ssh_met.read_text() == listed(there)
    assert trust.ssh_met.stat().st_mode & 0o077 == 0
    assert await pull(at(url), client()) == b"film"
    await exchange(there)
    before = there.logins
    assert await refusal(pull(at(url), client())) == "host_key_changed"
    with pytest.raises(DeliveryForbidden):
        await client().deliver(made, at(url))
    assert there.logins == before, "no credential goes to a stranger"


async def test_many_first_meetings_are_one(there, sftp, at, trust, tmp_path):
    await asyncio.gather(*(sftp.fetch(at(there.url("a.mp4")), tmp_path / f"target{n}") for n in range(8)))
    assert trust.ssh_met.read_text() == listed(there)


async def test_without_a_file_meetings_are_remembered_while_it_runs(there, client, pull, at):
    one = client(ssh_met=None)
    assert await pull(at(there.url("a.mp4")), one) == b"film"
    await exchange(there)
    assert await refusal(pull(at(there.url("a.mp4")), one)) == "host_key_changed"


async def test_the_strict_meet_nobody(there, client, pull, at, trust):
    assert await refusal(pull(at(there.url("a.mp4")), client(ssh_strict=True))) == "host_key_unknown"
    assert there.logins == 0
    assert not trust.ssh_met.exists()


async def test_a_known_hosts_file_decides(there, client, pull, at, tmp_path):
    known = tmp_path / "known_hosts"
    strict = client(ssh_strict=True, ssh_known_hosts=known)
    known.write_text(listed(there))
    assert await pull(at(there.url("a.mp4")), strict) == b"film"
    known.write_text(listed(there, asyncssh.generate_private_key("ssh-ed25519")))
    for each in (strict, client(ssh_known_hosts=known)):
        assert await refusal(pull(at(there.url("a.mp4")), each)) == "host_key_changed"
    known.write_text(f"@revoked * {there.key.export_public_key('openssh').decode()}")
    assert await refusal(pull(at(there.url("a.mp4")), client(ssh_known_hosts=known))) == "host_key_changed"
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(there.url("a.mp4")), client(ssh_known_hosts=tmp_path / "none"))
    assert caught.value.data == {"reason": "ssh_known_hosts"}


@pytest.mark.parametrize("place", ["", "127.0.0.1=", "127.0.0.1:{port}=", "[127.0.0.1]:{port}="])
async def test_a_pinned_fingerprint_decides_alone(there, client, pull, at, trust, place):
    place = place.format(port=there.port)
    other = asyncssh.generate_private_key("ssh-ed25519")
    right, wrong = (place + key.get_fingerprint() for key in (there.key, other))
    trust.ssh_met.write_text(listed(there, other))
    assert await pull(at(there.url("a.mp4")), client(ssh_host_key=(wrong, right), ssh_strict=True)) == b"film"
    trust.ssh_met.write_text(listed(there))
    assert await refusal(pull(at(there.url("a.mp4")), client(ssh_host_key=(wrong,)))) == "host_key_changed"


async def test_a_pin_of_another_host_says_nothing(there, client, pull, at):
    pins = (f"elsewhere={there.key.get_fingerprint()}",)
    assert await refusal(pull(at(there.url("a.mp4")), client(ssh_host_key=pins, ssh_strict=True))) == "host_key_unknown"


async def test_without_the_extra_the_command_that_installs_it_is_told(there, sftp, pull, at, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mediaglot.gateway.transfer.ssh")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(there.url("a.mp4")))
    assert INSTALL in caught.value.data["reason"]
