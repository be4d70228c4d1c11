"""Other providers in our own prefix: how they are, for the operator, and the news that they send us of jobs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mediaglot.gateway.backends.router import Router
from mediaglot.gateway.backends.upstream import Upstream
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Fault


def states(router: Router | None) -> list[dict[str, Any]]:
    """Each provider with its breaker: closed, open or half_open."""
    found = [(name, craft) for name, craft in router.crafts.items() if isinstance(craft, Upstream)] if router else []
    return [
        {
            "name": name,
            "dialect": craft.terms.dialect.name,
            "policy": str(craft.terms.policy),
            "breaker": str(craft.agent.breaker.state),
            "failures": craft.agent.breaker.failures,
            "requests": {"sent": craft.agent.sent, "failed": craft.agent.failed, "open": craft.agent.open},
        }
        for name, craft in found
    ]


async def jobs(router: Router | None, name: str) -> list[dict[str, Any]] | None:
    """What a provider has to do for us, ids on both sides; None for one that there is not."""
    craft = router.crafts.get(name) if router else None
    if not isinstance(craft, Upstream):
        return None
    return [
        {"dialect": each.dialect, "job": each.job, "provider_job": each.id or None, "outputs": list(each.wanted)}
        for each in await craft.book.entries()
        if each.provider == name
    ]


async def receive(router: Router | None, name: str, marker: str, raw: web.Request) -> int:
    """Take a provider's message in; the HTTP status that it is answered with.

    Nothing in it is believed: it is a reason to look. The last one of a job may come when nobody waits for it any more.
    """
    craft = router.crafts.get(name) if router else None
    if not isinstance(craft, Upstream):
        return 404
    body = await raw.read()
    message = Request(
        method=raw.method,
        path=raw.path,
        query=raw.rel_url.raw_query_string,
        headers=Headers(lines=tuple(raw.headers.items())),
        body=body,
    )
    try:
        craft.tell(marker, message)
    except Fault:
        return 400
    return 200
