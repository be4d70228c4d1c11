from __future__ import annotations

import pytest

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.transfer.policy import Policy, judge, judge_address
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.transfer.request import Requests


def policy(*, local_addresses=False, **lists):
    return Policy(local_addresses=local_addresses, reach=Reach.parse(**lists))


def reason(url, rules):
    try:
        judge(url, rules)
    except SourceForbidden as fault:
        return fault.data["reason"]
    return None


@pytest.mark.parametrize(
    ("lists", "passing", "refused"),
    [
        ({"allow_host": ["example.com"]}, ["example.com", "EXAMPLE.com."], ["www.example.com", "example.org"]),
        ({"allow_host": ["*.example.com"]}, ["a.example.com", "a.b.example.com"], ["example.com", "badexample.com"]),
        ({"deny_host": ["*.example.com"]}, ["example.com", "example.org"], ["a.example.com"]),
        ({"allow_host": ["*.a.test"], "deny_host": ["x.a.test"]}, ["y.a.test"], ["x.a.test", "X.A.test."]),
        ({"deny_host": ["bücher.example"]}, ["buecher.example"], ["xn--bcher-kva.example", "BÜCHER.example"]),
        ({"deny_host": ["93.184.215.14"]}, ["93.184.215.15"], ["93.184.215.14"]),
        ({"deny_host": ["[2606:2800:21f::1]"]}, ["[2606:2800:21f::2]"], ["[2606:2800:021f:0::1]"]),
    ],
)
def test_hosts(lists, passing, refused):
    rules = policy(**lists)
    assert [reason(f"https://u:p@{host}/x", rules) for host in passing] == [None] * len(passing)
    assert [reason(f"https://u:p@{host}/x", rules) for host in refused] == ["host"] * len(refused)


@pytest.mark.parametrize(
    ("lists", "passing", "refused"),
    [
        ({"allow_port": ["443"]}, ["https://h.test/", "http://h.test:443/"], ["http://h.test/", "https://h.test:80/"]),
        ({"allow_port": ["8000-8999", "80"]}, ["http://h.test:8000", "http://h.test:8999"], ["http://h.test:9000"]),
        ({"allow_port": ["990"]}, ["ftps://h.test/"], ["ftp://h.test/", "sftp://h.test/", "https://h.test/"]),
        ({"allow_port": ["21-22"]}, ["ftp://h.test/", "sftp://h.test/"], ["ftps://h.test/"]),
        ({"deny_port": ["25", "22"]}, ["http://h.test:26/"], ["http://h.test:25/"]),
        ({"allow_port": ["1-1000"], "deny_port": ["25"]}, ["http://h.test:24/"], ["http://h.test:25/"]),
    ],
)
def test_ports(lists, passing, refused):
    rules = policy(**lists)
    assert [reason(url, rules) for url in passing] == [None] * len(passing)
    assert [reason(url, rules) for url in refused] == ["port"] * len(refused)


@pytest.mark.parametrize(
    ("local", "lists", "passing", "refused"),
    [
        (False, {"allow_network": ["10.1.0.0/16"]}, ["10.1.2.3", "::ffff:10.1.2.3", "93.184.215.14"], ["10.2.0.1"]),
        (False, {"allow_network": ["10.0.0.0/8"], "deny_network": ["10.9.0.0/16"]}, ["10.8.0.1"], ["10.9.0.1"]),
        (True, {"deny_network": ["0.0.0.0/0"], "allow_network": ["10.1.0.0/16"]}, ["10.1.0.1"], ["93.184.215.14"]),
        (True, {"deny_network": ["10.1.0.0/16"], "allow_network": ["10.1.0.0/16"]}, ["10.2.0.1"], ["10.1.0.1"]),
        (True, {"deny_network": ["127.0.0.0/8"]}, ["10.0.0.1"], ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"]),
        (True, {"deny_network": ["169.254.0.0/16"]}, ["127.0.0.1"], ["169.254.169.254", "64:ff9b::a9fe:a9fe"]),
        (True, {"deny_network": ["::1"]}, ["127.0.0.1"], ["::1", "::"]),
        (False, {"allow_network": ["64:ff9b::/96"]}, ["64:ff9b::5db8:d70e"], ["64:ff9b::7f00:1"]),
    ],
)
def test_networks(local, lists, passing, refused):
    rules = policy(local_addresses=local, **lists)
    for address in passing:
        judge_address(address, rules)
    for address in refused:
        with pytest.raises(SourceForbidden) as caught:
            judge_address(address, rules)
        assert caught.value.data == {"reason": "address"}


async def test_the_lists_hold_too_where_nothing_is_redirected():
    rules = policy(local_addresses=True, deny_port=["1"])
    with pytest.raises(SourceForbidden) as caught:
        async with Requests(rules).once("GET", "http://127.0.0.1:1/bucket/key", rules, {}):
            pytest.fail("there is somebody")
    assert caught.value.data == {"reason": "port"}


def test_a_list_of_networks_holds_for_addresses_in_urls():
    rules = policy(local_addresses=True, deny_network=["10.0.0.0/8"])
    assert reason("http://10.0.0.1/x", rules) == "address"
    assert reason("http://[::ffff:10.0.0.1]/x", rules) == "address"
    assert reason("http://127.0.0.1/x", rules) is None


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("allow_host", ""),
        ("deny_host", "http://example.com"),
        ("deny_host", "example.com:80"),
        ("deny_host", "a.*.com"),
        ("allow_port", "0"),
        ("allow_port", "65536"),
        ("deny_port", "90-80"),
        ("deny_port", "http"),
        ("allow_network", "10.1.0.0/8"),
        ("deny_network", "example.com"),
    ],
)
def test_a_list_that_says_nothing_is_refused_by_its_name(setting, text):
    with pytest.raises(ValueError, match=f"^{setting}: "):
        Reach.parse(**{setting: [text]})
