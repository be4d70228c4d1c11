"""What it takes to say that a document fits its schema: ratios of one run, for each validator that is installed.

    python tests/benchmarks/validators.py [--rounds N]

The documents are all requests and answers of the fixtures that fit. Each validator checks them all, the validators in
turn; each figure is the best of N rounds, in time of the CPU, and its share of what jsonschema takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import fastjsonschema
import jsonschema_rs  # noqa: F401 - what Quick would else do without
from jsonschema import Draft202012Validator

from mediaglot.gateway import registry
from mediaglot.gateway.contract.component import Components
from mediaglot.gateway.exchange import Response
from mediaglot.gateway.testing.case import Case, folders, read_response
from mediaglot.gateway.wire.quick import Quick
from mediaglot.gateway.wire.schema import Schemas, stem
from mediaglot.gateway.wire.shape import Shapes

Test = Callable[[Any], bool]
Found = list[tuple[str, Any]]


def documents(name: str) -> Found:
    """Names of schemas, and documents that fit them."""
    found: Found = []
    schemas = Schemas(registry.find(name))
    for case in folders(name):
        if not isinstance(case, Case):
            continue
        call = case.read().call
        if call.route is None or call.route.public:
            continue
        pairs = [(f"{stem(call.route.name)}.request", call.tree)]
        answer: Response = read_response(case.bytes_of("response.http")) if case.has("response.http") else Response()
        if answer.headers.get("Content-Type") == call.wire.content_type:
            pairs.append((f"{stem(call.route.name)}.reply", call.wire.read_answer(answer.body)))
        found += [(schema, tree) for schema, tree in pairs if not schemas.check(schema, tree)]
    return found


def whole(schemas: Schemas, name: str) -> Any:
    """A schema with all that it refers to inside."""
    components = Components(schemas)
    return {**components.refer(name), "components": {"schemas": components.used}}


def plain(schemas: Schemas, name: str) -> Test:
    return Draft202012Validator(whole(schemas, name)).is_valid


def fast(schemas: Schemas, name: str) -> Test:
    """It knows drafts up to 7, whose words mean the same here but for ``unevaluatedProperties``, which it ignores."""
    check = fastjsonschema.compile(whole(schemas, name) | {"$schema": "http://json-schema.org/draft-07/schema"})
    return lambda tree: check(tree) is not None


def shapes(schemas: Schemas, name: str) -> Test:
    kept = {each: schemas.document(each) for each in schemas.names}
    return Shapes(kept, ".json").find(name)


def rust(schemas: Schemas, name: str) -> Test:
    return Quick(schemas).find(name) or (lambda tree: False)


VALIDATORS = {"jsonschema": plain, "fastjsonschema": fast, "our shapes": shapes, "jsonschema-rs": rust}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    work: dict[str, list[tuple[Test, Any]]] = {name: [] for name in VALIDATORS}
    for dialect in registry.names():
        schemas, made = Schemas(registry.find(dialect)), dict[tuple[str, str], Test]()
        for schema, tree in documents(dialect):
            for name, make in VALIDATORS.items():
                if (name, schema) not in made:
                    made[name, schema] = make(schemas, schema)
                work[name].append((made[name, schema], tree))
    best = dict.fromkeys(VALIDATORS, float("inf"))
    yes = dict.fromkeys(VALIDATORS, 0)
    for _ in range(rounds):
        for name, pairs in work.items():
            start = time.process_time()
            yes[name] = sum(test(tree) for test, tree in pairs)
            best[name] = min(best[name], time.process_time() - start)
    for name, pairs in work.items():
        each, share = best[name] / len(pairs) * 1e6, best[name] / best["jsonschema"]
        print(f"{name:16s} {each:9.1f} us a document {share:8.3f} of jsonschema's; yes to {yes[name]} of {len(pairs)}")


if __name__ == "__main__":
    main()
