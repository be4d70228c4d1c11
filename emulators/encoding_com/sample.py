"""A client of the provider: one job in XML, from AddMedia to the link of its result."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final
from urllib.parse import quote_plus

from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Request, Response, headers
from mediaglot.gateway.mapping import Tree, many
from mediaglot.gateway.values import PERCENT
from mediaglot.gateway.wire.xml import Xml

WIRE: Final = Xml(root="response", answer_root="query")
WHO: Final = {"userid": "100", "userkey": "demo"}
FORMAT: Final = {"output": "mp4", "size": "640x360", "bitrate": "800k", "audio_bitrate": "96k"}
LINKS: Final = ("s3_destination", "cf_destination")


class Sample:
    def create(self, source: str) -> Generator[Request, Response, str]:
        answer = read((yield ask("AddMedia", source=source, format=FORMAT)))
        return str(answer["mediaid"])

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        answer = read((yield ask("GetStatus", mediaid=job_id)))
        formats = many(answer.get("format"))
        return Sighting(
            word=answer["status"],
            progress=PERCENT.read(answer["progress"]),
            results=tuple(url for each in formats for key in LINKS for url in many(each.get(key))),
            detail=str(answer.get("description") or ""),
        )


def ask(action: str, **fields: Any) -> Request:
    document = WIRE.write({**WHO, "action": action, **fields})
    form = headers(content_type="application/x-www-form-urlencoded")
    return Request(method="POST", path="/", headers=form, body=f"xml={quote_plus(document)}".encode())


def read(response: Response) -> Tree:
    """The answer's document, its outer keys in lower case. Raises ValueError with the provider's error."""
    if response.status != 200:
        raise ValueError(f"HTTP {response.status}")
    answer = WIRE.read_text(response.body)
    if "errors" in answer:
        raise ValueError(", ".join(map(str, many(answer["errors"]["error"]))))
    return answer
