"""Two clients of the provider, as a project would have them: one blocks, the other is for an event loop."""

from typing import Any

import aiohttp
import requests

from schemas import order


class Transcoder:
    def __init__(self, url: str, user: str, key: str) -> None:
        self.url, self.who = url, (user, key)

    def submit(self, film: str, notify: str) -> str:
        return str(self.ask("AddMedia", source=film, notify=notify, format=order.FORMAT)["MediaID"])

    def status(self, job: str) -> str:
        return str(self.ask("GetStatus", mediaid=job)["status"])

    def ask(self, action: str, **fields: Any) -> Any:
        answer = requests.post(f"{self.url}/", data=order.form(*self.who, action, **fields), timeout=60)
        answer.raise_for_status()
        return answer.json()["response"]


class AsyncTranscoder:
    def __init__(self, session: aiohttp.ClientSession, url: str, user: str, key: str) -> None:
        self.session, self.url, self.who = session, url, (user, key)

    async def submit(self, film: str, notify: str) -> str:
        return str((await self.ask("AddMedia", source=film, notify=notify, format=order.FORMAT))["MediaID"])

    async def status(self, job: str) -> str:
        return str((await self.ask("GetStatus", mediaid=job))["status"])

    async def ask(self, action: str, **fields: Any) -> Any:
        form = order.form(*self.who, action, **fields)
        async with self.session.post(f"{self.url}/", data=form, raise_for_status=True) as answer:
            return (await answer.json(content_type=None))["response"]
