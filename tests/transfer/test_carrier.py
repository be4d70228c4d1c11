from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from mediaglot.gateway.faults import (
    DeliveryFailed,
    DeliveryForbidden,
    SourceForbidden,
    SourceMissing,
    SourceUnreachable,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Carrier, Fetched
from mediaglot.gateway.transfer.endpoint import Endpoint
from mediaglot.gateway.transfer.mapped import Mapped
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.s3 import S3


def at(url):
    return Location(url=url)


@pytest.fixture
async def carrier(tmp_path, local, eager):
    carrier = Carrier(Policy(local_addresses=True, allow_dirs=(tmp_path,)), eager)
    yield carrier
    await carrier.close()


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "cached-clip.mp4"
    path.write_bytes(b"film")
    return path


async def test_each_scheme_finds_its_module(carrier, origin, tmp_path):
    source, there = tmp_path / "source", tmp_path / "out" / "x.mp4"
    await carrier.fetch(at(origin.url.replace("http:", "HTTP:")), source)
    await carrier.deliver(source, at(there.as_uri()))
    assert there.read_bytes() == origin.body


async def test_what_a_resolver_knows_is_never_fetched(recipe, tmp_path):
    asked = []

    async def recipes(url):
        asked.append(url)
        return recipe if url.startswith("https://media.mediaglot.test/") else None

    carrier = Carrier(Policy(schemes=frozenset()), resolvers=[recipes])
    target, seen = tmp_path / "target", []
    fetched = await carrier.fetch(
        at("https://media.mediaglot.test/bars.mp4"), target, on_progress=lambda *now: seen.append(now)
    )
    assert fetched == Fetched(path=target, size=4, name="cached-clip.mp4")
    assert seen == [(4, 4)]
    assert target.read_bytes() == b"film"
    target.unlink()
    assert recipe.exists()
    with pytest.raises(SourceForbidden):
        await carrier.fetch(at("https://elsewhere.test/x"), target)
    assert len(asked) == 2


async def test_a_resolved_file_is_copied_where_it_cannot_be_linked(recipe, tmp_path, monkeypatch):
    async def recipes(_):
        return recipe

    def no_links(*_):
        raise OSError(18, "other file system")

    monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "target"
    target.write_bytes(b"stale")
    await Carrier(Policy(), resolvers=[recipes]).fetch(at("https://media.mediaglot.test/x"), target)
    assert target.read_bytes() == b"film"
    assert target.stat().st_ino != recipe.stat().st_ino


async def test_a_resolver_may_say_that_there_is_no_such_thing(tmp_path):
    async def recipes(_):
        raise SourceMissing(status=404, reason="Not Found")

    with pytest.raises(SourceMissing):
        await Carrier(Policy(), resolvers=[recipes]).fetch(at("https://media.mediaglot.test/x"), tmp_path / "t")


@pytest.mark.parametrize("url", ["gopher://x/y", "", "x", "mailto:a@b"])
async def test_an_unknown_scheme_is_unreachable(carrier, recipe, tmp_path, url):
    with pytest.raises(SourceUnreachable) as caught:
        await carrier.fetch(at(url), tmp_path / "target")
    assert caught.value.data == {"reason": "scheme"}
    with pytest.raises(DeliveryFailed) as caught:
        await carrier.deliver(recipe, at(url))
    assert caught.value.data == {"reason": "scheme"}


async def test_the_policy_is_asked_before_any_module(recipe, tmp_path):
    carrier = Carrier(Policy(), schemes={"http": "no.such.module:Nothing"})
    with pytest.raises(SourceForbidden):
        await carrier.fetch(at("http://127.0.0.1/x"), tmp_path / "target")
    with pytest.raises(DeliveryForbidden):
        await carrier.deliver(recipe, at("http://[::1]/x"))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file:///etc/film.mp4", "outside"),
        ("file:///etc/", "outside"),
        ("file://{allowed}/../film.mp4", "traversal"),
        ("file://{allowed}/door/film.mp4", "outside"),
        ("file://elsewhere{allowed}/film.mp4", "host"),
        ("http://127.0.0.1/film.mp4", "address"),
        ("ftp://u:p@[::1]/film.mp4", "address"),
        ("http://2130706433/film.mp4", "host"),
        ("s3://10.0.0.1:9000/bucket/film.mp4", "address"),
        ("s3://10.0.0.1:9000/bucket/", "address"),
        ("s3://mapped/../film.mp4", "traversal"),
        ("gopher://there.test/film.mp4", "scheme"),
    ],
)
async def test_a_destination_is_refused_before_there_is_anything_to_put_there(tmp_path, place, reason):
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "door").symlink_to("/etc")
    policy = Policy(allow_dirs=(tmp_path / "allowed",))
    mounts = (Mapped(policy, folders={"s3://mapped": tmp_path / "mapped"}), S3(policy))
    carrier = Carrier(policy, mounts=mounts)
    with pytest.raises(DeliveryFailed) as caught:
        await carrier.admit(at(place.format(allowed=tmp_path / "allowed")))
    assert caught.value.data == {"reason": reason}


async def test_destinations_that_do_not_tell_are_judged_when_something_is_put_there(tmp_path):
    policy = Policy(allow_dirs=(tmp_path / "real",))
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "in").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "real")
    own = Endpoint.read({"domain": "minio.test", "endpoint": "http://127.0.0.1:9000"})
    mounts = (Mapped(policy, folders={"s3://mapped": tmp_path / "mapped"}), S3(policy, endpoints=[own]))
    carrier = Carrier(policy, mounts=mounts)
    here = [f"file://{tmp_path}/{path}" for path in ("real", "real/", "real/new/film.mp4", "way/in/film.mp4")]
    away = ["http://localhost/film.mp4", "sftp://there.test", "s3://bucket", "s3://minio.test/bucket/", "s3://mapped"]
    for place in (*here, *away):
        await carrier.admit(at(place))


async def test_fifty_fetches_and_deliveries_side_by_side(carrier, origin, tmp_path):
    origin.body = origin.body[:100_000]

    async def trip(number):
        source = tmp_path / f"source{number}"
        await carrier.fetch(at(origin.url), source)
        await carrier.deliver(source, at((tmp_path / "out" / f"{number}.mp4").as_uri()))

    await asyncio.gather(*map(trip, range(50)))
    made = list((tmp_path / "out").iterdir())
    assert len(made) == 50
    assert {path.read_bytes() for path in made} == {origin.body}


@pytest.mark.heavy
def test_no_scheme_is_imported_before_it_is_met():
    code = "import sys, mediaglot.gateway.transfer; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
