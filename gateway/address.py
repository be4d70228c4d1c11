"""URLs as Locations, read and written: user name and password go beside the address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from mediaglot.gateway.model import Access, Location, Secret

LONGEST: Final = 8192
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
BLANKS: Final = re.compile(r"[\x00-\x20]")
ON_HOSTS: Final = frozenset({"http", "https", "ftp", "ftps", "sftp", "s3", "fasp"})
USUAL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*+://)(?:(?P<user>[\w.~-]++)(?::(?P<password>[\w.~-]*+))?@)?"
    r"(?P<place>[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]{1,4})?(?:/[\w/.~+=&%-]*)?)",
    re.ASCII,
)
"""URLs of which nothing has to be decoded, and that are put together again as they were."""


BARE: Final = re.compile(r"(?P<host>[a-z][a-z0-9]*://[\w.:@%-]+)(?P<path>/[\w.%/-]*)", re.ASCII)
"""URLs without anything behind their paths."""


def read_location(value: Any) -> Location:
    """A URL in its client's spelling; a user name and password inside it become its Access."""
    if isinstance(value, (dict, list)):
        raise ValueError("must be a single value")
    text = str(value).strip()
    if len(text) <= LONGEST and (match := USUAL.fullmatch(text)):
        return _usual(text, *match.groups())
    if len(text) > LONGEST or CONTROLS.search(text):
        raise ValueError("is not a usable URL")
    return _unusual(text)


def _usual(text: str, scheme: str, user: str | None, password: str | None, place: str) -> Location:
    if user is None:
        return Location(url=text, spelling=Secret(text))
    access = Access(user=user, password=Secret(password) if password else None)
    return Location(url=f"{scheme}{place}", access=access, spelling=Secret(text))


def _unusual(text: str) -> Location:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if not parts.scheme or not (parts.netloc or parts.path) or (parts.scheme in ON_HOSTS and not parts.hostname):
        raise ValueError("is not a URL")
    user_info, at, host = parts.netloc.rpartition("@")
    if not at:
        return Location(url=text, spelling=Secret(text))
    user, _, password = user_info.partition(":")
    user, password = unquote(user), unquote(password)
    if CONTROLS.search(user + password):
        raise ValueError("is not a usable URL")
    access = Access(user=user, password=Secret(password) if password else None)
    return Location(url=urlunsplit(parts._replace(netloc=host)), access=access, spelling=Secret(text))


def with_path(url: str, change: Callable[[str], str]) -> str:
    """The URL with another path; what follows the path stays."""
    if match := BARE.fullmatch(url):
        return f"{match['host']}{change(match['path'])}"
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=change(parts.path)))


def beside(url: str, name: str) -> str:
    """A file of a package whose master playlist, or whose folder, is at ``url``."""
    is_master = url.partition("?")[0].lower().endswith(".m3u8")
    return with_path(url, lambda path: f"{path.rpartition('/')[0] if is_master else path.rstrip('/')}/{quote(name)}")


def is_usual(location: Location) -> bool:
    """Whether ``read_location`` is sure to give this back from what ``write_location`` makes of it: nothing has to be
    quoted, and a URL can say all that there is."""
    access, match = location.access, USUAL.fullmatch(location.url)
    if match is None or match["user"] is not None or len(location.url) > LONGEST // 2:
        return False
    if access is None:
        return True
    if access.region is not None or access.options:
        return False
    password = access.password
    return _is_word(access.user) and (password is None or _is_word(password.reveal()))


def _is_word(text: str | None) -> bool:
    return text is not None and text.isascii() and text.isalnum() and len(text) <= LONGEST // 8


def write_location(location: Location) -> str:
    if location.access is None or location.access.user is None:
        return location.url
    password = f":{_quoted(location.access.password.reveal())}" if location.access.password else ""
    login = f"{_quoted(location.access.user)}{password}@"
    if (match := USUAL.fullmatch(location.url)) and match["user"] is None:
        return f"{match['scheme']}{login}{match['place']}"
    parts = urlsplit(location.url)
    return urlunsplit(parts._replace(netloc=f"{login}{parts.netloc}"))


def _quoted(text: str) -> str:
    return text if text.isascii() and text.isalnum() else quote(text, safe="")
