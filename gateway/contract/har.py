"""HAR 1.2 files, as browsers and proxies save them: the exchanges with a provider that are in one."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from mediaglot.gateway.contract.recording import Exchange, Recording, Unreadable, lines_of
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.exchange import Headers, Request, Response

Tree = dict[str, Any]
ENCODED: Final = frozenset({"content-encoding", "transfer-encoding", "content-length"})
"""Headers of what was on the wire; a HAR file has the decoded content."""
ELSEWHERE: Final = "of another host"


def is_har(tree: Any) -> bool:
    return isinstance(tree, dict) and isinstance(tree.get("log"), dict) and isinstance(tree["log"].get("entries"), list)


def from_har(name: str, tree: Tree, where: Whereabouts) -> Recording:
    """What ``where`` knows the dialect of. Raises Unreadable."""
    recording = Recording()
    for number, entry in enumerate(tree["log"]["entries"], 1):
        try:
            _add(recording, f"{name}: entry {number}", entry, where)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"{name}: entry {number} is not as HAR 1.2 has it: {_reason(error)}") from None
    return recording


def _reason(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)[:120]


def _add(recording: Recording, name: str, entry: Tree, where: Whereabouts) -> None:
    asked, told = entry["request"], entry["response"]
    place = where.find(asked["url"])
    if place is None:
        recording.left_out[ELSEWHERE] += 1
    elif not told["status"]:
        recording.left_out["without an answer"] += 1
    elif _is_cut(told["content"]):
        recording.left_out["whose content was not saved"] += 1
    else:
        dialect, path = place
        request = _request(asked, path)
        recording.add(Exchange(name=name, dialect=dialect, request=request, response=_response(told)))


def _is_cut(content: Tree) -> bool:
    size = content.get("size", 0)
    return isinstance(size, int) and size > 0 and content.get("text") is None


def _request(tree: Tree, path: str) -> Request:
    parts = urlsplit(tree["url"])
    site = f"{parts.scheme}://{parts.netloc}"
    return Request(
        method=str(tree["method"]).upper(),
        path=path,
        query=parts.query,
        headers=_headers(tree),
        body=_sent(tree.get("postData") or {}),
        base=site,
        site=site,
    )


def _response(tree: Tree) -> Response:
    content, status = tree["content"], tree["status"]
    if not isinstance(status, int) or not 100 <= status < 600:
        raise Unreadable(f"{str(status)[:20]!r} is no HTTP status")
    text = content.get("text") or ""
    try:
        body = base64.b64decode(text, validate=True) if content.get("encoding") == "base64" else text.encode()
    except binascii.Error:
        raise Unreadable("its content is no base64") from None
    return Response(status=status, headers=_headers(tree), body=body)


def _headers(tree: Tree) -> Headers:
    """Without what HTTP/2 says of a message itself."""
    lines = lines_of(tree["headers"])
    kept = (line for line in lines if not line[0].startswith(":") and line[0].lower() not in ENCODED)
    return Headers(lines=tuple(kept))


def _sent(posted: Tree) -> bytes:
    """The body as it was sent; of a form that was saved in parts only, the form."""
    if text := posted.get("text"):
        return str(text).encode()
    fields = (each for each in posted.get("params") or () if each.get("fileName") is None)
    return "&".join(f"{quote_plus(each['name'])}={quote_plus(each.get('value') or '')}" for each in fields).encode()
