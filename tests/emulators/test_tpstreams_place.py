"""S3 paths in the two spellings of the provider."""

from __future__ import annotations

import pytest

from mediaglot.emulators.tpstreams.place import has_credentials, read_place, spelled, write_place
from mediaglot.gateway.model import Access, Location, Secret


@pytest.mark.parametrize(
    ("text", "folder", "url"),
    [
        ("s3://bucket/out/a/?access_key=K&secret_key=S&region=r", True, "s3://bucket/out/a/"),
        ("s3://bucket/out/a?access_key=K&secret_key=S&region=r", True, "s3://bucket/out/a/"),
        ("s3://bucket?access_key=K&secret_key=S&region=r", True, "s3://bucket/"),
        ("s3://wasabisys.com/my.bucket.example/out/?access_key=K&secret_key=S&region=r", True,
         "s3://wasabisys.com/my.bucket.example/out/"),
        ("s3://my.bucket.com/out/?access_key=K&secret_key=S&region=r", True, "s3://my.bucket.com/out/"),
        ("s3://bucket/raw/in.mp4/?access_key=K&secret_key=S&region=r", False, "s3://bucket/raw/in.mp4"),
        ("s3://bucket/raw/in.mp4?access_key=K&secret_key=S&region=r", False, "s3://bucket/raw/in.mp4"),
    ],
)  # fmt: skip
def test_places_are_read_without_their_credentials(text: str, folder: bool, url: str) -> None:
    found = read_place(text, folder=folder)
    assert found == Location(url=url, access=Access(user="K", password=Secret("S"), region="r"))
    assert spelled(found) == text


@pytest.mark.parametrize(
    "text",
    ["", "bucket/a", "https://bucket/a", "s3:/bucket/a", "s3://", "s3:///a", "s3://wasabisys.com", "s3://wasabisys.com/",
     "s3://bucket/a/../../b/", "s3://bucket/a b/", "s3://bucket/a\n/", "s3://bucket/?access_key=a%0d%0ab&secret_key=x",
     "s3://bucket/?access_key=a&secret_key=x%00", "s3://bucket/?access_key=a&secret_key=x&session_token=%0a"],
)  # fmt: skip
def test_what_names_no_bucket_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        read_place(text, folder=True)


@pytest.mark.parametrize("secret", ["a+b/c=", "100%", "ü&?", "a b"])
def test_a_secret_of_any_letters_survives_the_query(secret: str) -> None:
    place = Location(
        url="s3://bucket/a/", access=Access(user="K", password=Secret(secret), region="r", options={"x": ""})
    )
    assert read_place(write_place(place), folder=True) == place


def test_a_plus_in_a_secret_is_a_plus() -> None:
    access = read_place("s3://b/?access_key=a+b&secret_key=c%2Bd%2F", folder=True).access
    assert access is not None
    assert (access.user, access.password) == ("a+b", Secret("c+d/"))


@pytest.mark.parametrize(
    ("query", "complete"),
    [("", False), ("?region=r", False), ("?access_key=K", False), ("?access_key=K&secret_key=S", True)],
)
def test_credentials_are_the_two_keys(query: str, complete: bool) -> None:
    assert has_credentials(read_place(f"s3://bucket/a/{query}", folder=True)) is complete
