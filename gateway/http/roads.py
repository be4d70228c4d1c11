"""A dry run of routes in the control API: ``POST /_mediaglot/routes/DIALECT`` with a request as its body.

The body is the whole HTTP message that would create a job, or the document of one. Presets and the like are those of
the account that the message's credential opens; the credential itself is not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.desk import TRIAL
from mediaglot.gateway.backends.outlook import look_out, passing
from mediaglot.gateway.backends.rules import LOCAL, Rule
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.http.refusal import Refusal, wrong_method
from mediaglot.gateway.translation import Untranslatable, heard

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server
    from mediaglot.gateway.http.house import House


async def foresee(server: Server, house: House, request: web.Request, name: str) -> dict[str, Any]:
    """Which way the job would take, and why. Raises Refusal."""
    if request.method != "POST":
        raise wrong_method(request.method, "POST")
    if name not in server.dialects:
        raise Refusal(404, "not_found", f"POST to routes/DIALECT; there are {', '.join(sorted(server.dialects))}")
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, "too_large", f"a request has at most {server.settings.max_body} bytes") from None
    dialect = server.dialects[name]
    try:
        _, call, intent, ledger = heard(dialect, content)
        policy = server.wishes.of(name, call.account, call.request)
        caller = Caller(dialect=dialect, account=call.account, policy=policy)
        job = dialect.christen(await house.desk.settled(intent, caller), TRIAL)
    except Untranslatable as error:
        raise Refusal(400, "no_job", str(error)) from None
    except Fault as fault:
        raise Refusal(400, fault.code, f"{name} would refuse this request: {fault}") from None
    router = house.away
    passages = [each for each in router.passages if each.dialect.name == name] if router is not None else []
    if through := next((each for each in passages if each.is_for(caller.account.id)), None):
        return passing(through.agent.name).document()
    rules = router.rules if router is not None else (Rule(to=(LOCAL,)),)
    takers = router.crafts if router is not None else {LOCAL: house.desk.craft}
    tariffs = router.tariffs if router is not None else {}
    return (await look_out(rules, takers, tariffs, job, caller, ledger)).document()
