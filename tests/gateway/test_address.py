"""URLs as Locations: which of them are known to be read back as they are written."""

from __future__ import annotations

from itertools import product

import pytest

from mediaglot.gateway.address import LONGEST, beside, is_usual, read_location, with_path, write_location
from mediaglot.gateway.model import Access, Location, Secret

LARGE = "x" * LONGEST
URLS = ("ftp://h/a", "s3://b/c d", "https://you@h/a", "https://h:80/a?b=c", "file:///a", "h/a", "", f"http://h/{LARGE}")
WORDS = (None, "", "me", "a.b", "a b", "a@b", "a:b", "ä" * 1000, "%41", LARGE)
REGIONS, OPTIONS = (None, "", "eu"), ({}, {"a": "b"})


def test_what_is_usual_is_read_back() -> None:
    usual = 0
    for url, user, word, region, options in product(URLS, WORDS, WORDS, REGIONS, OPTIONS):
        password = None if word is None else Secret(word)
        access = Access(user=user, password=password, region=region, options=options)
        for location in (Location(url=url, access=access), Location(url=url)):
            if is_usual(location):
                usual += 1
                assert read_location(write_location(location)) == location
    assert usual > 100


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example/a.mp4",
        "ftp://me:s3cr3t@h.example/a.mp4",
        "sftp://me@h.example:22/a/b.mp4",
        "s3://bucket/a/",
    ],
)
def test_what_clients_send_is_usual(url: str) -> None:
    assert is_usual(read_location(url))
    assert write_location(read_location(url)) == url


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("ftp://h.example/a/b.mp4", "ftp://h.example/x/a/b.mp4"),
        ("s3://bucket", "s3://bucket/x"),
        ("https://[::1]:8080/a/b%20c.mp4?v=1&p=/#t", "https://[::1]:8080/x/a/b%20c.mp4?v=1&p=/#t"),
        ("a/b.mp4", "/xa/b.mp4"),
    ],
)
def test_a_url_with_another_path_keeps_the_rest(url: str, other: str) -> None:
    assert with_path(url, lambda path: f"/x{path}") == other


@pytest.mark.parametrize(
    ("place", "there"),
    [
        ("ftp://u:p@h/a/show.m3u8?passive=yes", "ftp://u:p@h/a/hd/index.m3u8?passive=yes"),
        ("https://bucket.s3.amazonaws.com/show.M3U8", "https://bucket.s3.amazonaws.com/hd/index.m3u8"),
        ("s3://bucket/a/", "s3://bucket/a/hd/index.m3u8"),
        ("sftp://h/a.b", "sftp://h/a.b/hd/index.m3u8"),
    ],
)
def test_what_lies_beside_a_master(place: str, there: str) -> None:
    assert beside(place, "hd/index.m3u8") == there
