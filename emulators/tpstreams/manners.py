"""What the service's framework does around every operation: slashes, pages of HTML, headers, and its words for faults.

Measured on a stock one (README.md).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from mediaglot.emulators.tpstreams.answer import address
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Malformed

HTML: Final = ("Content-Type", "text/html; charset=utf-8")
PAGE: Final = b"""
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""
SATISFYING: Final = frozenset({"*/*", "application/*", "application/json"})


class NotAcceptable(Malformed):
    """The client takes no JSON."""

    code = "not_acceptable"


def acceptable(request: Request) -> bool:
    wanted = (request.headers.get("Accept") or "*/*").split(",")
    return any(part.partition(";")[0].strip().lower() in SATISFYING for part in wanted)


def not_found() -> Response:
    return Response(status=404, headers=Headers(lines=(HTML,)), body=PAGE)


def with_slash(dialect: Dialect, request: Request) -> Response:
    """To the same path with its slash, relative to the host."""
    url = urlsplit(address(dialect, request))
    place = f"{url.path}/" + (f"?{request.query}" if request.query else "")
    return Response(status=301, headers=Headers(lines=(HTML, ("Location", place))))
