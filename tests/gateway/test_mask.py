"""Text that people read: credentials are starred out, whatever they are written in, and the rest stays legible."""

from __future__ import annotations

import time

import pytest

from mediaglot.gateway.model import Access, Location, Secret, masked, secrets_in
from mediaglot.gateway.model.mask import spellings

HIDDEN = [
    ("http://ann:hunter2@h.example/a.mp4", "http://***@h.example/a.mp4"),
    ("ftp://ann:p@ss@h.example:21/a", "ftp://***@h.example:21/a"),
    ("s3://AKIA:abc/def+ghi@bucket/key", "s3://***@bucket/key"),
    ("sftp://token-only@h/x", "sftp://***@h/x"),
    ('<a href="http://u:p@h/x">', '<a href="http://***@h/x">'),
    (r'{"destination":"ftp:\/\/u:p\/w@h\/x"}', r'{"destination":"ftp:\/\/***@h\/x"}'),
    ("call=http%3A%2F%2Fu%3Ahunter2%40h%2Fx&a=1", "call=http%3A%2F%2F***@h%2Fx&a=1"),
    ("http://h/x?X-Amz-Date=1&X-Amz-Signature=abc0&part=2", "http://h/x?X-Amz-Date=1&X-Amz-Signature=***&part=2"),
    (
        "http://h/x?AWSAccessKeyId=AK&Signature=a%2Bb%3D&Expires=9",
        "http://h/x?AWSAccessKeyId=***&Signature=***&Expires=9",
    ),
    ("http://h/x?se=1&sig=abc%3D#t", "http://h/x?se=1&sig=***#t"),
    ("s3://b/k/?access_key=AK&secret_key=S/K+1&region=eu", "s3://b/k/?access_key=***&secret_key=***&region=eu"),
    ("u=http%3A%2F%2Fh%2Fx%3Ftoken%3Dabc%26b%3D1", "u=http%3A%2F%2Fh%2Fx%3Ftoken%3D***%26b%3D1"),
    ("http%3A%2F%2Fh%2Fa.mp4%3Fsig%3Dabc%26b%3D1", "http%3A%2F%2Fh%2Fa.mp4%3Fsig%3D***%26b%3D1"),
    ('{"secret_token": "a\\"b", "id": 1}', '{"secret_token": ***, "id": 1}'),
    ("{'password': 'abc', 'n': 1}", "{'password': ***, 'n': 1}"),
    (
        "<query><userid>1</userid><userkey>abc</userkey></query>",
        "<query><userid>1</userid><userkey>***</userkey></query>",
    ),
    ("Authorization: Bearer abc\nHost: h", "Authorization: ***\nHost: h"),
    ("x-streams-token: abc", "x-streams-token: ***"),
]


@pytest.mark.parametrize(("text", "shown"), HIDDEN)
def test_credentials_are_starred_out(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job 5 failed after 3 attempts",
        "http://127.0.0.1:8080/a/b.mp4?part=2&size=3",
        "http://127.0.0.1:8080/@home/a",
        "mailto:ann@example.com",
        "https://h/monkey=1",
        "keyboard: 5",
        'File "/srv/a.py", line 3, in run',
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("secret", ["hunter2/+ =", 'say "no" & <go>', "grün/ß"])
def test_a_known_secret_is_found_in_every_spelling(secret: str) -> None:
    for spelling in spellings(secret):
        assert masked(f"so {spelling} it is", [secret]) == "so *** it is"


def test_short_secrets_do_not_star_out_everything() -> None:
    assert masked("an answer", ["a", ""]) == "an answer"


@pytest.mark.parametrize("piece", ["://", "a://b:", "key=", "http://a:b", '"key":"', "<key>", "%3A%2F%2F", "token"])
def test_hostile_text_takes_no_long_time(piece: str) -> None:
    began = time.process_time()
    masked(piece * (50_000 // len(piece)))
    assert time.process_time() - began < 2


def test_a_location_prints_no_signature() -> None:
    place = Location(
        url="https://b.s3.amazonaws.com/k?X-Amz-Signature=abc123",
        access=Access(user="ann", password=Secret("hunter2")),
        spelling=Secret("https://ann:hunter2@b.s3.amazonaws.com/k?X-Amz-Signature=abc123"),
    )
    for text in (repr(place), str(place), f"{[place]}", place.shown):
        assert "abc123" not in text
        assert "hunter2" not in text
    assert "b.s3.amazonaws.com/k" in repr(place)


def test_every_secret_of_a_tree_is_found() -> None:
    place = Location(url="ftp://h/x", access=Access(password=Secret("one")), spelling=Secret("two"))
    assert sorted(secrets_in({"a": [place, (Secret("three"),)], "b": "no"})) == ["one", "three", "two"]
