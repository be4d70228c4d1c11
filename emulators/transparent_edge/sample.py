"""A client of the provider: a token, a profile, an order by it, and the order's detail until it ends."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, Final
from urllib.parse import urlencode

from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Request, Response, headers
from mediaglot.gateway.values import at_scale

MEDIA: Final = "/v1/media/42"
CLIENT: Final = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
PROFILE: Final = {"name": "demo 360", "video_format": "mp4", "video_codec": "libx264", "video_height": 360}
DESTINATION: Final = "ftp://ftp.example.com/demo"
PERCENT: Final = at_scale(100, 2)


class Sample:
    def __init__(self) -> None:
        self._token = ""

    def create(self, source: str) -> Generator[Request, Response, str]:
        self._token = read((yield self._ask("POST", "/v1/oauth2/access_token/", urlencode(CLIENT))))["access_token"]
        profile = read((yield self._ask("POST", f"{MEDIA}/transcoding_profiles/", json.dumps(PROFILE), "json")))
        job = {"label": "demo", "filename": "demo.mp4", "profile_id": profile["id"]}
        order = {"origin": source, "destinations": [DESTINATION], "jobs": [job]}
        form = urlencode({"order": json.dumps(order)})
        answer = read((yield self._ask("POST", f"{MEDIA}/transcode/", form)))
        return str(answer["message"].partition("#")[2].partition(" ")[0])

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        order = read((yield self._ask("GET", f"{MEDIA}/transcode/{job_id}")))
        jobs, places = order["transcodingjob_set"], order["transcodingupload_set"]
        return Sighting(
            word=order["status"],
            progress=PERCENT.read(jobs[0]["progress"]),
            results=tuple(f"{place['upload_url']}/{job['filename']}" for place in places for job in jobs),
            detail=order["comment"] if order["status"] == "ERROR" else "",
        )

    def _ask(self, method: str, path: str, body: str = "", kind: str = "x-www-form-urlencoded") -> Request:
        lines = headers(content_type=f"application/{kind}", authorization=f"Bearer {self._token}")
        return Request(method=method, path=path, headers=lines, body=body.encode())


def read(response: Response) -> Any:
    """The answer's document. Raises ValueError with what the provider says is wrong."""
    if response.status not in {200, 201}:
        raise ValueError(f"HTTP {response.status}: {response.body.decode('utf-8', 'replace')[:200]}")
    return json.loads(response.body)
