"""How clients say who they are, as OpenAPI's security schemes."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway.auth import Auth, HeaderToken, SignedQuery
from mediaglot.gateway.dialect import Dialect, Route

Tree = dict[str, Any]
HEADER: Final = "token"
QUERY: Final = "tokenInQuery"
SIGNED: Final = "signedUrl"


def schemes(auth: Auth) -> dict[str, Tree]:
    """By name. None for credentials that are part of the document, which its schema tells of."""
    if isinstance(auth, SignedQuery):
        about = f"The last parameter of a URL that was signed; {auth.name}, {auth.until} and {auth.many} go with it."
        return schemes(auth.otherwise) | {SIGNED: _key("query", auth.signature, about)}
    if not isinstance(auth, HeaderToken):
        return {}
    found = {HEADER: _header(auth)}
    if auth.parameter:
        found[QUERY] = _key("query", auth.parameter, "Instead of the header.")
    return found


def demanded(dialect: Dialect, route: Route) -> list[Tree]:
    """The alternatives for one operation; none where nothing is wanted."""
    if route.public:
        return []
    signed = isinstance(dialect.auth, SignedQuery) and route.path.startswith(dialect.auth.paths)
    names = [name for name in schemes(dialect.auth) if name != SIGNED or signed]
    scopes = [route.scope] if route.scope else []
    wanted: list[Tree] = [{name: [] if name == SIGNED else scopes} for name in names]
    return [*wanted, {}] if wanted and route.guests else wanted


def _header(auth: HeaderToken) -> Tree:
    if auth.scheme.lower() == "bearer":
        return {"type": "http", "scheme": "bearer"}
    return _key("header", "Authorization", f"The word {auth.scheme}, a space, and the token.")


def _key(place: str, name: str, about: str) -> Tree:
    return {"type": "apiKey", "in": place, "name": name, "description": about}
