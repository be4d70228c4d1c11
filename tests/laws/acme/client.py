"""A client of the provider that there isn't: what a newcomer adds to have jobs translated for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from mediaglot.gateway import errand
from mediaglot.gateway.errand import Artifact, Errand, Glimpse, Login, Part, Pass, Placed, blamed, by_login
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Job, Secret, Status
from mediaglot.gateway.values import LOCATION


class Client(errand.Client):
    example: ClassVar[Login] = Login(name="ann", secret=Secret("acme-key"))

    def frame(self, body: bytes) -> Request:
        return self._request("make", by_login(self.example), json.loads(body))

    def create(self, permit: Pass, job: Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Errand[Placed]:
        """One source and one output, the first ones."""
        made = self.speaker.write_output(job.outputs[0], ledger.within("outputs").within(0)) if job.outputs else {}
        source = LOCATION.write(job.inputs[0].location) if job.inputs else ""
        told = yield from self._do(permit, "make", source=source, make=made, note=marker or job.label or "")
        return Placed(id=told["job"])

    def look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        return self.glimpse((yield from self._do(permit, "look", job=placed.id)))

    def find(self, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
        told = yield from self._do(permit, "list", size=50)
        found = tuple(map(self.glimpse, told["jobs"]))
        return tuple(each for each in found if not marker or each.marker == marker)

    def cancel(self, permit: Pass, placed: Placed) -> Errand[None]:
        yield from self._do(permit, "stop", job=placed.id)

    def glimpse(self, tree: Tree) -> Glimpse:
        status, phase = self.speaker.heard(tree["state"])
        part = Part(status=status, phase=phase, files=tuple(Artifact(url=url) for url in tree["files"]))
        trouble = blamed(self.speaker, tree["trouble"]) if status is Status.FAILED else None
        marker = tree.get("note", "")
        return Glimpse(id=tree["job"], status=status, phase=phase, parts=(part,), trouble=trouble, marker=marker)

    def _do(self, permit: Pass, path: str, **fields: Any) -> Errand[Any]:
        return self._answered((yield self._request(path, permit, fields)))

    def _request(self, path: str, permit: Pass, fields: Mapping[str, Any]) -> Request:
        body = json.dumps(self.speaker.auth.sign(dict(fields), permit.credential)).encode()
        return Request(method="POST", path=f"/{path}", body=body)

    def _answered(self, response: Response) -> Any:
        try:
            tree = json.loads(response.body)
        except ValueError:
            raise errand.unavailable(response, "unreadable") from None
        if response.status != 200:
            raise errand.refused(self.speaker, response, text=str(tree.get("error")))
        return tree
