"""The command line: serve, env, translate, route, demo, dialects, doctor, notifications, contract."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from mediaglot.gateway import config, log
from mediaglot.gateway.config import POLICIES, Settings, UserError

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

POLICY: Final = "what is forbidden (exit code 1): any loss, one that changes the picture, or none (warn, silent)"
LULL: Final = 0.3
"""Seconds after the start in which the first requests have the processor for themselves: dialects that nobody has asked
for are loaded afterwards."""
FILES: Final = 16_384
"""Open files that a server takes where it may, as each client is one: shells give fewer."""
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FILE: Final = "the request that creates the job, its body or all of it; '-' or nothing is standard input"


class Parser(argparse.ArgumentParser):
    """Complains in one line, takes no abbreviated flags. A flag that is no setting is an environment variable too, with
    the command's name: ``mediaglot env --shell`` is ``MEDIAGLOT_ENV_SHELL``."""

    def __init__(self, **more: Any) -> None:
        self._variables: dict[str, tuple[str, argparse.Action]] = {}
        self._heard: list[str] = []
        super().__init__(allow_abbrev=False, **more)

    def add_argument(self, *names: str, **more: Any) -> argparse.Action:
        flag, about = names[0], more.get("help") or ""
        if not flag.startswith("--") or config.PREFIX in about or flag == "--version":
            return super().add_argument(*names, **more)
        variable = f"{config.PREFIX}{self.prog.split()[-1]}_{flag[2:]}".upper().replace("-", "_")
        shown = f", default {more['default']}".replace("%", "%%") if more.get("default") else ""
        added = super().add_argument(*names, **{**more, "help": f"{about} [{variable}{shown}]"})
        self._variables[flag] = variable, added
        return added

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args([*self._from_environment(words), *words], namespace)

    def _from_environment(self, words: Sequence[str]) -> Iterator[str]:
        """Flags that are not among ``words``."""
        given = {word.partition("=")[0] for word in words}
        for flag, (variable, action) in self._variables.items():
            value = os.environ.get(variable)
            if not value or flag in given:
                continue
            self._heard.append(variable)
            if action.nargs != 0:
                yield f"{flag}={value}"
            elif value.lower() not in {"0", "false", "no"}:
                yield flag

    def misunderstand(self, words: Sequence[str]) -> NoReturn:
        from difflib import get_close_matches  # noqa: PLC0415 - for mistakes only

        flag = words[0].partition("=")[0]
        near = get_close_matches(flag, self._option_string_actions, 1) if flag.startswith("--") else []
        hint = f"; did you mean {near[0]}?" if near else ""
        self.error(f"unrecognized arguments: {' '.join(words)}{hint}")

    def error(self, message: str) -> NoReturn:
        origin = f" (of {', '.join(self._heard)})" if self._heard else ""
        self.exit(2, f"{self.prog}: {message}{origin}; see '{self.prog} --help'\n")


class Late(Parser):
    """The parser of a verb: its flags are those of the module of its name, which is loaded when the verb is given."""

    room = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        importlib.import_module(self.room).flags(self)
        return super().parse_known_args(args, namespace)


class Version(argparse.Action):
    """Looked up when it is asked for: that takes longer than to read the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"mediaglot {version('mediaglot')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 all well, 1 it did not succeed, 2 the command can't be followed, 130 interrupted, 141 unread."""
    _furnish()
    try:
        return _told(argv)
    except UserError as error:
        print(f"mediaglot: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _hush()
        return 141
    except OSError as error:
        if error.errno not in FULL:
            raise
        _hush()
        print(f"mediaglot: cannot write what it says: {error.strerror}; make room", file=sys.stderr)
        return 2


def _told(argv: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        given, rest = parser.parse_known_args(argv)
        if rest:
            given.whose.misunderstand(rest)
        if given.run is None:
            parser.print_help(sys.stderr)
            return 2
        return int(given.run(vars(given)) or 0)
    finally:
        sys.stdout.flush()  # here, where it is known what to do when nobody reads


def _furnish() -> None:
    """Whoever was started with a closed standard stream has one that leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as we live


def _hush() -> None:
    """What is left to say to standard output leads nowhere, so that the interpreter does not complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="mediaglot",
        description="One server that speaks the HTTP dialects of video-transcoding providers and really transcodes.",
    )
    parser.set_defaults(run=None, whose=parser)
    parser.add_argument("--version", action=Version, nargs=0, help="print which one it is")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    serve = _command(commands, "serve", "start the server; prints its base URL on stdout when it answers")
    serve.set_defaults(run=_serve)
    config.flags(serve)
    _env(_command(commands, "env", "print the variables that point a client of a dialect at the running server"))
    _translate(commands)
    _route(commands)
    demo = _command(commands, "demo", "run a real job through every dialect and show what came out")
    demo.add_argument("--keep", metavar="DIR", help="save the files that come out in this folder")
    dialects = _command(
        commands, "dialects", "list the installed dialects, their operations, and the evidence for them"
    )
    dialects.add_argument("name", nargs="?", help="show only this one, in full")
    dialects.add_argument("--openapi", action="store_true", help="print this one as an OpenAPI 3.1 document")
    about = "print the evidence for each operation, field and error; with --pages, write a page for each dialect"
    dialects.add_argument("--evidence", action="store_true", help=about)
    about = "write the grammars (RELAX NG) of their XML messages into this folder, one folder each"
    dialects.add_argument("--grammars", metavar="DIR", help=about)
    pages = "write pages on what is lost between each two dialects into this folder"
    dialects.add_argument("--pages", metavar="DIR", help=pages)
    doctor = _command(commands, "doctor", "say which ffmpeg is used, what it can do and what is missing")
    _notifications(
        _command(commands, "notifications", "list, show, send again and drop notifications of the running server")
    )
    _contract(_command(commands, "contract", "hold an implementation or a recording to a dialect's contract"))
    for command in (demo, doctor):
        config.flags(command, only=("ffmpeg", "sandbox"))
    return parser


def _notifications(command: argparse.ArgumentParser) -> None:
    verbs = ("list", "show", "redeliver", "drop")
    command.add_argument("verb", nargs="?", choices=verbs, default="list", help="what to do; list without it")
    command.add_argument("id", nargs="?", help="which one, but for list")
    command.add_argument("--server", metavar="URL", help="base URL of the server; without it --host and --port tell")
    command.add_argument("--json", action="store_true", help="print the server's answer as it is")
    for name, about in (
        ("dialect", "only those of this dialect"),
        ("account", "only those of this account"),
        ("job", "only those of this job"),
        ("state", "only those in this state: open, delivered, given_up or dropped"),
        ("limit", "how many at most, 50 without it"),
        ("before", "only those before this sequence number"),
    ):
        command.add_argument(f"--{name}", metavar=name.upper(), help=about)
    config.flags(command, only=("host", "port"))


def _env(command: argparse.ArgumentParser) -> None:
    command.add_argument("dialect", metavar="DIALECT", help="whose client it is")
    command.add_argument("--unset", action="store_true", help="print what unsets the variables")
    command.add_argument("--shell", choices=("sh", "fish", "json"), default="sh", help="the shell that reads it")
    command.add_argument("--server", metavar="URL", help="base URL of the server; without it the data folder tells")
    command.add_argument("--ca", metavar="FILE", help="save the certificate to trust in this file")
    config.flags(command, only=("host", "port", "data"))


def _translate(commands: Any) -> None:
    about = "print the requests to another provider for the same job, and what would be lost"
    translate = _command(commands, "translate", about)
    translate.add_argument("--read", required=True, metavar="DIALECT", help="the dialect that the request is in")
    translate.add_argument("--write", required=True, metavar="DIALECT", help="the dialect of the other provider")
    translate.add_argument("file", nargs="?", default="-", metavar="FILE", help=FILE)
    translate.add_argument("--policy", choices=POLICIES, default="essential", help=POLICY)
    option = "a choice of the client that writes; a wrong name tells which there are"
    translate.add_argument("--option", action="append", metavar="NAME=VALUE", help=option)
    translate.add_argument("--json", action="store_true", help="print requests and report as one JSON document")


def _route(commands: Any) -> None:
    about = "say which provider a job would go to, and why; nothing is sent"
    route = _command(commands, "route", about)
    route.add_argument("--read", required=True, metavar="DIALECT", help="the dialect that the request is in")
    route.add_argument("file", nargs="?", default="-", metavar="FILE", help=FILE)
    route.add_argument("--account", metavar="NAME", help="as this listed account, and not as the request's own")
    route.add_argument("--json", action="store_true", help="print one JSON document")
    config.flags(route, only=("policy", "loosest_policy", "local_addresses"))


def _contract(command: argparse.ArgumentParser) -> None:
    from mediaglot.gateway.command.contract.verb import VERBS  # noqa: PLC0415 - a table

    def nothing(given: dict[str, Any]) -> int:
        command.print_help(sys.stderr)
        return 2

    command.set_defaults(run=nothing)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", parser_class=Late)
    for verb, about in VERBS.items():
        late = _command(verbs, verb, about)
        assert isinstance(late, Late)  # noqa: S101
        late.room = room = f"mediaglot.gateway.command.contract.{verb}"
        late.set_defaults(run=lambda given, room=room: importlib.import_module(room).run(given))


def _command(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    """A command whose work is done by ``run`` of the module of its name, loaded only when it is given."""
    said = f"{about[0].upper()}{about[1:]}."
    command: argparse.ArgumentParser = commands.add_parser(name, help=about, description=said)
    run = lambda given: importlib.import_module(f"mediaglot.gateway.command.{name}").run(given)  # noqa: E731
    command.set_defaults(run=run, whose=command)
    return command


def _serve(given: dict[str, Any]) -> int:
    with _tuned():
        settings = config.usable(config.load(given))
        config.forget()
        log.configure(settings.log_level, settings.secrets)
        return asyncio.run(_serve_until_told(settings))


@contextlib.contextmanager
def _tuned() -> Iterator[None]:
    """The interpreter as it serves best; whoever has called us gets it back as it was."""
    import resource  # noqa: PLC0415 - the other commands open few files

    interval, (files, most) = sys.getswitchinterval(), resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most, FILES)), most))
    gc.disable()  # all that is loaded now stays: looking for garbage in it would only delay the first answer
    sys.setswitchinterval(0.001)  # seconds: dialects are loaded in a thread beside the first requests
    try:
        with _watched_children():
            yield
    finally:
        sys.setswitchinterval(interval)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
        gc.enable()


@contextlib.contextmanager
def _watched_children() -> Iterator[None]:
    """Python before 3.12 starts a thread to wait for each child process, where the kernel would tell by itself."""
    if sys.version_info >= (3, 12) or not hasattr(os, "pidfd_open"):
        yield
        return
    with contextlib.suppress(OSError):
        os.close(os.pidfd_open(os.getpid(), 0))
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    try:
        yield
    finally:
        asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())


async def _serve_until_told(settings: Settings) -> int:
    from mediaglot.gateway.command.ending import heed  # noqa: PLC0415 - the other commands start quicker without
    from mediaglot.gateway.http.app import REFUSALS, Server, listen  # noqa: PLC0415
    from mediaglot.gateway.http.whereabouts import posted  # noqa: PLC0415

    stop = asyncio.Event()
    heed(lambda _: stop.set())
    async with contextlib.AsyncExitStack() as stack:
        try:
            server = _double(settings) if settings.double else Server(settings)
            stack.push_async_callback((await listen(server)).cleanup)
            stack.enter_context(posted(server))
        except REFUSALS as error:
            raise UserError(str(error)) from None
        except OSError as error:
            raise _unusable(settings, error) from None
        gc.freeze()
        gc.enable()
        print(server.site.url, flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LULL)
        if not stop.is_set():
            with contextlib.suppress(OSError):  # too many open files, for one: each is tried again when it is met
                await asyncio.to_thread(server.mounts.load)
        await stop.wait()
    return 0


def _double(settings: Settings) -> Server:
    from mediaglot.gateway.http.double import Double  # noqa: PLC0415 - only what is used is loaded

    return Double(settings)


def _unusable(settings: Settings, error: OSError) -> UserError:
    """A file has a name, an address has not."""
    from mediaglot.gateway.command.listening import cannot_listen  # noqa: PLC0415 - for mistakes only

    if error.filename is not None:
        return UserError(f"cannot use {error.filename}: {error.strerror}; choose another folder with --data")
    if error.errno in FULL:
        return UserError(f"cannot write to {settings.data}: {error.strerror}; make room, or choose another with --data")
    return cannot_listen(settings.host, settings.port, error)
