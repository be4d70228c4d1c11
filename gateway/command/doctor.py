"""``mediaglot doctor``: which ffmpeg is used, what it can do, and what of our promises is missing."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, cast

import mediaglot.gateway.config as configuration
from mediaglot.gateway.backends.cache import FOLDER as CACHE
from mediaglot.gateway.backends.cache import usage
from mediaglot.gateway.command.screen import BAD, GOOD, Screen
from mediaglot.gateway.config import Settings, UserError
from mediaglot.gateway.media import capacity, sandbox
from mediaglot.gateway.media.child import leash
from mediaglot.gateway.media.chunk import LEAST
from mediaglot.gateway.media.machine import machine
from mediaglot.gateway.media.offer import lacking, offered
from mediaglot.gateway.media.tone import NEEDED
from mediaglot.gateway.media.tool import (
    PROMISED_ENCODERS,
    PROMISED_FILTERS,
    PROMISED_MUXERS,
    TRIED,
    NoTool,
    Tool,
    find,
    missing,
)
from mediaglot.gateway.transfer.sftp import INSTALL
from mediaglot.gateway.transfer.signature import INSTALL as INSTALL_S3

ORIGINS: Final = {
    "setting": "the one that is set",
    "system": "the one on PATH",
    "package": "the one that pip brought",
}
NEW: Final = ".".join(map(str, TRIED))
PROMISED: Final = {"encoders": PROMISED_ENCODERS, "muxers": PROMISED_MUXERS, "filters": PROMISED_FILTERS}
HINT: Final = (
    "Use another ffmpeg: put one that has all of this on PATH or set it (--ffmpeg, MEDIAGLOT_FFMPEG), or take the "
    "setting away. Until then, jobs that need what is missing are refused."
)
BARE: Final = (
    "Nothing can measure media: 'pip install --force-reinstall av' into this environment, or put an ffprobe beside "
    "the ffmpeg."
)

SANDBOXES: Final = {
    "bwrap": "bwrap: no network, no rights, no files but the job's own",
    "unshare": "unshare: no network, no rights, files as they are",
    "off": "none: FFmpeg is held by its own whitelists alone",
}

Row = tuple[str, ...]


def run(given: dict[str, Any]) -> int:
    settings = configuration.load({key: given.get(key) for key in ("ffmpeg", "sandbox", "config")})
    check(settings)
    others = of_providers(settings)
    screen = Screen()
    screen.pairs([("mediaglot", version("mediaglot")), ("python", f"{platform.python_version()} on {sys.platform}")])
    try:
        tool = find(settings.ffmpeg or None)
    except NoTool as error:
        screen.say(f"ffmpeg: {error}", BAD)
        return 1
    lacks = missing(tool)
    guards = of_guards(tool, cast("sandbox.Mode", settings.sandbox))
    extras = (of_sftp(), of_s3(), of_topics(settings), *others)
    screen.pairs([*of_tool(tool), *of_probe(tool), *guards, *of_machine(settings), *of_tones(tool), *extras])
    screen.say()
    screen.pairs([row for kind in PROMISED for row in of_promise(tool, kind, lacks.get(kind, []))])
    screen.pairs(of_offer(tool))
    screen.say()
    return _verdict(screen, lacks, probes=bool(tool.ffprobe or packaged("av")))


def check(settings: Settings) -> None:
    """Raises UserError for what the server would refuse, whatever is in its data folder."""
    from mediaglot.gateway.http import app, bounds, double  # noqa: PLC0415 - only what is used is loaded

    try:
        configuration.usable(replace(settings, ffmpeg=""))  # of that there is more to say
        bounds.policy_of(settings)
        (double.Double if settings.double else app.Server)(settings)
    except app.REFUSALS as error:
        raise UserError(str(error)) from None


def _verdict(screen: Screen, lacks: dict[str, list[str]], *, probes: bool) -> int:
    for wrong, hint in ((lacks, HINT), (not probes, BARE)):
        if wrong:
            screen.say(hint, BAD)
    if lacks or not probes:
        return 1
    screen.say("Everything that is promised is there.", GOOD)
    return 0


def of_tool(tool: Tool) -> list[Row]:
    """The program, its version and its licence."""
    return [
        ("ffmpeg", f"{tool.version}, {ORIGINS[tool.origin]}"),
        ("", place(tool.path)),
        ("licence", licence(tool)),
        *of_passed_over(tool),
        *of_age(tool),
    ]


def of_age(tool: Tool) -> list[Row]:
    if tool.release >= TRIED:
        return []
    return [("age", f"older than {NEW}, with which all is tested; it is not used for chunks", BAD)]


def of_passed_over(tool: Tool) -> list[Row]:
    """Why the ffmpeg on PATH is not the one that is used."""
    system = shutil.which("ffmpeg")
    if tool.origin != "package" or system is None:
        return []
    try:
        other = find(system)
    except NoTool:
        return [("on PATH", f"{place(system)} does not run")]
    if other.release < TRIED:
        return [("on PATH", f"{place(system)} is older than {NEW}: {other.version}")]
    lacks = " ".join(name for names in missing(other).values() for name in names)
    return [("on PATH", f"{place(system)} {other.version} lacks {lacks}")]


def of_probe(tool: Tool) -> list[Row]:
    if tool.ffprobe is not None:
        return [("probing", f"ffprobe beside it: {place(tool.ffprobe)}")]
    av = packaged("av")
    if av is None:
        return [("probing", "neither ffprobe nor PyAV", BAD)]
    return [("probing", f"PyAV {av} in a process of its own (no ffprobe beside this ffmpeg)")]


def of_guards(tool: Tool, mode: sandbox.Mode) -> list[Row]:
    """What the machine offers around FFmpeg, and what of it is used."""
    tied = "setpriv ties FFmpeg's life to the server's" if leash() else "no usable setpriv: orphans end at restart"
    try:
        kind = sandbox.choose(mode, tool.path)
        boxed: Row = ("sandbox", f"{SANDBOXES[kind.kind]} ({mode})")
    except sandbox.NoSandbox as error:
        boxed = ("sandbox", str(error), BAD)
    return [("leash", tied), boxed, *(("", line) for line in of_better(tool) if mode == "auto")]


def of_better(tool: Tool) -> list[str]:
    """Why bubblewrap, the better sandbox, is not the one that is used by itself."""
    if sandbox.choose("auto", tool.path).kind == "bwrap":
        return []
    lacks = [f"{program} is not there: install {package}" for program, package in sandbox.lacking("bwrap")]
    return lacks or ["bwrap does not let this ffmpeg run, as in many containers"]


def of_tones(tool: Tool) -> list[Row]:
    """What becomes of a source with high dynamic range."""
    lacks = " ".join(sorted(NEEDED - tool.filters))
    return [
        ("HDR", f"kept as it is: no {lacks}" if lacks else "becomes a standard picture where eight bits are asked for")
    ]


def of_sftp() -> Row:
    found = packaged("asyncssh")
    return ("SFTP", f"asyncssh {found}") if found else ("SFTP", f"refused, not installed: {INSTALL}")


def of_s3() -> Row:
    found = packaged("botocore")
    return ("S3", f"botocore {found}") if found else ("S3", f"public buckets only, not installed: {INSTALL_S3}")


def of_topics(settings: Settings) -> Row:
    """To which topics of Amazon SNS notifications go."""
    if not settings.sns:
        return ("SNS", "notifications to it are given up: no [[sns]] in the configuration")
    if packaged("botocore") is None:
        return ("SNS", f"notifications to it are given up, not installed: {INSTALL_S3}", BAD)
    return ("SNS", f"notifications to {', '.join(one.topic for one in settings.sns)}")


def of_providers(settings: Settings) -> list[Row]:
    """Who else works for us. Nobody is asked. Raises ConfigError for what the server would refuse."""
    if not settings.providers and not settings.routes:
        return []
    from mediaglot.gateway.http import away, bounds, provider  # noqa: PLC0415 - only what is used is loaded

    policy = bounds.policy_of(settings)
    found = {name: away.read_provider(f"providers.{name}", one, policy) for name, one in settings.providers.items()}
    away.read_tariffs(settings)
    away.entered(settings, {name: client for name, (_, client, _, _) in found.items()})
    return [
        (
            "provider",
            f"{name}: {terms.dialect.title} {'from a tape' if url == away.NOBODY else f'at {provider.host_of(url)}'}",
        )
        for name, (url, _, terms, _) in found.items()
    ]


def of_machine(settings: Settings) -> list[Row]:
    """What jobs may use, when a source is encoded in chunks, and what is kept of results."""
    own = machine(settings.cores, settings.chunk_seconds)
    there = f"{own.cores}, as set" if settings.cores else f"{own.cores} of {os.cpu_count()}"
    jobs = f"{settings.workers or capacity.workers(own.cores)} jobs at the same time"
    room = f"jobs may use {size(capacity.budget(settings.memory))} together, by estimate"
    when = f"from {int(LEAST)} s on, with more cores than one process keeps busy"
    if own.chunk is not None:
        when = f"of {float(own.chunk):g} s, wherever they can be"
    return [
        ("cores", f"{there}, {jobs}"),
        ("memory", f"{size(capacity.memory())}, {room}"),
        ("chunks", when),
        ("cache", of_cache(settings)),
        ("data", of_data(settings)),
    ]


def of_data(settings: Settings) -> str:
    """Whether what clients entrust to the data folder is encrypted there."""
    if settings.data_key.reveal():
        return "documents with clients' credentials are encrypted (data_key)"
    return "credentials of clients are stored in clear: set MEDIAGLOT_DATA_KEY, or keep the data folder private"


def of_cache(settings: Settings) -> str:
    """What the cache of the data folder holds and has spared, as its server wrote it down."""
    if not settings.cache:
        return "off"
    kept = usage(settings.data / CACHE)
    counts = kept.counts
    told = f"{counts.hits} hits, {counts.misses} misses, {counts.dropped} damaged"
    return f"{kept.entries} results, {size(kept.size)} of {size(settings.cache)}; {told}"


def size(count: int) -> str:
    """Bytes in the largest decimal unit that leaves at least one."""
    for unit, text in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {text}"
    return f"{count} bytes"


def of_promise(tool: Tool, kind: str, lacks: list[str]) -> list[Row]:
    """How much of a promised kind is there, by name, and what is not."""
    promised: frozenset[str] = PROMISED[kind]
    there = sorted(promised & getattr(tool, kind))
    rows: list[Row] = [(kind, f"{len(there)} of {len(promised)}: {' '.join(there)}")]
    return [*rows, ("", f"missing: {' '.join(lacks)}", BAD)] if lacks else rows


def of_offer(tool: Tool) -> list[Row]:
    """How many pairs of a container and a codec can be asked for, and by name those that this ffmpeg can't make."""
    pairs, lacks = offered(), lacking(tool.encoders, tool.muxers)
    whole, less = (sum(map(len, one.values())) for one in (pairs, lacks))
    rows: list[Row] = [("outputs", f"{whole - less} of {whole} pairs of container and codec, {len(pairs)} containers")]
    gone = "; ".join(f"{name}: {' '.join(codecs)}" for name, codecs in lacks.items())
    return [*rows, ("", f"can't be made, refused at submission: {gone}", BAD)] if lacks else rows


def licence(tool: Tool) -> str:
    """What the program's own build options mean for passing it on."""
    try:
        told = subprocess.run([tool.path, "-version"], check=False, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown: it does not tell"
    if "--enable-nonfree" in told:
        return "built with non-free parts: it must not be passed on"
    if "--enable-gpl" in told:
        later = "3" if "--enable-version3" in told else "2"
        return f"GPL version {later} or later; it runs as a program of its own, mediaglot itself is Apache-2.0"
    return "LGPL; it runs as a program of its own, mediaglot itself is Apache-2.0"


def packaged(name: str) -> str | None:
    """The version of an installed package that can be imported."""
    try:
        return version(name) if importlib.util.find_spec(name) is not None else None
    except PackageNotFoundError:
        return None


def place(path: str) -> str:
    """A path as short as it can be told: below here or below this environment."""
    for start, word in ((Path.cwd, "."), (lambda: Path(sys.prefix), "<environment>"), (Path.home, "~")):
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # not below it, or there is no such folder
            return f"{word}/{Path(path).relative_to(start())}"
    return path
