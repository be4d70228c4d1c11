"""``mediaglot route``: which way a job would take by a configuration, and why. Nothing is sent."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from mediaglot.gateway.accounts import Account
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.desk import TRIAL
from mediaglot.gateway.backends.outlook import Outlook, Taker, Trial, look_out, passing
from mediaglot.gateway.backends.rules import LOCAL
from mediaglot.gateway.backends.sim import SimulatedCraft
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.command.screen import BAD, FAINT, GOOD, Screen
from mediaglot.gateway.command.translate import read
from mediaglot.gateway.config import Settings, UserError, load
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.http.away import account_named, read_openings, read_provider, read_rules, read_tariffs
from mediaglot.gateway.http.bounds import policy_of
from mediaglot.gateway.http.wish import Wishes
from mediaglot.gateway.loss import Ledger, Policy
from mediaglot.gateway.registry import UnknownDialect
from mediaglot.gateway.report import Report
from mediaglot.gateway.translation import Untranslatable, find, heard, read_job
from mediaglot.gateway.values import decimal

UNROUTED: Final = "no [[routes]] are in the configuration: jobs go to the first provider, or on to the next"
NONE: Final = "no [providers.NAME] and no [[routes]] are in the configuration (--config)"


def run(given: dict[str, Any]) -> int:
    """Exit code 1 where nobody takes the job."""
    settings = load(given)
    content = read(given["file"])
    try:
        outlook = asyncio.run(foreseen(settings, given, content))
    except (UnknownDialect, Untranslatable, ValueError) as error:
        raise UserError(str(error)) from None
    except Fault as fault:
        raise UserError(f"{given['read']} would refuse this request: {fault}; does it create a job?") from None
    if given["json"]:
        print(json.dumps(outlook.document(), indent=2, ensure_ascii=False))
    else:
        show(outlook, settings)
    return 0 if outlook.road else 1


async def foreseen(settings: Settings, given: Mapping[str, Any], content: bytes) -> Outlook:
    """Presets that only the client's account has are not known here: they are unread."""
    dialect = find(given["read"])
    _, call, _, _ = heard(dialect, content)
    job, notes = read_job(dialect, content)
    name = given["account"]
    account = Account(account_named(name, dialect.name, settings), name) if name else call.account
    policies = {key: Policy(word) for key, word in settings.account_policies.items()}
    through = (one for one in read_openings(settings) if one.dialect == dialect.name)
    if opening := next((one for one in through if not one.accounts or account.id in one.accounts), None):
        return passing(opening.to)
    wish = Wishes(policies, Policy(settings.loosest_policy)).of(dialect.name, account, call.request)
    caller = Caller(dialect=dialect, account=account, policy=wish)
    rules, tariffs = read_rules(settings), read_tariffs(settings)
    return await look_out(rules, takers(settings), tariffs, dialect.christen(job, TRIAL), caller, Ledger([*notes]))


def takers(settings: Settings) -> dict[str, Taker]:
    """The providers of a configuration on paper; for this machine, any FFmpeg that has all that is promised."""
    usual, policy = Policy(settings.policy), policy_of(settings)
    found: dict[str, Taker] = {LOCAL: SimulatedCraft(RealClock(), policy=usual)}
    for name, table in settings.providers.items():
        found[name] = read_provider(f"providers.{name}", table, policy, usual)[2]
    return found


def show(outlook: Outlook, settings: Settings) -> None:
    screen = Screen()
    if outlook.passage:
        screen.say(f"All requests of this account are passed on to {outlook.passage} as they are.", GOOD)
        return
    for number, why in enumerate(outlook.passed):
        screen.say(f"routes.{number} is passed over: {why}", FAINT)
    if settings.routes:
        screen.say("no route fits" if outlook.chosen is None else f"routes.{outlook.chosen} fits")
    else:
        screen.say(UNROUTED if settings.providers else NONE)
    rows = [
        (trial.leg.name, str(trial.policy or ""), decimal(trial.price, 6), answer(trial)) for trial in outlook.trials
    ]
    screen.table(("provider", "policy", "price", "answer"), rows, right=("price",))
    if outlook.drawn:
        screen.say("Weights draw the first one anew for each job; the others follow in this order.", FAINT)
    way = ", then ".join(outlook.road)
    screen.say(f"The job would go to {way}." if way else "Nobody would take the job.", GOOD if way else BAD)
    sys.stdout.flush()


def answer(trial: Trial) -> str:
    if trial.fault is not None:
        return f"refuses: {trial.fault}"
    lost = f"takes it: {Report(losses=trial.losses).summary()}" if trial.losses else "takes it"
    return lost + "".join(f"; not output {index}: {fault}" for index, fault in trial.refused.items())
