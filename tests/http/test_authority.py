"""The authority of one run: what it signs is believed for its hosts and for a while; its key is nowhere to be found."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediaglot.gateway.http.authority import FILE, LEAF_LIFE, LEAST, Authority

HOSTS = ("api.acme.example", "status.acme.example")


class Day:
    """The time of day, to be moved on by hand."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def authority(tmp_path: Path, day: Day) -> Authority:
    return Authority(HOSTS, tmp_path, day)


def inside(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def client(pem: bytes) -> ssl.SSLContext:
    """As strict as later Pythons are by themselves."""
    context = ssl.create_default_context(cadata=pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def meet(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """A handshake in memory; the client's side of it. Raises SSLCertVerificationError where that does not believe."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(back, there, server_hostname=host)
    theirs = server.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours


@pytest.mark.parametrize("host", HOSTS)
async def test_a_host_is_believed_by_who_trusts_the_authority(authority: Authority, host: str, tmp_path: Path) -> None:
    leaf = await authority.leaf(host)
    assert (tmp_path / FILE).read_bytes() == authority.pem
    seen = meet(client(authority.pem), leaf, host)
    assert seen.selected_alpn_protocol() == "http/1.1"
    assert seen.version() in {"TLSv1.2", "TLSv1.3"}
    assert (seen.getpeercert() or {})["subjectAltName"] == (("DNS", host),)
    other = next(name for name in HOSTS if name != host)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        meet(client(authority.pem), leaf, other)


async def test_nobody_else_believes_it(authority: Authority, tmp_path: Path, day: Day) -> None:
    leaf = await authority.leaf(HOSTS[0])
    for trusting in (ssl.create_default_context(), client(Authority(HOSTS, tmp_path, day).pem)):
        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            meet(trusting, leaf, HOSTS[0])


async def test_it_can_not_sign_for_another_site(authority: Authority) -> None:
    leaf = await authority.leaf("www.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        meet(client(authority.pem), leaf, "www.example.com")


async def test_its_key_is_in_no_file(authority: Authority, tmp_path: Path) -> None:
    await authority.leaf(HOSTS[0])
    assert inside(tmp_path) == [FILE]
    assert b"PRIVATE" not in authority.pem


async def test_a_certificate_is_kept_and_made_anew_before_its_end(authority: Authority, day: Day) -> None:
    first = await authority.leaf(HOSTS[0])
    day.at += LEAF_LIFE - LEAST
    assert await authority.leaf(HOSTS[0]) is first
    day.at += timedelta(seconds=1)
    second = await authority.leaf(HOSTS[0])
    assert second is not first
    assert second.until == day.at + LEAF_LIFE
    meet(client(authority.pem), first, HOSTS[0])  # which is good until its end


async def test_a_clock_that_was_ahead_is_no_obstacle(tmp_path: Path, day: Day) -> None:
    day.at += timedelta(days=300)
    authority = Authority(HOSTS, tmp_path, day)
    ours = meet(client(authority.pem), await authority.leaf(HOSTS[0]), HOSTS[0])
    assert ours.version() is not None


async def test_a_certificate_has_an_end(tmp_path: Path, day: Day) -> None:
    day.at -= LEAF_LIFE + timedelta(minutes=1)
    authority = Authority(HOSTS, tmp_path, day)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        meet(client(authority.pem), await authority.leaf(HOSTS[0]), HOSTS[0])


async def test_without_hosts_it_is_good_for_nothing(tmp_path: Path, day: Day) -> None:
    authority = Authority((), tmp_path, day)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        meet(client(authority.pem), await authority.leaf(HOSTS[0]), HOSTS[0])
