"""Topics of Amazon SNS: what an ARN names, and where and with whose keys one publishes there. Pure texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, Self

from mediaglot.gateway.transfer.endpoint import SECRETS, Keys, read_keys, read_server, read_texts

DOMAINS: Final[Mapping[str, str]] = MappingProxyType(
    {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
)
ARN: Final = re.compile(
    rf"arn:(?P<partition>{'|'.join(DOMAINS)}):sns:(?P<region>[a-z]{{2,4}}(?:-[a-z]{{2,12}}){{1,3}}-[0-9]{{1,2}})"
    r":[0-9]{12}:(?P<name>[A-Za-z0-9_-]{1,256}(?:\.fifo)?)"
)
TEXTS: Final = frozenset({"topic", "endpoint", "access_key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    arn: str
    region: str
    server: str
    """Where its provider takes what is published: a URL."""
    fifo: bool = False

    @classmethod
    def parse(cls, arn: str) -> Self:
        """Raises ValueError."""
        found = ARN.fullmatch(arn)
        if found is None or len(found["name"]) > 256:
            raise ValueError("is no ARN of a topic, as in arn:aws:sns:eu-west-1:123456789012:films")
        region, domain = found["region"], DOMAINS[found["partition"]]
        fifo = found["name"].endswith(".fifo")
        return cls(arn=arn, region=region, server=f"https://sns.{region}.{domain}/", fifo=fifo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """An entry of the configuration: who signs for the topics whose ARN fits the pattern ``topic``.

    ``url`` is a server in the place of the provider's, and may be a local one.
    """

    topic: str
    keys: Keys
    url: str = ""

    @classmethod
    def read(cls, entry: Any) -> Self:
        """Raises ValueError."""
        given = read_texts(entry, TEXTS | SECRETS)
        keys = read_keys(given)
        if "topic" not in given or keys is None:
            raise ValueError("it wants topic, access_key and secret_key")
        if not fnmatchcase(given["topic"], "arn:*") and given["topic"] != "*":
            raise ValueError("topic is an ARN, in which * stands for anything, or *")
        return cls(topic=given["topic"], keys=keys, url=read_server(given.get("endpoint", "")))


def choose(outlets: Iterable[Outlet], topic: Topic) -> Outlet | None:
    """The first that fits."""
    return next((one for one in outlets if fnmatchcase(topic.arn, one.topic)), None)
