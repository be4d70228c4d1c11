"""Requests to an object store, or to another service of its kind, signed with Signature Version 4. Nothing but
arithmetic: botocore is asked for a header and knows of no file, no profile and no service that could have credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from mediaglot.gateway.faults import SourceUnreachable
from mediaglot.gateway.transfer.endpoint import Keys

EMPTY: Final = hashlib.sha256(b"").hexdigest()
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
INSTALL: Final = "pip install 'mediaglot[s3]'"

Sign = Callable[[str, str, Mapping[str, str], Keys, str, str, str], dict[str, str]]


async def sign(
    method: str, url: str, headers: Mapping[str, str], keys: Keys, region: str, digest: str, service: str = "s3"
) -> dict[str, str]:
    """``headers`` and those that sign them and the body of that ``digest``.

    Raises SourceUnreachable, which names the command to install what is missing.
    """
    signing = _loaded() if _loaded.cache_info().currsize else await asyncio.to_thread(_loaded)
    return signing(method, url, headers, keys, region, digest, service)


@cache
def _loaded() -> Sign:
    try:
        from botocore.auth import S3SigV4Auth  # noqa: PLC0415 - an extra, and half a second to load
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415
    except ImportError:
        raise SourceUnreachable(reason="s3_extra", install=INSTALL) from None
    # It would write down what it signs, and a session token is among that.
    logging.getLogger("botocore.auth").setLevel(logging.WARNING)

    class Auth(S3SigV4Auth):  # type: ignore[misc]  # it has no types
        """With a digest that is known already."""

        def __init__(self, credentials: Any, service: str, region: str, digest: str) -> None:
            super().__init__(credentials, service, region)
            self._digest = digest

        def payload(self, request: Any) -> str:
            return self._digest

    def signing(
        method: str, url: str, headers: Mapping[str, str], keys: Keys, region: str, digest: str, service: str
    ) -> dict[str, str]:
        token = keys.token.reveal() if keys.token is not None else None
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        Auth(Credentials(keys.user, keys.secret.reveal(), token), service, region, digest).add_auth(request)
        return dict(request.headers.items())

    return signing
