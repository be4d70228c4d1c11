"""What the policy refuses, through every dialect over HTTP: the dialect's own words, the reason in the log, no contact.

The server may reach 127.0.0.2, which stands for the world, and nothing else that is local. On 127.0.0.1, at the same
port, is what must never be asked.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.http.transport import Transport, drive
from mediaglot.gateway.model import TERMINAL

pytestmark = [pytest.mark.usefixtures("no_mistakes")]
NAMES = ("encoding_com", "tpstreams", "transparent_edge", "xvid_mediahub")
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
REFUSED = {
    "encoding_com": ("Error", "Download error:  The source address is not allowed"),
    "tpstreams": ("Error", "The specified input URL does not exist or cannot be accessed"),
    "transparent_edge": ("ERROR", "the origin is not allowed"),
    "xvid_mediahub": ("FAILURE", "Failed to transcode the file"),
}


BAD_REQUEST = {
    "encoding_com": ["Wrong value of parameter source: is not a usable URL"],
    "tpstreams": ['HTTP 400: {"input_url":["Enter a valid URL."]}'],
    "transparent_edge": [
        'HTTP 400: {"message":"origin: is not a URL of ftp, ftps, http, https, s3, sftp"}',
        'HTTP 400: {"message":"origin: is not a usable URL"}',
    ],
    "xvid_mediahub": ["HTTP 400: Invalid Input"],
}
NOT_TAKEN = {name: [("not taken", text) for text in texts] for name, texts in BAD_REQUEST.items()}
"""What is said at once of sources that the provider itself would not take."""


class Visitor:
    """A client of one dialect, which logs in once."""

    def __init__(self, dialect: Any, site: str, transport: Transport, wait: Any) -> None:
        self.dialect, self._wait, self._transport = dialect, wait, transport
        self._base, self._known = f"{site}/{dialect.name}", dict[tuple[str, bytes], Response]()
        self._turn = asyncio.Semaphore(8)

    async def _send(self, request: Request) -> Response:
        key = request.path, request.body
        if re.search(r"login|token", request.path):
            self._known[key] = self._known.get(key) or await self._transport.send(request, self._base)
            return self._known[key]
        return await self._transport.send(request, self._base)

    async def outcome(self, source: str) -> tuple[str, str]:
        """The word for the state and the words of the error; what was said where the job was not even taken."""
        async with self._turn:
            sample = self.dialect.sample()
            try:
                job = await drive(sample.create(source), self._send)
            except ValueError as error:
                return "not taken", str(error)

            async def look() -> Any:
                seen = await drive(sample.status(job), self._send)
                return seen if self.dialect.heard(seen.word)[0] in TERMINAL else None

            seen = await self._wait(look)
            return seen.word, re.sub(r"^Order \d+-\d+ failed: ", "", seen.detail)


@pytest.mark.heavy
@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("name", NAMES)
async def test_sources(
    serve: Any, settings: Any, world: Any, tricks: Any, wait: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await serve(**settings)
    sources = [source.format(dialect=name.replace("_", "")) for source in tricks]
    async with Transport() as transport:
        visitor = Visitor(client.server.dialects[name], client.site, transport, wait)
        ends = await asyncio.gather(*map(visitor.outcome, sources))
    said = [record.getMessage() for record in caplog.records]
    found = dict(zip(sources, ends, strict=True))
    taken = {source: end for source, end in found.items() if end not in NOT_TAKEN[name]}
    assert [(source[-60:], end) for source, end in taken.items() if end != REFUSED[name]] == []
    assert all(re.match(r"file:|.*[@\\]|.*x{9000}", source) for source in sources if source not in taken)
    assert world.inside == []
    reasons = {line.partition("(")[2].partition(")")[0] for line in said if "the policy refuses" in line}
    assert reasons >= {"address", "host", "scheme"}
    assert len([line for line in said if "can't have its source" in line]) == len(taken)


FORBIDDEN = "Download error:  The source address is not allowed"


@pytest.mark.ffmpeg
@pytest.mark.usefixtures("names")
async def test_all_other_places_of_a_job(
    serve: Any, settings: Any, world: Any, allowed: Path, wait: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Destinations, pictures, fonts and notifications: what a client names besides its source."""
    client = await serve(**settings, deliver_patience=0)
    inside = f"http://inside.test:{world.port}"
    world.there = {"/to/0": f"{inside}/moved"}
    small = {"output": "mp4", "size": "160x90"}
    places = {
        f"{inside}/a.mp4": "address",
        f"http://u:s3cret@127.0.0.1:{world.port}/a.mp4": "address",
        f"http://[::ffff:7f00:1]:{world.port}/a.mp4": "address",
        f"http://127.0.0.2:{world.port}/to/0": "address",
        f"http://2130706433:{world.port}/a.mp4": "host",
        f"file://{allowed}/../secret/a.mp4": "traversal",
        f"file://{allowed}/door/a.mp4": "outside",
        f"file://{allowed}/link.mp4": "outside",
    }
    formats = [
        *(small | {"destination": place} for place in places),
        small | {"logo": {"logo_source": f"{inside}/logo.png", "logo_x": "1", "logo_y": "1"}},
        small | {"text_overlay": {"text": "a", "font_source": f"{inside}/font.ttf"}},
        small | {"overlay": {"overlay_source": f"http://127.0.0.2:{world.port}/to/0"}},
    ]
    told = {"notify": f"{inside}/told", "notify_encoding_errors": f"http://127.0.0.1:{world.port}/told"}
    done = await client.end(await client.add(SHORT, *formats, **told))
    said = [(one["status"], one.get("description")) for one in done["format"]]
    words = [f"The destination is not allowed ({reason})" for reason in places.values()]
    assert said == [("Error", text) for text in [*words, FORBIDDEN, FORBIDDEN, FORBIDDEN]]

    async def given_up() -> bool:
        lines = [record.getMessage() for record in caplog.records]
        return sum("given up after 1 attempts: the policy does not allow it" in line for line in lines) == 12

    await wait(given_up)
    assert world.inside == []
    assert (allowed.parent / "secret" / "film.mp4").read_bytes() == b"film"
    assert [path.name for path in (allowed.parent / "secret").iterdir()] == ["film.mp4"]
    assert "s3cret" not in caplog.text


@pytest.mark.ffmpeg
async def test_lists_of_hosts_and_ports_hold_for_a_whole_job(serve: Any, world: Any, origin: Any, clips: Any) -> None:
    clips("bars-1s-320x180-25fps.mp4")
    port = int(origin.url.rpartition(":")[2])
    client = await serve(allow_port=(str(port),), deny_host=("localhost",), deliver_patience=0)
    film = "clips/bars-1s-320x180-25fps.mp4"
    small = {"output": "mp4", "size": "160x90"}
    elsewhere = small | {"destination": f"http://127.0.0.1:{world.port}/a.mp4"}
    answer = await client.json("AddMedia", source=f"http://127.0.0.1:{port}/{film}", format=elsewhere)
    assert answer == {"errors": {"error": "The destination is not allowed (port)"}}
    for refused in (f"http://127.0.0.1:{world.port}/{film}", f"http://localhost:{port}/{film}"):
        done = await client.end(await client.add(refused, small))
        assert (done["status"], done["description"]) == ("Error", FORBIDDEN)
    assert world.inside == []
