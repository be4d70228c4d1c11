"""A second wall behind the whitelists of ``guard.py``: FFmpeg without a network, and with bubblewrap without files.

``bwrap``: no network, no capability, process ids of its own that end with the first of them, and no files but the
job's folder, the sources that the command names, the program and its libraries. ``unshare``: no network and no
capability, files as they are. Both need what containers often forbid, so each is tried once before it is used.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from mediaglot.gateway.media.child import bare, leash

Mode = Literal["auto", "bwrap", "unshare", "off"]
Kind = Literal["bwrap", "unshare", "off"]

PATIENCE: Final = 10.0
"""Seconds that a trial may take."""
BOX: Final = ("--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--proc", "/proc")
DEVICES: Final = ("/dev/null", "/dev/urandom")
ALONE: Final = ("--user", "--map-current-user", "--net", "--")
NO_RIGHTS: Final = ("--no-new-privs", "--bounding-set", "-all", "--inh-caps", "-all")
"""For root alone: others have lost all rights by the time that their program starts."""
NEEDS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    "bwrap": (("bwrap", "bubblewrap"),),
    "unshare": (("unshare", "util-linux"), ("setpriv", "util-linux")),
    "off": (),
}
"""Kind -> the programs that make it, each with the package that brings it."""


class NoSandbox(ValueError):
    """The sandbox that was asked for can't be had; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """How one program is started."""

    kind: Kind = "off"
    libraries: tuple[str, ...] = ()
    """Folders that the program needs beside itself."""

    def prefix(self, argv: Sequence[str], cwd: Path, hears: int | None = None) -> tuple[str, ...]:
        """What goes before ``argv``, the parent's leash included; bubblewrap has one of its own.

        Where ``nested``, the program is a child of a child, for which limits that are set at once may come too late.
        So it waits until all of ``shown`` has come by the descriptor ``hears``, if one is given. Should nothing come,
        the program is not to be seen.
        """
        if self.kind == "bwrap":
            late = ("--args", str(hears)) if hears is not None else self._shown(argv, cwd)
            return (_program("bwrap"), *BOX, *late, "--")
        if self.kind == "unshare":
            rights = NO_RIGHTS if os.geteuid() == 0 else NO_RIGHTS[:1]
            return (_program("unshare"), *ALONE, _program("setpriv"), *rights, "--pdeathsig", "KILL", "--")
        return leash()

    def shown(self, argv: Sequence[str], cwd: Path) -> bytes:
        """What bubblewrap is to hear."""
        return b"".join(os.fsencode(word) + b"\0" for word in self._shown(argv, cwd))

    def _shown(self, argv: Sequence[str], cwd: Path) -> tuple[str, ...]:
        home = os.path.realpath(cwd)
        read = _read(argv, home)
        return (
            *_equipment(argv[0], self.libraries),
            *(word for place, name in _sources(read, home) for word in ("--ro-bind", place, name)),
            *("--bind", home, home),
            *(word for name in _inner(read, home) for word in ("--ro-bind", name, name)),
            *("--chdir", home),
        )

    @property
    def nested(self) -> bool:
        """Whether the process that is seen is one around the program: exit codes are 128 and more for signals."""
        return self.kind == "bwrap"


OFF: Final = Sandbox()


@functools.cache
def choose(mode: Mode, program: str) -> Sandbox:
    """The best sandbox of ``mode`` in which ``program`` runs here, tried once and remembered.

    ``auto`` ends with none where none works. Raises NoSandbox where a certain one was asked for.
    """
    if mode == "off":
        return OFF
    demand(mode)
    kinds: tuple[Kind, ...] = ("bwrap", "unshare") if mode == "auto" else (mode,)
    for kind in kinds:
        found = Sandbox(kind=kind, libraries=_libraries(program) if kind == "bwrap" else ())
        if not lacking(kind) and _runs(found, [program, "-version"]):
            return found
    if mode == "auto":
        return OFF
    raise NoSandbox(f"the sandbox {mode} does not let {program} run: set sandbox to auto or off")


@functools.cache
def offline(mode: Mode) -> tuple[str, ...]:
    """The prefix of a process that lasts and is handed one file after another: no network and no right, where it works.

    A wall around the files is not for it, since nobody knows yet which there will be.
    """
    found = Sandbox(kind="unshare")
    if mode == "off" or lacking("unshare") or not _runs(found, [shutil.which("true") or "/bin/true"]):
        return leash()
    return found.prefix([], Path())


@functools.cache
def demand(mode: Mode) -> None:
    """Raise NoSandbox where ``mode`` names a sandbox that this machine does not have or does not allow."""
    if mode == "auto":
        return
    for program, package in lacking(mode):
        raise NoSandbox(f"the sandbox {mode} needs {program}: install {package}, or set sandbox to auto or off")
    trial = [shutil.which("true") or "/bin/true"]
    whole = Sandbox(kind=mode, libraries=("/",) if mode == "bwrap" else ())
    if not _runs(whole, trial):
        raise NoSandbox(
            f"the sandbox {mode} is not allowed here, as in many containers: set sandbox to auto or off, or allow"
            " user namespaces"
        )


def lacking(kind: Kind) -> list[tuple[str, str]]:
    """The programs that are not there, each with the package that brings it."""
    return [need for need in NEEDS[kind] if shutil.which(need[0]) is None]


def _program(name: str) -> str:
    return _found(name, os.environ.get("PATH", "")) or name


@functools.cache
def _found(name: str, path: str) -> str | None:
    return shutil.which(name, path=path)


@functools.cache
def _equipment(program: str, libraries: tuple[str, ...]) -> tuple[str, ...]:
    """What is shown to each run of a program."""
    shown = [*((place, place) for place in libraries), (program, program)]
    return (
        *(word for name in DEVICES for word in ("--dev-bind", name, name)),
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *(word for place, name in shown for word in ("--ro-bind", os.path.realpath(place), name)),
    )


def _inner(read: Sequence[str], home: str) -> Iterator[str]:
    """The files in ``home`` that the command reads: they may be other names of files that belong to clients."""
    for path in read:
        if _within(path, home) and not Path(path).is_symlink() and Path(path).is_file():
            yield path


def _sources(read: Sequence[str], home: str) -> Iterator[tuple[str, str]]:
    """The files outside of ``home`` that the command reads, and the names by which it knows them."""
    for path in read:
        real = os.path.realpath(path)
        if os.path.lexists(path) and not _within(real, home):
            yield from ((real, each) for each in sorted({real, path}))


def _within(path: str, home: str) -> bool:
    return path.startswith(f"{home}{os.sep}")


def _read(argv: Sequence[str], home: str) -> list[str]:
    return [os.path.join(home, name) for word, name in pairwise(argv) if word == "-i"]  # noqa: PTH118 - thrice as fast


def _libraries(program: str) -> tuple[str, ...]:
    """The folders of what the dynamic linker would load for ``program``; none for a static one."""
    try:
        told = subprocess.run(
            [_program("ldd"), program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env=bare(),
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(sorted({str(Path(path).parent) for path in re.findall(r"(/\S+) \(0x", told)}))


def _runs(sandbox: Sandbox, argv: Sequence[str]) -> bool:
    with tempfile.TemporaryDirectory(prefix="mediaglot-") as folder:
        try:
            done = subprocess.run(
                [*sandbox.prefix(argv, Path(folder)), *argv],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=PATIENCE,
                env=bare(),
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0
