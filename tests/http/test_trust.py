"""``ca_bundle``: authorities of one's own, for sources, destinations, notifications and mail alike."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mediaglot.gateway.config import Settings
from mediaglot.gateway.faults import SourceUnreachable
from mediaglot.gateway.http.bounds import policy_of
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Carrier

pytestmark = pytest.mark.ffmpeg
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


@pytest.fixture(scope="session")
def certificates(certify: Callable[..., tuple[Path, Path]]) -> tuple[Path, Path]:
    return certify()


@pytest.fixture
def context(certificates: tuple[Path, Path]) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificates[0])
    return made


class Site:
    """Gives one film, and takes what is sent."""

    def __init__(self, film: Path) -> None:
        self.film, self.got, self.url = film, list[tuple[str, str]](), ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.FileResponse(self.film)
        await request.read()
        self.got.append((request.method, request.path))
        return web.Response(status=200)


@pytest.fixture
async def site(clips: Any, context: ssl.SSLContext) -> AsyncIterator[Site]:
    one = Site(clips("bars-1s-320x180-25fps.mp4"))
    runner = web.ServerRunner(web.Server(one), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    one.url = f"https://localhost:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


async def test_a_job_among_servers_of_one_s_own(
    serve: Any, site: Site, certificates: Any, context: ssl.SSLContext, wait: Any, mail_server: Any
) -> None:
    class Box:
        mails = 0

        async def handle_DATA(self, *_: Any) -> str:
            self.mails += 1
            return "250 OK"

    box = Box()
    port = await mail_server(box, tls_context=context, require_starttls=True)
    mail = {"smtp_host": "localhost", "smtp_port": port, "smtp_tls": "starttls"}
    client = await serve(ca_bundle=str(certificates[1]), **mail)
    told = {"notify": f"{site.url}/told", "notify_upload": "mailto:ann@example.com"}
    media = await client.add(f"{site.url}/a.mp4", SMALL | {"destination": f"{site.url}/b.mp4"}, **told)
    assert (await client.end(media))["status"] == "Finished"

    async def all_told() -> bool:
        return ("POST", "/told") in site.got and box.mails == 1

    await wait(all_told)
    assert ("PUT", "/b.mp4") in site.got


async def test_without_it_nobody_is_believed(site: Site, tmp_path: Path) -> None:
    carrier = Carrier(policy_of(Settings()))
    with pytest.raises(SourceUnreachable) as caught:
        await carrier.fetch(Location(url=f"{site.url}/a.mp4"), tmp_path / "a")
    assert caught.value.data == {"reason": "tls"}
    await carrier.close()
