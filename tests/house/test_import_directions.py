"""DESIGN.md's table: who may import whom, and by which one door a third-party library comes in."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

# Within one of these rows a room may import the rooms to its left.
FIRST = ("model", "faults", "loss", "exchange", "life")
SECOND = (
    *(
        "address",
        "values",
        "memory",
        "entry",
        "stretch",
        "mapping",
        "pieces",
        "wire",
        "paging",
        "auth",
        "accounts",
        "ids",
        "passes",
        "reference",
        "routing",
    ),
    *("trait", "errand", "likeness", "report", "mask"),
)
THIRD = ("dialect", "wording", "collection", "oauth", "validated", "registry", "past", "rehearsal", "translation")
BEHIND = ("engine", "notify", "backends", "lab", "testing", "contract")
LINE = frozenset({"cli", "command", "start"})
"""The command line, which nothing else knows."""
FRONT = frozenset({"http", "remote", "config", "log"})
ABOVE = frozenset({*FIRST, *SECOND, *THIRD})
# Beside the dialects: these know the first row, and what is named here.
BESIDE = {
    "clock": set(),
    "chance": set(),
    "script": set(),
    "codec": set(),
    "store": {"clock", "codec"},
    "shelf": {"codec", "store"},
    "media": {"clock"},
    "transfer": {"chance", "clock", "wire"},
}


def allowed() -> dict[str, frozenset[str]]:
    table = {}
    for row, earlier in ((FIRST, ()), (SECOND, FIRST), (THIRD, (*FIRST, *SECOND))):
        table |= {room: frozenset({*earlier, *row[:place]}) for place, room in enumerate(row)}
    table["accounts"] |= {"clock"}  # tokens expire; the clock is handed in
    table |= {room: frozenset({*FIRST, *more}) for room, more in BESIDE.items()}
    for place, room in enumerate(BEHIND):
        table[room] = frozenset({*ABOVE, *BESIDE, *BEHIND[:place]})
    table |= {room: frozenset({*ABOVE, *BESIDE, *BEHIND, *FRONT}) for room in FRONT}
    table |= {room: frozenset({*ABOVE, *BESIDE, *BEHIND, *FRONT, *LINE}) for room in LINE}
    table["config"] = frozenset({"model", "auth", "transfer"})
    table["log"] = frozenset({"model"})
    return table


DOORS = {
    "PIL": ("gateway.media.draw",),
    "aiohttp": ("gateway.http", "gateway.transfer"),
    "botocore": ("gateway.transfer.signature",),  # an extra
    "aiosqlite": ("gateway.store.connection",),
    "asyncssh": ("gateway.transfer.ssh",),
    "av": (
        "gateway.media.probe_worker",
        "gateway.media.first_picture",
    ),
    "cattrs": ("gateway.codec",),
    "cryptography": ("gateway.http.authority", "gateway.media.cipher", "gateway.store.vault"),
    "hypothesis": ("gateway.testing",),  # the laws, for those who test a dialect
    "jsonschema": ("gateway.wire.schema",),
    "jsonschema_rs": ("gateway.wire.quick",),  # an extra
    "lxml": ("gateway.wire.xml", "gateway.media.vector", "gateway.contract.grammar"),
    "orjson": ("gateway.wire.json", "gateway.http"),
    "pytest": ("gateway.testing", "gateway.remote.plugin"),
    "referencing": ("gateway.wire.schema",),  # part of jsonschema
    "resvg_py": ("gateway.media.vector",),
    "rich": ("gateway.command.screen",),
    "yarl": ("gateway.http", "gateway.transfer"),  # part of aiohttp
}
WORLDLY = frozenset(
    "asyncio http io multiprocessing os pathlib random secrets select selectors shutil signal socket socketserver "
    "sqlite3 ssl subprocess sys tempfile threading time urllib.request".split()
)
"""What a dialect may not know: clock, chance, files, sockets, processes."""
HANDED_IN = frozenset({"random.Random"})
"""A name for what others inject."""
NOW = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})
PROVIDERS = ("encoding.com", "encodingcom", "xvid", "mediahub", "tpstream", "transparentedge", "transparent edge")


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names; for ``from a import b`` both ``a`` and ``a.b``, as ``b`` may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def graph(root: Path, modules: tuple[Path, ...]) -> dict[str, set[str]]:
    return {module_of(path): set(imports(ast.parse((root / path).read_text()))) for path in modules}


def room_of(module: str) -> str:
    """``gateway.media.run`` is in the room media."""
    return [*module.split("."), ""][1]


def inside(graph: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Every import between two modules of ours, without the package's name."""
    for module, names in graph.items():
        for name in names:
            if name.startswith("mediaglot."):
                yield module, name.removeprefix("mediaglot.")


@pytest.mark.heavy
def test_every_room_has_a_place_in_the_table(graph: dict[str, set[str]]) -> None:
    rooms = {room_of(module) for module in graph if module.startswith("gateway.")}
    assert rooms <= allowed().keys()


def test_rooms_import_only_what_the_table_allows(graph: dict[str, set[str]]) -> None:
    table = allowed()
    wrong = [
        f"{module} imports {name}"
        for module, name in inside(graph)
        if module.startswith("gateway.") and name.startswith("gateway.")
        if room_of(name) not in {*table[room_of(module)], room_of(module), ""}
    ]
    assert not wrong


def test_nothing_under_gateway_imports_an_emulator(graph: dict[str, set[str]]) -> None:
    assert not [
        (module, name) for module, name in inside(graph) if module.startswith("gateway") and "emulators" in name
    ]


def test_emulators_know_the_contract_and_themselves(graph: dict[str, set[str]]) -> None:
    known = {*FIRST, *SECOND, "dialect", "collection", "oauth", "validated"}
    wrong = [
        f"{module} imports {name}"
        for module, name in inside(graph)
        if module.startswith("emulators.")
        if not (name.startswith("gateway.") and room_of(name) in known)
        and not name.startswith(f"emulators.{room_of(module)}.")
    ]
    assert not wrong


def test_third_party_libraries_come_in_by_one_door(graph: dict[str, set[str]]) -> None:
    wrong = []
    for module, names in graph.items():
        for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"mediaglot", "__future__"}:
            doors = DOORS.get(name, ())
            if not any(module == door or module.startswith(f"{door}.") for door in doors):
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_every_door_is_used_and_every_dependency_has_one(root: Path, graph: dict[str, set[str]]) -> None:
    """A library that nothing imports is not installed on everybody's machine for nothing."""
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {line.split(">")[0].split("[")[0].strip() for line in declared}
    by_import = {
        "pillow": "PIL",
        "resvg-py": "resvg_py",
        "imageio-ffmpeg": None,
    }  # the latter's program is used, its code never imported
    wanted = {by_import.get(name, name) for name in names} - {None}
    imported = {name.split(".")[0] for found in graph.values() for name in found}
    assert wanted <= imported


def pure(modules: tuple[Path, ...]) -> Iterator[Path]:
    rooms = {*FIRST, *SECOND, "dialect"} - {"wire"}
    for path in modules:
        module = module_of(path)
        if module.startswith("emulators.") or (module.startswith("gateway.") and room_of(module) in rooms):
            yield path


@pytest.mark.heavy
def test_dialects_know_no_clock_file_socket_or_loop(root: Path, modules: tuple[Path, ...]) -> None:
    wrong = []
    for path in pure(modules):
        tree = ast.parse((root / path).read_text())
        wrong += [f"{path} imports {name}" for name in imports(tree) if is_worldly(name)]
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "open":
                wrong.append(f"{path}:{called.lineno} opens a file")
            if isinstance(called, ast.Attribute) and ast.unparse(called) in NOW:
                wrong.append(f"{path}:{called.lineno} asks for the time")
    assert not wrong


def is_worldly(name: str) -> bool:
    parts = name.split(".")
    return not {name, parts[0], ".".join(parts[:2])}.isdisjoint(WORLDLY) and name not in HANDED_IN


def test_no_provider_is_named_under_gateway(root: Path, modules: tuple[Path, ...], checkout: tuple[Path, ...]) -> None:
    folders = {path.parts[1] for path in checkout if path.parts[0] == "emulators" and len(path.parts) > 2}
    names = {*PROVIDERS, *folders, *(folder.replace("_", "") for folder in folders)}
    wrong = []
    for path in checkout:
        if path.parts[0] != "gateway":
            continue
        text = (root / path).read_text().lower().replace("libxvid", "")  # an encoder of that name is FFmpeg's business
        wrong += [f"{path} names {name}" for name in names if name in text]
    assert not wrong


def test_words_that_say_nothing_name_no_file(modules: tuple[Path, ...]) -> None:
    empty = ("utils", "util", "helpers", "helper", "common", "manager", "misc", "impl")
    assert not [path for path in modules if path.stem.strip("_") in empty or path.stem.startswith("base_")]
