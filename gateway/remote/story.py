"""What happened, in a few lines for whoever reads why a test failed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mediaglot.gateway.remote.value import Entry, Message, Near, Tree


def of(entries: Sequence[Entry]) -> str:
    """The requests, a line each."""
    if not entries:
        return "there were no requests"
    return "\n".join(["the last requests:", *(f"  {line(entry)}" for entry in entries)])


def line(entry: Entry) -> str:
    answer = "cut off" if entry.response.status is None else entry.response.status
    said = [f"#{entry.number} {entry.dialect} {entry.operation or entry.request.method + ' ' + entry.request.path}"]
    said.append(f"-> {answer}")
    if entry.job is not None:
        said.append(f"job {entry.job}")
    if entry.fault:
        said.append(f"fault {entry.fault['code']}")
    if entry.unread:
        said.append(f"unread {', '.join(entry.unread)}")
    if entry.injected:
        said.append(f"injected {', '.join(entry.injected)}")
    return " ".join(said)


def of_near(missed: Sequence[Near], wanted: Tree) -> str:
    """Near misses, and why each is none; empty where there are none."""
    if not missed:
        return ""
    told = [f"  {line(each.entry)}: {'; '.join(why(each.misses, wanted))}" for each in missed]
    return "\n".join(["near misses:", *told])


def why(misses: Tree, wanted: Tree) -> list[str]:
    return [f"{path} is {_shown(found)}, not {json.dumps(wanted.get(path))}" for path, found in misses.items()]


def of_messages(messages: Sequence[Message]) -> str:
    if not messages:
        return "there were no messages"
    return "\n".join(["what came:", *(f"  #{each.number} {each.method} {each.body[:200]}" for each in messages)])


def _shown(found: Sequence[Any]) -> str:
    return ", ".join(map(json.dumps, found)) if found else "absent"
