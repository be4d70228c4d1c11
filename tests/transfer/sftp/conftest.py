from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.sftp import Sftp
from mediaglot.gateway.transfer.trust import Trust


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mediaglot_test_sftp_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SERVER = load(Path(__file__).parent / "server.py")


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    running: list[Any] = []

    async def start(**manners: Any) -> Any:
        one = SERVER.Sshd(tmp_path / f"ssh{len(running)}")
        for name, value in manners.items():
            setattr(one, name, value)
        await one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        await one.close()


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(ssh_met=tmp_path / "met")


@pytest.fixture
async def client(local: Policy, eager: Any, trust: Trust) -> AsyncIterator[Callable[..., Sftp]]:
    """A transfer that trusts as it is told."""
    made: list[Sftp] = []

    def make(limits: dict[str, Any] | None = None, **trusting: Any) -> Sftp:
        policy = replace(local, trust=replace(trust, **trusting), **(limits or {}))
        made.append(Sftp(policy, eager))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def sftp(client: Callable[..., Sftp]) -> Sftp:
    return client()


@pytest.fixture
def at() -> Callable[..., Location]:
    def locate(url: str, user: str | None = SERVER.USER, password: str | None = SERVER.PASSWORD) -> Location:
        secret = None if password is None else Secret(password)
        return Location(url=url, access=Access(user=user, password=secret) if user else None)

    return locate


@pytest.fixture
def body() -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in range(1_600_000))


@pytest.fixture
def made(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(body)
    return path


@pytest.fixture
def pull(sftp: Sftp, tmp_path: Path) -> Callable[..., Awaitable[bytes]]:
    async def fetch(location: Location, by: Sftp = sftp, **options: Any) -> bytes:
        fetched = await by.fetch(location, tmp_path / "target", **options)
        assert fetched.size == fetched.path.stat().st_size
        return fetched.path.read_bytes()

    return fetch
