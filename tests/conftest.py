"""What several rooms of the tests use: the checkout, its wheel, and an object store, which is moto's server behind a
door that reads signatures."""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import hashlib
import hmac
import io
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import aiohttp
import hypothesis
import imageio_ffmpeg
import pytest
from aiohttp import web
from yarl import URL

from mediaglot.gateway.remote.host import alone

ROOT = Path(__file__).resolve().parents[1]
HOST = re.compile(r"(?:(?P<bucket>.+)\.)?(?:s3[.-].*|nyc3\..*|storage\.test(?::\d+)?|localhost:\d+|127\.0\.0\.1:\d+)")
HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}
TRUSTED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
"""For moto, which lets nobody read without any signature and believes all."""
Mischief = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse | None]]
Gate = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]


os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes start here: compiled once, not by each of them
sys.dont_write_bytecode = False
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a job in the background of a shell, and all that it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)
SLOW = ("ffmpeg", "browser", "npm", "heavy")
HEAVY_LAWS = {
    "test_every_operation_has_schemas",
    "test_outputs_survive",
    "test_pairs_agree",
    "test_translations_of_any_job_tell_all",
    "test_translations_of_fixtures_tell_all",
}
"""Laws that many examples are held against; they are published, and so have no mark of ours."""
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.load_profile("steady")  # what lands is held against the same examples as what landed before
gc.disable()  # until all tests are collected: none of that is ever garbage


def pytest_configure(config: pytest.Config) -> None:
    """All that runs here finds one FFmpeg on PATH, whatever the machine has: the one that comes along, or the one in
    MEDIAGLOT_TEST_FFMPEG. Workers have the PATH of those who start them."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="mediaglot-ffmpeg-")
        config.add_cleanup(folder.cleanup)
        program = os.environ.get("MEDIAGLOT_TEST_FFMPEG") or imageio_ffmpeg.get_ffmpeg_exe()
        Path(folder.name, "ffmpeg").symlink_to(program)
        os.environ["PATH"] = os.pathsep.join((folder.name, os.environ.get("PATH", os.defpath)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as quick what no other mark says to take long."""
    for item in items:
        law = item.path.name == "test_laws.py" and getattr(item, "originalname", "") in HEAVY_LAWS
        if not law and not any(map(item.get_closest_marker, SLOW)):
            item.add_marker("quick")


def pytest_collection_finish() -> None:
    """In each worker: what has been collected stays, and looking for garbage in it would take an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


class Store:
    """The door. It knows keys, checks who signed what by its own arithmetic, and can misbehave.

    ``moto`` behind it stores objects, with its own opinion of parts, types, lists of access and errors.
    """

    def __init__(self, site: str, session: aiohttp.ClientSession) -> None:
        self.url = self.site = ""
        self.moto = site
        self.session = session
        self.keys: dict[str, tuple[str, str | None]] = {"KEY": ("SE/CR+ET", None)}
        self.public: set[str] = set()
        self.region: str | None = None
        """The only one that is right."""
        self.asked: list[web.BaseRequest] = []
        self.refused: list[str] = []
        self.mischief: Mischief | None = None
        """Called with the request and its body before the store is; what it returns is the answer."""
        self.gate: Gate | None = None
        """Called before the body is read; what it returns is the answer."""
        self.bucket = f"films-{secrets.token_hex(6)}"

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if self.gate is not None and (answer := await self.gate(request)) is not None:
            return answer
        body = await request.content.read()
        if self.mischief is not None and (answer := await self.mischief(request, body)) is not None:
            return answer
        if code := self.objection(request, body):
            self.refused.append(code)
            return fault(403 if code != "AuthorizationHeaderMalformed" else 400, code, Region=self.region or "")
        return await self.forward(request, body)

    async def forward(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        async with self.done(request, body) as got:
            kept = {name: value for name, value in got.headers.items() if name.lower() not in HOP}
            response = web.StreamResponse(status=got.status, headers=kept)
            response.content_length = got.content_length
            await response.prepare(request)
            async for chunk in got.content.iter_any():
                await response.write(chunk)
            return response

    def done(self, request: web.BaseRequest, body: bytes) -> contextlib.AbstractAsyncContextManager[Any]:
        """What the store says of a request that it has done. Who asked has heard nothing yet."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP | {"host"}}
        headers["Authorization"] = TRUSTED
        options: dict[str, Any] = {"headers": headers, "data": io.BytesIO(body), "allow_redirects": False}
        return self.session.request(request.method, URL(self.moto + self.path(request), encoded=True), **options)

    def path(self, request: web.BaseRequest) -> str:
        """As if the bucket had been in the path."""
        found = HOST.fullmatch(request.headers["Host"])
        assert found is not None, request.headers["Host"]
        return f"/{found['bucket']}{request.raw_path}" if found["bucket"] else request.raw_path

    def objection(self, request: web.BaseRequest, body: bytes) -> str | None:
        given = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), "
            r"Signature=([0-9a-f]{64})",
            request.headers.get("Authorization", ""),
        )
        if given is None:
            return None if self.path(request).split("/")[1] in self.public else "AccessDenied"
        user, day, region, signed, signature = given.groups()
        if user not in self.keys:
            return "InvalidAccessKeyId"
        secret, token = self.keys[user]
        if self.region not in {None, region}:
            return "AuthorizationHeaderMalformed"
        if request.headers.get("X-Amz-Security-Token") != token:
            return "InvalidToken"
        digest = request.headers["X-Amz-Content-SHA256"]
        if digest not in {"UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()}:
            return "XAmzContentSHA256Mismatch"
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(signed.split(";")):
            return "AccessDenied"
        expected = signature_of(request, secret, (day, region), signed.split(";"), digest)
        return None if hmac.compare_digest(expected, signature) else "SignatureDoesNotMatch"

    # --- what tests put there and find there, past the door ---

    async def make(self, *buckets: str) -> None:
        for bucket in buckets or (self.bucket,):
            async with self.session.put(f"{self.moto}/{bucket}") as done:
                assert done.status == 200, await done.text()

    async def put(self, key: str, content: bytes, bucket: str = "") -> None:
        async with self.session.put(self.object(key, bucket), data=io.BytesIO(content)) as done:
            assert done.status == 200, await done.text()

    async def get(self, key: str, bucket: str = "") -> tuple[bytes, Mapping[str, str]]:
        async with self.session.get(self.object(key, bucket)) as got:
            assert got.status == 200, await got.text()
            return await got.read(), got.headers

    async def ask(self, query: str, key: str = "") -> str:
        async with self.session.get(self.object(key).update_query(query)) as got:
            return await got.text()

    def object(self, key: str, bucket: str = "") -> URL:
        return URL(f"{self.moto}/{bucket or self.bucket}/{quote(key)}", encoded=True)

    def methods(self) -> list[str]:
        return [request.method for request in self.asked]


def signature_of(
    request: web.BaseRequest,
    secret: str,
    scope: tuple[str, str],
    signed: list[str],
    digest: str,
    service: str = "s3",
) -> str:
    """By the book, "Authenticating Requests (AWS Signature Version 4)", and not by botocore."""
    path, _, query = request.raw_path.partition("?")
    pairs = sorted((pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&") if pair)
    lines = [
        request.method,
        path,
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(','.join(request.headers.getall(name)).split())}" for name in signed),
        "",
        ";".join(signed),
        digest,
    ]
    day, region = scope
    hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(
        ["AWS4-HMAC-SHA256", request.headers["X-Amz-Date"], f"{day}/{region}/{service}/aws4_request", hashed]
    )
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def fault(status: int, code: str, **more: str) -> web.Response:
    """An error as S3 says it, with a text that nobody but the client may see."""
    told = {"Code": code, "Message": "seen: SE/CR+ET", **more}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in told.items())
    return web.Response(
        status=status, body=f'<?xml version="1.0"?>\n<Error>{inner}</Error>'.encode(), content_type="application/xml"
    )


@pytest.fixture(name="signature_of")
def _signature_of() -> Callable[..., str]:
    return signature_of


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The base URL of a fresh moto, a process of its own."""
    script = "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = b""
    while not (found := re.search(rb"Running on (http://127\.0\.0\.1:\d+)", said)):
        line = process.stdout.readline()
        assert line, said.decode()
        said += line
    # What it says of each request must not fill the pipe.
    reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    yield found[1].decode()
    process.kill()
    process.communicate()
    reader.wait()


@pytest.fixture
async def store(moto: str) -> AsyncIterator[Store]:
    async with aiohttp.ClientSession(auto_decompress=False, headers={"Authorization": TRUSTED}) as session:
        opened = Store(moto, session)
        runner = web.ServerRunner(web.Server(opened), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        opened.url = opened.site = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await opened.make()
        yield opened
        await runner.cleanup()


# --- processes ---------------------------------------------------------------------------------------


class Nursery:
    """Where processes of ``mediaglot`` are ordered that need not load all that they are made of."""

    def __init__(self, way: socket.socket) -> None:
        self._way = way

    def order(self, words: tuple[str, ...], environment: Mapping[str, str], *files: int, folder: Path | None) -> None:
        """``files`` are the three standard streams, and one that gets two lines: the number, later the exit code."""
        told = {"words": words, "environment": dict(environment), "folder": str(folder or Path.cwd())}
        socket.send_fds(self._way, [json.dumps(told).encode()], list(files))

    def run(
        self, *words: str, environment: Mapping[str, str], given: str = "", folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What ``subprocess.run`` would give of ``mediaglot`` and these words."""
        end, begin = os.pipe()
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
            streams[0].write(given)
            streams[0].seek(0)
            self.order(words, environment, *(stream.fileno() for stream in streams), begin, folder=folder)
            os.close(begin)
            with open(end) as told:  # noqa: PTH123 - no path, a pipe
                code = int(told.read().split()[1])
            out, errors = ((stream.seek(0), stream.read())[1] for stream in streams[1:])
        return subprocess.CompletedProcess(words, code, out, errors)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = Path(__file__).with_name("nursery.py")
    words = [sys.executable, program, str(there.fileno())]
    with here, subprocess.Popen(words, pass_fds=[there.fileno()], stdout=subprocess.DEVNULL):
        there.close()
        yield Nursery(here)
        here.close()


# --- the checkout and its wheel ----------------------------------------------------------------------


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def checkout() -> tuple[Path, ...]:
    """The repository's files, relative to its root, without what .gitignore names."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0 and listed.stdout:
        names = {Path(name) for name in listed.stdout.split("\0") if name}
        return tuple(sorted(name for name in names if (ROOT / name).is_file()))
    # No git, or somebody else's repository: the same list by hand.
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()] + [".git"]
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(
        sorted(
            path for path in found if not any(fnmatch.fnmatch(part, name) for part in path.parts for name in ignored)
        )
    )


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def pip(*words: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(root: Path, checkout: tuple[Path, ...], shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the checkout, without network, once for all workers."""
    with alone(shared / "wheel.lock"):
        if not (shared / "wheel").exists():
            source, target = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
            for path in checkout:
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / path, source / path)
            pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(target), ".", cwd=source)
            target.rename(shared / "wheel")
    (built,) = (shared / "wheel").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def room(wheel: Path, shared: Path) -> Path:
    """A fresh environment with the wheel alone."""
    room = shared / "room"
    with alone(shared / "room.lock"):
        if not room.exists():
            venv.create(room, with_pip=False)
            pip("--python", str(room), "install", "--no-deps", "--no-index", "--no-compile", str(wheel), cwd=shared)
    return room
