"""A client of the provider: a token, a job with a system preset, and the links of what came out."""

from __future__ import annotations

import json
from collections.abc import Generator
from fractions import Fraction
from typing import Any, Final
from urllib.parse import urlencode

from mediaglot.emulators.xvid_mediahub.catalog import SMALL, code
from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Headers, Request, Response

CLIENT: Final = {
    "grant_type": "client_credential",
    "client_id": "66aabb000123456789abcd01",
    "client_secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v",
}


class Sample:
    def __init__(self) -> None:
        self._token = ""

    def create(self, source: str) -> Generator[Request, Response, str]:
        form = ("Content-Type", "application/x-www-form-urlencoded")
        body = urlencode(CLIENT).encode()
        answer = yield Request(method="POST", path="/v1/oauth2/token/", headers=Headers(lines=(form,)), body=body)
        self._token = read(answer)["access_token"]
        pipelines = read((yield self._get("/v1/pipelines/")))["pipelines"]
        output = {"preset": {"id": code("preset", SMALL)}, "output_name": "{input_name}"}
        job = {"pipeline": {"id": pipelines[0]["id"]}, "input": {"input_name": source}, "outputs": [output]}
        asked = self._get("/v1/jobs/", method="POST", body=json.dumps({"job": job}).encode())
        return str(read((yield asked))["job"]["id"])

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        job = read((yield self._get(f"/v1/jobs/{job_id}")))["job"]
        links = []
        for output in job["outputs"] if job["status"] == "SUCCESS" else ():
            found = yield self._get("/v1/files/downloads/", query=f"file_id={output['file']['id']}")
            links.append(read(found)["download"]["url"])
        progress = Fraction(job["percentage_completed"], 100)
        detail = job.get("error_msg") or ""
        return Sighting(word=job["status"], progress=progress, results=tuple(links), detail=detail)

    def _get(self, path: str, method: str = "GET", query: str = "", body: bytes = b"") -> Request:
        lines = (("Authorization", f"Bearer {self._token}"), ("Content-Type", "application/json"))
        return Request(method=method, path=path, query=query, headers=Headers(lines=lines), body=body)


def read(response: Response) -> Any:
    """Raises ValueError with the provider's error."""
    document = json.loads(response.body)
    if response.status >= 400:
        raise ValueError(f"HTTP {response.status}: {document['error']['error_message']}")
    return document
