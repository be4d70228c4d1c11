"""Drives a walk over real HTTP: bounded answers, bounded waiting, whatever the other side sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from mediaglot.gateway.contract.stage import Listen, NoAnswer, Pause, Steps
from mediaglot.gateway.exchange import Request, Response

Send = Callable[[Request], Awaitable[Response]]
Sleep = Callable[[float], Awaitable[object]]
Hear = Callable[[Callable[[], bool], float], Awaitable[object]]
IN_VAIN: Final = 5
"""Requests without an answer, one after the other, after which nobody is asked any more."""


async def deaf(until: Callable[[], bool], seconds: float) -> None:
    """Nothing can come, so nothing is waited for."""


async def drive(steps: Steps[None], send: Send, sleep: Sleep = asyncio.sleep, hear: Hear = deaf) -> None:
    """Raises ConnectionError where the other side is gone, with the last reason."""
    try:
        step, vain = next(steps), 0
        while True:
            if isinstance(step, Pause):
                await sleep(step.seconds)
                step = steps.send(Response())
                continue
            if isinstance(step, Listen):
                await hear(step.until, step.seconds)
                step = steps.send(Response())
                continue
            try:
                response = await send(step)
            except (ConnectionError, TimeoutError, ValueError) as error:
                vain += 1
                if vain == IN_VAIN:
                    steps.close()
                    raise ConnectionError(str(error) or type(error).__name__) from None
                step = steps.throw(NoAnswer(f"found none: {error or type(error).__name__}"))
                continue
            vain = 0
            step = steps.send(response)
    except StopIteration:
        return
