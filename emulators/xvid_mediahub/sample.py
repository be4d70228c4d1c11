"""A client of the provider: a token, a job with a system preset, and the links of what came out."""

from __future__ import annotations

import json
from collections.abc import Generator
from fractions import Fraction
from typing import Any

from mediaglot.emulators.xvid_mediahub.catalog import SMALL, code
from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Headers, Request, Response

CLIENT = b"grant_type=client_credential&client_id=66aabb000123456789abcd01&client_secret=AAECAwQFBgcICQoLDA0ODxAR"


class Sample:
    def __init__(self) -> None:
        self._token = ""

    def create(self, source: str) -> Generator[Request, Response, str]:
        self._token = read((yield Request(method="POST", path="/v1/oauth2/token/", body=CLIENT)))["access_token"]
        (pipeline, *_) = read((yield self._ask("/v1/pipelines/")))["pipelines"]
        output = {"preset": {"id": code("preset", SMALL)}, "output_name": "{input_name}"}
        job = {"pipeline": {"id": pipeline["id"]}, "input": {"input_name": source}, "outputs": [output]}
        body = json.dumps({"job": job}).encode()
        return str(read((yield self._ask("/v1/jobs/", method="POST", body=body)))["job"]["id"])

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        job = read((yield self._ask(f"/v1/jobs/{job_id}")))["job"]
        links = []
        for output in job["outputs"] if job["status"] == "SUCCESS" else ():
            found = yield self._ask("/v1/files/downloads/", query=f"file_id={output['file']['id']}")
            links.append(read(found)["download"]["url"])
        share, detail = Fraction(job["percentage_completed"], 100), job.get("error_msg") or ""
        return Sighting(word=job["status"], results=tuple(links), progress=share, detail=detail)

    def _ask(self, path: str, **more: Any) -> Request:
        return Request(path=path, headers=Headers(lines=(("Authorization", f"Bearer {self._token}"),)), **more)


def read(response: Response) -> Any:
    """Raises ValueError with the provider's error."""
    document = json.loads(response.body)
    if response.status >= 400:
        raise ValueError(f"HTTP {response.status}: {document['error']['error_message']}")
    return document
