"""What an object store says when it does not do what it was asked: its codes as our faults.

Its texts stay where they are: they may show keys, signatures and what was signed.
"""

from __future__ import annotations

import re
from typing import Any, Final

import aiohttp

from mediaglot.gateway.faults import Fault, Malformed, SourceMissing, SourceUnreachable
from mediaglot.gateway.transfer.endpoint import REGION
from mediaglot.gateway.transfer.request import CHUNK, PASSING, words
from mediaglot.gateway.transfer.retry import Transient

LONGEST: Final = 1 << 20
"""Bytes of an answer that is read as a document."""
CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{1,80}")
AGAIN: Final = frozenset(
    "SlowDown ServiceUnavailable InternalError RequestTimeout RequestTimedOut OperationAborted ThrottlingException "
    "Throttling RequestLimitExceeded BandwidthLimitExceeded TooManyRequests".split()
)


class Elsewhere(Exception):
    """The bucket is in another ``region``; ``fault`` is for when that is no news."""

    def __init__(self, region: str, fault: Fault) -> None:
        super().__init__(region)
        self.region = region
        self.fault = fault


async def document(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The texts of an answer in XML by the names of their elements, without the namespace; empty for what is none."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > LONGEST:
            return {}
    return texts(bytes(body))


def texts(body: bytes) -> dict[str, str]:
    from mediaglot.gateway.wire.xml import NestedXml  # noqa: PLC0415 - few stores refuse anything

    try:
        tree: dict[str, Any] = NestedXml("", {}).read_answer(body.strip())
    except Malformed:
        return {}
    return {name.rpartition("}")[2]: value for name, value in tree.items() if isinstance(value, str)}


async def refuse(response: aiohttp.ClientResponse) -> None:
    """Raise what a status of 300 and more means. 416 passes: it is an answer to somebody who asked for a range."""
    if response.status >= 300 and response.status != 416:
        said = await document(response)
        raise trouble(response.status, said, response.reason, response.headers.get("x-amz-bucket-region", ""))


def trouble(status: int, said: dict[str, str], reason: str | None = None, region: str = "") -> Exception:
    """The fault, Elsewhere or Transient that an answer stands for."""
    code = said.get("Code", "")
    reason = code if CODE.fullmatch(code) else words(reason)
    kind: type[Fault] = SourceMissing if 400 <= status < 500 else SourceUnreachable
    fault = kind(status=status, reason=reason)
    region = region or said.get("Region", "")
    if region and REGION.fullmatch(region) and (status < 400 or code == "AuthorizationHeaderMalformed"):
        return Elsewhere(region, fault)
    if status >= 500 or status in PASSING or code in AGAIN:
        return Transient(fault)
    return fault
