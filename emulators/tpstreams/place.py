"""S3 places with their credentials in the query part: ``s3://bucket/key/?access_key=...&secret_key=...&region=...``.

The provider's domain may come first: ``s3://wasabisys.com/bucket/key/?...``. Section 2.1 of the reference.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from mediaglot.gateway.address import BLANKS, CONTROLS, read_location, write_location
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import Value

DOMAINS: Final = ("wasabisys.com", "amazonaws.com", "digitaloceanspaces.com", "backblazeb2.com", "scw.cloud")
"""Those that name a provider; anything else before the first slash is a bucket, dots or not."""
KEYS: Final = {"access_key": "user", "secret_key": "password", "region": "region"}


def read_place(text: str, *, folder: bool) -> Location:
    """A folder, or an object, whose key has no slash at its end. Raises ValueError."""
    place, _, query = text.partition("?")
    scheme, mark, path = place.partition("://")
    names = path.split("/")
    bucket = names[1] if names[0].lower() in DOMAINS and len(names) > 1 else names[0]
    if scheme.lower() != "s3" or not mark or not bucket or bucket.lower() in DOMAINS:
        raise ValueError("must be an S3 path such as s3://bucket/path/")
    if BLANKS.search(path) or ".." in names or CONTROLS.search(unquote(names[0])):
        raise ValueError("is not a usable S3 path")
    url = place.rstrip("/") + ("/" if folder else "")
    return Location(url=url, access=_access(query), spelling=Secret(text))


def _access(query: str) -> Access | None:
    """Values are percent-decoded, but a plus stays one: secrets have them. Raises ValueError."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    given = {name: unquote(value) for name, _, value in pairs}
    if not given:
        return None
    if any(CONTROLS.search(value) for value in given.values()):
        raise ValueError("is not a usable S3 path")
    return Access(
        user=given.pop("access_key", None),
        password=Secret(given.pop("secret_key")) if "secret_key" in given else None,
        region=given.pop("region", None),
        options=given,
    )


def write_place(location: Location) -> str:
    """Raises ValueError for what is no S3 URL."""
    if not location.url.lower().startswith("s3://"):
        raise ValueError("can only be written as an S3 path")
    access = location.access or Access()
    secret = access.password.reveal() if access.password is not None else None
    given = {"access_key": access.user, "secret_key": secret, "region": access.region, **access.options}
    path, _, query = location.url.partition("?")
    pairs = [f"{name}={quote(value, safe='/')}" for name, value in given.items() if value is not None]
    query = "&".join([*([query] if query else []), *pairs])
    return f"{path}?{query}" if query else path


def write_folder(location: Location) -> str:
    """Its slash comes before the credentials. Raises ValueError."""
    path, mark, query = location.url.partition("?")
    return write_place(replace(location, url=f"{path.rstrip('/')}/{mark}{query}"))


def has_credentials(location: Location) -> bool:
    return location.access is not None and None not in (location.access.user, location.access.password)


def read_source(text: str) -> Location:
    """A URL of the web, or an S3 object. Raises ValueError."""
    return read_place(text, folder=False) if text.lower().startswith("s3:") else read_location(text)


def write_source(location: Location) -> str:
    return write_place(location) if location.url.lower().startswith("s3:") else write_location(location)


def spelled(location: Location) -> str:
    """As the client wrote it, credentials included; written anew for one that came another way."""
    if location.spelling is not None:
        return location.spelling.reveal()
    try:
        return write_source(location)
    except ValueError:
        return location.url


FOLDER: Final = Value(lambda value: read_place(str(value), folder=True), write_folder)
SOURCE: Final = Value(lambda value: read_source(str(value)), write_source)
