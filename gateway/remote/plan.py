"""Every verb of the control API as a plan: what to ask, and what the answers mean. ``here`` is whose verb it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from mediaglot.gateway.remote import story
from mediaglot.gateway.remote.ask import Ask, DoubleError, Plan, Unmet, is_told, plain
from mediaglot.gateway.remote.value import Entry, Job, Message, Near, Planned, Tree

__tracebackhide__ = is_told
LAST: Final = 10
"""Requests that are shown when something expected did not happen."""
MANY: Final = 1_000_000


class Place(Protocol):
    """``path`` of the control API, and what holds for all that is asked there: ``scope``, a dialect."""

    path: str
    scope: Mapping[str, str]


def conditions(here: Place, match: Tree | None, more: Tree) -> dict[str, Any]:
    """A matcher; in the name of an argument ``__`` stands for a dot."""
    return {**here.scope, **(match or {}), **{name.replace("__", "."): value for name, value in more.items()}}


def matching(wanted: Tree) -> dict[str, str]:
    return {"match": json.dumps(wanted, default=plain)} if wanted else {}


# --- clock ---------------------------------------------------------------------------------------------


def now(here: Place) -> Plan[datetime]:
    """What time it is in the world."""
    return _moment((yield Ask(path=here.path)))


def pending(here: Place) -> Plan[float | None]:
    """Seconds until the next event of a virtual clock, None where there is none to come."""
    due = (yield Ask(path=here.path)).get("next_event")
    return None if due is None else float(due)


def advance(here: Place, seconds: float | timedelta) -> Plan[datetime]:
    """Let so much time pass, and everything happen that falls into it."""
    return (yield from _move(here, "advance", seconds))


def set_clock(here: Place, moment: datetime | str) -> Plan[datetime]:
    """Make it ``moment``, an aware time."""
    return (yield from _move(here, "set", moment))


def step(here: Place) -> Plan[datetime]:
    """Go on to the next event, and let it happen."""
    return (yield from _move(here, "next", True))


def run(here: Place, speed: float = 1.0) -> Plan[datetime]:
    """Let a virtual clock go by itself, so many times as fast as the machine's."""
    return (yield from _move(here, "run", speed))


def freeze(here: Place) -> Plan[datetime]:
    """Stop a clock that runs."""
    return (yield from _move(here, "run", 0))


def _move(here: Place, word: str, value: Any) -> Plan[datetime]:
    return _moment((yield Ask(method="POST", path=here.path, document={word: value}, patience=60)))


def _moment(said: Tree) -> datetime:
    return datetime.fromisoformat(said["now"])


# --- faults, fates, rules ------------------------------------------------------------------------------


def add(here: Place, document: Tree | None = None, /, **more: Any) -> Plan[Planned]:
    """Let it happen from now on; what there is, and what it takes, is in docs/double.md."""
    wanted = {**here.scope, **(document or {}), **more}
    return Planned.read((yield Ask(method="POST", path=here.path, document=wanted)))


def planned(here: Place) -> Plan[list[Planned]]:
    """All, with how many each has hit."""
    said = yield Ask(path=here.path)
    found = said[here.path.rpartition("/")[2]]
    return [one for one in map(Planned.read, found) if here.scope.items() <= one.document.items()]


def get(here: Place, one: Planned | str) -> Plan[Planned]:
    """One as it is now. Raises DoubleError where there is none of that id."""
    return Planned.read((yield Ask(path=f"{here.path}/{_id(one)}")))


def remove(here: Place, one: Planned | str) -> Plan[None]:
    """End one."""
    yield Ask(method="DELETE", path=f"{here.path}/{_id(one)}")


def clear(here: Place) -> Plan[None]:
    """End all, of a dialect's only those that are for it alone."""
    if not here.scope:
        yield Ask(method="DELETE", path=here.path)
        return
    for one in (yield from planned(here)):
        yield from remove(here, one)


def default(here: Place, outcome: Tree | None = None, /, **more: Any) -> Plan[None]:
    """What becomes of jobs that no rule and no URL speaks of."""
    path = f"{here.path.removesuffix('rules')}outcome"
    yield Ask(method="PUT", path=path, document={**(outcome or {}), **more})


def _id(one: Planned | str) -> str:
    return one.id if isinstance(one, Planned) else one


# --- requests ------------------------------------------------------------------------------------------


def entries(here: Place, match: Tree | None = None, /, *, limit: int = MANY, **more: Any) -> Plan[list[Entry]]:
    """The requests that match, the last ones of them, in order."""
    wanted = conditions(here, match, more)
    said = yield Ask(path=here.path, query={**matching(wanted), "limit": str(limit)})
    return [*map(Entry.read, said["entries"])]


def count(here: Place, match: Tree | None = None, /, **more: Any) -> Plan[int]:
    """How many requests match."""
    said = yield Ask(path=here.path, query={**matching(conditions(here, match, more)), "limit": "0"})
    return int(said["matching"])


def dropped(here: Place) -> Plan[int]:
    """How many requests the journal has forgotten to make room for later ones."""
    return int((yield Ask(path=here.path, query={"limit": "0"}))["dropped"])


def find(here: Place, match: Tree | None = None, /, **more: Any) -> Plan[Entry]:
    """The first request that matches. Raises Unmet, an AssertionError, where there is none."""
    found = yield from entries(here, match, **more)
    if not found:
        raise (yield from _unmet(here, f"no request matches {conditions(here, match, more)}", match, more))
    return found[0]


def wait(
    here: Place, match: Tree | None = None, /, *, count: int = 1, seconds: float = 5, **more: Any
) -> Plan[list[Entry]]:
    """The requests that match, as soon as there are ``count``. Raises Unmet after so many seconds of real time."""
    wanted = matching(conditions(here, match, more))
    asked = {**wanted, "count": str(count), "seconds": f"{seconds:.6f}"}
    try:
        said = yield Ask(path=f"{here.path}/wait", query=asked, patience=seconds)
    except DoubleError as error:
        if error.code != "not_yet":
            raise
        raise (yield from _unmet(here, error.hint, match, more)) from None
    return [*map(Entry.read, said["entries"])]


def verify(
    here: Place,
    match: Tree | None = None,
    /,
    *,
    exactly: int | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    **more: Any,
) -> Plan[int]:
    """How many requests match. Raises Unmet unless they are as many as they should be, one or more without a word."""
    numbers = {"exactly": exactly, "at_least": at_least, "at_most": at_most}
    wanted = {"match": conditions(here, match, more), **{word: n for word, n in numbers.items() if n is not None}}
    said = yield Ask(method="POST", path=f"{here.path}/verify", document=wanted)
    if not said["passed"]:
        raise (yield from _unmet(here, f"{said['reason']}: {wanted['match']}", match, more))
    return int(said["matching"])


def in_order(here: Place, *matches: Tree) -> Plan[list[int]]:
    """The numbers of requests that match one after the other, others between them or not. Raises Unmet."""
    wanted = [conditions(here, match, {}) for match in matches]
    said = yield Ask(method="POST", path=f"{here.path}/verify", document={"in_order": wanted})
    if not said["passed"]:
        missing = wanted[len(said["entries"])]
        raise (yield from _unmet(here, f"{said['reason']}: {missing}", missing, {}))
    return [int(number) for number in said["entries"]]


def near(here: Place, match: Tree | None = None, /, **more: Any) -> Plan[list[Near]]:
    """Requests that nearly match, the nearest first, and why they don't."""
    said = yield Ask(path=f"{here.path}/near", query=matching(conditions(here, match, more)))
    return [*map(Near.read, said["near"])]


def forget(here: Place) -> Plan[None]:
    """Begin an empty journal."""
    yield Ask(method="DELETE", path=here.path)


def last(here: Place) -> Plan[str]:
    """The last requests as a text, for whoever reads the report of a test."""
    return story.of((yield from entries(here, limit=LAST)))


def _unmet(here: Place, reason: str, match: Tree | None, more: Tree) -> Plan[Unmet]:
    wanted = conditions(here, match, more)
    missed = yield from near(here, wanted)
    return Unmet("\n".join(filter(None, (reason, story.of_near(missed, wanted), (yield from last(here))))))


# --- messages ------------------------------------------------------------------------------------------


def messages(here: Place, match: Tree | None = None, /, **more: Any) -> Plan[list[Message]]:
    """What has come, in order."""
    said = yield Ask(path=here.path, query=matching(conditions(here, match, more)))
    return [*map(Message.read, said["messages"])]


def wait_for_messages(
    here: Place, match: Tree | None = None, /, *, count: int = 1, seconds: float = 5, **more: Any
) -> Plan[list[Message]]:
    """The messages as soon as there are ``count`` that match. Raises Unmet after so many seconds of real time."""
    asked = {**matching(conditions(here, match, more)), "count": str(count), "seconds": f"{seconds:.6f}"}
    try:
        said = yield Ask(path=f"{here.path}/wait", query=asked, patience=seconds)
    except DoubleError as error:
        if error.code != "not_yet":
            raise
        come = story.of_messages((yield from messages(here)))
        raise Unmet(f"{error.hint}\n{come}") from None
    return [*map(Message.read, said["messages"])]


def respond(here: Place, status: int, times: int | None = None) -> Plan[None]:
    """Answer the next ``times`` messages with ``status``, or all of them; they are kept all the same."""
    manners = {"status": status, **({} if times is None else {"times": times})}
    yield Ask(method="PUT", path=f"{here.path}/manners", document=manners)


def letters(here: Place, /, **filters: Any) -> Plan[list[Tree]]:
    """What was to be told, and how far that is, the newest first; ``dialect``, ``job`` and ``state`` choose. All, page
    by page, or as many as ``limit`` says."""
    query = {name: str(value) for name, value in filters.items()}
    said = yield Ask(path=here.path, query=query)
    found = [*said["notifications"]]
    while said["next"] and "limit" not in filters:
        query["before"] = parse_qs(urlsplit(said["next"]).query)["before"][0]
        said = yield Ask(path=here.path, query=query)
        found += said["notifications"]
    return found


def letter(here: Place, name: str) -> Plan[Tree]:
    """One notification, with each attempt."""
    found: Tree = yield Ask(path=f"{here.path}/{name}")
    return found


def redeliver(here: Place, name: str) -> Plan[Tree]:
    """Send one once more."""
    found: Tree = yield Ask(method="POST", path=f"{here.path}/{name}/redeliver")
    return found


# --- worlds --------------------------------------------------------------------------------------------


def jobs(here: Place, match: Tree | None = None, /, **more: Any) -> Plan[list[Job]]:
    """The jobs that match, in the order in which they came."""
    said = yield Ask(path=here.path, query=matching(conditions(here, match, more)))
    return [*map(Job.read, said["jobs"])]


def job(here: Place, name: str) -> Plan[Job]:
    """The job of that id. Raises Unmet where there is none."""
    found = yield from jobs(here)
    chosen = next((each for each in found if each.id == name), None)
    if chosen is None:
        raise Unmet(f"there is no job {name!r}; there are {', '.join(each.id for each in found) or 'none'}")
    return chosen


def make_world(here: Place, /, **spec: Any) -> Plan[Tree]:
    told: Tree = yield Ask(method="POST", path="worlds", document=spec)
    return told


def show_worlds(here: Place) -> Plan[Sequence[Tree]]:
    return [*(yield Ask(path="worlds"))["worlds"]]


def show_world(here: Place, name: str) -> Plan[Tree]:
    told: Tree = yield Ask(path=f"worlds/{name}")
    return told


def close(here: Place) -> Plan[None]:
    """End the world: nothing is left of it. It may have ended already."""
    try:
        yield Ask(method="DELETE", path=here.path)
    except DoubleError as error:
        if error.code != "no_such_world":
            raise


def reset(here: Place) -> Plan[None]:
    """Begin again: nothing is there but what the world was made with."""
    yield Ask(method="POST", path=f"{here.path}/reset" if here.path else "reset", patience=60)


def seed(here: Place, steps: Sequence[Tree]) -> Plan[list[Any]]:
    """Play requests and clock steps; the answers. A step's ``{secret}`` is the world's."""
    said = yield Ask(method="POST", path=f"{here.path}/seed", document={"steps": [*steps]}, patience=60)
    return [*said["answers"]]


def export(here: Place) -> Plan[Tree]:
    """All jobs and the journal, secrets masked."""
    told: Tree = yield Ask(path=f"{here.path}/export")
    return told


def snapshot(here: Place, name: str = "snapshot") -> Plan[None]:
    """Keep all that is there, under a name."""
    yield Ask(method="PUT", path=f"{here.path}/snapshots/{name}", patience=60)


def restore(here: Place, name: str = "snapshot") -> Plan[None]:
    """Bring it back, the time too; journal and faults stay."""
    yield Ask(method="POST", path=f"{here.path}/snapshots/{name}/restore", patience=60)
