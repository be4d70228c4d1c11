"""A provider in the configuration that can't be is refused at the start, by its name, with what to change."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from mediaglot.gateway.config import ConfigError, Settings
from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.http.away import beside, entered, read_openings, read_provider, read_rules
from mediaglot.gateway.loss import Policy as Losses
from mediaglot.gateway.model import Secret
from mediaglot.gateway.transfer.policy import Policy, judge_address
from mediaglot.gateway.transfer.reach import Reach

GOOD: dict[str, Any] = {"dialect": "encoding_com", "url": "http://127.0.0.1:9/p"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dialect": "encoding_co"}, "did you mean encoding_com"),
        ({"dialect": None}, "dialect wants a text"),
        ({"url": "ftp://h/"}, r"url can't be used \(scheme\)"),
        ({"url": "http://a b/"}, r"url can't be used \(authority\)"),
        ({"polcy": "strict"}, "there is no 'polcy'"),
        ({"policy": "mild"}, "policy wants one of strict, essential, warn, silent"),
        ({"url": "http://me:word@h/"}, "credentials are user and secret"),
        ({"url": "http://h/?key=word"}, "url is a base URL"),
        ({"options": "format=json"}, "options wants a table"),
        ({"hear": "no"}, "hear wants true or false"),
        ({"timeout": float("inf")}, "timeout wants a number above 0"),
        ({"concurrency": 0.5}, "concurrency wants a whole number above 0"),
        ({"tape": ""}, "tape wants a text"),
        ({"replay": 5}, "replay wants a text"),
        ({"user": ["word"]}, "user wants a text"),
        ({"options": {"fromat": "x"}}, "no option fromat"),
        ({"concurrency": 0}, "concurrency wants a whole number above 0"),
        ({"secret": Secret("as a file has it\n")}, "secret has a control character"),
        ({"user": "a\r\nb"}, "user has a control character"),
        ({"timeout": True}, "timeout wants a number above 0"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        read_provider("providers.acme", GOOD | change, Policy())
    assert str(refused.value).startswith("providers.acme: ")
    assert "word" not in str(refused.value)


@pytest.mark.parametrize("key", ["dialect", "url"])
def test_what_is_missing_is_named(key: str) -> None:
    table = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(ConfigError, match=f"providers.acme: {key} = '...' is missing"):
        read_provider("providers.acme", table, Policy())


def test_a_tape_needs_no_url() -> None:
    assert read_provider("providers.acme", {"dialect": "encoding_com", "replay": "tape"}, Policy())[2].dialect.name


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ({"to": "acme"}, "routes.1: to wants a list of providers' names"),
        ({"to": ["acme"], "when": "h264"}, "routes.1: when wants a table"),
        ({"to": ["acme"], "when": {"codec": ["h264"]}}, "routes.1: when wants a table"),
        ({"to": ["acme"], "weights": ["1"]}, "routes.1: weights wants a list of whole numbers"),
        ({"to": ["acme"], "cheapest": "no"}, "routes.1: cheapest wants true or false"),
        ({"to": ["acme"], "most_price": "1/0"}, "routes.1: most_price wants a number, 0 or more"),
        ({"to": ["acme"], "on": "stalled"}, "routes.1: on wants a list of texts"),
        ({"to": ["acme"], "dialects": ["tpstream"]}, "routes.1: no dialect .* did you mean tpstreams"),
        ({"to": ["acme"], "accounts": "100"}, "routes.1: accounts wants a list of texts"),
        ({"to": ["acme"], "policy": "mild"}, "routes.1: policy wants one of"),
        ({"to": [{"to": ["acme"], "when": 5}]}, "routes.1, within to: when wants a table"),
        ({"to": ["acme"], "transparent": "yes"}, "routes.1: transparent wants true or false"),
        ({"to": 5, "transparent": True}, "routes.1, which is transparent: to wants a list"),
        ({"to": ["acme"], "transparent": True, "when": {}}, "routes.1, which is transparent: there is no 'when'"),
    ],
)
def test_a_route_that_can_not_be_is_named(route: dict[str, Any], words: str) -> None:
    settings = Settings(providers={"acme": GOOD}, routes=({"to": ["acme"]}, route))
    with pytest.raises(ConfigError, match=words):
        (read_rules(settings), read_openings(settings))


LACKING = [
    ("encoding_com", {"secret": Secret("x")}, {}, "user = '...' is missing"),
    ("encoding_com", {"user": "1"}, {}, "secret = '...' is missing, here or as MEDIAGLOT_PROVIDER_ACME_SECRET"),
    ("transparent_edge", {"user": "1", "secret": Secret("x")}, {}, "tenant = '...' is missing"),
    ("tpstreams", {}, {}, "secret = '...' is missing"),
    ("tpstreams", {"secret": Secret("x")}, {}, ""),
    ("encoding_com", {"replay": "tape"}, {}, ""),
    ("encoding_com", {}, {"transparent": True, "credentials": "client"}, ""),
    ("encoding_com", {}, {"transparent": True}, "user = '...' is missing"),
]


@pytest.mark.parametrize(("dialect", "login", "route", "words"), LACKING)
def test_a_provider_that_is_asked_in_our_name_needs_it(
    dialect: str, login: dict[str, Any], route: dict[str, Any], words: str
) -> None:
    table = {**GOOD, "dialect": dialect, **login}
    settings = Settings(providers={"acme": table}, routes=({"to": ["acme"], **route},))
    clients = {"acme": read_provider("providers.acme", table, Policy())[1]}
    with pytest.raises(ConfigError, match=f"providers.acme: {words}") if words else nullcontext():
        entered(settings, clients)


def test_what_is_said_is_meant() -> None:
    url, client, terms, manners = read_provider(
        "providers.acme", GOOD | {"policy": "warn", "options": {"format": "json"}, "tries": 2, "poll": 0.5}, Policy()
    )
    assert (url, client.options["format"], terms.policy) == (GOOD["url"], "json", Losses.WARN)
    assert (manners.tries, manners.poll, manners.cool) == (2, 0.5, 15.0)


@pytest.mark.parametrize(
    ("url", "own", "others"),
    [
        ("http://127.0.0.1:8081/", "127.0.0.1", ["127.0.0.2", "::1", "169.254.169.254", "10.0.0.1"]),
        ("http://localhost/v1", "::1", ["127.0.0.2", "10.0.0.1"]),
        ("https://10.2.0.7/", "10.2.0.7", ["10.2.0.8", "127.0.0.1"]),
        ("http://[fd00::7]/", "fd00::7", ["fd00::8"]),
    ],
)
def test_results_are_where_a_near_provider_is_and_at_none_of_its_neighbours(
    url: str, own: str, others: list[str]
) -> None:
    """A server that others can reach must not be led by a provider's URLs to what only it can reach."""
    policy = Policy(reach=beside(url, Policy().reach))
    judge_address(own, policy)
    judge_address("93.184.215.14", policy)
    for each in others:
        with pytest.raises(SourceForbidden):
            judge_address(each, policy)


def test_a_near_provider_that_is_denied_stays_so() -> None:
    denied = Reach.parse(deny_network=["10.0.0.0/8"])
    assert beside("http://10.2.0.7/", denied) == denied


@pytest.mark.parametrize("url", ["https://acme.example/", "https://8.8.8.8/"])
def test_a_provider_elsewhere_opens_no_local_address(url: str) -> None:
    for each in ("127.0.0.1", "10.0.0.1", "192.168.1.1"):
        with pytest.raises(SourceForbidden):
            judge_address(each, Policy(reach=beside(url, Policy().reach)))
