"""How a client wants an object to be stored: options of its URL as headers of the request. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mediaglot.gateway.faults import DeliveryForbidden
from mediaglot.gateway.model import Access
from mediaglot.gateway.transfer.bucket import Place, option

ACLS: Final = frozenset(
    "private public-read public-read-write authenticated-read aws-exec-read bucket-owner-read "
    "bucket-owner-full-control log-delivery-write".split()
)
GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "public-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"',
        "authenticated-read": 'uri="http://acs.amazonaws.com/groups/global/AuthenticatedUsers"',
    }
)
PLAIN: Final = re.compile(r"[\x20-\x7e]{1,1000}")
WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
HEADERS: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = MappingProxyType(
    {
        "content_type": ("Content-Type", PLAIN),
        "content_disposition": ("Content-Disposition", PLAIN),
        "cache_control": ("Cache-Control", PLAIN),
        "storage_class": ("x-amz-storage-class", WORD),
    }
)


def manner(place: Place, access: Access | None, content_type: str | None = None) -> dict[str, str]:
    """Headers of the request that makes the object. Raises DeliveryForbidden (``reason``: the option).

    A type that the client names goes before ours.
    """
    given = wishes(place, access)
    if content_type is not None:
        given.setdefault("content_type", content_type)
    headers = {}
    for name, (header, pattern) in HEADERS.items():
        if value := given.get(name):
            headers[header] = _checked(name, value, pattern)
    return headers | _grants(given.get("acl", ""), given.get("canonical_id", ""))


def wishes(place: Place, access: Access | None) -> dict[str, str]:
    """The options beside the URL go before those in it."""
    beside = access.options if access is not None else {}
    return {**place.options, **{option(name): value for name, value in beside.items()}}


def _grants(acl: str, canonical: str) -> dict[str, str]:
    """Either a ready-made list or one of our own: no store takes both."""
    if acl and acl not in ACLS:
        raise DeliveryForbidden(reason="acl")
    if not canonical:
        return {"x-amz-acl": acl} if acl else {}
    readers = [f'id="{_checked("canonical_id", one, WORD)}"' for one in canonical.split(",")]
    return {"x-amz-grant-read": ", ".join([*readers, *([GROUPS[acl]] if acl in GROUPS else [])])}


def _checked(name: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise DeliveryForbidden(reason=name)
    return value
