from __future__ import annotations

import pytest

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.transfer.policy import Policy, judge, judge_address

STRICT = Policy()
LOCAL = Policy(local_addresses=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/film.mp4",
        "HTTPS://user:pw@example.com:8443/a%20b?x=y#z",
        "https://93.184.215.14/x",
        "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/x",
        "http://xn--bcher-kva.example/x",
        "http://example.com/with space/and|bar",
        "file:///srv/out/x.mp4",
    ],
)
def test_ordinary_urls_pass(url):
    judge(url, STRICT)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("gopher://example.com/x", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("no url at all", "scheme"),
        ("", "scheme"),
        ("http:///x", "host"),
        ("http:x", "host"),
        ("http://example.com/\r\nHost: other", "control_character"),
        ("http://example.com/\0", "control_character"),
        ("\thttp://example.com/", "control_character"),
        ("http://example.com/\x7f", "control_character"),
        ("http://good.example\\@127.0.0.1/", "authority"),
        ("http://a@b@127.0.0.1/", "authority"),
        ("http://good.example @127.0.0.1/", "authority"),
        ("http://[::1/", "url"),
        ("http://example.com:99999/", "url"),
        ("http://example.com:http/", "url"),
        ("http://2130706433/", "host"),
        ("http://0x7f000001/", "host"),
        ("http://127.1/", "host"),
        ("http://0177.0.0.1/", "host"),
        ("http://good.example:pw@127.0.0.1/", "address"),
        ("http://[::ffff:10.0.0.1]/", "address"),
        ("http://169.254.169.254/latest/meta-data/", "address"),
        ("http://example.com/" + "x" * 8200, "length"),
    ],
)
def test_tricks_are_refused_with_their_reason(url, reason):
    with pytest.raises(SourceForbidden) as caught:
        judge(url, STRICT)
    assert caught.value.data == {"reason": reason}


def test_a_scheme_that_the_policy_leaves_out_is_refused():
    with pytest.raises(SourceForbidden):
        judge("http://example.com/", Policy(schemes=frozenset({"https"})))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::2",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "not an address",
    ],
)
def test_addresses_that_are_not_public_are_refused(address):
    with pytest.raises(SourceForbidden) as caught:
        judge_address(address, STRICT)
    assert caught.value.data == {"reason": "address"}
    judge_address(address, LOCAL)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_public_addresses_pass(address):
    judge_address(address, STRICT)
