"""The test double over HTTP: worlds that don't see one another, a clock by hand, trouble on demand, and proof."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from openapi_spec_validator import validate

from mediaglot.gateway.config import ConfigError, Settings
from mediaglot.gateway.http.app import listen
from mediaglot.gateway.http.double import Double
from mediaglot.gateway.http.stage import LONGEST, SPARE, Curtain
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.store.folder import FolderInUse

DEEP: Any = [[]]
for _ in range(100):
    DEEP = [DEEP]
SOURCE = "https://media.mediaglot.test/bars-60s-640x360-30fps.mp4"


class Lab:
    """Speaks to a double's control API, and as an Encoding.com client."""

    def __init__(self, session: aiohttp.ClientSession, site: str) -> None:
        self.session, self.site = session, site

    async def ask(self, method: str, path: str, document: Any = None, status: int | None = 200) -> Any:
        body = None if document is None else orjson.dumps(document)
        async with self.session.request(method, f"{self.site}/_mediaglot/{path}", data=body) as answer:
            said = orjson.loads(await answer.read())
            assert status in (None, answer.status), said
            return said

    async def world(self, **spec: Any) -> World:
        return World(self, await self.ask("POST", "worlds", {"clock": "virtual", **spec}, 201))


class World:
    def __init__(self, lab: Lab, told: Any) -> None:
        self.lab, self.told, self.id = lab, told, told["id"]
        self.secret = told["secret"]

    async def ask(self, method: str, path: str, document: Any = None, status: int | None = 200) -> Any:
        return await self.lab.ask(method, f"worlds/{self.id}/{path}", document, status)

    async def query(self, action: str, **fields: Any) -> tuple[int, bytes]:
        query = {"query": {"userid": "100", "userkey": self.secret, "action": action, **fields}}
        form = {"json": orjson.dumps(query).decode()}
        async with self.lab.session.post(f"{self.lab.site}/encoding_com/", data=form) as answer:
            return answer.status, await answer.read()

    async def said(self, action: str, **fields: Any) -> Any:
        return orjson.loads((await self.query(action, **fields))[1])["response"]

    async def create(self, **more: Any) -> str:
        formats = [{"output": "mp4", "size": "320x180"}]
        return str((await self.said("AddMedia", source=SOURCE, format=formats, **more))["MediaID"])

    async def status(self, job: str) -> str:
        return str((await self.said("GetStatus", mediaid=job))["status"])

    async def advance(self, seconds: float) -> Any:
        return await self.ask("POST", "clock", {"advance": seconds})


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    runner = await listen(Double(Settings(port=0, data=tmp_path / "data", double=True)))
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        yield Lab(session, f"http://{host}:{port}")
    await runner.cleanup()


# --- worlds --------------------------------------------------------------------------------------------


async def test_worlds_do_not_see_one_another(lab: Lab) -> None:
    one, two = await lab.world(), await lab.world()
    job = await one.create()
    await one.advance(600)
    assert await one.status(job) == "Finished"
    assert "error" in str(await two.said("GetStatus", mediaid=job))
    assert await two.create() == job
    assert await two.status(job) != "Finished"
    assert (await two.ask("GET", "clock"))["now"] == "2026-01-01T00:00:00+00:00"


async def test_a_credential_that_nobody_made_opens_a_world_of_its_own(lab: Lab) -> None:
    one, two = World(lab, {"id": "", "secret": "mine"}), World(lab, {"id": "", "secret": "yours"})
    assert await one.create() == await two.create()
    worlds = (await lab.ask("GET", "worlds"))["worlds"]
    assert len(worlds) == 2
    assert not any(secret in str(worlds) for secret in ("mine", "yours"))


async def test_a_world_is_where_its_address_says(lab: Lab) -> None:
    world = await lab.world()
    query = {"query": {"userid": "100", "userkey": "whatever", "action": "AddMedia", "source": SOURCE}}
    query["query"]["format"] = {"output": "mp4"}  # type: ignore[assignment]  # a document
    url = f"{world.told['dialects']['encoding_com']['url']}/"
    async with lab.session.post(url, data={"json": orjson.dumps(query).decode()}) as answer:
        assert "Added" in await answer.text()
    assert (await world.ask("GET", "journal"))["total"] == 1


async def test_a_token_leads_to_the_world_of_its_secret(lab: Lab) -> None:
    world = await lab.world()
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": world.secret}
    async with lab.session.post(f"{lab.site}/transparent_edge/v1/oauth2/access_token/", data=form) as answer:
        token = (await answer.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with lab.session.get(f"{lab.site}/transparent_edge/v1/media/42/transcode/", headers=headers) as answer:
        assert answer.status == 200
    seen = (await world.ask("GET", "journal"))["entries"]
    assert [entry["dialect"] for entry in seen] == ["transparent_edge"] * 2
    assert token not in str(seen)
    assert world.secret not in str(seen)


async def test_a_second_double_leaves_the_folder_of_the_first_alone(lab: Lab, tmp_path: Path) -> None:
    world = await lab.world()
    with pytest.raises(FolderInUse):
        await listen(Double(Settings(port=0, data=tmp_path / "data", double=True)))
    assert (tmp_path / "data" / "worlds" / world.id / "mediaglot.db").exists()


async def test_a_world_ends(lab: Lab) -> None:
    world = await lab.world(id="mine")
    await lab.ask("DELETE", "worlds/mine")
    await lab.ask("GET", "worlds/mine", status=404)
    assert (await world.query("GetStatus", mediaid="1"))[0] == 200
    assert "mine" not in str(await lab.ask("GET", "worlds"))


async def test_what_is_no_world(lab: Lab) -> None:
    await lab.world(id="mine", secret="mine-12345678")
    for spec, status in (
        ({"id": "mine"}, 409),
        ({"id": "Über"}, 400),
        ({"id": "../up"}, 400),
        ({"secret": "short"}, 400),
        ({"secret": "mine-12345678"}, 400),
        ({"clock": "sundial"}, 400),
        ({"start": "0001-01-01T00:00:00+14:00"}, 400),
        ({"start": "tomorrow"}, 400),
        ({"seed": "one"}, 400),
        ({"journal": 0}, 400),
        ([], 400),
    ):
        assert (await lab.ask("POST", "worlds", spec, status))["error"]["message"]
    assert "no 'more'; there are" in (await lab.ask("POST", "worlds", {"more": 1}, 400))["error"]["message"]
    assert "worlds" in (await lab.ask("GET", "word", status=404))["error"]["message"]
    await lab.ask("PATCH", "worlds", status=405)
    await lab.ask("GET", "worlds?page=2", status=400)
    await lab.ask("GET", "worlds/none/clock", status=404)


@pytest.mark.parametrize("path", ["worlds", "inbox/mine"])
async def test_a_body_that_can_not_be_unpacked_is_refused(lab: Lab, path: str) -> None:
    headers = {"Content-Encoding": "gzip"}
    async with lab.session.post(f"{lab.site}/_mediaglot/{path}", data=b"no gzip", headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "malformed")


async def test_with_a_token_it_is_for_who_has_that(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    runner = await listen(Double(Settings(port=0, data=tmp_path / "data", double=True, control_token=Secret("t0ken"))))
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/_mediaglot/worlds"
    async with session.get(url) as answer:
        assert (answer.status, answer.headers.get("WWW-Authenticate")) == (401, "Bearer")
    async with session.get(url, headers={"Authorization": "Bearer t0ken"}) as answer:
        assert answer.status == 200
    await runner.cleanup()


@pytest.mark.heavy
async def test_the_control_api_describes_itself(lab: Lab) -> None:
    document = await lab.ask("GET", "openapi.json")
    validate(document)
    asked = document["paths"]["/worlds/{world}/faults"]["post"]["requestBody"]["content"]["application/json"]
    assert {"status", "drop", "latency"} < asked["schema"]["properties"].keys()
    (path,) = [each for each in document["paths"]["/inboxes/{box}"]["get"]["parameters"] if each["name"] == "paths"]
    assert path["schema"]["type"] == "object"


# --- determinism and state -----------------------------------------------------------------------------


async def played(lab: Lab, **spec: Any) -> Any:
    world = await lab.world(**spec)
    job = await world.create(notify=f"{lab.site}/_mediaglot/inbox/{spec.get('id', 'x')}")
    for _ in range(5):
        await world.advance(1)
        await world.status(job)
    await world.ask("POST", "faults", {"latency": {"uniform": [0.0, 0.001]}, "malform": True, "first": 1}, 201)
    await world.query("GetMediaList")
    return await world.ask("GET", "journal")


@pytest.mark.heavy
async def test_the_same_seed_and_calls_give_the_same_journal(tmp_path: Path) -> None:
    journals = []
    for number in range(2):
        async with opened(tmp_path / str(number)) as lab:
            journals.append(orjson.dumps(await played(lab, id="same", secret="same-secret-0", seed=5)))
    assert journals[0] == journals[1]


@contextlib.asynccontextmanager
async def opened(data: Path, **more: Any) -> AsyncIterator[Lab]:
    runner = await listen(Double(Settings(port=0, data=data, double=True, **more)))
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        yield Lab(session, f"http://{host}:{port}")
    await runner.cleanup()


async def test_a_reset_world_begins_again(lab: Lab) -> None:
    world = await lab.world()
    job = await world.create()
    await world.ask("POST", "faults", {"drop": True}, 201)
    await world.advance(600)
    await world.ask("POST", "reset")
    assert (await world.ask("GET", "clock"))["now"] == "2026-01-01T00:00:00+00:00"
    assert (await world.ask("GET", "journal"))["total"] == 0
    assert "error" in str(await world.said("GetStatus", mediaid=job))
    assert await world.create() == job
    assert (await lab.ask("POST", "reset"))["reset"] == [world.id]


async def test_a_snapshot_comes_back(lab: Lab) -> None:
    world = await lab.world()
    job = await world.create()
    await world.advance(1)
    before = await world.said("GetStatus", mediaid=job)
    await world.ask("PUT", "snapshots/begun", status=201)
    await world.advance(600)
    assert await world.status(job) == "Finished"
    await world.ask("POST", "snapshots/begun/restore")
    assert (await world.ask("GET", "clock"))["now"] == "2026-01-01T00:00:01+00:00"
    after = await world.said("GetStatus", mediaid=job)
    assert after["status"] in (before["status"], "Waiting for encoder", "Downloading")
    await world.advance(600)
    assert await world.status(job) == "Finished"
    await world.ask("POST", "snapshots/none/restore", status=404)
    await world.ask("PUT", f"snapshots/{'x' * 300}", status=400)


async def test_a_seed_makes_a_world_what_a_test_needs(lab: Lab) -> None:
    world = await lab.world()
    query = {
        "userid": "100",
        "userkey": "{secret}",
        "action": "AddMedia",
        "source": SOURCE,
        "format": {"output": "mp4"},
    }
    steps = [
        {
            "dialect": "transparent_edge",
            "path": "/v1/oauth2/access_token/",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body": "grant_type=client_credentials&client_id=demo&client_secret={secret}",
        },
        {
            "dialect": "transparent_edge",
            "path": "/v1/media/42/transcode/",
            "headers": {"Authorization": "Bearer {0.access_token}"},
        },
        {"advance": 900},
        {
            "dialect": "encoding_com",
            "path": "/",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body": f"json={orjson.dumps({'query': query}).decode()}",
        },
    ]
    answers = (await world.ask("POST", "seed", {"steps": steps}))["answers"]
    assert answers[1]["status"] == 200
    job = answers[3]["body"]["response"]["MediaID"]
    assert (await world.said("GetStatus", mediaid=job))["created"] == "2026-01-01 00:15:00"
    exported = await world.ask("GET", "export")
    assert [ticket["id"] for ticket in exported["jobs"]] == [job]
    assert world.secret not in str(exported)


def created() -> list[Any]:
    query = {
        "userid": "100",
        "userkey": "{secret}",
        "action": "AddMedia",
        "source": SOURCE,
        "format": {"output": "mp4"},
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"json={orjson.dumps({'query': query}).decode()}"
    return [{"dialect": "encoding_com", "path": "/", "headers": form, "body": body}, {"advance": 600}]


async def test_a_reset_plays_the_steps_again_that_a_world_began_with(lab: Lab) -> None:
    world = await lab.world(steps=created())
    assert await world.status("5001") == "Finished"
    assert await world.create() == "5002"
    await world.ask("POST", "reset")
    assert await world.status("5001") == "Finished"
    assert await world.create() == "5002"
    said = await lab.ask("POST", "worlds", {"id": "bad", "steps": [{"advance": -1}]}, 400)
    assert "step 0" in said["error"]["message"]
    await lab.ask("GET", "worlds/bad", status=404)


async def test_a_seed_file_is_for_all_worlds_that_are_made(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_bytes(orjson.dumps({"steps": created()}))
    async with opened(tmp_path / "data", seed_file=str(file)) as lab:
        assert await (await lab.world()).status("5001") == "Finished"
        assert "error" in str(await (await lab.world(steps=[])).said("GetStatus", mediaid="5001"))
    file.write_text("{}")
    with pytest.raises(ConfigError, match="steps"):
        Double(Settings(double=True, data=tmp_path, seed_file=str(file)))


@pytest.mark.parametrize(
    "seed",
    [
        {},
        {"steps": 3},
        {"steps": [], "clock": "virtual"},
        {"steps": [3]},
        {"steps": [{"advance": -1}]},
        {"steps": [{"dialect": "none", "path": "/"}]},
        {"steps": [{"dialect": "encoding_com", "path": "none"}]},
        {"steps": [{"dialect": "encoding_com", "path": "/", "verb": "GET"}]},
        {"steps": [{"dialect": "tpstreams", "path": "/api/none/"}]},
        {"steps": [{"dialect": "tpstreams", "path": "/{3.id}"}]},
        {"steps": [{"advance": 1e300}]},
        {"steps": [{"dialect": [], "path": "/"}]},
        {"steps": [{"dialect": "tpstreams", "path": "/", "query": {}}]},
        {"steps": [{"dialect": "tpstreams", "path": "/", "headers": [1]}]},
        {"steps": [{"dialect": "tpstreams", "path": "/", "headers": {"a": 1}}]},
        {"steps": [{"dialect": "tpstreams", "path": "/", "body": DEEP}]},
    ],
)
async def test_what_is_no_seed(lab: Lab, seed: Any) -> None:
    world = await lab.world()
    assert (await world.ask("POST", "seed", seed, 400))["error"]["message"]


# --- clock ---------------------------------------------------------------------------------------------


async def test_a_clock_by_hand(lab: Lab) -> None:
    world = await lab.world(start="2030-05-05T00:00:00Z")
    assert (await world.ask("POST", "clock", {"set": "2030-05-06T00:00:00Z"}))["now"] == "2030-05-06T00:00:00+00:00"
    job = await world.create()
    seen = [await world.status(job)]
    while seen[-1] != "Finished":
        await world.ask("POST", "clock", {"next": True})
        seen.append(await world.status(job))
    assert "Processing" in seen
    assert len(set(seen)) > 2
    for wrong in ({}, {"advance": -1}, {"advance": "1"}, {"set": "x"}, {"next": 1}, {"next": True, "advance": 1}):
        await world.ask("POST", "clock", wrong, 400)
    real = await lab.world(clock="real")
    await real.ask("POST", "clock", {"advance": 1}, 409)
    late = await lab.world(start="2999-12-31T23:00:00Z")
    await late.ask("POST", "clock", {"advance": 3600}, 400)
    await late.ask("POST", "clock", {"advance": 3599})


# --- faults on the wire --------------------------------------------------------------------------------


async def test_the_providers_own_error_by_name(lab: Lab) -> None:
    world = await lab.world()
    job = await world.create()
    fault = await world.ask("POST", "faults", {"operation": "GetStatus", "error": "busy", "first": 1}, 201)
    assert await world.query("GetStatus", mediaid=job) == (
        421,
        b'{"response":{"errors":{"error":"Too many requests"}}}',
    )
    assert await world.status(job)
    assert (await world.ask("GET", f"faults/{fault['id']}"))["hits"] == 1


async def test_a_fault_before_and_after_the_deed(lab: Lab) -> None:
    world = await lab.world()
    await world.ask("POST", "faults", {"operation": "AddMedia", "status": 500, "first": 1}, 201)
    formats = {"output": "mp4"}
    assert (await world.query("AddMedia", source=SOURCE, format=formats))[0] == 500
    assert not (await world.ask("GET", "export"))["jobs"]
    await world.ask("POST", "faults", {"operation": "AddMedia", "status": 500, "performed": True, "first": 1}, 201)
    assert (await world.query("AddMedia", source=SOURCE, format=formats))[0] == 500
    assert len((await world.ask("GET", "export"))["jobs"]) == 1


@pytest.mark.parametrize("end", ["drop", "reset"])
async def test_the_connection_is_cut(lab: Lab, end: str) -> None:
    world = await lab.world()
    await world.ask("POST", "faults", {end: True, "first": 1}, 201)
    with pytest.raises(aiohttp.ClientError):
        await world.query("GetMediaList")
    assert (await world.query("GetMediaList"))[0] == 200
    (cut, _) = (await world.ask("GET", "journal"))["entries"]
    assert (cut["response"]["status"], cut["injected"]) == (None, ["f1"])


async def test_bodies_that_are_not_whole_not_right_or_slow(lab: Lab) -> None:
    world = await lab.world()
    whole = (await world.query("GetMediaList"))[1]
    await world.ask("POST", "faults", {"truncate": 5, "first": 1}, 201)
    with pytest.raises(aiohttp.ClientPayloadError):
        await world.query("GetMediaList")
    await world.ask("POST", "faults", {"malform": True, "first": 1}, 201)
    with pytest.raises(orjson.JSONDecodeError):
        await world.said("GetMediaList")
    await world.ask("POST", "faults", {"slow": 1000, "first": 1}, 201)
    assert (await world.query("GetMediaList"))[1] == whole
    await world.ask("POST", "faults", {"content_type": "text/html", "first": 1}, 201)
    async with lab.session.get(f"{lab.site}/_mediaglot/in/{world.id}/encoding_com/") as answer:
        assert answer.content_type == "text/html"


async def test_a_status_with_a_body_and_headers(lab: Lab) -> None:
    world = await lab.world()
    document = {"status": 502, "body": "<h1>Bad gateway</h1>", "content_type": "text/html", "headers": {"Via": "x"}}
    await world.ask("POST", "faults", document, 201)
    async with lab.session.get(f"{lab.site}/_mediaglot/in/{world.id}/tpstreams/api/v1/x/") as answer:
        assert (answer.status, answer.content_type, answer.headers["Via"]) == (502, "text/html", "x")
        assert await answer.text() == "<h1>Bad gateway</h1>"


async def test_a_limit_of_requests_that_counts(lab: Lab) -> None:
    world = await lab.world()
    await world.ask("POST", "faults", {"limit": {"requests": 2, "seconds": 60}}, 201)
    assert [(await world.query("GetMediaList"))[0] for _ in range(3)] == [200, 200, 421]
    await world.advance(61)
    assert (await world.query("GetMediaList"))[0] == 200


async def test_faults_end(lab: Lab) -> None:
    world = await lab.world()
    for _ in range(2):
        await world.ask("POST", "faults", {"drop": True}, 201)
    await world.ask("DELETE", "faults/f1")
    await world.ask("DELETE", "faults/f1", status=404)
    assert [fault["id"] for fault in (await world.ask("GET", "faults"))["faults"]] == ["f2"]
    assert (await world.ask("DELETE", "faults"))["faults"] == []
    assert (await world.query("GetMediaList"))[0] == 200
    said = await world.ask("POST", "faults", {"operation": "GetStatsu", "drop": True}, 400)
    assert "GetStatus" in said["error"]["message"]


# --- journal -------------------------------------------------------------------------------------------


async def test_the_journal_keeps_the_beginning_of_long_texts(lab: Lab) -> None:
    world = await lab.world()
    form = [{"output": "mp4", "metadata": {"title": "a" * 100_000}}]
    await world.said("AddMedia", source=SOURCE, format=form)
    (entry,) = (await world.ask("GET", "journal"))["entries"]
    assert b"a" * 1000 in orjson.dumps(entry["intent"])
    assert len(orjson.dumps(entry)) < 70_000


def test_a_secret_that_the_end_of_an_excerpt_cuts_is_not_in_it() -> None:
    curtain = Curtain(None, Location(url="x", access=Access(password=Secret("s3cr3t-of-mine"))), "")
    for stars in (0, 5_000):
        text = "s3cr3t-of-mine " * stars
        text += "a " * ((LONGEST + SPARE - len(text)) // 2 - 3) + "s3cr3t-of-mine" * 3
        assert "s3cr3t" not in curtain.excerpt(text)


async def test_the_journal_tells_what_was_meant(lab: Lab) -> None:
    world = await lab.world()
    await world.create(notastandardfield="x")
    (entry,) = (await world.ask("GET", "journal?operation=AddMedia&intent.job.outputs.*.video.size.width=320"))[
        "entries"
    ]
    assert entry["unread"] == ["notastandardfield"]
    assert entry["intent"]["job"]["inputs"][0]["location"]["url"] == SOURCE
    assert (entry["job"], entry["response"]["status"], entry["fault"]) == ("5001", 200, None)
    await world.said("GetStatus", mediaid="77")
    said = await world.ask("GET", "journal?fault.code=not_found")
    assert said["matching"] == 1
    near = (await world.ask("GET", "journal/near?operation=AddMedia&job=5002"))["near"]
    assert near[0]["misses"] == {"job": ["5001"]}


async def test_a_test_waits_for_a_request(lab: Lab) -> None:
    world = await lab.world()
    waiting = asyncio.create_task(world.ask("GET", "journal/wait?operation=GetMediaList&seconds=30"))
    await world.create()
    await world.query("GetMediaList")
    assert (await waiting)["matching"] == 1
    await world.ask("GET", "journal/wait?operation=StopMedia&seconds=0", status=408)


async def test_verify_says_what_is_missing(lab: Lab) -> None:
    world = await lab.world()
    await world.create()
    wanted = {"match": {"operation": "AddMedia", "job": "5001"}, "exactly": 1}
    assert (await world.ask("POST", "journal/verify", wanted))["passed"]
    wanted["match"]["job"] = "6000"  # type: ignore[index]  # a document
    said = await world.ask("POST", "journal/verify", wanted)
    assert (said["passed"], said["near"]) == (False, [{"number": 1, "misses": {"job": ["5001"]}}])
    await world.ask("POST", "journal/verify", {"often": 1}, 400)
    await world.ask("DELETE", "journal")
    assert not (await world.ask("POST", "journal/verify", {"match": {}}))["passed"]


async def test_the_journal_is_bounded(lab: Lab) -> None:
    world = await lab.world(journal=2)
    for _ in range(5):
        await world.query("GetMediaList")
    told = await world.ask("GET", "journal")
    assert (told["total"], told["kept"], told["dropped"]) == (5, 2, 3)


# --- messages ------------------------------------------------------------------------------------------


async def finished(world: World, box: str) -> str:
    job = await world.create(notify=f"{world.lab.site}/_mediaglot/inbox/{box}")
    await world.advance(600)
    return job


async def test_a_letter_box_takes_notifications(lab: Lab) -> None:
    world = await lab.world()
    job = await finished(world, "mine")
    (message,) = (await lab.ask("GET", "inboxes/mine/wait?seconds=30"))["messages"]
    assert message["method"] == "POST"
    assert job in message["body"]
    await lab.ask("DELETE", "inboxes/mine")
    assert (await lab.ask("GET", "inboxes/mine"))["messages"] == []


async def test_a_box_that_refuses_is_tried_again(lab: Lab) -> None:
    world = await lab.world()
    await lab.ask("PUT", "inboxes/mine/manners", {"status": 500, "times": 2})
    await finished(world, "mine")
    await world.advance(3600)
    assert len((await lab.ask("GET", "inboxes/mine/wait?count=3&seconds=30"))["messages"]) == 3
    (letter,) = (await world.ask("GET", "notifications"))["notifications"]
    assert (letter["state"], letter["attempts"]) == ("delivered", 3)
    await world.ask("POST", f"notifications/{letter['id']}/redeliver")
    await world.advance(1)
    assert len((await lab.ask("GET", "inboxes/mine/wait?count=4&seconds=30"))["messages"]) == 4
    assert len((await world.ask("GET", f"notifications/{letter['id']}"))["log"]) == 4
    await lab.ask("PUT", "inboxes/mine/manners", {"status": 99}, 400)


@pytest.mark.heavy
async def test_what_befalls_messages(lab: Lab) -> None:
    world = await lab.world()
    await world.ask("POST", "fates", {"drop": True, "first": 1}, 201)
    await finished(world, "mine")
    assert (await lab.ask("GET", "inboxes/mine"))["messages"] == []
    await world.ask("POST", "fates", {"duplicate": 2, "first": 1}, 201)
    await finished(world, "mine")
    assert len((await lab.ask("GET", "inboxes/mine/wait?count=3&seconds=30"))["messages"]) == 3
    await world.ask("POST", "fates", {"delay": 86_400, "first": 1}, 201)
    late = await finished(world, "mine")
    assert len((await lab.ask("GET", "inboxes/mine"))["messages"]) == 3
    await world.advance(86_400)
    assert late in (await lab.ask("GET", "inboxes/mine/wait?count=4&seconds=30"))["messages"][-1]["body"]
    await world.ask("POST", "fates", {"reorder": True, "first": 1}, 201)
    for _ in range(2):
        await world.create(notify=f"{lab.site}/_mediaglot/inbox/mine")
    await world.advance(600)
    bodies = [each["body"] for each in (await lab.ask("GET", "inboxes/mine/wait?count=6&seconds=30"))["messages"][-2:]]
    sent = [each["job"] for each in (await world.ask("GET", "notifications?limit=2"))["notifications"]]
    assert [job in body for job, body in zip(sent, bodies, strict=True)] == [True, True]
    await world.ask("POST", "fates", {"corrupt": "body", "first": 1}, 201)
    await finished(world, "mine")
    assert "\ufffd" in (await lab.ask("GET", "inboxes/mine/wait?count=7&seconds=30"))["messages"][-1]["body"]
    told = (await world.ask("GET", "fates"))["fates"]
    assert [fate["hits"] for fate in told] == [1, 1, 1, 1, 1]
    await world.ask("DELETE", "fates/w1")
    assert len((await world.ask("GET", "fates"))["fates"]) == 4
    assert (await world.ask("DELETE", "fates"))["fates"] == []
    for wrong in ({}, {"drop": True, "delay": 1}, {"delay": 0}, {"corrupt": "all"}, {"lose": True}, {"drop": 1}):
        await world.ask("POST", "fates", wrong, 400)


# --- what becomes of jobs ------------------------------------------------------------------------------


async def test_rules_say_what_becomes_of_jobs(lab: Lab) -> None:
    world = await lab.world()
    rule = {"match": {"outputs[].container": "mp4"}, "outcome": {"fail": "encoding", "at": 40}, "next": 1}
    name = (await world.ask("POST", "rules", rule, 201))["id"]
    jobs = [await world.create() for _ in range(2)]
    await world.advance(600)
    assert [await world.status(job) for job in jobs] == ["Error", "Finished"]
    (told,) = (await world.ask("GET", "rules"))["rules"]
    assert (told["id"], told["hits"]) == (name, 1)
    await world.ask("DELETE", f"rules/{name}")
    await world.ask("DELETE", f"rules/{name}", status=404)
    said = await world.ask("POST", "rules", {"outcome": {"fail": "dreaming"}}, 400)
    assert "fail" in said["error"]["message"]
    await world.ask("POST", "rules", {"match": {"outputs[].nothing": 1}, "outcome": {}}, 400)


async def test_a_default_for_all_jobs_and_words_in_a_source(lab: Lab) -> None:
    world = await lab.world()
    await world.ask("PUT", "outcome", {"stall": "fetching"})
    stuck = await world.create()
    fine = str((await world.said("AddMedia", source=f"{SOURCE}?takes=5", format={"output": "mp4"}))["MediaID"])
    await world.advance(86_400)
    assert await world.status(stuck) == "Downloading"
    assert await world.status(fine) == "Finished"
    assert (await world.ask("DELETE", "rules"))["default"] == {}
    await world.ask("PUT", "outcome", {"stall": "dreaming"}, 400)


async def test_progressions(lab: Lab) -> None:
    at_once = await lab.world(progression="immediate", clock="real")
    assert await at_once.status(await at_once.create()) == "Finished"
    by_looks = await lab.world(progression="manual")
    job, seen = await by_looks.create(), []
    while not seen or seen[-1] != "Finished":
        seen.append(await by_looks.status(job))
    assert len(set(seen)) > 2


async def test_a_source_that_is_there_is_not_downloaded_again(lab: Lab) -> None:
    world = await lab.world(progression="manual")
    media = (await world.said("AddMediaBenchmark", source=SOURCE, format={"output": "mp4"}))["MediaID"]
    assert "Downloading" in await words_until(world, media, "Ready to process")
    await world.said("ProcessMedia", mediaid=media)
    assert "Downloading" not in await words_until(world, media, "Finished")
    await world.said("RestartMedia", mediaid=media)
    assert "Downloading" in await words_until(world, media, "Finished")


async def words_until(world: World, job: str, last: str) -> list[str]:
    seen = [await world.status(job)]
    while seen[-1] != last:
        seen.append(await world.status(job))
    return seen
