"""What a test does to a world: begin and end it, move its clock, let things go wrong, keep and bring back its state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.http import seed
from mediaglot.gateway.http.refusal import Refusal
from mediaglot.gateway.http.verbs import Asked, Tree
from mediaglot.gateway.http.world import HINT, Full, World
from mediaglot.gateway.lab.bunch import Bunch
from mediaglot.gateway.lab.spec import FIRST, NAME, moment, seconds
from mediaglot.gateway.lab.word import check
from mediaglot.gateway.script.outcome import read as outcome
from mediaglot.gateway.script.outcome import said

if TYPE_CHECKING:
    from mediaglot.gateway.http.double import Double


async def make_world(double: Double, asked: Asked) -> Tree:
    try:
        return shown(await double.create(asked.document))
    except KeyError as error:
        raise Refusal(
            409, "exists", f"there is a world {error.args[0]!r} already; DELETE it, or take another id"
        ) from None
    except Full:
        raise Refusal(503, "too_many_worlds", HINT) from None


async def list_worlds(double: Double, asked: Asked) -> Tree:
    return {"worlds": [shown(world) for world in await double.all()]}


async def show_world(world: World, asked: Asked) -> Tree:
    return shown(world)


async def end_world(double: Double, asked: Asked) -> Tree:
    world = await double.world(asked.names["world"])
    await double.close(world.spec.id)
    return {"closed": world.spec.id}


async def reset_world(double: Double, asked: Asked) -> Tree:
    world = await double.world(asked.names["world"])
    await double.restart(world)
    return shown(world)


async def reset_all(double: Double, asked: Asked) -> Tree:
    worlds = await double.all()
    for world in worlds:
        await double.restart(world)
    return {"reset": [world.spec.id for world in worlds]}


def shown(world: World) -> Tree:
    dialects = {
        name: {"url": world.site.base(name), "credentials": world.credentials(name)} for name in sorted(world.dialects)
    }
    return {**world.spec.tree(), "url": world.site.url, "now": world.clock.now().isoformat(), "dialects": dialects}


async def make_snapshot(world: World, asked: Asked) -> Tree:
    if not NAME.fullmatch(asked.names["snapshot"]):
        raise ValueError("a snapshot's name is 1 to 61 small letters, digits, dots, hyphens and _")
    await world.snapshot(asked.names["snapshot"])
    return {"snapshot": asked.names["snapshot"]}


async def restore_snapshot(world: World, asked: Asked) -> Tree:
    if not await world.restore(asked.names["snapshot"]):
        raise Refusal(404, "no_such_snapshot", "nothing is kept under that name")
    return shown(world)


async def seed_world(world: World, asked: Asked) -> Tree:
    return {"answers": await seed.play(world, asked.document)}


async def export_world(world: World, asked: Asked) -> Tree:
    return await seed.export(world)


# --- clock ---------------------------------------------------------------------------------------------


async def show_clock(world: World, asked: Asked) -> Tree:
    clock = world.clock
    if not isinstance(clock, VirtualClock):
        return {"kind": world.spec.clock, "now": clock.now().isoformat()}
    await clock.settle()  # what was begun before may have more to come
    told = {"speed": clock.speed, "next_event": clock.next_event}
    return {"kind": world.spec.clock, "now": clock.now().isoformat(), **told}


async def move_clock(world: World, asked: Asked) -> Tree:
    """One of MOVES, with its value."""
    clock, wanted = world.clock, asked.document
    if not isinstance(clock, VirtualClock):
        raise Refusal(409, "real_clock", 'this world has a real clock; make one with {"clock": "virtual"}')
    if len(check(wanted, MOVES, "a move of the clock")) != 1:
        raise ValueError(f"say one of {', '.join(MOVES)}")
    ((word, value),) = wanted.items()
    await MOVES[word](clock, value)
    return await show_clock(world, asked)


async def _advance(clock: VirtualClock, value: Any) -> None:
    await clock.advance(seconds(value, clock.now(), "advance"))


async def _set(clock: VirtualClock, value: Any) -> None:
    wanted = moment(str(value))
    seconds(abs((wanted - clock.now()).total_seconds()), FIRST, "the way there")
    await clock.set(wanted)


async def _next(clock: VirtualClock, value: Any) -> None:
    if value is not True:
        raise ValueError("next is true")
    await clock.step()


async def _run(clock: VirtualClock, value: Any) -> None:
    clock.run(seconds(value, FIRST, "run"))


MOVES: Final[Mapping[str, Callable[[VirtualClock, Any], Awaitable[None]]]] = {
    "advance": _advance,
    "set": _set,
    "next": _next,
    "run": _run,
}


# --- what goes wrong -----------------------------------------------------------------------------------


class Kept:
    """The verbs on a bunch of a world's, whose name in paths and answers is ``one``, or ``one`` and an s."""

    def __init__(self, one: str, of: Callable[[World], Bunch[Any]]) -> None:
        self._one, self._of = one, of

    async def add(self, world: World, asked: Asked) -> Tree:
        tree: Tree = self._of(world).add(asked.document).tree()
        return tree

    async def list(self, world: World, asked: Asked) -> Tree:
        return {f"{self._one}s": [each.tree() for each in self._of(world)]}

    async def show(self, world: World, asked: Asked) -> Tree:
        found = self._of(world).get(asked.names[self._one])
        if found is None:
            raise self._missing()
        tree: Tree = found.tree()
        return tree

    async def end(self, world: World, asked: Asked) -> Tree:
        if not self._of(world).remove(asked.names[self._one]):
            raise self._missing()
        return {"deleted": asked.names[self._one]}

    async def end_all(self, world: World, asked: Asked) -> Tree:
        self._of(world).clear()
        return await self.list(world, asked)

    def _missing(self) -> Refusal:
        return Refusal(404, f"no_such_{self._one}", "there is none of that id")


FAULTS: Final = Kept("fault", lambda world: world.lab.weather)
FATES: Final = Kept("fate", lambda world: world.lab.fates)


# --- what becomes of jobs ------------------------------------------------------------------------------


async def add_rule(world: World, asked: Asked) -> Tree:
    return world.lab.script.add(asked.document)


async def list_rules(world: World, asked: Asked) -> Tree:
    return {"rules": world.lab.script.rules, "default": said(world.lab.script.default)}


async def end_rule(world: World, asked: Asked) -> Tree:
    world.lab.script.remove(asked.names["rule"])
    return {"deleted": asked.names["rule"]}


async def end_rules(world: World, asked: Asked) -> Tree:
    world.lab.script.clear()
    return await list_rules(world, asked)


async def set_default(world: World, asked: Asked) -> Tree:
    world.lab.script.default = outcome(asked.document, "default")
    return await list_rules(world, asked)
