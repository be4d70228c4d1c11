"""Where requests for a bucket go: pure, as most of these hosts can't be asked from here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.model import Access, Secret
from mediaglot.gateway.transfer.bucket import place
from mediaglot.gateway.transfer.endpoint import Endpoint, aim, choose


@pytest.mark.parametrize(
    ("url", "region", "target"),
    [
        ("s3://films/a", None, "https://films.s3.us-east-1.amazonaws.com/a"),
        ("s3://films/a", "ap-south-1", "https://films.s3.ap-south-1.amazonaws.com/a"),
        ("s3://my.films/a", None, "https://s3.us-east-1.amazonaws.com/my.films/a"),
        ("s3://my-eu-west-1/a", None, "https://my-eu-west-1.s3.us-east-1.amazonaws.com/a"),
        ("s3://abc1/a", None, "https://abc1.s3.us-east-1.amazonaws.com/a"),
        ("https://films.s3.dualstack.eu-west-1.amazonaws.com/a", None, "https://films.s3.eu-west-1.amazonaws.com/a"),
        ("https://films.s3-accelerate.amazonaws.com/a", "eu-west-1", "https://films.s3.eu-west-1.amazonaws.com/a"),
        ("https://films.s3-external-1.amazonaws.com/a", None, "https://films.s3.us-east-1.amazonaws.com/a"),
        ("https://s3.eu-west-1.amazonaws.com/films/a", "us-east-2", "https://films.s3.eu-west-1.amazonaws.com/a"),
        ("s3://wasabisys.com/my.films/a", "eu-central-1", "https://s3.eu-central-1.wasabisys.com/my.films/a"),
        ("https://films.ams3.cdn.digitaloceanspaces.com/a", None, "https://ams3.digitaloceanspaces.com/films/a"),
        ("s3://localhost:9000/films/a", None, "http://localhost:9000/films/a"),
        ("s3://127.0.0.1:9000/films/a", None, "http://127.0.0.1:9000/films/a"),
        ("s3://store.example:9000/films/a", None, "https://store.example:9000/films/a"),
        ("s3://films/a", "not a region", "https://films.s3.us-east-1.amazonaws.com/a"),
    ],
)
def test_a_bucket_is_asked_where_its_provider_has_it(url, region, target):
    where = place(url)
    found = aim(where, Access(region=region))
    assert (found.url, found.own, found.keys) == (target, False, None)
    assert found.region in found.url or (":9000" in url and found.region == "us-east-1")


def test_the_most_particular_entry_counts():
    everywhere = Endpoint(url="http://all")
    amazon = Endpoint(domain="amazonaws.com", url="http://amazon")
    films = Endpoint(bucket="films", url="http://films")
    both = Endpoint(bucket="films", domain="wasabisys.com", url="http://both")
    entries = (everywhere, amazon, films, both)
    wanted = {
        "s3://other/a": amazon,
        "https://other.s3.wasabisys.com/a": everywhere,
        "s3://films/a": films,
        "https://s3.wasabisys.com/films/a": both,
    }
    assert {url: choose(entries, place(url)) for url in wanted} == wanted
    assert choose((films,), place("s3://other/a")) is None


def test_half_a_pair_signs_nothing():
    for access in (Access(user="KEY"), Access(password=Secret("x")), None):
        assert aim(place("s3://films/a"), access).keys is None


@pytest.mark.parametrize("control", ["\r", "\n", "\0", "\x7f"])
def test_keys_that_no_header_can_hold_are_refused_before_anything_is_sent(control):
    text = f"a{control}b"
    signed, beside = Access(user="KEY", password=Secret("x")), {"session_token": text}
    for access in (replace(signed, user=text), replace(signed, password=Secret(text)), replace(signed, options=beside)):
        with pytest.raises(SourceForbidden, match="credential"):
            aim(place("s3://films/a"), access)
    with pytest.raises(SourceForbidden, match="credential"):
        aim(place(f"s3://films/a?session_token=a%{ord(control):02x}b"), signed)
    for name in ("access_key", "secret_key", "session_token"):
        with pytest.raises(ValueError, match="control"):
            Endpoint.read({"access_key": "K", "secret_key": "S", name: text})
