"""The test double: a server that speaks every provider's dialect, steered from a test.

    from mediaglot.testing import Double

    with Double.started() as double, double.world(clock="virtual") as world:
        client = Client(world.encoding_com.url, world.encoding_com.credentials.secret)
        world.clock.advance(60)

``AsyncDouble`` is the same for an event loop. With pytest there is a fixture, ``mediaglot``, which is such a world.
"""

from mediaglot.gateway.remote.ask import DoubleError, Unmet
from mediaglot.gateway.remote.asynchronous import AsyncDouble, AsyncWorld
from mediaglot.gateway.remote.sync import Double, World
from mediaglot.gateway.remote.value import Credentials, Entry, Job, Message, Near, Planned

__all__ = [
    "AsyncDouble",
    "AsyncWorld",
    "Credentials",
    "Double",
    "DoubleError",
    "Entry",
    "Job",
    "Message",
    "Near",
    "Planned",
    "Unmet",
    "World",
]
