"""Pages that are written from the fixtures: what becomes of each setting of a job that goes to another provider.

``mediaglot dialects --pages docs/translation`` renews them; a test fails where they are stale.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.loss import Kind, Loss
from mediaglot.gateway.report import Report
from mediaglot.gateway.testing.crossing import asked
from mediaglot.gateway.translation import write_job

FREE: Final = re.compile(r"\.(metadata|tags|tune|options)\..+")
"""Below these the keys are the client's own."""
COUNTED: Final = (Kind.EXACT, Kind.APPROXIMATED, Kind.DEFAULTED, Kind.DROPPED)
LONGEST: Final = 60
HEAD: Final = "<!-- written by `mediaglot dialects --pages docs/translation`; do not edit -->\n"
INTRODUCTION: Final = """\
# Translation

What becomes of a job that is asked for in one dialect and goes to another provider, over all jobs of the fixtures. How
many jobs there are, and how many of them the provider takes; each leads to the page of the pair:

"""
LEGEND: Final = """\
`always`: whatever the fixtures ask for comes through exactly. `sometimes`: some of their values do. `nearly`: another
value comes through. `never`: it is dropped. An empty cell: no fixture's job that the provider takes asks for it.
Numbers in paths are written as `*`. Settings that are dropped although the picture is another one without them are
essential: the default policy refuses such a translation.
"""


@dataclass(slots=True)
class Fate:
    """What became of one setting, over all jobs."""

    counts: Counter[Kind] = field(default_factory=Counter)
    examples: dict[Kind, str] = field(default_factory=dict)
    essential: bool = False

    def add(self, entry: Loss) -> None:
        self.counts[entry.kind] += 1
        self.essential |= entry.essential and entry.kind is Kind.DROPPED
        if entry.kind is not Kind.EXACT:
            self.examples.setdefault(entry.kind, example(entry))

    @property
    def word(self) -> str:
        exact, near, gone = (self.counts[kind] for kind in (Kind.EXACT, Kind.APPROXIMATED, Kind.DROPPED))
        if not exact and not near and not gone:
            return ""
        if exact:
            return "sometimes" if near or gone else "always"
        return "nearly" if near else "never"


@dataclass(slots=True)
class Passage:
    """All jobs of one dialect's fixtures, written for another provider."""

    jobs: int = 0
    fates: dict[str, Fate] = field(default_factory=lambda: defaultdict(Fate))
    unread: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def add(self, report: Report) -> None:
        refused = report.of(Kind.REFUSED)
        self.jobs += 1
        self.taken += not refused
        self.unread.update(map(told, report.of(Kind.UNREAD)))
        self.refused.update(map(told, refused))
        for entry in () if refused else report.of(*COUNTED):
            self.fates[pattern(entry.path)].add(entry)


def passage(one: Dialect, other: Dialect) -> Passage:
    found = Passage()
    for job, notes in asked(one.name).values():
        found.add(write_job(other, job, notes=notes).report)
    return found


def pattern(path: str) -> str:
    return FREE.sub(r".\1.*", re.sub(r"\.\d+(?=\.|$)", ".*", path))


def told(entry: Loss) -> str:
    return f"`{pattern(entry.path)}`" + (f": {cell(entry.reason)}" if entry.reason else "")


def example(entry: Loss) -> str:
    if entry.kind is Kind.APPROXIMATED:
        return f"{cut(entry.wanted)} becomes {cut(entry.got)}"
    said = cut(entry.got if entry.kind is Kind.DEFAULTED else entry.wanted)
    return f"{said} ({cell(entry.reason)})" if entry.reason else said


def cut(text: str | None) -> str:
    shown = cell(text or "")
    return f"{shown[:LONGEST]}..." if len(shown) > LONGEST else shown


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


# --- the pages --------------------------------------------------------------------------------------


def pages() -> Mapping[str, str]:
    """The text of each page by its file's name."""
    every = [registry.find(name) for name in registry.names()]
    able = [dialect for dialect in every if dialect.client is not None]
    found = {(one.name, other.name): passage(one, other) for one in every for other in able}
    apart = {names: each for names, each in found.items() if names[0] != names[1]}
    written = {f"{one}-to-{other}.md": pair(one, other, each) for (one, other), each in apart.items()}
    return {"README.md": overview([each.name for each in every], [each.name for each in able], found), **written}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def overview(every: Sequence[str], able: Sequence[str], found: Mapping[tuple[str, str], Passage]) -> str:
    """Which pairs there are, and which settings each provider can be told."""
    pairs = [[one, *(link(one, other, found[one, other]) for other in able)] for one in every]
    settings: dict[str, dict[str, Fate]] = defaultdict(lambda: defaultdict(Fate))
    for (_, other), each in found.items():
        for path, fate in each.fates.items():
            settings[path][other].counts += fate.counts
    rows = [[f"`{path}`", *(by[name].word for name in able)] for path, by in sorted(settings.items())]
    said = [row for row in rows if any(row[1:])]
    parts = [HEAD, INTRODUCTION, table(["from, to", *able], pairs)]
    return "".join([*parts, "\n## Which settings come through\n\n", LEGEND, "\n", table(["setting", *able], said)])


def link(one: str, other: str, each: Passage) -> str:
    taken = f"{each.jobs}, {each.taken} taken"
    return taken if one == other else f"[{taken}]({one}-to-{other}.md)"


def pair(one: str, other: str, each: Passage) -> str:
    rows = [
        [f"`{path}`", *numbers(fate), "yes" if fate.essential else "", said(fate)]
        for path, fate in sorted(each.fates.items())
    ]
    parts = [
        f"{HEAD}# {one} to {other}\n\n",
        f"Of {each.jobs} jobs of the fixtures of `{one}` the provider takes {each.taken}. ",
        "In how many of those each setting is exact, approximated and so on:\n\n",
        table(["setting", *map(str, COUNTED), "essential", "for example"], rows),
    ]
    for title, counted in (("Refused", each.refused), ("Left unread by the client's own dialect", each.unread)):
        if counted:
            parts.append(f"\n## {title}\n\n")
            parts += [f"- {what} ({count})\n" for what, count in sorted(counted.items())]
    return "".join(parts)


def numbers(fate: Fate) -> list[str]:
    return [str(fate.counts[kind] or "") for kind in COUNTED]


def said(fate: Fate) -> str:
    return "; ".join(f"{kind}: {text}" for kind, text in fate.examples.items())
