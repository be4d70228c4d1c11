"""Credentials of clients and of the server, in all places that have some, are in nothing that a whole run writes.

Looked at are: standard output and error at the most talkative level, every file of the data folder (the database's only
where it has a key), the control API and its command, and the arguments and environments of all child processes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from aiohttp import web
from aiosmtpd.smtp import AuthResult

pytestmark = pytest.mark.ffmpeg
SHORT = "bars-1s-320x180-25fps.mp4"
ROOM = "/_mediaglot/notifications"
DATABASE = "mediaglot.db"
CLOSED = "127.0.0.1:9"
HUB = "66aabb000123456789abcd01"
PATIENCE = 240
"""Seconds, for some thirty jobs at once on a machine that has other things to do."""
WORKERS = re.compile(rb"ffmpeg|probe_worker|bwrap|unshare")
"""What we start. What Python starts to look for the libraries of SFTP gets the environment, but for our own secrets."""
USERS = (("encoding_com", "100"), ("xvid_mediahub", HUB), ("tpstreams", "ab12cd"), ("transparent_edge", "4f2a90c1"))
SIGNS = ("X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "Key-Pair-Id", "Policy")
"""What else signs URLs, in one or the other cloud."""
FILE = {"name": "file", "video_format": "mp4", "video_codec": "libx264", "video_width": 160, "video_height": 90}


class Trove:
    """Makes credentials, obviously false and each unlike all others, and finds them again in whatever spelling."""

    def __init__(self) -> None:
        self.by_place: dict[str, str] = {}

    def __call__(self, place: str, tail: str = "") -> str:
        return self.by_place.setdefault(place, f"FaKe{secrets.token_hex(9)}{tail}")

    def found(self, content: bytes) -> set[str]:
        return {place for place, secret in self.by_place.items() if any(form in content for form in forms(secret))}


def forms(secret: str) -> set[bytes]:
    """As it is, in URLs, in JSON with escaped slashes, and in base64 at each of the three offsets."""
    plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), secret.replace("/", "\\/")}
    packed = {base64.b64encode(b"x" * shift + secret.encode())[4 if shift else 0 : -4].decode() for shift in range(3)}
    return {form.encode() for form in plain | packed}


class Children:
    """Notes what anybody on the machine can see of the processes below the server, as long as it is entered."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._words = Path(f"/proc/{pid}/cmdline").read_bytes()
        self.seen: set[bytes] = set()

    async def __aenter__(self) -> Children:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _look(self) -> None:
        while True:
            for child in self._below(self._pid):
                self.seen.update(self._shown(child))
            pause = asyncio.get_running_loop().create_future()
            timer = asyncio.get_running_loop().call_later(0.01, pause.set_result, None)
            try:
                await pause
            finally:
                timer.cancel()

    def _shown(self, pid: int) -> Iterator[bytes]:
        """Nothing of a child that has not begun its own program: until then it is the server once more, or nameless."""
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if words and words != self._words:
                yield words + b"\0" + Path(f"/proc/{pid}/environ").read_bytes()

    def _below(self, pid: int) -> Iterator[int]:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in map(int, task.read_text().split()):
                    yield child
                    yield from self._below(child)


class World:
    """Sources, destinations and receivers on one address. It repeats all that it is told, as some servers do."""

    def __init__(self, clips: Any) -> None:
        self.url = ""
        self._clips = clips
        self.asked: list[str] = []
        self.put: list[str] = []
        self.letters: list[str] = []
        self.published: list[str] = []
        self.news = asyncio.Condition()

    @property
    def place(self) -> str:
        return self.url.removeprefix("http://")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        room = request.path.split("/")[1]
        if room == "clips":
            self.asked.append(request.headers.get("Authorization", ""))
            return web.FileResponse(self._clips(request.path.split("/")[2]))
        if room == "put":
            self.put.append(request.headers.get("Authorization", ""))
            return web.Response(status=201)
        if room == "bus":
            self.published.append(request.headers.get("X-Amz-Security-Token", ""))
        if room == "noise":
            return web.Response(body=bytes(range(256)) * 400)
        if room == "hook":
            async with self.news:
                self.letters.append(request.path)
                self.news.notify_all()
        said = (
            f"{request.method} {request.url} {request.rel_url} {dict(request.headers)} {body.decode(errors='replace')}"
        )
        return web.Response(status=200 if room == "hook" else 403, text=said)

    async def told(self, *paths: str) -> None:
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: set(paths) <= set(self.letters))


class Gossip:
    """A file server that refuses every command and repeats what it was told so far."""

    def __init__(self) -> None:
        self.place = ""
        self.told = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 welcome\r\n")
        said = b""
        while line := await reader.readline():
            said += line.strip() + b", "
            self.told += line
            writer.write((b"331 " if line.startswith(b"USER") else b"530 ") + said + b"\r\n")
        writer.close()


class Post:
    """A mail server that lets in whoever has the right password."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.mails = 0

    def admit(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == self.password.encode(), handled=True)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, options: Any) -> str:
        if to.startswith("gone"):
            return f"550 {self.password} does not help: no such user"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails += 1
        return f"250 {self.password} was right"


@pytest.fixture
def trove() -> Trove:
    return Trove()


@pytest.fixture
async def world(standing: Any, clips: Any) -> AsyncIterator[World]:
    async with standing(World(clips)) as one:
        yield one


@pytest.fixture
async def gossip() -> AsyncIterator[Gossip]:
    one = Gossip()
    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        one.place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one


@pytest.fixture
async def post(trove: Trove, mail_server: Any) -> Post:
    one = Post(trove("smtp password"))
    one.port = await mail_server(one, authenticator=one.admit, auth_require_tls=False)
    return one


def settings_file(folder: Path, trove: Trove) -> Path:
    """Accounts of all dialects: outside of what the server writes."""
    path = folder / "settings.toml"
    accounts = {
        "encoding_com": "100",
        "xvid_mediahub": "66aabb000123456789abcd01",
        "tpstreams": "ab12cd",
        "transparent_edge": "4f2a90c1",
    }
    path.write_text(
        "".join(
            f'[[accounts.{dialect}]]\nname = "{name}"\nsecret = "{trove(f"{dialect} key")}"\n'
            for dialect, name in accounts.items()
        )
    )
    return path


class Run:
    """One server and the clients of all four dialects; ``api`` of each makes jobs that end well and badly."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        site: str,
        trove: Trove,
        world: World,
        gossip: Gossip,
        wait: Any,
        nursery: Any,
    ) -> None:
        self.session, self.site, self.trove, self.wait, self.nursery = session, site, trove, wait, nursery
        self.world, self.gossip = world, gossip

    async def ask(self, method: str, path: str, token: str = "", **more: Any) -> Any:
        headers = {"Authorization": token} if token else {}
        async with self.session.request(method, self.site + path, headers=headers, **more) as answer:
            text = await answer.text()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def source(self, dialect: str, clip: str = SHORT) -> str:
        t = self.trove
        user, signed = t(f"{dialect} source"), t(f"{dialect} source signature", "+/=")
        more = {name: t(f"{dialect} source {name}") for name in SIGNS}
        query = "&".join(f"{name}={value}" for name, value in more.items())
        return f"http://ann:{user}@{self.world.place}/clips/{clip}?X-Amz-Signature={quote_plus(signed)}&{query}&part=1"

    def bad_sources(self, dialect: str) -> list[str]:
        """Refused, unreachable, no media, and a scheme that nobody has."""
        t = self.trove
        return [
            f"http://ann:{t(f'{dialect} refused source')}@{self.world.place}/no?token={t(f'{dialect} refused token')}",
            f"http://ann:{t(f'{dialect} dead source')}@{CLOSED}/a.mp4",
            f"ftp://ann:{t(f'{dialect} ftp source')}@{self.gossip.place}/a.mp4",
            f"http://ann:{t(f'{dialect} noise')}@{self.world.place}/noise/a.mp4?sig={t(f'{dialect} noise token')}",
            f"gopher://ann:{t(f'{dialect} strange source')}@{self.world.place}/a.mp4",
        ]

    def hook(self, dialect: str) -> str:
        t = self.trove
        return f"http://bob:{t(f'{dialect} hook')}@{self.world.place}/hook/{dialect}?token={t(f'{dialect} hook token')}"

    # --- the dialects ---

    async def encoding_com(self) -> None:
        name, t = "encoding_com", self.trove
        small = {"output": "mp4", "size": "160x90", "video_codec": "libx264"}
        places = [
            f"http://ann:{t('put')}@{self.world.place}/put/a.mp4?sig={t('put signature')}",
            f"ftp://ann:{t('ftp')}@ftp.example.com/a.mp4",
            f"s3://KEY:{quote(t('s3', '+/'), safe='')}@bucket/a.mp4",
        ]
        lost = [
            f"http://ann:{t('lost put')}@{CLOSED}/a.mp4?X-Amz-Signature={t('lost signature')}",
            f"http://ann:{t('refused put')}@{self.world.place}/no/a.mp4?token={t('refused token')}",
            f"ftp://ann:{t('refused ftp')}@{self.gossip.place}/a.mp4",
            f"sftp://ann:{t('dead sftp')}@{CLOSED}/a.mp4",
        ]
        logo = f"http://ann:{t('logo')}@{self.world.place}/no/logo.png?key={t('logo key')}"
        topic = "arn:aws:sns:eu-west-1:123456789012:films"
        notify = {"notify": self.hook(name), "notify_encoding_errors": self.hook(name), "notify_upload": topic}
        jobs = [
            (self.source(name), {**small, "destination": places}, notify),
            (self.source(name), {**small, "destination": lost}, {"notify": f"http://u:{t('dead hook')}@{CLOSED}/"}),
            (self.source(name), {**small, "overlay": {"overlay_source": logo}}, notify),
            *((source, small, notify) for source in self.bad_sources(name)),
        ]
        made = [await self.media("AddMedia", source=source, format=form, **more) for source, form, more in jobs]
        ids = [one["MediaID"] for one in made if "MediaID" in one]
        assert len(ids) >= 5, made

        async def ended() -> bool:
            found = [await self.media("GetStatus", mediaid=each) for each in ids]
            return all(one["status"] in {"Finished", "Error"} for one in found)

        await self.wait(ended, seconds=PATIENCE)
        first = await self.media("GetStatus", mediaid=ids[0])
        assert first["status"] == "Finished", first
        assert t("put") in json.dumps(first), "the provider echoes destinations"
        body = f"<query><userid>100</userid><userkey>{t('wrong key')}</userkey><action>GetStatus</action></query>"
        await self.ask("POST", "/encoding_com/", data={"xml": body})
        await self.ask("POST", "/encoding_com/", data={"xml": body.replace("</action>", "")})

    async def media(self, action: str, **fields: Any) -> Any:
        query = {"userid": "100", "userkey": self.trove("encoding_com key"), "action": action, **fields}
        return (await self.ask("POST", "/encoding_com/", data={"json": json.dumps({"query": query})}))["response"]

    async def xvid_mediahub(self) -> None:
        name, t, base = "xvid_mediahub", self.trove, "/xvid_mediahub/v1"
        form = {"grant_type": "client_credential", "client_id": HUB, "client_secret": t(f"{name} key")}
        issued = await self.ask("POST", f"{base}/oauth2/token/", data=form)
        t.by_place[f"{name} token"] = issued["access_token"]
        await self.ask("POST", f"{base}/oauth2/token/", data={**form, "client_secret": t(f"{name} wrong")})
        token = f"Bearer {issued['access_token']}"
        await self.ask("GET", f"{base}/jobs/?access_token={t('strange token')}")
        pings = {event: self.hook(name) for event in ("started", "finished", "error")}
        place = {"name": "p", "ping_urls": pings, "output_upload_dir": f"s3://K:{t(f'{name} s3')}@bucket/out/"}
        made = await self.ask("POST", f"{base}/pipelines/", token, json={"pipeline": place})
        presets = (await self.ask("GET", f"{base}/presets/", token))["presets"]
        preset = next(one["id"] for one in presets if one["name"] == "MP4 small")
        ids = []
        for source in (self.source(name), *self.bad_sources(name)):
            job = {"pipeline": {"id": made["pipeline"]["id"]}, "input": {"input_name": source}}
            job["outputs"] = [{"preset": {"id": preset}, "output_name": "a"}]
            answer = await self.ask("POST", f"{base}/jobs/", token, json={"job": job})
            ids += [answer["job"]["id"]] if "job" in answer else []
        assert len(ids) >= 4

        async def ended() -> bool:
            found = [(await self.ask("GET", f"{base}/jobs/{each}", token))["job"]["status"] for each in ids]
            return all(status in {"SUCCESS", "FAILURE"} for status in found) and found[0] == "SUCCESS"

        await self.wait(ended, seconds=PATIENCE)

    async def tpstreams(self) -> None:
        name, t, base = "tpstreams", self.trove, "/tpstreams/api"
        who = {"username": "dev", "organization_id": "ab12cd"}
        issued = await self.ask("POST", f"{base}/auth/login/", json={**who, "password": t(f"{name} key")})
        t.by_place[f"{name} token"] = issued["token"]
        await self.ask("POST", f"{base}/auth/login/", json={**who, "password": t(f"{name} wrong")})
        token, rooms = f"Token {issued['token']}", f"{base}/v1/ab12cd"
        hook = {"url": self.hook(name), "secret_token": t("shared secret")}
        assert "id" in await self.ask("POST", f"{rooms}/webhooks/", token, json=hook)
        keys = f"access_key={t('access key')}&secret_key={t('secret key', '+/')}&region=eu"
        ids = []
        for source in (self.source(name), *self.bad_sources(name), f"s3://in/gone.mp4/?{keys}"):
            wanted = {"input_url": source, "output_path": f"s3://out/{len(ids)}/?{keys}", "resolutions": ["240p"]}
            answer = await self.ask("POST", f"{rooms}/transcoding_jobs/", token, json=wanted)
            ids += [answer["id"]] if "id" in answer else []
        assert len(ids) >= 4

        async def ended() -> bool:
            found = [(await self.ask("GET", f"{rooms}/transcoding_jobs/{each}/", token))["status"] for each in ids]
            return all(status in {"Completed", "Error"} for status in found) and found[0] == "Completed"

        await self.wait(ended, seconds=PATIENCE)

    async def transparent_edge(self) -> None:
        name, t, base = "transparent_edge", self.trove, "/transparent_edge/v1"
        form = {"grant_type": "client_credentials", "client_id": "4f2a90c1", "client_secret": t(f"{name} key")}
        issued = await self.ask("POST", f"{base}/oauth2/access_token/", data=form)
        t.by_place[f"{name} token"] = issued["access_token"]
        await self.ask("POST", f"{base}/oauth2/access_token/", data={**form, "client_secret": t(f"{name} wrong")})
        token, rooms = f"Bearer {issued['access_token']}", f"{base}/media/42"
        profile = {
            "name": "file",
            "video_format": "mp4",
            "video_codec": "libx264",
            "video_width": 160,
            "video_height": 90,
        }
        number = (await self.ask("POST", f"{rooms}/transcoding_profiles/", token, json=profile))["id"]
        places = [f"ftp://ana:{t(f'{name} ftp')}@ftp.example.com/out", f"s3://KEY:{t(f'{name} s3')}@bucket/show/"]
        told = [{"email": "ops@example.net", "call": self.hook(name)}, {"email": "gone@example.net"}]
        ids = []
        for source in (self.source(name), *self.bad_sources(name)):
            job = {"label": "one", "filename": "a.mp4", "profile_id": number}
            order = {"origin": source, "destinations": places, "jobs": [job], "notifications": told}
            answer = await self.ask("POST", f"{rooms}/transcode", token, data={"order": json.dumps(order)})
            ids += [answer["message"].partition("#")[2].split()[0]] if "#" in answer.get("message", "") else []
        assert len(ids) >= 4

        async def ended() -> bool:
            found = [(await self.ask("GET", f"{rooms}/transcode/{each}", token))["status"] for each in ids]
            return all(status in {"FINISHED", "ERROR"} for status in found) and found[0] == "FINISHED"

        await self.wait(ended, seconds=PATIENCE)

    # --- the operator ---

    async def control(self) -> bytes:
        """All that the control API tells, as the API and as the command."""
        token = f"Bearer {self.trove('control token')}"
        dump, link = [], f"{ROOM}?limit=20"
        while link:
            page = await self.ask("GET", link, token)
            dump += [page, *[await self.ask("GET", f"{ROOM}/{one['id']}", token) for one in page["notifications"]]]
            link = page["next"]
        first = dump[0]["notifications"][0]["id"]
        for path in (ROOM, f"{ROOM}?state={self.trove('control token')[:9]}", f"{ROOM}/{first}"):
            dump.append(await self.ask("GET", path, f"Bearer {self.trove('wrong control token')}"))
        shown = b""
        for words in (["list"], ["show", first], ["redeliver", first], ["show", first, "--json"]):
            done = await asyncio.to_thread(self._command, words)
            assert done.returncode == 0, done.stderr
            shown += (done.stdout + done.stderr).encode()
        assert sum("log" in one for one in dump) > 10
        return json.dumps(dump).encode() + shown

    def _command(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        key = {"PATH": "/usr/bin:/bin", "MEDIAGLOT_CONTROL_TOKEN": self.trove("control token")}
        done: subprocess.CompletedProcess[str] = self.nursery.run(
            "notifications", *words, "--server", self.site, environment=key
        )
        return done


def files(folder: Path, *, database: bool) -> bytes:
    """Names and contents of all that is there."""
    found = [path for path in sorted(folder.rglob("*")) if database or not path.name.startswith(DATABASE)]
    names = "\n".join(map(str, found)).encode()
    return names + b"".join(path.read_bytes() for path in found if path.is_file() and not path.is_symlink())


@pytest.mark.parametrize("keyed", [False, True], ids=["in clear", "encrypted"])
async def test_no_secret_shows(
    program: Any,
    nursery: Any,
    session: Any,
    wait: Any,
    trove: Trove,
    world: World,
    gossip: Gossip,
    post: Any,
    data: Path,
    tmp_path: Path,
    slow: Path,
    *,
    keyed: bool,
) -> None:
    environment = {
        "MEDIAGLOT_SMTP_PASSWORD": trove("smtp password"),
        "MEDIAGLOT_CONTROL_TOKEN": trove("control token"),
        "AWS_SECRET_ACCESS_KEY": trove("a secret of the environment"),
        "MEDIAGLOT_SNS_TOPIC": "*",
        "MEDIAGLOT_SNS_ENDPOINT": f"{world.url}/bus",
        "MEDIAGLOT_SNS_ACCESS_KEY": trove("topics access key"),
        "MEDIAGLOT_SNS_SECRET_KEY": trove("topics secret key", "+/"),
        "MEDIAGLOT_SNS_SESSION_TOKEN": trove("topics session token", "+/=="),
    }
    if keyed:
        environment["MEDIAGLOT_DATA_KEY"] = trove("data key", "-long-enough")
    flags = (
        "--config",
        str(settings_file(tmp_path, trove)),
        "--log-level",
        "debug",
        "--ffmpeg",
        str(slow),
        "--workers",
        "24",
        "--deliver-patience",
        "0",
    )
    mail = ("--smtp-host", "127.0.0.1", "--smtp-port", str(post.port), "--smtp-user", "films")
    places = [f"{url}={data}/storage" for url in ("s3://bucket", "s3://out", "ftp://ftp.example.com")]
    storage = ("--no-offline-storage", *(word for place in places for word in ("--storage", place)))
    server = await program(*flags, *mail, *storage, "--ffmpeg", str(slow), **environment)
    run = Run(session, server.site, trove, world, gossip, wait, nursery)
    async with Children(server.process.pid) as children:
        await asyncio.gather(run.encoding_com(), run.xvid_mediahub(), run.tpstreams(), run.transparent_edge())
        await world.told("/hook/encoding_com", "/hook/xvid_mediahub", "/hook/tpstreams", "/hook/transparent_edge")
    await wait(lambda: _true(post.mails and world.published), seconds=PATIENCE)
    control = await run.control()
    alive = files(data, database=keyed)
    assert await server.end() == 0
    log = server.log.read_bytes() + await server.process.stdout.read()

    assert any(base64.b64encode(f"ann:{trove('encoding_com source')}".encode()).decode() in one for one in world.asked)
    assert any(base64.b64encode(f"ann:{trove('put')}".encode()).decode() in one for one in world.put)
    assert trove("refused ftp").encode() in gossip.told
    assert set(world.published) == {trove("topics session token")}
    assert b"DEBUG" in log
    assert b"given up after 1 attempts: 550" in log
    theirs = trove("a secret of the environment").encode()
    ours = [one for one in children.seen if WORKERS.search(one.partition(b"\0\0")[0])]
    assert not [one for one in ours if theirs in one], "only what Python itself starts gets the environment"
    seen = b"\n".join(one.replace(theirs, b"") for one in children.seen)
    assert b"-protocol_whitelist" in seen, "FFmpeg was among the children"
    assert b"PATH=" in seen, "and environments could be read"
    sinks = {
        "log": log,
        "data folder": alive + files(data, database=keyed),
        "control API": control,
        "child processes": seen,
    }
    assert {name: trove.found(content) for name, content in sinks.items()} == {name: set() for name in sinks}
    if not keyed:
        kept = trove.found((data / DATABASE).read_bytes())
        assert kept >= {"encoding_com source", "put", "shared secret", "tpstreams hook token"}, "this search finds"


async def _true(value: Any) -> Any:
    return value


def test_the_search_finds_what_is_planted(trove: Trove, tmp_path: Path) -> None:
    secret = trove("planted", "+/=")
    trove("not planted")
    (tmp_path / "deep").mkdir()
    planted = {
        "plain": secret,
        "percent": f"http://u:{quote(secret, safe='')}@h/",
        "json": json.dumps({"a": secret}).replace("/", "\\/"),
        "basic": base64.b64encode(f"bob:{secret}".encode()).decode(),
        "basic-1": base64.b64encode(f"bobby:{secret}".encode()).decode(),
        "basic-2": base64.b64encode(f"robert:{secret}".encode()).decode(),
        "utf-16 is not looked for": "",
    }
    for name, text in planted.items():
        (tmp_path / "deep" / name).write_text(f"before {text} after")
        found = trove.found((tmp_path / "deep" / name).read_bytes())
        assert found == ({"planted"} if text else set()), name
    assert trove.found(files(tmp_path, database=False)) == {"planted"}
    (tmp_path / secret.replace("/", "")).touch()
    assert trove.found(files(tmp_path, database=False)) == {"planted"}
    child = subprocess.Popen(["/bin/cat"], env={"A": secret}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"it runs\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"it runs\n"
        assert trove.found(Path(f"/proc/{child.pid}/environ").read_bytes()) == {"planted"}
    finally:
        child.communicate()
