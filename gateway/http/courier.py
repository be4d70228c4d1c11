"""Carries what is asked of a test double's control API, for code on an event loop."""

from __future__ import annotations

from typing import Any

import aiohttp
from yarl import URL

from mediaglot.gateway.remote.ask import Ask, read, silent


async def carry(url: str, token: str, ask: Ask) -> Any:
    """An answer's document, over a connection of its own: nobody has to close anything. Raises DoubleError."""
    target = URL(f"{url}{ask.target}", encoded=True)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=ask.timeout)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(ask.method, target, data=ask.body, headers=headers) as answer,
        ):
            status, body = answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise silent(url, error) from None
    return read(status, body)
