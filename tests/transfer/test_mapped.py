"""Storage URLs on local directories: every spelling of a place leads to one file, and nothing leads out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediaglot.gateway.faults import (
    DeliveryFailed,
    DeliveryForbidden,
    SourceForbidden,
    SourceMissing,
    SourceTooLarge,
    SourceUnreachable,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.address import address
from mediaglot.gateway.transfer.mapped import Mapped
from mediaglot.gateway.transfer.policy import Limits, Policy


def at(url):
    return Location(url=url)


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def rest(tmp_path):
    return tmp_path / "data" / "storage"


@pytest.fixture
def mapped(rest):
    return Mapped(Policy(), rest=rest)


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(os.urandom(1_500_000))
    return path


SPELLINGS = [
    "s3://films.example/out/a b.mp4",
    "s3://films.example/out/a%20b.mp4",
    "s3://FILMS.example//out/./a b.mp4",
    "s3://films.example/out/a b.mp4?access_key=K&secret_key=a/b+c&region=eu-central-1",
    "s3://wasabisys.com/films.example/out/a%20b.mp4?access_key=K",
    "s3://amazonaws.com/films.example/out/a%20b.mp4",
    "s3://s3.amazonaws.com/films.example/out/a%20b.mp4",
    "s3://s3-eu-west-1.amazonaws.com/films.example/out/a%20b.mp4",
    "s3://localhost:9000/films.example/out/a%20b.mp4",
    "https://films.example.s3.amazonaws.com/out/a%20b.mp4",
    "http://films.example.s3.amazonaws.com:80/out/a%20b.mp4?acl=public-read",
    "https://films.example.s3.eu-central-1.amazonaws.com/out/a%20b.mp4",
    "https://films.example.s3-eu-west-1.amazonaws.com/out/a%20b.mp4",
    "https://films.example.s3.dualstack.us-east-1.amazonaws.com/out/a%20b.mp4",
    "https://films.example.s3-accelerate.amazonaws.com/out/a%20b.mp4",
    "https://films.example.s3.cn-north-1.amazonaws.com.cn/out/a%20b.mp4",
    "https://s3.amazonaws.com/films.example/out/a%20b.mp4#top",
    "https://s3-us-west-2.amazonaws.com/films.example/out/a%20b.mp4",
    "https://s3.eu-central-1.wasabisys.com/films.example/out/a%20b.mp4?X-Amz-Signature=abc%2F&X-Amz-Expires=60",
    "https://films.example.s3.wasabisys.com/out/a%20b.mp4",
    "https://films.example.nyc3.digitaloceanspaces.com/out/a%20b.mp4",
    "https://nyc3.digitaloceanspaces.com/films.example/out/a%20b.mp4",
    "HTTPS://films.example.S3.us-west-004.BackblazeB2.com/out/a%20b.mp4",
]


@pytest.mark.parametrize("host", ["s3" + "-" * 200 + "_", "films.s3" + "-a" * 100 + "_"])
def test_a_host_that_is_nearly_one_of_a_bucket_is_told_at_once(host):
    assert address(f"http://{host}.amazonaws.com/x").room == "http"


@pytest.mark.parametrize("url", SPELLINGS)
async def test_every_spelling_of_a_bucket_leads_to_one_file(mapped, rest, made, tmp_path, url):
    await mapped.deliver(made, at(url))
    assert files_in(rest) == ["s3/films.example/out/a b.mp4"]
    fetched = await mapped.fetch(at(SPELLINGS[0]), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == made.read_bytes()
    assert (fetched.size, fetched.name) == (1_500_000, "a b.mp4")


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("ftp://Host.Example/a/b.mp4", "ftp/host.example/a/b.mp4"),
        ("ftp://host.example:21/a/b.mp4?passive=yes", "ftp/host.example/a/b.mp4"),
        ("ftp://host.example:2121/a/b.mp4", "ftp/host.example:2121/a/b.mp4"),
        ("ftp://host.example/%2Fvar/b.mp4;type=i", "ftp/host.example/var/b.mp4"),
        ("ftps://host.example/b.mp4", "ftps/host.example/b.mp4"),
        ("sftp://host.example:22/a%252Fb.mp4", "sftp/host.example/a%2Fb.mp4"),
        ("sftp://[2001:db8::1]/b.mp4", "sftp/2001:db8::1/b.mp4"),
        ("fasp://host.example/b.mp4", "fasp/host.example/b.mp4"),
        ("https://storage.cloudfiles.com/box/b.mp4", "http/storage.cloudfiles.com/box/b.mp4"),
        ("s3://2024/a#1+2=3%2B4.mp4", "s3/2024/a#1+2=3+4.mp4"),
        ("s3://my.s3.bucket/s3.amazonaws.com/x", "s3/my.s3.bucket/s3.amazonaws.com/x"),
        ("https://logs.s3.app.s3.amazonaws.com/x", "s3/logs.s3.app/x"),
    ],
)
async def test_each_place_has_its_file(mapped, rest, made, url, file):
    await mapped.deliver(made, at(url))
    assert files_in(rest) == [file]


@pytest.mark.parametrize(
    ("url", "file", "told"),
    [
        ("s3://bucket/out/?access_key=K", "s3/bucket/out/one 2.mp4", "s3://bucket/out/one%202.mp4"),
        ("s3://bucket", "s3/bucket/one 2.mp4", "s3://bucket/one%202.mp4"),
        ("s3://bucket?region=x", "s3/bucket/one 2.mp4", "s3://bucket/one%202.mp4"),
        ("s3://wasabisys.com/bucket", "s3/bucket/one 2.mp4", "s3://wasabisys.com/bucket/one%202.mp4"),
        ("ftp://host/", "ftp/host/one 2.mp4", "ftp://host/one%202.mp4"),
        (
            "https://b.s3.amazonaws.com/o/?X-Amz-Signature=s",
            "s3/b/o/one 2.mp4",
            "https://b.s3.amazonaws.com/o/one%202.mp4",
        ),
    ],
)
async def test_a_folder_takes_the_given_name(mapped, rest, made, url, file, told):
    receipt = await mapped.deliver(made, at(url), name="one 2.mp4")
    assert files_in(rest) == [file]
    assert (receipt.url, receipt.size) == (told, 1_500_000)


async def test_a_folder_without_a_name_is_refused(mapped, rest, made):
    with pytest.raises(DeliveryForbidden):
        await mapped.deliver(made, at("s3://bucket/out/"))
    assert not rest.exists()


async def test_a_slash_after_the_key_of_a_source_is_no_part_of_it(mapped, rest, tmp_path):
    (rest / "s3" / "in").mkdir(parents=True)
    (rest / "s3" / "in" / "intro.mp4").write_bytes(b"film")
    seen = []
    await mapped.fetch(at("s3://in/intro.mp4/?access_key=K"), tmp_path / "x", on_progress=lambda *now: seen.append(now))
    assert (tmp_path / "x").read_bytes() == b"film"
    assert seen == [(4, 4)]


@pytest.mark.heavy
@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/../../secret",
        "s3://bucket/a/%2e%2e/%2e%2e/%2e%2e/secret",
        "s3://bucket/..%2f..%2f..%2fsecret",
        "s3://wasabisys.com/../secret",
        "s3://../secret",
        "s3://./secret",
        "ftp://host/../../../secret",
        "ftp://../secret",
        "s3://bucket/a%00b",
        "s3://bucket/a\nb",
        "s3:///secret",
        "s3://wasabisys.com",
        "ftp://host:port/secret",
        "s3://bucket/" + "x" * 9000,
    ],
)
async def test_nothing_leads_out(mapped, rest, made, tmp_path, url):
    carrier = Carrier(Policy(), mounts=[mapped])
    (tmp_path / "data" / "secret").parent.mkdir()
    (tmp_path / "data" / "secret").write_bytes(b"keep")
    (tmp_path / "secret").write_bytes(b"keep")
    with pytest.raises(DeliveryFailed):
        await carrier.deliver(made, at(url), name="x")
    with pytest.raises(SourceUnreachable):
        await carrier.fetch(at(url), tmp_path / "got")
    assert files_in(tmp_path) == ["data/secret", "made.mp4", "secret"]
    assert (tmp_path / "data" / "secret").read_bytes() == (tmp_path / "secret").read_bytes() == b"keep"


async def test_links_that_lead_out_are_not_followed(mapped, rest, made, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"keep")
    (rest / "s3").mkdir(parents=True)
    (rest / "s3" / "bucket").symlink_to(tmp_path / "outside")
    with pytest.raises(DeliveryForbidden):
        await mapped.deliver(made, at("s3://bucket/new"))
    with pytest.raises(SourceForbidden):
        await mapped.fetch(at("s3://bucket/x"), tmp_path / "got")
    assert files_in(tmp_path / "outside") == ["x"]


@pytest.mark.parametrize(
    ("url", "status", "reason"),
    [
        ("s3://bucket/none", 404, "Not Found"),
        ("ftp://host.example/none", 550, "File unavailable"),
        ("sftp://host.example/none", 404, "Not Found"),
    ],
)
async def test_a_missing_source_is_told_as_its_server_would(mapped, tmp_path, url, status, reason):
    with pytest.raises(SourceMissing) as caught:
        await mapped.fetch(at(url), tmp_path / "x")
    assert caught.value.data == {"status": status, "reason": reason}


async def test_a_missing_a_large_and_a_strange_source(mapped, rest, tmp_path):
    with pytest.raises(SourceMissing):
        await mapped.fetch(at("s3://bucket/none"), tmp_path / "x")
    (rest / "s3" / "bucket" / "deep").mkdir(parents=True)
    (rest / "s3" / "bucket" / "big").write_bytes(b"12345")
    with pytest.raises(SourceMissing):
        await mapped.fetch(at("s3://bucket/deep"), tmp_path / "x")
    with pytest.raises(SourceTooLarge):
        await mapped.fetch(at("s3://bucket/big"), tmp_path / "x", limits=Limits(max_bytes=4))
    assert not (tmp_path / "x").exists()


async def test_mapped_prefixes_go_first_and_the_longest_wins(tmp_path, rest, made):
    folders = {
        "s3://films": tmp_path / "films",
        "https://films.s3.amazonaws.com/raw/": tmp_path / "raw",
        "https://s3.eu-central-1.wasabisys.com": tmp_path / "wasabi",
        "ftp://host": tmp_path / "host",
        "https://cdn.example/x": tmp_path / "cdn",
        "gs://box": tmp_path / "box",
    }
    mapped = Mapped(Policy(), folders=folders, rest=rest)
    for url in (
        "https://films.s3.amazonaws.com/a",
        "s3://films/raw/b",
        "s3://films/rawer/c",
        "s3://wasabisys.com/other/d",
        "ftp://host:21/e",
        "ftp://host:2121/f",
        "http://cdn.example/x/g",
        "gs://box/h",
    ):
        assert mapped.holds(url)
        await mapped.deliver(made, at(url))
    assert files_in(tmp_path) == [
        "box/h",
        "cdn/g",
        "data/storage/ftp/host:2121/f",
        "films/a",
        "films/rawer/c",
        "host/e",
        "made.mp4",
        "raw/b",
        "wasabi/other/d",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a/../b.mp4",
        "https://amazonaws.com/x",
        "https://bucket.ec2.amazonaws.com/x",
        "https://notamazonaws.com/s3/x",
        "https://s3.amazonaws.com.evil.example/bucket/x",
        "https://cdn.example/xyz/a",
        "file:///etc/passwd",
        "gs://box/a",
        "nonsense",
    ],
)
def test_what_is_no_storage_is_left_to_others(tmp_path, rest, url):
    assert not Mapped(Policy(), folders={"https://cdn.example/x": tmp_path}, rest=rest).holds(url)


@pytest.mark.parametrize("url", ["s3://", "SFTP://[/x", "s3://box/a\nb"])
def test_a_broken_url_of_a_storage_is_held_and_refused_rather_than_sent_out(mapped, url):
    assert mapped.holds(url)
    with pytest.raises(SourceForbidden):
        mapped.admit(at(url))


@pytest.mark.parametrize(("url", "reason"), [("s3://box/../x", "traversal"), ("ftp://host/a%00b", "path")])
def test_what_leads_out_is_refused_before_the_job_is_taken(mapped, url, reason):
    with pytest.raises(SourceForbidden) as caught:
        mapped.admit(at(url))
    assert caught.value.data == {"reason": reason}


async def test_folders_may_be_relative_as_the_default_of_the_data_folder_is(tmp_path, made, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mapped = Mapped(Policy(), rest=Path("mediaglot-data", "storage"), folders={"s3://films": Path("films")})
    await mapped.deliver(made, at("s3://other/a.mp4"))
    await mapped.deliver(made, at("s3://films/b.mp4"))
    await mapped.fetch(at("s3://other/a.mp4"), tmp_path / "c.mp4")
    assert files_in(tmp_path) == ["c.mp4", "films/b.mp4", "made.mp4", "mediaglot-data/storage/s3/other/a.mp4"]


async def test_mapped_storage_needs_no_leave_for_files(rest, made, tmp_path):
    mapped = Mapped(Policy(schemes=frozenset({"s3"})), rest=rest)
    await mapped.deliver(made, at("s3://films/a.mp4"))
    assert (await mapped.fetch(at("s3://films/a.mp4"), tmp_path / "back")).size == 1_500_000


def test_without_a_rest_only_what_is_mapped_is_held(tmp_path):
    mapped = Mapped(Policy(), folders={"s3://films": tmp_path})
    assert mapped.holds("https://films.s3.amazonaws.com/x")
    assert not any(map(mapped.holds, ("s3://other/x", "ftp://host/x", "s3://", "https://other.s3.amazonaws.com/x")))


async def test_a_mapped_path_that_climbs_is_refused_and_not_passed_on(tmp_path):
    carrier = Carrier(Policy(), mounts=[Mapped(Policy(), folders={"https://cdn.example/x": tmp_path / "x"})])
    with pytest.raises(SourceForbidden) as caught:
        await carrier.fetch(at("https://cdn.example/x/../secret"), tmp_path / "got")
    assert caught.value.data == {"reason": "traversal"}


@pytest.mark.parametrize("url", ["films", "s3://", "file:///srv", "s3://a/../b", "s3://a?x=y", "ftp://h:port"])
def test_a_prefix_that_can_not_be_mapped_is_named(url):
    with pytest.raises(ValueError, match="is no URL of a storage"):
        Mapped(Policy(), folders={url: Path("/x")})
