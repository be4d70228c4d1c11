"""Scenes on what an account keeps at a provider, presets and the like: made, looked at, listed, changed, taken away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample, wanted_id
from mediaglot.gateway.contract.echo import Said, problems, said
from mediaglot.gateway.contract.example import Path, leaves, value_at
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.furnished import Room, furnish, moved_in
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.contract.scene import short_format
from mediaglot.gateway.contract.stage import GOOD, Line, Stage, Steps, Told, errand
from mediaglot.gateway.exchange import (
    DeletePreset,
    DeleteThing,
    GetPreset,
    GetThing,
    ListPresets,
    ListThings,
    PutPresets,
    PutThing,
    Request,
    RevokeToken,
)
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.translation import client_of

PRESET = "preset"
ORDER = (GetThing, GetPreset, ListThings, ListPresets, PutThing, DeleteThing, DeletePreset)


def things(stage: Stage) -> Steps[None]:
    makers = [each for each in stage.firsts(makes_one) if not each.wrong]
    for maker in makers:
        name = f"{maker.operation} {short_format(maker.format)}"
        if not stage.terms.write:
            stage.skip("kept", name, "--write lets things be made, and takes them away again")
            continue
        with stage.line("kept", name) as line:
            is_upload = kind_of(maker.reading.intent) == stage.dialect.uploads
            room = (yield from furnished(stage, line)) if is_upload else None
            if room is None:
                yield from Keeper(stage, line, maker, stage.paper()).play()
            else:
                yield from Keeper(stage, line, moved_in(room, maker), room.paper).play()


def furnished(stage: Stage, line: Line) -> Steps[Room | None]:
    """An upload goes to something that the account has to have, as the source of a job does."""
    try:
        return (yield from furnish(stage, line))
    except Fault as fault:
        message = f"expected an answer that a client can use, found {fault}"
        line.findings.append(Finding(rule="outcome", operation="", place="response.body", message=message))
    return None


def makes_one(sample: Sample) -> bool:
    intent = sample.reading.intent
    return isinstance(intent, PutPresets) or (isinstance(intent, PutThing) and intent.id is None)


def kind_of(intent: Any) -> str:
    return str(getattr(intent, "kind", "")) or PRESET


@dataclass(slots=True)
class Keeper:
    """Takes one thing through all that can be done to it; the same goes on on paper, to know what has to come of it."""

    stage: Stage
    line: Line
    maker: Sample
    paper: Rehearsal
    known: Said = field(default_factory=frozenset)
    """What was said of it."""

    def play(self) -> Steps[None]:
        paper, made = self.paper, self.stage.ready(self._named())
        if made is None:
            return
        mirror = self._on_paper(paper, made)
        self.known = said(self.stage.dialect, [made])
        told = yield from self.stage.ask(self.line, made, GOOD if mirror else None)
        thing_id = self._id(told, mirror)
        if not thing_id:
            return
        uses = self._uses()
        looks = [each for each in uses if isinstance(each.reading.intent, (GetThing, GetPreset))]
        for sample in uses:
            yield from self._use(paper, sample, thing_id, mirror[0])
            for look in looks if isinstance(sample.reading.intent, PutThing) else ():
                yield from self._use(paper, look, thing_id, mirror[0])

    def _named(self) -> Request:
        """A preset is called by its name: one that nobody has."""
        intent = self.maker.reading.intent
        if isinstance(intent, PutPresets) and wanted_id(intent):
            own = f"mediaglot-contract-{self.stage.terms.seed}-{self.stage.chance.randrange(10**6)}"
            return asking.with_id(self.stage.dialect, self.maker, own) or self.maker.request
        return self.maker.request

    def _on_paper(self, paper: Rehearsal, made: Request) -> tuple[str, Path]:
        """The id that the paper gives, and where the answer has it; for presets the name is all."""
        known = set(paper.things), set(paper.presets)
        answer = paper.answer(made)
        if paper.fault is not None:
            return "", ()
        fresh = [name for kind, name in paper.things if (kind, name) not in known[0]]
        fresh += [name for name in paper.presets if name not in known[1]]
        if not fresh:
            return "", ()
        tree = self.maker.reading.call.wire.read_answer(answer.body)
        return fresh[0], next((path for path, value in leaves(tree) if str(value) == fresh[0]), ())

    def _id(self, told: Told | None, mirror: tuple[str, Path]) -> str:
        name, path = mirror
        if told is None or not told.good or not name:
            return ""
        if isinstance(self.maker.reading.intent, PutPresets):
            return name
        found = value_at(told.judgement.tree, path)
        if found is None:
            message = f"expected the new id at {'.'.join(path)}, it is not there"
            self._wrong("id", self.maker, message)
        return "" if found is None else str(found)

    def _uses(self) -> list[Sample]:
        aliases = getattr(self.maker.reading.intent, "aliases", ())
        kinds = {kind_of(self.maker.reading.intent), *(kind for kind, name in aliases if not name)}
        known = self.stage.firsts(
            lambda each: (
                isinstance(each.reading.intent, ORDER)
                and kind_of(each.reading.intent) in kinds
                and not makes_one(each)
                and each.format == self.maker.format
            )
        )
        return sorted(
            known, key=lambda each: next(at for at, cls in enumerate(ORDER) if isinstance(each.reading.intent, cls))
        )

    def _use(self, paper: Rehearsal, sample: Sample, thing_id: str, mirror: str) -> Steps[None]:
        is_list = isinstance(sample.reading.intent, (ListThings, ListPresets))
        own, other = (
            sample.request if is_list else asking.with_id(self.stage.dialect, sample, each)
            for each in (thing_id, mirror)
        )
        ready, shadow = (self.stage.ready(each) if each is not None else None for each in (own, other))
        if ready is None or shadow is None:
            return
        self.known |= said(self.stage.dialect, [ready])
        drawn = paper.answer(shadow)
        refused = judge(self.stage.dialect, shadow, drawn).is_error
        told = yield from self.stage.ask(self.line, ready, None if refused else GOOD)
        if told is not None and told.good and drawn.body and not (refused or is_list):
            found = problems(self.known, sample.reading.call.wire.read_answer(drawn.body), told.judgement.tree)
            self.line.findings += [self.stage.finding(self.line, sample.operation, *each) for each in found]
        shown = (
            is_list
            and told is not None
            and told.good
            and mirror in _texts(sample.reading.call.wire.read_answer(drawn.body))
        )
        if shown and told is not None and thing_id not in _texts(told.judgement.tree):
            self._wrong("list", sample, f"expected {thing_id} in the list, it is not there")
        if isinstance(sample.reading.intent, (DeleteThing, DeletePreset)):
            yield from self._gone(kind_of(sample.reading.intent), thing_id)

    def _wrong(self, rule: str, sample: Sample, message: str) -> None:
        finding = Finding(rule=rule, operation=sample.operation, place="response.body", message=message)
        self.line.findings.append(finding.of(self.line.name))

    def _gone(self, kind: str, thing_id: str) -> Steps[None]:
        for sample in self._uses():
            if isinstance(sample.reading.intent, (GetThing, GetPreset)) and kind_of(sample.reading.intent) == kind:
                request = asking.with_id(self.stage.dialect, sample, thing_id)
                ready = self.stage.ready(request) if request is not None else None
                if ready is not None:
                    yield from self.stage.ask(self.line, ready, self.stage.paper().answer(ready))


def _texts(tree: Any) -> set[str]:
    return {str(value) for _, value in leaves(tree)}


# --- tokens ---------------------------------------------------------------------------------------------


def leave(stage: Stage) -> Steps[None]:
    """A token of its own is given back, and opens nothing any more."""
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, RevokeToken)):
        if stage.permit is None:
            return
        client, kept = client_of(stage.dialect), stage.permit
        if stage.login is not None and not stage.login.name:
            stage.skip("token", sample.operation, "the account's own token is not given back: --user lets one be made")
            continue
        with stage.line("token", sample.operation) as line:
            try:
                stage.permits.append((yield from errand(stage, line, client.enter(stage.login or client.example))))
                request = stage.ready(sample.request)
                if request is not None and stage.permit != kept:
                    yield from stage.ask(line, request, GOOD)
            except Fault as fault:
                message = f"expected another token, found {fault}"
                line.findings.append(Finding(rule="outcome", operation="", place="response", message=message))
            finally:
                stage.permits.append(kept)
