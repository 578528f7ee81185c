"""Google's own schemas as JSON Schema."""

from __future__ import annotations

from adapters.dialects.gemini.schemas import json_schema


def test_googles_words_become_json_schemas() -> None:
    given = {
        "type": "OBJECT",
        "propertyOrdering": ["type", "tags"],
        "properties": {
            "type": {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True},
            "tags": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "minItems": "1"},
            "either": {"anyOf": [{"type": "NUMBER"}, {"type": "NULL"}]},
            "old": {"any_of": [{"type": "BOOLEAN"}], "max_length": "3"},
        },
        "required": ["type"],
    }
    assert json_schema(given) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["a"]},
            "tags": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 1},
            "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "old": {"anyOf": [{"type": "boolean"}], "maxLength": 3},
        },
        "required": ["type"],
    }


def test_what_is_no_schema_stays_as_it_is() -> None:
    for odd in (None, 1, "a", [], {"type": 1}, {"properties": 1}, {"items": []}, {"anyOf": {}}):
        assert json_schema(odd) == odd
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"items": deep}
    json_schema(deep)
