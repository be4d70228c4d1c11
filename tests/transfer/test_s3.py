"""Transfers from and to a real object store: moto, behind a door that verifies every signature."""

from __future__ import annotations

import hashlib
import os
import sys
from urllib.parse import quote

import pytest
from aiohttp import ThreadedResolver, web

from mediaglot.gateway.faults import (
    DeliveryFailed,
    DeliveryForbidden,
    SourceForbidden,
    SourceMissing,
    SourceUnreachable,
)
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.endpoint import Endpoint, Keys
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.signature import _loaded

BODY = bytes(range(256)) * 8_000
PAIR = {"user": "KEY", "password": Secret("SE/CR+ET")}


def at(url, **access):
    return Location(url=url, access=Access(**access) if access else None)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "got"


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def large(tmp_path):
    """Three parts, the last of 1 MiB."""
    path = tmp_path / "large.mp4"
    path.write_bytes(os.urandom(1 << 20) * 33)
    return path


# --- spellings ---------------------------------------------------------------------------------------

SPELLINGS = [
    "s3://{bucket}/out/a b.mp4",
    "s3://{bucket}/out/a%20b.mp4?access_key=K&region=eu-central-1",
    "s3://wasabisys.com/{bucket}/out/a%20b.mp4",
    "s3://s3-eu-west-1.amazonaws.com/{bucket}/out/a%20b.mp4",
    "s3://s3.amazonaws.com/{bucket}/out/a%20b.mp4",
    "s3://localhost:9000/{bucket}/out/a%20b.mp4",
    "s3://storage.test/{bucket}/out/a%20b.mp4",
    "http://{bucket}.s3.amazonaws.com/out/a%20b.mp4?nocopy",
    "https://{bucket}.s3.eu-central-1.amazonaws.com/out/a%20b.mp4",
    "https://s3.eu-central-1.wasabisys.com/{bucket}/out/a%20b.mp4",
    "https://{bucket}.nyc3.digitaloceanspaces.com/out/a%20b.mp4#top",
    "https://storage.test/{bucket}/out/a%20b.mp4",
    "https://{bucket}.storage.test/out/a%20b.mp4",
]


@pytest.mark.heavy
@pytest.mark.parametrize("style", ["path", "host"])
@pytest.mark.parametrize("url", SPELLINGS)
async def test_every_spelling_reaches_the_object_on_a_mapped_endpoint(
    opened, store, made, target, url, style, signed, everywhere
):
    port = int(store.url.rpartition(":")[2])
    mapped = [
        Endpoint(url=f"http://localhost:{port}", style=style),
        Endpoint(domain="storage.test", url=f"http://localhost:{port}", style=style),
    ]
    s3 = opened(*mapped, resolver=everywhere)
    where = signed(url.format(bucket=store.bucket))
    assert s3.holds(where.url)
    receipt = await s3.deliver(made, where)
    assert (await store.get("out/a b.mp4"))[0] == BODY
    fetched = await s3.fetch(where, target)
    assert target.read_bytes() == BODY
    assert (fetched.size, fetched.name) == (len(BODY), "a b.mp4")
    assert receipt.url == where.url.partition("?")[0]
    assert receipt.etag == f'"{hashlib.md5(BODY).hexdigest()}"'
    assert store.asked[0].headers["Host"].startswith(store.bucket if style == "host" else "localhost")


@pytest.mark.parametrize(
    ("url", "host", "region"),
    [
        ("http://{bucket}.s3.amazonaws.com/k", "{bucket}.s3.us-east-1.amazonaws.com", "us-east-1"),
        ("http://{bucket}.s3-eu-west-1.amazonaws.com/k", "{bucket}.s3.eu-west-1.amazonaws.com", "eu-west-1"),
        ("http://s3.us-gov-west-1.amazonaws.com/{bucket}/k", "{bucket}.s3.us-gov-west-1.amazonaws.com", None),
        ("http://{bucket}.s3.amazonaws.com.cn/k", "{bucket}.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("http://s3.eu-central-1.wasabisys.com/{bucket}/k", "s3.eu-central-1.wasabisys.com", "eu-central-1"),
        ("http://{bucket}.s3.wasabisys.com/k?region=ap-northeast-1", "s3.ap-northeast-1.wasabisys.com", None),
        ("http://s3.us-west-004.backblazeb2.com/{bucket}/k", "s3.us-west-004.backblazeb2.com", "us-west-004"),
        ("http://{bucket}.s3.fr-par.scw.cloud/k", "s3.fr-par.scw.cloud", "fr-par"),
        ("http://{bucket}.nyc3.digitaloceanspaces.com/k", "nyc3.digitaloceanspaces.com", "nyc3"),
    ],
)
async def test_providers_are_asked_at_their_own_hosts(opened, store, target, url, host, region, signed, everywhere):
    s3 = opened(resolver=everywhere)
    await store.put("k", BODY)
    store.region = region
    await s3.fetch(signed(url.format(bucket=store.bucket)), target)
    assert target.read_bytes() == BODY
    assert [request.headers["Host"] for request in store.asked] == [host.format(bucket=store.bucket)]


@pytest.mark.parametrize("key", ["a//b", "/a", "ü ö", "a+b c", "100%", "a#b?c", "a&b=c;d", "~.-_!'()*", "a\\b", "\x01"])
async def test_a_key_is_exactly_the_clients(s3, store, made, target, key, signed):
    where = signed(f"s3://{store.bucket}/{quote(key)}")
    await s3.deliver(made, where)
    assert store.refused == []
    assert store.asked[0].raw_path == f"/{store.bucket}/{quote(key, safe='/')}"
    await s3.fetch(where, target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("s3://{}/out/?region=x", "out/one 2.mp4"),
        ("s3://{}", "one 2.mp4"),
        ("https://{}.s3.amazonaws.com", "one 2.mp4"),
    ],
)
async def test_a_folder_takes_the_given_name(s3, store, made, url, key, signed):
    await s3.deliver(made, signed(url.format(store.bucket)), name="one 2.mp4")
    assert (await store.get(key))[0] == BODY
    with pytest.raises(DeliveryForbidden):
        await s3.deliver(made, signed(url.format(store.bucket)))


async def test_a_slash_after_the_key_of_a_source_is_no_part_of_it(s3, store, target, signed):
    await store.put("intro.mp4", BODY)
    assert (await s3.fetch(signed(f"s3://{store.bucket}/intro.mp4/?x=y"), target)).name == "intro.mp4"


@pytest.mark.parametrize(
    "url",
    [
        "https://films.s3.amazonaws.com/a?X-Amz-Signature=abc&X-Amz-Expires=60",
        "https://films.s3.amazonaws.com/a?AWSAccessKeyId=K&Signature=abc%3D&Expires=1",
        "https://example.com/films/a",
        "ftp://films.s3.amazonaws.com/a",
        "file:///films/a",
    ],
)
def test_signed_urls_and_other_places_are_left_to_others(opened, url):
    assert not opened().holds(url)


def test_only_what_is_named_is_held_where_other_buckets_are_folders(opened):
    s3 = opened(Endpoint(bucket="films", region="eu-west-1"), only_named=True)
    assert s3.holds("https://films.s3.amazonaws.com/a")
    assert not any(map(s3.holds, ("s3://other/a", "s3://films/../b", "s3://")))


# --- who may -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "code"),
    [
        ({"user": "WHO", "password": Secret("x")}, "InvalidAccessKeyId"),
        ({"user": "KEY", "password": Secret("wrong-s3cret")}, "SignatureDoesNotMatch"),
        ({"user": "KEY"}, "AccessDenied"),
        ({**PAIR, "options": {"session_token": "t0ken"}}, "InvalidToken"),
        ({}, "AccessDenied"),
    ],
)
async def test_wrong_credentials_are_told_apart_and_not_tried_again(s3, store, made, target, access, code):
    await store.put("a", BODY)
    where = at(f"s3://{store.bucket}/a", **access)
    with pytest.raises(SourceMissing) as caught:
        await s3.fetch(where, target)
    assert caught.value.data == {"status": 403, "reason": code}
    with pytest.raises(DeliveryFailed) as failed:
        await s3.deliver(made, where)
    assert failed.value.data == {"status": 403, "reason": code}
    assert store.refused == [code, code]
    assert not target.exists()
    for secret in ("SE/CR+ET", "wrong-s3cret", "t0ken"):
        assert secret not in f"{caught.value!s}{failed.value!s}"


async def test_missing_object_and_bucket_are_told_apart(s3, store, made, target, signed):
    for url, code in ((f"s3://{store.bucket}/none", "NoSuchKey"), ("s3://no-such-bucket-here/a", "NoSuchBucket")):
        with pytest.raises(SourceMissing) as caught:
            await s3.fetch(signed(url), target)
        assert caught.value.data == {"status": 404, "reason": code}
    with pytest.raises(DeliveryFailed) as failed:
        await s3.deliver(made, signed("s3://no-such-bucket-here/a"))
    assert failed.value.data == {"status": 404, "reason": "NoSuchBucket"}


async def test_a_public_object_needs_no_signature_and_no_library(s3, store, target, monkeypatch):
    without_botocore(monkeypatch)
    await store.put("a", BODY)
    store.public.add(store.bucket)
    await s3.fetch(at(f"https://{store.bucket}.s3.amazonaws.com/a"), target)
    assert target.read_bytes() == BODY
    assert "Authorization" not in store.asked[0].headers


async def test_without_the_extra_a_fault_names_the_command(s3, store, made, target, monkeypatch, signed):
    without_botocore(monkeypatch)
    with pytest.raises(SourceUnreachable) as caught:
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target)
    assert caught.value.data == {"reason": "s3_extra", "install": "pip install 'mediaglot[s3]'"}
    with pytest.raises(DeliveryFailed, match="pip install"):
        await s3.deliver(made, signed(f"s3://{store.bucket}/a"))


def without_botocore(monkeypatch):
    for name in ("botocore", "botocore.auth"):
        monkeypatch.setitem(sys.modules, name, None)
    _loaded.cache_clear()


async def test_the_configurations_keys_take_the_place_of_the_clients(opened, store, target):
    store.keys["OWN"] = ("own-secret", "own-token")
    await store.put("a", BODY)
    keys = Keys(user="OWN", secret=Secret("own-secret"), token=Secret("own-token"))
    s3 = opened(Endpoint(url=store.url), Endpoint(bucket=store.bucket, url=store.url, keys=keys))
    await s3.fetch(at(f"s3://{store.bucket}/a", user="WHO", password=Secret("x")), target)
    assert target.read_bytes() == BODY


async def test_a_jobs_session_token_is_sent_and_signed(s3, store, target):
    store.keys["TMP"] = ("tmp", "t0ken/+=")
    await store.put("a", BODY)
    access = {"user": "TMP", "password": Secret("tmp"), "options": {"session_token": "t0ken/+="}}
    await s3.fetch(at(f"s3://{store.bucket}/a", **access), target)
    assert "x-amz-security-token" in store.asked[0].headers["Authorization"]


async def test_the_surroundings_lend_no_credentials(s3, store, target, monkeypatch, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id=KEY\naws_secret_access_key=SE/CR+ET\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SE/CR+ET")
    await store.put("a", BODY)
    with pytest.raises(SourceMissing):
        await s3.fetch(at(f"s3://{store.bucket}/a"), target)
    assert store.refused == ["AccessDenied"]


async def test_credentials_inside_the_url_sign_too(s3, store, made):
    receipt = await s3.deliver(made, at(f"https://KEY:SE%2FCR%2BET@{store.bucket}.s3.amazonaws.com/a"))
    assert store.refused == []
    assert receipt.url == f"https://{store.bucket}.s3.amazonaws.com/a"


# --- how it is stored ----------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("size", [len(BODY), 33 << 20])
async def test_access_type_and_class_arrive(s3, store, made, size, signed):
    with made.open("ab") as file:
        file.truncate(size)
    query = (
        "acl=public-read&content_type=video%2Fx-test&content_disposition=attachment;%20filename=x"
        "&storage_class=REDUCED_REDUNDANCY&cache_control=max-age=60"
    )
    await s3.deliver(made, signed(f"https://{store.bucket}.s3.amazonaws.com/a?{query}"), content_type="video/mp4")
    _, headers = await store.get("a")
    assert headers["Content-Type"] == "video/x-test"
    assert headers["Content-Disposition"] == "attachment; filename=x"
    assert headers["Cache-Control"] == "max-age=60"
    assert headers["x-amz-storage-class"] == "REDUCED_REDUNDANCY"
    assert "global/AllUsers" in await store.ask("acl", "a")


async def test_the_given_type_is_used_and_none_is_made_up(s3, store, made, signed):
    await s3.deliver(made, signed(f"s3://{store.bucket}/a"), content_type="video/mp4")
    assert (await store.get("a"))[1]["Content-Type"] == "video/mp4"
    await s3.deliver(made, signed(f"s3://{store.bucket}/b"))
    assert "Content-Type" not in store.asked[-1].headers


async def test_another_account_may_be_let_in_beside_the_public(s3, store, made, signed):
    where = f"s3://{store.bucket}/a?acl=public-read&canonical_id=abc,def"
    await s3.deliver(made, signed(where))
    group = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    assert store.asked[0].headers["x-amz-grant-read"] == f'id="abc", id="def", {group}'
    assert "<ID>abc</ID>" in await store.ask("acl", "a")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("acl=everything", "acl"),
        ("content_type=a%0d%0aX-Evil:1", "content_type"),
        ("storage_class=A%20B", "storage_class"),
        ("canonical_id=a%22,uri=%22x", "canonical_id"),
    ],
)
async def test_an_option_that_is_none_is_refused(s3, store, made, query, reason, signed):
    with pytest.raises(DeliveryForbidden) as caught:
        await s3.deliver(made, signed(f"s3://{store.bucket}/a?{query}"))
    assert caught.value.data == {"reason": reason}
    assert store.asked == []


# --- what may be reached -----------------------------------------------------------------------------


async def test_a_clients_server_is_judged_and_the_operators_is_not(opened, store, made, target, signed, everywhere):
    port = int(store.url.rpartition(":")[2])
    s3 = opened(Endpoint(domain="storage.test", url=store.url), policy=Policy(), resolver=everywhere)
    for url in (f"s3://127.0.0.1:{port}/films/a", f"s3://localhost:{port}/films/a", "http://films.s3.amazonaws.com/a"):
        with pytest.raises(SourceForbidden) as caught:
            await s3.fetch(signed(url), target)
        assert caught.value.data == {"reason": "address"}
        with pytest.raises(DeliveryForbidden):
            await s3.deliver(made, signed(url))
    assert store.asked == []
    await s3.deliver(made, signed(f"s3://storage.test/{store.bucket}/a"))
    assert (await store.get("a"))[0] == BODY


async def test_a_server_named_by_its_port_is_reached_where_that_is_allowed(opened, store, target, signed):
    await store.put("a", BODY)
    s3 = opened(resolver=ThreadedResolver())
    await s3.fetch(signed(store.url.replace("http://", "s3://") + f"/{store.bucket}/a"), target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://films/../other/a", "traversal"),
        ("s3://films/a/%2e%2e/b", "traversal"),
        ("s3://films/..%2fb", "traversal"),
        ("s3://wasabisys.com/..%2f/a", "bucket"),
        ("s3://wasabisys.com/fi%0alms/a", "bucket"),
        ("s3://wasabisys.com/evil.host%2f/a", "bucket"),
        ("s3://evil@films:80:80/a", "url"),
        ("s3://fi lms/a", "bucket"),
        ("s3://films/a\nb", "control_character"),
        ("s3://films/" + "x" * 9000, "length"),
        ("s3:///a", "host"),
        ("s3://films", "key"),
    ],
)
async def test_what_is_no_objects_url_is_forbidden(s3, store, target, url, reason, signed):
    with pytest.raises(SourceForbidden) as caught:
        await s3.fetch(signed(url), target)
    assert caught.value.data == {"reason": reason}
    assert store.asked == []


async def test_a_redirect_is_not_followed_with_a_signature(s3, store, target, serve, signed):
    seen = []

    async def trap(request):
        seen.append(request)
        return web.Response(body=BODY)

    elsewhere = await serve(trap)

    async def move(request, body):
        return web.Response(status=307, headers={"Location": f"{elsewhere}/a"})

    store.mischief = move
    with pytest.raises(SourceUnreachable) as caught:
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target)
    assert caught.value.data["status"] == 307
    assert seen == []


async def test_the_carrier_knows_the_scheme(store, target, made, eager, local, signed):
    carrier = Carrier(local, eager)
    where = signed(store.url.replace("http://", "s3://") + f"/{store.bucket}/a")
    await carrier.deliver(made, where)
    await carrier.fetch(where, target)
    assert target.read_bytes() == BODY
    await carrier.close()
