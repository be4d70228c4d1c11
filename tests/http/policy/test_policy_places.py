"""Destinations, pictures and notifications that the policy refuses, through every dialect that has such a thing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.usefixtures("no_mistakes", "names")]
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


class Encoding:
    """What is asked of each dialect: a place where something is to be put, got or told, and what comes of it.

    ``told`` gives the number of letters that are to go to the places which the provider took.
    """

    name, pictures = "encoding_com", ("logo", "overlay", "font", "key")
    buckets = ()
    not_saved = ("Error", "The destination is not allowed ({reason})")
    not_got = ("Error", "Download error:  The source address is not allowed")

    def __init__(self, client: Any, wait: Any) -> None:
        self.client, self.wait = client, wait

    async def enter(self) -> None:
        """Nothing: each request brings its key."""

    async def _media(self, wanted: Any, **fields: Any) -> Any:
        answer = await self.client.json("AddMedia", source=SHORT, format=wanted, **fields)
        if "MediaID" not in answer:
            return json.dumps(answer["errors"])
        done = await self.client.end(answer["MediaID"])
        return done["format"]["status"], done["format"].get("description")

    async def destination(self, place: str) -> Any:
        return await self._media({**SMALL, "destination": place})

    async def logo(self, place: str) -> Any:
        return await self._media({**SMALL, "logo": {"logo_source": place, "logo_x": "1", "logo_y": "1"}})

    async def overlay(self, place: str) -> Any:
        return await self._media({**SMALL, "overlay": {"overlay_source": place}})

    async def font(self, place: str) -> Any:
        return await self._media({**SMALL, "text_overlay": {"text": "a", "font_source": place}})

    async def key(self, place: str) -> Any:
        wanted = {"output": "advanced_hls", "stream": {"size": "160x90"}, "encryption": "yes"}
        return await self._media({**wanted, "encryption_method": "aes-128-cbc", "encryption_key_file": place})

    async def told(self, places: list[str]) -> int:
        ends = [await self._media(SMALL, notify=place) for place in places]
        return sum(not isinstance(end, str) for end in ends)


class Streams:
    name, pictures = "tpstreams", ()
    buckets = ("metadata",)
    """What is the name of a bucket here."""
    not_saved = ("Error", "The output could not be saved to the output path")

    def __init__(self, client: Any, wait: Any) -> None:
        self.session, self.wait = client.session, wait
        self.base = f"{client.site}/tpstreams/api/v1/ab12cd"

    async def enter(self) -> None:
        """Nothing: each request brings its token."""

    async def ask(self, method: str, path: str, tree: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Token {'a' * 64}"}
        async with self.session.request(method, self.base + path, json=tree, headers=headers) as answer:
            return answer.status, await answer.json()

    async def destination(self, place: str) -> Any:
        """The provider stores in buckets and nowhere else: the place, as a store's."""
        place = f"{place.replace('http:', 's3:', 1)}/b/?access_key=K&secret_key=S&region=us-east-1"
        wanted = {"input_url": SHORT, "output_path": place, "resolutions": ["240p"]}
        status, job = await self.ask("POST", "/transcoding_jobs/", wanted)
        if status != 201:
            return json.dumps(job)

        async def look() -> Any:
            _, found = await self.ask("GET", f"/transcoding_jobs/{job['id']}/")
            return found if found["status"] in {"Completed", "Error"} else None

        done = await self.wait(look)
        return done["status"], done["error_message"]

    async def told(self, places: list[str]) -> int:
        hooks = [{"url": place, "secret_token": "whsec-example"} for place in places]
        taken = [(await self.ask("POST", "/webhooks/", hook))[0] == 201 for hook in hooks]
        await self.destination("http://course-out")
        return sum(taken) * 2


class Edge:
    name, pictures = "transparent_edge", ("logo",)
    buckets = ()
    not_saved = ("ERROR", "a destination is not allowed ({reason})")
    not_got = ("ERROR", "the origin is not allowed")

    def __init__(self, client: Any, wait: Any) -> None:
        self.session, self.wait, self.base = client.session, wait, f"{client.site}/transparent_edge/v1"
        self.token = ""

    async def enter(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "4f2a90c1", "client_secret": "c0ffee77"}
        self.token = (await self.ask("POST", "/oauth2/access_token/", data=form))[1]["access_token"]

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(method, self.base + path, headers=headers, **more) as answer:
            return answer.status, await answer.json()

    async def _order(self, profile: Any = None, **fields: Any) -> Any:
        wanted = {"name": "p", "video_format": "mp4", "video_codec": "libx264", **(profile or {})}
        status, made = await self.ask("POST", "/media/42/transcoding_profiles/", json=wanted)
        if status != 201:
            return json.dumps(made)
        job = {"label": "x", "filename": "x.mp4", "profile_id": made["id"]}
        order = {"origin": SHORT, "destinations": ["s3://K:S@vod/show"], "jobs": [job], **fields}
        status, told = await self.ask("POST", "/media/42/transcode", data={"order": json.dumps(order)})
        if status != 201:
            return json.dumps(told)
        number = told["message"].partition("#")[2].partition(" ")[0]

        async def look() -> Any:
            _, found = await self.ask("GET", f"/media/42/transcode/{number}")
            return found if found["status"] in {"FINISHED", "ERROR"} else None

        done = await self.wait(look)
        return done["status"], done["comment"].partition(": ")[2]

    async def destination(self, place: str) -> Any:
        return await self._order({"video_width": 160, "video_height": 90}, destinations=[place])

    async def logo(self, place: str) -> Any:
        return await self._order({"custom_profiles": [{"profile_type": "overlay", "position": "after", "url": place}]})

    async def told(self, places: list[str]) -> int:
        sized = {"video_width": 160, "video_height": 90}
        ends = [await self._order(sized, notifications=[{"call": place}]) for place in places]
        return sum(not isinstance(end, str) for end in ends)


class Hub:
    name, pictures = "xvid_mediahub", ("logo",)
    buckets = ()
    not_saved = not_got = ("FAILURE", "Failed to transcode the file")

    def __init__(self, client: Any, wait: Any) -> None:
        self.session, self.wait, self.base = client.session, wait, f"{client.site}/xvid_mediahub/v1"
        self.token = self.preset = self.pipeline = ""

    async def enter(self) -> None:
        form = {"grant_type": "client_credential", "client_id": "66aabb000123456789abcd01"}
        form["client_secret"] = "AAECAwQF" * 4
        self.token = (await self.ask("POST", "/oauth2/token/", data=form))[1]["access_token"]
        presets = (await self.ask("GET", "/presets/"))[1]["presets"]
        self.preset = next(each["id"] for each in presets if each["name"] == "MP4 small")
        self.pipeline = (await self.ask("GET", "/pipelines/"))[1]["pipelines"][0]["id"]

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(method, self.base + path, headers=headers, **more) as answer:
            return answer.status, await answer.json()

    async def _job(self, pipeline: Any = None, **fields: Any) -> Any:
        number = self.pipeline
        if pipeline:
            status, made = await self.ask("POST", "/pipelines/", json={"pipeline": {"name": "p", **pipeline}})
            if status != 201:
                return made["error"]["error_message"]
            number = made["pipeline"]["id"]
        output = {"preset": {"id": self.preset}, "output_name": "a", **fields}
        wanted = {"pipeline": {"id": number}, "input": {"input_name": SHORT}, "outputs": [output]}
        status, made = await self.ask("POST", "/jobs/", json={"job": wanted})
        if status != 201:
            return made["error"]["error_message"]

        async def look() -> Any:
            found = (await self.ask("GET", f"/jobs/{made['job']['id']}"))[1]["job"]
            return found if found["status"] in {"SUCCESS", "FAILURE"} else None

        done = await self.wait(look)
        return done["status"], done.get("error_msg")

    async def destination(self, place: str) -> Any:
        return await self._job({"output_upload_dir": place})

    async def logo(self, place: str) -> Any:
        return await self._job(logos=[{"logo_image": place, "logo_preset": "logo_25_bottom_right"}])

    async def told(self, places: list[str]) -> int:
        ends = [await self._job({"ping_urls": {"finished": place}}) for place in places]
        return sum(not isinstance(end, str) for end in ends)


@pytest.fixture(params=[Encoding, Streams, Edge, Hub], ids=lambda kind: kind.name)
def enter(request: pytest.FixtureRequest, serve: Any, settings: Any, wait: Any) -> Callable[..., Awaitable[Any]]:
    async def guest(**more: Any) -> Any:
        one = request.param(await serve(**settings, deliver_patience=0, **more), wait)
        await one.enter()
        return one

    return guest


def web(world: Any) -> dict[str, str]:
    """Names for places that a client could think of, so that we would speak for it with 127.0.0.1."""
    port = world.port
    world.there = {
        "/to/0": f"http://127.0.0.1:{port}/moved",
        "/to/1": "http://169.254.169.254/latest/meta-data/",
        "/to/2": f"http://2130706433:{port}/moved",
    }
    return {
        "plain": f"http://127.0.0.1:{port}/a",
        "name": f"http://inside.test:{port}/a",
        "one of two": f"http://both.test:{port}/a",
        "name of a mapped address": f"http://six.test:{port}/a",
        "mapped": f"http://[::ffff:7f00:1]:{port}/a",
        "translated": f"http://[64:ff9b::7f00:1]:{port}/a",
        "decimal": f"http://2130706433:{port}/a",
        "hexadecimal": f"http://0x7f000001:{port}/a",
        "short": f"http://127.1:{port}/a",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "user": f"http://127.0.0.2:{port}@127.0.0.1:{port}/a",
        "backslash": f"http://127.0.0.2:{port}\\@127.0.0.1:{port}/a",
        "overlong": f"http://127.0.0.2:{port}/{'x' * 9000}",
        "rebinding": f"http://rebind-x.test:{port}/cut",
        "redirect": f"http://127.0.0.2:{port}/to/0",
        "redirect to metadata": f"http://127.0.0.2:{port}/to/1",
        "redirect to a number": f"http://127.0.0.2:{port}/to/2",
    }


FILES = ("traversal", "coded traversal", "link", "linked folder", "elsewhere")


def files(allowed: Path) -> dict[str, str]:
    paths = "/../secret/film.mp4", "/%2e%2e/secret/film.mp4", "/link.mp4", "/door/film.mp4"
    return dict(zip(FILES, [*(f"file://{allowed}{path}" for path in paths), "file:///etc/passwd"], strict=True))


NAMED = ("name", "one of two", "name of a mapped address", "rebinding")
LATER = (*NAMED, "redirect", "redirect to metadata", "redirect to a number")
"""Places that do not tell what they are: who puts something there finds out."""
REASONS = {"decimal": "host", "hexadecimal": "host", "short": "host", "redirect to a number": "host"}
REASONS |= {"traversal": "traversal", "coded traversal": "traversal", "elsewhere": "outside"}
REASONS |= {"link": "outside", "linked folder": "outside"}
AT_ONCE = "URL|usable|S3 path|Invalid Input"
"""What is said of places that the provider would not take."""


def amiss(found: dict[str, Any], said: tuple[str, str]) -> dict[str, Any]:
    """The ends that were to be others."""
    wanted = {name: (said[0], said[1].format(reason=REASONS.get(name, "address"))) for name in found}
    refused = {name for name, end in found.items() if isinstance(end, str) and re.search(AT_ONCE, end)}
    assert refused <= {"overlong", "backslash", "user"} | {name for name in found if name in FILES}
    return {name: end for name, end in found.items() if name not in refused and end != wanted[name]}


@pytest.mark.ffmpeg
async def test_destinations(enter: Any, world: Any, allowed: Path, caplog: pytest.LogCaptureFixture) -> None:
    guest = await enter(offline_storage=False, cache=50_000_000)
    places = web(world) | files(allowed)
    found = {name: await guest.destination(place) for name, place in places.items()}
    assert amiss({name: found[name] for name in LATER}, guest.not_saved) == {}
    for name in found.keys() - {*LATER, *guest.buckets}:
        refused = guest.not_saved[1].format(reason=REASONS.get(name, "address"))
        assert isinstance(found[name], str), (name, found[name])
        assert refused in found[name] or re.search(AT_ONCE, found[name]), (name, found[name])
    assert world.inside == []
    secret = allowed.parent / "secret"
    assert {path.name: path.read_bytes() for path in secret.iterdir()} == {"film.mp4": b"film"}
    assert "the policy refuses a transfer (address)" in caplog.text


@pytest.mark.ffmpeg
async def test_pictures_fonts_and_keys(enter: Any, world: Any, allowed: Path) -> None:
    guest = await enter()
    if not guest.pictures:
        pytest.skip("the provider puts nothing into the picture")
    places = web(world) | files(allowed)
    for kind in guest.pictures:
        ask = getattr(guest, kind)
        ends = await asyncio.gather(*(ask(place.replace("rebind-x", f"rebind-{kind}")) for place in places.values()))
        assert (kind, amiss(dict(zip(places, ends, strict=True)), guest.not_got)) == (kind, {})
    assert world.inside == []


@pytest.mark.heavy
async def test_notifications(enter: Any, world: Any, wait: Any, caplog: pytest.LogCaptureFixture) -> None:
    guest = await enter(backend="simulated")
    places = web(world)
    outside = {name: places.pop(name) for name in [*places] if name.startswith("re")}
    letters = await guest.told(list(places.values()))
    assert letters > 10
    await guest.told(list(outside.values()))

    async def given_up() -> bool:
        lines = [record.getMessage() for record in caplog.records]
        refused = sum("given up after 1 attempts: the policy does not allow it" in line for line in lines)
        return refused >= letters and {"/cut", "/to/0", "/to/1", "/to/2"} <= {*world.asked}

    await wait(given_up)
    assert world.inside == []
