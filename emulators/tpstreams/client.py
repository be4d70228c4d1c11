"""A client of the provider: jobs in its own words, and what it says of them in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, Final
from urllib.parse import quote, urlencode

from mediaglot.emulators.tpstreams.document import INPUT
from mediaglot.emulators.tpstreams.facts import (
    LOGINS,
    MARKER,
    PAGES,
    own_words,
    playlist,
    time,
    told,
)
from mediaglot.emulators.tpstreams.place import FOLDER, read_place
from mediaglot.emulators.tpstreams.wire import JSON, Documents
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
    recognise,
    refused,
    unavailable,
)
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import (
    Conflict,
    Fault,
    Invalid,
    Malformed,
    Missing,
    NotFound,
    Refused,
    UnknownAction,
    Unsupported,
)
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import EMPTY, Job, Location, Secret, Skip, Status
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.trait import Knob
from mediaglot.gateway.values import PERCENT

WIRE: Final = Documents()
JOBS: Final = "transcoding_jobs/"
HOOKS: Final = "webhooks/"
CODED: Final = frozenset({"message", "non_field_errors"})
"""Keys of an error's text that say what kind it is of; any other key is a field."""


class Client(errand.Client):
    knobs: ClassVar[Mapping[str, Knob]] = {
        "storage": Knob(
            ("",), "where what has no S3 destination goes, such as s3://bucket/?access_key=...: in folders", free=True
        ),
    }
    example: ClassVar[Login] = Login(name="dev@example.test", secret=Secret("mediaglot-password"), tenant="demo00")
    shares_news = True

    # --- requests ---------------------------------------------------------------------------------

    def frame(self, body: bytes) -> Request:
        permit = Pass(credential=Credential("", Secret("0" * 64), token=True), tenant=self.example.tenant)
        return asked(permit, "POST", place(permit, JOBS), body)

    def _do(
        self, permit: Pass | None, method: str, path: str, tree: Tree | None = None, query: Mapping[str, str] = EMPTY
    ) -> Errand[Tree]:
        body = b"" if tree is None else WIRE.write(tree)
        response = yield replace(asked(permit, method, path, body), query=urlencode(query))
        return self._answered(response)

    def _answered(self, response: Response) -> Tree:
        """An answer's document. Raises Refused or Unavailable."""
        try:
            tree = WIRE.read_answer(response.body)
        except Malformed:
            tree = {}
        if not 200 <= response.status < 300:
            raise self._refusal(response, tree)
        if not tree or "page" in tree:
            raise unavailable(response, "unreadable")
        return tree

    def _refusal(self, response: Response, tree: Tree) -> Fault:
        """An organization that is not there is a page of HTML; what is wrong with fields is told by their names."""
        name, text = next(told(tree), ("detail", ""))
        if name == "page":
            known = self.speaker.faults[UnknownAction].text
            meant = NotFound(kind="organization") if known in text else None
            return refused(self.speaker, response, text=known if meant else "", meaning=meant)
        if name in ("detail", *CODED):
            return refused(self.speaker, response, code=name if name in CODED else "", text=text)
        missing = isinstance(recognise(self.speaker, response.status, "", text), Missing)
        meaning = Missing(field=name) if missing else Invalid(field=name, reason="refused")
        return refused(self.speaker, response, text=text, meaning=meaning)

    def lacking(self, login: Login) -> tuple[str, ...]:
        return super().lacking(login) if login.name else tuple({"secret"} & {*super().lacking(login)})

    def enter(self, login: Login) -> Errand[Pass]:
        """A login without a name is a token; without a tenant it opens the first organization that it leads to."""
        if not login.name:
            return (yield from self._with_token(login))
        who = {"username": login.name, "password": login.secret.reveal(), "organization_id": login.tenant}
        try:
            tree = yield from self._do(None, "POST", "/api/auth/login/", who)
        except Refused as fault:
            meant = next((cls for cls, complaint in LOGINS.items() if complaint.text == fault.data["text"]), None)
            raise Refused(meant() if meant else fault.meaning, **fault.data) from None
        if not isinstance(token := tree.get("token"), str):
            raise unavailable(Response(), "no token")
        return Pass(credential=Credential("", Secret(token), token=True), tenant=login.tenant)

    def _with_token(self, login: Login) -> Errand[Pass]:
        permit = Pass(credential=Credential("", login.secret, token=True), tenant=login.tenant)
        if permit.tenant:
            return permit
        found, _ = yield from self._page(permit, "/api/v1/organizations/", 1)
        if not found:
            raise Refused(NotFound(kind="organization"), status=200)
        return replace(permit, tenant=str(found[0].get("uuid")))

    # --- webhooks -----------------------------------------------------------------------------------

    def wrap(self, permit: Pass, job: Job, ledger: Ledger, *, hear: str = "") -> Errand[Mapping[str, str]]:
        """They are the organization's, and hear of all of its jobs: one for each URL is made once."""
        if not hear:
            return {}
        path, name = place(permit, HOOKS), ("webhook", hear)
        for number in range(1, PAGES + 1 if name not in self.known else 1):
            hooks, more = yield from self._page(permit, path, number)
            self.known.update({("webhook", str(each.get("url"))): str(each.get("id")) for each in hooks})
            if not more:
                break
        if name not in self.known:
            made = yield from self._do(permit, "POST", path, {"url": hear, "secret_token": content_name(hear)})
            self.known[name] = str(made.get("id"))
        return {hear: self.known[name]}

    # --- jobs ---------------------------------------------------------------------------------------

    def create(self, permit: Pass, job: Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Errand[Placed]:
        words = self.write_job(job, ledger, marker)
        yield from self.wrap(permit, job, ledger, hear=hear)
        tree = yield from self._do(permit, "POST", place(permit, JOBS), words)
        if not isinstance(job_id := tree.get("id"), str):
            raise unavailable(Response(), "no id")
        return Placed(id=job_id)

    def write_job(self, job: Job, ledger: Ledger, marker: str = "") -> Tree:
        """One source, and one output with the resolutions of all. Raises Unsupported for one with no place for it."""
        output = self._output(job, ledger.within("outputs"), marker)
        words: Tree = INPUT.write(job.inputs[0], ledger.within("inputs").within(0)) if job.inputs else {}
        if (source := str(words.get("input_url"))).startswith("s3:"):
            path, mark, query = source.partition("?")
            words = {"input_path": f"{path}/{mark}{query}"}
        words |= output | own_words(job)
        if marker:
            words["client_metadata"] = {**words.get("client_metadata", {}), MARKER: marker}
        return words

    def _output(self, job: Job, ledger: Ledger, marker: str) -> Tree:
        folder = FOLDER.write(self._place(job, marker))
        seen = [(number, output) for number, output in enumerate(job.outputs) if not isinstance(output.video, Skip)]
        written = [
            self.speaker.write_output(output, ledger.within(number))
            for number, output in seen or enumerate(job.outputs)
        ]
        resolutions = dict.fromkeys(word for tree in written for word in tree["resolutions"])
        return {"output_path": folder, "resolutions": list(resolutions)}

    def _place(self, job: Job, marker: str) -> Location:
        """The first S3 place, or a folder in the storage of our options that the marker or the content names."""
        places = [each for output in job.outputs for each in output.destinations]
        if own := next((each for each in places if each.url.lower().startswith("s3://")), None):
            return own
        if not self.options["storage"]:
            raise Unsupported(feature="outputs.0.destinations", reason="S3 or the option storage is needed")
        path, mark, query = self.options["storage"].partition("?")
        name = marker or content_name([repr(job.inputs), repr(job.outputs)])
        return read_place(f"{path.rstrip('/')}/{name}/{mark}{query}", folder=True)

    def look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        return self.glimpse((yield from self._job(permit, placed)))

    def _job(self, permit: Pass, placed: Placed, method: str = "GET") -> Errand[Tree]:
        try:
            return (yield from self._do(permit, method, f"{place(permit, JOBS)}{quote(placed.id, safe='')}/"))
        except Refused as fault:
            if isinstance(fault.meaning, NotFound) and not fault.meaning.data.get("kind"):
                raise Refused(NotFound(kind="job", id=placed.id), **fault.data) from None
            raise

    def find(self, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
        for number in range(1, PAGES + 1):
            trees, more = yield from self._page(permit, place(permit, JOBS), number, ordering="-created")
            found = tuple(each for each in map(self.glimpse, trees) if each.marker == marker or not marker)
            if found or not more:
                return found
        return ()

    def _page(self, permit: Pass, path: str, number: int, **query: str) -> Errand[tuple[list[Tree], bool]]:
        """What is on a page of a list, and whether there is another."""
        asked_for = query | ({"page": str(number)} if number > 1 else {})
        tree = yield from self._do(permit, "GET", path, query=asked_for)
        results = tree.get("results")
        if not isinstance(results, list):
            raise unavailable(Response(), "unreadable")
        return [each for each in results if isinstance(each, dict)], tree.get("next") is not None

    def cancel(self, permit: Pass, placed: Placed) -> Errand[None]:
        """What is complete already is told with a 200, too."""
        tree = yield from self._job(permit, placed, "DELETE")
        if tree.get("message") == self.speaker.faults[Conflict].text:
            raise Refused(Conflict(kind="job", id=placed.id, state=str(Status.FINISHED)), text=tree["message"])

    # --- what is said of a job ----------------------------------------------------------------------

    def glimpse(self, tree: Tree) -> Glimpse:
        """A job object. Labels of states are read in any case, as samples have both."""
        word = str(tree.get("status") or "")
        status, phase = self.speaker.heard(word.capitalize())
        metadata = tree.get("client_metadata")
        done = status is Status.FINISHED
        url = playlist(tree) if done else ""
        progress = PERCENT.read(100 if done else 0)
        trouble = blamed(self.speaker, str(tree.get("error_message") or "")) if status is Status.FAILED else None
        files = (Artifact(url=url),) if url else ()
        return Glimpse(
            id=str(tree.get("id") or ""),
            status=status,
            phase=phase,
            word=word,
            progress=progress,
            parts=(Part(status=status, phase=phase, progress=progress, files=files, trouble=trouble),),
            trouble=trouble,
            marker=str(metadata.get(MARKER) or "") if isinstance(metadata, dict) else "",
            started=time(tree.get("start_time")),
            finished=time(tree.get("end_time")),
        )

    def hear(self, request: Request) -> Glimpse:
        """A webhook: the job object, and nothing around it."""
        try:
            tree = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Malformed(format="JSON", reason="unreadable") from None
        if not isinstance(tree, dict) or not isinstance(tree.get("id"), str) or "status" not in tree:
            raise Malformed(format="JSON", reason="no job")
        return self.glimpse(tree)


def place(permit: Pass, rest: str) -> str:
    return f"/api/v1/{quote(permit.tenant, safe='')}/{rest}"


def asked(permit: Pass | None, method: str, path: str, body: bytes) -> Request:
    lines = [("Content-Type", JSON)] if body else []
    if permit is not None:
        lines.append(("Authorization", f"Token {permit.credential.secret.reveal()}"))
    return Request(method=method, path=path, headers=Headers(lines=tuple(lines)), body=body)
