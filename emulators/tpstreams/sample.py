"""A client of the provider: logs in, submits one job, and finds its segments where it wanted them."""

from __future__ import annotations

import json
from collections.abc import Generator
from fractions import Fraction
from typing import Any, Final

from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Headers, Request, Response

ORGANIZATION: Final = "demo00"
JOBS: Final = f"/api/v1/{ORGANIZATION}/transcoding_jobs/"
TARGET: Final = "s3://demo-out/tpstreams/"
RESOLUTIONS: Final = ("240p", "360p")


class Sample:
    def __init__(self) -> None:
        self._token = ""

    def create(self, source: str) -> Generator[Request, Response, str]:
        who = {"username": "dev@example.test", "password": "demo", "organization_id": ORGANIZATION}
        self._token = read((yield self._ask("POST", "/api/auth/login/", who)))["token"]
        wanted = {"input_url": source, "output_path": TARGET, "resolutions": RESOLUTIONS}
        job = read((yield self._ask("POST", JOBS, wanted)))
        return str(job["id"])

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        job = read((yield self._ask("GET", f"{JOBS}{job_id}/")))
        done = job["status"] == "Completed"
        return Sighting(
            word=job["status"],
            progress=Fraction(done),
            results=tuple(f"{TARGET}{name}_h264_hls/video_0.ts" for name in job["resolutions"]) if done else (),
            detail=job["error_message"] or "",
        )

    def _ask(self, method: str, path: str, document: Any = None) -> Request:
        lines = [("Content-Type", "application/json")] if document is not None else []
        if self._token:
            lines.append(("Authorization", f"Token {self._token}"))
        body = json.dumps(document).encode() if document is not None else b""
        return Request(method=method, path=path, headers=Headers(lines=tuple(lines)), body=body)


def read(response: Response) -> Any:
    """The answer's document. Raises ValueError with the provider's error."""
    if not 200 <= response.status < 300:
        raise ValueError(f"HTTP {response.status}: {response.body.decode(errors='replace')[:500]}")
    return json.loads(response.body)
