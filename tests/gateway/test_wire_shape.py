"""A hurried yes is never wrong, and comes for what is right."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from mediaglot.gateway.wire.shape import Shapes

COMMON = {
    "$defs": {
        "word": {"type": "string", "minLength": 1},
        "named": {"properties": {"name": {"type": "integer"}}},
        "tree": {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}},
    }
}
REGISTRY: Registry[Any] = Registry().with_resource("common.json", DRAFT202012.create_resource(COMMON))
PLAIN: list[Any] = [
    {"type": "integer", "title": "A number", "x-evidence": "seed"},
    {"type": "number"},
    {"type": ["string", "null"]},
    {"enum": ["a", 1, None, True]},
    {"const": True},
    {"const": "a"},
    {"pattern": "^a", "minLength": 1, "maxLength": 1},
    {"minimum": 1, "maximum": 2},
    {"required": ["name"], "minProperties": 1, "maxProperties": 1},
    {"minItems": 1, "maxItems": 2},
    {"not": {"type": "string"}},
    {"uniqueItems": True},
    {"enum": [[], {}, 1.0, [1]]},
    {"oneOf": [{"required": ["name"]}, {"required": ["more"]}]},
    {"allOf": [{"$ref": "common.json#/$defs/named"}], "unevaluatedProperties": False},
    {"anyOf": [{"properties": {"more": True}}, True], "properties": {"name": True}, "unevaluatedProperties": False},
    {"properties": {"name": True}, "unevaluatedProperties": False},
    {"properties": {"name": {"type": "string"}}, "patternProperties": {"m": False}, "additionalProperties": False},
    {"$ref": "common.json#/$defs/word"},
    {"$ref": "common.json#/$defs/tree", "maxProperties": 1},
    True,
    False,
]
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(PLAIN),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries(
            {"properties": st.fixed_dictionaries({"name": inner})}, optional={"required": st.just(["name"])}
        ),
        st.fixed_dictionaries({"additionalProperties": inner}),
        *(
            st.fixed_dictionaries({word: st.lists(inner, min_size=1, max_size=2)})
            for word in ("anyOf", "allOf", "oneOf")
        ),
    ),
    max_leaves=4,
)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, 1.0, 0.5, "", "a", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "more"]), inner, max_size=2),
    max_leaves=5,
)


def hurried(schema: Any, tree: Any) -> bool:
    return Shapes({"it": schema, "common": COMMON}, ".json").find("it")(tree)


@pytest.mark.heavy
@settings(max_examples=500, deadline=None)
@given(SCHEMAS, TREES)
def test_a_yes_is_sure(schema: Any, tree: Any) -> None:
    if hurried(schema, tree):
        assert Draft202012Validator(schema, registry=REGISTRY).is_valid(tree)


@pytest.mark.parametrize(
    ("schema", "tree"),
    [
        ({"type": "object", "properties": {"name": {"$ref": "common.json#/$defs/word"}}}, {"name": "a"}),
        ({"items": {"enum": ["a", "b"]}, "minItems": 1}, ["a", "b"]),
        ({"anyOf": [{"type": "null"}, {"pattern": "^a"}], "title": "A"}, "ab"),
        ({"$ref": "common.json#/$defs/tree"}, {"more": {"more": {"name": None}}}),
        ({"additionalProperties": False, "properties": {"name": {"minimum": 1}}}, {"name": 1}),
        ({"enum": [None, 1, []]}, []),
        ({"oneOf": [{"required": ["name"]}, {"required": ["more"]}]}, {"name": 1}),
        (
            {
                "allOf": [{"$ref": "common.json#/$defs/named"}],
                "properties": {"more": True},
                "unevaluatedProperties": False,
            },
            {"name": 1, "more": 2},
        ),
    ],
)
def test_what_is_right_is_let_through_at_once(schema: Any, tree: Any) -> None:
    assert hurried(schema, tree)


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/nobody"}, {"$ref": "other.json"}, {"dependentRequired": {}}, []])
def test_what_is_not_known_is_left_to_somebody_thorough(schema: Any) -> None:
    assert not hurried(schema, "a")
