"""The control API of the test double: a table of verbs, which requests and its OpenAPI document are answered from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from mediaglot.gateway.faults import Invalid, NotFound
from mediaglot.gateway.http import evidence, lever, shape
from mediaglot.gateway.http.control import check, refused
from mediaglot.gateway.http.refusal import Refusal
from mediaglot.gateway.http.reserved import PREFIX, answer
from mediaglot.gateway.http.verbs import Asked, Tree, Verb, Verbs, read

if TYPE_CHECKING:
    from mediaglot.gateway.http.double import Double
    from mediaglot.gateway.http.world import World

LARGEST: Final = 10_000_000


class Laboratory:
    def __init__(self, double: Double) -> None:
        self._double = double

    async def handle(self, raw: web.Request, path: str) -> web.Response:
        try:
            check(raw, self._double.settings)
            verb, names = VERBS.find(raw.method, path.removeprefix(PREFIX))
            return answer(await verb.does(self._double, await read(raw, verb, names, LARGEST)), verb.status)
        except Refusal as refusal:
            return refused(refusal)
        except ValueError as error:
            return refused(Refusal(400, "invalid", str(error)))
        except NotFound as fault:
            return refused(Refusal(404, "not_found", f"there is no {fault.data['kind']} of that id"))
        except Invalid as fault:
            return refused(Refusal(400, "invalid", f"{fault.data['field']} {fault.data['reason']}"))


def inside(does: Callable[[World, Asked], Awaitable[Any]]) -> Callable[[Double, Asked], Awaitable[Any]]:
    """A verb on the world that its path names."""

    async def found(double: Double, asked: Asked) -> Any:
        world = await double.world(asked.names["world"])
        return await does(await world.steady(), asked)

    return found


async def describe(double: Double, asked: Asked) -> Tree:
    from importlib.metadata import version  # noqa: PLC0415 - few ask

    return VERBS.openapi("mediaglot test double", version("mediaglot"), f"{double.site.url}{PREFIX}")


MATCH: Final = {"match": "conditions as JSON", "*": "any path of an entry with the value that it must have"}
WAIT: Final = {**MATCH, "count": "how many must match, 1", "seconds": "real time to wait, 5; at most 60"}
FAULT: Final = {"status": 503, "first": 2}
WORLD: Final = "worlds/{world}"
VERBS: Final[Verbs[Double]] = Verbs(
    (
        Verb(method="GET", path="openapi.json", about="This document", does=describe),
        Verb(method="POST", path="reset", about="All worlds begin again", does=lever.reset_all),
        Verb(
            method="POST",
            path="worlds",
            about="Make a world: jobs, clock, seed, faults and journal of its own, opened by its secret",
            does=lever.make_world,
            shape=shape.SPEC,
            gives=shape.WORLD,
            takes={"seed": 7, "clock": "virtual"},
            status=201,
        ),
        Verb(method="GET", path="worlds", about="All worlds", does=lever.list_worlds, gives=shape.WORLDS),
        Verb(
            method="GET",
            path=WORLD,
            about="One world, and how clients get in",
            does=inside(lever.show_world),
            gives=shape.WORLD,
        ),
        Verb(method="DELETE", path=WORLD, about="End a world", does=lever.end_world),
        Verb(method="POST", path=f"{WORLD}/reset", about="It begins again", does=lever.reset_world, gives=shape.WORLD),
        Verb(
            method="GET",
            path=f"{WORLD}/clock",
            about="What time it is there",
            does=inside(lever.show_clock),
            gives=shape.CLOCK,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/clock",
            about="Advance a virtual clock by seconds, set it, go to the next event, or run it at a speed (0: stop)",
            does=inside(lever.move_clock),
            shape=shape.MOVE,
            gives=shape.CLOCK,
            takes={"advance": 30},
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/journal",
            about="Requests that match, the last ones",
            does=inside(evidence.read_journal),
            gives=shape.FOUND,
            query={**MATCH, "limit": "how many to show, 100"},
        ),
        Verb(
            method="DELETE",
            path=f"{WORLD}/journal",
            about="Forget all",
            does=inside(evidence.clear_journal),
            gives=shape.COUNTS,
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/journal/wait",
            about="Wait until so many requests match",
            does=inside(evidence.wait_for),
            gives=shape.FOUND,
            query=WAIT,
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/journal/near",
            about="Requests that nearly match, and why they don't",
            does=inside(evidence.near_misses),
            gives=shape.NEAR,
            query=MATCH,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/journal/verify",
            about="Whether as many requests match as a test expects, or whether some came in an order",
            does=inside(evidence.verify_journal),
            shape=shape.EXPECTATION,
            gives=shape.VERDICT,
            takes={"match": {"request.method": "POST"}, "exactly": 1},
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/faults",
            about="Faults, with their hits",
            does=inside(lever.FAULTS.list),
            gives=shape.FAULTS,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/faults",
            about="Let something go wrong on the wire",
            does=inside(lever.FAULTS.add),
            shape=shape.FAULT,
            gives=shape.PLANNED,
            takes=FAULT,
            status=201,
        ),
        Verb(
            method="DELETE",
            path=f"{WORLD}/faults",
            about="All is well again",
            does=inside(lever.FAULTS.end_all),
            gives=shape.FAULTS,
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/faults/{{fault}}",
            about="One fault",
            does=inside(lever.FAULTS.show),
            gives=shape.PLANNED,
        ),
        Verb(method="DELETE", path=f"{WORLD}/faults/{{fault}}", about="End one", does=inside(lever.FAULTS.end)),
        Verb(
            method="GET",
            path=f"{WORLD}/rules",
            about="What becomes of which jobs",
            does=inside(lever.list_rules),
            gives=shape.RULES,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/rules",
            about="What is to become of some of the next jobs",
            does=inside(lever.add_rule),
            shape=shape.RULE,
            gives=shape.PLANNED,
            takes={"match": {"outputs[].video.codec": "hevc"}, "outcome": {"fail": "encoding", "at": 40}, "next": 2},
            status=201,
        ),
        Verb(
            method="DELETE",
            path=f"{WORLD}/rules",
            about="No rules, no default",
            does=inside(lever.end_rules),
            gives=shape.RULES,
        ),
        Verb(method="DELETE", path=f"{WORLD}/rules/{{rule}}", about="End one", does=inside(lever.end_rule)),
        Verb(
            method="PUT",
            path=f"{WORLD}/outcome",
            about="What becomes of jobs that no rule and no URL speaks of",
            does=inside(lever.set_default),
            shape=shape.OUTCOME,
            gives=shape.RULES,
            takes={"stall": "fetching"},
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/fates",
            about="What befalls notifications",
            does=inside(lever.FATES.list),
            gives=shape.FATES,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/fates",
            about="Drop, delay, duplicate, reorder or corrupt notifications",
            does=inside(lever.FATES.add),
            shape=shape.FATE,
            gives=shape.PLANNED,
            takes={"match": {"event": "finished"}, "duplicate": 1},
            status=201,
        ),
        Verb(
            method="DELETE",
            path=f"{WORLD}/fates",
            about="None any more",
            does=inside(lever.FATES.end_all),
            gives=shape.FATES,
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/fates/{{fate}}",
            about="One fate",
            does=inside(lever.FATES.show),
            gives=shape.PLANNED,
        ),
        Verb(method="DELETE", path=f"{WORLD}/fates/{{fate}}", about="End one", does=inside(lever.FATES.end)),
        Verb(
            method="GET",
            path=f"{WORLD}/notifications",
            about="What was told to receivers",
            does=inside(evidence.list_letters),
            gives=shape.LETTERS,
            query=evidence.FILTERS,
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/notifications/{{letter}}",
            about="One, with each attempt",
            does=inside(evidence.show_letter),
            gives=shape.LETTER,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/notifications/{{letter}}/redeliver",
            about="Once more, please",
            does=inside(evidence.redeliver_letter),
            gives=shape.LETTER,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/seed",
            about="Play requests and clock steps",
            does=inside(lever.seed_world),
            shape=shape.SEED,
            takes={"steps": [{"advance": 30}]},
        ),
        Verb(
            method="GET",
            path=f"{WORLD}/jobs",
            about="Jobs that match, as they are",
            does=inside(evidence.list_jobs),
            gives=shape.JOBS,
            query={"match": MATCH["match"], "*": "any path of a job with the value that it must have"},
        ),
        Verb(method="GET", path=f"{WORLD}/export", about="All jobs and the journal", does=inside(lever.export_world)),
        Verb(
            method="PUT",
            path=f"{WORLD}/snapshots/{{snapshot}}",
            about="Keep the state of the world",
            does=inside(lever.make_snapshot),
            status=201,
        ),
        Verb(
            method="POST",
            path=f"{WORLD}/snapshots/{{snapshot}}/restore",
            about="Bring it back",
            does=inside(lever.restore_snapshot),
            gives=shape.WORLD,
        ),
        Verb(
            method="GET",
            path="inboxes/{box}",
            about="What came to /_mediaglot/inbox/NAME",
            does=evidence.read_box,
            gives=shape.MESSAGES,
            query=MATCH,
        ),
        Verb(method="DELETE", path="inboxes/{box}", about="Empty it", does=evidence.clear_box, gives=shape.MESSAGES),
        Verb(
            method="GET",
            path="inboxes/{box}/wait",
            about="Wait until so many messages match",
            does=evidence.wait_for_box,
            gives=shape.MESSAGES,
            query=WAIT,
        ),
        Verb(
            method="PUT",
            path="inboxes/{box}/manners",
            about="How it answers: a status, for so many messages or for all",
            does=evidence.instruct_box,
            shape=shape.MANNERS,
            takes={"status": 500, "times": 2},
        ),
    )
)
