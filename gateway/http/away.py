"""The providers of the configuration, opened: an agent for each, and the router in front of them."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

from mediaglot.gateway import registry
from mediaglot.gateway.backends import Craft
from mediaglot.gateway.backends.agent import Agent, Aside, Manners, Send
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.haul import Haul
from mediaglot.gateway.backends.passage import Passage
from mediaglot.gateway.backends.router import Router
from mediaglot.gateway.backends.rules import LOCAL, Rule, check, names
from mediaglot.gateway.backends.tariff import Tariff
from mediaglot.gateway.backends.tariff import read as read_tariff
from mediaglot.gateway.backends.terms import Terms
from mediaglot.gateway.backends.upstream import Upstream
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.config import ConfigError, Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Login
from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.http.kind import MANNERS, NESTED, OPENING, PROVIDER, ROUTE
from mediaglot.gateway.http.kind import check as check_kinds
from mediaglot.gateway.http.provider import Transport, host_of
from mediaglot.gateway.loss import Policy as LossPolicy
from mediaglot.gateway.model import Secret
from mediaglot.gateway.registry import UnknownDialect
from mediaglot.gateway.store import Store
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import CONTROLS, Policy, judge
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.translation import client_of

if TYPE_CHECKING:
    from mediaglot.gateway.media.probe import Prober

NOBODY: Final = "http://replay.invalid"
"""The URL of a provider that is a tape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all providers share. ``site`` is our own URL from outside, known once the server listens."""

    settings: Settings
    local: Craft
    store: Store
    clock: Clock
    policy: Policy
    prober: Callable[[], Awaitable[Prober]]
    site: Callable[[], str]
    stack: AsyncExitStack
    aside: Aside = field(default_factory=Aside)

    def router(self) -> Router:
        """The craft that sends jobs where the configuration says. Raises ConfigError for what can't be."""
        self.stack.push_async_callback(self.aside.close)
        crafts: dict[str, Craft] = {LOCAL: self._home}
        crafts |= {name: self._provider(name, table) for name, table in self.settings.providers.items()}
        passages = [
            Passage(dialect=craft.terms.dialect, agent=craft.agent, accounts=one.accounts, own=one.own)
            for one in read_openings(self.settings)
            if isinstance(craft := crafts[one.to], Upstream)
        ]
        entered(self.settings, {name: one.agent.client for name, one in crafts.items() if isinstance(one, Upstream)})
        rules, tariffs = read_rules(self.settings), read_tariffs(self.settings)
        return Router(crafts, rules, self.store, self.aside, tariffs, passages)

    @property
    def _home(self) -> FFmpegCraft:
        """Raises ConfigError for a craft that keeps nothing."""
        if not isinstance(self.local, FFmpegCraft):
            raise ConfigError("providers: they need backend = 'ffmpeg', which keeps and measures what they make")
        return self.local

    def _provider(self, name: str, table: Mapping[str, Any]) -> Upstream:
        url, client, terms, manners = read_provider(
            f"providers.{name}", table, self.policy, LossPolicy(self.settings.policy)
        )
        policy = replace(self.policy, reach=beside(url, self.policy.reach))
        transport, web = Transport(url, timeout=manners.timeout, policy=policy), Carrier(policy, self.clock)
        self.stack.push_async_callback(transport.close)
        self.stack.push_async_callback(web.close)
        send = taped(f"providers.{name}", table, terms.dialect, transport)
        agent = Agent(name, client, login_of(table, client), send, self.clock, SystemRandom(), manners)

        def hear(marker: str) -> str:
            return f"{self.site()}/_mediaglot/providers/{name}/{marker}"

        return Upstream(
            agent,
            terms,
            self.store,
            self._home,
            Haul(web, self._home.carrier, self.prober),
            self.clock,
            self.aside,
            hear if table.get("hear", True) else None,
        )


def read_provider(
    where: str, table: Mapping[str, Any], policy: Policy, usual: LossPolicy = LossPolicy.ESSENTIAL
) -> tuple[str, Client, Terms, Manners]:
    """A provider's URL, its client, and what is settled for it. Raises ConfigError."""
    check_kinds(where, table, PROVIDER)
    for key in ("dialect",) if "replay" in table else ("dialect", "url"):
        if key not in table:
            raise ConfigError(f"{where}: {key} = '...' is missing")
    for key in ("user", "secret", "tenant"):
        text = table.get(key, "")
        if CONTROLS.search(text.reveal() if isinstance(text, Secret) else str(text)):
            raise ConfigError(f"{where}: {key} has a control character in it")
    url, options = table.get("url", NOBODY), {key: str(value) for key, value in table.get("options", {}).items()}
    if set("?#@") & set(url):
        raise ConfigError(f"{where}: url is a base URL without ?, # and @; credentials are user and secret")
    manners = Manners(**{key: table[key] for key in MANNERS.keys() & table.keys()})
    try:
        dialect = registry.find(table["dialect"])
        judge(url, replace(policy, local_addresses=True, schemes=frozenset({"http", "https"})))
        client = client_of(dialect, options)
        lost = LossPolicy(table.get("policy", usual))
        terms = Terms(dialect=dialect, policy=lost, options=options, played="replay" in table)
    except SourceForbidden as fault:
        raise ConfigError(
            f"{where}: url can't be used ({fault.data['reason']}); write it as https://api.example.com"
        ) from None
    except (UnknownDialect, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None
    return url, client, terms, manners


def taped(where: str, table: Mapping[str, Any], dialect: Dialect, send: Send) -> Send:
    """The way to a provider by a tape, or with one beside it, where there is to be one. Raises ConfigError."""
    if "tape" not in table and "replay" not in table:
        return send
    from mediaglot.gateway.http.tape import recording, replaying  # noqa: PLC0415 - only what is used is loaded

    try:
        if "replay" in table:
            return replaying(dialect, Path(table["replay"]))
        return recording(send, dialect, Path(table["tape"]))
    except OSError as error:
        raise ConfigError(f"{where}: the folder of the tape can't be used: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def entered(settings: Settings, clients: Mapping[str, Client]) -> None:
    """Raises ConfigError for a provider that is to be asked in our name, where a part of that is missing."""
    ours = {name for rule in read_rules(settings) for name in names(rule)}
    ours |= {opening.to for opening in read_openings(settings) if not opening.own}
    for name, client in clients.items():
        for part in client.lacking(login_of(settings.providers[name], client)) if name in ours else ():
            key = "user" if part == "name" else part
            other = f", here or as MEDIAGLOT_PROVIDER_{name.upper()}_SECRET" if key == "secret" else ""
            raise ConfigError(f"providers.{name}: {key} = '...' is missing{other}")


def login_of(table: Mapping[str, Any], client: Client) -> Login:
    """A tape lets anybody in."""
    if "replay" in table and not table.keys() & {"user", "secret", "tenant"}:
        return client.example
    name, tenant = str(table.get("user", "")), str(table.get("tenant", ""))
    return Login(name=name, secret=table.get("secret", Secret("")), tenant=tenant)


def beside(url: str, reach: Reach) -> Reach:
    """The same, with the address of a provider in a network of the operator's own: its results are there too.

    Other addresses of that network are not, whatever URLs the provider tells; and what is denied stays denied.
    """
    host = host_of(url)
    numbers = ("127.0.0.1", "::1") if host == "localhost" else (host,)
    with contextlib.suppress(ValueError):  # a host by its name is judged as any other
        own = [each for each in map(ipaddress.ip_address, numbers) if reach.address(each) is None]
        return replace(reach, allow_networks=(*reach.allow_networks, *map(ipaddress.ip_network, own)))
    return reach


def read_rules(settings: Settings) -> tuple[Rule, ...]:
    """The routes; without any, all jobs go to the first provider, or on to the next. Raises ConfigError."""
    known = frozenset({LOCAL, *settings.providers})
    rules = []
    for number, table in enumerate(settings.routes):
        if table.get("transparent") is True:
            continue
        where = f"routes.{number}"
        check_kinds(where, table, ROUTE)
        try:
            rules.append(replace(_rule(where, table, settings), number=number))
            check(rules[-1], known)
        except (UnknownDialect, ValueError) as error:
            raise ConfigError(f"{where}: {error}") from None
    if settings.routes or not settings.providers:
        return tuple(rules)
    return (Rule(to=tuple(settings.providers)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A transparent route: all requests of these accounts (ids), or of all, are passed on to one provider."""

    to: str
    dialect: str
    accounts: frozenset[str]
    own: bool


def read_openings(settings: Settings) -> tuple[Opening, ...]:
    """Raises ConfigError."""
    found = []
    for number, table in enumerate(settings.routes):
        try:
            found += [_opening(f"routes.{number}", table, settings)] if table.get("transparent") is True else []
        except ValueError as error:
            raise ConfigError(f"routes.{number}: {error}") from None
    return tuple(found)


def _opening(where: str, table: Mapping[str, Any], settings: Settings) -> Opening:
    """Raises ValueError."""
    check_kinds(f"{where}, which is transparent", table, OPENING)
    to, credentials = table.get("to", ()), table.get("credentials", "configured")
    if len(to) != 1 or not isinstance(to[0], str) or to[0] not in settings.providers:
        raise ValueError("a transparent route leads to one provider: to = ['NAME']")
    if credentials not in ("configured", "client"):
        raise ValueError("credentials is 'configured' or 'client'")
    dialect = registry.find(str(settings.providers[to[0]].get("dialect"))).name
    if any(word != dialect for word in table.get("dialects", ())):
        raise ValueError(f"{to[0]} speaks {dialect}: only that can be passed on as it is")
    accounts = _accounts(table.get("accounts", ()), settings)
    return Opening(to=to[0], dialect=dialect, accounts=accounts, own=credentials == "client")


def read_tariffs(settings: Settings) -> dict[str, Tariff]:
    """The price lists of the providers that have one. Raises ConfigError."""
    found: dict[str, Tariff] = {}
    for name, table in settings.providers.items():
        try:
            found |= {name: read_tariff(table["price"])} if "price" in table else {}
        except ValueError as error:
            raise ConfigError(f"providers.{name}: {error}") from None
    return found


def _rule(where: str, table: Mapping[str, Any], settings: Settings) -> Rule:
    """Raises ValueError, ConfigError among them, and UnknownDialect."""
    most = table.get("most_price")
    return Rule(
        to=tuple(each if isinstance(each, str) else _nested(where, each, settings) for each in table.get("to", ())),
        dialects=frozenset(registry.find(name).name for name in table.get("dialects", ())),
        accounts=_accounts(table.get("accounts", ()), settings),
        when={key: str(value) for key, value in table.get("when", {}).items()},
        weights=tuple(table.get("weights", ())),
        cheapest=table.get("cheapest", False),
        most_price=None if most is None else Fraction(str(most)),
        policy=LossPolicy(table["policy"]) if "policy" in table else None,
        on=frozenset(table.get("on", ())),
    )


def _nested(where: str, table: Mapping[str, Any], settings: Settings) -> Rule:
    check_kinds(f"{where}, within to", table, NESTED)
    return _rule(where, table, settings)


def account_named(name: str, dialect: str, settings: Settings) -> str:
    """The id of one listed account. Raises ValueError."""
    found = (one.account for one in settings.accounts.get(dialect, ()) if one.name == name)
    account = next(found, None)
    if account is None:
        raise ValueError(f"no account is called {name!r} in [[accounts.{dialect}]]")
    return account


def _accounts(names: Sequence[Any], settings: Settings) -> frozenset[str]:
    """The ids of listed accounts. Raises ValueError for a name that no list has."""
    listed = [one for many in settings.accounts.values() for one in many]
    for name in names:
        if not any(one.name == name for one in listed):
            raise ValueError(f"no account is called {name!r} in [[accounts.DIALECT]]")
    return frozenset(one.account for one in listed if one.name in names)
