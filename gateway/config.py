"""Settings: one name each, as a flag, an environment variable and a key of the TOML file, in that order.

``port`` is ``--port``, ``MEDIAGLOT_PORT`` and ``port = ...``. Credentials have no flag: a process's arguments
are public.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.model import Secret
from mediaglot.gateway.transfer.endpoint import Endpoint
from mediaglot.gateway.transfer.topic import Outlet

PREFIX = "MEDIAGLOT_"
PROGRESSIONS: Final = ("timed", "immediate", "manual")
SECRETS: Final = re.compile(
    rf"{PREFIX}(?:(?:S3|SNS)_(?:ACCESS_KEY|SECRET_KEY|SESSION_TOKEN)|PROVIDER_[A-Z0-9_]+_SECRET)"
)
"""Variables of credentials in tables of the file."""
POLICIES: Final = ("strict", "essential", "warn", "silent")


class UserError(Exception):
    """Something that the user can mend: one line that says what is wrong and what to do, shown without a trace."""


class ConfigError(UserError, ValueError):
    """A setting can't be used; the message names it, and where it came from."""


def setting(default: Any, about: str, **more: Any) -> Any:
    return field(default=default, metadata={"about": about, **more})


def secret() -> Any:
    """Without a flag: from the environment, or from the file."""
    return field(default=Secret(""), metadata={"table": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str = setting("127.0.0.1", "address that the server listens on")
    port: int = setting(8080, "port that the server listens on, 0 for a free one", least=0, most=65_535)
    proxy_port: int = setting(
        -1,
        "port of the proxy for clients with a compiled-in host, 0 for a free one, -1 for none",
        least=-1,
        most=65_535,
    )
    data: Path = setting(Path("mediaglot-data"), "folder for the database, the sources and the results")
    backend: str = setting(
        "auto", "who does the work; auto: ffmpeg, but for a double", choices=("auto", "ffmpeg", "simulated")
    )
    double: bool = setting(False, "be a test double: a world for each credential, steered through /_mediaglot/worlds")
    seed: int = setting(0, "seed of the random numbers in a double's worlds")
    seed_file: str = setting("", "JSON file with steps (requests, clock) for every world that a test makes")
    clock: str = setting("real", "the clock of a double's worlds", choices=("real", "virtual"))
    workers: int = setting(0, "jobs that encode at the same time, 0 for half as many as cores, at least 2", least=0)
    memory: int = setting(0, "bytes that running jobs may use together, 0 for most of what there is", least=0)
    stream_copy: bool = setting(True, "copy a track that is in the source just as it is asked for")
    cache: int = setting(0, "bytes of finished results to keep for the same work again, 0 for none", least=0)
    progression: str = setting(
        "timed", "how simulated jobs advance: with time, at once, or one step at each look", choices=PROGRESSIONS
    )
    speed: int = setting(30, "seconds of media that are simulated in one second", least=1)
    url: str = setting("", "external base URL that answers use, e.g. https://media.example.com")
    dialects: tuple[str, ...] = setting((), "dialects to serve, with options: name,option=value; none means all")
    allow_dir: tuple[Path, ...] = setting((), "directory that file:// destinations may lie below")
    file_sources: bool = setting(False, "read file:// sources too, below the same directories")
    local_addresses: str = setting(
        "auto", "reach private and loopback addresses; auto: while listening on loopback", choices=("auto", "on", "off")
    )
    allow_host: tuple[str, ...] = setting((), "host to reach and no other, as in example.com or *.example.com")
    deny_host: tuple[str, ...] = setting((), "host never to reach")
    allow_port: tuple[str, ...] = setting((), "port, or range as in 8000-8999, to reach and no other")
    deny_port: tuple[str, ...] = setting((), "port or range never to reach")
    allow_network: tuple[str, ...] = setting((), "network to reach though it is not public, as in 10.1.0.0/16")
    deny_network: tuple[str, ...] = setting((), "network never to reach, but for narrower ones that are allowed")
    ffmpeg: str = setting("", "the ffmpeg program, instead of the one on PATH or the packaged one")
    durable: bool = setting(False, "wait for the disk at each commit, to survive a power cut")
    max_body: int = setting(4_000_000, "largest request body in bytes", least=1000)
    client_patience: float = setting(75.0, "seconds for a request, silence between two, and an answer unread", least=1)
    max_source: int = setting(50_000_000_000, "largest source in bytes", least=1)
    connect_timeout: float = setting(10.0, "seconds to wait for a source's server", least=0)
    fetch_stall: float = setting(30.0, "seconds without a byte after which a source counts as dead", least=0)
    fetch_time: float = setting(21_600.0, "seconds that fetching a source may take in all", least=0)
    deliver_patience: float = setting(
        120.0, "seconds that a destination in trouble is tried again before it is given up", least=0
    )
    cores: int = setting(0, "cores to encode with, 0 for all that this process may use", least=0)
    chunk_seconds: float = setting(0.0, "seconds of each chunk of a source, 0 for chunks only where they pay", least=0)
    max_damage: float = setting(
        5.0, "percent of a source's pictures or sound that may be lost to damage, 0 for none", least=0, most=50
    )
    encode_stall: float = setting(60.0, "seconds without progress after which FFmpeg is ended", least=0)
    encode_time: float = setting(86_400.0, "seconds that one run of FFmpeg may take", least=0)
    encode_cpu: int = setting(1_000_000, "seconds of CPU that one run of FFmpeg may take, over all cores", least=1)
    encode_memory: int = setting(
        32_000_000_000, "bytes of address space for one FFmpeg, about four times what it uses", least=100_000_000
    )
    encode_output: int = setting(200_000_000_000, "bytes of the largest file that FFmpeg may write", least=1)
    sandbox: str = setting("auto", "what FFmpeg runs in", choices=("auto", "bwrap", "unshare", "off"))
    storage: tuple[str, ...] = setting((), "URL=DIR: that bucket or file server is a directory, as in s3://films=/srv")
    offline_storage: bool = setting(True, "all other buckets and file servers are folders of the data folder")
    ca_bundle: str = setting("", "file with certificates (PEM) to trust beside those of the system")
    ftp_tls: str = setting("off", "encrypt ftp:// after AUTH TLS", choices=("off", "offered", "always"))
    ssh_key: str = setting("", "private key (not encrypted) for SFTP, where a URL brings no password")
    ssh_known_hosts: str = setting("", "known_hosts file with the keys of SFTP servers")
    ssh_host_key: tuple[str, ...] = setting((), "SHA256:... or HOST=SHA256:...: the key that an SFTP server must have")
    ssh_strict: bool = setting(False, "refuse SFTP servers of which no key is known, instead of remembering the first")
    policy: str = setting("essential", "what a translation may lose; work here heeds strict only", choices=POLICIES)
    loosest_policy: str = setting("silent", "the loosest policy that a request's header may ask for", choices=POLICIES)
    s3: tuple[Endpoint, ...] = field(default=(), metadata={"table": True})
    sns: tuple[Outlet, ...] = field(default=(), metadata={"table": True})
    smtp_host: str = setting("", "mail server for notifications by e-mail; none means that there are none")
    smtp_port: int = setting(25, "port of the mail server", least=1, most=65_535)
    smtp_from: str = setting("mediaglot@localhost", "sender of notifications by e-mail")
    smtp_tls: str = setting("off", "encryption on the way to the mail server", choices=("off", "starttls", "tls"))
    smtp_user: str = setting("", "user name at the mail server, which goes with smtp_password in the file")
    smtp_password: Secret = secret()
    data_key: Secret = secret()
    data_key_old: Secret = secret()
    control_token: Secret = secret()
    keep_jobs: float = setting(0.0, "days that a job is remembered after its end, 0 for ever", least=0)
    keep_results: float = setting(
        0.0, "days that files behind our own links, and uploads that no job uses, are kept, 0 for ever", least=0
    )
    keep_letters: float = setting(90.0, "days that notifications are listed after their end, 0 for ever", least=0)
    check_contract: bool = setting(False, "hold every request and every answer against the dialect's schemas")
    log_level: str = setting("info", "how much to log", choices=("debug", "info", "warning", "error"))
    accounts: Mapping[str, Sequence[Credential]] = field(default_factory=dict, metadata={"table": True})
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, metadata={"table": True})
    routes: tuple[Mapping[str, Any], ...] = field(default=(), metadata={"table": True})
    account_policies: Mapping[tuple[str, str], str] = field(
        default_factory=dict, metadata={"table": True, "derived": True}
    )
    """By dialect and account, from ``policy`` in ``[[accounts.DIALECT]]``."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every credential among the settings."""
        own = [getattr(self, name) for name in _secret_names()]
        signers = (*(one.keys for one in self.s3), *(one.keys for one in self.sns))
        own += [one for keys in signers if keys for one in (keys.secret, keys.token)]
        own += [table["secret"] for table in self.providers.values() if table.get("secret")]
        own += [one.secret for many in self.accounts.values() for one in many]
        return tuple(one for one in own if one is not None and one.reveal())


def flags(parser: argparse.ArgumentParser, only: Sequence[str] | None = None) -> None:
    """Add a flag for each setting, or for those in ``only``, and ``--config``."""
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings [MEDIAGLOT_CONFIG]")
    for item in (item for item in _plain() if only is None or item.name in only):
        flag, many = f"--{item.name.replace('_', '-')}", isinstance(item.default, tuple)
        shown = ", may be repeated" if many else f", default {item.default}" if item.default != "" else ""
        about = f"{item.metadata['about']} [{PREFIX}{item.name.upper()}{shown.lower()}]"
        if isinstance(item.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=about)
        else:
            action = "append" if many else "store"
            parser.add_argument(flag, action=action, metavar=_metavar(item), default=None, help=about)


def _metavar(item: Field[Any]) -> str:
    """What a flag takes: its choices, or the kind of value."""
    if choices := item.metadata.get("choices"):
        return "|".join(choices)
    if isinstance(item.default, int):
        return "N"
    if isinstance(item.default, float):
        return str(item.metadata["about"].partition(" ")[0]).upper()
    return "DIR" if isinstance(item.default, Path) or item.name.endswith("dir") else item.name.upper()


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from flags, then the environment, then the file. Raises ConfigError."""
    path = given.get("config") or environment.get(f"{PREFIX}CONFIG")
    table = _read_file(Path(path)) if path else {}
    unknown = table.keys() - {item.name for item in fields(Settings) if not item.metadata.get("derived")}
    if unknown:
        raise ConfigError(f"{path}: there is no setting called {min(unknown)!r}{_meant(min(unknown))}")
    values = _listed(table.get("accounts", {}), str(path))
    values["providers"] = _providers(table.get("providers", {}), environment, str(path))
    values["routes"] = _routes(table, path)
    for name in _secret_names():
        if found := environment.get(f"{PREFIX}{name.upper()}") or table.get(name):
            values[name] = _secret(found, f"{path}: {name}")
    for name, read in ENTRIES.items():
        values[name] = _entries(name, read, table.get(name, []), environment, str(path))
    for item in _plain():
        variable = f"{PREFIX}{item.name.upper()}"
        for value, origin in (
            (given.get(item.name), f"--{item.name.replace('_', '-')}"),
            (environment.get(variable) or None, variable),
            (table.get(item.name), f"{path}: {item.name}"),
        ):
            if value is not None:
                values[item.name] = _convert(item, value, origin)
                break
    return Settings(**values)


def usable(settings: Settings) -> Settings:
    """The same, for a server that is to be seen from outside. Raises ConfigError."""
    url = settings.url
    if url and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
        raise ConfigError(f"url: {url!r} is no base URL such as https://media.example.com")
    if settings.double and (settings.providers or settings.routes):
        raise ConfigError("double: a test double asks no other providers; take them and their routes out, or double")
    if settings.ffmpeg and not shutil.which(settings.ffmpeg):
        raise ConfigError(f"ffmpeg: {settings.ffmpeg!r} is not there or may not be executed: correct or remove it")
    return settings


def forget(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take the secrets out of the environment, which every child process would get."""
    for name in [each for each in environment if SECRETS.fullmatch(each)]:
        del environment[name]
    for name in _secret_names():
        environment.pop(f"{PREFIX}{name.upper()}", None)


def _plain() -> list[Field[Any]]:
    return [item for item in fields(Settings) if not item.metadata.get("table")]


def _secret_names() -> list[str]:
    return [item.name for item in fields(Settings) if isinstance(item.default, Secret)]


def _meant(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for mistakes only

    known = [item.name for item in fields(Settings) if not item.metadata.get("derived")]
    near = get_close_matches(name.replace("-", "_").lower(), known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        hint = f"--config or {PREFIX}CONFIG names a file with settings (TOML)"
        raise ConfigError(f"cannot read {path}: {error.strerror}; {hint}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: it is no text in UTF-8, as TOML is") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


KINDS: Final[Mapping[type, str]] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _convert(item: Field[Any], value: Any, origin: str) -> Any:
    default = item.default
    if isinstance(default, tuple):
        return _parts(item, value, origin)
    try:
        converted = Path(_as(str, value)) if isinstance(default, Path) else _as(type(default), value)
    except ValueError:
        kind = KINDS.get(type(default), "a path")
        raise ConfigError(f"{origin}: {value!r} is not {kind}") from None
    choices, least, most = (item.metadata.get(key) for key in ("choices", "least", "most"))
    if choices and converted not in choices:
        raise ConfigError(f"{origin}: {value!r} is not one of {', '.join(choices)}")
    if least is not None and converted < least:
        raise ConfigError(f"{origin}: {value!r} is less than {least}")
    if most is not None and converted > most:
        raise ConfigError(f"{origin}: {value!r} is more than {most}")
    return converted


def _as(kind: type, value: Any) -> Any:
    """``value`` as a ``kind``: from its text, or where it is one already. Raises ValueError."""
    if kind is bool:
        return _truth(value)
    if isinstance(value, str):
        converted = kind(value)
    elif isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise ValueError("is of another kind")
    else:
        converted = kind(value)
    if kind is float and not math.isfinite(converted):
        raise ValueError("is not finite")
    return converted


def _parts(item: Field[Any], value: Any, origin: str) -> tuple[Any, ...]:
    """Several values: a repeated flag, a list in the file, or one text with separators."""
    paths = item.name.endswith("dir")
    if isinstance(value, dict):
        value = [f"{key}={inner}" if isinstance(inner, str) else inner for key, inner in value.items()]
    parts = value.split(os.pathsep if paths else ";") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ConfigError(f"{origin}: {value!r} is not a list of texts")
    return tuple(Path(part) if paths else part for part in parts if part)


def folders(storage: Sequence[str]) -> dict[str, Path]:
    """The directories of ``Settings.storage`` by URL. Raises ConfigError."""
    found = {}
    for pair in storage:
        url, _, folder = pair.rpartition("=")
        if not url or not folder:
            raise ConfigError(f"storage: {pair!r} is not URL=DIR")
        found[url] = Path(folder).resolve()
    return found


ENTRIES: Final[Mapping[str, Callable[[Any], Any]]] = {"s3": Endpoint.read, "sns": Outlet.read}


def _entries(
    kind: str, read: Callable[[Any], Any], table: Any, environment: Mapping[str, str], path: str
) -> tuple[Any, ...]:
    """One entry of ``MEDIAGLOT_S3_ENDPOINT`` and its like, and those of ``[[s3]]``."""
    prefix = f"{PREFIX}{kind.upper()}_"
    given = {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if value and name.startswith(prefix)
    }
    if not isinstance(table, list):
        raise ConfigError(f"{path}: {kind} is not a list of tables [[{kind}]]")
    entries = [(given, f"{prefix}...")] if given else []
    found = []
    for entry, origin in [*entries, *((entry, f"{path}: [[{kind}]]") for entry in table)]:
        try:
            found.append(read(entry))
        except ValueError as error:
            raise ConfigError(f"{origin}: {error}") from None
    return tuple(found)


def _truth(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError("is not true or false") from None


def _secret(value: Any, origin: str) -> Secret:
    if not isinstance(value, str):
        raise ConfigError(f"{origin}: it is not a text")
    return Secret(value)


def _listed(table: Any, path: str) -> dict[str, Any]:
    """``[[accounts.<dialect>]]`` with ``name``, ``secret`` and maybe ``policy``: two settings come of it."""
    accounts, policies = {}, {}
    try:
        for dialect, entries in table.items():
            accounts[dialect] = tuple(Credential(str(one["name"]), Secret(str(one["secret"]))) for one in entries)
            for credential, one in zip(accounts[dialect], entries, strict=True):
                if policy := _policy(one, f"{path}: accounts.{dialect}"):
                    policies[dialect, credential.account] = policy
    except (AttributeError, KeyError, TypeError):
        raise ConfigError(f"{path}: [[accounts.DIALECT]] wants name = ... and secret = ...") from None
    return {"accounts": accounts, "account_policies": policies}


def _policy(entry: Mapping[str, Any], origin: str) -> str:
    if strange := entry.keys() - {"name", "secret", "policy"}:
        raise ConfigError(f"{origin}: there is no {min(strange)!r}, but name, secret, policy")
    if entry.get("policy", POLICIES[0]) not in POLICIES:
        raise ConfigError(f"{origin}: policy is one of {', '.join(POLICIES)}")
    return str(entry.get("policy", ""))


def _providers(table: Any, environment: Mapping[str, str], path: str) -> dict[str, Mapping[str, Any]]:
    """``[providers.<name>]``; the secret may come from ``MEDIAGLOT_PROVIDER_<NAME>_SECRET``."""
    found: dict[str, Mapping[str, Any]] = {}
    if not isinstance(table, dict) or not all(isinstance(each, dict) for each in table.values()):
        raise ConfigError(f"{path}: a provider is written as [providers.NAME], once, and its keys below that")
    for name, given in table.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == "local":
            raise ConfigError(f"{path}: [providers.NAME] wants a name of small letters, digits and _, but not 'local'")
        told = environment.get(f"{PREFIX}PROVIDER_{name.upper()}_SECRET") or given.get("secret")
        found[name] = given if told is None else {**given, "secret": _secret(told, f"{path}: providers.{name}.secret")}
    return found


def _routes(table: Mapping[str, Any], path: object) -> tuple[Mapping[str, Any], ...]:
    routes = table.get("routes", [])
    if not isinstance(routes, list) or not all(isinstance(each, dict) for each in routes):
        raise ConfigError(f"{path}: routes are written as [[routes]], one for each")
    return tuple(routes)
