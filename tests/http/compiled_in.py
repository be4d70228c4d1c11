"""Clients that know nothing of mediaglot: the providers' hosts are compiled in, and each library is left as it is.

As a program it takes every dialect's sample client through a job with each library, by HTTP or by HTTPS or by both, and
prints what each of them saw, or what kept it from that.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from typing import Any

import aiohttp
import requests

from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.registry import find, names

SOURCE = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
PATIENCE = 60


def by_requests(url: str, asked: Request) -> Response:
    lines = dict(asked.headers)
    with requests.request(asked.method, url, data=asked.body, headers=lines, timeout=PATIENCE) as answer:
        return Response(status=answer.status_code, body=answer.content, headers=Headers(lines=(("Url", answer.url),)))


def by_aiohttp(url: str, asked: Request) -> Response:
    async def ask() -> Response:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.request(asked.method, url, data=asked.body or None, headers=dict(asked.headers)) as answer,
        ):
            return Response(status=answer.status, body=await answer.read())

    return asyncio.run(ask())


def by_urllib(url: str, asked: Request) -> Response:
    request = urllib.request.Request(url, asked.body or None, dict(asked.headers), method=asked.method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return Response(status=answer.status, body=answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Response(status=error.code, body=error.read())


def by_curl(url: str, asked: Request) -> Response:
    lines = [word for name, value in asked.headers for word in ("-H", f"{name}: {value}")]
    body = ["--data-binary", "@-"] if asked.body else []
    words = ["curl", "-sS", "-m", str(PATIENCE), "-X", asked.method, *lines, *body, "-w", "%{stderr}%{http_code}", url]
    done = subprocess.run(words, input=asked.body, capture_output=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.decode())
    return Response(status=int(done.stderr), body=done.stdout)


LIBRARIES: dict[str, Callable[[str, Request], Response]] = {
    "requests": by_requests,
    "aiohttp": by_aiohttp,
    "urllib": by_urllib,
    **({"curl": by_curl} if shutil.which("curl") else {}),
}


def lead(errand: Generator[Request, Response, Any], origin: str, send: Callable[[str, Request], Response]) -> Any:
    """What a sample's generator returns, its requests sent to the provider's own address."""
    try:
        asked = next(errand)
        while True:
            query = f"?{asked.query}" if asked.query else ""
            asked = errand.send(send(f"{origin}{asked.path}{query}", asked))
    except StopIteration as done:
        return done.value


def visit(dialect: Dialect, scheme: str, send: Callable[[str, Request], Response]) -> str:
    """The state of a job that was made, in the provider's own word, or the error's text."""
    assert dialect.sample is not None
    sample, origin = dialect.sample(), f"{scheme}://{dialect.hosts[0]}"
    try:
        job = lead(sample.create(SOURCE), origin, send)
        return str(lead(sample.status(job), origin, send).word)
    except (OSError, aiohttp.ClientError) as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    seen = {
        f"{library} {scheme} {name}": visit(find(name), scheme, send)
        for library, send in LIBRARIES.items()
        for scheme in sys.argv[1:]
        for name in names()
    }
    print(json.dumps(seen))
