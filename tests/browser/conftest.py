"""A real server, a web site of somebody else's on another origin, and a Chromium that visits it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest
from aiohttp import web

from mediaglot.gateway.media import tool

HERE = Path(__file__).parent
PLAYERS = {
    "hls": (
        "hls.js@1.7.4",
        "package/dist/hls.min.js",
        "3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+bruqW/Tpm+tg==",
    ),
    "dash": (
        "dashjs@5.2.1",
        "package/dist/modern/umd/dash.all.min.js",
        "axcJmLeJCTJMLUfQRErUJB1KOiU5iHF+DMLBc3FKeox1HPYtGUQlC6Xm5Mm6vhBUR3CHHLIPOqw0JDIqMtP+Dw==",
    ),
}
"""Stock players of the npm registry: the release, the script in it, and the SHA-512 of the package."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mediaglot-tests"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-sync --disable-component-update --disable-breakpad --autoplay-policy=no-user-gesture-required"
).split()
PATIENCE = 60
"""Seconds for a job or for a film; the page itself gives up after 40."""
SECONDS, LONG = 6, 12
COLOURS = ("red", "lime", "blue")


@pytest.fixture
def ladder() -> dict[str, Any]:
    """The settings of a package of three segments in two sizes."""
    low = {"sub_path": "low", "size": "160x90", "bitrate": "100k", "audio_bitrate": "64k"}
    high = {"sub_path": "high", "size": "320x180", "bitrate": "300k", "audio_bitrate": "64k"}
    return {"segment_duration": "2", "stream": [low, high]}


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filmed(tmp_path_factory.mktemp("film"), SECONDS)


@pytest.fixture(scope="session")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filmed(tmp_path_factory.mktemp("film"), LONG)


def filmed(folder: Path, seconds: int) -> Path:
    """So long, with a tone. The left half is red for a third of that, then green, then blue; the right is yellow.

    A little noise is over it, without which a larger picture would be no larger file.
    """
    program = tool.find(None, folder / "ffmpeg.json").path
    third = seconds // len(COLOURS)
    parts = "".join(f"color={colour}:320x180:25:d={third}[c{number}];" for number, colour in enumerate(COLOURS))
    joined = "".join(f"[c{number}]" for number in range(len(COLOURS))) + f"concat={len(COLOURS)}"
    graph = f"{parts}{joined},drawbox=x=160:w=160:h=180:color=yellow:t=fill,noise=alls=12:allf=t,format=yuv420p"
    sources = ("-f", "lavfi", "-i", graph, "-f", "lavfi", "-i", f"sine=440:sample_rate=48000:d={seconds}")
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-ac", "2")
    subprocess.run([program, "-v", "error", *sources, *coding, folder / "film.mp4"], check=True)
    return folder / "film.mp4"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the real command, on a free port."""
    data = tmp_path_factory.mktemp("data")
    words = (sys.executable, "-m", "mediaglot", "serve", "--port", "0", "--data", str(data))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAGLOT_")}
    with (
        (data / "log.txt").open("wb") as log,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, env=clean) as one,
    ):
        try:
            assert one.stdout is not None
            yield one.stdout.readline().decode().strip()
        finally:
            one.terminate()


@dataclass
class Site:
    """A web site on an origin of its own: the film, a page, and a player for it."""

    film: Path
    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    """What else it has, by its path."""
    script: Path | None = None
    report: asyncio.Future[dict[str, Any]] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.path:
            case "/film.mp4":
                return web.FileResponse(self.film)
            case path if path in self.pages:
                return web.Response(body=self.pages[path])
            case "/page.html" | "/page.js":
                return web.FileResponse(HERE / request.path[1:])
            case "/player.js" if self.script is not None:
                return web.FileResponse(self.script, headers={"Content-Type": "text/javascript"})
            case "/player.js":
                return web.Response(content_type="text/javascript")
            case "/report" if self.report is not None and not self.report.done():
                self.report.set_result(orjson.loads(await request.read()))
                return web.Response()
            case "/done":
                self.done.set()
                return web.Response()
        return web.Response(status=404)


@pytest.fixture
async def site(film: Path) -> AsyncIterator[Site]:
    one = Site(film)
    runner = web.ServerRunner(web.Server(one), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


@pytest.fixture
async def package(server: str, site: Site) -> AsyncIterator[Callable[..., Awaitable[list[str]]]]:
    """Has a client of Encoding.com ask for one output; gives the links to it, the entry into a package last."""
    async with aiohttp.ClientSession() as session:

        async def ask(action: str, **fields: Any) -> Any:
            query = {"userid": "100", "userkey": "k", "action": action, **fields}
            form = {"json": orjson.dumps({"query": query}).decode()}
            async with session.post(f"{server}/encoding_com/", data=form) as answer:
                return (await answer.json())["response"]

        async def make(**output: Any) -> list[str]:
            site.done.clear()
            places = {"source": f"{site.url}/film.mp4", "notify": f"{site.url}/done"}
            added = await ask("AddMedia", **places, format=[output])
            async with asyncio.timeout(PATIENCE):
                await site.done.wait()
            found = await ask("GetStatus", mediaid=added["MediaID"])
            assert found["format"]["status"] == "Finished", found
            links = found["format"]["s3_destination"]
            return [links] if isinstance(links, str) else links

        yield make


@pytest.fixture
async def playlists(server: str, site: Site, long_film: Path) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Has a client of Xvid MediaHub make two sizes of a longer film, and put its playlists on the site."""
    site.film, hub = long_film, f"{server}/xvid_mediahub/v1"
    async with aiohttp.ClientSession() as session:

        async def ask(method: str, path: str, **options: Any) -> Any:
            async with session.request(method, hub + path, **options) as answer:
                assert answer.status < 300, await answer.text()
                return await (answer.read() if path.startswith("/playlists/") else answer.json())

        async def made(kind: str, document: dict[str, Any]) -> Any:
            return (await ask("POST", f"/{kind}s/", json={kind: document}))[kind]

        async def enter() -> None:
            grant = {"grant_type": "client_credential", "client_id": "0" * 24, "client_secret": "k"}
            token = (await ask("POST", "/oauth2/token/", data=grant))["access_token"]
            session.headers["Authorization"] = f"Bearer {token}"

        async def make() -> None:
            await enter()
            outputs = []
            for width in ("160", "320"):
                (small,) = [one for one in (await ask("GET", "/presets/"))["presets"] if one["name"] == "MP4 small"]
                small["target_format"]["vcodec"]["caps"]["max_width"] = width
                preset = await made("preset", {"name": width, "target_format": small["target_format"]})
                outputs.append({"preset": {"id": preset["id"]}, "output_name": width})
            pipeline = await made("pipeline", {"name": "p", "ping_urls": {"finished": f"{site.url}/done"}})
            job = {"pipeline": {"id": pipeline["id"]}, "input": {"input_name": f"{site.url}/film.mp4"}}
            done = await made("job", job | {"outputs": outputs})
            async with asyncio.timeout(PATIENCE):
                await site.done.wait()
            for name in ("hls.m3u8", "dash.mpd"):
                site.pages[f"/{name}"] = await ask("GET", f"/playlists/{name}?job_id={done['id']}")

        yield make


@pytest.fixture(scope="session")
def player() -> Callable[[str], Path]:
    """The script of a stock player, fetched from the npm registry the first time and checked each time."""

    def get(name: str) -> Path:
        release, member, checksum = PLAYERS[name]
        archive = CACHE / f"{release.replace('@', '-')}.tgz"
        if not archive.is_file():
            CACHE.mkdir(parents=True, exist_ok=True)
            npm = shutil.which("npm") or pytest.skip("npm, which fetches the players, is not here")
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                words = [npm, "pack", release, "--silent", "--pack-destination", folder]
                if subprocess.run(words, check=False, capture_output=True, cwd=folder, timeout=120).returncode:
                    pytest.skip(f"the npm registry, which has {release}, can't be reached")
                (Path(folder) / archive.name).replace(archive)
        assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == checksum, release
        script = archive.with_suffix(".js")
        if not script.is_file():
            with tarfile.open(archive) as box:
                script.write_bytes(box.extractfile(member).read())  # type: ignore[union-attr]
        return script

    return get


@pytest.fixture
async def watch(
    site: Site, player: Callable[[str], Path], tmp_path: Path
) -> AsyncIterator[Callable[[str, str], Awaitable[dict[str, Any]]]]:
    """Opens the page in a Chromium of its own and waits for its report of how ``name`` played ``url``."""
    chromium = shutil.which("chromium") or pytest.skip("Chromium, which plays the packages, is not here")
    started: list[asyncio.subprocess.Process] = []

    async def play(name: str, url: str) -> dict[str, Any]:
        site.script = await asyncio.to_thread(player, name) if name in PLAYERS else None
        site.report = asyncio.get_running_loop().create_future()
        page = f"{site.url}/page.html?{urlencode({'player': name, 'url': url})}"
        words = (chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", page)
        quiet = asyncio.subprocess.DEVNULL
        started.append(
            await asyncio.create_subprocess_exec(*words, stdin=quiet, stdout=quiet, stderr=quiet, process_group=0)
        )
        return await asyncio.wait_for(site.report, PATIENCE)

    yield play
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        await one.wait()
