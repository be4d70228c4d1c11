"""A real server on a real socket for all tests of a module, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.command.contract.drive import drive
from mediaglot.gateway.command.contract.verify import outcome_of
from mediaglot.gateway.config import Settings
from mediaglot.gateway.contract.post import Post
from mediaglot.gateway.contract.stage import Stage, Terms
from mediaglot.gateway.contract.walk import walk
from mediaglot.gateway.errand import Login
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.http.app import Server, listen
from mediaglot.gateway.http.receiver import Receiver
from mediaglot.gateway.http.transport import Transport

Alter = Callable[[Request, Response], Response]


class Standing:
    """The server, and walks against it."""

    def __init__(self, folder: Path, progression: str = "manual") -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        listed = {name: [self.account(name)] for name in registry.names()}
        wanted: Any = {"backend": "simulated", "progression": progression, "workers": 500, "log_level": "warning"}
        self.server = Server(Settings(port=0, data=folder, accounts=listed, **wanted))
        self.runner = self.do(listen(self.server))

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def close(self) -> None:
        self.do(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()

    def base(self, name: str) -> str:
        return self.server.site.base(name)

    def account(self, name: str) -> Credential:
        login = self.login(name)
        return Credential(login.name or login.tenant, login.secret)

    @staticmethod
    def login(name: str) -> Login:
        """One provider's accounts are organizations, let in by a token."""
        client = registry.find(name).client
        assert client is not None
        return replace(client.example, name="") if name == "tpstreams" else client.example

    def walk(
        self, name: str, *only: str, alter: Alter | None = None, post: Callable[[str], Post] = Post, **terms: Any
    ) -> tuple[Stage, Any]:
        """``alter`` stands between the dialect and the wire, and says something else; ``post`` hears something else."""
        wanted = Terms(**{"pause": 0, "linger": 0, **terms})
        stage = Stage(registry.find(name), self.base(name), self.login(name), wanted)

        async def play() -> None:
            receiver = Receiver(post)
            async with Transport(most=10_000_000, seconds=30) as transport, receiver.open("127.0.0.1", 0):
                stage.post = receiver.post

                async def send(request: Request) -> Response:
                    answer = await transport.send(request, self.base(name))
                    return alter(request, answer) if alter else answer

                await drive(walk(stage, only), send, hear=receiver.wait)

        self.do(play())
        return stage, outcome_of(stage)


@pytest.fixture(scope="module")
def standing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A module's PROGRESSION says how its jobs go on."""
    one = Standing(tmp_path_factory.mktemp("standing"), getattr(request.module, "PROGRESSION", "manual"))
    yield one
    one.close()
