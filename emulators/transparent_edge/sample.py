"""A client of the provider: a token, a profile, an order by it, and the order's detail until it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any, Final
from urllib.parse import urlencode

from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Request, Response, headers
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.values import at_scale

MEDIA: Final = "/v1/media/42"
CLIENT: Final = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
PROFILE: Final = {
    "name": "demo 360",
    "video_format": "mp4",
    "video_codec": "libx264",
    "video_width": 640,
    "video_height": 360,
    "video_bitrate": 800,
    "audio_bitrate": 96,
    "restrict_bitrate": True,
}
DESTINATION: Final = "ftp://ftp.example.com/demo"
PERCENT: Final = at_scale(100, 2)


class Sample:
    def __init__(self) -> None:
        self._token = ""

    def create(self, source: str) -> Generator[Request, Response, str]:
        self._token = read((yield self._form("/v1/oauth2/access_token/", **CLIENT)))["access_token"]
        profile = read((yield self._ask("POST", "/transcoding_profiles/", json.dumps(PROFILE))))
        job = {"label": "demo", "filename": "demo.mp4", "profile_id": profile["id"]}
        order = {"origin": source, "destinations": [DESTINATION], "jobs": [job]}
        answer = read((yield self._form(f"{MEDIA}/transcode/", order=json.dumps(order))))
        found = re.search(r"#(\S+)", answer["message"])
        if found is None:
            raise ValueError(f"no order id in {answer['message']!r}")
        return found[1]

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        order = read((yield self._ask("GET", f"/transcode/{job_id}")))
        jobs, places = order["transcodingjob_set"], order["transcodingupload_set"]
        return Sighting(
            word=order["status"],
            progress=min(PERCENT.read(job["progress"]) for job in jobs),
            results=tuple(f"{place['upload_url']}/{job['filename']}" for place in places for job in jobs),
            detail=order["comment"] if order["status"] == "ERROR" else "",
        )

    def _form(self, path: str, **fields: str) -> Request:
        kind = headers(content_type="application/x-www-form-urlencoded", authorization=f"Bearer {self._token}")
        return Request(method="POST", path=path, headers=kind, body=urlencode(fields).encode())

    def _ask(self, method: str, path: str, body: str = "") -> Request:
        kind = headers(content_type="application/json", authorization=f"Bearer {self._token}")
        return Request(method=method, path=MEDIA + path, headers=kind, body=body.encode())


def read(response: Response) -> Any:
    """The answer's document. Raises ValueError with what the provider says is wrong."""
    tree: Tree = json.loads(response.body)
    if response.status not in {200, 201}:
        raise ValueError(f"HTTP {response.status}: {next(iter(tree.values()), '')}")
    return tree
