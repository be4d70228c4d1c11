"""Values of the model as plain trees (dict, list, str, int, float, bool, None) and back: the one door of cattrs.

Fields that hold their default are left out, so documents stay small and read well in a fixture. Spelling:
a Secret is its text, a Fraction an int or ``"30000/1001"``, a time ISO 8601, a set a sorted list, bytes
their text where they are UTF-8. Where a field allows several classes the tree names one under ``is``
(``{"is": "average", "bitrate": 1000000}``); no field can have that name, it is a keyword. The same key marks
a Secret, a Fraction or a time inside a free document (``extras``, ``document``).

``pack`` and ``unpack`` make the stored form: JSON with the model's version, lifted by a chain of pure functions.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin, overload

from mediaglot.gateway.exchange import Intent, Page, Result, Thing
from mediaglot.gateway.faults import Fault, by_code
from mediaglot.gateway.loss import Loss
from mediaglot.gateway.model import VERSION, Job, Preset, Secret, Ticket
from mediaglot.gateway.model.change import replace

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")
Tree: TypeAlias = Any
Upgrade: TypeAlias = Callable[[str, Tree], Tree]
"""From a kind (a class name) and its tree in version n to the tree in version n + 1."""

UPGRADES: Final[Mapping[int, Upgrade]] = {}
OUTCOME: Final[Any] = Result | Fault
"""Whatever a dialect renders: for ``encode(result, OUTCOME)`` and ``decode(tree, OUTCOME)``."""
ITEMS: Final[Any] = Ticket | Preset | Thing
"""What a Page can hold."""
TAG: Final = "is"
NOTHING: Final = Job()
JOBS: Final[dict[int, tuple[Job, str]]] = {}
"""Jobs that were written lately, by their ids in memory, which are theirs as long as they are here."""
MOST_JOBS: Final = 128
LONGEST: Final = 1 << 14
"""Characters of a job that is kept."""


class Undecodable(ValueError):
    """The tree is not what the class needs; the message names the places."""


def encode(value: Any, cls: Any = None) -> Tree:
    """The plain tree of a model value. With a union or ``Intent`` as ``cls`` the tree says which class it is."""
    return _converter().unstructure(value, cls or value.__class__)


@overload
def decode(tree: Tree, cls: type[T]) -> T: ...
@overload
def decode(tree: Tree, cls: Any) -> Any: ...
def decode(tree: Tree, cls: Any) -> Any:
    """The value that ``encode`` made ``tree`` of. Raises Undecodable; unknown keys are refused too."""
    try:
        return _converter().structure(tree, cls)
    except Exception as error:
        raise Undecodable(_explain(error)) from error


def pack(value: Any, cls: Any = None) -> bytes:
    """The stored form of a model value, or with ``Any`` as ``cls`` of a free document."""
    content = _ticket(value) if isinstance(value, Ticket) else _text(encode(value, cls))
    return f'{{"version":{VERSION},"kind":{_text(type(value).__name__)},"value":{content}}}'.encode()


def _text(tree: Tree) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _ticket(ticket: Ticket) -> str:
    """Stored with each of its steps, of which none changes the job."""
    tree = encode(replace(ticket, job=NOTHING))
    del tree["job"]
    return f'{{"job":{_job(ticket.job)},{_text(tree)[1:]}'


def _job(job: Job) -> str:
    known = JOBS.get(id(job))
    if known is not None:
        return known[1]
    text = _text(encode(job))
    if len(text) <= LONGEST:
        if len(JOBS) >= MOST_JOBS:
            JOBS.clear()
        JOBS[id(job)] = job, text
    return text


def unpack(data: bytes, cls: type[T], *, upgrades: Mapping[int, Upgrade] = UPGRADES, version: int = VERSION) -> T:
    """The value in a stored form of this or an earlier version. Raises Undecodable."""
    document = json.loads(data)
    tree, kind = document["value"], document["kind"]
    if document["version"] > version:
        raise Undecodable(f"{kind} is of version {document['version']}, this program knows {version}: upgrade it")
    for step in range(document["version"], version):
        tree = upgrades[step](kind, tree)
    return decode(tree, cls)


# --- the rules, for cattrs -----------------------------------------------------------------------


@cache
def _converter() -> Converter:
    from cattrs import Converter  # noqa: PLC0415  (on first use: starting the program must stay cheap)

    made = Converter(
        forbid_extra_keys=True,
        unstruct_collection_overrides={Sequence: list, tuple: list, Mapping: dict},
    )
    _add_scalars(made)
    _add_classes(made)
    _add_unions(made)
    return made


def _add_scalars(made: Converter) -> None:
    for plain in (int, str, bool):
        made.register_structure_hook(plain, _only(plain))
    made.register_unstructure_hook(StrEnum, lambda value: value.value)
    made.register_structure_hook(StrEnum, lambda tree, cls: cls(tree))
    for cls, (write, read) in SCALARS.items():
        made.register_unstructure_hook(cls, write)
        made.register_structure_hook(cls, _ignoring_class(read))
    made.register_unstructure_hook_func(lambda cls: cls is Any, _write_free)
    made.register_structure_hook_func(lambda cls: cls is Any, _ignoring_class(_read_free))
    made.register_unstructure_hook_factory(
        lambda cls: frozenset in (cls, get_origin(cls)),
        lambda cls: lambda items: sorted(made.unstructure(item) for item in items),
    )


def _add_classes(made: Converter) -> None:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override  # noqa: PLC0415

    losses = override(
        unstruct_hook=lambda value: made.unstructure(value, tuple[Loss, ...]),
        struct_hook=lambda tree, _: made.structure(tree, tuple[Loss, ...]),
    )

    def fields(cls: Any) -> dict[str, Any]:
        return {"losses": losses} if cls is Ticket else {}

    made.register_unstructure_hook_factory(
        is_dataclass, lambda cls: make_dict_unstructure_fn(cls, made, _cattrs_omit_if_default=True, **fields(cls))
    )
    made.register_structure_hook_factory(is_dataclass, lambda cls: make_dict_structure_fn(cls, made, **fields(cls)))
    made.register_unstructure_hook_func(_is_named_tuple, list)
    made.register_structure_hook_func(_is_named_tuple, lambda tree, cls: cls(*tree))


def _add_unions(made: Converter) -> None:
    def write(cls: Any) -> Callable[[Any], Tree]:
        return lambda value: _write_member(made, value, _members(cls))

    def read(cls: Any) -> Callable[[Tree, Any], Any]:
        return lambda tree, _: _read_member(made, tree, _members(cls))

    made.register_unstructure_hook_factory(_is_choice, write)
    made.register_structure_hook_factory(_is_choice, read)


def _is_named_tuple(cls: Any) -> bool:
    """A tuple of texts with names: what keys are."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def _is_choice(cls: Any) -> bool:
    """A union of several classes (``X | None`` is none), or a class that stands for its subclasses."""
    union = get_origin(cls) in (Union, UnionType) and len(set(get_args(cls)) - {NoneType}) > 1
    return union or cls is Intent or get_origin(cls) is Page or cls is Page


@cache
def _members(cls: Any) -> dict[str, Any]:
    """The classes of a choice by their tag; those without one (scalars, tuples) by their empty tag."""
    if cls is Intent:
        return {_tag(sub): sub for sub in Intent.__subclasses__()}
    found = [cls] if get_origin(cls) is Page or cls is Page else get_args(cls)
    return {_tag(get_origin(each) or each) if _tagged(each) else "": each for each in found if each is not NoneType}


def _tagged(cls: Any) -> bool:
    return is_dataclass(get_origin(cls) or cls) or cls is Fault


def _tag(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _write_member(made: Converter, value: Any, members: Mapping[str, Any]) -> Tree:
    if value is None:
        return None
    if isinstance(value, Fault):
        return {TAG: "fault", "code": value.code, "data": _write_free(value.data)}
    if isinstance(value, Page):
        items = [_write_member(made, item, _members(ITEMS)) for item in value.items]
        return {TAG: "page", "items": items, "total": value.total, "offset": value.offset, "limit": value.limit}
    if is_dataclass(value):
        return {TAG: _tag(type(value)), **made.unstructure(value)}
    return made.unstructure(value, members.get("", type(value)))


def _read_member(made: Converter, tree: Tree, members: Mapping[str, Any]) -> Any:
    if tree is None:
        return None
    if not isinstance(tree, dict):
        return made.structure(tree, members[""])
    rest = dict(tree)
    tag = rest.pop(TAG, None)
    if tag not in members or not tag:
        raise ValueError(f"{TAG!r} is {tag!r}, expected one of {', '.join(sorted(members))}")
    if tag == "fault":
        if (fault := by_code(str(rest.get("code")))) is None:
            raise ValueError(f"no fault is called {rest.get('code')!r}")
        return fault(**_read_free(rest.get("data", {})))
    if tag == "page":
        items = tuple(_read_member(made, item, _members(ITEMS)) for item in rest.pop("items"))
        return Page(items=items, **rest)
    return made.structure(rest, members[tag])


# --- scalars, and documents of any shape -----------------------------------------------------------


def _only(plain: type) -> Callable[[Tree, Any], Any]:
    """Integers are integers and text is text: nothing is converted in silence."""

    def check(tree: Tree, _: Any) -> Any:
        if type(tree) is not plain:
            raise TypeError(f"{tree!r} is not {plain.__name__}")
        return tree

    return check


def _ignoring_class(read: Callable[[Tree], Any]) -> Callable[[Tree, Any], Any]:
    return lambda tree, _: read(tree)


def _write_fraction(value: Fraction) -> Tree:
    return value.numerator if value.denominator == 1 else str(value)


def _read_fraction(tree: Tree) -> Fraction:
    if type(tree) not in (int, str):
        raise TypeError(f'{tree!r} is no fraction; write it as an integer or as "30000/1001"')
    return Fraction(tree)


def _read_time(tree: Tree) -> datetime:
    found = datetime.fromisoformat(tree)
    if found.tzinfo is None:
        raise ValueError(f"{tree!r} has no time zone")
    return found


def _write_bytes(value: bytes) -> Tree:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def _read_bytes(tree: Tree) -> bytes:
    return b64decode(tree["base64"]) if isinstance(tree, dict) else tree.encode()


SCALARS: Final[Mapping[type, tuple[Callable[[Any], Tree], Callable[[Tree], Any]]]] = {
    Secret: (Secret.reveal, Secret),
    Fraction: (_write_fraction, _read_fraction),
    datetime: (datetime.isoformat, _read_time),
    bytes: (_write_bytes, _read_bytes),
}
FREE: Final = {_tag(cls): cls for cls in SCALARS}


def _write_free(value: Any) -> Tree:
    if isinstance(value, Mapping):
        tree = {key: _write_free(item) for key, item in value.items()}
        return {TAG: "mapping", "value": tree} if TAG in tree else tree
    if isinstance(value, list | tuple):
        return [_write_free(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    if type(value) not in SCALARS:
        raise TypeError(f"a document can't hold {type(value).__name__}")
    return {TAG: _tag(type(value)), "value": SCALARS[type(value)][0](value)}


def _read_free(tree: Tree) -> Any:
    if isinstance(tree, list):
        return [_read_free(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if TAG not in tree:
        return {key: _read_free(item) for key, item in tree.items()}
    if tree[TAG] == "mapping":
        return {key: _read_free(item) for key, item in tree["value"].items()}
    return SCALARS[FREE[tree[TAG]]][1](tree["value"])


def _explain(error: Exception) -> str:
    from cattrs import transform_error  # noqa: PLC0415

    return "; ".join(transform_error(error)) if isinstance(error, ExceptionGroup) else str(error)
