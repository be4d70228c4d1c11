"""A client of the provider: jobs in its own words, and what it says of them in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from mediaglot.emulators.xvid_mediahub import facts
from mediaglot.emulators.xvid_mediahub.request import GRANTS
from mediaglot.emulators.xvid_mediahub.wire import WIRE
from mediaglot.gateway import errand
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.errand import (
    Artifact,
    Errand,
    Glimpse,
    Login,
    Part,
    Pass,
    Placed,
    content_name,
    encoded,
    held,
    needed,
    objects,
    refused,
    said,
    unavailable,
)
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import BadRequest, Conflict, Fault, Malformed, NotFound, Refused
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree, given
from mediaglot.gateway.model import EMPTY, Job, MediaFacts, Secret, Status
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.trait import Knob
from mediaglot.gateway.values import NATURAL, PERCENT, PLACE, lenient

OVER: Final = frozenset({Status.FINISHED, Status.FAILED, Status.CANCELLED})


class Client(errand.Client):
    knobs: ClassVar[Mapping[str, Knob]] = {"format": Knob(("json", "xml"), "what answers are asked for in")}
    example: ClassVar[Login] = Login(name="66aabb000123456789abcd01", secret=Secret("bWVkaWFnbG90LWV4YW1wbGUtc2VjcmV0"))
    shares_news = True

    # --- requests ---------------------------------------------------------------------------------

    def frame(self, body: bytes) -> Request:
        return Request(method="POST", path="/v1/jobs/", headers=lines(self.example.secret, body), body=body)

    def _do(
        self, permit: Pass, method: str, path: str, query: Mapping[str, str] = EMPTY, body: Tree | None = None
    ) -> Errand[Response]:
        asked = {**query, **({"format": "xml"} if self.options["format"] == "xml" else {})}
        content = b"" if body is None else WIRE.write(body)
        response = yield Request(
            method=method,
            path=f"/v1{path}",
            query=encoded(*asked.items()),
            headers=lines(permit.credential.secret, content),
            body=content,
        )
        return response

    def _ask(self, permit: Pass, method: str, path: str, query: Mapping[str, str] = EMPTY, **more: Any) -> Errand[Tree]:
        return self._answered((yield from self._do(permit, method, path, query, **more)))

    def _answered(self, response: Response, **about: str) -> Tree:
        """An answer's document; ``about`` is what is not found, if it is not. Raises Refused or Unavailable."""
        try:
            tree = WIRE.writes[self.options["format"]][0].read_answer(response.body)
        except Malformed:
            tree = {}
        if not 200 <= response.status < 300:
            code, words = (said(held(tree, "error"), f"error_{key}") for key in ("code", "message"))
            meaning = errand.recognise(self.speaker, response.status, facts.MEANINGS.get(code, code), words)
            meaning = NotFound(**about) if isinstance(meaning, NotFound) else meaning
            raise refused(self.speaker, response, code=code, text=words, meaning=meaning)
        if not tree:
            raise unavailable(response, "unreadable")
        return tree

    def enter(self, login: Login) -> Errand[Pass]:
        form = {"grant_type": GRANTS[0], "client_id": login.name, "client_secret": login.secret.reveal()}
        kind = Headers(lines=(("Content-Type", "application/x-www-form-urlencoded"),))
        query = "format=xml" if self.options["format"] == "xml" else ""
        path = "/v1/oauth2/token/"
        response = yield Request(method="POST", path=path, query=query, headers=kind, body=urlencode(form).encode())
        tree = self._answered(response)
        token = Secret(needed(tree, "access_token"))
        seconds = given(tree, "expires_in", lenient(NATURAL))
        return Pass(credential=Credential("", token, token=True), tenant=login.tenant, lifetime=seconds)

    # --- pipelines and presets --------------------------------------------------------------------

    def wrap(self, permit: Pass, job: Job, ledger: Ledger, *, hear: str = "") -> Errand[Mapping[str, str]]:
        return (yield from self._prepared(permit, facts.order(self.speaker, job, ledger, hear=hear)))

    def _prepared(self, permit: Pass, wanted: facts.Order) -> Errand[Mapping[str, str]]:
        """The ids of what the order needs, by kind and name: what is not known is looked up, what is not there made."""
        for kind in ("pipeline", "preset"):
            if any(need[0] == kind and need not in self.known for need in wanted.needs):
                yield from self._learn(permit, kind)
        # At once: while one waits for an answer, another errand may forget what is known.
        ids = {f"{need[0]} {need[1]}": self.known[need] for need in wanted.needs if need in self.known}
        for (kind, name), document in wanted.needs.items():
            if f"{kind} {name}" not in ids:
                tree = yield from self._ask(permit, "POST", f"/{kind}s/", body={kind: {"name": name, **document}})
                ids[f"{kind} {name}"] = self.known[kind, name] = needed(held(tree, kind), "id")
        return ids

    def _learn(self, permit: Pass, kind: str) -> Errand[None]:
        """What was made before has its name still; a pipeline without settings is as good as one of ours."""
        query = {"type": "custom"} if kind == "preset" else {}
        for page in range(facts.PAGES):
            window = {"start": str(page * facts.PAGE), "limit": str(facts.PAGE)}
            found = objects((yield from self._ask(permit, "GET", f"/{kind}s/", query | window)), f"{kind}s")
            for each in found:
                name = content_name({}) if kind == "pipeline" and facts.bare(each) else said(each, "name")
                if name.startswith("mediaglot-") and said(each, "id"):
                    self.known.setdefault((kind, name), said(each, "id"))
            if len(found) < facts.PAGE:
                return

    # --- jobs -------------------------------------------------------------------------------------

    def create(self, permit: Pass, job: Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Errand[Placed]:
        """What is known may be gone by now: a refusal is taken for one only after all has been looked up again."""
        wanted = facts.order(self.speaker, job, ledger, marker=marker, hear=hear)
        trusted = bool(self.known) and any(need in self.known for need in wanted.needs)
        ids = yield from self._prepared(permit, wanted)
        try:
            return (yield from self._submit(permit, wanted, ids))
        except Refused as fault:
            if not trusted or not isinstance(fault.meaning, BadRequest):
                raise
            for need in wanted.needs:
                self.known.pop(need, None)
            again = yield from self._prepared(permit, wanted)
            if again == ids:
                raise
        return (yield from self._submit(permit, wanted, again))

    def _submit(self, permit: Pass, wanted: facts.Order, ids: Mapping[str, str]) -> Errand[Placed]:
        presets = [{"id": ids[f"preset {each}"]} for each in wanted.presets]
        outputs = [{"preset": each, **wish} for each, wish in zip(presets, wanted.job["outputs"], strict=True)]
        pipeline = {"id": ids[f"pipeline {wanted.pipeline}"]}
        body = {"job": {"pipeline": pipeline, **wanted.job, "outputs": outputs}}
        tree = held((yield from self._ask(permit, "POST", "/jobs/", body=body)), "job")
        made = (said(held(each, "file"), "id") for each in objects(tree, "outputs"))
        return Placed(id=needed(tree, "id"), outputs=tuple(made))

    def _job(self, permit: Pass, placed: Placed, **query: str) -> Errand[Tree]:
        response = yield from self._do(permit, "GET", f"/jobs/{quote(placed.id, safe='')}", query)
        tree = held(self._answered(response, kind="job", id=placed.id), "job")
        needed(tree, "id")
        return tree

    def look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        """A finished job also with its files: where the pipeline put them, or else links for downloading them."""
        tree = yield from self._job(permit, placed, expand="file,pipeline")
        glimpse = self.glimpse(tree)
        if glimpse.status is not Status.FINISHED:
            return glimpse
        parts = []
        for part, output in zip(glimpse.parts, objects(tree, "outputs"), strict=True):
            files: list[Artifact] = []
            for file, row in facts.files_of(output):
                files += yield from self._artifacts(permit, tree, file, row=row)
            parts.append(replace(part, files=tuple(files)))
        return replace(glimpse, parts=tuple(parts))

    def overhear(self, response: Response, placed: Placed) -> Glimpse:
        return self.glimpse(held(self._answered(response, kind="job", id=placed.id), "job"))

    def _artifacts(self, permit: Pass, tree: Tree, file: Tree, *, row: bool) -> Errand[tuple[Artifact, ...]]:
        inside = objects(file, "elements") if row else [file]
        sizes = [given(each, "size", lenient(NATURAL)) for each in inside]
        if folder := said(held(tree, "pipeline"), "output_upload_dir"):
            prefix = PLACE.read(f"{folder.rstrip('/')}/{said(tree, 'output_prefix')}").url
            urls = [f"{prefix}{quote(said(each, 'name'))}" for each in inside if said(each, "name")]
        else:
            urls = yield from self._links(permit, said(file, "id"), row=row)
        known = sizes if len(sizes) == len(urls) else [None] * len(urls)
        return tuple(Artifact(url=url, size=size) for url, size in zip(urls, known, strict=True))

    def _links(self, permit: Pass, file: str, *, row: bool) -> Errand[list[str]]:
        """A row of pictures has many, and no single place to be sent to. A file that is gone has none."""
        if not file:
            return []
        query = {"file_id": file} | ({} if row else {"redirect": "true"})
        response = yield from self._do(permit, "GET", "/files/downloads/", query)
        if 300 <= response.status < 400:
            return [needed({"Location": response.headers.get("Location")}, "Location")]
        try:
            return [said(each, "url") for each in objects(self._answered(response), "downloads")]
        except Refused as fault:
            if isinstance(fault.meaning, NotFound) and fault.data["error"]:
                return []
            raise

    def find(self, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
        query = facts.NEWEST | ({"user_data": marker} if marker else {})
        tree = yield from self._ask(permit, "GET", "/jobs/", query)
        found = tuple(self.glimpse(each) for each in objects(tree, "jobs"))
        return tuple(each for each in found if not marker or each.marker == marker)

    def cancel(self, permit: Pass, placed: Placed) -> Errand[None]:
        """Of a job that has ended this would delete the files, so it is refused. What is cancelled is gone."""
        status = self.glimpse((yield from self._job(permit, placed))).status
        if status in OVER:
            raise Refused(Conflict(kind="job", id=placed.id, state=str(status)), status=200)
        response = yield from self._do(permit, "DELETE", f"/jobs/{quote(placed.id, safe='')}")
        self._answered(response, kind="job", id=placed.id)

    def probe(self, permit: Pass, placed: Placed) -> Errand[tuple[MediaFacts, ...]]:
        tree = yield from self._job(permit, placed, expand="file")
        try:
            return (facts.WHOLE.read(held(tree, "input", "file"), Ledger()),)
        except Fault:
            raise unavailable(Response(), "unreadable") from None

    # --- what is said of a job --------------------------------------------------------------------

    def glimpse(self, tree: Tree) -> Glimpse:
        """A job of an answer, a list or a ping."""
        word = said(tree, "status")
        status, phase = self.speaker.heard(word)
        trouble = errand.blamed(self.speaker, said(tree, "error_msg")) if status is Status.FAILED else None
        parts = (
            Part(id=said(held(each, "file"), "id"), status=status, phase=phase, progress=percent(each))
            for each in objects(tree, "outputs")
        )
        return Glimpse(
            id=said(tree, "id"),
            status=status,
            phase=phase,
            word=word,
            progress=percent(tree),
            parts=tuple(replace(part, trouble=trouble) for part in parts),
            trouble=trouble,
            marker=said(tree, "user_data"),
            **facts.TIMES.gather(tree, Ledger()),
        )

    def hear(self, request: Request) -> Glimpse:
        """A ping is what a look at the job would tell."""
        glimpse = self.glimpse(held(WIRE.read_answer(request.body), "job"))
        if not glimpse.id:
            raise Malformed(format="JSON", reason="no job")
        return glimpse


def lines(token: Secret, body: bytes) -> Headers:
    kind = (("Content-Type", "application/json"),) if body else ()
    return Headers(lines=(("Authorization", f"Bearer {token.reveal()}"), *kind))


def percent(tree: Tree) -> Any:
    """0 to 1; where nothing usable is said, 0."""
    nought = PERCENT.read(0)
    return min(given(tree, "percentage_completed", lenient(PERCENT), nought) or nought, PERCENT.read(100))
