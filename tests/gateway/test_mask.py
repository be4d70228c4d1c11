"""Requests for people to look at: no secret is left, in whatever spelling, and the rest is as it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaglot.gateway.exchange import Headers, Request, headers
from mediaglot.gateway.mask import masked, secrets
from mediaglot.gateway.model import (
    Access,
    Encryption,
    Input,
    Job,
    Location,
    Notification,
    Output,
    Package,
    PackageKind,
    Secret,
    secrets_in,
)
from mediaglot.gateway.model import masked as hidden


def place(secret: str) -> Location:
    return Location(url="ftp://a.example/b", access=Access(user="me", password=Secret(secret)))


def job() -> Job:
    package = Package(kind=PackageKind.HLS, encryption=Encryption(key=Secret("four"), key_file=place("five")))
    return Job(
        inputs=(Input(location=place("one")),),
        outputs=(
            Output(
                destinations=(place("two"),), package=package, extras={"acme": {"zip_password": "six", "turbo": "yes"}}
            ),
        ),
        notifications=(Notification(target=place("three"), events=frozenset()),),
        document={"userkey": "not of the job"},
    )


def test_every_secret_of_a_job_is_found() -> None:
    assert set(secrets(job())) == {"one", "two", "three", "four", "five", "six"}
    assert set(secrets_in(job())) == {"one", "two", "three", "four", "five"}, "six is no Secret, but named like one"


WAYS: dict[str, Any] = {
    "as it is": str,
    "in XML": escape,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in a URL": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "in a URL in a form": lambda text: quote_plus(quote(text, safe="")),
    "in a URL in XML in a form": lambda text: quote_plus(escape(quote(text))),
    "in JSON in a form": lambda text: quote_plus(json.dumps(text)[1:-1]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", ["s3cr3t", "a/b+c=&d", "a/b c", 'ü <"x"> é', "x", "%41", "back\\slash"])
def test_no_spelling_is_overlooked(way: str, secret: str) -> None:
    spelled = WAYS[way](secret)
    body = f"ftp%3A%2F%2Fme%3A{spelled}%40a.example" if "form" in way else f"ftp://me:{spelled}@a.example"
    shown = masked(Request(path=f"/{spelled}/", query=f"k={spelled}", body=body.encode()), [secret])
    assert shown.body.decode() == body.replace(spelled, "***", 1) or spelled not in shown.body.decode()
    assert "***" in shown.body.decode()
    assert (shown.path, shown.query) == ("/***/", "k=***")


TOLD: dict[str, Any] = {
    "as it is": str,
    "in HTML": escape,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON with escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "in a path": quote,
    "in a query": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "in a URL in a form": lambda text: quote(quote(text, safe=""), safe=""),
}


@pytest.mark.parametrize("way", TOLD)
@pytest.mark.parametrize("secret", ["s3cr3t", "a/b+c=&d", "a/b c", "ü <x> é", '"back\\slash"'])
def test_a_secret_that_is_known_is_in_no_text_for_people(way: str, secret: str) -> None:
    assert hidden(f"it is {TOLD[way](secret)}, you see", [secret]) == "it is ***, you see"


def test_a_secret_that_begins_with_another_is_hidden_whole() -> None:
    known = ["film", "film/2024"]
    assert masked(Request(body=b"it is film/2024"), known).body == b"it is ***"
    assert hidden("it is film/2024, film%2F2024", known) == "it is ***, ***"


def test_a_short_secret_does_not_tear_words_apart() -> None:
    shown = masked(Request(body=b"fix the x in x.mp4 or %78, ax, x1"), ["x"])
    assert shown.body == b"fix the *** in ***.mp4 or %78, ax, x1"


@given(st.text(min_size=4, max_size=20), st.sampled_from(sorted(WAYS)))
def test_no_secret_at_all(secret: str, way: str) -> None:
    spelled = WAYS[way](secret)
    shown = masked(Request(body=f" {spelled} ".encode("utf-8", "surrogatepass")), [secret])
    assert f" {spelled} " not in shown.body.decode("utf-8", "surrogatepass") or not secret.strip()


def test_headers_that_are_credentials_are_masked_whoever_knows_them() -> None:
    lines = Headers(
        lines=(
            ("Authorization", f"Basic {base64.b64encode(b'me:secret').decode()}"),
            ("authorization", "rawtoken"),
            ("Cookie", "session=1"),
            ("X-Api-Key", "k"),
            ("X-Note", "it is s3cr3t"),
            ("Content-Type", "text/xml"),
        )
    )
    assert [value for _, value in masked(Request(headers=lines), ["s3cr3t"]).headers] == [
        "Basic ***",
        "***",
        "***",
        "***",
        "it is ***",
        "text/xml",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://b/o?X-Amz-Signature=abc&x=1", "https://b/o?X-Amz-Signature=***&x=1"),
        ("https://b/o?access_token=abc", "https://b/o?access_token=***"),
        (
            "a=https%3A%2F%2Fb%2Fo%3FX-Amz-Signature%3Dabc%26x%3D1",
            "a=https%3A%2F%2Fb%2Fo%3FX-Amz-Signature%3D***%26x%3D1",
        ),
        ("s3://b/k/?access_key=A&secret_key=B/c&region=eu", "s3://b/k/?access_key=***&secret_key=***&region=eu"),
        ("<d>https://b/o?secret=abc</d>", "<d>https://b/o?secret=***</d>"),
        ("keyframe=90&tokens=no", "keyframe=90&tokens=***"),
    ],
)
def test_parameters_that_are_credentials_by_their_names(text: str, shown: str) -> None:
    assert masked(Request(body=text.encode())).body.decode() == shown


@pytest.mark.parametrize("word", ["a", "token"])
def test_a_word_without_end_is_looked_through_once(word: str) -> None:
    request = Request(body=word.encode() * 50_000)
    assert masked(request) == request


def test_what_is_no_text_stays_as_it_was() -> None:
    request = Request(method="PUT", headers=headers(content_type="video/mp4"), body=b"\xff\x00\xfe")
    assert masked(request, ["s3cr3t"]) == request


DOCUMENT = (
    "<q><a>https://h.example/a.mov</a><b>http://c.example:8080/x</b><c>ftp://ann:{}/x@f.example/a.mp4</c><d>50%</d>"
    "<e>https://h.example/x?sig={}</e><f>mp4</f><g>s3://AKIA:ab/{}+1@b/k</g></q>"
)


@pytest.mark.parametrize("way", [str, quote, quote_plus, lambda text: quote_plus(quote_plus(text))])
def test_in_an_encoded_document_only_credentials_are_hidden(way: Callable[[str], str]) -> None:
    said = way(DOCUMENT.format("s3cr3t-1", "s3cr3t-2", "s3cr3t-3"))
    shown = "<q><a>https://h.example/a.mov</a><b>http://c.example:8080/x</b><c>ftp://***@f.example/a.mp4</c><d>50%</d>"
    shown += "<e>https://h.example/x?sig=***</e><f>mp4</f><g>s3://***@b/k</g></q>"
    assert unquote_plus(unquote_plus(hidden(said))) == unquote_plus(unquote_plus(shown))
