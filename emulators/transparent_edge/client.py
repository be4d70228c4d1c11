"""A client of the provider: jobs in its own words, and what it says of them in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from mediaglot.emulators.transparent_edge.facts import (
    FILE,
    ID,
    MARKER,
    NEEDED,
    NEWEST,
    STREAM,
    THUMBNAIL,
    addressed,
    distinct,
    filename,
    folder,
    marker_of,
    pictures_alone,
    place,
    rank,
    single,
    streamed,
    time,
    told,
)
from mediaglot.emulators.transparent_edge.profile import FIELDS
from mediaglot.emulators.transparent_edge.request import OAUTH
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
    blamed,
    content_name,
    refused,
    unavailable,
)
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Fault, Invalid, Malformed, NotFound, Refused, Unsupported
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree, many
from mediaglot.gateway.model import Job, Output, Secret, Skip, Status
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.trait import Knob
from mediaglot.gateway.values import LOCATION, at_scale
from mediaglot.gateway.wire.form import escaped
from mediaglot.gateway.wire.json import loads

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
PERCENT: Final = at_scale(100, 2)
DONE: Final = Fraction(1)


class Client(errand.Client):
    knobs: ClassVar[Mapping[str, Knob]] = {
        "storage": Knob(
            ("",), "the directory for what has no destination, such as ftp://user:word@host/out", free=True
        ),
    }
    example: ClassVar[Login] = Login(name="demo", secret=Secret("mediaglot-secret"), tenant="42")

    # --- requests ---------------------------------------------------------------------------------

    def frame(self, body: bytes) -> Request:
        """An order in JSON, or as its form field."""
        text = body.strip()
        permit = Pass(credential=Credential("", Secret("mediaglot-token"), token=True), tenant=self.example.tenant)
        content = text if text.startswith(b"order=") else form(text)
        return asked(permit, "POST", "transcode/", content, FORM)

    def _do(self, request: Request) -> Errand[Any]:
        return self._answered((yield request))

    def _answered(self, response: Response) -> Any:
        """An answer's document, maybe a list. Raises Refused or Unavailable."""
        try:
            tree = loads(response.body)
        except Malformed:
            tree = None
        if not 200 <= response.status < 300:
            raise self._refusal(response, tree if isinstance(tree, dict) else {})
        if not isinstance(tree, (dict, list)):
            raise unavailable(response, "unreadable")
        return tree

    def _refusal(self, response: Response, tree: Tree) -> Fault:
        """Errors have one key: ``error`` of the token endpoint, ``detail``, ``message``, or a profile's field."""
        key, said = next(iter(tree.items()), ("", ""))
        text = str(next(iter(many(said)), ""))
        if key == "error":
            said_by = {(each.status, each.text): cls for cls, each in OAUTH.items()}
            meant = said_by.get((response.status, text))
            return refused(self.speaker, response, code=text, text=text, meaning=meant() if meant else None)
        if key in ("", "detail", "message"):
            return refused(self.speaker, response, code=key, text=text)
        return refused(self.speaker, response, text=text, meaning=Invalid(field=f"profile.{key}", reason="refused"))

    def enter(self, login: Login) -> Errand[Pass]:
        who = {"grant_type": "client_credentials", "client_id": login.name, "client_secret": login.secret.reveal()}
        lines = Headers(lines=(("Content-Type", FORM),))
        path = "/v1/oauth2/access_token/"
        tree = yield from self._do(Request(method="POST", path=path, headers=lines, body=urlencode(who).encode()))
        token = tree.get("access_token") if isinstance(tree, dict) else None
        if not isinstance(token, str):
            raise unavailable(Response(), "no access_token")
        seconds = tree.get("expires_in")
        lifetime = seconds if isinstance(seconds, int) and seconds > 0 else None
        return Pass(credential=Credential("", Secret(token), token=True), tenant=login.tenant, lifetime=lifetime)

    # --- profiles -----------------------------------------------------------------------------------

    def wrap(self, permit: Pass, job: Job, ledger: Ledger, *, hear: str = "") -> Errand[Mapping[str, str]]:
        entries = self.write_jobs(addressed(job), ledger)
        return (yield from self._profiles(permit, [document for _, document in entries]))

    def _profiles(self, permit: Pass, documents: list[Tree]) -> Errand[Mapping[str, str]]:
        """Ids by name. They are looked up once, and made where they are not there."""
        wanted = {document["name"]: document for document in documents}
        if any(("profile", name) not in self.known for name in wanted):
            listed = yield from self._do(asked(permit, "GET", "transcoding_profiles/"))
            there = [each for each in many(listed) if isinstance(each, dict) and str(each.get("id")).isdecimal()]
            self.known.update({("profile", str(each.get("name"))): str(each["id"]) for each in there})
        # At once: while one waits for an answer, another errand may forget what is known.
        ids = {name: self.known["profile", name] for name in wanted if ("profile", name) in self.known}
        for name, document in wanted.items():
            if name not in ids:
                body = json.dumps(document).encode()
                made = yield from self._do(asked(permit, "POST", "transcoding_profiles/", body, JSON))
                if not isinstance(made, dict) or type(made.get("id")) is not int:
                    raise unavailable(Response(), "no id")
                ids[name] = self.known["profile", name] = str(made["id"])
        return ids

    # --- orders -------------------------------------------------------------------------------------

    def create(self, permit: Pass, job: Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Errand[Placed]:
        """What is refused is sent again if a profile that was known is not there any more."""
        job = addressed(job)
        order, entries = self.write_order(job), self.write_jobs(job, ledger)
        if marker and entries:
            entries[0][0]["label"] += f" {MARKER}{marker}"
        if hear:
            order["notifications"] = [*order.get("notifications", []), {"call": hear}]
        documents = [document for _, document in entries]
        known = [("profile", document["name"]) for document in documents]
        maybe_gone = bool(known) and all(name in self.known for name in known)
        ids = yield from self._profiles(permit, documents)
        try:
            return (yield from self._submit(permit, order, entries, ids))
        except Refused:
            if not maybe_gone:
                raise
            for name in known:
                self.known.pop(name, None)
            if (again := (yield from self._profiles(permit, documents))) == ids:
                raise
            return (yield from self._submit(permit, order, entries, again))

    def _submit(
        self, permit: Pass, order: Tree, entries: list[tuple[Tree, Tree]], ids: Mapping[str, str]
    ) -> Errand[Placed]:
        jobs = [{**entry, "profile_id": int(ids[document["name"]])} for entry, document in entries]
        body = form(json.dumps({**order, "jobs": jobs}, ensure_ascii=False).encode())
        tree = yield from self._do(asked(permit, "POST", "transcode/", body, FORM))
        found = ID.search(str(tree.get("message") or "")) if isinstance(tree, dict) else None
        if not found:
            raise unavailable(Response(), "no id")
        return Placed(id=found[1])

    def write_order(self, job: Job) -> Tree:
        """All but the jobs. Raises Unsupported for outputs without a destination, or with different ones."""
        places: list[Any] = []
        for number, output in enumerate(job.outputs):
            own = [LOCATION.write(folder(each, output)) for each in output.destinations]
            places = places or own
            if own and own != places:
                raise Unsupported(feature=f"outputs.{number}.destinations", reason="not where the files before it go")
        if not places and not self.options["storage"]:
            raise Unsupported(feature="outputs.0.destinations", reason="one or the option storage is needed")
        priority, notifications = rank(job.priority), told(job)
        alone = (self.speaker.write_output(each, Ledger()) for each in job.outputs if pictures_alone(each))
        pictures = [still for flat in alone for still in thumbnails(flat)]
        return {
            **({"priority": priority} if priority is not None else {}),
            **({"origin": LOCATION.write(job.inputs[0].location)} if job.inputs else {}),
            **({"notifications": notifications} if notifications else {}),
            "destinations": places or [self.options["storage"]],
            **({"thumbnails": pictures} if pictures else {}),
        }

    def write_jobs(self, job: Job, ledger: Ledger) -> list[tuple[Tree, Tree]]:
        """An order's jobs, and the profile that each needs. Raises Unsupported for what has no picture at all."""
        made = [(number, each) for number, each in enumerate(job.outputs) if not pictures_alone(each)]
        names = distinct(filename(output, number) for number, output in made)
        return [
            self._job(output, name, ledger.within("outputs").within(number))
            for (number, output), name in zip(made, names, strict=True)
        ]

    def _job(self, output: Output, name: str, ledger: Ledger) -> tuple[Tree, Tree]:
        if isinstance(output.video, Skip):
            raise Unsupported(feature="video", value="none", reason="a profile always makes a picture")
        flat = self.speaker.write_output(replace(single(output), name=name), ledger)
        document = {key: value for key, value in flat.items() if key in FIELDS or key == "custom_profiles"}
        hls = streamed(output)
        document = {**NEEDED, **({"video_format": "mpegts"} if hls else {}), **document}
        document["name"] = content_name(document, STREAM if hls else FILE)
        entry = {"label": output.label or name, "filename": name}
        return entry | ({"thumbnails": pictures} if (pictures := thumbnails(flat)) else {}), document

    def look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        return self.glimpse(
            (yield from self._order(permit, "GET", f"transcode/{quote(placed.id, safe='')}/", placed.id))
        )

    def _order(self, permit: Pass, method: str, path: str, order_id: str) -> Errand[Tree]:
        try:
            tree = yield from self._do(asked(permit, method, path))
        except Refused as fault:
            if isinstance(fault.meaning, NotFound):
                raise Refused(NotFound(kind="job", id=order_id), **fault.data) from None
            raise
        if not isinstance(tree, dict):
            raise unavailable(Response(), "unreadable")
        return tree

    def find(self, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
        """Lists tell three things of each order: for a marker each of the newest is looked at, ours once."""
        rows = yield from self._do(replace(asked(permit, "GET", "transcode/"), query=f"limit={NEWEST}"))
        if not isinstance(rows, list):
            raise unavailable(Response(), "unreadable")
        glimpses = tuple(self.glimpse(row) for row in rows[:NEWEST] if isinstance(row, dict))
        for each in glimpses if marker else ():
            if self.known.get(("order", each.id), marker) == marker:
                seen = yield from self.look(permit, Placed(id=each.id))
                self.known.update({("order", each.id): seen.marker} if seen.marker else {})
                if seen.marker == marker:
                    return (seen,)
        return () if marker else glimpses

    def retry(self, permit: Pass, placed: Placed) -> Errand[None]:
        yield from self._order(permit, "POST", f"transcode_requeue/{quote(placed.id, safe='')}/", placed.id)

    # --- what is said of an order -------------------------------------------------------------------

    def glimpse(self, tree: Tree) -> Glimpse:
        """An order's detail, or its row of a list."""
        word, order_id = str(tree.get("status") or ""), str(tree.get("order_id", tree.get("id")) or "")
        status, phase = self.speaker.heard(word)
        jobs = [each for each in many(tree.get("transcodingjob_set")) if isinstance(each, dict)]
        uploads = [each for each in many(tree.get("transcodingupload_set")) if isinstance(each, dict)]
        parts = tuple(self._part(each, uploads, status) for each in jobs)
        comment = str(tree.get("comment") or "").removeprefix(f"Order {order_id} failed: ")
        mean = sum((each.progress for each in parts), Fraction(0)) / max(len(parts), 1)
        return Glimpse(
            id=order_id,
            status=status,
            phase=phase,
            word=word,
            progress=DONE if status is Status.FINISHED else mean,
            parts=tuple(replace(each, phase=phase) for each in parts),
            trouble=blamed(self.speaker, comment) if status is Status.FAILED else None,
            marker=marker_of(jobs),
            created=time(tree.get("timestamp", tree.get("created_on"))),
        )

    def _part(self, job: Tree, uploads: list[Tree], status: Status) -> Part:
        said = job.get("progress")
        progress = Fraction(said) / 100 if isinstance(said, (int, float)) and 0 <= said <= 100 else Fraction(0)
        progress = DONE if status is Status.FINISHED else progress
        files = tuple(Artifact(url=place(each, job)) for each in uploads) if status is Status.FINISHED else ()
        return Part(status=status, progress=progress, files=files)

    def hear(self, request: Request) -> Glimpse:
        """A callback: the order's detail. Raises Malformed for what is none."""
        tree = loads(request.body)
        if not isinstance(tree, dict) or not isinstance(tree.get("order_id"), str) or "status" not in tree:
            raise Malformed(format="JSON", reason="no order")
        return self.glimpse(tree)


def thumbnails(flat: Tree) -> list[Tree]:
    """Those of which everything can be said that must be."""
    return [{"label": each["filename"], **each} for each in many(flat.get("thumbnails")) if each.keys() >= THUMBNAIL]


def form(document: bytes) -> bytes:
    return f"order={escaped(document)}".encode()


def asked(permit: Pass, method: str, path: str, body: bytes = b"", kind: str = "") -> Request:
    lines = [("Authorization", f"Bearer {permit.credential.secret.reveal()}")]
    if body:
        lines.append(("Content-Type", kind))
    place = f"/v1/media/{quote(permit.tenant, safe='')}/{path}"
    return Request(method=method, path=place, headers=Headers(lines=tuple(lines)), body=body)
