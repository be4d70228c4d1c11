"""What goes into the control API of the test double and comes out of it, as JSON schemas for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway.lab.fate import VERBS
from mediaglot.gateway.lab.spec import CLOCKS, PROGRESSIONS
from mediaglot.gateway.script.outcome import WORDS

Tree = dict[str, Any]
TEXT: Final[Tree] = {"type": "string"}
NUMBER: Final[Tree] = {"type": "number", "minimum": 0}
WHOLE: Final[Tree] = {"type": "integer", "minimum": 0}
COUNT: Final[Tree] = {"type": "integer", "minimum": 1}
STATUS: Final[Tree] = {"type": "integer", "minimum": 200, "maximum": 599}
FLAG: Final[Tree] = {"type": "boolean"}
TRUE: Final[Tree] = {"const": True}
ANY: Final[Tree] = {"type": "object", "additionalProperties": True}
TIME: Final[Tree] = {"type": "string", "format": "date-time"}
MATCH: Final[Tree] = {**ANY, "description": "paths, each with a value or a condition"}
LINES: Final[Tree] = {"type": "object", "additionalProperties": TEXT}


def exact(required: tuple[str, ...] = (), /, **fields: Tree) -> Tree:
    """An object that has no other fields."""
    more: Tree = {"required": [*required]} if required else {}
    return {"type": "object", "properties": fields, "additionalProperties": False, **more}


def answer(**fields: Tree) -> Tree:
    """An object that has these fields, and maybe more."""
    return {"type": "object", "properties": fields, "required": [*fields]}


def several(item: Tree) -> Tree:
    return {"type": "array", "items": item}


def maybe(kind: Tree) -> Tree:
    return {"anyOf": [kind, {"type": "null"}]}


# --- what is sent --------------------------------------------------------------------------------------

STEP: Final = {
    "anyOf": [
        exact(("advance",), advance=NUMBER),
        exact(("dialect", "path"), dialect=TEXT, path=TEXT, method=TEXT, query=TEXT, headers=LINES, body={}),
    ]
}
SEED: Final = exact(("steps",), steps=several(STEP))
SPEC: Final = exact(
    id=TEXT,
    secret={"type": "string", "pattern": "^[A-Za-z0-9_-]{8,200}$"},
    seed={"type": "integer"},
    clock={"enum": [*CLOCKS]},
    start=TIME,
    progression={"enum": [*PROGRESSIONS]},
    speed=COUNT,
    journal=COUNT,
    steps=several(STEP),
)
MOVE: Final = exact(advance=NUMBER, set=TIME, next=TRUE, run=NUMBER) | {"minProperties": 1, "maxProperties": 1}
EXPECTATION: Final = exact(match=MATCH, exactly=WHOLE, at_least=WHOLE, at_most=WHOLE, in_order=several(MATCH))
WHICH: Final[Tree] = {"match": MATCH, "skip": WHOLE, "first": COUNT, "every": COUNT}
LATENCY: Final = {
    "anyOf": [
        NUMBER,
        exact(("uniform",), uniform={**several(NUMBER), "minItems": 2, "maxItems": 2}),
        exact(("lognormal",), lognormal=exact(("median", "sigma"), median=NUMBER, sigma=NUMBER)),
    ]
}
FAULT: Final = exact(
    **WHICH,
    dialect=maybe(TEXT),
    operation=maybe(TEXT),
    status=maybe(STATUS),
    body=maybe(TEXT),
    headers=LINES,
    error={"anyOf": [TEXT, exact(("code",), code=TEXT, data=ANY)]},
    limit=exact(("requests",), requests=COUNT, seconds=NUMBER, status=STATUS),
    drop=FLAG,
    reset=FLAG,
    performed=FLAG,
    latency=LATENCY,
    slow=COUNT,
    truncate=WHOLE,
    malform=FLAG,
    content_type=maybe(TEXT),
)
OUTCOME: Final = exact(**{word: {"type": ["string", "number"]} for word in WORDS})
RULE: Final = exact(("outcome",), id=TEXT, match=MATCH, outcome=OUTCOME, skip=WHOLE, every=COUNT, next=COUNT)
FATE: Final = exact(
    **WHICH, drop=TRUE, delay=NUMBER, duplicate=COUNT, reorder=TRUE, corrupt={"enum": ["signature", "body"]}
) | {"oneOf": [{"required": [verb]} for verb in VERBS]}
MANNERS: Final = exact(("status",), status=STATUS, times=maybe(COUNT))

# --- what is answered ----------------------------------------------------------------------------------

LOGIN: Final = answer(name=TEXT, secret=TEXT, tenant=TEXT)
WORLD: Final = answer(
    **SPEC["properties"],
    url=TEXT,
    now=TIME,
    dialects={"type": "object", "additionalProperties": answer(url=TEXT, credentials=LOGIN)},
)
WORLDS: Final = answer(worlds=several(WORLD))
CLOCK: Final = answer(kind={"enum": [*CLOCKS]}, now=TIME) | {
    "properties": {"kind": TEXT, "now": TIME, "speed": NUMBER, "next_event": maybe(NUMBER)}
}
PLANNED: Final = answer(id=TEXT, seen=WHOLE, hits=WHOLE)
FAULTS: Final = answer(faults=several(PLANNED))
FATES: Final = answer(fates=several(PLANNED))
COUNTS: Final = answer(total=WHOLE, kept=WHOLE, dropped=WHOLE)
PAIRS: Final = several(several(TEXT))
REQUEST: Final = answer(
    number=COUNT,
    at=TIME,
    dialect=TEXT,
    operation=maybe(TEXT),
    account=TEXT,
    request=answer(method=TEXT, path=TEXT, query=TEXT, headers=PAIRS, body=TEXT),
    response=answer(status=maybe(STATUS), headers=PAIRS, body=TEXT),
    intent=maybe(ANY),
    fault=maybe(ANY),
    job=maybe(TEXT),
    unread=several(TEXT),
    injected=several(TEXT),
)
FOUND: Final = answer(**COUNTS["properties"], matching=WHOLE, entries=several(REQUEST))
NEAR: Final = answer(near=several(answer(misses=ANY, entry=REQUEST)))
VERDICT: Final = answer(
    passed=FLAG, matching=WHOLE, reason=TEXT, near=several(answer(number=COUNT, misses=ANY)), entries=several(COUNT)
)
RULES: Final = answer(rules=several(PLANNED), default=OUTCOME)
JOB: Final = answer(
    id=TEXT, dialect=TEXT, account=TEXT, job=ANY, created=TIME, status=TEXT, phase=maybe(TEXT), progress=NUMBER
)
JOB["properties"]["trouble"] = answer(code=TEXT)
JOBS: Final = answer(jobs=several(JOB))
MESSAGE: Final = answer(number=COUNT, at=TIME, method=TEXT, query=TEXT, headers=PAIRS, body=TEXT)
MESSAGES: Final = answer(messages=several(MESSAGE))
LETTER: Final = answer(id=TEXT, dialect=TEXT, job=TEXT, event=TEXT, url=TEXT, state=TEXT, attempts=WHOLE)
LETTERS: Final = answer(notifications=several(LETTER), next=maybe(TEXT))
