"""A client of the provider: jobs in its own words, and what it says of them in ours."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, ClassVar, Final

from mediaglot.emulators.encoding_com.facts import (
    ANSWERS,
    FORM,
    LINKS,
    MARKER,
    NEWS,
    PAGE,
    PAGES,
    QUERIES,
    TIMES,
    WRONG,
    media_facts,
)
from mediaglot.emulators.encoding_com.request import EVENTS
from mediaglot.gateway import errand
from mediaglot.gateway.errand import (
    Artifact,
    Errand,
    Glimpse,
    Login,
    Part,
    Pass,
    Placed,
    blamed,
    by_login,
    objects,
    refused,
    unavailable,
)
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import Fault, Malformed, NotFound, Refused
from mediaglot.gateway.likeness import bounded
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree, given, many, one
from mediaglot.gateway.model import SKIP, Input, Job, Location, MediaFacts, Output, Secret, Status, Trouble
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.trait import Knob
from mediaglot.gateway.values import LOCATION, NATURAL, PERCENT, decimal, lenient
from mediaglot.gateway.wire.form import escaped, pairs

WAITING: Final = frozenset({Status.QUEUED, Status.HELD})
"""The service says 100 % of what has not begun yet."""


class Client(errand.Client):
    knobs: ClassVar[Mapping[str, Knob]] = {
        "format": Knob(("xml", "json"), "what requests are written in"),
        "region": Knob(("",), "where the provider shall do the work, such as us-east-1", free=True),
    }
    example: ClassVar[Login] = Login(name="100", secret=Secret("mediaglot-userkey"))

    # --- requests ---------------------------------------------------------------------------------

    def frame(self, body: bytes) -> Request:
        """A query in XML or JSON; or a form as clients send it, which is left as it is."""
        text = body.strip()
        kind = {b"<": "xml", b"{": "json"}.get(text[:1])
        if kind is None:
            return Request(method="POST", path="/", headers=FORM, body=text)
        return self._asked(kind, by_login(self.example), {"action": "AddMedia", **ANSWERS[kind].read_text(text)})

    def _asked(self, kind: str, permit: Pass, query: Tree) -> Request:
        document = QUERIES[kind].write(self.speaker.auth.sign(query, permit.credential))
        return Request(method="POST", path="/", headers=FORM, body=f"{kind}={escaped(document)}".encode())

    def _do(self, permit: Pass, action: str, **fields: Any) -> Errand[Tree]:
        kind = self.options["format"]
        response = yield self._asked(kind, permit, {"action": action, **fields})
        return self._answered(kind, response)

    def _answered(self, kind: str, response: Response) -> Tree:
        """An answer's document, its outer keys in lower case. Raises Refused or Unavailable."""
        if not 200 <= response.status < 300:
            raise refused(self.speaker, response)
        try:
            tree = {key.lower(): value for key, value in ANSWERS[kind].read_answer(response.body).items()}
        except Malformed:
            raise unavailable(response, "unreadable") from None
        errors = one(tree.get("errors"))
        if errors:
            texts = many(errors.get("error")) if isinstance(errors, dict) else many(errors)
            raise refused(self.speaker, response, text=", ".join(map(str, texts)))
        return tree

    # --- jobs -------------------------------------------------------------------------------------

    def create(self, permit: Pass, job: Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Errand[Placed]:
        words = self.write_job(job, ledger, marker)
        if hear:
            words |= {"notify": [hear, *words.get("notify", [])], "notify_format": self.options["format"]}
        answer = yield from self._do(permit, "AddMediaBenchmark" if job.hold else "AddMedia", **words)
        if not (media := one(answer.get("mediaid"))):
            raise unavailable(Response(), "no MediaID")
        return Placed(id=str(media))

    def write_job(self, job: Job, ledger: Ledger, marker: str = "") -> Tree:
        """The query that asks for ``job``, but for its action."""
        job = bounded(job)
        within = ledger.within("outputs")
        formats = [self._format(output, within.within(number)) for number, output in enumerate(job.outputs)]
        return {
            "source": [write_source(each) for each in job.inputs],
            **({"region": self.options["region"]} if self.options["region"] else {}),
            **({"priority": str(job.priority)} if job.priority is not None else {}),
            **({"meta": dict(job.tags)} if job.tags else {}),
            **write_notifications(job),
            "format": [each | ({MARKER: marker} if marker else {}) for each in formats],
        }

    def _format(self, output: Output, ledger: Ledger) -> Tree:
        """A file that nobody gave a container is an MP4, or an MP3 where it has no picture."""
        pictures = bool(output.stills) and output.video is SKIP
        if output.container is None and output.package is None and not pictures and output.preset is None:
            output = replace(output, container="mp3" if output.video is SKIP else "mp4")
        return self.speaker.write_output(output, ledger)

    def look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        """In extended mode, which alone tells of each format's progress."""
        answer = yield from self._do(permit, "GetStatus", mediaid=placed.id, extended="yes")
        job = one(answer.get("job", answer if "status" in answer else None))
        if not isinstance(job, dict) or str(one(job.get("deleted"))) == "yes":
            raise Refused(NotFound(kind="job", id=placed.id), status=200)
        return self.glimpse(job)

    def find(self, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
        for page in range(1, PAGES + 1 if marker else 2):
            answer = yield from self._do(
                permit,
                "GetMediaList",
                version="3",
                per_page=str(PAGE),
                page=str(page),
                sort="media_id",
                order="desc",
                format_params=MARKER,
            )
            entries = [self.glimpse(entry) for entry in objects(answer, "media")]
            found = tuple(each for each in entries if each.marker == marker or not marker)
            if found or len(entries) < PAGE:
                return found
        return ()

    def start(self, permit: Pass, placed: Placed) -> Errand[None]:
        yield from self._do(permit, "ProcessMedia", mediaid=placed.id)

    def cancel(self, permit: Pass, placed: Placed) -> Errand[None]:
        """It is stopped, not cancelled: what is cancelled is gone."""
        yield from self._do(permit, "StopMedia", mediaid=placed.id)

    def retry(self, permit: Pass, placed: Placed) -> Errand[None]:
        yield from self._do(permit, "RestartMedia", mediaid=placed.id)

    def probe(self, permit: Pass, placed: Placed) -> Errand[tuple[MediaFacts, ...]]:
        answer = yield from self._do(permit, "GetMediaInfo", mediaid=placed.id)
        try:
            return tuple(media_facts(each, Ledger()) for each in many(answer.get("source")) or [answer])
        except Fault:
            raise unavailable(Response(), "unreadable") from None

    # --- what is said of a job --------------------------------------------------------------------

    def glimpse(self, tree: Tree) -> Glimpse:
        """A media of GetStatus, of a list or of a notification."""
        word = str(one(tree.get("status")) or "")
        status, phase = self.speaker.heard(word)
        formats = [each for each in many(tree.get("format")) if isinstance(each, dict)]
        times = TIMES.gather(tree, Ledger())
        return Glimpse(
            id=str(one(tree.get("id", tree.get("mediaid"))) or ""),
            status=status,
            phase=phase,
            word=word,
            progress=PERCENT.read(0) if status in WAITING else percent(tree),
            parts=tuple(self.part(each) for each in formats),
            trouble=self._trouble(tree) if status is Status.FAILED else None,
            marker=next((str(one(each[MARKER])) for each in formats if each.get(MARKER)), ""),
            **times,
        )

    def part(self, tree: Tree) -> Part:
        status, phase = self.speaker.heard(str(one(tree.get("status")) or ""))
        places = [str(each) for each in many(tree.get("destination"))]
        words = [str(each) for each in many(tree.get("destination_status"))]
        wrong = next((word[len(WRONG) : -1] for word in words if word.startswith(WRONG)), "")
        saved = [place for place, word in zip_longest(places, words) if place and word == "Saved"]
        urls = master_first([*saved, *(str(url) for key in LINKS for url in many(tree.get(key)))])
        size = given({"size": one(tree.get("convertedsize"))}, "size", lenient(NATURAL)) if len(urls) == 1 else None
        trouble = blamed(self.speaker, wrong) if wrong else None
        return Part(
            id=str(one(tree.get("id", tree.get("taskid"))) or ""),
            status=status,
            phase=phase,
            progress=PERCENT.read(0) if status in WAITING else percent(tree),
            files=tuple(Artifact(url=url, size=size) for url in urls),
            trouble=self._trouble(tree) if status is Status.FAILED else trouble,
        )

    def _trouble(self, tree: Tree) -> Trouble:
        return blamed(self.speaker, str(one(tree.get("description")) or ""))

    def hear(self, request: Request) -> Glimpse:
        """News of a whole media; of an upload only whose it was, which is a reason to look."""
        kind, text = next(((name, text) for name, text in pairs(request.body) if name in NEWS), ("", b""))
        if not kind:
            text = request.body.strip()
            kind = "json" if text.startswith(b"{") else "xml"
        tree = NEWS[kind].read_answer(text)
        upload = one(tree.get("taskid")) is not None
        glimpse = self.glimpse({"mediaid": tree.get("mediaid")} if upload else tree)
        if not glimpse.id:
            raise Malformed(format=kind, reason="no mediaid")
        return glimpse


def master_first(urls: list[str]) -> list[str]:
    """Of HLS the variants are told in their order, then the master (4.7)."""
    listed = bool(urls) and urls[-1].partition("?")[0].lower().endswith(".m3u8")
    return [*urls[-1:], *urls[:-1]] if listed else urls


def percent(tree: Tree) -> Any:
    """0 to 1; where nothing usable is said, 0."""
    return min(given(tree, "progress", lenient(PERCENT), PERCENT.read(0)) or PERCENT.read(0), PERCENT.read(100))


def write_source(source: Input) -> str:
    """Section 7: a segment is said by switches at the URL's end, and has both ends or none."""
    url, clip = str(LOCATION.write(source.location)), source.clip
    if clip is None or clip.start is None or clip.end is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}start={decimal(clip.start)}&end={decimal(clip.end)}"


def write_notifications(job: Job) -> Tree:
    """Each target under every key whose events it wants some of."""
    told: dict[str, list[str]] = {}
    for key, events in EVENTS.items():
        for each in job.notifications:
            if each.events & events:
                told.setdefault(key, []).append(address(each.target))
    return dict(told)


def address(target: Location) -> str:
    return str(LOCATION.write(target))
