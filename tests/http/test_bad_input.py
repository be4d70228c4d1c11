"""Requests that are not what they should be: each gets the provider's error, and nobody else notices."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlencode, urlsplit

import aiohttp
import orjson
import pytest
import pytest_asyncio
from lxml import etree

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import CreateJob, Intent, Request, headers
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger

pytestmark = pytest.mark.usefixtures("no_mistakes")

SMALL = {"output": "mp4", "size": "160x90"}
BESIDE = "http://h.test/beside-2s.mp4"
CREDENTIALS = b"<userid>100</userid><userkey>k</userkey>"
LAUGHS = b'<!DOCTYPE q [<!ENTITY a "ha">%s]><query>%s<action>&j;</action></query>' % (
    b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)),
    CREDENTIALS,
)
EXTERNAL = b'<!DOCTYPE q [<!ENTITY x SYSTEM "file:///etc/passwd">]><query>%s<action>&x;</action></query>' % CREDENTIALS
PARAMETER = b'<!DOCTYPE q [<!ENTITY %% x SYSTEM "http://127.0.0.1:1/x.dtd"> %%x;]><query>%s</query>' % CREDENTIALS
WRONG = {
    "nothing": b"",
    "no field": b"hello=world",
    "a bare document": b"<query></query>",
    "an empty field": b"xml=",
    "bytes": bytes(range(256)) * 10,
    "xml broken": b"xml=<query><userid>100</userid>",
    "xml of another root": b"xml=<response/>",
    "xml of nothing": b"xml=<query/>",
    "xml with a namespace": b"xml=" + quote_from_bytes(b'<query xmlns="urn:x">' + CREDENTIALS + b"</query>").encode(),
    "xml with laughs": b"xml=" + quote_from_bytes(LAUGHS).encode(),
    "xml with laughs in utf-16": b"xml=" + quote_from_bytes(LAUGHS.decode().encode("utf-16")).encode(),
    "xml with a file": b"xml=" + quote_from_bytes(EXTERNAL).encode(),
    "xml with a web page": b"xml=" + quote_from_bytes(PARAMETER).encode(),
    "xml too deep": b"xml=" + b"<query>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</query>",
    "xml too wide": b"xml=<query>" + CREDENTIALS + b"<a/>" * 200_000 + b"</query>",
    "xml with nul": b"xml=<query>" + CREDENTIALS + b"<action>%00</action></query>",
    "xml not in utf-8": b"xml=<query>" + CREDENTIALS + b"<action>%ff%fe</action></query>",
    "xml in no encoding": b"xml=" + quote_from_bytes(b'<?xml version="1.0" encoding="x-none"?><query/>').encode(),
    "json broken": b'json={"query":',
    "json with single quotes": b"json={'query':{}}",
    "json list": b"json=[]",
    "json null": b"json=null",
    "json number": b"json=1e309",
    "json without query": b"json={}",
    "json query of a word": b'json={"query":"GetMediaList"}',
    "json query of a list": b'json={"query":[{"userid":"1"}]}',
    "json too deep": b"json=" + b"[" * 100_000,
    "json deep inside": b'json={"query":{"userid":"1","userkey":"k","action":' + b"[" * 500 + b"]" * 500 + b"}}",
    "json not in utf-8": b'json={"query":{"userid":"1","userkey":"k","action":"%ff%fe"}}',
    "json half a character": b'json={"query":{"userid":"1","userkey":"k","action":"\\ud800"}}',
    "json with nul": b'json={"query":{"userid":"1","userkey":"k","action":"\\u0000"}}',
    "json huge number": b'json={"query":{"userid":"1","userkey":"k","action":1e309}}',
    "json huger number": b'json={"query":{"userid":' + b"9" * 400 + b',"userkey":"k","action":"x"}}',
    "an unknown action": b'json={"query":{"userid":"1","userkey":"k","action":"FormatDisk"}}',
    "no action": b"xml=<query>" + CREDENTIALS + b"</query>",
}


def complaint(status: int, kind: str, body: bytes) -> str:
    """The text of the provider's own error, which is all that there may be."""
    assert status == 200, (status, body[:300])
    if kind == "application/json":
        answer = orjson.loads(body)
        assert list(answer) == ["response"]
        errors = answer["response"]
        assert list(errors) == ["errors"], errors
        assert list(errors["errors"]) == ["error"]
        text = errors["errors"]["error"]
    else:
        assert kind == "text/xml"
        root = etree.fromstring(body)
        assert [element.tag for element in root.iter()] == ["response", "errors", "error"], body[:300]
        text = root.findtext("errors/error")
    assert isinstance(text, str)
    assert text
    assert "Internal" not in text
    assert "root:" not in text
    return text


SHARED = pytest.mark.asyncio(loop_scope="module")
"""For tests of the server that stands for all of them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing_for_all(served: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    folder = tmp_path_factory.mktemp("shared")
    async with (
        aiohttp.ClientSession() as session,
        served(session, folder, backend="simulated", workers=12) as client,
    ):
        client.beside = []
        yield client
        for each in client.beside:
            assert (await client.end(each))["status"] == "Finished"


@pytest_asyncio.fixture(loop_scope="module")
async def shared(standing_for_all: Any) -> Any:
    """With a job that is under way, and has to finish whatever happens."""
    standing_for_all.beside.append(await standing_for_all.add(BESIDE, SMALL))
    return standing_for_all


@pytest.fixture
async def client(serve: Any) -> AsyncIterator[Any]:
    client = await serve(backend="simulated", workers=12, speed=300)
    beside = await client.add(BESIDE, SMALL)
    yield client
    assert (await client.end(beside))["status"] == "Finished"


@SHARED
@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_documents_that_are_none(shared: Any, body: bytes) -> None:
    status, kind, answer = await shared.post(body)
    complaint(status, kind, answer)
    assert len(answer) < 2000


@SHARED
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_other_methods(shared: Any, method: str) -> None:
    status, kind, body = await shared.post(b"", method=method)
    assert method == "HEAD" or method in complaint(status, kind, body)


@SHARED
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", "", "\xe4/;;"])
async def test_other_content_types(shared: Any, kind: str) -> None:
    headers = {"Content-Type": kind}
    complaint(*await shared.post(b'{"query":{}}', headers=headers))
    complaint(*await shared.post(b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--\r\n", headers=headers))


@SHARED
async def test_bodies_that_cant_be_unpacked(shared: Any) -> None:
    for encoding, body in (("gzip", b"not gzip"), ("deflate", b"\x00\x01"), ("br", b"xx"), ("zstd", b"xx"), ("x", b"")):
        with suppress(aiohttp.ClientConnectionError):
            status, _, answer = await shared.post(body, headers={"Content-Encoding": encoding})
            assert status in (200, 400, 415), answer
            assert b"Traceback" not in answer
    assert (await shared.json("GetMediaList"))["media"]


@SHARED
async def test_a_body_that_breaks_off_or_breaks(shared: Any) -> None:
    head = "POST /encoding_com/ HTTP/1.1\r\nHost: h\r\n"
    broken = await spoken(shared.site, f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\nxml=<\r\nZZ\r\n".encode())
    assert b"Wrong query format" in broken or broken.split()[1] == b"400"
    assert await spoken(shared.site, f"{head}Content-Length: 10\r\n\r\nxml=".encode(), hang_up=True) == b""
    assert (await shared.json("GetMediaList"))["media"]


def memory(pid: int) -> int:
    """The most that a process ever held, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


async def much() -> AsyncIterator[bytes]:
    yield b"xml="
    for _ in range(1600):
        yield b"x" * 65_536


@pytest.mark.heavy
@pytest.mark.parametrize("how", ["chunked", "told", "packed"])
async def test_a_hundred_megabytes(command: Any, visit: Any, how: str) -> None:
    server = await command("--backend", "simulated")
    client = visit(server.site)
    beside = await client.add("http://h.test/beside-30s.mp4", SMALL)
    before = memory(server.process.pid)
    body: Any = much() if how != "packed" else gzip.compress(b"xml=" + bytes(100_000_000))
    headers = {
        "chunked": {},
        "told": {"Content-Length": str(4 + 1600 * 65_536)},
        "packed": {"Content-Encoding": "gzip"},
    }
    with suppress(aiohttp.ClientConnectionError):
        assert "larger than 4000000 bytes" in complaint(*await client.post(body, headers=headers[how]))
    assert memory(server.process.pid) - before < 60_000_000
    assert (await client.end(beside))["status"] == "Finished"
    assert await server.end() == 0
    assert "Traceback" not in server.log.read_text()


VALUES: list[Any] = [
    {},
    {"a": 1},
    {"a": {"b": ["c", {}]}},
    [],
    ["x", "y"],
    [[["x"]]],
    [None],
    [{}],
    None,
    True,
    -1,
    0,
    1.5,
    10**15,
    2**63,
    1e300,
    "1e999999999",
    "1e-999999999",
    "9" * 5000,
    "1/0",
    "nan",
    "inf",
    "-0",
    " ",
    "\x00",
    "a\x00b",
    "\ufffe\x0b",
    "٣",
    "\U00020000" * 100,
    "x" * 10_000,
    "http://user:hunter2@host:notaport/",
    "http://[::1",
    "file:///etc/passwd",
    "-i /etc/passwd",
    "'; DROP TABLE tickets; --",
    "%s%n{0}{reason}",
    "0x0",
    "99999x99999",
    "1:2:3:4",
    "0000-00-00",
]
FORMAT = (
    "output destination output_preset save_preset size bitrate audio_bitrate audio_sample_rate audio_channels_number "
    "framerate framerate_upper_threshold fade_in fade_out crop_top padd_left set_aspect_ratio keep_aspect_ratio "
    "video_codec video_codec_parameters audio_codec two_pass cbr minrate maxrate bufsize deinterlacing video_sync gop "
    "keyframe start finish duration audio_volume audio_sync rotate noise_reduction force_keyframes metadata profile "
    "strip_chapters metadata_copy pix_format file_extension ftyp set_rotate logo overlay text_overlay color_range "
    "scaler audio_only video_only bframes force_interlaced downmix_mode unknown_key bad&key id status"
).split()
STILL = "time width height quality image_format file_extension".split()
QUERY = (
    "source format notify notify_upload notify_encoding_errors notify_format notify_body_format priority meta region "
    "instant split_screen unknown extended userid userkey action"
).split()
OTHERS = {
    "GetStatus": "mediaid extended include_task_status",
    "GetMediaList": "version page per_page date_from date_to mediaid taskid output format_params sort order",
    "UpdateMedia": "mediaid format notify",
    "RestartMediaTask": "mediaid taskid",
    "CancelMedia": "mediaid",
    "GetMediaInfo": "mediaid",
    "SavePreset": "name format",
    "GetPreset": "name type",
    "GetPresetsList": "type",
    "DeletePreset": "name",
    "GetUserInfo": "action_user_id",
}


NAMES = ("mediaid", "taskid", "name", "action", "output_preset")
"""What an error may repeat: the name of the thing that it is about."""


async def survives(client: Any, query: dict[str, Any], key: str) -> str | None:
    """The media's id if one was added; else the answer was a good one, or the provider's error."""
    status, kind, body = await client.post(aiohttp.FormData({"json": orjson.dumps({"query": query}).decode()})())
    answer = orjson.loads(body)["response"]
    if "errors" not in answer:
        return answer.get("MediaID")
    text = complaint(status, kind, body)
    assert key in NAMES or "hunter2" not in text
    assert key in NAMES or len(text) < 500
    return None


@pytest.mark.heavy
def test_any_value_anywhere_is_read_or_refused() -> None:
    """No server, so all values of all keys."""
    dialect = registry.find("encoding_com")
    ask = {"userid": "100", "userkey": "k", "action": "AddMedia", "source": "http://h.test/a-1s.mp4"}
    places: list[tuple[Any, list[str]]] = [
        (lambda pair: ask | {"format": SMALL | pair}, FORMAT),
        (lambda pair: ask | {"format": {"output": "thumbnail"} | pair}, STILL),
        (lambda pair: ask | {"format": SMALL} | pair, QUERY),
    ]
    outcomes = Counter(
        type(understood(dialect, placed({key: value}))) for placed, keys in places for key in keys for value in VALUES
    )
    assert outcomes[CreateJob] > 1000
    assert outcomes.total() - outcomes[CreateJob] > 1000


def understood(dialect: Dialect, query: dict[str, Any]) -> Intent | None:
    """What is asked for; None where it is refused in a few words."""
    body = urlencode({"json": orjson.dumps({"query": query})}).encode()
    line = headers(content_type="application/x-www-form-urlencoded")
    request = Request(method="POST", path="/", headers=line, body=body)
    call = Call(request=request, wire=dialect.wire.choose(request))
    try:
        call = dialect.open(request)
        return dialect.read(call, Ledger())
    except Fault as fault:
        answer = dialect.render_response(call, fault)
        complaint(answer.status, answer.headers.get("Content-Type").partition(";")[0], answer.body)
        return None


@pytest.mark.heavy
async def test_wrong_values_everywhere_in_a_format(client: Any) -> None:
    """Each key has a third of the values, its neighbours the others: all of them would take most of the suite's time,
    and are read without a server in ``test_any_value_anywhere_is_read_or_refused``."""
    ask = {"userid": "100", "userkey": "k", "action": "AddMedia", "source": "http://h.test/a-1s.mp4"}
    queries = [
        (ask | {"format": base | {key: value}, "notify": "http://127.0.0.1:9/"}, key)
        for base, keys in ((SMALL, FORMAT), ({"output": "thumbnail"}, STILL))
        for number, key in enumerate(keys)
        for value in VALUES[number % 3 :: 3]
    ]
    added = [media for query, key in queries if (media := await survives(client, query, key))]
    assert 100 < len(added) < len(queries)
    for media in added:
        shown = await client.xml("GetStatus", mediaid=media, extended="yes", include_task_status="yes")
        assert shown["job"]["id"] == media
        await client.json("CancelMedia", mediaid=media)


@pytest.mark.heavy
async def test_wrong_values_everywhere_in_a_query(client: Any) -> None:
    ask = {"userid": "100", "userkey": "k", "action": "AddMedia", "source": "http://h.test/a-1s.mp4", "format": SMALL}
    ends = []
    for number, key in enumerate(QUERY):
        for value in VALUES[number % 2 :: 2]:
            media = await survives(client, ask | {"notify": "http://127.0.0.1:9/", key: value}, key)
            if media and key == "source":
                assert (await client.json("CancelMedia", mediaid=media))["message"] == "Deleted"
            elif media and key not in ("userid", "userkey"):
                ends.append(media)
    for media in ends:
        assert "Internal" not in str(await client.end(media))
        assert (await client.xml("GetStatus", mediaid=media))["id"] == media


@pytest.mark.heavy
@pytest.mark.parametrize("action", OTHERS)
async def test_wrong_values_in_other_actions(client: Any, action: str) -> None:
    media = await client.add("http://h.test/a-1s.mp4", SMALL)
    good = {"mediaid": media, "format": SMALL, "name": "n", "taskid": "1"}
    for version in ("1", "3"):
        for key in OTHERS[action].split():
            for value in VALUES:
                base = {name: good[name] for name in OTHERS[action].split() if name in good}
                query = {"userid": "100", "userkey": "k", "action": action, "version": version, **base, key: value}
                await survives(client, query, key)


async def test_names_that_xml_cant_hold_reach_an_xml_receiver(client: Any, receiver: Any) -> None:
    odd = {"1 bad & key": "x", "": "y", "a:b": "z", "{u}n": "w", "xml\x00": "v", "ok": "\x00\x0b"}
    media = await client.add("http://h.test/a-1s.mp4", SMALL | odd, meta=odd, notify=f"{receiver.url}/n")
    (told,) = await receiver.at("/n")
    assert (told["mediaid"], told["status"]) == (media, "Finished")
    assert (await client.xml("GetStatus", mediaid=media))["status"] == "Finished"


@pytest.mark.heavy
async def test_thousands_of_everything(client: Any) -> None:
    source = "http://h.test/a-1s.mp4"
    for query in (
        {"source": source, "format": [SMALL] * 5000},
        {"source": [source] * 5000, "format": SMALL},
        {"source": source, "format": SMALL | {"destination": ["http://h.test/x"] * 20_000}},
        {"source": source, "format": SMALL, "notify": ["http://127.0.0.1:9/"] * 20_000},
        {"source": source, "format": SMALL | {"logo": [{"logo_source": source}] * 5000}},
    ):
        answer = await client.json("AddMedia", **query)
        assert list(answer) == ["errors"], answer
    assert list(await client.json("GetStatus", mediaid=",".join(map(str, range(100_000))))) == ["errors"]
    assert list(await client.json("CancelMedia", mediaid=["1"] * 100_000)) == ["errors"]


@SHARED
@pytest.mark.parametrize("rate", ["1e-30", "0", "-25", "100000", "fast"])
async def test_a_frame_rate_that_none_can_be_is_refused_by_its_name(shared: Any, rate: str) -> None:
    formats = [{"output": "mp4"}, {"output": "mp4", "framerate": rate}]
    before = [each["mediaid"] for each in (await shared.json("GetMediaList"))["media"]]
    answer = await shared.json("AddMedia", source="http://127.0.0.1:9/x.mp4", format=formats)
    assert answer["errors"]["error"].startswith("Wrong value of parameter format.1.framerate: is ")
    assert [each["mediaid"] for each in (await shared.json("GetMediaList"))["media"]] == before


@SHARED
async def test_unknown_ids(shared: Any) -> None:
    for media in ("1", "0", "-1", "99999999999999999999999", "abc", "5001'--", "../5001", "%00"):
        for action in ("GetStatus", "GetMediaInfo", "StopMedia", "CancelMedia", "RestartMedia", "ProcessMedia"):
            assert list(await shared.json(action, mediaid=media)) == ["errors"]
    for nothing in ("", [], None, {}, ",", " , "):
        assert list(await shared.json("GetStatus", mediaid=nothing)) == ["errors"]
    assert await shared.json("AddMedia", format=SMALL) == {"errors": {"error": "Source file is not indicated!"}}
    assert await shared.json("AddMedia", source="http://h.test/a", format=[]) == {
        "errors": {"error": "No formats specified!"}
    }


async def spoken(site: str, request: bytes, *, hang_up: bool = False) -> bytes:
    """The answer to bytes that no well-behaved client would send."""
    parts = urlsplit(site)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    if hang_up:
        writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@SHARED
@pytest.mark.parametrize("room", ["outputs", "media"])
@pytest.mark.parametrize(
    "path",
    [
        "../mediaglot.db",
        "../../mediaglot.db",
        "%2e%2e/mediaglot.db",
        "..%2fmediaglot.db",
        "..%5cmediaglot.db",
        "..%252fmediaglot.db",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "x/../../mediaglot.db",
        "....//mediaglot.db",
        "%00",
        "a%00/../../mediaglot.db",
        "%ff%fe",
        "\xff",
        "a" * 300,
        "a/" * 2000,
        "%F0%A0%80%80" * 300,
        ".",
        "..",
        "",
        "?x",
        "link",
    ],
)
async def test_no_way_out_of_our_own_folders(shared: Any, room: str, path: str) -> None:
    data = shared.server.settings.data
    for folder in ("outputs", "media"):
        (data / folder).mkdir(exist_ok=True)
        if not (data / folder / "link").is_symlink():
            (data / folder / "link").symlink_to(data / "mediaglot.db")
    line = f"GET /_mediaglot/{room}/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = await spoken(shared.site, line.encode("latin-1"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] in (b"404", b"400"), head
    assert b"SQLite" not in body
    assert b"root:" not in body
    assert b"Traceback" not in body
