"""The way to another provider leads to no address that the policy has not seen."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Unavailable
from mediaglot.gateway.http.provider import Transport
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.reach import Reach

ONLY = Policy(reach=Reach.parse(allow_network=("127.0.0.2/32",)))
HOSTS = ("inside.test", "both.test", "six.test", "127.0.0.1", "[::ffff:7f00:1]", "localhost")


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("host", HOSTS)
async def test_a_name_that_leads_inside_is_not_followed(world: Any, host: str) -> None:
    transport = Transport(f"http://{host}:{world.port}/v1", timeout=20, policy=ONLY)
    with pytest.raises(Unavailable) as caught:
        await transport(Request(path="/jobs"))
    assert caught.value.data["reason"] == "the policy does not allow it (address)"
    assert world.inside == []
    await transport.close()


@pytest.mark.usefixtures("names")
async def test_a_name_that_changes_its_address_is_judged_each_time(world: Any) -> None:
    transport = Transport(f"http://rebind-provider.test:{world.port}", timeout=20, policy=ONLY)
    reasons = []
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await transport(Request(path="/cut"))
        reasons.append(caught.value.data["reason"])
    assert world.asked == ["/cut"]
    assert reasons[1] == "the policy does not allow it (address)"
    assert world.inside == []
    await transport.close()


async def test_a_redirect_is_not_followed(world: Any) -> None:
    world.there = {"/to/0": f"http://127.0.0.1:{world.port}/moved"}
    transport = Transport(f"http://127.0.0.2:{world.port}", timeout=20, policy=ONLY)
    assert (await transport(Request(path="/to/0"))).status == 302
    assert world.inside == []
    await transport.close()
