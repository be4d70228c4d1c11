"""The flags that several verbs share, and what they say."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mediaglot.gateway import registry
from mediaglot.gateway.config import UserError
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Login
from mediaglot.gateway.model import Secret


def dialect(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dialect", required=True, metavar="DIALECT", help="dialect, with options: name,option=value")


def credentials(command: argparse.ArgumentParser) -> None:
    command.add_argument("--user", metavar="NAME", help="the name or number of the account that requests come from")
    command.add_argument("--secret", metavar="TEXT", help="its secret; better in the environment than on the line")
    command.add_argument("--tenant", metavar="NAME", help="the account in paths, where paths name one")


def up_to(most: float, what: str) -> Callable[[str], float]:
    """Reads a number of such things, from 0 on."""

    def number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = -1
        if not 0 <= found <= most:
            raise argparse.ArgumentTypeError(f"a number of {what} from 0 to {most:g} is wanted, not {text!r}")
        return found

    return number


def dialect_of(given: Mapping[str, Any]) -> Dialect:
    """Raises UserError."""
    try:
        return registry.find(given["dialect"])
    except (registry.UnknownDialect, ValueError) as error:
        raise UserError(str(error)) from None


def login_of(given: Mapping[str, Any]) -> Login | None:
    """None where nothing was given. Raises UserError for a name without a secret."""
    name, secret, tenant = (given.get(key) or "" for key in ("user", "secret", "tenant"))
    if (name or tenant) and not secret:
        raise UserError("an account has a secret too: --secret, or its variable (see --help)")
    return Login(name=name, secret=Secret(secret), tenant=tenant) if secret else None


def url_of(text: str, flag: str) -> str:
    """Without a slash at its end. Raises UserError for what is no plain URL."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or "@" in parts.netloc:
        raise UserError(f"{flag} wants a URL such as https://api.example.com/v1, without credentials and parameters")
    return text.rstrip("/")
