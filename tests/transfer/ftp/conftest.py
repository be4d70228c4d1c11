from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.ftp import Ftp
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.trust import Trust


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mediaglot_test_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def server() -> ModuleType:
    return load(Path(__file__).parent / "server.py")


@pytest.fixture(scope="session")
def certificates(server: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The server's own and the authority's."""
    return server.certify(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def ftpd(server: ModuleType, certificates: tuple[Path, Path], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a server on a folder of its own."""
    running: list[Any] = []

    def start(tls: str | None = None) -> Any:
        folder = tmp_path / f"ftp{len(running)}"
        folder.mkdir()
        running.append(server.Ftpd(folder, tls=tls, certificate=certificates[0]))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def trusting(local: Policy, certificates: tuple[Path, Path]) -> Policy:
    return replace(local, trust=Trust(ca_bundle=certificates[1]))


@pytest.fixture
async def ftp(trusting: Policy, eager: Any) -> AsyncIterator[Ftp]:
    client = Ftp(trusting, eager)
    yield client
    await client.close()


@pytest.fixture
def at(server: ModuleType) -> Callable[..., Location]:
    """Ann's place there."""

    def locate(url: str, user: str | None = server.USER, password: str = server.PASSWORD) -> Location:
        return Location(url=url, access=Access(user=user, password=Secret(password)) if user else None)

    return locate


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(b"".join(n.to_bytes(4, "big") for n in range(500_000)))
    return path


Pull = Callable[..., Awaitable[bytes]]


@pytest.fixture
def pull(ftp: Ftp, tmp_path: Path) -> Pull:
    async def fetch(location: Location, client: Ftp = ftp, **options: Any) -> bytes:
        fetched = await client.fetch(location, tmp_path / "target", **options)
        body = fetched.path.read_bytes()
        assert fetched.size == len(body)
        return body

    return fetch
