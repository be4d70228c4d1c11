"""A provider in the configuration that can't be is refused at the start, by its name, with what to change."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.config import ConfigError
from mediaglot.gateway.http.away import read_provider
from mediaglot.gateway.loss import Policy as Losses
from mediaglot.gateway.model import Secret
from mediaglot.gateway.transfer.policy import Policy

GOOD: dict[str, Any] = {"dialect": "encoding_com", "url": "http://127.0.0.1:9/p"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dialect": "encoding_co"}, "did you mean encoding_com"),
        ({"dialect": None}, "dialect = '...' is missing"),
        ({"url": "ftp://h/"}, r"url can't be used \(scheme\)"),
        ({"url": "http://a@b@c/"}, r"url can't be used \(authority\)"),
        ({"polcy": "strict"}, "there is no 'polcy'"),
        ({"policy": "mild"}, "'mild'"),
        ({"options": {"fromat": "x"}}, "no option fromat"),
        ({"concurrency": 0}, "concurrency wants a number above 0"),
        ({"secret": Secret("as a file has it\n")}, "secret has a control character"),
        ({"user": "a\r\nb"}, "user has a control character"),
        ({"timeout": True}, "timeout wants a number above 0"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        read_provider("providers.acme", GOOD | change, Policy())
    assert str(refused.value).startswith("providers.acme: ")


def test_what_is_said_is_meant() -> None:
    url, client, terms, manners = read_provider(
        "providers.acme", GOOD | {"policy": "warn", "options": {"format": "json"}, "tries": 2, "poll": 0.5}, Policy()
    )
    assert (url, client.options["format"], terms.policy) == (GOOD["url"], "json", Losses.WARN)
    assert (manners.tries, manners.poll, manners.cool) == (2, 0.5, 15.0)
